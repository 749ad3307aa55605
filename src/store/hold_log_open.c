/* hold_log_open: the files that are there become what they say.
 *
 * The newest snapshot and the segments behind it are visited. Segments before it are there only for
 * payloads that were not delivered, and are read for those. Every segment but the last was synced
 * whole before the next began, so only the last may end in the middle of a record. */
#include "store/hold_log_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

/* What a pass over the records collects, in front of the caller's visit. */
struct pass {
    struct hold_log *log;
    hold_log_visit visit; /* NULL: this segment is before the snapshot */
    void *context;
};

static enum errc take(void *context, const struct hold_record *record, struct err *err)
{
    struct pass *const pass = context;
    struct hold_log *const log = pass->log;
    if (record->event == HOLD_SNAPSHOT) {
        return err_set(err, ERR_INTEGRITY, "a snapshot among records");
    }
    if (record->event == HOLD_DELIVERED) {
        if (record->id >= record->number) {
            return err_set(err, ERR_INTEGRITY, "record %llu was delivered before it was written",
                           (unsigned long long)record->id);
        }
        log->delivered = record->id > log->delivered ? record->id : log->delivered;
    }
    log->payload_last = hold_log_has_payload(record) ? record->number : log->payload_last;
    return pass->visit != NULL ? pass->visit(pass->context, record, err) : ERR_OK;
}

/* Which payloads are left can be told only when every record was seen. */
static enum errc count_payload(void *context, const struct hold_record *record, struct err *err)
{
    struct hold_log *const log = context;
    CHECK(err != NULL);
    if (hold_log_has_payload(record) && record->number > log->delivered) {
        log->payloads++;
    }
    return ERR_OK;
}

static int by_segment(const void *a, const void *b)
{
    const uint32_t left = ((const struct hold_log_segment *)a)->segment;
    const uint32_t right = ((const struct hold_log_segment *)b)->segment;
    return (left > right) - (left < right);
}

/* "holds.00000012.log" -> 12; 0: another file. */
static uint32_t number_in(const char *name, const char *ending)
{
    enum { DIGITS = 8 };
    const struct str text = str_from(name);
    const struct str front = STR("holds.");
    if (text.size != front.size + DIGITS + strlen(ending) || !str_starts_with(text, front) ||
        !str_ends_with(text, str_from(ending))) {
        return 0;
    }
    int64_t number = 0;
    const bool is_number = str_to_int64((struct str){name + front.size, DIGITS}, &number);
    return is_number && number > 0 ? (uint32_t)number : 0;
}

static enum errc list(struct hold_log *log, struct err *err)
{
    DIR *const folder = opendir(log->home);
    if (folder == NULL) {
        return hold_log_fail(log, "listed", err);
    }
    enum errc code = ERR_OK;
    for (const struct dirent *entry; code == ERR_OK && (entry = readdir(folder)) != NULL;) {
        const uint32_t segment = number_in(entry->d_name, ".log");
        const uint32_t snapshot = number_in(entry->d_name, ".snap");
        const uint32_t unfinished = number_in(entry->d_name, ".new");
        log->snapshot_segment = snapshot > log->snapshot_segment ? snapshot : log->snapshot_segment;
        if (unfinished != 0) {
            char path[HOLD_LOG_PATH_BYTES_MAX];
            hold_log_path(log, HOLD_LOG_FILE_NEW, unfinished, path);
            (void)unlink(path);
        }
        if (segment != 0 && log->segment_count == HOLD_LOG_SEGMENTS_MAX) {
            code = err_set(err, ERR_LIMIT, "%s: more than %d segments of the log of holds",
                           log->home, HOLD_LOG_SEGMENTS_MAX);
        } else if (segment != 0) {
            log->segments[log->segment_count++].segment = segment;
        }
    }
    closedir(folder);
    qsort(log->segments, log->segment_count, sizeof log->segments[0], by_segment);
    return code;
}

/* The file's bytes, mapped; release with munmap(). */
static enum errc map(const struct hold_log *log, enum hold_log_file file, uint32_t segment,
                     struct str *out, struct err *err)
{
    char path[HOLD_LOG_PATH_BYTES_MAX];
    struct stat status;
    hold_log_path(log, file, segment, path);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        const enum errc code = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return code;
    }
    if (status.st_size < HOLD_LOG_HEADER_BYTES) {
        close(fd);
        return err_set(err, ERR_INTEGRITY, "%s: %lld bytes are no log of holds", path,
                       (long long)status.st_size);
    }
    void *const bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED) {
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    }
    *out = (struct str){bytes, (size_t)status.st_size};
    return ERR_OK;
}

