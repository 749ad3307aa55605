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

struct damage {
    const char *damage;
    enum store_query check;
    const char *says; /* empty: it is none */
};

static const struct damage damages[] = {
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
    {"INSERT INTO step_aliases SELECT 5, step_key, 1 FROM steps WHERE channel > 0",
     QUERY_verify_duplicate_names, "the name 5 of a step is there 3 times"},
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

/* Of decisions, and of what the log of holds says of the gateway's call, which cost 10 p$. */
static const struct damage own_damages[] = {
    {"INSERT INTO decisions SELECT * REPLACE (7 AS step_key) FROM decisions",
     QUERY_verify_decisions, "a decision belongs to step 7, which is not there"},
    {"INSERT INTO decisions SELECT * FROM decisions", QUERY_verify_decisions, "has 2 decisions"},
    {"DELETE FROM steps WHERE output = 20", QUERY_verify_decisions, "which is not there"},
    {"UPDATE steps SET cost_pusd = cost_pusd + 1 WHERE channel = 0", QUERY_verify_settlements,
     "call msg_g: the budgets were charged 10 p$, the ledger says 11 p$"},
    {"UPDATE steps SET cost_pusd = NULL WHERE channel = 0", QUERY_verify_settlements,
     "the ledger says nothing"},
    {"DELETE FROM steps WHERE channel = 0", QUERY_verify_settlements,
     "call msg_g is settled and not in the ledger"},
    {"UPDATE steps SET channel = 2 WHERE channel = 0", QUERY_verify_settlements,
     "call msg_g is settled and not in the ledger"},
    {"UPDATE staged_settlements SET posted_pusd = 9", QUERY_verify_settlements,
     "call msg_g: the budgets were charged 9 p$, its record says 10 p$"},
    {"INSERT INTO staged_settlements SELECT * FROM staged_settlements", QUERY_verify_settlements,
     "call msg_g was charged 2 times"},
    {"INSERT INTO staged_settlements SELECT * REPLACE (5 AS step_key) FROM staged_settlements",
     QUERY_verify_settlements, "call msg_g is settled and not in the ledger"},
};

/* Changes after which everything still ties. */
static const struct damage changes[] = {
    {"UPDATE staged_settlements SET posted_pusd = NULL, row_pusd = NULL; "
     "UPDATE steps SET cost_pusd = NULL WHERE channel = 0",
     QUERY_verify_settlements, ""},
    {"UPDATE staged_settlements SET is_waiting = 1; DELETE FROM steps WHERE channel = 0",
     QUERY_verify_settlements, ""},
    {"INSERT INTO superseded_steps BY NAME SELECT *, 9 AS superseded_by FROM steps "
     "WHERE channel = 0; UPDATE steps SET cost_pusd = 12 WHERE channel = 0",
     QUERY_verify_settlements, ""},
    {"INSERT INTO step_aliases SELECT step_key, 6, 1 FROM steps WHERE channel = 0; "
     "UPDATE steps SET step_key = 6 WHERE channel = 0",
     QUERY_verify_settlements, ""},
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
    const struct decision decision = {.choice = STR("refund")};
    first[1].decision = &decision;
    if (code == ERR_OK) {
        code = import(store, book, first, COUNT_OF(first), err);
    }
    return code == ERR_OK ? import(store, book, fuller, COUNT_OF(fuller), err) : code;
}

/* A call of the gateway, and what the log of holds says of it. */
static enum errc settle(struct store *store, struct arena *arena, struct err *err)
{
    const struct price_book *book = NULL;
    enum errc code = price_book_parse(price_shipped(), arena, &book, err);
    struct step made[] = {call("msg_g", "claude-sonnet-4-5", 40)};
    made[0].has_channel = true;
    made[0].channel = CHANNEL_GATEWAY;
    made[0].has_price = true;
    made[0].price_id = 1;
    made[0].priced_pusd = 10;
    const struct ledger_settlements row = {.step_key = hash128_of(STR("id"), STR("msg_g")),
                                           .identity = STR("msg_g"),
                                           .posted_pusd = 10,
                                           .row_pusd = 10};
    if (code == ERR_OK) {
        code = import(store, book, made, COUNT_OF(made), err);
    }
    return code == ERR_OK ? store_stage(store, LEDGER_settlements, &row, 1, err) : code;
}

/* What the check finds in the damaged ledger, and whether it finds nothing in the whole one. */
static bool finds(struct store *store, struct arena *arena, const struct damage *damage)
{
    struct err err = {0};
    struct store_result whole;
    struct store_result damaged;
    bool found = store_run(store, damage->check, NULL, 0, arena, &whole, &err) == ERR_OK &&
                 whole.rows == 0 && store_begin(store, &err) == ERR_OK &&
                 store_sql(store, damage->damage, "damage", &err) == ERR_OK &&
                 store_run(store, damage->check, NULL, 0, arena, &damaged, &err) == ERR_OK;
    store_rollback(store);
    const struct str text = found && damaged.rows > 0 ? store_text(&damaged, 0, 0) : STR("");
    found = found &&
            (damage->says[0] == '\0' ? text.size == 0
                                     : text.size > 0 && strstr(text.data, damage->says) != NULL);
    if (!found) {
        fprintf(stderr, "%s: found \"" STR_FORMAT "\" %s\n", damage->damage, STR_ARG(text),
                err.text);
    }
    return found;
}

static size_t find_all(struct store *store, struct arena *arena, const struct damage *list,
                       size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += finds(store, arena, &list[i]);
    }
    return found;
}

static void every_damage_is_found_and_named(void)
{
    struct home home;
    struct arena arena;
    struct store *store = NULL;
    struct err err = {0};
    if (test_is_refusing()) {
        return; /* twenty databases for each refused allocation take too long */
    }
    home_make(&home);
    arena_init(&arena, ARENA_BYTES);
    enum errc code = store_open(home_str(&home), STORE_WRITE, &store, &err);
    if (code == ERR_OK) {
        code = fill(store, &arena, &err);
    }
    size_t found = code == ERR_OK ? find_all(store, &arena, damages, COUNT_OF(damages)) : 0;
    if (code == ERR_OK) {
        code = settle(store, &arena, &err);
    }
    if (code != ERR_OK) {
        fprintf(stderr, "%s\n", err.text);
    } else {
        found += find_all(store, &arena, own_damages, COUNT_OF(own_damages));
        found += find_all(store, &arena, changes, COUNT_OF(changes));
    }
    store_close(&store);
    arena_deinit(&arena);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(found == COUNT_OF(damages) + COUNT_OF(own_damages) + COUNT_OF(changes));
}

int main(void)
{
    static const struct test tests[] = {
        TEST(every_damage_is_found_and_named),
    };
    return test_main(tests, COUNT_OF(tests));
}
