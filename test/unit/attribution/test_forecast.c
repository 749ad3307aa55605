/* forecast: a known process is recovered, its 80 % interval holds what comes 75 to 85 times of 100.
 * Method: spend simulated with a weekly season and days of a long tail; the truth is what the same
 * process then does. */
#include <math.h>
#include <stdio.h>

#include "attribution/forecast/forecast.h"
#include "base/rng.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)1 << 20)
enum { SERIES = 1000, AHEAD = 20 };

/* Mean 100 on weekdays, 20 at weekends; each day off by a factor of mean 1. */
static double draw_day(struct rng *rng, int weekday, double spread)
{
    return (weekday < 5 ? 100 : 20) * exp(spread * rng_normal(rng) - spread * spread / 2);
}

static enum errc run(const struct forecast_request *request, struct forecast *out)
{
    struct arena arena;
    struct err err;
    arena_init(&arena, ARENA_BYTES);
    const enum errc code = forecast_run(request, &arena, out, &err);
    arena_deinit(&arena);
    return code;
}

static void an_arena_without_room_is_refused(void)
{
    static const double spend[FORECAST_HISTORY_LEAST] = {0};
    struct arena arena;
    struct err err;
    struct forecast out = {.total = 77};
    const struct forecast_request request = {
        .spend = spend, .history = FORECAST_HISTORY_LEAST, .days = 1, .limit = NAN};
    arena_init(&arena, 64);
    const enum errc code = forecast_run(&request, &arena, &out, &err);
    arena_deinit(&arena);
    EXPECT(code == ERR_LIMIT);
    EXPECT(fabs(out.total - 77) <= 0);
}

static void a_steady_spender_is_foretold_to_the_cent_and_the_day(void)
{
    double spend[28];
    for (size_t i = 0; i < 28; i++) {
        spend[i] = i % 7 < 5 ? 10 : 2; /* from a Monday on */
    }
    const struct forecast_request request = {
        .spend = spend, .history = 28, .weekday = 0, .days = 10, .spent = 100, .limit = 145};
    struct forecast out;
    EXPECT(run(&request, &out) == ERR_OK);
    /* Ten days from a Monday: 5 * 10 + 2 * 2 + 3 * 10 = 84 more; 145 is passed on the fifth. */
    EXPECT(fabs(out.total - 184) < 1e-9);
    EXPECT(fabs(out.low - 184) < 1e-9);
    EXPECT(fabs(out.high - 184) < 1e-9);
    EXPECT(fabs(out.exceeds - 1) <= 0);
    EXPECT(out.exhausted == 4);
    EXPECT(out.exhausted_low == 4);
    EXPECT(out.exhausted_high == 4);
}

static void nothing_spent_is_nothing_foretold_but_what_was_begun_counts(void)
{
    static const double spend[14] = {0};
    struct forecast_request request = {
        .spend = spend, .history = 14, .weekday = 3, .days = 5, .begun = 3, .limit = 10};
    struct forecast out;
    EXPECT(run(&request, &out) == ERR_OK);
    EXPECT(fabs(out.total - 3) < 1e-12);
    EXPECT(fabs(out.exceeds) <= 0);
    EXPECT(out.exhausted == -1);
    request.limit = NAN;
    EXPECT(run(&request, &out) == ERR_OK);
    EXPECT(isnan(out.exceeds));
}

static void the_same_seed_and_stream_give_the_same_figures_and_others_do_not(void)
{
    double spend[56];
    struct rng rng;
    rng_init(&rng, 3);
    for (size_t i = 0; i < 56; i++) {
        spend[i] = draw_day(&rng, (int)(i % 7), 0.4);
    }
    struct forecast_request request = {.spend = spend,
                                       .history = 56,
                                       .days = 30,
                                       .limit = 2000,
                                       .seed = FORECAST_SEED,
                                       .stream = 5};
    struct forecast a;
    struct forecast b;
    struct forecast c;
    EXPECT(run(&request, &a) == ERR_OK);
    EXPECT(run(&request, &b) == ERR_OK);
    request.stream = 6;
    EXPECT(run(&request, &c) == ERR_OK);
    EXPECT(fabs(a.total - b.total) <= 0);
    EXPECT(fabs(a.exceeds - b.exceeds) <= 0);
    EXPECT(fabs(a.total - c.total) > 0);
    EXPECT(fabs(a.total - c.total) < 0.05 * a.total);
}

struct tally {
    int held;
    int exceeded;
    double promised;
    int date_held;
};

