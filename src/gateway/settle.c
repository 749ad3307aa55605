/*
 * The end of a try: what it used, what that costs, the posting in place of the hold, the record for
 * the ledger; then the next try, or the end.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "gateway/gateway_priv.h"
#include "wire/tokens.h"

enum { POST_TRIES_MAX = 3, ID_BYTES_MIN = 12 };

struct settled {
    struct usage usage;
    bool has_usage;
    bool is_estimated;
    bool is_charged; /* the provider may charge something */
    bool has_cost;
    int64_t cost_pusd;
    struct str model; /* that the price was found for, else that served */
};

static void read_whole(struct exchange *exchange)
{
    struct json root;
    struct err err;
    const struct str body = text_str(&exchange->buffered);
    if (exchange->is_buffered && body.size > 0 &&
        json_parse(exchange->home->parser, body, body.size, &root, &err) == ERR_OK) {
        provider_reply_read(exchange->api, root, &exchange->metered);
    }
}

/* Whether a reply that broke off, or told nothing of its usage, can have cost something. */
static bool may_be_charged(const struct exchange *exchange)
{
    switch (exchange->end) {
    case END_WHOLE:
        return true;
    case END_ERROR:
    case END_NOT_STARTED:
        return false;
    case END_LEFT:
        return true;
    case END_FAILED:
        return exchange->status == 0 ? exchange->was_sent : exchange->status < 400;
    case END_NONE:
        break;
    }
    return false;
}

/* What is missing in the provider's figures, from the texts: the input it did not tell, the output
 * beyond its last telling. */
