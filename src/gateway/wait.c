/*
 * How long to wait before a model is asked again: as long as its provider says, else ever longer.
 *
 * By chance a little longer, so that clients that were turned away together do not come back
 * together. What is longer than a client should be kept waiting for is not waited for: the next
 * model is asked at once, or the client gets the provider's answer and decides for itself.
 */
#include "base/check.h"
#include "base/clock.h"
#include "gateway/gateway_priv.h"

enum {
    FIRST_MS = 250, /* doubled with each retry of the same model */
    DOUBLED_MAX = 8,
    WAIT_S_DEFAULT = 10,
    TOTAL_S_DEFAULT = 3600,
};

static bool says_no(const struct http_response_head *head)
{
    return str_equal_fold(http_response_field(head, STR("x-should-retry")), STR("false"));
}

void gateway_heed(struct exchange *exchange, const struct http_response_head *head)
{
    const struct settings_gateway *const gateway = &exchange->table->settings->gateway;
    const int64_t wait_ms = http_retry_ms(head, clock_now_ns());
    const int64_t most_s = gateway->retry_wait_s > 0 ? gateway->retry_wait_s : WAIT_S_DEFAULT;
    const int64_t total_s = gateway->total_s > 0 ? gateway->total_s : TOTAL_S_DEFAULT;
    const int64_t gone_ms = (clock_monotonic_ns() - exchange->begun_ns) / 1000000;
    CHECK(wait_ms <= HTTP_RETRY_MS_MAX);
    exchange->wait_ms = wait_ms;
    if (says_no(head) || wait_ms > most_s * 1000 || wait_ms > total_s * 1000 - gone_ms) {
        exchange->retries_left = 0;
    }
}

int64_t gateway_wait_ms(struct exchange *exchange)
{
    CHECK(exchange->try_number > 0);
    struct rng *const rng = &exchange->home->rng;
    const int doubled = exchange->try_number - 1;
    const int64_t own_ms = (int64_t)FIRST_MS << (doubled < DOUBLED_MAX ? doubled : DOUBLED_MAX);
    const int64_t asked_ms = exchange->wait_ms;
    if (asked_ms > own_ms / 2) {
        const int64_t more_ms = asked_ms / 10 > FIRST_MS ? asked_ms / 10 : FIRST_MS;
        return asked_ms + (int64_t)rng_below(rng, (uint64_t)more_ms + 1);
    }
    return own_ms / 2 + (int64_t)rng_below(rng, (uint64_t)(own_ms / 2) + 1);
}
