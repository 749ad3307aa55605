/* How a call begins: the head of its request, its deadlines, its place among those of its pool. */
#include <string.h>

#include "base/check.h"
#include "net/client_priv.h"

enum { REQUEST_HEAD_BYTES_MAX = 256 << 10 };

const struct net_deadlines net_deadlines_default = {
    .connect_ms = 10000,
    .first_byte_ms = 600000,
    .idle_ms = 300000,
    .total_ms = 0,
};

static void on_deadline(void *context)
{
    struct net_call *const call = context;
    const char *const host = call->pool->host;
    const int port = call->pool->port;
    if (call->is_doomed) {
        call_fail(call, call->doomed, "%s", call->doomed_text.data);
    } else if (call->link == NULL) {
        call_fail(
            call, NET_CONNECT_TIMEOUT,
            "all connections to %s:%d were in use for %d ms; allow more of them, or more open "
            "files",
            host, port, call->deadlines.connect_ms);
    } else if (call->link->state != LINK_BUSY) {
        static const char *const steps[] = {
            [LINK_RESOLVING] = "resolve the name of",
            [LINK_DIALING] = "connect to",
            [LINK_PROXYING] = "be connected by the proxy to",
            [LINK_SECURING] = "shake hands with",
        };
        call_fail(call, NET_CONNECT_TIMEOUT,
                  "it took longer than %d ms to %s %s:%d; check that no firewall is between, or "
                  "allow more time",
                  call->deadlines.connect_ms, steps[call->link->state], host, port);
    } else if (!call->has_head) {
        call_fail(call, NET_FIRST_BYTE_TIMEOUT,
                  "%s:%d did not begin to answer within %d ms; allow more time, or look at the "
                  "server",
                  host, port, call->deadlines.first_byte_ms);
    } else {
        call_fail(call, NET_IDLE_TIMEOUT,
                  "%s:%d was silent for %d ms within its answer; allow more time, or look at the "
                  "server",
                  host, port, call->deadlines.idle_ms);
    }
}

static void on_total(void *context)
{
    struct net_call *const call = context;
    call_fail(call, NET_TOTAL_TIMEOUT,
              "the call of %s:%d was not over within %lld ms; allow more "
              "time",
              call->pool->host, call->pool->port, (long long)call->deadlines.total_ms);
}

static void put_authority(struct text *out, const struct pool *pool)
{
    const bool v6 = strchr(pool->host, ':') != NULL;
    text_add(out, v6 ? STR("[") : STR(""));
    text_add(out, str_from(pool->host));
    text_add(out, v6 ? STR("]") : STR(""));
    if (pool->port != (pool->tls ? 443 : 80)) {
        text_char(out, ':');
        text_int64(out, pool->port);
    }
}

static void put_head(struct net_call *call, const struct net_call_request *request)
{
    struct text *const out = &call->head;
    const struct pool *const pool = call->pool;
    const bool by_proxy = pool->proxy != NULL && !pool->tls;
    size_t length = 0;
    text_init(out, REQUEST_HEAD_BYTES_MAX);
    text_add(out, request->method);
    text_char(out, ' ');
    if (by_proxy) {
        text_add(out, STR("http://"));
        put_authority(out, pool);
    }
    text_add(out, request->path);
    text_add(out, STR(" HTTP/1.1\r\nHost: "));
    put_authority(out, pool);
    text_add(out, STR("\r\n"));
    if (by_proxy && pool->proxy->authorization[0] != '\0') {
        text_format(out, "Proxy-Authorization: %s\r\n", pool->proxy->authorization);
    }
    http_pass_fields(out, request->fields, request->field_count);
    for (size_t i = 0; i < request->body_count; i++) {
        length += request->body[i].size;
    }
    if (length > 0 || !call->is_safe) {
        text_add(out, STR("Content-Length: "));
        text_int64(out, (int64_t)length);
        text_add(out, STR("\r\n"));
    }
    text_add(out, STR("\r\n"));
    CHECK(!text_is_full(out));
}

static void copy_body(struct net_call *call, const struct net_call_request *request)
{
    for (size_t i = 0; i < request->body_count; i++) {
        if (request->body[i].size > 0) {
            call->body[call->body_count++] = request->body[i];
        }
    }
}

struct net_call *net_call_start(struct net_client *client, struct net_loop *loop,
                                const struct net_call_request *request,
                                const struct net_call_events *events, void *context)
{
    CHECK(client != NULL);
    CHECK(loop->loops == client->loops);
    CHECK(net_loop_is_here(loop));
    CHECK(!client->stopping);
    CHECK(request->field_count <= NET_CALL_FIELDS_MAX);
    CHECK(request->body_count <= NET_BODY_PIECES_MAX);
    CHECK(request->path.size > 0);
    CHECK(request->path.data[0] == '/');
    struct station *const station = &client->stations[loop->index];
    struct net_call *const call = loop_take(&loop->calls, sizeof *call, NULL);
    memset((void *)call, 0, sizeof *call);
    call->events = events;
    call->context = context;
    call->is_head = str_equal(request->method, STR("HEAD"));
    call->is_safe = call->is_head || str_equal(request->method, STR("GET")) ||
                    str_equal(request->method, STR("OPTIONS"));
    call->deadlines = request->deadlines;
    call->deadline = (struct net_timer){.run = on_deadline, .context = call};
    call->total = (struct net_timer){.run = on_total, .context = call};
    call->pool = pool_find(station, &request->target);
    CHECK(call->pool != NULL); /* more targets at once than a configuration can name */
    call->next = station->calls;
    if (call->next != NULL) {
        call->next->previous = call;
    }
    station->calls = call;
    put_head(call, request);
    copy_body(call, request);
    atomic_fetch_add_explicit(&client->calls, 1, memory_order_relaxed);
    net_timer_set(loop, &call->deadline, call->deadlines.connect_ms);
    if (call->deadlines.total_ms > 0) {
        net_timer_set(loop, &call->total, call->deadlines.total_ms);
    }
    pool_serve(call->pool, call);
    return call;
}
