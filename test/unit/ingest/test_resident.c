/* resident: no key the ledger has is ever missed, whoever wrote it; few others are taken for known.
 * Method: keys of a splitmix sequence, and ledgers of a test's own. */
#include "ingest/resident.h"

#include "bench.h"
#include "support/test.h"

enum { KEYS = 400000 };

static uint64_t key_of(uint64_t number)
{
    return number * UINT64_C(0x9e3779b97f4a7c15);
}

static void every_key_that_was_added_is_there_and_hardly_another(void)
{
    struct bench bench;
    struct resident *resident = NULL;
    bench_setup(&bench);
    resident_create(&resident);
    const enum errc code =
        bench.code != ERR_OK ? bench.code : resident_fill(resident, bench.store, 1, &bench.err);
    int missed = 0;
    int mistaken = 0;
    for (uint64_t i = 0; i < KEYS && code == ERR_OK; i++) {
        resident_add(resident, RESIDENT_STEP, key_of(i));
        resident_add(resident, RESIDENT_STEP, key_of(i));
    }
    for (uint64_t i = 0; i < KEYS && code == ERR_OK; i++) {
        missed += !resident_has(resident, RESIDENT_STEP, key_of(i));
        mistaken += resident_has(resident, RESIDENT_STEP, key_of(i + KEYS)) +
                    resident_has(resident, RESIDENT_CASE, key_of(i));
    }
    const size_t bytes = resident_bytes(resident);
    resident_destroy(&resident);
    bench_teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(missed == 0);
    EXPECT(mistaken <= 2); /* 800,000 looks at one in four thousand million */
    EXPECT(bytes <= KEYS * 12);
}

static void what_an_import_wrote_is_known_after_filling_and_filled_anew_after_another(void)
{
    struct bench bench;
    struct resident *resident = NULL;
    struct ingest_summary summary;
    struct step first = bench_call("msg_of_the_first", 10);
    struct step second = bench_call("msg_of_the_second", 10);
    const struct trace one = bench_trace(&first, 1);
    const struct trace two = bench_trace(&second, 1);
    const uint64_t keys[] = {hash128_of(STR("id"), first.identity).low,
                             hash128_of(STR("id"), second.identity).low};
    bool has[4] = {false};
    bench_setup(&bench);
    resident_create(&resident);
    bench_import(&bench, &one, CHANNEL_SPAN, &summary);
    enum errc code =
        bench.code != ERR_OK ? bench.code : resident_fill(resident, bench.store, 2, &bench.err);
    if (code == ERR_OK) {
        has[0] = resident_has(resident, RESIDENT_STEP, keys[0]);
        has[1] = resident_has(resident, RESIDENT_STEP, keys[1]);
        bench_import(&bench, &two, CHANNEL_SPAN, &summary);
        code =
            bench.code != ERR_OK ? bench.code : resident_fill(resident, bench.store, 3, &bench.err);
    }
    if (code == ERR_OK) {
        has[2] = resident_has(resident, RESIDENT_STEP, keys[0]);
        has[3] = resident_has(resident, RESIDENT_STEP, keys[1]);
    }
    resident_destroy(&resident);
    bench_teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(has[0]);
    EXPECT(!has[1]);
    EXPECT(has[2]);
    EXPECT(has[3]);
}

/* The same call by a run that remembers and one that does not, in turn: it is there once. */
static void runs_with_and_without_a_memory_count_a_call_once(void)
{
    struct bench bench;
    struct resident *resident = NULL;
    struct step calls[] = {bench_call("msg_one_of_two", 10), bench_call("msg_two_of_two", 20)};
    const struct trace both = bench_trace(calls, 2);
    const struct trace one = bench_trace(calls, 1);
    const struct ingest_origin origin = {.path = STR("received"), .channel = CHANNEL_SPAN};
    struct ingest_summary summary;
    bench_setup(&bench);
    resident_create(&resident);
    bench_import(&bench, &one, CHANNEL_SPAN, &summary);
    for (int turn = 0; turn < 3 && bench.code == ERR_OK; turn++) {
        struct ingest *ingest = NULL;
        ingest_create(&ingest, bench.store, bench.book, STR("received"), BENCH_NOON_NS);
        ingest_remember(ingest, resident);
        bench.code = ingest_add(ingest, &both, &origin, &bench.err);
        bench.code = bench.code == ERR_OK ? ingest_flush(ingest, &bench.err) : bench.code;
        ingest_destroy(&ingest);
        if (bench.code == ERR_OK) {
            bench_import(&bench, &both, CHANNEL_SPAN, &summary);
        }
    }
    resident_destroy(&resident);
    const enum errc code = bench.code;
    const struct held held = code == ERR_OK ? bench_look(&bench) : (struct held){0};
    bench_teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(held.steps == 2);
    EXPECT(held.cases == 1);
    EXPECT(held.cost_pusd == bench_cost_pusd(10) + bench_cost_pusd(20));
    EXPECT(held.faults == 0);
}

