/* The curve of a workflow as JSON: facts of utility_read.c -> "bursar.utility/1". */
#include <math.h>

#include "api/utility_priv.h"
#include "base/check.h"

static const char *const baseline_names[BASELINE_COUNT] = {
    [BASELINE_BPO] = "bpo",
    [BASELINE_HUMAN] = "human",
};

static void put_bool(struct text *out, const char *name, bool value)
{
    json_name(out, name);
    json_put_bool(out, value);
}

static void put_null(struct text *out, const char *name)
{
    json_name(out, name);
    json_put_null(out);
}

static void put_money_if(struct text *out, const char *name, bool known, money_sum amount_pusd)
{
    json_name(out, name);
    if (known) {
        json_put_money(out, amount_pusd);
    } else {
        json_put_null(out);
    }
}

static const char *value_basis(const struct utility_facts *f)
{
    if (!f->value_known || f->resolved == 0) {
        return NULL;
    }
    return f->valued > f->valued_recorded || f->has_fallback ? "assumed" : "estimated";
}

static void put_cases(struct text *out, const struct utility_facts *f)
{
    json_name(out, "cases");
    json_open_object(out);
    put_count(out, "closed", f->closed);
    put_count(out, "resolved", f->resolved);
    put_count(out, "open", f->open);
    put_count(out, "unpriced", f->unpriced);
    put_count(out, "without_value", f->resolved - f->valued);
    put_count(out, "value_recorded", f->valued_recorded);
    json_close_object(out);
    json_name(out, "total");
    json_open_object(out);
    put_money(out, "spend_usd", f->spend_pusd);
    put_money_if(out, "value_usd", f->value_known, f->value_pusd);
    put_money(out, "open_spend_usd", f->open_pusd);
    json_close_object(out);
}

static void put_fallback(struct text *out, const struct utility_facts *f)
{
    json_name(out, "fallback");
    if (!f->has_fallback) {
        json_put_null(out);
        return;
    }
    json_open_object(out);
    json_name(out, "baseline");
    json_put_text(out, baseline_names[f->baseline]);
    put_money(out, "unit_usd", f->fallback.unit_pusd);
    json_close_object(out);
}

/* A point; `before` is the one of the curve before it, NULL for the first. */
static void put_point(struct text *out, const struct utility_facts *f, size_t i,
                      const struct utility_point *before)
{
    const struct utility_point *const p = &f->points[i];
    const struct utility_cap *const role = &f->roles[i];
    const bool stepped = before != NULL && role->curve;
    const money_sum value = utility_value(p, &f->fallback);
    const bool drawn = stepped && f->value_known && f->every_step; /* else its steps are wider */
    double slope = NAN;
    double outcomes = NAN;
    if (stepped) {
        const double spend = money_usd(p->spend_pusd - before->spend_pusd);
        outcomes = spend > 0 ? (double)(p->resolved - before->resolved) / spend : NAN;
        slope = f->value_known ? utility_slope(utility_value(before, &f->fallback), value,
                                               before->spend_pusd, p->spend_pusd)
                               : NAN;
    }
    json_open_object(out);
    put_money(out, "cap_usd", p->cap_pusd);
    put_money_if(out, "value_usd", f->value_known, value);
    put_money(out, "spend_usd", p->spend_pusd);
    put_count(out, "resolved", p->resolved);
    put_number(out, "mtu", slope);
    put_number(out, "mtu_low", drawn ? f->intervals.mtu_low[role->step] : NAN);
    put_number(out, "mtu_high", drawn ? f->intervals.mtu_high[role->step] : NAN);
    put_number(out, "outcomes_per_usd", outcomes);
    put_count(out, "stopped", f->closed - p->ended);
    put_money_if(out, "value_without_fallback_usd", f->value_known, p->value_pusd);
    put_bool(out, "on_hull", f->value_known && role->hull);
    put_bool(out, "censored", !role->curve);
    json_close_object(out);
}

