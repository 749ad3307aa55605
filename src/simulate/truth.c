/* truth: the parameters a company was made with and the totals its rows come to, as JSON. */
#include "simulate/simulate_priv.h"

#include <stdio.h>

#include "base/clock.h"

static const char *const part_names[PART_COUNT] = {"base", "retry_tail", "sunk", "rework", "open"};
static const char *const plant_names[] = {
#define X(upper, word) #word,
    SIMULATE_PLANTS(X)
#undef X
};

/* A line for each row keeps the file readable; between two JSON tokens it means nothing. */
static void new_line(struct text *out)
{
    text_char(out, '\n');
}

static void put_int(struct text *out, const char *name, int64_t value)
{
    json_name(out, name);
    json_put_int64(out, value);
}

static void put_name(struct text *out, const char *name, const char *value)
{
    json_name(out, name);
    json_put_text(out, value);
}

/* value / 10^decimals, without a double on the way. */
static void put_fixed(struct text *out, const char *name, int64_t value, int decimals)
{
    CHECK(decimals == 2 || decimals == 4);
    const int64_t unit = decimals == 2 ? 100 : 10000;
    const int64_t positive = value < 0 ? -value : value;
    char digits[48];
    const int size = snprintf(digits, sizeof digits, "%s%lld.%0*lld", value < 0 ? "-" : "",
                              (long long)(positive / unit), decimals, (long long)(positive % unit));
    CHECK(size > 0);
    json_name(out, name);
    json_put_raw(out, (struct str){digits, (size_t)size});
}

static void put_cents(struct text *out, const char *name, int64_t cents)
{
    json_name(out, name);
    json_put_money(out, (money_sum)cents * (MONEY_PUSD_PER_USD / 100));
}

static void put_day(struct text *out, const char *name, int64_t day)
{
    char text[CLOCK_TEXT_BYTES_MAX];
    const size_t size = clock_print_date(day * CLOCK_NS_PER_DAY, text);
    json_name(out, name);
    json_put_str(out, (struct str){text, size});
}

static void put_tokens(const struct simulate *simulate, struct text *out, const char *part,
                       const struct tokens tokens[COMPANY_MODELS][SPANS])
{
    for (int model = 0; model < COMPANY_MODELS; model++) {
        for (int span = 0; span < SPANS; span++) {
            const struct tokens *const sum = &tokens[model][span];
            if (sum->calls == 0) {
                continue;
            }
            new_line(out);
            json_open_object(out);
            put_name(out, "part", part);
            put_name(out, "model", company_models[model].name);
            put_day(out, "from", simulate->span_days[span]);
            put_day(out, "until",
                    span + 1 < SPANS ? simulate->span_days[span + 1]
                                     : PERIOD_FIRST_DAY + PERIOD_DAYS);
            put_int(out, "calls", sum->calls);
            put_int(out, "input_uncached", sum->input_uncached);
            put_int(out, "cache_read", sum->cache_read);
            put_int(out, "cache_write_5m", sum->cache_write);
            put_int(out, "output", sum->output);
            put_int(out, "reasoning", sum->reasoning);
            json_close_object(out);
        }
    }
}

static void put_cases(struct text *out, const struct tally_cases *cases)
{
    CHECK(cases->resolved <= cases->closed);
    CHECK(cases->closed <= cases->cases);
    put_int(out, "cases", cases->cases);
    put_int(out, "closed", cases->closed);
    put_int(out, "open", cases->cases - cases->closed);
    put_int(out, "resolved", cases->resolved);
    put_int(out, "first_attempt_passed", cases->first_passed);
    put_int(out, "first_attempt_passed_closed", cases->first_passed_closed);
    put_int(out, "first_attempt_resolved", cases->first_resolved);
}

static void put_segments(const struct simulate *simulate, struct text *out, int index)
{
    const struct company_workflow *const workflow = company_workflows[index];
    json_name(out, "segments");
    json_open_array(out);
    for (size_t i = 0; i < company_segment_count(workflow); i++) {
        const struct company_segment *const segment = &workflow->segments[i];
        const struct company_segment *const force = segment_in_force(simulate, workflow, (int)i);
        const int delta = context_of(simulate, workflow)->first_delta_e4;
        new_line(out);
        json_open_object(out);
        put_name(out, "segment", segment->name);
        json_name(out, "planted");
        json_put_bool(out, segment->plant >= 0 && has_plant(simulate, segment->plant));
        json_name(out, "rule");
        json_open_array(out);
        for (size_t t = 0; t < segment->test_count; t++) {
            const struct company_test *const test = &segment->tests[t];
            json_open_object(out);
            put_name(out, "attribute", workflow->attributes[test->attribute].name);
            put_name(out, "op", "=");
            put_name(out, "value", workflow->attributes[test->attribute].values[test->value].name);
            json_close_object(out);
        }
        json_close_array(out);
        put_fixed(out, "first_attempt_success", force->first_e4 + delta, 4);
        put_fixed(out, "further_attempt_success", force->further_e4, 4);
        put_fixed(out, "review_share", force->review_e4, 4);
        put_int(out, "turns_percent", force->turns_percent);
        json_name(out, "realised");
        json_open_object(out);
        put_cases(out, &simulate->tallies[index].segments[i]);
        json_close_object(out);
        json_close_object(out);
    }
    json_close_array(out);
}

