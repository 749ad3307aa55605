/* Growth and plateau of contexts, from a sample of the attempts; and tokens in dollars. */
#include <math.h>

#include "api/drivers_priv.h"
#include "base/check.h"

enum {
    SAMPLE_ATTEMPTS_MAX = 50000, /* looked at for growth and plateau */
    SESSIONS_MAX = 2000,         /* whose median is drawn again a thousand times */
};

struct drivers_price *drivers_price_of(const struct drivers_reading *r, int64_t code)
{
    CHECK(code >= 2);
    const size_t at = (size_t)(code / 2) - 1;
    CHECK(at < r->price_count);
    return &r->prices[at];
}

/* Tokens with rates only to compare classes by: where no price is known, each token weighs one. */
static double weigh(const struct drivers_price *price, const struct drivers_tokens *tokens,
                    money_sum output)
{
    if (!price->listed) {
        return (double)(drivers_total(tokens) + output);
    }
    return (double)drivers_cost(tokens, &price->rates) +
           (double)output * (double)price->rates.pusd[USAGE_OUTPUT];
}

money_sum drivers_value(const struct drivers_price *price, const struct drivers_tokens *tokens)
{
    if (price->exact) {
        return drivers_cost(tokens, &price->rates);
    }
    return drivers_share(price->used_pusd, weigh(price, tokens, 0),
                         weigh(price, &price->used[DRIVERS_ALL], price->output));
}

/* Exponents of [rows] sessions with at least so many turns, ascending; returns how many. */
static size_t exponents(const struct store_result *rows, int64_t turns_least, double *out)
{
    size_t count = 0;
    for (size_t row = 0; row < rows->rows; row++) {
        const struct drivers_turns turns = {
            .n = store_int64(rows, row, 0, 0),
            .x = store_sum(rows, row, 1),
            .y = store_sum(rows, row, 2),
            .xy = store_sum(rows, row, 3),
            .xx = store_sum(rows, row, 4),
        };
        if (turns.n >= turns_least) {
            out[count] = drivers_exponent(&turns);
            count += isnan(out[count]) ? 0 : 1;
        }
    }
    stats_sort(out, count);
    return count;
}

static enum errc read_growth(struct drivers_reading *r, struct err *err)
{
    struct drivers *const d = r->out;
    const struct store_value most = STORE_OF_INT64(SESSIONS_MAX);
    struct store_result rows;
    const enum errc code = store_run(r->store, QUERY_drivers_turns, &most, 1, r->arena, &rows, err);
    if (code != ERR_OK) {
        return code;
    }
    double *const found = arena_new(r->arena, double, rows.rows + 1);
    if (found == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for %zu sessions", rows.rows);
    }
    d->growth_turns_least = DRIVERS_TURNS_LEAST;
    size_t count = exponents(&rows, DRIVERS_TURNS_LEAST, found);
    if (count == 0) {
        d->growth_turns_least = DRIVERS_TURNS_THIN;
        count = exponents(&rows, DRIVERS_TURNS_THIN, found);
    }
    d->growth_sessions = (int64_t)count;
    d->growth_q1 = count > 0 ? stats_quantile(found, count, 0.25) : NAN;
    d->growth_q3 = count > 0 ? stats_quantile(found, count, 0.75) : NAN;
    return drivers_median(found, count, STATS_BOOTSTRAP_SEED, r->arena, &d->growth, err);
}

static enum errc read_plateau(struct drivers_reading *r, struct err *err)
{
    struct store_result rows;
    const enum errc code =
        store_run(r->store, QUERY_drivers_contexts, NULL, 0, r->arena, &rows, err);
    if (code != ERR_OK) {
        return code;
    }
    struct drivers_split splits[DRIVERS_SPLITS_MAX];
    CHECK(rows.rows <= COUNT_OF(splits));
    for (size_t row = 0; row < rows.rows; row++) {
        splits[row] = (struct drivers_split){.size = store_int64(&rows, row, 1, 0),
                                             .attempts = store_int64(&rows, row, 2, 0),
                                             .successes = store_int64(&rows, row, 3, 0)};
    }
    r->out->plateau = drivers_plateau(splits, rows.rows, r->out->margin);
    return ERR_OK;
}

static enum errc read_excess(struct drivers_reading *r, struct err *err)
{
    struct drivers *const d = r->out;
    struct store_result rows;
    const struct store_value values[] = {r->scope[0], r->scope[1], STORE_OF_INT64(d->plateau.size)};
    const enum errc code =
        store_run(r->store, QUERY_drivers_excess, values, COUNT_OF(values), r->arena, &rows, err);
    money_sum squares = 0;
    for (size_t row = 0; code == ERR_OK && row < rows.rows; row++) {
        const struct drivers_price *const price =
            drivers_price_of(r, store_int64(&rows, row, 0, 0));
        struct drivers_tokens tokens = {{0}};
        for (size_t class = 0; class < DRIVERS_INPUTS; class ++) {
            tokens.input[class] = store_sum(&rows, row, 3 + class);
        }
        d->excess_tokens += store_sum(&rows, row, 2);
        d->excess_pusd += drivers_value(price, &tokens);
        squares += store_sum(&rows, row, 3 + DRIVERS_INPUTS);
    }
    d->excess_attention = d->attention > 0 ? (double)squares / (double)d->attention : NAN;
    return code;
}

enum errc drivers_read_sample(struct drivers_reading *r, struct err *err)
{
    struct drivers *const d = r->out;
    d->sample_one_in = (d->attempts + SAMPLE_ATTEMPTS_MAX - 1) / SAMPLE_ATTEMPTS_MAX;
    d->sample_one_in = d->sample_one_in < 1 ? 1 : d->sample_one_in;
    const struct store_value values[] = {r->scope[0], r->scope[1],
                                         STORE_OF_UINT64(UINT64_MAX / (uint64_t)d->sample_one_in)};
    enum errc code =
        store_execute(r->store, QUERY_drivers_sample_create, values, COUNT_OF(values), NULL, err);
    code = code == ERR_OK ? read_growth(r, err) : code;
    /* Of the whole ledger there is none: short contexts of one kind of work beside long ones of
     * another say nothing of what length does. */
    if (code == ERR_OK && r->request->request.workflow.size == 0) {
        d->plateau = drivers_plateau(NULL, 0, d->margin);
        return ERR_OK;
    }
    code = code == ERR_OK ? read_plateau(r, err) : code;
    return code == ERR_OK && d->plateau.found ? read_excess(r, err) : code;
}
