/* report: every part of a case's cost lands where economics.md says, at every point in time.
 * The ledger of sample.h; the expected figures are sums done by hand from its comment. */
#include <math.h>

#include "api/api.h"
#include "api/api_priv.h"
#include "base/json.h"
#include "reporting.h"
#include "sample.h"
#include "support/answer.h"
#include "support/golden.h"
#include "support/home.h"
#include "support/test.h"

/* Opened once: the ledger is only read. */
static struct store *store;

static struct api_request everything(void)
{
    return (struct api_request){.since_ns = INT64_MIN,
                                .until_ns = INT64_MAX,
                                .as_of_ns = INT64_MAX,
                                .now_ns = sample_time(31, 0)};
}

static void ask(struct answer *a, struct store *from, struct api_request request)
{
    answer_open(a);
    answer_read(a, api_report(from, &sample_settings, &request, &a->arena, &a->text, &a->err));
}

/* Whether the same code has been run with refused allocations already: a report takes tens of
 * milliseconds, and one test of it and one of its error path are enough. */
static bool refused_elsewhere(void)
{
    return test_is_refusing();
}

static struct json workflow(const struct answer *a, const char *name)
{
    struct json_cursor at = json_iter(json_get(a->root, "workflows"));
    struct json w;
    while (json_next(&at, NULL, &w)) {
        if (str_equal(json_str(json_get(w, "workflow")), str_from(name))) {
            return w;
        }
    }
    return (struct json){0};
}

static bool money(struct json w, const char *path, const char *expected)
{
    const struct str found = json_str(json_path(w, path));
    const bool same = str_equal(found, str_from(expected));
    if (!same && !test_is_refusing()) {
        print_message("# %s is " STR_FORMAT ", not %s\n", path, STR_ARG(found), expected);
    }
    return same;
}

static bool number(struct json w, const char *path, double expected)
{
    const double found = json_double(json_path(w, path), NAN);
    const bool same = fabs(found - expected) < 1e-9;
    if (!same && !test_is_refusing()) {
        print_message("# %s is %.12g, not %.12g\n", path, found, expected);
    }
    return same;
}

static void an_unknown_workflow_is_refused_with_those_there_are(void)
{
    struct answer a;
    struct api_request request = everything();
    request.workflow = STR("clams");
    ask(&a, store, request);
    const bool right =
        a.code == ERR_NOT_FOUND && strstr(a.err.text, "claims") != NULL && a.text.size == 0;
    answer_close(&a);
    EXPECT(right);
}

static void the_parts_add_up_to_the_total_by_hand(void)
{
    struct answer a;
    ask(&a, store, everything());
    const struct json w = workflow(&a, "claims");
    const bool counts =
        number(w, "cases", 11) && number(w, "open", 1) && number(w, "attempts", 16) &&
        number(w, "resolved", 7) && number(w, "not_resolved", 3) && number(w, "calls", 17) &&
        number(w, "unpriced_calls", 1) && number(w, "outcomes_without_attempts", 1) &&
        number(w, "tokens.input_uncached", 1700) && number(w, "tokens.output", 170);
    /* Of c11's two attempts at one moment the one with the larger key is the last. */
    const bool second = hash64_of(STR("claims"), STR("c11"), STR("2")) >
                        hash64_of(STR("claims"), STR("c11"), STR("1"));
    const bool parts =
        money(w, "cost.base", second ? "0.75" : "0.73") &&
        money(w, "cost.retry_tail", second ? "0.115" : "0.135") && money(w, "cost.sunk", "0.57") &&
        money(w, "cost.rework", "1.45") && money(w, "cost.human", "9.6") &&
        money(w, "cost.open", "0.07") && money(w, "cost.total", "12.555") &&
        money(w, "cost.of_which_tool_fees", "0.05") && money(w, "cost.of_which_people", "10.8") &&
        money(w, "cost_basis.priced", "1.705") && money(w, "cost_basis.reported", "0.05") &&
        number(w, "people.minutes", 18);
    answer_close(&a);
    EXPECT(counts);
    EXPECT(parts);
}

