/* table_row: text in each unit becomes exact integers; what cannot be read is refused by field.
 * One-row tables, against figures worked by hand. */
#include <math.h>
#include <stdio.h>

#include "support/test.h"
#include "wire/table_map.h"
#include "wire/table_value.h"

static struct err err;
static struct table_row row;

static bool reads(enum table_type type, const char *unit, const char *text, int64_t expected)
{
    struct table_field field = {.type = type};
    struct table_cell cell = {.number = -7};
    const char *const *units = table_units(type);
    while (unit != NULL && strcmp(units[field.unit], unit) != 0) {
        field.unit++;
    }
    err = (struct err){0};
    if (table_value(&field, str_from(text), &cell, &err) != ERR_OK) {
        test_note(err.text);
        return false;
    }
    return cell.present && cell.number == expected;
}

static bool refuses(enum table_type type, const char *text, enum errc code)
{
    const struct table_field field = {.type = type};
    struct table_cell cell = {.number = -7};
    return table_value(&field, str_from(text), &cell, &err) == code && cell.number == -7;
}

static void what_is_no_number_is_refused(void)
{
    EXPECT(refuses(TABLE_MONEY, "NaN", ERR_SYNTAX));
    EXPECT(refuses(TABLE_MONEY, "inf", ERR_SYNTAX));
    EXPECT(refuses(TABLE_MONEY, "$5", ERR_SYNTAX));
    EXPECT(refuses(TABLE_MONEY, "1,5", ERR_SYNTAX));
    EXPECT(refuses(TABLE_MONEY, "-0.01", ERR_RANGE));
    EXPECT(refuses(TABLE_MONEY, "1e12", ERR_RANGE));
    EXPECT(refuses(TABLE_COUNT, "-1", ERR_RANGE));
    EXPECT(refuses(TABLE_COUNT, "12.5", ERR_SYNTAX));
    EXPECT(refuses(TABLE_COUNT, "99999999999999999999", ERR_RANGE));
    EXPECT(refuses(TABLE_TIME, "yesterday", ERR_SYNTAX));
    EXPECT(refuses(TABLE_TIME, "2024-13-01", ERR_SYNTAX));
    EXPECT(refuses(TABLE_BOOL, "maybe", ERR_SYNTAX));
    EXPECT(refuses(TABLE_VERDICT, "won", ERR_SYNTAX));
    EXPECT(refuses(TABLE_DURATION, "-3", ERR_RANGE));
    const struct table_field field = {.type = TABLE_TEXT};
    struct table_cell cell;
    static char huge[TABLE_TEXT_BYTES_MAX + 2];
    memset(huge, 'x', sizeof huge - 1);
    EXPECT(table_value(&field, str_from(huge), &cell, &err) == ERR_RANGE);
}

static void money_is_read_in_every_unit(void)
{
    EXPECT(reads(TABLE_MONEY, "usd", "0.06700220799999997", 67002208000));
    EXPECT(reads(TABLE_MONEY, "usd", "5.1e-05", 51000000));
    EXPECT(reads(TABLE_MONEY, "cents", "12.5", 125000000000));
    EXPECT(reads(TABLE_MONEY, "micro_usd", "595.5", 595500000));
    EXPECT(reads(TABLE_MONEY, "nano_usd", "3", 3000));
    EXPECT(reads(TABLE_MONEY, "pico_usd", "3", 3));
}

static void times_are_read_in_every_unit(void)
{
    EXPECT(reads(TABLE_TIME, "text", "2024-04-14 17:58:37,832", INT64_C(1713117517832000000)));
    EXPECT(reads(TABLE_TIME, "text", "2024-04-14T19:58:37+02:00", INT64_C(1713117517000000000)));
    EXPECT(reads(TABLE_TIME, "unix_s", "1775784986.6786294", INT64_C(1775784986678629400)));
    EXPECT(reads(TABLE_TIME, "unix_s", "1.713117517E9", INT64_C(1713117517000000000)));
    EXPECT(reads(TABLE_TIME, "unix_ms", "1713117517832", INT64_C(1713117517832000000)));
    EXPECT(reads(TABLE_TIME, "unix_us", "1713117517832000", INT64_C(1713117517832000000)));
    EXPECT(reads(TABLE_TIME, "unix_ns", "1713117517832000000", INT64_C(1713117517832000000)));
}

