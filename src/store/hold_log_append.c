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

/* So many records more are in the file. */
static void count_written(struct hold_log *log, uint64_t count, int64_t payloads)
{
    const bool was_clean = log->written == log->synced;
    log->written += count;
    log->payloads += payloads;
    if (was_clean) {
        pthread_cond_signal(&log->work);
    }
}

static enum errc check_body(const struct hold_record *record, struct err *err)
{
    const size_t body_max = record->event == HOLD_LIMITED ? HOLD_LOG_SNAPSHOT_BYTES_MAX
                                                          : (size_t)HOLD_PAYLOAD_BYTES_MAX;
    return record->body.size <= body_max
               ? ERR_OK
               : err_set(err, ERR_RANGE, "a payload of %zu bytes; at most %zu", record->body.size,
                         body_max);
}

/* writev() does not write what it is given, though its type says so. */
static struct iovec part_of(struct str bytes)
{
    union {
        const char *given;
        char *wanted;
    } data = {bytes.data};
    return (struct iovec){data.wanted, bytes.size};
}

enum errc hold_log_add(struct hold_log *log, struct hold_record *record, struct err *err)
{
    CHECK(log != NULL);
    char head[HOLD_LOG_RECORD_BYTES_MAX];
    const enum errc code = check_body(record, err);
    if (code != ERR_OK) {
        return code;
    }
    pthread_mutex_lock(&log->mutex);
    record->number = log->written + log->added_count + 1;
    const size_t size = hold_log_record_put(record, log->synced, head);
    const bool fits = size + record->body.size <= HOLD_LOG_ADDED_BYTES_MAX - log->added.size;
    if (fits) {
        text_add(&log->added, (struct str){head, size});
        text_add(&log->added, record->body);
        CHECK(!text_is_full(&log->added));
        log->added_count++;
        log->added_payloads += hold_log_has_payload(record);
    }
    pthread_mutex_unlock(&log->mutex);
    return fits ? ERR_OK
                : err_set(err, ERR_IO,
                          "%s: the disk does not take the log of holds, and %zu MiB wait for it",
                          log->home, HOLD_LOG_ADDED_BYTES_MAX >> 20);
}

enum errc hold_log_write_added(struct hold_log *log, struct err *err)
{
    enum { KEPT_BYTES_MAX = 256 << 10 };
    CHECK(log != NULL);
    if (log->added_count == 0) {
        return ERR_OK;
    }
    const struct iovec part = part_of(text_str(&log->added));
    const enum errc code = log->broken ? broken(log, err)
                                       : write_parts(log, &log->segments[log->segment_count - 1],
                                                     &part, 1, log->added.size, err);
    log->is_behind = code != ERR_OK;
    if (code == ERR_OK) {
        count_written(log, log->added_count, log->added_payloads);
        log->added_count = 0;
        log->added_payloads = 0;
        if (log->added.capacity > KEPT_BYTES_MAX) {
            text_deinit(&log->added);
        } else {
            text_clear(&log->added);
        }
    }
    return code;
}

enum errc hold_log_write(struct hold_log *log, uint64_t *out_number, struct err *err)
{
    CHECK(log != NULL);
    CHECK(out_number != NULL);
    pthread_mutex_lock(&log->mutex);
    const enum errc code = hold_log_write_added(log, err);
    if (code == ERR_OK) {
        *out_number = log->written;
    }
    pthread_mutex_unlock(&log->mutex);
    return code;
}

bool hold_log_is_behind(struct hold_log *log)
{
    CHECK(log != NULL);
    pthread_mutex_lock(&log->mutex);
    const bool is_behind = log->is_behind;
    pthread_mutex_unlock(&log->mutex);
    return is_behind;
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
    enum errc code = ERR_OK;
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        code = check_body(&records[i], err);
        payloads += hold_log_has_payload(&records[i]);
    }
    if (code != ERR_OK) {
        return code;
    }
    pthread_mutex_lock(&log->mutex);
    code = hold_log_write_added(log, err);
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        records[i].number = log->written + 1 + i;
        const size_t head = hold_log_record_put(&records[i], log->synced, heads[i]);
        parts[part_count++] = part_of((struct str){heads[i], head});
        size += head;
        if (records[i].body.size > 0) {
            parts[part_count++] = part_of(records[i].body);
            size += records[i].body.size;
        }
    }
    if (code == ERR_OK) {
        code = log->broken ? broken(log, err)
                           : write_parts(log, &log->segments[log->segment_count - 1], parts,
                                         part_count, size, err);
    }
    if (code == ERR_OK) {
        count_written(log, count, payloads);
        *out_number = log->written;
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
