/* A command line: find the command, sort its options, run it. */
#include "app/run_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/remote.h"
#include "base/check.h"
#include "base/clock.h"

const struct option run_common_options[RUN_COMMON_OPTIONS] = {
    {"--home", "DIR", "where the ledger lives (default $BURSAR_HOME or the XDG data directory)"},
    {"--config", "FILE", "configuration (default DIR/bursar.yaml)"},
    {"--since", "TIME", "cases that began then or later: 30d, 2026-11-01, 2026-11-01T10:00:00Z"},
    {"--until", "TIME", "cases that began before then"},
    {"--json", NULL, "print JSON"},
    {"--help", NULL, "print this"},
};

const char *args_get(const struct args *args, const char *name)
{
    CHECK(args != NULL);
    CHECK(name != NULL);
    for (size_t i = args->given_count; i > 0; i--) {
        if (strcmp(args->given[i - 1]->name, name) == 0) {
            return args->values[i - 1];
        }
    }
    return NULL;
}

struct str args_str(const struct args *args, const char *name)
{
    const char *const value = args_get(args, name);
    return value != NULL ? str_from(value) : STR("");
}

struct str app_count(int64_t count, char *text, size_t size)
{
    char digits[24];
    const int length = snprintf(digits, sizeof digits, "%lld", (long long)count);
    CHECK(length > 0);
    size_t used = 0;
    for (int i = 0; i < length; i++) {
        const int left = length - i;
        if (i > 0 && left % 3 == 0 && digits[i - 1] != '-') {
            text[used++] = ',';
        }
        text[used++] = digits[i];
        CHECK(used + 2 < size);
    }
    return (struct str){text, used};
}

static const struct option *find_option(const struct option *options, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal(name, str_from(options[i].name))) {
            return &options[i];
        }
    }
    return NULL;
}

/* Sort argv behind the command's name into options and positionals; "--" ends the options. */
static enum errc parse_args(const struct command *command, int argc, char **argv, struct args *args,
                            struct err *err)
{
    bool options_end = false;
    for (int i = 0; i < argc; i++) {
        const struct str word = str_from(argv[i]);
        if (options_end || word.size < 2 || word.data[0] != '-') {
            if (args->positional_count == ARGS_POSITIONAL_MAX) {
                return err_set(err, ERR_USAGE, "more than %d arguments", ARGS_POSITIONAL_MAX);
            }
            args->positional[args->positional_count++] = argv[i];
            continue;
        }
        if (word.size == 2 && word.data[1] == '-') {
            options_end = true;
            continue;
        }
        struct str rest = word;
        struct str name = str_cut(&rest, '=');
        name = str_equal(name, STR("-h")) ? STR("--help") : name;
        const struct option *option = find_option(command->options, command->option_count, name);
        if (option == NULL) {
            option = find_option(run_common_options, RUN_COMMON_OPTIONS, name);
        }
        if (option == NULL) {
            return err_set(err, ERR_USAGE, "unknown option " STR_FORMAT "; see bursar %s --help",
                           STR_ARG(name), command->name);
        }
        if (args->given_count == ARGS_OPTIONS_MAX) {
            return err_set(err, ERR_USAGE, "more than %d options", ARGS_OPTIONS_MAX);
        }
        const char *value = "";
        if (option->value != NULL && name.size < word.size) {
            value = argv[i] + name.size + 1;
        } else if (option->value != NULL && i + 1 < argc) {
            value = argv[++i];
        } else if (option->value != NULL) {
            return err_set(err, ERR_USAGE, "%s wants %s behind it", option->name, option->value);
        }
        args->given[args->given_count] = option;
        args->values[args->given_count++] = value;
    }
    return ERR_OK;
}

static struct str print_path(struct arena *arena, const char *a, const char *b)
{
    char path[4096];
    const int size = snprintf(path, sizeof path, "%s%s", a, b);
    CHECK(size > 0);
    const size_t used = (size_t)size < sizeof path ? (size_t)size : sizeof path - 1;
    return arena_copy(arena, (struct str){path, used});
}

