/* ledger/holds: when periods begin where clocks leap, that a snapshot says everything, and what a
 * full table does. What runs through the log is tested in budget/. */
#include "ledger/holds.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/zone.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)1 << 20)

static int64_t at(const char *text)
{
    int64_t time_ns = 0;
    struct err err;
    CHECK(clock_parse(str_from(text), &time_ns, &err) == ERR_OK);
    return time_ns;
}

static void set_limit(struct holds *holds, const struct hold_limit *limit, int64_t now_ns)
{
    struct holds_table *table = NULL;
    struct err err;
    CHECK(holds_table_make(holds, limit, 1, now_ns, &table, &err) == ERR_OK);
    holds_table_install(holds, &table, now_ns);
}

/* Whether the period of `place` that holds `now` begins and ends then; true where it is unknown. */
static bool period_is(const char *place, enum budget_period period, const char *now,
                      const char *from, const char *until)
{
    struct arena arena;
    struct err err;
    const struct zone *zone = NULL;
    arena_init(&arena, ARENA_BYTES);
    if (zone_read(str_from(place), &arena, &zone, &err) != ERR_OK) {
        arena_deinit(&arena);
        return true; /* this machine has no such zone, or an allocation was refused */
    }
    struct holds *holds;
    holds_create(&holds);
    const struct hold_limit limit = {.scope = STR("org"),
                                     .period = period,
                                     .zone_name = str_from(place),
                                     .zone = zone,
                                     .offset = zone_offset_s,
                                     .limit_pusd = 5,
                                     .hard_pusd = 5,
                                     .per_case_pusd = HOLD_NO_LIMIT};
    const struct hold_balance *rows = NULL;
    size_t count = 0;
    set_limit(holds, &limit, at(now));
    const enum errc code = holds_balances(holds, at(now), &arena, &rows, &count, &err);
    const bool good = code != ERR_OK || (count == 1 && rows[0].period_ns == at(from) &&
                                         rows[0].resets_ns == at(until));
    if (code == ERR_OK && !good) {
        char text[2][CLOCK_TEXT_BYTES_MAX];
        (void)clock_print(rows[0].period_ns, text[0]);
        (void)clock_print(rows[0].resets_ns, text[1]);
        test_note(text[0]);
        test_note(text[1]);
    }
    holds_destroy(&holds);
    arena_deinit(&arena);
    return good;
}

static void periods_begin_at_local_midnight_where_clocks_leap(void)
{
    /* 23 and 25 hours. */
    EXPECT(period_is("Europe/Berlin", PERIOD_DAY, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z",
                     "2026-03-29T22:00:00Z"));
    EXPECT(period_is("Europe/Berlin", PERIOD_DAY, "2026-10-25T00:30:00Z", "2026-10-24T22:00:00Z",
                     "2026-10-25T23:00:00Z"));
    EXPECT(period_is("Europe/Berlin", PERIOD_MONTH, "2026-10-31T23:00:00Z", "2026-10-31T23:00:00Z",
                     "2026-11-30T23:00:00Z"));
    EXPECT(period_is("America/New_York", PERIOD_WEEK, "2026-11-01T12:00:00Z",
                     "2026-10-26T04:00:00Z", "2026-11-02T05:00:00Z"));
    /* No midnight: clocks went from 0:00 to 1:00. Then midnight twice: from 1:00 to 0:00. */
    EXPECT(period_is("America/Havana", PERIOD_DAY, "2024-03-10T12:00:00Z", "2024-03-10T05:00:00Z",
                     "2024-03-11T04:00:00Z"));
    EXPECT(period_is("America/Havana", PERIOD_DAY, "2024-11-03T05:30:00Z", "2024-11-03T04:00:00Z",
                     "2024-11-04T05:00:00Z"));
    /* From 24:00 back to 23:00: that hour comes twice before the day. */
    EXPECT(period_is("America/Sao_Paulo", PERIOD_DAY, "2019-02-17T02:30:00Z",
                     "2019-02-16T02:00:00Z", "2019-02-17T03:00:00Z"));
    /* A day that never was: 2011-12-30 in Samoa. */
    EXPECT(period_is("Pacific/Apia", PERIOD_DAY, "2011-12-30T12:00:00Z", "2011-12-30T10:00:00Z",
                     "2011-12-31T10:00:00Z"));
    EXPECT(period_is("Asia/Kolkata", PERIOD_HOUR, "2026-01-01T10:15:00Z", "2026-01-01T10:00:00Z",
                     "2026-01-01T11:00:00Z"));
    EXPECT(period_is("UTC", PERIOD_MONTH, "2026-12-31T23:59:59Z", "2026-12-01", "2027-01-01"));
}

