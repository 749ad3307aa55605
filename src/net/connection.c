/*
 * One connection:
 *
 *     IDLE -> HEAD -> BODY -> HANDLING -> WRITING -> IDLE (kept alive) | LINGER -> closed
 *
 * The client moves it up to HANDLING, the answer to WRITING, the sent answer back or to the end.
 * Every state but HANDLING has a deadline. While a request is handled nothing is read, so a client
 * that sends on fills its own socket and no memory of ours. LINGER reads and forgets for a moment,
 * because closing over unread bytes would take the answer away from the client.
 */
#include "net/server_priv.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/bufferevent_ssl.h>
#include <event2/util.h>

#include "base/check.h"
#include "base/memory.h"

enum {
    LINGER_MS_MAX = 1000,
    LINGER_BYTES_MAX = 1 << 20,
    RESPONSE_HEAD_BYTES_MAX = 16 << 10,
    READ_BYTES_MAX = 256 << 10, /* taken from the socket and not looked at yet */
};

/* What is only there while a request is being read or handled. */
struct incoming {
    struct text head_bytes;
    struct http_head head; /* borrowed from head_bytes */
    struct http_body body;
    struct text body_bytes;
    int64_t held; /* bytes counted in the server's held_bytes */
};

struct connection {
    struct net_loop *loop;
    struct bufferevent *socket;
    struct event deadline;
    enum { IDLE, HEAD, BODY, HANDLING, WRITING, LINGER } state;
    bool close;     /* after the answer */
    size_t scanned; /* bytes of the head without its end */
    size_t discarded;
    struct incoming *incoming;
    struct net_reply *owed;
    char peer[NET_PEER_BYTES_MAX];
    bool peer_is_loopback;
    struct connection *next;
    struct connection *previous;
};

static void set_deadline(struct connection *c, int ms)
{
    const struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_del(&c->deadline);
    event_add(&c->deadline, &wait);
}

static void forget_incoming(struct connection *c)
{
    if (c->incoming != NULL) {
        atomic_fetch_sub(&c->loop->server->held_bytes, c->incoming->held);
        text_deinit(&c->incoming->head_bytes);
        text_deinit(&c->incoming->body_bytes);
        memory_free(c->incoming);
        c->incoming = NULL;
    }
}

static void connection_close(struct connection *c)
{
    struct net_loop *const loop = c->loop;
    if (c->owed != NULL) {
        c->owed->connection = NULL; /* whoever answers finds nobody there */
    }
    forget_incoming(c);
    event_del(&c->deadline);
    bufferevent_free(c->socket);
    if (c->previous != NULL) {
        c->previous->next = c->next;
    } else {
        loop->connections = c->next;
    }
    if (c->next != NULL) {
        c->next->previous = c->previous;
    }
    atomic_fetch_sub(&loop->server->connections, 1);
    memory_free(c);
}

void connection_close_all(struct net_loop *loop, bool idle_only)
{
    CHECK(loop != NULL);
    struct connection *next = NULL;
    for (struct connection *c = loop->connections; c != NULL; c = next) {
        next = c->next;
        if (!idle_only || c->state == IDLE || c->state == LINGER) {
            connection_close(c);
        }
    }
}

/* google.rpc.Status, as OTLP wants of every refusal: in JSON, or in protobuf to those who speak it:
 * code = 1, message = 2. */
static void put_status(struct text *body, bool is_protobuf, int status, const char *why)
{
    const int code = status == 413 ? 8 : status == 503 ? 14 : 3;
    if (is_protobuf) {
        struct str text = str_from(why);
        text.size = text.size < 127 ? text.size : 127; /* its size is one byte */
        const char head[] = {1 << 3, (char)code, 2 << 3 | 2, (char)text.size};
        text_add(body, (struct str){head, sizeof head});
        text_add(body, text);
        return;
    }
    json_open_object(body);
    json_name(body, "code");
    json_put_int64(body, code);
    json_name(body, "message");
    json_put_text(body, why);
    json_close_object(body);
}

