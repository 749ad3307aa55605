/*
 * api/utility: what the next dollar buys in a workflow, and where to cap a case.
 *
 *     ledger + settings --store/, attribution/utility--> JSON "bursar.utility/1" (docs/utility.md)
 */
#ifndef API_UTILITY_H
#define API_UTILITY_H

#include "api/api.h"

struct utility_request {
    struct api_request about; /* one workflow */
    const int64_t *caps_pusd; /* [cap_count] in any order, none negative; 0: a grid is made */
    size_t cap_count;         /* at most UTILITY_CAPS_MAX */
};

/*
 * out  JSON is appended; borrowed.
 *
 * Errors: ERR_NOT_FOUND  the ledger has no such workflow; the text lists those it has.
 *         ERR_CONFIG     a baseline beyond what the ledger's amounts hold.
 *         ERR_STORE; ERR_LIMIT when the answer does not fit the arena.
 */
MUST_CHECK enum errc api_utility(struct store *store, const struct settings *settings,
                                 const struct utility_request *request, struct arena *arena,
                                 struct text *out, struct err *err);

#endif
