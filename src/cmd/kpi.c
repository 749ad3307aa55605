/* kpi: business figures over time, from a file; what `bursar change` looks at. */
#include <stdio.h>

#include "app/answer.h"
#include "app/audit.h"
#include "app/import.h"
#include "base/check.h"
#include "render/render.h"

static const struct option options[] = {
    {"--workflow", "W", "import: workflow of rows that name none"},
    {"--map", "FILE", "import: which columns are what, when they have other names"},
};

static void print_json(struct app *app, const struct ingest_summary *summary)
{
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {{"added", summary->kpis_added},
                  {"corrected", summary->kpis_corrected},
                  {"known", summary->kpis_known},
                  {"rejected", summary->rejected}};
    struct text *const out = app->out;
    json_open_object(out);
    json_name(out, "schema");
    json_put_text(out, "bursar.kpi/1");
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        json_name(out, counts[i].name);
        json_put_int64(out, counts[i].value);
    }
    import_put_texts(out, "corrections", summary->corrections, summary->corrections_shown);
    import_put_texts(out, "rejects", summary->rejects, summary->rejects_shown);
    json_close_object(out);
    text_char(out, '\n');
}

/* "label: 12 of them" and the first few. */
static void print_some(struct text *out, const char *label, int64_t count,
                       const struct ingest_reject *texts, size_t shown)
{
    if (count == 0) {
        return;
    }
    char text[32];
    text_format(out, "%s: " STR_FORMAT "\n", label, STR_ARG(app_count(count, text, sizeof text)));
    for (size_t i = 0; i < shown; i++) {
        text_format(out, "  %s\n", texts[i].text);
    }
    if (count > (int64_t)shown) {
        text_format(out, "  … and %lld more\n", (long long)(count - (int64_t)shown));
    }
}

static void print_text(struct app *app, const struct ingest_summary *summary, const char *file)
{
    char text[32];
    if (summary->kpis_added + summary->kpis_corrected == 0) {
        text_format(app->out, "Nothing new in %s\n", file);
    } else if (summary->kpis_added > 0) {
        text_format(app->out, "Recorded " STR_FORMAT " new values of %s\n",
                    STR_ARG(app_count(summary->kpis_added, text, sizeof text)), file);
    }
    print_some(app->out, "Corrected", summary->kpis_corrected, summary->corrections,
               summary->corrections_shown);
    print_some(app->out, "Not taken (rows)", summary->rejected, summary->rejects,
               summary->rejects_shown);
}

static enum errc import(struct app *app, const struct args *args, struct ingest *ingest,
                        struct err *err)
{
    const char *const file = args->positional[1];
    const char *path = NULL;
    const char *map = args_get(args, "--map");
    enum errc code = app_path(app, file, &path, err);
    if (code == ERR_OK && map != NULL) {
        code = app_path(app, map, &map, err);
    }
    const struct ingest_options ingest_options = {
        .workflow = args_str(args, "--workflow"),
        .map = str_from(map),
    };
    if (code == ERR_OK) {
        code = ingest_kpi_file(ingest, &ingest_options, path, err);
    }
    if (code == ERR_OK) {
        code = ingest_flush(ingest, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    const struct ingest_summary *const summary = ingest_summary(ingest);
    if (app->json) {
        print_json(app, summary);
    } else {
        print_text(app, summary, file);
    }
    if (summary->kpis_added + summary->kpis_corrected == 0) {
        return ERR_OK;
    }
    char detail[96];
    snprintf(detail, sizeof detail, "%lld values, %lld corrected", (long long)summary->kpis_added,
             (long long)summary->kpis_corrected);
    return app_audit(app, "kpi import", str_from(file), str_from(detail), err);
}

static enum errc run_import(struct app *app, const struct args *args, struct err *err)
{
    struct store *store = NULL;
    struct ingest *ingest = NULL;
    struct text about;
    text_init(&about, 4096);
    text_format(&about, "kpi import %s", args->positional[1]);
    enum errc code = import_begin(app, text_str(&about), &store, &ingest, err);
    if (code == ERR_OK) {
        code = import(app, args, ingest, err);
        import_end(app, &store, &ingest);
    }
    text_deinit(&about);
    return code;
}

static enum errc compute(struct store *store, const struct settings *settings, const void *request,
                         struct arena *arena, struct text *json, struct err *err)
{
    (void)settings;
    (void)request;
    return api_kpis(store, arena, json, err);
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    static const struct answer answer = {.compute = compute, .render = render_kpis};
    CHECK(app != NULL);
    const struct str form =
        args->positional_count > 0 ? str_from(args->positional[0]) : STR("list");
    if (str_equal(form, STR("list")) && args->positional_count <= 1) {
        for (size_t i = 0; i < COUNT_OF(options); i++) {
            if (args_get(args, options[i].name) != NULL) {
                return err_set(err, ERR_USAGE, "kpi list takes no %s", options[i].name);
            }
        }
        return answer_print(app, &answer, NULL, err);
    }
    if (!str_equal(form, STR("import")) || args->positional_count != 2) {
        return err_set(err, ERR_USAGE,
                       "kpi wants to know what to do: kpi import FILE, or kpi list, such as: "
                       "bursar kpi import tickets_per_agent.csv");
    }
    return run_import(app, args, err);
}

static enum ledger_use use(const struct args *args)
{
    CHECK(args != NULL);
    return args->positional_count > 0 && strcmp(args->positional[0], "list") != 0 ? LEDGER_WRITTEN
                                                                                  : LEDGER_READ;
}

const struct command cmd_kpi = {
    .name = "kpi",
    .synopsis = "import FILE [--workflow W] [--map FILE]\n[list]",
    .summary = "business figures over time: tickets per agent, cycle time",
    .about =
        "Records business figures as dated values, which bursar change holds against the day a\n"
        "workflow went live. A file is CSV, JSONL or Parquet with columns called workflow, name,\n"
        "unit, series, at, value (docs/table-maps.md for others). series is empty for the figure\n"
        "itself and names the group for a control: a site without the agent. The same figure of\n"
        "the same time is there once; another value is a correction, which is said.\n\n"
        "Without a word, or with list, it prints the figures there are.",
    .example = "bursar kpi import tickets_per_agent.csv --workflow support",
    .options = options,
    .option_count = COUNT_OF(options),
    .positional_max = 2,
    .use = use,
    .run = run,
};
