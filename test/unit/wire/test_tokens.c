/*
 * Goal: an estimate of tokens is near what the vocabularies of OpenAI count, and a request's input
 * is its texts.
 * Method: texts with their counts by o200k_base (npm gpt-tokenizer 4.0.0), within the error that
 * docs/gateway.md states; requests with and without what is no text.
 */
#include "base/text.h"
#include "support/test.h"
#include "wire/provider.h"
#include "wire/tokens.h"

static struct err err;

static int64_t tokens_of(const char *body)
{
    struct json_parser *parser = NULL;
    struct json root;
    const struct str text = str_from(body);
    json_parser_create(&parser, 1 << 16);
    const int64_t tokens = json_parse(parser, text, text.size, &root, &err) == ERR_OK
                               ? provider_request_tokens(root)
                               : -1;
    json_parser_destroy(&parser);
    return tokens;
}

static void nothing_is_no_token(void)
{
    EXPECT(tokens_estimate(STR("")) == 0);
    EXPECT(tokens_estimate((struct str){0}) == 0);
    EXPECT(tokens_of("[]") == 0);
    EXPECT(tokens_of("{}") == 0);
}

static void words_code_digits_and_scripts_are_near_their_count(void)
{
    static const struct {
        const char *text;
        int64_t tokens; /* of o200k_base */
    } cases[] = {
        {"The budget of this workflow has no room for another call; ask its owner to raise it, or "
         "wait until it begins anew on the first day of the next month.",
         34},
        {"static int64_t beyond(size_t size, size_t bound)\n{\n    return size > bound ? "
         "(int64_t)(size - bound) : 0;\n}\n",
         34},
        {"{\"model\":\"gpt-4.1\",\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":"
         "\"What is the capital of France?\"}]}",
         33},
        {"def spent(home, server):\n    until = time.monotonic() + 20\n    while "
         "server.metric(\"bursar_gateway_calls_waiting\") > 0:\n        time.sleep(0.02)\n",
         43},
        {"Die Kosten eines Vorgangs setzen sich aus allen seinen Versuchen zusammen, auch aus "
         "denen, die gescheitert sind.",
         25},
        {"Стоимость каждого случая складывается из всех попыток, в том числе и неудачных, а также "
         "из работы людей.",
         24},
        {"每个案例的成本由所有尝试组成，包括失败的尝试，以及人工处理的时间。", 21},
        {"Order 4711 of 2026-11-22: 3 items at 19.99, total 59.97 USD, shipped to 10115 Berlin.",
         36},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const int64_t found = tokens_estimate(str_from(cases[i].text));
        const int64_t off =
            found > cases[i].tokens ? found - cases[i].tokens : cases[i].tokens - found;
        if (off * 2 > cases[i].tokens) {
            test_note(cases[i].text);
        }
        EXPECT(off * 2 <= cases[i].tokens); /* one sentence is further off than a page */
    }
}

static void a_family_may_need_more(void)
{
    EXPECT(tokens_of_family(STR("gpt-4.1"), 100) == 100);
    EXPECT(tokens_of_family(STR("claude-sonnet-4-5"), 100) == 120);
    EXPECT(tokens_of_family(STR(""), 0) == 0);
}

static void pictures_and_names_of_the_request_are_no_text(void)
{
    char body[4096];
    static char data[2048];
    memset(data, 'A', sizeof data - 1);
    struct text text;
    text_init(&text, sizeof body);
    text_format(&text,
                "{\"model\":\"gpt-4.1\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
                "\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,%s\"}}]}]}",
                data);
    const int64_t picture = tokens_of(text.data);
    text_deinit(&text);
    const int64_t plain =
        tokens_of("{\"model\":\"gpt-4.1\",\"temperature\":1,\"messages\":[{\"role\":\"user\","
                  "\"content\":\"What is the capital of France?\"}]}");
    EXPECT(picture >= 1000 && picture < 1020);
    EXPECT(plain >= 8 && plain <= 14); /* 7 by o200k_base, and 4 of the frame */
}

int main(void)
{
    const struct test tests[] = {
        TEST(nothing_is_no_token),
        TEST(words_code_digits_and_scripts_are_near_their_count),
        TEST(a_family_may_need_more),
        TEST(pictures_and_names_of_the_request_are_no_text),
    };
    return test_main(tests, COUNT_OF(tests));
}
