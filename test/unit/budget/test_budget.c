/* budget: what is refused, what is kept, and what a restart finds.
 * One budget in a home of its own, a clock the test turns, amounts in single picodollars so that
 * equality at the limit is seen. */
#include "budgeting.h"

static bool refused_by(const struct budgeting *b, const char *scope)
{
    return strcmp(b->refusal.scope, scope) == 0 && b->err.code == ERR_BUDGET;
}

static void one_more_than_the_limit_is_refused_and_equal_is_not(void)
{
    struct hold_limit limits[] = {budgeting_limit("org", PERIOD_MONTH, 100)};
    struct budgeting b;
    budgeting_open(&b, limits, 1);
    const uint64_t whole = budgeting_hold(&b, "org", "", 100);
    const bool nothing_more = budgeting_hold(&b, "org", "", 1) == 0 && refused_by(&b, "org");
    const struct hold_refusal refusal = b.refusal;
    const bool zero_fits = budgeting_hold(&b, "org", "", 0) != 0;
    const bool named = strstr(b.err.text, "month's budget of org") != NULL;
    budgeting_close(&b);
    EXPECT(whole != 0);
    EXPECT(nothing_more);
    EXPECT(named);
    EXPECT(zero_fits);
    EXPECT(refusal.why == HOLD_WHY_LIMIT && refusal.limit_pusd == 100 && refusal.held_pusd == 100 &&
           refusal.spent_pusd == 0 && refusal.free_pusd == 0 && refusal.wanted_pusd == 1);
    EXPECT(refusal.resets_ns > BUDGETING_START);
}

static void what_cannot_be_is_refused_before_anything_changes(void)
{
    struct hold_limit limits[] = {budgeting_limit("org", PERIOD_DAY, 100)};
    struct hold_limit twice[] = {limits[0], limits[0]};
    struct budgeting b;
    budgeting_open(&b, limits, 1);
    const bool negative = budgeting_hold(&b, "org", "", -1) == 0 && b.err.code == ERR_RANGE;
    const bool same = budgeting_hold(&b, "org,org", "", 1) == 0 && b.err.code == ERR_RANGE;
    const enum errc unknown = budgeting_post(&b, 12345, 1);
    const enum errc conflict = budget_set_limits(b.budget, twice, 2, b.now_ns, &b.err);
    limits[0].limit_pusd = -5;
    const enum errc below = budget_set_limits(b.budget, limits, 1, b.now_ns, &b.err);
    const struct hold_balance balance = budgeting_balance(&b, "org", PERIOD_DAY);
    budgeting_close(&b);
    EXPECT(negative);
    EXPECT(same);
    EXPECT(unknown == ERR_NOT_FOUND);
    EXPECT(conflict == ERR_CONFLICT);
    EXPECT(below == ERR_RANGE);
    EXPECT(test_is_refusing() || (balance.limit_pusd == 100 && balance.held_pusd == 0));
}

static void a_hold_is_settled_once(void)
{
    struct hold_limit limits[] = {budgeting_limit("org", PERIOD_DAY, 100)};
    struct budgeting b;
    budgeting_open(&b, limits, 1);
    const uint64_t posted = budgeting_hold(&b, "org", "", 40);
    const uint64_t voided = budgeting_hold(&b, "org", "", 50);
    const enum errc first = budgeting_post(&b, posted, 30);
    const enum errc again = budgeting_post(&b, posted, 30);
    const enum errc after = budget_void(b.budget, posted, b.now_ns, STR(""), &b.err);
    const enum errc void_first = budget_void(b.budget, voided, b.now_ns, STR(""), &b.err);
    const enum errc void_again = budget_void(b.budget, voided, b.now_ns, STR(""), &b.err);
    const uint64_t reused = budgeting_hold(&b, "org", "", 70);
    const enum errc stale = budgeting_post(&b, voided, 1);
    const struct hold_balance balance = budgeting_balance(&b, "org", PERIOD_DAY);
    const enum errc verified = budget_verify(b.budget, &b.err);
    budgeting_close(&b);
    EXPECT(first == ERR_OK && void_first == ERR_OK);
    EXPECT(again == ERR_NOT_FOUND && after == ERR_NOT_FOUND);
    EXPECT(void_again == ERR_NOT_FOUND && stale == ERR_NOT_FOUND);
    EXPECT(reused != 0);
    EXPECT(verified == ERR_OK);
    EXPECT(test_is_refusing() || (balance.spent_pusd == 30 && balance.held_pusd == 70));
}

