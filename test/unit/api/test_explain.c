/*
 * Goal: explain finds the case that is meant, and its parts are those of the report.
 * Method: a ledger written row by row in a temporary folder; names wrong, short and shared; a case
 * resolved at the second attempt, reopened, revised, looked at as of three days.
 */
#include "api/explain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "support/test.h"

#define DAY_NS CLOCK_NS_PER_DAY
#define T0     (INT64_C(20000) * DAY_NS)

static struct store *store;
static bool refusals_wanted; /* a rerun asks the store again: two tests are enough for it */

/* One attempt: two calls and a tool in between. `at` NULL: times are not known. */
static void add_attempt(const char *workflow, const char *id, const char *attempt_id, int64_t day,
                        int64_t cost_pusd, enum cost_basis basis)
{
    struct err err;
    const struct str name = str_from(workflow);
    const uint64_t case_key = hash64_of(name, str_from(id));
    const uint64_t attempt_key = hash64_of(name, str_from(id), str_from(attempt_id));
    const struct ledger_attempts attempt = {.attempt_key = attempt_key,
                                            .case_key = case_key,
                                            .attempt_id = str_from(attempt_id),
                                            .agent = STR("robot 1.0"),
                                            .succeeded = LEDGER_NULL,
                                            .import_id = 1};
    CHECK(store_append(store, LEDGER_attempts, &attempt, 1, &err) == ERR_OK);
    for (int64_t i = 0; i < 3; i++) {
        const bool tool = i == 1;
        const struct ledger_steps step = {
            .step_key = {attempt_key, (uint64_t)i},
            .attempt_key = attempt_key,
            .case_key = case_key,
            .workflow = name,
            .kind = tool ? STEP_TOOL : STEP_LLM,
            .status = tool ? STATUS_ERROR : STATUS_OK,
            .sequence = 3 - i, /* the wrong way round: time decides */
            .started_ns = T0 + day * DAY_NS + i * CLOCK_NS_PER_SECOND,
            .ended_ns = LEDGER_NULL,
            .name = tool ? STR("lookup") : (struct str){0},
            .model = tool ? (struct str){0} : STR("model-x"),
            .input_uncached = tool ? 0 : 100,
            .output = tool ? 0 : 10,
            .cost_basis = tool ? COST_NONE : (uint8_t)basis,
            .cost_pusd = tool || basis == COST_UNPRICED ? LEDGER_NULL : cost_pusd / 2,
            .reported_pusd = LEDGER_NULL,
            .note = tool ? STR("no such record") : (struct str){0},
            .source_id = 7,
            .line = 10 + i,
            .import_id = 1,
        };
        CHECK(store_append(store, LEDGER_steps, &step, 1, &err) == ERR_OK);
    }
}

static void add_case(const char *workflow, const char *id, const char *input_key)
{
    struct err err;
    const struct ledger_cases row = {.case_key = hash64_of(str_from(workflow), str_from(id)),
                                     .workflow = str_from(workflow),
                                     .case_id = str_from(id),
                                     .input_key = str_from(input_key),
                                     .import_id = 1};
    CHECK(store_append(store, LEDGER_cases, &row, 1, &err) == ERR_OK);
}

static void add_outcome(const char *workflow, const char *id, const char *outcome_id,
                        int32_t revision, enum outcome_status status, int64_t day, int64_t known)
{
    struct err err;
    const struct ledger_outcomes row = {
        .outcome_key = hash128_of(str_from(id), str_from(outcome_id)),
        .content_hash = (uint64_t)revision,
        .outcome_id = str_from(outcome_id),
        .revision = revision,
        .case_key = hash64_of(str_from(workflow), str_from(id)),
        .workflow = str_from(workflow),
        .case_id = str_from(id),
        .status = (uint8_t)status,
        .effective_ns = T0 + day * DAY_NS,
        .recorded_ns = T0 + known * DAY_NS,
        .value_pusd = status == OUTCOME_RESOLVED ? 12 * MONEY_PUSD_PER_USD : LEDGER_NULL,
        .quality = (double)NAN,
        .import_id = 1,
    };
    CHECK(store_append(store, LEDGER_outcomes, &row, 1, &err) == ERR_OK);
}

