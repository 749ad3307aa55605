#include <stdio.h>

#include "base/check.h"
#include "ingest/table_priv.h"
#include "wire/table_value.h"

struct columns {
    const struct str *rows;
    size_t count;
};

/* The column as it is written in the file; case of letters matters only when nothing else fits. */
static const struct str *find_column(const struct columns *columns, struct str name)
{
    for (size_t i = 0; i < columns->count; i++) {
        if (str_equal(columns->rows[i], name)) {
            return &columns->rows[i];
        }
    }
    for (size_t i = 0; i < columns->count; i++) {
        if (str_equal_fold(columns->rows[i], name)) {
            return &columns->rows[i];
        }
    }
    return NULL;
}

static enum errc no_column(const struct table_field *field, const struct columns *columns,
                           struct err *err)
{
    enum { LIST_BYTES_MAX = 700 };
    struct text list;
    text_init(&list, LIST_BYTES_MAX);
    for (size_t i = 0; i < columns->count && !text_is_full(&list); i++) {
        text_add(&list, i > 0 ? STR(", ") : STR(""));
        text_add(&list, columns->rows[i]);
    }
    const enum errc code = yaml_error(
        field->node, err, "no column \"" STR_FORMAT "\"; there are: " STR_FORMAT "%s",
        STR_ARG(field->text), STR_ARG(text_str(&list)), text_is_full(&list) ? ", …" : "");
    text_deinit(&list);
    return code;
}

/* The field as text; a time with a format becomes RFC 3339, or "? …", which is then refused. */
static enum errc add_field(struct text *out, const struct table_field *field,
                           const struct columns *columns, struct err *err)
{
    const struct str *column = NULL;
    struct text value;
    if (field->origin == TABLE_COLUMN) {
        column = find_column(columns, field->text);
        if (column == NULL) {
            return no_column(field, columns, err);
        }
    }
    text_init(&value, STORE_SCAN_SQL_BYTES_MAX);
    text_add(&value, STR("CAST("));
    if (column != NULL) {
        store_scan_quote_name(&value, *column);
    } else {
        text_char(&value, '(');
        text_add(&value, field->text);
        text_char(&value, ')');
    }
    text_add(&value, STR(" AS VARCHAR)"));
    if (field->format.size > 0) {
        const struct str text = text_str(&value);
        text_add(out, STR("coalesce(CAST(try_strptime(nullif("));
        text_add(out, text);
        text_add(out, STR(", ''), "));
        store_scan_quote_text(out, field->format);
        text_add(out, STR(") AS VARCHAR), '? ' || nullif("));
        text_add(out, text);
        text_add(out, STR(", ''))"));
    } else {
        text_add(out, text_str(&value));
    }
    text_deinit(&value);
    return ERR_OK;
}

static const struct table_field *field_at(const struct table *table, size_t value)
{
    for (enum table_name name = 0; name < TABLE_FIELD_COUNT; name++) {
        const struct table_field *field = &table->fields[name];
        if ((field->origin == TABLE_COLUMN || field->origin == TABLE_SQL) &&
            field->value == value) {
            return field;
        }
    }
    for (size_t i = 0; i < table->attribute_count; i++) {
        const struct table_field *field = &table->attributes[i].field;
        if (field->origin != TABLE_CONST && field->value == value) {
            return field;
        }
    }
    return NULL;
}

/* Rows of a SELECT are numbered here, before `where`; those of files come with their line. */
static void add_from(struct text *out, const struct table *table)
{
    text_add(out, table->sql.size > 0
                      ? STR(" FROM (SELECT row_number() OVER () AS \"" STORE_SCAN_LINE
                            "\", * FROM \"" INGEST_TABLE_VIEW "\")")
                      : STR(" FROM \"" INGEST_TABLE_VIEW "\""));
}

/* Which expression DuckDB refuses, tried one by one. */
static enum errc find_culprit(struct store_scan *scan, const struct table *table,
                              const struct columns *columns, struct err *err)
{
    struct text sql;
    struct err why;
    text_init(&sql, STORE_SCAN_SQL_BYTES_MAX);
    enum errc code = ERR_OK;
    for (size_t i = 0; i < table->value_count && code == ERR_OK; i++) {
        const struct table_field *field = field_at(table, i);
        text_clear(&sql);
        text_add(&sql, STR("SELECT "));
        code = add_field(&sql, field, columns, err);
        add_from(&sql, table);
        if (code == ERR_OK && store_scan_check(scan, text_str(&sql), &why) != ERR_OK) {
            code = yaml_error(field->node, err, "%s", why.text);
        }
    }
    if (code == ERR_OK && table->where.size > 0) {
        text_clear(&sql);
        text_add(&sql, STR("SELECT 1"));
        add_from(&sql, table);
        text_add(&sql, STR(" WHERE ("));
        text_add(&sql, table->where);
        text_char(&sql, ')');
        if (store_scan_check(scan, text_str(&sql), &why) != ERR_OK) {
            code = yaml_error(yaml_get(table->node, "where"), err, "%s", why.text);
        }
    }
    text_deinit(&sql);
    return code;
}

enum errc ingest_table_query(struct store_scan *scan, const struct table *table, struct text *out,
                             struct err *err)
{
    CHECK(scan != NULL);
    CHECK(table->value_count < STORE_SCAN_COLUMNS_MAX);

    struct columns columns;
    enum errc code =
        store_scan_columns(scan, STR(INGEST_TABLE_VIEW), &columns.rows, &columns.count, err);
    text_clear(out);
    text_add(out, STR("SELECT CAST(\"" STORE_SCAN_LINE "\" AS VARCHAR)"));
    for (size_t i = 0; i < table->value_count && code == ERR_OK; i++) {
        const struct table_field *field = field_at(table, i);
        CHECK(field != NULL);
        text_add(out, STR(", "));
        code = add_field(out, field, &columns, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    add_from(out, table);
    if (table->where.size > 0) {
        text_add(out, STR(" WHERE ("));
        text_add(out, table->where);
        text_char(out, ')');
    }
    struct err why;
    code = store_scan_check(scan, text_str(out), &why);
    if (code == ERR_SYNTAX) {
        code = find_culprit(scan, table, &columns, err);
        code = code == ERR_OK ? yaml_error(table->node, err, "%s", why.text) : code;
    } else if (code != ERR_OK) {
        *err = why;
    }
    return code;
}
