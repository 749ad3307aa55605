#include "base/money.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"

enum { DIGITS_MAX = 37 }; /* 10^38 fits 128 bits */
#define EXPONENT_MAX                                                                               \
    INT64_C(1000000000) /* beyond it nothing changes: too large, or nothing left                   \
                         */

struct decimal {
    bool negative;
    bool any_digit;
    money_magnitude digits; /* significant digits, the first DIGITS_MAX of them */
    int digit_count;
    int64_t exponent; /* value = digits * 10^exponent */
    bool inexact;     /* non-zero digits were dropped behind those */
    bool well_formed;
};

static void push_digit(struct decimal *decimal, int digit)
{
    decimal->any_digit = true;
    if (decimal->digit_count == 0 && digit == 0) {
        return;
    }
    if (decimal->digit_count < DIGITS_MAX) {
        decimal->digits = decimal->digits * 10 + (unsigned)digit;
        decimal->digit_count++;
    } else {
        decimal->inexact = decimal->inexact || digit != 0;
        decimal->exponent++;
    }
}

static struct decimal scan(struct str text)
{
    struct decimal decimal = {0};
    size_t i = 0;
    if (i < text.size && (text.data[i] == '-' || text.data[i] == '+')) {
        decimal.negative = text.data[i] == '-';
        i++;
    }
    bool fraction = false;
    for (; i < text.size; i++) {
        if (text.data[i] == '.' && !fraction) {
            fraction = true;
        } else if (text.data[i] >= '0' && text.data[i] <= '9') {
            push_digit(&decimal, text.data[i] - '0');
            decimal.exponent -= fraction;
        } else {
            break;
        }
    }
    if (i < text.size && (text.data[i] == 'e' || text.data[i] == 'E')) {
        int64_t exponent;
        if (!str_to_int64((struct str){text.data + i + 1, text.size - i - 1}, &exponent)) {
            return decimal;
        }
        exponent = exponent > EXPONENT_MAX ? EXPONENT_MAX : exponent;
        exponent = exponent < -EXPONENT_MAX ? -EXPONENT_MAX : exponent;
        decimal.exponent += exponent;
        i = text.size;
    }
    decimal.well_formed = decimal.any_digit && i == text.size;
    return decimal;
}

/* digits / 10^places, half to even; `inexact` says that something lies behind the digits. */
static money_magnitude round_off(money_magnitude digits, int64_t places, bool inexact)
{
    money_magnitude divisor = 1;
    for (int64_t i = 0; i < places; i++) {
        if (divisor > digits) {
            return 0; /* less than a tenth of a unit: the next step would only shrink it */
        }
        divisor *= 10;
    }
    money_magnitude quotient = digits / divisor;
    const money_magnitude rest = digits % divisor;
    const money_magnitude half = divisor / 2;
    if (places > 0 && (rest > half || (rest == half && (inexact || quotient % 2 == 1)))) {
        quotient++;
    }
    return quotient;
}

enum errc money_parse_scaled(struct str text, int decimals, int64_t *out, struct err *err)
{
    CHECK(out != NULL);
    CHECK(decimals >= 0);

    struct decimal decimal = scan(text);
    if (!decimal.well_formed) {
        return err_set(err, ERR_SYNTAX, "\"" STR_FORMAT "\" is not a decimal number",
                       (int)(text.size > 40 ? 40 : text.size), text.data);
    }
    int64_t shift = decimal.exponent + decimals;
    money_magnitude value = decimal.digits;
    bool fits = true;
    while (shift > 0 && value > 0 && fits) {
        value *= 10;
        shift--;
        fits = value <= (money_magnitude)INT64_MAX;
    }
    if (shift < 0) {
        value = round_off(value, -shift, decimal.inexact);
    }
    if (!fits || value > (money_magnitude)INT64_MAX) {
        return err_set(err, ERR_RANGE, "\"" STR_FORMAT "\" is larger than a ledger row holds",
                       (int)(text.size > 40 ? 40 : text.size), text.data);
    }
    *out = decimal.negative ? -(int64_t)value : (int64_t)value;
    return ERR_OK;
}

