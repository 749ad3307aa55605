/* table_fixture: files in a temporary folder, the shipped maps, and a sink that remembers what it
 * got. */
#ifndef SUPPORT_TABLE_FIXTURE_H
#define SUPPORT_TABLE_FIXTURE_H

#include "base/arena.h"
#include "ingest/table.h"

enum { FIXTURE_ROWS_MAX = 200000, FIXTURE_PATH_MAX = 4096 };

struct fixture {
    char folder[FIXTURE_PATH_MAX]; /* of its own, removed by fixture_close() */
    struct arena arena;
    struct ingest_table options; /* data, map and sink are set */
    struct ingest_table_counts counts;
    struct err err;
    char map[FIXTURE_PATH_MAX];
    char data[FIXTURE_PATH_MAX];

    /* everything the sink was handed, its indices made global; strings in the arena */
    struct trace all;
    int64_t batches;
    char last_file[FIXTURE_PATH_MAX];
};

void fixture_open(struct fixture *fixture);
void fixture_close(struct fixture *fixture);
void fixture_write(struct fixture *fixture, const char *name, const void *data, size_t size);
void fixture_write_text(struct fixture *fixture, const char *name, const char *text);
/* The same compressed; `cut` bytes are left off its end. */
void fixture_write_gzip(struct fixture *fixture, const char *name, const char *text, size_t cut);
/* "map.yaml" in the folder, over the folder. */
enum errc fixture_import(struct fixture *fixture, const char *map);
/* A shipped map over a folder of the shared data. */
enum errc fixture_import_shipped(struct fixture *fixture, const char *map, const char *folder);
enum errc fixture_outcomes(struct fixture *fixture, const char *name);
enum errc fixture_kpis(struct fixture *fixture, const char *name);
bool fixture_says(const struct fixture *fixture, const char *part);
/* Whether a file of that text, in a folder of its own, is refused by `read` with that error, and
 * before anything of it is taken. Not tried again while allocations are refused. */
bool fixture_refuses(struct fixture *fixture, enum errc (*read)(struct fixture *, const char *name),
                     const char *name, const char *text, enum errc code, const char *says);
/* Whether the reject of that index is of that line and says so. */
bool fixture_rejects(const struct fixture *fixture, size_t index, int64_t line, const char *part);

#endif
