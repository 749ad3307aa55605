/* Outcomes that other programs send: what is wrong is told by row, field and reason, what is good
 * is kept as the import keeps it, and the same bytes give the same rows. */
#include "ingest/outcome_body.h"

#include "base/clock.h"
#include "base/money.h"
#include "base/text.h"
#include "support/test.h"

#define NOW_NS (INT64_C(20700) * CLOCK_NS_PER_DAY)

static struct arena arena;

static enum errc read_body(const char *text, bool is_lines, const char *workflow,
                           struct outcome_rows *out, struct err *err)
{
    const struct outcome_body body = {.text = str_from(text),
                                      .workflow = str_from(workflow),
                                      .is_lines = is_lines,
                                      .received_ns = NOW_NS};
    arena_deinit(&arena);
    arena_init(&arena, (size_t)1 << 20);
    return ingest_outcome_body(&body, &arena, out, err);
}

/* The one reject of a body of one row. */
static void check_rejected(const char *text, const char *field, const char *found,
                           const char *reason)
{
    struct outcome_rows rows = {0};
    struct err err;
    EXPECT(read_body(text, false, "", &rows, &err) == ERR_OK);
    EXPECT(rows.count == 1);
    EXPECT(rows.rejected == 1);
    EXPECT(rows.trace.outcomes.count == 0);
    EXPECT(rows.rejects.count == 1);
    if (rows.rejects.count == 1) {
        const struct outcome_reject *const reject = &rows.rejects.rows[0];
        EXPECT(str_equal(reject->field, str_from(field)));
        EXPECT(str_equal(reject->found, str_from(found)));
        EXPECT(str_find(reject->reason, str_from(reason)) != SIZE_MAX);
    }
}

static void what_is_no_json_or_holds_no_row_is_refused_whole(void)
{
    static const char *const bodies[] = {"", " \n\t", "[]", "{", "[{]", "{} {}", "\xff"};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct outcome_rows rows;
        struct err err;
        EXPECT(read_body(bodies[i], false, "", &rows, &err) == ERR_SYNTAX);
    }
}

static void a_row_that_is_no_object_is_rejected(void)
{
    check_rejected("7", "", "7", "no JSON object");
    check_rejected("[[1,2]]", "", "[1,2]", "no JSON object");
    check_rejected("[null]", "", "null", "no JSON object");
}

static void what_is_missing_is_named(void)
{
    check_rejected("{}", "case", "", "is missing");
    check_rejected("{\"case\":\"a\",\"workflow\":\"w\"}", "status", "", "is missing");
    check_rejected("{\"case\":\"a\",\"status\":\"failed\"}", "workflow", "", "is missing");
    check_rejected("{\"case\":\"\",\"workflow\":\"w\",\"status\":\"failed\"}", "case", "",
                   "is missing");
    check_rejected("{\"case\":null,\"workflow\":\"w\",\"status\":\"failed\"}", "case", "",
                   "is missing");
}

static void a_value_that_cannot_be_is_told_by_the_senders_own_name(void)
{
#define ROW "{\"workflow\":\"w\",\"case\":\"a\",\"status\":\"failed\","
    check_rejected(ROW "\"value\":-0.01}", "value", "-0.01", "is negative");
    check_rejected(ROW "\"value_usd\":\"NaN\"}", "value_usd", "NaN", "is not a decimal number");
    check_rejected(ROW "\"value\":9e18}", "value", "9e+18", "larger than");
    check_rejected(ROW "\"human_minutes\":true}", "human_minutes", "true", "decimal number");
    check_rejected(ROW "\"quality\":1.000001}", "quality", "1.000001", "from 0 to 1");
    check_rejected(ROW "\"quality\":-0.1}", "quality", "-0.1", "from 0 to 1");
    check_rejected(ROW "\"at\":17}", "at", "17", "2026");
    check_rejected(ROW "\"effective_at\":\"2100-01-01\"}", "effective_at", "2100-01-01", "future");
    check_rejected(ROW "\"value\":[1]}", "value", "[1]", "no single value");
    check_rejected(ROW "\"case_id\":\"b\"}", "case_id", "b", "given twice");
#undef ROW
    check_rejected("{\"workflow\":\"w\",\"case\":\"a\",\"status\":\"done\"}", "status", "done",
                   "resolved");
}

