/*
 * Meters -> spend. A reading of a meter sums calls that spans, events and session logs mostly tell
 * one by one: what they tell is taken off it (ledger/sums.h), and what is left is a step of its
 * own, under the reading's key. When calls or readings come later, that step gives way to another.
 *
 * Readings are counted by scope (the session; where a meter is of none, its sender), model and day.
 */
#include <ctype.h>

#include "base/check.h"
#include "ingest/ingest_priv.h"
#include "ledger/sums.h"
#include "wire/otlp.h"

/* Columns of QUERY_meters_points. */
enum {
    POINT_KEY,
    POINT_SCOPE,
    POINT_SESSION,
    POINT_MODEL_KEY,
    POINT_DAY,
    POINT_FROM,
    POINT_TO,
    POINT_EXCLUSIVE,
    POINT_ATTEMPT,
    POINT_CASE,
    POINT_WORKFLOW,
    POINT_CASE_ID,
    POINT_NAMED_BY,
    POINT_ATTEMPT_ID,
    POINT_PROGRAM,
    POINT_NAME,
    POINT_AGENT,
    POINT_PROVIDER,
    POINT_MODEL,
    POINT_TIER,
    POINT_FIGURES,
    POINT_REPORTED = POINT_FIGURES + 10,
    POINT_HAS_STEP,
    STEP_AMOUNTS, /* in the order of enum sum_class */
    STEP_COST = STEP_AMOUNTS + SUM_CLASS_COUNT,
    STEP_STARTED,
    STEP_WORKFLOW,
    STEP_PROVIDER,
};

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

static enum errc full(const struct ingest *ingest, struct err *err)
{
    return err_set(err, ERR_LIMIT, "an import group needs more than %zu bytes",
                   ingest->group.arena.size_max);
}

/* A date behind a name: -20250929, @20250929, -2025-09-29. */
static struct str without_date(struct str name)
{
    static const struct str shapes[] = {STR_STATIC("-dddd-dd-dd"), STR_STATIC("-dddddddd"),
                                        STR_STATIC("@dddddddd"), STR_STATIC("-latest")};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        const struct str shape = shapes[i];
        bool fits = name.size > shape.size;
        for (size_t k = 0; k < shape.size && fits; k++) {
            const char c = name.data[name.size - shape.size + k];
            const bool any_digit = shape.data[k] == 'd' && shape.data[1] == 'd';
            fits = any_digit ? c >= '0' && c <= '9' : c == shape.data[k];
        }
        if (fits) {
            return (struct str){name.data, name.size - shape.size};
        }
    }
    return name;
}

uint64_t ingest_model_key(struct str model)
{
    enum { NAME_BYTES_MAX = 256 };
    char text[NAME_BYTES_MAX];
    for (size_t i = model.size; i > 0; i--) {
        if (model.data[i - 1] == '/') {
            model = (struct str){model.data + i, model.size - i};
            break;
        }
    }
    if (model.size == 0) {
        return 0;
    }
    if (model.size > sizeof text) {
        return hash64(model);
    }
    for (size_t i = 0; i < model.size; i++) {
        text[i] = (char)tolower((unsigned char)model.data[i]);
    }
    return hash64(without_date((struct str){text, model.size}));
}

static struct hash128 key_at(const struct store_result *rows, size_t row)
{
    const money_magnitude key = (money_magnitude)store_sum(rows, row, POINT_KEY);
    return (struct hash128){(uint64_t)key, (uint64_t)(key >> 64)};
}

/* A sum over many calls, as far as one entry holds it. */
static int64_t amount_at(const struct store_result *rows, size_t row, size_t column)
{
    const money_sum sum = store_sum(rows, row, column);
    return sum > INT64_MAX ? INT64_MAX : (int64_t)sum;
}

static struct meter meter_at(const struct store_result *points, size_t row)
{
    size_t at = POINT_FIGURES;
    return (struct meter){
        .is_exclusive = store_int64(points, row, POINT_EXCLUSIVE, 0) != 0,
#define X(name) .name = store_int64(points, row, at++, -1),
        METER_FIGURES(X)
#undef X
            .reported_pusd = store_int64(points, row, POINT_REPORTED, -1),
    };
}

struct reading_facts {
    struct usage usage;
    bool is_told; /* tokens, not only a cost */
};

static struct reading_facts facts_at(const struct store_result *points, size_t row,
                                     struct sum_reading *out)
{
    const struct meter meter = meter_at(points, row);
    struct reading_facts facts = {0};
    (void)otlp_meter_usage(&meter, &facts.usage, &facts.is_told);
    const int64_t *const counts = facts.usage.counts;
    *out = (struct sum_reading){
        .from_ns = store_int64(points, row, POINT_FROM, 0),
        .to_ns = store_int64(points, row, POINT_TO, 0),
        .left = {[SUM_INPUT_UNCACHED] = counts[USAGE_INPUT_UNCACHED],
                 [SUM_CACHE_READ] = counts[USAGE_CACHE_READ],
                 [SUM_CACHE_WRITE] = counts[USAGE_CACHE_WRITE_5M] + counts[USAGE_CACHE_WRITE_1H],
                 [SUM_INPUT_AUDIO] = counts[USAGE_INPUT_AUDIO],
                 [SUM_INPUT_IMAGE] = counts[USAGE_INPUT_IMAGE],
                 [SUM_OUTPUT] = counts[USAGE_OUTPUT],
                 [SUM_OUTPUT_AUDIO] = counts[USAGE_OUTPUT_AUDIO],
                 [SUM_COST] = meter.reported_pusd > 0 ? meter.reported_pusd : 0}};
    return facts;
}

