/* price_batch: queries in JSONL in, priced calls in JSONL out, one line for each. */
#include "cmd/price_cli.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/file.h"

#define BATCH_BYTES_MAX ((size_t)64 << 20)
#define LINE_BYTES_MAX  ((size_t)1 << 20)
#define FLUSH_BYTES     ((size_t)1 << 20)

/* One member of a query. */
static enum errc read_member(const struct app *app, struct str name, struct json value,
                             struct price_query *query, struct usage *usage, struct err *err)
{
    struct str *const texts[] = {&query->provider, &query->model, &query->region};
    static const char *const names[] = {"provider", "model", "region"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (str_equal(name, str_from(names[i]))) {
            *texts[i] = json_str(value);
            return json_kind(value) == JSON_STRING
                       ? ERR_OK
                       : err_set(err, ERR_USAGE, "%s is not a text", names[i]);
        }
    }
    if (str_equal(name, STR("usage"))) {
        query->usage = usage;
        return price_cli_usage(value, usage, err);
    }
    if (str_equal(name, STR("at"))) {
        return clock_parse_relative(json_str(value), app->now_ns, &query->at_ns, err);
    }
    if (str_equal(name, STR("tier"))) {
        query->tier = price_tier_of(json_str(value));
        return query->tier != TIER_COUNT
                   ? ERR_OK
                   : err_set(err, ERR_USAGE,
                             "tier is none of standard, batch, flex, priority, fast");
    }
    return err_set(err, ERR_USAGE,
                   "a query has provider, model, at, tier, region, usage; not "
                   "\"%.*s\"",
                   (int)(name.size > 60 ? 60 : name.size), name.data);
}

static enum errc read_query(const struct app *app, struct json node, struct price_query *query,
                            struct usage *usage, struct err *err)
{
    if (json_kind(node) != JSON_OBJECT) {
        return err_set(err, ERR_USAGE, "the line is not a JSON object");
    }
    query->at_ns = app->now_ns;
    struct json_cursor iter = json_iter(node);
    struct str name;
    struct json value;
    while (json_next(&iter, &name, &value)) {
        const enum errc code = read_member(app, name, value, query, usage, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    if (query->model.size == 0 || query->usage == NULL) {
        return err_set(err, ERR_USAGE, "a query needs model and usage");
    }
    return ERR_OK;
}

static enum errc price_line(const struct app *app, const struct price_book *book,
                            struct json_parser *parser, struct price_memo *memo, struct str line,
                            struct err *err)
{
    struct price_query query = {.memo = memo};
    struct usage usage;
    struct price_result result;
    struct json root;
    enum errc code = json_parse(parser, line, line.size, &root, err);
    code = code == ERR_OK ? read_query(app, root, &query, &usage, err) : code;
    code = code == ERR_OK ? price_call(book, &query, &result, err) : code;
    if (code != ERR_OK) {
        return code;
    }
    if (result.state == PRICE_PRICED) {
        price_cli_json(app->out, &query, &result);
    } else {
        json_name(app->out, "unpriced");
        json_put_text(app->out, result.why);
    }
    return ERR_OK;
}

enum errc price_cli_batch(struct app *app, const struct price_book *book, const char *path,
                          struct err *err)
{
    CHECK(path != NULL);
    struct str text;
    const struct str file =
        str_equal(str_from(path), STR("-")) ? STR("/dev/stdin") : str_from(path);
    enum errc code = file_read(file, BATCH_BYTES_MAX, app->arena, &text, err);
    if (code != ERR_OK) {
        return code;
    }
    struct price_memo *const memo = price_memo_create(app->arena); /* works without, slower */
    struct json_parser *parser;
    json_parser_create(&parser, LINE_BYTES_MAX);
    int64_t wrong = 0;
    int64_t line_number = 0;
    while (text.size > 0) {
        const struct str line = str_trim(str_cut(&text, '\n'));
        line_number++;
        if (line.size == 0) {
            continue;
        }
        struct err line_err;
        json_open_object(app->out);
        json_name(app->out, "line");
        json_put_int64(app->out, line_number);
        if (price_line(app, book, parser, memo, line, &line_err) != ERR_OK) {
            json_name(app->out, "error");
            json_put_text(app->out, line_err.text);
            wrong++;
        }
        json_close_object(app->out);
        text_char(app->out, '\n');
        if (text_str(app->out).size > FLUSH_BYTES) {
            app_flush(app);
        }
    }
    json_parser_destroy(&parser);
    if (wrong > 0) {
        code = err_set(err, ERR_SYNTAX,
                       "%lld of %lld lines of %s are no queries; each has its "
                       "error in the output",
                       (long long)wrong, (long long)line_number, path);
    }
    return code;
}
