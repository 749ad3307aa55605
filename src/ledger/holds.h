/*
 * ledger/holds: balances of budgets in memory, by double entry.
 *
 *     hold_request --holds_draft_reserve--> record --holds_admit--> --holds_apply--> balances
 *     settlement   --holds_draft_post-----> record --(logged by budget/)--> --^
 *
 * A change is drafted as a record, logged by the caller, and only then applied: what runs and what
 * is read back from the log take the same path. Every movement takes from one column of a limit
 * what it gives to another, so that in each limit, at every instant, held + spent + free = limit.
 *
 * Pure: no I/O, no clock, no global. Time does not go back by itself: an instant before the latest
 * one applied counts as that, until a clock that was set is believed (HOLD_TURNED). Nothing is
 * allocated after holds_create() but by holds_table_make(). Not thread-safe: budget/ holds the
 * lock.
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
    HOLDS_NOTICES_MAX = 1024, /* crossings not told yet; further ones are dropped */
    HOLDS_ROLLS_MAX = 64,     /* periods begun in one step; the rest begin in the next */
};

#define HOLDS_CASE_IDLE_NS                                                                         \
    (INT64_C(30) * 86400 * 1000000000) /* then a case's balance is dropped                         \
                                        */

struct holds;
struct holds_table;

void holds_create(struct holds **out);
void holds_destroy(struct holds **holds);

/*
 * A new table of limits, not yet in force. What is spent and held will be carried over where
 * scope, period and zone are the same; a new limit begins at its opening amount.
 *
 * limits  [count] copied; `zone` is borrowed as long as the table is in force.
 *
 * Errors: ERR_LIMIT  more than HOLDS_LIMITS_MAX. ERR_CONFLICT  two with the same scope, period and
 *         zone. ERR_RANGE  an amount below 0, a name empty or too long.
 */
MUST_CHECK enum errc holds_table_make(const struct holds *holds, const struct hold_limit *limits,
                                      size_t count, int64_t now_ns, struct holds_table **out,
                                      struct err *err);
void holds_table_destroy(struct holds_table **table);
/* The body of a HOLD_LIMITED record: bytes it needs, and the bytes. */
size_t holds_table_bytes(const struct holds_table *table);
void holds_table_save(const struct holds_table *table, char *out);
/* Whether applying it would change nothing but where the zones are. */
bool holds_table_same(const struct holds *holds, const struct holds_table *table);
/* Which of its limits nobody has seen before: out_from_ns [count] the first instant of their
 * present period (INT64_MIN: all time), HOLD_NO_END for those that are there already. */
void holds_table_news(const struct holds *holds, const struct holds_table *table,
                      int64_t *out_from_ns);
/*
 * From here on what is settled in the scopes of these limits, which are not in force yet, is summed
 * up, so that it is known exactly what they begin with. Taken over; replaces what was watched
 * before; NULL: nothing is. Nothing of it is logged or saved.
 */
void holds_watch(struct holds *holds, struct holds_table **table);
/*
 * What the limits that are new begin with: their opening as known when the watch began, where their
 * period is still that, and what was settled in their period since.
 *
 * opens  [count of the table] of which that is wanted, in the order of the table that is watched.
 */
void holds_table_open(const struct holds *holds, struct holds_table *table, const bool *opens);
/* Put it in force: takes in balances and the open holds; the old one is gone. */
void holds_table_install(struct holds *holds, struct holds_table **table, int64_t now_ns);

/* The instant that counts when the clock says now_ns. */
int64_t holds_latest(const struct holds *holds, int64_t now_ns);

/*
 * Draft a reservation: checks what the request is, not yet whether it may be.
 * Errors: ERR_RANGE  an amount below 0, more than HOLD_SCOPES_MAX scopes, one of them twice, a name
 *         too long.
 */
MUST_CHECK enum errc holds_draft_reserve(const struct holds *holds,
                                         const struct hold_request *request,
                                         struct hold_record *out, struct err *err);
/* Drafts of the periods that have come in the limits the record touches: to be logged and applied
 * before it. Returns how many; HOLDS_ROLLS_MAX: ask again. */
size_t holds_draft_rolls(const struct holds *holds, const struct hold_record *reserve,
                         struct hold_record out[static HOLDS_ROLLS_MAX]);
/*
 * Whether the amount fits every limit: spent + held + amount may equal a limit, to the picodollar.
 * out_refusal  written on ERR_BUDGET.
 * Errors: ERR_BUDGET.
 */
MUST_CHECK enum errc holds_admit(const struct holds *holds, const struct hold_record *reserve,
                                 struct hold_refusal *out_refusal, struct err *err);

/* The limit that refuses, or case's balance, which leaves the least of those an open hold touches,
 * with the hold taken off. False: none, or it is not open. */
