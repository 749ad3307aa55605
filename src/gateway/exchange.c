/* An exchange from its request to its end: made, led through its steps, given back. */
#include <stdio.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/memory.h"
#include "gateway/gateway_priv.h"

#define PARSER_BYTES_MAX ((size_t)GATEWAY_BODY_BYTES_MAX)

static enum gateway_step (*const steps[GATEWAY_STEP_COUNT])(struct exchange *exchange) = {
    [GATEWAY_READ] = gateway_read,       [GATEWAY_ADMIT] = gateway_admit,
    [GATEWAY_FORWARD] = gateway_forward, [GATEWAY_UNRECORDED] = gateway_unrecorded,
    [GATEWAY_SETTLE] = gateway_settle,
};

static struct exchange *take(struct gateway_loop *home)
{
    struct exchange *exchange = home->idle;
    if (exchange != NULL) {
        home->idle = exchange->next;
        home->idle_count--;
        memset((void *)exchange, 0, offsetof(struct exchange, body));
    } else {
        exchange = memory_new(struct exchange);
        text_init(&exchange->body, SIZE_MAX);
        text_init(&exchange->head, HTTP_HEAD_BYTES_MAX);
        text_init(&exchange->buffered, GATEWAY_BUFFERED_BYTES_MAX);
        text_init(&exchange->plain, GATEWAY_BODY_BYTES_MAX);
        text_init(&exchange->record, CALL_RECORD_BYTES_MAX);
        text_init(&exchange->raw_usage, PROVIDER_RAW_BYTES_MAX);
        text_init(&exchange->after, GATEWAY_AFTER_BYTES_MAX);
        provider_seen_init(&exchange->seen);
    }
    exchange->home = home;
    exchange->message = home->message;
    sse_init(&exchange->sse);
    return exchange;
}

static void destroy(struct exchange *exchange)
{
    text_deinit(&exchange->after);
    text_deinit(&exchange->raw_usage);
    text_deinit(&exchange->record);
    provider_seen_deinit(&exchange->seen);
    text_deinit(&exchange->plain);
    text_deinit(&exchange->body);
    text_deinit(&exchange->head);
    text_deinit(&exchange->buffered);
    memory_free(exchange);
}

static void empty(struct text *text)
{
    if (text->capacity > GATEWAY_KEPT_BYTES_MAX) {
        text_deinit(text);
    } else {
        text_clear(text);
    }
}

void exchange_give(struct exchange *exchange)
{
    struct gateway_loop *const home = exchange->home;
    CHECK(exchange->call == NULL);
    CHECK(exchange->hold == 0);
    CHECK(!exchange->owes);
    gateway_unpacker_destroy(&exchange->unpacker);
    sse_deinit(&exchange->sse);
    gateway_capture_drop(exchange);
    gateway_table_release(exchange->table);
    atomic_fetch_sub(&home->gateway->counts.under_way, 1);
    if (home->idle_count < GATEWAY_POOL_MAX) {
        empty(&exchange->body);
        empty(&exchange->head);
        empty(&exchange->buffered);
        empty(&exchange->plain);
        empty(&exchange->record);
        empty(&exchange->raw_usage);
        empty(&exchange->after);
        empty(&exchange->seen.pieces);
        exchange->next = home->idle;
        home->idle = exchange;
        home->idle_count++;
    } else {
        destroy(exchange);
    }
}

void exchange_run(struct exchange *exchange, enum gateway_step step)
{
    CHECK(exchange != NULL);
    while (step != GATEWAY_WAIT && step != GATEWAY_END) {
        exchange->step = step;
        CHECK(steps[step] != NULL);
        step = steps[step](exchange);
    }
    exchange->step = step;
    if (step == GATEWAY_END) {
        if (exchange->reply != NULL) {
            net_reply_abort(exchange->reply);
            exchange->reply = NULL;
        }
        if (!gateway_keep_owing(exchange)) {
            exchange_give(exchange);
        }
    }
}

static struct gateway_loop *home_of(struct gateway *gateway, struct net_loop *loop)
{
    for (int i = 0; i < net_loops_count(gateway->settings.loops); i++) {
        if (gateway->loops[i].loop == loop) {
            return &gateway->loops[i];
        }
    }
    CHECK(false);
    return NULL;
}

