/* How the budgets stand: limits, what is spent and held of them, what can go beyond them. */
#include <math.h>

#include "api/api_priv.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/zone.h"

static const char *const periods[PERIOD_COUNT] = {
    [PERIOD_MINUTE] = "minute", [PERIOD_HOUR] = "hour",   [PERIOD_DAY] = "day",
    [PERIOD_WEEK] = "week",     [PERIOD_MONTH] = "month", [PERIOD_TOTAL] = "total"};
static const char *const actions[ACTION_COUNT] = {
    [ACTION_NOTIFY] = "notify", [ACTION_SHAPE] = "shape", [ACTION_REFUSE] = "refuse"};
static const char *const causes[HOLD_CAUSE_COUNT] = {
    [HOLD_CAUSE_NONE] = NULL,          [HOLD_CAUSE_UNPRICED] = "unpriced",
    [HOLD_CAUSE_UNBOUNDED] = "output", [HOLD_CAUSE_INPUT] = "input",
    [HOLD_CAUSE_FEES] = "fees",        [HOLD_CAUSE_LATE] = "late",
    [HOLD_CAUSE_OTHER] = "other",
};

/* "2026-12-01 00:00" by the clock of the zone. */
static enum errc put_local(struct text *out, const char *name, int64_t time_ns,
                           struct str zone_name, struct arena *arena, struct err *err)
{
    enum { MINUTES = 16 };
    const struct zone *zone = NULL;
    char text[CLOCK_TEXT_BYTES_MAX];
    json_name(out, name);
    if (time_ns == HOLD_NO_END || time_ns == INT64_MIN) {
        json_put_null(out);
        return ERR_OK;
    }
    const struct arena_position mark = arena_mark(arena);
    const enum errc code = zone_read(zone_name, arena, &zone, err);
    if (code != ERR_OK) {
        return code;
    }
    const int32_t ahead_s = zone_offset_s(zone, time_ns / CLOCK_NS_PER_SECOND);
    arena_rewind(arena, mark);
    (void)clock_print(time_ns + ahead_s * CLOCK_NS_PER_SECOND, text);
    text[10] = ' ';
    json_put_str(out, (struct str){text, MINUTES});
    return ERR_OK;
}

static double share(money_sum part, money_sum whole)
{
    return whole > 0 ? (double)part / (double)whole : NAN;
}

static void put_amount(struct text *out, const char *name, int64_t amount_pusd, int64_t none)
{
    if (amount_pusd == none) {
        json_name(out, name);
        json_put_null(out);
    } else {
        put_money(out, name, amount_pusd);
    }
}

/* Whether a step acts: people are told by what is spent, calls go by spent and held. */
static bool is_passed(const struct hold_balance *b, const struct hold_step *step)
{
    return b->spent_pusd + (step->action == ACTION_NOTIFY ? 0 : b->held_pusd) >= step->at_pusd;
}

static void put_step(struct text *out, const struct hold_balance *b, const struct hold_step *step)
{
    json_open_object(out);
    json_name(out, "do");
    json_put_text(out, actions[step->action]);
    put_money(out, "at", step->at_pusd);
    put_number(out, "share", share(step->at_pusd, b->limit_pusd));
    json_name(out, "passed");
    json_put_bool(out, is_passed(b, step));
    json_close_object(out);
}

/* The steps with what refuses behind them, then the one that comes next. */
static void put_steps(struct text *out, const struct hold_balance *b)
{
    struct hold_step all[SETTINGS_STEPS_MAX + 1];
    size_t count = 0;
    CHECK(b->step_count <= SETTINGS_STEPS_MAX);
    for (size_t i = 0; i < b->step_count; i++) {
        all[count++] = b->steps[i];
    }
    if (b->hard_pusd != HOLD_NO_LIMIT) {
        all[count++] = (struct hold_step){.at_pusd = b->hard_pusd, .action = ACTION_REFUSE};
    }
    const struct hold_step *next = NULL;
    json_name(out, "steps");
    json_open_array(out);
    for (size_t i = 0; i < count; i++) {
        put_step(out, b, &all[i]);
        const bool ahead = !is_passed(b, &all[i]);
        next = ahead && (next == NULL || all[i].at_pusd < next->at_pusd) ? &all[i] : next;
    }
    json_close_array(out);
    json_name(out, "next_step");
    if (next != NULL) {
        put_step(out, b, next);
    } else {
        json_put_null(out);
    }
}

