/* Segments whose cases cost otherwise per outcome: "bursar.segments/1". */
#include <math.h>

#include "api/segments_priv.h"
#include "base/check.h"

#define SCRATCH_BYTES_MAX  ((size_t)192 << 20)
#define SENTENCE_BYTES_MAX ((size_t)64 << 10)

static const char *const part_keys[SEGMENTS_PARTS] = {
    [SEGMENTS_BASE] = "base",           [SEGMENTS_RETRY] = "retry", [SEGMENTS_CONTEXT] = "context",
    [SEGMENTS_MODEL_MIX] = "model_mix", [SEGMENTS_HUMAN] = "human",
};

static const char *const baseline_keys[BASELINE_COUNT] = {
    [BASELINE_BPO] = "bpo",
    [BASELINE_HUMAN] = "human",
};

static void put_rule(const struct segments_search *s, const struct segments_rule *rule,
                     struct text *out)
{
    json_name(out, "rule");
    json_open_array(out);
    for (size_t i = 0; i < rule->count; i++) {
        struct str value = {0};
        const char *const op = segments_test_words(s, &rule->tests[i], s->scratch, &value);
        json_open_object(out);
        put_str(out, "attribute", s->names[rule->tests[i].attribute].name);
        json_name(out, "op");
        json_put_text(out, op);
        put_str(out, "value", value);
        json_close_object(out);
    }
    json_close_array(out);
}

static void put_cost(const struct segments_search *s, const char *name,
                     const struct segments_group *g, struct text *out)
{
    const struct estimate estimate = {.interval = g->cost_per_outcome,
                                      .scale = 1,
                                      .n = g->cases,
                                      .basis = "estimated",
                                      .method = method_name(g->method),
                                      .incomplete = s->unpriced_calls > 0};
    put_estimate(out, name, &estimate);
}

static void put_share(const char *name, int64_t successes, int64_t trials, struct text *out)
{
    const struct estimate estimate = {.interval = stats_wilson(successes, trials),
                                      .scale = 1,
                                      .n = trials,
                                      .basis = "estimated",
                                      .method = "wilson"};
    put_estimate(out, name, &estimate);
}

static void put_baseline(const struct segments_search *s, const struct segments_found *f,
                         struct text *out)
{
    const enum baseline which = segments_baseline(&s->figures);
    json_name(out, "baseline");
    if (which == BASELINE_COUNT) {
        json_put_null(out);
        return;
    }
    const double usd = figures_baseline(&s->figures, which);
    json_open_object(out);
    json_name(out, "name");
    json_put_text(out, baseline_keys[which]);
    put_number(out, "cost_per_outcome", usd);
    json_name(out, "basis");
    json_put_text(out, "assumed");
    if (f != NULL) {
        const double in = f->in[SEGMENTS_CONFIRMATION].cost_per_outcome.value;
        const double rest = f->rest[SEGMENTS_CONFIRMATION].cost_per_outcome.value;
        put_number(out, "difference_share", in / usd - 1);
        put_number(out, "rest_difference_share", rest / usd - 1);
    }
    json_close_object(out);
}

/* Whether segment and rest are on different sides of the baseline; one without any outcome costs
 * more than any. */
static bool flips(const struct segments_search *s, const struct segments_found *f)
{
    const enum baseline which = segments_baseline(&s->figures);
    if (which == BASELINE_COUNT) {
        return false;
    }
    const double usd = figures_baseline(&s->figures, which);
    const double in = f->in[SEGMENTS_CONFIRMATION].cost_per_outcome.value;
    const double rest = f->rest[SEGMENTS_CONFIRMATION].cost_per_outcome.value;
    return (isnan(in) || in > usd) != (isnan(rest) || rest > usd);
}

/* What stands behind the parts, for one side. */
static void put_side(const struct segments_search *s, const char *name,
                     const struct segments_side *side, const struct segments_group *g,
                     double tokens, struct text *out)
{
    const double attempts = (double)g->attempts;
    const double agent_usd = money_usd(g->agent_pusd);
    const double prompt_usd = segments_prompt_usd(side);
    const double calls = segments_calls(side, SIZE_MAX);
    json_name(out, name);
    json_open_object(out);
    put_count(out, "cases", g->cases);
    put_count(out, "resolved", g->resolved);
    put_count(out, "attempts", g->attempts);
    put_money(out, "agent", g->agent_pusd);
    put_money(out, "people", g->people_pusd);
    put_share("first_attempt_success", g->first_successes, g->cases, out);
    put_number(out, "attempts_per_outcome", (double)g->attempts / (double)g->resolved);
    put_number(out, "input_tokens_per_attempt", tokens / attempts);
    put_number(out, "input_usd_per_attempt", prompt_usd / attempts);
    put_number(out, "other_usd_per_attempt", (agent_usd - prompt_usd) / attempts);
    put_number(out, "minutes_per_case", (double)g->human_ms / 6e4 / (double)g->cases);
    json_name(out, "models");
    json_open_array(out);
    for (size_t m = 0; m < s->model_count; m++) {
        json_open_object(out);
        put_str(out, "model", s->models[m]);
        put_number(out, "share", segments_calls(side, m) / calls);
        json_close_object(out);
    }
    json_close_array(out);
    json_close_object(out);
}

