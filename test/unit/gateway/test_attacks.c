/*
 * Goal: no way of writing a request gets it held for less than it can cost, or forwarded other than
 * it was held for.
 * Method: requests of a hostile client one by one against what is held for the plain one.
 */
#include "gatewaying.h"

static struct gatewaying g;

#define CHAT "{\"model\":\"gpt-4.1\",\"max_tokens\":100"

static bool is_free(enum http_method method, const char *path, const char *request)
{
    struct exchange *const exchange = gatewaying_ask(&g, path, request);
    g.head.method = method;
    const bool goes = gatewaying_goes(&g);
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
    const int64_t chat_pusd = gatewaying_held_pusd(&g, "/anthropic/v1/chat/completions", chat);
    const enum provider_api chat_api = g.exchange.api;
    const int64_t messages_pusd = gatewaying_held_pusd(&g, "/openai/v1/messages", messages);
    const enum provider_api messages_api = g.exchange.api;
    const int64_t unknown_pusd = gatewaying_held_pusd(&g, "/openai/v1/unknown", messages);
    const enum hold_cause cause = g.exchange.cause;
    const int64_t larger_pusd = gatewaying_held_pusd(
        &g, "/openai/v1/unknown", "{\"model\":\"gpt-4.1\",\"max_tokens\":100000}");
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
        unknown += gatewaying_held_pusd(&g, paths[i],
                                        "{\"model\":\"gpt-4.1-nano\",\"max_tokens\":1}") == -1
                       ? 1
                       : 0;
    }
    const int64_t known_pusd = gatewaying_held_pusd(&g, "/openai/v1/rerank", CHAT "}");
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

/* The text of some thirty tokens, of a request for three of each of two choices. */
static const char *const long_answer =
    "data: {\"id\":\"chatcmpl-0123456789abc\",\"choices\":[{\"delta\":{\"content\":\"one two three "
    "four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty one two three four five six seven eight nine ten\"}}]}\n\n";

static void an_estimate_is_never_above_what_was_held(void)
{
    gatewaying_open(&g, NULL, 0);
    bool fine =
        gatewaying_starts(&g, "/v1/chat/completions",
                          "{\"model\":\"gpt-4.1\",\"max_tokens\":3,\"n\":2,\"stream\":true}");
    gatewaying_stream(&g, long_answer, false);
    const struct gateway_settled bounded = gatewaying_settle(&g, NULL);
    const int64_t held_pusd = g.exchange.held_pusd;
    fine = fine &&
           gatewaying_starts(&g, "/v1/chat/completions", "{\"model\":\"gpt-4.1\",\"stream\":true}");
    gatewaying_stream(&g, long_answer, false);
    const struct gateway_settled unbounded = gatewaying_settle(&g, NULL);
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
    const bool fine = gatewaying_starts(&g, "/v1/chat/completions", CHAT "}");
    gatewaying_answer(&g, 307, "");
    const struct gateway_settled settled = gatewaying_settle(&g, NULL);
    gatewaying_close(&g);
    EXPECT(fine);
    EXPECT(!settled.is_charged);
}

static void an_id_drawn_of_a_thousand_names_no_call(void)
{
    struct text record;
    gatewaying_open(&g, NULL, 0);
    text_init(&record, CALL_RECORD_BYTES_MAX);
    const bool fine = gatewaying_starts(&g, "/v1/chat/completions", CHAT "}");
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

/* Whether a limit of that scope is touched by a call of everybody and everything named here. */
static bool touches(const char *scope)
{
    const struct hold_limit limit = {.scope = str_from(scope),
                                     .period = PERIOD_MONTH,
                                     .zone_name = STR("UTC"),
                                     .limit_pusd = INT64_MAX,
                                     .hard_pusd = INT64_MAX,
                                     .per_case_pusd = HOLD_NO_LIMIT};
    static const struct gateway_caller caller = {.key = STR_STATIC("k"),
                                                 .team = STR_STATIC("t"),
                                                 .workflow = STR_STATIC("w"),
                                                 .user = STR_STATIC("u")};
    gatewaying_open(&g, &limit, 1);
    struct exchange *const exchange = gatewaying_ask(
        &g, "/v1/chat/completions", "{\"model\":\"gpt-4.1-2025-04-14\",\"max_tokens\":1}");
    gateway_who_read(&g.request, &caller, &exchange->who);
    const bool goes = gatewaying_goes(&g);
    const bool is_limited = exchange->is_limited;
    if (goes) {
        CHECK(gateway_end_hold(exchange, NULL, NULL));
    }
    gatewaying_close(&g);
    return goes && is_limited;
}

static void a_call_is_held_for_in_every_scope_it_touches(void)
{
    static const char *const own[] = {"org",
                                      "team:t",
                                      "workflow:w",
                                      "key:k",
                                      "user:u",
                                      "model:gpt-4.1",
                                      "model:gpt-4.1-2025-04-14"};
    static const char *const others[] = {"team:u", "workflow:t",         "key:w",
                                         "user:k", "model:gpt-4.1-mini", "team:tt"};
    size_t touched = 0;
    for (size_t i = 0; i < COUNT_OF(own); i++) {
        touched += touches(own[i]) ? 1 : 0;
    }
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        EXPECT(!touches(others[i]));
    }
    EXPECT(test_is_refusing() || touched == COUNT_OF(own));
}

