/* holds: drafts of changes, whether they are admitted, and what they do. */
#include "ledger/holds_priv.h"

#include "base/check.h"
#include "base/memory.h"

void holds_create(struct holds **out)
{
    CHECK(out != NULL);
    struct holds *const holds = memory_new(struct holds);
    holds->table = holds_table_new(0, 0);
    holds->notices = memory_new_array(struct hold_notice, HOLDS_NOTICES_MAX);
    holds_slots_create(holds);
    holds_cases_create(&holds->cases);
    *out = holds;
}

void holds_destroy(struct holds **holds)
{
    CHECK(holds != NULL);
    if (*holds != NULL) {
        holds_table_destroy(&(*holds)->table);
        holds_table_destroy(&(*holds)->watch);
        holds_cases_destroy(&(*holds)->cases);
        memory_free((*holds)->slots);
        memory_free((*holds)->heap);
        memory_free((*holds)->notices);
        memory_free(*holds);
        *holds = NULL;
    }
}

int64_t holds_latest(const struct holds *holds, int64_t now_ns)
{
    CHECK(holds != NULL);
    const int64_t possible = now_ns < HOLDS_TIME_MAX_NS ? now_ns : HOLDS_TIME_MAX_NS;
    return possible > holds->now_ns ? possible : holds->now_ns;
}

enum errc holds_draft_reserve(const struct holds *holds, const struct hold_request *request,
                              struct hold_record *out, struct err *err)
{
    CHECK(holds != NULL);
    CHECK(out != NULL);
    CHECK(holds->begun);
    if (request->amount_pusd < 0 || request->scope_count > HOLD_SCOPES_MAX ||
        request->case_name.size > HOLD_CASE_BYTES_MAX) {
        return err_set(err, ERR_RANGE,
                       "a hold of %lld p$ in %zu scopes for a case's name of %zu bytes; allowed "
                       "are 0 or more, %d scopes, %d bytes",
                       (long long)request->amount_pusd, request->scope_count,
                       request->case_name.size, HOLD_SCOPES_MAX, HOLD_CASE_BYTES_MAX);
    }
    if (request->now_ns < 0 || request->now_ns > HOLDS_TIME_MAX_NS) {
        return err_set(err, ERR_RANGE, "the clock says %lld ns; set it right",
                       (long long)request->now_ns);
    }
    struct hold_record record = {.event = HOLD_RESERVED,
                                 .amount_pusd = request->amount_pusd,
                                 .at_ns = holds_latest(holds, request->now_ns),
                                 .until_ns = request->expires_ns,
                                 .scope_count = request->scope_count};
    for (size_t i = 0; i < request->scope_count; i++) {
        if (request->scopes[i].size == 0 || request->scopes[i].size > HOLD_SCOPE_BYTES_MAX) {
            return err_set(err, ERR_RANGE, "a scope of %zu bytes; 1 to %d are allowed",
                           request->scopes[i].size, HOLD_SCOPE_BYTES_MAX);
        }
        record.scopes[i] = hash128(request->scopes[i]);
        for (size_t j = 0; j < i; j++) {
            if (hash128_equal(record.scopes[i], record.scopes[j])) {
                return err_set(err, ERR_RANGE, "scope \"" STR_FORMAT "\" is named twice",
                               STR_ARG(request->scopes[i]));
            }
        }
    }
    if (request->case_name.size > 0) {
        record.case_key = hash128(request->case_name);
    }
    const uint32_t slot = holds_slot_next(holds);
    CHECK(holds->sequence < HOLDS_ID_MAX >> HOLDS_SLOT_BITS);
    record.id = slot == HOLDS_NONE ? 0 : (holds->sequence + 1) << HOLDS_SLOT_BITS | slot;
    *out = record;
    return ERR_OK;
}

