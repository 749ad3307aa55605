/* call: exact to the picodollar; cliffs, dates and windows at their edges; unknown stays unknown.
 * Calls priced by the sample book against figures worked by hand. */
#include "price/price.h"

#include "model/trace.h"

#include "unit/price/sample.h"

struct call {
    const char *model;
    const char *at;
    enum service_tier tier;
    const char *region;
    struct usage usage;
};

/* The cost in p$, or -1 with the reason noted where the test failed, or -2 for an error. */
static int64_t cost(struct call call, struct price_result *result)
{
    struct sample sample;
    struct err err = {0};
    struct price_result own = {0};
    int64_t pusd = -3;
    sample_open(&sample);
    if (sample.book != NULL) {
        const struct price_query query = {.model = str_from(call.model),
                                          .at_ns = sample_time(call.at),
                                          .tier = call.tier,
                                          .region = str_from(call.region),
                                          .usage = &call.usage};
        const enum errc code = price_call(sample.book, &query, &own, &err);
        pusd = code != ERR_OK ? -2 : own.state == PRICE_PRICED ? own.cost_pusd : -1;
    }
    arena_deinit(&sample.arena);
    own.row = NULL; /* gone with the sample */
    if (result != NULL) {
        *result = own;
    }
    return pusd;
}

static bool unpriced(struct call call, const char *why)
{
    struct price_result result;
    const int64_t pusd = cost(call, &result);
    return pusd == -1 && result.cost_pusd == 0 && result.price_id == 0 &&
           strstr(result.why, why) != NULL;
}

#define USAGE(...)                                                                                 \
    {                                                                                              \
        .counts = { __VA_ARGS__ }                                                                  \
    }

static void counts_no_call_can_have_are_refused(void)
{
    EXPECT(cost((struct call){"one", "2026-09-01", .usage = USAGE([USAGE_OUTPUT] = -1)}, NULL) ==
           -2);
    EXPECT(cost((struct call){"one", "2026-09-01",
                              .usage = USAGE([USAGE_OUTPUT] = USAGE_TOKENS_MAX + 1)},
                NULL) == -2);
    EXPECT(cost((struct call){"one", "2026-09-01", .usage = {.reasoning = -1}}, NULL) == -2);
}

static void a_cost_no_row_holds_is_refused(void)
{
    struct arena arena;
    struct err err = {0};
    const struct price_book *book = NULL;
    struct price_result result = {.cost_pusd = 77};
    const struct usage usage = USAGE([USAGE_INPUT_UNCACHED] = USAGE_TOKENS_MAX);
    const struct price_query query = {.provider = STR("a"), .model = STR("m"), .usage = &usage};
    arena_init(&arena, 1 << 20);
    enum errc code = price_book_parse(STR("format bursar.prices/1\nprovider a\nmodel m\n"
                                          "price input=10000\n"),
                                      &arena, &book, &err);
    const bool parsed = code == ERR_OK;
    code = parsed ? price_call(book, &query, &result, &err) : code;
    arena_deinit(&arena);
    EXPECT(parsed);
    EXPECT(code == ERR_RANGE);
    EXPECT(result.cost_pusd == 77);
}

static void a_tier_reprices_the_whole_request_once_input_is_above_it(void)
{
    const struct call at = {"one", "2026-08-01",
                            .usage = USAGE([USAGE_INPUT_UNCACHED] = 172000,
                                           [USAGE_CACHE_READ] = 100000, [USAGE_OUTPUT] = 1000)};
    struct call above = at;
    above.usage.counts[USAGE_INPUT_UNCACHED]++;
    EXPECT(cost(at, NULL) == 172000 * 5000000L + 100000 * 500000L + 1000 * 30000000L);
    EXPECT(cost(above, NULL) == 172001 * 10000000L + 100000 * 1000000L + 1000 * 45000000L);
}

static void the_price_is_the_one_in_force_at_the_start_half_open(void)
{
    struct call call = {"one", "2026-08-20T23:59:59.999999999Z",
                        .usage = USAGE([USAGE_OUTPUT] = 1)};
    EXPECT(cost(call, NULL) == 30000000);
    call.at = "2026-08-21";
    EXPECT(cost(call, NULL) == 20000000);
    call.at = "1999-01-01";
    EXPECT(cost(call, NULL) == 30000000);
}

