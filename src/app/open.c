/* What a command opens: the ledger, its own or the server's, and files by the names it was given.
 */
#include <stdio.h>

#include "app/app.h"
#include "base/check.h"
#include "ingest/inbox.h"

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
