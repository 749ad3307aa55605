/* One connection on its way from a name to a server that waits for requests. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "net/client_priv.h"

enum { READ_BYTES_MAX = NET_PIECE_BYTES_MAX, WHY_BYTES_MAX = 256, CONNECT_HEAD_BYTES_MAX = 4096 };

static void bury(struct loop_dead *dead)
{
    struct link *const link = (struct link *)dead;
    if (!loop_give(&dead->loop->links, link, LOOP_SPARE_OBJECTS_MAX)) {
        memory_free(link);
    }
}

void link_close(struct link *link)
{
    CHECK(link != NULL);
    CHECK(link->state != LINK_IDLE);
    if (link->is_closed) {
        return;
    }
    struct pool *const pool = link->pool;
    link->is_closed = true;
    if (link->call != NULL) {
        link->call->link = NULL;
        link->call = NULL;
    }
    if (link->wait != NULL) {
        resolver_cancel(link->wait);
        link->wait = NULL;
    }
    dial_stop(&link->dial);
    if (link->has_stream) {
        stream_close(&link->stream);
        atomic_fetch_sub_explicit(&pool->station->client->connections, 1, memory_order_relaxed);
    }
    pool->link_count--;
    loop_give_socket(pool_loop(pool));
    loop_free_later(pool_loop(pool), &link->dead, bury);
    pool_move_on(pool);
}

void link_attach(struct link *link, struct net_call *call)
{
    CHECK(link != NULL);
    CHECK(link->call == NULL || link->call == call);
    link->state = LINK_BUSY;
    link->call = call;
    call->link = link;
    call_begin(call);
}

/* The connection never came to be: its call fails. */
static void fail(struct link *link, enum net_failure_kind kind, const char *text)
{
    struct net_call *const call = link->call;
    link_close(link);
    call_fail(call, kind, "%s", text);
}

/* ---- Its stream -------------------------------------------------------------------------------
 */

static void secure(struct link *link)
{
    SSL_CTX *tls = NULL;
    struct err err;
    if (client_tls(link->pool->station->client, &tls, &err) != ERR_OK) {
        fail(link, NET_TLS_FAILED, err.text);
        return;
    }
    link->state = LINK_SECURING;
    stream_secure(&link->stream, tls_open(tls, link->pool));
}

static void on_secured(void *context)
{
    struct link *const link = context;
    link_attach(link, link->call);
}

static void ask_proxy(struct link *link)
{
    const struct pool *const pool = link->pool;
    const bool v6 = strchr(pool->host, ':') != NULL;
    struct text *const head = &pool_loop(pool)->head;
    link->state = LINK_PROXYING;
    text_clear(head);
    for (int i = 0; i < 2; i++) {
        text_add(head, i == 0 ? STR("CONNECT ") : STR("Host: "));
        text_format(head, v6 ? "[%s]:%d" : "%s:%d", pool->host, pool->port);
        text_add(head, i == 0 ? STR(" HTTP/1.1\r\n") : STR("\r\n"));
    }
    if (pool->proxy->authorization[0] != '\0') {
        text_format(head, "Proxy-Authorization: %s\r\n", pool->proxy->authorization);
    }
    text_add(head, STR("\r\n"));
    stream_put(&link->stream, text_str(head));
    stream_read(&link->stream, true);
}

static void fail_by_proxy(struct link *link, const char *why)
{
    char text[FAILURE_BYTES_MAX];
    snprintf(text, sizeof text,
             "the proxy %s:%d does not connect to %s:%d: %s; check the proxy, or name the host in "
             "NO_PROXY",
             link->pool->proxy->host, link->pool->proxy->port, link->pool->host, link->pool->port,
             why);
    fail(link, NET_PROXY_REFUSED, text);
}

static void read_proxy(struct link *link)
{
    const struct str input = stream_input(&link->stream);
    struct http_response_head head;
    struct err err;
    const enum errc code = http_response_parse(input, true, &head, &err);
    if (code == ERR_TRUNCATED && input.size < CONNECT_HEAD_BYTES_MAX) {
        return;
    }
    if (code != ERR_OK) {
        fail_by_proxy(link, err.text);
    } else if (head.status / 100 == 1) {
        fail_by_proxy(link, "it answered with an interim status");
    } else if (head.status / 100 != 2) {
        char why[WHY_BYTES_MAX];
        snprintf(why, sizeof why, "it answered %d " STR_FORMAT, head.status,
                 (int)(head.reason.size < 100 ? head.reason.size : 100), head.reason.data);
        fail_by_proxy(link, why);
    } else if (head.size != input.size) {
        fail_by_proxy(link, "it sent bytes before the server could have");
    } else {
        stream_take(&link->stream, head.size);
        stream_read(&link->stream, false);
        secure(link);
    }
}

static void drop_idle(struct link *link)
{
    link->idle.run(link->idle.context);
}

