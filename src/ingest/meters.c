/*
 * Meters -> spend. A reading of a meter sums calls that spans, events and session logs mostly tell
 * one by one: what they tell is taken off it (ledger/sums.h), and what is left is a step of its
 * own, under the reading's key. When calls or readings come later, that step gives way to another.
 *
 * Readings are counted by scope (the session; where a meter is of none, its sender), model and day.
 */
#include "base/check.h"
#include "ingest/meters_priv.h"

/* Columns of QUERY_meters_calls. */
enum { CALL_SCOPE, CALL_AT, CALL_MODEL, CALL_AMOUNTS };

struct counting {
    struct ingest *ingest;
    struct store_result points;
    struct store_result calls;
    uint64_t *model_keys;         /* of the calls */
    struct sum_reading *readings; /* room for those of one unit */
    struct sum_call *room;        /* for its calls */
    struct ledger_steps *steps;
    size_t step_count;
    struct ledger_probes *gone;
    size_t gone_count;
    struct ledger_cases *cases;
    struct ledger_attempts *attempts;
    size_t case_count;
    struct ledger_placings *empty;
    size_t empty_count;
};

static enum errc take_back(struct counting *counting, size_t row, struct err *err)
{
    struct ingest *const ingest = counting->ingest;
    const struct store_result *const points = &counting->points;
    counting->gone[counting->gone_count++].step_key = meter_key(points, row);
    ingest->summary.steps_added--;
    ingest->summary.calls_added--;
    const int64_t cost_pusd = store_int64(points, row, STEP_COST, LEDGER_NULL);
    if (cost_pusd == LEDGER_NULL) {
        return ERR_OK;
    }
    ingest->summary.cost_pusd -= cost_pusd;
    return ingest_add_entry(ingest, store_int64(points, row, STEP_STARTED, LEDGER_NULL),
                            store_text(points, row, STEP_WORKFLOW),
                            store_text(points, row, STEP_PROVIDER), -cost_pusd, err);
}

static enum errc add_step(struct counting *counting, size_t row, const struct ledger_steps *step,
                          struct err *err)
{
    struct ingest *const ingest = counting->ingest;
    const struct store_result *const points = &counting->points;
    const size_t at = counting->case_count++;
    counting->steps[counting->step_count++] = *step;
    counting->cases[at] = (struct ledger_cases){
        .case_key = step->case_key,
        .workflow = step->workflow,
        .case_id = store_text(points, row, POINT_CASE_ID),
        .named_by = (uint8_t)store_int64(points, row, POINT_NAMED_BY, NAMED_BY_SESSION),
        .import_id = ingest->next_import,
    };
    counting->attempts[at] = (struct ledger_attempts){
        .attempt_key = step->attempt_key,
        .case_key = step->case_key,
        .attempt_id = store_text(points, row, POINT_ATTEMPT_ID),
        .agent = store_text(points, row, POINT_PROGRAM),
        .succeeded = LEDGER_NULL,
        .import_id = ingest->next_import,
    };
    ingest->summary.steps_added++;
    ingest->summary.calls_added++;
    ingest->summary.unpriced_added += step->cost_basis == COST_UNPRICED;
    if (step->cost_pusd == LEDGER_NULL) {
        return ERR_OK;
    }
    ingest->summary.cost_pusd += step->cost_pusd;
    return ingest_add_entry(ingest, step->started_ns, step->workflow, step->provider,
                            step->cost_pusd, err);
}

/* What is left of a reading against what was. */
static enum errc settle(struct counting *counting, size_t row, const struct sum_reading *reading,
                        struct err *err)
{
    const struct store_result *const points = &counting->points;
    struct sum_reading whole;
    const struct meter_facts facts = meter_facts_at(points, row, &whole);
    const bool is_spend =
        facts.is_told ? meter_tokens_left(reading) > 0 : reading->left[SUM_COST] > 0;
    const bool was_spend = store_int64(points, row, POINT_HAS_STEP, 0) != 0;
    struct ledger_steps step;
    enum errc code = ERR_OK;
    if (is_spend) {
        code = meter_step(counting->ingest, points, row, reading, &facts, &step, err);
        if (code != ERR_OK || (was_spend && meter_is_as_before(points, row, &step))) {
            return code;
        }
    } else {
        counting->empty[counting->empty_count++] =
            (struct ledger_placings){.attempt_key = (uint64_t)store_sum(points, row, POINT_ATTEMPT),
                                     .from_case = (uint64_t)store_sum(points, row, POINT_CASE),
                                     .to_workflow = STR("")};
    }
    code = was_spend ? take_back(counting, row, err) : ERR_OK;
    return code == ERR_OK && is_spend ? add_step(counting, row, &step, err) : code;
}

