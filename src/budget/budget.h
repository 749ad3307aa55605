/*
 * budget: the hold ledger of a running gateway: balances in memory, every change on the disk
 * before it counts.
 *
 *     request --budget_reserve--> hold --budget_post / budget_void--> spend + payload
 *     payloads --budget_payloads--> inbox journal --budget_delivered--> forgotten
 *
 * Joins the pure ledger (ledger/holds.h) with its log (store/hold_log.h). All functions may be
 * called from any thread at any time but budget_open() and budget_close(). None waits for a
 * database; a change, or several (budget_record), is one write(2), and with BUDGET_SYNC_ALWAYS a
 * wait for the disk. docs/budgets.md says what survives what.
 */
#ifndef BUDGET_BUDGET_H
#define BUDGET_BUDGET_H

#include "base/arena.h"
#include "base/err.h"
#include "model/hold.h"

struct budget;

enum budget_sync {
    BUDGET_SYNC_GROUP,  /* on the disk within sync_ms; a killed process loses nothing */
    BUDGET_SYNC_ALWAYS, /* on the disk before the function returns; a power cut loses nothing */
};

/* What becomes of a hold whose process died, when nobody has settled it in time. */
enum budget_unknown {
    BUDGET_UNKNOWN_CHARGE,  /* posted at its reserved amount: never spends too much */
    BUDGET_UNKNOWN_RELEASE, /* voided */
};

/*
 * The budgets of bursar.yaml as limits: without steps a budget refuses at its amount, else where a
 * step says so.
 *
 * out  [count] owned by the arena, with its zones: it must outlive the budget that uses them.
 *
 * Errors: ERR_NOT_FOUND  a time zone this system does not know; ERR_SYNTAX, ERR_IO of its file;
 *         ERR_LIMIT.
 */
MUST_CHECK enum errc budget_limits(const struct settings_budget *budgets, size_t count,
                                   struct arena *arena, const struct hold_limit **out,
                                   struct err *err);

/* The time of day against a clock that is never set. */
enum budget_leap_state {
    BUDGET_LEAP_NONE,
    BUDGET_LEAP_SEEN,     /* it was set: budgets go on by the time before */
    BUDGET_LEAP_OVER,     /* it is back where it was */
    BUDGET_LEAP_BELIEVED, /* it stayed so: budgets go by it */
    BUDGET_LEAP_FOUND,    /* at the start: it is before what the log has seen */
};

struct budget_leap {
    enum budget_leap_state state;
    int64_t by_ns; /* below 0: backwards */
};

struct budget_options {
    struct str home;                 /* borrowed; a directory that is there */
    const struct hold_limit *limits; /* [limit_count] copied; zones are borrowed for good */
    size_t limit_count;
    bool keeps_limits; /* those of the log stay until budget_set_limits(), which is next */
    int64_t now_ns;
    int64_t (*steady_ns)(void); /* clock_steady_ns(); NULL: now_ns is believed whatever it says */
    enum budget_sync sync;
    int64_t sync_ms; /* 1..1000; 0: 5 */
    enum budget_unknown unknown;
    int64_t unknown_keep_ns; /* 0: an hour */
    size_t segment_bytes;    /* 0: 16 MiB; a snapshot is made when a segment is this long */
};

/* What was found in the log. */
struct budget_opened {
    int64_t records;
    int64_t unknown_holds; /* open when the process ended: held until settled or expired */
    money_sum unknown_pusd;
    int64_t payloads;  /* not delivered yet */
    int64_t cut_bytes; /* of a record that was not whole at the end */
};

/*
 * Open the log in options->home, making it, and rebuild every balance from it.
 *
 * out_opened  may be NULL.
 *
 * Errors: ERR_BUSY  another process has it open. ERR_INTEGRITY  a record in the middle is damaged,
 *         or does not fit what came before: names file and place. ERR_UNSUPPORTED  made by a newer
 *         version. ERR_IO. ERR_LIMIT, ERR_CONFLICT as budget_set_limits().
 */
MUST_CHECK enum errc budget_open(const struct budget_options *options, struct budget **out,
                                 struct budget_opened *out_opened, struct err *err);
/* Syncs and closes; open holds stay held and are unknown at the next start. */
void budget_close(struct budget **budget);

/*
 * Swap the whole table of limits. What is spent and held is carried over by scope, period and
 * zone; a limit that is new takes in the open holds of its scope. A limit below what is committed
 * refuses from now on.
 *
 * Errors: ERR_LIMIT  more than HOLDS_LIMITS_MAX. ERR_CONFLICT  two lines with the same scope,
 *         period and zone. ERR_RANGE  an amount or a name that cannot be. ERR_IO. Then the old
 *         table holds.
 */
