/* Rows of the ledger's sums folded into the figures of their workflows. */
#include <stdlib.h>

#include "api/figures_priv.h"
#include "base/check.h"
#include "base/clock.h"

/* Columns of QUERY_report_workflows. */
enum {
    W_WORKFLOW,
    W_STATE,
    W_RECORDED,
    W_CASES,
    W_ATTEMPTS,
    W_AGENT,
    W_BEFORE,
    W_LAST,
    W_HUMAN,
    W_CORRECTION,
    W_HUMAN_MS,
    W_VALUE,
    W_VALUED,
    W_FIRST_SUCCESSES,
    W_SESSIONS,
    W_EMPTY,
    W_FIRST,
    W_LAST_BEGAN,
    W_BEGAN_SUM,
    W_DATED,
    W_COST_SQUARES,
    W_COST_VALUE,
    W_VALUE_SQUARES,
    W_COLUMNS,
};

/* Columns of QUERY_report_steps and QUERY_report_steps_window. */
enum {
    S_WORKFLOW,
    S_KIND,
    S_BASIS,
    S_STEPS,
    S_COST,
    S_TOKENS,
    S_REASONING = S_TOKENS + USAGE_COUNT
};

/* case_costs.state */
enum { STATE_RESOLVED, STATE_FAILED, STATE_OPEN, STATE_UNTRACED };

/* USD^2 from a sum in 1e-18 USD^2. */
static double squares(money_sum sum)
{
    return (double)sum / 1e18;
}

static void fold_closed(struct figures *f, const struct store_result *r, size_t row, bool resolved)
{
    const int64_t cases = store_int64(r, row, W_CASES, 0);
    const money_sum agent = store_sum(r, row, W_AGENT);
    const money_sum before = store_sum(r, row, W_BEFORE);
    const money_sum last = store_sum(r, row, W_LAST);
    const money_sum human = store_sum(r, row, W_HUMAN);
    const money_sum correction = store_sum(r, row, W_CORRECTION);
    const money_sum cost = agent + human + correction;
    f->closed += cases;
    f->attempts_closed += store_int64(r, row, W_ATTEMPTS, 0);
    f->rework_pusd += agent - before + correction;
    f->human_pusd += human;
    f->closed_pusd += cost;
    f->closed_people_pusd += human + correction;
    struct stats_sums *const outcome = &f->cost_to_resolved;
    struct stats_sums *const value = &f->value_to_cost;
    const double cost_squares = squares(store_sum(r, row, W_COST_SQUARES));
    outcome->n += cases;
    outcome->y += money_usd(cost);
    outcome->yy += cost_squares;
    value->n += cases;
    value->x += money_usd(cost);
    value->xx += cost_squares;
    if (!resolved) {
        f->sunk_pusd += before;
        return;
    }
    const int64_t valued = store_int64(r, row, W_VALUED, 0);
    const bool recorded = store_int64(r, row, W_RECORDED, 0) != 0;
    f->base_pusd += last;
    f->retry_tail_pusd += before - last;
    f->resolved += cases;
    f->first_successes += store_int64(r, row, W_FIRST_SUCCESSES, 0);
    f->value_pusd += store_sum(r, row, W_VALUE);
    f->valued_recorded += recorded ? valued : 0;
    f->valued_configured += recorded ? 0 : valued;
    outcome->x += (double)cases;
    outcome->xx += (double)cases;
    outcome->xy += money_usd(cost);
    value->y += money_usd(store_sum(r, row, W_VALUE));
    value->yy += squares(store_sum(r, row, W_VALUE_SQUARES));
    value->xy += squares(store_sum(r, row, W_COST_VALUE));
}

static void fold_open(struct figures *f, const struct store_result *r, size_t row)
{
    const int64_t dated = store_int64(r, row, W_DATED, 0);
    f->open += store_int64(r, row, W_CASES, 0);
    f->open_pusd +=
        store_sum(r, row, W_AGENT) + store_sum(r, row, W_HUMAN) + store_sum(r, row, W_CORRECTION);
    if (dated > 0) {
        f->open_oldest_ns = store_int64(r, row, W_FIRST, INT64_MIN);
        f->open_mean_ns = (int64_t)(store_sum(r, row, W_BEGAN_SUM) / dated) * CLOCK_NS_PER_SECOND;
    }
}

