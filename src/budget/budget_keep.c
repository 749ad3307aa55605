/* budget_keep: what is done beside the calls: expiry, snapshots, delivery, balances. */
#include "base/check.h"
#include "base/memory.h"
#include "budget/budget_priv.h"

enum { LAPSES_MAX = 64 }; /* at a time, so that callers are let in between */

static enum errc lapse_some(struct budget *budget, int64_t now_ns, int64_t *count, struct err *err)
{
    enum errc code = ERR_OK;
    uint64_t number = 0;
    int64_t done = 0;
    struct hold_record record;
    pthread_mutex_lock(&budget->mutex);
    while (code == ERR_OK && done < LAPSES_MAX &&
           holds_draft_lapse(budget->holds, now_ns, budget->charge_unknown, &record)) {
        code = budget_change(budget, &record, 1, NULL, &number, err);
        done += code == ERR_OK;
    }
    pthread_mutex_unlock(&budget->mutex);
    *count = done;
    return code;
}

/* Everything so far as the beginning of a new segment. */
static enum errc take_snapshot(struct budget *budget, struct err *err)
{
    enum errc code = hold_log_flush(budget->log, err); /* little is left to sync under the lock */
    if (code != ERR_OK) {
        return code;
    }
    pthread_mutex_lock(&budget->mutex);
    const size_t size = holds_bytes(budget->holds);
    char *const bytes = memory_new_array(char, size);
    holds_save(budget->holds, bytes);
    code = hold_log_rotate(budget->log, bytes, size, err);
    pthread_mutex_unlock(&budget->mutex);
    return code;
}

void budget_shorten(struct budget *budget)
{
    CHECK(budget != NULL);
    struct err err;
    if (hold_log_wants_snapshot(budget->log, true) && take_snapshot(budget, &err) != ERR_OK) {
        /* The log says it all; the next start takes longer. */
    }
}

enum errc budget_expire(struct budget *budget, int64_t now_ns, int64_t *out_count, struct err *err)
{
    CHECK(budget != NULL);
    int64_t count = 0;
    int64_t some = 0;
    pthread_mutex_lock(&budget->mutex);
    enum errc code = budget_clock_settle(budget, now_ns, err);
    const int64_t own_ns = budget_clock_now(budget, now_ns);
    pthread_mutex_unlock(&budget->mutex);
    if (code != ERR_OK) {
        return code;
    }
    do {
        code = lapse_some(budget, own_ns, &some, err);
        count += some;
    } while (code == ERR_OK && some == LAPSES_MAX);
    if (code == ERR_OK && hold_log_wants_snapshot(budget->log, false)) {
        code = take_snapshot(budget, err);
    }
    if (code == ERR_OK && out_count != NULL) {
        *out_count = count;
    }
    return code;
}

enum errc budget_payloads(struct budget *budget, uint64_t after, size_t bytes_max,
                          struct arena *arena, struct budget_payloads *out, struct err *err)
{
    CHECK(budget != NULL);
    CHECK(out != NULL);
    struct hold_log_payloads found;
    const enum errc code = hold_log_payloads(budget->log, after, bytes_max, arena, &found, err);
    if (code != ERR_OK) {
        return code;
    }
    struct budget_payload *const rows =
        arena_new(arena, struct budget_payload, found.count > 0 ? found.count : 1);
    if (rows == NULL) {
        return err_set(err, ERR_LIMIT, "%zu payloads do not fit %zu bytes", found.count,
                       arena->size_max);
    }
    for (size_t i = 0; i < found.count; i++) {
        rows[i] = (struct budget_payload){found.rows[i].number, found.rows[i].bytes};
    }
    *out = (struct budget_payloads){rows, found.count};
    return ERR_OK;
}

enum errc budget_delivered(struct budget *budget, uint64_t through, struct err *err)
{
    CHECK(budget != NULL);
    return hold_log_delivered(budget->log, through, err);
}

int64_t budget_payloads_waiting(struct budget *budget)
{
    CHECK(budget != NULL);
    struct hold_log_size size;
    hold_log_measure(budget->log, &size);
    return size.payloads;
}

size_t budget_notices(struct budget *budget, struct hold_notice *out, size_t max)
{
    CHECK(budget != NULL);
    pthread_mutex_lock(&budget->mutex);
    const size_t count = holds_notices(budget->holds, out, max);
    pthread_mutex_unlock(&budget->mutex);
    return count;
}

enum errc budget_verify(struct budget *budget, struct err *err)
{
    CHECK(budget != NULL);
    pthread_mutex_lock(&budget->mutex);
    const enum errc code = holds_verify(budget->holds, err);
    pthread_mutex_unlock(&budget->mutex);
    return code;
}

enum errc budget_watch_limits(struct budget *budget, const struct hold_limit *limits,
                              size_t limit_count, int64_t now_ns, int64_t *out_from_ns,
                              uint64_t *out_through, struct err *err)
{
    CHECK(budget != NULL);
    CHECK(out_from_ns != NULL || limit_count == 0);
    struct holds_table *table = NULL;
    struct hold_log_size size;
    uint64_t number = 0;
    pthread_mutex_lock(&budget->mutex);
    enum errc code = hold_log_write(budget->log, &number, err); /* what waits comes before */
    if (code == ERR_OK) {
        code = holds_table_make(budget->holds, limits, limit_count,
                                budget_clock_now(budget, now_ns), &table, err);
    }
    if (code == ERR_OK) {
        holds_table_news(budget->holds, table, out_from_ns);
        holds_watch(budget->holds, &table);
        hold_log_measure(budget->log, &size);
        *out_through = size.written;
    }
    pthread_mutex_unlock(&budget->mutex);
    holds_table_destroy(&table);
    return code;
}

enum errc budget_new_limits(struct budget *budget, const struct hold_limit *limits,
                            size_t limit_count, int64_t now_ns, int64_t *out_from_ns,
                            struct err *err)
{
    CHECK(budget != NULL);
    CHECK(out_from_ns != NULL || limit_count == 0);
    struct holds_table *table = NULL;
    pthread_mutex_lock(&budget->mutex);
    const enum errc code = holds_table_make(budget->holds, limits, limit_count,
                                            budget_clock_now(budget, now_ns), &table, err);
    if (code == ERR_OK) {
        holds_table_news(budget->holds, table, out_from_ns);
    }
    pthread_mutex_unlock(&budget->mutex);
    holds_table_destroy(&table);
    return code;
}
