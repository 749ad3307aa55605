/*
 * Goal: what came out in pieces counts as if it had come whole, however it was cut and mixed.
 * Method: texts cut at every byte and given by turns, against their counts in one piece; streams of
 * each dialect.
 */
#include <stdlib.h>

#include "support/test.h"
#include "wire/provider.h"

static struct provider_seen seen;
static struct provider_reply reply;

static const struct str english = STR_STATIC(
    "The budget of this workflow has no room for another call; it's its owner's turn.\n\n");
static const struct str russian =
    STR_STATIC("Стоимость каждого случая складывается из всех попыток.");

static void begin(void)
{
    provider_seen_deinit(&seen);
    provider_seen_init(&seen);
    reply = (struct provider_reply){.seen = &seen};
}

static int64_t end(void)
{
    const int64_t tokens = provider_seen_tokens(&seen, TOKENS_O200K);
    provider_seen_deinit(&seen);
    return tokens;
}

static void nothing_seen_is_no_token(void)
{
    begin();
    provider_seen_add(&seen, 1, STR(""));
    const int64_t tokens = end();
    EXPECT(tokens == 0);
}

static void pieces_count_as_their_whole(void)
{
    const int64_t whole = tokens_count(TOKENS_O200K, english);
    for (size_t step = 1; step < english.size; step++) {
        begin();
        for (size_t at = 0; at < english.size; at += step) {
            const size_t size = english.size - at < step ? english.size - at : step;
            provider_seen_add(&seen, 0, (struct str){english.data + at, size});
        }
        const int64_t tokens = end();
        EXPECT(tokens == whole);
    }
}

static void texts_by_turns_count_each_alone(void)
{
    begin();
    for (size_t i = 0; i < english.size || i < russian.size; i++) {
        if (i < english.size) {
            provider_seen_add(&seen, 7, (struct str){english.data + i, 1});
        }
        if (i < russian.size) {
            provider_seen_add(&seen, 1u << 31, (struct str){russian.data + i, 1});
        }
    }
    const int64_t bytes = seen.bytes;
    const int64_t tokens = end();
    EXPECT(bytes == (int64_t)(english.size + russian.size));
    EXPECT(tokens == tokens_count(TOKENS_O200K, english) + tokens_count(TOKENS_O200K, russian));
}

static void more_sources_than_are_told_apart_are_all_counted(void)
{
    enum { SOURCES = 100 };
    begin();
    for (uint32_t source = 0; source < SOURCES; source++) {
        provider_seen_add(&seen, source, english);
    }
    const int64_t tokens = end();
    EXPECT(llabs(tokens - SOURCES * tokens_count(TOKENS_O200K, english)) <= SOURCES);
}

static void beyond_the_bound_the_rest_is_like_what_was_kept(void)
{
    enum { TIMES = 3000 };
    begin();
    for (int i = 0; i < TIMES; i++) {
        provider_seen_add(&seen, 0, english);
    }
    const size_t kept = seen.pieces.size;
    const int64_t tokens = end();
    const int64_t exact = TIMES * tokens_count(TOKENS_O200K, english);
    EXPECT(kept <= PROVIDER_SEEN_BYTES_MAX);
    EXPECT(llabs(tokens - exact) * 1000 < exact);
}

static int64_t of_stream(enum provider_api api, const char *events)
{
    struct json_parser *parser = NULL;
    struct sse sse;
    struct sse_event event;
    struct err err;
    struct str rest = str_from(events);
    bool has = true;
    begin();
    json_parser_create(&parser, 1 << 16);
    sse_init(&sse);
    while (sse_next(&sse, &rest, &event, &has, &err) == ERR_OK && has) {
        (void)provider_reply_event(api, &event, parser, &reply);
    }
    sse_deinit(&sse);
    json_parser_destroy(&parser);
    return end();
}

