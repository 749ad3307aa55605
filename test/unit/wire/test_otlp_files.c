/*
 * Goal: files of OTLP requests give what the requests say, however they are written, and hostile
 * ones only errors.
 * Method: the requests of ../shared/data/otlp against its expected.csv; lines as the collector
 * writes them; requests made to hurt.
 */
#include <stdio.h>

#include "base/text.h"
#include "decoding.h"
#include "otlp_building.h"
#include "support/test.h"
#include "wire/otlp.h"

static struct decoding first;
static struct decoding second;

#define SPAN_LINE(span, parent, attributes)                                                        \
    "{'resourceSpans':[{'scopeSpans':[{'spans':[{'traceId':'0af7651916cd43dd8448eb211c80319c',"    \
    "'spanId':'" span "','parentSpanId':'" parent "','startTimeUnixNano':'1763802000000000000',"   \
    "'attributes':[" attributes "]}]}]}]}\n"
#define S(key, value) "{'key':'" key "','value':{'stringValue':'" value "'}}"
#define CHAT                                                                                       \
    S("gen_ai.operation.name", "chat")                                                             \
    ",{'key':'gen_ai.usage.input_tokens','value':{'intValue':"                                     \
    "5}}"

static void lines_of_the_collector_are_one_batch(void)
{
    static const char lines[] = SPAN_LINE(
        "0000000000000002", "0000000000000001",
        CHAT) "{'resourceSpans':[{'broken\n" SPAN_LINE("0000000000000001", "",
                                                       S("bursar.case.id",
                                                         "T-1")) "{'resourceLogs':[{'scopeLogs':[{'"
                                                                 "logRecords':[]}]}]}\n{'else':1}"
                                                                 "\n";
    const struct decoding_source source = {
        .format = WIRE_OTLP, .path = "traces.json", .bytes = decoding_quoted(lines), .piece = 100};
    EXPECT(decoding_run(&first, &source) == ERR_OK);
    const struct trace *const trace = decoding_trace(&first);
    EXPECT(trace->steps.count == 1);
    EXPECT(trace->steps.rows[0].line == 1);
    EXPECT(trace->cases.count == 1);
    EXPECT(str_equal(trace->cases.rows[0].id, STR("T-1")));
    EXPECT(trace->rejected == 2);
    EXPECT(trace->rejects.rows[0].line == 2);
    EXPECT(decoding_rejects(trace, 1, 5, "neither resourceSpans"));
}

static void a_file_that_is_no_request_is_rejected(void)
{
    const struct decoding_source source = {
        .format = WIRE_OTLP, .path = "t.pb", .bytes = STR("\x0a\x02hello, this is no request")};
    EXPECT(decoding_run(&first, &source) == ERR_OK);
    EXPECT(decoding_rejects(decoding_trace(&first), 0, 0, "neither JSON nor an OTLP request"));
    const struct decoding_source json = {
        .format = WIRE_OTLP, .path = "t.json", .bytes = decoding_quoted("{'resourceSpans':7}")};
    EXPECT(decoding_run(&first, &json) == ERR_OK);
    EXPECT(decoding_rejects(decoding_trace(&first), 0, 0, "not an array"));
}

/* A request of many spans: the first is the root, each next one the child of the one before. */
static struct str chain(size_t count)
{
    static char bytes[16 << 20];
    struct text spans;
    struct text span;
    struct text pair;
    struct text out;
    text_init(&spans, sizeof bytes);
    text_init(&span, 4096);
    text_init(&pair, 4096);
    text_init(&out, sizeof bytes);
    for (size_t i = 0; i < count; i++) {
        char id[17];
        text_clear(&span);
        otlp_put_bytes(&span, 1, STR("0123456789abcdef"));
        snprintf(id, sizeof id, "%08zu", i + 1);
        otlp_put_bytes(&span, 2, (struct str){id, 8});
        snprintf(id, sizeof id, "%08zu", i);
        otlp_put_bytes(&span, 4, (struct str){id, i > 0 ? 8 : 0});
        otlp_put_fixed(&span, 7, UINT64_C(1763802000000000000) + i);
        otlp_put_fixed(&span, 8, UINT64_C(1763802000000000000) + i);
        text_clear(&pair);
        otlp_put_bytes(&pair, 1, STR("gen_ai.operation.name"));
        otlp_put_bytes(&pair, 2,
                       STR("\x0a\x04"
                           "chat"));
        otlp_put_bytes(&span, 9, text_str(&pair));
        text_clear(&pair);
        otlp_put_bytes(&pair, 1, STR("gen_ai.usage.input_tokens"));
        otlp_put_bytes(&pair, 2, STR("\x18\x03"));
        otlp_put_bytes(&span, 9, text_str(&pair));
        otlp_put_bytes(&spans, 2, text_str(&span));
    }
    otlp_put_bytes(&out, 2, text_str(&spans));
    text_clear(&spans);
    otlp_put_bytes(&spans, 1, text_str(&out));
    CHECK(!text_is_full(&spans));
    const size_t size = spans.size;
    memcpy(bytes, spans.data, size);
    text_deinit(&spans);
    text_deinit(&span);
    text_deinit(&pair);
    text_deinit(&out);
    return (struct str){bytes, size};
}

