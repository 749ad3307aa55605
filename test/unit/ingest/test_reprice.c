/* reprice: the book of now takes the place of the price a call had, and the ledger still ties. A
 * small ledger of calls with, without and beyond prices; books by shipped text and YAML. */
#include "ingest/reprice.h"

#include <string.h>

#include "base/clock.h"
#include "base/yaml.h"
#include "ingest/ingest.h"
#include "support/book.h"
#include "support/home.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)64 << 20)
#define NOON_NS     (INT64_C(20700) * CLOCK_NS_PER_DAY + CLOCK_NS_PER_DAY / 2)

#define IN_HOUSE_ENTRY "  - {provider: cellar, model: in-house, input: 1, output: 2}\n"
#define IN_HOUSE       "prices:\n" IN_HOUSE_ENTRY
#define CONTRACT       "prices:\n  - {provider: anthropic, model: claude-sonnet-4-5, output: 10}\n"

enum { CALLS = 6 };

struct bench {
    struct home home;
    struct arena arena;
    struct store *store;
    const struct price_book *book; /* shipped */
    struct err err;
    enum errc code;
};

/* What the ledger holds. */
struct held {
    int64_t steps;
    int64_t cost_pusd;
    int64_t unpriced;
    int64_t imports; /* beyond those of setup() */
    int64_t faults;  /* findings of verify's checks */
};

static const enum store_query checks[] = {
    QUERY_verify_duplicate_steps, QUERY_verify_duplicate_names, QUERY_verify_orphans,
    QUERY_verify_imports,         QUERY_verify_bases,           QUERY_verify_unbalanced,
    QUERY_verify_totals};

static struct step call(const char *identity, const char *model, int64_t output)
{
    struct step step = {
        .kind = STEP_LLM,
        .identity = str_from(identity),
        .model = str_from(model),
        .has_usage = true,
        .started_ns = NOON_NS,
        .ended_ns = NOON_NS,
    };
    step.usage.counts[USAGE_INPUT_UNCACHED] = 1000;
    step.usage.counts[USAGE_OUTPUT] = output;
    return step;
}

static void import(struct bench *bench, const struct price_book *book, struct step *steps,
                   size_t count, enum channel channel)
{
    static struct trace_case a_case = {.id = STR_STATIC("C-1"), .workflow = STR_STATIC("claims")};
    static struct attempt an_attempt = {.id = STR_STATIC("A-1")};
    const struct trace trace = {
        .cases = {&a_case, 1, 1}, .attempts = {&an_attempt, 1, 1}, .steps = {steps, count, count}};
    const struct ingest_origin origin = {.path = STR("/logs/a.jsonl"), .channel = channel};
    struct ingest *ingest = NULL;
    if (bench->code != ERR_OK) {
        return;
    }
    ingest_create(&ingest, bench->store, book, STR("test"), NOON_NS);
    bench->code = ingest_add(ingest, &trace, &origin, &bench->err);
    if (bench->code == ERR_OK) {
        bench->code = ingest_flush(ingest, &bench->err);
    }
    ingest_destroy(&ingest);
}

/* The shipped book with `yaml` over it; NULL: an allocation was refused. */
static const struct price_book *with(struct bench *bench, const char *yaml)
{
    const struct yaml *root = NULL;
    const struct price_book *book = NULL;
    if (bench->code == ERR_OK) {
        bench->code =
            yaml_parse(STR("bursar.yaml"), str_from(yaml), &bench->arena, &root, &bench->err);
    }
    if (bench->code == ERR_OK) {
        bench->code = price_book_overlay(bench->book, yaml_get(root, "prices"), &bench->arena,
                                         &book, &bench->err);
    }
    return book;
}

/* A ledger of six calls by the shipped book: two priced, one without a price, one whose usage
 * nobody reported, and of a table one that was paid and one whose zero means nothing. */
static void setup(struct bench *bench)
{
    *bench = (struct bench){0};
    home_make(&bench->home);
    arena_init(&bench->arena, ARENA_BYTES);
    bench->book = book_shipped();
    bench->code = test_part()
                      ? store_open(home_str(&bench->home), STORE_WRITE, &bench->store, &bench->err)
                      : ERR_LIMIT;
    struct step logged[] = {call("msg_1", "claude-sonnet-4-5", 10),
                            call("msg_2", "claude-sonnet-4-5", 20), call("msg_3", "in-house", 30),
                            call("msg_4", "in-house", 0)};
    logged[3].has_usage = false;
    logged[3].usage = (struct usage){0};
    struct step paid[] = {call("row_1", "in-house", 40), call("row_2", "in-house", 50)};
    paid[0].has_reported = true;
    paid[0].reported_pusd = 7000000;
    paid[1].is_unpriceable = true;
    import(bench, bench->book, logged, COUNT_OF(logged), CHANNEL_SESSION_LOG);
    import(bench, bench->book, paid, COUNT_OF(paid), CHANNEL_TABLE);
}

