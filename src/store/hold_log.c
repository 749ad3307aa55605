#include "store/hold_log_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

enum {
    AT_END_BYTES_MAX = 1 << 20, /* of a log that the next start reads in a few ms */
    /* A snapshot that is larger than this is not written anew for a segment much shorter than it,
     * nor put off for one that is long. */
    SMALL_SNAPSHOT_BYTES = 1 << 20,
    SNAPSHOTS_A_SEGMENT = 4,
    LONG_SEGMENT_BYTES = 64 << 20,
};

void hold_log_path(const struct hold_log *log, enum hold_log_file file, uint32_t segment,
                   char out[HOLD_LOG_PATH_BYTES_MAX])
{
    int size = 0;
    switch (file) {
    case HOLD_LOG_FILE_SEGMENT:
        size = snprintf(out, HOLD_LOG_PATH_BYTES_MAX, "%s/holds.%08u.log", log->home, segment);
        break;
    case HOLD_LOG_FILE_SNAPSHOT:
        size = snprintf(out, HOLD_LOG_PATH_BYTES_MAX, "%s/holds.%08u.snap", log->home, segment);
        break;
    case HOLD_LOG_FILE_NEW:
        size = snprintf(out, HOLD_LOG_PATH_BYTES_MAX, "%s/holds.%08u.new", log->home, segment);
        break;
    }
    CHECK(size > 0 && size < HOLD_LOG_PATH_BYTES_MAX);
}

enum errc hold_log_fail(const struct hold_log *log, const char *what, struct err *err)
{
    return err_set(err, ERR_IO, "%s: the log of holds cannot be %s: %s", log->home, what,
                   strerror(errno));
}

bool hold_log_sync_home(const struct hold_log *log)
{
    CHECK(log != NULL);
    const int fd = open(log->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = fd >= 0 && fsync(fd) == 0;
    const int error = errno;
    if (fd >= 0) {
        close(fd);
    }
    errno = error;
    return synced;
}

static bool write_all(int fd, struct str bytes)
{
    while (bytes.size > 0) {
        const ssize_t wrote = write(fd, bytes.data, bytes.size);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return false;
        }
        bytes.data += wrote;
        bytes.size -= (size_t)wrote;
    }
    return true;
}

enum errc hold_log_make(const struct hold_log *log, enum hold_log_file file,
                        const struct hold_log_header *header, struct str record, struct str body,
                        struct err *err)
{
    CHECK(header->segment > 0);
    char new_path[HOLD_LOG_PATH_BYTES_MAX];
    char path[HOLD_LOG_PATH_BYTES_MAX];
    char head[HOLD_LOG_HEADER_BYTES];
    hold_log_path(log, HOLD_LOG_FILE_NEW, header->segment, new_path);
    hold_log_path(log, file, header->segment, path);
    hold_log_header_put(header, head);
    const int fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return hold_log_fail(log, "made", err);
    }
    bool done = write_all(fd, (struct str){head, sizeof head}) && write_all(fd, record) &&
                write_all(fd, body) && fsync(fd) == 0;
    done = close(fd) == 0 && done;
    done = done && rename(new_path, path) == 0 && hold_log_sync_home(log);
    if (!done) {
        const enum errc code = hold_log_fail(log, "written", err);
        (void)unlink(new_path);
        return code;
    }
    return ERR_OK;
}

static int open_segment(const struct hold_log *log, uint32_t segment)
{
    char path[HOLD_LOG_PATH_BYTES_MAX];
    hold_log_path(log, HOLD_LOG_FILE_SEGMENT, segment, path);
    return open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
}

