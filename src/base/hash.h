/*
 * hash: keys of things the outside world names by text.
 *
 * XXH3 (libxxhash): the same text gives the same key on every machine and in every release. Not a
 * secret and not proof against somebody who makes collisions on purpose: see docs/threat-model.md.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdint.h>

#include "base/str.h"

struct hash128 {
    uint64_t low;
    uint64_t high;
};

uint64_t hash64(struct str text);
struct hash128 hash128(struct str text);

enum { HASH_PARTS_MAX = 16 }; /* hashed at a time; more are chained */

/* Parts one after the other, each with its size, so that ("ab","c") is not ("a","bc"). */
#define hash128_of(...)                                                                            \
    hash128_parts((const struct str[]){__VA_ARGS__},                                               \
                  sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str))
#define hash64_of(...) (hash128_of(__VA_ARGS__).low)
struct hash128 hash128_parts(const struct str *parts, size_t count);

static inline bool hash128_equal(struct hash128 a, struct hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

#endif
