/*
 * wire/refusal_record: calls of one case that a gateway has refused, as they stand in the inbox
 * until the ledger has them: the decision of a rule, not calls.
 *
 *     struct refusal_record --refusal_record_write--> bytes --refusal_record_read--> struct trace
 *
 * One record may stand for many refusals of the same kind. Pure.
 */
#ifndef WIRE_REFUSAL_RECORD_H
#define WIRE_REFUSAL_RECORD_H

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "model/trace.h"

enum { REFUSAL_RECORD_BYTES_MAX = 32 << 10 };

/* All borrowed. Empty: not known. */
struct refusal_record {
    struct str identity; /* of the step; never empty */
    struct str workflow;
    struct str case_id; /* never empty */
    bool is_session;    /* the case is named by nothing better than a session, trace or day */
    struct str attempt; /* never empty */
    int64_t attempt_number;
    struct str input_key;
    struct str team;
    struct str user;
    struct str key;
    int64_t count; /* 1.. requests */
    int64_t first_ns;
    int64_t last_ns;
    struct str choice;   /* "refused", "stays with people" */
    struct str rule;     /* "budget team:support, month" */
    struct str reason;   /* for people */
    struct str evidence; /* what was asked for, and what it might have cost */
};

/* One line of JSON. Full when it is more than the limit of `out`. */
void refusal_record_write(const struct refusal_record *record, struct text *out);

bool refusal_record_is(struct json root);
/* Errors: ERR_SYNTAX  it is none; ERR_UNSUPPORTED  made by a newer version; ERR_LIMIT  the arena is
 * full. */
MUST_CHECK enum errc refusal_record_read(struct json root, struct arena *arena, struct trace *out,
                                         struct err *err);

#endif
