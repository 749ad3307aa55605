/* price_priv: shared by the files of price/ only. */
#ifndef PRICE_PRICE_PRIV_H
#define PRICE_PRICE_PRIV_H

#include "price/price.h"

#define PRICE_NONE     SIZE_MAX
#define PRICE_DAYS_ALL 0x7Fu

/* The shipped book, made at build time by tools/embed.py. */
extern const unsigned char price_book_bytes[];
extern const size_t price_book_bytes_size;

/*
 * "7.20" USD per million tokens (per thousand, for a fee) in whole picodollars.
 *
 * Errors: ERR_SYNTAX  not plain digits with at most one point; ERR_RANGE  not whole, or too large.
 */
MUST_CHECK enum errc price_rate_parse(struct str text, int class, int64_t *out, struct err *err);
/* A class by its rate's name, or PRICE_CLASS_COUNT. */
int price_class_of(struct str name);

/* Index of the provider a name means, or PRICE_NONE. */
size_t price_provider_named(const struct price_book *book, struct str name);
size_t price_provider_by_id(const struct price_book *book, struct str id);
/* The model a name means at that provider, or NULL. */
const struct price_model *price_model_in(const struct price_book *book, size_t provider,
                                         struct str name);

/* The hash of a row's facts. */
uint64_t price_row_id(const struct price_book *book, const struct price_row *row);
/* Fill book->ids, sorted. False when the arena is full. */
bool price_index(struct price_book *book, struct arena *arena);

#endif
