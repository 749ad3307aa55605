/* What a trace says besides its steps -> ledger rows: outcomes, KPIs, facts of traces, and what was
 * refused. */
#include <math.h>

#include "base/check.h"
#include "ingest/convert_priv.h"

/* What an outcome says, for telling a repetition from a revision. */
static uint64_t outcome_content(const struct outcome *outcome)
{
    const struct {
        int64_t status, effective_ns, recorded_ns, value_pusd, human_ms;
        double quality;
    } facts = {outcome->status,      outcome->effective_ns,
               outcome->recorded_ns, outcome->has_value ? outcome->value_pusd : LEDGER_NULL,
               outcome->human_ms,    outcome->has_quality ? outcome->quality : -1};
    return hash64_of((struct str){(const char *)&facts, sizeof facts}, outcome->source,
                     outcome->reference);
}

static struct hash128 outcome_key(const struct outcome *outcome, struct str workflow)
{
    if (outcome->id.size > 0) {
        return hash128_of(STR("outcome"), workflow, outcome->case_id, outcome->id);
    }
    const int64_t facts[] = {outcome->status, outcome->effective_ns};
    return hash128_of(STR("outcome at"), workflow, outcome->case_id,
                      (struct str){(const char *)facts, sizeof facts});
}

static int64_t recorded_at(const struct ingest *ingest, const struct outcome *outcome)
{
    if (outcome->recorded_ns != TIME_UNKNOWN) {
        return outcome->recorded_ns;
    }
    return outcome->received_ns != 0 ? outcome->received_ns : ingest->now_ns;
}

enum errc convert_outcome(struct ingest *ingest, const struct outcome *outcome,
                          const struct ingest_origin *origin, struct err *err)
{
    struct group *const group = &ingest->group;
    const struct str workflow = convert_workflow(outcome->workflow, outcome->program, origin);
    const uint64_t case_key = hash64_of(workflow, outcome->case_id);
    const struct trace_case named = {.workflow = workflow, .id = outcome->case_id};
    const enum errc code = convert_case(ingest, &named, origin, case_key, workflow, err);
    if (code != ERR_OK) {
        return code;
    }
    const size_t at = arena_push(&group->arena, &group->outcomes);
    if (at == SIZE_MAX) {
        return ingest_full(ingest, err);
    }
    const struct hash128 key = outcome_key(outcome, workflow);
    group->repeats_outcomes =
        !key_set_add(&ingest->outcomes_seen, key.low) || group->repeats_outcomes;
    group->outcomes.rows[at] = (struct ledger_outcomes){
        .outcome_key = key,
        .revision = 1, /* unless the ledger or this run has others: QUERY_add_staged_outcomes */
        .content_hash = outcome_content(outcome),
        .outcome_id = outcome->id.data != NULL ? outcome->id : STR(""),
        .case_key = case_key,
        .workflow = workflow,
        .case_id = outcome->case_id,
        .status = (uint8_t)outcome->status,
        .effective_ns = time_or_null(outcome->effective_ns),
        .recorded_ns = recorded_at(ingest, outcome),
        .value_pusd = outcome->has_value ? outcome->value_pusd : LEDGER_NULL,
        .human_ms = outcome->human_ms,
        .quality = outcome->has_quality ? outcome->quality : (double)NAN,
        .source = text_or_null(outcome->source),
        .reference = text_or_null(outcome->reference),
    };
    return ERR_OK;
}

enum errc convert_kpi(struct ingest *ingest, const struct kpi *kpi,
                      const struct ingest_origin *origin, struct err *err)
{
    struct group *const group = &ingest->group;
    const struct str told = kpi->workflow.size > 0 ? kpi->workflow : origin->workflow;
    const struct str workflow = origin->bound_workflow.size > 0 ? origin->bound_workflow : told;
    const size_t at = arena_push(&group->arena, &group->kpis);
    if (at == SIZE_MAX) {
        return ingest_full(ingest, err);
    }
    const struct str time = {(const char *)&kpi->at_ns, sizeof kpi->at_ns};
    group->kpis.rows[at] = (struct ledger_kpis){
        .kpi_key = hash128_of(workflow, kpi->name, kpi->series, time),
        .workflow = workflow.data != NULL ? workflow : STR(""),
        .name = kpi->name,
        .unit = kpi->unit.data != NULL ? kpi->unit : STR(""),
        .series = kpi->series.data != NULL ? kpi->series : STR(""),
        .at_ns = kpi->at_ns,
        .value = kpi->value,
    };
    return ERR_OK;
}

enum errc ingest_add_reject(struct ingest *ingest, struct str path, int64_t line, struct str reason,
                            struct err *err)
{
    CHECK(ingest != NULL);
    struct group *const group = &ingest->group;
    const size_t at = arena_push(&group->arena, &group->rejects);
    const struct str kept = arena_copy(&group->arena, reason);
    if (at == SIZE_MAX || kept.data == NULL) {
        return ingest_full(ingest, err);
    }
    group->rejects.rows[at] = (struct ledger_rejects){.path = path, .line = line, .reason = kept};
    struct ingest_summary *const summary = &ingest->summary;
    if (summary->rejects_shown < INGEST_REJECTS_SHOWN_MAX) {
        struct ingest_reject *const shown = &summary->rejects[summary->rejects_shown++];
        struct err text = {0};
        (void)err_set(&text, ERR_SYNTAX, STR_FORMAT ":%lld: " STR_FORMAT, STR_ARG(path),
                      (long long)line, STR_ARG(reason));
        memcpy(shown->text, text.text, sizeof shown->text - 1);
    }
    summary->rejected++;
    ingest->group_rejected++;
    return ERR_OK;
}

enum errc convert_rejects(struct ingest *ingest, const struct trace *trace,
                          const struct ingest_origin *origin, struct err *err)
{
    for (size_t i = 0; i < trace->rejects.count; i++) {
        const struct reject *reject = &trace->rejects.rows[i];
        const enum errc code =
            ingest_add_reject(ingest, origin->path, reject->line, reject->reason, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    CHECK(trace->rejected >= (int64_t)trace->rejects.count);
    const int64_t beyond = trace->rejected - (int64_t)trace->rejects.count;
    ingest->summary.rejected += beyond;
    ingest->group_rejected += beyond;
    return ERR_OK;
}

enum errc convert_fact(struct ingest *ingest, const struct trace_fact *fact, struct err *err)
{
    struct group *const group = &ingest->group;
    const struct str names[] = {fact->workflow,   fact->hint,    fact->case_id,
                                fact->attempt_id, fact->session, fact->input_key};
    uint64_t of[] = {fact->trace_key, fact->is_by_rule};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        of[1] = of[1] << 1 | (names[i].data != NULL);
    }
    const struct str key = {(const char *)of, sizeof of};
    const uint64_t hash = hash64_of(key, fact->workflow, fact->hint, fact->case_id,
                                    fact->attempt_id, fact->session, fact->input_key);
    if (!key_set_add(&ingest->facts_seen, hash)) {
        return ERR_OK;
    }
    const size_t at = arena_push(&group->arena, &group->facts);
    if (at == SIZE_MAX) {
        return ingest_full(ingest, err);
    }
    group->facts.rows[at] = (struct ledger_trace_facts){
        .trace_key = fact->trace_key,
        .content_hash = hash,
        .is_by_rule = fact->is_by_rule,
        .is_taught = fact->is_taught,
        .workflow = fact->workflow,
        .hint = fact->hint,
        .case_id = fact->case_id,
        .attempt_id = fact->attempt_id,
        .session = fact->session,
        .input_key = fact->input_key,
    };
    return ERR_OK;
}