/* What the limit does now, the strongest first. */
static const char *state_of(const struct hold_balance *b)
{
    const money_sum committed = b->spent_pusd + b->held_pusd;
    const char *state = committed > b->limit_pusd ? "over" : "open";
    for (size_t i = 0; i < b->step_count; i++) {
        if (b->steps[i].action == ACTION_SHAPE && is_passed(b, &b->steps[i])) {
            state = "shapes";
        }
    }
    return b->hard_pusd != HOLD_NO_LIMIT && committed >= b->hard_pusd ? "refuses" : state;
}

/* A log does not tell: that it was read again is no start. */
static void put_refused(struct text *out, bool is_live, int64_t count)
{
    json_name(out, "refused_since_start");
    if (is_live) {
        json_put_int64(out, count);
    } else {
        json_put_null(out);
    }
}

static enum errc put_balance(struct text *out, const struct hold_balance *b, bool is_live,
                             struct arena *arena, struct err *err)
{
    json_open_object(out);
    put_str(out, "scope", b->scope);
    json_name(out, "period");
    json_put_text(out, periods[b->period]);
    put_str(out, "time_zone", b->zone_name);
    put_time(out, "from", b->period_ns, INT64_MIN);
    put_time(out, "resets", b->resets_ns, HOLD_NO_END);
    enum errc code = put_local(out, "resets_local", b->resets_ns, b->zone_name, arena, err);
    if (code != ERR_OK) {
        return code;
    }
    put_money(out, "limit", b->limit_pusd);
    put_money(out, "spent", b->spent_pusd);
    put_money(out, "spent_before_budget", b->opening_pusd);
    put_money(out, "held", b->held_pusd);
    put_money(out, "free", b->free_pusd);
    put_number(out, "share_used", share(b->spent_pusd + b->held_pusd, b->limit_pusd));
    json_name(out, "state");
    json_put_text(out, state_of(b));
    json_name(out, "hard");
    json_put_bool(out, b->hard_pusd != HOLD_NO_LIMIT);
    put_amount(out, "refuses_at", b->hard_pusd, HOLD_NO_LIMIT);
    put_steps(out, b);
    put_amount(out, "per_case", b->per_case_pusd, HOLD_NO_LIMIT);
    put_count(out, "open_holds", b->open_holds);
    put_refused(out, is_live, b->refused);
    put_money(out, "held_of_past_periods", b->past_held_pusd);
    put_money(out, "overshoot", b->overshoot_pusd);
    json_name(out, "last_period");
    if (b->last_period_ns == INT64_MIN) {
        json_put_null(out);
    } else {
        json_open_object(out);
        put_time(out, "from", b->last_period_ns, INT64_MIN);
        put_money(out, "spent", b->last_spent_pusd);
        put_number(out, "share_used", share(b->last_spent_pusd, b->limit_pusd));
        json_close_object(out);
    }
    json_close_object(out);
    return ERR_OK;
}

static void put_holds(struct text *out, const struct budget_standing *standing)
{
    const struct budget_counts *const counts = &standing->counts;
    json_name(out, "holds");
    json_open_object(out);
    put_count(out, "open", counts->open_holds);
    put_money(out, "held", counts->held_pusd);
    put_count(out, "cases", counts->cases);
    put_count(out, "reserved", counts->reserved);
    put_count(out, "posted", counts->posted);
    put_count(out, "voided", counts->voided);
    put_count(out, "expired", counts->expired);
    put_count(out, "settled_late", counts->late);
    put_count(out, "forgotten", counts->forgotten_holds);
    put_refused(out, standing->is_live, counts->refused);
    json_name(out, "unknown");
    json_open_object(out);
    money_sum unknown_pusd = 0;
    for (size_t i = 0; i < standing->unknown.count; i++) {
        unknown_pusd += standing->unknown.rows[i].amount_pusd;
    }
    put_count(out, "count", counts->unknown_holds);
    put_money(out, "held", unknown_pusd);
    json_name(out, "calls");
    json_open_array(out);
    for (size_t i = 0; i < standing->unknown.count && i < API_BUDGET_UNKNOWN_MAX; i++) {
        const struct hold_view *const hold = &standing->unknown.rows[i];
        json_open_object(out);
        put_money(out, "held", hold->amount_pusd);
        put_time(out, "since", hold->reserved_ns, INT64_MIN);
        /* of a log, only the next start says until when */
        put_time(out, "until", standing->is_live ? hold->expires_ns : HOLD_NO_END, HOLD_NO_END);
        json_close_object(out);
    }
    json_close_array(out);
    json_close_object(out);
    json_close_object(out);
}

