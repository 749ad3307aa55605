/*
 * Which clients a route is for: those whose upstream can serve its model.
 *
 * Nothing is translated, so a route to another upstream is for clients that speak as that one does.
 * A route that names none leaves a call where it was asked, and is for the upstreams whose provider
 * has its model by the price book. What no price book knows (a model of one's own, another name of
 * one) may be anybody's: such a route is for all.
 */
#include "base/check.h"
#include "gateway/gateway_priv.h"

#define EVERYBODY UINT64_MAX

static bool has_model(const struct gateway_table *table, size_t at, struct str model)
{
    const char *why = NULL;
    return price_find(table->book, table->upstreams[at].provider, model, NULL, &why) != NULL;
}

/* By the price book: those that have the model; of the others those of which it cannot tell. */
static uint64_t by_the_book(const struct gateway_table *table, struct str model)
{
    uint64_t has = 0;
    uint64_t may = 0;
    for (size_t i = 0; i < table->upstream_count; i++) {
        has |= (uint64_t)has_model(table, i, model) << i;
    }
    for (size_t i = 0; i < table->upstream_count; i++) {
        const bool is_known = price_knows_provider(table->book, table->upstreams[i].provider);
        bool elsewhere = false;
        for (size_t j = 0; j < table->upstream_count; j++) {
            elsewhere = elsewhere ||
                        ((has >> j & 1) != 0 &&
                         (is_known || table->upstreams[i].dialect != table->upstreams[j].dialect));
        }
        may |= (uint64_t)!elsewhere << i;
    }
    return has | may;
}

static uint64_t that_speak_as(const struct gateway_table *table, struct str upstream)
{
    uint64_t same = 0;
    for (size_t i = 0; i < table->upstream_count; i++) {
        for (size_t j = 0; j < table->upstream_count; j++) {
            same |= (uint64_t)(str_equal(table->upstreams[j].name, upstream) &&
                               table->upstreams[i].dialect == table->upstreams[j].dialect)
                    << i;
        }
    }
    return same;
}

static uint64_t for_whom(const struct gateway_table *table, const struct settings_route *route,
                         struct str model)
{
    if (route->upstream.size > 0) {
        return that_speak_as(table, route->upstream);
    }
    return model.size == 0 || table->upstream_count < 2 ? EVERYBODY : by_the_book(table, model);
}

void gateway_rule_make(const struct gateway_table *table, const struct settings_route *route,
                       struct gateway_rule *out)
{
    CHECK(route->fallback_count < GATEWAY_CHAIN_MAX);
    *out = (struct gateway_rule){.model = route->to_people ? EVERYBODY
                                                           : for_whom(table, route, route->model),
                                 .under_pressure = for_whom(table, route, route->under_pressure)};
    for (size_t i = 0; i < route->fallback_count; i++) {
        out->fallback[i] = for_whom(table, route, route->fallback[i]);
    }
}

static bool is_for(uint64_t whom, const struct exchange *exchange)
{
    const size_t at = (size_t)(exchange->asked - exchange->table->upstreams);
    CHECK(at < exchange->table->upstream_count);
    return (whom >> at & 1) != 0;
}

static const struct gateway_rule *rule_of(const struct exchange *exchange,
                                          const struct settings_route *route)
{
    CHECK(route != NULL);
    return &exchange->table->rules[route - exchange->table->settings->routes.rows];
}

bool gateway_route_is_for(const struct exchange *exchange, const struct settings_route *route)
{
    return is_for(rule_of(exchange, route)->model, exchange);
}

bool gateway_fallback_is_for(const struct exchange *exchange, size_t number)
{
    CHECK(number < exchange->route->fallback_count);
    return is_for(rule_of(exchange, exchange->route)->fallback[number], exchange);
}

bool gateway_pressed_is_for(const struct exchange *exchange)
{
    return exchange->method == PROVIDER_METHOD_NONE &&
           is_for(rule_of(exchange, exchange->route)->under_pressure, exchange);
}

/* ---- for doctor */

bool gateway_passes_over(const struct gateway_table *table, size_t route, size_t upstream)
{
    CHECK(route < table->settings->routes.count);
    CHECK(upstream < table->upstream_count);
    const struct str matched = table->settings->routes.rows[route].matched_model;
    return (table->rules[route].model >> upstream & 1) == 0 &&
           (matched.size == 0 || has_model(table, upstream, matched));
}

struct str gateway_never_tried(const struct gateway_table *table, size_t route)
{
    CHECK(route < table->settings->routes.count);
    const struct settings_route *const row = &table->settings->routes.rows[route];
    const struct gateway_rule *const rule = &table->rules[route];
    const uint64_t all = table->upstream_count < GATEWAY_UPSTREAMS_MAX
                             ? ((uint64_t)1 << table->upstream_count) - 1
                             : EVERYBODY;
    for (size_t i = 0; i < row->fallback_count; i++) {
        if ((rule->model & rule->fallback[i] & all) == 0) {
            return row->fallback[i];
        }
    }
    return row->under_pressure.size > 0 && (rule->model & rule->under_pressure & all) == 0
               ? row->under_pressure
               : (struct str){0};
}
