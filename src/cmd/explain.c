/* explain: one case as a timeline: what it is, what it cost and why, attempt by attempt. */
#include <stdio.h>

#include "app/audit.h"
#include "base/check.h"
#include "base/clock.h"
#include "cmd/explain_print.h"
#include "model/settings.h"

#define EXAMPLE                 "bursar explain T-1042 --workflow support"
#define EXPLAIN_ARENA_BYTES_MAX ((size_t)2 << 30)

enum {
    SUBJECT_BYTES_MAX = 1024,
    STEPS_AT_END = 15, /* shown at the head and the tail of an attempt */
    STEPS_WASTED = 5,  /* and of those in between */
};

static const struct option options[] = {
    {"--workflow", "W", "of that workflow, where several have such a case"},
    {"--as-of", "TIME", "as it was known then"},
    {"--bodies", NULL, "the bodies of its calls too, where they are kept (docs/bodies.md)"},
    {"--all", NULL, "every step and attempt, not only the first and last of many"},
};

static enum errc read_request(const struct app *app, const struct args *args,
                              struct explain_request *out, struct err *err)
{
    if (args->positional_count != 1 || args->positional[0][0] == '\0') {
        return err_set(err, ERR_USAGE, "explain wants one case, such as: %s", EXAMPLE);
    }
    const char *const workflow = args_get(args, "--workflow");
    const char *const as_of = args_get(args, "--as-of");
    const bool all = args_get(args, "--all") != NULL;
    struct explain_request request = {
        .name = str_from(args->positional[0]),
        .workflow = STR(""),
        .has_workflow = workflow != NULL,
        .as_of_ns = INT64_MAX,
        .steps_at_end = app->json || all ? 0 : STEPS_AT_END,
        .steps_wasted = STEPS_WASTED,
        .home = app->home,
        .now_ns = app->now_ns,
        .with_bodies = args_get(args, "--bodies") != NULL,
    };
    if (workflow != NULL && !str_equal(str_from(workflow), STR("unattributed"))) {
        request.workflow = str_from(workflow);
    }
    if (as_of != NULL &&
        clock_parse_relative(str_from(as_of), app->now_ns, &request.as_of_ns, err) != ERR_OK) {
        err_prefix(err, "--as-of: ");
        return ERR_USAGE;
    }
    *out = request;
    return ERR_OK;
}

/* Who has read them is on record before they are shown. */
static enum errc audit_bodies(struct app *app, const struct explain *explain, struct err *err)
{
    char detail[64];
    struct text subject;
    text_init(&subject, SUBJECT_BYTES_MAX);
    text_format(&subject, STR_FORMAT "/" STR_FORMAT, STR_ARG(explain->workflow),
                STR_ARG(explain->case_id));
    snprintf(detail, sizeof detail, "%zu calls", explain->body_count);
    const enum errc code = app_audit(app, "bodies read", text_str(&subject), str_from(detail), err);
    text_deinit(&subject);
    return code;
}

static enum errc explain_into(struct app *app, const struct explain_request *request, bool all,
                              struct store *store, struct arena *arena, struct err *err)
{
    struct explain explain;
    const struct settings *settings = NULL;
    enum errc code = app_settings(app, &settings, err);
    if (code == ERR_OK) {
        code = api_explain(store, settings, request, arena, &explain, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (request->with_bodies && explain.body_count > 0) {
        code = audit_bodies(app, &explain, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (app->json) {
        api_explain_json(&explain, app->out);
    } else {
        explain_print(app, &explain, all, request->with_bodies);
    }
    if (text_is_full(app->out)) {
        text_clear(app->out);
        return err_set(err, ERR_LIMIT, "the case has more steps than fit %zu bytes of output%s",
                       app->out->size_max,
                       app->json ? "; without --json the first and last fit" : "; leave out --all");
    }
    return ERR_OK;
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    CHECK(app != NULL);
    struct explain_request request;
    enum errc code = read_request(app, args, &request, err);
    if (code != ERR_OK) {
        return code;
    }
    struct store *store = NULL;
    code = app_open_ledger(app, &store, err);
    if (code != ERR_OK) {
        return code;
    }
    struct arena arena;
    arena_init(&arena, EXPLAIN_ARENA_BYTES_MAX);
    code = explain_into(app, &request, args_get(args, "--all") != NULL, store, &arena, err);
    arena_deinit(&arena);
    app_close_ledger(app, &store);
    return code;
}

static bool confides(const struct args *args)
{
    return args_get(args, "--bodies") != NULL;
}

const struct command cmd_explain = {
    .name = "explain",
    .synopsis = "CASE [--workflow W] [--as-of TIME] [--all] [--bodies]",
    .summary = "one case, step by step: what it cost and why",
    .about =
        "Prints what is known of a case: its attributes, its outcomes and when they became known,\n"
        "its cost by the parts of the report, and every attempt with its steps in order: when,\n"
        "which model or tool, cost, errors, and whether the step was essential or wasted, and why\n"
        "(docs/waste.md). CASE may be the beginning of a name that only one case has, or the name\n"
        "of an attempt. Of a long attempt the first and last steps are shown, and the dearest of\n"
        "the wasted ones in between; --all and --json have every one, --json with the file and\n"
        "line it was read from. --bodies shows what was asked and answered, of workflows that "
        "keep\n"
        "it (docs/bodies.md); who has read it is in the audit trail.",
    .example = EXAMPLE,
    .options = options,
    .option_count = COUNT_OF(options),
    .positional_max = 1,
    .reads_ledger = true,
    .confides = confides,
    .run = run,
};
