#include "ingest/resident.h"

#include "base/check.h"
#include "base/memory.h"

/* Fingerprints of keys by open addressing. Full at three quarters: then a larger one begins. */
struct segment {
    uint32_t *slots; /* 0: free */
    size_t slot_count;
    size_t count;
};

struct resident {
    struct segment segments[RESIDENT_SEGMENTS_MAX];
    size_t segment_count;
    bool overflowed;
    int32_t next_import; /* 0: not filled */
    bool is_noted;       /* `ledger` is right */
    struct resident_ledger ledger;
};

void resident_create(struct resident **out)
{
    CHECK(out != NULL);
    *out = memory_new(struct resident);
}

static void clear(struct resident *resident)
{
    for (size_t i = 0; i < resident->segment_count; i++) {
        memory_free(resident->segments[i].slots);
    }
    *resident = (struct resident){0};
}

void resident_destroy(struct resident **resident)
{
    CHECK(resident != NULL);
    if (*resident != NULL) {
        clear(*resident);
        memory_free(*resident);
        *resident = NULL;
    }
}

/* One to one, so that keys of a kind differ as before. Source: S. Vigna, splitmix64. */
static uint64_t spread(enum resident_kind kind, uint64_t key)
{
    uint64_t hash = key ^ ((uint64_t)kind + 1) * UINT64_C(0xd6e8feb86659fd93);
    hash = (hash ^ (hash >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ (hash >> 27)) * UINT64_C(0x94d049bb133111eb);
    return hash ^ (hash >> 31);
}

static uint32_t print_of(uint64_t hash)
{
    const uint32_t print = (uint32_t)(hash >> 32);
    return print != 0 ? print : 1;
}

static size_t slot_of(const struct segment *segment, uint64_t hash)
{
    const uint32_t print = print_of(hash);
    size_t at = (size_t)hash & (segment->slot_count - 1);
    while (segment->slots[at] != 0 && segment->slots[at] != print) {
        at = (at + 1) & (segment->slot_count - 1);
    }
    return at;
}

static bool has(const struct resident *resident, uint64_t hash)
{
    for (size_t i = resident->segment_count; i > 0; i--) { /* the largest first */
        const struct segment *const segment = &resident->segments[i - 1];
        if (segment->slots[slot_of(segment, hash)] != 0) {
            return true;
        }
    }
    return false;
}

bool resident_has(const struct resident *resident, enum resident_kind kind, uint64_t key)
{
    CHECK(resident != NULL);
    CHECK(resident->next_import > 0);
    return resident->overflowed || has(resident, spread(kind, key));
}

static void add(struct resident *resident, uint64_t hash)
{
    if (resident->overflowed || has(resident, hash)) {
        return;
    }
    struct segment *last =
        resident->segment_count > 0 ? &resident->segments[resident->segment_count - 1] : NULL;
    if (last == NULL || last->count * 4 >= last->slot_count * 3) {
        if (resident->segment_count == RESIDENT_SEGMENTS_MAX) {
            const int32_t next_import = resident->next_import;
            const bool is_noted = resident->is_noted;
            const struct resident_ledger ledger = resident->ledger;
            clear(resident);
            resident->overflowed = true;
            resident->next_import = next_import;
            resident->is_noted = is_noted;
            resident->ledger = ledger;
            return;
        }
        const size_t slot_count = last != NULL ? last->slot_count * 2 : (size_t)RESIDENT_SLOTS_MIN;
        last = &resident->segments[resident->segment_count++];
        *last = (struct segment){.slots = memory_new_array(uint32_t, slot_count),
                                 .slot_count = slot_count};
    }
    last->slots[slot_of(last, hash)] = print_of(hash);
    last->count++;
}

void resident_add(struct resident *resident, enum resident_kind kind, uint64_t key)
{
    CHECK(resident != NULL);
    add(resident, spread(kind, key));
}

struct taking {
    struct resident *resident;
    enum resident_kind kind;
};

static void take(void *context, const uint64_t *keys, size_t count)
{
    const struct taking *const taking = context;
    CHECK(keys != NULL || count == 0);
    for (size_t i = 0; i < count; i++) {
        resident_add(taking->resident, taking->kind, keys[i]);
    }
}

enum errc resident_fill(struct resident *resident, struct store *store, int32_t next_import,
                        struct err *err)
{
    CHECK(resident != NULL);
    CHECK(next_import > 0);
    static const struct {
        enum resident_kind kind;
        enum store_query query;
    } sources[] = {
        {RESIDENT_STEP, QUERY_step_keys},
        {RESIDENT_ALIAS, QUERY_alias_keys},
        {RESIDENT_CASE, QUERY_case_keys},
        {RESIDENT_ATTEMPT, QUERY_attempt_keys},
    };
    if (resident->next_import == next_import) {
        return ERR_OK;
    }
    clear(resident);
    enum errc code = ERR_OK;
    for (size_t i = 0; i < COUNT_OF(sources) && code == ERR_OK; i++) {
        struct taking taking = {resident, sources[i].kind};
        code = store_each_key(store, sources[i].query, take, &taking, err);
    }
    if (code != ERR_OK) {
        clear(resident);
        return code;
    }
    resident->next_import = next_import;
    return ERR_OK;
}

void resident_committed(struct resident *resident, int32_t next_import)
{
    CHECK(resident != NULL);
    CHECK(next_import >= resident->next_import);
    resident->next_import = next_import;
}

bool resident_knows(const struct resident *resident, int32_t *out_next_import,
                    struct resident_ledger *out)
{
    CHECK(resident != NULL);
    if (!resident->is_noted || resident->next_import == 0) {
        return false;
    }
    *out_next_import = resident->next_import;
    *out = resident->ledger;
    return true;
}

void resident_note(struct resident *resident, const struct resident_ledger *ledger)
{
    CHECK(resident != NULL);
    CHECK(resident->next_import > 0);
    resident->ledger = *ledger;
    resident->is_noted = true;
}

void resident_doubt(struct resident *resident)
{
    CHECK(resident != NULL);
    resident->is_noted = false;
}

size_t resident_bytes(const struct resident *resident)
{
    CHECK(resident != NULL);
    size_t slots = 0;
    for (size_t i = 0; i < resident->segment_count; i++) {
        slots += resident->segments[i].slot_count;
    }
    return slots * sizeof resident->segments[0].slots[0];
}
