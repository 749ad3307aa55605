/*
 * Goal: a request's input is its texts and the frame that is published for them, no more.
 * Method: the examples of OpenAI's cookbook ("How to count tokens with tiktoken") with the counts
 * its API gave; requests with and without what is no text.
 */
#include <stdlib.h>

#include "base/text.h"
#include "support/test.h"
#include "wire/provider.h"

static struct err err;

static int64_t tokens_of(enum provider_api api, enum tokens_encoding encoding, const char *body)
{
    struct json_parser *parser = NULL;
    struct json root;
    const struct str text = str_from(body);
    json_parser_create(&parser, 1 << 21);
    const int64_t tokens = json_parse(parser, text, text.size, &root, &err) == ERR_OK
                               ? provider_request_tokens(api, encoding, root, text.size)
                               : -1;
    json_parser_destroy(&parser);
    return tokens;
}

static void what_holds_no_text_is_no_token(void)
{
    EXPECT(tokens_of(PROVIDER_CHAT, TOKENS_O200K, "[]") == 0);
    EXPECT(tokens_of(PROVIDER_CHAT, TOKENS_O200K, "{}") == 0);
    EXPECT(tokens_of(PROVIDER_EMBEDDINGS, TOKENS_O200K, "{\"input\":\"\",\"model\":\"m\"}") == 0);
    EXPECT(tokens_of(PROVIDER_OTHER, TOKENS_O200K, "{\"temperature\":1,\"stream\":true}") == 0);
}

/* The example of part 6: 124 tokens by the API of gpt-4o, 129 by those of gpt-4 and gpt-3.5. */
static void the_cookbooks_messages_count_as_its_api_counted_them(void)
{
    static const char body[] =
        "{\"model\":\"m\",\"temperature\":0,\"max_tokens\":1,\"messages\":["
        "{\"role\":\"system\",\"content\":\"You are a helpful, pattern-following assistant that "
        "translates corporate jargon into plain English.\"},"
        "{\"role\":\"system\",\"name\":\"example_user\",\"content\":\"New synergies will help "
        "drive top-line growth.\"},"
        "{\"role\":\"system\",\"name\":\"example_assistant\",\"content\":\"Things working well "
        "together will increase revenue.\"},"
        "{\"role\":\"system\",\"name\":\"example_user\",\"content\":\"Let's circle back when we "
        "have more bandwidth to touch base on opportunities for increased leverage.\"},"
        "{\"role\":\"system\",\"name\":\"example_assistant\",\"content\":\"Let's talk later when "
        "we're less busy about how to do better.\"},"
        "{\"role\":\"user\",\"content\":\"This late pivot means we don't have time to boil the "
        "ocean for the client deliverable.\"}]}";
    EXPECT(tokens_of(PROVIDER_CHAT, TOKENS_O200K, body) == 124);
    EXPECT(tokens_of(PROVIDER_CHAT, TOKENS_CL100K, body) == 129);
}

#define WEATHER_MESSAGES                                                                           \
    "\"messages\":[{\"role\":\"system\",\"content\":\"You are a helpful assistant that can "       \
    "answer "                                                                                      \
    "to questions about the weather.\"},{\"role\":\"user\",\"content\":\"What's the weather like " \
    "in San Francisco?\"}]"
#define WEATHER_FUNCTION                                                                           \
    "\"name\":\"get_current_weather\",\"description\":\"Get the current weather in a given "       \
    "location\",\"parameters\":{\"type\":\"object\",\"properties\":{\"location\":{\"type\":"       \
    "\"string\",\"description\":\"The city and state, e.g. San Francisco, CA\"},\"unit\":{"        \
    "\"type\":\"string\",\"description\":\"The unit of temperature to return\",\"enum\":["         \
    "\"celsius\",\"fahrenheit\"]}},\"required\":[\"location\"]}"

/* The example of part 7: 101 by the API of gpt-4o, 105 by those of gpt-4 and gpt-3.5. */
static void the_cookbooks_tool_counts_as_its_api_counted_it(void)
{
    static const char nested[] =
        "{\"model\":\"m\"," WEATHER_MESSAGES
        ",\"tools\":[{\"type\":\"function\",\"function\":{" WEATHER_FUNCTION "}}]}";
    static const char flat[] = "{\"model\":\"m\"," WEATHER_MESSAGES
                               ",\"tools\":[{\"type\":\"function\"," WEATHER_FUNCTION "}]}";
    EXPECT(tokens_of(PROVIDER_CHAT, TOKENS_O200K, nested) == 101);
    EXPECT(tokens_of(PROVIDER_CHAT, TOKENS_CL100K, nested) == 105);
    EXPECT(tokens_of(PROVIDER_CHAT, TOKENS_O200K, flat) == 101);
}

static void nested_schemas_are_read_to_their_depth(void)
{
    enum { DEPTH = 400 };
    struct text deep;
    const int64_t one = tokens_of(
        PROVIDER_CHAT, TOKENS_O200K,
        "{\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\",\"properties\":{\"a\":{"
        "\"type\":\"array\",\"items\":{\"anyOf\":[{\"properties\":{\"inner\":{\"type\":\"string\","
        "\"description\":\"What is inside.\"}}}]}}}}}]}");
    text_init(&deep, 1 << 16);
    text_add(&deep, STR("{\"tools\":[{\"name\":\"f\",\"parameters\":"));
    for (int i = 0; i < DEPTH / 2; i++) {
        text_add(&deep, STR("{\"properties\":{\"a\":"));
    }
    text_add(&deep, STR("1"));
    for (int i = 0; i < DEPTH / 2; i++) {
        text_add(&deep, STR("}}"));
    }
    text_add(&deep, STR("}]}"));
    const int64_t all = tokens_of(PROVIDER_CHAT, TOKENS_O200K, deep.data);
    text_deinit(&deep);
    /* ANSWER, TOOL, "f:"; twice PROPERTIES and PROPERTY; "a:array:", "inner:string:What is inside"
     */
    EXPECT(one == 3 + 19 + 2 + 2 * 6 + 4 + 6);
    EXPECT(all > 24 && all < 24 + DEPTH * 10);
}

