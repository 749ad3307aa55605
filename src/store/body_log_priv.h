/*
 * store/body_log_priv: the files of the body log.
 *
 *     bodies/20261222-0000000007.log:  head, entry, bytes, entry, bytes, …
 *     bodies/lock:                     held by whoever writes
 *
 * The date is the day, in UTC, on which the last of its records ends; the number is of this file
 * alone. Numbers are little-endian. Checks are XXH3, 64 bits: they find torn writes and rot, not
 * malice. An entry whose own check does not hold ends the file; bytes whose check does not hold are
 * skipped.
 */
#ifndef STORE_BODY_LOG_PRIV_H
#define STORE_BODY_LOG_PRIV_H

#include <stddef.h>

#include "store/body_log.h"

#define BODY_LOG_FOLDER "bodies"
#define BODY_LOG_MAGIC  "bursarb1"

enum {
    BODY_LOG_PATH_BYTES_MAX = 4096,
    BODY_LOG_NAME_BYTES_MAX = 48,
    BODY_LOG_FILES_MAX = 1 << 16,
    BODY_LOG_ACTIVE_MAX = 16,
    BODY_LOG_PRIVATE_FILE = 0600,
    BODY_LOG_OTHERS = 077, /* what others may do: nothing */
};

struct body_head {
    char magic[8];
    uint64_t number;
    int64_t ends_day; /* since 1970-01-01 */
    uint64_t check;   /* of what stands before */
};

struct body_entry {
    uint64_t check; /* of what follows here */
    uint64_t number;
    struct hash128 key;
    uint64_t workflow_hash;
    uint64_t case_hash;
    int64_t kept_ns;
    int64_t ends_ns;
    uint64_t size;
    uint64_t bytes_check;
};

struct body_file {
    int64_t ends_day;
    uint64_t number;
    int64_t size;
};

/* Files by number; `rows` is the caller's to free. */
struct body_files {
    struct body_file *rows;
    size_t count;
};

void body_file_name(const struct body_file *file, char name[static BODY_LOG_NAME_BYTES_MAX]);
/* Errors: ERR_STORE, ERR_LIMIT. */
MUST_CHECK enum errc body_files_list(int folder, struct body_files *out, struct err *err);

uint64_t body_entry_check(const struct body_entry *entry);
uint64_t body_head_check(const struct body_head *head);

/* Whether the file begins as it should. ERR_NOT_FOUND  it does not: torn when it was made.
 * Errors: ERR_UNSUPPORTED, ERR_STORE. */
MUST_CHECK enum errc body_head_read(int fd, const struct body_file *file, struct err *err);

/* The entry at `offset` of a file of `size` bytes; false: there is none that is good. */
bool body_entry_at(int fd, const struct body_file *file, int64_t offset, struct body_entry *out);
bool body_is_chosen(const struct body_log_choice *choice, const struct body_entry *entry);

/* ---- body_log.c: the log as its one writer has it */

struct body_active {
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
    struct body_active active[BODY_LOG_ACTIVE_MAX];
};

/* errno, and which log. */
enum errc body_log_fail(const struct body_log *log, const char *what, struct err *err);
/* Open the folder if it is there; make: else make it. Errors: those of body_log_open(). */
MUST_CHECK enum errc body_log_open_folder(struct body_log *log, bool make, struct err *err);
/* Sizes and the last number, from the files themselves. Errors: ERR_STORE, ERR_LIMIT. */
MUST_CHECK enum errc body_log_take_stock(struct body_log *log, struct err *err);
void body_log_close_active(struct body_active *active);
void body_log_close_all(struct body_log *log);

/* ---- body_log_append.c */

/* The entry and its bytes at `offset`; false: errno tells. */
bool body_entry_write(int fd, const struct body_entry *entry, struct str bytes, int64_t offset);

#endif
