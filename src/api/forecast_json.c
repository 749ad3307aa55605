/* One scope of the forecast: its past reduced to what the paths need, and how it is written. */
#include "api/forecast_priv.h"

#include <math.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"

static const char *const period_names[PERIOD_COUNT] = {
    [PERIOD_MINUTE] = "minute", [PERIOD_HOUR] = "hour",   [PERIOD_DAY] = "day",
    [PERIOD_WEEK] = "week",     [PERIOD_MONTH] = "month", [PERIOD_TOTAL] = "total",
};

void forecast_put_day(struct text *out, const char *name, int64_t day)
{
    char date[CLOCK_TEXT_BYTES_MAX];
    const size_t size = clock_print_date(day * CLOCK_NS_PER_DAY, date);
    put_str(out, name, (struct str){date, size});
}

struct outlook {
    const struct forecast_frame *frame;
    const struct forecast_scope *scope;
    const struct forecast_budget *budget;
    int64_t first; /* days of the period */
    int64_t last;
    size_t history;       /* days that count */
    bool known;           /* enough of them */
    money_sum spent_pusd; /* in the period, what today has so far included */
    int64_t passed;       /* day the limit was passed; INT64_MAX: not yet */
    struct forecast ahead;
};

static money_sum spend_of(const struct outlook *o, int64_t day)
{
    const int64_t place = day - o->frame->from;
    CHECK(place >= 0);
    CHECK(place < FORECAST_KEPT_DAYS);
    return o->scope->days[place].spend_pusd;
}

/* What the period has spent, and when that was too much. */
static void sum_period(struct outlook *o)
{
    o->passed = INT64_MAX;
    for (int64_t day = o->first; day <= o->frame->start; day++) {
        o->spent_pusd += spend_of(o, day);
        if (o->budget->source != NULL && o->passed == INT64_MAX &&
            o->spent_pusd > o->budget->limit_pusd) {
            o->passed = day;
        }
    }
}

static enum errc look_ahead(struct outlook *o, struct arena *arena, struct err *err)
{
    double spend[FORECAST_HISTORY_MAX];
    const int64_t end = o->frame->end;
    int64_t from = end - FORECAST_HISTORY_MAX + 1;
    from = o->scope->first > from ? o->scope->first : from;
    o->history = from <= end ? (size_t)(end - from + 1) : 0;
    o->known = o->history >= FORECAST_HISTORY_LEAST;
    if (!o->known) {
        return ERR_OK;
    }
    for (size_t i = 0; i < o->history; i++) {
        spend[i] = money_usd(spend_of(o, from + (int64_t)i));
    }
    const money_sum begun_pusd = spend_of(o, o->frame->start);
    const struct forecast_request request = {
        .spend = spend,
        .history = o->history,
        .weekday = forecast_weekday(o->frame->start),
        .days = (size_t)(o->last - o->frame->start + 1),
        .spent = money_usd(o->spent_pusd - begun_pusd),
        .begun = money_usd(begun_pusd),
        .limit = o->budget->source != NULL ? money_usd(o->budget->limit_pusd) : (double)NAN,
        .seed = FORECAST_SEED,
        .stream = hash64_of(o->scope->name),
    };
    return forecast_run(&request, arena, &o->ahead, err);
}

/* A day ahead as a date; null: not in this period. */
static void put_ahead(struct text *out, const char *name, const struct outlook *o, int day)
{
    if (day >= 0) {
        forecast_put_day(out, name, o->frame->start + day);
        return;
    }
    json_name(out, name);
    json_put_null(out);
}

static void put_total(struct text *out, const struct outlook *o)
{
    const struct forecast *const ahead = &o->ahead;
    const double none = o->known ? 0 : (double)NAN;
    json_name(out, "forecast");
    json_open_object(out);
    put_number(out, "value", ahead->total + none);
    put_number(out, "low", ahead->low + none);
    put_number(out, "high", ahead->high + none);
    put_number(out, "level", FORECAST_LEVEL);
    put_count(out, "n", (int64_t)o->history);
    json_name(out, "basis");
    json_put_text(out, "estimated");
    json_name(out, "method");
    json_put_text(out, "bootstrap");
    if (o->history < FORECAST_HISTORY_THIN) {
        json_name(out, "thin");
        json_put_bool(out, true);
    }
    if (o->scope->unpriced > 0) {
        json_name(out, "incomplete");
        json_put_bool(out, true);
    }
    json_close_object(out);
}

