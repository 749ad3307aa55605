/*
 * Rows beside steps: of a group, or of what follows from it, those that the ledger does not have.
 *
 *     rows --surely new--> appended
 *          \--others--> staged --those whose key is not there--> added
 */
#include "ingest/ingest_priv.h"

#include "base/check.h"

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
    enum errc code = store_stage(ingest->store, table, rows, count, err);
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
    const enum errc code = store_append(ingest->store, table, rows, new, err);
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

/* Rows that are new to the ledger, of one group. */
struct added {
    int64_t cases;
    int64_t attempts;
    int64_t attributes;
    int64_t outcomes;
    int64_t rejects;
    int64_t decisions;
    int64_t kpis;
    int64_t facts;
    int64_t meters;
};

static void stamp_others(struct ingest *ingest)
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
}

static size_t count_candidates(const struct group *group)
{
    size_t count = 0;
    for (size_t i = 0; i < group->outcomes.count; i++) {
        count += group->outcomes.rows[i].status == OUTCOME_CANDIDATE;
    }
    return count;
}

/* Whether the ledger may have rows of the group's sources. */
static bool note_sources(struct ingest *ingest)
{
    const struct group *const group = &ingest->group;
    bool seen = !ingest->ledger_was_new;
    for (size_t i = 0; i < group->sources.count; i++) { /* a long table is in several groups */
        seen = !key_set_add(&ingest->sources_seen, group->sources.rows[i].source_id) || seen;
    }
    return seen;
}

/* Tell the summary what was added. True: the ledger is another one now. */
static bool sum_up(struct ingest *ingest, const struct added *added, bool has_candidates)
{
    const struct group *const group = &ingest->group;
    ingest->ledger_has_facts = ingest->ledger_has_facts || added->facts > 0;
    ingest->ledger_has_meters = ingest->ledger_has_meters || added->meters > 0;
    ingest->summary.cases_added += added->cases;
    ingest->summary.outcomes_added += has_candidates ? 0 : added->outcomes;
    ingest->summary.candidates_added += has_candidates ? added->outcomes : 0;
    return group->steps.count > 0 || group->sources.count > 0 || group->changes_known ||
           added->cases + added->attempts + added->attributes + added->outcomes + added->rejects +
                   added->decisions + added->kpis + added->facts + added->meters >
               0;
}

enum errc ingest_add_others(struct ingest *ingest, bool *out_changed, struct err *err)
{
    struct group *const group = &ingest->group;
    stamp_others(ingest);
    const bool has_candidates = count_candidates(group) > 0;
    struct added added = {0};
    int64_t forgotten;
    enum errc code = add_new(ingest, LEDGER_cases, group->cases.rows, sizeof group->cases.rows[0],
                             group->cases.count, QUERY_add_staged_cases, &added.cases, err);
    if (code == ERR_OK) {
        code =
            add_new(ingest, LEDGER_attempts, group->attempts.rows, sizeof group->attempts.rows[0],
                    group->attempts.count, QUERY_add_staged_attempts, &added.attempts, err);
    }
    if (code == ERR_OK) {
        code = add_new(ingest, LEDGER_case_attributes, group->attributes.rows,
                       sizeof group->attributes.rows[0], group->attributes.count,
                       QUERY_add_staged_attributes, &added.attributes, err);
    }
    if (code == ERR_OK) {
        code =
            add_new(ingest, LEDGER_outcomes, group->outcomes.rows, sizeof group->outcomes.rows[0],
                    group->outcomes.count, QUERY_add_staged_outcomes, &added.outcomes, err);
    }
    if (code == ERR_OK) {
        code = add_new(ingest, LEDGER_rejects, group->rejects.rows, sizeof group->rejects.rows[0],
                       group->rejects.count, QUERY_add_staged_rejects, &added.rejects, err);
    }
    if (code == ERR_OK) {
        code = add_new(ingest, LEDGER_decisions, group->decisions.rows,
                       sizeof group->decisions.rows[0], group->decisions.count,
                       QUERY_add_staged_decisions, &added.decisions, err);
    }
    if (code == ERR_OK) {
        code = ingest_write_kpis(ingest, &added.kpis, err);
    }
    if (code == ERR_OK) {
        code = add_new(ingest, LEDGER_trace_facts, group->facts.rows, sizeof group->facts.rows[0],
                       group->facts.count, QUERY_add_staged_facts, &added.facts, err);
    }
    if (code == ERR_OK) {
        code = add_new(ingest, LEDGER_meters, group->meters.rows, sizeof group->meters.rows[0],
                       group->meters.count, QUERY_add_staged_meters, &added.meters, err);
    }
    const bool seen = note_sources(ingest);
    if (code == ERR_OK && seen) {
        code = add_new(ingest, LEDGER_sources, group->sources.rows, sizeof group->sources.rows[0],
                       group->sources.count, QUERY_forget_staged_sources, &forgotten, err);
    }
    if (code == ERR_OK) {
        *out_changed = sum_up(ingest, &added, has_candidates);
        code = store_append(ingest->store, LEDGER_sources, group->sources.rows,
                            group->sources.count, err);
    }
    return code;
}
