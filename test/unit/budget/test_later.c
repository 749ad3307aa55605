/* budget_record: what was changed for later is nowhere but in memory until it is recorded, then as
 * if it had been written at once, in the order in which it was changed; a disk that refuses keeps
 * it waiting and takes nothing new.
 * The log of the home is looked at beside the open budget; a limit on the size of files is the disk
 * that refuses. */
#include <signal.h>
#include <sys/resource.h>

#include "budgeting.h"

static struct hold_limit limits[1];

/* How many holds a process that was killed now would leave. */
static int64_t on_record(struct budgeting *b)
{
    struct arena arena;
    struct budget_standing found = {0};
    const struct budget_options options = {
        .home = home_str(&b->home), .limits = limits, .limit_count = 1, .now_ns = b->now_ns};
    arena_init(&arena, (size_t)1 << 20);
    const enum errc code = budget_look(&options, STR(""), &arena, &found, &b->err);
    arena_deinit(&arena);
    return code == ERR_OK ? found.counts.open_holds : -1;
}

static void open_one(struct budgeting *b)
{
    limits[0] = budgeting_limit("org", PERIOD_DAY, 100);
    budgeting_open(b, limits, 1);
}

static enum errc hold_later(struct budgeting *b, int64_t pusd, uint64_t *out)
{
    const struct str scope = STR("org");
    const struct hold_request request = {.scopes = &scope,
                                         .scope_count = 1,
                                         .amount_pusd = pusd,
                                         .expires_ns = b->now_ns + BUDGETING_DAY,
                                         .now_ns = b->now_ns};
    const enum errc code =
        budget_reserve_later(b->budget, &request, &b->grant, &b->refusal, &b->err);
    *out = code == ERR_OK ? b->grant.id : 0;
    return code;
}

static enum errc post_later(struct budgeting *b, uint64_t id, int64_t pusd, struct str row)
{
    const struct hold_settlement settlement = {.cost_pusd = pusd, .now_ns = b->now_ns};
    return budget_post_later(b->budget, id, &settlement, row, &b->settled, &b->err);
}

static void let_files_grow(rlim_t bytes)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void what_is_not_recorded_is_in_memory_only(void)
{
    struct budgeting b;
    uint64_t first = 0, second = 0, third = 0;
    open_one(&b);
    const enum errc one = hold_later(&b, 60, &first);
    const enum errc two = hold_later(&b, 40, &second);
    const enum errc full = hold_later(&b, 1, &third); /* the limit counts what waits */
    const int64_t before = on_record(&b);
    const enum errc posted = post_later(&b, first, 10, STR("row"));
    const enum errc recorded = budget_record(b.budget, &b.err);
    const int64_t after = on_record(&b);
    const enum errc nothing = budget_record(b.budget, &b.err);
    const enum errc voided = budget_void_later(b.budget, second, b.now_ns, STR(""), &b.err);
    const enum errc noted = budget_note_later(b.budget, STR("note"), &b.err);
    const int64_t waiting = budget_payloads_waiting(b.budget);
    const int64_t unvoided = on_record(&b);
    const uint64_t at_once = budgeting_hold(&b, "org", "", 5); /* takes along what waits */
    const int64_t taken = on_record(&b);
    const int64_t rows = budget_payloads_waiting(b.budget);
    const enum errc reopened = budgeting_reopen(&b, limits, 1);
    const struct hold_balance balance = budgeting_balance(&b, "org", PERIOD_DAY);
    const enum errc verified = budget_verify(b.budget, &b.err);
    budgeting_close(&b);
    EXPECT(one == ERR_OK && two == ERR_OK && full == ERR_BUDGET);
    EXPECT(before == 0);
    EXPECT(posted == ERR_OK && recorded == ERR_OK && nothing == ERR_OK);
    EXPECT(after == 1 && unvoided == 1);
    EXPECT(voided == ERR_OK && noted == ERR_OK);
    EXPECT(waiting == 1 && rows == 2);
    EXPECT(at_once != 0 && taken == 1);
    EXPECT(reopened == ERR_OK && verified == ERR_OK);
    EXPECT(test_is_refusing() || (balance.spent_pusd == 10 && balance.held_pusd == 5));
}

