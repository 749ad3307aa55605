/* Two models on comparable work: the difference is that of like with like, never of raw means.
 * Published examples, Simpson's paradox by hand, and the bound held against random truth. */
#include <math.h>

#include "attribution/routing/routing.h"
#include "base/rng.h"
#include "support/test.h"

static bool near(double a, double b, double tolerance)
{
    return fabs(a - b) < tolerance;
}

static struct routing_arm arm(int64_t successes, int64_t cases, double cost_usd)
{
    const double n = (double)cases;
    return (struct routing_arm){.cases = cases,
                                .successes = successes,
                                .costed = cases,
                                .costed_successes = successes,
                                .cost_usd = n * cost_usd,
                                .success_cost_usd = (double)successes * cost_usd,
                                .cost_squares = n * cost_usd * cost_usd};
}

static void no_work_in_common_is_no_comparison(void)
{
    const struct routing_cell cells[] = {
        {.weight = 500, .candidate = arm(400, 500, 1)},
        {.weight = 500, .reference = arm(300, 500, 2)},
        {.weight = 504, .candidate = arm(4, 4, 1), .reference = arm(300, 500, 2)},
    };
    const struct routing_comparison c = routing_compare_cells(cells, COUNT_OF(cells), 1504);
    EXPECT(c.evidence == ROUTING_NONE);
    EXPECT(isnan(c.difference.value));
    EXPECT(routing_judge(&c, 0.02) == ROUTING_INCOMPARABLE);
    const struct routing_pairs none = {0};
    const struct routing_comparison p = routing_compare_pairs(&none);
    EXPECT(routing_judge(&p, 0.02) == ROUTING_INCOMPARABLE);
}

static void fewer_than_twenty_of_either_is_thin_however_good(void)
{
    const struct routing_cell few = {
        .weight = 10019, .candidate = arm(19, 19, 1), .reference = arm(100, 10000, 2)};
    const struct routing_comparison c = routing_compare_cells(&few, 1, 10019);
    EXPECT(c.difference.low > 0.5);
    EXPECT(routing_judge(&c, 0.02) == ROUTING_THIN);
    const struct routing_pairs pairs = {
        .keys = 19, .cases = 500, .reference_cases = 500, .both = 0, .candidate_only = 19};
    const struct routing_comparison p = routing_compare_pairs(&pairs);
    EXPECT(routing_judge(&p, 0.02) == ROUTING_THIN);
}

/* Newcombe's paired paper, table II (c): 36, 12, 2, 0 of 50 has 0.20 [0.0569, 0.3404]. */
static void the_paired_interval_is_the_published_one(void)
{
    const struct stats_interval i = routing_paired_difference(36, 12, 2, 50);
    EXPECT(near(i.value, 0.20, 1e-12));
    EXPECT(near(i.low, 0.0569, 5e-5));
    EXPECT(near(i.high, 0.3404, 5e-5));
}

static void models_that_agree_on_every_input_differ_by_nothing(void)
{
    const struct stats_interval i = routing_paired_difference(375, 0, 0, 500);
    const struct stats_interval independent = stats_newcombe(375, 500, 375, 500);
    EXPECT(near(i.value, 0, 1e-12));
    EXPECT(i.low < 0);
    EXPECT(i.low > -0.01);
    EXPECT(independent.low < -0.05);
}

static void one_cell_is_newcombes_interval_of_two_samples(void)
{
    const struct routing_cell cell = {
        .weight = 150, .candidate = arm(56, 70, 1), .reference = arm(48, 80, 3)};
    const struct routing_comparison c = routing_compare_cells(&cell, 1, 150);
    EXPECT(c.evidence == ROUTING_BALANCED);
    EXPECT(near(c.difference.value, 0.2, 1e-12));
    EXPECT(near(c.difference.low, 0.0524, 5e-5)); /* Newcombe 1998, example (a), method 10 */
    EXPECT(near(c.difference.high, 0.3339, 5e-5));
    EXPECT(near(c.cost_difference.value, -2, 1e-12));
    EXPECT(near(c.covered, 1, 1e-12));
}

/* The cheap model had the easy work: raw it looks 24 points better, like for like it is 12 worse.
 */
static void simpsons_paradox_is_not_believed(void)
{
    const struct routing_cell cells[] = {
        {.weight = 1000, .candidate = arm(837, 900, 0.10), .reference = arm(97, 100, 1.00)},
        {.weight = 1000, .candidate = arm(40, 100, 0.20), .reference = arm(540, 900, 2.00)},
    };
    const struct stats_interval raw = stats_newcombe(877, 1000, 637, 1000);
    const struct routing_comparison c = routing_compare_cells(cells, COUNT_OF(cells), 2000);
    EXPECT(raw.low > 0.2);
    EXPECT(c.evidence == ROUTING_STRATIFIED);
    EXPECT(near(c.success.value, (0.93 + 0.40) / 2, 1e-12));
    EXPECT(near(c.reference_success.value, (0.97 + 0.60) / 2, 1e-12));
    EXPECT(near(c.difference.value, -0.12, 1e-12));
    EXPECT(routing_judge(&c, 0.02) == ROUTING_WORSE);
    EXPECT(near(c.cost_usd, 0.15, 1e-12));
    EXPECT(near(c.reference_cost_usd, 1.5, 1e-12));
}

