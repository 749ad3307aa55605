/* Queries by name, their parameters, and their rows as cells in an arena. */
#include "store/ledger_priv.h"

#include "base/check.h"

static duckdb_state bind(duckdb_prepared_statement statement, idx_t at,
                         const struct store_value *value)
{
    switch (value->kind) {
    case STORE_NULL:
        return duckdb_bind_null(statement, at);
    case STORE_INT64:
        return duckdb_bind_int64(statement, at, value->as.int64);
    case STORE_UINT64:
        return duckdb_bind_uint64(statement, at, value->as.uint64);
    case STORE_KEY128: {
        const duckdb_hugeint key = {.lower = value->as.key.low,
                                    .upper = (int64_t)value->as.key.high};
        return duckdb_bind_hugeint(statement, at, key);
    }
    case STORE_DOUBLE:
        return duckdb_bind_double(statement, at, value->as.real);
    case STORE_TEXT:
        return duckdb_bind_varchar_length(statement, at,
                                          value->as.text.data != NULL ? value->as.text.data : "",
                                          value->as.text.size);
    }
    return DuckDBError;
}

/* streams: rows are computed as they are fetched. */
static enum errc execute_as(struct store *store, enum store_query query, bool streams,
                            const struct store_value *values, size_t value_count,
                            duckdb_result *out, struct err *err)
{
    CHECK(store != NULL);
    CHECK(query < STORE_QUERY_COUNT);
    CHECK(values != NULL || value_count == 0);

    /* Planned anew each time: DuckDB plans by what the columns hold at that moment (their least and
     * greatest values, the lengths of texts) and does not look again when rows have come since. */
    duckdb_prepared_statement statement = NULL;
    enum errc code = ERR_OK;
    if (duckdb_prepare(store->connection, store_query_texts[query], &statement) != DuckDBSuccess) {
        code = store_fail(err, store_query_names[query], duckdb_prepare_error(statement));
    }
    if (code == ERR_OK) {
        CHECK(duckdb_nparams(statement) == value_count);
        for (size_t i = 0; i < value_count; i++) {
            CHECK(bind(statement, i + 1, &values[i]) == DuckDBSuccess);
        }
        if ((streams ? duckdb_execute_prepared_streaming(statement, out)
                     : duckdb_execute_prepared(statement, out)) != DuckDBSuccess) {
            code = store_fail(err, store_query_names[query], duckdb_result_error(out));
            duckdb_destroy_result(out);
        }
    }
    duckdb_destroy_prepare(&statement);
    return code;
}

static enum errc execute(struct store *store, enum store_query query,
                         const struct store_value *values, size_t value_count, duckdb_result *out,
                         struct err *err)
{
    return execute_as(store, query, false, values, value_count, out, err);
}

enum errc store_each_key(struct store *store, enum store_query query,
                         void (*take)(void *context, const uint64_t *keys, size_t count),
                         void *context, struct err *err)
{
    CHECK(take != NULL);
    duckdb_result result;
    enum errc code = execute_as(store, query, true, NULL, 0, &result, err);
    if (code != ERR_OK) {
        return code;
    }
    CHECK(duckdb_column_count(&result) == 1);
    CHECK(duckdb_column_type(&result, 0) == DUCKDB_TYPE_UBIGINT);
    duckdb_data_chunk chunk = NULL;
    while ((chunk = duckdb_fetch_chunk(result)) != NULL) {
        take(context, duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0)),
             duckdb_data_chunk_get_size(chunk));
        duckdb_destroy_data_chunk(&chunk);
    }
    const char *const said = duckdb_result_error(&result);
    if (said != NULL && said[0] != '\0') {
        code = store_fail(err, store_query_names[query], said);
    }
    duckdb_destroy_result(&result);
    return code;
}

enum errc store_execute(struct store *store, enum store_query query,
                        const struct store_value *values, size_t value_count, int64_t *out_changed,
                        struct err *err)
{
    duckdb_result result;
    const enum errc code = execute(store, query, values, value_count, &result, err);
    if (code != ERR_OK) {
        return code;
    }
    if (out_changed != NULL) {
        *out_changed = (int64_t)duckdb_rows_changed(&result);
    }
    duckdb_destroy_result(&result);
    return ERR_OK;
}

static bool copy_text(struct arena *arena, duckdb_string_t *text, struct str *out)
{
    *out =
        arena_copy(arena, (struct str){duckdb_string_t_data(text), duckdb_string_t_length(*text)});
    return out->data != NULL;
}

