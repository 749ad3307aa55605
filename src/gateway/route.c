/* Which model serves a call, where, and what is tried next when that fails. */
#include <stdio.h>

#include "base/check.h"
#include "base/hash.h"
#include "gateway/gateway_priv.h"

enum { FAILURES_MAX = 5 }; /* one after the other; then the circuit opens */
#define OPEN_NS (INT64_C(10) * 1000000000)

static bool fits(struct str wanted, struct str found)
{
    return wanted.size == 0 || str_equal(wanted, found);
}

const struct settings_route *gateway_route(struct exchange *exchange)
{
    const struct gateway_table *const table = exchange->table;
    const struct str workflow = provider_text_str(&exchange->who.workflow);
    const struct settings_workflow *const known = settings_workflow(table->settings, workflow);
    const enum risk risk = known != NULL ? known->risk : RISK_NORMAL;
    for (size_t i = 0; i < table->settings->routes.count; i++) {
        const struct settings_route *const route = &table->settings->routes.rows[i];
        if (fits(route->workflow, workflow) && (!route->has_risk || route->risk == risk) &&
            fits(route->matched_model, provider_text_str(&exchange->model))) {
            if (gateway_route_is_for(exchange, route)) {
                return route;
            }
            exchange->passed_over = exchange->passed_over == 0 ? i + 1 : exchange->passed_over;
        }
    }
    return NULL;
}

static const struct gateway_upstream *upstream_of(const struct exchange *exchange)
{
    const struct settings_route *const route = exchange->route;
    const struct gateway_table *const table = exchange->table;
    for (size_t i = 0; route != NULL && route->upstream.size > 0 && i < table->upstream_count;
         i++) {
        if (str_equal(table->upstreams[i].name, route->upstream)) {
            CHECK(table->upstreams[i].dialect == exchange->dialect);
            return &table->upstreams[i];
        }
    }
    return exchange->asked;
}

static void add(struct exchange *exchange, struct str model, const char *why)
{
    CHECK(exchange->chain_count < GATEWAY_CHAIN_MAX);
    exchange->chain[exchange->chain_count++] =
        (struct gateway_candidate){.model = model, .upstream = upstream_of(exchange), .why = why};
}

void gateway_chain(struct exchange *exchange)
{
    const struct settings_route *const route = exchange->route;
    exchange->chain_count = 0;
    if (route == NULL || exchange->model.size == 0 || exchange->method != PROVIDER_METHOD_NONE) {
        add(exchange, (struct str){0}, "as asked");
        return;
    }
    const bool is_other =
        route->model.size > 0 && !str_equal(route->model, provider_text_str(&exchange->model));
    add(exchange, is_other ? route->model : (struct str){0}, is_other ? "" : "as asked");
    for (size_t i = 0; i < route->fallback_count; i++) {
        if (!gateway_fallback_is_for(exchange, i)) {
            continue;
        }
        add(exchange, route->fallback[i], "fallback");
    }
}

struct str gateway_model(const struct exchange *exchange)
{
    const struct gateway_candidate *const candidate = &exchange->chain[exchange->chain_at];
    return candidate->model.size > 0 ? candidate->model : provider_text_str(&exchange->model);
}

void gateway_reason(const struct exchange *exchange, char out[static GATEWAY_REASON_BYTES])
{
    CHECK(exchange->chain_at < exchange->chain_count);
    const struct gateway_candidate *const candidate = &exchange->chain[exchange->chain_at];
    const struct str after = text_str(&exchange->after);
    const struct str asked = provider_text_str(&exchange->model);
    const bool is_other = candidate->model.size > 0 && !str_equal(candidate->model, asked);
    char route[48] = "";
    if (is_other) {
        CHECK(exchange->route != NULL);
        snprintf(route, sizeof route, "%sroute %td in place of ",
                 candidate->why[0] != '\0' ? "; " : "",
                 exchange->route - exchange->table->settings->routes.rows + 1);
    }
    const struct str parts[] = {str_from(candidate->why), after.size > 0 ? STR(": ") : STR(""),
                                after, str_from(route), is_other ? asked : STR("")};
    const size_t size = str_join(out, GATEWAY_REASON_BYTES, parts, COUNT_OF(parts));
    if (exchange->passed_over > 0) {
        snprintf(out + size, GATEWAY_REASON_BYTES - size,
                 "; route %zu passed over: " STR_FORMAT " cannot serve its model",
                 exchange->passed_over, STR_ARG(exchange->asked->name));
    }
}

/* NULL: none has failed, or more pairs than there is room for; those are never given up. */
static struct gateway_breaker *breaker_of(struct gateway *gateway,
                                          const struct gateway_candidate *candidate,
                                          struct str model, bool make)
{
    const uint64_t key = hash64_of(candidate->upstream->name, model) | 1;
    struct gateway_breaker *found = NULL;
    bool is_end = false;
    pthread_mutex_lock(&gateway->lock);
    for (size_t i = 0; i < GATEWAY_BREAKERS_MAX && found == NULL && !is_end; i++) {
        struct gateway_breaker *const breaker =
            &gateway->breakers[(key + i) % GATEWAY_BREAKERS_MAX];
        if (breaker->key == 0 && make) {
            breaker->key = key;
        }
        is_end = breaker->key == 0;
        found = breaker->key == key ? breaker : NULL;
    }
    pthread_mutex_unlock(&gateway->lock);
    return found;
}

bool gateway_is_open(struct gateway *gateway, const struct gateway_candidate *candidate,
                     struct str model, int64_t now_ns)
{
    struct gateway_breaker *const breaker = breaker_of(gateway, candidate, model, false);
    if (breaker == NULL || atomic_load(&breaker->failures) < FAILURES_MAX) {
        return false;
    }
    /* Half open: one call in a while finds out whether it goes well again. */
    int64_t until_ns = atomic_load(&breaker->open_until_ns);
    return now_ns < until_ns ||
           !atomic_compare_exchange_strong(&breaker->open_until_ns, &until_ns, now_ns + OPEN_NS);
}

void gateway_note_result(struct gateway *gateway, const struct gateway_candidate *candidate,
                         struct str model, bool went_well, int64_t now_ns)
{
    /* Only what fails takes a place: clients name models as they like. */
    struct gateway_breaker *const breaker = breaker_of(gateway, candidate, model, !went_well);
    if (breaker == NULL) {
        return;
    }
    if (went_well) {
        atomic_store(&breaker->failures, 0);
    } else if (atomic_fetch_add(&breaker->failures, 1) + 1 == FAILURES_MAX) {
        atomic_store(&breaker->open_until_ns, now_ns + OPEN_NS);
        atomic_fetch_add(&gateway->counts.tripped, 1);
    }
}
