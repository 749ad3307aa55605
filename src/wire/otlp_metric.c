/*
 * Data points -> steps that are sums of calls.
 *
 * A point tells one figure of one series: all that differ only in the type of token and are of one
 * window belong together, and are one reading. What of it is spend, next to what else is known of
 * the same calls and of the readings before it, ingest/ finds out.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/hash.h"
#include "wire/otlp_priv.h"

enum part {
    PART_INPUT,
    PART_OUTPUT,
    PART_READ,
    PART_WRITE,
    PART_REASONING,
    PART_THOUGHTS,
    PART_TOOL,
    PART_COST,
    PART_BY_TYPE
};
_Static_assert((int)PART_COST == (int)OTLP_METER_PARTS, "every part but the cost is kept");

enum modality { MODALITY_TEXT, MODALITY_AUDIO, MODALITY_IMAGE, MODALITY_UNKNOWN };

static const struct {
    struct str name;
    unsigned dialect;
    enum part part;
    bool is_exclusive; /* its input leaves out the caches */
} metrics[] = {
    {STR_STATIC("claude_code.token.usage"), OTLP_DIALECT_CLAUDE, PART_BY_TYPE, true},
    {STR_STATIC("claude_code.cost.usage"), OTLP_DIALECT_CLAUDE, PART_COST, true},
    {STR_STATIC("gemini_cli.token.usage"), OTLP_DIALECT_GEMINI, PART_BY_TYPE, false},
    {STR_STATIC("codex.turn.token_usage"), OTLP_DIALECT_CODEX, PART_BY_TYPE, false},
    {STR_STATIC("gen_ai.client.token.usage"), OTLP_DIALECT_ANY, PART_BY_TYPE, false},
    {STR_STATIC("gen_ai.client.inference.usage.input_tokens"), OTLP_DIALECT_ANY, PART_INPUT, false},
    {STR_STATIC("gen_ai.client.inference.usage.output_tokens"), OTLP_DIALECT_ANY, PART_OUTPUT,
     false},
    {STR_STATIC("gen_ai.client.inference.usage.cache_read.input_tokens"), OTLP_DIALECT_ANY,
     PART_READ, false},
    {STR_STATIC("gen_ai.client.inference.usage.cache_write.input_tokens"), OTLP_DIALECT_ANY,
     PART_WRITE, false},
    {STR_STATIC("gen_ai.client.inference.usage.reasoning.output_tokens"), OTLP_DIALECT_ANY,
     PART_REASONING, false},
};

/* Types of token, in the words of each program. */
static const struct {
    struct str word;
    enum part part;
} types[] = {
    {STR_STATIC("input"), PART_INPUT},         {STR_STATIC("output"), PART_OUTPUT},
    {STR_STATIC("completion"), PART_OUTPUT},   {STR_STATIC("cacheRead"), PART_READ},
    {STR_STATIC("cacheCreation"), PART_WRITE}, {STR_STATIC("cache"), PART_READ},
    {STR_STATIC("cached_input"), PART_READ},   {STR_STATIC("thought"), PART_THOUGHTS},
    {STR_STATIC("tool"), PART_TOOL},           {STR_STATIC("reasoning_output"), PART_REASONING},
};

static enum part part_of(const struct otlp *otlp, size_t metric)
{
    if (metrics[metric].part != PART_BY_TYPE) {
        return metrics[metric].part;
    }
    const struct str type = otlp_text(otlp, OTLP_ROLE_TOKEN_TYPE);
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (str_equal(type, types[i].word)) {
            return types[i].part;
        }
    }
    return PART_BY_TYPE; /* "total" and others: nothing that is not told by the parts */
}

static enum modality modality_of(const struct otlp *otlp)
{
    const struct str told = otlp_text(otlp, OTLP_ROLE_MODALITY);
    if (told.size == 0 || str_equal(told, STR("text"))) {
        return MODALITY_TEXT;
    }
    return str_equal(told, STR("audio"))   ? MODALITY_AUDIO
           : str_equal(told, STR("image")) ? MODALITY_IMAGE
                                           : MODALITY_UNKNOWN;
}

