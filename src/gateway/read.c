/* What is asked: which upstream and API, by whom, and how much it can cost at most. */
#include <stdio.h>

#include "base/check.h"
#include "base/hash.h"
#include "gateway/gateway_priv.h"

/* Paths that are reached without the name of an upstream, by the first of that dialect. */
static const struct {
    struct str path;
    enum provider_dialect dialect;
} bare[] = {
    {STR_STATIC("/v1/chat/completions"), PROVIDER_OPENAI},
    {STR_STATIC("/v1/completions"), PROVIDER_OPENAI},
    {STR_STATIC("/v1/responses"), PROVIDER_OPENAI},
    {STR_STATIC("/v1/embeddings"), PROVIDER_OPENAI},
    {STR_STATIC("/v1/models"), PROVIDER_OPENAI},
    {STR_STATIC("/v1/messages"), PROVIDER_ANTHROPIC},
};

static bool is_below(struct str path, struct str prefix)
{
    return str_starts_with(path, prefix) &&
           (path.size == prefix.size || path.data[prefix.size] == '/');
}

/* "/<upstream>/v1/…" -> the upstream and what is behind the version; NULL: none. */
static const struct gateway_upstream *by_name(const struct gateway_table *table, struct str path,
                                              struct str *out_rest)
{
    for (size_t i = 0; i < table->upstream_count; i++) {
        const struct str name = table->upstreams[i].name;
        struct str rest = path;
        if (rest.size <= name.size + 1 || rest.data[0] != '/') {
            continue;
        }
        rest = (struct str){rest.data + 1, rest.size - 1};
        if (!str_starts_with(rest, name)) {
            continue;
        }
        rest = (struct str){rest.data + name.size, rest.size - name.size};
        if (is_below(rest, STR("/v1"))) {
            *out_rest = (struct str){rest.data + 3, rest.size - 3};
            return &table->upstreams[i];
        }
    }
    return NULL;
}

static const struct gateway_upstream *
find_upstream(const struct gateway_table *table, const struct http_head *head, struct str *out_rest)
{
    const struct str path = head->path;
    const struct gateway_upstream *const named = by_name(table, path, out_rest);
    for (size_t i = 0; named == NULL && i < COUNT_OF(bare); i++) {
        if (!is_below(path, bare[i].path)) {
            continue;
        }
        /* Both have models; Anthropic's SDK says so by its version. */
        const bool says_anthropic = http_field(head, STR("anthropic-version")).data != NULL;
        const enum provider_dialect dialect = says_anthropic ? PROVIDER_ANTHROPIC : bare[i].dialect;
        *out_rest = (struct str){path.data + 3, path.size - 3};
        for (size_t j = 0; j < table->upstream_count; j++) {
            if (table->upstreams[j].dialect == dialect) {
                return &table->upstreams[j];
            }
        }
        return NULL;
    }
    return named;
}

/* A path that climbs would reach what is beside the base URL, with the upstream's key; one with "."
 * an API under a name it is not known by here. */
static bool climbs(struct str path)
{
    return str_find(path, STR("..")) != SIZE_MAX || str_find(path, STR("%2e")) != SIZE_MAX ||
           str_find(path, STR("%2E")) != SIZE_MAX || str_find(path, STR("//")) != SIZE_MAX ||
           str_find(path, STR("/./")) != SIZE_MAX || str_ends_with(path, STR("/."));
}

bool gateway_serves(struct gateway *gateway, const struct net_request *request)
{
    CHECK(request != NULL);
    const struct str path = request->head->path;
    for (size_t i = 0; i < COUNT_OF(bare); i++) {
        if (is_below(path, bare[i].path)) {
            return true;
        }
    }
    struct gateway_table *const table = gateway_table_use(gateway);
    struct str rest;
    const bool serves = by_name(table, path, &rest) != NULL || is_below(path, STR("/openai/v1")) ||
                        is_below(path, STR("/anthropic/v1"));
    gateway_table_release(table);
    return serves;
}

struct str gateway_body(const struct exchange *exchange)
{
    return exchange->is_packed ? text_str(&exchange->plain) : exchange->request->body;
}

static enum errc unpack_body(struct exchange *exchange, struct err *err)
{
    const struct str field = http_field(exchange->request->head, STR("content-encoding"));
    switch (gateway_packing_of(field)) {
    case PACKING_NONE:
        return ERR_OK;
    case PACKING_ZLIB:
        exchange->is_packed = true;
        return gateway_unpack(exchange->request->body, &exchange->plain, err);
    case PACKING_OTHER:
        break;
    }
    return err_set(err, ERR_UNSUPPORTED,
                   "the body is compressed as " STR_FORMAT
                   ", so that what it may cost cannot be seen; send it plain, or as gzip",
                   STR_ARG(field));
}

