/*
 * Business figures before and after a workflow went live: "bursar.change/1".
 * economics.md section 10; docs/change.md.
 *
 *     values --by day--> figure, mean of its controls --stats_segmented--> level, slope, verdict
 */
#include <math.h>

#include "api/api_priv.h"
#include "base/check.h"
#include "base/clock.h"

/* Level and slope are two chances of a false alarm: at 2.5 % each, 5 % for both. */
#define ALARM_P 0.025

enum { SERIES_MAX = 32 /* control groups of one figure */, DAYS_PER_WEEK = 7 };

/* Columns of QUERY_change_values. */
enum { VALUE_WORKFLOW, VALUE_NAME, VALUE_SERIES, VALUE_UNIT, VALUE_AT, VALUE_VALUE };

/* One value a day: the mean of the day's. */
struct series {
    struct str name;
    double *day; /* [count] ascending, days since 1970 */
    double *value;
    size_t count;
};

struct figure {
    struct str workflow; /* empty: of the whole company */
    struct str name;
    struct str unit;
    struct series own; /* count 0: only control groups have values */
    struct series controls[SERIES_MAX];
    size_t control_count;
};

struct change {
    const struct api_change *request;
    struct arena *arena;
    int64_t go_live_ns;
    double go_live_day;
    const char *basis; /* "given", "configured", "assumed" */
};

static double day_of(int64_t time_ns)
{
    return floor((double)(time_ns / CLOCK_NS_PER_SECOND) / 86400);
}

static enum errc no_memory(struct err *err)
{
    return err_set(err, ERR_LIMIT, "no memory left for the figures; ask for one with --kpi");
}

static bool is_in_window(const struct api_request *request, int64_t at_ns)
{
    return at_ns >= request->since_ns && at_ns < request->until_ns;
}

/* Rows [*at, …) of one series, which end where the series does. */
static enum errc read_series(const struct change *change, const struct store_result *rows,
                             size_t *at, struct series *out, struct err *err)
{
    const size_t from = *at;
    size_t to = from;
    while (
        to < rows->rows &&
        str_equal(store_text(rows, to, VALUE_WORKFLOW), store_text(rows, from, VALUE_WORKFLOW)) &&
        str_equal(store_text(rows, to, VALUE_NAME), store_text(rows, from, VALUE_NAME)) &&
        str_equal(store_text(rows, to, VALUE_SERIES), store_text(rows, from, VALUE_SERIES))) {
        to++;
    }
    *at = to;
    struct series series = {.name = store_text(rows, from, VALUE_SERIES)};
    series.day = arena_new(change->arena, double, to - from);
    series.value = arena_new(change->arena, double, to - from);
    if (series.day == NULL || series.value == NULL) {
        return no_memory(err);
    }
    int64_t of_day = 0;
    for (size_t row = from; row < to; row++) {
        const int64_t at_ns = store_int64(rows, row, VALUE_AT, 0);
        const double value = store_real(rows, row, VALUE_VALUE, NAN);
        if (!is_in_window(&change->request->request, at_ns)) {
            continue;
        }
        const double day = day_of(at_ns);
        if (series.count > 0 && !(series.day[series.count - 1] < day)) {
            of_day++;
            double *const mean = &series.value[series.count - 1];
            *mean += (value - *mean) / (double)of_day;
            continue;
        }
        series.day[series.count] = day;
        series.value[series.count++] = value;
        of_day = 1;
    }
    *out = series;
    return ERR_OK;
}

/* All series of one figure: its own comes first, its name being empty. */
static enum errc read_figure(const struct change *change, const struct store_result *rows,
                             size_t *at, struct figure *out, struct err *err)
{
    const size_t from = *at;
    *out = (struct figure){.workflow = store_text(rows, from, VALUE_WORKFLOW),
                           .name = store_text(rows, from, VALUE_NAME),
                           .unit = store_text(rows, from, VALUE_UNIT)};
    while (*at < rows->rows && str_equal(store_text(rows, *at, VALUE_WORKFLOW), out->workflow) &&
           str_equal(store_text(rows, *at, VALUE_NAME), out->name)) {
        struct series series;
        const enum errc code = read_series(change, rows, at, &series, err);
        if (code != ERR_OK) {
            return code;
        }
        if (series.count > STATS_SERIES_MAX) {
            return err_set(err, ERR_LIMIT,
                           STR_FORMAT ": %zu days; at most %d are looked at; give --since",
                           STR_ARG(out->name), series.count, STATS_SERIES_MAX);
        }
        if (series.name.size == 0) {
            out->own = series;
        } else if (out->control_count == SERIES_MAX) {
            return err_set(err, ERR_LIMIT, STR_FORMAT ": more than %d control groups",
                           STR_ARG(out->name), SERIES_MAX);
        } else {
            out->controls[out->control_count++] = series;
        }
    }
    return ERR_OK;
}

