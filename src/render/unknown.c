/* What a report does not know, said in words: unpriced, unattributed, thin, assumed and the rest.
 */
#include "render/report_priv.h"

#include "base/check.h"

enum { NAMES_SHOWN_MAX = 6 };

/* "airline, claims and 3 more" of those workflows for which `applies`. */
static struct str names_of(struct render *r, struct json report,
                           bool (*applies)(struct json workflow))
{
    struct json_cursor at = json_iter(json_get(report, "workflows"));
    struct json w;
    struct str names = {0};
    size_t shown = 0;
    size_t more = 0;
    while (json_next(&at, NULL, &w)) {
        if (!applies(w)) {
            continue;
        }
        if (shown == NAMES_SHOWN_MAX) {
            more++;
            continue;
        }
        const struct str name = render_clean(r, json_str(json_get(w, "workflow")));
        names = render_format(r, STR_FORMAT "%s" STR_FORMAT, STR_ARG(names), shown > 0 ? ", " : "",
                              STR_ARG(name));
        shown++;
    }
    return more > 0 ? render_format(r, STR_FORMAT " and %zu more", STR_ARG(names), more) : names;
}

static int64_t sum_of(struct json report, const char *path)
{
    struct json_cursor at = json_iter(json_get(report, "workflows"));
    struct json w;
    int64_t sum = 0;
    while (json_next(&at, NULL, &w)) {
        sum += json_int64(json_path(w, path), 0);
    }
    return sum;
}

static bool has_no_outcome(struct json w)
{
    return report_closed(w) == 0 && json_int64(json_get(w, "cases"), 0) > 0;
}

static bool is_session(struct json w)
{
    return json_int64(json_get(w, "cases_named_by_session"), 0) > 0;
}

static bool has_no_baseline(struct json w)
{
    return report_closed(w) > 0 && json_kind(json_path(w, "break_even.bpo")) != JSON_OBJECT &&
           json_kind(json_path(w, "break_even.human")) != JSON_OBJECT;
}

static bool is_assumed(struct json w)
{
    return json_kind(json_path(w, "break_even.bpo")) == JSON_OBJECT ||
           json_kind(json_path(w, "break_even.human")) == JSON_OBJECT ||
           json_int64(json_path(w, "value.outcomes_assumed"), 0) > 0;
}

static bool has_unpriced_people(struct json w)
{
    return json_double(json_path(w, "people.unpriced_minutes"), 0) > 0;
}

static bool is_drawn(struct json w)
{
    return str_equal(json_str(json_path(w, "cost_per_outcome.method")), STR("bootstrap"));
}

static bool has_no_bound(struct json w)
{
    return is_drawn(w) && !json_is_number(json_path(w, "cost_per_outcome.high"));
}

static void add_models(struct render *r, struct json models, struct str *names, size_t *shown,
                       size_t *more)
{
    struct json_cursor at = json_iter(models);
    struct json m;
    while (json_next(&at, NULL, &m)) {
        if (*shown == NAMES_SHOWN_MAX) {
            ++*more;
            continue;
        }
        const struct str model = render_clean(r, json_str(json_get(m, "model")));
        const struct str calls = render_count(r, json_int64(json_get(m, "calls"), 0));
        *names =
            render_format(r, STR_FORMAT "%s" STR_FORMAT " (" STR_FORMAT ")", STR_ARG(*names),
                          *shown > 0 ? ", " : "",
                          STR_ARG(model.size > 0 ? model : STR("no model named")), STR_ARG(calls));
        ++*shown;
    }
}

static void unpriced(struct render *r, struct json report)
{
    const struct json total = json_get(report, "total");
    const int64_t stray = json_int64(json_path(total, "unattributed.unpriced_calls"), 0);
    const int64_t named = sum_of(report, "unpriced_calls");
    const int64_t all = stray + named;
    if (all == 0) {
        return;
    }
    struct str names = {0};
    size_t shown = 0;
    size_t more = 0;
    struct json_cursor at = json_iter(json_get(report, "workflows"));
    struct json w;
    while (json_next(&at, NULL, &w)) {
        add_models(r, json_get(w, "unpriced_models"), &names, &shown, &more);
    }
    add_models(r, json_path(total, "unattributed.unpriced_models"), &names, &shown, &more);
    const struct str many = render_count(r, all);
    const struct str calls = render_plural(r, STR("call"), all);
    if (more > 0) {
        names = render_format(r, STR_FORMAT " and %zu more", STR_ARG(names), more);
    }
    render_note(r, "unpriced",
                render_format(r,
                              STR_FORMAT " " STR_FORMAT ": tokens counted, cost unknown and in "
                                         "no figure, so the totals here are too low. "
                                         "Models: " STR_FORMAT
                                         ". Give prices under prices: in bursar.yaml, "
                                         "then: bursar price update --apply.",
                              STR_ARG(many), STR_ARG(calls), STR_ARG(names)));
}

