/* Routing for people: the answer in a sentence, the models, cascades, what to try, what is unsure.
 */
#include <math.h>

#include "app/render.h"
#include "base/check.h"

enum { DAY_BYTES = 10 /* of a time: 2026-11-22 */ };

static struct str name_of(struct render *r, struct json node)
{
    return render_clean(r, json_str(node));
}

static double number(struct json node, const char *path)
{
    return json_double(json_path(node, path), NAN);
}

static struct json model_named(struct json report, struct str name)
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
    const double value = number(d, "value");
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
    const struct str value = render_usd_at(r, number(estimate, "value"), decimals);
    const struct str interval = render_interval(r, estimate, 1, decimals);
    return render_format(r, STR_FORMAT "%s" STR_FORMAT, STR_ARG(value),
                         interval.size > 0 ? " " : "", STR_ARG(interval));
}

/* ---- the answer */

static void answer_switch(struct render *r, struct json report)
{
    const struct json best = model_named(report, json_str(json_get(report, "recommended")));
    const struct json c = json_get(best, "comparison");
    const struct str ours = name_of(r, json_get(best, "model"));
    const struct str theirs = name_of(r, json_get(report, "reference"));
    const struct str workflow = name_of(r, json_get(report, "workflow"));
    const struct str rate = percent(r, number(c, "success.value"));
    const struct str reference_rate = percent(r, number(c, "reference_success.value"));
    const struct str apart = difference(r, c);
    const struct str cost = render_usd(r, number(c, "cost_per_attempt"));
    const struct str reference_cost = render_usd(r, number(c, "reference_cost_per_attempt"));
    const int64_t volume = json_int64(json_get(report, "volume"), 0);
    const struct str many = render_count(r, volume);
    const struct str units = render_plural(r, name_of(r, json_get(report, "unit")), volume);
    const struct str saved = amount(r, json_get(report, "savings"));
    const struct json month = json_get(report, "savings_per_month");
    const struct str monthly =
        isfinite(number(month, "value"))
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
    const struct str workflow = name_of(r, json_get(report, "workflow"));
    const struct str reference = name_of(r, json_get(report, "reference"));
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
        const double usd = number(cost, "value");
        const int decimals = render_estimate_decimals(cost);
        const double outcome = number(m, "cost_per_outcome.value");
        const bool reference = str_equal(work, STR("reference"));
        const struct str cells[] = {
            name_of(r, json_get(m, "model")),
            render_count(r, json_int64(json_get(m, "cases"), 0)),
            percent(r, number(m, "success.value")),
            render_interval(r, json_get(m, "success"), 100, 1),
            isfinite(usd) ? render_usd_at(r, usd, decimals) : STR("-"),
            render_interval(r, cost, 1, decimals),
            isfinite(outcome) ? render_usd(r, outcome) : STR("-"),
            points(r, number(apart, "value")),
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
            name_of(r, first),
            name_of(r, second),
            percent(r, number(c, "success.value")),
            render_interval(r, json_get(c, "success"), 100, 1),
            render_usd_at(r, number(cost, "value"), decimals),
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
        {"WHERE", false, 0},   {"MODEL", false, 0},     {"CASES", true, 1},
        {"SUCCESS", true, 0},  {"AN ATTEMPT", true, 0}, {"DIFFERENCE", false, 2},
        {"VERDICT", false, 0}, {"BEST", false, 0},
    };
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    const struct json list = json_get(report, "segments");
    if (json_count(list) == 0) {
        return;
    }
    struct json_cursor at = json_iter(list);
    struct json s;
    while (json_next(&at, NULL, &s)) {
        const struct str attribute = name_of(r, json_get(s, "attribute"));
        const struct str value = name_of(r, json_get(s, "value"));
        const struct str best = json_str(json_get(s, "recommended"));
        struct json_cursor model = json_iter(json_get(s, "models"));
        struct json m;
        bool again = false;
        while (json_next(&model, NULL, &m)) {
            const double usd = number(m, "cost_per_attempt.value");
            const struct str verdict = json_str(json_get(m, "verdict"));
            const struct str name = json_str(json_get(m, "model"));
            if (str_equal(verdict, STR("no comparable work"))) {
                continue;
            }
            const struct str cells[] = {
                again ? (struct str){0}
                      : render_format(r, STR_FORMAT " = " STR_FORMAT, STR_ARG(attribute),
                                      STR_ARG(value)),
                name_of(r, json_get(m, "model")),
                render_count(r, json_int64(json_get(m, "cases"), 0)),
                percent(r, number(m, "success.value")),
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

/* ---- what to try, what is unsure */

/* ", about 5 months at the present volume" */
static struct str duration(struct render *r, double days)
{
    if (!isfinite(days)) {
        return (struct str){0};
    }
    if (days > 730) {
        return render_format(r,
                             ", about %.0f years at the present volume: too few cases come in for "
                             "a margin this narrow",
                             days / 365);
    }
    return days < 99.5 ? render_format(r, ", about %.0f days at the present volume", ceil(days))
                       : render_format(r, ", about %.0f months at the present volume", days / 30.4);
}

static void experiment(struct render *r, struct json report)
{
    const struct json e = json_get(report, "experiment");
    if (json_kind(e) != JSON_OBJECT) {
        return;
    }
    const struct str model = name_of(r, json_get(e, "model"));
    const struct str against = name_of(r, json_get(e, "against"));
    const struct str needed = render_count(r, json_int64(json_get(e, "cases_needed"), 0));
    const struct str margin = render_format(r, "%g", number(report, "margin_pp"));
    const double days = number(e, "days");
    const struct str time = duration(r, days);
    render_heading(r, "What would tell");
    render_wrap(r, 2, 2,
                render_format(
                    r,
                    "Give " STR_FORMAT " a random %.0f %% of the work until it has done " STR_FORMAT
                    " cases" STR_FORMAT ". If it truly does as well as " STR_FORMAT
                    " does now, that shows with 80 %% power that it is not worse by " STR_FORMAT
                    " pp or more.",
                    STR_ARG(model), number(e, "share") * 100, STR_ARG(needed), STR_ARG(time),
                    STR_ARG(against), STR_ARG(margin)));
}

/* "a, b" of the attributes for which `flag` is `wanted` and which are unbalanced. */
static struct str attributes(struct render *r, struct json report, bool held)
{
    struct json_cursor at = json_iter(json_get(report, "attributes"));
    struct json a;
    struct str all = {0};
    while (json_next(&at, NULL, &a)) {
        if (json_bool(json_get(a, "unbalanced"), false) &&
            json_bool(json_get(a, "held_fixed"), false) == held) {
            const struct str name = name_of(r, json_get(a, "attribute"));
            all = render_format(r, STR_FORMAT "%s" STR_FORMAT, STR_ARG(all),
                                all.size > 0 ? ", " : "", STR_ARG(name));
        }
    }
    return all;
}

static void mixes(struct render *r, struct json report)
{
    struct json_cursor at = json_iter(json_get(report, "models"));
    struct json m;
    bool mixed = false;
    double covered = 1;
    while (json_next(&at, NULL, &m)) {
        const struct str evidence = json_str(json_get(m, "evidence"));
        if (!str_equal(json_str(json_get(m, "verdict")), STR("thin")) &&
            (str_equal(evidence, STR("mixed traffic, stratified")) ||
             str_equal(evidence, STR("none")))) {
            mixed = true;
            covered = fmin(covered, json_double(json_path(m, "comparison.covered"), 0));
        }
    }
    const struct str held = attributes(r, report, true);
    const struct str loose = attributes(r, report, false);
    if (mixed && held.size > 0) {
        const double alone = (1 - covered) * 100;
        const struct str apart = alone >= 0.5
                                     ? render_format(r,
                                                     "; for %.0f %% of the cases some model has no "
                                                     "counterpart, and nothing is said of those",
                                                     alone)
                                     : (struct str){0};
        render_note(
            r, "different work",
            render_format(r,
                          "models were given different mixes of " STR_FORMAT
                          ". They are compared cell by cell at the workflow's mix" STR_FORMAT
                          ". The success and costs of the table are of different work: "
                          "do not compare them; the differences can be.",
                          STR_ARG(held), STR_ARG(apart)));
    }
    if (mixed && loose.size > 0) {
        render_note(r, "confounded",
                    render_format(r,
                                  "the mixes of " STR_FORMAT
                                  " differ too and are not held fixed: there are too many cells.",
                                  STR_ARG(loose)));
    }
}

/* "gpt-4.1 12, o3 3" of a count by model, the first of them, and the sum. */
static struct str by_model(struct render *r, struct json report, const char *path, int64_t *sum)
{
    enum { NAMED_MAX = 5 };
    struct json_cursor at = json_iter(json_get(report, "models"));
    struct json m;
    struct str all = {0};
    int named = 0;
    *sum = 0;
    while (json_next(&at, NULL, &m)) {
        const int64_t count = json_int64(json_path(m, path), 0);
        const struct str name = name_of(r, json_get(m, "model"));
        *sum += count;
        if (count > 0 && named < NAMED_MAX) {
            const struct str many = render_count(r, count);
            all = render_format(r, STR_FORMAT "%s" STR_FORMAT " " STR_FORMAT, STR_ARG(all),
                                named > 0 ? ", " : "", STR_ARG(name), STR_ARG(many));
        }
        named += count > 0;
    }
    return named > NAMED_MAX
               ? render_format(r, STR_FORMAT " and %d more", STR_ARG(all), named - NAMED_MAX)
               : all;
}

static void left_out(struct render *r, struct json report)
{
    static const struct {
        const char *path;
        const char *label;
        const char *text;
    } counts[] = {
        {"excluded.unpriced", "unpriced",
         "first attempts whose cost is not known; they count for success only"},
        {"excluded.zero", "cost zero",
         "first attempts for which no cost was reported; they count for success only"},
        {"mixed_models", "mixed",
         "first attempts in which other models took part; each counts "
         "for the model that took most of its cost"},
    };
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        int64_t sum = 0;
        const struct str names = by_model(r, report, counts[i].path, &sum);
        const struct str many = render_count(r, sum);
        if (sum > 0) {
            render_note(r, counts[i].label,
                        render_format(r, STR_FORMAT " %s: " STR_FORMAT ".", STR_ARG(many),
                                      counts[i].text, STR_ARG(names)));
        }
    }
    const int64_t unknown = json_int64(json_get(report, "model_unknown"), 0);
    if (unknown > 0) {
        const struct str many = render_count(r, unknown);
        render_note(r, "unknown",
                    render_format(r, STR_FORMAT " first attempts name no model.", STR_ARG(many)));
    }
}

static void basis(struct render *r, struct json report)
{
    const struct str current = name_of(r, json_get(report, "current"));
    const struct str since = json_str(json_get(report, "current_since"));
    const struct str day = {since.data, since.size < DAY_BYTES ? since.size : DAY_BYTES};
    const bool dated = json_kind(json_get(report, "first_at")) == JSON_STRING;
    if (current.size > 0 && since.size > 0) {
        render_note(r, "in use",
                    render_format(r, STR_FORMAT ", by the first attempts since " STR_FORMAT ".",
                                  STR_ARG(current), STR_ARG(day)));
    } else if (current.size > 0) {
        render_note(r, "in use",
                    render_format(r, STR_FORMAT ", %s.", STR_ARG(current),
                                  dated ? "by all first attempts"
                                        : "as far as can be told: no case has a date, and of the "
                                          "models used about equally it succeeds most often"));
    }
    render_note(r, "counted",
                render_format(r,
                              "first attempts of closed cases only, because later attempts have "
                              "the harder cases; success is that the first attempt resolved the "
                              "case. Costs are tokens and tool fees. The margin is %g pp.",
                              number(report, "margin_pp")));
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
        experiment(&r, route);
    }
    render_heading(&r, "About these figures");
    mixes(&r, route);
    left_out(&r, route);
    basis(&r, route);
    return render_end(&r, err);
}