/*
 * claims C-100: failed on day 1, resolved on day 2, reopened on day 5 (known on day 6), worked on
 * again on day 7, resolved again on day 8 (known on day 9).
 */
static void fill(void)
{
    struct err err;
    const struct ledger_sources source = {
        .source_id = 7, .path = STR("logs/a.jsonl"), .format = STR("table"), .import_id = 1};
    const struct ledger_case_attributes attribute = {.case_key =
                                                         hash64_of(STR("claims"), STR("C-100")),
                                                     .name = STR("channel"),
                                                     .value = STR("e-mail"),
                                                     .import_id = 1};
    CHECK(store_append(store, LEDGER_sources, &source, 1, &err) == ERR_OK);
    CHECK(store_append(store, LEDGER_case_attributes, &attribute, 1, &err) == ERR_OK);
    add_case("claims", "C-100", "same question");
    add_case("claims", "C-101", "same question");
    add_case("claims", "C-2", NULL);
    add_case("tickets", "C-2", "same question");
    add_case("", "lonely", NULL);
    add_attempt("claims", "C-100", "first", 1, 2000, COST_REPORTED);
    add_attempt("claims", "C-100", "second", 2, 600, COST_REPORTED);
    add_attempt("claims", "C-100", "third", 7, 40, COST_REPORTED);
    add_attempt("claims", "C-101", "only", 1, 5, COST_UNPRICED);
    add_attempt("claims", "C-2", "x", 1, 10, COST_REPORTED);
    add_attempt("tickets", "C-2", "x", 1, 20, COST_REPORTED);
    add_attempt("", "lonely", "l", 1, 20, COST_REPORTED);
    add_outcome("claims", "C-100", "a", 1, OUTCOME_RESOLVED, 3, 3);
    add_outcome("claims", "C-100", "b", 1, OUTCOME_REOPENED, 5, 6);
    add_outcome("claims", "C-100", "c", 1, OUTCOME_FAILED, 8, 9);
    add_outcome("claims", "C-100", "c", 2, OUTCOME_RESOLVED, 8, 10);
    add_outcome("claims", "C-2", "d", 1, OUTCOME_FAILED, 2, 2);
}

struct found {
    struct arena arena;
    struct explain explain;
    struct err err;
    enum errc code;
};

static struct found *explain(const char *name, const char *workflow, int64_t as_of_day,
                             int64_t steps_at_end)
{
    static struct found found;
    arena_deinit(&found.arena);
    found = (struct found){0};
    arena_init(&found.arena, (size_t)64 << 20);
    found.code = ERR_LIMIT;
    if (test_is_refusing() && !refusals_wanted) {
        return &found;
    }
    const struct explain_request request = {
        .name = str_from(name),
        .workflow = str_from(workflow != NULL ? workflow : ""),
        .has_workflow = workflow != NULL,
        .as_of_ns = as_of_day < 0 ? INT64_MAX : T0 + as_of_day * DAY_NS,
        .steps_at_end = steps_at_end,
    };
    static const struct settings settings;
    found.code = api_explain(store, &settings, &request, &found.arena, &found.explain, &found.err);
    if (found.code != ERR_OK) {
        test_note(found.err.text);
    }
    return &found;
}

static bool says(const struct found *found, const char *text)
{
    return str_find(str_from(found->err.text), str_from(text)) != SIZE_MAX;
}

static void a_name_no_case_has_gives_the_nearest(void)
{
    refusals_wanted = true;
    const struct found *found = explain("C-1O0", NULL, -1, 0);
    EXPECT(found->code == ERR_NOT_FOUND);
    EXPECT(says(found, "C-100 of claims"));
    found = explain("nothing like it", NULL, -1, 0);
    EXPECT(found->code == ERR_NOT_FOUND);
    EXPECT(says(found, "bursar report"));
}

static void a_name_two_workflows_have_is_refused_with_both(void)
{
    refusals_wanted = false;
    const struct found *found = explain("C-2", NULL, -1, 0);
    EXPECT(found->code == ERR_CONFLICT);
    EXPECT(says(found, "claims, tickets"));
    EXPECT(says(found, "--workflow"));
    found = explain("C-2", "tickets", -1, 0);
    EXPECT(found->code == ERR_OK);
    EXPECT(found->explain.cost.total_pusd == 20);
}

