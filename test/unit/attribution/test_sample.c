/* sample: order and percentiles; R's type 7 quantiles of the numbers 1 to 10. */
#include <math.h>

#include "attribution/stats/stats.h"
#include "base/rng.h"
#include "support/test.h"

static void one_value_is_every_quantile(void)
{
    const double one = 3.5;
    EXPECT(fabs(stats_quantile(&one, 1, 0) - 3.5) <= 0);
    EXPECT(fabs(stats_quantile(&one, 1, 0.3) - 3.5) <= 0);
    EXPECT(fabs(stats_quantile(&one, 1, 1) - 3.5) <= 0);
}

static void sorting_nothing_is_allowed_and_sorting_is_ascending(void)
{
    double values[257];
    struct rng rng;
    rng_init(&rng, 9);
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        values[i] = rng_normal(&rng);
    }
    values[3] = INFINITY;
    values[4] = -INFINITY;
    stats_sort(NULL, 0);
    stats_sort(values, COUNT_OF(values));
    for (size_t i = 1; i < COUNT_OF(values); i++) {
        EXPECT(values[i - 1] <= values[i]);
    }
    EXPECT(isinf(values[0]));
}

static void quantiles_are_those_of_type_seven(void)
{
    static const double values[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    static const struct {
        double q;
        double value;
    } table[] = {{0, 1}, {0.25, 3.25}, {0.5, 5.5}, {0.9, 9.1}, {0.975, 9.775}, {1, 10}};
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        EXPECT(fabs(stats_quantile(values, 10, table[i].q) - table[i].value) < 1e-12);
    }
}

static void infinite_values_do_not_become_not_a_number(void)
{
    static const double values[] = {-INFINITY, 1, 2, INFINITY, INFINITY};
    EXPECT(stats_quantile(values, 5, 0.1) < 0);
    EXPECT(isinf(stats_quantile(values, 5, 0.7)));
    EXPECT(isinf(stats_quantile(values, 5, 0.9)));
    EXPECT(fabs(stats_quantile(values, 5, 0.5) - 2) <= 0);
}

static void a_percentile_interval_sorts_and_cuts_both_tails(void)
{
    double draws[1001];
    for (size_t i = 0; i < COUNT_OF(draws); i++) {
        draws[i] = (double)(1000 - i);
    }
    const struct stats_interval x = stats_percentile(480, draws, COUNT_OF(draws));
    EXPECT(fabs(x.value - 480) <= 0);
    EXPECT(fabs(x.low - 25) < 1e-9);
    EXPECT(fabs(x.high - 975) < 1e-9);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(one_value_is_every_quantile),
        TEST(sorting_nothing_is_allowed_and_sorting_is_ascending),
        TEST(quantiles_are_those_of_type_seven),
        TEST(infinite_values_do_not_become_not_a_number),
        TEST(a_percentile_interval_sorts_and_cuts_both_tails),
    };
    return test_main(tests, COUNT_OF(tests));
}
