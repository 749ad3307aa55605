/*
 * Whose steps they are.
 *
 * Spans come children first, and what says whose work it is may stand on any of them: so it is
 * gathered while records come and looked up when all are in. A fact is that of the span itself,
 * else of its nearest ancestor, else what the spans of its trace agree on, else the resource's.
 */
#include "base/check.h"
#include "base/hash.h"
#include "wire/otlp_priv.h"

static struct str id_str(const struct otlp_id *id)
{
    return (struct str){id->hex, id->size};
}

static size_t trace_row(struct otlp *otlp, struct str id)
{
    struct otlp_batch *const batch = &otlp->batch;
    size_t row = wire_index_find(&batch->trace_index, id);
    if (row != SIZE_MAX || otlp->rows->full) {
        return row;
    }
    const struct str copy = wire_copy(otlp->rows, id);
    row = otlp->rows->full ? SIZE_MAX : arena_push(otlp->rows->arena, &batch->traces);
    if (row == SIZE_MAX || !wire_index_add(&batch->trace_index, otlp->rows->arena, copy, row)) {
        otlp->rows->full = true;
        return SIZE_MAX;
    }
    batch->traces.rows[row] = (struct otlp_trace_row){.id = copy, .key = hash64(copy)};
    return row;
}

static void note_facts(struct otlp_trace_row *trace, const struct otlp_facts *facts)
{
    if (facts == NULL) {
        return;
    }
    const struct str case_id = facts->values[OTLP_FACT_CASE];
    const struct str first = trace->of_case[OTLP_FACT_CASE];
    const bool is_smaller = first.size > 0 && case_id.size > 0 && str_compare(case_id, first) < 0;
    const bool is_greater = first.size > 0 && case_id.size > 0 && str_compare(case_id, first) > 0;
    trace->disagrees = trace->disagrees || is_smaller || is_greater;
    if (is_smaller) {
        memset(trace->of_case, 0, sizeof trace->of_case);
    }
    struct str *const into = case_id.size > 0 ? trace->of_case : trace->others;
    for (int i = 0; i < OTLP_FACT_COUNT && !is_greater; i++) {
        const struct str told = facts->values[i];
        if (told.size == 0) {
            continue;
        }
        const struct str other = trace->of_case[i].size > 0 ? trace->of_case[i] : trace->others[i];
        trace->disagrees = trace->disagrees || (other.size > 0 && !str_equal(other, told));
        into[i] = into[i].size == 0 || str_compare(told, into[i]) < 0 ? told : into[i];
    }
}

/* Trace and span, which together name a span. */
static struct str span_key(char buffer[static OTLP_TRACE_HEX + OTLP_SPAN_HEX],
                           const struct otlp_id *trace, const struct otlp_id *span)
{
    if (trace->size == 0 || span->size == 0) {
        return (struct str){0};
    }
    memcpy(buffer, trace->hex, OTLP_TRACE_HEX);
    memcpy(buffer + OTLP_TRACE_HEX, span->hex, OTLP_SPAN_HEX);
    return (struct str){buffer, OTLP_TRACE_HEX + OTLP_SPAN_HEX};
}

static size_t add_span(struct otlp *otlp, const struct otlp_place *place)
{
    struct otlp_batch *const batch = &otlp->batch;
    const struct otlp_record *const record = &otlp->record;
    char buffer[OTLP_TRACE_HEX + OTLP_SPAN_HEX];
    const struct str key = span_key(buffer, &record->trace, &record->span);
    const size_t known = wire_index_find(&batch->span_index, key);
    if (known != SIZE_MAX || otlp->rows->full) {
        return known;
    }
    const struct str copy = wire_copy(otlp->rows, key);
    const struct str parent =
        wire_copy(otlp->rows, span_key(buffer, &record->trace, &record->parent));
    const size_t row = otlp->rows->full ? SIZE_MAX : arena_push(otlp->rows->arena, &batch->spans);
    if (row == SIZE_MAX || !wire_index_add(&batch->span_index, otlp->rows->arena, copy, row)) {
        otlp->rows->full = true;
        return SIZE_MAX;
    }
    batch->spans.rows[row] = (struct otlp_span_row){.parent = SIZE_MAX,
                                                    .parent_key = parent,
                                                    .is_root = record->parent.size == 0,
                                                    .facts = place->facts,
                                                    .source = place->source,
                                                    .trace = place->trace};
    return row;
}

struct otlp_place otlp_place_of(struct otlp *otlp, bool is_span)
{
    struct otlp_batch *const batch = &otlp->batch;
    CHECK(batch->source != NULL);
    struct otlp_place place = {
        .span = SIZE_MAX,
        .trace = SIZE_MAX,
        .facts =
            otlp_facts_of(otlp, &otlp->attributes, otlp->is_correlated ? &otlp->correlated : NULL),
        .source = batch->source,
        .version = otlp_intern(otlp, otlp_text(otlp, OTLP_ROLE_VERSION))};
    if (otlp->record.trace.size > 0) {
        place.trace = trace_row(otlp, id_str(&otlp->record.trace));
    }
    if (place.trace != SIZE_MAX) {
        note_facts(&batch->traces.rows[place.trace], place.facts);
    }
    if (is_span && place.trace != SIZE_MAX) {
        place.span = add_span(otlp, &place);
    } else if (otlp->record.span.size > 0) {
        char buffer[OTLP_TRACE_HEX + OTLP_SPAN_HEX];
        place.span_key =
            wire_copy(otlp->rows, span_key(buffer, &otlp->record.trace, &otlp->record.span));
    }
    return place;
}

