/* returns: the five kinds of return, each worked by hand, and what is assumed said so.
 * The ledger of sample.h with three tools registered over it. */
#include <math.h>

#include "api/api.h"
#include "base/json.h"
#include "reporting.h"
#include "sample.h"
#include "support/answer.h"
#include "support/golden.h"
#include "support/test.h"

#define USD MONEY_PUSD_PER_USD

static struct store *store;

static const struct str sessions[] = {STR_STATIC("sessions")};
static const struct str claims[] = {STR_STATIC("claims")};
static const struct str nowhere[] = {STR_STATIC("nowhere")};

static struct settings_tool tools[] = {
    {.name = STR_STATIC("finder"),
     .workflows = sessions,
     .workflow_count = 1,
     .invested_ms = 2 * 3600000,
     .invested_rate_pusd = 50 * USD,
     .pipeline = {.set = true,
                  .has_leads = true,
                  .leads = 120,
                  .conversion_rate = 0.05,
                  .contract_pusd = 1000 * USD,
                  .share = 0.25}},
    {.name = STR_STATIC("drafter"),
     .workflows = claims,
     .workflow_count = 1,
     .invested_ms = 3600000,
     .invested_rate_pusd = 50 * USD,
     .productivity = {.set = true, .hours_per_use = 0.5, .hour_pusd = 40 * USD}},
    {.name = STR_STATIC("banner"),
     .has_spend = true,
     .spend_pusd = 100 * USD,
     .conversion = {.set = true,
                    .visitors = 10000,
                    .conversions = 330,
                    .has_control = true,
                    .control_visitors = 10000,
                    .control_conversions = 300,
                    .conversion_pusd = 20 * USD}},
    {.name = STR_STATIC("popup"),
     .has_spend = true,
     .spend_pusd = 100 * USD,
     .conversion = {.set = true,
                    .visitors = 10000,
                    .conversions = 330,
                    .control_rate = 0.03,
                    .conversion_pusd = 20 * USD}},
};

static const struct api_request everything = {
    .since_ns = INT64_MIN, .until_ns = INT64_MAX, .as_of_ns = INT64_MAX};

static void ask(struct answer *a, size_t tool_count)
{
    struct settings settings = sample_settings;
    settings.tools.rows = tools;
    settings.tools.count = tool_count;
    answer_open(a);
    answer_read(a, api_returns(store, &settings, &everything, &a->arena, &a->text, &a->err));
}

/* Whether the same code has been run with refused allocations already. */
static bool refused_elsewhere(void)
{
    return test_is_refusing();
}

/* The entry of a name and kind; against may be NULL. */
static struct json entry(const struct answer *a, const char *name, const char *kind,
                         const char *against)
{
    struct json_cursor at = json_iter(json_get(a->root, "returns"));
    struct json e;
    while (json_next(&at, NULL, &e)) {
        if (str_equal(json_str(json_get(e, "name")), str_from(name)) &&
            str_equal(json_str(json_get(e, "kind")), str_from(kind)) &&
            str_equal(json_str(json_get(e, "against")), str_from(against))) {
            return e;
        }
    }
    return (struct json){0};
}

static bool money(struct json e, const char *path, const char *expected)
{
    return str_equal(json_str(json_path(e, path)), str_from(expected));
}

static bool near(struct json e, const char *path, double expected)
{
    return fabs(json_double(json_path(e, path), NAN) - expected) < 1e-6;
}

static bool basis(struct json e, const char *expected)
{
    return str_equal(json_str(json_path(e, "rot.basis")), str_from(expected));
}

static void a_tool_of_an_unknown_workflow_is_refused(void)
{
    struct answer a;
    const struct settings_tool kept = tools[0];
    tools[0].workflows = nowhere;
    ask(&a, 1);
    tools[0] = kept;
    const bool right = a.code == ERR_CONFIG && a.text.size == 0 &&
                       strstr(a.err.text, "tools.finder") != NULL &&
                       strstr(a.err.text, "nowhere") != NULL;
    answer_close(&a);
    EXPECT(right);
}

/* Closed claims cost 12.485: 1.685 of tokens and tools, 10.80 of people. Seven were resolved. */
static void outcome_and_replacement_return_of_a_workflow(void)
{
    if (refused_elsewhere()) {
        return;
    }
    struct answer a;
    ask(&a, 0);
    const struct json outcome = entry(&a, "claims", "outcome", NULL);
    const struct json bpo = entry(&a, "claims", "replacement", "bpo");
    const struct json human = entry(&a, "claims", "replacement", "human");
    const bool right =
        money(outcome, "value", "46") && money(outcome, "cost.total", "12.485") &&
        money(outcome, "cost.agent", "1.685") && money(outcome, "cost.people", "10.8") &&
        near(outcome, "cost.people_share", 10.8 / 12.485) &&
        near(outcome, "rot.value", (46 / 12.485 - 1) * 100) && basis(outcome, "assumed") &&
        money(bpo, "value", "17.5") && near(bpo, "rot.value", (17.5 / 12.485 - 1) * 100) &&
        money(human, "value", "43.75");
    answer_close(&a);
    EXPECT(right);
}

