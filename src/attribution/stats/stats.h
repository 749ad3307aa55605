/*
 * attribution/stats: the statistics every report uses, one set of choices (economics.md 8).
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

/* ---- the normal distribution */

double stats_normal_cdf(double z);
/* p in (0, 1), error below 1e-9. Source: M. Wichura, algorithm AS 241, Applied Statistics 37. */
double stats_normal_quantile(double p);

/* ---- Student's t with [1, STATS_FREEDOM_MAX] degrees of freedom */

enum { STATS_FREEDOM_MAX = 1 << 20 };

/* P(|T| > |t|), relative error below 1e-9; NaN for NaN. Source: DLMF 8.17, the incomplete beta. */
double stats_student_p(double t, int freedom);
double stats_student_quantile(double p, int freedom); /* p in (0, 1) */

/* ---- samples and resamples */

/* The q-quantile of [n] ascending values, linear between neighbours (R type 7). n >= 1. */
double stats_quantile(const double *sorted, size_t n, double q);
void stats_sort(double *values, size_t n); /* ascending; no NaN among them */
/* The 2.5th and 97.5th percentile of [n] draws around `value`; sorts the draws. */
struct stats_interval stats_percentile(double value, double *draws, size_t n);

/* ---- comparisons */

/* ratio a - ratio b of two independent samples by the delta method; without an interval where
 * either sample has no ratio or fewer than two cases. */
struct stats_interval stats_ratio_difference(const struct stats_sums *a,
                                             const struct stats_sums *b);

/* Benjamini-Hochberg: out_q[i] is the least false discovery rate at which test i is a discovery.
 * p, out_q  [n]. Errors: ERR_LIMIT when the arena is full.
 * Source: Y. Benjamini and Y. Hochberg, JRSS B 57 (1995). */
MUST_CHECK enum errc stats_false_discovery(const double *p, size_t n, double *out_q,
                                           struct arena *arena, struct err *err);

#define STATS_TRIALS_MAX INT64_C(1000000000000000) /* more is said as this many */
/* Trials in each arm to show that p_a is not worse than p_b by `margin` or more (one-sided 2.5 %)
 * when they truly are p_a and p_b; 0: cannot be shown, p_a - p_b <= -margin. */
int64_t stats_sample_size_non_inferior(double p_a, double p_b, double margin, double power);

/* ---- curves */

/* Upper concave hull of points with ascending x (equal x allowed). Indices of its corners go to
 * out [n]; returns how many. */
size_t stats_concave_hull(const double *x, const double *y, size_t n, size_t *out);

/* ---- series */

enum { STATS_SERIES_MAX = 4096, STATS_SERIES_LEAST = 4 /* points on each side of the break */ };

/* Interrupted time series: y = a + b t + level D + slope D (t - t0), D = 1 from `at` on, t0 =
 * t[at]. */
struct stats_segmented {
    struct stats_interval trend; /* b, a step of t */
    struct stats_interval level; /* change at the break */
    struct stats_interval slope; /* change of the trend after it */
    double level_p;              /* two-sided */
    double slope_p;
    int lags;      /* Newey-West bandwidth used */
    double memory; /* first autocorrelation of the errors, 0..0.95, freed of the fit's bias */
};
/*
 * t, y  [n], n <= STATS_SERIES_MAX, t strictly ascending; at: index of the first point after the
 * break.
 *
 * Errors: ERR_LIMIT  fewer than STATS_SERIES_LEAST points on a side, or the arena is full.
 * Source: W. Newey and K. West, Econometrica 55 (1987), Bartlett kernel, bandwidth
 * floor(4 (n/100)^(2/9)), with the n/(n-k) correction; A. Wagner et al., J. Clin. Pharm. Ther. 27
 * (2002). Intervals are the estimate and as many of these errors as 95 % of series without a
 * change, of the same length and autocorrelation, stay within: a parametric bootstrap of the
 * studentized estimate, A. Davison and D. Hinkley, Bootstrap Methods (1997), sections 2.4 and 8.2.
 */
MUST_CHECK enum errc stats_segmented(const double *t, const double *y, size_t n, size_t at,
                                     struct arena *arena, struct stats_segmented *out,
                                     struct err *err);

/* ---- shares */

enum { STATS_SHAPLEY_MAX = 10 };

/*
 * Exact Shapley values of a game: what each of `parts` players adds, over every order.
 *
 * value  [1 << parts] the worth of each coalition; bit i: player i is in it.
 * out    [parts]; they sum to value[all] - value[0].
 *
 * Source: L. Shapley, A Value for n-Person Games (1953).
 */
void stats_shapley(const double *value, size_t parts, double *out);

#endif
