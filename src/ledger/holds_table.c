/* holds_table: the table of limits: made beside the one in force, then swapped for it whole. */
#include "ledger/holds_priv.h"

#include "base/check.h"
#include "base/memory.h"

struct holds_table *holds_table_new(uint32_t count, size_t text_bytes)
{
    CHECK(count <= HOLDS_LIMITS_MAX);
    struct holds_table *const table = memory_new(struct holds_table);
    uint32_t index_count = 16;
    while (index_count < 2 * count) {
        index_count *= 2;
    }
    *table = (struct holds_table){
        .rows = memory_new_array(struct holds_row, count > 0 ? count : 1),
        .count = count,
        .index = memory_new_array(uint32_t, index_count),
        .index_mask = index_count - 1,
        .text = memory_new_array(char, text_bytes > 0 ? text_bytes : 1),
        .text_bytes = text_bytes,
    };
    return table;
}

void holds_table_destroy(struct holds_table **table)
{
    CHECK(table != NULL);
    if (*table != NULL) {
        memory_free((*table)->rows);
        memory_free((*table)->index);
        memory_free((*table)->text);
        memory_free(*table);
        *table = NULL;
    }
}

struct holds_row *holds_first(const struct holds_table *table, struct hash128 scope)
{
    CHECK(table != NULL);
    for (uint32_t at = (uint32_t)scope.low & table->index_mask;;
         at = (at + 1) & table->index_mask) {
        const uint32_t number = table->index[at];
        if (number == 0) {
            return NULL;
        }
        if (hash128_equal(table->rows[number - 1].scope, scope)) {
            return &table->rows[number - 1];
        }
    }
}

static bool same_key(const struct holds_row *a, const struct holds_row *b)
{
    return a->period == b->period && hash128_equal(a->scope, b->scope) &&
           hash128_equal(a->zone_key, b->zone_key);
}

bool holds_index(struct holds_table *table, uint32_t *out_twice)
{
    CHECK(table != NULL);
    for (uint32_t i = 0; i < table->count; i++) {
        struct holds_row *const row = &table->rows[i];
        struct holds_row *at = holds_first(table, row->scope);
        row->next_same = HOLDS_NONE;
        if (at == NULL) {
            uint32_t place = (uint32_t)row->scope.low & table->index_mask;
            while (table->index[place] != 0) {
                place = (place + 1) & table->index_mask;
            }
            table->index[place] = i + 1;
            continue;
        }
        for (;;) {
            if (same_key(at, row)) {
                *out_twice = i;
                return false;
            }
            if (at->next_same == HOLDS_NONE) {
                break;
            }
            at = &table->rows[at->next_same];
        }
        at->next_same = i;
    }
    return true;
}

static const struct holds_row *counterpart(const struct holds_table *table,
                                           const struct holds_row *row)
{
    const struct holds_row *at = holds_first(table, row->scope);
    while (at != NULL && !same_key(at, row)) {
        at = holds_next(table, at);
    }
    return at;
}

static enum errc check_limit(const struct hold_limit *limit, struct err *err)
{
    const int shown = (int)(limit->scope.size < 80 ? limit->scope.size : 80);
    if (limit->scope.size == 0 || limit->scope.size > HOLD_SCOPE_BYTES_MAX ||
        limit->zone_name.size > HOLD_ZONE_BYTES_MAX) {
        return err_set(err, ERR_RANGE,
                       "budget \"%.*s\": a scope has 1 to %d bytes, a time zone at most %d", shown,
                       limit->scope.data, HOLD_SCOPE_BYTES_MAX, HOLD_ZONE_BYTES_MAX);
    }
    if (limit->limit_pusd < 0 || limit->hard_pusd < HOLD_NO_LIMIT ||
        limit->per_case_pusd < HOLD_NO_LIMIT || limit->opening_pusd < 0) {
        return err_set(err, ERR_RANGE, "budget \"%.*s\": an amount is below 0", shown,
                       limit->scope.data);
    }
    bool steps = limit->step_count <= SETTINGS_STEPS_MAX;
    for (size_t i = 0; steps && i < limit->step_count; i++) {
        steps = limit->steps[i].at_pusd >= 0 && limit->steps[i].action < ACTION_COUNT;
    }
    if (!steps || limit->period >= PERIOD_COUNT) {
        return err_set(err, ERR_RANGE, "budget \"%.*s\": at most %d steps, none below 0", shown,
                       limit->scope.data, SETTINGS_STEPS_MAX);
    }
    return ERR_OK;
}