/* One process at a time; the lock goes with the process, however it ends. */
static enum errc lock(struct hold_log *log, struct err *err)
{
    char path[HOLD_LOG_PATH_BYTES_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/holds.lock", log->home);
    log->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (log->lock_fd < 0) {
        return hold_log_fail(log, "locked", err);
    }
    if (flock(log->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return err_set(err, ERR_BUSY,
                       "%s: another process keeps the budgets of this home; stop it first",
                       log->home);
    }
    return ERR_OK;
}

static enum errc start(struct hold_log *log, hold_log_visit visit, void *context,
                       struct hold_log_opened *opened, struct err *err)
{
    enum errc code = lock(log, err);
    code = code == ERR_OK ? hold_log_replay(log, visit, context, opened, err) : code;
    if (code == ERR_OK && log->segment_count == 0) {
        const struct hold_log_header header = {1, 1};
        code = hold_log_make(log, HOLD_LOG_FILE_SEGMENT, &header, (struct str){"", 0},
                             (struct str){"", 0}, err);
        log->segments[log->segment_count++] =
            (struct hold_log_segment){1, 1, HOLD_LOG_HEADER_BYTES};
        log->delivered_at = (struct hold_log_place){1, HOLD_LOG_HEADER_BYTES, 0};
        log->read_at = log->delivered_at;
    }
    if (code != ERR_OK) {
        return code;
    }
    log->fd = open_segment(log, log->segments[log->segment_count - 1].segment);
    if (log->fd < 0) {
        return hold_log_fail(log, "opened", err);
    }
    log->synced = log->written;
    log->has_thread = pthread_create(&log->thread, NULL, hold_log_run, log) == 0;
    return log->has_thread ? ERR_OK : err_set(err, ERR_IO, "no thread can be started");
}

/* Whether files of that name can be named. */
static enum errc take_home(struct hold_log *log, struct str home, struct err *err)
{
    enum { NAME_BYTES = 32 };
    if (home.size == 0 || home.size > HOLD_LOG_PATH_BYTES_MAX - NAME_BYTES) {
        return err_set(err, ERR_RANGE, "the home directory's name has %zu bytes; at most %d",
                       home.size, HOLD_LOG_PATH_BYTES_MAX - NAME_BYTES);
    }
    memcpy(log->home, home.data, home.size);
    return ERR_OK;
}

enum errc hold_log_look(struct str home, hold_log_visit visit, void *context,
                        struct hold_log_opened *out_opened, struct err *err)
{
    CHECK(visit != NULL);
    CHECK(out_opened != NULL);
    struct hold_log_opened opened = {0};
    struct hold_log *log = memory_new(struct hold_log);
    log->only_looks = true;
    enum errc code = take_home(log, home, err);
    if (code == ERR_OK && (access(log->home, F_OK) == 0 || errno != ENOENT)) {
        log->segments = memory_new_array(struct hold_log_segment, HOLD_LOG_SEGMENTS_MAX);
        code = hold_log_replay(log, visit, context, &opened, err);
        memory_free(log->segments);
    }
    memory_free(log);
    if (code == ERR_OK) {
        *out_opened = opened;
    }
    return code;
}

enum errc hold_log_open(const struct hold_log_options *options, hold_log_visit visit, void *context,
                        struct hold_log **out, struct hold_log_opened *out_opened, struct err *err)
{
    CHECK(options != NULL);
    CHECK(out != NULL);
    CHECK(options->sync_ms >= 1 && options->sync_ms <= HOLD_LOG_SYNC_MS_MAX);
    struct hold_log_opened opened = {0};
    struct hold_log *log = memory_new(struct hold_log);
    log->lock_fd = -1;
    log->fd = -1;
    log->sync_ms = options->sync_ms;
    log->segment_bytes = (int64_t)options->segment_bytes;
    text_init(&log->added, HOLD_LOG_ADDED_BYTES_MAX);
    log->segments = memory_new_array(struct hold_log_segment, HOLD_LOG_SEGMENTS_MAX);
    CHECK(pthread_mutex_init(&log->mutex, NULL) == 0);
    CHECK(pthread_cond_init(&log->done, NULL) == 0);
    pthread_condattr_t monotonic;
    CHECK(pthread_condattr_init(&monotonic) == 0);
    CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&log->work, &monotonic) == 0);
    pthread_condattr_destroy(&monotonic);
    enum errc code = take_home(log, options->home, err);
    code = code == ERR_OK ? start(log, visit, context, &opened, err) : code;
    if (code != ERR_OK) {
        hold_log_close(&log);
        return code;
    }
    *out = log;
    if (out_opened != NULL) {
        *out_opened = opened;
    }
    return ERR_OK;
}

void hold_log_close(struct hold_log **log)
{
    CHECK(log != NULL);
    if (*log == NULL) {
        return;
    }
    if ((*log)->has_thread) {
        struct err err;
        pthread_mutex_lock(&(*log)->mutex);
        if (hold_log_write_added(*log, &err) != ERR_OK) {
            /* Told of before; its holds are unknown to the next start. */
        }
        (*log)->stop = true;
        pthread_cond_signal(&(*log)->work);
        pthread_mutex_unlock(&(*log)->mutex);
        pthread_join((*log)->thread, NULL);
    }
    if ((*log)->fd >= 0) {
        close((*log)->fd);
    }
    if ((*log)->lock_fd >= 0) {
        close((*log)->lock_fd);
    }
    pthread_cond_destroy(&(*log)->work);
    pthread_cond_destroy(&(*log)->done);
    pthread_mutex_destroy(&(*log)->mutex);
    text_deinit(&(*log)->added);
    memory_free((*log)->snapshot);
    memory_free((*log)->segments);
    memory_free(*log);
    *log = NULL;
}

