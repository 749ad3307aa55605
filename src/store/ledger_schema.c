/* The ledger's tables: what columns.def says, in DuckDB, and what older ledgers lack of it. */
#include "store/ledger_priv.h"

#include "base/check.h"
#include "base/text.h"

enum { SCHEMA_VERSION = 6 };
_Static_assert(LEDGER_placings == LEDGER_TABLE_COUNT - 6, "the tables from here on are not stored");
#define SCHEMA_BYTES_MAX ((size_t)64 << 10)

#define TABLE(table) static const struct ledger_column ledger_columns_##table[] = {
#define COLUMN(table, field, column_type, column_unit)                                             \
    {.name = #field,                                                                               \
     .unit = column_unit,                                                                          \
     .type = TYPE_##column_type,                                                                   \
     .offset = offsetof(struct ledger_##table, field)},
#define TABLE_END(table)                                                                           \
    }                                                                                              \
    ;
#include "model/columns.def"

const struct ledger_shape ledger_shapes[LEDGER_TABLE_COUNT] = {
#define TABLE(table)                                                                               \
    [LEDGER_##table] = {.name = #table,                                                            \
                        .columns = ledger_columns_##table,                                         \
                        .column_count = COUNT_OF(ledger_columns_##table),                          \
                        .row_size = sizeof(struct ledger_##table)},
#define COLUMN(table, field, column_type, column_unit)
#define TABLE_END(table)
#include "model/columns.def"
};

/* In DuckDB. */
static const char *const type_names[] = {
    [TYPE_KEY128] = "HUGEINT",    [TYPE_KEY64] = "UBIGINT", [TYPE_INT64] = "BIGINT",
    [TYPE_NULL64] = "BIGINT",     [TYPE_MONEY] = "BIGINT",  [TYPE_SUM] = "HUGEINT",
    [TYPE_INT32] = "INTEGER",     [TYPE_REAL] = "DOUBLE",   [TYPE_WORD] = "UTINYINT",
    [TYPE_TEXT] = "VARCHAR",      [TYPE_NAME] = "VARCHAR",  [TYPE_JSON] = "VARCHAR",
    [TYPE_PRINTS] = "UINTEGER[]",
};

/* Where the kind of text says it; elsewhere DuckDB tries what there is on every row group, which
 * costs more than writing it. */
static const char *compression_of(enum ledger_type type)
{
    return type == TYPE_NAME     ? " USING COMPRESSION dictionary"
           : type == TYPE_JSON   ? " USING COMPRESSION fsst"
           : type == TYPE_PRINTS ? " USING COMPRESSION uncompressed"
                                 : "";
}

/* "CREATE [TEMP] TABLE IF NOT EXISTS name (column TYPE, …)". */
static void print_table(struct text *sql, const struct ledger_shape *shape, bool staged)
{
    text_format(sql, "CREATE %s IF NOT EXISTS %s%s (", staged ? "TEMP TABLE" : "TABLE",
                staged ? "staged_" : "", shape->name);
    for (size_t i = 0; i < shape->column_count; i++) {
        const enum ledger_type type = shape->columns[i].type;
        text_format(sql, "%s%s %s%s", i > 0 ? ", " : "", shape->columns[i].name, type_names[type],
                    staged ? "" : compression_of(type));
    }
    text_add(sql, STR(");\n"));
}

/* Every table and column that is not there yet: all there is to do for an older ledger, too. */
static enum errc create_schema(struct store *store, struct err *err)
{
    struct text sql;
    text_init(&sql, SCHEMA_BYTES_MAX);
    text_add(&sql, STR("BEGIN; CREATE TABLE IF NOT EXISTS "
                       "ledger_schema (version INTEGER, made_by VARCHAR);"));
    text_format(&sql, "INSERT INTO ledger_schema VALUES (%d, 'bursar %s');\n", SCHEMA_VERSION,
                BURSAR_VERSION);
    for (size_t i = 0; i < LEDGER_placings; i++) {
        print_table(&sql, &ledger_shapes[i], false);
    }
    static const char *const stepped[] = {"steps", "superseded_steps"};
    for (size_t i = 0; i < COUNT_OF(stepped); i++) { /* since version 5 */
        text_format(&sql,
                    "ALTER TABLE %s ADD COLUMN IF NOT EXISTS trace_key UBIGINT DEFAULT 0;"
                    "ALTER TABLE %s ADD COLUMN IF NOT EXISTS sender UBIGINT DEFAULT 0;"
                    "ALTER TABLE %s ADD COLUMN IF NOT EXISTS told INTEGER DEFAULT 0;",
                    stepped[i], stepped[i], stepped[i]);
    }
    text_add(&sql, STR("COMMIT;"));
    CHECK(!text_is_full(&sql));
    const enum errc code = store_sql(store, sql.data, "making the ledger's tables", err);
    text_deinit(&sql);
    return code;
}

/* The version on disk; 0 when the file is new. Asking for the table itself takes half a
 * millisecond, asking whether there is one twelve times as long. */
static enum errc schema_version(struct store *store, int64_t *out, struct err *err)
{
    duckdb_result result;
    enum errc code = ERR_OK;
    int64_t version = 0;
    if (duckdb_query(store->connection, "SELECT max(version) FROM ledger_schema", &result) ==
        DuckDBSuccess) {
        version = duckdb_value_int64(&result, 0, 0);
    } else if (duckdb_result_error_type(&result) != DUCKDB_ERROR_CATALOG) { /* no such table */
        code = store_fail(err, store->path, duckdb_result_error(&result));
    }
    duckdb_destroy_result(&result);
    *out = version;
    return code;
}

enum errc ledger_nothing_in(const struct store *store, struct err *err)
{
    CHECK(store != NULL);
    return err_set(err, ERR_NOT_FOUND, "%s is empty; import something first", store->path);
}

enum errc ledger_migrate(struct store *store, enum store_mode mode, bool *out_is_old,
                         struct err *err)
{
    int64_t version = 0;
    const enum errc code = schema_version(store, &version, err);
    *out_is_old = false;
    if (code != ERR_OK) {
        return code;
    }
    if (version > SCHEMA_VERSION) {
        return err_set(err, ERR_UNSUPPORTED,
                       "the ledger %s has schema %lld, this program knows %d; use the newer bursar "
                       "that made it",
                       store->path, (long long)version, SCHEMA_VERSION);
    }
    if (version == 0 && mode == STORE_READ) {
        return ledger_nothing_in(store, err);
    }
    if (version < SCHEMA_VERSION && mode == STORE_WRITE) {
        return create_schema(store, err);
    }
    *out_is_old = version < SCHEMA_VERSION;
    return ERR_OK;
}

enum errc ledger_empty_staged(struct store *store, enum ledger_table table, struct err *err)
{
    CHECK(table < LEDGER_TABLE_COUNT);
    struct text sql;
    text_init(&sql, SCHEMA_BYTES_MAX);
    print_table(&sql, &ledger_shapes[table], true); /* a rollback takes a new one back */
    text_format(&sql, "TRUNCATE staged_%s", ledger_shapes[table].name);
    const enum errc code = store_sql(store, sql.data, "preparing a staging table", err);
    text_deinit(&sql);
    return code;
}
