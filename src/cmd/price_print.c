/* price_print: one priced call, for people and as JSON. */
#include "cmd/price_cli.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/money.h"

enum { NUMBER_BYTES = MONEY_TEXT_BYTES_MAX, DECIMALS_MIN = 2 };

/* A line of the table and a member of "parts". */
struct part {
    const char *text;
    const char *column;
    int class;
    int64_t count;
    int64_t pusd;
};

#define PARTS_MAX (USAGE_COUNT + 1)

size_t price_cli_date(int64_t time_ns, char *text)
{
    return time_ns % CLOCK_NS_PER_DAY == 0 ? clock_print_date(time_ns, text)
                                           : clock_print(time_ns, text);
}

money_sum price_cli_rate(const struct price_rates *rates, int class)
{
    CHECK(class >= 0 && class < PRICE_CLASS_COUNT);
    return (money_sum)rates->pusd[class] * (price_class_is_fee(class) ? 1000 : 1000000);
}

int price_cli_decimals(money_sum amount_pusd, int least)
{
    char text[MONEY_TEXT_BYTES_MAX];
    const struct str all = {text, money_print(amount_pusd, text)};
    const size_t point = str_find(all, STR("."));
    const int decimals = point == SIZE_MAX ? 0 : (int)(all.size - point - 1);
    return decimals > least ? decimals : least;
}

/* What was charged, class by class. */
static size_t list_parts(const struct price_query *query, const struct price_result *result,
                         struct part parts[static PARTS_MAX])
{
    static const struct part all[USAGE_COUNT] = {
#define X(name, column, text) [USAGE_##name] = {text, #column, USAGE_##name, 0, 0},
        USAGE_CLASSES(X)
#undef X
    };
    const struct price_rates *const rates = &result->row->rates;
    const bool has_reasoning = (rates->known >> PRICE_REASONING & 1) != 0;
    size_t count = 0;
    for (int class = 0; class < USAGE_COUNT; class ++) {
        struct part part = all[class];
        part.count = query->usage->counts[class];
        part.pusd = result->parts_pusd[class];
        if (class == USAGE_REQUESTS) { /* a call is at least one, where that costs something */
            const bool has_fee = (rates->known >> class & 1) != 0;
            part.count = !has_fee ? 0 : part.count > 0 ? part.count : 1;
        }
        if (class == USAGE_OUTPUT && has_reasoning) {
            part.count -= query->usage->reasoning;
            part.pusd -= result->reasoning_pusd;
        }
        if (part.count > 0) {
            parts[count++] = part;
        }
        if (class == USAGE_OUTPUT && has_reasoning && query->usage->reasoning > 0) {
            parts[count++] = (struct part){"reasoning", "reasoning", PRICE_REASONING,
                                           query->usage->reasoning, result->reasoning_pusd};
        }
    }
    return count;
}

/* A whole number with thousands apart. */
static void print_count(int64_t count, char text[static NUMBER_BYTES])
{
    money_print_rounded((money_sum)count * MONEY_PUSD_PER_USD, 0, text);
}

static void print_rule(struct text *out)
{
    text_repeat(out, ' ', 58);
    text_repeat(out, '-', 18);
    text_char(out, '\n');
}

static void print_parts(struct text *out, const struct price_result *result,
                        const struct part *parts, size_t count)
{
    const struct price_rates *const rates = &result->row->rates;
    int rate_decimals = DECIMALS_MIN;
    int amount_decimals = price_cli_decimals(result->cost_pusd, DECIMALS_MIN);
    for (size_t i = 0; i < count; i++) {
        const int charged = price_class_charged(rates, parts[i].class);
        rate_decimals = price_cli_decimals(price_cli_rate(rates, charged), rate_decimals);
        amount_decimals = price_cli_decimals(parts[i].pusd, amount_decimals);
    }
    text_format(out, "%-22s %15s %18s %18s\n", "class", "tokens", "USD per 1M", "USD");
    for (size_t i = 0; i < count; i++) {
        const int charged = price_class_charged(rates, parts[i].class);
        char tokens[NUMBER_BYTES];
        char rate[NUMBER_BYTES];
        char amount[NUMBER_BYTES];
        print_count(parts[i].count, tokens);
        money_print_rounded(price_cli_rate(rates, charged), rate_decimals, rate);
        money_print_rounded(parts[i].pusd, amount_decimals, amount);
        text_format(out, "%-22s %15s %18s %18s%s\n", parts[i].text, tokens, rate, amount,
                    price_class_is_fee(parts[i].class) ? " *" : "");
    }
    char total[NUMBER_BYTES];
    money_print_rounded(result->cost_pusd, amount_decimals, total);
    print_rule(out);
    text_format(out, "%-57s %18s\n", "total", total);
    for (size_t i = 0; i < count; i++) {
        if (price_class_is_fee(parts[i].class)) {
            text_add(out, STR("* counted one by one; the rate is USD per 1,000\n"));
            break;
        }
    }
}

