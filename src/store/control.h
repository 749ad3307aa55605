/*
 * control: the control store, SQLite in WAL mode beside the ledger: who changed what, and when.
 *
 * Small facts that are written one at a time and must be there when the command says so: each
 * call is a transaction, synced. Several processes may have it open. Not thread-safe: a struct
 * control belongs to one thread.
 */
#ifndef STORE_CONTROL_H
#define STORE_CONTROL_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct control;

/* One change somebody made. */
struct control_audit {
    int64_t at_ns;
    struct str actor;   /* user of the operating system, or a key's name */
    struct str action;  /* "import", "outcome add" */
    struct str subject; /* what it was done to: paths, a case */
    struct str detail;  /* what came of it */
};

struct control_audits {
    const struct control_audit *rows; /* newest first, owned by the arena */
    size_t count;
};

/*
 * Open control.sqlite in `home`, which is there, making or migrating it.
 *
 * Errors: ERR_UNSUPPORTED  made by a newer version. ERR_STORE  not a database, or not writable.
 */
MUST_CHECK enum errc control_open(struct str home, struct control **out, struct err *err);
void control_close(struct control **control);

/* Errors: ERR_STORE; ERR_BUSY when another process keeps it locked for seconds. */
MUST_CHECK enum errc control_add_audit(struct control *control, const struct control_audit *audit,
                                       struct err *err);
/* The newest `max` changes. Errors: ERR_STORE; ERR_LIMIT when they do not fit the arena. */
MUST_CHECK enum errc control_audits(struct control *control, size_t max, struct arena *arena,
                                    struct control_audits *out, struct err *err);

#endif
