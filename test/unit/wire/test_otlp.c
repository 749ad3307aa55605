/*
 * Goal: whatever order, batch or channel records come in, each call is there once, in the case it
 * belongs to; what is refused is counted and told.
 * Method: small requests written by hand, with ' for ".
 */
#include <stdio.h>

#include "base/text.h"
#include "decoding.h"
#include "otlp_building.h"
#include "support/test.h"
#include "wire/otlp.h"

enum { ARENA_BYTES_MAX = 64 << 20, REQUEST_BYTES_MAX = 1 << 16 };

#define TRACE_A "0af7651916cd43dd8448eb211c80319c"
#define TRACE_B "1af7651916cd43dd8448eb211c80319c"

static struct otlp *otlp;
static struct arena arena;
static struct trace trace;
static struct otlp_counts counts;
static struct err err;

static enum errc decode(enum otlp_signal signal, enum otlp_encoding encoding, struct str bytes)
{
    if (otlp == NULL) {
        otlp_create(&otlp);
    }
    arena_deinit(&arena);
    arena_init(&arena, ARENA_BYTES_MAX);
    trace = (struct trace){0};
    counts = (struct otlp_counts){0};
    const struct otlp_request request = {
        .signal = signal, .encoding = encoding, .bytes = bytes, .readable = bytes.size};
    return otlp_decode(otlp, &request, &arena, &trace, &counts, &err);
}

static enum errc decode_json(enum otlp_signal signal, const char *text)
{
    return decode(signal, OTLP_JSON, decoding_quoted(text));
}

/* {'key':…,'value':{…}} for a text and for a number. */
#define S(key, value) "{'key':'" key "','value':{'stringValue':'" value "'}}"
#define N(key, value) "{'key':'" key "','value':{'intValue':" #value "}}"
#define SPAN(trace, span, parent, attributes)                                                      \
    "{'traceId':'" trace "','spanId':'" span "','parentSpanId':'" parent                           \
    "','name':'s','startTimeUnixNano':'1763802000000000000',"                                      \
    "'endTimeUnixNano':'1763802001000000000','attributes':[" attributes "]}"
#define SPANS(spans) "{'resourceSpans':[{'scopeSpans':[{'spans':[" spans "]}]}]}"
#define LOG(ids, attributes)                                                                       \
    "{" ids "'timeUnixNano':'1763802001000000000','attributes':[" attributes "]}"
#define LOGS(service, logs)                                                                        \
    "{'resourceLogs':[{'resource':{'attributes':[" S(                                              \
        "service.name", service) "]},'scopeLogs':[{'logRecords':[" logs "]}]}]}"
#define CHAT                                                                                       \
    S("gen_ai.operation.name", "chat")                                                             \
    "," S("gen_ai.request.model", "gpt-4o") "," N("gen_ai.usage.input_tokens",                     \
                                                  100) "," N("gen_ai.usage.output_tokens", 10)

static void bytes_that_are_no_request_are_refused_whole(void)
{
    EXPECT(decode_json(OTLP_TRACES, "{'resourceSpans':[") == ERR_SYNTAX || test_is_refusing());
    EXPECT(decode_json(OTLP_TRACES, "[]") == ERR_SYNTAX);
    EXPECT(decode_json(OTLP_TRACES, "{'resourceSpans':7}") == ERR_SYNTAX);
    EXPECT(decode(OTLP_TRACES, OTLP_PROTOBUF, STR("\x0a\x7f")) == ERR_TRUNCATED);
    EXPECT(decode(OTLP_TRACES, OTLP_PROTOBUF, STR("\x10\x01\x0b")) == ERR_SYNTAX);
    EXPECT(strstr(err.text, "byte 2") != NULL);
    EXPECT(decode(OTLP_LOGS, OTLP_PROTOBUF, STR("hello, this is no request")) != ERR_OK);
}

static void an_empty_request_is_a_success(void)
{
    EXPECT(decode(OTLP_TRACES, OTLP_PROTOBUF, STR("")) == ERR_OK);
    EXPECT(decode(OTLP_METRICS, OTLP_JSON, STR("")) == ERR_OK);
    EXPECT(decode_json(OTLP_LOGS, "{}") == ERR_OK);
    EXPECT(decode_json(OTLP_LOGS, "{'resourceLogs':[]}") == ERR_OK);
    EXPECT(decode_json(OTLP_TRACES, "{'resourceSpans':[{}]}") == ERR_OK);
    EXPECT(trace.steps.count == 0);
    EXPECT(counts.accepted == 0);
    EXPECT(counts.rejected == 0);
    EXPECT(counts.message[0] == '\0');
}

