/*
 * What a workflow that keeps bodies is to keep of a call, handed to bodies/: nothing is read or
 * redacted on the loop, bytes are copied and that is all.
 */
#include "base/check.h"
#include "base/memory.h"
#include "gateway/gateway_priv.h"

/* Of streams under way, all of them together; what comes beyond is not kept. */
#define CAPTURED_BYTES_MAX (INT64_C(64) << 20)

struct gateway_capture {
    const struct bodies_policy *policy;
    struct provider_text identity; /* of the row; empty: none was written */
    struct text events;            /* of a stream */
    int64_t bytes;                 /* of it, in the gateway's count */
    bool is_lost;                  /* too much of it */
};

void gateway_capture_begin(struct exchange *exchange)
{
    CHECK(exchange->capture == NULL);
    const struct settings_workflow *const workflow =
        settings_workflow(exchange->table->settings, provider_text_str(&exchange->who.workflow));
    if (workflow == NULL || workflow->keep_bodies == NULL ||
        exchange->home->gateway->settings.bodies == NULL) {
        return;
    }
    exchange->capture = memory_new(struct gateway_capture);
    exchange->capture->policy = workflow->keep_bodies;
    text_init(&exchange->capture->events, BODIES_ANSWER_BYTES_MAX);
}

static void forget_events(struct exchange *exchange)
{
    struct gateway_capture *const capture = exchange->capture;
    atomic_fetch_sub(&exchange->home->gateway->captured_bytes, capture->bytes);
    capture->bytes = 0;
    text_deinit(&capture->events);
}

void gateway_capture_drop(struct exchange *exchange)
{
    if (exchange->capture != NULL) {
        forget_events(exchange);
        memory_free(exchange->capture);
        exchange->capture = NULL;
    }
}

void gateway_capture_again(struct exchange *exchange)
{
    CHECK(exchange->capture != NULL);
    forget_events(exchange);
    exchange->capture->is_lost = false;
    exchange->capture->identity.size = 0;
}

void gateway_capture_name(struct exchange *exchange, struct str identity)
{
    struct provider_text *const own = &exchange->capture->identity;
    CHECK(identity.size <= sizeof own->bytes);
    own->size = identity.size;
    memcpy(own->bytes, identity.data, identity.size);
}

void gateway_capture_piece(struct exchange *exchange, struct str piece)
{
    struct gateway *const gateway = exchange->home->gateway;
    struct gateway_capture *const capture = exchange->capture;
    CHECK(capture != NULL);
    if (capture->is_lost) {
        return;
    }
    const int64_t size = (int64_t)piece.size;
    const int64_t before = atomic_fetch_add(&gateway->captured_bytes, size);
    capture->bytes += size;
    text_add(&capture->events, piece);
    if (before + size > CAPTURED_BYTES_MAX || text_is_full(&capture->events)) {
        capture->is_lost = true;
        forget_events(exchange);
    }
}

/* The answer as far as it is there; `plain` holds it where it came packed. */
static enum bodies_answer answer_of(struct exchange *exchange, struct text *plain, struct str *out)
{
    struct err err;
    if (exchange->is_events) {
        *out = text_str(&exchange->capture->events);
        return exchange->capture->is_lost || exchange->events_lost ||
                       exchange->packing == PACKING_OTHER
                   ? BODIES_ANSWER_LOST
                   : BODIES_ANSWER_EVENTS;
    }
    if (!exchange->is_buffered || exchange->buffered.size == 0) {
        return exchange->received_bytes > 0 ? BODIES_ANSWER_OTHER : BODIES_ANSWER_NONE;
    }
    *out = text_str(&exchange->buffered);
    if (exchange->end != END_WHOLE && exchange->end != END_ERROR) {
        return BODIES_ANSWER_LOST; /* a document that broke off cannot be read */
    }
    if (exchange->packing == PACKING_ZLIB) {
        if (gateway_unpack(*out, plain, &err) != ERR_OK) {
            return BODIES_ANSWER_LOST;
        }
        *out = text_str(plain);
    }
    return exchange->packing == PACKING_OTHER ? BODIES_ANSWER_LOST : BODIES_ANSWER_JSON;
}

static void release_table(void *context)
{
    gateway_table_release(context);
}

void gateway_capture_end(struct exchange *exchange)
{
    CHECK(exchange->capture != NULL);
    struct text plain;
    struct str answer = {0};
    if (exchange->is_free || exchange->capture->identity.size == 0) {
        return; /* there is no row that it could be found by */
    }
    text_init(&plain, GATEWAY_BUFFERED_BYTES_MAX);
    const enum bodies_answer kind = answer_of(exchange, &plain, &answer);
    const struct bodies_call call = {
        .policy = exchange->capture->policy,
        .released = release_table,
        .context = exchange->table,
        .identity = provider_text_str(&exchange->capture->identity),
        .request_id = str_from(exchange->id),
        .workflow = provider_text_str(&exchange->who.workflow),
        .case_id = provider_text_str(&exchange->who.case_id),
        .api = exchange->api,
        .at_ns = exchange->started_ns,
        .status = exchange->status,
        .is_broken = exchange->end != END_WHOLE && exchange->end != END_ERROR,
        .request = gateway_body(exchange),
        .answer_kind = kind,
        .answer = answer,
    };
    atomic_fetch_add(&exchange->table->users, 1); /* the policy is of the table */
    bodies_offer(exchange->home->gateway->settings.bodies, &call);
    text_deinit(&plain);
    gateway_capture_drop(exchange);
}
