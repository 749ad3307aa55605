/* drivers: refusals, and the parts of the ledger of sample.h by hand and against its report. Every
 * call there reads 100 tokens and writes 10; how calls are ordered is tested end to end, against
 * sums made in Python. */
#include <math.h>

#include "api/api.h"
#include "base/json.h"
#include "sample.h"
#include "support/answer.h"
#include "support/golden.h"
#include "support/home.h"
#include "support/test.h"

static struct store *store;
static struct store *shuffled; /* the same rows in another order */

/* The sample's one price: $10 a million tokens; output makes up the rest. */
static bool acme(const void *book, uint64_t price_id, struct rates *out)
{
    const int64_t *const rate_pusd = book;
    *out = (struct rates){.pusd = {[USAGE_INPUT_UNCACHED] = *rate_pusd}, .known = 1};
    return price_id == 1 && *rate_pusd > 0;
}

static bool nobody(const void *book, struct str provider, struct str model, int64_t at_ns,
                   int64_t input_tokens, struct rates *out)
{
    (void)book;
    (void)provider;
    (void)model;
    (void)at_ns;
    (void)input_tokens;
    *out = (struct rates){0};
    return false;
}

static void ask(struct answer *a, struct store *of, const char *workflow, int64_t rate_pusd)
{
    const struct rate_source rates = {.book = &rate_pusd, .by_id = acme, .by_model = nobody};
    const struct api_drivers_request request = {.request = {.workflow = str_from(workflow),
                                                            .since_ns = INT64_MIN,
                                                            .until_ns = INT64_MAX,
                                                            .as_of_ns = INT64_MAX},
                                                .rates = &rates};
    answer_open(a);
    answer_read(a, api_drivers(of, &sample_settings, &request, &a->arena, &a->text, &a->err));
}

static bool money(const struct answer *a, const char *path, const char *expected)
{
    const struct str found = json_str(json_path(a->root, path));
    const bool same = str_equal(found, str_from(expected));
    if (!same) {
        test_note(path);
    }
    return same;
}

static bool near(const struct answer *a, const char *path, double expected)
{
    return fabs(json_double(json_path(a->root, path), NAN) - expected) < 1e-9;
}

static bool null(const struct answer *a, const char *path)
{
    return json_kind(json_path(a->root, path)) == JSON_NULL;
}

static void an_unknown_workflow_is_refused_by_name(void)
{
    struct answer a;
    ask(&a, store, "nowhere", 10000000);
    const bool right = a.code == ERR_NOT_FOUND && a.text.size == 0 &&
                       strstr(a.err.text, "nowhere") != NULL &&
                       strstr(a.err.text, "claims") != NULL;
    answer_close(&a);
    EXPECT(right);
}

/* At $1,000 a million tokens the input alone would cost more than was booked for the calls. */
static void calls_dearer_by_their_price_than_booked_are_refused(void)
{
    struct answer a;
    ask(&a, store, "claims", INT64_C(10000000000));
    const bool right =
        a.code == ERR_INTEGRITY && a.text.size == 0 && strstr(a.err.text, "verify") != NULL;
    answer_close(&a);
    EXPECT(right);
}

/*
 * Seven claims were resolved, each by an attempt of one priced call: 7 x 100 tokens at $10 a
 * million are 0.007. Their attempts cost 0.10 + 0.30 + 0.15 + 0.11 + 0.02 + 0.04 and 0.03 or 0.01:
 * the two of c11 began at once, and the key decides. Of 17 calls one, the second of c9, reads what
 * the one before it had: 100 tokens of 1,700, and no price.
 */
