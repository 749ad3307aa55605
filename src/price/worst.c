/* worst: the most a call can cost before it is made.
 *
 * Which row is in force changes only where one begins or ends, at the edges of a window, and where
 * the input passes a context tier; between, the cost grows with each count. So it is enough to
 * price the largest input of every context tier at the first instant and at every such edge. */
#include "price/price.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/money.h"

#define CLASS_BIT(name) (1u << USAGE_##name)

enum {
    CACHED_TEXT = CLASS_BIT(INPUT_UNCACHED) | CLASS_BIT(CACHE_READ) | CLASS_BIT(CACHE_WRITE_5M) |
                  CLASS_BIT(CACHE_WRITE_1H),
    INPUTS = CACHED_TEXT | CLASS_BIT(INPUT_AUDIO) | CLASS_BIT(INPUT_IMAGE),
};

struct search {
    const struct price_book *book;
    const struct price_bounds *bounds;
    const struct price_model *model;
    uint32_t input_classes;
    int64_t cost_pusd; /* the most so far */
    const char *why;   /* something possible has no price */
    bool fits;
};

static const char *const no_rate =
    "the price in force has no known rate for something this call may use";

/* The dearest rate of the classes in `mask`; false: one of them has none. */
static bool dearest(const struct price_rates *rates, uint32_t mask, int64_t *out_pusd)
{
    CHECK(mask != 0);
    int64_t most = 0;
    for (int class = 0; class < USAGE_COUNT; class ++) {
        if ((mask >> class & 1) == 0) {
            continue;
        }
        const int charged = price_class_charged(rates, class);
        if (charged == PRICE_CLASS_COUNT) {
            return false;
        }
        most = rates->pusd[charged] > most ? rates->pusd[charged] : most;
    }
    *out_pusd = most;
    return true;
}

static bool add(int64_t *sum, int64_t count, int64_t rate_pusd)
{
    int64_t product;
    return !__builtin_mul_overflow(count, rate_pusd, &product) &&
           !__builtin_add_overflow(*sum, product, sum);
}

static void price_input(struct search *search, int64_t at_ns, enum service_tier tier,
                        int64_t input_tokens)
{
    const struct price_bounds *const bounds = search->bounds;
    const struct price_row *const row = price_row_at(search->book, search->model, at_ns, tier,
                                                     bounds->region, input_tokens, &search->why);
    if (row == NULL) {
        return;
    }
    const struct price_rates *const rates = &row->rates;
    const uint32_t outputs =
        CLASS_BIT(OUTPUT) | (bounds->output_audio ? CLASS_BIT(OUTPUT_AUDIO) : 0);
    int64_t input_pusd = 0;
    int64_t output_pusd = 0;
    int64_t search_pusd = 0;
    if (rates->known == 0 ||
        (input_tokens > 0 && !dearest(rates, search->input_classes, &input_pusd)) ||
        (bounds->output_tokens > 0 && !dearest(rates, outputs, &output_pusd)) ||
        (bounds->web_searches > 0 && !dearest(rates, CLASS_BIT(WEB_SEARCHES), &search_pusd))) {
        search->why = no_rate;
        return;
    }
    if ((rates->known >> PRICE_REASONING & 1) != 0 && rates->pusd[PRICE_REASONING] > output_pusd) {
        output_pusd = rates->pusd[PRICE_REASONING];
    }
    const bool has_fee = (rates->known >> USAGE_REQUESTS & 1) != 0;
    int64_t cost_pusd = has_fee ? rates->pusd[USAGE_REQUESTS] : 0;
    search->fits = search->fits && add(&cost_pusd, input_tokens, input_pusd) &&
                   add(&cost_pusd, bounds->output_tokens, output_pusd) &&
                   add(&cost_pusd, bounds->web_searches, search_pusd);
    search->cost_pusd = cost_pusd > search->cost_pusd ? cost_pusd : search->cost_pusd;
}

