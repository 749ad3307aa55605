/* power: sample sizes of the published kind, and that they have the power they promise. */
#include <math.h>
#include <stdlib.h>

#include "attribution/stats/stats.h"
#include "base/rng.h"
#include "support/test.h"

static void what_cannot_be_shown_needs_no_number(void)
{
    EXPECT(stats_sample_size(0.3, 0.3, 0.8) == 0);
    EXPECT(stats_sample_size_non_inferior(0.80, 0.85, 0.05, 0.8) == 0);
    EXPECT(stats_sample_size_non_inferior(0.80, 0.90, 0.02, 0.8) == 0);
    EXPECT(stats_sample_size(0.5, 0.5 + 1e-12, 0.8) == STATS_TRIALS_MAX);
    EXPECT(stats_sample_size_non_inferior(1, 1, 0.02, 0.8) == 1);
}

/* Fleiss corrects for continuity: n/4 (1 + sqrt(1 + 4 / (n d)))^2, his formula 3.15. */
static int64_t corrected(int64_t n, double difference)
{
    const double root = 1 + sqrt(1 + 4 / ((double)n * difference));
    return (int64_t)ceil((double)n / 4 * root * root);
}

static void sizes_are_those_of_the_tables(void)
{
    /* R's power.prop.test(p1 = .50, p2 = .75, power = .90): n = 76.7. */
    EXPECT(stats_sample_size(0.50, 0.75, 0.90) == 77);
    EXPECT(stats_sample_size(0.75, 0.50, 0.90) == 77);
    /* Fleiss, table A.3, 5 %, power 0.80: with his correction 474 and 407. */
    EXPECT(stats_sample_size(0.05, 0.10, 0.80) == 435);
    EXPECT(llabs(corrected(435, 0.05) - 474) <= 1);
    EXPECT(llabs(corrected(stats_sample_size(0.50, 0.60, 0.80), 0.10) - 407) <= 1);
    /* 80 % in both arms, margin 10 points, power 90 %: 10.507 * 0.32 / 0.01 = 336.2. */
    EXPECT(stats_sample_size_non_inferior(0.8, 0.8, 0.10, 0.90) == 337);
}

static int64_t successes(struct rng *rng, int64_t trials, double p)
{
    int64_t count = 0;
    for (int64_t i = 0; i < trials; i++) {
        count += rng_unit(rng) < p;
    }
    return count;
}

static void the_promised_power_is_reached(void)
{
    enum { ROUNDS = 2000 };
    struct rng rng;
    rng_init(&rng, 8);
    const int64_t n = stats_sample_size(0.70, 0.80, 0.80);
    const int64_t m = stats_sample_size_non_inferior(0.85, 0.85, 0.06, 0.80);
    int found = 0;
    int shown = 0;
    for (int i = 0; i < ROUNDS; i++) {
        found +=
            stats_proportions_p(successes(&rng, n, 0.70), n, successes(&rng, n, 0.80), n) < 0.05;
        shown +=
            stats_newcombe(successes(&rng, m, 0.85), m, successes(&rng, m, 0.85), m).low > -0.06;
    }
    /* 1600 expected, standard deviation 18. */
    EXPECT(abs(found - 1600) < 60);
    EXPECT(abs(shown - 1600) < 60);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(what_cannot_be_shown_needs_no_number),
        TEST(sizes_are_those_of_the_tables),
        TEST(the_promised_power_is_reached),
    };
    return test_main(tests, COUNT_OF(tests));
}