/* Whatever the request was, the connection ends after this answer. */
static void refuse(struct connection *c, int status, const char *why)
{
    struct text body;
    struct text all;
    text_init(&body, RESPONSE_HEAD_BYTES_MAX);
    text_init(&all, RESPONSE_HEAD_BYTES_MAX);
    const bool is_protobuf = c->incoming != NULL && c->incoming->head.size > 0 &&
                             str_equal_fold(http_field(&c->incoming->head, STR("content-type")),
                                            STR("application/x-protobuf"));
    put_status(&body, is_protobuf, status, why);
    text_format(&all,
                "HTTP/1.1 %d %s\r\nContent-Type: application/%s\r\nContent-Length: %zu\r\n"
                "%sConnection: close\r\n\r\n",
                status, http_reason(status), is_protobuf ? "x-protobuf" : "json", body.size,
                status == 503 ? "Retry-After: 1\r\n" : "");
    text_add(&all, text_str(&body));
    atomic_fetch_add(&c->loop->server->refused, 1);
    forget_incoming(c);
    c->state = WRITING;
    c->close = true;
    set_deadline(c, c->loop->server->limits.write_ms_max);
    bufferevent_disable(c->socket, EV_READ);
    bufferevent_write(c->socket, all.data, all.size);
    text_deinit(&body);
    text_deinit(&all);
}

/* Count bytes against what all requests together may hold. */
static bool hold(struct connection *c, int64_t bytes)
{
    struct net_server *const server = c->loop->server;
    const int64_t before = atomic_fetch_add(&server->held_bytes, bytes);
    if (before + bytes > (int64_t)server->limits.held_bytes_max) {
        atomic_fetch_sub(&server->held_bytes, bytes);
        return false;
    }
    c->incoming->held += bytes;
    return true;
}

static void handle(struct connection *c)
{
    struct net_server *const server = c->loop->server;
    struct net_reply *const reply = memory_new(struct net_reply);
    *reply = (struct net_reply){.loop = c->loop,
                                .connection = c,
                                .close = !c->incoming->head.keep_alive || c->loop->draining,
                                .without_body = c->incoming->head.method == HTTP_HEAD};
    const struct net_request request = {.head = &c->incoming->head,
                                        .body = text_str(&c->incoming->body_bytes),
                                        .peer = c->peer,
                                        .peer_is_loopback = c->peer_is_loopback};
    c->state = HANDLING;
    c->owed = reply;
    event_del(&c->deadline);
    bufferevent_disable(c->socket, EV_READ);
    atomic_fetch_add(&server->requests, 1);
    server->handler(server->context, &request, reply);
}

/* The head is in the buffer as far as `size`: take it out and see what it says of the body. */
static void start_request(struct connection *c, struct evbuffer *input, size_t size)
{
    const struct net_limits *const limits = &c->loop->server->limits;
    struct incoming *const in = memory_new(struct incoming);
    c->incoming = in;
    text_init(&in->head_bytes, HTTP_HEAD_BYTES_MAX + 1);
    text_init(&in->body_bytes, limits->body_bytes_max);
    text_add(&in->head_bytes,
             (struct str){(const char *)evbuffer_pullup(input, (ev_ssize_t)size), size});
    struct err err;
    int status = 400;
    const enum errc code = http_head_parse(text_str(&in->head_bytes), &in->head, &status, &err);
    if (code != ERR_OK) {
        refuse(c, status, code == ERR_TRUNCATED ? "the request's head is malformed" : err.text);
        return;
    }
    evbuffer_drain(input, in->head.size);
    c->scanned = 0;
    in->body = http_body_start(&in->head);
    if (in->head.has_length && (uint64_t)in->head.length > limits->body_bytes_max) {
        refuse(c, 413, "the body is larger than is taken here");
    } else if (in->head.has_length && !hold(c, in->head.length)) {
        refuse(c, 503, "too much is being received at this moment; try again");
    } else {
        c->state = BODY;
        set_deadline(c, limits->body_ms_max);
        if (in->head.expects_continue && in->body.state != HTTP_BODY_DONE) {
            static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
            bufferevent_write(c->socket, go_on, sizeof go_on - 1);
        }
    }
}

