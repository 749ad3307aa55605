/* shipped: the book inside the program prices the golden calls, and fast.
 * Figures published by the providers and worked by hand; a loop with a stated budget. */
#include "price/price.h"

#include "unit/price/sample.h"

static const struct price_book *open_book(struct arena *arena)
{
    struct err err = {0};
    const struct price_book *book = NULL;
    arena_init(arena, (size_t)16 << 20);
    if (price_book_parse(price_shipped(), arena, &book, &err) != ERR_OK) {
        test_note(err.text);
    }
    return book;
}

static int64_t cost(const char *model, const char *at, enum service_tier tier, const char *region,
                    struct usage usage)
{
    struct arena arena;
    struct err err;
    struct price_result result = {.state = PRICE_UNPRICED};
    const struct price_book *const book = open_book(&arena);
    const struct price_query query = {.model = str_from(model),
                                      .at_ns = sample_time(at),
                                      .tier = tier,
                                      .region = str_from(region),
                                      .usage = &usage};
    const bool priced = book != NULL && price_call(book, &query, &result, &err) == ERR_OK &&
                        result.state == PRICE_PRICED;
    arena_deinit(&arena);
    return priced ? result.cost_pusd : -1;
}

static const struct usage sol = {
    .counts = {
        [USAGE_INPUT_UNCACHED] = 200000, [USAGE_CACHE_READ] = 100000, [USAGE_OUTPUT] = 1000}};
static const struct usage sonnet = {
    .counts = {[USAGE_INPUT_UNCACHED] = 40000, [USAGE_CACHE_READ] = 210000, [USAGE_OUTPUT] = 2000}};

static void sol_costs_what_it_did_on_either_day(void)
{
    EXPECT(cost("gpt-5.6-sol", "2026-08-01", TIER_STANDARD, NULL, sol) == 2145000000000);
    EXPECT(cost("gpt-5.6-sol", "2026-11-22", TIER_STANDARD, NULL, sol) == 1710000000000);
}

static void sonnet_costs_the_long_context_price_for_all_of_it(void)
{
    EXPECT(cost("claude-sonnet-4-5-20250929", "2026-01-15", TIER_STANDARD, NULL, sonnet) ==
           411000000000);
}

static void batch_is_half_and_one_geography_a_tenth_more(void)
{
    const struct usage usage = {.counts = {[USAGE_INPUT_UNCACHED] = 1000, [USAGE_OUTPUT] = 1000}};
    EXPECT(cost("claude-opus-4-6", "2026-06-01", TIER_STANDARD, NULL, usage) == 30000000000);
    EXPECT(cost("claude-opus-4-6", "2026-06-01", TIER_BATCH, NULL, usage) == 15000000000);
    EXPECT(cost("claude-opus-4-6", "2026-06-01", TIER_STANDARD, "us", usage) == 33000000000);
    EXPECT(cost("claude-opus-4-6", "2026-06-01", TIER_FAST, NULL, usage) == 180000000000);
    EXPECT(cost("claude-opus-4-6", "2026-06-01", TIER_FLEX, NULL, usage) == -1);
}

static void a_hundred_thousand_calls_are_priced_in_no_time(void)
{
    static const char *const names[] = {"gpt-5.6-sol", "claude-sonnet-4-5-20250929",
                                        "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                                        "openrouter/anthropic/claude-sonnet-5", "gemini-2.5-pro"};
    enum { CALLS = 100000 };
    const int64_t budget_ns = 500000000; /* ten times the aim: other work shares the machine */
    struct arena arena;
    struct err err;
    struct price_result result = {.state = PRICE_UNPRICED};
    struct usage usage = sol;
    const struct price_book *const book = open_book(&arena);
    struct price_memo *const memo = book != NULL ? price_memo_create(&arena) : NULL;
    struct price_query query = {.at_ns = sample_time("2026-11-22"), .usage = &usage, .memo = memo};
    bool good = memo != NULL;
    const int64_t start_ns = test_processor_ns();
    for (int64_t i = 0; i < CALLS && good; i++) {
        query.model = str_from(names[(size_t)i % COUNT_OF(names)]);
        usage.counts[USAGE_OUTPUT] = i;
        good = price_call(book, &query, &result, &err) == ERR_OK && result.state == PRICE_PRICED;
    }
    const int64_t took_ns = test_processor_ns() - start_ns;
    arena_deinit(&arena);
    if (good && !test_is_refusing()) {
        print_message("# 100,000 calls in %.1f ms\n", (double)took_ns / 1e6);
    }
    EXPECT(good);
    EXPECT(took_ns < budget_ns);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(sol_costs_what_it_did_on_either_day),
        TEST(sonnet_costs_the_long_context_price_for_all_of_it),
        TEST(batch_is_half_and_one_geography_a_tenth_more),
        TEST(a_hundred_thousand_calls_are_priced_in_no_time),
    };
    return test_main(tests, COUNT_OF(tests));
}
