/* outcome_cli: the parts of `bursar outcome`. */
#ifndef CMD_OUTCOME_CLI_H
#define CMD_OUTCOME_CLI_H

#include "app/app.h"
#include "model/trace.h"

/* "resolved"; of a status that can be stated. Static storage. */
const char *outcome_cli_word(enum outcome_status status);

/* The outcome that the arguments of `outcome add` state. Its texts are the arguments'.
 * Errors: ERR_USAGE, naming what is wrong and what is allowed. */
MUST_CHECK enum errc outcome_cli_read(const struct app *app, const struct args *args,
                                      struct outcome *out, struct err *err);

#endif
