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

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(every_key_that_was_added_is_there_and_hardly_another),
        TEST_SPARSE(what_an_import_wrote_is_known_after_filling_and_filled_anew_after_another),
        TEST_SPARSE(runs_with_and_without_a_memory_count_a_call_once),
    };
    return test_main(tests, COUNT_OF(tests));
}
