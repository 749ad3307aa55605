/* A case as a timeline for people, as wide as the page. */
#include "app/explain_print.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"

enum {
    ATTEMPTS_AT_END = 4, /* shown at the head and the tail of the case */
    COLUMNS_WIDE = 170,  /* from here on there is room for every token class and the source */
    COLUMNS_MIN = 80,
    WHAT_COLUMNS_MAX = 64, /* on a wide page, before the source */
    SOURCE_COLUMNS = 48,
};

struct page {
    struct text *out;
    int columns; /* INT_MAX: a pipe, nothing is cut */
    bool wide;
    bool all;
};

/* Bytes of the UTF-8 character at text[at]; 1 for what is none. */
static size_t character_size(struct str text, size_t at)
{
    const unsigned char lead = (unsigned char)text.data[at];
    const size_t size = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return at + size <= text.size ? size : 1;
}

/* Foreign text at most `width` characters wide, controls as spaces: it may hold escape codes.
 * Returns the width used. */
static int put_foreign(struct text *out, struct str text, int width)
{
    int used = 0;
    for (size_t at = 0; at < text.size;) {
        size_t size = character_size(text, at);
        if (used == width - 1 && at + size < text.size) {
            text_add(out, STR("…"));
            return used + 1;
        }
        const unsigned char lead = (unsigned char)text.data[at];
        const bool control = lead < 0x20 || lead == 0x7f || (lead >= 0x80 && size == 1) ||
                             (lead == 0xc2 && (unsigned char)text.data[at + 1] < 0xa0);
        text_add(out, control ? STR(" ") : (struct str){text.data + at, size});
        at += size;
        used++;
    }
    return used;
}

static void put_usd(struct text *out, money_sum amount_pusd, int width)
{
    char text[MONEY_TEXT_BYTES_MAX];
    money_print_rounded(amount_pusd, 6, text);
    text_format(out, "%*s", width, text);
}

/* "12,345" */
static void put_count(struct text *out, int64_t count, int width)
{
    char text[MONEY_TEXT_BYTES_MAX];
    money_print_rounded((money_sum)count * MONEY_PUSD_PER_USD, 0, text);
    text_format(out, "%*s", width, text);
}

/* "2026-11-22 10:00:00", UTC */
static void put_time(struct text *out, int64_t time_ns)
{
    char text[CLOCK_TEXT_BYTES_MAX];
    if (time_ns == LEDGER_NULL) {
        text_add(out, STR("-                  "));
        return;
    }
    clock_print(time_ns, text);
    text_format(out, "%.10s %.8s", text, text + 11);
}

/* "1:02:03" */
static void put_span(struct text *out, int64_t span_ns, int width)
{
    char text[40];
    const int64_t seconds = span_ns / CLOCK_NS_PER_SECOND;
    snprintf(text, sizeof text, "%s%lld:%02d:%02d", span_ns < 0 ? "-" : "",
             (long long)llabs(seconds / 3600), abs((int)(seconds / 60 % 60)),
             abs((int)(seconds % 60)));
    text_format(out, "%*s", width, text);
}

static void print_header(const struct page *page, const struct explain *explain)
{
    struct text *const out = page->out;
    const int width = page->columns - 14;
    text_add(out, STR("Case "));
    (void)put_foreign(out, explain->case_id, page->columns);
    text_add(out, STR(" of "));
    (void)put_foreign(out, explain->workflow.size > 0 ? explain->workflow : STR("unattributed"),
                      page->columns);
    text_char(out, '\n');
    if (explain->as_of_ns != INT64_MAX) {
        text_add(out, STR("  as of       "));
        put_time(out, explain->as_of_ns);
        text_add(out, STR(" UTC\n"));
    }
    text_format(out, "  outcome     %s", api_explain_outcome_name(explain));
    if (explain->value_pusd != LEDGER_NULL) {
        text_add(out, STR(", worth "));
        put_usd(out, explain->value_pusd, 0);
        text_add(out,
                 explain->value_recorded ? STR(" USD") : STR(" USD (assumed: the workflow's)"));
    }
    text_char(out, '\n');
    if (explain->named_by == NAMED_BY_SESSION) {
        text_add(out, STR("  named by    its session; nothing in the source names the work\n"));
    }
    if (explain->input_key.size > 0) {
        text_add(out, STR("  input       "));
        (void)put_foreign(out, explain->input_key, width);
        if (explain->replicates + explain->replicates_other > 0) {
            text_format(out,
                        "\n              shared with %lld more cases here, %lld of other workflows",
                        (long long)explain->replicates, (long long)explain->replicates_other);
        }
        text_char(out, '\n');
    }
    for (size_t i = 0; i < explain->attribute_count; i++) {
        text_format(out, "  %-10s  ", i == 0 ? "attributes" : "");
        const int used = put_foreign(out, explain->attributes[i].name, 40);
        text_add(out, STR(" = "));
        (void)put_foreign(out, explain->attributes[i].value, width - used - 3);
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
            put_usd(out, parts[i].amount_pusd, 16);
            text_format(out, "   %s\n", parts[i].meaning);
        }
    }
    text_add(out, STR("  total       "));
    put_usd(out, cost->total_pusd, 16);
    if (cost->fee_pusd != 0) {
        text_add(out, STR("   of which tool fees "));
        put_usd(out, cost->fee_pusd, 0);
    }
    text_char(out, '\n');
    if (explain->unpriced > 0) {
        text_add(out, STR("  The price of "));
        put_count(out, explain->unpriced, 0);
        text_add(out, STR(" of the "));
        put_count(out, explain->calls, 0);
        text_add(out, STR(" calls is unknown:\n  the total is too low by what they cost.\n"));
    }
}

