/* The report for people: one line a workflow, then each in detail, then what is not known. */
#include <math.h>

#include "app/render.h"
#include "base/check.h"

enum { DETAILED_MAX = 3, NAMES_SHOWN_MAX = 6 };

static double number(struct json node, const char *path)
{
    return json_double(json_path(node, path), NAN);
}

static int64_t count(struct json node, const char *path)
{
    return json_int64(json_path(node, path), 0);
}

static struct str unit_of(struct render *r, struct json w)
{
    return render_clean(r, json_str(json_get(w, "unit")));
}

static bool is_thin(struct json w)
{
    return json_bool(json_path(w, "cost_per_outcome.thin"), false) &&
           count(w, "resolved") + count(w, "not_resolved") > 0;
}

/* "60 % below the BPO's $2.10"; empty without that baseline or without an outcome. */
static struct str against(struct render *r, struct json w, const char *name, const char *whose)
{
    const struct json baseline = json_path(w, name);
    const double unit = number(baseline, "cost_per_outcome");
    const double share = number(baseline, "difference_share");
    if (!isfinite(share)) {
        return (struct str){0};
    }
    const struct str price = render_usd(r, unit);
    const double low = number(w, "cost_per_outcome.low");
    const double high = number(w, "cost_per_outcome.high");
    const double size = fabs(share) * 100;
    const bool inside = low <= unit && !(high < unit);
    struct str words;
    if (size < 0.5) {
        words = render_format(r, "level with %s " STR_FORMAT, whose, STR_ARG(price));
    } else if (share > 9) {
        words = render_format(r, "%.0f times %s " STR_FORMAT, share + 1, whose, STR_ARG(price));
    } else {
        words = render_format(r, "%.*f %% %s %s " STR_FORMAT, size >= 99.5 && share < 0 ? 1 : 0,
                              size, share < 0 ? "below" : "above", whose, STR_ARG(price));
    }
    return inside ? render_format(r, STR_FORMAT " (the interval includes it)", STR_ARG(words))
                  : words;
}

/* What one outcome costs, in one sentence. */
static struct str sentence(struct render *r, struct json w)
{
    const struct str name = render_clean(r, json_str(json_get(w, "workflow")));
    const struct str unit = unit_of(r, w);
    const struct str article = render_article(r, unit);
    const int64_t resolved = count(w, "resolved");
    const int64_t closed = resolved + count(w, "not_resolved");
    const int64_t cases = count(w, "cases");
    const struct str total = render_money(r, json_path(w, "cost.total"));
    if (cases == 0) {
        return render_format(r, STR_FORMAT ": no case in this window.", STR_ARG(name));
    }
    if (closed == 0) {
        const struct str units = render_plural(r, unit, cases);
        const struct str many = render_count(r, cases);
        return render_format(r,
                             STR_FORMAT ": " STR_FORMAT " " STR_FORMAT " cost " STR_FORMAT
                                        " so far, and no outcome is recorded, so what one "
                                        "resolved " STR_FORMAT " costs is not known.",
                             STR_ARG(name), STR_ARG(many), STR_ARG(units), STR_ARG(total),
                             STR_ARG(unit));
    }
    if (resolved == 0) {
        const struct str units = render_plural(r, unit, closed);
        const struct str many = render_count(r, closed);
        return render_format(r,
                             STR_FORMAT ": not one of " STR_FORMAT " closed " STR_FORMAT
                                        " was resolved; " STR_FORMAT " was spent.",
                             STR_ARG(name), STR_ARG(many), STR_ARG(units), STR_ARG(total));
    }
    const double cost = number(w, "cost_per_outcome.value");
    const int decimals = render_estimate_decimals(json_get(w, "cost_per_outcome"));
    const struct str amount = render_usd_at(r, cost, decimals);
    const struct str interval = render_interval(r, json_get(w, "cost_per_outcome"), 1, decimals);
    const struct str bpo = against(r, w, "break_even.bpo", "the BPO's");
    const struct str person = against(r, w, "break_even.human", "a person's");
    const bool partial = json_bool(json_path(w, "cost_per_outcome.incomplete"), false);
    const struct str closed_units = render_plural(r, unit, closed);
    const struct str thin = is_thin(w) ? render_format(r, " (thin: %lld closed " STR_FORMAT ")",
                                                       (long long)closed, STR_ARG(closed_units))
                                       : (struct str){0};
    return render_format(
        r,
        STR_FORMAT ": an agent resolves " STR_FORMAT " for %s" STR_FORMAT "%s" STR_FORMAT
                   "%s" STR_FORMAT "%s" STR_FORMAT STR_FORMAT ".",
        STR_ARG(name), STR_ARG(article), partial ? "at least " : "", STR_ARG(amount),
        interval.size > 0 ? " " : "", STR_ARG(interval), bpo.size > 0 ? ", " : "", STR_ARG(bpo),
        person.size > 0 ? (bpo.size > 0 ? " and " : ", ") : "", STR_ARG(person), STR_ARG(thin));
}