/* Of two readings of one step: the better channel, else the fuller. */
static bool is_better(const struct step *old, const struct step *new)
{
    return old->channel != new->channel ? new->channel < old->channel
                                        : wire_step_is_fuller(old, new);
}

void otlp_add_step(struct otlp *otlp, struct str identity, const struct step *step,
                   const struct otlp_place *place)
{
    CHECK(identity.size > 0);
    struct wire_decoder *const rows = otlp->rows;
    struct otlp_batch *const batch = &otlp->batch;
    size_t row = wire_step_find(rows, identity);
    if (row != SIZE_MAX && !is_better(wire_step(rows, row), step)) {
        return;
    }
    if (row == SIZE_MAX && !rows->full) {
        row = wire_step_new(rows, 0, step->kind, identity);
        const size_t at = row == SIZE_MAX ? row : arena_push(rows->arena, &batch->places);
        rows->full = rows->full || at == SIZE_MAX;
        CHECK(rows->full || at == row);
    }
    if (rows->full) {
        return;
    }
    struct step *const kept = wire_step(rows, row);
    const struct str named = kept->identity;
    const struct decision *const decision = kept->decision;
    *kept = *step;
    kept->identity = named;
    kept->decision = step->decision != NULL ? step->decision : decision;
    kept->has_channel = true;
    kept->line = rows->line;
    kept->sequence = step->started_ns != TIME_UNKNOWN ? step->started_ns : 0;
    batch->places.rows[row] = *place;
}

static const struct {
    const char *name;
    enum outcome_status status;
} statuses[] = {{"resolved", OUTCOME_RESOLVED},
                {"failed", OUTCOME_FAILED},
                {"reopened", OUTCOME_REOPENED},
                {"escalated", OUTCOME_ESCALATED}};

/* COUNT_OF(statuses): none of them. */
static size_t status_of(struct str told)
{
    size_t at = 0;
    while (at < COUNT_OF(statuses) && !str_equal_fold(told, str_from(statuses[at].name))) {
        at++;
    }
    return at;
}

bool otlp_tells_outcome(const struct otlp *otlp)
{
    struct str told;
    return otlp_has(otlp, OTLP_ROLE_OUTCOME) ||
           (otlp_rule_outcome(otlp, &told) && status_of(told) < COUNT_OF(statuses));
}

void otlp_add_outcome(struct otlp *otlp, const struct otlp_place *place, int64_t at_ns)
{
    struct str told = otlp_text(otlp, OTLP_ROLE_OUTCOME);
    const bool by_rule = !otlp_has(otlp, OTLP_ROLE_OUTCOME) && otlp_rule_outcome(otlp, &told);
    const size_t at = status_of(told);
    if (at == COUNT_OF(statuses)) {
        otlp->batch.counts.conflicts++;
        wire_reject(otlp->rows, otlp->rows->line,
                    "bursar.outcome is %.*s, not resolved, failed, reopened or escalated",
                    (int)(told.size < 40 ? told.size : 40), told.data != NULL ? told.data : "");
        return;
    }
    struct outcome outcome = {.status = statuses[at].status,
                              .effective_ns = at_ns,
                              .recorded_ns = TIME_UNKNOWN,
                              .line = otlp->rows->line};
    char text[OTLP_TRACE_HEX + OTLP_SPAN_HEX];
    const struct otlp_record *const record = &otlp->record;
    outcome.id = otlp_intern(otlp, otlp_text(otlp, OTLP_ROLE_OUTCOME_ID));
    if (outcome.id.size == 0) {
        const struct str key = span_key(text, &record->trace, &record->span);
        outcome.id = key.size > 0 ? wire_format_copy(otlp->rows, "span:" STR_FORMAT, STR_ARG(key))
                                  : wire_format_copy(otlp->rows, "event:%s:%lld", statuses[at].name,
                                                     (long long)at_ns);
    }
    const struct otlp_slot *const slots = otlp->slots;
    double number = 0;
    if (otlp_has(otlp, OTLP_ROLE_OUTCOME_VALUE) &&
        otlp_number(&slots[OTLP_ROLE_OUTCOME_VALUE].attribute->value, &number)) {
        outcome.has_value = otlp_money(number, &outcome.value_pusd);
    }
    if (otlp_has(otlp, OTLP_ROLE_OUTCOME_QUALITY) &&
        otlp_number(&slots[OTLP_ROLE_OUTCOME_QUALITY].attribute->value, &number)) {
        outcome.has_quality = number >= 0 && number <= 1;
        outcome.quality = outcome.has_quality ? number : 0;
    }
    if (otlp_has(otlp, OTLP_ROLE_OUTCOME_HUMAN_MS)) {
        (void)otlp_integer(&slots[OTLP_ROLE_OUTCOME_HUMAN_MS].attribute->value, &outcome.human_ms);
    }
    outcome.source = otlp_intern(otlp, otlp_text(otlp, OTLP_ROLE_OUTCOME_SOURCE));
    outcome.source = outcome.source.size > 0 ? outcome.source : by_rule ? STR("rule") : STR("otlp");
    outcome.reference = otlp_intern(otlp, otlp_text(otlp, OTLP_ROLE_OUTCOME_REFERENCE));
    const size_t row =
        otlp->rows->full ? SIZE_MAX : arena_push(otlp->rows->arena, &otlp->batch.outcomes);
    if (row == SIZE_MAX) {
        otlp->rows->full = true;
        return;
    }
    otlp->batch.outcomes.rows[row] = (struct otlp_outcome_row){outcome, *place};
}
