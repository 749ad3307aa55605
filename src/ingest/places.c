/*
 * Spans come in many requests, children before their parents: what a trace is of may be known when
 * its steps are long in the ledger, or before they come. A step that was placed by less than the
 * spans of its whole trace is loose (enum told); here loose steps of the traces that this import
 * tells of go where all of them together say, and their cost with them.
 */
#include "base/check.h"
#include "ingest/ingest_priv.h"

/* Columns of QUERY_places_loose. */
enum {
    LOOSE_TRACE,
    LOOSE_ATTEMPT_KEY,
    LOOSE_CASE_KEY,
    LOOSE_TOLD,
    LOOSE_WORKFLOW,
    LOOSE_CASE,
    LOOSE_ATTEMPT,
    LOOSE_AGENT,
    TRACE_WORKFLOW,
    TRACE_HINT,
    TRACE_CASE,
    TRACE_ATTEMPT,
    TRACE_SESSION,
    TRACE_INPUT_KEY,
    RULE_WORKFLOW,
    RULE_CASE,
    RULE_ATTEMPT,
};

struct placing {
    struct ledger_placings *rows;
    size_t count;
    struct ledger_cases *cases;
    struct ledger_attempts *attempts;
};

/* A name that its own spans tell goes before what the trace says, that before what sent it or a
 * rule told, and that before what a rule makes of the trace. Empty: none of them. */
static struct str best(const struct store_result *loose, size_t row, enum told_by by,
                       const size_t columns[static 3])
{
    const struct str own = store_text(loose, row, columns[0]);
    const struct str of_trace = store_text(loose, row, columns[1]);
    if (by == TOLD_BY_SPANS || (by > TOLD_BY_NOTHING && of_trace.size == 0)) {
        return own;
    }
    return of_trace.size > 0 ? of_trace : store_text(loose, row, columns[2]);
}

/* What stands in where nothing better tells it. */
static struct str fallback(const struct store_result *loose, size_t row, enum told_by by,
                           size_t own_column, size_t trace_column)
{
    const struct str of_trace = store_text(loose, row, trace_column);
    return by == TOLD_BY_SPANS || of_trace.size == 0 ? store_text(loose, row, own_column)
                                                     : of_trace;
}

static struct str workflow_at(const struct store_result *loose, size_t row, int64_t told)
{
    static const size_t columns[] = {LOOSE_WORKFLOW, TRACE_WORKFLOW, RULE_WORKFLOW};
    const struct str name = best(loose, row, told_level(told, TOLD_WORKFLOW), columns);
    return name.size > 0
               ? name
               : fallback(loose, row, told_level(told, TOLD_HINT), LOOSE_WORKFLOW, TRACE_HINT);
}

/* Of a case or attempt; the session, else the trace stands in. */
static struct str name_at(const struct store_result *loose, size_t row, int64_t told,
                          enum told fact, const size_t columns[static 3])
{
    const struct str name = best(loose, row, told_level(told, fact), columns);
    return name.size > 0
               ? name
               : fallback(loose, row, told_level(told, TOLD_SESSION), columns[0], TRACE_SESSION);
}

int64_t ingest_attempt_number(struct str attempt)
{
    enum { NUMBER_MAX = 1000000 };
    int64_t number = 0;
    return str_to_int64(attempt, &number) && number > 0 && number <= NUMBER_MAX ? number : 0;
}