static struct str open_remark(struct render *r, struct json w)
{
    const int64_t open = count(w, "open");
    const struct str units = render_plural(r, unit_of(r, w), open);
    const struct str many = render_count(r, open);
    const struct str cost = render_money(r, json_path(w, "open_cases.cost"));
    const double oldest = number(w, "open_cases.oldest_age_days");
    const struct str age = isfinite(oldest) && oldest >= 0
                               ? render_format(r, ", the oldest %.0f days old", oldest)
                               : (struct str){0};
    return render_format(r,
                         STR_FORMAT " " STR_FORMAT " %s no final outcome: " STR_FORMAT
                                    " spent on them" STR_FORMAT "; not in the cost per outcome.",
                         STR_ARG(many), STR_ARG(units), open == 1 ? "has" : "have", STR_ARG(cost),
                         STR_ARG(age));
}

/* ---- overview */

static void overview_row(struct render *r, struct render_table *table, struct json w)
{
    const int64_t resolved = count(w, "resolved");
    const int64_t closed = resolved + count(w, "not_resolved");
    const double cost = number(w, "cost_per_outcome.value");
    const int decimals = render_estimate_decimals(json_get(w, "cost_per_outcome"));
    const struct str blank = {0};
    const double bpo = number(w, "break_even.bpo.difference_share");
    const double person = number(w, "break_even.human.difference_share");
    const double rot = number(w, "rot.outcome.value");
    const double tail = number(w, "tail_ratio");
    const double total = render_money_usd(json_path(w, "cost.total"));
    const double wasted = render_money_usd(json_path(w, "cost.retry_tail")) +
                          render_money_usd(json_path(w, "cost.sunk")) +
                          render_money_usd(json_path(w, "cost.rework"));
    const bool partial = count(w, "unpriced_calls") > 0;
    const struct str cells[] = {
        render_clean(r, json_str(json_get(w, "workflow"))),
        render_count(r, count(w, "cases")),
        count(w, "open") > 0 ? render_count(r, count(w, "open")) : blank,
        closed > 0 ? render_share(r, (double)resolved / (double)closed, 0) : STR("-"),
        render_money(r, json_path(w, "cost.total")),
        isfinite(cost) ? render_usd_at(r, cost, decimals) : STR("-"),
        render_interval(r, json_get(w, "cost_per_outcome"), 1, decimals),
        isfinite(bpo) ? render_signed(r, bpo * 100, "%") : blank,
        isfinite(person) ? render_signed(r, person * 100, "%") : blank,
        is_thin(w) ? (partial ? STR("thin, unpriced") : STR("thin"))
                   : (partial ? STR("unpriced") : blank),
        closed > 0 ? render_share(r, number(w, "first_attempt_success.value"), 0) : blank,
        isfinite(rot) ? render_signed(r, rot, "%") : blank,
        total > 0 && closed > 0 ? render_share(r, wasted / total, 0) : blank,
        isfinite(tail) ? render_format(r, "%.2f", tail) : blank,
        render_count(r, count(w, "attempts")),
        render_count(r, count(w, "calls")),
    };
    CHECK(COUNT_OF(cells) == table->column_count);
    render_row(r, table, cells);
}