static void fold(struct figures *f, const struct store_result *r, size_t row)
{
    const int64_t state = store_int64(r, row, W_STATE, STATE_OPEN);
    const int64_t cases = store_int64(r, row, W_CASES, 0);
    if (state == STATE_UNTRACED) {
        f->untraced += cases;
        return;
    }
    f->cases += cases;
    f->attempts += store_int64(r, row, W_ATTEMPTS, 0);
    f->attempts_empty += store_int64(r, row, W_EMPTY, 0);
    f->named_by_session += store_int64(r, row, W_SESSIONS, 0);
    const money_sum people = store_sum(r, row, W_HUMAN) + store_sum(r, row, W_CORRECTION);
    f->people_pusd += people;
    f->total_pusd += store_sum(r, row, W_AGENT) + people;
    f->human_ms += store_sum(r, row, W_HUMAN_MS);
    const int64_t first = store_int64(r, row, W_FIRST, INT64_MAX);
    const int64_t last = store_int64(r, row, W_LAST_BEGAN, INT64_MIN);
    f->first_ns = f->first_ns == INT64_MIN || first < f->first_ns ? first : f->first_ns;
    f->first_ns = f->first_ns == INT64_MAX ? INT64_MIN : f->first_ns;
    f->last_ns = last > f->last_ns ? last : f->last_ns;
    if (state == STATE_OPEN) {
        fold_open(f, r, row);
    } else {
        fold_closed(f, r, row, state == STATE_RESOLVED);
    }
}

struct figures figures_empty(const struct settings *settings, struct str workflow)
{
    return (struct figures){
        .workflow = workflow,
        .settings = settings_workflow(settings, workflow),
        .first_ns = INT64_MIN,
        .last_ns = INT64_MIN,
        .open_oldest_ns = INT64_MIN,
        .open_mean_ns = INT64_MIN,
    };
}

enum errc figures_fold_workflows(const struct settings *settings, const struct store_result *r,
                                 struct arena *arena, struct figures_list *list, struct err *err)
{
    CHECK(r->rows == 0 || r->columns == W_COLUMNS);
    for (size_t row = 0; row < r->rows; row++) {
        const struct str workflow = store_text(r, row, W_WORKFLOW);
        if (workflow.size == 0) {
            fold(&list->unattributed, r, row);
            continue;
        }
        if (list->count == 0 || !str_equal(list->rows[list->count - 1].workflow, workflow)) {
            const size_t at = arena_push(arena, list);
            if (at == SIZE_MAX) {
                return err_set(err, ERR_LIMIT, "more workflows than fit %zu bytes",
                               arena->size_max);
            }
            list->rows[at] = figures_empty(settings, workflow);
        }
        fold(&list->rows[list->count - 1], r, row);
    }
    return ERR_OK;
}

static int by_name(const void *a, const void *b)
{
    return str_compare(((const struct figures *)a)->workflow,
                       ((const struct figures *)b)->workflow);
}

struct figures *figures_named(struct figures_list *list, struct str workflow)
{
    if (workflow.size == 0) {
        return &list->unattributed;
    }
    const struct figures wanted = {.workflow = workflow};
    return list->count > 0 ? bsearch(&wanted, list->rows, list->count, sizeof wanted, by_name)
                           : NULL;
}

void figures_fold_steps(const struct store_result *r, struct figures_list *list)
{
    for (size_t row = 0; row < r->rows; row++) {
        struct figures *const f = figures_named(list, store_text(r, row, S_WORKFLOW));
        if (f == NULL) {
            continue; /* its cases are all beyond the window */
        }
        const enum step_kind kind = (enum step_kind)store_int64(r, row, S_KIND, STEP_LLM);
        const enum cost_basis basis = (enum cost_basis)store_int64(r, row, S_BASIS, COST_NONE);
        const int64_t steps = store_int64(r, row, S_STEPS, 0);
        const money_sum cost = store_sum(r, row, S_COST);
        f->calls += kind == STEP_LLM ? steps : 0;
        f->fees_pusd += kind == STEP_LLM ? 0 : cost;
        f->unpriced_calls += basis == COST_UNPRICED ? steps : 0;
        f->priced_pusd += basis == COST_PRICED ? cost : 0;
        f->reported_pusd += basis == COST_REPORTED ? cost : 0;
        for (size_t i = 0; i < USAGE_COUNT; i++) {
            /* What a guard counts are requests that it stopped: nobody has served them. */
            const bool is_refused = kind == STEP_GUARD && i == USAGE_REQUESTS;
            *(is_refused ? &f->refused_calls : &f->tokens[i]) += store_sum(r, row, S_TOKENS + i);
        }
        f->reasoning += store_sum(r, row, S_REASONING);
    }
}
