#include "ingest/table.h"

#include "base/check.h"
#include "base/file.h"
#include "ingest/table_priv.h"

#define RUN_BYTES_MAX    ((size_t)64 << 20)
#define MEMORY_BYTES_MAX ((int64_t)1 << 30)

enum { THREADS = 2 };

enum errc ingest_run_open(struct ingest_run *run, const struct ingest_table *options,
                          struct err *err)
{
    CHECK(options->data != NULL);
    *run = (struct ingest_run){.options = options};
    arena_init(&run->arena, RUN_BYTES_MAX);
    ingest_batch_init(&run->batch, options);
    enum errc code = ingest_place_find(options->data, &run->arena, &run->place, err);
    if (code == ERR_OK) {
        const struct store_scan_options scan = {
            .root = run->place.root,
            .root_is_file = run->place.is_file,
            .memory_bytes_max = MEMORY_BYTES_MAX,
            .thread_count = THREADS,
            .stop = options->stop,
        };
        code = store_scan_open(&scan, &run->arena, &run->scan, err);
    }
    if (code != ERR_OK) {
        ingest_run_close(run);
    }
    return code;
}

void ingest_run_close(struct ingest_run *run)
{
    CHECK(run != NULL);
    store_scan_close(&run->scan);
    ingest_batch_deinit(&run->batch);
    arena_deinit(&run->arena);
}

struct rows {
    struct ingest_batch *batch;
    const struct table *table;
};

static enum errc on_row(void *context, const struct str *values, size_t count, struct err *err)
{
    const struct rows *rows = context;
    CHECK(count == rows->table->value_count + 1);
    int64_t line = 0;
    CHECK(str_to_int64(values[0], &line));
    return ingest_batch_row(rows->batch, rows->table, values + 1, line, err);
}

enum errc ingest_run_rows(struct ingest_run *run, const struct table *table, struct str file,
                          struct err *err)
{
    struct text sql;
    struct rows rows = {&run->batch, table};
    text_init(&sql, STORE_SCAN_SQL_BYTES_MAX);
    run->batch.file = file;
    enum errc code = ingest_table_query(run->scan, table, &sql, err);
    if (code == ERR_OK) {
        code = store_scan_query(run->scan, text_str(&sql), on_row, &rows, err);
        if (code == ERR_SYNTAX || code == ERR_LIMIT) {
            err_prefix(err, STR_FORMAT ": ", STR_ARG(file));
        }
    }
    text_deinit(&sql);
    return code == ERR_OK ? ingest_batch_flush(&run->batch, err) : code;
}

struct rejects {
    struct ingest_run *run;
    char path[STORE_SCAN_PATH_BYTES_MAX];
};

static enum errc on_reject(void *context, const struct str *values, size_t count, struct err *err)
{
    struct rejects *rejects = context;
    struct ingest_batch *batch = &rejects->run->batch;
    CHECK(count == 3);
    const struct str name = ingest_place_name(&rejects->run->place, values[0]);
    CHECK(name.size < sizeof rejects->path);
    enum errc code = ERR_OK;
    if (!str_equal(batch->file, name)) {
        code = ingest_batch_flush(batch, err);
        memcpy(rejects->path, name.data, name.size);
        batch->file = (struct str){rejects->path, name.size};
    }
    int64_t line = 0;
    struct str reason = values[2];
    if (code != ERR_OK || !str_to_int64(values[1], &line) || line < 0) {
        return code;
    }
    batch->trace.lines++;
    reason = str_cut(&reason, '\n');
    return ingest_batch_reject(batch, line, str_trim(reason), err);
}

enum errc ingest_run_rejects(struct ingest_run *run, struct err *err)
{
    struct rejects rejects = {.run = run};
    run->batch.file = (struct str){0};
    const enum errc code = store_scan_rejects(run->scan, on_reject, &rejects, err);
    return code == ERR_OK ? ingest_batch_flush(&run->batch, err) : code;
}

/* A table's own file, or all of its pattern, one after the other. */
static enum errc read_files(struct ingest_run *run, const struct table *table,
                            const struct ingest_files *files, struct err *err)
{
    for (size_t i = 0; i < files->count; i++) {
        const struct str file = ingest_place_name(&run->place, files->rows[i].path);
        enum errc code =
            store_scan_add(run->scan, STR(INGEST_TABLE_VIEW), &files->rows[i], 1, true, err);
        if (code == ERR_OK) {
            code = ingest_run_rows(run, table, file, err);
        }
        if (code != ERR_OK) {
            return code;
        }
    }
    return ERR_OK;
}

