/* What the next dollar buys, for people: the answer, the curve, the table, what is not known. */
#include <math.h>

#include "base/check.h"
#include "render/plot.h"
#include "render/utility_priv.h"

static struct str unit_of(struct render *r, struct json u)
{
    return render_clean(r, json_str(json_get(u, "unit")));
}

static struct str nothing_spent(struct render *r, struct json u, struct str name)
{
    return render_format(r,
                         utility_count(u, "cases.unpriced") > 0
                             ? STR_FORMAT ": what was spent is not known, as calls have no price, "
                                          "so no dollar can be judged."
                             : STR_FORMAT ": no cost was recorded, so no dollar can be judged.",
                         STR_ARG(name));
}

static struct str sentence_of_mtu(struct render *r, struct json u)
{
    const struct json mtu = json_get(u, "current_mtu");
    const double value = utility_number(mtu, "value");
    const double low = utility_number(mtu, "low");
    const double high = utility_number(mtu, "high");
    const struct str name = render_clean(r, json_str(json_get(u, "workflow")));
    if (!isfinite(value)) {
        return nothing_spent(r, u, name);
    }
    const int decimals = render_estimate_decimals(mtu);
    const struct str amount = render_usd_at(r, value, decimals);
    const struct str interval = render_interval(r, mtu, 1, decimals);
    const char *const verdict = isnan(low) ? ""
                                : low >= 1 ? ": the next dollar pays"
                                : high < 1 ? ": the next dollar does not pay"
                                           : ": whether the next dollar pays is not clear";
    return render_format(r,
                         STR_FORMAT ": the last tenth of the spend brought back " STR_FORMAT
                                    " a dollar%s" STR_FORMAT "%s.",
                         STR_ARG(name), STR_ARG(amount), interval.size > 0 ? " " : "",
                         STR_ARG(interval), verdict);
}

static struct str sentence_of_cap(struct render *r, struct json u)
{
    const struct str unit = unit_of(r, u);
    const struct str article = render_article(r, unit);
    const struct str end = render_money(r, json_get(u, "censored_above_usd"));
    const struct str cap = render_money(r, json_get(u, "break_even_cap_usd"));
    if (json_bool(json_path(u, "break_even.no_cap_pays"), false)) {
        return render_format(r, "No cap pays: under each of them a dollar brings back less than a "
                                "dollar.");
    }
    const struct json low = json_path(u, "break_even.low_usd");
    const struct str from = render_money(r, low);
    const struct str to = render_money(r, json_path(u, "break_even.high_usd"));
    const struct str interval =
        json_kind(low) == JSON_STRING
            ? render_format(r, " [" STR_FORMAT ", " STR_FORMAT "]", STR_ARG(from), STR_ARG(to))
            : (struct str){0};
    if (json_bool(json_path(u, "break_even.at_end"), false)) {
        return render_format(
            r,
            "A dollar brings back at least a dollar up to the highest cap looked at, " STR_FORMAT
            " " STR_FORMAT STR_FORMAT "; the records say nothing of caps above " STR_FORMAT ".",
            STR_ARG(cap), STR_ARG(article), STR_ARG(interval), STR_ARG(end));
    }
    return render_format(r,
                         "Cap " STR_FORMAT " at " STR_FORMAT STR_FORMAT
                         ": above that a further dollar brings back less than a dollar.",
                         STR_ARG(article), STR_ARG(cap), STR_ARG(interval));
}

/* Where nobody said what an outcome is worth. */
static struct str sentence_of_outcomes(struct render *r, struct json u)
{
    const struct str name = render_clean(r, json_str(json_get(u, "workflow")));
    const struct str unit = unit_of(r, u);
    const struct json per_dollar = json_get(u, "current_outcomes_per_usd");
    const double value = utility_number(per_dollar, "value");
    const double spend = render_money_usd(json_path(u, "total.spend_usd"));
    const double all = (double)utility_count(u, "cases.resolved") / spend;
    const int64_t more = utility_count(u, "last_decile.resolved");
    if (!isfinite(value) || !isfinite(all)) {
        return nothing_spent(r, u, name);
    }
    const struct str amount = render_money(r, json_path(u, "last_decile.spend_usd"));
    const struct str units = render_plural(r, unit, more);
    const struct str count = render_count(r, more);
    const int decimals = value < 9.95 ? 2 : 0;
    const struct str interval = render_interval(r, per_dollar, 1, decimals);
    return render_format(r,
                         STR_FORMAT ": the last tenth of the spend, " STR_FORMAT
                                    ", resolved " STR_FORMAT " more " STR_FORMAT
                                    ": %.*f a dollar%s" STR_FORMAT ", against %.*f a dollar over "
                                    "all.",
                         STR_ARG(name), STR_ARG(amount), STR_ARG(count), STR_ARG(units), decimals,
                         value, interval.size > 0 ? " " : "", STR_ARG(interval), all < 9.95 ? 2 : 0,
                         all);
}

