/* table: maps over hostile and ordinary tables: what is refused says where; what is rejected is
 * counted; nothing collapses silently; batches do not change what a step is.
 * Small files written here; Parquet by DuckDB itself. */
#include "ingest/table.h"

#include <duckdb.h>
#include <stdio.h>

#include "support/table_fixture.h"
#include "support/test.h"

static struct fixture fixture;

#define MAP(fields)                                                                                \
    "tables:\n  - file: calls.csv\n    case: {id: case, workflow: {const: w}}\n"                   \
    "    attempt: {id: run}\n    step: {" fields "}\n"

/* Opening a database for each refused allocation takes a while: only two tests here do. */
static bool open_once(void)
{
    if (!test_is_refusing()) {
        fixture_open(&fixture);
        return true;
    }
    return false;
}

static void a_column_that_is_not_there_is_refused_with_those_that_are(void)
{
    if (!open_once()) {
        return;
    }
    fixture_write_text(&fixture, "calls.csv", "Case,run,price\nc1,r1,0.5\n");
    const enum errc code = fixture_import(&fixture, MAP("cost: cost_usd"));
    const bool ok =
        code == ERR_CONFIG && fixture_says(&fixture, "map.yaml:5: tables[0].step.cost: no column "
                                                     "\"cost_usd\"; there are: Case, run, price");
    fixture_close(&fixture);
    EXPECT(ok);
}

static void an_expression_duckdb_refuses_is_named(void)
{
    if (!open_once()) {
        return;
    }
    fixture_write_text(&fixture, "calls.csv", "case,run,price\nc1,r1,0.5\n");
    bool ok =
        fixture_import(&fixture, MAP("cost: price, model: {sql: 'upper(modl)'}")) == ERR_CONFIG &&
        fixture_says(&fixture, "map.yaml:5: tables[0].step.model: ") &&
        fixture_says(&fixture, "modl");
    ok = ok && fixture_import(&fixture, "tables:\n  - file: calls.csv\n    where: pric > 1\n    "
                                        "case: {id: case}\n") == ERR_CONFIG;
    ok = ok && fixture_says(&fixture, "map.yaml:3: tables[0].where: ");
    ok = ok && fixture_import(&fixture, "tables:\n  - name: x\n    from: SELEC 1\n    case: {id: "
                                        "case}\n") == ERR_CONFIG;
    ok = ok && fixture_says(&fixture, "map.yaml:3: tables[0].from: ");
    fixture_close(&fixture);
    EXPECT(ok);
}

static void files_that_are_not_there_are_named(void)
{
    if (!open_once()) {
        return;
    }
    fixture_write_text(&fixture, "other.csv", "case,run\nc,r\n");
    bool ok = fixture_import(&fixture, MAP("model: m")) == ERR_CONFIG &&
              fixture_says(&fixture, "no file called calls.csv in ");
    fixture.options.data = "no/such/folder";
    ok = ok && fixture_import(&fixture, MAP("model: m")) == ERR_NOT_FOUND;
    char path[FIXTURE_PATH_MAX];
    snprintf(path, sizeof path, "%.3000s/other.csv", fixture.folder);
    fixture.options.data = path;
    ok = ok && fixture_import(&fixture, MAP("model: m")) == ERR_NOT_FOUND &&
         fixture_says(&fixture, "no table for a file of this name");
    fixture.options.map = "no-such-map.yaml";
    ok = ok && ingest_table(&fixture.options, &fixture.counts, &fixture.err) == ERR_NOT_FOUND;
    fixture_close(&fixture);
    EXPECT(ok);
}