static void spans_with_broken_ids_are_rejected_alone_and_counted(void)
{
    EXPECT(
        decode_json(
            OTLP_TRACES,
            SPANS(SPAN("00000000000000000000000000000000", "b7ad6b7169203331", "", CHAT) "," SPAN(
                TRACE_A, "0000000000000000", "",
                CHAT) "," SPAN("0af76", "b7ad6b7169203331", "",
                               CHAT) "," SPAN(TRACE_A, "b7ad6b716920333x", "",
                                              CHAT) "," SPAN(TRACE_A, "", "",
                                                             CHAT) ",7," SPAN("0AF7651916CD43DD8448"
                                                                              "EB211C80319C",
                                                                              "B7AD6B7169203331",
                                                                              "", CHAT))) ==
        ERR_OK);
    EXPECT(counts.rejected == 6);
    EXPECT(counts.accepted == 1);
    EXPECT(strstr(counts.message, "all zero") != NULL);
    EXPECT(trace.rejected == 6);
    EXPECT(trace.steps.count == 1);
    EXPECT(str_equal(trace.steps.rows[0].identity, STR("span:" TRACE_A ":b7ad6b7169203331")));
}

static void numbers_as_numbers_and_snake_case_are_taken(void)
{
    EXPECT(
        decode_json(OTLP_TRACES,
                    "{'resource_spans':[{'scope_spans':[{'spans':[{'trace_id':'" TRACE_A
                    "','span_id':'b7ad6b7169203331','name':'n','kind':'SPAN_KIND_CLIENT',"
                    "'start_time_unix_nano':1763802000000000000,'end_time_unix_nano':"
                    "1763802001000000000,'status':{'code':'STATUS_CODE_ERROR','message':'late'},"
                    "'attributes':[{'key':'gen_ai.operation.name','value':{'string_value':'chat'}},"
                    "{'key':'gen_ai.usage.input_tokens','value':{'int_value':'12'}},"
                    "{'key':'gen_ai.usage.output_tokens','value':{'double_value':3}}],"
                    "'more':{'that':['is','not',{'known':1}]}}]}]}]}") == ERR_OK);
    EXPECT(trace.steps.count == 1);
    const struct step *const step = &trace.steps.rows[0];
    EXPECT(step->status == STATUS_ERROR);
    EXPECT(str_equal(step->note, STR("late")));
    EXPECT(step->started_ns == INT64_C(1763802000000000000));
    EXPECT(step->ended_ns == INT64_C(1763802001000000000));
    EXPECT(step->usage.counts[USAGE_INPUT_UNCACHED] == 12);
    EXPECT(step->usage.counts[USAGE_OUTPUT] == 3);
}

static void times_that_cannot_be_are_unknown(void)
{
    EXPECT(decode_json(OTLP_TRACES,
                       "{'resourceSpans':[{'scopeSpans':[{'spans':[{'traceId':'" TRACE_A
                       "','spanId':'b7ad6b7169203331','startTimeUnixNano':'0',"
                       "'endTimeUnixNano':'18446744073709551615','attributes':[" CHAT
                       "]},{'traceId':'" TRACE_A
                       "','spanId':'b7ad6b7169203332','startTimeUnixNano':'1763802001000000000',"
                       "'endTimeUnixNano':'1763802000000000000','attributes':[" CHAT
                       "]}]}]}]}") == ERR_OK);
    EXPECT(trace.steps.count == 2);
    EXPECT(trace.steps.rows[0].started_ns == TIME_UNKNOWN);
    EXPECT(trace.steps.rows[0].ended_ns == TIME_UNKNOWN);
    EXPECT(trace.steps.rows[1].started_ns == INT64_C(1763802001000000000));
    EXPECT(trace.steps.rows[1].ended_ns == TIME_UNKNOWN);
}

static const struct trace_case *case_of(size_t step)
{
    return &trace.cases.rows[trace.attempts.rows[trace.steps.rows[step].attempt_index].case_index];
}