/* Every named source becomes a relation that the tables' SELECTs can use. */
static enum errc add_sources(struct ingest_run *run, const struct table_map *map, struct err *err)
{
    for (size_t i = 0; i < map->source_count; i++) {
        const struct table_source *source = &map->sources[i];
        struct ingest_files files = {0};
        if (source->name.size == 0) {
            continue;
        }
        enum errc code = ingest_place_files(&run->place, source, &run->arena, &files, err);
        if (code == ERR_OK && files.count > 0) {
            code = store_scan_add(run->scan, source->name, files.rows, files.count, false, err);
        }
        if (code != ERR_OK) {
            return code;
        }
        run->batch.counts.files += (int64_t)files.count;
    }
    return ERR_OK;
}

static enum errc read_select(struct ingest_run *run, const struct table *table, struct err *err)
{
    struct err why;
    enum errc code = store_scan_add_query(run->scan, STR(INGEST_TABLE_VIEW), table->sql, &why);
    if (code == ERR_SYNTAX) {
        return yaml_error(yaml_get(table->node, "from"), err, "%s%s", why.text,
                          run->place.is_file ? "; a map that joins files needs the folder they are "
                                               "in, not one file"
                                             : "");
    }
    if (code != ERR_OK) {
        *err = why;
        return code;
    }
    return ingest_run_rows(run, table, table->name.size > 0 ? table->name : STR("from"), err);
}

static enum errc read_table(struct ingest_run *run, const struct table_map *map,
                            const struct table *table, struct err *err)
{
    struct ingest_files files = {0};
    enum errc code = ERR_OK;
    if (table->sql.size > 0) {
        return read_select(run, table, err);
    }
    if (table->source != SIZE_MAX) {
        const struct table_source *source = &map->sources[table->source];
        code = ingest_place_files(&run->place, source, &run->arena, &files, err);
        run->batch.counts.files += source->name.size == 0 ? (int64_t)files.count : 0;
        return code == ERR_OK ? read_files(run, table, &files, err) : code;
    }
    if (!run->place.is_file) {
        return yaml_error(table->node, err,
                          "names no file; add file: NAME, or import one file instead of a folder");
    }
    struct store_scan_file file;
    code = ingest_place_file(&run->place, TABLE_BY_NAME, &file, err);
    files = (struct ingest_files){.rows = &file, .count = 1};
    run->batch.counts.files++;
    return code == ERR_OK ? read_files(run, table, &files, err) : code;
}

static enum errc read_tables(struct ingest_run *run, const struct table_map *map, struct err *err)
{
    enum errc code = add_sources(run, map, err);
    for (size_t i = 0; i < map->table_count && code == ERR_OK; i++) {
        code = read_table(run, map, &map->tables[i], err);
    }
    if (code == ERR_OK && run->batch.counts.files == 0 && run->place.is_file) {
        code = err_set(err, ERR_NOT_FOUND, "%s: the map %s has no table for a file of this name",
                       run->options->data, run->options->map);
    }
    return code == ERR_OK ? ingest_run_rejects(run, err) : code;
}

enum errc ingest_table(const struct ingest_table *options, struct ingest_table_counts *out,
                       struct err *err)
{
    CHECK(options != NULL);
    CHECK(options->map != NULL);
    CHECK(out != NULL);

    struct arena arena;
    struct str text;
    struct table_map map;
    struct ingest_run run;
    arena_init(&arena, RUN_BYTES_MAX);
    enum errc code = file_read(str_from(options->map), YAML_BYTES_MAX, &arena, &text, err);
    if (code == ERR_OK) {
        code = table_map_parse(str_from(options->map), text, &arena, &map, err);
    }
    if (code == ERR_OK) {
        code = ingest_run_open(&run, options, err);
        if (code == ERR_OK) {
            code = read_tables(&run, &map, err);
            *out = code == ERR_OK ? run.batch.counts : *out;
            ingest_run_close(&run);
        }
    }
    arena_deinit(&arena);
    return code;
}
