/* variance: attempts of the same case by hand, what is left out, and the same bytes again.
 * The ledger of sample.h. Claims of two attempts, in thousandths of a dollar: c2 100 and 300, c3
 * 200 and 200, c4 150 and 250, c11 10 and 30, c12 5 and 40. No case has an input key. */
#include "api/variance.h"

#include <math.h>

#include "api/api_priv.h"
#include "base/json.h"
#include "reporting.h"
#include "sample.h"
#include "support/golden.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)16 << 20)
#define TEXT_BYTES  ((size_t)1 << 20)

static struct store *store;

static struct variance_request request_of(const char *workflow)
{
    return (struct variance_request){.about = {.workflow = str_from(workflow),
                                               .since_ns = INT64_MIN,
                                               .until_ns = INT64_MAX,
                                               .as_of_ns = INT64_MAX}};
}

static void a_workflow_that_is_not_there_is_refused(void)
{
    struct arena arena;
    struct text text;
    struct err err;
    const struct variance_request request = request_of("clams");
    arena_init(&arena, ARENA_BYTES);
    text_init(&text, TEXT_BYTES);
    const enum errc code = api_variance(store, &sample_settings, &request, &arena, &text, &err);
    const bool right =
        code == ERR_NOT_FOUND && text.size == 0 && strstr(err.text, "claims") != NULL;
    text_deinit(&text);
    arena_deinit(&arena);
    EXPECT(right);
}

/* Ratios 3, 1, 1.667, 3 and 8: the median is 3, one is flagged. */
static void the_spread_of_five_cases_is_the_one_done_on_paper(void)
{
    struct arena arena;
    struct err err;
    struct variance v = {0};
    const struct variance_request request = request_of("claims");
    arena_init(&arena, ARENA_BYTES);
    enum errc code = figures_create_costs(store, &sample_settings, &request.about, &err);
    if (code == ERR_OK) {
        code = variance_read(store, &request, &arena, &v, &err);
    }
    arena_deinit(&arena);
    EXPECT(code == ERR_OK);
    EXPECT(v.groups == 5);
    EXPECT(v.attempts == 10);
    EXPECT(v.by_input_key == 0);
    EXPECT(v.flagged == 1);
    EXPECT(v.max_over_min.value == 3);
    EXPECT(isnan(v.max_over_min.low)); /* five values have no interval */
    EXPECT(fabs(v.p90_over_p10.value - 28.0 / 12.0) < 1e-12);
}

static void a_workflow_without_a_second_attempt_has_no_spread(void)
{
    struct arena arena;
    struct err err;
    struct variance v = {.groups = 77};
    const struct variance_request request = request_of("sessions");
    arena_init(&arena, ARENA_BYTES);
    enum errc code = figures_create_costs(store, &sample_settings, &request.about, &err);
    if (code == ERR_OK) {
        code = variance_read(store, &request, &arena, &v, &err);
    }
    arena_deinit(&arena);
    EXPECT(code == ERR_OK);
    EXPECT(v.groups == 0);
    EXPECT(isnan(v.max_over_min.value));
}

static void the_json_is_the_golden_file(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct arena arena;
    struct text text;
    struct err err;
    const struct variance_request request = request_of("claims");
    arena_init(&arena, ARENA_BYTES);
    text_init(&text, TEXT_BYTES);
    const enum errc code = api_variance(store, &sample_settings, &request, &arena, &text, &err);
    const bool same = code == ERR_OK && golden_same("variance.json", text_str(&text));
    text_deinit(&text);
    arena_deinit(&arena);
    EXPECT(same);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(a_workflow_that_is_not_there_is_refused),
        TEST_SPARSE(the_spread_of_five_cases_is_the_one_done_on_paper),
        TEST_SPARSE(a_workflow_without_a_second_attempt_has_no_spread),
        TEST_SPARSE(the_json_is_the_golden_file),
    };
    return reporting_main(sample_make, &store, tests, COUNT_OF(tests));
}
