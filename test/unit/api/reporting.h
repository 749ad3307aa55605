/* reporting: a ledger in a folder of its own, made once and open while the tests of a report run.
 */
#ifndef UNIT_API_REPORTING_H
#define UNIT_API_REPORTING_H

#include "store/store.h"
#include "support/test.h"

/* Fills the new ledger in `home`, its rows in an order that the seed decides. */
typedef void reporting_make(struct str home, uint64_t seed);

/* test_main() with *store open for reading, made with seed 1. */
int reporting_main(reporting_make *make, struct store **store, const struct test *tests,
                   size_t count);

/* Rows of struct ledger_<table>. */
struct reporting_rows {
    enum ledger_table table;
    const void *rows;
    size_t count;
};
/* The ledger in `home` gets them in one transaction. */
void reporting_fill(struct str home, const struct reporting_rows *rows, size_t count);

/* Rows of an array into an order drawn from `rng`. */
#define REPORTING_SHUFFLE(rng, rows, count)                                                        \
    for (size_t i = (count); i > 1; i--) {                                                         \
        const size_t j = rng_below(rng, i);                                                        \
        const __typeof__((rows)[0]) row = (rows)[i - 1];                                           \
        (rows)[i - 1] = (rows)[j];                                                                 \
        (rows)[j] = row;                                                                           \
    }

#endif
