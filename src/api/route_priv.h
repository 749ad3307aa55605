/* api/route_priv: the steps of route_read(), one file each. */
#ifndef API_ROUTE_PRIV_H
#define API_ROUTE_PRIV_H

#include "api/route.h"

/* Columns of the fragment route_arm. */
enum {
    ARM_CASES,
    ARM_SUCCESSES,
    ARM_COSTED,
    ARM_COSTED_SUCCESSES,
    ARM_COST,
    ARM_SUCCESS_COST,
    ARM_SQUARES,
    ARM_COLUMNS
};

struct routing_arm route_arm(const struct store_result *r, size_t row, size_t column);
/* SIZE_MAX: not listed. */
size_t route_find(const struct route *route, struct str model);

/* What the traffic of each model was made of, read once. */
struct route_mix {
    struct store_result values; /* of QUERY_route_attributes */
    struct store_result cells;  /* of QUERY_route_strata; no rows: nothing is held fixed */
    const size_t *held;         /* [held_count] of route->attributes, in the cells' column order */
    size_t held_count;
    bool in_doubt; /* something that differs could not be held fixed */
};

MUST_CHECK enum errc route_read_mix(struct store *store, struct route *route, struct route_mix *mix,
                                    struct arena *arena, struct err *err);
/* The comparison of a model with the reference from mixed traffic. */
MUST_CHECK enum errc route_compare_mix(const struct route *route, const struct route_mix *mix,
                                       size_t model, struct arena *arena,
                                       struct routing_comparison *out, struct err *err);
/* The same of the held attribute's cells of one value; attribute SIZE_MAX: of all cells.
 * total: closed cases the comparison is to speak for. */
MUST_CHECK enum errc route_compare_cells(const struct route *route, const struct route_mix *mix,
                                         size_t model, size_t attribute, struct str value,
                                         int64_t total, struct arena *arena,
                                         struct routing_comparison *out, struct err *err);
MUST_CHECK enum errc route_read_segments(struct store *store, const struct route_mix *mix,
                                         struct route *route, struct arena *arena, struct err *err);

/* Comparisons on the same inputs: out [route->count], evidence ROUTING_NONE where there are none.
 */
MUST_CHECK enum errc route_read_pairs(struct store *store, const struct route *route,
                                      struct arena *arena, struct routing_comparison *out,
                                      struct err *err);
/* all: of every pair of models. */
MUST_CHECK enum errc route_read_cascades(struct store *store, bool all, struct route *route,
                                         struct arena *arena, struct err *err);

void route_put(struct text *out, const struct route_request *request, const struct route *route);

#endif
