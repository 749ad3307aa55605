/*
 * Blocks of 64 bytes become a bit each (in a word or not); the edges of that mask are the words.
 * Sixteen bytes are classified at a time; symbols and escapes are rare, and looked for when there.
 */
#include "base/fingerprint.h"

#include <endian.h>
#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/check.h"

enum {
    BLOCK_BYTES = 64,
    VECTOR_BYTES = 16,
    VECTORS = BLOCK_BYTES / VECTOR_BYTES,
    LOAD_BYTES = 8, /* of a word, hashed at a time */
};

/* The runs of one text, taken a window's length at a time: the least of any window is then the
 * lesser of what is least up to its end in this lot, and what is least from its start on in the one
 * before. */
struct winnow {
    uint64_t words[FINGERPRINT_WORDS]; /* hashes of the last words, by number */
    uint64_t rolling;
    uint64_t word_count;
    uint64_t runs[FINGERPRINT_WINDOW];
    size_t run_count;                        /* in `runs` */
    uint64_t behind[FINGERPRINT_WINDOW + 1]; /* least of the lot before, from each on */
    bool is_long;                            /* there was one before */
};
_Static_assert((FINGERPRINT_WORDS & (FINGERPRINT_WORDS - 1)) == 0, "numbers wrap by a mask");

void fingerprints_clear(struct fingerprints *out)
{
    CHECK(out != NULL);
    out->count = 0;
    out->mask = 0;
    out->words = 0;
    out->last = 0;
}

static int compare(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Make room: first by what is there twice, then by leaving out half, until half is free. */
static void thin(struct fingerprints *out)
{
    qsort(out->hashes, out->count, sizeof out->hashes[0], compare);
    size_t kept = 0;
    for (size_t i = 0; i < out->count; i++) {
        if (kept == 0 || out->hashes[i] != out->hashes[kept - 1]) {
            out->hashes[kept++] = out->hashes[i];
        }
    }
    while (kept > FINGERPRINTS_MAX / 2) {
        const size_t count = kept;
        out->mask = out->mask * 2 + 1;
        kept = 0;
        for (size_t i = 0; i < count; i++) {
            if (((out->hashes[i] >> 32) & out->mask) == 0) {
                out->hashes[kept++] = out->hashes[i];
            }
        }
    }
    out->count = kept;
}

/* Without a branch: whether a hash is new cannot be foreseen, and a wrong guess costs more. */
static inline void keep(struct fingerprints *out, uint64_t hash)
{
    out->hashes[out->count] = hash;
    out->count += (hash != out->last) & (((hash >> 32) & out->mask) == 0);
    out->last = hash;
}

static inline uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void take_runs(struct winnow *winnow, struct fingerprints *out)
{
    CHECK(winnow->run_count <= FINGERPRINT_WINDOW);
    const size_t count = winnow->run_count;
    uint64_t *const runs = winnow->runs;
    uint64_t least = UINT64_MAX;
    if (winnow->is_long) {
        for (size_t i = 0; i < count; i++) {
            least = lesser(least, runs[i]);
            keep(out, lesser(least, winnow->behind[i + 1]));
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            least = lesser(least, runs[i]);
            if (count < FINGERPRINT_WINDOW) {
                keep(out, runs[i]); /* too few to choose from */
            }
        }
        if (count == FINGERPRINT_WINDOW) {
            keep(out, least);
        }
    }
    if (out->count > FINGERPRINTS_MAX) {
        thin(out);
    }
    winnow->behind[FINGERPRINT_WINDOW] = UINT64_MAX;
    for (size_t i = count; i > 0; i--) {
        winnow->behind[i - 1] = lesser(runs[i - 1], winnow->behind[i]);
    }
    winnow->is_long = true;
    winnow->run_count = 0;
}

static inline uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

/* The rolling hash is of rotations only: spread it over all bits. Source: the finaliser of
 * MurmurHash3 (A. Appleby), without its last two rounds. */
static inline uint64_t spread(uint64_t hash)
{
    hash ^= hash >> 33;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    return hash ^ hash >> 33;
}

static inline uint64_t load(const char *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return le64toh(value);
}

/* Upper case as lower case: the bit that tells them apart is set in every byte. Digits have it,
 * and of the letters beyond ASCII it joins É and é, and a few that are less alike. */
static inline uint64_t fold(uint64_t bytes)
{
    return bytes | UINT64_C(0x2020202020202020);
}

/* The first `size` of eight bytes. */
static inline uint64_t first_bytes(uint64_t bytes, size_t size)
{
    return size >= LOAD_BYTES ? bytes : bytes & ((UINT64_C(1) << (8 * size)) - 1);
}

/* Sixteen bytes at a time, of which most words need no more. */
static inline uint64_t hash_word(const char *bytes, size_t size, size_t readable)
{
    enum { PAIR_BYTES = 2 * LOAD_BYTES };
    const uint64_t odd[] = {UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xd6e8feb86659fd93)};
    char padded[PAIR_BYTES] = {0};
    uint64_t hash = size;
    while (size > PAIR_BYTES) {
        hash = (hash ^ fold(load(bytes))) * odd[0];
        hash ^= hash >> 32;
        bytes += LOAD_BYTES;
        size -= LOAD_BYTES;
        readable -= LOAD_BYTES;
    }
    if (readable < PAIR_BYTES) {
        memcpy(padded, bytes, size);
        bytes = padded;
    }
    const size_t rest = size > LOAD_BYTES ? size - LOAD_BYTES : 0;
    hash = (hash ^ fold(first_bytes(load(bytes), size))) * odd[0] +
           fold(first_bytes(load(bytes + LOAD_BYTES), rest)) * odd[1];
    return hash ^ hash >> 32;
}

