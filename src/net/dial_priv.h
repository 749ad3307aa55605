/*
 * net/dial_priv: a connected socket from several addresses, the first that accepts.
 *
 * The next address is tried when one fails, or beside it when it keeps silent for a quarter of a
 * second. Source: RFC 8305 5.
 */
#ifndef NET_DIAL_PRIV_H
#define NET_DIAL_PRIV_H

#include "net/loop_priv.h"
#include "net/resolve_priv.h"

struct dial_try {
    struct dial *dial;
    int fd; /* -1: none */
    struct event connected;
};

struct dial {
    struct loop_dead dead;
    struct net_loop *loop; /* NULL: stopped */
    struct addresses addresses;
    int port;
    size_t next; /* of addresses */
    struct dial_try tries[RESOLVE_ADDRESSES_MAX];
    int error; /* errno of the last that failed */
    struct net_timer step;
    void (*done)(void *owner, int fd, int error);
    void *owner;
};

/* `done` is called once, later: a nonblocking socket, owned by who is called; or -1 and an errno.
 */
struct dial *dial_start(struct net_loop *loop, const struct addresses *addresses, int port,
                        void (*done)(void *owner, int fd, int error), void *owner);
/* Also when it is done: gives it back. */
void dial_stop(struct dial **dial);

#endif
