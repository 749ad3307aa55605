/* Row structs -> DuckDB vectors, column by column, driven by the shapes. */
#include "store/ledger_priv.h"

#include <math.h>
#include <stdio.h>

#include "base/check.h"

static bool is_null(const struct ledger_column *column, const void *field)
{
    switch (column->type) {
    case TYPE_NULL64:
    case TYPE_MONEY:
        return *(const int64_t *)field == LEDGER_NULL;
    case TYPE_REAL:
        return isnan(*(const double *)field);
    case TYPE_TEXT:
    case TYPE_NAME:
    case TYPE_JSON:
        return ((const struct str *)field)->data == NULL;
    case TYPE_KEY128:
    case TYPE_KEY64:
    case TYPE_INT64:
    case TYPE_SUM:
    case TYPE_INT32:
    case TYPE_WORD:
    case TYPE_PRINTS:
        return false;
    }
    return false;
}

/* One column of up to a vector's size of rows. */
#define FILL(ctype)                                                                                \
    do {                                                                                           \
        ctype *const cells = duckdb_vector_get_data(vector);                                       \
        for (size_t i = 0; i < count; i++) {                                                       \
            cells[i] = *(const ctype *)(const void *)(field + i * row_size);                       \
        }                                                                                          \
    } while (0)

static void fill_text(duckdb_vector vector, const char *field, size_t row_size, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct str *text = (const struct str *)(const void *)(field + i * row_size);
        if (text->data != NULL) {
            duckdb_vector_assign_string_element_len(vector, i, text->data, text->size);
        }
    }
}

static void fill_prints(duckdb_vector vector, const char *field, size_t row_size, size_t count)
{
    duckdb_list_entry *const entries = duckdb_vector_get_data(vector);
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        const struct fingerprint_list *list =
            (const struct fingerprint_list *)(const void *)(field + i * row_size);
        entries[i] = (duckdb_list_entry){.offset = total, .length = list->count};
        total += list->count;
    }
    CHECK(duckdb_list_vector_reserve(vector, total) == DuckDBSuccess);
    CHECK(duckdb_list_vector_set_size(vector, total) == DuckDBSuccess);
    uint32_t *const cells = duckdb_vector_get_data(duckdb_list_vector_get_child(vector));
    for (size_t i = 0; i < count; i++) {
        const struct fingerprint_list *list =
            (const struct fingerprint_list *)(const void *)(field + i * row_size);
        if (list->count > 0) {
            memcpy(cells + entries[i].offset, list->rows, list->count * sizeof list->rows[0]);
        }
    }
}

static void fill_nulls(duckdb_vector vector, const struct ledger_column *column, const char *field,
                       size_t row_size, size_t count)
{
    bool any = false;
    for (size_t i = 0; i < count && !any; i++) {
        any = is_null(column, field + i * row_size);
    }
    if (!any) {
        return;
    }
    duckdb_vector_ensure_validity_writable(vector);
    uint64_t *const validity = duckdb_vector_get_validity(vector);
    for (size_t first = 0; first < count; first += 64) { /* a bit a row: it has a value */
        const size_t size = count - first < 64 ? count - first : 64;
        uint64_t word = UINT64_MAX;
        for (size_t i = 0; i < size; i++) {
            word ^= (uint64_t)is_null(column, field + (first + i) * row_size) << i;
        }
        validity[first / 64] = word;
    }
}

static void fill(duckdb_vector vector, const struct ledger_column *column, const char *field,
                 size_t row_size, size_t count)
{
    switch (column->type) {
    case TYPE_KEY128:
    case TYPE_SUM:
        FILL(struct hash128); /* 16 bytes, low half first, as DuckDB's HUGEINT */
        break;
    case TYPE_KEY64:
    case TYPE_INT64:
    case TYPE_NULL64:
    case TYPE_MONEY:
        FILL(int64_t);
        break;
    case TYPE_INT32:
        FILL(int32_t);
        break;
    case TYPE_REAL:
        FILL(double);
        break;
    case TYPE_WORD:
        FILL(uint8_t);
        break;
    case TYPE_TEXT:
    case TYPE_NAME:
    case TYPE_JSON:
        fill_text(vector, field, row_size, count);
        break;
    case TYPE_PRINTS:
        fill_prints(vector, field, row_size, count);
        break;
    }
    fill_nulls(vector, column, field, row_size, count);
}

