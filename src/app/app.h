/* app: what every command is handed, and how a command is described. */
#ifndef APP_APP_H
#define APP_APP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/text.h"
#include "store/store.h"

struct bodies_keeper;
struct budget;
struct inbox;
struct price_book;
struct settings;

enum { ARGS_POSITIONAL_MAX = 4096, ARGS_OPTIONS_MAX = 32 };

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
/* The same as a text, empty when absent. */
struct str args_str(const struct args *args, const char *name);

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
    struct budget *budget;           /* likewise; NULL: a command reads the log it left */
    const struct settings *in_force; /* that `budget` goes by */
    struct bodies_keeper *bodies;    /* the server's own; NULL: a command opens the files */
    const struct settings *settings; /* the server's, in the server; NULL: a command reads them */
    struct inbox *inbox; /* in the server, of a command that writes: lends the store to write */
    struct str cwd;      /* in the server, where relative paths begin; empty: in this process's */
    bool no_paths;       /* in the server: who asks over HTTP names none of its files */
    struct str actor;    /* who asks, for the audit trail; empty: this process's user */
    const atomic_bool *stop; /* in the server: set when it ends; NULL: nobody sets it */
    struct arena *arena;
    struct text *out; /* printed by main() when the command is done */
};

/* What a command line does with the ledger: while a server holds it, the server runs what uses it.
 */
enum ledger_use { LEDGER_UNUSED, LEDGER_READ, LEDGER_WRITTEN };

struct command {
    const char *name;
    const char *synopsis; /* "MODEL --usage JSON [--at DATE]"; several lines allowed */
    const char *summary;  /* one line for the list */
    const char *about;    /* paragraphs for --help */
    const char *example;  /* a command line that works */
    const struct option *options;
    size_t option_count;
    bool reads_ledger; /* and nothing else, whatever the arguments */
    /* Of a command whose arguments decide; NULL: reads_ledger says it. */
    enum ledger_use (*use)(const struct args *args);
    /* Whether these arguments ask for what not every reader of reports may see; NULL: never. */
    bool (*confides)(const struct args *args);
    size_t positional_max; /* arguments it takes; ARGS_POSITIONAL_MAX: any number */
    enum errc (*run)(struct app *app, const struct args *args, struct err *err);
};

/*
 * Read the configuration this run goes by: app->settings where there are some, else
 * app->config_path, or the defaults where there is no such file and --config did not name it.
 *
 * out  owned by app->arena, or by whoever set app->settings.
 *
 * Errors: ERR_NOT_FOUND  --config names a file that is not there; ERR_IO.
 *         ERR_CONFIG     "file:line: key: what is wrong; what is allowed".
 *         ERR_LIMIT      too large, or the arena is full.
 */
MUST_CHECK enum errc app_settings(struct app *app, const struct settings **out, struct err *err);

/*
 * The shipped book with the `prices` of bursar.yaml over it; owned by app->arena.
 *
 * Errors: those of the configuration, naming file, line and key.
 */
MUST_CHECK enum errc app_price_book(struct app *app, const struct price_book **out,
                                    struct err *err);

/* The ledger for reading. Errors: those of store_open(). */
MUST_CHECK enum errc app_open_ledger(struct app *app, struct store **out, struct err *err);
void app_close_ledger(const struct app *app, struct store **store);

/* The ledger for writing, opened or, in the server, borrowed; whatever is not committed when it is
 * closed is gone. Errors: those of store_open(). */
MUST_CHECK enum errc app_open_writer(struct app *app, struct store **out, struct err *err);
void app_close_writer(const struct app *app, struct store **store);

/*
 * Where a file is that the command line names, for opening it; what is printed is what was named.
 *
 * out  NUL-terminated, owned by app->arena, or `named` itself.
 *
 * Errors: ERR_USAGE  who asks may not name files. ERR_LIMIT.
 */
MUST_CHECK enum errc app_path(struct app *app, const char *named, const char **out,
                              struct err *err);

/* "12,345" in `text`, borrowed from it. */
struct str app_count(int64_t count, char *text, size_t size);

/* Print what is in app->out now, for commands that show results as they come. */
void app_flush(struct app *app);

#endif
