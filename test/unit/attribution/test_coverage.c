/* coverage: over many data sets with a known truth, each 95 % interval holds it in 93 to 97 of 100.
 * Method: seeded draws; a fixed 2,000 data sets each, so one standard deviation is half a point.
 * Sizes are those the methods are meant for; docs/statistics.md says where they are not. */
#include <math.h>
#include <stdio.h>

#include "attribution/stats/stats.h"
#include "base/rng.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)4 << 20)

enum { SETS = 2000, BOOTSTRAP_SETS = 1000, SERIES_SETS = 1000, POINTS_MAX = 400 };

static bool covers(struct stats_interval x, double truth)
{
    return x.low <= truth && truth <= x.high;
}

/* 93 to 97 of 100, printed either way. */
static bool is_honest(const char *what, int held, int sets)
{
    char text[128];
    const double share = (double)held / sets;
    snprintf(text, sizeof text, "%s: %.1f %%", what, 100 * share);
    test_note(text);
    return share >= 0.93 && share <= 0.97;
}

static int64_t successes(struct rng *rng, int64_t trials, double p)
{
    int64_t count = 0;
    for (int64_t i = 0; i < trials; i++) {
        count += rng_unit(rng) < p;
    }
    return count;
}

/* Coverage swings with p and n, so that both are drawn anew for each data set. */
static void wilson_is_honest(void)
{
    struct rng rng;
    rng_init(&rng, 1);
    int held = 0;
    for (int i = 0; i < SETS; i++) {
        const int64_t n = 20 + (int64_t)rng_below(&rng, 380);
        const double p = 0.05 + 0.9 * rng_unit(&rng);
        held += covers(stats_wilson(successes(&rng, n, p), n), p);
    }
    EXPECT(is_honest("Wilson", held, SETS));
}

static void newcombe_is_honest(void)
{
    struct rng rng;
    rng_init(&rng, 2);
    int held = 0;
    for (int i = 0; i < SETS; i++) {
        const int64_t n = 20 + (int64_t)rng_below(&rng, 380);
        const int64_t m = 20 + (int64_t)rng_below(&rng, 380);
        const double p = 0.05 + 0.9 * rng_unit(&rng);
        const double q = 0.05 + 0.9 * rng_unit(&rng);
        held += covers(stats_newcombe(successes(&rng, n, p), n, successes(&rng, m, q), m), p - q);
    }
    EXPECT(is_honest("Newcombe", held, SETS));
}

/* Cost of a case: a fixed part and a long tail, more where the case fails; p resolve. */
static double draw_cases(struct rng *rng, double p, double *y, double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = rng_unit(rng) < p;
        y[i] = 0.2 + rng_exponential(rng) * (x[i] > 0 ? 1 : 2);
    }
    return (0.2 + p + (1 - p) * 2) / p;
}

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

static void cost_per_outcome_is_honest(void)
{
    static double y[POINTS_MAX];
    static double x[POINTS_MAX];
    struct rng rng;
    rng_init(&rng, 3);
    int held = 0;
    for (int i = 0; i < SETS; i++) {
        const size_t n = 150 + (size_t)rng_below(&rng, POINTS_MAX - 150);
        const double truth = draw_cases(&rng, 0.6 + 0.3 * rng_unit(&rng), y, x, n);
        const struct stats_sums s = sums_of(y, x, n);
        held += covers(stats_ratio(&s), truth);
    }
    EXPECT(is_honest("ratio, delta method", held, SETS));
}

static void the_difference_of_two_costs_is_honest(void)
{
    static double y[POINTS_MAX];
    static double x[POINTS_MAX];
    struct rng rng;
    rng_init(&rng, 4);
    int held = 0;
    for (int i = 0; i < SETS; i++) {
        const double p = 0.6 + 0.3 * rng_unit(&rng);
        (void)draw_cases(&rng, p, y, x, 200);
        const struct stats_sums a = sums_of(y, x, 200);
        (void)draw_cases(&rng, p, y, x, 300);
        const struct stats_sums b = sums_of(y, x, 300);
        const struct stats_interval d = stats_ratio_difference(&a, &b);
        held += covers(d, 0);
    }
    EXPECT(is_honest("difference of ratios", held, SETS));
}

static void the_bootstrap_of_few_cases_is_honest(void)
{
    static double y[POINTS_MAX];
    static double x[POINTS_MAX];
    struct rng rng;
    struct arena arena;
    struct err err;
    rng_init(&rng, 5);
    int held = 0;
    enum errc code = ERR_OK;
    for (int i = 0; i < BOOTSTRAP_SETS && code == ERR_OK && !test_is_refusing(); i++) {
        struct stats_interval interval;
        const double truth = draw_cases(&rng, 0.5, y, x, 58);
        arena_init(&arena, ARENA_BYTES);
        code = stats_ratio_bootstrap(y, x, 58, (uint64_t)i, &arena, &interval, &err);
        held += code == ERR_OK && covers(interval, truth);
        arena_deinit(&arena);
    }
    EXPECT(code == ERR_OK);
    EXPECT(is_honest("ratio, bootstrap of 58 cases", held, BOOTSTRAP_SETS));
}

