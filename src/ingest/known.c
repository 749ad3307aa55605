/*
 * What the ledger knows of the group: of all readings of a step, in the group and in the ledger and
 * under whichever of its names, the fullest stays. A reading in the ledger that is as full stays as
 * it is, so that importing again changes nothing.
 */
#include "base/check.h"
#include "ingest/ingest_priv.h"

/* Columns of QUERY_known_steps. */
enum {
    KNOWN_KEY,
    KNOWN_CHANNEL,
    KNOWN_KIND,
    KNOWN_STATUS,
    KNOWN_TOKENS,
    KNOWN_RESULT_BYTES,
    KNOWN_ENDED,
    KNOWN_COST,
    KNOWN_STARTED,
    KNOWN_WORKFLOW,
    KNOWN_PROVIDER,
    KNOWN_ATTEMPT,
    KNOWN_CASE,
    KNOWN_TRACE,
    KNOWN_SENDER,
    KNOWN_TOLD,
};

struct verdict {
    struct names names;
    struct store_result known;
    bool *is_known; /* [steps of the group] the group's texts of it may not be all there are */
    bool *keep;     /* [steps of the group] still to be added */
    struct ledger_probes *gone; /* steps of the ledger that give way */
    size_t gone_count;
    struct ledger_step_aliases *moves; /* of them: those whose step goes on under another key */
    size_t move_count;
};

static struct hash128 known_key(const struct store_result *known, size_t row)
{
    const money_magnitude key = (money_magnitude)store_sum(known, row, KNOWN_KEY);
    return (struct hash128){(uint64_t)key, (uint64_t)(key >> 64)};
}

static struct reading known_reading(const struct store_result *known, size_t row)
{
    return (struct reading){
        .channel = (uint8_t)store_int64(known, row, KNOWN_CHANNEL, 0),
        .status = (uint8_t)store_int64(known, row, KNOWN_STATUS, 0),
        .tokens = store_int64(known, row, KNOWN_TOKENS, 0),
        .result_bytes = store_int64(known, row, KNOWN_RESULT_BYTES, 0),
        .ended_ns = store_int64(known, row, KNOWN_ENDED, LEDGER_NULL),
    };
}

/* What a row of the ledger says of whose work the step is. */
static struct ledger_steps known_place(const struct store_result *known, size_t row)
{
    return (struct ledger_steps){
        .attempt_key = (uint64_t)store_sum(known, row, KNOWN_ATTEMPT),
        .case_key = (uint64_t)store_sum(known, row, KNOWN_CASE),
        .workflow = store_text(known, row, KNOWN_WORKFLOW),
        .kind = (uint8_t)store_int64(known, row, KNOWN_KIND, STEP_LLM),
        .channel = (uint8_t)store_int64(known, row, KNOWN_CHANNEL, 0),
        .trace_key = (uint64_t)store_sum(known, row, KNOWN_TRACE),
        .sender = (uint64_t)store_sum(known, row, KNOWN_SENDER),
        .told = (int32_t)store_int64(known, row, KNOWN_TOLD, 0),
    };
}

static enum errc stage_probes(struct ingest *ingest, const struct ledger_probes *probes,
                              size_t count, struct err *err)
{
    if (count == 0) {
        return ERR_OK;
    }
    const enum errc code = store_unstage(ingest->store, LEDGER_probes, err);
    return code == ERR_OK ? store_append(ingest->store, LEDGER_probes, true, probes, count, err)
                          : code;
}

/* The ledger's readings of the group's steps. */
static enum errc look_up(struct ingest *ingest, struct verdict *verdict, struct err *err)
{
    struct group *const group = &ingest->group;
    const struct names *const names = &verdict->names;
    struct ledger_probes *const probes =
        arena_new(&group->arena, struct ledger_probes, group->steps.count + names->count + 1);
    if (probes == NULL) {
        return ingest_full(ingest, err);
    }
    size_t count = 0;
    for (size_t i = 0; i < group->steps.count + names->count; i++) {
        const struct hash128 key = i < group->steps.count ? group->steps.rows[i].step_key
                                                          : names->rows[i - group->steps.count].key;
        if (ingest_may_have(ingest, RESIDENT_STEP, key)) {
            probes[count++].step_key = key;
        }
    }
    verdict->known = (struct store_result){0};
    if (count == 0) {
        return ERR_OK;
    }
    const enum errc code = stage_probes(ingest, probes, count, err);
    return code == ERR_OK ? store_run(ingest->store, QUERY_known_steps, NULL, 0, &group->arena,
                                      &verdict->known, err)
                          : code;
}

/* A row of the ledger gives way: its cost is reversed. */
static enum errc take_back(struct ingest *ingest, struct verdict *verdict, size_t row,
                           struct err *err)
{
    const struct store_result *const known = &verdict->known;
    verdict->gone[verdict->gone_count++].step_key = known_key(known, row);
    ingest->summary.steps_added--; /* another takes its place, and adds none */
    ingest->summary.calls_added -= store_int64(known, row, KNOWN_KIND, STEP_LLM) == STEP_LLM;
    const int64_t cost_pusd = store_int64(known, row, KNOWN_COST, LEDGER_NULL);
    if (cost_pusd == LEDGER_NULL) {
        return ERR_OK;
    }
    ingest->summary.cost_pusd -= cost_pusd;
    return ingest_add_entry(ingest, store_int64(known, row, KNOWN_STARTED, LEDGER_NULL),
                            store_text(known, row, KNOWN_WORKFLOW),
                            store_text(known, row, KNOWN_PROVIDER), -cost_pusd, err);
}

