/* Traces -> ledger rows: keys, prices, and which of two readings of one step stays. */
#include "base/check.h"
#include "ingest/convert_priv.h"

struct keys {
    uint64_t *cases;          /* by case index of the trace */
    struct str *workflows;    /* by case index */
    uint64_t *attempts;       /* by attempt index */
    struct step_place *steps; /* by step index, once it is added */
    uint64_t source_id;
};

/* The workflow of a case: its sender's, else its own, else what was asked for, else its program's
 * name. */
struct str convert_workflow(struct str told, struct str program, const struct ingest_origin *origin)
{
    if (origin->bound_workflow.size > 0) {
        return origin->bound_workflow;
    }
    if (told.size == 0) {
        told = origin->workflow_told || program.size == 0 ? origin->workflow : program;
    }
    return told.data != NULL ? told : STR("");
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
        return ingest_full(ingest, err);
    }
    group->attributes.rows[at] = (struct ledger_case_attributes){
        .case_key = case_key, .name = attribute->name, .value = attribute->value};
    return ERR_OK;
}

enum errc convert_case(struct ingest *ingest, const struct trace_case *from,
                       const struct ingest_origin *origin, uint64_t key, struct str workflow,
                       struct err *err)
{
    struct group *const group = &ingest->group;
    CHECK(from->id.size > 0);
    if (key_set_add(&ingest->cases_seen, key)) {
        const size_t at = arena_push(&group->arena, &group->cases);
        if (at == SIZE_MAX) {
            return ingest_full(ingest, err);
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
        return ingest_full(ingest, err);
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

static struct hash128 step_key(const struct step *step, uint64_t attempt_key)
{
    if (step->identity.size > 0) {
        return hash128_of(STR("id"), step->identity);
    }
    const struct str attempt = {(const char *)&attempt_key, sizeof attempt_key};
    const struct str sequence = {(const char *)&step->sequence, sizeof step->sequence};
    return hash128_of(STR("at"), attempt, sequence, step->name);
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
        return ingest_full(ingest, err);
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
        return ingest_full(ingest, err);
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
            return ingest_full(ingest, err);
        }
        const struct ledger_steps *const kept = is_fuller ? &row : &group->steps.rows[at];
        const struct ledger_steps *const rival = is_fuller ? &group->steps.rows[at] : &row;
        if (!group_note_rival(group, key, kept, rival)) {
            return ingest_full(ingest, err);
        }
        if (!is_fuller) {
            return ERR_OK;
        }
    } else {
        at = group_add_step(group, key);
    }
    if (at == SIZE_MAX) {
        return ingest_full(ingest, err);
    }
    const enum errc code = ingest_set_cost(ingest, step, origin->channel, &row, err);
    if (code == ERR_OK) {
        group->steps.rows[at] = row;
    }
    return code;
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
        return ingest_full(ingest, err);
    }
    for (size_t i = 0; i < trace->cases.count; i++) {
        const struct trace_case *from = &trace->cases.rows[i];
        keys->workflows[i] = convert_workflow(from->workflow, from->program, origin);
        keys->cases[i] = hash64_of(keys->workflows[i], from->id);
        const enum errc code =
            convert_case(ingest, from, origin, keys->cases[i], keys->workflows[i], err);
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
        code = convert_kpi(ingest, &trace->kpis.rows[i], origin, err);
    }
    for (size_t i = 0; i < trace->facts.count && code == ERR_OK; i++) {
        code = convert_fact(ingest, &trace->facts.rows[i], err);
    }
    for (size_t i = 0; i < trace->outcomes.count && code == ERR_OK; i++) {
        code = convert_outcome(ingest, &trace->outcomes.rows[i], origin, err);
    }
    return code == ERR_OK ? convert_rejects(ingest, trace, origin, err) : code;
}

enum errc ingest_add_source(struct ingest *ingest, const struct ledger_sources *source,
                            struct err *err)
{
    CHECK(ingest != NULL);
    CHECK(source != NULL);
    const size_t at = arena_push(&ingest->group.arena, &ingest->group.sources);
    if (at == SIZE_MAX) {
        return ingest_full(ingest, err);
    }
    ingest->group.sources.rows[at] = *source;
    ingest->group_files++;
    return ERR_OK;
}
