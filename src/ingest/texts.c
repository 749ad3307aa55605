/*
 * The texts of steps, as fingerprints. A step's texts are all that any reading of it has shown, so
 * the order of imports does not matter, and a text that comes again is known already.
 */
#include "base/check.h"
#include "ingest/ingest_priv.h"

static enum errc full(const struct ingest *ingest, struct err *err)
{
    return err_set(err, ERR_LIMIT, "an import group needs more than %zu bytes",
                   ingest->group.arena.size_max);
}

static uint64_t text_key(struct hash128 step, uint64_t text_hash, enum text_role role)
{
    const uint64_t parts[] = {step.low, step.high, text_hash, (uint64_t)role};
    return hash64((struct str){(const char *)parts, sizeof parts});
}

enum errc ingest_add_texts(struct ingest *ingest, const struct trace *trace,
                           const struct hash128 *keys, struct err *err)
{
    CHECK(keys != NULL || trace->texts.count == 0);
    struct group *const group = &ingest->group;
    for (size_t i = 0; i < trace->texts.count; i++) {
        const struct trace_text *const text = &trace->texts.rows[i];
        if (text->step_index == SIZE_MAX) {
            continue;
        }
        CHECK(text->step_index < trace->steps.count);
        const struct hash128 key = keys[text->step_index];
        const struct str prints = {(const char *)text->prints.rows,
                                   text->prints.count * sizeof text->prints.rows[0]};
        const uint64_t hash = hash64(prints);
        if (!key_set_add(&ingest->texts_seen, text_key(key, hash, text->role))) {
            continue;
        }
        const size_t at = arena_push(&group->arena, &group->texts);
        if (at == SIZE_MAX) {
            return full(ingest, err);
        }
        group->texts.rows[at] = (struct ledger_fingerprints){
            .step_key = key,
            .role = (uint8_t)text->role,
            .text_hash = hash,
            .prints = text->prints,
        };
    }
    group->texts_new = group->texts.count;
    return ERR_OK;
}

enum errc ingest_sort_texts(struct ingest *ingest, const bool *is_known, struct err *err)
{
    CHECK(is_known != NULL);
    struct group *const group = &ingest->group;
    const size_t count = group->texts.count;
    struct ledger_fingerprints *const behind =
        arena_new(&group->arena, struct ledger_fingerprints, count + 1);
    if (behind == NULL) {
        return full(ingest, err);
    }
    size_t first = 0;
    size_t last = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t step = group_find_step(group, group->texts.rows[i].step_key);
        CHECK(step != SIZE_MAX);
        if (is_known[step]) {
            behind[last++] = group->texts.rows[i];
        } else {
            group->texts.rows[first++] = group->texts.rows[i];
        }
    }
    for (size_t i = 0; i < last; i++) {
        group->texts.rows[first + i] = behind[i];
    }
    group->texts_new = first;
    return ERR_OK;
}

enum errc ingest_write_texts(struct ingest *ingest, int64_t *out_added, struct err *err)
{
    CHECK(out_added != NULL);
    struct group *const group = &ingest->group;
    CHECK(group->texts_new <= group->texts.count);
    for (size_t i = 0; i < group->texts.count; i++) {
        group->texts.rows[i].import_id = ingest->next_import;
    }
    *out_added = 0;
    enum errc code = store_append(ingest->store, LEDGER_fingerprints, false, group->texts.rows,
                                  group->texts_new, err);
    const size_t count = group->texts.count - group->texts_new;
    if (code == ERR_OK && count > 0) {
        code = store_unstage(ingest->store, LEDGER_fingerprints, err);
        if (code == ERR_OK) {
            code = store_append(ingest->store, LEDGER_fingerprints, true,
                                group->texts.rows + group->texts_new, count, err);
        }
        if (code == ERR_OK) {
            code = store_execute(ingest->store, QUERY_add_staged_fingerprints, NULL, 0, out_added,
                                 err);
        }
    }
    *out_added += (int64_t)group->texts_new;
    return code;
}
