/* The report: figures -> JSON "bursar.report/1". docs/report.md says what each word means. */
#include <math.h>

#include "api/api_priv.h"
#include "base/check.h"
#include "base/clock.h"

static const char *const token_names[USAGE_COUNT] = {
#define X(name, column, text) [USAGE_##name] = #column,
    USAGE_CLASSES(X)
#undef X
};

static const char *const baseline_names[BASELINE_COUNT] = {
    [BASELINE_BPO] = "bpo",
    [BASELINE_HUMAN] = "human",
};

static double days(int64_t span_ns)
{
    /* A tenth of a day is as fine as an age need be. */
    return round((double)span_ns / (double)CLOCK_NS_PER_DAY * 10) / 10;
}

static void put_estimated(struct text *out, int64_t calls, money_sum cost_pusd)
{
    json_name(out, "estimated");
    json_open_object(out);
    put_count(out, "calls", calls);
    put_money(out, "cost", cost_pusd);
    json_close_object(out);
}

static void put_sum(struct text *out, const char *name, money_sum count)
{
    CHECK(count <= INT64_MAX);
    put_count(out, name, (int64_t)count);
}

static void put_refused(struct text *out, money_sum calls)
{
    json_name(out, "refused");
    json_open_object(out);
    put_sum(out, "calls", calls);
    json_close_object(out);
}

static void put_counts(struct text *out, const struct figures *f)
{
    put_str(out, "workflow", f->workflow);
    put_str(out, "unit", figures_unit(f));
    put_count(out, "cases", f->cases);
    put_count(out, "open", f->open);
    put_count(out, "attempts", f->attempts);
    put_count(out, "resolved", f->resolved);
    put_count(out, "not_resolved", f->closed - f->resolved);
    put_count(out, "calls", f->calls);
    put_count(out, "unpriced_calls", f->unpriced_calls);
    put_estimated(out, f->estimated_calls, f->estimated_pusd);
    put_refused(out, f->refused_calls);
    put_count(out, "cases_named_by_session", f->named_by_session);
    put_count(out, "attempts_without_steps", f->attempts_empty);
    put_count(out, "outcomes_without_attempts", f->untraced);
    put_time(out, "first_case", f->first_ns, INT64_MIN);
    put_time(out, "last_case", f->last_ns, INT64_MIN);
}

static void put_tokens(struct text *out, const struct figures *f)
{
    json_name(out, "tokens");
    json_open_object(out);
    for (size_t i = 0; i < USAGE_COUNT; i++) {
        put_sum(out, token_names[i], f->tokens[i]);
    }
    put_sum(out, "reasoning", f->reasoning);
    json_close_object(out);
}

static void put_cost(struct text *out, const struct figures *f)
{
    CHECK(f->base_pusd + f->retry_tail_pusd + f->sunk_pusd + f->rework_pusd + f->human_pusd +
              f->open_pusd ==
          f->total_pusd);
    json_name(out, "cost");
    json_open_object(out);
    put_money(out, "total", f->total_pusd);
    put_money(out, "base", f->base_pusd);
    put_money(out, "retry_tail", f->retry_tail_pusd);
    put_money(out, "sunk", f->sunk_pusd);
    put_money(out, "rework", f->rework_pusd);
    put_money(out, "human", f->human_pusd);
    put_money(out, "open", f->open_pusd);
    put_money(out, "of_which_tool_fees", f->fees_pusd);
    put_money(out, "of_which_people", f->people_pusd);
    json_close_object(out);
    json_name(out, "cost_basis");
    json_open_object(out);
    put_money(out, "priced", f->priced_pusd);
    put_money(out, "reported", f->reported_pusd);
    put_money(out, "people", f->people_pusd);
    json_close_object(out);
}

static void put_people(struct text *out, const struct figures *f)
{
    const bool rated = f->settings != NULL && f->settings->has_human_rate;
    json_name(out, "people");
    json_open_object(out);
    put_number(out, "minutes", (double)f->human_ms / 60000);
    json_name(out, "rate_per_hour");
    if (rated) {
        json_put_money(out, f->settings->human_rate_pusd);
    } else {
        json_put_null(out);
    }
    put_number(out, "unpriced_minutes", rated ? 0 : (double)f->human_ms / 60000);
    json_close_object(out);
}

