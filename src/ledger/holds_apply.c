/* holds_apply: what each record does to the balances, whether it is new or read from the log. */
#include "ledger/holds_priv.h"

#include "base/check.h"

static void notice(struct holds *holds, const struct holds_row *row, enum budget_action action,
                   int64_t at_pusd)
{
    if (!holds->begun || holds->notice_count == HOLDS_NOTICES_MAX) {
        return;
    }
    struct hold_notice *const out =
        &holds->notices[(holds->notice_first + holds->notice_count++) % HOLDS_NOTICES_MAX];
    CHECK(row->name.size < sizeof out->scope);
    *out = (struct hold_notice){.period = row->period,
                                .action = action,
                                .period_ns = row->from_ns,
                                .resets_ns = row->until_ns,
                                .at_pusd = at_pusd,
                                .limit_pusd = row->limit_pusd,
                                .spent_pusd = row->spent,
                                .held_pusd = row->held,
                                .at_ns = holds->now_ns};
    memcpy(out->scope, row->name.data, row->name.size);
}

size_t holds_notices(struct holds *holds, struct hold_notice *out, size_t max)
{
    CHECK(holds != NULL);
    CHECK(out != NULL || max == 0);
    size_t count = 0;
    while (count < max && holds->notice_count > 0) {
        out[count++] = holds->notices[holds->notice_first];
        holds->notice_first = (holds->notice_first + 1) % HOLDS_NOTICES_MAX;
        holds->notice_count--;
    }
    return count;
}

void holds_note_refusal(struct holds *holds, const struct hold_record *reserve,
                        const struct hold_refusal *refusal)
{
    CHECK(holds != NULL);
    const struct hash128 scope = hash128(str_from(refusal->scope));
    if (refusal->why ==
        HOLD_WHY_CASE) { /* a case has no line of its own: it counts with its scope's */
        struct holds_row *const first = holds_first(holds->table, scope);
        CHECK(first != NULL);
        first->refused++;
    }
    if (refusal->why != HOLD_WHY_LIMIT) {
        return;
    }
    for (struct holds_row *row = holds_first(holds->table, scope); row != NULL;
         row = holds_next(holds->table, row)) {
        if (row->hard_pusd == refusal->limit_pusd && row->until_ns == refusal->resets_ns &&
            row->period == refusal->period && reserve->at_ns < row->until_ns) {
            row->refused++;
            if (!row->told_refusal) {
                row->told_refusal = true;
                notice(holds, row, ACTION_REFUSE, row->hard_pusd);
            }
        }
    }
}

static void tell_steps(struct holds *holds, struct holds_row *row)
{
    for (size_t i = 0; i < row->step_count; i++) {
        if ((row->told >> i & 1) == 0 && row->spent >= row->steps[i].at_pusd) {
            row->told |= 1u << i;
            notice(holds, row, row->steps[i].action, row->steps[i].at_pusd);
        }
    }
}

/* What the caller is told about a limit that was touched. */
static void look_at(const struct holds_row *row, struct holds_effect *effect)
{
    const money_sum committed = row->spent + row->held;
    if (row->hard_pusd != HOLD_NO_LIMIT) {
        const money_sum left = row->hard_pusd - committed;
        if (!effect->limited || left < effect->remaining_pusd) {
            effect->remaining_pusd = left;
        }
        effect->limited = true;
    }
    for (size_t i = 0; i < row->step_count && !effect->shape; i++) {
        if (row->steps[i].action == ACTION_SHAPE && committed >= row->steps[i].at_pusd) {
            effect->shape = true;
            effect->shape_scope = row->name;
        }
    }
}

static enum errc misfit(const struct hold_record *record, const char *why, struct err *err)
{
    return err_set(err, ERR_INTEGRITY, "record %llu (hold %016llx): %s",
                   (unsigned long long)record->number, (unsigned long long)record->id, why);
}

static void look_at_case(int64_t limit_pusd, const struct holds_case *row,
                         struct holds_effect *effect)
{
    const money_sum left = limit_pusd - row->spent - row->held;
    if (!effect->limited || left < effect->remaining_pusd) {
        effect->remaining_pusd = left;
    }
    effect->limited = true;
}

