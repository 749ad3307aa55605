/* Batches of mapped tables into the ledger: each batch is a transaction of its own. */
#include <stdio.h>

#include "base/check.h"
#include "ingest/ingest_priv.h"
#include "ingest/table.h"

enum { PATH_BYTES_MAX = 4096 };

struct taker {
    struct ingest *ingest;
    struct str folder; /* in front of the files' names; empty: the data is one file */
    struct str workflow;
};

/* Steps name the file or table they came from by its row in sources. It holds no position: tables
 * are read whole every time, and the size says that no file is like it. */
static enum errc add_place(struct ingest *ingest, struct str path, struct err *err)
{
    const struct ledger_sources source = {
        .source_id = hash64(path),
        .path = path,
        .format = STR("table"),
        .size = -1,
        .state = STR(""),
    };
    return ingest_add_source(ingest, &source, err);
}

static enum errc take_batch(void *context, const struct trace *trace, struct str file,
                            struct err *err)
{
    const struct taker *const taker = context;
    char path[PATH_BYTES_MAX];
    const int size = snprintf(path, sizeof path, STR_FORMAT "%s" STR_FORMAT, STR_ARG(taker->folder),
                              taker->folder.size > 0 ? "/" : "", STR_ARG(file));
    CHECK(size >= 0);
    const size_t used = (size_t)size < sizeof path ? (size_t)size : sizeof path - 1;
    const struct ingest_origin origin = {
        .path = {path, used},
        .workflow = taker->workflow,
        .channel = CHANNEL_TABLE,
        .session = false,
    };
    enum errc code = ingest_add(taker->ingest, trace, &origin, err);
    if (code == ERR_OK && trace->steps.count > 0) {
        code = add_place(taker->ingest, origin.path, err);
    }
    return code == ERR_OK ? ingest_flush(taker->ingest, err) : code;
}

enum errc ingest_table_files(struct ingest *ingest, struct str path,
                             const struct ingest_options *options, struct err *err)
{
    CHECK(ingest != NULL);
    CHECK(options != NULL);

    char map[PATH_BYTES_MAX];
    const int size = options->map.size > 0
                         ? snprintf(map, sizeof map, STR_FORMAT, STR_ARG(options->map))
                         : snprintf(map, sizeof map, STR_FORMAT "/map.yaml", STR_ARG(path));
    if (size < 0 || (size_t)size >= sizeof map) {
        return err_set(err, ERR_USAGE, "the path of the map is longer than %d bytes",
                       PATH_BYTES_MAX);
    }
    enum errc code = ingest_flush(ingest, err); /* what it borrows may go before the next flush */
    struct taker taker = {.ingest = ingest, .folder = path, .workflow = options->workflow};
    const struct ingest_table table = {
        .map = map,
        .data = path.data,
        .workflow = options->workflow,
        .stop = options->stop,
        .sink = take_batch,
        .context = &taker,
    };
    struct ingest_table_counts counts = {0};
    if (code == ERR_OK) {
        code = ingest_table(&table, &counts, err);
    }
    ingest->summary.files += counts.files;
    ingest->summary.steps_known += counts.repeated;
    return code;
}

typedef enum errc read_file(const struct ingest_table *options, struct ingest_table_counts *out,
                            struct err *err);

static enum errc take_file(struct ingest *ingest, const struct ingest_options *options,
                           const char *path, read_file *read, struct err *err)
{
    CHECK(ingest != NULL);
    CHECK(options != NULL);
    CHECK(path != NULL);

    struct taker taker = {.ingest = ingest, .workflow = options->workflow};
    const struct ingest_table table = {
        .map = options->map.size > 0 ? options->map.data : NULL,
        .data = path,
        .workflow = options->workflow,
        .stop = options->stop,
        .sink = take_batch,
        .context = &taker,
    };
    struct ingest_table_counts counts = {0};
    const enum errc code = read(&table, &counts, err);
    ingest->summary.files += counts.files;
    return code;
}

enum errc ingest_outcome_file(struct ingest *ingest, const struct ingest_options *options,
                              const char *path, struct err *err)
{
    return take_file(ingest, options, path, ingest_outcomes, err);
}

enum errc ingest_kpi_file(struct ingest *ingest, const struct ingest_options *options,
                          const char *path, struct err *err)
{
    return take_file(ingest, options, path, ingest_kpis, err);
}
