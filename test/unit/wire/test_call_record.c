/*
 * Goal: what a gateway writes of a call is what the ledger reads; anything else is refused.
 * Method: a record with everything and one with nothing there and back; records cut, changed and
 * of another version.
 */
#include <stdio.h>

#include "base/hash.h"
#include "support/test.h"
#include "wire/call_record.h"

enum { ARENA_BYTES = 1 << 18, DOCUMENT_BYTES_MAX = 1 << 17 };

static struct arena arena;
static struct err err;

static struct call_record full(void)
{
    struct call_record record = {
        .request = STR("req_1"),
        .try_number = 3,
        .identity = STR("chatcmpl-1"),
        .alias = STR("up_1"),
        .workflow = STR("claims \"x\"\n"),
        .case_id = STR("c1"),
        .is_session = true,
        .attempt = STR("a1"),
        .attempt_number = 2,
        .input_key = STR("k"),
        .agent = STR("sdk/1"),
        .team = STR("t"),
        .user = STR("u"),
        .key = STR("key"),
        .session = STR("s-1"),
        .trace = STR("0af7651916cd43dd8448eb211c80319c"),
        .provider = STR("openai"),
        .model = STR("gpt-4.1"),
        .started_ns = INT64_MAX - 1,
        .ended_ns = INT64_MAX,
        .status = STATUS_INTERRUPTED,
        .has_usage = true,
        .is_estimated = true,
        .raw_usage = STR("{\"a\":1}"),
        .has_cost = true,
        .cost_pusd = INT64_C(9223372036854775807),
        .price_id = 0xfedcba9876543210,
        .tier = TIER_FLEX,
        .region = STR("us"),
        .reason = STR("route"),
    };
    for (int i = 0; i < USAGE_COUNT; i++) {
        record.usage.counts[i] = USAGE_TOKENS_MAX - i;
    }
    record.usage.reasoning = 5;
    return record;
}

static enum errc read_back(const char *bytes, size_t size, struct trace *out)
{
    struct json_parser *parser = NULL;
    json_parser_create(&parser, DOCUMENT_BYTES_MAX);
    *out = (struct trace){0};
    const enum errc code = call_record_read(parser, (struct str){bytes, size}, &arena, out, &err);
    json_parser_destroy(&parser);
    return code;
}

/* The step of a record there and back. */
static struct step step_of(const struct call_record *record)
{
    struct text text;
    struct trace trace = {0};
    text_init(&text, CALL_RECORD_BYTES_MAX);
    call_record_write(record, &text);
    const enum errc code = read_back(text.data, text.size, &trace);
    text_deinit(&text);
    return code == ERR_OK ? trace.steps.rows[0] : (struct step){.told = -1};
}

static void what_a_call_says_of_itself_is_told_apart_from_what_stands_in(void)
{
    struct call_record record = full();
    arena_init(&arena, ARENA_BYTES);
    const struct step stands_in = step_of(&record);
    record.is_session = false;
    record.has_attempt = true;
    const struct step named = step_of(&record);
    record.is_program = true;
    record.agent = STR("codex_cli_rs/1");
    const struct step of_program = step_of(&record);
    const bool session_is_told = str_equal(of_program.nameless, STR("s-1"));
    arena_deinit(&arena);
    if (test_is_refusing()) {
        return;
    }
    EXPECT(stands_in.trace_key == hash64(record.trace) && stands_in.sender != 0);
    EXPECT(told_level(stands_in.told, TOLD_WORKFLOW) == TOLD_BY_SPANS);
    EXPECT(told_level(stands_in.told, TOLD_CASE) == TOLD_BY_NOTHING);
    EXPECT(told_level(stands_in.told, TOLD_SESSION) == TOLD_BY_SPANS);
    EXPECT((stands_in.told & TOLD_LOOSE) != 0);
    EXPECT((named.told & TOLD_LOOSE) == 0); /* nothing can be told better */
    EXPECT((named.told & TOLD_AT_CALL_CASE) != 0 && (named.told & TOLD_AT_CALL_ATTEMPT) != 0);
    EXPECT(told_level(of_program.told, TOLD_WORKFLOW) == TOLD_BY_NOTHING);
    EXPECT(told_level(of_program.told, TOLD_HINT) == TOLD_BY_RULE);
    EXPECT((of_program.told & TOLD_LOOSE) != 0);
    EXPECT(named.nameless.size == 0 && session_is_told);
}

