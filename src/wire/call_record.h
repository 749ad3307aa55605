/*
 * wire/call_record: one call that a gateway has made, as it stands in the inbox until the ledger
 * has it.
 *
 *     struct call_record --call_record_write--> bytes --call_record_read--> struct trace
 *
 * Every try at a provider is a record of its own. Pure.
 */
#ifndef WIRE_CALL_RECORD_H
#define WIRE_CALL_RECORD_H

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "model/trace.h"

/* Texts of PROVIDER_NAME_BYTES_MAX each, all of them escaped, fit. */
enum { CALL_RECORD_BYTES_MAX = 48 << 10 };

/* How the raw usage begins of a call whose usage is not, or not all, the provider's. */
#define CALL_RECORD_ESTIMATED "{\"estimated\":true,\"told\":"

/* All borrowed. Empty: not known. */
struct call_record {
    struct str request; /* the gateway's id of the request; never empty */
    int64_t try_number; /* of the upstream calls for it, from 1 */
    struct str
        identity;     /* of the step: the provider's id of the response where it can be trusted */
    struct str alias; /* the provider's id of the request */

    struct str workflow;
    struct str case_id; /* never empty */
    bool is_session;    /* the case is named by nothing better than a session, trace or request */
    bool is_program;    /* the workflow is named by nothing better than the program that asks */
    struct str attempt; /* never empty */
    bool has_attempt;   /* it is told, and not the trace or case in its place */
    int64_t attempt_number; /* 0: not said */
    struct str input_key;
    struct str agent; /* the program that asked */
    struct str team;
    struct str user;
    struct str key;
    struct str session; /* of the program, as its own telemetry names it */
    struct str trace;   /* 32 hexadecimal digits */

    struct str provider;
    struct str model; /* as served, else as asked of the provider */
    int64_t started_ns;
    int64_t ended_ns;
    enum step_status status;
    bool is_uncharged; /* it failed before anything was charged: a row, but no call of a model */
    bool has_usage;
    bool is_estimated; /* the usage, or a part of it, is not the provider's */
    struct usage usage;
    struct str raw_usage; /* JSON */
    bool has_cost;        /* by the price in force when the call began */
    int64_t cost_pusd;
    uint64_t price_id;
    enum service_tier tier;
    struct str region;
    struct str reason; /* why this model, and how it ended, for people */
};

/* One line of JSON. Full when it is more than the limit of `out`. */
void call_record_write(const struct call_record *record, struct text *out);

/*
 * Also a record of refused calls (wire/refusal_record.h), which comes by the same way.
 *
 * Errors: ERR_SYNTAX  it is none; ERR_UNSUPPORTED  made by a newer version; ERR_LIMIT  the arena is
 *         full.
 */
MUST_CHECK enum errc call_record_read(struct json_parser *parser, struct str bytes,
                                      struct arena *arena, struct trace *out, struct err *err);

#endif
