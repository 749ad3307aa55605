/* Rules and segments in business language (economics.md section 9). */
#include <math.h>

#include "api/segments_priv.h"
#include "base/check.h"

enum { NUMBER_BYTES_MAX = 32, FACTOR_MANY = 10 };
#define LEVEL_BELOW       0.005 /* a difference that rounds to 0 % */
#define SHARE_MOVES_LEAST 0.01  /* of a proportion worth naming */

static const char *const part_names[SEGMENTS_PARTS] = {
    [SEGMENTS_BASE] = "base",       [SEGMENTS_RETRY] = "retry tail",
    [SEGMENTS_CONTEXT] = "context", [SEGMENTS_MODEL_MIX] = "model mix",
    [SEGMENTS_HUMAN] = "people",
};

const char *segments_test_words(const struct segments_search *search,
                                const struct segments_test *test, struct arena *arena,
                                struct str *out_value)
{
    CHECK(test->attribute < search->attribute_count);
    const struct segments_name *const n = &search->names[test->attribute];
    if (test->range.first == SEGMENTS_CODE_NONE) {
        *out_value = STR("(none)");
        return "=";
    }
    if (!n->is_number) {
        *out_value = n->texts[test->range.first];
        return "=";
    }
    const bool below = test->range.first == 1;
    const size_t cut = (below ? test->range.last : test->range.first - 1) - 1;
    CHECK(cut < n->cut_count);
    struct text number;
    text_init(&number, NUMBER_BYTES_MAX);
    json_put_double(&number, n->cuts[cut]);
    *out_value = arena_copy(arena, text_str(&number));
    text_deinit(&number);
    return below ? "<" : ">=";
}

/* "exception_doc = true and channel = chat", appended. */
static void put_rule(const struct segments_search *search, const struct segments_rule *rule,
                     struct text *out)
{
    CHECK(rule->count > 0);
    for (size_t i = 0; i < rule->count; i++) {
        struct str value = {0};
        const char *const op =
            segments_test_words(search, &rule->tests[i], search->scratch, &value);
        text_format(out, "%s" STR_FORMAT " %s " STR_FORMAT, i > 0 ? " and " : "",
                    STR_ARG(search->names[rule->tests[i].attribute].name), op, STR_ARG(value));
    }
}

enum baseline segments_baseline(const struct figures *figures)
{
    enum baseline cheapest = BASELINE_COUNT;
    for (enum baseline b = 0; b < BASELINE_COUNT; b++) {
        const double usd = figures_baseline(figures, b);
        if (!isnan(usd) &&
            (cheapest == BASELINE_COUNT || usd < figures_baseline(figures, cheapest))) {
            cheapest = b;
        }
    }
    return cheapest;
}

/* ---- figures */

static int decimals_of(double usd)
{
    const double size = fabs(usd);
    if (!(size > 0) || size >= 0.0995) {
        return size >= 999.995 ? 0 : 2;
    }
    const int decimals = 2 - (int)floor(log10(size));
    return decimals < MONEY_DECIMALS ? decimals : MONEY_DECIMALS;
}

/* Enough of them to tell the ends of an interval from its value. */
static int decimals_within(const struct stats_interval *x)
{
    const int plain = decimals_of(x->value);
    const double width = x->high - x->low;
    if (!(width > 0) || width >= fabs(x->value)) {
        return plain;
    }
    const int needed = (int)ceil(-log10(width / 4));
    return needed <= plain ? plain : needed < plain + 3 ? needed : plain + 3;
}

static void put_amount(struct text *out, double usd, int decimals)
{
    char text[MONEY_TEXT_BYTES_MAX];
    const money_sum pusd = (money_sum)(fmin(fabs(usd), 1e15) * 1e12);
    const size_t size = money_print_rounded(pusd, decimals, text);
    text_format(out, "%s", usd < 0 ? "-" : "");
    text_add(out, (struct str){text, size});
}

static void put_usd(struct text *out, double usd, int decimals)
{
    text_format(out, "%s$", usd < 0 ? "-" : "");
    put_amount(out, fabs(usd), decimals);
}

/* "+$2.70" */
static void put_change(struct text *out, double usd, int decimals)
{
    text_format(out, "%c$", usd < 0 ? '-' : '+');
    put_amount(out, fabs(usd), decimals);
}

