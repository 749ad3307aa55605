/* The forecast for people: a sentence a budget, a line a scope, the days that stood out. */
#include <math.h>

#include "base/check.h"
#include "render/render.h"

enum { SCOPES_SHOWN_MAX = 20, SURGES_SHOWN_MAX = 10 };

static struct str text_of(struct render *r, struct json node, const char *path)
{
    return render_clean(r, json_str(json_path(node, path)));
}

static bool is_known(struct json scope)
{
    return str_equal(json_str(json_get(scope, "verdict")), STR("forecast"));
}

static struct str usd(struct render *r, struct json scope, const char *path)
{
    return render_usd(r, json_double(json_path(scope, path), NAN));
}

/* "$4,100 [3,800, 4,500]" */
static struct str total(struct render *r, struct json scope)
{
    const struct json forecast = json_get(scope, "forecast");
    const int decimals = render_estimate_decimals(forecast);
    return render_format(
        r, STR_FORMAT " " STR_FORMAT,
        STR_ARG(render_usd_at(r, json_double(json_get(forecast, "value"), NAN), decimals)),
        STR_ARG(render_interval(r, forecast, 1, decimals)));
}

/* When the limit is passed, by the paths; only where that is likely enough to say. */
static struct str when(struct render *r, struct json scope)
{
    const struct str low = text_of(r, scope, "budget.exhaustion.low");
    const struct str date = text_of(r, scope, "budget.exhaustion.value");
    const struct str high = text_of(r, scope, "budget.exhaustion.high");
    if (low.size == 0) {
        return STR("It is not expected to run out before");
    }
    if (date.size == 0) {
        return render_format(r, "If it runs out, not before " STR_FORMAT " (90 %%)", STR_ARG(low));
    }
    if (high.size == 0) {
        return render_format(r,
                             "It runs out about " STR_FORMAT " (80 %%: from " STR_FORMAT
                             ", or not in this period)",
                             STR_ARG(date), STR_ARG(low));
    }
    return render_format(
        r, "It runs out about " STR_FORMAT " (80 %%: " STR_FORMAT " to " STR_FORMAT ")",
        STR_ARG(date), STR_ARG(low), STR_ARG(high));
}

static struct str chance(struct render *r, double probability)
{
    return probability < 0.01   ? STR("less than 1 %")
           : probability > 0.99 ? STR("more than 99 %")
                                : render_share(r, probability, 0);
}

static struct str budget_sentence(struct render *r, struct json scope)
{
    const struct str name = text_of(r, scope, "scope");
    const struct str limit = render_money(r, json_path(scope, "budget.limit"));
    const struct str spent = render_money(r, json_get(scope, "spent"));
    const struct str end = text_of(r, scope, "period.end");
    const struct str kind = text_of(r, scope, "period.kind");
    const struct str passed = text_of(r, scope, "budget.exceeded_on");
    if (passed.size > 0) {
        return render_format(
            r,
            STR_FORMAT ": the " STR_FORMAT " a " STR_FORMAT " were exceeded on " STR_FORMAT
                       "; " STR_FORMAT " are spent.",
            STR_ARG(name), STR_ARG(limit), STR_ARG(kind), STR_ARG(passed), STR_ARG(spent));
    }
    if (!is_known(scope)) {
        return render_format(r,
                             STR_FORMAT ": " STR_FORMAT " of " STR_FORMAT " a " STR_FORMAT
                                        " are spent; too few days of records for a forecast.",
                             STR_ARG(name), STR_ARG(spent), STR_ARG(limit), STR_ARG(kind));
    }
    const struct str low = text_of(r, scope, "budget.exhaustion.low");
    return render_format(
        r,
        STR_FORMAT ": " STR_FORMAT " of " STR_FORMAT " a " STR_FORMAT " are spent; by " STR_FORMAT
                   " it will be " STR_FORMAT ". The chance of exceeding it is " STR_FORMAT
                   ". " STR_FORMAT "%s" STR_FORMAT ".",
        STR_ARG(name), STR_ARG(spent), STR_ARG(limit), STR_ARG(kind), STR_ARG(end),
        STR_ARG(total(r, scope)),
        STR_ARG(chance(r, json_double(json_path(scope, "budget.probability_exceeded"), NAN))),
        STR_ARG(when(r, scope)), low.size == 0 ? " the " : "",
        STR_ARG(low.size == 0 ? render_format(r, STR_FORMAT " ends", STR_ARG(kind))
                              : (struct str){0}));
}

static void row(struct render *r, struct render_table *table, struct json scope)
{
    const struct str blank = {0};
    const struct json forecast = json_get(scope, "forecast");
    const bool known = is_known(scope);
    const bool thin = json_bool(json_get(forecast, "thin"), false);
    const bool part = json_bool(json_get(forecast, "incomplete"), false);
    const bool has_budget = json_kind(json_get(scope, "budget")) == JSON_OBJECT;
    const double probability = json_double(json_path(scope, "budget.probability_exceeded"), NAN);
    const int decimals = render_estimate_decimals(forecast);
    const struct str cells[] = {
        text_of(r, scope, "scope"),
        text_of(r, scope, "period.end"),
        render_money(r, json_get(scope, "spent")),
        known ? usd(r, scope, "forecast.value") : STR("-"),
        known ? render_interval(r, forecast, 1, decimals) : blank,
        has_budget ? render_money(r, json_path(scope, "budget.limit")) : blank,
        has_budget && !isnan(probability) ? chance(r, probability) : blank,
        known ? text_of(r, scope, "budget.exhaustion.value") : blank,
        render_count(r, json_int64(json_get(scope, "history_days"), 0)),
        thin && part ? STR("thin, unpriced")
        : thin       ? STR("thin")
        : part       ? STR("unpriced")
                     : blank,
    };
    CHECK(COUNT_OF(cells) == table->column_count);
    render_row(r, table, cells);
}

