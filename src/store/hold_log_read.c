/* hold_log_read: payloads out of the log, in order, until they are delivered.
 *
 * Whole records are read from files that grow: never behind what was appended when the reading
 * began. A place goes by the segment's number, as old ones leave the list meanwhile. */
#include "store/hold_log_priv.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "base/memory.h"

enum { WINDOW_BYTES = 64 << 10 }; /* read at a time: records are far smaller */

/* The files as they stood when reading began, one after the other. */
struct reading {
    struct hold_log *log;
    int fd;           /* of `place.segment`; -1: not open */
    int64_t end;      /* bytes of that segment */
    uint64_t written; /* last record there was */
    struct hold_log_place place;
    char *window; /* owned; bytes of the segment from `window_at` on */
    int64_t window_at;
    size_t window_size;
};

struct found {
    struct hold_log_payload *rows;
    size_t count;
    size_t capacity;
};

static enum errc open_at(struct reading *reading, struct err *err)
{
    struct hold_log *const log = reading->log;
    char path[HOLD_LOG_PATH_BYTES_MAX];
    pthread_mutex_lock(&log->mutex);
    size_t i = 0;
    while (i < log->segment_count && log->segments[i].segment != reading->place.segment) {
        i++;
    }
    if (i == log->segment_count) { /* gone meanwhile: nothing in it was left to deliver */
        i = 0;
        reading->place = (struct hold_log_place){log->segments[0].segment, HOLD_LOG_HEADER_BYTES,
                                                 log->segments[0].first - 1};
    }
    reading->end = log->segments[i].bytes;
    hold_log_path(log, HOLD_LOG_FILE_SEGMENT, reading->place.segment, path);
    reading->fd = open(path, O_RDONLY | O_CLOEXEC);
    pthread_mutex_unlock(&log->mutex); /* only now: tidy() removes files of its list afterwards */
    return reading->fd >= 0 ? ERR_OK : hold_log_fail(log, "read", err);
}

static void close_at(struct reading *reading)
{
    if (reading->fd >= 0) {
        close(reading->fd);
        reading->fd = -1;
    }
    reading->window_size = 0;
}

static void end(struct reading *reading)
{
    close_at(reading);
    memory_free(reading->window);
}

static enum errc read_all(const struct reading *reading, char *out, size_t size, int64_t offset,
                          struct err *err)
{
    return file_read_at(reading->fd, out, size, offset) ? ERR_OK
                                                        : hold_log_fail(reading->log, "read", err);
}

/* Bytes that were in the segment when it was opened; those beyond it are of records not whole. */
static enum errc read_exact(struct reading *reading, char *out, size_t size, int64_t offset,
                            struct err *err)
{
    CHECK(offset >= HOLD_LOG_HEADER_BYTES);
    if (size > WINDOW_BYTES || offset + (int64_t)size > reading->end) {
        return read_all(reading, out, size, offset, err);
    }
    const int64_t window_end = reading->window_at + (int64_t)reading->window_size;
    if (offset < reading->window_at || offset + (int64_t)size > window_end) {
        const int64_t left = reading->end - offset;
        reading->window_size = left < WINDOW_BYTES ? (size_t)left : (size_t)WINDOW_BYTES;
        reading->window_at = offset;
        const enum errc code =
            read_all(reading, reading->window, reading->window_size, offset, err);
        if (code != ERR_OK) {
            reading->window_size = 0;
            return code;
        }
    }
    memcpy(out, reading->window + (offset - reading->window_at), size);
    return ERR_OK;
}

/* The next record's event, number and size; `number` 0: there is none yet. */
struct step {
    uint64_t number;
    enum hold_event event;
    uint64_t id;
    uint32_t body_size;
    int64_t body_at;
};

static enum errc next_record(struct reading *reading, struct step *out, struct err *err)
{
    enum { FRONT = HOLD_LOG_FRAME_BYTES + HOLD_LOG_FIXED_BYTES };
    *out = (struct step){0};
    if (reading->place.number >= reading->written) {
        return ERR_OK;
    }
    enum errc code = reading->fd < 0 ? open_at(reading, err) : ERR_OK;
    while (code == ERR_OK && reading->place.offset >= reading->end) {
        close_at(reading);
        reading->place.segment++;
        reading->place.offset = HOLD_LOG_HEADER_BYTES;
        code = open_at(reading, err);
    }
    char front[FRONT];
    code = code == ERR_OK ? read_exact(reading, front, sizeof front, reading->place.offset, err)
                          : code;
    if (code != ERR_OK) {
        return code;
    }
    uint32_t size;
    uint8_t event;
    memcpy(&size, front, sizeof size);
    memcpy(&out->number, front + HOLD_LOG_FRAME_BYTES, sizeof out->number);
    memcpy(&event, front + HOLD_LOG_FRAME_BYTES + 16, sizeof event);
    memcpy(&out->body_size, front + HOLD_LOG_FRAME_BYTES + 20, sizeof out->body_size);
    memcpy(&out->id, front + HOLD_LOG_FRAME_BYTES + 24, sizeof out->id);
    const int64_t behind = reading->place.offset + HOLD_LOG_FRAME_BYTES + (int64_t)size;
    if (out->number != reading->place.number + 1 || event >= HOLD_EVENT_COUNT ||
        behind > reading->end || out->body_size > size) {
        return err_set(err, ERR_INTEGRITY, "%s/holds.%08u.log: damaged at byte %lld",
                       reading->log->home, reading->place.segment,
                       (long long)reading->place.offset);
    }
    out->event = (enum hold_event)event;
    out->body_at = behind - out->body_size;
    reading->place.offset = behind;
    reading->place.number = out->number;
    return ERR_OK;
}

