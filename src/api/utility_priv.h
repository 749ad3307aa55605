/* api/utility_priv: the facts of the curve, read by utility_read.c, written by utility.c. */
#ifndef API_UTILITY_PRIV_H
#define API_UTILITY_PRIV_H

#include "api/api_priv.h"
#include "api/utility.h"
#include "attribution/utility.h"

/* What part a cap plays. Those neither shown nor of the curve serve the last decile of spend. */
struct utility_cap {
    bool shown;
    bool curve;  /* at most the end of the curve: a corner of the hull may be there */
    bool hull;   /* is one */
    size_t step; /* its place among those of the bootstrap; SIZE_MAX: it is not among them */
};

/* Attempts of one number; the last row holds all later ones too. */
struct utility_attempt {
    int64_t number;
    int64_t cases; /* that reached it */
    int64_t resolved;
    int64_t attempts;
    money_sum spend_pusd;
    money_sum value_pusd;
};

struct utility_facts {
    struct str unit;
    int64_t closed;
    int64_t open;
    money_sum open_pusd;
    int64_t resolved;
    int64_t unpriced; /* closed cases with a call whose price is unknown */
    money_sum spend_pusd;
    money_sum value_pusd;
    int64_t valued;
    int64_t valued_recorded;
    bool value_known;
    money_sum largest_pusd;
    int64_t tries_max;

    bool has_fallback;
    enum baseline baseline;
    struct utility_fallback fallback; /* unit 0 without one */

    bool has_limit; /* a cap on each case was in force */
    money_sum limit_pusd;
    struct str limit_scope;
    int64_t limited; /* cases that spent as much or more */
    bool cut;        /* and it ends the curve */
    money_sum end_pusd;

    const money_sum *caps; /* [count] ascending; the first is 0 */
    struct utility_cap *roles;
    struct utility_point *points;
    size_t count;
    size_t decile_from; /* indices of caps */
    size_t decile_to;

    bool every_step;          /* the bootstrap looks at every cap of the curve */
    size_t break_even;        /* index; of the first cap when no dollar pays */
    size_t break_even_failed; /* the same when failed cases fall back too */
    size_t break_even_low;
    size_t break_even_high;
    struct utility_intervals intervals; /* its arrays by utility_cap.step */

    const struct utility_attempt *attempts; /* [attempt_count] */
    size_t attempt_count;
};

enum { UTILITY_ATTEMPTS_MAX = 100 };

MUST_CHECK enum errc utility_read(struct store *store, const struct settings *settings,
                                  const struct utility_request *request, struct arena *arena,
                                  struct utility_facts *out, struct err *err);

/* The caps of the curve, once f->end_pusd is known: those asked for or a grid, 0, the last decile's
 * beginning and end, and one that no case lies above. */
MUST_CHECK enum errc utility_caps(struct store *store, const struct utility_request *request,
                                  struct arena *arena, struct utility_facts *f, struct err *err);

/* "0,1500,2000": caps for a query; owned by the arena. */
MUST_CHECK enum errc utility_list_caps(const money_sum *caps, size_t count, struct arena *arena,
                                       struct store_value *out, struct err *err);

/* Columns of QUERY_utility_buckets; of QUERY_utility_groups they stand behind the group. */
enum {
    UTILITY_CAP,
    UTILITY_ENDED,
    UTILITY_RESOLVED,
    UTILITY_VALUE,
    UTILITY_SPENT,
    UTILITY_SPENT_PUSD
};
struct utility_bucket utility_bucket_of(const struct store_result *r, size_t row, size_t first);

/* Slopes of the steps, of the last decile and the break-even cap by the bootstrap. */
MUST_CHECK enum errc utility_add_intervals(struct store *store, struct arena *arena,
                                           struct utility_facts *f, struct err *err);

#endif
