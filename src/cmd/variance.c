/* variance: how differently the same work was done. */
#include "api/variance.h"
#include "app/answer.h"
#include "base/check.h"
#include "render/render.h"

static const struct option options[] = {
    {"--where", "NAME=VALUE", "only cases that have this attribute"},
};

static enum errc compute(struct store *store, const struct settings *settings, const void *request,
                         struct arena *arena, struct text *json, struct err *err)
{
    return api_variance(store, settings, request, arena, json, err);
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    static const struct answer answer = {.compute = compute, .render = render_variance};
    CHECK(app != NULL);
    struct variance_request request = {0};
    const enum errc code = answer_request(app, args, true, &request.about, err);
    if (code != ERR_OK) {
        return code;
    }
    const char *const where = args_get(args, "--where");
    if (where != NULL) {
        struct str rest = str_from(where);
        const bool divided = str_find(rest, STR("=")) != SIZE_MAX;
        request.name = str_cut(&rest, '=');
        request.value = rest;
        if (!divided || request.name.size == 0) {
            return err_set(err, ERR_USAGE,
                           "--where takes NAME=VALUE, for example model=gpt-4o, "
                           "not \"%s\"",
                           where);
        }
    }
    return answer_print(app, &answer, &request, err);
}

const struct command cmd_variance = {
    .name = "variance",
    .synopsis = "WORKFLOW [--where NAME=VALUE]",
    .summary = "how differently the same work was done",
    .about =
        "Cases that share an input key ask the same, and so do the attempts of one case. For each\n"
        "such group: the dearest attempt over the cheapest, and the 90th percentile of cost over\n"
        "the 10th; groups of five-fold and more are flagged, the widest are listed. Of repeated\n"
        "trials of one input key: pass^k, how often k of them all succeed, and pass@k, how often\n"
        "at least one does. --where keeps to trials that are alike, for example of one model.\n"
        "docs/variance.md defines every figure.",
    .example = "bursar variance airline --where agent_model=gpt-4o",
    .options = options,
    .option_count = COUNT_OF(options),
    .positional_max = 1,
    .reads_ledger = true,
    .run = run,
};
