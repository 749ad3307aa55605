/*
 * attribution/segments: which kinds of cases cost otherwise per outcome (economics.md section 9).
 *
 *     attributes in codes --segments_plan--> which attributes to count together
 *     counts and sums a code combination --segments_fold--> candidates (up to three tests each)
 *     candidates --segments_judge--> p, q of discovery, p of confirmation
 *     --segments_pick--> the next segment, its cases taken out, --segments_fold--> ... again
 *     sums of a segment and of the rest --segments_decompose--> the difference in five parts
 *
 * Pure: no I/O, no clock, no global. A case is in one of two halves: differences are looked for in
 * the first and must be there again in the second.
 */
#ifndef ATTRIBUTION_SEGMENTS_SEGMENTS_H
#define ATTRIBUTION_SEGMENTS_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attribution/stats/stats.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/money.h"

enum {
    SEGMENTS_ATTRIBUTES_MAX = 24,
    SEGMENTS_VALUES_MAX = 12, /* values of an attribute with a code of their own */
    SEGMENTS_CUTS_MAX = 4,    /* thresholds of a numeric attribute */
    SEGMENTS_RULE_MAX = 3,    /* tests in a rule */
    SEGMENTS_FOUND_MAX = 8,
    SEGMENTS_SUPPORT_LEAST = 20, /* cases */
    SEGMENTS_CANDIDATES_MAX = 150000,
    SEGMENTS_CELLS_MAX = 1 << 15, /* code combinations counted at once */
    SEGMENTS_ALSO_MAX = 4,        /* other ways to say a segment */
};

#define SEGMENTS_SUPPORT_SHARE 0.02 /* of the closed cases */
#define SEGMENTS_FALSE_MAX     0.10 /* false discovery rate */
#define SEGMENTS_P_MAX         0.05 /* of the confirmation, two-sided */
#define SEGMENTS_ALIKE         0.80 /* Jaccard index from which two rules say the same */

/* Codes of an attribute's values: 4 bits. Those of a numeric one count the thresholds that its
 * value reaches, from 1. */
enum { SEGMENTS_CODE_NONE, SEGMENTS_CODE_OTHER = SEGMENTS_VALUES_MAX + 1, SEGMENTS_CODES = 16 };

enum segments_half { SEGMENTS_DISCOVERY, SEGMENTS_CONFIRMATION, SEGMENTS_HALVES };

/* A test an attribute allows: its code is first..last. */
struct segments_range {
    uint8_t first;
    uint8_t last;
};
enum { SEGMENTS_RANGES_MAX = SEGMENTS_VALUES_MAX + 1 };

struct segments_attribute {
    struct segments_range ranges[SEGMENTS_RANGES_MAX];
    size_t range_count;
    size_t code_count; /* codes that occur */
};

struct segments_test {
    uint8_t attribute;
    struct segments_range range;
};

/* By ascending attribute. */
struct segments_rule {
    struct segments_test tests[SEGMENTS_RULE_MAX];
    size_t count;
};

/* Of cases: cost in units of the caller's scale, whole numbers below 2^31 a case. */
struct segments_sums {
    int64_t n;
    int64_t resolved;
    money_sum cost;
    money_sum square;        /* sum of cost^2 */
    money_sum cost_resolved; /* cost of the resolved ones */
};

struct segments_candidate {
    struct segments_rule rule;
    struct segments_sums all[SEGMENTS_HALVES];
    struct segments_sums left[SEGMENTS_HALVES]; /* without cases of segments found before */
    int64_t held;                               /* cases in `left` before the last pass */
    double p[SEGMENTS_HALVES];                  /* against the rest of the half, two-sided */
    int sign[SEGMENTS_HALVES];                  /* +1: costs more than the rest, -1: less */
    double q;                                   /* Benjamini-Hochberg over the discovery half */
    bool majority;  /* of more than half the cases: what others are held against, not tested */
    bool confirmed; /* q and the second p hold, and both differences have the same sign */
    bool alive;     /* confirmed, and not explained by the segments found before */
};

/* Attributes of one query: bit i is attribute i. */
struct segments_plan {
    uint32_t *rows; /* [count], owned by the arena */
    size_t count;
    size_t capacity;
};

struct segments {
    const struct segments_attribute *attributes; /* [attribute_count], borrowed */
    size_t attribute_count;
    int64_t support_min;
    struct segments_sums total[SEGMENTS_HALVES];
    struct segments_sums total_left[SEGMENTS_HALVES];
    struct segments_candidate *rows; /* owned by the arena */
    size_t count;
    size_t capacity;
    size_t tests;                 /* candidates that are tested: all but majorities */
    size_t next;                  /* of the pass that fills `left`: candidate whose turn it is */
    bool refold;                  /* that pass */
    bool truncated;               /* more than SEGMENTS_CANDIDATES_MAX: the rest was not tried */
    struct segments_table *table; /* scratch of segments_fold, owned by the arena */
};

