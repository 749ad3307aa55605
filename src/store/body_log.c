/*
 * The body log as its one writer has it.
 *
 *     active file:  none --first record of its day--> open --full, erased, expired--> closed
 */
#include "store/body_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "store/body_log_priv.h"

enum { ACTIVE_MAX = 16, PRIVATE_FOLDER = 0700, PRIVATE_FILE = 0600, OTHERS = 077 };

struct active {
    struct body_file file;
    int fd; /* -1: free */
    bool is_dirty;
    uint64_t used; /* when, by the log's count */
};

struct body_log {
    char path[BODY_LOG_PATH_BYTES_MAX]; /* of the folder */
    int folder;                         /* -1: not there yet */
    int lock;
    uint64_t last_number;
    uint64_t uses;
    int64_t bytes;
    struct active active[ACTIVE_MAX];
};

static enum errc failed(const struct body_log *log, const char *what, struct err *err)
{
    return err_set(err, ERR_STORE, "%s: %s: %s", log->path, what, strerror(errno));
}

/* ---- the folder */

/* Ours alone, and by one process at a time. */
static enum errc guard_folder(struct body_log *log, struct err *err)
{
    struct stat status;
    if (fstat(log->folder, &status) != 0) {
        return failed(log, "fstat", err);
    }
    if (status.st_uid != geteuid()) {
        return err_set(err, ERR_STORE, "%s belongs to another user; nothing is kept there",
                       log->path);
    }
    if ((status.st_mode & OTHERS) != 0 && fchmod(log->folder, PRIVATE_FOLDER) != 0) {
        return failed(log, "chmod", err);
    }
    log->lock =
        openat(log->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, PRIVATE_FILE);
    if (log->lock < 0) {
        return failed(log, "lock", err);
    }
    if (flock(log->lock, LOCK_EX | LOCK_NB) != 0) {
        return err_set(err, ERR_BUSY, "%s: another process writes there", log->path);
    }
    return ERR_OK;
}

/* Sizes and the last number; what an erasure left behind goes. */
static enum errc take_stock(struct body_log *log, struct err *err)
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

