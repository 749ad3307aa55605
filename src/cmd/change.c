/* change: did the operating model change when the workflow went live? */
#include "app/answer.h"
#include "base/check.h"
#include "base/clock.h"
#include "render/render.h"

static const struct option options[] = {
    {"--kpi", "NAME", "this figure alone"},
    {"--go-live", "DATE", "when the workflow went live (default: go_live of bursar.yaml)"},
};

static enum errc compute(struct store *store, const struct settings *settings, const void *request,
                         struct arena *arena, struct text *json, struct err *err)
{
    return api_change(store, settings, request, arena, json, err);
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    static const struct answer answer = {.compute = compute, .render = render_change};
    struct api_change change = {.go_live_ns = INT64_MIN};
    CHECK(app != NULL);
    enum errc code = answer_request(app, args, true, &change.request, err);
    const char *const kpi = args_get(args, "--kpi");
    const char *const date = args_get(args, "--go-live");
    if (code == ERR_OK && kpi != NULL && kpi[0] == '\0') {
        code = err_set(err, ERR_USAGE, "--kpi: a figure's name is not empty");
    }
    change.kpi = kpi != NULL ? str_from(kpi) : (struct str){0};
    if (code == ERR_OK && date != NULL &&
        clock_parse_relative(str_from(date), app->now_ns, &change.go_live_ns, err) != ERR_OK) {
        err_prefix(err, "--go-live: ");
        code = ERR_USAGE;
    }
    return code == ERR_OK ? answer_print(app, &answer, &change, err) : code;
}

const struct command cmd_change = {
    .name = "change",
    .synopsis = "WORKFLOW [--kpi NAME] [--go-live DATE]",
    .summary = "did business figures change when a workflow went live?",
    .about =
        "Holds each business figure of the workflow (bursar kpi import) against the day it\n"
        "went live: by how much it stepped then, and whether its trend is another one since,\n"
        "with 95 % intervals that allow for figures that drift. Where a control series was\n"
        "imported, the difference from it is what counts. The verdict is changed, no evidence\n"
        "or too short. Without --go-live or go_live in bursar.yaml the workflow's first case\n"
        "is taken, and said to be assumed. docs/change.md.",
    .example = "bursar change support --go-live 2026-05-01",
    .options = options,
    .option_count = COUNT_OF(options),
    .positional_max = 1,
    .reads_ledger = true,
    .run = run,
};
