/* power: a sample size by hand, and that it has the power it promises. */
#include <math.h>
#include <stdlib.h>

#include "attribution/stats/stats.h"
#include "base/rng.h"
#include "support/test.h"

static void what_cannot_be_shown_needs_no_number(void)
{
    EXPECT(stats_sample_size_non_inferior(0.80, 0.85, 0.05, 0.8) == 0);
    EXPECT(stats_sample_size_non_inferior(0.80, 0.90, 0.02, 0.8) == 0);
    EXPECT(stats_sample_size_non_inferior(0.5, 0.5, 1e-9, 0.8) == STATS_TRIALS_MAX);
    EXPECT(stats_sample_size_non_inferior(1, 1, 0.02, 0.8) == 1);
}

static void a_size_is_the_one_done_by_hand(void)
{
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
    const int64_t m = stats_sample_size_non_inferior(0.85, 0.85, 0.06, 0.80);
    int shown = 0;
    for (int i = 0; i < ROUNDS; i++) {
        shown +=
            stats_newcombe(successes(&rng, m, 0.85), m, successes(&rng, m, 0.85), m).low > -0.06;
    }
    /* 1600 expected, standard deviation 18. */
    EXPECT(abs(shown - 1600) < 60);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(what_cannot_be_shown_needs_no_number),
        TEST(a_size_is_the_one_done_by_hand),
        TEST(the_promised_power_is_reached),
    };
    return test_main(tests, COUNT_OF(tests));
}
