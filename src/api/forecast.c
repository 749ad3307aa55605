/*
 * Spend ahead: steps -> days by workflow -> scopes -> "bursar.forecast/1". docs/forecast.md.
 *
 * Days after the newest record of the whole ledger are not known, so they are foretold and not
 * taken for zero; days without a record before it are zeros.
 */
#include "api/forecast_priv.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"

enum { SPAN_WORKFLOW, SPAN_FIRST, SPAN_LAST, SPAN_UNDATED };
enum { DAY_WORKFLOW, DAY_DAY, DAY_SPEND, DAY_OUTPUT, DAY_REASONING, DAY_UNPRICED };

struct scopes {
    struct forecast_scope *rows; /* [count] in the order of the answer; owned by the arena */
    size_t count;
};

static enum errc no_memory(struct err *err)
{
    return err_set(err, ERR_LIMIT, "no memory left for the days; name one scope");
}

int forecast_weekday(int64_t day)
{
    return (int)(((day + 3) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
}

bool forecast_period(enum budget_period period, int64_t day, int64_t *first, int64_t *last)
{
    int64_t year = 0;
    int month = 0;
    int of_month = 0;
    switch (period) {
    case PERIOD_MINUTE:
    case PERIOD_HOUR:
    case PERIOD_TOTAL: /* has no end to foretell */
    case PERIOD_COUNT:
        return false;
    case PERIOD_DAY:
        *first = day;
        *last = day;
        return true;
    case PERIOD_WEEK:
        *first = day - forecast_weekday(day);
        *last = *first + 6;
        return true;
    case PERIOD_MONTH:
        clock_civil(day, &year, &month, &of_month);
        *first = day - of_month + 1;
        *last = (month == 12 ? clock_days(year + 1, 1, 1) : clock_days(year, month + 1, 1)) - 1;
        return true;
    }
    return false;
}

static int64_t day_of(int64_t time_ns)
{
    return time_ns / CLOCK_NS_PER_DAY - (time_ns % CLOCK_NS_PER_DAY < 0);
}

static void add_days(struct forecast_scope *to, const struct forecast_scope *from)
{
    to->first = from->first < to->first ? from->first : to->first;
    to->spend_pusd += from->spend_pusd;
    to->undated_pusd += from->undated_pusd;
    to->unpriced += from->unpriced;
    for (size_t i = 0; i < FORECAST_KEPT_DAYS; i++) {
        to->days[i].spend_pusd += from->days[i].spend_pusd;
        to->days[i].output += from->days[i].output;
        to->days[i].reasoning += from->days[i].reasoning;
    }
}

/* The frame, and one scope a workflow, without their days yet. */
static enum errc read_spans(struct store *store, const struct api_request *request,
                            struct arena *arena, struct forecast_frame *frame, struct scopes *out,
                            struct err *err)
{
    /* As of an earlier time: a day that has just begun has nothing yet, and the one before is
     * whole. */
    const bool earlier = request->until_ns <= request->now_ns;
    frame->today = day_of(earlier ? request->until_ns : request->now_ns);
    struct store_result spans;
    const struct store_value values[] = {STORE_OF_INT64(request->since_ns),
                                         STORE_OF_INT64(request->until_ns),
                                         STORE_OF_INT64(frame->today)};
    enum errc code =
        store_run(store, QUERY_forecast_spans, values, COUNT_OF(values), arena, &spans, err);
    if (code != ERR_OK) {
        return code;
    }
    struct scopes scopes = {.rows = arena_new(arena, struct forecast_scope, spans.rows + 1)};
    if (scopes.rows == NULL) {
        return no_memory(err);
    }
    int64_t last = INT64_MIN;
    for (size_t row = 0; row < spans.rows; row++) {
        struct forecast_scope *const scope = &scopes.rows[scopes.count++];
        const int64_t newest = store_int64(&spans, row, SPAN_LAST, INT64_MIN);
        scope->name = store_text(&spans, row, SPAN_WORKFLOW);
        scope->first = store_int64(&spans, row, SPAN_FIRST, INT64_MAX);
        scope->undated_pusd = store_sum(&spans, row, SPAN_UNDATED);
        last = newest > last ? newest : last;
    }
    if (last == INT64_MIN) {
        return err_set(err, ERR_NOT_FOUND,
                       "no step with a date up to now is in the ledger%s; import something first",
                       spans.rows > 0 ? " or in this window" : "");
    }
    frame->last = last;
    frame->start = frame->last < frame->today ? frame->last + 1 : frame->today;
    frame->end = frame->start - 1;
    frame->from = frame->start - FORECAST_KEPT_DAYS + 1;
    *out = scopes;
    return ERR_OK;
}

/* Both are in the order of the workflows' names. */
static enum errc read_days(struct store *store, const struct api_request *request,
                           const struct forecast_frame *frame, struct arena *arena,
                           struct scopes *scopes, struct err *err)
{
    struct store_result days;
    const struct store_value values[] = {STORE_OF_INT64(request->since_ns),
                                         STORE_OF_INT64(request->until_ns),
                                         STORE_OF_INT64(frame->from)};
    const enum errc code = store_run(store, QUERY_forecast_days, values, 3, arena, &days, err);
    size_t at = 0;
    for (size_t row = 0; code == ERR_OK && row < days.rows; row++) {
        const int64_t place = store_int64(&days, row, DAY_DAY, 0) - frame->from;
        while (at < scopes->count &&
               !str_equal(scopes->rows[at].name, store_text(&days, row, DAY_WORKFLOW))) {
            at++;
        }
        CHECK(at < scopes->count);
        if (place >= FORECAST_KEPT_DAYS) {
            continue; /* dated ahead of today */
        }
        struct forecast_scope *const scope = &scopes->rows[at];
        scope->days[place] = (struct forecast_day){
            .spend_pusd = store_sum(&days, row, DAY_SPEND),
            .output = (int64_t)store_sum(&days, row, DAY_OUTPUT),
            .reasoning = (int64_t)store_sum(&days, row, DAY_REASONING),
        };
        scope->spend_pusd += scope->days[place].spend_pusd;
        scope->unpriced += store_int64(&days, row, DAY_UNPRICED, 0);
    }
    return code;
}

static struct str join(struct arena *arena, const char *kind, struct str name)
{
    struct text text;
    text_init(&text, name.size + 32);
    text_format(&text, "%s" STR_FORMAT, kind, STR_ARG(name));
    const struct str kept = arena_copy(arena, text_str(&text));
    text_deinit(&text);
    return kept;
}

static struct str team_of(const struct settings *settings, struct str workflow)
{
    const struct settings_workflow *const configured = settings_workflow(settings, workflow);
    return configured != NULL ? configured->team : (struct str){0};
}

/* Dearest first; ties by name. */
static int compare(const void *a, const void *b)
{
    const struct forecast_scope *const left = a;
    const struct forecast_scope *const right = b;
    if (left->spend_pusd != right->spend_pusd) {
        return left->spend_pusd > right->spend_pusd ? -1 : 1;
    }
    return str_compare(left->name, right->name);
}

static void sort_dearest(struct scopes *scopes, size_t from)
{
    if (scopes->count > from) {
        qsort(scopes->rows + from, scopes->count - from, sizeof scopes->rows[0], compare);
    }
}

/* The organisation, its teams, its workflows. */
static enum errc make_scopes(const struct settings *settings, const struct scopes *workflows,
                             struct arena *arena, struct scopes *out, struct err *err)
{
    const size_t most = 1 + 2 * workflows->count;
    struct scopes all = {.rows = arena_new(arena, struct forecast_scope, most)};
    if (all.rows == NULL) {
        return no_memory(err);
    }
    all.rows[all.count++] = (struct forecast_scope){.name = STR("org"), .first = INT64_MAX};
    for (size_t i = 0; i < workflows->count; i++) {
        const struct forecast_scope *const workflow = &workflows->rows[i];
        const struct str team = team_of(settings, workflow->name);
        add_days(&all.rows[0], workflow);
        if (team.size == 0) {
            continue;
        }
        const struct str name = join(arena, "team:", team);
        size_t at = 1;
        while (at < all.count && !str_equal(all.rows[at].name, name)) {
            at++;
        }
        if (at == all.count) {
            all.rows[all.count++] = (struct forecast_scope){.name = name, .first = INT64_MAX};
        }
        add_days(&all.rows[at], workflow);
    }
    sort_dearest(&all, 1);
    const size_t teams = all.count;
    for (size_t i = 0; i < workflows->count; i++) {
        if (workflows->rows[i].name.size > 0) { /* unattributed: in org alone */
            all.rows[all.count] = workflows->rows[i];
            all.rows[all.count++].name = join(arena, "workflow:", workflows->rows[i].name);
        }
    }
    sort_dearest(&all, teams);
    CHECK(all.count <= most);
    for (size_t i = 0; i < all.count; i++) {
        if (all.rows[i].name.data == NULL) {
            return no_memory(err);
        }
    }
    *out = all;
    return ERR_OK;
}

/* "claims" is short for "workflow:claims". */
static bool is_asked(const struct api_forecast *request, struct str name)
{
    const struct str scope = request->scope;
    const struct str kind = STR("workflow:");
    return scope.size == 0 || str_equal(scope, name) ||
           (str_starts_with(name, kind) &&
            str_equal(scope, (struct str){name.data + kind.size, name.size - kind.size}));
}

static enum errc no_such_scope(const struct scopes *scopes, struct str scope, struct err *err)
{
    enum { LIST_BYTES_MAX = 500 };
    struct text list;
    text_init(&list, LIST_BYTES_MAX);
    for (size_t i = 0; i < scopes->count && !text_is_full(&list); i++) {
        text_add(&list, i > 0 ? STR(", ") : STR(""));
        text_add(&list, scopes->rows[i].name);
    }
    const enum errc code = err_set(
        err, ERR_NOT_FOUND, "nothing is known of \"" STR_FORMAT "\"; there are: " STR_FORMAT "%s",
        STR_ARG(scope), STR_ARG(text_str(&list)), text_is_full(&list) ? " …" : "");
    text_deinit(&list);
    return code;
}

/* One entry a budget of the scope; without one, a month. */
static enum errc put_entries(const struct settings *settings, const struct api_forecast *request,
                             const struct forecast_frame *frame, const struct forecast_scope *scope,
                             struct arena *arena, struct text *out, struct err *err)
{
    struct forecast_budget budget = {.period = PERIOD_MONTH};
    if (request->has_budget && request->scope.size > 0) {
        budget = (struct forecast_budget){"given", request->budget_pusd, request->period};
        return forecast_put_scope(frame, scope, &budget, arena, out, err);
    }
    size_t found = 0;
    enum errc code = ERR_OK;
    for (size_t i = 0; i < settings->budgets.count && code == ERR_OK; i++) {
        const struct settings_budget *const row = &settings->budgets.rows[i];
        int64_t first;
        int64_t last;
        if (!str_equal(row->scope, scope->name) ||
            !forecast_period(row->period, frame->start, &first, &last)) {
            continue;
        }
        budget = (struct forecast_budget){"configured", row->limit_pusd, row->period};
        code = forecast_put_scope(frame, scope, &budget, arena, out, err);
        found++;
    }
    return code == ERR_OK && found == 0 ? forecast_put_scope(frame, scope, &budget, arena, out, err)
                                        : code;
}

/* Budgets no day of the ledger can be held against: keys, users, segments, hours, unknown names. */
static void put_unheld(const struct settings *settings, const struct scopes *scopes,
                       struct text *out)
{
    json_name(out, "budgets_not_foretold");
    json_open_array(out);
    for (size_t i = 0; i < settings->budgets.count; i++) {
        const struct settings_budget *const budget = &settings->budgets.rows[i];
        size_t at = 0;
        while (at < scopes->count && !str_equal(scopes->rows[at].name, budget->scope)) {
            at++;
        }
        const bool is_short = budget->period == PERIOD_MINUTE || budget->period == PERIOD_HOUR;
        if (at < scopes->count && !is_short && budget->period != PERIOD_TOTAL) {
            continue;
        }
        json_open_object(out);
        put_str(out, "scope", budget->scope);
        json_name(out, "why");
        json_put_text(out, at == scopes->count ? "the ledger has no spend of that scope"
                           : is_short          ? "its period is shorter than a day"
                                               : "it has no period");
        json_close_object(out);
    }
    json_close_array(out);
}

static void put_frame(struct text *out, const struct forecast_frame *frame)
{
    put_count(out, "paths", FORECAST_PATHS);
    put_count(out, "seed", (int64_t)FORECAST_SEED);
    put_number(out, "level", FORECAST_LEVEL);
    put_count(out, "history_days_most", FORECAST_HISTORY_MAX);
    put_count(out, "history_days_least", FORECAST_HISTORY_LEAST);
    forecast_put_day(out, "today", frame->today);
    forecast_put_day(out, "last_record", frame->last);
    forecast_put_day(out, "start", frame->start);
    json_name(out, "start_is");
    json_put_text(out, frame->last == frame->today ? "today" : "day after the last record");
}

enum errc api_forecast(struct store *store, const struct settings *settings,
                       const struct api_forecast *request, struct arena *arena, struct text *out,
                       struct err *err)
{
    CHECK(request != NULL);
    CHECK(out != NULL);
    struct forecast_frame frame = {0};
    struct scopes workflows = {0};
    struct scopes scopes = {0};
    enum errc code = read_spans(store, &request->request, arena, &frame, &workflows, err);
    if (code == ERR_OK) {
        code = read_days(store, &request->request, &frame, arena, &workflows, err);
    }
    if (code == ERR_OK) {
        code = make_scopes(settings, &workflows, arena, &scopes, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    json_open_object(out);
    put_request(out, "bursar.forecast/1", &request->request);
    put_frame(out, &frame);
    json_name(out, "scopes");
    json_open_array(out);
    size_t found = 0;
    for (size_t i = 0; i < scopes.count && code == ERR_OK; i++) {
        if (is_asked(request, scopes.rows[i].name)) {
            code = put_entries(settings, request, &frame, &scopes.rows[i], arena, out, err);
            found++;
        }
    }
    if (code == ERR_OK && found == 0) {
        return no_such_scope(&scopes, request->scope, err);
    }
    json_close_array(out);
    put_unheld(settings, &scopes, out);
    json_close_object(out);
    return code;
}
