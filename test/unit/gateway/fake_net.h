/*
 * fake_net: the world around the gateway, in memory and on one thread: clients that ask, read
 * slowly and leave; upstreams that answer, fail and break off; timers and a clock that somebody
 * turns; a disk that may refuse. Linked in the place of net/'s functions and before budget/'s.
 *
 * It holds the gateway to what net/ demands of its users: CHECK fails where a reply is answered
 * twice, a call is touched after its end, or a body is longer than announced.
 */
#ifndef GATEWAY_FAKE_NET_H
#define GATEWAY_FAKE_NET_H

#include "base/rng.h"
#include "gateway/gateway_priv.h"

enum {
    FAKE_LOOPS = 2,
    FAKE_CLIENTS_MAX = 48,
    FAKE_CALLS_MAX = FAKE_CLIENTS_MAX,
    FAKE_TIMERS_MAX = 4096
};

struct net_loop {
    int index;
};

/* A call as the upstream sees it. */
struct net_call {
    bool is_used;
    bool is_paused;
    bool was_sent;
    bool has_head;
    bool breaks_off; /* when `at` comes to the end of the body */
    const struct net_call_events *events;
    struct exchange *exchange;
    struct text body; /* the answer's */
    size_t at;        /* given so far */
    int status;
    const char *type;
    int64_t cost_pusd; /* that its figures come to; -1: it tells none, or they have no price */
};

/* A reply as the client sees it. */
struct net_reply {
    bool is_used;
    bool is_watched;
    bool has_left;
    bool has_begun;
    bool is_full;
    struct net_loop *loop;
    const struct net_reply_events *events;
    struct exchange *exchange;
    int64_t not_before_ns; /* when its upstream may be asked again, by what it said */
    size_t asked_at;       /* place in the chain of who said so */
    int64_t length;
    struct text got;
    struct http_head head;
    struct text asked; /* the request's body */
    struct net_request request;
};

struct fake {
    struct rng *rng;
    _Atomic int64_t now_ns; /* the thread of the log looks at it, too */
    bool disk_refuses;      /* to take anything more, for now or for later */
    bool record_refuses;    /* to write what it took */
    struct net_loop loops[FAKE_LOOPS];
    struct net_call calls[FAKE_CALLS_MAX];
    struct net_reply replies[FAKE_CLIENTS_MAX];
    struct net_timer *timers[FAKE_TIMERS_MAX];
    size_t timer_count;
    struct net_turn *turns[FAKE_LOOPS];
    size_t turn_count;
    uint64_t unrecorded[FAKE_CLIENTS_MAX]; /* holds since budget_record() */
    size_t unrecorded_count;
    /* of the answer that ends just now */
    const struct exchange *expected_of;
    struct text expected;  /* its body */
    int64_t expected_pusd; /* -1: not known */
    /* since the beginning */
    int64_t answered; /* replies, however */
    int64_t whole;    /* of them with a streamed end */
    int64_t aborted;
    int64_t refused;          /* answered by the gateway itself */
    int64_t tries;            /* calls of requests that are not free */
    int64_t recorded;         /* rows */
    int64_t refusals;         /* of the disk */
    int64_t unrecorded_turns; /* that it did not take, with holds */
    int64_t refusal_rows;
    int64_t refused_on_record; /* requests that those rows count */
    money_sum spent_pusd;
    int64_t told_costs; /* that stood before a reply */
    int64_t waited;     /* tries that a provider had asked to wait for */
};
extern struct fake fake;

void fake_begin(struct rng *rng);
/* A free reply, or NULL. The caller fills head and `asked` before it is handled. */
struct net_reply *fake_client(void);
/* What is not in use any more. */
void fake_end(void);
/* One thing more of an upstream: what was sent, a head, a piece, the end; or it fails. A paused one
 * only fails. */
void fake_answer(struct net_call *call);
/* The turn of the loops is over. */
void fake_turn(void);
/* Let the clock go on; what is due runs in order. */
void fake_pass(int64_t ms);

#endif