static void children_before_their_parents_take_what_the_root_says(void)
{
    EXPECT(decode_json(
               OTLP_TRACES,
               SPANS(SPAN(TRACE_A, "0000000000000003", "0000000000000002", CHAT) "," SPAN(
                   TRACE_A, "0000000000000002", "0000000000000001",
                   S("gen_ai.operation.name",
                     "execute_tool")) "," SPAN(TRACE_A, "0000000000000001", "",
                                               S("bursar.workflow", "refunds") "," S(
                                                   "bursar.case.id",
                                                   "T-1") "," S("bursar.input_key",
                                                                "k") "," S("bursar.case.attr.tier",
                                                                           "gold")))) == ERR_OK);
    EXPECT(trace.steps.count == 2);
    EXPECT(trace.cases.count == 1);
    EXPECT(trace.attempts.count == 1);
    for (size_t i = 0; i < 2; i++) {
        EXPECT(str_equal(case_of(i)->workflow, STR("refunds")));
        EXPECT(str_equal(case_of(i)->id, STR("T-1")));
        EXPECT(str_equal(case_of(i)->input_key, STR("k")));
        EXPECT(!case_of(i)->is_session);
    }
    EXPECT(case_of(0)->attribute_count == 1);
    EXPECT(str_equal(case_of(0)->attributes[0].value, STR("gold")));
    EXPECT(str_equal(trace.attempts.rows[0].id, STR(TRACE_A)));
}

static void the_nearest_ancestor_says_whose_work_it_is(void)
{
    EXPECT(
        decode_json(
            OTLP_TRACES,
            SPANS(SPAN(TRACE_A, "0000000000000001", "", S("bursar.case.id", "outer")) "," SPAN(
                TRACE_A, "0000000000000002", "0000000000000001",
                S("bursar.case.id",
                  "inner")) "," SPAN(TRACE_A, "0000000000000003", "0000000000000002",
                                     CHAT) "," SPAN(TRACE_A, "0000000000000004", "0000000000000001",
                                                    CHAT) "," SPAN(TRACE_A, "0000000000000005",
                                                                   "0000000000000009", CHAT))) ==
        ERR_OK);
    EXPECT(trace.steps.count == 3);
    EXPECT(str_equal(case_of(0)->id, STR("inner")));
    EXPECT(str_equal(case_of(1)->id, STR("outer")));
    EXPECT(str_equal(case_of(2)->id, STR("inner"))); /* its trace names two: the smaller */
    EXPECT(told_level(trace.steps.rows[2].told, TOLD_CASE) == TOLD_BY_NOTHING);
    EXPECT((trace.steps.rows[2].told & TOLD_LOOSE) != 0);
}

static void a_parent_that_did_not_come_leaves_what_the_trace_agrees_on(void)
{
    EXPECT(
        decode_json(OTLP_TRACES,
                    SPANS(SPAN(TRACE_A, "0000000000000003", "0000000000000002", CHAT) "," SPAN(
                        TRACE_A, "0000000000000004", "0000000000000002",
                        CHAT "," S("bursar.case.id", "T-1")) "," SPAN(TRACE_B, "0000000000000003",
                                                                      "", CHAT))) == ERR_OK);
    EXPECT(trace.steps.count == 3);
    EXPECT(str_equal(case_of(0)->id, STR("T-1")));
    EXPECT(str_equal(case_of(1)->id, STR("T-1")));
    EXPECT(str_equal(case_of(2)->id, STR(TRACE_B)));
}

static void spans_that_are_their_own_ancestors_end(void)
{
    EXPECT(decode_json(OTLP_TRACES,
                       SPANS(SPAN(TRACE_A, "0000000000000001", "0000000000000002", CHAT) "," SPAN(
                           TRACE_A, "0000000000000002", "0000000000000001",
                           CHAT) "," SPAN(TRACE_A, "0000000000000003", "0000000000000003",
                                          CHAT))) == ERR_OK);
    EXPECT(trace.steps.count == 3);
}

static void a_span_sent_twice_is_one_step_and_the_fuller_stays(void)
{
    EXPECT(
        decode_json(OTLP_TRACES,
                    SPANS(SPAN(TRACE_A, "0000000000000001", "",
                               S("gen_ai.operation.name", "chat") "," S(
                                   "gen_ai.request.model",
                                   "gpt-4o")) "," SPAN(TRACE_A, "0000000000000001", "",
                                                       CHAT) "," SPAN(TRACE_A, "0000000000000001",
                                                                      "", CHAT))) == ERR_OK);
    EXPECT(counts.accepted == 3);
    EXPECT(trace.steps.count == 1);
    EXPECT(trace.steps.rows[0].usage.counts[USAGE_INPUT_UNCACHED] == 100);
}