static enum errc read_body(struct exchange *exchange, struct err *err)
{
    struct str body;
    struct provider_request request;
    struct json root;
    enum errc code = unpack_body(exchange, err);
    body = gateway_body(exchange);
    if (code == ERR_OK) {
        code = json_parse(exchange->home->parser, body, body.size, &root, err);
    }
    if (code == ERR_OK) {
        code = provider_request_read(exchange->api, body, root, &request, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (exchange->method != PROVIDER_METHOD_NONE) { /* whatever model the body names */
        request.model = exchange->path_model;
    }
    if (exchange->method == PROVIDER_METHOD_GENERATE) {
        provider_gemini_request(root, &request);
    }
    if (request.model.size > sizeof exchange->model.bytes) {
        return err_set(err, ERR_RANGE, "the model's name is longer than %d bytes",
                       (int)PROVIDER_NAME_BYTES_MAX);
    }
    exchange->has_body = true;
    exchange->is_stream = request.is_stream;
    exchange->asks_usage = request.asks_usage;
    memcpy(exchange->output_names, request.output_names, sizeof exchange->output_names);
    exchange->output_max = request.output_max;
    exchange->is_output_unsure = request.is_output_unsure;
    exchange->choices = request.choices;
    exchange->input_tokens_max = request.input_tokens_max;
    exchange->input_classes = request.input_classes;
    exchange->output_audio = request.output_audio;
    exchange->is_background = request.is_background;
    exchange->web_searches_max = request.web_searches_max;
    exchange->unbounded = request.unbounded;
    if (request.geo.size <= sizeof exchange->geo.bytes) {
        exchange->geo.size = request.geo.size;
        memcpy(exchange->geo.bytes, request.geo.size > 0 ? request.geo.data : "", request.geo.size);
    }
    exchange->tier = request.tier;
    exchange->is_open_tier = request.is_open_tier;
    exchange->model.size = request.model.size;
    if (request.model.size > 0) {
        memcpy(exchange->model.bytes, request.model.data, request.model.size);
    }
    gateway_who_body(&request, &exchange->who);
    return ERR_OK;
}

/* What the client speaks, where no upstream says so. */
static enum provider_dialect dialect_of(const struct http_head *head)
{
    const bool is_anthropic = is_below(head->path, STR("/v1/messages")) ||
                              is_below(head->path, STR("/anthropic/v1")) ||
                              http_field(head, STR("anthropic-version")).data != NULL;
    return is_anthropic ? PROVIDER_ANTHROPIC : PROVIDER_OPENAI;
}

static uint64_t alias_in(const struct http_head *head, struct str name)
{
    const struct str alias = http_field(head, name);
    return alias.size > 0 ? hash64(alias) : 0;
}

enum gateway_step gateway_read(struct exchange *exchange)
{
    const struct net_request *const request = exchange->request;
    const struct http_head *const head = request->head;
    struct err err;
    struct str rest = {0};
    exchange->asked = find_upstream(exchange->table, head, &rest);
    exchange->dialect = exchange->asked != NULL ? exchange->asked->dialect : dialect_of(head);
    if (exchange->asked != NULL && climbs(head->path)) {
        gateway_say(exchange, "a path with \"..\", \"/./\", \"//\" or %%2e is not forwarded");
        return gateway_refuse(exchange, REFUSE_NOT_FOUND);
    }
    if (exchange->asked == NULL) {
        gateway_say(exchange,
                    "no upstream is configured for this path; name one under upstreams in "
                    "bursar.yaml");
        return gateway_refuse(exchange, REFUSE_NOT_FOUND);
    }
    if (is_below(rest, STR("/v1")) && str_ends_with(exchange->asked->path, STR("/v1"))) {
        gateway_say(exchange, "/v1 is there twice; a base URL of Anthropic's SDKs ends before it, "
                              "one of OpenAI's with it");
        return gateway_refuse(exchange, REFUSE_NOT_FOUND);
    }
    if (str_find(head->target, STR("=bk_")) != SIZE_MAX) {
        gateway_say(exchange, "a key of this server in the query would go to the provider; send it "
                              "as Authorization: Bearer bk_… or x-api-key: bk_…, and revoke this "
                              "one: what is in a query is in logs");
        return gateway_refuse(exchange, REFUSE_BODY);
    }
    exchange->api = provider_api_of(exchange->dialect, rest);
    if (exchange->api == PROVIDER_MODELS && (head->method == HTTP_POST || request->body.size > 0)) {
        /* "/models/NAME:generate" is a call of it, by whatever X-HTTP-Method-Override says */
        exchange->api = PROVIDER_OTHER;
    }
    if (exchange->api == PROVIDER_OTHER) {
        exchange->method = provider_method_of(rest, &exchange->path_model);
        exchange->api = exchange->method == PROVIDER_METHOD_COUNT ? PROVIDER_FREE : PROVIDER_OTHER;
    }
    exchange->path =
        (struct str){rest.data, (size_t)(head->target.data + head->target.size - rest.data)};
    exchange->sent_aliases[0] = alias_in(head, STR("request-id"));
    exchange->sent_aliases[1] = alias_in(head, STR("x-request-id"));
    exchange->is_job = exchange->method == PROVIDER_METHOD_LATER ||
                       (exchange->api == PROVIDER_OTHER && provider_is_job(rest));
    exchange->choices = 1;
    exchange->output_max = -1;
    if (request->body.size > GATEWAY_BODY_BYTES_MAX) {
        gateway_say(exchange, "the body is larger than %d bytes, the most this gateway forwards",
                    (int)GATEWAY_BODY_BYTES_MAX);
        return gateway_refuse(exchange, REFUSE_TOO_LARGE);
    }
    /* What cannot be read is the upstream's to judge where no money hangs on it. */
    const bool is_read = request->body.size == 0 || read_body(exchange, &err) == ERR_OK;
    if (!is_read && exchange->api != PROVIDER_OTHER && exchange->api != PROVIDER_FREE) {
        gateway_say(exchange, "%s", err.text);
        return gateway_refuse(exchange, REFUSE_BODY);
    }
    gateway_who_complete(exchange);
    if (exchange->table->keeps_bodies) {
        gateway_capture_begin(exchange);
    }
    return GATEWAY_ADMIT;
}
