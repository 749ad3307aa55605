/* holds_view: what the hold ledger says of itself, and whether it adds up. */
#include "ledger/holds_priv.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

static int by_id(const void *a, const void *b)
{
    const uint64_t left = ((const struct hold_view *)a)->id;
    const uint64_t right = ((const struct hold_view *)b)->id;
    return (left > right) - (left < right);
}

enum errc holds_unknown(const struct holds *holds, struct arena *arena,
                        const struct hold_view **out, size_t *out_count, struct err *err)
{
    CHECK(holds != NULL);
    CHECK(out != NULL && out_count != NULL);
    const size_t count = (size_t)holds->counts.unknown;
    struct hold_view *const rows = arena_new(arena, struct hold_view, count > 0 ? count : 1);
    if (rows == NULL) {
        return err_set(err, ERR_LIMIT, "%zu holds do not fit this answer", count);
    }
    size_t found = 0;
    for (uint32_t i = 0; i < holds->used; i++) {
        const struct holds_hold *const hold = &holds->slots[i];
        if (hold->state == SLOT_UNKNOWN) {
            CHECK(found < count);
            rows[found++] = (struct hold_view){.id = hold->id,
                                               .amount_pusd = hold->amount_pusd,
                                               .reserved_ns = hold->charged_ns,
                                               .expires_ns = hold->expires_ns};
        }
    }
    qsort(rows, found, sizeof rows[0], by_id);
    *out = rows;
    *out_count = found;
    return ERR_OK;
}

static struct hold_balance balance_of(const struct holds_row *row, int64_t now_ns)
{
    struct holds_row now = *row;
    if (now_ns >= row->until_ns) { /* nothing was asked of it in the new period yet */
        int64_t from_ns;
        int64_t until_ns;
        holds_period(row, now_ns, &from_ns, &until_ns);
        holds_row_roll(&now, from_ns, until_ns);
    }
    return (struct hold_balance){.period = now.period,
                                 .period_ns = now.from_ns,
                                 .resets_ns = now.until_ns,
                                 .limit_pusd = now.limit_pusd,
                                 .hard_pusd = now.hard_pusd,
                                 .per_case_pusd = now.per_case_pusd,
                                 .spent_pusd = now.spent,
                                 .opening_pusd = now.closed == 0 ? now.opening : 0,
                                 .held_pusd = now.held,
                                 .free_pusd = now.limit_pusd - now.spent - now.held,
                                 .overshoot_pusd = now.overshoot,
                                 .past_held_pusd = now.past_held,
                                 .last_spent_pusd = now.last_spent,
                                 .last_period_ns = now.last_from_ns,
                                 .open_holds = now.open_holds,
                                 .refused = now.refused,
                                 .step_count = now.step_count};
}

enum errc holds_balances(const struct holds *holds, int64_t now_ns, struct arena *arena,
                         const struct hold_balance **out, size_t *out_count, struct err *err)
{
    CHECK(holds != NULL);
    CHECK(out != NULL && out_count != NULL);
    const struct holds_table *const table = holds->table;
    struct hold_balance *const rows =
        arena_new(arena, struct hold_balance, table->count > 0 ? table->count : 1);
    bool fits = rows != NULL;
    for (uint32_t i = 0; fits && i < table->count; i++) {
        rows[i] = balance_of(&table->rows[i], holds_latest(holds, now_ns));
        rows[i].scope = arena_copy(arena, table->rows[i].name);
        rows[i].zone_name = arena_copy(arena, table->rows[i].zone_name);
        struct hold_step *const steps = arena_new(arena, struct hold_step, SETTINGS_STEPS_MAX);
        fits = rows[i].scope.data != NULL && rows[i].zone_name.data != NULL && steps != NULL;
        if (fits) {
            memcpy(steps, table->rows[i].steps, sizeof table->rows[i].steps);
            rows[i].steps = steps;
        }
    }
    if (!fits) {
        return err_set(err, ERR_LIMIT, "%u budgets do not fit this answer", table->count);
    }
    *out = rows;
    *out_count = table->count;
    return ERR_OK;
}

