/*
 * net/resolve_priv: names to addresses without holding up a loop.
 *
 *     name --getaddrinfo(3) on a few threads of its own, cached--> addresses
 *
 * The C library's resolver, because it reads what this machine is configured with (hosts, search
 * domains, the order of address families). It tells no time to live: an answer is fresh for
 * RESOLVE_FRESH_MS, and for RESOLVE_STALE_MS it is still used while it is asked for again.
 */
#ifndef NET_RESOLVE_PRIV_H
#define NET_RESOLVE_PRIV_H

#include <sys/socket.h>

#include "net/client.h"
#include "net/loop.h"

enum {
    RESOLVE_ADDRESSES_MAX = 8,
    RESOLVE_NAMES_MAX = 512,
    RESOLVE_THREADS_MAX = 4,
    RESOLVE_FRESH_MS = 30 * 1000,
    RESOLVE_STALE_MS = 5 * 60 * 1000,
    RESOLVE_FAILED_MS = 1000, /* how long a failure is believed */
    RESOLVE_WHY_BYTES_MAX = 96,
};

struct resolver;

struct address {
    struct sockaddr_storage to; /* without the port */
    socklen_t size;
};

struct addresses {
    size_t count;                              /* 0: not resolved */
    struct address all[RESOLVE_ADDRESSES_MAX]; /* in the order to try them */
    char why[RESOLVE_WHY_BYTES_MAX];           /* when count is 0 */
};

/* Somebody who waits. Made by resolver_ask, gone when `done` begins or after resolver_cancel. */
struct resolve_wait;

struct resolver *resolver_create(void);
/* Nobody is told any more. A thread that waits for an answer ends when it comes. */
void resolver_destroy(struct resolver **resolver);

/*
 * out   written when true is returned: the answer is known already (or `host` is numeric).
 * done  called on the loop's thread otherwise; `addresses` are borrowed during it.
 */
bool resolver_ask(struct resolver *resolver, struct net_loop *loop, struct str host, int64_t now_ns,
                  struct addresses *out, struct resolve_wait **out_wait,
                  void (*done)(void *context, const struct addresses *addresses), void *context);
void resolver_cancel(struct resolve_wait *wait);

#endif
