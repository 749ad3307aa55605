/*
 * render: what people read: tables that fit a width, wrapped paragraphs, figures with units.
 *
 *     JSON of api/ --render_report()--> text
 *
 * Reports are drawn from their JSON and from nothing else, so that both always say the same.
 * Text from the ledger is cleaned of control characters before it is printed.
 */
#ifndef RENDER_RENDER_H
#define RENDER_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/text.h"

enum { RENDER_COLUMNS_DEFAULT = 80, RENDER_COLUMNS_MIN = 60, RENDER_CELLS_MAX = 16 };

struct render {
    struct arena *arena;
    struct text *out;
    int width; /* columns */
    bool full; /* the arena was too small; asked once, at the end */
};

/* width  of the terminal; 0 for a pipe. */
struct render render_start(struct arena *arena, struct text *out, int width);
MUST_CHECK enum errc render_end(const struct render *render, struct err *err);

/* ---- text */

struct str render_format(struct render *render, const char *format, ...) PRINTF_LIKE(2, 3);
/* Without control characters, which could drive a terminal. */
struct str render_clean(struct render *render, struct str text);
/* Characters shown, each taken as one column wide. */
size_t render_columns(struct str text);
/* A paragraph, wrapped; lines after the first are indented by `indent`. */
void render_wrap(struct render *render, size_t first, size_t indent, struct str text);
/* "label  text", wrapped under itself. */
void render_note(struct render *render, const char *label, struct str text);
void render_heading(struct render *render, const char *text);

/* ---- figures; "-" where there is none */

/* Decimals that show an amount: cents from $0.1, three significant digits below, none from $1,000.
 */
int render_decimals(double usd);
/* The same, and enough to tell the ends of the interval from the value. */
int render_estimate_decimals(struct json estimate);
/* "$1,235", "$0.84", "$0.0123". */
struct str render_usd(struct render *render, double usd);
struct str render_usd_at(struct render *render, double usd, int decimals);
/* The same of an exact amount in JSON. */
struct str render_money(struct render *render, struct json amount);
struct str render_money_at(struct render *render, struct json amount, int decimals);
/* Decimals an exact amount in JSON has. */
int render_money_decimals(struct json amount);
/* An amount in JSON as a number; NaN when it is none. */
double render_money_usd(struct json amount);
struct str render_count(struct render *render, int64_t count);
/* A share: "92.3 %" with `decimals`. */
struct str render_share(struct render *render, double share, int decimals);
/* "+150 %" of a number in per cent; from ten-fold on "10.5 x". */
struct str render_signed(struct render *render, double number, const char *unit);
/* "[0.79, 0.90]" of an estimate, with fixed decimals and its values multiplied by `scale`. Empty
 * without an interval; an open end is written as such. */
struct str render_interval(struct render *render, struct json estimate, double scale, int decimals);
/* "a ticket", "an invoice"; "tickets", "policies". */
struct str render_article(struct render *render, struct str unit);
struct str render_plural(struct render *render, struct str unit, int64_t count);

/* ---- tables */

struct render_column {
    const char *title;
    bool right;
    int rank; /* 0: never left out; else those of the highest rank go first when width is short */
};

struct render_table {
    const struct render_column *columns; /* [column_count], borrowed */
    size_t column_count;
    struct str *rows; /* cells, row after row; owned by the arena */
    size_t count;
    size_t capacity;
};

/* cells  [column_count]; an empty one stays blank. A column blank in every row is left out. */
void render_row(struct render *render, struct render_table *table, const struct str *cells);
void render_print(struct render *render, const struct render_table *table);

/* ---- reports */

/*
 * report  "bursar.report/1"; borrowed.
 * named   whether one workflow was asked for: then its detail alone is shown.
 *
 * Errors: ERR_LIMIT when the arena is too small.
 */
MUST_CHECK enum errc render_report(struct json report, bool named, int width, struct arena *arena,
                                   struct text *out, struct err *err);
/* What of a report is not known or was not measured, in words; a part of render_report(). */
void render_unknown(struct render *render, struct json report);

/* credit  "bursar.credit/1"; borrowed. */
MUST_CHECK enum errc render_credit(struct json credit, int width, struct arena *arena,
                                   struct text *out, struct err *err);

/* route  "bursar.route/1"; borrowed. */
MUST_CHECK enum errc render_route(struct json route, int width, struct arena *arena,
                                  struct text *out, struct err *err);

/* returns  "bursar.return/1"; borrowed. */
MUST_CHECK enum errc render_returns(struct json returns, int width, struct arena *arena,
                                    struct text *out, struct err *err);

/* utility  "bursar.utility/1"; borrowed. */
MUST_CHECK enum errc render_utility(struct json utility, int width, struct arena *arena,
                                    struct text *out, struct err *err);

/* variance  "bursar.variance/1"; borrowed. */
MUST_CHECK enum errc render_variance(struct json variance, int width, struct arena *arena,
                                     struct text *out, struct err *err);
/* report  "bursar.change/1"; borrowed. */
MUST_CHECK enum errc render_change(struct json report, int width, struct arena *arena,
                                   struct text *out, struct err *err);
/* list  "bursar.kpis/1"; borrowed. */
MUST_CHECK enum errc render_kpis(struct json list, int width, struct arena *arena, struct text *out,
                                 struct err *err);

/* segments  "bursar.segments/1"; borrowed. */
MUST_CHECK enum errc render_segments(struct json segments, int width, struct arena *arena,
                                     struct text *out, struct err *err);

/* waste  "bursar.waste/1"; borrowed. */
MUST_CHECK enum errc render_waste(struct json waste, int width, struct arena *arena,
                                  struct text *out, struct err *err);

/* report  "bursar.drivers/1"; borrowed. */
MUST_CHECK enum errc render_drivers(struct json report, int width, struct arena *arena,
                                    struct text *out, struct err *err);

/* report  "bursar.forecast/1"; borrowed. */
MUST_CHECK enum errc render_forecast(struct json report, int width, struct arena *arena,
                                     struct text *out, struct err *err);

/* standing  "bursar.budget/1"; borrowed. */
MUST_CHECK enum errc render_budgets(struct json standing, int width, struct arena *arena,
                                    struct text *out, struct err *err);

#endif
