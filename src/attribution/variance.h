/*
 * attribution/variance: how much the same work varies: medians of ratios, and how often repeated
 * trials succeed.
 *
 *     counts of replicates -> places of order statistics, pass^k and pass@k with intervals
 *
 * Pure; a seed comes in.
 */
#ifndef ATTRIBUTION_VARIANCE_H
#define ATTRIBUTION_VARIANCE_H

#include <stddef.h>
#include <stdint.h>

#include "attribution/stats/stats.h"
#include "base/arena.h"
#include "base/err.h"

enum {
    VARIANCE_PASS_MAX = 10,
    VARIANCE_BOOTSTRAP_KEYS_MAX = 2000, /* more keys: the delta method */
};

/* Places, from 1, in the ascending order of n values. */
struct variance_ranks {
    int64_t low; /* 0: too few values for an interval */
    int64_t high;
    int64_t middle; /* the median is the mean of these two */
    int64_t middle_above;
};

/*
 * Where the median of n values is, and the narrowest pair of values, as far from either end, that
 * hold the true median with at least 95 %: what the bootstrap of a median converges to, without
 * drawing.
 *
 * n  at least 1
 *
 * Source: H. A. David and H. N. Nagaraja, Order Statistics, 3rd ed. (2003), section 7.1; beyond
 * 1,000 values by the normal approximation of the binomial.
 */
struct variance_ranks variance_median(int64_t n);

/* Keys that had `trials` trials, of which `resolved` succeeded. */
struct variance_trials {
    int64_t trials;
    int64_t resolved;
    int64_t keys;
};

struct variance_pass {
    struct stats_interval hat; /* pass^k: k trials all succeed */
    struct stats_interval at;  /* pass@k: at least one of k does */
    int64_t keys;
    const char *hat_method; /* "bootstrap", "delta"; "wilson" where all keys are alike */
    const char *at_method;
};

/*
 * Over keys: C(c,k)/C(n,k) and 1 - C(n-c,k)/C(n,k) averaged, both unbiased. Where every key has 0,
 * or every key 1, resampling them would say that this is certain: the interval is Wilson's.
 *
 * rows  [count], each with trials >= k and at least one key
 * k     1..VARIANCE_PASS_MAX
 *
 * Errors: ERR_LIMIT  the arena is full.
 * Source: S. Yao et al., tau-bench (2024), section 3.3; M. Chen et al., Evaluating Large Language
 * Models Trained on Code (2021), section 2.1.
 */
MUST_CHECK enum errc variance_pass(const struct variance_trials *rows, size_t count, int k,
                                   uint64_t seed, struct arena *arena, struct variance_pass *out,
                                   struct err *err);

#endif
