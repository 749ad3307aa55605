#include "base/check.h"
#include "store/scan_priv.h"

void store_scan_quote_name(struct text *out, struct str name)
{
    text_char(out, '"');
    for (size_t i = 0; i < name.size; i++) {
        text_repeat(out, name.data[i], name.data[i] == '"' ? 2 : 1);
    }
    text_char(out, '"');
}

void store_scan_quote_text(struct text *out, struct str text)
{
    text_char(out, '\'');
    for (size_t i = 0; i < text.size; i++) {
        text_repeat(out, text.data[i], text.data[i] == '\'' ? 2 : 1);
    }
    text_char(out, '\'');
}

bool store_scan_format(struct str path, enum store_scan_format *out)
{
    static const struct {
        struct str end;
        enum store_scan_format format;
    } ends[] = {
        {STR_STATIC(".csv"), STORE_SCAN_CSV},         {STR_STATIC(".tsv"), STORE_SCAN_CSV},
        {STR_STATIC(".csv.gz"), STORE_SCAN_CSV},      {STR_STATIC(".tsv.gz"), STORE_SCAN_CSV},
        {STR_STATIC(".jsonl"), STORE_SCAN_JSONL},     {STR_STATIC(".ndjson"), STORE_SCAN_JSONL},
        {STR_STATIC(".jsonl.gz"), STORE_SCAN_JSONL},  {STR_STATIC(".ndjson.gz"), STORE_SCAN_JSONL},
        {STR_STATIC(".parquet"), STORE_SCAN_PARQUET},
    };
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        if (str_ends_with(path, ends[i].end)) {
            *out = ends[i].format;
            return true;
        }
    }
    return false;
}

static enum errc too_long(struct err *err)
{
    return err_set(err, ERR_LIMIT, "the query is longer than %d bytes", STORE_SCAN_SQL_BYTES_MAX);
}

/* What every text file is read with: nothing is guessed, and what cannot be read is told. */
static void add_reader(struct text *sql, struct str path)
{
    text_add(sql, STR("read_csv("));
    store_scan_quote_text(sql, path);
    text_format(sql, ", auto_detect = false, store_rejects = true, max_line_size = %d, columns = {",
                STORE_SCAN_LINE_BYTES_MAX);
}

static void add_compression(struct text *sql, struct str path)
{
    text_format(sql, ", compression = '%s')", str_ends_with(path, STR(".gz")) ? "gzip" : "none");
}

static enum errc add_csv(struct store_scan *scan, const struct store_scan_file *file, bool numbered,
                         struct err *err)
{
    struct str names[STORE_SCAN_COLUMNS_MAX];
    size_t count = 0;
    char delimiter = ',';
    const enum errc code = store_scan_header(scan, file, &delimiter, names, &count, err);
    if (code != ERR_OK) {
        return code;
    }
    struct text *sql = &scan->sql;
    text_add(sql, STR("SELECT "));
    text_add(sql, numbered ? STR("1 + row_number() OVER () AS \"" STORE_SCAN_LINE "\", * FROM ")
                           : STR("* FROM "));
    add_reader(sql, file->path);
    for (size_t i = 0; i < count; i++) {
        text_add(sql, i > 0 ? STR(", ") : STR(""));
        store_scan_quote_text(sql, names[i]);
        text_add(sql, STR(": 'VARCHAR'"));
    }
    text_add(sql, STR("}, header = true, quote = '\"', escape = '\"', delim = "));
    store_scan_quote_text(sql, (struct str){&delimiter, 1});
    add_compression(sql, file->path);
    return ERR_OK;
}

/* The lines of a JSONL file, as columns n (from 1) and l. */
static void add_json_lines(struct text *out, struct str path)
{
    text_add(out, STR("SELECT row_number() OVER () AS n, l FROM "));
    add_reader(out, path);
    /* A control character separates nothing in JSON, where it may not stand unescaped. */
    text_add(out, STR("'l': 'VARCHAR'}, header = false, quote = '', escape = '', delim = chr(1)"));
    add_compression(out, path);
}

struct names {
    struct arena *arena;
    struct str rows[STORE_SCAN_COLUMNS_MAX];
    size_t count;
};

static enum errc keep_name(void *context, const struct str *values, size_t count, struct err *err)
{
    struct names *names = context;
    CHECK(count == 1);
    if (names->count == STORE_SCAN_COLUMNS_MAX) {
        return err_set(err, ERR_LIMIT, "more than %d columns", STORE_SCAN_COLUMNS_MAX);
    }
    for (size_t i = 0; i < names->count; i++) {
        if (str_equal_fold(names->rows[i], values[0])) {
            return err_set(err, ERR_SYNTAX,
                           "has the keys \"" STR_FORMAT "\" and \"" STR_FORMAT
                           "\", which SQL does not tell apart; rename one",
                           STR_ARG(names->rows[i]), STR_ARG(values[0]));
        }
    }
    names->rows[names->count] = arena_copy(names->arena, values[0]);
    if (names->rows[names->count++].data == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for the names of columns");
    }
    return ERR_OK;
}

