/* The end of a batch: each step's facts -> its case and attempt. See otlp_case.c. */
#include "base/check.h"
#include "wire/otlp_resolve_priv.h"

enum { CASE_KEY_BYTES_MAX = sizeof(size_t) + 2 * WIRE_ID_BYTES_MAX };

/* The key of a case in the index: where its parts meet, then both. */
static struct str key_of(char buffer[static CASE_KEY_BYTES_MAX], struct str workflow,
                         struct str case_id)
{
    CHECK(workflow.size <= WIRE_ID_BYTES_MAX);
    CHECK(case_id.size <= WIRE_ID_BYTES_MAX);
    size_t size = sizeof workflow.size;
    memcpy(buffer, &workflow.size, size);
    if (workflow.size > 0) {
        memcpy(buffer + size, workflow.data, workflow.size);
        size += workflow.size;
    }
    memcpy(buffer + size, case_id.data, case_id.size);
    return (struct str){buffer, size + case_id.size};
}

static size_t case_of(struct otlp *otlp, const struct otlp_named *named)
{
    struct wire_decoder *const rows = otlp->rows;
    char buffer[CASE_KEY_BYTES_MAX];
    const struct str key = key_of(buffer, named->workflow, named->case_id);
    size_t row = rows->full ? SIZE_MAX : wire_index_find(&otlp->batch.case_index, key);
    if (row != SIZE_MAX || rows->full) {
        return row;
    }
    row = wire_case(rows, named->case_id, named->input_key, NULL, 0);
    const size_t list = row == SIZE_MAX ? row : arena_push(rows->arena, &otlp->batch.cases);
    const struct str copy = wire_copy(rows, key);
    if (list == SIZE_MAX || rows->full ||
        !wire_index_add(&otlp->batch.case_index, rows->arena, copy, row)) {
        rows->full = true;
        return SIZE_MAX;
    }
    CHECK(list == row);
    rows->trace.cases.rows[row].workflow = named->workflow;
    rows->trace.cases.rows[row].is_session = named->is_session;
    rows->trace.cases.rows[row].program = named->program;
    return row;
}

static size_t attempt_of(struct otlp *otlp, size_t case_row, const struct otlp_named *named,
                         const struct otlp_place *place)
{
    struct wire_decoder *const rows = otlp->rows;
    const struct str case_bytes = {(const char *)&case_row, sizeof case_row};
    char buffer[sizeof case_row + WIRE_ID_BYTES_MAX];
    CHECK(named->attempt.size <= WIRE_ID_BYTES_MAX);
    memcpy(buffer, case_bytes.data, case_bytes.size);
    memcpy(buffer + case_bytes.size, named->attempt.data, named->attempt.size);
    const struct str key = {buffer, case_bytes.size + named->attempt.size};
    size_t row = wire_index_find(&otlp->batch.attempt_index, key);
    if (row != SIZE_MAX || rows->full) {
        return row;
    }
    const struct str version = place->version.size > 0 ? place->version : place->source->version;
    const struct str service = place->source->service;
    struct str agent = service;
    if (service.size > 0 && version.size > 0) {
        agent =
            wire_format_copy(rows, STR_FORMAT " " STR_FORMAT, STR_ARG(service), STR_ARG(version));
    }
    row = wire_attempt_of(rows, case_row, named->attempt, agent);
    const struct str copy = wire_copy(rows, key);
    if (rows->full || !wire_index_add(&otlp->batch.attempt_index, rows->arena, copy, row)) {
        rows->full = true;
        return SIZE_MAX;
    }
    int64_t number = 0;
    enum { NUMBER_MAX = 1000000 };
    if (str_to_int64(named->attempt, &number) && number > 0 && number <= NUMBER_MAX) {
        rows->trace.attempts.rows[row].number = number;
    }
    return row;
}

/* Of two values of one attribute the stronger's counts, of one strength the smaller, so that the
 * order of records does not matter. */
static void add_attribute(struct otlp *otlp, size_t case_row, enum otlp_strength strength,
                          struct attribute attribute)
{
    struct otlp_case_row *const list = &otlp->batch.cases.rows[case_row];
    if (attribute.value.size == 0) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        struct otlp_case_attribute *const row = &list->rows[i];
        if (str_equal(row->attribute.name, attribute.name)) {
            if (strength > row->strength ||
                (strength == row->strength &&
                 str_compare(attribute.value, row->attribute.value) < 0)) {
                *row = (struct otlp_case_attribute){attribute, strength};
            }
            return;
        }
    }
    if (list->count == OTLP_CASE_ATTRIBUTES_MAX || otlp->rows->full) {
        return;
    }
    const size_t at = arena_push(otlp->rows->arena, list);
    if (at == SIZE_MAX) {
        otlp->rows->full = true;
        return;
    }
    list->rows[at] = (struct otlp_case_attribute){attribute, strength};
}

