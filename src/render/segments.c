/* Segments for people: a sentence each, a table of the parts, what was tried, what is thin. */
#include <math.h>

#include "base/check.h"
#include "render/render.h"

static double number(struct json node, const char *path)
{
    return json_double(json_path(node, path), NAN);
}

/* "exception_doc = true and channel = chat" */
static struct str rule_text(struct render *r, struct json segment)
{
    struct json_cursor at = json_iter(json_get(segment, "rule"));
    struct json test;
    struct str all = {0};
    while (json_next(&at, NULL, &test)) {
        const struct str name = render_clean(r, json_str(json_get(test, "attribute")));
        const struct str value = render_clean(r, json_str(json_get(test, "value")));
        all = render_format(r, STR_FORMAT "%s" STR_FORMAT " " STR_FORMAT " " STR_FORMAT,
                            STR_ARG(all), all.size > 0 ? " and " : "", STR_ARG(name),
                            STR_ARG(json_str(json_get(test, "op"))), STR_ARG(value));
    }
    return all;
}

static struct str change(struct render *r, double usd, int decimals)
{
    if (!isfinite(usd)) {
        return STR("-");
    }
    const struct str amount = render_usd_at(r, fabs(usd), decimals);
    const bool shows = fabs(usd) * pow(10, decimals) >= 0.5; /* else it is 0 as printed */
    return render_format(r, "%s" STR_FORMAT, !shows ? "" : usd < 0 ? "-" : "+", STR_ARG(amount));
}

static struct str small_p(struct render *r, double p)
{
    return p < 0.0001 ? STR("< 0.0001") : render_format(r, "%.4f", p);
}

static void sentences(struct render *r, struct json segments)
{
    struct json_cursor at = json_iter(segments);
    struct json s;
    while (json_next(&at, NULL, &s)) {
        const bool flips = json_bool(json_get(s, "flips"), false);
        const struct str text = render_clean(r, json_str(json_get(s, "sentence")));
        render_wrap(r, 0, 2, text);
        if (flips) {
            render_wrap(r, 2, 2,
                        STR("This changes who is cheaper: the other cases and these are on "
                            "different sides of the baseline."));
        }
        struct json_cursor others = json_iter(json_get(s, "also"));
        struct json other;
        while (json_next(&others, NULL, &other)) {
            const struct str rule = rule_text(r, other);
            render_wrap(r, 2, 2,
                        render_format(r, "Nearly the same cases: " STR_FORMAT ".", STR_ARG(rule)));
        }
        text_char(r->out, '\n');
    }
}

static void costs(struct render *r, struct json segments)
{
    static const struct render_column columns[] = {
        {"WHERE", false, 0}, {"CASES", true, 0},  {"SHARE", true, 3},   {"AN OUTCOME", true, 0},
        {"95 %", false, 2},  {"OTHERS", true, 0}, {"Q FOUND", true, 1}, {"P CONFIRMED", true, 1},
    };
    struct render_table t = {.columns = columns, .column_count = COUNT_OF(columns)};
    struct json_cursor at = json_iter(segments);
    struct json s;
    while (json_next(&at, NULL, &s)) {
        const struct json cost = json_get(s, "cost_per_outcome");
        const int decimals = render_estimate_decimals(cost);
        const double usd = number(cost, "value");
        const double least = number(cost, "low");
        const struct str amount = render_usd_at(r, isfinite(usd) ? usd : least, decimals);
        const struct str cells[] = {
            rule_text(r, s),
            render_count(r, json_int64(json_get(s, "cases"), 0)),
            render_share(r, number(s, "share"), 1),
            isfinite(usd) ? amount : render_format(r, ">= " STR_FORMAT, STR_ARG(amount)),
            render_interval(r, cost, 1, decimals),
            render_usd(r, number(s, "rest.value")),
            small_p(r, number(s, "q_discovery")),
            small_p(r, number(s, "p_confirm")),
        };
        render_row(r, &t, cells);
    }
    render_print(r, &t);
}

