/* Return on tokens for people: one line a subject and kind, then what rests on assumptions. */
#include <math.h>

#include "app/render.h"
#include "base/check.h"

static void row(struct render *r, struct render_table *table, struct json e)
{
    const struct json rot = json_get(e, "rot");
    const struct str kind = json_str(json_get(e, "kind"));
    const struct str other = json_str(json_get(e, "against"));
    const struct str missing = json_str(json_get(e, "missing"));
    const double rate = json_double(json_get(rot, "value"), NAN);
    const bool thin = json_bool(json_get(rot, "thin"), false);
    const bool part = json_bool(json_get(rot, "incomplete"), false);
    const struct str cells[] = {
        render_clean(r, json_str(json_get(e, "name"))),
        other.data != NULL
            ? render_format(r, STR_FORMAT ", " STR_FORMAT, STR_ARG(kind),
                            STR_ARG(str_equal(other, STR("bpo")) ? STR("BPO") : STR("person")))
            : kind,
        json_kind(json_get(e, "value")) == JSON_STRING ? render_money(r, json_get(e, "value"))
                                                       : STR("-"),
        render_money(r, json_path(e, "cost.total")),
        render_share(r, json_double(json_path(e, "cost.agent_share"), NAN), 0),
        render_share(r, json_double(json_path(e, "cost.people_share"), NAN), 0),
        isfinite(rate) ? render_signed(r, rate, "%") : STR("-"),
        render_interval(r, rot, 1, 0),
        missing.data != NULL
            ? STR("unknown")
            : render_format(r, STR_FORMAT "%s%s", STR_ARG(json_str(json_get(rot, "basis"))),
                            thin ? ", thin" : "", part ? ", incomplete" : ""),
        render_money(r, json_path(e, "cost.people_recorded")),
        render_money(r, json_path(e, "cost.people_invested")),
    };
    CHECK(COUNT_OF(cells) == table->column_count);
    render_row(r, table, cells);
}

/* "conversion_rate, contract_value" of the entry's list. */
static struct str list(struct render *r, struct json texts)
{
    struct json_cursor at = json_iter(texts);
    struct json text;
    struct str all = {0};
    while (json_next(&at, NULL, &text)) {
        all = render_format(r, STR_FORMAT "%s" STR_FORMAT, STR_ARG(all), all.size > 0 ? ", " : "",
                            STR_ARG(json_str(text)));
    }
    return all;
}

static void notes(struct render *r, struct json returns)
{
    struct json_cursor at = json_iter(returns);
    struct json e;
    bool any = false;
    while (json_next(&at, NULL, &e)) {
        const struct str assumed = list(r, json_get(e, "assumed"));
        const struct str missing = json_str(json_get(e, "missing"));
        const struct str name = render_clean(r, json_str(json_get(e, "name")));
        const struct str kind = json_str(json_get(e, "kind"));
        if (assumed.size == 0 && missing.data == NULL) {
            continue;
        }
        if (!any) {
            render_heading(r, "Not measured");
            any = true;
        }
        if (missing.data != NULL) {
            render_note(r, "unknown",
                        render_format(r, STR_FORMAT ", " STR_FORMAT ": needs " STR_FORMAT ".",
                                      STR_ARG(name), STR_ARG(kind), STR_ARG(missing)));
        } else {
            const bool lift = json_bool(json_get(e, "lift_assumed"), false);
            render_note(r, "assumed",
                        render_format(r, STR_FORMAT ", " STR_FORMAT ": " STR_FORMAT "%s.",
                                      STR_ARG(name), STR_ARG(kind), STR_ARG(assumed),
                                      lift ? " (no control group was kept)" : ""));
        }
    }
}

enum errc render_returns(struct json returns, int width, struct arena *arena, struct text *out,
                         struct err *err)
{
    static const struct render_column columns[] = {
        {"FOR", false, 0},    {"KIND", false, 0},          {"VALUE", true, 0},
        {"COST", true, 0},    {"TOKENS", true, 2},         {"PEOPLE", true, 1},
        {"RETURN", true, 0},  {"95 % INTERVAL", false, 3}, {"BASIS", false, 2},
        {"MINUTES", true, 5}, {"INVESTED", true, 4},
    };
    struct render r = render_start(arena, out, width);
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    const struct json all = json_get(returns, "returns");
    struct json_cursor at = json_iter(all);
    struct json e;
    text_add(out, STR("Return on tokens: (value - cost) / cost\n\n"));
    while (json_next(&at, NULL, &e)) {
        row(&r, &table, e);
    }
    if (table.count == 0) {
        text_add(out, STR("  Nothing to report: no workflow has a case and no tool is registered "
                          "under tools: in bursar.yaml.\n"));
        return render_end(&r, err);
    }
    render_print(&r, &table);
    text_char(out, '\n');
    render_wrap(&r, 2, 2,
                STR("Cost is tokens and tools, plus people's time: minutes the ledger recorded and "
                    "hours invested as bursar.yaml registers them. A workflow's cost is that of "
                    "its closed cases; a tool's is all its workflows spent."));
    notes(&r, all);
    return render_end(&r, err);
}
