/* verify: is the ledger whole? Each check is a question with the answer "nothing found". */
#include <stdio.h>

#include "app/app.h"
#include "base/check.h"
#include "cmd/verify_settlements.h"
#include "price/price.h"
#include "store/store.h"

#define VERIFY_ARENA_BYTES_MAX ((size_t)512 << 20)

enum {
    FINDINGS_MAX = 5,
    PART_STEPS_MAX = 65536, /* whose prices are checked at a time: an import may be a large file */
};

struct check {
    const char *name; /* what holds, as a sentence for people */
    enum store_query query;
};

static const struct check of_settlements = {"what the budgets were charged is what the calls cost",
                                            QUERY_verify_settlements};

/* Checks the store answers by itself. */
static const struct check checks[] = {
    {"no step is counted twice", QUERY_verify_duplicate_steps},
    {"no case, attempt, outcome or file is recorded twice", QUERY_verify_duplicate_names},
    {"every step has its attempt, every attempt and outcome its case", QUERY_verify_orphans},
    {"every step an import brought is there", QUERY_verify_imports},
    {"every decision is of one step, which has no other", QUERY_verify_decisions},
    {"every cost goes with how it was found", QUERY_verify_bases},
    {"every transaction's postings sum to zero", QUERY_verify_unbalanced},
    {"what was posted is what the steps cost", QUERY_verify_totals},
};

struct verdict {
    struct app *app;
    struct store *store;
    struct arena *arena;
    struct text json; /* the array of checks */
    int64_t failed;
};

static void add_check(struct verdict *verdict, const char *name, const struct str *findings,
                      size_t count)
{
    struct text *const json = &verdict->json;
    json_open_object(json);
    json_name(json, "check");
    json_put_text(json, name);
    json_name(json, "ok");
    json_put_bool(json, count == 0);
    json_name(json, "found");
    json_open_array(json);
    for (size_t i = 0; i < count; i++) {
        json_put_str(json, findings[i]);
    }
    json_close_array(json);
    json_close_object(json);
    verdict->failed += count > 0;
    if (!verdict->app->json) {
        text_format(verdict->app->out, "%s  %s\n", count == 0 ? "ok    " : "FAILED", name);
        for (size_t i = 0; i < count; i++) {
            text_format(verdict->app->out, "        " STR_FORMAT "\n", STR_ARG(findings[i]));
        }
    }
}

static enum errc run_check(struct verdict *verdict, const struct check *check, struct err *err)
{
    const struct arena_position mark = arena_mark(verdict->arena);
    struct store_result result;
    const enum errc code =
        store_run(verdict->store, check->query, NULL, 0, verdict->arena, &result, err);
    if (code == ERR_OK) {
        struct str findings[FINDINGS_MAX];
        const size_t count = result.rows < FINDINGS_MAX ? result.rows : FINDINGS_MAX;
        for (size_t i = 0; i < count; i++) {
            findings[i] = store_text(&result, i, 0);
        }
        add_check(verdict, check->name, findings, count);
    }
    arena_rewind(verdict->arena, mark);
    return code;
}

/* Columns of QUERY_verify_prices. */
enum {
    PRICED_ID,
    PRICED_COST,
    PRICED_USAGE,
    PRICED_REASONING = PRICED_USAGE + USAGE_COUNT,
    PRICED_STEP,
    PRICED_COUNT
};

static _Bool recomputes(const struct price_book *book, const struct store_result *rows, size_t row,
                        struct err *err)
{
    struct usage usage = {.reasoning = store_int64(rows, row, PRICED_REASONING, 0)};
    for (size_t class = 0; class < USAGE_COUNT; class ++) {
        usage.counts[class] = store_int64(rows, row, PRICED_USAGE + class, 0);
    }
    int64_t cost_pusd = 0;
    const uint64_t id = (uint64_t)store_sum(rows, row, PRICED_ID);
    if (price_recompute(book, id, &usage, &cost_pusd, err) != ERR_OK) {
        return false;
    }
    const int64_t booked_pusd = store_int64(rows, row, PRICED_COST, 0);
    if (cost_pusd != booked_pusd) {
        (void)err_set(err, ERR_INTEGRITY, "costs %lld p$ in the ledger, %lld p$ by its price",
                      (long long)booked_pusd, (long long)cost_pusd);
        return false;
    }
    return true;
}

