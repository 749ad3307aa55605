/* Two models on comparable work: differences of success and of cost with their intervals. */
#include <math.h>

#include "attribution/routing/routing.h"
#include "base/check.h"

double routing_mean_cost(const struct routing_arm *arm)
{
    CHECK(arm != NULL);
    return arm->costed > 0 ? arm->cost_usd / (double)arm->costed : NAN;
}

/* What `units` of the costed cases cost each, when those cost `units_usd` by themselves. */
static struct stats_interval cost_per(const struct routing_arm *arm, int64_t units,
                                      double units_usd)
{
    const struct stats_sums sums = {.n = arm->costed,
                                    .y = arm->cost_usd,
                                    .x = (double)units,
                                    .yy = arm->cost_squares,
                                    .xy = units_usd,
                                    .xx = (double)units};
    return stats_ratio(&sums);
}

struct stats_interval routing_cost_per_attempt(const struct routing_arm *arm)
{
    CHECK(arm != NULL);
    return cost_per(arm, arm->costed, arm->cost_usd);
}

struct stats_interval routing_cost_per_outcome(const struct routing_arm *arm)
{
    CHECK(arm != NULL);
    return cost_per(arm, arm->costed_successes, arm->success_cost_usd);
}

static double square(double x)
{
    return x * x;
}

/* Wilson's interval of a share that need not be of whole successes. */
static struct stats_interval wilson(double share, double n)
{
    const double z2 = square(STATS_Z95);
    const double centre = (share + z2 / (2 * n)) / (1 + z2 / n);
    const double half = STATS_Z95 * sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n);
    return (struct stats_interval){share, share > 0 ? centre - half : 0,
                                   share < 1 ? centre + half : 1};
}

static double root(double squares)
{
    return sqrt(squares > 0 ? squares : 0);
}

struct stats_interval routing_paired_difference(double both, double a_only, double b_only,
                                                double pairs)
{
    CHECK(pairs > 0);
    const double neither = fmax(pairs - both - a_only - b_only, 0);
    const struct stats_interval a = wilson(fmin((both + a_only) / pairs, 1), pairs);
    const struct stats_interval b = wilson(fmin((both + b_only) / pairs, 1), pairs);
    const double margins =
        (both + a_only) * (b_only + neither) * (both + b_only) * (a_only + neither);
    double agreement = both * neither - a_only * b_only;
    if (agreement > 0) {
        agreement = fmax(agreement - pairs / 2, 0); /* the correction that makes it method 10 */
    }
    const double phi = margins > 0 ? agreement / sqrt(margins) : 0;
    const double down = a.value - a.low;
    const double up = a.high - a.value;
    const double below =
        square(down) - 2 * phi * down * (b.high - b.value) + square(b.high - b.value);
    const double above = square(up) - 2 * phi * up * (b.value - b.low) + square(b.value - b.low);
    const double difference = (a_only - b_only) / pairs;
    return (struct stats_interval){difference, difference - root(below), difference + root(above)};
}

static const struct stats_interval none = {NAN, NAN, NAN};

struct routing_comparison routing_compare_pairs(const struct routing_pairs *pairs)
{
    CHECK(pairs != NULL);
    struct routing_comparison out = {.evidence = ROUTING_REPLICATES,
                                     .keys = pairs->keys,
                                     .cases = pairs->cases,
                                     .reference_cases = pairs->reference_cases,
                                     .success = none,
                                     .reference_success = none,
                                     .difference = none,
                                     .cost_usd = NAN,
                                     .reference_cost_usd = NAN,
                                     .cost_difference = none,
                                     .covered = NAN};
    if (pairs->keys == 0) {
        out.evidence = ROUTING_NONE;
        return out;
    }
    const double n = (double)pairs->keys;
    out.success = wilson((pairs->both + pairs->candidate_only) / n, n);
    out.reference_success = wilson((pairs->both + pairs->reference_only) / n, n);
    out.difference =
        routing_paired_difference(pairs->both, pairs->candidate_only, pairs->reference_only, n);
    if (pairs->cost_keys > 0) {
        const double costed = (double)pairs->cost_keys;
        const double difference = pairs->cost_usd - pairs->reference_cost_usd;
        const struct stats_sums sums = {.n = pairs->cost_keys,
                                        .y = difference,
                                        .x = costed,
                                        .yy = pairs->difference_squares,
                                        .xy = difference,
                                        .xx = costed};
        out.cost_usd = pairs->cost_usd / costed;
        out.reference_cost_usd = pairs->reference_cost_usd / costed;
        out.cost_difference = stats_ratio(&sums);
    }
    return out;
}

