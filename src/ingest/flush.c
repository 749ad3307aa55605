/*
 * Groups become a transaction: begin -> [look up what the ledger knows -> supersede, append, post]*
 * -> commit. Any failure rolls all of it back and its groups are dropped.
 */
#include "ingest/ingest_priv.h"

#include "base/check.h"

/* Empty the group, keeping only room for the steps of the next one. */
static void reset(struct ingest *ingest)
{
    struct group *const group = &ingest->group;
    arena_deinit(&group->arena);
    *group = (struct group){.kept = group->kept,
                            .steps = {.rows = group->steps.rows, .capacity = group->steps.capacity},
                            .step_index = group->step_index,
                            .step_index_size = group->step_index_size};
    arena_init(&group->arena, GROUP_ARENA_BYTES_MAX);
    if (group->step_index_size > 0) {
        memset(group->step_index, 0, group->step_index_size * sizeof group->step_index[0]);
    }
    ingest->group_rejected = 0;
    ingest->group_files = 0;
}

enum errc ingest_add_entry(struct ingest *ingest, int64_t started_ns, struct str workflow,
                           struct str provider, int64_t amount_pusd, struct err *err)
{
    struct group *const group = &ingest->group;
    const size_t at = arena_push(&group->arena, &group->entries);
    if (at == SIZE_MAX) {
        return err_set(err, ERR_LIMIT, "an import group needs more than %zu bytes",
                       group->arena.size_max);
    }
    group->entries.rows[at] = (struct ledger_entry){
        .day = ledger_day(started_ns),
        .workflow = workflow.data != NULL ? workflow : STR(""),
        .provider = provider.data != NULL ? provider : STR("unknown"),
        .amount_pusd = amount_pusd,
    };
    return ERR_OK;
}

static enum errc stamp_steps(struct ingest *ingest, struct err *err)
{
    struct group *const group = &ingest->group;
    struct ingest_summary *const summary = &ingest->summary;
    for (size_t i = 0; i < group->steps.count; i++) {
        struct ledger_steps *const step = &group->steps.rows[i];
        step->import_id = ingest->next_import;
        summary->calls_added += step->kind == STEP_LLM;
        summary->unpriced_added += step->cost_basis == COST_UNPRICED;
        if (step->cost_pusd != LEDGER_NULL) {
            summary->cost_pusd += step->cost_pusd;
            const enum errc code = ingest_add_entry(ingest, step->started_ns, step->workflow,
                                                    step->provider, step->cost_pusd, err);
            if (code != ERR_OK) {
                return code;
            }
        }
    }
    summary->steps_added += (int64_t)group->steps.count;
    return ERR_OK;
}

static enum errc post_entries(struct ingest *ingest, struct err *err)
{
    struct ledger_posted posted;
    const enum errc code = ledger_post(&ingest->group.entries, ingest->next_import,
                                       &ingest->group.arena, &posted, err);
    return code == ERR_OK
               ? store_append(ingest->store, LEDGER_postings, false, posted.rows, posted.count, err)
               : code;
}

/* A ledger that was new has nothing of what this run has not seen before. */
static bool is_surely_new(const struct ingest *ingest, enum ledger_table table)
{
    return ingest->ledger_was_new &&
           (table == LEDGER_cases || table == LEDGER_attempts || table == LEDGER_case_attributes ||
            table == LEDGER_trace_facts ||
            (table == LEDGER_outcomes && !ingest->group.repeats_outcomes));
}

enum errc ingest_add_new(struct ingest *ingest, enum ledger_table table, const void *rows,
                         size_t count, enum store_query query, int64_t *out_added, struct err *err)
{
    CHECK(out_added != NULL);
    *out_added = 0;
    if (count == 0) {
        return ERR_OK;
    }
    enum errc code = store_unstage(ingest->store, table, err);
    if (code == ERR_OK) {
        code = store_append(ingest->store, table, true, rows, count, err);
    }
    if (code == ERR_OK && table == LEDGER_cases) {
        struct store_result clash;
        code = store_run(ingest->store, QUERY_case_collision, NULL, 0, &ingest->group.arena, &clash,
                         err);
        if (code == ERR_OK && clash.rows > 0) {
            return err_set(err, ERR_CONFLICT,
                           "case " STR_FORMAT " of " STR_FORMAT
                           " has the same key as an older case; rename it in the source",
                           STR_ARG(store_text(&clash, 0, 1)), STR_ARG(store_text(&clash, 0, 0)));
        }
    }
    if (code == ERR_OK) {
        code = store_execute(ingest->store, query, NULL, 0, out_added, err);
    }
    if (code == ERR_OK) {
        ingest_remember_owners(ingest, table, rows, count);
    }
    return code;
}

/* Add the rows that the ledger does not have; this run has not brought them before. They change
 * their order: first come those that are surely new. */