/* --home, else $BURSAR_HOME, else $XDG_DATA_HOME/bursar, else ~/.local/share/bursar. */
static enum errc find_home(struct app *app, const struct args *args, struct err *err)
{
    const char *const named = args_get(args, "--home");
    const char *const bursar = getenv("BURSAR_HOME");
    const char *const data = getenv("XDG_DATA_HOME");
    const char *const user = getenv("HOME");
    if (named != NULL && named[0] != '\0') {
        app->home = print_path(app->arena, named, "");
    } else if (bursar != NULL && bursar[0] != '\0') {
        app->home = print_path(app->arena, bursar, "");
    } else if (data != NULL && data[0] == '/') {
        app->home = print_path(app->arena, data, "/bursar");
    } else if (user != NULL && user[0] == '/') {
        app->home = print_path(app->arena, user, "/.local/share/bursar");
    } else {
        return err_set(err, ERR_USAGE,
                       "no home directory is known; give --home DIR or set BURSAR_HOME");
    }
    const char *const config = args_get(args, "--config");
    app->config_named = config != NULL;
    app->config_path = config != NULL ? print_path(app->arena, config, "")
                                      : print_path(app->arena, app->home.data, "/bursar.yaml");
    return ERR_OK;
}

/* In the server, which has its own home: a command typed on its machine may name a configuration.
 */
static enum errc name_config(struct app *app, const struct args *args, struct err *err)
{
    const char *const config = args_get(args, "--config");
    const char *path = NULL;
    if (config == NULL) {
        return ERR_OK;
    }
    const enum errc code = app_path(app, config, &path, err);
    if (code == ERR_OK) {
        app->config_named = true;
        app->config_path = str_from(path);
    }
    return code;
}

static enum errc read_window(struct app *app, const struct args *args, struct err *err)
{
    const struct {
        const char *name;
        int64_t *bound;
    } bounds[] = {{"--since", &app->since_ns}, {"--until", &app->until_ns}};
    for (size_t i = 0; i < COUNT_OF(bounds); i++) {
        const char *const value = args_get(args, bounds[i].name);
        if (value != NULL &&
            clock_parse_relative(str_from(value), app->now_ns, bounds[i].bound, err) != ERR_OK) {
            err_prefix(err, "%s: ", bounds[i].name);
            return ERR_USAGE;
        }
    }
    return ERR_OK;
}

/* Options of every command may also stand before its name: `at` is the place of the name. */
static enum errc read_args(const struct command *command, struct arena *arena, int argc,
                           char **argv, int at, struct args **out, struct err *err)
{
    struct args *const args = arena_new(arena, struct args, 1); /* large for a stack */
    if (args == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for the command line");
    }
    enum errc code = parse_args(command, at - 1, argv + 1, args, err);
    if (code == ERR_OK) {
        code = parse_args(command, argc - at - 1, argv + at + 1, args, err);
    }
    *out = args;
    return code;
}

static enum errc run_command(const struct command *command, struct app *app, int argc, char **argv,
                             int at, struct err *err)
{
    struct args *args = NULL;
    enum errc code = read_args(command, app->arena, argc, argv, at, &args, err);
    if (code != ERR_OK) {
        return code;
    }
    if (args_get(args, "--help") != NULL) {
        run_print_help(app->out, command);
        return ERR_OK;
    }
    if (args->positional_count > command->positional_max) {
        return err_set(err, ERR_USAGE, "bursar %s does not take \"%s\"; see bursar %s --help",
                       command->name, args->positional[command->positional_max], command->name);
    }
    app->json = args_get(args, "--json") != NULL;
    bool ran = false;
    const bool is_server = app->ledger != NULL || app->inbox != NULL;
    const enum ledger_use use = run_use_of(command, args);
    code = is_server ? name_config(app, args, err) : find_home(app, args, err);
    if (code == ERR_OK && !is_server && use != LEDGER_UNUSED) {
        code = remote_run(app, argc, argv, at, use, &ran, err);
    }
    if (code != ERR_OK || ran) {
        return code;
    }
    code = read_window(app, args, err);
    if (code == ERR_OK && app->since_ns > app->until_ns) {
        return err_set(err, ERR_USAGE, "--since is later than --until: nothing is between them");
    }
    return code == ERR_OK ? command->run(app, args, err) : code;
}