static void put_models(const struct simulate *simulate, struct text *out, int index)
{
    const struct company_workflow *const workflow = company_workflows[index];
    json_name(out, "models");
    json_open_array(out);
    for (size_t i = 0; i < company_model_count(workflow); i++) {
        const struct company_use *const use = &workflow->models[i];
        new_line(out);
        json_open_object(out);
        put_name(out, "model", company_models[use->model].name);
        json_name(out, "priced");
        json_put_bool(out, company_models[use->model].priced);
        put_fixed(out, "share", use->share_e4, 4);
        put_fixed(out, "success_delta", model_delta_e4(simulate, use), 4);
        json_name(out, "realised");
        json_open_object(out);
        put_cases(out, &simulate->tallies[index].models[i]);
        json_close_object(out);
        json_close_object(out);
    }
    json_close_array(out);
    const bool planted = has_plant(simulate, SIMULATE_ROUTING);
    const int answer = planted ? workflow->routing_answer : workflow->routing_plain;
    json_name(out, "routing");
    json_open_object(out);
    put_name(out, "most_used", company_models[workflow->models[0].model].name);
    put_name(out, "right_answer", company_models[workflow->models[answer].model].name);
    json_name(out, "later_attempts_use");
    if (workflow->escalates_to >= 0) {
        json_put_text(out, company_models[workflow->models[workflow->escalates_to].model].name);
    } else {
        json_put_null(out);
    }
    json_close_object(out);
}

static void put_parameters(const struct simulate *simulate, struct text *out,
                           const struct company_workflow *workflow)
{
    const struct company_context *const context = context_of(simulate, workflow);
    json_name(out, "parameters");
    json_open_object(out);
    put_fixed(out, "growth_exponent", context->growth_16ths * ONE_E4 / 16, 4);
    put_int(out, "turns_low", context->turns[0]);
    put_int(out, "turns_high", context->turns[1]);
    put_int(out, "first_input_tokens", context->first_tokens);
    put_int(out, "visible_output_tokens", context->output_tokens);
    put_fixed(out, "cache_hit_share", context->cache_e4, 4);
    put_int(out, "attempts_max", context->attempts_max);
    put_fixed(out, "give_up_share", context->give_up_e4, 4);
    put_fixed(out, "duplicate_share", context->duplicate_e4, 4);
    put_fixed(out, "escalate_share", workflow->escalate_e4, 4);
    put_fixed(out, "reopen_share", workflow->reopen_e4, 4);
    put_fixed(out, "revise_share", workflow->revise_e4, 4);
    put_fixed(out, "late_share", workflow->late_e4, 4);
    put_fixed(out, "replicate_share", workflow->replicate_e4, 4);
    json_name(out, "wide_attempts");
    json_put_bool(out,
                  workflow->variance_plant >= 0 && has_plant(simulate, workflow->variance_plant));
    json_name(out, "wasteful");
    json_put_bool(out, context == &workflow->wasteful);
    put_cents(out, "value_usd", workflow->value_cents);
    put_cents(out, "human_usd_per_hour", workflow->human_cents_per_hour);
    put_cents(out, "bpo_usd", workflow->bpo_cents);
    put_fixed(out, "bpo_success", workflow->bpo_success_e4, 4);
    put_int(out, "human_minutes", workflow->human_minutes);
    put_fixed(out, "human_success", workflow->human_success_e4, 4);
    put_fixed(out, "non_inferiority", workflow->non_inferiority_e4, 4);
    json_close_object(out);
}

static void put_parts(struct text *out, const struct tally_workflow *tally)
{
    json_name(out, "attempts_by_part");
    json_open_object(out);
    for (int part = 0; part < PART_COUNT; part++) {
        put_int(out, part_names[part], tally->attempts_by_part[part]);
    }
    json_close_object(out);
    json_name(out, "tool_fees_usd_by_part");
    json_open_object(out);
    for (int part = 0; part < PART_COUNT; part++) {
        json_name(out, part_names[part]);
        json_put_money(out, tally->fee_pusd[part]);
    }
    json_close_object(out);
    json_name(out, "human_ms");
    json_open_object(out);
    put_int(out, "closed", tally->human_ms[HUMAN_CLOSED]);
    put_int(out, "after_resolution", tally->human_ms[HUMAN_REWORK]);
    put_int(out, "open", tally->human_ms[HUMAN_OPEN]);
    json_close_object(out);
}