static void a_trace_of_20000_steps_is_one_attempt(void)
{
    enum { STEPS = 20000 };
    const struct decoding_source source = {
        .format = WIRE_OTLP, .path = "t.pb", .bytes = chain(STEPS)};
    EXPECT(decoding_run(&first, &source) == ERR_OK);
    const struct trace *const trace = decoding_trace(&first);
    EXPECT(trace->steps.count == STEPS);
    EXPECT(trace->attempts.count == 1);
    EXPECT(decoding_sum(trace, USAGE_INPUT_UNCACHED) == (int64_t)3 * STEPS);
}

/* {"a":{"a":{"a": … 5}}} as the value of an attribute, that deep. */
static struct str deep(size_t depth)
{
    static char bytes[1 << 20];
    struct text inner;
    struct text outer;
    text_init(&inner, sizeof bytes);
    text_init(&outer, sizeof bytes);
    otlp_put_varint(&inner, 3, 5);
    for (size_t i = 0; i < depth; i++) {
        text_clear(&outer);
        otlp_put_bytes(&outer, 1, STR("a")); /* KeyValue */
        otlp_put_bytes(&outer, 2, text_str(&inner));
        text_clear(&inner);
        otlp_put_bytes(&inner, 1, text_str(&outer)); /* KeyValueList */
        text_clear(&outer);
        otlp_put_bytes(&outer, 6, text_str(&inner)); /* AnyValue */
        text_clear(&inner);
        text_add(&inner, text_str(&outer));
    }
    text_clear(&outer);
    otlp_put_bytes(&outer, 1, STR("x"));
    otlp_put_bytes(&outer, 2, text_str(&inner));
    text_clear(&inner);
    otlp_put_bytes(&inner, 1, STR("0123456789abcdef"));
    otlp_put_bytes(&inner, 2, STR("01234567"));
    otlp_put_bytes(&inner, 9, text_str(&outer));
    text_clear(&outer);
    otlp_put_bytes(&outer, 1, STR("gen_ai.operation.name"));
    otlp_put_bytes(&outer, 2,
                   STR("\x0a\x04"
                       "chat"));
    otlp_put_bytes(&inner, 9, text_str(&outer));
    for (int i = 0; i < 3; i++) { /* spans, scope spans, resource spans */
        text_clear(&outer);
        otlp_put_bytes(&outer, i < 2 ? 2 : 1, text_str(&inner));
        text_clear(&inner);
        text_add(&inner, text_str(&outer));
    }
    CHECK(!text_is_full(&inner));
    const size_t size = inner.size;
    memcpy(bytes, inner.data, size);
    text_deinit(&inner);
    text_deinit(&outer);
    return (struct str){bytes, size};
}

static void values_nested_2000_deep_are_passed_over(void)
{
    static const size_t depths[] = {1, OTLP_DEPTH_MAX, OTLP_DEPTH_MAX + 1, 2000};
    struct otlp *otlp;
    otlp_create(&otlp);
    bool all = true;
    for (size_t i = 0; i < COUNT_OF(depths); i++) {
        struct arena arena;
        struct trace trace;
        struct otlp_counts counts;
        struct err err;
        const struct str bytes = deep(depths[i]);
        const struct otlp_request request = {.signal = OTLP_TRACES,
                                             .encoding = OTLP_PROTOBUF,
                                             .bytes = bytes,
                                             .readable = bytes.size};
        arena_init(&arena, 1 << 20);
        const enum errc code = otlp_decode(otlp, &request, &arena, &trace, &counts, &err);
        all = all && (code == ERR_OK ? trace.steps.count == 1 : test_is_refusing());
        arena_deinit(&arena);
    }
    otlp_destroy(&otlp);
    EXPECT(all);
}

static void bytes_that_are_no_text_become_question_marks(void)
{
    /* conversation id "\xff\xc3xok\xe2\x82x", in protobuf, where strings may hold any bytes */
    static const char span[] = "\x0a\x10"
                               "0123456789abcdef\x12\x08"
                               "01234567"
                               "\x4a\x21\x0a\x15gen_ai.operation.name\x12\x08\x0a\x06"
                               "invoke\x4a\x24\x0a\x16gen_ai.conversation.id\x12\x0a\x0a\x08\xff"
                               "\xc3xok\xe2\x82x";
    struct text parts[2];
    text_init(&parts[0], 4096);
    text_init(&parts[1], 4096);
    text_add(&parts[0], (struct str){span, sizeof span - 1});
    for (int i = 0; i < 3; i++) {
        text_clear(&parts[1]);
        otlp_put_bytes(&parts[1], i < 2 ? 2 : 1, text_str(&parts[0]));
        text_clear(&parts[0]);
        text_add(&parts[0], text_str(&parts[1]));
    }
    struct otlp *otlp;
    struct arena arena;
    struct trace trace = {0};
    struct otlp_counts counts;
    struct err err;
    otlp_create(&otlp);
    arena_init(&arena, 1 << 20);
    const struct otlp_request request = {.signal = OTLP_TRACES,
                                         .encoding = OTLP_PROTOBUF,
                                         .bytes = text_str(&parts[0]),
                                         .readable = parts[0].size};
    const enum errc code = otlp_decode(otlp, &request, &arena, &trace, &counts, &err);
    const bool good = code == ERR_OK && trace.cases.count == 1 &&
                      str_equal(trace.cases.rows[0].id, STR("??xok??x"));
    arena_deinit(&arena);
    otlp_destroy(&otlp);
    text_deinit(&parts[0]);
    text_deinit(&parts[1]);
    EXPECT(good || test_is_refusing());
}

