/* What the parts of ingest/inbox share. */
#ifndef INGEST_INBOX_PRIV_H
#define INGEST_INBOX_PRIV_H

#include <pthread.h>

#include "base/text.h"
#include "ingest/inbox.h"

/* What an offered message holds, decoded already. */
struct inbox_reading {
    int64_t id; /* in the journal, once it is there */
    int64_t received_ns;
    int64_t bytes; /* of the message */
    struct inbox_decoded decoded;
    struct arena arena; /* holds `decoded` */
    struct inbox_reading *next;
};

struct offer {
    struct journal_message message;
    struct text bytes;             /* of the message, which points into it: body and context */
    struct text bound;             /* the texts of message.binding */
    struct inbox_reading *reading; /* NULL: read it from the journal */
    inbox_done *done;
    void *context;
    struct offer *next;
};

/* A thread for moves that are not to give way; see inbox_hurry.c. */
struct inbox_hurry {
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    void (*run)(void *context); /* NULL: nothing is asked of it */
    void *context;
    bool ends;
};

struct inbox {
    struct inbox_settings settings; /* its limits are under `lock`, its book under `book_lock` */
    pthread_mutex_t book_lock;      /* held while a load is priced; taken before `lock` */
    struct journal *journal;        /* the committing thread appends, the moving one reads */
    struct resident *resident;      /* of the moving thread: what the ledger holds */
    pthread_t committing;
    pthread_t moving;
    struct inbox_hurry hurry; /* the moving thread's */
    pthread_mutex_t lock;     /* guards what follows */
    pthread_cond_t offered;
    pthread_cond_t committed;
    pthread_cond_t moved;
    struct offer *first; /* queue, oldest first */
    struct offer **last;
    size_t queue_bytes;
    struct inbox_reading *first_reading; /* of messages in the journal, by id */
    struct inbox_reading **last_reading;
    size_t reading_bytes;   /* in the arenas of all readings */
    int64_t promised;       /* offers accepted and not queued yet */
    int64_t moved_messages; /* ever */
    int64_t remove_through; /* in the ledger and still in the journal; 0: none */
    bool closing;           /* no more offers */
    bool moving_ended;
    bool is_moving;    /* the moving thread has the store */
    bool is_borrowed;  /* somebody else has */
    bool owes_a_move;  /* it was lent: before the next borrower, what waits is moved */
    int64_t borrowing; /* who has it or waits for it */
    int64_t settling;  /* who waits until all is in the ledger */
    bool giving_up;    /* leave what is not in the ledger yet */
    struct inbox_counts counts;
    bool broken; /* the ledger is to be opened anew; changed by whoever has the store */
    int64_t journal_failed_ns; /* monotonic; 0: never */
};

/* Wait on a condition of inbox->lock until `until_ns`, monotonic; false: that time has come. */
bool inbox_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_ns);
void inbox_tell(const struct inbox *inbox, const char *text);
/* The same, but not again within ten seconds of `*told_ns`: of what is tried again and again. */
void inbox_tell_seldom(const struct inbox *inbox, int64_t *told_ns, const char *text);
/* Open the ledger anew, by whoever has the store: what DuckDB has in memory after a commit that
 * failed is not to be gone on with. Until it succeeds the ledger counts as broken. */
MUST_CHECK enum errc inbox_reopen(struct inbox *inbox, struct err *err);
/* Free a list of readings; not while holding the lock. */
void inbox_free_readings(struct inbox *inbox, struct inbox_reading *first);

/* inbox_commit.c: the committing thread; context is the struct inbox. */
void *inbox_run_committing(void *context);

/* inbox_move.c: the moving thread; context is the struct inbox. */
void *inbox_run_moving(void *context);

/* inbox_hurry.c */

/* How long what waits has been waiting; zeroed at first. */
struct inbox_pace {
    int64_t since_ns; /* when `left` was all that waited; monotonic */
    int64_t left;     /* of it, not in the ledger yet */
    int64_t moved;    /* inbox->moved_messages when it was looked at last */
};
/* Whether the next step is not to give way: it is late, or somebody waits for it. */
bool inbox_is_to_hurry(struct inbox *inbox, struct inbox_pace *pace);

void inbox_hurry_open(struct inbox_hurry *hurry);
/* work(context) on that thread, and wait until it is done. One caller at a time. */
void inbox_hurry_run(struct inbox_hurry *hurry, void (*work)(void *context), void *context);
void inbox_hurry_close(struct inbox_hurry *hurry);

/* inbox_rest.c */

/* What moving has taken and no longer needs; zeroed at first. */
struct inbox_rest {
    bool owes_memory;
    bool owes_code;
    int64_t moved_ns;
    int64_t given_ns;
};
/* What is due now goes back to the system. Returns when to ask again; INT64_MAX: nothing is owed.
 */
int64_t inbox_give_back(struct inbox *inbox, struct inbox_rest *rest);

/* The store is this thread's from here to inbox_give_store(). */
void inbox_take_store(struct inbox *inbox);
void inbox_give_store(struct inbox *inbox);

#endif
