/*
 * Of a step's readings one is kept, and another may know better whose work it is: what the gateway
 * saw without a name is named by a span that comes later, or came before. Fact by fact the better
 * told counts, of two as well told the smaller name, so that no order matters; the row goes there,
 * and its cost with it. Its meters find it by what any of its readings says of its sender or
 * session.
 */
#include "base/check.h"
#include "ingest/ingest_priv.h"

/* Columns of QUERY_rivals_known: of the step, then of the reading. */
enum {
    KEPT_KEY,
    KEPT_ATTEMPT_KEY,
    KEPT_CASE_KEY,
    KEPT_TRACE,
    KEPT_SENDER,
    KEPT_TOLD,
    KEPT_CHANNEL,
    KEPT_WORKFLOW,
    KEPT_CASE,
    KEPT_ATTEMPT,
    KEPT_AGENT,
    KEPT_NAMED_BY,
    RIVAL_ATTEMPT_KEY,
    RIVAL_TRACE,
    RIVAL_SENDER,
    RIVAL_TOLD,
    RIVAL_CHANNEL,
    RIVAL_WORKFLOW,
    RIVAL_CASE,
    RIVAL_ATTEMPT,
    RIVAL_AGENT,
    RIVAL_NAMED_BY,
    RIVAL_CASE_KEY,
};

/* Where a reading puts its step, and how well it knows. */
struct place {
    uint64_t trace_key;
    int told;
    enum channel channel;
    struct str workflow;
    struct str case_id;
    struct str attempt;
    struct str agent;
    uint8_t named_by; /* enum case_naming */
};

struct moving {
    struct ledger_homes *homes;
    struct ledger_cases *cases;
    struct ledger_attempts *attempts;
    struct ledger_placings *left; /* may be empty afterwards */
    size_t left_count;
    size_t count;
    struct ledger_step_scopes *scopes;
    size_t scope_count;
};

bool group_note_rival(struct group *group, struct hash128 key, const struct ledger_steps *kept,
                      const struct ledger_steps *rival)
{
    CHECK(group != NULL);
    if (rival->kind != STEP_LLM ||
        (rival->attempt_key == kept->attempt_key && rival->trace_key == kept->trace_key &&
         (rival->sender == kept->sender || rival->sender == 0))) {
        return true;
    }
    const size_t at = arena_push(&group->arena, &group->rivals);
    if (at != SIZE_MAX) {
        group->rivals.rows[at] = (struct ledger_rivals){.step_key = key,
                                                        .attempt_key = rival->attempt_key,
                                                        .trace_key = rival->trace_key,
                                                        .sender = rival->sender,
                                                        .told = rival->told,
                                                        .channel = rival->channel};
    }
    return at != SIZE_MAX;
}

/* 0..4: what the call itself says goes before the spans. */
static int level_of(const struct place *place, enum told fact, int at_call)
{
    const int level = (int)told_level(place->told, fact);
    return level == TOLD_BY_SPANS && (place->told & at_call) != 0 ? level + 1 : level;
}

/* What stands in for a case: a session, a trace, else only the request. */
static int fallback_of(const struct place *place)
{
    if (told_level(place->told, TOLD_SESSION) > TOLD_BY_NOTHING ||
        place->channel == CHANNEL_SESSION_LOG) {
        return 2;
    }
    return place->trace_key != 0 ? 1 : 0;
}

static int workflow_rank(const struct place *place)
{
    const int level = level_of(place, TOLD_WORKFLOW, TOLD_AT_CALL_WORKFLOW);
    const bool is_program =
        place->channel == CHANNEL_SESSION_LOG && place->told == 0 && place->workflow.size > 0;
    return level > 0 ? 4 + level : is_program ? 1 : (int)told_level(place->told, TOLD_HINT);
}

static int name_rank(const struct place *place, enum told fact, int at_call)
{
    const int level = level_of(place, fact, at_call);
    return level > 0 ? 4 + level : fallback_of(place);
}