static enum errc add_new(struct ingest *ingest, enum ledger_table table, void *rows, size_t size,
                         size_t count, enum store_query query, int64_t *out_added, struct err *err)
{
    const size_t new = is_surely_new(ingest, table)
                           ? count
                           : ingest_put_new_first(ingest, table, rows, size, count);
    const enum errc code = store_append(ingest->store, table, false, rows, new, err);
    if (code != ERR_OK) {
        return code;
    }
    int64_t missing = 0;
    const char *const rest = count > new ? (const char *)rows + new *size : NULL;
    const enum errc added = ingest_add_new(ingest, table, rest, count - new, query, &missing, err);
    *out_added = (int64_t) new + missing;
    return added;
}

#define STAMP(list)                                                                                \
    do {                                                                                           \
        for (size_t i = 0; i < (list)->count; i++) {                                               \
            (list)->rows[i].import_id = ingest->next_import;                                       \
        }                                                                                          \
    } while (0)

static enum errc add_others(struct ingest *ingest, bool *out_changed, struct err *err)
{
    struct group *const group = &ingest->group;
    STAMP(&group->cases);
    STAMP(&group->attributes);
    STAMP(&group->attempts);
    STAMP(&group->outcomes);
    STAMP(&group->decisions);
    STAMP(&group->sources);
    STAMP(&group->rejects);
    STAMP(&group->facts);
    STAMP(&group->meters);
    size_t candidates = 0;
    for (size_t i = 0; i < group->outcomes.count; i++) {
        candidates += group->outcomes.rows[i].status == OUTCOME_CANDIDATE;
    }
    int64_t cases;
    int64_t attempts;
    int64_t attributes;
    int64_t outcomes;
    int64_t rejects;
    int64_t decisions;
    int64_t forgotten;
    int64_t kpis;
    int64_t facts;
    int64_t meters;
    enum errc code = add_new(ingest, LEDGER_cases, group->cases.rows, sizeof group->cases.rows[0],
                             group->cases.count, QUERY_add_staged_cases, &cases, err);
    if (code == ERR_OK) {
        code =
            add_new(ingest, LEDGER_attempts, group->attempts.rows, sizeof group->attempts.rows[0],
                    group->attempts.count, QUERY_add_staged_attempts, &attempts, err);
    }
    if (code == ERR_OK) {
        code = add_new(ingest, LEDGER_case_attributes, group->attributes.rows,
                       sizeof group->attributes.rows[0], group->attributes.count,
                       QUERY_add_staged_attributes, &attributes, err);
    }
    if (code == ERR_OK) {
        code =
            add_new(ingest, LEDGER_outcomes, group->outcomes.rows, sizeof group->outcomes.rows[0],
                    group->outcomes.count, QUERY_add_staged_outcomes, &outcomes, err);
    }
    if (code == ERR_OK) {
        code = add_new(ingest, LEDGER_rejects, group->rejects.rows, sizeof group->rejects.rows[0],
                       group->rejects.count, QUERY_add_staged_rejects, &rejects, err);
    }
    if (code == ERR_OK) {
        code = add_new(ingest, LEDGER_decisions, group->decisions.rows,
                       sizeof group->decisions.rows[0], group->decisions.count,
                       QUERY_add_staged_decisions, &decisions, err);
    }
    if (code == ERR_OK) {
        code = ingest_write_kpis(ingest, &kpis, err);
    }
    if (code == ERR_OK) {
        code = add_new(ingest, LEDGER_trace_facts, group->facts.rows, sizeof group->facts.rows[0],
                       group->facts.count, QUERY_add_staged_facts, &facts, err);
    }
    if (code == ERR_OK) {
        code = add_new(ingest, LEDGER_meters, group->meters.rows, sizeof group->meters.rows[0],
                       group->meters.count, QUERY_add_staged_meters, &meters, err);
    }
    bool seen = !ingest->ledger_was_new;
    for (size_t i = 0; i < group->sources.count; i++) { /* a long table is in several groups */
        seen = !key_set_add(&ingest->sources_seen, group->sources.rows[i].source_id) || seen;
    }
    if (code == ERR_OK && seen) {
        code = add_new(ingest, LEDGER_sources, group->sources.rows, sizeof group->sources.rows[0],
                       group->sources.count, QUERY_forget_staged_sources, &forgotten, err);
    }
    if (code == ERR_OK) {
        *out_changed =
            group->steps.count > 0 || group->sources.count > 0 || group->changes_known ||
            cases + attempts + attributes + outcomes + rejects + decisions + kpis + facts + meters >
                0;
        ingest->ledger_has_facts = ingest->ledger_has_facts || facts > 0;
        ingest->ledger_has_meters = ingest->ledger_has_meters || meters > 0;
        ingest->summary.cases_added += cases;
        ingest->summary.outcomes_added += candidates == 0 ? outcomes : 0;
        ingest->summary.candidates_added += candidates > 0 ? outcomes : 0;
        code = store_append(ingest->store, LEDGER_sources, false, group->sources.rows,
                            group->sources.count, err);
    }
    return code;
}

