/* table_kpis: business figures by the names of their columns; what is missing, unreadable or said
 * twice is told with its row. Small files written here. */
#include <math.h>

#include "support/table_fixture.h"
#include "support/test.h"

static struct fixture fixture;

static bool refuses(const char *name, const char *text, enum errc code, const char *says)
{
    return fixture_refuses(&fixture, fixture_kpis, name, text, code, says);
}

static void a_file_without_name_time_value_or_workflow_is_refused(void)
{
    EXPECT(refuses("k.csv", "workflow,at,value\nw,2026-01-01,1\n", ERR_SYNTAX,
                   "k.csv: has no column called name or kpi"));
    EXPECT(refuses("k.csv", "workflow,name,value\nw,n,1\n", ERR_SYNTAX, "at or date"));
    EXPECT(refuses("k.csv", "workflow,name,at\nw,n,2026-01-01\n", ERR_SYNTAX, "called value"));
    EXPECT(
        refuses("k.csv", "name,at,value\nn,2026-01-01,1\n", ERR_SYNTAX, "--workflow names none"));
    EXPECT(refuses("k.csv", "workflow,kpi,name,at,value\n", ERR_SYNTAX, "mean the same"));
    EXPECT(refuses("k.txt", "a\n", ERR_UNSUPPORTED, "does not end in .csv"));
}

static void figures_are_read_and_bad_rows_named(void)
{
    fixture_open(&fixture);
    fixture_write_text(&fixture, "k.csv",
                       "Workflow,KPI,Unit,Series,Date,Value\n"
                       "air,backlog,cases,,2026-01-01,12.5\n"
                       "air,backlog,cases,berlin,2026-01-01,-3\n"
                       "air,backlog,cases,,2026-01-01,12.5\n" /* again: nothing */
                       "air,backlog,cases,,2026-01-01,13\n"   /* and otherwise */
                       "air,backlog,cases,,soon,1\n"
                       "air,backlog,cases,,2026-01-02,many\n"
                       "air,backlog,cases,,2026-01-03,\n"
                       ",headcount,people,,2026-01-01T10:00:00Z,300\n");
    const enum errc code = fixture_kpis(&fixture, "k.csv");
    const struct trace *const all = &fixture.all;
    bool ok = code == ERR_OK && all->kpis.count == 3 && all->cases.count == 0 && all->rejected == 4;
    if (ok) {
        const struct kpi *const first = &all->kpis.rows[0];
        ok = str_equal(first->workflow, STR("air")) && str_equal(first->name, STR("backlog")) &&
             str_equal(first->unit, STR("cases")) && first->series.size == 0 &&
             first->at_ns == INT64_C(1767225600000000000) && fabs(first->value - 12.5) < 1e-12 &&
             str_equal(all->kpis.rows[1].series, STR("berlin")) &&
             fabs(all->kpis.rows[1].value + 3) < 1e-12 && all->kpis.rows[2].workflow.size == 0;
        ok = ok && fixture_rejects(&fixture, 0, 5, "another value") &&
             fixture_rejects(&fixture, 1, 6, "not a time") &&
             fixture_rejects(&fixture, 2, 7, "not a decimal number") &&
             fixture_rejects(&fixture, 3, 8, "kpi.value: is missing");
    }
    if (code != ERR_OK) {
        test_note(fixture.err.text);
    }
    fixture_close(&fixture);
    EXPECT(ok);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_file_without_name_time_value_or_workflow_is_refused),
        TEST_SPARSE(figures_are_read_and_bad_rows_named),
    };
    return test_main(tests, COUNT_OF(tests));
}