enum errc money_parse(struct str text, int64_t *out_pusd, struct err *err)
{
    return money_parse_scaled(text, MONEY_DECIMALS, out_pusd, err);
}

static money_magnitude magnitude(money_sum amount)
{
    return amount < 0 ? -(money_magnitude)amount : (money_magnitude)amount;
}

/* Decimal digits of `value`, at least `width` of them, at the end of `text`; returns the first. */
static char *digits_before(char *end, money_magnitude value, int width)
{
    for (; value > UINT64_MAX; width--) { /* as seldom as it is slow */
        *--end = (char)('0' + (int)(value % 10));
        value /= 10;
    }
    for (uint64_t left = (uint64_t)value; left > 0 || width > 0; width--) {
        *--end = (char)('0' + (int)(left % 10));
        left /= 10;
    }
    return end;
}

size_t money_print(money_sum amount_pusd, char text[static MONEY_TEXT_BYTES_MAX])
{
    char buffer[MONEY_TEXT_BYTES_MAX];
    char *end = buffer + sizeof buffer;
    const money_magnitude value = magnitude(amount_pusd);
    uint64_t fraction = (uint64_t)(value % (money_magnitude)MONEY_PUSD_PER_USD);
    char *start = end;
    if (fraction > 0) {
        int width = MONEY_DECIMALS;
        while (fraction % 10 == 0) {
            fraction /= 10;
            width--;
        }
        start = digits_before(end, fraction, width);
        *--start = '.';
    }
    start = digits_before(start, value / (money_magnitude)MONEY_PUSD_PER_USD, 1);
    if (amount_pusd < 0) {
        *--start = '-';
    }
    const size_t size = (size_t)(end - start);
    CHECK(size < MONEY_TEXT_BYTES_MAX);
    memcpy(text, start, size);
    text[size] = '\0';
    return size;
}

size_t money_print_rounded(money_sum amount_pusd, int decimals,
                           char text[static MONEY_TEXT_BYTES_MAX])
{
    CHECK(decimals >= 0);
    CHECK(decimals <= MONEY_DECIMALS);
    money_magnitude unit = 1;
    for (int i = decimals; i < MONEY_DECIMALS; i++) {
        unit *= 10;
    }
    const money_magnitude rounded = (magnitude(amount_pusd) + unit / 2) / unit;
    money_magnitude scale = 1;
    for (int i = 0; i < decimals; i++) {
        scale *= 10;
    }
    char buffer[2 * MONEY_TEXT_BYTES_MAX];
    char *const end = buffer + sizeof buffer;
    char *start = end;
    if (decimals > 0) {
        start = digits_before(start, rounded % scale, decimals);
        *--start = '.';
    }
    money_magnitude whole = rounded / scale;
    for (int digit = 0; whole > 0 || digit == 0; digit++) {
        if (digit > 0 && digit % 3 == 0) {
            *--start = ',';
        }
        *--start = (char)('0' + (int)(whole % 10));
        whole /= 10;
    }
    if (amount_pusd < 0 && rounded > 0) {
        *--start = '-';
    }
    const size_t size = (size_t)(end - start);
    CHECK(size < MONEY_TEXT_BYTES_MAX);
    memcpy(text, start, size);
    text[size] = '\0';
    return size;
}

money_sum money_scale(money_sum amount_pusd, int64_t numerator, int64_t denominator)
{
    CHECK(denominator > 0);
    money_sum product;
    CHECK(!__builtin_mul_overflow(amount_pusd, (money_sum)numerator, &product));
    const money_magnitude value = magnitude(product);
    const money_magnitude divisor = (money_magnitude)denominator;
    money_magnitude quotient = value / divisor;
    const money_magnitude rest = value % divisor;
    if (rest > divisor - rest || (rest == divisor - rest && quotient % 2 == 1)) {
        quotient++;
    }
    return product < 0 ? -(money_sum)quotient : (money_sum)quotient;
}

double money_usd(money_sum amount_pusd)
{
    return (double)amount_pusd / (double)MONEY_PUSD_PER_USD;
}
