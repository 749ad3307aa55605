/* Goal: what was spent before a limit was there is posted to it once, and by double entry like all
 * else; and of the limits a hold touches the tightest is named.
 * Method: limits that come and stay through restarts, snapshots and the end of their period. */
#include "budgeting.h"

static struct hold_limit rows[3];

static const struct hold_limit *limits(int64_t opening_pusd)
{
    rows[0] = budgeting_limit("org", PERIOD_DAY, 1000);
    rows[1] = budgeting_limit("team:a", PERIOD_TOTAL, 600);
    rows[0].opening_pusd = opening_pusd;
    rows[1].opening_pusd = opening_pusd;
    return rows;
}

static enum errc reopen(struct budgeting *b)
{
    budget_close(&b->budget);
    const struct budget_options options = {.home = home_str(&b->home),
                                           .keeps_limits = true,
                                           .now_ns = b->now_ns,
                                           .segment_bytes = b->segment_bytes};
    return budget_open(&options, &b->budget, &b->opened, &b->err);
}

/* As at every start: what is new has spent so much. Returns how many were new. */
static int start(struct budgeting *b, int64_t opening_pusd, size_t count)
{
    int64_t from_ns[3] = {0};
    int found = 0;
    CHECK(reopen(b) == ERR_OK);
    CHECK(budget_new_limits(b->budget, limits(opening_pusd), count, b->now_ns, from_ns, &b->err) ==
          ERR_OK);
    for (size_t i = 0; i < count; i++) {
        found += from_ns[i] != HOLD_NO_END;
        rows[i].opening_pusd = from_ns[i] != HOLD_NO_END ? opening_pusd : 0;
    }
    CHECK(count == 0 || from_ns[0] == HOLD_NO_END ||
          from_ns[0] == b->now_ns / BUDGETING_DAY * BUDGETING_DAY);
    CHECK(budget_set_limits(b->budget, rows, count, b->now_ns, &b->err) == ERR_OK);
    return found;
}

static bool stands(struct budgeting *b, const char *scope, enum budget_period period,
                   int64_t spent_pusd, int64_t opening_pusd)
{
    const struct hold_balance balance = budgeting_balance(b, scope, period);
    return balance.limit_pusd < 0 || /* no memory for it */
           (balance.spent_pusd == spent_pusd && balance.opening_pusd == opening_pusd &&
            budget_verify(b->budget, &b->err) == ERR_OK);
}

static void an_opening_is_posted_once(void)
{
    struct budgeting b = {.now_ns = BUDGETING_START};
    home_make(&b.home);
    bool good = start(&b, 300, 1) == 1 && stands(&b, "org", PERIOD_DAY, 300, 300);
    const uint64_t hold = budgeting_hold(&b, "org,team:a", "", 100);
    good = good && hold != 0 && budgeting_post(&b, hold, 40) == ERR_OK &&
           stands(&b, "org", PERIOD_DAY, 340, 300);
    for (int i = 0; i < 3;
         i++) { /* at the next start the ledger has more, and the limit is known */
        good = good && start(&b, 340, 1) == 0 && stands(&b, "org", PERIOD_DAY, 340, 300);
    }
    good = good && start(&b, 340, 2) == 1 && stands(&b, "team:a", PERIOD_TOTAL, 340, 340) &&
           stands(&b, "org", PERIOD_DAY, 340, 300);
    b.now_ns += BUDGETING_DAY;
    good = good && stands(&b, "org", PERIOD_DAY, 0, 0) && start(&b, 5, 2) == 0 &&
           stands(&b, "org", PERIOD_DAY, 0, 0) && stands(&b, "team:a", PERIOD_TOTAL, 340, 340);
    budgeting_close(&b);
    EXPECT(good);
}

