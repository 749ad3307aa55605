/* The steps of an attempt, a line each, and why the wasted ones were. */
#include "cmd/explain_print_priv.h"

#include <limits.h>

#include "base/check.h"

enum {
    WHAT_COLUMNS_MAX = 64, /* on a wide page, before the source */
    SOURCE_COLUMNS = 48,
    LEFT_COLUMNS = 55, /* before what a step was */
    LEFT_COLUMNS_WIDE = 106,
    WHY_INDENT = 10,
    REASON_BYTES_MAX = 64 << 10,
};

/* What a step was: whether it failed, sub-agent, tool or model. */
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
}

static void print_tokens(const struct page *page, const struct explain_step *step)
{
    struct text *const out = page->out;
    const int64_t *const counts = step->usage.counts;
    if (!page->tokens) {
        return;
    }
    if (step->kind != STEP_LLM) {
        text_repeat(out, ' ', page->wide ? 51 : 18);
    } else if (page->wide) {
        const int64_t written = counts[USAGE_CACHE_WRITE_5M] + counts[USAGE_CACHE_WRITE_1H];
        page_put_count(out, usage_input_total(&step->usage) - counts[USAGE_CACHE_READ] - written,
                       11);
        page_put_count(out, counts[USAGE_CACHE_READ], 12);
        page_put_count(out, written, 12);
        page_put_count(out, counts[USAGE_OUTPUT] + counts[USAGE_OUTPUT_AUDIO], 8);
        page_put_count(out, step->usage.reasoning, 8);
    } else {
        page_put_count(out, usage_input_total(&step->usage), 10);
        page_put_count(out, counts[USAGE_OUTPUT] + counts[USAGE_OUTPUT_AUDIO], 8);
    }
}

static int what_columns(const struct page *page, bool source)
{
    const int left = page->wide     ? LEFT_COLUMNS_WIDE
                     : page->tokens ? LEFT_COLUMNS + 18
                                    : LEFT_COLUMNS;
    if (!source) {
        return page->columns - left;
    }
    const int room = page->columns - left - 2 - SOURCE_COLUMNS;
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
    (void)page_put_foreign(page->out, name,
                           page->columns == INT_MAX ? INT_MAX : SOURCE_COLUMNS - 7);
    text_format(page->out, ":%lld", (long long)step->line);
}

/* Reasons that say more than the label and the line of the step do. */
static bool speaks(const struct explain_step *step)
{
    switch (step->reason) {
    case REASON_SAME:
    case REASON_SAME_UNSURE:
    case REASON_SAME_FAILED:
    case REASON_REPAIRED_SAME:
    case REASON_REPAIRED:
    case REASON_IGNORED:
    case REASON_UNREAD:
    case REASON_REPAIR:
    case REASON_FAILED:
    case REASON_REFUSAL:
        return true;
    case REASON_RETRIED:
    case REASON_SUNK:
    case REASON_GUARD:
    case REASON_PLANNING:
    case REASON_ANSWER:
    case REASON_CALL:
    case REASON_CHANGE:
    case REASON_REJECTED:
    case REASON_INTERRUPTED:
    case REASON_PERSON:
    case REASON_DECISION:
    case REASON_LOOKUP:
    case REASON_OTHER:
    case REASON_ISSUED_ONE:
    case REASON_ISSUED:
    case REASON_CALL_FAILED:
    case REASON_COUNT:
        return false;
    }
    return false;
}

static void put_why(const struct page *page, struct str why)
{
    if (why.size > 0) {
        text_repeat(page->out, ' ', WHY_INDENT);
        (void)page_put_foreign(page->out, why, page->columns - WHY_INDENT);
        text_char(page->out, '\n');
    }
}

/* Why the step was wasted and for what, or where a call's cost went, on lines of their own. */
static void print_why(const struct page *page, const struct explain_step *step)
{
    struct text why;
    text_init(&why, REASON_BYTES_MAX);
    if (speaks(step)) {
        label_put_reason(&why, step->reason, step->ref, step->name);
    }
    for (size_t i = 0; i < step->split_count; i++) {
        text_add(&why, i == 0 ? STR("of it ") : STR(", "));
        text_format(&why, "%s ", label_name(step->split[i].label));
        page_put_usd(&why, step->split[i].amount_pusd, 0);
    }
    put_why(page, text_str(&why));
    text_clear(&why);
    const int64_t own_pusd = step->cost_pusd != LEDGER_NULL ? step->cost_pusd : 0;
    if (step->label < LABEL_OVERHEAD && speaks(step) && step->carried_pusd != own_pusd) {
        page_put_usd(&why, step->carried_pusd, 0);
        text_add(&why, STR(" USD with its share of the call that asked for it"));
        put_why(page, text_str(&why));
    }
    text_deinit(&why);
}