static void percentiles_of_resampled_means_are_honest(void)
{
    enum { POINTS = 60 };
    static double draws[STATS_BOOTSTRAP_DRAWS];
    double y[POINTS];
    struct rng rng;
    rng_init(&rng, 6);
    int held = 0;
    for (int i = 0; i < BOOTSTRAP_SETS && !test_is_refusing(); i++) {
        double mean = 0;
        for (size_t k = 0; k < POINTS; k++) {
            y[k] = rng_unit(&rng) + rng_normal(&rng);
            mean += y[k] / POINTS;
        }
        for (size_t draw = 0; draw < STATS_BOOTSTRAP_DRAWS; draw++) {
            draws[draw] = 0;
            for (size_t k = 0; k < POINTS; k++) {
                draws[draw] += y[rng_below(&rng, POINTS)] / POINTS;
            }
        }
        held += covers(stats_percentile(mean, draws, STATS_BOOTSTRAP_DRAWS), 0.5);
    }
    EXPECT(is_honest("percentile bootstrap of a mean", held, BOOTSTRAP_SETS));
}

/* A series with a break in the middle and errors that remember a share `memory` of the last. */
static void draw_series(struct rng *rng, double memory, double *t, double *y, size_t n)
{
    double error = rng_normal(rng) / sqrt(1 - memory * memory);
    for (size_t i = 0; i < n; i++) {
        const double after = i < n / 2 ? 0 : 1;
        t[i] = (double)i;
        y[i] = 50 + 0.1 * t[i] + after * (4 + 0.05 * (t[i] - t[n / 2])) + error;
        error = memory * error + rng_normal(rng);
    }
}

struct held {
    int level;
    int slope;
    int alarms; /* p below 5 % where nothing changed */
};

/* n and the memory drawn anew for each series; the break's place too. */
static struct held hold_series(size_t n_least, size_t n_most, double memory_most, uint64_t seed)
{
    static double t[POINTS_MAX];
    static double y[POINTS_MAX];
    struct rng rng;
    struct arena arena;
    struct err err;
    struct held held = {0};
    rng_init(&rng, seed);
    arena_init(&arena, ARENA_BYTES);
    for (int i = 0; i < SERIES_SETS && !test_is_refusing(); i++) {
        struct stats_segmented fit;
        const size_t n = n_least + (size_t)rng_below(&rng, n_most - n_least);
        draw_series(&rng, memory_most * rng_unit(&rng), t, y, n);
        if (stats_segmented(t, y, n, n / 2, &arena, &fit, &err) == ERR_OK) {
            held.level += covers(fit.level, 4);
            held.slope += covers(fit.slope, 0.05);
            held.alarms += (fit.level_p < 0.05) != !covers(fit.level, 0);
        }
    }
    arena_deinit(&arena);
    return held;
}

static void a_change_of_level_and_slope_is_honest(void)
{
    const struct held held = hold_series(36, 100, 0.4, 8);
    EXPECT(is_honest("level, 36 to 99 points, memory to 0.4", held.level, SERIES_SETS));
    EXPECT(is_honest("slope, 36 to 99 points, memory to 0.4", held.slope, SERIES_SETS));
    EXPECT(held.alarms == 0); /* p and the interval say the same */
}

/* The limits that docs/statistics.md states, measured and not hoped: short series, long memory. */
static void a_short_series_is_honest_in_its_level_and_less_so_in_its_slope(void)
{
    const struct held held = hold_series(12, 24, 0.4, 9);
    EXPECT(is_honest("level, 12 to 23 points, memory to 0.4", held.level, SERIES_SETS));
    (void)is_honest("slope, 12 to 23 points, memory to 0.4", held.slope, SERIES_SETS);
    EXPECT(held.slope > 0.88 * SERIES_SETS);
}

static void a_long_memory_costs_some_of_the_promise(void)
{
    const struct held held = hold_series(36, 100, 0.9, 10);
    (void)is_honest("level, 36 to 99 points, memory to 0.9", held.level, SERIES_SETS);
    (void)is_honest("slope, 36 to 99 points, memory to 0.9", held.slope, SERIES_SETS);
    EXPECT(held.level > 0.88 * SERIES_SETS);
    EXPECT(held.slope > 0.85 * SERIES_SETS);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(wilson_is_honest),
        TEST(newcombe_is_honest),
        TEST(cost_per_outcome_is_honest),
        TEST(the_difference_of_two_costs_is_honest),
        TEST(the_bootstrap_of_few_cases_is_honest),
        TEST(percentiles_of_resampled_means_are_honest),
        TEST(a_change_of_level_and_slope_is_honest),
        TEST(a_short_series_is_honest_in_its_level_and_less_so_in_its_slope),
        TEST(a_long_memory_costs_some_of_the_promise),
    };
    return test_main(tests, COUNT_OF(tests));
}
