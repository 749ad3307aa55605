/* segments: a ledger whose one difference is known exactly (three times the input tokens where
 * document = scan) is reported with that rule, that reason and that amount. */
#include <math.h>
#include <stdio.h>

#include "api/api.h"
#include "base/json.h"
#include "base/rng.h"
#include "reporting.h"
#include "sample.h"
#include "support/answer.h"
#include "support/test.h"

enum { CASES = 600, NAME_BYTES = 16 };
#define RATE_IN  INT64_C(3000000) /* p$ a token */
#define RATE_OUT INT64_C(15000000)

static struct store *store;
static char names[CASES][NAME_BYTES];

struct rows {
    struct ledger_cases cases[CASES];
    struct ledger_case_attributes attributes[2 * CASES];
    struct ledger_attempts attempts[CASES];
    struct ledger_steps steps[CASES];
    struct ledger_outcomes outcomes[CASES];
};

static bool is_scan(size_t i)
{
    return i % 6 == 0;
}

static void fill(struct rows *r, size_t i, struct rng *rng)
{
    const struct str w = STR("jobs");
    CHECK(snprintf(names[i], NAME_BYTES, "J%zu", i) > 0);
    const struct str id = str_from(names[i]);
    const uint64_t key = hash64_of(w, id);
    const int64_t in = (1000 + (int64_t)rng_below(rng, 200)) * (is_scan(i) ? 3 : 1);
    const int64_t at_ns = sample_time(1 + (int)(i % 20), 9);
    r->cases[i] = (struct ledger_cases){
        .case_key = key, .workflow = w, .case_id = id, .named_by = NAMED_BY_SOURCE, .import_id = 1};
    r->attributes[2 * i] = (struct ledger_case_attributes){.case_key = key,
                                                           .name = STR("document"),
                                                           .value = is_scan(i)   ? STR("scan")
                                                                    : i % 2 == 0 ? STR("pdf")
                                                                                 : STR("mail"),
                                                           .import_id = 1};
    r->attributes[2 * i + 1] = (struct ledger_case_attributes){
        .case_key = key,
        .name = STR("desk"),
        .value = rng_below(rng, 2) == 0 ? STR("north") : STR("south"),
        .import_id = 1};
    r->attempts[i] = (struct ledger_attempts){.attempt_key = key + 1,
                                              .case_key = key,
                                              .attempt_id = id,
                                              .agent = STR("agent"),
                                              .succeeded = LEDGER_NULL,
                                              .import_id = 1};
    r->steps[i] = (struct ledger_steps){.step_key = {.low = i + 1, .high = 7},
                                        .attempt_key = key + 1,
                                        .case_key = key,
                                        .workflow = w,
                                        .kind = STEP_LLM,
                                        .started_ns = at_ns,
                                        .ended_ns = at_ns,
                                        .provider = STR("acme"),
                                        .model = STR("acme-1"),
                                        .input_uncached = in,
                                        .output = 50 + (int64_t)rng_below(rng, 20),
                                        .cost_basis = COST_PRICED,
                                        .price_id = 1,
                                        .reported_pusd = LEDGER_NULL,
                                        .import_id = 1};
    r->steps[i].cost_pusd = in * RATE_IN + r->steps[i].output * RATE_OUT;
    r->outcomes[i] = (struct ledger_outcomes){.outcome_key = {.low = i + 1, .high = 3},
                                              .content_hash = i,
                                              .outcome_id = id,
                                              .revision = 1,
                                              .case_key = key,
                                              .workflow = w,
                                              .case_id = id,
                                              .status = OUTCOME_RESOLVED,
                                              .effective_ns = at_ns + 1,
                                              .recorded_ns = at_ns + 1,
                                              .value_pusd = LEDGER_NULL,
                                              .quality = NAN,
                                              .source = STR("crm"),
                                              .import_id = 1};
}

static void add_jobs(struct str home)
{
    static struct rows r;
    struct rng rng;
    rng_init(&rng, 11);
    for (size_t i = 0; i < CASES; i++) {
        fill(&r, i, &rng);
    }
    const struct reporting_rows rows[] = {
        {LEDGER_cases, r.cases, CASES},
        {LEDGER_case_attributes, r.attributes, COUNT_OF(r.attributes)},
        {LEDGER_attempts, r.attempts, CASES},
        {LEDGER_steps, r.steps, CASES},
        {LEDGER_outcomes, r.outcomes, CASES}};
    reporting_fill(home, rows, COUNT_OF(rows));
}

