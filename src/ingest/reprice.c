/*
 * Import by import, in parts of bounded size:
 * read -> price again -> [stage -> supersede, add, post -> commit].
 */
#include "ingest/reprice.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"
#include "ledger/ledger.h"
#include "model/trace.h"

enum { PART_STEPS_MAX = 32768, SLOTS = 2 * REPRICE_LINES_MAX };
#define PART_ARENA_BYTES_MAX ((size_t)512 << 20)

/* Columns of QUERY_reprice_steps. */
enum {
    STEP_KEY,
    STEP_WORKFLOW,
    STEP_PROVIDER,
    STEP_MODEL,
    STEP_TIER,
    STEP_REGION,
    STEP_CHANNEL,
    STEP_STARTED,
    STEP_BASIS,
    STEP_COST,
    STEP_PRICE_ID,
    STEP_REPORTED,
    STEP_USAGE,
    STEP_REASONING = STEP_USAGE + USAGE_COUNT,
    STEP_HAS_USAGE
};

struct lines {
    struct reprice_line *rows;
    size_t count;
    size_t capacity;
};

struct reprice {
    struct store *store;
    const struct price_book *book;
    struct price_memo *memo;
    struct arena *arena; /* of the whole run */
    struct arena part;
    int64_t now_ns;
    bool apply;
    int32_t next_import;
    struct lines lines;
    uint16_t *slots; /* open addressing: place in lines + 1 */
    struct reprice_summary *out;
    struct ledger_entries entries; /* of the part */
    struct {
        struct ledger_repriced *rows;
        size_t count;
        size_t capacity;
    } changes; /* of the part */
};
_Static_assert(REPRICE_LINES_MAX + 1 < UINT16_MAX, "a slot names every line");

static enum errc full(const struct arena *arena, struct err *err)
{
    return err_set(err, ERR_LIMIT, "pricing again needs more than %zu bytes", arena->size_max);
}

/* The line of a workflow and model, or NULL when the arena is full. */
static struct reprice_line *line_of(struct reprice *run, struct str workflow, struct str model)
{
    if (run->lines.count == REPRICE_LINES_MAX) { /* no new ones any more */
        workflow = STR("");
        model = STR(REPRICE_OTHERS);
    }
    size_t slot = hash64_of(workflow, model) % SLOTS;
    while (run->slots[slot] != 0) {
        struct reprice_line *const line = &run->lines.rows[run->slots[slot] - 1];
        if (str_equal(line->workflow, workflow) && str_equal(line->model, model)) {
            return line;
        }
        slot = (slot + 1) % SLOTS;
    }
    const struct str kept_workflow = arena_copy(run->arena, workflow);
    const struct str kept_model = arena_copy(run->arena, model);
    const size_t at = arena_push(run->arena, &run->lines);
    if (at == SIZE_MAX || kept_workflow.data == NULL || kept_model.data == NULL) {
        return NULL;
    }
    CHECK(at < REPRICE_LINES_MAX + 1);
    run->slots[slot] = (uint16_t)(at + 1);
    run->lines.rows[at] = (struct reprice_line){.workflow = kept_workflow, .model = kept_model};
    return &run->lines.rows[at];
}

static void count_change(struct reprice_line *line, int64_t old_pusd, int64_t new_pusd)
{
    CHECK(new_pusd != LEDGER_NULL);
    line->calls++;
    line->newly_priced += old_pusd == LEDGER_NULL;
    line->old_pusd += old_pusd != LEDGER_NULL ? old_pusd : 0;
    line->new_pusd += new_pusd;
}

static bool add_entry(struct reprice *run, const struct store_result *rows, size_t row,
                      struct str provider, int64_t amount_pusd)
{
    const size_t at = arena_push(&run->part, &run->entries);
    if (at == SIZE_MAX) {
        return false;
    }
    const struct str workflow = store_text(rows, row, STEP_WORKFLOW);
    run->entries.rows[at] = (struct ledger_entry){
        .day = ledger_day(store_int64(rows, row, STEP_STARTED, LEDGER_NULL)),
        .workflow = workflow.data != NULL ? workflow : STR(""),
        .provider = provider.data != NULL ? provider : STR("unknown"),
        .amount_pusd = amount_pusd,
    };
    return true;
}