static void reserve_case(struct holds *holds, struct holds_hold *hold, size_t scope, bool make,
                         struct holds_effect *effect)
{
    const struct holds_row *const first = holds_first(holds->table, hold->scopes[scope]);
    const int64_t limit_pusd = first != NULL ? holds_per_case(holds->table, first) : HOLD_NO_LIMIT;
    if (limit_pusd == HOLD_NO_LIMIT || (hold->cased >> scope & 1) != 0) {
        return;
    }
    const struct hash128 key = holds_case_key(hold->scopes[scope], hold->case_key);
    if (!make && holds_case_find(&holds->cases, key, 0) == NULL) {
        return;
    }
    struct holds_case *const row = holds_case_have(&holds->cases, key, holds->now_ns);
    CHECK(row != NULL); /* holds_cases_fit() */
    row->held += hold->amount_pusd;
    hold->cased |= (uint16_t)(1u << scope);
    holds_case_used(&holds->cases, row, row->open + 1, holds->now_ns);
    look_at_case(limit_pusd, row, effect);
}

/* Balances that are there first, so that none of them makes room for a new one. */
static void reserve_cases(struct holds *holds, struct holds_hold *hold, struct holds_effect *effect)
{
    for (size_t i = 0; i < hold->scope_count; i++) {
        reserve_case(holds, hold, i, false, effect);
    }
    for (size_t i = 0; i < hold->scope_count; i++) {
        reserve_case(holds, hold, i, true, effect);
    }
}

static enum errc apply_reserved(struct holds *holds, const struct hold_record *record,
                                struct holds_effect *effect, struct err *err)
{
    const uint64_t sequence = record->id >> HOLDS_SLOT_BITS;
    if (record->amount_pusd < 0 || record->scope_count > HOLD_SCOPES_MAX ||
        sequence <= holds->sequence || record->id > HOLDS_ID_MAX) {
        return misfit(record, "a reservation out of order or out of range", err);
    }
    for (size_t i = 0; i < record->scope_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (hash128_equal(record->scopes[i], record->scopes[j])) {
                return misfit(record, "a scope twice", err);
            }
        }
    }
    for (size_t i = 0; i < record->scope_count; i++) {
        for (const struct holds_row *row = holds_first(holds->table, record->scopes[i]);
             row != NULL; row = holds_next(holds->table, row)) {
            if (holds->now_ns < row->from_ns || holds->now_ns >= row->until_ns) {
                return misfit(record, "a limit's period has not begun", err);
            }
        }
    }
    if (!holds_cases_fit(holds, record)) {
        return misfit(record, "too many cases at a time", err);
    }
    if (!holds_slot_take(holds, record->id)) {
        return misfit(record, "its place is taken", err);
    }
    holds->sequence = sequence;
    struct holds_hold *const hold = holds_slot(holds, record->id);
    CHECK(hold != NULL);
    hold->amount_pusd = record->amount_pusd;
    hold->charged_ns = holds->now_ns;
    hold->expires_ns = record->until_ns;
    hold->case_key = record->case_key;
    hold->scope_count = (uint8_t)record->scope_count;
    for (size_t i = 0; i < record->scope_count; i++) {
        hold->scopes[i] = record->scopes[i];
        for (struct holds_row *row = holds_first(holds->table, hold->scopes[i]); row != NULL;
             row = holds_next(holds->table, row)) {
            row->held += hold->amount_pusd;
            row->reserved += hold->amount_pusd;
            row->open_holds++;
            look_at(row, effect);
        }
    }
    if (holds_has_case(record)) {
        reserve_cases(holds, hold, effect);
    }
    holds_heap_push(holds, hold);
    holds->counts.reserved++;
    return ERR_OK;
}

