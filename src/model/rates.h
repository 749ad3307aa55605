/* model/rates: what a unit of each class cost by one price, however the price was found. */
#ifndef MODEL_RATES_H
#define MODEL_RATES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "model/usage.h"

/* p$ per token, per one of requests and searches. A class without a rate of its own has that of
 * the wider class it is charged as. */
struct rates {
    int64_t pusd[USAGE_COUNT];
    uint32_t known; /* bit per class; what is not known is 0 in pusd */
};

/* Where rates come from, handed to those who may not see the price book. */
struct rate_source {
    const void *book; /* borrowed */
    /* Of the price a call was made with; false: the book has it no more. */
    bool (*by_id)(const void *book, uint64_t price_id, struct rates *out);
    /* At list price then, of a call that reads so many tokens; false: nobody knows. */
    bool (*by_model)(const void *book, struct str provider, struct str model, int64_t at_ns,
                     int64_t input_tokens, struct rates *out);
};

#endif
