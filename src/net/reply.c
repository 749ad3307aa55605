/*
 * An answer: whole (net_reply_send), or
 *
 *     watch -> begin -> write … -> end | abort
 *
 * written straight into its connection. Whoever answers owns the reply until then; when the client
 * leaves first, the connection lets go of it and what is written is dropped.
 */
#include "base/check.h"
#include "base/memory.h"
#include "net/server_priv.h"

enum { RESPONSE_BYTES_MAX = 256 << 20, CHUNK_LINE_BYTES_MAX = 24 };

struct net_reply *reply_new(struct connection *c)
{
    CHECK(c != NULL);
    struct net_reply *const reply = loop_take(&c->loop->replies, sizeof *reply, NULL);
    *reply = (struct net_reply){0};
    reply->loop = c->loop;
    reply->server = c->server;
    reply->connection = c;
    memcpy(reply->peer, c->peer, sizeof reply->peer);
    reply->head = loop_take(&c->loop->heads, sizeof *reply->head, NULL);
    reply->head->size = 0;
    text_init(&reply->head_bytes, HTTP_HEAD_BYTES_MAX + 1);
    text_init(&reply->body_bytes, c->door->limits.body_bytes_max);
    text_init(&reply->answer, RESPONSE_BYTES_MAX);
    return reply;
}

static void drop_head(struct net_reply *reply)
{
    struct http_head *const head = reply->head;
    reply->head = NULL;
    reply->request.head = NULL;
    text_deinit(&reply->head_bytes);
    if (head != NULL && !loop_give(&reply->loop->heads, head, LOOP_SPARE_HEADS_MAX)) {
        memory_free(head);
    }
}

void net_reply_forget_head(struct net_reply *reply)
{
    CHECK(reply != NULL);
    CHECK(net_loop_is_here(reply->loop));
    drop_head(reply);
}

void reply_free(struct net_reply *reply)
{
    CHECK(reply != NULL);
    drop_head(reply);
    atomic_fetch_sub(&reply->server->held_bytes, reply->held);
    text_deinit(&reply->body_bytes);
    text_deinit(&reply->answer);
    if (!loop_give(&reply->loop->replies, reply, LOOP_SPARE_OBJECTS_MAX)) {
        memory_free(reply);
    }
}

void reply_lose(struct net_reply *reply)
{
    CHECK(reply != NULL);
    reply->connection = NULL;
    if (reply->is_watched && reply->events->left != NULL) {
        reply->events->left(reply->context);
    }
}

void reply_progress(struct net_reply *reply, size_t unsent)
{
    CHECK(reply != NULL);
    if (reply->is_full && unsent <= NET_UNSENT_BYTES_LOW) {
        reply->is_full = false;
        if (reply->is_watched && reply->events->writable != NULL) {
            reply->events->writable(reply->context);
        }
    }
}

/* ---- Heads ------------------------------------------------------------------------------------
 */

static void put_number(struct text *out, int64_t value)
{
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    text_add(out, (struct str){digits + at, sizeof digits - at});
}

static void put_status(struct text *out, int status, struct str reason)
{
    text_add(out, STR("HTTP/1.1 "));
    put_number(out, status);
    text_char(out, ' ');
    text_add(out, reason.size > 0 ? reason : str_from(http_reason(status)));
    text_add(out, STR("\r\n"));
}

static bool has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static bool has_date(const struct http_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal_fold(fields[i].name, STR("date"))) {
            return true;
        }
    }
    return false;
}

/* ---- Whole ------------------------------------------------------------------------------------
 */

static void put_whole_head(const struct net_reply *reply, const struct net_response *response,
                           struct str date, struct text *out)
{
    put_status(out, response->status, (struct str){0});
    if (!has_date(response->fields, response->field_count)) {
        text_add(out, date);
    }
    if (response->content_type.size > 0) {
        http_put_field(out, (struct http_field){STR("Content-Type"), response->content_type});
    }
    if (has_body(response->status)) {
        text_add(out, STR("Content-Length: "));
        put_number(out, (int64_t)response->body.size);
        text_add(out, STR("\r\n"));
    }
    http_pass_fields(out, response->fields, response->field_count);
    text_add(out, reply->close ? STR("Connection: close\r\n\r\n") : STR("\r\n"));
    CHECK(!text_is_full(out));
}

static void on_answer(void *context)
{
    struct net_reply *const reply = context;
    struct connection *const c = reply->connection;
    if (c == NULL) {
        reply_free(reply);
        return;
    }
    stream_put_much(&c->stream, text_str(&reply->answer));
    connection_finish(c);
}

void net_reply_send(struct net_reply *reply, const struct net_response *response)
{
    CHECK(reply != NULL);
    CHECK(response != NULL);
    CHECK(response->field_count <= NET_FIELDS_MAX);
    CHECK(!reply->has_begun);
    const bool has_content = !reply->without_body && has_body(response->status);
    reply->close = reply->close || response->close;
    if (!net_loop_is_here(reply->loop)) {
        char date[LOOP_DATE_BYTES_MAX];
        put_whole_head(reply, response, http_date(date, sizeof date), &reply->answer);
        text_add(&reply->answer, has_content ? response->body : (struct str){0});
        CHECK(!text_is_full(&reply->answer));
        reply->post = (struct net_post){.run = on_answer, .context = reply};
        net_loop_post(reply->loop, &reply->post);
        return;
    }
    struct connection *const c = reply->connection;
    if (c == NULL) {
        reply_free(reply);
        return;
    }
    struct text *const head = &reply->loop->head;
    text_clear(head);
    put_whole_head(reply, response, loop_date(reply->loop), head);
    stream_put(&c->stream, text_str(head));
    if (has_content) {
        stream_put_much(&c->stream, response->body);
    }
    connection_finish(c);
}

