/* A run: what an import knows from its first group to its last. */
#include "base/check.h"
#include "base/memory.h"
#include "ingest/ingest_priv.h"

void ingest_create(struct ingest **out, struct store *store, const struct price_book *book,
                   struct str about, int64_t now_ns)
{
    CHECK(out != NULL);
    CHECK(store != NULL);
    CHECK(book != NULL);
    struct ingest *const ingest = memory_new(struct ingest);
    ingest->store = store;
    ingest->book = book;
    ingest->about = about;
    ingest->now_ns = now_ns;
    arena_init(&ingest->memory, RUN_ARENA_BYTES_MAX);
    ingest->memo = price_memo_create(&ingest->memory); /* without one it only looks longer */
    arena_init(&ingest->group.arena, GROUP_ARENA_BYTES_MAX);
    arena_init(&ingest->group.kept, GROUP_ARENA_BYTES_MAX);
    *out = ingest;
}

void ingest_forget_seen(struct ingest *ingest)
{
    CHECK(ingest != NULL);
    key_set_deinit(&ingest->cases_seen);
    key_set_deinit(&ingest->attempts_seen);
    ingest->ledger_was_new = false;
}

void ingest_forget_run(struct ingest *ingest)
{
    CHECK(ingest != NULL);
    ingest_forget_seen(ingest);
    key_set_deinit(&ingest->steps_seen);
    key_set_deinit(&ingest->aliases_seen);
    key_set_deinit(&ingest->outcomes_seen);
    key_set_deinit(&ingest->sources_seen);
    key_set_deinit(&ingest->facts_seen);
    ingest->next_import = 0;
}

void ingest_destroy(struct ingest **ingest)
{
    CHECK(ingest != NULL);
    if (*ingest != NULL) {
        ingest_forget_run(*ingest);
        arena_deinit(&(*ingest)->group.arena);
        arena_deinit(&(*ingest)->group.kept);
        arena_deinit(&(*ingest)->memory);
        memory_free(*ingest);
        *ingest = NULL;
    }
}

void ingest_remember(struct ingest *ingest, struct resident *resident)
{
    CHECK(ingest != NULL);
    CHECK(ingest->next_import == 0);
    ingest->resident = resident;
}

bool ingest_is_writing(const struct ingest *ingest)
{
    CHECK(ingest != NULL);
    return ingest->writing;
}

const struct ingest_summary *ingest_summary(const struct ingest *ingest)
{
    CHECK(ingest != NULL);
    return &ingest->summary;
}

bool ingest_is_full(const struct ingest *ingest)
{
    CHECK(ingest != NULL);
    return ingest->group.steps.count >= GROUP_STEPS_MAX;
}
