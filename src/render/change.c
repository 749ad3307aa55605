/* Business figures for people: a sentence a figure, then the numbers behind it. */
#include <math.h>

#include "base/check.h"
#include "render/render.h"

/* "tickets_per_agent" reads better without the lines. */
static struct str name_of(struct render *r, struct json kpi)
{
    const struct str name = render_clean(r, json_str(json_get(kpi, "name")));
    char *const words = arena_new(r->arena, char, name.size + 1);
    if (words == NULL) {
        r->full = true;
        return (struct str){0};
    }
    for (size_t i = 0; i < name.size; i++) {
        words[i] = (char)(name.data[i] == '_' ? ' ' : name.data[i]);
    }
    return (struct str){words, name.size};
}

/* Two digits of the interval's width, and as many as its bounds need not to read "-0". */
static int decimals_of(struct json estimate)
{
    enum { DECIMALS_MAX = 6 };
    const double low = json_double(json_get(estimate, "low"), NAN);
    const double high = json_double(json_get(estimate, "high"), NAN);
    if (!(high > low)) {
        return 2;
    }
    const double digits = 1 - floor(log10(high - low));
    int decimals = digits < 0 ? 0 : digits > DECIMALS_MAX ? DECIMALS_MAX : (int)digits;
    const double nearest = fabs(low) < fabs(high) ? fabs(low) : fabs(high);
    while (decimals < DECIMALS_MAX && nearest > 0 && nearest * pow(10, decimals) < 0.5) {
        decimals++;
    }
    return decimals;
}

static struct str number(struct render *r, double value, int decimals)
{
    if (!isfinite(value)) {
        return STR("-");
    }
    /* No "-0.0": what rounds to nothing has no sign. */
    const double scale = pow(10, decimals);
    const double rounded = fabs(value) * scale < 0.5 ? 0 : value;
    return render_format(r, "%.*f", decimals, rounded);
}

static struct str sized(struct render *r, struct json estimate, bool absolute)
{
    const double value = json_double(json_get(estimate, "value"), NAN);
    return number(r, absolute ? fabs(value) : value, decimals_of(estimate));
}

static struct str interval(struct render *r, struct json estimate)
{
    return render_interval(r, estimate, 1, decimals_of(estimate));
}

/* The fit that the verdict rests on. */
static struct json deciding(struct json kpi)
{
    const struct json against = json_get(kpi, "against_control");
    return json_kind(against) == JSON_OBJECT ? against : json_get(kpi, "figure");
}

static bool is_below(struct json kpi, const char *name, double limit)
{
    return json_double(json_get(deciding(kpi), name), 1) < limit;
}

static struct str of_whom(struct render *r, struct json kpi)
{
    const struct str workflow = json_str(json_get(kpi, "workflow"));
    return workflow.size > 0
               ? name_of(r, kpi)
               : render_format(r, STR_FORMAT " (whole company)", STR_ARG(name_of(r, kpi)));
}

static struct str sentence_changed(struct render *r, struct json kpi, double alarm_p,
                                   const char *beside)
{
    const struct json level = json_get(deciding(kpi), "level");
    const struct json slope = json_get(deciding(kpi), "slope_per_week");
    const struct str unit = render_clean(r, json_str(json_get(kpi, "unit")));
    const bool stepped = is_below(kpi, "level_p", alarm_p);
    const bool turned = is_below(kpi, "slope_p", alarm_p);
    struct str text = render_format(r, STR_FORMAT, STR_ARG(of_whom(r, kpi)));
    const char *const gap = unit.size > 0 ? " " : "";
    if (stepped) {
        text = render_format(
            r, STR_FORMAT " %s by " STR_FORMAT "%s" STR_FORMAT " " STR_FORMAT " at go-live%s",
            STR_ARG(text), json_double(json_get(level, "value"), 0) > 0 ? "rose" : "fell",
            STR_ARG(sized(r, level, true)), gap, STR_ARG(unit), STR_ARG(interval(r, level)),
            beside);
    }
    if (turned) {
        text = render_format(r,
                             STR_FORMAT "%s trend turned %s by " STR_FORMAT "%s" STR_FORMAT
                                        " " STR_FORMAT " a week%s",
                             STR_ARG(text), stepped ? ", and its" : ": the",
                             json_double(json_get(slope, "value"), 0) > 0 ? "upward" : "downward",
                             STR_ARG(sized(r, slope, true)), gap, STR_ARG(unit),
                             STR_ARG(interval(r, slope)), stepped ? "" : beside);
    }
    return render_format(r, STR_FORMAT ".", STR_ARG(text));
}

