/*
 * The body log as its one writer has it: its folder is opened, guarded and closed.
 *
 *     active file:  none --first record of its day--> open --full, erased, expired--> closed
 *
 * What comes in is in body_log_append.c, what leaves in body_log_erase.c.
 */
#include "store/body_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "store/body_log_priv.h"

enum { PRIVATE_FOLDER = 0700 };

enum errc body_log_fail(const struct body_log *log, const char *what, struct err *err)
{
    return err_set(err, ERR_STORE, "%s: %s: %s", log->path, what, strerror(errno));
}

/* Ours alone, and by one process at a time. */
static enum errc guard_folder(struct body_log *log, struct err *err)
{
    struct stat status;
    if (fstat(log->folder, &status) != 0) {
        return body_log_fail(log, "fstat", err);
    }
    if (status.st_uid != geteuid()) {
        return err_set(err, ERR_STORE, "%s belongs to another user; nothing is kept there",
                       log->path);
    }
    if ((status.st_mode & BODY_LOG_OTHERS) != 0 && fchmod(log->folder, PRIVATE_FOLDER) != 0) {
        return body_log_fail(log, "chmod", err);
    }
    log->lock = openat(log->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                       BODY_LOG_PRIVATE_FILE);
    if (log->lock < 0) {
        return body_log_fail(log, "lock", err);
    }
    if (flock(log->lock, LOCK_EX | LOCK_NB) != 0) {
        return err_set(err, ERR_BUSY, "%s: another process writes there; stop it", log->path);
    }
    return ERR_OK;
}

enum errc body_log_take_stock(struct body_log *log, struct err *err)
{
    struct body_files files;
    const enum errc code = body_files_list(log->folder, &files, err);
    if (code != ERR_OK) {
        return code;
    }
    log->bytes = 0;
    for (size_t i = 0; i < files.count; i++) {
        log->bytes += files.rows[i].size;
        log->last_number =
            files.rows[i].number > log->last_number ? files.rows[i].number : log->last_number;
    }
    memory_free(files.rows);
    return ERR_OK;
}

static void close_folder(struct body_log *log)
{
    if (log->lock >= 0) {
        close(log->lock);
    }
    if (log->folder >= 0) {
        close(log->folder);
    }
    log->lock = -1;
    log->folder = -1;
}

enum errc body_log_open_folder(struct body_log *log, bool make, struct err *err)
{
    if (log->folder >= 0) {
        return ERR_OK;
    }
    if (make && mkdir(log->path, PRIVATE_FOLDER) != 0 && errno != EEXIST) {
        return body_log_fail(log, "mkdir", err);
    }
    log->folder = open(log->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (log->folder < 0) {
        return errno == ENOENT && !make ? ERR_OK : body_log_fail(log, "open", err);
    }
    enum errc code = guard_folder(log, err);
    if (code == ERR_OK) {
        (void)unlinkat(log->folder, "erasing", 0); /* ENOENT: there was none */
        code = body_log_take_stock(log, err);
    }
    if (code != ERR_OK) {
        close_folder(log);
    }
    return code;
}

enum errc body_log_open(struct str home, struct body_log **out, struct err *err)
{
    CHECK(out != NULL);
    struct body_log *log = memory_new(struct body_log);
    log->folder = -1;
    log->lock = -1;
    for (int i = 0; i < BODY_LOG_ACTIVE_MAX; i++) {
        log->active[i].fd = -1;
    }
    const int size =
        snprintf(log->path, sizeof log->path, STR_FORMAT "/" BODY_LOG_FOLDER, STR_ARG(home));
    enum errc code = size > 0 && (size_t)size < sizeof log->path
                         ? body_log_open_folder(log, false, err)
                         : err_set(err, ERR_STORE, "the home's path is too long");
    if (code != ERR_OK) {
        memory_free(log);
        return code;
    }
    *out = log;
    return ERR_OK;
}

void body_log_close_active(struct body_active *active)
{
    if (active->fd >= 0) {
        close(active->fd);
        active->fd = -1;
    }
}

void body_log_close_all(struct body_log *log)
{
    for (int i = 0; i < BODY_LOG_ACTIVE_MAX; i++) {
        body_log_close_active(&log->active[i]);
    }
}

void body_log_close(struct body_log **log)
{
    CHECK(log != NULL);
    if (*log != NULL) {
        body_log_close_all(*log);
        close_folder(*log);
        memory_free(*log);
        *log = NULL;
    }
}

int64_t body_log_bytes(const struct body_log *log)
{
    CHECK(log != NULL);
    return log->bytes;
}
