/* net/loop_priv: what a loop does for the sockets on it. */
#ifndef NET_LOOP_PRIV_H
#define NET_LOOP_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/text.h"
#include "net/loop.h"

enum {
    LOOP_BLOCK_BYTES = 16 << 10,
    LOOP_SPARE_BLOCKS_MAX = 256,
    LOOP_SPARE_OBJECTS_MAX = 1024, /* of each kind */
    LOOP_SPARE_HEADS_MAX = 64,     /* which are large, and needed for a moment */
    LOOP_SCRATCH_BYTES = 160 << 10,
    LOOP_DATE_BYTES_MAX = 48,
};

struct stream;

/* First member of what is freed when the present callback is over, because its callers may still
 * look at it. `bury` gives it back. */
struct loop_dead {
    struct loop_dead *next;
    struct net_loop *loop;
    void (*bury)(struct loop_dead *dead);
};

/* Objects of one kind and size that are used over and over. The list links through their first
 * word; all else is left as it was given back. */
struct loop_spares {
    void *first;
    int count;
};

struct net_loop {
    struct net_loops *loops;
    int index;
    _Atomic(pthread_t) thread;
    struct event_base *base;
    struct event clock;
    int64_t clock_ns; /* when it rings; INT64_MAX: not set */
    struct event woken;
    struct event turned; /* made active: the last callback of this turn */
    bool has_put_off;    /* it is active */
    int64_t put_off_ns;  /* since when */
    int wake_fd;
    pthread_mutex_t lock; /* of the posts */
    struct net_post *first_post;
    struct net_post *last_post;
    int64_t now_ns;
    int depth;                 /* of callbacks in callbacks */
    struct net_timer **timers; /* a heap by queued_ns, [1..timer_count] */
    size_t timer_count;
    size_t timer_capacity;
    struct net_turn *turns; /* for the end of this turn, in the order they were set */
    struct net_turn **turns_end;
    struct stream *unsent; /* streams with bytes to send when the callback, or the turn, is over */
    struct stream **unsent_end;
    struct loop_dead *dead;
    struct loop_spares blocks;
    struct loop_spares connections;
    struct loop_spares heads; /* of requests */
    struct loop_spares replies;
    struct loop_spares links;
    struct loop_spares calls;
    char *scratch; /* where sockets are read into, [LOOP_SCRATCH_BYTES] */
    bool scratch_is_used;
    struct text head; /* where heads are written */
    int64_t date_s;
    char date[LOOP_DATE_BYTES_MAX];
    size_t date_size;
};

struct net_loops {
    int count;
    bool started;
    atomic_bool stopping;
    atomic_int sockets;
    atomic_int sockets_max;
    pthread_t threads[NET_LOOPS_MAX];
    struct net_loop loops[NET_LOOPS_MAX];
};

/* Around every callback that libevent makes. Leaving buries the dead, and sends what was written,
 * unless more callbacks are due: then what they write is sent with it. */
void loop_enter(struct net_loop *loop);
void loop_leave(struct net_loop *loop);

/* A place for one more socket; false: all are taken. Calls leave a sixteenth of them to clients, so
 * that a probe or an operator comes in. */
bool loop_take_socket(struct net_loop *loop, bool is_of_call);
void loop_give_socket(struct net_loop *loop);
/* Whether so few places are left that none is to be kept for later. */
bool loop_sockets_are_few(const struct net_loop *loop);

void loop_free_later(struct net_loop *loop, struct loop_dead *dead,
                     void (*bury)(struct loop_dead *dead));

/* A spare object, or a new one, zeroed; `out_is_new` may be NULL. */
void *loop_take(struct loop_spares *spares, size_t size, bool *out_is_new);
/* False: there are enough of them; the caller frees it. */
bool loop_give(struct loop_spares *spares, void *object, int spare_max);

/* "Date: …\r\n", made once a second. */
struct str loop_date(struct net_loop *loop);

/* net/turn.c: what was set for the end of the turn, then what is to be sent. */
void loop_end_turn(struct net_loop *loop);

/* net/timer.c: run what is due; and when the next one is, INT64_MAX: none. */
void loop_run_timers(struct net_loop *loop);
int64_t loop_next_timer_ns(const struct net_loop *loop);

#endif