/* Whether the other's name counts. A stand-in that is as good as the step's stays. */
static bool goes_before(int rank, struct str name, int other_rank, struct str other)
{
    return other_rank > rank || (other_rank == rank && rank > 4 && str_compare(other, name) < 0);
}

static void take_bits(int *io_told, int from, int bits)
{
    *io_told = (*io_told & ~bits) | (from & bits);
}

/* Take over what the other place knows better. */
static void merge(struct place *io, const struct place *other)
{
    const struct place before = *io;
    int told = before.told & ~(int)TOLD_TAUGHT;
    if (goes_before(workflow_rank(&before), before.workflow, workflow_rank(other),
                    other->workflow)) {
        io->workflow = other->workflow;
        take_bits(&told, other->told, 3 << TOLD_WORKFLOW | 3 << TOLD_HINT | TOLD_AT_CALL_WORKFLOW);
    }
    if (goes_before(name_rank(&before, TOLD_CASE, TOLD_AT_CALL_CASE), before.case_id,
                    name_rank(other, TOLD_CASE, TOLD_AT_CALL_CASE), other->case_id)) {
        io->case_id = other->case_id;
        io->named_by = other->named_by;
        take_bits(&told, other->told, 3 << TOLD_CASE | TOLD_AT_CALL_CASE);
    }
    if (goes_before(name_rank(&before, TOLD_ATTEMPT, TOLD_AT_CALL_ATTEMPT), before.attempt,
                    name_rank(other, TOLD_ATTEMPT, TOLD_AT_CALL_ATTEMPT), other->attempt)) {
        io->attempt = other->attempt;
        io->agent = other->agent;
        take_bits(&told, other->told, 3 << TOLD_ATTEMPT | TOLD_AT_CALL_ATTEMPT);
    }
    if (fallback_of(other) > fallback_of(&before)) {
        take_bits(&told, other->told, 3 << TOLD_SESSION);
    }
    if (before.trace_key == 0) {
        io->trace_key = other->trace_key;
        take_bits(&told, other->told, TOLD_LOOSE);
    }
    io->told = told;
}

static struct place place_at(const struct store_result *rows, size_t row, bool of_rival)
{
    const size_t *const at =
        of_rival ? (const size_t[]){RIVAL_TRACE, RIVAL_TOLD,    RIVAL_CHANNEL, RIVAL_WORKFLOW,
                                    RIVAL_CASE,  RIVAL_ATTEMPT, RIVAL_AGENT,   RIVAL_NAMED_BY}
                 : (const size_t[]){KEPT_TRACE, KEPT_TOLD,    KEPT_CHANNEL, KEPT_WORKFLOW,
                                    KEPT_CASE,  KEPT_ATTEMPT, KEPT_AGENT,   KEPT_NAMED_BY};
    return (struct place){.trace_key = (uint64_t)store_sum(rows, row, at[0]),
                          .told = (int)store_int64(rows, row, at[1], 0),
                          .channel = (enum channel)store_int64(rows, row, at[2], 0),
                          .workflow = store_text(rows, row, at[3]),
                          .case_id = store_text(rows, row, at[4]),
                          .attempt = store_text(rows, row, at[5]),
                          .agent = store_text(rows, row, at[6]),
                          .named_by = (uint8_t)store_int64(rows, row, at[7], NAMED_BY_SESSION)};
}

static struct hash128 key_at(const struct store_result *rows, size_t row)
{
    const money_magnitude key = (money_magnitude)store_sum(rows, row, KEPT_KEY);
    return (struct hash128){(uint64_t)key, (uint64_t)(key >> 64)};
}

