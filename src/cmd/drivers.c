/* drivers: what makes an outcome dear, in dollars that add up. */
#include "app/answer.h"
#include "app/rates.h"
#include "base/check.h"
#include "render/render.h"

static enum errc compute(struct store *store, const struct settings *settings, const void *request,
                         struct arena *arena, struct text *json, struct err *err)
{
    return api_drivers(store, settings, request, arena, json, err);
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    static const struct answer answer = {.compute = compute, .render = render_drivers};
    CHECK(app != NULL);
    const struct price_book *book = NULL;
    struct api_drivers_request request;
    enum errc code = answer_request(app, args, false, &request.request, err);
    if (code == ERR_OK) {
        code = app_price_book(app, &book, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    const struct rate_source rates = app_rates(book);
    request.rates = &rates;
    return answer_print(app, &answer, &request, err);
}

const struct command cmd_drivers = {
    .name = "drivers",
    .synopsis = "[WORKFLOW]",
    .summary = "why outcomes cost what they do: retries, contexts that grow, in dollars",
    .about =
        "Splits what a workflow spent into parts that add up exactly: attempts that brought no\n"
        "outcome, history sent again on every call, new input, output, tools, people. Shows how\n"
        "much of the input was carried from call to call and what was paid for it, how fast\n"
        "contexts grow, and above which size they no longer help. Without a workflow the figures\n"
        "are those of the whole ledger. docs/drivers.md defines every word.",
    .example = "bursar drivers airline --since 30d",
    .positional_max = 1,
    .reads_ledger = true,
    .run = run,
};
