/*
 * net/loop: event loops, each with a thread of its own, timers and work posted from elsewhere.
 *
 *     sockets, timers, posts --one thread--> callbacks, one after the other
 *
 * What belongs to a loop (connections, replies that are streamed, calls, timers) is touched on its
 * thread alone and needs no lock. A callback must not wait: everything else on the loop waits with
 * it. Functions are for the loop's thread unless it says "from any thread".
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net_loops;
struct net_loop;

enum {
    NET_LOOPS_MAX = 64,
    NET_TIMERS_MAX = 1 << 20, /* set at once on one loop */
};

/* A server makes its own (net_server_loops); these are for a client without a server.
 * count  1..NET_LOOPS_MAX. */
struct net_loops *net_loops_create(int count);
void net_loops_start(struct net_loops *loops);
/* End the threads and wait for them; what is open stays open. Posts are run once more. */
void net_loops_stop(struct net_loops *loops);
void net_loops_destroy(struct net_loops **loops);
int net_loops_count(const struct net_loops *loops);
struct net_loop *net_loops_at(struct net_loops *loops, int index);

/* How many sockets of clients and of calls may be open at once, on all loops together; until it is
 * said: as many as the system lets. Beyond, a client is turned away and a call waits. From any
 * thread. */
void net_loops_limit_sockets(struct net_loops *loops, int sockets_max);

/* Whether this is the loop's thread. From any thread. */
bool net_loop_is_here(const struct net_loop *loop);
/* Monotonic time when the present callback began. */
int64_t net_loop_now_ns(const struct net_loop *loop);

/* Owned by whoever posts it, zeroed before its first use, untouched until it has run. */
struct net_post {
    void (*run)(void *context);
    void *context;
    struct net_post *next; /* the loop's */
};

/* Run it on the loop's thread, soon; posts of one thread in their order. From any thread. */
void net_loop_post(struct net_loop *loop, struct net_post *post);

/* Owned by whoever sets it; zeroed, then `run` and `context` filled. */
struct net_turn {
    void (*run)(void *context);
    void *context;
    struct net_turn *next; /* the rest is the loop's */
    bool is_set;
};

/*
 * Run it once, behind the callbacks of this turn of the loop and before anything that they wrote is
 * sent: what is to be done once for all of them. Nothing more where it is set already; what it
 * sets itself is run after it.
 */
void net_turn_set(struct net_loop *loop, struct net_turn *turn);
void net_turn_clear(struct net_loop *loop, struct net_turn *turn);

/* Owned by whoever sets it; zeroed, then `run` and `context` filled. Moving a timer that is set
 * costs next to nothing. */
struct net_timer {
    void (*run)(void *context);
    void *context;
    int64_t due_ns; /* the rest is the loop's */
    int64_t queued_ns;
    size_t place; /* in the queue, from 1; 0: not set */
};

/* Once, in `wait_ms`, at least 0; a timer that is set already is moved. */
void net_timer_set(struct net_loop *loop, struct net_timer *timer, int64_t wait_ms);
void net_timer_clear(struct net_loop *loop, struct net_timer *timer);
bool net_timer_is_set(const struct net_timer *timer);

#endif
