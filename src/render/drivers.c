/* Drivers for people: the answer in sentences, the drivers, the parts that add up, what is not
 * known. */
#include <math.h>

#include "base/check.h"
#include "render/render.h"

enum { MODEL_COLUMNS_MAX = 36 /* a longer name would push out what the figures say */ };

static double number(struct json report, const char *path)
{
    return json_double(json_path(report, path), NAN);
}

static int64_t count(struct json report, const char *path)
{
    return json_int64(json_path(report, path), 0);
}

/* A share as it is said: no decimals, but never 0 or 100 % for what is not. */
static struct str said(struct render *r, double share)
{
    const bool middle = share >= 0.01 && share <= 0.99;
    return render_share(r, share, middle || share <= 0 || share >= 1 ? 0 : 1);
}

/* "of $6.68 spent, $4.51 (68 %) went into …" */
static struct str answer_spend(struct render *r, struct json report, struct str name)
{
    const double spend = render_money_usd(json_get(report, "spend"));
    const double open = render_money_usd(json_path(report, "parts.open"));
    const struct str amount = render_money(r, json_get(report, "spend"));
    if (!(spend > 0)) {
        return render_format(r,
                             count(report, "unpriced_calls") > 0
                                 ? STR_FORMAT ": what was spent is not known, as calls have no "
                                              "price."
                                 : STR_FORMAT ": no cost was recorded.",
                             STR_ARG(name));
    }
    if (!(open < spend)) {
        return render_format(r,
                             STR_FORMAT ": all of the " STR_FORMAT
                                        " spent is on cases without a final outcome, so what was "
                                        "spent in vain is not known yet.",
                             STR_ARG(name), STR_ARG(amount));
    }
    return render_format(r,
                         STR_FORMAT ": of " STR_FORMAT " spent, " STR_FORMAT " (" STR_FORMAT
                                    ") went into attempts that brought no outcome, and into work "
                                    "done again after one.",
                         STR_ARG(name), STR_ARG(amount),
                         STR_ARG(render_money(r, json_path(report, "retry.usd"))),
                         STR_ARG(said(r, number(report, "retry.share"))));
}

static void answer(struct render *r, struct json report)
{
    const struct str workflow = json_str(json_get(report, "workflow"));
    const struct str name =
        workflow.data != NULL ? render_clean(r, workflow) : STR("The whole ledger");
    if (count(report, "cases") == 0) {
        render_wrap(r, 0, 2,
                    render_format(r, STR_FORMAT ": no case in this window.", STR_ARG(name)));
        return;
    }
    render_wrap(r, 0, 2, answer_spend(r, report, name));
    const double carry = number(report, "context.carry_ratio");
    if (isnan(carry) || isnan(number(report, "context.carried.spend_share"))) {
        return;
    }
    if (!(carry > 0)) {
        render_wrap(r, 2, 2, STR("No call read what the call before it had read."));
        return;
    }
    render_wrap(r, 2, 2,
                render_format(r,
                              STR_FORMAT
                              " of what calls read had been read by the call before: " STR_FORMAT
                              " (" STR_FORMAT " of the spend) was paid to send it again%s.",
                              STR_ARG(said(r, carry)),
                              STR_ARG(render_money(r, json_path(report, "context.carried_usd"))),
                              STR_ARG(said(r, number(report, "context.carried.spend_share"))),
                              count(report, "context.carried.cache_read") > 0
                                  ? ", mostly at the low price of cache reads"
                                  : ", all at full price: nothing was cached"));
}

static void driver(struct render *r, struct render_table *table, const char *name, struct str value,
                   struct str interval, const char *basis, struct str about)
{
    const struct str cells[] = {str_from(name), value, interval, str_from(basis), about};
    CHECK(COUNT_OF(cells) == table->column_count);
    render_row(r, table, cells);
}

static const char *thin(struct json estimate)
{
    return json_bool(json_get(estimate, "thin"), false) ? "thin" : "";
}

