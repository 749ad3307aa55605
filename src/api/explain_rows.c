/* Attempts and steps of one case, what each was for, and the choices among them. */
#include "api/explain_priv.h"
#include "base/check.h"

/* Columns of QUERY_explain_steps. */
enum {
    STEP_AT_ATTEMPT,
    STEP_AT_NUMBER,
    STEP_AT_NUMBER_MAX,
    STEP_AT_KIND,
    STEP_AT_STATUS,
    STEP_AT_EFFECT,
    STEP_AT_STARTED,
    STEP_AT_ENDED,
    STEP_AT_NAME,
    STEP_AT_AGENT,
    STEP_AT_PROVIDER,
    STEP_AT_MODEL,
    STEP_AT_USAGE,
    STEP_AT_REASONING = STEP_AT_USAGE + USAGE_COUNT,
    STEP_AT_BASIS,
    STEP_AT_COST,
    STEP_AT_PRICE,
    STEP_AT_HUMAN,
    STEP_AT_RESULT,
    STEP_AT_NOTE,
    STEP_AT_PATH,
    STEP_AT_LINE,
    STEP_AT_LABEL,
    STEP_AT_REASON,
    STEP_AT_REF,
    STEP_AT_CALLER,
    STEP_AT_CARRIED,
    STEP_AT_UNTIL,
    STEP_AT_UNKNOWN,
    STEP_AT_COUNT,
};

static struct explain_step step_of(const struct store_result *rows, size_t row)
{
    struct explain_step step = {
        .number = store_int64(rows, row, STEP_AT_NUMBER, 0),
        .kind = (enum step_kind)store_int64(rows, row, STEP_AT_KIND, 0),
        .status = (enum step_status)store_int64(rows, row, STEP_AT_STATUS, 0),
        .started_ns = store_int64(rows, row, STEP_AT_STARTED, LEDGER_NULL),
        .ended_ns = store_int64(rows, row, STEP_AT_ENDED, LEDGER_NULL),
        .name = store_text(rows, row, STEP_AT_NAME),
        .agent = store_text(rows, row, STEP_AT_AGENT),
        .provider = store_text(rows, row, STEP_AT_PROVIDER),
        .model = store_text(rows, row, STEP_AT_MODEL),
        .cost_basis = (enum cost_basis)store_int64(rows, row, STEP_AT_BASIS, COST_NONE),
        .cost_pusd = store_int64(rows, row, STEP_AT_COST, LEDGER_NULL),
        .price_id = (uint64_t)store_sum(rows, row, STEP_AT_PRICE),
        .human_ms = store_int64(rows, row, STEP_AT_HUMAN, 0),
        .result_bytes = store_int64(rows, row, STEP_AT_RESULT, 0),
        .note = store_text(rows, row, STEP_AT_NOTE),
        .path = store_text(rows, row, STEP_AT_PATH),
        .line = store_int64(rows, row, STEP_AT_LINE, 0),
        .label = (enum step_label)store_int64(rows, row, STEP_AT_LABEL, LABEL_ESSENTIAL),
        .reason = (enum label_reason)store_int64(rows, row, STEP_AT_REASON, REASON_OTHER),
        .ref = store_int64(rows, row, STEP_AT_REF, LABELS_REF_NONE),
        .caller = store_int64(rows, row, STEP_AT_CALLER, 0),
        .carried_pusd = store_sum(rows, row, STEP_AT_CARRIED),
        .until_pusd = store_sum(rows, row, STEP_AT_UNTIL),
        .carried_unknown = store_int64(rows, row, STEP_AT_UNKNOWN, 0) != 0,
    };
    for (size_t class = 0; class < USAGE_COUNT; class ++) {
        step.usage.counts[class] = store_int64(rows, row, STEP_AT_USAGE + class, 0);
    }
    step.usage.reasoning = store_int64(rows, row, STEP_AT_REASONING, 0);
    return step;
}