static int64_t segment_bytes_max(const struct hold_log *log, bool at_end)
{
    if (at_end && log->segment_bytes > AT_END_BYTES_MAX) {
        return AT_END_BYTES_MAX;
    }
    const int64_t worth = log->snapshot_bytes * SNAPSHOTS_A_SEGMENT;
    if (log->snapshot_bytes <= SMALL_SNAPSHOT_BYTES || worth <= log->segment_bytes) {
        return log->segment_bytes;
    }
    return worth < LONG_SEGMENT_BYTES ? worth : LONG_SEGMENT_BYTES;
}

bool hold_log_wants_snapshot(struct hold_log *log, bool at_end)
{
    CHECK(log != NULL);
    pthread_mutex_lock(&log->mutex);
    const bool wants =
        log->segments[log->segment_count - 1].bytes > segment_bytes_max(log, at_end) &&
        log->snapshot == NULL && !log->broken && log->segment_count < HOLD_LOG_SEGMENTS_MAX;
    pthread_mutex_unlock(&log->mutex);
    return wants;
}

/* Not synced here, as callers wait: the thread does it before it calls a record of it synced. What
 * a power cut leaves of it, the next start takes for a file that was never begun. */
static int begin_segment(const struct hold_log *log, const struct hold_log_header *header)
{
    char new_path[HOLD_LOG_PATH_BYTES_MAX];
    char path[HOLD_LOG_PATH_BYTES_MAX];
    char head[HOLD_LOG_HEADER_BYTES];
    hold_log_path(log, HOLD_LOG_FILE_NEW, header->segment, new_path);
    hold_log_path(log, HOLD_LOG_FILE_SEGMENT, header->segment, path);
    hold_log_header_put(header, head);
    const int fd = open(new_path, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -1;
    }
    if (!write_all(fd, (struct str){head, sizeof head}) || rename(new_path, path) != 0) {
        (void)unlink(new_path);
        close(fd);
        return -1;
    }
    return fd;
}

enum errc hold_log_rotate(struct hold_log *log, char *snapshot, size_t size, struct err *err)
{
    CHECK(log != NULL);
    CHECK(snapshot != NULL);
    CHECK(size <= HOLD_LOG_SNAPSHOT_BYTES_MAX);
    pthread_mutex_lock(&log->mutex);
    CHECK(log->snapshot == NULL);
    /* The snapshot has it, so that it must not come behind it. */
    enum errc code = hold_log_write_added(log, err);
    const uint32_t segment = log->segments[log->segment_count - 1].segment + 1;
    const struct hold_log_header header = {segment, log->written + 1};
    /* What is in this file is on the disk before anything is in the next. */
    if (code == ERR_OK && fdatasync(log->fd) != 0) {
        code = hold_log_fail(log, "synced", err);
    }
    const int fd = code == ERR_OK ? begin_segment(log, &header) : -1;
    if (code == ERR_OK && fd < 0) {
        code = hold_log_fail(log, "begun", err);
    }
    if (code == ERR_OK) {
        close(log->fd);
        log->fd = fd;
        log->home_changed = true;
        log->synced = log->written;
        log->segments[log->segment_count++] =
            (struct hold_log_segment){segment, header.first, HOLD_LOG_HEADER_BYTES};
        log->snapshot = snapshot;
        log->snapshot_size = size;
        log->snapshot_next = segment;
        log->snapshot_number = log->written;
        pthread_cond_signal(&log->work);
        pthread_cond_broadcast(&log->done);
    }
    pthread_mutex_unlock(&log->mutex);
    if (code != ERR_OK) {
        memory_free(snapshot);
    }
    return code;
}

void hold_log_measure(struct hold_log *log, struct hold_log_size *out)
{
    CHECK(log != NULL);
    CHECK(out != NULL);
    pthread_mutex_lock(&log->mutex);
    *out = (struct hold_log_size){.segments = (int64_t)log->segment_count,
                                  .payloads = log->payloads,
                                  .syncs = log->syncs,
                                  .synced = log->synced,
                                  .written = log->written};
    for (size_t i = 0; i < log->segment_count; i++) {
        out->bytes += log->segments[i].bytes;
    }
    pthread_mutex_unlock(&log->mutex);
}