static void rates_and_returns_are_those_of_the_definitions(void)
{
    if (refused_elsewhere()) {
        return;
    }
    struct answer a;
    ask(&a, store, everything());
    const struct json w = workflow(&a, "claims");
    const double cost = 12.485; /* of the ten closed cases */
    const double attempt = cost / 15;
    const bool rates =
        number(w, "cost_per_outcome.value", cost / 7) && number(w, "cost_per_outcome.n", 10) &&
        number(w, "first_attempt_success.value", 0.4) && number(w, "attempt_cost_mean", attempt) &&
        number(w, "t_over_p", attempt / 0.4) && number(w, "tail_ratio", 15 * 0.4 / 7);
    const bool returns = money(w, "value.total", "46") && number(w, "value.outcomes_recorded", 1) &&
                         number(w, "value.outcomes_assumed", 6) &&
                         number(w, "rot.outcome.value", (46 / cost - 1) * 100) &&
                         number(w, "rot.replacement.bpo.value", (7 * 2.5 / cost - 1) * 100) &&
                         number(w, "rot.replacement.human.value", (7 * 6.25 / cost - 1) * 100) &&
                         number(w, "break_even.bpo.p_star", attempt / 2.5) &&
                         number(w, "break_even.bpo.margin_pp", (0.4 - attempt / 2.5) * 100) &&
                         number(w, "break_even.human.p_star", attempt / 6.25);
    const bool words =
        json_bool(json_path(w, "cost_per_outcome.thin"), false) &&
        json_bool(json_path(w, "cost_per_outcome.incomplete"), false) &&
        str_equal(json_str(json_path(w, "cost_per_outcome.method")), STR("bootstrap")) &&
        str_equal(json_str(json_path(w, "rot.outcome.basis")), STR("assumed"));
    answer_close(&a);
    EXPECT(rates);
    EXPECT(returns);
    EXPECT(words);
}

static void a_late_and_a_revised_outcome_count_from_when_they_were_known(void)
{
    if (refused_elsewhere()) {
        return;
    }
    struct answer a;
    struct api_request request = everything();
    request.as_of_ns = sample_time(10, 0);
    ask(&a, store, request);
    const struct json w = workflow(&a, "claims");
    const bool right = number(w, "resolved", 7) && number(w, "not_resolved", 2) &&
                       number(w, "open", 2) && money(w, "cost.sunk", "0.45") &&
                       money(w, "cost.open", "0.18") && money(w, "cost.rework", "1.45") &&
                       money(w, "cost.total", "12.555");
    answer_close(&a);
    EXPECT(right);
}

static void what_had_not_begun_is_not_in_an_early_report(void)
{
    if (refused_elsewhere()) {
        return;
    }
    struct answer a;
    struct api_request request = everything();
    request.as_of_ns = sample_time(2, 13);
    ask(&a, store, request);
    const struct json w = workflow(&a, "claims");
    const bool right = number(w, "cases", 8) && number(w, "resolved", 3) &&
                       number(w, "not_resolved", 1) && number(w, "open", 4) &&
                       money(w, "cost.open", "6.38") && money(w, "cost.sunk", "0.4") &&
                       money(w, "cost.rework", "0") && money(w, "cost.human", "3") &&
                       number(w, "open_cases.oldest_age_days", 1.2);
    answer_close(&a);
    EXPECT(right);
}

static void a_window_holds_the_cases_that_began_in_it_and_their_tokens(void)
{
    if (refused_elsewhere()) {
        return;
    }
    struct answer a;
    struct api_request request = everything();
    request.since_ns = sample_time(3, 0);
    request.until_ns = sample_time(8, 0);
    ask(&a, store, request);
    const struct json w = workflow(&a, "claims");
    /* c7 and c11; c12 begins on day 8, c4's second attempt belongs to a case of day 2 */
    const bool right = number(w, "cases", 2) && money(w, "cost.total", "0.16") &&
                       number(w, "calls", 3) && number(w, "tokens.input_uncached", 300) &&
                       money(w, "cost_basis.priced", "0.16") && number(w, "unpriced_calls", 0);
    request.since_ns = sample_time(20, 0);
    request.until_ns = INT64_MAX;
    request.workflow = STR("claims");
    struct answer none;
    ask(&none, store, request);
    const struct json empty = workflow(&none, "claims");
    const bool blank = number(empty, "cases", 0) && money(empty, "cost.total", "0") &&
                       json_kind(json_path(empty, "cost_per_outcome.value")) == JSON_NULL;
    answer_close(&none);
    answer_close(&a);
    EXPECT(right);
    EXPECT(blank);
}

