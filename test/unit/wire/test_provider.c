/*
 * Goal: what a request may cost at most and what its reply did use are read right in every dialect.
 * Method: bodies and event sequences as the providers document them; refusals first.
 */
#include "support/test.h"
#include "wire/provider.h"

static struct err err;

enum { DOCUMENT_BYTES_MAX = 1 << 16 };

static enum errc read_request(struct json_parser *parser, enum provider_api api, const char *body,
                              struct provider_request *out)
{
    struct json root;
    const struct str text = str_from(body);
    enum errc code = json_parse(parser, text, text.size, &root, &err);
    if (code == ERR_OK) {
        code = provider_request_read(api, text, root, out, &err);
    }
    return code;
}

static bool reads_reply(struct json_parser *parser, enum provider_api api, const char *body,
                        struct provider_reply *out)
{
    struct json root;
    const struct str text = str_from(body);
    *out = (struct provider_reply){0};
    if (json_parse(parser, text, text.size, &root, &err) != ERR_OK) {
        return false;
    }
    provider_reply_read(api, root, out);
    return true;
}

/* Events one after the other; returns how many only carried the usage. */
static int read_stream(struct json_parser *parser, enum provider_api api, const char *stream,
                       struct provider_reply *out)
{
    struct sse sse;
    struct str rest = str_from(stream);
    struct sse_event event;
    bool has = true;
    int hidden = 0;
    *out = (struct provider_reply){0};
    sse_init(&sse);
    while (sse_next(&sse, &rest, &event, &has, &err) == ERR_OK && has) {
        hidden += provider_reply_event(api, &event, parser, out) ? 1 : 0;
    }
    sse_deinit(&sse);
    return hidden;
}

static void what_could_be_read_two_ways_is_refused(void)
{
    struct json_parser *parser = NULL;
    struct provider_request request = {0};
    json_parser_create(&parser, DOCUMENT_BYTES_MAX);
    const enum errc twice =
        read_request(parser, PROVIDER_CHAT, "{\"model\":\"a\",\"mod\\u0065l\":\"b\"}", &request);
    const enum errc list = read_request(parser, PROVIDER_CHAT, "[]", &request);
    const enum errc negative = read_request(parser, PROVIDER_CHAT, "{\"max_tokens\":-1}", &request);
    const enum errc text =
        read_request(parser, PROVIDER_MESSAGES, "{\"max_tokens\":\"9\"}", &request);
    const enum errc half = read_request(parser, PROVIDER_CHAT, "{\"n\":1.5}", &request);
    const enum errc huge =
        read_request(parser, PROVIDER_RESPONSES, "{\"max_output_tokens\":1e18}", &request);
    json_parser_destroy(&parser);
    EXPECT(twice == ERR_SYNTAX);
    EXPECT(list == ERR_SYNTAX);
    EXPECT(negative == ERR_RANGE);
    EXPECT(text == ERR_RANGE);
    EXPECT(half == ERR_RANGE);
    EXPECT(huge == ERR_RANGE);
    EXPECT(strstr(err.text, "max_output_tokens") != NULL);
}

static void what_only_some_servers_take_for_a_member_is_refused(void)
{
    static const char *const bodies[] = {
        "{\"max_tokens\":9,\"MAX_TOKENS\":90000}",
        "{\"max_to\u212aens\":90000}", /* the sign of Kelvin */
        "{\"max_completion_token\\u017f\":90000}",
        "{\"model\":\"a\",\"Model\":\"b\"}",
        "{\"N\":10}",
        "{\"stream\":false,\"Stream\":true}",
        "{\"stream_options\":{\"include_usage\":true,\"Include_Usage\":false}}",
        "{\"tools\":[{\"type\":\"web_search\",\"max_uses\":0,\"max_uses\":50}]}",
        "{\"tools\":[{\"type\":\"custom\",\"type\":\"web_search\"}]}",
        "{\"tools\":[{\"type\":\"custom\",\"Type\":\"web_search\"}]}",
    };
    struct json_parser *parser = NULL;
    struct provider_request request = {0};
    json_parser_create(&parser, DOCUMENT_BYTES_MAX);
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        EXPECT(read_request(parser, PROVIDER_CHAT, bodies[i], &request) == ERR_SYNTAX);
    }
    const enum errc fine =
        read_request(parser, PROVIDER_CHAT,
                     "{\"max_token\":1,\"model\":\"a\",\"Modell\":1,\"mode\":2}", &request);
    json_parser_destroy(&parser);
    EXPECT(fine == ERR_OK);
}

