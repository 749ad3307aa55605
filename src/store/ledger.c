/*
 * The ledger's life: open (make or migrate) -> [begin -> append, execute -> commit | rollback]* ->
 * close. A transaction left open at close is rolled back by DuckDB.
 */
#include "store/ledger_priv.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/processors.h"
#include "base/text.h"

/* Enough for ten million calls; spills to the home's temporary folder beyond. */
enum {
    ROW_GROUP_ROWS = 30720, /* 15 vectors of 2,048 */
    BLOCK_BYTES = 64 << 10, /* DuckDB's own: 256 KiB; of 16 a large ledger takes twice as much */
};

#define MEMORY_LIMIT "1200MB"
/* Of a process that stays: what it once read would remain up to the limit. */
#define SHARED_MEMORY_LIMIT "550MB"
/* Many small transactions: each checkpoint packs what they left anew, so there are few. What the
 * log holds is read again after a crash, before the ledger is ready. */
#define SHARED_CHECKPOINT_THRESHOLD "128MB"

enum errc store_fail(struct err *err, const char *what, const char *said)
{
    const char *const text = said != NULL ? said : "no reason given";
    const size_t size = strcspn(text, "\n");
    return err_set(err, ERR_STORE, "%s: %.*s", what, (int)(size > 700 ? 700 : size), text);
}

enum errc store_sql(struct store *store, const char *sql, const char *what, struct err *err)
{
    CHECK(store != NULL);
    duckdb_result result;
    enum errc code = ERR_OK;
    if (duckdb_query(store->connection, sql, &result) != DuckDBSuccess) {
        code = store_fail(err, what, duckdb_result_error(&result));
    }
    duckdb_destroy_result(&result);
    return code;
}

const char *store_path(const struct store *store)
{
    CHECK(store != NULL);
    return store->path;
}

/* DuckDB's long report on a held file, as the one sentence a person needs. */
static enum errc open_failed(const struct store *store, const char *said, struct err *err)
{
    const char *const held = said != NULL ? strstr(said, "Conflicting lock is held in ") : NULL;
    if (held != NULL) {
        const char *const program = held + strlen("Conflicting lock is held in ");
        const size_t size = strcspn(program, ".\n");
        return err_set(err, ERR_BUSY,
                       "the ledger %s is in use by %.*s; wait until it is done or stop it",
                       store->path, (int)(size > 200 ? 200 : size), program);
    }
    const size_t size = said != NULL ? strcspn(said, "\n") : 0;
    return err_set(err, ERR_STORE, "the ledger %s does not open: %.*s", store->path,
                   (int)(size > 600 ? 600 : size), said != NULL ? said : "");
}

/*
 * Small row groups are compressed while rows still come in, not all at the end. Their size can only
 * be given when a file is attached to a database that is open.
 *
 * Small blocks, because rows in memory have one and more of them for each column, filled or not. A
 * file keeps the size it was made with.
 */
static enum errc attach(struct store *store, struct err *err)
{
    struct text sql;
    char block_size[64] = "";
    if (access(store->path, F_OK) != 0) {
        snprintf(block_size, sizeof block_size, "BLOCK_SIZE %d, ", BLOCK_BYTES);
    }
    text_init(&sql, 2 * STORE_PATH_BYTES_MAX + 256);
    text_add(&sql, STR("ATTACH '"));
    for (const char *c = store->path; *c != '\0'; c++) {
        text_repeat(&sql, *c, *c == '\'' ? 2 : 1);
    }
    text_format(&sql, "' AS ledger (STORAGE_VERSION 'v1.2.0', %sROW_GROUP_SIZE %d); USE ledger",
                block_size, ROW_GROUP_ROWS);
    CHECK(!text_is_full(&sql));
    duckdb_result result;
    enum errc code = ERR_OK;
    if (duckdb_query(store->connection, sql.data, &result) != DuckDBSuccess) {
        code = open_failed(store, duckdb_result_error(&result), err);
    }
    duckdb_destroy_result(&result);
    text_deinit(&sql);
    return code;
}

