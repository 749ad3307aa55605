/*
 * Goal: refusals are bodies that the official SDKs of both dialects read as their own errors.
 * Method: each refusal in each dialect against a golden file.
 */
#include <stdio.h>

#include "gatewaying.h"
#include "support/golden.h"

static struct gatewaying g;
static struct text all;

static void refusals_read_as_errors_of_the_clients_dialect(void)
{
    static const char *const paths[] = {"/v1/chat/completions", "/v1/messages"};
    static const char *const names[PROVIDER_DIALECT_COUNT] = {"openai", "anthropic"};
    gatewaying_open(&g, NULL, 0);
    text_init(&all, (size_t)1 << 16);
    bool fine = true;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct exchange *const exchange =
            gatewaying_ask(&g, paths[i], "{\"model\":\"gpt-4.1\",\"max_tokens\":1}");
        fine = fine && gateway_read(exchange) == GATEWAY_ADMIT;
        memcpy(exchange->id, "req_golden", sizeof "req_golden");
        gateway_say(exchange, "what is wrong, \"quoted\", and how to mend it");
        for (int refusal = 0; refusal < REFUSE_COUNT; refusal++) {
            text_format(&all, "%s %d ", names[exchange->dialect], refusal);
            struct text body;
            text_init(&body, 4096);
            gateway_refusal_body(exchange, (enum gateway_refusal)refusal, &body);
            text_add(&all, text_str(&body));
            text_char(&all, '\n');
            text_deinit(&body);
        }
    }
    const bool same = test_is_refusing() || golden_same("gateway_refusals.txt", text_str(&all));
    text_deinit(&all);
    gatewaying_close(&g);
    EXPECT(fine);
    EXPECT(same);
}

static void a_long_message_is_cut_to_its_room(void)
{
    gatewaying_open(&g, NULL, 0);
    struct exchange *const exchange = gatewaying_ask(&g, "/v1/messages", "{}");
    char words[2 * GATEWAY_MESSAGE_BYTES];
    memset(words, 'x', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    gateway_say(exchange, "%s", words);
    const size_t size = strlen(exchange->message);
    gatewaying_close(&g);
    EXPECT(size == GATEWAY_MESSAGE_BYTES - 1);
}

int main(void)
{
    const struct test tests[] = {
        TEST(refusals_read_as_errors_of_the_clients_dialect),
        TEST(a_long_message_is_cut_to_its_room),
    };
    gatewaying_prepare();
    const int failed = test_main(tests, COUNT_OF(tests));
    gatewaying_done();
    return failed;
}
