/* What a connection reads: requests, one after the other, each refused as soon as it cannot become
 * one that is answered. */
#include <string.h>

#include "base/check.h"
#include "net/http_priv.h"
#include "net/server_priv.h"

enum {
    REFUSAL_BYTES_MAX = 16 << 10,
    SMALL_BYTES_MAX = 1 << 20, /* of a request that may use the last quarter of held_bytes_max */
};

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

void connection_refuse(struct connection *c, int status, const char *why)
{
    CHECK(c != NULL);
    struct text body;
    struct text all;
    text_init(&body, REFUSAL_BYTES_MAX);
    text_init(&all, REFUSAL_BYTES_MAX);
    const bool is_protobuf = c->reply != NULL && c->reply->head->size > 0 &&
                             str_equal_fold(http_field(c->reply->head, STR("content-type")),
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
    connection_set_deadline(c, c->door->limits.write_ms_max);
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
        connection_refuse(c, 503, "too much is being received at this moment; try again");
        return false;
    }
    *held += more;
    return true;
}

static void handle(struct connection *c)
{
    struct net_reply *const reply = c->reply;
    reply->close = !reply->head->keep_alive || c->door->draining;
    reply->without_body = reply->head->method == HTTP_HEAD;
    reply->knows_chunks = reply->head->minor == 1;
    reply->request = (struct net_request){.head = reply->head,
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
        http_head_parse(text_str(&reply->head_bytes), reply->head, &status, &err);
    if (code != ERR_OK) {
        connection_refuse(c, status,
                          code == ERR_TRUNCATED ? "the request's head is malformed" : err.text);
        return;
    }
    stream_take(&c->stream, reply->head->size);
    c->scanned = 0;
    reply->body = http_body_start(reply->head);
    if (reply->head->has_length && (uint64_t)reply->head->length > limits->body_bytes_max) {
        connection_refuse(c, 413, "the body is larger than is taken here");
        return;
    }
    c->state = BODY;
    if (reply->body.state != HTTP_BODY_DONE) {
        connection_set_deadline(c, limits->body_ms_max);
        if (reply->head->expects_continue) {
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
        connection_set_deadline(c, c->door->limits.head_ms_max);
        const unsigned char first = (unsigned char)input.data[0];
        if (first < ' ' || first >= 0x7f) { /* why wait for the end of what is none */
            connection_refuse(c, 400,
                              "this is no HTTP request, but TLS perhaps, which is not spoken here");
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
            connection_refuse(c, 400, err.text);
            return true;
        }
        if (piece.size > 0 && !hold(c, piece.size)) {
            return true;
        }
        text_add(&reply->body_bytes, piece);
        if (text_is_full(&reply->body_bytes)) {
            connection_refuse(c, 413, "the body is larger than is taken here");
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

void connection_read_on(struct connection *c)
{
    CHECK(c != NULL);
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
