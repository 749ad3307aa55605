/* names: a call told on two channels under two names is counted once, whichever is imported first
 * and whatever lies between. Traces by hand; after each, the checks of verify. */
#include "bench.h"

#include <stdio.h>

#include "store/ledger_priv.h"
#include "support/test.h"

static struct step named(const char *identity, const char *alias, int64_t output)
{
    struct step step = bench_call(identity, output);
    step.alias = alias != NULL ? str_from(alias) : (struct str){0};
    return step;
}

static struct step on(struct step step, enum channel channel)
{
    step.has_channel = true;
    step.channel = channel;
    return step;
}

/* What session logs say of a call, and what its telemetry says. */
static struct step logged(int64_t output)
{
    return on(named("msg_1", "req_1", output), CHANNEL_SESSION_LOG);
}

static struct step told(int64_t output)
{
    return on(named("req_1", NULL, output), CHANNEL_LOG_EVENT);
}

static int64_t count_of(struct bench *bench, enum store_query query)
{
    const bool is_open = bench->store != NULL && !test_is_spent();
    const long refusal = arena_fail_after;
    arena_fail_after = -1;
    struct arena arena;
    struct store_result result;
    struct err err;
    arena_init(&arena, (size_t)1 << 20);
    const bool ran =
        is_open && store_run(bench->store, query, NULL, 0, &arena, &result, &err) == ERR_OK;
    const int64_t count = ran ? (int64_t)result.rows : -1;
    arena_deinit(&arena);
    arena_fail_after = refusal;
    return count;
}

/* Whether a condition holds of some row of `from`. */
static bool finds(struct bench *bench, const char *from)
{
    char sql[400];
    struct err err;
    snprintf(sql, sizeof sql, "SELECT CASE WHEN count(*) = 0 THEN error('none') END FROM %s", from);
    return bench->store != NULL && store_sql(bench->store, sql, "looking", &err) == ERR_OK;
}

/* Each step in an import of its own, or all in one; then all of it again. */
static struct held held_of(struct step *steps, size_t count, bool apart, enum errc *out_code,
                           struct ingest_summary *out_again)
{
    struct bench bench;
    struct ingest_summary summary = {0};
    bench_setup(&bench);
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < (apart ? count : 1); i++) {
            const struct trace trace = bench_trace(steps + i, apart ? 1 : count);
            bench_import(&bench, &trace, CHANNEL_SESSION_LOG, &summary);
            out_again->steps_added += round == 1 ? summary.steps_added : 0;
            out_again->steps_replaced += round == 1 ? summary.steps_replaced : 0;
        }
    }
    const struct held held = bench_look(&bench);
    *out_code = bench.code;
    bench_teardown(&bench);
    return held;
}

static void calls_without_a_common_name_stay_two(void)
{
    struct step steps[] = {logged(500), on(named("req_2", NULL, 500), CHANNEL_LOG_EVENT)};
    struct ingest_summary again = {0};
    enum errc code;
    const struct held held = held_of(steps, 2, true, &code, &again);
    EXPECT(code == ERR_OK);
    EXPECT(held.faults == 0);
    EXPECT(held.steps == 2);
    EXPECT(held.cost_pusd == 2 * bench_cost_pusd(500));
}

static void two_names_are_one_call_in_either_order_apart_and_together(void)
{
    for (int variant = 0; variant < 4; variant++) {
        struct step steps[2];
        steps[variant % 2] = logged(900);
        steps[1 - variant % 2] = told(700); /* a log event goes before a session log */
        struct ingest_summary again = {0};
        enum errc code;
        const struct held held = held_of(steps, 2, variant < 2, &code, &again);
        EXPECT(code == ERR_OK);
        EXPECT(held.faults == 0);
        EXPECT(held.steps == 1);
        EXPECT(held.cost_pusd == bench_cost_pusd(700));
        EXPECT(again.steps_added == 0);
        EXPECT(again.steps_replaced == 0);
    }
}

/* a-b and b-c, told in every order, in one group and in three imports: one call, of the best
 * channel. In some orders two of them are two calls until the third is seen. */
