/*
 * api/variance: how differently the same work was done: what repeated attempts cost, and how often
 * repeated trials succeed.
 *
 *     ledger --store/, attribution/variance--> JSON "bursar.variance/1" (docs/variance.md)
 */
#ifndef API_VARIANCE_H
#define API_VARIANCE_H

#include "api/api.h"
#include "attribution/stats/stats.h"

enum {
    VARIANCE_FLAG_FROM = 5, /* max / min at which a group is flagged */
    VARIANCE_WORST_MAX = 20,
};

struct variance_request {
    struct api_request about; /* one workflow */
    struct str name;          /* cases with this attribute only; empty: all */
    struct str value;
};

/* What attempts at the same work cost, over groups of two attempts and more: those of the cases
 * that share an input key, and those of each case without one. */
struct variance {
    int64_t groups;           /* every attempt priced and not free */
    int64_t attempts;         /* in them */
    int64_t flagged;          /* max at least VARIANCE_FLAG_FROM times min */
    int64_t by_input_key;     /* groups, unusable ones included, that an input key makes */
    int64_t groups_unpriced;  /* left out: an attempt's cost is not fully known */
    int64_t attempts_dropped; /* in all that were left out */
    int64_t groups_free;      /* left out: an attempt cost nothing, so there is no ratio */
    /* Medians over groups of each one's ratio; intervals by order statistics. */
    struct stats_interval max_over_min;
    struct stats_interval p90_over_p10;
    struct stats_interval flagged_share; /* Wilson */
};

/*
 * The cost of the same work, from the table case_costs that figures_create_costs() filled for the
 * same request.
 *
 * Errors: ERR_STORE; ERR_LIMIT when the arena is full.
 */
MUST_CHECK enum errc variance_read(struct store *store, const struct variance_request *request,
                                   struct arena *arena, struct variance *out, struct err *err);

/* Members "max_over_min", "p90_over_p10", "flagged", … of the object that is open. */
void variance_put(struct text *out, const struct variance *variance);

/*
 * The whole report.
 *
 * out  JSON is appended; borrowed.
 *
 * Errors: ERR_NOT_FOUND  the ledger has no such workflow; the text lists those it has.
 *         ERR_STORE; ERR_LIMIT when the answer does not fit the arena.
 */
MUST_CHECK enum errc api_variance(struct store *store, const struct settings *settings,
                                  const struct variance_request *request, struct arena *arena,
                                  struct text *out, struct err *err);

#endif
