/* price_cli: the parts of `bursar price`, and the price book every command shares. */
#ifndef CMD_PRICE_CLI_H
#define CMD_PRICE_CLI_H

#include "app/app.h"
#include "base/json.h"
#include "price/price.h"

/* {"input_uncached": 200000, …}. Errors: ERR_USAGE, naming the class and what is allowed. */
MUST_CHECK enum errc price_cli_usage(struct json node, struct usage *out, struct err *err);

/* Names nearest to one that is not known, into `text`: "; nearest: a/b, c/d" or nothing. */
void price_cli_nearest(const struct price_book *book, struct str provider, struct str model,
                       char *text, size_t size);

/* A price as a table for people, or as members of the JSON object that is open. */
void price_cli_print(struct text *out, const struct price_book *book,
                     const struct price_query *query, const struct price_result *result);
void price_cli_json(struct text *out, const struct price_query *query,
                    const struct price_result *result);

/* What `list` and `diff` show. */
struct price_filter {
    struct str provider; /* its id; empty: all */
    struct str pattern;  /* part of "provider/model", or a glob of it or of the model; empty: all */
    enum service_tier tier; /* TIER_COUNT: all */
};

MUST_CHECK enum errc price_cli_batch(struct app *app, const struct price_book *book,
                                     const char *path, struct err *err);
MUST_CHECK enum errc price_cli_list(struct app *app, const struct price_book *book,
                                    const struct price_filter *filter, int64_t at_ns,
                                    struct err *err);
MUST_CHECK enum errc price_cli_diff(struct app *app, const struct price_book *book,
                                    const struct price_filter *filter, int64_t from_ns,
                                    int64_t to_ns, struct err *err);

/* Price the ledger's calls again; without `apply` only say what would change. */
MUST_CHECK enum errc price_cli_update(struct app *app, const struct price_book *book, bool apply,
                                      struct err *err);

/* Whether the filter shows that model. */
bool price_cli_picks(const struct price_book *book, const struct price_model *model,
                     const struct price_filter *filter);
/* Rows of a model whose period holds `at_ns`, one of each kind; at most PRICE_MODEL_ROWS_MAX. */
size_t price_cli_rows(const struct price_book *book, const struct price_model *model,
                      const struct price_filter *filter, int64_t at_ns,
                      const struct price_row **out);
/* Whether two rows are of one kind: tier, region, window and context. */
bool price_cli_same_kind(const struct price_row *a, const struct price_row *b);

/* "2026-08-21", or with the time of day where it is not midnight. Returns the size. */
size_t price_cli_date(int64_t time_ns, char *text);
/* USD per million tokens, or per thousand for a fee, as p$. */
money_sum price_cli_rate(const struct price_rates *rates, int class);
/* Decimals an amount needs, at least `least`. */
int price_cli_decimals(money_sum amount_pusd, int least);

#endif
