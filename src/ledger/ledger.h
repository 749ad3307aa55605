/*
 * ledger: entries of money -> balanced postings.
 *
 *     struct ledger_entries  --ledger_post-->  struct ledger_postings rows (model/ledger.h)
 *
 * The steps are the sub-ledger, one amount each; the postings are the general ledger: for every
 * import, day, workflow and provider one debit of the workflow's expense and one credit of what is
 * owed to the provider. A correction is posted as the reversal of the old amount and the new one.
 * Pure: no clock, no I/O, no global state.
 */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "model/ledger.h"

struct ledger_entry {
    int32_t day;         /* days since the epoch, UTC; LEDGER_DAY_UNKNOWN */
    struct str workflow; /* empty: unattributed */
    struct str provider; /* who is owed */
    int64_t amount_pusd; /* p$; negative: a reversal. Not LEDGER_NULL */
};

struct ledger_entries {
    struct ledger_entry *rows;
    size_t count;
    size_t capacity;
};

struct ledger_posted {
    struct ledger_postings *rows; /* owned by the arena; pairs: expense, then payable */
    size_t count;
};

/* The day of an instant. */
int32_t ledger_day(int64_t time_ns);

/*
 * Sum entries by (day, workflow, provider) and post each non-zero sum twice.
 *
 * entries    [n] borrowed; the rows' strings point into it.
 * import_id  of all of them, from 1.
 *
 * Errors: ERR_LIMIT  the rows do not fit the arena.
 */
MUST_CHECK enum errc ledger_post(const struct ledger_entries *entries, int32_t import_id,
                                 struct arena *arena, struct ledger_posted *out, struct err *err);

#endif