/* Keys of all objects of the file, in order of appearance. */
static enum errc json_names(struct store_scan *scan, struct str path, struct names *names,
                            struct err *err)
{
    struct text sql;
    text_init(&sql, STORE_SCAN_SQL_BYTES_MAX);
    text_add(&sql, STR("SELECT k FROM (SELECT n, unnest(CASE WHEN " STORE_SCAN_IS_OBJECT
                       " THEN json_keys(l) END) AS k FROM ("));
    add_json_lines(&sql, path);
    text_add(&sql, STR(")) GROUP BY k ORDER BY min(n), k"));
    enum errc code = store_scan_query(scan, text_str(&sql), keep_name, names, err);
    text_deinit(&sql);
    if (code == ERR_OK && names->count == 0) {
        code = err_set(err, ERR_SYNTAX, "holds no line that is a JSON object with keys");
    }
    if (code != ERR_OK) {
        err_prefix(err, STR_FORMAT ": ", STR_ARG(path));
    }
    return code;
}

/* A JSON pointer: "/a~1b". */
static void add_pointer(struct text *sql, struct str name)
{
    struct text pointer;
    text_init(&pointer, STORE_SCAN_SQL_BYTES_MAX);
    text_char(&pointer, '/');
    for (size_t i = 0; i < name.size; i++) {
        const char c = name.data[i];
        text_add(&pointer, c == '~' ? STR("~0") : c == '/' ? STR("~1") : (struct str){&c, 1});
    }
    store_scan_quote_text(sql, text_str(&pointer));
    text_deinit(&pointer);
}

static enum errc remember_jsonl(struct store_scan *scan, struct str path, struct err *err)
{
    for (size_t i = 0; i < scan->jsonl.count; i++) {
        if (str_equal(scan->jsonl.rows[i], path)) {
            return ERR_OK;
        }
    }
    const struct str copy = arena_copy(scan->arena, path);
    const size_t at = copy.data != NULL ? arena_push(scan->arena, &scan->jsonl) : SIZE_MAX;
    if (at == SIZE_MAX) {
        return err_set(err, ERR_LIMIT, "no memory left for the names of files");
    }
    scan->jsonl.rows[at] = copy;
    return ERR_OK;
}

