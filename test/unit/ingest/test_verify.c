/* verify: each way a ledger can be damaged is found by the check that is there for it, which says
 * where. A small ledger of two imports, one reading replaced; every damage is rolled back. */
#include <stdio.h>

#include "base/clock.h"
#include "ingest/ingest.h"
#include "store/ledger_priv.h"
#include "support/home.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)64 << 20)
#define NOON_NS     (INT64_C(20700) * CLOCK_NS_PER_DAY + CLOCK_NS_PER_DAY / 2)

static const struct {
    const char *damage;
    enum store_query check;
    const char *says;
} damages[] = {
    {"INSERT INTO steps SELECT * FROM steps LIMIT 1", QUERY_verify_duplicate_steps, "2 times"},
    {"INSERT INTO cases SELECT * REPLACE ('other' AS case_id) FROM cases",
     QUERY_verify_duplicate_names, "is there 2 times"},
    {"INSERT INTO attempts SELECT * FROM attempts", QUERY_verify_duplicate_names, "attempt A-1"},
    {"DELETE FROM attempts", QUERY_verify_orphans, "belongs to no attempt"},
    {"DELETE FROM cases", QUERY_verify_orphans, "attempt A-1 belongs to no case"},
    {"UPDATE steps SET case_key = case_key + 1 WHERE output = 20", QUERY_verify_orphans,
     "name different cases"},
    {"UPDATE steps SET workflow = 'mine' WHERE output = 20", QUERY_verify_orphans,
     "name different workflows"},
    {"INSERT INTO step_aliases VALUES (5, 6, 1)", QUERY_verify_orphans,
     "a name belongs to step 6, which is not there"},
    {"INSERT INTO step_aliases SELECT 5, step_key, 1 FROM steps", QUERY_verify_duplicate_names,
     "the name 5 of a step is there 3 times"},
    {"INSERT INTO step_aliases SELECT step_key, step_key, 1 FROM steps WHERE output = 20",
     QUERY_verify_duplicate_steps, "is there under its other name, too"},
    {"DELETE FROM steps WHERE cost_basis = 3", QUERY_verify_imports,
     "import 1 brought 3 steps, 2 are there"},
    {"DELETE FROM superseded_steps", QUERY_verify_imports, "import 1 brought 3 steps"},
    {"UPDATE steps SET import_id = 9 WHERE output = 20", QUERY_verify_imports, " steps, "},
    {"UPDATE steps SET cost_pusd = 1 WHERE cost_basis = 3", QUERY_verify_bases, "how it was found"},
    {"UPDATE steps SET cost_pusd = NULL WHERE output = 20", QUERY_verify_bases, "how it was found"},
    {"UPDATE steps SET cost_basis = 2, cost_pusd = NULL WHERE output = 20", QUERY_verify_bases,
     "how it was found"},
    {"UPDATE steps SET cost_basis = NULL WHERE output = 20", QUERY_verify_bases,
     "how it was found"},
    {"DELETE FROM postings WHERE account = 0", QUERY_verify_unbalanced, "is off by -"},
    {"UPDATE postings SET provider = 'somebody' WHERE account = 1", QUERY_verify_unbalanced,
     "different days, workflows or providers"},
    {"DELETE FROM postings WHERE import_id = 2", QUERY_verify_totals,
     "import 2, 2026-09-04, workflow \"claims\", anthropic: steps cost 4350000000 p$"},
    {"UPDATE steps SET cost_pusd = cost_pusd + 1 WHERE output = 20", QUERY_verify_totals,
     "import 1, 2026-09-04"},
    {"DELETE FROM steps WHERE output = 20", QUERY_verify_totals, "import 1, 2026-09-04"},
    {"UPDATE steps SET started_ns = started_ns + 86400000000000 WHERE output = 20",
     QUERY_verify_totals, "import 1, 2026-09-0"},
};

