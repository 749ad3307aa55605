#include "store/control.h"

#include <stdio.h>

#include "base/check.h"
#include "base/memory.h"
#include "store/control_priv.h"

enum { CONTROL_VERSION = 2, BUSY_MS_MAX = 5000 };

/* Migration i takes version i to i + 1. */
static const enum store_query migrations[] = {QUERY_control_version_1, QUERY_control_version_2};

_Static_assert(COUNT_OF(migrations) == CONTROL_VERSION, "one migration a version");

enum errc control_fail(const struct control *control, struct err *err)
{
    CHECK(control != NULL);
    const int code = control->database != NULL ? sqlite3_errcode(control->database) : SQLITE_NOMEM;
    const char *const said = control->database != NULL ? sqlite3_errmsg(control->database) : "";
    if (code == SQLITE_BUSY) {
        return err_set(err, ERR_BUSY, "%s is locked by another process for more than %d s",
                       control->path, BUSY_MS_MAX / 1000);
    }
    return err_set(err, ERR_STORE, "%s: %s", control->path, said);
}

static enum errc run(struct control *control, enum store_query query, struct err *err)
{
    const int code = sqlite3_exec(control->database, store_query_texts[query], NULL, NULL, NULL);
    return code == SQLITE_OK ? ERR_OK : control_fail(control, err);
}

enum errc control_prepare(struct control *control, enum store_query query, sqlite3_stmt **out,
                          struct err *err)
{
    const int code = sqlite3_prepare_v2(control->database, store_query_texts[query], -1, out, NULL);
    return code == SQLITE_OK ? ERR_OK : control_fail(control, err);
}

static enum errc version_of(struct control *control, int *out, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    enum errc code = control_prepare(control, QUERY_control_version, &statement, err);
    if (code == ERR_OK && sqlite3_step(statement) != SQLITE_ROW) {
        code = control_fail(control, err);
    }
    if (code == ERR_OK) {
        *out = sqlite3_column_int(statement, 0);
    }
    sqlite3_finalize(statement);
    return code;
}

static enum errc migrate(struct control *control, struct err *err)
{
    int version = 0;
    enum errc code = run(control, QUERY_control_settings, err);
    if (code == ERR_OK) {
        code = version_of(control, &version, err);
    }
    if (code == ERR_OK && version > CONTROL_VERSION) {
        code = err_set(err, ERR_UNSUPPORTED,
                       "%s has schema %d, this program knows %d; use the newer bursar that made it",
                       control->path, version, CONTROL_VERSION);
    }
    for (; code == ERR_OK && version < CONTROL_VERSION; version++) {
        code = run(control, migrations[version], err);
    }
    return code;
}

enum errc control_open(struct str home, struct control **out, struct err *err)
{
    CHECK(out != NULL);
    struct control *control = memory_new(struct control);
    const int size =
        snprintf(control->path, sizeof control->path, STR_FORMAT "/control.sqlite", STR_ARG(home));
    if (size < 0 || (size_t)size >= sizeof control->path) {
        memory_free(control);
        return err_set(err, ERR_USAGE, "the home directory's name is too long");
    }
    enum errc code = ERR_OK;
    if (sqlite3_open(control->path, &control->database) != SQLITE_OK) {
        code = control_fail(control, err);
    }
    if (code == ERR_OK) {
        sqlite3_busy_timeout(control->database, BUSY_MS_MAX);
        code = migrate(control, err);
    }
    if (code != ERR_OK) {
        control_close(&control);
        return code;
    }
    *out = control;
    return ERR_OK;
}

void control_close(struct control **control)
{
    CHECK(control != NULL);
    if (*control != NULL) {
        sqlite3_close((*control)->database);
        memory_free(*control);
        *control = NULL;
    }
}

bool control_bind(sqlite3_stmt *statement, int at, struct str text)
{
    const char *const data = text.data != NULL ? text.data : "";
    return text.size <= INT32_MAX &&
           sqlite3_bind_text(statement, at, data, (int)text.size, SQLITE_STATIC) == SQLITE_OK;
}

enum errc control_add_audit(struct control *control, const struct control_audit *audit,
                            struct err *err)
{
    CHECK(control != NULL);
    CHECK(audit != NULL);
    sqlite3_stmt *statement = NULL;
    enum errc code = control_prepare(control, QUERY_control_add_audit, &statement, err);
    if (code == ERR_OK &&
        (sqlite3_bind_int64(statement, 1, audit->at_ns) != SQLITE_OK ||
         !control_bind(statement, 2, audit->actor) || !control_bind(statement, 3, audit->action) ||
         !control_bind(statement, 4, audit->subject) ||
         !control_bind(statement, 5, audit->detail) || sqlite3_step(statement) != SQLITE_DONE)) {
        code = control_fail(control, err);
    }
    sqlite3_finalize(statement);
    return code;
}

struct str control_column(sqlite3_stmt *statement, int at, struct arena *arena)
{
    const struct str text = {(const char *)sqlite3_column_text(statement, at),
                             (size_t)sqlite3_column_bytes(statement, at)};
    return arena_copy(arena, text);
}

enum errc control_audits(struct control *control, size_t max, struct arena *arena,
                         struct control_audits *out, struct err *err)
{
    CHECK(control != NULL);
    CHECK(max <= INT32_MAX);
    CHECK(out != NULL);
    struct {
        struct control_audit *rows;
        size_t count;
        size_t capacity;
    } audits = {0};
    sqlite3_stmt *statement = NULL;
    enum errc code = control_prepare(control, QUERY_control_audits, &statement, err);
    if (code == ERR_OK && sqlite3_bind_int64(statement, 1, (int64_t)max) != SQLITE_OK) {
        code = control_fail(control, err);
    }
    int step = SQLITE_DONE;
    while (code == ERR_OK && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        const struct control_audit audit = {.at_ns = sqlite3_column_int64(statement, 0),
                                            .actor = control_column(statement, 1, arena),
                                            .action = control_column(statement, 2, arena),
                                            .subject = control_column(statement, 3, arena),
                                            .detail = control_column(statement, 4, arena)};
        const size_t at = arena_push(arena, &audits);
        if (at == SIZE_MAX || audit.actor.data == NULL || audit.action.data == NULL ||
            audit.subject.data == NULL || audit.detail.data == NULL) {
            code =
                err_set(err, ERR_LIMIT, "the audit trail does not fit %zu bytes", arena->size_max);
            break;
        }
        audits.rows[at] = audit;
    }
    if (code == ERR_OK && step != SQLITE_DONE) {
        code = control_fail(control, err);
    }
    sqlite3_finalize(statement);
    if (code == ERR_OK) {
        *out = (struct control_audits){audits.rows, audits.count};
    }
    return code;
}