static void all_scopes_or_none(void)
{
    struct hold_limit limits[] = {budgeting_limit("org", PERIOD_MONTH, 1000),
                                  budgeting_limit("team:a", PERIOD_MONTH, 100),
                                  budgeting_limit("user:u", PERIOD_TOTAL, 50)};
    struct budgeting b;
    budgeting_open(&b, limits, 3);
    const bool inner = budgeting_hold(&b, "org,team:a,user:u", "", 60) == 0 &&
                       refused_by(&b, "user:u") && b.refusal.resets_ns == HOLD_NO_END;
    const struct hold_balance org = budgeting_balance(&b, "org", PERIOD_MONTH);
    const uint64_t fits = budgeting_hold(&b, "org,team:a,user:u,key:unlimited", "", 50);
    const bool middle = budgeting_hold(&b, "org,team:a", "", 51) == 0 && refused_by(&b, "team:a");
    const money_sum remaining = b.grant.remaining_pusd;
    budgeting_close(&b);
    EXPECT(inner);
    EXPECT(test_is_refusing() || org.held_pusd == 0);
    EXPECT(fits != 0);
    EXPECT(remaining == 0);
    EXPECT(middle);
}

static void a_cost_above_its_hold_is_spent_and_told(void)
{
    struct hold_limit limits[] = {budgeting_limit("org", PERIOD_DAY, 100)};
    struct budgeting b;
    budgeting_open(&b, limits, 1);
    const uint64_t id = budgeting_hold(&b, "org", "", 10);
    const struct hold_settlement settlement = {
        .cost_pusd = 130, .cause = HOLD_CAUSE_UNBOUNDED, .now_ns = b.now_ns};
    const enum errc code =
        budget_post(b.budget, id, &settlement, (struct str){"", 0}, &b.settled, &b.err);
    const struct hold_balance balance = budgeting_balance(&b, "org", PERIOD_DAY);
    const bool refused = budgeting_hold(&b, "org", "", 0) == 0;
    const enum errc verified = budget_verify(b.budget, &b.err);
    budgeting_close(&b);
    EXPECT(code == ERR_OK);
    EXPECT(b.settled.overshoot_pusd == 120 && b.settled.cause == HOLD_CAUSE_UNBOUNDED);
    EXPECT(refused);
    EXPECT(verified == ERR_OK);
    EXPECT(test_is_refusing() || (balance.free_pusd == -30 && balance.overshoot_pusd == 120));
}

static void an_expired_hold_is_released_and_its_late_cost_is_spent_once(void)
{
    struct hold_limit limits[] = {budgeting_limit("org", PERIOD_DAY, 100)};
    struct budgeting b;
    budgeting_open(&b, limits, 1);
    int64_t ended = 0;
    const uint64_t id = budgeting_hold(&b, "org", "", 100);
    b.now_ns += 60 * CLOCK_NS_PER_SECOND - 1;
    enum errc code = budget_expire(b.budget, b.now_ns, &ended, &b.err);
    const bool not_yet = code == ERR_OK && ended == 0;
    b.now_ns++;
    code = budget_expire(b.budget, b.now_ns, &ended, &b.err);
    const uint64_t other = budgeting_hold(&b, "org", "", 90);
    const enum errc late = budgeting_post(&b, id, 25);
    const enum errc again = budgeting_post(&b, id, 25);
    const struct hold_settled settled = b.settled;
    const struct hold_balance balance = budgeting_balance(&b, "org", PERIOD_DAY);
    const enum errc verified = budget_verify(b.budget, &b.err);
    budgeting_close(&b);
    EXPECT(not_yet);
    EXPECT(code == ERR_OK && ended == 1);
    EXPECT(other != 0);
    EXPECT(late == ERR_OK && again == ERR_NOT_FOUND);
    EXPECT(settled.cause == HOLD_CAUSE_LATE && settled.overshoot_pusd == 25);
    EXPECT(verified == ERR_OK);
    EXPECT(test_is_refusing() ||
           (balance.spent_pusd == 25 && balance.held_pusd == 90 && balance.free_pusd == -15));
}