/* Give back what is held, in every limit and case. */
static void release(struct holds *holds, const struct holds_hold *hold)
{
    for (size_t i = 0; i < hold->scope_count; i++) {
        for (struct holds_row *row = holds_first(holds->table, hold->scopes[i]); row != NULL;
             row = holds_next(holds->table, row)) {
            money_sum *const column =
                hold->charged_ns >= row->from_ns ? &row->held : &row->past_held;
            CHECK(*column >= hold->amount_pusd);
            *column -= hold->amount_pusd;
            row->released += hold->amount_pusd;
            row->open_holds--;
        }
        if ((hold->cased >> i & 1) != 0) {
            struct holds_case *const row = holds_case_find(
                &holds->cases, holds_case_key(hold->scopes[i], hold->case_key), holds->now_ns);
            CHECK(row != NULL); /* it is kept while a hold is open */
            row->held -= hold->amount_pusd;
            holds_case_used(&holds->cases, row, row->open - 1, holds->now_ns);
        }
    }
}

/* A settlement belongs to the period of its reservation. */
static void spend(struct holds *holds, const struct holds_hold *hold, int64_t cost_pusd,
                  struct holds_effect *effect)
{
    for (size_t i = 0; i < hold->scope_count; i++) {
        holds_watch_spend(holds, hold->scopes[i], hold->charged_ns, cost_pusd);
        for (struct holds_row *row = holds_first(holds->table, hold->scopes[i]); row != NULL;
             row = holds_next(holds->table, row)) {
            row->posted += cost_pusd;
            if (hold->charged_ns >= row->from_ns) {
                row->spent += cost_pusd;
                row->overshoot += effect->overshoot_pusd;
                tell_steps(holds, row);
            } else {
                holds_row_spend_past(row, hold->charged_ns, cost_pusd);
            }
            look_at(row, effect);
        }
        if ((hold->cased >> i & 1) != 0) {
            struct holds_case *const row = holds_case_have(
                &holds->cases, holds_case_key(hold->scopes[i], hold->case_key), holds->now_ns);
            if (row != NULL) { /* late, and every place taken: its limits still count it */
                const struct holds_row *const first = holds_first(holds->table, hold->scopes[i]);
                const int64_t limit_pusd =
                    first != NULL ? holds_per_case(holds->table, first) : HOLD_NO_LIMIT;
                row->spent += cost_pusd;
                holds_case_used(&holds->cases, row, row->open, holds->now_ns);
                if (limit_pusd != HOLD_NO_LIMIT) { /* the limit may be gone since it was held */
                    look_at_case(limit_pusd, row, effect);
                }
            }
        }
    }
}

static enum errc apply_settled(struct holds *holds, const struct hold_record *record,
                               struct holds_effect *effect, struct err *err)
{
    struct holds_hold *const hold = holds_slot(holds, record->id);
    if (hold == NULL || record->amount_pusd < 0) {
        return misfit(record, "no such hold is open", err);
    }
    const bool late = hold->state == SLOT_EXPIRED;
    if (!late) {
        release(holds, hold);
    }
    effect->reserved_pusd = hold->amount_pusd;
    if (record->event == HOLD_POSTED) {
        const int64_t held = late ? 0 : hold->amount_pusd;
        if (record->amount_pusd > held) {
            effect->overshoot_pusd = record->amount_pusd - held;
            effect->cause = late                               ? HOLD_CAUSE_LATE
                            : record->cause == HOLD_CAUSE_NONE ? HOLD_CAUSE_OTHER
                                                               : record->cause;
            holds->counts.overshoots++;
            holds->counts.overshoot_pusd += effect->overshoot_pusd;
            holds->counts.causes[effect->cause].calls++;
            holds->counts.causes[effect->cause].pusd += effect->overshoot_pusd;
        }
        spend(holds, hold, record->amount_pusd, effect);
        holds->counts.posted++;
        holds->counts.late += late;
    } else {
        holds->counts.voided++;
    }
    holds_slot_free(holds, hold);
    return ERR_OK;
}

static enum errc apply_lapsed(struct holds *holds, const struct hold_record *record,
                              struct err *err)
{
    struct holds_hold *const hold = holds_slot(holds, record->id);
    if (hold == NULL || hold->state == SLOT_EXPIRED) {
        return misfit(record, "no such hold is open", err);
    }
    release(holds, hold);
    holds_slot_expire(holds, hold);
    holds->counts.lapsed++;
    return ERR_OK;
}

