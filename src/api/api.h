/*
 * api: the answers, each computed once and as JSON: what the command prints and the server sends.
 *
 *     ledger + settings --store/, attribution/--> figures --> JSON (interfaces.md, docs/report.md)
 *
 * SQL reduces; statistics and words are added here. Not thread-safe: one store, one caller.
 */
#ifndef API_API_H
#define API_API_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/text.h"
#include "budget/budget.h"
#include "model/rates.h"
#include "model/settings.h"
#include "store/store.h"

struct api_request {
    struct str workflow; /* empty: all */
    int64_t since_ns;    /* cases that began then or later; INT64_MIN: no bound */
    int64_t until_ns;    /* cases that began before then; INT64_MAX: no bound */
    int64_t as_of_ns;    /* what was known then; INT64_MAX: all there is */
    int64_t now_ns;      /* for ages */
};

/*
 * Cost per outcome: "bursar.report/1".
 *
 * out  JSON is appended; borrowed.
 *
 * Errors: ERR_NOT_FOUND  the ledger has no such workflow; the text lists those it has.
 *         ERR_STORE; ERR_LIMIT when the answer does not fit the arena.
 */
MUST_CHECK enum errc api_report(struct store *store, const struct settings *settings,
                                const struct api_request *request, struct arena *arena,
                                struct text *out, struct err *err);

/* Return on tokens by kind, of workflows and registered tools: "bursar.return/1". Errors as above;
 * also ERR_CONFIG when a tool names a workflow that the ledger does not have. */
MUST_CHECK enum errc api_returns(struct store *store, const struct settings *settings,
                                 const struct api_request *request, struct arena *arena,
                                 struct text *out, struct err *err);

/* Segments of the workflow whose cost per outcome differs, with the reason: "bursar.segments/1".
 * Errors as of api_report. */
MUST_CHECK enum errc api_segments(struct store *store, const struct settings *settings,
                                  const struct api_request *request, struct arena *arena,
                                  struct text *out, struct err *err);

/* Steps and dollars of one workflow by label, essential to wasted: "bursar.waste/1". Errors as of
 * api_report(). request->workflow is not empty. */
MUST_CHECK enum errc api_waste(struct store *store, const struct settings *settings,
                               const struct api_request *request, struct arena *arena,
                               struct text *out, struct err *err);

struct api_drivers_request {
    struct api_request request;      /* an empty workflow: the whole ledger */
    const struct rate_source *rates; /* borrowed */
};

/* What makes outcomes dear: "bursar.drivers/1" (docs/drivers.md). Errors as above; also
 * ERR_INTEGRITY when calls cost less than their tokens at the price they name. */
MUST_CHECK enum errc api_drivers(struct store *store, const struct settings *settings,
                                 const struct api_drivers_request *request, struct arena *arena,
                                 struct text *out, struct err *err);

struct api_change {
    struct api_request request; /* the workflow, and which values are looked at */
    struct str kpi;             /* empty: all */
    int64_t go_live_ns;         /* INT64_MIN: as configured, else the first case */
};

/*
 * Business figures before and after a workflow went live: "bursar.change/1".
 *
 * Errors: ERR_NOT_FOUND  no such workflow or figure; ERR_USAGE  nothing says when it went live;
 *         ERR_STORE; ERR_LIMIT  a series of more than STATS_SERIES_MAX days.
 */
MUST_CHECK enum errc api_change(struct store *store, const struct settings *settings,
                                const struct api_change *request, struct arena *arena,
                                struct text *out, struct err *err);

/* The figures there are: "bursar.kpis/1". */
MUST_CHECK enum errc api_kpis(struct store *store, struct arena *arena, struct text *out,
                              struct err *err);

struct api_forecast {
    struct api_request request; /* until: foretell as of then; workflow is not used */
    struct str scope;           /* "org", "team:x", "workflow:x" or a workflow; empty: all */
    bool has_budget;            /* of `scope`, in place of a configured one */
    int64_t budget_pusd;
    enum budget_period period; /* of that budget */
};

/*
 * Spend to the end of the period and when budgets end, by scope: "bursar.forecast/1".
 *
 * Errors: ERR_NOT_FOUND  no such scope, or no step with a date; ERR_STORE; ERR_LIMIT.
 */
MUST_CHECK enum errc api_forecast(struct store *store, const struct settings *settings,
                                  const struct api_forecast *request, struct arena *arena,
                                  struct text *out, struct err *err);

enum { API_BUDGET_UNKNOWN_MAX = 100 }; /* calls of a crash that are listed; all are counted */

/* Where the configuration lets calls cost more than was held for them. */
struct api_budget_gap {
    const char *cause; /* "unpriced", "output", "input" */
    struct str where;  /* "route 2 (workflow claims)" */
    struct str why;
    const char *at_most;
    const char *mend; /* NULL: nothing */
};

struct api_budget {
    struct str scope; /* empty: all */
    const struct api_budget_gap *gaps;
    size_t gap_count;
};

/*
 * How the budgets stand: "bursar.budget/1" (docs/budgets.md).
 *
 * Errors: ERR_NOT_FOUND  the scope has no limit; ERR_LIMIT; those of zone_read().
 */
MUST_CHECK enum errc api_budgets(const struct budget_standing *standing,
                                 const struct api_budget *request, struct arena *arena,
                                 struct text *out, struct err *err);

#endif