static void a_snapshot_takes_along_what_waits(void)
{
    static const char row[4096];
    struct budgeting b;
    uint64_t held = 0;
    enum errc code = ERR_OK;
    open_one(&b);
    b.segment_bytes = 64 << 10;
    code = budgeting_reopen(&b, limits, 1);
    for (int i = 0; i < 40 && code == ERR_OK; i++) {
        code = budget_note_later(b.budget, (struct str){row, sizeof row}, &b.err);
    }
    code = code == ERR_OK ? budget_record(b.budget, &b.err) : code;
    const enum errc reserved = hold_later(&b, 7, &held);
    const enum errc kept = budget_expire(b.budget, b.now_ns, NULL, &b.err);
    const int64_t taken = on_record(&b);
    const enum errc reopened = budgeting_reopen(&b, limits, 1);
    const struct hold_balance balance = budgeting_balance(&b, "org", PERIOD_DAY);
    budgeting_close(&b);
    EXPECT(code == ERR_OK && reserved == ERR_OK && kept == ERR_OK);
    EXPECT(taken == 1);
    EXPECT(reopened == ERR_OK);
    EXPECT(test_is_refusing() || balance.held_pusd == 7);
}

static void a_disk_that_refuses_keeps_it_waiting_and_takes_nothing_new(void)
{
    struct budgeting b;
    uint64_t open = 0, unrecorded = 0, more = 0;
    open_one(&b);
    const enum errc held = hold_later(&b, 30, &open);
    const enum errc recorded = budget_record(b.budget, &b.err);
    const enum errc held_too = hold_later(&b, 20, &unrecorded);
    let_files_grow(1);
    const enum errc refused = budget_record(b.budget, &b.err);
    const enum errc nothing_new = hold_later(&b, 1, &more);
    const bool not_at_once = budgeting_hold(&b, "org", "", 1) == 0 && b.err.code == ERR_IO;
    const enum errc voided = budget_void_later(b.budget, unrecorded, b.now_ns, STR(""), &b.err);
    const enum errc posted = post_later(&b, open, 25, STR("row"));
    const enum errc again = budget_record(b.budget, &b.err);
    const int64_t before = on_record(&b);
    let_files_grow(RLIM_INFINITY);
    const enum errc at_last = budget_record(b.budget, &b.err);
    const int64_t after = on_record(&b);
    const enum errc new_one = hold_later(&b, 75, &more);
    const enum errc reopened = budgeting_reopen(&b, limits, 1); /* records what waits */
    const struct hold_balance balance = budgeting_balance(&b, "org", PERIOD_DAY);
    const int64_t rows = budget_payloads_waiting(b.budget);
    budgeting_close(&b);
    EXPECT(held == ERR_OK && recorded == ERR_OK && held_too == ERR_OK);
    EXPECT(refused == ERR_IO && nothing_new == ERR_IO && not_at_once);
    EXPECT(voided == ERR_OK && posted == ERR_OK && again == ERR_IO);
    EXPECT(before == 1);
    EXPECT(at_last == ERR_OK && after == 0);
    EXPECT(new_one == ERR_OK && reopened == ERR_OK);
    EXPECT(test_is_refusing() || (balance.spent_pusd == 25 && balance.held_pusd == 75));
    EXPECT(test_is_refusing() || rows == 1);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(what_is_not_recorded_is_in_memory_only),
        TEST_SPARSE(a_snapshot_takes_along_what_waits),
        TEST_SPARSE(a_disk_that_refuses_keeps_it_waiting_and_takes_nothing_new),
    };
    (void)signal(SIGXFSZ, SIG_IGN);
    return test_main(tests, COUNT_OF(tests));
}
