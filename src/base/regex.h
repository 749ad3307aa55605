/*
 * regex: patterns of the operator's on texts of anybody's, in bounded time and memory.
 *
 *     pattern --regex_compile--> struct regex --regex_match--> what a group matched
 *
 * A compiled pattern is immutable and may be shared by threads; a matcher belongs to one. PCRE2
 * behind it: docs/adr/0011-pcre2.md.
 */
#ifndef BASE_REGEX_H
#define BASE_REGEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum {
    REGEX_PATTERN_BYTES_MAX = 512,
    REGEX_SUBJECT_BYTES_MAX = 4096, /* what is behind it is not looked at */
    REGEX_GROUPS_MAX = 9,
    REGEX_STEPS_MAX = 10000,   /* of one match; then it is given up */
    REGEX_HEAP_KIB_MAX = 1024, /* likewise */
    /* Of a search in a long text; each byte of it may take some more. */
    REGEX_FIND_STEPS_MAX = 100000,
    REGEX_FIND_STEPS_PER_BYTE = 32,
    REGEX_FIND_HEAP_KIB_MAX = 16 << 10,
};
#define REGEX_FIND_BYTES_MAX ((size_t)64 << 20)

struct regex;
struct regex_matcher;

enum regex_result { REGEX_MATCHES, REGEX_DIFFERS, REGEX_GIVEN_UP, REGEX_BEGINS };

/*
 * out  owned by the arena, which must stay where it is while patterns of it are in use.
 *
 * Errors: ERR_SYNTAX  not a pattern; the text says what is wrong and after which byte.
 *         ERR_LIMIT   longer than REGEX_PATTERN_BYTES_MAX, more than REGEX_GROUPS_MAX groups, or
 *                     the arena is full.
 */
MUST_CHECK enum errc regex_compile(struct str pattern, struct arena *arena,
                                   const struct regex **out, struct err *err);
/* The same for regex_find(). */
MUST_CHECK enum errc regex_compile_find(struct str pattern, struct arena *arena,
                                        const struct regex **out, struct err *err);
/* Groups in parentheses, 0..REGEX_GROUPS_MAX. */
uint32_t regex_groups(const struct regex *regex);

void regex_matcher_create(struct regex_matcher **out);
void regex_matcher_destroy(struct regex_matcher **matcher);

/*
 * Look for the pattern anywhere in the subject.
 *
 * group  0: the whole match; at most regex_groups().
 * out    what the group matched, borrowed from the subject; empty when it took no part. Written
 *        only on REGEX_MATCHES.
 *
 * REGEX_GIVEN_UP: more than REGEX_STEPS_MAX or REGEX_HEAP_KIB_MAX would be needed to tell.
 */
enum regex_result regex_match(struct regex_matcher *matcher, const struct regex *regex,
                              struct str subject, uint32_t group, struct str *out);

/*
 * The first match in a long text, at byte `from` or behind it.
 *
 * regex        of regex_compile_find().
 * subject      UTF-8, known to be: it is not checked; at most REGEX_FIND_BYTES_MAX.
 * from         where a character begins, or the end.
 * may_go_on    the text was cut off at its end: what could be the beginning of a match there is
 *              told as REGEX_BEGINS.
 * out_from/to  bytes of the match, or of its beginning up to the end.
 *
 * REGEX_GIVEN_UP: more than REGEX_FIND_STEPS_MAX and those of its bytes would be needed to tell.
 */
enum regex_result regex_find(struct regex_matcher *matcher, const struct regex *regex,
                             struct str subject, size_t from, bool may_go_on, size_t *out_from,
                             size_t *out_to);

#endif