#define RESPONSE S("gen_ai.response.id", "chatcmpl-9J3uIL87gldCFt")

static void two_instrumentations_of_one_call_are_one_call(void)
{
    EXPECT(decode_json(OTLP_TRACES,
                       SPANS(SPAN(TRACE_A, "0000000000000001", "", CHAT "," RESPONSE) "," SPAN(
                           TRACE_A, "0000000000000002", "0000000000000001", CHAT "," RESPONSE))) ==
           ERR_OK);
    EXPECT(trace.steps.count == 1);
    EXPECT(str_equal(trace.steps.rows[0].identity, STR("chatcmpl-9J3uIL87gldCFt")));
}

static void the_event_of_a_call_has_the_identity_of_its_span(void)
{
    EXPECT(decode_json(OTLP_TRACES, SPANS(SPAN(TRACE_A, "0000000000000001", "", CHAT))) == ERR_OK);
    EXPECT(trace.steps.count == 1);
    char identity[128];
    snprintf(identity, sizeof identity, STR_FORMAT, STR_ARG(trace.steps.rows[0].identity));
    EXPECT(trace.steps.rows[0].channel == CHANNEL_SPAN);
    EXPECT(decode_json(OTLP_LOGS,
                       LOGS("x", LOG("'eventName':'gen_ai.client.inference.operation.details',"
                                     "'traceId':'" TRACE_A "','spanId':'0000000000000001',",
                                     CHAT))) == ERR_OK);
    EXPECT(trace.steps.count == 1);
    EXPECT(trace.steps.rows[0].channel == CHANNEL_LOG_EVENT);
    EXPECT(str_equal(trace.steps.rows[0].identity, str_from(identity)));
}

#define CLAUDE_CALL(id)                                                                            \
    LOG("", S("event.name", "api_request") "," S("session.id", "sess") "," S(                      \
                "model", "claude-sonnet-4-5") "," N("input_tokens",                                \
                                                    5) "," N("output_tokens",                      \
                                                             7) "," S("request_id", id))

static void events_sent_twice_are_one_and_two_that_differ_are_two(void)
{
    EXPECT(decode_json(OTLP_LOGS, LOGS("claude-code", CLAUDE_CALL("req_1") "," CLAUDE_CALL(
                                                          "req_1") "," CLAUDE_CALL("req_2"))) ==
           ERR_OK);
    EXPECT(trace.steps.count == 2);
    EXPECT(trace.cases.count == 1);
    EXPECT(case_of(0)->is_session);
    /* without an id of the request: by their content */
    EXPECT(decode_json(OTLP_LOGS,
                       LOGS("claude-code", CLAUDE_CALL("") "," CLAUDE_CALL("") "," LOG(
                                               "", S("event.name", "api_request") "," S(
                                                       "session.id", "sess") "," N("input_tokens",
                                                                                   6)))) == ERR_OK);
    EXPECT(trace.steps.count == 2);
}

#define POINT(metric, temporality, start, end, value, attributes)                                  \
    "{'name':'" metric "','sum':{'aggregationTemporality':" temporality                            \
    ",'dataPoints':[{'startTimeUnixNano':'17638020" start                                          \
    "000000000','timeUnixNano':'17638020" end "000000000','asInt':'" value                         \
    "','attributes':[" S("session.id", "sess") "," S("model", "claude-sonnet-4-5") attributes      \
        "]}]}}"
#define POINTS(points)                                                                             \
    "{'resourceMetrics':[{'resource':{'attributes':[" S(                                           \
        "service.name", "claude-code") "]},'scopeMetrics':[{'metrics':[" points "]}]}]}"
#define TOKENS(start, end, value, type)                                                            \
    POINT("claude_code.token.usage", "1", start, end, value, "," S("type", type))

