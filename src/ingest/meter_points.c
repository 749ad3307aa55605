/* A reading of a meter, as the ledger has it -> what is compared, and the step for what is left. */
#include "base/check.h"
#include "ingest/meters_priv.h"
#include "wire/otlp.h"

struct hash128 meter_key(const struct store_result *rows, size_t row)
{
    const money_magnitude key = (money_magnitude)store_sum(rows, row, POINT_KEY);
    return (struct hash128){(uint64_t)key, (uint64_t)(key >> 64)};
}

/* A sum over many calls, as far as one entry holds it. */
int64_t meter_amount(const struct store_result *rows, size_t row, size_t column)
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

struct meter_facts meter_facts_at(const struct store_result *points, size_t row,
                                  struct sum_reading *out)
{
    const struct meter meter = meter_at(points, row);
    struct meter_facts facts = {0};
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

int64_t meter_tokens_left(const struct sum_reading *reading)
{
    int64_t tokens = 0;
    for (int i = 0; i < SUM_COST; i++) {
        tokens += reading->left[i];
    }
    return tokens;
}

bool meter_is_as_before(const struct store_result *points, size_t row,
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
enum errc meter_step(struct ingest *ingest, const struct store_result *points, size_t row,
                     const struct sum_reading *reading, const struct meter_facts *facts,
                     struct ledger_steps *out, struct err *err)
{
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
        .step_key = meter_key(points, row),
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
        .import_id = ingest->next_import,
    };
    return ingest_set_cost(ingest, &step, CHANNEL_METRIC, out, err);
}