/* out_changed: whether the ledger is another one now; if not, there is nothing to commit. */
static enum errc write_group(struct ingest *ingest, bool *out_changed, struct err *err)
{
    struct group *const group = &ingest->group;
    ingest_note_group(ingest);
    enum errc code = ingest_drop_known(ingest, err);
    if (code == ERR_OK) {
        code = stamp_steps(ingest, err);
    }
    if (code == ERR_OK) {
        code = store_append(ingest->store, LEDGER_steps, false, group->steps.rows,
                            group->steps.count, err);
    }
    if (code == ERR_OK) {
        ingest_drop_taught(ingest);
        code = add_others(ingest, out_changed, err);
    }
    int64_t housed = 0;
    if (code == ERR_OK) {
        bool is_other = false;
        code = ingest_hear_rivals(ingest, &is_other, &housed, err);
        *out_changed = *out_changed || is_other;
    }
    int64_t placed = 0;
    if (code == ERR_OK && *out_changed) {
        code = ingest_place_steps(ingest, &placed, err);
    }
    int64_t counted = 0;
    if (code == ERR_OK && *out_changed) {
        code = ingest_count_meters(ingest, &counted, err);
    }
    if (code == ERR_OK) {
        code = post_entries(ingest, err);
    }
    if (code == ERR_OK) {
        int64_t texts;
        code = ingest_write_texts(ingest, &texts, err);
        *out_changed = *out_changed || (code == ERR_OK && texts > 0);
    }
    ingest->is_stirring = ingest->is_stirring || placed > 0 || counted > 0;
    /* Readings without a name, too, may have become names of one another. */
    ingest->adds.aliases = ingest->adds.aliases || group->changes_known;
    if (code != ERR_OK || !*out_changed) {
        return code;
    }
    const struct ledger_imports import = {
        .import_id = ingest->next_import,
        .started_ns = ingest->now_ns,
        .about = ingest->about,
        .files = ingest->group_files,
        .steps = (int64_t)group->steps.count + housed + placed + counted,
        .rejected = ingest->group_rejected,
    };
    return store_append(ingest->store, LEDGER_imports, false, &import, 1, err);
}

static bool is_empty(const struct group *group)
{
    return group->steps.count == 0 && group->cases.count == 0 && group->attempts.count == 0 &&
           group->outcomes.count == 0 && group->sources.count == 0 && group->rejects.count == 0 &&
           group->attributes.count == 0 && group->kpis.count == 0 && group->facts.count == 0 &&
           group->meters.count == 0;
}

/* Everything since the last commit is gone, and so is what the summary says of it. What a resident
 * memory has of it stays, and costs it a look. */
static void give_up(struct ingest *ingest)
{
    store_rollback(ingest->store);
    ingest_forget_run(ingest);
    ingest->summary = ingest->before;
    ingest->writing = false;
}

static enum errc begin(struct ingest *ingest, struct err *err)
{
    if (ingest->writing) {
        return ERR_OK;
    }
    enum errc code = ingest_start(ingest, err);
    if (code == ERR_OK) {
        code = store_begin(ingest->store, err);
    }
    ingest->writing = code == ERR_OK;
    ingest->changed = false;
    ingest->is_stirring = false;
    ingest->adds = (struct resident_ledger){0};
    ingest->transaction_steps = 0;
    ingest->before = ingest->summary;
    return code;
}

static enum errc commit(struct ingest *ingest, struct err *err)
{
    if (!ingest->writing) {
        return ERR_OK;
    }
    const enum errc code = ingest->changed ? store_commit(ingest->store, err) : ERR_OK;
    if (code != ERR_OK) {
        give_up(ingest);
    } else if (ingest->resident != NULL) {
        ingest_remember_ledger(ingest);
    }
    store_rollback(ingest->store); /* nothing after a commit */
    ingest->writing = false;
    return code;
}

enum errc ingest_write(struct ingest *ingest, struct err *err)
{
    CHECK(ingest != NULL);
    if (is_empty(&ingest->group)) {
        reset(ingest);
        return ERR_OK;
    }
    enum errc code = begin(ingest, err);
    if (code == ERR_OK) {
        bool changed = false;
        code = write_group(ingest, &changed, err);
        ingest->next_import += changed;
        ingest->changed = ingest->changed || changed;
        if (code != ERR_OK) {
            give_up(ingest);
        }
    }
    if (code == ERR_OK) {
        ingest_remember_group(ingest);
        ingest->transaction_steps += (int64_t)ingest->group.steps.count;
    }
    reset(ingest);
    if (code == ERR_OK && ingest->transaction_steps >= TRANSACTION_STEPS_MAX) {
        code = commit(ingest, err);
    }
    return code;
}

enum errc ingest_flush(struct ingest *ingest, struct err *err)
{
    CHECK(ingest != NULL);
    const enum errc code = ingest_write(ingest, err);
    return code == ERR_OK ? commit(ingest, err) : code;
}
