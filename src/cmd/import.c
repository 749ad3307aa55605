/* import: files and folders into the ledger, with progress, a summary and what was not taken. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "app/app.h"
#include "app/audit.h"
#include "app/import.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "model/settings.h"

static const struct option options[] = {
    {"--format", "NAME",
     "claude-code, codex, gemini-cli, tau2, otlp or table (default: by its looks)"},
    {"--map", "FILE", "a table map: which columns of a CSV, JSONL or Parquet file are what"},
    {"--workflow", "NAME", "workflow of cases that name none (default: the format's name)"},
};

/* The one thing a signal handler may touch. */
static atomic_bool stop_asked;

static void on_interrupt(int signal)
{
    (void)signal;
    atomic_store(&stop_asked, true);
}

static void catch_interrupts(void)
{
    const struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    CHECK(sigaction(SIGINT, &action, NULL) == 0);
    CHECK(sigaction(SIGTERM, &action, NULL) == 0);
    const struct sigaction ignore = {.sa_handler = SIG_IGN}; /* a full disk is told as an error */
    CHECK(sigaction(SIGXFSZ, &ignore, NULL) == 0);
}

struct bar {
    int64_t started_ns;
    int64_t shown_ns;
};

enum { BAR_EVERY_NS = 100000000 };

/* One line on the terminal, at most ten times a second: share, size, rate, time left. */
static void show_progress(void *context, const struct ingest_progress *progress)
{
    struct bar *const bar = context;
    const int64_t now_ns = clock_monotonic_ns();
    if (now_ns - bar->shown_ns < BAR_EVERY_NS) {
        return;
    }
    bar->shown_ns = now_ns;
    const double seconds = (double)(now_ns - bar->started_ns) / 1e9;
    const double done = (double)progress->bytes_done / 1e6;
    const double all = (double)progress->bytes / 1e6;
    const double rate = seconds > 0 ? done / seconds : 0;
    fprintf(stderr, "\r%3.0f %%  %lld of %lld files  %.0f of %.0f MB  %.0f MB/s  %.0f s left  ",
            all > 0 ? done / all * 100 : 100, (long long)progress->files_done,
            (long long)progress->files, done, all, rate, rate > 0 ? (all - done) / rate : 0);
    fflush(stderr);
}

/* A line of the summary; what did not happen is not told. */
static void print_count(struct text *out, const char *label, int64_t count, const char *unit)
{
    if (count == 0) {
        return;
    }
    char number[32];
    const struct str all = app_count(count, number, sizeof number);
    text_format(out, "  %-18s %14.*s%s%s\n", label, STR_ARG(all), unit[0] != '\0' ? " " : "", unit);
}

/* Whether the ledger is another one now. */
static bool has_added(const struct ingest_summary *summary)
{
    return summary->steps_added + summary->steps_replaced + summary->cases_added +
               summary->outcomes_added + summary->candidates_added + summary->kpis_added +
               summary->kpis_corrected >
           0;
}

static void print_text(struct app *app, const struct ingest_summary *summary)
{
    struct text *const out = app->out;
    char cost[MONEY_TEXT_BYTES_MAX];
    money_print_rounded(summary->cost_pusd, 4, cost);
    const bool added = has_added(summary);
    text_format(out, added ? "Imported into " STR_FORMAT "\n" : "Nothing new for " STR_FORMAT "\n",
                STR_ARG(app->home));
    print_count(out, "files read", summary->files, "");
    print_count(out, "files unchanged", summary->files_unchanged, "");
    print_count(out, "files ignored", summary->files_ignored, "of no known format");
    print_count(out, "model calls", summary->calls_added, "");
    print_count(out, "steps in all", summary->steps_added, "");
    print_count(out, "already known", summary->steps_known, "steps, counted once");
    print_count(out, "fuller readings", summary->steps_replaced, "steps replaced");
    print_count(out, "new cases", summary->cases_added, "");
    print_count(out, "outcomes", summary->outcomes_added, "");
    print_count(out, "candidates", summary->candidates_added,
                "commits and pull requests that may be outcomes");
    print_count(out, "business figures", summary->kpis_added, "values");
    print_count(out, "corrected", summary->kpis_corrected, "values of business figures");
    print_count(out, "unpriced", summary->unpriced_added, "calls, their cost is unknown");
    print_count(out, "not taken", summary->rejected, "lines or rows");
    if (added) {
        text_format(out, "  %-18s %14s USD\n", "cost added", cost);
    }
    for (size_t i = 0; i < summary->corrections_shown; i++) {
        text_format(out, "%s  %s\n", i == 0 ? "\nCorrected\n" : "", summary->corrections[i].text);
    }
    for (size_t i = 0; i < summary->rejects_shown; i++) {
        text_format(out, "%s  %s\n", i == 0 ? "\nNot taken\n" : "", summary->rejects[i].text);
    }
    import_print_rest(out, summary);
}

static void print_json(struct app *app, const struct ingest_summary *summary)
{
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {
        {"files", summary->files},
        {"files_unchanged", summary->files_unchanged},
        {"files_ignored", summary->files_ignored},
        {"bytes", summary->bytes},
        {"steps", summary->steps_added},
        {"calls", summary->calls_added},
        {"steps_known", summary->steps_known},
        {"steps_replaced", summary->steps_replaced},
        {"cases", summary->cases_added},
        {"outcomes", summary->outcomes_added},
        {"outcome_candidates", summary->candidates_added},
        {"kpis", summary->kpis_added},
        {"kpis_corrected", summary->kpis_corrected},
        {"unpriced_calls", summary->unpriced_added},
        {"rejected", summary->rejected},
    };
    struct text *const out = app->out;
    json_open_object(out);
    json_name(out, "schema");
    json_put_text(out, "bursar.import/1");
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        json_name(out, counts[i].name);
        json_put_int64(out, counts[i].value);
    }
    json_name(out, "cost");
    json_put_money(out, summary->cost_pusd);
    import_put_texts(out, "rejects", summary->rejects, summary->rejects_shown);
    json_close_object(out);
    text_char(out, '\n');
}