/* Whether there was a whole head. */
static bool read_head(struct connection *c, struct evbuffer *input)
{
    const size_t size = evbuffer_get_length(input);
    if (size == 0) {
        return false;
    }
    if (c->state == IDLE) {
        c->state = HEAD;
        set_deadline(c, c->loop->server->limits.head_ms_max);
    }
    struct evbuffer_ptr from;
    evbuffer_ptr_set(input, &from, c->scanned > 3 ? c->scanned - 3 : 0, EVBUFFER_PTR_SET);
    const struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, &from);
    if (end.pos < 0 && size < HTTP_HEAD_BYTES_MAX) {
        c->scanned = size;
        return false;
    }
    const size_t all = end.pos >= 0 ? (size_t)end.pos + 4 : HTTP_HEAD_BYTES_MAX;
    start_request(c, input, all < HTTP_HEAD_BYTES_MAX ? all : HTTP_HEAD_BYTES_MAX);
    return true;
}

/* Whether the state moved on. */
static bool read_body(struct connection *c, struct evbuffer *input)
{
    struct incoming *const in = c->incoming;
    const size_t size = evbuffer_get_length(input);
    size_t front = evbuffer_get_contiguous_space(input);
    struct err err;
    while (in->body.state != HTTP_BODY_DONE) {
        struct str piece;
        size_t used = 0;
        const char *const data =
            front > 0 ? (const char *)evbuffer_pullup(input, (ev_ssize_t)front) : "";
        if (http_body_read(&in->body, (struct str){data, front}, &piece, &used, &err) != ERR_OK) {
            refuse(c, 400, err.text);
            return true;
        }
        if (in->head.is_chunked && piece.size > 0 && !hold(c, (int64_t)piece.size)) {
            refuse(c, 503, "too much is being received at this moment; try again");
            return true;
        }
        text_add(&in->body_bytes, piece);
        if (text_is_full(&in->body_bytes)) {
            refuse(c, 413, "the body is larger than is taken here");
            return true;
        }
        evbuffer_drain(input, used);
        const size_t left = evbuffer_get_length(input);
        if (used == 0 && front < left && front < HTTP_TRAILER_BYTES_MAX) {
            front = left < HTTP_TRAILER_BYTES_MAX ? left : HTTP_TRAILER_BYTES_MAX;
        } else if (used == 0) {
            return in->body.state == HTTP_BODY_DONE && size > 0;
        } else {
            front = evbuffer_get_contiguous_space(input);
        }
    }
    handle(c);
    return true;
}

static void read_on(struct connection *c)
{
    struct evbuffer *const input = bufferevent_get_input(c->socket);
    bool moved = true;
    while (moved) {
        moved = (c->state == IDLE || c->state == HEAD) && read_head(c, input);
        moved = (c->state == BODY && read_body(c, input)) || moved;
    }
}

static void on_read(struct bufferevent *socket, void *context)
{
    struct connection *const c = context;
    if (c->state == LINGER) {
        struct evbuffer *const input = bufferevent_get_input(socket);
        c->discarded += evbuffer_get_length(input);
        evbuffer_drain(input, evbuffer_get_length(input));
        if (c->discarded > LINGER_BYTES_MAX) {
            connection_close(c);
        }
        return;
    }
    read_on(c);
}

/* The answer has left. */
static void on_write(struct bufferevent *socket, void *context)
{
    struct connection *const c = context;
    if (c->state != WRITING || evbuffer_get_length(bufferevent_get_output(socket)) > 0) {
        return;
    }
    if (c->close || c->loop->draining) {
        c->state = LINGER;
        set_deadline(c, LINGER_MS_MAX);
        if (bufferevent_openssl_get_ssl(socket) == NULL) {
            shutdown(bufferevent_getfd(socket), SHUT_WR);
            bufferevent_enable(socket, EV_READ);
        } else {
            connection_close(c);
        }
        return;
    }
    c->state = IDLE;
    set_deadline(c, c->loop->server->limits.idle_ms_max);
    bufferevent_enable(socket, EV_READ);
    read_on(c); /* what was sent behind the request is there already */
}