static void a_beginning_two_cases_share_is_refused_with_both(void)
{
    refusals_wanted = false;
    const struct found *found = explain("C-1", NULL, -1, 0);
    EXPECT(found->code == ERR_CONFLICT);
    EXPECT(says(found, "C-100 of claims, C-101 of claims"));
}

static void a_beginning_only_one_case_has_is_enough(void)
{
    refusals_wanted = false;
    const struct found *found = explain("lone", NULL, -1, 0);
    EXPECT(found->code == ERR_OK);
    EXPECT(str_equal(found->explain.case_id, STR("lonely")));
    EXPECT(found->explain.workflow.size == 0);
    found = explain("lonely", "", -1, 0);
    EXPECT(found->code == ERR_OK);
}

static void the_name_of_an_attempt_finds_its_case(void)
{
    refusals_wanted = false;
    const struct found *found = explain("second", NULL, -1, 0);
    EXPECT(found->code == ERR_OK);
    EXPECT(str_equal(found->explain.case_id, STR("C-100")));
}

static void each_attempt_is_the_part_of_the_cost_it_paid_for(void)
{
    refusals_wanted = true;
    const struct found *found = explain("C-100", NULL, -1, 0);
    EXPECT(found->code == ERR_OK);
    const struct explain *const all = &found->explain;
    EXPECT(all->attempt_count == 3);
    EXPECT(all->attempts[0].part == EXPLAIN_FAILED_BEFORE);
    EXPECT(all->attempts[1].part == EXPLAIN_RESOLVING);
    EXPECT(all->attempts[2].part == EXPLAIN_REWORK);
    EXPECT(all->cost.retry_tail_pusd == 2000);
    EXPECT(all->cost.base_pusd == 600);
    EXPECT(all->cost.rework_pusd == 40);
    EXPECT(all->cost.total_pusd == 2640);
    EXPECT(all->calls == 6);
    EXPECT(all->replicates == 1);
    EXPECT(all->replicates_other == 1);
    EXPECT(all->attribute_count == 1);
    EXPECT(str_equal(all->attributes[0].value, STR("e-mail")));
    EXPECT(strcmp(api_explain_outcome_name(all), "resolved") == 0);
}

static void steps_are_in_the_order_of_time_with_where_they_were_read(void)
{
    refusals_wanted = false;
    const struct found *found = explain("C-100", NULL, -1, 0);
    EXPECT(found->code == ERR_OK);
    const struct explain_attempt *const first = &found->explain.attempts[0];
    EXPECT(first->step_count == 3);
    EXPECT(first->steps[0].kind == STEP_LLM);
    EXPECT(first->steps[0].number == 1);
    EXPECT(first->steps[0].line == 10);
    EXPECT(str_equal(first->steps[0].path, STR("logs/a.jsonl")));
    EXPECT(first->steps[1].kind == STEP_TOOL);
    EXPECT(first->steps[1].status == STATUS_ERROR);
    EXPECT(first->steps[1].cost_pusd == LEDGER_NULL);
    EXPECT(first->steps[2].usage.counts[USAGE_OUTPUT] == 10);
    EXPECT(first->ended_ns == first->started_ns + 2 * CLOCK_NS_PER_SECOND);
}

static void a_limit_leaves_the_head_and_the_tail(void)
{
    refusals_wanted = false;
    const struct found *found = explain("C-100", NULL, -1, 1);
    EXPECT(found->code == ERR_OK);
    const struct explain_attempt *const first = &found->explain.attempts[0];
    EXPECT(first->step_count_all == 3);
    EXPECT(first->step_count == 2);
    EXPECT(first->steps[0].number == 1);
    EXPECT(first->steps[1].number == 3);
}

