/*
 * Figures of many dialects -> disjoint classes of tokens.
 *
 * "Input" holds cached tokens in most dialects and does not in some, and programs differ within
 * one. Inclusive is the convention; a total that says otherwise, or caches larger than the input of
 * a provider that counts them apart, make it exclusive. What cannot be true is clamped and told.
 * Source: GenAI semantic conventions, "gen_ai.usage.input_tokens"; docs/formats.md.
 */
#include <stdio.h>

#include "base/check.h"
#include "wire/otlp_priv.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Whether the input leaves out what the caches hold. */
static bool is_exclusive(const struct otlp_figures *figures, const char **out_conflict)
{
    const int64_t *const counts = figures->counts;
    const int64_t input = counts[OTLP_ROLE_INPUT];
    const int64_t cached = counts[OTLP_ROLE_CACHE_READ] + counts[OTLP_ROLE_CACHE_WRITE];
    const int64_t total = counts[OTLP_ROLE_TOTAL];
    const int64_t output = counts[OTLP_ROLE_OUTPUT];
    if (cached == 0) {
        return false;
    }
    if (figures->has[OTLP_ROLE_TOTAL] && output > 0 && figures->meaning != OTLP_INCLUSIVE) {
        if (total == input + output && cached <= input) {
            return false;
        }
        if (total == input + output + cached) {
            return true;
        }
    }
    if (figures->meaning == OTLP_EITHER && cached > input && figures->caches_apart) {
        *out_conflict = "caches exceed the input, which was taken to leave them out";
        return true;
    }
    return figures->meaning == OTLP_EXCLUSIVE;
}

/* Room of an inclusive input, shared out: caches first, then what is told apart in it. */
static int64_t take_part(int64_t *room, int64_t wanted, const char **out_conflict)
{
    const int64_t taken = least(*room, wanted);
    if (taken < wanted) {
        *out_conflict = "parts exceed the whole they are part of; they were cut to it";
    }
    *room -= taken;
    return taken;
}

static void split_input(const struct otlp_figures *figures, struct usage *usage,
                        const char **out_conflict)
{
    const int64_t *const counts = figures->counts;
    int64_t read = counts[OTLP_ROLE_CACHE_READ];
    int64_t write = counts[OTLP_ROLE_CACHE_WRITE];
    int64_t audio = counts[OTLP_ROLE_INPUT_AUDIO];
    int64_t image = figures->input_image;
    int64_t fresh = counts[OTLP_ROLE_INPUT];
    const bool is_unknown = !figures->has[OTLP_ROLE_INPUT]; /* only its parts are told */
    if (!is_unknown && !is_exclusive(figures, out_conflict)) {
        read = take_part(&fresh, read, out_conflict);
        write = take_part(&fresh, write, out_conflict);
    }
    if (!is_unknown && figures->meaning != OTLP_EXCLUSIVE) {
        audio = take_part(&fresh, audio, out_conflict);
        image = take_part(&fresh, image, out_conflict);
    }
    const int64_t hour = least(write, figures->cache_write_1h);
    usage->counts[USAGE_INPUT_UNCACHED] = fresh + figures->input_more;
    usage->counts[USAGE_CACHE_READ] = read;
    usage->counts[USAGE_CACHE_WRITE_1H] = hour;
    usage->counts[USAGE_CACHE_WRITE_5M] = write - hour;
    usage->counts[USAGE_INPUT_AUDIO] = audio;
    usage->counts[USAGE_INPUT_IMAGE] = image;
}

static void split_output(const struct otlp_figures *figures, struct usage *usage,
                         const char **out_conflict)
{
    const int64_t *const counts = figures->counts;
    const int64_t total = counts[OTLP_ROLE_TOTAL];
    int64_t output = counts[OTLP_ROLE_OUTPUT];
    int64_t reasoning = counts[OTLP_ROLE_REASONING];
    /* Some programs give Gemini's candidates and thoughts apart under names that mean a part. */
    const bool told_within = figures->has[OTLP_ROLE_TOTAL] && reasoning > 0 &&
                             total == usage_input_total(usage) + output;
    const bool is_beside =
        (figures->reasoning_beside && !told_within) ||
        (figures->meaning == OTLP_EITHER && reasoning > 0 && figures->has[OTLP_ROLE_TOTAL] &&
         total == counts[OTLP_ROLE_INPUT] + output + reasoning);
    output += is_beside ? reasoning : 0;
    output += figures->output_more;
    int64_t audio = counts[OTLP_ROLE_OUTPUT_AUDIO];
    if (figures->meaning != OTLP_EXCLUSIVE) {
        audio = take_part(&output, audio, out_conflict);
    }
    if (reasoning > output) {
        *out_conflict = "reasoning exceeds the output it is part of; it was cut to it";
        reasoning = output;
    }
    usage->counts[USAGE_OUTPUT] = output;
    usage->counts[USAGE_OUTPUT_AUDIO] = audio;
    usage->reasoning = reasoning;
}

