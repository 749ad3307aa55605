/* Routing for people: the answer in a sentence, the models, cascades, what to try, what is unsure.
 */
#include "render/route_priv.h"

#include <math.h>

#include "base/check.h"

struct str route_name(struct render *r, struct json node)
{
    return render_clean(r, json_str(node));
}

double route_number(struct json node, const char *path)
{
    return json_double(json_path(node, path), NAN);
}

struct json route_model_named(struct json report, struct str name)
{
    struct json_cursor at = json_iter(json_get(report, "models"));
    struct json m;
    while (json_next(&at, NULL, &m)) {
        if (str_equal(json_str(json_get(m, "model")), name)) {
            return m;
        }
    }
    return (struct json){0};
}

static struct str percent(struct render *r, double share)
{
    return isfinite(share) ? render_format(r, "%.1f %%", share * 100) : STR("-");
}

static struct str points(struct render *r, double difference_pp)
{
    return isfinite(difference_pp) ? render_format(r, "%+.1f pp", difference_pp) : (struct str){0};
}

/* "+0.3 pp [-1.1, 1.7]" */
static struct str difference(struct render *r, struct json comparison)
{
    const struct json d = json_get(comparison, "difference_pp");
    const double value = route_number(d, "value");
    if (!isfinite(value)) {
        return STR("-");
    }
    const struct str interval = render_interval(r, d, 1, 1);
    return render_format(r, "%+.1f pp " STR_FORMAT, value, STR_ARG(interval));
}

/* "$120 [110, 131]" */
static struct str amount(struct render *r, struct json estimate)
{
    const int decimals = render_estimate_decimals(estimate);
    const struct str value = render_usd_at(r, route_number(estimate, "value"), decimals);
    const struct str interval = render_interval(r, estimate, 1, decimals);
    return render_format(r, STR_FORMAT "%s" STR_FORMAT, STR_ARG(value),
                         interval.size > 0 ? " " : "", STR_ARG(interval));
}

/* ---- the answer */

static void answer_switch(struct render *r, struct json report)
{
    const struct json best = route_model_named(report, json_str(json_get(report, "recommended")));
    const struct json c = json_get(best, "comparison");
    const struct str ours = route_name(r, json_get(best, "model"));
    const struct str theirs = route_name(r, json_get(report, "reference"));
    const struct str workflow = route_name(r, json_get(report, "workflow"));
    const struct str rate = percent(r, route_number(c, "success.value"));
    const struct str reference_rate = percent(r, route_number(c, "reference_success.value"));
    const struct str apart = difference(r, c);
    const struct str cost = render_usd(r, route_number(c, "cost_per_attempt"));
    const struct str reference_cost = render_usd(r, route_number(c, "reference_cost_per_attempt"));
    const int64_t volume = json_int64(json_get(report, "volume"), 0);
    const struct str many = render_count(r, volume);
    const struct str units = render_plural(r, route_name(r, json_get(report, "unit")), volume);
    const struct str saved = amount(r, json_get(report, "savings"));
    const struct json month = json_get(report, "savings_per_month");
    const struct str monthly =
        isfinite(route_number(month, "value"))
            ? render_format(r, ", " STR_FORMAT " a month", STR_ARG(amount(r, month)))
            : (struct str){0};
    const struct str answer = render_format(
        r,
        STR_FORMAT ": " STR_FORMAT " does it as well as " STR_FORMAT " (" STR_FORMAT
                   " against " STR_FORMAT " at the first attempt, difference " STR_FORMAT
                   ") for " STR_FORMAT " an attempt instead of " STR_FORMAT,
        STR_ARG(workflow), STR_ARG(ours), STR_ARG(theirs), STR_ARG(rate), STR_ARG(reference_rate),
        STR_ARG(apart), STR_ARG(cost), STR_ARG(reference_cost));
    render_wrap(r, 0, 2,
                render_format(r,
                              STR_FORMAT ": moving the " STR_FORMAT " " STR_FORMAT " of " STR_FORMAT
                                         " would have saved " STR_FORMAT STR_FORMAT ".",
                              STR_ARG(answer), STR_ARG(many), STR_ARG(units), STR_ARG(theirs),
                              STR_ARG(saved), STR_ARG(monthly)));
}

