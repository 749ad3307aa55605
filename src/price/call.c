/* call: the row in force, and what a usage costs by it. */
#include "price/price_priv.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/money.h"
#include "model/trace.h"

static const char *const no_rate[USAGE_COUNT] = {
#define X(name, column, text) [USAGE_##name] = "the price in force has no known rate for " text,
    USAGE_CLASSES(X)
#undef X
};

static bool window_holds(const struct price_row *row, int64_t at_ns)
{
    CHECK(row->window_from_s >= 0);
    CHECK(row->window_until_s >= 0);
    if (row->window_from_s == row->window_until_s) {
        return true;
    }
    int64_t day = at_ns / CLOCK_NS_PER_DAY;
    int64_t of_day_ns = at_ns % CLOCK_NS_PER_DAY;
    if (of_day_ns < 0) {
        of_day_ns += CLOCK_NS_PER_DAY;
        day--;
    }
    const int64_t from_ns = row->window_from_s * CLOCK_NS_PER_SECOND;
    const int64_t until_ns = row->window_until_s * CLOCK_NS_PER_SECOND;
    const bool holds = from_ns < until_ns ? of_day_ns >= from_ns && of_day_ns < until_ns
                                          : of_day_ns >= from_ns || of_day_ns < until_ns;
    const int64_t weekday = ((day + 3) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    return holds && (row->days >> weekday & 1) != 0;
}

/* Whether `a` is the more particular of two rows that both hold. */
static bool row_wins(const struct price_row *a, const struct price_row *b)
{
    if (b == NULL || a->rank != b->rank) {
        return b == NULL || a->rank > b->rank;
    }
    const bool a_region = a->region.size > 0;
    const bool b_region = b->region.size > 0;
    if (a_region != b_region) {
        return a_region;
    }
    const bool a_window = a->window_from_s != a->window_until_s;
    const bool b_window = b->window_from_s != b->window_until_s;
    if (a_window != b_window) {
        return a_window;
    }
    return a->context_over > b->context_over;
}

/* Whether the model's prices for that tier are not the same at all times. */
static bool price_depends_on_time(const struct price_book *book, const struct price_model *model,
                                  enum service_tier tier)
{
    for (size_t i = model->row_first; i < model->row_first + model->row_count; i++) {
        const struct price_row *const row = &book->rows.rows[i];
        if (row->tier == tier && (row->from_ns != INT64_MIN || row->until_ns != INT64_MAX ||
                                  row->window_from_s != row->window_until_s)) {
            return true;
        }
    }
    return false;
}

const struct price_row *price_row_at(const struct price_book *book, const struct price_model *model,
                                     int64_t at_ns, enum service_tier tier, struct str region,
                                     int64_t input_total, const char **why)
{
    CHECK(model != NULL);
    CHECK(why != NULL);
    CHECK(tier < TIER_COUNT);
    const struct price_row *best = NULL;
    bool tier_exists = false;
    if (at_ns == TIME_UNKNOWN && price_depends_on_time(book, model, tier)) {
        *why = "when the call began is not known, and this model's price depends on it";
        return NULL;
    }
    for (size_t i = model->row_first; i < model->row_first + model->row_count; i++) {
        const struct price_row *const row = &book->rows.rows[i];
        tier_exists = tier_exists || row->tier == tier;
        /* An over of 0 is the base: a call without any input has a price, too. */
        if (row->tier == tier && row->from_ns <= at_ns && at_ns < row->until_ns &&
            (row->context_over == 0 || input_total > row->context_over) &&
            (row->region.size == 0 || str_equal_fold(row->region, region)) &&
            window_holds(row, at_ns) && row_wins(row, best)) {
            best = row;
        }
    }
    if (best == NULL) {
        *why = tier_exists ? "no price of this model was in force then"
                           : "no price of this model is known for this service tier";
    }
    return best;
}

static enum errc check_usage(const struct usage *usage, struct err *err)
{
    for (int class = 0; class < USAGE_COUNT; class ++) {
        if (usage->counts[class] < 0 || usage->counts[class] > USAGE_TOKENS_MAX) {
            return err_set(err, ERR_RANGE, "%lld tokens of %s; a call has 0 to %lld",
                           (long long)usage->counts[class], price_class_name(class),
                           (long long)USAGE_TOKENS_MAX);
        }
    }
    if (usage->reasoning < 0 || usage->reasoning > USAGE_TOKENS_MAX) {
        return err_set(err, ERR_RANGE, "%lld tokens of reasoning; a call has 0 to %lld",
                       (long long)usage->reasoning, (long long)USAGE_TOKENS_MAX);
    }
    return ERR_OK;
}

/* Add count * rate to *sum; false past what int64_t holds. */
static bool add_product(int64_t *sum, int64_t count, int64_t rate_pusd)
{
    int64_t product;
    return !__builtin_mul_overflow(count, rate_pusd, &product) &&
           !__builtin_add_overflow(*sum, product, sum);
}

/* The reasoning part of the output, where it has a rate of its own. */
static int64_t reasoning_apart(const struct price_rates *rates, const struct usage *usage)
{
    const int64_t output = usage->counts[USAGE_OUTPUT];
    if ((rates->known >> PRICE_REASONING & 1) == 0) {
        return 0;
    }
    return usage->reasoning < output ? usage->reasoning : output;
}

/*
 * Charge `usage` by `row`: fills cost, parts, fallback, and the state. The rate of a class without
 * one of its own is that of the wider class it belongs to.
 */
static enum errc charge(const struct price_row *row, const struct usage *usage,
                        struct price_result *out, struct err *err)
{
    CHECK(out->state == PRICE_UNPRICED);
    CHECK(out->cost_pusd == 0);
    const struct price_rates *const rates = &row->rates;
    const int64_t reasoning = reasoning_apart(rates, usage);
    bool fits = true;
    if (rates->known == 0) {
        out->why = "the book lists this model without a rate for tokens";
        return ERR_OK;
    }
    for (int class = 0; class < USAGE_COUNT; class ++) {
        int64_t count = usage->counts[class];
        if (class == USAGE_REQUESTS) {
            count = (rates->known >> class & 1) == 0 ? 0 : count > 0 ? count : 1;
        } else if (class == USAGE_OUTPUT) {
            count -= reasoning;
        }
        if (count == 0) {
            continue;
        }
        const int charged = price_class_charged(rates, class);
        if (charged == PRICE_CLASS_COUNT) {
            out->why = no_rate[class];
            return ERR_OK;
        }
        out->fallback |= charged != class ? 1u << class : 0;
        fits = fits && add_product(&out->parts_pusd[class], count, rates->pusd[charged]);
    }
    fits = fits && add_product(&out->reasoning_pusd, reasoning, rates->pusd[PRICE_REASONING]) &&
           add_product(&out->parts_pusd[USAGE_OUTPUT], 1, out->reasoning_pusd);
    for (int class = 0; class < USAGE_COUNT && fits; class ++) {
        fits = add_product(&out->cost_pusd, 1, out->parts_pusd[class]);
    }
    if (!fits) {
        return err_set(err, ERR_RANGE, "the call costs more than a ledger row holds ($%lld)",
                       (long long)(INT64_MAX / MONEY_PUSD_PER_USD));
    }
    out->state = PRICE_PRICED;
    out->price_id = row->id;
    return ERR_OK;
}

enum errc price_call(const struct price_book *book, const struct price_query *query,
                     struct price_result *out, struct err *err)
{
    CHECK(book != NULL);
    CHECK(query->usage != NULL);
    CHECK(out != NULL);
    enum errc code = check_usage(query->usage, err);
    if (code != ERR_OK) {
        return code;
    }
    struct price_result result = {.state = PRICE_UNPRICED};
    const struct price_model *const model =
        price_find(book, query->provider, query->model, query->memo, &result.why);
    if (model != NULL) {
        result.provider = book->providers.rows[model->provider].id;
        result.model = model->id;
        result.row = price_row_at(book, model, query->at_ns, query->tier, query->region,
                                  query->is_sum ? 0 : usage_input_total(query->usage), &result.why);
    }
    if (result.row != NULL) {
        code = charge(result.row, query->usage, &result, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    if (result.state == PRICE_PRICED) {
        result.why = NULL;
    } else { /* an unknown cost is no number at all, not a part of one */
        result.cost_pusd = 0;
        result.reasoning_pusd = 0;
        memset(result.parts_pusd, 0, sizeof result.parts_pusd);
    }
    *out = result;
    return ERR_OK;
}

enum errc price_recompute(const struct price_book *book, uint64_t id, const struct usage *usage,
                          int64_t *out_pusd, struct err *err)
{
    CHECK(book != NULL);
    CHECK(out_pusd != NULL);
    const struct price_row *const row = price_by_id(book, id);
    if (row == NULL) {
        return err_set(
            err, ERR_NOT_FOUND,
            "the price book has no price %016llx any more; put it back under prices, with "
            "its from and until, or bursar price update",
            (unsigned long long)id);
    }
    struct price_result result = {.state = PRICE_UNPRICED};
    enum errc code = check_usage(usage, err);
    code = code == ERR_OK ? charge(row, usage, &result, err) : code;
    if (code != ERR_OK) {
        return code;
    }
    if (result.state == PRICE_UNPRICED) {
        return err_set(err, ERR_NOT_FOUND, "price %016llx: %s", (unsigned long long)id, result.why);
    }
    *out_pusd = result.cost_pusd;
    return ERR_OK;
}
