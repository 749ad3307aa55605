/* struct explain -> bursar.explain/1. */
#include "api/explain.h"

#include <stdio.h>

#include "api/api_priv.h"
#include "base/check.h"

enum { REASON_BYTES_MAX = 1 << 20 };

static const char *const part_names[EXPLAIN_PART_COUNT] = {
    [EXPLAIN_RESOLVING] = "resolving", [EXPLAIN_FAILED_BEFORE] = "failed_before",
    [EXPLAIN_FAILED] = "failed",       [EXPLAIN_REWORK] = "rework",
    [EXPLAIN_OPEN] = "open",
};

static const char *const basis_names[COST_BASIS_COUNT] = {
    [COST_NONE] = "none",
    [COST_PRICED] = "priced",
    [COST_REPORTED] = "reported",
    [COST_UNPRICED] = "unpriced",
};

/* Empty is null. */
static void put_text(struct text *out, const char *name, struct str value)
{
    json_name(out, name);
    if (value.size > 0) {
        json_put_str(out, value);
    } else {
        json_put_null(out);
    }
}

/* LEDGER_NULL is null. */
static void put_money_known(struct text *out, const char *name, int64_t amount_pusd)
{
    json_name(out, name);
    if (amount_pusd == LEDGER_NULL) {
        json_put_null(out);
    } else {
        json_put_money(out, amount_pusd);
    }
}

static void put_count_known(struct text *out, const char *name, int64_t count, int64_t none)
{
    json_name(out, name);
    if (count == none) {
        json_put_null(out);
    } else {
        json_put_int64(out, count);
    }
}

static void put_minutes(struct text *out, int64_t human_ms)
{
    put_number(out, "human_minutes", (double)human_ms / 60000.0);
}

static void put_tokens(struct text *out, const struct explain_step *step)
{
    json_name(out, "tokens");
    if (step->kind != STEP_LLM) {
        json_put_null(out);
        return;
    }
    json_open_object(out);
#define X(word, column, text) put_count(out, #column, step->usage.counts[USAGE_##word]);
    USAGE_CLASSES(X)
#undef X
    put_count(out, "reasoning", step->usage.reasoning);
    json_close_object(out);
}

static void put_label(struct text *out, const struct explain_label *label)
{
    json_open_object(out);
    json_name(out, "label");
    json_put_text(out, label_name(label->label));
    put_count(out, "steps", label->steps);
    put_money(out, "cost", label->amount_pusd);
    json_close_object(out);
}

/* Label, reason, and where a call's cost went when the steps it issued have several labels. */
static void put_why(struct text *out, const struct explain_step *step)
{
    struct text reason;
    text_init(&reason, REASON_BYTES_MAX);
    label_put_reason(&reason, step->reason, step->ref, step->name);
    json_name(out, "label");
    json_put_text(out, label_name(step->label));
    put_str(out, "reason", text_str(&reason));
    text_deinit(&reason);
    put_count_known(out, "refers_to", step->ref, LABELS_REF_NONE);
    put_count_known(out, "issued_by", step->caller, 0);
    if (step->carried_unknown) {
        put_text(out, "carries", (struct str){0});
    } else {
        put_money(out, "carries", step->carried_pusd);
    }
    json_name(out, "split");
    if (step->split_count == 0) {
        json_put_null(out);
        return;
    }
    json_open_array(out);
    for (size_t i = 0; i < step->split_count; i++) {
        put_label(out, &step->split[i]);
    }
    json_close_array(out);
}

/* What is kept of a call, and where it was asked for, the record itself. */
static void put_body(struct text *out, const struct explain_body *body)
{
    json_name(out, "body");
    if (body == NULL) {
        json_put_null(out);
        return;
    }
    json_open_object(out);
    put_time(out, "kept", body->kept_ns, LEDGER_NULL);
    put_time(out, "until", body->ends_ns, LEDGER_NULL);
    put_count(out, "bytes", body->size);
    json_name(out, "record");
    if (body->document.size > 0) {
        json_put_raw(out, body->document);
    } else {
        json_put_null(out);
    }
    json_close_object(out);
}