static void print_outcome(const struct page *page, const struct explain_outcome *outcome)
{
    struct text *const out = page->out;
    text_add(out, STR("  "));
    put_time(out, outcome->recorded_ns);
    text_add(out, STR("  "));
    put_time(out, outcome->effective_ns);
    text_format(out, "  %-9s  ", api_outcome_status_name(outcome->status));
    text_format(out, "%-8s",
                outcome->counts                        ? "counts"
                : outcome->stands                      ? "earlier"
                : outcome->status == OUTCOME_CANDIDATE ? "-"
                                                       : "revised");
    struct text more;
    text_init(&more, 4096);
    if (outcome->value_pusd != LEDGER_NULL) {
        put_usd(&more, outcome->value_pusd, 0);
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
        (void)put_foreign(out, said, page->columns - 66);
    } else if (said.size > 0) {
        text_add(out, STR("\n      "));
        (void)put_foreign(out, said, page->columns - 6);
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

/* What a step was: whether it failed, sub-agent, tool or model, its note. */
static void describe(const struct explain_step *step, struct text *what)
{
    if (step->status != STATUS_OK) {
        text_add(what, step->status == STATUS_ERROR      ? STR("ERROR ")
                       : step->status == STATUS_REJECTED ? STR("REJECTED ")
                                                         : STR("INTERRUPTED "));
    }
    if (step->agent.size > 0) {
        text_format(what, STR_FORMAT " > ", STR_ARG(step->agent));
    }
    if (step->kind == STEP_LLM) {
        text_add(what, step->model.size > 0 ? step->model : STR("model unknown"));
    } else {
        text_add(what, step->name.size > 0 ? step->name : STR("-"));
    }
    if (step->human_ms > 0) {
        text_format(what, "  %.1f min", (double)step->human_ms / 60000);
    }
    if (step->note.size > 0) {
        text_format(what, "  " STR_FORMAT, STR_ARG(step->note));
    }
}

static void print_tokens(const struct page *page, const struct explain_step *step)
{
    struct text *const out = page->out;
    const int64_t *const counts = step->usage.counts;
    if (step->kind != STEP_LLM) {
        text_repeat(out, ' ', page->wide ? 51 : 18);
    } else if (page->wide) {
        const int64_t written = counts[USAGE_CACHE_WRITE_5M] + counts[USAGE_CACHE_WRITE_1H];
        put_count(out, usage_input_total(&step->usage) - counts[USAGE_CACHE_READ] - written, 11);
        put_count(out, counts[USAGE_CACHE_READ], 12);
        put_count(out, written, 12);
        put_count(out, counts[USAGE_OUTPUT] + counts[USAGE_OUTPUT_AUDIO], 8);
        put_count(out, step->usage.reasoning, 8);
    } else {
        put_count(out, usage_input_total(&step->usage), 10);
        put_count(out, counts[USAGE_OUTPUT] + counts[USAGE_OUTPUT_AUDIO], 8);
    }
}

static int what_columns(const struct page *page)
{
    const int room = page->columns - 89 - SOURCE_COLUMNS;
    return room < WHAT_COLUMNS_MAX ? room : WHAT_COLUMNS_MAX;
}

static void print_source(const struct page *page, const struct explain_step *step)
{
    struct str name = step->path;
    if (page->columns != INT_MAX) {
        while (str_find(name, STR("/")) != SIZE_MAX) {
            (void)str_cut(&name, '/');
        }
    }
    (void)put_foreign(page->out, name, page->columns == INT_MAX ? INT_MAX : SOURCE_COLUMNS - 7);
    text_format(page->out, ":%lld", (long long)step->line);
}

static void print_step(const struct page *page, const struct explain_step *step, int64_t began_ns)
{
    struct text *const out = page->out;
    text_format(out, "%6lld ", (long long)step->number);
    if (step->started_ns != LEDGER_NULL && began_ns != LEDGER_NULL) {
        put_span(out, step->started_ns - began_ns, 8);
    } else {
        text_add(out, STR("       -"));
    }
    text_format(out, " %-9s", api_step_kind_name(step->kind));
    print_tokens(page, step);
    if (step->cost_basis == COST_UNPRICED) {
        text_add(out, STR("  unpriced"));
    } else if (step->cost_pusd != LEDGER_NULL) {
        put_usd(out, step->cost_pusd, 10);
    } else {
        text_add(out, STR("         -"));
    }
    text_add(out, STR("  "));
    struct text what;
    text_init(&what, 64 << 10);
    describe(step, &what);
    const bool source = page->wide && step->path.size > 0;
    const int room = source ? what_columns(page) : page->columns - 56;
    const int used = put_foreign(out, text_str(&what), room);
    if (source) {
        text_repeat(out, ' ', (size_t)(used < room ? room - used : 0) + 2);
        print_source(page, step);
    }
    text_deinit(&what);
    text_char(out, '\n');
}

static void print_attempt(const struct page *page, const struct explain *explain, size_t index)
{
    const struct explain_attempt *const attempt = &explain->attempts[index];
    struct text *const out = page->out;
    text_format(out, "\nAttempt %zu of %zu: %s, ", index + 1, explain->attempt_count,
                api_explain_part_text(attempt->part));
    put_usd(out, attempt->cost_pusd, 0);
    text_add(out, STR(" USD, "));
    put_count(out, attempt->calls, 0);
    text_add(out, STR(" calls, "));
    put_count(out, attempt->step_count_all, 0);
    text_add(out, STR(" steps"));
    text_add(out, STR("\n  "));
    if (attempt->started_ns != LEDGER_NULL) {
        put_time(out, attempt->started_ns);
        text_add(out, STR(" UTC, "));
        const bool ended = attempt->ended_ns >= attempt->started_ns;
        put_span(out, ended ? attempt->ended_ns - attempt->started_ns : 0, 0);
        text_add(out, STR("  "));
    }
    if (attempt->agent.size > 0) {
        (void)put_foreign(out, attempt->agent, 28);
        text_add(out, STR("  "));
    }
    (void)put_foreign(out, attempt->id.size > 0 ? attempt->id : STR("-"), page->columns - 66);
    text_char(out, '\n');
    if (attempt->step_count == 0) {
        return;
    }
    text_add(out, page->wide
                      ? STR("     #     time kind        uncached   cache read cache write"
                            "  output  reason       USD  what\n")
                      : STR("     #     time kind          input  output       USD  what\n"));
    for (size_t i = 0; i < attempt->step_count; i++) {
        const struct explain_step *const step = &attempt->steps[i];
        const int64_t before = i > 0 ? attempt->steps[i - 1].number : step->number - 1;
        if (step->number != before + 1) {
            text_add(out, STR("     … "));
            put_count(out, step->number - before - 1, 0);
            text_add(out, STR(" steps in between, --all shows them\n"));
        }
        print_step(page, step, attempt->started_ns);
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
            put_count(page->out, (int64_t)count - 2 * ATTEMPTS_AT_END, 0);
            text_add(page->out, STR(" attempts in between, "));
            put_usd(page->out, cost_pusd, 0);
            text_add(page->out, STR(" USD, --all shows them\n"));
        }
        print_attempt(page, explain, i);
    }
}

void explain_print(struct app *app, const struct explain *explain, bool all)
{
    const struct page page = {
        .out = app->out,
        .columns = app->columns == 0            ? INT_MAX
                   : app->columns < COLUMNS_MIN ? COLUMNS_MIN
                                                : app->columns,
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
}
