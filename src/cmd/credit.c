/* credit: who in a chain of work brought the value. */
#include "app/answer.h"

#include "api/credit.h"
#include "attribution/credit.h"
#include "base/check.h"
#include "render/render.h"

static const struct option options[] = {
    {"--by", "WHO", "of one workflow: agent (default), model or tool"},
};

static enum errc compute(struct store *store, const struct settings *settings, const void *request,
                         struct arena *arena, struct text *json, struct err *err)
{
    return api_credit(store, settings, request, arena, json, err);
}

static enum errc read_by(const struct args *args, struct credit_request *request, struct err *err)
{
    const char *const by = args_get(args, "--by");
    if (by == NULL) {
        return ERR_OK;
    }
    if (request->workflow_count > 1) {
        return err_set(err, ERR_USAGE,
                       "--by is for one workflow; several workflows share among themselves");
    }
    for (enum credit_by i = 0; i < CREDIT_BY_COUNT; i++) {
        if (str_equal(str_from(by), str_from(credit_by_names[i]))) {
            request->by = i;
            return ERR_OK;
        }
    }
    return err_set(err, ERR_USAGE, "--by: found \"%s\"; it is agent, model or tool", by);
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    static const struct answer answer = {.compute = compute, .render = render_credit};
    CHECK(app != NULL);
    struct str workflows[CREDIT_PLAYERS_MAX];
    struct credit_request request = {.workflows = workflows,
                                     .workflow_count = args->positional_count};
    enum errc code = answer_request(app, args, true, &request.common, err);
    CHECK(args->positional_count <= CREDIT_PLAYERS_MAX);
    for (size_t i = 0; i < args->positional_count; i++) {
        workflows[i] = str_from(args->positional[i]);
        if (workflows[i].size == 0) {
            return err_set(err, ERR_USAGE, "a workflow's name is not empty");
        }
    }
    request.common.workflow = (struct str){0};
    if (code == ERR_OK) {
        code = read_by(args, &request, err);
    }
    return code == ERR_OK ? answer_print(app, &answer, &request, err) : code;
}

const struct command cmd_credit = {
    .name = "credit",
    .synopsis = "WORKFLOW… [--by agent|model|tool]",
    .summary = "who along a chain of work brought the value",
    .about =
        "Shares the value of resolved cases among those who worked on them: by position (first,\n"
        "last, linear) and by what each adds to success (Shapley over the observed coalitions).\n"
        "Several workflows are a chain: cases of the same name in each of them. One workflow is\n"
        "shared among its agents, models or tools. Shares of a case add up to its value. Beside\n"
        "them: what the failures of each cost, downstream included. docs/credit.md",
    .example = "bursar credit triage draft review",
    .options = options,
    .option_count = COUNT_OF(options),
    .positional_max = CREDIT_PLAYERS_MAX,
    .reads_ledger = true,
    .run = run,
};
