/* budget_priv: shared by the files of budget/ only. */
#ifndef BUDGET_BUDGET_PRIV_H
#define BUDGET_BUDGET_PRIV_H

#include <pthread.h>

#include "budget/budget.h"
#include "ledger/holds.h"
#include "store/hold_log.h"

/* Lock order: `mutex`, then the log's own. */
struct budget {
    pthread_mutex_t mutex; /* holds, and the order of the log */
    struct holds *holds;
    struct hold_log *log;
    bool sync_always;
    bool charge_unknown;
    int64_t refused;
};

/* Log records and apply them; with the mutex held. Errors: ERR_IO, ERR_RANGE: nothing changed. */
MUST_CHECK enum errc budget_change(struct budget *budget, struct hold_record *records, size_t count,
                                   struct holds_effect *out, uint64_t *out_number, struct err *err);

#endif