/* Traces one by one in one transaction of a run that remembers, and all of it again in another. */
static struct held load_twice(const struct trace *traces, size_t count)
{
    struct bench bench;
    struct resident *resident = NULL;
    const struct ingest_origin origin = {.path = STR("received"), .channel = CHANNEL_SPAN};
    bench_setup(&bench);
    resident_create(&resident);
    for (int turn = 0; turn < 2 && bench.code == ERR_OK; turn++) {
        struct ingest *ingest = NULL;
        ingest_create(&ingest, bench.store, bench.book, STR("received"), BENCH_NOON_NS);
        ingest_remember(ingest, resident);
        for (size_t i = 0; i < count && bench.code == ERR_OK; i++) {
            bench.code = ingest_add(ingest, &traces[i], &origin, &bench.err);
            bench.code = bench.code == ERR_OK ? ingest_write(ingest, &bench.err) : bench.code;
        }
        bench.code = bench.code == ERR_OK ? ingest_flush(ingest, &bench.err) : bench.code;
        ingest_destroy(&ingest);
    }
    resident_destroy(&resident);
    struct held held = bench_look(&bench);
    held.steps = bench.code == ERR_OK ? held.steps : -1;
    bench_teardown(&bench);
    return held;
}

static void a_step_moved_to_a_case_and_one_that_is_told_there_are_in_one_case(void)
{
    static struct trace_case of_trace = {.id = STR_STATIC("trace-1"), .is_session = true};
    static struct trace_case of_work = {.id = STR_STATIC("C-1"), .workflow = STR_STATIC("refunds")};
    struct trace_fact fact = {.trace_key = 77, .workflow = STR("refunds"), .case_id = STR("C-1")};
    struct step loose = bench_call("child", 10);
    struct step told = bench_call("sibling", 20);
    loose.trace_key = 77;
    loose.told = TOLD_LOOSE;
    struct trace traces[] = {
        bench_trace(&loose, 1), {.facts = {&fact, 1, 1}}, bench_trace(&told, 1)};
    traces[0].cases.rows = &of_trace;
    traces[2].cases.rows = &of_work;
    const struct held held = load_twice(traces, COUNT_OF(traces));
    EXPECT(held.faults == 0);
    EXPECT(held.steps == 2);
    EXPECT(held.cases == 1);
    EXPECT(held.cost_pusd == bench_cost_pusd(10) + bench_cost_pusd(20));
}

static void a_sum_and_its_calls_of_one_transaction_are_counted_once(void)
{
    struct meter meter = {
        .series = 7,
        .is_exclusive = true,
        .session = STR("A-1"),
        .started_ns = BENCH_NOON_NS,
        .ended_ns = BENCH_NOON_NS + INT64_C(60000000000),
#define X(name) .name = -1,
        METER_FIGURES(X)
#undef X
            .reported_pusd = -1,
    };
    meter.input = 2000;
    meter.output = 80;
    struct step point = bench_call("m1", 0);
    point.has_usage = false;
    point.has_channel = true;
    point.channel = CHANNEL_METRIC;
    point.ended_ns = meter.ended_ns;
    point.meter = &meter;
    struct step first = bench_call("c1", 50);
    struct step second = bench_call("c2", 30);
    first.started_ns += INT64_C(30000000000);
    first.ended_ns = first.started_ns;
    second.started_ns = first.started_ns;
    second.ended_ns = first.started_ns;
    const struct trace whole[] = {bench_trace(&point, 1), bench_trace(&first, 1),
                                  bench_trace(&second, 1)};
    const struct held part = load_twice(whole, 2);
    const struct held all = load_twice(whole, 3);
    EXPECT(part.faults == 0);
    EXPECT(part.steps == 2);
    EXPECT(part.cases == 1);
    EXPECT(part.cost_pusd == bench_cost_pusd(50) + bench_cost_pusd(30));
    EXPECT(all.faults == 0);
    EXPECT(all.steps == 2);
    EXPECT(all.cases == 1);
    EXPECT(all.cost_pusd == bench_cost_pusd(50) + bench_cost_pusd(30));
}

static void readings_of_one_call_without_a_name_are_one_within_a_transaction(void)
{
    struct step span = bench_call("of a span", 10);
    struct step event = bench_call("of an event", 10);
    span.nameless = STR("session-1");
    event.nameless = STR("session-1");
    event.has_channel = true;
    event.channel = CHANNEL_LOG_EVENT;
    const struct trace traces[] = {bench_trace(&span, 1), bench_trace(&event, 1)};
    const struct held held = load_twice(traces, COUNT_OF(traces));
    EXPECT(held.faults == 0);
    EXPECT(held.steps == 1);
    EXPECT(held.cost_pusd == bench_cost_pusd(10));
}