static void paid_row(struct render *r, struct render_table *table, struct json report)
{
    const struct str basis = json_str(json_path(report, "context.basis"));
    driver(
        r, table, "  paid for it", render_money(r, json_path(report, "context.carried_usd")),
        (struct str){0}, str_equal(basis, STR("measured")) ? "measured" : "estimated",
        render_format(r, STR_FORMAT " had nothing been cached",
                      STR_ARG(render_money(r, json_path(report, "context.carried.uncached_usd")))));
}

static void growth_row(struct render *r, struct render_table *table, struct json report)
{
    const struct json growth = json_path(report, "context.growth_exponent");
    const double value = json_double(json_get(growth, "value"), NAN);
    driver(r, table, "growth exponent", isnan(value) ? STR("-") : render_format(r, "%.3f", value),
           render_interval(r, growth, 1, 3), isnan(value) ? "unknown" : "estimated",
           isnan(value)
               ? STR("no session of three calls and more")
               : render_format(r, STR_FORMAT " sessions, half %.2f to %.2f",
                               STR_ARG(render_count(r, count(report, "context.growth.sessions"))),
                               number(report, "context.growth.quartile_1"),
                               number(report, "context.growth.quartile_3")));
}

static void plateau_rows(struct render *r, struct render_table *table, struct json report)
{
    const struct json p = json_path(report, "context.plateau");
    if (!json_bool(json_get(p, "found"), false)) {
        driver(r, table, "plateau", STR("none"), (struct str){0}, "estimated",
               STR("not shown, see below"));
        return;
    }
    driver(r, table, "plateau", render_count(r, json_int64(json_get(p, "size_tokens"), 0)),
           (struct str){0}, "estimated",
           render_format(r, "tokens: " STR_FORMAT " succeed, above " STR_FORMAT,
                         STR_ARG(said(r, number(p, "success_at_or_below.value"))),
                         STR_ARG(said(r, number(p, "success_above.value")))));
    driver(r, table, "  above it", render_money(r, json_get(p, "usd")), (struct str){0},
           "estimated",
           render_format(r, STR_FORMAT " of spend, " STR_FORMAT " of compute",
                         STR_ARG(said(r, number(p, "price_share"))),
                         STR_ARG(said(r, number(p, "compute_share")))));
}

static void unused_row(struct render *r, struct render_table *table, struct json report)
{
    const struct json unused = json_path(report, "context.unused_retrieval");
    const double usd = json_double(json_get(unused, "usd"), NAN);
    if (!isnan(usd)) {
        driver(r, table, "unused results", render_usd(r, usd), (struct str){0}, "estimated",
               render_format(r, STR_FORMAT " tokens, " STR_FORMAT " of " STR_FORMAT " results",
                             STR_ARG(render_count(r, count(unused, "tokens"))),
                             STR_ARG(render_count(r, count(unused, "unused"))),
                             STR_ARG(render_count(r, count(unused, "judged")))));
    }
}

/* Of one workflow. */
static void other_rows(struct render *r, struct render_table *table, struct json report)
{
    const struct json routing = json_get(report, "routing");
    const struct json variance = json_get(report, "variance");
    const struct str model = render_clean(r, json_str(json_get(routing, "recommended")));
    const double usd = number(routing, "usd.value");
    const double ratio = number(variance, "max_over_min.value");
    if (model.size > 0) {
        driver(r, table, "routing", usd > 0 ? render_usd(r, usd) : STR("-"),
               usd > 0 ? render_interval(r, json_get(routing, "usd"), 1, render_decimals(usd))
                       : (struct str){0},
               "estimated",
               render_columns(model) > MODEL_COLUMNS_MAX
                   ? STR("see bursar route")
                   : render_format(r, usd > 0 ? "saved with " STR_FORMAT : "keep " STR_FORMAT,
                                   STR_ARG(model)));
    }
    if (!isnan(ratio)) {
        driver(r, table, "variance", render_format(r, "%.1f x", ratio),
               render_interval(r, json_get(variance, "max_over_min"), 1, 1), "estimated",
               render_format(r, "dearest to cheapest of like work; %lld flagged",
                             (long long)count(variance, "flagged")));
    }
}

