/* fuzz_price_book: any bytes as a price book; what is taken prices calls without contradiction. */
#include "base/check.h"
#include "price/price.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MODELS_ASKED_MAX = 64 };

/* A priced call is exact: its parts add up, and its row gives the same cost again. */
static void ask(const struct price_book *book, struct str provider, struct str name, int64_t at_ns,
                struct price_memo *memo)
{
    struct usage usage = {.reasoning = 7};
    for (int class = 0; class < USAGE_COUNT; class ++) {
        usage.counts[class] = class * 1000;
    }
    struct price_query query = {
        .provider = provider, .model = name, .at_ns = at_ns, .usage = &usage, .memo = memo};
    for (int tier = 0; tier < TIER_COUNT; tier++) {
        struct price_result result;
        struct err err;
        query.tier = (enum service_tier)tier;
        if (price_call(book, &query, &result, &err) != ERR_OK) {
            CHECK(err.code == ERR_RANGE);
            continue;
        }
        int64_t sum = 0;
        int64_t again = 0;
        for (int class = 0; class < USAGE_COUNT; class ++) {
            CHECK(result.parts_pusd[class] >= 0);
            sum += result.parts_pusd[class];
        }
        CHECK(sum == result.cost_pusd);
        CHECK((result.why != NULL) == (result.state == PRICE_UNPRICED));
        if (result.state == PRICE_PRICED) {
            CHECK(price_recompute(book, result.price_id, &usage, &again, &err) == ERR_OK);
            CHECK(again == result.cost_pusd);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct err err;
    const struct price_book *book = NULL;
    arena_init(&arena, (size_t)16 << 20);
    const struct str text = {(const char *)data, size};
    if (price_book_parse(text, &arena, &book, &err) == ERR_OK) {
        struct price_memo *const memo = price_memo_create(&arena);
        const struct price_model *near[4];
        for (size_t i = 0; i < book->models.count && i < MODELS_ASKED_MAX; i++) {
            const struct price_model *const model = &book->models.rows[i];
            const struct str provider = book->providers.rows[model->provider].id;
            ask(book, provider, model->id, INT64_C(1790000000000000000), memo);
            ask(book, (struct str){NULL, 0}, model->id, -1, memo);
            CHECK(price_nearest(book, provider, model->id, near, 4) >= 1);
        }
        const struct str tail = {text.data + size / 2, size - size / 2};
        ask(book, (struct str){NULL, 0}, tail, 0, NULL);
    } else {
        CHECK(book == NULL);
    }
    arena_deinit(&arena);
    return 0;
}
