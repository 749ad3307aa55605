/* app/run: a command line, as typed in a shell or asked of the server. */
#ifndef APP_RUN_H
#define APP_RUN_H

#include "app/app.h"

/* NULL: there is none of that name. */
const struct command *run_find(struct str name);

/*
 * Run the command argv names; argv[0] is the program. What it prints is in app->out.
 *
 * app  home, window and json are set from the options.
 *
 * Errors: ERR_USAGE  no such command or option; else what the command returns.
 */
MUST_CHECK enum errc run_command_line(struct app *app, int argc, char **argv, struct err *err);

#endif
