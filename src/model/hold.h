/*
 * model/hold: money set aside for calls that are under way: limits, requests, answers, records.
 *
 * A hold is reserved in every scope it touches before a call is made, then posted with what the
 * call cost, or voided. docs/budgets.md explains the words.
 */
#ifndef MODEL_HOLD_H
#define MODEL_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/money.h"
#include "base/str.h"
#include "model/settings.h"

#define HOLD_NO_LIMIT INT64_C(-1)
#define HOLD_NO_END   INT64_MAX

enum {
    HOLD_SCOPES_MAX = 16,           /* one request touches */
    HOLD_SCOPE_BYTES_MAX = 256,     /* "team:support" */
    HOLD_ZONE_BYTES_MAX = 64,       /* "America/New_York" */
    HOLD_CASE_BYTES_MAX = 512,      /* a case's name */
    HOLD_PAYLOAD_BYTES_MAX = 65536, /* what goes to the inbox with a settlement */
};

/* Seconds that local time is ahead of UTC at an instant. `zone` is base/zone.h's, or a test's. */
typedef int32_t (*hold_offset)(const void *zone, int64_t utc_s);

struct hold_step {
    int64_t at_pusd; /* share of the limit as an amount */
    enum budget_action action;
};

/* One line of the table of limits. */
struct hold_limit {
    struct str scope; /* "org", "team:support", "workflow:airline", "key:…", "user:…", "model:…" */
    enum budget_period period;
    struct str zone_name;  /* whose clock periods begin by; "UTC" */
    const void *zone;      /* for `offset`; NULL: UTC */
    hold_offset offset;    /* NULL: UTC */
    int64_t limit_pusd;    /* 0.. */
    int64_t hard_pusd;     /* refuse beyond; HOLD_NO_LIMIT: this limit never refuses */
    int64_t per_case_pusd; /* each case of the scope, for all time; HOLD_NO_LIMIT: none */
    struct hold_step steps[SETTINGS_STEPS_MAX]; /* notify and shape; refuse is hard_pusd */
    size_t step_count;
    int64_t opening_pusd; /* spent in the present period before this limit was first seen */
};

/* What a call may cost at most, and who pays. All borrowed for the call. */
struct hold_request {
    const struct str *scopes; /* [scope_count] distinct; those without a limit cost nothing */
    size_t scope_count;       /* 0..HOLD_SCOPES_MAX */
    struct str case_name;     /* empty: of no case, no per-case balance is touched */
    int64_t amount_pusd;      /* 0.. */
    int64_t expires_ns;       /* then the hold is released by itself; HOLD_NO_END: never */
    int64_t now_ns;
};

/* What a reservation left. */
struct hold_grant {
    uint64_t id;              /* never 0 */
    money_sum remaining_pusd; /* free in the tightest limit that refuses, after this hold */
    bool limited;             /* such a limit exists; else remaining_pusd says nothing */
    bool shape;               /* a limit is past a step that says shape */
    char shape_scope[HOLD_SCOPE_BYTES_MAX + 1]; /* which */
};

enum hold_why {
    HOLD_WHY_LIMIT, /* the period's limit */
    HOLD_WHY_CASE,  /* the case's own balance */
    HOLD_WHY_HOLDS, /* HOLDS_OPEN_MAX calls are under way */
    HOLD_WHY_CASES, /* HOLDS_CASES_MAX cases have calls under way */
    HOLD_WHY_COUNT,
};

/* Why a request was refused, for the caller's error. The sums are those before it. */
struct hold_refusal {
    enum hold_why why;
    char scope[HOLD_SCOPE_BYTES_MAX + 1]; /* the first that binds, in the order of the request */
    char zone[HOLD_ZONE_BYTES_MAX + 1];
    enum budget_period period;
    int64_t limit_pusd; /* what binds: hard_pusd or per_case_pusd */
    money_sum spent_pusd;
    money_sum held_pusd;
    money_sum free_pusd; /* limit - spent - held; negative after an overshoot or a lower limit */
    int64_t wanted_pusd;
    int64_t resets_ns; /* HOLD_NO_END: never */
};

/* Why a call cost more than was held for it. */
enum hold_cause {
    HOLD_CAUSE_NONE,
    HOLD_CAUSE_UNPRICED,  /* no price was known: nothing, or a guess, was held */
    HOLD_CAUSE_UNBOUNDED, /* the output had no bound */
    HOLD_CAUSE_INPUT,     /* the input was longer than estimated */
    HOLD_CAUSE_FEES,      /* searches and other fees beyond those held for */
    HOLD_CAUSE_LATE,      /* the hold had expired */
    HOLD_CAUSE_OTHER,
    HOLD_CAUSE_COUNT,
};

