/* holds_save_table: the table of limits as bytes, and back. */
#include "base/check.h"
#include "ledger/holds_save_priv.h"

static void put_definition(struct writer *to, const struct holds_row *row)
{
    const uint8_t period = (uint8_t)row->period;
    const uint8_t steps = (uint8_t)row->step_count;
    put_str(to, row->name);
    put_str(to, row->zone_name);
    PUT(to, period);
    PUT(to, steps);
    put_int64(to, row->limit_pusd);
    put_int64(to, row->hard_pusd);
    put_int64(to, row->per_case_pusd);
    put_int64(to, row->from_ns);
    put_int64(to, row->until_ns);
    PUT(to, row->opening);
    for (size_t i = 0; i < row->step_count; i++) {
        const uint8_t action = (uint8_t)row->steps[i].action;
        PUT(to, action);
        put_int64(to, row->steps[i].at_pusd);
    }
}

static void get_definition(struct reader *from, struct holds_row *row)
{
    uint8_t period;
    uint8_t steps;
    *row = (struct holds_row){.next_same = HOLDS_NONE, .last_from_ns = INT64_MIN};
    row->name = get_str(from, HOLD_SCOPE_BYTES_MAX);
    row->zone_name = get_str(from, HOLD_ZONE_BYTES_MAX);
    GET(from, period);
    GET(from, steps);
    row->limit_pusd = get_int64(from);
    row->hard_pusd = get_int64(from);
    row->per_case_pusd = get_int64(from);
    row->from_ns = get_int64(from);
    row->until_ns = get_int64(from);
    row->opening = get_sum(from);
    from->failed = from->failed || period >= PERIOD_COUNT || steps > SETTINGS_STEPS_MAX ||
                   row->name.size == 0 || row->limit_pusd < 0 || row->hard_pusd < HOLD_NO_LIMIT ||
                   row->per_case_pusd < HOLD_NO_LIMIT || row->from_ns >= row->until_ns ||
                   row->opening < 0;
    for (uint8_t i = 0; i < steps && !from->failed; i++) {
        uint8_t action;
        GET(from, action);
        row->steps[i] = (struct hold_step){.at_pusd = get_int64(from)};
        from->failed = from->failed || action >= ACTION_COUNT || row->steps[i].at_pusd < 0;
        row->steps[i].action = from->failed ? ACTION_NOTIFY : (enum budget_action)action;
    }
    if (!from->failed) {
        row->period = (enum budget_period)period;
        row->step_count = steps;
        row->scope = hash128(row->name);
        row->zone_key = hash128(row->zone_name);
    }
}

void holds_put_table(struct writer *to, const struct holds_table *table)
{
    const uint32_t text_bytes = (uint32_t)table->text_bytes;
    PUT(to, table->count);
    PUT(to, text_bytes);
    for (uint32_t i = 0; i < table->count; i++) {
        put_definition(to, &table->rows[i]);
    }
}

struct holds_table *holds_get_table(struct reader *from)
{
    uint32_t count;
    uint32_t text_bytes;
    uint32_t twice = 0;
    GET(from, count);
    GET(from, text_bytes);
    if (from->failed || count > HOLDS_LIMITS_MAX || text_bytes > from->rest.size) {
        from->failed = true;
        return NULL;
    }
    struct holds_table *table = holds_table_new(count, text_bytes);
    size_t used = 0;
    for (uint32_t i = 0; i < count && !from->failed; i++) {
        struct holds_row *const row = &table->rows[i];
        get_definition(from, row);
        struct str *const names[] = {&row->name, &row->zone_name};
        for (size_t n = 0; n < COUNT_OF(names) && !from->failed; n++) {
            if (names[n]->size > text_bytes - used) {
                from->failed = true;
                break;
            }
            memcpy(table->text + used, names[n]->data, names[n]->size);
            names[n]->data = table->text + used;
            used += names[n]->size;
        }
    }
    from->failed = from->failed || used != text_bytes || !holds_index(table, &twice);
    if (from->failed) {
        holds_table_destroy(&table);
    }
    return table;
}

size_t holds_table_bytes(const struct holds_table *table)
{
    CHECK(table != NULL);
    struct writer to = {0};
    holds_put_table(&to, table);
    return to.size;
}

void holds_table_save(const struct holds_table *table, char *out)
{
    CHECK(out != NULL);
    struct writer to = {out, 0};
    holds_put_table(&to, table);
}

enum errc holds_table_load(struct str bytes, struct holds_table **out, struct err *err)
{
    CHECK(out != NULL);
    struct reader from = {bytes, false};
    struct holds_table *table = holds_get_table(&from);
    if (from.failed || from.rest.size > 0) {
        holds_table_destroy(&table);
        return err_set(err, ERR_INTEGRITY, "a table of limits that is none");
    }
    *out = table;
    return ERR_OK;
}
