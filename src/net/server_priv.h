/* net/server_priv: a loop and its connections, shared by server.c and connection.c. */
#ifndef NET_SERVER_PRIV_H
#define NET_SERVER_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>
#include <openssl/ssl.h>

#include "net/server.h"

enum { NET_PEER_BYTES_MAX = 64 };

struct connection;

/* What is owed to one request. Made by the loop, filled by whoever answers, sent by the loop. */
struct net_reply {
    struct net_loop *loop;
    struct connection *connection; /* NULL: the client has left; only the loop's thread looks */
    struct text bytes;             /* the whole response */
    bool without_body;             /* of a HEAD request */
    bool close;
    struct net_reply *next; /* in the loop's queue */
};

struct net_loop {
    struct net_server *server;
    pthread_t thread;
    struct event_base *base;
    struct evconnlistener *listener;
    struct event resume; /* when accept() may be tried again */
    struct event woken;
    int wake_fd;
    struct connection *connections;
    pthread_mutex_t lock; /* of the queue */
    struct net_reply *answered;
    bool draining;            /* the loop's own copy */
    struct net_limits limits; /* too */
};

struct net_server {
    net_handler *handler;
    void *context;
    int fd;
    int port;
    int loop_count;
    bool started;
    struct net_loop loops[NET_LOOPS_MAX];
    pthread_mutex_t settings_lock; /* of the next two, which others may replace */
    SSL_CTX *tls;                  /* NULL: plain */
    struct net_limits limits;
    atomic_bool draining;
    atomic_bool stopping;
    _Atomic int64_t connections;
    _Atomic int64_t accepted;
    _Atomic int64_t turned_away;
    _Atomic int64_t requests;
    _Atomic int64_t refused;
    _Atomic int64_t held_bytes;
};

/* Take over an accepted socket. */
void connection_open(struct net_loop *loop, int fd, const struct sockaddr *peer, int peer_size);
/* Send what the reply holds, or drop it when the client has left. Frees the reply. */
void connection_answer(struct net_reply *reply);
void connection_close_all(struct net_loop *loop, bool idle_only);

#endif
