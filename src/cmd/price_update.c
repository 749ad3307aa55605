/* price_update: what the prices of now make of the ledger's calls, and the audit line when it is
 * written. */
#include "cmd/price_cli.h"

#include <stdio.h>

#include "app/audit.h"
#include "base/check.h"
#include "base/money.h"
#include "ingest/reprice.h"
#include "render/render.h"

enum { NAME_COLUMNS = 34, DECIMALS = 4 };

static void put_money(struct text *out, const char *name, money_sum amount_pusd)
{
    json_name(out, name);
    json_put_money(out, amount_pusd);
}

static void put_count(struct text *out, const char *name, int64_t count)
{
    json_name(out, name);
    json_put_int64(out, count);
}

/* The figures of a line as members of the object that is open. */
static void json_line(struct text *out, const struct reprice_line *line)
{
    put_count(out, "calls", line->calls);
    put_count(out, "newly_priced", line->newly_priced);
    put_money(out, "old_cost", line->old_pusd);
    put_money(out, "new_cost", line->new_pusd);
    put_money(out, "difference", line->new_pusd - line->old_pusd);
}

static void print_json(struct text *out, const struct reprice_summary *summary, bool apply)
{
    json_open_object(out);
    json_name(out, "schema");
    json_put_text(out, "bursar.price_update/1");
    json_name(out, "applied");
    json_put_bool(out, apply);
    json_name(out, "changes");
    json_open_array(out);
    for (size_t i = 0; i < summary->line_count; i++) {
        json_open_object(out);
        json_name(out, "workflow");
        json_put_str(out, summary->lines[i].workflow);
        json_name(out, "model");
        json_put_str(out, summary->lines[i].model);
        json_line(out, &summary->lines[i]);
        json_close_object(out);
    }
    json_close_array(out);
    json_name(out, "total");
    json_open_object(out);
    json_line(out, &summary->total);
    json_close_object(out);
    put_count(out, "calls", summary->calls);
    put_count(out, "table_reported", summary->table_reported);
    put_count(out, "kept", summary->kept);
    put_count(out, "unpriced", summary->unpriced);
    json_close_object(out);
    text_char(out, '\n');
}

/* "unpriced" where none of the calls had a known cost. */
static void print_line(struct text *out, struct str name, const struct reprice_line *line)
{
    char calls[32];
    char old[MONEY_TEXT_BYTES_MAX] = "unpriced";
    char new[MONEY_TEXT_BYTES_MAX];
    char difference[MONEY_TEXT_BYTES_MAX + 1];
    const money_sum change_pusd = line->new_pusd - line->old_pusd;
    const struct str count = app_count(line->calls, calls, sizeof calls);
    if (line->newly_priced < line->calls || line->calls == 0) {
        money_print_rounded(line->old_pusd, DECIMALS, old);
    }
    money_print_rounded(line->new_pusd, DECIMALS, new);
    money_print_rounded(change_pusd, DECIMALS, &difference[change_pusd > 0]);
    difference[0] = change_pusd > 0 ? '+' : difference[0];
    const size_t columns = render_columns(name);
    text_add(out, name);
    if (columns > NAME_COLUMNS) {
        text_char(out, '\n');
    }
    text_repeat(out, ' ', columns > NAME_COLUMNS ? NAME_COLUMNS : NAME_COLUMNS - columns);
    text_format(out, " %8.*s %11s %11s %11s\n", STR_ARG(count), old, new, difference);
}

static void print_count(struct text *out, int64_t count, const char *what)
{
    char text[32];
    if (count > 0) {
        const struct str many = app_count(count, text, sizeof text);
        text_format(out, "  " STR_FORMAT " %s\n", STR_ARG(many), what);
    }
}

static enum errc print_table(struct app *app, const struct reprice_summary *summary, bool apply,
                             struct err *err)
{
    struct text *const out = app->out;
    struct render render = render_start(app->arena, out, app->columns);
    if (summary->line_count > 0) {
        text_format(out, "%-*s %8s %11s %11s %11s\n", (int)NAME_COLUMNS, "USD", "calls", "old",
                    "new", "difference");
    }
    for (size_t i = 0; i < summary->line_count; i++) {
        const struct reprice_line *const line = &summary->lines[i];
        const struct str workflow =
            line->workflow.size > 0 ? line->workflow : STR("(unattributed)");
        const struct str name = render_format(&render, STR_FORMAT ", " STR_FORMAT,
                                              STR_ARG(workflow), STR_ARG(line->model));
        print_line(out, render_clean(&render, name), line);
    }
    if (summary->line_count > 0) {
        print_line(out, STR("Total"), &summary->total);
        text_char(out, '\n');
    }
    char text[32];
    const struct str all = app_count(summary->calls, text, sizeof text);
    text_format(out, STR_FORMAT " calls priced again%s\n", STR_ARG(all),
                summary->total.calls == 0 ? ": nothing changes"
                : apply                   ? ", the changes are in the ledger"
                                          : ", nothing is written yet");
    print_count(out, summary->total.newly_priced, "had no price until now");
    print_count(out, summary->unpriced, "have no price still");
    print_count(out, summary->table_reported, "keep what a table says was paid");
    print_count(out, summary->kept, "keep their old price: none is known for them now");
    if (summary->total.calls > 0 && !apply) {
        text_add(out, STR("\nTo write it: bursar price update --apply\n"));
    }
    return render_end(&render, err);
}

static enum errc write_audit(struct app *app, const struct reprice_summary *summary,
                             struct err *err)
{
    char subject[64];
    char old[MONEY_TEXT_BYTES_MAX];
    char new[MONEY_TEXT_BYTES_MAX];
    char detail[2 * MONEY_TEXT_BYTES_MAX + 64];
    money_print(summary->total.old_pusd, old);
    money_print(summary->total.new_pusd, new);
    CHECK(snprintf(subject, sizeof subject, "%lld calls", (long long)summary->total.calls) > 0);
    CHECK(snprintf(detail, sizeof detail, "%s USD before, %s USD now, %lld newly priced", old, new,
                   (long long)summary->total.newly_priced) > 0);
    return app_audit(app, "price update", str_from(subject), str_from(detail), err);
}

enum errc price_cli_update(struct app *app, const struct price_book *book, bool apply,
                           struct err *err)
{
    CHECK(app != NULL);
    struct store *store = NULL;
    struct reprice_summary summary;
    enum errc code = ERR_OK;
    if (app->inbox == NULL) {
        code = app_open_ledger(app, &store, err); /* makes no new ledger */
    }
    if (code == ERR_OK && apply) {
        app_close_ledger(app, &store);
        code = app_open_writer(app, &store, err);
    }
    if (code == ERR_OK) {
        code = ingest_reprice(store, book, app->now_ns, apply, app->arena, &summary, err);
    }
    if (apply) {
        app_close_writer(app, &store);
    } else {
        app_close_ledger(app, &store);
    }
    if (code == ERR_OK && apply && summary.total.calls > 0) {
        code = write_audit(app, &summary, err);
    }
    if (code == ERR_OK && app->json) {
        print_json(app->out, &summary, apply);
    } else if (code == ERR_OK) {
        code = print_table(app, &summary, apply, err);
    }
    return code;
}