static void place(const struct ingest *ingest, const struct store_result *loose, size_t row,
                  struct placing *out)
{
    static const size_t cases[] = {LOOSE_CASE, TRACE_CASE, RULE_CASE};
    static const size_t attempts[] = {LOOSE_ATTEMPT, TRACE_ATTEMPT, RULE_ATTEMPT};
    const int64_t told = store_int64(loose, row, LOOSE_TOLD, 0);
    const struct str workflow = workflow_at(loose, row, told);
    const struct str case_id = name_at(loose, row, told, TOLD_CASE, cases);
    const struct str attempt = name_at(loose, row, told, TOLD_ATTEMPT, attempts);
    const uint64_t case_key = hash64_of(workflow, case_id);
    const uint64_t attempt_key =
        hash64_of((struct str){(const char *)&case_key, sizeof case_key}, attempt);
    const uint64_t old_attempt = (uint64_t)store_sum(loose, row, LOOSE_ATTEMPT_KEY);
    if (attempt_key == old_attempt) {
        return;
    }
    const bool is_told = told_level(told, TOLD_CASE) > TOLD_BY_NOTHING ||
                         store_text(loose, row, TRACE_CASE).size > 0 ||
                         store_text(loose, row, RULE_CASE).size > 0;
    const size_t at = out->count++;
    out->rows[at] = (struct ledger_placings){
        .trace_key = (uint64_t)store_sum(loose, row, LOOSE_TRACE),
        .attempt_key = old_attempt,
        .told = (int32_t)told,
        .to_attempt = attempt_key,
        .to_case = case_key,
        .from_case = (uint64_t)store_sum(loose, row, LOOSE_CASE_KEY),
        .to_workflow = workflow.data != NULL ? workflow : STR(""),
    };
    out->cases[at] = (struct ledger_cases){
        .case_key = case_key,
        .workflow = out->rows[at].to_workflow,
        .case_id = case_id,
        .input_key = store_text(loose, row, TRACE_INPUT_KEY),
        .named_by = is_told ? NAMED_BY_SOURCE : NAMED_BY_SESSION,
        .import_id = ingest->next_import,
    };
    out->attempts[at] = (struct ledger_attempts){
        .attempt_key = attempt_key,
        .case_key = case_key,
        .attempt_id = attempt,
        .number = ingest_attempt_number(attempt),
        .agent = store_text(loose, row, LOOSE_AGENT),
        .succeeded = LEDGER_NULL,
        .import_id = ingest->next_import,
    };
}

/* An amount that may be more than one entry holds. */
static enum errc add_amount(struct ingest *ingest, int64_t started_ns, struct str workflow,
                            struct str provider, money_sum amount_pusd, struct err *err)
{
    enum errc code = ERR_OK;
    while (amount_pusd != 0 && code == ERR_OK) {
        const money_sum part = amount_pusd > INT64_MAX    ? INT64_MAX
                               : amount_pusd < -INT64_MAX ? -INT64_MAX
                                                          : amount_pusd;
        code = ingest_add_entry(ingest, started_ns, workflow, provider, (int64_t)part, err);
        amount_pusd -= part;
    }
    return code;
}

/* Their cost goes from one workflow to the other. */
enum errc ingest_post_moves(struct ingest *ingest, enum store_query query, struct err *err)
{
    enum { STARTED, FROM, TO, PROVIDER, COST };
    struct store_result costs;
    enum errc code = store_run(ingest->store, query, NULL, 0, &ingest->group.arena, &costs, err);
    for (size_t i = 0; code == ERR_OK && i < costs.rows; i++) {
        const int64_t started_ns = store_int64(&costs, i, STARTED, LEDGER_NULL);
        const struct str provider = store_text(&costs, i, PROVIDER);
        const money_sum cost_pusd = store_sum(&costs, i, COST);
        code =
            add_amount(ingest, started_ns, store_text(&costs, i, FROM), provider, -cost_pusd, err);
        if (code == ERR_OK) {
            code =
                add_amount(ingest, started_ns, store_text(&costs, i, TO), provider, cost_pusd, err);
        }
    }
    return code;
}