static enum errc apply_rolled(struct holds *holds, const struct hold_record *record,
                              struct err *err)
{
    if (record->id >= holds->table->count || record->at_ns >= record->until_ns) {
        return misfit(record, "a period that cannot be", err);
    }
    struct holds_row *const row = &holds->table->rows[record->id];
    if (record->at_ns >= row->until_ns) {
        holds_row_roll(row, record->at_ns, record->until_ns);
    } else if (record->at_ns < row->from_ns && holds->now_ns < record->until_ns) {
        holds_row_return(row, record->at_ns, record->until_ns, record->amount_pusd == 1);
        holds_recount(holds);
    } else {
        return misfit(record, "a period that does not follow the one before", err);
    }
    return ERR_OK;
}

enum errc holds_apply(struct holds *holds, const struct hold_record *record,
                      struct holds_effect *out, struct err *err)
{
    CHECK(holds != NULL);
    CHECK(record != NULL);
    struct holds_effect effect = {0};
    struct holds_table *table = NULL;
    enum errc code = ERR_OK;
    const int64_t was_ns = holds->now_ns;
    if (record->at_ns < 0 || record->at_ns > HOLDS_TIME_MAX_NS) {
        return misfit(record, "a time that cannot be", err);
    }
    /* A period may have begun before anybody asked for it, so that is not the time now. */
    if (record->event != HOLD_ROLLED && record->event != HOLD_NOTED &&
        record->event != HOLD_DELIVERED && record->at_ns > holds->now_ns) {
        holds->now_ns = record->at_ns;
    }
    switch (record->event) {
    case HOLD_RESERVED:
        code = apply_reserved(holds, record, &effect, err);
        break;
    case HOLD_POSTED:
    case HOLD_VOIDED:
        code = apply_settled(holds, record, &effect, err);
        break;
    case HOLD_LAPSED:
        code = apply_lapsed(holds, record, err);
        break;
    case HOLD_ROLLED:
        code = apply_rolled(holds, record, err);
        break;
    case HOLD_LIMITED:
        code = holds_table_load(record->body, &table, err);
        if (code == ERR_OK && !holds_table_fits(holds, table)) {
            holds_table_destroy(&table);
            code = misfit(record, "a period that does not follow the one before", err);
        }
        if (code == ERR_OK) {
            holds_table_install(holds, &table, record->at_ns);
        }
        break;
    case HOLD_SNAPSHOT:
        code = holds_load(holds, record->body, err);
        break;
    case HOLD_TURNED:
        if (record->until_ns < 0 || record->until_ns > HOLDS_TIME_MAX_NS) {
            code = misfit(record, "a time that cannot be", err);
        } else {
            holds_turn(holds, record);
        }
        break;
    case HOLD_NOTED:
    case HOLD_DELIVERED:
        break;
    case HOLD_EVENT_NONE:
    case HOLD_EVENT_COUNT:
        code = misfit(record, "an event that is none", err);
        break;
    }
    if (code != ERR_OK) {
        holds->now_ns = was_ns;
        return code;
    }
    if (out != NULL) {
        *out = effect;
    }
    return ERR_OK;
}

int64_t holds_begin(struct holds *holds, int64_t keep_until_ns)
{
    CHECK(holds != NULL);
    CHECK(!holds->begun);
    int64_t count = 0;
    holds_free_list(holds);
    holds->begun = true;
    for (uint32_t i = 0; i < holds->used; i++) {
        struct holds_hold *const hold = &holds->slots[i];
        if (hold->state != SLOT_OPEN && hold->state != SLOT_UNKNOWN) {
            continue;
        }
        holds_heap_remove(holds, hold);
        holds->counts.unknown += hold->state == SLOT_OPEN;
        hold->state = SLOT_UNKNOWN;
        if (hold->expires_ns < keep_until_ns) {
            hold->expires_ns = keep_until_ns;
        }
        holds_heap_push(holds, hold);
        count++;
    }
    return count;
}
