/* api/figures_priv: what figures.c shares with bootstrap.c and explain.c. */
#ifndef API_FIGURES_PRIV_H
#define API_FIGURES_PRIV_H

#include "api/api_priv.h"

/* Fill the tables workflow_settings and case_costs, one row a case. Errors: ERR_STORE. */
MUST_CHECK enum errc figures_create_costs(struct store *store, const struct settings *settings,
                                          const struct api_request *request, struct err *err);

/* In a list still sorted by name; the unattributed figures for "". NULL: none. */
struct figures *figures_named(struct figures_list *list, struct str workflow);

/* Intervals of every workflow: delta method, or bootstrap where counts are small. The list is
 * sorted by name. */
MUST_CHECK enum errc figures_add_intervals(struct store *store, struct arena *arena,
                                           struct figures_list *list, struct err *err);

#endif