/* One sentence, the way a process owner would say it. */
static struct str sentence(struct render *r, struct json report, struct json kpi)
{
    const struct str verdict = json_str(json_get(kpi, "verdict"));
    const struct json fit = deciding(kpi);
    const bool has_control = json_kind(json_get(kpi, "against_control")) == JSON_OBJECT;
    const char *const beside = has_control ? ", against the control" : "";
    if (str_equal(verdict, STR("too short"))) {
        return render_format(r,
                             STR_FORMAT ": too short to say: %lld values before go-live and %lld "
                                        "from it on%s, where %lld on each side are the least.",
                             STR_ARG(of_whom(r, kpi)),
                             (long long)json_int64(json_get(fit, "before"), 0),
                             (long long)json_int64(json_get(fit, "after"), 0),
                             has_control ? " on days the control has too" : "",
                             (long long)json_int64(json_get(report, "points_least"), 0));
    }
    if (str_equal(verdict, STR("changed"))) {
        return sentence_changed(r, kpi, json_double(json_get(report, "alarm_p"), 0), beside);
    }
    const struct json level = json_get(fit, "level");
    return render_format(r,
                         STR_FORMAT ": no evidence of a change; the step at go-live is " STR_FORMAT
                                    " " STR_FORMAT "%s, which may be chance.",
                         STR_ARG(of_whom(r, kpi)), STR_ARG(sized(r, level, false)),
                         STR_ARG(interval(r, level)), beside);
}

static void row(struct render *r, struct render_table *table, struct json kpi)
{
    const struct json fit = deciding(kpi);
    const struct json own = json_get(kpi, "figure");
    const struct json level = json_get(fit, "level");
    const struct json slope = json_get(fit, "slope_per_week");
    const bool known = json_kind(level) == JSON_OBJECT;
    const int decimals = known ? decimals_of(level) : 2;
    const bool thin = json_bool(json_get(level, "thin"), false);
    const struct str blank = {0};
    const struct str cells[] = {
        of_whom(r, kpi),
        number(r, json_double(json_get(own, "mean_before"), NAN), decimals),
        number(r, json_double(json_get(own, "mean_after"), NAN), decimals),
        known ? sized(r, level, false) : STR("-"),
        known ? interval(r, level) : blank,
        known ? sized(r, slope, false) : STR("-"),
        known ? interval(r, slope) : blank,
        render_format(r, "%lld + %lld", (long long)json_int64(json_get(fit, "before"), 0),
                      (long long)json_int64(json_get(fit, "after"), 0)),
        json_str(json_get(kpi, "verdict")),
        thin ? STR("thin") : blank,
    };
    CHECK(COUNT_OF(cells) == table->column_count);
    render_row(r, table, cells);
}

static void notes(struct render *r, struct json report)
{
    const struct str basis = json_str(json_path(report, "go_live.basis"));
    const struct str date = json_str(json_path(report, "go_live.date"));
    bool control = false;
    struct json_cursor at = json_iter(json_get(report, "kpis"));
    struct json kpi;
    while (json_next(&at, NULL, &kpi)) {
        control = control || json_kind(json_get(kpi, "against_control")) == JSON_OBJECT;
    }
    if (str_equal(basis, STR("assumed"))) {
        render_note(r, "assumed",
                    render_format(r,
                                  "that it went live on " STR_FORMAT ", the day of its first case "
                                  "in the ledger. Say --go-live DATE, or go_live: DATE in "
                                  "bursar.yaml.",
                                  STR_ARG(date)));
    }
    if (control) {
        render_note(r, "control",
                    STR("the figure less the mean of its control groups, on the days that all of "
                        "them have: what befell both is taken out."));
    } else {
        render_note(r, "no control",
                    STR("whatever else happened at that time is in these figures too; a series of "
                        "a group without the agent would take it out (column series)."));
    }
    render_note(
        r, "intervals",
        STR("95 %, allowing for values that resemble the one before (Newey-West, held against "
            "simulated series without a change). A verdict "
            "is changed when the step or the trend has p below 2.5 %."));
}

