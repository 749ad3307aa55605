/* wire: which format a file is, lines out of pieces, limits, and which of two rows counts. */
#include <stdio.h>
#include <stdlib.h>

#include "decoding.h"
#include "support/test.h"

static struct decoding decoding;

static bool detects(const char *path, const char *head, enum wire_format format)
{
    return wire_detect(str_from(path), decoding_quoted(head)) == format;
}

static void what_is_no_agent_log_is_unknown(void)
{
    EXPECT(detects("a.jsonl", "", WIRE_UNKNOWN));
    EXPECT(detects("a.jsonl", "   \n", WIRE_UNKNOWN));
    EXPECT(detects("a.jsonl", "[{'type':'user','sessionId':'x'}]", WIRE_UNKNOWN));
    EXPECT(detects("a.jsonl", "{'id':1,'amount':2}\n", WIRE_UNKNOWN));
    EXPECT(detects("a.csv", "a,b\n", WIRE_UNKNOWN));
    EXPECT(detects("a.json", "{'resources':[]}", WIRE_UNKNOWN));
    EXPECT(detects("a.jsonl", "{'text':'\\'payload\\' and \\'session_meta\\''}", WIRE_UNKNOWN));
    EXPECT(wire_format_named(STR("")) == WIRE_UNKNOWN);
    EXPECT(wire_format_named(STR("claude")) == WIRE_UNKNOWN);
}

static void formats_are_known_by_their_first_bytes(void)
{
    EXPECT(detects("s.jsonl", "{'parentUuid':null,'sessionId':'s','type':'user'}\n{'x'",
                   WIRE_CLAUDE_CODE));
    EXPECT(detects("s.jsonl.gz", "{'type':'summary','summary':'x','leafUuid':'y'}\n",
                   WIRE_CLAUDE_CODE));
    EXPECT(detects("s.jsonl", "\xef\xbb\xbf{'type':'file-history-snapshot','messageId':'x'}\n",
                   WIRE_CLAUDE_CODE));
    EXPECT(detects("r.jsonl", "{'timestamp':'x','type':'session_meta','payload':{'id':'y'}}\n",
                   WIRE_CODEX));
    EXPECT(
        detects("rollout-1.jsonl", "{'id':'x','timestamp':'y','instructions':null}\n", WIRE_CODEX));
    EXPECT(detects("session-1.json", "{\n  'sessionId': 'x',\n  'projectHash': 'y',",
                   WIRE_GEMINI_CLI));
    EXPECT(detects("x", "{'sessionId':'x','projectHash':'y','kind':'main'}\n", WIRE_GEMINI_CLI));
    EXPECT(detects("t.json", "{'resourceSpans':[]}", WIRE_OTLP));
    EXPECT(detects("t.json", "{\n  'resourceLogs': [", WIRE_OTLP));
    EXPECT(
        detects("r.json", "{'timestamp':'x','info':{'git_commit':'y','num_trials':1", WIRE_TAU2));
    EXPECT(
        detects("s.json", "{'id':'x','task_id':'40','termination_reason':'user_stop'", WIRE_TAU2));
    for (int i = WIRE_UNKNOWN + 1; i < WIRE_FORMAT_COUNT; i++) {
        const enum wire_format format = (enum wire_format)i;
        EXPECT(wire_format_named(str_from(wire_format_name(format))) == format);
    }
    EXPECT(strcmp(wire_format_name(WIRE_UNKNOWN), "unknown") == 0);
}

static const struct trace *run_bytes(struct str bytes, bool may_grow)
{
    const struct decoding_source source = {
        .format = WIRE_CLAUDE_CODE, .path = "s.jsonl", .bytes = bytes, .may_grow = may_grow};
    return decoding_run(&decoding, &source) == ERR_OK ? decoding_trace(&decoding) : NULL;
}

static void blank_lines_are_nothing_and_a_mark_at_the_start_is_passed(void)
{
    const struct trace *trace = run_bytes(
        decoding_quoted("\xef\xbb\xbf{'type':'mode','sessionId':'s'}\r\n\n  \t\r\n"), false);
    EXPECT(trace != NULL);
    EXPECT(trace->rejected == 0);
    EXPECT(trace->lines == 3);
    EXPECT(wire_ignored(decoding.decoder) == 1);
}

static void a_last_line_without_its_newline_waits_if_it_may_grow(void)
{
    const char text[] = "{'type':'mode','sessionId':'s'}\n{'type':'mode','sessionId':'s'}";
    const struct trace *trace = run_bytes(decoding_quoted(text), true);
    EXPECT(trace != NULL);
    EXPECT(trace->lines == 1);
    EXPECT(decoding.position.offset == (int64_t)strlen(text) / 2 + 1);
    EXPECT(decoding.position.line == 1);
    trace = run_bytes(decoding_quoted(text), false);
    EXPECT(trace != NULL);
    EXPECT(trace->lines == 2);
    EXPECT(decoding.position.offset == (int64_t)strlen(text));
}