static void put_curve(struct text *out, const struct utility_facts *f)
{
    const struct utility_point *before = NULL;
    json_name(out, "curve");
    json_open_array(out);
    for (size_t i = 0; i < f->count; i++) {
        if (f->roles[i].shown) {
            put_point(out, f, i, before);
        }
        before = f->roles[i].curve ? &f->points[i] : before;
    }
    json_close_array(out);
}

static void put_current(struct text *out, const struct utility_facts *f)
{
    const struct stats_interval none = {NAN, NAN, NAN};
    const char *const basis = value_basis(f);
    const struct estimate mtu = {.interval = f->closed > 0 ? f->intervals.current_mtu : none,
                                 .scale = 1,
                                 .n = f->closed,
                                 .basis = basis != NULL ? basis : "estimated",
                                 .method = "bootstrap",
                                 .incomplete = f->unpriced > 0 || f->valued < f->resolved};
    const struct estimate outcomes = {.interval =
                                          f->closed > 0 ? f->intervals.current_outcomes : none,
                                      .scale = 1,
                                      .n = f->closed,
                                      .basis = "estimated",
                                      .method = "bootstrap",
                                      .incomplete = f->unpriced > 0};
    put_estimate(out, "current_mtu", &mtu);
    put_estimate(out, "current_outcomes_per_usd", &outcomes);
    json_name(out, "last_decile");
    if (f->closed == 0) {
        json_put_null(out);
        return;
    }
    const struct utility_point *const from = &f->points[f->decile_from];
    const struct utility_point *const to = &f->points[f->decile_to];
    json_open_object(out);
    put_money(out, "from_cap_usd", from->cap_pusd);
    put_money(out, "to_cap_usd", to->cap_pusd);
    put_money(out, "spend_usd", to->spend_pusd - from->spend_pusd);
    put_money_if(out, "value_usd", f->value_known,
                 utility_value(to, &f->fallback) - utility_value(from, &f->fallback));
    put_count(out, "resolved", to->resolved - from->resolved);
    json_close_object(out);
}

/* Whether a cap is the last of those on the curve. */
static bool is_last(const struct utility_facts *f, size_t cap)
{
    for (size_t i = cap + 1; i < f->count; i++) {
        if (f->roles[i].curve) {
            return false;
        }
    }
    return true;
}

static void put_break_even(struct text *out, const struct utility_facts *f)
{
    const bool known = f->closed > 0 && f->value_known;
    const bool drawn = known && f->intervals.break_even;
    put_money_if(out, "break_even_cap_usd", known, known ? f->caps[f->break_even] : 0);
    json_name(out, "break_even");
    if (!known) {
        json_put_null(out);
        return;
    }
    json_open_object(out);
    put_money_if(out, "low_usd", drawn, f->caps[f->break_even_low]);
    put_money_if(out, "high_usd", drawn, f->caps[f->break_even_high]);
    put_bool(out, "at_end", f->break_even > 0 && is_last(f, f->break_even));
    put_bool(out, "no_cap_pays", f->break_even == 0);
    put_money_if(out, "failed_fall_back_too_cap_usd", f->has_fallback,
                 f->caps[f->break_even_failed]);
    json_close_object(out);
}

static void put_end(struct text *out, const struct utility_facts *f)
{
    put_money_if(out, "censored_above_usd", f->closed > 0, f->end_pusd);
    json_name(out, "censored_by");
    json_put_text(out, f->cut ? "per_case_cap" : "largest_spend");
    json_name(out, "per_case_cap");
    if (!f->has_limit) {
        json_put_null(out);
        return;
    }
    json_open_object(out);
    put_str(out, "scope", f->limit_scope);
    put_money(out, "usd", f->limit_pusd);
    put_count(out, "cases_at_or_above", f->limited);
    json_close_object(out);
}

