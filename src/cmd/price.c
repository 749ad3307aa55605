#include "cmd/price_cli.h"

#include "base/check.h"
#include "base/clock.h"

#define USAGE_BYTES_MAX ((size_t)1 << 20)

static const struct option options[] = {
    {"--usage", "JSON", "tokens by class: {\"input_uncached\": 1200, \"output\": 300}"},
    {"--at", "DATE", "when the call began (default: now)"},
    {"--provider", "P", "who serves the model (default: by the model's name)"},
    {"--tier", "T", "standard, batch, flex, priority or fast"},
    {"--region", "R", "where it ran, for providers that charge by it"},
    {"--batch", "FILE", "price the queries of a JSONL file; - is standard input"},
    {"--apply", NULL, "with update: write what it shows"},
};

static struct str given(const struct args *args, const char *name)
{
    return str_from(args_get(args, name));
}

static enum errc read_date(const struct app *app, const char *text, int64_t *out, struct err *err)
{
    if (text == NULL) {
        *out = app->now_ns;
        return ERR_OK;
    }
    return clock_parse_relative(str_from(text), app->now_ns, out, err) == ERR_OK ? ERR_OK
                                                                                 : ERR_USAGE;
}

static enum errc read_usage(const char *text, struct usage *out, struct err *err)
{
    struct json_parser *parser;
    struct json root;
    const struct str all = str_from(text);
    json_parser_create(&parser, USAGE_BYTES_MAX);
    enum errc code = json_parse(parser, all, all.size, &root, err);
    code = code == ERR_OK ? price_cli_usage(root, out, err) : code;
    json_parser_destroy(&parser);
    if (code != ERR_OK) {
        err_prefix(err, "--usage: ");
        return ERR_USAGE;
    }
    return ERR_OK;
}

/* --tier; `absent` when it is not given. */
static enum errc read_tier(const struct args *args, enum service_tier absent,
                           enum service_tier *out, struct err *err)
{
    const char *const text = args_get(args, "--tier");
    *out = text != NULL ? price_tier_of(str_from(text)) : absent;
    if (text != NULL && *out == TIER_COUNT) {
        return err_set(err, ERR_USAGE, "--tier is none of standard, batch, flex, priority, fast");
    }
    return ERR_OK;
}

static enum errc run_one(struct app *app, const struct args *args, const struct price_book *book,
                         struct err *err)
{
    struct usage usage;
    struct price_query query = {.provider = given(args, "--provider"),
                                .model = str_from(args->positional[0]),
                                .region = given(args, "--region"),
                                .usage = &usage};
    if (args_get(args, "--usage") == NULL) {
        return err_set(err, ERR_USAGE, "price needs --usage; bursar price list %s shows the rates",
                       args->positional[0]);
    }
    enum errc code = read_tier(args, TIER_STANDARD, &query.tier, err);
    code = code == ERR_OK ? read_date(app, args_get(args, "--at"), &query.at_ns, err) : code;
    code = code == ERR_OK ? read_usage(args_get(args, "--usage"), &usage, err) : code;
    struct price_result result;
    code = code == ERR_OK ? price_call(book, &query, &result, err) : code;
    if (code != ERR_OK) {
        return code;
    }
    if (result.state == PRICE_UNPRICED) {
        char near[400] = "";
        if (result.model.size == 0) {
            price_cli_nearest(book, query.provider, query.model, near, sizeof near);
        }
        return err_set(err, ERR_NOT_FOUND, "%s: %s%s", args->positional[0], result.why, near);
    }
    if (app->json) {
        json_open_object(app->out);
        json_name(app->out, "schema");
        json_put_text(app->out, "bursar.price/1");
        price_cli_json(app->out, &query, &result);
        json_close_object(app->out);
        text_char(app->out, '\n');
    } else {
        price_cli_print(app->out, book, &query, &result);
    }
    return ERR_OK;
}

/* What list and diff share: the pattern stands at `place`, and is the last argument. */
static enum errc read_filter(const struct args *args, size_t place, struct price_filter *out,
                             struct err *err)
{
    if (args->positional_count > place + 1) {
        return err_set(err, ERR_USAGE, "price %s takes one PATTERN", args->positional[0]);
    }
    out->provider = given(args, "--provider");
    out->pattern = str_from(args->positional_count > place ? args->positional[place] : NULL);
    return read_tier(args, TIER_COUNT, &out->tier, err);
}

static enum errc run_list(struct app *app, const struct args *args, const struct price_book *book,
                          struct err *err)
{
    int64_t at_ns;
    struct price_filter filter;
    enum errc code = read_filter(args, 1, &filter, err);
    code = code == ERR_OK ? read_date(app, args_get(args, "--at"), &at_ns, err) : code;
    return code == ERR_OK ? price_cli_list(app, book, &filter, at_ns, err) : code;
}

