/* rows: cases as CSV. Digits are written by hand: printf() would take most of the time. No value
 * holds a comma, a quote or a line end, so nothing is quoted. */
#include "simulate/simulate_priv.h"

#include "base/clock.h"

enum { ROW_BYTES_MAX = 2048 };

struct row {
    char data[ROW_BYTES_MAX];
    size_t size;
};

static void put(struct row *row, struct str text)
{
    CHECK(text.size <= ROW_BYTES_MAX - row->size);
    memcpy(row->data + row->size, text.data, text.size);
    row->size += text.size;
}

static void put_char(struct row *row, char c)
{
    put(row, (struct str){&c, 1});
}

/* At least `width` digits. */
static void put_digits(struct row *row, uint64_t value, int width)
{
    char digits[24];
    size_t at = sizeof digits;
    while (value > 0 || width > 0) {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
        width--;
    }
    put(row, (struct str){digits + at, sizeof digits - at});
}

static void put_count(struct row *row, int64_t value)
{
    CHECK(value >= 0);
    put_digits(row, (uint64_t)value, 1);
}

static void put_hex(struct row *row, uint64_t value)
{
    for (int shift = 60; shift >= 0; shift -= 4) {
        put_char(row, "0123456789abcdef"[value >> shift & 15]);
    }
}

/* value / 10^decimals. */
static void put_fixed(struct row *row, int64_t value, int decimals)
{
    CHECK(value >= 0);
    int64_t unit = 1;
    for (int i = 0; i < decimals; i++) {
        unit *= 10;
    }
    put_digits(row, (uint64_t)(value / unit), 1);
    put_char(row, '.');
    put_digits(row, (uint64_t)(value % unit), decimals);
}

static void put_minutes(struct row *row, int64_t human_ms)
{
    CHECK(human_ms % 600 == 0);
    put_fixed(row, human_ms / 600, 2);
}

/* "2026-03-04T09:12:33.120Z" */
static void put_time(struct row *row, int64_t time_ms)
{
    CHECK(time_ms >= 0);
    int64_t year;
    int month;
    int day;
    clock_civil(time_ms / MS_PER_DAY, &year, &month, &day);
    const uint64_t within = (uint64_t)(time_ms % MS_PER_DAY);
    put_digits(row, (uint64_t)year, 4);
    put_char(row, '-');
    put_digits(row, (uint64_t)month, 2);
    put_char(row, '-');
    put_digits(row, (uint64_t)day, 2);
    put_char(row, 'T');
    put_digits(row, within / 3600000, 2);
    put_char(row, ':');
    put_digits(row, within / 60000 % 60, 2);
    put_char(row, ':');
    put_digits(row, within / 1000 % 60, 2);
    put_char(row, '.');
    put_digits(row, within % 1000, 3);
    put_char(row, 'Z');
}

static struct str kind_word(enum step_kind kind)
{
    switch (kind) {
    case STEP_LLM:
        return STR("llm");
    case STEP_TOOL:
        return STR("tool");
    case STEP_RETRIEVAL:
        return STR("retrieval");
    case STEP_HUMAN:
        return STR("human");
    case STEP_DECISION:
    case STEP_GUARD:
    case STEP_AGENT:
    case STEP_KIND_COUNT:
        break;
    }
    CHECK(false);
    return STR("");
}

static struct str status_word(enum step_status status)
{
    CHECK(status != STATUS_INTERRUPTED);
    return status == STATUS_OK      ? STR("ok")
           : status == STATUS_ERROR ? STR("error")
                                    : STR("rejected");
}

static struct str effect_word(enum step_effect effect)
{
    return effect == EFFECT_READ ? STR("read") : effect == EFFECT_WRITE ? STR("write") : STR("");
}

static struct str outcome_word(enum outcome_status status)
{
    CHECK(status != OUTCOME_CANDIDATE);
    return status == OUTCOME_RESOLVED   ? STR("resolved")
           : status == OUTCOME_FAILED   ? STR("failed")
           : status == OUTCOME_REOPENED ? STR("reopened")
                                        : STR("escalated");
}

static void put_llm(struct row *row, const struct simulate_step *step)
{
    CHECK(step->model < COMPANY_MODELS);
    put(row, str_from(company_models[step->model].name));
    put_char(row, ',');
    put_count(row, step->input_uncached);
    put_char(row, ',');
    put_count(row, step->cache_read);
    put_char(row, ',');
    put_count(row, step->cache_write);
    put_char(row, ',');
    put_count(row, step->output);
    put_char(row, ',');
    put_count(row, step->reasoning);
    put(row, STR(",,,,,,"));
}

static void put_tool(struct row *row, const struct simulate_step *step)
{
    put(row, STR(",,,,,,"));
    put_hex(row, step->args_hash);
    put_char(row, ',');
    put_count(row, step->args_bytes);
    put_char(row, ',');
    put_count(row, step->result_bytes);
    put_char(row, ',');
    if (step->fee_pusd > 0) {
        put_fixed(row, step->fee_pusd / 100000000, 4);
    }
    put(row, STR(",,"));
}

static void put_person(struct row *row, const struct simulate_step *step)
{
    put(row, STR(",,,,,,,,,,"));
    put_minutes(row, step->human_ms);
    put_char(row, ',');
}

/* What every row of an attempt starts with. */
static void put_attempt(struct row *row, const struct simulate_case *one, size_t number)
{
    const struct str id = {one->id, one->id_size};
    CHECK(number < one->attempt_count);
    if (one->workflow < 0) {
        put(row, STR(",,1,"));
        put(row, id);
        put(row, STR(",,"));
        return;
    }
    put(row, str_from(company_workflows[one->workflow]->name));
    put_char(row, ',');
    put(row, id);
    put_char(row, ',');
    put_count(row, (int64_t)number + 1);
    put_char(row, ',');
    put(row, id);
    put_char(row, '/');
    put_count(row, (int64_t)number + 1);
    put(row, one->attempts[number].passed ? STR(",true,") : STR(",false,"));
}