static void a_period_begins_at_its_instant_and_spend_stays_in_that_of_the_hold(void)
{
    struct hold_limit limits[] = {budgeting_limit("org", PERIOD_DAY, 100)};
    struct budgeting b;
    budgeting_open(&b, limits, 1);
    const uint64_t id = budgeting_hold(&b, "org", "", 80);
    b.now_ns = BUDGETING_START + BUDGETING_DAY - 1;
    const bool still = budgeting_hold(&b, "org", "", 30) == 0 &&
                       b.refusal.resets_ns == BUDGETING_START + BUDGETING_DAY;
    b.now_ns++;
    const uint64_t fresh = budgeting_hold(&b, "org", "", 100);
    const enum errc posted = budgeting_post(&b, id, 70);
    const struct hold_balance balance = budgeting_balance(&b, "org", PERIOD_DAY);
    b.now_ns -= 5; /* a clock set back does not bring yesterday back */
    const bool back = budgeting_hold(&b, "org", "", 1) == 0;
    const enum errc verified = budget_verify(b.budget, &b.err);
    budgeting_close(&b);
    EXPECT(still);
    EXPECT(fresh != 0);
    EXPECT(posted == ERR_OK);
    EXPECT(back);
    EXPECT(verified == ERR_OK);
    EXPECT(test_is_refusing() || (balance.spent_pusd == 0 && balance.held_pusd == 100 &&
                                  balance.last_spent_pusd == 70 && balance.past_held_pusd == 0));
}

static void limits_change_under_way_and_carry_what_is_spent_and_held(void)
{
    struct hold_limit limits[] = {budgeting_limit("org", PERIOD_DAY, 100),
                                  budgeting_limit("team:a", PERIOD_DAY, 1000)};
    struct budgeting b;
    budgeting_open(&b, limits, 1);
    const uint64_t spent = budgeting_hold(&b, "org,team:a", "", 30);
    const uint64_t held = budgeting_hold(&b, "org,team:a", "", 40);
    enum errc code = budgeting_post(&b, spent, 30);
    limits[0].limit_pusd = limits[0].hard_pusd = 50; /* below the 70 committed */
    limits[1].opening_pusd = 30;
    code = code == ERR_OK ? budget_set_limits(b.budget, limits, 2, b.now_ns, &b.err) : code;
    const bool lowered = budgeting_hold(&b, "org", "", 0) == 0;
    const struct hold_balance org = budgeting_balance(&b, "org", PERIOD_DAY);
    const struct hold_balance team = budgeting_balance(&b, "team:a", PERIOD_DAY);
    const enum errc verified = budget_verify(b.budget, &b.err);
    const enum errc posted = budgeting_post(&b, held, 10);
    const uint64_t fits = budgeting_hold(&b, "org,team:a", "", 10);
    const enum errc again = budget_verify(b.budget, &b.err);
    budgeting_close(&b);
    EXPECT(code == ERR_OK && lowered);
    EXPECT(verified == ERR_OK && again == ERR_OK);
    EXPECT(posted == ERR_OK && fits != 0);
    EXPECT(test_is_refusing() || (org.spent_pusd == 30 && org.held_pusd == 40));
    EXPECT(test_is_refusing() || (team.spent_pusd == 30 && team.held_pusd == 40));
}

