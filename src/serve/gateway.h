/*
 * serve/gateway: the gateway within the server: its budgets, its table, what goes from it to
 * the inbox.
 *
 *     bursar.yaml --limits, table--> gateway --settled calls--> inbox --> ledger
 *                                       \--steps passed--> webhook
 */
#ifndef SERVE_GATEWAY_H
#define SERVE_GATEWAY_H

#include <pthread.h>
#include <stdatomic.h>

#include "gateway/gateway.h"
#include "ingest/inbox.h"

enum { SERVE_KIND_CALL = 200 }; /* of messages in the journal: a call the gateway made */

struct serve;
struct serve_config;

struct serve_gateway {
    struct budget *budget;
    struct net_client *client;
    struct gateway *gateway;
    struct bodies_keeper *bodies;
    pthread_t thread; /* hands settled calls to the inbox, lets holds expire, tells of steps */
    bool has_thread;
    bool uses_tls; /* an upstream of the start does */
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool closing;
    int waiting; /* messages the inbox has not answered for */
    bool refused;
    _Atomic uint64_t hand_through; /* no record behind that number is handed over */
    _Atomic uint64_t handed;       /* such a number through which all are */
};

/* After the inbox and the sockets are made, before they are served.
 * Errors: ERR_CONFIG; those of budget_open(). */
MUST_CHECK enum errc serve_gateway_open(struct serve *serve, struct err *err);
/* When no loop runs any more, before the inbox is closed: everything settled is handed over. */
void serve_gateway_close(struct serve *serve);
/* What is to hold from now on. Errors: ERR_CONFIG …; then the old holds on. */
MUST_CHECK enum errc serve_gateway_change(struct serve *serve, struct serve_config *config,
                                          struct err *err);

/* The limits from now on; those that are new begin with what the ledger has of their period.
 * limits  [settings->budgets.count]. Errors: those of budget_set_limits(); ERR_BUSY  the ledger
 * cannot be read; then the old ones hold on. */
MUST_CHECK enum errc serve_set_limits(struct serve *serve, const struct settings *settings,
                                      const struct hold_limit *limits, struct err *err);

/*
 * Hand nothing over behind that record of the log of holds (UINT64_MAX: everything, as ever).
 * serve_is_handed(): what comes before it is in the inbox.
 */
void serve_hand_through(struct serve *serve, uint64_t number);
bool serve_is_handed(struct serve *serve);

/* What the last run has settled and not handed over any more; before the gateway runs. */
void serve_hand_over_left(struct serve *serve);

/* How upstreams are reached: proxies and authorities of the environment. */
struct net_client_settings serve_gateway_client(void);

/* ---- gateway_table.c */

/* The table of that configuration, which is held until the table is released.
 * Errors: ERR_CONFIG  a key of an upstream is not where it should be; those of file_read() and
 * gateway_table_create(). */
MUST_CHECK enum errc serve_gateway_table(struct serve *serve, const struct serve_config *config,
                                         struct gateway_table **out, struct err *err);

/* ---- gateway.c */

/* A request whose path is the gateway's. */
struct serve_caller;
void serve_gateway_handle(struct serve *serve, const struct net_request *request,
                          const struct serve_caller *caller, struct net_reply *reply);

/* OpenMetrics lines. */
void serve_gateway_metrics(struct serve *serve, struct text *out);

/* Tell the webhook of bursar.yaml, if there is one; from any thread. */
/* The sentence for people. */
void serve_webhook_line(const struct hold_notice *notice, struct text *out);
void serve_webhook_send(struct serve *serve, const struct hold_notice *notice, struct str line);

/* A message of kind SERVE_KIND_CALL. */
MUST_CHECK enum errc serve_decode_call(const struct journal_message *message, struct arena *arena,
                                       struct inbox_decoded *out, struct err *err);

/* ---- told.c */

/* Steps that budgets have passed: in the log, and to the webhook. */
void serve_tell_steps(struct serve *serve);

/* What has become of the clock that budgets go by, if anything. */
void serve_tell_clock(struct serve *serve);

#endif
