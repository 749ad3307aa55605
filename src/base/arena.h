/*
 * arena: one bounded region of memory per request or batch, released all at once.
 *
 * Nothing allocated here is freed on its own. An arena grows by chunks up to its limit and no
 * further: what needs more is refused with ERR_LIMIT, so one request cannot take another's memory.
 * malloc() failing is this machine's trouble and aborts. Not thread-safe.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/str.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunk; /* newest chunk, owned */
    size_t size;               /* bytes held in all chunks, invariant: size <= size_max */
    size_t size_max;           /* bytes */
};

struct arena_position {
    struct arena_chunk *chunk;
    size_t used;
};

/* size_max  bytes the arena may hold in all, at least 1. */
void arena_init(struct arena *arena, size_t size_max);
void arena_deinit(struct arena *arena);

/* `count` zeroed objects of `type`, or NULL when the arena is full. */
#define arena_new(arena, type, count)                                                              \
    ((type *)arena_alloc((arena), (count), sizeof(type), _Alignof(type)))
void *arena_alloc(struct arena *arena, size_t count, size_t size, size_t alignment);

/*
 * Room for one more row in a growing array: doubles `*rows` inside the arena when it is full.
 * Returns the index of the new, zeroed row, or SIZE_MAX when the arena is full.
 */
#define arena_push(arena, array)                                                                   \
    arena_grow((arena), (void **)&(array)->rows, &(array)->count, &(array)->capacity,              \
               sizeof *(array)->rows)
size_t arena_grow(struct arena *arena, void **rows, size_t *count, size_t *capacity, size_t size);

/* Room for `capacity_min` rows of an array that has none yet, so that it need not grow to them.
 * When the arena has not as much, nothing changes. */
#define arena_reserve(arena, array, capacity_min)                                                  \
    arena_begin((arena), (void **)&(array)->rows, &(array)->capacity, (capacity_min),              \
                sizeof *(array)->rows)
void arena_begin(struct arena *arena, void **rows, size_t *capacity, size_t capacity_min,
                 size_t size);

/* Room for bytes that are written at once: not zeroed. NULL: the arena is full. */
char *arena_room(struct arena *arena, size_t size);

/* A copy owned by the arena, NUL-terminated behind its size; data is NULL: the arena is full. */
struct str arena_copy(struct arena *arena, struct str text);

/* Undo: everything allocated since the mark is gone after the rewind. */
struct arena_position arena_mark(const struct arena *arena);
void arena_rewind(struct arena *arena, struct arena_position mark);

#ifdef ARENA_FAULTS
extern _Thread_local long arena_fail_after; /* fail the n-th next allocation; negative: never */
#endif

#endif
