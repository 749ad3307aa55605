/*
 * What the server goes by, read whole at start and again at SIGHUP: bursar.yaml and the price book
 * over it. Whoever uses one holds it until it is done; the last one frees it.
 */
#include "serve/serve.h"

#include <stdio.h>

#include "app/audit.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "model/settings.h"

#define CONFIG_BYTES_MAX ((size_t)64 << 20)
#define MIB              ((size_t)1 << 20)

enum { MS_PER_SECOND = 1000 };

static enum errc read_config(struct serve *serve, struct serve_config **out, struct err *err)
{
    struct serve_config *config = memory_new(struct serve_config);
    arena_init(&config->arena, CONFIG_BYTES_MAX);
    config->holders = 1;
    struct app app = *serve->app;
    app.arena = &config->arena;
    app.settings = NULL;
    enum errc code = app_settings(&app, &config->settings, err);
    if (code == ERR_OK) {
        app.settings = config->settings;
        code = app_price_book(&app, &config->book, err);
    }
    if (code != ERR_OK) {
        arena_deinit(&config->arena);
        memory_free(config);
        return code;
    }
    *out = config;
    return ERR_OK;
}

enum errc serve_config_open(struct serve *serve, struct err *err)
{
    CHECK(serve != NULL);
    const enum errc code = read_config(serve, &serve->config, err);
    if (code == ERR_OK) {
        atomic_store(&serve->require_keys, serve->config->settings->require_keys);
    }
    return code;
}

const struct serve_config *serve_config_take(struct serve *serve)
{
    CHECK(serve != NULL);
    pthread_mutex_lock(&serve->config_lock);
    struct serve_config *const config = serve->config;
    config->holders++;
    pthread_mutex_unlock(&serve->config_lock);
    return config;
}

void serve_config_hold(struct serve *serve, const struct serve_config *config)
{
    CHECK(config != NULL);
    pthread_mutex_lock(&serve->config_lock);
    ((struct serve_config *)(uintptr_t)config)->holders++;
    pthread_mutex_unlock(&serve->config_lock);
}

void serve_config_give(struct serve *serve, const struct serve_config *config)
{
    CHECK(config != NULL);
    pthread_mutex_lock(&serve->config_lock);
    struct serve_config *const own = (struct serve_config *)(uintptr_t)config;
    const bool last = --own->holders == 0;
    pthread_mutex_unlock(&serve->config_lock);
    if (last) {
        arena_deinit(&own->arena);
        memory_free(own);
    }
}

void serve_config_close(struct serve *serve)
{
    CHECK(serve != NULL);
    if (serve->config != NULL) {
        serve_config_give(serve, serve->config);
        serve->config = NULL;
    }
}

struct net_limits serve_net_limits(const struct settings *settings)
{
    CHECK(settings != NULL);
    const struct settings_limits *const from = &settings->limits;
    return (struct net_limits){
        .body_bytes_max = (size_t)from->body_mib * MIB,
        .held_bytes_max = (size_t)from->memory_mib * MIB,
        .connections_max = (int)from->connections,
        .head_ms_max = (int)from->head_seconds * MS_PER_SECOND,
        .body_ms_max = (int)from->body_seconds * MS_PER_SECOND,
        .idle_ms_max = (int)from->idle_seconds * MS_PER_SECOND,
        .write_ms_max = (int)from->write_seconds * MS_PER_SECOND,
    };
}

struct inbox_limits serve_inbox_limits(const struct settings *settings)
{
    CHECK(settings != NULL);
    const struct settings_limits *const from = &settings->limits;
    return (struct inbox_limits){.queue_bytes_max = (size_t)from->queue_mib * MIB,
                                 .journal_bytes_max = from->journal_mib * (int64_t)MIB};
}

/* Keys of the file whose change only a restart brings about. */
static void tell_what_stays(struct serve *serve, const struct settings *old,
                            const struct settings *new)
{
    if (!serve->listen_given && !str_equal(old->listen, new->listen)) {
        serve_tell(serve, "reload: listen takes a restart");
    }
    if ((old->tls.certificate.size > 0) != (new->tls.certificate.size > 0)) {
        serve_tell(serve, "reload: turning tls on or off takes a restart");
    }
}

/* Everything that can fail comes before anything that changes. */
static enum errc swap(struct serve *serve, struct err *err)
{
    struct serve_config *new = NULL;
    enum errc code = read_config(serve, &new, err);
    if (code != ERR_OK) {
        return code;
    }
    struct serve_config *const old = serve->config;
    const struct settings_tls *const tls = &new->settings->tls;
    const bool has_tls = old->settings->tls.certificate.size > 0 && tls->certificate.size > 0;
    if (has_tls) {
        code = net_server_reload(serve->net, tls->certificate.data, tls->private_key.data, err);
    }
    if (code == ERR_OK) {
        code = serve_gateway_change(serve, new, err);
    }
    if (code != ERR_OK) {
        serve_config_give(serve, new);
        return code;
    }
    struct net_limits limits = serve_net_limits(new->settings);
    const struct serve_files files = serve_raise_files(new->settings, limits.connections_max);
    limits.connections_max = files.connections;
    const struct inbox_limits inbox = serve_inbox_limits(new->settings);
    tell_what_stays(serve, old->settings, new->settings);
    net_loops_limit_sockets(net_server_loops(serve->net), files.sockets);
    net_server_limit(serve->net, &limits);
    inbox_change(serve->inbox, new->book, &inbox);
    atomic_store(&serve->require_keys, new->settings->require_keys);
    pthread_mutex_lock(&serve->config_lock);
    serve->config = new;
    pthread_mutex_unlock(&serve->config_lock);
    serve_config_give(serve, old);
    return ERR_OK;
}

void serve_config_reload(struct serve *serve)
{
    CHECK(serve != NULL);
    struct err err;
    if (swap(serve, &err) != ERR_OK) {
        err_prefix(&err, "reload refused, everything stays as it was: ");
        serve_tell(serve, err.text);
        return;
    }
    struct app app = *serve->app;
    app.now_ns = clock_now_ns();
    if (app_audit(&app, "serve reload", app.config_path, STR(""), &err) != ERR_OK) {
        serve_tell(serve, err.text);
    }
    serve_tell(serve, "reload: the configuration was read anew");
}