/* The price of one step by the book of now, asked for as the import did. */
static enum errc price_step(const struct reprice *run, const struct store_result *rows, size_t row,
                            struct price_result *out, struct err *err)
{
    const struct str booked = store_text(rows, row, STEP_PROVIDER);
    struct usage usage = {.reasoning = store_int64(rows, row, STEP_REASONING, 0)};
    for (size_t class = 0; class < USAGE_COUNT; class ++) {
        usage.counts[class] = store_int64(rows, row, STEP_USAGE + class, 0);
    }
    struct price_query query = {
        .provider = booked,
        .model = store_text(rows, row, STEP_MODEL),
        .at_ns = store_int64(rows, row, STEP_STARTED, TIME_UNKNOWN),
        .tier = (enum service_tier)store_int64(rows, row, STEP_TIER, TIER_STANDARD),
        .region = store_text(rows, row, STEP_REGION),
        .usage = &usage,
        .is_sum = store_int64(rows, row, STEP_CHANNEL, 0) == CHANNEL_METRIC,
        .memo = run->memo,
    };
    enum errc code = price_call(run->book, &query, out, err);
    if (code == ERR_OK && out->model.size == 0 &&
        store_int64(rows, row, STEP_BASIS, COST_NONE) == COST_PRICED) {
        /* The name itself may say the provider in a way that is only read where none is given. */
        struct price_result bare;
        query.provider = STR("");
        code = price_call(run->book, &query, &bare, err);
        if (code == ERR_OK && bare.state == PRICE_PRICED && str_equal(bare.provider, booked)) {
            *out = bare;
        }
    }
    if (code != ERR_OK) {
        err_prefix(err, "a call to " STR_FORMAT ": ", STR_ARG(query.model));
    }
    return code;
}

static enum errc change_step(struct reprice *run, const struct store_result *rows, size_t row,
                             const struct price_result *priced, struct err *err)
{
    const int64_t old_pusd = store_int64(rows, row, STEP_COST, LEDGER_NULL);
    struct reprice_line *const line =
        line_of(run, store_text(rows, row, STEP_WORKFLOW), store_text(rows, row, STEP_MODEL));
    if (line == NULL) {
        return full(run->arena, err);
    }
    count_change(line, old_pusd, priced->cost_pusd);
    count_change(&run->out->total, old_pusd, priced->cost_pusd);
    if (!run->apply) {
        return ERR_OK;
    }
    const size_t at = arena_push(&run->part, &run->changes);
    if (at == SIZE_MAX ||
        (old_pusd != LEDGER_NULL &&
         !add_entry(run, rows, row, store_text(rows, row, STEP_PROVIDER), -old_pusd)) ||
        !add_entry(run, rows, row, priced->provider, priced->cost_pusd)) {
        return full(&run->part, err);
    }
    const money_magnitude key = (money_magnitude)store_sum(rows, row, STEP_KEY);
    run->changes.rows[at] = (struct ledger_repriced){
        .step_key = {(uint64_t)key, (uint64_t)(key >> 64)},
        .provider = priced->provider,
        .cost_basis = COST_PRICED,
        .cost_pusd = priced->cost_pusd,
        .price_id = priced->price_id,
    };
    return ERR_OK;
}

/* Whether the book is not asked: what a table says of its cost stands, as does that its figure is
 * none, and a call whose usage or start nobody knows has no price. */
static bool is_beyond_prices(const struct store_result *rows, size_t row)
{
    const bool is_said = !store_at(rows, row, STEP_REPORTED)->null &&
                         (store_int64(rows, row, STEP_CHANNEL, 0) == CHANNEL_TABLE ||
                          store_int64(rows, row, STEP_BASIS, COST_NONE) == COST_UNPRICED);
    return is_said || store_at(rows, row, STEP_STARTED)->null ||
           store_int64(rows, row, STEP_HAS_USAGE, 0) == 0;
}