static int64_t tokens_left(const struct sum_reading *reading)
{
    int64_t tokens = 0;
    for (int i = 0; i < SUM_COST; i++) {
        tokens += reading->left[i];
    }
    return tokens;
}

static bool is_as_before(const struct store_result *points, size_t row,
                         const struct ledger_steps *step)
{
    const int64_t amounts[SUM_CLASS_COUNT] = {
        step->input_uncached, step->cache_read, step->cache_write_5m, step->input_audio,
        step->input_image,    step->output,     step->output_audio,   step->reported_pusd};
    for (size_t i = 0; i < SUM_CLASS_COUNT; i++) {
        if (store_int64(points, row, STEP_AMOUNTS + i, LEDGER_NULL) != amounts[i]) {
            return false;
        }
    }
    return store_int64(points, row, STEP_STARTED, LEDGER_NULL) == step->started_ns;
}

/* The step that stands for what is left of a reading. */
static enum errc make_step(const struct counting *counting, size_t row,
                           const struct sum_reading *reading, const struct reading_facts *facts,
                           struct ledger_steps *out, struct err *err)
{
    const struct store_result *const points = &counting->points;
    const int64_t *const left = reading->left;
    struct step step = {
        .kind = STEP_LLM,
        .provider = store_text(points, row, POINT_PROVIDER),
        .model = store_text(points, row, POINT_MODEL),
        .tier = (enum service_tier)store_int64(points, row, POINT_TIER, TIER_STANDARD),
        .started_ns = reading->from_ns > 0 ? reading->from_ns
                      : reading->to_ns > 0 ? reading->to_ns
                                           : TIME_UNKNOWN,
        .has_usage = facts->is_told,
        .usage = {.counts = {[USAGE_INPUT_UNCACHED] = left[SUM_INPUT_UNCACHED],
                             [USAGE_CACHE_READ] = left[SUM_CACHE_READ],
                             [USAGE_CACHE_WRITE_5M] = left[SUM_CACHE_WRITE],
                             [USAGE_INPUT_AUDIO] = left[SUM_INPUT_AUDIO],
                             [USAGE_INPUT_IMAGE] = left[SUM_INPUT_IMAGE],
                             [USAGE_OUTPUT] = left[SUM_OUTPUT],
                             [USAGE_OUTPUT_AUDIO] = left[SUM_OUTPUT_AUDIO]},
                  .reasoning = facts->usage.reasoning < left[SUM_OUTPUT] ? facts->usage.reasoning
                                                                         : left[SUM_OUTPUT]},
        .has_reported = left[SUM_COST] > 0,
        .reported_pusd = left[SUM_COST],
    };
    *out = (struct ledger_steps){
        .step_key = key_at(points, row),
        .attempt_key = (uint64_t)store_sum(points, row, POINT_ATTEMPT),
        .case_key = (uint64_t)store_sum(points, row, POINT_CASE),
        .workflow = store_text(points, row, POINT_WORKFLOW),
        .kind = STEP_LLM,
        .channel = CHANNEL_METRIC,
        .started_ns = step.started_ns == TIME_UNKNOWN ? LEDGER_NULL : step.started_ns,
        .ended_ns = reading->to_ns > 0 ? reading->to_ns : LEDGER_NULL,
        .name = store_text(points, row, POINT_NAME),
        .agent = store_text(points, row, POINT_AGENT),
        .provider = step.provider,
        .model = step.model,
        .tier = (uint8_t)step.tier,
#define X(name, column, text) .column = step.usage.counts[USAGE_##name],
        USAGE_CLASSES(X)
#undef X
            .reasoning = step.usage.reasoning,
        .note = STR("a sum of calls that nothing tells one by one"),
        .import_id = counting->ingest->next_import,
    };
    return ingest_set_cost(counting->ingest, &step, CHANNEL_METRIC, out, err);
}

static enum errc take_back(struct counting *counting, size_t row, struct err *err)
{
    struct ingest *const ingest = counting->ingest;
    const struct store_result *const points = &counting->points;
    counting->gone[counting->gone_count++].step_key = key_at(points, row);
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
    const struct reading_facts facts = facts_at(points, row, &whole);
    const bool is_spend = facts.is_told ? tokens_left(reading) > 0 : reading->left[SUM_COST] > 0;
    const bool was_spend = store_int64(points, row, POINT_HAS_STEP, 0) != 0;
    struct ledger_steps step;
    enum errc code = ERR_OK;
    if (is_spend) {
        code = make_step(counting, row, reading, &facts, &step, err);
        if (code != ERR_OK || (was_spend && is_as_before(points, row, &step))) {
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
            out[count].left[k] = amount_at(calls, i, CALL_AMOUNTS + k);
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
        (void)facts_at(&counting->points, first + i, &readings[i]);
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
        code = store_unstage(store, LEDGER_probes, err);
        if (code == ERR_OK) {
            code =
                store_append(store, LEDGER_probes, true, counting->gone, counting->gone_count, err);
        }
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
        code = store_append(store, LEDGER_steps, false, counting->steps, counting->step_count, err);
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
        return full(ingest, err);
    }
    for (size_t i = 0; i < counting.calls.rows; i++) {
        counting.model_keys[i] = ingest_model_key(store_text(&counting.calls, i, CALL_MODEL));
    }
    code = count_all(&counting, err);
    *out_added = (int64_t)counting.step_count;
    return code == ERR_OK ? write(&counting, err) : code;
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
    return code == ERR_OK && any.rows > 0 ? count_dirty(ingest, out_added, err) : code;
}