static void what_is_no_record_is_refused(void)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"v\":1}",
        "{\"v\":0,\"case\":\"c\",\"attempt\":\"a\",\"identity\":\"i\"}",
        "{\"v\":1,\"attempt\":\"a\",\"identity\":\"i\"}",
        "{\"v\":1,\"case\":\"c\",\"identity\":\"i\"}",
        "{\"v\":1,\"case\":\"c\",\"attempt\":\"a\"}",
        "{\"v\":1,\"case\":7,\"attempt\":\"a\",\"identity\":\"i\"}",
    };
    struct trace trace;
    arena_init(&arena, ARENA_BYTES);
    bool refused = true;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        refused = refused && read_back(bad[i], strlen(bad[i]), &trace) == ERR_SYNTAX;
    }
    const char *const newer = "{\"v\":2,\"case\":\"c\",\"attempt\":\"a\",\"identity\":\"i\"}";
    const enum errc code = read_back(newer, strlen(newer), &trace);
    arena_deinit(&arena);
    EXPECT(refused);
    EXPECT(code == ERR_UNSUPPORTED);
}

static void a_record_comes_back_as_it_was_written(void)
{
    const struct call_record record = full();
    struct text text;
    struct trace trace;
    arena_init(&arena, ARENA_BYTES);
    text_init(&text, CALL_RECORD_BYTES_MAX);
    call_record_write(&record, &text);
    const enum errc code = read_back(text.data, text.size, &trace);
    text_deinit(&text);
    if (code != ERR_OK) {
        arena_deinit(&arena);
        EXPECT(test_is_refusing() && code == ERR_LIMIT);
        return;
    }
    const struct step step = trace.steps.rows[0];
    const struct trace_case row = trace.cases.rows[0];
    const struct attempt attempt = trace.attempts.rows[0];
    bool same = str_equal(step.identity, record.identity) && str_equal(step.alias, record.alias) &&
                step.sequence == 3 && step.kind == STEP_LLM && step.status == STATUS_INTERRUPTED &&
                step.started_ns == record.started_ns && step.ended_ns == record.ended_ns &&
                str_equal(step.model, record.model) && str_equal(step.provider, record.provider) &&
                step.tier == TIER_FLEX && str_equal(step.region, record.region) &&
                str_equal(step.note, record.reason) &&
                str_equal(step.raw_usage, STR("{\"estimated\":true,\"told\":{\"a\":1}}"));
    for (int i = 0; i < USAGE_COUNT; i++) {
        same = same && step.usage.counts[i] == record.usage.counts[i];
    }
    const bool costs = step.has_price && step.priced_pusd == record.cost_pusd &&
                       step.price_id == record.price_id && step.is_estimated;
    const bool belongs = str_equal(row.workflow, record.workflow) && str_equal(row.id, STR("c1")) &&
                         row.is_session && row.attribute_count == 3 &&
                         str_equal(attempt.id, STR("a1")) && attempt.number == 2 &&
                         str_equal(attempt.agent, record.agent);
    arena_deinit(&arena);
    EXPECT(same);
    EXPECT(costs);
    EXPECT(belongs);
}

static void a_call_that_cost_nothing_is_no_call_of_a_model(void)
{
    struct call_record record = full();
    struct text text;
    struct trace trace;
    record.has_usage = false;
    record.is_uncharged = true;
    arena_init(&arena, ARENA_BYTES);
    text_init(&text, CALL_RECORD_BYTES_MAX);
    call_record_write(&record, &text);
    const enum errc code = read_back(text.data, text.size, &trace);
    const bool fine = code == ERR_OK && trace.steps.rows[0].kind == STEP_AGENT &&
                      !trace.steps.rows[0].has_usage && !trace.steps.rows[0].has_price;
    text_deinit(&text);
    arena_deinit(&arena);
    EXPECT(fine || test_is_refusing());
}

static void the_largest_record_there_can_be_fits(void)
{
    enum { NAME = 160, RAW = 2048, REASON = 511 };
    static char bytes[RAW];
    struct call_record record = full();
    struct text text;
    memset(bytes, '\x01', sizeof bytes);
    const struct str name = {bytes, NAME};
    struct str *const names[] = {
        &record.identity,  &record.alias, &record.workflow, &record.case_id, &record.attempt,
        &record.input_key, &record.agent, &record.team,     &record.user,    &record.key,
        &record.provider,  &record.model, &record.region};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        *names[i] = name;
    }
    record.raw_usage = (struct str){bytes, RAW};
    record.reason = (struct str){bytes, REASON};
    text_init(&text, CALL_RECORD_BYTES_MAX);
    call_record_write(&record, &text);
    const bool full_up = text_is_full(&text);
    text_deinit(&text);
    EXPECT(!full_up);
}

int main(void)
{
    const struct test tests[] = {
        TEST(what_a_call_says_of_itself_is_told_apart_from_what_stands_in),
        TEST(what_is_no_record_is_refused),
        TEST(a_record_comes_back_as_it_was_written),
        TEST(a_call_that_cost_nothing_is_no_call_of_a_model),
        TEST(the_largest_record_there_can_be_fits),
    };
    return test_main(tests, COUNT_OF(tests));
}