/* ---- Streamed ---------------------------------------------------------------------------------
 */

struct net_loop *net_reply_loop(const struct net_reply *reply)
{
    CHECK(reply != NULL);
    return reply->loop;
}

void net_reply_watch(struct net_reply *reply, const struct net_reply_events *events, void *context)
{
    CHECK(reply != NULL);
    CHECK(events != NULL);
    CHECK(net_loop_is_here(reply->loop));
    reply->is_watched = true;
    reply->events = events;
    reply->context = context;
    struct connection *const c = reply->connection;
    CHECK(c != NULL); /* inside the handler nobody has left */
    if (c->client_ended) {
        net_timer_set(reply->loop, &c->deadline, 0); /* closes it, and tells */
    } else if (stream_input(&c->stream).size < HTTP_HEAD_BYTES_MAX) {
        stream_read(&c->stream, true);
    }
}

void net_reply_begin(struct net_reply *reply, const struct net_reply_head *head)
{
    CHECK(reply != NULL);
    CHECK(head != NULL);
    CHECK(head->field_count <= HTTP_FIELDS_MAX);
    CHECK(!reply->has_begun);
    CHECK(net_loop_is_here(reply->loop));
    reply->has_begun = true;
    struct connection *const c = reply->connection;
    if (c == NULL) {
        return;
    }
    const bool body = has_body(head->status);
    reply->is_chunked = body && head->length < 0 && reply->knows_chunks;
    reply->left = head->length;
    reply->without_body = reply->without_body || !body;
    /* HTTP/1.0 knows no chunks: there the end of the connection ends the body. */
    reply->close = reply->close || head->close ||
                   (head->length < 0 && !reply->is_chunked && !reply->without_body);
    struct text *const out = &reply->loop->head;
    text_clear(out);
    put_status(out, head->status, head->reason);
    if (!has_date(head->fields, head->field_count)) {
        text_add(out, loop_date(reply->loop));
    }
    http_pass_fields(out, head->fields, head->field_count);
    if (body && head->length >= 0) {
        text_add(out, STR("Content-Length: "));
        put_number(out, head->length);
        text_add(out, STR("\r\n"));
    } else if (reply->is_chunked) {
        text_add(out, STR("Transfer-Encoding: chunked\r\n"));
    }
    text_add(out, reply->close ? STR("Connection: close\r\n\r\n") : STR("\r\n"));
    CHECK(!text_is_full(out));
    stream_put(&c->stream, text_str(out));
}

static void put_chunk_line(struct stream *stream, size_t size)
{
    char line[CHUNK_LINE_BYTES_MAX];
    size_t at = sizeof line;
    line[--at] = '\n';
    line[--at] = '\r';
    for (size_t left = size; left > 0; left /= 16) {
        line[--at] = "0123456789abcdef"[left % 16];
    }
    stream_put(stream, (struct str){line + at, sizeof line - at});
}

bool net_reply_write(struct net_reply *reply, struct str piece)
{
    CHECK(reply != NULL);
    CHECK(reply->has_begun);
    CHECK(net_loop_is_here(reply->loop));
    struct connection *const c = reply->connection;
    if (c == NULL || reply->without_body || piece.size == 0) {
        return true;
    }
    if (reply->is_chunked) {
        put_chunk_line(&c->stream, piece.size);
        stream_put_much(&c->stream, piece);
        stream_put(&c->stream, STR("\r\n"));
    } else {
        CHECK(reply->left < 0 || (uint64_t)reply->left >= piece.size);
        reply->left -= reply->left >= 0 ? (int64_t)piece.size : 0;
        stream_put_much(&c->stream, piece);
    }
    reply->is_full = stream_unsent(&c->stream) > NET_UNSENT_BYTES_HIGH;
    return !reply->is_full;
}

void net_reply_end(struct net_reply *reply, const struct http_field *trailers, size_t trailer_count)
{
    CHECK(reply != NULL);
    CHECK(reply->has_begun);
    CHECK(net_loop_is_here(reply->loop));
    struct connection *const c = reply->connection;
    if (c == NULL) {
        reply_free(reply);
        return;
    }
    if (reply->is_chunked && !reply->without_body) {
        struct text *const out = &reply->loop->head;
        text_clear(out);
        text_add(out, STR("0\r\n"));
        http_pass_fields(out, trailers, trailer_count);
        text_add(out, STR("\r\n"));
        CHECK(!text_is_full(out));
        stream_put(&c->stream, text_str(out));
    }
    /* Less than was announced: the client must not take the next answer for the rest. */
    CHECK(reply->without_body || reply->is_chunked || reply->left <= 0);
    connection_finish(c);
}

void net_reply_abort(struct net_reply *reply)
{
    CHECK(reply != NULL);
    CHECK(net_loop_is_here(reply->loop));
    struct connection *const c = reply->connection;
    if (c == NULL) {
        reply_free(reply);
        return;
    }
    c->is_cut = true;
    /* A body that ends with the connection looks whole, unless the connection is reset. */
    c->resets = reply->has_begun && !reply->is_chunked && reply->left < 0;
    reply->close = true;
    connection_finish(c);
}

size_t net_reply_unsent(const struct net_reply *reply)
{
    CHECK(reply != NULL);
    CHECK(net_loop_is_here(reply->loop));
    return reply->connection != NULL ? stream_unsent(&reply->connection->stream) : 0;
}
