/* Errors of our own, in the client's dialect, so that its SDK understands them and does not retry
 * what cannot go better. */
#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "gateway/gateway_priv.h"

void gateway_say(struct exchange *exchange, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(exchange->message, GATEWAY_MESSAGE_BYTES, format, arguments);
    va_end(arguments);
    CHECK(size >= 0);
}

struct refusal_words {
    int status;
    bool may_retry; /* the official SDKs retry 5xx and 429 unless they are told not to */
    const char *openai_type;
    const char *openai_code;
    const char *anthropic_type;
};

static const struct refusal_words words[REFUSE_COUNT] = {
    [REFUSE_BODY] = {400, false, "invalid_request_error", "bursar_request",
                     "invalid_request_error"},
    [REFUSE_MONEY] = {402, false, "insufficient_quota", "budget_exceeded", "billing_error"},
    [REFUSE_PEOPLE] = {403, false, "invalid_request_error", "stays_with_people",
                       "permission_error"},
    [REFUSE_TEAM] = {403, false, "invalid_request_error", "workflow_of_another_team",
                     "permission_error"},
    [REFUSE_NOT_FOUND] = {404, false, "invalid_request_error", "no_upstream", "not_found_error"},
    [REFUSE_TOO_LARGE] = {413, false, "invalid_request_error", "request_too_large",
                          "request_too_large"},
    [REFUSE_UPSTREAM] = {502, true, "server_error", "upstream_failed", "api_error"},
    [REFUSE_RECORD] = {503, true, "server_error", "not_recorded", "api_error"},
    [REFUSE_OPEN] = {503, true, "server_error", "upstream_down", "overloaded_error"},
    [REFUSE_TIMEOUT] = {504, true, "server_error", "upstream_timeout", "timeout_error"},
};

void gateway_refusal_body(const struct exchange *exchange, enum gateway_refusal refusal,
                          struct text *out)
{
    CHECK(refusal < REFUSE_COUNT);
    const struct refusal_words *const word = &words[refusal];
    json_open_object(out);
    if (exchange->dialect == PROVIDER_ANTHROPIC) {
        json_name(out, "type");
        json_put_text(out, "error");
    }
    json_name(out, "error");
    json_open_object(out);
    json_name(out, "type");
    json_put_text(out, exchange->dialect == PROVIDER_ANTHROPIC ? word->anthropic_type
                                                               : word->openai_type);
    json_name(out, "message");
    json_put_text(out, exchange->message);
    if (exchange->dialect != PROVIDER_ANTHROPIC) {
        json_name(out, "param");
        json_put_null(out);
        json_name(out, "code");
        json_put_text(out, word->openai_code);
    }
    json_close_object(out);
    if (exchange->dialect == PROVIDER_ANTHROPIC) {
        json_name(out, "request_id");
        json_put_text(out, exchange->id);
    }
    json_close_object(out);
}

enum gateway_step gateway_refuse_with(struct exchange *exchange, enum gateway_refusal refusal,
                                      int status, struct str retry_after,
                                      const struct http_field *more, size_t more_count)
{
    struct text body;
    text_init(&body, (size_t)4 << 10);
    gateway_refusal_body(exchange, refusal, &body);
    struct net_response response = {
        .status = status, .content_type = STR("application/json"), .body = text_str(&body)};
    response.fields[response.field_count++] =
        (struct http_field){STR("x-bursar-request-id"), str_from(exchange->id)};
    response.fields[response.field_count++] = (struct http_field){
        STR("x-should-retry"), words[refusal].may_retry ? STR("true") : STR("false")};
    if (retry_after.size > 0) {
        response.fields[response.field_count++] =
            (struct http_field){STR("Retry-After"), retry_after};
    }
    for (size_t i = 0; i < more_count; i++) {
        response.fields[response.field_count++] = more[i];
    }
    net_reply_send(exchange->reply, &response);
    exchange->reply = NULL;
    text_deinit(&body);
    return GATEWAY_END;
}

enum gateway_step gateway_refuse(struct exchange *exchange, enum gateway_refusal refusal)
{
    CHECK(refusal < REFUSE_COUNT);
    CHECK(exchange->reply != NULL);
    CHECK(!exchange->begun);
    const bool waits = refusal == REFUSE_RECORD || refusal == REFUSE_OPEN;
    char wait[32];
    /* Where a provider said how long before the rest of the chain was found given up. */
    const int64_t wait_s = exchange->wait_ms > 1000 ? (exchange->wait_ms + 999) / 1000 : 1;
    const int size = snprintf(wait, sizeof wait, "%lld", (long long)wait_s);
    return gateway_refuse_with(exchange, refusal, words[refusal].status,
                               waits ? (struct str){wait, (size_t)size} : (struct str){0}, NULL, 0);
}

/* In words that both dialects' SDKs understand: which one asks is not known yet. */
void gateway_turn_away(const struct net_request *request, int status, const char *why,
                       struct net_reply *reply)
{
    CHECK(why != NULL);
    (void)request;
    struct text body;
    text_init(&body, (size_t)4 << 10);
    json_open_object(&body);
    json_name(&body, "type");
    json_put_text(&body, "error");
    json_name(&body, "error");
    json_open_object(&body);
    json_name(&body, "type");
    json_put_text(&body, status == 401 ? "authentication_error" : "permission_error");
    json_name(&body, "message");
    json_put_text(&body, why);
    json_name(&body, "param");
    json_put_null(&body);
    json_name(&body, "code");
    json_put_text(&body, status == 401 ? "invalid_api_key" : "permission_denied");
    json_close_object(&body);
    json_close_object(&body);
    const struct net_response response = {.status = status,
                                          .content_type = STR("application/json"),
                                          .body = text_str(&body),
                                          .fields = {{STR("x-should-retry"), STR("false")}},
                                          .field_count = 1};
    net_reply_send(reply, &response);
    text_deinit(&body);
}