static bool opens_line(struct str text, size_t start)
{
    while (start > 0 && text.data[start - 1] == ' ') {
        start--;
    }
    return start == 0 || text.data[start - 1] == '\n' ||
           (start >= 2 && text.data[start - 1] == 'n' && text.data[start - 2] == '\\');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "  12→", "12:" or "12\t" at the beginning of a line. */
static bool is_line_number(struct str text, size_t start, size_t end)
{
    enum { DIGITS_MAX = 9 };
    const char next = end < text.size ? text.data[end] : '\0';
    if ((next != '\t' && next != ':' && next != '\\' && next != '\xe2') ||
        end - start > DIGITS_MAX) {
        return false;
    }
    for (size_t i = start; i < end; i++) {
        if (!is_digit(text.data[i])) {
            return false;
        }
    }
    const struct str rest = {text.data + end, text.size - end};
    return (next == '\t' || next == ':' || str_starts_with(rest, STR("\\t")) ||
            str_starts_with(rest, STR("\xe2\x86\x92"))) &&
           opens_line(text, start);
}

static void add_word(struct winnow *winnow, struct str text, size_t start, size_t end,
                     struct fingerprints *out)
{
    if (is_digit(text.data[start]) && is_line_number(text, start, end)) {
        return;
    }
    enum { TURN = 7 };
    const uint64_t hash = hash_word(text.data + start, end - start, text.size - start);
    uint64_t *const oldest = &winnow->words[winnow->word_count & (FINGERPRINT_WORDS - 1)];
    winnow->rolling = rotate(winnow->rolling, TURN) ^ hash;
    if (winnow->word_count >= FINGERPRINT_WORDS) {
        winnow->rolling ^= rotate(*oldest, TURN * FINGERPRINT_WORDS);
    }
    *oldest = hash;
    if (++winnow->word_count >= FINGERPRINT_WORDS) {
        winnow->runs[winnow->run_count++] = spread(winnow->rolling);
        if (winnow->run_count == FINGERPRINT_WINDOW) {
            take_runs(winnow, out);
        }
    }
}

/* Sixteen bytes; a comparison gives -1 where it holds. */
typedef int8_t vector __attribute__((vector_size(VECTOR_BYTES)));
typedef uint64_t halves __attribute__((vector_size(VECTOR_BYTES)));

static inline vector same(int8_t byte)
{
    return (vector){byte, byte, byte, byte, byte, byte, byte, byte,
                    byte, byte, byte, byte, byte, byte, byte, byte};
}

/* The lowest bit of each byte -> sixteen bits; all bits of a byte are the same. */
static inline uint64_t gather(vector held)
{
#ifdef __SSE2__
    return (uint64_t)(uint32_t)_mm_movemask_epi8((__m128i)held);
#else
    const halves bits = (halves)(held & same(1));
    const uint64_t turn = UINT64_C(0x0102040810204080);
    return (le64toh(bits[0]) * turn) >> 56 | (le64toh(bits[1]) * turn) >> 56 << 8;
#endif
}

/* Letters, digits and what is above 0x7f, which is negative here. */
static inline vector in_words(vector bytes)
{
    const vector folded = bytes | same(0x20);
    const vector letters = (folded >= same('a')) & (folded <= same('z'));
    const vector digits = (bytes >= same('0')) & (bytes <= same('9'));
    return letters | digits | (bytes < same(0));
}

/* What a block leaves for the next one. */
struct carry {
    uint64_t inside; /* 1: its last byte is in a word */
    uint64_t symbol; /* the first bytes of the next belong to a symbol: bits 0 and 1 */
    uint64_t escape; /* 1: its last byte is a backslash */
};

/* Bits of `mask` that are no words after all: symbols, and the letters of escapes. */
static uint64_t special(const vector bytes[static VECTORS], uint64_t mask, struct carry *carry)
{
    uint64_t symbols = 0;
    uint64_t slashes = 0;
    uint64_t letters = 0;
    for (size_t i = 0; i < VECTORS; i++) {
        const vector at = bytes[i];
        symbols |= gather(at == same((int8_t)0xe2)) << (i * VECTOR_BYTES);
        slashes |= gather(at == same('\\')) << (i * VECTOR_BYTES);
        letters |= gather((at == same('n')) | (at == same('r')) | (at == same('t')))
                   << (i * VECTOR_BYTES);
    }
    mask &= ~(symbols | symbols << 1 | symbols << 2 | carry->symbol);
    mask &= ~((slashes << 1 | carry->escape) & letters);
    carry->symbol = symbols >> 63 | symbols >> 62;
    carry->escape = slashes >> 63;
    return mask;
}

/* Where words begin and end in the next 64 bytes: a bit where one does. */
static uint64_t edges_of(const char *block, struct carry *carry)
{
    vector bytes[VECTORS];
    memcpy(bytes, block, sizeof bytes);
    uint64_t mask = 0;
    vector rare = same(0);
    for (size_t i = 0; i < VECTORS; i++) {
        mask |= gather(in_words(bytes[i])) << (i * VECTOR_BYTES);
        rare |= (bytes[i] == same('\\')) | (bytes[i] == same((int8_t)0xe2));
    }
    const halves any = (halves)rare;
    if ((any[0] | any[1] | carry->symbol | carry->escape) != 0) {
        mask = special(bytes, mask, carry);
    }
    const uint64_t edges = mask ^ (mask << 1 | carry->inside);
    carry->inside = mask >> 63;
    return edges;
}

void fingerprints_add(struct fingerprints *out, struct str text)
{
    CHECK(out != NULL);
    CHECK(text.data != NULL || text.size == 0);
    struct winnow winnow = {0};
    struct carry carry = {0};
    bool inside = false;
    size_t start = 0;
    for (size_t block = 0; block < text.size || inside; block += BLOCK_BYTES) {
        char padded[BLOCK_BYTES] = {0};
        const char *bytes = padded;
        const size_t left = block < text.size ? text.size - block : 0;
        if (left >= BLOCK_BYTES) {
            bytes = text.data + block;
        } else if (left > 0) {
            memcpy(padded, text.data + block, left);
        }
        uint64_t edges = edges_of(bytes, &carry);
        while (edges != 0) {
            const size_t at = block + (size_t)__builtin_ctzll(edges);
            edges &= edges - 1;
            if (inside) {
                add_word(&winnow, text, start, at, out);
            }
            start = at;
            inside = !inside;
        }
    }
    if (winnow.run_count > 0) {
        take_runs(&winnow, out);
    }
    out->words += winnow.word_count;
}