static void what_is_held_when_a_limit_comes_is_not_in_its_opening_and_counts_when_posted(void)
{
    struct budgeting b = {.now_ns = BUDGETING_START};
    home_make(&b.home);
    bool good = start(&b, 0, 0) == 0;
    const uint64_t hold = budgeting_hold(&b, "org,team:a", "", 100);
    int64_t from_ns[2];
    good = good && budget_new_limits(b.budget, limits(0), 2, b.now_ns, from_ns, &b.err) == ERR_OK &&
           budget_set_limits(b.budget, limits(50), 2, b.now_ns, &b.err) == ERR_OK &&
           stands(&b, "org", PERIOD_DAY, 50, 50) && budgeting_post(&b, hold, 30) == ERR_OK &&
           stands(&b, "org", PERIOD_DAY, 80, 50) && stands(&b, "team:a", PERIOD_TOTAL, 80, 50);
    budgeting_close(&b);
    EXPECT(good);
}

static void an_opening_beyond_the_limit_refuses_and_survives_a_snapshot(void)
{
    struct budgeting b = {.now_ns = BUDGETING_START, .segment_bytes = 4096};
    home_make(&b.home);
    bool good = start(&b, 1001, 1) == 1 && budgeting_hold(&b, "org", "", 0) == 0 &&
                b.refusal.free_pusd == -1;
    for (int i = 0; i < 200 && good; i++) {
        const uint64_t hold = budgeting_hold(&b, "team:b", "", 1);
        good = hold != 0 && budgeting_post(&b, hold, 1) == ERR_OK;
    }
    good = good && budget_expire(b.budget, b.now_ns, NULL, &b.err) == ERR_OK &&
           start(&b, 7, 1) == 0 && stands(&b, "org", PERIOD_DAY, 1001, 1001);
    budgeting_close(&b);
    EXPECT(good);
}

static void the_tightest_limit_of_a_hold_is_named(void)
{
    struct budgeting b = {.now_ns = BUDGETING_START};
    struct hold_refusal found;
    home_make(&b.home);
    bool good = start(&b, 0, 0) == 0;
    (void)limits(0);
    rows[2] = budgeting_limit("user:u", PERIOD_DAY, 10); /* it never refuses */
    rows[2].hard_pusd = HOLD_NO_LIMIT;
    rows[0].per_case_pusd = 700;
    good = good && budget_set_limits(b.budget, rows, 3, b.now_ns, &b.err) == ERR_OK;
    const uint64_t soft = budgeting_hold(&b, "user:u", "c", 0);
    good = good && !budget_tightest(b.budget, soft, &found) && found.resets_ns == HOLD_NO_END;
    const uint64_t all = budgeting_hold(&b, "org,team:a,user:u", "c", 5);
    good = good && budget_tightest(b.budget, all, &found) && strcmp(found.scope, "team:a") == 0 &&
           found.why == HOLD_WHY_LIMIT && found.period == PERIOD_TOTAL && found.limit_pusd == 600 &&
           found.held_pusd == 5 && found.free_pusd == 595 && found.resets_ns == HOLD_NO_END;
    const uint64_t one = budgeting_hold(&b, "org", "c", 5);
    good = good && budget_tightest(b.budget, one, &found) && found.why == HOLD_WHY_CASE &&
           found.limit_pusd == 700 && found.free_pusd == 690;
    good = good && budgeting_post(&b, one, 5) == ERR_OK && !budget_tightest(b.budget, one, &found);
    budgeting_close(&b);
    EXPECT(good);
}

/* ---- what is settled while it is looked up */

static bool spends(struct budgeting *b, const char *scopes, int64_t pusd)
{
    const uint64_t id = budgeting_hold(b, scopes, "", pusd);
    return id != 0 && budgeting_post(b, id, pusd) == ERR_OK;
}

/* The limits are watched; `ledger_pusd` is found of what came before. */
static bool open_after(struct budgeting *b, int64_t ledger_pusd, size_t count, bool opens_second)
{
    const bool opens[] = {true, opens_second, true};
    for (size_t i = 0; i < count; i++) {
        rows[i].opening_pusd = opens[i] ? ledger_pusd : 0;
    }
    return budget_open_limits(b->budget, rows, count, opens, b->now_ns, &b->err) == ERR_OK;
}

