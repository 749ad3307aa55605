/* A ledger of steps in which every label was worked out by hand; see steps_sample.c. */
#ifndef TEST_STEPS_SAMPLE_H
#define TEST_STEPS_SAMPLE_H

#include <stdint.h>

#include "base/str.h"

/* Fill the new ledger in `home`: workflow "desk", in p$, and "shop", the same times 10^9. */
void steps_sample_make(struct str home, uint64_t seed);

#endif