static void durations_are_read_in_every_unit(void)
{
    EXPECT(reads(TABLE_DURATION, "s", "1.698", 1698000000));
    EXPECT(reads(TABLE_DURATION, "ms", "1698", 1698000000));
    EXPECT(reads(TABLE_DURATION, "us", "0.5", 500));
    EXPECT(reads(TABLE_DURATION, "ns", "7", 7));
    EXPECT(reads(TABLE_DURATION, "min", "11.5", INT64_C(690000000000)));
    EXPECT(reads(TABLE_DURATION, "h", "2", INT64_C(7200000000000)));
}

static void words_counts_and_truths_are_read(void)
{
    EXPECT(reads(TABLE_COUNT, NULL, "843.0", 843));
    EXPECT(reads(TABLE_COUNT, NULL, " 12 ", 12));
    EXPECT(reads(TABLE_BOOL, NULL, "TRUE", 1));
    EXPECT(reads(TABLE_BOOL, NULL, "0", 0));
    EXPECT(reads(TABLE_VERDICT, NULL, "Success", OUTCOME_RESOLVED));
    EXPECT(reads(TABLE_VERDICT, NULL, "0", OUTCOME_FAILED));
    EXPECT(reads(TABLE_VERDICT, NULL, "reopened", OUTCOME_REOPENED));
    EXPECT(reads(TABLE_KIND, NULL, "retrieval", STEP_RETRIEVAL));
    EXPECT(reads(TABLE_TIER, NULL, "batch", TIER_BATCH));
    const struct table_field field = {.type = TABLE_HASH};
    struct table_cell cell;
    EXPECT(table_value(&field, STR("9f878af273be38ce"), &cell, &err) == ERR_OK);
    EXPECT(cell.hash == UINT64_C(0x9f878af273be38ce));
    EXPECT(table_value(&field, STR("ls -la"), &cell, &err) == ERR_OK);
    EXPECT(cell.hash != 0);
}

static void missing_is_not_zero(void)
{
    const struct table_field field = {.type = TABLE_MONEY};
    const struct table_field filled = {
        .type = TABLE_MONEY, .has_fallback = true, .fallback = STR("0.5")};
    struct table_cell cell;
    EXPECT(table_value(&field, (struct str){0}, &cell, &err) == ERR_OK);
    EXPECT(!cell.present);
    EXPECT(table_value(&filled, STR(""), &cell, &err) == ERR_OK);
    EXPECT(cell.number == 500000000000);
}

/* One row, whose values stand in the order of TABLE_FIELDS. */
static enum errc read_row(const char *table, const char *const *values)
{
    struct arena arena;
    struct table_map map;
    static char copies[16][2 * TABLE_TEXT_BYTES_MAX];
    struct str texts[16] = {{0}};
    arena_init(&arena, (size_t)4 << 20);
    err = (struct err){0};
    enum errc code = table_map_parse(STR("m.yaml"), str_from(table), &arena, &map, &err);
    for (size_t i = 0; values[i] != NULL; i++) {
        snprintf(copies[i], sizeof copies[i], "%s", values[i]);
        texts[i] = str_from(copies[i]);
    }
    row = (struct table_row){0};
    code = code == ERR_OK ? table_map_row(&map.tables[0], texts, 5, &row, &err) : code;
    arena_deinit(&arena);
    return code;
}

#define ROW(...) ((const char *const[]){__VA_ARGS__, NULL})
#define STEP_MAP                                                                                   \
    "tables:\n  - file: a.csv\n    case: {id: c}\n    step: {input_tokens: i, cache_read_tokens: " \
    "r, "                                                                                          \
    "output_tokens: o, reasoning_tokens: t, cost: k, zero_cost: unpriced}\n"

