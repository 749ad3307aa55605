/*
 * attribution/routing: which model does a workflow's work as well as the one in use for less.
 *
 *     counts of two models on the same work --> difference, interval, verdict --> recommendation
 *
 * Models are compared by first attempts and only on comparable work: the same inputs, a like mix of
 * cases, or cell by cell. Pure: no I/O, no clock, no global; randomness comes in as a seed.
 */
#ifndef ATTRIBUTION_ROUTING_ROUTING_H
#define ATTRIBUTION_ROUTING_ROUTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attribution/stats/stats.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum {
    ROUTING_CELL_LEAST = 5, /* cases of each model in a cell for the cell to count */
    ROUTING_VALUES_MAX = 50,
    ROUTING_MODELS_MAX = 64,
    ROUTING_MONTH_DAYS = 30,
};
#define ROUTING_POWER         0.8
#define ROUTING_RATE_BALANCE  0.10 /* false discovery rate of unbalanced attributes */
#define ROUTING_V_NEGLIGIBLE  0.10 /* Cramer's V below it: Cohen's "small" effect at most */
#define ROUTING_CHANCE_LEAST  0.05 /* an experiment less likely to succeed is not proposed */
#define ROUTING_SHARE_DEFAULT 0.10 /* of traffic, where its rate is not known */
#define ROUTING_SHARE_LEAST   0.01
#define ROUTING_SHARE_MOST    0.50

/* First attempts of closed cases. Costs are of those whose cost is known. */
struct routing_arm {
    int64_t cases;
    int64_t successes;
    int64_t costed;
    int64_t costed_successes;
    double cost_usd;
    double success_cost_usd; /* of the costed ones that succeeded */
    double cost_squares;     /* USD^2 */
};

/* NaN: no cost is known. */
double routing_mean_cost(const struct routing_arm *arm);
struct stats_interval routing_cost_per_attempt(const struct routing_arm *arm);
/* What first attempts cost for each that resolved its case: failures are paid for by successes. */
struct stats_interval routing_cost_per_outcome(const struct routing_arm *arm);

/* ---- comparisons: candidate minus reference */

enum routing_evidence {
    ROUTING_NONE,       /* no comparable work */
    ROUTING_REPLICATES, /* the same inputs */
    ROUTING_BALANCED,   /* mixed traffic in which both had the same mix of cases */
    ROUTING_STRATIFIED, /* mixed traffic of different mixes, compared cell by cell */
};

enum routing_verdict {
    ROUTING_REFERENCE,
    ROUTING_NOT_WORSE,    /* non-inferior: the lower bound is above -margin */
    ROUTING_WORSE,        /* the upper bound is below -margin */
    ROUTING_INCONCLUSIVE, /* the interval holds -margin */
    ROUTING_THIN,         /* fewer than STATS_THIN_BELOW of either on comparable work */
    ROUTING_INCOMPARABLE, /* no comparable work */
    ROUTING_VERDICT_COUNT,
};

struct routing_comparison {
    enum routing_evidence evidence;
    enum routing_verdict verdict;
    int64_t keys; /* input keys both worked on; 0 of other evidence */
    int64_t cases;
    int64_t reference_cases;
    struct stats_interval success; /* on comparable work, standardised where it is stratified */
    struct stats_interval reference_success;
    struct stats_interval difference;
    double cost_usd; /* mean of an attempt on comparable work; NaN: not known */
    double reference_cost_usd;
    struct stats_interval cost_difference;
    double covered; /* share of the workflow's closed cases the comparison speaks for */
};

/* The same inputs, each once: shares of trials that succeeded, as the table of one trial of each
 * drawn at random. */
struct routing_pairs {
    int64_t keys;
    int64_t cases;
    int64_t reference_cases;
    double both;
    double candidate_only;
    double reference_only;
    int64_t cost_keys; /* keys on which both costs are known */
    double cost_usd;   /* sum over keys of the candidate's mean cost */
    double reference_cost_usd;
    double difference_squares; /* USD^2 */
};

/* Source: R. G. Newcombe, "Improved confidence intervals for the difference between binomial
 * proportions based on paired data", Statistics in Medicine 17 (1998), method 10. */