enum errc render_change(struct json report, int width, struct arena *arena, struct text *out,
                        struct err *err)
{
    static const struct render_column columns[] = {
        {"FIGURE", false, 0},        {"BEFORE", true, 4},         {"AFTER", true, 4},
        {"AT GO-LIVE", true, 0},     {"95 % INTERVAL", false, 1}, {"A WEEK", true, 2},
        {"95 % INTERVAL", false, 3}, {"VALUES", true, 5},         {"VERDICT", false, 0},
        {"NOTE", false, 0},
    };
    struct render r = render_start(arena, out, width);
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    struct json kpi;
    const struct str workflow = render_clean(&r, json_str(json_get(report, "workflow")));
    render_wrap(&r, 0, 2,
                render_format(&r, "Business figures of " STR_FORMAT ", live since " STR_FORMAT,
                              STR_ARG(workflow),
                              STR_ARG(json_str(json_path(report, "go_live.date")))));
    text_char(out, '\n');
    struct json_cursor at = json_iter(json_get(report, "kpis"));
    while (json_next(&at, NULL, &kpi)) {
        render_wrap(&r, 2, 4, sentence(&r, report, kpi));
        row(&r, &table, kpi);
    }
    if (table.count == 0) {
        render_wrap(&r, 2, 2,
                    STR("No figure of it is in the ledger. Import some: bursar kpi import FILE, "
                        "with the columns workflow, name, at, value."));
        return render_end(&r, err);
    }
    text_char(out, '\n');
    render_print(&r, &table);
    render_heading(&r, "About these figures");
    notes(&r, report);
    return render_end(&r, err);
}

enum errc render_kpis(struct json list, int width, struct arena *arena, struct text *out,
                      struct err *err)
{
    static const struct render_column columns[] = {
        {"FIGURE", false, 0}, {"WORKFLOW", false, 0}, {"SERIES", false, 0}, {"VALUES", true, 0},
        {"FROM", false, 2},   {"TO", false, 1},       {"NEWEST", true, 0},  {"UNIT", false, 3},
    };
    enum { DATE_BYTES = 10 };
    struct render r = render_start(arena, out, width);
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    struct json_cursor at = json_iter(json_get(list, "kpis"));
    struct json kpi;
    while (json_next(&at, NULL, &kpi)) {
        const struct str workflow = render_clean(&r, json_str(json_get(kpi, "workflow")));
        struct str first = json_str(json_get(kpi, "first"));
        struct str last = json_str(json_get(kpi, "last"));
        first.size = first.size > DATE_BYTES ? DATE_BYTES : first.size;
        last.size = last.size > DATE_BYTES ? DATE_BYTES : last.size;
        const struct str cells[] = {
            render_clean(&r, json_str(json_get(kpi, "name"))),
            workflow.size > 0 ? workflow : STR("(whole company)"),
            render_clean(&r, json_str(json_get(kpi, "series"))),
            render_count(&r, json_int64(json_get(kpi, "values"), 0)),
            first,
            last,
            render_format(&r, "%g", json_double(json_get(kpi, "newest"), NAN)),
            render_clean(&r, json_str(json_get(kpi, "unit"))),
        };
        render_row(&r, &table, cells);
    }
    text_add(out, STR("Business figures\n\n"));
    if (table.count == 0) {
        render_wrap(&r, 2, 2,
                    STR("There is none. Import some: bursar kpi import FILE, with the columns "
                        "workflow, name, at, value."));
        return render_end(&r, err);
    }
    render_print(&r, &table);
    return render_end(&r, err);
}
