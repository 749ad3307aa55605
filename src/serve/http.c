/* Which part of the server answers which path. */
#include "serve/serve.h"

#include "base/check.h"

void serve_refuse(struct net_reply *reply, int status, const char *message)
{
    CHECK(message != NULL);
    struct text body;
    text_init(&body, (size_t)64 << 10);
    json_open_object(&body);
    json_name(&body, "error");
    json_open_object(&body);
    json_name(&body, "code");
    json_put_int64(&body, status);
    json_name(&body, "message");
    json_put_text(&body, message);
    json_close_object(&body);
    json_close_object(&body);
    struct net_response response = {
        .status = status, .content_type = STR("application/json"), .body = text_str(&body)};
    if (status == 401) { /* a browser asks its user for the second */
        response.fields[response.field_count++] =
            (struct http_field){STR("WWW-Authenticate"), STR("Bearer realm=\"bursar\"")};
        response.fields[response.field_count++] =
            (struct http_field){STR("WWW-Authenticate"), STR("Basic realm=\"bursar\"")};
    }
    if (status == 503 || status == 429) {
        response.fields[response.field_count++] = (struct http_field){STR("Retry-After"), STR("1")};
    }
    net_reply_send(reply, &response);
    text_deinit(&body);
}

static void send_text(struct net_reply *reply, int status, struct str type, struct str body)
{
    net_reply_send(reply,
                   &(struct net_response){.status = status, .content_type = type, .body = body});
}

/* Ready: what was acknowledged before is on its way, and the ledger takes what comes. */
static void answer_ready(struct serve *serve, struct net_reply *reply)
{
    const struct inbox_counts inbox = inbox_counts(serve->inbox);
    const bool failing = inbox.ledger_failing || inbox.journal_failing;
    if (!atomic_load(&serve->ready) || failing) {
        serve_refuse(reply, 503,
                     failing ? "the ledger cannot be written; see the log"
                             : "starting or stopping");
    } else {
        send_text(reply, 200, STR("text/plain"), STR("ready\n"));
    }
}

static void answer_metrics(struct serve *serve, struct net_reply *reply)
{
    struct text body;
    text_init(&body, (size_t)1 << 20);
    serve_metrics(serve, &body);
    send_text(reply, 200, STR("application/openmetrics-text; version=1.0.0; charset=utf-8"),
              text_str(&body));
    text_deinit(&body);
}

static void turn_away(const struct net_request *request, bool is_gateway, int status,
                      const char *why, struct net_reply *reply)
{
    const struct http_head *const head = request->head;
    if (is_gateway) {
        gateway_turn_away(request, status, why, reply);
    } else if (serve_auth_area(head->method, head->path) == AREA_INGEST) {
        serve_otlp_refuse(request, status, why, reply);
    } else {
        serve_refuse(reply, status, why);
    }
}

void serve_handle_commands(void *context, const struct net_request *request,
                           struct net_reply *reply)
{
    struct serve *const serve = context;
    CHECK(serve != NULL);
    const struct serve_caller nobody = {0};
    const enum serve_area area = serve_auth_area(request->head->method, request->head->path);
    if (area != AREA_COMMANDS || !serve_ask(serve, request, &nobody, reply)) {
        serve_refuse(reply, 404, "this port is for commands of this machine's owner");
    }
}

/* A path of none of ours that looks like a provider's: mostly the base URL is not whole. */
static bool means_model(struct str path)
{
    static const char *const apis[] = {"/chat/completion", "/completions", "/responses",
                                       "/embeddings",      "/messages",    "/models"};
    bool means = false;
    for (size_t i = 0; i < COUNT_OF(apis); i++) {
        means = means || str_find(path, str_from(apis[i])) != SIZE_MAX;
    }
    return means && !str_starts_with(path, STR("/api/"));
}

void serve_handle(void *context, const struct net_request *request, struct net_reply *reply)
{
    struct serve *const serve = context;
    CHECK(serve != NULL);
    const struct str path = request->head->path;
    const bool reads = request->head->method == HTTP_GET || request->head->method == HTTP_HEAD;
    struct serve_caller caller;
    const char *why = NULL;
    const bool is_gateway = gateway_serves(serve->gateway.gateway, request);
    const bool is_model = is_gateway || means_model(path);
    const int status = serve_keys_check(serve, request, is_model, &caller, &why);
    if (status != 200) {
        turn_away(request, is_model, status, why, reply);
        return;
    }
    if (is_gateway) {
        /* Its name may point here; what it only reads it asks for without saying whose page it is.
         */
        if (!caller.has_key &&
            (serve_is_of_page(serve, request) || (reads && !serve_is_addressed(serve, request)))) {
            turn_away(request, true, 403, "pages of other sites may not call models here", reply);
        } else {
            serve_gateway_handle(serve, request, &caller, reply);
        }
        return;
    }
    if (is_model) {
        serve_refuse(reply, 404,
                     "there is nothing at this path; calls of models go to /openai/v1/…, "
                     "/anthropic/v1/… and /NAME/v1/…, by the names under upstreams in bursar.yaml: "
                     "look at the client's base URL (docs/gateway.md)");
        return;
    }
    if (serve_otlp(serve, request, &caller, reply) ||
        serve_outcomes(serve, request, &caller, reply) ||
        serve_ask(serve, request, &caller, reply)) {
        return;
    }
    if (!str_equal(path, STR("/healthz")) && !str_equal(path, STR("/readyz")) &&
        !str_equal(path, STR("/metrics"))) {
        serve_refuse(reply, 404,
                     "there is nothing at this path; docs/server.md lists what there is");
    } else if (!reads) {
        serve_refuse(reply, 405, "this path is for GET");
    } else if (str_equal(path, STR("/metrics")) && !caller.has_key &&
               !serve_is_addressed(serve, request)) {
        serve_refuse(reply, 403, "the host field names another server");
    } else if (str_equal(path, STR("/healthz"))) {
        send_text(reply, 200, STR("text/plain"), STR("ok\n"));
    } else if (str_equal(path, STR("/readyz"))) {
        answer_ready(serve, reply);
    } else {
        answer_metrics(serve, reply);
    }
}