static struct str keep(struct holds_table *table, struct str text, size_t *used)
{
    CHECK(*used + text.size <= table->text_bytes);
    if (text.size > 0) {
        memcpy(table->text + *used, text.data, text.size);
    }
    const struct str kept = {table->text + *used, text.size};
    *used += text.size;
    return kept;
}

static struct holds_row row_of(const struct hold_limit *limit)
{
    struct holds_row row = {.scope = hash128(limit->scope),
                            .zone_key = hash128(limit->zone_name),
                            .period = limit->period,
                            .zone = limit->zone,
                            .offset = limit->offset,
                            .limit_pusd = limit->limit_pusd,
                            .hard_pusd = limit->hard_pusd,
                            .per_case_pusd = limit->per_case_pusd,
                            .step_count = limit->step_count,
                            .next_same = HOLDS_NONE,
                            .opening = limit->opening_pusd,
                            .last_from_ns = INT64_MIN};
    memcpy(row.steps, limit->steps, limit->step_count * sizeof limit->steps[0]);
    return row;
}

enum errc holds_table_make(const struct holds *holds, const struct hold_limit *limits, size_t count,
                           int64_t now_ns, struct holds_table **out, struct err *err)
{
    CHECK(holds != NULL);
    CHECK(out != NULL);
    size_t text_bytes = 0;
    size_t used = 0;
    uint32_t twice = 0;
    const int64_t now = holds_latest(holds, now_ns);
    if (count > HOLDS_LIMITS_MAX) {
        return err_set(err, ERR_LIMIT, "%zu budgets; at most %d are possible", count,
                       HOLDS_LIMITS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        const enum errc code = check_limit(&limits[i], err);
        if (code != ERR_OK) {
            return code;
        }
        text_bytes += limits[i].scope.size + limits[i].zone_name.size;
    }
    struct holds_table *table = holds_table_new((uint32_t)count, text_bytes);
    for (size_t i = 0; i < count; i++) {
        struct holds_row *const row = &table->rows[i];
        *row = row_of(&limits[i]);
        row->name = keep(table, limits[i].scope, &used);
        row->zone_name = keep(table, limits[i].zone_name, &used);
        const struct holds_row *const old = counterpart(holds->table, row);
        if (old != NULL && now < old->until_ns) {
            row->from_ns = old->from_ns;
            row->until_ns = old->until_ns;
        } else {
            holds_period(row, now, &row->from_ns, &row->until_ns);
            if (old != NULL && row->from_ns < old->until_ns) { /* the zone's rules have changed */
                row->from_ns = old->until_ns;
            }
        }
    }
    if (!holds_index(table, &twice)) {
        holds_table_destroy(&table);
        return err_set(err, ERR_CONFLICT,
                       "budget \"" STR_FORMAT "\" is there twice for the same period; keep one",
                       STR_ARG(limits[twice].scope));
    }
    *out = table;
    return ERR_OK;
}

bool holds_table_same(const struct holds *holds, const struct holds_table *table)
{
    CHECK(table != NULL);
    const struct holds_table *const old = holds->table;
    bool same = old->count == table->count;
    for (uint32_t i = 0; same && i < table->count; i++) {
        const struct holds_row *const a = &old->rows[i];
        const struct holds_row *const b = &table->rows[i];
        same = same_key(a, b) && a->limit_pusd == b->limit_pusd && a->hard_pusd == b->hard_pusd &&
               a->per_case_pusd == b->per_case_pusd && a->from_ns == b->from_ns &&
               a->until_ns == b->until_ns && a->step_count == b->step_count;
        for (size_t step = 0; same && step < a->step_count; step++) {
            same = a->steps[step].at_pusd == b->steps[step].at_pusd &&
                   a->steps[step].action == b->steps[step].action;
        }
    }
    return same;
}

void holds_table_news(const struct holds *holds, const struct holds_table *table,
                      int64_t *out_from_ns)
{
    CHECK(holds != NULL);
    CHECK(table != NULL);
    for (uint32_t i = 0; i < table->count; i++) {
        const struct holds_row *const row = &table->rows[i];
        out_from_ns[i] = counterpart(holds->table, row) == NULL ? row->from_ns : HOLD_NO_END;
    }
}

bool holds_table_fits(const struct holds *holds, const struct holds_table *table)
{
    CHECK(table != NULL);
    bool fits = true;
    for (uint32_t i = 0; fits && i < table->count; i++) {
        const struct holds_row *const row = &table->rows[i];
        const struct holds_row *const old = counterpart(holds->table, row);
        fits = row->from_ns <= holds->now_ns && holds->now_ns < row->until_ns &&
               (old == NULL || row->from_ns >= old->until_ns ||
                (row->from_ns == old->from_ns && row->until_ns == old->until_ns));
    }
    return fits;
}

/* Steps already passed are not told again because the table was swapped. */
static uint32_t told_of(const struct holds_row *row, const struct holds_row *old)
{
    uint32_t told = 0;
    for (size_t i = 0; i < row->step_count; i++) {
        bool was = row->spent >= row->steps[i].at_pusd && old == NULL;
        for (size_t j = 0; old != NULL && j < old->step_count; j++) {
            was =
                was || (old->steps[j].at_pusd == row->steps[i].at_pusd &&
                        old->steps[j].action == row->steps[i].action && (old->told >> j & 1) != 0);
        }
        told |= was ? 1u << i : 0;
    }
    return told;
}

static void carry_over(struct holds_row *row, const struct holds_row *old)
{
    struct holds_row moved = *old;
    if (row->from_ns != old->from_ns) {
        holds_row_roll(&moved, row->from_ns, row->until_ns);
    }
    row->spent = moved.spent;
    row->held = moved.held;
    row->past_held = moved.past_held;
    row->overshoot = moved.overshoot;
    row->last_spent = moved.last_spent;
    row->last_from_ns = moved.last_from_ns;
    row->open_holds = moved.open_holds;
    row->opening = moved.opening;
    row->reserved = moved.reserved;
    row->released = moved.released;
    row->posted = moved.posted;
    row->closed = moved.closed;
    row->again = moved.again;
    row->past_count = moved.past_count;
    memcpy(row->past, moved.past, sizeof row->past);
    row->told_refusal = moved.told_refusal;
    row->refused = moved.refused;
    row->told = told_of(row, &moved);
}

/* A limit that is new: what is open in its scope is held in it from now on. */
static void take_in(const struct holds *holds, struct holds_table *table, const bool *is_new)
{
    for (uint32_t i = 0; i < holds->heap_count; i++) {
        const struct holds_hold *const hold = &holds->slots[holds->heap[i]];
        for (uint8_t s = 0; s < hold->scope_count; s++) {
            for (struct holds_row *row = holds_first(table, hold->scopes[s]); row != NULL;
                 row = holds_next(table, row)) {
                if (!is_new[row - table->rows]) {
                    continue;
                }
                *(hold->charged_ns >= row->from_ns ? &row->held : &row->past_held) +=
                    hold->amount_pusd;
                row->reserved += hold->amount_pusd;
                row->open_holds++;
            }
        }
    }
}

void holds_table_install(struct holds *holds, struct holds_table **table, int64_t now_ns)
{
    CHECK(holds != NULL);
    CHECK(table != NULL && *table != NULL);
    struct holds_table *const next = *table;
    bool *const is_new = memory_new_array(bool, next->count > 0 ? next->count : 1);
    bool any_new = false;
    for (uint32_t i = 0; i < next->count; i++) {
        struct holds_row *const row = &next->rows[i];
        const struct holds_row *const old = counterpart(holds->table, row);
        if (old != NULL) {
            carry_over(row, old);
        } else {
            row->spent = row->opening;
            row->told = told_of(row, NULL);
            is_new[i] = true;
            any_new = true;
        }
    }
    if (any_new) {
        take_in(holds, next, is_new);
    }
    for (uint32_t i = 0; i < next->count; i++) {
        struct holds_row *const row = &next->rows[i];
        const money_sum above = row->spent + row->held - row->hard_pusd - row->overshoot;
        row->lowered = row->hard_pusd != HOLD_NO_LIMIT && above > 0 ? above : 0;
    }
    memory_free(is_new);
    holds_table_destroy(&holds->table);
    holds->table = next;
    holds->now_ns = holds_latest(holds, now_ns);
    *table = NULL;
}
