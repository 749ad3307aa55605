/* What was judged of the group and the ledger is carried out in both. */
#include "base/check.h"
#include "ingest/known_priv.h"

enum errc known_stage_probes(struct ingest *ingest, const struct ledger_probes *probes,
                             size_t count, struct err *err)
{
    if (count == 0) {
        return ERR_OK;
    }
    return store_stage(ingest->store, LEDGER_probes, probes, count, err);
}

enum errc known_supersede(struct ingest *ingest, const struct known_verdict *verdict,
                          struct err *err)
{
    if (verdict->gone_count == 0) {
        return ERR_OK;
    }
    const struct store_value import = STORE_OF_INT64(ingest->next_import);
    enum errc code = known_stage_probes(ingest, verdict->gone, verdict->gone_count, err);
    if (code == ERR_OK) {
        code = store_execute(ingest->store, QUERY_supersede_staged_probes, &import, 1, NULL, err);
    }
    if (code == ERR_OK) {
        code = store_execute(ingest->store, QUERY_delete_staged_probes, NULL, 0, NULL, err);
    }
    ingest->summary.steps_replaced += (int64_t)verdict->gone_count;
    ingest->group.changes_known = true;
    return code;
}

enum errc known_move_belongings(struct ingest *ingest, const struct known_verdict *verdict,
                                struct err *err)
{
    static const enum store_query queries[] = {
        QUERY_move_staged_aliases,      QUERY_move_staged_callers,
        QUERY_copy_staged_fingerprints, QUERY_delete_moved_fingerprints,
        QUERY_copy_staged_decisions,    QUERY_delete_moved_decisions,
        QUERY_copy_staged_scopes,       QUERY_delete_moved_scopes};
    if (verdict->move_count == 0) {
        return ERR_OK;
    }
    enum errc code =
        store_stage(ingest->store, LEDGER_step_aliases, verdict->moves, verdict->move_count, err);
    for (size_t i = 0; i < COUNT_OF(queries) && code == ERR_OK; i++) {
        code = store_execute(ingest->store, queries[i], NULL, 0, NULL, err);
    }
    return code;
}

enum errc known_add_names(struct ingest *ingest, const struct names *names, struct err *err)
{
    struct group *const group = &ingest->group;
    struct ledger_step_aliases *const rows =
        arena_new(&group->arena, struct ledger_step_aliases, names->count + 1);
    if (rows == NULL) {
        return ingest_full(ingest, err);
    }
    size_t count = 0;
    for (size_t i = 0; i < names->count; i++) {
        const struct name *const name = &names->rows[i];
        const struct name *const family = names_leader(names, name->key);
        if (!name->is_alias && family->rows > 0 && !hash128_equal(name->key, family->step_key)) {
            rows[count++] = (struct ledger_step_aliases){.alias_key = name->key,
                                                         .step_key = family->step_key,
                                                         .import_id = ingest->next_import};
            (void)key_set_add(&ingest->aliases_seen, name->key.low);
            if (ingest->resident != NULL) {
                resident_add(ingest->resident, RESIDENT_ALIAS, name->key.low);
            }
        }
    }
    group->changes_known = group->changes_known || count > 0;
    return store_append(ingest->store, LEDGER_step_aliases, rows, count, err);
}

enum errc known_leave_kept(struct ingest *ingest, const struct known_verdict *verdict,
                           struct err *err)
{
    struct group *const group = &ingest->group;
    const struct names *const names = &verdict->names;
    size_t kept = 0;
    for (size_t i = 0; i < group->steps.count; i++) {
        if (!verdict->keep[i]) {
            ingest->summary.steps_known++;
            if (!group_note_dropped(group, &group->steps.rows[i])) {
                return ingest_full(ingest, err);
            }
            continue;
        }
        struct ledger_steps *const step = &group->steps.rows[kept];
        if (kept++ != i) {
            *step = group->steps.rows[i];
        }
        const struct name *const family = names_leader(names, step->step_key);
        step->step_key = family != NULL ? family->step_key : step->step_key;
        step->caller = step->caller != 0 ? names_step_low(names, step->caller) : 0;
    }
    group->steps.count = kept;
    for (size_t i = 0; i < group->texts_again.count; i++) {
        struct hash128 *const key = &group->texts_again.rows[i].step_key;
        const struct name *const family = names_leader(names, *key);
        *key = family != NULL ? family->step_key : *key;
    }
    for (size_t i = 0; i < group->rivals.count; i++) {
        struct hash128 *const key = &group->rivals.rows[i].step_key;
        const struct name *const family = names_leader(names, *key);
        *key = family != NULL && family->rows > 0 ? family->step_key : *key;
    }
    return ERR_OK;
}
