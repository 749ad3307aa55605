/* The gateway's table of bursar.yaml: with the keys of its upstreams, borrowed from the
 * configuration. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/file.h"
#include "base/memory.h"
#include "serve/gateway.h"
#include "serve/serve.h"

enum { SECRET_FILE_BYTES_MAX = 4096 };

#define ARENA_BYTES_MAX ((size_t)64 << 20)

/* The key of an upstream: of its variable, or the first line of its file. */
static enum errc read_secret(const struct settings_upstream *upstream, struct arena *arena,
                             struct str *out, struct err *err)
{
    char name[256];
    *out = (struct str){0};
    if (upstream->api_key_env.size > 0) {
        snprintf(name, sizeof name, STR_FORMAT, STR_ARG(upstream->api_key_env));
        const char *const value = getenv(name);
        if (value == NULL || value[0] == '\0') {
            return err_set(err, ERR_CONFIG,
                           "upstreams." STR_FORMAT ".api_key_env: the environment has no %s; set "
                           "it where bursar serve is started",
                           STR_ARG(upstream->name), name);
        }
        *out = str_from(value);
        return ERR_OK;
    }
    if (upstream->api_key_file.size == 0) {
        return ERR_OK;
    }
    struct str text;
    const enum errc code =
        file_read(upstream->api_key_file, SECRET_FILE_BYTES_MAX, arena, &text, err);
    if (code != ERR_OK) {
        err_prefix(err, "upstreams." STR_FORMAT ".api_key_file: ", STR_ARG(upstream->name));
        return code;
    }
    *out = str_trim(str_cut(&text, '\n'));
    if (out->size == 0) {
        return err_set(err, ERR_CONFIG, STR_FORMAT ": the first line has no key",
                       STR_ARG(upstream->api_key_file));
    }
    return ERR_OK;
}

/* What a table borrows from, to be given back with it. */
struct borrowed {
    struct serve *serve;
    const struct serve_config *config;
};

static void give_back(void *context)
{
    struct borrowed *const borrowed = context;
    serve_config_give(borrowed->serve, borrowed->config);
    memory_free(borrowed);
}

enum errc serve_gateway_table(struct serve *serve, const struct serve_config *config,
                              struct gateway_table **out, struct err *err)
{
    const struct settings *const settings = config->settings;
    struct arena arena;
    enum errc code = ERR_OK;
    arena_init(&arena, ARENA_BYTES_MAX);
    struct str *const secrets = arena_new(&arena, struct str, settings->upstreams.count + 1);
    CHECK(secrets != NULL);
    for (size_t i = 0; i < settings->upstreams.count && code == ERR_OK; i++) {
        code = read_secret(&settings->upstreams.rows[i], &arena, &secrets[i], err);
    }
    if (code == ERR_OK) {
        code = gateway_table_create(settings, secrets, config->book, out, err);
    }
    if (code == ERR_OK) {
        struct borrowed *const borrowed = memory_new(struct borrowed);
        *borrowed = (struct borrowed){serve, config};
        serve_config_hold(serve, config);
        gateway_table_on_release(*out, give_back, borrowed);
    }
    arena_deinit(&arena);
    if (code != ERR_OK) {
        err_prefix(err, STR_FORMAT ": ", STR_ARG(serve->app->config_path));
    }
    return code;
}
