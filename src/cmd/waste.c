/* waste: what of a workflow's spend was wasted, by label, tool and dearest step. */
#include "app/answer.h"
#include "base/check.h"
#include "render/render.h"

static enum errc compute(struct store *store, const struct settings *settings, const void *request,
                         struct arena *arena, struct text *json, struct err *err)
{
    return api_waste(store, settings, request, arena, json, err);
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    static const struct answer answer = {.compute = compute, .render = render_waste};
    struct api_request request;
    CHECK(args->positional_count <= 1);
    const enum errc code = answer_request(app, args, true, &request, err);
    return code == ERR_OK ? answer_print(app, &answer, &request, err) : code;
}

const struct command cmd_waste = {
    .name = "waste",
    .synopsis = "WORKFLOW",
    .summary = "which steps were wasted, why, and what they cost",
    .about = "Every step has one label: essential, overhead, or wasted as part of a failed\n"
             "attempt, as a duplicate, as an error, as ignored or after the work was done. A\n"
             "model call's cost is split over the steps it asked for, so that the labels add up\n"
             "to the spend exactly. Shows the labels, the tools they hit most and the dearest\n"
             "steps; bursar explain CASE shows the label of every step. docs/waste.md has the\n"
             "rules.",
    .example = "bursar waste claims --since 90d",
    .positional_max = 1,
    .reads_ledger = true,
    .run = run,
};
