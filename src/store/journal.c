#include "store/journal.h"

#include <sqlite3.h>
#include <stdio.h>

#include "base/check.h"
#include "base/memory.h"
#include "store/queries.h"

enum { JOURNAL_VERSION = 3, BUSY_MS_MAX = 10000, PATH_BYTES_MAX = 4096 };

/* Migration i takes version i to i + 1. */
static const enum store_query migrations[] = {QUERY_journal_version_1, QUERY_journal_version_2,
                                              QUERY_journal_version_3};

_Static_assert(COUNT_OF(migrations) == JOURNAL_VERSION, "one migration a version");

static const enum store_query statements[] = {
    QUERY_journal_begin,  QUERY_journal_commit, QUERY_journal_rollback, QUERY_journal_append,
    QUERY_journal_remove, QUERY_journal_read,   QUERY_journal_measure,
};

enum statement { BEGIN, COMMIT, ROLLBACK, APPEND, REMOVE, READ, MEASURE };

struct journal {
    sqlite3 *database;
    sqlite3_stmt *statements[COUNT_OF(statements)];
    char path[PATH_BYTES_MAX];
};

static enum errc fail(const struct journal *journal, struct err *err)
{
    const int code = journal->database != NULL ? sqlite3_errcode(journal->database) : SQLITE_NOMEM;
    const char *const said = journal->database != NULL ? sqlite3_errmsg(journal->database) : "";
    if (code == SQLITE_BUSY) {
        return err_set(err, ERR_BUSY, "%s is locked by another process for more than %d s",
                       journal->path, BUSY_MS_MAX / 1000);
    }
    return err_set(err, ERR_STORE, "%s: %s", journal->path, said);
}

static enum errc make(struct journal *journal, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    enum errc code = ERR_OK;
    if (sqlite3_exec(journal->database, store_query_texts[QUERY_journal_settings], NULL, NULL,
                     NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(journal->database, store_query_texts[QUERY_control_version], -1,
                           &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW) {
        code = fail(journal, err);
    }
    int version = code == ERR_OK ? sqlite3_column_int(statement, 0) : 0;
    sqlite3_finalize(statement);
    if (version > JOURNAL_VERSION) {
        return err_set(err, ERR_UNSUPPORTED,
                       "%s has schema %d, this program knows %d; use the newer bursar that made it",
                       journal->path, version, JOURNAL_VERSION);
    }
    for (; code == ERR_OK && version < JOURNAL_VERSION; version++) {
        if (sqlite3_exec(journal->database, store_query_texts[migrations[version]], NULL, NULL,
                         NULL) != SQLITE_OK) {
            code = fail(journal, err);
        }
    }
    for (size_t i = 0; i < COUNT_OF(statements) && code == ERR_OK; i++) {
        if (sqlite3_prepare_v2(journal->database, store_query_texts[statements[i]], -1,
                               &journal->statements[i], NULL) != SQLITE_OK) {
            code = fail(journal, err);
        }
    }
    return code;
}

enum errc journal_open(struct str home, struct journal **out, struct err *err)
{
    CHECK(out != NULL);
    struct journal *journal = memory_new(struct journal);
    const int size =
        snprintf(journal->path, sizeof journal->path, STR_FORMAT "/inbox.sqlite", STR_ARG(home));
    if (size < 0 || (size_t)size >= sizeof journal->path) {
        memory_free(journal);
        return err_set(err, ERR_USAGE, "the home directory's name is too long");
    }
    enum errc code = ERR_OK;
    if (sqlite3_open(journal->path, &journal->database) != SQLITE_OK) {
        code = fail(journal, err);
    }
    if (code == ERR_OK) {
        sqlite3_busy_timeout(journal->database, BUSY_MS_MAX);
        code = make(journal, err);
    }
    if (code != ERR_OK) {
        journal_close(&journal);
        return code;
    }
    *out = journal;
    return ERR_OK;
}

void journal_close(struct journal **journal)
{
    CHECK(journal != NULL);
    if (*journal == NULL) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(statements); i++) {
        sqlite3_finalize((*journal)->statements[i]);
    }
    sqlite3_close((*journal)->database);
    memory_free(*journal);
    *journal = NULL;
}

/* Run a statement that gives no row. */
static enum errc step(struct journal *journal, enum statement which, struct err *err)
{
    sqlite3_stmt *const statement = journal->statements[which];
    const bool done = sqlite3_step(statement) == SQLITE_DONE;
    const enum errc code = done ? ERR_OK : fail(journal, err);
    sqlite3_reset(statement);
    return code;
}

/* Borrowed until the statement is reset. */
static bool bind(sqlite3_stmt *statement, int at, struct str text)
{
    const char *const data = text.data != NULL ? text.data : "";
    return text.size <= INT32_MAX &&
           sqlite3_bind_text(statement, at, data, (int)text.size, SQLITE_STATIC) == SQLITE_OK;
}

static enum errc append(struct journal *journal, struct journal_message *message, struct err *err)
{
    sqlite3_stmt *const statement = journal->statements[APPEND];
    const struct journal_binding *const binding = &message->binding;
    const char *const data = message->bytes.data != NULL ? message->bytes.data : "";
    const char *const context = message->context.data != NULL ? message->context.data : "";
    if (sqlite3_bind_int64(statement, 1, message->kind) != SQLITE_OK ||
        sqlite3_bind_int64(statement, 2, message->received_ns) != SQLITE_OK ||
        sqlite3_bind_blob64(statement, 3, data, message->bytes.size, SQLITE_STATIC) != SQLITE_OK ||
        !bind(statement, 4, binding->workflow) || !bind(statement, 5, binding->team) ||
        !bind(statement, 6, binding->user) ||
        sqlite3_bind_blob64(statement, 7, context, message->context.size, SQLITE_STATIC) !=
            SQLITE_OK) {
        return fail(journal, err);
    }
    const enum errc code = step(journal, APPEND, err);
    message->id = sqlite3_last_insert_rowid(journal->database);
    return code;
}

static enum errc take_out(struct journal *journal, int64_t through, struct err *err)
{
    return sqlite3_bind_int64(journal->statements[REMOVE], 1, through) == SQLITE_OK
               ? step(journal, REMOVE, err)
               : fail(journal, err);
}

enum errc journal_append(struct journal *journal, struct journal_message *messages, size_t count,
                         int64_t remove_through, struct err *err)
{
    CHECK(journal != NULL);
    CHECK(messages != NULL || count == 0);
    enum errc code = step(journal, BEGIN, err);
    if (code != ERR_OK) {
        return code;
    }
    if (remove_through > 0) {
        code = take_out(journal, remove_through, err);
    }
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        code = append(journal, &messages[i], err);
    }
    if (code == ERR_OK) {
        code = step(journal, COMMIT, err);
    }
    if (code != ERR_OK && sqlite3_get_autocommit(journal->database) == 0) {
        struct err ignored;
        CHECK(step(journal, ROLLBACK, &ignored) == ERR_OK);
    }
    return code;
}

