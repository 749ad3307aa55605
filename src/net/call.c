/*
 * One call:
 *
 *     waits for a connection -> sends -> head -> body -> over
 *
 * The answer may come, and be whole, before the request is sent: then the connection is of no
 * further use. What is called back may pause or cancel the call, so after each the call is looked
 * at anew; its memory stays until the present callback of the loop is over.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "base/memory.h"
#include "net/client_priv.h"

enum {
    UNSENT_BYTES_MAX = 64 << 10,
    SLICES_AT_ONCE_MAX = 4, /* of UNSENT_BYTES_MAX */
    MS_PER_S = 1000,
};

static struct net_loop *loop_of(const struct net_call *call)
{
    return pool_loop(call->pool);
}

/* ---- Its end ----------------------------------------------------------------------------------
 */

static void bury(struct loop_dead *dead)
{
    struct net_call *const call = (struct net_call *)dead;
    text_deinit(&call->head);
    text_deinit(&call->trailers);
    text_deinit(&call->doomed_text);
    if (!loop_give(&dead->loop->calls, call, LOOP_SPARE_OBJECTS_MAX)) {
        memory_free(call);
    }
}

/* Off everything but its connection. */
static void end_call(struct net_call *call)
{
    struct station *const station = call->pool->station;
    CHECK(!call->is_over);
    call->is_over = true;
    net_timer_clear(station->loop, &call->deadline);
    net_timer_clear(station->loop, &call->total);
    if (call->previous != NULL) {
        call->previous->next = call->next;
    } else {
        station->calls = call->next;
    }
    if (call->next != NULL) {
        call->next->previous = call->previous;
    }
    loop_free_later(station->loop, &call->dead, bury);
}

bool net_call_was_sent(const struct net_call *call)
{
    CHECK(call != NULL);
    return call->link != NULL && call->link->state == LINK_BUSY &&
           call->link->stream.sent > call->sent_before;
}

static void let_go(struct net_call *call)
{
    if (call->link != NULL) {
        link_close(call->link);
    } else {
        pool_forget_waiting(call->pool, call);
    }
}

