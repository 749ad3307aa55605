#include "wire/table_map.h"

#include <string.h>

#include "base/check.h"
#include "wire/table_map_priv.h"
#include "wire/table_value.h"

static enum errc parse_attributes(struct table_parser *parser, const struct yaml *node)
{
    enum errc code = node != NULL ? yaml_want(node, YAML_MAPPING, parser->err) : ERR_OK;
    if (code != ERR_OK || node == NULL) {
        return code;
    }
    if (node->count > TABLE_ATTRIBUTES_MAX) {
        return yaml_error(node, parser->err, "%zu attributes; at most %d", node->count,
                          TABLE_ATTRIBUTES_MAX);
    }
    struct table *table = parser->table;
    for (const struct yaml *child = node->first; child != NULL && code == ERR_OK;
         child = child->next) {
        struct table_attribute *attribute = &table->attributes[table->attribute_count++];
        attribute->name = child->name;
        code = table_parse_field(parser, child, TABLE_TEXT, 0, &attribute->field);
    }
    return code;
}

static const char *const section_keys[] = {"case", "attempt", "step", "outcome", "kpi"};
_Static_assert(COUNT_OF(section_keys) == TABLE_SECTION_COUNT, "a key for each section");

static enum errc parse_zero_cost(struct table_parser *parser, const struct yaml *node)
{
    static const char *const words[] = {"free", "unpriced", NULL};
    int word = 0;
    const enum errc code = yaml_word(node, words, &word, parser->err);
    parser->table->zero_cost_is_unknown = word == 1;
    return code;
}

static enum errc parse_section(struct table_parser *parser, const struct yaml *node,
                               enum table_section section)
{
    const char *keys[TABLE_FIELD_COUNT + 2];
    size_t count = 0;
    for (enum table_name name = 0; name < TABLE_FIELD_COUNT; name++) {
        if (table_field_section(name) == section) {
            keys[count++] = table_field_key(name);
        }
    }
    const char *const extra = section == TABLE_CASE   ? "attributes"
                              : section == TABLE_STEP ? "zero_cost"
                                                      : NULL;
    keys[count] = extra;
    keys[count + 1] = NULL;
    enum errc code = yaml_only(node, keys, parser->err);
    parser->table->has[section] = true;
    for (enum table_name name = 0; name < TABLE_FIELD_COUNT && code == ERR_OK; name++) {
        const struct yaml *child = yaml_get(node, table_field_key(name));
        if (child != NULL && table_field_section(name) == section) {
            code = table_parse_field(parser, child, table_field_type(name),
                                     table_unit_default(name), &parser->table->fields[name]);
        }
    }
    const struct yaml *child = extra != NULL ? yaml_get(node, extra) : NULL;
    if (code != ERR_OK || child == NULL) {
        return code;
    }
    return section == TABLE_CASE ? parse_attributes(parser, child) : parse_zero_cost(parser, child);
}

static bool given(const struct table *table, enum table_name name)
{
    return table->fields[name].origin != TABLE_ABSENT;
}

static enum errc want_field(const struct table_parser *parser, enum table_name name)
{
    const struct table *table = parser->table;
    const enum table_section section = table_field_section(name);
    if (!table->has[section] || given(table, name)) {
        return ERR_OK;
    }
    return yaml_error(table->node, parser->err, "%s has no %s; name its column",
                      section_keys[section], table_field_key(name));
}

/* What fields mean only together. */
static enum errc check_table(const struct table_parser *parser)
{
    static const enum table_name wanted[] = {TABLE_CASE_ID, TABLE_OUTCOME_STATUS, TABLE_KPI_NAME,
                                             TABLE_KPI_AT, TABLE_KPI_VALUE};
    const struct table *table = parser->table;
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        const enum errc code = want_field(parser, wanted[i]);
        if (code != ERR_OK) {
            return code;
        }
    }
    const bool needs_case =
        table->has[TABLE_ATTEMPT] || table->has[TABLE_STEP] || table->has[TABLE_OUTCOME];
    if (!table->has[TABLE_CASE] && (needs_case || !table->has[TABLE_KPI])) {
        return yaml_error(table->node, parser->err,
                          "has no case; say which column is its id: case: {id: …}");
    }
    if (given(table, TABLE_STEP_INPUT) && given(table, TABLE_STEP_UNCACHED)) {
        return yaml_error(table->node, parser->err,
                          "step has input_tokens (all of them) and uncached_input_tokens (without "
                          "the cached ones); give one");
    }
    if (given(table, TABLE_STEP_START) && given(table, TABLE_STEP_END) &&
        given(table, TABLE_STEP_DURATION)) {
        return yaml_error(table->node, parser->err, "step has start, end and duration; give two");
    }
    if (table->sql.size > 0 && table->has[TABLE_STEP] && !given(table, TABLE_STEP_ID) &&
        !given(table, TABLE_STEP_SEQUENCE)) {
        return yaml_error(table->node, parser->err,
                          "rows of a SELECT have no order of their own; give step an id or a "
                          "sequence");
    }
    return ERR_OK;
}