static void put_open(struct text *out, const struct figures *f, const struct api_request *request)
{
    const int64_t at_ns = request->as_of_ns == INT64_MAX ? request->now_ns : request->as_of_ns;
    json_name(out, "open_cases");
    json_open_object(out);
    put_money(out, "cost", f->open_pusd);
    put_time(out, "oldest", f->open_oldest_ns, INT64_MIN);
    put_number(out, "oldest_age_days",
               f->open_oldest_ns == INT64_MIN ? NAN : days(at_ns - f->open_oldest_ns));
    put_number(out, "mean_age_days",
               f->open_mean_ns == INT64_MIN ? NAN : days(at_ns - f->open_mean_ns));
    json_close_object(out);
}

/* Mean true cost of one attempt of a closed case, USD; NaN when there is none. */
static double attempt_cost(const struct figures *f)
{
    return f->attempts_closed > 0 ? money_usd(f->closed_pusd) / (double)f->attempts_closed : NAN;
}

static void put_rates(struct text *out, const struct figures *f)
{
    const struct stats_interval first = stats_wilson(f->first_successes, f->closed);
    const double attempt = attempt_cost(f);
    const double predicted = first.value > 0 ? attempt / first.value : NAN;
    const struct estimate cost = {.interval = f->cost_per_outcome,
                                  .scale = 1,
                                  .n = f->closed,
                                  .basis = "estimated",
                                  .method = method_name(f->method),
                                  .incomplete = f->unpriced_calls > 0};
    put_estimate(out, "cost_per_outcome", &cost);
    put_estimate(out, "first_attempt_success",
                 &(struct estimate){.interval = first,
                                    .scale = 1,
                                    .n = f->closed,
                                    .basis = "estimated",
                                    .method = "wilson"});
    put_estimate(out, "success",
                 &(struct estimate){.interval = stats_wilson(f->resolved, f->closed),
                                    .scale = 1,
                                    .n = f->closed,
                                    .basis = "estimated",
                                    .method = "wilson"});
    put_number(out, "attempt_cost_mean", attempt);
    put_number(out, "t_over_p", predicted);
    put_number(out, "tail_ratio", predicted > 0 ? f->cost_per_outcome.value / predicted : NAN);
}

static void put_value(struct text *out, const struct figures *f)
{
    const int64_t valued = f->valued_recorded + f->valued_configured;
    json_name(out, "value");
    json_open_object(out);
    json_name(out, "total");
    if (valued > 0) {
        json_put_money(out, f->value_pusd);
    } else {
        json_put_null(out); /* nobody said what an outcome is worth */
    }
    put_count(out, "outcomes_recorded", f->valued_recorded);
    put_count(out, "outcomes_assumed", f->valued_configured);
    put_count(out, "outcomes_unknown", f->resolved - valued);
    json_close_object(out);
}

static void put_rot(struct text *out, const struct figures *f)
{
    const int64_t valued = f->valued_recorded + f->valued_configured;
    json_name(out, "rot");
    json_open_object(out);
    put_estimate(out, "outcome",
                 &(struct estimate){.interval = valued > 0 ? f->value_per_usd
                                                           : (struct stats_interval){NAN, NAN, NAN},
                                    .scale = 100,
                                    .offset = 1,
                                    .n = f->closed,
                                    .basis = f->valued_configured > 0 || valued == 0 ? "assumed"
                                                                                     : "estimated",
                                    .method = method_name(f->method),
                                    .incomplete = f->unpriced_calls > 0 || valued < f->resolved});
    json_name(out, "replacement");
    json_open_object(out);
    for (enum baseline b = 0; b < BASELINE_COUNT; b++) {
        const double unit = figures_baseline(f, b);
        if (isnan(unit)) {
            json_name(out, baseline_names[b]);
            json_put_null(out);
            continue;
        }
        const struct stats_interval x = f->outcomes_per_usd;
        put_estimate(out, baseline_names[b],
                     &(struct estimate){.interval = {x.value * unit, x.low * unit, x.high * unit},
                                        .scale = 100,
                                        .offset = 1,
                                        .n = f->closed,
                                        .basis = "assumed",
                                        .method = method_name(f->method),
                                        .incomplete = f->unpriced_calls > 0});
    }
    json_close_object(out);
    json_close_object(out);
}

