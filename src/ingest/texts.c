/*
 * The texts of steps, as fingerprints. A step's texts are all that any reading of it has shown, so
 * the order of imports does not matter, and a text that comes again is known already.
 */
#include "base/check.h"
#include "ingest/ingest_priv.h"

enum errc ingest_add_texts(struct ingest *ingest, const struct trace *trace,
                           const struct step_place *places, struct err *err)
{
    CHECK(places != NULL || trace->texts.count == 0);
    struct group *const group = &ingest->group;
    for (size_t i = 0; i < trace->texts.count; i++) {
        const struct trace_text *const text = &trace->texts.rows[i];
        if (text->step_index == SIZE_MAX) {
            continue;
        }
        CHECK(text->step_index < trace->steps.count);
        const struct step_place *const place = &places[text->step_index];
        const size_t at = place->is_new ? arena_push(&group->arena, &group->texts)
                                        : arena_push(&group->arena, &group->texts_again);
        if (at == SIZE_MAX) {
            return ingest_full(ingest, err);
        }
        struct ledger_fingerprints *const row =
            place->is_new ? &group->texts.rows[at] : &group->texts_again.rows[at];
        *row = (struct ledger_fingerprints){
            .step_key = place->key,
            .role = (uint8_t)text->role,
            .text_hash = text->hash,
            .prints = text->prints,
        };
    }
    return ERR_OK;
}

enum errc ingest_sort_texts(struct ingest *ingest, const bool *is_known, struct err *err)
{
    CHECK(is_known != NULL);
    struct group *const group = &ingest->group;
    size_t kept = 0;
    for (size_t i = 0; i < group->texts.count; i++) {
        const size_t step = group_find_step(group, group->texts.rows[i].step_key);
        CHECK(step != SIZE_MAX);
        if (!is_known[step]) {
            group->texts.rows[kept++] = group->texts.rows[i];
            continue;
        }
        const size_t at = arena_push(&group->arena, &group->texts_again);
        if (at == SIZE_MAX) {
            return ingest_full(ingest, err);
        }
        group->texts_again.rows[at] = group->texts.rows[i];
    }
    group->texts.count = kept;
    return ERR_OK;
}

enum errc ingest_write_texts(struct ingest *ingest, int64_t *out_added, struct err *err)
{
    CHECK(out_added != NULL);
    struct group *const group = &ingest->group;
    for (size_t i = 0; i < group->texts.count; i++) {
        group->texts.rows[i].import_id = ingest->next_import;
    }
    for (size_t i = 0; i < group->texts_again.count; i++) {
        group->texts_again.rows[i].import_id = ingest->next_import;
    }
    *out_added = 0;
    enum errc code = store_append(ingest->store, LEDGER_fingerprints, group->texts.rows,
                                  group->texts.count, err);
    if (code == ERR_OK && group->texts_again.count > 0) {
        code = store_stage(ingest->store, LEDGER_fingerprints, group->texts_again.rows,
                           group->texts_again.count, err);
        if (code == ERR_OK) {
            code = store_execute(ingest->store, QUERY_add_staged_fingerprints, NULL, 0, out_added,
                                 err);
        }
    }
    *out_added += (int64_t)group->texts.count;
    return code;
}
