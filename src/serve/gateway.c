#include "serve/gateway.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "serve/serve.h"

enum {
    PAYLOADS_BYTES_MAX = 4 << 20, /* handed over at a time */
    /* A transaction of the ledger costs nearly the same for a few calls as for hundreds: where many
     * settle, they wait for more to go with. */
    STEP_MS = 50,
    FEW_CALLS = 8,
    BUSY_STEP_MS = 1000,
    MANY_CALLS = 4096, /* handed over without waiting for more */
    EXPIRE_MS = 1000,
};

#define ARENA_BYTES_MAX ((size_t)64 << 20)

void serve_gateway_handle(struct serve *serve, const struct net_request *request,
                          const struct serve_caller *caller, struct net_reply *reply)
{
    CHECK(caller != NULL);
    const struct gateway_caller from = {
        .key = str_from(caller->name[0] != '\0' ? caller->name : caller->id),
        .team = str_from(caller->team),
        .workflow = str_from(caller->workflow),
        .user = str_from(caller->user),
        .sent_secret = caller->has_key,
    };
    gateway_handle(serve->gateway.gateway, request, &from, reply);
}

/* ---- to the inbox */

enum errc serve_decode_call(const struct journal_message *message, struct arena *arena,
                            struct inbox_decoded *out, struct err *err)
{
    CHECK(message->kind == SERVE_KIND_CALL);
    struct json_parser *parser = NULL;
    json_parser_create(&parser, CALL_RECORD_BYTES_MAX);
    const enum errc code = call_record_read(parser, message->bytes, arena, &out->trace, err);
    json_parser_destroy(&parser);
    out->channel = CHANNEL_GATEWAY;
    return code;
}

static void on_kept(void *context, enum errc code, const struct err *err)
{
    struct serve_gateway *const own = context;
    (void)err;
    pthread_mutex_lock(&own->lock);
    own->waiting--;
    own->refused = own->refused || code != ERR_OK;
    pthread_cond_signal(&own->woken);
    pthread_mutex_unlock(&own->lock);
}

/* Offer the next settled calls; how many are in the journal now, or -1: try again later. */
static int64_t hand_over(struct serve *serve, struct arena *arena)
{
    struct serve_gateway *const own = &serve->gateway;
    struct budget_payloads payloads;
    struct err err;
    bool busy = false;
    /* Before the look: what settles behind it is not taken for handed. */
    const uint64_t through = atomic_load(&own->hand_through);
    if (budget_payloads(own->budget, 0, PAYLOADS_BYTES_MAX, arena, &payloads, &err) != ERR_OK) {
        serve_tell(serve, err.text);
        return -1;
    }
    own->refused = false;
    size_t offered = 0;
    if (payloads.count == 0 || payloads.rows[0].number > through) {
        atomic_store(&own->handed, through);
    }
    for (; offered < payloads.count && !busy; offered++) {
        if (payloads.rows[offered].number > atomic_load(&own->hand_through)) {
            break;
        }
        pthread_mutex_lock(&own->lock);
        own->waiting++;
        pthread_mutex_unlock(&own->lock);
        const struct journal_message message = {.kind = SERVE_KIND_CALL,
                                                .received_ns = clock_now_ns(),
                                                .bytes = payloads.rows[offered].bytes};
        busy = inbox_offer(serve->inbox, &message, on_kept, own, &err) != ERR_OK;
        if (busy) {
            pthread_mutex_lock(&own->lock);
            own->waiting--;
            pthread_mutex_unlock(&own->lock);
            break;
        }
    }
    pthread_mutex_lock(&own->lock);
    while (own->waiting > 0) {
        pthread_cond_wait(&own->woken, &own->lock);
    }
    const bool refused = own->refused;
    pthread_mutex_unlock(&own->lock);
    /* What a crash brings between the journal and this mark is offered twice and counted once. */
    if (!refused && offered > 0 &&
        budget_delivered(own->budget, payloads.rows[offered - 1].number, &err) != ERR_OK) {
        serve_tell(serve, err.text);
        return -1;
    }
    return refused || busy ? -1 : (int64_t)offered;
}

