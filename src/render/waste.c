/* Waste for people: the answer in a sentence, the labels, the tools, the dearest steps. */
#include <math.h>

#include "base/check.h"
#include "render/render.h"

enum {
    TOOLS_EACH = 3,    /* of each label */
    EXAMPLES_EACH = 2, /* of each label */
};

/* How the sentence and the table speak of a label. */
static const struct {
    const char *label;
    const char *of;
    const char *what;
} words[] = {
    {"wasted/attempt", "failed attempts", "every step of failed attempts"},
    {"wasted/duplicate", "duplicates", "done before, nothing changed"},
    {"wasted/error", "errors", "failed, then worked"},
    {"wasted/ignored", "ignored results", "nothing of it is quoted later"},
    {"wasted/after", "steps after the work was done", "looked up after the last change"},
    {"overhead", "overhead", "guards, planning, formatting"},
    {"essential", "essential", "the rest"},
};

static int64_t count_of(struct json node, const char *name)
{
    return json_int64(json_get(node, name), 0);
}

static size_t word_of(struct json label)
{
    const struct str name = json_str(json_get(label, "label"));
    size_t i = 0;
    while (i < COUNT_OF(words) && !str_equal(name, str_from(words[i].label))) {
        i++;
    }
    CHECK(i < COUNT_OF(words));
    return i;
}

static struct json label_of(struct json waste, const char *name)
{
    struct json_cursor at = json_iter(json_get(waste, "labels"));
    struct json label;
    while (json_next(&at, NULL, &label)) {
        if (str_equal(json_str(json_get(label, "label")), str_from(name))) {
            return label;
        }
    }
    CHECK(!"every label is there");
    return label;
}

/* "failed attempts $1.20, duplicates $0.30"; empty: nothing was wasted. */
static struct str list_wasted(struct render *r, struct json labels)
{
    struct json_cursor at = json_iter(labels);
    struct json label;
    struct str all = {0};
    while (json_next(&at, NULL, &label)) {
        const bool wasted = str_starts_with(json_str(json_get(label, "label")), STR("wasted/"));
        const struct json usd = json_get(label, "usd");
        if (wasted && render_money_usd(usd) > 0) {
            all = render_format(r, STR_FORMAT "%s%s " STR_FORMAT, STR_ARG(all),
                                all.size > 0 ? ", " : "", words[word_of(label)].of,
                                STR_ARG(render_money(r, usd)));
        }
    }
    return all;
}

static void sentence(struct render *r, struct json waste)
{
    const struct str workflow = render_clean(r, json_str(json_get(waste, "workflow")));
    const struct str unit = render_clean(r, json_str(json_get(waste, "unit")));
    const int64_t cases = count_of(waste, "cases");
    const struct str units = render_plural(r, unit, cases);
    const struct str spend = render_money(r, json_get(waste, "spend"));
    const double share = json_double(json_path(waste, "wasted.share"), NAN);
    const struct str parts = list_wasted(r, json_get(waste, "labels"));
    if (cases == 0) {
        render_wrap(r, 0, 2,
                    render_format(r, STR_FORMAT ": no case with a step in this window.",
                                  STR_ARG(workflow)));
        return;
    }
    if (!isfinite(share)) {
        render_wrap(
            r, 0, 2,
            render_format(r,
                          STR_FORMAT ": what " STR_FORMAT " " STR_FORMAT
                                     " cost is not known%s, so what was wasted is told in "
                                     "steps, not in dollars.",
                          STR_ARG(workflow), STR_ARG(render_count(r, cases)), STR_ARG(units),
                          count_of(waste, "unpriced_steps") > 0 ? ", as calls have no price" : ""));
        return;
    }
    render_wrap(r, 0, 2,
                render_format(r,
                              STR_FORMAT ": " STR_FORMAT " of the " STR_FORMAT
                                         " spent on " STR_FORMAT " " STR_FORMAT
                                         " was wasted%s" STR_FORMAT ".",
                              STR_ARG(workflow), STR_ARG(render_share(r, share, 1)), STR_ARG(spend),
                              STR_ARG(render_count(r, cases)), STR_ARG(units),
                              parts.size > 0 ? ": " : "", STR_ARG(parts)));
}

