/* struct route as "bursar.route/1". */
#include <math.h>

#include "api/api_priv.h"
#include "api/route_priv.h"
#include "base/check.h"

static const char *const evidence_names[] = {
    [ROUTING_NONE] = "none",
    [ROUTING_REPLICATES] = "replicates",
    [ROUTING_BALANCED] = "mixed traffic, balanced",
    [ROUTING_STRATIFIED] = "mixed traffic, stratified",
};

static const char *const verdict_names[] = {
    [ROUTING_REFERENCE] = "reference", [ROUTING_NOT_WORSE] = "non-inferior",
    [ROUTING_WORSE] = "worse",         [ROUTING_INCONCLUSIVE] = "inconclusive",
    [ROUTING_THIN] = "thin",           [ROUTING_INCOMPARABLE] = "no comparable work",
};
_Static_assert(COUNT_OF(verdict_names) == ROUTING_VERDICT_COUNT, "each verdict has its word");

static void put_text(struct text *out, const char *name, const char *value)
{
    json_name(out, name);
    if (value != NULL) {
        json_put_text(out, value);
    } else {
        json_put_null(out);
    }
}

static void put_model(struct text *out, const char *name, const struct route *route, size_t model)
{
    json_name(out, name);
    if (model < route->count) {
        json_put_str(out, route->models[model].model);
    } else {
        json_put_null(out);
    }
}

static void put_interval(struct text *out, const char *name, struct stats_interval interval,
                         double scale, int64_t n, const char *method)
{
    const struct estimate estimate = {
        .interval = interval, .scale = scale, .n = n, .basis = "estimated", .method = method};
    put_estimate(out, name, &estimate);
}

static void put_flag(struct text *out, const char *name, bool value)
{
    json_name(out, name);
    json_put_bool(out, value);
}

/* true, false, or null where nothing can be said. */
static void put_non_inferior(struct text *out, enum routing_verdict verdict, bool in_doubt)
{
    json_name(out, "non_inferior");
    const bool said =
        verdict == ROUTING_NOT_WORSE || verdict == ROUTING_WORSE || verdict == ROUTING_INCONCLUSIVE;
    if (said && !in_doubt) {
        json_put_bool(out, verdict == ROUTING_NOT_WORSE);
    } else {
        json_put_null(out);
    }
}

static void put_arm(struct text *out, const struct routing_arm *arm,
                    struct stats_interval cost_per_outcome, bool bootstrapped)
{
    put_count(out, "cases", arm->cases);
    put_interval(out, "success", stats_wilson(arm->successes, arm->cases), 1, arm->cases, "wilson");
    put_interval(out, "cost_per_attempt", routing_cost_per_attempt(arm), 1, arm->costed, "delta");
    put_interval(out, "cost_per_outcome", cost_per_outcome, 1, arm->costed,
                 method_name(bootstrapped ? METHOD_BOOTSTRAP : METHOD_DELTA));
}

static const char *difference_method(enum routing_evidence evidence)
{
    switch (evidence) {
    case ROUTING_REPLICATES:
        return "newcombe, paired";
    case ROUTING_BALANCED:
        return "newcombe";
    case ROUTING_STRATIFIED:
        return "newcombe, stratified";
    case ROUTING_NONE:
        return NULL;
    }
    CHECK(!"no such evidence");
    return NULL;
}

static void put_comparison(struct text *out, const struct routing_comparison *c)
{
    const int64_t least = c->cases < c->reference_cases ? c->cases : c->reference_cases;
    const int64_t n = c->evidence == ROUTING_REPLICATES ? c->keys : least;
    const char *const method = difference_method(c->evidence);
    json_name(out, "comparison");
    if (c->evidence == ROUTING_NONE || c->verdict == ROUTING_REFERENCE) {
        json_put_null(out);
        return;
    }
    json_open_object(out);
    put_count(out, "cases", c->cases);
    put_count(out, "reference_cases", c->reference_cases);
    put_count(out, "input_keys", c->keys);
    put_number(out, "covered", c->covered);
    put_interval(out, "success", c->success, 1, n, method);
    put_interval(out, "reference_success", c->reference_success, 1, n, method);
    put_interval(out, "difference_pp", c->difference, 100, n, method);
    put_number(out, "cost_per_attempt", c->cost_usd);
    put_number(out, "reference_cost_per_attempt", c->reference_cost_usd);
    put_interval(out, "cost_difference", c->cost_difference, 1, n, "delta");
    json_close_object(out);
}

/* Seen from the reference, what a model did apart from the comparison is other work. */
static const char *work_of(const struct routing_comparison *c)
{
    return c->verdict == ROUTING_REFERENCE     ? "reference"
           : c->evidence == ROUTING_BALANCED   ? "like work"
           : c->evidence == ROUTING_REPLICATES ? "same inputs"
                                               : "different work";
}

