/* budget_priv: shared by the files of budget/ only. */
#ifndef BUDGET_BUDGET_PRIV_H
#define BUDGET_BUDGET_PRIV_H

#include <pthread.h>

#include "budget/budget.h"
#include "ledger/holds.h"
#include "store/hold_log.h"

/* By whose time the budgets go: the time of day, as long as it goes on as time does. */
struct budget_clock {
    int64_t (*steady_ns)(void); /* NULL: the time of day is believed */
    int64_t day_ns;             /* the time of day, and the steady one, when both agreed last */
    int64_t at_ns;
    int64_t leap_ns;         /* what the time of day is off since leapt_ns; 0: nothing */
    int64_t leapt_ns;        /* steady */
    int64_t believed_ns;     /* all leaps that were believed since the start */
    bool is_returning;       /* limits may be in a period that has not begun */
    bool never_was;          /* which is known to have been told by a wrong clock */
    struct budget_leap news; /* not told yet; BUDGET_LEAP_NONE: nothing */
};

/* Lock order: `mutex`, then the log's own. */
struct budget {
    pthread_mutex_t mutex; /* holds, and the order of the log */
    struct holds *holds;
    struct hold_log *log;
    bool sync_always;
    bool charge_unknown;
    int64_t refused;
    struct budget_clock clock;
};

/* ---- budget_clock.c; all with the mutex held */

void budget_clock_begin(struct budget *budget, int64_t (*steady_ns)(void), int64_t now_ns);
/* The time that counts when the time of day is now_ns. */
int64_t budget_clock_now(struct budget *budget, int64_t now_ns);
/* Of an instant that was read a while ago, so that it says nothing of a leap. */
int64_t budget_clock_then(const struct budget *budget, int64_t then_ns);
/* At the start: where the log is ahead of the clock it goes back with it. Errors: ERR_IO. */
MUST_CHECK enum errc budget_clock_open(struct budget *budget, int64_t now_ns, struct err *err);
/* The same, of a log that is looked at. Errors: ERR_INTEGRITY. */
MUST_CHECK enum errc budget_clock_look(struct holds *holds, int64_t now_ns, struct err *err);
/* Whether a leap has lasted: then it is believed. Errors: ERR_IO. */
MUST_CHECK enum errc budget_clock_settle(struct budget *budget, int64_t now_ns, struct err *err);
/* Before a change: no limit is in a period that has not begun. Errors: ERR_IO. */
MUST_CHECK enum errc budget_clock_ready(struct budget *budget, struct err *err);

/* At the end: a snapshot, where the next start had much to read. */
void budget_shorten(struct budget *budget);

/* Log records and apply them; with the mutex held. Errors: ERR_IO, ERR_RANGE: nothing changed. */
MUST_CHECK enum errc budget_change(struct budget *budget, struct hold_record *records, size_t count,
                                   struct holds_effect *out, uint64_t *out_number, struct err *err);

#endif
