/* budget: how the budgets stand; of the running gateway, or of the log it left. */
#include "app/answer.h"
#include "base/check.h"
#include "base/clock.h"
#include "cmd/budget_bound.h"
#include "model/settings.h"
#include "render/render.h"

#define ANSWER_BYTES_MAX ((size_t)64 << 20)

/* What stands: asked of the gateway in this process, else read from the home. */
static enum errc read_standing(struct app *app, const struct settings *settings, struct str scope,
                               struct budget_standing *out, struct err *err)
{
    if (app->budget != NULL) {
        return budget_stand(app->budget, app->now_ns, scope, app->arena, out, err);
    }
    struct budget_options options = {.home = app->home,
                                     .limit_count = settings->budgets.count,
                                     .now_ns = app->now_ns,
                                     .steady_ns = clock_steady_ns};
    const enum errc code = budget_limits(settings->budgets.rows, settings->budgets.count,
                                         app->arena, &options.limits, err);
    return code == ERR_OK ? budget_look(&options, scope, app->arena, out, err) : code;
}

static enum errc compute(struct app *app, struct str scope, struct text *json, struct err *err)
{
    const struct settings *settings = NULL;
    struct api_budget request = {.scope = scope};
    struct budget_standing standing;
    enum errc code = ERR_OK;
    if (app->budget != NULL) {
        settings = app->in_force; /* not the file as somebody may be writing it */
    } else {
        code = app_settings(app, &settings, err);
    }
    if (code == ERR_OK) {
        code = read_standing(app, settings, scope, &standing, err);
    }
    if (code == ERR_OK) {
        code = budget_bound(settings, app->arena, &request, err);
    }
    if (code == ERR_OK) {
        code = api_budgets(&standing, &request, app->arena, json, err);
    }
    if (code == ERR_OK && text_is_full(json)) {
        code = err_set(err, ERR_LIMIT, "the answer does not fit %zu bytes", json->size_max);
    }
    return code;
}

static enum errc draw(struct app *app, const struct text *json, struct err *err)
{
    struct json_parser *parser = NULL;
    struct json root;
    json_parser_create(&parser, ANSWER_BYTES_MAX);
    enum errc code = json_parse(parser, text_str(json), json->size, &root, err);
    if (code == ERR_OK) {
        code = render_budgets(root, app->columns, app->arena, app->out, err);
    }
    json_parser_destroy(&parser);
    return code;
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    CHECK(app != NULL);
    CHECK(args->positional_count <= 1);
    const struct str scope =
        args->positional_count > 0 ? str_from(args->positional[0]) : (struct str){0};
    struct text json;
    text_init(&json, ANSWER_BYTES_MAX);
    enum errc code = compute(app, scope, &json, err);
    if (code == ERR_OK && app->json) {
        text_add(app->out, text_str(&json));
        text_char(app->out, '\n');
    } else if (code == ERR_OK) {
        code = draw(app, &json, err);
    }
    text_deinit(&json);
    return code;
}

const struct command cmd_budget = {
    .name = "budget",
    .synopsis = "[SCOPE]",
    .summary = "budgets: spent, held for calls under way, free, and what could go beyond",
    .about =
        "One line a limit of bursar.yaml: what is spent in its period, what is held for calls\n"
        "under way, what is free, what it does next and when it begins anew. Held, spent and\n"
        "free add up to the limit at every instant. Then by how much calls can cost more than\n"
        "was held for them, where and why, and by how much they did. SCOPE (org, team:X,\n"
        "workflow:X, key:X, user:X, model:X) shows one, with its calls under way. While a\n"
        "server runs it is asked; else the log it left is read. docs/budgets.md",
    .example = "bursar budget team:support",
    .reads_ledger = true,
    .positional_max = 1,
    .run = run,
};
