/* holds_priv: shared by the files of ledger/holds only. */
#ifndef LEDGER_HOLDS_PRIV_H
#define LEDGER_HOLDS_PRIV_H

#include "ledger/holds.h"

#define HOLDS_NONE        UINT32_MAX
#define HOLDS_SLOT_BITS   16
#define HOLDS_SLOT_MASK   (((uint64_t)1 << HOLDS_SLOT_BITS) - 1)
#define HOLDS_ID_MAX      (UINT64_MAX >> 1)
#define HOLDS_TIME_MAX_NS (INT64_C(7258118400) * 1000000000) /* the year 2200 */

_Static_assert(HOLDS_OPEN_MAX == 1 << HOLDS_SLOT_BITS, "an id names its slot");

enum { HOLDS_PAST_MAX = 6 };

/* What was spent in a period that is over, or, as the clock says now, yet to come. */
struct holds_past {
    int64_t from_ns;
    money_sum spent;
    bool is_ahead; /* the clock was set back to before it: it counts in the period that came then */
};

/*
 * A line of the table, and its columns. Each movement is one of
 *     reserve  free -> held        release  held -> free        spend  free -> spent
 * and is added to a total of its own, so that the columns can be recomputed:
 *     held + past_held = reserved - released      spent + closed = opening + posted + again
 */
struct holds_row {
    struct hash128 scope;
    struct hash128 zone_key;
    enum budget_period period;
    struct str name;
    struct str zone_name;
    const void *zone;
    hold_offset offset;
    int64_t limit_pusd;
    int64_t hard_pusd;
    int64_t per_case_pusd;
    struct hold_step steps[SETTINGS_STEPS_MAX];
    size_t step_count;
    uint32_t next_same; /* the next row of the scope, HOLDS_NONE */

    int64_t from_ns; /* the present period, half open */
    int64_t until_ns;
    money_sum spent;
    money_sum held;
    money_sum past_held; /* of holds reserved in periods that have ended */
    money_sum overshoot; /* in the present period */
    money_sum lowered;   /* how far the limit was set below what was committed */
    money_sum last_spent;
    int64_t last_from_ns;
    int64_t open_holds;
    money_sum opening;
    money_sum reserved;
    money_sum released;
    money_sum posted;
    money_sum closed; /* spent in periods that have ended */
    money_sum again;  /* counted twice, so that a clock which was set lets nothing be spent twice */
    struct holds_past past[HOLDS_PAST_MAX]; /* [past_count] the one that ended last first */
    uint32_t past_count;
    money_sum ahead_held; /* held in it when the clock was set back to before it; not saved */
    uint32_t told;        /* bit per step */
    int64_t refused;      /* calls it had no room for; not saved: since the start */
    bool told_refusal;    /* not saved: may be told again after a restart */
};

struct holds_table {
    struct holds_row *rows;
    uint32_t count;
    uint32_t *index; /* [index_mask + 1] row + 1 of the scope's first row; 0: none */
    uint32_t index_mask;
    char *text; /* names */
    size_t text_bytes;
};

/* FREE -> OPEN -> (posted, voided) FREE;  OPEN -> UNKNOWN when read back;  OPEN, UNKNOWN -> EXPIRED
 * -> FREE when posted late, or when its slot is needed. */
enum slot_state { SLOT_FREE, SLOT_OPEN, SLOT_UNKNOWN, SLOT_EXPIRED, SLOT_STATE_COUNT };

struct holds_hold {
    uint64_t id;
    int64_t amount_pusd;
    int64_t charged_ns; /* decides the period */
    int64_t expires_ns;
    struct hash128 case_key;
    uint32_t heap_at; /* place in the heap while open or unknown */
    uint32_t next;    /* free or expired list */
    uint32_t previous;
    uint16_t cased; /* bit per scope: its case was charged, too */
    uint8_t scope_count;
    uint8_t state;
    struct hash128 scopes[HOLD_SCOPES_MAX];
};

/* The balance of one case in one scope. */
struct holds_case {
    struct hash128 key;
    money_sum spent;
    money_sum held;
    int64_t last_ns;
    uint32_t open;
    uint32_t next_in_bucket;
    uint32_t next; /* idle or free list; idle: from the one used longest ago */
    uint32_t previous;
};

struct holds_cases {
    struct holds_case *rows; /* [HOLDS_CASES_MAX] */
    uint32_t *buckets;       /* [HOLDS_CASES_MAX] */
    uint32_t free;
    uint32_t idle_oldest;
    uint32_t idle_newest;
    uint32_t idle_count;
    uint32_t count; /* in use */
};