/* Of the reading: its series, which is told apart by all but the type of token, and its window. */
static struct str identity_of(struct otlp *otlp, size_t metric, uint64_t *out_series, char *buffer,
                              size_t size)
{
    const struct otlp_record *const record = &otlp->record;
    struct otlp_attributes *const attributes = &otlp->attributes;
    static const enum otlp_role apart[] = {OTLP_ROLE_TOKEN_TYPE, OTLP_ROLE_MODALITY};
    uint64_t hash = otlp_attributes_hash(attributes);
    for (size_t i = 0; i < COUNT_OF(apart); i++) {
        const struct otlp_attribute *const attribute = otlp->slots[apart[i]].attribute;
        hash ^= attribute != NULL ? otlp_attribute_hash(attribute) : 0;
    }
    *out_series = hash64_of((struct str){(const char *)&hash, sizeof hash},
                            (struct str){(const char *)&otlp->batch.source->hash, sizeof hash},
                            (struct str){(const char *)&metrics[metric].dialect, sizeof(unsigned)});
    const struct {
        uint64_t series;
        int64_t started_ns, ended_ns, is_cumulative;
    } facts = {*out_series, record->started_ns, record->ended_ns, record->is_cumulative};
    const struct hash128 key = hash128((struct str){(const char *)&facts, sizeof facts});
    const int used = snprintf(buffer, size, "metric:%016llx%016llx", (unsigned long long)key.high,
                              (unsigned long long)key.low);
    CHECK(used > 0);
    return (struct str){buffer, (size_t)used};
}

static struct otlp_meter *meter_of(struct otlp *otlp, size_t metric)
{
    struct otlp_batch *const batch = &otlp->batch;
    struct wire_decoder *const rows = otlp->rows;
    char buffer[64];
    uint64_t series = 0;
    const struct str identity = identity_of(otlp, metric, &series, buffer, sizeof buffer);
    size_t row = wire_index_find(&batch->meter_index, identity);
    if (row != SIZE_MAX) {
        return &batch->meters.rows[row];
    }
    const struct str copy = wire_copy(rows, identity);
    const struct otlp_place place = otlp_place_of(otlp, false);
    row = rows->full ? SIZE_MAX : arena_push(rows->arena, &batch->meters);
    if (row == SIZE_MAX || !wire_index_add(&batch->meter_index, rows->arena, copy, row)) {
        rows->full = true;
        return NULL;
    }
    struct step step = {0};
    otlp_step_model(otlp, &step);
    if (metrics[metric].dialect == OTLP_DIALECT_CLAUDE && step.provider.size == 0 &&
        wire_starts_with(step.model, "claude")) {
        step.provider = STR("anthropic");
    }
    batch->meters.rows[row] = (struct otlp_meter){
        .identity = copy,
        .place = place,
        .model = step.model,
        .provider = step.provider,
        .tier = step.tier,
        .agent = otlp_intern(otlp, otlp_text(otlp, OTLP_ROLE_AGENT)),
        .name = otlp_intern(otlp, otlp->record.name),
        .started_ns = otlp->record.started_ns,
        .ended_ns = otlp->record.ended_ns,
        .series = series,
        .is_cumulative = otlp->record.is_cumulative,
        .is_exclusive = metrics[metric].is_exclusive,
    };
    return &batch->meters.rows[row];
}

/* COUNT_OF(metrics): it is none of those. */
static size_t metric_of(struct str name)
{
    size_t metric = 0;
    while (metric < COUNT_OF(metrics) && !str_equal(name, metrics[metric].name)) {
        metric++;
    }
    return metric;
}

const char *otlp_point_refusal(const struct otlp *otlp)
{
    CHECK(otlp != NULL);
    const double value = otlp->record.value;
    const bool is_figure = value >= 0 && value <= (double)USAGE_TOKENS_MAX; /* NaN is neither */
    return is_figure || metric_of(otlp->record.name) == COUNT_OF(metrics)
               ? NULL
               : "a data point whose value is negative, no number or above 1,000,000,000";
}

void otlp_take_point(struct otlp *otlp)
{
    const struct otlp_record *const record = &otlp->record;
    const size_t metric = metric_of(record->name);
    const bool is_repeated = /* Gemini CLI tells the same tokens under both names */
        metric < COUNT_OF(metrics) && metrics[metric].dialect == OTLP_DIALECT_ANY &&
        str_equal(otlp->batch.source->service, STR("gemini-cli"));
    if (metric == COUNT_OF(metrics) || is_repeated) {
        otlp->batch.counts.ignored++;
        return;
    }
    otlp_roles(otlp, &otlp->attributes, metrics[metric].dialect | OTLP_DIALECT_ANY);
    const enum part part = part_of(otlp, metric);
    if (part == PART_BY_TYPE) {
        otlp->batch.counts.ignored++;
        return;
    }
    struct otlp_meter *const meter = meter_of(otlp, metric);
    if (meter == NULL) {
        return;
    }
    meter->ended_ns = record->ended_ns > meter->ended_ns ? record->ended_ns : meter->ended_ns;
    if (part == PART_COST) {
        int64_t cost_pusd = 0;
        if (otlp_money(record->value, &cost_pusd) && cost_pusd > meter->cost_pusd) {
            meter->cost_pusd = cost_pusd;
        }
        return;
    }
    int64_t *const figure = &meter->figures[part][modality_of(otlp)];
    const int64_t value = (int64_t)record->value;
    *figure = value > *figure ? value : *figure;
    meter->has[part] = true;
}

