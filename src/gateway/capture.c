/*
 * What a workflow that keeps bodies is to keep of a call, handed to bodies/: nothing is read or
 * redacted on the loop, bytes are copied and that is all.
 */
#include "base/check.h"
#include "gateway/gateway_priv.h"

/* Of streams under way, all of them together; what comes beyond is not kept. */
#define CAPTURED_BYTES_MAX (INT64_C(64) << 20)

void gateway_capture_find(struct exchange *exchange)
{
    CHECK(exchange->table->keeps_bodies);
    const struct settings *const settings = exchange->table->settings;
    const struct settings_workflow *const workflow =
        settings_workflow(settings, provider_text_str(&exchange->who.workflow));
    const bool keeps = workflow != NULL && exchange->home->gateway->settings.bodies != NULL;
    exchange->policy = keeps ? workflow->keep_bodies : NULL;
}

void gateway_capture_drop(struct exchange *exchange)
{
    atomic_fetch_sub(&exchange->home->gateway->captured_bytes, exchange->captured_bytes);
    exchange->captured_bytes = 0;
    text_deinit(&exchange->captured);
}

void gateway_capture_piece(struct exchange *exchange, struct str piece)
{
    struct gateway *const gateway = exchange->home->gateway;
    CHECK(exchange->policy != NULL);
    if (exchange->capture_lost) {
        return;
    }
    const int64_t size = (int64_t)piece.size;
    const int64_t before = atomic_fetch_add(&gateway->captured_bytes, size);
    exchange->captured_bytes += size;
    text_add(&exchange->captured, piece);
    if (before + size > CAPTURED_BYTES_MAX || text_is_full(&exchange->captured)) {
        exchange->capture_lost = true;
        gateway_capture_drop(exchange);
    }
}

/* The answer as far as it is there; `plain` holds it where it came packed. */
static enum bodies_answer answer_of(struct exchange *exchange, struct text *plain, struct str *out)
{
    struct err err;
    if (exchange->is_events) {
        *out = text_str(&exchange->captured);
        return exchange->capture_lost || exchange->events_lost || exchange->packing == PACKING_OTHER
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
    CHECK(exchange->policy != NULL);
    struct text plain;
    struct str answer = {0};
    if (exchange->is_free || exchange->step_identity.size == 0) {
        return; /* there is no row that it could be found by */
    }
    text_init(&plain, GATEWAY_BUFFERED_BYTES_MAX);
    const enum bodies_answer kind = answer_of(exchange, &plain, &answer);
    const struct bodies_call call = {
        .policy = exchange->policy,
        .released = release_table,
        .context = exchange->table,
        .identity = provider_text_str(&exchange->step_identity),
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
