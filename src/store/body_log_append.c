/* Records come into the body log: a file for their day is found or begun, and written at its end.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "store/body_log_priv.h"

/* ---- a file to append to */

/* Where the good part of a file ends: its entries, and the bytes of the last one. */
static int64_t good_end(int fd, const struct body_file *file)
{
    int64_t at = (int64_t)sizeof(struct body_head);
    int64_t last = at;
    struct body_entry entry;
    struct body_entry tail = {0};
    while (body_entry_at(fd, file, at, &entry)) {
        last = at;
        tail = entry;
        at += (int64_t)(sizeof entry + entry.size);
    }
    if (at == last) {
        return at;
    }
    char *const bytes = memory_new_array(char, tail.size + 1);
    const bool is_good = file_read_at(fd, bytes, tail.size, last + (int64_t)sizeof tail) &&
                         hash64((struct str){bytes, tail.size}) == tail.bytes_check;
    memory_free(bytes);
    return is_good ? at : last;
}

/* Go on with a file of an earlier run; false: a new one is needed. */
static bool resume(struct body_log *log, const struct body_file *file, struct body_active *active)
{
    char name[BODY_LOG_NAME_BYTES_MAX];
    struct err err;
    struct stat status;
    body_file_name(file, name);
    const int fd = openat(log->folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return false;
    }
    const bool is_private = fstat(fd, &status) == 0 && ((status.st_mode & BODY_LOG_OTHERS) == 0 ||
                                                        fchmod(fd, BODY_LOG_PRIVATE_FILE) == 0);
    if (!is_private || body_head_read(fd, file, &err) != ERR_OK) {
        close(fd);
        return false;
    }
    const int64_t end = good_end(fd, file);
    if (end < file->size && ftruncate(fd, (off_t)end) != 0) {
        close(fd);
        return false;
    }
    log->bytes -= file->size - end;
    *active = (struct body_active){.file = *file, .fd = fd};
    active->file.size = end;
    return true;
}

static enum errc begin(struct body_log *log, int64_t ends_day, struct body_active *active,
                       struct err *err)
{
    char name[BODY_LOG_NAME_BYTES_MAX];
    struct body_head head = {.number = log->last_number + 1, .ends_day = ends_day};
    memcpy(head.magic, BODY_LOG_MAGIC, sizeof head.magic);
    head.check = body_head_check(&head);
    const struct body_file file = {
        .ends_day = ends_day, .number = head.number, .size = (int64_t)sizeof head};
    body_file_name(&file, name);
    const int fd = openat(log->folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                          BODY_LOG_PRIVATE_FILE);
    if (fd < 0) {
        return body_log_fail(log, name, err);
    }
    if (pwrite(fd, &head, sizeof head, 0) != (ssize_t)sizeof head) {
        const enum errc code = body_log_fail(log, name, err);
        close(fd);
        (void)unlinkat(log->folder, name, 0);
        return code;
    }
    (void)fsync(log->folder); /* a file that a power cut takes away had nothing that was promised */
    log->last_number++;
    log->bytes += file.size;
    *active = (struct body_active){.file = file, .fd = fd};
    return ERR_OK;
}

/* The slot of that day, else the one that was used the longest ago, emptied. */
static struct body_active *slot_of(struct body_log *log, int64_t ends_day)
{
    struct body_active *oldest = &log->active[0];
    for (int i = 0; i < BODY_LOG_ACTIVE_MAX; i++) {
        struct body_active *const active = &log->active[i];
        if (active->fd >= 0 && active->file.ends_day == ends_day) {
            return active;
        }
        if (active->fd < 0 || (oldest->fd >= 0 && active->used < oldest->used)) {
            oldest = active;
        }
    }
    if (oldest->fd >= 0 && oldest->is_dirty) {
        (void)fdatasync(oldest->fd);
    }
    body_log_close_active(oldest);
    return oldest;
}

