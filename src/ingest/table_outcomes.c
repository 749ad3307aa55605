#include "base/check.h"
#include "ingest/table_priv.h"

/* Here a row without a status says nothing, which somebody should know; in a map it is an open
 * case. */
static const struct table_word no_status = {STR_STATIC(""), STR_STATIC("(missing)")};

static const struct ingest_sheet outcomes = {
    .what = "outcomes",
    .names = "id, workflow, case, status, value, minutes, at, recorded_at, quality, source, "
             "reference",
    .known =
        {
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
        },
    .wanted = {{TABLE_CASE_ID, "case or case_id"}, {TABLE_OUTCOME_STATUS, "status or outcome"}},
    .workflow = TABLE_CASE_WORKFLOW,
    .records = {TABLE_CASE, TABLE_OUTCOME},
    .record_count = 2,
    .no_word = &no_status,
    .word_field = TABLE_OUTCOME_STATUS,
};

const struct ingest_sheet *ingest_outcome_sheet(void)
{
    CHECK(outcomes.record_count > 0);
    return &outcomes;
}

enum errc ingest_outcomes(const struct ingest_table *options, struct ingest_table_counts *out,
                          struct err *err)
{
    CHECK(options != NULL);
    return ingest_sheet(&outcomes, options, out, err);
}