static void answer_keep(struct render *r, struct json report)
{
    const struct str workflow = route_name(r, json_get(report, "workflow"));
    const struct str reference = route_name(r, json_get(report, "reference"));
    const struct str reason = json_str(json_get(report, "reason"));
    if (reference.size == 0) {
        render_wrap(r, 0, 2,
                    render_format(r,
                                  STR_FORMAT ": no attempt in this window says which model made "
                                             "it, so there is nothing to compare.",
                                  STR_ARG(workflow)));
        return;
    }
    render_wrap(r, 0, 2,
                render_format(r, STR_FORMAT ": keep " STR_FORMAT ": " STR_FORMAT ".",
                              STR_ARG(workflow), STR_ARG(reference), STR_ARG(reason)));
}

/* ---- tables */

static void models(struct render *r, struct json report)
{
    static const struct render_column columns[] = {
        {"MODEL", false, 0},         {"CASES", true, 0},        {"SUCCESS", true, 0},
        {"95 % INTERVAL", false, 5}, {"AN ATTEMPT", true, 0},   {"95 % INTERVAL", false, 6},
        {"AN OUTCOME", true, 3},     {"DIFFERENCE", true, 0},   {"95 % INTERVAL", false, 1},
        {"VERDICT", false, 0},       {"COMPARED ON", false, 4},
    };
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    struct json_cursor at = json_iter(json_get(report, "models"));
    struct json m;
    while (json_next(&at, NULL, &m)) {
        const struct json cost = json_get(m, "cost_per_attempt");
        const struct json apart = json_path(m, "comparison.difference_pp");
        const struct str verdict = json_str(json_get(m, "verdict"));
        const struct str work = json_str(json_get(m, "work"));
        const double usd = route_number(cost, "value");
        const int decimals = render_estimate_decimals(cost);
        const double outcome = route_number(m, "cost_per_outcome.value");
        const bool reference = str_equal(work, STR("reference"));
        const struct str cells[] = {
            route_name(r, json_get(m, "model")),
            render_count(r, json_int64(json_get(m, "cases"), 0)),
            percent(r, route_number(m, "success.value")),
            render_interval(r, json_get(m, "success"), 100, 1),
            isfinite(usd) ? render_usd_at(r, usd, decimals) : STR("-"),
            render_interval(r, cost, 1, decimals),
            isfinite(outcome) ? render_usd(r, outcome) : STR("-"),
            points(r, route_number(apart, "value")),
            render_interval(r, apart, 1, 1),
            verdict,
            reference ? (struct str){0} : work,
        };
        CHECK(COUNT_OF(cells) == COUNT_OF(columns));
        render_row(r, &table, cells);
    }
    text_char(r->out, '\n');
    render_print(r, &table);
}

static void cascades(struct render *r, struct json report)
{
    static const struct render_column columns[] = {
        {"FIRST", false, 0},         {"WHERE IT FAILS", false, 0}, {"SUCCESS", true, 0},
        {"95 % INTERVAL", false, 3}, {"A CASE", true, 0},          {"95 % INTERVAL", false, 2},
        {"FROM", false, 1},
    };
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    const struct json list = json_get(report, "cascade");
    if (json_count(list) == 0) {
        return;
    }
    struct json_cursor at = json_iter(list);
    struct json c;
    while (json_next(&at, NULL, &c)) {
        struct json_cursor stage = json_iter(json_get(c, "stages"));
        struct json first = {0};
        struct json second = {0};
        if (!json_next(&stage, NULL, &first) || !json_next(&stage, NULL, &second)) {
            continue;
        }
        const struct json cost = json_get(c, "cost_per_case");
        const int decimals = render_estimate_decimals(cost);
        const bool inputs = str_equal(json_str(json_get(c, "evidence")), STR("replicates"));
        const struct str units = render_count(r, json_int64(json_get(c, "units"), 0));
        const struct str from =
            inputs ? render_format(r, STR_FORMAT " same inputs", STR_ARG(units))
                   : render_format(r, "%.0f of " STR_FORMAT " escalated",
                                   json_double(json_get(c, "failures"), 0), STR_ARG(units));
        const bool thin = json_bool(json_get(c, "thin"), false);
        const struct str cells[] = {
            route_name(r, first),
            route_name(r, second),
            percent(r, route_number(c, "success.value")),
            render_interval(r, json_get(c, "success"), 100, 1),
            render_usd_at(r, route_number(cost, "value"), decimals),
            render_interval(r, cost, 1, decimals),
            render_format(r, STR_FORMAT "%s", STR_ARG(from), thin ? ", thin" : ""),
        };
        CHECK(COUNT_OF(cells) == COUNT_OF(columns));
        render_row(r, &table, cells);
    }
    render_heading(r, "Cheap first, escalate on failure");
    render_print(r, &table);
    text_char(r->out, '\n');
    render_wrap(r, 2, 2,
                STR("This presumes a perfect verifier: that every failure of the first model is "
                    "noticed, at no cost. A real one saves less."));
}