static void put_models(struct text *out, const struct route *route)
{
    json_name(out, "models");
    json_open_array(out);
    for (size_t i = 0; i < route->count; i++) {
        const struct route_model *const m = &route->models[i];
        const struct routing_option *const option = &route->options[i];
        const struct routing_comparison *const c = &option->comparison;
        json_open_object(out);
        put_str(out, "model", m->model);
        put_arm(out, &m->arm, m->cost_per_outcome, m->bootstrapped);
        put_non_inferior(out, c->verdict, option->in_doubt);
        put_text(out, "verdict",
                 option->in_doubt && c->verdict == ROUTING_NOT_WORSE ? "confounded"
                                                                     : verdict_names[c->verdict]);
        put_text(out, "evidence",
                 c->verdict == ROUTING_REFERENCE ? NULL : evidence_names[c->evidence]);
        put_text(out, "work", work_of(c));
        put_flag(out, "confounded", option->in_doubt);
        put_comparison(out, c);
        put_count(out, "succeeded", m->arm.successes);
        put_count(out, "first_attempts", m->attempts);
        put_count(out, "mixed_models", m->mixed);
        json_name(out, "excluded");
        json_open_object(out);
        put_count(out, "unpriced", m->unpriced);
        put_count(out, "zero", m->zero);
        json_close_object(out);
        put_time(out, "first_at", m->first_ns, INT64_MIN);
        put_time(out, "last_at", m->last_ns, INT64_MIN);
        json_close_object(out);
    }
    json_close_array(out);
}

static void put_attributes(struct text *out, const struct route *route)
{
    json_name(out, "attributes");
    json_open_array(out);
    for (size_t i = 0; i < route->attribute_count; i++) {
        const struct route_attribute *const a = &route->attributes[i];
        json_open_object(out);
        put_str(out, "attribute", a->name);
        put_count(out, "values", a->values);
        put_number(out, "chi_square", a->balance.statistic);
        put_count(out, "freedom", a->balance.freedom);
        put_number(out, "p", a->balance.p);
        put_number(out, "q", a->q);
        put_number(out, "cramer_v", a->balance.cramer_v);
        put_flag(out, "unbalanced", a->unbalanced);
        put_flag(out, "held_fixed", a->held);
        json_close_object(out);
    }
    json_close_array(out);
    json_name(out, "attributes_not_checked");
    json_open_array(out);
    for (size_t i = 0; i < route->wide_count; i++) {
        json_put_str(out, route->wide[i]);
    }
    json_close_array(out);
}

/* Why what is recommended is. */
static const char *reason_of(const struct route *route)
{
    if (route->reference == SIZE_MAX) {
        return "no model is known";
    }
    if (route->recommended != route->reference) {
        return "non-inferior and cheaper";
    }
    const double ours = routing_mean_cost(&route->models[route->reference].arm);
    bool seen[ROUTING_VERDICT_COUNT] = {false};
    bool doubt = false;
    bool unknown = false;
    bool any = false;
    for (size_t i = 0; i < route->count; i++) {
        const struct routing_option *const o = &route->options[i];
        const double difference = isfinite(o->comparison.cost_difference.value)
                                      ? o->comparison.cost_difference.value
                                      : o->raw_cost_usd - ours;
        unknown = unknown || (i != route->reference && isnan(difference));
        if (i != route->reference && difference < 0) {
            any = true;
            seen[o->comparison.verdict] = true;
            doubt = doubt || o->in_doubt;
        }
    }
    return route->closed == 0           ? "no case has a final outcome yet, so nothing can be told"
           : route->count == 1          ? "no other model has served it"
           : isnan(ours)                ? "the reference's cost is not known"
           : !any && unknown            ? "nothing of known cost is cheaper"
           : !any                       ? "nothing is cheaper"
           : doubt                      ? "models served different work that cannot be compared"
           : seen[ROUTING_NOT_WORSE]    ? "no saving is beyond doubt"
           : seen[ROUTING_INCONCLUSIVE] ? "what is cheaper may be worse by the margin or more"
           : seen[ROUTING_THIN]         ? "too few cases of what is cheaper"
           : seen[ROUTING_INCOMPARABLE] ? "what is cheaper has done no comparable work"
                                        : "what is cheaper is worse";
}

static void put_recommendation(struct text *out, const struct route *route)
{
    const bool switched = route->recommended != route->reference;
    put_model(out, "recommended", route, route->recommended);
    put_text(out, "reason", reason_of(route));
    put_text(out, "evidence",
             switched ? evidence_names[route->options[route->recommended].comparison.evidence]
                      : NULL);
    put_count(out, "volume", route->volume);
    put_interval(out, "savings", route->savings_usd, 1, route->volume, switched ? "delta" : NULL);
    put_interval(out, "savings_per_month", route->savings_month_usd, 1, route->volume,
                 switched ? "delta" : NULL);
    put_number(out, "cases_per_day", route->cases_per_day);
}

