/* Reading the body log, beside whoever writes it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "store/body_log_priv.h"

struct walk {
    const struct body_log_query *query;
    body_log_each *each;
    void *context;
    struct body_log_walked walked;
    char *bytes; /* [BODY_LOG_BYTES_MAX + 1], where they are wanted */
    bool stops;
};

static void show(struct walk *walk, int fd, const struct body_entry *entry, int64_t offset)
{
    struct body_record record = {.key = entry->key,
                                 .workflow_hash = entry->workflow_hash,
                                 .case_hash = entry->case_hash,
                                 .kept_ns = entry->kept_ns,
                                 .ends_ns = entry->ends_ns,
                                 .bytes = {NULL, entry->size}};
    if (walk->bytes != NULL) {
        if (!file_read_at(fd, walk->bytes, entry->size, offset + (int64_t)sizeof *entry) ||
            hash64((struct str){walk->bytes, entry->size}) != entry->bytes_check) {
            walk->walked.damaged++;
            return;
        }
        record.bytes.data = walk->bytes;
    }
    walk->walked.records++;
    walk->stops = !walk->each(walk->context, &record);
}

static enum errc walk_file(int folder, const struct body_file *file, struct walk *walk,
                           struct err *err)
{
    char name[BODY_LOG_NAME_BYTES_MAX];
    struct body_entry entry;
    body_file_name(file, name);
    const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        /* its day was over meanwhile */
        return errno == ENOENT
                   ? ERR_OK
                   : err_set(err, ERR_STORE, BODY_LOG_FOLDER "/%s: %s", name, strerror(errno));
    }
    enum errc code = body_head_read(fd, file, err);
    int64_t at = (int64_t)sizeof(struct body_head);
    while (code == ERR_OK && !walk->stops && body_entry_at(fd, file, at, &entry)) {
        if (entry.ends_ns > walk->query->now_ns && body_is_chosen(&walk->query->choice, &entry)) {
            show(walk, fd, &entry, at);
        }
        at += (int64_t)(sizeof entry + entry.size);
    }
    close(fd);
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

enum errc body_log_walk(struct str home, const struct body_log_query *query, body_log_each *each,
                        void *context, struct body_log_walked *out, struct err *err)
{
    CHECK(query != NULL);
    CHECK(each != NULL);
    char path[BODY_LOG_PATH_BYTES_MAX];
    struct body_files files;
    struct walk walk = {.query = query, .each = each, .context = context};
    snprintf(path, sizeof path, STR_FORMAT "/" BODY_LOG_FOLDER, STR_ARG(home));
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) {
        *out = walk.walked;
        return errno == ENOENT ? ERR_OK : err_set(err, ERR_STORE, "%s: %s", path, strerror(errno));
    }
    enum errc code = body_files_list(folder, &files, err);
    if (code == ERR_OK) {
        if (query->with_bytes) {
            walk.bytes = memory_new_array(char, (size_t)BODY_LOG_BYTES_MAX + 1);
        }
        for (size_t i = 0; i < files.count && code == ERR_OK && !walk.stops; i++) {
            code = walk_file(folder, &files.rows[i], &walk, err);
        }
        memory_free(walk.bytes);
        memory_free(files.rows);
    }
    close(folder);
    if (code == ERR_OK) {
        *out = walk.walked;
    }
    return code;
}
