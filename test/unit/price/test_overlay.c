/* overlay: contract prices and discounts hold for their time, beside the book they lie over.
 * YAML over the sample book; costs worked by hand. */
#include "price/price.h"

#include "unit/price/sample.h"

enum { WRONG = -9 };

static const struct price_book *lay(struct sample *sample, const char *yaml, struct err *err)
{
    const struct yaml *root;
    const struct price_book *book = NULL;
    sample_open(sample);
    if (sample->book == NULL ||
        yaml_parse(STR("bursar.yaml"), str_from(yaml), &sample->arena, &root, err) != ERR_OK ||
        price_book_overlay(sample->book, yaml_get(root, "prices"), &sample->arena, &book, err) !=
            ERR_OK) {
        return NULL;
    }
    return book;
}

/* What a call with those tokens costs, p$; WRONG when it has no price. */
static int64_t cost(const char *yaml, const char *model, const char *at, struct usage usage)
{
    struct sample sample;
    struct err err = {0};
    struct price_result result;
    int64_t pusd = WRONG;
    int64_t again = WRONG;
    const struct price_book *const book = lay(&sample, yaml, &err);
    if (book != NULL) {
        const struct price_query query = {
            .model = str_from(model), .at_ns = sample_time(at), .usage = &usage};
        if (price_call(book, &query, &result, &err) == ERR_OK && result.state == PRICE_PRICED &&
            price_recompute(book, result.price_id, &usage, &again, &err) == ERR_OK) {
            pusd = again == result.cost_pusd ? again : WRONG;
        }
    } else if (!test_is_refusing()) {
        test_note(err.text);
    }
    arena_deinit(&sample.arena);
    return pusd;
}

static bool refuses(const char *yaml, const char *text)
{
    struct sample sample;
    struct err err = {0};
    const struct price_book *const book = lay(&sample, yaml, &err);
    const bool good = book == NULL && err.code == ERR_CONFIG &&
                      strncmp(err.text, "bursar.yaml:", 12) == 0 && strstr(err.text, text) != NULL;
    if (!good) {
        test_note(err.text);
    }
    arena_deinit(&sample.arena);
    return good;
}

#define INPUT(n)  ((struct usage){.counts = {[USAGE_INPUT_UNCACHED] = (n)}})
#define OUTPUT(n) ((struct usage){.counts = {[USAGE_OUTPUT] = (n)}})

static void entries_that_say_too_little_or_too_much_are_refused(void)
{
    EXPECT(refuses("prices: 7", "a list"));
    EXPECT(refuses("prices:\n  - {model: one, input: 1}", "needs a provider"));
    EXPECT(refuses("prices:\n  - {provider: acme, input: 1}", "need a model"));
    EXPECT(refuses("prices:\n  - {provider: acme, model: one}", "either rates"));
    EXPECT(refuses("prices:\n  - {provider: acme, model: one, input: 1, discount: 3%}",
                   "either rates"));
    EXPECT(refuses("prices:\n  - {provider: acme, model: one, inptu: 1}", "input"));
    EXPECT(refuses("prices:\n  - {provider: acme, model: one, input: -1}", "not a price"));
    EXPECT(refuses("prices:\n  - {provider: acme, model: one, input: 0.0000001}", "picodollars"));
    EXPECT(refuses("prices:\n  - {provider: acme, model: one, input: 1, tier: cheap}", "tier"));
    EXPECT(refuses("prices:\n  - {provider: acme, model: one, input: 1, from: soon}", "from"));
    EXPECT(refuses("prices:\n  - {provider: acme, model: one, input: 1, from: 2026-02-01, until: "
                   "2026-01-01}",
                   "before it begins"));
}

static void discounts_of_nothing_known_are_refused(void)
{
    EXPECT(refuses("prices:\n  - {provider: acme, discount: 12}", "discount"));
    EXPECT(refuses("prices:\n  - {provider: acme, discount: 101%}", "discount"));
    EXPECT(refuses("prices:\n  - {provider: acme, discount: -1%}", "discount"));
    EXPECT(refuses("prices:\n  - {provider: acme, discount: 0.00001%}", "discount"));
    EXPECT(refuses("prices:\n  - {provider: acme, discount: 1e1%}", "discount"));
    EXPECT(refuses("prices:\n  - {provider: nobody, discount: 5%}", "nobody"));
    EXPECT(refuses("prices:\n  - {provider: acme, model: three, discount: 5%}", "no such model"));
    EXPECT(refuses("prices:\n  - {provider: mine, like: nobody}", "nobody"));
}

