/* app/run: a command line, as typed in a shell or asked of the server. */
#ifndef APP_RUN_H
#define APP_RUN_H

#include "app/app.h"

/* NULL: there is none of that name. */
const struct command *run_find(struct str name);

/* Every command, in the order in which the help names them. The program that links this folder has
 * them (cmd/commands.c). */
extern const struct command *const run_table[]; /* [run_table_count] */
extern const size_t run_table_count;
/* Over HTTP: whether a parameter is an argument of the command, by its name, unless an option has
 * that name. "arg" always is. */
bool run_is_argument(const struct command *command, struct str name);

/* What the command does with the ledger when it is given these arguments. */
enum ledger_use run_use_of(const struct command *command, const struct args *args);

/* The same of a command line. Errors: ERR_NOT_FOUND  no such command;
 * ERR_USAGE  a wrong option; ERR_LIMIT. */
MUST_CHECK enum errc run_use(struct arena *arena, int argc, char **argv, enum ledger_use *out,
                             struct err *err);

/* Whether it asks for what not every reader of reports may see; a line that is wrong does not. */
bool run_confides(struct arena *arena, int argc, char **argv);

/*
 * Run the command argv names; argv[0] is the program. What it prints is in app->out.
 *
 * app  home, window and json are set from the options.
 *
 * Errors: ERR_USAGE  no such command or option; else what the command returns.
 */
MUST_CHECK enum errc run_command_line(struct app *app, int argc, char **argv, struct err *err);

#endif