void serve_hand_through(struct serve *serve, uint64_t number)
{
    atomic_store(&serve->gateway.hand_through, number);
}

bool serve_is_handed(struct serve *serve)
{
    return atomic_load(&serve->gateway.handed) == atomic_load(&serve->gateway.hand_through);
}

void serve_hand_over_left(struct serve *serve)
{
    struct arena arena;
    int64_t handed = budget_payloads_waiting(serve->gateway.budget);
    arena_init(&arena, ARENA_BYTES_MAX);
    while (handed > 0) {
        const struct arena_position mark = arena_mark(&arena);
        handed = hand_over(serve, &arena);
        arena_rewind(&arena, mark);
    }
    arena_deinit(&arena);
}

/* ---- the thread */

static bool is_closing(struct serve_gateway *own, int wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until); /* whatever the time of day is set to */
    until.tv_nsec += (long)wait_ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&own->lock);
    if (!own->closing && wait_ms > 0) {
        pthread_cond_timedwait(&own->woken, &own->lock, &until);
    }
    const bool closing = own->closing;
    pthread_mutex_unlock(&own->lock);
    return closing;
}

static bool has_tls(const struct settings *settings)
{
    bool has = false;
    for (size_t i = 0; i < settings->upstreams.count; i++) {
        has = has || str_starts_with(settings->upstreams.rows[i].base_url, STR("https:"));
    }
    return has;
}

static void *work(void *context)
{
    struct serve *const serve = context;
    struct serve_gateway *const own = &serve->gateway;
    if (own->uses_tls) {
        net_client_prepare_tls(own->client);
    }
    int64_t expired_ns = clock_monotonic_ns();
    struct arena arena;
    arena_init(&arena, ARENA_BYTES_MAX);
    int64_t handed = 0;
    bool closing = false;
    bool was_closing = false;
    /* At the end once more, and on as long as there is something and the inbox takes it. */
    while (!was_closing || handed > 0) {
        struct err err;
        was_closing = closing;
        const struct arena_position mark = arena_mark(&arena);
        gateway_flush_refusals(own->gateway, clock_now_ns(), closing);
        gateway_flush_background(own->gateway, clock_steady_ns());
        handed = hand_over(serve, &arena);
        arena_rewind(&arena, mark);
        const int64_t now_ns = clock_monotonic_ns();
        if (now_ns - expired_ns > INT64_C(1000000) * EXPIRE_MS) {
            expired_ns = now_ns;
            if (budget_expire(own->budget, clock_now_ns(), NULL, &err) != ERR_OK) {
                serve_tell(serve, err.text);
            }
        }
        serve_tell_steps(serve);
        serve_tell_clock(serve);
        closing = is_closing(own, handed >= MANY_CALLS  ? 0
                                  : handed >= FEW_CALLS ? BUSY_STEP_MS
                                                        : STEP_MS);
    }
    arena_deinit(&arena);
    return NULL;
}

static void tell_opened(struct serve *serve, const struct budget_opened *opened)
{
    char amount[MONEY_TEXT_BYTES_MAX];
    char line[256];
    if (opened->unknown_holds > 0) {
        (void)money_print(opened->unknown_pusd, amount);
        snprintf(line, sizeof line,
                 "%lld calls were under way when the last run ended; $%s stays held for them "
                 "(docs/budgets.md)",
                 (long long)opened->unknown_holds, amount);
        serve_tell(serve, line);
    }
}

struct net_client_settings serve_gateway_client(void)
{
    struct net_client_settings client = net_client_settings_default;
    client.http_proxy = getenv("http_proxy");
    client.https_proxy =
        getenv("https_proxy") != NULL ? getenv("https_proxy") : getenv("HTTPS_PROXY");
    client.no_proxy = getenv("no_proxy") != NULL ? getenv("no_proxy") : getenv("NO_PROXY");
    client.ca_file = getenv("SSL_CERT_FILE");
    return client;
}