/* The first of the rows, which are in the order of their attempts' keys, of that attempt. */
static size_t first_step(const struct store_result *rows, money_sum attempt_key)
{
    size_t low = 0;
    size_t high = rows->rows;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (store_sum(rows, middle, STEP_AT_ATTEMPT) < attempt_key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void take_steps(const struct store_result *rows, const struct explain_step *steps,
                       money_sum attempt_key, struct explain_attempt *attempt)
{
    const size_t first = first_step(rows, attempt_key);
    size_t end = first;
    attempt->ended_ns = LEDGER_NULL;
    while (end < rows->rows && store_sum(rows, end, STEP_AT_ATTEMPT) == attempt_key) {
        const struct explain_step *const step = &steps[end];
        const int64_t last_ns = step->ended_ns != LEDGER_NULL ? step->ended_ns : step->started_ns;
        attempt->ended_ns = last_ns > attempt->ended_ns ? last_ns : attempt->ended_ns;
        end++;
    }
    attempt->steps = steps + first;
    attempt->step_count = end - first;
    attempt->step_count_all = end > first ? store_int64(rows, first, STEP_AT_NUMBER_MAX, 0) : 0;
}

/* The attempts are cut into parts as the report cuts their sum. */
static void check_parts(const struct explain *explain)
{
    money_sum parts[EXPLAIN_PART_COUNT] = {0};
    for (size_t i = 0; i < explain->attempt_count; i++) {
        parts[explain->attempts[i].part] += explain->attempts[i].cost_pusd;
    }
    CHECK(parts[EXPLAIN_RESOLVING] == explain->cost.base_pusd);
    CHECK(parts[EXPLAIN_FAILED_BEFORE] == explain->cost.retry_tail_pusd);
    CHECK(parts[EXPLAIN_FAILED] == explain->cost.sunk_pusd);
}

/* Of the calls that are shown. Both are in the order of attempts' keys and numbers. */
static enum errc take_splits(const struct store_result *splits, const struct store_result *rows,
                             struct explain_step *steps, struct arena *arena, struct err *err)
{
    enum { AT_ATTEMPT, AT_NUMBER, AT_LABEL, AT_STEPS, AT_AMOUNT };
    struct explain_label *const labels = arena_new(arena, struct explain_label, splits->rows + 1);
    if (labels == NULL) {
        return explain_full(arena, err);
    }
    size_t step = 0;
    for (size_t i = 0; i < splits->rows; i++) {
        const money_sum attempt = store_sum(splits, i, AT_ATTEMPT);
        const int64_t number = store_int64(splits, i, AT_NUMBER, 0);
        while (step < rows->rows && (store_sum(rows, step, STEP_AT_ATTEMPT) < attempt ||
                                     (store_sum(rows, step, STEP_AT_ATTEMPT) == attempt &&
                                      steps[step].number < number))) {
            step++;
        }
        labels[i] = (struct explain_label){
            .label = (enum step_label)store_int64(splits, i, AT_LABEL, LABEL_ESSENTIAL),
            .steps = store_int64(splits, i, AT_STEPS, 0),
            .amount_pusd = store_sum(splits, i, AT_AMOUNT),
        };
        if (step < rows->rows && store_sum(rows, step, STEP_AT_ATTEMPT) == attempt &&
            steps[step].number == number) {
            steps[step].split = steps[step].split_count == 0 ? &labels[i] : steps[step].split;
            steps[step].split_count++;
        }
    }
    return ERR_OK;
}

/* Rows of QUERY_explain_labels, which are in the order of the attempts' keys. */
static void take_labels(const struct store_result *rows, money_sum attempt_key,
                        struct explain_attempt *attempt, struct explain *explain)
{
    enum { AT_ATTEMPT, AT_LABEL, AT_STEPS, AT_UNPRICED, AT_AMOUNT };
    money_sum sum_pusd = 0;
    for (size_t i = 0; i < rows->rows; i++) {
        if (store_sum(rows, i, AT_ATTEMPT) == attempt_key) {
            const int64_t label = store_int64(rows, i, AT_LABEL, LABEL_COUNT);
            const money_sum amount = store_sum(rows, i, AT_AMOUNT);
            CHECK(label >= 0 && label < LABEL_COUNT);
            struct explain_label *const all = &explain->labels[label];
            all->steps += store_int64(rows, i, AT_STEPS, 0);
            all->unpriced += store_int64(rows, i, AT_UNPRICED, 0);
            all->amount_pusd += amount;
            attempt->labels[label] = amount;
            sum_pusd += amount;
        }
    }
    CHECK(sum_pusd == attempt->cost_pusd);
}

static enum errc take_attempts(const struct store_result *rows, const struct store_result *steps,
                               const struct store_result *splits, const struct store_result *labels,
                               struct arena *arena, struct explain *explain, struct err *err)
{
    CHECK(steps->columns == STEP_AT_COUNT);
    struct explain_attempt *const attempts =
        arena_new(arena, struct explain_attempt, rows->rows + 1);
    struct explain_step *const all = arena_new(arena, struct explain_step, steps->rows + 1);
    if (attempts == NULL || all == NULL) {
        return explain_full(arena, err);
    }
    for (size_t i = 0; i < steps->rows; i++) {
        all[i] = step_of(steps, i);
    }
    const enum errc code = take_splits(splits, steps, all, arena, err);
    if (code != ERR_OK) {
        return code;
    }
    for (size_t i = 0; i < LABEL_COUNT; i++) {
        explain->labels[i].label = (enum step_label)i;
    }
    for (size_t i = 0; i < rows->rows; i++) {
        attempts[i] = (struct explain_attempt){
            .id = store_text(rows, i, 1),
            .agent = store_text(rows, i, 2),
            .succeeded = store_int64(rows, i, 3, LEDGER_NULL),
            .started_ns = store_int64(rows, i, 4, LEDGER_NULL),
            .cost_pusd = store_sum(rows, i, 5),
            .fee_pusd = store_sum(rows, i, 6),
            .human_ms = store_int64(rows, i, 7, 0),
            .calls = store_int64(rows, i, 8, 0),
            .unpriced = store_int64(rows, i, 9, 0),
            .part = (enum explain_part)store_int64(rows, i, 10, EXPLAIN_OPEN),
        };
        take_steps(steps, all, store_sum(rows, i, 0), &attempts[i]);
        take_labels(labels, store_sum(rows, i, 0), &attempts[i], explain);
    }
    explain->attempts = attempts;
    explain->attempt_count = rows->rows;
    check_parts(explain);
    return ERR_OK;
}

static enum errc take_decisions(const struct store_result *rows, struct arena *arena,
                                struct explain *explain, struct err *err)
{
    struct explain_decision *const decisions =
        arena_new(arena, struct explain_decision, rows->rows + 1);
    if (decisions == NULL) {
        return explain_full(arena, err);
    }
    for (size_t i = 0; i < rows->rows; i++) {
        decisions[i] = (struct explain_decision){
            .attempt = store_int64(rows, i, 0, 0),
            .number = store_int64(rows, i, 1, 0),
            .kind = (enum step_kind)store_int64(rows, i, 2, STEP_DECISION),
            .status = (enum step_status)store_int64(rows, i, 3, STATUS_OK),
            .by = (int)store_int64(rows, i, 4, EXPLAIN_BY_AGENT),
            .overrides = store_int64(rows, i, 5, 0),
            .name = store_text(rows, i, 6),
            .note = store_text(rows, i, 7),
            .at_ns = store_int64(rows, i, 8, LEDGER_NULL),
            .recorded = {.kind = store_text(rows, i, 9),
                         .choice = store_text(rows, i, 10),
                         .rule = store_text(rows, i, 11),
                         .reason = store_text(rows, i, 12),
                         .overrides = store_text(rows, i, 13),
                         .precedents = store_text(rows, i, 14),
                         .evidence = store_text(rows, i, 15)},
        };
    }
    explain->decisions = decisions;
    explain->decision_count = rows->rows;
    return ERR_OK;
}

enum errc explain_read_steps(struct store *store, const struct explain_request *request,
                             uint64_t case_key, struct arena *arena, struct explain *explain,
                             struct err *err)
{
    const struct labels_range range = {explain->workflow, case_key, case_key, request->as_of_ns};
    const struct store_value values[] = {STORE_OF_UINT64(case_key),
                                         STORE_OF_INT64(request->steps_at_end),
                                         STORE_OF_INT64(request->steps_wasted)};
    struct store_result attempts;
    struct store_result steps;
    struct store_result splits;
    struct store_result labels;
    struct store_result decisions;
    const struct api_request whole = {.workflow = explain->workflow,
                                      .since_ns = INT64_MIN,
                                      .until_ns = INT64_MAX,
                                      .as_of_ns = request->as_of_ns};
    bool judged = false;
    enum errc code = labels_judge(store, &whole, arena, &judged, err);
    if (code == ERR_OK) {
        code = labels_create(store, &range, err);
    }
    if (code == ERR_OK) {
        code = store_run(store, QUERY_explain_attempts, NULL, 0, arena, &attempts, err);
    }
    if (code == ERR_OK) {
        code = store_run(store, QUERY_explain_steps, values, COUNT_OF(values), arena, &steps, err);
    }
    if (code == ERR_OK) {
        code = store_run(store, QUERY_explain_splits, NULL, 0, arena, &splits, err);
    }
    if (code == ERR_OK) {
        code = store_run(store, QUERY_explain_labels, NULL, 0, arena, &labels, err);
    }
    if (code == ERR_OK) {
        code = store_run(store, QUERY_explain_decisions, values, 1, arena, &decisions, err);
    }
    if (code == ERR_OK) {
        code = take_attempts(&attempts, &steps, &splits, &labels, arena, explain, err);
    }
    return code == ERR_OK ? take_decisions(&decisions, arena, explain, err) : code;
}
