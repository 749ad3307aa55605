/* price_list: what the book holds, and what changed in it between two dates. */
#include "cmd/price_cli.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/money.h"

enum { NAME_COLUMNS = 38, NUMBER_BYTES = MONEY_TEXT_BYTES_MAX };

bool price_cli_picks(const struct price_book *book, const struct price_model *model,
                     const struct price_filter *filter)
{
    const struct str pattern = filter->pattern;
    const struct str id = book->providers.rows[model->provider].id;
    if (filter->provider.size > 0 && !str_equal_fold(filter->provider, id)) {
        return false;
    }
    if (pattern.size == 0 || price_matches(pattern, model->id)) {
        return true;
    }
    char full[2 * PRICE_NAME_BYTES_MAX + 2];
    const int size =
        snprintf(full, sizeof full, STR_FORMAT "/" STR_FORMAT, STR_ARG(id), STR_ARG(model->id));
    CHECK(size > 0 && (size_t)size < sizeof full);
    const struct str name = {full, (size_t)size};
    /* "sonnet" finds what has it anywhere; "gpt-5*" only what begins so. */
    if (memchr(pattern.data, '*', pattern.size) != NULL) {
        return name.size <= PRICE_NAME_BYTES_MAX && price_matches(pattern, name);
    }
    for (size_t i = 0; i + pattern.size <= name.size; i++) {
        if (str_equal_fold((struct str){full + i, pattern.size}, pattern)) {
            return true;
        }
    }
    return false;
}

bool price_cli_same_kind(const struct price_row *a, const struct price_row *b)
{
    return a->tier == b->tier && str_equal(a->region, b->region) &&
           a->context_over == b->context_over && a->window_from_s == b->window_from_s &&
           a->window_until_s == b->window_until_s;
}

size_t price_cli_rows(const struct price_book *book, const struct price_model *model,
                      const struct price_filter *filter, int64_t at_ns,
                      const struct price_row **out)
{
    CHECK(model->row_count <= PRICE_MODEL_ROWS_MAX);
    size_t count = 0;
    for (size_t i = model->row_first; i < model->row_first + model->row_count; i++) {
        const struct price_row *const row = &book->rows.rows[i];
        if (at_ns < row->from_ns || at_ns >= row->until_ns ||
            (filter->tier != TIER_COUNT && row->tier != filter->tier)) {
            continue;
        }
        size_t place = 0;
        while (place < count && !price_cli_same_kind(out[place], row)) {
            place++;
        }
        if (place == count) {
            out[count++] = row;
        } else if (row->rank > out[place]->rank) {
            out[place] = row;
        }
    }
    return count;
}

/* "batch, us, above 272,000": what sets a row apart from the standard one; empty for that. */
static void print_kind(const struct price_row *row, char *text, size_t size)
{
    char tier[16] = "";
    char region[64] = "";
    char window[32] = "";
    char over[NUMBER_BYTES] = "";
    if (row->tier != TIER_STANDARD) {
        snprintf(tier, sizeof tier, ", %s", price_tier_name(row->tier));
    }
    if (row->region.size > 0) {
        snprintf(region, sizeof region, ", " STR_FORMAT, STR_ARG(row->region));
    }
    if (row->window_from_s != row->window_until_s) {
        snprintf(window, sizeof window, ", %02d:%02d-%02d:%02d UTC", row->window_from_s / 3600,
                 row->window_from_s / 60 % 60, row->window_until_s / 3600,
                 row->window_until_s / 60 % 60);
    }
    if (row->context_over > 0) {
        char count[NUMBER_BYTES];
        money_print_rounded((money_sum)row->context_over * MONEY_PUSD_PER_USD, 0, count);
        snprintf(over, sizeof over, ", above %.30s", count);
    }
    char all[sizeof tier + sizeof region + sizeof window + sizeof over];
    snprintf(all, sizeof all, "%s%s%s%s", tier, region, window, over);
    snprintf(text, size, "%s", all[0] == ',' ? all + 2 : "");
}

static void print_rate(const struct price_rates *rates, int class, char text[static NUMBER_BYTES])
{
    if ((rates->known >> class & 1) != 0) {
        const money_sum rate = price_cli_rate(rates, class);
        money_print_rounded(rate, price_cli_decimals(rate, 2), text);
    } else {
        snprintf(text, NUMBER_BYTES, "%s", (rates->unknown >> class & 1) != 0 ? "?" : "-");
    }
}