static void teardown(struct bench *bench)
{
    store_close(&bench->store);
    arena_deinit(&bench->arena);
    home_remove(&bench->home);
}

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
    for (size_t i = 0; i < COUNT_OF(checks) && bench->store != NULL; i++) {
        CHECK(store_run(bench->store, checks[i], NULL, 0, &arena, &result, &err) == ERR_OK);
        held.faults += (int64_t)result.rows;
    }
    if (bench->store != NULL) {
        CHECK(store_run(bench->store, QUERY_verify_count, NULL, 0, &arena, &result, &err) ==
              ERR_OK);
        held.steps = store_int64(&result, 0, 0, -1);
        held.cost_pusd = store_int64(&result, 0, 2, -1);
        held.unpriced = store_int64(&result, 0, 4, -1);
        CHECK(store_run(bench->store, QUERY_next_import, NULL, 0, &arena, &result, &err) == ERR_OK);
        held.imports = store_int64(&result, 0, 0, -1) - 3;
    }
    arena_deinit(&arena);
    arena_fail_after = refusal;
    return held;
}

static struct reprice_summary reprice(struct bench *bench, const struct price_book *book,
                                      bool apply)
{
    struct reprice_summary summary = {0};
    if (bench->code == ERR_OK) {
        bench->code = ingest_reprice(bench->store, book, NOON_NS, apply, &bench->arena, &summary,
                                     &bench->err);
    }
    return summary;
}

/* $3 and $15 a million tokens: 1,000 in each, 10 and 20 out; and what the table says. */
#define BEFORE_PUSD   (2000 * INT64_C(3000000) + 30 * INT64_C(15000000) + 7000000)
#define IN_HOUSE_PUSD (1000 * INT64_C(1000000) + 30 * INT64_C(2000000))

static void a_cost_beyond_what_a_row_holds_is_refused_and_nothing_written(void)
{
    struct bench bench;
    setup(&bench);
    struct step dear[] = {call("msg_9", "dear", 1000000000)};
    import(&bench, bench.book, dear, 1, CHANNEL_SESSION_LOG);
    const struct held before = look(&bench);
    const struct price_book *const book =
        with(&bench, "prices:\n  - {provider: cellar, model: dear, input: 1, output: 10000}\n");
    (void)reprice(&bench, book, true);
    const struct held after = look(&bench);
    const enum errc code = bench.code;
    const bool named = strstr(bench.err.text, "a call to dear: ") != NULL;
    teardown(&bench);
    EXPECT(code == ERR_RANGE);
    EXPECT(named);
    EXPECT(after.cost_pusd == before.cost_pusd && after.imports == before.imports);
    EXPECT(after.faults == 0);
}

static void without_apply_it_only_says_what_would_change(void)
{
    struct bench bench;
    setup(&bench);
    const struct price_book *const book = with(&bench, IN_HOUSE);
    const struct reprice_summary summary = reprice(&bench, book, false);
    const struct held held = look(&bench);
    const bool fine = bench.code == ERR_OK;
    teardown(&bench);
    EXPECT(fine);
    EXPECT(summary.total.calls == 1 && summary.total.newly_priced == 1);
    EXPECT(held.imports == 0 && held.unpriced == 3 && held.cost_pusd == BEFORE_PUSD);
}

static void a_price_added_later_prices_what_had_none(void)
{
    struct bench bench;
    setup(&bench);
    const struct price_book *const book = with(&bench, IN_HOUSE);
    const struct reprice_summary summary = reprice(&bench, book, true);
    const struct held held = look(&bench);
    const bool fine = bench.code == ERR_OK;
    const bool named = fine && summary.line_count == 1 &&
                       str_equal(summary.lines[0].workflow, STR("claims")) &&
                       str_equal(summary.lines[0].model, STR("in-house"));
    teardown(&bench);
    EXPECT(fine);
    EXPECT(named);
    EXPECT(summary.calls == CALLS && summary.total.calls == 1 && summary.total.newly_priced == 1);
    EXPECT(summary.total.old_pusd == 0 && summary.total.new_pusd == IN_HOUSE_PUSD);
    EXPECT(held.steps == CALLS && held.imports == 1 && held.faults == 0);
    EXPECT(held.cost_pusd == BEFORE_PUSD + IN_HOUSE_PUSD);
}

