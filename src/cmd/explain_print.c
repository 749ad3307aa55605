/* A case as a timeline for people, as wide as the page. */
#include "cmd/explain_print_priv.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>

#include "base/check.h"

enum {
    ATTEMPTS_AT_END = 4,  /* shown at the head and the tail of the case */
    COLUMNS_WIDE = 170,   /* from here on there is room for every token class and the source */
    COLUMNS_TOKENS = 100, /* for tokens in and out */
    COLUMNS_MIN = 80,
    DECISIONS_MAX = 20,
};

/* What of its cost was wasted. */
static void print_wasted(const struct page *page, const struct explain *explain)
{
    const money_sum wasted = api_explain_wasted(explain);
    struct text *const out = page->out;
    if (wasted == 0) {
        return;
    }
    text_add(out, STR("  wasted      "));
    page_put_usd(out, wasted, 0);
    text_add(out, STR(" of "));
    page_put_usd(out, explain->cost.total_pusd, 0);
    text_format(out, " USD, %.1f %%\n",
                100 * money_usd(wasted) / money_usd(explain->cost.total_pusd));
}

static void print_header(const struct page *page, const struct explain *explain)
{
    struct text *const out = page->out;
    const int width = page->columns - 14;
    text_add(out, STR("Case "));
    (void)page_put_foreign(out, explain->case_id, page->columns);
    text_add(out, STR(" of "));
    (void)page_put_foreign(
        out, explain->workflow.size > 0 ? explain->workflow : STR("unattributed"), page->columns);
    text_char(out, '\n');
    if (explain->as_of_ns != INT64_MAX) {
        text_add(out, STR("  as of       "));
        page_put_time(out, explain->as_of_ns);
        text_add(out, STR(" UTC\n"));
    }
    text_format(out, "  outcome     %s", api_explain_outcome_name(explain));
    if (explain->value_pusd != LEDGER_NULL) {
        text_add(out, STR(", worth "));
        page_put_usd(out, explain->value_pusd, 0);
        text_add(out,
                 explain->value_recorded ? STR(" USD") : STR(" USD (assumed: the workflow's)"));
    }
    text_char(out, '\n');
    print_wasted(page, explain);
    if (explain->named_by == NAMED_BY_SESSION) {
        text_add(out, STR("  named by    its session; nothing in the source names the work\n"));
    }
    if (explain->input_key.size > 0) {
        text_add(out, STR("  input       "));
        (void)page_put_foreign(out, explain->input_key, width);
        if (explain->replicates + explain->replicates_other > 0) {
            text_format(out,
                        "\n              shared with %lld more cases here, %lld of other workflows",
                        (long long)explain->replicates, (long long)explain->replicates_other);
        }
        text_char(out, '\n');
    }
    for (size_t i = 0; i < explain->attribute_count; i++) {
        text_format(out, "  %-10s  ", i == 0 ? "attributes" : "");
        const int used = page_put_foreign(out, explain->attributes[i].name, 40);
        text_add(out, STR(" = "));
        (void)page_put_foreign(out, explain->attributes[i].value, width - used - 3);
        text_char(out, '\n');
    }
}

static void print_cost(const struct page *page, const struct explain *explain)
{
    const struct explain_cost *const cost = &explain->cost;
    const struct {
        const char *name;
        money_sum amount_pusd;
        const char *meaning;
    } parts[] = {
        {"base", cost->base_pusd, "the attempt that resolved it"},
        {"retry tail", cost->retry_tail_pusd, "failed attempts before that"},
        {"sunk", cost->sunk_pusd, "attempts of a case never resolved"},
        {"rework", cost->rework_pusd, "attempts and corrections after it was resolved"},
        {"human", cost->human_pusd, "people's minutes at the workflow's rate"},
        {"open", cost->open_pusd, "no final outcome yet"},
    };
    struct text *const out = page->out;
    text_add(out, STR("\nCost, USD\n"));
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (parts[i].amount_pusd != 0) {
            text_format(out, "  %-12s", parts[i].name);
            page_put_usd(out, parts[i].amount_pusd, 16);
            text_format(out, "   %s\n", parts[i].meaning);
        }
    }
    text_add(out, STR("  total       "));
    page_put_usd(out, cost->total_pusd, 16);
    if (cost->fee_pusd != 0) {
        text_add(out, STR("   of which tool fees "));
        page_put_usd(out, cost->fee_pusd, 0);
    }
    text_char(out, '\n');
    if (explain->unpriced > 0) {
        text_add(out, STR("  The price of "));
        page_put_count(out, explain->unpriced, 0);
        text_add(out, STR(" of the "));
        page_put_count(out, explain->calls, 0);
        text_add(out, STR(" calls is unknown:\n  the total is too low by what they cost.\n"));
    }
}

