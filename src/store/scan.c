#include "store/scan.h"

#include <unistd.h>

#include "base/check.h"
#include "store/scan_priv.h"

bool store_scan_stopped(const struct store_scan *scan)
{
    return scan->stop != NULL && atomic_load_explicit(scan->stop, memory_order_relaxed);
}

/* DuckDB's kinds of error that are not the fault of what was asked. */
static const struct {
    struct str prefix;
    enum errc code;
} kinds[] = {
    {STR_STATIC("IO Error: "), ERR_IO},
    {STR_STATIC("Out of Memory Error: "), ERR_LIMIT},
    {STR_STATIC("INTERRUPT Error: "), ERR_INTERRUPTED},
    {STR_STATIC("INTERNAL Error: "), ERR_STORE},
    {STR_STATIC("FATAL Error: "), ERR_STORE},
};

/* DuckDB's first line, without the "Binder Error: " in front and its advice behind. */
static enum errc failed(const struct store_scan *scan, const char *message, struct err *err)
{
    struct str rest = str_from(message != NULL ? message : "the reader gave no reason");
    struct str line = str_cut(&rest, '\n');
    enum errc code = ERR_SYNTAX;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        code = str_starts_with(line, kinds[i].prefix) ? kinds[i].code : code;
    }
    if (code == ERR_INTERRUPTED || store_scan_stopped(scan)) {
        return err_set(err, ERR_INTERRUPTED, "interrupted while reading");
    }
    if (code == ERR_LIMIT) {
        return err_set(err, code,
                       "reading needs more than the %lld MB of memory allowed; sort and join less, "
                       "or split the file",
                       (long long)(scan->memory_bytes_max / 1000000));
    }
    if (str_find(line, STR("state machine reached an invalid state")) != SIZE_MAX) {
        return err_set(err, code,
                       "lines of the file end partly in CR LF and partly in LF; make them alike");
    }
    const size_t colon = str_find(line, STR(" Error: "));
    if (colon != SIZE_MAX && colon < 32) {
        const size_t skip = colon + strlen(" Error: ");
        line = (struct str){line.data + skip, line.size - skip};
    }
    return err_set(err, code, STR_FORMAT, STR_ARG(str_trim(line)));
}

/* One statement, which must be of `type`, ready to run. The caller destroys *out. */
static enum errc prepare(struct store_scan *scan, struct str sql, duckdb_statement_type type,
                         duckdb_prepared_statement *out, struct err *err)
{
    CHECK(sql.size > 0);
    if (sql.size > STORE_SCAN_SQL_BYTES_MAX) {
        return err_set(err, ERR_LIMIT, "the query is longer than %d bytes",
                       STORE_SCAN_SQL_BYTES_MAX);
    }
    const struct arena_position mark = arena_mark(scan->arena);
    const struct str text = arena_copy(scan->arena, sql);
    if (text.data == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for a query of %zu bytes", sql.size);
    }
    duckdb_extracted_statements statements = NULL;
    duckdb_prepared_statement prepared = NULL;
    const idx_t count = duckdb_extract_statements(scan->connection, text.data, &statements);
    enum errc code = ERR_OK;
    if (count == 0) {
        code = failed(scan, duckdb_extract_statements_error(statements), err);
    } else if (count > 1) {
        code = err_set(err, ERR_SYNTAX, "found %d statements where one is expected", (int)count);
    } else if (duckdb_prepare_extracted_statement(scan->connection, statements, 0, &prepared) !=
               DuckDBSuccess) {
        code = failed(scan, duckdb_prepare_error(prepared), err);
    } else if (type != DUCKDB_STATEMENT_TYPE_INVALID &&
               duckdb_prepared_statement_type(prepared) != type) {
        code = err_set(err, ERR_SYNTAX, "found another statement where a SELECT is expected");
    }
    duckdb_destroy_extracted(&statements);
    arena_rewind(scan->arena, mark);
    if (code != ERR_OK) {
        duckdb_destroy_prepare(&prepared);
        return code;
    }
    *out = prepared;
    return ERR_OK;
}