/* How often the interval holds the truth, and how the promised chance of exceeding compares. */
static struct tally tally_of(size_t history, double spread, uint64_t seed)
{
    double spend[FORECAST_HISTORY_MAX];
    struct rng rng;
    struct tally tally = {0};
    rng_init(&rng, seed);
    for (int i = 0; i < SERIES && !test_is_refusing(); i++) {
        const int weekday = i % 7;
        for (size_t day = 0; day < history; day++) {
            spend[day] = draw_day(&rng, (int)((size_t)weekday + 700 - (history - day)) % 7, spread);
        }
        double total = 0;
        int passed = -1;
        const double limit = 1300 + 400 * rng_unit(&rng);
        for (size_t day = 0; day < AHEAD; day++) {
            total += draw_day(&rng, (weekday + (int)day) % 7, spread);
            passed = passed < 0 && total > limit ? (int)day : passed;
        }
        const struct forecast_request request = {.spend = spend,
                                                 .history = history,
                                                 .weekday = weekday,
                                                 .days = AHEAD,
                                                 .limit = limit,
                                                 .seed = (uint64_t)i};
        struct forecast out;
        if (run(&request, &out) != ERR_OK) {
            return tally;
        }
        const int late = out.exhausted_high < 0 ? AHEAD : out.exhausted_high;
        const int when = passed < 0 ? AHEAD : passed;
        tally.held += out.low <= total && total <= out.high;
        tally.exceeded += passed >= 0;
        tally.promised += out.exceeds;
        tally.date_held +=
            (out.exhausted_low < 0 ? AHEAD : out.exhausted_low) <= when && when <= late;
    }
    return tally;
}

static bool is_honest(const char *what, const struct tally *tally)
{
    char text[160];
    snprintf(text, sizeof text, "%s: total %.1f %%, date %.1f %%, exceeds %.3f promised %.3f", what,
             100.0 * tally->held / SERIES, 100.0 * tally->date_held / SERIES,
             (double)tally->exceeded / SERIES, tally->promised / SERIES);
    test_note(text);
    return tally->held >= 0.75 * SERIES && tally->held <= 0.85 * SERIES &&
           fabs(tally->exceeded - tally->promised) < 0.04 * SERIES;
}

static void eight_weeks_foretell_three_weeks_honestly(void)
{
    const struct tally steady = tally_of(56, 0.15, 1);
    EXPECT(is_honest("56 days, spread 0.15", &steady));
    const struct tally rough = tally_of(56, 0.5, 2);
    EXPECT(is_honest("56 days, spread 0.5", &rough));
    EXPECT(rough.date_held >= 0.75 * SERIES); /* whole days: more than the bar promises */
}

static void four_weeks_foretell_three_weeks_honestly(void)
{
    const struct tally tally = tally_of(28, 0.3, 3);
    EXPECT(is_honest("28 days, spread 0.3", &tally));
}

static void a_reasoning_surge_stands_out_by_four_deviations(void)
{
    double share[FORECAST_TRAILING_DAYS + 1];
    for (size_t i = 0; i < FORECAST_TRAILING_DAYS; i++) {
        share[i] = 0.30 + (i % 2 == 0 ? 0.02 : -0.02);
    }
    share[FORECAST_TRAILING_DAYS] = 0.37; /* limit 0.30 + 4 * 0.02 */
    EXPECT(!forecast_surge(share, FORECAST_TRAILING_DAYS + 1).is_surge);
    share[FORECAST_TRAILING_DAYS] = 0.39;
    const struct forecast_surge surge = forecast_surge(share, FORECAST_TRAILING_DAYS + 1);
    EXPECT(surge.is_surge);
    EXPECT(fabs(surge.mean - 0.30) < 1e-12);
    EXPECT(fabs(surge.limit - 0.38) < 1e-12);
}

static void too_few_or_idle_days_are_no_surge(void)
{
    double share[FORECAST_TRAILING_DAYS + 1];
    for (size_t i = 0; i <= FORECAST_TRAILING_DAYS; i++) {
        share[i] = i < 20 ? (double)NAN : 0.1;
    }
    share[FORECAST_TRAILING_DAYS] = 0.9;
    EXPECT(!forecast_surge(share, FORECAST_TRAILING_DAYS + 1).is_surge);
    EXPECT(!forecast_surge(share, 1).is_surge);
    for (size_t i = 0; i < 20; i++) {
        share[i] = 0.1;
    }
    EXPECT(forecast_surge(share, FORECAST_TRAILING_DAYS + 1).is_surge);
    share[FORECAST_TRAILING_DAYS] = 0.13; /* the deviation is none, but three points are no surge */
    EXPECT(!forecast_surge(share, FORECAST_TRAILING_DAYS + 1).is_surge);
    share[FORECAST_TRAILING_DAYS] = NAN;
    EXPECT(!forecast_surge(share, FORECAST_TRAILING_DAYS + 1).is_surge);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(an_arena_without_room_is_refused),
        TEST(nothing_spent_is_nothing_foretold_but_what_was_begun_counts),
        TEST(too_few_or_idle_days_are_no_surge),
        TEST(a_steady_spender_is_foretold_to_the_cent_and_the_day),
        TEST(the_same_seed_and_stream_give_the_same_figures_and_others_do_not),
        TEST(eight_weeks_foretell_three_weeks_honestly),
        TEST(four_weeks_foretell_three_weeks_honestly),
        TEST(a_reasoning_surge_stands_out_by_four_deviations),
    };
    return test_main(tests, COUNT_OF(tests));
}