/* Open the folder if it is there; make: else make it. */
static enum errc open_folder(struct body_log *log, bool make, struct err *err)
{
    if (log->folder >= 0) {
        return ERR_OK;
    }
    if (make && mkdir(log->path, PRIVATE_FOLDER) != 0 && errno != EEXIST) {
        return failed(log, "mkdir", err);
    }
    log->folder = open(log->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (log->folder < 0) {
        return errno == ENOENT && !make ? ERR_OK : failed(log, "open", err);
    }
    enum errc code = guard_folder(log, err);
    if (code == ERR_OK) {
        (void)unlinkat(log->folder, "erasing", 0); /* ENOENT: there was none */
        code = take_stock(log, err);
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
    for (int i = 0; i < ACTIVE_MAX; i++) {
        log->active[i].fd = -1;
    }
    const int size =
        snprintf(log->path, sizeof log->path, STR_FORMAT "/" BODY_LOG_FOLDER, STR_ARG(home));
    enum errc code = size > 0 && (size_t)size < sizeof log->path
                         ? open_folder(log, false, err)
                         : err_set(err, ERR_STORE, "the home's path is too long");
    if (code != ERR_OK) {
        memory_free(log);
        return code;
    }
    *out = log;
    return ERR_OK;
}

static void close_active(struct active *active)
{
    if (active->fd >= 0) {
        close(active->fd);
        active->fd = -1;
    }
}

static void close_all(struct body_log *log)
{
    for (int i = 0; i < ACTIVE_MAX; i++) {
        close_active(&log->active[i]);
    }
}

void body_log_close(struct body_log **log)
{
    CHECK(log != NULL);
    if (*log != NULL) {
        close_all(*log);
        close_folder(*log);
        memory_free(*log);
        *log = NULL;
    }
}

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
    const bool is_good = body_read_at(fd, bytes, tail.size, last + (int64_t)sizeof tail) &&
                         hash64((struct str){bytes, tail.size}) == tail.bytes_check;
    memory_free(bytes);
    return is_good ? at : last;
}

/* Go on with a file of an earlier run; false: a new one is needed. */
static bool resume(struct body_log *log, const struct body_file *file, struct active *active)
{
    char name[BODY_LOG_NAME_BYTES_MAX];
    struct err err;
    struct stat status;
    body_file_name(file, name);
    const int fd = openat(log->folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return false;
    }
    const bool is_private = fstat(fd, &status) == 0 &&
                            ((status.st_mode & OTHERS) == 0 || fchmod(fd, PRIVATE_FILE) == 0);
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
    *active = (struct active){.file = *file, .fd = fd};
    active->file.size = end;
    return true;
}

static enum errc begin(struct body_log *log, int64_t ends_day, struct active *active,
                       struct err *err)
{
    char name[BODY_LOG_NAME_BYTES_MAX];
    struct body_head head = {.number = log->last_number + 1, .ends_day = ends_day};
    memcpy(head.magic, BODY_LOG_MAGIC, sizeof head.magic);
    head.check = body_head_check(&head);
    const struct body_file file = {
        .ends_day = ends_day, .number = head.number, .size = (int64_t)sizeof head};
    body_file_name(&file, name);
    const int fd =
        openat(log->folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, PRIVATE_FILE);
    if (fd < 0) {
        return failed(log, name, err);
    }
    if (pwrite(fd, &head, sizeof head, 0) != (ssize_t)sizeof head) {
        const enum errc code = failed(log, name, err);
        close(fd);
        (void)unlinkat(log->folder, name, 0);
        return code;
    }
    (void)fsync(log->folder); /* a file that a power cut takes away had nothing that was promised */
    log->last_number++;
    log->bytes += file.size;
    *active = (struct active){.file = file, .fd = fd};
    return ERR_OK;
}

/* The slot of that day, else the one that was used the longest ago, emptied. */
static struct active *slot_of(struct body_log *log, int64_t ends_day)
{
    struct active *oldest = &log->active[0];
    for (int i = 0; i < ACTIVE_MAX; i++) {
        struct active *const active = &log->active[i];
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
    close_active(oldest);
    return oldest;
}

static enum errc find_active(struct body_log *log, int64_t ends_day, size_t size,
                             struct active **out, struct err *err)
{
    struct active *const active = slot_of(log, ends_day);
    const int64_t room = BODY_LOG_SEGMENT_BYTES_MAX - (int64_t)(size + sizeof(struct body_entry));
    enum errc code = ERR_OK;
    if (active->fd >= 0 && active->file.size > room) {
        (void)fdatasync(active->fd);
        close_active(active);
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
        return failed(log, "statvfs", err);
    }
    const uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (room < (uint64_t)BODY_LOG_FREE_BYTES_MIN + size) {
        return err_set(err, ERR_STORE,
                       "%s: the disk has less than %lld MiB left, which are the ledger's",
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

static bool write_entry(int fd, const struct body_entry *entry, struct str bytes, int64_t offset)
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
    struct active *active = NULL;
    struct body_entry entry;
    enum errc code = open_folder(log, true, err);
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
    if (!write_entry(active->fd, &entry, record->bytes, active->file.size)) {
        code = failed(log, "write", err);
        if (ftruncate(active->fd, (off_t)active->file.size) != 0) {
            close_active(active); /* its torn end is cut when it is opened again */
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
    for (int i = 0; i < ACTIVE_MAX; i++) {
        struct active *const active = &log->active[i];
        if (active->fd >= 0 && active->is_dirty) {
            if (fdatasync(active->fd) != 0) {
                code = failed(log, "sync", err);
            }
            active->is_dirty = false;
        }
    }
    return code;
}

int64_t body_log_bytes(const struct body_log *log)
{
    CHECK(log != NULL);
    return log->bytes;
}

/* ---- leaving */

enum errc body_log_expire(struct body_log *log, int64_t now_ns, struct err *err)
{
    CHECK(log != NULL);
    const int64_t today = now_ns / CLOCK_NS_PER_DAY;
    struct body_files files;
    enum errc code = open_folder(log, false, err);
    if (code != ERR_OK || log->folder < 0) {
        return code;
    }
    code = body_files_list(log->folder, &files, err);
    if (code != ERR_OK) {
        return code;
    }
    for (size_t i = 0; i < files.count && code == ERR_OK; i++) {
        char name[BODY_LOG_NAME_BYTES_MAX];
        if (files.rows[i].ends_day >= today) {
            continue;
        }
        for (int j = 0; j < ACTIVE_MAX; j++) {
            if (log->active[j].file.number == files.rows[i].number) {
                close_active(&log->active[j]);
            }
        }
        body_file_name(&files.rows[i], name);
        if (unlinkat(log->folder, name, 0) != 0) {
            code = failed(log, name, err);
        }
    }
    memory_free(files.rows);
    return code == ERR_OK ? take_stock(log, err) : code;
}

/* What is to stay of one file goes to a new one, which takes its place. */
static enum errc rewrite(struct body_log *log, int fd, const struct body_file *file,
                         const struct body_log_choice *choice, struct body_log_erased *io,
                         struct err *err)
{
    char name[BODY_LOG_NAME_BYTES_MAX];
    struct body_head head;
    struct body_entry entry;
    body_file_name(file, name);
    const int to = openat(log->folder, "erasing",
                          O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, PRIVATE_FILE);
    if (to < 0) {
        return failed(log, "erasing", err);
    }
    char *const bytes = memory_new_array(char, (size_t)BODY_LOG_BYTES_MAX + 1);
    int64_t at = (int64_t)sizeof head;
    int64_t end = at;
    bool good = body_read_at(fd, &head, sizeof head, 0) &&
                pwrite(to, &head, sizeof head, 0) == (ssize_t)sizeof head;
    while (good && body_entry_at(fd, file, at, &entry)) {
        if (body_is_chosen(choice, &entry)) {
            io->records++;
        } else {
            good = body_read_at(fd, bytes, entry.size, at + (int64_t)sizeof entry) &&
                   write_entry(to, &entry, (struct str){bytes, entry.size}, end);
            end += (int64_t)(sizeof entry + entry.size);
        }
        at += (int64_t)(sizeof entry + entry.size);
    }
    memory_free(bytes);
    good = good && fsync(to) == 0 && renameat(log->folder, "erasing", log->folder, name) == 0 &&
           fsync(log->folder) == 0;
    const enum errc code = good ? ERR_OK : failed(log, "erasing", err);
    close(to);
    if (!good) {
        (void)unlinkat(log->folder, "erasing", 0);
    }
    io->files += good;
    return code;
}

static bool has_chosen(int fd, const struct body_file *file, const struct body_log_choice *choice)
{
    int64_t at = (int64_t)sizeof(struct body_head);
    struct body_entry entry;
    while (body_entry_at(fd, file, at, &entry)) {
        if (body_is_chosen(choice, &entry)) {
            return true;
        }
        at += (int64_t)(sizeof entry + entry.size);
    }
    return false;
}

enum errc body_log_erase(struct body_log *log, const struct body_log_choice *choice,
                         struct body_log_erased *out, struct err *err)
{
    CHECK(log != NULL);
    CHECK(choice != NULL);
    struct body_log_erased erased = {0};
    struct body_files files;
    enum errc code = open_folder(log, false, err);
    if (code != ERR_OK || log->folder < 0) {
        *out = erased;
        return code;
    }
    close_all(log);
    code = body_files_list(log->folder, &files, err);
    if (code != ERR_OK) {
        return code;
    }
    for (size_t i = 0; i < files.count && code == ERR_OK; i++) {
        char name[BODY_LOG_NAME_BYTES_MAX];
        body_file_name(&files.rows[i], name);
        const int fd = openat(log->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0) {
            code = failed(log, name, err);
            break;
        }
        code = body_head_read(fd, &files.rows[i], err);
        if (code == ERR_OK && has_chosen(fd, &files.rows[i], choice)) {
            code = rewrite(log, fd, &files.rows[i], choice, &erased, err);
        }
        code = code == ERR_NOT_FOUND ? ERR_OK : code; /* torn when it was made: it holds nothing */
        close(fd);
    }
    memory_free(files.rows);
    if (code == ERR_OK) {
        code = take_stock(log, err);
    }
    if (code == ERR_OK) {
        *out = erased;
    }
    return code;
}