static void print_outcome(const struct page *page, const struct explain_outcome *outcome)
{
    struct text *const out = page->out;
    text_add(out, STR("  "));
    page_put_time(out, outcome->recorded_ns);
    text_add(out, STR("  "));
    page_put_time(out, outcome->effective_ns);
    text_format(out, "  %-9s  ", api_outcome_status_name(outcome->status));
    text_format(out, "%-8s",
                outcome->counts                        ? "counts"
                : outcome->stands                      ? "earlier"
                : outcome->status == OUTCOME_CANDIDATE ? "-"
                                                       : "revised");
    struct text more;
    text_init(&more, 4096);
    if (outcome->value_pusd != LEDGER_NULL) {
        page_put_usd(&more, outcome->value_pusd, 0);
        text_add(&more, STR(" USD  "));
    }
    if (outcome->human_ms > 0) {
        text_format(&more, "%.1f min  ", (double)outcome->human_ms / 60000);
    }
    if (!isnan(outcome->quality)) {
        text_format(&more, "quality %.2f  ", outcome->quality);
    }
    text_add(&more, outcome->source);
    text_add(&more, outcome->source.size > 0 ? STR("  ") : STR(""));
    text_add(&more, outcome->reference);
    const struct str said = str_trim(text_str(&more));
    if (said.size > 0 && page->columns >= 66 + 24) {
        text_add(out, STR("  "));
        (void)page_put_foreign(out, said, page->columns - 66);
    } else if (said.size > 0) {
        text_add(out, STR("\n      "));
        (void)page_put_foreign(out, said, page->columns - 6);
    }
    text_deinit(&more);
    text_char(out, '\n');
}

static void print_outcomes(const struct page *page, const struct explain *explain)
{
    if (explain->outcome_count == 0) {
        return;
    }
    text_add(page->out, STR("\nOutcomes, UTC\n"
                            "  became known         holds from           status\n"));
    for (size_t i = 0; i < explain->outcome_count; i++) {
        print_outcome(page, &explain->outcomes[i]);
    }
}

static void print_attempts(const struct page *page, const struct explain *explain)
{
    const size_t count = explain->attempt_count;
    for (size_t i = 0; i < count; i++) {
        if (!page->all && i == ATTEMPTS_AT_END && count > (size_t)2 * ATTEMPTS_AT_END + 1) {
            money_sum cost_pusd = 0;
            for (; i < count - ATTEMPTS_AT_END; i++) {
                cost_pusd += explain->attempts[i].cost_pusd;
            }
            text_add(page->out, STR("\n… "));
            page_put_count(page->out, (int64_t)count - 2 * ATTEMPTS_AT_END, 0);
            text_add(page->out, STR(" attempts in between, "));
            page_put_usd(page->out, cost_pusd, 0);
            text_add(page->out, STR(" USD, --all shows them\n"));
        }
        page_print_attempt(page, explain, i);
    }
}

/* What was put on record of a decision, behind what its step tells. */
static void put_recorded(struct text *line, const struct explain_decision *decision)
{
    const struct decision *const r = &decision->recorded;
    const struct {
        const char *before;
        struct str text;
    } parts[] = {{" chose ", str_equal(r->choice, decision->note) ? (struct str){0} : r->choice},
                 {", by rule ", r->rule},
                 {", because ", r->reason},
                 {", overriding ", r->overrides},
                 {", as in ", r->precedents},
                 {", on ", r->evidence}};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (parts[i].text.size > 0) {
            text_format(line, "%s" STR_FORMAT, parts[i].before, STR_ARG(parts[i].text));
        }
    }
}

static void print_decisions(const struct page *page, const struct explain *explain)
{
    struct text *const out = page->out;
    if (explain->decision_count == 0) {
        return;
    }
    text_add(out, STR("\nDecisions and overrides\n"));
    for (size_t i = 0; i < explain->decision_count; i++) {
        const struct explain_decision *const d = &explain->decisions[i];
        if (!page->all && i == DECISIONS_MAX) {
            text_add(out, STR("  … "));
            page_put_count(out, (int64_t)(explain->decision_count - i), 0);
            text_add(out, STR(" more, --all shows them\n"));
            break;
        }
        struct text line;
        text_init(&line, 64 << 10);
        text_format(&line, "attempt %lld, step %lld: ", (long long)d->attempt,
                    (long long)d->number);
        text_add(&line, d->by == EXPLAIN_BY_HUMAN  ? STR("a person")
                        : d->by == EXPLAIN_BY_RULE ? STR("a rule")
                                                   : STR("the agent"));
        text_add(&line, d->overrides == d->number ? STR(" refused ")
                        : d->status == STATUS_OK  ? STR(": ")
                                                  : STR(" said no: "));
        text_add(&line, d->name.size > 0 ? d->name : STR("no name"));
        if (d->overrides != 0 && d->overrides != d->number) {
            text_format(&line, ", against step %lld", (long long)d->overrides);
        }
        if (d->note.size > 0) {
            text_format(&line, ": " STR_FORMAT, STR_ARG(d->note));
        }
        put_recorded(&line, d);
        text_add(out, STR("  "));
        page_put_wrapped(out, text_str(&line), 2, page->columns);
        text_char(out, '\n');
        text_deinit(&line);
    }
}

