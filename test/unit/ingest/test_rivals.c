/* rivals: a call that two channels tell is in the case that either knows better, fact by fact, in
 * whatever order they come; told again, nothing changes. A gateway's call and a span of it by hand.
 */
#include "bench.h"
#include "support/test.h"

enum { TRACE_KEY = 77 };

static struct trace_case unnamed = {.id = STR_STATIC("req_1"), .is_session = true};
static struct trace_case claims = {.id = STR_STATIC("C-1"), .workflow = STR_STATIC("claims")};
static struct trace_case refunds = {.id = STR_STATIC("C-2"), .workflow = STR_STATIC("refunds")};

static const int spans_know = TOLD_BY_SPANS << TOLD_WORKFLOW | TOLD_BY_SPANS << TOLD_CASE;
static const int call_knows = TOLD_BY_SPANS << TOLD_WORKFLOW | TOLD_AT_CALL_WORKFLOW;

struct reading_of_call {
    struct trace_case *of;
    enum channel channel;
    int told;
    uint64_t sender;
};

struct seen {
    struct held held;
    int64_t in_refunds;
    int64_t changed_again; /* rows the same readings brought when they came once more */
};

static void take(struct bench *bench, const struct reading_of_call *reading,
                 struct ingest_summary *summary)
{
    struct step step = bench_call("resp_1", 10);
    step.told = reading->told;
    step.sender = reading->sender;
    step.trace_key = reading->channel == CHANNEL_SPAN ? TRACE_KEY : 0;
    struct trace trace = bench_trace(&step, 1);
    trace.cases.rows = reading->of;
    bench_import(bench, &trace, reading->channel, summary);
}

static int64_t rows_of(struct bench *bench, enum store_query query, struct str name)
{
    const long refusal = arena_fail_after;
    arena_fail_after = -1;
    struct arena arena;
    struct store_result result;
    struct err err;
    int64_t count = 0;
    arena_init(&arena, (size_t)1 << 20);
    if (bench->store != NULL &&
        store_run(bench->store, query, NULL, 0, &arena, &result, &err) == ERR_OK) {
        for (size_t i = 0; i < result.rows; i++) {
            count += name.size == 0 || str_equal(store_text(&result, i, 0), name);
        }
    }
    arena_deinit(&arena);
    arena_fail_after = refusal;
    return count;
}

static struct seen look_after(const struct reading_of_call readings[static 2], bool backwards)
{
    struct bench bench;
    struct ingest_summary summary = {0};
    bench_setup(&bench);
    take(&bench, &readings[backwards], &summary);
    take(&bench, &readings[!backwards], &summary);
    const int64_t steps = summary.steps_added;
    take(&bench, &readings[0], &summary);
    take(&bench, &readings[1], &summary);
    struct seen seen = {.held = bench_look(&bench),
                        .in_refunds = rows_of(&bench, QUERY_report_workflow_names, STR("refunds")),
                        .changed_again = summary.steps_added - steps};
    seen.held.steps = bench.code == ERR_OK ? seen.held.steps : -1;
    bench_teardown(&bench);
    return seen;
}

static void a_call_without_a_name_is_where_its_span_says(void)
{
    const struct reading_of_call readings[] = {{&unnamed, CHANNEL_GATEWAY, 0, 0},
                                               {&refunds, CHANNEL_SPAN, spans_know, 5}};
    for (int backwards = 0; backwards < 2; backwards++) {
        const struct seen seen = look_after(readings, backwards != 0);
        EXPECT(seen.held.faults == 0);
        EXPECT(seen.held.steps == 1);
        EXPECT(seen.held.cases == 1);
        EXPECT(seen.held.cost_pusd == bench_cost_pusd(10));
        EXPECT(seen.in_refunds == 1);
        EXPECT(seen.changed_again == 0);
    }
}

static void what_the_call_says_itself_goes_before_its_span(void)
{
    const struct reading_of_call readings[] = {{&refunds, CHANNEL_GATEWAY, call_knows, 0},
                                               {&claims, CHANNEL_SPAN, spans_know, 5}};
    for (int backwards = 0; backwards < 2; backwards++) {
        const struct seen seen = look_after(readings, backwards != 0);
        EXPECT(seen.held.faults == 0);
        EXPECT(seen.held.steps == 1);
        EXPECT(seen.in_refunds == 1); /* its workflow; the case is the span's */
        EXPECT(seen.changed_again == 0);
    }
}

static void of_two_as_well_told_the_smaller_name_counts(void)
{
    const struct reading_of_call readings[] = {{&refunds, CHANNEL_SPAN, spans_know, 5},
                                               {&claims, CHANNEL_LOG_EVENT, spans_know, 6}};
    for (int backwards = 0; backwards < 2; backwards++) {
        const struct seen seen = look_after(readings, backwards != 0);
        EXPECT(seen.held.faults == 0);
        EXPECT(seen.held.steps == 1);
        EXPECT(seen.held.cost_pusd == bench_cost_pusd(10));
        EXPECT(seen.changed_again == 0);
    }
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(a_call_without_a_name_is_where_its_span_says),
        TEST_SPARSE(what_the_call_says_itself_goes_before_its_span),
        TEST_SPARSE(of_two_as_well_told_the_smaller_name_counts),
    };
    return test_main(tests, COUNT_OF(tests));
}