static enum errc add_jsonl(struct store_scan *scan, const struct store_scan_file *file,
                           bool numbered, struct err *err)
{
    struct names names = {.arena = scan->arena};
    enum errc code = store_scan_whole(scan, file->path, err);
    if (code == ERR_OK) {
        code = json_names(scan, file->path, &names, err);
    }
    if (code == ERR_OK) {
        code = remember_jsonl(scan, file->path, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    struct text *sql = &scan->sql;
    text_add(sql, numbered ? STR("SELECT n AS \"" STORE_SCAN_LINE "\"") : STR("SELECT "));
    for (size_t i = 0; i < names.count; i++) {
        text_add(sql, i > 0 || numbered ? STR(", ") : STR(""));
        text_format(sql, "v[%zu] AS ", i + 1);
        store_scan_quote_name(sql, names.rows[i]);
    }
    text_add(sql, STR(" FROM (SELECT n, json_extract_string(l, ["));
    for (size_t i = 0; i < names.count; i++) {
        text_add(sql, i > 0 ? STR(", ") : STR(""));
        add_pointer(sql, names.rows[i]);
    }
    text_add(sql, STR("]) AS v FROM ("));
    add_json_lines(sql, file->path);
    text_add(sql, STR(") WHERE " STORE_SCAN_IS_OBJECT ")"));
    return ERR_OK;
}

static void add_parquet(struct text *sql, const struct store_scan_file *file, bool numbered)
{
    text_add(sql, numbered ? STR("SELECT file_row_number + 1 AS \"" STORE_SCAN_LINE
                                 "\", * EXCLUDE (file_row_number) FROM read_parquet(")
                           : STR("SELECT * FROM read_parquet("));
    store_scan_quote_text(sql, file->path);
    text_add(sql, numbered ? STR(", file_row_number = true)") : STR(")"));
}

static void start_view(struct text *sql, struct str name)
{
    text_clear(sql);
    text_add(sql, STR("CREATE OR REPLACE VIEW "));
    store_scan_quote_name(sql, name);
    text_add(sql, STR(" AS "));
}

static enum errc finish_view(struct store_scan *scan, struct err *err)
{
    return text_is_full(&scan->sql) ? too_long(err)
                                    : store_scan_run(scan, text_str(&scan->sql), err);
}

enum errc store_scan_add(struct store_scan *scan, struct str name,
                         const struct store_scan_file *files, size_t count, bool numbered,
                         struct err *err)
{
    CHECK(scan != NULL);
    CHECK(count > 0);

    start_view(&scan->sql, name);
    enum errc code = ERR_OK;
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        text_add(&scan->sql, i > 0 ? STR(" UNION ALL BY NAME ") : STR(""));
        switch (files[i].format) {
        case STORE_SCAN_CSV:
            code = add_csv(scan, &files[i], numbered, err);
            break;
        case STORE_SCAN_JSONL:
            code = add_jsonl(scan, &files[i], numbered, err);
            break;
        case STORE_SCAN_PARQUET:
            add_parquet(&scan->sql, &files[i], numbered);
            break;
        }
    }
    if (code != ERR_OK) {
        return code;
    }
    code = finish_view(scan, err);
    if (code != ERR_OK) {
        err_prefix(err, STR_FORMAT ": ", STR_ARG(files[0].path));
    }
    return code;
}

enum errc store_scan_add_query(struct store_scan *scan, struct str name, struct str sql,
                               struct err *err)
{
    const enum errc code = store_scan_check(scan, sql, err);
    if (code != ERR_OK) {
        return code;
    }
    start_view(&scan->sql, name);
    text_add(&scan->sql, sql);
    return finish_view(scan, err);
}

enum errc store_scan_columns(struct store_scan *scan, struct str name, const struct str **out,
                             size_t *out_count, struct err *err)
{
    CHECK(out != NULL);
    CHECK(out_count != NULL);

    struct names *names = arena_new(scan->arena, struct names, 1);
    if (names == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for the names of columns");
    }
    names->arena = scan->arena;
    text_clear(&scan->sql);
    text_add(&scan->sql, STR("SELECT column_name FROM duckdb_columns() WHERE table_name = "));
    store_scan_quote_text(&scan->sql, name);
    text_add(&scan->sql, STR(" AND column_name <> '" STORE_SCAN_LINE "' ORDER BY column_index"));
    const enum errc code = store_scan_query(scan, text_str(&scan->sql), keep_name, names, err);
    if (code == ERR_OK) {
        *out = names->rows;
        *out_count = names->count;
    }
    return code;
}

static enum errc json_rejects(struct store_scan *scan, struct str path, store_scan_row *row,
                              void *context, struct err *err)
{
    struct text sql;
    text_init(&sql, STORE_SCAN_SQL_BYTES_MAX);
    text_add(&sql, STR("SELECT "));
    store_scan_quote_text(&sql, path);
    text_add(&sql, STR(", CAST(n AS VARCHAR), 'is not a JSON object' FROM ("));
    add_json_lines(&sql, path);
    text_add(&sql, STR(") WHERE trim(l) <> '' AND NOT " STORE_SCAN_IS_OBJECT));
    const enum errc code = store_scan_query(scan, text_str(&sql), row, context, err);
    text_deinit(&sql);
    return code;
}

static enum errc see_row(void *context, const struct str *values, size_t count, struct err *err)
{
    (void)values;
    (void)err;
    CHECK(count == 1);
    *(bool *)context = true;
    return ERR_OK;
}

enum errc store_scan_rejects(struct store_scan *scan, store_scan_row *row, void *context,
                             struct err *err)
{
    CHECK(scan != NULL);
    CHECK(row != NULL);

    enum errc code = ERR_OK;
    for (size_t i = 0; i < scan->jsonl.count && code == ERR_OK; i++) {
        code = json_rejects(scan, scan->jsonl.rows[i], row, context, err);
    }
    bool any = false; /* DuckDB makes the tables when it first rejects a line */
    code = code == ERR_OK
               ? store_scan_query(scan,
                                  STR("SELECT table_name FROM duckdb_tables() WHERE table_name = "
                                      "'reject_errors'"),
                                  see_row, &any, err)
               : code;
    if (code != ERR_OK || !any) {
        return code;
    }
    return store_scan_query(scan,
                            STR("SELECT s.file_path, CAST(e.line AS VARCHAR), min(e.error_message) "
                                "FROM reject_errors e JOIN reject_scans s USING (scan_id, file_id) "
                                "GROUP BY s.file_path, e.line ORDER BY s.file_path, e.line"),
                            row, context, err);
}
