/*
 * One connection:
 *
 *     IDLE -> HEAD -> BODY -> HANDLING -> WRITING -> IDLE (kept alive) | LINGER -> closed
 *
 * The client moves it up to HANDLING, the end of the answer to WRITING, the sent answer back or to
 * the end. Every state has a deadline, but that a handler may think as long as it likes: HANDLING
 * has one only while bytes of a streamed answer wait for the client to take them. What a client
 * sends while a request is handled is read only when the reply is watched, at most one request head
 * of it, so that a client which sends on fills its own socket and no memory of ours. LINGER reads
 * and forgets for a moment, because closing over unread bytes would take the answer away from the
 * client.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <event2/util.h>
#include <linux/sockios.h>

#include "base/check.h"
#include "base/memory.h"
#include "net/http_priv.h"
#include "net/server_priv.h"

enum {
    LINGER_MS_MAX = 1000,
    LINGER_BYTES_MAX = 1 << 20,
    REFUSAL_BYTES_MAX = 16 << 10,
    READ_BYTES_MAX = 64 << 10,
    KERNEL_UNSENT_BYTES_MAX = 64 << 10, /* or a reader that stalls holds megabytes there */
    SMALL_BYTES_MAX = 1 << 20, /* of a request that may use the last quarter of held_bytes_max */
};
_Static_assert((int)LOOP_SCRATCH_BYTES >= (int)HTTP_HEAD_BYTES_MAX + (int)READ_BYTES_MAX,
               "a head that is not whole and one read more fit");

static void read_on(struct connection *c);

static void set_deadline(struct connection *c, int ms)
{
    net_timer_set(c->loop, &c->deadline, ms);
}

static void bury(struct loop_dead *dead)
{
    struct connection *const c = (struct connection *)dead;
    if (!loop_give(&c->loop->connections, c, LOOP_SPARE_OBJECTS_MAX)) {
        memory_free(c);
    }
}

void connection_close(struct connection *c)
{
    CHECK(c != NULL);
    if (c->is_closed) {
        return;
    }
    c->is_closed = true;
    net_timer_clear(c->loop, &c->deadline);
    stream_close(&c->stream);
    if (c->previous != NULL) {
        c->previous->next = c->next;
    } else {
        c->door->connections = c->next;
    }
    if (c->next != NULL) {
        c->next->previous = c->previous;
    }
    atomic_fetch_sub(&c->server->held_bytes, c->held);
    atomic_fetch_sub(&c->server->connections, 1);
    struct net_reply *const reply = c->reply;
    c->reply = NULL;
    if (reply != NULL && c->state == HANDLING) {
        reply_lose(reply);
    } else if (reply != NULL) {
        reply_free(reply);
    }
    loop_free_later(c->loop, &c->dead, bury);
}