/* Steps that have one name; the others into their families. */
static enum errc judge_known(struct ingest *ingest, struct verdict *verdict, struct err *err)
{
    struct group *const group = &ingest->group;
    const struct store_result *const known = &verdict->known;
    enum errc code = ERR_OK;
    for (size_t row = 0; row < known->rows && code == ERR_OK; row++) {
        const struct hash128 key = known_key(known, row);
        const struct reading old = known_reading(known, row);
        struct name *const family = names_leader(&verdict->names, key);
        if (family == NULL) {
            const size_t at = group_find_step(group, key);
            CHECK(at != SIZE_MAX);
            const struct reading new = reading_of(&group->steps.rows[at]);
            verdict->is_known[at] = true;
            verdict->keep[at] = reading_is_fuller(&old, &new);
            code = verdict->keep[at] ? take_back(ingest, verdict, row, err) : ERR_OK;
            const struct ledger_steps place = known_place(known, row);
            const struct ledger_steps *const step = &group->steps.rows[at];
            if (!group_note_rival(group, key, verdict->keep[at] ? step : &place,
                                  verdict->keep[at] ? &place : step)) {
                code = ingest_full(ingest, err);
            }
            continue;
        }
        bool better = family->known == 0;
        if (!better) { /* of two as full, the smaller key: rows come in no order */
            const struct reading best = known_reading(known, family->best_known);
            const struct hash128 other = known_key(known, family->best_known);
            const bool less = key.high != other.high ? key.high < other.high : key.low < other.low;
            better = reading_is_fuller(&best, &old) || (!reading_is_fuller(&old, &best) && less);
        }
        family->best_known = better ? row : family->best_known;
        family->known++;
    }
    return code;
}

/* Rows of the group into their families; the first of the fullest is the best. */
static void gather_rows(const struct group *group, const struct verdict *verdict)
{
    for (size_t i = 0; i < group->steps.count && verdict->names.count > 0; i++) {
        struct name *const family = names_leader(&verdict->names, group->steps.rows[i].step_key);
        if (family == NULL) {
            continue;
        }
        const struct reading new = reading_of(&group->steps.rows[i]);
        if (family->rows++ == 0) {
            family->first = i;
            family->best = i;
        } else {
            const struct reading best = reading_of(&group->steps.rows[family->best]);
            family->best = reading_is_fuller(&best, &new) ? i : family->best;
        }
    }
}

/* The fuller reading under another name: what it says, where the first reading put the step. */
static void take_place(struct ledger_steps *row, const struct ledger_steps *first)
{
    row->attempt_key = first->attempt_key;
    row->case_key = first->case_key;
    row->workflow = first->workflow;
    row->trace_key = first->trace_key;
    row->told = first->told;
}

static void settle_family(struct group *group, const struct verdict *verdict, struct name *family)
{
    const struct store_result *const known = &verdict->known;
    const struct reading new = reading_of(&group->steps.rows[family->best]);
    struct ledger_steps *const best = &group->steps.rows[family->best];
    if (family->known > 0) {
        const struct reading old = known_reading(known, family->best_known);
        family->step_key = known_key(known, family->best_known);
        verdict->keep[family->best] = reading_is_fuller(&old, &new);
        if (!hash128_equal(best->step_key, family->step_key)) {
            const struct ledger_steps first = known_place(known, family->best_known);
            take_place(best, &first);
        }
    } else {
        family->step_key = group->steps.rows[family->first].step_key;
        take_place(best, &group->steps.rows[family->first]);
        verdict->keep[family->best] = true;
    }
}

/* Where each reading of a family puts the step, whichever is kept. */
static enum errc note_places(struct ingest *ingest, const struct verdict *verdict, struct err *err)
{
    static const struct ledger_steps nowhere = {.kind = STEP_LLM};
    struct group *const group = &ingest->group;
    const struct names *const names = &verdict->names;
    bool has_room = true;
    for (size_t i = 0; i < group->steps.count && names->count > 0 && has_room; i++) {
        const struct ledger_steps *const step = &group->steps.rows[i];
        const struct name *const family = names_leader(names, step->step_key);
        if (family != NULL && (family->known > 0 || family->rows > 1)) {
            has_room = group_note_rival(group, step->step_key, &nowhere, step);
        }
    }
    for (size_t row = 0; row < verdict->known.rows && has_room; row++) {
        const struct hash128 key = known_key(&verdict->known, row);
        const struct name *const family = names_leader(names, key);
        if (family != NULL && family->rows > 0) {
            const struct ledger_steps place = known_place(&verdict->known, row);
            has_room = group_note_rival(group, key, &nowhere, &place);
        }
    }
    return has_room ? ERR_OK : ingest_full(ingest, err);
}

