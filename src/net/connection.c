/*
 * One connection:
 *
 *     IDLE -> HEAD -> BODY -> HANDLING -> WRITING -> IDLE (kept alive) | LINGER -> closed
 *
 * The client moves it up to HANDLING, the end of the answer to WRITING, the sent answer back or to
 * the end. Every state has a deadline, but that a handler may think as long as it likes: HANDLING
 * has one only while bytes of a streamed answer wait for the client to take them. What a client
 * sends while a request is handled is read only when the reply is watched, at most one request head
 * of it, so that a client which sends on fills its own socket and no memory of ours. LINGER reads
 * and forgets for a moment, because closing over unread bytes would take the answer away from the
 * client.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <event2/util.h>
#include <linux/sockios.h>

#include "base/check.h"
#include "base/memory.h"
#include "net/server_priv.h"

enum {
    LINGER_MS_MAX = 1000,
    LINGER_BYTES_MAX = 1 << 20,
    READ_BYTES_MAX = 64 << 10,
    KERNEL_UNSENT_BYTES_MAX = 64 << 10, /* or a reader that stalls holds megabytes there */
};
_Static_assert((int)LOOP_SCRATCH_BYTES >= (int)HTTP_HEAD_BYTES_MAX + (int)READ_BYTES_MAX,
               "a head that is not whole and one read more fit");

static void bury(struct loop_dead *dead)
{
    struct connection *const c = (struct connection *)dead;
    if (!loop_give(&c->loop->connections, c, LOOP_SPARE_OBJECTS_MAX)) {
        memory_free(c);
    }
}

void connection_close(struct connection *c)
{
    CHECK(c != NULL);
    if (c->is_closed) {
        return;
    }
    c->is_closed = true;
    net_timer_clear(c->loop, &c->deadline);
    stream_close(&c->stream);
    if (c->previous != NULL) {
        c->previous->next = c->next;
    } else {
        c->door->connections = c->next;
    }
    if (c->next != NULL) {
        c->next->previous = c->previous;
    }
    atomic_fetch_sub(&c->server->held_bytes, c->held);
    atomic_fetch_sub(&c->server->connections, 1);
    loop_give_socket(c->loop);
    struct net_reply *const reply = c->reply;
    c->reply = NULL;
    if (reply != NULL && c->state == HANDLING) {
        reply_lose(reply);
    } else if (reply != NULL) {
        reply_free(reply);
    }
    loop_free_later(c->loop, &c->dead, bury);
}

void connection_close_all(struct net_door *door, bool idle_only)
{
    CHECK(door != NULL);
    struct connection *next = NULL;
    for (struct connection *c = door->connections; c != NULL; c = next) {
        next = c->next; /* `left` closes no connection but its own */
        if (!idle_only || c->state == IDLE || c->state == LINGER) {
            connection_close(c);
        }
    }
}

static void on_input(void *context)
{
    struct connection *const c = context;
    if (c->state == LINGER) {
        const size_t size = stream_input(&c->stream).size;
        c->discarded += size;
        stream_take(&c->stream, size);
        if (c->discarded > LINGER_BYTES_MAX) {
            connection_close(c);
        }
    } else if (c->state == HANDLING || c->state == WRITING) {
        if (c->reply == NULL || !c->reply->is_watched ||
            stream_input(&c->stream).size >= HTTP_HEAD_BYTES_MAX) {
            stream_read(&c->stream, false);
        }
    } else {
        connection_read_on(c);
    }
}

