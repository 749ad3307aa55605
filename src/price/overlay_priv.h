/* overlay_priv: an entry of bursar.yaml's prices, from the file that reads it to the one that
 * applies it. */
#ifndef PRICE_OVERLAY_PRIV_H
#define PRICE_OVERLAY_PRIV_H

#include "price/price_priv.h"

/* A price a contract names goes before a discount; among equals the later in the file wins. */
enum { RANK_DISCOUNT = 1, RANK_PRICE = RANK_DISCOUNT + PRICE_ENTRIES_MAX };

#define DISCOUNT_DECIMALS 4
#define DISCOUNT_WHOLE    INT64_C(1000000) /* 100 % with four decimals */

struct entry {
    const struct yaml *node;
    size_t provider;  /* in the new book */
    struct str model; /* name or pattern; empty: every model of the provider */
    size_t target;    /* the one model of the base it names, or PRICE_NONE */
    struct str like;  /* empty, or the provider it sells at the prices of */
    bool has_tier;
    enum service_tier tier;
    struct str region;
    int64_t from_ns;
    int64_t until_ns;
    int64_t over; /* -1: any context */
    bool is_discount;
    int64_t keep; /* what is left of a rate, of DISCOUNT_WHOLE */
    struct price_rates rates;
    struct str source;
    int32_t rank;
};

struct builder {
    const struct price_book *base;
    struct price_book *book;
    struct price_book view; /* the base with the providers of the file, to look names up in */
    struct arena *arena;
    PRICE_ARRAY(entry) entries;
};

/* Add what one node of the list says to b->entries. Errors: ERR_CONFIG, ERR_LIMIT. */
MUST_CHECK enum errc price_entry_read(struct builder *b, const struct yaml *node, struct err *err);

#endif
