/* What the ledger has before a transaction begins: asked, or remembered by a process that stays. */
#include "base/check.h"
#include "ingest/ingest_priv.h"

/* What the ledger has, by asking it. */
static enum errc ask(struct ingest *ingest, struct resident_ledger *out, struct err *err)
{
    enum { STEPS, ALIASES, FACTS, LOOSE, NAMELESS, METERS, NEXT_IMPORT };
    struct store_result has;
    const enum errc code =
        store_run(ingest->store, QUERY_ledger_has, NULL, 0, &ingest->group.arena, &has, err);
    if (code != ERR_OK) {
        return code;
    }
    *out = (struct resident_ledger){
        .steps = store_int64(&has, 0, STEPS, 1) != 0,
        .aliases = store_int64(&has, 0, ALIASES, 1) != 0,
        .facts = store_int64(&has, 0, FACTS, 1) != 0,
        .loose = store_int64(&has, 0, LOOSE, 1) != 0,
        .nameless = store_int64(&has, 0, NAMELESS, 1) != 0,
        .meters = store_int64(&has, 0, METERS, 1) != 0,
    };
    ingest->next_import = (int32_t)store_int64(&has, 0, NEXT_IMPORT, 1);
    if (ingest->resident == NULL) {
        return ERR_OK;
    }
    const enum errc filled =
        resident_fill(ingest->resident, ingest->store, ingest->next_import, err);
    if (filled != ERR_OK) {
        ingest->next_import = 0; /* again at the next attempt */
        return filled;
    }
    resident_note(ingest->resident, out);
    return ERR_OK;
}

enum errc ingest_start(struct ingest *ingest, struct err *err)
{
    CHECK(ingest != NULL);
    struct resident_ledger has;
    if (ingest->next_import > 0) {
        return ERR_OK;
    }
    if (ingest->resident == NULL || !resident_knows(ingest->resident, &ingest->next_import, &has)) {
        const enum errc code = ask(ingest, &has, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    ingest->ledger_was_new = ingest->next_import == 1;
    ingest->ledger_had_steps = has.steps;
    ingest->ledger_had_aliases = has.aliases;
    ingest->ledger_has_facts = has.facts;
    ingest->ledger_has_loose = ingest->ledger_has_loose || has.loose;
    ingest->ledger_had_nameless = has.nameless;
    ingest->ledger_has_meters = has.meters;
    return ERR_OK;
}

void ingest_note_group(struct ingest *ingest)
{
    CHECK(ingest != NULL);
    const struct group *const group = &ingest->group;
    struct resident_ledger *const adds = &ingest->adds;
    adds->steps = adds->steps || group->steps.count > 0;
    adds->aliases = adds->aliases || group->aliases.count > 0;
    adds->facts = adds->facts || group->facts.count > 0;
    adds->nameless = adds->nameless || group->nameless.count > 0;
    adds->meters = adds->meters || group->meters.count > 0;
    for (size_t i = 0; i < group->steps.count && !(adds->facts && adds->loose); i++) {
        adds->facts = adds->facts || (group->steps.rows[i].told & TOLD_TAUGHT) != 0;
        adds->loose = adds->loose || (group->steps.rows[i].told & TOLD_LOOSE) != 0;
    }
}

void ingest_remember_ledger(struct ingest *ingest)
{
    CHECK(ingest->resident != NULL);
    const struct resident_ledger *const adds = &ingest->adds;
    struct resident_ledger has;
    int32_t next_import;
    if (!ingest->is_stirring && resident_knows(ingest->resident, &next_import, &has)) {
        has.steps = has.steps || adds->steps;
        has.aliases = has.aliases || adds->aliases;
        has.facts = has.facts || adds->facts;
        has.loose = has.loose || adds->loose;
        has.nameless = has.nameless || adds->nameless;
        has.meters = has.meters || adds->meters;
        resident_note(ingest->resident, &has);
    } else {
        resident_doubt(ingest->resident);
    }
    resident_committed(ingest->resident, ingest->next_import);
}
