/* hold_log_thread: what the log does beside its callers: sync, write snapshots, remove files. */
#include "store/hold_log_priv.h"

#include <errno.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"

enum { NO_FILES_WAIT_MS = 10 };

/* A while for more records to be synced at once; shorter when somebody waits. */
static void gather(struct hold_log *log)
{
    const int64_t until_ns = clock_monotonic_ns() + log->sync_ms * 1000000;
    const struct timespec until = {.tv_sec = until_ns / CLOCK_NS_PER_SECOND,
                                   .tv_nsec = until_ns % CLOCK_NS_PER_SECOND};
    while (log->waiters == 0 && !log->stop &&
           pthread_cond_timedwait(&log->work, &log->mutex, &until) == 0) {
    }
}

/* Whether the process has no file left: that says nothing of the disk, and passes. */
static bool is_out_of_files(int error)
{
    return error == EMFILE || error == ENFILE;
}

static void sync_once(struct hold_log *log)
{
    CHECK(log->fd >= 0);
    const uint64_t target = log->written;
    const bool home_changed = log->home_changed;
    const int fd = dup(log->fd); /* a new segment may close it meanwhile */
    bool synced = true;
    if (fd < 0) {
        synced = is_out_of_files(errno) && fdatasync(log->fd) == 0; /* callers wait for it */
    }
    pthread_mutex_unlock(&log->mutex);
    synced = synced && (fd < 0 || fdatasync(fd) == 0);
    bool again = false;
    if (synced && home_changed) {
        synced = hold_log_sync_home(log);
        again = !synced && is_out_of_files(errno);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (again) {
        const struct timespec wait = {.tv_nsec = NO_FILES_WAIT_MS * 1000000L};
        (void)nanosleep(&wait, NULL);
    }
    pthread_mutex_lock(&log->mutex);
    if (again) {
        return;
    }
    if (synced) {
        log->synced = target > log->synced ? target : log->synced;
        log->syncs++;
        log->home_changed = log->home_changed && !home_changed;
    } else {
        log->broken = true; /* what the disk has is not known any more */
    }
    pthread_cond_broadcast(&log->done);
}

static void write_snapshot(struct hold_log *log)
{
    CHECK(log->snapshot != NULL);
    char *const bytes = log->snapshot;
    const struct hold_record record = {.number = log->snapshot_number,
                                       .event = HOLD_SNAPSHOT,
                                       .body = {bytes, log->snapshot_size}};
    const struct hold_log_header header = {log->snapshot_next, record.number};
    pthread_mutex_unlock(&log->mutex);
    char head[HOLD_LOG_RECORD_BYTES_MAX];
    const size_t size = hold_log_record_put(&record, record.number, head);
    struct err err;
    const enum errc code = hold_log_make(log, HOLD_LOG_FILE_SNAPSHOT, &header,
                                         (struct str){head, size}, record.body, &err);
    memory_free(bytes);
    pthread_mutex_lock(&log->mutex);
    log->snapshot = NULL;
    if (code == ERR_OK) { /* else the segments before it stay, and the next one is tried later */
        log->snapshot_segment = header.segment;
        log->snapshot_bytes = (int64_t)record.body.size;
        log->tidy = true;
    }
}

/* Files before the snapshot whose payloads are delivered say nothing any more. */
static void tidy(struct hold_log *log)
{
    CHECK(log->segment_count > 0);
    size_t gone = 0;
    uint32_t names[HOLD_LOG_SEGMENTS_MAX];
    const struct hold_log_segment *const last = &log->segments[log->segment_count - 1];
    log->tidy = false;
    if (log->payloads == 0) { /* nobody will ask for what is before here */
        log->delivered = log->written;
        log->delivered_at = (struct hold_log_place){last->segment, last->bytes, log->written};
        log->read_at = log->delivered_at;
    }
    while (gone + 1 < log->segment_count && log->segments[gone].segment < log->snapshot_segment &&
           log->segments[gone].segment < log->delivered_at.segment) {
        names[gone] = log->segments[gone].segment;
        gone++;
    }
    if (gone == 0) {
        return;
    }
    memmove(log->segments, log->segments + gone,
            (log->segment_count - gone) * sizeof log->segments[0]);
    log->segment_count -= gone;
    pthread_mutex_unlock(&log->mutex);
    for (size_t i = 0; i < gone; i++) {
        char path[HOLD_LOG_PATH_BYTES_MAX];
        hold_log_path(log, HOLD_LOG_FILE_SNAPSHOT, names[i], path);
        (void)unlink(path); /* what stays is removed at the next start */
        hold_log_path(log, HOLD_LOG_FILE_SEGMENT, names[i], path);
        (void)unlink(path);
    }
    pthread_mutex_lock(&log->mutex);
}

void *hold_log_run(void *argument)
{
    struct hold_log *const log = argument;
    CHECK(log != NULL);
    pthread_mutex_lock(&log->mutex);
    while (!log->broken) {
        if (log->written > log->synced) {
            gather(log);
            sync_once(log);
        }
        if (log->snapshot != NULL) {
            write_snapshot(log);
        }
        if (log->tidy) {
            tidy(log);
        }
        if (log->written > log->synced || log->snapshot != NULL) {
            continue;
        }
        if (log->stop) {
            break;
        }
        pthread_cond_wait(&log->work, &log->mutex);
    }
    pthread_mutex_unlock(&log->mutex);
    return NULL;
}