static void put_step(struct text *out, const struct explain_step *step, int64_t began_ns,
                     const struct explain_body *body)
{
    json_open_object(out);
    put_count(out, "n", step->number);
    json_name(out, "kind");
    json_put_text(out, api_step_kind_name(step->kind));
    put_text(out, "name", step->name);
    put_text(out, "model", step->model);
    put_text(out, "provider", step->provider);
    put_text(out, "sub_agent", step->agent);
    put_time(out, "at", step->started_ns, LEDGER_NULL);
    json_name(out, "offset_seconds");
    if (step->started_ns == LEDGER_NULL || began_ns == LEDGER_NULL) {
        json_put_null(out);
    } else {
        json_put_double(out, (double)(step->started_ns - began_ns) / 1e9);
    }
    put_tokens(out, step);
    put_money_known(out, "cost", step->cost_pusd);
    json_name(out, "cost_basis");
    json_put_text(out, step->is_estimated && step->cost_basis == COST_PRICED
                           ? "estimated"
                           : basis_names[step->cost_basis]);
    json_name(out, "price_id");
    if (step->price_id != 0) {
        char id[20];
        json_put_str(out, (struct str){id, (size_t)snprintf(id, sizeof id, "%016llx",
                                                            (unsigned long long)step->price_id)});
    } else {
        json_put_null(out);
    }
    put_why(out, step);
    json_name(out, "status");
    json_put_text(out, api_step_status_name(step->status));
    json_name(out, "error");
    if (step->status == STATUS_OK) {
        json_put_null(out);
    } else {
        json_put_str(out, step->note.size > 0 ? step->note
                                              : str_from(api_step_status_name(step->status)));
    }
    put_text(out, "note", step->note);
    put_text(out, "request_id", api_explain_request(step->note));
    put_minutes(out, step->human_ms);
    put_count(out, "result_bytes", step->result_bytes);
    put_text(out, "file", step->path);
    put_count_known(out, "line", step->line, 0);
    put_body(out, body);
    json_close_object(out);
}

static void put_attempt(struct text *out, const struct explain *explain, size_t index)
{
    const struct explain_attempt *const attempt = &explain->attempts[index];
    json_open_object(out);
    put_str(out, "attempt", attempt->id);
    json_name(out, "status");
    json_put_text(out, part_names[attempt->part]);
    put_money(out, "cost", attempt->cost_pusd);
    put_money(out, "of_which_tool_fees", attempt->fee_pusd);
    put_text(out, "agent", attempt->agent);
    json_name(out, "succeeded");
    if (attempt->succeeded == LEDGER_NULL) {
        json_put_null(out);
    } else {
        json_put_bool(out, attempt->succeeded != 0);
    }
    put_time(out, "started", attempt->started_ns, LEDGER_NULL);
    put_time(out, "ended", attempt->ended_ns, LEDGER_NULL);
    put_count(out, "calls", attempt->calls);
    put_count(out, "unpriced_calls", attempt->unpriced);
    put_minutes(out, attempt->human_ms);
    put_count(out, "step_count", attempt->step_count_all);
    json_name(out, "steps");
    json_open_array(out);
    for (size_t i = 0; i < attempt->step_count; i++) {
        put_step(out, &attempt->steps[i], attempt->started_ns,
                 api_explain_body(explain, (int64_t)index + 1, attempt->steps[i].number));
    }
    json_close_array(out);
    json_close_object(out);
}

static void put_outcome(struct text *out, const struct explain_outcome *outcome)
{
    json_open_object(out);
    json_name(out, "status");
    json_put_text(out, api_outcome_status_name(outcome->status));
    put_time(out, "effective", outcome->effective_ns, LEDGER_NULL);
    put_time(out, "recorded", outcome->recorded_ns, LEDGER_NULL);
    put_money_known(out, "value", outcome->value_pusd);
    put_minutes(out, outcome->human_ms);
    put_number(out, "quality", outcome->quality);
    put_text(out, "source", outcome->source);
    put_text(out, "reference", outcome->reference);
    put_text(out, "id", outcome->id);
    put_count(out, "revision", outcome->revision);
    json_name(out, "stands");
    json_put_bool(out, outcome->stands);
    json_name(out, "counts");
    json_put_bool(out, outcome->counts);
    json_close_object(out);
}

/* Who chose what and why, and what it overruled. */
static void put_decision(struct text *out, const struct explain *explain,
                         const struct explain_decision *decision)
{
    CHECK(decision->attempt >= 1);
    CHECK((size_t)decision->attempt <= explain->attempt_count);
    json_open_object(out);
    put_str(out, "attempt", explain->attempts[decision->attempt - 1].id);
    put_count(out, "n", decision->number);
    json_name(out, "kind");
    json_put_text(out, api_step_kind_name(decision->kind));
    json_name(out, "by");
    json_put_text(out, api_explain_by_name(decision));
    put_text(out, "name", decision->name);
    put_text(out, "note", decision->note);
    json_name(out, "status");
    json_put_text(out, api_step_status_name(decision->status));
    put_count_known(out, "overrides", decision->overrides, 0);
    put_time(out, "at", decision->at_ns, LEDGER_NULL);
    put_text(out, "decision", decision->recorded.kind);
    put_text(out, "choice", decision->recorded.choice);
    put_text(out, "rule", decision->recorded.rule);
    put_text(out, "reason", decision->recorded.reason);
    put_text(out, "against", decision->recorded.overrides);
    put_text(out, "precedents", decision->recorded.precedents);
    put_text(out, "evidence", decision->recorded.evidence);
    json_close_object(out);
}