static void points_of_one_series_that_differ_in_the_type_are_one_step(void)
{
    EXPECT(
        decode_json(
            OTLP_METRICS,
            POINTS(TOKENS("00", "60", "5", "input") "," TOKENS("00", "60", "7", "output") "," TOKENS(
                "00", "60", "900",
                "cacheRead") "," TOKENS("00", "60", "40",
                                        "cacheCreation") "," TOKENS("60", "90", "2",
                                                                    "input") "," TOKENS("60", "90",
                                                                                        "2",
                                                                                        "inpu"
                                                                                        "t"))) ==
        ERR_OK);
    EXPECT(counts.accepted == 6);
    EXPECT(trace.steps.count == 2);
    const struct step *const first = &trace.steps.rows[0];
    EXPECT(first->channel == CHANNEL_METRIC);
    EXPECT(first->meter != NULL);
    EXPECT(!first->meter->is_cumulative);
    EXPECT(first->meter->cache_read == 900);
    EXPECT(first->meter->tool == -1);
    EXPECT(first->usage.counts[USAGE_INPUT_UNCACHED] == 5);
    EXPECT(first->usage.counts[USAGE_CACHE_READ] == 900);
    EXPECT(first->usage.counts[USAGE_CACHE_WRITE_5M] == 40);
    EXPECT(first->usage.counts[USAGE_OUTPUT] == 7);
    EXPECT(trace.steps.rows[1].usage.counts[USAGE_INPUT_UNCACHED] == 2);
}

#define TOTALS(start, end, value)                                                                  \
    POINT("claude_code.token.usage", "2", start, end, value, "," S("type", "input"))

static void every_reading_of_a_cumulative_series_is_told_with_its_window(void)
{
    EXPECT(decode_json(OTLP_METRICS,
                       POINTS(TOTALS("00", "60", "50") "," TOTALS("00", "80", "70") "," TOTALS(
                           "00", "60", "50") "," TOTALS("85", "90", "4"))) == ERR_OK);
    EXPECT(trace.steps.count == 3);
    for (size_t i = 0; i < trace.steps.count; i++) {
        EXPECT(trace.steps.rows[i].meter->is_cumulative);
        EXPECT(trace.steps.rows[i].meter->series == trace.steps.rows[0].meter->series);
        EXPECT(str_equal(trace.steps.rows[i].meter->session, STR("sess")));
    }
    EXPECT(trace.steps.rows[1].meter->input == 70);
    EXPECT(trace.steps.rows[1].meter->started_ns == trace.steps.rows[0].meter->started_ns);
    EXPECT(trace.steps.rows[2].meter->input == 4);
    EXPECT(trace.steps.rows[2].meter->started_ns > trace.steps.rows[1].meter->ended_ns);
}

static void points_that_are_no_figure_are_rejected_and_other_metrics_ignored(void)
{
    EXPECT(decode_json(OTLP_METRICS,
                       POINTS(TOKENS("00", "60", "-5", "input") "," TOKENS(
                           "00", "60", "9223372036854775807",
                           "input") "," POINT("process.cpu.time", "2", "00", "60", "5",
                                              "") "," TOKENS("00", "60", "5", "of a new kind"))) ==
           ERR_OK);
    EXPECT(counts.rejected == 2);
    EXPECT(counts.ignored == 2);
    EXPECT(trace.steps.count == 0);
}

/* Requests as one batch, in that order. */
static enum errc decode_all(const char *const *texts, const enum otlp_signal *signals, size_t count)
{
    if (otlp == NULL) {
        otlp_create(&otlp);
    }
    arena_deinit(&arena);
    arena_init(&arena, ARENA_BYTES_MAX);
    otlp_open(otlp, &arena);
    enum errc code = ERR_OK;
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        const struct str bytes = decoding_quoted(texts[i]);
        const struct otlp_request request = {
            .signal = signals[i], .encoding = OTLP_JSON, .bytes = bytes, .readable = bytes.size};
        code = otlp_add(otlp, &request, &err);
    }
    if (code != ERR_OK) {
        otlp_abandon(otlp);
        return code;
    }
    return otlp_close(otlp, &trace, &counts, &err);
}

