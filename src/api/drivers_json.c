/* Drivers as JSON: "bursar.drivers/1". */
#include <math.h>

#include "api/drivers_priv.h"
#include "base/check.h"

static void put_text(struct text *out, const char *name, const char *text)
{
    json_name(out, name);
    if (text != NULL) {
        json_put_text(out, text);
    } else {
        json_put_null(out);
    }
}

static void put_null(struct text *out, const char *name)
{
    put_text(out, name, NULL);
}

/* Money that is not known where no call said what it used. */
static void put_paid(struct text *out, const char *name, const struct drivers *d,
                     money_sum amount_pusd)
{
    if (d->calls > 0) {
        put_money(out, name, amount_pusd);
    } else {
        put_null(out, name);
    }
}

static void put_sum(struct text *out, const char *name, money_sum count)
{
    CHECK(count >= 0);
    CHECK(count <= INT64_MAX);
    put_count(out, name, (int64_t)count);
}

static double share(money_sum part, money_sum whole)
{
    return whole > 0 ? (double)part / (double)whole : NAN;
}

static void put_share(struct text *out, const char *name, struct stats_interval interval, int64_t n,
                      const char *method)
{
    const struct estimate e = {
        .interval = interval, .scale = 1, .n = n, .basis = "estimated", .method = method};
    put_estimate(out, name, &e);
}

static void put_retry(struct text *out, const struct drivers *d)
{
    const struct estimate e = {.interval = d->retry_share,
                               .scale = 1,
                               .n = d->cases,
                               .basis = "measured",
                               .method = method_name(METHOD_DELTA),
                               .incomplete = d->unpriced_calls > 0};
    json_name(out, "retry");
    json_open_object(out);
    put_money(out, "usd", d->retry_pusd);
    put_number(out, "share", share(d->retry_pusd, d->spend_pusd));
    put_estimate(out, "share_estimate", &e);
    put_money(out, "retry_tail", d->retry_tail_pusd);
    put_money(out, "sunk", d->sunk_pusd);
    put_money(out, "rework", d->retry_pusd - d->retry_tail_pusd - d->sunk_pusd);
    put_text(out, "basis", "measured");
    json_close_object(out);
}

static void put_growth(struct text *out, const struct drivers *d)
{
    const struct estimate e = {.interval = d->growth,
                               .scale = 1,
                               .n = d->growth_sessions,
                               .basis = "estimated",
                               .method = method_name(METHOD_BOOTSTRAP)};
    put_estimate(out, "growth_exponent", &e);
    json_name(out, "growth");
    json_open_object(out);
    put_number(out, "quartile_1", d->growth_q1);
    put_number(out, "quartile_3", d->growth_q3);
    put_count(out, "sessions", d->growth_sessions);
    put_count(out, "calls_at_least", d->growth_turns_least);
    put_count(out, "sample_one_in", d->sample_one_in);
    json_close_object(out);
}

static void put_plateau(struct text *out, const struct drivers *d)
{
    const struct drivers_plateau *const p = &d->plateau;
    const int64_t attempts = p->below + p->above;
    json_name(out, "plateau");
    json_open_object(out);
    json_name(out, "found");
    json_put_bool(out, p->found);
    json_name(out, "size_tokens");
    if (p->found) {
        json_put_int64(out, p->size);
    } else {
        json_put_null(out);
    }
    put_number(out, "margin_pp", d->margin * 100);
    put_count(out, "compared_at_tokens", p->size);
    put_number(out, "attempts_share", attempts > 0 ? (double)p->below / (double)attempts : NAN);
    put_share(out, "success_at_or_below", stats_wilson(p->below_successes, p->below), p->below,
              "wilson");
    put_share(out, "success_above", stats_wilson(p->above_successes, p->above), p->above, "wilson");
    put_share(out, "difference", p->difference, attempts, "newcombe");
    if (p->found) {
        put_sum(out, "tokens", d->excess_tokens);
        put_number(out, "tokens_share", share(d->excess_tokens, drivers_total(&d->input)));
        put_money(out, "usd", d->excess_pusd);
        put_number(out, "price_share", share(d->excess_pusd, d->spend_pusd));
        put_number(out, "compute_share", d->excess_attention);
    } else {
        static const char *const none[] = {"tokens", "tokens_share", "usd", "price_share",
                                           "compute_share"};
        for (size_t i = 0; i < COUNT_OF(none); i++) {
            put_null(out, none[i]);
        }
    }
    put_count(out, "sample_one_in", d->sample_one_in);
    put_text(out, "basis", "estimated");
    json_close_object(out);
}