static void rows_that_cannot_be_read_are_rejected_and_the_rest_is_kept(void)
{
    if (!open_once()) {
        return;
    }
    fixture_write_text(&fixture, "calls.csv",
                       "case,run,tokens,cost,ts\n"
                       "c1,r1,10,0.5,2024-01-01\n"
                       ",r1,10,0.5,2024-01-01\n"
                       "c1,r1,-1,0.5,2024-01-01\n"
                       "c1,r1,10,NaN,2024-01-01\n"
                       "c1,r1,10,1e30,2024-01-01\n"
                       "c1,r1,10,0.5,tomorrow\n"
                       "c1,r1,10\n"
                       "c1,r1,,,\n");
    const enum errc code =
        fixture_import(&fixture, MAP("output_tokens: tokens, cost: cost, end: ts"));
    const struct trace *all = &fixture.all;
    const bool ok = code == ERR_OK && all->steps.count == 2 && all->rejected == 6 &&
                    all->lines == 8 && fixture.counts.rejected == 6 && fixture.counts.rows == 8 &&
                    fixture.counts.files == 1 &&
                    fixture_rejects(&fixture, 0, 3, "case.id: the row names no case") &&
                    fixture_rejects(&fixture, 1, 4, "step.output_tokens: \"-1\" is negative") &&
                    fixture_rejects(&fixture, 2, 5, "step.cost: \"NaN\"") &&
                    fixture_rejects(&fixture, 3, 6, "step.cost: ") &&
                    fixture_rejects(&fixture, 4, 7, "step.end: \"tomorrow\" is not a time") &&
                    fixture_rejects(&fixture, 5, 8, "Expected Number of Columns: 5 Found: 3") &&
                    strcmp(fixture.last_file, "calls.csv") == 0;
    const bool unknown = ok && !all->steps.rows[1].has_usage && !all->steps.rows[1].has_reported &&
                         all->steps.rows[1].ended_ns == TIME_UNKNOWN;
    fixture_close(&fixture);
    EXPECT(ok);
    EXPECT(unknown);
}

static void a_truncated_file_is_refused_before_anything_is_taken(void)
{
    if (!open_once()) {
        return;
    }
    fixture_write_gzip(&fixture, "calls.csv.gz", "case,run\nc1,r1\nc2,r2\nc3,r3\n", 10);
    const enum errc code = fixture_import(
        &fixture, "tables:\n  - file: calls.csv.gz\n    case: {id: case}\n    step: {name: run}\n");
    const bool ok = code == ERR_TRUNCATED && fixture.batches == 0;
    fixture_close(&fixture);
    EXPECT(ok);
}

static void lines_that_end_in_two_ways_are_refused_with_the_reason(void)
{
    if (!open_once()) {
        return;
    }
    fixture_write_text(&fixture, "calls.csv", "case,run\nc1,r1\r\nc2,r2\n");
    const enum errc code = fixture_import(&fixture, MAP("name: run"));
    const bool ok =
        code == ERR_SYNTAX && fixture_says(&fixture, "calls.csv: lines of the file end");
    fixture_close(&fixture);
    EXPECT(ok);
}

static void an_id_that_repeats_is_told_when_it_says_something_else(void)
{
    if (!open_once()) {
        return;
    }
    fixture_write_text(
        &fixture, "calls.csv",
        "case,run,id,cost\nc1,r1,m1,0.5\nc1,r1,m2,0.5\nc1,r1,m1,0.5\nc1,r1,m1,0.7\n");
    const enum errc code = fixture_import(&fixture, MAP("id: id, cost: cost"));
    const bool ok = code == ERR_OK && fixture.all.steps.count == 2 && fixture.all.rejected == 1 &&
                    fixture.counts.repeated == 1 &&
                    fixture_rejects(&fixture, 0, 5, "step.id: \"m1\" was on");
    fixture_close(&fixture);
    EXPECT(ok);
}

static void steps_without_an_id_never_swallow_each_other(void)
{
    if (!open_once()) {
        return;
    }
    fixture_write_text(&fixture, "calls.csv",
                       "case,run,n,tool\nc1,r1,7,ls\nc1,r1,7,ls\nc1,r1,7,cat\nc1,r2,7,ls\n");
    enum errc code = fixture_import(&fixture, MAP("name: tool"));
    const struct step *steps = fixture.all.steps.rows;
    bool ok = code == ERR_OK && fixture.all.steps.count == 4 && steps[0].sequence == 1 &&
              steps[1].sequence == 2 && steps[2].sequence == 3 && steps[3].sequence == 1;
    fixture.all = (struct trace){0};
    code = fixture_import(&fixture, MAP("name: tool, sequence: n"));
    steps = fixture.all.steps.rows;
    ok = ok && code == ERR_OK && fixture.all.steps.count == 4 && steps[0].sequence == 7 &&
         steps[0].identity.size == 0 && str_equal(steps[1].identity, STR("w/c1/r1/7/ls#2")) &&
         steps[2].identity.size == 0 && steps[3].identity.size == 0;
    fixture_close(&fixture);
    EXPECT(ok);
}

static void batches_do_not_change_what_a_step_is(void)
{
    if (!open_once()) {
        return;
    }
    fixture_write_text(&fixture, "calls.csv",
                       "case,run,tool\nc1,r1,a\nc1,r1,b\nc2,r1,c\nc1,r1,d\nc2,r1,e\n");
    fixture.options.batch_rows = 2;
    const enum errc code = fixture_import(&fixture, MAP("name: tool"));
    const struct step *steps = fixture.all.steps.rows;
    const bool ok = code == ERR_OK && fixture.batches == 3 && fixture.all.steps.count == 5 &&
                    steps[3].sequence == 3 && steps[4].sequence == 2 &&
                    fixture.all.cases.count == 4;
    fixture_close(&fixture);
    EXPECT(ok);
}

