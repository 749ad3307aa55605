/* Ledger rows into the figures of each workflow: run the queries, fold their rows, add intervals.
 */
#include <math.h>
#include <stdlib.h>

#include "api/api_priv.h"
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

static struct figures empty_figures(const struct settings *settings, struct str workflow)
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

/* The rows come sorted by workflow, and so does the list until it is done. */
static enum errc fold_workflows(const struct settings *settings, const struct store_result *r,
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
            list->rows[at] = empty_figures(settings, workflow);
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

static int by_cost(const void *a, const void *b)
{
    const struct figures *const left = a;
    const struct figures *const right = b;
    if (left->total_pusd != right->total_pusd) {
        return left->total_pusd < right->total_pusd ? 1 : -1;
    }
    return by_name(a, b);
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

static void fold_steps(const struct store_result *r, struct figures_list *list)
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

static enum errc read_unpriced(struct store *store, const struct api_request *request,
                               struct arena *arena, struct figures_list *list, struct err *err)
{
    const struct store_value values[] = {STORE_OF_INT64(request->as_of_ns),
                                         STORE_OF_TEXT(request->workflow)};
    struct store_result r;
    enum errc code =
        store_run(store, QUERY_report_unpriced, values, COUNT_OF(values), arena, &r, err);
    if (code != ERR_OK || r.rows == 0) {
        return code;
    }
    struct unpriced_model *const models = arena_new(arena, struct unpriced_model, r.rows);
    if (models == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for the unpriced models");
    }
    for (size_t row = 0; row < r.rows; row++) {
        models[row] = (struct unpriced_model){.workflow = store_text(&r, row, 0),
                                              .model = store_text(&r, row, 1),
                                              .calls = store_int64(&r, row, 2, 0)};
    }
    list->unpriced = models;
    list->unpriced_count = r.rows;
    return ERR_OK;
}

static enum errc read_estimated(struct store *store, const struct api_request *request,
                                struct arena *arena, struct figures_list *list, struct err *err)
{
    const struct store_value values[] = {STORE_OF_INT64(request->as_of_ns),
                                         STORE_OF_TEXT(request->workflow)};
    struct store_result r;
    const enum errc code =
        store_run(store, QUERY_report_estimated, values, COUNT_OF(values), arena, &r, err);
    for (size_t row = 0; code == ERR_OK && row < r.rows; row++) {
        struct figures *const f = figures_named(list, store_text(&r, row, 0));
        if (f != NULL) {
            f->estimated_calls = store_int64(&r, row, 1, 0);
            f->estimated_pusd = store_sum(&r, row, 2);
        }
    }
    return code;
}

enum errc figures_create_costs(struct store *store, const struct settings *settings,
                               const struct api_request *request, struct err *err)
{
    enum errc code = store_execute(store, QUERY_settings_create, NULL, 0, NULL, err);
    for (size_t i = 0; i < settings->workflows.count && code == ERR_OK; i++) {
        const struct settings_workflow *const w = &settings->workflows.rows[i];
        const struct store_value values[] = {
            STORE_OF_TEXT(w->name),
            w->has_human_rate ? STORE_OF_INT64(w->human_rate_pusd)
                              : (struct store_value){.kind = STORE_NULL},
            w->has_value ? STORE_OF_INT64(w->value_pusd) : (struct store_value){.kind = STORE_NULL},
            STORE_OF_INT64(w->takes_commits),
            STORE_OF_INT64(w->takes_pull_requests),
        };
        code = store_execute(store, QUERY_settings_add, values, COUNT_OF(values), NULL, err);
    }
    if (code == ERR_OK) {
        const struct store_value values[] = {
            STORE_OF_INT64(request->since_ns), STORE_OF_INT64(request->until_ns),
            STORE_OF_INT64(request->as_of_ns), STORE_OF_TEXT(request->workflow)};
        code = store_execute(store, QUERY_costs_create, values, COUNT_OF(values), NULL, err);
    }
    return code;
}

static bool windowed(const struct api_request *request)
{
    return request->since_ns != INT64_MIN || request->until_ns != INT64_MAX;
}

static enum errc read_steps(struct store *store, const struct api_request *request,
                            struct arena *arena, struct figures_list *list, struct err *err)
{
    const struct store_value values[] = {STORE_OF_INT64(request->as_of_ns),
                                         STORE_OF_TEXT(request->workflow)};
    struct store_result r;
    enum errc code =
        store_run(store, windowed(request) ? QUERY_report_steps_window : QUERY_report_steps, values,
                  COUNT_OF(values), arena, &r, err);
    if (code != ERR_OK) {
        return code;
    }
    fold_steps(&r, list);
    bool unpriced = list->unattributed.unpriced_calls > 0;
    for (size_t i = 0; i < list->count; i++) {
        unpriced = unpriced || list->rows[i].unpriced_calls > 0;
    }
    code = unpriced ? read_unpriced(store, request, arena, list, err) : ERR_OK;
    if (code == ERR_OK && windowed(request)) {
        code = store_run(store, QUERY_report_undated, &values[1], 1, arena, &r, err);
        list->undated = code == ERR_OK ? store_int64(&r, 0, 0, 0) : 0;
    }
    return code;
}

enum errc figures_require_workflow(struct store *store, struct str workflow, struct arena *arena,
                                   struct err *err)
{
    CHECK(workflow.size > 0);
    struct store_result r;
    const struct store_value value = STORE_OF_TEXT(workflow);
    enum errc code = store_run(store, QUERY_report_workflow_known, &value, 1, arena, &r, err);
    if (code != ERR_OK || r.rows > 0) {
        return code;
    }
    code = store_run(store, QUERY_report_workflow_names, NULL, 0, arena, &r, err);
    if (code != ERR_OK) {
        return code;
    }
    struct text names;
    text_init(&names, ERR_TEXT_BYTES_MAX / 2);
    for (size_t row = 0; row < r.rows; row++) {
        text_format(&names, "%s" STR_FORMAT, row > 0 ? ", " : "", STR_ARG(store_text(&r, row, 0)));
    }
    err_set(err, ERR_NOT_FOUND, "the ledger has no case of workflow \"" STR_FORMAT "\"; it has %s",
            STR_ARG(workflow), names.size > 0 ? names.data : "none at all");
    text_deinit(&names);
    return ERR_NOT_FOUND;
}

/* The named workflow is there even when the window holds none of its cases. */
static enum errc add_named(struct store *store, const struct settings *settings,
                           const struct api_request *request, struct arena *arena,
                           struct figures_list *list, struct err *err)
{
    const enum errc code = figures_require_workflow(store, request->workflow, arena, err);
    if (code != ERR_OK) {
        return code;
    }
    const size_t at = arena_push(arena, list);
    if (at == SIZE_MAX) {
        return err_set(err, ERR_LIMIT, "no memory left for the report");
    }
    list->rows[at] = empty_figures(settings, request->workflow);
    return ERR_OK;
}

enum errc figures_read(struct store *store, const struct settings *settings,
                       const struct api_request *request, struct arena *arena,
                       struct figures_list *out, struct err *err)
{
    CHECK(store != NULL);
    CHECK(settings != NULL);
    CHECK(out != NULL);

    struct figures_list list = {.unattributed = empty_figures(settings, (struct str){0})};
    struct store_result r;
    enum errc code = figures_create_costs(store, settings, request, err);
    if (code == ERR_OK) {
        code = store_run(store, QUERY_report_workflows, NULL, 0, arena, &r, err);
    }
    if (code == ERR_OK) {
        code = fold_workflows(settings, &r, arena, &list, err);
    }
    if (code == ERR_OK && request->workflow.size > 0 && list.count == 0) {
        code = add_named(store, settings, request, arena, &list, err);
    }
    if (code == ERR_OK) {
        code = read_steps(store, request, arena, &list, err);
    }
    if (code == ERR_OK) {
        code = read_estimated(store, request, arena, &list, err);
    }
    if (code == ERR_OK) {
        code = figures_add_intervals(store, arena, &list, err);
    }
    if (code == ERR_OK) {
        if (list.count > 0) {
            qsort(list.rows, list.count, sizeof *list.rows, by_cost);
        }
        *out = list;
    }
    return code;
}

const struct figures *figures_find(const struct figures_list *list, struct str workflow)
{
    for (size_t i = 0; i < list->count; i++) {
        if (str_equal(list->rows[i].workflow, workflow)) {
            return &list->rows[i];
        }
    }
    return NULL;
}

struct str figures_unit(const struct figures *figures)
{
    CHECK(figures != NULL);
    if (figures->settings != NULL && figures->settings->unit.size > 0) {
        return figures->settings->unit;
    }
    return figures->cases > 0 && figures->named_by_session == figures->cases ? STR("session")
                                                                             : STR("case");
}

double figures_baseline(const struct figures *figures, enum baseline baseline)
{
    CHECK(baseline < BASELINE_COUNT);
    if (figures->settings == NULL || !figures->settings->baselines[baseline].set) {
        return NAN;
    }
    const struct settings_baseline *const b = &figures->settings->baselines[baseline];
    return money_usd(b->price_pusd) / b->success_rate;
}