static bool is_of_unit(const struct store_result *points, size_t row, size_t first)
{
    return store_sum(points, row, POINT_SCOPE) == store_sum(points, first, POINT_SCOPE) &&
           store_sum(points, row, POINT_MODEL_KEY) == store_sum(points, first, POINT_MODEL_KEY) &&
           store_sum(points, row, POINT_DAY) == store_sum(points, first, POINT_DAY);
}

/* Calls of the scope from `first_call` on that a reading of the unit may hold. */
static size_t gather_calls(const struct counting *counting, size_t first, size_t first_call,
                           const struct sum_reading *readings, size_t reading_count,
                           struct sum_call *out)
{
    const struct store_result *const calls = &counting->calls;
    const money_sum scope = store_sum(&counting->points, first, POINT_SCOPE);
    const uint64_t model = (uint64_t)store_sum(&counting->points, first, POINT_MODEL_KEY);
    int64_t from_ns = INT64_MAX;
    int64_t to_ns = 0;
    for (size_t i = 0; i < reading_count; i++) {
        from_ns = readings[i].from_ns < from_ns ? readings[i].from_ns : from_ns;
        to_ns = readings[i].to_ns > to_ns ? readings[i].to_ns : to_ns;
    }
    size_t count = 0;
    for (size_t i = first_call; i < calls->rows && store_sum(calls, i, CALL_SCOPE) == scope; i++) {
        const int64_t at_ns = store_int64(calls, i, CALL_AT, 0);
        const uint64_t of = counting->model_keys[i];
        if ((model != 0 && of != 0 && of != model) || at_ns < from_ns - SUM_SLACK_NS ||
            at_ns > to_ns + SUM_SLACK_NS) {
            continue;
        }
        out[count] = (struct sum_call){.at_ns = at_ns};
        for (size_t k = 0; k < SUM_CLASS_COUNT; k++) {
            out[count].left[k] = meter_amount(calls, i, CALL_AMOUNTS + k);
        }
        count++;
    }
    return count;
}

/* The readings from `first` to before `after`: of one scope, model and day. */
static enum errc count_unit(struct counting *counting, size_t first, size_t after,
                            size_t first_call, struct err *err)
{
    const size_t count = after - first;
    struct sum_reading *const readings = counting->readings;
    for (size_t i = 0; i < count; i++) {
        (void)meter_facts_at(&counting->points, first + i, &readings[i]);
    }
    const size_t call_count =
        gather_calls(counting, first, first_call, readings, count, counting->room);
    ledger_residue(counting->room, call_count, readings, count);
    enum errc code = ERR_OK;
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        code = settle(counting, first + i, &readings[i], err);
    }
    return code;
}

static enum errc count_all(struct counting *counting, struct err *err)
{
    const struct store_result *const points = &counting->points;
    const struct store_result *const calls = &counting->calls;
    size_t first_call = 0;
    enum errc code = ERR_OK;
    for (size_t first = 0, after = 0; first < points->rows && code == ERR_OK; first = after) {
        while (after < points->rows && is_of_unit(points, after, first)) {
            after++;
        }
        while (first_call < calls->rows &&
               store_sum(calls, first_call, CALL_SCOPE) < store_sum(points, first, POINT_SCOPE)) {
            first_call++;
        }
        code = count_unit(counting, first, after, first_call, err);
    }
    return code;
}