static void drivers_table(struct render *r, struct json report)
{
    static const struct render_column columns[] = {
        {"DRIVER", false, 0}, {"FIGURE", true, 0},        {"95 % INTERVAL", false, 2},
        {"BASIS", false, 3},  {"WHAT IT SAYS", false, 1},
    };
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    const struct json share = json_path(report, "retry.share_estimate");
    text_char(r->out, '\n');
    driver(r, &table, "retries", render_money(r, json_path(report, "retry.usd")), (struct str){0},
           "measured", STR("tries in vain, lost cases, rework"));
    driver(r, &table, "  of the spend", said(r, number(report, "retry.share")),
           render_interval(r, share, 100, 1), "measured",
           render_format(r, STR_FORMAT " cases%s%s",
                         STR_ARG(render_count(r, count(report, "cases"))),
                         thin(share)[0] != '\0' ? ", " : "", thin(share)));
    driver(r, &table, "carry ratio",
           isnan(number(report, "context.carry_ratio"))
               ? STR("-")
               : render_format(r, "%.4f", number(report, "context.carry_ratio")),
           (struct str){0}, "measured",
           render_format(r, "of input, over " STR_FORMAT " calls",
                         STR_ARG(render_count(r, count(report, "calls")))));
    if (count(report, "calls") > 0) {
        paid_row(r, &table, report);
    }
    growth_row(r, &table, report);
    plateau_rows(r, &table, report);
    unused_row(r, &table, report);
    other_rows(r, &table, report);
    render_print(r, &table);
}

static void parts_table(struct render *r, struct json report)
{
    static const struct render_column columns[] = {
        {"SPEND", false, 0}, {"USD", true, 0}, {"SHARE", true, 1}, {"WHAT IT IS", false, 2}};
    static const struct {
        const char *name;
        const char *title;
        const char *about;
    } parts[] = {
        {"retry", "retries", "tries in vain, lost cases, rework"},
        {"carried", "carried context", "where it worked: input sent again"},
        {"new_input", "new input", "input seen for the first time"},
        {"output", "output", "what models wrote, request fees"},
        {"tools", "tools", "fees of tools"},
        {"unsplit", "not split", "calls whose cost was reported, not priced"},
        {"human", "people", "people's time up to the outcome"},
        {"open", "open", "cases without a final outcome"},
        {"total", "total", ""},
    };
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    const struct json all = json_get(report, "parts");
    const double total = render_money_usd(json_get(all, "total"));
    text_char(r->out, '\n');
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        const struct json amount = json_get(all, parts[i].name);
        const double usd = render_money_usd(amount);
        if (!(usd > 0) && i + 1 < COUNT_OF(parts)) {
            continue;
        }
        const struct str cells[] = {str_from(parts[i].title), render_money(r, amount),
                                    render_share(r, usd / total, 1), str_from(parts[i].about)};
        CHECK(COUNT_OF(cells) == COUNT_OF(columns));
        render_row(r, &table, cells);
    }
    render_print(r, &table);
}

static void cost_notes(struct render *r, struct json report)
{
    const int64_t unpriced = count(report, "unpriced_calls");
    const int64_t listed = count(report, "listed_calls");
    const int64_t shared = count(report, "shared_calls");
    if (unpriced > 0) {
        render_note(r, "unpriced",
                    render_format(r,
                                  STR_FORMAT " " STR_FORMAT
                                             ": tokens counted, cost unknown and in no figure, so "
                                             "the dollars here are too low.",
                                  STR_ARG(render_count(r, unpriced)),
                                  STR_ARG(render_plural(r, STR("call"), unpriced))));
    }
    if (listed > 0) {
        render_note(r, "estimated",
                    render_format(r,
                                  "of " STR_FORMAT " calls the cost was reported as one figure; "
                                  "what was carried is its share at the model's list prices.",
                                  STR_ARG(render_count(r, listed))));
    }
    if (shared > 0) {
        render_note(r, "estimated",
                    render_format(r,
                                  "of " STR_FORMAT " calls the cost was reported as one figure and "
                                  "the model has no list price; what was carried is its share of "
                                  "the tokens, which is too much where reads were cached.",
                                  STR_ARG(render_count(r, shared))));
    }
}

