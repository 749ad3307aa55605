/*
 * From the upstream to the client, byte for byte, and read in passing.
 *
 * A stream goes on at once; what is slow to take stops the upstream. A reply that is one JSON
 * document is kept until it is whole, so that its cost can stand before it.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/hash.h"
#include "gateway/gateway_priv.h"

/* Source: RFC 9110, section 8.3.1: media types are written in either case. */
static bool is_type(struct str field, struct str type)
{
    return field.size >= type.size && str_equal_fold((struct str){field.data, type.size}, type);
}

static bool is_ours(struct str name)
{
    static const struct str prefix = STR_STATIC("x-bursar-");
    return http_is_framing(name) || (name.size > prefix.size &&
                                     str_equal_fold((struct str){name.data, prefix.size}, prefix));
}

/* Fields of the client's answer. */
struct fields {
    struct http_field rows[NET_FIELDS_MAX];
    size_t count;
};

/* Those that are passed on; those beyond the room are few and none that an SDK reads. */
static void pick_fields(const struct http_response_head *head, struct fields *out)
{
    enum { OURS = 8 };
    out->count = 0;
    for (size_t i = 0; i < head->field_count && out->count < NET_FIELDS_MAX - OURS; i++) {
        if (!is_ours(head->fields[i].name)) {
            out->rows[out->count++] = head->fields[i];
        }
    }
}

/* For when the body is whole. */
static void keep_fields(struct exchange *exchange, const struct fields *fields)
{
    text_clear(&exchange->head);
    for (size_t i = 0; i < fields->count; i++) {
        text_add(&exchange->head, fields->rows[i].name);
        text_char(&exchange->head, '\0');
        text_add(&exchange->head, fields->rows[i].value);
        text_char(&exchange->head, '\0');
    }
    CHECK(!text_is_full(&exchange->head));
}

static void kept_fields(const struct exchange *exchange, struct fields *out)
{
    const struct str all = text_str(&exchange->head);
    size_t at = 0;
    out->count = 0;
    while (at < all.size) {
        struct http_field *const field = &out->rows[out->count++];
        field->name = str_from(all.data + at);
        field->value = str_from(field->name.data + field->name.size + 1);
        at += field->name.size + field->value.size + 2;
    }
}

static void add_field(struct fields *fields, const char *name, struct str value)
{
    if (fields->count < NET_FIELDS_MAX && value.size > 0) {
        fields->rows[fields->count++] = (struct http_field){str_from(name), value};
    }
}

static void begin(struct exchange *exchange, struct fields *fields, int64_t length, struct str cost)
{
    char remaining[MONEY_TEXT_BYTES_MAX];
    char reason[GATEWAY_REASON_BYTES];
    gateway_reason(exchange, reason);
    add_field(fields, "x-bursar-request-id", str_from(exchange->id));
    add_field(fields, "x-bursar-cost-usd", cost);
    add_field(fields, "x-bursar-model",
              exchange->metered.model.size > 0 ? provider_text_str(&exchange->metered.model)
                                               : gateway_model(exchange));
    add_field(fields, "x-bursar-reason", str_from(reason));
    if (exchange->is_limited && !gateway_hides_amounts(exchange)) {
        const size_t size = money_print(exchange->remaining_pusd, remaining);
        add_field(fields, "x-bursar-budget-remaining-usd", (struct str){remaining, size});
    }
    const struct net_reply_head head = {
        .status = exchange->status,
        .fields = fields->rows,
        .field_count = fields->count,
        .length = length,
    };
    exchange->begun = true;
    net_reply_forget_head(exchange->reply); /* no further try is made */
    net_reply_begin(exchange->reply, &head);
}

static void begin_kept(struct exchange *exchange, int64_t length, struct str cost)
{
    struct fields fields;
    kept_fields(exchange, &fields);
    begin(exchange, &fields, length, cost);
}

static void pass(struct exchange *exchange, struct str piece)
{
    if (exchange->has_left || piece.size == 0) {
        return;
    }
    if (!net_reply_write(exchange->reply, piece) && exchange->call != NULL &&
        !exchange->is_paused) {
        exchange->is_paused = true;
        net_call_pause(exchange->call);
    }
}

bool gateway_may_retry(const struct exchange *exchange)
{
    return !exchange->begun && !exchange->has_left &&
           (exchange->retries_left > 0 || exchange->chain_at + 1 < exchange->chain_count);
}

static bool is_passing_failure(int status)
{
    return status == 408 || status == 429 || status >= 500;
}

