/* otlp_name: all that is said of a place in a batch -> workflow, case and attempt, the strongest
 * first. */
#include "base/check.h"
#include "wire/otlp_resolve_priv.h"

static size_t parent_of(struct otlp_batch *batch, size_t span)
{
    struct otlp_span_row *const row = &batch->spans.rows[span];
    if (row->parent == SIZE_MAX && row->parent_key.size > 0) {
        row->parent = wire_index_find(&batch->span_index, row->parent_key);
    }
    return row->parent;
}

static void fill(struct str values[static OTLP_FACT_COUNT], const struct str *from)
{
    for (int i = 0; i < OTLP_FACT_COUNT; i++) {
        values[i] = values[i].size > 0 ? values[i] : from[i];
    }
}

/* By enum otlp_fact: where the level of a fact stands in enum told; -1: nowhere. */
static const int told_shifts[OTLP_FACT_RULE] = {
    [OTLP_FACT_WORKFLOW] = TOLD_WORKFLOW, [OTLP_FACT_CASE] = TOLD_CASE,
    [OTLP_FACT_ATTEMPT] = TOLD_ATTEMPT,   [OTLP_FACT_INPUT_KEY] = -1,
    [OTLP_FACT_SESSION] = TOLD_SESSION,   [OTLP_FACT_WORKFLOW_HINT] = TOLD_HINT};

/* By enum correlation_field: likewise. */
static const int rule_shifts[CORRELATION_OUTCOME] = {[CORRELATION_WORKFLOW] = TOLD_WORKFLOW,
                                                     [CORRELATION_CASE] = TOLD_CASE,
                                                     [CORRELATION_ATTEMPT] = TOLD_ATTEMPT,
                                                     [CORRELATION_INPUT_KEY] = -1};

static int raise(int told, int shift, struct str value, enum told_by by)
{
    return shift >= 0 && value.size > 0 && told_level(told, (enum told)shift) == TOLD_BY_NOTHING
               ? told | (int)by << shift
               : told;
}

/* Facts that are there get a level in `told` where they have none. */
static int level(int told, const struct str values[static OTLP_FACT_COUNT], enum told_by by)
{
    for (int i = 0; i < OTLP_FACT_RULE; i++) {
        told = raise(told, told_shifts[i], values[i], by);
    }
    return told;
}

static int level_all(int told, const struct otlp_source *source,
                     const struct str values[static OTLP_FACT_COUNT])
{
    told = level(told, source->facts.values, TOLD_BY_SOURCE);
    told = source->told != NULL ? level(told, source->told->values, TOLD_BY_SOURCE) : told;
    for (int i = 0; i < CORRELATION_OUTCOME; i++) {
        told = raise(told, rule_shifts[i], values[OTLP_FACT_RULE + i], TOLD_BY_RULE);
    }
    return told;
}

void otlp_facts_of_trace(const struct otlp_trace_row *trace, struct str out[static OTLP_FACT_COUNT])
{
    CHECK(trace != NULL);
    memcpy(out, trace->of_case, OTLP_FACT_COUNT * sizeof out[0]);
    fill(out, trace->others);
}

bool otlp_is_teachable(const struct otlp_trace_row *trace)
{
    struct str values[OTLP_FACT_COUNT];
    otlp_facts_of_trace(trace, values);
    bool has_rules = false;
    for (int i = OTLP_FACT_RULE; i < OTLP_FACT_COUNT; i++) {
        has_rules = has_rules || values[i].size > 0;
    }
    return !trace->disagrees && !has_rules && values[OTLP_FACT_CASE].size > 0 &&
           values[OTLP_FACT_INPUT_KEY].size == 0 &&
           (values[OTLP_FACT_WORKFLOW].size == 0 || values[OTLP_FACT_WORKFLOW_HINT].size == 0) &&
           (values[OTLP_FACT_ATTEMPT].size == 0 || values[OTLP_FACT_SESSION].size == 0);
}

/* A step that is not loose, and named by what its trace says. */
static bool teaches(const struct otlp_trace_row *trace, int told)
{
    struct str values[OTLP_FACT_COUNT];
    otlp_facts_of_trace(trace, values);
    const bool workflow_is_theirs = told_level(told, TOLD_WORKFLOW) == TOLD_BY_SPANS ||
                                    told_level(told, TOLD_WORKFLOW) == TOLD_BY_NOTHING;
    const bool attempt_is_theirs = told_level(told, TOLD_ATTEMPT) == TOLD_BY_SPANS ||
                                   told_level(told, TOLD_ATTEMPT) == TOLD_BY_NOTHING;
    return trace->is_taught && (workflow_is_theirs || values[OTLP_FACT_WORKFLOW_HINT].size == 0) &&
           (attempt_is_theirs || values[OTLP_FACT_SESSION].size == 0);
}

