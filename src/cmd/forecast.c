/* forecast: what will be spent by the end of the period, and when budgets end. */
#include "app/answer.h"
#include "base/check.h"
#include "base/money.h"
#include "render/render.h"

static const struct option options[] = {
    {"--budget", "USD", "of the scope named (default: org), in place of a configured one"},
    {"--period", "P", "day, week or month; of --budget (default: month)"},
};

static enum errc compute(struct store *store, const struct settings *settings, const void *request,
                         struct arena *arena, struct text *json, struct err *err)
{
    return api_forecast(store, settings, request, arena, json, err);
}

static enum errc read_period(const char *text, enum budget_period *out, struct err *err)
{
    static const struct {
        const char *name;
        enum budget_period period;
    } words[] = {{"day", PERIOD_DAY}, {"week", PERIOD_WEEK}, {"month", PERIOD_MONTH}};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (str_equal(str_from(text), str_from(words[i].name))) {
            *out = words[i].period;
            return ERR_OK;
        }
    }
    return err_set(err, ERR_USAGE, "--period: \"%s\" is none; it is day, week or month", text);
}

static enum errc read_budget(const struct args *args, struct api_forecast *request, struct err *err)
{
    const char *const budget = args_get(args, "--budget");
    const char *const period = args_get(args, "--period");
    request->period = PERIOD_MONTH;
    if (budget == NULL && period != NULL) {
        return err_set(err, ERR_USAGE, "--period goes with --budget");
    }
    if (budget == NULL) {
        return ERR_OK;
    }
    if (money_parse(str_from(budget), &request->budget_pusd, err) != ERR_OK) {
        err_prefix(err, "--budget: ");
        return ERR_USAGE;
    }
    if (request->budget_pusd <= 0) {
        return err_set(err, ERR_USAGE, "--budget: %s is not more than zero", budget);
    }
    request->has_budget = true;
    request->scope = request->scope.size > 0 ? request->scope : STR("org");
    return period != NULL ? read_period(period, &request->period, err) : ERR_OK;
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    static const struct answer answer = {.compute = compute, .render = render_forecast};
    struct api_forecast request = {0};
    CHECK(app != NULL);
    enum errc code = answer_request(app, args, false, &request.request, err);
    if (code == ERR_OK) {
        request.scope = request.request.workflow;
        request.request.workflow = (struct str){0};
        code = read_budget(args, &request, err);
    }
    return code == ERR_OK ? answer_print(app, &answer, &request, err) : code;
}

const struct command cmd_forecast = {
    .name = "forecast",
    .synopsis = "[SCOPE] [--budget USD [--period day|week|month]]",
    .summary = "spend to the end of the period, and when budgets end",
    .about =
        "Foretells spend by scope: org, team:NAME, workflow:NAME (or NAME). Each weekday's mean "
        "of\n"
        "the latest eight weeks, and 2,000 paths that draw how far days were off it; no trend is\n"
        "assumed. Budgets of bursar.yaml give limit and period: the chance that one is exceeded\n"
        "before its period ends, and when, with an 80 % interval. Fewer than 14 days of records\n"
        "give no forecast. Days whose share of reasoning tokens stands out are listed. With\n"
        "--until it foretells from then on, to be held against what came. docs/forecast.md.",
    .example = "bursar forecast team:support --budget 40000 --period month",
    .options = options,
    .option_count = COUNT_OF(options),
    .positional_max = 1,
    .reads_ledger = true,
    .run = run,
};
