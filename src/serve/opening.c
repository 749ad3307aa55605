/*
 * What a budget begins with that nobody has seen before: what the ledger already has of calls
 * through the gateway in its scope, in the period that is under way.
 *
 *     limits --budget_new_limits--> those that are new --ledger--> opening_pusd --> the log of
 * holds
 *
 * Looked up once: from then on the log has the limit, and what it began with. What is settled
 * before the look is in the ledger by then; what is settled meanwhile is summed up by the budget
 * and waits with its handing over to the ledger, so that it counts once and nothing is missed.
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "serve/serve.h"

#define ARENA_BYTES_MAX ((size_t)256 << 20)

enum { HANDED_WAIT_MS = 2000, SETTLE_WAIT_MS = 10000, STEP_NS = 5000000 };

/* Columns of QUERY_budget_openings. */
enum { O_KIND, O_NAME, O_COST };

static int compare(const struct store_result *sums, size_t row, struct str kind, struct str name)
{
    const int by_kind = str_compare(store_text(sums, row, O_KIND), kind);
    return by_kind != 0 ? by_kind : str_compare(store_text(sums, row, O_NAME), name);
}

/* Rows are sorted by kind and name; what is not there cost nothing. */
static money_sum sum_of(const struct store_result *sums, struct str scope)
{
    struct str name = scope;
    const struct str kind = str_cut(&name, ':');
    size_t low = 0;
    size_t high = sums->rows;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare(sums, middle, kind, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < sums->rows && compare(sums, low, kind, name) == 0 ? store_sum(sums, low, O_COST)
                                                                   : 0;
}

/* Of all new limits whose period began at from_ns[first], which are done then. */
static enum errc look_up(struct serve *serve, struct hold_limit *limits, size_t count,
                         int64_t *from_ns, size_t first, struct err *err)
{
    const int64_t begin_ns = from_ns[first];
    const struct store_value values[] = {STORE_OF_INT64(begin_ns)};
    struct arena arena;
    struct store_result sums;
    arena_init(&arena, ARENA_BYTES_MAX);
    const enum errc code = store_run(serve->reader, QUERY_budget_openings, values, COUNT_OF(values),
                                     &arena, &sums, err);
    for (size_t i = first; i < count && code == ERR_OK; i++) {
        if (from_ns[i] == begin_ns) {
            const money_sum spent = sum_of(&sums, limits[i].scope);
            limits[i].opening_pusd = spent < INT64_MAX ? (int64_t)spent : INT64_MAX;
            from_ns[i] = HOLD_NO_END;
        }
    }
    arena_deinit(&arena);
    return code;
}

static enum errc look_up_all(struct serve *serve, struct hold_limit *limits, size_t count,
                             int64_t *from_ns, struct err *err)
{
    pthread_mutex_lock(&serve->reader_lock);
    enum errc code = serve->reader != NULL ? store_begin(serve->reader, err)
                                           : err_set(err, ERR_BUSY,
                                                     "what new budgets begin with is not known: "
                                                     "the ledger cannot be opened at this moment");
    if (code == ERR_OK) {
        for (size_t i = 0; i < count && code == ERR_OK; i++) {
            code =
                from_ns[i] != HOLD_NO_END ? look_up(serve, limits, count, from_ns, i, err) : ERR_OK;
        }
        store_rollback(serve->reader);
    }
    pthread_mutex_unlock(&serve->reader_lock);
    return code;
}

/* Until what was settled before is in the ledger, or it takes too long: then the rest of that is
 * missing in the budget, never twice in it. */
static void wait_for_ledger(struct serve *serve)
{
    const int64_t until_ns = clock_monotonic_ns() + HANDED_WAIT_MS * INT64_C(1000000);
    const struct timespec step = {.tv_nsec = STEP_NS};
    if (!serve->gateway.has_thread) {
        serve_hand_over_left(serve);
    }
    while (serve->gateway.has_thread && !serve_is_handed(serve) &&
           clock_monotonic_ns() < until_ns) {
        nanosleep(&step, NULL);
    }
    const bool is_handed = !serve->gateway.has_thread || serve_is_handed(serve);
    if (!inbox_settle(serve->inbox, SETTLE_WAIT_MS) || !is_handed) {
        serve_tell(serve, "a new budget begins without the calls that were settled just now: the "
                          "ledger does not have them yet");
    }
}

enum errc serve_set_limits(struct serve *serve, const struct settings *settings,
                           const struct hold_limit *limits, struct err *err)
{
    CHECK(serve != NULL);
    CHECK(serve->gateway.budget != NULL);
    const size_t count = settings->budgets.count;
    struct budget *const budget = serve->gateway.budget;
    int64_t *const from_ns = memory_new_array(int64_t, count + 1);
    bool *const opens = memory_new_array(bool, count + 1);
    struct hold_limit *const opened = memory_new_array(struct hold_limit, count + 1);
    const int64_t now_ns = clock_now_ns();
    uint64_t through = 0;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        opened[i] = limits[i];
    }
    /* Nothing is handed over meanwhile that the watch sums up. */
    serve_hand_through(serve, 0);
    enum errc code = budget_watch_limits(budget, opened, count, now_ns, from_ns, &through, err);
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        from_ns[i] = settings->budgets.rows[i].opens_at_zero ? HOLD_NO_END : from_ns[i];
        opens[i] = from_ns[i] != HOLD_NO_END;
        any = any || opens[i];
    }
    if (code == ERR_OK && any) {
        serve_hand_through(serve, through);
        wait_for_ledger(serve);
        code = look_up_all(serve, opened, count, from_ns, err);
    }
    if (code == ERR_OK) {
        code = budget_open_limits(budget, opened, count, opens, clock_now_ns(), err);
    }
    serve_hand_through(serve, UINT64_MAX);
    memory_free(opened);
    memory_free(opens);
    memory_free(from_ns);
    return code;
}