/* The figures of expected.csv. */
struct expected {
    char name[64];
    int64_t traces, spans, chats, tools, errors, input, output;
};

static size_t read_expected(struct expected out[static 8])
{
    static char bytes[4096];
    const char *const path = test_shared("otlp/derived_from_tau2/expected.csv");
    FILE *const file = path != NULL ? fopen(path, "rb") : NULL;
    if (file == NULL) {
        return 0;
    }
    struct str text = {bytes, fread(bytes, 1, sizeof bytes, file)};
    fclose(file);
    (void)str_cut(&text, '\n');
    size_t count = 0;
    while (text.size > 0 && count < 8) {
        struct str line = str_cut(&text, '\n');
        const struct str name = str_cut(&line, ',');
        struct expected *const row = &out[count++];
        snprintf(row->name, sizeof row->name, STR_FORMAT, STR_ARG(name));
        int64_t *const figures[] = {&row->traces, &row->spans, &row->chats, &row->tools,
                                    &row->errors, &row->input, &row->output};
        for (size_t i = 0; i < COUNT_OF(figures); i++) {
            if (!str_to_int64(str_cut(&line, ','), figures[i])) {
                return 0;
            }
        }
    }
    return count;
}

static bool decode_file(struct decoding *decoding, const char *name, const char *ending)
{
    char path[512];
    snprintf(path, sizeof path, "otlp/derived_from_tau2/%s.otlp.%s", name, ending);
    const char *const full = test_shared(path);
    if (full == NULL) {
        return false;
    }
    struct decoding_source source = {.path = full, .piece = 10000};
    source.bytes = decoding_file(full);
    source.format = wire_detect(str_from(full), source.bytes);
    return source.format == WIRE_OTLP && decoding_run(decoding, &source) == ERR_OK;
}

static bool is_as_expected(const struct trace *trace, const struct expected *expected)
{
    int64_t errors = 0;
    for (size_t i = 0; i < trace->steps.count; i++) {
        const struct step *const step = &trace->steps.rows[i];
        errors += step->kind == STEP_TOOL && step->status == STATUS_ERROR;
    }
    const int64_t input = decoding_sum(trace, USAGE_INPUT_UNCACHED) +
                          decoding_sum(trace, USAGE_CACHE_READ) +
                          decoding_sum(trace, USAGE_CACHE_WRITE_5M);
    return (int64_t)trace->cases.count == expected->traces &&
           (int64_t)trace->steps.count == expected->spans &&
           decoding_count(trace, STEP_LLM) == expected->chats &&
           decoding_count(trace, STEP_TOOL) == expected->tools && errors == expected->errors &&
           input == expected->input && decoding_sum(trace, USAGE_OUTPUT) == expected->output &&
           trace->rejected == 0;
}

static void four_requests_of_a_real_encoder_give_their_totals_in_both_encodings(void)
{
    static struct expected expected[8];
    static struct decoding_union all;
    const size_t count = read_expected(expected);
    for (size_t i = 0; i < count; i++) {
        EXPECT(decode_file(&first, expected[i].name, "pb"));
        EXPECT(decode_file(&second, expected[i].name, "json"));
        EXPECT(is_as_expected(decoding_trace(&first), &expected[i]));
        EXPECT(is_as_expected(decoding_trace(&second), &expected[i]));
        all.count = 0;
        all.outcome_count = 0;
        decoding_join(&all, decoding_trace(&first));
        const char *const difference = decoding_difference(&all, decoding_trace(&second));
        if (difference != NULL) {
            test_note(difference);
        }
        EXPECT(difference == NULL);
    }
}

int main(void)
{
    const struct test tests[] = {
        TEST(lines_of_the_collector_are_one_batch),
        TEST(a_file_that_is_no_request_is_rejected),
        TEST_SPARSE(a_trace_of_20000_steps_is_one_attempt),
        TEST(values_nested_2000_deep_are_passed_over),
        TEST(bytes_that_are_no_text_become_question_marks),
        TEST_SPARSE(four_requests_of_a_real_encoder_give_their_totals_in_both_encodings),
    };
    const int failed = test_main(tests, COUNT_OF(tests));
    decoding_close(&first);
    decoding_close(&second);
    return failed;
}