static int by_key(const void *a, const void *b)
{
    const struct hash128 *const left = a;
    const struct hash128 *const right = b;
    const int high = (left->high > right->high) - (left->high < right->high);
    return high != 0 ? high : (left->low > right->low) - (left->low < right->low);
}

static bool touches(const struct holds_hold *hold, struct hash128 scope)
{
    bool found = false;
    for (uint8_t i = 0; i < hold->scope_count; i++) {
        found = found || by_key(&hold->scopes[i], &scope) == 0;
    }
    return found && (hold->state == SLOT_OPEN || hold->state == SLOT_UNKNOWN);
}

enum errc holds_scope(const struct holds *holds, struct str scope, struct arena *arena,
                      struct hold_scope_view *out, struct err *err)
{
    CHECK(holds != NULL);
    CHECK(out != NULL);
    struct hold_scope_view view = {.oldest_ns = INT64_MAX};
    const struct hash128 key = hash128(scope);
    struct hash128 *const cases = arena_new(arena, struct hash128, (size_t)holds->counts.open + 1);
    if (cases == NULL) {
        return err_set(err, ERR_LIMIT, "%lld holds do not fit this answer",
                       (long long)holds->counts.open);
    }
    size_t cased = 0;
    for (uint32_t i = 0; i < holds->used; i++) {
        const struct holds_hold *const hold = &holds->slots[i];
        if (!touches(hold, key)) {
            continue;
        }
        view.open++;
        view.unknown += hold->state == SLOT_UNKNOWN;
        view.held_pusd += hold->amount_pusd;
        view.amount_max_pusd =
            hold->amount_pusd > view.amount_max_pusd ? hold->amount_pusd : view.amount_max_pusd;
        view.oldest_ns = hold->charged_ns < view.oldest_ns ? hold->charged_ns : view.oldest_ns;
        if (hold->case_key.low != 0 || hold->case_key.high != 0) {
            cases[cased++] = hold->case_key;
        }
    }
    qsort(cases, cased, sizeof cases[0], by_key);
    for (size_t i = 0; i < cased; i++) {
        view.cases += i == 0 || by_key(&cases[i], &cases[i - 1]) != 0;
    }
    *out = view;
    return ERR_OK;
}

void holds_count(const struct holds *holds, struct holds_counts *out)
{
    CHECK(holds != NULL);
    CHECK(out != NULL);
    *out = holds->counts;
    out->cases = holds->cases.count;
}

/* What the holds of one limit add up to. */
struct tally {
    money_sum held;
    money_sum past_held;
    int64_t open;
    bool beyond; /* one was charged behind the period's end */
};

static enum errc unbalanced(const struct holds_row *row, const char *what, money_sum found,
                            money_sum wanted, struct err *err)
{
    char found_text[MONEY_TEXT_BYTES_MAX];
    char wanted_text[MONEY_TEXT_BYTES_MAX];
    (void)money_print(found, found_text);
    (void)money_print(wanted, wanted_text);
    return err_set(err, ERR_INTEGRITY,
                   "budget \"" STR_FORMAT "\": %s is %s USD, its entries add up to %s USD",
                   STR_ARG(row->name), what, found_text, wanted_text);
}

static enum errc verify_row(const struct holds_row *row, const struct tally *tally, struct err *err)
{
    CHECK(row->from_ns < row->until_ns);
    if (row->held != tally->held) {
        return unbalanced(row, "what is held", row->held, tally->held, err);
    }
    if (row->past_held != tally->past_held) {
        return unbalanced(row, "what is held of past periods", row->past_held, tally->past_held,
                          err);
    }
    if (row->open_holds != tally->open || tally->beyond) {
        return err_set(err, ERR_INTEGRITY, "budget \"" STR_FORMAT "\": %lld holds, found %lld",
                       STR_ARG(row->name), (long long)row->open_holds, (long long)tally->open);
    }
    if (row->held + row->past_held != row->reserved - row->released) {
        return unbalanced(row, "what is held", row->held + row->past_held,
                          row->reserved - row->released, err);
    }
    if (row->spent + row->closed != row->opening + row->posted + row->again) {
        return unbalanced(row, "what is spent", row->spent + row->closed,
                          row->opening + row->posted + row->again, err);
    }
    const money_sum most = row->hard_pusd + row->overshoot + row->lowered;
    if (row->hard_pusd != HOLD_NO_LIMIT && row->spent + row->held > most) {
        return unbalanced(row, "what is committed of a hard limit", row->spent + row->held, most,
                          err);
    }
    return ERR_OK;
}