static void several_requests_are_one_batch_in_any_order(void)
{
    static const char *const texts[] = {
        SPANS(SPAN(TRACE_A, "0000000000000003", "0000000000000002", CHAT)),
        LOGS("x", LOG("'eventName':'gen_ai.client.inference.operation.details','traceId':'" TRACE_A
                      "','spanId':'0000000000000003',",
                      CHAT)),
        SPANS(SPAN(TRACE_A, "0000000000000002", "0000000000000001", CHAT)),
        SPANS(SPAN(TRACE_A, "0000000000000001", "",
                   S("bursar.workflow", "refunds") "," S("bursar.case.id", "T-1"))),
    };
    static const enum otlp_signal signals[] = {OTLP_TRACES, OTLP_LOGS, OTLP_TRACES, OTLP_TRACES};
    static const size_t orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1}};
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        const char *ordered[4];
        enum otlp_signal of[4];
        for (size_t k = 0; k < 4; k++) {
            ordered[k] = texts[orders[i][k]];
            of[k] = signals[orders[i][k]];
        }
        EXPECT(decode_all(ordered, of, 4) == ERR_OK);
        EXPECT(trace.steps.count == 2);
        EXPECT(trace.cases.count == 1);
        for (size_t k = 0; k < 2; k++) {
            EXPECT(trace.steps.rows[k].channel == CHANNEL_SPAN);
            EXPECT(str_equal(case_of(k)->id, STR("T-1")));
            EXPECT(str_equal(case_of(k)->workflow, STR("refunds")));
        }
    }
}

static void a_resource_without_a_service_takes_none_away(void)
{
    EXPECT(decode_json(
               OTLP_TRACES,
               "{'resourceSpans':[{'resource':{'attributes':[" S(
                   "service.name",
                   "desk") "]},'scopeSpans':[{'spans':[" SPAN(TRACE_A, "0000000000000001", "",
                                                              CHAT) "]}]},{'scopeSpans':[{'spans':"
                                                                    "[" SPAN(TRACE_A,
                                                                             "0000000000000002", "",
                                                                             CHAT) "]}]}]}") ==
           ERR_OK);
    EXPECT(trace.steps.count == 2);
    EXPECT(trace.cases.count == 1);
    EXPECT(trace.cases.rows[0].attribute_count == 1);
    EXPECT(str_equal(trace.cases.rows[0].attributes[0].value, STR("desk")));
}

static void a_check_counts_as_the_decoding_does(void)
{
    const struct str bytes =
        decoding_quoted(SPANS(SPAN(TRACE_A, "0000000000000001", "",
                                   CHAT) "," SPAN(TRACE_A, "0000000000000000", "", CHAT) ",7"));
    const struct otlp_request request = {
        .signal = OTLP_TRACES, .encoding = OTLP_JSON, .bytes = bytes, .readable = bytes.size};
    EXPECT(decode(OTLP_TRACES, OTLP_JSON, bytes) == ERR_OK);
    struct otlp_counts checked;
    EXPECT(otlp_check(otlp, &request, &arena, &checked, &err) == ERR_OK);
    EXPECT(checked.accepted == 1);
    EXPECT(checked.accepted == counts.accepted);
    EXPECT(checked.rejected == 2);
    EXPECT(checked.rejected == counts.rejected);
    EXPECT(strcmp(checked.message, counts.message) == 0);
}

static void an_outcome_belongs_to_the_case_of_its_span(void)
{
    EXPECT(decode_json(
               OTLP_TRACES,
               SPANS(SPAN(
                   TRACE_A, "0000000000000001", "",
                   S("bursar.workflow", "refunds") "," S("bursar.case.id", "T-1") "," S(
                       "bursar.outcome",
                       "resolved") "," S("bursar.outcome.value_usd",
                                         "3.5") "," S("bursar.outcome.quality",
                                                      "0.75") "," S("bursar.outcome.reference",
                                                                    "ZD-9")) "," SPAN(TRACE_A,
                                                                                      "000000000000"
                                                                                      "0002",
                                                                                      "",
                                                                                      S("bursar."
                                                                                        "outcome",
                                                                                        "splendi"
                                                                                        "d")))) ==
           ERR_OK);
    EXPECT(trace.outcomes.count == 1);
    const struct outcome *const outcome = &trace.outcomes.rows[0];
    EXPECT(outcome->status == OUTCOME_RESOLVED);
    EXPECT(str_equal(outcome->case_id, STR("T-1")));
    EXPECT(str_equal(outcome->workflow, STR("refunds")));
    EXPECT(outcome->has_value);
    EXPECT(outcome->value_pusd == INT64_C(3500000000000));
    EXPECT(outcome->quality > 0.74 && outcome->quality < 0.76);
    EXPECT(str_equal(outcome->reference, STR("ZD-9")));
    EXPECT(outcome->effective_ns == INT64_C(1763802001000000000));
    EXPECT(counts.conflicts == 1);
    EXPECT(trace.rejected == 1);
    EXPECT(strstr(trace.rejects.rows[0].reason.data, "splendid") != NULL);
}

