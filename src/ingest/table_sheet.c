/* Files without a map: columns by well-known names (struct ingest_sheet). */
#include "base/check.h"
#include "ingest/table_priv.h"
#include "wire/table_value.h"

static enum errc take_column(const struct ingest_sheet *sheet, struct table *table, struct str path,
                             struct str column, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(sheet->known) && sheet->known[i].name.size > 0; i++) {
        if (!str_equal_fold(str_trim(column), sheet->known[i].name)) {
            continue;
        }
        struct table_field *field = &table->fields[sheet->known[i].field];
        if (field->origin != TABLE_ABSENT) {
            return err_set(err, ERR_SYNTAX,
                           STR_FORMAT ": the columns \"" STR_FORMAT "\" and \"" STR_FORMAT
                                      "\" mean the same; leave one out",
                           STR_ARG(path), STR_ARG(field->text), STR_ARG(column));
        }
        *field = (struct table_field){
            .origin = TABLE_COLUMN,
            .type = table_field_type(sheet->known[i].field),
            .text = column,
            .unit = table_unit_default(sheet->known[i].field),
            .value = table->value_count++,
        };
    }
    return ERR_OK;
}

static enum errc want_column(const struct ingest_sheet *sheet, const struct table *table,
                             enum table_name name, struct str path, const char *names,
                             struct err *err)
{
    if (table->fields[name].origin != TABLE_ABSENT) {
        return ERR_OK;
    }
    return err_set(err, ERR_SYNTAX,
                   STR_FORMAT ": has no column called %s; columns may be called %s, or be named in "
                              "a map (--map)",
                   STR_ARG(path), names, sheet->names);
}

static enum errc find_columns(const struct ingest_sheet *sheet, struct ingest_run *run,
                              struct table *table, struct str path, struct err *err)
{
    const struct str *columns = NULL;
    size_t count = 0;
    enum errc code = store_scan_columns(run->scan, STR(INGEST_TABLE_VIEW), &columns, &count, err);
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        code = take_column(sheet, table, path, columns[i], err);
    }
    for (size_t i = 0; i < COUNT_OF(sheet->wanted) && code == ERR_OK; i++) {
        if (sheet->wanted[i].names != NULL) {
            code = want_column(sheet, table, sheet->wanted[i].field, path, sheet->wanted[i].names,
                               err);
        }
    }
    if (code == ERR_OK && run->options->workflow.size == 0) {
        code = want_column(sheet, table, sheet->workflow, path,
                           "workflow, and --workflow names none either", err);
    }
    return code;
}

enum errc ingest_sheet(const struct ingest_sheet *sheet, const struct ingest_table *options,
                       struct ingest_table_counts *out, struct err *err)
{
    CHECK(sheet != NULL);
    CHECK(options != NULL);
    CHECK(out != NULL);
    if (options->map != NULL) {
        return ingest_table(options, out, err);
    }
    struct ingest_run run;
    struct store_scan_file file;
    enum errc code = ingest_run_open(&run, options, err);
    if (code != ERR_OK) {
        return code;
    }
    if (!run.place.is_file) {
        code = err_set(err, ERR_UNSUPPORTED, "%s: is a folder; name one file of %s", options->data,
                       sheet->what);
    }
    struct table *table = arena_new(&run.arena, struct table, 1);
    if (code == ERR_OK && table == NULL) {
        code = err_set(err, ERR_LIMIT, "no memory left to read %s", sheet->what);
    }
    if (code == ERR_OK) {
        for (size_t i = 0; i < sheet->record_count; i++) {
            table->has[sheet->records[i]] = true;
        }
        code = ingest_place_file(&run.place, TABLE_BY_NAME, &file, err);
    }
    if (code == ERR_OK) {
        code = store_scan_add(run.scan, STR(INGEST_TABLE_VIEW), &file, 1, true, err);
    }
    const struct str name = ingest_place_name(&run.place, run.place.root);
    if (code == ERR_OK) {
        code = find_columns(sheet, &run, table, name, err);
    }
    if (code == ERR_OK) {
        if (sheet->no_word != NULL) {
            table->fields[sheet->word_field].words = sheet->no_word;
            table->fields[sheet->word_field].word_count = 1;
        }
        code = ingest_run_rows(&run, table, name, err);
    }
    if (code == ERR_OK) {
        code = ingest_run_rejects(&run, err);
    }
    if (code == ERR_OK) {
        run.batch.counts.files = 1;
        *out = run.batch.counts;
    }
    ingest_run_close(&run);
    return code;
}