/* Of the tokens sent again, which class the provider served them from. */
static void put_carried(struct text *out, const struct drivers *d)
{
    const money_sum *const c = d->carried.input;
    const money_sum total = drivers_total(&d->carried);
    json_name(out, "carried");
    json_open_object(out);
    put_sum(out, "tokens", total);
    put_sum(out, "cache_read", c[USAGE_CACHE_READ]);
    put_sum(out, "cache_write", c[USAGE_CACHE_WRITE_5M] + c[USAGE_CACHE_WRITE_1H]);
    put_sum(out, "uncached", c[USAGE_INPUT_UNCACHED] + c[USAGE_INPUT_AUDIO] + c[USAGE_INPUT_IMAGE]);
    put_number(out, "spend_share", d->calls > 0 ? share(d->carried_pusd, d->spend_pusd) : NAN);
    put_paid(out, "measured_usd", d, d->carried_exact_pusd);
    put_paid(out, "uncached_usd", d, d->carried_uncached_pusd);
    put_number(out, "compute_share", share(d->attention - d->attention_new, d->attention));
    json_close_object(out);
}

static void put_unused(struct text *out, const struct unused *unused)
{
    json_name(out, "unused_retrieval");
    json_open_object(out);
    if (unused->judged > 0) {
        put_count(out, "tokens", unused->tokens);
        put_number(out, "usd", unused->usd);
        put_text(out, "basis", "estimated");
    } else {
        put_null(out, "tokens");
        put_null(out, "usd");
        put_text(out, "why",
                 unused->results == 0 ? "no tool handed back any text"
                                      : "no result's text was seen, or none could be judged");
    }
    put_count(out, "results", unused->results);
    put_count(out, "judged", unused->judged);
    put_count(out, "judged_tokens", unused->judged_tokens);
    put_count(out, "unused", unused->states[UNUSED_UNUSED]);
    if (unused->judged > 0 && unused->is_incomplete) {
        json_name(out, "incomplete");
        json_put_bool(out, true);
    }
    json_close_object(out);
}

static void put_context(struct text *out, const struct drivers *d)
{
    const bool exact = d->listed_calls + d->shared_calls == 0;
    json_name(out, "context");
    json_open_object(out);
    put_number(out, "carry_ratio", share(drivers_total(&d->carried), drivers_total(&d->input)));
    put_sum(out, "input_tokens", drivers_total(&d->input));
    put_paid(out, "input_usd", d, d->input_pusd);
    put_paid(out, "carried_usd", d, d->carried_pusd);
    put_text(out, "basis", exact ? "measured" : "estimated");
    if (d->unpriced_calls > 0) {
        json_name(out, "incomplete");
        json_put_bool(out, true);
    }
    put_carried(out, d);
    put_growth(out, d);
    put_unused(out, &d->unused);
    put_plateau(out, d);
    json_close_object(out);
}

static void put_parts(struct text *out, const struct drivers *d)
{
    const struct {
        const char *name;
        money_sum pusd;
    } parts[] = {
        {"retry", d->retry_pusd},        {"carried", d->part_carried_pusd},
        {"new_input", d->part_new_pusd}, {"output", d->part_output_pusd},
        {"tools", d->part_tools_pusd},   {"unsplit", d->part_unsplit_pusd},
        {"human", d->human_pusd},        {"open", d->open_pusd},
    };
    money_sum sum = 0;
    json_name(out, "parts");
    json_open_object(out);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        put_money(out, parts[i].name, parts[i].pusd);
        sum += parts[i].pusd;
    }
    CHECK(sum == d->spend_pusd);
    put_money(out, "total", sum);
    json_close_object(out);
}

/* Of one workflow; of the whole ledger there is no such thing. */
static void put_others(struct text *out, const struct drivers *d)
{
    json_name(out, "routing");
    json_open_object(out);
    if (d->has_route) {
        put_estimate(out, "usd",
                     &(struct estimate){.interval = d->savings_usd,
                                        .scale = 1,
                                        .n = d->savings_cases,
                                        .basis = "estimated",
                                        .method = "delta"});
        put_str(out, "recommended", d->recommended);
    } else {
        put_null(out, "usd");
        put_null(out, "recommended");
    }
    put_count(out, "sample_one_in", d->others_one_in);
    json_close_object(out);
    json_name(out, "variance");
    json_open_object(out);
    if (d->has_variance) {
        variance_put(out, &d->variance);
    } else {
        put_null(out, "max_over_min");
        put_null(out, "p90_over_p10");
        put_null(out, "flagged");
    }
    put_count(out, "sample_one_in", d->others_one_in);
    json_close_object(out);
}

void drivers_json(const struct drivers *drivers, const struct api_request *request,
                  struct text *out)
{
    CHECK(drivers != NULL);
    json_open_object(out);
    put_request(out, "bursar.drivers/1", request);
    json_name(out, "workflow");
    if (request->workflow.size > 0) {
        json_put_str(out, request->workflow);
    } else {
        json_put_null(out);
    }
    put_money(out, "spend", drivers->spend_pusd);
    put_count(out, "cases", drivers->cases);
    put_count(out, "attempts", drivers->attempts);
    put_count(out, "calls", drivers->calls);
    put_count(out, "unpriced_calls", drivers->unpriced_calls);
    put_count(out, "listed_calls", drivers->listed_calls);
    put_count(out, "shared_calls", drivers->shared_calls);
    put_retry(out, drivers);
    put_context(out, drivers);
    put_others(out, drivers);
    put_parts(out, drivers);
    json_close_object(out);
}