static enum errc open_database(struct store *store, enum store_mode mode, struct err *err)
{
    duckdb_config config;
    CHECK(duckdb_create_config(&config) == DuckDBSuccess);
    const struct {
        const char *name;
        const char *value;
    } settings[] = {
        {"memory_limit", MEMORY_LIMIT},
        {"preserve_insertion_order", "false"},
        {"autoinstall_known_extensions", "false"},
        {"autoload_known_extensions", "false"},
        /* A large transaction goes into the file at once instead of through the log. */
        {"checkpoint_threshold", "16MB"},
        {mode == STORE_READ ? "access_mode" : "threads", mode == STORE_READ ? "READ_ONLY" : "1"},
    };
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        CHECK(duckdb_set_config(config, settings[i].name, settings[i].value) == DuckDBSuccess);
    }
    char *said = NULL;
    enum errc code = ERR_OK;
    if (duckdb_open_ext(mode == STORE_READ ? store->path : NULL, &store->database, config, &said) !=
        DuckDBSuccess) {
        code = open_failed(store, said, err);
    } else if (duckdb_connect(store->database, &store->connection) != DuckDBSuccess) {
        code = store_fail(err, store->path, "no connection");
    } else if (mode == STORE_WRITE) {
        code = attach(store, err);
    }
    duckdb_free(said);
    duckdb_destroy_config(&config);
    return code;
}

enum errc store_make_home(struct str path, struct err *err)
{
    CHECK(err != NULL);
    char text[STORE_PATH_BYTES_MAX];
    if (path.size == 0 || path.size >= sizeof text) {
        return err_set(err, ERR_USAGE, "the home directory's name is empty or too long");
    }
    memcpy(text, path.data, path.size);
    text[path.size] = '\0';
    for (size_t i = 1; i <= path.size; i++) {
        if (text[i] != '/' && text[i] != '\0') {
            continue;
        }
        const char kept = text[i];
        text[i] = '\0';
        if (mkdir(text, 0700) != 0 && errno != EEXIST) {
            return err_set(err, ERR_IO, "the directory %s cannot be made: %s", text,
                           strerror(errno));
        }
        text[i] = kept;
    }
    return ERR_OK;
}

enum errc store_open(struct str home, enum store_mode mode, struct store **out, struct err *err)
{
    CHECK(out != NULL);

