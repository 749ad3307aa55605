#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "wire/table_map.h"
#include "wire/table_value.h"

struct cells {
    struct table_cell rows[TABLE_FIELD_COUNT];
};

static struct str text_of(const struct cells *cells, enum table_name name)
{
    return cells->rows[name].text;
}

static int64_t number_or(const struct cells *cells, enum table_name name, int64_t absent)
{
    return cells->rows[name].present ? cells->rows[name].number : absent;
}

static enum errc read_field(const struct table_field *field, const struct str *values,
                            struct table_cell *out, struct err *err)
{
    CHECK(field->origin != TABLE_ABSENT);
    const struct str text = field->origin == TABLE_CONST ? field->text : values[field->value];
    return table_value(field, text, out, err);
}

static const char *const sections[] = {"case", "attempt", "step", "outcome", "kpi"};

static enum errc read_cells(const struct table *table, const struct str *values,
                            struct cells *cells, struct err *err)
{
    for (enum table_name name = 0; name < TABLE_FIELD_COUNT; name++) {
        if (table->fields[name].origin == TABLE_ABSENT) {
            continue;
        }
        const enum errc code = read_field(&table->fields[name], values, &cells->rows[name], err);
        if (code != ERR_OK) {
            err_prefix(err, "%s.%s: ", sections[table_field_section(name)], table_field_key(name));
            return code;
        }
    }
    return ERR_OK;
}

static enum errc read_case(const struct table *table, const struct str *values,
                           const struct cells *cells, struct table_row *out, struct err *err)
{
    if (!cells->rows[TABLE_CASE_ID].present) {
        return err_set(err, ERR_SYNTAX, "case.id: the row names no case");
    }
    size_t count = 0;
    for (size_t i = 0; i < table->attribute_count; i++) {
        const struct table_attribute *attribute = &table->attributes[i];
        struct table_cell cell;
        const enum errc code = read_field(&attribute->field, values, &cell, err);
        if (code != ERR_OK) {
            err_prefix(err, "case.attributes." STR_FORMAT ": ", STR_ARG(attribute->name));
            return code;
        }
        if (cell.present) {
            out->attributes[count++] = (struct attribute){attribute->name, cell.text};
        }
    }
    out->case_ = (struct trace_case){
        .workflow = text_of(cells, TABLE_CASE_WORKFLOW),
        .id = text_of(cells, TABLE_CASE_ID),
        .input_key = text_of(cells, TABLE_CASE_INPUT_KEY),
        .attributes = out->attributes,
        .attribute_count = count,
    };
    return ERR_OK;
}

static void read_attempt(const struct cells *cells, struct table_row *out)
{
    const struct str id = text_of(cells, TABLE_ATTEMPT_ID);
    out->attempt = (struct attempt){
        .id = id.size > 0 ? id : STR("1"),
        .number = number_or(cells, TABLE_ATTEMPT_NUMBER, 0),
        .agent = text_of(cells, TABLE_ATTEMPT_AGENT),
        .has_succeeded = cells->rows[TABLE_ATTEMPT_SUCCEEDED].present,
        .succeeded = number_or(cells, TABLE_ATTEMPT_SUCCEEDED, 0) == 1,
    };
}

/* Token classes that are not a remainder of a total. */
static const struct {
    enum table_name name;
    enum usage_class class;
    enum usage_class total; /* the class whose column may include it */
} classes[] = {
    {TABLE_STEP_CACHE_READ, USAGE_CACHE_READ, USAGE_INPUT_UNCACHED},
    {TABLE_STEP_CACHE_WRITE, USAGE_CACHE_WRITE_5M, USAGE_INPUT_UNCACHED},
    {TABLE_STEP_CACHE_WRITE_1H, USAGE_CACHE_WRITE_1H, USAGE_INPUT_UNCACHED},
    {TABLE_STEP_INPUT_AUDIO, USAGE_INPUT_AUDIO, USAGE_INPUT_UNCACHED},
    {TABLE_STEP_INPUT_IMAGE, USAGE_INPUT_IMAGE, USAGE_INPUT_UNCACHED},
    {TABLE_STEP_OUTPUT_AUDIO, USAGE_OUTPUT_AUDIO, USAGE_OUTPUT},
    {TABLE_STEP_REQUESTS, USAGE_REQUESTS, USAGE_COUNT},
    {TABLE_STEP_WEB_SEARCHES, USAGE_WEB_SEARCHES, USAGE_COUNT},
};

