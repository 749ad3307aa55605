/* table_outcomes: one file of outcomes by the names of its columns; what is missing or unknown is
 * told with what is allowed. Small files written here. */
#include <math.h>
#include <stdio.h>

#include "support/table_fixture.h"
#include "support/test.h"

static struct fixture fixture;

static bool refuses(const char *name, const char *text, enum errc code, const char *says)
{
    return fixture_refuses(&fixture, fixture_outcomes, name, text, code, says);
}

static void a_file_without_case_status_or_workflow_is_refused(void)
{
    EXPECT(refuses("o.csv", "workflow,status\nw,resolved\n", ERR_SYNTAX,
                   "o.csv: has no column called case or case_id"));
    EXPECT(refuses("o.csv", "workflow,case\nw,c\n", ERR_SYNTAX, "status or outcome"));
    EXPECT(refuses("o.csv", "case,status\nc,resolved\n", ERR_SYNTAX, "--workflow names none"));
    EXPECT(refuses("o.csv", "case,case_id,status,workflow\nc,c,resolved,w\n", ERR_SYNTAX,
                   "\"case\" and \"case_id\" mean the same"));
    EXPECT(refuses("o.xlsx", "case\n", ERR_UNSUPPORTED, "does not end in .csv"));
    EXPECT(refuses("o.csv", "", ERR_SYNTAX, "is empty"));
}

static void outcomes_are_read_by_well_known_names(void)
{
    if (test_is_refusing()) {
        return;
    }
    fixture_open(&fixture);
    fixture_write_text(
        &fixture, "o.csv",
        "ID;Workflow;Case_ID;Outcome;Value_USD;Human_Minutes;Effective_At;"
        "recorded_at;quality;source;reference;comment\r\n"
        "o1;air;c1;Resolved;12.50;11.5;2024-01-01T10:00:00Z;2024-01-02;0.9;crm;T-1;x\r\n"
        ";air;c2;0;;;;;;;;\r\n"
        ";air;c3;won;;;;;;;;\r\n"
        ";air;c4;;;;;;;;;\r\n");
    const enum errc code = fixture_outcomes(&fixture, "o.csv");
    const struct trace *all = &fixture.all;
    bool ok = code == ERR_OK && all->outcomes.count == 2 && all->rejected == 2 &&
              all->cases.count == 2 && all->attempts.count == 0 && all->lines == 4;
    if (ok) {
        const struct outcome *first = &all->outcomes.rows[0];
        const struct outcome *second = &all->outcomes.rows[1];
        ok = str_equal(first->id, STR("o1")) && str_equal(first->workflow, STR("air")) &&
             str_equal(first->case_id, STR("c1")) && first->status == OUTCOME_RESOLVED &&
             first->has_value && first->value_pusd == INT64_C(12500000000000) &&
             first->human_ms == 690000 && first->effective_ns == INT64_C(1704103200000000000) &&
             first->recorded_ns == INT64_C(1704153600000000000) && first->has_quality &&
             fabs(first->quality - 0.9) < 1e-9 && str_equal(first->source, STR("crm")) &&
             str_equal(first->reference, STR("T-1")) && first->line == 2;
        ok = ok && second->status == OUTCOME_FAILED && !second->has_value &&
             second->effective_ns == TIME_UNKNOWN && !second->has_quality;
        ok = ok && all->rejects.rows[0].line == 4 &&
             str_find(all->rejects.rows[0].reason, STR("found \"won\"; allowed: resolved, ")) !=
                 SIZE_MAX &&
             str_find(all->rejects.rows[1].reason, STR("(missing)")) != SIZE_MAX;
    }
    if (code != ERR_OK) {
        test_note(fixture.err.text);
    }
    fixture_close(&fixture);
    EXPECT(ok);
}

static void the_workflow_can_come_from_the_command(void)
{
    fixture_open(&fixture);
    fixture.options.workflow = STR("claims");
    fixture_write_text(&fixture, "o.jsonl",
                       "{\"case\":\"c1\",\"status\":true,\"minutes\":2}\n"
                       "{\"case\":\"c2\",\"status\":\"escalated\"}\n");
    const enum errc code = fixture_outcomes(&fixture, "o.jsonl");
    const struct trace *all = &fixture.all;
    const bool ok = code == ERR_OK && all->outcomes.count == 2 &&
                    str_equal(all->outcomes.rows[0].workflow, STR("claims")) &&
                    all->outcomes.rows[0].status == OUTCOME_RESOLVED &&
                    all->outcomes.rows[0].human_ms == 120000 &&
                    all->outcomes.rows[1].status == OUTCOME_ESCALATED;
    fixture_close(&fixture);
    EXPECT(ok);
}

static void a_map_can_name_the_columns(void)
{
    if (test_is_refusing()) {
        return;
    }
    fixture_open(&fixture);
    fixture_write_text(&fixture, "o.csv", "ticket,closed_as\nc1,done\nc2,bounced\n");
    fixture_write_text(
        &fixture, "m.yaml",
        "tables:\n  - case: {id: ticket, workflow: {const: air}}\n    outcome: {status: "
        "{column: closed_as, words: {done: resolved, bounced: reopened}}}\n");
    snprintf(fixture.map, sizeof fixture.map, "%.3000s/m.yaml", fixture.folder);
    fixture.options.map = fixture.map;
    const enum errc code = fixture_outcomes(&fixture, "o.csv");
    const bool ok = code == ERR_OK && fixture.all.outcomes.count == 2 &&
                    fixture.all.outcomes.rows[1].status == OUTCOME_REOPENED;
    fixture_close(&fixture);
    EXPECT(ok);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_file_without_case_status_or_workflow_is_refused),
        TEST(outcomes_are_read_by_well_known_names),
        TEST(the_workflow_can_come_from_the_command),
        TEST(a_map_can_name_the_columns),
    };
    return test_main(tests, COUNT_OF(tests));
}
