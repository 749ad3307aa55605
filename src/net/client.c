/* The life of a client: create -> calls -> destroy. */
#include "net/client.h"

#include "base/check.h"
#include "base/memory.h"
#include "net/client_priv.h"

const struct net_client_settings net_client_settings_default = {
    .connections_max = 8192,
    .waiting_max = 8192,
    .kept_max = 256,
    .kept_ms_max = 30000,
    .age_ms_max = 10 * 60 * 1000,
};

const char *net_failure_name(enum net_failure_kind kind)
{
    static const char *const names[NET_FAILURE_COUNT] = {
        [NET_UNRESOLVED] = "unresolved",
        [NET_UNREACHABLE] = "unreachable",
        [NET_PROXY_REFUSED] = "proxy_refused",
        [NET_TLS_UNTRUSTED] = "tls_untrusted",
        [NET_TLS_FAILED] = "tls_failed",
        [NET_CONNECT_TIMEOUT] = "connect_timeout",
        [NET_BUSY] = "busy",
        [NET_FIRST_BYTE_TIMEOUT] = "first_byte_timeout",
        [NET_IDLE_TIMEOUT] = "idle_timeout",
        [NET_TOTAL_TIMEOUT] = "total_timeout",
        [NET_RESET_BEFORE_HEAD] = "reset_before_head",
        [NET_RESET_IN_BODY] = "reset_in_body",
        [NET_MALFORMED] = "malformed",
        [NET_STOPPED] = "stopped",
    };
    CHECK(kind < NET_FAILURE_COUNT);
    return names[kind];
}

enum errc net_client_create(struct net_loops *loops, const struct net_client_settings *settings,
                            struct net_client **out, struct err *err)
{
    CHECK(loops != NULL);
    CHECK(settings->connections_max >= 1);
    CHECK(settings->kept_ms_max >= 1);
    CHECK(settings->age_ms_max >= 1);
    struct net_client *const client = memory_new(struct net_client);
    client->settings = *settings;
    client->loops = loops;
    enum errc code = proxy_parse(settings->http_proxy, &client->http_proxy, err);
    if (code == ERR_OK) {
        code = proxy_parse(settings->https_proxy, &client->https_proxy, err);
    }
    if (code == ERR_OK) {
        code = tls_check(settings, err);
    }
    if (code != ERR_OK) {
        memory_free(client);
        return code;
    }
    CHECK(pthread_mutex_init(&client->tls_lock, NULL) == 0);
    client->resolver = resolver_create();
    for (int i = 0; i < net_loops_count(loops); i++) {
        client->stations[i].client = client;
        client->stations[i].loop = net_loops_at(loops, i);
        client->stations[i].room.run = pool_look_for_room;
        client->stations[i].room.context = &client->stations[i];
    }
    *out = client;
    return ERR_OK;
}

enum errc client_tls(struct net_client *client, SSL_CTX **out, struct err *err)
{
    CHECK(client != NULL);
    enum errc code = ERR_OK;
    pthread_mutex_lock(&client->tls_lock);
    if (client->tls == NULL) {
        code = tls_create(&client->settings, &client->tls, err);
    }
    *out = client->tls;
    pthread_mutex_unlock(&client->tls_lock);
    return code;
}

void net_client_prepare_tls(struct net_client *client)
{
    SSL_CTX *tls = NULL;
    struct err err;
    if (client_tls(client, &tls, &err) != ERR_OK) {
        /* The call that needs it says so. */
    }
}

static void close_station(struct station *station)
{
    loop_enter(station->loop);
    net_timer_clear(station->loop, &station->room);
    while (station->calls != NULL) {
        struct net_call *const call = station->calls;
        call_fail(call, NET_STOPPED, "%s:%d was not awaited: this server stops", call->pool->host,
                  call->pool->port);
    }
    for (struct pool *pool = station->pools; pool != NULL; pool = pool->next) {
        while (pool->idle != NULL) {
            struct link *const link = pool->idle;
            link->idle.run(link->idle.context);
        }
    }
    loop_leave(station->loop);
    while (station->pools != NULL) {
        struct pool *const pool = station->pools;
        station->pools = pool->next;
        pool_destroy(pool);
    }
}

void net_client_destroy(struct net_client **client)
{
    CHECK(client != NULL);
    struct net_client *const c = *client;
    if (c == NULL) {
        return;
    }
    c->stopping = true;
    for (int i = 0; i < net_loops_count(c->loops); i++) {
        close_station(&c->stations[i]);
    }
    resolver_destroy(&c->resolver); /* after those who wait for it */
    SSL_CTX_free(c->tls);
    pthread_mutex_destroy(&c->tls_lock);
    memory_free(c);
    *client = NULL;
}

struct net_client_counts net_client_counts(const struct net_client *client)
{
    CHECK(client != NULL);
    struct net_client_counts counts = {
        .calls = atomic_load(&client->calls),
        .connections = atomic_load(&client->connections),
        .connections_opened = atomic_load(&client->connections_opened),
        .reused = atomic_load(&client->reused),
        .repeated = atomic_load(&client->repeated),
    };
    for (size_t i = 0; i < NET_FAILURE_COUNT; i++) {
        counts.failures[i] = atomic_load(&client->failures[i]);
    }
    return counts;
}