static bool is_payload(const struct step *step)
{
    const struct hold_record record = {.event = step->event, .body = {"", step->body_size}};
    return hold_log_has_payload(&record);
}

static struct reading begin(struct hold_log *log, uint64_t after)
{
    struct reading reading = {.log = log, .fd = -1, .window = memory_new_array(char, WINDOW_BYTES)};
    pthread_mutex_lock(&log->mutex);
    reading.written = log->written;
    reading.place = log->read_at.number <= after ? log->read_at : log->delivered_at;
    pthread_mutex_unlock(&log->mutex);
    CHECK(reading.place.segment > 0);
    return reading;
}

static enum errc take_payload(struct reading *reading, const struct step *step, struct arena *arena,
                              struct found *found, struct err *err)
{
    char *const bytes = arena_new(arena, char, step->body_size);
    const size_t at = bytes != NULL ? arena_push(arena, found) : SIZE_MAX;
    if (at == SIZE_MAX) {
        return err_set(err, ERR_LIMIT, "a payload of %u bytes does not fit %zu bytes",
                       step->body_size, arena->size_max);
    }
    found->rows[at] = (struct hold_log_payload){step->number, {bytes, step->body_size}};
    return read_exact(reading, bytes, step->body_size, step->body_at, err);
}

enum errc hold_log_payloads(struct hold_log *log, uint64_t after, size_t bytes_max,
                            struct arena *arena, struct hold_log_payloads *out, struct err *err)
{
    CHECK(log != NULL);
    CHECK(out != NULL);
    struct reading reading = begin(log, after);
    struct found found = {0};
    struct hold_log_place behind = reading.place;
    size_t bytes = 0;
    enum errc code = ERR_OK;
    pthread_mutex_lock(&log->mutex);
    const uint64_t from = after > log->delivered ? after : log->delivered;
    pthread_mutex_unlock(&log->mutex);
    for (;;) {
        struct step step;
        code = next_record(&reading, &step, err);
        if (code != ERR_OK || step.number == 0) {
            break;
        }
        if (is_payload(&step) && step.number > from) {
            if (found.count > 0 && bytes + step.body_size > bytes_max) {
                break;
            }
            code = take_payload(&reading, &step, arena, &found, err);
            if (code != ERR_OK) {
                break;
            }
            bytes += step.body_size;
        }
        behind = reading.place;
    }
    end(&reading);
    if (code != ERR_OK) {
        return code;
    }
    pthread_mutex_lock(&log->mutex);
    log->read_at = behind.number > log->read_at.number ? behind : log->read_at;
    pthread_mutex_unlock(&log->mutex);
    *out = (struct hold_log_payloads){found.rows, found.count};
    return ERR_OK;
}

/* Move the place of what is delivered, counting payloads on the way. */
static enum errc advance(struct hold_log *log, uint64_t through, struct hold_log_place *place,
                         int64_t *payloads, struct err *err)
{
    struct reading reading = {.log = log, .fd = -1, .window = memory_new_array(char, WINDOW_BYTES)};
    enum errc code = ERR_OK;
    pthread_mutex_lock(&log->mutex);
    reading.place = log->delivered_at;
    reading.written = log->written;
    const uint64_t delivered = log->delivered;
    pthread_mutex_unlock(&log->mutex);
    CHECK(through <= reading.written);
    while (code == ERR_OK && reading.place.number < through) {
        struct step step;
        code = next_record(&reading, &step, err);
        *payloads += code == ERR_OK && is_payload(&step) && step.number > delivered;
    }
    end(&reading);
    *place = reading.place;
    return code;
}

enum errc hold_log_delivered(struct hold_log *log, uint64_t through, struct err *err)
{
    CHECK(log != NULL);
    struct hold_log_place place;
    int64_t payloads = 0;
    uint64_t number;
    pthread_mutex_lock(&log->mutex);
    const bool known = through <= log->delivered;
    const bool possible = through <= log->written;
    pthread_mutex_unlock(&log->mutex);
    if (known) {
        return ERR_OK;
    }
    if (!possible) {
        return err_set(err, ERR_RANGE, "payload %llu was never written",
                       (unsigned long long)through);
    }
    struct hold_record record = {.event = HOLD_DELIVERED, .id = through};
    enum errc code = advance(log, through, &place, &payloads, err);
    code = code == ERR_OK ? hold_log_append(log, &record, 1, &number, err) : code;
    if (code != ERR_OK) {
        return code;
    }
    pthread_mutex_lock(&log->mutex);
    log->delivered = through;
    log->delivered_at = place;
    log->payloads -= payloads;
    CHECK(log->payloads >= 0);
    log->tidy = true;
    pthread_cond_signal(&log->work);
    pthread_mutex_unlock(&log->mutex);
    return ERR_OK;
}