/* Returns bits of enum told. */
static int facts_at(struct otlp_batch *batch, const struct otlp_place *place,
                    struct str values[static OTLP_FACT_COUNT])
{
    bool is_whole = false; /* all the way to the root is in this batch */
    memset(values, 0, OTLP_FACT_COUNT * sizeof values[0]);
    if (place->facts != NULL) {
        fill(values, place->facts->values);
    }
    size_t span = place->span;
    if (span == SIZE_MAX && place->span_key.size > 0) {
        span = wire_index_find(&batch->span_index, place->span_key);
    }
    for (int i = 0; i < OTLP_ANCESTORS_MAX && span != SIZE_MAX; i++) {
        if (batch->spans.rows[span].facts != NULL) {
            fill(values, batch->spans.rows[span].facts->values);
        }
        is_whole = batch->spans.rows[span].is_root;
        span = parent_of(batch, span);
    }
    /* What only others of the trace say may be said otherwise by those that are yet to come. */
    const struct otlp_source *const source = place->source;
    int told = source->bound != NULL ? level(0, source->bound->values, TOLD_BY_SPANS) : 0;
    told = level(told, values, TOLD_BY_SPANS);
    told = level_all(told, source, values);
    if (place->trace != SIZE_MAX) {
        struct str of_trace[OTLP_FACT_COUNT];
        otlp_facts_of_trace(&batch->traces.rows[place->trace], of_trace);
        fill(values, of_trace);
    }
    fill(values, source->facts.values);
    if (place->trace != SIZE_MAX &&
        !(is_whole && told_level(told, TOLD_CASE) == TOLD_BY_SPANS &&
          (told_level(told, TOLD_WORKFLOW) > 0 || told_level(told, TOLD_HINT) > 0))) {
        told |= TOLD_LOOSE;
    } else if (place->trace != SIZE_MAX && source->bound == NULL) {
        told |= teaches(&batch->traces.rows[place->trace], told) ? TOLD_TAUGHT : 0;
    }
    return told;
}

/* What the session logs of a coding agent are imported as, so that all channels meet. */
static struct str program_of(struct str service)
{
    if (str_equal(service, STR("claude-code"))) {
        return STR("claude-code");
    }
    if (str_equal(service, STR("gemini-cli"))) {
        return STR("gemini-cli");
    }
    return wire_starts_with(service, "codex") ? STR("codex") : (struct str){0};
}

/* Of the key, the record (with what it inherits), the request, a rule: the first that says it. */
static struct str strongest(const struct otlp_source *source, const struct str *values,
                            enum otlp_fact fact, enum correlation_field field)
{
    if (source->bound != NULL && source->bound->values[fact].size > 0) {
        return source->bound->values[fact];
    }
    if (values[fact].size > 0) {
        return values[fact];
    }
    if (source->told != NULL && source->told->values[fact].size > 0) {
        return source->told->values[fact];
    }
    return values[OTLP_FACT_RULE + (int)field];
}

struct otlp_named otlp_name(struct otlp *otlp, const struct otlp_place *place)
{
    CHECK(place->source != NULL);
    struct str values[OTLP_FACT_COUNT];
    const int told = facts_at(&otlp->batch, place, values);
    const struct str session = values[OTLP_FACT_SESSION];
    struct str trace = {0};
    if (place->trace != SIZE_MAX) {
        trace = otlp->batch.traces.rows[place->trace].id;
    }
    struct str fallback = session.size > 0 ? session : trace;
    if (fallback.size == 0) { /* neither: all that service tells without saying of what */
        fallback = place->source->service.size > 0 ? place->source->service : STR("unknown");
    }
    const struct otlp_source *const source = place->source;
    struct otlp_named named = {
        .workflow = strongest(source, values, OTLP_FACT_WORKFLOW, CORRELATION_WORKFLOW),
        .case_id = strongest(source, values, OTLP_FACT_CASE, CORRELATION_CASE),
        .attempt = strongest(source, values, OTLP_FACT_ATTEMPT, CORRELATION_ATTEMPT),
        .input_key = strongest(source, values, OTLP_FACT_INPUT_KEY, CORRELATION_INPUT_KEY),
        .program = program_of(source->service),
        .session = session,
        .told = told};
    named.workflow = named.workflow.size > 0 ? named.workflow : values[OTLP_FACT_WORKFLOW_HINT];
    named.is_session = named.case_id.size == 0;
    named.case_id = named.is_session ? fallback : named.case_id;
    named.attempt = named.attempt.size > 0 ? named.attempt : fallback;
    return named;
}
