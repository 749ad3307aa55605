/*
 * attribution/stats: the few statistics every report uses, one set of choices (economics.md 8).
 *
 *     counts, sums, samples -> struct stats_interval
 *
 * Pure: no I/O, no clock, no global; randomness comes in as a seed. Two-sided 95 % throughout.
 */
#ifndef ATTRIBUTION_STATS_STATS_H
#define ATTRIBUTION_STATS_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define STATS_Z95 1.959963984540054 /* 97.5th percentile of the standard normal */

enum {
    STATS_THIN_BELOW = 20,      /* no rate from fewer cases without the word thin */
    STATS_BOOTSTRAP_BELOW = 30, /* the delta method needs at least this many of both counts */
    STATS_BOOTSTRAP_DRAWS = 1000,
    STATS_BOOTSTRAP_ROWS_MAX = 2000,
};

#define STATS_BOOTSTRAP_SEED UINT64_C(20240117)

struct stats_interval {
    double value; /* NaN: there is none (nothing to divide by) */
    double low;   /* NaN: too few cases for an interval; -inf or inf: no bound on that side */
    double high;
};

/*
 * Share of successes with the Wilson score interval. trials 0 gives NaN.
 *
 * Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
 * JASA 22 (1927).
 */
struct stats_interval stats_wilson(int64_t successes, int64_t trials);

/*
 * p_a - p_b with Newcombe's hybrid score interval.
 *
 * Source: R. G. Newcombe, "Interval estimation for the difference between independent
 * proportions", Statistics in Medicine 17 (1998), method 10.
 */
struct stats_interval stats_newcombe(int64_t successes_a, int64_t trials_a, int64_t successes_b,
                                     int64_t trials_b);

/* Sums over n sampled cases of two quantities y and x. */
struct stats_sums {
    int64_t n;
    double y;
    double x;
    double yy;
    double xy;
    double xx;
};

/*
 * The ratio of two sums, sum y / sum x, with the delta method's interval.
 *
 * Source: W. G. Cochran, Sampling Techniques, 3rd ed. (1977), section 6.3, without the correction
 * for a finite population. n below 2 has no interval: low = high = NaN.
 */
struct stats_interval stats_ratio(const struct stats_sums *sums);

/*
 * The same ratio with the percentile bootstrap over cases: STATS_BOOTSTRAP_DRAWS resamples. A
 * resample whose sum of x is not positive counts as an infinite ratio, so `high` may be inf.
 *
 * y, x  [n], n <= STATS_BOOTSTRAP_ROWS_MAX.
 *
 * Errors: ERR_LIMIT  the arena is full.
 * Source: B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
 */
MUST_CHECK enum errc stats_ratio_bootstrap(const double *y, const double *x, size_t n,
                                           uint64_t seed, struct arena *arena,
                                           struct stats_interval *out, struct err *err);

#endif