static void segments(struct render *r, struct json report)
{
    static const struct render_column columns[] = {
        {"WHERE, MODEL", false, 0}, {"CASES", true, 1},       {"SUCCESS", true, 0},
        {"AN ATTEMPT", true, 0},    {"DIFFERENCE", false, 2}, {"VERDICT", false, 0},
        {"BEST", false, 0},
    };
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    const struct json list = json_get(report, "segments");
    if (json_count(list) == 0) {
        return;
    }
    struct json_cursor at = json_iter(list);
    struct json s;
    while (json_next(&at, NULL, &s)) {
        const struct str attribute = route_name(r, json_get(s, "attribute"));
        const struct str value = route_name(r, json_get(s, "value"));
        const struct str best = json_str(json_get(s, "recommended"));
        struct json_cursor model = json_iter(json_get(s, "models"));
        struct json m;
        bool again = false;
        while (json_next(&model, NULL, &m)) {
            const double usd = route_number(m, "cost_per_attempt.value");
            const struct str verdict = json_str(json_get(m, "verdict"));
            const struct str name = json_str(json_get(m, "model"));
            if (str_equal(verdict, STR("no comparable work"))) {
                continue;
            }
            if (!again) {
                const struct str where[COUNT_OF(columns)] = {render_format(
                    r, STR_FORMAT " = " STR_FORMAT, STR_ARG(attribute), STR_ARG(value))};
                render_row(r, &table, where);
            }
            const struct str cells[] = {
                render_format(r, "  " STR_FORMAT, STR_ARG(route_name(r, json_get(m, "model")))),
                render_count(r, json_int64(json_get(m, "cases"), 0)),
                percent(r, route_number(m, "success.value")),
                isfinite(usd) ? render_usd(r, usd) : STR("-"),
                str_equal(verdict, STR("reference")) ? (struct str){0}
                                                     : difference(r, json_get(m, "comparison")),
                verdict,
                best.size > 0 && str_equal(best, name) ? STR("switch") : (struct str){0},
            };
            CHECK(COUNT_OF(cells) == COUNT_OF(columns));
            render_row(r, &table, cells);
            again = true;
        }
    }
    render_heading(r, "Where success differs");
    render_print(r, &table);
}

enum errc render_route(struct json route, int width, struct arena *arena, struct text *out,
                       struct err *err)
{
    struct render r = render_start(arena, out, width);
    const struct str recommended = json_str(json_get(route, "recommended"));
    text_add(out, STR("Routing\n\n"));
    if (recommended.size > 0 && !str_equal(recommended, json_str(json_get(route, "reference")))) {
        answer_switch(&r, route);
    } else {
        answer_keep(&r, route);
    }
    if (json_count(json_get(route, "models")) > 0) {
        models(&r, route);
        cascades(&r, route);
        segments(&r, route);
        route_experiment(&r, route);
    }
    render_heading(&r, "About these figures");
    route_notes(&r, route);
    return render_end(&r, err);
}
