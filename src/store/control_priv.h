/* store/control_priv: what the files of the control store share. */
#ifndef STORE_CONTROL_PRIV_H
#define STORE_CONTROL_PRIV_H

#include <sqlite3.h>

#include "store/control.h"
#include "store/queries.h"

enum { CONTROL_PATH_BYTES_MAX = 4096 };

struct control {
    sqlite3 *database;
    char path[CONTROL_PATH_BYTES_MAX];
};

/* What SQLite says went wrong: ERR_BUSY or ERR_STORE. */
enum errc control_fail(const struct control *control, struct err *err);
MUST_CHECK enum errc control_prepare(struct control *control, enum store_query query,
                                     sqlite3_stmt **out, struct err *err);
/* Borrowed until the statement is finalised; false: too long, or no memory. */
bool control_bind(sqlite3_stmt *statement, int at, struct str text);
/* A copy owned by the arena; data is NULL when the arena is full. */
struct str control_column(sqlite3_stmt *statement, int at, struct arena *arena);

#endif