static void estimated(struct render *r, struct json report)
{
    const struct json part = json_path(report, "total.estimated");
    const int64_t calls = json_int64(json_get(part, "calls"), 0);
    if (calls == 0) {
        return;
    }
    const struct str many = render_count(r, calls);
    const struct str cost = render_money(r, json_get(part, "cost"));
    render_note(r, "estimated",
                render_format(r,
                              STR_FORMAT " " STR_FORMAT ", " STR_FORMAT
                                         " of the total: the provider did not tell what they used, "
                                         "so tokens were counted from their texts.",
                              STR_ARG(many), STR_ARG(render_plural(r, STR("call"), calls)),
                              STR_ARG(cost)));
}

static void unattributed(struct render *r, struct json report)
{
    const struct json stray = json_path(report, "total.unattributed");
    const int64_t calls = json_int64(json_get(stray, "calls"), 0);
    if (calls == 0) {
        return;
    }
    const struct str many = render_count(r, calls);
    const struct str cost = render_money(r, json_get(stray, "cost"));
    render_note(
        r, "unattributed",
        render_format(r, STR_FORMAT " " STR_FORMAT ", " STR_FORMAT ": nothing names a workflow.",
                      STR_ARG(many), STR_ARG(render_plural(r, STR("call"), calls)), STR_ARG(cost)));
}

/* One kind of gap: the workflows it holds for, and what it means. */
static void gap(struct render *r, struct json report, const char *label,
                bool (*applies)(struct json workflow), const char *meaning)
{
    const struct str names = names_of(r, report, applies);
    if (names.size > 0) {
        render_note(r, label, render_format(r, STR_FORMAT ": %s", STR_ARG(names), meaning));
    }
}

static void counted(struct render *r, int64_t all, const char *label, struct str unit,
                    const char *meaning)
{
    if (all > 0) {
        const struct str many = render_count(r, all);
        const struct str units = render_plural(r, unit, all);
        render_note(r, label,
                    render_format(r, STR_FORMAT " " STR_FORMAT " %s", STR_ARG(many), STR_ARG(units),
                                  meaning));
    }
}

void render_unknown(struct render *r, struct json report)
{
    CHECK(r != NULL);
    struct text *const out = r->out;
    struct text notes;
    text_init(&notes, out->size_max);
    r->out = &notes;
    unpriced(r, report);
    estimated(r, report);
    unattributed(r, report);
    counted(r, json_int64(json_path(report, "total.refused.calls"), 0), "refused", STR("call"),
            "never made: a budget had no room for them, or the work stays with people; bursar "
            "explain CASE says which rule and why.");
    gap(r, report, "no outcome", has_no_outcome,
        "no case has an outcome yet; add them with bursar outcome import FILE, or name what counts "
        "under outcomes: in bursar.yaml.");
    gap(r, report, "thin", report_is_thin,
        "fewer than 20 closed cases; a figure from so few can be far off.");
    gap(r, report, "no bound", has_no_bound,
        "so few resolved cases that the data set no upper bound on what one costs.");
    gap(r, report, "assumed", is_assumed,
        "baselines, values and hourly rates are what bursar.yaml says.");
    gap(r, report, "no baseline", has_no_baseline,
        "give one under workflows: in bursar.yaml to compare with.");
    gap(r, report, "people", has_unpriced_people,
        "people's minutes are recorded but human_rate_per_hour is not set, so their cost is "
        "unknown and in no figure.");
    gap(r, report, "by session", is_session,
        "nothing names the case, so each session or trace is taken as one.");
    counted(r, sum_of(report, "outcomes_without_attempts"), "untraced", STR("case"),
            "with an outcome of which no attempt was seen; in no figure.");
    counted(r, sum_of(report, "attempts_without_steps"), "empty", STR("attempt"),
            "without any recorded step; what they cost is unknown.");
    counted(r, json_int64(json_path(report, "total.undated_cases_left_out"), 0), "undated",
            STR("case"), "without a date, left out of this window.");
    if (names_of(r, report, is_drawn).size > 0) {
        render_note(r, "bootstrap",
                    render_format(r, "intervals from fewer than 30 cases: %lld draws, seed %lld.",
                                  (long long)json_int64(json_path(report, "bootstrap.draws"), 0),
                                  (long long)json_int64(json_path(report, "bootstrap.seed"), 0)));
    }
    r->out = out;
    if (notes.size > 0) {
        render_heading(r, "About these figures");
        text_add(out, text_str(&notes));
    }
    text_deinit(&notes);
}