static void each_case_has_a_balance_of_its_own(void)
{
    struct hold_limit limits[] = {budgeting_limit("workflow:w", PERIOD_DAY, 1000)};
    limits[0].per_case_pusd = 60;
    struct budgeting b;
    budgeting_open(&b, limits, 1);
    const uint64_t first = budgeting_hold(&b, "workflow:w", "case 1", 60);
    const bool full = budgeting_hold(&b, "workflow:w", "case 1", 1) == 0 &&
                      b.refusal.why == HOLD_WHY_CASE && b.refusal.limit_pusd == 60 &&
                      b.refusal.resets_ns == HOLD_NO_END;
    const uint64_t other = budgeting_hold(&b, "workflow:w", "case 2", 60);
    enum errc code = budgeting_post(&b, first, 45);
    code = code == ERR_OK ? budget_void(b.budget, other, b.now_ns, STR(""), &b.err) : code;
    b.now_ns += 3 * BUDGETING_DAY; /* cases outlive periods */
    const bool spent = budgeting_hold(&b, "workflow:w", "case 1", 16) == 0;
    const uint64_t left = budgeting_hold(&b, "workflow:w", "case 1", 15);
    const uint64_t none = budgeting_hold(&b, "workflow:w", "", 500);
    const enum errc reopened = budgeting_reopen(&b, limits, 1);
    const bool after = budgeting_hold(&b, "workflow:w", "case 1", 1) == 0;
    const enum errc verified = budget_verify(b.budget, &b.err);
    b.now_ns += 31 * BUDGETING_DAY; /* idle that long, it begins anew once its hold has ended */
    code = code == ERR_OK ? budget_void(b.budget, left, b.now_ns, STR(""), &b.err) : code;
    b.now_ns += 31 * BUDGETING_DAY;
    const uint64_t anew = budgeting_hold(&b, "workflow:w", "case 1", 60);
    budgeting_close(&b);
    EXPECT(first != 0 && other != 0 && left != 0 && none != 0 && anew != 0);
    EXPECT(full && spent && after);
    EXPECT(code == ERR_OK && reopened == ERR_OK && verified == ERR_OK);
}

static void of_several_amounts_a_case_the_least_binds(void)
{
    struct hold_limit limits[] = {budgeting_limit("workflow:w", PERIOD_DAY, 1000),
                                  budgeting_limit("workflow:w", PERIOD_WEEK, 1000),
                                  budgeting_limit("workflow:w", PERIOD_MONTH, 1000)};
    limits[0].per_case_pusd = 60;
    limits[1].per_case_pusd = 40;
    struct budgeting b;
    budgeting_open(&b, limits, COUNT_OF(limits));
    const uint64_t more = budgeting_hold(&b, "workflow:w", "case 1", 41);
    const uint64_t least = budgeting_hold(&b, "workflow:w", "case 1", 40);
    budgeting_close(&b);
    EXPECT(more == 0 && b.refusal.limit_pusd == 40);
    EXPECT(least != 0);
}

static void of_several_shares_that_refuse_the_least_binds(void)
{
    struct settings_budget rows[] = {
        {.scope = STR("org"), .period = PERIOD_MONTH, .limit_pusd = 1000, .step_count = 3}};
    struct arena arena;
    struct err err;
    const struct hold_limit *limits = NULL;
    static const double shares[] = {0.9, 0.5, 1};
    for (size_t i = 0; i < COUNT_OF(shares); i++) {
        rows[0].steps[i].share = shares[i];
        rows[0].steps[i].action = ACTION_REFUSE;
    }
    arena_init(&arena, (size_t)1 << 20);
    const enum errc code = budget_limits(rows, 1, &arena, &limits, &err);
    const bool least = code == ERR_OK && limits[0].hard_pusd == 500;
    arena_deinit(&arena);
    EXPECT(code == ERR_OK);
    EXPECT(least);
}