static void a_contract_price_holds_for_its_time_only(void)
{
    static const char yaml[] = "prices:\n  - {provider: acme, model: one, from: 2026-09-01, "
                               "until: 2026-10-01, output: 17.5}";
    EXPECT(cost(yaml, "one", "2026-08-31T23:59:59Z", OUTPUT(10)) == 200000000);
    EXPECT(cost(yaml, "one", "2026-09-01", OUTPUT(10)) == 175000000);
    EXPECT(cost(yaml, "one", "2026-10-01", OUTPUT(10)) == 200000000);
}

static void what_a_contract_does_not_name_stays_as_the_book_has_it(void)
{
    static const char yaml[] = "prices:\n  - {provider: acme, model: one, output: 17.5}";
    EXPECT(cost(yaml, "one", "2026-09-01", INPUT(300000)) == 300000 * 8000000L);
    EXPECT(cost(yaml, "one", "2026-09-01", INPUT(10)) == 10 * 4000000L);
    EXPECT(cost(yaml, "one-mini", "2026-09-01", OUTPUT(10)) == 6000000);
}

static void a_contract_price_can_have_its_own_context_tier(void)
{
    static const char yaml[] = "prices:\n"
                               "  - {provider: acme, model: one, input: 3}\n"
                               "  - {provider: acme, model: one, over: 100000, input: 3.5}\n";
    EXPECT(cost(yaml, "one", "2026-09-01", INPUT(100000)) == 100000 * 3000000L);
    EXPECT(cost(yaml, "one", "2026-09-01", INPUT(100001)) == 100001 * 3500000L);
    EXPECT(cost(yaml, "one", "2026-09-01", INPUT(300000)) == 300000 * 3500000L);
}

static void a_discount_is_rounded_half_to_even_once_for_each_rate(void)
{
    /* 0.15 USD per million is 150,000 p$ a token; less 12.3457 % that is 131,481.45. */
    EXPECT(cost("prices:\n  - {provider: acme, discount: 12.3457%}", "one-mini", "2026-09-01",
                INPUT(1000)) == 131481000);
    EXPECT(cost("prices:\n  - {provider: acme, discount: 12 %}", "one", "2026-09-01", OUTPUT(10)) ==
           176000000);
    EXPECT(cost("prices:\n  - {provider: acme, discount: 100%}", "one", "2026-09-01", OUTPUT(10)) ==
           0);
}

static void a_named_price_goes_before_a_discount_and_the_later_before_the_earlier(void)
{
    EXPECT(cost("prices:\n  - {provider: acme, model: one, output: 7}\n"
                "  - {provider: acme, discount: 50%}",
                "one", "2026-09-01", OUTPUT(10)) == 70000000);
    EXPECT(cost("prices:\n  - {provider: acme, model: one, output: 7}\n"
                "  - {provider: acme, model: 'one*', output: 8}",
                "one", "2026-09-01", OUTPUT(10)) == 80000000);
}

static void a_model_of_ones_own_is_priced(void)
{
    static const char yaml[] =
        "prices:\n"
        "  - {provider: cellar, model: Llama-70B, input: 0.1, output: 0.3}\n"
        "  - {provider: cellar, model: Llama-70B, tier: batch, output: 0.1}\n"
        "  - {provider: acme, model: one-secret-x, output: 9}\n";
    EXPECT(cost(yaml, "cellar/llama-70b", "2026-09-01", INPUT(10)) == 1000000);
    EXPECT(cost(yaml, "acme/one-secret-x", "2026-09-01", OUTPUT(10)) == 90000000);
    EXPECT(cost(yaml, "cellar/other", "2026-09-01", INPUT(10)) == WRONG);
}