static void put_baselines(struct text *out, const struct figures *f)
{
    const double p = stats_wilson(f->first_successes, f->closed).value;
    json_name(out, "break_even");
    json_open_object(out);
    for (enum baseline b = 0; b < BASELINE_COUNT; b++) {
        const double unit = figures_baseline(f, b);
        json_name(out, baseline_names[b]);
        if (isnan(unit)) {
            json_put_null(out);
            continue;
        }
        const struct settings_baseline *const s = &f->settings->baselines[b];
        const double p_star = unit > 0 ? attempt_cost(f) / unit : NAN;
        json_open_object(out);
        put_money(out, "price", s->price_pusd);
        put_number(out, "success_rate", s->success_rate);
        put_number(out, "cost_per_outcome", unit);
        put_number(out, "p_star", p_star);
        put_number(out, "margin_pp", (p - p_star) * 100);
        put_number(out, "difference_share", f->cost_per_outcome.value / unit - 1);
        json_name(out, "basis");
        json_put_text(out, "assumed");
        json_close_object(out);
    }
    json_close_object(out);
}

static void put_unpriced(struct text *out, const struct figures_list *list, struct str workflow)
{
    json_name(out, "unpriced_models");
    json_open_array(out);
    for (size_t i = 0; i < list->unpriced_count; i++) {
        if (str_equal(list->unpriced[i].workflow, workflow)) {
            json_open_object(out);
            put_str(out, "model", list->unpriced[i].model);
            put_count(out, "calls", list->unpriced[i].calls);
            json_close_object(out);
        }
    }
    json_close_array(out);
}

static void put_total(struct text *out, const struct figures_list *list,
                      const struct api_request *request)
{
    const struct figures *const none = &list->unattributed;
    const bool all = request->workflow.size == 0; /* else only what was asked for */
    money_sum cost = all ? none->total_pusd : 0;
    int64_t cases = 0;
    int64_t calls = all ? none->calls : 0;
    int64_t unpriced = all ? none->unpriced_calls : 0;
    int64_t estimated = all ? none->estimated_calls : 0;
    money_sum estimated_pusd = all ? none->estimated_pusd : 0;
    money_sum refused = all ? none->refused_calls : 0;
    for (size_t i = 0; i < list->count; i++) {
        cost += list->rows[i].total_pusd;
        cases += list->rows[i].cases;
        calls += list->rows[i].calls;
        unpriced += list->rows[i].unpriced_calls;
        estimated += list->rows[i].estimated_calls;
        estimated_pusd += list->rows[i].estimated_pusd;
        refused += list->rows[i].refused_calls;
    }
    json_name(out, "total");
    json_open_object(out);
    put_count(out, "cases", cases);
    put_count(out, "calls", calls);
    put_count(out, "unpriced_calls", unpriced);
    put_estimated(out, estimated, estimated_pusd);
    put_refused(out, refused);
    put_count(out, "undated_cases_left_out", list->undated);
    json_name(out, "cost");
    json_open_object(out);
    put_money(out, "total", cost);
    json_close_object(out);
    json_name(out, "unattributed");
    json_open_object(out);
    put_count(out, "calls", none->calls);
    put_money(out, "cost", none->total_pusd);
    put_count(out, "cases", none->cases);
    put_count(out, "unpriced_calls", none->unpriced_calls);
    put_unpriced(out, list, none->workflow);
    json_close_object(out);
    json_close_object(out);
}

enum errc api_report(struct store *store, const struct settings *settings,
                     const struct api_request *request, struct arena *arena, struct text *out,
                     struct err *err)
{
    CHECK(request != NULL);
    CHECK(out != NULL);

    struct figures_list list;
    const enum errc code = figures_read(store, settings, request, arena, &list, err);
    if (code != ERR_OK) {
        return code;
    }
    json_open_object(out);
    put_request(out, "bursar.report/1", request);
    json_name(out, "workflows");
    json_open_array(out);
    for (size_t i = 0; i < list.count; i++) {
        const struct figures *const f = &list.rows[i];
        json_open_object(out);
        put_counts(out, f);
        put_tokens(out, f);
        put_cost(out, f);
        put_people(out, f);
        put_open(out, f, request);
        put_rates(out, f);
        put_value(out, f);
        put_rot(out, f);
        put_baselines(out, f);
        put_unpriced(out, &list, f->workflow);
        json_close_object(out);
    }
    json_close_array(out);
    put_total(out, &list, request);
    json_close_object(out);
    return text_is_full(out)
               ? err_set(err, ERR_LIMIT, "the report does not fit %zu bytes", out->size_max)
               : ERR_OK;
}
