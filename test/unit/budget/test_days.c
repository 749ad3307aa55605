/*
 * Goal: on the days when clocks change, a day's budget is spent by the calls that were held on that
 * day by the clock of its zone, and by no others.
 * Method: a seeded clock walks over those days while calls come and end; plain sums by a list of
 * midnights say which call fits, and what each day has spent and held.
 */
#include "base/rng.h"
#include "base/zone.h"
#include "budgeting.h"

enum { DAYS_MAX = 6, UNDER_WAY_MAX = 64, LIMIT_PUSD = 500, ZONE_BYTES = 1 << 20 };

struct walk {
    const char *place;
    const char *midnights[DAYS_MAX + 1]; /* in UTC; NULL ends */
};

static const struct walk walks[] = {
    {"Europe/Berlin", /* 23 hours, then 25 */
     {"2026-03-27T23:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z",
      "2026-03-30T22:00:00Z"}},
    {"Europe/Berlin",
     {"2026-10-23T22:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z",
      "2026-10-26T23:00:00Z"}},
    {"America/New_York",
     {"2026-10-31T04:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z",
      "2026-11-03T05:00:00Z"}},
    /* Clocks go from 24:00 back to 23:00, and from 0:00 to 1:00: midnight never comes. */
    {"America/Santiago",
     {"2026-04-03T03:00:00Z", "2026-04-04T03:00:00Z", "2026-04-05T04:00:00Z",
      "2026-04-06T04:00:00Z"}},
    {"America/Santiago",
     {"2026-09-04T04:00:00Z", "2026-09-05T04:00:00Z", "2026-09-06T04:00:00Z",
      "2026-09-07T03:00:00Z"}},
};

struct under_way {
    uint64_t id;
    int64_t pusd;
    size_t day;
};

struct days {
    struct budgeting b;
    struct rng rng;
    int64_t midnights_ns[DAYS_MAX + 1];
    size_t count; /* of days */
    size_t day;   /* it is now */
    int64_t spent[DAYS_MAX];
    int64_t held[DAYS_MAX];
    struct under_way calls[UNDER_WAY_MAX];
    size_t call_count;
    int64_t refused;
    int64_t late; /* ended on a later day */
    const char *wrong;
};

static void begin_call(struct days *d)
{
    const int64_t pusd = 1 + (int64_t)rng_below(&d->rng, 90);
    const struct str scope = STR("org");
    const struct hold_request request = {.scopes = &scope,
                                         .scope_count = 1,
                                         .amount_pusd = pusd,
                                         .expires_ns = HOLD_NO_END,
                                         .now_ns = d->b.now_ns};
    struct hold_grant grant;
    const enum errc code = budget_reserve(d->b.budget, &request, &grant, &d->b.refusal, &d->b.err);
    const bool fits = d->spent[d->day] + d->held[d->day] + pusd <= LIMIT_PUSD;
    if ((code == ERR_OK) != fits || (code != ERR_OK && code != ERR_BUDGET)) {
        d->wrong = "a call that fits is refused, or one that does not is let in";
    } else if (fits) {
        d->calls[d->call_count++] = (struct under_way){grant.id, pusd, d->day};
        d->held[d->day] += pusd;
    } else {
        d->refused++;
        if (d->b.refusal.resets_ns != d->midnights_ns[d->day + 1]) {
            d->wrong = "a refusal names another end of the day";
        }
    }
}

static void end_call(struct days *d)
{
    const size_t at = rng_below(&d->rng, d->call_count);
    const struct under_way call = d->calls[at];
    const struct hold_settlement settlement = {
        .cost_pusd = (int64_t)rng_below(&d->rng, (uint64_t)call.pusd + 1), .now_ns = d->b.now_ns};
    d->calls[at] = d->calls[--d->call_count];
    d->held[call.day] -= call.pusd;
    d->spent[call.day] += settlement.cost_pusd;
    d->late += call.day != d->day;
    if (budget_post(d->b.budget, call.id, &settlement, STR(""), NULL, &d->b.err) != ERR_OK) {
        d->wrong = "a call cannot be settled";
    }
}