static void a_line_that_is_too_long_is_skipped_and_the_next_one_read(void)
{
    if (test_is_refusing()) {
        return;
    }
    const size_t size = (size_t)100 << 20;
    char *bytes = malloc(size + JSON_PADDING);
    EXPECT(bytes != NULL);
    memset(bytes, 'x', size);
    const struct str record = decoding_quoted(
        "\n{'type':'assistant','uuid':'u','message':{'id':'m','usage':{'output_tokens':7}}}\n");
    memcpy(bytes + size - record.size, record.data, record.size);
    for (size_t piece = 0; piece <= (1 << 20); piece += 1 << 20) {
        const struct decoding_source source = {
            .format = WIRE_CLAUDE_CODE, .path = "s.jsonl", .bytes = {bytes, size}, .piece = piece};
        EXPECT(decoding_run(&decoding, &source) == ERR_OK);
        const struct trace *trace = decoding_trace(&decoding);
        EXPECT(trace->rejected == 1);
        EXPECT(decoding_rejects(trace, 0, 1, "longer than the 64 MiB allowed"));
        EXPECT(trace->lines == 2);
        EXPECT(decoding_sum(trace, USAGE_OUTPUT) == 7);
        EXPECT(decoding_step(trace, "m")->line == 2);
        EXPECT(decoding.arena.size < ((size_t)1 << 20));
    }
    free(bytes);
}

static void nesting_ten_thousand_deep_is_one_rejected_line(void)
{
    static char deep[40000];
    size_t size = 0;
    memcpy(deep, "{\"type\":\"user\",\"x\":", 19);
    size = 19;
    memset(deep + size, '[', 10000);
    size += 10000;
    memset(deep + size, ']', 10000);
    size += 10000;
    memcpy(deep + size, "}\n{\"type\":\"mode\"}\n", 18);
    size += 18;
    const struct trace *trace = run_bytes((struct str){deep, size}, false);
    EXPECT(trace != NULL);
    EXPECT(trace->rejected == 1);
    EXPECT(decoding_rejects(trace, 0, 1, "nested deeper than"));
    EXPECT(trace->lines == 2);
}

static void every_rejection_is_counted_and_the_first_are_kept(void)
{
    if (test_is_refusing()) {
        return;
    }
    static char text[TRACE_REJECTS_MAX * 8];
    size_t size = 0;
    for (int i = 0; i < TRACE_REJECTS_MAX + 500; i++) {
        memcpy(text + size, "nope\n", 5);
        size += 5;
    }
    const struct trace *trace = run_bytes((struct str){text, size}, false);
    EXPECT(trace != NULL);
    EXPECT(trace->rejected == TRACE_REJECTS_MAX + 500);
    EXPECT(trace->rejects.count == TRACE_REJECTS_MAX);
    EXPECT(trace->rejects.rows[TRACE_REJECTS_MAX - 1].line == TRACE_REJECTS_MAX);
}

static void an_arena_that_is_full_is_an_error_not_a_loss(void)
{
    struct arena arena;
    struct json_parser *parser;
    struct wire_decoder *decoder;
    struct err err;
    arena_init(&arena, 32 << 10);
    json_parser_create(&parser, 1 << 20);
    const struct wire_options options = {
        .format = WIRE_CLAUDE_CODE, .path = STR("s.jsonl"), .arena = &arena, .parser = parser};
    enum errc code = wire_decoder_create(&decoder, &options, &err);
    if (code == ERR_OK) {
        char line[256];
        for (int i = 0; i < 1000 && code == ERR_OK; i++) {
            const int size =
                snprintf(line, sizeof line,
                         "{\"type\":\"assistant\",\"message\":{\"id\":\"m%d\",\"usage\":"
                         "{\"output_tokens\":1}}}\n",
                         i);
            code = wire_feed(decoder, (struct str){line, (size_t)size}, (size_t)size, &err);
        }
        if (code == ERR_LIMIT) {
            code = wire_finish(decoder, false, &err);
        }
        wire_decoder_destroy(&decoder);
    }
    json_parser_destroy(&parser);
    arena_deinit(&arena);
    EXPECT(code == ERR_LIMIT);
}

static void the_fuller_of_two_rows_counts_and_ties_keep_the_first(void)
{
    const struct step none = {.ended_ns = TIME_UNKNOWN};
    struct step some = {.has_usage = true, .ended_ns = 5};
    struct step more = {.has_usage = true, .ended_ns = 5};
    some.usage.counts[USAGE_OUTPUT] = 1;
    more.usage.counts[USAGE_CACHE_READ] = 2;
    EXPECT(wire_step_is_fuller(&none, &some));
    EXPECT(!wire_step_is_fuller(&some, &none));
    EXPECT(wire_step_is_fuller(&some, &more));
    EXPECT(!wire_step_is_fuller(&more, &some));
    EXPECT(!wire_step_is_fuller(&some, &some));
    struct step copy = some;
    copy.agent = STR("a1");
    EXPECT(wire_step_is_fuller(&copy, &some));
    EXPECT(!wire_step_is_fuller(&some, &copy));
    struct step late = some;
    late.ended_ns = 9;
    EXPECT(wire_step_is_fuller(&some, &late));
    late.started_ns = 1;
    EXPECT(!wire_step_is_fuller(&some, &late));
}

int main(void)
{
    const struct test tests[] = {
        TEST(what_is_no_agent_log_is_unknown),
        TEST(formats_are_known_by_their_first_bytes),
        TEST(a_line_that_is_too_long_is_skipped_and_the_next_one_read),
        TEST(nesting_ten_thousand_deep_is_one_rejected_line),
        TEST(every_rejection_is_counted_and_the_first_are_kept),
        TEST(an_arena_that_is_full_is_an_error_not_a_loss),
        TEST(blank_lines_are_nothing_and_a_mark_at_the_start_is_passed),
        TEST(a_last_line_without_its_newline_waits_if_it_may_grow),
        TEST(the_fuller_of_two_rows_counts_and_ties_keep_the_first),
    };
    return test_main(tests, COUNT_OF(tests));
}