static void a_chain_of_names_is_one_call_in_every_order(void)
{
    static const size_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                       {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    const struct step all[] = {on(named("a", "b", 900), CHANNEL_SESSION_LOG),
                               on(named("b", "c", 800), CHANNEL_LOG_EVENT),
                               on(named("c", NULL, 700), CHANNEL_SPAN)};
    for (size_t i = 0; i < 2 * COUNT_OF(orders); i++) {
        struct step steps[3];
        for (size_t j = 0; j < 3; j++) {
            steps[j] = all[orders[i / 2][j]];
        }
        struct ingest_summary again = {0};
        enum errc code;
        const struct held held = held_of(steps, 3, i % 2 == 0, &code, &again);
        EXPECT(code == ERR_OK);
        EXPECT(held.faults == 0);
        EXPECT(held.steps == 1);
        EXPECT(held.cost_pusd == bench_cost_pusd(700));
        EXPECT(again.steps_added == 0);
        EXPECT(again.steps_replaced == 0);
    }
}

static void two_calls_that_turn_out_to_be_one_keep_their_texts_and_callers(void)
{
    struct bench bench;
    struct ingest_summary summary = {0};
    static const uint32_t prints[] = {7, 8};
    bench_setup(&bench);
    struct step message[] = {on(named("msg_1", NULL, 900), CHANNEL_SESSION_LOG),
                             {.kind = STEP_TOOL,
                              .identity = STR("tool:1"),
                              .caller = STR("msg_1"),
                              .name = STR("Bash"),
                              .started_ns = BENCH_NOON_NS}};
    struct step event[] = {told(700)};
    struct step bridge[] = {logged(900)};
    struct trace_text texts[] = {
        {.step_index = 0, .role = TEXT_USE, .hash = 7, .prints = {prints, 2}}};
    struct trace first = bench_trace(message, 2);
    first.texts.rows = texts;
    first.texts.count = 1;
    const struct trace second = bench_trace(event, 1);
    const struct trace third = bench_trace(bridge, 1);
    bench_import(&bench, &first, CHANNEL_SESSION_LOG, &summary);
    bench_import(&bench, &second, CHANNEL_LOG_EVENT, &summary);
    const struct held two = bench_look(&bench);
    bench_import(&bench, &third, CHANNEL_SESSION_LOG, &summary);
    const struct held held = bench_look(&bench);
    const bool is_called =
        finds(&bench, "steps tool JOIN steps call ON call.kind = 0 AND tool.kind = 1 AND "
                      "tool.caller = CAST(call.step_key & 18446744073709551615 AS UBIGINT)");
    const bool is_text = finds(&bench, "steps JOIN fingerprints USING (step_key) WHERE kind = 0");
    const enum errc code = bench.code;
    bench_teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(two.faults == 0);
    EXPECT(two.steps == 3);
    EXPECT(held.faults == 0);
    EXPECT(is_called);
    EXPECT(is_text);
    EXPECT(held.steps == 2);
    EXPECT(held.cost_pusd == bench_cost_pusd(700));
    EXPECT(summary.calls_added == -1);
    EXPECT(summary.cost_pusd == -bench_cost_pusd(900));
}

/* The event first: the tools of the log call it by the log's name, in a later import even. */
static void a_tool_finds_the_call_that_another_channel_told_first(void)
{
    struct bench bench;
    struct ingest_summary summary = {0};
    bench_setup(&bench);
    struct step tool = {.kind = STEP_TOOL,
                        .identity = STR("tool:1"),
                        .caller = STR("msg_1"),
                        .name = STR("Bash"),
                        .started_ns = BENCH_NOON_NS};
    struct step event[] = {told(700)};
    struct step log[] = {logged(900), tool};
    struct step later[] = {tool};
    later[0].identity = STR("tool:2");
    const struct trace traces[] = {bench_trace(event, 1), bench_trace(log, 2),
                                   bench_trace(later, 1)};
    for (size_t i = 0; i < COUNT_OF(traces); i++) {
        bench_import(&bench, &traces[i], CHANNEL_LOG_EVENT, &summary);
    }
    const struct held held = bench_look(&bench);
    const bool are_called =
        finds(&bench, "(SELECT 1 FROM steps tool JOIN steps call ON call.kind = 0 AND "
                      "tool.kind = 1 AND tool.caller = "
                      "CAST(call.step_key & 18446744073709551615 AS UBIGINT) "
                      "HAVING count(*) = 2)");
    const enum errc code = bench.code;
    bench_teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(held.faults == 0);
    EXPECT(held.steps == 3);
    EXPECT(are_called);
}

static void a_step_stays_in_the_case_of_its_first_reading(void)
{
    struct bench bench;
    struct ingest_summary summary = {0};
    bench_setup(&bench);
    struct step log[] = {logged(900)};
    struct step event[] = {told(700)};
    struct trace_case other = {.id = STR("C-2"), .workflow = STR("refunds")};
    const struct trace first = bench_trace(log, 1);
    struct trace second = bench_trace(event, 1);
    second.cases.rows = &other;
    bench_import(&bench, &first, CHANNEL_SESSION_LOG, &summary);
    bench_import(&bench, &second, CHANNEL_LOG_EVENT, &summary);
    const struct held held = bench_look(&bench);
    struct store_result priced = {0};
    if (bench.code == ERR_OK) {
        bench.code = store_run(
            bench.store, QUERY_reprice_steps,
            (const struct store_value[]){STORE_OF_INT64(2), STORE_OF_INT64(1), STORE_OF_INT64(0)},
            3, &bench.arena, &priced, &bench.err);
    }
    const bool is_first = bench.code == ERR_OK && priced.rows == 1 &&
                          str_equal(store_text(&priced, 0, 1), STR("claims"));
    const enum errc code = bench.code;
    bench_teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(held.faults == 0); /* postings and steps tie, of the same workflow */
    EXPECT(held.steps == 1);
    EXPECT(held.cost_pusd == bench_cost_pusd(700));
    EXPECT(is_first);
}

/* The event replaces the log's reading, which is then told by another name; the group fails behind
 * that, for want of a table. */
static void what_a_failed_import_joined_is_two_again(void)
{
    struct bench bench;
    struct ingest_summary summary = {0};
    bench_setup(&bench);
    struct step message[] = {on(named("msg_1", NULL, 900), CHANNEL_SESSION_LOG)};
    struct step event[] = {told(700)};
    struct step bridge[] = {logged(900)};
    const struct trace traces[] = {bench_trace(message, 1), bench_trace(event, 1),
                                   bench_trace(bridge, 1)};
    bench_import(&bench, &traces[0], CHANNEL_SESSION_LOG, &summary);
    bench_import(&bench, &traces[1], CHANNEL_LOG_EVENT, &summary);
    bool failed = false;
    if (bench.code == ERR_OK) {
        bench.code =
            store_sql(bench.store, "ALTER TABLE attempts RENAME TO away", "test", &bench.err);
    }
    if (bench.code == ERR_OK) {
        bench_import(&bench, &traces[2], CHANNEL_SESSION_LOG, &summary);
        failed = bench.code == ERR_STORE;
        bench.code =
            store_sql(bench.store, "ALTER TABLE away RENAME TO attempts", "test", &bench.err);
    }
    const struct held between = bench_look(&bench);
    const int64_t names = count_of(&bench, QUERY_any_alias);
    bench_import(&bench, &traces[2], CHANNEL_SESSION_LOG, &summary);
    const struct held held = bench_look(&bench);
    const enum errc code = bench.code;
    bench_teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(failed);
    EXPECT(between.faults == 0);
    EXPECT(between.steps == 2);
    EXPECT(between.cost_pusd == bench_cost_pusd(900) + bench_cost_pusd(700));
    EXPECT(names == 0);
    EXPECT(held.faults == 0);
    EXPECT(held.steps == 1);
    EXPECT(held.cost_pusd == bench_cost_pusd(700));
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(calls_without_a_common_name_stay_two),
        TEST_SPARSE(what_a_failed_import_joined_is_two_again),
        TEST_SPARSE(two_names_are_one_call_in_either_order_apart_and_together),
        TEST_SPARSE(a_chain_of_names_is_one_call_in_every_order),
        TEST_SPARSE(two_calls_that_turn_out_to_be_one_keep_their_texts_and_callers),
        TEST_SPARSE(a_tool_finds_the_call_that_another_channel_told_first),
        TEST_SPARSE(a_step_stays_in_the_case_of_its_first_reading),
    };
    return test_main(tests, COUNT_OF(tests));
}
