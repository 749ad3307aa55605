/* api/forecast_priv: the days of a ledger by workflow, and a scope made of some of them. */
#ifndef API_FORECAST_PRIV_H
#define API_FORECAST_PRIV_H

#include "api/api_priv.h"
#include "attribution/forecast/forecast.h"

/* Days kept: the weeks a forecast rests on and what their first surge is held against. */
enum { FORECAST_KEPT_DAYS = FORECAST_HISTORY_MAX + FORECAST_TRAILING_DAYS + 1 };
_Static_assert(FORECAST_KEPT_DAYS + 0 > FORECAST_DAYS_MAX + 0,
               "what a month spent so far is among them");

struct forecast_day {
    money_sum spend_pusd;
    int64_t output;    /* tokens */
    int64_t reasoning; /* of them */
};

/* Scope or workflow: days[i] is the day `from + i`, for FORECAST_KEPT_DAYS days. */
struct forecast_scope {
    struct str name; /* "org", "team:support", "workflow:claims" */
    int64_t first;   /* day it was first seen; INT64_MAX: never */
    money_sum spend_pusd;
    money_sum undated_pusd;
    int64_t unpriced;
    struct forecast_day days[FORECAST_KEPT_DAYS];
};

/* Where the past ends and what lies ahead; days since 1970, UTC. */
struct forecast_frame {
    int64_t today;
    int64_t last;  /* newest day with a record of anything */
    int64_t start; /* first day ahead */
    int64_t from;  /* first day kept */
    int64_t end;   /* last complete day */
};

struct forecast_budget {
    const char *source; /* "configured", "given"; NULL: none */
    money_sum limit_pusd;
    enum budget_period period;
};

/* Days of a period around a day: [*first, *last]. false: shorter than a day. */
bool forecast_period(enum budget_period period, int64_t day, int64_t *first, int64_t *last);
int forecast_weekday(int64_t day); /* 0 Monday */

MUST_CHECK enum errc forecast_put_scope(const struct forecast_frame *frame,
                                        const struct forecast_scope *scope,
                                        const struct forecast_budget *budget, struct arena *arena,
                                        struct text *out, struct err *err);
void forecast_put_day(struct text *out, const char *name, int64_t day);

#endif
