/* drivers: exponents of curves that are known, the median against all of its resamples, and the
 * plateau held against contexts made ten times as large with and without a gain in success. */
#include <math.h>

#include "attribution/drivers.h"
#include "base/rng.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)1 << 20)
#define MARGIN      0.02

static void too_few_turns_have_no_exponent(void)
{
    const struct drivers_turns none = {0};
    const struct drivers_turns one = {.n = 1, .x = 0, .y = 12};
    const struct drivers_turns same = {.n = 3, .x = 0, .y = 36, .xy = 0, .xx = 0};
    EXPECT(isnan(drivers_exponent(&none)));
    EXPECT(isnan(drivers_exponent(&one)));
    EXPECT(isnan(drivers_exponent(&same)));
}

/* Cumulative input turn^power * 1000. */
static struct drivers_turns turns_of(double power, int64_t n)
{
    struct drivers_turns t = {.n = n};
    for (int64_t turn = 1; turn <= n; turn++) {
        const int64_t x = llround(log((double)turn) * DRIVERS_LOG_SCALE);
        const int64_t y = llround(log(1000 * pow((double)turn, power)) * DRIVERS_LOG_SCALE);
        t.x += x;
        t.y += y;
        t.xy += (money_sum)x * y;
        t.xx += (money_sum)x * x;
    }
    return t;
}

static void a_constant_context_has_exponent_one_and_the_whole_history_two(void)
{
    static const double powers[] = {1, 1.25, 1.618, 2};
    for (size_t i = 0; i < COUNT_OF(powers); i++) {
        const struct drivers_turns few = turns_of(powers[i], 3);
        const struct drivers_turns many = turns_of(powers[i], 100000);
        EXPECT(fabs(drivers_exponent(&few) - powers[i]) < 1e-6);
        EXPECT(fabs(drivers_exponent(&many) - powers[i]) < 1e-6);
    }
}

static void the_median_of_nothing_and_of_one(void)
{
    static const double values[] = {1.5};
    struct arena arena;
    struct err err;
    struct stats_interval none;
    struct stats_interval one;
    arena_init(&arena, ARENA_BYTES);
    const enum errc first = drivers_median(values, 0, 1, &arena, &none, &err);
    const enum errc second = drivers_median(values, 1, 1, &arena, &one, &err);
    arena_deinit(&arena);
    EXPECT(first == ERR_OK);
    EXPECT(second == ERR_OK);
    EXPECT(isnan(none.value));
    EXPECT(one.value == 1.5);
    EXPECT(isnan(one.low));
}

/* Of n values the median of a resample is at most the k-th with a probability binomials give. */
static void the_interval_of_a_median_is_that_of_its_order_statistics(void)
{
    static double values[101];
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        values[i] = (double)i;
    }
    struct arena arena;
    struct err err;
    struct stats_interval x = {0};
    struct stats_interval again = {0};
    arena_init(&arena, ARENA_BYTES);
    enum errc code = drivers_median(values, COUNT_OF(values), 7, &arena, &x, &err);
    if (code == ERR_OK) {
        code = drivers_median(values, COUNT_OF(values), 7, &arena, &again, &err);
    }
    arena_deinit(&arena);
    EXPECT(code == ERR_OK);
    EXPECT(x.value == 50);
    EXPECT(fabs(x.low - (50 - STATS_Z95 * sqrt(101) / 2)) < 2);
    EXPECT(fabs(x.high - (50 + STATS_Z95 * sqrt(101) / 2)) < 2);
    EXPECT(memcmp(&x, &again, sizeof x) == 0);
}

static void an_even_median_lies_between_its_two(void)
{
    static const double values[] = {1, 2, 4, 10};
    struct arena arena;
    struct err err;
    struct stats_interval x = {0};
    arena_init(&arena, ARENA_BYTES);
    const enum errc code = drivers_median(values, COUNT_OF(values), 7, &arena, &x, &err);
    arena_deinit(&arena);
    EXPECT(code == ERR_OK);
    EXPECT(x.value == 3);
    EXPECT(x.low >= 1);
    EXPECT(x.high <= 10);
}

static void tokens_cost_what_their_classes_do(void)
{
    const struct drivers_tokens tokens = {
        .input = {[USAGE_INPUT_UNCACHED] = 10, [USAGE_CACHE_READ] = 1000, [USAGE_INPUT_IMAGE] = 3}};
    struct rates rates = {.pusd = {[USAGE_INPUT_UNCACHED] = 3000000,
                                   [USAGE_CACHE_READ] = 300000,
                                   [USAGE_INPUT_IMAGE] = 7},
                          .known = 1u << USAGE_INPUT_UNCACHED | 1u << USAGE_CACHE_READ};
    EXPECT(drivers_total(&tokens) == 1013);
    EXPECT(!drivers_priced(&tokens, &rates));
    rates.known |= 1u << USAGE_INPUT_IMAGE;
    EXPECT(drivers_priced(&tokens, &rates));
    EXPECT(drivers_cost(&tokens, &rates) == 10 * 3000000 + 1000 * 300000 + 3 * 7);
    EXPECT(drivers_share(1000, 1, 3) == 333);
    EXPECT(drivers_share(1000, 1, 0) == 0);
}

