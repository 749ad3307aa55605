/* bodies_priv: what the files of bodies/ share. */
#ifndef BODIES_BODIES_PRIV_H
#define BODIES_BODIES_PRIV_H

#include "bodies/bodies.h"

/* ---- rules.c: one rule on one text */

enum bodies_found {
    BODIES_FOUND,
    BODIES_FOUND_NOT,
    BODIES_FOUND_BEGINNING, /* to the end of the text, which was cut off there */
    BODIES_FOUND_GIVEN_UP,
};

/* The first place from byte `from` on that the rule names; not of a member. */
enum bodies_found bodies_rule_find(const struct bodies_rule *rule, struct regex_matcher *matcher,
                                   struct str text, size_t from, bool may_go_on, size_t *out_from,
                                   size_t *out_to);

/* ---- blobs.c: pictures, sounds and files within texts */

/* The next data URL, or the whole text where it is one long run of base64. `kind` is what it says
 * or looks like; static, or borrowed from the text. False: there is none. */
bool bodies_blob_find(struct str text, size_t from, size_t *out_from, size_t *out_to,
                      struct str *out_kind, size_t *out_bytes);

/* ---- escapes.c */

/* Whether the text has escapes as JSON and program text write them; then `out` is the text with
 * them replaced. */
bool bodies_unescape(struct str text, struct text *out);

/* ---- record.c */

struct bodies_writer {
    struct bodies_redactor *redactor;
    const struct bodies_patience *patience;
    struct text scratch; /* [BODIES_SCRATCH_BYTES_MAX] */
};

/* Of the two bodies of a call. */
struct bodies_written {
    int kept;
    int withheld;
};

/* What brackets, escapes and the names around it add to the two bodies. */
#define BODIES_SCRATCH_BYTES_MAX ((size_t)4 * BODIES_KIB_MAX << 10)
#define BODIES_RECORD_BYTES_MAX  ((size_t)BODY_LOG_BYTES_MAX)

/* The record as JSON. dropped: the bodies did not come along. */
void bodies_write(const struct bodies_call *call, bool dropped, struct bodies_writer *writer,
                  struct text *out, struct bodies_written *written);

#endif
