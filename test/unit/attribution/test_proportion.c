/* proportion: Wilson and Newcombe intervals are those of the published tables.
 * The examples of R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872 (one proportion, method
 * 3) and 873-890 (a difference, method 10), to the four digits printed there. */
#include <math.h>

#include "attribution/stats/stats.h"
#include "support/test.h"

static bool near(double a, double b)
{
    return fabs(a - b) < 0.00011;
}

static void no_trials_give_no_rate(void)
{
    const struct stats_interval none = stats_wilson(0, 0);
    EXPECT(isnan(none.value));
    EXPECT(isnan(none.low));
    EXPECT(isnan(none.high));
    EXPECT(isnan(stats_newcombe(1, 2, 0, 0).value));
}

static void wilson_agrees_with_published_examples(void)
{
    static const struct {
        int64_t successes;
        int64_t trials;
        double low;
        double high;
    } table[] = {
        {81, 263, 0.2553, 0.3662},
        {15, 148, 0.0624, 0.1605},
        {0, 20, 0.0000, 0.1611},
        {1, 29, 0.0061, 0.1718},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        const struct stats_interval x = stats_wilson(table[i].successes, table[i].trials);
        EXPECT(near(x.low, table[i].low));
        EXPECT(near(x.high, table[i].high));
    }
}

static void wilson_touches_its_ends_exactly(void)
{
    EXPECT(stats_wilson(0, 7).low == 0);
    EXPECT(stats_wilson(7, 7).high == 1);
    EXPECT(stats_wilson(7, 7).low < 1);
}

static void newcombe_agrees_with_published_examples(void)
{
    static const struct {
        int64_t a;
        int64_t of_a;
        int64_t b;
        int64_t of_b;
        double low;
        double high;
    } table[] = {
        {56, 70, 48, 80, 0.0524, 0.3339}, {9, 10, 3, 10, 0.1705, 0.8090},
        {6, 7, 2, 7, 0.0582, 0.8062},     {5, 56, 0, 29, -0.0381, 0.1926},
        {0, 10, 0, 20, -0.1611, 0.2775},  {10, 10, 0, 20, 0.6791, 1.0000},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        const struct stats_interval x =
            stats_newcombe(table[i].a, table[i].of_a, table[i].b, table[i].of_b);
        EXPECT(near(x.low, table[i].low));
        EXPECT(near(x.high, table[i].high));
    }
}

int main(void)
{
    static const struct test tests[] = {
        TEST(no_trials_give_no_rate),
        TEST(wilson_agrees_with_published_examples),
        TEST(wilson_touches_its_ends_exactly),
        TEST(newcombe_agrees_with_published_examples),
    };
    return test_main(tests, COUNT_OF(tests));
}