static void a_daily_window_holds_from_its_start_to_before_its_end(void)
{
    struct call call = {"night", "2026-11-20T21:59:59.999Z", .usage = USAGE([USAGE_OUTPUT] = 1)};
    call.model = "acme/night";
    EXPECT(cost(call, NULL) == 4000000);
    call.at = "2026-11-20T22:00:00Z";
    EXPECT(cost(call, NULL) == 2000000);
    call.at = "2026-11-21T05:59:59.999999999Z";
    EXPECT(cost(call, NULL) == 2000000);
    call.at = "2026-11-21T06:00:00Z";
    EXPECT(cost(call, NULL) == 4000000);
    call.at = "1969-12-31T23:00:00Z";
    EXPECT(cost(call, NULL) == 2000000);
}

static void a_window_of_week_days_rests_at_the_weekend(void)
{
    struct call call = {"acme/night", "2026-11-20T09:00:00Z", /* a Friday */
                        .usage = USAGE([USAGE_OUTPUT] = 1)};
    EXPECT(cost(call, NULL) == 6000000);
    call.at = "2026-11-21T09:00:00Z";
    EXPECT(cost(call, NULL) == 4000000);
    call.at = "2026-11-23T10:29:59Z";
    EXPECT(cost(call, NULL) == 6000000);
    call.at = "2026-11-23T10:30:00Z";
    EXPECT(cost(call, NULL) == 4000000);
}

static void a_service_tier_without_a_price_is_unpriced_not_standard(void)
{
    const struct usage usage = USAGE([USAGE_OUTPUT] = 10);
    EXPECT(unpriced((struct call){"one", "2026-09-01", TIER_FLEX, .usage = usage}, "service tier"));
    EXPECT(cost((struct call){"one", "2026-09-01", TIER_BATCH, .usage = usage}, NULL) ==
           10 * 10000000L);
}

static void a_rate_known_to_be_unknown_is_not_taken_from_another_class(void)
{
    const struct usage usage = USAGE([USAGE_CACHE_READ] = 10);
    EXPECT(unpriced((struct call){"one", "2026-09-01", TIER_BATCH, .usage = usage}, "cache read"));
}

static void a_region_with_a_price_has_it_and_others_have_the_common_one(void)
{
    const struct usage usage = USAGE([USAGE_OUTPUT] = 10);
    EXPECT(cost((struct call){"one", "2026-09-01", .region = "US", .usage = usage}, NULL) ==
           10 * 22000000L);
    EXPECT(cost((struct call){"one", "2026-09-01", .region = "eu", .usage = usage}, NULL) ==
           10 * 20000000L);
}

static void a_class_without_a_rate_costs_what_its_wider_class_costs(void)
{
    struct price_result result;
    const struct usage usage =
        USAGE([USAGE_CACHE_READ] = 1, [USAGE_CACHE_WRITE_1H] = 1, [USAGE_OUTPUT_AUDIO] = 1);
    EXPECT(cost((struct call){"one-mini", "2026-09-01", .usage = usage}, &result) ==
           150000 + 150000 + 600000);
    EXPECT(result.fallback ==
           (1u << USAGE_CACHE_READ | 1u << USAGE_CACHE_WRITE_1H | 1u << USAGE_OUTPUT_AUDIO));
    EXPECT(cost((struct call){"acme/audio", "2026-09-01",
                              .usage = USAGE([USAGE_INPUT_AUDIO] = 1, [USAGE_OUTPUT_AUDIO] = 1)},
                &result) == 7000000 + 9000000);
    EXPECT(result.fallback == 0);
}

static void a_call_of_unknown_time_has_a_price_only_where_time_does_not_matter(void)
{
    struct sample sample;
    struct err err;
    struct price_result changed = {.why = ""};
    struct price_result constant = {.why = ""};
    const struct usage usage = USAGE([USAGE_OUTPUT] = 10);
    enum errc code = ERR_LIMIT;
    sample_open(&sample);
    if (sample.book != NULL) {
        struct price_query query = {.model = STR("one"), .at_ns = TIME_UNKNOWN, .usage = &usage};
        code = price_call(sample.book, &query, &changed, &err);
        query.model = STR("one-mini");
        code = code == ERR_OK ? price_call(sample.book, &query, &constant, &err) : code;
    }
    arena_deinit(&sample.arena);
    EXPECT(code == ERR_OK);
    EXPECT(changed.state == PRICE_UNPRICED);
    EXPECT(strstr(changed.why, "not known") != NULL);
    EXPECT(constant.cost_pusd == 6000000);
}