static void a_bound_of_nothing_is_none_where_servers_may_take_it_so(void)
{
    struct json_parser *parser = NULL;
    struct provider_request chat = {0};
    struct provider_request both = {0};
    struct provider_request messages = {0};
    json_parser_create(&parser, DOCUMENT_BYTES_MAX);
    const bool fine =
        read_request(parser, PROVIDER_CHAT, "{\"max_tokens\":0}", &chat) == ERR_OK &&
        read_request(parser, PROVIDER_CHAT, "{\"max_tokens\":10,\"max_completion_tokens\":0}",
                     &both) == ERR_OK &&
        read_request(parser, PROVIDER_MESSAGES, "{\"max_tokens\":0}", &messages) == ERR_OK;
    json_parser_destroy(&parser);
    EXPECT(fine);
    EXPECT(chat.output_max == -1);
    EXPECT(chat.output_names[0] != NULL); /* a ceiling is written in its place */
    EXPECT(both.output_max == -1);
    EXPECT(messages.output_max == 0);
}

static void only_anthropic_bounds_its_searches_by_their_uses(void)
{
    static const char *const body = "{\"tools\":[{\"type\":\"web_search\",\"max_uses\":2}]}";
    struct json_parser *parser = NULL;
    struct provider_request responses = {0};
    struct provider_request messages = {0};
    json_parser_create(&parser, DOCUMENT_BYTES_MAX);
    const bool fine = read_request(parser, PROVIDER_RESPONSES, body, &responses) == ERR_OK &&
                      read_request(parser, PROVIDER_MESSAGES, body, &messages) == ERR_OK;
    json_parser_destroy(&parser);
    EXPECT(fine);
    EXPECT(responses.web_searches_max == -1);
    EXPECT(messages.web_searches_max == 2);
}

static void a_request_says_how_much_may_come_out(void)
{
    struct json_parser *parser = NULL;
    struct provider_request chat = {0};
    struct provider_request both = {0};
    struct provider_request responses = {0};
    struct provider_request open = {0};
    struct provider_request embeddings = {0};
    json_parser_create(&parser, DOCUMENT_BYTES_MAX);
    const bool fine =
        read_request(parser, PROVIDER_CHAT,
                     "{\"model\":\"m\",\"max_tokens\":64,\"n\":3,\"stream\":true,"
                     "\"stream_options\":{\"include_usage\":true},\"user\":\"u1\","
                     "\"service_tier\":\"priority\"}",
                     &chat) == ERR_OK &&
        chat.is_stream && chat.asks_usage && chat.output_max == 64 && chat.choices == 3 &&
        chat.tier == TIER_PRIORITY && str_equal(chat.user, STR("u1")) &&
        read_request(parser, PROVIDER_CHAT, "{\"max_completion_tokens\":5,\"max_tokens\":9}",
                     &both) == ERR_OK &&
        read_request(parser, PROVIDER_RESPONSES, "{\"max_output_tokens\":7,\"max_tokens\":1}",
                     &responses) == ERR_OK &&
        read_request(parser, PROVIDER_CHAT, "{\"max_tokens\":null}", &open) == ERR_OK &&
        read_request(parser, PROVIDER_EMBEDDINGS, "{\"input\":\"x\"}", &embeddings) == ERR_OK;
    json_parser_destroy(&parser);
    EXPECT(fine);
    EXPECT(both.output_max == 9);
    EXPECT(strcmp(both.output_names[1], "max_completion_tokens") == 0);
    EXPECT(responses.output_max == 7);
    EXPECT(open.output_max == -1);
    EXPECT(open.output_names[0] == NULL);
    EXPECT(embeddings.output_max == 0);
}

static bool is_bounded(enum provider_api api, const char *body)
{
    struct json_parser *parser = NULL;
    struct provider_request request = {0};
    json_parser_create(&parser, DOCUMENT_BYTES_MAX);
    const enum errc code = read_request(parser, api, body, &request);
    json_parser_destroy(&parser);
    return code == ERR_OK && request.unbounded == NULL;
}

