/* Connections to one target: idle ones newest first, so that what is not needed grows old and is
 * closed; calls that wait in the order they came. */
#include <stdio.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/memory.h"
#include "net/client_priv.h"

enum { NS_PER_MS = 1000000, ROOM_MS = 10 /* between two looks for a socket's place */ };

static bool is_of(const struct pool *pool, uint64_t hash, const struct net_target *target,
                  struct str tls_name)
{
    return pool->hash == hash && pool->tls == target->tls && pool->port == target->port &&
           str_equal(str_from(pool->host), target->host) &&
           str_equal(str_from(pool->tls_name), tls_name);
}

void pool_destroy(struct pool *pool)
{
    CHECK(pool != NULL);
    CHECK(pool->link_count == 0);
    CHECK(pool->waiting_count == 0);
    SSL_SESSION_free(pool->session);
    memory_free(pool);
}

/* Make room: the one that nobody uses for longest. */
static void drop_unused(struct station *station)
{
    struct pool **oldest = NULL;
    for (struct pool **p = &station->pools; *p != NULL; p = &(*p)->next) {
        if ((*p)->link_count == 0 && (*p)->waiting_count == 0 &&
            (oldest == NULL || (*p)->used_ns < (*oldest)->used_ns)) {
            oldest = p;
        }
    }
    if (oldest != NULL) {
        struct pool *const pool = *oldest;
        *oldest = pool->next;
        station->pool_count--;
        pool_destroy(pool);
    }
}

static const struct proxy *choose_proxy(const struct net_client *client,
                                        const struct net_target *target)
{
    const struct proxy *const proxy = target->tls ? &client->https_proxy : &client->http_proxy;
    return proxy->host[0] != '\0' &&
                   !proxy_is_bypassed(client->settings.no_proxy, target->host, target->port)
               ? proxy
               : NULL;
}

struct pool *pool_find(struct station *station, const struct net_target *target)
{
    CHECK(station != NULL);
    CHECK(target->host.size > 0);
    CHECK(target->host.size <= NET_HOST_BYTES_MAX);
    CHECK(target->tls_name.size <= NET_HOST_BYTES_MAX);
    const struct str tls_name = target->tls_name.size > 0 ? target->tls_name : target->host;
    const uint64_t hash = hash64(target->host) + (uint64_t)target->port * 2 + target->tls;
    for (struct pool *pool = station->pools; pool != NULL; pool = pool->next) {
        if (is_of(pool, hash, target, tls_name)) {
            pool->used_ns = station->loop->now_ns;
            return pool;
        }
    }
    if (station->pool_count == NET_TARGETS_MAX) {
        drop_unused(station);
    }
    if (station->pool_count == NET_TARGETS_MAX) {
        return NULL;
    }
    struct pool *const pool = memory_new(struct pool);
    pool->station = station;
    pool->hash = hash;
    pool->tls = target->tls;
    pool->port = target->port;
    memcpy(pool->host, target->host.data, target->host.size);
    memcpy(pool->tls_name, tls_name.data, tls_name.size);
    pool->proxy = choose_proxy(station->client, target);
    pool->used_ns = station->loop->now_ns;
    pool->next = station->pools;
    station->pools = pool;
    station->pool_count++;
    return pool;
}

static void take_idle(struct link *link)
{
    struct pool *const pool = link->pool;
    if (link->previous != NULL) {
        link->previous->next = link->next;
    } else {
        pool->idle = link->next;
    }
    if (link->next != NULL) {
        link->next->previous = link->previous;
    }
    link->next = link->previous = NULL;
    pool->idle_count--;
    net_timer_clear(pool_loop(pool), &link->idle);
    link->state = LINK_BUSY;
}

static bool is_too_old(const struct link *link)
{
    return (pool_loop(link->pool)->now_ns - link->opened_ns) / NS_PER_MS >=
           link->pool->station->client->settings.age_ms_max;
}

static void drop_idle(struct pool *pool)
{
    struct link *const link = pool->idle;
    take_idle(link);
    link_close(link);
}

/* A place for a socket, where need be that of an idle one to any target. */
static bool take_socket(struct station *station)
{
    while (!loop_take_socket(station->loop, true)) {
        struct pool *pool = station->pools;
        while (pool != NULL && pool->idle == NULL) {
            pool = pool->next;
        }
        if (pool == NULL) {
            return false;
        }
        drop_idle(pool);
    }
    return true;
}