/* Cell i of a vector. False: the arena is full. */
static bool take_cell(duckdb_type type, void *data, idx_t i, struct arena *arena,
                      struct store_cell *out)
{
    switch ((int)type) {
    case DUCKDB_TYPE_BOOLEAN:
        out->sum = ((const bool *)data)[i];
        return true;
    case DUCKDB_TYPE_TINYINT:
        out->sum = ((const int8_t *)data)[i];
        return true;
    case DUCKDB_TYPE_UTINYINT:
        out->sum = ((const uint8_t *)data)[i];
        return true;
    case DUCKDB_TYPE_INTEGER:
        out->sum = ((const int32_t *)data)[i];
        return true;
    case DUCKDB_TYPE_UINTEGER:
        out->sum = ((const uint32_t *)data)[i];
        return true;
    case DUCKDB_TYPE_BIGINT:
        out->sum = ((const int64_t *)data)[i];
        return true;
    case DUCKDB_TYPE_UBIGINT:
        out->sum = ((const uint64_t *)data)[i];
        return true;
    case DUCKDB_TYPE_HUGEINT: {
        const duckdb_hugeint value = ((const duckdb_hugeint *)data)[i];
        out->sum = (money_sum)(((money_magnitude)(uint64_t)value.upper << 64) | value.lower);
        return true;
    }
    case DUCKDB_TYPE_DOUBLE:
        out->real = ((const double *)data)[i];
        return true;
    case DUCKDB_TYPE_VARCHAR:
        return copy_text(arena, &((duckdb_string_t *)data)[i], &out->text);
    default:
        break;
    }
    const bool type_is_held = false; /* a query of ours returns a type that no cell holds */
    CHECK(type_is_held);
    return false;
}

struct cells {
    struct store_cell *rows;
    size_t count;
    size_t capacity;
};

static enum errc take_chunk(duckdb_result *result, duckdb_data_chunk chunk, struct arena *arena,
                            struct cells *cells, struct err *err)
{
    const idx_t rows = duckdb_data_chunk_get_size(chunk);
    const idx_t columns = duckdb_data_chunk_get_column_count(chunk);
    for (idx_t row = 0; row < rows; row++) {
        for (idx_t column = 0; column < columns; column++) {
            duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, column);
            const size_t at = arena_push(arena, cells);
            if (at == SIZE_MAX) {
                return err_set(err, ERR_LIMIT, "a query's answer does not fit %zu bytes",
                               arena->size_max);
            }
            struct store_cell *const cell = &cells->rows[at];
            uint64_t *const validity = duckdb_vector_get_validity(vector);
            cell->null = validity != NULL && !duckdb_validity_row_is_valid(validity, row);
            if (!cell->null && !take_cell(duckdb_column_type(result, column),
                                          duckdb_vector_get_data(vector), row, arena, cell)) {
                return err_set(err, ERR_LIMIT, "a query's answer does not fit %zu bytes",
                               arena->size_max);
            }
        }
    }
    return ERR_OK;
}

enum errc store_run(struct store *store, enum store_query query, const struct store_value *values,
                    size_t value_count, struct arena *arena, struct store_result *out,
                    struct err *err)
{
    CHECK(arena != NULL);
    CHECK(out != NULL);

    duckdb_result result;
    enum errc code = execute(store, query, values, value_count, &result, err);
    if (code != ERR_OK) {
        return code;
    }
    struct cells cells = {0};
    const size_t columns = duckdb_column_count(&result);
    for (;;) {
        duckdb_data_chunk chunk = duckdb_fetch_chunk(result);
        if (chunk == NULL) {
            break;
        }
        code = take_chunk(&result, chunk, arena, &cells, err);
        duckdb_destroy_data_chunk(&chunk);
        if (code != ERR_OK) {
            break;
        }
    }
    duckdb_destroy_result(&result);
    if (code == ERR_OK) {
        CHECK(columns > 0);
        *out = (struct store_result){
            .cells = cells.rows, .rows = cells.count / columns, .columns = columns};
    }
    return code;
}

int64_t store_int64(const struct store_result *result, size_t row, size_t column, int64_t null)
{
    CHECK(row < result->rows);
    CHECK(column < result->columns);
    const struct store_cell *cell = store_at(result, row, column);
    if (cell->null) {
        return null;
    }
    CHECK(cell->sum >= INT64_MIN);
    CHECK(cell->sum <= INT64_MAX);
    return (int64_t)cell->sum;
}

struct str store_text(const struct store_result *result, size_t row, size_t column)
{
    CHECK(row < result->rows);
    CHECK(column < result->columns);
    const struct store_cell *cell = store_at(result, row, column);
    return cell->null ? (struct str){0} : cell->text;
}

double store_real(const struct store_result *result, size_t row, size_t column, double null)
{
    CHECK(row < result->rows);
    CHECK(column < result->columns);
    const struct store_cell *cell = store_at(result, row, column);
    return cell->null ? null : cell->real;
}

money_sum store_sum(const struct store_result *result, size_t row, size_t column)
{
    CHECK(row < result->rows);
    CHECK(column < result->columns);
    const struct store_cell *cell = store_at(result, row, column);
    return cell->null ? 0 : cell->sum;
}