/* A code combination: four bits an attribute, and what its cases sum to. */
struct segments_cell {
    uint64_t codes[2]; /* attribute i: bits 4 (i % 12) of codes[i / 12] */
    enum segments_half half;
    struct segments_sums sums;
};
enum { SEGMENTS_PER_WORD = 12 };

/* Queries so that every three attributes are together in one, each of at most SEGMENTS_CELLS_MAX
 * combinations where that can be. cases: closed ones. Errors: ERR_LIMIT. */
MUST_CHECK enum errc segments_plan(const struct segments_attribute *attributes, size_t count,
                                   int64_t cases, struct arena *arena, struct segments_plan *out,
                                   struct err *err);

/* Begin the pass that fills `left` of the candidates there are. */
void segments_refold(struct segments *segments);

/*
 * Take the cells of query `at` of the plan: candidates of the attribute combinations that no
 * earlier query of the plan held. All of the plan's queries, in order, are one pass.
 *
 * Errors: ERR_LIMIT  the arena is full.
 */
MUST_CHECK enum errc segments_fold(struct segments *segments, const struct segments_plan *plan,
                                   size_t at, const struct segments_cell *cells, size_t count,
                                   struct arena *arena, struct err *err);

/* After the first pass: p, q, confirmed of each candidate. Errors: ERR_LIMIT. */
MUST_CHECK enum errc segments_judge(struct segments *segments, struct arena *arena,
                                    struct err *err);

/*
 * The next segment, or SIZE_MAX: of the candidates alive that of the highest score, and in its
 * place the simplest rule above it that explains the difference as well. One that does not differ
 * from what a rule of one test less holds beside it owes its difference to that rule: it is no
 * longer alive, and the next is tried.
 */
size_t segments_pick(struct segments *segments);

/*
 * After a pass without the cases of candidate `found`: candidates whose difference was that of
 * `found` are no longer alive. Those that hold nearly the same cases go to out_also
 * [SEGMENTS_ALSO_MAX]; returns how many.
 */
size_t segments_explain(struct segments *segments, size_t found, size_t *out_also);

/*
 * Two-sided p of equal cost per outcome in two groups of cases, the larger of two tests: the delta
 * method (stats_ratio_difference), and that of the residuals cost - R resolved at the common ratio
 * R with their common variance, which a segment without any outcome has too. Both by Student's t
 * with the smaller group's cases less one as degrees of freedom, since costs have long tails. 1
 * below 10 cases in a group.
 *
 * out_sign  +1: a costs more; 0: cannot be said.
 * Source: for the t by its normal approximation, M. Abramowitz and I. Stegun, Handbook of
 * Mathematical Functions (1964), 26.7.8.
 */
double segments_p(const struct segments_sums *a, const struct segments_sums *b, int *out_sign);

/* Cost per outcome in the caller's scale. Of cases none of which is resolved, the least it is:
 * cost over the upper Wilson bound of the resolved. NaN: no cases. */
double segments_cost_per_outcome(const struct segments_sums *sums);

/* |difference of cost per outcome| times the square root of the cases, in a half. */
double segments_score(const struct segments_sums *a, const struct segments_sums *rest);

void segments_add(struct segments_sums *to, const struct segments_sums *sums, int64_t sign);
struct stats_sums segments_stats(const struct segments_sums *sums);

/* Whether every case of a rule is also of the other, by its tests. */
bool segments_within(const struct segments_rule *rule, const struct segments_rule *of);

/* ---- why */

enum segments_part {
    SEGMENTS_BASE,
    SEGMENTS_RETRY,
    SEGMENTS_CONTEXT,
    SEGMENTS_MODEL_MIX,
    SEGMENTS_HUMAN,
    SEGMENTS_PARTS
};
enum { SEGMENTS_MODELS_MAX = 32 };

/* Closed cases by what their first attempt brought. */
enum segments_kind { SEGMENTS_FIRST /* the resolution */, SEGMENTS_LATER, SEGMENTS_KINDS };

/* What cases of a kind did. USD. */
struct segments_work {
    double cases;
    double attempts;
    double people_usd;
    double agent_usd;                       /* all of the attempts, tools included */
    double calls[SEGMENTS_MODELS_MAX];      /* by model */
    double call_usd[SEGMENTS_MODELS_MAX];   /* what they cost */
    double prompt_usd[SEGMENTS_MODELS_MAX]; /* of that, what went in */
};

struct segments_side {
    double resolved; /* > 0 */
    struct segments_work kinds[SEGMENTS_KINDS];
};

/*
 * What makes cost per outcome of `a` differ from that of `b`: parts sum to the difference (Shapley
 * over the five; docs/segments.md has the formula).
 *
 * out  [SEGMENTS_PARTS], USD an outcome. Returns the difference.
 */
double segments_decompose(const struct segments_side *a, const struct segments_side *b,
                          size_t models, double *out);

#endif