static void parts(struct render *r, struct json segments)
{
    static const struct render_column columns[] = {
        {"WHY IT DIFFERS", false, 0},
        {"DIFFERENCE", true, 0},
        {"RETRIES", true, 0},
        {"PEOPLE", true, 0},
        {"CONTEXT", true, 0},
        {"MODELS", true, 0},
        {"BASE", true, 0},
    };
    static const char *const paths[] = {"parts.retry", "parts.human", "parts.context",
                                        "parts.model_mix", "parts.base"};
    struct render_table t = {.columns = columns, .column_count = COUNT_OF(columns)};
    struct json_cursor at = json_iter(segments);
    struct json s;
    while (json_next(&at, NULL, &s)) {
        const double more = number(s, "difference.value");
        if (!isfinite(number(s, "parts.base"))) {
            continue; /* no outcome on one side: nothing to take apart */
        }
        const int decimals = render_decimals(more);
        struct str cells[2 + COUNT_OF(paths)] = {rule_text(r, s), change(r, more, decimals)};
        for (size_t i = 0; i < COUNT_OF(paths); i++) {
            cells[2 + i] = change(r, number(s, paths[i]), decimals);
        }
        render_row(r, &t, cells);
    }
    if (t.count > 0) {
        text_char(r->out, '\n');
        render_print(r, &t);
    }
    text_char(r->out, '\n');
    render_wrap(r, 2, 2,
                STR("Costs are of the half of the cases on which a segment was confirmed, not of "
                    "the half on which it was found, where chance makes differences larger. "
                    "RETRIES to BASE add up to DIFFERENCE."));
}

static void nothing(struct render *r, struct json report)
{
    const struct str name = render_clean(r, json_str(json_get(report, "workflow")));
    const int64_t closed = json_int64(json_get(report, "closed"), 0);
    const int64_t tests = json_int64(json_path(report, "tried.tests"), 0);
    const int64_t least = json_int64(json_path(report, "tried.support_min"), 0);
    if (tests == 0) {
        const struct str many = render_count(r, closed);
        render_wrap(r, 0, 2,
                    render_format(r,
                                  STR_FORMAT ": nothing to compare among " STR_FORMAT
                                             " closed cases: no attribute has a value that %lld "
                                             "cases or more share.",
                                  STR_ARG(name), STR_ARG(many), (long long)least));
        return;
    }
    render_wrap(r, 0, 2,
                render_format(r,
                              STR_FORMAT ": no kind of case is shown to cost more or less per "
                                         "outcome than the others.",
                              STR_ARG(name)));
}

static void tried(struct render *r, struct json report)
{
    const struct json t = json_get(report, "tried");
    const struct str tests = render_count(r, json_int64(json_get(t, "tests"), 0));
    const struct str first = render_count(r, json_int64(json_path(t, "halves.discovery"), 0));
    const struct str second = render_count(r, json_int64(json_path(t, "halves.confirmation"), 0));
    const struct str discovered = render_count(r, json_int64(json_get(t, "discovered"), 0));
    const struct str confirmed = render_count(r, json_int64(json_get(t, "confirmed"), 0));
    const struct str least = render_count(r, json_int64(json_get(t, "support_min"), 0));
    render_note(r, "tried",
                render_format(
                    r,
                    STR_FORMAT " combinations of up to three of %zu attributes, each of " STR_FORMAT
                               " cases or more.",
                    STR_ARG(tests), json_count(json_get(t, "attributes")), STR_ARG(least)));
    render_note(r, "found",
                render_format(r,
                              STR_FORMAT " differ on the first half (" STR_FORMAT
                                         " cases, false discovery rate %.0f %%); " STR_FORMAT
                                         " again on the second (" STR_FORMAT
                                         " cases, p at most %.2f). Of those that say the same, "
                                         "the simplest is shown.",
                              STR_ARG(discovered), STR_ARG(first),
                              number(t, "false_discovery_rate") * 100, STR_ARG(confirmed),
                              STR_ARG(second), number(t, "confirmation_p")));
    const struct json nearest = json_get(t, "nearest");
    if (json_count(json_get(report, "segments")) == 0 && json_kind(nearest) == JSON_OBJECT) {
        const struct str rule = rule_text(r, nearest);
        render_note(r, "nearest",
                    render_format(r, STR_FORMAT " (q %.2f, p on the second half %.2f).",
                                  STR_ARG(rule), number(nearest, "q_discovery"),
                                  number(nearest, "p_confirm")));
    }
    if (json_bool(json_get(t, "truncated"), false)) {
        render_note(r, "limit", STR("There are more combinations than are tried."));
    }
}

