#include "base/check.h"
#include "ingest/table_priv.h"

struct ingest_slot {
    uint64_t key; /* 0: free */
    uint64_t value;
};

enum { CAPACITY_MIN = 1024 };
#define CAPACITY_MAX ((size_t)1 << 26) /* 1 GiB */

void ingest_keys_init(struct ingest_keys *keys)
{
    CHECK(keys != NULL);
    *keys = (struct ingest_keys){0};
    arena_init(&keys->arena, (CAPACITY_MAX + 1) * sizeof(struct ingest_slot));
}

void ingest_keys_deinit(struct ingest_keys *keys)
{
    arena_deinit(&keys->arena);
    keys->slots = NULL;
    keys->capacity = 0;
    keys->count = 0;
}

void ingest_keys_clear(struct ingest_keys *keys)
{
    CHECK(keys->count <= keys->capacity);
    if (keys->count > 0) {
        memset(keys->slots, 0, keys->capacity * sizeof *keys->slots);
        keys->count = 0;
    }
}

/* The key's slot, or the free one where it belongs. */
static struct ingest_slot *probe(const struct ingest_keys *keys, uint64_t key)
{
    CHECK(keys->count < keys->capacity);
    size_t at = (size_t)key & (keys->capacity - 1);
    while (keys->slots[at].key != 0 && keys->slots[at].key != key) {
        at = (at + 1) & (keys->capacity - 1);
    }
    return &keys->slots[at];
}

static enum errc grow(struct ingest_keys *keys, struct err *err)
{
    struct ingest_keys larger;
    ingest_keys_init(&larger);
    larger.capacity = keys->capacity > 0 ? keys->capacity * 2 : CAPACITY_MIN;
    larger.slots = larger.capacity <= CAPACITY_MAX
                       ? arena_new(&larger.arena, struct ingest_slot, larger.capacity)
                       : NULL;
    if (larger.slots == NULL) {
        arena_deinit(&larger.arena);
        return err_set(err, ERR_LIMIT,
                       "more than %zu steps or attempts in one import; import the files in parts",
                       keys->count);
    }
    for (size_t i = 0; i < keys->capacity; i++) {
        if (keys->slots[i].key != 0) {
            *probe(&larger, keys->slots[i].key) = keys->slots[i];
            larger.count++;
        }
    }
    CHECK(larger.count == keys->count);
    ingest_keys_deinit(keys);
    *keys = larger;
    return ERR_OK;
}

enum errc ingest_keys_at(struct ingest_keys *keys, uint64_t key, uint64_t **out, struct err *err)
{
    CHECK(out != NULL);
    if (keys->count + keys->count / 2 >= keys->capacity) { /* at most two thirds full */
        const enum errc code = grow(keys, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    struct ingest_slot *slot = probe(keys, key != 0 ? key : 1);
    if (slot->key == 0) {
        slot->key = key != 0 ? key : 1;
        keys->count++;
    }
    *out = &slot->value;
    return ERR_OK;
}