size_t holds_draft_rolls(const struct holds *holds, const struct hold_record *reserve,
                         struct hold_record out[static HOLDS_ROLLS_MAX])
{
    CHECK(holds != NULL);
    CHECK(reserve->event == HOLD_RESERVED);
    size_t count = 0;
    for (size_t i = 0; i < reserve->scope_count; i++) {
        for (const struct holds_row *row = holds_first(holds->table, reserve->scopes[i]);
             row != NULL && count < HOLDS_ROLLS_MAX; row = holds_next(holds->table, row)) {
            if (reserve->at_ns < row->until_ns) {
                continue;
            }
            struct hold_record *const roll = &out[count++];
            *roll = (struct hold_record){.event = HOLD_ROLLED,
                                         .id = (uint64_t)(row - holds->table->rows)};
            holds_period(row, reserve->at_ns, &roll->at_ns, &roll->until_ns);
            if (roll->at_ns < row->until_ns) { /* the zone's rules have changed since */
                roll->at_ns = row->until_ns;
            }
        }
    }
    return count;
}

static void copy_name(char *out, size_t size_max, struct str name)
{
    CHECK(name.size < size_max);
    if (name.size > 0) {
        memcpy(out, name.data, name.size);
    }
    out[name.size] = '\0';
}

static enum errc refuse(enum hold_why why, const struct holds_row *row, int64_t limit_pusd,
                        money_sum spent, money_sum held, const struct hold_record *record,
                        struct hold_refusal *out, struct err *err)
{
    static const char *const periods[PERIOD_COUNT] = {
        [PERIOD_MINUTE] = "minute's", [PERIOD_HOUR] = "hour's",   [PERIOD_DAY] = "day's",
        [PERIOD_WEEK] = "week's",     [PERIOD_MONTH] = "month's", [PERIOD_TOTAL] = "whole",
    };
    char limit_text[MONEY_TEXT_BYTES_MAX];
    char free_text[MONEY_TEXT_BYTES_MAX];
    char wanted_text[MONEY_TEXT_BYTES_MAX];
    memset(out, 0, sizeof *out);
    out->why = why;
    out->wanted_pusd = record->amount_pusd;
    out->resets_ns = HOLD_NO_END;
    out->period = PERIOD_TOTAL;
    if (row == NULL) {
        return err_set(err, ERR_BUDGET, "too many calls are under way to hold money for another");
    }
    copy_name(out->scope, sizeof out->scope, row->name);
    copy_name(out->zone, sizeof out->zone, row->zone_name);
    out->period = why == HOLD_WHY_LIMIT ? row->period : PERIOD_TOTAL;
    out->resets_ns = why == HOLD_WHY_LIMIT ? row->until_ns : HOLD_NO_END;
    out->limit_pusd = limit_pusd;
    out->spent_pusd = spent;
    out->held_pusd = held;
    out->free_pusd = limit_pusd - spent - held;
    (void)money_print(limit_pusd, limit_text);
    (void)money_print(out->free_pusd, free_text);
    (void)money_print(record->amount_pusd, wanted_text);
    return err_set(err, ERR_BUDGET,
                   "the %s budget of %s is %s USD and has %s USD free; this call may cost up to "
                   "%s USD",
                   why == HOLD_WHY_CASE ? "case's" : periods[row->period], out->scope, limit_text,
                   free_text, wanted_text);
}

static enum errc admit_case(const struct holds *holds, const struct holds_row *first,
                            const struct hold_record *record, size_t scope,
                            struct hold_refusal *out, struct err *err)
{
    const int64_t limit_pusd = holds_per_case(holds->table, first);
    if (limit_pusd == HOLD_NO_LIMIT) {
        return ERR_OK;
    }
    const struct holds_case *const row = holds_case_find(
        &holds->cases, holds_case_key(record->scopes[scope], record->case_key), record->at_ns);
    const money_sum spent = row != NULL ? row->spent : 0;
    const money_sum held = row != NULL ? row->held : 0;
    return spent + held + record->amount_pusd <= limit_pusd
               ? ERR_OK
               : refuse(HOLD_WHY_CASE, first, limit_pusd, spent, held, record, out, err);
}

