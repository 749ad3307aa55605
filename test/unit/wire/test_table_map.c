/* table_map: a wrong map is refused with file, line, key, what was found and what is allowed; a
 * good one says where every field comes from. Maps as text, errors by their words. */
#include "support/test.h"
#include "wire/table_map.h"
#include "wire/table_value.h"

static struct err err;

static enum errc parse(struct arena *arena, const char *text, struct table_map *map)
{
    err = (struct err){0};
    arena_init(arena, (size_t)4 << 20);
    return table_map_parse(STR("m.yaml"), str_from(text), arena, map, &err);
}

static bool refuses(const char *text, const char *says)
{
    struct arena arena;
    struct table_map map = {.table_count = 77};
    const enum errc code = parse(&arena, text, &map);
    arena_deinit(&arena);
    if (code == ERR_OK || str_find(str_from(err.text), str_from(says)) == SIZE_MAX) {
        test_note(err.text);
        return test_is_refusing();
    }
    return map.table_count == 77;
}

#define CASE "tables:\n  - file: a.csv\n    case: {id: c}\n"

static void a_map_without_what_it_needs_is_refused(void)
{
    EXPECT(refuses("", "has no tables"));
    EXPECT(refuses("tables: []\n", "0 tables"));
    EXPECT(refuses("tables: {a: b}\n", "m.yaml:1: tables: found a mapping"));
    EXPECT(refuses("table: []\n", "did you mean \"tables\"?"));
    EXPECT(refuses("tables:\n  - file: a.csv\n", "m.yaml:2: tables[0]: has no case"));
    EXPECT(refuses("tables:\n  - file: a.csv\n    step: {model: m}\n", "has no case"));
    EXPECT(refuses("tables:\n  - file: a.csv\n    case: {workflow: w}\n", "case has no id"));
    EXPECT(refuses(CASE "    outcome: {at: t}\n", "outcome has no status"));
    EXPECT(refuses("tables:\n  - file: a.csv\n    kpi: {name: n, at: t}\n", "kpi has no value"));
}

static void a_key_or_word_nobody_knows_is_refused_with_those_there_are(void)
{
    EXPECT(refuses(CASE "    steps: {model: m}\n", "did you mean \"step\"?"));
    EXPECT(refuses(CASE "    step: {modle: m}\n",
                   "m.yaml:4: tables[0].step.modle: unknown key; did "
                   "you mean \"model\"?"));
    EXPECT(refuses(CASE "    step: {cost: {column: c, unit: euros}}\n",
                   "found \"euros\"; allowed: usd, cents"));
    EXPECT(refuses(CASE "    step: {model: {column: c, unit: usd}}\n", "has no unit"));
    EXPECT(refuses(CASE "    step: {model: {column: c, format: '%Y'}}\n", "only a time"));
    EXPECT(refuses(CASE "    step: {end: {column: c, format: '%Y', unit: unix_s}}\n", "not both"));
    EXPECT(
        refuses(CASE "    step: {kind: {const: robot}}\n", "found \"robot\"; allowed: llm, tool"));
    EXPECT(refuses(CASE "    step: {zero_cost: maybe}\n", "allowed: free, unpriced"));
    EXPECT(refuses(CASE "    step: {cost: {const: -4}}\n", "negative"));
    EXPECT(refuses(CASE "    outcome: {status: {column: s, default: perhaps}}\n",
                   "default: found \"perhaps\"; allowed: resolved"));
}

static void a_field_comes_from_one_place(void)
{
    EXPECT(refuses(CASE "    step: {model: {column: a, sql: b}}\n", "not two"));
    EXPECT(refuses(CASE "    step: {model: {unit: s}}\n", "found none of column, sql and const"));
    EXPECT(refuses(CASE "    step: {model: }\n", "is empty; name a column"));
    EXPECT(refuses(CASE "    step: {model: [a]}\n", "found a list"));
}

static void figures_that_contradict_each_other_are_refused(void)
{
    EXPECT(refuses(CASE "    step: {input_tokens: a, uncached_input_tokens: b}\n", "give one"));
    EXPECT(refuses(CASE "    step: {start: a, end: b, duration: c}\n", "give two"));
}

