/* Earlier versions kept the journal in inbox.sqlite: what they left there is taken over. */
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "store/journal_priv.h"
#include "store/queries.h"

enum { OLDER_VERSION_MAX = 3, BUSY_MS_MAX = 10000 };

/* Of version i + 1. */
static const enum store_query queries[] = {QUERY_journal_older_1, QUERY_journal_older_2,
                                           QUERY_journal_older_3};

_Static_assert(COUNT_OF(queries) == OLDER_VERSION_MAX, "one query a version");

static enum errc fail(sqlite3 *database, const char *path, struct err *err)
{
    return err_set(err, ERR_STORE, "%s: %s", path,
                   database != NULL ? sqlite3_errmsg(database) : "no memory");
}

static enum errc check_version(sqlite3 *database, const char *path, int *out, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    enum errc code = ERR_OK;
    if (sqlite3_prepare_v2(database, store_query_texts[QUERY_control_version], -1, &statement,
                           NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW) {
        code = fail(database, path, err);
    } else {
        *out = sqlite3_column_int(statement, 0);
    }
    sqlite3_finalize(statement);
    if (code == ERR_OK && *out > OLDER_VERSION_MAX) {
        code = err_set(err, ERR_UNSUPPORTED,
                       "%s has schema %d, this program knows %d; use the newer bursar that made it",
                       path, *out, OLDER_VERSION_MAX);
    }
    return code;
}

static struct str column(sqlite3_stmt *statement, int at)
{
    const void *const data = sqlite3_column_blob(statement, at);
    return (struct str){data != NULL ? data : "", (size_t)sqlite3_column_bytes(statement, at)};
}

static enum errc copy_messages(struct journal *journal, sqlite3 *database, int version,
                               const char *path, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(database, store_query_texts[queries[version - 1]], -1, &statement,
                           NULL) != SQLITE_OK) {
        return fail(database, path, err);
    }
    enum errc code = ERR_OK;
    int found = SQLITE_DONE;
    while (code == ERR_OK && (found = sqlite3_step(statement)) == SQLITE_ROW) {
        struct journal_message message = {
            .kind = sqlite3_column_int64(statement, 0),
            .received_ns = sqlite3_column_int64(statement, 1),
            .bytes = column(statement, 2),
            .binding = {column(statement, 3), column(statement, 4), column(statement, 5)},
            .context = column(statement, 6)};
        code = journal_append(journal, &message, 1, 0, err);
    }
    if (code == ERR_OK && found != SQLITE_DONE) {
        code = fail(database, path, err);
    }
    sqlite3_finalize(statement);
    return code;
}

enum errc journal_take_over(struct journal *journal, struct str home, struct err *err)
{
    CHECK(journal != NULL);
    char path[JOURNAL_PATH_BYTES_MAX];
    char beside[JOURNAL_PATH_BYTES_MAX + 8];
    const int size = snprintf(path, sizeof path, STR_FORMAT "/inbox.sqlite", STR_ARG(home));
    CHECK(size > 0);
    if ((size_t)size >= sizeof path || access(path, F_OK) != 0) {
        return ERR_OK;
    }
    sqlite3 *database = NULL;
    int version = 0;
    enum errc code =
        sqlite3_open(path, &database) == SQLITE_OK ? ERR_OK : fail(database, path, err);
    if (code == ERR_OK) {
        sqlite3_busy_timeout(database, BUSY_MS_MAX);
        code = check_version(database, path, &version, err);
    }
    if (code == ERR_OK && version > 0) {
        code = copy_messages(journal, database, version, path, err);
    }
    sqlite3_close(database);
    if (code == ERR_OK) {
        (void)unlink(path);
        snprintf(beside, sizeof beside, "%s-wal", path);
        (void)unlink(beside);
        snprintf(beside, sizeof beside, "%s-shm", path);
        (void)unlink(beside);
    }
    return code;
}