static void label_rows(struct render *r, struct json waste)
{
    static const struct render_column columns[] = {
        {"LABEL", false, 0},
        {"STEPS", true, 0},
        {"USD", true, 0},
        {"SHARE", true, 0},
        {"WHAT IT IS", false, 1},
        {"UNPRICED", true, 2},
        {"MINUTES OF PEOPLE", true, 3},
    };
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    struct json_cursor at = json_iter(json_get(waste, "labels"));
    struct json label;
    const struct str blank = {0};
    while (json_next(&at, NULL, &label)) {
        const bool judged = json_bool(json_get(label, "judged"), true);
        const double minutes = json_double(json_get(label, "human_minutes"), 0);
        const int64_t unpriced = count_of(label, "unpriced_steps");
        const struct str cells[] = {
            json_str(json_get(label, "label")),
            judged ? render_count(r, count_of(label, "steps")) : STR("-"),
            judged ? render_money(r, json_get(label, "usd")) : STR("-"),
            judged ? render_share(r, json_double(json_get(label, "share"), NAN), 1) : blank,
            judged ? str_from(words[word_of(label)].what) : STR("not judged"),
            unpriced > 0 ? render_count(r, unpriced) : blank,
            minutes > 0 ? render_format(r, "%.0f", minutes) : blank,
        };
        CHECK(COUNT_OF(cells) == table.column_count);
        render_row(r, &table, cells);
    }
    const struct str total[] = {
        STR("total"),
        render_count(r, count_of(waste, "steps")),
        render_money(r, json_get(waste, "spend")),
        render_money_usd(json_get(waste, "spend")) > 0 ? STR("100.0 %") : blank,
        STR("tokens and tool fees"),
        blank,
        blank,
    };
    render_row(r, &table, total);
    render_print(r, &table);
}

/* Name of a tool or, where there is none, what the step was. */
static struct str tool_of(struct render *r, struct json node)
{
    const struct str name = json_str(json_get(node, "name"));
    const struct str kind = json_str(json_get(node, "kind"));
    if (str_equal(kind, STR("llm"))) {
        return STR("model calls without a tool");
    }
    return name.size > 0 ? render_clean(r, name) : kind;
}

/* The tools each label of waste or overhead hit most. */
static void tools(struct render *r, struct json waste)
{
    static const struct render_column columns[] = {
        {"LABEL", false, 0}, {"TOOL", false, 0}, {"STEPS", true, 0},
        {"USD", true, 0},    {"SHARE", true, 1},
    };
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    struct json_cursor at = json_iter(json_get(waste, "labels"));
    struct json label;
    while (json_next(&at, NULL, &label)) {
        struct json_cursor each = json_iter(json_get(label, "tools"));
        struct json tool;
        const struct str name = json_str(json_get(label, "label"));
        const bool rest = str_equal(name, STR("essential"));
        for (int i = 0; i < TOOLS_EACH && !rest && json_next(&each, NULL, &tool); i++) {
            const struct str cells[] = {
                i == 0 ? name : (struct str){0},
                tool_of(r, tool),
                render_count(r, count_of(tool, "steps")),
                render_money(r, json_get(tool, "usd")),
                render_share(r, json_double(json_get(tool, "share"), NAN), 1),
            };
            render_row(r, &table, cells);
        }
    }
    if (table.count > 0) {
        render_heading(r, "By tool, with what the model was paid to ask for it");
        render_print(r, &table);
    }
}