_Static_assert(sizeof(money_sum) == sizeof(struct hash128), "a sum is stored as two halves");

static enum errc append_chunks(duckdb_appender appender, duckdb_data_chunk chunk,
                               const struct ledger_shape *shape, const char *rows, size_t count,
                               struct err *err)
{
    const size_t vector_size = duckdb_vector_size();
    for (size_t done = 0; done < count;) {
        const size_t size = count - done < vector_size ? count - done : vector_size;
        duckdb_data_chunk_reset(chunk);
        for (size_t i = 0; i < shape->column_count; i++) {
            const struct ledger_column *column = &shape->columns[i];
            fill(duckdb_data_chunk_get_vector(chunk, i), column,
                 rows + done * shape->row_size + column->offset, shape->row_size, size);
        }
        duckdb_data_chunk_set_size(chunk, size);
        if (duckdb_append_data_chunk(appender, chunk) != DuckDBSuccess) {
            return store_fail(err, shape->name, duckdb_appender_error(appender));
        }
        done += size;
    }
    return ERR_OK;
}

static enum errc append(struct store *store, enum ledger_table table, bool staged, const void *rows,
                        size_t count, struct err *err)
{
    CHECK(table < LEDGER_TABLE_COUNT);
    CHECK(rows != NULL || count == 0);

    if (count == 0) {
        return ERR_OK;
    }
    const struct ledger_shape *const shape = &ledger_shapes[table];
    CHECK(shape->column_count <= STORE_COLUMNS_MAX);
    char name[80];
    snprintf(name, sizeof name, "%s%s", staged ? "staged_" : "", shape->name);

    duckdb_appender appender = NULL;
    /* Of a ledger that is only read, too, the temporary tables may be written. */
    if (duckdb_appender_create_ext(store->connection, staged ? "temp" : NULL, NULL, name,
                                   &appender) != DuckDBSuccess) {
        const enum errc code = store_fail(err, name, duckdb_appender_error(appender));
        duckdb_appender_destroy(&appender);
        return code;
    }
    duckdb_logical_type types[STORE_COLUMNS_MAX];
    CHECK(duckdb_appender_column_count(appender) == shape->column_count);
    for (size_t i = 0; i < shape->column_count; i++) {
        types[i] = duckdb_appender_column_type(appender, i);
    }
    duckdb_data_chunk chunk = duckdb_create_data_chunk(types, shape->column_count);
    enum errc code = append_chunks(appender, chunk, shape, rows, count, err);
    if (code == ERR_OK && duckdb_appender_flush(appender) != DuckDBSuccess) {
        code = store_fail(err, name, duckdb_appender_error(appender));
    }
    duckdb_destroy_data_chunk(&chunk);
    for (size_t i = 0; i < shape->column_count; i++) {
        duckdb_destroy_logical_type(&types[i]);
    }
    duckdb_appender_destroy(&appender);
    return code;
}

enum errc store_append(struct store *store, enum ledger_table table, const void *rows, size_t count,
                       struct err *err)
{
    CHECK(store != NULL);
    return append(store, table, false, rows, count, err);
}

enum errc store_stage(struct store *store, enum ledger_table table, const void *rows, size_t count,
                      struct err *err)
{
    CHECK(store != NULL);
    const enum errc code = ledger_empty_staged(store, table, err);
    return code == ERR_OK ? append(store, table, true, rows, count, err) : code;
}