static void on_head(void *context, const struct http_response_head *head)
{
    struct exchange *const exchange = context;
    CHECK(exchange->step == GATEWAY_WAIT);
    const struct str type = http_response_field(head, STR("content-type"));
    struct str alias = http_response_field(head, STR("request-id"));
    alias = alias.size > 0 ? alias : http_response_field(head, STR("x-request-id"));
    exchange->status = head->status;
    /* What the client has sent and is given back names as many calls as the client likes. */
    if (alias.size > 0 && alias.size <= sizeof exchange->alias.bytes &&
        hash64(alias) != exchange->sent_aliases[0] && hash64(alias) != exchange->sent_aliases[1]) {
        memcpy(exchange->alias.bytes, alias.data, alias.size);
        exchange->alias.size = alias.size;
    }
    if (is_passing_failure(head->status)) {
        gateway_heed(exchange, head);
    }
    if (is_passing_failure(head->status) && gateway_may_retry(exchange)) {
        net_call_cancel(exchange->call);
        exchange->call = NULL;
        exchange->end = END_ERROR;
        exchange_run(exchange, GATEWAY_SETTLE);
        return;
    }
    exchange->is_events = is_type(type, STR("text/event-stream"));
    exchange->is_buffered = is_type(type, STR("application/json")) &&
                            head->length <= GATEWAY_BUFFERED_BYTES_MAX &&
                            head->framing != HTTP_NO_BODY;
    exchange->packing = gateway_packing_of(http_response_field(head, STR("content-encoding")));
    /* Nothing can be taken out of what is packed; the client sees the usage. */
    exchange->hides_usage = exchange->hides_usage && exchange->packing == PACKING_NONE;
    if (exchange->is_events && exchange->packing == PACKING_ZLIB) {
        gateway_unpacker_destroy(&exchange->unpacker);
        exchange->unpacker = gateway_unpacker_create();
    }
    struct fields fields;
    pick_fields(head, &fields);
    if (exchange->is_buffered) {
        keep_fields(exchange, &fields);
    } else if (!exchange->has_left) {
        begin(exchange, &fields,
              head->framing == HTTP_LENGTH && !exchange->hides_usage ? head->length
              : head->framing == HTTP_NO_BODY                        ? 0
                                                                     : -1,
              (struct str){0});
    }
}

/* Read whole events; those the client may have go on when the usage is hidden from it. */
static void read_events(struct exchange *exchange, struct str piece)
{
    struct err err;
    bool has = true;
    if (exchange->capture != NULL) {
        gateway_capture_piece(exchange, piece);
    }
    while (!exchange->events_lost && has) {
        struct sse_event event;
        if (sse_next(&exchange->sse, &piece, &event, &has, &err) != ERR_OK) {
            exchange->events_lost = true;
            if (exchange->hides_usage) {
                pass(exchange, sse_rest(&exchange->sse));
                pass(exchange, piece);
            }
            return;
        }
        if (has) {
            const bool is_usage = provider_reply_event(exchange->api, &event,
                                                       exchange->home->parser, &exchange->metered);
            if (exchange->hides_usage && !is_usage) {
                pass(exchange, event.bytes);
            }
        }
    }
}

/* What comes behind the last blank line when the stream ends: an event all the same, as some
 * servers leave that line out. */
static void read_rest(struct exchange *exchange)
{
    const size_t size = sse_rest(&exchange->sse).size;
    struct str blank = STR("\n\n");
    struct sse_event event;
    struct err err;
    bool has = false;
    if (size == 0 || exchange->events_lost) {
        return;
    }
    if (sse_next(&exchange->sse, &blank, &event, &has, &err) != ERR_OK || !has) {
        event.bytes = sse_rest(&exchange->sse);
    }
    const bool is_usage = has && provider_reply_event(exchange->api, &event, exchange->home->parser,
                                                      &exchange->metered);
    if (exchange->hides_usage && !is_usage) {
        pass(exchange, (struct str){event.bytes.data, size});
    }
}

/* Events of a packed stream, which has gone on as it came. */
static void read_packed(struct exchange *exchange, struct str piece)
{
    enum { PLAIN_BYTES = 16 << 10 };
    char plain[PLAIN_BYTES];
    struct str got;
    do {
        got = gateway_unpacker_next(exchange->unpacker, &piece, plain, sizeof plain);
        read_events(exchange, got);
    } while (got.size > 0 || (piece.size > 0 && !gateway_unpacker_failed(exchange->unpacker)));
}