static void a_bare_name_means_the_one_provider_the_file_prices_it_at(void)
{
    static const char one[] = "prices:\n  - {provider: cellar, model: House-FT2, output: 0.3}";
    static const char two[] = "prices:\n  - {provider: cellar, model: house-ft2, output: 0.3}\n"
                              "  - {provider: attic, model: house-ft2, output: 0.3}";
    EXPECT(cost(one, "house-ft2", "2026-09-01", OUTPUT(10)) == 3000000);
    EXPECT(cost(one, "litellm/house-ft2", "2026-09-01", OUTPUT(10)) == 3000000);
    EXPECT(cost(one, "house-ft", "2026-09-01", OUTPUT(10)) == WRONG);
    EXPECT(cost(one, "acme/house-ft2", "2026-09-01", OUTPUT(10)) == WRONG);
    EXPECT(cost(two, "house-ft2", "2026-09-01", OUTPUT(10)) == WRONG);
    EXPECT(cost(two, "attic/house-ft2", "2026-09-01", OUTPUT(10)) == 3000000);
}

static void a_name_that_means_a_provider_is_looked_up_there_first(void)
{
    static const char yaml[] = "prices:\n  - {provider: cellar, model: one, output: 7}\n"
                               "  - {provider: cellar, model: one-of-ours, output: 8}\n"
                               "  - {provider: acme, model: pages, output: 9}";
    EXPECT(cost(yaml, "one", "2026-09-01", OUTPUT(10)) == 200000000);
    EXPECT(cost(yaml, "one-of-ours", "2026-09-01", OUTPUT(10)) == 80000000);
    EXPECT(cost(yaml, "pages", "2026-09-01", OUTPUT(10)) == 90000000);
}

static void a_name_at_several_providers_says_so(void)
{
    struct sample sample;
    struct err err = {0};
    const char *why = NULL;
    const struct price_book *const book =
        lay(&sample,
            "prices:\n  - {provider: cellar, model: house-ft2, output: 0.3}\n"
            "  - {provider: attic, model: house-ft2, output: 0.3}",
            &err);
    const bool right = book != NULL &&
                       price_find(book, STR(""), STR("house-ft2"), NULL, &why) == NULL &&
                       strstr(why, "several providers") != NULL;
    arena_deinit(&sample.arena);
    EXPECT(right);
}

static void a_discount_reaches_the_models_sold_at_anothers_price(void)
{
    EXPECT(cost("prices:\n  - {provider: cloud, discount: 10%}", "cloud/two", "2026-09-01",
                (struct usage){.counts = {[USAGE_REQUESTS] = 1}}) == 10800000000);
    EXPECT(cost("prices:\n  - {provider: cloud, discount: 10%}", "acme/two", "2026-09-01",
                (struct usage){.counts = {[USAGE_REQUESTS] = 1}}) == 12000000000);
    EXPECT(cost("prices:\n  - {provider: proxy, like: acme}", "proxy/one-mini", "2026-09-01",
                OUTPUT(10)) == 6000000);
}

static void no_prices_leave_the_book_as_it_is_and_old_rows_can_be_found(void)
{
    struct sample sample;
    struct err err = {0};
    const struct price_book *const book =
        lay(&sample, "prices:\n  - {provider: acme, discount: 50%}", &err);
    const struct price_book *same = NULL;
    bool right = book != NULL;
    for (size_t i = 0; right && i < sample.book->rows.count; i++) {
        const struct price_row *const row = price_by_id(book, sample.book->rows.rows[i].id);
        right = row != NULL && row->rank == 0;
    }
    right = right && price_book_overlay(sample.book, NULL, &sample.arena, &same, &err) == ERR_OK &&
            same == sample.book;
    arena_deinit(&sample.arena);
    EXPECT(right);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(entries_that_say_too_little_or_too_much_are_refused),
        TEST(discounts_of_nothing_known_are_refused),
        TEST(a_contract_price_holds_for_its_time_only),
        TEST(what_a_contract_does_not_name_stays_as_the_book_has_it),
        TEST(a_contract_price_can_have_its_own_context_tier),
        TEST(a_discount_is_rounded_half_to_even_once_for_each_rate),
        TEST(a_named_price_goes_before_a_discount_and_the_later_before_the_earlier),
        TEST(a_model_of_ones_own_is_priced),
        TEST(a_bare_name_means_the_one_provider_the_file_prices_it_at),
        TEST(a_name_that_means_a_provider_is_looked_up_there_first),
        TEST(a_name_at_several_providers_says_so),
        TEST(a_discount_reaches_the_models_sold_at_anothers_price),
        TEST(no_prices_leave_the_book_as_it_is_and_old_rows_can_be_found),
    };
    return test_main(tests, COUNT_OF(tests));
}