/* Dollars by label, and people's time: they add up to the cost of the case. */
static void put_labels(struct text *out, const struct explain *explain)
{
    money_sum sum_pusd = 0;
    json_name(out, "labels");
    json_open_array(out);
    for (size_t i = 0; i < LABEL_COUNT; i++) {
        if (explain->labels[i].steps > 0) {
            put_label(out, &explain->labels[i]);
        }
        sum_pusd += explain->labels[i].amount_pusd;
    }
    json_close_array(out);
    put_money(out, "wasted", api_explain_wasted(explain));
    put_money(out, "people", explain->cost.total_pusd - sum_pusd);
}

static void put_header(struct text *out, const struct explain *explain)
{
    json_name(out, "schema");
    json_put_text(out, "bursar.explain/1");
    put_str(out, "case", explain->case_id);
    put_str(out, "workflow", explain->workflow.size > 0 ? explain->workflow : STR("unattributed"));
    json_name(out, "named_by");
    json_put_text(out, explain->named_by == NAMED_BY_SESSION ? "session" : "source");
    put_time(out, "as_of", explain->as_of_ns, INT64_MAX);
    put_text(out, "input_key", explain->input_key);
    json_name(out, "replicates");
    json_open_object(out);
    put_count(out, "same_workflow", explain->replicates);
    put_count(out, "other_workflows", explain->replicates_other);
    json_close_object(out);
    json_name(out, "attributes");
    json_open_object(out);
    for (size_t i = 0; i < explain->attribute_count; i++) {
        json_name_str(out, explain->attributes[i].name);
        json_put_str(out, explain->attributes[i].value);
    }
    json_close_object(out);
}

static void put_cost(struct text *out, const struct explain *explain)
{
    const struct explain_cost *const cost = &explain->cost;
    if (!explain->is_traced) { /* what it cost is not known, which is not zero */
        put_text(out, "cost", (struct str){0});
        put_text(out, "parts", (struct str){0});
        put_money_known(out, "value", explain->value_pusd);
        return;
    }
    put_money(out, "cost", cost->total_pusd);
    json_name(out, "parts");
    json_open_object(out);
    put_money(out, "base", cost->base_pusd);
    put_money(out, "retry_tail", cost->retry_tail_pusd);
    put_money(out, "sunk", cost->sunk_pusd);
    put_money(out, "rework", cost->rework_pusd);
    put_money(out, "human", cost->human_pusd);
    put_money(out, "open", cost->open_pusd);
    put_money(out, "of_which_tool_fees", cost->fee_pusd);
    json_close_object(out);
    put_count(out, "calls", explain->calls);
    put_count(out, "unpriced_calls", explain->unpriced);
    put_money_known(out, "value", explain->value_pusd);
    put_minutes(out, explain->human_ms);
}

void api_explain_json(const struct explain *explain, struct text *out)
{
    CHECK(explain != NULL);
    CHECK(out != NULL);
    json_open_object(out);
    put_header(out, explain);
    json_name(out, "outcome");
    json_put_text(out, api_explain_outcome_name(explain));
    json_name(out, "outcomes");
    json_open_array(out);
    for (size_t i = 0; i < explain->outcome_count; i++) {
        put_outcome(out, &explain->outcomes[i]);
    }
    json_close_array(out);
    put_cost(out, explain);
    json_name(out, "attempts");
    json_open_array(out);
    for (size_t i = 0; i < explain->attempt_count; i++) {
        put_attempt(out, explain, i);
    }
    json_close_array(out);
    put_count(out, "kept_bodies", (int64_t)explain->body_count);
    if (explain->is_traced) {
        put_labels(out, explain);
    }
    json_name(out, "decisions");
    json_open_array(out);
    for (size_t i = 0; i < explain->decision_count; i++) {
        put_decision(out, explain, &explain->decisions[i]);
    }
    json_close_array(out);
    json_close_object(out);
    text_char(out, '\n');
}