static bool counts(const struct routing_cell *cell)
{
    return cell->candidate.cases >= ROUTING_CELL_LEAST &&
           cell->reference.cases >= ROUTING_CELL_LEAST && cell->weight > 0;
}

/* Weighted sums over cells: a mean, and the squares of the distances to its limits (or, of costs,
 * twice its variance). */
struct standard {
    double value;
    double below;
    double above;
};

static void add_rate(struct standard *sum, const struct routing_arm *arm, double weight)
{
    const struct stats_interval rate = stats_wilson(arm->successes, arm->cases);
    sum->value += weight * rate.value;
    sum->below += square(weight * (rate.value - rate.low));
    sum->above += square(weight * (rate.high - rate.value));
}

static void add_cost(struct standard *sum, const struct routing_arm *arm, double weight)
{
    const struct stats_interval cost = routing_cost_per_attempt(arm);
    sum->value += weight * cost.value;
    sum->below += square(weight * (cost.value - cost.low));
}

static struct stats_interval limits(double value, double below, double above)
{
    return (struct stats_interval){value, value - root(below), value + root(above)};
}

/* Costs over the cells in which both have two and more. */
static void compare_costs(const struct routing_cell *cells, size_t count,
                          struct routing_comparison *out)
{
    double weight = 0;
    struct standard candidate = {0};
    struct standard reference = {0};
    for (size_t i = 0; i < count; i++) {
        const bool costed = cells[i].candidate.costed > 1 && cells[i].reference.costed > 1;
        weight += costed && counts(&cells[i]) ? cells[i].weight : 0;
    }
    for (size_t i = 0; i < count; i++) {
        const bool costed = cells[i].candidate.costed > 1 && cells[i].reference.costed > 1;
        if (costed && counts(&cells[i])) {
            add_cost(&candidate, &cells[i].candidate, cells[i].weight / weight);
            add_cost(&reference, &cells[i].reference, cells[i].weight / weight);
        }
    }
    if (weight > 0) {
        const double squares = candidate.below + reference.below;
        out->cost_usd = candidate.value;
        out->reference_cost_usd = reference.value;
        out->cost_difference = limits(candidate.value - reference.value, squares, squares);
    }
}

struct routing_comparison routing_compare_cells(const struct routing_cell *cells, size_t count,
                                                int64_t total)
{
    CHECK(count == 0 || cells != NULL);
    struct routing_comparison out = {.evidence = ROUTING_NONE,
                                     .success = none,
                                     .reference_success = none,
                                     .difference = none,
                                     .cost_usd = NAN,
                                     .reference_cost_usd = NAN,
                                     .cost_difference = none,
                                     .covered = 0};
    double weight = 0;
    for (size_t i = 0; i < count; i++) {
        weight += counts(&cells[i]) ? cells[i].weight : 0;
    }
    if (!(weight > 0)) {
        return out;
    }
    struct standard candidate = {0};
    struct standard reference = {0};
    for (size_t i = 0; i < count; i++) {
        if (counts(&cells[i])) {
            add_rate(&candidate, &cells[i].candidate, cells[i].weight / weight);
            add_rate(&reference, &cells[i].reference, cells[i].weight / weight);
            out.cases += cells[i].candidate.cases;
            out.reference_cases += cells[i].reference.cases;
        }
    }
    out.evidence = count == 1 ? ROUTING_BALANCED : ROUTING_STRATIFIED;
    out.success = limits(candidate.value, candidate.below, candidate.above);
    out.reference_success = limits(reference.value, reference.below, reference.above);
    out.difference = limits(candidate.value - reference.value, candidate.below + reference.above,
                            candidate.above + reference.below);
    out.covered = total > 0 ? weight / (double)total : 0;
    compare_costs(cells, count, &out);
    return out;
}

enum routing_verdict routing_judge(const struct routing_comparison *comparison, double margin)
{
    CHECK(comparison != NULL);
    CHECK(margin >= 0);
    if (comparison->evidence == ROUTING_NONE) {
        return ROUTING_INCOMPARABLE;
    }
    const int64_t n = comparison->evidence == ROUTING_REPLICATES ? comparison->keys : INT64_MAX;
    if (comparison->cases < STATS_THIN_BELOW || comparison->reference_cases < STATS_THIN_BELOW ||
        n < STATS_THIN_BELOW) {
        return ROUTING_THIN;
    }
    if (comparison->difference.low > -margin) {
        return ROUTING_NOT_WORSE;
    }
    return comparison->difference.high < -margin ? ROUTING_WORSE : ROUTING_INCONCLUSIVE;
}
