/* budget_stand: how the budgets stand, of a running gateway or of the log it left. */
#include "base/check.h"
#include "base/memory.h"
#include "budget/budget_priv.h"

enum errc budget_balances(struct budget *budget, int64_t now_ns, struct arena *arena,
                          struct budget_balances *out, struct err *err)
{
    CHECK(budget != NULL);
    CHECK(out != NULL);
    pthread_mutex_lock(&budget->mutex);
    const enum errc code = holds_balances(budget->holds, budget_clock_now(budget, now_ns), arena,
                                          &out->rows, &out->count, err);
    pthread_mutex_unlock(&budget->mutex);
    return code;
}

bool budget_tightest(struct budget *budget, uint64_t id, struct hold_refusal *out)
{
    CHECK(budget != NULL);
    CHECK(out != NULL);
    pthread_mutex_lock(&budget->mutex);
    const bool found = holds_tightest(budget->holds, id, out);
    pthread_mutex_unlock(&budget->mutex);
    return found;
}

static struct budget_counts counts_of(const struct holds *holds, int64_t refused)
{
    struct holds_counts counts;
    holds_count(holds, &counts);
    struct budget_counts out = {.open_holds = counts.open,
                                .held_pusd = counts.held_pusd,
                                .unknown_holds = counts.unknown,
                                .expired_holds = counts.expired,
                                .forgotten_holds = counts.forgotten,
                                .cases = counts.cases,
                                .reserved = counts.reserved,
                                .refused = refused,
                                .posted = counts.posted,
                                .voided = counts.voided,
                                .expired = counts.lapsed,
                                .late = counts.late,
                                .overshoots = counts.overshoots,
                                .overshoot_pusd = counts.overshoot_pusd};
    memcpy(out.causes, counts.causes, sizeof out.causes);
    return out;
}

static void measure(struct budget *budget, struct budget_counts *io)
{
    struct hold_log_size size;
    hold_log_measure(budget->log, &size);
    io->log_bytes = size.bytes;
    io->syncs = size.syncs;
}

void budget_count(struct budget *budget, struct budget_counts *out)
{
    CHECK(budget != NULL);
    CHECK(out != NULL);
    pthread_mutex_lock(&budget->mutex);
    *out = counts_of(budget->holds, budget->refused);
    pthread_mutex_unlock(&budget->mutex);
    measure(budget, out);
}

static enum errc stand(const struct holds *holds, int64_t now_ns, struct str scope,
                       struct arena *arena, struct budget_standing *out, struct err *err)
{
    out->now_ns = now_ns;
    out->has_scope = scope.size > 0;
    enum errc code =
        holds_balances(holds, now_ns, arena, &out->balances.rows, &out->balances.count, err);
    if (code == ERR_OK) {
        code = holds_unknown(holds, arena, &out->unknown.rows, &out->unknown.count, err);
    }
    if (code == ERR_OK && out->has_scope) {
        code = holds_scope(holds, scope, arena, &out->scope, err);
    }
    return code;
}

enum errc budget_stand(struct budget *budget, int64_t now_ns, struct str scope, struct arena *arena,
                       struct budget_standing *out, struct err *err)
{
    CHECK(budget != NULL);
    CHECK(out != NULL);
    struct budget_standing standing = {.is_live = true};
    pthread_mutex_lock(&budget->mutex);
    const enum errc code =
        stand(budget->holds, budget_clock_now(budget, now_ns), scope, arena, &standing, err);
    standing.counts = counts_of(budget->holds, budget->refused);
    pthread_mutex_unlock(&budget->mutex);
    if (code == ERR_OK) {
        measure(budget, &standing.counts);
        *out = standing;
    }
    return code;
}

static enum errc visit(void *context, const struct hold_record *record, struct err *err)
{
    return holds_apply(context, record, NULL, err);
}

/* The limits as they are configured now, over the balances that the log has. */
static enum errc install(struct holds *holds, const struct budget_options *options, struct err *err)
{
    struct holds_table *table = NULL;
    (void)holds_begin(holds, options->now_ns);
    const enum errc code = holds_table_make(holds, options->limits, options->limit_count,
                                            options->now_ns, &table, err);
    if (code == ERR_OK) {
        holds_table_install(holds, &table, options->now_ns);
    }
    holds_table_destroy(&table);
    return code;
}

enum errc budget_look(const struct budget_options *options, struct str scope, struct arena *arena,
                      struct budget_standing *out, struct err *err)
{
    CHECK(options != NULL);
    CHECK(out != NULL);
    struct hold_log_opened opened;
    struct budget_standing standing = {0};
    struct holds *holds = NULL;
    holds_create(&holds);
    enum errc code = hold_log_look(options->home, visit, holds, &opened, err);
    if (code == ERR_OK && options->steady_ns != NULL) {
        code = budget_clock_look(holds, options->now_ns, err);
    }
    if (code == ERR_OK) {
        code = install(holds, options, err);
    }
    if (code == ERR_OK) {
        code = stand(holds, options->now_ns, scope, arena, &standing, err);
    }
    if (code == ERR_OK) {
        standing.counts = counts_of(holds, 0);
        *out = standing;
    }
    holds_destroy(&holds);
    return code;
}