static bool open_new(struct pool *pool, struct net_call *call)
{
    const int connections_max = pool->station->client->settings.connections_max;
    if (pool->link_count >= connections_max && pool->idle != NULL) {
        drop_idle(pool); /* a repeated call: an idle one makes room */
    }
    if (pool->link_count >= connections_max || !take_socket(pool->station)) {
        return false;
    }
    link_open(pool, call);
    return true;
}

static void wait(struct pool *pool, struct net_call *call)
{
    struct station *const station = pool->station;
    call->next_waiting = NULL;
    if (pool->first_waiting == NULL) {
        pool->first_waiting = call;
    } else {
        pool->last_waiting->next_waiting = call;
    }
    pool->last_waiting = call;
    pool->waiting_count++;
    if (!net_timer_is_set(&station->room)) {
        net_timer_set(station->loop, &station->room, ROOM_MS);
    }
}

void pool_serve(struct pool *pool, struct net_call *call)
{
    CHECK(pool != NULL);
    CHECK(call->link == NULL);
    const struct net_client_settings *const settings = &pool->station->client->settings;
    while (pool->idle != NULL && !call->is_repeated) {
        struct link *const link = pool->idle;
        take_idle(link);
        if (!is_too_old(link) && stream_is_silent(&link->stream)) {
            call->is_reused = true;
            atomic_fetch_add_explicit(&pool->station->client->reused, 1, memory_order_relaxed);
            link_attach(link, call);
            return;
        }
        link_close(link);
    }
    if (open_new(pool, call)) {
        return;
    }
    if (pool->waiting_count < settings->waiting_max) {
        wait(pool, call);
    } else {
        char text[FAILURE_BYTES_MAX];
        snprintf(
            text, sizeof text,
            "%d connections to %s:%d are in use and %d calls wait for one; allow more of them, "
            "or more open files",
            pool->link_count, pool->host, pool->port, pool->waiting_count);
        call_doom(call, NET_BUSY, text);
    }
}

void pool_forget_waiting(struct pool *pool, struct net_call *call)
{
    CHECK(pool != NULL);
    struct net_call *before = NULL;
    for (struct net_call *c = pool->first_waiting; c != NULL; before = c, c = c->next_waiting) {
        if (c == call) {
            if (before == NULL) {
                pool->first_waiting = c->next_waiting;
            } else {
                before->next_waiting = c->next_waiting;
            }
            pool->last_waiting = pool->last_waiting == c ? before : pool->last_waiting;
            pool->waiting_count--;
            return;
        }
    }
}

static struct net_call *next_waiting(struct pool *pool)
{
    struct net_call *const call = pool->first_waiting;
    if (call != NULL) {
        pool_forget_waiting(pool, call);
    }
    return call;
}

void pool_move_on(struct pool *pool)
{
    CHECK(pool != NULL);
    struct net_client *const client = pool->station->client;
    if (!client->stopping && pool->first_waiting != NULL &&
        pool->link_count < client->settings.connections_max &&
        loop_take_socket(pool->station->loop, true)) {
        link_open(pool, next_waiting(pool));
    }
}

void pool_look_for_room(void *context)
{
    struct station *const station = context;
    bool wait_on = false;
    for (struct pool *pool = station->pools; pool != NULL; pool = pool->next) {
        int before = 0;
        do {
            before = pool->waiting_count;
            pool_move_on(pool);
        } while (pool->waiting_count < before);
        wait_on = wait_on || pool->waiting_count > 0;
    }
    if (wait_on) {
        net_timer_set(station->loop, &station->room, ROOM_MS);
    }
}

static void on_idle(void *context)
{
    struct link *const link = context;
    take_idle(link);
    link_close(link);
}

void pool_keep(struct link *link)
{
    CHECK(link != NULL);
    CHECK(link->call == NULL);
    struct pool *const pool = link->pool;
    const struct net_client_settings *const settings = &pool->station->client->settings;
    link->state = LINK_IDLE;
    pool->idle_count++;
    link->previous = NULL;
    link->next = pool->idle;
    if (link->next != NULL) {
        link->next->previous = link;
    }
    pool->idle = link;
    const bool has_enough =
        pool->idle_count > settings->kept_max || loop_sockets_are_few(pool_loop(pool));
    if (link->keep_ms <= 0 || is_too_old(link) || (has_enough && pool->waiting_count == 0)) {
        take_idle(link);
        link_close(link);
        return;
    }
    struct net_call *const call = next_waiting(pool);
    if (call != NULL) {
        take_idle(link);
        call->is_reused = true;
        link_attach(link, call);
        return;
    }
    stream_read(&link->stream, true); /* that it is closed is to be seen */
    link->idle.run = on_idle;
    link->idle.context = link;
    net_timer_set(pool_loop(pool), &link->idle, link->keep_ms);
}
