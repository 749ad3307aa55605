/*
 * Responses that are worked on in the background: the reply that begins one tells no usage, one
 * that is fetched later does.
 *
 *     begun -> its money stays held, its row says so -> a later reply tells its usage: settled,
 * with a fuller row of the same identity
 *           -> GATEWAY_BACKGROUND_S are over -> charged as held
 *
 * Whoever fetches it, the provider's own figures count. What is kept is in memory: when the process
 * ends, the holds are unknown at the next start and charged as such.
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "gateway/gateway_priv.h"

enum { PENDING_MAX = 512 };

/* What settling it takes. */
struct pending {
    uint64_t key;     /* of its upstream and id; 0: free */
    int64_t until_ns; /* by clock_steady_ns(), as holds expire */
    bool is_charged;  /* just now, without the lock */
    uint64_t hold;
    int64_t held_pusd;
    enum hold_cause cause;
    struct provider_text response;
    struct provider_text identity;
    struct provider_text model;
    struct gateway_who who;
    char id[GATEWAY_ID_BYTES + 1];
    int try_number;
    int64_t started_ns;
    enum service_tier tier;
    bool is_open_tier;
};

struct gateway_background {
    pthread_mutex_t lock;
    struct pending rows[PENDING_MAX];
    _Atomic int count;
};

struct gateway_background *gateway_background_create(void)
{
    struct gateway_background *const background = memory_new(struct gateway_background);
    pthread_mutex_init(&background->lock, NULL);
    return background;
}

void gateway_background_destroy(struct gateway_background **background)
{
    CHECK(background != NULL);
    if (*background != NULL) {
        pthread_mutex_destroy(&(*background)->lock);
        memory_free(*background);
        *background = NULL;
    }
}

static uint64_t key_of(const struct exchange *exchange)
{
    const struct gateway_upstream *const upstream = exchange->chain[exchange->chain_at].upstream;
    return hash64_of(upstream->name, provider_text_str(&exchange->metered.id)) | 1;
}

static bool is_of(const struct pending *row, uint64_t key, const struct exchange *exchange)
{
    return row->key == key && !row->is_charged &&
           str_equal(provider_text_str(&row->response), provider_text_str(&exchange->metered.id));
}

bool gateway_background_keep(struct exchange *exchange, struct gateway_settled *settled)
{
    struct gateway_background *const background = exchange->home->gateway->background;
    struct pending *row = NULL;
    if (!settled->is_unseen || !exchange->is_background || !exchange->metered.is_pending ||
        exchange->metered.id.size == 0 || exchange->hold == 0) {
        return false;
    }
    const uint64_t key = key_of(exchange);
    bool is_there = false;
    pthread_mutex_lock(&background->lock);
    for (size_t i = 0; i < PENDING_MAX; i++) {
        is_there = is_there || is_of(&background->rows[i], key, exchange);
        row = row == NULL && background->rows[i].key == 0 ? &background->rows[i] : row;
    }
    const bool is_kept = row != NULL && !is_there;
    if (is_kept) {
        settled->goes_on = true;
        text_clear(&exchange->record);
        gateway_write_record(exchange, settled, &exchange->record);
        *row = (struct pending){.key = key,
                                .until_ns =
                                    clock_steady_ns() + GATEWAY_BACKGROUND_S * CLOCK_NS_PER_SECOND,
                                .hold = exchange->hold,
                                .held_pusd = exchange->held_pusd,
                                .cause = exchange->cause,
                                .response = exchange->metered.id,
                                .identity = exchange->identity,
                                .who = exchange->who,
                                .try_number = exchange->try_number,
                                .started_ns = exchange->started_ns,
                                .tier = exchange->tier,
                                .is_open_tier = exchange->is_open_tier};
        const struct str model = gateway_model(exchange);
        row->model.size =
            model.size < sizeof row->model.bytes ? model.size : sizeof row->model.bytes;
        memcpy(row->model.bytes, model.size > 0 ? model.data : "", row->model.size);
        memcpy(row->id, exchange->id, sizeof row->id);
        atomic_fetch_add(&background->count, 1);
        exchange->hold = 0;
    }
    pthread_mutex_unlock(&background->lock);
    if (is_kept) {
        (void)gateway_end_hold(exchange, NULL, NULL); /* its row alone */
    }
    return is_kept;
}