static void what_the_book_cannot_price_is_kept_and_says_why(void)
{
    const struct usage usage = USAGE([USAGE_INPUT_UNCACHED] = 10, [USAGE_WEB_SEARCHES] = 1);
    EXPECT(unpriced((struct call){"one", "2026-09-01", .usage = usage}, "web searches"));
    EXPECT(unpriced((struct call){"acme/pages", "2026-09-01", .usage = usage}, "without a rate"));
    EXPECT(unpriced((struct call){"acme/nothing", "2026-09-01", .usage = usage}, "this model"));
    EXPECT(unpriced((struct call){"", "2026-09-01", .usage = usage}, "names no model"));
}

static void a_call_is_at_least_one_request(void)
{
    struct call call = {"two", "2026-09-01", .usage = USAGE([USAGE_WEB_SEARCHES] = 2)};
    EXPECT(cost(call, NULL) == 12000000000 + 2 * 10000000000);
    call.usage.counts[USAGE_REQUESTS] = 1;
    EXPECT(cost(call, NULL) == 12000000000 + 2 * 10000000000);
    call.usage.counts[USAGE_REQUESTS] = 3;
    EXPECT(cost(call, NULL) == 3 * 12000000000 + 2 * 10000000000);
}

static void reasoning_with_a_rate_is_charged_apart_and_only_once(void)
{
    struct price_result result;
    struct call call = {"two", "2026-09-01", .usage = USAGE([USAGE_OUTPUT] = 100)};
    call.usage.reasoning = 60;
    EXPECT(cost(call, &result) == 12000000000 + 40 * 2000000 + 60 * 3000000);
    EXPECT(result.reasoning_pusd == 60 * 3000000);
    EXPECT(result.parts_pusd[USAGE_OUTPUT] == 40 * 2000000 + 60 * 3000000);
    call.usage.reasoning = 1000; /* more than there is output: all of it, never more */
    EXPECT(cost(call, &result) == 12000000000 + 100 * 3000000);
}

static void parts_add_up_and_the_row_of_the_id_gives_the_same_cost(void)
{
    struct sample sample;
    struct err err;
    struct price_result result = {0};
    int64_t again = -1;
    int64_t sum = 0;
    const struct usage usage = {.counts = {[USAGE_INPUT_UNCACHED] = 300001,
                                           [USAGE_CACHE_READ] = 77,
                                           [USAGE_CACHE_WRITE_1H] = 5,
                                           [USAGE_OUTPUT] = 1234},
                                .reasoning = 34};
    sample_open(&sample);
    enum errc code = ERR_LIMIT;
    enum errc unknown = ERR_OK;
    if (sample.book != NULL) {
        const struct price_query query = {
            .model = STR("one"), .at_ns = sample_time("2026-09-01"), .usage = &usage};
        code = price_call(sample.book, &query, &result, &err);
        code = code == ERR_OK ? price_recompute(sample.book, result.price_id, &usage, &again, &err)
                              : code;
        unknown = price_recompute(sample.book, 12345, &usage, &again, &err);
    }
    arena_deinit(&sample.arena);
    for (int class = 0; class < USAGE_COUNT; class ++) {
        sum += result.parts_pusd[class];
    }
    EXPECT(code == ERR_OK);
    EXPECT(unknown == ERR_NOT_FOUND);
    EXPECT(sum == result.cost_pusd);
    EXPECT(again == result.cost_pusd);
    EXPECT(result.cost_pusd == 300001 * 8000000L + 77 * 800000L + 5 * 16000000L + 1234 * 30000000L);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(counts_no_call_can_have_are_refused),
        TEST(a_cost_no_row_holds_is_refused),
        TEST(what_the_book_cannot_price_is_kept_and_says_why),
        TEST(a_call_of_unknown_time_has_a_price_only_where_time_does_not_matter),
        TEST(a_service_tier_without_a_price_is_unpriced_not_standard),
        TEST(a_rate_known_to_be_unknown_is_not_taken_from_another_class),
        TEST(a_tier_reprices_the_whole_request_once_input_is_above_it),
        TEST(the_price_is_the_one_in_force_at_the_start_half_open),
        TEST(a_daily_window_holds_from_its_start_to_before_its_end),
        TEST(a_window_of_week_days_rests_at_the_weekend),
        TEST(a_region_with_a_price_has_it_and_others_have_the_common_one),
        TEST(a_class_without_a_rate_costs_what_its_wider_class_costs),
        TEST(a_call_is_at_least_one_request),
        TEST(reasoning_with_a_rate_is_charged_apart_and_only_once),
        TEST(parts_add_up_and_the_row_of_the_id_gives_the_same_cost),
    };
    return test_main(tests, COUNT_OF(tests));
}
