/*
 * ledger/holds: balances of budgets in memory, by double entry.
 *
 *     hold_request --holds_reserve--> hold --holds_post | holds_void | holds_lapse--> balances
 *
 * Every movement takes from one column of a limit what it gives to another, so that in each limit,
 * at every instant, held + spent + free = limit. Pure: no I/O, no clock, no global; time comes in
 * with each call and never goes back: an instant before the latest one seen counts as that. Nothing
 * is allocated after holds_create() but by holds_set_limits(). Not thread-safe: budget/ holds the
 * lock and the log.
 */
#ifndef LEDGER_HOLDS_H
#define LEDGER_HOLDS_H

#include "base/arena.h"
#include "base/err.h"
#include "model/hold.h"

enum {
    HOLDS_OPEN_MAX = 65536,   /* holds at a time, those kept for a late settlement included */
    HOLDS_LIMITS_MAX = 65536, /* lines of the table */
    HOLDS_CASES_MAX = 65536,  /* cases with a balance; the one idle longest makes room */
    HOLDS_NOTICES_MAX = 1024, /* crossings not told yet; further ones are only counted */
};

#define HOLDS_CASE_IDLE_NS (INT64_C(30) * 86400 * 1000000000) /* then a case's balance is dropped  \
                                                               */

struct holds;

void holds_create(struct holds **out);
void holds_destroy(struct holds **holds);

/*
 * Swap the whole table of limits.
 *
 * What was spent and held is carried over where scope, period and zone are the same. A new limit
 * begins at its opening amount and takes in the open holds of its scope.
 *
 * limits  [count] copied; `zone` is borrowed until the next swap.
 *
 * Errors: ERR_LIMIT  more than HOLDS_LIMITS_MAX. ERR_CONFLICT  two with the same scope, period and
 *         zone. ERR_RANGE  an amount below 0, a name too long, an offset beyond a day.
 */
MUST_CHECK enum errc holds_set_limits(struct holds *holds, const struct hold_limit *limits,
                                      size_t count, int64_t now_ns, struct err *err);

/*
 * Begin the periods that have come, of the limits these scopes touch. Each beginning is written to
 * `out` as a HOLD_ROLLED record, to be logged before anything else.
 *
 * out  [HOLDS_ROLLS_MAX]. Returns how many.
 */
enum { HOLDS_ROLLS_MAX = HOLD_SCOPES_MAX * PERIOD_COUNT };
size_t holds_roll(struct holds *holds, const struct hash128 *scopes, size_t scope_count,
                  int64_t now_ns, struct hold_record out[static HOLDS_ROLLS_MAX]);

/*
 * Set an amount aside in every limit of the request's scopes, or in none. A limit is kept to the
 * picodollar: spent + held + amount may equal it.
 *
 * out_grant    written on ERR_OK.
 * out_refusal  written on ERR_BUDGET.
 *
 * Errors: ERR_BUDGET. ERR_RANGE  amount below 0, more than HOLD_SCOPES_MAX scopes, a scope twice.
 */
MUST_CHECK enum errc holds_reserve(struct holds *holds, const struct hold_request *request,
                                   struct hold_grant *out_grant, struct hold_refusal *out_refusal,
                                   struct err *err);

/* As budget_post(). Errors: ERR_NOT_FOUND, ERR_RANGE. */
MUST_CHECK enum errc holds_post(struct holds *holds, uint64_t id,
                                const struct hold_settlement *settlement,
                                struct hold_settled *out_settled, struct err *err);

/* Release the hold. Errors: ERR_NOT_FOUND. */
MUST_CHECK enum errc holds_void(struct holds *holds, uint64_t id, int64_t now_ns, struct err *err);

/* The hold that expires first, if that is at or before now_ns; else 0. */
uint64_t holds_due(const struct holds *holds, int64_t now_ns);
/* Release it and keep it for a late settlement. Errors: ERR_NOT_FOUND. */
MUST_CHECK enum errc holds_lapse(struct holds *holds, uint64_t id, int64_t now_ns, struct err *err);

/* Do again what a record of the log says was done.
 * Errors: ERR_INTEGRITY  it does not fit what came before. */
MUST_CHECK enum errc holds_replay(struct holds *holds, const struct hold_record *record,
                                  struct err *err);

/* Every hold that is open was open when the process ended: mark them unknown, to be kept until
 * at least `keep_until_ns`. Returns how many. */
int64_t holds_mark_unknown(struct holds *holds, int64_t keep_until_ns);

/* Bytes that holds_save() needs at most. */
size_t holds_save_bytes(const struct holds *holds);
/* Everything, as the body of a HOLD_SNAPSHOT. Returns the size. */
size_t holds_save(const struct holds *holds, char *out, size_t size_max);

/* What one hold is. Errors: ERR_NOT_FOUND. */
MUST_CHECK enum errc holds_view(const struct holds *holds, uint64_t id, struct hold_view *out,
                                struct err *err);

/* Recompute held, spent and free of every limit and case from the holds and the movements.
 * Errors: ERR_INTEGRITY, naming scope and amounts. */
MUST_CHECK enum errc holds_verify(const struct holds *holds, struct err *err);

#endif
