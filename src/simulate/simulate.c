/* simulate: the year day by day: how many cases come on each, and one after the other. */
#include "simulate/simulate_priv.h"

#include <stdio.h>

#include "base/clock.h"

static const int unattributed_weights[7] = {19, 19, 19, 19, 17, 4, 3};

static void make_spans(struct simulate *simulate)
{
    size_t count = 0;
    for (int month = 1; month <= PERIOD_MONTHS; month++) {
        simulate->span_days[count++] = clock_days(2026, month, 1);
    }
    for (size_t i = 0; i < COMPANY_PRICE_CHANGES; i++) {
        size_t at = count++;
        for (; at > 0 && simulate->span_days[at - 1] > company_price_changes[i].day; at--) {
            simulate->span_days[at] = simulate->span_days[at - 1];
        }
        simulate->span_days[at] = company_price_changes[i].day;
    }
    CHECK(count == SPANS);
}

/* How many cases each day gets: one draw a case, by weekday and a volume that grows by a third. */
static void spread_over_days(struct lane *lane, const int weights[7])
{
    int64_t below[PERIOD_DAYS];
    int64_t total = 0;
    for (int day = 0; day < PERIOD_DAYS; day++) {
        const int64_t weekday = (PERIOD_FIRST_DAY + day + 3) % 7; /* 1970-01-01 was a Thursday */
        total += weights[weekday] * (900 + day);
        below[day] = total;
    }
    for (int64_t i = 0; i < lane->cases; i++) {
        const int64_t place = (int64_t)rng_below(&lane->draws[DRAW_ARRIVAL], (uint64_t)total);
        int low = 0;
        int high = PERIOD_DAYS - 1;
        while (low < high) {
            const int middle = (low + high) / 2;
            low = below[middle] > place ? low : middle + 1;
            high = below[middle] > place ? middle : high;
        }
        lane->day_counts[low]++;
    }
}

enum errc simulate_create(const struct simulate_options *options, struct arena *arena,
                          struct simulate **out, struct err *err)
{
    CHECK(options != NULL);
    CHECK(options->workflow < SIMULATE_WORKFLOWS);
    if (options->cases < 1 || options->cases > SIMULATE_CASES_MAX) {
        return err_set(err, ERR_USAGE, "--cases %lld; 1 to %lld are possible",
                       (long long)options->cases, (long long)SIMULATE_CASES_MAX);
    }
    struct simulate *const simulate = arena_new(arena, struct simulate, 1);
    if (simulate == NULL) {
        return err_set(err, ERR_LIMIT, "no memory for a company of %zu bytes",
                       sizeof(struct simulate));
    }
    simulate->options = *options;
    make_spans(simulate);
    make_columns(simulate);
    int64_t share = 0;
    for (int i = 0; i < LANES; i++) {
        struct lane *const lane = &simulate->lanes[i];
        for (uint64_t purpose = 0; purpose < DRAW_COUNT; purpose++) {
            rng_init_stream(&lane->draws[purpose], options->seed, (uint64_t)i * 256 + purpose);
        }
        if (i == LANE_UNATTRIBUTED) {
            lane->cases = options->workflow < 0 ? options->cases / CASES_PER_UNATTRIBUTED : 0;
            spread_over_days(lane, unattributed_weights);
            continue;
        }
        const int64_t before = options->cases * share / ONE_E4;
        share += company_workflows[i]->share_e4;
        const bool wanted = options->workflow < 0 || options->workflow == i;
        lane->cases = wanted ? options->cases * share / ONE_E4 - before : 0;
        spread_over_days(lane, company_workflows[i]->weekday_weights);
    }
    CHECK(share == ONE_E4);
    *out = simulate;
    return ERR_OK;
}

int64_t simulate_cases_total(const struct simulate *simulate)
{
    CHECK(simulate != NULL);
    int64_t total = 0;
    for (int i = 0; i < LANES; i++) {
        total += simulate->lanes[i].cases;
    }
    return total;
}

static void set_id(struct simulate_case *one, const char *prefix)
{
    const int size = snprintf(one->id, sizeof one->id, "%s%06lld", prefix, (long long)one->number);
    CHECK(size > 0);
    CHECK((size_t)size < sizeof one->id);
    one->id_size = (size_t)size;
}

/* Arrivals of a day are spread over its office hours, in order. */
static int64_t arrival(struct lane *lane, int day)
{
    const int64_t slot_ms = 12 * MS_PER_HOUR / lane->day_counts[day];
    const int64_t within = draw_between(&lane->draws[DRAW_ARRIVAL], 0, slot_ms > 0 ? slot_ms : 1);
    return PERIOD_BEGIN_MS + day * MS_PER_DAY + 7 * MS_PER_HOUR + lane->day_given * slot_ms +
           within;
}

static void make_case(struct simulate *simulate)
{
    struct lane *const lane = &simulate->lanes[simulate->lane];
    struct simulate_case *const one = &simulate->one;
    one->attempt_count = 0;
    one->outcome_count = 0;
    one->opened_ms = arrival(lane, simulate->day);
    one->number = ++lane->given;
    lane->day_given++;
    if (simulate->lane == LANE_UNATTRIBUTED) {
        one->workflow = -1;
        one->replicate = false;
        set_id(one, "session-");
        attempt_run_unattributed(lane, one->opened_ms, &one->attempts[0]);
        one->attempt_count = 1;
        return;
    }
    const struct company_workflow *const workflow = company_workflows[simulate->lane];
    one->workflow = simulate->lane;
    set_id(one, workflow->prefix);
    life_run(simulate, lane, workflow, one);
}

const struct simulate_case *simulate_next(struct simulate *simulate)
{
    CHECK(simulate != NULL);
    while (simulate->day < PERIOD_DAYS) {
        struct lane *const lane = &simulate->lanes[simulate->lane];
        if (lane->day_given < lane->day_counts[simulate->day]) {
            make_case(simulate);
            return &simulate->one;
        }
        lane->day_given = 0;
        simulate->lane++;
        if (simulate->lane == LANES) {
            simulate->lane = 0;
            simulate->day++;
        }
    }
    return NULL;
}
