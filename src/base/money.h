/*
 * money: exact amounts in picodollars (1 USD = 1e12 p$), in text and in sums.
 *
 * A ledger row holds int64_t (up to $9,223,372.03); sums, budgets and totals hold money_sum, 128
 * bits. Doubles never enter. Overflow of a row is the caller's error; of a 128-bit sum, our bug.
 */
#ifndef BASE_MONEY_H
#define BASE_MONEY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define MONEY_PUSD_PER_USD INT64_C(1000000000000)
#define MONEY_DECIMALS     12

__extension__ typedef __int128 money_sum; /* p$ */
__extension__ typedef unsigned __int128 money_magnitude;

enum { MONEY_TEXT_BYTES_MAX = 56 };

/*
 * Read a decimal amount in USD: "12", "-0.5", "1e-05", "0.06700220799999997".
 *
 * Digits behind the twelfth decimal are rounded half to even, which only a figure that went
 * through a float has.
 *
 * Errors: ERR_SYNTAX  not a finite decimal number (NaN, infinity, empty, trailing bytes).
 *         ERR_RANGE   beyond what int64_t picodollars hold.
 */
MUST_CHECK enum errc money_parse(struct str text, int64_t *out_pusd, struct err *err);
/* The same for any power: the value times 10^`decimals`. money_parse() is decimals = 12. */
MUST_CHECK enum errc money_parse_scaled(struct str text, int decimals, int64_t *out,
                                        struct err *err);

/* Exact decimal USD with no trailing zeros: "0.084213", "-3", "0". Returns the size written. */
size_t money_print(money_sum amount_pusd, char text[static MONEY_TEXT_BYTES_MAX]);

/* For people: rounded half up to `decimals` (0..12), thousands separated: "1,234.57". */
size_t money_print_rounded(money_sum amount_pusd, int decimals,
                           char text[static MONEY_TEXT_BYTES_MAX]);

/* amount * numerator / denominator, rounded half to even. denominator > 0; must fit 128 bits. */
money_sum money_scale(money_sum amount_pusd, int64_t numerator, int64_t denominator);

/* For statistics and display only: a double never flows back into a row. */
double money_usd(money_sum amount_pusd);

#endif