static void put_budget(struct text *out, const struct outlook *o)
{
    json_name(out, "budget");
    if (o->budget->source == NULL) {
        json_put_null(out);
        return;
    }
    const struct forecast *const ahead = &o->ahead;
    const bool passed = o->passed != INT64_MAX;
    json_open_object(out);
    put_money(out, "limit", o->budget->limit_pusd);
    json_name(out, "source");
    json_put_text(out, o->budget->source);
    put_number(out, "probability_exceeded", passed ? 1 : o->known ? ahead->exceeds : (double)NAN);
    json_name(out, "exceeded_on");
    if (passed) {
        char date[CLOCK_TEXT_BYTES_MAX];
        const size_t size = clock_print_date(o->passed * CLOCK_NS_PER_DAY, date);
        json_put_str(out, (struct str){date, size});
    } else {
        json_put_null(out);
    }
    json_name(out, "exhaustion");
    if (passed || !o->known) {
        json_put_null(out);
    } else {
        json_open_object(out);
        put_ahead(out, "value", o, ahead->exhausted);
        put_ahead(out, "low", o, ahead->exhausted_low);
        put_ahead(out, "high", o, ahead->exhausted_high);
        put_number(out, "level", FORECAST_LEVEL);
        json_close_object(out);
    }
    json_close_object(out);
}

static double share_of(const struct forecast_day *day)
{
    return day->output > 0 ? (double)day->reasoning / (double)day->output : (double)NAN;
}

/* Of the last eight weeks' complete days. */
static void put_surges(struct text *out, const struct outlook *o)
{
    double share[FORECAST_TRAILING_DAYS + 1];
    json_name(out, "reasoning_surges");
    json_open_array(out);
    const int64_t first = o->frame->end - FORECAST_HISTORY_MAX + 1;
    for (int64_t day = first; day <= o->frame->end; day++) {
        for (int64_t i = 0; i <= FORECAST_TRAILING_DAYS; i++) {
            const int64_t place = day - FORECAST_TRAILING_DAYS + i - o->frame->from;
            share[i] = place >= 0 ? share_of(&o->scope->days[place]) : (double)NAN;
        }
        const struct forecast_surge surge = forecast_surge(share, FORECAST_TRAILING_DAYS + 1);
        if (surge.is_surge) {
            json_open_object(out);
            forecast_put_day(out, "date", day);
            put_number(out, "share", surge.share);
            put_number(out, "trailing_mean", surge.mean);
            put_number(out, "limit", surge.limit);
            json_close_object(out);
        }
    }
    json_close_array(out);
}

enum errc forecast_put_scope(const struct forecast_frame *frame, const struct forecast_scope *scope,
                             const struct forecast_budget *budget, struct arena *arena,
                             struct text *out, struct err *err)
{
    CHECK(frame != NULL);
    CHECK(budget != NULL);
    struct outlook o = {.frame = frame, .scope = scope, .budget = budget};
    CHECK(forecast_period(budget->period, frame->start, &o.first, &o.last));
    sum_period(&o);
    const enum errc code = look_ahead(&o, arena, err);
    if (code != ERR_OK) {
        return code;
    }
    json_open_object(out);
    put_str(out, "scope", scope->name);
    json_name(out, "period");
    json_open_object(out);
    json_name(out, "kind");
    json_put_text(out, period_names[budget->period]);
    forecast_put_day(out, "start", o.first);
    forecast_put_day(out, "end", o.last);
    json_close_object(out);
    json_name(out, "verdict");
    json_put_text(out, o.known ? "forecast" : "thin");
    put_count(out, "history_days", (int64_t)o.history);
    put_money(out, "spent", o.spent_pusd);
    put_total(out, &o);
    put_budget(out, &o);
    put_surges(out, &o);
    put_count(out, "unpriced_calls", scope->unpriced);
    put_money(out, "undated", scope->undated_pusd);
    json_close_object(out);
    return ERR_OK;
}
