/* api/figures_priv: what figures.c shares with figures_fold.c and bootstrap.c. */
#ifndef API_FIGURES_PRIV_H
#define API_FIGURES_PRIV_H

#include "api/api_priv.h"

struct figures figures_empty(const struct settings *settings, struct str workflow);

/* Rows of QUERY_report_workflows, which come sorted by workflow: so does the list until it is done.
 * Errors: ERR_LIMIT when the arena is full. */
MUST_CHECK enum errc figures_fold_workflows(const struct settings *settings,
                                            const struct store_result *r, struct arena *arena,
                                            struct figures_list *list, struct err *err);
/* Rows of QUERY_report_steps or QUERY_report_steps_window; the list is sorted by name. */
void figures_fold_steps(const struct store_result *r, struct figures_list *list);

/* In a list still sorted by name; the unattributed figures for "". NULL: none. */
struct figures *figures_named(struct figures_list *list, struct str workflow);

/* Intervals of every workflow: delta method, or bootstrap where counts are small. The list is
 * sorted by name. */
MUST_CHECK enum errc figures_add_intervals(struct store *store, struct arena *arena,
                                           struct figures_list *list, struct err *err);

#endif
