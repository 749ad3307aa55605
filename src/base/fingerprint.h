/*
 * fingerprint: which passages of a text stand in another one, without keeping either text.
 *
 *   bytes -> words -> hash of each run of 8 words -> the smallest of every 4 in a row, kept
 *
 * Two texts that share a run of FINGERPRINT_RUN_WORDS words share a fingerprint; a shared run of
 * 8 to 10 words is found more often the longer it is. Pure and linear in the text's size. The
 * bytes are taken as they are: nothing in them can make this fail.
 *
 * A word is a maximal run of ASCII letters and digits and of bytes above 0x7f, upper case as lower
 * case. No words are: the symbols of U+2000..U+2FFF (dashes, quotes, arrows), the letter of the
 * escapes \n, \r and \t (so that text inside JSON matches itself outside), and a number that opens
 * a line before a tab, a colon or an arrow (so that numbered lines match the lines).
 *
 * Source: S. Schleimer, D. Wilkerson, A. Aiken, Winnowing: Local Algorithms for Document
 * Fingerprinting, SIGMOD 2003.
 */
#ifndef BASE_FINGERPRINT_H
#define BASE_FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum {
    FINGERPRINT_WORDS = 8,  /* of one hashed run */
    FINGERPRINT_WINDOW = 4, /* hashes in a row of which the smallest is kept */
    FINGERPRINT_RUN_WORDS = FINGERPRINT_WORDS + FINGERPRINT_WINDOW - 1,
    FINGERPRINTS_MAX = 2048, /* of one piece of text: some 5,000 words */
};

/*
 * Scratch while a piece of text is taken; plain data. When more than FINGERPRINTS_MAX different
 * ones come, only those with a certain bit of zero are kept, then with two, and so on: what a
 * longer and a shorter text keep of a passage they share still agrees, but a short passage of a
 * very long text may be missed.
 */
struct fingerprints {
    size_t count;
    uint64_t mask; /* kept are hashes without these bits, above the low 32 */
    uint64_t words;
    uint64_t last; /* kept last; rows may repeat, but not at once */
    uint64_t hashes[FINGERPRINTS_MAX + FINGERPRINT_WINDOW];
};

void fingerprints_clear(struct fingerprints *out);

/* Add one text: runs of words do not reach from one text into the next. */
void fingerprints_add(struct fingerprints *out, struct str text);

/* Fingerprint `index` < count, 32 bits. */
static inline uint32_t fingerprint_at(const struct fingerprints *from, size_t index)
{
    return (uint32_t)from->hashes[index];
}

#endif