static struct str sentence_of_repeats(struct render *r, struct json u)
{
    const struct json x = json_get(u, "last_repeats");
    if (json_kind(x) != JSON_OBJECT) {
        return (struct str){0};
    }
    const bool second = utility_count(x, "after") == 2;
    const struct str spend = render_money(r, json_get(x, "spend_usd"));
    const struct str all = render_money(r, json_get(x, "spend_all_usd"));
    const double each = utility_number(x, "usd_per_outcome");
    const double before = utility_number(x, "usd_per_outcome_before");
    const struct str price = render_usd(r, each);
    const struct str earlier = render_usd(r, before);
    const struct str resolved = render_count(r, utility_count(x, "resolved"));
    const struct str of = render_count(r, utility_count(x, "resolved_all"));
    const struct str bought = isfinite(each)
                                  ? render_format(r, ": " STR_FORMAT " an outcome", STR_ARG(price))
                                  : (struct str){0};
    const struct str against =
        isfinite(before) ? render_format(r, "%s" STR_FORMAT " before",
                                         isfinite(each) ? " against " : "; ", STR_ARG(earlier))
                         : (struct str){0};
    return render_format(r,
                         "The dollars after the %s attempt: " STR_FORMAT " of " STR_FORMAT
                         ", resolved " STR_FORMAT " of " STR_FORMAT
                         " outcomes" STR_FORMAT STR_FORMAT ".",
                         second ? "second" : "first", STR_ARG(spend), STR_ARG(all),
                         STR_ARG(resolved), STR_ARG(of), STR_ARG(bought), STR_ARG(against));
}

static void sentences(struct render *r, struct json u)
{
    const struct str name = render_clean(r, json_str(json_get(u, "workflow")));
    const int64_t closed = utility_count(u, "cases.closed");
    if (closed == 0) {
        render_wrap(r, 0, 2,
                    render_format(r,
                                  STR_FORMAT ": no case in this window has a final "
                                             "outcome, so what a dollar buys is not known.",
                                  STR_ARG(name)));
        return;
    }
    if (utility_value_known(u)) {
        render_wrap(r, 0, 2, sentence_of_mtu(r, u));
        render_wrap(r, 2, 2, sentence_of_cap(r, u));
    } else {
        render_wrap(r, 0, 2, sentence_of_outcomes(r, u));
    }
    const struct str repeats = sentence_of_repeats(r, u);
    if (repeats.size > 0) {
        render_wrap(r, 2, 2, repeats);
    }
}

static struct str label_money(struct render *r, double y)
{
    return render_usd(r, y);
}

static struct str label_count(struct render *r, double y)
{
    return render_count(r, llround(y));
}

static void plot(struct render *r, struct json u)
{
    const struct json curve = json_get(u, "curve");
    const size_t count = json_count(curve);
    const bool known = utility_value_known(u);
    double *const x = arena_new(r->arena, double, count + 1);
    double *const y = arena_new(r->arena, double, count + 1);
    if (x == NULL || y == NULL) {
        r->full = true;
        return;
    }
    struct render_plot drawing = {
        .x = x,
        .y = y,
        .marked = SIZE_MAX,
        .x_title = STR("spend"),
        .y_title = known ? STR("value kept against spend, one * a cap; O the break-even cap")
                         : STR("outcomes kept against spend, one * a cap"),
        .label = known ? label_money : label_count,
    };
    const struct str best = json_str(json_get(u, "break_even_cap_usd"));
    struct json_cursor at = json_iter(curve);
    struct json p;
    while (json_next(&at, NULL, &p)) {
        if (json_bool(json_get(p, "censored"), false) || drawing.count == RENDER_PLOT_POINTS_MAX) {
            continue;
        }
        if (known && str_equal(json_str(json_get(p, "cap_usd")), best)) {
            drawing.marked = drawing.count;
        }
        const double spend = render_money_usd(json_get(p, "spend_usd"));
        const double kept = known ? render_money_usd(json_get(p, "value_usd"))
                                  : (double)utility_count(p, "resolved");
        if (isfinite(spend) && isfinite(kept) && spend >= 0) {
            x[drawing.count] = spend;
            y[drawing.count++] = kept;
        }
    }
    if (drawing.count >= 2 && x[drawing.count - 1] > 0) {
        text_char(r->out, '\n');
        render_plot(r, &drawing);
    }
}

enum errc render_utility(struct json utility, int width, struct arena *arena, struct text *out,
                         struct err *err)
{
    CHECK(out != NULL);
    struct render r = render_start(arena, out, width);
    text_add(out, STR("What the next dollar buys\n\n"));
    sentences(&r, utility);
    plot(&r, utility);
    render_utility_tables(&r, utility);
    render_utility_notes(&r, utility);
    return render_end(&r, err);
}
