/* hold_log_priv: how records lie in the files. Shared by the files of store/hold_log only. */
#ifndef STORE_HOLD_LOG_PRIV_H
#define STORE_HOLD_LOG_PRIV_H

#include <pthread.h>

#include "base/text.h"
#include "store/hold_log.h"

/*
 * A file begins with a header: magic[8], version u32, segment u32, first number u64. A record is
 *     size u32 (of what follows the checksum), checksum u64 (XXH3 of what follows),
 *     number u64, synced u64 (the last number that was on the disk when this was written),
 *     event u8, cause u8, scope_count u8, 0, body size u32, id u64, amount i64, at i64, until i64,
 *     case key 16, scopes 16 each, body.
 * All little-endian.
 */
enum {
    HOLD_LOG_VERSION = 1,
    HOLD_LOG_HEADER_BYTES = 24,
    HOLD_LOG_FRAME_BYTES = 12,
    HOLD_LOG_FIXED_BYTES = 8 + 8 + 4 + 4 + 8 + 8 + 8 + 8 + 16,
    HOLD_LOG_RECORD_BYTES_MAX =
        HOLD_LOG_FRAME_BYTES + HOLD_LOG_FIXED_BYTES + HOLD_SCOPES_MAX * 16, /* without its body */
    HOLD_LOG_PATH_BYTES_MAX = 4096,
};

struct hold_log_header {
    uint32_t segment;
    uint64_t first; /* number of its first record */
};

void hold_log_header_put(const struct hold_log_header *header, char out[HOLD_LOG_HEADER_BYTES]);
/* Errors: ERR_INTEGRITY  not one; ERR_UNSUPPORTED. */
MUST_CHECK enum errc hold_log_header_get(struct str bytes, struct hold_log_header *out,
                                         struct err *err);

/* Bytes of the record before its body, written to `out`. */
size_t hold_log_record_put(const struct hold_record *record, uint64_t synced,
                           char out[HOLD_LOG_RECORD_BYTES_MAX]);
/*
 * The record that `bytes` begins with; its body is borrowed. Returns its size, 0: none that is
 * whole and right.
 */
size_t hold_log_record_get(struct str bytes, struct hold_record *out, uint64_t *out_synced);

/* What is read of a segment: records up to where they end. */
struct hold_log_scan {
    uint64_t expected; /* number of the next record; 0: any */
    int64_t records;
    size_t used;  /* bytes that hold whole records, header included */
    bool damaged; /* behind `used` there is a record written after those were on the disk */
};

/* Visit the records of a segment's bytes. Errors: what `visit` returned, ERR_INTEGRITY,
 * ERR_UNSUPPORTED. */
MUST_CHECK enum errc hold_log_scan(struct str bytes, hold_log_visit visit, void *context,
                                   struct hold_log_scan *scan, struct err *err);

struct hold_log_segment {
    uint32_t segment;
    uint64_t first; /* number of its first record */
    int64_t bytes;
};

/* A place between records: the next one is at `offset` of that segment, or in the next one. */
struct hold_log_place {
    uint32_t segment;
    int64_t offset;
    uint64_t number; /* of the record before it */
};

/*
 * One writer at a time (the caller's lock), one thread of its own, readers of payloads. `mutex`
 * guards everything below it; only beginning a segment waits for the disk while holding it.
 */
struct hold_log {
    char home[HOLD_LOG_PATH_BYTES_MAX];
    int lock_fd;
    bool only_looks; /* hold_log_look(): nothing in the home may change */
    int64_t sync_ms;
    int64_t segment_bytes;
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t mutex;
    pthread_cond_t work;               /* the thread has something to do */
    pthread_cond_t done;               /* something is on the disk, or never will be */
    int fd;                            /* of the last segment, for appending */
    struct hold_log_segment *segments; /* [HOLD_LOG_SEGMENTS_MAX], ascending */
    size_t segment_count;
    uint32_t snapshot_segment; /* of the newest snapshot on the disk; 0: none */
    uint64_t written;          /* number of the last record */
    uint64_t synced;
    int64_t syncs;
    int64_t payloads;      /* not delivered */
    uint64_t payload_last; /* the newest there was at the start; 0: none */
    uint64_t delivered;    /* through this number */
    struct hold_log_place delivered_at;
    struct hold_log_place read_at; /* behind the last payload handed out */
    size_t waiters;
    struct text added; /* bytes of records that wait for the next write */
    uint64_t added_count;
    int64_t added_payloads;
    bool is_behind; /* writing them failed */
    bool stop;
    bool broken;       /* the disk refused: nothing more is taken */
    bool home_changed; /* the name of the last segment is not synced yet */
    bool tidy;         /* files may have become needless */
    char *snapshot;    /* to be written for `snapshot_next`; owned */
    size_t snapshot_size;
    int64_t snapshot_bytes; /* of the newest on the disk */
    uint32_t snapshot_next;
    uint64_t snapshot_number;
};

enum hold_log_file { HOLD_LOG_FILE_SEGMENT, HOLD_LOG_FILE_SNAPSHOT, HOLD_LOG_FILE_NEW };
void hold_log_path(const struct hold_log *log, enum hold_log_file file, uint32_t segment,
                   char out[HOLD_LOG_PATH_BYTES_MAX]);
/* Write what was added, with the mutex held. Errors: ERR_IO. */
MUST_CHECK enum errc hold_log_write_added(struct hold_log *log, struct err *err);
bool hold_log_sync_home(const struct hold_log *log);
/* "holds.log: No space left on device". */
enum errc hold_log_fail(const struct hold_log *log, const char *what, struct err *err);
/* A new file of that name with the header and the parts, synced, its name, too.
 * Errors: ERR_IO  it is not there. */
MUST_CHECK enum errc hold_log_make(const struct hold_log *log, enum hold_log_file file,
                                   const struct hold_log_header *header, struct str record,
                                   struct str body, struct err *err);
static inline bool hold_log_has_payload(const struct hold_record *record)
{
    return record->body.size > 0 && (record->event == HOLD_POSTED || record->event == HOLD_VOIDED ||
                                     record->event == HOLD_NOTED);
}

/* hold_log_open.c: find and read the files; sets segments, numbers, payloads. */
MUST_CHECK enum errc hold_log_replay(struct hold_log *log, hold_log_visit visit, void *context,
                                     struct hold_log_opened *out, struct err *err);
/* hold_log_thread.c */
void *hold_log_run(void *log);

#endif
