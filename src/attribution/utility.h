/*
 * attribution/utility: what the next dollar buys, by replaying recorded cases under a cap.
 *
 *     sums of cases between caps -> points of the curve -> hull, break-even cap, intervals
 *
 * Stopping a case at a cap changes nothing that happened before it, so records alone say what
 * value would have been kept and what spent, up to the largest cap that was in force. Sums are
 * exact; only slopes and intervals are doubles. Pure; a seed comes in.
 * Source: economics.md section 5.
 */
#ifndef ATTRIBUTION_UTILITY_H
#define ATTRIBUTION_UTILITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attribution/stats/stats.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/money.h"

enum {
    UTILITY_CAPS_MAX = 10000,
    UTILITY_GROUPS_MAX = 2000, /* resampled; with fewer cases each case is a group */
    UTILITY_STEPS_MAX = 66,    /* caps of the curve that a bootstrap looks at */
};

/* Cases above one cap and up to the next, each counted once in either part. */
struct utility_bucket {
    int64_t ended; /* cases whose spend until their end lies here */
    int64_t resolved;
    money_sum value_pusd; /* of the resolved */
    int64_t spent;        /* cases whose whole spend lies here */
    money_sum spent_pusd;
};

/* A cap, and what had been had every case been stopped there. */
struct utility_point {
    money_sum cap_pusd;
    money_sum spend_pusd; /* K: each case's spend, at most the cap */
    money_sum value_pusd; /* V: of cases resolved for at most the cap; without fallback */
    int64_t resolved;
    int64_t ended; /* cases that came to their own end; the others were stopped */
};

/*
 * The curve from its buckets.
 *
 * caps     [count] ascending, p$
 * buckets  [count] bucket i: above cap i - 1, up to cap i
 * cases    of which those in no bucket spent more than the last cap
 * out      [count]
 */
void utility_fold(const money_sum *caps, const struct utility_bucket *buckets, size_t count,
                  int64_t cases, struct utility_point *out);

/* What an unfinished case costs elsewhere; 0: no fallback. */
struct utility_fallback {
    int64_t cases;
    money_sum unit_pusd;
};
/* V less the unit for each case stopped at the cap. */
money_sum utility_value(const struct utility_point *point, const struct utility_fallback *fallback);
/* V less the unit for each case not resolved by the cap, stopped or failed by itself. */
money_sum utility_value_failed_too(const struct utility_point *point,
                                   const struct utility_fallback *fallback);

/* dV/dK between two points of known value; NaN where no dollar lies between them. */
double utility_slope(money_sum value_from, money_sum value_to, money_sum spend_from,
                     money_sum spend_to);

/*
 * The upper concave hull of spend and value, and its last corner that is reached by a slope of at
 * least 1.
 *
 * spend, value  [count] p$, by ascending cap; the first is where nothing is spent
 * on_hull       [count] out; may be NULL
 * out           index of the break-even cap; 0: no dollar brings back a dollar
 *
 * Errors: ERR_LIMIT  the arena is full.
 */
MUST_CHECK enum errc utility_break_even(const money_sum *spend, const money_sum *value,
                                        size_t count, struct arena *arena, bool *on_hull,
                                        size_t *out, struct err *err);

/* The smallest whole cap at which spend reaches a target: cases that end below `from` spent
 * `ended_pusd` in all, `others` spend more. */
money_sum utility_cap_of_spend(money_sum target_pusd, money_sum ended_pusd, int64_t others);

/* Curves of groups of cases: row g, column i is group g at cap i. USD; value with fallback. */
struct utility_groups {
    size_t groups;
    size_t caps;
    const double *spend;    /* [groups * caps] */
    const double *value;    /* [groups * caps]; NULL: not known */
    const double *resolved; /* [groups * caps] */
    const bool *curve;      /* [caps] on the curve: a corner may be there; the first is */
    size_t decile_from;     /* index of the cap where the last decile of spend begins */
    size_t decile_to;
};

struct utility_intervals {
    double *mtu_low;  /* [caps] of the step from the curve's cap before; NaN: none. Arena's */
    double *mtu_high; /* [caps] */
    struct stats_interval current_mtu;
    struct stats_interval current_outcomes; /* per USD */
    bool break_even;                        /* whether there is an interval of it */
    size_t break_even_low;                  /* indices of caps */
    size_t break_even_high;
};

/*
 * Percentile bootstrap over groups, STATS_BOOTSTRAP_DRAWS resamples. Fewer than two groups, or a
 * step in which more than half of the resamples spend nothing, have no interval.
 *
 * Errors: ERR_LIMIT  the arena is full.
 */
MUST_CHECK enum errc utility_bootstrap(const struct utility_groups *groups, uint64_t seed,
                                       struct arena *arena, struct utility_intervals *out,
                                       struct err *err);

#endif
