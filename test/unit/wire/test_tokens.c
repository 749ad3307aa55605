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
        TEST(pictures_and_names_of_the_request_are_no_text),
    };
    return test_main(tests, COUNT_OF(tests));
}