static void put_attempt(struct text *out, const struct utility_facts *f,
                        const struct utility_attempt *a)
{
    const double cost = money_usd(a->spend_pusd) / (double)a->attempts;
    const double value =
        f->value_known && a->cases > 0 ? money_usd(a->value_pusd) / (double)a->cases : NAN;
    const struct estimate success = {.interval = stats_wilson(a->resolved, a->cases),
                                     .scale = 1,
                                     .n = a->cases,
                                     .basis = "estimated",
                                     .method = "wilson"};
    CHECK(a->attempts > 0);
    json_open_object(out);
    put_count(out, "attempt", a->number);
    put_bool(out, "and_later", a->number == UTILITY_ATTEMPTS_MAX);
    put_count(out, "cases", a->cases);
    put_count(out, "resolved", a->resolved);
    put_estimate(out, "success", &success);
    put_money(out, "spend_usd", a->spend_pusd);
    put_number(out, "cost_mean_usd", cost);
    put_number(out, "value_mean_usd", value);
    put_number(out, "net_mean_usd", value - cost);
    json_close_object(out);
}

/* What the attempts behind the second brought (the first, where there were two). */
static void put_last_repeats(struct text *out, const struct utility_facts *f)
{
    const int64_t after = f->tries_max > 2 ? 2 : 1;
    if (f->tries_max < 2) {
        put_null(out, "last_repeats");
        return;
    }
    money_sum spend[2] = {0};
    int64_t resolved[2] = {0};
    int64_t attempts[2] = {0};
    for (size_t i = 0; i < f->attempt_count; i++) {
        const bool late = f->attempts[i].number > after;
        spend[late] += f->attempts[i].spend_pusd;
        resolved[late] += f->attempts[i].resolved;
        attempts[late] += f->attempts[i].attempts;
    }
    json_name(out, "last_repeats");
    json_open_object(out);
    put_count(out, "after", after);
    put_count(out, "attempts", attempts[1]);
    put_money(out, "spend_usd", spend[1]);
    put_money(out, "spend_all_usd", spend[0] + spend[1]);
    put_count(out, "resolved", resolved[1]);
    put_count(out, "resolved_all", resolved[0] + resolved[1]);
    put_number(out, "usd_per_outcome",
               resolved[1] > 0 ? money_usd(spend[1]) / (double)resolved[1] : NAN);
    put_number(out, "usd_per_outcome_before",
               resolved[0] > 0 ? money_usd(spend[0]) / (double)resolved[0] : NAN);
    json_close_object(out);
}

static void put_attempts(struct text *out, const struct utility_facts *f)
{
    json_name(out, "attempts");
    json_open_array(out);
    for (size_t i = 0; i < f->attempt_count; i++) {
        put_attempt(out, f, &f->attempts[i]);
    }
    json_close_array(out);
    put_last_repeats(out, f);
}

enum errc api_utility(struct store *store, const struct settings *settings,
                      const struct utility_request *request, struct arena *arena, struct text *out,
                      struct err *err)
{
    CHECK(request != NULL);
    CHECK(out != NULL);
    CHECK(request->cap_count <= UTILITY_CAPS_MAX);
    struct utility_facts f;
    const enum errc code = utility_read(store, settings, request, arena, &f, err);
    if (code != ERR_OK) {
        return code;
    }
    json_open_object(out);
    put_request(out, "bursar.utility/1", &request->about);
    put_str(out, "workflow", request->about.workflow);
    put_str(out, "unit", f.unit);
    put_cases(out, &f);
    json_name(out, "value_basis");
    if (value_basis(&f) != NULL) {
        json_put_text(out, value_basis(&f));
    } else {
        json_put_null(out);
    }
    put_fallback(out, &f);
    put_curve(out, &f);
    put_current(out, &f);
    put_break_even(out, &f);
    put_end(out, &f);
    put_attempts(out, &f);
    json_close_object(out);
    return text_is_full(out)
               ? err_set(err, ERR_LIMIT, "the answer does not fit %zu bytes", out->size_max)
               : ERR_OK;
}
