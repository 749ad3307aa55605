/* Traces -> ledger rows: keys, prices, and which of two readings of one step stays. */
#include "ingest/ingest_priv.h"

#include <math.h>

#include "base/check.h"

static enum errc group_full(const struct ingest *ingest, struct err *err)
{
    return err_set(err, ERR_LIMIT, "an import group needs more than %zu bytes",
                   ingest->group.arena.size_max);
}

struct keys {
    uint64_t *cases;          /* by case index of the trace */
    struct str *workflows;    /* by case index */
    uint64_t *attempts;       /* by attempt index */
    struct step_place *steps; /* by step index, once it is added */
    uint64_t source_id;
};

/* The workflow of a case: its sender's, else its own, else what was asked for, else its program's
 * name. */
static struct str workflow_of(struct str told, struct str program,
                              const struct ingest_origin *origin)
{
    if (origin->bound_workflow.size > 0) {
        return origin->bound_workflow;
    }
    if (told.size == 0) {
        told = origin->workflow_told || program.size == 0 ? origin->workflow : program;
    }
    return told.data != NULL ? told : STR("");
}

static struct str text_or_null(struct str text)
{
    return text.size > 0 ? text : (struct str){0};
}

static enum errc add_attribute(struct ingest *ingest, uint64_t case_key,
                               const struct attribute *attribute, struct err *err)
{
    struct group *const group = &ingest->group;
    const struct str parts = {(const char *)&case_key, sizeof case_key};
    if (!key_set_add(&ingest->cases_seen, hash64_of(parts, attribute->name, STR("attribute")))) {
        return ERR_OK;
    }
    const size_t at = arena_push(&group->arena, &group->attributes);
    if (at == SIZE_MAX) {
        return group_full(ingest, err);
    }
    group->attributes.rows[at] = (struct ledger_case_attributes){
        .case_key = case_key, .name = attribute->name, .value = attribute->value};
    return ERR_OK;
}

static enum errc add_case(struct ingest *ingest, const struct trace_case *from,
                          const struct ingest_origin *origin, uint64_t key, struct str workflow,
                          struct err *err)
{
    struct group *const group = &ingest->group;
    CHECK(from->id.size > 0);
    if (key_set_add(&ingest->cases_seen, key)) {
        const size_t at = arena_push(&group->arena, &group->cases);
        if (at == SIZE_MAX) {
            return group_full(ingest, err);
        }
        group->cases.rows[at] = (struct ledger_cases){
            .case_key = key,
            .workflow = workflow.data != NULL ? workflow : STR(""),
            .case_id = from->id,
            .input_key = text_or_null(from->input_key),
            .named_by = origin->session || from->is_session ? NAMED_BY_SESSION : NAMED_BY_SOURCE,
        };
    }
    enum errc code = ERR_OK;
    const struct attribute bound[] = {{STR("team"), origin->bound_team},
                                      {STR("user"), origin->bound_user}};
    for (size_t i = 0; i < COUNT_OF(bound) && code == ERR_OK; i++) {
        if (bound[i].value.size > 0) { /* first, because the first of a name stays */
            code = add_attribute(ingest, key, &bound[i], err);
        }
    }
    for (size_t i = 0; i < from->attribute_count && code == ERR_OK; i++) {
        code = add_attribute(ingest, key, &from->attributes[i], err);
    }
    return code;
}

static enum errc add_attempt(struct ingest *ingest, const struct attempt *from, uint64_t key,
                             uint64_t case_key, struct err *err)
{
    struct group *const group = &ingest->group;
    if (!key_set_add(&ingest->attempts_seen, key)) {
        return ERR_OK;
    }
    const size_t at = arena_push(&group->arena, &group->attempts);
    if (at == SIZE_MAX) {
        return group_full(ingest, err);
    }
    group->attempts.rows[at] = (struct ledger_attempts){
        .attempt_key = key,
        .case_key = case_key,
        .attempt_id = from->id.data != NULL ? from->id : STR(""),
        .number = from->number,
        .agent = text_or_null(from->agent),
        .succeeded = from->has_succeeded ? from->succeeded : LEDGER_NULL,
    };
    return ERR_OK;
}