static void ask(struct answer *a, const char *workflow)
{
    const struct api_request request = {.workflow = str_from(workflow),
                                        .since_ns = INT64_MIN,
                                        .until_ns = INT64_MAX,
                                        .as_of_ns = INT64_MAX};
    answer_open(a);
    answer_read(a, api_segments(store, &sample_settings, &request, &a->arena, &a->text, &a->err));
}

static double number(struct json node, const char *path)
{
    return json_double(json_path(node, path), NAN);
}

static struct json first_of(struct json list)
{
    struct json_cursor at = json_iter(list);
    struct json first = {0};
    (void)json_next(&at, NULL, &first);
    return first;
}

static void an_unknown_workflow_is_refused(void)
{
    struct answer a;
    ask(&a, "nope");
    const enum errc code = a.code;
    answer_close(&a);
    EXPECT(code == ERR_NOT_FOUND);
}

static void cases_without_attributes_give_no_segment(void)
{
    struct answer a;
    ask(&a, "claims");
    const bool right = a.code == ERR_OK && json_count(json_get(a.root, "segments")) == 0 &&
                       json_int64(json_path(a.root, "tried.tests"), -1) == 0 &&
                       json_int64(json_get(a.root, "unpriced_calls"), -1) == 1 &&
                       json_bool(json_path(a.root, "cost_per_outcome.thin"), false);
    answer_close(&a);
    EXPECT(right);
}

static void the_difference_is_found_with_its_rule_reason_and_amount(void)
{
    struct answer a;
    ask(&a, "jobs");
    const struct json all = json_get(a.root, "segments");
    const struct json s = first_of(all);
    const struct json test = first_of(json_get(s, "rule"));
    const bool found = a.code == ERR_OK && json_count(all) == 1 &&
                       json_count(json_get(s, "rule")) == 1 &&
                       str_equal(json_str(json_get(test, "attribute")), STR("document")) &&
                       str_equal(json_str(json_get(test, "value")), STR("scan")) &&
                       json_int64(json_get(s, "cases"), 0) == CASES / 6;
    const double more = number(s, "difference.value");
    const double context = number(s, "parts.context");
    const double others = fabs(number(s, "parts.base")) + fabs(number(s, "parts.retry")) +
                          fabs(number(s, "parts.model_mix")) + fabs(number(s, "parts.human"));
    /* some 2 x 1100 tokens more, and nothing else but the chance of the replies' lengths */
    const bool amount = fabs(more - 2200 * (double)RATE_IN / 1e12) < 1e-4 &&
                        fabs(context - more) < 1e-4 && others < 1e-4;
    const bool said =
        str_find(json_str(json_get(s, "sentence")), STR("because an attempt reads 3,")) != SIZE_MAX;
    const bool sure = number(s, "q_discovery") < 1e-6 && number(s, "p_confirm") < 1e-6;
    answer_close(&a);
    EXPECT(found);
    EXPECT(amount);
    EXPECT(said);
    EXPECT(sure);
}

static void the_same_ledger_gives_the_same_bytes(void)
{
    if (test_is_refusing()) {
        return; /* the same code has been run so already */
    }
    struct answer a;
    struct answer b;
    ask(&a, "jobs");
    ask(&b, "jobs");
    const bool same = a.code == ERR_OK && str_equal(text_str(&a.text), text_str(&b.text));
    answer_close(&a);
    answer_close(&b);
    EXPECT(same);
}

static void make(struct str home, uint64_t seed)
{
    sample_make(home, seed);
    add_jobs(home);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(an_unknown_workflow_is_refused),
        TEST_SPARSE(cases_without_attributes_give_no_segment),
        TEST_SPARSE(the_difference_is_found_with_its_rule_reason_and_amount),
        TEST_SPARSE(the_same_ledger_gives_the_same_bytes),
    };
    return reporting_main(make, &store, tests, COUNT_OF(tests));
}