/* A copy owned by the arena; data is NULL when the arena is full. */
static struct str column(sqlite3_stmt *statement, int at, struct arena *arena)
{
    const struct str text = {(const char *)sqlite3_column_text(statement, at),
                             (size_t)sqlite3_column_bytes(statement, at)};
    return arena_copy(arena, text);
}

enum errc journal_read(struct journal *journal, int64_t after, size_t bytes_max,
                       struct arena *arena, struct journal_messages *out, struct err *err)
{
    CHECK(journal != NULL);
    CHECK(out != NULL);
    struct {
        struct journal_message *rows;
        size_t count;
        size_t capacity;
    } messages = {0};
    sqlite3_stmt *const statement = journal->statements[READ];
    enum errc code =
        sqlite3_bind_int64(statement, 1, after) == SQLITE_OK ? ERR_OK : fail(journal, err);
    size_t bytes = 0;
    int found = SQLITE_DONE;
    while (code == ERR_OK && (found = sqlite3_step(statement)) == SQLITE_ROW) {
        const size_t size = (size_t)sqlite3_column_bytes(statement, 3);
        if (messages.count > 0 && bytes + size > bytes_max) {
            found = SQLITE_DONE;
            break;
        }
        const struct str blob = {size > 0 ? sqlite3_column_blob(statement, 3) : "", size};
        const struct str copy = arena_copy(arena, blob);
        const struct journal_binding binding = {.workflow = column(statement, 4, arena),
                                                .team = column(statement, 5, arena),
                                                .user = column(statement, 6, arena)};
        const size_t context_size = (size_t)sqlite3_column_bytes(statement, 7);
        const struct str context_blob = {context_size > 0 ? sqlite3_column_blob(statement, 7) : "",
                                         context_size};
        const struct str context = arena_copy(arena, context_blob);
        const bool copied = copy.data != NULL && binding.workflow.data != NULL &&
                            binding.team.data != NULL && binding.user.data != NULL &&
                            context.data != NULL;
        const size_t at = copied ? arena_push(arena, &messages) : SIZE_MAX;
        if (at == SIZE_MAX) {
            code = err_set(err, ERR_LIMIT, "a message of %zu bytes does not fit %zu bytes", size,
                           arena->size_max);
            break;
        }
        messages.rows[at] =
            (struct journal_message){.id = sqlite3_column_int64(statement, 0),
                                     .kind = sqlite3_column_int64(statement, 1),
                                     .received_ns = sqlite3_column_int64(statement, 2),
                                     .bytes = copy,
                                     .context = context,
                                     .binding = binding};
        bytes += size;
    }
    if (code == ERR_OK && found != SQLITE_DONE) {
        code = fail(journal, err);
    }
    sqlite3_reset(statement);
    if (code == ERR_OK) {
        *out = (struct journal_messages){messages.rows, messages.count};
    }
    return code;
}

enum errc journal_remove(struct journal *journal, int64_t through, struct err *err)
{
    CHECK(journal != NULL);
    return take_out(journal, through, err);
}

enum errc journal_measure(struct journal *journal, struct journal_size *out, struct err *err)
{
    CHECK(journal != NULL);
    CHECK(out != NULL);
    sqlite3_stmt *const statement = journal->statements[MEASURE];
    enum errc code = ERR_OK;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        *out = (struct journal_size){.messages = sqlite3_column_int64(statement, 0),
                                     .bytes = sqlite3_column_int64(statement, 1)};
    } else {
        code = fail(journal, err);
    }
    sqlite3_reset(statement);
    return code;
}
