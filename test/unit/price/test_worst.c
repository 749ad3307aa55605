/* worst: no call within the bounds costs more, and some call costs as much. Random calls of every
 * model of a small and of the shipped book, priced one by one. */
#include "base/rng.h"
#include "sample.h"

#define RATE INT64_C(1000000) /* p$ a token of a price of 1 in the book */

enum { BOUNDS = 60, CALLS = 60, SHIPPED_BYTES = 64 << 20 };

static struct price_bounds bounds_of(const char *model)
{
    return (struct price_bounds){.provider = STR("acme"),
                                 .model = str_from(model),
                                 .tiers = 1u << TIER_STANDARD,
                                 .input_tokens = 1000,
                                 .output_tokens = 100,
                                 .from_ns = sample_time("2026-09-01T12:00:00Z"),
                                 .until_ns = sample_time("2026-09-01T12:05:00Z")};
}

static void bounds_that_cannot_be_are_refused(void)
{
    struct sample sample;
    struct price_worst worst;
    struct err err;
    int refused = 0;
    sample_open(&sample);
    if (sample.book != NULL) {
        struct price_bounds bad[5];
        for (size_t i = 0; i < COUNT_OF(bad); i++) {
            bad[i] = bounds_of("one");
        }
        bad[0].tiers = 0;
        bad[1].input_tokens = -1;
        bad[2].output_tokens = USAGE_TOKENS_MAX + 1;
        bad[3].until_ns = bad[3].from_ns - 1;
        bad[4].input_classes = 1u << USAGE_OUTPUT;
        for (size_t i = 0; i < COUNT_OF(bad); i++) {
            refused += price_worst(sample.book, &bad[i], NULL, &worst, &err) == ERR_RANGE;
        }
    }
    arena_deinit(&sample.arena);
    EXPECT(refused == 5);
}

static bool is_worst(const struct sample *sample, const struct price_bounds *bounds, int64_t pusd)
{
    struct price_worst worst;
    struct err err;
    return price_worst(sample->book, bounds, NULL, &worst, &err) == ERR_OK &&
           worst.state == PRICE_PRICED && worst.cost_pusd == pusd;
}

static void the_dearest_way_to_bill_is_found(void)
{
    struct sample sample;
    sample_open(&sample);
    if (sample.book == NULL) {
        arena_deinit(&sample.arena);
        return;
    }
    struct price_bounds writes = bounds_of("one"); /* 8 for an hour's cache write, 20 for output */
    struct price_bounds context = bounds_of("one");
    struct price_bounds reasoning = bounds_of("two"); /* 3, not 2; a request fee; searches */
    struct price_bounds night = bounds_of("night");
    struct price_bounds audio = bounds_of("audio");
    struct price_bounds unknown = bounds_of("nobody");
    struct price_bounds batch = bounds_of("one");
    context.input_tokens = 300000;
    reasoning.web_searches = 2;
    night.from_ns = sample_time("2026-09-01T08:59:00Z"); /* a Tuesday: dearer from 9:00 */
    night.until_ns = sample_time("2026-09-01T09:00:00Z");
    audio.input_classes = 1u << USAGE_INPUT_UNCACHED | 1u << USAGE_INPUT_AUDIO;
    audio.output_audio = true;
    batch.tiers = 1u << TIER_BATCH; /* cache_read=? */
    const bool found = is_worst(&sample, &writes, RATE * (1000 * 8 + 100 * 20)) &&
                       is_worst(&sample, &context, RATE * (300000 * 16 + 100 * 30)) &&
                       is_worst(&sample, &reasoning, RATE * (1000 + 100 * 3 + 12000 + 2 * 10000)) &&
                       is_worst(&sample, &night, RATE * (1000 * 3 + 100 * 6)) &&
                       is_worst(&sample, &audio, RATE * (1000 * 7 + 100 * 9));
    struct price_worst worst;
    struct err err;
    const bool none = price_worst(sample.book, &unknown, NULL, &worst, &err) == ERR_OK &&
                      worst.state == PRICE_UNPRICED && worst.why != NULL && worst.cost_pusd == 0;
    const bool half = price_worst(sample.book, &batch, NULL, &worst, &err) == ERR_OK &&
                      worst.state == PRICE_UNPRICED && worst.why != NULL;
    arena_deinit(&sample.arena);
    EXPECT(found);
    EXPECT(none);
    EXPECT(half);
}

/* Split `total` at random over the classes of `mask`. */
static void split(struct rng *rng, int64_t total, uint32_t mask, struct usage *usage)
{
    for (int class = 0; class < USAGE_COUNT; class ++) {
        if ((mask >> class & 1) == 0) {
            continue;
        }
        const int64_t part =
            rng_below(rng, 3) == 0 ? total : (int64_t)rng_below(rng, (uint64_t)total + 1);
        usage->counts[class] = part;
        total -= part;
    }
}