static bool watch(struct budgeting *b, size_t count)
{
    int64_t from_ns[3] = {0};
    uint64_t through = 0;
    return budget_watch_limits(b->budget, limits(0), count, b->now_ns, from_ns, &through,
                               &b->err) == ERR_OK &&
           through > 0;
}

static void what_is_settled_meanwhile_counts_once(void)
{
    struct budgeting b = {.now_ns = BUDGETING_START + BUDGETING_DAY - 10};
    home_make(&b.home);
    bool good = start(&b, 0, 0) == 0 && spends(&b, "org,team:a", 100); /* the ledger has it */
    const uint64_t before = budgeting_hold(&b, "org,team:a", "", 50);
    const uint64_t open = budgeting_hold(&b, "org", "", 30);
    good = good && watch(&b, 2) && spends(&b, "org", 7) && spends(&b, "org,team:a", 20) &&
           spends(&b, "team:b", 500) && budgeting_post(&b, before, 40) == ERR_OK;
    good = good && open_after(&b, 100, 2, true) && stands(&b, "org", PERIOD_DAY, 167, 167) &&
           stands(&b, "team:a", PERIOD_TOTAL, 160, 160);
    good = good && budgeting_post(&b, open, 30) == ERR_OK && spends(&b, "org,team:a", 3) &&
           stands(&b, "org", PERIOD_DAY, 200, 167) && stands(&b, "team:a", PERIOD_TOTAL, 163, 160);
    good = good && start(&b, 999, 2) == 0 && stands(&b, "org", PERIOD_DAY, 200, 167);
    budgeting_close(&b);
    EXPECT(test_is_refusing() || good);
}

static void a_period_that_ends_meanwhile_takes_its_own_with_it(void)
{
    struct budgeting b = {.now_ns = BUDGETING_START + BUDGETING_DAY - 10};
    home_make(&b.home);
    bool good = start(&b, 0, 0) == 0 && spends(&b, "org,team:a", 100);
    const uint64_t yesterday = budgeting_hold(&b, "org", "", 50);
    good = good && watch(&b, 2) && spends(&b, "org", 7);
    b.now_ns += 20;
    good = good && spends(&b, "org,team:a", 20) && budgeting_post(&b, yesterday, 40) == ERR_OK &&
           open_after(&b, 100, 2, false) && stands(&b, "org", PERIOD_DAY, 20, 20) &&
           stands(&b, "team:a", PERIOD_TOTAL, 0, 0); /* it is to begin with nothing */
    budgeting_close(&b);
    EXPECT(test_is_refusing() || good);
}

static void a_watch_that_is_given_up_changes_nothing(void)
{
    struct budgeting b = {.now_ns = BUDGETING_START};
    home_make(&b.home);
    bool good = start(&b, 300, 1) == 1 && watch(&b, 2) && spends(&b, "org,team:a", 10) &&
                watch(&b, 2) && spends(&b, "org,team:a", 5);
    good = good && open_after(&b, 10, 2, true) && stands(&b, "org", PERIOD_DAY, 315, 300) &&
           stands(&b, "team:a", PERIOD_TOTAL, 15, 15);
    budgeting_close(&b);
    EXPECT(test_is_refusing() || good);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(an_opening_is_posted_once),
        TEST_SPARSE(what_is_settled_meanwhile_counts_once),
        TEST_SPARSE(a_period_that_ends_meanwhile_takes_its_own_with_it),
        TEST_SPARSE(a_watch_that_is_given_up_changes_nothing),
        TEST_SPARSE(what_is_held_when_a_limit_comes_is_not_in_its_opening_and_counts_when_posted),
        TEST_SPARSE(an_opening_beyond_the_limit_refuses_and_survives_a_snapshot),
        TEST_SPARSE(the_tightest_limit_of_a_hold_is_named),
    };
    return test_main(tests, COUNT_OF(tests));
}