static void unmap(struct str bytes)
{
    union { /* munmap() wants what mmap() gave */
        const char *given;
        char *wanted;
    } address = {bytes.data};
    CHECK(munmap(address.wanted, bytes.size) == 0);
}

struct snapshot_visit {
    hold_log_visit visit;
    void *context;
};

static enum errc take_snapshot(void *context, const struct hold_record *record, struct err *err)
{
    const struct snapshot_visit *const to = context;
    if (record->event != HOLD_SNAPSHOT) {
        return err_set(err, ERR_INTEGRITY, "it holds no snapshot");
    }
    return to->visit(to->context, record, err);
}

static enum errc read_snapshot(struct hold_log *log, hold_log_visit visit, void *context,
                               uint64_t *out_next, struct err *err)
{
    struct str bytes;
    struct hold_log_scan scan = {0};
    struct snapshot_visit to = {visit, context};
    enum errc code = map(log, HOLD_LOG_FILE_SNAPSHOT, log->snapshot_segment, &bytes, err);
    if (code != ERR_OK) {
        return code;
    }
    code = hold_log_scan(bytes, take_snapshot, &to, &scan, err);
    if (code == ERR_OK && (scan.records != 1 || scan.used != bytes.size)) {
        code = err_set(err, ERR_INTEGRITY, "it is damaged");
    }
    log->snapshot_bytes = (int64_t)bytes.size;
    unmap(bytes);
    if (code != ERR_OK) {
        err_prefix(err, "%s/holds.%08u.snap: ", log->home, log->snapshot_segment);
        return code;
    }
    *out_next = scan.expected;
    return ERR_OK;
}

/* A record cut short at the end: as if it had never been begun. */
static enum errc cut(struct hold_log *log, uint32_t segment, size_t used, struct err *err)
{
    char path[HOLD_LOG_PATH_BYTES_MAX];
    hold_log_path(log, HOLD_LOG_FILE_SEGMENT, segment, path);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    const bool done = fd >= 0 && ftruncate(fd, (off_t)used) == 0 && fsync(fd) == 0;
    const enum errc code = done ? ERR_OK : hold_log_fail(log, "cut at its end", err);
    if (fd >= 0) {
        close(fd);
    }
    return code;
}

static enum errc read_segment(struct hold_log *log, size_t index, hold_log_visit visit,
                              void *context, uint64_t *next, struct hold_log_opened *out,
                              struct err *err)
{
    struct hold_log_segment *const segment = &log->segments[index];
    const bool last = index + 1 == log->segment_count;
    struct str bytes;
    struct hold_log_scan scan = {.expected = *next};
    enum errc code = map(log, HOLD_LOG_FILE_SEGMENT, segment->segment, &bytes, err);
    if (code != ERR_OK) {
        return code;
    }
    struct pass pass = {log, visit, context};
    code = hold_log_scan(bytes, take, &pass, &scan, err);
    const size_t left = bytes.size - scan.used;
    unmap(bytes);
    if (code == ERR_OK && left > 0 && (!last || scan.damaged)) {
        code = err_set(err, ERR_INTEGRITY,
                       "damaged at byte %zu, though it was on the disk; restore the file, or move "
                       "all holds.* away to begin anew",
                       scan.used);
    }
    if (code != ERR_OK) {
        err_prefix(err, "%s/holds.%08u.log: ", log->home, segment->segment);
        return code;
    }
    if (left > 0) {
        out->cut_bytes = (int64_t)left;
    }
    if (left > 0 && !log->only_looks) {
        code = cut(log, segment->segment, scan.used, err);
    }
    segment->first = scan.expected - (uint64_t)scan.records;
    segment->bytes = (int64_t)scan.used;
    *next = scan.expected;
    out->records += visit != NULL ? scan.records : 0;
    return code;
}

