/* str: a borrowed run of bytes, not NUL-terminated. Passed by value; never owns. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

struct str {
    const char *data;
    size_t size; /* bytes */
};

#define STR_STATIC(literal)                                                                        \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }                                                  /* in static tables */
#define STR(literal) ((struct str)STR_STATIC(literal)) /* in expressions */
#define STR_FORMAT   "%.*s"
#define STR_ARG(s)   (int)(s).size, (s).data

static inline bool str_equal(struct str a, struct str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline struct str str_from(const char *text)
{
    const struct str all = {text, text != NULL ? strlen(text) : 0};
    return all;
}

/* Byte order; a prefix sorts first. */
int str_compare(struct str a, struct str b);
bool str_starts_with(struct str text, struct str prefix);
bool str_ends_with(struct str text, struct str suffix);
/* First place of `needle`, or SIZE_MAX. */
size_t str_find(struct str text, struct str needle);
bool str_equal_fold_bytes(const char *a, const char *b, size_t size);
/* ASCII letters compare equal in either case. */
static inline bool str_equal_fold(struct str a, struct str b)
{
    return a.size == b.size && str_equal_fold_bytes(a.data, b.data, a.size);
}
struct str str_trim(struct str text);
/* Cut `text` at the first `separator`: returns what is before it and moves `text` behind it. */
struct str str_cut(struct str *text, char separator);
/* The parts one behind the other, cut to the room of `out` and NUL-terminated; their size there. */
size_t str_join(char *out, size_t out_size, const struct str *parts, size_t count);
/* A decimal integer, the whole of `text`, within int64_t. */
bool str_to_int64(struct str text, int64_t *out);

#ifdef __cplusplus
}
#endif

#endif
