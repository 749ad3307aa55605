/* One workflow of the report in detail: the sentence, then tables. */
#include "render/report_priv.h"

#include "base/check.h"

static struct str unit_of(struct render *r, struct json w)
{
    return render_clean(r, json_str(json_get(w, "unit")));
}

/* "60 % below the BPO's $2.10"; empty without that baseline or without an outcome. */
static struct str against(struct render *r, struct json w, const char *name, const char *whose)
{
    const struct json baseline = json_path(w, name);
    const double unit = report_number(baseline, "cost_per_outcome");
    const double share = report_number(baseline, "difference_share");
    if (!isfinite(share)) {
        return (struct str){0};
    }
    const struct str price = render_usd(r, unit);
    const double low = report_number(w, "cost_per_outcome.low");
    const double high = report_number(w, "cost_per_outcome.high");
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
    const int64_t resolved = report_count(w, "resolved");
    const int64_t closed = report_closed(w);
    const int64_t cases = report_count(w, "cases");
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
    const double cost = report_number(w, "cost_per_outcome.value");
    const int decimals = render_estimate_decimals(json_get(w, "cost_per_outcome"));
    const struct str amount = render_usd_at(r, cost, decimals);
    const struct str interval = render_interval(r, json_get(w, "cost_per_outcome"), 1, decimals);
    const struct str bpo = against(r, w, "break_even.bpo", "the BPO's");
    const struct str person = against(r, w, "break_even.human", "a person's");
    const bool partial = json_bool(json_path(w, "cost_per_outcome.incomplete"), false);
    const struct str closed_units = render_plural(r, unit, closed);
    const struct str thin = report_is_thin(w)
                                ? render_format(r, " (thin: %lld closed " STR_FORMAT ")",
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
    const int64_t open = report_count(w, "open");
    const struct str units = render_plural(r, unit_of(r, w), open);
    const struct str many = render_count(r, open);
    const struct str cost = render_money(r, json_path(w, "open_cases.cost"));
    const double oldest = report_number(w, "open_cases.oldest_age_days");
    const struct str age = isfinite(oldest) && oldest >= 0
                               ? render_format(r, ", the oldest %.0f days old", oldest)
                               : (struct str){0};
    return render_format(r,
                         STR_FORMAT " " STR_FORMAT " %s no final outcome: " STR_FORMAT
                                    " spent on them" STR_FORMAT "; not in the cost per outcome.",
                         STR_ARG(many), STR_ARG(units), open == 1 ? "has" : "have", STR_ARG(cost),
                         STR_ARG(age));
}

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
    const int64_t resolved = report_count(w, "resolved");
    const int64_t closed = report_closed(w);
    const struct str unit = unit_of(r, w);
    const double cost = report_number(w, "cost_per_outcome.value");
    const int decimals = render_estimate_decimals(json_get(w, "cost_per_outcome"));
    const double tail = report_number(w, "tail_ratio");
    const struct str units = render_plural(r, unit, closed);
    const struct str many = render_count(r, closed);
    const struct str some = render_count(r, resolved);
    const struct str tries = render_count(r, report_count(w, "attempts"));
    rate_row(
        r, &table, "cost per outcome", render_usd_at(r, cost, decimals),
        render_interval(r, json_get(w, "cost_per_outcome"), 1, decimals),
        render_format(r, STR_FORMAT, STR_ARG(json_str(json_path(w, "cost_per_outcome.method")))));
    rate_row(r, &table, "resolved", render_share(r, report_number(w, "success.value"), 1),
             render_interval(r, json_get(w, "success"), 100, 1),
             render_format(r, STR_FORMAT " of " STR_FORMAT " " STR_FORMAT, STR_ARG(some),
                           STR_ARG(many), STR_ARG(units)));
    rate_row(r, &table, "at the first attempt (p)",
             render_share(r, report_number(w, "first_attempt_success.value"), 1),
             render_interval(r, json_get(w, "first_attempt_success"), 100, 1),
             render_format(r, STR_FORMAT " attempts in all", STR_ARG(tries)));
    rate_row(r, &table, "cost of one attempt (T)",
             render_usd(r, report_number(w, "attempt_cost_mean")), (struct str){0},
             (struct str){0});
    rate_row(r, &table, "predicted, T / p", render_usd(r, report_number(w, "t_over_p")),
             (struct str){0},
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
                             report_number(b, "success_rate") * 100);
    }
    case 1:
        return render_usd(r, report_number(b, "cost_per_outcome"));
    case 2:
        return render_signed(r, report_number(b, "difference_share") * 100, "%");
    case 3:
        return with_interval(r, json_get(json_path(w, "rot.replacement"), name));
    case 4:
        return render_share(r, report_number(b, "p_star"), 1);
    default:
        return render_signed(r, report_number(b, "margin_pp"), "pp");
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
    if (json_kind(total) != JSON_STRING || report_count(w, "resolved") == 0) {
        return;
    }
    const struct str worth = render_money(r, total);
    const struct str back = with_interval(r, rot);
    const int64_t missing = report_count(w, "value.outcomes_unknown");
    const struct str few = render_count(r, missing);
    const bool assumed = report_count(w, "value.outcomes_assumed") > 0;
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
        sum += (double)report_count(all, classes[i].name);
    }
    for (size_t i = 0; i < COUNT_OF(classes); i++) {
        const int64_t number_of = report_count(all, classes[i].name);
        if (number_of > 0) {
            const struct str cells[] = {str_from(classes[i].text), render_count(r, number_of),
                                        render_share(r, (double)number_of / sum, 1)};
            render_row(r, &table, cells);
        }
    }
    if (report_count(all, "reasoning") > 0) {
        const struct str cells[] = {STR("  of output, reasoning"),
                                    render_count(r, report_count(all, "reasoning")),
                                    (struct str){0}};
        render_row(r, &table, cells);
    }
    if (table.count > 0) {
        const struct str calls = render_count(r, report_count(w, "calls"));
        const struct str cells[] = {STR("calls"), calls, (struct str){0}};
        render_row(r, &table, cells);
        text_char(r->out, '\n');
        render_print(r, &table);
    }
}

void render_workflow(struct render *r, struct json w)
{
    CHECK(r != NULL);
    text_char(r->out, '\n');
    render_wrap(r, 0, 2, sentence(r, w));
    if (report_count(w, "open") > 0 && report_closed(w) > 0) {
        render_wrap(r, 2, 2, open_remark(r, w));
    }
    if (report_count(w, "cases") == 0) {
        return;
    }
    text_char(r->out, '\n');
    cost_parts(r, w);
    if (report_closed(w) > 0) {
        text_char(r->out, '\n');
        rates(r, w);
        baselines(r, w);
        value(r, w);
    }
    tokens(r, w);
}