static void a_commit_in_a_tool_result_is_a_candidate(void)
{
    EXPECT(
        decode_json(
            OTLP_LOGS,
            LOGS("claude-code",
                 LOG("", S("event.name", "tool_result") "," S("session.id", "sess") "," S(
                             "tool_name",
                             "Bash") "," S("tool_use_id",
                                           "toolu_1") "," S("success",
                                                            "true") "," S("tool_parameters",
                                                                          "{\\'git_commit_id\\':\\'"
                                                                          "8e8d4ce5ad2d\\'}")))) ==
        ERR_OK);
    EXPECT(trace.steps.count == 1);
    EXPECT(trace.outcomes.count == 1);
    EXPECT(trace.outcomes.rows[0].status == OUTCOME_CANDIDATE);
    EXPECT(str_equal(trace.outcomes.rows[0].reference, STR("8e8d4ce5ad2d")));
    EXPECT(str_equal(trace.outcomes.rows[0].case_id, STR("sess")));
}

#define EVENT(name, at, attributes)                                                                \
    "{'name':'" name "','timeUnixNano':'" at "','attributes':[" attributes "]}"
#define EVENT_SPAN(events)                                                                         \
    "{'traceId':'" TRACE_A "','spanId':'00f067aa0ba902b7','name':'s',"                             \
    "'startTimeUnixNano':'1763802000000000000','endTimeUnixNano':'1763802009000000000',"           \
    "'attributes':[" S("bursar.case.id", "C") "," S("bursar.workflow", "W") "],'events':[" events  \
                                                                            "]}"
#define REFUNDED S("bursar.decision.choice", "refund") "," S("bursar.decision.by", "policy")

static void a_span_event_that_tells_a_decision_is_a_step_of_its_spans_case(void)
{
    const char *const text =
        SPANS(EVENT_SPAN(EVENT("hello", "1763802001000000000", S("a", "b")) "," EVENT(
            "decided", "1763802002000000000",
            REFUNDED) "," EVENT("decided", "1763802002000000000",
                                REFUNDED) "," EVENT("odd", "7",
                                                    S("bursar.other",
                                                      "x")) "," EVENT("denied", "0",
                                                                      S("bursar."
                                                                        "decision."
                                                                        "choice",
                                                                        "denied"))));
    EXPECT(decode_json(OTLP_TRACES, text) == ERR_OK);
    EXPECT(trace.steps.count == 2); /* told twice it is one */
    const struct step *const first = &trace.steps.rows[0];
    EXPECT(first->kind == STEP_GUARD && first->channel == CHANNEL_SPAN);
    EXPECT(str_equal(first->name, STR("decided")) && first->decision != NULL);
    EXPECT(str_equal(first->decision->choice, STR("refund")));
    EXPECT(first->started_ns == INT64_C(1763802002000000000));
    EXPECT(str_equal(case_of(0)->id, STR("C")) && str_equal(case_of(0)->workflow, STR("W")));
    EXPECT(trace.steps.rows[1].status == STATUS_REJECTED);
    EXPECT(trace.steps.rows[1].started_ns == INT64_C(1763802009000000000)); /* its span's end */
    EXPECT(str_equal(case_of(1)->id, STR("C")));
}

static void a_decision_told_as_span_event_and_as_log_record_is_one(void)
{
    const char *const span = SPANS(EVENT_SPAN(EVENT("decided", "1763802001000000000", REFUNDED)));
    const char *const log =
        "{'resourceLogs':[{'scopeLogs':[{'logRecords':[{'eventName':'decided',"
        "'traceId':'" TRACE_A "','spanId':'00f067aa0ba902b7',"
        "'timeUnixNano':'1763802001000000000','attributes':[" REFUNDED "]}]}]}]}";
    EXPECT(decode_json(OTLP_LOGS, log) == ERR_OK);
    EXPECT(trace.steps.count == 1);
    static char identity[64];
    const struct str told = trace.steps.rows[0].identity;
    EXPECT(told.size < sizeof identity);
    memcpy(identity, told.data, told.size);
    EXPECT(decode_json(OTLP_TRACES, span) == ERR_OK);
    EXPECT(trace.steps.count == 1);
    EXPECT(str_equal(trace.steps.rows[0].identity, (struct str){identity, told.size}));
}

