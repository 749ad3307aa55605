/*
 * Goal: a provider that says when to come again is asked no sooner; one that says too late is left
 * to the next model or to the client; and no two clients come back in step.
 * Method: heads of answers against an exchange with retries, on a clock that hardly moves.
 */
#include <stdio.h>

#include "base/clock.h"
#include "gatewaying.h"

static struct gatewaying g;

static struct exchange *failed(int try_number, const char *name, const char *value)
{
    const struct http_response_head head = {
        .status = 429, .fields = {{str_from(name), str_from(value)}}, .field_count = 1};
    struct exchange *const exchange =
        gatewaying_ask(&g, "/v1/chat/completions", "{\"model\":\"gpt-4.1\"}");
    exchange->retries_left = 2;
    exchange->try_number = try_number;
    exchange->begun_ns = clock_monotonic_ns();
    gateway_heed(exchange, &head);
    return exchange;
}

static void what_asks_for_too_long_is_not_asked_again(void)
{
    gatewaying_open(&g, NULL, 0);
    const int too_long = failed(1, "Retry-After", "11")->retries_left;
    const int never = failed(1, "x-should-retry", "false")->retries_left;
    const int fits = failed(1, "Retry-After", "10")->retries_left;
    const int silent = failed(1, "Server", "x")->retries_left;
    g.settings.gateway.retry_wait_s = 60;
    const int longer = failed(1, "Retry-After", "11")->retries_left;
    g.settings.gateway.total_s = 10;
    const int past_the_end = failed(1, "Retry-After", "11")->retries_left;
    gatewaying_close(&g);
    EXPECT(too_long == 0 && never == 0 && past_the_end == 0);
    EXPECT(fits == 2 && silent == 2 && longer == 2);
}

static void a_wait_is_never_shorter_than_was_asked_and_little_longer(void)
{
    bool fine = true;
    gatewaying_open(&g, NULL, 0);
    for (int64_t asked_ms = 0; asked_ms <= 10000; asked_ms += 137) {
        char value[32];
        snprintf(value, sizeof value, "%lld", (long long)asked_ms);
        const int64_t wait_ms = gateway_wait_ms(failed(1, "retry-after-ms", value));
        const int64_t more_ms = asked_ms / 10 > 250 ? asked_ms / 10 : 250;
        fine = fine && wait_ms >= asked_ms && wait_ms <= asked_ms + more_ms;
    }
    gatewaying_close(&g);
    EXPECT(fine);
}

static void waits_double_and_no_two_clients_wait_alike(void)
{
    enum { CLIENTS = 64 };
    int64_t least[3];
    int64_t most[3];
    gatewaying_open(&g, NULL, 0);
    for (int i = 0; i < 3; i++) {
        least[i] = INT64_MAX;
        most[i] = 0;
        for (int client = 0; client < CLIENTS; client++) {
            const int64_t wait_ms = gateway_wait_ms(failed(i + 1, "Server", "x"));
            least[i] = wait_ms < least[i] ? wait_ms : least[i];
            most[i] = wait_ms > most[i] ? wait_ms : most[i];
        }
    }
    gatewaying_close(&g);
    for (int i = 0; i < 3; i++) {
        EXPECT(least[i] >= 125 << i && most[i] <= 250 << i);
        EXPECT(most[i] - least[i] > 60 << i); /* spread over most of the half */
    }
}

int main(void)
{
    const struct test tests[] = {
        TEST(what_asks_for_too_long_is_not_asked_again),
        TEST(a_wait_is_never_shorter_than_was_asked_and_little_longer),
        TEST(waits_double_and_no_two_clients_wait_alike),
    };
    gatewaying_prepare();
    const int failed_count = test_main(tests, COUNT_OF(tests));
    gatewaying_done();
    return failed_count;
}