static void limit_bodies(struct serve_gateway *own, const struct settings *settings)
{
    const int64_t mib = settings->limits.bodies_mib;
    bodies_set_limit(own->bodies, mib > 0 ? mib << 20 : BODIES_STORED_BYTES_DEFAULT);
}

enum errc serve_gateway_open(struct serve *serve, struct err *err)
{
    CHECK(serve != NULL);
    struct serve_gateway *const own = &serve->gateway;
    struct serve_config *const config = serve->config;
    struct gateway_table *table = NULL;
    struct budget_opened opened;
    const struct hold_limit *limits = NULL;
    const struct net_client_settings client = serve_gateway_client();
    pthread_mutex_init(&own->lock, NULL);
    atomic_store(&own->hand_through, UINT64_MAX);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&own->woken, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum errc code = budget_limits(config->settings->budgets.rows, config->settings->budgets.count,
                                   &config->arena, &limits, err);
    if (code == ERR_OK) {
        const struct budget_options options = {
            .home = serve->app->home,
            .keeps_limits = true,
            .now_ns = clock_now_ns(),
            .steady_ns = clock_steady_ns,
            .sync = config->settings->gateway.sync_always ? BUDGET_SYNC_ALWAYS : BUDGET_SYNC_GROUP,
        };
        code = budget_open(&options, &own->budget, &opened, err);
    }
    if (code == ERR_OK) {
        code = serve_set_limits(serve, config->settings, limits, err);
    }
    if (code == ERR_OK) {
        code = net_client_create(net_server_loops(serve->net), &client, &own->client, err);
    }
    if (code == ERR_OK) {
        code = serve_gateway_table(serve, config, &table, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    tell_opened(serve, &opened);
    const struct bodies_settings keeping = {
        .home = serve->app->home, .tell = serve_tell, .context = serve};
    bodies_keeper_create(&keeping, &own->bodies);
    limit_bodies(own, config->settings);
    const struct gateway_settings settings = {
        .budget = own->budget,
        .client = own->client,
        .loops = net_server_loops(serve->net),
        .table = table,
        .bodies = own->bodies,
        .seed = (uint64_t)clock_now_ns(),
        .tell = serve_tell,
        .context = serve,
    };
    own->uses_tls = has_tls(config->settings);
    gateway_create(&settings, &own->gateway);
    CHECK(pthread_create(&own->thread, NULL, work, serve) == 0);
    own->has_thread = true;
    return ERR_OK;
}

void serve_gateway_close(struct serve *serve)
{
    CHECK(serve != NULL);
    struct serve_gateway *const own = &serve->gateway;
    net_client_destroy(&own->client);
    if (own->has_thread) {
        pthread_mutex_lock(&own->lock);
        own->closing = true;
        pthread_cond_broadcast(&own->woken);
        pthread_mutex_unlock(&own->lock);
        pthread_join(own->thread, NULL);
    }
    gateway_destroy(&own->gateway);
    bodies_keeper_destroy(&own->bodies);
    budget_close(&own->budget);
}

enum errc serve_gateway_change(struct serve *serve, struct serve_config *config, struct err *err)
{
    struct serve_gateway *const own = &serve->gateway;
    struct gateway_table *table = NULL;
    const struct hold_limit *limits = NULL;
    enum errc code = budget_limits(config->settings->budgets.rows, config->settings->budgets.count,
                                   &config->arena, &limits, err);
    if (code == ERR_OK) {
        code = serve_gateway_table(serve, config, &table, err);
    }
    if (code == ERR_OK) {
        code = serve_set_limits(serve, config->settings, limits, err);
    }
    if (code != ERR_OK) {
        gateway_table_destroy(&table);
        return code;
    }
    limit_bodies(own, config->settings);
    gateway_set_table(own->gateway, table);
    return ERR_OK;
}