    if (home.size + sizeof "/ledger.duckdb" > STORE_PATH_BYTES_MAX) {
        return err_set(err, ERR_USAGE, "the home directory's name is too long");
    }
    if (mode == STORE_WRITE) {
        const enum errc code = store_make_home(home, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    struct store *store = memory_new(struct store);
    snprintf(store->path, sizeof store->path, STR_FORMAT "/ledger.duckdb", STR_ARG(home));
    enum errc code = ERR_OK;
    bool is_old = false;
    if (mode == STORE_READ && access(store->path, F_OK) != 0) {
        code = err_set(err, ERR_NOT_FOUND,
                       "there is no ledger at %s yet; start with: bursar import PATH", store->path);
    }
    if (code == ERR_OK && mode == STORE_READ && store_is_unmade(store->path)) {
        code = ledger_nothing_in(store, err);
    }
    if (code == ERR_OK) {
        const int making = mode == STORE_WRITE ? store_begin_making(store->path) : -1;
        code = open_database(store, mode, err);
        store_end_making(making);
    }
    if (code == ERR_OK) {
        code = ledger_migrate(store, mode, &is_old, err);
    }
    if (code != ERR_OK || is_old) {
        store_close(&store);
    }
    if (code == ERR_OK && is_old) { /* bring it up to date, then look again */
        code = store_open(home, STORE_WRITE, &store, err);
        if (code == ERR_OK) {
            store_close(&store);
            return store_open(home, mode, out, err);
        }
    }
    if (code != ERR_OK) {
        return code;
    }
    *out = store;
    return ERR_OK;
}

enum errc store_share(struct store *store, struct store **out, struct err *err)
{
    CHECK(store != NULL);
    CHECK(out != NULL);
    struct store *shared = memory_new(struct store);
    shared->database = store->database;
    shared->borrows_database = true;
    memcpy(shared->path, store->path, sizeof shared->path);
    char sql[256];
    snprintf(
        sql, sizeof sql,
        "USE ledger; SET threads = %d; SET memory_limit = '%s'; SET checkpoint_threshold = '%s'",
        processors_count(), SHARED_MEMORY_LIMIT, SHARED_CHECKPOINT_THRESHOLD);
    enum errc code = ERR_OK;
    if (duckdb_connect(shared->database, &shared->connection) != DuckDBSuccess) {
        code = store_fail(err, store->path, "no further connection");
    }
    if (code == ERR_OK) {
        code = store_sql(shared, sql, "sharing the ledger", err);
    }
    if (code != ERR_OK) {
        store_close(&shared);
        return code;
    }
    *out = shared;
    return ERR_OK;
}

/* DuckDB's allocator keeps what was freed until it is used again. Setting the limit, though it is
 * the same, makes DuckDB return it. */
enum errc store_give_back(struct store *store, struct err *err)
{
    CHECK(store != NULL);
    CHECK(!store->in_transaction);
    return store_sql(store, "SET memory_limit = '" SHARED_MEMORY_LIMIT "'", "giving memory back",
                     err);
}

static void close_database(struct store *store)
{
    if (store->connection != NULL) {
        duckdb_disconnect(&store->connection);
    }
    if (store->database != NULL && !store->borrows_database) {
        duckdb_close(&store->database);
    }
}

enum errc store_reopen(struct store *store, struct err *err)
{
    CHECK(store != NULL);
    CHECK(!store->borrows_database);
    CHECK(!store->in_transaction);
    /* Closing would else write what is in memory to the file. */
    if (store->connection != NULL) {
        struct err
            ignored; /* refused by a database that DuckDB has shut off, which writes nothing */
        const enum errc code =
            store_sql(store, "PRAGMA disable_checkpoint_on_shutdown", "closing", &ignored);
        CHECK(code == ERR_OK || code == ERR_STORE);
    }
    close_database(store);
    const enum errc code = open_database(store, STORE_WRITE, err);
    if (code != ERR_OK) {
        close_database(store);
    }
    store->is_broken = code != ERR_OK;
    return code;
}

bool store_is_broken(const struct store *store)
{
    CHECK(store != NULL);
    return store->is_broken;
}

void store_close(struct store **store)
{
    CHECK(store != NULL);
    if (*store == NULL) {
        return;
    }
    close_database(*store);
    memory_free(*store);
    *store = NULL;
}

enum errc store_begin(struct store *store, struct err *err)
{
    CHECK(!store->in_transaction);
    const enum errc code = store_sql(store, "BEGIN", "beginning a transaction", err);
    store->in_transaction = code == ERR_OK;
    store->is_broken = store->is_broken || code != ERR_OK;
    return code;
}

enum errc store_commit(struct store *store, struct err *err)
{
    CHECK(store->in_transaction);
    store->in_transaction = false;
    const enum errc code = store_sql(store, "COMMIT", "committing", err);
    store->is_broken = store->is_broken || code != ERR_OK;
    return code;
}

void store_rollback(struct store *store)
{
    CHECK(store != NULL);
    if (store->in_transaction) {
        struct err ignored; /* a transaction that failed has been rolled back already */
        store->in_transaction = false;
        const enum errc code = store_sql(store, "ROLLBACK", "rolling back", &ignored);
        CHECK(code == ERR_OK || code == ERR_STORE);
    }
}
