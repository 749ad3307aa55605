/* api/figures_priv: what figures.c shares with bootstrap.c. */
#ifndef API_FIGURES_PRIV_H
#define API_FIGURES_PRIV_H

#include "api/api_priv.h"

/* In a list still sorted by name; the unattributed figures for "". NULL: none. */
struct figures *figures_named(struct figures_list *list, struct str workflow);

/* Intervals of every workflow: delta method, or bootstrap where counts are small. The list is
 * sorted by name. */
MUST_CHECK enum errc figures_add_intervals(struct store *store, struct arena *arena,
                                           struct figures_list *list, struct err *err);

#endif