/* "$0.84 [0.79, 0.90]" */
static void put_interval(struct text *out, const struct stats_interval *x)
{
    const int decimals = decimals_within(x);
    put_usd(out, x->value, decimals);
    if (isnan(x->low)) {
        return;
    }
    text_add(out, STR(" ["));
    put_amount(out, x->low, decimals);
    text_add(out, STR(", "));
    if (isinf(x->high)) {
        text_add(out, STR("no limit"));
    } else {
        put_amount(out, x->high, decimals);
    }
    text_char(out, ']');
}

static void put_count_words(struct text *out, int64_t count)
{
    char text[MONEY_TEXT_BYTES_MAX];
    const size_t size = money_print_rounded((money_sum)count * MONEY_PUSD_PER_USD, 0, text);
    text_add(out, (struct str){text, size});
}

/* "60 % below", "5 times" of a cost against a baseline. */
static void put_against(struct text *out, double usd, double baseline)
{
    const double share = usd / baseline - 1;
    if (fabs(share) < LEVEL_BELOW) {
        text_add(out, STR("level with"));
    } else if (share >= FACTOR_MANY - 1) {
        text_format(out, "%.0f times", share + 1);
    } else {
        text_format(out, "%.0f %% %s", fabs(share) * 100, share < 0 ? "below" : "above");
    }
}

static const char *rises(double from, double to)
{
    return to > from ? "rises" : "falls";
}

/* ---- because */

static void put_retry(const struct segments_group *in, const struct segments_group *rest,
                      double part, struct text *out)
{
    const double from = (double)rest->first_successes / (double)rest->cases;
    const double to = (double)in->first_successes / (double)in->cases;
    if (fabs(to - from) >= SHARE_MOVES_LEAST && (to < from) == (part > 0)) {
        text_format(out, "first-attempt success %s from %.0f %% to %.0f %%", rises(from, to),
                    from * 100, to * 100);
    } else {
        text_format(out, "an outcome takes %.2f attempts instead of %.2f",
                    (double)in->attempts / (double)in->resolved,
                    (double)rest->attempts / (double)rest->resolved);
    }
}

static void put_context(const struct segments_found *f, struct text *out)
{
    const double to = f->tokens_in / (double)f->in[SEGMENTS_CONFIRMATION].attempts;
    const double from = f->tokens_rest / (double)f->rest[SEGMENTS_CONFIRMATION].attempts;
    text_add(out, STR("an attempt reads "));
    put_count_words(out, (int64_t)llround(to));
    text_add(out, STR(" input tokens instead of "));
    put_count_words(out, (int64_t)llround(from));
}

static void put_mix(const struct segments_search *s, const struct segments_found *f,
                    struct text *out)
{
    const double all_in = fmax(segments_calls(&f->side_in, SIZE_MAX), 1);
    const double all_rest = fmax(segments_calls(&f->side_rest, SIZE_MAX), 1);
    size_t most = 0;
    double most_change = -1;
    for (size_t m = 0; m < s->model_count; m++) {
        const double change = fabs(segments_calls(&f->side_in, m) / all_in -
                                   segments_calls(&f->side_rest, m) / all_rest);
        if (change > most_change) {
            most = m;
            most_change = change;
        }
    }
    const double to = segments_calls(&f->side_in, most) / all_in;
    const double from = segments_calls(&f->side_rest, most) / all_rest;
    text_format(out, "the share of calls to " STR_FORMAT " %s from %.0f %% to %.0f %%",
                STR_ARG(s->models[most]), rises(from, to), from * 100, to * 100);
}

static void put_people(const struct segments_group *in, const struct segments_group *rest,
                       struct text *out)
{
    text_format(out, "people spend %.1f minutes a case instead of %.1f",
                (double)in->human_ms / 6e4 / (double)in->cases,
                (double)rest->human_ms / 6e4 / (double)rest->cases);
}

static double base_usd(const struct segments_group *g, const struct segments_side *side)
{
    return g->attempts > 0
               ? (money_usd(g->agent_pusd) - segments_prompt_usd(side)) / (double)g->attempts
               : 0;
}

static void put_base(const struct segments_found *f, struct text *out)
{
    const double to = base_usd(&f->in[SEGMENTS_CONFIRMATION], &f->side_in);
    const double from = base_usd(&f->rest[SEGMENTS_CONFIRMATION], &f->side_rest);
    text_add(out, STR("an attempt's replies and tools cost "));
    put_usd(out, to, decimals_of(fmin(from, to)));
    text_add(out, STR(" instead of "));
    put_usd(out, from, decimals_of(fmin(from, to)));
}

