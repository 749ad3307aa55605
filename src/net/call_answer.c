/*
 * What a call reads: heads (interim ones are skipped), the body piece by piece, trailers, and what
 * the end of the connection means for them.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "net/client_priv.h"
#include "net/http_priv.h"

static void fail_malformed(struct net_call *call, const char *why)
{
    const struct pool *const pool = call->pool;
    call_fail(call, NET_MALFORMED,
              "the answer of %s:%d is malformed: %s; check that an HTTP/1.1 server is there",
              pool->host, pool->port, why);
}

/* Whether there was a head, and the call goes on. */
static bool read_head(struct net_call *call)
{
    struct stream *const stream = &call->link->stream;
    const struct str input = stream_input(stream);
    const size_t from = call->scanned > 3 ? call->scanned - 3 : 0;
    const size_t end = http_head_end(input, from);
    call->scanned = input.size;
    if (end == 0 && input.size < HTTP_HEAD_BYTES_MAX) {
        const size_t begin = input.size < 5 ? input.size : 5;
        if (memcmp("HTTP/", input.size > 0 ? input.data : "", begin) != 0) {
            fail_malformed(call, "it does not begin as HTTP does");
        }
        return false;
    }
    struct http_response_head head;
    struct err err;
    const enum errc code = http_response_parse(input, call->is_head, &head, &err);
    if (code != ERR_OK) {
        fail_malformed(call,
                       code == ERR_TRUNCATED ? "its head has a line that does not end" : err.text);
        return false;
    }
    stream_take(stream, head.size);
    call->scanned = 0;
    if (head.status < 200) {
        if (head.status == 101 || ++call->interim_heads > INTERIM_HEADS_MAX) {
            fail_malformed(call, head.status == 101 ? "it switches to a protocol nobody asked for"
                                                    : "there is no end of interim answers");
            return false;
        }
        return true;
    }
    call->has_head = true;
    if (call->has_sent) {
        text_deinit(&call->head); /* it is not made twice any more */
    }
    call->keep_alive = head.keep_alive;
    call->keep_alive_s = head.keep_alive_s;
    call->answer = http_response_body(&head);
    call->events->on_head(call->context, &head);
    return !call->is_over;
}

static void keep_trailer(struct net_call *call)
{
    const struct http_field trailer = call->answer.trailer;
    if (trailer.name.size > 0 && call->trailer_count < HTTP_FIELDS_MAX) {
        if (call->trailer_count++ == 0) {
            text_init(&call->trailers, HTTP_TRAILER_BYTES_MAX);
        }
        text_add(&call->trailers, trailer.name);
        text_char(&call->trailers, '\0');
        text_add(&call->trailers, trailer.value);
        text_char(&call->trailers, '\0');
        CHECK(!text_is_full(&call->trailers));
    }
}

/* Whether it went on. */
static bool read_body(struct net_call *call)
{
    struct stream *const stream = &call->link->stream;
    const struct str input = stream_input(stream);
    struct str piece;
    size_t used = 0;
    struct err err;
    const struct str some = {
        input.data, input.size < NET_PIECE_BYTES_MAX ? input.size : (size_t)NET_PIECE_BYTES_MAX};
    if (http_body_read(&call->answer, some, &piece, &used, &err) != ERR_OK) {
        fail_malformed(call, err.text);
        return false;
    }
    keep_trailer(call);
    stream_take(stream, used);
    if (piece.size > 0) {
        call->events->on_body(call->context, piece);
    }
    return !call->is_over && used > 0;
}

static void conclude(struct net_call *call, enum stream_end how)
{
    const struct pool *const pool = call->pool;
    if (call->has_head && call->answer.state == HTTP_BODY_TILL_THE_CLOSE && how == STREAM_CLOSED) {
        call_complete(call);
    } else if (call->has_head) {
        call_fail(call, NET_RESET_IN_BODY,
                  "%s:%d closed the connection before its answer was whole", pool->host,
                  pool->port);
    } else if (call_may_repeat(call)) {
        call_repeat(call);
    } else {
        call_fail(call, NET_RESET_BEFORE_HEAD,
                  call->has_answer ? "%s:%d closed the connection within the head of its answer"
                                   : "%s:%d closed the connection without an answer",
                  pool->host, pool->port);
    }
}

void call_input(struct net_call *call)
{
    CHECK(call != NULL);
    struct link *const link = call->link;
    if (stream_input(&link->stream).size > 0) {
        call->has_answer = true;
        if (call->has_head) {
            call_expect_more(call);
        }
    }
    bool moved = true;
    while (moved && !call->is_over && !call->is_paused) {
        if (!call->has_head) {
            moved = stream_input(&link->stream).size > 0 && read_head(call);
            if (moved && call->has_head) {
                call_expect_more(call);
            }
        } else if (call->answer.state == HTTP_BODY_DONE) {
            call_complete(call);
            return;
        } else {
            moved = read_body(call) || (!call->is_over && call->answer.state == HTTP_BODY_DONE);
        }
    }
    if (!call->is_over && !call->is_paused && link->has_ended && call->link == link) {
        conclude(call, link->end);
    }
}

void call_ended(struct net_call *call, enum stream_end how)
{
    CHECK(call != NULL);
    if (!call->is_paused) {
        conclude(call, how);
    }
}
