/*
 * net/client_priv: pools of connections, and the calls on them. One set a loop.
 *
 *     net_client -> station (one a loop) -> pool (one a target) -> link (one a connection) <-> call
 */
#ifndef NET_CLIENT_PRIV_H
#define NET_CLIENT_PRIV_H

#include <stdatomic.h>

#include "net/client.h"
#include "net/dial_priv.h"
#include "net/proxy_priv.h"
#include "net/resolve_priv.h"
#include "net/stream_priv.h"

enum {
    INTERIM_HEADS_MAX = 16, /* 1xx before the answer */
    FAILURE_BYTES_MAX = 768,
};

struct pool;
struct station;

/* One connection to a target:
 *
 *     RESOLVING -> DIALING -> [PROXYING] -> [SECURING] -> BUSY <-> IDLE
 *
 * Up to BUSY it belongs to the call that it is made for. */
struct link {
    struct loop_dead dead;
    struct pool *pool;
    struct net_call *call; /* NULL: IDLE */
    enum link_state {
        LINK_RESOLVING,
        LINK_DIALING,
        LINK_PROXYING,
        LINK_SECURING,
        LINK_BUSY,
        LINK_IDLE,
    } state;
    bool has_stream;
    bool is_closed;
    bool has_ended; /* the other side sends no more; `end` */
    enum stream_end end;
    struct resolve_wait *wait;
    struct dial *dial;
    struct stream stream;
    struct net_timer idle;
    int64_t opened_ns;
    int keep_ms;       /* how long it may be idle, as the last answer said */
    struct link *next; /* of the pool's idle ones, newest first */
    struct link *previous;
};

struct pool {
    struct station *station;
    uint64_t hash;
    bool tls;
    char host[NET_HOST_BYTES_MAX + 1];
    int port;
    char tls_name[NET_HOST_BYTES_MAX + 1];
    const struct proxy *proxy; /* NULL: none */
    int link_count;            /* in every state */
    int idle_count;
    struct link *idle;
    struct net_call *first_waiting;
    struct net_call *last_waiting;
    int waiting_count;
    int64_t used_ns;
    SSL_SESSION *session; /* the newest, to shake hands faster */
    struct pool *next;
};

struct net_call {
    struct loop_dead dead;
    struct pool *pool;
    struct link *link; /* NULL: it waits for one */
    const struct net_call_events *events;
    void *context;
    bool is_over;
    bool is_paused;
    bool is_safe; /* GET, HEAD, OPTIONS */
    bool is_head;
    bool is_reused; /* its connection has served others before */
    bool is_repeated;
    bool has_sent;   /* all of it was handed to the stream */
    bool has_answer; /* at least a byte */
    bool has_head;
    bool keep_alive;
    int keep_alive_s;
    int interim_heads;
    struct text head;
    struct str body[NET_BODY_PIECES_MAX];
    size_t body_count;
    size_t body_at; /* piece that is sent next */
    size_t body_offset;
    int64_t sent_before; /* link->stream.sent when the call began on it */
    size_t scanned;      /* bytes of the answer's head without its end */
    struct http_body answer;
    struct text trailers; /* name, NUL, value, NUL … */
    size_t trailer_count;
    struct net_deadlines deadlines;
    struct net_timer deadline; /* connect, first byte or idle */
    struct net_timer total;
    enum net_failure_kind doomed; /* what `total` says when it is `is_doomed` */
    bool is_doomed;
    struct text doomed_text;
    struct net_call *next; /* of the station's, or of the pool's waiting ones */
    struct net_call *previous;
    struct net_call *next_waiting;
};

/* What a client has on one loop. */
struct station {
    struct net_client *client;
    struct net_loop *loop;
    struct pool *pools;
    int pool_count;
    struct net_call *calls;
    struct net_timer room; /* set while calls wait for a socket that others have */
};

struct net_client {
    struct net_client_settings settings;
    struct net_loops *loops;
    struct proxy http_proxy;
    struct proxy https_proxy;
    pthread_mutex_t tls_lock;
    SSL_CTX *tls; /* NULL: nothing has asked for it yet */
    struct resolver *resolver;
    bool stopping;
    struct station stations[NET_LOOPS_MAX];
    _Atomic int64_t calls;
    _Atomic int64_t connections;
    _Atomic int64_t connections_opened;
    _Atomic int64_t reused;
    _Atomic int64_t repeated;
    _Atomic int64_t failures[NET_FAILURE_COUNT];
};

static inline struct net_loop *pool_loop(const struct pool *pool)
{
    return pool->station->loop;
}

/* ---- pool.c: which connection a call gets ---- */

/* NULL: NET_TARGETS_MAX others are in use. */
struct pool *pool_find(struct station *station, const struct net_target *target);
/* Onto an idle connection, a new one, or into the queue. */
void pool_serve(struct pool *pool, struct net_call *call);
void pool_forget_waiting(struct pool *pool, struct net_call *call);
/* The answer is whole and the connection as good as new. */
void pool_keep(struct link *link);
/* A place is free: the next that waits gets a new connection. */
void pool_move_on(struct pool *pool);
/* A station's `room`: calls may wait for a place that was given back elsewhere. */
void pool_look_for_room(void *station);
void pool_destroy(struct pool *pool);

/* ---- link.c: one connection ---- */

/* The socket's place is taken already (loop_take_socket), and given back by link_close(). */
void link_open(struct pool *pool, struct net_call *call);
/* Its call, if there is one, is let go of. */
void link_close(struct link *link);
/* The call begins on it. */
void link_attach(struct link *link, struct net_call *call);

/* ---- call.c ---- */

/* The answer is whole: its connection is kept or closed, and the caller told. */
void call_complete(struct net_call *call);
/* See net/client.h: what may be made twice. */
bool call_may_repeat(const struct net_call *call);
/* On a fresh connection. */
void call_repeat(struct net_call *call);
void call_expect_more(struct net_call *call);

/* The connection stands: send. */
void call_begin(struct net_call *call);
void call_output(struct net_call *call);
void call_fail(struct net_call *call, enum net_failure_kind kind, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* call_fail(), but not from inside net_call_start. */
void call_doom(struct net_call *call, enum net_failure_kind kind, const char *text);

/* ---- call_answer.c ---- */

void call_input(struct net_call *call);
void call_ended(struct net_call *call, enum stream_end how);

/* ---- client.c ---- */

/* Made when it is first asked for: reading the system's authorities takes 20 ms and 5 MB. Errors:
 * ERR_CONFIG  the file of authorities was good at the start and is no longer. */
MUST_CHECK enum errc client_tls(struct net_client *client, SSL_CTX **out, struct err *err);

/* ---- tls.c ---- */

/* Whether the file of authorities has one: it is read whole later. Errors: ERR_CONFIG. */
MUST_CHECK enum errc tls_check(const struct net_client_settings *settings, struct err *err);
MUST_CHECK enum errc tls_create(const struct net_client_settings *settings, SSL_CTX **out,
                                struct err *err);
SSL *tls_open(SSL_CTX *tls, struct pool *pool);
/* Why shaking hands failed; whether it is about the certificate. */
bool tls_why(const SSL *ssl, char *out, size_t size);

#endif
