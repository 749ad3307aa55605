/*
 * hold_log: the changes of the hold ledger, appended to files in the home before they count.
 *
 *     holds.lock              one process at a time
 *     holds.NNNNNNNN.snap     everything before segment N
 *     holds.NNNNNNNN.log      records since, each with its own checksum
 *
 * Open reads the newest whole snapshot and the segments from there. A segment that is long is
 * followed by the next; its snapshot is written beside, synced and renamed by a thread, and older
 * files are removed once their payloads are delivered. Appends are serialised by the caller; all
 * else may be called from any thread.
 */
#ifndef STORE_HOLD_LOG_H
#define STORE_HOLD_LOG_H

#include "base/arena.h"
#include "base/err.h"
#include "model/hold.h"

enum {
    HOLD_LOG_SYNC_MS_MAX = 1000,
    HOLD_LOG_BATCH_MAX = 128, /* records of one append */
    HOLD_LOG_SEGMENTS_MAX = 4096,
};

/* What a start after a kill reads: a few milliseconds. */
#define HOLD_LOG_SEGMENT_BYTES      ((size_t)16 << 20)
#define HOLD_LOG_SNAPSHOT_BYTES_MAX ((size_t)128 << 20)
#define HOLD_LOG_ADDED_BYTES_MAX    ((size_t)64 << 20)

struct hold_log;

struct hold_log_options {
    struct str home;
    int64_t sync_ms;      /* 1..HOLD_LOG_SYNC_MS_MAX; at once while somebody waits */
    size_t segment_bytes; /* a longer one wants a snapshot, where that is not large itself */
};

struct hold_log_opened {
    int64_t records;
    int64_t payloads;  /* not delivered */
    int64_t cut_bytes; /* behind the last whole record */
};

/* Called for the snapshot, then for every record behind it, in order. */
typedef enum errc (*hold_log_visit)(void *context, const struct hold_record *record,
                                    struct err *err);

/*
 * Errors: ERR_BUSY  another process has it. ERR_INTEGRITY  damaged before its end. ERR_UNSUPPORTED
 *         made by a newer version. ERR_IO. Whatever `visit` returned.
 */
MUST_CHECK enum errc hold_log_open(const struct hold_log_options *options, hold_log_visit visit,
                                   void *context, struct hold_log **out,
                                   struct hold_log_opened *out_opened, struct err *err);
void hold_log_close(struct hold_log **log);
/*
 * Visit what is there without locking, mending or making anything: for looking at a home whose
 * server does not run. A home without a log, or that is not there, has no records. What somebody
 * appends meanwhile may be missing. Errors: as hold_log_open(), never ERR_BUSY.
 */
MUST_CHECK enum errc hold_log_look(struct str home, hold_log_visit visit, void *context,
                                   struct hold_log_opened *out_opened, struct err *err);

/*
 * Write records with one write(2), behind what was added before; numbers them.
 *
 * out_number  of the last one, for hold_log_wait().
 *
 * Errors: ERR_RANGE  a body above HOLD_PAYLOAD_BYTES_MAX. ERR_IO  none of them is there.
 */
MUST_CHECK enum errc hold_log_append(struct hold_log *log, struct hold_record *records,
                                     size_t count, uint64_t *out_number, struct err *err);

/*
 * One record for the next write: hold_log_write() or an append. It is numbered, and nowhere but in
 * memory.
 *
 * Errors: ERR_RANGE  a body above HOLD_PAYLOAD_BYTES_MAX. ERR_IO  HOLD_LOG_ADDED_BYTES_MAX wait to
 *         be written already. Then it is not there.
 */
MUST_CHECK enum errc hold_log_add(struct hold_log *log, struct hold_record *record,
                                  struct err *err);
/*
 * Write what was added with one write(2).
 *
 * out_number  of the last record that is written.
 *
 * Errors: ERR_IO  none of it is there; it waits for the next write.
 */
MUST_CHECK enum errc hold_log_write(struct hold_log *log, uint64_t *out_number, struct err *err);
/* Whether the last write of what was added failed. */
bool hold_log_is_behind(struct hold_log *log);

/* Until the record of that number is on the disk. Errors: ERR_IO  the disk refused. */
MUST_CHECK enum errc hold_log_wait(struct hold_log *log, uint64_t number, struct err *err);

/* Until all that was appended so far is on the disk. Errors as hold_log_wait(). */
MUST_CHECK enum errc hold_log_flush(struct hold_log *log, struct err *err);

/* Whether the segment is long and no snapshot is being written. at_end: long enough that the next
 * start would notice. */
bool hold_log_wants_snapshot(struct hold_log *log, bool at_end);
/* Begin the next segment; `snapshot`, made with memory_alloc(), is everything before it and is the
 * log's from now on. Serialised with appends. Errors: ERR_IO  nothing has changed; it is freed. */
MUST_CHECK enum errc hold_log_rotate(struct hold_log *log, char *snapshot, size_t size,
                                     struct err *err);

struct hold_log_payload {
    uint64_t number;
    struct str bytes;
};

struct hold_log_payloads {
    const struct hold_log_payload *rows; /* by number; owned by the arena */
    size_t count;
};

/* As budget_payloads(). Errors: ERR_LIMIT, ERR_IO. */
MUST_CHECK enum errc hold_log_payloads(struct hold_log *log, uint64_t after, size_t bytes_max,
                                       struct arena *arena, struct hold_log_payloads *out,
                                       struct err *err);

/* Payloads through that number are delivered; an append. Errors: ERR_IO. */
MUST_CHECK enum errc hold_log_delivered(struct hold_log *log, uint64_t through, struct err *err);

struct hold_log_size {
    int64_t bytes; /* of all files */
    int64_t segments;
    int64_t payloads; /* not delivered */
    int64_t syncs;
    uint64_t synced;  /* number of the last record known to be on the disk */
    uint64_t written; /* of the last record */
};

void hold_log_measure(struct hold_log *log, struct hold_log_size *out);

#endif