static void unknown(struct render *r, struct json report)
{
    struct json_cursor at = json_iter(json_path(report, "tried.left_out"));
    struct json a;
    while (json_next(&at, NULL, &a)) {
        const struct str name = render_clean(r, json_str(json_get(a, "attribute")));
        render_note(r, "left out",
                    render_format(r, STR_FORMAT ": " STR_FORMAT ".", STR_ARG(name),
                                  STR_ARG(json_str(json_get(a, "why")))));
    }
    const int64_t unlisted = json_int64(json_path(report, "tried.attributes_unlisted"), 0);
    if (unlisted > 0) {
        render_note(r, "left out",
                    render_format(r, "%lld further attributes, which fewer cases have.",
                                  (long long)unlisted));
    }
    at = json_iter(json_path(report, "tried.attributes"));
    while (json_next(&at, NULL, &a)) {
        const int64_t pooled = json_int64(json_get(a, "pooled_values"), 0);
        if (pooled > 0) {
            const struct str name = render_clean(r, json_str(json_get(a, "attribute")));
            render_note(r, "pooled",
                        render_format(r, STR_FORMAT ": %lld rare values, not tried.", STR_ARG(name),
                                      (long long)pooled));
        }
    }
    at = json_iter(json_get(report, "segments"));
    while (json_next(&at, NULL, &a)) {
        if (json_bool(json_path(a, "cost_per_outcome.thin"), false)) {
            const struct str rule = rule_text(r, a);
            render_note(
                r, "thin",
                render_format(r, STR_FORMAT ": its cost rests on %lld cases.", STR_ARG(rule),
                              (long long)json_int64(json_path(a, "cost_per_outcome.n"), 0)));
        }
    }
    const int64_t unpriced = json_int64(json_get(report, "unpriced_calls"), 0);
    if (unpriced > 0) {
        const struct str many = render_count(r, unpriced);
        render_note(r, "unpriced",
                    render_format(r,
                                  STR_FORMAT " model calls have no price; their cost is in no "
                                             "figure.",
                                  STR_ARG(many)));
    }
    if (json_bool(json_get(report, "input_split_partial"), false)) {
        render_note(r, "unknown",
                    STR("What went in is not told from what came out for some models' costs; "
                        "there context is part of base."));
    }
}

enum errc render_segments(struct json segments, int width, struct arena *arena, struct text *out,
                          struct err *err)
{
    struct render r = render_start(arena, out, width);
    const struct json found = json_get(segments, "segments");
    CHECK(json_kind(found) == JSON_ARRAY);
    text_add(out, STR("Segments: where an outcome costs more or less\n\n"));
    if (json_count(found) == 0) {
        nothing(&r, segments);
    } else {
        sentences(&r, found);
        costs(&r, found);
        parts(&r, found);
    }
    render_heading(&r, "How it was found");
    if (json_int64(json_path(segments, "tried.tests"), 0) > 0) {
        tried(&r, segments);
    }
    unknown(&r, segments);
    return render_end(&r, err);
}
