/* holds_watch: what is settled in the scopes of limits that are about to come, while it is looked
 * up what they begin with. */
#include "base/check.h"
#include "ledger/holds_priv.h"

void holds_watch(struct holds *holds, struct holds_table **table)
{
    CHECK(holds != NULL);
    holds_table_destroy(&holds->watch);
    if (table != NULL) {
        holds->watch = *table;
        *table = NULL;
    }
}

void holds_watch_spend(struct holds *holds, struct hash128 scope, int64_t charged_ns,
                       int64_t cost_pusd)
{
    if (holds->watch == NULL) {
        return;
    }
    for (struct holds_row *row = holds_first(holds->watch, scope); row != NULL;
         row = holds_next(holds->watch, row)) {
        row->spent += charged_ns >= row->from_ns && charged_ns < row->until_ns ? cost_pusd : 0;
        row->closed += charged_ns >= row->until_ns ? cost_pusd : 0;
    }
}

static bool is_there(const struct holds_table *table, const struct holds_row *row)
{
    const struct holds_row *at = holds_first(table, row->scope);
    while (at != NULL &&
           (at->period != row->period || !hash128_equal(at->zone_key, row->zone_key))) {
        at = holds_next(table, at);
    }
    return at != NULL;
}

void holds_table_open(const struct holds *holds, struct holds_table *table, const bool *opens)
{
    CHECK(holds != NULL);
    CHECK(table != NULL);
    for (uint32_t i = 0; i < table->count; i++) {
        struct holds_row *const row = &table->rows[i];
        if (!opens[i] || is_there(holds->table, row)) {
            row->opening = 0;
            continue;
        }
        if (holds->watch == NULL) {
            continue;
        }
        CHECK(i < holds->watch->count);
        const struct holds_row *const watched = &holds->watch->rows[i];
        CHECK(hash128_equal(watched->scope, row->scope));
        row->opening =
            watched->from_ns == row->from_ns ? row->opening + watched->spent : watched->closed;
    }
}
