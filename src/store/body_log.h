/*
 * store/body_log: texts kept for some days, in files that end together with what is in them.
 *
 *     record --body_log_append--> bodies/<day it ends>-<number>.log --body_log_read--> records
 *                                                   \--body_log_expire--> gone
 *
 * All records of a file end on one day, so that a day that is over takes whole files with it; none
 * is shown past its own end. Files are written at their end only; a tail that a crash has torn off
 * is cut before the next record. One process writes at a time; everybody may read meanwhile.
 * The folder is the owner's alone. The files are described in body_log_priv.h.
 */
#ifndef STORE_BODY_LOG_H
#define STORE_BODY_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"

struct body_log;

enum { BODY_LOG_BYTES_MAX = 16 << 20 }; /* of a record */
#define BODY_LOG_SEGMENT_BYTES_MAX (INT64_C(32) << 20)
#define BODY_LOG_FREE_BYTES_MIN    (INT64_C(64) << 20) /* left to others on the disk */

struct body_record {
    struct hash128 key;     /* of the step in the ledger */
    uint64_t workflow_hash; /* hash64 of its name */
    uint64_t case_hash;
    int64_t kept_ns;
    int64_t ends_ns; /* it is not shown from then on */
    struct str bytes;
};

/*
 * For writing. `home` is there; the folder is made when the first record comes.
 *
 * Errors: ERR_BUSY  another process writes. ERR_STORE  the folder is no folder of ours.
 */
MUST_CHECK enum errc body_log_open(struct str home, struct body_log **out, struct err *err);
void body_log_close(struct body_log **log);

/* Errors: ERR_STORE  the disk refuses, or has less than BODY_LOG_FREE_BYTES_MIN left. Then the
 * record is not there. */
MUST_CHECK enum errc body_log_append(struct body_log *log, const struct body_record *record,
                                     struct err *err);
/* What was appended is on the disk. Errors: ERR_STORE. */
MUST_CHECK enum errc body_log_sync(struct body_log *log, struct err *err);
/* Remove the files whose day is over. Errors: ERR_STORE. */
MUST_CHECK enum errc body_log_expire(struct body_log *log, int64_t now_ns, struct err *err);
/* Of all files. */
int64_t body_log_bytes(const struct body_log *log);

/* By high, then low; for qsort(). */
int body_key_compare(const void *a, const void *b);

/* Which records: those of a key, and those of the names that are given, of both where there are
 * two. Nothing given: all. */
struct body_log_choice {
    const struct hash128 *keys; /* [key_count] in the order of body_key_compare(); or NULL */
    size_t key_count;
    const uint64_t *workflow_hash; /* or NULL */
    const uint64_t *case_hash;     /* or NULL */
};

struct body_log_erased {
    int64_t records;
    int64_t files; /* written anew */
};

/* Write the files anew without those records. Errors: ERR_STORE; then some may be gone. */
MUST_CHECK enum errc body_log_erase(struct body_log *log, const struct body_log_choice *choice,
                                    struct body_log_erased *out, struct err *err);

/* ---- reading, without opening: of a home that may have none */

/* Called with each record in order of files; `bytes` only where wanted; borrowed. False: stop. */
typedef bool body_log_each(void *context, const struct body_record *record);

struct body_log_query {
    struct body_log_choice choice;
    int64_t now_ns; /* records past their end are left out */
    bool
        with_bytes; /* else only bytes.size is set, and nothing but the record's head was checked */
};

struct body_log_walked {
    int64_t records;
    int64_t damaged; /* whose check does not hold; left out */
};

/* Errors: ERR_STORE  a file that cannot be read; ERR_UNSUPPORTED  made by a newer version. */
MUST_CHECK enum errc body_log_walk(struct str home, const struct body_log_query *query,
                                   body_log_each *each, void *context, struct body_log_walked *out,
                                   struct err *err);

#endif