static void thresholds_are_told_once_a_period_and_shape(void)
{
    struct hold_limit limits[] = {budgeting_limit("org", PERIOD_DAY, 100)};
    limits[0].steps[0] = (struct hold_step){50, ACTION_NOTIFY};
    limits[0].steps[1] = (struct hold_step){80, ACTION_SHAPE};
    limits[0].step_count = 2;
    struct budgeting b;
    budgeting_open(&b, limits, 1);
    struct hold_notice notices[8];
    const uint64_t held = budgeting_hold(&b, "org", "", 50);
    const bool quiet = !b.grant.shape && budget_notices(b.budget, notices, 8) == 0;
    enum errc code = budgeting_post(&b, held, 50);
    const size_t one = budget_notices(b.budget, notices, 8);
    const bool notify = one == 1 && notices[0].action == ACTION_NOTIFY &&
                        strcmp(notices[0].scope, "org") == 0 && notices[0].spent_pusd == 50;
    const uint64_t more = budgeting_hold(&b, "org", "", 30);
    const bool shaped = b.grant.shape && strcmp(b.grant.shape_scope, "org") == 0;
    code = code == ERR_OK ? budgeting_post(&b, more, 0) : code;
    const bool refused =
        budgeting_hold(&b, "org", "", 51) == 0 && budgeting_hold(&b, "org", "", 51) == 0;
    const size_t told = budget_notices(b.budget, notices, 8);
    const bool refusal = told == 1 && notices[0].action == ACTION_REFUSE;
    budgeting_close(&b);
    EXPECT(code == ERR_OK);
    EXPECT(quiet && notify && shaped && refused && refusal);
}

static void a_second_process_is_refused(void)
{
    struct budgeting b;
    budgeting_open(&b, NULL, 0);
    const struct budget_options options = {.home = home_str(&b.home), .now_ns = b.now_ns};
    struct budget *other = NULL;
    const enum errc code = budget_open(&options, &other, NULL, &b.err);
    budgeting_close(&b);
    EXPECT(code == ERR_BUSY);
    EXPECT(other == NULL);
}

static void a_restart_keeps_holds_as_unknown_until_settled_or_charged(void)
{
    struct hold_limit limits[] = {budgeting_limit("org", PERIOD_DAY, 100)};
    struct budgeting b;
    budgeting_open(&b, limits, 1);
    const uint64_t first = budgeting_hold(&b, "org", "", 30);
    const uint64_t second = budgeting_hold(&b, "org", "", 40);
    enum errc code = budgeting_reopen(&b, limits, 1);
    const struct budget_opened opened = b.opened;
    const bool still_held = budgeting_hold(&b, "org", "", 31) == 0;
    code = code == ERR_OK ? budgeting_post(&b, first, 20) : code;
    b.now_ns += 2 * INT64_C(3600) * CLOCK_NS_PER_SECOND;
    int64_t ended = 0;
    code = code == ERR_OK ? budget_expire(b.budget, b.now_ns, &ended, &b.err) : code;
    const enum errc charged = budgeting_post(&b, second, 1);
    const struct hold_balance balance = budgeting_balance(&b, "org", PERIOD_DAY);
    const enum errc verified = budget_verify(b.budget, &b.err);
    budgeting_close(&b);
    EXPECT(code == ERR_OK && verified == ERR_OK);
    EXPECT(opened.unknown_holds == 2 && opened.unknown_pusd == 70);
    EXPECT(still_held);
    EXPECT(ended == 1 && charged == ERR_NOT_FOUND);
    EXPECT(test_is_refusing() || (balance.spent_pusd == 60 && balance.held_pusd == 0));
}

