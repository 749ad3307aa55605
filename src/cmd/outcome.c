/* outcome: what became of a case, from a file or one by one. Nothing is overwritten. */
#include <stdio.h>

#include "app/app.h"
#include "app/audit.h"
#include "app/import.h"
#include "base/check.h"
#include "base/clock.h"
#include "cmd/outcome_cli.h"

static const struct option options[] = {
    {"--workflow", "W", "import: workflow of rows that name none"},
    {"--map", "FILE", "import: which columns are what, when they have other names"},
    {"--value", "USD", "add: what this case was worth"},
    {"--minutes", "N", "add: working time of people, such as review or correction"},
    {"--at", "TIME", "add: since when it holds (default: from now on)"},
    {"--source", "S", "add: who says so"},
    {"--reference", "R", "add: ticket, commit, pull request"},
    {"--id", "ID", "add: the outcome's own id; said again with other facts it is a revision"},
    {"--quality", "Q", "add: 0 to 1"},
};

/* What was done, whichever way it came in. */
struct done {
    const struct ingest_summary *summary;
    const struct outcome *outcome; /* NULL: from a file */
    const char *file;
};

static void print_json(struct app *app, const struct done *done)
{
    const struct ingest_summary *const summary = done->summary;
    struct text *const out = app->out;
    json_open_object(out);
    json_name(out, "schema");
    json_put_text(out, "bursar.outcome/1");
    json_name(out, "added");
    json_put_int64(out, summary->outcomes_added + summary->candidates_added);
    json_name(out, "new_cases");
    json_put_int64(out, summary->cases_added);
    json_name(out, "rejected");
    json_put_int64(out, summary->rejected);
    import_put_texts(out, "rejects", summary->rejects, summary->rejects_shown);
    json_close_object(out);
    text_char(out, '\n');
}

static void print_added(struct app *app, const struct outcome *outcome, bool added)
{
    char time[CLOCK_TEXT_BYTES_MAX];
    char value[MONEY_TEXT_BYTES_MAX];
    text_format(app->out, "%s: " STR_FORMAT " of " STR_FORMAT " %s",
                added ? "Recorded" : "Known already, nothing changed", STR_ARG(outcome->case_id),
                STR_ARG(outcome->workflow.size > 0 ? outcome->workflow : STR("unattributed")),
                outcome_cli_word(outcome->status));
    if (outcome->has_value) {
        money_print(outcome->value_pusd, value);
        text_format(app->out, ", worth %s USD", value);
    }
    if (outcome->human_ms > 0) {
        text_format(app->out, ", %.1f minutes of people", (double)outcome->human_ms / 60000);
    }
    if (outcome->effective_ns != TIME_UNKNOWN) {
        clock_print(outcome->effective_ns, time);
        text_format(app->out, ", since %s", time);
    }
    text_char(app->out, '\n');
}

static void print_text(struct app *app, const struct done *done)
{
    const struct ingest_summary *const summary = done->summary;
    struct text *const out = app->out;
    char count[32];
    const int64_t added = summary->outcomes_added + summary->candidates_added;
    if (done->outcome != NULL) {
        print_added(app, done->outcome, added > 0);
    } else if (added == 0) {
        text_format(out, "Nothing new in %s\n", done->file);
    } else {
        const struct str text = app_count(added, count, sizeof count);
        text_format(out, "Recorded " STR_FORMAT " new or revised outcomes of %s\n", STR_ARG(text),
                    done->file);
    }
    if (summary->cases_added > 0) {
        const struct str text = app_count(summary->cases_added, count, sizeof count);
        text_format(out,
                    "Not seen in any trace yet: " STR_FORMAT " %s. In no rate and no total until\n"
                    "its traces are imported. Is the name right?\n",
                    STR_ARG(text), summary->cases_added == 1 ? "case" : "of the cases");
    }
    if (summary->rejected > 0) {
        const struct str text = app_count(summary->rejected, count, sizeof count);
        text_format(out, "\nNot taken: " STR_FORMAT " rows\n", STR_ARG(text));
        for (size_t i = 0; i < summary->rejects_shown; i++) {
            text_format(out, "  %s\n", summary->rejects[i].text);
        }
        import_print_rest(out, summary);
    }
}

