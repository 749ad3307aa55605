/* book: a book that is wrong is refused with its line; a right one is read to the last picodollar.
 * Small books, one fault each. */
#include "price/price.h"

#include "price/price_priv.h"
#include "unit/price/sample.h"

#define HEAD "format bursar.prices/1\nsource 1 the list\nprovider acme\nmodel one\n"

/* Whether the text is refused with that code, naming that line, and nothing is written. */
static bool refuses(const char *text, enum errc code, const char *place)
{
    struct arena arena;
    struct err err = {0};
    const struct price_book *book = NULL;
    arena_init(&arena, (size_t)1 << 20);
    const enum errc got = price_book_parse(str_from(text), &arena, &book, &err);
    arena_deinit(&arena);
    const bool good = got == code && book == NULL && strncmp(err.text, place, strlen(place)) == 0;
    if (!good) {
        test_note(err.text);
    }
    return good;
}

static void a_book_without_its_format_is_refused(void)
{
    EXPECT(refuses("provider acme\n", ERR_SYNTAX, "line 1: "));
    EXPECT(refuses("format bursar.prices/2\n", ERR_SYNTAX, "line 1: "));
}

static void words_out_of_place_are_refused(void)
{
    EXPECT(refuses("format bursar.prices/1\nmodel one\n", ERR_SYNTAX, "line 2: "));
    EXPECT(refuses("format bursar.prices/1\nprovider a\nprice input=1\n", ERR_SYNTAX, "line 3: "));
    EXPECT(refuses("format bursar.prices/1\nmatch x\n", ERR_SYNTAX, "line 2: "));
    EXPECT(refuses(HEAD "means one\n", ERR_SYNTAX, "line 5: "));
    EXPECT(refuses(HEAD "flavour sweet\n", ERR_SYNTAX, "line 5: "));
    EXPECT(refuses("format bursar.prices/1\nprovider a b\n", ERR_SYNTAX, "line 2: "));
    EXPECT(refuses("format bursar.prices/1\nprovider a\nprovider A\n", ERR_CONFLICT, "line 3: "));
    EXPECT(refuses("format bursar.prices/1\nsource 2 x\n", ERR_SYNTAX, "line 2: "));
    EXPECT(refuses("format bursar.prices/1\nalias nobody x*\n", ERR_SYNTAX, "the price book has"));
}

static void rates_that_are_no_whole_picodollars_are_refused(void)
{
    EXPECT(refuses(HEAD "price input=0.0000001\n", ERR_RANGE, "line 5: "));
    EXPECT(refuses(HEAD "price input=0.08333333333333334\n", ERR_RANGE, "line 5: "));
    EXPECT(refuses(HEAD "price input=10000.01\n", ERR_RANGE, "line 5: "));
    EXPECT(refuses(HEAD "price input=99999999999999999999999999\n", ERR_RANGE, "line 5: "));
    EXPECT(refuses(HEAD "price input=-1\n", ERR_SYNTAX, "line 5: "));
    EXPECT(refuses(HEAD "price input=1e3\n", ERR_SYNTAX, "line 5: "));
    EXPECT(refuses(HEAD "price input=NaN\n", ERR_SYNTAX, "line 5: "));
    EXPECT(refuses(HEAD "price input=1.2.3\n", ERR_SYNTAX, "line 5: "));
    EXPECT(refuses(HEAD "price input=\n", ERR_SYNTAX, "line 5: "));
    EXPECT(refuses(HEAD "price input=.\n", ERR_SYNTAX, "line 5: "));
    EXPECT(refuses(HEAD "price request=1000001\n", ERR_RANGE, "line 5: "));
}

static void terms_that_are_not_understood_are_refused(void)
{
    EXPECT(refuses(HEAD "price colour=3\n", ERR_SYNTAX, "line 5: "));
    EXPECT(refuses(HEAD "price input=1 input=1\n", ERR_SYNTAX, "line 5: "));
    EXPECT(refuses(HEAD "price tier=cheap input=1\n", ERR_SYNTAX, "line 5: "));
    EXPECT(refuses(HEAD "price from=yesterday input=1\n", ERR_SYNTAX, "line 5: "));
    EXPECT(
        refuses(HEAD "price from=2026-02-02 until=2026-02-02 input=1\n", ERR_SYNTAX, "line 5: "));
    EXPECT(refuses(HEAD "price window=25:00:00-01:00:00 input=1\n", ERR_SYNTAX, "line 5: "));
    EXPECT(refuses(HEAD "price window=01:00:00-01:00:00 input=1\n", ERR_SYNTAX, "line 5: "));
    EXPECT(refuses(HEAD "price window=01:00-02:00 input=1\n", ERR_SYNTAX, "line 5: "));
    EXPECT(refuses(HEAD "price days=5-1 input=1\n", ERR_SYNTAX, "line 5: "));
    EXPECT(refuses(HEAD "price over=-1 input=1\n", ERR_SYNTAX, "line 5: "));
    EXPECT(refuses(HEAD "price source=2 input=1\n", ERR_SYNTAX, "line 5: "));
}