static void put_because(const struct segments_search *s, const struct segments_found *f,
                        struct text *out)
{
    const struct segments_group *const in = &f->in[SEGMENTS_CONFIRMATION];
    const struct segments_group *const rest = &f->rest[SEGMENTS_CONFIRMATION];
    const double sign = f->difference.value < 0 ? -1 : 1;
    enum segments_part most = SEGMENTS_BASE;
    for (enum segments_part part = 0; part < SEGMENTS_PARTS; part++) {
        most = sign * f->parts[part] > sign * f->parts[most] ? part : most;
    }
    text_add(out, STR(", because "));
    switch (most) {
    case SEGMENTS_BASE:
        put_base(f, out);
        break;
    case SEGMENTS_RETRY:
        put_retry(in, rest, f->parts[most], out);
        break;
    case SEGMENTS_CONTEXT:
        put_context(f, out);
        break;
    case SEGMENTS_MODEL_MIX:
        put_mix(s, f, out);
        break;
    case SEGMENTS_HUMAN:
        put_people(in, rest, out);
        break;
    case SEGMENTS_PARTS:
        break;
    }
    const int decimals = decimals_of(f->difference.value);
    text_format(out, " (%s ", part_names[most]);
    put_change(out, f->parts[most], decimals);
    text_add(out, STR(" of "));
    put_change(out, f->difference.value, decimals);
    text_char(out, ')');
}

/* ---- the sentence */

static void put_article(struct text *out, struct str unit)
{
    const bool vowel = unit.size > 0 && memchr("aeiouAEIOU", unit.data[0], 10) != NULL;
    const bool an =
        vowel && !str_starts_with(unit, STR("uni")) && !str_starts_with(unit, STR("use"));
    text_format(out, "%s " STR_FORMAT, an ? "an" : "a", STR_ARG(unit));
}

static void put_rest(const struct segments_search *s, const struct segments_group *rest,
                     double baseline, bool is_bpo, struct text *out)
{
    const struct str unit = figures_unit(&s->figures);
    text_format(out, STR_FORMAT ": an agent resolves ", STR_ARG(s->figures.workflow));
    put_article(out, unit);
    text_add(out, STR(" for "));
    if (rest->resolved == 0) {
        text_add(out, STR("nothing at all"));
        return;
    }
    text_add(out, s->unpriced_calls > 0 ? STR("at least ") : STR(""));
    put_interval(out, &rest->cost_per_outcome);
    if (!isnan(baseline)) {
        text_add(out, STR(", "));
        put_against(out, rest->cost_per_outcome.value, baseline);
        text_format(out, " %s ", is_bpo ? "the BPO's" : "a person's");
        put_usd(out, baseline, decimals_of(baseline));
    }
}

void segments_put_sentence(const struct segments_search *search, const struct segments_found *found,
                           struct text *out)
{
    CHECK(found->candidate < search->segments.count);
    const struct segments_group *const in = &found->in[SEGMENTS_CONFIRMATION];
    const struct segments_group *const rest = &found->rest[SEGMENTS_CONFIRMATION];
    const enum baseline which = segments_baseline(&search->figures);
    const double baseline =
        which < BASELINE_COUNT ? figures_baseline(&search->figures, which) : NAN;
    const double share = (double)found->cases / (double)search->figures.closed;
    put_rest(search, rest, baseline, which == BASELINE_BPO, out);
    text_add(out, STR(" — except where "));
    put_rule(search, &search->segments.rows[found->candidate].rule, out);
    text_add(out, STR(" ("));
    put_count_words(out, found->cases);
    text_format(out, " cases, %.0f %%): ", share * 100);
    if (in->resolved == 0) {
        text_format(out, "not one of %lld was resolved, so that an outcome costs ",
                    (long long)in->cases);
        put_usd(out, in->cost_per_outcome.low, decimals_of(in->cost_per_outcome.low));
        text_add(out, STR(" at the least."));
        return;
    }
    text_add(out, search->unpriced_calls > 0 ? STR("at least ") : STR(""));
    put_interval(out, &in->cost_per_outcome);
    if (!isnan(baseline)) {
        text_add(out, STR(", "));
        put_against(out, in->cost_per_outcome.value, baseline);
        text_add(out, STR(" it"));
    }
    if (found->has_parts) {
        put_because(search, found, out);
    }
    text_char(out, '.');
}
