/* holds_tight: which limit of a hold leaves the least: for a caller who is refused for another
 * reason than want of room, and is still to know whose budget it is. */
#include "ledger/holds_priv.h"

#include "base/check.h"

static void copy_name(char *out, size_t size_max, struct str name)
{
    CHECK(name.size < size_max);
    if (name.size > 0) {
        memcpy(out, name.data, name.size);
    }
    out[name.size] = '\0';
}

/* It, where it leaves less than what was found before. */
static void take(struct hold_refusal *io, bool *io_found, const struct holds_row *row,
                 enum hold_why why, int64_t limit_pusd, money_sum spent, money_sum held)
{
    const money_sum left = limit_pusd - spent - held;
    if (*io_found && left >= io->free_pusd) {
        return;
    }
    *io_found = true;
    *io = (struct hold_refusal){
        .why = why,
        .period = why == HOLD_WHY_LIMIT ? row->period : PERIOD_TOTAL,
        .limit_pusd = limit_pusd,
        .spent_pusd = spent,
        .held_pusd = held,
        .free_pusd = left,
        .wanted_pusd = io->wanted_pusd,
        .resets_ns = why == HOLD_WHY_LIMIT ? row->until_ns : HOLD_NO_END,
    };
    copy_name(io->scope, sizeof io->scope, row->name);
    copy_name(io->zone, sizeof io->zone, row->zone_name);
}

bool holds_tightest(const struct holds *holds, uint64_t id, struct hold_refusal *out)
{
    CHECK(holds != NULL);
    CHECK(out != NULL);
    const struct holds_hold *const hold = holds_slot(holds, id);
    bool found = false;
    *out = (struct hold_refusal){.resets_ns = HOLD_NO_END};
    if (hold == NULL || (hold->state != SLOT_OPEN && hold->state != SLOT_UNKNOWN)) {
        return false;
    }
    out->wanted_pusd = hold->amount_pusd;
    for (size_t i = 0; i < hold->scope_count; i++) {
        const struct holds_row *const first = holds_first(holds->table, hold->scopes[i]);
        for (const struct holds_row *row = first; row != NULL;
             row = holds_next(holds->table, row)) {
            if (row->hard_pusd != HOLD_NO_LIMIT) {
                take(out, &found, row, HOLD_WHY_LIMIT, row->hard_pusd, row->spent, row->held);
            }
        }
        if ((hold->cased >> i & 1) != 0 && first != NULL) {
            const struct holds_case *const row =
                holds_case_find(&holds->cases, holds_case_key(hold->scopes[i], hold->case_key), 0);
            const int64_t limit_pusd = holds_per_case(holds->table, first);
            if (row != NULL && limit_pusd != HOLD_NO_LIMIT) {
                take(out, &found, first, HOLD_WHY_CASE, limit_pusd, row->spent, row->held);
            }
        }
    }
    return found;
}