/* All of a part; -1: it is not told. */
static int64_t part_sum(const struct otlp_meter *meter, enum part part)
{
    int64_t sum = 0;
    for (int i = 0; i < OTLP_METER_MODALITIES; i++) {
        sum += meter->figures[part][i];
    }
    return meter->has[part] ? sum : -1;
}

/* What of a part is of one modality, where any of it is. */
static int64_t part_of_modality(const struct otlp_meter *meter, enum part part, enum modality of)
{
    return meter->figures[part][of] > 0 ? meter->figures[part][of] : -1;
}

const char *otlp_meter_usage(const struct meter *meter, struct usage *out, bool *out_known)
{
    CHECK(meter != NULL);
    const struct {
        enum otlp_role role;
        int64_t figure;
    } told[] = {
        {OTLP_ROLE_INPUT, meter->input},           {OTLP_ROLE_INPUT_AUDIO, meter->input_audio},
        {OTLP_ROLE_OUTPUT, meter->output},         {OTLP_ROLE_OUTPUT_AUDIO, meter->output_audio},
        {OTLP_ROLE_CACHE_READ, meter->cache_read}, {OTLP_ROLE_CACHE_WRITE, meter->cache_write},
        {OTLP_ROLE_REASONING, meter->reasoning},   {OTLP_ROLE_REASONING, meter->thoughts},
        {OTLP_ROLE_TOOL_TOKENS, meter->tool},
    };
    struct otlp_figures figures = {.meaning = meter->is_exclusive ? OTLP_EXCLUSIVE : OTLP_INCLUSIVE,
                                   .reasoning_beside = meter->thoughts >= 0,
                                   .input_more = meter->tool > 0 ? meter->tool : 0,
                                   .input_image = meter->input_image > 0 ? meter->input_image : 0};
    for (size_t i = 0; i < COUNT_OF(told); i++) {
        if (told[i].figure >= 0) {
            figures.has[told[i].role] = true;
            figures.counts[told[i].role] += told[i].figure;
        }
    }
    const char *const conflict = otlp_disjoint(&figures, out, out_known);
    out->counts[USAGE_REQUESTS] = 0; /* how many is not told */
    return conflict;
}

static void end_meter(struct otlp *otlp, const struct otlp_meter *meter)
{
    struct meter *const reading =
        otlp->rows->full ? NULL : arena_new(otlp->rows->arena, struct meter, 1);
    if (reading == NULL) {
        otlp->rows->full = true;
        return;
    }
    *reading = (struct meter){
        .series = meter->series,
        .is_cumulative = meter->is_cumulative,
        .is_exclusive = meter->is_exclusive,
        .started_ns = meter->started_ns,
        .ended_ns = meter->ended_ns,
        .input = part_sum(meter, PART_INPUT),
        .input_audio = part_of_modality(meter, PART_INPUT, MODALITY_AUDIO),
        .input_image = part_of_modality(meter, PART_INPUT, MODALITY_IMAGE),
        .output = part_sum(meter, PART_OUTPUT),
        .output_audio = part_of_modality(meter, PART_OUTPUT, MODALITY_AUDIO),
        .cache_read = part_sum(meter, PART_READ),
        .cache_write = part_sum(meter, PART_WRITE),
        .reasoning = part_sum(meter, PART_REASONING),
        .thoughts = part_sum(meter, PART_THOUGHTS),
        .tool = part_sum(meter, PART_TOOL),
        .reported_pusd = meter->cost_pusd > 0 ? meter->cost_pusd : -1,
    };
    struct step step = {
        .kind = STEP_LLM,
        .channel = CHANNEL_METRIC,
        .meter = reading,
        .name = meter->name,
        .agent = meter->agent,
        .model = meter->model,
        .provider = meter->provider,
        .tier = meter->tier,
        .started_ns = meter->started_ns != TIME_UNKNOWN ? meter->started_ns : meter->ended_ns,
        .has_reported = meter->cost_pusd > 0,
        .reported_pusd = meter->cost_pusd,
        .note = STR("a sum of calls"),
    };
    step.ended_ns = wire_end(step.started_ns, meter->ended_ns);
    const char *const conflict = otlp_meter_usage(reading, &step.usage, &step.has_usage);
    if (conflict != NULL) {
        otlp->batch.counts.conflicts++;
        otlp_step_note(otlp, &step, conflict);
    }
    otlp_add_step(otlp, meter->identity, &step, &meter->place);
}

void otlp_end_meters(struct otlp *otlp)
{
    CHECK(otlp->rows != NULL);
    for (size_t i = 0; i < otlp->batch.meters.count && !otlp->rows->full; i++) {
        end_meter(otlp, &otlp->batch.meters.rows[i]);
    }
}
