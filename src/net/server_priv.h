/* net/server_priv: connections and what is owed on them, shared by server.c, connection.c,
 * connection_read.c and reply.c. */
#ifndef NET_SERVER_PRIV_H
#define NET_SERVER_PRIV_H

#include <event2/listener.h>
#include <sys/socket.h>

#include "net/loop_priv.h"
#include "net/server.h"
#include "net/stream_priv.h"

enum { NET_PEER_BYTES_MAX = 64 };

struct connection;
struct net_door;

/* One request, from its head to the end of its answer. Made by the loop; whoever answers holds it
 * also when the connection is gone. */
struct net_reply {
    struct net_reply *next_spare; /* in the loop's spares */
    struct net_loop *loop;
    struct net_server *server;
    struct connection *connection; /* NULL: the client has left; only the loop's thread looks */

    struct http_head *head; /* of the loop's spares, borrowed from head_bytes; NULL: forgotten */
    struct text head_bytes;
    struct http_body body;
    struct text body_bytes;
    int64_t held; /* bytes counted in the server's held_bytes */
    char peer[NET_PEER_BYTES_MAX];
    struct net_request request;

    bool knows_chunks; /* HTTP/1.1 */
    bool without_body; /* of a HEAD request, or a status that has none */
    bool close;
    bool is_watched;
    bool has_begun;
    bool is_chunked;
    bool is_full; /* `writable` is owed */
    int64_t left; /* bytes of the announced length that were not written yet */
    const struct net_reply_events *events;
    void *context;
    struct text answer;   /* made on another thread */
    struct net_post post; /* takes it to the loop's */
};

struct connection {
    struct loop_dead dead;
    struct net_loop *loop;
    struct net_server *server;
    struct net_door *door;
    struct stream stream;
    struct net_timer deadline;
    enum { IDLE, HEAD, BODY, HANDLING, WRITING, LINGER } state;
    bool close;        /* after the answer */
    bool client_ended; /* it sends no more */
    bool is_reading;   /* inside read_on() */
    bool is_closed;    /* to be buried */
    bool is_cut;       /* the answer is not whole */
    bool resets;       /* which only a reset tells the client */
    size_t scanned;    /* bytes of the head without its end */
    int64_t held;      /* those bytes, as counted in held_bytes */
    size_t discarded;
    int64_t sent;            /* of stream.sent, when the deadline was set */
    int64_t taken;           /* by the client's system, when that was asked last */
    struct net_reply *reply; /* of the request that is read, handled or answered */
    char peer[NET_PEER_BYTES_MAX];
    bool peer_is_loopback;
    struct connection *next;
    struct connection *previous;
};

/* A server's part on one loop. */
struct net_door {
    struct net_server *server;
    struct net_loop *loop;
    struct evconnlistener *listener;
    struct net_timer resume; /* when accept() may be tried again */
    struct net_post drain;
    struct net_post limit;
    atomic_bool limit_posted;
    struct connection *connections;
    bool draining;            /* the loop's own copy */
    struct net_limits limits; /* too */
};

struct net_server {
    net_handler *handler;
    void *context;
    int fd;
    int port;
    struct net_loops *loops; /* owned */
    bool stopped;
    struct net_door doors[NET_LOOPS_MAX];
    pthread_mutex_t settings_lock; /* of the next two, which others may replace */
    SSL_CTX *tls;                  /* NULL: plain */
    struct net_limits limits;
    atomic_bool draining;
    _Atomic int64_t connections;
    _Atomic int64_t accepted;
    _Atomic int64_t turned_away;
    _Atomic int64_t requests;
    _Atomic int64_t refused;
    _Atomic int64_t held_bytes;
};

/* ---- connection.c ---- */

static inline void connection_set_deadline(struct connection *c, int ms)
{
    net_timer_set(c->loop, &c->deadline, ms);
}
/* Take over an accepted socket. */
void connection_open(struct net_door *door, int fd, const struct sockaddr *peer);
void connection_close(struct connection *c);
void connection_close_all(struct net_door *door, bool idle_only);
/* The answer is whole, as far as its writer is concerned: on to the next request when it is sent.
 */
void connection_finish(struct connection *c);

/* ---- connection_read.c ---- */

/* Requests, as many as there are and can be answered at once. */
void connection_read_on(struct connection *c);
/* Whatever the request was, the connection ends after this answer. */
void connection_refuse(struct connection *c, int status, const char *why);

/* ---- reply.c ---- */

struct net_reply *reply_new(struct connection *c);
void reply_free(struct net_reply *reply);
/* The client is gone. `reply` may be freed when it returns. */
void reply_lose(struct net_reply *reply);
/* Some output has left. */
void reply_progress(struct net_reply *reply, size_t unsent);

#endif
