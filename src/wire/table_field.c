#include "base/check.h"
#include "wire/table_map_priv.h"
#include "wire/table_value.h"

enum errc table_map_full(const struct table_parser *parser, const struct yaml *node)
{
    (void)yaml_error(node, parser->err, "the map is too large");
    return parser->err->code = ERR_LIMIT;
}

static enum errc parse_words(struct table_parser *parser, const struct yaml *node,
                             struct table_field *field)
{
    const struct yaml *list = yaml_get(node, "words");
    if (list == NULL) {
        return ERR_OK;
    }
    enum errc code = yaml_want(list, YAML_MAPPING, parser->err);
    if (code != ERR_OK) {
        return code;
    }
    if (list->count > TABLE_WORDS_MAX) {
        return yaml_error(list, parser->err, "%zu words; at most %d", list->count, TABLE_WORDS_MAX);
    }
    struct table_word *words = arena_new(parser->arena, struct table_word, list->count);
    if (words == NULL) {
        return table_map_full(parser, list);
    }
    for (const struct yaml *word = list->first; word != NULL; word = word->next) {
        words[field->word_count].from = word->name;
        code = yaml_str(word, &words[field->word_count].to, parser->err);
        if (code != ERR_OK) {
            return code;
        }
        field->word_count++;
    }
    field->words = words;
    return ERR_OK;
}

static enum errc parse_unit(struct table_parser *parser, const struct yaml *node,
                            struct table_field *field)
{
    const struct yaml *unit = yaml_get(node, "unit");
    const struct yaml *format = yaml_get(node, "format");
    const char *const *units = table_units(field->type);
    if (unit != NULL && units == NULL) {
        return yaml_error(unit, parser->err, "this field has no unit; leave it out");
    }
    if (format != NULL && field->type != TABLE_TIME) {
        return yaml_error(format, parser->err, "only a time has a format; leave it out");
    }
    if (format != NULL && unit != NULL) {
        return yaml_error(format, parser->err, "give a unit or a format, not both");
    }
    if (format != NULL) {
        return yaml_str(format, &field->format, parser->err);
    }
    return unit != NULL ? yaml_word(unit, units, &field->unit, parser->err) : ERR_OK;
}

/* Exactly one of column, sql and const. */
static enum errc parse_origin(struct table_parser *parser, const struct yaml *node,
                              struct table_field *field)
{
    static const struct {
        const char *key;
        enum table_origin origin;
    } origins[] = {{"column", TABLE_COLUMN}, {"sql", TABLE_SQL}, {"const", TABLE_CONST}};
    for (size_t i = 0; i < COUNT_OF(origins); i++) {
        const struct yaml *value = yaml_get(node, origins[i].key);
        if (value == NULL) {
            continue;
        }
        if (field->origin != TABLE_ABSENT) {
            return yaml_error(node, parser->err, "give one of column, sql and const, not two");
        }
        const enum errc code = yaml_str(value, &field->text, parser->err);
        if (code != ERR_OK) {
            return code;
        }
        field->origin = origins[i].origin;
    }
    if (field->origin == TABLE_ABSENT) {
        return yaml_error(node, parser->err, "found none of column, sql and const; give one");
    }
    return ERR_OK;
}

/* A constant is checked here, once; a column or expression gets its place in the row. */
static enum errc finish_field(struct table_parser *parser, const struct yaml *node,
                              struct table_field *field)
{
    struct err why;
    if (field->text.size == 0) {
        return yaml_error(node, parser->err, "is empty; name a column");
    }
    if (field->origin == TABLE_SQL && table_sql_check(field->text, &why) != ERR_OK) {
        return yaml_error(node, parser->err, "%s", why.text);
    }
    struct table_cell cell;
    if (field->origin == TABLE_CONST && field->format.size == 0 &&
        table_value(field, field->text, &cell, &why) != ERR_OK) {
        return yaml_error(node, parser->err, "%s", why.text);
    }
    if (field->has_fallback && table_value(field, field->fallback, &cell, &why) != ERR_OK) {
        return yaml_error(node, parser->err, "default: %s", why.text);
    }
    if (field->origin == TABLE_CONST && field->format.size > 0) {
        return yaml_error(node, parser->err, "a constant time has no format; write it as RFC 3339");
    }
    if (field->origin != TABLE_CONST) {
        field->value = parser->table->value_count++;
    }
    return ERR_OK;
}

enum errc table_parse_field(struct table_parser *parser, const struct yaml *node,
                            enum table_type type, int unit, struct table_field *field)
{
    static const char *const keys[] = {"column", "sql",   "const",   "unit",
                                       "format", "words", "default", NULL};
    *field = (struct table_field){.type = type, .unit = unit, .node = node};
    if (node->kind == YAML_SCALAR) {
        field->origin = TABLE_COLUMN;
        field->text = node->scalar;
        return finish_field(parser, node, field);
    }
    enum errc code = yaml_only(node, keys, parser->err);
    if (code == ERR_OK) {
        code = parse_origin(parser, node, field);
    }
    if (code == ERR_OK) {
        code = parse_unit(parser, node, field);
    }
    if (code == ERR_OK) {
        code = parse_words(parser, node, field);
    }
    const struct yaml *fallback = yaml_get(node, "default");
    if (code == ERR_OK && fallback != NULL) {
        code = yaml_str(fallback, &field->fallback, parser->err);
        field->has_fallback = true;
    }
    return code == ERR_OK ? finish_field(parser, node, field) : code;
}
