/* scan_priv: what the files of store/scan share. */
#ifndef STORE_SCAN_PRIV_H
#define STORE_SCAN_PRIV_H

#include <duckdb.h>

#include "base/text.h"
#include "store/scan.h"

enum { STORE_SCAN_JSONL_MAX = 4096 };

struct store_scan {
    duckdb_database database;
    duckdb_connection connection;
    struct arena *arena; /* borrowed */
    const atomic_bool *stop;
    int64_t memory_bytes_max;
    struct {
        struct str *rows; /* paths, each once: their lines are judged by store_scan_rejects() */
        size_t count;
        size_t capacity;
    } jsonl;
    struct text sql; /* scratch of store_scan_add(), owned */
};

bool store_scan_stopped(const struct store_scan *scan);
/* Run one statement of our own. */
MUST_CHECK enum errc store_scan_run(struct store_scan *scan, struct str sql, struct err *err);

/* SQL that is true of a line `l` which holds a JSON object. */
#define STORE_SCAN_IS_OBJECT "CASE WHEN json_valid(l) THEN json_type(l) = 'OBJECT' ELSE false END"

/*
 * The column names of a CSV file's header, unique whatever their case, and its delimiter; reads a
 * compressed file to its end. Errors: as store_scan_add().
 */
MUST_CHECK enum errc store_scan_header(struct store_scan *scan, const struct store_scan_file *file,
                                       char *delimiter, struct str *names, size_t *out_count,
                                       struct err *err);
/* Read a compressed file to its end, to know that it has one; any other file is only opened. */
MUST_CHECK enum errc store_scan_whole(const struct store_scan *scan, struct str path,
                                      struct err *err);

#endif