/* Ten splits of `attempts` each; success by size. */
static void fill_splits(struct drivers_split *splits, const int64_t *sizes,
                        const int64_t *successes, int64_t attempts)
{
    for (size_t i = 0; i < DRIVERS_SPLITS_MAX; i++) {
        splits[i] = (struct drivers_split){
            .size = sizes[i], .attempts = attempts, .successes = successes[i]};
    }
}

static void one_size_of_context_has_no_plateau(void)
{
    const struct drivers_split one = {.size = 100, .attempts = 500, .successes = 400};
    EXPECT(!drivers_plateau(NULL, 0, MARGIN).found);
    EXPECT(!drivers_plateau(&one, 1, MARGIN).found);
    EXPECT(drivers_plateau(&one, 1, MARGIN).above == 0);
}

static void too_few_attempts_show_no_plateau(void)
{
    static const int64_t sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    static const int64_t successes[] = {4, 4, 4, 4, 4, 4, 4, 4, 4, 4};
    struct drivers_split splits[DRIVERS_SPLITS_MAX];
    fill_splits(splits, sizes, successes, 5);
    const struct drivers_plateau p = drivers_plateau(splits, DRIVERS_SPLITS_MAX, MARGIN);
    EXPECT(!p.found);
    EXPECT(p.size == 9);
    EXPECT(p.below == 45);
    EXPECT(p.above == 5);
    EXPECT(p.difference.low < -MARGIN);
}

static void every_larger_split_must_qualify_as_well(void)
{
    static const int64_t sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    /* Contexts above 8 do better: a plateau at 3 would leave that gain out. */
    static const int64_t better[] = {5000, 5000, 9000, 5000, 5000, 5000, 5000, 5000, 9000, 9000};
    static const int64_t flat_from_3[] = {1000, 2000, 5000, 5000, 5000,
                                          5000, 5000, 5000, 5000, 5000};
    struct drivers_split splits[DRIVERS_SPLITS_MAX];
    fill_splits(splits, sizes, better, 10000);
    EXPECT(!drivers_plateau(splits, DRIVERS_SPLITS_MAX, MARGIN).found);
    fill_splits(splits, sizes, flat_from_3, 10000);
    const struct drivers_plateau p = drivers_plateau(splits, DRIVERS_SPLITS_MAX, 0.1);
    EXPECT(p.found);
    EXPECT(p.size >= 8);
    EXPECT(p.difference.low > -0.1);
}

/* Half of 20,000 attempts with contexts ten times as large: inflation, unless it brings success. */
static void ten_times_the_context_is_inflation_only_without_a_gain(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        for (int gain = 0; gain <= 1; gain++) {
            struct rng rng;
            rng_init(&rng, seed);
            struct drivers_split splits[DRIVERS_SPLITS_MAX];
            for (size_t i = 0; i < DRIVERS_SPLITS_MAX; i++) {
                const bool large = i >= DRIVERS_SPLITS_MAX / 2;
                const double p = large && gain != 0 ? 0.8 : 0.7;
                splits[i] = (struct drivers_split){
                    .size = (int64_t)(1000 + 100 * i) * (large ? 10 : 1), .attempts = 2000};
                for (int64_t k = 0; k < splits[i].attempts; k++) {
                    splits[i].successes += rng_unit(&rng) < p;
                }
            }
            const struct drivers_plateau found = drivers_plateau(splits, DRIVERS_SPLITS_MAX, 0.04);
            EXPECT(gain != 0 ? !found.found || found.size >= 10000
                             : found.found && found.size <= 1400);
        }
    }
}

static const struct test tests[] = {
    TEST(too_few_turns_have_no_exponent),
    TEST(a_constant_context_has_exponent_one_and_the_whole_history_two),
    TEST(the_median_of_nothing_and_of_one),
    TEST(the_interval_of_a_median_is_that_of_its_order_statistics),
    TEST(an_even_median_lies_between_its_two),
    TEST(tokens_cost_what_their_classes_do),
    TEST(one_size_of_context_has_no_plateau),
    TEST(too_few_attempts_show_no_plateau),
    TEST(every_larger_split_must_qualify_as_well),
    TEST(ten_times_the_context_is_inflation_only_without_a_gain),
};

int main(void)
{
    return test_main(tests, COUNT_OF(tests));
}
