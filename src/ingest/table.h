/*
 * table: a company's own tables -> batches of struct trace (model/trace.h).
 *
 *     map + files  --ingest_table----->  sink(trace, file), a bounded batch at a time
 *     one file     --ingest_outcomes-->  the same, of outcomes, by well-known column names
 *
 * Rows are read by DuckDB (store/scan.h) and understood by the map (wire/table_map.h). Files, rows
 * and batches come in the same order every time, and a step's identity does not depend on where a
 * batch ends. docs/table-maps.md is the manual.
 */
#ifndef INGEST_TABLE_H
#define INGEST_TABLE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "model/trace.h"

enum {
    INGEST_TABLE_ROWS_MAX = 50000, /* of a batch */
    INGEST_TABLE_FILES_MAX = 4096, /* one pattern names */
};

/*
 * Take one batch. Rows refer to each other inside it; the same case or attempt may be in several.
 *
 * trace  borrowed for the call.
 * file   path relative to the data's folder; of a SELECT over several files, the table's name.
 */
typedef enum errc ingest_trace_sink(void *context, const struct trace *trace, struct str file,
                                    struct err *err);

struct ingest_table {
    const char *map;         /* path; NULL: none, which only outcomes allow */
    const char *data;        /* path of a folder or a file */
    struct str workflow;     /* of rows that name none; may be empty */
    size_t batch_rows;       /* 1..INGEST_TABLE_ROWS_MAX; 0: that */
    const atomic_bool *stop; /* may be NULL */
    ingest_trace_sink *sink;
    void *context;
};

struct ingest_table_counts {
    int64_t rows;     /* read, rejected ones included */
    int64_t rejected; /* of them, as told to the sink */
    int64_t repeated; /* rows whose step id and every mapped value had been seen already */
    int64_t files;    /* of all sources and tables, once for each table's own */
};

/*
 * Read everything the map names.
 *
 * Errors: ERR_CONFIG  the map; names file, line and key.
 *         ERR_NOT_FOUND  a file or folder; ERR_UNSUPPORTED a kind of file; ERR_SYNTAX,
 * ERR_TRUNCATED a file that cannot be read as a whole; ERR_IO, ERR_LIMIT, ERR_STORE,
 * ERR_INTERRUPTED; what the sink returns. Batches taken before the error stay taken.
 */
MUST_CHECK enum errc ingest_table(const struct ingest_table *options,
                                  struct ingest_table_counts *out, struct err *err);

/*
 * Outcomes from one CSV, JSONL or Parquet file whose columns, in any case of letters, are called
 * id, workflow, case|case_id, status|outcome, value|value_usd, minutes|human_minutes,
 * at|effective_at, recorded_at, quality, source, reference; with options->map, as that says.
 */
MUST_CHECK enum errc ingest_outcomes(const struct ingest_table *options,
                                     struct ingest_table_counts *out, struct err *err);

/* The same of business figures: workflow, name|kpi, unit, series, at|date, value. */
MUST_CHECK enum errc ingest_kpis(const struct ingest_table *options,
                                 struct ingest_table_counts *out, struct err *err);

#endif
