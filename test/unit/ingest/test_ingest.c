/* ingest: each step is counted once, a fuller reading replaces a lesser one, and a group is stored
 * whole or not at all. Small traces by hand into a ledger of the test's own; after each, postings
 * and steps must tie. Tests that refuse allocations end here too: nothing half-written. */
#include "ingest/ingest.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "support/home.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)64 << 20)
#define NOON_NS     (INT64_C(20700) * CLOCK_NS_PER_DAY + CLOCK_NS_PER_DAY / 2)

struct bench {
    struct home home;
    struct arena arena;
    struct store *store;
    const struct price_book *book;
    struct err err;
    enum errc code;
};

/* What the ledger holds. */
struct held {
    int64_t steps;
    int64_t cases;
    int64_t cost_pusd;
    int64_t faults; /* findings of verify's checks */
};

static void setup(struct bench *bench)
{
    *bench = (struct bench){0};
    home_make(&bench->home);
    arena_init(&bench->arena, ARENA_BYTES);
    bench->code = price_book_parse(price_shipped(), &bench->arena, &bench->book, &bench->err);
    if (bench->code == ERR_OK) {
        bench->code = store_open(home_str(&bench->home), STORE_WRITE, &bench->store, &bench->err);
    }
}

static void teardown(struct bench *bench)
{
    store_close(&bench->store);
    arena_deinit(&bench->arena);
    home_remove(&bench->home);
}

static const enum store_query checks[] = {
    QUERY_verify_duplicate_steps, QUERY_verify_duplicate_names, QUERY_verify_orphans,
    QUERY_verify_imports,         QUERY_verify_bases,           QUERY_verify_unbalanced,
    QUERY_verify_totals};

/* Look with a fresh arena and no refusals, as another program would. */
static struct held look(struct bench *bench)
{
    struct held held = {.steps = -1};
    const long refusal = arena_fail_after;
    arena_fail_after = -1;
    struct arena arena;
    struct store_result result;
    struct err err;
    arena_init(&arena, ARENA_BYTES);
    if (bench->store != NULL &&
        store_run(bench->store, QUERY_verify_count, NULL, 0, &arena, &result, &err) == ERR_OK) {
        held.steps = store_int64(&result, 0, 0, -1);
        held.cases = store_int64(&result, 0, 1, -1);
        held.cost_pusd = store_int64(&result, 0, 2, -1);
    }
    for (size_t i = 0; i < COUNT_OF(checks) && bench->store != NULL; i++) {
        CHECK(store_run(bench->store, checks[i], NULL, 0, &arena, &result, &err) == ERR_OK);
        held.faults += (int64_t)result.rows;
    }
    arena_deinit(&arena);
    arena_fail_after = refusal;
    return held;
}

static struct trace_case a_case = {.id = STR_STATIC("C-1"), .workflow = STR_STATIC("claims")};
static struct attempt an_attempt = {.id = STR_STATIC("A-1")};

static struct step call(const char *identity, int64_t output)
{
    struct step step = {
        .kind = STEP_LLM,
        .identity = str_from(identity),
        .provider = STR("anthropic"),
        .model = STR("claude-sonnet-4-5"),
        .has_usage = true,
        .started_ns = NOON_NS,
        .ended_ns = NOON_NS,
        .raw_usage = STR("{}"),
    };
    step.usage.counts[USAGE_INPUT_UNCACHED] = 1000;
    step.usage.counts[USAGE_OUTPUT] = output;
    return step;
}

static struct trace trace_of(struct step *steps, size_t count)
{
    return (struct trace){
        .cases = {&a_case, 1, 1}, .attempts = {&an_attempt, 1, 1}, .steps = {steps, count, count}};
}

/* One import of its own: what a run of the command does. */
static void import(struct bench *bench, const struct trace *trace, enum channel channel,
                   struct ingest_summary *out)
{
    if (bench->code != ERR_OK) {
        return;
    }
    struct ingest *ingest = NULL;
    const struct ingest_origin origin = {.path = STR("/logs/a.jsonl"), .channel = channel};
    ingest_create(&ingest, bench->store, bench->book, STR("test"), NOON_NS);
    if (ingest != NULL) {
        bench->code = ingest_add(ingest, trace, &origin, &bench->err);
        if (bench->code == ERR_OK) {
            bench->code = ingest_flush(ingest, &bench->err);
        }
        *out = *ingest_summary(ingest);
        ingest_destroy(&ingest);
    }
}

/* $3 and $15 a million tokens: 1,000 in and `output` out. */
static int64_t cost_of(int64_t output)
{
    return 1000 * INT64_C(3000000) + output * INT64_C(15000000);
}

static void importing_twice_changes_nothing(void)
{
    struct bench bench;
    struct ingest_summary first = {0};
    struct ingest_summary second = {0};
    setup(&bench);
    struct step steps[] = {call("msg_1", 10), call("msg_2", 20)};
    const struct trace trace = trace_of(steps, COUNT_OF(steps));
    import(&bench, &trace, CHANNEL_SESSION_LOG, &first);
    import(&bench, &trace, CHANNEL_SESSION_LOG, &second);
    const struct held held = look(&bench);
    const enum errc code = bench.code;
    teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(held.faults == 0);
    EXPECT(held.steps == 2);
    EXPECT(held.cases == 1);
    EXPECT(held.cost_pusd == cost_of(10) + cost_of(20));
    EXPECT(second.steps_added == 0);
    EXPECT(second.steps_known == 2);
    EXPECT(second.cases_added == 0);
}

