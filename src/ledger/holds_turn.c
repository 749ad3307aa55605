/* holds_turn: periods that begin, and what becomes of them when the clock was set.
 *
 * A row remembers what was spent in its last periods. Where time goes back to before the present
 * one, what was spent in it and in those between counts in the period that is under way by the
 * clock that is right now, with what that one had itself. Where nobody knows that the later clock
 * was wrong and the next period to come is that later one, it begins with what was spent in it
 * before: so whichever clock was right, no limit is spent twice. */
#include "base/check.h"
#include "ledger/holds_priv.h"

static void forget(struct holds_row *row, uint32_t at)
{
    CHECK(at < row->past_count);
    row->past_count--;
    for (uint32_t i = at; i < row->past_count; i++) {
        row->past[i] = row->past[i + 1];
    }
}

static void remember(struct holds_row *row, const struct holds_past *past)
{
    const uint32_t kept =
        row->past_count < HOLDS_PAST_MAX ? row->past_count : (uint32_t)HOLDS_PAST_MAX - 1;
    for (uint32_t i = kept; i > 0; i--) {
        row->past[i] = row->past[i - 1];
    }
    row->past[0] = *past;
    row->past_count = kept + 1;
}

/* The period before the present one, for who reads it. */
static void set_last(struct holds_row *row)
{
    row->last_spent = 0;
    row->last_from_ns = INT64_MIN;
    for (uint32_t i = row->past_count; i > 0; i--) {
        const struct holds_past *const past = &row->past[i - 1];
        if (!past->is_ahead && past->from_ns < row->from_ns) {
            row->last_spent = past->spent;
            row->last_from_ns = past->from_ns;
        }
    }
}

void holds_row_roll(struct holds_row *row, int64_t from_ns, int64_t until_ns)
{
    CHECK(row != NULL);
    CHECK(from_ns < until_ns);
    const struct holds_past ended = {.from_ns = row->from_ns, .spent = row->spent};
    row->closed += row->spent;
    row->past_held += row->held;
    row->spent = 0;
    row->held = 0;
    row->overshoot = 0;
    row->lowered = 0;
    row->told = 0;
    row->told_refusal = false;
    for (uint32_t i = row->past_count; i > 0; i--) {
        const struct holds_past past = row->past[i - 1];
        if (!past.is_ahead) {
            continue;
        }
        if (past.from_ns == from_ns) {
            row->spent += past.spent;
            row->again += past.spent;
        }
        forget(row, i - 1);
    }
    if (row->hard_pusd != HOLD_NO_LIMIT && row->spent > row->hard_pusd) {
        row->lowered = row->spent - row->hard_pusd;
    }
    remember(row, &ended);
    row->from_ns = from_ns;
    row->until_ns = until_ns;
    set_last(row);
}

void holds_row_return(struct holds_row *row, int64_t from_ns, int64_t until_ns, bool never_was)
{
    CHECK(row != NULL);
    CHECK(from_ns < until_ns);
    CHECK(from_ns < row->from_ns);
    /* What is held may be spent there. */
    const struct holds_past ahead = {
        .from_ns = row->from_ns, .spent = row->spent + row->ahead_held, .is_ahead = true};
    for (uint32_t i = row->past_count; i > 0; i--) {
        struct holds_past *const past = &row->past[i - 1];
        if (past->is_ahead || past->from_ns < from_ns) {
            continue;
        }
        const money_sum moved = past->spent < row->closed ? past->spent : row->closed;
        row->spent += moved;
        row->closed -= moved;
        past->is_ahead = true;
        if (never_was || past->from_ns == from_ns) {
            forget(row, i - 1);
        }
    }
    if (!never_was) {
        remember(row, &ahead);
    }
    row->ahead_held = 0;
    row->from_ns = from_ns;
    row->until_ns = until_ns;
    row->told = 0;
    row->told_refusal = false;
    for (size_t i = 0; i < row->step_count; i++) {
        row->told |= row->spent >= row->steps[i].at_pusd ? 1u << i : 0;
    }
    set_last(row);
}

void holds_row_spend_past(struct holds_row *row, int64_t charged_ns, int64_t cost_pusd)
{
    CHECK(row != NULL);
    CHECK(charged_ns < row->from_ns);
    struct holds_past *found = NULL;
    row->closed += cost_pusd;
    row->last_spent += charged_ns >= row->last_from_ns ? cost_pusd : 0;
    for (uint32_t i = 0; i < row->past_count; i++) {
        struct holds_past *const past = &row->past[i];
        if (!past->is_ahead && past->from_ns <= charged_ns &&
            (found == NULL || past->from_ns > found->from_ns)) {
            found = past;
        }
    }
    if (found != NULL) {
        found->spent += cost_pusd;
    }
}

