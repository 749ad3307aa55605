/* The open group's containers: a set of keys, an index of steps, which of two readings stays. */
#include "ingest/ingest_priv.h"

#include "base/check.h"
#include "base/memory.h"

static size_t slot_of(const struct key_set *set, uint64_t key)
{
    size_t at = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15)) & (set->slot_count - 1);
    while (set->slots[at] != 0 && set->slots[at] != key) {
        at = (at + 1) & (set->slot_count - 1);
    }
    return at;
}

static void widen(struct key_set *set)
{
    struct key_set wider = {.slot_count = set->slot_count > 0 ? set->slot_count * 2 : 1024};
    wider.slots = memory_new_array(uint64_t, wider.slot_count);
    for (size_t i = 0; i < set->slot_count; i++) {
        if (set->slots[i] != 0) {
            wider.slots[slot_of(&wider, set->slots[i])] = set->slots[i];
        }
    }
    memory_free(set->slots);
    set->slots = wider.slots;
    set->slot_count = wider.slot_count;
}

bool key_set_add(struct key_set *set, uint64_t key)
{
    CHECK(set != NULL);
    if (key == 0) {
        const bool added = !set->has_zero;
        set->has_zero = true;
        return added;
    }
    if (set->count * 2 >= set->slot_count) {
        widen(set);
    }
    const size_t at = slot_of(set, key);
    const bool added = set->slots[at] == 0;
    set->slots[at] = key;
    set->count += added;
    return added;
}

bool key_set_has(const struct key_set *set, uint64_t key)
{
    CHECK(set != NULL);
    if (key == 0) {
        return set->has_zero;
    }
    return set->slot_count > 0 && set->slots[slot_of(set, key)] == key;
}

void key_set_deinit(struct key_set *set)
{
    CHECK(set != NULL);
    memory_free(set->slots);
    *set = (struct key_set){0};
}

static uint64_t entry_of(struct hash128 key, size_t place)
{
    return key.high << 32 | (place + 1);
}

static size_t place_in(uint64_t entry)
{
    return (size_t)(uint32_t)entry - 1;
}

static bool is_entry_of(const struct group *group, uint64_t entry, struct hash128 key)
{
    return entry >> 32 == (uint32_t)key.high &&
           hash128_equal(group->steps.rows[place_in(entry)].step_key, key);
}

static size_t index_slot(const struct group *group, struct hash128 key)
{
    size_t at = (size_t)key.low & (group->step_index_size - 1);
    while (group->step_index[at] != 0 && !is_entry_of(group, group->step_index[at], key)) {
        at = (at + 1) & (group->step_index_size - 1);
    }
    return at;
}

size_t group_find_step(const struct group *group, struct hash128 key)
{
    CHECK(group != NULL);
    if (group->step_index_size == 0) {
        return SIZE_MAX;
    }
    const uint64_t entry = group->step_index[index_slot(group, key)];
    return entry == 0 ? SIZE_MAX : place_in(entry);
}

static bool widen_index(struct group *group)
{
    const size_t size = group->step_index_size > 0 ? group->step_index_size * 2 : 4096;
    uint64_t *const index = arena_new(&group->kept, uint64_t, size);
    if (index == NULL) {
        return false;
    }
    group->step_index = index;
    group->step_index_size = size;
    for (size_t i = 0; i < group->steps.count; i++) {
        const struct hash128 key = group->steps.rows[i].step_key;
        group->step_index[index_slot(group, key)] = entry_of(key, i);
    }
    return true;
}

size_t group_add_step(struct group *group, struct hash128 key)
{
    CHECK(group != NULL);
    if (group->steps.count * 2 >= group->step_index_size && !widen_index(group)) {
        return SIZE_MAX;
    }
    const size_t slot = index_slot(group, key);
    CHECK(group->step_index[slot] == 0);
    const size_t at = arena_push(&group->kept, &group->steps);
    if (at != SIZE_MAX) {
        group->steps.rows[at].step_key = key;
        group->step_index[slot] = entry_of(key, at);
    }
    return at;
}

bool group_note_dropped(struct group *group, const struct ledger_steps *step)
{
    CHECK(group != NULL);
    if ((step->told & TOLD_LOOSE) == 0) {
        return true;
    }
    const size_t at = arena_push(&group->arena, &group->dropped);
    if (at != SIZE_MAX) {
        group->dropped.rows[at] = (struct ledger_placings){
            .attempt_key = step->attempt_key, .from_case = step->case_key, .to_workflow = STR("")};
    }
    return at != SIZE_MAX;
}

struct reading reading_of(const struct ledger_steps *step)
{
    CHECK(step != NULL);
    return (struct reading){
        .channel = step->channel,
        .status = step->status,
        .tokens = step->input_uncached + step->cache_read + step->cache_write_5m +
                  step->cache_write_1h + step->input_audio + step->input_image + step->output +
                  step->output_audio,
        .result_bytes = step->result_bytes,
        .ended_ns = step->ended_ns,
    };
}

bool reading_is_fuller(const struct reading *a, const struct reading *b)
{
    if (a->channel != b->channel) {
        return b->channel < a->channel;
    }
    if (a->tokens != b->tokens) {
        return b->tokens > a->tokens;
    }
    if ((a->ended_ns == LEDGER_NULL) != (b->ended_ns == LEDGER_NULL)) {
        return a->ended_ns == LEDGER_NULL;
    }
    if (a->result_bytes != b->result_bytes) {
        return b->result_bytes > a->result_bytes;
    }
    return a->status == STATUS_OK && b->status != STATUS_OK;
}

enum errc ingest_full(const struct ingest *ingest, struct err *err)
{
    CHECK(ingest != NULL);
    return err_set(err, ERR_LIMIT, "an import group needs more than %zu bytes",
                   ingest->group.arena.size_max);
}