static void put_parts(const struct segments_found *f, struct text *out)
{
    json_name(out, "parts");
    json_open_object(out);
    for (size_t i = 0; i < SEGMENTS_PARTS; i++) {
        put_number(out, part_keys[i], f->has_parts ? f->parts[i] : NAN);
    }
    json_close_object(out);
}

static void put_also(const struct segments_search *s, const struct segments_found *f,
                     struct text *out)
{
    json_name(out, "also");
    json_open_array(out);
    for (size_t i = 0; i < f->also_count; i++) {
        json_open_object(out);
        put_rule(s, &s->segments.rows[f->also[i]].rule, out);
        json_close_object(out);
    }
    json_close_array(out);
}

static void put_found(const struct segments_search *s, const struct segments_found *f,
                      struct text *sentence, struct text *out)
{
    const struct segments_candidate *const c = &s->segments.rows[f->candidate];
    const struct segments_group *const in = f->in;
    const struct segments_group *const rest = f->rest;
    const struct estimate difference = {.interval = f->difference,
                                        .scale = 1,
                                        .n = in[SEGMENTS_CONFIRMATION].cases,
                                        .basis = "estimated",
                                        .method = "delta",
                                        .incomplete = s->unpriced_calls > 0};
    json_open_object(out);
    put_rule(s, &c->rule, out);
    put_count(out, "cases", f->cases);
    put_number(out, "share", (double)f->cases / (double)s->figures.closed);
    put_cost(s, "cost_per_outcome", &in[SEGMENTS_CONFIRMATION], out);
    put_cost(s, "rest", &rest[SEGMENTS_CONFIRMATION], out);
    put_estimate(out, "difference", &difference);
    put_baseline(s, f, out);
    json_name(out, "flips");
    json_put_bool(out, flips(s, f));
    put_parts(f, out);
    put_side(s, "segment_figures", &f->side_in, &in[SEGMENTS_CONFIRMATION], f->tokens_in, out);
    put_side(s, "rest_figures", &f->side_rest, &rest[SEGMENTS_CONFIRMATION], f->tokens_rest, out);
    put_number(out, "score", f->score);
    put_number(out, "p_discovery", c->p[SEGMENTS_DISCOVERY]);
    put_number(out, "q_discovery", c->q);
    put_number(out, "p_confirm", c->p[SEGMENTS_CONFIRMATION]);
    json_name(out, "discovery");
    json_open_object(out);
    put_count(out, "cases", in[SEGMENTS_DISCOVERY].cases);
    put_number(out, "cost_per_outcome", in[SEGMENTS_DISCOVERY].cost_per_outcome.value);
    put_number(out, "rest", rest[SEGMENTS_DISCOVERY].cost_per_outcome.value);
    json_close_object(out);
    put_also(s, f, out);
    text_clear(sentence);
    segments_put_sentence(s, f, sentence);
    put_str(out, "sentence", text_str(sentence));
    json_close_object(out);
}

static void put_attributes(const struct segments_search *s, struct text *out)
{
    json_name(out, "attributes");
    json_open_array(out);
    for (size_t i = 0; i < s->attribute_count; i++) {
        const struct segments_name *const n = &s->names[i];
        json_open_object(out);
        put_str(out, "attribute", n->name);
        put_count(out, "values", n->values);
        put_count(out, "cases", n->cases);
        put_count(out, "pooled_values", n->pooled);
        json_name(out, "numeric");
        json_put_bool(out, n->is_number);
        json_close_object(out);
    }
    json_close_array(out);
    json_name(out, "left_out");
    json_open_array(out);
    for (size_t i = s->attribute_count; i < s->name_count; i++) {
        json_open_object(out);
        put_str(out, "attribute", s->names[i].name);
        json_name(out, "why");
        json_put_text(out, s->names[i].left_out);
        json_close_object(out);
    }
    json_close_array(out);
    put_count(out, "attributes_unlisted", s->names_all - (int64_t)s->name_count);
}

