/*
 * sample: a small ledger made by hand that has every part of the report once.
 *
 * Days are those of March 2026. Amounts are in thousandths of a dollar, so that the sums in
 * test_report.c can be done on paper. The cases of claims:
 *
 *   c1   one attempt 0.100, resolved, worth 10 by its own record
 *   c2   attempts 0.100 and 0.300 (a tool fee of 0.050 in it), resolved by the second
 *   c3   attempts 0.200 and 0.200, failed; 5 minutes of a person
 *   c4   0.150 resolved on day 3 with 1 minute; reopened on day 5; 0.250 on day 6; resolved again
 *        on day 7 with 2 minutes
 *   c5   open: 0.070, begun on day 2
 *   c6   escalated: 0.050 and a person's step of 10 minutes
 *   c7   0.120, said to be resolved on day 4, on day 20 that it had failed
 *   c8   0.110, resolved on day 2 but known only on day 25
 *   c9   0.020 and a call without a price, resolved
 *   c10  an outcome of a case nobody saw
 *   c11  two attempts at the same moment, 0.010 and 0.030: the key decides which is the last
 *   c12  attempts 0.005 at 09:00 and 0.040 at 11:00 of day 8; "resolved on day 8", no time given
 *
 * sessions: s1 0.500 with a commit on day 3, s2 0.700 without. Unattributed: two calls, 0.250 each.
 */
#ifndef UNIT_API_SAMPLE_H
#define UNIT_API_SAMPLE_H

#include "model/settings.h"
#include "store/store.h"

/* Midnight of a day of March 2026 and some hours. */
int64_t sample_time(int day, int hour);

/* Make the ledger in `home`, shuffled by `seed`: the same rows in another order. */
void sample_make(struct str home, uint64_t seed);

extern const struct settings sample_settings;

#endif