/* Calls within the bounds that cost more than the worst; *out_priced counts those priced. */
static int dearer(const struct price_book *book, const struct price_bounds *bounds,
                  int64_t worst_pusd, struct rng *rng, int64_t *out_priced)
{
    int found = 0;
    const uint32_t inputs = 1u << USAGE_INPUT_UNCACHED | 1u << USAGE_CACHE_READ |
                            1u << USAGE_CACHE_WRITE_5M | 1u << USAGE_CACHE_WRITE_1H;
    for (int i = 0; i < CALLS; i++) {
        struct usage usage = {{0}, 0};
        struct price_result result;
        struct err err;
        const int64_t span = bounds->until_ns - bounds->from_ns;
        split(rng, (int64_t)rng_below(rng, (uint64_t)bounds->input_tokens + 1), inputs, &usage);
        usage.counts[USAGE_OUTPUT] = (int64_t)rng_below(rng, (uint64_t)bounds->output_tokens + 1);
        usage.reasoning = (int64_t)rng_below(rng, (uint64_t)usage.counts[USAGE_OUTPUT] + 1);
        usage.counts[USAGE_WEB_SEARCHES] =
            (int64_t)rng_below(rng, (uint64_t)bounds->web_searches + 1);
        usage.counts[USAGE_REQUESTS] = 1;
        enum service_tier tier;
        do {
            tier = (enum service_tier)rng_below(rng, TIER_COUNT);
        } while ((bounds->tiers >> tier & 1) == 0);
        const struct price_query query = {.provider = bounds->provider,
                                          .model = bounds->model,
                                          .at_ns = bounds->from_ns +
                                                   (int64_t)rng_below(rng, (uint64_t)span + 1),
                                          .tier = tier,
                                          .region = bounds->region,
                                          .usage = &usage};
        if (price_call(book, &query, &result, &err) == ERR_OK && result.state == PRICE_PRICED) {
            (*out_priced)++;
            found += result.cost_pusd > worst_pusd;
        } else {
            found++; /* what has a worst cost has a price within its bounds */
        }
    }
    return found;
}

static void no_call_within_the_bounds_costs_more(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct arena arena;
    struct err err;
    struct rng rng;
    const struct price_book *books[2] = {NULL, NULL};
    int found = 0;
    int64_t priced = 0;
    rng_init(&rng, 7);
    arena_init(&arena, SHIPPED_BYTES);
    CHECK(price_book_parse(str_from(sample_text), &arena, &books[0], &err) == ERR_OK);
    CHECK(price_book_parse(price_shipped(), &arena, &books[1], &err) == ERR_OK);
    for (int i = 0; i < 2 * BOUNDS * 20; i++) {
        const struct price_book *const book = books[i % 2];
        const struct price_model *const model =
            &book->models.rows[rng_below(&rng, book->models.count)];
        struct price_bounds bounds = {
            .provider = book->providers.rows[model->provider].id,
            .model = model->id,
            .region = rng_below(&rng, 3) == 0 ? STR("us") : (struct str){"", 0},
            .tiers = (uint32_t)(1 + rng_below(&rng, (1u << TIER_COUNT) - 1)),
            .input_tokens = (int64_t)rng_below(&rng, rng_below(&rng, 2) == 0 ? 5000 : 900000),
            .output_tokens = (int64_t)rng_below(&rng, 20000),
            .web_searches = rng_below(&rng, 4) == 0 ? 3 : 0};
        bounds.tiers = rng_below(&rng, 2) == 0 ? 1u << TIER_STANDARD : bounds.tiers;
        bounds.from_ns =
            sample_time("2026-08-14T00:00:00Z") + (int64_t)rng_below(&rng, 10) * CLOCK_NS_PER_DAY;
        bounds.until_ns = bounds.from_ns + (int64_t)rng_below(&rng, 7 * 24) * 3600000000000;
        struct price_worst worst;
        if (price_worst(book, &bounds, NULL, &worst, &err) == ERR_OK &&
            worst.state == PRICE_PRICED) {
            found += dearer(book, &bounds, worst.cost_pusd, &rng, &priced);
        }
    }
    arena_deinit(&arena);
    EXPECT(found == 0);
    EXPECT(priced > 10000);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(bounds_that_cannot_be_are_refused),
        TEST(the_dearest_way_to_bill_is_found),
        TEST(no_call_within_the_bounds_costs_more),
    };
    return test_main(tests, COUNT_OF(tests));
}
