/*
 * How many tokens a piece is: byte pair encoding. The two neighbours that together have the lowest
 * rank become one, the leftmost first, until no two neighbours have a rank.
 *
 * Source: tiktoken 0.14.0, src/lib.rs, byte_pair_merge.
 */
#include "base/check.h"
#include "wire/tokens_priv.h"

enum {
    TOKEN_BYTES_MAX = 128,
    SMALL_MAX = 48,       /* bytes of a piece whose neighbours are looked through each time */
    LARGE_MAX = 1 << 12,  /* of one with a heap; a longer one is counted part by part */
    PLACE_BITS = 12,      /* of an entry of the heap */
    SLOT_SIZE_SHIFT = 18, /* tools/embed_tokens.py describes a slot */
    SLOT_PLACE_SHIFT = 26,
    SLOT_TAG_SHIFT = 47,
    SIZE_MASK = 0xff,
    PLACE_MASK = 0x1fffff,
    RANK_MASK = 0x3ffff,
};
#define RANK_NONE UINT32_MAX
#define FACTOR    0x9e3779b97f4a7c15u
_Static_assert(LARGE_MAX == 1 << PLACE_BITS, "an entry of the heap has room for each place");
_Static_assert(PLACE_BITS + SLOT_SIZE_SHIFT <= 32, "and for the rank before it");

struct vocabulary {
    const uint64_t *slots;
    const char *bytes;
    uint64_t homes;
};

static struct vocabulary vocabulary_of(enum tokens_encoding encoding)
{
    return encoding == TOKENS_CL100K
               ? (struct vocabulary){tokens_cl100k_slots, tokens_cl100k_bytes, tokens_cl100k_homes}
               : (struct vocabulary){tokens_o200k_slots, tokens_o200k_bytes, tokens_o200k_homes};
}

static inline uint64_t load(const char *from, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, from, size);
    return word;
}

/* The first 8 bytes of what is left, the lowest first, zeros behind. */
static inline uint64_t word_at(const char *from, size_t left)
{
    return left >= 8   ? load(from, 8)
           : left >= 4 ? load(from, 4) | load(from + left - 4, 4) << (left - 4) * 8
           : left >= 2 ? load(from, 2) | load(from + left - 2, 2) << (left - 2) * 8
                       : (uint64_t)(unsigned char)from[0];
}

static inline uint64_t hash_of(const char *data, size_t size)
{
    uint64_t hash = size * FACTOR;
    for (size_t at = 0; at < size; at += 8) {
        hash = (hash ^ word_at(data + at, size - at)) * FACTOR;
        hash ^= hash >> 32;
    }
    return hash * FACTOR;
}

/* data  [size], size 1.. */
static uint32_t rank_of(const struct vocabulary *vocabulary, const char *data, size_t size)
{
    if (size > TOKEN_BYTES_MAX) {
        return RANK_NONE;
    }
    const uint64_t hash = hash_of(data, size);
    const uint64_t *slot = &vocabulary->slots[(hash >> 32) * vocabulary->homes >> 32];
    for (; *slot != 0; slot++) {
        if (*slot >> SLOT_TAG_SHIFT == hash >> SLOT_TAG_SHIFT &&
            (*slot >> SLOT_SIZE_SHIFT & SIZE_MASK) == size &&
            memcmp(vocabulary->bytes + (*slot >> SLOT_PLACE_SHIFT & PLACE_MASK), data, size) == 0) {
            return (uint32_t)(*slot & RANK_MASK);
        }
    }
    return RANK_NONE;
}

/* piece.size 2..SMALL_MAX */
static int64_t merge_small(const struct vocabulary *vocabulary, struct str piece)
{
    uint8_t starts[SMALL_MAX + 2]; /* of the parts; [count] and [count + 1] are the end */
    uint32_t ranks[SMALL_MAX];     /* of a part with the next one */
    size_t count = piece.size;
    for (size_t i = 0; i < count; i++) {
        starts[i] = (uint8_t)i;
        ranks[i] = i + 1 < count ? rank_of(vocabulary, piece.data + i, 2) : RANK_NONE;
    }
    starts[count] = (uint8_t)count;
    while (count > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < count; i++) {
            best = ranks[i] < ranks[best] ? i : best;
        }
        if (ranks[best] == RANK_NONE) {
            break;
        }
        memmove(&starts[best + 1], &starts[best + 2], count - best - 1);
        memmove(&ranks[best + 1], &ranks[best + 2],
                (count - best > 2 ? count - best - 2 : 0) * sizeof ranks[0]);
        count--;
        for (size_t i = best > 0 ? best - 1 : 0; i <= best; i++) {
            ranks[i] = i + 1 < count ? rank_of(vocabulary, piece.data + starts[i],
                                               (size_t)(starts[i + 2] - starts[i]))
                                     : RANK_NONE;
        }
    }
    return (int64_t)count;
}