/* The figure less the mean of its controls, on the days all of them have a value. */
static enum errc subtract_controls(const struct change *change, const struct figure *figure,
                                   struct series *out, struct err *err)
{
    const struct series *const own = &figure->own;
    struct series less = {.day = arena_new(change->arena, double, own->count + 1),
                          .value = arena_new(change->arena, double, own->count + 1)};
    if (less.day == NULL || less.value == NULL) {
        return no_memory(err);
    }
    size_t place[SERIES_MAX] = {0};
    for (size_t i = 0; i < own->count; i++) {
        double sum = 0;
        size_t found = 0;
        for (size_t c = 0; c < figure->control_count; c++) {
            const struct series *const control = &figure->controls[c];
            while (place[c] < control->count && control->day[place[c]] < own->day[i]) {
                place[c]++;
            }
            if (place[c] < control->count && !(control->day[place[c]] > own->day[i])) {
                sum += control->value[place[c]];
                found++;
            }
        }
        if (found == figure->control_count) {
            less.day[less.count] = own->day[i];
            less.value[less.count++] = own->value[i] - sum / (double)found;
        }
    }
    *out = less;
    return ERR_OK;
}

/* Index of the first point on or after the day. */
static size_t first_after(const struct series *series, double day)
{
    size_t at = 0;
    while (at < series->count && series->day[at] < day) {
        at++;
    }
    return at;
}

static double mean_of(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return count > 0 ? sum / (double)count : NAN;
}

struct fitted {
    bool known; /* false: too short */
    size_t before;
    size_t after;
    double mean_before;
    double mean_after;
    struct stats_segmented fit;
};

static enum errc fit_series(const struct change *change, const struct series *series,
                            struct fitted *out, struct err *err)
{
    const size_t at = first_after(series, change->go_live_day);
    struct fitted fitted = {.before = at, .after = series->count - at};
    fitted.mean_before = mean_of(series->value, at);
    fitted.mean_after = mean_of(series->value + at, fitted.after);
    fitted.known = fitted.before >= STATS_SERIES_LEAST && fitted.after >= STATS_SERIES_LEAST;
    enum errc code = ERR_OK;
    if (fitted.known) {
        code = stats_segmented(series->day, series->value, series->count, at, change->arena,
                               &fitted.fit, err);
    }
    if (code == ERR_OK) {
        *out = fitted;
    }
    return code;
}

static void put_effect(struct text *out, const char *name, struct stats_interval interval,
                       double scale, size_t n)
{
    const struct estimate estimate = {.interval = interval,
                                      .scale = scale,
                                      .n = (int64_t)n,
                                      .basis = "estimated",
                                      .method = "newey-west"};
    put_estimate(out, name, &estimate);
}

static void put_fitted(struct text *out, const char *name, const struct fitted *fitted)
{
    json_name(out, name);
    json_open_object(out);
    put_count(out, "before", (int64_t)fitted->before);
    put_count(out, "after", (int64_t)fitted->after);
    put_number(out, "mean_before", fitted->mean_before);
    put_number(out, "mean_after", fitted->mean_after);
    if (fitted->known) {
        const struct stats_segmented *const fit = &fitted->fit;
        const size_t n = fitted->before + fitted->after;
        put_effect(out, "level", fit->level, 1, n);
        put_effect(out, "slope_per_week", fit->slope, DAYS_PER_WEEK, n);
        put_effect(out, "trend_per_week", fit->trend, DAYS_PER_WEEK, n);
        put_number(out, "level_p", fit->level_p);
        put_number(out, "slope_p", fit->slope_p);
        put_count(out, "lags", fit->lags);
    }
    json_close_object(out);
}

static const char *verdict_of(const struct fitted *fitted)
{
    if (!fitted->known) {
        return "too short";
    }
    const bool changed = fitted->fit.level_p < ALARM_P || fitted->fit.slope_p < ALARM_P;
    return changed ? "changed" : "no evidence";
}

static enum errc put_figure(const struct change *change, const struct figure *figure,
                            struct text *out, struct err *err)
{
    struct fitted own;
    struct fitted against = {0};
    struct series less;
    const bool has_control = figure->control_count > 0 && figure->own.count > 0;
    enum errc code = fit_series(change, &figure->own, &own, err);
    if (code == ERR_OK && has_control) {
        code = subtract_controls(change, figure, &less, err);
        if (code == ERR_OK) {
            code = fit_series(change, &less, &against, err);
        }
    }
    if (code != ERR_OK) {
        return code;
    }
    json_open_object(out);
    put_str(out, "workflow", figure->workflow);
    put_str(out, "name", figure->name);
    put_str(out, "unit", figure->unit);
    json_name(out, "controls");
    json_open_array(out);
    for (size_t i = 0; i < figure->control_count; i++) {
        json_put_str(out, figure->controls[i].name);
    }
    json_close_array(out);
    json_name(out, "method");
    json_put_text(out, has_control ? "difference-in-differences" : "segmented");
    json_name(out, "verdict");
    json_put_text(out, verdict_of(has_control ? &against : &own));
    put_fitted(out, "figure", &own);
    if (has_control) {
        put_fitted(out, "against_control", &against);
    }
    json_close_object(out);
    return ERR_OK;
}