static enum errc write(struct counting *counting, struct err *err)
{
    struct ingest *const ingest = counting->ingest;
    struct store *const store = ingest->store;
    const struct store_value import = STORE_OF_INT64(ingest->next_import);
    int64_t added = 0;
    enum errc code = ERR_OK;
    ingest_forget_seen(ingest);
    if (counting->gone_count > 0) {
        code = store_stage(store, LEDGER_probes, counting->gone, counting->gone_count, err);
        if (code == ERR_OK) {
            code = store_execute(store, QUERY_supersede_staged_probes, &import, 1, NULL, err);
        }
        if (code == ERR_OK) {
            code = store_execute(store, QUERY_delete_staged_probes, NULL, 0, NULL, err);
        }
    }
    if (code == ERR_OK) {
        code = ingest_add_new(ingest, LEDGER_cases, counting->cases, counting->case_count,
                              QUERY_add_staged_cases, &added, err);
        ingest->summary.cases_added += code == ERR_OK ? added : 0;
    }
    if (code == ERR_OK) {
        code = ingest_add_new(ingest, LEDGER_attempts, counting->attempts, counting->case_count,
                              QUERY_add_staged_attempts, &added, err);
    }
    if (code == ERR_OK) {
        code = store_append(store, LEDGER_steps, counting->steps, counting->step_count, err);
    }
    if (code == ERR_OK) {
        ingest_remember_steps(ingest, counting->steps, counting->step_count);
    }
    return code == ERR_OK && counting->empty_count > 0
               ? ingest_delete_empty(ingest, counting->empty, counting->empty_count, err)
               : code;
}

static enum errc count_dirty(struct ingest *ingest, int64_t *out_added, struct err *err)
{
    struct arena *const arena = &ingest->group.arena;
    const struct store_value slack = STORE_OF_INT64(SUM_SLACK_NS);
    struct counting counting = {.ingest = ingest};
    enum errc code = store_execute(ingest->store, QUERY_meters_points_create, NULL, 0, NULL, err);
    if (code == ERR_OK) {
        code = store_run(ingest->store, QUERY_meters_points, NULL, 0, arena, &counting.points, err);
    }
    if (code == ERR_OK) {
        code = store_run(ingest->store, QUERY_meters_calls, &slack, 1, arena, &counting.calls, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    const size_t count = counting.points.rows + 1;
    counting.model_keys = arena_new(arena, uint64_t, counting.calls.rows + 1);
    counting.room = arena_new(arena, struct sum_call, counting.calls.rows + 1);
    counting.readings = arena_new(arena, struct sum_reading, count);
    counting.steps = arena_new(arena, struct ledger_steps, count);
    counting.gone = arena_new(arena, struct ledger_probes, count);
    counting.cases = arena_new(arena, struct ledger_cases, count);
    counting.attempts = arena_new(arena, struct ledger_attempts, count);
    counting.empty = arena_new(arena, struct ledger_placings, count);
    if (counting.room == NULL || counting.readings == NULL || counting.model_keys == NULL ||
        counting.steps == NULL || counting.gone == NULL || counting.cases == NULL ||
        counting.attempts == NULL || counting.empty == NULL) {
        return ingest_full(ingest, err);
    }
    for (size_t i = 0; i < counting.calls.rows; i++) {
        counting.model_keys[i] = ingest_model_key(store_text(&counting.calls, i, CALL_MODEL));
    }
    code = count_all(&counting, err);
    *out_added = (int64_t)counting.step_count;
    return code == ERR_OK ? write(&counting, err) : code;
}

/* Readings that are known, or no spend, leave nothing of the cases they came with. */
static enum errc leave_no_case(struct ingest *ingest, struct err *err)
{
    struct group *const group = &ingest->group;
    const size_t count = group->meters.count;
    struct ledger_placings *const rows =
        arena_new(&group->arena, struct ledger_placings, count + 1);
    if (rows == NULL) {
        return ingest_full(ingest, err);
    }
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct ledger_placings){.attempt_key = group->meters.rows[i].attempt_key,
                                           .from_case = group->meters.rows[i].case_key,
                                           .to_workflow = STR("")};
    }
    return count > 0 ? ingest_delete_empty(ingest, rows, count, err) : ERR_OK;
}

enum errc ingest_count_meters(struct ingest *ingest, int64_t *out_added, struct err *err)
{
    CHECK(ingest != NULL);
    CHECK(out_added != NULL);
    *out_added = 0;
    if (!ingest->ledger_has_meters) {
        return ERR_OK;
    }
    const struct store_value values[] = {STORE_OF_INT64(ingest->next_import),
                                         STORE_OF_INT64(SUM_SLACK_NS)};
    struct store_result any;
    enum errc code = store_execute(ingest->store, QUERY_meters_dirty_create, values,
                                   COUNT_OF(values), NULL, err);
    if (code == ERR_OK) {
        code = store_run(ingest->store, QUERY_meters_any_dirty, NULL, 0, &ingest->group.arena, &any,
                         err);
    }
    if (code == ERR_OK && any.rows > 0) {
        code = count_dirty(ingest, out_added, err);
    }
    return code == ERR_OK ? leave_no_case(ingest, err) : code;
}