static void list_text(struct text *out, const struct price_book *book,
                      const struct price_model *model, const struct price_row *const *rows,
                      size_t count)
{
    static const int classes[] = {USAGE_INPUT_UNCACHED, USAGE_CACHE_READ, USAGE_CACHE_WRITE_5M,
                                  USAGE_OUTPUT};
    text_format(out, STR_FORMAT "/" STR_FORMAT "\n",
                STR_ARG(book->providers.rows[model->provider].id), STR_ARG(model->id));
    for (size_t i = 0; i < count; i++) {
        char kind[192];
        print_kind(rows[i], kind, sizeof kind);
        text_format(out, "  %-*s", NAME_COLUMNS - 2, kind[0] != '\0' ? kind : "standard");
        for (size_t j = 0; j < COUNT_OF(classes); j++) {
            char rate[NUMBER_BYTES];
            print_rate(&rows[i]->rates, classes[j], rate);
            text_format(out, " %9s", rate);
        }
        text_char(out, '\n');
    }
}

static void json_dates(struct text *out, const struct price_row *row)
{
    const struct {
        const char *name;
        int64_t time_ns;
        bool open;
    } ends[] = {{"from", row->from_ns, row->from_ns == INT64_MIN},
                {"until", row->until_ns, row->until_ns == INT64_MAX}};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        char text[CLOCK_TEXT_BYTES_MAX];
        json_name(out, ends[i].name);
        if (ends[i].open) {
            json_put_null(out);
        } else {
            const size_t size = price_cli_date(ends[i].time_ns, text);
            json_put_str(out, (struct str){text, size});
        }
    }
}

static void json_row(struct text *out, const struct price_book *book,
                     const struct price_model *model, const struct price_row *row)
{
    char id[NUMBER_BYTES];
    char kind[192];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)row->id);
    print_kind(row, kind, sizeof kind);
    json_open_object(out);
    json_name(out, "provider");
    json_put_str(out, book->providers.rows[model->provider].id);
    json_name(out, "model");
    json_put_str(out, model->id);
    json_name(out, "price_id");
    json_put_text(out, id);
    json_name(out, "kind");
    json_put_text(out, kind);
    json_name(out, "tier");
    json_put_text(out, price_tier_name(row->tier));
    json_name(out, "context_over");
    json_put_int64(out, row->context_over);
    json_dates(out, row);
    json_name(out, "rates");
    json_open_object(out);
    for (int class = 0; class < PRICE_CLASS_COUNT; class ++) {
        if ((row->rates.known >> class & 1) != 0) {
            json_name(out, price_class_name(class));
            json_put_money(out, price_cli_rate(&row->rates, class));
        }
    }
    json_close_object(out);
    json_name(out, "other");
    json_put_str(out, row->other);
    json_name(out, "source");
    json_put_str(out, row->source);
    json_close_object(out);
}

static enum errc nothing_found(const struct price_book *book, const struct price_filter *filter,
                               struct err *err)
{
    const struct str pattern = filter->pattern;
    char near[400];
    price_cli_nearest(book, filter->provider, pattern, near, sizeof near);
    return err_set(err, ERR_NOT_FOUND, "no model of the price book is like \"%.*s\"%s",
                   (int)(pattern.size > 80 ? 80 : pattern.size), pattern.data, near);
}

enum errc price_cli_list(struct app *app, const struct price_book *book,
                         const struct price_filter *filter, int64_t at_ns, struct err *err)
{
    CHECK(book != NULL);
    const struct price_row *rows[PRICE_MODEL_ROWS_MAX];
    size_t models = 0;
    char at[CLOCK_TEXT_BYTES_MAX];
    const size_t at_size = price_cli_date(at_ns, at);
    if (app->json) {
        json_open_object(app->out);
        json_name(app->out, "schema");
        json_put_text(app->out, "bursar.price.list/1");
        json_name(app->out, "at");
        json_put_str(app->out, (struct str){at, at_size});
        json_name(app->out, "prices");
        json_open_array(app->out);
    } else {
        text_format(app->out, "prices on %.10s, USD per 1M tokens\n", at);
        text_format(app->out, "%-*s %9s %9s %9s %9s\n", NAME_COLUMNS, "model", "input", "cache rd",
                    "cache wr", "output");
    }
    for (size_t i = 0; i < book->models.count; i++) {
        const struct price_model *const model = &book->models.rows[i];
        if (!price_cli_picks(book, model, filter)) {
            continue;
        }
        models++;
        const size_t count = price_cli_rows(book, model, filter, at_ns, rows);
        if (!app->json && count > 0) {
            list_text(app->out, book, model, rows, count);
        }
        for (size_t j = 0; j < count && app->json; j++) {
            json_row(app->out, book, model, rows[j]);
        }
    }
    if (models == 0) {
        text_clear(app->out);
        return nothing_found(book, filter, err);
    }
    if (app->json) {
        json_close_array(app->out);
        json_close_object(app->out);
        text_char(app->out, '\n');
    }
    return ERR_OK;
}
