/* ingest: each step is counted once, a fuller reading replaces a lesser one, and a group is stored
 * whole or not at all. Small traces by hand into a ledger of the test's own; after each, postings
 * and steps must tie. Tests that refuse allocations end here too: nothing half-written. */
#include "ingest/ingest.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "bench.h"
#include "support/home.h"
#include "support/test.h"

static void importing_twice_changes_nothing(void)
{
    struct bench bench;
    struct ingest_summary first = {0};
    struct ingest_summary second = {0};
    bench_setup(&bench);
    struct step steps[] = {bench_call("msg_1", 10), bench_call("msg_2", 20)};
    const struct trace trace = bench_trace(steps, COUNT_OF(steps));
    bench_import(&bench, &trace, CHANNEL_SESSION_LOG, &first);
    bench_import(&bench, &trace, CHANNEL_SESSION_LOG, &second);
    const struct held held = bench_look(&bench);
    const enum errc code = bench.code;
    bench_teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(held.faults == 0);
    EXPECT(held.steps == 2);
    EXPECT(held.cases == 1);
    EXPECT(held.cost_pusd == bench_cost_pusd(10) + bench_cost_pusd(20));
    EXPECT(second.steps_added == 0);
    EXPECT(second.steps_known == 2);
    EXPECT(second.cases_added == 0);
}

static void a_response_repeated_on_several_lines_is_one_call(void)
{
    struct bench bench;
    struct ingest_summary summary = {0};
    bench_setup(&bench);
    struct step steps[] = {bench_call("msg_1", 3), bench_call("msg_1", 500),
                           bench_call("msg_1", 40)};
    const struct trace trace = bench_trace(steps, COUNT_OF(steps));
    bench_import(&bench, &trace, CHANNEL_SESSION_LOG, &summary);
    const struct held held = bench_look(&bench);
    const enum errc code = bench.code;
    bench_teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(held.faults == 0);
    EXPECT(held.steps == 1);
    EXPECT(held.cost_pusd == bench_cost_pusd(500));
}

static void a_fuller_reading_later_replaces_the_lesser_and_the_books_still_tie(void)
{
    struct bench bench;
    struct ingest_summary summary = {0};
    struct ingest_summary replaced = {0};
    bench_setup(&bench);
    struct step early[] = {bench_call("msg_1", 3)};
    struct step late[] = {bench_call("msg_1", 500)};
    const struct trace first = bench_trace(early, 1);
    const struct trace second = bench_trace(late, 1);
    bench_import(&bench, &first, CHANNEL_SESSION_LOG, &summary);
    bench_import(&bench, &second, CHANNEL_SESSION_LOG, &replaced);
    bench_import(&bench, &first, CHANNEL_SESSION_LOG, &summary); /* the lesser again: nothing */
    const struct held held = bench_look(&bench);
    const enum errc code = bench.code;
    bench_teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(held.faults == 0);
    EXPECT(held.steps == 1);
    EXPECT(held.cost_pusd == bench_cost_pusd(500));
    EXPECT(replaced.steps_replaced == 1);
    EXPECT(replaced.steps_added == 0);
    EXPECT(replaced.calls_added == 0);
    EXPECT(replaced.cost_pusd == bench_cost_pusd(500) - bench_cost_pusd(3));
}

static void a_better_channel_counts_whatever_comes_first(void)
{
    for (int order = 0; order < 2; order++) {
        struct bench bench;
        struct ingest_summary summary = {0};
        bench_setup(&bench);
        struct step logged[] = {bench_call("msg_1", 900)};
        struct step metered[] = {bench_call("msg_1", 700)};
        const struct trace log = bench_trace(logged, 1);
        const struct trace gateway = bench_trace(metered, 1);
        bench_import(&bench, order == 0 ? &log : &gateway,
                     order == 0 ? CHANNEL_SESSION_LOG : CHANNEL_GATEWAY, &summary);
        bench_import(&bench, order == 0 ? &gateway : &log,
                     order == 0 ? CHANNEL_GATEWAY : CHANNEL_SESSION_LOG, &summary);
        const struct held held = bench_look(&bench);
        const enum errc code = bench.code;
        bench_teardown(&bench);
        EXPECT(code == ERR_OK);
        EXPECT(held.faults == 0);
        EXPECT(held.steps == 1);
        EXPECT(held.cost_pusd == bench_cost_pusd(700));
    }
}