struct stats_interval routing_paired_difference(double both, double a_only, double b_only,
                                                double pairs);
struct routing_comparison routing_compare_pairs(const struct routing_pairs *pairs);

/* A cell of like cases. */
struct routing_cell {
    double weight; /* closed cases of all models in it */
    struct routing_arm candidate;
    struct routing_arm reference;
};

/*
 * Both models standardised to the workflow's mix over the cells where both have
 * ROUTING_CELL_LEAST cases. One cell alone is Newcombe's interval of two independent proportions.
 *
 * total  closed cases of the workflow, in any cell.
 *
 * Source: G. Y. Zou, W. Huang, X. Zhang, "A note on confidence interval estimation for a linear
 * function of binomial proportions", Computational Statistics & Data Analysis 53 (2009), with
 * Wilson's limits.
 */
struct routing_comparison routing_compare_cells(const struct routing_cell *cells, size_t count,
                                                int64_t total);

/* Errors: none; margin is a share (0.02 is two percentage points). */
enum routing_verdict routing_judge(const struct routing_comparison *comparison, double margin);

/* ---- balance */

struct routing_balance {
    double statistic; /* chi-square */
    int64_t freedom;
    double p;
    double cramer_v;
};

/* Upper tail of the chi-square distribution. Source: W. Press et al., Numerical Recipes, 3rd ed.,
 * section 6.2 (incomplete gamma function). */
double routing_chi_square_p(double statistic, int64_t freedom);

/*
 * Whether models were given the same mix of an attribute's values.
 *
 * counts  [values * models], models of one value together. Values whose expected count with the
 *         least used model is below 1 are taken together (Cochran's rule).
 */
struct routing_balance routing_balance(const int64_t *counts, size_t values, size_t models);

/* ---- what to do */

struct routing_option {
    struct str model;
    struct routing_comparison
        comparison;              /* with the reference; verdict says which is the reference */
    double raw_cost_usd;         /* mean of an attempt on whatever it did */
    double cost_per_outcome_usd; /* the same; breaks ties */
    bool in_doubt;               /* an attribute that differs could not be held fixed */
};

/* The cheapest option that is not worse and is cheaper beyond doubt; SIZE_MAX: none. */
size_t routing_recommend(const struct routing_option *options, size_t count);

struct routing_experiment {
    size_t option;        /* SIZE_MAX: none is worth trying */
    double chance;        /* that it is non-inferior, as far as is known; 0.5: nothing is */
    double share;         /* of traffic to give it */
    int64_t cases_needed; /* of it, and at least as many of the reference */
    double days;          /* until then; NaN: the rate of cases is not known */
};

/*
 * What to try where nothing can be recommended: the cheaper option with the largest expected
 * saving.
 *
 * success        of the reference; both are taken to succeed that often
 * cases_per_day  of the workflow; NaN: not known
 */
struct routing_experiment routing_propose(const struct routing_option *options, size_t count,
                                          double reference_cost_usd, double success, double margin,
                                          double cases_per_day);

/* ---- cascades: the first model, and where it fails, the second */

/* One unit: an input key, or a closed case. */
struct routing_stage_row {
    double weight_second; /* units of a failing first stage that the second stage took up, 0..1 */
    double success_first; /* 0..1 */
    double success_second;
    double cost_first_usd;
    double cost_second_usd;
};

struct routing_cascade {
    int64_t units;
    double failed;         /* units whose first stage failed, and of which a second is known */
    double success_first;  /* p1 */
    double success_second; /* p2 where the first failed */
    double cost_first_usd;
    double cost_second_usd; /* where the first failed */
    struct stats_interval success;
    struct stats_interval cost;
};

/*
 * Expected success p1 + (1 - p1) p2|fail1 and cost c1 + (1 - p1) c2|fail1 of the units. Intervals
 * by the bootstrap over units when `draws` > 0. units >= 1.
 *
 * Errors: ERR_LIMIT when the arena is full.
 */
MUST_CHECK enum errc routing_cascade(const struct routing_stage_row *rows, size_t count,
                                     size_t draws, uint64_t seed, struct arena *arena,
                                     struct routing_cascade *out, struct err *err);

#endif
