/* api/explain_priv: what explain.c shares with explain_rows.c. */
#ifndef API_EXPLAIN_PRIV_H
#define API_EXPLAIN_PRIV_H

#include "api/explain.h"

/* ERR_LIMIT: the case is too large. */
enum errc explain_full(const struct arena *arena, struct err *err);

/* Attempts, steps, labels and decisions; the cost is read already. */
MUST_CHECK enum errc explain_read_steps(struct store *store, const struct explain_request *request,
                                        uint64_t case_key, struct arena *arena,
                                        struct explain *explain, struct err *err);

/* explain_bodies.c: what was kept of its calls; after the steps were read. */
MUST_CHECK enum errc explain_read_bodies(struct store *store, const struct explain_request *request,
                                         uint64_t case_key, struct arena *arena,
                                         struct explain *explain, struct err *err);

#endif