/* Which reading of each family stays, and what gives way to it. */
static enum errc judge_families(struct ingest *ingest, struct verdict *verdict, struct err *err)
{
    struct group *const group = &ingest->group;
    const struct names *const names = &verdict->names;
    enum errc code = note_places(ingest, verdict, err);
    if (code != ERR_OK) {
        return code;
    }
    for (size_t i = 0; i < group->steps.count && names->count > 0; i++) {
        const struct name *const family = names_leader(names, group->steps.rows[i].step_key);
        if (family != NULL) {
            verdict->keep[i] = false;
            verdict->is_known[i] = family->known > 0 || family->rows > 1;
        }
    }
    for (size_t i = 0; i < names->count; i++) {
        if (names->rows[i].parent == i && names->rows[i].rows > 0) {
            settle_family(group, verdict, &names->rows[i]);
        }
    }
    for (size_t row = 0; row < verdict->known.rows && code == ERR_OK; row++) {
        const struct hash128 key = known_key(&verdict->known, row);
        const struct name *const family = names_leader(names, key);
        if (family == NULL || family->rows == 0) {
            continue;
        }
        const bool is_kept = hash128_equal(key, family->step_key);
        if (!is_kept) {
            verdict->moves[verdict->move_count++] =
                (struct ledger_step_aliases){.alias_key = key, .step_key = family->step_key};
        }
        if (!is_kept || verdict->keep[family->best]) {
            code = take_back(ingest, verdict, row, err);
        }
    }
    return code;
}

static enum errc judge(struct ingest *ingest, struct verdict *verdict, struct err *err)
{
    struct arena *const arena = &ingest->group.arena;
    verdict->gone = arena_new(arena, struct ledger_probes, verdict->known.rows + 1);
    verdict->moves = arena_new(arena, struct ledger_step_aliases, verdict->known.rows + 1);
    if (verdict->gone == NULL || verdict->moves == NULL) {
        return ingest_full(ingest, err);
    }
    enum errc code = judge_known(ingest, verdict, err);
    if (code == ERR_OK) {
        gather_rows(&ingest->group, verdict);
        code = judge_families(ingest, verdict, err);
    }
    return code;
}

static enum errc supersede(struct ingest *ingest, const struct verdict *verdict, struct err *err)
{
    if (verdict->gone_count == 0) {
        return ERR_OK;
    }
    const struct store_value import = STORE_OF_INT64(ingest->next_import);
    enum errc code = stage_probes(ingest, verdict->gone, verdict->gone_count, err);
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

/* Two steps of the ledger turned out to be one: what belongs to the one that went. */
static enum errc move_belongings(struct ingest *ingest, const struct verdict *verdict,
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
    enum errc code = store_unstage(ingest->store, LEDGER_step_aliases, err);
    if (code == ERR_OK) {
        code = store_append(ingest->store, LEDGER_step_aliases, true, verdict->moves,
                            verdict->move_count, err);
    }
    for (size_t i = 0; i < COUNT_OF(queries) && code == ERR_OK; i++) {
        code = store_execute(ingest->store, queries[i], NULL, 0, NULL, err);
    }
    return code;
}

/* Names the ledger does not have yet. */
static enum errc add_names(struct ingest *ingest, const struct names *names, struct err *err)
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
    return store_append(ingest->store, LEDGER_step_aliases, false, rows, count, err);
}

/* What stays in the group, under the keys of the families: its index is not used again. */
static enum errc leave_kept(struct ingest *ingest, const struct verdict *verdict, struct err *err)
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

enum errc ingest_drop_known(struct ingest *ingest, struct err *err)
{
    CHECK(ingest != NULL);
    struct group *const group = &ingest->group;
    const size_t count = group->steps.count;
    struct verdict verdict = {.is_known = arena_new(&group->arena, bool, count + 1),
                              .keep = arena_new(&group->arena, bool, count + 1)};
    if (verdict.is_known == NULL || verdict.keep == NULL) {
        return ingest_full(ingest, err);
    }
    memset(verdict.keep, true, count * sizeof verdict.keep[0]);
    enum errc code = ingest_match_nameless(ingest, err);
    if (code == ERR_OK) {
        code = ingest_find_names(ingest, &verdict.names, err);
    }
    if (code == ERR_OK) {
        code = look_up(ingest, &verdict, err);
    }
    if (code != ERR_OK || (verdict.known.rows == 0 && verdict.names.count == 0)) {
        return code;
    }
    code = judge(ingest, &verdict, err);
    if (code == ERR_OK) {
        code = ingest_sort_texts(ingest, verdict.is_known, err);
    }
    if (code == ERR_OK) {
        code = supersede(ingest, &verdict, err);
    }
    if (code == ERR_OK) {
        code = leave_kept(ingest, &verdict, err);
    }
    if (code == ERR_OK) {
        code = move_belongings(ingest, &verdict, err);
    }
    return code == ERR_OK ? add_names(ingest, &verdict.names, err) : code;
}