static void a_model_without_a_price_is_kept_and_costs_nothing_known(void)
{
    struct bench bench;
    struct ingest_summary summary = {0};
    bench_setup(&bench);
    struct step steps[] = {bench_call("msg_1", 10)};
    steps[0].provider = STR("");
    steps[0].model = STR("in-house-model");
    const struct trace trace = bench_trace(steps, 1);
    bench_import(&bench, &trace, CHANNEL_SESSION_LOG, &summary);
    const struct held held = bench_look(&bench);
    const enum errc code = bench.code;
    bench_teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(held.faults == 0);
    EXPECT(held.steps == 1);
    EXPECT(summary.unpriced_added == 1);
    EXPECT(summary.cost_pusd == 0);
}

static void the_same_name_in_two_workflows_is_two_cases(void)
{
    struct bench bench;
    struct ingest_summary summary = {0};
    bench_setup(&bench);
    struct trace_case other = {.id = STR("C-1"), .workflow = STR("tickets")};
    struct step mine[] = {bench_call("msg_1", 1)};
    struct step theirs[] = {bench_call("msg_2", 1)};
    const struct trace first = bench_trace(mine, 1);
    struct trace second = bench_trace(theirs, 1);
    second.cases.rows = &other;
    bench_import(&bench, &first, CHANNEL_SESSION_LOG, &summary);
    bench_import(&bench, &second, CHANNEL_SESSION_LOG, &summary);
    const struct held held = bench_look(&bench);
    const enum errc code = bench.code;
    bench_teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(held.faults == 0);
    EXPECT(held.cases == 2);
}

static void an_outcome_said_twice_is_one_and_a_revision_is_another_row(void)
{
    struct bench bench;
    struct ingest_summary summary = {0};
    int64_t added[3] = {0};
    bench_setup(&bench);
    struct outcome outcome = {.id = STR("O-1"),
                              .workflow = STR("claims"),
                              .case_id = STR("C-9"),
                              .status = OUTCOME_RESOLVED,
                              .effective_ns = BENCH_NOON_NS,
                              .recorded_ns = TIME_UNKNOWN};
    const struct trace trace = {.outcomes = {&outcome, 1, 1}};
    bench_import(&bench, &trace, CHANNEL_TABLE, &summary);
    added[0] = summary.outcomes_added;
    bench_import(&bench, &trace, CHANNEL_TABLE, &summary);
    added[1] = summary.outcomes_added;
    outcome.status = OUTCOME_REOPENED;
    bench_import(&bench, &trace, CHANNEL_TABLE, &summary);
    added[2] = summary.outcomes_added;
    const struct held held = bench_look(&bench);
    const enum errc code = bench.code;
    bench_teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(held.faults == 0);
    EXPECT(held.cases == 1);
    EXPECT(added[0] == 1);
    EXPECT(added[1] == 0);
    EXPECT(added[2] == 1);
}

/* Whatever allocation is refused, the ledger holds the whole group or nothing of it. */
static void a_failed_group_leaves_nothing_behind(void)
{
    struct bench bench;
    struct ingest_summary summary = {0};
    bench_setup(&bench);
    struct step steps[] = {bench_call("msg_1", 10), bench_call("msg_2", 20),
                           bench_call("msg_3", 30)};
    const struct trace trace = bench_trace(steps, COUNT_OF(steps));
    bench_import(&bench, &trace, CHANNEL_SESSION_LOG, &summary);
    const struct held held = bench_look_always(&bench);
    const bool opened = bench.store != NULL;
    const enum errc code = bench.code;
    bench_teardown(&bench);
    CHECK(!opened || held.faults == 0);
    CHECK(!opened || held.steps == (code == ERR_OK ? 3 : 0));
    EXPECT(code == ERR_OK);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(importing_twice_changes_nothing),
        TEST_SPARSE(a_response_repeated_on_several_lines_is_one_call),
        TEST_SPARSE(a_fuller_reading_later_replaces_the_lesser_and_the_books_still_tie),
        TEST_SPARSE(a_better_channel_counts_whatever_comes_first),
        TEST_SPARSE(a_model_without_a_price_is_kept_and_costs_nothing_known),
        TEST_SPARSE(the_same_name_in_two_workflows_is_two_cases),
        TEST_SPARSE(an_outcome_said_twice_is_one_and_a_revision_is_another_row),
        TEST_SPARSE(a_failed_group_leaves_nothing_behind),
    };
    return test_main(tests, COUNT_OF(tests));
}
