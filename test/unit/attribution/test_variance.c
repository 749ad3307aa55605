/* variance: places of the median against exact binomial sums, pass^k against the published figures
 * of tau-bench and by counting every choice. */
#include "attribution/variance.h"

#include <math.h>

#include "support/test.h"

#define ARENA_BYTES ((size_t)1 << 20)

static void five_values_have_a_median_and_no_interval(void)
{
    const struct variance_ranks five = variance_median(5);
    EXPECT(five.low == 0);
    EXPECT(five.high == 0);
    EXPECT(five.middle == 3);
    EXPECT(five.middle_above == 3);
    EXPECT(variance_median(1).middle == 1);
    EXPECT(variance_median(1).middle_above == 1);
}

/* P(the median lies below the value at place `low`), n independent values. */
static double tail(int64_t n, int64_t low)
{
    double chance = pow(0.5, (double)n);
    double sum = 0;
    for (int64_t i = 0; i < low; i++) {
        sum += chance;
        chance *= (double)(n - i) / (double)(i + 1);
    }
    return sum;
}

static void the_interval_of_a_median_is_the_narrowest_that_holds_95_per_cent(void)
{
    static const int64_t sizes[] = {6, 7, 20, 50, 101, 1000};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        const struct variance_ranks r = variance_median(sizes[i]);
        EXPECT(r.low >= 1);
        EXPECT(r.high == sizes[i] + 1 - r.low);
        EXPECT(tail(sizes[i], r.low) <= 0.025);
        EXPECT(tail(sizes[i], r.low + 1) > 0.025);
    }
    /* As tabulated: of 50 values the 18th and the 33rd. */
    EXPECT(variance_median(50).low == 18);
    EXPECT(variance_median(50).high == 33);
}

static void many_values_continue_where_the_exact_sum_ends(void)
{
    const struct variance_ranks exact = variance_median(1000);
    const struct variance_ranks near = variance_median(1001);
    EXPECT(near.low - exact.low >= 0);
    EXPECT(near.low - exact.low <= 1);
    EXPECT(variance_median(1000000).low == 499020); /* (n + 1 - 1.96 sqrt(n)) / 2 */
}

/* tau-bench v1, airline, gpt-4o: 50 tasks, four trials each. */
static const struct variance_trials airline[] = {
    {4, 0, 14}, {4, 1, 12}, {4, 2, 10}, {4, 3, 4}, {4, 4, 10}};

static void pass_k_of_tau_bench_is_what_was_published(void)
{
    static const double published[] = {0.42, 0.2733, 0.22, 0.20};
    struct arena arena;
    struct err err;
    arena_init(&arena, ARENA_BYTES);
    bool right = true;
    for (int k = 1; k <= 4; k++) {
        struct variance_pass pass;
        const enum errc code = variance_pass(airline, COUNT_OF(airline), k, 1, &arena, &pass, &err);
        right = right && code == ERR_OK && fabs(pass.hat.value - published[k - 1]) < 5e-5 &&
                pass.hat.low < pass.hat.value && pass.hat.value < pass.hat.high &&
                pass.keys == 50 && fabs(pass.at.value - (k == 4 ? 0.72 : pass.at.value)) < 1e-12;
    }
    arena_deinit(&arena);
    EXPECT(right);
}

/* Choose k of n trials in every way: how often all of them are among the first c. */
static void pass_k_is_the_share_of_choices_that_all_succeed(void)
{
    enum { TRIALS = 9, RESOLVED = 5, CHOSEN = 3 };
    int all = 0;
    int hat = 0;
    int any = 0;
    for (unsigned chosen = 0; chosen < 1u << TRIALS; chosen++) {
        if (__builtin_popcount(chosen) == CHOSEN) {
            const int good = __builtin_popcount(chosen & ((1u << RESOLVED) - 1));
            all++;
            hat += good == CHOSEN;
            any += good > 0;
        }
    }
    static const struct variance_trials one[] = {{TRIALS, RESOLVED, 1}};
    struct variance_pass pass = {0};
    struct arena arena;
    struct err err;
    arena_init(&arena, ARENA_BYTES);
    const enum errc code = variance_pass(one, 1, CHOSEN, 1, &arena, &pass, &err);
    arena_deinit(&arena);
    EXPECT(code == ERR_OK);
    EXPECT(fabs(pass.hat.value - (double)hat / all) < 1e-12);
    EXPECT(fabs(pass.at.value - (double)any / all) < 1e-12);
}

static void many_keys_take_the_delta_method_and_agree_with_the_bootstrap(void)
{
    const struct variance_trials few[] = {{4, 1, 1000}, {4, 3, 1000}};
    const struct variance_trials many[] = {{4, 1, 1001}, {4, 3, 1000}};
    struct variance_pass drawn = {0};
    struct variance_pass exact = {0};
    struct arena arena;
    struct err err;
    arena_init(&arena, ARENA_BYTES);
    enum errc code = variance_pass(few, 2, 2, 1, &arena, &drawn, &err);
    if (code == ERR_OK) {
        code = variance_pass(many, 2, 2, 1, &arena, &exact, &err);
    }
    arena_deinit(&arena);
    EXPECT(code == ERR_OK);
    EXPECT(str_equal(str_from(drawn.hat_method), STR("bootstrap")));
    EXPECT(str_equal(str_from(exact.hat_method), STR("delta")));
    EXPECT(fabs(drawn.hat.low - exact.hat.low) < 0.002);
    EXPECT(fabs(drawn.hat.high - exact.hat.high) < 0.002);
}

static void keys_all_alike_are_not_taken_for_certain(void)
{
    static const struct variance_trials alike[] = {{3, 3, 5}};
    struct variance_pass pass = {0};
    struct arena arena;
    struct err err;
    arena_init(&arena, ARENA_BYTES);
    const enum errc code = variance_pass(alike, 1, 2, 1, &arena, &pass, &err);
    arena_deinit(&arena);
    EXPECT(code == ERR_OK);
    EXPECT(pass.hat.value == 1);
    EXPECT(fabs(pass.hat.low - 0.5655) < 1e-4); /* Wilson's 5 of 5 */
    EXPECT(str_equal(str_from(pass.hat_method), STR("wilson")));
    EXPECT(fabs(pass.at.low - 0.5655) < 1e-4);
}

static void an_arena_without_room_is_refused(void)
{
    struct variance_pass pass = {.keys = 77};
    struct arena arena;
    struct err err;
    arena_init(&arena, 64);
    const enum errc code = variance_pass(airline, COUNT_OF(airline), 2, 1, &arena, &pass, &err);
    arena_deinit(&arena);
    EXPECT(code == ERR_LIMIT);
    EXPECT(pass.keys == 77);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(keys_all_alike_are_not_taken_for_certain),
        TEST(an_arena_without_room_is_refused),
        TEST(five_values_have_a_median_and_no_interval),
        TEST(the_interval_of_a_median_is_the_narrowest_that_holds_95_per_cent),
        TEST(many_values_continue_where_the_exact_sum_ends),
        TEST(pass_k_of_tau_bench_is_what_was_published),
        TEST(pass_k_is_the_share_of_choices_that_all_succeed),
        TEST(many_keys_take_the_delta_method_and_agree_with_the_bootstrap),
    };
    return test_main(tests, COUNT_OF(tests));
}
