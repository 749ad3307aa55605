/*
 * Goal: no way of writing a request gets it held for less than it can cost, or forwarded other than
 * it was held for.
 * Method: requests of a hostile client one by one against what is held for the plain one.
 */
#include "gatewaying.h"

static struct gatewaying g;

#define CHAT "{\"model\":\"gpt-4.1\",\"max_tokens\":100"

/* What is held for that request; -1: nobody knows what it costs; -2: it was refused. */
static int64_t held_for(const char *path, const char *request)
{
    struct exchange *const exchange = gatewaying_ask(&g, path, request);
    struct text record;
    if (gateway_read(exchange) != GATEWAY_ADMIT || !gatewaying_admit(&g)) {
        return -2;
    }
    const int64_t held_pusd = exchange->is_unpriced ? -1 : exchange->held_pusd;
    exchange->end = END_NOT_STARTED;
    text_init(&record, CALL_RECORD_BYTES_MAX);
    (void)gatewaying_settle(&g, &record);
    text_deinit(&record);
    return held_pusd;
}

static bool is_free(enum http_method method, const char *path, const char *request)
{
    struct exchange *const exchange = gatewaying_ask(&g, path, request);
    g.head.method = method;
    const bool goes = gateway_read(exchange) == GATEWAY_ADMIT && gatewaying_admit(&g);
    const bool free = exchange->is_free;
    if (exchange->hold != 0) {
        CHECK(gateway_end_hold(exchange, NULL, NULL));
    }
    return goes && free;
}

static void a_member_of_another_api_bounds_no_output(void)
{
    static const char *const chat =
        "{\"model\":\"claude-sonnet-4-5\",\"max_output_tokens\":1,\"messages\":[]}";
    static const char *const messages =
        "{\"model\":\"gpt-4.1\",\"max_output_tokens\":1,\"messages\":[]}";
    static const int64_t ceiling_pusd = INT64_C(32768) * 8000000;
    gatewaying_open(&g, NULL, 0);
    const int64_t chat_pusd = held_for("/anthropic/v1/chat/completions", chat);
    const enum provider_api chat_api = g.exchange.api;
    const int64_t messages_pusd = held_for("/openai/v1/messages", messages);
    const enum provider_api messages_api = g.exchange.api;
    const int64_t unknown_pusd = held_for("/openai/v1/unknown", messages);
    const enum hold_cause cause = g.exchange.cause;
    const int64_t larger_pusd =
        held_for("/openai/v1/unknown", "{\"model\":\"gpt-4.1\",\"max_tokens\":100000}");
    gatewaying_close(&g);
    EXPECT(test_is_refusing() || chat_pusd > ceiling_pusd);
    EXPECT(test_is_refusing() || chat_api == PROVIDER_CHAT);
    EXPECT(test_is_refusing() || messages_pusd > ceiling_pusd);
    EXPECT(test_is_refusing() || messages_api == PROVIDER_MESSAGES);
    EXPECT(test_is_refusing() || unknown_pusd > ceiling_pusd);
    EXPECT(test_is_refusing() || larger_pusd > INT64_C(100000) * 8000000);
    EXPECT(test_is_refusing() || cause == HOLD_CAUSE_UNBOUNDED);
}

static void work_that_is_done_later_has_no_known_cost(void)
{
    static const char *const paths[] = {
        "/openai/v1/batches",          "/openai/v1/batch/jobs",
        "/openai/v1/fine_tuning/jobs", "/openai/v1/threads/thread_1/runs",
        "/openai/v1/%62atches/",       "/anthropic/v1/messages/batches"};
    int unknown = 0;
    gatewaying_open(&g, NULL, 0);
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        unknown +=
            held_for(paths[i], "{\"model\":\"gpt-4.1-nano\",\"max_tokens\":1}") == -1 ? 1 : 0;
    }
    const int64_t known_pusd = held_for("/openai/v1/rerank", CHAT "}");
    gatewaying_close(&g);
    EXPECT(test_is_refusing() || unknown == COUNT_OF(paths));
    EXPECT(test_is_refusing() || known_pusd > 0);
}

