/* Goal: how budgets stand is told the same by a running gateway and by the log it left, and looking
 * changes nothing.
 * Method: holds, costs above them by several causes, small segments so that snapshots are read; the
 * files' bytes before and after. */
#include <sys/stat.h>
#include <unistd.h>

#include "budgeting.h"

#define USD INT64_C(1000000000000)

static const struct hold_limit *limits(void)
{
    static struct hold_limit rows[2];
    rows[0] = budgeting_limit("org", PERIOD_MONTH, 100 * USD);
    rows[1] = budgeting_limit("team:a", PERIOD_DAY, 50 * USD);
    rows[1].hard_pusd = HOLD_NO_LIMIT;
    rows[1].steps[0] = (struct hold_step){.at_pusd = 40 * USD, .action = ACTION_SHAPE};
    rows[1].step_count = 1;
    return rows;
}

static enum errc look(struct budgeting *b, const char *scope, struct arena *arena,
                      struct budget_standing *out)
{
    const struct budget_options options = {
        .home = home_str(&b->home), .limits = limits(), .limit_count = 2, .now_ns = b->now_ns};
    return budget_look(&options, str_from(scope), arena, out, &b->err);
}

static int64_t log_bytes(const struct budgeting *b)
{
    char path[4096];
    struct stat status = {0};
    snprintf(path, sizeof path, "%s/holds.00000001.log", home_str(&b->home).data);
    return stat(path, &status) == 0 ? (int64_t)status.st_size : -1;
}

static void a_home_without_a_log_stands_at_its_limits(void)
{
    struct budgeting b = {.now_ns = BUDGETING_START};
    struct budget_standing standing = {0};
    struct arena arena;
    home_make(&b.home);
    arena_init(&arena, (size_t)1 << 20);
    const enum errc code = look(&b, "", &arena, &standing);
    const bool whole = code == ERR_OK && standing.balances.count == 2 && !standing.is_live &&
                       standing.balances.rows[0].free_pusd == 100 * USD &&
                       standing.balances.rows[1].step_count == 1 &&
                       standing.balances.rows[1].steps[0].at_pusd == 40 * USD;
    const int64_t bytes = log_bytes(&b);
    arena_deinit(&arena);
    home_remove(&b.home);
    EXPECT(code == ERR_OK);
    EXPECT(whole);
    EXPECT(bytes == -1);
}

/* Four calls: one under way, three settled above their holds for two causes. */
static bool spend(struct budgeting *b)
{
    static const enum hold_cause causes[] = {HOLD_CAUSE_INPUT, HOLD_CAUSE_UNPRICED,
                                             HOLD_CAUSE_INPUT};
    bool done = true;
    for (size_t i = 0; i < COUNT_OF(causes); i++) {
        const uint64_t id = budgeting_hold(b, "org,team:a", "case", USD);
        const struct hold_settlement settlement = {
            .cost_pusd = (int64_t)(i + 2) * USD, .cause = causes[i], .now_ns = b->now_ns};
        done =
            done && id != 0 &&
            budget_post(b->budget, id, &settlement, (struct str){"", 0}, NULL, &b->err) == ERR_OK;
    }
    return done && budgeting_hold(b, "org,team:a", "one", 3 * USD) != 0 &&
           budgeting_hold(b, "org,team:a", "two", 4 * USD) != 0 &&
           budgeting_hold(b, "org", "two", 5 * USD) != 0;
}

static bool is_as_spent(const struct budget_standing *s)
{
    const struct hold_overshoot *const causes = s->counts.causes;
    return s->balances.count == 2 && s->balances.rows[0].spent_pusd == 9 * USD &&
           s->balances.rows[0].held_pusd == 12 * USD && s->balances.rows[1].held_pusd == 7 * USD &&
           s->counts.overshoots == 3 && s->counts.overshoot_pusd == 6 * USD &&
           causes[HOLD_CAUSE_INPUT].calls == 2 && causes[HOLD_CAUSE_INPUT].pusd == 4 * USD &&
           causes[HOLD_CAUSE_UNPRICED].pusd == 2 * USD && causes[HOLD_CAUSE_OTHER].calls == 0 &&
           s->has_scope && s->scope.open == 2 && s->scope.cases == 2 &&
           s->scope.held_pusd == 7 * USD && s->scope.amount_max_pusd == 4 * USD &&
           s->scope.oldest_ns == BUDGETING_START;
}

