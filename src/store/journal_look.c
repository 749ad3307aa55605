/* journal_look: what waits in the journal of a home, read beside whoever writes it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "base/memory.h"
#include "store/journal_priv.h"

struct look {
    int fd;
    int64_t kind;
    int64_t removed_through; /* of all files, once `visit` is called */
    journal_visit visit;     /* NULL: only find what is removed */
    void *context;
    enum errc code;
    struct err *err;
};

static bool note_removed(void *context, const struct journal_record *record, int64_t offset)
{
    struct look *const look = context;
    CHECK(offset > 0);
    if (record->kind == JOURNAL_REMOVED && record->id > look->removed_through) {
        look->removed_through = record->id;
    }
    return true;
}

static bool show(void *context, const struct journal_record *record, int64_t offset)
{
    struct look *const look = context;
    if (record->kind != look->kind || record->id <= look->removed_through) {
        return true;
    }
    const size_t size = journal_payload_size(record, SIZE_MAX - 1);
    char *const payload = memory_new_array(char, size + 1);
    struct str parts[JOURNAL_PARTS];
    journal_split(record, payload, parts);
    const bool is_whole = file_read_at(look->fd, payload, size, offset + (int64_t)sizeof *record) &&
                          journal_payload_check(parts) == record->payload_check;
    if (is_whole) {
        look->code = look->visit(look->context, parts[JOURNAL_BYTES], look->err);
    }
    memory_free(payload);
    return is_whole && look->code == ERR_OK;
}

/* One file; what is no file of the journal, or not any more, holds nothing. */
static void look_into(int folder, const char *name, struct look *look)
{
    struct stat status;
    struct journal_head head;
    look->fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (look->fd < 0) {
        return;
    }
    if (fstat(look->fd, &status) == 0 && status.st_size >= (off_t)sizeof head &&
        file_read_at(look->fd, &head, sizeof head, 0) &&
        memcmp(head.magic, JOURNAL_MAGIC, sizeof head.magic) == 0 &&
        head.check == journal_head_check(&head)) {
        (void)journal_walk(look->fd, head.number, sizeof head, status.st_size, false,
                           look->visit != NULL ? show : note_removed, look);
    }
    close(look->fd);
}

static void look_at_all(const char *path, struct look *look)
{
    DIR *const folder = opendir(path);
    for (struct dirent *entry = folder != NULL ? readdir(folder) : NULL;
         entry != NULL && look->code == ERR_OK; entry = readdir(folder)) {
        char name[JOURNAL_NAME_BYTES_MAX];
        journal_name(name, strtoull(entry->d_name, NULL, 10));
        if (strcmp(name, entry->d_name) == 0) {
            look_into(dirfd(folder), name, look);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
}

enum errc journal_look(struct str home, int64_t kind, journal_visit visit, void *context,
                       struct err *err)
{
    CHECK(visit != NULL);
    char path[JOURNAL_PATH_BYTES_MAX];
    const int size = snprintf(path, sizeof path, STR_FORMAT "/inbox", STR_ARG(home));
    if (size < 0 || (size_t)size >= sizeof path) {
        return err_set(err, ERR_USAGE, "the home directory's name is too long");
    }
    struct look look = {.kind = kind, .context = context, .err = err};
    look_at_all(path, &look);
    look.visit = visit;
    look_at_all(path, &look);
    return look.code;
}