/* The outcome that counts for the same case, or the newest of the same id. */
static enum errc newest(struct store *store, const struct outcome *outcome, bool any_id,
                        struct arena *arena, struct store_result *out, struct err *err)
{
    const struct store_value values[] = {STORE_OF_TEXT(outcome->workflow),
                                         STORE_OF_TEXT(outcome->case_id),
                                         STORE_OF_TEXT(any_id ? STR("") : outcome->id)};
    return store_run(store, QUERY_newest_outcome, values, COUNT_OF(values), arena, out, err);
}

/* Whether the ledger says just that, whatever the time: then saying it again changes nothing. */
static bool says_the_same(const struct store_result *known, const struct outcome *outcome)
{
    if (known->rows == 0) {
        return false;
    }
    const double quality = store_real(known, 0, 4, -1);
    return store_int64(known, 0, 0, OUTCOME_CANDIDATE) == (int64_t)outcome->status &&
           store_int64(known, 0, 2, LEDGER_NULL) ==
               (outcome->has_value ? outcome->value_pusd : LEDGER_NULL) &&
           store_int64(known, 0, 3, 0) == outcome->human_ms &&
           !(quality < (outcome->has_quality ? outcome->quality : -1)) &&
           !(quality > (outcome->has_quality ? outcome->quality : -1)) &&
           str_equal(store_text(known, 0, 5), outcome->source) &&
           str_equal(store_text(known, 0, 6), outcome->reference);
}

/* Without --at it holds from now on, unless it is what the ledger says already. */
static enum errc add(struct app *app, struct store *store, struct ingest *ingest,
                     struct outcome *outcome, struct err *err)
{
    if (outcome->effective_ns == TIME_UNKNOWN) {
        struct store_result known;
        const enum errc code = newest(store, outcome, false, app->arena, &known, err);
        if (code != ERR_OK || says_the_same(&known, outcome)) {
            return code;
        }
        outcome->effective_ns = app->now_ns;
    }
    const struct trace trace = {.outcomes = {.rows = outcome, .count = 1, .capacity = 1}};
    const struct ingest_origin origin = {
        .path = STR(""), .workflow = STR(""), .channel = CHANNEL_TABLE};
    const enum errc code = ingest_add(ingest, &trace, &origin, err);
    return code == ERR_OK ? ingest_flush(ingest, err) : code;
}

/* Say so when what was recorded is not what counts. */
static enum errc print_what_counts(struct app *app, struct store *store,
                                   const struct outcome *outcome, struct err *err)
{
    struct store_result known;
    const enum errc code = newest(store, outcome, true, app->arena, &known, err);
    if (code != ERR_OK || known.rows == 0) {
        return code;
    }
    const int64_t status = store_int64(&known, 0, 0, OUTCOME_RESOLVED);
    if (status != (int64_t)outcome->status) {
        text_format(app->out,
                    "What counts for the case is still \"%s\", which holds from a later time.\n",
                    outcome_cli_word((enum outcome_status)status));
    }
    return ERR_OK;
}