static void the_parts_of_claims_come_to_what_the_report_says(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct answer a;
    ask(&a, store, "claims", 10000000);
    const bool totals = a.code == ERR_OK && money(&a, "spend", "12.555") &&
                        money(&a, "parts.total", "12.555") && money(&a, "parts.open", "0.07") &&
                        money(&a, "parts.human", "9.6") && money(&a, "parts.tools", "0.05") &&
                        money(&a, "parts.unsplit", "0") && money(&a, "parts.new_input", "0.007") &&
                        money(&a, "parts.carried", "0") && money(&a, "retry.sunk", "0.57") &&
                        money(&a, "retry.rework", "1.45");
    const bool ratios =
        near(&a, "context.carry_ratio", 1.0 / 17) && money(&a, "context.carried_usd", "0") &&
        json_int64(json_path(a.root, "calls"), 0) == 17 &&
        json_int64(json_path(a.root, "unpriced_calls"), 0) == 1 &&
        json_bool(json_path(a.root, "context.incomplete"), false) &&
        null(&a, "context.growth_exponent.value") && null(&a, "context.unused_retrieval.tokens");
    answer_close(&a);
    EXPECT(totals);
    EXPECT(ratios);
}

/* The unattributed case has two calls of one price in one session: 100 tokens again for 0.001. */
static void the_whole_ledger_has_the_calls_of_no_workflow_too(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct answer a;
    ask(&a, store, "", 10000000);
    const bool right = a.code == ERR_OK && null(&a, "workflow") && money(&a, "spend", "14.255") &&
                       near(&a, "context.carry_ratio", 2.0 / 21) &&
                       money(&a, "context.carried_usd", "0.001") &&
                       money(&a, "context.carried.measured_usd", "0.001") &&
                       money(&a, "parts.open", "1.27") && money(&a, "parts.total", "14.255");
    answer_close(&a);
    EXPECT(right);
}

static void calls_whose_price_is_gone_are_not_split_and_only_estimated(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct answer a;
    ask(&a, store, "", 0);
    const bool right =
        a.code == ERR_OK && money(&a, "parts.new_input", "0") && money(&a, "parts.carried", "0") &&
        money(&a, "parts.output", "0") && money(&a, "context.carried.measured_usd", "0") &&
        str_equal(json_str(json_path(a.root, "context.basis")), STR("estimated")) &&
        json_int64(json_path(a.root, "shared_calls"), 0) == 20 &&
        /* 100 carried of the 2,200 tokens of the twenty calls at that price, 3.405 in all */
        money(&a, "context.carried_usd", "0.154772727273");
    answer_close(&a);
    EXPECT(right);
}

static void the_same_rows_in_another_order_give_the_same_bytes(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct answer a;
    struct answer b;
    ask(&a, store, "claims", 10000000);
    ask(&b, shuffled, "claims", 10000000);
    const bool same = a.code == ERR_OK && b.code == ERR_OK &&
                      str_equal(text_str(&a.text), text_str(&b.text)) &&
                      golden_same("drivers.json", text_str(&a.text));
    answer_close(&a);
    answer_close(&b);
    EXPECT(same);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(an_unknown_workflow_is_refused_by_name),
        TEST_SPARSE(calls_dearer_by_their_price_than_booked_are_refused),
        TEST_SPARSE(the_parts_of_claims_come_to_what_the_report_says),
        TEST_SPARSE(the_whole_ledger_has_the_calls_of_no_workflow_too),
        TEST_SPARSE(calls_whose_price_is_gone_are_not_split_and_only_estimated),
        TEST_SPARSE(the_same_rows_in_another_order_give_the_same_bytes),
    };
    struct home homes[2];
    struct store **const stores[] = {&store, &shuffled};
    struct err err;
    for (size_t i = 0; i < COUNT_OF(homes); i++) {
        home_make(&homes[i]);
        sample_make(home_str(&homes[i]), i + 1);
        CHECK(store_open(home_str(&homes[i]), STORE_READ, stores[i], &err) == ERR_OK);
    }
    const int failed = test_main(tests, COUNT_OF(tests));
    for (size_t i = 0; i < COUNT_OF(homes); i++) {
        store_close(stores[i]);
        home_remove(&homes[i]);
    }
    return failed;
}