static void work_without_a_counterpart_is_left_out_and_said(void)
{
    const struct routing_cell cells[] = {
        {.weight = 600, .candidate = arm(240, 300, 1), .reference = arm(240, 300, 2)},
        {.weight = 400, .reference = arm(0, 400, 9)},
    };
    const struct routing_comparison c = routing_compare_cells(cells, COUNT_OF(cells), 1000);
    EXPECT(near(c.covered, 0.6, 1e-12));
    EXPECT(c.reference_cases == 300);
    EXPECT(near(c.difference.value, 0, 1e-12));
    EXPECT(near(c.reference_cost_usd, 2, 1e-12));
}

static int64_t draw(struct rng *rng, int64_t n, double p)
{
    int64_t successes = 0;
    for (int64_t i = 0; i < n; i++) {
        successes += rng_unit(rng) < p;
    }
    return successes;
}

/* What is truly worse by just the margin passes in 2.5 % of all data, by construction. */
static void the_bound_fails_as_seldom_as_it_says(void)
{
    enum { SEEDS = 4000, CASES = 400 };
    int cells_passed = 0;
    int single_passed = 0;
    struct rng rng;
    rng_init(&rng, 11);
    for (int seed = 0; seed < SEEDS; seed++) {
        struct routing_cell cells[4] = {0};
        for (size_t i = 0; i < COUNT_OF(cells); i++) {
            const double p = 0.9 - 0.12 * (double)i;
            const int64_t ours = i < 2 ? CASES / 2 : CASES / 8;
            cells[i].weight = 1;
            cells[i].candidate = arm(draw(&rng, ours, p - 0.05), ours, 1);
            cells[i].reference = arm(draw(&rng, CASES / 4, p), CASES / 4, 2);
        }
        const struct routing_comparison c = routing_compare_cells(cells, COUNT_OF(cells), 4);
        cells_passed += routing_judge(&c, 0.05) == ROUTING_NOT_WORSE;
        const struct routing_cell one = {.weight = 1,
                                         .candidate = arm(draw(&rng, CASES, 0.75), CASES, 1),
                                         .reference = arm(draw(&rng, CASES, 0.80), CASES, 2)};
        const struct routing_comparison s = routing_compare_cells(&one, 1, 1);
        single_passed += routing_judge(&s, 0.05) == ROUTING_NOT_WORSE;
        EXPECT(c.difference.low > -0.05 || routing_judge(&c, 0.05) != ROUTING_NOT_WORSE);
    }
    EXPECT(cells_passed < SEEDS * 35 / 1000);
    EXPECT(single_passed < SEEDS * 35 / 1000);
    EXPECT(cells_passed + single_passed > SEEDS * 10 / 1000);
}

/* The same of pairs whose two results hang together. */
static void the_paired_bound_fails_as_seldom_as_it_says(void)
{
    enum { SEEDS = 4000, KEYS = 300 };
    int passed = 0;
    struct rng rng;
    rng_init(&rng, 12);
    for (int seed = 0; seed < SEEDS; seed++) {
        struct routing_pairs pairs = {.keys = KEYS, .cases = KEYS, .reference_cases = KEYS};
        for (int key = 0; key < KEYS; key++) {
            const double ease = rng_unit(&rng) < 0.6 ? 0.95 : 0.45;
            const bool reference = rng_unit(&rng) < ease;
            const bool ours = rng_unit(&rng) < ease - 0.05;
            pairs.both += ours && reference;
            pairs.candidate_only += ours && !reference;
            pairs.reference_only += !ours && reference;
        }
        const struct routing_comparison c = routing_compare_pairs(&pairs);
        passed += routing_judge(&c, 0.05) == ROUTING_NOT_WORSE;
    }
    EXPECT(passed < SEEDS * 35 / 1000);
    EXPECT(passed > SEEDS * 10 / 1000);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(no_work_in_common_is_no_comparison),
        TEST(fewer_than_twenty_of_either_is_thin_however_good),
        TEST(the_paired_interval_is_the_published_one),
        TEST(models_that_agree_on_every_input_differ_by_nothing),
        TEST(one_cell_is_newcombes_interval_of_two_samples),
        TEST(simpsons_paradox_is_not_believed),
        TEST(work_without_a_counterpart_is_left_out_and_said),
        TEST(the_bound_fails_as_seldom_as_it_says),
        TEST(the_paired_bound_fails_as_seldom_as_it_says),
    };
    return test_main(tests, COUNT_OF(tests));
}