static void only_the_evidence_a_workflow_takes_resolves_its_cases(void)
{
    if (refused_elsewhere()) {
        return;
    }
    struct answer a;
    ask(&a, store, everything());
    const struct json w = workflow(&a, "sessions");
    const bool right = number(w, "cases", 2) && number(w, "resolved", 1) && number(w, "open", 1) &&
                       money(w, "cost.base", "0.5") && money(w, "cost.open", "0.7") &&
                       number(w, "cases_named_by_session", 2) &&
                       str_equal(json_str(json_get(w, "unit")), STR("session")) &&
                       json_kind(json_path(w, "rot.replacement.bpo")) == JSON_NULL &&
                       json_kind(json_path(w, "value.total")) == JSON_NULL;
    answer_close(&a);
    EXPECT(right);
}

static void what_nothing_names_is_kept_apart_and_shown(void)
{
    if (refused_elsewhere()) {
        return;
    }
    struct answer all;
    struct answer one;
    struct api_request request = everything();
    ask(&all, store, request);
    request.workflow = STR("sessions");
    ask(&one, store, request);
    const bool right = json_count(json_get(all.root, "workflows")) == 2 &&
                       number(all.root, "total.unattributed.calls", 2) &&
                       money(all.root, "total.unattributed.cost", "0.5") &&
                       money(all.root, "total.cost.total", "14.255"); /* 12.555 + 1.2 + 0.5 */
    const bool named = json_count(json_get(one.root, "workflows")) == 1 &&
                       money(one.root, "total.cost.total", "1.2") &&
                       money(one.root, "total.unattributed.cost", "0.5");
    answer_close(&one);
    answer_close(&all);
    EXPECT(right);
    EXPECT(named);
}

static void the_same_rows_in_another_order_give_the_same_bytes(void)
{
    if (refused_elsewhere()) {
        return;
    }
    struct home home;
    struct store *other = NULL;
    struct err err;
    struct answer a;
    struct answer b;
    home_make(&home);
    sample_make(home_str(&home), 99);
    const enum errc code = store_open(home_str(&home), STORE_READ, &other, &err);
    CHECK(code == ERR_OK);
    ask(&a, store, everything());
    ask(&b, other, everything());
    const bool same = a.code == ERR_OK && str_equal(text_str(&a.text), text_str(&b.text));
    answer_close(&b);
    answer_close(&a);
    store_close(&other);
    home_remove(&home);
    EXPECT(same);
}

static void the_json_is_the_golden_file(void)
{
    if (refused_elsewhere()) {
        return;
    }
    struct answer a;
    ask(&a, store, everything());
    const bool same = a.code == ERR_OK && golden_same("report.json", text_str(&a.text));
    struct answer early;
    struct api_request request = everything();
    request.as_of_ns = sample_time(10, 0);
    ask(&early, store, request);
    const bool early_same =
        early.code == ERR_OK && golden_same("report_as_of.json", text_str(&early.text));
    answer_close(&early);
    answer_close(&a);
    EXPECT(same);
    EXPECT(early_same);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(an_unknown_workflow_is_refused_with_those_there_are),
        TEST_SPARSE(the_parts_add_up_to_the_total_by_hand),
        TEST_SPARSE(rates_and_returns_are_those_of_the_definitions),
        TEST_SPARSE(a_late_and_a_revised_outcome_count_from_when_they_were_known),
        TEST_SPARSE(what_had_not_begun_is_not_in_an_early_report),
        TEST_SPARSE(a_window_holds_the_cases_that_began_in_it_and_their_tokens),
        TEST_SPARSE(only_the_evidence_a_workflow_takes_resolves_its_cases),
        TEST_SPARSE(what_nothing_names_is_kept_apart_and_shown),
        TEST_SPARSE(the_same_rows_in_another_order_give_the_same_bytes),
        TEST_SPARSE(the_json_is_the_golden_file),
    };
    return reporting_main(sample_make, &store, tests, COUNT_OF(tests));
}
