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
               ? store_append(ingest->store, LEDGER_postings, posted.rows, posted.count, err)
               : code;
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
        code =
            store_append(ingest->store, LEDGER_steps, group->steps.rows, group->steps.count, err);
    }
    if (code == ERR_OK) {
        ingest_drop_taught(ingest);
        code = ingest_add_others(ingest, out_changed, err);
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
    return store_append(ingest->store, LEDGER_imports, &import, 1, err);
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
