/* Rules, headers, baggage and keys beside what spans say themselves: of several that name the work
 * the strongest counts, whatever the order the records come in. */
#include <stdio.h>

#include "support/test.h"
#include "wire/correlation.h"
#include "wire/otlp.h"

#define ARENA_BYTES ((size_t)16 << 20)

static struct arena arena;
static struct trace trace;

enum { FLOW, TICKET, TEAM, STATE, NAME_COUNT };

static const struct str names[NAME_COUNT] = {[FLOW] = STR_STATIC("flow"),
                                             [TICKET] = STR_STATIC("ticket"),
                                             [TEAM] = STR_STATIC("header.x-team"),
                                             [STATE] = STR_STATIC("state")};
static const size_t places[NAME_COUNT] = {FLOW, TICKET, TEAM, STATE};

/* workflow from flow, case from ticket, outcome from state, team from a header. */
static enum errc decode(const char *spans, const char *resource, const char *context)
{
    static const struct correlation_attribute team = {
        .name = STR_STATIC("team"),
        .value = {.is_set = true, .names = &places[TEAM], .name_count = 1}};
    static const struct correlation_rule rule = {
        .fields =
            {[CORRELATION_WORKFLOW] = {.is_set = true, .names = &places[FLOW], .name_count = 1},
             [CORRELATION_CASE] = {.is_set = true, .names = &places[TICKET], .name_count = 1},
             [CORRELATION_OUTCOME] = {.is_set = true, .names = &places[STATE], .name_count = 1}},
        .attributes = &team,
        .attribute_count = 1};
    static char text[20000];
    struct otlp *otlp = NULL;
    struct otlp_counts counts;
    struct err err;
    struct correlation rules = {
        .rules = &rule, .rule_count = 1, .names = names, .name_count = NAME_COUNT};
    arena_deinit(&arena);
    arena_init(&arena, ARENA_BYTES);
    trace = (struct trace){0};
    if (!correlation_seal(&rules, &arena)) {
        return ERR_LIMIT;
    }
    const int size = snprintf(text, sizeof text,
                              "{\"resourceSpans\":[{\"resource\":{\"attributes\":[%s]},"
                              "\"scopeSpans\":[{\"spans\":[%s]}]}]}",
                              resource, spans);
    CHECK(size > 0 && (size_t)size < sizeof text);
    otlp_create(&otlp);
    otlp_use(otlp, &rules);
    const struct otlp_request request = {.signal = OTLP_TRACES,
                                         .encoding = OTLP_JSON,
                                         .bytes = {text, (size_t)size},
                                         .context = str_from(context),
                                         .readable = (size_t)size};
    const enum errc code = otlp_decode(otlp, &request, &arena, &trace, &counts, &err);
    otlp_destroy(&otlp);
    return code;
}

#define TRACE "\"traceId\":\"0123456789abcdef0123456789abcdef\",\"name\":\"x\","
#define SPAN(id, attributes)                                                                       \
    "{" TRACE "\"spanId\":\"000000000000000" id "\",\"attributes\":[" attributes "]}"
#define CHILD(id, parent, attributes)                                                              \
    "{" TRACE "\"spanId\":\"000000000000000" id "\",\"parentSpanId\":\"000000000000000" parent     \
    "\",\"attributes\":[" attributes "]}"
#define A(name, value) "{\"key\":\"" name "\",\"value\":{\"stringValue\":\"" value "\"}}"
#define CALL           A("gen_ai.operation.name", "chat")

/* Whether all steps are of that one case. */
static bool is_case(const char *workflow, const char *id)
{
    const bool is_one = trace.cases.count == 1 && trace.steps.count > 0;
    const bool same = is_one && str_equal(trace.cases.rows[0].workflow, str_from(workflow)) &&
                      str_equal(trace.cases.rows[0].id, str_from(id));
    for (size_t i = 0; i < trace.cases.count && !same; i++) {
        char told[200];
        snprintf(told, sizeof told, "case \"%.*s\" of \"%.*s\"", STR_ARG(trace.cases.rows[i].id),
                 STR_ARG(trace.cases.rows[i].workflow));
        test_note(told);
    }
    return same;
}

static bool has_attribute(const char *name, const char *value)
{
    for (size_t i = 0; trace.cases.count > 0 && i < trace.cases.rows[0].attribute_count; i++) {
        const struct attribute *const attribute = &trace.cases.rows[0].attributes[i];
        if (str_equal(attribute->name, str_from(name))) {
            return str_equal(attribute->value, str_from(value));
        }
    }
    return value == NULL;
}

static void the_key_goes_before_everything_a_client_says(void)
{
    EXPECT(decode(SPAN("1", CALL "," A("bursar.workflow", "theirs")),
                  A("bursar.case.attr.team", "theirs"),
                  "header.x-bursar-workflow=theirs\nheader.x-team=theirs\nkey.workflow=bound\n"
                  "key.team=payments\nkey.user=u\n") == ERR_OK);
    EXPECT(is_case("bound", "0123456789abcdef0123456789abcdef"));
    EXPECT(has_attribute("team", "payments"));
    EXPECT(has_attribute("user", "u"));
}

