/* The figures of each workflow: run the queries, fold their rows, add intervals. */
#include <math.h>
#include <stdlib.h>

#include "api/api_priv.h"
#include "api/figures_priv.h"
#include "base/check.h"

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
    figures_fold_steps(&r, list);
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
    list->rows[at] = figures_empty(settings, request->workflow);
    return ERR_OK;
}

static int by_cost(const void *a, const void *b)
{
    const struct figures *const left = a;
    const struct figures *const right = b;
    if (left->total_pusd != right->total_pusd) {
        return left->total_pusd < right->total_pusd ? 1 : -1;
    }
    return str_compare(left->workflow, right->workflow);
}

enum errc figures_read(struct store *store, const struct settings *settings,
                       const struct api_request *request, struct arena *arena,
                       struct figures_list *out, struct err *err)
{
    CHECK(store != NULL);
    CHECK(settings != NULL);
    CHECK(out != NULL);

    struct figures_list list = {.unattributed = figures_empty(settings, (struct str){0})};
    struct store_result r;
    enum errc code = figures_create_costs(store, settings, request, err);
    if (code == ERR_OK) {
        code = store_run(store, QUERY_report_workflows, NULL, 0, arena, &r, err);
    }
    if (code == ERR_OK) {
        code = figures_fold_workflows(settings, &r, arena, &list, err);
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