static void put_attempts(struct text *out, const struct tally_workflow *tally)
{
    json_name(out, "attempts_by_number");
    json_open_array(out);
    for (int i = 0; i < SIMULATE_ATTEMPTS_MAX && tally->attempts_by_number[i] > 0; i++) {
        json_open_object(out);
        put_int(out, "attempt", i + 1);
        put_int(out, "made", tally->attempts_by_number[i]);
        put_int(out, "passed", tally->passed_by_number[i]);
        json_close_object(out);
    }
    json_close_array(out);
}

static void put_realised(const struct simulate *simulate, struct text *out,
                         const struct tally_workflow *tally)
{
    json_name(out, "realised");
    json_open_object(out);
    put_cases(out, &tally->all);
    put_int(out, "failed", tally->failed);
    put_int(out, "escalated", tally->escalated);
    put_int(out, "attempts", tally->attempts);
    put_attempts(out, tally);
    put_parts(out, tally);
    put_cents(out, "value_usd", tally->value_cents);
    put_int(out, "steps", tally->steps);
    put_int(out, "tool_steps", tally->tool_steps);
    put_int(out, "tool_errors", tally->tool_errors);
    put_int(out, "tool_duplicates", tally->tool_duplicates);
    put_int(out, "unpriced_calls", tally->unpriced_calls);
    put_int(out, "outcomes", tally->outcomes);
    put_int(out, "outcomes_late", tally->outcomes_late);
    put_int(out, "outcomes_reopened", tally->outcomes_reopened);
    put_int(out, "outcomes_revised", tally->outcomes_revised);
    put_int(out, "cases_without_outcome", tally->cases_silent);
    put_int(out, "resubmitted_cases", tally->replicated);
    put_int(out, "input_groups", tally->replicate_groups);
    put_int(out, "input_groups_5x_tokens", tally->replicate_groups_5x);
    json_name(out, "tokens");
    json_open_array(out);
    for (int part = 0; part < PART_COUNT; part++) {
        put_tokens(simulate, out, part_names[part], tally->tokens[part]);
    }
    json_close_array(out);
    json_close_object(out);
}

static void put_workflow(const struct simulate *simulate, struct text *out, int index)
{
    CHECK(index < SIMULATE_WORKFLOWS);
    const struct company_workflow *const workflow = company_workflows[index];
    new_line(out);
    json_open_object(out);
    put_name(out, "workflow", workflow->name);
    put_name(out, "unit", workflow->unit);
    put_parameters(simulate, out, workflow);
    put_segments(simulate, out, index);
    put_models(simulate, out, index);
    new_line(out);
    put_realised(simulate, out, &simulate->tallies[index]);
    json_close_object(out);
}

static void put_head(const struct simulate *simulate, struct text *out)
{
    put_name(out, "schema", "bursar.simulate/1");
    put_name(out, "company", "Example Mutual");
    json_name(out, "synthetic");
    json_put_bool(out, true);
    put_int(out, "seed", (int64_t)simulate->options.seed);
    put_int(out, "cases", simulate->options.cases);
    json_name(out, "plants");
    json_open_array(out);
    for (int i = 0; i < SIMULATE_PLANT_COUNT; i++) {
        if (has_plant(simulate, i)) {
            json_put_text(out, plant_names[i]);
        }
    }
    json_close_array(out);
    put_day(out, "from", PERIOD_FIRST_DAY);
    put_day(out, "until", PERIOD_FIRST_DAY + PERIOD_DAYS);
    json_name(out, "price_changes");
    json_open_array(out);
    for (size_t i = 0; i < COMPANY_PRICE_CHANGES; i++) {
        json_open_object(out);
        put_name(out, "model", company_models[company_price_changes[i].model].name);
        put_day(out, "at", company_price_changes[i].day);
        json_close_object(out);
    }
    json_close_array(out);
}

void simulate_truth(const struct simulate *simulate, struct text *out)
{
    CHECK(simulate != NULL);
    CHECK(out != NULL);
    json_open_object(out);
    put_head(simulate, out);
    json_name(out, "workflows");
    json_open_array(out);
    for (int i = 0; i < SIMULATE_WORKFLOWS; i++) {
        if (simulate->options.workflow < 0 || simulate->options.workflow == i) {
            put_workflow(simulate, out, i);
        }
    }
    json_close_array(out);
    new_line(out);
    json_name(out, "unattributed");
    json_open_object(out);
    put_int(out, "sessions", simulate->unattributed_sessions);
    json_name(out, "tokens");
    json_open_array(out);
    put_tokens(simulate, out, "unattributed", simulate->unattributed);
    json_close_array(out);
    json_close_object(out);
    json_close_object(out);
    new_line(out);
}
