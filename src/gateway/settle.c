/*
 * The end of a try: what it used, what that costs, the posting in place of the hold, the record for
 * the ledger; then the next try, or the end.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/money.h"
#include "gateway/gateway_priv.h"

/* Shorter ones are counted up, or drawn of a thousand, and come again after a restart. */
enum { ID_BYTES_MIN = 16 };
enum { RECORD_BYTES_MIN = 16 << 10 };
enum { GATEWAY_BOUNDS_BYTES = 128 };

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

/* Between which amounts a cost lies that nobody knows. */
static void say_bounds(const struct exchange *exchange, const struct gateway_settled *settled,
                       char out[static GATEWAY_BOUNDS_BYTES])
{
    char least[MONEY_TEXT_BYTES_MAX];
    char most[MONEY_TEXT_BYTES_MAX];
    (void)money_print(settled->least_pusd, least);
    (void)money_print(exchange->held_pusd, most);
    out[0] = '\0';
    if (settled->is_unseen && !exchange->is_unpriced) {
        snprintf(out, GATEWAY_BOUNDS_BYTES,
                 settled->has_least ? ", $%s; its input alone is about $%s" : ", $%s", most, least);
    }
}

static void say_reason(const struct exchange *exchange, const struct gateway_settled *settled,
                       char out[static GATEWAY_NOTE_BYTES])
{
    char status[32] = "";
    char bounds[GATEWAY_BOUNDS_BYTES];
    char reason[GATEWAY_REASON_BYTES];
    char held[MONEY_TEXT_BYTES_MAX];
    const size_t held_size = money_print(exchange->held_pusd, held);
    say_bounds(exchange, settled, bounds);
    const bool says_held = bounds[0] != '\0';
    gateway_reason(exchange, reason);
    if (exchange->end == END_ERROR) {
        snprintf(status, sizeof status, " %d", exchange->status);
    } else if (exchange->end == END_FAILED) {
        snprintf(status, sizeof status, " (%s)", net_failure_name(exchange->failure));
    }
    const struct str parts[] = {
        str_from(reason),
        str_from(end_word(exchange)),
        str_from(status),
        !exchange->has_left || exchange->end == END_LEFT ? STR("")
        : exchange->end == END_WHOLE ? STR("; the client left and the reply was read to its end")
                                     : STR("; the client had left"),
        exchange->is_later ? STR("; worked on in the background, its usage is of a later reply")
                           : STR(""),
        settled->goes_on
            ? STR("; goes on in the background: what is held stays held until a later reply tells "
                  "its cost, and is charged after a day")
        : settled->is_estimated ? STR("; usage estimated")
        : !settled->has_cost ? STR("; its cost is not known, the budget was charged what was held")
                             : STR(""),
        str_from(bounds),
        settled->lacks_fee ? STR("; the fee of its searches has no price and is not in its cost")
                           : STR(""),
        says_held ? STR("") : STR("; held $"),
        {held, says_held ? 0 : held_size},
        STR("; "),
        str_from(exchange->id),
    };
    (void)str_join(out, GATEWAY_NOTE_BYTES, parts, COUNT_OF(parts));
}

/* The record's identity: by the provider's id of the response where it is one call's alone. */
static struct str identity_of(struct exchange *exchange, char buffer[static 64])
{
    const struct str id = provider_text_str(&exchange->metered.id);
    if (exchange->is_later) {
        return provider_text_str(&exchange->identity);
    }
    if (id.size >= ID_BYTES_MIN && id.size < sizeof exchange->metered.id.bytes &&
        !is_repeated(exchange->home->gateway, id)) {
        return id;
    }
    const int size = snprintf(buffer, 64, "gateway:%s:%d", exchange->id, exchange->try_number);
    return (struct str){buffer, (size_t)size};
}

/* Some give every request the same: that names no call. */
static struct str alias_of(struct exchange *exchange)
{
    const struct str alias = provider_text_str(&exchange->alias);
    const bool is_none = alias.size == 0 || is_repeated(exchange->home->gateway, alias);
    return is_none ? (struct str){0} : alias;
}

void gateway_write_record(struct exchange *exchange, const struct gateway_settled *settled,
                          struct text *out)
{
    const struct gateway_who *const who = &exchange->who;
    char buffer[64];
    char reason[GATEWAY_NOTE_BYTES];
    say_reason(exchange, settled, reason);
    const struct str identity = identity_of(exchange, buffer);
    CHECK(identity.size <= sizeof exchange->identity.bytes);
    const bool is_own = str_starts_with(identity, STR("gateway:"));
    if (exchange->capture != NULL) {
        gateway_capture_name(exchange, identity);
    }
    const struct call_record record = {
        .request = str_from(exchange->id),
        .try_number = exchange->try_number,
        .identity = identity,
        .alias = is_own || exchange->is_later ? (struct str){0} : alias_of(exchange),
        .workflow = provider_text_str(&who->workflow),
        .case_id = provider_text_str(&who->case_id),
        .is_session = who->is_session,
        .is_program = who->is_program,
        .attempt = provider_text_str(&who->attempt),
        .has_attempt = who->has_attempt,
        .attempt_number = who->attempt_number,
        .input_key = provider_text_str(&who->input_key),
        .agent = provider_text_str(&who->agent),
        .team = provider_text_str(&who->team),
        .user = provider_text_str(&who->user),
        .key = provider_text_str(&who->key),
        .session = provider_text_str(&who->session),
        .trace = provider_text_str(&who->trace),
        .provider = settled->provider,
        .model = settled->model,
        .started_ns = exchange->started_ns,
        .ended_ns = clock_now_ns(),
        .status = exchange->metered.error.size > 0 ? STATUS_ERROR
                  : exchange->end == END_WHOLE     ? STATUS_OK
                  : exchange->end == END_LEFT      ? STATUS_INTERRUPTED
                                                   : STATUS_ERROR,
        .is_uncharged = !settled->is_charged,
        .has_usage = settled->has_usage,
        .is_estimated = settled->is_estimated,
        .usage = settled->usage,
        .raw_usage = text_str(&exchange->raw_usage),
        .has_cost = settled->has_cost && settled->price_id != 0,
        .cost_pusd = settled->cost_pusd,
        .price_id = settled->price_id,
        .tier = gateway_tier(exchange),
        .region = provider_text_str(&exchange->metered.region),
        .reason = str_from(reason),
    };
    call_record_write(&record, out);
    if (!exchange->is_later) {
        memcpy(exchange->identity.bytes, identity.data, identity.size);
        exchange->identity.size = identity.size;
    }
}

