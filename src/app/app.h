/* app: the program: commands, options, environment, configuration. The only folder that prints. */
#ifndef APP_APP_H
#define APP_APP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/text.h"
#include "store/store.h"

enum { ARGS_POSITIONAL_MAX = 4096, ARGS_OPTIONS_MAX = 32 };

struct settings;

struct option {
    const char *name;  /* "--at" */
    const char *value; /* "DATE"; NULL: a flag */
    const char *help;
};

struct args {
    const char *positional[ARGS_POSITIONAL_MAX]; /* behind the command's name */
    size_t positional_count;
    const struct option *given[ARGS_OPTIONS_MAX];
    const char *values[ARGS_OPTIONS_MAX]; /* "" for a flag */
    size_t given_count;
};

/* The last value given for an option, "" for a flag given, NULL when absent. */
const char *args_get(const struct args *args, const char *name);

/* What every command is handed; built by main(), nothing of it global. */
struct app {
    struct str home;        /* directory, absolute */
    struct str config_path; /* of bursar.yaml, whether it exists or not */
    bool config_named;      /* by --config: then it must exist */
    bool json;
    int64_t now_ns;
    int64_t since_ns;                /* INT64_MIN: no bound */
    int64_t until_ns;                /* INT64_MAX: no bound */
    int columns;                     /* width of the terminal; 0: output goes to a pipe or a file */
    struct store *ledger;            /* the server's own, in the server; NULL: a command opens it */
    const struct settings *settings; /* the server's, in the server; NULL: a command reads them */
    struct str actor;                /* who asks, for the audit trail; empty: this process's user */
    struct arena *arena;
    struct text *out; /* printed by main() when the command is done */
};

struct command {
    const char *name;
    const char *synopsis; /* "MODEL --usage JSON [--at DATE]"; several lines allowed */
    const char *summary;  /* one line for the list */
    const char *about;    /* paragraphs for --help */
    const char *example;  /* a command line that works */
    const struct option *options;
    size_t option_count;
    bool reads_ledger;     /* and nothing else: while a server holds the ledger, it runs them */
    size_t positional_max; /* arguments it takes; ARGS_POSITIONAL_MAX: any number */
    enum errc (*run)(struct app *app, const struct args *args, struct err *err);
};

#define X(name) extern const struct command cmd_##name;
#include "app/commands.def"
#undef X

/* The ledger for reading. Errors: those of store_open(). */
MUST_CHECK enum errc app_open_ledger(struct app *app, struct store **out, struct err *err);
void app_close_ledger(const struct app *app, struct store **store);

/* "12,345" in `text`, borrowed from it. */
struct str app_count(int64_t count, char *text, size_t size);

/* Print what is in app->out now, for commands that show results as they come. */
void app_flush(struct app *app);

#endif