static void sql_is_one_expression(void)
{
    static const char *const wrong[] = {
        "a; DROP TABLE x", "a -- rest", "a /* x */", "a)",  "(a",          "a 'b",
        "E'\\''",          "$$a$$",     " ",         "[a)", "a) FROM b (", "\"x"};
    struct err why;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        EXPECT(table_sql_check(str_from(wrong[i]), &why) == ERR_SYNTAX);
    }
    static const char *const right[] = {"a || ';--' || \"b;\"", "f(a, [1, {'x': 2}])", "'it''s'",
                                        "CASE WHEN a THEN'x'ELSE'y'END", "json->>'$.a'"};
    for (size_t i = 0; i < COUNT_OF(right); i++) {
        EXPECT(table_sql_check(str_from(right[i]), &why) == ERR_OK);
    }
    EXPECT(refuses(CASE "    step: {model: {sql: 'a; b'}}\n",
                   "m.yaml:4: tables[0].step.model: the SQL holds ;"));
    EXPECT(
        refuses("tables:\n  - file: a.csv\n    where: 'a)'\n    case: {id: c}\n", "do not match"));
}

static void files_stay_inside_the_data(void)
{
    EXPECT(refuses("tables:\n  - file: /etc/passwd\n    case: {id: c}\n", "inside the data's"));
    EXPECT(refuses("tables:\n  - file: ../a.csv\n    case: {id: c}\n", "inside the data's"));
    EXPECT(refuses("sources: {A: a.csv}\n" CASE, "lower-case"));
    EXPECT(refuses("sources: {a: {format: csv}}\n" CASE, "has no file"));
    EXPECT(refuses("sources: {a: {file: a, format: xls}}\n" CASE, "allowed: auto, csv, jsonl"));
    EXPECT(refuses("sources: {a: {file: a, delimiter: ', '}}\n" CASE, "one character"));
}

static void a_table_has_one_origin(void)
{
    EXPECT(refuses("tables:\n  - file: a.csv\n    from: b\n    case: {id: c}\n", "not both"));
    EXPECT(refuses("tables:\n  - from: b\n    case: {id: c}\n", "no source is called \"b\""));
    EXPECT(refuses("sources: {a: a.csv}\ntables:\n  - from: SELECT * FROM a\n    case: {id: c}\n"
                   "    step: {model: m}\n",
                   "give step an id or a sequence"));
}

static void a_good_map_is_read(void)
{
    struct arena arena;
    struct table_map map;
    const char *const text =
        "map: mine\nabout: words\nsources:\n  calls: {file: c.csv, delimiter: ;}\n"
        "tables:\n"
        "  - from: calls\n"
        "    where: a > 1\n"
        "    case: {id: c, workflow: {const: w}, attributes: {x: y}}\n"
        "    step: {cost: {column: k, unit: cents}, zero_cost: unpriced,\n"
        "           kind: {column: role, words: {assistant: llm, '': tool}}}\n"
        "  - case: {id: c}\n";
    const enum errc code = parse(&arena, text, &map);
    if (code == ERR_OK) {
        const struct table *table = &map.tables[0];
        EXPECT(str_equal(map.name, STR("mine")));
        EXPECT(map.table_count == 2);
        EXPECT(map.sources[0].delimiter == ';');
        EXPECT(table->source == 0);
        EXPECT(str_equal(table->where, STR("a > 1")));
        EXPECT(table->fields[TABLE_CASE_WORKFLOW].origin == TABLE_CONST);
        EXPECT(table->fields[TABLE_STEP_COST].unit == 1);
        EXPECT(table->fields[TABLE_STEP_KIND].word_count == 2);
        EXPECT(table->zero_cost_is_unknown);
        EXPECT(table->value_count == 4); /* c, k, role and y; a constant is no value of a row */
        EXPECT(table->attribute_count == 1);
        EXPECT(map.tables[1].source == SIZE_MAX);
    }
    arena_deinit(&arena);
    EXPECT(code == ERR_OK);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_map_without_what_it_needs_is_refused),
        TEST(a_key_or_word_nobody_knows_is_refused_with_those_there_are),
        TEST(a_field_comes_from_one_place),
        TEST(figures_that_contradict_each_other_are_refused),
        TEST(sql_is_one_expression),
        TEST(files_stay_inside_the_data),
        TEST(a_table_has_one_origin),
        TEST(a_good_map_is_read),
    };
    return test_main(tests, COUNT_OF(tests));
}