static enum errc judge_step(struct reprice *run, const struct store_result *rows, size_t row,
                            struct err *err)
{
    struct reprice_summary *const out = run->out;
    const enum cost_basis basis = (enum cost_basis)store_int64(rows, row, STEP_BASIS, COST_NONE);
    struct price_result priced = {.state = PRICE_UNPRICED};
    out->calls++;
    if (!is_beyond_prices(rows, row)) {
        const enum errc code = price_step(run, rows, row, &priced, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    if (priced.state == PRICE_UNPRICED) {
        out->table_reported +=
            basis == COST_REPORTED && store_int64(rows, row, STEP_CHANNEL, 0) == CHANNEL_TABLE;
        out->kept += basis == COST_PRICED;
        out->unpriced += basis == COST_UNPRICED;
        return ERR_OK;
    }
    const bool same = basis == COST_PRICED &&
                      store_int64(rows, row, STEP_COST, LEDGER_NULL) == priced.cost_pusd &&
                      (uint64_t)store_sum(rows, row, STEP_PRICE_ID) == priced.price_id &&
                      str_equal(store_text(rows, row, STEP_PROVIDER), priced.provider);
    return same ? ERR_OK : change_step(run, rows, row, &priced, err);
}

/* Run a statement that must meet each of the changed steps once. */
static enum errc run_for_each(struct reprice *run, enum store_query query,
                              const struct store_value *values, size_t value_count, struct err *err)
{
    int64_t met = 0;
    const enum errc code = store_execute(run->store, query, values, value_count, &met, err);
    if (code == ERR_OK && met != (int64_t)run->changes.count) {
        return err_set(err, ERR_INTEGRITY,
                       "%zu steps are to be priced again and the ledger has %" PRId64
                       " of them; bursar verify says more",
                       run->changes.count, met);
    }
    return code;
}

static enum errc write_steps(struct reprice *run, int64_t old_import, struct err *err)
{
    const struct store_value new = STORE_OF_INT64(run->next_import);
    const struct store_value old = STORE_OF_INT64(old_import);
    const struct store_value both[] = {new, old};
    enum errc code =
        store_stage(run->store, LEDGER_repriced, run->changes.rows, run->changes.count, err);
    if (code == ERR_OK) {
        code = run_for_each(run, QUERY_supersede_staged_repriced, both, COUNT_OF(both), err);
    }
    if (code == ERR_OK) {
        code = run_for_each(run, QUERY_delete_staged_repriced, &old, 1, err);
    }
    return code == ERR_OK ? run_for_each(run, QUERY_add_staged_repriced, &new, 1, err) : code;
}

static enum errc write_part(struct reprice *run, int64_t old_import, struct err *err)
{
    const struct ledger_imports import = {
        .import_id = run->next_import,
        .started_ns = run->now_ns,
        .about = STR("price update"),
        .steps = (int64_t)run->changes.count,
    };
    struct ledger_posted posted = {0};
    enum errc code = store_begin(run->store, err);
    if (code != ERR_OK) {
        return code;
    }
    code = write_steps(run, old_import, err);
    if (code == ERR_OK) {
        code = ledger_post(&run->entries, run->next_import, &run->part, &posted, err);
    }
    if (code == ERR_OK) {
        code = store_append(run->store, LEDGER_postings, posted.rows, posted.count, err);
    }
    if (code == ERR_OK) {
        code = store_append(run->store, LEDGER_imports, &import, 1, err);
    }
    if (code == ERR_OK) {
        code = store_commit(run->store, err);
    }
    store_rollback(run->store); /* nothing after a commit */
    run->next_import += code == ERR_OK;
    return code;
}

/* Part `part` of `parts` of one import's model calls. */
static enum errc reprice_part(struct reprice *run, int64_t import, int64_t parts, int64_t part,
                              struct err *err)
{
    const struct store_value values[] = {STORE_OF_INT64(import), STORE_OF_INT64(parts),
                                         STORE_OF_INT64(part)};
    struct store_result rows;
    arena_init(&run->part, PART_ARENA_BYTES_MAX);
    run->entries = (struct ledger_entries){0};
    run->changes.rows = NULL;
    run->changes.count = 0;
    run->changes.capacity = 0;
    enum errc code = store_run(run->store, QUERY_reprice_steps, values, COUNT_OF(values),
                               &run->part, &rows, err);
    for (size_t row = 0; code == ERR_OK && row < rows.rows; row++) {
        code = judge_step(run, &rows, row, err);
    }
    if (code == ERR_OK && run->changes.count > 0) {
        code = write_part(run, import, err);
    }
    arena_deinit(&run->part);
    return code;
}

static int by_name(const void *a, const void *b)
{
    const struct reprice_line *const left = a;
    const struct reprice_line *const right = b;
    const int order = str_compare(left->workflow, right->workflow);
    return order != 0 ? order : str_compare(left->model, right->model);
}

enum errc ingest_reprice(struct store *store, const struct price_book *book, int64_t now_ns,
                         bool apply, struct arena *arena, struct reprice_summary *out,
                         struct err *err)
{
    CHECK(store != NULL);
    CHECK(book != NULL);
    CHECK(out != NULL);
    struct reprice_summary summary = {0};
    struct reprice run = {.store = store,
                          .book = book,
                          .arena = arena,
                          .now_ns = now_ns,
                          .apply = apply,
                          .out = &summary};
    run.memo = price_memo_create(arena); /* without one it only looks longer */
    run.slots = arena_new(arena, uint16_t, SLOTS);
    if (run.slots == NULL) {
        return full(arena, err);
    }
    struct store_result imports;
    struct store_result next;
    enum errc code = store_run(store, QUERY_reprice_imports, NULL, 0, arena, &imports, err);
    if (code == ERR_OK) {
        code = store_run(store, QUERY_next_import, NULL, 0, arena, &next, err);
    }
    run.next_import = code == ERR_OK ? (int32_t)store_int64(&next, 0, 0, 1) : 0;
    for (size_t i = 0; code == ERR_OK && i < imports.rows; i++) {
        const int64_t parts = store_int64(&imports, i, 1, 0) / PART_STEPS_MAX + 1;
        for (int64_t part = 0; code == ERR_OK && part < parts; part++) {
            code = reprice_part(&run, store_int64(&imports, i, 0, 0), parts, part, err);
        }
    }
    if (code != ERR_OK) {
        return code;
    }
    if (run.lines.count > 0) {
        qsort(run.lines.rows, run.lines.count, sizeof *run.lines.rows, by_name);
    }
    summary.lines = run.lines.rows;
    summary.line_count = run.lines.count;
    *out = summary;
    return ERR_OK;
}
