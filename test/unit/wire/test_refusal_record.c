/*
 * Goal: what a gateway writes of refused calls is what the ledger reads: a decision, no call;
 * anything else is refused. Method: a record there and back; records cut, changed and of another
 * version.
 */
#include <stdio.h>

#include "support/test.h"
#include "wire/call_record.h"
#include "wire/refusal_record.h"

enum { ARENA_BYTES = 1 << 16 };

static struct arena arena;
static struct err err;

static enum errc read_back(struct str bytes, struct trace *out)
{
    struct json_parser *parser = NULL;
    json_parser_create(&parser, REFUSAL_RECORD_BYTES_MAX);
    *out = (struct trace){0};
    const enum errc code = call_record_read(parser, bytes, &arena, out, &err);
    json_parser_destroy(&parser);
    return code;
}

static void what_is_no_record_is_refused(void)
{
    static const char *const bad[] = {
        "{\"v\":2,\"refused\":1}",
        "{\"v\":2,\"refused\":0,\"case\":\"c\",\"attempt\":\"a\",\"identity\":\"i\"}",
        "{\"v\":1,\"refused\":1,\"case\":\"c\",\"attempt\":\"a\",\"identity\":\"i\"}",
        "{\"v\":2,\"refused\":1,\"attempt\":\"a\",\"identity\":\"i\"}",
        "{\"v\":2,\"refused\":1,\"case\":\"c\",\"identity\":\"i\"}",
        "{\"v\":2,\"refused\":1,\"case\":\"c\",\"attempt\":\"a\"}",
        "{\"v\":3,\"refused\":1,\"case\":\"c\",\"attempt\":\"a\",\"identity\":\"i\"}",
    };
    struct trace trace;
    arena_init(&arena, ARENA_BYTES);
    bool refused = true;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        refused = refused && read_back(str_from(bad[i]), &trace) != ERR_OK;
    }
    arena_deinit(&arena);
    EXPECT(refused);
}

static bool same(struct str found, const char *wanted)
{
    return str_equal(found, str_from(wanted));
}

static void a_refusal_comes_back_as_a_decision_and_no_call(void)
{
    const struct refusal_record record = {.identity = STR("refused:req_1:0"),
                                          .workflow = STR("claims \"x\""),
                                          .case_id = STR("c1"),
                                          .attempt = STR("a1"),
                                          .attempt_number = 2,
                                          .input_key = STR("k"),
                                          .team = STR("t"),
                                          .key = STR("key"),
                                          .count = 57,
                                          .first_ns = 5,
                                          .last_ns = INT64_MAX - 1,
                                          .choice = STR("refused"),
                                          .rule = STR("budget org, day"),
                                          .reason = STR("no room"),
                                          .evidence = STR("57 calls")};
    struct text bytes;
    struct trace trace;
    arena_init(&arena, ARENA_BYTES);
    text_init(&bytes, REFUSAL_RECORD_BYTES_MAX);
    refusal_record_write(&record, &bytes);
    const bool read = !text_is_full(&bytes) && read_back(text_str(&bytes), &trace) == ERR_OK;
    bool good =
        read && trace.cases.count == 1 && trace.attempts.count == 1 && trace.steps.count == 1;
    if (good) {
        const struct trace_case *const row = &trace.cases.rows[0];
        const struct step *const step = &trace.steps.rows[0];
        const struct decision *const decision = step->decision;
        good = same(row->workflow, "claims \"x\"") && same(row->id, "c1") && !row->is_session &&
               row->attribute_count == 2 && same(row->attributes[1].name, "key") &&
               same(trace.attempts.rows[0].id, "a1") && trace.attempts.rows[0].number == 2 &&
               step->kind == STEP_GUARD && step->status == STATUS_OK && !step->has_usage &&
               step->usage.counts[USAGE_REQUESTS] == 57 && step->started_ns == 5 &&
               step->ended_ns == INT64_MAX - 1 && same(step->identity, "refused:req_1:0") &&
               step->channel == CHANNEL_GATEWAY && same(decision->kind, "refusal") &&
               same(decision->choice, "refused") && decision->by == DECIDER_RULE &&
               same(decision->rule, "budget org, day") && same(decision->reason, "no room") &&
               same(decision->evidence, "57 calls");
    }
    text_deinit(&bytes);
    arena_deinit(&arena);
    EXPECT(read && good);
}

int main(void)
{
    const struct test tests[] = {TEST(what_is_no_record_is_refused),
                                 TEST(a_refusal_comes_back_as_a_decision_and_no_call)};
    return test_main(tests, COUNT_OF(tests));
}
