#include "app/rates.h"

#include "base/check.h"

static void take(const struct price_row *row, struct rates *out)
{
    *out = (struct rates){0};
    for (int class = 0; class < USAGE_COUNT; class ++) {
        const int charged = price_class_charged(&row->rates, class);
        if (charged != PRICE_CLASS_COUNT) {
            out->pusd[class] = row->rates.pusd[charged];
            out->known |= 1u << class;
        }
    }
}

static bool by_id(const void *book, uint64_t price_id, struct rates *out)
{
    const struct price_row *const row = price_by_id(book, price_id);
    if (row != NULL) {
        take(row, out);
    }
    return row != NULL;
}

static bool by_model(const void *book, struct str provider, struct str model, int64_t at_ns,
                     int64_t input_tokens, struct rates *out)
{
    const char *why = NULL;
    const struct price_model *const found = price_find(book, provider, model, NULL, &why);
    const struct price_row *const row =
        found != NULL
            ? price_row_at(book, found, at_ns, TIER_STANDARD, (struct str){0}, input_tokens, &why)
            : NULL;
    if (row != NULL) {
        take(row, out);
    }
    return row != NULL;
}

struct rate_source app_rates(const struct price_book *book)
{
    CHECK(book != NULL);
    return (struct rate_source){.book = book, .by_id = by_id, .by_model = by_model};
}