static void the_log_stands_as_the_gateway_did_and_is_not_touched(void)
{
    struct budgeting b = {.now_ns = BUDGETING_START};
    struct budget_standing live = {0};
    struct budget_standing left = {0};
    struct arena arena;
    budgeting_open(&b, limits(), 2);
    arena_init(&arena, (size_t)4 << 20);
    const bool spent = spend(&b);
    enum errc code = budget_stand(b.budget, b.now_ns, STR("team:a"), &arena, &live, &b.err);
    const bool is_live = code == ERR_OK && is_as_spent(&live) && live.is_live;
    budget_close(&b.budget);
    const int64_t before = log_bytes(&b);
    code = look(&b, "team:a", &arena, &left);
    const bool is_left =
        code == ERR_OK && is_as_spent(&left) && left.unknown.count == 3 && left.scope.unknown == 2;
    const int64_t after = log_bytes(&b);
    arena_deinit(&arena);
    budgeting_close(&b);
    EXPECT(spent);
    EXPECT(is_live);
    EXPECT(is_left);
    EXPECT(before > 0 && before == after);
}

static void a_record_cut_short_is_left_out_and_left_there(void)
{
    struct budgeting b = {.now_ns = BUDGETING_START};
    struct budget_standing left = {0};
    struct arena arena;
    char path[4096];
    budgeting_open(&b, limits(), 2);
    arena_init(&arena, (size_t)4 << 20);
    const bool spent = spend(&b);
    budget_close(&b.budget);
    snprintf(path, sizeof path, "%s/holds.00000001.log", home_str(&b.home).data);
    const int64_t whole = log_bytes(&b);
    const bool cut = truncate(path, whole - 5) == 0;
    const enum errc code = look(&b, "", &arena, &left);
    const bool one_less = code == ERR_OK && left.balances.rows[0].held_pusd == 7 * USD;
    const int64_t after = log_bytes(&b);
    arena_deinit(&arena);
    budgeting_close(&b);
    EXPECT(spent && cut);
    EXPECT(one_less);
    EXPECT(after == whole - 5);
}

static void causes_are_kept_by_a_snapshot(void)
{
    struct budgeting b = {.now_ns = BUDGETING_START};
    struct budget_standing left = {0};
    struct arena arena;
    char path[4096];
    struct stat status;
    budgeting_open(&b, limits(), 2);
    b.segment_bytes = 256;
    const bool reopened = budgeting_reopen(&b, limits(), 2) == ERR_OK;
    arena_init(&arena, (size_t)4 << 20);
    const bool spent = reopened && spend(&b);
    const enum errc kept = budget_expire(b.budget, b.now_ns, NULL, &b.err);
    budget_close(&b.budget);
    snprintf(path, sizeof path, "%s/holds.00000002.snap", home_str(&b.home).data);
    const bool has_snapshot = stat(path, &status) == 0;
    const enum errc code = look(&b, "team:a", &arena, &left);
    const bool is_left = code == ERR_OK && is_as_spent(&left);
    arena_deinit(&arena);
    budgeting_close(&b);
    EXPECT(spent);
    EXPECT(kept == ERR_OK && has_snapshot);
    EXPECT(is_left);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(a_home_without_a_log_stands_at_its_limits),
        TEST_SPARSE(the_log_stands_as_the_gateway_did_and_is_not_touched),
        TEST_SPARSE(a_record_cut_short_is_left_out_and_left_there),
        TEST_SPARSE(causes_are_kept_by_a_snapshot),
    };
    return test_main(tests, COUNT_OF(tests));
}