static enum errc parse_format(struct table_parser *parser, const struct yaml *node,
                              struct table_source *source)
{
    static const char *const formats[] = {"auto", "csv", "jsonl", "parquet", NULL};
    const struct yaml *format = yaml_get(node, "format");
    const struct yaml *delimiter = yaml_get(node, "delimiter");
    int word = TABLE_BY_NAME;
    enum errc code = format != NULL ? yaml_word(format, formats, &word, parser->err) : ERR_OK;
    source->format = (enum table_format)word;
    if (code != ERR_OK || delimiter == NULL) {
        return code;
    }
    struct str text = {0};
    code = yaml_str(delimiter, &text, parser->err);
    if (code == ERR_OK && (text.size != 1 || strchr("\"\r\n\\", text.data[0]) != NULL)) {
        return yaml_error(delimiter, parser->err,
                          "found \"" STR_FORMAT "\"; allowed is one character such as \";\" or "
                          "\"\\t\"",
                          STR_ARG(text));
    }
    source->delimiter = code == ERR_OK ? text.data[0] : 0;
    return code;
}

/* A relative pattern that stays inside the data's folder. */
static enum errc check_file(struct table_parser *parser, const struct yaml *node, struct str file)
{
    if (file.size == 0 || file.data[0] == '/' || str_find(file, STR("..")) != SIZE_MAX ||
        memchr(file.data, '\0', file.size) != NULL) {
        return yaml_error(node, parser->err,
                          "found \"" STR_FORMAT "\"; allowed is a name or pattern inside the "
                          "data's folder, such as calls.csv or */calls-*.csv.gz",
                          STR_ARG(file));
    }
    return ERR_OK;
}

static enum errc add_source(struct table_parser *parser, const struct yaml *node, struct str name,
                            size_t *out)
{
    static const char *const keys[] = {"file", "format", "delimiter", NULL};
    struct table_map *map = parser->map;
    if (map->source_count == TABLE_SOURCES_MAX) {
        return yaml_error(node, parser->err, "more than %d files", TABLE_SOURCES_MAX);
    }
    struct table_source *source = &map->sources[map->source_count];
    *source = (struct table_source){.name = name, .node = node};
    enum errc code = ERR_OK;
    const struct yaml *file = node;
    if (node->kind != YAML_SCALAR) {
        code = yaml_only(node, keys, parser->err);
        file = yaml_get(node, "file");
        code = code == ERR_OK && file == NULL
                   ? yaml_error(node, parser->err, "has no file; give its name or pattern")
                   : code;
        code = code == ERR_OK ? parse_format(parser, node, source) : code;
    }
    if (code == ERR_OK) {
        code = yaml_str(file, &source->file, parser->err);
    }
    if (code == ERR_OK) {
        code = check_file(parser, file, source->file);
    }
    if (code == ERR_OK) {
        *out = map->source_count++;
    }
    return code;
}

static bool is_name(struct str name)
{
    bool ok = name.size > 0 && name.size <= 64 && !(name.data[0] >= '0' && name.data[0] <= '9');
    for (size_t i = 0; i < name.size; i++) {
        const char c = name.data[i];
        ok = ok && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
    }
    return ok;
}

static enum errc parse_sources(struct table_parser *parser, const struct yaml *node)
{
    enum errc code = node != NULL ? yaml_want(node, YAML_MAPPING, parser->err) : ERR_OK;
    const struct yaml *child = node != NULL ? node->first : NULL;
    for (; child != NULL && code == ERR_OK; child = child->next) {
        size_t index;
        code = is_name(child->name)
                   ? add_source(parser, child, child->name, &index)
                   : yaml_error(child, parser->err,
                                "a source's name is lower-case letters, digits and _, such as "
                                "calls");
    }
    return code;
}