static enum errc find_active(struct body_log *log, int64_t ends_day, size_t size,
                             struct body_active **out, struct err *err)
{
    struct body_active *const active = slot_of(log, ends_day);
    const int64_t room = BODY_LOG_SEGMENT_BYTES_MAX - (int64_t)(size + sizeof(struct body_entry));
    enum errc code = ERR_OK;
    if (active->fd >= 0 && active->file.size > room) {
        (void)fdatasync(active->fd);
        body_log_close_active(active);
        code = begin(log, ends_day, active, err);
    } else if (active->fd < 0) {
        struct body_files files;
        code = body_files_list(log->folder, &files, err);
        bool found = false;
        for (size_t i = code == ERR_OK ? files.count : 0; i > 0 && !found; i--) {
            const struct body_file *const file = &files.rows[i - 1];
            if (file->ends_day == ends_day && file->size <= room) {
                found = resume(log, file, active);
                break;
            }
        }
        if (code == ERR_OK) {
            memory_free(files.rows);
            code = found ? ERR_OK : begin(log, ends_day, active, err);
        }
    }
    if (code == ERR_OK) {
        active->used = ++log->uses;
        *out = active;
    }
    return code;
}

/* ---- writing */

static enum errc check_room(const struct body_log *log, size_t size, struct err *err)
{
    struct statvfs disk;
    if (fstatvfs(log->folder, &disk) != 0) {
        return body_log_fail(log, "statvfs", err);
    }
    const uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (room < (uint64_t)BODY_LOG_FREE_BYTES_MIN + size) {
        return err_set(err, ERR_STORE,
                       "%s: the disk has less than %lld MiB left, which are the ledger's; make "
                       "room there",
                       log->path, (long long)(BODY_LOG_FREE_BYTES_MIN >> 20));
    }
    return ERR_OK;
}

static void fill_entry(const struct body_record *record, uint64_t number, struct body_entry *out)
{
    *out = (struct body_entry){.number = number,
                               .key = record->key,
                               .workflow_hash = record->workflow_hash,
                               .case_hash = record->case_hash,
                               .kept_ns = record->kept_ns,
                               .ends_ns = record->ends_ns,
                               .size = record->bytes.size,
                               .bytes_check = hash64(record->bytes)};
    out->check = body_entry_check(out);
}

bool body_entry_write(int fd, const struct body_entry *entry, struct str bytes, int64_t offset)
{
    const struct iovec parts[] = {
        {(void *)(uintptr_t)entry, sizeof *entry},
        {(void *)(uintptr_t)(bytes.size > 0 ? bytes.data : ""), bytes.size}};
    const size_t size = sizeof *entry + bytes.size;
    const ssize_t written = pwritev(fd, parts, (int)COUNT_OF(parts), (off_t)offset);
    if (written == (ssize_t)size) {
        return true;
    }
    errno = written >= 0 ? ENOSPC : errno;
    return false;
}

enum errc body_log_append(struct body_log *log, const struct body_record *record, struct err *err)
{
    CHECK(log != NULL);
    CHECK(record->ends_ns >= 0);
    CHECK(record->bytes.size <= BODY_LOG_BYTES_MAX);
    struct body_active *active = NULL;
    struct body_entry entry;
    enum errc code = body_log_open_folder(log, true, err);
    if (code == ERR_OK) {
        code = check_room(log, record->bytes.size, err);
    }
    if (code == ERR_OK) {
        code =
            find_active(log, record->ends_ns / CLOCK_NS_PER_DAY, record->bytes.size, &active, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    fill_entry(record, active->file.number, &entry);
    if (!body_entry_write(active->fd, &entry, record->bytes, active->file.size)) {
        code = body_log_fail(log, "write", err);
        if (ftruncate(active->fd, (off_t)active->file.size) != 0) {
            body_log_close_active(active); /* its torn end is cut when it is opened again */
        }
        return code;
    }
    active->file.size += (int64_t)(sizeof entry + record->bytes.size);
    active->is_dirty = true;
    log->bytes += (int64_t)(sizeof entry + record->bytes.size);
    return ERR_OK;
}

enum errc body_log_sync(struct body_log *log, struct err *err)
{
    CHECK(log != NULL);
    enum errc code = ERR_OK;
    for (int i = 0; i < BODY_LOG_ACTIVE_MAX; i++) {
        struct body_active *const active = &log->active[i];
        if (active->fd >= 0 && active->is_dirty) {
            if (fdatasync(active->fd) != 0) {
                code = body_log_fail(log, "sync", err);
            }
            active->is_dirty = false;
        }
    }
    return code;
}
