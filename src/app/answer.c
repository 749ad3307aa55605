#include "app/answer.h"

#include "base/check.h"
#include "model/settings.h"

#define ANSWER_BYTES_MAX ((size_t)64 << 20)

enum errc answer_request(const struct app *app, const struct args *args, bool workflow_needed,
                         struct api_request *out, struct err *err)
{
    CHECK(app != NULL);
    CHECK(out != NULL);
    if (args->positional_count == 0 && workflow_needed) {
        return err_set(err, ERR_USAGE,
                       "of which workflow? Name one; bursar report lists those there are");
    }
    const bool named = args->positional_count > 0;
    if (named && args->positional[0][0] == '\0') {
        return err_set(err, ERR_USAGE, "a workflow's name is not empty");
    }
    *out = (struct api_request){
        .workflow = named ? str_from(args->positional[0]) : (struct str){0},
        .since_ns = app->since_ns,
        .until_ns = app->until_ns,
        .as_of_ns = INT64_MAX,
        .now_ns = app->now_ns,
    };
    return ERR_OK;
}

static enum errc compute(struct app *app, const struct answer *answer, const void *request,
                         struct text *json, struct err *err)
{
    const struct settings *settings = NULL;
    struct store *store = NULL;
    enum errc code = app_settings(app, &settings, err);
    if (code == ERR_OK) {
        code = app_open_ledger(app, &store, err);
    }
    if (code == ERR_OK) {
        code = answer->compute(store, settings, request, app->arena, json, err);
    }
    app_close_ledger(app, &store);
    return code;
}

static enum errc draw(struct app *app, const struct answer *answer, const struct text *json,
                      struct err *err)
{
    struct json_parser *parser = NULL;
    struct json report;
    json_parser_create(&parser, ANSWER_BYTES_MAX);
    enum errc code = json_parse(parser, text_str(json), json->size, &report, err);
    if (code == ERR_OK) {
        code = answer->render(report, app->columns, app->arena, app->out, err);
    }
    json_parser_destroy(&parser);
    return code;
}

enum errc answer_print(struct app *app, const struct answer *answer, const void *request,
                       struct err *err)
{
    CHECK(app != NULL);
    CHECK(answer != NULL);
    struct text json;
    text_init(&json, ANSWER_BYTES_MAX);
    enum errc code = compute(app, answer, request, &json, err);
    if (code == ERR_OK && text_is_full(&json)) {
        code = err_set(err, ERR_LIMIT, "the report does not fit %zu bytes", json.size_max);
    }
    if (code == ERR_OK && app->json) {
        text_add(app->out, text_str(&json));
        text_char(app->out, '\n');
    } else if (code == ERR_OK) {
        code = draw(app, answer, &json, err);
    }
    text_deinit(&json);
    return code;
}