static uint64_t reserve(struct holds *holds, const char *scope, const char *case_name,
                        int64_t amount_pusd, int64_t now_ns, struct hold_refusal *refusal)
{
    const struct str scopes[] = {str_from(scope)};
    const struct hold_request request = {.scopes = scopes,
                                         .scope_count = 1,
                                         .case_name = str_from(case_name),
                                         .amount_pusd = amount_pusd,
                                         .expires_ns = HOLD_NO_END,
                                         .now_ns = now_ns};
    struct hold_record record;
    struct hold_record rolls[HOLDS_ROLLS_MAX];
    struct err err;
    CHECK(holds_draft_reserve(holds, &request, &record, &err) == ERR_OK);
    const size_t count = holds_draft_rolls(holds, &record, rolls);
    for (size_t i = 0; i < count; i++) {
        CHECK(holds_apply(holds, &rolls[i], NULL, &err) == ERR_OK);
    }
    if (holds_admit(holds, &record, refusal, &err) != ERR_OK) {
        return 0;
    }
    CHECK(holds_apply(holds, &record, NULL, &err) == ERR_OK);
    return record.id;
}

/* As much as there may be of everything, 10 p$ of each case. */
static struct holds *open_roomy(void)
{
    const struct hold_limit limit = {.scope = STR("org"),
                                     .period = PERIOD_TOTAL,
                                     .limit_pusd = INT64_MAX,
                                     .hard_pusd = INT64_MAX,
                                     .per_case_pusd = 10};
    struct holds *holds;
    holds_create(&holds);
    (void)holds_begin(holds, 0);
    set_limit(holds, &limit, 1);
    return holds;
}

static void a_full_table_refuses_and_lets_in_again(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct holds *holds = open_roomy();
    struct hold_refusal refusal = {0};
    struct hold_record record;
    struct err err;
    uint64_t first = 0;
    int64_t made = 0;
    for (int i = 0; i < HOLDS_OPEN_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "c%d", i);
        const uint64_t id = reserve(holds, "org", name, 1, 1, &refusal);
        first = first == 0 ? id : first;
        made += id != 0;
    }
    const bool full =
        reserve(holds, "org", "one more", 1, 1, &refusal) == 0 && refusal.why == HOLD_WHY_HOLDS;
    const enum errc verified = holds_verify(holds, &err);
    CHECK(holds_draft_void(holds, first, 2, &record, &err) == ERR_OK);
    CHECK(holds_apply(holds, &record, NULL, &err) == ERR_OK);
    const uint64_t again = reserve(holds, "org", "one more", 1, 2, &refusal);
    const enum errc after = holds_verify(holds, &err);
    holds_destroy(&holds);
    EXPECT(made == HOLDS_OPEN_MAX);
    EXPECT(full);
    EXPECT(again != 0 && again != first);
    EXPECT(verified == ERR_OK && after == ERR_OK);
}

static void the_case_idle_longest_makes_room(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct holds *holds = open_roomy();
    struct hold_refusal refusal = {0};
    struct err err;
    for (int i = 0; i <= HOLDS_CASES_MAX; i++) {
        char name[16];
        struct hold_record record;
        (void)snprintf(name, sizeof name, "c%d", i);
        const uint64_t id = reserve(holds, "org", name, 10, i + 1, &refusal);
        const struct hold_settlement settlement = {.cost_pusd = 10, .now_ns = i + 1};
        CHECK(id != 0);
        CHECK(holds_draft_post(holds, id, &settlement, &record, &err) == ERR_OK);
        CHECK(holds_apply(holds, &record, NULL, &err) == ERR_OK);
    }
    const bool kept = reserve(holds, "org", "c1", 1, HOLDS_CASES_MAX + 5, &refusal) == 0;
    const bool gone = reserve(holds, "org", "c0", 1, HOLDS_CASES_MAX + 5, &refusal) != 0;
    const enum errc verified = holds_verify(holds, &err);
    holds_destroy(&holds);
    EXPECT(kept);
    EXPECT(gone);
    EXPECT(verified == ERR_OK);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(periods_begin_at_local_midnight_where_clocks_leap),
        TEST(a_full_table_refuses_and_lets_in_again),
        TEST(the_case_idle_longest_makes_room),
    };
    return test_main(tests, COUNT_OF(tests));
}
