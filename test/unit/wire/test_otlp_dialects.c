/*
 * Goal: what each dialect says becomes the same disjoint figures, names and places.
 * Method: every case of test/fixtures/otlp_dialects.json, each with the document it comes from, as
 * JSON and as protobuf.
 */
#include <stdio.h>

#include "base/money.h"
#include "otlp_building.h"
#include "support/test.h"

enum { ARENA_BYTES_MAX = 16 << 20, CASES_MIN = 60 };

static struct otlp *otlp;
static struct arena arena;
static struct json fixture;

static const char *const kinds[STEP_KIND_COUNT] = {
    [STEP_LLM] = "llm",           [STEP_TOOL] = "tool",   [STEP_RETRIEVAL] = "retrieval",
    [STEP_DECISION] = "decision", [STEP_HUMAN] = "human", [STEP_GUARD] = "guard",
    [STEP_AGENT] = "agent"};
static const char *const statuses[STATUS_COUNT] = {[STATUS_OK] = "ok",
                                                   [STATUS_ERROR] = "error",
                                                   [STATUS_REJECTED] = "rejected",
                                                   [STATUS_INTERRUPTED] = "interrupted"};

/* What differs from what the case says, or NULL. Static memory. */
static const char *differs(const char *what, struct str is, struct str due)
{
    static char text[512];
    snprintf(text, sizeof text, "%s is \"" STR_FORMAT "\", not \"" STR_FORMAT "\"", what,
             STR_ARG(is), STR_ARG(due));
    return str_equal(is, due) ? NULL : text;
}

static const char *differs_count(const char *what, int64_t is, int64_t due)
{
    static char text[128];
    snprintf(text, sizeof text, "%s is %lld, not %lld", what, (long long)is, (long long)due);
    return is == due ? NULL : text;
}

static const char *check_usage(const struct step *step, struct json expected)
{
    static const char *const names[USAGE_COUNT] = {
#define X(name, column, text) [USAGE_##name] = #column,
        USAGE_CLASSES(X)
#undef X
    };
    const char *text = NULL;
    for (int i = 0; i < USAGE_COUNT && text == NULL; i++) {
        if (i == USAGE_REQUESTS) {
            continue;
        }
        text = differs_count(names[i], step->usage.counts[i],
                             json_int64(json_get(expected, names[i]), 0));
    }
    if (text == NULL) {
        text = differs_count("reasoning", step->usage.reasoning,
                             json_int64(json_get(expected, "reasoning"), 0));
    }
    const bool has_usage = json_bool(json_get(expected, "has_usage"), true);
    if (text == NULL && step->kind == STEP_LLM) {
        text = differs_count("has_usage", step->has_usage, has_usage);
    }
    char money[MONEY_TEXT_BYTES_MAX];
    const size_t size = step->has_reported ? money_print(step->reported_pusd, money) : 0;
    return text != NULL
               ? text
               : differs("cost", (struct str){money, size}, json_str(json_get(expected, "cost")));
}

static const char *check_names(const struct trace *trace, const struct step *step,
                               struct json expected)
{
    const struct attempt *const attempt = &trace->attempts.rows[step->attempt_index];
    const struct trace_case *const row = &trace->cases.rows[attempt->case_index];
    const struct {
        const char *name;
        struct str value;
    } members[] = {{"kind", str_from(kinds[step->kind])},
                   {"status", str_from(statuses[step->status])},
                   {"model", step->model},
                   {"provider", step->provider},
                   {"step", step->name},
                   {"agent", step->agent},
                   {"identity", step->identity},
                   {"alias", step->alias},
                   {"workflow", row->workflow},
                   {"case", row->id},
                   {"input_key", row->input_key},
                   {"attempt", attempt->id},
                   {"program", attempt->agent}};
    const char *text = NULL;
    for (size_t i = 0; i < COUNT_OF(members) && text == NULL; i++) {
        const struct json due = json_get(expected, members[i].name);
        if (json_kind(due) != JSON_ABSENT) {
            text = differs(members[i].name, members[i].value, json_str(due));
        }
    }
    const struct str note = json_str(json_get(expected, "note"));
    if (text == NULL && note.size > 0 && str_find(step->note, note) == SIZE_MAX) {
        text = differs("note", step->note, note);
    }
    struct json_cursor cursor = json_iter(json_get(expected, "case_attributes"));
    struct str name;
    struct json value;
    while (text == NULL && json_next(&cursor, &name, &value)) {
        struct str found = {0};
        for (size_t i = 0; i < row->attribute_count; i++) {
            found = str_equal(row->attributes[i].name, name) ? row->attributes[i].value : found;
        }
        text = differs("a case attribute", found, json_str(value));
    }
    return text;
}