static int64_t time_or_null(int64_t time_ns)
{
    return time_ns == TIME_UNKNOWN ? LEDGER_NULL : time_ns;
}

static struct hash128 step_key(const struct step *step, uint64_t attempt_key)
{
    if (step->identity.size > 0) {
        return hash128_of(STR("id"), step->identity);
    }
    const struct str attempt = {(const char *)&attempt_key, sizeof attempt_key};
    const struct str sequence = {(const char *)&step->sequence, sizeof step->sequence};
    return hash128_of(STR("at"), attempt, sequence, step->name);
}

/*
 * The cost of a step. Tables state what was paid, and their figure stands; elsewhere the price book
 * does, and a reported figure only fills in where no price is known.
 */
enum errc ingest_set_cost(const struct ingest *ingest, const struct step *step,
                          enum channel channel, struct ledger_steps *row, struct err *err)
{
    CHECK(row != NULL);
    row->cost_pusd = LEDGER_NULL;
    /* A figure the source calls none stays as its word, so that no price takes its place later. */
    row->reported_pusd = step->has_reported     ? step->reported_pusd
                         : step->is_unpriceable ? 0
                                                : LEDGER_NULL;
    if (step->kind != STEP_LLM) {
        row->cost_basis = step->has_reported ? COST_REPORTED : COST_NONE;
        row->cost_pusd = step->has_reported ? step->reported_pusd : LEDGER_NULL;
        row->provider = step->provider.size > 0 ? step->provider
                        : step->has_reported    ? STR("tool fees")
                                                : (struct str){0};
        return ERR_OK;
    }
    if (step->has_reported && channel == CHANNEL_TABLE) {
        row->cost_basis = COST_REPORTED;
        row->cost_pusd = step->reported_pusd;
        return ERR_OK;
    }
    struct price_result priced = {.state = PRICE_UNPRICED};
    if (step->has_usage && !step->is_unpriceable && step->started_ns != TIME_UNKNOWN) {
        const struct price_query query = {
            .provider = step->provider,
            .model = step->model,
            .at_ns = step->started_ns,
            .tier = step->tier,
            .region = step->region,
            .usage = &step->usage,
            .is_sum = channel == CHANNEL_METRIC,
            .memo = ingest->memo,
        };
        const enum errc code = price_call(ingest->book, &query, &priced, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    if (priced.state == PRICE_PRICED) {
        row->cost_basis = COST_PRICED;
        row->cost_pusd = priced.cost_pusd;
        row->price_id = priced.price_id;
        row->provider = priced.provider;
    } else if (step->has_reported) {
        row->cost_basis = COST_REPORTED;
        row->cost_pusd = step->reported_pusd;
    } else {
        row->cost_basis = COST_UNPRICED;
    }
    return ERR_OK;
}

static void copy_step(const struct step *from, const struct keys *keys, size_t case_index,
                      const struct ingest_origin *origin, struct ledger_steps *row)
{
    const struct usage *const usage = &from->usage;
    *row = (struct ledger_steps){
        .step_key = row->step_key,
        .attempt_key = keys->attempts[from->attempt_index],
        .case_key = keys->cases[case_index],
        .workflow = keys->workflows[case_index],
        .kind = (uint8_t)from->kind,
        .status = (uint8_t)from->status,
        .effect = (uint8_t)from->effect,
        .channel = (uint8_t)(from->has_channel ? from->channel : origin->channel),
        .sequence = from->sequence,
        .started_ns = time_or_null(from->started_ns),
        .ended_ns = time_or_null(from->ended_ns),
        .name = text_or_null(from->name),
        .agent = text_or_null(from->agent),
        .caller = from->caller.size > 0 ? hash128_of(STR("id"), from->caller).low : 0,
        .provider = text_or_null(from->provider),
        .model = text_or_null(from->model),
        .tier = (uint8_t)from->tier,
        .region = text_or_null(from->region),
#define X(name, column, text) .column = usage->counts[USAGE_##name],
        USAGE_CLASSES(X)
#undef X
            .reasoning = usage->reasoning,
        .raw_usage = text_or_null(from->raw_usage),
        .human_ms = from->human_ms,
        .args_hash = from->args_hash,
        .args_bytes = from->args_bytes,
        .result_bytes = from->result_bytes,
        .note = text_or_null(from->note),
        .source_id = keys->source_id,
        .line = from->line,
        .trace_key = from->trace_key,
        .sender = from->sender,
        .told = from->told,
    };
}

/* Note what else the step is called, and whom it names: known.c finds out which steps these are. */
static bool add_names(struct group *group, const struct step *step, struct hash128 key)
{
    if (step->alias.size > 0) {
        const struct hash128 alias = hash128_of(STR("id"), step->alias);
        const size_t at =
            hash128_equal(alias, key) ? 0 : arena_push(&group->arena, &group->aliases);
        if (at == SIZE_MAX) {
            return false;
        }
        if (!hash128_equal(alias, key)) {
            group->aliases.rows[at] =
                (struct ledger_step_aliases){.alias_key = alias, .step_key = key};
        }
    }
    if (step->caller.size > 0) {
        const struct hash128 caller = hash128_of(STR("id"), step->caller);
        if (group_find_step(group, caller) == SIZE_MAX) {
            const size_t at = arena_push(&group->arena, &group->callers);
            if (at == SIZE_MAX) {
                return false;
            }
            group->callers.rows[at] = (struct ledger_probes){.step_key = caller};
        }
    }
    return true;
}

/* A sum of calls: what of it is spend, meters.c finds out. */
static enum errc add_meter(struct ingest *ingest, const struct trace *trace,
                           const struct step *step, const struct keys *keys, struct err *err)
{
    struct group *const group = &ingest->group;
    const struct meter *const meter = step->meter;
    const struct attempt *const attempt = &trace->attempts.rows[step->attempt_index];
    const struct trace_case *const of = &trace->cases.rows[attempt->case_index];
    const size_t at = arena_push(&group->arena, &group->meters);
    if (at == SIZE_MAX) {
        return group_full(ingest, err);
    }
    CHECK(step->identity.size > 0);
    const struct hash128 key = hash128_of(STR("id"), step->identity);
    const int64_t figures[] = {
#define X(name) meter->name,
        METER_FIGURES(X)
#undef X
            meter->reported_pusd};
    const int64_t ended_ns = meter->ended_ns != TIME_UNKNOWN ? meter->ended_ns : meter->started_ns;
    group->meters.rows[at] = (struct ledger_meters){
        .point_key = key,
        .content_hash = hash64_of((struct str){(const char *)&key, sizeof key},
                                  (struct str){(const char *)figures, sizeof figures}),
        .series_key = meter->series,
        .scope_key =
            meter->session.size > 0 ? hash64_of(STR("session"), meter->session) : step->sender,
        .session = text_or_null(meter->session),
        .model_key = ingest_model_key(step->model),
        .is_cumulative = meter->is_cumulative,
        .is_exclusive = meter->is_exclusive,
        .started_ns = meter->started_ns != TIME_UNKNOWN ? meter->started_ns : 0,
        .ended_ns = ended_ns != TIME_UNKNOWN ? ended_ns : 0,
        .attempt_key = keys->attempts[step->attempt_index],
        .case_key = keys->cases[attempt->case_index],
        .workflow = keys->workflows[attempt->case_index],
        .case_id = of->id,
        .named_by = of->is_session ? NAMED_BY_SESSION : NAMED_BY_SOURCE,
        .attempt_id = attempt->id.data != NULL ? attempt->id : STR(""),
        .program = text_or_null(attempt->agent),
        .name = text_or_null(step->name),
        .agent = text_or_null(step->agent),
        .provider = text_or_null(step->provider),
        .model = text_or_null(step->model),
        .tier = (uint8_t)step->tier,
#define X(name) .name = meter->name,
        METER_FIGURES(X)
#undef X
            .reported_pusd = meter->reported_pusd,
    };
    return ERR_OK;
}

/* What a step decided; a step that is known may have told nothing of it before. */
static bool add_decision(struct group *group, const struct decision *decision, struct hash128 key)
{
    const size_t at = arena_push(&group->arena, &group->decisions);
    if (at == SIZE_MAX) {
        return false;
    }
    group->decisions.rows[at] = (struct ledger_decisions){
        .step_key = key,
        .kind = text_or_null(decision->kind),
        .choice = text_or_null(decision->choice),
        .made_by = (uint8_t)decision->by,
        .rule = text_or_null(decision->rule),
        .reason = text_or_null(decision->reason),
        .overrides = text_or_null(decision->overrides),
        .precedents = text_or_null(decision->precedents),
        .evidence = text_or_null(decision->evidence),
    };
    return true;
}

static enum errc add_step(struct ingest *ingest, size_t index, const struct trace *trace,
                          const struct keys *keys, const struct ingest_origin *origin,
                          struct err *err)
{
    const struct step *const step = &trace->steps.rows[index];
    CHECK(step->attempt_index < trace->attempts.count);
    if (step->meter != NULL) {
        keys->steps[index] = (struct step_place){.key = hash128_of(STR("id"), step->identity)};
        return add_meter(ingest, trace, step, keys, err);
    }
    struct group *const group = &ingest->group;
    const uint64_t attempt_key = keys->attempts[step->attempt_index];
    const size_t case_index = trace->attempts.rows[step->attempt_index].case_index;
    const struct hash128 key = step_key(step, attempt_key);

    struct ledger_steps row = {.step_key = key};
    copy_step(step, keys, case_index, origin, &row);
    if (!add_names(group, step, key) || !group_note_nameless(group, step, &row) ||
        (step->decision != NULL && !add_decision(group, step->decision, key))) {
        return group_full(ingest, err);
    }
    ingest->ledger_has_loose = ingest->ledger_has_loose || (step->told & TOLD_LOOSE) != 0;
    size_t at = group_find_step(group, key);
    keys->steps[index] = (struct step_place){.key = key, .is_new = at == SIZE_MAX};
    if (at != SIZE_MAX) {
        const struct reading old = reading_of(&group->steps.rows[at]);
        const struct reading new = reading_of(&row);
        const bool is_fuller = reading_is_fuller(&old, &new);
        ingest->summary.steps_known++;
        if (!group_note_dropped(group, is_fuller ? &group->steps.rows[at] : &row)) {
            return group_full(ingest, err);
        }
        if (!is_fuller) {
            return ERR_OK;
        }
    } else {
        at = group_add_step(group, key);
    }
    if (at == SIZE_MAX) {
        return group_full(ingest, err);
    }
    const enum errc code = ingest_set_cost(ingest, step, origin->channel, &row, err);
    if (code == ERR_OK) {
        group->steps.rows[at] = row;
    }
    return code;
}

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

static enum errc add_outcome(struct ingest *ingest, const struct outcome *outcome,
                             const struct ingest_origin *origin, struct err *err)
{
    struct group *const group = &ingest->group;
    const struct str workflow = workflow_of(outcome->workflow, outcome->program, origin);
    const uint64_t case_key = hash64_of(workflow, outcome->case_id);
    const struct trace_case named = {.workflow = workflow, .id = outcome->case_id};
    const enum errc code = add_case(ingest, &named, origin, case_key, workflow, err);
    if (code != ERR_OK) {
        return code;
    }
    const size_t at = arena_push(&group->arena, &group->outcomes);
    if (at == SIZE_MAX) {
        return group_full(ingest, err);
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
        .recorded_ns = outcome->recorded_ns == TIME_UNKNOWN ? ingest->now_ns : outcome->recorded_ns,
        .value_pusd = outcome->has_value ? outcome->value_pusd : LEDGER_NULL,
        .human_ms = outcome->human_ms,
        .quality = outcome->has_quality ? outcome->quality : (double)NAN,
        .source = text_or_null(outcome->source),
        .reference = text_or_null(outcome->reference),
    };
    return ERR_OK;
}

static enum errc add_kpi(struct ingest *ingest, const struct kpi *kpi,
                         const struct ingest_origin *origin, struct err *err)
{
    struct group *const group = &ingest->group;
    const struct str told = kpi->workflow.size > 0 ? kpi->workflow : origin->workflow;
    const struct str workflow = origin->bound_workflow.size > 0 ? origin->bound_workflow : told;
    const size_t at = arena_push(&group->arena, &group->kpis);
    if (at == SIZE_MAX) {
        return group_full(ingest, err);
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
        return group_full(ingest, err);
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

static enum errc add_rejects(struct ingest *ingest, const struct trace *trace,
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

static enum errc make_keys(struct ingest *ingest, const struct trace *trace,
                           const struct ingest_origin *origin, struct keys *keys, struct err *err)
{
    struct arena *const arena = &ingest->group.arena;
    keys->source_id = hash64(origin->path);
    keys->cases = arena_new(arena, uint64_t, trace->cases.count + 1);
    keys->workflows = arena_new(arena, struct str, trace->cases.count + 1);
    keys->attempts = arena_new(arena, uint64_t, trace->attempts.count + 1);
    keys->steps = arena_new(arena, struct step_place, trace->steps.count + 1);
    if (keys->cases == NULL || keys->workflows == NULL || keys->attempts == NULL ||
        keys->steps == NULL) {
        return group_full(ingest, err);
    }
    for (size_t i = 0; i < trace->cases.count; i++) {
        const struct trace_case *from = &trace->cases.rows[i];
        keys->workflows[i] = workflow_of(from->workflow, from->program, origin);
        keys->cases[i] = hash64_of(keys->workflows[i], from->id);
        const enum errc code =
            add_case(ingest, from, origin, keys->cases[i], keys->workflows[i], err);
        if (code != ERR_OK) {
            return code;
        }
    }
    for (size_t i = 0; i < trace->attempts.count; i++) {
        const struct attempt *from = &trace->attempts.rows[i];
        CHECK(from->case_index < trace->cases.count);
        const struct str case_key = {(const char *)&keys->cases[from->case_index],
                                     sizeof keys->cases[0]};
        keys->attempts[i] = hash64_of(case_key, from->id);
        const enum errc code =
            add_attempt(ingest, from, keys->attempts[i], keys->cases[from->case_index], err);
        if (code != ERR_OK) {
            return code;
        }
    }
    return ERR_OK;
}

static enum errc add_fact(struct ingest *ingest, const struct trace_fact *fact, struct err *err)
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
        return group_full(ingest, err);
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

enum errc ingest_add(struct ingest *ingest, const struct trace *trace,
                     const struct ingest_origin *origin, struct err *err)
{
    CHECK(ingest != NULL);
    CHECK(trace != NULL);
    CHECK(origin != NULL);

    struct keys keys;
    enum errc code = make_keys(ingest, trace, origin, &keys, err);
    for (size_t i = 0; i < trace->steps.count && code == ERR_OK; i++) {
        code = add_step(ingest, i, trace, &keys, origin, err);
    }
    if (code == ERR_OK) {
        code = ingest_add_texts(ingest, trace, keys.steps, err);
    }
    for (size_t i = 0; i < trace->kpis.count && code == ERR_OK; i++) {
        code = add_kpi(ingest, &trace->kpis.rows[i], origin, err);
    }
    for (size_t i = 0; i < trace->facts.count && code == ERR_OK; i++) {
        code = add_fact(ingest, &trace->facts.rows[i], err);
    }
    for (size_t i = 0; i < trace->outcomes.count && code == ERR_OK; i++) {
        code = add_outcome(ingest, &trace->outcomes.rows[i], origin, err);
    }
    return code == ERR_OK ? add_rejects(ingest, trace, origin, err) : code;
}

enum errc ingest_add_source(struct ingest *ingest, const struct ledger_sources *source,
                            struct err *err)
{
    CHECK(ingest != NULL);
    CHECK(source != NULL);
    const size_t at = arena_push(&ingest->group.arena, &ingest->group.sources);
    if (at == SIZE_MAX) {
        return group_full(ingest, err);
    }
    ingest->group.sources.rows[at] = *source;
    ingest->group_files++;
    return ERR_OK;
}