static void put_overshoot(struct text *out, const struct budget_standing *standing,
                          const struct api_budget *request)
{
    const struct budget_counts *const counts = &standing->counts;
    json_name(out, "overshoot");
    json_open_object(out);
    put_count(out, "calls", counts->overshoots);
    put_money(out, "usd", counts->overshoot_pusd);
    json_name(out, "by_cause");
    json_open_object(out);
    for (int i = 0; i < HOLD_CAUSE_COUNT; i++) {
        if (causes[i] != NULL) {
            json_name(out, causes[i]);
            json_open_object(out);
            put_count(out, "calls", counts->causes[i].calls);
            put_money(out, "usd", counts->causes[i].pusd);
            json_close_object(out);
        }
    }
    json_close_object(out);
    json_name(out, "bound");
    json_open_object(out);
    put_money(out, "usd", 0);
    json_name(out, "holds_for");
    json_put_text(out, "calls whose model has a price, whose output is bounded and whose input is "
                       "text");
    json_name(out, "not_for");
    json_open_array(out);
    for (size_t i = 0; i < request->gap_count; i++) {
        const struct api_budget_gap *const gap = &request->gaps[i];
        json_open_object(out);
        json_name(out, "cause");
        json_put_text(out, gap->cause);
        put_str(out, "where", gap->where);
        put_str(out, "why", gap->why);
        json_name(out, "at_most");
        json_put_text(out, gap->at_most);
        json_name(out, "mend");
        if (gap->mend != NULL) {
            json_put_text(out, gap->mend);
        } else {
            json_put_null(out);
        }
        json_close_object(out);
    }
    json_close_array(out);
    json_close_object(out);
    json_close_object(out);
}

static void put_scope(struct text *out, const struct budget_standing *standing, struct str scope)
{
    const struct hold_scope_view *const view = &standing->scope;
    json_name(out, "scope");
    if (!standing->has_scope) {
        json_put_null(out);
        return;
    }
    json_open_object(out);
    put_str(out, "name", scope);
    put_count(out, "open_holds", view->open);
    put_count(out, "unknown_holds", view->unknown);
    put_money(out, "held", view->held_pusd);
    put_money(out, "largest_hold", view->amount_max_pusd);
    put_time(out, "oldest_hold", view->oldest_ns, INT64_MAX);
    put_count(out, "cases_under_way", view->cases);
    json_close_object(out);
}

/* A scope without a limit has nothing to tell: say which have one. */
static enum errc not_found(const struct budget_standing *standing, struct str scope,
                           struct err *err)
{
    enum { LISTED_MAX = 8 };
    struct text names;
    text_init(&names, 2048);
    size_t listed = 0;
    for (size_t i = 0; i < standing->balances.count && listed < LISTED_MAX; i++) {
        const struct str name = standing->balances.rows[i].scope;
        if (i == 0 || !str_equal(name, standing->balances.rows[i - 1].scope)) {
            text_format(&names, "%s" STR_FORMAT, listed++ > 0 ? ", " : "", STR_ARG(name));
        }
    }
    const enum errc code =
        listed == 0
            ? err_set(err, ERR_NOT_FOUND,
                      "no budget is set; docs/budgets.md shows how to write one in bursar.yaml")
            : err_set(err, ERR_NOT_FOUND,
                      "no budget is set for \"" STR_FORMAT "\"; there are: %s%s", STR_ARG(scope),
                      names.data, standing->balances.count > LISTED_MAX ? " …" : "");
    text_deinit(&names);
    return code;
}

enum errc api_budgets(const struct budget_standing *standing, const struct api_budget *request,
                      struct arena *arena, struct text *out, struct err *err)
{
    CHECK(standing != NULL);
    CHECK(request != NULL);
    size_t shown = 0;
    json_open_object(out);
    json_name(out, "schema");
    json_put_text(out, "bursar.budget/1");
    put_time(out, "as_of", standing->now_ns, INT64_MIN);
    json_name(out, "source");
    json_put_text(out, standing->is_live ? "server" : "log");
    json_name(out, "budgets");
    json_open_array(out);
    for (size_t i = 0; i < standing->balances.count; i++) {
        const struct hold_balance *const balance = &standing->balances.rows[i];
        if (request->scope.size > 0 && !str_equal(balance->scope, request->scope)) {
            continue;
        }
        shown++;
        const enum errc code = put_balance(out, balance, standing->is_live, arena, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    json_close_array(out);
    if (request->scope.size > 0 && shown == 0) {
        return not_found(standing, request->scope, err);
    }
    put_scope(out, standing, request->scope);
    put_holds(out, standing);
    put_overshoot(out, standing, request);
    json_close_object(out);
    return ERR_OK;
}