static void on_input(void *context)
{
    struct link *const link = context;
    if (link->state == LINK_PROXYING) {
        read_proxy(link);
    } else if (link->state == LINK_IDLE) {
        if (stream_input(&link->stream).size > 0) {
            drop_idle(link); /* nobody asked for it */
        }
    } else {
        call_input(link->call);
    }
}

static void on_output(void *context)
{
    struct link *const link = context;
    if (link->state == LINK_BUSY) {
        call_output(link->call);
    }
}

static void on_ended(void *context, enum stream_end how)
{
    struct link *const link = context;
    link->has_ended = true;
    link->end = how;
    if (link->state == LINK_SECURING) {
        const struct pool *const pool = link->pool;
        char why[WHY_BYTES_MAX];
        char text[FAILURE_BYTES_MAX];
        const bool untrusted = tls_why(link->stream.ssl, why, sizeof why);
        snprintf(text, sizeof text,
                 untrusted ? "the certificate of %s:%d is not to be trusted as %s: %s; correct the "
                             "host, or name the authority that signed it"
                           : "TLS with %s:%d (%s) failed: %s; check that the port speaks TLS 1.2 "
                             "or later",
                 pool->host, pool->port, pool->tls_name, why);
        fail(link, untrusted ? NET_TLS_UNTRUSTED : NET_TLS_FAILED, text);
    } else if (link->state == LINK_PROXYING) {
        fail_by_proxy(link, "it closed the connection");
    } else if (link->state == LINK_IDLE) {
        drop_idle(link);
    } else {
        call_ended(link->call, how);
    }
}

/* ---- From a name to a socket ------------------------------------------------------------------
 */

static void on_dialled(void *owner, int fd, int error)
{
    static const struct stream_use use = {on_secured, on_input, on_output, on_ended};
    struct link *const link = owner;
    struct pool *const pool = link->pool;
    struct net_client *const client = pool->station->client;
    dial_stop(&link->dial);
    if (fd < 0) {
        char text[FAILURE_BYTES_MAX];
        if (pool->proxy != NULL) {
            snprintf(text, sizeof text,
                     "cannot connect to the proxy %s:%d (for %s:%d): %s; check "
                     "that it runs, or name the host in NO_PROXY",
                     pool->proxy->host, pool->proxy->port, pool->host, pool->port, strerror(error));
        } else {
            snprintf(text, sizeof text,
                     "cannot connect to %s:%d: %s; check host and port, that it "
                     "runs, and that no firewall is between",
                     pool->host, pool->port, strerror(error));
        }
        fail(link, NET_UNREACHABLE, text);
        return;
    }
    stream_open(&link->stream, pool_loop(pool), fd, NULL, READ_BYTES_MAX, &use, link);
    link->has_stream = true;
    link->opened_ns = pool_loop(pool)->now_ns;
    atomic_fetch_add_explicit(&client->connections, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&client->connections_opened, 1, memory_order_relaxed);
    if (!pool->tls) {
        link_attach(link, link->call);
    } else if (pool->proxy != NULL) {
        ask_proxy(link);
    } else {
        secure(link);
    }
}

static void on_resolved(void *context, const struct addresses *addresses)
{
    struct link *const link = context;
    const struct pool *const pool = link->pool;
    link->wait = NULL;
    if (addresses->count == 0) {
        char text[FAILURE_BYTES_MAX];
        snprintf(text, sizeof text,
                 "cannot resolve %s: %s; check the name, and the resolver of "
                 "this machine",
                 pool->proxy != NULL ? pool->proxy->host : pool->host, addresses->why);
        fail(link, NET_UNRESOLVED, text);
        return;
    }
    link->state = LINK_DIALING;
    link->dial = dial_start(pool_loop(pool), addresses,
                            pool->proxy != NULL ? pool->proxy->port : pool->port, on_dialled, link);
}

void link_open(struct pool *pool, struct net_call *call)
{
    CHECK(pool != NULL);
    CHECK(call->link == NULL);
    struct link *const link = loop_take(&pool_loop(pool)->links, sizeof *link, NULL);
    *link = (struct link){.pool = pool, .call = call, .state = LINK_RESOLVING};
    call->link = link;
    call->is_reused = false;
    pool->link_count++;
    struct addresses known;
    const char *const host = pool->proxy != NULL ? pool->proxy->host : pool->host;
    if (!resolver_ask(pool->station->client->resolver, pool_loop(pool), str_from(host),
                      pool_loop(pool)->now_ns, &known, &link->wait, on_resolved, link)) {
        return;
    }
    if (known.count > 0) {
        on_resolved(link, &known); /* dials later */
        return;
    }
    char text[FAILURE_BYTES_MAX];
    snprintf(text, sizeof text,
             "cannot resolve %s: %s; check the name, and the resolver of this machine", host,
             known.why);
    call_doom(call, NET_UNRESOLVED, text);
}
