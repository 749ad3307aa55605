/* api/credit: the value of cases shared among those who worked on them: "bursar.credit/1". */
#ifndef API_CREDIT_H
#define API_CREDIT_H

#include "api/api.h"

enum credit_by { CREDIT_BY_AGENT, CREDIT_BY_MODEL, CREDIT_BY_TOOL, CREDIT_BY_COUNT };

extern const char *const credit_by_names[CREDIT_BY_COUNT];

struct credit_request {
    struct api_request common;   /* its workflow is not looked at */
    const struct str *workflows; /* [workflow_count], at least 1; several: the chain they make */
    size_t workflow_count;
    enum credit_by by; /* of one workflow: who shares */
};

/*
 * Errors: ERR_NOT_FOUND  a workflow is not in the ledger; the text lists those there are.
 *         ERR_USAGE      a workflow named twice, or more of them than can share.
 *         ERR_STORE; ERR_LIMIT when the answer does not fit the arena.
 */
MUST_CHECK enum errc api_credit(struct store *store, const struct settings *settings,
                                const struct credit_request *request, struct arena *arena,
                                struct text *out, struct err *err);

#endif