static void plateau_notes(struct render *r, struct json report)
{
    const struct json p = json_path(report, "context.plateau");
    const bool found = json_bool(json_get(p, "found"), false);
    const int64_t above = count(p, "success_above.n");
    if (json_str(json_get(report, "workflow")).data == NULL) {
        render_note(r, "no plateau",
                    STR("workflows have contexts of different sizes and succeed differently "
                        "often; bursar drivers WORKFLOW looks for that of one."));
        return;
    }
    if (above == 0) {
        render_note(r, "no plateau",
                    STR("the contexts of closed cases are too few, or all of one "
                        "size."));
        return;
    }
    if (!found) {
        render_note(r, "no plateau",
                    render_format(r,
                                  "attempts with more than " STR_FORMAT
                                  " tokens of context succeed in " STR_FORMAT
                                  ", the others in " STR_FORMAT
                                  ": that these do as well within %.1f points is not shown.",
                                  STR_ARG(render_count(r, count(p, "compared_at_tokens"))),
                                  STR_ARG(said(r, number(p, "success_above.value"))),
                                  STR_ARG(said(r, number(p, "success_at_or_below.value"))),
                                  number(p, "margin_pp")));
    }
    render_note(r, "confounded",
                STR("harder cases take more turns, so large contexts also mean "
                    "hard work: what cutting them would do is for a trial to "
                    "say."));
    if (above < 20 || count(p, "success_at_or_below.n") < 20) {
        render_note(r, "thin", STR("the plateau rests on fewer than 20 attempts on one side."));
    }
}

static void notes(struct render *r, struct json report)
{
    const int64_t turns = count(report, "context.growth.calls_at_least");
    const int64_t sample = count(report, "context.growth.sample_one_in");
    render_heading(r, "About these figures");
    render_note(r, "growth",
                STR("1 is a context that keeps its size, 2 is the whole history again "
                    "on every turn, whose cost grows with its square."));
    if (turns < 10 && count(report, "context.growth.sessions") > 0) {
        render_note(r, "thin",
                    STR("no session has ten calls; growth is that of sessions with "
                        "three and more."));
    }
    if (sample > 1) {
        render_note(r, "sample",
                    render_format(r,
                                  "growth and plateau are those of one attempt in " STR_FORMAT
                                  ", drawn by key; dollars and the carry ratio are of all.",
                                  STR_ARG(render_count(r, sample))));
    }
    cost_notes(r, report);
    plateau_notes(r, report);
    if (json_kind(json_path(report, "context.unused_retrieval.tokens")) == JSON_NULL) {
        const struct str why = json_str(json_path(report, "context.unused_retrieval.why"));
        render_note(
            r, "unknown",
            render_format(r, "retrieved text that was never used: " STR_FORMAT ".", STR_ARG(why)));
    }
    render_note(r, "overlap",
                STR("the carried dollars of the first table are of all attempts, "
                    "retries included; the parts count each dollar once."));
}

enum errc render_drivers(struct json report, int width, struct arena *arena, struct text *out,
                         struct err *err)
{
    struct render r = render_start(arena, out, width);
    text_add(out, STR("Why it costs what it does\n\n"));
    answer(&r, report);
    if (count(report, "cases") > 0) {
        drivers_table(&r, report);
        parts_table(&r, report);
        notes(&r, report);
    }
    return render_end(&r, err);
}
