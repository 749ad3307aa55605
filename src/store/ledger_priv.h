/* store/ledger_priv: what the files of the DuckDB ledger share. */
#ifndef STORE_LEDGER_PRIV_H
#define STORE_LEDGER_PRIV_H

#include <duckdb.h>

#include "store/store.h"

enum { STORE_PATH_BYTES_MAX = 4096, STORE_COLUMNS_MAX = 64 };

struct store {
    duckdb_database database;
    bool borrows_database; /* of the store it was shared from */
    duckdb_connection connection;
    bool in_transaction;
    bool is_broken; /* a transaction could not be begun or committed */
    char path[STORE_PATH_BYTES_MAX];
};

enum ledger_type {
    TYPE_KEY128,
    TYPE_KEY64,
    TYPE_INT64,
    TYPE_NULL64,
    TYPE_MONEY,
    TYPE_SUM,
    TYPE_INT32,
    TYPE_REAL,
    TYPE_WORD,
    TYPE_TEXT,
    TYPE_NAME,
    TYPE_JSON,
    TYPE_PRINTS,
};

struct ledger_column {
    const char *name;
    const char *unit;
    enum ledger_type type;
    size_t offset; /* of the field in its row struct */
};

struct ledger_shape {
    const char *name;
    const struct ledger_column *columns;
    size_t column_count;
    size_t row_size; /* bytes */
};

extern const struct ledger_shape ledger_shapes[LEDGER_TABLE_COUNT];

/* Make what tables and columns are missing, where the mode allows it.
 *
 * out_is_old  the ledger lacks what newer versions have, and cannot get it in this mode.
 *
 * Errors: ERR_NOT_FOUND    it is empty, and only read.
 *         ERR_UNSUPPORTED  a newer version has made it.
 *         ERR_STORE. */
MUST_CHECK enum errc ledger_migrate(struct store *store, enum store_mode mode, bool *out_is_old,
                                    struct err *err);
/* ERR_NOT_FOUND: a ledger that nothing was brought into. */
MUST_CHECK enum errc ledger_nothing_in(const struct store *store, struct err *err);

/* The temporary table of that shape, without rows. Errors: ERR_STORE. */
MUST_CHECK enum errc ledger_empty_staged(struct store *store, enum ledger_table table,
                                         struct err *err);

/* Run text of our own making. `what` names it in an error. */
MUST_CHECK enum errc store_sql(struct store *store, const char *sql, const char *what,
                               struct err *err);
/* Fill err with the first sentence of what DuckDB said. */
enum errc store_fail(struct err *err, const char *what, const char *said);

/* Whether the file is one that DuckDB began and did not finish, so that nothing was ever in it. */
bool store_is_unmade(const char *path);
/*
 * Before the ledger is opened to write: where its file is not there, or unmade and then removed,
 * one process after the other makes it. Between looking at the file, removing it and DuckDB's lock
 * on the new one there must be nobody else.
 *
 * Returns what store_end_making() ends it with, once the ledger is open.
 */
int store_begin_making(const char *path);
void store_end_making(int fd);

#endif
