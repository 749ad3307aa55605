/* A case's name -> its rows, in the order they happened. */
#include "api/explain.h"

#include <math.h>

#include "api/api_priv.h"
#include "api/explain_priv.h"
#include "base/check.h"

enum errc explain_full(const struct arena *arena, struct err *err)
{
    return err_set(err, ERR_LIMIT, "the case does not fit %zu bytes", arena->size_max);
}

static const char *workflow_text(struct str workflow)
{
    return workflow.size > 0 ? workflow.data : "unattributed";
}

/* "claims, tickets and 3 more". */
static void list_cases(struct text *out, const struct store_result *found, size_t workflow_column,
                       bool with_case, int64_t all)
{
    for (size_t i = 0; i < found->rows; i++) {
        text_add(out, i == 0 ? STR("") : STR(", "));
        if (with_case) {
            text_format(out, STR_FORMAT " of ", STR_ARG(store_text(found, i, workflow_column + 1)));
        }
        text_add(out, str_from(workflow_text(store_text(found, i, workflow_column))));
    }
    if (all > (int64_t)found->rows) {
        text_format(out, " and %lld more", (long long)(all - (int64_t)found->rows));
    }
}

enum { LIST_BYTES_MAX = 700 };

/* Columns of QUERY_explain_find. */
enum { FOUND_KEY, FOUND_WORKFLOW, FOUND_CASE, FOUND_KIND, FOUND_ALL };
enum { KIND_NAME, KIND_ATTEMPT, KIND_PREFIX };

static enum errc ambiguous(const struct explain_request *request, const struct store_result *found,
                           struct err *err)
{
    struct text list;
    text_init(&list, LIST_BYTES_MAX);
    const bool prefix = store_int64(found, 0, FOUND_KIND, 0) == KIND_PREFIX;
    const int64_t all = store_int64(found, 0, FOUND_ALL, 0);
    const bool one_workflow = str_equal(store_text(found, 0, FOUND_WORKFLOW),
                                        store_text(found, found->rows - 1, FOUND_WORKFLOW));
    list_cases(&list, found, FOUND_WORKFLOW, prefix, all);
    const struct str names = text_str(&list);
    const enum errc code =
        prefix ? err_set(err, ERR_CONFLICT,
                         "%lld cases begin with \"" STR_FORMAT "\": " STR_FORMAT
                         "; type more of the name%s",
                         (long long)all, STR_ARG(request->name), STR_ARG(names),
                         one_workflow ? "" : ", or name the workflow: --workflow W")
               : err_set(err, ERR_CONFLICT,
                         "\"" STR_FORMAT "\" is a case of %lld workflows: " STR_FORMAT
                         "; name one with --workflow W",
                         STR_ARG(request->name), (long long)all, STR_ARG(names));
    text_deinit(&list);
    return code;
}

static enum errc unknown(struct store *store, const struct explain_request *request,
                         const struct store_value *values, size_t value_count, struct arena *arena,
                         struct err *err)
{
    struct store_result near;
    const enum errc code =
        store_run(store, QUERY_explain_nearest, values, value_count, arena, &near, err);
    if (code != ERR_OK) {
        return code;
    }
    struct text list;
    text_init(&list, LIST_BYTES_MAX);
    list_cases(&list, &near, 0, true, 0);
    const struct str names = text_str(&list);
    (void)err_set(err, ERR_NOT_FOUND, "no case is called \"" STR_FORMAT "\"%s%s; %s" STR_FORMAT,
                  STR_ARG(request->name), request->has_workflow ? " in the workflow " : "",
                  request->has_workflow ? workflow_text(request->workflow) : "",
                  near.rows > 0 ? "the nearest are " : "bursar report shows what there is",
                  STR_ARG(names));
    text_deinit(&list);
    return ERR_NOT_FOUND;
}