/* Field `number` of the message in `inner`, which is emptied. */
static void put_message(struct text *out, uint32_t number, struct text *inner)
{
    otlp_put_bytes(out, number, text_str(inner));
    text_clear(inner);
}

static void put_pair(struct text *out, uint32_t number, const char *key, const char *value)
{
    struct text pair;
    struct text inner;
    text_init(&pair, REQUEST_BYTES_MAX);
    text_init(&inner, REQUEST_BYTES_MAX);
    otlp_put_bytes(&inner, 1, str_from(value));
    otlp_put_bytes(&pair, 1, str_from(key));
    put_message(&pair, 2, &inner);
    put_message(out, number, &pair);
    text_deinit(&inner);
    text_deinit(&pair);
}

static void a_span_event_in_protobuf_stands_before_its_spans_ids_and_is_taken(void)
{
    struct text event;
    struct text span;
    struct text outer;
    text_init(&event, REQUEST_BYTES_MAX);
    text_init(&span, REQUEST_BYTES_MAX);
    text_init(&outer, REQUEST_BYTES_MAX);
    put_pair(&event, 3, "bursar.decision.choice", "approve");
    otlp_put_fixed(&event, 1, UINT64_C(1763802001000000000));
    otlp_put_bytes(&event, 2, STR("decided"));
    put_message(&span, 11, &event);
    put_pair(&span, 9, "bursar.case.id", "C");
    otlp_put_bytes(&span, 1, otlp_unhex(STR(TRACE_A)));
    otlp_put_bytes(&span, 2, otlp_unhex(STR("00f067aa0ba902b7")));
    put_message(&outer, 2, &span);
    put_message(&span, 2, &outer);
    put_message(&outer, 1, &span);
    const enum errc code = decode(OTLP_TRACES, OTLP_PROTOBUF, text_str(&outer));
    text_deinit(&event);
    text_deinit(&span);
    text_deinit(&outer);
    EXPECT(code == ERR_OK);
    EXPECT(trace.steps.count == 1);
    EXPECT(trace.steps.rows[0].kind == STEP_DECISION);
    EXPECT(trace.steps.rows[0].started_ns == INT64_C(1763802001000000000));
    EXPECT(str_equal(trace.steps.rows[0].decision->choice, STR("approve")));
    EXPECT(str_equal(case_of(0)->id, STR("C")));
}

int main(void)
{
    const struct test tests[] = {
        TEST(a_span_event_that_tells_a_decision_is_a_step_of_its_spans_case),
        TEST(a_decision_told_as_span_event_and_as_log_record_is_one),
        TEST(a_span_event_in_protobuf_stands_before_its_spans_ids_and_is_taken),
        TEST(bytes_that_are_no_request_are_refused_whole),
        TEST(an_empty_request_is_a_success),
        TEST(spans_with_broken_ids_are_rejected_alone_and_counted),
        TEST(numbers_as_numbers_and_snake_case_are_taken),
        TEST(times_that_cannot_be_are_unknown),
        TEST(children_before_their_parents_take_what_the_root_says),
        TEST(the_nearest_ancestor_says_whose_work_it_is),
        TEST(a_parent_that_did_not_come_leaves_what_the_trace_agrees_on),
        TEST(spans_that_are_their_own_ancestors_end),
        TEST(a_span_sent_twice_is_one_step_and_the_fuller_stays),
        TEST(two_instrumentations_of_one_call_are_one_call),
        TEST(the_event_of_a_call_has_the_identity_of_its_span),
        TEST(events_sent_twice_are_one_and_two_that_differ_are_two),
        TEST(points_of_one_series_that_differ_in_the_type_are_one_step),
        TEST(every_reading_of_a_cumulative_series_is_told_with_its_window),
        TEST(points_that_are_no_figure_are_rejected_and_other_metrics_ignored),
        TEST(several_requests_are_one_batch_in_any_order),
        TEST(a_resource_without_a_service_takes_none_away),
        TEST(a_check_counts_as_the_decoding_does),
        TEST(an_outcome_belongs_to_the_case_of_its_span),
        TEST(a_commit_in_a_tool_result_is_a_candidate),
    };
    const int failed = test_main(tests, COUNT_OF(tests));
    arena_deinit(&arena);
    otlp_destroy(&otlp);
    return failed;
}