static void what_a_table_says_and_what_nobody_counted_stays(void)
{
    struct bench bench;
    setup(&bench);
    const struct price_book *const book = with(&bench, IN_HOUSE);
    const struct reprice_summary summary = reprice(&bench, book, true);
    const struct held held = look(&bench);
    const bool fine = bench.code == ERR_OK;
    teardown(&bench);
    EXPECT(fine);
    EXPECT(summary.table_reported == 1 && summary.unpriced == 2 && summary.kept == 0);
    EXPECT(held.unpriced == 2);
}

static void a_changed_price_moves_the_totals_and_postings_tie(void)
{
    struct bench bench;
    setup(&bench);
    const struct price_book *const book = with(&bench, CONTRACT);
    const struct reprice_summary summary = reprice(&bench, book, true);
    const struct held held = look(&bench);
    const bool fine = bench.code == ERR_OK;
    teardown(&bench);
    EXPECT(fine);
    EXPECT(summary.total.calls == 2 && summary.total.newly_priced == 0);
    EXPECT(summary.total.new_pusd - summary.total.old_pusd == -30 * INT64_C(5000000));
    EXPECT(held.cost_pusd == BEFORE_PUSD - 30 * INT64_C(5000000));
    EXPECT(held.steps == CALLS && held.faults == 0);
}

static void twice_is_once_and_back_is_where_it_was(void)
{
    struct bench bench;
    setup(&bench);
    const struct price_book *const book = with(&bench, CONTRACT IN_HOUSE_ENTRY);
    (void)reprice(&bench, book, true);
    const struct held once = look(&bench);
    const struct reprice_summary again = reprice(&bench, book, true);
    const struct held twice = look(&bench);
    const struct reprice_summary back = reprice(&bench, bench.book, true);
    const struct held held = look(&bench);
    const bool fine = bench.code == ERR_OK;
    teardown(&bench);
    EXPECT(fine);
    EXPECT(again.total.calls == 0 && again.calls == CALLS);
    EXPECT(twice.imports == once.imports && twice.cost_pusd == once.cost_pusd);
    EXPECT(back.total.calls == 2 && back.kept == 1); /* a price is never lost */
    EXPECT(held.cost_pusd == BEFORE_PUSD + IN_HOUSE_PUSD);
    EXPECT(held.steps == CALLS && held.faults == 0);
}

static void a_provider_read_from_the_name_is_found_again(void)
{
    struct bench bench;
    setup(&bench);
    struct step passed_on[] = {call("msg_8", "openrouter/anthropic/claude-sonnet-4.5", 10),
                               call("msg_9", "azure/gpt-4.1", 10)};
    import(&bench, bench.book, passed_on, COUNT_OF(passed_on), CHANNEL_SESSION_LOG);
    const struct held before = look(&bench);
    const struct reprice_summary summary = reprice(&bench, bench.book, false);
    const bool fine = bench.code == ERR_OK;
    teardown(&bench);
    EXPECT(fine);
    EXPECT(before.unpriced == 3);
    EXPECT(summary.total.calls == 0 && summary.kept == 0);
}

static void a_fuller_reading_comes_after_a_price_as_before_it(void)
{
    struct bench bench;
    setup(&bench);
    const struct price_book *const book = with(&bench, CONTRACT);
    (void)reprice(&bench, book, true);
    struct step fuller[] = {call("msg_1", "claude-sonnet-4-5", 300)};
    import(&bench, book, fuller, 1, CHANNEL_SESSION_LOG);
    const struct held held = look(&bench);
    const bool fine = bench.code == ERR_OK;
    teardown(&bench);
    EXPECT(fine);
    EXPECT(held.steps == CALLS && held.faults == 0);
    EXPECT(held.cost_pusd == 2000 * INT64_C(3000000) + (300 + 20) * INT64_C(10000000) + 7000000);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(a_cost_beyond_what_a_row_holds_is_refused_and_nothing_written),
        TEST_SPARSE(without_apply_it_only_says_what_would_change),
        TEST_SPARSE(a_price_added_later_prices_what_had_none),
        TEST_SPARSE(what_a_table_says_and_what_nobody_counted_stays),
        TEST_SPARSE(a_changed_price_moves_the_totals_and_postings_tie),
        TEST_SPARSE(twice_is_once_and_back_is_where_it_was),
        TEST_SPARSE(a_provider_read_from_the_name_is_found_again),
        TEST_SPARSE(a_fuller_reading_comes_after_a_price_as_before_it),
    };
    return test_main(tests, COUNT_OF(tests));
}
