/* Credit along a chain for people: who brought the value, then what failures went on to cost. */
#include <math.h>

#include "base/check.h"
#include "render/render.h"

static struct str share_of(struct render *r, struct json rate)
{
    return render_share(r, json_double(json_get(rate, "value"), NAN), 0);
}

/* What is not priced is not free. */
static struct str cost_of(struct render *r, struct json player)
{
    const struct json cost = json_get(player, "cost");
    const bool unpriced = json_int64(json_get(player, "unpriced_calls"), 0) > 0;
    if (unpriced && !(render_money_usd(cost) > 0)) {
        return STR("unpriced");
    }
    return unpriced ? render_format(r, ">" STR_FORMAT, STR_ARG(render_money(r, cost)))
                    : render_money(r, cost);
}

static void players(struct render *r, struct json credit)
{
    static const struct render_column columns[] = {
        {"", false, 0},      {"CASES", true, 0},    {"SUCCESS WITH", true, 1}, {"WITHOUT", true, 1},
        {"CREDIT", true, 0}, {"FIRST", true, 3},    {"LAST", true, 3},         {"LINEAR", true, 2},
        {"COST", true, 0},   {"FAILURES", true, 2}, {"COST OF THEM", true, 1},
    };
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    struct json_cursor at = json_iter(json_get(credit, "players"));
    struct json player;
    const bool valued = json_kind(json_path(credit, "value.total")) == JSON_STRING;
    const struct str none = STR("-");
    while (json_next(&at, NULL, &player)) {
        const struct json share = json_get(player, "credit");
        const int64_t failures = json_int64(json_path(player, "failure.count"), 0);
        const struct str cells[] = {
            render_clean(r, json_str(json_get(player, "name"))),
            render_count(r, json_int64(json_get(player, "cases"), 0)),
            share_of(r, json_get(player, "success_with")),
            share_of(r, json_get(player, "success_without")),
            valued ? render_money(r, json_get(share, "shapley")) : none,
            valued ? render_money(r, json_get(share, "first")) : none,
            valued ? render_money(r, json_get(share, "last")) : none,
            valued ? render_money(r, json_get(share, "linear")) : none,
            cost_of(r, player),
            render_count(r, failures),
            failures > 0 ? render_money(r, json_path(player, "failure.total")) : none,
        };
        CHECK(COUNT_OF(cells) == COUNT_OF(columns));
        render_row(r, &table, cells);
    }
    render_print(r, &table);
}

/* The one with the largest Shapley credit. */
static struct json best_player(struct json credit)
{
    struct json_cursor at = json_iter(json_get(credit, "players"));
    struct json player;
    struct json best = {0};
    double most = -INFINITY;
    while (json_next(&at, NULL, &player)) {
        const double share = render_money_usd(json_path(player, "credit.shapley"));
        if (share > most) {
            most = share;
            best = player;
        }
    }
    return best;
}

static void sentence(struct render *r, struct json credit)
{
    const struct json value = json_path(credit, "value.total");
    const int64_t cases = json_int64(json_get(credit, "cases"), 0);
    const int64_t shared = json_int64(json_get(credit, "shared"), 0);
    const bool chain = str_equal(json_str(json_get(credit, "by")), STR("workflow"));
    const struct str count = render_count(r, cases);
    if (cases == 0 && !chain) {
        render_wrap(r, 0, 2,
                    render_format(r,
                                  "Nothing to share: no step in this window names its " STR_FORMAT
                                  ". Try another of --by agent, model or tool.",
                                  STR_ARG(json_str(json_get(credit, "by")))));
    } else if (cases == 0) {
        render_wrap(r, 0, 2, STR("No case in this window."));
    } else if (shared == 0) {
        render_wrap(r, 0, 2,
                    chain ? STR("No case is named alike in two of these workflows, so there is "
                                "no chain along which to share: give the same case id to the "
                                "same work.")
                          : STR("Nobody shared a case with another here, so each keeps its own. "
                                "Try --by agent, --by model or --by tool."));
    } else if (json_kind(value) != JSON_STRING) {
        render_wrap(r, 0, 2,
                    STR("Nobody said what an outcome is worth (value_per_outcome in bursar.yaml, "
                        "or a value with the outcome), so there is no value to share; success "
                        "and cost are below."));
    } else if (render_money_usd(value) > 0) {
        const struct json best = best_player(credit);
        const struct str total = render_money(r, value);
        const struct str part = render_money(r, json_path(best, "credit.shapley"));
        const struct str name = render_clean(r, json_str(json_get(best, "name")));
        render_wrap(r, 0, 2,
                    render_format(r,
                                  STR_FORMAT " cases brought " STR_FORMAT ". By what each adds "
                                             "to success, " STR_FORMAT
                                             " brought most of it: " STR_FORMAT ".",
                                  STR_ARG(count), STR_ARG(total), STR_ARG(name), STR_ARG(part)));
    } else {
        render_wrap(
            r, 0, 2,
            render_format(r, STR_FORMAT " cases, none of which brought a value.", STR_ARG(count)));
    }
}

static void notes(struct render *r, struct json credit)
{
    const int64_t open = json_int64(json_get(credit, "open"), 0);
    const int64_t unknown = json_int64(json_path(credit, "value.outcomes_unknown"), 0);
    const int64_t left_out = json_int64(json_get(credit, "left_out"), 0);
    render_note(r, "credit",
                STR("Shapley: what each adds to the success rate of those it worked with, over "
                    "every order they could have come in; estimated. First, last and linear go "
                    "by position alone. Each of the four adds up to the value."));
    render_note(r, "failures",
                STR("What failed work cost itself, and what was spent on the same cases after "
                    "it. Two who failed in one attempt are both shown what came after."));
    if (open > 0) {
        render_note(
            r, "open",
            render_format(r, "%lld cases are open and share nothing yet.", (long long)open));
    }
    if (unknown > 0) {
        render_note(r, "unknown",
                    render_format(r, "%lld resolved cases have no value.", (long long)unknown));
    }
    if (left_out > 0) {
        render_note(
            r, "left out",
            render_format(r, "%lld more that cost less; ten can share.", (long long)left_out));
    }
}

enum errc render_credit(struct json credit, int width, struct arena *arena, struct text *out,
                        struct err *err)
{
    struct render r = render_start(arena, out, width);
    sentence(&r, credit);
    if (json_int64(json_get(credit, "cases"), 0) > 0) {
        text_char(out, '\n');
        players(&r, credit);
        text_char(out, '\n');
        notes(&r, credit);
    }
    return render_end(&r, err);
}