static void one_row_can_be_case_attempt_step_and_outcome(void)
{
    fixture_open(&fixture);
    fixture_write_text(&fixture, "calls.csv",
                       "case,run,task,cost,won,when,colour\n"
                       "c1,r1,t1,250,1,14/04/2024 17:58,red\nc2,r1,t1,300,,bad,\n"
                       "c3,r1,t1,300,0,,blue\n");
    const enum errc code = fixture_import(
        &fixture, "tables:\n  - file: '*.csv'\n"
                  "    case: {id: case, workflow: {sql: \"'w' || '1'\"}, input_key: task, "
                  "attributes: {colour: colour}}\n"
                  "    attempt: {id: run, succeeded: won}\n"
                  "    step: {cost: {column: cost, unit: cents}}\n"
                  "    outcome: {status: won, at: {column: when, format: '%d/%m/%Y %H:%M'}}\n");
    const struct trace *all = &fixture.all;
    const bool ok =
        code == ERR_OK && all->cases.count == 2 && all->outcomes.count == 2 && all->rejected == 1 &&
        fixture_rejects(&fixture, 0, 3, "outcome.at: \"? bad\"") &&
        str_equal(all->cases.rows[0].workflow, STR("w1")) &&
        str_equal(all->cases.rows[0].input_key, STR("t1")) &&
        all->cases.rows[0].attribute_count == 1 && all->cases.rows[1].attribute_count == 1 &&
        str_equal(all->cases.rows[1].attributes[0].value, STR("blue")) &&
        all->steps.rows[0].reported_pusd == INT64_C(2500000000000) &&
        all->outcomes.rows[0].status == OUTCOME_RESOLVED &&
        all->outcomes.rows[0].effective_ns == INT64_C(1713117480000000000) &&
        all->outcomes.rows[1].effective_ns == TIME_UNKNOWN && all->attempts.rows[0].has_succeeded &&
        all->attempts.rows[0].succeeded;
    fixture_close(&fixture);
    EXPECT(ok);
}

static void files_are_joined_by_a_select(void)
{
    fixture_open(&fixture);
    fixture_write_text(&fixture, "calls.csv", "run,n,cost\nr1,1,0.1\nr1,2,0.2\nr2,1,0.4\n");
    fixture_write_text(&fixture, "runs.jsonl",
                       "{\"run\":\"r1\",\"case\":\"c1\"}\nnot json\n"
                       "{\"run\":\"r2\",\"case\":\"c2\"}\n");
    const enum errc code = fixture_import(
        &fixture, "sources: {calls: calls.csv, runs: runs.jsonl}\n"
                  "tables:\n  - name: joined\n"
                  "    from: SELECT * FROM calls JOIN runs USING (run) ORDER BY run, n\n"
                  "    case: {id: case}\n    attempt: {id: run}\n"
                  "    step: {sequence: n, cost: cost}\n");
    const bool ok = code == ERR_OK && fixture.all.steps.count == 3 && fixture.all.rejected == 1 &&
                    fixture.counts.files == 2 &&
                    fixture.all.steps.rows[2].reported_pusd == 400000000000 &&
                    fixture_rejects(&fixture, 0, 2, "is not a JSON object") &&
                    strcmp(fixture.last_file, "runs.jsonl") == 0;
    fixture_close(&fixture);
    EXPECT(ok);
}

static bool write_parquet(void)
{
    duckdb_database database = NULL;
    duckdb_connection connection = NULL;
    char sql[FIXTURE_PATH_MAX + 512];
    snprintf(sql, sizeof sql,
             "COPY (SELECT 'c' || i AS \"case\", i::BIGINT AS tokens, 0.1 * i::DOUBLE AS cost, "
             "TIMESTAMP '2024-01-01 10:00:00' + to_seconds(i) AS ts, i %% 2 = 0 AS won "
             "FROM range(1, 4) r(i)) TO '%.3000s/x.parquet'",
             fixture.folder);
    const bool ok = duckdb_open(NULL, &database) == DuckDBSuccess &&
                    duckdb_connect(database, &connection) == DuckDBSuccess &&
                    duckdb_query(connection, sql, NULL) == DuckDBSuccess;
    duckdb_disconnect(&connection);
    duckdb_close(&database);
    return ok;
}