static void as_of_a_day_only_what_was_known_counts(void)
{
    refusals_wanted = false;
    const struct found *found = explain("C-100", NULL, 0, 0);
    EXPECT(found->code == ERR_OK);
    EXPECT(!found->explain.is_known);

    found = explain("C-100", NULL, 4, 0); /* resolved, not yet reopened */
    EXPECT(found->code == ERR_OK);
    EXPECT(found->explain.is_closed);
    EXPECT(found->explain.attempt_count == 2);
    EXPECT(found->explain.outcome_count == 1);
    EXPECT(found->explain.value_pusd == 12 * MONEY_PUSD_PER_USD);

    found = explain("C-100", NULL, 8, 0); /* reopened: all of it is open */
    EXPECT(found->code == ERR_OK);
    EXPECT(!found->explain.is_closed);
    EXPECT(strcmp(api_explain_outcome_name(&found->explain), "reopened") == 0);
    EXPECT(found->explain.cost.open_pusd == 2640);
    EXPECT(found->explain.attempts[0].part == EXPLAIN_OPEN);
}

static void a_revision_takes_the_place_of_what_it_revises(void)
{
    refusals_wanted = false;
    const struct found *found = explain("C-100", NULL, 9, 0);
    EXPECT(found->code == ERR_OK);
    EXPECT(strcmp(api_explain_outcome_name(&found->explain), "failed") == 0);
    found = explain("C-100", NULL, -1, 0);
    EXPECT(found->code == ERR_OK);
    const struct explain *const all = &found->explain;
    EXPECT(all->outcome_count == 4);
    EXPECT(!all->outcomes[2].stands);
    EXPECT(all->outcomes[3].counts);
    EXPECT(all->outcomes[0].stands);
    EXPECT(!all->outcomes[0].counts);
}

static void what_has_no_price_is_said_and_not_zero(void)
{
    refusals_wanted = false;
    const struct found *found = explain("C-101", NULL, -1, 0);
    EXPECT(found->code == ERR_OK);
    EXPECT(found->explain.unpriced == 2);
    EXPECT(found->explain.attempts[0].unpriced == 2);
    EXPECT(found->explain.attempts[0].steps[0].cost_basis == COST_UNPRICED);
    EXPECT(found->explain.attempts[0].steps[0].cost_pusd == LEDGER_NULL);
}

static void json_has_the_keys_others_rely_on(void)
{
    refusals_wanted = false;
    const struct found *found = explain("C-100", NULL, -1, 0);
    EXPECT(found->code == ERR_OK);
    struct text text;
    text_init(&text, (size_t)1 << 20);
    api_explain_json(&found->explain, &text);
    struct json_parser *parser;
    json_parser_create(&parser, (size_t)1 << 20);
    struct json root;
    struct err err;
    const bool parsed = json_parse(parser, text_str(&text), text.size, &root, &err) == ERR_OK;
    const bool ok = parsed && str_equal(json_str(json_get(root, "cost")), STR("0.00000000264")) &&
                    str_equal(json_str(json_get(root, "outcome")), STR("resolved")) &&
                    json_kind(json_get(root, "decisions")) == JSON_ARRAY &&
                    json_count(json_get(root, "attempts")) == 3;
    json_parser_destroy(&parser);
    text_deinit(&text);
    EXPECT(ok);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_name_no_case_has_gives_the_nearest),
        TEST(a_name_two_workflows_have_is_refused_with_both),
        TEST(a_beginning_two_cases_share_is_refused_with_both),
        TEST(a_beginning_only_one_case_has_is_enough),
        TEST(the_name_of_an_attempt_finds_its_case),
        TEST(each_attempt_is_the_part_of_the_cost_it_paid_for),
        TEST(steps_are_in_the_order_of_time_with_where_they_were_read),
        TEST(a_limit_leaves_the_head_and_the_tail),
        TEST(as_of_a_day_only_what_was_known_counts),
        TEST(a_revision_takes_the_place_of_what_it_revises),
        TEST(what_has_no_price_is_said_and_not_zero),
        TEST(json_has_the_keys_others_rely_on),
    };
    char home[] = "/tmp/bursar-explain-XXXXXX";
    struct err err = {0};
    CHECK(mkdtemp(home) != NULL);
    const enum errc code = store_open(str_from(home), STORE_WRITE, &store, &err);
    CHECK(code == ERR_OK);
    fill();
    const int failed = test_main(tests, COUNT_OF(tests));
    char path[128];
    snprintf(path, sizeof path, "%s", store_path(store));
    store_close(&store);
    (void)unlink(path);
    (void)rmdir(home);
    return failed;
}