static enum errc count_payloads(struct hold_log *log, struct err *err)
{
    for (size_t i = 0; i < log->segment_count && log->payload_last > log->delivered; i++) {
        struct str bytes;
        struct hold_log_scan scan = {0};
        enum errc code = ERR_OK;
        const bool before =
            i + 1 < log->segment_count && log->segments[i + 1].first <= log->delivered + 1;
        if (before) {
            continue;
        }
        code = map(log, HOLD_LOG_FILE_SEGMENT, log->segments[i].segment, &bytes, err);
        if (code == ERR_OK) {
            code = hold_log_scan(bytes, count_payload, log, &scan, err);
            unmap(bytes);
        }
        if (code != ERR_OK) {
            return code;
        }
    }
    return ERR_OK;
}

/* Segments must follow one another, and the one behind the snapshot must be there. */
static enum errc check_list(const struct hold_log *log, struct err *err)
{
    CHECK(log->segment_count <= HOLD_LOG_SEGMENTS_MAX);
    const struct hold_log_segment *const rows = log->segments;
    bool whole = log->segment_count > 0 || log->snapshot_segment == 0;
    for (size_t i = 1; i < log->segment_count; i++) {
        whole = whole && rows[i].segment == rows[i - 1].segment + 1;
    }
    if (log->segment_count > 0) {
        const uint32_t from = log->snapshot_segment > 0 ? log->snapshot_segment : 1;
        whole = whole && rows[0].segment <= from && rows[log->segment_count - 1].segment >= from;
    }
    return whole ? ERR_OK
                 : err_set(err, ERR_INTEGRITY,
                           "%s: a file of the log of holds is missing; restore it, or move all "
                           "holds.* away to begin anew",
                           log->home);
}

/* A last segment whose beginning never reached the disk is none: nothing in it was synced. */
static void drop_unbegun(struct hold_log *log)
{
    CHECK(log->segment_count > 1);
    static const char zero[HOLD_LOG_HEADER_BYTES];
    char path[HOLD_LOG_PATH_BYTES_MAX];
    char head[HOLD_LOG_HEADER_BYTES];
    const uint32_t segment = log->segments[log->segment_count - 1].segment;
    hold_log_path(log, HOLD_LOG_FILE_SEGMENT, segment, path);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t size = fd >= 0 ? read(fd, head, sizeof head) : -1;
    if (fd >= 0) {
        close(fd);
    }
    const bool begun = size == sizeof head && memcmp(head, zero, sizeof head) != 0;
    if (size >= 0 && !begun && segment > log->snapshot_segment &&
        (log->only_looks || unlink(path) == 0)) {
        log->segment_count--;
    }
}

enum errc hold_log_replay(struct hold_log *log, hold_log_visit visit, void *context,
                          struct hold_log_opened *out, struct err *err)
{
    CHECK(log != NULL);
    CHECK(visit != NULL);
    uint64_t behind_snapshot = 1;
    uint64_t next = 0;
    enum errc code = list(log, err);
    if (code == ERR_OK && log->segment_count > 1) {
        drop_unbegun(log);
    }
    code = code == ERR_OK ? check_list(log, err) : code;
    if (code == ERR_OK && log->snapshot_segment > 0) {
        code = read_snapshot(log, visit, context, &behind_snapshot, err);
    }
    for (size_t i = 0; i < log->segment_count && code == ERR_OK; i++) {
        const uint32_t segment = log->segments[i].segment;
        const bool seen = segment >= log->snapshot_segment;
        if (segment == log->snapshot_segment || (i == 0 && segment == 1)) {
            const uint64_t wanted = segment == 1 ? 1 : behind_snapshot;
            if (next != 0 && next != wanted) {
                return err_set(err, ERR_INTEGRITY,
                               "%s: snapshot %u does not follow the segment before it", log->home,
                               segment);
            }
            next = wanted;
        }
        code = read_segment(log, i, seen ? visit : NULL, context, &next, out, err);
    }
    if (code != ERR_OK || log->segment_count == 0) {
        return code;
    }
    log->written = next - 1;
    log->delivered_at = (struct hold_log_place){log->segments[0].segment, HOLD_LOG_HEADER_BYTES,
                                                log->segments[0].first - 1};
    log->read_at = log->delivered_at;
    log->tidy = true;
    code = count_payloads(log, err);
    out->payloads = log->payloads;
    return code;
}
