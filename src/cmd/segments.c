/* segments: for which kinds of cases an outcome costs more or less, and why. */
#include "app/answer.h"
#include "base/check.h"
#include "render/render.h"

static enum errc compute(struct store *store, const struct settings *settings, const void *request,
                         struct arena *arena, struct text *json, struct err *err)
{
    return api_segments(store, settings, request, arena, json, err);
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    static const struct answer answer = {.compute = compute, .render = render_segments};
    struct api_request request;
    CHECK(args->positional_count <= 1);
    const enum errc code = answer_request(app, args, true, &request, err);
    return code == ERR_OK ? answer_print(app, &answer, &request, err) : code;
}

const struct command cmd_segments = {
    .name = "segments",
    .synopsis = "WORKFLOW",
    .summary = "kinds of cases that cost more or less per outcome, and why",
    .about = "Tries every combination of up to three attributes of the closed cases, looks for\n"
             "those whose cost per outcome differs from all other cases' on one half of the\n"
             "cases, and reports the ones that differ again on the other half. Each difference\n"
             "is split into base, retries, context, models and people, which add up to it.\n"
             "docs/segments.md says how, and what the limits are.",
    .example = "bursar segments claims",
    .positional_max = 1,
    .reads_ledger = true,
    .run = run,
};
