/* The call to the upstream: the client's bytes, with the credentials and the model it is to have.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/gateway_priv.h"
#include "wire/json_set.h"

enum { PATH_BYTES_MAX = HTTP_TARGET_BYTES_MAX + GATEWAY_PATH_BYTES_MAX + 2, MS = 1000 };

/* "bk_…" or "Bearer bk_…", wherever it stands. */
static bool is_own_key(struct str value)
{
    struct str rest = value;
    const struct str first = str_cut(&rest, ' ');
    return str_starts_with(first, STR("bk_")) || str_starts_with(str_trim(rest), STR("bk_"));
}

/* Fields that are for us, or name the client to us. */
static bool is_ours(const struct exchange *exchange, struct str name, struct str value)
{
    static const struct str credentials[] = {STR_STATIC("authorization"), STR_STATIC("x-api-key"),
                                             STR_STATIC("api-key"), STR_STATIC("x-goog-api-key")};
    static const struct str prefix = STR_STATIC("x-bursar-");
    const bool replaces =
        exchange->sent_secret || exchange->chain[exchange->chain_at].upstream->secret_size > 0;
    for (size_t i = 0; i < COUNT_OF(credentials); i++) {
        if (str_equal_fold(name, credentials[i])) {
            return replaces || is_own_key(value);
        }
    }
    if (exchange->is_edited && str_equal_fold(name, STR("content-encoding"))) {
        return true; /* it goes out plain */
    }
    return str_equal_fold(name, STR("accept-encoding")) ||
           (name.size > prefix.size &&
            str_equal_fold((struct str){name.data, prefix.size}, prefix));
}

static size_t make_fields(const struct exchange *exchange, struct http_field *out)
{
    const struct http_head *const head = exchange->request->head;
    const struct gateway_upstream *const upstream = exchange->chain[exchange->chain_at].upstream;
    size_t count = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        if (!http_is_framing(head->fields[i].name) &&
            !is_ours(exchange, head->fields[i].name, head->fields[i].value)) {
            out[count++] = head->fields[i];
        }
    }
    /* What is compressed could not be metered in passing. */
    out[count++] = (struct http_field){STR("Accept-Encoding"), STR("identity")};
    if (upstream->secret_size > 0) {
        out[count++] = (struct http_field){
            upstream->dialect == PROVIDER_ANTHROPIC ? STR("x-api-key") : STR("Authorization"),
            {upstream->secret, upstream->secret_size}};
    }
    return count;
}

/* One member of the body set; the changed body takes the place of the one before. */
static bool set(struct exchange *exchange, const char *name, struct str value)
{
    struct text changed;
    struct err err;
    text_init(&changed, exchange->sent.size + value.size + 256);
    if (json_set(exchange->sent, str_from(name), value, &changed, &err) != ERR_OK) {
        gateway_say(exchange, "%s", err.text);
        text_deinit(&changed);
        return false;
    }
    CHECK(!text_is_full(&changed));
    text_deinit(&exchange->body);
    exchange->body = changed;
    exchange->sent = text_str(&exchange->body);
    exchange->is_edited = true;
    return true;
}

static bool set_model(struct exchange *exchange)
{
    const struct str model = gateway_model(exchange);
    struct text value;
    if (str_equal(model, provider_text_str(&exchange->model))) {
        return true;
    }
    text_init(&value, 2 * (size_t)PROVIDER_NAME_BYTES_MAX + 64);
    json_put_str(&value, model);
    const bool done = set(exchange, "model", text_str(&value));
    text_deinit(&value);
    return done;
}

const char *gateway_output_name(enum provider_api api)
{
    static const char *const names[PROVIDER_API_COUNT] = {
        [PROVIDER_CHAT] = "max_completion_tokens",
        [PROVIDER_COMPLETIONS] = "max_tokens",
        [PROVIDER_RESPONSES] = "max_output_tokens",
        [PROVIDER_MESSAGES] = "max_tokens",
    };
    return names[api];
}