/* Add calls by a run of its own, as a process that stays does; what is known of the ledger then. */
static bool add_and_look(struct bench *bench, struct resident *resident, struct step *call,
                         struct resident_ledger *out)
{
    struct ingest *ingest = NULL;
    const struct trace trace = bench_trace(call, 1);
    const struct ingest_origin origin = {.path = STR("received"), .channel = CHANNEL_SPAN};
    int32_t next_import;
    if (bench->code != ERR_OK) {
        return false;
    }
    ingest_create(&ingest, bench->store, bench->book, STR("received"), BENCH_NOON_NS);
    ingest_remember(ingest, resident);
    bench->code = ingest_add(ingest, &trace, &origin, &bench->err);
    bench->code = bench->code == ERR_OK ? ingest_flush(ingest, &bench->err) : bench->code;
    ingest_destroy(&ingest);
    return resident_knows(resident, &next_import, out);
}

static void what_a_ledger_has_is_asked_once_and_again_when_others_wrote(void)
{
    struct bench bench;
    struct resident *resident = NULL;
    struct resident_ledger has[4] = {0};
    int32_t next_import;
    struct step plain = bench_call("msg_plain", 10);
    struct step named = bench_call("msg_named", 10);
    struct step again = bench_call("req_of_named", 10);
    named.alias = STR("req_of_named");
    bench_setup(&bench);
    resident_create(&resident);
    const bool knew = resident_knows(resident, &next_import, &has[0]);
    const bool first = add_and_look(&bench, resident, &plain, &has[0]);
    const bool second = add_and_look(&bench, resident, &named, &has[1]);
    const bool third = add_and_look(&bench, resident, &again, &has[2]);
    resident_doubt(resident);
    const bool after = resident_knows(resident, &next_import, &has[3]);
    resident_destroy(&resident);
    const enum errc code = bench.code;
    const struct held held = code == ERR_OK ? bench_look(&bench) : (struct held){0};
    bench_teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(!knew);
    EXPECT(first);
    EXPECT(second);
    EXPECT(has[1].steps);
    EXPECT(has[1].aliases); /* or the third would not be looked up under its other name */
    EXPECT(!has[1].meters);
    EXPECT(!third || has[2].aliases);
    EXPECT(!after);
    EXPECT(held.steps == 2);
    EXPECT(held.cost_pusd == 2 * bench_cost_pusd(10));
}

/* Its first load is rolled back with the second, which fails; then the same run has both again. */
static void a_run_whose_transaction_is_rolled_back_begins_anew(void)
{
    struct bench bench;
    struct resident *resident = NULL;
    struct ingest *ingest = NULL;
    struct step calls[] = {bench_call("msg_one_of_two", 10), bench_call("msg_two_of_two", 20)};
    const struct ingest_origin origin = {.path = STR("received"), .channel = CHANNEL_SPAN};
    enum errc failed = ERR_OK;
    bench_setup(&bench);
    resident_create(&resident);
    if (bench.code == ERR_OK) {
        ingest_create(&ingest, bench.store, bench.book, STR("received"), BENCH_NOON_NS);
        ingest_remember(ingest, resident);
    }
    for (int turn = 0; turn < 2 && bench.code == ERR_OK; turn++) {
        for (int i = 0; i < 2 && bench.code == ERR_OK; i++) {
            const struct trace trace = bench_trace(&calls[i], 1);
            bench.code = ingest_add(ingest, &trace, &origin, &bench.err);
            if (bench.code == ERR_OK && turn == 0 && i == 1) {
                const long refusal = arena_fail_after;
                arena_fail_after = 0;
                failed = ingest_write(ingest, &bench.err);
                arena_fail_after = refusal;
            } else if (bench.code == ERR_OK) {
                bench.code = ingest_write(ingest, &bench.err);
            }
        }
    }
    bench.code = bench.code == ERR_OK ? ingest_flush(ingest, &bench.err) : bench.code;
    ingest_destroy(&ingest);
    resident_destroy(&resident);
    const enum errc code = bench.code;
    const struct held held = code == ERR_OK ? bench_look(&bench) : (struct held){0};
    bench_teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(failed == ERR_LIMIT);
    EXPECT(held.steps == 2);
    EXPECT(held.cases == 1);
    EXPECT(held.cost_pusd == bench_cost_pusd(10) + bench_cost_pusd(20));
    EXPECT(held.faults == 0);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(every_key_that_was_added_is_there_and_hardly_another),
        TEST_SPARSE(what_an_import_wrote_is_known_after_filling_and_filled_anew_after_another),
        TEST_SPARSE(runs_with_and_without_a_memory_count_a_call_once),
        TEST_SPARSE(a_step_moved_to_a_case_and_one_that_is_told_there_are_in_one_case),
        TEST_SPARSE(a_sum_and_its_calls_of_one_transaction_are_counted_once),
        TEST_SPARSE(readings_of_one_call_without_a_name_are_one_within_a_transaction),
        TEST_SPARSE(what_a_ledger_has_is_asked_once_and_again_when_others_wrote),
        TEST_SPARSE(a_run_whose_transaction_is_rolled_back_begins_anew),
    };
    return test_main(tests, COUNT_OF(tests));
}