/* The candidate of the least p among those not reported; of equals the first. */
static void put_nearest(const struct segments_search *s, struct text *out)
{
    const struct segments_candidate *nearest = NULL;
    for (size_t i = 0; i < s->segments.count; i++) {
        const struct segments_candidate *const c = &s->segments.rows[i];
        if (!c->majority && !c->confirmed &&
            (nearest == NULL || c->p[SEGMENTS_DISCOVERY] < nearest->p[SEGMENTS_DISCOVERY])) {
            nearest = c;
        }
    }
    json_name(out, "nearest");
    if (nearest == NULL) {
        json_put_null(out);
        return;
    }
    json_open_object(out);
    put_rule(s, &nearest->rule, out);
    put_count(out, "cases",
              nearest->all[SEGMENTS_DISCOVERY].n + nearest->all[SEGMENTS_CONFIRMATION].n);
    put_number(out, "q_discovery", nearest->q);
    put_number(out, "p_confirm", nearest->p[SEGMENTS_CONFIRMATION]);
    json_close_object(out);
}

static void put_tried(const struct segments_search *s, struct text *out)
{
    json_name(out, "tried");
    json_open_object(out);
    put_count(out, "tests", (int64_t)s->segments.tests);
    json_name(out, "truncated");
    json_put_bool(out, s->segments.truncated);
    put_count(out, "support_min", s->segments.support_min);
    put_number(out, "false_discovery_rate", SEGMENTS_FALSE_MAX);
    put_number(out, "confirmation_p", SEGMENTS_P_MAX);
    put_count(out, "discovered", (int64_t)s->discovered);
    put_count(out, "confirmed", (int64_t)s->confirmed);
    json_name(out, "halves");
    json_open_object(out);
    put_count(out, "seed", (int64_t)STATS_BOOTSTRAP_SEED);
    put_count(out, "discovery", s->segments.total[SEGMENTS_DISCOVERY].n);
    put_count(out, "confirmation", s->segments.total[SEGMENTS_CONFIRMATION].n);
    json_close_object(out);
    put_nearest(s, out);
    put_attributes(s, out);
    json_close_object(out);
}

static void put_answer(const struct segments_search *s, struct text *out)
{
    struct segments_sums all = s->segments.total[SEGMENTS_DISCOVERY];
    segments_add(&all, &s->segments.total[SEGMENTS_CONFIRMATION], 1);
    struct stats_sums sums = segments_stats(&all);
    sums.y /= s->scale;
    sums.yy /= s->scale * s->scale;
    sums.xy /= s->scale;
    const struct estimate cost = {.interval = stats_ratio(&sums),
                                  .scale = 1,
                                  .n = all.n,
                                  .basis = "estimated",
                                  .method = "delta",
                                  .incomplete = s->unpriced_calls > 0};
    json_open_object(out);
    put_request(out, "bursar.segments/1", s->request);
    put_str(out, "workflow", s->figures.workflow);
    put_str(out, "unit", figures_unit(&s->figures));
    put_count(out, "closed", s->figures.closed);
    put_count(out, "resolved", s->figures.resolved);
    put_count(out, "unpriced_calls", s->unpriced_calls);
    put_estimate(out, "cost_per_outcome", &cost);
    put_baseline(s, NULL, out);
    json_name(out, "segments");
    json_open_array(out);
    struct text sentence;
    text_init(&sentence, SENTENCE_BYTES_MAX);
    for (size_t i = 0; i < s->found_count; i++) {
        put_found(s, &s->found[i], &sentence, out);
    }
    text_deinit(&sentence);
    json_close_array(out);
    json_name(out, "input_split_partial");
    json_put_bool(out, s->split_is_partial);
    put_tried(s, out);
    json_close_object(out);
}

static enum errc answer(struct segments_search *s, const struct settings *settings,
                        struct text *out, struct err *err)
{
    enum errc code = figures_require_workflow(s->store, s->request->workflow, s->arena, err);
    if (code == ERR_OK) {
        code = figures_create_costs(s->store, settings, s->request, err);
    }
    if (code == ERR_OK) {
        code = segments_read(s, err);
    }
    if (code == ERR_OK) {
        code = segments_find(s, err);
    }
    if (code == ERR_OK) {
        code = segments_measure(s, err);
    }
    if (code == ERR_OK) {
        put_answer(s, out);
        if (text_is_full(out)) {
            code = err_set(err, ERR_LIMIT, "the answer does not fit %zu bytes", out->size_max);
        }
    }
    return code;
}

enum errc api_segments(struct store *store, const struct settings *settings,
                       const struct api_request *request, struct arena *arena, struct text *out,
                       struct err *err)
{
    CHECK(store != NULL);
    CHECK(request->workflow.size > 0);
    struct segments_search *const search = arena_new(arena, struct segments_search, 1);
    if (search == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for the search");
    }
    struct arena scratch;
    arena_init(&scratch, SCRATCH_BYTES_MAX);
    *search = (struct segments_search){
        .store = store,
        .request = request,
        .arena = arena,
        .scratch = &scratch,
        .figures = {.workflow = request->workflow,
                    .settings = settings_workflow(settings, request->workflow)},
    };
    const enum errc code = answer(search, settings, out, err);
    arena_deinit(&scratch);
    return code;
}
