/* ingest/files: which files an import reads, and how far each was read before. */
#ifndef INGEST_FILES_H
#define INGEST_FILES_H

#include "base/arena.h"
#include "ingest/ingest.h"
#include "wire/wire.h"

enum { FILES_HEAD_BYTES_MAX = 4096 };

/* How far a file was read: a row of the sources table. */
struct file_known {
    enum wire_format format;
    int64_t size;
    int64_t mtime_ns;
    int64_t inode;
    uint64_t head_hash;
    int64_t head_bytes;
    struct wire_position next;
};

struct import_file {
    struct str path; /* absolute, NUL-terminated */
    bool named;      /* on the command line, rather than found in a directory */
    bool gzip;
    bool table; /* a directory with a map.yaml, or a data file for --map */
    int64_t size;
    int64_t mtime_ns;
    int64_t inode;
    const struct file_known *known; /* NULL: never read */
    struct str trouble;             /* a directory that cannot be read, and why; empty: none */
};

struct import_files {
    struct import_file *rows;
    size_t count;
    size_t capacity;
    int64_t unchanged; /* left out: nothing new in them */
    int64_t bytes;
};

/*
 * Find the files under `paths`, in the order of their names, each once however many of the paths
 * lead to it, and leave out the unchanged ones.
 *
 * tables  the paths are data for a table map: taken as they are, not walked.
 * arena   owns the result.
 *
 * Errors: ERR_NOT_FOUND, ERR_UNSUPPORTED, ERR_IO, ERR_LIMIT, ERR_STORE.
 */
MUST_CHECK enum errc files_find(struct store *store, const char *const *paths, size_t path_count,
                                bool tables, struct arena *arena, struct import_files *out,
                                struct err *err);

#endif