static void a_byte_is_held_for_as_a_token_at_the_dearest_way_to_bill_it(void)
{
    /* An hour in the cache costs twice the input: $6 a million. */
    static const int64_t hour_pusd = 6000000;
    static const char *const request = "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":0,"
                                       "\"messages\":[{\"role\":\"user\",\"content\":"
                                       "\"@@@@ 1 2 3 4 5 6 7 8 9 a b c d e f g\"}]}";
    static const char *const tools = "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":0,\"tools\":["
                                     "{\"type\":\"bash_20250124\"},{\"type\":"
                                     "\"function\"},{\"type\":\"custom\"},{\"name\":\"mine\"},{"
                                     "\"type\":\"computer_20250124\"}]}";
    gatewaying_open(&g, NULL, 0);
    const int64_t held_pusd = gatewaying_held_pusd(&g, "/v1/messages", request);
    const int64_t tools_pusd = gatewaying_held_pusd(&g, "/v1/messages", tools);
    gatewaying_close(&g);
    EXPECT(test_is_refusing() ||
           tools_pusd == hour_pusd * ((int64_t)strlen(tools) + PROVIDER_INPUT_EXTRA_TOKENS +
                                      2 * PROVIDER_TOOL_TOKENS));
    EXPECT(test_is_refusing() ||
           held_pusd == hour_pusd * ((int64_t)strlen(request) + PROVIDER_INPUT_EXTRA_TOKENS));
}

static void searches_that_nobody_bounds_are_held_as_ten(void)
{
    static const char *const without = "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":10}";
    static const char *const with = "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":10,\"tools\":"
                                    "[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}]}";
    gatewaying_open(&g, NULL, 0);
    const int64_t without_pusd = gatewaying_held_pusd(&g, "/v1/messages", without);
    const int64_t with_pusd = gatewaying_held_pusd(&g, "/v1/messages", with);
    const enum hold_cause cause = g.exchange.cause;
    gatewaying_close(&g);
    EXPECT(test_is_refusing() || with_pusd >= without_pusd + INT64_C(10) * 10000000000);
    EXPECT(test_is_refusing() || cause == HOLD_CAUSE_INPUT || cause == HOLD_CAUSE_FEES);
}

static void a_hold_outlives_every_deadline_of_its_call(void)
{
    static const int64_t totals_s[] = {0, 5, 86400};
    static const int64_t second_ns = INT64_C(1000000000);
    for (size_t i = 0; i < COUNT_OF(totals_s); i++) {
        gatewaying_open(&g, NULL, 0);
        g.settings.gateway.total_s = totals_s[i];
        const bool fine = gatewaying_starts(&g, "/v1/chat/completions", CHAT "}");
        const int64_t total_s = totals_s[i] > 0 ? totals_s[i] : 3600;
        const int64_t end_ns = g.exchange.started_ns + total_s * second_ns;
        int64_t within = -1;
        int64_t after = -1;
        const enum errc code = budget_expire(g.budget, end_ns + 59 * second_ns, &within, &g.err);
        const enum errc later = budget_expire(g.budget, end_ns + 61 * second_ns, &after, &g.err);
        gatewaying_close(&g);
        EXPECT(fine);
        EXPECT(code == ERR_OK && within == 0);
        EXPECT(later == ERR_OK && after == 1);
    }
}