void ingest_drop_taught(struct ingest *ingest)
{
    CHECK(ingest != NULL);
    struct group *const group = &ingest->group;
    struct key_set taught = {0};
    uint64_t last = 0; /* mostly a trace's steps stand together */
    for (size_t i = 0; i < group->steps.count && group->facts.count > 0; i++) {
        const struct ledger_steps *const step = &group->steps.rows[i];
        if ((step->told & TOLD_TAUGHT) != 0 && step->trace_key != last) {
            (void)key_set_add(&taught, step->trace_key);
            last = step->trace_key;
            ingest->ledger_has_facts = true;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < group->facts.count; i++) {
        const struct ledger_trace_facts *const fact = &group->facts.rows[i];
        if (!fact->is_taught || !key_set_has(&taught, fact->trace_key)) {
            group->facts.rows[kept++] = *fact;
        }
    }
    group->facts.count = kept;
    key_set_deinit(&taught);
}

/* Of the attempts and cases that steps are staged to leave, those that nothing is left of. */
static enum errc delete_empty(struct ingest *ingest, struct err *err)
{
    struct store *const store = ingest->store;
    int64_t cases = 0;
    ingest_forget_seen(ingest);
    enum errc code = store_execute(store, QUERY_places_delete_attempts, NULL, 0, NULL, err);
    if (code == ERR_OK) {
        code = store_execute(store, QUERY_places_delete_cases, NULL, 0, &cases, err);
    }
    if (code == ERR_OK) {
        ingest->summary.cases_added -= cases;
        code = store_execute(store, QUERY_places_delete_attributes, NULL, 0, NULL, err);
    }
    return code;
}

enum errc ingest_delete_empty(struct ingest *ingest, const struct ledger_placings *rows,
                              size_t count, struct err *err)
{
    CHECK(ingest != NULL);
    const enum errc code = store_stage(ingest->store, LEDGER_placings, rows, count, err);
    return code == ERR_OK ? delete_empty(ingest, err) : code;
}

static enum errc move_steps(struct ingest *ingest, const struct placing *placing,
                            int64_t *out_added, struct err *err)
{
    struct store *const store = ingest->store;
    const struct store_value import = STORE_OF_INT64(ingest->next_import);
    int64_t added = 0;
    enum errc code = ingest_add_new(ingest, LEDGER_cases, placing->cases, placing->count,
                                    QUERY_add_staged_cases, &added, err);
    ingest->summary.cases_added += code == ERR_OK ? added : 0;
    if (code == ERR_OK) {
        code = ingest_add_new(ingest, LEDGER_attempts, placing->attempts, placing->count,
                              QUERY_add_staged_attempts, &added, err);
    }
    if (code == ERR_OK) {
        code = store_stage(store, LEDGER_placings, placing->rows, placing->count, err);
    }
    if (code == ERR_OK) {
        code = ingest_post_moves(ingest, QUERY_places_costs, err);
    }
    if (code == ERR_OK) {
        code = store_execute(store, QUERY_places_supersede, &import, 1, out_added, err);
    }
    if (code == ERR_OK) {
        code = store_execute(store, QUERY_places_move, &import, 1, NULL, err);
    }
    if (code == ERR_OK) {
        code = store_execute(store, QUERY_places_copy_attributes, &import, 1, NULL, err);
    }
    return code == ERR_OK ? delete_empty(ingest, err) : code;
}

static enum errc place_loose(struct ingest *ingest, int64_t *out_added, struct err *err)
{
    struct arena *const arena = &ingest->group.arena;
    struct store_result loose;
    enum errc code = store_execute(ingest->store, QUERY_places_create, NULL, 0, NULL, err);
    if (code == ERR_OK) {
        code = store_run(ingest->store, QUERY_places_loose, NULL, 0, arena, &loose, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    struct placing placing = {
        .rows = arena_new(arena, struct ledger_placings, loose.rows + 1),
        .cases = arena_new(arena, struct ledger_cases, loose.rows + 1),
        .attempts = arena_new(arena, struct ledger_attempts, loose.rows + 1),
    };
    if (placing.rows == NULL || placing.cases == NULL || placing.attempts == NULL) {
        return ingest_full(ingest, err);
    }
    for (size_t row = 0; row < loose.rows; row++) {
        place(ingest, &loose, row, &placing);
    }
    ingest->ledger_was_new = ingest->ledger_was_new && placing.count == 0;
    return placing.count > 0 ? move_steps(ingest, &placing, out_added, err) : ERR_OK;
}

enum errc ingest_place_steps(struct ingest *ingest, int64_t *out_added, struct err *err)
{
    CHECK(ingest != NULL);
    CHECK(out_added != NULL);
    const struct store_value import = STORE_OF_INT64(ingest->next_import);
    struct store_result any;
    *out_added = 0;
    if (!ingest->ledger_has_facts || !ingest->ledger_has_loose) {
        return ERR_OK;
    }
    enum errc code = ERR_OK;
    if (ingest->group.dropped.count > 0) {
        code = ingest_delete_empty(ingest, ingest->group.dropped.rows, ingest->group.dropped.count,
                                   err);
    }
    if (code == ERR_OK) {
        code = store_execute(ingest->store, QUERY_places_loose_create, &import, 1, NULL, err);
    }
    if (code == ERR_OK) {
        code = store_run(ingest->store, QUERY_places_any_loose, NULL, 0, &ingest->group.arena, &any,
                         err);
    }
    return code == ERR_OK && any.rows > 0 ? place_loose(ingest, out_added, err) : code;
}