static void on_body(void *context, struct str piece)
{
    struct exchange *const exchange = context;
    exchange->received_bytes += (int64_t)piece.size;
    if (exchange->is_buffered) {
        text_add(&exchange->buffered, piece);
        if (exchange->buffered.size + NET_PIECE_BYTES_MAX > GATEWAY_BUFFERED_BYTES_MAX) {
            exchange->is_buffered = false; /* too large to be kept: it goes on unread */
            if (!exchange->has_left) {
                begin_kept(exchange, -1, (struct str){0});
            }
            pass(exchange, text_str(&exchange->buffered));
            text_deinit(&exchange->buffered);
        }
        return;
    }
    if (exchange->is_events && !exchange->events_lost) {
        if (!exchange->hides_usage) {
            pass(exchange, piece);
        }
        if (exchange->unpacker != NULL) {
            read_packed(exchange, piece);
        } else {
            read_events(exchange, piece);
        }
        return;
    }
    pass(exchange, piece);
}

static void on_end(void *context, const struct http_field *trailers, size_t trailer_count)
{
    struct exchange *const exchange = context;
    (void)trailers;
    (void)trailer_count;
    exchange->call = NULL;
    if (exchange->is_events) {
        read_rest(exchange);
    }
    exchange->end = exchange->status >= 400 ? END_ERROR : END_WHOLE;
    exchange_run(exchange, GATEWAY_SETTLE);
}

static void on_error(void *context, const struct net_failure *failure)
{
    struct exchange *const exchange = context;
    exchange->call = NULL;
    exchange->end = END_FAILED;
    exchange->failure = failure->kind;
    exchange->was_sent = failure->request_was_sent;
    gateway_say(exchange, "%s", failure->text);
    exchange_run(exchange, GATEWAY_SETTLE);
}

const struct net_call_events gateway_call_events = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end, .on_error = on_error};

static void on_writable(void *context)
{
    struct exchange *const exchange = context;
    if (exchange->is_paused && exchange->call != NULL) {
        exchange->is_paused = false;
        net_call_resume(exchange->call);
    }
}

static enum gateway_leave on_leave(const struct exchange *exchange)
{
    const struct settings_gateway *const gateway = &exchange->table->settings->gateway;
    if (exchange->route != NULL && exchange->route->has_on_leave) {
        return exchange->route->on_leave;
    }
    if (gateway->has_on_leave) {
        return gateway->on_leave;
    }
    /* Of a whole reply nothing shows what it cost until its end, and providers may bill all of it.
     */
    return exchange->is_stream ? GATEWAY_CANCEL : GATEWAY_DRAIN;
}

static void on_left(void *context)
{
    struct exchange *const exchange = context;
    exchange->has_left = true;
    atomic_fetch_add(&exchange->home->gateway->counts.left, 1);
    if (exchange->is_unrecorded) {
        return; /* until its hold is recorded: then it is voided */
    }
    if (exchange->call == NULL) {
        /* Between two tries: nothing is under way that could be settled. */
        net_timer_clear(exchange->home->loop, &exchange->timer);
        exchange_run(exchange, GATEWAY_END);
        return;
    }
    if (on_leave(exchange) == GATEWAY_DRAIN) {
        on_writable(exchange);
        return;
    }
    exchange->was_sent = net_call_was_sent(exchange->call);
    net_call_cancel(exchange->call);
    exchange->call = NULL;
    exchange->end = END_LEFT;
    exchange_run(exchange, GATEWAY_SETTLE);
}

const struct net_reply_events gateway_reply_events = {.writable = on_writable, .left = on_left};

void gateway_finish(struct exchange *exchange, int64_t cost_pusd, bool has_cost)
{
    CHECK(exchange->reply != NULL);
    CHECK(exchange->call == NULL);
    char text[MONEY_TEXT_BYTES_MAX];
    const size_t size = has_cost ? money_print(cost_pusd, text) : 0;
    const bool is_whole = exchange->end == END_WHOLE || exchange->end == END_ERROR;
    if (exchange->is_buffered && is_whole && !exchange->has_left) {
        begin_kept(exchange, (int64_t)exchange->buffered.size, (struct str){text, size});
        pass(exchange, text_str(&exchange->buffered));
    }
    if (exchange->begun && is_whole) {
        net_reply_end(exchange->reply, NULL, 0);
    } else {
        net_reply_abort(exchange->reply);
    }
    exchange->reply = NULL;
}
