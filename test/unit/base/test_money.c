/* money: exact in both directions; what is not a number or does not fit is refused.
 * Text in, text out, against figures worked by hand. */
#include "base/money.h"

#include "support/test.h"

static bool prints(money_sum amount, const char *expected)
{
    char text[MONEY_TEXT_BYTES_MAX];
    const size_t size = money_print(amount, text);
    return str_equal((struct str){text, size}, str_from(expected));
}

/* The largest 128-bit sum. */
static money_sum largest(void)
{
    return (money_sum)(~(money_magnitude)0 >> 1);
}

static bool reads(const char *text, int64_t expected)
{
    int64_t amount = -1;
    struct err err;
    return money_parse(str_from(text), &amount, &err) == ERR_OK && amount == expected;
}

static bool refuses(const char *text, enum errc code)
{
    int64_t amount = 77;
    struct err err;
    return money_parse(str_from(text), &amount, &err) == code && amount == 77;
}

static void text_that_is_no_finite_decimal_is_refused(void)
{
    EXPECT(refuses("", ERR_SYNTAX));
    EXPECT(refuses("NaN", ERR_SYNTAX));
    EXPECT(refuses("inf", ERR_SYNTAX));
    EXPECT(refuses(".", ERR_SYNTAX));
    EXPECT(refuses("1.2.3", ERR_SYNTAX));
    EXPECT(refuses("1e", ERR_SYNTAX));
    EXPECT(refuses("12 USD", ERR_SYNTAX));
    EXPECT(refuses("9223372.036854775808", ERR_RANGE));
    EXPECT(refuses("1e300", ERR_RANGE));
    EXPECT(refuses("1e401", ERR_RANGE));
    EXPECT(refuses("-1e999999999999", ERR_RANGE));
    EXPECT(refuses("1e99999999999999999999", ERR_SYNTAX));
    EXPECT(refuses("-9223372.036854775808", ERR_RANGE));
    EXPECT(refuses("9223372.0368547758075", ERR_RANGE));
    EXPECT(refuses("99999999999999999999999999999999999999999999", ERR_RANGE));
}

static void every_picodollar_is_read(void)
{
    EXPECT(reads("0", 0));
    EXPECT(reads("0.000000000001", 1));
    EXPECT(reads("-1.5", -1500000000000));
    EXPECT(reads("9223372.036854775807", INT64_MAX));
    EXPECT(reads("1e-05", 10000000));
    EXPECT(reads("2.5E1", 25000000000000));
    EXPECT(reads("000000000000000000000000000000000000000000001", 1000000000000));
}

static void digits_behind_the_twelfth_are_rounded_half_to_even(void)
{
    EXPECT(reads("0.06700220799999997", 67002208000));
    EXPECT(reads("0.0000000000005", 0));
    EXPECT(reads("0.0000000000015", 2));
    EXPECT(reads("0.0000000000005000000000000000000000000000000000001", 1));
    EXPECT(reads("1e-300", 0));
    EXPECT(reads("-1e-999999999999", 0));
    EXPECT(reads("0e999999999999", 0));
    EXPECT(reads("0.0000000000025", 2));
    EXPECT(reads("-0.0000000000015", -2));
    EXPECT(reads("0.00000000000149999999999999999999999999999999999999999999", 1));
    EXPECT(reads("9223372.0368547758074", INT64_MAX));
}

static void amounts_print_with_as_many_digits_as_they_need(void)
{
    EXPECT(prints(0, "0"));
    EXPECT(prints(84213000000, "0.084213"));
    EXPECT(prints(-3000000000000, "-3"));
    EXPECT(prints(-1, "-0.000000000001"));
    EXPECT(prints((money_sum)INT64_MAX * 1000000, "9223372036854.775807"));
    EXPECT(prints(largest(), "170141183460469231731687303.715884105727"));
    EXPECT(prints(-largest() - 1, "-170141183460469231731687303.715884105728"));
}

static void amounts_for_people_are_rounded_and_grouped(void)
{
    char text[MONEY_TEXT_BYTES_MAX];
    money_print_rounded((money_sum)1234567 * 1000000000 * 1000 + 5000000000, 2, text);
    EXPECT(strcmp(text, "1,234,567.01") == 0);
    money_print_rounded(-4000000000, 2, text);
    EXPECT(strcmp(text, "0.00") == 0);
    money_print_rounded(999999999999, 0, text);
    EXPECT(strcmp(text, "1") == 0);
    money_print_rounded(-largest() - 1, 12, text);
    EXPECT(strcmp(text, "-170,141,183,460,469,231,731,687,303.715884105728") == 0);
    money_print_rounded(largest(), 0, text);
    EXPECT(strcmp(text, "170,141,183,460,469,231,731,687,304") == 0);
    money_print_rounded(1999, 3, text);
    EXPECT(strcmp(text, "0.000") == 0);
}

static void scaling_rounds_half_to_even_on_both_sides_of_zero(void)
{
    EXPECT(money_scale(5, 1, 2) == 2);
    EXPECT(money_scale(7, 1, 2) == 4);
    EXPECT(money_scale(-5, 1, 2) == -2);
    EXPECT(money_scale(42000000000000, 660000, 3600000) == 7700000000000);
    EXPECT(money_scale(0, 5, 3) == 0);
    EXPECT(money_scale(10, -1, 4) == -2);
    EXPECT(money_scale(14, -1, 4) == -4);
    EXPECT(money_scale(largest(), 1, 1) == largest());
    EXPECT(money_scale(-largest() - 1, 1, INT64_MAX) == -money_scale(largest(), 1, INT64_MAX));
    EXPECT(money_scale(1, INT64_MAX, INT64_MAX) == 1);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(text_that_is_no_finite_decimal_is_refused),
        TEST(every_picodollar_is_read),
        TEST(digits_behind_the_twelfth_are_rounded_half_to_even),
        TEST(amounts_print_with_as_many_digits_as_they_need),
        TEST(amounts_for_people_are_rounded_and_grouped),
        TEST(scaling_rounds_half_to_even_on_both_sides_of_zero),
    };
    return test_main(tests, COUNT_OF(tests));
}
