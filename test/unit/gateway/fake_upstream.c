/* What upstreams answer, drawn: all APIs, with and without usage, streams and documents, errors,
 * and every way to fail at every stage. */
#include <stdio.h>

#include "base/check.h"
#include "fake_net.h"

static bool chance(uint64_t percent)
{
    return rng_below(fake.rng, 100) < percent;
}

static bool is_stream(const struct net_call *call)
{
    return str_equal(str_from(call->type), STR("text/event-stream"));
}

/* Picodollars of a token in and out, by the prices of the simulation; false: nobody knows. */
static bool price_of(const struct exchange *exchange, int64_t *in_pusd, int64_t *out_pusd)
{
    const struct str model = gateway_model(exchange);
    static const struct {
        const char *model;
        enum provider_dialect dialect; /* of the upstream that has a price for it */
        int64_t in_pusd;
        int64_t out_pusd;
    } rows[] = {{"big", PROVIDER_OPENAI, 2000000, 8000000},
                {"small", PROVIDER_OPENAI, 400000, 1600000},
                {"clever", PROVIDER_ANTHROPIC, 3000000, 15000000}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (str_equal(model, str_from(rows[i].model)) && exchange->dialect == rows[i].dialect) {
            *in_pusd = rows[i].in_pusd;
            *out_pusd = rows[i].out_pusd;
            return true;
        }
    }
    return false;
}

static void put_usage(struct net_call *call)
{
    const struct exchange *const exchange = call->exchange;
    const int64_t input = (int64_t)rng_below(fake.rng, 60);
    const int64_t output = (int64_t)rng_below(fake.rng, 40);
    int64_t in_pusd = 0;
    int64_t out_pusd = 0;
    text_format(&call->body,
                exchange->api == PROVIDER_MESSAGES || exchange->api == PROVIDER_RESPONSES
                    ? "\"usage\":{\"input_tokens\":%lld,\"output_tokens\":%lld}"
                    : "\"usage\":{\"prompt_tokens\":%lld,\"completion_tokens\":%lld}",
                (long long)input, (long long)output);
    const bool is_known = exchange->api == PROVIDER_CHAT || exchange->api == PROVIDER_RESPONSES ||
                          exchange->api == PROVIDER_MESSAGES;
    if (is_known && price_of(exchange, &in_pusd, &out_pusd)) {
        call->cost_pusd = input * in_pusd + output * out_pusd;
    }
}

static void put_document(struct net_call *call, bool tells)
{
    text_format(&call->body, "{\"id\":\"%016llx\"",
                (unsigned long long)(chance(5) ? 1 : rng_next(fake.rng)));
    if (tells) {
        text_char(&call->body, ',');
        put_usage(call);
    }
    text_char(&call->body, '}');
}

static void put_events(struct net_call *call, bool tells)
{
    struct text *const out = &call->body;
    const enum provider_api api = call->exchange->api;
    for (uint64_t i = rng_below(fake.rng, 12); i > 0; i--) {
        text_add(out, STR("data: {\"choices\":[{\"delta\":{\"content\":\"text \"}}]}\n\n"));
    }
    if (tells) {
        text_add(out, api == PROVIDER_MESSAGES ? STR("data: {\"type\":\"message_delta\",")
                      : api == PROVIDER_RESPONSES
                          ? STR("data: {\"type\":\"response.completed\",\"response\":{")
                          : STR("data: {\"choices\":[],"));
        put_usage(call);
        text_add(out, api == PROVIDER_RESPONSES ? STR("}}\n\n") : STR("}\n\n"));
    }
    text_add(out, chance(90) ? STR("data: [DONE]\n\n") : STR("data: {\"cut"));
}

