/* What to do with comparisons: refusals first, then choice, then random truth. */
#include <math.h>

#include "attribution/routing/routing.h"
#include "base/rng.h"
#include "support/test.h"

#define MARGIN 0.02

static struct routing_option option(struct str model, double low, double cost_usd)
{
    struct routing_option o = {
        .model = model,
        .comparison = {.evidence = ROUTING_BALANCED,
                       .cases = 1000,
                       .reference_cases = 1000,
                       .difference = {low + 0.03, low, low + 0.06},
                       .cost_usd = cost_usd,
                       .reference_cost_usd = 1,
                       .cost_difference = {cost_usd - 1, cost_usd - 1.05, cost_usd - 0.95},
                       .covered = 1},
        .raw_cost_usd = cost_usd,
        .cost_per_outcome_usd = cost_usd / 0.8};
    o.comparison.verdict = routing_judge(&o.comparison, MARGIN);
    return o;
}

static void what_is_not_shown_or_not_cheaper_is_never_recommended(void)
{
    struct routing_option options[] = {
        option(STR("worse"), -0.2, 0.1),     option(STR("at-the-margin"), -MARGIN, 0.1),
        option(STR("dear"), 0.01, 1.5),      option(STR("hardly-cheaper"), 0.01, 0.97),
        option(STR("confounded"), 0.1, 0.1), option(STR("unpriced"), 0.1, NAN),
    };
    options[4].in_doubt = true;
    EXPECT(routing_recommend(options, COUNT_OF(options)) == SIZE_MAX);
    EXPECT(routing_recommend(NULL, 0) == SIZE_MAX);
}

static void the_cheapest_of_those_not_worse_is_recommended(void)
{
    const struct routing_option options[] = {
        option(STR("cheapest"), -0.05, 0.1),
        option(STR("second"), -0.01, 0.3),
        option(STR("better"), 0.2, 0.5),
    };
    EXPECT(routing_recommend(options, COUNT_OF(options)) == 1);
}

static void ties_go_by_cost_per_outcome_and_then_by_name(void)
{
    struct routing_option options[] = {option(STR("c"), 0, 0.3), option(STR("b"), 0, 0.3),
                                       option(STR("a"), 0, 0.3)};
    EXPECT(routing_recommend(options, COUNT_OF(options)) == 2);
    options[0].cost_per_outcome_usd = 0.2;
    EXPECT(routing_recommend(options, COUNT_OF(options)) == 0);
}

static void no_experiment_where_nothing_can_be_gained(void)
{
    struct routing_option options[] = {option(STR("worse"), -0.2, 0.1),
                                       option(STR("dear"), -0.03, 1.5),
                                       option(STR("reference"), 0, 1)};
    options[2].comparison.verdict = ROUTING_REFERENCE;
    const struct routing_experiment e =
        routing_propose(options, COUNT_OF(options), 1, 0.8, MARGIN, 100);
    EXPECT(e.option == SIZE_MAX);
}

/* 2 x 0.8 x 0.2 x (1.959964 + 0.841621)^2 / 0.02^2 = 6,279.1: 6,280 cases each. */
static void the_size_of_an_experiment_is_the_textbook_one(void)
{
    struct routing_option options[] = {option(STR("unclear"), -0.05, 0.5),
                                       option(STR("unseen"), 0, 0.1)};
    options[1].comparison.evidence = ROUTING_NONE;
    options[1].comparison.verdict = ROUTING_INCOMPARABLE;
    options[1].comparison.cost_difference = (struct stats_interval){NAN, NAN, NAN};
    const struct routing_experiment e =
        routing_propose(options, COUNT_OF(options), 1, 0.8, MARGIN, 1000);
    EXPECT(e.option == 1); /* saves 0.9 at even odds; the other 0.5 at 67 % */
    EXPECT(fabs(e.chance - 0.5) < 1e-12);
    EXPECT(e.cases_needed == 6280);
    EXPECT(fabs(e.share - 0.21) < 1e-12); /* 6,280 of 30,000 a month */
    EXPECT(fabs(e.days - 6280 / 210.0) < 1e-9);
    const struct routing_experiment undated =
        routing_propose(options, COUNT_OF(options), 1, 0.8, MARGIN, NAN);
    EXPECT(isnan(undated.days));
    EXPECT(fabs(undated.share - ROUTING_SHARE_DEFAULT) < 1e-12);
}

static struct routing_arm drawn(struct rng *rng, int64_t n, double p, double cost_usd)
{
    struct routing_arm a = {.cases = n, .costed = n};
    for (int64_t i = 0; i < n; i++) {
        const double cost = cost_usd * (0.5 + rng_unit(rng));
        const bool success = rng_unit(rng) < p;
        a.successes += success;
        a.cost_usd += cost;
        a.cost_squares += cost * cost;
        a.success_cost_usd += success ? cost : 0;
    }
    a.costed_successes = a.successes;
    return a;
}

/* A cheap model whose truth is worse by more than the margin: seldom by the bound, and never where
 * the bound itself says so. */
static void a_cheap_model_that_is_worse_is_not_recommended(void)
{
    enum { SEEDS = 2000 };
    int recommended = 0;
    struct rng rng;
    rng_init(&rng, 5);
    for (int seed = 0; seed < SEEDS; seed++) {
        const int64_t n = 30 + (int64_t)rng_below(&rng, 800);
        const double p = 0.5 + 0.45 * rng_unit(&rng);
        const double worse = MARGIN + 0.001 + 0.1 * rng_unit(&rng);
        const struct routing_cell cell = {.weight = (double)(2 * n),
                                          .candidate = drawn(&rng, n, p - worse, 0.1),
                                          .reference = drawn(&rng, n, p, 1)};
        struct routing_option o = {.model = STR("cheap"),
                                   .comparison = routing_compare_cells(&cell, 1, 2 * n)};
        o.comparison.verdict = routing_judge(&o.comparison, MARGIN);
        const bool chosen = routing_recommend(&o, 1) == 0;
        EXPECT(!chosen || o.comparison.difference.low > -MARGIN);
        recommended += chosen;
    }
    EXPECT(recommended <= SEEDS * 25 / 1000);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(what_is_not_shown_or_not_cheaper_is_never_recommended),
        TEST(the_cheapest_of_those_not_worse_is_recommended),
        TEST(ties_go_by_cost_per_outcome_and_then_by_name),
        TEST(no_experiment_where_nothing_can_be_gained),
        TEST(the_size_of_an_experiment_is_the_textbook_one),
        TEST(a_cheap_model_that_is_worse_is_not_recommended),
    };
    return test_main(tests, COUNT_OF(tests));
}
