/* report: what one outcome of each workflow truly cost, against a BPO or a person. */
#include "app/app.h"

#include "api/api.h"
#include "app/config.h"
#include "app/render.h"
#include "base/check.h"
#include "base/clock.h"

#define ANSWER_BYTES_MAX ((size_t)64 << 20)

static const struct option options[] = {
    {"--as-of", "TIME", "as it was known then: outcomes recorded and steps begun by that time"},
};

static enum errc print(struct app *app, const struct text *json, bool named, struct err *err)
{
    struct json_parser *parser = NULL;
    struct json report;
    json_parser_create(&parser, ANSWER_BYTES_MAX);
    enum errc code = json_parse(parser, text_str(json), json->size, &report, err);
    if (code == ERR_OK) {
        code = render_report(report, named, app->columns, app->arena, app->out, err);
    }
    json_parser_destroy(&parser);
    return code;
}

static enum errc answer(struct app *app, const struct api_request *request, struct text *json,
                        struct err *err)
{
    const struct settings *settings = NULL;
    struct store *store = NULL;
    enum errc code = config_open(app, &settings, err);
    if (code == ERR_OK) {
        code = store_open(app->home, STORE_READ, &store, err);
    }
    if (code == ERR_OK) {
        code = api_report(store, settings, request, app->arena, json, err);
    }
    store_close(&store);
    return code;
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    CHECK(app != NULL);
    if (args->positional_count > 1) {
        return err_set(err, ERR_USAGE, "one workflow at a time, or none for all");
    }
    const bool named = args->positional_count == 1;
    struct api_request request = {
        .workflow = named ? str_from(args->positional[0]) : (struct str){0},
        .since_ns = app->since_ns,
        .until_ns = app->until_ns,
        .as_of_ns = INT64_MAX,
        .now_ns = app->now_ns,
    };
    if (named && request.workflow.size == 0) {
        return err_set(err, ERR_USAGE, "a workflow's name is not empty");
    }
    const char *const as_of = args_get(args, "--as-of");
    if (as_of != NULL &&
        clock_parse_relative(str_from(as_of), app->now_ns, &request.as_of_ns, err) != ERR_OK) {
        err_prefix(err, "--as-of: ");
        return ERR_USAGE;
    }
    struct text json;
    text_init(&json, ANSWER_BYTES_MAX);
    enum errc code = answer(app, &request, &json, err);
    if (code == ERR_OK && app->json) {
        text_add(app->out, text_str(&json));
        text_char(app->out, '\n');
    } else if (code == ERR_OK) {
        code = print(app, &json, named, err);
    }
    text_deinit(&json);
    return code;
}

const struct command cmd_report = {
    .name = "report",
    .synopsis = "[WORKFLOW] [--as-of TIME]",
    .summary = "what one outcome truly cost, against a BPO or a person",
    .about =
        "Adds up what every case of a workflow cost, failed attempts, tools and people's time\n"
        "included, and divides by the cases that were resolved. Shows the parts, which add up\n"
        "exactly, intervals, and what is unpriced, unattributed, thin or assumed.\n"
        "--as-of shows what was known at a time, so that an old report can be had again.\n"
        "docs/report.md defines every word.",
    .example = "bursar report airline --since 2026-11-01",
    .options = options,
    .option_count = COUNT_OF(options),
    .positional_max = 1,
    .run = run,
};
