/*
 * gateway: calls to model providers, in line: attributed, held for, routed, forwarded, metered and
 * posted.
 *
 *     request --who, which model, what at most--> hold --upstream call--> reply --usage--> posting
 *
 * Runs on the loops of net/: an exchange stays on the loop of its connection and never waits. What
 * decides (upstreams, routes, prices) is an immutable table, swapped whole; an exchange keeps the
 * one it began with. Money goes through budget/: a hold in every scope before anything is
 * forwarded, the true cost afterwards, together with the record of the call. What cannot be
 * recorded is not forwarded. docs/gateway.md is its manual.
 */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "bodies/bodies.h"
#include "budget/budget.h"
#include "model/settings.h"
#include "net/client.h"
#include "net/server.h"
#include "price/price.h"
#include "wire/call_record.h"

struct gateway;
struct gateway_table;

enum {
    GATEWAY_UPSTREAMS_MAX = 64,
    GATEWAY_ROUTES_MAX = 1024,
    GATEWAY_CHAIN_MAX = 8, /* models tried for one request */
    GATEWAY_SECRET_BYTES_MAX = 1024,
    GATEWAY_PATH_BYTES_MAX = 1024,         /* of an upstream's base URL */
    GATEWAY_BUFFERED_BYTES_MAX = 16 << 20, /* of a reply that is not streamed */
    GATEWAY_BODY_BYTES_MAX = 32 << 20,     /* of a request */
};

/*
 * Build a table.
 *
 * settings  borrowed until the table is released: strings are not copied.
 * secrets   [settings->upstreams.count] keys of the upstreams, copied; empty: the client's own
 *           credentials are passed on.
 * book      borrowed likewise.
 *
 * Errors: ERR_CONFIG  a URL that is none, a route to an upstream there is not. ERR_LIMIT.
 */
MUST_CHECK enum errc gateway_table_create(const struct settings *settings,
                                          const struct str *secrets, const struct price_book *book,
                                          struct gateway_table **out, struct err *err);
/* Tokens held for a request that does not bound its output. route  NULL: it has none. */
int64_t gateway_output_ceiling(const struct settings *settings, const struct settings_route *route);

/* Whether calls to the upstream which the route could be for pass it over, as that one cannot serve
 * its model. Both are indices into the settings. */
bool gateway_passes_over(const struct gateway_table *table, size_t route, size_t upstream);
/* The first model of the route's others that no call it is for can have; empty: none. */
struct str gateway_never_tried(const struct gateway_table *table, size_t route);

/* Called once nobody uses the table any more, from any thread, before its memory is freed. */
void gateway_table_on_release(struct gateway_table *table, void (*released)(void *context),
                              void *context);
/* Of a table that was never given to a gateway. */
void gateway_table_destroy(struct gateway_table **table);

struct gateway_settings {
    struct budget *budget;                         /* borrowed */
    struct net_client *client;                     /* borrowed */
    struct net_loops *loops;                       /* borrowed: those of the server */
    struct gateway_table *table;                   /* owned from now on */
    struct bodies_keeper *bodies;                  /* borrowed; NULL: none are kept */
    uint64_t seed;                                 /* of request ids */
    void (*tell)(void *context, const char *text); /* something an operator should see; or NULL */
    void *context;
};

void gateway_create(const struct gateway_settings *settings, struct gateway **out);
/* When no loop runs any more. */
void gateway_destroy(struct gateway **gateway);
/* From any thread; requests that begin afterwards go by it. The old one is released after its last
 * exchange. */
void gateway_set_table(struct gateway *gateway, struct gateway_table *table);

/* Who asks, as the server has found out; borrowed for the call. Empty: not known. */
struct gateway_caller {
    struct str key;  /* name of a key of ours */
    struct str team; /* what the key is bound to: goes before what the request says */
    struct str workflow;
    struct str user;
    bool sent_secret; /* the request's credentials are ours and must not be passed on */
};

/* Charge as held what is worked on in the background for longer than its answer is waited for. */
void gateway_flush_background(struct gateway *gateway, int64_t steady_ns);
/* Record refusals that were counted in minutes that are over, or all. About every second, from any
 * thread. */
void gateway_flush_refusals(struct gateway *gateway, int64_t now_ns, bool all);

/* Whether the path is one of the gateway's; then the request is answered, now or later. */
bool gateway_serves(struct gateway *gateway, const struct net_request *request);
void gateway_handle(struct gateway *gateway, const struct net_request *request,
                    const struct gateway_caller *caller, struct net_reply *reply);

/* Answer a request of the gateway's that may not be made: 401 or 403. */
void gateway_turn_away(const struct net_request *request, int status, const char *why,
                       struct net_reply *reply);

struct gateway_counts {
    int64_t requests;
    int64_t under_way;
    int64_t forwarded;  /* tries at an upstream */
    int64_t refused;    /* for money or by a route */
    int64_t unrecorded; /* 503: the hold could not be written */
    int64_t failed;     /* the upstream did not answer, or with an error */
    int64_t left;       /* the client went before the end */
    int64_t metered;    /* by the provider's own figures */
    int64_t estimated;
    int64_t estimated_pusd; /* part of what was charged */
    int64_t unseen_pusd;    /* charged as held, as nobody knows the cost */
    int64_t unmetered;      /* no usage was found and none could be estimated */
    int64_t unpriced;
    int64_t tripped; /* times a circuit was opened */
};
struct gateway_counts gateway_counts(const struct gateway *gateway);

#endif