static void pictures_and_names_of_the_request_are_no_text(void)
{
    static char data[2048];
    struct text text;
    memset(data, 'A', sizeof data - 1);
    text_init(&text, 4096);
    text_format(&text,
                "{\"model\":\"gpt-4.1\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
                "\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,%s\"}}]}]}",
                data);
    const int64_t picture = tokens_of(PROVIDER_CHAT, TOKENS_O200K, text.data);
    text_deinit(&text);
    const int64_t plain =
        tokens_of(PROVIDER_CHAT, TOKENS_O200K,
                  "{\"model\":\"gpt-4.1\",\"temperature\":1,\"messages\":[{\"role\":\"user\","
                  "\"content\":\"What is the capital of France?\"}]}");
    const int64_t parts = tokens_of(
        PROVIDER_CHAT, TOKENS_O200K,
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"What is the "
        "capital of France?\",\"cache_control\":{\"type\":\"ephemeral\"}}]}]}");
    const int64_t response = tokens_of(PROVIDER_RESPONSES, TOKENS_O200K,
                                       "{\"input\":\"What is the capital of France?\"}");
    EXPECT(picture >= 1000 && picture < 1020);
    EXPECT(plain == 7 + 4 + 3);
    EXPECT(parts == plain);
    EXPECT(response == plain);
}

static void what_agents_and_tools_made_is_read_with_its_names(void)
{
    const int64_t empty =
        tokens_of(PROVIDER_MESSAGES, TOKENS_O200K,
                  "{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\","
                  "\"id\":\"t\",\"name\":\"f\",\"input\":{}}]}]}");
    const int64_t filled = tokens_of(
        PROVIDER_MESSAGES, TOKENS_O200K,
        "{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\","
        "\"name\":\"f\",\"input\":{\"type\":\"cat\",\"text\":{\"id\":7}}}]}]}");
    EXPECT(filled == empty + 5); /* type, cat, text, id, 7 */
}

static void tokens_that_are_sent_as_numbers_are_counted(void)
{
    EXPECT(tokens_of(PROVIDER_EMBEDDINGS, TOKENS_CL100K, "{\"input\":[[1,2,3],[4,5]]}") == 5);
    EXPECT(tokens_of(PROVIDER_COMPLETIONS, TOKENS_CL100K, "{\"prompt\":[1,2,3]}") == 3);
    EXPECT(tokens_of(PROVIDER_EMBEDDINGS, TOKENS_CL100K, "{\"input\":\"2 + 2 = 4\"}") == 7);
}

static void a_long_conversation_is_counted_in_proportion(void)
{
    static const char sentence[] = "The budget of this workflow has no room for another call. ";
    enum { MESSAGES = 300, SENTENCES = 40 };
    struct text text;
    struct text one;
    text_init(&text, 1 << 20);
    text_init(&one, 1 << 20);
    for (int i = 0; i < SENTENCES; i++) {
        text_add(&one, str_from(sentence));
    }
    text_add(&text, STR("{\"messages\":["));
    for (int i = 0; i < MESSAGES; i++) {
        text_format(&text, "%s{\"role\":\"user\",\"content\":\"%s\"}", i > 0 ? "," : "", one.data);
    }
    text_add(&text, STR("]}"));
    const int64_t found = tokens_of(PROVIDER_CHAT, TOKENS_O200K, text.data);
    const int64_t exact = MESSAGES * (tokens_count(TOKENS_O200K, text_str(&one)) + 4) + 3;
    text_deinit(&one);
    text_deinit(&text);
    EXPECT(llabs(found - exact) * 100 < exact);
}

static void of_very_many_values_the_rest_is_like_the_first(void)
{
    enum { PARTS = 60000, NUMBERS = 60000 };
    struct text text;
    text_init(&text, 1 << 21);
    text_add(&text, STR("{\"messages\":[{\"content\":["));
    for (int i = 0; i < PARTS; i++) {
        text_add(&text, i > 0 ? STR(",\"word\"") : STR("\"word\""));
    }
    text_add(&text, STR("]}]}"));
    const int64_t words = tokens_of(PROVIDER_CHAT, TOKENS_O200K, text.data);
    text_clear(&text);
    text_add(&text, STR("{\"input\":[["));
    for (int i = 0; i < NUMBERS; i++) {
        text_add(&text, i > 0 ? STR(",1234") : STR("1234"));
    }
    text_add(&text, STR("]]}"));
    const int64_t numbers = tokens_of(PROVIDER_EMBEDDINGS, TOKENS_O200K, text.data);
    text_deinit(&text);
    EXPECT(words > PARTS * 4 / 5 && words < PARTS * 6 / 5);
    EXPECT(numbers == NUMBERS);
}

int main(void)
{
    const struct test tests[] = {
        TEST(what_holds_no_text_is_no_token),
        TEST(the_cookbooks_messages_count_as_its_api_counted_them),
        TEST(the_cookbooks_tool_counts_as_its_api_counted_it),
        TEST(nested_schemas_are_read_to_their_depth),
        TEST(pictures_and_names_of_the_request_are_no_text),
        TEST(what_agents_and_tools_made_is_read_with_its_names),
        TEST(tokens_that_are_sent_as_numbers_are_counted),
        TEST(a_long_conversation_is_counted_in_proportion),
        TEST(of_very_many_values_the_rest_is_like_the_first),
    };
    return test_main(tests, COUNT_OF(tests));
}
