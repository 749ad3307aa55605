/* report: what one outcome of each workflow truly cost, against a BPO or a person. */
#include "app/answer.h"
#include "base/check.h"
#include "base/clock.h"
#include "render/render.h"

static const struct option options[] = {
    {"--as-of", "TIME", "as it was known then: outcomes recorded and steps begun by that time"},
};

static enum errc compute(struct store *store, const struct settings *settings, const void *request,
                         struct arena *arena, struct text *json, struct err *err)
{
    return api_report(store, settings, request, arena, json, err);
}

static enum errc draw_all(struct json report, int width, struct arena *arena, struct text *out,
                          struct err *err)
{
    return render_report(report, false, width, arena, out, err);
}

static enum errc draw_one(struct json report, int width, struct arena *arena, struct text *out,
                          struct err *err)
{
    return render_report(report, true, width, arena, out, err);
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    CHECK(app != NULL);
    struct api_request request;
    const enum errc code = answer_request(app, args, false, &request, err);
    if (code != ERR_OK) {
        return code;
    }
    const char *const as_of = args_get(args, "--as-of");
    if (as_of != NULL &&
        clock_parse_relative(str_from(as_of), app->now_ns, &request.as_of_ns, err) != ERR_OK) {
        err_prefix(err, "--as-of: ");
        return ERR_USAGE;
    }
    const struct answer answer = {.compute = compute,
                                  .render = request.workflow.size > 0 ? draw_one : draw_all};
    return answer_print(app, &answer, &request, err);
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
    .reads_ledger = true,
    .run = run,
};
