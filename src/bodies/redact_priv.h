/*
 * bodies/redact_priv: a redactor and its parts, shared by redact.c and redact_text.c.
 *
 *     document --redact.c: its values--> text --redact_text.c: JSON inside--> document, ...
 */
#ifndef BODIES_REDACT_PRIV_H
#define BODIES_REDACT_PRIV_H

#include "base/json.h"
#include "bodies/bodies_priv.h"

enum { REDACT_NESTING_MAX = 4 }; /* JSON in texts in JSON … */

#define REDACT_SCRATCH_BYTES_MAX ((size_t)64 << 20)

struct redact_frame {
    struct json_cursor at;
    struct str name; /* of the member that holds it; empty: of an array */
    bool is_object;
    bool filled;
};

/* One document within another has a parser and a stack of its own. */
struct redact_level {
    struct json_parser *parser;
    struct redact_frame *frames; /* [JSON_DEPTH_MAX + 1] */
    size_t depth;
    struct text out;
};

/* A place in a text that is taken out. */
struct redact_span {
    size_t from;
    size_t to;
    struct str with;
};

struct bodies_redactor {
    struct regex_matcher *matcher;
    struct redact_span *spans; /* of the text that is looked at */
    size_t span_count;
    size_t span_capacity;
    struct redact_level levels[REDACT_NESTING_MAX];
    struct text work[2]; /* a text before and after a rule */
    struct text plain;   /* without its escapes */
    const struct bodies_policy *policy;
    const struct bodies_patience *patience;
    size_t bytes_max; /* of the document */
    bool is_broken;
    struct bodies_redacted result;
};

/* ---- redact.c */

/*
 * Append the document to `out`, redacted.
 *
 * number  of its level: 0 for the outermost, one more for one within a text of another.
 *
 * Errors: those of json_parse(); ERR_LIMIT  it cannot be told in bounds what a rule names.
 */
MUST_CHECK enum errc bodies_redact_document(struct bodies_redactor *r, struct str json, int number,
                                            struct text *out, struct err *err);

/* ---- redact_text.c */

/* Where a character begins, at `at` or before it. */
size_t bodies_character_start(struct str text, size_t at);
/*
 * A decoded text as it may be kept; borrowed from the redactor until the next one.
 *
 * may_go_on  it was cut off: what begins at its end is taken out too.
 * number     of the level of the document that holds it.
 *
 * Errors: ERR_LIMIT  a rule needs too many steps, the patience is over, or there is too much in it.
 */
MUST_CHECK enum errc bodies_redact_text(struct bodies_redactor *r, struct str text, bool may_go_on,
                                        int number, struct str *out, struct err *err);

#endif
