/* Two stages in a row by hand, and the bootstrap against a known spread. */
#include <math.h>

#include "attribution/routing/routing.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)1 << 20)

static struct arena arena;

static bool near(double a, double b, double tolerance)
{
    return fabs(a - b) < tolerance;
}

/* Four inputs at 0.1 first; two fail; the second, dearer on what is hard, mends one of them. */
static const struct routing_stage_row rows[] = {
    {0, 1, 1, 0.1, 1.0},
    {0, 1, 0, 0.1, 1.0},
    {1, 0, 1, 0.1, 3.0},
    {1, 0, 0, 0.1, 5.0},
};

static void costs_are_those_of_the_failed_inputs(void)
{
    struct routing_cascade c;
    struct err err;
    EXPECT(routing_cascade(rows, COUNT_OF(rows), 0, 0, &arena, &c, &err) == ERR_OK);
    EXPECT(near(c.success_first, 0.5, 1e-12));
    EXPECT(near(c.success_second, 0.5, 1e-12));
    EXPECT(near(c.cost_second_usd, 4, 1e-12));
    EXPECT(near(c.success.value, 0.75, 1e-12));
    EXPECT(near(c.cost.value, 0.1 + 0.5 * 4, 1e-12));
    EXPECT(isnan(c.cost.low));
}

static void a_first_stage_that_never_fails_hands_nothing_over(void)
{
    struct routing_cascade c;
    struct err err;
    EXPECT(routing_cascade(rows, 2, 0, 0, &arena, &c, &err) == ERR_OK);
    EXPECT(near(c.success.value, 1, 1e-12));
    EXPECT(near(c.cost.value, 0.1, 1e-12));
    EXPECT(isnan(c.success_second));
}

/* Failures that nobody took up are as likely to be mended as those that were. */
static void failures_not_taken_up_count_as_the_others(void)
{
    struct routing_stage_row some[] = {
        {0, 1, 0, 1, 0}, {1, 0, 1, 1, 4}, {0, 0, 0, 1, 0}, {0, 0, 0, 1, 0}};
    struct routing_cascade c;
    struct err err;
    EXPECT(routing_cascade(some, COUNT_OF(some), 0, 0, &arena, &c, &err) == ERR_OK);
    EXPECT(near(c.success.value, 1, 1e-12));
    EXPECT(near(c.cost.value, 1 + 0.75 * 4, 1e-12));
    EXPECT(near(c.failed, 1, 1e-12));
}

/* 400 inputs, p 0.5 at each stage: the success 0.75 has a deviation of sqrt(0.75 0.25 / 400). */
static void the_bootstrap_has_the_spread_of_the_truth(void)
{
    static struct routing_stage_row many[400];
    struct routing_cascade c;
    struct routing_cascade again;
    struct err err;
    for (size_t i = 0; i < COUNT_OF(many); i++) {
        many[i] = rows[i % COUNT_OF(rows)];
    }
    EXPECT(routing_cascade(many, COUNT_OF(many), 1000, 7, &arena, &c, &err) == ERR_OK);
    EXPECT(routing_cascade(many, COUNT_OF(many), 1000, 7, &arena, &again, &err) == ERR_OK);
    EXPECT(near((c.success.high - c.success.low) / (2 * STATS_Z95), sqrt(0.1875 / 400), 0.002));
    EXPECT(near(c.cost.low, again.cost.low, 1e-15));
    EXPECT(c.cost.low < c.cost.value);
    EXPECT(c.cost.high > c.cost.value);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(costs_are_those_of_the_failed_inputs),
        TEST(a_first_stage_that_never_fails_hands_nothing_over),
        TEST(failures_not_taken_up_count_as_the_others),
        TEST(the_bootstrap_has_the_spread_of_the_truth),
    };
    arena_init(&arena, ARENA_BYTES);
    const int failed = test_main(tests, COUNT_OF(tests));
    arena_deinit(&arena);
    return failed;
}