static void add_attempt(const struct simulate_case *one, size_t number, struct text *steps)
{
    const struct simulate_attempt *const attempt = &one->attempts[number];
    struct row row;
    row.size = 0;
    put_attempt(&row, one, number);
    const size_t lead = row.size;
    for (size_t i = 0; i < attempt->step_count; i++) {
        const struct simulate_step *const step = &attempt->steps[i];
        row.size = lead;
        put_count(&row, (int64_t)i + 1);
        put_char(&row, ',');
        put(&row, kind_word(step->kind));
        put_char(&row, ',');
        put(&row, step->name);
        put_char(&row, ',');
        put(&row, status_word(step->status));
        put_char(&row, ',');
        put(&row, effect_word(step->effect));
        put_char(&row, ',');
        if (step->kind == STEP_LLM) {
            put_llm(&row, step);
        } else if (step->kind == STEP_HUMAN) {
            put_person(&row, step);
        } else {
            put_tool(&row, step);
        }
        put_time(&row, step->started_ms);
        put_char(&row, ',');
        put_time(&row, step->ended_ms);
        put_char(&row, '\n');
        text_add(steps, (struct str){row.data, row.size});
    }
}

static void add_case(const struct simulate *simulate, const struct simulate_case *one,
                     struct text *cases)
{
    const struct company_workflow *const workflow = company_workflows[one->workflow];
    struct row row;
    row.size = 0;
    put(&row, str_from(workflow->name));
    put_char(&row, ',');
    put(&row, (struct str){one->id, one->id_size});
    put_char(&row, ',');
    put_hex(&row, one->input_key);
    put_char(&row, ',');
    put_time(&row, one->opened_ms);
    for (size_t i = 0; i < simulate->column_count; i++) {
        const int attribute = simulate->columns[i].attributes[one->workflow];
        put_char(&row, ',');
        if (attribute >= 0) {
            put(&row,
                str_from(workflow->attributes[attribute].values[one->values[attribute]].name));
        }
    }
    put_char(&row, '\n');
    text_add(cases, (struct str){row.data, row.size});
}

static void add_outcomes(const struct simulate_case *one, struct text *outcomes)
{
    for (size_t i = 0; i < one->outcome_count; i++) {
        const struct simulate_outcome *const outcome = &one->outcomes[i];
        struct row row;
        row.size = 0;
        put(&row, (struct str){one->id, one->id_size});
        put(&row, STR("/o"));
        put_count(&row, (int64_t)i + 1);
        put_char(&row, ',');
        put(&row, str_from(company_workflows[one->workflow]->name));
        put_char(&row, ',');
        put(&row, (struct str){one->id, one->id_size});
        put_char(&row, ',');
        put(&row, outcome_word(outcome->status));
        put_char(&row, ',');
        if (outcome->value_cents >= 0) {
            put_fixed(&row, outcome->value_cents, 2);
        }
        put_char(&row, ',');
        put_minutes(&row, outcome->human_ms);
        put_char(&row, ',');
        put_time(&row, outcome->effective_ms);
        put_char(&row, ',');
        put_time(&row, outcome->recorded_ms);
        put_char(&row, ',');
        put(&row, outcome->source);
        put_char(&row, '\n');
        text_add(outcomes, (struct str){row.data, row.size});
    }
}

void make_columns(struct simulate *simulate)
{
    CHECK(simulate->column_count == 0);
    for (int w = 0; w < SIMULATE_WORKFLOWS; w++) {
        const size_t count = company_attribute_count(company_workflows[w]);
        for (size_t i = 0; i < count; i++) {
            const char *const name = company_workflows[w]->attributes[i].name;
            size_t at = 0;
            while (at < simulate->column_count && strcmp(simulate->columns[at].name, name) != 0) {
                at++;
            }
            if (at == simulate->column_count) {
                simulate->columns[simulate->column_count++] =
                    (struct column){.name = name, .attributes = {-1, -1, -1, -1, -1, -1}};
            }
            simulate->columns[at].attributes[w] = (int)i;
        }
    }
}

void simulate_headings(const struct simulate *simulate, const struct simulate_rows *rows)
{
    CHECK(simulate != NULL);
    text_add(rows->cases, STR("workflow,case,input_key,opened_at"));
    for (size_t i = 0; i < simulate->column_count; i++) {
        text_char(rows->cases, ',');
        text_add(rows->cases, str_from(simulate->columns[i].name));
    }
    text_char(rows->cases, '\n');
    text_add(rows->steps,
             STR("workflow,case,attempt,session,passed,step,kind,name,status,effect,model,"
                 "input_uncached,cache_read,cache_write,output,reasoning,args_hash,args_bytes,"
                 "result_bytes,fee_usd,human_minutes,started_at,ended_at\n"));
    text_add(rows->outcomes, STR("id,workflow,case,status,value,minutes,at,recorded_at,source\n"));
}

void simulate_add_rows(const struct simulate *simulate, const struct simulate_case *one,
                       const struct simulate_rows *rows)
{
    CHECK(one != NULL);
    CHECK(rows != NULL);
    if (one->workflow >= 0) {
        add_case(simulate, one, rows->cases);
        add_outcomes(one, rows->outcomes);
    }
    for (size_t i = 0; i < one->attempt_count; i++) {
        add_attempt(one, i, rows->steps);
    }
}
