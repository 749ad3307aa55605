/* From comparisons to what to do: a recommendation, or an experiment and its size. */
#include <math.h>

#include "attribution/routing/routing.h"
#include "base/check.h"

/* Cost against the reference on the work both did; options are ranked by it, because each has its
 * own comparable work. */
static double relative_cost(const struct routing_option *option)
{
    return option->comparison.cost_usd / option->comparison.reference_cost_usd;
}

static bool eligible(const struct routing_option *option)
{
    return option->comparison.verdict == ROUTING_NOT_WORSE && !option->in_doubt &&
           option->comparison.cost_difference.high < 0;
}

static bool better(const struct routing_option *a, const struct routing_option *b)
{
    const double ours = relative_cost(a);
    const double theirs = relative_cost(b);
    if (ours < theirs || ours > theirs) {
        return ours < theirs;
    }
    if (a->cost_per_outcome_usd < b->cost_per_outcome_usd ||
        a->cost_per_outcome_usd > b->cost_per_outcome_usd) {
        return a->cost_per_outcome_usd < b->cost_per_outcome_usd;
    }
    return str_compare(a->model, b->model) < 0;
}

size_t routing_recommend(const struct routing_option *options, size_t count)
{
    CHECK(count == 0 || options != NULL);
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        if (eligible(&options[i]) && (best == SIZE_MAX || better(&options[i], &options[best]))) {
            best = i;
        }
    }
    return best;
}

/* Chance that the option is not worse than the margin, from what is known of the difference. */
static double chance_of(const struct routing_comparison *c, double margin)
{
    const double half = c->difference.value - c->difference.low;
    if (c->verdict == ROUTING_INCOMPARABLE || !(half > 0)) {
        return 0.5;
    }
    return stats_normal_cdf((c->difference.value + margin) / (half / STATS_Z95));
}

static bool worth_trying(const struct routing_option *option)
{
    switch (option->comparison.verdict) {
    case ROUTING_INCONCLUSIVE:
    case ROUTING_THIN:
    case ROUTING_INCOMPARABLE:
        return true;
    case ROUTING_NOT_WORSE:
        return option->in_doubt;
    case ROUTING_REFERENCE:
    case ROUTING_WORSE:
    case ROUTING_VERDICT_COUNT:
        return false;
    }
    return false;
}

/* Saved by each attempt, as far as is known; negative or NaN: nothing. */
static double saving_of(const struct routing_option *option, double reference_cost_usd)
{
    const struct routing_comparison *const c = &option->comparison;
    return isfinite(c->cost_difference.value) ? -c->cost_difference.value
                                              : reference_cost_usd - option->raw_cost_usd;
}

struct routing_experiment routing_propose(const struct routing_option *options, size_t count,
                                          double reference_cost_usd, double success, double margin,
                                          double cases_per_day)
{
    CHECK(margin >= 0);
    struct routing_experiment out = {.option = SIZE_MAX, .days = NAN};
    double best = 0;
    for (size_t i = 0; i < count; i++) {
        const double chance = chance_of(&options[i].comparison, margin);
        const double saving = saving_of(&options[i], reference_cost_usd) * chance;
        if (worth_trying(&options[i]) && chance >= ROUTING_CHANCE_LEAST && saving > best) {
            best = saving;
            out.option = i;
            out.chance = chance;
        }
    }
    if (out.option == SIZE_MAX || !(success >= 0) || !(margin > 0)) {
        out.option = SIZE_MAX;
        return out;
    }
    /* At 0 or 1 nothing varies: the size is that of one more case on the other side. */
    const double p = fmin(fmax(success, 0.01), 0.99);
    out.cases_needed = stats_sample_size_non_inferior(p, p, margin, ROUTING_POWER);
    out.share = ROUTING_SHARE_DEFAULT;
    if (cases_per_day > 0) {
        const double month = cases_per_day * ROUTING_MONTH_DAYS;
        const double wanted = ceil((double)out.cases_needed / month * 100) / 100;
        out.share = fmin(fmax(wanted, ROUTING_SHARE_LEAST), ROUTING_SHARE_MOST);
        out.days = (double)out.cases_needed / (out.share * cases_per_day);
    }
    return out;
}