static const enum table_name usage_names[] = {
    TABLE_STEP_INPUT,       TABLE_STEP_UNCACHED,       TABLE_STEP_CACHE_READ,
    TABLE_STEP_CACHE_WRITE, TABLE_STEP_CACHE_WRITE_1H, TABLE_STEP_INPUT_AUDIO,
    TABLE_STEP_INPUT_IMAGE, TABLE_STEP_OUTPUT,         TABLE_STEP_OUTPUT_AUDIO,
    TABLE_STEP_REASONING,   TABLE_STEP_REQUESTS,       TABLE_STEP_WEB_SEARCHES,
};

static enum errc read_usage(const struct cells *cells, struct step *step, struct err *err)
{
    struct usage usage = {0};
    for (size_t i = 0; i < COUNT_OF(usage_names); i++) {
        const int64_t count = number_or(cells, usage_names[i], 0);
        if (count > USAGE_TOKENS_MAX) {
            return err_set(err, ERR_RANGE,
                           "step.%s: %" PRId64 " is more than one call uses, %" PRId64,
                           table_field_key(usage_names[i]), count, USAGE_TOKENS_MAX);
        }
        step->has_usage = step->has_usage || cells->rows[usage_names[i]].present;
    }
    const bool total = cells->rows[TABLE_STEP_INPUT].present;
    usage.counts[USAGE_INPUT_UNCACHED] =
        number_or(cells, total ? TABLE_STEP_INPUT : TABLE_STEP_UNCACHED, 0);
    usage.counts[USAGE_OUTPUT] = number_or(cells, TABLE_STEP_OUTPUT, 0);
    for (size_t i = 0; i < COUNT_OF(classes); i++) {
        const int64_t count = number_or(cells, classes[i].name, 0);
        usage.counts[classes[i].class] = count;
        if (classes[i].total == USAGE_OUTPUT ||
            (classes[i].total == USAGE_INPUT_UNCACHED && total)) {
            usage.counts[classes[i].total] -= count;
        }
    }
    usage.reasoning = number_or(cells, TABLE_STEP_REASONING, 0);
    if (usage.counts[USAGE_INPUT_UNCACHED] < 0) {
        return err_set(err, ERR_RANGE,
                       "step.input_tokens: %" PRId64 " is less than its cached and other parts; if "
                       "the column leaves those out, map it as uncached_input_tokens",
                       number_or(cells, TABLE_STEP_INPUT, 0));
    }
    if (usage.counts[USAGE_OUTPUT] < 0 ||
        usage.reasoning > usage.counts[USAGE_OUTPUT] + usage.counts[USAGE_OUTPUT_AUDIO]) {
        return err_set(err, ERR_RANGE,
                       "step.output_tokens: %" PRId64 " is less than its reasoning or audio part",
                       number_or(cells, TABLE_STEP_OUTPUT, 0));
    }
    step->usage = usage;
    return ERR_OK;
}

/* The mapped figures as they came, in the map's words. */
static void write_raw(const struct cells *cells, struct table_row *out)
{
    size_t used = 0;
    for (size_t i = 0; i < COUNT_OF(usage_names); i++) {
        const struct table_cell *cell = &cells->rows[usage_names[i]];
        if (cell->present) {
            const int size =
                snprintf(out->raw + used, sizeof out->raw - used, "%s\"%s\":%" PRId64,
                         used > 0 ? "," : "{", table_field_key(usage_names[i]), cell->number);
            CHECK(size > 0);
            used += (size_t)size;
            CHECK(used < sizeof out->raw - 1);
        }
    }
    if (used > 0) {
        out->raw[used++] = '}';
    }
    out->step.raw_usage = (struct str){out->raw, used};
}