/* One finding of the price check: which step, and what is wrong with it. */
static struct str describe(struct arena *arena, const struct store_result *rows, size_t row,
                           const struct err *why)
{
    char text[ERR_TEXT_BYTES_MAX + 128];
    const int64_t others = store_int64(rows, row, PRICED_COUNT, 1) - 1;
    char alike[64] = "";
    if (others > 0) {
        CHECK(snprintf(alike, sizeof alike, " and %lld like it", (long long)others) > 0);
    }
    const int size = snprintf(text, sizeof text, "step " STR_FORMAT "%s: %s",
                              STR_ARG(store_text(rows, row, PRICED_STEP)), alike, why->text);
    CHECK(size > 0);
    return arena_copy(arena, (struct str){text, (size_t)size < sizeof text ? (size_t)size : 0});
}

struct findings {
    struct str texts[FINDINGS_MAX];
    size_t count;
};

/* Part `part` of `parts` of one import's priced steps. */
static enum errc check_part(struct verdict *verdict, const struct price_book *book, int64_t import,
                            int64_t parts, int64_t part, struct findings *found, struct err *err)
{
    const struct arena_position mark = arena_mark(verdict->arena);
    const struct store_value values[] = {STORE_OF_INT64(import), STORE_OF_INT64(parts),
                                         STORE_OF_INT64(part)};
    struct store_result rows;
    const enum errc code = store_run(verdict->store, QUERY_verify_prices, values, COUNT_OF(values),
                                     verdict->arena, &rows, err);
    if (code != ERR_OK) {
        return code;
    }
    const size_t before = found->count;
    for (size_t row = 0; row < rows.rows && found->count < FINDINGS_MAX; row++) {
        struct err why;
        if (!recomputes(book, &rows, row, &why)) {
            found->texts[found->count++] = describe(verdict->arena, &rows, row, &why);
        }
    }
    if (found->count == before) {
        arena_rewind(verdict->arena, mark);
    }
    return ERR_OK;
}

static enum errc check_prices(struct verdict *verdict, const struct price_book *book,
                              struct err *err)
{
    struct store_result imports;
    enum errc code = store_run(verdict->store, QUERY_verify_priced_imports, NULL, 0, verdict->arena,
                               &imports, err);
    struct findings found = {.count = 0};
    for (size_t i = 0; code == ERR_OK && i < imports.rows; i++) {
        const int64_t parts = store_int64(&imports, i, 1, 0) / PART_STEPS_MAX + 1;
        for (int64_t part = 0; code == ERR_OK && part < parts && found.count < FINDINGS_MAX;
             part++) {
            code =
                check_part(verdict, book, store_int64(&imports, i, 0, 0), parts, part, &found, err);
        }
    }
    if (code == ERR_OK) {
        add_check(verdict, "every price can be worked out again from the usage", found.texts,
                  found.count);
    }
    return code;
}

