/*
 * ingest/inbox: from what was received to the ledger, with an acknowledgement in between.
 *
 *     inbox_offer --queue--> journal (synced) --done()--> acknowledged
 *                                        \--decode, ingest_add--> ledger --> out of the journal
 *
 * Two threads of its own: one commits whatever has queued up in one transaction of the journal and
 * tells those who wait; one moves messages into the ledger, and is the only writer of both. What is
 * acknowledged is on the disk; after a crash the second thread starts where the ledger stopped.
 * What comes twice is counted once, by the identity of its rows. When the queue or the journal is
 * full, offers are refused and nothing is dropped.
 */
#ifndef INGEST_INBOX_H
#define INGEST_INBOX_H

#include "ingest/ingest.h"
#include "store/journal.h"

struct inbox;

/* What one message holds: a trace, its strings owned by the arena or borrowed from the message. */
struct inbox_decoded {
    struct trace trace;
    enum channel channel;
    bool session;                   /* cases are named by nothing better than a session or trace */
    struct journal_binding binding; /* goes before what the message says of itself */
    struct str actor; /* who sent it, for the audit trail; empty: it leaves no trail */
};

struct inbox_limits {
    size_t queue_bytes_max;    /* offered and not yet in the journal; a larger message goes alone */
    int64_t journal_bytes_max; /* in the journal and not yet in the ledger */
};

enum { INBOX_LATE_MS = 20000 };

struct inbox_settings {
    struct str home;               /* borrowed */
    struct store *store;           /* open to write; the inbox's alone until it is destroyed */
    const struct price_book *book; /* borrowed */
    struct inbox_limits limits;
    size_t reading_bytes_max; /* of what inbox_offer_decoded() keeps in memory */
    int late_ms; /* what a message may wait before moving gives way no more; 0: INBOX_LATE_MS */
    /* Called on one of the inbox's threads. A message that cannot be read is counted, told of with
     * its reason, and left out. The message's binding is not the callback's business. */
    enum errc (*decode)(void *context, const struct journal_message *message, struct arena *arena,
                        struct inbox_decoded *out, struct err *err);
    /* Put what somebody sent into the audit trail, before it goes into the ledger; on the moving
     * thread. When it cannot, the message is tried again. NULL: there is no trail. */
    enum errc (*audit)(void *context, const struct inbox_decoded *decoded, int64_t received_ns,
                       struct err *err);
    /* Open `store` anew: the ledger refused a commit, after which it is not to be gone on with.
     * Called again and again until it succeeds, by one thread at a time; NULL: no need. */
    enum errc (*reopen)(void *context, struct err *err);
    /* Something an operator should see; NULL: nobody listens. */
    void (*tell)(void *context, const char *text);
    void *context;
};

/* Whether the message was kept; called once, on one of the inbox's threads. */
typedef void inbox_done(void *context, enum errc code, const struct err *err);

/*
 * Open the journal and start.
 *
 * Errors: those of journal_open().
 */
MUST_CHECK enum errc inbox_create(const struct inbox_settings *settings, struct inbox **out,
                                  struct err *err);

/*
 * Hand over a message, whose id is not looked at; from any thread. It is copied, its binding too.
 *
 * Errors: ERR_BUSY  the queue or the journal is full: try again later. `done` is not called then.
 */
MUST_CHECK enum errc inbox_offer(struct inbox *inbox, const struct journal_message *message,
                                 inbox_done *done, void *context, struct err *err);

/*
 * inbox_offer() of a message that the caller has decoded, so that it need not be once more: while
 * there is room it is kept in memory until it is in the ledger.
 *
 * decoded  what the message holds, and what its key stands for, which is journaled with it;
 *          in place of the message's own binding; NULL: it was not decoded.
 * arena    owns it, strings included; when it is kept, `arena` is empty afterwards, else it is as
 *          it was. The caller deinitialises it in any case.
 */
MUST_CHECK enum errc inbox_offer_decoded(struct inbox *inbox, const struct journal_message *message,
                                         const struct inbox_decoded *decoded, struct arena *arena,
                                         inbox_done *done, void *context, struct err *err);

/* Go by another price book and other limits from now on; waits until what is on its way into the
 * ledger is there, after which the old book is no longer used. book  borrowed. */
void inbox_change(struct inbox *inbox, const struct price_book *book,
                  const struct inbox_limits *limits);
/*
 * The store, for a change of one's own: waits until the moving thread stands between two
 * transactions, where it stays until the store is returned. One borrower at a time; others wait,
 * and between two of them what has come in is moved. Never on one of the inbox's threads. What is
 * kept of the store's state (an ingest) does not outlast its return.
 *
 * Errors: those of inbox_settings.reopen, when the ledger is broken and cannot be opened.
 */
MUST_CHECK enum errc inbox_borrow_store(struct inbox *inbox, struct store **out, struct err *err);
/* When a commit of the borrower's failed, the ledger is opened anew before anybody else has it. */
void inbox_return_store(struct inbox *inbox);

/* Whether so much is waiting that a message is better not decoded now: it would not be kept. */
bool inbox_is_behind(struct inbox *inbox);

/* Wait until everything acknowledged so far is in the ledger; false when that took longer. */
bool inbox_settle(struct inbox *inbox, int wait_ms);

/* Commit what is queued, move what there is into the ledger within `wait_ms`, and end. What is left
 * is taken up at the next start. */
void inbox_destroy(struct inbox **inbox, int wait_ms);

/* Bounds of the times a transaction of the journal takes, ascending; each is counted in one. */
enum { INBOX_BUCKETS = 12 };
extern const int64_t inbox_bucket_ns[INBOX_BUCKETS - 1]; /* the last has no bound */

struct inbox_counts {
    int64_t offered;
    int64_t turned_away; /* the queue or the journal was full */
    int64_t acknowledged;
    int64_t waiting; /* messages acknowledged and not in the ledger yet */
    int64_t waiting_bytes;
    int64_t queue_bytes; /* offered and not in the journal yet */
    int64_t unreadable;  /* messages */
    int64_t rejected;    /* spans, records, points within messages that were read */
    int64_t steps_added;
    int64_t steps_known;
    int64_t steps_replaced;
    int64_t outcomes_added;                /* revisions included */
    int64_t commits;                       /* of the journal */
    int64_t commit_ns;                     /* time spent in them */
    int64_t commit_buckets[INBOX_BUCKETS]; /* of them: took at most inbox_bucket_ns[i] */
    int64_t commit_ns_max;
    bool ledger_failing;  /* the last attempt to write the ledger failed; it is tried again */
    bool journal_failing; /* likewise of the journal: nothing is acknowledged */
};
struct inbox_counts inbox_counts(struct inbox *inbox);

#endif