void call_fail(struct net_call *call, enum net_failure_kind kind, const char *format, ...)
{
    CHECK(call != NULL);
    if (call->is_over) {
        return;
    }
    char text[FAILURE_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const struct net_failure failure = {
        .kind = kind, .request_was_sent = net_call_was_sent(call), .text = text};
    atomic_fetch_add_explicit(&call->pool->station->client->failures[kind], 1,
                              memory_order_relaxed);
    end_call(call);
    let_go(call);
    call->events->on_error(call->context, &failure);
}

void call_doom(struct net_call *call, enum net_failure_kind kind, const char *text)
{
    CHECK(call != NULL);
    CHECK(!call->is_doomed);
    call->is_doomed = true;
    call->doomed = kind;
    text_init(&call->doomed_text, FAILURE_BYTES_MAX);
    text_add(&call->doomed_text, str_from(text));
    net_timer_set(loop_of(call), &call->deadline, 0);
}

void net_call_cancel(struct net_call *call)
{
    CHECK(call != NULL);
    CHECK(net_loop_is_here(loop_of(call)));
    if (!call->is_over) {
        end_call(call);
        let_go(call);
    }
}

/* The answer is whole. */
void call_complete(struct net_call *call)
{
    CHECK(call != NULL);
    struct link *const link = call->link;
    const struct net_client_settings *const settings = &call->pool->station->client->settings;
    end_call(call);
    call->link = NULL;
    link->call = NULL;
    link->keep_ms = settings->kept_ms_max;
    if (call->keep_alive_s > 0 && call->keep_alive_s < settings->kept_ms_max / MS_PER_S) {
        link->keep_ms = (call->keep_alive_s - 1) * MS_PER_S; /* we let go before the server does */
    }
    const bool is_as_new = call->keep_alive && call->has_sent && !link->stream.send_failed &&
                           stream_unsent(&link->stream) == 0 && !link->has_ended &&
                           stream_input(&link->stream).size == 0;
    if (is_as_new) {
        pool_keep(link);
    } else {
        link_close(link);
    }
    struct http_field trailers[HTTP_FIELDS_MAX];
    const char *at = call->trailers.data;
    for (size_t i = 0; i < call->trailer_count; i++) {
        trailers[i].name = str_from(at);
        trailers[i].value = str_from(at + trailers[i].name.size + 1);
        at = trailers[i].value.data + trailers[i].value.size + 1;
    }
    call->events->on_end(call->context, trailers, call->trailer_count);
}

/* ---- Sending ----------------------------------------------------------------------------------
 */

static void expect_first_byte(struct net_call *call)
{
    if (call->is_paused) {
        net_timer_clear(loop_of(call), &call->deadline);
    } else {
        net_timer_set(loop_of(call), &call->deadline, call->deadlines.first_byte_ms);
    }
}

/* As much of the body as may wait at once, or as others on the loop can be kept waiting for. */
static void send_on(struct net_call *call)
{
    struct stream *const stream = &call->link->stream;
    for (int i = 0; i < SLICES_AT_ONCE_MAX && call->body_at < call->body_count &&
                    stream_unsent(stream) < UNSENT_BYTES_MAX && !stream->send_failed;
         i++) {
        const struct str piece = call->body[call->body_at];
        const size_t left = piece.size - call->body_offset;
        const size_t size = left < UNSENT_BYTES_MAX ? left : (size_t)UNSENT_BYTES_MAX;
        stream_put_much(stream, (struct str){piece.data + call->body_offset, size});
        call->body_offset += size;
        if (call->body_offset == piece.size) {
            call->body_at++;
            call->body_offset = 0;
        }
    }
    call->has_sent = call->body_at == call->body_count;
    if (!call->has_sent && !stream->send_failed) {
        stream_want_output(stream);
    }
}

void call_begin(struct net_call *call)
{
    CHECK(call != NULL);
    CHECK(call->link != NULL);
    struct stream *const stream = &call->link->stream;
    call->sent_before = stream->sent;
    call->body_at = call->body_offset = 0;
    call->has_sent = false;
    expect_first_byte(call);
    stream_put(stream, text_str(&call->head));
    send_on(call);
    stream_read(stream, !call->is_paused);
}

/* See net/client.h: what may be made twice. */
bool call_may_repeat(const struct net_call *call)
{
    CHECK(call != NULL);
    return call->is_reused && !call->is_repeated && !call->has_answer &&
           (call->is_safe || call->link->stream.sent == call->sent_before);
}

void call_repeat(struct net_call *call)
{
    CHECK(call != NULL);
    struct pool *const pool = call->pool;
    call->is_repeated = true;
    call->scanned = 0;
    call->interim_heads = 0;
    atomic_fetch_add_explicit(&pool->station->client->repeated, 1, memory_order_relaxed);
    net_timer_set(loop_of(call), &call->deadline, call->deadlines.connect_ms);
    struct link *const link = call->link;
    call->link = NULL;
    link->call = NULL;
    link_close(link);
    pool_serve(pool, call);
}

void call_output(struct net_call *call)
{
    CHECK(call != NULL);
    struct stream *const stream = &call->link->stream;
    if (stream->send_failed) {
        /* What was answered before is still read; the end of that says what became of it. */
        if (stream->sent == call->sent_before && call_may_repeat(call)) {
            call_repeat(call);
        }
        return;
    }
    if (stream->wants_output) {
        return; /* it had its turn */
    }
    if (!call->has_head) {
        expect_first_byte(call);
    }
    send_on(call);
}

void call_expect_more(struct net_call *call)
{
    CHECK(call != NULL);
    if (!call->is_paused) {
        net_timer_set(loop_of(call), &call->deadline, call->deadlines.idle_ms);
    }
}

void net_call_pause(struct net_call *call)
{
    CHECK(call != NULL);
    CHECK(net_loop_is_here(loop_of(call)));
    if (call->is_over || call->is_paused) {
        return;
    }
    call->is_paused = true;
    if (call->link != NULL && call->link->state == LINK_BUSY) {
        net_timer_clear(loop_of(call), &call->deadline);
        stream_read(&call->link->stream, false);
    }
}

void net_call_resume(struct net_call *call)
{
    CHECK(call != NULL);
    CHECK(net_loop_is_here(loop_of(call)));
    if (call->is_over || !call->is_paused) {
        return;
    }
    call->is_paused = false;
    if (call->link != NULL && call->link->state == LINK_BUSY) {
        if (call->has_head) {
            call_expect_more(call);
        } else {
            expect_first_byte(call);
        }
        stream_read(&call->link->stream, true);
        stream_again(&call->link->stream);
    }
}