static void payloads_are_given_until_delivered_also_after_a_restart(void)
{
    struct hold_limit limits[] = {budgeting_limit("org", PERIOD_DAY, 1000)};
    struct budgeting b;
    struct arena arena;
    struct budget_payloads all = {0};
    struct budget_payloads rest = {0};
    struct budget_payloads left = {0};
    static char big[HOLD_PAYLOAD_BYTES_MAX + 1];
    budgeting_open(&b, limits, 1);
    arena_init(&arena, (size_t)1 << 20);
    const struct hold_settlement settlement = {.cost_pusd = 1, .now_ns = b.now_ns};
    uint64_t id = budgeting_hold(&b, "org", "", 5);
    const enum errc too_big =
        budget_post(b.budget, id, &settlement, (struct str){big, sizeof big}, NULL, &b.err);
    enum errc code = budget_post(b.budget, id, &settlement, STR("first"), NULL, &b.err);
    id = budgeting_hold(&b, "org", "", 5);
    code = code == ERR_OK ? budget_void(b.budget, id, b.now_ns, STR("second"), &b.err) : code;
    code = code == ERR_OK ? budget_note(b.budget, STR("third"), &b.err) : code;
    code = code == ERR_OK ? budget_payloads(b.budget, 0, 1, &arena, &all, &b.err) : code;
    const bool at_least_one =
        code != ERR_OK || (all.count == 1 && str_equal(all.rows[0].bytes, STR("first")));
    code = code == ERR_OK ? budget_delivered(b.budget, all.rows[0].number, &b.err) : code;
    code = code == ERR_OK ? budgeting_reopen(&b, limits, 1) : code;
    const int64_t waiting = b.budget != NULL ? budget_payloads_waiting(b.budget) : -1;
    code = code == ERR_OK ? budget_payloads(b.budget, 0, 1 << 16, &arena, &rest, &b.err) : code;
    const bool two =
        code != ERR_OK || (rest.count == 2 && str_equal(rest.rows[0].bytes, STR("second")) &&
                           str_equal(rest.rows[1].bytes, STR("third")));
    const uint64_t last = code == ERR_OK && rest.count == 2 ? rest.rows[1].number : 0;
    code = code == ERR_OK ? budget_payloads(b.budget, last, 1 << 16, &arena, &left, &b.err) : code;
    code = code == ERR_OK ? budget_delivered(b.budget, last, &b.err) : code;
    const enum errc beyond = budget_delivered(b.budget, last + 1000, &b.err);
    const int64_t none = budget_payloads_waiting(b.budget);
    budgeting_close(&b);
    arena_deinit(&arena);
    EXPECT(too_big == ERR_RANGE);
    EXPECT(beyond == ERR_RANGE);
    EXPECT(at_least_one && two);
    EXPECT(code == ERR_OK);
    EXPECT(waiting == 2 && none == 0 && left.count == 0);
}

static void what_an_ended_run_has_logged_is_a_snapshot_for_the_next(void)
{
    enum { NOTES = 20 };
    struct hold_limit limits[] = {budgeting_limit("org", PERIOD_DAY, 1000)};
    static char big[HOLD_PAYLOAD_BYTES_MAX];
    struct budgeting b;
    struct budget_counts counts = {0};
    budgeting_open(&b, limits, 1);
    memset(big, 'x', sizeof big);
    const uint64_t id = budgeting_hold(&b, "org", "", 5);
    enum errc code = ERR_OK;
    for (int i = 0; i < NOTES && code == ERR_OK; i++) {
        code = budget_note(b.budget, (struct str){big, sizeof big}, &b.err);
    }
    code = code == ERR_OK ? budgeting_reopen(&b, limits, 1) : code;
    if (code == ERR_OK) {
        budget_count(b.budget, &counts);
    }
    const int64_t waiting = code == ERR_OK ? budget_payloads_waiting(b.budget) : -1;
    code = code == ERR_OK ? budget_void(b.budget, id, b.now_ns, (struct str){0}, &b.err) : code;
    code = code == ERR_OK ? budget_verify(b.budget, &b.err) : code;
    budgeting_close(&b);
    EXPECT(code == ERR_OK);
    EXPECT(b.opened.records < NOTES);
    EXPECT(b.opened.unknown_holds == 1 && counts.held_pusd == 5);
    EXPECT(waiting == NOTES);
}

