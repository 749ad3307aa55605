/* The table of upstreams and routes: built once, read by everybody, released by its last user. */
#include <stdio.h>

#include "base/check.h"
#include "base/memory.h"
#include "gateway/gateway_priv.h"

static enum errc add_upstream(struct gateway_table *table, const struct settings_upstream *from,
                              struct str secret, struct err *err)
{
    if (table->upstream_count == GATEWAY_UPSTREAMS_MAX) {
        return err_set(err, ERR_LIMIT, "more than %d upstreams", (int)GATEWAY_UPSTREAMS_MAX);
    }
    struct gateway_upstream *const upstream = &table->upstreams[table->upstream_count];
    const bool is_anthropic = from->has_dialect ? from->dialect == UPSTREAM_ANTHROPIC
                                                : str_starts_with(from->name, STR("anthropic"));
    const enum errc code =
        net_target_parse(from->base_url, &upstream->target, &upstream->path, err);
    if (code != ERR_OK) {
        err_prefix(err, "upstreams." STR_FORMAT ".base_url: ", STR_ARG(from->name));
        err->code = ERR_CONFIG;
        return ERR_CONFIG;
    }
    if (upstream->path.size > GATEWAY_PATH_BYTES_MAX) {
        return err_set(err, ERR_CONFIG,
                       "upstreams." STR_FORMAT ".base_url: its path is longer than %d bytes",
                       STR_ARG(from->name), (int)GATEWAY_PATH_BYTES_MAX);
    }
    upstream->name = from->name;
    upstream->dialect = is_anthropic ? PROVIDER_ANTHROPIC : PROVIDER_OPENAI;
    upstream->default_tier = from->default_tier;
    upstream->provider = from->provider.size > 0 ? from->provider : from->name;
    if (secret.size > 0) {
        const int size = snprintf(upstream->secret, sizeof upstream->secret, "%s" STR_FORMAT,
                                  is_anthropic ? "" : "Bearer ", STR_ARG(secret));
        if (size < 0 || (size_t)size >= sizeof upstream->secret) {
            return err_set(err, ERR_CONFIG,
                           "upstreams." STR_FORMAT ": the key is longer than %d "
                           "bytes",
                           STR_ARG(from->name), (int)GATEWAY_SECRET_BYTES_MAX);
        }
        upstream->secret_size = (size_t)size;
    }
    table->upstream_count++;
    return ERR_OK;
}

static bool has_upstream(const struct gateway_table *table, struct str name)
{
    for (size_t i = 0; i < table->upstream_count; i++) {
        if (str_equal(table->upstreams[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* Names of models as long as those of requests, as scopes are made of them. */
static bool has_long_name(const struct settings_route *route)
{
    bool has = route->model.size > PROVIDER_NAME_BYTES_MAX ||
               route->under_pressure.size > PROVIDER_NAME_BYTES_MAX;
    for (size_t i = 0; i < route->fallback_count; i++) {
        has = has || route->fallback[i].size > PROVIDER_NAME_BYTES_MAX;
    }
    return has;
}

enum errc gateway_table_create(const struct settings *settings, const struct str *secrets,
                               const struct price_book *book, struct gateway_table **out,
                               struct err *err)
{
    CHECK(settings != NULL);
    CHECK(book != NULL);
    struct gateway_table *table = memory_new(struct gateway_table);
    enum errc code = ERR_OK;
    table->settings = settings;
    table->book = book;
    atomic_store(&table->users, 1);
    for (size_t i = 0; i < settings->upstreams.count && code == ERR_OK; i++) {
        code = add_upstream(table, &settings->upstreams.rows[i], secrets[i], err);
    }
    for (size_t i = 0; i < settings->workflows.count; i++) {
        table->keeps_bodies =
            table->keeps_bodies || settings->workflows.rows[i].keep_bodies != NULL;
    }
    for (size_t i = 0; i < settings->routes.count && code == ERR_OK; i++) {
        const struct settings_route *const route = &settings->routes.rows[i];
        if (route->upstream.size > 0 && !has_upstream(table, route->upstream)) {
            code = err_set(err, ERR_CONFIG,
                           "routes[%zu].upstream: upstreams has no \"" STR_FORMAT
                           "\"; bursar doctor lists those there are",
                           i, STR_ARG(route->upstream));
        } else if (1 + route->fallback_count > GATEWAY_CHAIN_MAX) {
            code = err_set(err, ERR_CONFIG, "routes[%zu].fallback: more than %d models", i,
                           (int)GATEWAY_CHAIN_MAX - 1);
        } else if (has_long_name(route)) {
            code = err_set(err, ERR_CONFIG, "routes[%zu] names a model by more than %d bytes", i,
                           (int)PROVIDER_NAME_BYTES_MAX);
        }
    }
    if (code == ERR_OK) {
        code = gateway_names_make(table, err);
    }
    if (code != ERR_OK) {
        memory_free(table->names);
        memory_free(table);
        return code;
    }
    table->rules = memory_new_array(struct gateway_rule, settings->routes.count + 1);
    for (size_t i = 0; i < settings->routes.count; i++) {
        gateway_rule_make(table, &settings->routes.rows[i], &table->rules[i]);
    }
    *out = table;
    return ERR_OK;
}

void gateway_table_on_release(struct gateway_table *table, void (*released)(void *context),
                              void *context)
{
    CHECK(table != NULL);
    table->released = released;
    table->context = context;
}

void gateway_table_release(struct gateway_table *table)
{
    CHECK(table != NULL);
    if (atomic_fetch_sub(&table->users, 1) > 1) {
        return;
    }
    if (table->released != NULL) {
        table->released(table->context);
    }
    memset(table->upstreams, 0, sizeof table->upstreams); /* secrets */
    memory_free(table->rules);
    memory_free(table->names);
    memory_free(table);
}

void gateway_table_destroy(struct gateway_table **table)
{
    CHECK(table != NULL);
    if (*table != NULL) {
        gateway_table_release(*table);
        *table = NULL;
    }
}

struct gateway_table *gateway_table_use(struct gateway *gateway)
{
    pthread_mutex_lock(&gateway->lock);
    struct gateway_table *const table = gateway->table;
    atomic_fetch_add(&table->users, 1);
    pthread_mutex_unlock(&gateway->lock);
    return table;
}

void gateway_set_table(struct gateway *gateway, struct gateway_table *table)
{
    CHECK(gateway != NULL);
    CHECK(table != NULL);
    pthread_mutex_lock(&gateway->lock);
    struct gateway_table *const old = gateway->table;
    table->number = ++gateway->tables;
    gateway->table = table;
    pthread_mutex_unlock(&gateway->lock);
    gateway_table_release(old);
}
