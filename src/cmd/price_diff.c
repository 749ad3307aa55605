/* price_diff: what changed in the book between two dates. */
#include "cmd/price_cli.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/money.h"

enum { NUMBER_BYTES = MONEY_TEXT_BYTES_MAX };

struct change {
    const struct price_book *book;
    const struct price_model *model;
    const struct price_row *before; /* NULL: there was none */
    const struct price_row *after;  /* NULL: there is none any more */
};

static bool has_rate(const struct price_row *row, int class)
{
    return row != NULL && (row->rates.known >> class & 1) != 0;
}

static bool rate_changed(const struct change *change, int class)
{
    const bool before = has_rate(change->before, class);
    const bool after = has_rate(change->after, class);
    return before != after ||
           (before && change->before->rates.pusd[class] != change->after->rates.pusd[class]);
}

static void print_side(const struct price_row *row, int class, char text[static NUMBER_BYTES])
{
    if (!has_rate(row, class)) {
        snprintf(text, NUMBER_BYTES, "-");
        return;
    }
    const money_sum rate = price_cli_rate(&row->rates, class);
    money_print_rounded(rate, price_cli_decimals(rate, 2), text);
}

/* "-33.3 %", for people only. */
static void print_percent(const struct change *change, int class, char text[static NUMBER_BYTES])
{
    const bool both = has_rate(change->before, class) && has_rate(change->after, class);
    const int64_t before = both ? change->before->rates.pusd[class] : 0;
    if (before == 0) {
        snprintf(text, NUMBER_BYTES, "%s", "");
        return;
    }
    const double share = (double)change->after->rates.pusd[class] / (double)before - 1;
    snprintf(text, NUMBER_BYTES, "%+.1f %%", share * 100);
}

static void change_text(struct text *out, const struct change *change)
{
    const struct price_row *const row = change->after != NULL ? change->after : change->before;
    text_format(out, STR_FORMAT "/" STR_FORMAT,
                STR_ARG(change->book->providers.rows[change->model->provider].id),
                STR_ARG(change->model->id));
    if (row->tier != TIER_STANDARD) {
        text_format(out, ", %s", price_tier_name(row->tier));
    }
    if (row->region.size > 0) {
        text_format(out, ", " STR_FORMAT, STR_ARG(row->region));
    }
    if (row->window_from_s != row->window_until_s) {
        text_format(out, ", %02d:%02d-%02d:%02d UTC", row->window_from_s / 3600,
                    row->window_from_s / 60 % 60, row->window_until_s / 3600,
                    row->window_until_s / 60 % 60);
    }
    if (row->context_over > 0) {
        text_format(out, ", above %lld tokens", (long long)row->context_over);
    }
    text_char(out, '\n');
    for (int class = 0; class < PRICE_CLASS_COUNT; class ++) {
        char before[NUMBER_BYTES];
        char after[NUMBER_BYTES];
        char percent[NUMBER_BYTES];
        if (rate_changed(change, class)) {
            print_side(change->before, class, before);
            print_side(change->after, class, after);
            print_percent(change, class, percent);
            text_format(out, "  %-24s %16s %16s %12s\n", price_class_name(class), before, after,
                        percent);
        }
    }
}

static void json_side(struct text *out, const char *name, const struct price_row *row, int class)
{
    json_name(out, name);
    if (has_rate(row, class)) {
        json_put_money(out, price_cli_rate(&row->rates, class));
    } else {
        json_put_null(out);
    }
}

static void change_json(struct text *out, const struct change *change)
{
    const struct price_row *const row = change->after != NULL ? change->after : change->before;
    for (int class = 0; class < PRICE_CLASS_COUNT; class ++) {
        if (!rate_changed(change, class)) {
            continue;
        }
        json_open_object(out);
        json_name(out, "provider");
        json_put_str(out, change->book->providers.rows[change->model->provider].id);
        json_name(out, "model");
        json_put_str(out, change->model->id);
        json_name(out, "tier");
        json_put_text(out, price_tier_name(row->tier));
        json_name(out, "region");
        json_put_str(out, row->region);
        json_name(out, "context_over");
        json_put_int64(out, row->context_over);
        json_name(out, "rate");
        json_put_text(out, price_class_name(class));
        json_side(out, "before", change->before, class);
        json_side(out, "after", change->after, class);
        json_close_object(out);
    }
}

/* The changes of one model; returns how many rows changed. */
static size_t diff_model(struct app *app, const struct price_book *book,
                         const struct price_model *model, const struct price_filter *filter,
                         int64_t from_ns, int64_t to_ns)
{
    const struct price_row *before[PRICE_MODEL_ROWS_MAX];
    const struct price_row *after[PRICE_MODEL_ROWS_MAX];
    const size_t before_count = price_cli_rows(book, model, filter, from_ns, before);
    const size_t after_count = price_cli_rows(book, model, filter, to_ns, after);
    size_t changes = 0;
    for (size_t i = 0; i < before_count + after_count; i++) {
        struct change change = {.book = book, .model = model};
        if (i < before_count) {
            change.before = before[i];
            for (size_t j = 0; j < after_count; j++) {
                change.after = price_cli_same_kind(before[i], after[j]) ? after[j] : change.after;
            }
        } else {
            change.after = after[i - before_count];
            for (size_t j = 0; j < before_count; j++) {
                change.before =
                    price_cli_same_kind(before[j], change.after) ? before[j] : change.before;
            }
            if (change.before != NULL) {
                continue; /* shown with the row it came from */
            }
        }
        bool changed = false;
        for (int class = 0; class < PRICE_CLASS_COUNT; class ++) {
            changed = changed || rate_changed(&change, class);
        }
        if (changed && app->json) {
            change_json(app->out, &change);
        } else if (changed) {
            change_text(app->out, &change);
        }
        changes += changed;
    }
    return changes;
}

enum errc price_cli_diff(struct app *app, const struct price_book *book,
                         const struct price_filter *filter, int64_t from_ns, int64_t to_ns,
                         struct err *err)
{
    CHECK(book != NULL);
    CHECK(err != NULL);
    char from[CLOCK_TEXT_BYTES_MAX];
    char to[CLOCK_TEXT_BYTES_MAX];
    const size_t from_size = price_cli_date(from_ns, from);
    const size_t to_size = price_cli_date(to_ns, to);
    if (app->json) {
        json_open_object(app->out);
        json_name(app->out, "schema");
        json_put_text(app->out, "bursar.price.diff/1");
        json_name(app->out, "from");
        json_put_str(app->out, (struct str){from, from_size});
        json_name(app->out, "to");
        json_put_str(app->out, (struct str){to, to_size});
        json_name(app->out, "changes");
        json_open_array(app->out);
    } else {
        text_format(app->out, "%-26s %16.16s %16.16s %12s\n", "USD per 1M tokens", from, to,
                    "change");
    }
    size_t changes = 0;
    for (size_t i = 0; i < book->models.count; i++) {
        const struct price_model *const model = &book->models.rows[i];
        if (price_cli_picks(book, model, filter)) {
            changes += diff_model(app, book, model, filter, from_ns, to_ns);
        }
    }
    if (app->json) {
        json_close_array(app->out);
        json_close_object(app->out);
        text_char(app->out, '\n');
    } else if (changes == 0) {
        text_add(app->out, STR("nothing changed\n"));
    }
    return ERR_OK;
}