static void examples(struct render *r, struct json waste)
{
    struct json_cursor at = json_iter(json_get(waste, "labels"));
    struct json label;
    bool any = false;
    while (json_next(&at, NULL, &label)) {
        struct json_cursor each = json_iter(json_get(label, "examples"));
        struct json e;
        for (int i = 0; i < EXAMPLES_EACH && json_next(&each, NULL, &e); i++) {
            if (!any) {
                render_heading(r, "The dearest");
            }
            any = true;
            const struct str usd = render_money(r, json_get(e, "usd"));
            const struct str name = render_clean(r, json_str(json_get(e, "case")));
            const struct str reason = render_clean(r, json_str(json_get(e, "reason")));
            render_wrap(r, 2, 4,
                        render_format(r,
                                      STR_FORMAT "  " STR_FORMAT "  case " STR_FORMAT
                                                 ", step %lld, " STR_FORMAT ": " STR_FORMAT,
                                      STR_ARG(usd), STR_ARG(json_str(json_get(label, "label"))),
                                      STR_ARG(name), (long long)count_of(e, "n"),
                                      STR_ARG(tool_of(r, e)), STR_ARG(reason)));
        }
    }
    if (any) {
        render_wrap(r, 2, 2, STR("bursar explain CASE shows the whole case."));
    }
}

/* Duplicates with something in between whose effect nobody knows. */
static void unsure(struct render *r, struct json waste)
{
    const struct json duplicates = label_of(waste, "wasted/duplicate");
    struct json_cursor at = json_iter(json_get(duplicates, "reasons"));
    struct json reason;
    while (json_next(&at, NULL, &reason)) {
        const struct str text = json_str(json_get(reason, "reason"));
        if (str_find(text, STR("unknown effect")) != SIZE_MAX) {
            render_note(r, "not clear",
                        render_format(r,
                                      STR_FORMAT " of the duplicated steps came after steps "
                                                 "whose effect nobody recorded: " STR_FORMAT ".",
                                      STR_ARG(render_count(r, count_of(reason, "steps"))),
                                      STR_ARG(render_money(r, json_get(reason, "usd")))));
        }
    }
}

static void notes(struct render *r, struct json waste)
{
    const int64_t unpriced = count_of(waste, "unpriced_steps");
    const int64_t open = count_of(waste, "open");
    const struct str unit = render_clean(r, json_str(json_get(waste, "unit")));
    const struct json ignored = label_of(waste, "wasted/ignored");
    render_heading(r, "About these figures");
    unsure(r, waste);
    if (unpriced > 0) {
        render_note(r, "unpriced",
                    render_format(r,
                                  STR_FORMAT " " STR_FORMAT
                                             " without a price: labelled like the others, its cost "
                                             "in no figure here.",
                                  STR_ARG(render_count(r, unpriced)),
                                  STR_ARG(render_plural(r, STR("step"), unpriced))));
    }
    if (!json_bool(json_get(ignored, "judged"), true)) {
        render_note(r, "unknown",
                    STR("whether what a tool brought back was ever used: its text was not seen, or "
                        "hardly any of this workflow is ever quoted. Such steps count as "
                        "essential."));
    }
    if (open > 0) {
        render_note(r, "open",
                    render_format(
                        r,
                        STR_FORMAT " " STR_FORMAT " without a final outcome: judged step by step, "
                                   "nothing there is part of a failed attempt yet.",
                        STR_ARG(render_count(r, open)), STR_ARG(render_plural(r, unit, open))));
    }
    if (render_money_usd(json_get(ignored, "usd")) > 0) {
        render_note(r, "estimated",
                    STR("ignored results: that nothing of a text is quoted later does not prove "
                        "that nobody read it."));
    }
    render_note(r, "measured",
                STR("labels follow from what was recorded, by the rules of docs/waste.md; people's "
                    "time is not in the dollars, nor is work after a resolution called wasted as "
                    "such."));
}

enum errc render_waste(struct json waste, int width, struct arena *arena, struct text *out,
                       struct err *err)
{
    struct render r = render_start(arena, out, width);
    CHECK(json_count(json_get(waste, "labels")) == COUNT_OF(words));
    sentence(&r, waste);
    text_char(out, '\n');
    label_rows(&r, waste);
    tools(&r, waste);
    examples(&r, waste);
    notes(&r, waste);
    return render_end(&r, err);
}
