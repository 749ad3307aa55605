/* ratio: the delta method by hand and by coverage; the bootstrap agrees with it and repeats itself.
 * Reference figures: the residual formula of Cochran 6.3 evaluated apart in Python. */
#include <math.h>

#include "attribution/stats/stats.h"
#include "base/rng.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)1 << 20)

static struct stats_sums sums_of(const double *y, const double *x, size_t n)
{
    struct stats_sums s = {.n = (int64_t)n};
    for (size_t i = 0; i < n; i++) {
        s.y += y[i];
        s.x += x[i];
        s.yy += y[i] * y[i];
        s.xy += x[i] * y[i];
        s.xx += x[i] * x[i];
    }
    return s;
}

static void nothing_to_divide_by_gives_no_ratio(void)
{
    const struct stats_sums none = {.n = 5, .y = 3, .yy = 2};
    EXPECT(isnan(stats_ratio(&none).value));
    const double zero[] = {0, 0, 0};
    const double cost[] = {1, 2, 3};
    struct arena arena;
    struct err err;
    struct stats_interval x = {0};
    arena_init(&arena, ARENA_BYTES);
    const enum errc code = stats_ratio_bootstrap(cost, zero, 3, 1, &arena, &x, &err);
    arena_deinit(&arena);
    EXPECT(code == ERR_OK);
    EXPECT(isnan(x.value));
}

static void one_case_has_a_ratio_and_no_interval(void)
{
    const struct stats_sums one = {.n = 1, .y = 3, .x = 1, .yy = 9, .xy = 3, .xx = 1};
    EXPECT(stats_ratio(&one).value == 3);
    EXPECT(isnan(stats_ratio(&one).low));
    EXPECT(isnan(stats_ratio(&one).high));
}

static void the_delta_interval_is_the_residual_formula(void)
{
    static const double cost[] = {1, 2, 3, 4, 10, 1, 2, 3, 4, 5.5};
    static const double resolved[] = {1, 1, 1, 0, 0, 1, 1, 1, 0, 1};
    const struct stats_sums s = sums_of(cost, resolved, COUNT_OF(cost));
    const struct stats_interval x = stats_ratio(&s);
    EXPECT(fabs(x.value - 5.071428571428571) < 1e-12);
    EXPECT(fabs(x.low - 0.9734826708299575) < 1e-9);
    EXPECT(fabs(x.high - 9.169374472027185) < 1e-9);
}

static void equal_cases_that_all_succeed_have_a_point_for_an_interval(void)
{
    static const double cost[] = {0.3, 0.3, 0.3, 0.3};
    static const double resolved[] = {1, 1, 1, 1};
    const struct stats_sums s = sums_of(cost, resolved, COUNT_OF(cost));
    const struct stats_interval x = stats_ratio(&s);
    EXPECT(fabs(x.low - 0.3) < 1e-7);
    EXPECT(fabs(x.high - 0.3) < 1e-7);
}

enum { CASES = 400 };

/* Costs of a long tail, 80 % resolved. True cost per outcome: 1 / 0.8. */
static void draw(struct rng *rng, double *cost, double *resolved)
{
    for (size_t i = 0; i < CASES; i++) {
        cost[i] = rng_exponential(rng);
        resolved[i] = rng_unit(rng) < 0.8 ? 1 : 0;
    }
}

static void the_bootstrap_agrees_with_the_delta_method_on_many_cases(void)
{
    static double cost[CASES];
    static double resolved[CASES];
    struct rng rng;
    struct arena arena;
    struct err err;
    struct stats_interval drawn = {0};
    rng_init(&rng, 11);
    draw(&rng, cost, resolved);
    const struct stats_sums s = sums_of(cost, resolved, CASES);
    const struct stats_interval delta = stats_ratio(&s);
    arena_init(&arena, ARENA_BYTES);
    const enum errc code =
        stats_ratio_bootstrap(cost, resolved, CASES, STATS_BOOTSTRAP_SEED, &arena, &drawn, &err);
    arena_deinit(&arena);
    EXPECT(code == ERR_OK);
    EXPECT(fabs(drawn.value - delta.value) < 1e-12);
    const double width = delta.high - delta.low;
    EXPECT(fabs(drawn.low - delta.low) < 0.1 * width);
    EXPECT(fabs(drawn.high - delta.high) < 0.1 * width);
}

static void the_delta_interval_holds_the_truth_nineteen_times_in_twenty(void)
{
    enum { SAMPLES = 2000 };
    static double cost[CASES];
    static double resolved[CASES];
    struct rng rng;
    int held = 0;
    rng_init(&rng, 3);
    for (int i = 0; i < SAMPLES; i++) {
        draw(&rng, cost, resolved);
        const struct stats_sums s = sums_of(cost, resolved, CASES);
        const struct stats_interval x = stats_ratio(&s);
        held += x.low <= 1.25 && 1.25 <= x.high;
    }
    /* 1900 expected, standard deviation 9.7; the ratio's own bias at this size costs a little. */
    EXPECT(held > 1860);
    EXPECT(held < 1935);
}

static void the_same_seed_gives_the_same_interval_and_few_successes_no_upper_bound(void)
{
    static const double cost[] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const double resolved[] = {1, 0, 0, 0, 0, 0, 0, 0};
    struct arena arena;
    struct err err;
    struct stats_interval first = {0};
    struct stats_interval second = {0};
    arena_init(&arena, ARENA_BYTES);
    const enum errc a = stats_ratio_bootstrap(cost, resolved, 8, 5, &arena, &first, &err);
    const enum errc b = stats_ratio_bootstrap(cost, resolved, 8, 5, &arena, &second, &err);
    arena_deinit(&arena);
    EXPECT(a == ERR_OK);
    EXPECT(b == ERR_OK);
    EXPECT(first.low == second.low);
    /* A third of the draws, (7/8)^8, hold no success at all. */
    EXPECT(isinf(first.high));
    EXPECT(first.value == 36);
}

static void an_arena_without_room_is_refused(void)
{
    static const double one[] = {1, 1};
    struct arena arena;
    struct err err;
    struct stats_interval x = {.value = 77};
    arena_init(&arena, 64);
    const enum errc code = stats_ratio_bootstrap(one, one, 2, 1, &arena, &x, &err);
    arena_deinit(&arena);
    EXPECT(code == ERR_LIMIT);
    EXPECT(x.value == 77);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(nothing_to_divide_by_gives_no_ratio),
        TEST(one_case_has_a_ratio_and_no_interval),
        TEST(an_arena_without_room_is_refused),
        TEST(the_delta_interval_is_the_residual_formula),
        TEST(equal_cases_that_all_succeed_have_a_point_for_an_interval),
        TEST(the_bootstrap_agrees_with_the_delta_method_on_many_cases),
        TEST(the_delta_interval_holds_the_truth_nineteen_times_in_twenty),
        TEST(the_same_seed_gives_the_same_interval_and_few_successes_no_upper_bound),
    };
    return test_main(tests, COUNT_OF(tests));
}