/* $10, $1 cached and $45 a million above 272,000 tokens until 2026-08-21, then $8, $0.80 and $30.
 */
static void a_call_costs_what_it_did_when_it_was_held_for(void)
{
    static const int64_t change_ns = INT64_C(1787270400) * 1000000000;
    static const int64_t wanted_pusd[] = {INT64_C(2145) * 1000000000, INT64_C(1710) * 1000000000};
    for (size_t i = 0; i < COUNT_OF(wanted_pusd); i++) {
        gatewaying_open(&g, NULL, 0);
        const bool fine =
            gatewaying_starts(&g, "/v1/chat/completions", "{\"model\":\"gpt-5.6-sol\"}");
        g.exchange.started_ns = i == 0 ? change_ns - 1 : change_ns;
        gatewaying_answer(&g, 200,
                          "{\"usage\":{\"prompt_tokens\":300000,\"completion_tokens\":1000,"
                          "\"prompt_tokens_details\":{\"cached_tokens\":100000}}}");
        const struct gateway_settled settled = gatewaying_settle(&g, NULL);
        gatewaying_close(&g);
        EXPECT(fine);
        EXPECT(settled.has_cost && settled.cost_pusd == wanted_pusd[i]);
    }
}

static void what_was_never_sent_costs_nothing(void)
{
    gatewaying_open(&g, NULL, 0);
    const bool fine = gatewaying_starts(&g, "/v1/chat/completions", CHAT "}");
    g.exchange.end = END_FAILED;
    g.exchange.failure = NET_CONNECT_TIMEOUT;
    const struct gateway_settled settled = gatewaying_settle(&g, NULL);
    struct budget_counts counts;
    budget_count(g.budget, &counts);
    gatewaying_close(&g);
    EXPECT(fine);
    EXPECT(!settled.is_charged);
    EXPECT(counts.voided == 1 && counts.posted == 0 && counts.open_holds == 0);
}

static void a_cost_that_nobody_knows_is_spent_as_held(void)
{
    static const int64_t limit_pusd = INT64_C(1000000000000);
    const struct hold_limit limit = {.scope = STR("org"),
                                     .period = PERIOD_MONTH,
                                     .zone_name = STR("UTC"),
                                     .limit_pusd = limit_pusd,
                                     .hard_pusd = limit_pusd,
                                     .per_case_pusd = HOLD_NO_LIMIT};
    gatewaying_open(&g, &limit, 1);
    const bool fine = gatewaying_starts(&g, "/openai/v1/unknown", CHAT "}");
    const int64_t held_pusd = g.exchange.held_pusd;
    gatewaying_answer(&g, 200, "{\"done\":true}");
    const struct gateway_settled settled = gatewaying_settle(&g, NULL);
    const money_sum remaining_pusd = g.exchange.remaining_pusd;
    gatewaying_close(&g);
    EXPECT(fine);
    EXPECT(held_pusd > 0 && settled.is_charged && !settled.has_cost);
    EXPECT(remaining_pusd == limit_pusd - held_pusd);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_member_of_another_api_bounds_no_output),
        TEST(work_that_is_done_later_has_no_known_cost),
        TEST(a_body_makes_a_call_of_every_method),
        TEST(an_estimate_is_never_above_what_was_held),
        TEST(a_redirect_costs_nothing),
        TEST_SPARSE(a_call_is_held_for_in_every_scope_it_touches),
        TEST(a_byte_is_held_for_as_a_token_at_the_dearest_way_to_bill_it),
        TEST(searches_that_nobody_bounds_are_held_as_ten),
        TEST_SPARSE(a_hold_outlives_every_deadline_of_its_call),
        TEST(a_cost_that_nobody_knows_is_spent_as_held),
        TEST_SPARSE(a_call_costs_what_it_did_when_it_was_held_for),
        TEST(what_was_never_sent_costs_nothing),
        TEST(an_id_drawn_of_a_thousand_names_no_call),
    };
    gatewaying_prepare();
    const int failed = test_main(tests, COUNT_OF(tests));
    gatewaying_done();
    return failed;
}
