/* Return on tokens for people: one line a subject and kind, then what rests on assumptions. */
#include <math.h>

#include "base/check.h"
#include "render/render.h"

/* again: the line above is of the same subject, whose name and cost need no repeating. */
static void row(struct render *r, struct render_table *table, struct json e, bool again)
{
    const struct str blank = {0};
    const struct json rot = json_get(e, "rot");
    const struct str kind = json_str(json_get(e, "kind"));
    const struct str other = json_str(json_get(e, "against"));
    const struct str missing = json_str(json_get(e, "missing"));
    const double rate = json_double(json_get(rot, "value"), NAN);
    const bool thin = json_bool(json_get(rot, "thin"), false);
    const bool part = json_bool(json_get(rot, "incomplete"), false);
    const struct str cells[] = {
        again ? blank : render_clean(r, json_str(json_get(e, "name"))),
        other.data != NULL
            ? render_format(r, STR_FORMAT ", " STR_FORMAT, STR_ARG(kind),
                            STR_ARG(str_equal(other, STR("bpo")) ? STR("BPO") : STR("person")))
            : kind,
        json_kind(json_get(e, "value")) == JSON_STRING ? render_money(r, json_get(e, "value"))
                                                       : STR("-"),
        again ? blank : render_money(r, json_path(e, "cost.total")),
        again ? blank : render_share(r, json_double(json_path(e, "cost.agent_share"), NAN), 0),
        again ? blank : render_share(r, json_double(json_path(e, "cost.people_share"), NAN), 0),
        isfinite(rate) ? render_signed(r, rate, "%") : STR("-"),
        render_interval(r, rot, 1, 0),
        missing.data != NULL ? STR("unknown") : json_str(json_get(rot, "basis")),
        thin && part ? STR("thin, unpriced")
        : thin       ? STR("thin")
        : part       ? STR("unpriced")
                     : blank,
        again ? blank : render_money(r, json_path(e, "cost.people_recorded")),
        again ? blank : render_money(r, json_path(e, "cost.people_invested")),
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

/* What an entry rests on or lacks; empty: nothing. */
static struct str remark(struct render *r, struct json e)
{
    const struct str kind = json_str(json_get(e, "kind"));
    const struct str missing = json_str(json_get(e, "missing"));
    const struct str assumed = list(r, json_get(e, "assumed"));
    if (missing.data != NULL) {
        return render_format(r, STR_FORMAT " return needs " STR_FORMAT, STR_ARG(kind),
                             STR_ARG(missing));
    }
    if (assumed.size == 0) {
        return (struct str){0};
    }
    const bool lift = json_bool(json_get(e, "lift_assumed"), false);
    return render_format(r, STR_FORMAT " return rests on " STR_FORMAT "%s", STR_ARG(kind),
                         STR_ARG(assumed), lift ? " (no control group was kept)" : "");
}

/* Each remark once, with the names it holds for. */
static void notes(struct render *r, struct json returns)
{
    const size_t count = json_count(returns);
    struct str *const remarks = arena_new(r->arena, struct str, count + 1);
    struct str *const names = arena_new(r->arena, struct str, count + 1);
    if (remarks == NULL || names == NULL) {
        r->full = true;
        return;
    }
    size_t used = 0;
    struct json_cursor at = json_iter(returns);
    struct json e;
    while (json_next(&at, NULL, &e)) {
        const struct str text = remark(r, e);
        const struct str name = render_clean(r, json_str(json_get(e, "name")));
        size_t i = 0;
        while (i < used && !str_equal(remarks[i], text)) {
            i++;
        }
        if (text.size == 0) {
            continue;
        }
        names[i] = i < used ? render_format(r, STR_FORMAT ", " STR_FORMAT, STR_ARG(names[i]),
                                            STR_ARG(name))
                            : name;
        remarks[i] = text;
        used += i == used;
    }
    for (size_t i = 0; i < used; i++) {
        const bool missing = str_find(remarks[i], STR(" return needs ")) != SIZE_MAX;
        render_note(r, missing ? "unknown" : "assumed",
                    render_format(r, STR_FORMAT ": " STR_FORMAT ".", STR_ARG(names[i]),
                                  STR_ARG(remarks[i])));
    }
}

/* Returns whose interval holds zero: the data do not say whether anything came back. */
static void unclear(struct render *r, struct json returns)
{
    struct json_cursor at = json_iter(returns);
    struct json e;
    struct str names = {0};
    while (json_next(&at, NULL, &e)) {
        const double low = json_double(json_path(e, "rot.low"), NAN);
        const double high = json_double(json_path(e, "rot.high"), NAN);
        if (low < 0 && (high > 0 || isnan(high))) {
            const struct str name = render_clean(r, json_str(json_get(e, "name")));
            const struct str kind = json_str(json_get(e, "kind"));
            names = render_format(r, STR_FORMAT "%s" STR_FORMAT " (" STR_FORMAT ")", STR_ARG(names),
                                  names.size > 0 ? ", " : "", STR_ARG(name), STR_ARG(kind));
        }
    }
    if (names.size > 0) {
        render_note(r, "not clear",
                    render_format(r, STR_FORMAT ": the 95 %% interval reaches below zero.",
                                  STR_ARG(names)));
    }
}

enum errc render_returns(struct json returns, int width, struct arena *arena, struct text *out,
                         struct err *err)
{
    static const struct render_column columns[] = {
        {"FOR", false, 0},   {"KIND", false, 0},          {"VALUE", true, 0},
        {"COST", true, 0},   {"TOKENS", true, 4},         {"PEOPLE", true, 1},
        {"RETURN", true, 0}, {"95 % INTERVAL", false, 3}, {"BASIS", false, 0},
        {"NOTE", false, 2},  {"RECORDED", true, 5},       {"INVESTED", true, 6},
    };
    struct render r = render_start(arena, out, width);
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    const struct json all = json_get(returns, "returns");
    struct json_cursor at = json_iter(all);
    struct json e;
    text_add(out, STR("Return on tokens: (value - cost) / cost\n\n"));
    struct str last = {0};
    while (json_next(&at, NULL, &e)) {
        const struct str name = json_str(json_get(e, "name"));
        row(&r, &table, e, str_equal(name, last));
        last = name;
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
    render_heading(&r, "About these figures");
    unclear(&r, all);
    notes(&r, all);
    return render_end(&r, err);
}
