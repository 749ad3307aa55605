/* return: what the tokens and the people's days spent brought back, by kind. */
#include "app/answer.h"
#include "base/check.h"
#include "render/render.h"

static enum errc compute(struct store *store, const struct settings *settings, const void *request,
                         struct arena *arena, struct text *json, struct err *err)
{
    return api_returns(store, settings, request, arena, json, err);
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    static const struct answer answer = {.compute = compute, .render = render_returns};
    struct api_request request;
    CHECK(args->positional_count == 0);
    const enum errc code = answer_request(app, args, false, &request, err);
    return code == ERR_OK ? answer_print(app, &answer, &request, err) : code;
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
    .reads_ledger = true,
    .run = run,
};
