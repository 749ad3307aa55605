/* The report for people: one line a workflow, then each in detail, then what is not known. */
#include "render/report_priv.h"

#include "base/check.h"

enum { DETAILED_MAX = 3 };

static void overview_row(struct render *r, struct render_table *table, struct json w)
{
    const int64_t resolved = report_count(w, "resolved");
    const int64_t closed = report_closed(w);
    const double cost = report_number(w, "cost_per_outcome.value");
    const int decimals = render_estimate_decimals(json_get(w, "cost_per_outcome"));
    const struct str blank = {0};
    const double bpo = report_number(w, "break_even.bpo.difference_share");
    const double person = report_number(w, "break_even.human.difference_share");
    const double rot = report_number(w, "rot.outcome.value");
    const double tail = report_number(w, "tail_ratio");
    const double total = render_money_usd(json_path(w, "cost.total"));
    const double wasted = render_money_usd(json_path(w, "cost.retry_tail")) +
                          render_money_usd(json_path(w, "cost.sunk")) +
                          render_money_usd(json_path(w, "cost.rework"));
    const bool partial = report_count(w, "unpriced_calls") > 0;
    const struct str cells[] = {
        render_clean(r, json_str(json_get(w, "workflow"))),
        render_count(r, report_count(w, "cases")),
        report_count(w, "open") > 0 ? render_count(r, report_count(w, "open")) : blank,
        closed > 0 ? render_share(r, (double)resolved / (double)closed, 0) : STR("-"),
        render_money(r, json_path(w, "cost.total")),
        isfinite(cost) ? render_usd_at(r, cost, decimals) : STR("-"),
        render_interval(r, json_get(w, "cost_per_outcome"), 1, decimals),
        isfinite(bpo) ? render_signed(r, bpo * 100, "%") : blank,
        isfinite(person) ? render_signed(r, person * 100, "%") : blank,
        report_is_thin(w) ? (partial ? STR("thin, unpriced") : STR("thin"))
                          : (partial ? STR("unpriced") : blank),
        closed > 0 ? render_share(r, report_number(w, "first_attempt_success.value"), 0) : blank,
        isfinite(rot) ? render_signed(r, rot, "%") : blank,
        total > 0 && closed > 0 ? render_share(r, wasted / total, 0) : blank,
        isfinite(tail) ? render_format(r, "%.2f", tail) : blank,
        render_count(r, report_count(w, "attempts")),
        render_count(r, report_count(w, "calls")),
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
    const struct str cases = render_count(r, report_count(total, "cases"));
    const struct str calls = render_count(r, report_count(total, "calls"));
    const int64_t stray = report_count(total, "unattributed.calls");
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
    if (all == 0 && report_count(report, "total.unattributed.calls") == 0) {
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
            render_workflow(&r, w);
        }
    } else {
        render_wrap(&r, 2, 2, STR("bursar report WORKFLOW shows one of them in detail."));
    }
    render_unknown(&r, report);
    return render_end(&r, err);
}
