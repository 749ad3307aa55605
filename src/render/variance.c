/* How differently the same work was done, for people. */
#include <math.h>

#include "base/check.h"
#include "render/render.h"

static double number(struct json node, const char *path)
{
    return json_double(json_path(node, path), NAN);
}

static int64_t count(struct json node, const char *path)
{
    return json_int64(json_path(node, path), 0);
}

/* "1.9", "12". */
static struct str times(struct render *r, double ratio)
{
    return isfinite(ratio) ? render_format(r, "%.*f", ratio < 9.95 ? 1 : 0, ratio) : STR("-");
}

static struct str interval(struct render *r, struct json estimate)
{
    const double value = number(estimate, "value");
    const struct str text = render_interval(r, estimate, 1, value < 9.95 ? 1 : 0);
    return text.size > 0 ? render_format(r, " " STR_FORMAT, STR_ARG(text)) : text;
}

static void answer_cost(struct render *r, struct json v)
{
    const struct str name = render_clean(r, json_str(json_get(v, "workflow")));
    const int64_t groups = count(v, "groups");
    if (groups == 0) {
        const struct str why =
            count(v, "cases") == 0 ? STR("there is no such case")
            : count(v, "excluded.groups_unpriced") + count(v, "excluded.groups_free") > 0
                ? STR("every group of attempts at the same work has one without a known cost")
                : STR("no work was tried twice: no two cases share an input key, and no case has "
                      "a second attempt");
        render_wrap(r, 0, 2,
                    render_format(r,
                                  STR_FORMAT ": " STR_FORMAT ", so nothing can be said of its "
                                             "spread.",
                                  STR_ARG(name), STR_ARG(why)));
        return;
    }
    const struct json spread = json_get(v, "max_over_min");
    const struct str ratio = times(r, number(spread, "value"));
    const struct str range = interval(r, spread);
    const struct str many = render_count(r, groups);
    const struct str flagged = render_count(r, count(v, "flagged"));
    const struct str share = render_share(r, number(v, "flagged_share.value"), 0);
    const struct str bounds = render_interval(r, json_get(v, "flagged_share"), 100, 0);
    render_wrap(r, 0, 2,
                render_format(
                    r,
                    STR_FORMAT ": of attempts at the same work, the dearest cost " STR_FORMAT
                               " times" STR_FORMAT " the cheapest (median of " STR_FORMAT
                               " groups); in " STR_FORMAT " of them, " STR_FORMAT " " STR_FORMAT
                               ", %d times and more.",
                    STR_ARG(name), STR_ARG(ratio), STR_ARG(range), STR_ARG(many), STR_ARG(flagged),
                    STR_ARG(share), STR_ARG(bounds), (int)count(v, "flag_from")));
}

/* The last k: what can be relied upon. */
static void answer_success(struct render *r, struct json v)
{
    const struct json list = json_path(v, "replicates.pass");
    struct json_cursor at = json_iter(list);
    struct json row;
    struct json first = {0};
    struct json last = {0};
    while (json_next(&at, NULL, &row)) {
        first = json_kind(first) == JSON_ABSENT ? row : first;
        last = row;
    }
    if (json_count(list) < 2) {
        return;
    }
    const struct str one = render_share(r, number(first, "pass_hat.value"), 0);
    const struct str all = render_share(r, number(last, "pass_hat.value"), 0);
    const struct str range = render_interval(r, json_get(last, "pass_hat"), 100, 0);
    const struct str any = render_share(r, number(last, "pass_at.value"), 0);
    render_wrap(
        r, 2, 2,
        render_format(
            r,
            "One trial succeeds in " STR_FORMAT " of the input keys; all of "
            "%lld trials succeed in " STR_FORMAT " " STR_FORMAT
            ", at least one of them in " STR_FORMAT "%s.",
            STR_ARG(one), (long long)count(last, "k"), STR_ARG(all), STR_ARG(range), STR_ARG(any),
            json_bool(json_path(last, "pass_hat.thin"), false) ? " (thin: few input keys)" : ""));
}

static void spread_row(struct render *r, struct render_table *table, const char *what,
                       struct json v)
{
    if (count(v, "groups") == 0) {
        return;
    }
    const struct json flagged = json_get(v, "flagged_share");
    const struct str cells[] = {
        str_from(what),
        render_count(r, count(v, "groups")),
        render_count(r, count(v, "attempts")),
        times(r, number(v, "max_over_min.value")),
        render_interval(r, json_get(v, "max_over_min"), 1, 1),
        times(r, number(v, "p90_over_p10.value")),
        render_interval(r, json_get(v, "p90_over_p10"), 1, 1),
        render_count(r, count(v, "flagged")),
        render_share(r, number(flagged, "value"), 1),
        json_bool(json_get(flagged, "thin"), false) ? STR("thin") : (struct str){0},
    };
    CHECK(COUNT_OF(cells) == table->column_count);
    render_row(r, table, cells);
}

static void spreads(struct render *r, struct json v)
{
    static const struct render_column columns[] = {
        {"ATTEMPTS AT", false, 0},   {"GROUPS", true, 1},
        {"ATTEMPTS", true, 3},       {"MAX/MIN", true, 0},
        {"95 % INTERVAL", false, 1}, {"P90/P10", true, 0},
        {"95 % INTERVAL", false, 2}, {"5 X", true, 0},
        {"SHARE", true, 0},          {"", false, 2},
    };
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    spread_row(r, &table, "the same work", v);
    spread_row(r, &table, "the same case", json_get(v, "same_case"));
    if (table.count > 0) {
        render_heading(r, "Cost of an attempt, ratios in the median group");
        text_char(r->out, '\n');
        render_print(r, &table);
    }
}