static void compare(struct days *d)
{
    const struct hold_balance balance = budgeting_balance(&d->b, "org", PERIOD_DAY);
    const size_t day = d->day;
    if (balance.period_ns != d->midnights_ns[day] ||
        balance.resets_ns != d->midnights_ns[day + 1]) {
        d->wrong = "the day begins or ends at another instant";
    } else if (balance.spent_pusd != d->spent[day] || balance.held_pusd != d->held[day] ||
               balance.free_pusd != LIMIT_PUSD - d->spent[day] - d->held[day]) {
        d->wrong = "a day's sums are others";
    } else if (day > 0 && balance.last_spent_pusd != d->spent[day - 1]) {
        d->wrong = "the day before has another spend";
    }
}

static void step(struct days *d)
{
    d->b.now_ns += (int64_t)rng_below(&d->rng, 20 * 60) * CLOCK_NS_PER_SECOND;
    if (rng_below(&d->rng, 150) == 0) { /* the instant of a midnight, and the one before it */
        const int64_t next_ns = d->midnights_ns[d->day + 1];
        d->b.now_ns = next_ns - (int64_t)rng_below(&d->rng, 2);
    }
    while (d->day < d->count && d->b.now_ns >= d->midnights_ns[d->day + 1]) {
        d->day++;
    }
    if (d->day == d->count) {
        return;
    }
    if (d->call_count < UNDER_WAY_MAX && (d->call_count == 0 || rng_below(&d->rng, 5) < 3)) {
        begin_call(d);
    } else {
        end_call(d);
    }
    compare(d);
}

static void walk_over(const struct walk *walk, const struct zone *zone, struct days *d)
{
    struct hold_limit limit = budgeting_limit("org", PERIOD_DAY, LIMIT_PUSD);
    limit.zone_name = str_from(walk->place);
    limit.zone = zone;
    limit.offset = zone_offset_s;
    for (size_t i = 0; i <= DAYS_MAX && walk->midnights[i] != NULL; i++) {
        CHECK(clock_parse(str_from(walk->midnights[i]), &d->midnights_ns[i], &d->b.err) == ERR_OK);
        d->count = i;
    }
    d->b.now_ns = d->midnights_ns[0];
    home_make(&d->b.home);
    CHECK(budgeting_reopen(&d->b, &limit, 1) == ERR_OK);
    while (d->day < d->count && d->wrong == NULL) {
        step(d);
    }
    if (d->wrong == NULL && budget_verify(d->b.budget, &d->b.err) != ERR_OK) {
        d->wrong = d->b.err.text;
    }
}

static void a_day_on_which_clocks_change_is_spent_by_its_own_calls(void)
{
    static struct days d;
    int64_t refused = 0;
    int64_t late = 0;
    int64_t walked = 0;
    if (test_is_refusing()) {
        return;
    }
    for (size_t i = 0; i < 4 * COUNT_OF(walks); i++) {
        const struct walk *const walk = &walks[i % COUNT_OF(walks)];
        struct arena arena;
        const struct zone *zone = NULL;
        arena_init(&arena, ZONE_BYTES);
        d = (struct days){.wrong = NULL};
        rng_init(&d.rng, i);
        const enum errc code = zone_read(str_from(walk->place), &arena, &zone, &d.b.err);
        if (code == ERR_OK) { /* else this machine has no such zone */
            walk_over(walk, zone, &d);
            budgeting_close(&d.b);
        }
        arena_deinit(&arena);
        if (d.wrong != NULL) {
            test_note(walk->place);
            test_note(d.wrong);
        }
        EXPECT(d.wrong == NULL);
        refused += d.refused;
        late += d.late;
        walked += code == ERR_OK;
    }
    EXPECT(refused >= walked);
    EXPECT(late >= walked);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(a_day_on_which_clocks_change_is_spent_by_its_own_calls),
    };
    return test_main(tests, COUNT_OF(tests));
}
