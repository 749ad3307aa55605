/*
 * unused: which results of tools and retrievals an agent was handed and never used.
 *
 *     fingerprints + steps --unused_read()--> TEMP TABLE unused_results, and its sums
 *
 * A result is unused when none of its distinctive runs of eight words is in anything the attempt
 * wrote later. economics.md sections 6 and 7; docs/unused.md says how and how well.
 */
#ifndef API_UNUSED_H
#define API_UNUSED_H

#include "api/api.h"

/* unused_results.state */
enum unused_state {
    UNUSED_USED,
    UNUSED_UNUSED,
    UNUSED_TOO_SHORT, /* fewer than eight words */
    UNUSED_COMMON,    /* nothing in it is distinctive */
    UNUSED_UNKNOWN,   /* what the attempt wrote was not seen */
    UNUSED_UNREAD,    /* no later call of its agent: nobody was handed it */
    UNUSED_STATE_COUNT,
};

struct unused {
    int64_t results; /* of tools and retrievals, with any text */
    int64_t unseen;  /* whose text was not in what was imported */
    int64_t states[UNUSED_STATE_COUNT];
    int64_t judged;        /* used or unused */
    int64_t judged_tokens; /* estimated: bytes / 4 */
    int64_t tokens;        /* of the unused ones, estimated */
    double usd;            /* what carrying those cost, estimated */
    bool is_incomplete;    /* some of the calls that carried them have no price */
};

/*
 * Fill the table unused_results (step_key, attempt_key, case_key, workflow, effect, tokens, calls,
 * calls_unpriced, carried_pusd, state): one row a result whose text was seen. A step is wasted as
 * ignored where state = 1 and effect <> 2: what a write answers is a receipt.
 *
 * request  its window must be that of the table case_costs, which figures_create_costs() filled.
 *
 * Errors: ERR_STORE; ERR_LIMIT when the arena is full.
 */
MUST_CHECK enum errc unused_read(struct store *store, const struct api_request *request,
                                 struct arena *arena, struct unused *out, struct err *err);

#endif