static void estimate(struct exchange *exchange, struct settled *out)
{
    const struct provider_reply *const reply = &exchange->metered;
    out->usage = reply->usage;
    out->is_estimated = true;
    out->has_usage = exchange->has_body || reply->has_usage;
    if (!reply->has_usage && exchange->has_body) {
        out->usage.counts[USAGE_INPUT_UNCACHED] = tokens_estimate(exchange->request->body);
        out->usage.counts[USAGE_REQUESTS] = 1;
    }
    /* Bytes of text seen, at what English text takes on average. */
    enum { BYTES_PER_TOKEN = 4 };
    const int64_t seen = (reply->output_bytes + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN;
    if (seen > out->usage.counts[USAGE_OUTPUT]) {
        out->usage.counts[USAGE_OUTPUT] = seen;
    }
}

static void find_usage(struct exchange *exchange, struct settled *out)
{
    read_whole(exchange);
    const struct provider_reply *const reply = &exchange->metered;
    out->is_charged = may_be_charged(exchange) || reply->has_usage;
    if (!out->is_charged || exchange->is_free) {
        out->is_charged = false;
        return;
    }
    /* A stream that broke off may have told only a beginning. */
    if (reply->has_usage && (exchange->end == END_WHOLE || reply->is_whole)) {
        out->usage = reply->usage;
        out->has_usage = true;
    } else {
        estimate(exchange, out);
    }
}

static bool price_of(struct exchange *exchange, struct str model, const struct usage *usage,
                     int64_t *out_pusd)
{
    const struct price_query query = {
        .provider = exchange->chain[exchange->chain_at].upstream->provider,
        .model = model,
        .at_ns = exchange->started_ns,
        .tier = exchange->metered.has_tier ? exchange->metered.tier : exchange->tier,
        .region = provider_text_str(&exchange->metered.region),
        .usage = usage,
    };
    struct price_result result;
    struct err err;
    if (price_call(exchange->table->book, &query, &result, &err) != ERR_OK ||
        result.state != PRICE_PRICED) {
        return false;
    }
    *out_pusd = result.cost_pusd;
    return true;
}

static void find_cost(struct exchange *exchange, struct settled *out)
{
    const struct str asked = gateway_model(exchange);
    const struct str served = provider_text_str(&exchange->metered.model);
    out->model = served.size > 0 ? served : asked;
    if (!out->is_charged) {
        out->has_cost = true;
        return;
    }
    if (!out->has_usage) {
        return;
    }
    out->has_cost = price_of(exchange, out->model, &out->usage, &out->cost_pusd);
    if (!out->has_cost && price_of(exchange, asked, &out->usage, &out->cost_pusd)) {
        out->has_cost = true;
        out->model = asked;
    }
}

/* Whether this id came lately: then it names no call. Two generations, so that memory is bounded
 * and nothing recent is forgotten. */
static bool is_repeated(struct gateway *gateway, struct str id)
{
    enum { SLOTS = 2 * GATEWAY_IDS_SEEN_MAX };
    const uint64_t key = hash64(id) | 1;
    bool found = false;
    pthread_mutex_lock(&gateway->lock);
    for (int i = 0; i < 2 && !found; i++) {
        const uint64_t *const ids = i == 0 ? gateway->ids : gateway->ids_old;
        for (uint64_t at = key % SLOTS; ids[at] != 0 && !found; at = (at + 1) % SLOTS) {
            found = ids[at] == key;
        }
    }
    if (!found && gateway->id_count == GATEWAY_IDS_SEEN_MAX) {
        uint64_t *const old = gateway->ids_old;
        gateway->ids_old = gateway->ids;
        gateway->ids = old;
        memset(gateway->ids, 0, SLOTS * sizeof *gateway->ids);
        gateway->id_count = 0;
    }
    if (!found) {
        uint64_t at = key % SLOTS;
        while (gateway->ids[at] != 0) {
            at = (at + 1) % SLOTS;
        }
        gateway->ids[at] = key;
        gateway->id_count++;
    }
    pthread_mutex_unlock(&gateway->lock);
    return found;
}

static const char *end_word(const struct exchange *exchange)
{
    switch (exchange->end) {
    case END_WHOLE:
        return "";
    case END_ERROR:
        return "; answered with an error";
    case END_FAILED:
        return "; broke off";
    case END_LEFT:
        return "; the client left and the upstream was cancelled";
    case END_NOT_STARTED:
        return "; not sent";
    case END_NONE:
        break;
    }
    return "";
}

static void say_reason(const struct exchange *exchange, const struct settled *settled,
                       char out[static GATEWAY_MESSAGE_BYTES])
{
    char status[32] = "";
    if (exchange->end == END_ERROR) {
        snprintf(status, sizeof status, " %d", exchange->status);
    } else if (exchange->end == END_FAILED) {
        snprintf(status, sizeof status, " (%s)", net_failure_name(exchange->failure));
    }
    snprintf(out, GATEWAY_MESSAGE_BYTES, "%s%s%s%s%s", exchange->reason, end_word(exchange), status,
             exchange->has_left && exchange->end == END_WHOLE
                 ? "; the client left and the reply was read to its end"
                 : "",
             settled->is_estimated ? "; usage estimated" : "");
}

/* The record's identity: by the provider's id of the response where it is one call's alone. */
static struct str identity_of(struct exchange *exchange, char buffer[static 64])
{
    const struct str id = provider_text_str(&exchange->metered.id);
    if (id.size >= ID_BYTES_MIN && id.size < sizeof exchange->metered.id.bytes &&
        !is_repeated(exchange->home->gateway, id)) {
        return id;
    }
    const int size = snprintf(buffer, 64, "gateway:%s:%d", exchange->id, exchange->try_number);
    return (struct str){buffer, (size_t)size};
}

static void write_record(struct exchange *exchange, const struct settled *settled, struct text *out)
{
    const struct gateway_who *const who = &exchange->who;
    char buffer[64];
    char reason[GATEWAY_MESSAGE_BYTES];
    say_reason(exchange, settled, reason);
    const struct str identity = identity_of(exchange, buffer);
    const bool is_own = str_starts_with(identity, STR("gateway:"));
    const struct call_record record = {
        .request = str_from(exchange->id),
        .try_number = exchange->try_number,
        .identity = identity,
        .alias = is_own ? (struct str){0} : provider_text_str(&exchange->alias),
        .workflow = provider_text_str(&who->workflow),
        .case_id = provider_text_str(&who->case_id),
        .is_session = who->is_session,
        .attempt = provider_text_str(&who->attempt),
        .attempt_number = who->attempt_number,
        .input_key = provider_text_str(&who->input_key),
        .agent = provider_text_str(&who->agent),
        .team = provider_text_str(&who->team),
        .user = provider_text_str(&who->user),
        .key = provider_text_str(&who->key),
        .provider = exchange->chain[exchange->chain_at].upstream->provider,
        .model = settled->model,
        .started_ns = exchange->started_ns,
        .ended_ns = clock_now_ns(),
        .status = exchange->end == END_WHOLE  ? STATUS_OK
                  : exchange->end == END_LEFT ? STATUS_INTERRUPTED
                                              : STATUS_ERROR,
        .is_uncharged = !settled->is_charged,
        .has_usage = settled->has_usage,
        .is_estimated = settled->is_estimated,
        .usage = settled->usage,
        .raw_usage = {exchange->metered.raw, exchange->metered.raw_size},
        .tier = exchange->metered.has_tier ? exchange->metered.tier : exchange->tier,
        .region = provider_text_str(&exchange->metered.region),
        .reason = str_from(reason),
    };
    call_record_write(&record, out);
}

/* The posting in place of the hold. A disk that refuses is asked again; then the hold stays, and is
 * charged by policy. */
static void post(struct exchange *exchange, const struct settled *settled)
{
    struct gateway *const gateway = exchange->home->gateway;
    struct text record;
    struct hold_settled done = {0};
    struct err err;
    enum errc code = ERR_IO;
    text_init(&record, CALL_RECORD_BYTES_MAX);
    write_record(exchange, settled, &record);
    const struct str payload = text_is_full(&record) ? (struct str){0} : text_str(&record);
    for (int i = 0; i < POST_TRIES_MAX && code == ERR_IO; i++) {
        if (exchange->hold == 0) {
            code = budget_note(gateway->settings.budget, payload, &err);
        } else if (!settled->is_charged) {
            code = budget_void(gateway->settings.budget, exchange->hold, clock_now_ns(), payload,
                               &err);
        } else {
            const struct hold_settlement settlement = {
                .cost_pusd = settled->has_cost ? settled->cost_pusd : exchange->held_pusd,
                .cause = exchange->cause,
                .now_ns = clock_now_ns()};
            code = budget_post(gateway->settings.budget, exchange->hold, &settlement, payload,
                               &done, &err);
        }
    }
    if (code == ERR_OK && exchange->hold != 0 && settled->is_charged) {
        exchange->is_limited = done.limited;
        exchange->remaining_pusd = done.remaining_pusd;
    } else if (code != ERR_OK && gateway->settings.tell != NULL) {
        gateway->settings.tell(gateway->settings.context, err.text);
    }
    exchange->hold = 0;
    text_deinit(&record);
}

static void count(struct exchange *exchange, const struct settled *settled)
{
    struct gateway *const gateway = exchange->home->gateway;
    if (exchange->end == END_ERROR || exchange->end == END_FAILED) {
        atomic_fetch_add(&gateway->counts.failed, 1);
    }
    if (!settled->is_charged) {
        return;
    }
    atomic_fetch_add(settled->is_estimated && settled->has_usage ? &gateway->counts.estimated
                     : settled->has_usage                        ? &gateway->counts.metered
                                                                 : &gateway->counts.unmetered,
                     1);
    if (!settled->has_cost && settled->has_usage) {
        atomic_fetch_add(&gateway->counts.unpriced, 1);
    }
}

static void retry(void *context)
{
    exchange_run(context, GATEWAY_ADMIT);
}

/* Forget what the try has left, and make the next one. */
static enum gateway_step next_try(struct exchange *exchange)
{
    const struct str model = gateway_model(exchange);
    if (exchange->end == END_ERROR) {
        snprintf(exchange->after, sizeof exchange->after, STR_FORMAT " answered %d", STR_ARG(model),
                 exchange->status);
    } else {
        snprintf(exchange->after, sizeof exchange->after, STR_FORMAT " failed (%s)", STR_ARG(model),
                 net_failure_name(exchange->failure));
    }
    text_clear(&exchange->buffered);
    sse_deinit(&exchange->sse);
    sse_init(&exchange->sse);
    exchange->events_lost = false;
    exchange->is_paused = false;
    if (exchange->retries_left > 0) {
        exchange->retries_left--;
        exchange->timer.run = retry;
        exchange->timer.context = exchange;
        net_timer_set(exchange->home->loop, &exchange->timer,
                      (int64_t)GATEWAY_RETRY_MS << (exchange->try_number - 1));
        return GATEWAY_WAIT;
    }
    exchange->chain_at++;
    return GATEWAY_ADMIT;
}

static bool is_timeout(enum net_failure_kind kind)
{
    return kind == NET_CONNECT_TIMEOUT || kind == NET_FIRST_BYTE_TIMEOUT ||
           kind == NET_IDLE_TIMEOUT || kind == NET_TOTAL_TIMEOUT;
}

enum gateway_step gateway_settle(struct exchange *exchange)
{
    CHECK(exchange->end != END_NONE);
    CHECK(exchange->call == NULL);
    struct settled settled = {0};
    const bool went_well = exchange->end == END_WHOLE || exchange->end == END_LEFT ||
                           (exchange->end == END_ERROR && exchange->status < 500 &&
                            exchange->status != 429 && exchange->status != 408);
    find_usage(exchange, &settled);
    find_cost(exchange, &settled);
    count(exchange, &settled);
    if (!exchange->is_free) {
        post(exchange, &settled);
    }
    if (exchange->end != END_NOT_STARTED) {
        gateway_note_result(exchange->home->gateway, &exchange->chain[exchange->chain_at],
                            gateway_model(exchange), went_well, clock_monotonic_ns());
    }
    if (!went_well && exchange->end != END_NOT_STARTED && gateway_may_retry(exchange)) {
        return next_try(exchange);
    }
    if (exchange->end == END_NOT_STARTED) {
        return gateway_refuse(exchange, REFUSE_BODY);
    }
    if (exchange->end == END_FAILED && !exchange->begun && !exchange->has_left) {
        return gateway_refuse(exchange,
                              is_timeout(exchange->failure) ? REFUSE_TIMEOUT : REFUSE_UPSTREAM);
    }
    gateway_finish(exchange, settled.cost_pusd, settled.has_cost);
    return GATEWAY_END;
}
