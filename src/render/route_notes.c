/* What would tell where nothing is recommended, and what the figures of routing rest on. */
#include "render/route_priv.h"

#include <math.h>

#include "base/check.h"

enum { DAY_BYTES = 10 /* of a time: 2026-11-22 */ };

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

void route_experiment(struct render *r, struct json report)
{
    CHECK(r != NULL);
    const struct json e = json_get(report, "experiment");
    if (json_kind(e) != JSON_OBJECT) {
        return;
    }
    const struct str model = route_name(r, json_get(e, "model"));
    const struct str against = route_name(r, json_get(e, "against"));
    const struct str needed = render_count(r, json_int64(json_get(e, "cases_needed"), 0));
    const struct str margin = render_format(r, "%g", route_number(report, "margin_pp"));
    const double days = route_number(e, "days");
    const struct str time = duration(r, days);
    render_heading(r, "What would tell");
    render_wrap(r, 2, 2,
                render_format(
                    r,
                    "Give " STR_FORMAT " a random %.0f %% of the work until it has done " STR_FORMAT
                    " cases" STR_FORMAT ". If it truly does as well as " STR_FORMAT
                    " does now, that shows with 80 %% power that it is not worse by " STR_FORMAT
                    " pp or more.",
                    STR_ARG(model), route_number(e, "share") * 100, STR_ARG(needed), STR_ARG(time),
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
            const struct str name = route_name(r, json_get(a, "attribute"));
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
        const struct str name = route_name(r, json_get(m, "model"));
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
    const struct str current = route_name(r, json_get(report, "current"));
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
                              route_number(report, "margin_pp")));
}

/* Models that never worked at the same time differ by whatever changed in between. */
static void periods(struct render *r, struct json report)
{
    const struct json a = route_model_named(report, json_str(json_get(report, "recommended")));
    const struct json b = route_model_named(report, json_str(json_get(report, "reference")));
    const struct str first = json_str(json_get(a, "first_at"));
    const struct str last = json_str(json_get(a, "last_at"));
    const struct str reference_first = json_str(json_get(b, "first_at"));
    const struct str reference_last = json_str(json_get(b, "last_at"));
    if (first.size > 0 && reference_first.size > 0 &&
        (str_compare(last, reference_first) < 0 || str_compare(reference_last, first) < 0)) {
        const struct str name = route_name(r, json_get(a, "model"));
        const struct str reference = route_name(r, json_get(b, "model"));
        render_note(r, "other times",
                    render_format(r,
                                  STR_FORMAT " and " STR_FORMAT
                                             " were never used at the same time: what else "
                                             "changed in between is in the difference too.",
                                  STR_ARG(name), STR_ARG(reference)));
    }
}

static void not_looked_at(struct render *r, struct json report)
{
    struct json_cursor at = json_iter(json_get(report, "attributes_not_checked"));
    struct json name;
    struct str all = {0};
    while (json_next(&at, NULL, &name)) {
        const struct str clean = route_name(r, name);
        all = render_format(r, STR_FORMAT "%s" STR_FORMAT, STR_ARG(all), all.size > 0 ? ", " : "",
                            STR_ARG(clean));
    }
    if (all.size > 0) {
        render_note(r, "not checked",
                    render_format(r,
                                  "whether models were given the same mix of " STR_FORMAT
                                  ": too many values to be kinds of work.",
                                  STR_ARG(all)));
    }
    const int64_t unlisted = json_int64(json_get(report, "models_not_listed"), 0);
    if (unlisted > 0) {
        const struct str many = render_count(r, unlisted);
        render_note(r, "not listed",
                    render_format(r, STR_FORMAT " first attempts by the least used models.",
                                  STR_ARG(many)));
    }
}

void route_notes(struct render *r, struct json report)
{
    mixes(r, report);
    periods(r, report);
    not_looked_at(r, report);
    left_out(r, report);
    basis(r, report);
}
