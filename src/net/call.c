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
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "net/client_priv.h"

enum {
    REQUEST_HEAD_BYTES_MAX = 256 << 10,
    UNSENT_BYTES_MAX = 64 << 10,
    SLICES_AT_ONCE_MAX = 4, /* of UNSENT_BYTES_MAX */
    MS_PER_S = 1000,
};

const struct net_deadlines net_deadlines_default = {
    .connect_ms = 10000,
    .first_byte_ms = 600000,
    .idle_ms = 300000,
    .total_ms = 0,
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

/* ---- Its beginning ----------------------------------------------------------------------------
 */

static void on_deadline(void *context)
{
    struct net_call *const call = context;
    const char *const host = call->pool->host;
    const int port = call->pool->port;
    if (call->is_doomed) {
        call_fail(call, call->doomed, "%s", call->doomed_text.data);
    } else if (call->link == NULL) {
        call_fail(call, NET_CONNECT_TIMEOUT,
                  "all connections to %s:%d were in use for %d ms; allow more of them", host, port,
                  call->deadlines.connect_ms);
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
