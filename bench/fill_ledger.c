/*
 * fill_ledger: a large ledger for measuring reports, made by SQL in the store itself.
 *
 *     fill_ledger HOME CASES WORKFLOWS ATTRIBUTES FILE.sql
 *
 * The ledger is the one the program makes, and the rates are those of the shipped price book, so
 * that `bursar verify` passes on the result.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "price/price.h"
#include "store/ledger_priv.h"

#define ARENA_BYTES_MAX ((size_t)64 << 20)
#define SQL_BYTES_MAX   ((size_t)1 << 20)

static const struct str from = STR_STATIC("2026-01-01T00:00:00Z");
static const char *const models[] = {"claude-sonnet-4-5", "claude-haiku-4-5", "claude-opus-4-5"};
static const struct {
    const char *name;
    enum usage_class class;
} rates[] = {{"rate_input", USAGE_INPUT_UNCACHED},
             {"rate_read", USAGE_CACHE_READ},
             {"rate_write", USAGE_CACHE_WRITE_5M},
             {"rate_output", USAGE_OUTPUT}};

/* What one token of a class costs with a model. */
static enum errc find_rate(const struct price_book *book, int64_t at_ns, const char *model,
                           enum usage_class class, struct price_result *out, struct err *err)
{
    struct usage usage = {.counts[USAGE_REQUESTS] = 1};
    usage.counts[class] = 1;
    const struct price_query query = {.model = str_from(model), .at_ns = at_ns, .usage = &usage};
    const enum errc code = price_call(book, &query, out, err);
    CHECK(code != ERR_OK || out->state == PRICE_PRICED);
    return code;
}

/* SET VARIABLE statements of what the SQL takes from the price book, a list over the models each.
 */
static enum errc set_prices(struct arena *arena, struct text *out, struct err *err)
{
    const struct price_book *book = NULL;
    int64_t from_ns = 0;
    enum errc code = clock_parse(from, &from_ns, err);
    if (code == ERR_OK) {
        code = price_book_parse(price_shipped(), arena, &book, err);
    }
    for (size_t i = 0; i < COUNT_OF(rates) && code == ERR_OK; i++) {
        text_format(out, "SET VARIABLE %s = [", rates[i].name);
        for (size_t m = 0; m < COUNT_OF(models) && code == ERR_OK; m++) {
            struct price_result priced = {0};
            code = find_rate(book, from_ns, models[m], rates[i].class, &priced, err);
            text_format(out, "%lld::BIGINT, ", (long long)priced.cost_pusd);
        }
        text_add(out, STR("];\n"));
    }
    text_add(out, STR("SET VARIABLE price_id = ["));
    for (size_t m = 0; m < COUNT_OF(models) && code == ERR_OK; m++) {
        struct price_result priced = {0};
        code = find_rate(book, from_ns, models[m], USAGE_OUTPUT, &priced, err);
        text_format(out, "%llu::UBIGINT, ", (unsigned long long)priced.price_id);
    }
    text_add(out, STR("];\nSET VARIABLE models = ["));
    for (size_t m = 0; m < COUNT_OF(models); m++) {
        text_format(out, "'%s', ", models[m]);
    }
    text_format(out, "];\nSET VARIABLE from_ns = %lld::BIGINT;\n", (long long)from_ns);
    return code;
}

static enum errc fill(char **argv, struct arena *arena, struct text *sql, struct err *err)
{
    static const struct {
        const char *name;
        int64_t least;
        int64_t most;
    } counts[] = {{"cases", 1, 10000000}, {"workflows", 1, 6}, {"attributes", 0, 26}};
    struct str body;
    enum errc code = file_read(str_from(argv[5]), SQL_BYTES_MAX, arena, &body, err);
    for (size_t i = 0; i < COUNT_OF(counts) && code == ERR_OK; i++) {
        int64_t count = 0;
        if (!str_to_int64(str_from(argv[2 + i]), &count) || count < counts[i].least ||
            count > counts[i].most) {
            return err_set(err, ERR_USAGE, "%s: %s is not a number from %lld to %lld",
                           counts[i].name, argv[2 + i], (long long)counts[i].least,
                           (long long)counts[i].most);
        }
        text_format(sql, "SET VARIABLE %s = %lld::BIGINT;\n", counts[i].name, (long long)count);
    }
    if (code == ERR_OK) {
        code = set_prices(arena, sql, err);
    }
    struct store *store = NULL;
    if (code == ERR_OK) {
        text_add(sql, body);
        CHECK(!text_is_full(sql));
        code = store_open(str_from(argv[1]), STORE_WRITE, &store, err);
    }
    if (code == ERR_OK) {
        code = store_sql(store, sql->data, "filling the ledger", err);
        store_close(&store);
    }
    return code;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fputs("usage: fill_ledger HOME CASES WORKFLOWS ATTRIBUTES FILE.sql\n", stderr);
        return 2;
    }
    struct arena arena;
    arena_init(&arena, ARENA_BYTES_MAX);
    struct text sql;
    text_init(&sql, SQL_BYTES_MAX);
    struct err err;
    const enum errc code = fill(argv, &arena, &sql, &err);
    if (code != ERR_OK) {
        fprintf(stderr, "fill_ledger: %s\n", err.text);
    }
    text_deinit(&sql);
    arena_deinit(&arena);
    return code != ERR_OK;
}
