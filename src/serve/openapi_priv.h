/* serve/openapi_priv: what openapi.c shares with openapi_parameters.c. */
#ifndef SERVE_OPENAPI_PRIV_H
#define SERVE_OPENAPI_PRIV_H

#include "app/run.h"
#include "serve/openapi.h"

enum { OPENAPI_NAME_BYTES_MAX = 64 };

/* One way to ask a command, as a line of its synopsis has it. */
struct openapi_form {
    const struct command *command;
    struct str line;
    struct args *args; /* its words that stand for themselves */
    enum ledger_use use;
};

void openapi_put_member(struct text *out, const char *name, const char *value);

/* Whether an option may be asked for over HTTP: none that names a file. */
bool openapi_is_offered(const struct option *option);
/* Whether a word of a synopsis stands for itself. */
bool openapi_is_word(struct str word);
void openapi_put_option(struct text *out, const struct option *option);
void openapi_put_arguments(struct text *out, const struct openapi_form *form);

#endif