/* Start a prepared statement; looks at *stop between its tasks. The caller destroys *out. */
static enum errc start(struct store_scan *scan, duckdb_prepared_statement prepared,
                       duckdb_result *out, struct err *err)
{
    enum { WAIT_US = 200 };
    if (store_scan_stopped(scan)) {
        return err_set(err, ERR_INTERRUPTED, "interrupted while reading");
    }
    duckdb_pending_result pending = NULL;
    enum errc code = ERR_OK;
    duckdb_pending_state state =
        duckdb_pending_prepared_streaming(prepared, &pending) == DuckDBSuccess
            ? DUCKDB_PENDING_RESULT_NOT_READY
            : DUCKDB_PENDING_ERROR;
    while (state == DUCKDB_PENDING_RESULT_NOT_READY || state == DUCKDB_PENDING_NO_TASKS_AVAILABLE) {
        if (store_scan_stopped(scan)) {
            duckdb_interrupt(scan->connection); /* its tasks then end with an error */
        }
        if (state == DUCKDB_PENDING_NO_TASKS_AVAILABLE) {
            usleep(WAIT_US);
        }
        state = duckdb_pending_execute_task(pending);
    }
    if (state == DUCKDB_PENDING_ERROR) {
        code = failed(scan, duckdb_pending_error(pending), err);
    } else if (duckdb_execute_pending(pending, out) != DuckDBSuccess) {
        code = failed(scan, duckdb_result_error(out), err);
        duckdb_destroy_result(out);
    }
    duckdb_destroy_pending(&pending);
    return code;
}

static struct str value_at(duckdb_vector vector, idx_t row)
{
    uint64_t *const validity = duckdb_vector_get_validity(vector);
    if (validity != NULL && !duckdb_validity_row_is_valid(validity, row)) {
        return (struct str){0};
    }
    duckdb_string_t *const text = (duckdb_string_t *)duckdb_vector_get_data(vector) + row;
    return (struct str){duckdb_string_t_data(text), duckdb_string_t_length(*text)};
}

static enum errc hand_over(duckdb_data_chunk chunk, size_t column_count, store_scan_row *row,
                           void *context, struct err *err)
{
    struct str values[STORE_SCAN_COLUMNS_MAX];
    const idx_t row_count = duckdb_data_chunk_get_size(chunk);
    enum errc code = ERR_OK;
    for (idx_t i = 0; i < row_count && code == ERR_OK; i++) {
        for (size_t c = 0; c < column_count; c++) {
            values[c] = value_at(duckdb_data_chunk_get_vector(chunk, c), i);
        }
        code = row(context, values, column_count, err);
    }
    return code;
}

static enum errc drain(struct store_scan *scan, duckdb_result *result, store_scan_row *row,
                       void *context, struct err *err)
{
    const size_t column_count = duckdb_column_count(result);
    if (column_count > STORE_SCAN_COLUMNS_MAX) {
        return err_set(err, ERR_LIMIT, "%zu columns; at most %d are read", column_count,
                       STORE_SCAN_COLUMNS_MAX);
    }
    for (size_t c = 0; c < column_count && row != NULL; c++) {
        if (duckdb_column_type(result, c) != DUCKDB_TYPE_VARCHAR) {
            return err_set(err, ERR_SYNTAX, "column %zu of the query is not text", c + 1);
        }
    }
    enum errc code = ERR_OK;
    while (code == ERR_OK) {
        duckdb_data_chunk chunk = duckdb_fetch_chunk(*result);
        if (chunk == NULL) {
            break;
        }
        if (row != NULL) {
            code = hand_over(chunk, column_count, row, context, err);
        }
        duckdb_destroy_data_chunk(&chunk);
        if (code == ERR_OK && store_scan_stopped(scan)) {
            code = err_set(err, ERR_INTERRUPTED, "interrupted while reading");
        }
    }
    const char *const message = code == ERR_OK ? duckdb_result_error(result) : NULL;
    return message != NULL ? failed(scan, message, err) : code;
}

static enum errc run(struct store_scan *scan, struct str sql, duckdb_statement_type type,
                     store_scan_row *row, void *context, struct err *err)
{
    duckdb_prepared_statement prepared = NULL;
    enum errc code = prepare(scan, sql, type, &prepared, err);
    if (code != ERR_OK) {
        return code;
    }
    duckdb_result result;
    code = start(scan, prepared, &result, err);
    if (code == ERR_OK) {
        code = drain(scan, &result, row, context, err);
        duckdb_destroy_result(&result);
    }
    duckdb_destroy_prepare(&prepared);
    return code;
}