static void print_step(const struct page *page, const struct explain_step *step, int64_t began_ns)
{
    struct text *const out = page->out;
    text_format(out, "%6lld ", (long long)step->number);
    if (step->started_ns != LEDGER_NULL && began_ns != LEDGER_NULL) {
        page_put_span(out, step->started_ns - began_ns, 8);
    } else {
        text_add(out, STR("       -"));
    }
    text_format(out, " %-9s", api_step_kind_name(step->kind));
    print_tokens(page, step);
    if (step->cost_basis == COST_UNPRICED) {
        text_add(out, STR("  unpriced"));
    } else if (step->cost_pusd != LEDGER_NULL) {
        page_put_usd(out, step->cost_pusd, 10);
    } else {
        text_add(out, STR("         -"));
    }
    text_format(out, "  %-16s  ", label_name(step->label));
    struct text what;
    text_init(&what, REASON_BYTES_MAX);
    describe(step, &what);
    const bool source = page->wide && step->path.size > 0;
    const int room = what_columns(page, source);
    /* Of a call of the gateway: why that model; on a wide page what was held, and its request. */
    const struct str note = page->wide ? step->note : api_explain_reason(step->note);
    const bool fits = api_explain_request(step->note).size == 0 ||
                      page_columns(text_str(&what)) + 2 + page_columns(note) <= room;
    if (note.size > 0 && fits) {
        text_format(&what, "  " STR_FORMAT, STR_ARG(note));
    }
    const int used = page_put_foreign(out, text_str(&what), room);
    if (source) {
        text_repeat(out, ' ', (size_t)(used < room ? room - used : 0) + 2);
        print_source(page, step);
    }
    text_deinit(&what);
    text_char(out, '\n');
    if (!fits) {
        text_repeat(out, ' ', WHY_INDENT);
        page_put_wrapped(out, note, WHY_INDENT, page->columns);
        text_char(out, '\n');
    }
    print_why(page, step);
}

/* "essential 0.31, wasted/duplicate 0.02": the attempt's cost by label. */
static void print_labels(const struct page *page, const struct explain *explain,
                         const struct explain_attempt *attempt)
{
    struct text line;
    text_init(&line, 1 << 10);
    for (size_t i = LABEL_COUNT; i-- > 0;) {
        if (attempt->labels[i] != 0) {
            text_add(&line, line.size > 0 ? STR(", ") : STR(""));
            text_format(&line, "%s ", label_name((enum step_label)i));
            page_put_usd(&line, attempt->labels[i], 0);
        }
    }
    if (attempt->part == EXPLAIN_FAILED_BEFORE) {
        size_t resolving = 0;
        while (explain->attempts[resolving].part != EXPLAIN_RESOLVING) {
            resolving++;
            CHECK(resolving < explain->attempt_count);
        }
        text_add(&line, line.size > 0 ? STR(": ") : STR(""));
        label_put_reason(&line, REASON_RETRIED, (int64_t)resolving + 1, STR(""));
    } else if (attempt->part == EXPLAIN_FAILED) {
        text_add(&line, line.size > 0 ? STR(": ") : STR(""));
        label_put_reason(&line, REASON_SUNK, LABELS_REF_NONE, STR(""));
    }
    if (line.size > 0) {
        text_add(page->out, STR("  "));
        (void)page_put_foreign(page->out, text_str(&line), page->columns - 2);
        text_char(page->out, '\n');
    }
    text_deinit(&line);
}

/* The steps between two that are shown. */
static void print_gap(const struct page *page, const struct explain_step *before,
                      const struct explain_step *step)
{
    const int64_t own_pusd = step->cost_pusd != LEDGER_NULL ? step->cost_pusd : 0;
    const int64_t count = step->number - before->number - 1;
    CHECK(count > 0);
    text_add(page->out, STR("     … "));
    page_put_count(page->out, count, 0);
    text_add(page->out, count == 1 ? STR(" step in between, ") : STR(" steps in between, "));
    page_put_usd(page->out, step->until_pusd - own_pusd - before->until_pusd, 0);
    text_add(page->out, STR(" USD, --all shows them\n"));
}

void page_print_attempt(const struct page *page, const struct explain *explain, size_t index)
{
    const struct explain_attempt *const attempt = &explain->attempts[index];
    struct text *const out = page->out;
    text_format(out, "\nAttempt %zu of %zu: %s, ", index + 1, explain->attempt_count,
                api_explain_part_text(attempt->part));
    page_put_usd(out, attempt->cost_pusd, 0);
    text_add(out, STR(" USD, "));
    page_put_count(out, attempt->calls, 0);
    text_add(out, STR(" calls, "));
    page_put_count(out, attempt->step_count_all, 0);
    text_add(out, STR(" steps"));
    text_add(out, STR("\n  "));
    if (attempt->started_ns != LEDGER_NULL) {
        page_put_time(out, attempt->started_ns);
        text_add(out, STR(" UTC, "));
        const bool ended = attempt->ended_ns >= attempt->started_ns;
        page_put_span(out, ended ? attempt->ended_ns - attempt->started_ns : 0, 0);
        text_add(out, STR("  "));
    }
    if (attempt->agent.size > 0) {
        (void)page_put_foreign(out, attempt->agent, 28);
        text_add(out, STR("  "));
    }
    (void)page_put_foreign(out, attempt->id.size > 0 ? attempt->id : STR("-"), page->columns - 66);
    text_char(out, '\n');
    print_labels(page, explain, attempt);
    if (attempt->step_count == 0) {
        return;
    }
    text_add(out, STR("     #     time kind     "));
    text_add(out, page->wide     ? STR("   uncached   cache read cache write  output  reason")
                  : page->tokens ? STR("     input  output")
                                 : STR(""));
    text_add(out, STR("       USD  label             what\n"));
    for (size_t i = 0; i < attempt->step_count; i++) {
        const struct explain_step *const step = &attempt->steps[i];
        if (i > 0 && step->number > attempt->steps[i - 1].number + 1) {
            print_gap(page, &attempt->steps[i - 1], step);
        }
        print_step(page, step, attempt->started_ns);
    }
}
