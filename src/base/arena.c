#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/* With AddressSanitizer, memory not handed out is poisoned and every object has a gap behind it, so
 * that running over an object's end or using it after a rewind is found as it is with malloc(). */
#ifdef __SANITIZE_ADDRESS__
#define ARENA_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#endif

#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
enum { GAP_BYTES = 8, ALIGNMENT_MIN = 8 }; /* a shadow byte of AddressSanitizer covers 8 */
static void poison(const void *memory, size_t bytes)
{
    __asan_poison_memory_region(memory, bytes);
}
static void unpoison(const void *memory, size_t bytes)
{
    __asan_unpoison_memory_region(memory, bytes);
}
#else
enum { GAP_BYTES = 0, ALIGNMENT_MIN = 1 };
static void poison(const void *memory, size_t bytes)
{
    (void)memory;
    (void)bytes;
}
static void unpoison(const void *memory, size_t bytes)
{
    (void)memory;
    (void)bytes;
}
#endif

enum { CHUNK_BYTES_MIN = 4096 };
#define CHUNK_BYTES_MAX ((size_t)8 << 20)

struct arena_chunk {
    struct arena_chunk *older;
    size_t size; /* bytes in data */
    size_t used; /* bytes, invariant: used <= size */
    _Alignas(max_align_t) unsigned char data[];
};

#ifdef ARENA_FAULTS
_Thread_local long arena_fail_after = -1;

static bool injected_failure(void)
{
    if (arena_fail_after < 0) {
        return false;
    }
    return arena_fail_after-- == 0;
}
#else
static bool injected_failure(void)
{
    return false;
}
#endif

void arena_init(struct arena *arena, size_t size_max)
{
    CHECK(arena != NULL);
    CHECK(size_max > 0);
    *arena = (struct arena){.size_max = size_max};
}

void arena_deinit(struct arena *arena)
{
    CHECK(arena != NULL);
    arena_rewind(arena, (struct arena_position){0});
    CHECK(arena->size == 0);
}

/* A new chunk with room for `bytes` at any alignment, twice the last one; false: over the limit. */
static bool add_chunk(struct arena *arena, size_t bytes)
{
    const size_t left = arena->size_max - arena->size;
    if (bytes > left) {
        return false;
    }
    size_t size = arena->chunk != NULL ? arena->chunk->size * 2 : CHUNK_BYTES_MIN;
    size = size > CHUNK_BYTES_MAX ? CHUNK_BYTES_MAX : size;
    size = size < bytes ? bytes : size;
    size = size > left ? left : size;

    struct arena_chunk *chunk = malloc(sizeof *chunk + size);
    CHECK(chunk != NULL);
    *chunk = (struct arena_chunk){.older = arena->chunk, .size = size};
    poison(chunk->data, size);
    arena->chunk = chunk;
    arena->size += size;
    return true;
}

static void *take(struct arena_chunk *chunk, size_t bytes, size_t alignment)
{
    if (chunk == NULL) {
        return NULL;
    }
    const uintptr_t next = (uintptr_t)(chunk->data + chunk->used);
    const size_t padding = (size_t)(-next & (alignment - 1));
    const size_t left = chunk->size - chunk->used;
    if (padding > left || bytes + GAP_BYTES > left - padding) {
        return NULL;
    }
    void *memory = chunk->data + chunk->used + padding;
    chunk->used += padding + bytes + GAP_BYTES;
    unpoison(memory, bytes);
    return memory;
}

/* Memory as it comes. Zeroing what is overwritten at once, or never used, would only touch pages
 * that nobody needs. */
static void *alloc_raw(struct arena *arena, size_t count, size_t size, size_t alignment)
{
    CHECK(arena != NULL);
    CHECK(size > 0);
    CHECK((alignment & (alignment - 1)) == 0);

    if (injected_failure()) {
        return NULL;
    }
    alignment = alignment < ALIGNMENT_MIN ? ALIGNMENT_MIN : alignment;
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - alignment - GAP_BYTES) {
        return NULL;
    }
    void *memory = take(arena->chunk, bytes, alignment);
    if (memory == NULL && add_chunk(arena, bytes + alignment + GAP_BYTES)) {
        memory = take(arena->chunk, bytes, alignment);
    }
    return memory;
}

void *arena_alloc(struct arena *arena, size_t count, size_t size, size_t alignment)
{
    void *memory = alloc_raw(arena, count, size, alignment);
    return memory != NULL ? memset(memory, 0, count * size) : NULL;
}

void arena_begin(struct arena *arena, void **rows, size_t *capacity, size_t capacity_min,
                 size_t size)
{
    CHECK(rows != NULL);
    CHECK(*capacity == 0);
    void *const room = alloc_raw(arena, capacity_min, size, _Alignof(max_align_t));
    if (room != NULL) {
        *rows = room;
        *capacity = capacity_min;
    }
}

size_t arena_grow(struct arena *arena, void **rows, size_t *count, size_t *capacity, size_t size)
{
    CHECK(*count <= *capacity);
    CHECK(size > 0);

    if (*count == *capacity) {
        const size_t wanted = *capacity < 8 ? 16 : *capacity * 2;
        void *grown = alloc_raw(arena, wanted, size, _Alignof(max_align_t));
        if (grown == NULL) {
            return SIZE_MAX;
        }
        if (*count > 0) {
            memcpy(grown, *rows, *count * size);
        }
        *rows = grown;
        *capacity = wanted;
    }
    memset((char *)*rows + *count * size, 0, size);
    return (*count)++;
}

char *arena_room(struct arena *arena, size_t size)
{
    return alloc_raw(arena, size, 1, 1);
}

struct str arena_copy(struct arena *arena, struct str text)
{
    CHECK(text.size < SIZE_MAX);
    char *copy = alloc_raw(arena, text.size + 1, 1, 1);
    if (copy == NULL) {
        return (struct str){0};
    }
    if (text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    copy[text.size] = '\0';
    return (struct str){copy, text.size};
}

struct arena_position arena_mark(const struct arena *arena)
{
    CHECK(arena != NULL);
    return (struct arena_position){arena->chunk, arena->chunk != NULL ? arena->chunk->used : 0};
}

void arena_rewind(struct arena *arena, struct arena_position mark)
{
    CHECK(arena != NULL);
    while (arena->chunk != mark.chunk) {
        struct arena_chunk *chunk = arena->chunk;
        CHECK(chunk != NULL);
        arena->chunk = chunk->older;
        arena->size -= chunk->size;
        unpoison(chunk->data, chunk->size);
        free(chunk);
    }
    if (arena->chunk != NULL) {
        CHECK(mark.used <= arena->chunk->used);
        poison(arena->chunk->data + mark.used, arena->chunk->used - mark.used);
        arena->chunk->used = mark.used;
    }
}
