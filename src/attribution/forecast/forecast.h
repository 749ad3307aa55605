/*
 * attribution/forecast: what a scope will have spent by the end of a period, and when a budget
 * ends.
 *
 *     spend of past days --by weekday, 2,000 paths--> total, exhaustion day; economics.md 12
 *
 * Pure: no I/O, no clock, no global; randomness comes in as a seed. Intervals are of 80 %.
 */
#ifndef ATTRIBUTION_FORECAST_FORECAST_H
#define ATTRIBUTION_FORECAST_FORECAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum {
    FORECAST_PATHS = 2000,
    FORECAST_HISTORY_LEAST = 14, /* days; fewer give no forecast */
    FORECAST_HISTORY_THIN = 28,  /* fewer are said to be thin */
    FORECAST_HISTORY_MAX = 56,   /* the latest eight weeks count */
    FORECAST_DAYS_MAX = 31,      /* ahead */
    FORECAST_TRAILING_DAYS = 28, /* a surge is held against so many days before */
    FORECAST_TRAILING_LEAST = 14,
};

#define FORECAST_SEED       UINT64_C(20240117)
#define FORECAST_LEVEL      0.80
#define FORECAST_SURGE_MADS 4.0
/* Shares that hardly move have a deviation near nothing: below a point, a point is taken. */
#define FORECAST_MAD_LEAST 0.01

struct forecast_request {
    const double *spend; /* [history] complete days in a row, USD, the latest last */
    size_t history;      /* FORECAST_HISTORY_LEAST..FORECAST_HISTORY_MAX */
    int weekday;         /* of the first day ahead, 0..6 */
    size_t days;         /* ahead, 1..FORECAST_DAYS_MAX */
    double spent;        /* in the period, before the first day ahead, USD */
    double begun;        /* of the first day ahead, spent already, USD */
    double limit;        /* USD; NaN: no budget */
    uint64_t seed;
    uint64_t stream; /* another one for each scope */
};

struct forecast {
    double total; /* median over the paths at the end of the period, `spent` included, USD */
    double low;   /* 10th and 90th percentile */
    double high;
    double exceeds; /* share of paths above the limit by then; NaN without one */
    /* Day ahead, from 0, on which the limit is passed: median, 10th and 90th percentile of the
     * paths; -1: not in this period. */
    int exhausted;
    int exhausted_low;
    int exhausted_high;
};

/*
 * Each path draws the mean of every weekday anew from as many past days as it rests on, and then
 * each day: that mean times what some past day was of its own weekday's mean.
 *
 * Errors: ERR_LIMIT  the arena is full.
 */
MUST_CHECK enum errc forecast_run(const struct forecast_request *request, struct arena *arena,
                                  struct forecast *out, struct err *err);

struct forecast_surge {
    bool is_surge;
    double share; /* of that day */
    double mean;  /* of the trailing days */
    double limit; /* mean + 4 median absolute deviations */
};

/*
 * Whether the last day's share of reasoning tokens is out of line with the days before it.
 *
 * share  [n] of days in a row, NaN where nothing was put out; n <= FORECAST_TRAILING_DAYS + 1.
 */
struct forecast_surge forecast_surge(const double *share, size_t n);

#endif