static void overview(struct render *r, struct json report)
{
    static const struct render_column columns[] = {
        {"WORKFLOW", false, 0},      {"CASES", true, 3},     {"OPEN", true, 5},
        {"RESOLVED", true, 2},       {"COST", true, 0},      {"PER OUTCOME", true, 0},
        {"95 % INTERVAL", false, 1}, {"VS BPO", true, 2},    {"VS PERSON", true, 4},
        {"NOTE", false, 4},          {"FIRST TRY", true, 6}, {"RETURN", true, 7},
        {"WASTED", true, 8},         {"TAIL", true, 9},      {"ATTEMPTS", true, 11},
        {"CALLS", true, 12},
    };
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    struct json_cursor at = json_iter(json_get(report, "workflows"));
    struct json w;
    while (json_next(&at, NULL, &w)) {
        overview_row(r, &table, w);
    }
    render_print(r, &table);
}

/* ---- detail */

static void cost_parts(struct render *r, struct json w)
{
    static const struct render_column columns[] = {
        {"COST", false, 0}, {"USD", true, 0}, {"SHARE", true, 0}, {"WHAT IT IS", false, 1}};
    static const struct {
        const char *name;
        const char *path;
        const char *text;
    } parts[] = {
        {"base", "cost.base", "the attempts that resolved their case"},
        {"retry tail", "cost.retry_tail", "failed attempts before one that resolved"},
        {"sunk", "cost.sunk", "attempts of cases closed unresolved"},
        {"rework", "cost.rework", "work after a resolution"},
        {"people", "cost.human", "people's time up to the outcome"},
        {"open", "cost.open", "cases without a final outcome"},
        {"total", "cost.total", ""},
        {"  tool fees", "cost.of_which_tool_fees", "inside the parts above"},
        {"  people", "cost.of_which_people", "all of people's time, inside the parts above"},
    };
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    const double total = render_money_usd(json_path(w, "cost.total"));
    const int most = total >= 100 || !(total > 0) ? 2 : total >= 1 ? 4 : render_decimals(total) + 1;
    int decimals = 2; /* as many as the parts need to be seen to add up, and no more */
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        const int needed = render_money_decimals(json_path(w, parts[i].path));
        decimals = needed > decimals ? needed : decimals;
    }
    decimals = decimals < most ? decimals : most;
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        const double part = render_money_usd(json_path(w, parts[i].path));
        if (parts[i].name[0] == ' ' && !(part > 0)) {
            continue;
        }
        const bool none = !(fabs(part) > 0);
        const struct str cells[] = {
            str_from(parts[i].name),
            none ? STR("-") : render_money_at(r, json_path(w, parts[i].path), decimals),
            none || !(total > 0) ? (struct str){0} : render_share(r, part / total, 1),
            str_from(parts[i].text),
        };
        render_row(r, &table, cells);
    }
    render_print(r, &table);
}

static void rate_row(struct render *r, struct render_table *table, const char *name,
                     struct str value, struct str interval, struct str remark)
{
    const struct str cells[] = {str_from(name), value, interval, remark};
    render_row(r, table, cells);
}

static void rates(struct render *r, struct json w)
{
    static const struct render_column columns[] = {
        {"OUTCOMES", false, 0}, {"", true, 0}, {"95 % INTERVAL", false, 0}, {"", false, 1}};
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    const int64_t resolved = count(w, "resolved");
    const int64_t closed = resolved + count(w, "not_resolved");
    const struct str unit = unit_of(r, w);
    const double cost = number(w, "cost_per_outcome.value");
    const int decimals = render_estimate_decimals(json_get(w, "cost_per_outcome"));
    const double tail = number(w, "tail_ratio");
    const struct str units = render_plural(r, unit, closed);
    const struct str many = render_count(r, closed);
    const struct str some = render_count(r, resolved);
    const struct str tries = render_count(r, count(w, "attempts"));
    rate_row(
        r, &table, "cost per outcome", render_usd_at(r, cost, decimals),
        render_interval(r, json_get(w, "cost_per_outcome"), 1, decimals),
        render_format(r, STR_FORMAT, STR_ARG(json_str(json_path(w, "cost_per_outcome.method")))));
    rate_row(r, &table, "resolved", render_share(r, number(w, "success.value"), 1),
             render_interval(r, json_get(w, "success"), 100, 1),
             render_format(r, STR_FORMAT " of " STR_FORMAT " " STR_FORMAT, STR_ARG(some),
                           STR_ARG(many), STR_ARG(units)));
    rate_row(r, &table, "at the first attempt (p)",
             render_share(r, number(w, "first_attempt_success.value"), 1),
             render_interval(r, json_get(w, "first_attempt_success"), 100, 1),
             render_format(r, STR_FORMAT " attempts in all", STR_ARG(tries)));
    rate_row(r, &table, "cost of one attempt (T)", render_usd(r, number(w, "attempt_cost_mean")),
             (struct str){0}, (struct str){0});
    rate_row(r, &table, "predicted, T / p", render_usd(r, number(w, "t_over_p")), (struct str){0},
             isfinite(tail) ? render_format(r, "measured: %.2f times", tail) : (struct str){0});
    render_print(r, &table);
}