enum errc store_scan_query(struct store_scan *scan, struct str sql, store_scan_row *row,
                           void *context, struct err *err)
{
    CHECK(scan != NULL);
    CHECK(row != NULL);
    return run(scan, sql, DUCKDB_STATEMENT_TYPE_SELECT, row, context, err);
}

enum errc store_scan_check(struct store_scan *scan, struct str sql, struct err *err)
{
    CHECK(scan != NULL);
    duckdb_prepared_statement prepared = NULL;
    const enum errc code = prepare(scan, sql, DUCKDB_STATEMENT_TYPE_SELECT, &prepared, err);
    duckdb_destroy_prepare(&prepared);
    return code;
}

enum errc store_scan_run(struct store_scan *scan, struct str sql, struct err *err)
{
    return run(scan, sql, DUCKDB_STATEMENT_TYPE_INVALID, NULL, NULL, err);
}

/* Settings, then the two that close the door behind them. */
static enum errc lock_down(struct store_scan *scan, const struct store_scan_options *options,
                           struct err *err)
{
    static const char *const fixed[] = {
        "SET temp_directory = ''",
        "SET TimeZone = 'UTC'",
        "SET preserve_insertion_order = true",
        "SET autoinstall_known_extensions = false",
        "SET autoload_known_extensions = false",
    };
    static const char *const doors[] = {
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    };
    enum errc code = ERR_OK;
    for (size_t i = 0; i < COUNT_OF(fixed) && code == ERR_OK; i++) {
        code = store_scan_run(scan, str_from(fixed[i]), err);
    }
    struct text *sql = &scan->sql;
    text_clear(sql);
    text_format(sql, "SET threads = %d", options->thread_count);
    code = code == ERR_OK ? store_scan_run(scan, text_str(sql), err) : code;
    text_clear(sql);
    text_format(sql, "SET memory_limit = '%lldB'", (long long)options->memory_bytes_max);
    code = code == ERR_OK ? store_scan_run(scan, text_str(sql), err) : code;
    text_clear(sql);
    text_format(sql, "SET %s = [", options->root_is_file ? "allowed_paths" : "allowed_directories");
    store_scan_quote_text(sql, options->root);
    text_add(sql, STR("]"));
    code = code == ERR_OK ? store_scan_run(scan, text_str(sql), err) : code;
    for (size_t i = 0; i < COUNT_OF(doors) && code == ERR_OK; i++) {
        code = store_scan_run(scan, str_from(doors[i]), err);
    }
    return code;
}

enum errc store_scan_open(const struct store_scan_options *options, struct arena *arena,
                          struct store_scan **out, struct err *err)
{
    CHECK(options != NULL);
    CHECK(options->memory_bytes_max >= (int64_t)64 << 20);
    CHECK(options->thread_count >= 1);
    CHECK(out != NULL);

    struct store_scan *scan = arena_new(arena, struct store_scan, 1);
    if (scan == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left to open a reader of tables");
    }
    scan->arena = arena;
    scan->stop = options->stop;
    scan->memory_bytes_max = options->memory_bytes_max;
    text_init(&scan->sql, STORE_SCAN_SQL_BYTES_MAX);
    enum errc code = ERR_OK;
    if (duckdb_open(NULL, &scan->database) != DuckDBSuccess ||
        duckdb_connect(scan->database, &scan->connection) != DuckDBSuccess) {
        code = err_set(err, ERR_STORE, "DuckDB did not open a database in memory");
    }
    if (code == ERR_OK) {
        code = lock_down(scan, options, err);
    }
    if (code != ERR_OK) {
        store_scan_close(&scan);
        return code;
    }
    *out = scan;
    return ERR_OK;
}

void store_scan_close(struct store_scan **scan)
{
    CHECK(scan != NULL);
    if (*scan != NULL) {
        duckdb_disconnect(&(*scan)->connection);
        duckdb_close(&(*scan)->database);
        text_deinit(&(*scan)->sql);
        *scan = NULL;
    }
}