static enum errc print_totals(struct verdict *verdict, struct err *err)
{
    struct store_result totals;
    const enum errc code =
        store_run(verdict->store, QUERY_verify_count, NULL, 0, verdict->arena, &totals, err);
    if (code != ERR_OK) {
        return code;
    }
    struct app *const app = verdict->app;
    const char *const names[] = {"steps", "cases", "cost", "postings", "unpriced_calls"};
    if (app->json) {
        json_open_object(app->out);
        json_name(app->out, "schema");
        json_put_text(app->out, "bursar.verify/1");
        json_name(app->out, "ok");
        json_put_bool(app->out, verdict->failed == 0);
        for (size_t i = 0; i < COUNT_OF(names); i++) {
            json_name(app->out, names[i]);
            if (i == 2) {
                json_put_money(app->out, store_sum(&totals, 0, i));
            } else {
                json_put_int64(app->out, store_int64(&totals, 0, i, 0));
            }
        }
        json_name(app->out, "checks");
        json_put_raw(app->out, text_str(&verdict->json));
        json_close_object(app->out);
        text_char(app->out, '\n');
        return ERR_OK;
    }
    char cost[MONEY_TEXT_BYTES_MAX];
    const money_sum cost_pusd = store_sum(&totals, 0, 2);
    money_print_rounded(cost_pusd, cost_pusd < MONEY_PUSD_PER_USD ? 6 : 4, cost);
    char steps[32];
    char cases[32];
    const struct str step_count = app_count(store_int64(&totals, 0, 0, 0), steps, sizeof steps);
    const struct str case_count = app_count(store_int64(&totals, 0, 1, 0), cases, sizeof cases);
    text_format(app->out, "\n%s: " STR_FORMAT " step%s of " STR_FORMAT " case%s, %s USD",
                verdict->failed == 0 ? "The ledger is whole" : "THE LEDGER IS NOT WHOLE",
                STR_ARG(step_count), store_int64(&totals, 0, 0, 0) == 1 ? "" : "s",
                STR_ARG(case_count), store_int64(&totals, 0, 1, 0) == 1 ? "" : "s", cost);
    const int64_t unpriced = store_int64(&totals, 0, 4, 0);
    if (unpriced > 0) {
        char calls[32];
        const struct str call_count = app_count(unpriced, calls, sizeof calls);
        text_format(app->out, " and the unknown cost of " STR_FORMAT " unpriced call%s",
                    STR_ARG(call_count), unpriced == 1 ? "" : "s");
    }
    text_char(app->out, '\n');
    return ERR_OK;
}

static enum errc verify(struct verdict *verdict, const struct price_book *book, struct err *err)
{
    json_open_array(&verdict->json);
    /* First: what the ledger is seen to have is of the moment it is first asked. */
    enum errc code = verify_stage_settlements(verdict->app, verdict->store, verdict->arena, err);
    for (size_t i = 0; i < COUNT_OF(checks) && code == ERR_OK; i++) {
        code = run_check(verdict, &checks[i], err);
    }
    if (code == ERR_OK) {
        code = run_check(verdict, &of_settlements, err);
    }
    const int64_t without_prices = verdict->failed;
    if (code == ERR_OK) {
        code = check_prices(verdict, book, err);
    }
    json_close_array(&verdict->json);
    if (code == ERR_OK) {
        code = print_totals(verdict, err);
    }
    if (code == ERR_OK && verdict->failed > 0) {
        return err_set(err, ERR_INTEGRITY, "%lld %s of the ledger failed; %s",
                       (long long)verdict->failed, verdict->failed == 1 ? "check" : "checks",
                       without_prices == 0
                           ? "every price that calls were made with has to be in the price book: "
                             "bursar price update shows what is to be done"
                           : "restore a backup, or import the sources into a new home");
    }
    return code;
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    (void)args;
    CHECK(app != NULL);
    const struct price_book *book = NULL;
    enum errc code = app_price_book(app, &book, err);
    if (code != ERR_OK) {
        return code;
    }
    struct store *store = NULL;
    code = app_open_ledger(app, &store, err);
    if (code != ERR_OK) {
        return code;
    }
    struct arena arena;
    arena_init(&arena, VERIFY_ARENA_BYTES_MAX);
    struct verdict verdict = {.app = app, .store = store, .arena = &arena};
    text_init(&verdict.json, (size_t)1 << 20);
    code = verify(&verdict, book, err);
    text_deinit(&verdict.json);
    arena_deinit(&arena);
    app_close_ledger(app, &store);
    return code;
}

const struct command cmd_verify = {
    .name = "verify",
    .synopsis = "",
    .summary = "check that the ledger is whole",
    .about =
        "Checks that totals tie, postings balance, nothing is there twice, that every cost can be\n"
        "worked out again from the usage it was made from, and that what the log of holds charged\n"
        "to budgets is what the ledger's calls cost. Exit status 1 when not.",
    .example = "bursar verify",
    .reads_ledger = true,
    .run = run,
};
