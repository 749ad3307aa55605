/* route: what a small ledger made here says of its models, and what it must not say.
 * Claims by three models: `dear` in use, `cheap` with an easier mix, `new` on nine cases. */
#include "api/route.h"

#include <math.h>
#include <stdio.h>

#include "api/api_priv.h"
#include "base/clock.h"
#include "base/json.h"
#include "support/golden.h"
#include "support/home.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)32 << 20)
#define TEXT_BYTES  ((size_t)1 << 20)

enum { CASES_MAX = 1600, NAME_BYTES_MAX = 16 };

static struct store *store;
static struct settings_workflow workflows[] = {
    {.name = STR_STATIC("claims"), .unit = STR_STATIC("claim"), .non_inferiority_pp = 4}};
static const struct settings settings = {.workflows = {.rows = workflows, .count = 1}};

static struct rows {
    struct ledger_cases cases[CASES_MAX];
    struct ledger_case_attributes attributes[CASES_MAX];
    struct ledger_attempts attempts[2 * CASES_MAX];
    struct ledger_steps steps[2 * CASES_MAX];
    struct ledger_outcomes outcomes[CASES_MAX];
    char names[CASES_MAX][NAME_BYTES_MAX];
    size_t case_count;
    size_t step_count;
} rows;

static void add_attempt(const struct ledger_cases *c, int number, struct str model,
                        int64_t cost_cents)
{
    const size_t at = rows.step_count++;
    const int64_t began_ns = (int64_t)(20500 + at / 20) * 86400 * CLOCK_NS_PER_SECOND;
    CHECK(at < COUNT_OF(rows.steps));
    rows.attempts[at] = (struct ledger_attempts){.attempt_key = at + 1,
                                                 .case_key = c->case_key,
                                                 .attempt_id = STR("t"),
                                                 .number = number,
                                                 .agent = STR("agent"),
                                                 .succeeded = LEDGER_NULL,
                                                 .import_id = 1};
    rows.steps[at] = (struct ledger_steps){
        .step_key = {.low = at + 1, .high = 1},
        .attempt_key = at + 1,
        .case_key = c->case_key,
        .workflow = c->workflow,
        .kind = STEP_LLM,
        .started_ns = began_ns,
        .ended_ns = began_ns,
        .model = model,
        .output = 10,
        .cost_basis = cost_cents < 0 ? COST_UNPRICED : COST_REPORTED,
        .cost_pusd = cost_cents < 0 ? LEDGER_NULL : cost_cents * MONEY_PUSD_PER_USD / 100,
        .reported_pusd = LEDGER_NULL,
        .import_id = 1};
}

/* One closed case; a failed one of `cheap` is taken up by `dear`, which resolves half of them. */
static void add_case(struct str model, const char *kind, bool success, int64_t cost_cents,
                     const char *input_key)
{
    const size_t at = rows.case_count++;
    CHECK(at < CASES_MAX);
    CHECK(snprintf(rows.names[at], NAME_BYTES_MAX, "c%zu", at) > 0);
    rows.cases[at] = (struct ledger_cases){.case_key = at + 1,
                                           .workflow = STR("claims"),
                                           .case_id = str_from(rows.names[at]),
                                           .input_key = str_from(input_key),
                                           .named_by = NAMED_BY_SOURCE,
                                           .import_id = 1};
    rows.attributes[at] = (struct ledger_case_attributes){
        .case_key = at + 1, .name = STR("kind"), .value = str_from(kind), .import_id = 1};
    add_attempt(&rows.cases[at], 1, model, cost_cents);
    const bool taken_up = !success && str_equal(model, STR("cheap"));
    if (taken_up) {
        add_attempt(&rows.cases[at], 2, STR("dear"), 150);
    }
    rows.outcomes[at] = (struct ledger_outcomes){
        .outcome_key = {.low = at + 1, .high = 2},
        .content_hash = at + 1,
        .outcome_id = rows.cases[at].case_id,
        .revision = 1,
        .case_key = at + 1,
        .workflow = STR("claims"),
        .case_id = rows.cases[at].case_id,
        .status = success || (taken_up && at % 4 == 1) ? OUTCOME_RESOLVED : OUTCOME_FAILED,
        .effective_ns = LEDGER_NULL,
        .recorded_ns = 1,
        .value_pusd = LEDGER_NULL,
        .quality = NAN,
        .import_id = 1};
}

static void fill(void)
{
    for (size_t i = 0; i < 420; i++) {
        add_case(STR("dear"), i % 3 == 0 ? "easy" : "hard", i % 10 < 8, 100 + (int64_t)(i % 7),
                 NULL);
        add_case(STR("cheap"), i % 3 == 0 ? "hard" : "easy", i % 10 < 8 || i % 30 == 8,
                 10 + (int64_t)(i % 5), NULL);
    }
    for (size_t i = 0; i < 60; i++) {
        add_case(STR("dear"), "hard", i % 10 < 8, 100 + (int64_t)(i % 7), NULL);
    }
    for (size_t i = 0; i < 9; i++) {
        add_case(STR("new"), "easy", true, i < 2 ? -1 : 1, NULL);
    }
}