/* Ids that do not repeat, and tell nothing: a hash of seed, loop and number. */
static void name(struct exchange *exchange)
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    struct gateway_loop *const home = exchange->home;
    const uint64_t parts[3] = {home->gateway->settings.seed,
                               (uint64_t)(home - home->gateway->loops), home->sequence++};
    struct hash128 hash = hash128((struct str){(const char *)parts, sizeof parts});
    memcpy(exchange->id, "req_", 4);
    for (int i = 4; i < GATEWAY_ID_BYTES; i++) {
        uint64_t *const half = i % 2 == 0 ? &hash.low : &hash.high;
        exchange->id[i] = digits[*half % 32];
        *half /= 32;
    }
    exchange->id[GATEWAY_ID_BYTES] = '\0';
}

void gateway_handle(struct gateway *gateway, const struct net_request *request,
                    const struct gateway_caller *caller, struct net_reply *reply)
{
    CHECK(gateway != NULL);
    CHECK(caller != NULL);
    struct gateway_loop *const home = home_of(gateway, net_reply_loop(reply));
    struct exchange *const exchange = take(home);
    exchange->table = gateway_table_use(gateway);
    exchange->request = request;
    exchange->reply = reply;
    exchange->sent_secret = caller->sent_secret;
    name(exchange);
    atomic_fetch_add(&gateway->counts.requests, 1);
    atomic_fetch_add(&gateway->counts.under_way, 1);
    gateway_who_read(request, caller, &exchange->who);
    net_reply_watch(reply, &gateway_reply_events, exchange);
    exchange_run(exchange, GATEWAY_READ);
}

void gateway_create(const struct gateway_settings *settings, struct gateway **out)
{
    CHECK(settings->budget != NULL);
    CHECK(settings->table != NULL);
    struct gateway *const gateway = memory_new(struct gateway);
    gateway->settings = *settings;
    gateway->table = settings->table;
    gateway->table->number = ++gateway->tables;
    gateway->ids = memory_new_array(uint64_t, 2 * (size_t)GATEWAY_IDS_SEEN_MAX);
    gateway->ids_old = memory_new_array(uint64_t, 2 * (size_t)GATEWAY_IDS_SEEN_MAX);
    pthread_mutex_init(&gateway->lock, NULL);
    for (int i = 0; i < net_loops_count(settings->loops); i++) {
        struct gateway_loop *const home = &gateway->loops[i];
        home->gateway = gateway;
        home->loop = net_loops_at(settings->loops, i);
        rng_init_stream(&home->rng, settings->seed, (uint64_t)i);
        json_parser_create(&home->parser, PARSER_BYTES_MAX);
        arena_init(&home->memo_arena, GATEWAY_MEMO_BYTES_MAX);
        gateway_record_open(home);
    }
    gateway->refusals = gateway_refusals_create();
    gateway->background = gateway_background_create();
    *out = gateway;
}

void gateway_destroy(struct gateway **gateway)
{
    CHECK(gateway != NULL);
    struct gateway *const g = *gateway;
    if (g == NULL) {
        return;
    }
    for (int i = 0; i < NET_LOOPS_MAX; i++) {
        struct gateway_loop *const home = &g->loops[i];
        gateway_drop_owing(home);
        if (home->loop != NULL) {
            gateway_record_close(home);
        }
        while (home->idle != NULL) {
            struct exchange *const exchange = home->idle;
            home->idle = exchange->next;
            destroy(exchange);
        }
        if (home->parser != NULL) {
            json_parser_destroy(&home->parser);
            arena_deinit(&home->memo_arena);
        }
    }
    gateway_flush_refusals(g, 0, true);
    gateway_refusals_destroy(&g->refusals);
    gateway_background_destroy(&g->background);
    gateway_table_release(g->table);
    pthread_mutex_destroy(&g->lock);
    memory_free(g->ids);
    memory_free(g->ids_old);
    memory_free(g);
    *gateway = NULL;
}

struct gateway_counts gateway_counts(const struct gateway *gateway)
{
    CHECK(gateway != NULL);
    return (struct gateway_counts){
        .requests = atomic_load(&gateway->counts.requests),
        .under_way = atomic_load(&gateway->counts.under_way),
        .forwarded = atomic_load(&gateway->counts.forwarded),
        .refused = atomic_load(&gateway->counts.refused),
        .unrecorded = atomic_load(&gateway->counts.unrecorded),
        .failed = atomic_load(&gateway->counts.failed),
        .left = atomic_load(&gateway->counts.left),
        .metered = atomic_load(&gateway->counts.metered),
        .estimated = atomic_load(&gateway->counts.estimated),
        .estimated_pusd = atomic_load(&gateway->counts.estimated_pusd),
        .unseen_pusd = atomic_load(&gateway->counts.unseen_pusd),
        .unmetered = atomic_load(&gateway->counts.unmetered),
        .unpriced = atomic_load(&gateway->counts.unpriced),
        .tripped = atomic_load(&gateway->counts.tripped),
    };
}