/* The day the workflow went live, and how that is known. */
static enum errc find_go_live(struct store *store, const struct settings *settings,
                              struct change *change, struct err *err)
{
    const struct str workflow = change->request->request.workflow;
    const struct settings_workflow *const configured = settings_workflow(settings, workflow);
    if (change->request->go_live_ns != INT64_MIN) {
        change->go_live_ns = change->request->go_live_ns;
        change->basis = "given";
    } else if (configured != NULL && configured->has_go_live) {
        change->go_live_ns = configured->go_live_ns;
        change->basis = "configured";
    } else {
        struct store_result first;
        const struct store_value value = STORE_OF_TEXT(workflow);
        const enum errc code =
            store_run(store, QUERY_change_first_case, &value, 1, change->arena, &first, err);
        if (code != ERR_OK) {
            return code;
        }
        change->go_live_ns = store_int64(&first, 0, 0, INT64_MIN);
        change->basis = "assumed";
    }
    if (change->go_live_ns == INT64_MIN) {
        return err_set(err, ERR_USAGE,
                       "when did " STR_FORMAT " go live? None of its cases has a date; give "
                       "--go-live DATE, or go_live: DATE under its name in bursar.yaml",
                       STR_ARG(workflow));
    }
    change->go_live_day = day_of(change->go_live_ns);
    return ERR_OK;
}

/* The values of a workflow and of the whole company; none where the ledger is of an older shape. */
static enum errc read_values(struct store *store, const struct api_change *request,
                             struct arena *arena, struct store_result *out, struct err *err)
{
    struct store_result exists;
    *out = (struct store_result){0};
    enum errc code = store_run(store, QUERY_kpis_exist, NULL, 0, arena, &exists, err);
    if (code == ERR_OK && store_int64(&exists, 0, 0, 0) > 0) {
        const struct store_value values[] = {STORE_OF_TEXT(request->request.workflow),
                                             STORE_OF_TEXT(request->kpi)};
        code = store_run(store, QUERY_change_values, values, COUNT_OF(values), arena, out, err);
    }
    if (code == ERR_OK && out->rows == 0 && request->kpi.size > 0) {
        code = err_set(err, ERR_NOT_FOUND,
                       "there is no figure \"" STR_FORMAT "\" of " STR_FORMAT
                       "; bursar kpi lists those there are",
                       STR_ARG(request->kpi), STR_ARG(request->request.workflow));
    }
    return code;
}

enum errc api_change(struct store *store, const struct settings *settings,
                     const struct api_change *request, struct arena *arena, struct text *out,
                     struct err *err)
{
    CHECK(request != NULL);
    CHECK(out != NULL);
    struct change change = {.request = request, .arena = arena};
    struct store_result rows;
    enum errc code = read_values(store, request, arena, &rows, err);
    /* The company's figures alone do not make a workflow of any name. */
    if (code == ERR_OK && (rows.rows == 0 || store_text(&rows, 0, VALUE_WORKFLOW).size == 0)) {
        code = figures_require_workflow(store, request->request.workflow, arena, err);
    }
    if (code == ERR_OK) {
        code = find_go_live(store, settings, &change, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    json_open_object(out);
    put_request(out, "bursar.change/1", &request->request);
    put_str(out, "workflow", request->request.workflow);
    json_name(out, "go_live");
    json_open_object(out);
    char date[CLOCK_TEXT_BYTES_MAX];
    const size_t size = clock_print_date(change.go_live_ns, date);
    put_str(out, "date", (struct str){date, size});
    json_name(out, "basis");
    json_put_text(out, change.basis);
    json_close_object(out);
    put_number(out, "alarm_p", ALARM_P);
    put_count(out, "points_least", STATS_SERIES_LEAST);
    json_name(out, "kpis");
    json_open_array(out);
    struct figure *const figure = arena_new(arena, struct figure, 1);
    if (figure == NULL) {
        return no_memory(err);
    }
    for (size_t at = 0; at < rows.rows && code == ERR_OK;) {
        code = read_figure(&change, &rows, &at, figure, err);
        if (code == ERR_OK) {
            code = put_figure(&change, figure, out, err);
        }
    }
    json_close_array(out);
    json_close_object(out);
    return code;
}
