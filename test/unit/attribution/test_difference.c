/* difference: that of two ratios against what is done by hand. */
#include <math.h>

#include "attribution/stats/stats.h"
#include "support/test.h"

static void nothing_to_compare_is_no_difference(void)
{
    const struct stats_sums one = {.n = 1, .y = 3, .x = 1, .yy = 9, .xy = 3, .xx = 1};
    const struct stats_sums some = {.n = 3, .y = 6, .x = 3, .yy = 14, .xy = 6, .xx = 3};
    const struct stats_sums none = {.n = 4, .y = 6, .yy = 14};
    const struct stats_interval few = stats_ratio_difference(&one, &some);
    EXPECT(isnan(few.low));
    EXPECT(isnan(few.high));
    EXPECT(isnan(stats_ratio_difference(&some, &none).value));
}

static void the_difference_of_ratios_adds_their_variances(void)
{
    const struct stats_sums a = {.n = 3, .y = 6, .x = 3, .yy = 14, .xy = 6, .xx = 3};
    const struct stats_sums b = {.n = 3, .y = 12, .x = 3, .yy = 56, .xy = 12, .xx = 3};
    /* Means 2 and 4 of {1,2,3} and {2,4,6}: variances of the means 1/3 and 4/3. */
    const struct stats_interval x = stats_ratio_difference(&a, &b);
    EXPECT(fabs(x.value + 2) < 1e-12);
    EXPECT(fabs(x.high + 2 - STATS_Z95 * sqrt(5.0 / 3)) < 1e-9);
    EXPECT(fabs(x.low + 2 + STATS_Z95 * sqrt(5.0 / 3)) < 1e-9);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(nothing_to_compare_is_no_difference),
        TEST(the_difference_of_ratios_adds_their_variances),
    };
    return test_main(tests, COUNT_OF(tests));
}