/* Every tier and the largest input of every context tier, at one instant. */
static void price_instant(struct search *search, int64_t at_ns)
{
    const struct price_bounds *const bounds = search->bounds;
    const struct price_model *const model = search->model;
    CHECK(at_ns >= bounds->from_ns && at_ns <= bounds->until_ns);
    for (int tier = 0; tier < TIER_COUNT && search->why == NULL; tier++) {
        if ((bounds->tiers >> tier & 1) == 0) {
            continue;
        }
        price_input(search, at_ns, (enum service_tier)tier, bounds->input_tokens);
        for (size_t i = model->row_first;
             i < model->row_first + model->row_count && search->why == NULL; i++) {
            const struct price_row *const row = &search->book->rows.rows[i];
            if (row->tier == (enum service_tier)tier && row->context_over > 0 &&
                row->context_over < bounds->input_tokens) {
                price_input(search, at_ns, (enum service_tier)tier, row->context_over);
            }
        }
    }
}

static void price_edge(struct search *search, int64_t at_ns)
{
    if (at_ns > search->bounds->from_ns && at_ns <= search->bounds->until_ns &&
        search->why == NULL) {
        price_instant(search, at_ns);
    }
}

/* The edges of a row within the bounds. */
static void price_edges(struct search *search, const struct price_row *row)
{
    CHECK(row != NULL);
    const struct price_bounds *const bounds = search->bounds;
    price_edge(search, row->from_ns);
    price_edge(search, row->until_ns);
    if (row->window_from_s == row->window_until_s) {
        return;
    }
    const int64_t days[] = {bounds->from_ns / CLOCK_NS_PER_DAY - 1,
                            bounds->until_ns / CLOCK_NS_PER_DAY + 1};
    for (int64_t day = days[0]; day <= days[1]; day++) {
        const int64_t start_ns = day * CLOCK_NS_PER_DAY;
        price_edge(search, start_ns); /* the week day changes */
        price_edge(search, start_ns + row->window_from_s * CLOCK_NS_PER_SECOND);
        price_edge(search, start_ns + row->window_until_s * CLOCK_NS_PER_SECOND);
    }
}

static enum errc check_bounds(const struct price_bounds *bounds, struct err *err)
{
    const int64_t counts[] = {bounds->input_tokens, bounds->output_tokens, bounds->web_searches};
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        if (counts[i] < 0 || counts[i] > USAGE_TOKENS_MAX) {
            return err_set(err, ERR_RANGE, "a bound of %lld; a call has 0 to %lld",
                           (long long)counts[i], (long long)USAGE_TOKENS_MAX);
        }
    }
    if (bounds->tiers == 0 || bounds->tiers >> TIER_COUNT != 0 ||
        (bounds->input_classes & ~(uint32_t)INPUTS) != 0) {
        return err_set(err, ERR_RANGE, "no service tier that there is, or no class of input");
    }
    if (bounds->from_ns < 0 || bounds->until_ns < bounds->from_ns ||
        bounds->until_ns - bounds->from_ns > PRICE_WORST_DAYS_MAX * CLOCK_NS_PER_DAY) {
        return err_set(err, ERR_RANGE, "a call begins within %d days from an instant",
                       PRICE_WORST_DAYS_MAX);
    }
    return ERR_OK;
}

enum errc price_worst(const struct price_book *book, const struct price_bounds *bounds,
                      struct price_memo *memo, struct price_worst *out, struct err *err)
{
    CHECK(book != NULL);
    CHECK(out != NULL);
    const enum errc code = check_bounds(bounds, err);
    if (code != ERR_OK) {
        return code;
    }
    struct price_worst worst = {.state = PRICE_UNPRICED};
    struct search search = {
        .book = book,
        .bounds = bounds,
        .model = price_find(book, bounds->provider, bounds->model, memo, &worst.why),
        .input_classes = bounds->input_classes != 0 ? bounds->input_classes : CACHED_TEXT,
        .fits = true,
    };
    if (search.model != NULL) {
        const struct price_model *const model = search.model;
        worst.provider = book->providers.rows[model->provider].id;
        worst.model = model->id;
        price_instant(&search, bounds->from_ns);
        for (size_t i = model->row_first; i < model->row_first + model->row_count; i++) {
            price_edges(&search, &book->rows.rows[i]);
        }
        if (!search.fits) {
            return err_set(err, ERR_RANGE, "the call may cost more than a ledger row holds ($%lld)",
                           (long long)(INT64_MAX / MONEY_PUSD_PER_USD));
        }
        worst.state = search.why == NULL ? PRICE_PRICED : PRICE_UNPRICED;
        worst.cost_pusd = search.why == NULL ? search.cost_pusd : 0;
        worst.why = search.why;
    }
    *out = worst;
    return ERR_OK;
}
