/* rates: the names of classes and tiers, and the text of a rate. */
#include "price/price_priv.h"

#include "base/check.h"

/* Picodollars of one unit in a book's column: USD per million tokens, USD per thousand calls. */
enum { TOKEN_DECIMALS = 6, FEE_DECIMALS = 9 };

static const char *const class_names[PRICE_CLASS_COUNT] = {
    [USAGE_INPUT_UNCACHED] = "input",
    [USAGE_CACHE_READ] = "cache_read",
    [USAGE_CACHE_WRITE_5M] = "cache_write_5m",
    [USAGE_CACHE_WRITE_1H] = "cache_write_1h",
    [USAGE_INPUT_AUDIO] = "input_audio",
    [USAGE_INPUT_IMAGE] = "input_image",
    [USAGE_OUTPUT] = "output",
    [USAGE_OUTPUT_AUDIO] = "output_audio",
    [USAGE_REQUESTS] = "request",
    [USAGE_WEB_SEARCHES] = "web_search",
    [PRICE_REASONING] = "reasoning",
};

static const char *const tier_names[TIER_COUNT] = {
    [TIER_STANDARD] = "standard", [TIER_BATCH] = "batch", [TIER_FLEX] = "flex",
    [TIER_PRIORITY] = "priority", [TIER_FAST] = "fast",
};

/*
 * The wider class a class is part of, which is charged when it has no rate of its own.
 * Source: the units of @pydantic/genai-prices: a token is charged at the most specific price there
 * is for it; and the price lists: cached input without a discount is input.
 */
static const int wider[PRICE_CLASS_COUNT] = {
    [USAGE_INPUT_UNCACHED] = PRICE_CLASS_COUNT,
    [USAGE_CACHE_READ] = USAGE_INPUT_UNCACHED,
    [USAGE_CACHE_WRITE_5M] = USAGE_INPUT_UNCACHED,
    [USAGE_CACHE_WRITE_1H] = USAGE_CACHE_WRITE_5M,
    [USAGE_INPUT_AUDIO] = USAGE_INPUT_UNCACHED,
    [USAGE_INPUT_IMAGE] = USAGE_INPUT_UNCACHED,
    [USAGE_OUTPUT] = PRICE_CLASS_COUNT,
    [USAGE_OUTPUT_AUDIO] = USAGE_OUTPUT,
    [USAGE_REQUESTS] = PRICE_CLASS_COUNT,
    [USAGE_WEB_SEARCHES] = PRICE_CLASS_COUNT,
    [PRICE_REASONING] = USAGE_OUTPUT,
};

int price_class_charged(const struct price_rates *rates, int class)
{
    CHECK(rates != NULL);
    CHECK(class >= 0 && class < PRICE_CLASS_COUNT);
    int at = class;
    while (at != PRICE_CLASS_COUNT && (rates->known >> at & 1) == 0) {
        at = (rates->unknown >> at & 1) != 0 ? PRICE_CLASS_COUNT : wider[at];
    }
    return at;
}

const char *price_class_name(int class)
{
    CHECK(class >= 0 && class < PRICE_CLASS_COUNT);
    return class_names[class];
}

bool price_class_is_fee(int class)
{
    return class == USAGE_REQUESTS || class == USAGE_WEB_SEARCHES;
}

int price_class_of(struct str name)
{
    int class = 0;
    while (class < PRICE_CLASS_COUNT && !str_equal(name, str_from(class_names[class]))) {
        class ++;
    }
    return class;
}

const char *price_tier_name(enum service_tier tier)
{
    CHECK(tier < TIER_COUNT);
    return tier_names[tier];
}

enum service_tier price_tier_of(struct str name)
{
    int tier = 0;
    while (tier < TIER_COUNT && !str_equal(name, str_from(tier_names[tier]))) {
        tier++;
    }
    return (enum service_tier)tier;
}

enum errc price_rate_parse(struct str text, int class, int64_t *out, struct err *err)
{
    CHECK(out != NULL);
    const bool is_fee = price_class_is_fee(class);
    const int decimals_max = is_fee ? FEE_DECIMALS : TOKEN_DECIMALS;
    const int64_t max = is_fee ? PRICE_FEE_RATE_MAX : PRICE_TOKEN_RATE_MAX;
    const int shown = (int)(text.size > 40 ? 40 : text.size);
    int64_t value = 0;
    int decimals = -1; /* digits behind the point; -1: none seen */
    size_t digits = 0;
    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        if (c == '.' && decimals < 0) {
            decimals = 0;
            continue;
        }
        if (c < '0' || c > '9') {
            return err_set(err, ERR_SYNTAX, "%s=%.*s is not a price such as 0.25",
                           class_names[class], shown, text.data);
        }
        digits++;
        if (decimals == decimals_max && c == '0') {
            continue;
        }
        if (decimals == decimals_max || value > max) {
            return err_set(err, ERR_RANGE,
                           "%s=%.*s is not a whole number of picodollars up to %lld",
                           class_names[class], shown, text.data, (long long)max);
        }
        value = value * 10 + (c - '0');
        decimals += decimals >= 0;
    }
    if (digits == 0) {
        return err_set(err, ERR_SYNTAX, "%s has no price behind it", class_names[class]);
    }
    for (int i = decimals < 0 ? 0 : decimals; i < decimals_max && value <= max; i++) {
        value *= 10;
    }
    if (value > max) {
        return err_set(err, ERR_RANGE, "%s=%.*s is more than any price known", class_names[class],
                       shown, text.data);
    }
    *out = value;
    return ERR_OK;
}
