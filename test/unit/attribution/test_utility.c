/* utility: the curve by hand, the hull and break-even cap on paper, and the bootstrap: the same
 * bytes from the same seed, and the true slope held by 95 % intervals of simulated cases, both when
 * each case is resampled and when groups of cases are. */
#include "attribution/utility.h"

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)8 << 20)

/* Three cases: 1 resolved for 10, 3 failed, 6 of which 2 after a resolution worth 5 at 4. */
static const money_sum caps[] = {0, 1, 2, 4, 5, 6};
static const struct utility_bucket buckets[] = {
    {0}, {.ended = 1, .resolved = 1, .value_pusd = 10, .spent = 1, .spent_pusd = 1},
    {0}, {.ended = 2, .resolved = 1, .value_pusd = 5, .spent = 1, .spent_pusd = 3},
    {0}, {.spent = 1, .spent_pusd = 6},
};

static void nothing_is_kept_or_spent_at_cap_zero(void)
{
    struct utility_point points[COUNT_OF(caps)];
    const struct utility_fallback none = {.cases = 3};
    utility_fold(caps, buckets, COUNT_OF(caps), 3, points);
    EXPECT(points[0].spend_pusd == 0);
    EXPECT(points[0].value_pusd == 0);
    EXPECT(points[0].ended == 0);
    EXPECT(utility_value(&points[0], &none) == 0);
}

static void the_curve_is_what_a_cap_on_each_case_had_left(void)
{
    struct utility_point points[COUNT_OF(caps)];
    utility_fold(caps, buckets, COUNT_OF(caps), 3, points);
    static const money_sum spend[] = {0, 3, 5, 8, 9, 10};
    static const money_sum value[] = {0, 10, 10, 15, 15, 15};
    static const int64_t ended[] = {0, 1, 1, 3, 3, 3};
    for (size_t i = 0; i < COUNT_OF(caps); i++) {
        EXPECT(points[i].spend_pusd == spend[i]);
        EXPECT(points[i].value_pusd == value[i]);
        EXPECT(points[i].ended == ended[i]);
    }
}

static void the_fallback_is_paid_for_what_was_stopped_or_for_all_that_was_not_resolved(void)
{
    struct utility_point points[COUNT_OF(caps)];
    const struct utility_fallback fallback = {.cases = 3, .unit_pusd = 7};
    utility_fold(caps, buckets, COUNT_OF(caps), 3, points);
    EXPECT(utility_value(&points[0], &fallback) == -21);
    EXPECT(utility_value(&points[1], &fallback) == 10 - 14);
    EXPECT(utility_value(&points[5], &fallback) == 15);
    EXPECT(utility_value_failed_too(&points[1], &fallback) == 10 - 14);
    EXPECT(utility_value_failed_too(&points[5], &fallback) == 15 - 7);
}

static void a_slope_needs_a_dollar_between_its_points(void)
{
    EXPECT(isnan(utility_slope(1, 2, 5, 5)));
    EXPECT(utility_slope(10, 4, 0, 3) == -2);
}

static void the_cap_of_a_spend_is_the_first_that_reaches_it(void)
{
    /* Cases that ended before cost 10; five others: 3 each make 25, 2 each only 20. */
    EXPECT(utility_cap_of_spend(24, 10, 5) == 3);
    EXPECT(utility_cap_of_spend(25, 10, 5) == 3);
    EXPECT(utility_cap_of_spend(26, 10, 5) == 4);
    EXPECT(utility_cap_of_spend(0, 0, 5) == 0);
}

static void break_even_is_the_last_corner_that_a_slope_of_one_leads_to(void)
{
    /* Slopes 4, then 1 over a dent at 30, then a half, then nothing. */
    static const money_sum spend[] = {0, 10, 30, 40, 60, 80};
    static const money_sum value[] = {0, 40, 41, 70, 80, 80};
    struct arena arena;
    struct err err;
    bool hull[COUNT_OF(spend)] = {0};
    size_t at = 77;
    arena_init(&arena, ARENA_BYTES);
    const enum errc code =
        utility_break_even(spend, value, COUNT_OF(spend), &arena, hull, &at, &err);
    arena_deinit(&arena);
    EXPECT(code == ERR_OK);
    EXPECT(at == 3);
    static const bool expected[] = {true, true, false, true, true, true};
    for (size_t i = 0; i < COUNT_OF(hull); i++) {
        EXPECT(hull[i] == expected[i]);
    }
}