static void two_prices_at_the_same_time_are_refused(void)
{
    EXPECT(
        refuses(HEAD "price input=1\nprice from=2026-01-01 input=2\n", ERR_CONFLICT, "line 6: "));
    EXPECT(refuses(HEAD "price window=01:00:00-02:00:00 days=1-3 input=1\n"
                        "price window=01:00:00-02:00:00 days=3-7 input=1\n",
                   ERR_CONFLICT, "line 6: "));
}

static void prices_that_follow_each_other_are_taken(void)
{
    struct arena arena;
    struct err err;
    const struct price_book *book = NULL;
    arena_init(&arena, (size_t)1 << 20);
    const enum errc code =
        price_book_parse(STR(HEAD "price until=2026-01-01 input=0.000001 request=0.000000001\n"
                                  "price from=2026-01-01 input=10000.000000000 output=.5\n"),
                         &arena, &book, &err);
    const bool right =
        code == ERR_OK && book->rows.count == 2 &&
        book->rows.rows[0].rates.pusd[USAGE_INPUT_UNCACHED] == 1 &&
        book->rows.rows[0].rates.pusd[USAGE_REQUESTS] == 1 &&
        book->rows.rows[0].until_ns == book->rows.rows[1].from_ns &&
        book->rows.rows[1].rates.pusd[USAGE_INPUT_UNCACHED] == PRICE_TOKEN_RATE_MAX &&
        book->rows.rows[1].rates.pusd[USAGE_OUTPUT] == 500000;
    arena_deinit(&arena);
    EXPECT(right);
}

static void a_row_is_found_by_its_id_and_its_end_is_no_part_of_it(void)
{
    struct arena arena;
    struct err err;
    const struct price_book *open = NULL;
    const struct price_book *closed = NULL;
    arena_init(&arena, (size_t)1 << 20);
    enum errc code = price_book_parse(STR(HEAD "price input=1 output=2\n"), &arena, &open, &err);
    if (code == ERR_OK) {
        code = price_book_parse(STR(HEAD "price until=2026-01-01 input=1 output=2\n"
                                         "price from=2026-01-01 input=1 output=3\n"),
                                &arena, &closed, &err);
    }
    bool right = code == ERR_OK;
    if (right) {
        const uint64_t id = open->rows.rows[0].id;
        right = price_by_id(open, id) == &open->rows.rows[0] &&
                price_by_id(closed, id) == &closed->rows.rows[0] &&
                price_by_id(open, closed->rows.rows[1].id) == NULL && id != 0;
    }
    arena_deinit(&arena);
    EXPECT(right);
}

static void patterns_match_names_in_any_case(void)
{
    EXPECT(!price_matches(STR(""), STR("a")));
    EXPECT(!price_matches(STR("a"), STR("ab")));
    EXPECT(!price_matches(STR("gpt-#"), STR("gpt-x")));
    EXPECT(!price_matches(STR("a*&!*z"), STR("abz")));
    EXPECT(!price_matches(STR("*a*b*c"), STR("aXbXcX")));
    EXPECT(price_matches(STR("x|A*"), STR("abc")));
    EXPECT(price_matches(STR("GPT-####-##"), STR("gpt-2026-01")));
    EXPECT(price_matches(STR("*a*b*c"), STR("aXbXbXc")));
    EXPECT(price_matches(STR("a*&!*z"), STR("abc")));
    EXPECT(price_matches(STR("*"), STR("")));
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_book_without_its_format_is_refused),
        TEST(words_out_of_place_are_refused),
        TEST(rates_that_are_no_whole_picodollars_are_refused),
        TEST(terms_that_are_not_understood_are_refused),
        TEST(two_prices_at_the_same_time_are_refused),
        TEST(prices_that_follow_each_other_are_taken),
        TEST(a_row_is_found_by_its_id_and_its_end_is_no_part_of_it),
        TEST(patterns_match_names_in_any_case),
    };
    return test_main(tests, COUNT_OF(tests));
}