static void a_response_repeated_on_several_lines_is_one_call(void)
{
    struct bench bench;
    struct ingest_summary summary = {0};
    setup(&bench);
    struct step steps[] = {call("msg_1", 3), call("msg_1", 500), call("msg_1", 40)};
    const struct trace trace = trace_of(steps, COUNT_OF(steps));
    import(&bench, &trace, CHANNEL_SESSION_LOG, &summary);
    const struct held held = look(&bench);
    const enum errc code = bench.code;
    teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(held.faults == 0);
    EXPECT(held.steps == 1);
    EXPECT(held.cost_pusd == cost_of(500));
}

static void a_fuller_reading_later_replaces_the_lesser_and_the_books_still_tie(void)
{
    struct bench bench;
    struct ingest_summary summary = {0};
    struct ingest_summary replaced = {0};
    setup(&bench);
    struct step early[] = {call("msg_1", 3)};
    struct step late[] = {call("msg_1", 500)};
    const struct trace first = trace_of(early, 1);
    const struct trace second = trace_of(late, 1);
    import(&bench, &first, CHANNEL_SESSION_LOG, &summary);
    import(&bench, &second, CHANNEL_SESSION_LOG, &replaced);
    import(&bench, &first, CHANNEL_SESSION_LOG, &summary); /* the lesser again: nothing */
    const struct held held = look(&bench);
    const enum errc code = bench.code;
    teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(held.faults == 0);
    EXPECT(held.steps == 1);
    EXPECT(held.cost_pusd == cost_of(500));
    EXPECT(replaced.steps_replaced == 1);
    EXPECT(replaced.steps_added == 0);
    EXPECT(replaced.calls_added == 0);
    EXPECT(replaced.cost_pusd == cost_of(500) - cost_of(3));
}

static void a_better_channel_counts_whatever_comes_first(void)
{
    for (int order = 0; order < 2; order++) {
        struct bench bench;
        struct ingest_summary summary = {0};
        setup(&bench);
        struct step logged[] = {call("msg_1", 900)};
        struct step metered[] = {call("msg_1", 700)};
        const struct trace log = trace_of(logged, 1);
        const struct trace gateway = trace_of(metered, 1);
        import(&bench, order == 0 ? &log : &gateway,
               order == 0 ? CHANNEL_SESSION_LOG : CHANNEL_GATEWAY, &summary);
        import(&bench, order == 0 ? &gateway : &log,
               order == 0 ? CHANNEL_GATEWAY : CHANNEL_SESSION_LOG, &summary);
        const struct held held = look(&bench);
        const enum errc code = bench.code;
        teardown(&bench);
        EXPECT(code == ERR_OK);
        EXPECT(held.faults == 0);
        EXPECT(held.steps == 1);
        EXPECT(held.cost_pusd == cost_of(700));
    }
}

static void a_model_without_a_price_is_kept_and_costs_nothing_known(void)
{
    struct bench bench;
    struct ingest_summary summary = {0};
    setup(&bench);
    struct step steps[] = {call("msg_1", 10)};
    steps[0].provider = STR("");
    steps[0].model = STR("in-house-model");
    const struct trace trace = trace_of(steps, 1);
    import(&bench, &trace, CHANNEL_SESSION_LOG, &summary);
    const struct held held = look(&bench);
    const enum errc code = bench.code;
    teardown(&bench);
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
    setup(&bench);
    struct trace_case other = {.id = STR("C-1"), .workflow = STR("tickets")};
    struct step mine[] = {call("msg_1", 1)};
    struct step theirs[] = {call("msg_2", 1)};
    const struct trace first = trace_of(mine, 1);
    struct trace second = trace_of(theirs, 1);
    second.cases.rows = &other;
    import(&bench, &first, CHANNEL_SESSION_LOG, &summary);
    import(&bench, &second, CHANNEL_SESSION_LOG, &summary);
    const struct held held = look(&bench);
    const enum errc code = bench.code;
    teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(held.faults == 0);
    EXPECT(held.cases == 2);
}

static void an_outcome_said_twice_is_one_and_a_revision_is_another_row(void)
{
    struct bench bench;
    struct ingest_summary summary = {0};
    int64_t added[3] = {0};
    setup(&bench);
    struct outcome outcome = {.id = STR("O-1"),
                              .workflow = STR("claims"),
                              .case_id = STR("C-9"),
                              .status = OUTCOME_RESOLVED,
                              .effective_ns = NOON_NS,
                              .recorded_ns = TIME_UNKNOWN};
    const struct trace trace = {.outcomes = {&outcome, 1, 1}};
    import(&bench, &trace, CHANNEL_TABLE, &summary);
    added[0] = summary.outcomes_added;
    import(&bench, &trace, CHANNEL_TABLE, &summary);
    added[1] = summary.outcomes_added;
    outcome.status = OUTCOME_REOPENED;
    import(&bench, &trace, CHANNEL_TABLE, &summary);
    added[2] = summary.outcomes_added;
    const struct held held = look(&bench);
    const enum errc code = bench.code;
    teardown(&bench);
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
    setup(&bench);
    struct step steps[] = {call("msg_1", 10), call("msg_2", 20), call("msg_3", 30)};
    const struct trace trace = trace_of(steps, COUNT_OF(steps));
    import(&bench, &trace, CHANNEL_SESSION_LOG, &summary);
    const struct held held = look(&bench);
    const bool opened = bench.store != NULL;
    const enum errc code = bench.code;
    teardown(&bench);
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