static const char *check(const struct trace *trace, const struct otlp_counts *counts,
                         struct json expected)
{
    const char *text = NULL;
    if (json_bool(json_get(expected, "ignored"), false)) {
        text = differs_count("ignored", counts->ignored, 1);
        return text != NULL ? text : differs_count("steps", (int64_t)trace->steps.count, 0);
    }
    text = differs_count("rejected", counts->rejected, 0);
    text = text != NULL ? text : differs_count("steps", (int64_t)trace->steps.count, 1);
    if (text == NULL) {
        text = check_usage(&trace->steps.rows[0], expected);
    }
    if (text == NULL) {
        text = check_names(trace, &trace->steps.rows[0], expected);
    }
    return text != NULL ? text
                        : differs_count("conflicts", counts->conflicts,
                                        json_int64(json_get(expected, "conflicts"), 0));
}

/* NULL: it went as due, or memory was refused. */
static const char *run_case(struct json from, enum otlp_encoding encoding)
{
    struct err err;
    struct trace trace;
    struct otlp_counts counts;
    struct otlp_request request = {.encoding = encoding};
    request.bytes = otlp_building(from, encoding, &request.signal);
    request.readable = request.bytes.size;
    arena_deinit(&arena);
    arena_init(&arena, ARENA_BYTES_MAX);
    if (otlp_decode(otlp, &request, &arena, &trace, &counts, &err) != ERR_OK) {
        static char text[ERR_TEXT_BYTES_MAX];
        snprintf(text, sizeof text, "%s", err.text);
        return text;
    }
    return check(&trace, &counts, json_get(from, "expect"));
}

static void every_case_of_every_dialect_gives_what_is_due_in_both_encodings(void)
{
    if (json_kind(fixture) == JSON_ABSENT) {
        fixture = otlp_fixture("otlp_dialects.json");
    }
    if (otlp == NULL) {
        otlp_create(&otlp);
    }
    EXPECT(json_count(fixture) >= CASES_MIN);
    struct json_cursor cursor = json_iter(fixture);
    struct json from;
    bool all = true;
    while (json_next(&cursor, NULL, &from)) {
        all = all && json_str(json_get(from, "source")).size > 0;
        for (int encoding = 0; encoding < OTLP_ENCODING_COUNT; encoding++) {
            const char *const text = run_case(from, (enum otlp_encoding)encoding);
            if (text != NULL) {
                char line[2048];
                snprintf(line, sizeof line, STR_FORMAT ", %s: %s",
                         STR_ARG(json_str(json_get(from, "case"))),
                         encoding == OTLP_JSON ? "JSON" : "protobuf", text);
                test_note(line);
                all = false;
            }
        }
    }
    arena_deinit(&arena);
    EXPECT(all);
}

int main(void)
{
    const struct test tests[] = {
        TEST_SPARSE(every_case_of_every_dialect_gives_what_is_due_in_both_encodings),
    };
    const int failed = test_main(tests, COUNT_OF(tests));
    otlp_destroy(&otlp);
    return failed;
}