static void a_stream_counts_as_its_texts_do(void)
{
    const int64_t choices = of_stream(
        PROVIDER_CHAT,
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"The bud\"}}]}\n\n"
        "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"Nothing\"}}]}\n\n"
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"get of th\"}}]}\n\n"
        "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"ness\"}}]}\n\n"
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"is workflow\"}}]}\n\n");
    const int64_t calls = of_stream(
        PROVIDER_CHAT,
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
        "{\"name\":\"get_weather\",\"arguments\":\"\"}}]}}]}\n\n"
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
        "{\"arguments\":\"{\\\"ci\"}}]}}]}\n\n"
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
        "{\"arguments\":\"ty\\\":1}\"}}]}}]}\n\n");
    const int64_t messages = of_stream(
        PROVIDER_MESSAGES,
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
        "{\"type\":\"thinking_delta\",\"thinking\":\"The bud\"}}\n\n"
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
        "{\"type\":\"thinking_delta\",\"thinking\":\"get of this workflow\"}}\n\n"
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":"
        "{\"type\":\"text_delta\",\"text\":\"Nothingness\"}}\n\n");
    const int64_t responses = of_stream(
        PROVIDER_RESPONSES,
        "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"The "
        "bud\"}\n\n"
        "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"get of this "
        "workflow\"}\n\n"
        "data: {\"type\":\"response.function_call_arguments.delta\",\"output_index\":1,\"delta\":"
        "\"Nothingness\"}\n\n");
    const int64_t both = tokens_count(TOKENS_O200K, STR("The budget of this workflow")) +
                         tokens_count(TOKENS_O200K, STR("Nothingness"));
    EXPECT(choices == both);
    EXPECT(messages == both);
    EXPECT(responses == both);
    EXPECT(calls == tokens_count(TOKENS_O200K, STR("get_weather")) +
                        tokens_count(TOKENS_O200K, STR("{\"city\":1}")));
}

static int64_t of_reply(enum provider_api api, const char *body)
{
    struct json_parser *parser = NULL;
    struct json root;
    struct err err;
    const struct str text = str_from(body);
    begin();
    json_parser_create(&parser, 1 << 16);
    if (json_parse(parser, text, text.size, &root, &err) == ERR_OK) {
        provider_reply_read(api, root, &reply);
    }
    json_parser_destroy(&parser);
    return end();
}

static void a_whole_reply_counts_only_where_it_tells_no_usage(void)
{
    const int64_t told =
        of_reply(PROVIDER_CHAT, "{\"choices\":[{\"message\":{\"content\":\"x y\"}}],"
                                "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":3}}");
    const int64_t half =
        of_reply(PROVIDER_CHAT, "{\"choices\":[{\"message\":{\"content\":"
                                "\"Nothingness\"}}],\"usage\":{\"prompt_tokens\":1}}");
    const int64_t untold =
        of_reply(PROVIDER_CHAT, "{\"choices\":[{\"message\":{\"content\":\"Nothingness\"}}]}");
    const int64_t tool =
        of_reply(PROVIDER_MESSAGES, "{\"content\":[{\"type\":\"tool_use\",\"name\":\"get_weather\","
                                    "\"input\":{ \"city\" : 1 }}]}");
    EXPECT(told == 0);
    EXPECT(half == untold);
    EXPECT(untold == tokens_count(TOKENS_O200K, STR("Nothingness")));
    EXPECT(tool == tokens_count(TOKENS_O200K, STR("get_weather")) +
                       tokens_count(TOKENS_O200K, STR("{\"city\":1}")));
}

int main(void)
{
    const struct test tests[] = {
        TEST(nothing_seen_is_no_token),
        TEST(pieces_count_as_their_whole),
        TEST(texts_by_turns_count_each_alone),
        TEST(more_sources_than_are_told_apart_are_all_counted),
        TEST(beyond_the_bound_the_rest_is_like_what_was_kept),
        TEST(a_stream_counts_as_its_texts_do),
        TEST(a_whole_reply_counts_only_where_it_tells_no_usage),
    };
    return test_main(tests, COUNT_OF(tests));
}