/* Meters of the other reading's sender or session sum the step, too. */
static void add_scopes(const struct ingest *ingest, const struct store_result *rows, size_t row,
                       struct moving *out)
{
    const uint64_t kept = (uint64_t)store_sum(rows, row, KEPT_SENDER);
    const uint64_t keys[] = {(uint64_t)store_sum(rows, row, RIVAL_SENDER),
                             hash64_of(STR("session"), store_text(rows, row, RIVAL_ATTEMPT)),
                             hash64_of(STR("session"), store_text(rows, row, KEPT_ATTEMPT))};
    const bool apart =
        store_sum(rows, row, KEPT_ATTEMPT_KEY) != store_sum(rows, row, RIVAL_ATTEMPT_KEY);
    for (size_t i = 0; i < (apart ? COUNT_OF(keys) : 1); i++) {
        if (keys[i] != 0 && keys[i] != kept) {
            out->scopes[out->scope_count++] =
                (struct ledger_step_scopes){.step_key = key_at(rows, row),
                                            .scope_key = keys[i],
                                            .import_id = ingest->next_import};
        }
    }
}

static void add_home(const struct ingest *ingest, const struct store_result *rows, size_t row,
                     const struct place *place, struct moving *out)
{
    const struct place before = place_at(rows, row, false);
    const struct str workflow = place->workflow.data != NULL ? place->workflow : STR("");
    const uint64_t case_key = hash64_of(workflow, place->case_id);
    const uint64_t attempt_key =
        hash64_of((struct str){(const char *)&case_key, sizeof case_key}, place->attempt);
    const uint64_t old_attempt = (uint64_t)store_sum(rows, row, KEPT_ATTEMPT_KEY);
    const bool is_loose_now = before.trace_key == 0 && (place->told & TOLD_LOOSE) != 0;
    if (attempt_key == old_attempt && !is_loose_now) {
        return;
    }
    const size_t at = out->count++;
    out->homes[at] = (struct ledger_homes){.step_key = key_at(rows, row),
                                           .attempt_key = attempt_key,
                                           .case_key = case_key,
                                           .workflow = workflow,
                                           .trace_key = place->trace_key,
                                           .told = place->told};
    out->cases[at] = (struct ledger_cases){
        .case_key = case_key,
        .workflow = workflow,
        .case_id = place->case_id,
        .named_by = place->named_by,
        .import_id = ingest->next_import,
    };
    out->attempts[at] = (struct ledger_attempts){
        .attempt_key = attempt_key,
        .case_key = case_key,
        .attempt_id = place->attempt,
        .number = ingest_attempt_number(place->attempt),
        .agent = place->agent,
        .succeeded = LEDGER_NULL,
        .import_id = ingest->next_import,
    };
    out->left[out->left_count++] = (struct ledger_placings){
        .attempt_key = old_attempt,
        .from_case = (uint64_t)store_sum(rows, row, KEPT_CASE_KEY),
        .to_case = case_key,
        .to_workflow = STR(""),
    };
}

/* Where a reading was for want of better, maybe nothing is left. */
static void leave(const struct store_result *rows, size_t row, struct moving *out)
{
    const struct place place = place_at(rows, row, true);
    const bool is_stand_in = place.channel == CHANNEL_GATEWAY && place.named_by == NAMED_BY_SESSION;
    if ((place.told & TOLD_LOOSE) != 0 || is_stand_in) {
        const uint64_t from_case = (uint64_t)store_sum(rows, row, RIVAL_CASE_KEY);
        out->left[out->left_count++] = (struct ledger_placings){
            .attempt_key = (uint64_t)store_sum(rows, row, RIVAL_ATTEMPT_KEY),
            .from_case = from_case,
            .to_case = from_case,
            .to_workflow = STR("")};
    }
}

