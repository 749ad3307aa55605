/* Chi-square of models and values against tables and sums by hand. */
#include <math.h>

#include "attribution/routing/routing.h"
#include "support/test.h"

static bool near(double a, double b, double tolerance)
{
    return fabs(a - b) < tolerance;
}

static void nothing_to_compare_is_balanced(void)
{
    const int64_t one_value[] = {40, 60};
    const int64_t one_model[] = {40, 0, 60, 0};
    EXPECT(near(routing_balance(one_value, 1, 2).p, 1, 1e-15));
    EXPECT(near(routing_balance(one_model, 2, 2).p, 1, 1e-15));
    EXPECT(near(routing_balance(one_model, 0, 2).p, 1, 1e-15));
}

/* Upper 5 %, 1 % and 0.1 % points of the printed tables. */
static void tail_probabilities_are_those_of_the_tables(void)
{
    EXPECT(near(routing_chi_square_p(3.841459, 1), 0.05, 1e-7));
    EXPECT(near(routing_chi_square_p(9.210340, 2), 0.01, 1e-8));
    EXPECT(near(routing_chi_square_p(29.588298, 10), 0.001, 1e-9));
    EXPECT(near(routing_chi_square_p(124.342113, 100), 0.05, 1e-7));
    EXPECT(near(routing_chi_square_p(0, 4), 1, 1e-15));
    EXPECT(routing_chi_square_p(5000, 3) < 1e-300);
}

/* 30 20 / 10 40: 100 (30 40 - 20 10)^2 / (50 50 40 60) = 16.667, V = 0.408. */
static void a_table_of_four_is_as_by_hand(void)
{
    const int64_t counts[] = {30, 20, 10, 40};
    const struct routing_balance b = routing_balance(counts, 2, 2);
    EXPECT(near(b.statistic, 100.0 / 6, 1e-9));
    EXPECT(b.freedom == 1);
    EXPECT(near(b.cramer_v, sqrt(1.0 / 6), 1e-9));
    EXPECT(b.p < 1e-4);
}

static void values_too_rare_to_judge_are_taken_together(void)
{
    const int64_t counts[] = {500, 10, 490, 10, 3, 0, 2, 0, 4, 0};
    const struct routing_balance b = routing_balance(counts, 5, 2);
    EXPECT(b.freedom == 2);
    EXPECT(b.p > 0.5);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(nothing_to_compare_is_balanced),
        TEST(tail_probabilities_are_those_of_the_tables),
        TEST(a_table_of_four_is_as_by_hand),
        TEST(values_too_rare_to_judge_are_taken_together),
    };
    return test_main(tests, COUNT_OF(tests));
}
