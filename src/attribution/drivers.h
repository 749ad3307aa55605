/*
 * attribution/drivers: what makes an outcome dear: history read again, contexts that grew past use.
 *
 *     sums over calls, sessions, attempts -> dollars, exponents, the plateau   (docs/drivers.md)
 *
 * Pure: no I/O, no clock, no global; randomness comes in as a seed. Token sums and amounts are
 * integers, so what is exact stays so.
 */
#ifndef ATTRIBUTION_DRIVERS_H
#define ATTRIBUTION_DRIVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attribution/stats/stats.h"
#include "base/money.h"
#include "model/rates.h"

enum {
    DRIVERS_INPUTS = USAGE_INPUT_IMAGE + 1, /* the classes of input are the first ones */
    DRIVERS_TURNS_LEAST = 10,               /* calls a session needs for its growth to be read */
    DRIVERS_TURNS_THIN = 3,                 /* where no session has as many */
    DRIVERS_SPLITS_MAX = 10,
};

#define DRIVERS_LOG_SCALE 1e8 /* logarithms are summed as whole numbers of 1e-8 */

_Static_assert(USAGE_INPUT_UNCACHED == 0, "the classes of input begin the list");

/* Tokens by class of input. */
struct drivers_tokens {
    money_sum input[DRIVERS_INPUTS];
};

money_sum drivers_total(const struct drivers_tokens *tokens);

/* Whether every class that has tokens has a rate. */
bool drivers_priced(const struct drivers_tokens *tokens, const struct rates *rates);

/* What the tokens cost at those rates, p$, exact. Classes without a rate count nothing. */
money_sum drivers_cost(const struct drivers_tokens *tokens, const struct rates *rates);

/* part / whole of an amount in p$, to the nearest; 0 where whole is not positive. An estimate. */
money_sum drivers_share(money_sum amount_pusd, double part, double whole);

/* Sums over the turns of one session: x = log turn, y = log cumulative input, both as whole
 * numbers of 1 / DRIVERS_LOG_SCALE, so that their order cannot change the slope. */
struct drivers_turns {
    int64_t n;
    money_sum x;
    money_sum y;
    money_sum xy;
    money_sum xx;
};

/* Slope of y on x by least squares: 1 a constant context, near 2 the whole history again on every
 * turn. NaN below two turns. */
double drivers_exponent(const struct drivers_turns *turns);

/*
 * The median with the percentile bootstrap's interval: STATS_BOOTSTRAP_DRAWS resamples.
 *
 * sorted  [n] ascending.
 *
 * Errors: ERR_LIMIT  the arena is full.
 */
MUST_CHECK enum errc drivers_median(const double *sorted, size_t n, uint64_t seed,
                                    struct arena *arena, struct stats_interval *out,
                                    struct err *err);

/* Attempts whose largest context is at most `size` and above that of the split before it. */
struct drivers_split {
    int64_t size; /* tokens */
    int64_t attempts;
    int64_t successes;
};

struct drivers_plateau {
    bool found;
    int64_t size; /* tokens: the smallest above which success is no longer better */
    int64_t below;
    int64_t below_successes;
    int64_t above;
    int64_t above_successes;
    struct stats_interval difference; /* success at or below it - above it */
};

/*
 * The smallest split size such that attempts at or below it succeed no less than those above it by
 * `margin` or more (lower Newcombe bound > -margin), and so at every larger split.
 *
 * splits  [n] ascending by size. margin  a share of 1.
 *
 * Where none qualifies, `found` is false and the rest is of the largest split with attempts above
 * it, so that a report can say what was seen; attempts of 0 where there is none.
 */
struct drivers_plateau drivers_plateau(const struct drivers_split *splits, size_t n, double margin);

#endif