const struct command *run_find(struct str name)
{
    for (size_t i = 0; i < run_table_count; i++) {
        if (str_equal(name, str_from(run_table[i]->name))) {
            return run_table[i];
        }
    }
    return NULL;
}

/* Where the command's name is: behind options such as --home DIR; argc when there is none. */
static int find_name(int argc, char **argv)
{
    int at = 1;
    while (at < argc && argv[at][0] == '-') {
        const struct option *const option =
            find_option(run_common_options, RUN_COMMON_OPTIONS, str_from(argv[at]));
        if (option == NULL && strchr(argv[at], '=') == NULL) {
            return at;
        }
        at += option != NULL && option->value != NULL ? 2 : 1;
    }
    return at < argc ? at : argc;
}

enum errc run_command_line(struct app *app, int argc, char **argv, struct err *err)
{
    CHECK(app != NULL);
    CHECK(argc > 0);
    const int at = find_name(argc, argv);
    const struct str name = at < argc ? str_from(argv[at]) : STR("--help");
    const struct command *const command = run_find(name);
    if (str_equal(name, STR("--help")) || str_equal(name, STR("-h")) ||
        str_equal(name, STR("help"))) {
        run_print_overview(app->out);
        return ERR_OK;
    }
    if (str_equal(name, STR("--version"))) {
        return run_find(STR("version"))->run(app, &(struct args){0}, err);
    }
    if (command == NULL) {
        return err_set(err, ERR_USAGE, "no command \"" STR_FORMAT "\"; bursar --help lists them",
                       STR_ARG(name));
    }
    return run_command(command, app, argc, argv, at, err);
}

enum errc run_use(struct arena *arena, int argc, char **argv, enum ledger_use *out, struct err *err)
{
    CHECK(argc > 0);
    CHECK(out != NULL);
    const int at = find_name(argc, argv);
    const struct command *const command = at < argc ? run_find(str_from(argv[at])) : NULL;
    struct args *args = NULL;
    if (command == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no such command");
    }
    const enum errc code = read_args(command, arena, argc, argv, at, &args, err);
    if (code == ERR_OK) {
        *out = run_use_of(command, args);
    }
    return code;
}

bool run_confides(struct arena *arena, int argc, char **argv)
{
    CHECK(argc > 0);
    const int at = find_name(argc, argv);
    const struct command *const command = at < argc ? run_find(str_from(argv[at])) : NULL;
    struct args *args = NULL;
    struct err err;
    return command != NULL && command->confides != NULL &&
           read_args(command, arena, argc, argv, at, &args, &err) == ERR_OK &&
           command->confides(args);
}

bool run_is_argument(const struct command *command, struct str name)
{
    static const char *const names[] = {"workflow", "case", "scope", "model"};
    CHECK(command != NULL);
    for (size_t i = 0; i < command->option_count; i++) {
        if (str_equal(name, str_from(command->options[i].name + 2))) {
            return false;
        }
    }
    bool found = str_equal(name, STR("arg"));
    for (size_t i = 0; i < COUNT_OF(names) && !found; i++) {
        found = str_equal(name, str_from(names[i]));
    }
    return found;
}

enum ledger_use run_use_of(const struct command *command, const struct args *args)
{
    CHECK(command != NULL);
    if (args_get(args, "--help") != NULL) {
        return LEDGER_UNUSED;
    }
    return command->use != NULL    ? command->use(args)
           : command->reads_ledger ? LEDGER_READ
                                   : LEDGER_UNUSED;
}