static void surges(struct render *r, struct json scopes)
{
    struct json_cursor at = json_iter(scopes);
    struct json scope;
    struct str last = {0};
    size_t shown = 0;
    size_t left = 0;
    while (json_next(&at, NULL, &scope)) {
        const struct str name = text_of(r, scope, "scope");
        if (str_equal(name, last)) {
            continue; /* a second budget of the same scope */
        }
        last = name;
        struct json_cursor days = json_iter(json_get(scope, "reasoning_surges"));
        struct json day;
        while (json_next(&days, NULL, &day)) {
            if (shown == SURGES_SHOWN_MAX) {
                left++;
                continue;
            }
            if (shown++ == 0) {
                render_heading(r, "Days of unusual reasoning");
            }
            render_wrap(
                r, 2, 4,
                render_format(
                    r,
                    STR_FORMAT " " STR_FORMAT ": " STR_FORMAT
                               " of the output was reasoning, " STR_FORMAT
                               " on average in the 28 days before.",
                    STR_ARG(text_of(r, day, "date")), STR_ARG(name),
                    STR_ARG(render_share(r, json_double(json_get(day, "share"), NAN), 0)),
                    STR_ARG(render_share(r, json_double(json_get(day, "trailing_mean"), NAN), 0))));
        }
    }
    if (left > 0) {
        render_wrap(r, 2, 4, render_format(r, "… and %zu more; --json has all.", left));
    }
}

/* Whether any scope has too few days to be sure of, or to be foretold at all. */
static bool any_thin(struct json report)
{
    struct json_cursor at = json_iter(json_get(report, "scopes"));
    struct json scope;
    while (json_next(&at, NULL, &scope)) {
        if (json_bool(json_path(scope, "forecast.thin"), false)) {
            return true;
        }
    }
    return false;
}

static void notes(struct render *r, struct json report)
{
    struct str why = {0};
    struct json_cursor at = json_iter(json_get(report, "budgets_not_foretold"));
    struct json budget;
    render_heading(r, "About these figures");
    render_note(r, "from",
                render_format(r,
                              "the forecast begins on " STR_FORMAT
                              ", %s; the newest record is of " STR_FORMAT
                              ". Days after it are foretold, not taken for zero.",
                              STR_ARG(text_of(r, report, "start")),
                              str_equal(json_str(json_get(report, "start_is")), STR("today"))
                                  ? "today, which counts as begun"
                                  : "the day after the last record",
                              STR_ARG(text_of(r, report, "last_record"))));
    render_note(r, "method",
                render_format(r,
                              "each weekday's mean over at most the latest %lld days and %lld "
                              "paths of how far days were off it, seed %lld. Intervals are of "
                              "80 %%. No trend: growth or a launch ahead is not in it.",
                              (long long)json_int64(json_get(report, "history_days_most"), 0),
                              (long long)json_int64(json_get(report, "paths"), 0),
                              (long long)json_int64(json_get(report, "seed"), 0)));
    if (any_thin(report)) {
        render_note(
            r, "thin",
            render_format(r, "fewer than 28 days of records; below %lld there is no forecast.",
                          (long long)json_int64(json_get(report, "history_days_least"), 0)));
    }
    while (json_next(&at, NULL, &budget)) {
        why = render_format(r, STR_FORMAT ": " STR_FORMAT ".", STR_ARG(text_of(r, budget, "scope")),
                            STR_ARG(text_of(r, budget, "why")));
        render_note(r, "not foretold", why);
    }
}

enum errc render_forecast(struct json report, int width, struct arena *arena, struct text *out,
                          struct err *err)
{
    static const struct render_column columns[] = {
        {"SCOPE", false, 0},   {"UNTIL", false, 3},         {"SPENT", true, 2},
        {"FORECAST", true, 0}, {"80 % INTERVAL", false, 0}, {"BUDGET", true, 0},
        {"EXCEEDED", true, 0}, {"RUNS OUT", false, 4},      {"DAYS", true, 5},
        {"NOTE", false, 1},
    };
    struct render r = render_start(arena, out, width);
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    const struct json scopes = json_get(report, "scopes");
    struct json_cursor at = json_iter(scopes);
    struct json scope;
    size_t shown = 0;
    size_t sentences = 0;
    text_add(out, STR("Forecast of spend\n\n"));
    while (json_next(&at, NULL, &scope)) {
        if (json_kind(json_get(scope, "budget")) == JSON_OBJECT) {
            render_wrap(&r, 2, 4, budget_sentence(&r, scope));
            sentences++;
        }
        if (shown++ < SCOPES_SHOWN_MAX) {
            row(&r, &table, scope);
        }
    }
    if (sentences == 0) {
        render_wrap(&r, 2, 2,
                    STR("No budget is set for these; budgets: in bursar.yaml or --budget USD "
                        "gives the chance of exceeding one."));
    }
    text_char(out, '\n');
    render_print(&r, &table);
    if (shown > SCOPES_SHOWN_MAX) {
        render_wrap(
            &r, 2, 4,
            render_format(&r, "… and %zu more scopes; --json has all.", shown - SCOPES_SHOWN_MAX));
    }
    surges(&r, scopes);
    notes(&r, report);
    return render_end(&r, err);
}