static void when_no_dollar_pays_the_break_even_cap_is_the_first(void)
{
    static const money_sum spend[] = {0, 10, 20};
    static const money_sum value[] = {0, 9, 12};
    struct arena arena;
    struct err err;
    size_t at = 77;
    arena_init(&arena, ARENA_BYTES);
    const enum errc code =
        utility_break_even(spend, value, COUNT_OF(spend), &arena, NULL, &at, &err);
    arena_deinit(&arena);
    EXPECT(code == ERR_OK);
    EXPECT(at == 0);
}

static void an_arena_without_room_is_refused(void)
{
    static const money_sum flat[] = {0, 1};
    static const double cells[] = {0, 1, 0, 1};
    static const bool curve[] = {true, true};
    const struct utility_groups groups = {.groups = 2,
                                          .caps = 2,
                                          .spend = cells,
                                          .value = cells,
                                          .resolved = cells,
                                          .curve = curve,
                                          .decile_to = 1};
    struct utility_intervals x;
    struct arena arena;
    struct err err;
    size_t at = 77;
    arena_init(&arena, 16);
    const enum errc even = utility_break_even(flat, flat, 2, &arena, NULL, &at, &err);
    const enum errc drawn = utility_bootstrap(&groups, 1, &arena, &x, &err);
    arena_deinit(&arena);
    EXPECT(even == ERR_LIMIT);
    EXPECT(at == 77);
    EXPECT(drawn == ERR_LIMIT);
}

static void one_group_has_a_slope_and_no_interval(void)
{
    static const double spend[] = {0, 9, 10};
    static const double value[] = {0, 20, 23};
    static const double resolved[] = {0, 2, 2};
    static const bool curve[] = {true, true, true};
    const struct utility_groups groups = {.groups = 1,
                                          .caps = 3,
                                          .spend = spend,
                                          .value = value,
                                          .resolved = resolved,
                                          .curve = curve,
                                          .decile_from = 1,
                                          .decile_to = 2};
    struct utility_intervals x;
    struct arena arena;
    struct err err;
    arena_init(&arena, ARENA_BYTES);
    const enum errc code = utility_bootstrap(&groups, 1, &arena, &x, &err);
    arena_deinit(&arena);
    EXPECT(code == ERR_OK);
    EXPECT(x.current_mtu.value == 3);
    EXPECT(isnan(x.current_mtu.low));
    EXPECT(x.current_outcomes.value == 0);
    EXPECT(!x.break_even);
}

/* ---- simulated cases. Spend is exponential with mean 1; below 1 nine in ten are resolved, above
 * it half, each worth 2. What is left to spend at any cap has mean 1 again, so beyond a cap of 1
 * every dollar brings back 2 x 0.5 = 1: the true slope of the last tenth. */

enum { CASES_MAX = 2000, GROUPS = 200, CAPS = 5 };

struct sample {
    double spend[CASES_MAX];
    bool resolved[CASES_MAX];
    double cells_spend[GROUPS * CAPS];
    double cells_value[GROUPS * CAPS];
    double cells_resolved[GROUPS * CAPS];
    struct utility_groups groups;
};

static int ascending(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The cap at which sorted spends reach nine tenths of their sum. */
static double decile_of(const double *spend, size_t n)
{
    static double sorted[CASES_MAX];
    double all = 0;
    for (size_t i = 0; i < n; i++) {
        sorted[i] = spend[i];
        all += spend[i];
    }
    qsort(sorted, n, sizeof *sorted, ascending);
    double below = 0;
    for (size_t i = 0; i < n; i++) {
        if (below + sorted[i] * (double)(n - i) >= 0.9 * all) {
            return (0.9 * all - below) / (double)(n - i);
        }
        below += sorted[i];
    }
    return sorted[n - 1];
}

/* n cases in 200 groups; with as many cases as groups, each is one. */
static void simulate(struct sample *s, struct rng *rng, size_t n)
{
    static const bool curve[CAPS] = {true, true, true, false, true};
    *s = (struct sample){0};
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        s->spend[i] = rng_exponential(rng);
        s->resolved[i] = rng_unit(rng) < (s->spend[i] < 1 ? 0.9 : 0.5);
        most = fmax(most, s->spend[i]);
    }
    const double at[CAPS] = {0, 0.5, 1, decile_of(s->spend, n), most};
    for (size_t i = 0; i < n; i++) {
        const size_t group = n == GROUPS ? i : (size_t)rng_below(rng, GROUPS);
        for (size_t j = 0; j < CAPS; j++) {
            const bool kept = s->resolved[i] && s->spend[i] <= at[j];
            s->cells_spend[group * CAPS + j] += fmin(s->spend[i], at[j]);
            s->cells_value[group * CAPS + j] += kept ? 2 : 0;
            s->cells_resolved[group * CAPS + j] += kept ? 1 : 0;
        }
    }
    s->groups = (struct utility_groups){.groups = GROUPS,
                                        .caps = CAPS,
                                        .spend = s->cells_spend,
                                        .value = s->cells_value,
                                        .resolved = s->cells_resolved,
                                        .curve = curve,
                                        .decile_from = 3,
                                        .decile_to = 4};
}