static void pass(struct render *r, struct json v)
{
    static const struct render_column columns[] = {
        {"TRIALS", true, 0},         {"ALL SUCCEED (PASS^K)", true, 0},
        {"95 % INTERVAL", false, 0}, {"ANY SUCCEEDS (PASS@K)", true, 0},
        {"95 % INTERVAL", false, 1}, {"NOTE", false, 2},
    };
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    struct json_cursor at = json_iter(json_path(v, "replicates.pass"));
    struct json row;
    while (json_next(&at, NULL, &row)) {
        const struct str cells[] = {
            render_count(r, count(row, "k")),
            render_share(r, number(row, "pass_hat.value"), 1),
            render_interval(r, json_get(row, "pass_hat"), 100, 1),
            render_share(r, number(row, "pass_at.value"), 1),
            render_interval(r, json_get(row, "pass_at"), 100, 1),
            json_bool(json_path(row, "pass_hat.thin"), false) ? STR("thin") : (struct str){0},
        };
        CHECK(COUNT_OF(cells) == table.column_count);
        render_row(r, &table, cells);
    }
    if (table.count == 0) {
        return;
    }
    render_heading(r, "Repeated trials of one input key");
    text_char(r->out, '\n');
    render_print(r, &table);
    const struct str keys = render_count(r, count(v, "replicates.input_keys"));
    const struct str cases = render_count(r, count(v, "replicates.cases"));
    const int64_t least = count(v, "replicates.trials_least");
    const int64_t most = count(v, "replicates.trials_most");
    const struct str more =
        most > least ? render_format(r, " to %lld", (long long)most) : (struct str){0};
    text_char(r->out, '\n');
    render_wrap(r, 2, 2,
                render_format(r,
                              STR_FORMAT " closed cases of " STR_FORMAT
                                         " input keys, %lld" STR_FORMAT
                                         " each; every key counts the same.",
                              STR_ARG(cases), STR_ARG(keys), (long long)least, STR_ARG(more)));
}

static void worst(struct render *r, struct json v)
{
    static const struct render_column columns[] = {
        {"WIDEST", false, 0}, {"ATTEMPTS", true, 1}, {"CASES", true, 3},   {"RESOLVED", true, 2},
        {"MIN", true, 0},     {"MAX", true, 0},      {"MAX/MIN", true, 0}, {"", false, 0},
    };
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    struct json_cursor at = json_iter(json_get(v, "worst"));
    struct json row;
    while (json_next(&at, NULL, &row)) {
        const struct str key = json_str(json_get(row, "input_key"));
        const struct str name = key.data != NULL ? key : json_str(json_get(row, "case"));
        const struct str cells[] = {
            render_clean(r, name),
            render_count(r, count(row, "attempts")),
            render_count(r, count(row, "cases")),
            render_count(r, count(row, "resolved")),
            render_money(r, json_get(row, "min_usd")),
            render_money(r, json_get(row, "max_usd")),
            times(r, number(row, "max_over_min")),
            json_bool(json_get(row, "flagged"), false) ? STR("flagged") : (struct str){0},
        };
        CHECK(COUNT_OF(cells) == table.column_count);
        render_row(r, &table, cells);
    }
    if (table.count > 0) {
        text_char(r->out, '\n');
        render_print(r, &table);
    }
}

static void notes(struct render *r, struct json v)
{
    const int64_t unpriced = count(v, "excluded.groups_unpriced");
    const int64_t free_of_cost = count(v, "excluded.groups_free");
    const struct json where = json_get(v, "where");
    render_heading(r, "About these figures");
    if (json_kind(where) == JSON_OBJECT) {
        const struct str name = render_clean(r, json_str(json_get(where, "name")));
        const struct str value = render_clean(r, json_str(json_get(where, "value")));
        const struct str cases = render_count(r, count(v, "cases"));
        render_note(r, "only",
                    render_format(r,
                                  "the " STR_FORMAT " cases with " STR_FORMAT " = " STR_FORMAT ".",
                                  STR_ARG(cases), STR_ARG(name), STR_ARG(value)));
    }
    render_note(r, "same work",
                STR("cases that share an input key, and each case without one. Trials of one key "
                    "count as alike: where models or versions are mixed, --where keeps to one."));
    if (unpriced > 0) {
        const struct str many = render_count(r, unpriced);
        render_note(r, "left out",
                    render_format(r, STR_FORMAT " groups with an attempt whose price is not known.",
                                  STR_ARG(many)));
    }
    if (free_of_cost > 0) {
        const struct str many = render_count(r, free_of_cost);
        render_note(r, "left out",
                    render_format(r, STR_FORMAT " groups with an attempt that cost nothing.",
                                  STR_ARG(many)));
    }
    if (count(v, "groups") > 0 && count(v, "groups") < 20) {
        render_note(r, "thin", STR("fewer than 20 groups."));
    }
    render_note(r, "intervals",
                STR("95 %: of medians by order statistics, of shares Wilson's, of pass^k by "
                    "resampling input keys (1,000 draws, fixed seed)."));
}

enum errc render_variance(struct json variance, int width, struct arena *arena, struct text *out,
                          struct err *err)
{
    CHECK(out != NULL);
    struct render r = render_start(arena, out, width);
    text_add(out, STR("How differently the same work was done\n\n"));
    answer_cost(&r, variance);
    answer_success(&r, variance);
    spreads(&r, variance);
    worst(&r, variance);
    pass(&r, variance);
    notes(&r, variance);
    return render_end(&r, err);
}