static void add_facts(struct otlp *otlp, size_t case_row, enum otlp_strength strength,
                      const struct otlp_facts *facts)
{
    for (size_t i = 0; facts != NULL && i < facts->attribute_count; i++) {
        add_attribute(otlp, case_row, strength, facts->attributes[i]);
    }
    for (size_t i = 0; facts != NULL && i < facts->derived_count; i++) {
        add_attribute(otlp, case_row, OTLP_BY_RULE, facts->derived[i]);
    }
}

static void describe(struct otlp *otlp, size_t case_row, const struct otlp_named *named,
                     const struct otlp_place *place)
{
    struct otlp_case_row *const list = &otlp->batch.cases.rows[case_row];
    struct trace_case *const row = &otlp->rows->trace.cases.rows[case_row];
    if (named->input_key.size > 0 &&
        (row->input_key.size == 0 || str_compare(named->input_key, row->input_key) < 0)) {
        row->input_key = named->input_key;
    }
    row->is_session = row->is_session && named->is_session;
    if (list->source != place->source) { /* mostly one resource a request */
        list->source = place->source;
        add_facts(otlp, case_row, OTLP_BY_KEY, place->source->bound);
        add_facts(otlp, case_row, OTLP_BY_RECORD, &place->source->facts);
        add_attribute(otlp, case_row, OTLP_BY_RECORD,
                      (struct attribute){STR("service"), place->source->service});
        add_facts(otlp, case_row, OTLP_BY_REQUEST, place->source->told);
    }
    if (list->facts != place->facts) {
        list->facts = place->facts;
        add_facts(otlp, case_row, OTLP_BY_RECORD, place->facts);
    }
}

/* A sum of calls is of its session where it is of one. */
static void resolve_step(struct step *step, const struct otlp_batch *batch,
                         const struct otlp_place *place, const struct otlp_named *named)
{
    step->sender = place->source->sender;
    if (place->trace != SIZE_MAX) {
        step->trace_key = batch->traces.rows[place->trace].key;
        step->told = named->told;
    }
    step->nameless = step->nameless.size > 0 ? named->session : step->nameless;
    if (step->meter != NULL && named->session.size > 0) {
        step->meter->session = named->session;
    }
}

static void resolve_steps(struct otlp *otlp)
{
    struct otlp_batch *const batch = &otlp->batch;
    struct wire_decoder *const rows = otlp->rows;
    CHECK(rows->full || batch->places.count == rows->trace.steps.count);
    for (size_t i = 0; i < batch->places.count && !rows->full; i++) {
        const struct otlp_place *const place = &batch->places.rows[i];
        const struct otlp_named named = otlp_name(otlp, place);
        const size_t case_row = case_of(otlp, &named);
        const size_t attempt = rows->full ? SIZE_MAX : attempt_of(otlp, case_row, &named, place);
        if (!rows->full) {
            describe(otlp, case_row, &named, place);
            rows->trace.steps.rows[i].attempt_index = attempt;
            resolve_step(&rows->trace.steps.rows[i], batch, place, &named);
        }
    }
}

static void add_fact(struct wire_decoder *rows, const struct trace_fact *fact)
{
    const bool any = fact->workflow.data != NULL || fact->hint.data != NULL ||
                     fact->case_id.data != NULL || fact->attempt_id.data != NULL ||
                     fact->session.data != NULL || fact->input_key.data != NULL;
    const size_t at = any && !rows->full ? arena_push(rows->arena, &rows->trace.facts) : 0;
    if (at == SIZE_MAX) {
        rows->full = true;
    } else if (any && !rows->full) {
        rows->trace.facts.rows[at] = *fact;
    }
}

static struct trace_fact fact_of(const struct otlp_trace_row *from, const struct str *values)
{
    return (struct trace_fact){
        .trace_key = from->key,
        .is_taught = from->is_taught,
        .workflow = values[OTLP_FACT_WORKFLOW],
        .hint = values[OTLP_FACT_WORKFLOW_HINT],
        .case_id = values[OTLP_FACT_CASE],
        .attempt_id = values[OTLP_FACT_ATTEMPT],
        .session = values[OTLP_FACT_SESSION],
        .input_key = values[OTLP_FACT_INPUT_KEY],
    };
}

