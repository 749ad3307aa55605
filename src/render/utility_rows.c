/* The curve's tables, and what is to be known about its figures. */
#include "base/check.h"
#include "render/utility_priv.h"

enum { ROWS_SHOWN_MAX = 16, ATTEMPTS_SHOWN_MAX = 12 };

/* Spend, value and outcomes of the row above, from which the next one's slope rises. */
struct above {
    double spend;
    double value;
    double resolved;
    bool set;
};

static struct str slope(struct render *r, double rise, double run, bool money)
{
    if (!(run > 0)) {
        return (struct str){0};
    }
    const double value = rise / run;
    return money ? render_usd_at(r, value, fabs(value) < 999.995 ? 2 : 0)
                 : render_format(r, "%.*f", value < 9.95 ? 2 : 0, value);
}

static void cap_row(struct render *r, struct render_table *table, struct json u, struct json p,
                    struct above *above)
{
    const bool known = utility_value_known(u);
    const bool censored = json_bool(json_get(p, "censored"), false);
    const struct str cap = json_str(json_get(p, "cap_usd"));
    const bool best = known && str_equal(cap, json_str(json_get(u, "break_even_cap_usd")));
    const bool end = str_equal(cap, json_str(json_get(u, "censored_above_usd")));
    const struct above now = {.spend = render_money_usd(json_get(p, "spend_usd")),
                              .value = render_money_usd(json_get(p, "value_usd")),
                              .resolved = (double)utility_count(p, "resolved"),
                              .set = true};
    const double run = above->set && !censored ? now.spend - above->spend : 0;
    const struct str blank = {0};
    const struct str cells[] = {
        render_money(r, json_get(p, "cap_usd")),
        render_money(r, json_get(p, "spend_usd")),
        known ? render_money(r, json_get(p, "value_usd")) : blank,
        render_count(r, utility_count(p, "resolved")),
        render_count(r, utility_count(p, "stopped")),
        known ? slope(r, now.value - above->value, run, true) : blank,
        slope(r, now.resolved - above->resolved, run, false),
        censored      ? STR("beyond the end")
        : best && end ? STR("break-even, end")
        : best        ? STR("break-even")
        : end         ? STR("end")
                      : blank,
    };
    CHECK(COUNT_OF(cells) == table->column_count);
    render_row(r, table, cells);
    *above = now;
}

static void caps(struct render *r, struct json u)
{
    static const struct render_column columns[] = {
        {"CAP", true, 0},
        {"SPEND", true, 0},
        {"VALUE", true, 0},
        {"RESOLVED", true, 1},
        {"STOPPED", true, 3},
        {"VALUE PER $", true, 0},
        {"RESOLVED PER $", true, 2},
        {"", false, 0},
    };
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    const struct json curve = json_get(u, "curve");
    const size_t count = json_count(curve);
    const size_t stride = (count + ROWS_SHOWN_MAX - 1) / ROWS_SHOWN_MAX;
    const struct str best = json_str(json_get(u, "break_even_cap_usd"));
    struct json_cursor at = json_iter(curve);
    struct json p;
    struct above above = {0};
    size_t i = 0;
    while (json_next(&at, NULL, &p)) {
        const bool shown =
            i % stride == 0 || i + 1 == count || str_equal(json_str(json_get(p, "cap_usd")), best);
        i++;
        if (shown) {
            cap_row(r, &table, u, p, &above);
        }
    }
    render_heading(r, "Had every case been stopped at a cap");
    text_char(r->out, '\n');
    render_print(r, &table);
    text_char(r->out, '\n');
    render_wrap(r, 2, 2,
                render_format(r,
                              "\"Per $\" is what the dollars between the row above and this one "
                              "brought%s",
                              stride > 1 ? "; --json has every cap." : "."));
}

static void attempt_row(struct render *r, struct render_table *table, struct json u, struct json a)
{
    const bool known = utility_value_known(u);
    const struct json success = json_get(a, "success");
    const bool later = json_bool(json_get(a, "and_later"), false);
    const int64_t number = utility_count(a, "attempt");
    const struct str blank = {0};
    const struct str cells[] = {
        render_format(r, "%lld%s", (long long)number, later ? " and later" : ""),
        render_count(r, utility_count(a, "cases")),
        render_count(r, utility_count(a, "resolved")),
        render_share(r, utility_number(success, "value"), 1),
        render_interval(r, success, 100, 1),
        render_usd(r, utility_number(a, "cost_mean_usd")),
        known ? render_usd(r, utility_number(a, "value_mean_usd")) : blank,
        known ? render_usd(r, utility_number(a, "net_mean_usd")) : blank,
        json_bool(json_get(success, "thin"), false) ? STR("thin") : blank,
    };
    CHECK(COUNT_OF(cells) == table->column_count);
    render_row(r, table, cells);
}

static void attempts(struct render *r, struct json u)
{
    static const struct render_column columns[] = {
        {"ATTEMPT", true, 0},
        {"CASES", true, 1},
        {"RESOLVED", true, 2},
        {"SUCCESS", true, 0},
        {"95 % INTERVAL", false, 1},
        {"COST", true, 0},
        {"VALUE", true, 0},
        {"NET", true, 0},
        {"", false, 3},
    };
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    const struct json list = json_get(u, "attempts");
    struct json_cursor at = json_iter(list);
    struct json a;
    if (json_count(list) < 2) {
        return;
    }
    for (size_t i = 0; i < ATTEMPTS_SHOWN_MAX && json_next(&at, NULL, &a); i++) {
        attempt_row(r, &table, u, a);
    }
    render_heading(r, "What each further attempt brought");
    text_char(r->out, '\n');
    render_print(r, &table);
    text_char(r->out, '\n');
    render_wrap(r, 2, 2,
                STR("Success is of the cases that came so far, each unresolved until then; cost, "
                    "value and net are the mean of one such attempt."));
}

