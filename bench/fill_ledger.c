/*
 * fill_ledger: a large ledger for measuring reports, made by SQL in the store itself.
 *
 *     fill_ledger HOME CASES FILE.sql
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

static const struct str model = STR_STATIC("claude-sonnet-4-5");
static const struct str from = STR_STATIC("2026-01-01T00:00:00Z");

/* SET VARIABLE statements of what the SQL takes from the price book. */
static enum errc set_prices(struct arena *arena, struct text *out, struct err *err)
{
    static const struct {
        const char *name;
        enum usage_class class;
    } rates[] = {{"rate_input", USAGE_INPUT_UNCACHED},
                 {"rate_read", USAGE_CACHE_READ},
                 {"rate_write", USAGE_CACHE_WRITE_5M},
                 {"rate_output", USAGE_OUTPUT}};
    const struct price_book *book = NULL;
    int64_t from_ns = 0;
    enum errc code = clock_parse(from, &from_ns, err);
    if (code == ERR_OK) {
        code = price_book_parse(price_shipped(), arena, &book, err);
    }
    for (size_t i = 0; i < COUNT_OF(rates) && code == ERR_OK; i++) {
        struct usage usage = {.counts[USAGE_REQUESTS] = 1};
        usage.counts[rates[i].class] = 1;
        const struct price_query query = {.model = model, .at_ns = from_ns, .usage = &usage};
        struct price_result priced;
        code = price_call(book, &query, &priced, err);
        if (code == ERR_OK) {
            CHECK(priced.state == PRICE_PRICED);
            text_format(out, "SET VARIABLE %s = %lld::BIGINT;\n", rates[i].name,
                        (long long)priced.cost_pusd);
            text_format(out, "SET VARIABLE price_id = %llu::UBIGINT;\n",
                        (unsigned long long)priced.price_id);
        }
    }
    text_format(out, "SET VARIABLE from_ns = %lld::BIGINT;\n", (long long)from_ns);
    return code;
}

static enum errc fill(char **argv, struct arena *arena, struct text *sql, struct err *err)
{
    int64_t cases = 0;
    if (!str_to_int64(str_from(argv[2]), &cases) || cases < 1) {
        return err_set(err, ERR_USAGE, "%s is no number of cases", argv[2]);
    }
    struct str body;
    enum errc code = file_read(str_from(argv[3]), SQL_BYTES_MAX, arena, &body, err);
    if (code == ERR_OK) {
        text_format(sql, "SET VARIABLE cases = %lld::BIGINT;\n", (long long)cases);
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
    if (argc != 4) {
        fputs("usage: fill_ledger HOME CASES FILE.sql\n", stderr);
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
