/*
 * ingest: traces to stored, priced, balanced rows: each step counted once.
 *
 *     struct trace --convert--> rows --de-duplicate--> --price--> --post--> store, in transactions
 *
 * A group of rows, the postings they cause and how far each file was read are committed together:
 * an import that is cut off leaves whole groups, and running it again takes up where it stopped.
 * One thread owns a struct ingest; decoding may run in others (import.c).
 */
#ifndef INGEST_INGEST_H
#define INGEST_INGEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/money.h"
#include "base/str.h"
#include "ingest/resident.h"
#include "model/ledger.h"
#include "model/trace.h"
#include "price/price.h"
#include "store/store.h"

enum {
    INGEST_REJECTS_SHOWN_MAX = 20,
    INGEST_CORRECTIONS_SHOWN_MAX = 5,
    INGEST_REASON_BYTES_MAX = 400
};

struct ingest_reject {
    char text[INGEST_REASON_BYTES_MAX]; /* "file:line: reason" */
};

/* What an import did, over all of its transactions. */
struct ingest_summary {
    int64_t files;
    int64_t files_unchanged;
    int64_t files_ignored; /* in a directory, of no known format */
    int64_t bytes;
    int64_t steps_added; /* places of replaced ones not counted again */
    int64_t calls_added;
    int64_t steps_known;    /* already in the ledger */
    int64_t steps_replaced; /* a fuller reading took the place of an earlier one */
    int64_t cases_added;
    int64_t outcomes_added;
    int64_t candidates_added;
    int64_t kpis_added;
    int64_t kpis_known;     /* already in the ledger with the same value */
    int64_t kpis_corrected; /* another value took the place of an earlier one */
    int64_t unpriced_added;
    int64_t rejected;
    money_sum cost_pusd; /* of what was added, less what was replaced */
    struct ingest_reject rejects[INGEST_REJECTS_SHOWN_MAX];
    size_t rejects_shown;
    struct ingest_reject corrections[INGEST_CORRECTIONS_SHOWN_MAX]; /* "what: old, now new" */
    size_t corrections_shown;
};

struct ingest;

/*
 * store  open to write, borrowed. book  borrowed.
 * about  command and arguments, for the imports table; borrowed.
 */
void ingest_create(struct ingest **out, struct store *store, const struct price_book *book,
                   struct str about, int64_t now_ns);
void ingest_destroy(struct ingest **ingest);
/* Ask `resident` what the ledger may hold instead of looking for every row; borrowed. Before the
 * first ingest_add(). */
void ingest_remember(struct ingest *ingest, struct resident *resident);
const struct ingest_summary *ingest_summary(const struct ingest *ingest);

struct ingest_origin {
    struct str path;     /* of the file, absolute */
    struct str workflow; /* for cases that name none; may be empty: unattributed */
    bool workflow_told;  /* somebody asked for it: it goes before the name of a program */
    enum channel channel;
    bool session; /* cases are sessions: nothing better named them */
    /* What the key stands for that the trace came with, before anything the trace says; each may be
     * empty. Team and user become attributes of the case. */
    struct str bound_workflow;
    struct str bound_team;
    struct str bound_user;
};

/*
 * Take a trace into the open group. Its strings are borrowed until the group is flushed.
 *
 * Errors: ERR_CONFLICT  two different cases share a key. ERR_LIMIT, ERR_STORE.
 */
MUST_CHECK enum errc ingest_add(struct ingest *ingest, const struct trace *trace,
                                const struct ingest_origin *origin, struct err *err);
/* How far a file was read, committed with the group that holds its rows; strings are borrowed. */
MUST_CHECK enum errc ingest_add_source(struct ingest *ingest, const struct ledger_sources *source,
                                       struct err *err);
/* A whole file that could not be read. */
MUST_CHECK enum errc ingest_add_reject(struct ingest *ingest, struct str path, int64_t line,
                                       struct str reason, struct err *err);
/* Whether the open group is large enough to be worth writing. */
bool ingest_is_full(const struct ingest *ingest);
/* Write the open group into the open transaction, which is committed once it fills row groups of
 * the store; the strings of what was added are not needed any more. Errors: as ingest_flush(). */
MUST_CHECK enum errc ingest_write(struct ingest *ingest, struct err *err);
/* Whether a transaction is open: something is written and not committed. */
bool ingest_is_writing(const struct ingest *ingest);
/* Commit all that was added. On an error nothing since the last commit is stored. */
MUST_CHECK enum errc ingest_flush(struct ingest *ingest, struct err *err);

/* ---- files (import.c) ---- */

struct ingest_progress {
    int64_t files_done;
    int64_t files;
    int64_t bytes_done;
    int64_t bytes;
    int64_t steps;
};

struct correlation;

struct ingest_options {
    struct str workflow;                   /* --workflow; empty: by format */
    struct str format;                     /* --format; empty: detected */
    struct str map;                        /* --map; empty: none */
    const struct correlation *correlation; /* rules for otlp; NULL: none */
    const atomic_bool *stop;               /* set from a signal handler: finish the group and end */
    void (*progress)(void *context, const struct ingest_progress *progress); /* may be NULL */
    void *context;
};

/*
 * Import files and directories, which are walked; what was read before is not read again.
 *
 * Errors: ERR_NOT_FOUND  a path is not there. ERR_UNSUPPORTED  a named file is of no known format.
 *         ERR_INTERRUPTED  *stop; what was committed stays. ERR_STORE, ERR_LIMIT, ERR_IO.
 */
MUST_CHECK enum errc ingest_paths(struct ingest *ingest, const struct ingest_options *options,
                                  const char *const *paths, size_t path_count, struct err *err);

/*
 * Import one CSV, JSONL or Parquet file of outcomes, by well-known column names or options->map.
 *
 * Errors: as ingest_paths(), and ERR_SYNTAX for a file without the columns it needs.
 */
MUST_CHECK enum errc ingest_outcome_file(struct ingest *ingest,
                                         const struct ingest_options *options, const char *path,
                                         struct err *err);

/* The same of business figures; docs/change.md. Errors: as ingest_outcome_file(). */
MUST_CHECK enum errc ingest_kpi_file(struct ingest *ingest, const struct ingest_options *options,
                                     const char *path, struct err *err);

#endif