void render_utility_tables(struct render *r, struct json u)
{
    if (json_count(json_get(u, "curve")) > 0) {
        caps(r, u);
    }
    attempts(r, u);
}

static void note_end(struct render *r, struct json u)
{
    const struct str unit = render_clean(r, json_str(json_get(u, "unit")));
    const struct str end = render_money(r, json_get(u, "censored_above_usd"));
    const struct json cap = json_get(u, "per_case_cap");
    const struct str scope = render_clean(r, json_str(json_get(cap, "scope")));
    if (str_equal(json_str(json_get(u, "censored_by")), STR("per_case_cap"))) {
        const struct str many = render_count(r, utility_count(cap, "cases_at_or_above"));
        render_note(r, "end",
                    render_format(r,
                                  "the curve ends at " STR_FORMAT ", the cap on a case of the "
                                  "budget for " STR_FORMAT ": " STR_FORMAT " spent as much or "
                                  "more, and what they had brought without it is not known.",
                                  STR_ARG(end), STR_ARG(scope), STR_ARG(many)));
        return;
    }
    const struct str article = render_article(r, unit);
    render_note(
        r, "end",
        render_format(r, "the curve ends at " STR_FORMAT ", the largest spend of " STR_FORMAT "%s.",
                      STR_ARG(end), STR_ARG(article),
                      json_kind(cap) == JSON_OBJECT ? "; no case reached the cap in force"
                                                    : "; no cap on a case was in force"));
}

static void note_assumed(struct render *r, struct json u)
{
    const int64_t valued =
        utility_count(u, "cases.resolved") - utility_count(u, "cases.without_value");
    const int64_t configured = valued - utility_count(u, "cases.value_recorded");
    const struct json fallback = json_get(u, "fallback");
    if (configured > 0) {
        const struct str many = render_count(r, configured);
        render_note(r, "assumed",
                    render_format(r,
                                  "the value of " STR_FORMAT " outcome%s is value_per_outcome of "
                                  "bursar.yaml.",
                                  STR_ARG(many), configured == 1 ? "" : "s"));
    }
    if (json_kind(fallback) != JSON_OBJECT || !utility_value_known(u)) {
        return;
    }
    const bool bpo = str_equal(json_str(json_get(fallback, "baseline")), STR("bpo"));
    const struct str price = render_money(r, json_get(fallback, "unit_usd"));
    const struct str failed =
        render_money(r, json_path(u, "break_even.failed_fall_back_too_cap_usd"));
    const bool other = !str_equal(json_str(json_path(u, "break_even.failed_fall_back_too_cap_usd")),
                                  json_str(json_get(u, "break_even_cap_usd")));
    render_note(r, "assumed",
                render_format(r,
                              "each case stopped at a cap costs %s's " STR_FORMAT
                              " instead, which the value is net of%s" STR_FORMAT "%s",
                              bpo ? "the BPO" : "a person", STR_ARG(price),
                              other ? ". If cases that fail by themselves go there too, the "
                                      "break-even cap is "
                                    : "",
                              STR_ARG(other ? failed : STR("")), "."));
}

static void note_unknown(struct render *r, struct json u)
{
    const int64_t without = utility_count(u, "cases.without_value");
    const int64_t unpriced = utility_count(u, "cases.unpriced");
    const int64_t open = utility_count(u, "cases.open");
    const struct str many = render_count(r, without);
    if (without > 0 && !utility_value_known(u)) {
        render_note(r, "unknown",
                    STR("what an outcome is worth: set value_per_outcome of the workflow in "
                        "bursar.yaml, or give outcomes a value, and this says where to cap."));
    } else if (without > 0) {
        render_note(r, "unknown",
                    render_format(r,
                                  STR_FORMAT " resolved case%s no value and count%s as "
                                             "nothing: value is at least this.",
                                  STR_ARG(many), without == 1 ? " has" : "s have",
                                  without == 1 ? "s" : ""));
    }
    if (unpriced > 0) {
        const struct str count = render_count(r, unpriced);
        render_note(r, "unpriced",
                    render_format(r,
                                  STR_FORMAT " closed %s a call whose price is not known, and "
                                             "spent more than is counted here.",
                                  STR_ARG(count), unpriced == 1 ? "case has" : "cases have"));
    }
    if (open > 0) {
        const struct str count = render_count(r, open);
        const struct str spend = render_money(r, json_path(u, "total.open_spend_usd"));
        render_note(r, "open",
                    render_format(r,
                                  STR_FORMAT
                                  " case%s without a final outcome, which spent " STR_FORMAT
                                  "; not in the curve.",
                                  STR_ARG(count), open == 1 ? "" : "s", STR_ARG(spend)));
    }
}

void render_utility_notes(struct render *r, struct json u)
{
    render_heading(r, "About these figures");
    if (utility_count(u, "cases.closed") > 0) {
        note_end(r, u);
        note_assumed(r, u);
    }
    note_unknown(r, u);
    if (json_bool(json_path(u, "current_mtu.thin"), false)) {
        render_note(r, "thin", STR("fewer than 20 closed cases."));
    }
    render_note(r, "intervals",
                STR("95 %, by resampling cases (1,000 draws, fixed seed). Spend is agents' and "
                    "tools' cost; people's time is not stopped by a cap."));
}