struct holds {
    struct holds_table *table;
    struct holds_table *watch; /* limits to come; spent: in the period, closed: behind it */
    struct holds_hold *slots;  /* [HOLDS_OPEN_MAX] */
    uint32_t free;             /* last freed first, so that few pages are touched */
    uint32_t used;             /* slots ever taken; those behind are fresh */
    uint32_t expired_oldest;
    uint32_t expired_newest;
    uint32_t *heap; /* [HOLDS_OPEN_MAX] slots by expiry */
    uint32_t heap_count;
    struct holds_cases cases;
    uint64_t sequence; /* of the last id */
    int64_t now_ns;    /* 0..HOLDS_TIME_MAX_NS */
    bool begun;        /* the log was read: crossings are told, the free list is in order */
    struct hold_notice *notices; /* [HOLDS_NOTICES_MAX] ring */
    size_t notice_first;
    size_t notice_count;
    struct holds_counts counts;
};

/* holds_period.c */
/* The period that holds `now_ns`, by the row's zone. */
void holds_period(const struct holds_row *row, int64_t now_ns, int64_t *out_from_ns,
                  int64_t *out_until_ns);

/* holds_table.c */
/* The first row of a scope, or NULL; and the next one of the same. */
struct holds_row *holds_first(const struct holds_table *table, struct hash128 scope);
static inline struct holds_row *holds_next(const struct holds_table *table,
                                           const struct holds_row *row)
{
    return row->next_same == HOLDS_NONE ? NULL : &table->rows[row->next_same];
}
/* An empty table of so many rows and bytes of names; the index is made by holds_index(). */
struct holds_table *holds_table_new(uint32_t count, size_t text_bytes);
/* False: two rows have the same scope, period and zone; *out_twice is the second. */
bool holds_index(struct holds_table *table, uint32_t *out_twice);
/* Whether its periods hold the time now and follow those in force. */
bool holds_table_fits(const struct holds *holds, const struct holds_table *table);

/* holds_turn.c */
/* A period begins; `from_ns` is behind the present one. */
void holds_row_roll(struct holds_row *row, int64_t from_ns, int64_t until_ns);
/* An earlier one goes on. What is held has to be counted again. never_was: the clock that told of
 * the present one is known to have been wrong. */
void holds_row_return(struct holds_row *row, int64_t from_ns, int64_t until_ns, bool never_was);
/* A cost of a period that is over. */
void holds_row_spend_past(struct holds_row *row, int64_t charged_ns, int64_t cost_pusd);
void holds_turn(struct holds *holds, const struct hold_record *record);
/* What is held in each limit, by its holds. */
void holds_recount(struct holds *holds);

/* holds_watch.c */
/* A settlement in a scope that limits to come are of. */
void holds_watch_spend(struct holds *holds, struct hash128 scope, int64_t charged_ns,
                       int64_t cost_pusd);

/* holds_slots.c: the heap and the lists of slots. */
void holds_slots_create(struct holds *holds);
struct holds_hold *holds_slot(const struct holds *holds, uint64_t id);
/* A slot for the next hold, HOLDS_NONE: all are taken. */
uint32_t holds_slot_next(const struct holds *holds);
/* Take it for `id`; an expired hold in it is forgotten. False: it is taken. */
bool holds_slot_take(struct holds *holds, uint64_t id);
void holds_slot_free(struct holds *holds, struct holds_hold *hold);
void holds_slot_expire(struct holds *holds, struct holds_hold *hold);
void holds_heap_push(struct holds *holds, struct holds_hold *hold);
void holds_heap_remove(struct holds *holds, struct holds_hold *hold);
void holds_free_list(struct holds *holds);
void holds_expired_push(struct holds *holds, struct holds_hold *hold);

/* holds_cases.c */
void holds_cases_create(struct holds_cases *cases);
void holds_cases_destroy(struct holds_cases *cases);
struct hash128 holds_case_key(struct hash128 scope, struct hash128 case_key);
/* The balance, or NULL: nothing is spent or held, or it was idle too long. */
struct holds_case *holds_case_find(const struct holds_cases *cases, struct hash128 key,
                                   int64_t now_ns);
/* The same, made when it is not there; NULL: every case has open holds. */
struct holds_case *holds_case_have(struct holds_cases *cases, struct hash128 key, int64_t now_ns);
/* After a change of `open` or of the time: where it stands among the idle ones. */
void holds_case_used(struct holds_cases *cases, struct holds_case *row, uint32_t open,
                     int64_t now_ns);
static inline bool holds_has_case(const struct hold_record *record)
{
    return record->case_key.low != 0 || record->case_key.high != 0;
}
/* Room for the balances of the record's case: false, when too many cases have open holds. */
bool holds_cases_fit(const struct holds *holds, const struct hold_record *record);
/* The least per-case amount of a scope, HOLD_NO_LIMIT: none. */
int64_t holds_per_case(const struct holds_table *table, const struct holds_row *first);

/* holds_save.c */
MUST_CHECK enum errc holds_load(struct holds *holds, struct str bytes, struct err *err);

/* holds_save_table.c */
/* A table from the body of a HOLD_LIMITED record, without balances and zones. */
MUST_CHECK enum errc holds_table_load(struct str bytes, struct holds_table **out, struct err *err);

#endif