/* Pairs by rank, then by place: the least is at 0. An entry whose pair is no more is left in, and
 * known by the rank its place has now. */
struct heap {
    uint32_t entries[2 * LARGE_MAX];
    size_t count;
};

static void heap_push(struct heap *heap, uint32_t rank, size_t place)
{
    const uint32_t entry = rank << PLACE_BITS | (uint32_t)place;
    if (rank == RANK_NONE) {
        return;
    }
    CHECK(heap->count < COUNT_OF(heap->entries));
    size_t at = heap->count++;
    while (at > 0 && heap->entries[(at - 1) / 2] > entry) {
        heap->entries[at] = heap->entries[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->entries[at] = entry;
}

static uint32_t heap_pop(struct heap *heap)
{
    CHECK(heap->count > 0);
    const uint32_t least = heap->entries[0];
    const uint32_t moved = heap->entries[--heap->count];
    size_t at = 0;
    for (size_t child = 1; child < heap->count; child = 2 * at + 1) {
        child += child + 1 < heap->count && heap->entries[child + 1] < heap->entries[child];
        if (heap->entries[child] >= moved) {
            break;
        }
        heap->entries[at] = heap->entries[child];
        at = child;
    }
    heap->entries[at] = moved;
    return least;
}

/* piece.size 2..LARGE_MAX */
static int64_t merge_large(const struct vocabulary *vocabulary, struct str piece)
{
    struct heap heap;
    uint32_t ranks[LARGE_MAX];      /* by a part's first byte: with the next one */
    uint16_t ends[LARGE_MAX + 1];   /* by its first byte */
    uint16_t before[LARGE_MAX + 1]; /* first byte of the part before */
    int64_t count = (int64_t)piece.size;
    heap.count = 0;
    for (size_t i = 0; i < piece.size; i++) {
        ranks[i] = i + 1 < piece.size ? rank_of(vocabulary, piece.data + i, 2) : RANK_NONE;
        ends[i] = (uint16_t)(i + 1);
        before[i] = (uint16_t)(i > 0 ? i - 1 : 0);
        heap_push(&heap, ranks[i], i);
    }
    while (heap.count > 0) {
        const uint32_t entry = heap_pop(&heap);
        const size_t at = entry & (LARGE_MAX - 1);
        const size_t gone = ends[at];
        if (ranks[at] != entry >> PLACE_BITS) {
            continue;
        }
        ends[at] = ends[gone];
        before[ends[at]] = (uint16_t)at;
        ranks[gone] = RANK_NONE;
        count--;
        const size_t next = ends[at];
        ranks[at] = next < piece.size
                        ? rank_of(vocabulary, piece.data + at, (size_t)ends[next] - at)
                        : RANK_NONE;
        heap_push(&heap, ranks[at], at);
        if (at > 0) {
            const size_t left = before[at];
            ranks[left] = rank_of(vocabulary, piece.data + left, next - left);
            heap_push(&heap, ranks[left], left);
        }
    }
    return count;
}

int64_t tokens_of_piece(enum tokens_encoding encoding, struct str piece)
{
    const struct vocabulary vocabulary = vocabulary_of(encoding);
    int64_t tokens = 0;
    CHECK(piece.size > 0);
    if (piece.size == 1 || rank_of(&vocabulary, piece.data, piece.size) != RANK_NONE) {
        return 1;
    }
    if (piece.size <= SMALL_MAX) {
        return merge_small(&vocabulary, piece);
    }
    while (piece.size > 0) {
        const size_t size = piece.size < LARGE_MAX ? piece.size : LARGE_MAX;
        tokens += merge_large(&vocabulary, (struct str){piece.data, size});
        piece = (struct str){piece.data + size, piece.size - size};
    }
    return tokens;
}