static enum errc move(struct ingest *ingest, const struct moving *moving, int64_t *out_added,
                      struct err *err)
{
    struct store *const store = ingest->store;
    const struct store_value import = STORE_OF_INT64(ingest->next_import);
    int64_t added = 0;
    enum errc code = ingest_add_new(ingest, LEDGER_cases, moving->cases, moving->count,
                                    QUERY_add_staged_cases, &added, err);
    ingest->summary.cases_added += code == ERR_OK ? added : 0;
    if (code == ERR_OK) {
        code = ingest_add_new(ingest, LEDGER_attempts, moving->attempts, moving->count,
                              QUERY_add_staged_attempts, &added, err);
    }
    if (code == ERR_OK) {
        code = store_stage(ingest->store, LEDGER_homes, moving->homes, moving->count, err);
    }
    if (code == ERR_OK) {
        code = ingest_post_moves(ingest, QUERY_homes_costs, err);
    }
    if (code == ERR_OK) {
        code = store_execute(store, QUERY_homes_supersede, &import, 1, out_added, err);
    }
    if (code == ERR_OK) {
        code = store_execute(store, QUERY_homes_move, &import, 1, NULL, err);
    }
    if (code == ERR_OK) {
        code = store_stage(ingest->store, LEDGER_placings, moving->left, moving->left_count, err);
    }
    return code == ERR_OK
               ? store_execute(store, QUERY_places_copy_attributes, &import, 1, NULL, err)
               : code;
}

/* The rows of one step stand together. */
static void judge(const struct ingest *ingest, const struct store_result *rows, struct moving *out)
{
    for (size_t first = 0; first < rows->rows;) {
        struct place place = place_at(rows, first, false);
        size_t row = first;
        for (;
             row < rows->rows && store_sum(rows, row, KEPT_KEY) == store_sum(rows, first, KEPT_KEY);
             row++) {
            const struct place other = place_at(rows, row, true);
            merge(&place, &other);
            add_scopes(ingest, rows, row, out);
            leave(rows, row, out);
        }
        add_home(ingest, rows, first, &place, out);
        first = row;
    }
}

enum errc ingest_hear_rivals(struct ingest *ingest, bool *out_changed, int64_t *out_added,
                             struct err *err)
{
    CHECK(ingest != NULL);
    CHECK(out_changed != NULL);
    struct group *const group = &ingest->group;
    struct arena *const arena = &group->arena;
    struct store_result rows;
    int64_t scopes = 0;
    *out_added = 0;
    *out_changed = false;
    if (group->rivals.count == 0) {
        return ERR_OK;
    }
    enum errc code =
        store_stage(ingest->store, LEDGER_rivals, group->rivals.rows, group->rivals.count, err);
    if (code == ERR_OK) {
        code = store_run(ingest->store, QUERY_rivals_known, NULL, 0, arena, &rows, err);
    }
    if (code != ERR_OK || rows.rows == 0) {
        return code;
    }
    struct moving moving = {
        .homes = arena_new(arena, struct ledger_homes, rows.rows),
        .cases = arena_new(arena, struct ledger_cases, rows.rows),
        .attempts = arena_new(arena, struct ledger_attempts, rows.rows),
        .left = arena_new(arena, struct ledger_placings, 2 * rows.rows),
        .scopes = arena_new(arena, struct ledger_step_scopes, 3 * rows.rows),
    };
    if (moving.homes == NULL || moving.cases == NULL || moving.attempts == NULL ||
        moving.left == NULL || moving.scopes == NULL) {
        return ingest_full(ingest, err);
    }
    judge(ingest, &rows, &moving);
    code = ingest_add_new(ingest, LEDGER_step_scopes, moving.scopes, moving.scope_count,
                          QUERY_add_staged_step_scopes, &scopes, err);
    if (code == ERR_OK && moving.count > 0) {
        ingest->ledger_was_new = false;
        code = move(ingest, &moving, out_added, err);
    }
    if (code == ERR_OK && moving.left_count > 0) {
        code = ingest_delete_empty(ingest, moving.left, moving.left_count, err);
    }
    *out_changed = scopes > 0 || moving.count > 0;
    return code;
}