MUST_CHECK enum errc budget_set_limits(struct budget *budget, const struct hold_limit *limits,
                                       size_t limit_count, int64_t now_ns, struct err *err);

/*
 * Which of these limits the log has not seen yet: what was spent before they were there is theirs
 * to say (hold_limit.opening_pusd), once.
 *
 * out_from_ns  [limit_count] the first instant of their present period, INT64_MIN for all time;
 *              HOLD_NO_END: it is there already.
 *
 * Errors: as budget_set_limits().
 */
MUST_CHECK enum errc budget_new_limits(struct budget *budget, const struct hold_limit *limits,
                                       size_t limit_count, int64_t now_ns, int64_t *out_from_ns,
                                       struct err *err);

/*
 * The same, and from here on what is settled in their scopes is summed up, until
 * budget_open_limits() or another watch.
 *
 * out_through  number of the last record before: payloads through it are of what is not summed up.
 *
 * Errors: as budget_set_limits().
 */
MUST_CHECK enum errc budget_watch_limits(struct budget *budget, const struct hold_limit *limits,
                                         size_t limit_count, int64_t now_ns, int64_t *out_from_ns,
                                         uint64_t *out_through, struct err *err);

/*
 * budget_set_limits() for limits as they were watched: those that are new begin with their
 * opening_pusd, which is of what was settled before the watch, in the period it began in, and with
 * what was settled since. Ends the watch; limits NULL: nothing else.
 *
 * opens  [limit_count] false: it begins with nothing.
 */
MUST_CHECK enum errc budget_open_limits(struct budget *budget, const struct hold_limit *limits,
                                        size_t limit_count, const bool *opens, int64_t now_ns,
                                        struct err *err);

/*
 * Set the amount aside in every scope of the request, or in none.
 *
 * out_grant    written on ERR_OK.
 * out_refusal  written on ERR_BUDGET only.
 *
 * Errors: ERR_BUDGET (402)  a limit binds: out_refusal says which; *err says it in words.
 *         ERR_RANGE  the request cannot be. ERR_IO (503)  it could not be recorded: do not forward.
 */
MUST_CHECK enum errc budget_reserve(struct budget *budget, const struct hold_request *request,
                                    struct hold_grant *out_grant, struct hold_refusal *out_refusal,
                                    struct err *err);

/* The limit that refuses which has the least free of those an open hold touches, for a caller who
 * is refused though there may be room. False: no limit refuses, or the hold is not open. */
bool budget_tightest(struct budget *budget, uint64_t id, struct hold_refusal *out);

/*
 * Settle a hold with what the call cost, which may be more than was held, and release the rest.
 * Also once for a hold that has expired: then all of the cost is spent late.
 *
 * payload      0..HOLD_PAYLOAD_BYTES_MAX bytes, handed out by budget_payloads(); empty: none.
 * out_settled  may be NULL.
 *
 * Errors: ERR_NOT_FOUND  no such hold: settled already, or expired and forgotten; nothing changed.
 *         ERR_RANGE. ERR_IO  it could not be recorded; nothing changed, try again.
 */
MUST_CHECK enum errc budget_post(struct budget *budget, uint64_t id,
                                 const struct hold_settlement *settlement, struct str payload,
                                 struct hold_settled *out_settled, struct err *err);

/* Release a hold: the call cost nothing. Errors as budget_post(). */
MUST_CHECK enum errc budget_void(struct budget *budget, uint64_t id, int64_t now_ns,
                                 struct str payload, struct err *err);

/* Record a payload of a call without a hold: refused, unmetered. Errors: ERR_RANGE, ERR_IO. */
MUST_CHECK enum errc budget_note(struct budget *budget, struct str payload, struct err *err);

/*
 * The same for callers that have more to record at once, such as a turn of a loop. What they change
 * counts in memory from here on, and is on no disk before budget_record(): until then no call may
 * leave for it and nobody may be told.
 *
 * Errors: as above. budget_reserve_later(): ERR_IO also while what was changed before waits for the
 *         disk. The others: ERR_IO only where too much of it waits; nothing changed.
 */
MUST_CHECK enum errc budget_reserve_later(struct budget *budget, const struct hold_request *request,
                                          struct hold_grant *out_grant,
                                          struct hold_refusal *out_refusal, struct err *err);
MUST_CHECK enum errc budget_post_later(struct budget *budget, uint64_t id,
                                       const struct hold_settlement *settlement, struct str payload,
                                       struct hold_settled *out_settled, struct err *err);
MUST_CHECK enum errc budget_void_later(struct budget *budget, uint64_t id, int64_t now_ns,
                                       struct str payload, struct err *err);
