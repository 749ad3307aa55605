/* What a command opens: the ledger and the configuration, its own or the server's, and files
 * by the names it was given. */
#include <stdio.h>

#include "app/app.h"
#include "base/check.h"
#include "base/file.h"
#include "base/yaml.h"
#include "config/config.h"
#include "ingest/inbox.h"
#include "model/settings.h"
#include "price/price.h"

enum errc app_open_ledger(struct app *app, struct store **out, struct err *err)
{
    CHECK(app != NULL);
    CHECK(out != NULL);
    if (app->ledger == NULL) {
        return store_open(app->home, STORE_READ, out, err);
    }
    *out = app->ledger;
    return ERR_OK;
}

void app_close_ledger(const struct app *app, struct store **store)
{
    CHECK(app != NULL);
    CHECK(store != NULL);
    if (*store != app->ledger) {
        store_close(store);
    }
    *store = NULL;
}

enum errc app_open_writer(struct app *app, struct store **out, struct err *err)
{
    CHECK(app != NULL);
    CHECK(out != NULL);
    if (app->inbox == NULL) {
        return store_open(app->home, STORE_WRITE, out, err);
    }
    return inbox_borrow_store(app->inbox, out, err);
}

void app_close_writer(const struct app *app, struct store **store)
{
    CHECK(app != NULL);
    CHECK(store != NULL);
    if (app->inbox == NULL) {
        store_close(store);
    } else if (*store != NULL) {
        store_rollback(*store); /* nothing after a commit */
        inbox_return_store(app->inbox);
    }
    *store = NULL;
}

enum errc app_settings(struct app *app, const struct settings **out, struct err *err)
{
    CHECK(app != NULL);
    CHECK(out != NULL);

    if (app->settings != NULL) {
        *out = app->settings;
        return ERR_OK;
    }
    struct str text = {0};
    enum errc code = file_read(app->config_path, YAML_BYTES_MAX, app->arena, &text, err);
    if (code == ERR_NOT_FOUND && !app->config_named) {
        text = STR("");
        code = ERR_OK;
    }
    if (code != ERR_OK) {
        return code;
    }
    struct settings *const settings = arena_new(app->arena, struct settings, 1);
    if (settings == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for the configuration");
    }
    code = config_parse(app->config_path, text, app->arena, settings, err);
    if (code == ERR_OK && (settings->ledger_url.size > 0 || settings->control_url.size > 0)) {
        /* never a silent local ledger beside the one that is meant */
        return err_set(err, ERR_CONFIG,
                       STR_FORMAT
                       ": %s names another store, and this version keeps both in " STR_FORMAT
                       "; take the key out to use those",
                       STR_ARG(app->config_path),
                       settings->ledger_url.size > 0 ? "ledger" : "control", STR_ARG(app->home));
    }
    if (code == ERR_OK) {
        *out = settings;
    }
    return code;
}

enum errc app_price_book(struct app *app, const struct price_book **out, struct err *err)
{
    CHECK(app != NULL);
    CHECK(out != NULL);
    const struct price_book *shipped;
    enum errc code = price_book_parse(price_shipped(), app->arena, &shipped, err);
    CHECK(code == ERR_OK); /* the book this program was built with */
    const struct settings *settings = NULL;
    code = app_settings(app, &settings, err);
    return code == ERR_OK ? price_book_overlay(shipped, settings->prices, app->arena, out, err)
                          : code;
}

enum errc app_path(struct app *app, const char *named, const char **out, struct err *err)
{
    CHECK(named != NULL);
    CHECK(out != NULL);
    if (app->no_paths) {
        return err_set(err, ERR_USAGE,
                       "a file of the server's machine cannot be named over HTTP; send outcomes to "
                       "/api/v1/outcomes, or type the command on that machine");
    }
    if (app->cwd.size == 0 || named[0] == '/') {
        *out = named;
        return ERR_OK;
    }
    const size_t size = app->cwd.size + strlen(named) + 2;
    char *const path = arena_new(app->arena, char, size);
    if (path == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for the name of a file");
    }
    CHECK(snprintf(path, size, STR_FORMAT "/%s", STR_ARG(app->cwd), named) == (int)size - 1);
    *out = path;
    return ERR_OK;
}