static struct str about_of(struct app *app, const struct args *args)
{
    struct text about;
    text_init(&about, 4096);
    text_add(&about, STR("import"));
    for (size_t i = 0; i < args->positional_count; i++) {
        text_format(&about, " %s", args->positional[i]);
    }
    const struct str kept = arena_copy(app->arena, text_str(&about));
    text_deinit(&about);
    return kept;
}

/* One line in the audit trail when the ledger is another one now. */
static enum errc leave_trail(struct app *app, struct str about,
                             const struct ingest_summary *summary, struct err *err)
{
    if (!has_added(summary)) {
        return ERR_OK;
    }
    char cost[MONEY_TEXT_BYTES_MAX];
    char detail[256];
    money_print(summary->cost_pusd, cost);
    const int size = snprintf(
        detail, sizeof detail, "%lld steps, %lld replaced, %lld cases, %lld outcomes, %s USD",
        (long long)summary->steps_added, (long long)summary->steps_replaced,
        (long long)summary->cases_added, (long long)summary->outcomes_added, cost);
    CHECK(size > 0);
    return app_audit(app, "import", about, str_from(detail), err);
}

/* Where the files are that the command line names. */
struct places {
    const char **paths; /* [args->positional_count] */
    const char *map;    /* NULL: none */
};

static enum errc find_places(struct app *app, const struct args *args, struct places *out,
                             struct err *err)
{
    out->paths = arena_new(app->arena, const char *, args->positional_count);
    out->map = args_get(args, "--map");
    if (out->paths == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for the names of the files");
    }
    enum errc code = out->map != NULL ? app_path(app, out->map, &out->map, err) : ERR_OK;
    for (size_t i = 0; i < args->positional_count && code == ERR_OK; i++) {
        code = app_path(app, args->positional[i], &out->paths[i], err);
        if (code == ERR_OK && access(out->paths[i], F_OK) != 0) {
            code = err_set(err, ERR_NOT_FOUND, "%s: %s", args->positional[i], strerror(errno));
        }
    }
    return code;
}

static enum errc import(struct app *app, const struct args *args, const struct places *places,
                        const struct settings *settings, struct err *err)
{
    struct bar bar = {.started_ns = clock_monotonic_ns()};
    const bool is_server = app->inbox != NULL; /* signals and the terminal are not this command's */
    const struct ingest_options ingest_options = {
        .workflow = args_str(args, "--workflow"),
        .format = args_str(args, "--format"),
        .map = str_from(places->map),
        .correlation = settings->correlation,
        .stop = is_server ? app->stop : &stop_asked,
        .progress = !is_server && isatty(STDERR_FILENO) == 1 ? show_progress : NULL,
        .context = &bar,
    };
    struct store *store = NULL;
    struct ingest *ingest = NULL;
    const struct str about = about_of(app, args);
    enum errc code = import_begin(app, about, &store, &ingest, err);
    if (code != ERR_OK) {
        return code;
    }
    if (!is_server) {
        catch_interrupts();
    }
    code = ingest_paths(ingest, &ingest_options, places->paths, args->positional_count, err);
    if (bar.shown_ns > 0) {
        fprintf(stderr, "\r%78s\r", "");
    }
    if (app->json) {
        print_json(app, ingest_summary(ingest));
    } else if (code == ERR_OK || has_added(ingest_summary(ingest))) {
        print_text(app, ingest_summary(ingest));
    }
    struct err trail;
    const enum errc trailed = leave_trail(app, about, ingest_summary(ingest), &trail);
    if (code == ERR_OK && trailed != ERR_OK) {
        *err = trail;
        code = trailed;
    }
    import_end(app, &store, &ingest);
    return code;
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    CHECK(app != NULL);
    if (args->positional_count == 0) {
        return err_set(err, ERR_USAGE, "import wants a file or directory, such as ~/.claude");
    }
    memory_keep_freed();
    struct places places;
    const struct settings *settings = NULL;
    enum errc code = find_places(app, args, &places, err); /* before a ledger is made for nothing */
    if (code == ERR_OK) {
        code = app_settings(app, &settings, err);
    }
    return code == ERR_OK ? import(app, args, &places, settings, err) : code;
}

static enum ledger_use use(const struct args *args)
{
    CHECK(args != NULL);
    return LEDGER_WRITTEN;
}

const struct command cmd_import = {
    .name = "import",
    .synopsis = "[--format NAME] [--workflow NAME] PATH…\n--map FILE [--workflow NAME] PATH…",
    .summary = "read agent logs and tables into the ledger",
    .about =
        "Reads the session logs of Claude Code, Codex CLI and Gemini CLI, tau2-bench results,\n"
        "OpenTelemetry (OTLP) requests in files, and any CSV, JSONL or Parquet table a map\n"
        "describes (docs/table-maps.md). Directories are walked; .gz is read; a directory with a\n"
        "map.yaml is read by that map. Each call is counted once, however many lines, files or\n"
        "imports report it. Importing again reads only what is new and changes nothing else; an\n"
        "import cut off is completed by running it again.",
    .example = "bursar import ~/.claude/projects ~/.codex/sessions",
    .options = options,
    .option_count = COUNT_OF(options),
    .positional_max = ARGS_POSITIONAL_MAX,
    .use = use,
    .run = run,
};
