/* Figures as people write them: money, shares, counts, intervals, and the grammar around them. */
#include "render/render.h"

#include <math.h>
#include <stdio.h>

#include "base/check.h"
#include "base/money.h"

#define NONE STR("-")

/* Largest amount shown; beyond it a double's cents mean nothing. */
#define USD_MAX 1e15

int render_decimals(double usd)
{
    const double size = fabs(usd);
    if (!(size > 0) || size >= USD_MAX) {
        return 2;
    }
    if (size >= 999.995) {
        return 0;
    }
    if (size >= 0.0995) {
        return 2;
    }
    const int decimals = 2 - (int)floor(log10(size));
    return decimals > MONEY_DECIMALS ? MONEY_DECIMALS : decimals;
}

int render_estimate_decimals(struct json estimate)
{
    const double value = json_double(json_get(estimate, "value"), NAN);
    const double low = json_double(json_get(estimate, "low"), NAN);
    const double high = json_double(json_get(estimate, "high"), NAN);
    const int plain = render_decimals(value);
    const double width = high - low;
    if (!(width > 0) || width >= fabs(value)) {
        return plain;
    }
    const int needed = (int)ceil(-log10(width / 4));
    const int most = plain + 3;
    return needed <= plain ? plain : needed < most ? needed : most;
}

/* A double of any size as p$, for display. */
static money_sum pusd_of(double usd)
{
    CHECK(fabs(usd) < USD_MAX);
    if (fabs(usd) < 9e6) {
        return (money_sum)llround(usd * 1e12);
    }
    return (money_sum)llround(usd * 1e3) * 1000000000;
}

static struct str print_amount(struct render *render, money_sum amount, int decimals)
{
    char text[MONEY_TEXT_BYTES_MAX];
    const size_t size = money_print_rounded(amount < 0 ? -amount : amount, decimals, text);
    return render_format(render, "%s$%.*s", amount < 0 ? "-" : "", (int)size, text);
}

struct str render_usd_at(struct render *render, double usd, int decimals)
{
    if (!(fabs(usd) < USD_MAX)) {
        return NONE;
    }
    return print_amount(render, pusd_of(usd), decimals);
}

struct str render_usd(struct render *render, double usd)
{
    return render_usd_at(render, usd, render_decimals(usd));
}

static bool read_money(struct json amount, money_sum *out)
{
    const struct str text = json_str(amount);
    int64_t value;
    struct err err;
    if (text.data == NULL) {
        return false;
    }
    if (money_parse(text, &value, &err) == ERR_OK) {
        *out = value;
        return true;
    }
    if (money_parse_scaled(text, 6, &value, &err) == ERR_OK) { /* large sums, to the micro-dollar */
        *out = (money_sum)value * 1000000;
        return true;
    }
    return false;
}

double render_money_usd(struct json amount)
{
    money_sum value;
    return read_money(amount, &value) ? money_usd(value) : NAN;
}

struct str render_money_at(struct render *render, struct json amount, int decimals)
{
    money_sum value;
    return read_money(amount, &value) ? print_amount(render, value, decimals) : NONE;
}

int render_money_decimals(struct json amount)
{
    money_sum value;
    if (!read_money(amount, &value) || value == 0) {
        return 0;
    }
    int decimals = MONEY_DECIMALS;
    while (decimals > 0 && value % 10 == 0) {
        value /= 10;
        decimals--;
    }
    return decimals;
}

struct str render_money(struct render *render, struct json amount)
{
    const int decimals = render_decimals(render_money_usd(amount));
    const int needed = render_money_decimals(amount);
    return render_money_at(
        render, amount, decimals > 2 && needed < decimals ? (needed > 2 ? needed : 2) : decimals);
}

struct str render_count(struct render *render, int64_t count)
{
    char text[MONEY_TEXT_BYTES_MAX];
    const size_t size = money_print_rounded((money_sum)count * MONEY_PUSD_PER_USD, 0, text);
    return render_format(render, "%.*s", (int)size, text);
}

struct str render_share(struct render *render, double share, int decimals)
{
    return isfinite(share) ? render_format(render, "%.*f %%", decimals, share * 100) : NONE;
}

/* A number with sign and thousands separated, no decimals from 10 on. */
struct str render_signed(struct render *render, double number, const char *unit)
{
    if (!(fabs(number) < 1e12)) {
        return NONE;
    }
    char text[MONEY_TEXT_BYTES_MAX];
    const int decimals = fabs(number) < 9.95 ? 1 : 0;
    const size_t size = money_print_rounded(pusd_of(fabs(number)), decimals, text);
    const bool zero = fabs(number) < 0.05;
    return render_format(render, "%s%.*s%s%s",
                         zero         ? ""
                         : number < 0 ? "-"
                                      : "+",
                         (int)size, text, unit[0] != '\0' ? " " : "", unit);
}

static struct str bound(struct render *render, struct json number, double scale, int decimals)
{
    const double value = json_double(number, NAN) * scale;
    if (!(fabs(value) < USD_MAX)) {
        return STR("no bound");
    }
    char text[MONEY_TEXT_BYTES_MAX];
    const size_t size = money_print_rounded(pusd_of(fabs(value)), decimals, text);
    return render_format(render, "%s%.*s", value < 0 ? "-" : "", (int)size, text);
}

struct str render_interval(struct render *render, struct json estimate, double scale, int decimals)
{
    const struct json low = json_get(estimate, "low");
    const struct json high = json_get(estimate, "high");
    if (!json_is_number(low) && !json_is_number(high)) {
        return (struct str){0};
    }
    const struct str from = bound(render, low, scale, decimals);
    const struct str to = bound(render, high, scale, decimals);
    return render_format(render, "[" STR_FORMAT ", " STR_FORMAT "]", STR_ARG(from), STR_ARG(to));
}

static bool is_vowel(char c)
{
    return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' || c == 'A' || c == 'E' ||
           c == 'I' || c == 'O' || c == 'U';
}

struct str render_article(struct render *render, struct str unit)
{
    const bool an = unit.size > 0 && is_vowel(unit.data[0]) && !str_starts_with(unit, STR("uni")) &&
                    !str_starts_with(unit, STR("use"));
    return render_format(render, "%s " STR_FORMAT, an ? "an" : "a", STR_ARG(unit));
}

struct str render_plural(struct render *render, struct str unit, int64_t count)
{
    if (count == 1 || unit.size < 2) {
        return unit;
    }
    const char last = unit.data[unit.size - 1];
    const char before = unit.data[unit.size - 2];
    if (last == 'y' && !is_vowel(before)) {
        return render_format(render, "%.*sies", (int)unit.size - 1, unit.data);
    }
    const bool hisses = last == 's' || last == 'x' || last == 'z' ||
                        (last == 'h' && (before == 'c' || before == 's'));
    return render_format(render, STR_FORMAT "%s", STR_ARG(unit), hisses ? "es" : "s");
}
