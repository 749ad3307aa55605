/* rates: the price book as the source of rates that reports are handed. */
#ifndef APP_RATES_H
#define APP_RATES_H

#include "model/rates.h"
#include "price/price.h"

/* book  borrowed: must outlive the source. */
struct rate_source app_rates(const struct price_book *book);

#endif
