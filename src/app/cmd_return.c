/* return: what the tokens and the people's days spent brought back, by kind. */
#include "app/app.h"

#include "api/api.h"
#include "app/config.h"
#include "app/render.h"
#include "base/check.h"

#define ANSWER_BYTES_MAX ((size_t)64 << 20)

static enum errc answer(struct app *app, struct text *json, struct err *err)
{
    const struct api_request request = {.since_ns = app->since_ns,
                                        .until_ns = app->until_ns,
                                        .as_of_ns = INT64_MAX,
                                        .now_ns = app->now_ns};
    const struct settings *settings = NULL;
    struct store *store = NULL;
    enum errc code = config_open(app, &settings, err);
    if (code == ERR_OK) {
        code = store_open(app->home, STORE_READ, &store, err);
    }
    if (code == ERR_OK) {
        code = api_returns(store, settings, &request, app->arena, json, err);
    }
    store_close(&store);
    return code;
}

static enum errc print(struct app *app, const struct text *json, struct err *err)
{
    struct json_parser *parser = NULL;
    struct json returns;
    json_parser_create(&parser, ANSWER_BYTES_MAX);
    enum errc code = json_parse(parser, text_str(json), json->size, &returns, err);
    if (code == ERR_OK) {
        code = render_returns(returns, app->columns, app->arena, app->out, err);
    }
    json_parser_destroy(&parser);
    return code;
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    CHECK(app != NULL);
    if (args->positional_count > 0) {
        return err_set(err, ERR_USAGE, "return takes no argument, found \"%s\"",
                       args->positional[0]);
    }
    struct text json;
    text_init(&json, ANSWER_BYTES_MAX);
    enum errc code = answer(app, &json, err);
    if (code == ERR_OK && app->json) {
        text_add(app->out, text_str(&json));
        text_char(app->out, '\n');
    } else if (code == ERR_OK) {
        code = print(app, &json, err);
    }
    text_deinit(&json);
    return code;
}

const struct command cmd_return = {
    .name = "return",
    .synopsis = "",
    .summary = "return on tokens by kind, of workflows and registered tools",
    .about = "Return is (value - cost) / cost. Of workflows: outcome return (value of what was\n"
             "resolved) and replacement return (what a BPO or people would have cost). Of tools\n"
             "registered under tools: in bursar.yaml: pipeline, productivity and conversion\n"
             "return. Cost is tokens and tools plus people's time, hours invested included; what\n"
             "rests on a configured figure is marked assumed. docs/configuration.md shows how to\n"
             "register a tool, docs/report.md works each kind by hand.",
    .example = "bursar return --since 90d",
    .run = run,
};