void holds_recount(struct holds *holds)
{
    CHECK(holds != NULL);
    for (uint32_t i = 0; i < holds->table->count; i++) {
        holds->table->rows[i].held = 0;
        holds->table->rows[i].past_held = 0;
    }
    for (uint32_t i = 0; i < holds->heap_count; i++) {
        const struct holds_hold *const hold = &holds->slots[holds->heap[i]];
        for (uint8_t s = 0; s < hold->scope_count; s++) {
            for (struct holds_row *row = holds_first(holds->table, hold->scopes[s]); row != NULL;
                 row = holds_next(holds->table, row)) {
                *(hold->charged_ns >= row->from_ns ? &row->held : &row->past_held) +=
                    hold->amount_pusd;
            }
        }
    }
    for (uint32_t i = 0; i < holds->table->count; i++) {
        struct holds_row *const row = &holds->table->rows[i];
        const money_sum above = row->spent + row->held - row->hard_pusd - row->overshoot;
        if (row->hard_pusd != HOLD_NO_LIMIT && above > row->lowered) {
            row->lowered = above;
        }
    }
}

static int64_t shifted(int64_t instant_ns, int64_t by_ns)
{
    int64_t sum_ns;
    return instant_ns == HOLD_NO_END || __builtin_add_overflow(instant_ns, by_ns, &sum_ns)
               ? instant_ns
               : sum_ns;
}

void holds_turn(struct holds *holds, const struct hold_record *record)
{
    CHECK(holds != NULL);
    CHECK(record->event == HOLD_TURNED);
    const int64_t by_ns = record->at_ns - record->until_ns;
    for (uint32_t i = 0; i < holds->table->count; i++) {
        struct holds_row *const row = &holds->table->rows[i];
        row->ahead_held = row->from_ns > record->at_ns ? row->held : 0;
    }
    for (uint32_t i = 0; i < holds->used; i++) {
        struct holds_hold *const hold = &holds->slots[i];
        if (hold->state == SLOT_FREE) {
            continue;
        }
        const bool is_listed = hold->state != SLOT_EXPIRED;
        if (is_listed) {
            holds_heap_remove(holds, hold);
        }
        hold->expires_ns = shifted(hold->expires_ns, by_ns);
        hold->charged_ns = hold->charged_ns < record->at_ns ? hold->charged_ns : record->at_ns;
        if (is_listed) {
            holds_heap_push(holds, hold);
        }
    }
    for (uint32_t i = 0; i < holds->cases.count; i++) {
        struct holds_case *const row = &holds->cases.rows[i];
        const int64_t last_ns = shifted(row->last_ns, by_ns);
        row->last_ns = last_ns < 0 ? 0 : last_ns < record->at_ns ? last_ns : record->at_ns;
    }
    holds->now_ns = record->at_ns;
    holds_recount(holds);
}

void holds_draft_turn(const struct holds *holds, int64_t at_ns, int64_t before_ns,
                      struct hold_record *out)
{
    CHECK(holds != NULL);
    CHECK(at_ns >= 0);
    before_ns = before_ns > 0 ? before_ns : 0;
    *out = (struct hold_record){.event = HOLD_TURNED,
                                .at_ns = at_ns < HOLDS_TIME_MAX_NS ? at_ns : HOLDS_TIME_MAX_NS,
                                .until_ns =
                                    before_ns < HOLDS_TIME_MAX_NS ? before_ns : HOLDS_TIME_MAX_NS};
}

size_t holds_draft_returns(const struct holds *holds, int64_t now_ns, bool never_was,
                           struct hold_record out[static HOLDS_ROLLS_MAX])
{
    CHECK(holds != NULL);
    const int64_t now = holds_latest(holds, now_ns);
    size_t count = 0;
    for (uint32_t i = 0; i < holds->table->count && count < HOLDS_ROLLS_MAX; i++) {
        const struct holds_row *const row = &holds->table->rows[i];
        if (row->from_ns > now) {
            struct hold_record *const back = &out[count++];
            *back = (struct hold_record){
                .event = HOLD_ROLLED, .id = i, .amount_pusd = never_was ? 1 : 0};
            holds_period(row, now, &back->at_ns, &back->until_ns);
        }
    }
    return count;
}
