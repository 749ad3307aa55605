#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/check.h"
#include "ingest/table_priv.h"

static enum errc no_memory(struct err *err)
{
    return err_set(err, ERR_LIMIT, "no memory left for the names of files");
}

enum errc ingest_place_find(const char *path, struct arena *arena, struct ingest_place *out,
                            struct err *err)
{
    CHECK(path != NULL);
    char full[PATH_MAX];
    struct stat info;
    if (realpath(path, full) == NULL || stat(full, &info) != 0) {
        return err_set(err, ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
        return err_set(err, ERR_UNSUPPORTED, "%s: is neither a file nor a folder", path);
    }
    struct ingest_place place = {.is_file = S_ISREG(info.st_mode)};
    place.root = arena_copy(arena, str_from(full));
    char *const slash = strrchr(full, '/');
    CHECK(slash != NULL);
    struct text folder;
    text_init(&folder, PATH_MAX + 2);
    text_add(&folder, place.is_file ? (struct str){full, (size_t)(slash - full)} : str_from(full));
    if (folder.size == 0 || folder.data[folder.size - 1] != '/') {
        text_char(&folder, '/');
    }
    place.folder = arena_copy(arena, text_str(&folder));
    text_deinit(&folder);
    if (place.root.data == NULL || place.folder.data == NULL) {
        return no_memory(err);
    }
    *out = place;
    return ERR_OK;
}

struct str ingest_place_name(const struct ingest_place *place, struct str path)
{
    CHECK(place->folder.size > 0);
    if (!str_starts_with(path, place->folder)) {
        return path;
    }
    return (struct str){path.data + place->folder.size, path.size - place->folder.size};
}

static enum errc set_format(enum table_format format, struct store_scan_file *file, struct err *err)
{
    /* DuckDB would read these in a path as a pattern. */
    for (size_t i = 0; i < file->path.size; i++) {
        if (strchr("*?[", file->path.data[i]) != NULL) {
            return err_set(err, ERR_UNSUPPORTED,
                           STR_FORMAT ": a path with *, ? or [ in it cannot be read; rename it",
                           STR_ARG(file->path));
        }
    }
    switch (format) {
    case TABLE_CSV:
        file->format = STORE_SCAN_CSV;
        return ERR_OK;
    case TABLE_JSONL:
        file->format = STORE_SCAN_JSONL;
        return ERR_OK;
    case TABLE_PARQUET:
        file->format = STORE_SCAN_PARQUET;
        return ERR_OK;
    case TABLE_BY_NAME:
        break;
    }
    if (store_scan_format(file->path, &file->format)) {
        return ERR_OK;
    }
    return err_set(err, ERR_UNSUPPORTED,
                   STR_FORMAT ": its name does not end in .csv, .tsv, .jsonl, .ndjson (each also "
                              ".gz) or .parquet; say format: csv, jsonl or parquet in the map",
                   STR_ARG(file->path));
}

enum errc ingest_place_file(const struct ingest_place *place, enum table_format format,
                            struct store_scan_file *out, struct err *err)
{
    CHECK(place->is_file);
    struct store_scan_file file = {.path = place->root};
    const enum errc code = set_format(format, &file, err);
    if (code == ERR_OK) {
        *out = file;
    }
    return code;
}

static enum errc add_file(const struct table_source *source, struct str path, struct arena *arena,
                          struct ingest_files *files, struct err *err)
{
    struct store_scan_file file = {.path = arena_copy(arena, path), .delimiter = source->delimiter};
    if (file.path.data == NULL) {
        return no_memory(err);
    }
    const enum errc code = set_format(source->format, &file, err);
    if (code != ERR_OK) {
        return code;
    }
    const size_t at = arena_push(arena, files);
    if (at == SIZE_MAX) {
        return no_memory(err);
    }
    files->rows[at] = file;
    return ERR_OK;
}

/* The folder's own * ? [ \ are no pattern. */
static enum errc write_pattern(const struct ingest_place *place, struct str pattern,
                               char out[static 2 * PATH_MAX], struct err *err)
{
    size_t used = 0;
    for (size_t i = 0; i < place->folder.size && used < PATH_MAX; i++) {
        if (strchr("*?[\\", place->folder.data[i]) != NULL) {
            out[used++] = '\\';
        }
        out[used++] = place->folder.data[i];
    }
    if (used + pattern.size + 1 > PATH_MAX) {
        return err_set(err, ERR_LIMIT, "\"" STR_FORMAT "\": the path is longer than %d bytes",
                       STR_ARG(pattern), PATH_MAX);
    }
    memcpy(out + used, pattern.data, pattern.size);
    out[used + pattern.size] = '\0';
    return ERR_OK;
}

static enum errc find_files(const struct ingest_place *place, const struct table_source *source,
                            struct arena *arena, struct ingest_files *files, struct err *err)
{
    char pattern[2 * PATH_MAX];
    enum errc code = write_pattern(place, source->file, pattern, err);
    if (code != ERR_OK) {
        return code;
    }
    glob_t found = {0};
    const int state = glob(pattern, 0, NULL, &found);
    if (state != 0 && state != GLOB_NOMATCH) {
        code = err_set(err, ERR_IO, "%s: cannot be searched", pattern);
    } else if (found.gl_pathc == 0) {
        code = yaml_error(source->node, err, "no file called " STR_FORMAT " in " STR_FORMAT,
                          STR_ARG(source->file), STR_ARG(place->root));
    } else if (found.gl_pathc > INGEST_TABLE_FILES_MAX) {
        code = yaml_error(source->node, err, STR_FORMAT " names %zu files; at most %d are read",
                          STR_ARG(source->file), found.gl_pathc, INGEST_TABLE_FILES_MAX);
    }
    for (size_t i = 0; i < found.gl_pathc && code == ERR_OK; i++) {
        code = add_file(source, str_from(found.gl_pathv[i]), arena, files, err);
    }
    globfree(&found);
    return code;
}

enum errc ingest_place_files(const struct ingest_place *place, const struct table_source *source,
                             struct arena *arena, struct ingest_files *out, struct err *err)
{
    CHECK(source != NULL);
    struct ingest_files files = {0};
    enum errc code = ERR_OK;
    if (!place->is_file) {
        code = find_files(place, source, arena, &files, err);
    } else {
        /* Of a pattern with folders in it only the last part can be compared. */
        const struct str name = ingest_place_name(place, place->root);
        const char *const slash = memrchr(source->file.data, '/', source->file.size);
        const char *const last = slash != NULL ? slash + 1 : source->file.data;
        const struct str text = {last, source->file.size - (size_t)(last - source->file.data)};
        const struct str pattern = arena_copy(arena, text);
        if (pattern.data == NULL) {
            return no_memory(err);
        }
        if (fnmatch(pattern.data, name.data, 0) == 0) {
            code = add_file(source, place->root, arena, &files, err);
        }
    }
    if (code == ERR_OK) {
        *out = files;
    }
    return code;
}