/* What the spans of each trace say, for those that come in other batches. */
static void resolve_traces(struct otlp *otlp)
{
    struct otlp_batch *const batch = &otlp->batch;
    for (size_t i = 0; i < batch->traces.count && !otlp->rows->full; i++) {
        const struct otlp_trace_row *const from = &batch->traces.rows[i];
        struct str values[OTLP_FACT_COUNT];
        otlp_facts_of_trace(from, values);
        const struct str *const of_rule = &values[OTLP_FACT_RULE];
        const struct trace_fact ruled = {
            .trace_key = from->key,
            .is_by_rule = true,
            .workflow = of_rule[CORRELATION_WORKFLOW],
            .case_id = of_rule[CORRELATION_CASE],
            .attempt_id = of_rule[CORRELATION_ATTEMPT],
            .input_key = of_rule[CORRELATION_INPUT_KEY],
        };
        if (from->is_taught || from->of_case[OTLP_FACT_CASE].size == 0) {
            const struct trace_fact told = fact_of(from, values);
            add_fact(otlp->rows, &told);
        } else { /* a smaller case may come, and what was said without a case is its, too */
            const struct trace_fact of_case = fact_of(from, from->of_case);
            const struct trace_fact others = fact_of(from, from->others);
            add_fact(otlp->rows, &of_case);
            add_fact(otlp->rows, &others);
        }
        add_fact(otlp->rows, &ruled);
    }
}

static void resolve_outcomes(struct otlp *otlp)
{
    struct otlp_batch *const batch = &otlp->batch;
    struct wire_decoder *const rows = otlp->rows;
    for (size_t i = 0; i < batch->outcomes.count && !rows->full; i++) {
        struct otlp_outcome_row *const from = &batch->outcomes.rows[i];
        const struct otlp_named named = otlp_name(otlp, &from->place);
        const size_t case_row = case_of(otlp, &named);
        const size_t at = rows->full ? SIZE_MAX : arena_push(rows->arena, &rows->trace.outcomes);
        if (at == SIZE_MAX) {
            rows->full = true;
            return;
        }
        describe(otlp, case_row, &named, &from->place);
        rows->trace.outcomes.rows[at] = from->outcome;
        rows->trace.outcomes.rows[at].case_id = named.case_id;
        rows->trace.outcomes.rows[at].workflow = named.workflow;
        rows->trace.outcomes.rows[at].program = named.program;
    }
}

/* Spans that are no steps may still tell what a case is. */
static void describe_spans(struct otlp *otlp)
{
    struct otlp_batch *const batch = &otlp->batch;
    for (size_t i = 0; i < batch->spans.count && !otlp->rows->full; i++) {
        const struct otlp_span_row *const span = &batch->spans.rows[i];
        if (span->facts == NULL) {
            continue;
        }
        const struct otlp_place place = {
            .span = i, .trace = span->trace, .facts = span->facts, .source = span->source};
        const struct otlp_named named = otlp_name(otlp, &place);
        char buffer[CASE_KEY_BYTES_MAX];
        const struct str key = key_of(buffer, named.workflow, named.case_id);
        const size_t row = otlp->rows->full ? SIZE_MAX : wire_index_find(&batch->case_index, key);
        if (row != SIZE_MAX) {
            describe(otlp, row, &named, &place);
        }
    }
}

void otlp_resolve(struct otlp *otlp)
{
    CHECK(otlp->rows != NULL);
    for (size_t i = 0; i < otlp->batch.traces.count; i++) {
        otlp->batch.traces.rows[i].is_taught = otlp_is_teachable(&otlp->batch.traces.rows[i]);
    }
    resolve_steps(otlp);
    resolve_outcomes(otlp);
    describe_spans(otlp);
    for (size_t i = 0; i < otlp->batch.cases.count && !otlp->rows->full; i++) {
        const struct otlp_case_row *const list = &otlp->batch.cases.rows[i];
        struct attribute attributes[OTLP_CASE_ATTRIBUTES_MAX];
        for (size_t k = 0; k < list->count; k++) {
            attributes[k] = list->rows[k].attribute;
        }
        wire_case_attributes(otlp->rows, i, attributes, list->count);
    }
    resolve_traces(otlp);
}
