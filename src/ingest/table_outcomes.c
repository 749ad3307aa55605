#include "base/check.h"
#include "ingest/table_priv.h"
#include "wire/table_value.h"

/* What the columns of an outcome file may be called. */
static const struct {
    struct str name;
    enum table_name field;
} known[] = {
    {STR_STATIC("id"), TABLE_OUTCOME_ID},
    {STR_STATIC("outcome_id"), TABLE_OUTCOME_ID},
    {STR_STATIC("workflow"), TABLE_CASE_WORKFLOW},
    {STR_STATIC("case"), TABLE_CASE_ID},
    {STR_STATIC("case_id"), TABLE_CASE_ID},
    {STR_STATIC("input_key"), TABLE_CASE_INPUT_KEY},
    {STR_STATIC("status"), TABLE_OUTCOME_STATUS},
    {STR_STATIC("outcome"), TABLE_OUTCOME_STATUS},
    {STR_STATIC("value"), TABLE_OUTCOME_VALUE},
    {STR_STATIC("value_usd"), TABLE_OUTCOME_VALUE},
    {STR_STATIC("minutes"), TABLE_OUTCOME_HUMAN},
    {STR_STATIC("human_minutes"), TABLE_OUTCOME_HUMAN},
    {STR_STATIC("at"), TABLE_OUTCOME_AT},
    {STR_STATIC("effective_at"), TABLE_OUTCOME_AT},
    {STR_STATIC("recorded_at"), TABLE_OUTCOME_RECORDED_AT},
    {STR_STATIC("quality"), TABLE_OUTCOME_QUALITY},
    {STR_STATIC("source"), TABLE_OUTCOME_SOURCE},
    {STR_STATIC("reference"), TABLE_OUTCOME_REFERENCE},
};

static enum errc take_column(struct table *table, struct str path, struct str column,
                             struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (!str_equal_fold(str_trim(column), known[i].name)) {
            continue;
        }
        struct table_field *field = &table->fields[known[i].field];
        if (field->origin != TABLE_ABSENT) {
            return err_set(err, ERR_SYNTAX,
                           STR_FORMAT ": the columns \"" STR_FORMAT "\" and \"" STR_FORMAT
                                      "\" mean the same; leave one out",
                           STR_ARG(path), STR_ARG(field->text), STR_ARG(column));
        }
        *field = (struct table_field){
            .origin = TABLE_COLUMN,
            .type = table_field_type(known[i].field),
            .text = column,
            .unit = table_unit_default(known[i].field),
            .value = table->value_count++,
        };
    }
    return ERR_OK;
}

static enum errc want_column(const struct table *table, enum table_name name, struct str path,
                             const char *names, struct err *err)
{
    if (table->fields[name].origin != TABLE_ABSENT) {
        return ERR_OK;
    }
    return err_set(err, ERR_SYNTAX,
                   STR_FORMAT
                   ": has no column called %s; columns may be called id, workflow, case, "
                   "status, value, minutes, at, recorded_at, quality, source, reference, or be "
                   "named in a map (--map)",
                   STR_ARG(path), names);
}

static enum errc find_columns(struct ingest_run *run, struct table *table, struct str path,
                              struct err *err)
{
    const struct str *columns = NULL;
    size_t count = 0;
    enum errc code = store_scan_columns(run->scan, STR(INGEST_TABLE_VIEW), &columns, &count, err);
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        code = take_column(table, path, columns[i], err);
    }
    if (code == ERR_OK) {
        code = want_column(table, TABLE_CASE_ID, path, "case or case_id", err);
    }
    if (code == ERR_OK) {
        code = want_column(table, TABLE_OUTCOME_STATUS, path, "status or outcome", err);
    }
    if (code == ERR_OK && run->options->workflow.size == 0) {
        code = want_column(table, TABLE_CASE_WORKFLOW, path,
                           "workflow, and --workflow names none either", err);
    }
    return code;
}

/* Here a row without a status says nothing, which somebody should know; in a map it is an open
 * case. */
static const struct table_word no_status = {STR_STATIC(""), STR_STATIC("(missing)")};

enum errc ingest_outcomes(const struct ingest_table *options, struct ingest_table_counts *out,
                          struct err *err)
{
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
        code = err_set(err, ERR_UNSUPPORTED, "%s: is a folder; name one file of outcomes",
                       options->data);
    }
    struct table *table = arena_new(&run.arena, struct table, 1);
    if (code == ERR_OK && table == NULL) {
        code = err_set(err, ERR_LIMIT, "no memory left to read outcomes");
    }
    if (code == ERR_OK) {
        table->has[TABLE_CASE] = true;
        table->has[TABLE_OUTCOME] = true;
        code = ingest_place_file(&run.place, TABLE_BY_NAME, &file, err);
    }
    if (code == ERR_OK) {
        code = store_scan_add(run.scan, STR(INGEST_TABLE_VIEW), &file, 1, true, err);
    }
    const struct str name = ingest_place_name(&run.place, run.place.root);
    if (code == ERR_OK) {
        code = find_columns(&run, table, name, err);
    }
    if (code == ERR_OK) {
        table->fields[TABLE_OUTCOME_STATUS].words = &no_status;
        table->fields[TABLE_OUTCOME_STATUS].word_count = 1;
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
