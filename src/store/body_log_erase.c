/*
 * Records leave the body log: whole files when their day is over, chosen ones when they are erased.
 *
 *     file --records that stay--> erasing --on the disk: takes its name--> file
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "store/body_log_priv.h"

enum errc body_log_expire(struct body_log *log, int64_t now_ns, struct err *err)
{
    CHECK(log != NULL);
    const int64_t today = now_ns / CLOCK_NS_PER_DAY;
    struct body_files files;
    enum errc code = body_log_open_folder(log, false, err);
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
        for (int j = 0; j < BODY_LOG_ACTIVE_MAX; j++) {
            if (log->active[j].file.number == files.rows[i].number) {
                body_log_close_active(&log->active[j]);
            }
        }
        body_file_name(&files.rows[i], name);
        if (unlinkat(log->folder, name, 0) != 0) {
            code = body_log_fail(log, name, err);
        }
    }
    memory_free(files.rows);
    return code == ERR_OK ? body_log_take_stock(log, err) : code;
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
    const int to =
        openat(log->folder, "erasing", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
               BODY_LOG_PRIVATE_FILE);
    if (to < 0) {
        return body_log_fail(log, "erasing", err);
    }
    char *const bytes = memory_new_array(char, (size_t)BODY_LOG_BYTES_MAX + 1);
    int64_t at = (int64_t)sizeof head;
    int64_t end = at;
    bool good = file_read_at(fd, &head, sizeof head, 0) &&
                pwrite(to, &head, sizeof head, 0) == (ssize_t)sizeof head;
    while (good && body_entry_at(fd, file, at, &entry)) {
        if (body_is_chosen(choice, &entry)) {
            io->records++;
        } else {
            good = file_read_at(fd, bytes, entry.size, at + (int64_t)sizeof entry) &&
                   body_entry_write(to, &entry, (struct str){bytes, entry.size}, end);
            end += (int64_t)(sizeof entry + entry.size);
        }
        at += (int64_t)(sizeof entry + entry.size);
    }
    memory_free(bytes);
    good = good && fsync(to) == 0 && renameat(log->folder, "erasing", log->folder, name) == 0 &&
           fsync(log->folder) == 0;
    const enum errc code = good ? ERR_OK : body_log_fail(log, "erasing", err);
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
    enum errc code = body_log_open_folder(log, false, err);
    if (code != ERR_OK || log->folder < 0) {
        *out = erased;
        return code;
    }
    body_log_close_all(log);
    code = body_files_list(log->folder, &files, err);
    if (code != ERR_OK) {
        return code;
    }
    for (size_t i = 0; i < files.count && code == ERR_OK; i++) {
        char name[BODY_LOG_NAME_BYTES_MAX];
        body_file_name(&files.rows[i], name);
        const int fd = openat(log->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0) {
            code = body_log_fail(log, name, err);
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
        code = body_log_take_stock(log, err);
    }
    if (code == ERR_OK) {
        *out = erased;
    }
    return code;
}