static void parquet_is_read_with_the_shortest_text_of_its_doubles(void)
{
    if (!open_once()) {
        return;
    }
    const bool written = write_parquet();
    char path[FIXTURE_PATH_MAX];
    snprintf(path, sizeof path, "%.3000s/x.parquet", fixture.folder);
    fixture.options.data = path; /* one file; the map need not name it */
    const enum errc code = fixture_import(
        &fixture,
        "tables:\n  - case: {id: case}\n    step: {input_tokens: tokens, cost: cost, end: "
        "ts}\n    outcome: {status: won}\n");
    const struct trace *all = &fixture.all;
    const bool ok = written && code == ERR_OK && all->steps.count == 3 && all->rejected == 0 &&
                    all->steps.rows[2].reported_pusd == 300000000000 && /* 0.30000000000000004 */
                    all->steps.rows[1].usage.counts[USAGE_INPUT_UNCACHED] == 2 &&
                    all->steps.rows[0].ended_ns == INT64_C(1704103201000000000) &&
                    all->outcomes.rows[1].status == OUTCOME_RESOLVED &&
                    all->steps.rows[2].line == 3;
    fixture_close(&fixture);
    EXPECT(ok);
}

static void kpis_need_no_case(void)
{
    if (!open_once()) {
        return;
    }
    fixture_write_text(&fixture, "kpi.csv", "day,backlog\n2024-01-01,12.5\n2024-01-02,\n");
    const enum errc code = fixture_import(
        &fixture, "tables:\n  - file: kpi.csv\n    kpi: {name: {const: backlog}, at: day, value: "
                  "backlog}\n");
    const bool ok = code == ERR_OK && fixture.all.kpis.count == 1 && fixture.all.cases.count == 0 &&
                    fixture_rejects(&fixture, 0, 3, "kpi.value: is missing");
    fixture_close(&fixture);
    EXPECT(ok);
}

static void a_map_cannot_read_outside_the_data(void)
{
    if (!open_once()) {
        return;
    }
    fixture_write_text(&fixture, "a.csv", "case\nc1\n");
    const enum errc code =
        fixture_import(&fixture, "sources: {a: a.csv}\ntables:\n  - from: SELECT content AS c FROM "
                                 "read_text('/etc/hostname')\n    case: {id: c}\n");
    const bool ok = code == ERR_CONFIG && fixture.batches == 0;
    fixture_close(&fixture);
    EXPECT(ok);
}

static enum errc refuse(void *context, const struct trace *trace, struct str file, struct err *err)
{
    (void)context;
    (void)trace;
    return err_set(err, ERR_STORE, "no room for " STR_FORMAT, STR_ARG(file));
}

static void what_the_sink_says_ends_the_import(void)
{
    if (!open_once()) {
        return;
    }
    fixture_write_text(&fixture, "calls.csv", "case,run\nc1,r1\n");
    fixture.options.sink = refuse;
    const enum errc code = fixture_import(&fixture, MAP("name: run"));
    const bool ok = code == ERR_STORE && fixture_says(&fixture, "no room for calls.csv");
    fixture_close(&fixture);
    EXPECT(ok);
}

static void an_import_can_be_interrupted(void)
{
    if (!open_once()) {
        return;
    }
    fixture_write_text(&fixture, "calls.csv", "case,run\nc1,r1\n");
    static atomic_bool stop = true;
    fixture.options.stop = &stop;
    const enum errc code = fixture_import(&fixture, MAP("name: run"));
    fixture_close(&fixture);
    EXPECT(code == ERR_INTERRUPTED);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_column_that_is_not_there_is_refused_with_those_that_are),
        TEST(an_expression_duckdb_refuses_is_named),
        TEST(files_that_are_not_there_are_named),
        TEST(rows_that_cannot_be_read_are_rejected_and_the_rest_is_kept),
        TEST(a_truncated_file_is_refused_before_anything_is_taken),
        TEST(lines_that_end_in_two_ways_are_refused_with_the_reason),
        TEST(a_map_cannot_read_outside_the_data),
        TEST(what_the_sink_says_ends_the_import),
        TEST(an_import_can_be_interrupted),
        TEST(an_id_that_repeats_is_told_when_it_says_something_else),
        TEST(steps_without_an_id_never_swallow_each_other),
        TEST(batches_do_not_change_what_a_step_is),
        TEST(one_row_can_be_case_attempt_step_and_outcome),
        TEST(files_are_joined_by_a_select),
        TEST(parquet_is_read_with_the_shortest_text_of_its_doubles),
        TEST(kpis_need_no_case),
    };
    return test_main(tests, COUNT_OF(tests));
}
