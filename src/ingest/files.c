#include "ingest/files.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"

/* Sources of earlier imports, by hash of the path. */
struct known_files {
    struct file_known *rows;
    uint64_t *keys;
    size_t slots; /* power of two; 0: none */
};

/* Places in the result + 1, by hash of the path: a file may be under two of the paths given. */
struct found_files {
    uint32_t *slots; /* 0: free */
    size_t count;    /* of slots, a power of two; 0: none */
};

struct finder {
    struct known_files known;
    struct found_files found;
    struct arena *arena;
    struct import_files *out;
    struct err *err;
};

static enum errc no_room(struct finder *finder)
{
    return err_set(finder->err, ERR_LIMIT, "more files than %zu bytes of names hold",
                   finder->arena->size_max);
}

static size_t slot_of(const struct known_files *known, uint64_t key)
{
    size_t at = (size_t)key & (known->slots - 1);
    while (known->keys[at] != 0 && known->keys[at] != key) {
        at = (at + 1) & (known->slots - 1);
    }
    return at;
}

static const struct file_known *find_known(const struct known_files *known, struct str path)
{
    if (known->slots == 0) {
        return NULL;
    }
    const size_t at = slot_of(known, hash64(path) | 1);
    return known->keys[at] != 0 ? &known->rows[at] : NULL;
}

static enum errc load_known(struct store *store, struct finder *finder)
{
    struct store_result result;
    const enum errc code =
        store_run(store, QUERY_sources, NULL, 0, finder->arena, &result, finder->err);
    if (code != ERR_OK || result.rows == 0) {
        return code;
    }
    struct known_files *const known = &finder->known;
    known->slots = 16;
    while (known->slots < result.rows * 2) {
        known->slots *= 2;
    }
    known->rows = arena_new(finder->arena, struct file_known, known->slots);
    known->keys = arena_new(finder->arena, uint64_t, known->slots);
    if (known->rows == NULL || known->keys == NULL) {
        return no_room(finder);
    }
    for (size_t row = 0; row < result.rows; row++) {
        const uint64_t key = hash64(store_text(&result, row, 0)) | 1;
        const size_t at = slot_of(known, key);
        known->keys[at] = key;
        known->rows[at] = (struct file_known){
            .format = wire_format_named(store_text(&result, row, 1)),
            .size = store_int64(&result, row, 2, 0),
            .mtime_ns = store_int64(&result, row, 3, 0),
            .inode = store_int64(&result, row, 4, 0),
            .head_hash = (uint64_t)store_sum(&result, row, 5),
            .head_bytes = store_int64(&result, row, 6, 0),
            .next = {.offset = store_int64(&result, row, 7, 0),
                     .line = store_int64(&result, row, 8, 0),
                     .state = store_text(&result, row, 9)},
        };
    }
    return ERR_OK;
}

static size_t found_slot(const struct finder *finder, struct str path)
{
    const struct found_files *const found = &finder->found;
    size_t at = (size_t)hash64(path) & (found->count - 1);
    while (found->slots[at] != 0 &&
           !str_equal(finder->out->rows[found->slots[at] - 1].path, path)) {
        at = (at + 1) & (found->count - 1);
    }
    return at;
}

/* Room for one more file among those found. */
static enum errc widen_found(struct finder *finder)
{
    struct found_files *const found = &finder->found;
    if (finder->out->count * 2 < found->count) {
        return ERR_OK;
    }
    const size_t count = found->count > 0 ? found->count * 2 : 64;
    uint32_t *const slots = arena_new(finder->arena, uint32_t, count);
    if (slots == NULL) {
        return no_room(finder);
    }
    *found = (struct found_files){slots, count};
    for (size_t i = 0; i < finder->out->count; i++) {
        slots[found_slot(finder, finder->out->rows[i].path)] = (uint32_t)(i + 1);
    }
    return ERR_OK;
}

static bool could_hold_a_log(struct str path)
{
    static const struct str endings[] = {
        STR_STATIC(".jsonl"), STR_STATIC(".json"), STR_STATIC(".jsonl.gz"), STR_STATIC(".json.gz"),
        STR_STATIC(".pb"),    STR_STATIC(".bin"),  STR_STATIC(".pb.gz"),    STR_STATIC(".bin.gz")};
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        if (str_ends_with(path, endings[i])) {
            return true;
        }
    }
    return false;
}