static void on_event(struct bufferevent *socket, short events, void *context)
{
    (void)socket;
    struct connection *const c = context;
    if ((events & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
        connection_close(c);
    }
}

static void on_deadline(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    struct connection *const c = context;
    if (c->state == HEAD || c->state == BODY) {
        refuse(c, 408, "the request took too long to arrive");
    } else {
        connection_close(c);
    }
}

static void name_peer(struct connection *c, const struct sockaddr *peer)
{
    c->peer[0] = '\0';
    if (peer->sa_family == AF_INET) {
        const struct sockaddr_in *const in = (const void *)peer;
        evutil_inet_ntop(AF_INET, &in->sin_addr, c->peer, sizeof c->peer);
        c->peer_is_loopback = ntohl(in->sin_addr.s_addr) >> 24 == 127;
    } else if (peer->sa_family == AF_INET6) {
        const struct sockaddr_in6 *const in = (const void *)peer;
        evutil_inet_ntop(AF_INET6, &in->sin6_addr, c->peer, sizeof c->peer);
        c->peer_is_loopback =
            IN6_IS_ADDR_LOOPBACK(&in->sin6_addr) ||
            (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr) && in->sin6_addr.s6_addr[12] == 127);
    }
}

static struct bufferevent *open_socket(struct net_loop *loop, int fd)
{
    struct net_server *const server = loop->server;
    pthread_mutex_lock(&server->tls_lock);
    SSL *const ssl = server->tls != NULL ? SSL_new(server->tls) : NULL;
    const bool plain = server->tls == NULL;
    pthread_mutex_unlock(&server->tls_lock);
    if (plain) {
        return bufferevent_socket_new(loop->base, fd, BEV_OPT_CLOSE_ON_FREE);
    }
    CHECK(ssl != NULL);
    struct bufferevent *const socket = bufferevent_openssl_socket_new(
        loop->base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    if (socket != NULL) {
        bufferevent_openssl_set_allow_dirty_shutdown(socket, 1);
    }
    return socket;
}

void connection_open(struct net_loop *loop, int fd, const struct sockaddr *peer, int peer_size)
{
    CHECK(loop != NULL);
    CHECK(peer_size > 0);
    struct net_server *const server = loop->server;
    const int64_t before = atomic_fetch_add(&server->connections, 1);
    if (before >= server->limits.connections_max || loop->draining) {
        atomic_fetch_sub(&server->connections, 1);
        atomic_fetch_add(&server->turned_away, 1);
        evutil_closesocket(fd);
        return;
    }
    atomic_fetch_add(&server->accepted, 1);
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct connection *const c = memory_new(struct connection);
    c->loop = loop;
    name_peer(c, peer);
    c->socket = open_socket(loop, fd);
    CHECK(c->socket != NULL);
    c->next = loop->connections;
    if (c->next != NULL) {
        c->next->previous = c;
    }
    loop->connections = c;
    evtimer_assign(&c->deadline, loop->base, on_deadline, c);
    bufferevent_setcb(c->socket, on_read, on_write, on_event, c);
    bufferevent_setwatermark(c->socket, EV_READ, 0, READ_BYTES_MAX);
    set_deadline(c, server->limits.head_ms_max);
    bufferevent_enable(c->socket, EV_READ | EV_WRITE);
}

void connection_answer(struct net_reply *reply)
{
    CHECK(reply != NULL);
    struct connection *const c = reply->connection;
    if (c != NULL) {
        CHECK(c->state == HANDLING);
        CHECK(c->owed == reply);
        c->owed = NULL;
        c->state = WRITING;
        c->close = reply->close;
        forget_incoming(c);
        set_deadline(c, c->loop->server->limits.write_ms_max);
        bufferevent_write(c->socket, reply->bytes.data, reply->bytes.size);
    }
    text_deinit(&reply->bytes);
    memory_free(reply);
}