static struct step call(const char *identity, const char *model, int64_t output)
{
    struct step step = {
        .kind = STEP_LLM,
        .identity = str_from(identity),
        .provider = STR("anthropic"),
        .model = str_from(model),
        .has_usage = true,
        .started_ns = NOON_NS,
        .ended_ns = NOON_NS,
    };
    step.usage.counts[USAGE_INPUT_UNCACHED] = 1000;
    step.usage.counts[USAGE_OUTPUT] = output;
    return step;
}

static enum errc import(struct store *store, const struct price_book *book, struct step *steps,
                        size_t count, struct err *err)
{
    static struct trace_case a_case = {.id = STR_STATIC("C-1"), .workflow = STR_STATIC("claims")};
    static struct attempt an_attempt = {.id = STR_STATIC("A-1")};
    const struct trace trace = {
        .cases = {&a_case, 1, 1}, .attempts = {&an_attempt, 1, 1}, .steps = {steps, count, count}};
    const struct ingest_origin origin = {.path = STR("/logs/a.jsonl"),
                                         .channel = CHANNEL_SESSION_LOG};
    struct ingest *ingest = NULL;
    ingest_create(&ingest, store, book, STR("test"), NOON_NS);
    enum errc code = ingest_add(ingest, &trace, &origin, err);
    if (code == ERR_OK) {
        code = ingest_flush(ingest, err);
    }
    ingest_destroy(&ingest);
    return code;
}

static enum errc fill(struct store *store, struct arena *arena, struct err *err)
{
    const struct price_book *book = NULL;
    enum errc code = price_book_parse(price_shipped(), arena, &book, err);
    struct step first[] = {call("msg_1", "claude-sonnet-4-5", 10),
                           call("msg_2", "claude-sonnet-4-5", 20), call("msg_3", "in-house", 30)};
    struct step fuller[] = {call("msg_1", "claude-sonnet-4-5", 300)};
    if (code == ERR_OK) {
        code = import(store, book, first, COUNT_OF(first), err);
    }
    return code == ERR_OK ? import(store, book, fuller, COUNT_OF(fuller), err) : code;
}

/* What the check finds in the damaged ledger, and whether it finds nothing in the whole one. */
static bool finds(struct store *store, struct arena *arena, size_t damage)
{
    struct err err;
    struct store_result whole;
    struct store_result damaged;
    bool found = store_run(store, damages[damage].check, NULL, 0, arena, &whole, &err) == ERR_OK &&
                 whole.rows == 0 && store_begin(store, &err) == ERR_OK &&
                 store_sql(store, damages[damage].damage, "damage", &err) == ERR_OK &&
                 store_run(store, damages[damage].check, NULL, 0, arena, &damaged, &err) == ERR_OK;
    store_rollback(store);
    const struct str text = found && damaged.rows > 0 ? store_text(&damaged, 0, 0) : STR("");
    found = text.size > 0 && strstr(text.data, damages[damage].says) != NULL;
    if (!found) {
        fprintf(stderr, "%s: found \"" STR_FORMAT "\"\n", damages[damage].damage, STR_ARG(text));
    }
    return found;
}

static void every_damage_is_found_and_named(void)
{
    struct home home;
    struct arena arena;
    struct store *store = NULL;
    struct err err;
    if (test_is_refusing()) {
        return; /* twenty databases for each refused allocation take too long */
    }
    home_make(&home);
    arena_init(&arena, ARENA_BYTES);
    enum errc code = store_open(home_str(&home), STORE_WRITE, &store, &err);
    if (code == ERR_OK) {
        code = fill(store, &arena, &err);
    }
    if (code != ERR_OK) {
        fprintf(stderr, "%s\n", err.text);
    }
    size_t found = 0;
    for (size_t i = 0; code == ERR_OK && i < COUNT_OF(damages); i++) {
        found += finds(store, &arena, i);
    }
    store_close(&store);
    arena_deinit(&arena);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(found == COUNT_OF(damages));
}

int main(void)
{
    static const struct test tests[] = {
        TEST(every_damage_is_found_and_named),
    };
    return test_main(tests, COUNT_OF(tests));
}