static void budgets_of_the_configuration_become_limits(void)
{
    struct settings_budget rows[] = {
        {.scope = STR("org"), .period = PERIOD_MONTH, .limit_pusd = 1000},
        {.scope = STR("team:a"), .period = PERIOD_DAY, .limit_pusd = 1000, .step_count = 3},
        {.scope = STR("team:b"), .period = PERIOD_DAY, .limit_pusd = 1000, .step_count = 1},
        {.scope = STR("team:c"), .period = PERIOD_DAY, .time_zone = STR("Mars/Phobos")}};
    struct arena arena;
    struct err err;
    const struct hold_limit *limits = NULL;
    const struct hold_limit *none = NULL;
    rows[1].steps[0].share = 0.8;
    rows[1].steps[1].share = 0.95;
    rows[1].steps[1].action = ACTION_REFUSE;
    rows[1].steps[2].share = 0.9;
    rows[1].steps[2].action = ACTION_SHAPE;
    rows[2].steps[0].share = 0.5;
    arena_init(&arena, (size_t)1 << 20);
    const enum errc code = budget_limits(rows, 3, &arena, &limits, &err);
    const bool good =
        code == ERR_OK && limits[0].hard_pusd == 1000 && limits[0].step_count == 0 &&
        limits[1].hard_pusd == 950 && limits[1].step_count == 2 &&
        limits[1].steps[0].at_pusd == 800 && limits[1].steps[1].action == ACTION_SHAPE &&
        limits[1].steps[1].at_pusd == 900 && limits[2].hard_pusd == HOLD_NO_LIMIT &&
        limits[2].per_case_pusd == HOLD_NO_LIMIT && str_equal(limits[0].zone_name, STR("UTC"));
    const enum errc nowhere = budget_limits(rows, 4, &arena, &none, &err);
    const bool named = strstr(err.text, "team:c") != NULL;
    arena_deinit(&arena);
    EXPECT(good);
    EXPECT(nowhere == ERR_NOT_FOUND && none == NULL && named);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(one_more_than_the_limit_is_refused_and_equal_is_not),
        TEST_SPARSE(what_cannot_be_is_refused_before_anything_changes),
        TEST_SPARSE(a_hold_is_settled_once),
        TEST_SPARSE(all_scopes_or_none),
        TEST_SPARSE(a_cost_above_its_hold_is_spent_and_told),
        TEST_SPARSE(an_expired_hold_is_released_and_its_late_cost_is_spent_once),
        TEST_SPARSE(a_period_begins_at_its_instant_and_spend_stays_in_that_of_the_hold),
        TEST_SPARSE(limits_change_under_way_and_carry_what_is_spent_and_held),
        TEST_SPARSE(each_case_has_a_balance_of_its_own),
        TEST_SPARSE(of_several_amounts_a_case_the_least_binds),
        TEST_SPARSE(of_several_shares_that_refuse_the_least_binds),
        TEST_SPARSE(thresholds_are_told_once_a_period_and_shape),
        TEST_SPARSE(a_second_process_is_refused),
        TEST_SPARSE(a_restart_keeps_holds_as_unknown_until_settled_or_charged),
        TEST_SPARSE(budgets_of_the_configuration_become_limits),
        TEST_SPARSE(payloads_are_given_until_delivered_also_after_a_restart),
        TEST_SPARSE(what_an_ended_run_has_logged_is_a_snapshot_for_the_next),
    };
    return test_main(tests, COUNT_OF(tests));
}