static void make(struct str home)
{
    struct err err;
    fill();
    CHECK(store_open(home, STORE_WRITE, &store, &err) == ERR_OK);
    CHECK(store_begin(store, &err) == ERR_OK);
    CHECK(store_append(store, LEDGER_cases, rows.cases, rows.case_count, &err) == ERR_OK);
    CHECK(store_append(store, LEDGER_case_attributes, rows.attributes, rows.case_count, &err) ==
          ERR_OK);
    CHECK(store_append(store, LEDGER_attempts, rows.attempts, rows.step_count, &err) == ERR_OK);
    CHECK(store_append(store, LEDGER_steps, rows.steps, rows.step_count, &err) == ERR_OK);
    CHECK(store_append(store, LEDGER_outcomes, rows.outcomes, rows.case_count, &err) == ERR_OK);
    CHECK(store_commit(store, &err) == ERR_OK);
    store_close(&store);
    CHECK(store_open(home, STORE_READ, &store, &err) == ERR_OK);
}

static struct route_request request_of(struct str workflow, struct str reference)
{
    return (struct route_request){.common = {.workflow = workflow,
                                             .since_ns = INT64_MIN,
                                             .until_ns = INT64_MAX,
                                             .as_of_ns = INT64_MAX},
                                  .reference = reference};
}

struct answer {
    struct arena arena;
    struct text text;
    enum errc code;
    struct err err;
};

static void ask(struct answer *a, const struct route_request *request)
{
    *a = (struct answer){0};
    arena_init(&a->arena, ARENA_BYTES);
    text_init(&a->text, TEXT_BYTES);
    a->code = api_route(store, &settings, request, &a->arena, &a->text, &a->err);
    if (a->code != ERR_OK) {
        test_note(a->err.text);
    }
}

static void forget(struct answer *a)
{
    text_deinit(&a->text);
    arena_deinit(&a->arena);
}

static void a_workflow_or_model_nobody_knows_is_refused(void)
{
    struct answer a;
    struct answer b;
    const struct route_request nowhere = request_of(STR("nowhere"), (struct str){0});
    const struct route_request nobody = request_of(STR("claims"), STR("gpt-9"));
    ask(&a, &nowhere);
    ask(&b, &nobody);
    const bool right = a.code == ERR_NOT_FOUND && a.text.size == 0 && b.code == ERR_NOT_FOUND &&
                       b.text.size == 0 && strstr(a.err.text, "claims") != NULL &&
                       strstr(b.err.text, "dear") != NULL;
    forget(&a);
    forget(&b);
    EXPECT(right);
}

static void the_brief_reading_says_what_drivers_need(void)
{
    struct arena arena;
    struct err err;
    struct route route = {0};
    struct route_request request = request_of(STR("claims"), (struct str){0});
    request.brief = true;
    arena_init(&arena, ARENA_BYTES);
    enum errc code = figures_create_costs(store, &settings, &request.common, &err);
    if (code == ERR_OK) {
        code = route_read(store, &settings, &request, &arena, &route, &err);
    }
    const struct routing_comparison *const c =
        code == ERR_OK ? &route.options[route.recommended].comparison : NULL;
    const double per_case = c != NULL ? c->reference_cost_usd - c->cost_usd : NAN;
    const bool right = code == ERR_OK && route.count == 3 &&
                       str_equal(route.models[route.recommended].model, STR("cheap")) &&
                       fabs(route.savings_usd.value - 480 * per_case) < 1e-6 &&
                       route.cascade_count == 0 && route.segment_count == 0 &&
                       str_equal(route.models[route.current].model, STR("dear"));
    arena_deinit(&arena);
    EXPECT(right);
}

static bool same(struct str reference, const char *golden)
{
    struct answer a;
    const struct route_request request = request_of(STR("claims"), reference);
    ask(&a, &request);
    const bool same = a.code == ERR_OK && golden_same(golden, text_str(&a.text));
    forget(&a);
    return same;
}

static void the_json_is_the_golden_file(void)
{
    EXPECT(same((struct str){0}, "route.json"));
}

static void a_reference_of_few_cases_makes_all_thin(void)
{
    if (test_is_refusing()) {
        return;
    }
    EXPECT(same(STR("new"), "route_thin.json"));
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(a_workflow_or_model_nobody_knows_is_refused),
        TEST_SPARSE(the_brief_reading_says_what_drivers_need),
        TEST_SPARSE(the_json_is_the_golden_file),
        TEST_SPARSE(a_reference_of_few_cases_makes_all_thin),
    };
    struct home home;
    home_make(&home);
    make(home_str(&home));
    const int failed = test_main(tests, COUNT_OF(tests));
    store_close(&store);
    home_remove(&home);
    return failed;
}
