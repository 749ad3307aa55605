/*
 * store/journal_priv: the files of the journal.
 *
 *     inbox/00000000000000000007.log:  head, record, record, ... whatever was there before
 *     record:                          struct journal_record, its parts
 *
 * A file is written at its end only; one that is long enough is followed by the next number. When
 * all of its messages are in the ledger the file is written anew under the number that comes next,
 * which is cheaper than to give its blocks back and ask for others. Each record tells its file's
 * number and ends the file where it does not: so remains of an earlier use are not read as news.
 *
 * inbox/marks has places of the last file, up to which it was on the disk: a start reads on from
 * the last of them, and of the files before only those where something waits. Without it all is
 * read.
 *
 * Numbers are little-endian. Checks are XXH3, 64 bits: they find torn writes and rot, not malice.
 */
#ifndef STORE_JOURNAL_PRIV_H
#define STORE_JOURNAL_PRIV_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "store/journal.h"

#define JOURNAL_MAGIC         "bursarj1"
#define JOURNAL_SEGMENT_BYTES ((int64_t)64 << 20) /* then the next file begins */

enum {
    JOURNAL_PATH_BYTES_MAX = 4096,
    JOURNAL_NAME_BYTES_MAX = 32,
    JOURNAL_REMOVED = -1, /* kind of a record that says: messages up to its id are removed */
    /* A file's, and what its last batch is longer; a longer one has no further marks. */
    JOURNAL_MARKS_MAX = 32,
};

/* What a record holds, in this order. */
enum {
    JOURNAL_WORKFLOW,
    JOURNAL_TEAM,
    JOURNAL_USER,
    JOURNAL_CONTEXT,
    JOURNAL_BYTES,
    JOURNAL_PARTS
};

struct journal_head {
    char magic[8];
    uint64_t number; /* of the file */
    int64_t first_id;
    uint64_t check; /* of what stands before */
};

struct journal_record {
    uint64_t check; /* of what follows here */
    uint64_t number;
    int64_t id;
    int64_t kind;
    int64_t received_ns;
    uint64_t sizes[JOURNAL_PARTS];
    uint64_t payload_check; /* of the parts */
};

/* Between two records. */
struct journal_place {
    int64_t offset;
    int64_t last;    /* where the record before it begins; 0: there is none */
    int64_t next_id; /* of the message that comes next */
    int64_t bytes;   /* of the messages before it in the file */
};

struct journal_segment {
    uint64_t number;
    int fd;
    int64_t first_id;
    int64_t file_size;        /* when it was opened */
    struct journal_place end; /* of what is good */
    struct journal_segment *next;
};

struct journal {
    pthread_mutex_t lock; /* guards the list, its segments' sizes and what is removed */
    int folder;
    bool opened; /* whole */
    char path[JOURNAL_PATH_BYTES_MAX];
    struct journal_segment *first; /* oldest; appended to is the last */
    struct journal_segment *last;
    struct journal_segment *spares;
    size_t spare_count;
    int64_t next_id;
    int64_t removed_through;
    struct journal_place marks[JOURNAL_MARKS_MAX]; /* of the last file, ascending */
    size_t mark_count;
    struct { /* where reading goes on: the reader's alone */
        uint64_t number;
        int64_t id;
        int64_t offset;
    } cursor;
};

uint64_t journal_record_check(const struct journal_record *record);
uint64_t journal_payload_check(const struct str parts[static JOURNAL_PARTS]);
/* All parts together; more than `room`: UINT64_MAX. */
uint64_t journal_payload_size(const struct journal_record *record, uint64_t room);
/* Where they are in a payload. */
void journal_split(const struct journal_record *record, const char *payload,
                   struct str parts[static JOURNAL_PARTS]);
uint64_t journal_head_check(const struct journal_head *head);
void journal_name(char name[static JOURNAL_NAME_BYTES_MAX], uint64_t number);

/* Whether the payload of the record at `offset`, of `size` bytes, is as it was written. */
bool journal_is_whole(int fd, const struct journal_record *record, size_t size, int64_t offset);

/*
 * Called with each record of a segment; `offset` is where the record begins. False: stop.
 */
typedef bool journal_each(void *context, const struct journal_record *record, int64_t offset);
/*
 * Walk the records from `offset` of a segment to `end`, or as far as they are good.
 *
 * thorough  the payloads are read and checked too.
 *
 * Returns the offset behind the last good record, or of the record where `each` stopped.
 */
int64_t journal_walk(int fd, uint64_t number, int64_t offset, int64_t end, bool thorough,
                     journal_each *each, void *context);

/* journal_segment.c */

/* errno, and which journal. */
enum errc journal_fail(const struct journal *journal, const char *what, struct err *err);
enum errc journal_damaged(const struct journal *journal, uint64_t number, int64_t offset,
                          struct err *err);
/* All of the pieces, from `offset` on; what they point to is used up. */
MUST_CHECK enum errc journal_write(struct journal *journal, int fd, struct iovec *pieces,
                                   size_t count, int64_t offset, struct err *err);
/* A file to append to, whose head is on the disk. */
MUST_CHECK enum errc journal_begin_segment(struct journal *journal, struct err *err);
void journal_drop_segment(struct journal *journal, struct journal_segment *segment, bool unlinks);
/* Files whose messages are all removed are spare, or go; the last one stays. */
void journal_retire_segments(struct journal *journal);

/* journal_mark.c; what fails there only makes the next start read more. */

/* Take up the marks that are there of the last file, if the file is as they say; its end is the
 * last of them then. False: there are none, and nothing has changed. */
bool journal_marks_read(struct journal *journal);
/* A file was begun: marks of the one before are gone. */
void journal_mark_begun(struct journal *journal);
/* All there is in the last file is on the disk. */
void journal_mark_synced(struct journal *journal);
/* The journal is being closed. */
void journal_mark_closing(struct journal *journal);
/* The last mark of the segment that is not behind the message of that id, else its beginning. */
struct journal_place journal_place_before(const struct journal *journal,
                                          const struct journal_segment *segment, int64_t id);

/* journal_older.c: messages of inbox.sqlite in `home`, where an older version kept them, to the end
 * of the journal; then the file is gone. Errors: those of journal_open(). */
MUST_CHECK enum errc journal_take_over(struct journal *journal, struct str home, struct err *err);

#endif
