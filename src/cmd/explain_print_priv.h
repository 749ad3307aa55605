/* cmd/explain_print_priv: the page of a timeline, what the files that print it
 * share. */
#ifndef CMD_EXPLAIN_PRINT_PRIV_H
#define CMD_EXPLAIN_PRINT_PRIV_H

#include "cmd/explain_print.h"

struct page {
    struct text *out;
    int columns; /* INT_MAX: a pipe, nothing is cut */
    bool tokens; /* there is room for tokens in and out */
    bool wide;   /* there is room for every token class and the source */
    bool all;    /* every attempt */
};

/* Foreign text at most `width` characters wide, controls as spaces: it may hold escape codes.
 * Returns the width used. */
int page_put_foreign(struct text *out, struct str text, int width);
/* How wide that is. */
int page_columns(struct str text);
/* The same over several lines of `columns`, all but the first of them indented. indent < columns.
 */
void page_put_wrapped(struct text *out, struct str text, int indent, int columns);
/* "0.084213", right-aligned in `width`. */
void page_put_usd(struct text *out, money_sum amount_pusd, int width);
/* "12,345" */
void page_put_count(struct text *out, int64_t count, int width);
/* "2026-11-22 10:00:00", UTC; "-" when it is LEDGER_NULL. */
void page_put_time(struct text *out, int64_t time_ns);
/* "1:02:03" */
void page_put_span(struct text *out, int64_t span_ns, int width);

/* One attempt with its steps. index < explain->attempt_count. */
void page_print_attempt(const struct page *page, const struct explain *explain, size_t index);

/* How many of its calls have bodies that are kept; with_bodies: and what they are. */
void page_print_bodies(const struct page *page, const struct explain *explain, bool with_bodies);

#endif