static void tally_hold(const struct holds *holds, const struct holds_hold *hold,
                       struct tally *tallies)
{
    for (uint8_t i = 0; i < hold->scope_count; i++) {
        for (const struct holds_row *row = holds_first(holds->table, hold->scopes[i]); row != NULL;
             row = holds_next(holds->table, row)) {
            struct tally *const tally = &tallies[row - holds->table->rows];
            *(hold->charged_ns >= row->from_ns ? &tally->held : &tally->past_held) +=
                hold->amount_pusd;
            tally->open++;
            tally->beyond = tally->beyond || hold->charged_ns >= row->until_ns;
        }
    }
}

/* Every open hold's case has its balance; their sums are those of the holds. */
static enum errc verify_cases(const struct holds *holds, struct err *err)
{
    money_sum held = 0;
    int64_t open = 0;
    int64_t idle = 0;
    for (uint32_t i = 0; i < holds->cases.count; i++) {
        const struct holds_case *const row = &holds->cases.rows[i];
        held += row->held;
        open += row->open;
        idle += row->open == 0;
        if (row->spent < 0 || row->held < 0 || (row->open == 0 && row->held != 0)) {
            return err_set(err, ERR_INTEGRITY, "the balance of a case is below 0, or held by none");
        }
    }
    for (uint32_t i = 0; i < holds->heap_count; i++) {
        const struct holds_hold *const hold = &holds->slots[holds->heap[i]];
        for (uint8_t s = 0; s < hold->scope_count; s++) {
            if ((hold->cased >> s & 1) == 0) {
                continue;
            }
            const struct holds_case *const row = holds_case_find(
                &holds->cases, holds_case_key(hold->scopes[s], hold->case_key), holds->now_ns);
            if (row == NULL || row->held < hold->amount_pusd) {
                return err_set(err, ERR_INTEGRITY, "the case of hold %016llx has no balance",
                               (unsigned long long)hold->id);
            }
            held -= hold->amount_pusd;
            open--;
        }
    }
    return held == 0 && open == 0 && idle == holds->cases.idle_count
               ? ERR_OK
               : err_set(err, ERR_INTEGRITY, "cases hold what no hold explains");
}

enum errc holds_verify(const struct holds *holds, struct err *err)
{
    CHECK(holds != NULL);
    const uint32_t count = holds->table->count;
    struct tally *const tallies = memory_new_array(struct tally, count > 0 ? count : 1);
    int64_t open = 0;
    int64_t expired = 0;
    money_sum held = 0;
    enum errc code = ERR_OK;
    for (uint32_t i = 0; i < holds->used; i++) {
        const struct holds_hold *const hold = &holds->slots[i];
        expired += hold->state == SLOT_EXPIRED;
        if (hold->state == SLOT_OPEN || hold->state == SLOT_UNKNOWN) {
            open++;
            held += hold->amount_pusd;
            tally_hold(holds, hold, tallies);
        }
    }
    if (open != holds->heap_count || open != holds->counts.open ||
        expired != holds->counts.expired || held != holds->counts.held_pusd) {
        code = err_set(err, ERR_INTEGRITY, "%lld holds are open, %u are listed", (long long)open,
                       holds->heap_count);
    }
    for (uint32_t i = 0; i < count && code == ERR_OK; i++) {
        code = verify_row(&holds->table->rows[i], &tallies[i], err);
    }
    memory_free(tallies);
    return code == ERR_OK ? verify_cases(holds, err) : code;
}