/* The answer has left. */
static void finish(struct connection *c)
{
    CHECK(c->reply == NULL);
    if (c->is_cut) {
        const struct linger now = {.l_onoff = c->resets, .l_linger = 0};
        setsockopt(c->stream.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        connection_close(c);
        return;
    }
    if (c->close || c->door->draining) {
        c->state = LINGER;
        connection_set_deadline(c, LINGER_MS_MAX);
        if (c->stream.ssl == NULL && !c->client_ended) {
            shutdown(c->stream.fd, SHUT_WR);
            const size_t unread = stream_input(&c->stream).size;
            c->discarded = unread;
            stream_take(&c->stream, unread);
            stream_read(&c->stream, true);
        } else {
            connection_close(c);
        }
        return;
    }
    c->state = IDLE;
    connection_set_deadline(c, c->door->limits.idle_ms_max);
    stream_read(&c->stream, !c->client_ended);
    connection_read_on(c); /* what was sent behind the request is there already */
}

static void on_output(void *context)
{
    struct connection *const c = context;
    if (c->stream.send_failed) {
        connection_close(c);
        return;
    }
    const size_t unsent = stream_unsent(&c->stream);
    if (c->state != HANDLING && c->state != WRITING) {
        return; /* "100 Continue" */
    }
    if (unsent > 0 && (c->sent != c->stream.sent || !net_timer_is_set(&c->deadline))) {
        c->sent = c->stream.sent;
        connection_set_deadline(c, c->door->limits.write_ms_max);
    }
    if (c->state == HANDLING) {
        if (unsent == 0) {
            net_timer_clear(c->loop, &c->deadline);
        }
        reply_progress(c->reply, unsent);
    } else if (unsent == 0) {
        finish(c);
    }
}

/* A client that has sent its request and closes its half may still read: only who watches takes it
 * for gone. */
static void on_ended(void *context, enum stream_end how)
{
    struct connection *const c = context;
    c->client_ended = true;
    const bool is_patient =
        how == STREAM_CLOSED &&
        (c->state == WRITING || (c->state == HANDLING && !c->reply->is_watched));
    if (is_patient) {
        c->close = true;
    } else {
        connection_close(c);
    }
}

static void on_secured(void *context)
{
    struct connection *const c = context;
    stream_read(&c->stream, true);
}

/* Whether the client's system has taken bytes since this was asked last, although too few for the
 * kernel to take more of ours. */
static bool is_taking(struct connection *c)
{
    int waiting = 0;
    if (ioctl(c->stream.fd, SIOCOUTQ, &waiting) != 0) {
        return false;
    }
    const int64_t taken = c->stream.sent - waiting;
    const bool more = taken > c->taken;
    c->taken = taken;
    return more;
}

static void on_deadline(void *context)
{
    struct connection *const c = context;
    const bool is_answering = c->state == WRITING || (c->state == HANDLING && !c->client_ended);
    if (is_answering && stream_unsent(&c->stream) > 0 && is_taking(c)) {
        connection_set_deadline(c, c->door->limits.write_ms_max);
        return;
    }
    if (c->state == HEAD || c->state == BODY) {
        connection_refuse(c, 408, "the request took too long to arrive");
    } else {
        connection_close(c);
    }
}

void connection_finish(struct connection *c)
{
    CHECK(c != NULL);
    CHECK(c->state == HANDLING);
    c->state = WRITING;
    c->close = c->close || c->reply->close;
    reply_free(c->reply);
    c->reply = NULL;
    connection_set_deadline(c, c->door->limits.write_ms_max);
    if (stream_unsent(&c->stream) == 0) {
        finish(c);
    }
}

static void name_peer(struct connection *c, const struct sockaddr *peer)
{
    c->peer[0] = '\0';
    if (peer->sa_family == AF_INET) {
        const struct sockaddr_in *const in = (const void *)peer;
        evutil_inet_ntop(AF_INET, &in->sin_addr, c->peer, sizeof c->peer);
        c->peer_is_loopback = ntohl(in->sin_addr.s_addr) >> 24 == 127;
    } else if (peer->sa_family == AF_INET6) {
        const struct sockaddr_in6 *const in = (const void *)peer;
        evutil_inet_ntop(AF_INET6, &in->sin6_addr, c->peer, sizeof c->peer);
        c->peer_is_loopback =
            IN6_IS_ADDR_LOOPBACK(&in->sin6_addr) ||
            (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr) && in->sin6_addr.s6_addr[12] == 127);
    }
}

static SSL *new_tls(struct net_server *server)
{
    pthread_mutex_lock(&server->settings_lock);
    SSL *const ssl = server->tls != NULL ? SSL_new(server->tls) : NULL;
    const bool plain = server->tls == NULL;
    pthread_mutex_unlock(&server->settings_lock);
    CHECK(plain || ssl != NULL);
    if (ssl != NULL) {
        SSL_set_accept_state(ssl);
    }
    return ssl;
}

void connection_open(struct net_door *door, int fd, const struct sockaddr *peer)
{
    CHECK(door != NULL);
    CHECK(peer != NULL);
    static const struct stream_use use = {on_secured, on_input, on_output, on_ended};
    struct net_server *const server = door->server;
    const int64_t before = atomic_fetch_add(&server->connections, 1);
    if (before >= door->limits.connections_max || door->draining ||
        !loop_take_socket(door->loop, false)) {
        atomic_fetch_sub(&server->connections, 1);
        atomic_fetch_add(&server->turned_away, 1);
        close(fd);
        return;
    }
    atomic_fetch_add(&server->accepted, 1);
    const int on = 1;
    const int unsent_max = KERNEL_UNSENT_BYTES_MAX;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_max, sizeof unsent_max);
    struct connection *const c = loop_take(&door->loop->connections, sizeof *c, NULL);
    *c = (struct connection){.loop = door->loop, .server = server, .door = door};
    c->deadline = (struct net_timer){.run = on_deadline, .context = c};
    name_peer(c, peer);
    c->next = door->connections;
    if (c->next != NULL) {
        c->next->previous = c;
    }
    door->connections = c;
    connection_set_deadline(c, door->limits.head_ms_max);
    SSL *const ssl = new_tls(server);
    stream_open(&c->stream, door->loop, fd, ssl, READ_BYTES_MAX, &use, c);
    stream_read(&c->stream, ssl == NULL);
}