static enum errc add_file(struct finder *finder, const char *path, const struct stat *status,
                          bool named, bool table)
{
    struct import_file file = {
        .path = arena_copy(finder->arena, str_from(path)),
        .named = named,
        .table = table,
        .gzip = str_ends_with(str_from(path), STR(".gz")),
        .size = status->st_size,
        .mtime_ns = (int64_t)status->st_mtim.tv_sec * CLOCK_NS_PER_SECOND +
                    (int64_t)status->st_mtim.tv_nsec,
        .inode = (int64_t)status->st_ino,
    };
    if (file.path.data == NULL) {
        return no_room(finder);
    }
    file.known = find_known(&finder->known, file.path);
    if (!table && file.known != NULL && file.known->size == file.size &&
        file.known->mtime_ns == file.mtime_ns && file.known->inode == file.inode) {
        finder->out->unchanged++;
        return ERR_OK;
    }
    const enum errc code = widen_found(finder);
    if (code != ERR_OK) {
        return code;
    }
    const size_t slot = found_slot(finder, file.path);
    if (finder->found.slots[slot] != 0) {
        return ERR_OK; /* under another of the paths as well */
    }
    const size_t at = arena_push(finder->arena, finder->out);
    if (at == SIZE_MAX) {
        return no_room(finder);
    }
    finder->out->rows[at] = file;
    finder->found.slots[slot] = (uint32_t)(at + 1);
    finder->out->bytes += file.size;
    return ERR_OK;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool is_table_folder(const char *path)
{
    char map[PATH_MAX];
    const int size = snprintf(map, sizeof map, "%s/map.yaml", path);
    return size > 0 && (size_t)size < sizeof map && access(map, R_OK) == 0;
}

/* A place that cannot be read is told of; the rest of the tree is read all the same. */
static enum errc add_trouble(struct finder *finder, const char *path, const char *why)
{
    const struct import_file file = {.path = arena_copy(finder->arena, str_from(path)),
                                     .trouble = arena_copy(finder->arena, str_from(why))};
    const size_t at = arena_push(finder->arena, finder->out);
    if (file.path.data == NULL || file.trouble.data == NULL || at == SIZE_MAX) {
        return no_room(finder);
    }
    finder->out->rows[at] = file;
    return ERR_OK;
}

static enum errc visit(struct finder *finder, FTS *tree, FTSENT *entry, bool named)
{
    switch (entry->fts_info) {
    case FTS_D:
        if (is_table_folder(entry->fts_accpath)) {
            fts_set(tree, entry, FTS_SKIP);
            return add_file(finder, entry->fts_path, entry->fts_statp, named, true);
        }
        return ERR_OK;
    case FTS_F:
        return named || could_hold_a_log(str_from(entry->fts_path))
                   ? add_file(finder, entry->fts_path, entry->fts_statp, named, false)
                   : ERR_OK;
    case FTS_NS:
        if (entry->fts_errno == ENOENT && !named) {
            return ERR_OK; /* it was removed while the directory was read */
        }
        __attribute__((fallthrough));
    case FTS_DNR:
    case FTS_ERR:
        return named ? err_set(finder->err, ERR_IO, "%s cannot be read: %s", entry->fts_path,
                               strerror(entry->fts_errno))
                     : add_trouble(finder, entry->fts_path, strerror(entry->fts_errno));
    case FTS_DEFAULT:
        return named ? err_set(finder->err, ERR_UNSUPPORTED,
                               "%s is neither a file nor a directory; write it to a file first",
                               entry->fts_path)
                     : ERR_OK;
    default: /* directories left again, links: nothing to read */
        return ERR_OK;
    }
}

static enum errc walk(struct finder *finder, char *path)
{
    char *const roots[] = {path, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_COMFOLLOW, by_name);
    if (tree == NULL) {
        return err_set(finder->err, ERR_IO, "%s cannot be walked: %s", path, strerror(errno));
    }
    enum errc code = ERR_OK;
    for (FTSENT *entry = fts_read(tree); entry != NULL && code == ERR_OK; entry = fts_read(tree)) {
        code = visit(finder, tree, entry, entry->fts_level == FTS_ROOTLEVEL);
        if (code != ERR_OK) {
            break;
        }
    }
    fts_close(tree);
    return code;
}

static enum errc find_path(struct finder *finder, const char *path, bool tables)
{
    char full[PATH_MAX];
    struct stat status;
    if (realpath(path, full) == NULL || stat(full, &status) != 0) {
        return err_set(finder->err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(errno));
    }
    return tables ? add_file(finder, full, &status, true, true) : walk(finder, full);
}

enum errc files_find(struct store *store, const char *const *paths, size_t path_count, bool tables,
                     struct arena *arena, struct import_files *out, struct err *err)
{
    CHECK(store != NULL);
    CHECK(arena != NULL);
    CHECK(out != NULL);

    struct import_files found = {0};
    struct finder finder = {.arena = arena, .out = &found, .err = err};
    enum errc code = load_known(store, &finder);
    for (size_t i = 0; i < path_count && code == ERR_OK; i++) {
        code = find_path(&finder, paths[i], tables);
    }
    if (code == ERR_OK) {
        *out = found;
    }
    return code;
}