MUST_CHECK enum errc budget_note_later(struct budget *budget, struct str payload, struct err *err);
/*
 * Record what was changed since, with one write(2).
 *
 * Errors: ERR_IO  nothing of it is recorded. It waits for the next call, here or above, and counts
 *         in memory: a hold of it for which no call leaves is to be voided.
 */
MUST_CHECK enum errc budget_record(struct budget *budget, struct err *err);

/*
 * Housekeeping, about every second, from one thread that may wait a few ms: releases the holds that
 * are due, settles unknown ones by policy, and takes a snapshot when the log is long.
 *
 * out_count  holds that ended; may be NULL.
 *
 * Errors: ERR_IO.
 */
MUST_CHECK enum errc budget_expire(struct budget *budget, int64_t now_ns, int64_t *out_count,
                                   struct err *err);

struct budget_payload {
    uint64_t number; /* ascending */
    struct str bytes;
};

struct budget_payloads {
    const struct budget_payload *rows; /* by number; owned by the arena */
    size_t count;
};

/*
 * The next payloads behind `after` (0: from the first that is not delivered): at least one if
 * there is any, else as many as fit `bytes_max`. For one thread, which hands them to the inbox
 * journal and then calls budget_delivered().
 *
 * Errors: ERR_LIMIT  one does not fit the arena. ERR_IO.
 */
MUST_CHECK enum errc budget_payloads(struct budget *budget, uint64_t after, size_t bytes_max,
                                     struct arena *arena, struct budget_payloads *out,
                                     struct err *err);
/* All through that number are in the inbox journal. After a crash before this they are handed out
 * again: rows of the inbox have identities. Errors: ERR_IO. */
MUST_CHECK enum errc budget_delivered(struct budget *budget, uint64_t through, struct err *err);
/* What has become of the clock since the last call; false: nothing. */
bool budget_leapt(struct budget *budget, struct budget_leap *out);
/* Payloads not delivered yet. */
int64_t budget_payloads_waiting(struct budget *budget);

/* Threshold crossings since the last call, oldest first; returns how many, at most `max`. */
size_t budget_notices(struct budget *budget, struct hold_notice *out, size_t max);

struct budget_balances {
    const struct hold_balance *rows; /* in the order of the table; owned by the arena */
    size_t count;
};

/* Every limit as it stands at now_ns. Errors: ERR_LIMIT  they do not fit the arena. */
MUST_CHECK enum errc budget_balances(struct budget *budget, int64_t now_ns, struct arena *arena,
                                     struct budget_balances *out, struct err *err);

/* Holds of unknown outcome, for reconciling. */
struct budget_holds {
    const struct hold_view *rows; /* by id; owned by the arena */
    size_t count;
};

struct budget_counts {
    int64_t open_holds;  /* unknown ones included */
    money_sum held_pusd; /* by them, each counted once */
    int64_t unknown_holds;
    int64_t expired_holds;   /* kept for a late settlement */
    int64_t forgotten_holds; /* expired ones that made room: a late settlement finds nothing */
    int64_t cases;           /* with a balance of their own */
    int64_t refused;         /* since the start */
    int64_t reserved;        /* since the log began, all below */
    int64_t posted;
    int64_t voided;
    int64_t expired;
    int64_t late;
    int64_t overshoots;
    money_sum overshoot_pusd;
    struct hold_overshoot causes[HOLD_CAUSE_COUNT]; /* of the two before */
    int64_t log_bytes;                              /* of all segments */
    int64_t syncs;
};

void budget_count(struct budget *budget, struct budget_counts *out);

/* All that is told of budgets at one instant. */
struct budget_standing {
    bool is_live; /* of a running gateway; else read from its log */
    int64_t now_ns;
    struct budget_balances balances;
    struct budget_holds unknown;
    struct budget_counts counts;
    bool has_scope;
    struct hold_scope_view scope; /* of the scope that was asked for */
};

/* scope  empty: none is asked for. Errors: ERR_LIMIT. */
MUST_CHECK enum errc budget_stand(struct budget *budget, int64_t now_ns, struct str scope,
                                  struct arena *arena, struct budget_standing *out,
                                  struct err *err);

/*
 * The same from the log of a home whose gateway does not run: as budget_open() with these options
 * would find it. Nothing is locked or written.
 *
 * Errors: as budget_open(), never ERR_BUSY.
 */
MUST_CHECK enum errc budget_look(const struct budget_options *options, struct str scope,
                                 struct arena *arena, struct budget_standing *out, struct err *err);

/* Recompute every balance from the holds and the movements. Errors: ERR_INTEGRITY, naming scope
 * and amounts. */
MUST_CHECK enum errc budget_verify(struct budget *budget, struct err *err);

#endif
