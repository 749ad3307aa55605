/*
 * gateway/table_priv: what the calls of one configuration go by: its upstreams, prices and rules.
 *
 * Made whole and not changed after, but for who uses it; a new one takes its place, and it is kept
 * until the last exchange that began with it is over.
 */
#ifndef GATEWAY_TABLE_PRIV_H
#define GATEWAY_TABLE_PRIV_H

#include <stdatomic.h>

#include "gateway/gateway.h"
#include "wire/provider.h"

struct gateway_upstream {
    struct str name;
    enum provider_dialect dialect;
    struct net_target target;
    struct str path; /* of the base URL, without a '/' at its end */
    struct str provider;
    enum service_tier default_tier;
    char secret[GATEWAY_SECRET_BYTES_MAX + 1]; /* a whole field's value */
    size_t secret_size;
};

/* Clients of which upstreams a route and its models are for: bit per upstream. */
struct gateway_rule {
    uint64_t model;
    uint64_t under_pressure;
    uint64_t fallback[GATEWAY_CHAIN_MAX - 1];
};
_Static_assert(GATEWAY_UPSTREAMS_MAX <= 64, "a bit for each");

/* A model as a limit names it, where the price book names it otherwise. */
struct gateway_name {
    struct str limit;
    struct str model;
    const struct gateway_upstream *upstream; /* whose prices know both */
};

struct gateway_table {
    uint64_t number; /* of the gateway's tables, from 1; a book is known by it */
    const struct settings *settings;
    const struct price_book *book;
    struct gateway_upstream upstreams[GATEWAY_UPSTREAMS_MAX];
    size_t upstream_count;
    struct gateway_rule *rules; /* [settings->routes.count] */
    struct gateway_name *names; /* [name_count] owned */
    size_t name_count;
    bool keeps_bodies;     /* those of some workflow */
    _Atomic int64_t users; /* the gateway and exchanges */
    void (*released)(void *context);
    void *context;
};

/* ---- table.c */

struct gateway_table *gateway_table_use(struct gateway *gateway);
void gateway_table_release(struct gateway_table *table);

/* ---- names.c */

/* table->names, of its upstreams and the limits of its settings. Errors: ERR_CONFIG. */
MUST_CHECK enum errc gateway_names_make(struct gateway_table *table, struct err *err);

/* ---- serves.c: which clients a route is for */

void gateway_rule_make(const struct gateway_table *table, const struct settings_route *route,
                       struct gateway_rule *out);

#endif
