/* rng: the published sequences of splitmix64 and xoshiro256++; uniform within what chance allows.
 * Sums over many seeded draws are compared with their expectation at six standard deviations. */
#include "base/rng.h"

#include <math.h>

#include "support/test.h"

enum { DRAWS = 200000 };

static void seeds_spread_as_splitmix64_does(void)
{
    /* Source: the first outputs of splitmix64 for the seed 1234567. */
    struct rng rng;
    rng_init(&rng, 1234567);
    EXPECT(rng.state[0] == UINT64_C(6457827717110365317));
    EXPECT(rng.state[1] == UINT64_C(3203168211198807973));
    EXPECT(rng.state[2] == UINT64_C(9817491932198370423));
    EXPECT(rng.state[3] == UINT64_C(4593380528125082431));
}

static void numbers_are_those_of_xoshiro256_plus_plus(void)
{
    /* Source: the reference implementation from the state 1, 2, 3, 4. */
    static const uint64_t expected[] = {
        UINT64_C(41943041),
        UINT64_C(58720359),
        UINT64_C(3588806011781223),
        UINT64_C(3591011842654386),
        UINT64_C(9228616714210784205),
        UINT64_C(9973669472204895162),
        UINT64_C(14011001112246962877),
        UINT64_C(12406186145184390807),
        UINT64_C(15849039046786891736),
        UINT64_C(10450023813501588000),
    };
    struct rng rng = {.state = {1, 2, 3, 4}};
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        EXPECT(rng_next(&rng) == expected[i]);
    }
}

static void streams_of_a_seed_differ_and_repeat(void)
{
    struct rng a;
    struct rng b;
    struct rng again;
    rng_init_stream(&a, 42, 0);
    rng_init_stream(&b, 42, 1);
    rng_init_stream(&again, 42, 0);
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        const uint64_t value = rng_next(&a);
        same += value == rng_next(&b);
        EXPECT(value == rng_next(&again));
    }
    EXPECT(same == 0);
    rng_init_stream(&a, 43, 0);
    rng_init_stream(&again, 42, 0);
    EXPECT(rng_next(&a) != rng_next(&again));
}

static void bounded_numbers_stay_below_and_fall_evenly(void)
{
    struct rng rng;
    rng_init(&rng, 7);
    EXPECT(rng_below(&rng, 1) == 0);
    int counts[7] = {0};
    for (int i = 0; i < DRAWS; i++) {
        const uint64_t value = rng_below(&rng, COUNT_OF(counts));
        EXPECT(value < COUNT_OF(counts));
        counts[value]++;
    }
    const double mean = (double)DRAWS / COUNT_OF(counts);
    double chi_square = 0;
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        chi_square += (counts[i] - mean) * (counts[i] - mean) / mean;
    }
    EXPECT(chi_square < 40); /* six degrees of freedom: by chance once in a million */
    /* A bound above half the range refuses about every second number. */
    const uint64_t bound = (UINT64_C(1) << 63) + 1;
    for (int i = 0; i < 1000; i++) {
        EXPECT(rng_below(&rng, bound) < bound);
    }
}

/* Mean and variance over DRAWS draws. */
static void moments(double (*draw)(struct rng *), double *mean, double *variance)
{
    struct rng rng;
    rng_init(&rng, 11);
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < DRAWS; i++) {
        const double x = draw(&rng);
        sum += x;
        squares += x * x;
    }
    *mean = sum / DRAWS;
    *variance = squares / DRAWS - *mean * *mean;
}

static void distributions_have_their_moments(void)
{
    const double root = sqrt(DRAWS);
    double mean = 0;
    double variance = 0;
    moments(rng_unit, &mean, &variance);
    EXPECT(fabs(mean - 0.5) < 6 * sqrt(1.0 / 12) / root);
    EXPECT(fabs(variance - 1.0 / 12) < 6 * sqrt(1.0 / 180) / root);
    moments(rng_normal, &mean, &variance);
    EXPECT(fabs(mean) < 6 / root);
    EXPECT(fabs(variance - 1) < 6 * sqrt(2) / root);
    moments(rng_exponential, &mean, &variance);
    EXPECT(fabs(mean - 1) < 6 / root);
    EXPECT(fabs(variance - 1) < 6 * sqrt(8) / root);
}

static void unit_numbers_stay_below_one(void)
{
    struct rng rng = {.state = {UINT64_MAX, 0, 0, 0}};
    for (int i = 0; i < 1000; i++) {
        const double u = rng_unit(&rng);
        EXPECT(u >= 0 && u < 1);
        const double e = rng_exponential(&rng);
        EXPECT(e >= 0 && isfinite(e));
    }
}

int main(void)
{
    static const struct test tests[] = {
        TEST(seeds_spread_as_splitmix64_does),     TEST(numbers_are_those_of_xoshiro256_plus_plus),
        TEST(streams_of_a_seed_differ_and_repeat), TEST(bounded_numbers_stay_below_and_fall_evenly),
        TEST(distributions_have_their_moments),    TEST(unit_numbers_stay_below_one),
    };
    return test_main(tests, COUNT_OF(tests));
}
