/*
 * scan: DuckDB as a reader of foreign files: CSV, JSONL, Parquet -> rows of text.
 *
 *     file  --store_scan_add-->  a named relation  --store_scan_query-->  rows, one callback each
 *
 * A scan is a database in memory of its own, never the ledger, and locked down when it opens: it
 * reads inside one folder (or one file) and nowhere else, runs a single SELECT at a time, loads no
 * extension, writes no temporary file, and keeps to a memory limit and a number of threads.
 * Not thread-safe; a query stops soon after *stop becomes true.
 */
#ifndef STORE_SCAN_H
#define STORE_SCAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum {
    STORE_SCAN_COLUMNS_MAX = 512, /* of a file */
    STORE_SCAN_LINE_BYTES_MAX = 8 << 20,
    STORE_SCAN_SQL_BYTES_MAX = 4 << 20,
    STORE_SCAN_PATH_BYTES_MAX = 4096,
};

struct store_scan;

struct store_scan_options {
    struct str root; /* the folder or the one file that may be read; absolute */
    bool root_is_file;
    int64_t memory_bytes_max; /* at least 64 MiB */
    int thread_count;         /* at least 1 */
    const atomic_bool *stop;  /* borrowed; may be NULL */
};

/* Errors: ERR_STORE, ERR_LIMIT (arena, which owns the scan and all it hands out). */
MUST_CHECK enum errc store_scan_open(const struct store_scan_options *options, struct arena *arena,
                                     struct store_scan **out, struct err *err);
void store_scan_close(struct store_scan **scan);

enum store_scan_format { STORE_SCAN_CSV, STORE_SCAN_JSONL, STORE_SCAN_PARQUET };

/* By the end of its name: .csv .tsv .jsonl .ndjson, each with or without .gz, .parquet; false: no.
 */
bool store_scan_format(struct str path, enum store_scan_format *out);

struct store_scan_file {
    struct str path; /* absolute, inside the root */
    enum store_scan_format format;
    char delimiter; /* CSV; 0: the most frequent of , ; tab | in the header */
};

/*
 * Name a relation over one or several files of the same kind; columns are matched by name.
 *
 * Columns of CSV are text, of JSONL the text of each value, of Parquet what the file says. A
 * compressed file is read once beforehand, because a truncated one would otherwise just end early.
 *
 * numbered  adds the column STORE_SCAN_LINE: the row as a spreadsheet counts it (header = 1) for
 *           CSV, the line for JSONL, the row from 1 for Parquet.
 *
 * Errors: ERR_TRUNCATED, ERR_SYNTAX  naming the file: cut short, empty, no UTF-8 header, no
 * columns. ERR_IO, ERR_LIMIT, ERR_STORE, ERR_INTERRUPTED.
 */
#define STORE_SCAN_LINE "bursar line"
MUST_CHECK enum errc store_scan_add(struct store_scan *scan, struct str name,
                                    const struct store_scan_file *files, size_t count,
                                    bool numbered, struct err *err);
/* The same for a single SELECT over the relations there are; also checks that it is just that. */
MUST_CHECK enum errc store_scan_add_query(struct store_scan *scan, struct str name, struct str sql,
                                          struct err *err);

/* Column names of a relation, without STORE_SCAN_LINE. */
MUST_CHECK enum errc store_scan_columns(struct store_scan *scan, struct str name,
                                        const struct str **out, size_t *out_count, struct err *err);

/* values [count] borrowed for the call; data NULL: NULL. An error ends the query with it. */
typedef enum errc store_scan_row(void *context, const struct str *values, size_t count,
                                 struct err *err);

/*
 * Run one SELECT, every column of which is VARCHAR, and hand over its rows as they come.
 *
 * Errors: ERR_SYNTAX with DuckDB's first sentence (a wrong expression, a value it cannot cast, a
 *         column that is not VARCHAR);
 *         ERR_LIMIT  the memory limit; ERR_INTERRUPTED; ERR_STORE; what `row` returns.
 */
MUST_CHECK enum errc store_scan_query(struct store_scan *scan, struct str sql, store_scan_row *row,
                                      void *context, struct err *err);

/* Whether the SELECT is well-formed; nothing is read. Errors: ERR_SYNTAX. */
MUST_CHECK enum errc store_scan_check(struct store_scan *scan, struct str sql, struct err *err);

/*
 * Lines no reader could take: ragged, bad quotes, no UTF-8, no JSON object, too long. Each line of
 * each file once, over all queries so far: values are path, line, reason.
 */
MUST_CHECK enum errc store_scan_rejects(struct store_scan *scan, store_scan_row *row, void *context,
                                        struct err *err);

/* `name` as an SQL identifier, `text` as an SQL string: quoted into `out`. */
struct text;
void store_scan_quote_name(struct text *out, struct str name);
void store_scan_quote_text(struct text *out, struct str text);

#endif