struct hold_settlement {
    int64_t cost_pusd;     /* 0.. */
    enum hold_cause cause; /* HOLD_CAUSE_NONE: not known; counted as OTHER where cost > hold */
    int64_t now_ns;
};

/* What a settlement did. */
struct hold_settled {
    int64_t reserved_pusd;
    int64_t overshoot_pusd;   /* cost above what was held when it came; 0: none */
    enum hold_cause cause;    /* of the overshoot */
    money_sum remaining_pusd; /* as hold_grant's, now */
    bool limited;
};

/* A threshold that spend has passed in its period; told once a period. */
struct hold_notice {
    char scope[HOLD_SCOPE_BYTES_MAX + 1];
    enum budget_period period;
    enum budget_action action; /* ACTION_NOTIFY or ACTION_SHAPE */
    int64_t period_ns;         /* its first instant */
    int64_t resets_ns;
    int64_t at_pusd;
    int64_t limit_pusd;
    money_sum spent_pusd;
    money_sum held_pusd;
    int64_t at_ns; /* when it was passed */
};

/* One limit as it stands. held + spent + free = limit. */
struct hold_balance {
    struct str scope; /* borrowed from the table of limits, or owned by the arena */
    enum budget_period period;
    struct str zone_name;
    int64_t period_ns; /* first instant; INT64_MIN: for all time */
    int64_t resets_ns;
    int64_t limit_pusd;
    int64_t hard_pusd;
    int64_t per_case_pusd;
    money_sum spent_pusd;
    money_sum opening_pusd; /* of that, before the limit was there */
    money_sum held_pusd;
    money_sum free_pusd;
    money_sum overshoot_pusd;  /* in this period: costs above their holds */
    money_sum past_held_pusd;  /* open holds of periods that have ended */
    money_sum last_spent_pusd; /* of the period before */
    int64_t last_period_ns;    /* its first instant; INT64_MIN: none was seen */
    int64_t open_holds;
    int64_t refused; /* calls it had no room for, since the start of a running gateway */
    const struct hold_step *steps; /* [step_count] notify and shape; owned by the arena */
    size_t step_count;
};

/* One hold that was open when the process died, and is not settled. */
struct hold_view {
    uint64_t id;
    int64_t amount_pusd;
    int64_t reserved_ns;
    int64_t expires_ns;
};

/* The open holds of one scope. */
struct hold_scope_view {
    int64_t open;
    int64_t unknown; /* of them */
    money_sum held_pusd;
    int64_t amount_max_pusd;
    int64_t oldest_ns; /* when the oldest was reserved; INT64_MAX: none is open */
    int64_t cases;     /* different ones */
};

/* Costs above their holds, by enum hold_cause. */
struct hold_overshoot {
    int64_t calls;
    money_sum pusd;
};

/* What the log holds. Values are on disk: never renumber. */
enum hold_event {
    HOLD_EVENT_NONE = 0,
    HOLD_RESERVED = 1,
    HOLD_POSTED = 2,
    HOLD_VOIDED = 3,
    HOLD_LAPSED = 4,    /* expired: released, kept for a late settlement */
    HOLD_ROLLED = 5,    /* a limit's period began */
    HOLD_LIMITED = 6,   /* the table of limits was swapped; body: the table */
    HOLD_NOTED = 7,     /* a payload without a hold */
    HOLD_DELIVERED = 8, /* payloads through `id` are in the inbox journal */
    HOLD_SNAPSHOT = 9,  /* body: everything so far */
    HOLD_TURNED = 10,   /* the clock was set, and is believed */
    HOLD_EVENT_COUNT,
};

/* One change. What an event does not use is 0. */
struct hold_record {
    uint64_t number; /* ascending; given by the log */
    enum hold_event event;
    enum hold_cause cause;   /* POSTED */
    uint64_t id;             /* of the hold; ROLLED: of the limit; DELIVERED: a number */
    int64_t amount_pusd;     /* RESERVED: held; POSTED: cost; ROLLED, to an earlier period: 1 where
                                the later one never was */
    int64_t at_ns;           /* ROLLED: first instant of the period; TURNED: the time now */
    int64_t until_ns;        /* RESERVED: expires; ROLLED: first instant behind the period; TURNED:
                                the time as it was counted before */
    struct hash128 case_key; /* RESERVED; zero: of no case */
    struct hash128 scopes[HOLD_SCOPES_MAX]; /* RESERVED: hash128() of their names */
    size_t scope_count;
    struct str body; /* POSTED, VOIDED, NOTED: the payload. Borrowed */
};

#endif
