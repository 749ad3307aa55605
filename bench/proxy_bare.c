/*
 * proxy_bare: the server and the client of net/ glued together, nothing between: the floor of what
 * a gateway on them costs. `make bench` holds it against nginx's proxy_pass on the same mock.
 *
 * usage: proxy_bare PORT UPSTREAM_URL [LOOPS]
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "net/client.h"
#include "net/server.h"

struct proxy {
    struct net_client *client;
    struct net_target target;
};

/* One request passing through. */
struct exchange {
    struct net_reply *reply;
    struct net_call *call;
};

static void on_head(void *context, const struct http_response_head *head)
{
    struct exchange *const exchange = context;
    const bool has_length = head->framing == HTTP_LENGTH || head->framing == HTTP_NO_BODY;
    net_reply_begin(exchange->reply,
                    &(struct net_reply_head){.status = head->status,
                                             .reason = head->reason,
                                             .fields = head->fields,
                                             .field_count = head->field_count,
                                             .length = has_length ? head->length : -1});
}

static void on_body(void *context, struct str piece)
{
    struct exchange *const exchange = context;
    if (!net_reply_write(exchange->reply, piece)) {
        net_call_pause(exchange->call);
    }
}

static void on_end(void *context, const struct http_field *trailers, size_t trailer_count)
{
    struct exchange *const exchange = context;
    net_reply_end(exchange->reply, trailers, trailer_count);
    memory_free(exchange);
}

static void on_error(void *context, const struct net_failure *failure)
{
    struct exchange *const exchange = context;
    fprintf(stderr, "%s: %s\n", net_failure_name(failure->kind), failure->text);
    net_reply_abort(exchange->reply);
    memory_free(exchange);
}

static void on_writable(void *context)
{
    struct exchange *const exchange = context;
    net_call_resume(exchange->call);
}

static void on_left(void *context)
{
    struct exchange *const exchange = context;
    net_call_cancel(exchange->call);
    net_reply_abort(exchange->reply);
    memory_free(exchange);
}

static void handle(void *context, const struct net_request *request, struct net_reply *reply)
{
    static const struct net_call_events call_events = {on_head, on_body, on_end, on_error};
    static const struct net_reply_events reply_events = {on_writable, on_left};
    const struct proxy *const proxy = context;
    struct exchange *const exchange = memory_new(struct exchange);
    exchange->reply = reply;
    const struct net_call_request call = {.target = proxy->target,
                                          .method = request->head->method_name,
                                          .path = request->head->target,
                                          .fields = request->head->fields,
                                          .field_count = request->head->field_count,
                                          .body = &request->body,
                                          .body_count = 1,
                                          .deadlines = net_deadlines_default};
    net_reply_watch(reply, &reply_events, exchange);
    exchange->call =
        net_call_start(proxy->client, net_reply_loop(reply), &call, &call_events, exchange);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s PORT UPSTREAM_URL [LOOPS]\n", argv[0]);
        return EXIT_FAILURE;
    }
    struct proxy proxy = {0};
    struct net_server *server = NULL;
    struct err err;
    struct str path;
    int64_t port = 0;
    int64_t loops = 1;
    const bool numbers = str_to_int64(str_from(argv[1]), &port) &&
                         (argc < 4 || str_to_int64(str_from(argv[3]), &loops));
    const struct net_settings settings = {.address = "127.0.0.1",
                                          .port = (int)port,
                                          .loops = (int)loops,
                                          .limits = net_limits_default};
    sigset_t ends;
    int number = 0;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    if (!numbers || net_target_parse(str_from(argv[2]), &proxy.target, &path, &err) != ERR_OK ||
        net_server_create(&settings, handle, &proxy, &server, &err) != ERR_OK ||
        net_client_create(net_server_loops(server), &net_client_settings_default, &proxy.client,
                          &err) != ERR_OK) {
        fprintf(stderr, "%s\n", numbers ? err.text : "PORT and LOOPS are numbers");
        return EXIT_FAILURE;
    }
    net_server_start(server);
    sigwait(&ends, &number);
    net_server_stop(server);
    net_client_destroy(&proxy.client);
    net_server_destroy(&server);
    return EXIT_SUCCESS;
}
