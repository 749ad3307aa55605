/* utility: what the next dollar buys in a workflow, and where to cap a case. */
#include "api/utility.h"
#include "app/answer.h"
#include "attribution/utility.h"
#include "base/check.h"
#include "base/file.h"
#include "base/money.h"
#include "render/render.h"

#define CAPS_BYTES_MAX ((size_t)1 << 20)

static const struct option options[] = {
    {"--caps", "USD,…|@FILE",
     "work the curve out at these caps on a case; a file has them in lines"},
};

static enum errc compute(struct store *store, const struct settings *settings, const void *request,
                         struct arena *arena, struct text *json, struct err *err)
{
    return api_utility(store, settings, request, arena, json, err);
}

static enum errc read_cap(struct str word, int64_t *out, struct err *err)
{
    int64_t cap = 0;
    if (money_parse(word, &cap, err) != ERR_OK) {
        err_prefix(err, "--caps: ");
        return ERR_USAGE;
    }
    if (cap < 0) {
        return err_set(err, ERR_USAGE, "--caps: a cap is not negative, \"" STR_FORMAT "\" is",
                       STR_ARG(word));
    }
    *out = cap;
    return ERR_OK;
}

/* Amounts between commas or in lines; empty places are passed over. */
static enum errc read_caps(struct str list, struct arena *arena, struct utility_request *request,
                           struct err *err)
{
    int64_t *const caps = arena_new(arena, int64_t, UTILITY_CAPS_MAX);
    if (caps == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for the caps");
    }
    size_t count = 0;
    while (list.size > 0) {
        struct str line = str_cut(&list, '\n');
        while (line.size > 0) {
            const struct str word = str_trim(str_cut(&line, ','));
            if (word.size == 0) {
                continue;
            }
            if (count == UTILITY_CAPS_MAX) {
                return err_set(err, ERR_USAGE, "--caps: at most %d caps", UTILITY_CAPS_MAX);
            }
            const enum errc code = read_cap(word, &caps[count], err);
            if (code != ERR_OK) {
                return code;
            }
            count++;
        }
    }
    if (count == 0) {
        return err_set(err, ERR_USAGE, "--caps names no cap; for example --caps 0.10,0.50,1");
    }
    request->caps_pusd = caps;
    request->cap_count = count;
    return ERR_OK;
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    static const struct answer answer = {.compute = compute, .render = render_utility};
    CHECK(app != NULL);
    struct utility_request request = {0};
    enum errc code = answer_request(app, args, true, &request.about, err);
    const char *const given = args_get(args, "--caps");
    if (code == ERR_OK && given != NULL) {
        struct str list = str_from(given);
        if (list.size > 0 && list.data[0] == '@') {
            const char *path = NULL;
            code = app_path(app, given + 1, &path, err);
            if (code == ERR_OK) {
                code = file_read(str_from(path), CAPS_BYTES_MAX, app->arena, &list, err);
            }
        }
        if (code == ERR_OK) {
            code = read_caps(list, app->arena, &request, err);
        }
    }
    return code == ERR_OK ? answer_print(app, &answer, &request, err) : code;
}

const struct command cmd_utility = {
    .name = "utility",
    .synopsis = "WORKFLOW [--caps USD,…|@FILE]",
    .summary = "what the next dollar buys, and where to cap a case",
    .about =
        "Replays the recorded cases under a cap on what one case may spend: which outcomes had\n"
        "been kept, what had been spent. Between two caps that is the value of the next dollar\n"
        "(MTU). Shows the slope over the last tenth of spend, the largest cap whose last dollar\n"
        "still brings back a dollar, and what repeated attempts bought. Records say nothing above\n"
        "the largest cap that was in force: there the curve ends. docs/utility.md defines it.",
    .example = "bursar utility claims --caps 0.10,0.25,0.50",
    .options = options,
    .option_count = COUNT_OF(options),
    .positional_max = 1,
    .reads_ledger = true,
    .run = run,
};