static void a_body_makes_a_call_of_every_method(void)
{
    static const char *const chat = "/v1/chat/completions";
    gatewaying_open(&g, NULL, 0);
    const bool get = is_free(HTTP_GET, chat, CHAT "}");
    const bool head = is_free(HTTP_HEAD, chat, CHAT "}");
    const bool removes = is_free(HTTP_DELETE, chat, CHAT "}");
    const bool options = is_free(HTTP_OPTIONS, chat, CHAT "}");
    const bool cancel = is_free(HTTP_POST, "/v1/responses/cancel", CHAT "}");
    const bool models = is_free(HTTP_GET, "/v1/models", "");
    const bool gone = is_free(HTTP_DELETE, "/openai/v1/responses/resp_1", "");
    const bool stopped = is_free(HTTP_POST, "/openai/v1/responses/resp_1/cancel", "");
    const bool count = is_free(HTTP_POST, "/v1/messages/count_tokens", CHAT "}");
    gatewaying_close(&g);
    EXPECT(!get && !head && !removes && !options && !cancel);
    EXPECT(test_is_refusing() || (models && gone && stopped && count));
}

static bool starts(const char *path, const char *request)
{
    struct exchange *const exchange = gatewaying_ask(&g, path, request);
    return gateway_read(exchange) == GATEWAY_ADMIT && gatewaying_admit(&g);
}

static struct gateway_settled settled_of(void)
{
    struct text record;
    text_init(&record, CALL_RECORD_BYTES_MAX);
    const struct gateway_settled settled = gatewaying_settle(&g, &record);
    text_deinit(&record);
    return settled;
}

/* The text of some thirty tokens, of a request for three of each of two choices. */
static const char *const long_answer =
    "data: {\"id\":\"chatcmpl-0123456789abc\",\"choices\":[{\"delta\":{\"content\":\"one two three "
    "four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty one two three four five six seven eight nine ten\"}}]}\n\n";

static void an_estimate_is_never_above_what_was_held(void)
{
    gatewaying_open(&g, NULL, 0);
    bool fine = starts("/v1/chat/completions",
                       "{\"model\":\"gpt-4.1\",\"max_tokens\":3,\"n\":2,\"stream\":true}");
    gatewaying_stream(&g, long_answer, false);
    const struct gateway_settled bounded = settled_of();
    const int64_t held_pusd = g.exchange.held_pusd;
    fine = fine && starts("/v1/chat/completions", "{\"model\":\"gpt-4.1\",\"stream\":true}");
    gatewaying_stream(&g, long_answer, false);
    const struct gateway_settled unbounded = settled_of();
    struct budget_counts counts;
    budget_count(g.budget, &counts);
    gatewaying_close(&g);
    EXPECT(fine);
    EXPECT(bounded.is_estimated && bounded.usage.counts[USAGE_OUTPUT] == 6);
    EXPECT(bounded.cost_pusd <= held_pusd);
    EXPECT(unbounded.is_estimated && unbounded.usage.counts[USAGE_OUTPUT] > 20);
    EXPECT(counts.overshoots == 0);
}

static void a_redirect_costs_nothing(void)
{
    gatewaying_open(&g, NULL, 0);
    const bool fine = starts("/v1/chat/completions", CHAT "}");
    gatewaying_answer(&g, 307, "");
    const struct gateway_settled settled = settled_of();
    gatewaying_close(&g);
    EXPECT(fine);
    EXPECT(!settled.is_charged);
}

static void an_id_drawn_of_a_thousand_names_no_call(void)
{
    struct text record;
    gatewaying_open(&g, NULL, 0);
    text_init(&record, CALL_RECORD_BYTES_MAX);
    const bool fine = starts("/v1/chat/completions", CHAT "}");
    gatewaying_answer(&g, 200,
                      "{\"id\":\"chatcmpl-421\",\"usage\":{\"prompt_tokens\":3,"
                      "\"completion_tokens\":4}}");
    (void)gatewaying_settle(&g, &record);
    const bool is_own = str_find(text_str(&record), STR("\"identity\":\"gateway:")) != SIZE_MAX;
    text_deinit(&record);
    gatewaying_close(&g);
    EXPECT(fine);
    EXPECT(test_is_refusing() || is_own);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_member_of_another_api_bounds_no_output),
        TEST(work_that_is_done_later_has_no_known_cost),
        TEST(a_body_makes_a_call_of_every_method),
        TEST(an_estimate_is_never_above_what_was_held),
        TEST(a_redirect_costs_nothing),
        TEST(an_id_drawn_of_a_thousand_names_no_call),
    };
    gatewaying_prepare();
    const int failed = test_main(tests, COUNT_OF(tests));
    gatewaying_done();
    return failed;
}
