/* places: a step that came without its trace goes where the trace says, its cost with it, and stays
 * where nothing says it; of a trace that is not of one mind the smallest case counts, in whatever
 * order it is told. Traces by hand, in all orders. */
#include "bench.h"
#include "support/test.h"

enum { TRACE_KEY = 77 };

static struct trace_case trace_case = {.id = STR_STATIC("trace-1"), .is_session = true};
static struct trace_case other_case = {.id = STR_STATIC("C-9"), .workflow = STR_STATIC("claims")};

/* A step of the trace that nothing places. */
static struct step loose(int told)
{
    struct step step = bench_call("child", 10);
    step.trace_key = TRACE_KEY;
    step.told = told | TOLD_LOOSE;
    return step;
}

static struct trace_fact fact(const char *case_id)
{
    return (struct trace_fact){
        .trace_key = TRACE_KEY, .workflow = STR("refunds"), .case_id = str_from(case_id)};
}

static const struct trace_fact facts_none;

struct seen {
    struct held held;
    int64_t in_refunds; /* 1: there is workflow "refunds" */
};

static int64_t count_of(struct bench *bench, enum store_query query, size_t column)
{
    const long refusal = arena_fail_after;
    arena_fail_after = -1;
    struct arena arena;
    struct store_result result;
    struct err err;
    arena_init(&arena, (size_t)1 << 20);
    int64_t count = 0;
    if (bench->store != NULL &&
        store_run(bench->store, query, NULL, 0, &arena, &result, &err) == ERR_OK) {
        for (size_t i = 0; i < result.rows; i++) {
            count += str_equal(store_text(&result, i, column), STR("refunds"));
        }
    }
    arena_deinit(&arena);
    arena_fail_after = refusal;
    return count;
}

/* The step comes behind so many facts; then all of it once more. */
static struct seen import_at(struct trace_case *of, struct step step,
                             const struct trace_fact *facts, size_t fact_count, size_t place)
{
    struct bench bench;
    struct ingest_summary summary = {0};
    bench_setup(&bench);
    struct trace steps = bench_trace(&step, 1);
    steps.cases.rows = of;
    for (size_t i = 0; i < 2 * (fact_count + 1); i++) {
        const size_t at = i % (fact_count + 1);
        struct trace_fact fact =
            facts != NULL && at != place ? facts[at - (at > place)] : facts_none;
        const struct trace told = {.facts = {&fact, 1, 1}};
        bench_import(&bench, at == place ? &steps : &told, CHANNEL_SPAN, &summary);
    }
    struct seen seen = {.held = bench_look(&bench),
                        .in_refunds = count_of(&bench, QUERY_report_workflow_names, 0)};
    seen.held.steps = bench.code == ERR_OK ? seen.held.steps : -1;
    bench_teardown(&bench);
    return seen;
}

static struct seen import_both(struct trace_case *of, struct step step,
                               const struct trace_fact *facts, size_t fact_count, bool facts_first)
{
    return import_at(of, step, facts, fact_count, facts_first ? fact_count : 0);
}

static void a_trace_that_says_nothing_moves_nothing(void)
{
    const struct seen seen = import_both(&trace_case, loose(0), NULL, 0, true);
    EXPECT(seen.held.faults == 0);
    EXPECT(seen.held.steps == 1);
    EXPECT(seen.in_refunds == 0);
}

/* Two cases of different workflows, and a workflow told without a case. */
static void of_spans_that_do_not_agree_the_smallest_case_counts_in_every_order(void)
{
    static const size_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                       {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    struct trace_fact told[] = {fact("C-1"), fact("C-2"), fact("")};
    told[1].workflow = STR("claims");
    told[2].workflow = STR("another");
    told[2].case_id = (struct str){0};
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        struct trace_fact facts[3];
        for (size_t k = 0; k < 3; k++) {
            facts[k] = told[orders[i][k]];
        }
        const struct seen seen = import_at(&trace_case, loose(0), facts, 3, i % 4);
        EXPECT(seen.held.faults == 0);
        EXPECT(seen.held.steps == 1);
        EXPECT(seen.held.cases == 1);
        EXPECT(seen.held.cost_pusd == bench_cost_pusd(10));
        EXPECT(seen.in_refunds == 1);
    }
}

/* What is said without a case goes with the case that is said alone. */
static void what_is_said_without_a_case_is_of_any_case(void)
{
    struct trace_fact facts[] = {fact("C-2"), fact("C-1"), fact("")};
    facts[0].workflow = STR("claims");
    facts[1].workflow = (struct str){0};
    facts[2].case_id = (struct str){0};
    for (size_t place = 0; place < 4; place++) {
        const struct seen seen = import_at(&trace_case, loose(0), facts, 3, place);
        EXPECT(seen.held.faults == 0);
        EXPECT(seen.held.cases == 1);
        EXPECT(seen.in_refunds == 1);
    }
}

static void what_its_own_spans_tell_stays(void)
{
    struct trace_fact facts[] = {fact("C-1")};
    const int own = TOLD_BY_SPANS << TOLD_WORKFLOW | TOLD_BY_SPANS << TOLD_CASE;
    const struct seen seen = import_both(&other_case, loose(own), facts, 1, false);
    EXPECT(seen.held.faults == 0);
    EXPECT(seen.in_refunds == 0);
}

static void a_step_goes_where_its_trace_says_whichever_came_first(void)
{
    struct trace_fact facts[] = {fact("C-1")};
    const int sent = TOLD_BY_SOURCE << TOLD_WORKFLOW | TOLD_BY_RULE << TOLD_CASE;
    const struct seen seen[] = {import_both(&trace_case, loose(0), facts, 1, true),
                                import_both(&trace_case, loose(0), facts, 1, false),
                                import_both(&other_case, loose(sent), facts, 1, false)};
    for (size_t i = 0; i < COUNT_OF(seen); i++) {
        EXPECT(seen[i].held.faults == 0);
        EXPECT(seen[i].held.steps == 1);
        EXPECT(seen[i].held.cases == 1);
        EXPECT(seen[i].held.cost_pusd == bench_cost_pusd(10));
        EXPECT(seen[i].in_refunds == 1);
    }
}

static void what_a_rule_makes_of_a_trace_goes_behind_what_sent_the_step(void)
{
    struct trace_fact facts[] = {fact("C-1")};
    facts[0].is_by_rule = true;
    const int sent = TOLD_BY_SOURCE << TOLD_WORKFLOW | TOLD_BY_SOURCE << TOLD_CASE;
    const struct seen untold = import_both(&trace_case, loose(0), facts, 1, false);
    const struct seen told = import_both(&other_case, loose(sent), facts, 1, false);
    EXPECT(untold.held.faults == 0);
    EXPECT(untold.in_refunds == 1);
    EXPECT(told.held.faults == 0);
    EXPECT(told.in_refunds == 0);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(a_trace_that_says_nothing_moves_nothing),
        TEST_SPARSE(of_spans_that_do_not_agree_the_smallest_case_counts_in_every_order),
        TEST_SPARSE(what_is_said_without_a_case_is_of_any_case),
        TEST_SPARSE(what_its_own_spans_tell_stays),
        TEST_SPARSE(a_step_goes_where_its_trace_says_whichever_came_first),
        TEST_SPARSE(what_a_rule_makes_of_a_trace_goes_behind_what_sent_the_step),
    };
    return test_main(tests, COUNT_OF(tests));
}
