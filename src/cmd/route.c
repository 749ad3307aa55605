/* route: which model does a workflow's work as well for less, or how to find out. */
#include "api/route.h"
#include "app/answer.h"
#include "base/check.h"
#include "render/render.h"

static const struct option options[] = {
    {"--reference", "MODEL", "compare with this model instead of the one in use"},
    {"--cascade", NULL, "cascades of every pair of models, not only up to the one in use"},
};

static enum errc compute(struct store *store, const struct settings *settings, const void *request,
                         struct arena *arena, struct text *json, struct err *err)
{
    return api_route(store, settings, request, arena, json, err);
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    CHECK(app != NULL);
    static const struct answer answer = {.compute = compute, .render = render_route};
    struct route_request request = {.cascades = args_get(args, "--cascade") != NULL};
    const enum errc code = answer_request(app, args, true, &request.common, err);
    if (code != ERR_OK) {
        return code;
    }
    const char *const reference = args_get(args, "--reference");
    if (reference != NULL && reference[0] == '\0') {
        return err_set(err, ERR_USAGE, "--reference: a model's name is not empty");
    }
    if (reference != NULL) {
        request.reference = str_from(reference);
    }
    return answer_print(app, &answer, &request, err);
}

const struct command cmd_route = {
    .name = "route",
    .synopsis = "WORKFLOW [--reference MODEL] [--cascade]",
    .summary = "which model does the work as well for less, or how to find out",
    .about = "Compares the models that made first attempts on a workflow's cases with the one in\n"
             "use: on the same inputs, on like mixes of cases, or cell by cell where the mixes\n"
             "differ, and never otherwise. Recommends the cheapest one that is not worse by the\n"
             "workflow's margin (non_inferiority_pp) or more; where that cannot be told, the\n"
             "experiment that would tell it. Then cascades: cheap first, escalate on failure.\n"
             "docs/route.md defines every word.",
    .example = "bursar route leads --since 90d",
    .options = options,
    .option_count = COUNT_OF(options),
    .positional_max = 1,
    .reads_ledger = true,
    .run = run,
};
