/*
 * json: read JSON through simdjson's DOM, from C.
 *
 * A document is parsed whole and checked whole (RFC 8259, UTF-8 included); nodes point into the
 * parser's memory and are good until its next parse or its end. Looking into a node that is absent
 * or of another kind gives absence, never a crash, so that reading untrusted records needs no
 * ladder of checks: json_int64(json_get(json_get(root, "message"), "n"), -1).
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { JSON_PADDING = 64, JSON_DEPTH_MAX = 512 };
#define JSON_BYTES_MAX ((size_t)1 << 30) /* simdjson counts in 32 bits */

struct json_parser;

enum json_kind {
    JSON_ABSENT,
    JSON_NULL,
    JSON_BOOL,
    JSON_INT64,  /* integers that int64_t holds */
    JSON_UINT64, /* larger ones, up to 2^64 - 1 */
    JSON_DOUBLE,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

/* A borrowed place in a parsed document. */
struct json {
    const void *document;
    size_t place;
};

/* size_max  bytes of the largest document it will take, 1..JSON_BYTES_MAX. */
void json_parser_create(struct json_parser **out, size_t size_max);
void json_parser_destroy(struct json_parser **parser);

/*
 * Parse one document.
 *
 * text       borrowed only during the call; `readable` bytes from text.data may be read (not
 *            used), which saves a copy when readable >= text.size + JSON_PADDING.
 *
 * Errors: ERR_SYNTAX  not JSON, not UTF-8, a number no double holds, an integer above 2^64 - 1.
 *         ERR_LIMIT   larger than size_max, or nested deeper than JSON_DEPTH_MAX.
 */
MUST_CHECK enum errc json_parse(struct json_parser *parser, struct str text, size_t readable,
                                struct json *out, struct err *err);

enum json_kind json_kind(struct json node);

/* Member `name` of an object (the first of that name); absent otherwise. */
struct json json_get(struct json node, const char *name);
/* json_get() along "a.b.c". */
struct json json_path(struct json node, const char *path);

/* `absent` when the node is not a string. The text is unescaped UTF-8. */
struct str json_str(struct json node);
bool json_bool(struct json node, bool absent);
/* Integers, and doubles and strings that hold one exactly ("12", 12.0); `absent` otherwise. */
int64_t json_int64(struct json node, int64_t absent);
double json_double(struct json node, double absent);
/* Whether it is any kind of number. */
bool json_is_number(struct json node);

/* Elements of an array or members of an object, in order. */
struct json_cursor {
    struct json node;
    size_t next;
    size_t end;
    bool object;
};
struct json_cursor json_iter(struct json node);
/* False at the end. `key` may be NULL; it is empty in an array. */
bool json_next(struct json_cursor *iter, struct str *key, struct json *value);
/* Elements of an array or members of an object; 0 of anything else. */
size_t json_count(struct json node);

/* The node as compact JSON, at most `size` bytes; returns the bytes the whole needs.
 * `out` may be NULL when `size` is 0. */
size_t json_minify(struct json node, char *out, size_t size);

#ifdef __cplusplus
}
#endif

#endif
