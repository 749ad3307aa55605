/* Business figures: from one file, and into the ledger, each figure of a time once. */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "ingest/ingest_priv.h"
#include "ingest/table_priv.h"

static const struct ingest_sheet kpis = {
    .what = "business figures",
    .names = "workflow, name, unit, series, at, value",
    .known =
        {
            {STR_STATIC("workflow"), TABLE_KPI_WORKFLOW},
            {STR_STATIC("name"), TABLE_KPI_NAME},
            {STR_STATIC("kpi"), TABLE_KPI_NAME},
            {STR_STATIC("unit"), TABLE_KPI_UNIT},
            {STR_STATIC("series"), TABLE_KPI_SERIES},
            {STR_STATIC("at"), TABLE_KPI_AT},
            {STR_STATIC("date"), TABLE_KPI_AT},
            {STR_STATIC("value"), TABLE_KPI_VALUE},
        },
    .wanted = {{TABLE_KPI_NAME, "name or kpi"},
               {TABLE_KPI_AT, "at or date"},
               {TABLE_KPI_VALUE, "value"}},
    .workflow = TABLE_KPI_WORKFLOW,
    .records = {TABLE_KPI},
    .record_count = 1,
};

enum errc ingest_kpis(const struct ingest_table *options, struct ingest_table_counts *out,
                      struct err *err)
{
    CHECK(options != NULL);
    return ingest_sheet(&kpis, options, out, err);
}

/* Columns of QUERY_corrected_kpis. */
enum { OLD_WORKFLOW, OLD_NAME, OLD_SERIES, OLD_AT, OLD_VALUE, OLD_NEW, OLD_COUNT };

static void say_correction(struct ingest_summary *summary, const struct store_result *old,
                           size_t row)
{
    if (summary->corrections_shown == INGEST_CORRECTIONS_SHOWN_MAX) {
        return;
    }
    struct ingest_reject *const out = &summary->corrections[summary->corrections_shown++];
    char date[CLOCK_TEXT_BYTES_MAX];
    const struct str workflow = store_text(old, row, OLD_WORKFLOW);
    const struct str series = store_text(old, row, OLD_SERIES);
    clock_print(store_int64(old, row, OLD_AT, 0), date);
    snprintf(out->text, sizeof out->text,
             STR_FORMAT " of " STR_FORMAT "%s" STR_FORMAT ", %s: was %g, is now %g",
             STR_ARG(store_text(old, row, OLD_NAME)),
             STR_ARG(workflow.size > 0 ? workflow : STR("the whole company")),
             series.size > 0 ? ", " : "", STR_ARG(series), date, store_real(old, row, OLD_VALUE, 0),
             store_real(old, row, OLD_NEW, 0));
}

enum errc ingest_write_kpis(struct ingest *ingest, int64_t *out_changed, struct err *err)
{
    struct group *const group = &ingest->group;
    struct ingest_summary *const summary = &ingest->summary;
    const size_t count = group->kpis.count;
    CHECK(out_changed != NULL);
    *out_changed = 0;
    if (count == 0) {
        return ERR_OK;
    }
    for (size_t i = 0; i < count; i++) {
        group->kpis.rows[i].import_id = ingest->next_import;
    }
    struct store_result old = {0};
    enum errc code = store_stage(ingest->store, LEDGER_kpis, group->kpis.rows, count, err);
    if (code == ERR_OK) {
        code = store_run(ingest->store, QUERY_corrected_kpis, NULL, 0, &group->arena, &old, err);
    }
    if (code == ERR_OK && old.rows > 0) {
        code = store_execute(ingest->store, QUERY_forget_corrected_kpis, NULL, 0, NULL, err);
    }
    int64_t written = 0;
    if (code == ERR_OK) {
        code = store_execute(ingest->store, QUERY_add_staged_kpis, NULL, 0, &written, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    const int64_t corrected = old.rows > 0 ? store_int64(&old, 0, OLD_COUNT, 0) : 0;
    for (size_t i = 0; i < old.rows; i++) {
        say_correction(summary, &old, i);
    }
    summary->kpis_corrected += corrected;
    summary->kpis_added += written - corrected;
    summary->kpis_known += (int64_t)count - written;
    *out_changed = written;
    return ERR_OK;
}