enum errc holds_admit(const struct holds *holds, const struct hold_record *reserve,
                      struct hold_refusal *out_refusal, struct err *err)
{
    CHECK(holds != NULL);
    CHECK(out_refusal != NULL);
    CHECK(reserve->event == HOLD_RESERVED);
    bool any_case = false;
    for (size_t i = 0; i < reserve->scope_count; i++) {
        const struct holds_row *const first = holds_first(holds->table, reserve->scopes[i]);
        for (const struct holds_row *row = first; row != NULL;
             row = holds_next(holds->table, row)) {
            CHECK(reserve->at_ns < row->until_ns);
            if (row->hard_pusd != HOLD_NO_LIMIT &&
                row->spent + row->held + reserve->amount_pusd > row->hard_pusd) {
                return refuse(HOLD_WHY_LIMIT, row, row->hard_pusd, row->spent, row->held, reserve,
                              out_refusal, err);
            }
        }
        if (first != NULL && holds_has_case(reserve)) {
            any_case = true;
            const enum errc code = admit_case(holds, first, reserve, i, out_refusal, err);
            if (code != ERR_OK) {
                return code;
            }
        }
    }
    if (reserve->id == 0 || (any_case && !holds_cases_fit(holds, reserve))) {
        return refuse(reserve->id == 0 ? HOLD_WHY_HOLDS : HOLD_WHY_CASES, NULL, 0, 0, 0, reserve,
                      out_refusal, err);
    }
    return ERR_OK;
}

static enum errc no_such_hold(uint64_t id, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "no hold %016llx: it was settled already, or never made",
                   (unsigned long long)id);
}

enum errc holds_draft_post(const struct holds *holds, uint64_t id,
                           const struct hold_settlement *settlement, struct hold_record *out,
                           struct err *err)
{
    CHECK(holds != NULL);
    CHECK(out != NULL);
    CHECK(settlement->cause < HOLD_CAUSE_COUNT);
    if (settlement->cost_pusd < 0) {
        return err_set(err, ERR_RANGE, "a call's cost of %lld p$; it cannot be below 0",
                       (long long)settlement->cost_pusd);
    }
    if (holds_slot(holds, id) == NULL) {
        return no_such_hold(id, err);
    }
    *out = (struct hold_record){.event = HOLD_POSTED,
                                .cause = settlement->cause,
                                .id = id,
                                .amount_pusd = settlement->cost_pusd,
                                .at_ns = holds_latest(holds, settlement->now_ns)};
    return ERR_OK;
}

enum errc holds_draft_void(const struct holds *holds, uint64_t id, int64_t now_ns,
                           struct hold_record *out, struct err *err)
{
    CHECK(holds != NULL);
    CHECK(out != NULL);
    if (holds_slot(holds, id) == NULL) {
        return no_such_hold(id, err);
    }
    *out =
        (struct hold_record){.event = HOLD_VOIDED, .id = id, .at_ns = holds_latest(holds, now_ns)};
    return ERR_OK;
}

bool holds_draft_lapse(const struct holds *holds, int64_t now_ns, bool charge_unknown,
                       struct hold_record *out)
{
    CHECK(holds != NULL);
    CHECK(out != NULL);
    if (holds->heap_count == 0) {
        return false;
    }
    const struct holds_hold *const hold = &holds->slots[holds->heap[0]];
    if (hold->expires_ns > now_ns || hold->expires_ns == HOLD_NO_END) {
        return false;
    }
    *out = (struct hold_record){
        .event = HOLD_LAPSED, .id = hold->id, .at_ns = holds_latest(holds, now_ns)};
    if (hold->state == SLOT_UNKNOWN && charge_unknown) {
        out->event = HOLD_POSTED;
        out->amount_pusd = hold->amount_pusd;
    }
    return true;
}