/* Dollars by label, which with people's time add up to what the case cost. */
static void print_by_label(const struct page *page, const struct explain *explain)
{
    static const char *const meanings[LABEL_COUNT] = {
        [LABEL_ATTEMPT] = "attempts that did not resolve it",
        [LABEL_DUPLICATE] = "done before, nothing changed",
        [LABEL_ERROR] = "failed, then worked",
        [LABEL_IGNORED] = "what came back was never used",
        [LABEL_AFTER] = "looked up after the last change",
        [LABEL_OVERHEAD] = "guards, planning, formatting",
        [LABEL_ESSENTIAL] = "the rest",
    };
    struct text *const out = page->out;
    money_sum people_pusd = explain->cost.total_pusd;
    text_add(out, STR("\nWhat the money went for, USD\n"));
    for (size_t i = 0; i < LABEL_COUNT; i++) {
        const struct explain_label *const label = &explain->labels[i];
        people_pusd -= label->amount_pusd;
        if (label->steps > 0) {
            text_format(out, "  %-16s", label_name(label->label));
            page_put_usd(out, label->amount_pusd, 12);
            page_put_count(out, label->steps, 8);
            text_format(out, " %-5s  %s\n", label->steps == 1 ? "step" : "steps", meanings[i]);
        }
    }
    if (people_pusd != 0) {
        text_add(out, STR("  people's time   "));
        page_put_usd(out, people_pusd, 12);
        text_char(out, '\n');
    }
    text_add(out, STR("  total           "));
    page_put_usd(out, explain->cost.total_pusd, 12);
    text_char(out, '\n');
}

/* How it ended, what that took, and how much of it was wasted. */
static void print_end(const struct page *page, const struct explain *explain)
{
    const struct explain_outcome *const outcome = api_explain_outcome(explain);
    const money_sum wasted = api_explain_wasted(explain);
    struct text *const out = page->out;
    text_add(out, STR("\nEnded: "));
    text_add(out, str_from(api_explain_outcome_name(explain)));
    if (outcome == NULL) {
        text_add(out, STR(", no outcome is known"));
    } else {
        text_add(out, STR(" "));
        page_put_time(out, outcome->effective_ns != LEDGER_NULL ? outcome->effective_ns
                                                                : outcome->recorded_ns);
        if (outcome->source.size > 0) {
            text_add(out, STR(" ("));
            (void)page_put_foreign(out, outcome->source, 24);
            text_add(out, STR(")"));
        }
    }
    text_format(out, "\n  after %zu attempt%s and ", explain->attempt_count,
                explain->attempt_count == 1 ? "" : "s");
    page_put_usd(out, explain->cost.total_pusd, 0);
    text_add(out, STR(" USD, "));
    page_put_usd(out, wasted, 0);
    text_add(out, STR(" of it wasted"));
    if (explain->cost.total_pusd > 0 && wasted > 0) {
        text_format(out, " (%.1f %%)",
                    100 * money_usd(wasted) / money_usd(explain->cost.total_pusd));
    }
    text_add(out, explain->unpriced > 0 ? STR(",\n  as far as prices are known\n") : STR("\n"));
}

void explain_print(struct app *app, const struct explain *explain, bool all, bool with_bodies)
{
    const struct page page = {
        .out = app->out,
        .columns = app->columns == 0            ? INT_MAX
                   : app->columns < COLUMNS_MIN ? COLUMNS_MIN
                                                : app->columns,
        .tokens = app->columns == 0 || app->columns >= COLUMNS_TOKENS,
        .wide = app->columns == 0 || app->columns >= COLUMNS_WIDE,
        .all = all,
    };
    print_header(&page, explain);
    if (!explain->is_known) {
        text_add(app->out, STR("\nNothing was known of it then: no step, no outcome.\n"));
        return;
    }
    if (explain->is_traced) {
        print_cost(&page, explain);
    } else {
        text_add(app->out, STR("\nNo attempt of it was ever seen: what it cost is not known.\n"));
    }
    print_outcomes(&page, explain);
    print_attempts(&page, explain);
    print_decisions(&page, explain);
    if (explain->is_traced) {
        print_by_label(&page, explain);
        print_end(&page, explain);
    }
    page_print_bodies(&page, explain, with_bodies);
}