static void put_cascades(struct text *out, const struct route *route)
{
    json_name(out, "cascade");
    json_open_array(out);
    for (size_t i = 0; i < route->cascade_count; i++) {
        const struct route_cascade *const c = &route->cascades[i];
        const struct routing_cascade *const x = &c->cascade;
        json_open_object(out);
        json_name(out, "stages");
        json_open_array(out);
        json_put_str(out, route->models[c->first].model);
        json_put_str(out, route->models[c->second].model);
        json_close_array(out);
        put_interval(out, "success", x->success, 1, x->units, "bootstrap");
        put_interval(out, "cost_per_case", x->cost, 1, x->units, "bootstrap");
        put_text(out, "evidence", c->source == ROUTE_OF_REPLICATES ? "replicates" : "escalations");
        put_text(out, "assumes", "perfect verifier");
        put_number(out, "first_success", x->success_first);
        put_number(out, "second_success_after_failure", x->success_second);
        put_number(out, "first_cost", x->cost_first_usd);
        put_number(out, "second_cost_after_failure", x->cost_second_usd);
        put_count(out, "units", x->units);
        put_count(out, "units_known", c->units_all);
        put_number(out, "failures", x->failed);
        put_flag(out, "thin", x->failed < STATS_THIN_BELOW);
        json_close_object(out);
    }
    json_close_array(out);
}

static void put_experiment(struct text *out, const struct route *route)
{
    const struct routing_experiment *const e = &route->experiment;
    json_name(out, "experiment");
    if (e->option >= route->count) {
        json_put_null(out);
        return;
    }
    json_open_object(out);
    put_model(out, "model", route, e->option);
    put_model(out, "against", route, route->reference);
    put_number(out, "share", e->share);
    put_count(out, "cases_needed", e->cases_needed);
    put_number(out, "days", e->days);
    put_number(out, "power", ROUTING_POWER);
    put_text(out, "assumes", "both succeed as often as the reference does now");
    put_text(out, "because", verdict_names[route->options[e->option].comparison.verdict]);
    json_close_object(out);
}

static void put_segment(struct text *out, const struct route *route,
                        const struct route_segment *segment)
{
    json_open_object(out);
    put_str(out, "attribute", segment->attribute);
    put_str(out, "value", segment->value);
    put_count(out, "cases", segment->cases);
    json_name(out, "models");
    json_open_array(out);
    for (size_t i = 0; i < route->count; i++) {
        const struct routing_arm *const arm = &segment->arms[i];
        const struct routing_comparison *const c = &segment->comparisons[i];
        if (arm->cases == 0) {
            continue;
        }
        json_open_object(out);
        put_str(out, "model", route->models[i].model);
        put_arm(out, arm, routing_cost_per_outcome(arm), false);
        put_non_inferior(out, c->verdict, route->options[i].in_doubt);
        put_text(out, "verdict", verdict_names[c->verdict]);
        put_comparison(out, c);
        json_close_object(out);
    }
    json_close_array(out);
    put_model(out, "recommended", route, segment->recommended);
    json_close_object(out);
}

void route_put(struct text *out, const struct route_request *request, const struct route *route)
{
    CHECK(out != NULL);
    json_open_object(out);
    put_request(out, "bursar.route/1", &request->common);
    put_str(out, "workflow", route->workflow);
    put_str(out, "unit", route->unit.size > 0 ? route->unit : STR("case"));
    put_number(out, "margin_pp", route->margin_pp);
    put_count(out, "cases", route->cases);
    put_count(out, "closed", route->closed);
    put_time(out, "first_at", route->first_ns, INT64_MIN);
    put_time(out, "last_at", route->last_ns, INT64_MIN);
    put_count(out, "model_unknown", route->unknown);
    put_count(out, "models_not_listed", route->unlisted);
    put_models(out, route);
    put_model(out, "current", route, route->current);
    put_time(out, "current_since", route->recent_ns, INT64_MIN);
    put_model(out, "reference", route, route->reference);
    put_flag(out, "reference_named", route->reference_named);
    put_recommendation(out, route);
    put_cascades(out, route);
    put_experiment(out, route);
    put_attributes(out, route);
    json_name(out, "segments");
    json_open_array(out);
    for (size_t i = 0; i < route->segment_count; i++) {
        put_segment(out, route, &route->segments[i]);
    }
    json_close_array(out);
    json_close_object(out);
}