static enum errc read_times(const struct cells *cells, struct step *step, struct err *err)
{
    int64_t start = number_or(cells, TABLE_STEP_START, TIME_UNKNOWN);
    int64_t end = number_or(cells, TABLE_STEP_END, TIME_UNKNOWN);
    const int64_t duration = number_or(cells, TABLE_STEP_DURATION, -1);
    bool fits = true;
    if (duration >= 0 && start != TIME_UNKNOWN) {
        fits = !__builtin_add_overflow(start, duration, &end);
    } else if (duration >= 0 && end != TIME_UNKNOWN) {
        fits = !__builtin_sub_overflow(end, duration, &start);
    }
    if (!fits) {
        return err_set(err, ERR_RANGE, "step.duration: runs beyond the year 2261 or before 1678");
    }
    if (start != TIME_UNKNOWN && end != TIME_UNKNOWN && end < start) {
        return err_set(err, ERR_RANGE, "step.end: lies before step.start");
    }
    /* Prices are asked for at the start; the end is minutes off where the start is not known. */
    step->started_ns = start != TIME_UNKNOWN ? start : end;
    step->ended_ns = end;
    return ERR_OK;
}

static int64_t to_ms(int64_t ns)
{
    enum { NS_PER_MS = 1000000 };
    return ns / NS_PER_MS + (ns % NS_PER_MS >= NS_PER_MS / 2);
}

static enum errc read_money(const struct table *table, const struct cells *cells, struct step *step,
                            struct err *err)
{
    const struct table_cell *cost = &cells->rows[TABLE_STEP_COST];
    const struct table_cell *fee = &cells->rows[TABLE_STEP_FEE];
    const bool llm = step->kind == STEP_LLM;
    const struct table_cell *mine = llm ? cost : fee;
    const struct table_cell *other = llm ? fee : cost;
    if (other->present && other->number > 0) {
        return err_set(err, ERR_SYNTAX,
                       llm ? "step.fee: an llm call has a cost, not a fee"
                           : "step.cost: only llm calls have a cost; map what a "
                             "tool charges as fee");
    }
    const bool unknown = llm && mine->present && mine->number == 0 && table->zero_cost_is_unknown;
    step->is_unpriceable = unknown;
    step->has_reported = mine->present && !unknown;
    step->reported_pusd = step->has_reported ? mine->number : 0;
    return ERR_OK;
}

/* Tools and retrievals answer the model; what it wrote are its calls and decisions. */
static void read_text(const struct cells *cells, struct table_row *out)
{
    struct step *const step = &out->step;
    const bool is_result = step->kind == STEP_TOOL || step->kind == STEP_RETRIEVAL;
    const bool is_use = step->kind == STEP_LLM || step->kind == STEP_DECISION;
    out->has_text = cells->rows[TABLE_STEP_TEXT].present && (is_result || is_use);
    out->text_role = is_result ? TEXT_RESULT : TEXT_USE;
    out->text = text_of(cells, TABLE_STEP_TEXT);
    if (out->has_text && is_result && !cells->rows[TABLE_STEP_RESULT_BYTES].present) {
        step->result_bytes = (int64_t)out->text.size;
    }
}

static enum errc read_step(const struct table *table, const struct cells *cells, int64_t line,
                           struct table_row *out, struct err *err)
{
    struct step *step = &out->step;
    *step = (struct step){
        .kind = (enum step_kind)number_or(cells, TABLE_STEP_KIND, STEP_LLM),
        .status = (enum step_status)number_or(cells, TABLE_STEP_STATUS, STATUS_OK),
        .effect = (enum step_effect)number_or(cells, TABLE_STEP_EFFECT, EFFECT_UNKNOWN),
        .identity = text_of(cells, TABLE_STEP_ID),
        .caller = text_of(cells, TABLE_STEP_CALLER),
        .agent = text_of(cells, TABLE_STEP_AGENT),
        .name = text_of(cells, TABLE_STEP_NAME),
        .sequence = number_or(cells, TABLE_STEP_SEQUENCE, 0),
        .line = line,
        .provider = text_of(cells, TABLE_STEP_PROVIDER),
        .model = text_of(cells, TABLE_STEP_MODEL),
        .tier = (enum service_tier)number_or(cells, TABLE_STEP_TIER, TIER_STANDARD),
        .region = text_of(cells, TABLE_STEP_REGION),
        .human_ms = to_ms(number_or(cells, TABLE_STEP_HUMAN, 0)),
        .args_hash = cells->rows[TABLE_STEP_ARGS_HASH].hash,
        .args_bytes = number_or(cells, TABLE_STEP_ARGS_BYTES, 0),
        .result_bytes = number_or(cells, TABLE_STEP_RESULT_BYTES, 0),
        .note = text_of(cells, TABLE_STEP_NOTE),
    };
    out->has_sequence = cells->rows[TABLE_STEP_SEQUENCE].present;
    enum errc code = read_times(cells, step, err);
    if (code == ERR_OK) {
        code = read_usage(cells, step, err);
    }
    if (code == ERR_OK) {
        code = read_money(table, cells, step, err);
    }
    if (code == ERR_OK) {
        write_raw(cells, out);
        read_text(cells, out);
    }
    return code;
}

