/*
 * A row goes from the log of holds to the inbox, and from there to the ledger; only then it leaves
 * the inbox. Looking at the three in this order sees each that is settled in one of them at least.
 */
#include "cmd/verify_settlements.h"

#include <stdlib.h>

#include "base/check.h"
#include "serve/gateway.h"
#include "store/hold_log.h"
#include "store/journal.h"
#include "wire/call_record.h"

#define SCRATCH_BYTES_MAX ((size_t)1 << 20)

struct collecting {
    struct arena *arena;
    struct arena scratch; /* of one record */
    struct json_parser *parser;
    struct {
        struct ledger_settlements *rows;
        size_t count;
        size_t capacity;
    } settled; /* of the log; beside each its number */
    struct {
        uint64_t *rows;
        size_t count;
        size_t capacity;
    } numbers;
    uint64_t delivered; /* through this number they are in the inbox, or were */
    struct {
        struct hash128 *rows;
        size_t count;
        size_t capacity;
    } waiting; /* in the inbox */
};

/* The call of a record; strings are of the scratch arena. */
static enum errc read_call(struct collecting *all, struct str bytes, struct step *out,
                           struct err *err)
{
    struct trace trace = {0};
    const enum errc code = call_record_read(all->parser, bytes, &all->scratch, &trace, err);
    if (code == ERR_OK) {
        CHECK(trace.steps.count == 1);
        *out = trace.steps.rows[0];
    }
    return code;
}

static enum errc collect(void *context, const struct hold_record *record, struct err *err)
{
    struct collecting *const all = context;
    if (record->event == HOLD_DELIVERED) {
        all->delivered = record->id > all->delivered ? record->id : all->delivered;
    }
    const bool is_settled =
        record->event == HOLD_POSTED || record->event == HOLD_VOIDED || record->event == HOLD_NOTED;
    if (!is_settled || record->body.size == 0) {
        return ERR_OK;
    }
    const struct arena_position mark = arena_mark(&all->scratch);
    struct step step;
    enum errc code = read_call(all, record->body, &step, err);
    if (code == ERR_OK) {
        const struct str identity = arena_copy(all->arena, step.identity);
        const size_t at = arena_push(all->arena, &all->settled);
        const size_t number = arena_push(all->arena, &all->numbers);
        if (identity.data == NULL || at == SIZE_MAX || number == SIZE_MAX) {
            code = err_set(err, ERR_LIMIT, "the log of holds does not fit %zu bytes",
                           all->arena->size_max);
        } else {
            all->numbers.rows[number] = record->number;
            all->settled.rows[at] = (struct ledger_settlements){
                .step_key = hash128_of(STR("id"), identity),
                .identity = identity,
                .posted_pusd = !step.has_price                ? LEDGER_NULL
                               : record->event == HOLD_POSTED ? record->amount_pusd
                               : record->event == HOLD_VOIDED ? 0
                                                              : LEDGER_NULL,
                .row_pusd = step.has_price ? step.priced_pusd : LEDGER_NULL,
            };
        }
    }
    arena_rewind(&all->scratch, mark);
    return code;
}

static enum errc collect_waiting(void *context, struct str bytes, struct err *err)
{
    struct collecting *const all = context;
    const struct arena_position mark = arena_mark(&all->scratch);
    struct step step;
    enum errc code = read_call(all, bytes, &step, err);
    if (code == ERR_OK) {
        const size_t at = arena_push(all->arena, &all->waiting);
        code = at == SIZE_MAX ? err_set(err, ERR_LIMIT, "the inbox does not fit %zu bytes",
                                        all->arena->size_max)
                              : ERR_OK;
        if (code == ERR_OK) {
            all->waiting.rows[at] = hash128_of(STR("id"), step.identity);
        }
    }
    arena_rewind(&all->scratch, mark);
    return code;
}

static int compare_keys(const void *a, const void *b)
{
    const struct hash128 *const x = a;
    const struct hash128 *const y = b;
    return x->high != y->high ? (x->high < y->high ? -1 : 1)
                              : (x->low > y->low) - (x->low < y->low);
}

static void mark_waiting(const struct collecting *all)
{
    CHECK(all->numbers.count == all->settled.count);
    if (all->waiting.count > 0) {
        qsort(all->waiting.rows, all->waiting.count, sizeof all->waiting.rows[0], compare_keys);
    }
    for (size_t i = 0; i < all->settled.count; i++) {
        struct ledger_settlements *const row = &all->settled.rows[i];
        row->is_waiting = all->numbers.rows[i] > all->delivered ||
                          (all->waiting.count > 0 &&
                           bsearch(&row->step_key, all->waiting.rows, all->waiting.count,
                                   sizeof all->waiting.rows[0], compare_keys) != NULL);
    }
}

enum errc verify_stage_settlements(struct app *app, struct store *store, struct arena *arena,
                                   struct err *err)
{
    CHECK(app != NULL);
    CHECK(store != NULL);
    struct collecting all = {.arena = arena};
    struct hold_log_opened opened;
    arena_init(&all.scratch, SCRATCH_BYTES_MAX);
    json_parser_create(&all.parser, CALL_RECORD_BYTES_MAX);
    enum errc code = hold_log_look(app->home, collect, &all, &opened, err);
    if (code == ERR_OK) {
        code = journal_look(app->home, SERVE_KIND_CALL, collect_waiting, &all, err);
    }
    if (code == ERR_OK) {
        mark_waiting(&all);
        code = store_stage(store, LEDGER_settlements, all.settled.rows, all.settled.count, err);
    }
    json_parser_destroy(&all.parser);
    arena_deinit(&all.scratch);
    return code;
}