bool gateway_background_any(const struct gateway *gateway)
{
    CHECK(gateway != NULL);
    return atomic_load(&gateway->background->count) > 0;
}

bool gateway_background_find(struct exchange *exchange, struct gateway_asker *out)
{
    struct gateway_background *const background = exchange->home->gateway->background;
    const struct provider_reply *const reply = &exchange->metered;
    if (!exchange->is_free || exchange->api != PROVIDER_RESPONSES || exchange->end != END_WHOLE ||
        !reply->has_usage || reply->is_pending || reply->id.size == 0) {
        return false;
    }
    const uint64_t key = key_of(exchange);
    struct pending found = {0};
    pthread_mutex_lock(&background->lock);
    for (size_t i = 0; i < PENDING_MAX && found.key == 0; i++) {
        if (is_of(&background->rows[i], key, exchange)) {
            found = background->rows[i];
            background->rows[i].key = 0;
            atomic_fetch_sub(&background->count, 1);
        }
    }
    pthread_mutex_unlock(&background->lock);
    if (found.key == 0) {
        return false;
    }
    if (!str_equal(provider_text_str(&exchange->who.workflow),
                   provider_text_str(&found.who.workflow))) {
        gateway_capture_drop(exchange); /* begun by the rules of who asks, it is another's body */
    }
    out->who = exchange->who;
    memcpy(out->id, exchange->id, sizeof out->id);
    exchange->who = found.who;
    memcpy(exchange->id, found.id, sizeof found.id);
    exchange->is_free = false;
    exchange->is_later = true;
    exchange->hold = found.hold;
    exchange->held_pusd = found.held_pusd;
    exchange->cause = found.cause;
    exchange->identity = found.identity;
    exchange->model = found.model;
    exchange->try_number = found.try_number;
    exchange->started_ns = found.started_ns;
    exchange->tier = found.tier;
    exchange->is_open_tier = found.is_open_tier;
    return true;
}

void gateway_background_done(struct exchange *exchange, const struct gateway_asker *asker)
{
    CHECK(exchange->is_later);
    exchange->who = asker->who;
    exchange->is_limited = false; /* what is left is of the budgets of who began it */
    memcpy(exchange->id, asker->id, sizeof asker->id);
}

void gateway_flush_background(struct gateway *gateway, int64_t steady_ns)
{
    CHECK(gateway != NULL);
    struct gateway_background *const background = gateway->background;
    for (size_t i = 0; i < PENDING_MAX && atomic_load(&background->count) > 0; i++) {
        struct pending *const row = &background->rows[i];
        struct err err;
        pthread_mutex_lock(&background->lock);
        row->is_charged = row->key != 0 && row->until_ns <= steady_ns;
        const bool is_due = row->is_charged;
        pthread_mutex_unlock(&background->lock);
        if (!is_due) {
            continue;
        }
        const struct hold_settlement settlement = {
            .cost_pusd = row->held_pusd, .cause = row->cause, .now_ns = clock_now_ns()};
        const enum errc code = budget_post(gateway->settings.budget, row->hold, &settlement,
                                           (struct str){"", 0}, NULL, &err);
        pthread_mutex_lock(&background->lock);
        row->is_charged = false;
        if (code != ERR_IO) { /* else it is asked again */
            row->key = 0;
            atomic_fetch_sub(&background->count, 1);
            atomic_fetch_add(&gateway->counts.unmetered, 1);
            atomic_fetch_add(&gateway->counts.unseen_pusd, row->held_pusd);
        }
        pthread_mutex_unlock(&background->lock);
    }
}