static enum errc run_diff(struct app *app, const struct args *args, const struct price_book *book,
                          struct err *err)
{
    int64_t from_ns;
    int64_t to_ns;
    struct price_filter filter;
    if (args->positional_count < 3) {
        return err_set(err, ERR_USAGE, "price diff takes FROM, TO and perhaps a PATTERN");
    }
    enum errc code = read_filter(args, 3, &filter, err);
    code = code == ERR_OK ? read_date(app, args->positional[1], &from_ns, err) : code;
    code = code == ERR_OK ? read_date(app, args->positional[2], &to_ns, err) : code;
    return code == ERR_OK ? price_cli_diff(app, book, &filter, from_ns, to_ns, err) : code;
}

static enum errc run_update(struct app *app, const struct args *args, const struct price_book *book,
                            struct err *err)
{
    static const char *const others[] = {"--usage", "--at", "--provider", "--tier", "--region"};
    bool is_alone = args->positional_count == 1;
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        is_alone = is_alone && args_get(args, others[i]) == NULL;
    }
    if (!is_alone) {
        return err_set(err, ERR_USAGE,
                       "price update prices every call again and takes only --apply");
    }
    return price_cli_update(app, book, args_get(args, "--apply") != NULL, err);
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    CHECK(app != NULL);
    const char *const batch = args_get(args, "--batch");
    const struct str first = str_from(args->positional_count > 0 ? args->positional[0] : NULL);
    if ((batch != NULL) == (first.size > 0)) {
        return err_set(err, ERR_USAGE,
                       "price takes a MODEL, list, diff, update or --batch FILE; see "
                       "bursar price --help");
    }
    if (args_get(args, "--apply") != NULL && !str_equal(first, STR("update"))) {
        return err_set(err, ERR_USAGE, "--apply belongs to bursar price update");
    }
    const struct price_book *book;
    const enum errc code = app_price_book(app, &book, err);
    if (code != ERR_OK) {
        return code;
    }
    if (batch != NULL) {
        return price_cli_batch(app, book, batch, err);
    }
    if (str_equal(first, STR("list"))) {
        return run_list(app, args, book, err);
    }
    if (str_equal(first, STR("diff"))) {
        return run_diff(app, args, book, err);
    }
    if (str_equal(first, STR("update"))) {
        return run_update(app, args, book, err);
    }
    if (args->positional_count > 1) {
        return err_set(err, ERR_USAGE, "price takes one MODEL; see bursar price --help");
    }
    return run_one(app, args, book, err);
}

static enum ledger_use use(const struct args *args)
{
    CHECK(args != NULL);
    if (args->positional_count == 0 || strcmp(args->positional[0], "update") != 0) {
        return LEDGER_UNUSED;
    }
    return args_get(args, "--apply") != NULL ? LEDGER_WRITTEN : LEDGER_READ;
}

const struct command cmd_price = {
    .name = "price",
    .synopsis = "MODEL --usage JSON [--at DATE] [--provider P] [--tier T] [--region R]\n"
                "list [PATTERN] [--at DATE] [--provider P] [--tier T]\n"
                "diff FROM TO [PATTERN] [--provider P] [--tier T]\n"
                "update [--apply]\n"
                "--batch FILE",
    .summary = "what a call costs, and what the price book says",
    .about =
        "Prices one model call by the price in force when it began, exactly. A context tier\n"
        "reprices the whole request. What the book does not know stays unpriced: the command\n"
        "then fails and says why. Contract prices and discounts come from `prices` in\n"
        "bursar.yaml. The classes of the usage: input_uncached, cache_read, cache_write_5m,\n"
        "cache_write_1h, input_audio, input_image, output, output_audio, reasoning (part of\n"
        "output), requests, web_searches.\n"
        "\n"
        "list shows the prices in force on a date, diff what changed between two dates.\n"
        "--batch reads one JSON object a line with model, usage and perhaps provider, at,\n"
        "tier, region, and writes one a line.\n"
        "\n"
        "update works out every call of the ledger again by the prices of now, contract\n"
        "prices included, and shows what would change. With --apply it writes it: the old row\n"
        "is kept beside the new one, and the old cost is posted back. A call that no price is\n"
        "known for any more keeps the one it has. Example: bursar price update --apply",
    .example = "bursar price claude-sonnet-4-5 --usage '{\"input_uncached\": 1200, \"output\": "
               "300}' --at 2026-04-01",
    .options = options,
    .option_count = COUNT_OF(options),
    .positional_max = ARGS_POSITIONAL_MAX,
    .use = use,
    .run = run,
};
