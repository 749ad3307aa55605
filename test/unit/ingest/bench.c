/* Small traces by hand, imported into a ledger of a test's own. */
#include "bench.h"

#include "base/check.h"
#include "support/book.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)64 << 20)

void bench_setup(struct bench *bench)
{
    CHECK(bench != NULL);
    *bench = (struct bench){0};
    home_make(&bench->home);
    arena_init(&bench->arena, ARENA_BYTES);
    bench->book = book_shipped();
    bench->code = test_part() ? ERR_OK : ERR_LIMIT;
    if (bench->code == ERR_OK) {
        bench->code = store_open(home_str(&bench->home), STORE_WRITE, &bench->store, &bench->err);
    }
}

void bench_teardown(struct bench *bench)
{
    store_close(&bench->store);
    arena_deinit(&bench->arena);
    home_remove(&bench->home);
}

static const enum store_query checks[] = {
    QUERY_verify_duplicate_steps, QUERY_verify_duplicate_names, QUERY_verify_orphans,
    QUERY_verify_imports,         QUERY_verify_bases,           QUERY_verify_unbalanced,
    QUERY_verify_totals};

/* Look with a fresh arena and no refusals, as another program would; but not where an import was
 * refused memory: nobody judges what is found then. */
struct held bench_look(struct bench *bench)
{
    return test_is_spent() ? (struct held){.steps = -1} : bench_look_always(bench);
}

struct held bench_look_always(struct bench *bench)
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

struct trace_case bench_case = {.id = STR_STATIC("C-1"), .workflow = STR_STATIC("claims")};
struct attempt bench_attempt = {.id = STR_STATIC("A-1")};

struct step bench_call(const char *identity, int64_t output)
{
    struct step step = {
        .kind = STEP_LLM,
        .identity = str_from(identity),
        .provider = STR("anthropic"),
        .model = STR("claude-sonnet-4-5"),
        .has_usage = true,
        .started_ns = BENCH_NOON_NS,
        .ended_ns = BENCH_NOON_NS,
        .raw_usage = STR("{}"),
    };
    step.usage.counts[USAGE_INPUT_UNCACHED] = 1000;
    step.usage.counts[USAGE_OUTPUT] = output;
    return step;
}

struct trace bench_trace(struct step *steps, size_t count)
{
    return (struct trace){.cases = {&bench_case, 1, 1},
                          .attempts = {&bench_attempt, 1, 1},
                          .steps = {steps, count, count}};
}

/* One import of its own: what a run of the command does. */
void bench_import(struct bench *bench, const struct trace *trace, enum channel channel,
                  struct ingest_summary *out)
{
    if (bench->code != ERR_OK) {
        return;
    }
    struct ingest *ingest = NULL;
    const struct ingest_origin origin = {.path = STR("/logs/a.jsonl"), .channel = channel};
    ingest_create(&ingest, bench->store, bench->book, STR("test"), BENCH_NOON_NS);
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
int64_t bench_cost_pusd(int64_t output)
{
    return 1000 * INT64_C(3000000) + output * INT64_C(15000000);
}