static void a_row_that_makes_no_sense_is_refused_by_field(void)
{
    if (test_is_refusing()) {
        return;
    }
    EXPECT(read_row(STEP_MAP, ROW("", "1", "0", "1", "0", "1")) == ERR_SYNTAX);
    EXPECT(strcmp(err.text, "case.id: the row names no case") == 0);
    EXPECT(read_row(STEP_MAP, ROW("c", "10", "11", "1", "0", "1")) == ERR_RANGE);
    EXPECT(str_starts_with(str_from(err.text), STR("step.input_tokens: 10 is less")));
    EXPECT(read_row(STEP_MAP, ROW("c", "10", "1", "1", "2", "1")) == ERR_RANGE);
    EXPECT(str_starts_with(str_from(err.text), STR("step.output_tokens: 1 is less")));
    EXPECT(read_row(STEP_MAP, ROW("c", "1000000001", "1", "1", "1", "1")) == ERR_RANGE);
    EXPECT(read_row(STEP_MAP, ROW("c", "x", "1", "1", "1", "1")) == ERR_SYNTAX);
    EXPECT(str_starts_with(str_from(err.text), STR("step.input_tokens: \"x\" is not")));
}

static void token_classes_are_disjoint(void)
{
    const enum errc code = read_row(STEP_MAP, ROW("c", "100", "30", "9", "4", "0.25"));
    if (test_is_refusing()) {
        return;
    }
    EXPECT(code == ERR_OK);
    EXPECT(row.step.usage.counts[USAGE_INPUT_UNCACHED] == 70);
    EXPECT(row.step.usage.counts[USAGE_CACHE_READ] == 30);
    EXPECT(row.step.usage.counts[USAGE_OUTPUT] == 9);
    EXPECT(row.step.usage.reasoning == 4);
    EXPECT(row.step.has_usage);
    EXPECT(row.step.has_reported);
    EXPECT(row.step.reported_pusd == 250000000000);
    EXPECT(row.has[TABLE_ATTEMPT]);
    EXPECT(str_equal(row.step.raw_usage,
                     STR("{\"input_tokens\":100,\"cache_read_tokens\":30,\"output_tokens\":9,"
                         "\"reasoning_tokens\":4}")));
}

static void a_cost_of_zero_can_mean_unknown(void)
{
    EXPECT(read_row(STEP_MAP, ROW("c", "100", "30", "9", "4", "0.0")) == ERR_OK);
    EXPECT(!row.step.has_reported);
    EXPECT(row.step.is_unpriceable);
    EXPECT(read_row(STEP_MAP, ROW("c", "100", "30", "9", "4", "")) == ERR_OK);
    EXPECT(!row.step.has_reported);
    EXPECT(!row.step.is_unpriceable); /* nobody said anything: the price book may */
    EXPECT(read_row(STEP_MAP, ROW("c", "", "", "", "", "")) == ERR_OK);
    EXPECT(!row.step.has_usage);
}

static void fees_are_of_tools_and_costs_of_calls(void)
{
    static const char *const map =
        "tables:\n  - file: a.csv\n    case: {id: c}\n    step: {kind: k, "
        "cost: x, fee: y, human_time: h}\n";
    if (test_is_refusing()) {
        return;
    }
    EXPECT(read_row(map, ROW("c", "tool", "1", "", "")) == ERR_SYNTAX);
    EXPECT(read_row(map, ROW("c", "llm", "", "1", "")) == ERR_SYNTAX);
    EXPECT(read_row(map, ROW("c", "tool", "0", "1.5", "")) == ERR_OK);
    EXPECT(row.step.reported_pusd == 1500000000000);
    EXPECT(read_row(map, ROW("c", "human", "", "", "11")) == ERR_OK);
    EXPECT(row.step.human_ms == 660000);
}

static void texts_are_answers_or_words_by_kind_and_of_any_size(void)
{
    static const char map[] =
        "tables:\n  - file: a.csv\n    case: {id: c}\n    step: {kind: k, text: t}\n";
    static char long_text[TABLE_TEXT_BYTES_MAX + 2];
    memset(long_text, 'x', sizeof long_text - 1);
    if (test_is_refusing()) {
        return;
    }
    EXPECT(read_row(map, ROW("c", "tool", long_text)) == ERR_OK);
    EXPECT(row.has_text);
    EXPECT(row.text_role == TEXT_RESULT);
    EXPECT(row.text.size == sizeof long_text - 1);
    EXPECT(row.step.result_bytes == (int64_t)row.text.size);
    EXPECT(read_row(map, ROW("c", "retrieval", "found")) == ERR_OK);
    EXPECT(row.text_role == TEXT_RESULT);
    EXPECT(read_row(map, ROW("c", "llm", "said")) == ERR_OK);
    EXPECT(row.has_text);
    EXPECT(row.text_role == TEXT_USE);
    EXPECT(row.step.result_bytes == 0);
    EXPECT(read_row(map, ROW("c", "human", "said")) == ERR_OK);
    EXPECT(!row.has_text);
    EXPECT(read_row(map, ROW("c", "tool", "")) == ERR_OK);
    EXPECT(!row.has_text);
    static const char sized[] = "tables:\n  - file: a.csv\n    case: {id: c}\n    step: {kind: k, "
                                "text: t, result_bytes: b}\n";
    EXPECT(read_row(sized, ROW("c", "tool", "7", "found")) == ERR_OK);
    EXPECT(row.step.result_bytes == 7);
}