static void input_that_is_not_all_in_the_body_is_not_bounded_by_it(void)
{
    EXPECT(is_bounded(PROVIDER_CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"));
    EXPECT(is_bounded(PROVIDER_CHAT, "{\"tools\":[{\"type\":\"function\",\"function\":{}}]}"));
    EXPECT(is_bounded(PROVIDER_MESSAGES,
                      "{\"messages\":[{\"content\":[{\"type\":\"tool_result\",\"content\":"
                      "[{\"type\":\"text\",\"text\":\"x\"}]}]}],\"tools\":[{\"name\":\"t\"},"
                      "{\"type\":\"bash_20250124\"}]}"));
    EXPECT(!is_bounded(PROVIDER_MESSAGES,
                       "{\"messages\":[{\"content\":[{\"type\":\"tool_result\",\"content\":"
                       "[{\"type\":\"image\"}]}]}]}"));
    EXPECT(!is_bounded(PROVIDER_CHAT, "{\"messages\":[{\"content\":[{\"type\":\"image_url\"}]}]}"));
    EXPECT(!is_bounded(PROVIDER_RESPONSES, "{\"previous_response_id\":\"resp_1\"}"));
    EXPECT(is_bounded(PROVIDER_RESPONSES, "{\"previous_response_id\":null,\"background\":false}"));
    EXPECT(!is_bounded(PROVIDER_RESPONSES, "{\"tools\":[{\"type\":\"web_search\"}]}"));
    EXPECT(!is_bounded(PROVIDER_RESPONSES, "{\"prompt\":{\"id\":\"pmpt_1\"}}"));
    EXPECT(is_bounded(PROVIDER_OTHER, "{\"prompt\":\"once upon\"}"));
    EXPECT(!is_bounded(PROVIDER_RESPONSES, "{\"input\":[{\"type\":\"item_reference\"}]}"));
}

static void openai_totals_are_split_and_anthropic_parts_are_not(void)
{
    struct json_parser *parser = NULL;
    struct provider_reply chat;
    struct provider_reply messages;
    struct provider_reply conflict;
    json_parser_create(&parser, DOCUMENT_BYTES_MAX);
    const bool fine =
        reads_reply(parser, PROVIDER_CHAT,
                    "{\"id\":\"chatcmpl-1\",\"model\":\"gpt-4.1-2025-04-14\",\"service_tier\":"
                    "\"flex\",\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20,"
                    "\"prompt_tokens_details\":{\"cached_tokens\":60,\"cache_write_tokens\":10,"
                    "\"audio_tokens\":5},\"completion_tokens_details\":{\"reasoning_tokens\":8,"
                    "\"audio_tokens\":2}}}",
                    &chat) &&
        reads_reply(parser, PROVIDER_MESSAGES,
                    "{\"id\":\"msg_1\",\"usage\":{\"input_tokens\":10,"
                    "\"cache_read_input_tokens\":60,\"cache_creation_input_tokens\":30,"
                    "\"cache_creation\":{\"ephemeral_1h_input_tokens\":20,"
                    "\"ephemeral_5m_input_tokens\":10},\"output_tokens\":9,"
                    "\"server_tool_use\":{\"web_search_requests\":2},\"speed\":\"fast\"}}",
                    &messages) &&
        reads_reply(parser, PROVIDER_CHAT,
                    "{\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1,"
                    "\"prompt_tokens_details\":{\"cached_tokens\":9}}}",
                    &conflict);
    json_parser_destroy(&parser);
    EXPECT(fine);
    EXPECT(chat.usage.counts[USAGE_INPUT_UNCACHED] == 25);
    EXPECT(chat.usage.counts[USAGE_CACHE_READ] == 60);
    EXPECT(chat.usage.counts[USAGE_CACHE_WRITE_5M] == 10);
    EXPECT(chat.usage.counts[USAGE_INPUT_AUDIO] == 5);
    EXPECT(chat.usage.counts[USAGE_OUTPUT] == 18);
    EXPECT(chat.usage.counts[USAGE_OUTPUT_AUDIO] == 2);
    EXPECT(chat.usage.reasoning == 8);
    EXPECT(chat.has_tier);
    EXPECT(chat.tier == TIER_FLEX);
    EXPECT(str_equal(provider_text_str(&chat.id), STR("chatcmpl-1")));
    EXPECT(messages.usage.counts[USAGE_INPUT_UNCACHED] == 10);
    EXPECT(messages.usage.counts[USAGE_CACHE_WRITE_1H] == 20);
    EXPECT(messages.usage.counts[USAGE_CACHE_WRITE_5M] == 10);
    EXPECT(messages.usage.counts[USAGE_WEB_SEARCHES] == 2);
    EXPECT(messages.tier == TIER_FAST);
    EXPECT(messages.usage.counts[USAGE_REQUESTS] == 1);
    EXPECT(conflict.is_conflicting);
    EXPECT(conflict.usage.counts[USAGE_CACHE_READ] == 5);
    EXPECT(conflict.usage.counts[USAGE_INPUT_UNCACHED] == 0);
}

static void half_a_usage_is_known_to_be_half(void)
{
    struct json_parser *parser = NULL;
    struct provider_reply half, other, odd, rest;
    json_parser_create(&parser, DOCUMENT_BYTES_MAX);
    const bool read =
        reads_reply(parser, PROVIDER_CHAT, "{\"usage\":{\"completion_tokens\":5}}", &half) &&
        reads_reply(parser, PROVIDER_MESSAGES, "{\"usage\":{\"input_tokens\":5}}", &other) &&
        reads_reply(parser, PROVIDER_CHAT,
                    "{\"usage\":{\"prompt_tokens\":1e30,\"completion_tokens\":5}}", &odd) &&
        reads_reply(parser, PROVIDER_CHAT,
                    "{\"usage\":{\"completion_tokens\":5,\"total_tokens\":105}}", &rest);
    const bool is_full = provider_usage_is_full(PROVIDER_CHAT, &half) ||
                         provider_usage_is_full(PROVIDER_MESSAGES, &other) ||
                         provider_usage_is_full(PROVIDER_CHAT, &odd);
    json_parser_destroy(&parser);
    EXPECT(read);
    EXPECT(half.has_usage && other.has_usage && odd.has_usage);
    EXPECT(!is_full);
    EXPECT(provider_usage_is_full(PROVIDER_CHAT, &rest));
    EXPECT(rest.usage.counts[USAGE_INPUT_UNCACHED] == 100);
    EXPECT(rest.usage.counts[USAGE_OUTPUT] == 5);
}

static void what_totals_leave_out_is_metered(void)
{
    struct json_parser *parser = NULL;
    struct provider_reply thought;
    struct provider_reply both;
    struct provider_reply summed;
    struct provider_reply hour;
    json_parser_create(&parser, DOCUMENT_BYTES_MAX);
    const bool fine =
        reads_reply(parser, PROVIDER_CHAT,
                    "{\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,"
                    "\"total_tokens\":115,\"completion_tokens_details\":"
                    "{\"reasoning_tokens\":100}}}",
                    &thought) &&
        reads_reply(parser, PROVIDER_CHAT,
                    "{\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,"
                    "\"total_tokens\":15,\"completion_tokens_details\":"
                    "{\"reasoning_tokens\":3}}}",
                    &both) &&
        reads_reply(parser, PROVIDER_MESSAGES,
                    "{\"usage\":{\"input_tokens\":1,\"output_tokens\":2,\"iterations\":["
                    "{\"type\":\"message\",\"input_tokens\":1,\"output_tokens\":2},"
                    "{\"type\":\"compaction\",\"input_tokens\":1000,\"output_tokens\":30,"
                    "\"cache_read_input_tokens\":7,\"cache_creation_input_tokens\":9,"
                    "\"cache_creation\":{\"ephemeral_1h_input_tokens\":4}}]}}",
                    &summed) &&
        reads_reply(parser, PROVIDER_MESSAGES,
                    "{\"usage\":{\"input_tokens\":1,\"cache_creation_input_tokens\":50,"
                    "\"cache_creation\":{\"ephemeral_1h_input_tokens\":30,"
                    "\"ephemeral_5m_input_tokens\":0},\"output_tokens\":2}}",
                    &hour);
    json_parser_destroy(&parser);
    EXPECT(fine);
    EXPECT(thought.usage.counts[USAGE_OUTPUT] == 105 && thought.usage.reasoning == 100);
    EXPECT(!thought.is_conflicting);
    EXPECT(both.usage.counts[USAGE_OUTPUT] == 5 && both.usage.reasoning == 3);
    EXPECT(summed.usage.counts[USAGE_INPUT_UNCACHED] == 1001);
    EXPECT(summed.usage.counts[USAGE_OUTPUT] == 32);
    EXPECT(summed.usage.counts[USAGE_CACHE_READ] == 7);
    EXPECT(summed.usage.counts[USAGE_CACHE_WRITE_5M] == 5);
    EXPECT(summed.usage.counts[USAGE_CACHE_WRITE_1H] == 4);
    EXPECT(hour.usage.counts[USAGE_CACHE_WRITE_1H] == 50);
}

static void anthropic_snapshots_replace_one_another(void)
{
    struct json_parser *parser = NULL;
    struct provider_reply reply;
    json_parser_create(&parser, DOCUMENT_BYTES_MAX);
    read_stream(
        parser, PROVIDER_MESSAGES,
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\","
        "\"model\":\"claude-sonnet-4-5\",\"usage\":{\"input_tokens\":3,"
        "\"cache_creation_input_tokens\":40,\"cache_read_input_tokens\":7,\"cache_creation\":"
        "{\"ephemeral_5m_input_tokens\":10,\"ephemeral_1h_input_tokens\":30},"
        "\"output_tokens\":1}}}\n\n"
        "event: ping\ndata: {\"type\":\"ping\"}\n\n"
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":"
        "{\"type\":\"text_delta\",\"text\":\"hello\"}}\n\n"
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":5}}"
        "\n\n"
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"input_tokens\":4,"
        "\"cache_creation_input_tokens\":40,\"cache_read_input_tokens\":7,\"output_tokens\":12}}"
        "\n\n"
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        &reply);
    json_parser_destroy(&parser);
    EXPECT(reply.is_whole);
    EXPECT(reply.usage.counts[USAGE_INPUT_UNCACHED] == 4);
    EXPECT(reply.usage.counts[USAGE_OUTPUT] == 12);
    EXPECT(reply.usage.counts[USAGE_CACHE_READ] == 7);
    EXPECT(reply.usage.counts[USAGE_CACHE_WRITE_5M] == 10);
    EXPECT(reply.usage.counts[USAGE_CACHE_WRITE_1H] == 30);
    EXPECT(reply.output_bytes == 5);
}

static void the_chunk_that_only_carries_the_usage_is_told_apart(void)
{
    struct json_parser *parser = NULL;
    struct provider_reply reply;
    struct provider_reply none;
    json_parser_create(&parser, DOCUMENT_BYTES_MAX);
    const int hidden = read_stream(
        parser, PROVIDER_CHAT,
        "data: {\"id\":\"c1\",\"choices\":[{\"delta\":{\"content\":\"he\"}}],\"usage\":null}\n\n"
        "data: {\"id\":\"c1\",\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":"
        "{\"name\":\"f\",\"arguments\":\"{}\"}}]}}],\"usage\":null}\n\n"
        "data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,"
        "\"completion_tokens\":4}}\n\n"
        "data: [DONE]\n\n",
        &reply);
    const int kept = read_stream(parser, PROVIDER_CHAT,
                                 "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n"
                                 "data: not json\n\n",
                                 &none);
    json_parser_destroy(&parser);
    EXPECT(hidden == 1);
    EXPECT(reply.is_whole);
    EXPECT(reply.has_usage);
    EXPECT(reply.usage.counts[USAGE_OUTPUT] == 4);
    EXPECT(reply.output_bytes == 5);
    EXPECT(kept == 0);
    EXPECT(!none.has_usage);
    EXPECT(!none.is_whole);
}

static void a_response_ends_with_its_usage_however_it_ends(void)
{
    struct json_parser *parser = NULL;
    struct provider_reply reply;
    struct provider_reply failed;
    struct provider_reply overloaded;
    json_parser_create(&parser, DOCUMENT_BYTES_MAX);
    read_stream(parser, PROVIDER_RESPONSES,
                "event: response.output_text.delta\ndata: {\"type\":"
                "\"response.output_text.delta\",\"delta\":\"abc\"}\n\n"
                "event: response.incomplete\ndata: {\"type\":\"response.incomplete\","
                "\"response\":{\"id\":\"resp_1\",\"model\":\"gpt-5\",\"output\":[{\"type\":"
                "\"web_search_call\"}],\"usage\":{\"input_tokens\":10,\"input_tokens_details\":"
                "{\"cached_tokens\":4},\"output_tokens\":6,\"output_tokens_details\":"
                "{\"reasoning_tokens\":2}}}}\n\n",
                &reply);
    read_stream(parser, PROVIDER_RESPONSES,
                "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":"
                "{\"error\":{\"code\":\"server_error\"}}}\n\n",
                &failed);
    read_stream(parser, PROVIDER_MESSAGES,
                "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                "\"overloaded_error\"}}\n\n",
                &overloaded);
    json_parser_destroy(&parser);
    EXPECT(reply.is_whole);
    EXPECT(reply.usage.counts[USAGE_INPUT_UNCACHED] == 6);
    EXPECT(reply.usage.counts[USAGE_CACHE_READ] == 4);
    EXPECT(reply.usage.reasoning == 2);
    EXPECT(reply.usage.counts[USAGE_WEB_SEARCHES] == 1);
    EXPECT(reply.output_bytes == 3);
    EXPECT(failed.is_whole);
    EXPECT(str_equal(provider_text_str(&failed.error), STR("server_error")));
    EXPECT(str_equal(provider_text_str(&overloaded.error), STR("overloaded_error")));
    EXPECT(!overloaded.is_whole);
}

static void paths_name_their_api(void)
{
    EXPECT(provider_api_of(PROVIDER_OPENAI, STR("/chat/completions")) == PROVIDER_CHAT);
    EXPECT(provider_api_of(PROVIDER_ANTHROPIC, STR("/chat/completions")) == PROVIDER_CHAT);
    EXPECT(provider_api_of(PROVIDER_OPENAI, STR("/messages")) == PROVIDER_MESSAGES);
    EXPECT(provider_api_of(PROVIDER_ANTHROPIC, STR("/completions")) == PROVIDER_OTHER);
    EXPECT(provider_api_of(PROVIDER_ANTHROPIC, STR("/messages")) == PROVIDER_MESSAGES);
    EXPECT(provider_api_of(PROVIDER_ANTHROPIC, STR("/messages/count_tokens")) == PROVIDER_FREE);
    EXPECT(provider_api_of(PROVIDER_OPENAI, STR("/models/gpt-5")) == PROVIDER_MODELS);
    EXPECT(provider_api_of(PROVIDER_OPENAI, STR("/files")) == PROVIDER_FREE);
    EXPECT(provider_api_of(PROVIDER_ANTHROPIC, STR("/files/f1/content")) == PROVIDER_FREE);
    EXPECT(provider_api_of(PROVIDER_OPENAI, STR("/filestore")) == PROVIDER_OTHER);
    EXPECT(provider_api_of(PROVIDER_OPENAI, STR("/vector_stores")) == PROVIDER_OTHER);
}

static void the_last_usage_block_is_kept_where_somebody_wants_it(void)
{
    static struct text raw;
    struct json_parser *parser = NULL;
    struct json root;
    struct provider_reply reply = {.raw = &raw};
    const struct str first = STR("{\"usage\":{\"prompt_tokens\": 5, \"completion_tokens\": 2}}");
    const struct str last = STR("{\"usage\":{\"prompt_tokens\": 9}}");
    text_init(&raw, PROVIDER_RAW_BYTES_MAX);
    json_parser_create(&parser, DOCUMENT_BYTES_MAX);
    const bool is_first = json_parse(parser, first, first.size, &root, &err) == ERR_OK;
    if (is_first) {
        provider_reply_read(PROVIDER_CHAT, root, &reply);
    }
    const bool is_last = json_parse(parser, last, last.size, &root, &err) == ERR_OK;
    if (is_last) {
        provider_reply_read(PROVIDER_CHAT, root, &reply);
    }
    json_parser_destroy(&parser);
    const bool is_kept = str_equal(text_str(&raw), STR("{\"prompt_tokens\":9}"));
    text_deinit(&raw);
    EXPECT(is_first);
    EXPECT(is_last);
    EXPECT(is_kept);
}

int main(void)
{
    const struct test tests[] = {
        TEST(what_could_be_read_two_ways_is_refused),
        TEST(what_only_some_servers_take_for_a_member_is_refused),
        TEST(a_bound_of_nothing_is_none_where_servers_may_take_it_so),
        TEST(only_anthropic_bounds_its_searches_by_their_uses),
        TEST(a_request_says_how_much_may_come_out),
        TEST(input_that_is_not_all_in_the_body_is_not_bounded_by_it),
        TEST(openai_totals_are_split_and_anthropic_parts_are_not),
        TEST(half_a_usage_is_known_to_be_half),
        TEST(what_totals_leave_out_is_metered),
        TEST(anthropic_snapshots_replace_one_another),
        TEST(the_chunk_that_only_carries_the_usage_is_told_apart),
        TEST(a_response_ends_with_its_usage_however_it_ends),
        TEST(the_last_usage_block_is_kept_where_somebody_wants_it),
        TEST(paths_name_their_api),
    };
    return test_main(tests, COUNT_OF(tests));
}
