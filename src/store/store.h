/*
 * store: rows at rest. The ledger (DuckDB) is behind this header; all of its SQL is in queries.sql.
 *
 *     ledger rows (model/ledger.h) --store_append--> tables --store_query--> struct store_result
 *
 * One writer: a process that opens the ledger to write holds its file alone; readers share it.
 * Not thread-safe: a struct store belongs to one thread. Every change is made in a transaction:
 * after a crash it is there whole or not at all.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/money.h"
#include "base/str.h"
#include "model/ledger.h"
#include "store/queries.h"

struct store;

enum store_mode { STORE_READ, STORE_WRITE };

/*
 * Open the ledger in `home`, making or migrating it when the mode is STORE_WRITE.
 *
 * home  directory, borrowed; made when it is not there and the mode is STORE_WRITE.
 *
 * Errors: ERR_NOT_FOUND  STORE_READ and there is no ledger yet.
 *         ERR_BUSY       another process holds it; the text says which.
 *         ERR_UNSUPPORTED  the ledger was made by a newer version.
 *         ERR_IO, ERR_STORE.
 */
MUST_CHECK enum errc store_open(struct str home, enum store_mode mode, struct store **out,
                                struct err *err);
/* Make the home, and what is above it, where it is not there; mode 0700. store_open() to write does
 * so too. Errors: ERR_IO, ERR_USAGE. */
MUST_CHECK enum errc store_make_home(struct str path, struct err *err);
/*
 * A further connection to an open ledger, for another thread: it reads what is committed, with as
 * many threads as there are processors. Closed before `store` is.
 *
 * Errors: ERR_STORE.
 */
MUST_CHECK enum errc store_share(struct store *store, struct store **out, struct err *err);
/*
 * Open anew a ledger to write that failed in the middle of a commit (a full disk), which leaves
 * DuckDB in a state it must not go on from: what it had in memory is forgotten, what was committed
 * is read from the file again. No shared connection may be open. When it fails only this function
 * or store_close() may follow.
 *
 * Errors: those of store_open().
 */
MUST_CHECK enum errc store_reopen(struct store *store, struct err *err);
/* Whether a transaction could not be begun or committed since it was opened. */
bool store_is_broken(const struct store *store);
/* After a while of writing: what DuckDB freed goes back to the system now. Outside of a
 * transaction. Errors: ERR_STORE. */
MUST_CHECK enum errc store_give_back(struct store *store, struct err *err);
/* Whatever is not committed is gone. */
void store_close(struct store **store);

/* Where the file is; borrowed from the store. */
const char *store_path(const struct store *store);

MUST_CHECK enum errc store_begin(struct store *store, struct err *err);
MUST_CHECK enum errc store_commit(struct store *store, struct err *err);
void store_rollback(struct store *store);

/*
 * Append rows of struct ledger_<table>, in order.
 *
 * rows  [count] borrowed during the call.
 */
MUST_CHECK enum errc store_append(struct store *store, enum ledger_table table, const void *rows,
                                  size_t count, struct err *err);
/* The same into the temporary table of that shape, which has these rows and no others then. */
MUST_CHECK enum errc store_stage(struct store *store, enum ledger_table table, const void *rows,
                                 size_t count, struct err *err);

/* One positional parameter of a query: $1, $2, … */
struct store_value {
    enum { STORE_NULL, STORE_INT64, STORE_UINT64, STORE_KEY128, STORE_DOUBLE, STORE_TEXT } kind;
    union {
        int64_t int64;
        uint64_t uint64;
        struct hash128 key;
        double real;
        struct str text;
    } as;
};
#define STORE_OF_INT64(v)  ((struct store_value){.kind = STORE_INT64, .as.int64 = (v)})
#define STORE_OF_UINT64(v) ((struct store_value){.kind = STORE_UINT64, .as.uint64 = (v)})
#define STORE_OF_KEY(v)    ((struct store_value){.kind = STORE_KEY128, .as.key = (v)})
#define STORE_OF_DOUBLE(v) ((struct store_value){.kind = STORE_DOUBLE, .as.real = (v)})
#define STORE_OF_TEXT(v)   ((struct store_value){.kind = STORE_TEXT, .as.text = (v)})

struct store_cell {
    bool null;
    __extension__ union {
        money_sum sum; /* every integer and boolean type; HUGEINT as it is */
        double real;
        struct str text;
    };
};

struct store_result {
    const struct store_cell *cells; /* [rows * columns], by row; owned by the arena */
    size_t rows;
    size_t columns;
};

static inline const struct store_cell *store_at(const struct store_result *result, size_t row,
                                                size_t column)
{
    return &result->cells[row * result->columns + column];
}
/* An integer cell; `null` where it is NULL. The value must fit (the query's author knows). */
int64_t store_int64(const struct store_result *result, size_t row, size_t column, int64_t null);
struct str store_text(const struct store_result *result, size_t row, size_t column);
double store_real(const struct store_result *result, size_t row, size_t column, double null);
money_sum store_sum(const struct store_result *result, size_t row, size_t column);
/* A KEY128; zero where it is NULL. */
static inline struct hash128 store_key(const struct store_result *result, size_t row, size_t column)
{
    const money_sum value = store_sum(result, row, column);
    return (struct hash128){.low = (uint64_t)value, .high = (uint64_t)(value >> 64)};
}

/* Run a query and take all of its rows, which queries keep few: they reduce in the store.
 * Errors: ERR_STORE; ERR_LIMIT when the rows do not fit the arena. */
MUST_CHECK enum errc store_run(struct store *store, enum store_query query,
                               const struct store_value *values, size_t value_count,
                               struct arena *arena, struct store_result *out, struct err *err);
/*
 * Run a query of one column of UBIGINT, without NULLs, and hand its values over in pieces: none are
 * kept, so there may be as many as a ledger has steps. Call it outside of a transaction's writes.
 *
 * Errors: ERR_STORE; some may have been handed over.
 */
MUST_CHECK enum errc store_each_key(struct store *store, enum store_query query,
                                    void (*take)(void *context, const uint64_t *keys, size_t count),
                                    void *context, struct err *err);
/* store_run() for a statement with no rows; out_changed (may be NULL): rows changed. */
MUST_CHECK enum errc store_execute(struct store *store, enum store_query query,
                                   const struct store_value *values, size_t value_count,
                                   int64_t *out_changed, struct err *err);

#endif