/* The posting in place of the hold. False: it is owed. */
bool gateway_post(struct exchange *exchange, const struct gateway_settled *settled)
{
    const struct hold_settlement settlement = {.cost_pusd = settled->has_cost ? settled->cost_pusd
                                                                              : exchange->held_pusd,
                                               .cause = exchange->cause,
                                               .now_ns = clock_now_ns()};
    const bool is_charged = exchange->hold != 0 && settled->is_charged;
    struct hold_settled done = {0};
    text_clear(&exchange->record);
    gateway_write_record(exchange, settled, &exchange->record);
    if (!gateway_end_hold(exchange, is_charged ? &settlement : NULL, &done)) {
        return false;
    }
    /* A long answer is sent as it is written. */
    if (exchange->buffered.size >= RECORD_BYTES_MIN) {
        gateway_record_now(exchange->home);
    }
    if (is_charged) {
        exchange->is_limited = done.limited;
        exchange->remaining_pusd = done.remaining_pusd;
    }
    return true;
}

static void count(struct exchange *exchange, const struct gateway_settled *settled)
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
    atomic_fetch_add(&gateway->counts.estimated_pusd,
                     settled->is_estimated && settled->has_cost ? settled->cost_pusd : 0);
    atomic_fetch_add(&gateway->counts.unseen_pusd, settled->has_cost ? 0 : exchange->held_pusd);
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
    char after[GATEWAY_AFTER_BYTES_MAX];
    if (exchange->end == END_ERROR) {
        snprintf(after, sizeof after, STR_FORMAT " answered %d", STR_ARG(model), exchange->status);
    } else {
        snprintf(after, sizeof after, STR_FORMAT " failed (%s)", STR_ARG(model),
                 net_failure_name(exchange->failure));
    }
    text_clear(&exchange->after);
    text_add(&exchange->after, str_from(after));
    text_clear(&exchange->buffered);
    if (exchange->capture != NULL) {
        gateway_capture_again(exchange);
    }
    gateway_unpacker_destroy(&exchange->unpacker);
    sse_deinit(&exchange->sse);
    sse_init(&exchange->sse);
    exchange->events_lost = false;
    exchange->is_paused = false;
    if (exchange->retries_left > 0) {
        exchange->retries_left--;
        exchange->timer.run = retry;
        exchange->timer.context = exchange;
        net_timer_set(exchange->home->loop, &exchange->timer, gateway_wait_ms(exchange));
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
    struct gateway_settled settled = {0};
    const bool went_well = exchange->end == END_WHOLE || exchange->end == END_LEFT ||
                           (exchange->end == END_ERROR && exchange->status < 500 &&
                            exchange->status != 429 && exchange->status != 408);
    gateway_cost(exchange, &settled);
    struct gateway_asker asker;
    const bool is_later = gateway_background_find(exchange, &asker);
    if (is_later) {
        gateway_cost(exchange, &settled);
    }
    const bool goes_on = gateway_background_keep(exchange, &settled);
    if (!goes_on) {
        count(exchange, &settled);
    }
    /* Where a posting is owed no further try could be recorded either. */
    const bool is_posted = exchange->is_free || goes_on || gateway_post(exchange, &settled);
    if (is_later) {
        gateway_background_done(exchange, &asker);
    }
    /* Who leaves before the answer begins has not seen how it would have gone. */
    if (exchange->end != END_NOT_STARTED && !(exchange->end == END_LEFT && exchange->status == 0)) {
        gateway_note_result(exchange->home->gateway, &exchange->chain[exchange->chain_at],
                            gateway_model(exchange), went_well, clock_monotonic_ns());
    }
    const bool again =
        !went_well && exchange->end != END_NOT_STARTED && gateway_may_retry(exchange);
    if (again && is_posted) {
        return next_try(exchange);
    }
    if (exchange->capture != NULL) {
        gateway_capture_end(exchange);
    }
    if (again && exchange->end == END_ERROR) { /* its body was given up */
        gateway_say(exchange, "the upstream answered %d, and that could not be recorded",
                    exchange->status);
        return gateway_refuse(exchange, REFUSE_RECORD);
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