static void two_of_start_end_and_duration_give_the_third(void)
{
    static const char *const map =
        "tables:\n  - file: a.csv\n    case: {id: c}\n    step: {end: e, "
        "duration: {column: d, unit: ms}}\n";
    static const char *const both =
        "tables:\n  - file: a.csv\n    case: {id: c}\n    step: {start: s, end: e}\n";
    if (test_is_refusing()) {
        return;
    }
    EXPECT(read_row(map, ROW("c", "2024-01-01T00:00:01Z", "250")) == ERR_OK);
    EXPECT(row.step.ended_ns - row.step.started_ns == 250000000);
    EXPECT(read_row(map, ROW("c", "", "250")) == ERR_OK);
    EXPECT(row.step.started_ns == TIME_UNKNOWN);
    EXPECT(read_row(map, ROW("c", "2024-01-01T00:00:01Z", "")) == ERR_OK);
    EXPECT(row.step.started_ns == row.step.ended_ns); /* a price needs a time */
    EXPECT(read_row(map, ROW("c", "1678-01-01", "9223372036854")) == ERR_RANGE);
    EXPECT(read_row(both, ROW("c", "2024-01-02", "2024-01-01")) == ERR_RANGE);
}

static void an_outcome_without_a_status_is_none(void)
{
    static const char *const map =
        "tables:\n  - file: a.csv\n    case: {id: c}\n    outcome: {status: "
        "s, quality: q, value: {column: v, unit: cents}}\n";
    if (test_is_refusing()) {
        return;
    }
    EXPECT(read_row(map, ROW("c", "", "", "")) == ERR_OK);
    EXPECT(row.has[TABLE_CASE]);
    EXPECT(!row.has[TABLE_OUTCOME]);
    EXPECT(read_row(map, ROW("c", "1", "", "1.5")) == ERR_RANGE);
    EXPECT(read_row(map, ROW("c", "1", "450", "0.25")) == ERR_OK);
    EXPECT(row.outcome.value_pusd == 4500000000000);
    EXPECT(fabs(row.outcome.quality - 0.25) < 1e-9);
    EXPECT(row.outcome.line == 5);
}

static void a_kpi_is_a_dated_value(void)
{
    static const char *const map =
        "tables:\n  - file: a.csv\n    kpi: {name: {const: backlog}, at: d, value: v}\n";
    if (test_is_refusing()) {
        return;
    }
    EXPECT(read_row(map, ROW("2024-01-01", "")) == ERR_SYNTAX);
    EXPECT(read_row(map, ROW("2024-01-01", "-2.5")) == ERR_OK);
    EXPECT(row.has[TABLE_KPI]);
    EXPECT(!row.has[TABLE_CASE]);
    EXPECT(fabs(row.kpi.value + 2.5) < 1e-9);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(what_is_no_number_is_refused),
        TEST(a_row_that_makes_no_sense_is_refused_by_field),
        TEST(money_is_read_in_every_unit),
        TEST(times_are_read_in_every_unit),
        TEST(durations_are_read_in_every_unit),
        TEST(words_counts_and_truths_are_read),
        TEST(missing_is_not_zero),
        TEST(token_classes_are_disjoint),
        TEST(a_cost_of_zero_can_mean_unknown),
        TEST(fees_are_of_tools_and_costs_of_calls),
        TEST(texts_are_answers_or_words_by_kind_and_of_any_size),
        TEST(two_of_start_end_and_duration_give_the_third),
        TEST(an_outcome_without_a_status_is_none),
        TEST(a_kpi_is_a_dated_value),
    };
    return test_main(tests, COUNT_OF(tests));
}