void connection_close_all(struct net_door *door, bool idle_only)
{
    CHECK(door != NULL);
    struct connection *next = NULL;
    for (struct connection *c = door->connections; c != NULL; c = next) {
        next = c->next; /* `left` closes no connection but its own */
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
    text_init(&body, REFUSAL_BYTES_MAX);
    text_init(&all, REFUSAL_BYTES_MAX);
    const bool is_protobuf = c->reply != NULL && c->reply->head.size > 0 &&
                             str_equal_fold(http_field(&c->reply->head, STR("content-type")),
                                            STR("application/x-protobuf"));
    put_status(&body, is_protobuf, status, why);
    text_format(&all,
                "HTTP/1.1 %d %s\r\nContent-Type: application/%s\r\nContent-Length: %zu\r\n"
                "%sConnection: close\r\n\r\n",
                status, http_reason(status), is_protobuf ? "x-protobuf" : "json", body.size,
                status == 503 ? "Retry-After: 1\r\n" : "");
    text_add(&all, text_str(&body));
    atomic_fetch_add(&c->server->refused, 1);
    if (c->reply != NULL) {
        reply_free(c->reply);
        c->reply = NULL;
    }
    atomic_fetch_sub(&c->server->held_bytes, c->held);
    c->held = 0;
    c->state = WRITING;
    c->close = true;
    set_deadline(c, c->door->limits.write_ms_max);
    stream_read(&c->stream, false);
    stream_put(&c->stream, text_str(&all));
    text_deinit(&body);
    text_deinit(&all);
}

/*
 * Count bytes that arrived against what all requests together may hold; they are refused when that
 * is too much. What is only announced is not counted, or announcing would keep others out. The
 * last quarter is for small requests, so that a few large ones do not either.
 */
static bool hold(struct connection *c, size_t bytes)
{
    struct net_server *const server = c->server;
    int64_t *const held = c->reply != NULL ? &c->reply->held : &c->held;
    const int64_t all = (int64_t)c->door->limits.held_bytes_max;
    const int64_t more = (int64_t)bytes;
    const int64_t most = *held + more > SMALL_BYTES_MAX ? all / 4 * 3 : all;
    if (atomic_fetch_add(&server->held_bytes, more) + more > most) {
        atomic_fetch_sub(&server->held_bytes, more);
        refuse(c, 503, "too much is being received at this moment; try again");
        return false;
    }
    *held += more;
    return true;
}

static void handle(struct connection *c)
{
    struct net_reply *const reply = c->reply;
    reply->close = !reply->head.keep_alive || c->door->draining;
    reply->without_body = reply->head.method == HTTP_HEAD;
    reply->request = (struct net_request){.head = &reply->head,
                                          .body = text_str(&reply->body_bytes),
                                          .peer = reply->peer,
                                          .peer_is_loopback = c->peer_is_loopback};
    c->state = HANDLING;
    if (stream_input(&c->stream).size >= HTTP_HEAD_BYTES_MAX) {
        stream_read(&c->stream, false);
    }
    net_timer_clear(c->loop, &c->deadline);
    atomic_fetch_add(&c->server->requests, 1);
    c->server->handler(c->server->context, &reply->request, reply);
}

/* The head may be in the first `size` bytes: take it out and see what it says of the body. */
static void start_request(struct connection *c, size_t size)
{
    const struct net_limits *const limits = &c->door->limits;
    struct net_reply *const reply = reply_new(c);
    c->reply = reply;
    text_add(&reply->head_bytes, (struct str){stream_input(&c->stream).data, size});
    struct err err;
    int status = 400;
    const enum errc code =
        http_head_parse(text_str(&reply->head_bytes), &reply->head, &status, &err);
    if (code != ERR_OK) {
        refuse(c, status, code == ERR_TRUNCATED ? "the request's head is malformed" : err.text);
        return;
    }
    stream_take(&c->stream, reply->head.size);
    c->scanned = 0;
    reply->body = http_body_start(&reply->head);
    if (reply->head.has_length && (uint64_t)reply->head.length > limits->body_bytes_max) {
        refuse(c, 413, "the body is larger than is taken here");
        return;
    }
    c->state = BODY;
    if (reply->body.state != HTTP_BODY_DONE) {
        set_deadline(c, limits->body_ms_max);
        if (reply->head.expects_continue) {
            stream_put(&c->stream, STR("HTTP/1.1 100 Continue\r\n\r\n"));
        }
    }
}

/* Whether the state moved on. */
static bool read_head(struct connection *c)
{
    const struct str input = stream_input(&c->stream);
    if (input.size == 0) {
        return false;
    }
    if (c->state == IDLE) {
        c->state = HEAD;
        set_deadline(c, c->door->limits.head_ms_max);
        const unsigned char first = (unsigned char)input.data[0];
        if (first < ' ' || first >= 0x7f) { /* why wait for the end of what is none */
            refuse(c, 400, "this is no HTTP request, but TLS perhaps, which is not spoken here");
            return true;
        }
    }
    const size_t from = c->scanned > 3 ? c->scanned - 3 : 0;
    const size_t end = http_head_end(input, from);
    if (end == 0 && input.size < HTTP_HEAD_BYTES_MAX) {
        const bool held = input.size == c->scanned || hold(c, input.size - c->scanned);
        c->scanned = input.size;
        return !held;
    }
    atomic_fetch_sub(&c->server->held_bytes, c->held);
    c->held = 0;
    const size_t all = end != 0 ? end : HTTP_HEAD_BYTES_MAX;
    start_request(c, all < HTTP_HEAD_BYTES_MAX ? all : HTTP_HEAD_BYTES_MAX);
    return true;
}

/* Whether the state moved on. */
static bool read_body(struct connection *c)
{
    struct net_reply *const reply = c->reply;
    struct err err;
    while (reply->body.state != HTTP_BODY_DONE) {
        struct str piece;
        size_t used = 0;
        if (http_body_read(&reply->body, stream_input(&c->stream), &piece, &used, &err) != ERR_OK) {
            refuse(c, 400, err.text);
            return true;
        }
        if (piece.size > 0 && !hold(c, piece.size)) {
            return true;
        }
        text_add(&reply->body_bytes, piece);
        if (text_is_full(&reply->body_bytes)) {
            refuse(c, 413, "the body is larger than is taken here");
            return true;
        }
        stream_take(&c->stream, used);
        if (used == 0 && reply->body.state != HTTP_BODY_DONE) {
            return false;
        }
    }
    handle(c);
    return true;
}

/* Requests, as many as there are and can be answered at once. */
static void read_on(struct connection *c)
{
    if (c->is_reading) {
        return; /* the loop below goes on */
    }
    c->is_reading = true;
    bool moved = true;
    while (moved && !c->is_closed) {
        moved = (c->state == IDLE || c->state == HEAD) && read_head(c);
        moved = (!c->is_closed && c->state == BODY && read_body(c)) || moved;
    }
    c->is_reading = false;
    if (!c->is_closed && c->client_ended && c->state <= BODY) {
        connection_close(c); /* the rest will not come */
    }
}

static void on_input(void *context)
{
    struct connection *const c = context;
    if (c->state == LINGER) {
        const size_t size = stream_input(&c->stream).size;
        c->discarded += size;
        stream_take(&c->stream, size);
        if (c->discarded > LINGER_BYTES_MAX) {
            connection_close(c);
        }
    } else if (c->state == HANDLING || c->state == WRITING) {
        if (c->reply == NULL || !c->reply->is_watched ||
            stream_input(&c->stream).size >= HTTP_HEAD_BYTES_MAX) {
            stream_read(&c->stream, false);
        }
    } else {
        read_on(c);
    }
}

/* The answer has left. */
static void finish(struct connection *c)
{
    CHECK(c->reply == NULL);
    if (c->is_cut) {
        const struct linger now = {.l_onoff = c->resets, .l_linger = 0};
        setsockopt(c->stream.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        connection_close(c);
        return;
    }
    if (c->close || c->door->draining) {
        c->state = LINGER;
        set_deadline(c, LINGER_MS_MAX);
        if (c->stream.ssl == NULL && !c->client_ended) {
            shutdown(c->stream.fd, SHUT_WR);
            const size_t unread = stream_input(&c->stream).size;
            c->discarded = unread;
            stream_take(&c->stream, unread);
            stream_read(&c->stream, true);
        } else {
            connection_close(c);
        }
        return;
    }
    c->state = IDLE;
    set_deadline(c, c->door->limits.idle_ms_max);
    stream_read(&c->stream, !c->client_ended);
    read_on(c); /* what was sent behind the request is there already */
}

static void on_output(void *context)
{
    struct connection *const c = context;
    if (c->stream.send_failed) {
        connection_close(c);
        return;
    }
    const size_t unsent = stream_unsent(&c->stream);
    if (c->state != HANDLING && c->state != WRITING) {
        return; /* "100 Continue" */
    }
    if (unsent > 0 && (c->sent != c->stream.sent || !net_timer_is_set(&c->deadline))) {
        c->sent = c->stream.sent;
        set_deadline(c, c->door->limits.write_ms_max);
    }
    if (c->state == HANDLING) {
        if (unsent == 0) {
            net_timer_clear(c->loop, &c->deadline);
        }
        reply_progress(c->reply, unsent);
    } else if (unsent == 0) {
        finish(c);
    }
}

/* A client that has sent its request and closes its half may still read: only who watches takes it
 * for gone. */
static void on_ended(void *context, enum stream_end how)
{
    struct connection *const c = context;
    c->client_ended = true;
    const bool is_patient =
        how == STREAM_CLOSED &&
        (c->state == WRITING || (c->state == HANDLING && !c->reply->is_watched));
    if (is_patient) {
        c->close = true;
    } else {
        connection_close(c);
    }
}

static void on_secured(void *context)
{
    struct connection *const c = context;
    stream_read(&c->stream, true);
}

/* Whether the client's system has taken bytes since this was asked last, although too few for the
 * kernel to take more of ours. */
static bool is_taking(struct connection *c)
{
    int waiting = 0;
    if (ioctl(c->stream.fd, SIOCOUTQ, &waiting) != 0) {
        return false;
    }
    const int64_t taken = c->stream.sent - waiting;
    const bool more = taken > c->taken;
    c->taken = taken;
    return more;
}

static void on_deadline(void *context)
{
    struct connection *const c = context;
    const bool is_answering = c->state == WRITING || (c->state == HANDLING && !c->client_ended);
    if (is_answering && stream_unsent(&c->stream) > 0 && is_taking(c)) {
        set_deadline(c, c->door->limits.write_ms_max);
        return;
    }
    if (c->state == HEAD || c->state == BODY) {
        refuse(c, 408, "the request took too long to arrive");
    } else {
        connection_close(c);
    }
}

void connection_finish(struct connection *c)
{
    CHECK(c != NULL);
    CHECK(c->state == HANDLING);
    c->state = WRITING;
    c->close = c->close || c->reply->close;
    reply_free(c->reply);
    c->reply = NULL;
    set_deadline(c, c->door->limits.write_ms_max);
    if (stream_unsent(&c->stream) == 0) {
        finish(c);
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

static SSL *new_tls(struct net_server *server)
{
    pthread_mutex_lock(&server->settings_lock);
    SSL *const ssl = server->tls != NULL ? SSL_new(server->tls) : NULL;
    const bool plain = server->tls == NULL;
    pthread_mutex_unlock(&server->settings_lock);
    CHECK(plain || ssl != NULL);
    if (ssl != NULL) {
        SSL_set_accept_state(ssl);
    }
    return ssl;
}

void connection_open(struct net_door *door, int fd, const struct sockaddr *peer)
{
    CHECK(door != NULL);
    CHECK(peer != NULL);
    static const struct stream_use use = {on_secured, on_input, on_output, on_ended};
    struct net_server *const server = door->server;
    const int64_t before = atomic_fetch_add(&server->connections, 1);
    if (before >= door->limits.connections_max || door->draining) {
        atomic_fetch_sub(&server->connections, 1);
        atomic_fetch_add(&server->turned_away, 1);
        close(fd);
        return;
    }
    atomic_fetch_add(&server->accepted, 1);
    const int on = 1;
    const int unsent_max = KERNEL_UNSENT_BYTES_MAX;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_max, sizeof unsent_max);
    struct connection *const c = loop_take(&door->loop->connections, sizeof *c, NULL);
    *c = (struct connection){.loop = door->loop, .server = server, .door = door};
    c->deadline = (struct net_timer){.run = on_deadline, .context = c};
    name_peer(c, peer);
    c->next = door->connections;
    if (c->next != NULL) {
        c->next->previous = c;
    }
    door->connections = c;
    set_deadline(c, door->limits.head_ms_max);
    SSL *const ssl = new_tls(server);
    stream_open(&c->stream, door->loop, fd, ssl, READ_BYTES_MAX, &use, c);
    stream_read(&c->stream, ssl == NULL);
}