static void good_rows_are_kept_beside_bad_ones_in_their_order(void)
{
    struct outcome_rows rows = {0};
    struct err err;
    EXPECT(
        read_body("{\"case\":\"a\",\"status\":\"resolved\",\"value\":12.1,\"minutes\":0.5}\n"
                  "\n"
                  "{\"case\":\n"
                  "{\"Case\":7,\"outcome\":false,\"id\":\"x\",\"input_key\":\"k\",\"quality\":0.25,"
                  "\"recorded_at\":\"2026-01-02\",\"colour\":\"red\"}",
                  true, "w", &rows, &err) == ERR_OK);
    EXPECT(rows.count == 3);
    EXPECT(rows.rejected == 1);
    EXPECT(rows.rejects.count == 1 && rows.rejects.rows[0].index == 1 &&
           rows.rejects.rows[0].line == 3);
    EXPECT(rows.ignored_count == 1 && str_equal(rows.ignored[0], STR("colour")));
    EXPECT(rows.trace.outcomes.count == 2);
    EXPECT(rows.trace.cases.count == 1);
    if (rows.trace.outcomes.count == 2) {
        const struct outcome *const first = &rows.trace.outcomes.rows[0];
        const struct outcome *const second = &rows.trace.outcomes.rows[1];
        EXPECT(str_equal(first->workflow, STR("w")));
        EXPECT(first->status == OUTCOME_RESOLVED);
        EXPECT(first->has_value);
        EXPECT(first->value_pusd == 12 * MONEY_PUSD_PER_USD + MONEY_PUSD_PER_USD / 10);
        EXPECT(first->human_ms == 30000);
        EXPECT(first->effective_ns == TIME_UNKNOWN);
        EXPECT(first->recorded_ns == TIME_UNKNOWN);
        EXPECT(first->received_ns == NOW_NS);
        EXPECT(second->received_ns > first->received_ns);
        EXPECT(second->status == OUTCOME_FAILED);
        EXPECT(str_equal(second->case_id, STR("7")));
        EXPECT(str_equal(second->id, STR("x")));
        EXPECT(second->recorded_ns != TIME_UNKNOWN);
        EXPECT(!second->has_value);
    }
}

static void unattributed_is_the_name_of_no_workflow(void)
{
    struct outcome_rows rows = {0};
    struct err err;
    EXPECT(read_body("{\"workflow\":\"unattributed\",\"case\":\"a\",\"status\":\"failed\"}", false,
                     "", &rows, &err) == ERR_OK);
    EXPECT(rows.trace.outcomes.count == 1);
    if (rows.trace.outcomes.count == 1) {
        EXPECT(rows.trace.outcomes.rows[0].workflow.size == 0);
    }
}

static void more_rows_than_a_request_may_hold_are_refused(void)
{
    struct text text;
    struct outcome_rows rows;
    struct err err;
    text_init(&text, (size_t)1 << 20);
    for (int i = 0; i <= OUTCOME_BODY_ROWS_MAX; i++) {
        text_add(&text, STR("7\n"));
    }
    const enum errc code = read_body(text.data, true, "", &rows, &err);
    text_deinit(&text);
    EXPECT(code == ERR_LIMIT);
}

static void every_field_has_a_name_and_a_type(void)
{
    struct outcome_field field;
    size_t count = 0;
    size_t wanted = 0;
    while (ingest_outcome_field(count, &field)) {
        EXPECT(field.name != NULL);
        EXPECT(field.type != NULL);
        EXPECT(count > 0 || !field.is_alias);
        wanted += field.is_wanted;
        count++;
    }
    EXPECT(count > 11);
    EXPECT(wanted == 4);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(what_is_no_json_or_holds_no_row_is_refused_whole),
        TEST(a_row_that_is_no_object_is_rejected),
        TEST(what_is_missing_is_named),
        TEST(a_value_that_cannot_be_is_told_by_the_senders_own_name),
        TEST(good_rows_are_kept_beside_bad_ones_in_their_order),
        TEST(unattributed_is_the_name_of_no_workflow),
        TEST_SPARSE(more_rows_than_a_request_may_hold_are_refused),
        TEST(every_field_has_a_name_and_a_type),
    };
    const int failed = test_main(tests, COUNT_OF(tests));
    arena_deinit(&arena);
    return failed;
}
