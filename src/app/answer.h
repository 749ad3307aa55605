/* app/answer: a report of api/, printed as its JSON or drawn from it. */
#ifndef APP_ANSWER_H
#define APP_ANSWER_H

#include "api/api.h"
#include "app/app.h"
#include "base/json.h"

struct answer {
    /* Append the JSON. `request` is what answer_print() was handed. */
    enum errc (*compute)(struct store *store, const struct settings *settings, const void *request,
                         struct arena *arena, struct text *json, struct err *err);
    /* Draw it for people; width 0: a pipe. */
    enum errc (*render)(struct json report, int width, struct arena *arena, struct text *out,
                        struct err *err);
};

/* What the common options say, and the one workflow named: ERR_USAGE when there is none and
 * `workflow_needed`. */
MUST_CHECK enum errc answer_request(const struct app *app, const struct args *args,
                                    bool workflow_needed, struct api_request *out, struct err *err);

/* Read the configuration, open the ledger for reading, compute, print. */
MUST_CHECK enum errc answer_print(struct app *app, const struct answer *answer, const void *request,
                                  struct err *err);

#endif