static enum errc find(struct store *store, const struct explain_request *request,
                      struct arena *arena, uint64_t *out_key, struct err *err)
{
    const struct store_value values[] = {STORE_OF_TEXT(request->name),
                                         STORE_OF_INT64(request->has_workflow),
                                         STORE_OF_TEXT(request->workflow)};
    struct store_result found;
    enum errc code =
        store_run(store, QUERY_explain_find, values, COUNT_OF(values), arena, &found, err);
    if (code != ERR_OK) {
        return code;
    }
    if (found.rows == 0 && api_explain_is_request(request->name)) {
        code =
            store_run(store, QUERY_explain_request, values, COUNT_OF(values), arena, &found, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (found.rows == 0) {
        return unknown(store, request, values, COUNT_OF(values), arena, err);
    }
    if (found.rows > 1) {
        return ambiguous(request, &found, err);
    }
    *out_key = (uint64_t)store_sum(&found, 0, FOUND_KEY);
    return ERR_OK;
}

static enum errc read_header(struct store *store, uint64_t case_key, struct arena *arena,
                             struct explain *explain, struct err *err)
{
    const struct store_value key = STORE_OF_UINT64(case_key);
    struct store_result rows;
    enum errc code = store_run(store, QUERY_explain_header, &key, 1, arena, &rows, err);
    if (code != ERR_OK) {
        return code;
    }
    CHECK(rows.rows == 1);
    explain->workflow = store_text(&rows, 0, 0);
    explain->case_id = store_text(&rows, 0, 1);
    explain->input_key = store_text(&rows, 0, 2);
    explain->named_by = (enum case_naming)store_int64(&rows, 0, 3, NAMED_BY_SOURCE);
    explain->replicates = store_int64(&rows, 0, 4, 0);
    explain->replicates_other = store_int64(&rows, 0, 5, 0);
    code = store_run(store, QUERY_explain_attributes, &key, 1, arena, &rows, err);
    if (code != ERR_OK) {
        return code;
    }
    struct attribute *const attributes = arena_new(arena, struct attribute, rows.rows + 1);
    if (attributes == NULL) {
        return explain_full(arena, err);
    }
    for (size_t i = 0; i < rows.rows; i++) {
        attributes[i] = (struct attribute){store_text(&rows, i, 0), store_text(&rows, i, 1)};
    }
    explain->attributes = attributes;
    explain->attribute_count = rows.rows;
    return ERR_OK;
}

/* case_costs.state */
enum { STATE_RESOLVED, STATE_FAILED, STATE_OPEN, STATE_UNTRACED };

/* Columns of QUERY_explain_cost. */
enum {
    COST_AT_STATE,
    COST_AT_AGENT,
    COST_AT_BEFORE,
    COST_AT_LAST,
    COST_AT_HUMAN,
    COST_AT_CORRECTION,
    COST_AT_VALUE,
    COST_AT_RECORDED,
    COST_AT_HUMAN_MS,
    COST_AT_FEES,
    COST_AT_CALLS,
    COST_AT_UNPRICED,
    COST_AT_COUNT,
};

static void take_cost(const struct store_result *rows, struct explain *explain)
{
    CHECK(rows->columns == COST_AT_COUNT);
    const int64_t state = store_int64(rows, 0, COST_AT_STATE, STATE_OPEN);
    const money_sum agent = store_sum(rows, 0, COST_AT_AGENT);
    const money_sum before = store_sum(rows, 0, COST_AT_BEFORE);
    const money_sum last = store_sum(rows, 0, COST_AT_LAST);
    const money_sum human = store_sum(rows, 0, COST_AT_HUMAN);
    const money_sum correction = store_sum(rows, 0, COST_AT_CORRECTION);
    struct explain_cost *const cost = &explain->cost;
    cost->total_pusd = agent + human + correction;
    cost->fee_pusd = store_sum(rows, 0, COST_AT_FEES);
    if (state == STATE_RESOLVED || state == STATE_FAILED) {
        cost->base_pusd = state == STATE_RESOLVED ? last : 0;
        cost->retry_tail_pusd = state == STATE_RESOLVED ? before - last : 0;
        cost->sunk_pusd = state == STATE_FAILED ? before : 0;
        cost->rework_pusd = agent - before + correction;
        cost->human_pusd = human;
    } else {
        cost->open_pusd = cost->total_pusd;
    }
    explain->is_closed = state != STATE_OPEN;
    explain->is_traced = state != STATE_UNTRACED;
    explain->value_pusd = store_int64(rows, 0, COST_AT_VALUE, LEDGER_NULL);
    explain->value_recorded = store_int64(rows, 0, COST_AT_RECORDED, 0) != 0;
    explain->human_ms = store_int64(rows, 0, COST_AT_HUMAN_MS, 0);
    explain->calls = store_int64(rows, 0, COST_AT_CALLS, 0);
    explain->unpriced = store_int64(rows, 0, COST_AT_UNPRICED, 0);
}

static enum errc take_outcomes(const struct store_result *rows, struct arena *arena,
                               struct explain *explain, struct err *err)
{
    struct explain_outcome *const outcomes =
        arena_new(arena, struct explain_outcome, rows->rows + 1);
    if (outcomes == NULL) {
        return explain_full(arena, err);
    }
    for (size_t i = 0; i < rows->rows; i++) {
        outcomes[i] = (struct explain_outcome){
            .status = (enum outcome_status)store_int64(rows, i, 0, OUTCOME_CANDIDATE),
            .effective_ns = store_int64(rows, i, 1, LEDGER_NULL),
            .recorded_ns = store_int64(rows, i, 2, 0),
            .value_pusd = store_int64(rows, i, 3, LEDGER_NULL),
            .human_ms = store_int64(rows, i, 4, 0),
            .quality = store_real(rows, i, 5, (double)NAN),
            .source = store_text(rows, i, 6),
            .reference = store_text(rows, i, 7),
            .id = store_text(rows, i, 8),
            .revision = store_int64(rows, i, 9, 1),
            .stands = store_int64(rows, i, 10, 0) != 0,
            .counts = store_int64(rows, i, 11, 0) != 0,
        };
    }
    explain->outcomes = outcomes;
    explain->outcome_count = rows->rows;
    return ERR_OK;
}

/* Cost, outcomes, attempts and steps: nothing of them when nothing was known by then. */
static enum errc read_rows(struct store *store, const struct explain_request *request,
                           uint64_t case_key, struct arena *arena, struct explain *explain,
                           struct err *err)
{
    const struct store_value values[] = {STORE_OF_UINT64(case_key),
                                         STORE_OF_INT64(request->as_of_ns)};
    struct store_result rows;
    enum errc code =
        store_run(store, QUERY_explain_cost, values, COUNT_OF(values), arena, &rows, err);
    if (code != ERR_OK || rows.rows == 0) {
        return code;
    }
    explain->is_known = true;
    take_cost(&rows, explain);
    code = store_run(store, QUERY_explain_outcomes, values, COUNT_OF(values), arena, &rows, err);
    if (code == ERR_OK) {
        code = take_outcomes(&rows, arena, explain, err);
    }
    if (code == ERR_OK) {
        code = explain_read_steps(store, request, case_key, arena, explain, err);
    }
    return code == ERR_OK && request->home.size > 0
               ? explain_read_bodies(store, request, case_key, arena, explain, err)
               : code;
}

enum errc api_explain(struct store *store, const struct settings *settings,
                      const struct explain_request *request, struct arena *arena,
                      struct explain *out, struct err *err)
{
    CHECK(store != NULL);
    CHECK(settings != NULL);
    CHECK(request != NULL);
    CHECK(request->steps_at_end >= 0);

    struct explain explain = {.as_of_ns = request->as_of_ns, .value_pusd = LEDGER_NULL};
    uint64_t case_key = 0;
    enum errc code = find(store, request, arena, &case_key, err);
    if (code == ERR_OK) {
        code = read_header(store, case_key, arena, &explain, err);
    }
    if (code == ERR_OK) {
        const struct api_request costs = {.workflow = explain.workflow,
                                          .since_ns = INT64_MIN,
                                          .until_ns = INT64_MAX,
                                          .as_of_ns = request->as_of_ns};
        code = figures_create_costs(store, settings, &costs, err);
    }
    if (code == ERR_OK) {
        code = read_rows(store, request, case_key, arena, &explain, err);
    }
    if (code == ERR_OK) {
        *out = explain;
    }
    return code;
}