static enum errc import(struct app *app, struct ingest *ingest, const struct args *args,
                        struct err *err)
{
    const char *file = NULL;
    const char *map = args_get(args, "--map");
    enum errc code = app_path(app, args->positional[1], &file, err);
    if (code == ERR_OK && map != NULL) {
        code = app_path(app, map, &map, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    const struct ingest_options ingest_options = {
        .workflow = args_str(args, "--workflow"),
        .map = str_from(map),
    };
    code = ingest_outcome_file(ingest, &ingest_options, file, err);
    return code == ERR_OK ? ingest_flush(ingest, err) : code;
}

/* One line in the audit trail when the ledger is another one now. */
static enum errc audit(struct app *app, const struct done *done, struct err *err)
{
    const int64_t added = done->summary->outcomes_added + done->summary->candidates_added;
    if (added == 0) {
        return ERR_OK;
    }
    char subject[512];
    char detail[64];
    if (done->outcome != NULL) {
        snprintf(subject, sizeof subject, STR_FORMAT " of " STR_FORMAT,
                 STR_ARG(done->outcome->case_id), STR_ARG(done->outcome->workflow));
        snprintf(detail, sizeof detail, "%s", outcome_cli_word(done->outcome->status));
    } else {
        snprintf(subject, sizeof subject, "%s", done->file);
        snprintf(detail, sizeof detail, "%lld outcomes", (long long)added);
    }
    return app_audit(app, done->outcome != NULL ? "outcome add" : "outcome import",
                     str_from(subject), str_from(detail), err);
}

/* outcome NULL: import the file. */
static enum errc write_outcomes(struct app *app, const struct args *args, struct outcome *outcome,
                                struct err *err)
{
    struct store *store = NULL;
    struct ingest *ingest = NULL;
    struct text about;
    text_init(&about, 4096);
    text_format(&about, "outcome %s %s", args->positional[0], args->positional[1]);
    enum errc code = import_begin(app, text_str(&about), &store, &ingest, err);
    if (code != ERR_OK) {
        goto done;
    }
    code = outcome != NULL ? add(app, store, ingest, outcome, err) : import(app, ingest, args, err);
    if (code == ERR_OK) {
        const struct done done = {ingest_summary(ingest), outcome, args->positional[1]};
        if (app->json) {
            print_json(app, &done);
        } else {
            print_text(app, &done);
        }
        code = audit(app, &done, err);
    }
    if (code == ERR_OK && outcome != NULL && !app->json) {
        code = print_what_counts(app, store, outcome, err);
    }
    import_end(app, &store, &ingest);
done:
    text_deinit(&about);
    return code;
}

/* Options of the other form are a mistake, not to be ignored. */
static enum errc check_options(const struct args *args, bool adding, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        const bool of_import = str_starts_with(str_from(options[i].help), STR("import:"));
        if (of_import == adding && args_get(args, options[i].name) != NULL) {
            return err_set(err, ERR_USAGE, "outcome %s takes no %s", args->positional[0],
                           options[i].name);
        }
    }
    return ERR_OK;
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    CHECK(app != NULL);
    const struct str form = args->positional_count > 0 ? str_from(args->positional[0]) : STR("");
    const bool adding = str_equal(form, STR("add"));
    if (!adding && !str_equal(form, STR("import"))) {
        return err_set(err, ERR_USAGE,
                       "outcome wants to know what to do: outcome import FILE, or "
                       "outcome add WORKFLOW CASE STATUS");
    }
    struct outcome outcome;
    enum errc code = check_options(args, adding, err);
    if (code == ERR_OK && adding) {
        code = outcome_cli_read(app, args, &outcome, err);
    } else if (code == ERR_OK && args->positional_count != 2) {
        code = err_set(err, ERR_USAGE,
                       "outcome import wants one file, such as: bursar outcome import closed.csv");
    }
    return code == ERR_OK ? write_outcomes(app, args, adding ? &outcome : NULL, err) : code;
}

static enum ledger_use use(const struct args *args)
{
    CHECK(args != NULL);
    return LEDGER_WRITTEN;
}

const struct command cmd_outcome = {
    .name = "outcome",
    .synopsis = "import FILE [--workflow W] [--map FILE]\n"
                "add WORKFLOW CASE STATUS [--value USD] [--minutes N] [--at TIME] [--source S]",
    .summary = "record what became of cases",
    .about =
        "Records outcomes: a case is resolved, failed, reopened or escalated, since when, worth\n"
        "what, with how many minutes of people. The newest effective one counts; the older ones\n"
        "stay, and --as-of looks at what was known before. The same statement twice is one; an\n"
        "outcome of the same id with other facts is a revision. An outcome may come before the\n"
        "traces of its case.\n\n"
        "A file is CSV, JSONL or Parquet with columns called id, workflow, case, status, value,\n"
        "minutes, at, recorded_at, quality, source, reference (docs/table-maps.md for others).",
    .example = "bursar outcome add support T-1042 resolved --value 12 --minutes 3 --source crm",
    .options = options,
    .option_count = COUNT_OF(options),
    .positional_max = ARGS_POSITIONAL_MAX,
    .use = use,
    .run = run,
};