static struct str with_interval(struct render *r, struct json estimate)
{
    const struct str value = render_signed(r, json_double(json_get(estimate, "value"), NAN), "%");
    const struct str interval = render_interval(r, estimate, 1, 0);
    return render_format(r, STR_FORMAT "%s" STR_FORMAT, STR_ARG(value),
                         interval.size > 0 ? " " : "", STR_ARG(interval));
}

static struct str baseline_cell(struct render *r, struct json w, size_t row, const char *name)
{
    const struct json b = json_get(json_get(w, "break_even"), name);
    if (json_kind(b) != JSON_OBJECT) {
        return (struct str){0};
    }
    switch (row) {
    case 0: {
        const struct str price = render_money(r, json_get(b, "price"));
        return render_format(r, STR_FORMAT ", %.0f %% succeed", STR_ARG(price),
                             number(b, "success_rate") * 100);
    }
    case 1:
        return render_usd(r, number(b, "cost_per_outcome"));
    case 2:
        return render_signed(r, number(b, "difference_share") * 100, "%");
    case 3:
        return with_interval(r, json_get(json_path(w, "rot.replacement"), name));
    case 4:
        return render_share(r, number(b, "p_star"), 1);
    default:
        return render_signed(r, number(b, "margin_pp"), "pp");
    }
}

static void baselines(struct render *r, struct json w)
{
    static const struct render_column columns[] = {
        {"AGAINST (assumed)", false, 0}, {"BPO", true, 0}, {"PERSON", true, 0}};
    static const char *const names[] = {"price of one try",      "per success (B)",
                                        "agent against it",      "replacement return",
                                        "break-even p* = T / B", "margin, p - p*"};
    if (json_kind(json_path(w, "break_even.bpo")) != JSON_OBJECT &&
        json_kind(json_path(w, "break_even.human")) != JSON_OBJECT) {
        return;
    }
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct str cells[] = {str_from(names[i]), baseline_cell(r, w, i, "bpo"),
                                    baseline_cell(r, w, i, "human")};
        render_row(r, &table, cells);
    }
    text_char(r->out, '\n');
    render_print(r, &table);
}

static void value(struct render *r, struct json w)
{
    const struct json rot = json_path(w, "rot.outcome");
    const struct json total = json_path(w, "value.total");
    if (json_kind(total) != JSON_STRING || count(w, "resolved") == 0) {
        return;
    }
    const struct str worth = render_money(r, total);
    const struct str back = with_interval(r, rot);
    const int64_t missing = count(w, "value.outcomes_unknown");
    const struct str few = render_count(r, missing);
    const bool assumed = count(w, "value.outcomes_assumed") > 0;
    text_char(r->out, '\n');
    render_wrap(r, 2, 4,
                render_format(r,
                              "Value of the outcomes " STR_FORMAT "%s, return " STR_FORMAT
                              "%s" STR_FORMAT "%s.",
                              STR_ARG(worth), assumed ? " (assumed)" : "", STR_ARG(back),
                              missing > 0 ? "; " : "", STR_ARG(missing > 0 ? few : (struct str){0}),
                              missing > 0 ? " outcomes have no value and are not in it" : ""));
}

