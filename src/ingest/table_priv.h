/* table_priv: what the files of ingest/table share. */
#ifndef INGEST_TABLE_PRIV_H
#define INGEST_TABLE_PRIV_H

#include "base/arena.h"
#include "base/fingerprint.h"
#include "base/text.h"
#include "ingest/table.h"
#include "store/scan.h"
#include "wire/table_map.h"

/* A number for each 64-bit key; grows, and remembers until it is cleared. */
struct ingest_keys {
    struct arena arena;
    struct ingest_slot *slots;
    size_t count;
    size_t capacity;
};

void ingest_keys_init(struct ingest_keys *keys);
void ingest_keys_deinit(struct ingest_keys *keys);
void ingest_keys_clear(struct ingest_keys *keys);
/* Where the key's number is, 0 at first; valid until the next call. Errors: ERR_LIMIT. */
MUST_CHECK enum errc ingest_keys_at(struct ingest_keys *keys, uint64_t key, uint64_t **out,
                                    struct err *err);

/* The batch being filled, and what must be remembered from batch to batch. */
struct ingest_batch {
    const struct ingest_table *options;
    size_t rows_max;
    struct str file;
    struct arena arena; /* of `trace` */
    struct trace trace;
    struct ingest_keys cases;    /* index + 1 in the batch, by workflow and id */
    struct ingest_keys attempts; /* index + 1 in the batch, by case and id */
    struct ingest_keys ordinals; /* steps so far, by attempt */
    struct ingest_keys natural;  /* steps so far, by attempt, sequence and name */
    struct ingest_keys given;    /* hash of the row, by the step's own id */
    struct ingest_keys figures;  /* line, by a kpi's workflow, name, series and time */
    struct ingest_table_counts counts;
    struct fingerprints prints; /* of a row's text */
};

void ingest_batch_init(struct ingest_batch *batch, const struct ingest_table *options);
void ingest_batch_deinit(struct ingest_batch *batch);
/* Take one row of text. Errors: ERR_LIMIT; what the sink returns. */
MUST_CHECK enum errc ingest_batch_row(struct ingest_batch *batch, const struct table *table,
                                      const struct str *values, int64_t line, struct err *err);
MUST_CHECK enum errc ingest_batch_reject(struct ingest_batch *batch, int64_t line,
                                         struct str reason, struct err *err);
/* Hand what there is to the sink. */
MUST_CHECK enum errc ingest_batch_flush(struct ingest_batch *batch, struct err *err);

/* The data's folder or file, and the files in it that a pattern names. */
struct ingest_place {
    struct str root; /* absolute; a folder, or the one file */
    bool is_file;
    struct str folder; /* absolute; what relative paths start from, with its last slash */
};

struct ingest_files {
    struct store_scan_file *rows;
    size_t count;
    size_t capacity;
};

MUST_CHECK enum errc ingest_place_find(const char *path, struct arena *arena,
                                       struct ingest_place *out, struct err *err);
/* The files of a source, sorted by path: none when the data is one file of another name. */
MUST_CHECK enum errc ingest_place_files(const struct ingest_place *place,
                                        const struct table_source *source, struct arena *arena,
                                        struct ingest_files *out, struct err *err);
/* The one file the data is. */
MUST_CHECK enum errc ingest_place_file(const struct ingest_place *place, enum table_format format,
                                       struct store_scan_file *out, struct err *err);
/* Path relative to the folder. */
struct str ingest_place_name(const struct ingest_place *place, struct str path);

#define INGEST_TABLE_VIEW "bursar rows"

/* What the columns of a file without a map may be called, and what they are then. */
struct ingest_sheet {
    const char *what;  /* "outcomes" */
    const char *names; /* for people: "id, workflow, …" */
    struct {
        struct str name;
        enum table_name field;
    } known[20]; /* ends with an empty name */
    struct {
        enum table_name field;
        const char *names;
    } wanted[4]; /* ends with NULL */
    enum table_name workflow;
    enum table_section records[2];
    size_t record_count;
    const struct table_word *no_word; /* what an empty `word_field` is read as; NULL: none */
    enum table_name word_field;
};

/* Read one file by the sheet, or by options->map. */
/* Outcomes by their well-known names. */
const struct ingest_sheet *ingest_outcome_sheet(void);
MUST_CHECK enum errc ingest_sheet(const struct ingest_sheet *sheet,
                                  const struct ingest_table *options,
                                  struct ingest_table_counts *out, struct err *err);

/*
 * The SELECT that gives the line and then the mapped values of INGEST_TABLE_VIEW.
 *
 * Errors: ERR_CONFIG  a column that is not there (and which are), an expression DuckDB refuses.
 */
MUST_CHECK enum errc ingest_table_query(struct store_scan *scan, const struct table *table,
                                        struct text *out, struct err *err);

/* One run: a map's tables over a place. */
struct ingest_run {
    const struct ingest_table *options;
    struct arena arena;
    struct ingest_place place;
    struct store_scan *scan;
    struct ingest_batch batch;
};

MUST_CHECK enum errc ingest_run_open(struct ingest_run *run, const struct ingest_table *options,
                                     struct err *err);
void ingest_run_close(struct ingest_run *run);
/* Read INGEST_TABLE_VIEW as the table says. */
MUST_CHECK enum errc ingest_run_rows(struct ingest_run *run, const struct table *table,
                                     struct str file, struct err *err);
/* Lines that no reader could take, of all files so far. */
MUST_CHECK enum errc ingest_run_rejects(struct ingest_run *run, struct err *err);

#endif