static void what_nobody_gave_a_value_or_baseline_says_what_it_needs(void)
{
    if (refused_elsewhere()) {
        return;
    }
    struct answer a;
    ask(&a, 0);
    const struct json outcome = entry(&a, "sessions", "outcome", NULL);
    const struct json replacement = entry(&a, "sessions", "replacement", NULL);
    const bool right =
        json_kind(json_get(outcome, "value")) == JSON_NULL &&
        json_kind(json_path(outcome, "rot.value")) == JSON_NULL &&
        str_find(json_str(json_get(outcome, "missing")), STR("value_per_outcome")) != SIZE_MAX &&
        str_find(json_str(json_get(replacement, "missing")), STR("baseline")) != SIZE_MAX;
    answer_close(&a);
    EXPECT(right);
}

/* 120 leads x 5 % x $1,000 x 25 % = $1,500 against 1.20 of tokens and 2 h x $50 = 101.20. */
static void pipeline_return_counts_the_hours_invested(void)
{
    struct answer a;
    ask(&a, COUNT_OF(tools));
    const struct json e = entry(&a, "finder", "pipeline", NULL);
    const bool right = money(e, "value", "1500") && money(e, "cost.agent", "1.2") &&
                       money(e, "cost.people_invested", "100") && money(e, "cost.total", "101.2") &&
                       near(e, "cost.people_share", 100 / 101.2) &&
                       near(e, "rot.value", (1500 / 101.2 - 1) * 100) && basis(e, "assumed") &&
                       json_count(json_get(e, "assumed")) == 4;
    answer_close(&a);
    EXPECT(right);
}

/* 11 cases x 0.5 h x $40 = $220 against 1.755 of tokens, 10.80 of people and 1 h x $50. */
static void productivity_return_takes_the_measured_uses(void)
{
    if (refused_elsewhere()) {
        return;
    }
    struct answer a;
    ask(&a, COUNT_OF(tools));
    const struct json e = entry(&a, "drafter", "productivity", NULL);
    const bool right = money(e, "value", "220") && money(e, "cost.agent", "1.755") &&
                       money(e, "cost.people_recorded", "10.8") &&
                       money(e, "cost.people_invested", "50") && money(e, "cost.total", "62.555") &&
                       near(e, "rot.value", (220 / 62.555 - 1) * 100);
    answer_close(&a);
    EXPECT(right);
}

/* (3.3 % - 3.0 %) x 10,000 x $20 = $600 against $100. Without a control group the same figure is
 * an assumption and has no interval. */
static void conversion_return_is_estimated_with_a_control_and_assumed_without(void)
{
    if (refused_elsewhere()) {
        return;
    }
    struct answer a;
    ask(&a, COUNT_OF(tools));
    const struct json with = entry(&a, "banner", "conversion", NULL);
    const struct json without = entry(&a, "popup", "conversion", NULL);
    const bool right =
        money(with, "value", "600") && near(with, "rot.value", 500) && basis(with, "estimated") &&
        json_double(json_path(with, "rot.low"), 0) < 0 && /* the lift could be nothing */
        json_double(json_path(with, "rot.high"), 0) > 1000 &&
        !json_bool(json_get(with, "lift_assumed"), true);
    const bool assumed = money(without, "value", "600") && basis(without, "assumed") &&
                         json_kind(json_path(without, "rot.low")) == JSON_NULL &&
                         json_bool(json_get(without, "lift_assumed"), false);
    answer_close(&a);
    EXPECT(right);
    EXPECT(assumed);
}

static void the_json_is_the_golden_file(void)
{
    if (refused_elsewhere()) {
        return;
    }
    struct answer a;
    ask(&a, COUNT_OF(tools));
    const bool same = a.code == ERR_OK && golden_same("return.json", text_str(&a.text));
    answer_close(&a);
    EXPECT(same);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(a_tool_of_an_unknown_workflow_is_refused),
        TEST_SPARSE(what_nobody_gave_a_value_or_baseline_says_what_it_needs),
        TEST_SPARSE(outcome_and_replacement_return_of_a_workflow),
        TEST_SPARSE(pipeline_return_counts_the_hours_invested),
        TEST_SPARSE(productivity_return_takes_the_measured_uses),
        TEST_SPARSE(conversion_return_is_estimated_with_a_control_and_assumed_without),
        TEST_SPARSE(the_json_is_the_golden_file),
    };
    return reporting_main(sample_make, &store, tests, COUNT_OF(tests));
}