bool holds_tightest(const struct holds *holds, uint64_t id, struct hold_refusal *out);

/* Errors: ERR_NOT_FOUND  no such hold, or settled. ERR_RANGE  a cost below 0. */
MUST_CHECK enum errc holds_draft_post(const struct holds *holds, uint64_t id,
                                      const struct hold_settlement *settlement,
                                      struct hold_record *out, struct err *err);
/* Errors: ERR_NOT_FOUND. */
MUST_CHECK enum errc holds_draft_void(const struct holds *holds, uint64_t id, int64_t now_ns,
                                      struct hold_record *out, struct err *err);
/* The record that ends the hold which is due first: lapsed, or, where it is unknown and that is to
 * be charged, posted at its amount. False: none is due. */
bool holds_draft_lapse(const struct holds *holds, int64_t now_ns, bool charge_unknown,
                       struct hold_record *out);

/*
 * The clock was set: from here on it is at_ns where it was counted as before_ns. Open holds last as
 * long as they would have; what was charged in the future counts as charged now.
 */
void holds_draft_turn(const struct holds *holds, int64_t at_ns, int64_t before_ns,
                      struct hold_record *out);
/* Drafts of the periods to go back to in limits whose period is in the future at now_ns: what was
 * spent since counts in them, so that no limit is spent twice. To be logged and applied; returns
 * how many; HOLDS_ROLLS_MAX: ask again. never_was: the clock that told of the future is known to
 * have been wrong; else what was spent in it counts in it, too, should it come next. */
size_t holds_draft_returns(const struct holds *holds, int64_t now_ns, bool never_was,
                           struct hold_record out[static HOLDS_ROLLS_MAX]);

/* What a record did. */
struct holds_effect {
    int64_t reserved_pusd;    /* POSTED: what had been held */
    int64_t overshoot_pusd;   /* POSTED: cost above what was held when it came */
    enum hold_cause cause;    /* of that */
    bool limited;             /* a limit that refuses is touched */
    money_sum remaining_pusd; /* free in the tightest such limit, after this */
    bool shape;
    struct str shape_scope; /* owned by the table */
};

/*
 * Do what a record says. A record just drafted always fits.
 *
 * out  may be NULL.
 *
 * Errors: ERR_INTEGRITY  it does not fit what came before; nothing has changed, except by a damaged
 *         snapshot.
 */
MUST_CHECK enum errc holds_apply(struct holds *holds, const struct hold_record *record,
                                 struct holds_effect *out, struct err *err);

/* After the last record of the log: open holds are unknown from here, kept until keep_until_ns at
 * least; crossings are told from here on. Returns how many are unknown. */
int64_t holds_begin(struct holds *holds, int64_t keep_until_ns);

/* Everything, as the body of a HOLD_SNAPSHOT. */
size_t holds_bytes(const struct holds *holds);
void holds_save(const struct holds *holds, char *out);

/* Unknown holds, by id. Errors: ERR_LIMIT. */
MUST_CHECK enum errc holds_unknown(const struct holds *holds, struct arena *arena,
                                   const struct hold_view **out, size_t *out_count,
                                   struct err *err);
/* The open holds that touch a scope, whether it has a limit or not. Errors: ERR_LIMIT. */
MUST_CHECK enum errc holds_scope(const struct holds *holds, struct str scope, struct arena *arena,
                                 struct hold_scope_view *out, struct err *err);
/* Every limit as it stands, in the order of the table; names are copied. Errors: ERR_LIMIT. */
MUST_CHECK enum errc holds_balances(const struct holds *holds, int64_t now_ns, struct arena *arena,
                                    const struct hold_balance **out, size_t *out_count,
                                    struct err *err);
/* Crossings not told yet, oldest first; returns how many, at most `max`. */
size_t holds_notices(struct holds *holds, struct hold_notice *out, size_t max);
/* A refusal has been given: its limit tells so once a period. */
void holds_note_refusal(struct holds *holds, const struct hold_record *reserve,
                        const struct hold_refusal *refusal);

struct holds_counts {
    int64_t open;        /* unknown ones included */
    money_sum held_pusd; /* by them, each counted once */
    int64_t unknown;
    int64_t expired; /* kept for a late settlement */
    int64_t forgotten;
    int64_t cases;
    int64_t reserved; /* all below: since the log began */
    int64_t posted;
    int64_t voided;
    int64_t lapsed;
    int64_t late;
    int64_t overshoots;
    money_sum overshoot_pusd;
    struct hold_overshoot causes[HOLD_CAUSE_COUNT]; /* of the two before */
};

void holds_count(const struct holds *holds, struct holds_counts *out);

/* Recompute every column of every limit and case from the holds and the movements.
 * Errors: ERR_INTEGRITY, naming scope and amounts. */
MUST_CHECK enum errc holds_verify(const struct holds *holds, struct err *err);

#endif
