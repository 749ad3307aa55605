/* cmd/budget_bound: where bursar.yaml lets calls cost more than was held for them. */
#ifndef CMD_BUDGET_BOUND_H
#define CMD_BUDGET_BOUND_H

#include "api/api.h"
#include "model/settings.h"

/* Errors: ERR_LIMIT  they do not fit the arena. */
MUST_CHECK enum errc budget_bound(const struct settings *settings, struct arena *arena,
                                  struct api_budget *io, struct err *err);

#endif
