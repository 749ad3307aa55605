/* hold_log_append: records into the last segment: at once, or several with the next write. */
#include "store/hold_log_priv.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/check.h"

static enum errc broken(const struct hold_log *log, struct err *err)
{
    return err_set(err, ERR_IO, "%s: the disk refused the log of holds; mend it and start again",
                   log->home);
}

/* One write of all parts, or nothing. */
static enum errc write_parts(struct hold_log *log, struct hold_log_segment *segment,
                             const struct iovec *parts, int part_count, size_t size,
                             struct err *err)
{
    const ssize_t wrote = writev(log->fd, parts, part_count);
    if (wrote == (ssize_t)size) {
        segment->bytes += (int64_t)size;
        return ERR_OK;
    }
    if (wrote >= 0) {
        errno = ENOSPC;
    }
    const enum errc code = hold_log_fail(log, "written", err);
    if (wrote > 0 && ftruncate(log->fd, segment->bytes) != 0) {
        log->broken = true;
    }
    return code;
}

enum errc hold_log_append(struct hold_log *log, struct hold_record *records, size_t count,
                          uint64_t *out_number, struct err *err)
{
    CHECK(log != NULL);
    CHECK(count > 0 && count <= HOLD_LOG_BATCH_MAX);
    char heads[HOLD_LOG_BATCH_MAX][HOLD_LOG_RECORD_BYTES_MAX];
    struct iovec parts[2 * HOLD_LOG_BATCH_MAX];
    int part_count = 0;
    size_t size = 0;
    int64_t payloads = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t body_max = records[i].event == HOLD_LIMITED ? HOLD_LOG_SNAPSHOT_BYTES_MAX
                                                                 : (size_t)HOLD_PAYLOAD_BYTES_MAX;
        if (records[i].body.size > body_max) {
            return err_set(err, ERR_RANGE, "a payload of %zu bytes; at most %zu",
                           records[i].body.size, body_max);
        }
        payloads += hold_log_has_payload(&records[i]);
    }
    pthread_mutex_lock(&log->mutex);
    for (size_t i = 0; i < count; i++) {
        records[i].number = log->written + 1 + i;
        const size_t head = hold_log_record_put(&records[i], log->synced, heads[i]);
        parts[part_count++] = (struct iovec){heads[i], head};
        size += head;
        if (records[i].body.size > 0) {
            union { /* writev() does not write what it is given, though its type says so */
                const char *given;
                char *wanted;
            } body = {records[i].body.data};
            parts[part_count++] = (struct iovec){body.wanted, records[i].body.size};
            size += records[i].body.size;
        }
    }
    enum errc code = log->broken ? broken(log, err)
                                 : write_parts(log, &log->segments[log->segment_count - 1], parts,
                                               part_count, size, err);
    if (code == ERR_OK) {
        const bool was_clean = log->written == log->synced;
        log->written += count;
        log->payloads += payloads;
        *out_number = log->written;
        if (was_clean) {
            pthread_cond_signal(&log->work);
        }
    }
    pthread_mutex_unlock(&log->mutex);
    return code;
}

enum errc hold_log_wait(struct hold_log *log, uint64_t number, struct err *err)
{
    CHECK(log != NULL);
    pthread_mutex_lock(&log->mutex);
    CHECK(number <= log->written);
    log->waiters++;
    if (log->synced < number) {
        pthread_cond_signal(&log->work);
    }
    while (log->synced < number && !log->broken) {
        pthread_cond_wait(&log->done, &log->mutex);
    }
    log->waiters--;
    const enum errc code = log->synced >= number ? ERR_OK : broken(log, err);
    pthread_mutex_unlock(&log->mutex);
    return code;
}

enum errc hold_log_flush(struct hold_log *log, struct err *err)
{
    CHECK(log != NULL);
    pthread_mutex_lock(&log->mutex);
    const uint64_t written = log->written;
    pthread_mutex_unlock(&log->mutex);
    return hold_log_wait(log, written, err);
}