static void print_terms(struct text *out, const struct price_query *query,
                        const struct price_result *result)
{
    const struct price_row *const row = result->row;
    char from[CLOCK_TEXT_BYTES_MAX] = "the beginning";
    char until[CLOCK_TEXT_BYTES_MAX] = "further notice";
    if (row->from_ns != INT64_MIN) {
        price_cli_date(row->from_ns, from);
    }
    if (row->until_ns != INT64_MAX) {
        price_cli_date(row->until_ns, until);
    }
    char input[NUMBER_BYTES];
    char over[NUMBER_BYTES];
    print_count(usage_input_total(query->usage), input);
    print_count(row->context_over, over);
    text_format(out, "\ncontext tier  %s%s (input here: %s tokens)\n",
                row->context_over > 0 ? "above " : "base", row->context_over > 0 ? over : "",
                input);
    text_format(out, "service tier  %s\n", price_tier_name(row->tier));
    if (row->region.size > 0) {
        text_format(out, "region        " STR_FORMAT "\n", STR_ARG(row->region));
    }
    if (row->window_from_s != row->window_until_s) {
        text_format(out, "time of day   %02d:%02d to %02d:%02d UTC\n", row->window_from_s / 3600,
                    row->window_from_s / 60 % 60, row->window_until_s / 3600,
                    row->window_until_s / 60 % 60);
    }
    text_format(out, "in force      from %s until %s\n", from, until);
    text_format(out, "source        " STR_FORMAT "\n", STR_ARG(row->source));
    text_format(out, "price id      %016llx\n", (unsigned long long)row->id);
}

void price_cli_print(struct text *out, const struct price_book *book,
                     const struct price_query *query, const struct price_result *result)
{
    CHECK(result->state == PRICE_PRICED);
    CHECK(book != NULL);
    struct part parts[PARTS_MAX];
    const size_t count = list_parts(query, result, parts);
    char at[CLOCK_TEXT_BYTES_MAX];
    price_cli_date(query->at_ns, at);
    text_format(out, STR_FORMAT "/" STR_FORMAT " on %s\n\n", STR_ARG(result->provider),
                STR_ARG(result->model), at);
    print_parts(out, result, parts, count);
    if (query->usage->reasoning > 0 && (result->row->rates.known >> PRICE_REASONING & 1) == 0) {
        char reasoning[NUMBER_BYTES];
        print_count(query->usage->reasoning, reasoning);
        text_format(out, "of the output, %s tokens are reasoning\n", reasoning);
    }
    for (size_t i = 0; i < count; i++) {
        if ((result->fallback >> parts[i].class & 1) != 0) {
            const int charged = price_class_charged(&result->row->rates, parts[i].class);
            text_format(out, "%s has no rate of its own here and costs what %s costs\n",
                        parts[i].text, price_class_name(charged));
        }
    }
    print_terms(out, query, result);
}

static void json_time(struct text *out, const char *name, int64_t time_ns)
{
    char text[CLOCK_TEXT_BYTES_MAX];
    json_name(out, name);
    if (time_ns == INT64_MIN || time_ns == INT64_MAX) {
        json_put_null(out);
        return;
    }
    const size_t size = price_cli_date(time_ns, text);
    json_put_str(out, (struct str){text, size});
}

static void json_part(struct text *out, const struct price_result *result, const struct part *part)
{
    const struct price_rates *const rates = &result->row->rates;
    const int charged = price_class_charged(rates, part->class);
    const bool is_fee = price_class_is_fee(part->class);
    json_open_object(out);
    json_name(out, "class");
    json_put_text(out, part->column);
    json_name(out, is_fee ? "count" : "tokens");
    json_put_int64(out, part->count);
    json_name(out, is_fee ? "usd_each" : "usd_per_million");
    json_put_money(out, is_fee ? rates->pusd[charged] : price_cli_rate(rates, charged));
    json_name(out, "usd");
    json_put_money(out, part->pusd);
    if (charged != part->class) {
        json_name(out, "rate_of");
        json_put_text(out, price_class_name(charged));
    }
    json_close_object(out);
}

void price_cli_json(struct text *out, const struct price_query *query,
                    const struct price_result *result)
{
    CHECK(result->state == PRICE_PRICED);
    const struct price_row *const row = result->row;
    struct part parts[PARTS_MAX];
    const size_t count = list_parts(query, result, parts);
    char id[NUMBER_BYTES];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)row->id);
    json_name(out, "provider");
    json_put_str(out, result->provider);
    json_name(out, "model");
    json_put_str(out, result->model);
    json_name(out, "price_id");
    json_put_text(out, id);
    json_time(out, "effective_from", row->from_ns);
    json_time(out, "effective_until", row->until_ns);
    json_name(out, "context_over");
    json_put_int64(out, row->context_over);
    json_name(out, "tier");
    json_put_text(out, price_tier_name(row->tier));
    json_name(out, "region");
    json_put_str(out, row->region);
    json_name(out, "cost");
    json_put_money(out, result->cost_pusd);
    json_name(out, "parts");
    json_open_array(out);
    for (size_t i = 0; i < count; i++) {
        json_part(out, result, &parts[i]);
    }
    json_close_array(out);
    json_name(out, "source");
    json_put_str(out, row->source);
}
