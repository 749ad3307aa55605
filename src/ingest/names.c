/*
 * Names of steps: a step that several channels tell has a name on each. Names told of one step are
 * a family (disjoint sets, by the keys of the names), within the group and across the ledger.
 */
#include "base/check.h"
#include "ingest/ingest_priv.h"

static size_t slot_of(const struct names *names, struct hash128 key)
{
    size_t at = (size_t)key.low & (names->index_size - 1);
    while (names->index[at] != 0 && !hash128_equal(names->rows[names->index[at] - 1].key, key)) {
        at = (at + 1) & (names->index_size - 1);
    }
    return at;
}

static size_t leader_of(const struct names *names, size_t at)
{
    while (names->rows[at].parent != at) {
        names->rows[at].parent = names->rows[names->rows[at].parent].parent;
        at = names->rows[at].parent;
    }
    return at;
}

static size_t add(struct names *names, struct hash128 key)
{
    const size_t slot = slot_of(names, key);
    if (names->index[slot] != 0) {
        return names->index[slot] - 1;
    }
    CHECK(names->count < names->capacity);
    const size_t at = names->count++;
    names->rows[at] = (struct name){.key = key,
                                    .step_key = key,
                                    .parent = at,
                                    .first = SIZE_MAX,
                                    .best = SIZE_MAX,
                                    .best_known = SIZE_MAX};
    names->index[slot] = (uint32_t)(at + 1);
    return at;
}

/* The earlier name leads, so that the order of what was told decides, and nothing else. */
static size_t join(struct names *names, struct hash128 alias, struct hash128 step)
{
    const size_t told = add(names, alias);
    const size_t a = leader_of(names, told);
    const size_t b = leader_of(names, add(names, step));
    names->rows[a < b ? b : a].parent = a < b ? a : b;
    return told;
}

static bool may_be_known(const struct ingest *ingest, struct hash128 key)
{
    return ingest_may_have(ingest, RESIDENT_ALIAS, key);
}

/* Keys of the group that may be further names of steps in the ledger. */
static size_t list_probes(const struct ingest *ingest, struct ledger_probes *probes)
{
    const struct group *const group = &ingest->group;
    size_t count = 0;
    for (size_t i = 0; i < group->steps.count; i++) {
        const struct ledger_steps *const step = &group->steps.rows[i];
        if (step->kind == STEP_LLM && may_be_known(ingest, step->step_key)) {
            probes[count++].step_key = step->step_key;
        }
    }
    for (size_t i = 0; i < group->aliases.count; i++) {
        if (may_be_known(ingest, group->aliases.rows[i].alias_key)) {
            probes[count++].step_key = group->aliases.rows[i].alias_key;
        }
    }
    for (size_t i = 0; i < group->callers.count; i++) {
        if (may_be_known(ingest, group->callers.rows[i].step_key)) {
            probes[count++] = group->callers.rows[i];
        }
    }
    return count;
}

static struct hash128 key_at(const struct store_result *result, size_t row, size_t column)
{
    const money_magnitude key = (money_magnitude)store_sum(result, row, column);
    return (struct hash128){(uint64_t)key, (uint64_t)(key >> 64)};
}

static enum errc look_up(struct ingest *ingest, struct store_result *out, struct err *err)
{
    struct group *const group = &ingest->group;
    *out = (struct store_result){0};
    struct ledger_probes *const probes =
        arena_new(&group->arena, struct ledger_probes,
                  group->steps.count + group->aliases.count + group->callers.count + 1);
    if (probes == NULL) {
        return ingest_full(ingest, err);
    }
    const size_t count = list_probes(ingest, probes);
    if (count == 0) {
        return ERR_OK;
    }
    enum errc code = store_stage(ingest->store, LEDGER_probes, probes, count, err);
    if (code == ERR_OK) {
        code = store_run(ingest->store, QUERY_known_aliases, NULL, 0, &group->arena, out, err);
    }
    return code;
}

enum errc ingest_find_names(struct ingest *ingest, struct names *out, struct err *err)
{
    CHECK(out != NULL);
    struct group *const group = &ingest->group;
    *out = (struct names){0};
    if (group->aliases.count == 0 && !ingest->ledger_had_aliases &&
        ingest->aliases_seen.count == 0) {
        return ERR_OK;
    }
    struct store_result known;
    const enum errc code = look_up(ingest, &known, err);
    if (code != ERR_OK) {
        return code;
    }
    struct names names = {.capacity = 2 * (group->aliases.count + known.rows), .index_size = 16};
    while (names.index_size < 2 * names.capacity) {
        names.index_size *= 2;
    }
    names.rows = arena_new(&group->arena, struct name, names.capacity + 1);
    names.index = arena_new(&group->arena, uint32_t, names.index_size);
    if (names.rows == NULL || names.index == NULL) {
        return ingest_full(ingest, err);
    }
    for (size_t i = 0; i < group->aliases.count; i++) {
        (void)join(&names, group->aliases.rows[i].alias_key, group->aliases.rows[i].step_key);
    }
    for (size_t i = 0; i < known.rows; i++) {
        const struct hash128 step = key_at(&known, i, 1);
        struct name *const alias = &names.rows[join(&names, key_at(&known, i, 0), step)];
        alias->is_alias = true;
        names.rows[leader_of(&names, (size_t)(alias - names.rows))].step_key = step;
    }
    *out = names;
    return ERR_OK;
}

struct name *names_leader(const struct names *names, struct hash128 key)
{
    CHECK(names != NULL);
    if (names->count == 0) {
        return NULL;
    }
    const uint32_t place = names->index[slot_of(names, key)];
    return place == 0 ? NULL : &names->rows[leader_of(names, place - 1)];
}

uint64_t names_step_low(const struct names *names, uint64_t low)
{
    CHECK(names != NULL);
    if (names->count == 0) {
        return low;
    }
    size_t at = (size_t)low & (names->index_size - 1);
    while (names->index[at] != 0) {
        const size_t name = names->index[at] - 1;
        if (names->rows[name].key.low == low) {
            return names->rows[leader_of(names, name)].step_key.low;
        }
        at = (at + 1) & (names->index_size - 1);
    }
    return low;
}
