/* utility: a curve done on paper, what is configured and what is not, and the same bytes again.
 * The ledger of sample.h. Closed claims, spend until the end and in all (thousandths of a dollar):
 * c1 100 resolved, worth 10; c2 400 resolved; c3 400 failed; c4 150 of 400 resolved; c6 50
 * escalated; c7 120 failed; c8 110 resolved; c9 20 resolved, one call unpriced; c11 40 resolved;
 * c12 45 resolved. What has no value of its own is worth 6. A BPO does a claim for 2.50. */
#include "api/utility.h"

#include <math.h>

#include "attribution/utility.h"
#include "base/json.h"
#include "reporting.h"
#include "sample.h"
#include "support/answer.h"
#include "support/golden.h"
#include "support/test.h"

static struct store *store;

static void ask(struct answer *a, const struct settings *settings, const char *workflow,
                const int64_t *caps, size_t cap_count)
{
    const struct utility_request request = {.about = {.workflow = str_from(workflow),
                                                      .since_ns = INT64_MIN,
                                                      .until_ns = INT64_MAX,
                                                      .as_of_ns = INT64_MAX},
                                            .caps_pusd = caps,
                                            .cap_count = cap_count};
    answer_open(a);
    answer_read(a, api_utility(store, settings, &request, &a->arena, &a->text, &a->err));
}

static struct json point(const struct answer *a, size_t place)
{
    struct json_cursor at = json_iter(json_get(a->root, "curve"));
    struct json p = {0};
    for (size_t i = 0; i <= place && json_next(&at, NULL, &p); i++) {
    }
    return p;
}

static bool says(struct json node, const char *path, const char *expected)
{
    return str_equal(json_str(json_path(node, path)), str_from(expected));
}

static int64_t count(struct json node, const char *path)
{
    return json_int64(json_path(node, path), -1);
}

static void a_workflow_that_is_not_there_is_refused(void)
{
    struct answer a;
    ask(&a, &sample_settings, "clams", NULL, 0);
    const bool right =
        a.code == ERR_NOT_FOUND && a.text.size == 0 && strstr(a.err.text, "claims") != NULL;
    answer_close(&a);
    EXPECT(right);
}

/* At 0.1: c1 kept for 10; c9, c11, c12 for 6 each; c6 ended. Stopped are c2, c3, c4, c7, c8. */
static void the_curve_at_three_caps_is_the_one_done_on_paper(void)
{
    static const int64_t caps[] = {400000000000, 100000000000, 150000000000, 100000000000};
    struct answer a;
    ask(&a, &sample_settings, "claims", caps, COUNT_OF(caps));
    const struct json low = point(&a, 0);
    const struct json middle = point(&a, 1);
    const struct json high = point(&a, 2);
    const bool shape = json_count(json_get(a.root, "curve")) == 3 &&
                       count(a.root, "cases.closed") == 10 && count(a.root, "cases.open") == 1 &&
                       count(a.root, "cases.unpriced") == 1;
    const bool first = says(low, "cap_usd", "0.1") && says(low, "spend_usd", "0.755") &&
                       says(low, "value_without_fallback_usd", "28") &&
                       count(low, "stopped") == 5 && says(low, "value_usd", "15.5") &&
                       count(low, "resolved") == 4;
    const bool second = says(middle, "spend_usd", "0.935") && count(middle, "stopped") == 2 &&
                        says(middle, "value_without_fallback_usd", "40");
    const bool third = says(high, "spend_usd", "1.685") && says(high, "value_usd", "46") &&
                       count(high, "stopped") == 0;
    const double mtu = json_double(json_get(middle, "mtu"), NAN);
    const bool slope = fabs(mtu - (40 - 5 - 15.5) / (0.935 - 0.755)) < 1e-9;
    answer_close(&a);
    EXPECT(shape);
    EXPECT(first);
    EXPECT(second);
    EXPECT(third);
    EXPECT(slope);
}

static void attempts_are_told_apart_where_a_case_took_several(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct answer a;
    ask(&a, &sample_settings, "claims", NULL, 0);
    /* The first attempts of ten, and the second of c2, c3, c11 and c12; c4's came later. */
    struct json_cursor at = json_iter(json_get(a.root, "attempts"));
    struct json first = {0};
    struct json second = {0};
    const bool two = json_next(&at, NULL, &first) && json_next(&at, NULL, &second) &&
                     json_count(json_get(a.root, "attempts")) == 2;
    const bool right = count(first, "cases") == 10 && count(second, "cases") == 4 &&
                       count(second, "resolved") == 3 && count(a.root, "last_repeats.after") == 1 &&
                       says(a.root, "last_repeats.spend_all_usd", "1.435");
    answer_close(&a);
    EXPECT(two);
    EXPECT(right);
}

static void a_workflow_without_a_value_has_no_slope_and_no_break_even(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct answer a;
    ask(&a, &sample_settings, "sessions", NULL, 0);
    const bool right = json_kind(json_get(a.root, "break_even_cap_usd")) == JSON_NULL &&
                       json_kind(json_path(a.root, "current_mtu.value")) == JSON_NULL &&
                       json_kind(json_get(a.root, "fallback")) == JSON_NULL &&
                       count(a.root, "cases.without_value") == 1 &&
                       json_bool(json_path(a.root, "current_mtu.thin"), false);
    answer_close(&a);
    EXPECT(right);
}

static void a_baseline_that_no_amount_holds_is_refused(void)
{
    struct answer a;
    struct settings_workflow claims = sample_settings.workflows.rows[0];
    const struct settings settings = {.workflows = {.rows = &claims, .count = 1}};
    claims.baselines[BASELINE_BPO].success_rate = 1e-8;
    claims.baselines[BASELINE_HUMAN].success_rate = 1e-8;
    ask(&a, &settings, "claims", NULL, 0);
    const bool right = a.code == ERR_CONFIG && strstr(a.err.text, "claims.baseline") != NULL;
    answer_close(&a);
    EXPECT(right);
}

static void the_json_is_the_golden_file(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct answer a;
    struct answer b;
    ask(&a, &sample_settings, "claims", NULL, 0);
    ask(&b, &sample_settings, "sessions", NULL, 0);
    const bool same = a.code == ERR_OK && golden_same("utility.json", text_str(&a.text));
    const bool bare = b.code == ERR_OK && golden_same("utility_bare.json", text_str(&b.text));
    answer_close(&a);
    answer_close(&b);
    EXPECT(same);
    EXPECT(bare);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(a_workflow_that_is_not_there_is_refused),
        TEST_SPARSE(a_baseline_that_no_amount_holds_is_refused),
        TEST_SPARSE(the_curve_at_three_caps_is_the_one_done_on_paper),
        TEST_SPARSE(attempts_are_told_apart_where_a_case_took_several),
        TEST_SPARSE(a_workflow_without_a_value_has_no_slope_and_no_break_even),
        TEST_SPARSE(the_json_is_the_golden_file),
    };
    return reporting_main(sample_make, &store, tests, COUNT_OF(tests));
}
