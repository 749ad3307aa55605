/* cmd/explain_print: struct explain -> the timeline that bursar explain prints. */
#ifndef CMD_EXPLAIN_PRINT_H
#define CMD_EXPLAIN_PRINT_H

#include "api/explain.h"
#include "app/app.h"

/* Foreign text is shown without its control characters; on a terminal lines are cut to fit it.
 *
 * all          every attempt, not only the first and the last of many.
 * with_bodies  those of its calls that are kept, whole. */
void explain_print(struct app *app, const struct explain *explain, bool all, bool with_bodies);

#endif