/* Every bound there is: an upstream may go by any of them. */
static bool set_output(struct exchange *exchange)
{
    char value[32];
    if (exchange->output_set == 0) {
        return true;
    }
    const int size = snprintf(value, sizeof value, "%lld", (long long)exchange->output_set);
    const struct str bound = {value, (size_t)size};
    bool done = true;
    for (size_t i = 0; i < COUNT_OF(exchange->output_names) && done; i++) {
        done = exchange->output_names[i] == NULL || set(exchange, exchange->output_names[i], bound);
    }
    const char *const name = gateway_output_name(exchange->api);
    return done && (exchange->output_names[0] != NULL || set(exchange, name, bound));
}

/* A stream of chat completions tells its usage only when asked to. */
static bool ask_usage(struct exchange *exchange)
{
    exchange->hides_usage = false;
    if ((exchange->api != PROVIDER_CHAT && exchange->api != PROVIDER_COMPLETIONS) ||
        !exchange->is_stream || exchange->asks_usage) {
        return true;
    }
    exchange->hides_usage = true;
    const struct str options = json_member(exchange->sent, STR("stream_options"));
    if (options.size == 0 || options.data[0] != '{') {
        return set(exchange, "stream_options", STR("{\"include_usage\":true}"));
    }
    struct text value;
    struct err err;
    text_init(&value, options.size + 64);
    const bool done =
        json_set(options, STR("include_usage"), STR("true"), &value, &err) == ERR_OK &&
        set(exchange, "stream_options", text_str(&value));
    text_deinit(&value);
    return done;
}

static struct net_deadlines deadlines_of(const struct exchange *exchange)
{
    const struct settings_gateway *const gateway = &exchange->table->settings->gateway;
    struct net_deadlines deadlines = net_deadlines_default;
    if (gateway->first_byte_s > 0) {
        deadlines.first_byte_ms = (int)(gateway->first_byte_s * MS);
    }
    if (gateway->idle_s > 0) {
        deadlines.idle_ms = (int)(gateway->idle_s * MS);
    }
    deadlines.total_ms = (gateway->total_s > 0 ? gateway->total_s : 3600) * MS;
    return deadlines;
}

enum gateway_step gateway_forward(struct exchange *exchange)
{
    struct gateway_loop *const home = exchange->home;
    const struct gateway_upstream *const upstream = exchange->chain[exchange->chain_at].upstream;
    CHECK(exchange->call == NULL);
    char path[PATH_BYTES_MAX];
    struct http_field fields[NET_CALL_FIELDS_MAX];
    exchange->sent = gateway_body(exchange);
    exchange->is_edited = false;
    if (exchange->has_body && !exchange->is_free &&
        !(set_model(exchange) && set_output(exchange) && ask_usage(exchange))) {
        exchange->end = END_NOT_STARTED;
        return GATEWAY_SETTLE;
    }
    /* What was not changed goes out as it came, packed where it was. */
    exchange->sent = exchange->is_edited ? exchange->sent : exchange->request->body;
    /* "/openai/v1?x" of a base URL without a path is "/?x". */
    const bool is_rooted = upstream->path.size > 0 || str_starts_with(exchange->path, STR("/"));
    const struct str parts[] = {is_rooted ? STR("") : STR("/"), upstream->path, exchange->path};
    const size_t size = str_join(path, sizeof path, parts, COUNT_OF(parts));
    CHECK(size > 0);
    const struct net_call_request request = {
        .target = upstream->target,
        .method = exchange->request->head->method_name,
        .path = {path, size},
        .fields = fields,
        .field_count = make_fields(exchange, fields),
        .body = &exchange->sent,
        .body_count = 1,
        .deadlines = deadlines_of(exchange),
    };
    exchange->try_number++;
    exchange->started_ns = exchange->is_free ? clock_now_ns() : exchange->started_ns;
    text_clear(&exchange->raw_usage);
    provider_seen_clear(&exchange->seen);
    exchange->metered =
        (struct provider_reply){.raw = &exchange->raw_usage, .seen = &exchange->seen};
    exchange->alias = (struct provider_text){0};
    exchange->status = 0;
    exchange->wait_ms = -1;
    exchange->received_bytes = 0;
    exchange->end = END_NONE;
    atomic_fetch_add(&home->gateway->counts.forwarded, 1);
    exchange->call = net_call_start(home->gateway->settings.client, home->loop, &request,
                                    &gateway_call_events, exchange);
    if (!gateway_may_retry(exchange)) {
        net_reply_forget_head(exchange->reply);
    }
    return GATEWAY_WAIT;
}