static void tokens(struct render *r, struct json w)
{
    static const struct render_column columns[] = {
        {"TOKENS", false, 0}, {"", true, 0}, {"SHARE", true, 0}};
    static const struct {
        const char *name;
        const char *text;
    } classes[] = {
        {"input_uncached", "input, not cached"},
        {"cache_read", "cache read"},
        {"cache_write_5m", "cache write, 5 min"},
        {"cache_write_1h", "cache write, 1 h"},
        {"input_audio", "audio input"},
        {"input_image", "image input"},
        {"output", "output"},
        {"output_audio", "audio output"},
    };
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    const struct json all = json_get(w, "tokens");
    double sum = 0;
    for (size_t i = 0; i < COUNT_OF(classes); i++) {
        sum += (double)count(all, classes[i].name);
    }
    for (size_t i = 0; i < COUNT_OF(classes); i++) {
        const int64_t number_of = count(all, classes[i].name);
        if (number_of > 0) {
            const struct str cells[] = {str_from(classes[i].text), render_count(r, number_of),
                                        render_share(r, (double)number_of / sum, 1)};
            render_row(r, &table, cells);
        }
    }
    if (count(all, "reasoning") > 0) {
        const struct str cells[] = {STR("  of output, reasoning"),
                                    render_count(r, count(all, "reasoning")), (struct str){0}};
        render_row(r, &table, cells);
    }
    if (table.count > 0) {
        const struct str calls = render_count(r, count(w, "calls"));
        const struct str cells[] = {STR("calls"), calls, (struct str){0}};
        render_row(r, &table, cells);
        text_char(r->out, '\n');
        render_print(r, &table);
    }
}

static void detail(struct render *r, struct json w)
{
    text_char(r->out, '\n');
    render_wrap(r, 0, 2, sentence(r, w));
    if (count(w, "open") > 0 && count(w, "resolved") + count(w, "not_resolved") > 0) {
        render_wrap(r, 2, 2, open_remark(r, w));
    }
    if (count(w, "cases") == 0) {
        return;
    }
    text_char(r->out, '\n');
    cost_parts(r, w);
    if (count(w, "resolved") + count(w, "not_resolved") > 0) {
        text_char(r->out, '\n');
        rates(r, w);
        baselines(r, w);
        value(r, w);
    }
    tokens(r, w);
}

static void title(struct render *r, struct json report)
{
    const struct {
        const char *name;
        const char *words;
    } bounds[] = {{"since", "cases begun since "},
                  {"until", "cases begun before "},
                  {"as_of", "as known at "}};
    struct str line = STR("Cost per outcome");
    bool first = true;
    for (size_t i = 0; i < COUNT_OF(bounds); i++) {
        const struct str when = json_str(json_get(report, bounds[i].name));
        if (when.data != NULL) {
            line = render_format(r, STR_FORMAT "%s%s" STR_FORMAT, STR_ARG(line),
                                 first ? ": " : ", ", bounds[i].words, STR_ARG(when));
            first = false;
        }
    }
    render_wrap(r, 0, 2, line);
}

static void totals(struct render *r, struct json report)
{
    const struct json total = json_get(report, "total");
    const struct str cost = render_money(r, json_path(total, "cost.total"));
    const struct str cases = render_count(r, count(total, "cases"));
    const struct str calls = render_count(r, count(total, "calls"));
    const int64_t stray = count(total, "unattributed.calls");
    render_wrap(r, 2, 2,
                render_format(
                    r, "Total " STR_FORMAT " for " STR_FORMAT " cases and " STR_FORMAT " calls%s.",
                    STR_ARG(cost), STR_ARG(cases), STR_ARG(calls),
                    stray > 0 ? ", the unattributed ones included" : ""));
}

enum errc render_report(struct json report, bool named, int width, struct arena *arena,
                        struct text *out, struct err *err)
{
    struct render r = render_start(arena, out, width);
    const struct json workflows = json_get(report, "workflows");
    const size_t all = json_count(workflows);
    title(&r, report);
    if (all == 0 && count(report, "total.unattributed.calls") == 0) {
        text_add(out, STR("\n  The ledger holds no case here.\n"));
    } else if (!named) {
        text_char(out, '\n');
        overview(&r, report);
        text_char(out, '\n');
        totals(&r, report);
    }
    if (named || all <= DETAILED_MAX) {
        struct json_cursor at = json_iter(workflows);
        struct json w;
        while (json_next(&at, NULL, &w)) {
            detail(&r, w);
        }
    } else {
        render_wrap(&r, 2, 2, STR("bursar report WORKFLOW shows one of them in detail."));
    }
    render_unknown(&r, report);
    return render_end(&r, err);
}
