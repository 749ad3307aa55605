/* fuzz_table_map: any bytes as a map, and behind a line "%%" as the values of one row, one a line.
 */
#include "base/check.h"
#include "wire/table_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VALUES_MAX = TABLE_FIELD_COUNT + TABLE_ATTRIBUTES_MAX };

static void judge(const struct table *table, const struct table_row *row)
{
    if (row->has[TABLE_CASE]) {
        CHECK(row->case_.id.size > 0);
        CHECK(row->case_.attribute_count <= table->attribute_count);
    }
    if (row->has[TABLE_STEP]) {
        CHECK(row->has[TABLE_CASE]);
        CHECK(row->has[TABLE_ATTEMPT]);
        CHECK(row->step.kind < STEP_KIND_COUNT);
        CHECK(row->step.reported_pusd >= 0);
        CHECK(row->step.human_ms >= 0);
        for (int class = 0; class < USAGE_COUNT; class ++) {
            CHECK(row->step.usage.counts[class] >= 0);
            CHECK(row->step.usage.counts[class] <= USAGE_TOKENS_MAX);
        }
        CHECK(row->step.raw_usage.size <= TABLE_RAW_BYTES_MAX);
    }
    if (row->has[TABLE_OUTCOME]) {
        CHECK(row->outcome.status < OUTCOME_STATUS_COUNT);
        CHECK(row->outcome.value_pusd >= 0);
        CHECK(row->outcome.quality >= 0);
        CHECK(row->outcome.quality <= 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct table_map map;
    struct err err;
    struct str text = {(const char *)data, size};
    struct str values[VALUES_MAX] = {{0}};
    const size_t cut = size > 0 ? str_find(text, STR("\n%%\n")) : SIZE_MAX;
    struct str rest = {0};
    if (cut != SIZE_MAX) {
        rest = (struct str){text.data + cut + 4, text.size - cut - 4};
        text.size = cut;
    }
    for (size_t i = 0; i < VALUES_MAX && rest.size > 0; i++) {
        values[i] = str_cut(&rest, '\n');
    }
    arena_init(&arena, (size_t)16 << 20);
    if (table_map_parse(STR("map.yaml"), text, &arena, &map, &err) == ERR_OK) {
        CHECK(map.table_count > 0);
        for (size_t i = 0; i < map.table_count; i++) {
            struct table_row row = {0};
            CHECK(map.tables[i].value_count <= VALUES_MAX);
            if (table_map_row(&map.tables[i], values, 1, &row, &err) == ERR_OK) {
                judge(&map.tables[i], &row);
            }
        }
    }
    arena_deinit(&arena);
    return 0;
}