/* The head of an answer, and the whole of its body for later. */
static void make_answer(struct net_call *call)
{
    static const int statuses[] = {200, 200, 200, 200, 200, 200, 204, 400, 429, 500, 503, 529};
    const bool tells = chance(80);
    call->status = statuses[rng_below(fake.rng, COUNT_OF(statuses))];
    call->type = call->status != 200         ? "application/json"
                 : call->exchange->is_stream ? "text/event-stream"
                 : chance(10)                ? "text/plain"
                                             : "application/json";
    call->breaks_off = chance(10);
    call->cost_pusd = -1;
    if (call->status == 204) {
        return;
    }
    if (is_stream(call)) {
        put_events(call, tells);
    } else {
        put_document(call, tells);
    }
    if (call->status != 200 || str_equal(str_from(call->type), STR("text/plain"))) {
        call->cost_pusd = -1;
    }
}

static void give_up(struct net_call *call)
{
    const struct net_call gone = *call;
    const struct net_failure failure = {
        .kind = call->has_head ? NET_RESET_IN_BODY
                               : (enum net_failure_kind)rng_below(fake.rng, NET_FAILURE_COUNT),
        .request_was_sent = call->was_sent,
        .text = "it failed"};
    text_deinit(&call->body);
    call->is_used = false;
    gone.events->on_error(gone.exchange, &failure);
}

static void end(struct net_call *call)
{
    const struct net_call gone = *call;
    text_clear(&fake.expected);
    text_add(&fake.expected, text_str(&call->body));
    fake.expected_of = call->exchange;
    fake.expected_pusd = call->cost_pusd;
    text_deinit(&call->body);
    call->is_used = false;
    gone.events->on_end(gone.exchange, NULL, 0);
    fake.expected_of = NULL;
    fake.expected_pusd = -1;
}

/* When to come again: 0 to 14 seconds, of which the longer ones are not waited for. */
static int64_t draw_wait_s(const struct net_call *call)
{
    return call->status >= 429 && chance(60) ? (int64_t)rng_below(fake.rng, 15) : -1;
}

static void tell_head(struct net_call *call)
{
    make_answer(call);
    char wait[32] = "";
    const int64_t wait_s = draw_wait_s(call);
    struct net_reply *const reply = call->exchange->reply;
    snprintf(wait, sizeof wait, "%lld", (long long)wait_s);
    if (reply != NULL) {
        reply->not_before_ns = wait_s < 0 ? 0 : fake.now_ns + wait_s * 1000000000;
        reply->asked_at = call->exchange->chain_at;
    }
    const struct http_response_head head = {.status = call->status,
                                            .minor = 1,
                                            .fields = {{STR("Content-Type"), str_from(call->type)},
                                                       {STR("request-id"), STR("req-upstream-1")},
                                                       {STR("Retry-After"), str_from(wait)}},
                                            .field_count = wait_s < 0 ? 2 : 3,
                                            .framing = call->status == 204 ? HTTP_NO_BODY
                                                       : is_stream(call)   ? HTTP_CHUNKED
                                                                           : HTTP_LENGTH,
                                            .length = (int64_t)call->body.size};
    call->has_head = true;
    call->events->on_head(call->exchange, &head);
}

void fake_answer(struct net_call *call)
{
    CHECK(call->is_used);
    const bool was_sent = call->was_sent;
    call->was_sent = was_sent || chance(90);
    if (!call->was_sent || chance(3)) {
        give_up(call);
        return;
    }
    if (!was_sent || call->is_paused) {
        return;
    }
    if (!call->has_head) {
        tell_head(call);
        return;
    }
    const size_t left = call->body.size - call->at;
    if (left > 0) {
        char piece[NET_PIECE_BYTES_MAX];
        const size_t size = 1 + (size_t)rng_below(fake.rng, left < 120 ? left : 120);
        memcpy(piece, call->body.data + call->at, size); /* it is not there afterwards */
        call->at += size;
        call->events->on_body(call->exchange, (struct str){piece, size});
    } else if (call->breaks_off) {
        give_up(call);
    } else {
        end(call);
    }
}