enum { MILLIONTHS = 1000000 };

static enum errc read_outcome(const struct cells *cells, int64_t line, struct table_row *out,
                              struct err *err)
{
    const struct table_cell *quality = &cells->rows[TABLE_OUTCOME_QUALITY];
    if (quality->present && (quality->number < 0 || quality->number > MILLIONTHS)) {
        return err_set(err, ERR_RANGE, "outcome.quality: allowed is a number from 0 to 1");
    }
    out->outcome = (struct outcome){
        .id = text_of(cells, TABLE_OUTCOME_ID),
        .workflow = text_of(cells, TABLE_CASE_WORKFLOW),
        .case_id = text_of(cells, TABLE_CASE_ID),
        .status = (enum outcome_status)number_or(cells, TABLE_OUTCOME_STATUS, OUTCOME_FAILED),
        .effective_ns = number_or(cells, TABLE_OUTCOME_AT, TIME_UNKNOWN),
        .recorded_ns = number_or(cells, TABLE_OUTCOME_RECORDED_AT, TIME_UNKNOWN),
        .has_value = cells->rows[TABLE_OUTCOME_VALUE].present,
        .value_pusd = number_or(cells, TABLE_OUTCOME_VALUE, 0),
        .human_ms = to_ms(number_or(cells, TABLE_OUTCOME_HUMAN, 0)),
        .has_quality = quality->present,
        .quality = quality->present ? (double)quality->number / MILLIONTHS : 0,
        .source = text_of(cells, TABLE_OUTCOME_SOURCE),
        .reference = text_of(cells, TABLE_OUTCOME_REFERENCE),
        .line = line,
    };
    return ERR_OK;
}

static enum errc read_kpi(const struct cells *cells, int64_t line, struct table_row *out,
                          struct err *err)
{
    static const enum table_name wanted[] = {TABLE_KPI_NAME, TABLE_KPI_AT, TABLE_KPI_VALUE};
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        if (!cells->rows[wanted[i]].present) {
            return err_set(err, ERR_SYNTAX, "kpi.%s: is missing", table_field_key(wanted[i]));
        }
    }
    out->kpi = (struct kpi){
        .workflow = text_of(cells, TABLE_KPI_WORKFLOW),
        .name = text_of(cells, TABLE_KPI_NAME),
        .unit = text_of(cells, TABLE_KPI_UNIT),
        .series = text_of(cells, TABLE_KPI_SERIES),
        .at_ns = cells->rows[TABLE_KPI_AT].number,
        .value = (double)cells->rows[TABLE_KPI_VALUE].number / MILLIONTHS,
        .line = line,
    };
    return ERR_OK;
}

enum errc table_map_row(const struct table *table, const struct str *values, int64_t line,
                        struct table_row *out, struct err *err)
{
    CHECK(table != NULL);
    CHECK(values != NULL || table->value_count == 0);
    CHECK(out != NULL);

    struct cells cells = {0};
    enum errc code = read_cells(table, values, &cells, err);
    if (code == ERR_OK && table->has[TABLE_CASE]) {
        code = read_case(table, values, &cells, out, err);
    }
    if (code == ERR_OK) {
        memcpy(out->has, table->has, sizeof out->has);
        out->has[TABLE_ATTEMPT] = table->has[TABLE_ATTEMPT] || table->has[TABLE_STEP];
        out->has[TABLE_OUTCOME] =
            table->has[TABLE_OUTCOME] && cells.rows[TABLE_OUTCOME_STATUS].present;
        read_attempt(&cells, out);
    }
    if (code == ERR_OK && out->has[TABLE_STEP]) {
        code = read_step(table, &cells, line, out, err);
    }
    if (code == ERR_OK && out->has[TABLE_OUTCOME]) {
        code = read_outcome(&cells, line, out, err);
    }
    if (code == ERR_OK && out->has[TABLE_KPI]) {
        code = read_kpi(&cells, line, out, err);
    }
    return code;
}