static void the_same_seed_gives_the_same_intervals_and_another_seed_others(void)
{
    static struct sample s;
    struct utility_intervals x[3];
    struct rng rng;
    struct arena arena;
    struct err err;
    rng_init(&rng, 5);
    simulate(&s, &rng, GROUPS);
    arena_init(&arena, ARENA_BYTES);
    enum errc code = ERR_OK;
    for (size_t i = 0; i < COUNT_OF(x) && code == ERR_OK; i++) {
        code = utility_bootstrap(&s.groups, i < 2 ? 1 : 2, &arena, &x[i], &err);
    }
    const bool same = code == ERR_OK && x[0].current_mtu.low == x[1].current_mtu.low &&
                      x[0].mtu_high[2] == x[1].mtu_high[2] &&
                      x[0].break_even_low == x[1].break_even_low;
    const bool other = code == ERR_OK && x[0].current_mtu.low != x[2].current_mtu.low;
    const bool steps = code == ERR_OK && isnan(x[0].mtu_low[0]) && isnan(x[0].mtu_low[3]) &&
                       x[0].mtu_low[1] < x[0].mtu_high[1];
    arena_deinit(&arena);
    EXPECT(same);
    EXPECT(other);
    EXPECT(steps); /* nothing lies before cap 0, and the decile's cap is not on the curve */
}

/* How many of `sets` intervals hold the true slope. */
static int held(size_t cases, int sets, uint64_t seed)
{
    static struct sample s;
    struct rng rng;
    struct arena arena;
    struct err err;
    int count = 0;
    rng_init(&rng, seed);
    arena_init(&arena, ARENA_BYTES);
    for (int i = 0; i < sets; i++) {
        struct utility_intervals x;
        const struct arena_position mark = arena_mark(&arena);
        simulate(&s, &rng, cases);
        if (utility_bootstrap(&s.groups, STATS_BOOTSTRAP_SEED, &arena, &x, &err) == ERR_OK) {
            count += x.current_mtu.low <= 1 && 1 <= x.current_mtu.high;
        }
        arena_rewind(&arena, mark);
    }
    arena_deinit(&arena);
    return count;
}

static void the_interval_of_the_last_tenth_holds_the_truth_nineteen_times_in_twenty(void)
{
    enum { SETS = 300 }; /* 285 expected, standard deviation 3.8 */
    if (test_is_refusing()) {
        return;
    }
    const int alone = held(GROUPS, SETS, 7);
    const int grouped = held(CASES_MAX, SETS, 8);
    print_message("# of %d intervals: %d with cases alone, %d with groups of ten\n", SETS, alone,
                  grouped);
    EXPECT(alone >= 273);
    EXPECT(alone <= 296);
    EXPECT(grouped >= 273);
    EXPECT(grouped <= 296);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(an_arena_without_room_is_refused),
        TEST(nothing_is_kept_or_spent_at_cap_zero),
        TEST(the_curve_is_what_a_cap_on_each_case_had_left),
        TEST(the_fallback_is_paid_for_what_was_stopped_or_for_all_that_was_not_resolved),
        TEST(a_slope_needs_a_dollar_between_its_points),
        TEST(the_cap_of_a_spend_is_the_first_that_reaches_it),
        TEST(break_even_is_the_last_corner_that_a_slope_of_one_leads_to),
        TEST(when_no_dollar_pays_the_break_even_cap_is_the_first),
        TEST(one_group_has_a_slope_and_no_interval),
        TEST(the_same_seed_gives_the_same_intervals_and_another_seed_others),
        TEST(the_interval_of_the_last_tenth_holds_the_truth_nineteen_times_in_twenty),
    };
    return test_main(tests, COUNT_OF(tests));
}