const char *otlp_disjoint(const struct otlp_figures *figures, struct usage *out, bool *out_known)
{
    CHECK(figures != NULL);
    CHECK(out_known != NULL);
    const char *conflict = NULL;
    struct usage usage = {0};
    *out_known = figures->has[OTLP_ROLE_INPUT] || figures->has[OTLP_ROLE_OUTPUT] ||
                 figures->has[OTLP_ROLE_CACHE_READ] || figures->has[OTLP_ROLE_CACHE_WRITE];
    if (!*out_known) {
        *out = usage;
        return figures->has[OTLP_ROLE_TOTAL] ? "only a total of tokens is told" : NULL;
    }
    split_input(figures, &usage, &conflict);
    split_output(figures, &usage, &conflict);
    usage.counts[USAGE_REQUESTS] = 1;
    usage.counts[USAGE_WEB_SEARCHES] = figures->web_searches;
    for (int class = 0; class < USAGE_COUNT; class ++) {
        CHECK(usage.counts[class] >= 0);
        if (usage.counts[class] > USAGE_TOKENS_MAX) {
            *out_known = false;
            *out = (struct usage){0};
            return "a count above 1,000,000,000";
        }
    }
    *out = usage;
    return conflict;
}

bool otlp_money(double usd, int64_t *out_pusd)
{
    CHECK(out_pusd != NULL);
    char text[64];
    struct err err;
    if (!(usd > 0) || !(usd < 9e6)) { /* NaN compares false */
        return false;
    }
    const int size = snprintf(text, sizeof text, "%.17g", usd);
    CHECK(size > 0);
    int64_t amount_pusd = 0;
    if (money_parse((struct str){text, (size_t)size}, &amount_pusd, &err) != ERR_OK ||
        amount_pusd <= 0) {
        return false;
    }
    *out_pusd = amount_pusd;
    return true;
}

struct json otlp_details(struct otlp *otlp, enum otlp_role role)
{
    CHECK(otlp != NULL);
    const struct str text = otlp_text(otlp, role);
    struct json root;
    struct err err;
    if (text.size == 0 || text.size > OTLP_DETAILS_BYTES_MAX) {
        return (struct json){0};
    }
    if (otlp->details == NULL) {
        json_parser_create(&otlp->details, OTLP_DETAILS_BYTES_MAX);
    }
    return json_parse(otlp->details, text, text.size, &root, &err) == ERR_OK ? root
                                                                             : (struct json){0};
}

static bool cost_of_value(const struct otlp_value *value, int64_t *out_pusd,
                          const char **out_conflict)
{
    double usd = 0;
    if (value->type == OTLP_TEXT) {
        struct err err;
        int64_t amount_pusd = 0;
        if (money_parse(value->text, &amount_pusd, &err) == ERR_OK && amount_pusd >= 0) {
            *out_pusd = amount_pusd;
            return amount_pusd > 0;
        }
        *out_conflict = "the cost is no amount";
        return false;
    }
    const bool is_number = otlp_number(value, &usd);
    if (is_number && otlp_money(usd, out_pusd)) {
        return true;
    }
    if (!is_number || usd < 0 || usd > 0) {
        *out_conflict = "the cost is no amount";
    }
    return false;
}

bool otlp_cost(struct otlp *otlp, int64_t *out_pusd, const char **out_conflict)
{
    CHECK(out_conflict != NULL);
    const struct str currency = otlp_text(otlp, OTLP_ROLE_CURRENCY);
    if (currency.size > 0 && !str_equal_fold(currency, STR("USD"))) {
        *out_conflict = "the cost is not in USD and was left out";
        return false;
    }
    const struct json details = otlp_details(otlp, OTLP_ROLE_COST_DETAILS);
    if (json_kind(details) == JSON_OBJECT) {
        const struct json total = json_get(details, "total");
        double sum_usd = json_double(total, 0);
        struct json_cursor cursor = json_iter(details);
        struct json part;
        while (json_kind(total) == JSON_ABSENT && json_next(&cursor, NULL, &part)) {
            sum_usd += json_double(part, 0);
        }
        if (sum_usd < 0) {
            *out_conflict = "the cost is no amount";
        }
        return otlp_money(sum_usd, out_pusd);
    }
    const struct otlp_attribute *const attribute = otlp->slots[OTLP_ROLE_COST].attribute;
    return attribute != NULL && cost_of_value(&attribute->value, out_pusd, out_conflict);
}
