/* app/run_priv: what run.c shares with run_help.c. */
#ifndef APP_RUN_PRIV_H
#define APP_RUN_PRIV_H

#include "app/run.h"

enum { RUN_COMMON_OPTIONS = 6 };

/* Options every command takes. */
extern const struct option run_common_options[RUN_COMMON_OPTIONS];

void run_print_help(struct text *out, const struct command *command);
/* Of every command its name and what it is for. */
void run_print_overview(struct text *out);

#endif
