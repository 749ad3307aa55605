/* app/remote: a command asked of the server that holds the ledger. */
#ifndef APP_REMOTE_H
#define APP_REMOTE_H

#include "app/app.h"

/*
 * Ask the server of this home, if one is running, to run the command line; its output goes to
 * app->out.
 *
 * at       place of the command's name in argv.
 * use      what it does with the ledger, for what is said when the answer is lost.
 * out_ran  whether a server ran it; then the result is that command's. Otherwise nothing happened,
 *          and the command is to be run here.
 */
MUST_CHECK enum errc remote_run(struct app *app, int argc, char **argv, int at, enum ledger_use use,
                                bool *out_ran, struct err *err);

/* Whether a server of this home takes connections. */
bool remote_is_there(const struct app *app);

#endif