static void what_the_span_says_goes_before_headers_and_these_before_rules(void)
{
    static const char *const headers = "header.x-bursar-workflow=by-header\n"
                                       "header.baggage=bursar.workflow=by-baggage,bursar.case=B\n";
    EXPECT(decode(SPAN("1", CALL "," A("bursar.workflow", "w") "," A("flow", "f")), "", headers) ==
           ERR_OK);
    EXPECT(is_case("w", "B"));
    EXPECT(decode(SPAN("1", CALL "," A("flow", "f")), A("bursar.workflow", "r"), headers) ==
           ERR_OK);
    EXPECT(is_case("r", "B"));
    EXPECT(decode(SPAN("1", CALL "," A("flow", "f") "," A("ticket", "t")), "", headers) == ERR_OK);
    EXPECT(is_case("by-header", "B"));
    EXPECT(decode(SPAN("1", CALL "," A("flow", "f") "," A("ticket", "t") "," A(
                                "gen_ai.workflow.name", "hint") "," A("session.id", "s")),
                  "", "") == ERR_OK);
    EXPECT(is_case("f", "t"));
}

static void a_word_on_an_ancestor_goes_before_a_rule_on_the_span_itself(void)
{
    EXPECT(decode(CHILD("2", "1", CALL "," A("flow", "f") "," A("ticket", "t")) "," SPAN(
                      "1", A("bursar.workflow", "w") "," A("bursar.case.id", "c")),
                  "", "") == ERR_OK);
    EXPECT(is_case("w", "c"));
}

static void what_a_rule_makes_of_one_span_counts_for_those_below_it(void)
{
    EXPECT(decode(CHILD("3", "2", CALL) "," CHILD("2", "1", CALL) "," SPAN("1", A("ticket", "t")),
                  A("flow", "f"), "") == ERR_OK);
    EXPECT(is_case("f", "t"));
    EXPECT(decode(CHILD("3", "1", CALL "," A("ticket", "a")) "," CHILD("2", "1",
                                                                       CALL "," A("ticket", "b")),
                  A("flow", "f"), "") == ERR_OK);
    EXPECT(trace.cases.count == 2);
}

static void of_a_case_attribute_the_strongest_word_counts(void)
{
    EXPECT(decode(SPAN("1", CALL "," A("bursar.case.attr.team", "told")), "",
                  "header.x-team=aaa\n") == ERR_OK);
    EXPECT(has_attribute("team", "told"));
    EXPECT(decode(SPAN("1", CALL), "",
                  "header.x-team=aaa\n"
                  "header.baggage=bursar.case.attr.team=zzz\n") == ERR_OK);
    EXPECT(has_attribute("team", "zzz"));
    EXPECT(decode(SPAN("1", CALL), "", "header.x-team=aaa\n") == ERR_OK);
    EXPECT(has_attribute("team", "aaa"));
}

static void an_outcome_of_a_rule_is_one_only_when_it_is_a_status(void)
{
    EXPECT(decode(SPAN("1", A("ticket", "t") "," A("state", "resolved")), "", "") == ERR_OK);
    EXPECT(trace.outcomes.count == 1);
    EXPECT(trace.outcomes.rows[0].status == OUTCOME_RESOLVED);
    EXPECT(str_equal(trace.outcomes.rows[0].source, STR("rule")));
    EXPECT(decode(SPAN("1", A("ticket", "t") "," A("state", "pending")), "", "") == ERR_OK);
    EXPECT(trace.outcomes.count == 0);
    EXPECT(trace.rejected == 0);
    EXPECT(decode(SPAN("1", A("state", "resolved") "," A("bursar.outcome", "failed")), "", "") ==
           ERR_OK);
    EXPECT(trace.outcomes.count == 1);
    EXPECT(trace.outcomes.rows[0].status == OUTCOME_FAILED);
}

static void a_malformed_context_says_nothing(void)
{
    EXPECT(decode(SPAN("1", CALL), "",
                  "\n\n=\nheader.baggage\nkey.workflow=\nheader.baggage="
                  "bursar.workflow=%zz,bursar.case=%") == ERR_OK);
    EXPECT(is_case("", "0123456789abcdef0123456789abcdef"));
}

int main(void)
{
    static const struct test tests[] = {
        TEST(the_key_goes_before_everything_a_client_says),
        TEST(what_the_span_says_goes_before_headers_and_these_before_rules),
        TEST(a_word_on_an_ancestor_goes_before_a_rule_on_the_span_itself),
        TEST(what_a_rule_makes_of_one_span_counts_for_those_below_it),
        TEST(of_a_case_attribute_the_strongest_word_counts),
        TEST(an_outcome_of_a_rule_is_one_only_when_it_is_a_status),
        TEST(a_malformed_context_says_nothing),
    };
    arena_init(&arena, ARENA_BYTES);
    const int failed = test_main(tests, COUNT_OF(tests));
    arena_deinit(&arena);
    return failed;
}