/* A source's name, or a SELECT. */
static enum errc parse_from(struct table_parser *parser, const struct yaml *node)
{
    struct str text = {0};
    const enum errc code = yaml_str(node, &text, parser->err);
    if (code != ERR_OK) {
        return code;
    }
    const struct table_map *map = parser->map;
    for (size_t i = 0; i < map->source_count; i++) {
        if (map->sources[i].name.size > 0 && str_equal(map->sources[i].name, text)) {
            parser->table->source = i;
            return ERR_OK;
        }
    }
    if (is_name(text)) {
        return yaml_error(node, parser->err,
                          "no source is called \"" STR_FORMAT "\"; name one of `sources`, or write "
                          "a SELECT over them",
                          STR_ARG(text));
    }
    struct err why;
    if (table_sql_check(text, &why) != ERR_OK) {
        return yaml_error(node, parser->err, "%s", why.text);
    }
    parser->table->sql = text;
    return ERR_OK;
}

static enum errc parse_place(struct table_parser *parser, const struct yaml *node)
{
    const struct yaml *file = yaml_get(node, "file");
    const struct yaml *from = yaml_get(node, "from");
    const struct yaml *where = yaml_get(node, "where");
    struct err why;
    enum errc code = ERR_OK;
    if (file != NULL && from != NULL) {
        return yaml_error(node, parser->err, "give file or from, not both");
    }
    if (file != NULL) {
        code = add_source(parser, file, (struct str){0}, &parser->table->source);
    }
    if (from != NULL) {
        code = parse_from(parser, from);
    }
    if (code == ERR_OK && where != NULL) {
        code = yaml_str(where, &parser->table->where, parser->err);
    }
    if (code == ERR_OK && where != NULL && table_sql_check(parser->table->where, &why) != ERR_OK) {
        return yaml_error(where, parser->err, "%s", why.text);
    }
    return code;
}

static enum errc parse_table(struct table_parser *parser, const struct yaml *node)
{
    static const char *const keys[] = {"name", "file",    "from", "where",   "case",
                                       "step", "attempt", "kpi",  "outcome", NULL};
    struct table *table = &parser->map->tables[parser->map->table_count++];
    *table = (struct table){.source = SIZE_MAX, .node = node};
    parser->table = table;
    enum errc code = yaml_only(node, keys, parser->err);
    const struct yaml *name = yaml_get(node, "name");
    if (code == ERR_OK && name != NULL) {
        code = yaml_str(name, &table->name, parser->err);
    }
    if (code == ERR_OK) {
        code = parse_place(parser, node);
    }
    for (enum table_section i = 0; i < TABLE_SECTION_COUNT && code == ERR_OK; i++) {
        const struct yaml *section = yaml_get(node, section_keys[i]);
        code = section != NULL ? parse_section(parser, section, i) : ERR_OK;
    }
    return code == ERR_OK ? check_table(parser) : code;
}

static enum errc parse_tables(struct table_parser *parser, const struct yaml *root)
{
    const struct yaml *list = yaml_get(root, "tables");
    if (list == NULL) {
        return yaml_error(root, parser->err, "has no tables; list at least one");
    }
    enum errc code = yaml_want(list, YAML_SEQUENCE, parser->err);
    if (code != ERR_OK) {
        return code;
    }
    if (list->count < 1 || list->count > TABLE_TABLES_MAX) {
        return yaml_error(list, parser->err, "%zu tables; from 1 to %d are allowed", list->count,
                          TABLE_TABLES_MAX);
    }
    parser->map->tables = arena_new(parser->arena, struct table, list->count);
    if (parser->map->tables == NULL) {
        return table_map_full(parser, list);
    }
    for (const struct yaml *node = list->first; node != NULL && code == ERR_OK; node = node->next) {
        code = parse_table(parser, node);
    }
    return code;
}

enum errc table_map_parse(struct str file, struct str text, struct arena *arena,
                          struct table_map *out, struct err *err)
{
    CHECK(arena != NULL);
    CHECK(out != NULL);

    static const char *const keys[] = {"map", "about", "sources", "tables", NULL};
    const struct yaml *root = NULL;
    struct table_map map = {0};
    struct table_parser parser = {.arena = arena, .map = &map, .err = err};
    enum errc code = yaml_parse(file, text, arena, &root, err);
    if (code == ERR_OK) {
        code = yaml_only(root, keys, err);
    }
    const struct yaml *name = yaml_get(root, "map");
    if (code == ERR_OK && name != NULL) {
        code = yaml_str(name, &map.name, err);
    }
    const struct yaml *about = yaml_get(root, "about");
    if (code == ERR_OK && about != NULL) {
        code = yaml_str(about, &map.about, err);
    }
    if (code == ERR_OK) {
        code = parse_sources(&parser, yaml_get(root, "sources"));
    }
    if (code == ERR_OK) {
        code = parse_tables(&parser, root);
    }
    if (code == ERR_OK) {
        *out = map;
    }
    return code;
}
