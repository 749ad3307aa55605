/*
 * sums: what a program's meters add to the calls that are known one by one.
 *
 *     calls in seconds, readings with windows  --ledger_residue-->  what of each reading is spend
 *
 * A reading covers calls that ended within its window; what is left of it when they are taken off
 * is told by nothing else. Pure.
 */
#ifndef LEDGER_SUMS_H
#define LEDGER_SUMS_H

#include <stddef.h>
#include <stdint.h>

/* What is compared: cache writes of either kind are one. The last is no count of tokens. */
enum sum_class {
    SUM_INPUT_UNCACHED,
    SUM_CACHE_READ,
    SUM_CACHE_WRITE,
    SUM_INPUT_AUDIO,
    SUM_INPUT_IMAGE,
    SUM_OUTPUT,
    SUM_OUTPUT_AUDIO,
    SUM_COST, /* p$, as it is told */
    SUM_CLASS_COUNT,
};

/* A call is written into a meter about when it ends, not exactly then. */
#define SUM_SLACK_NS INT64_C(2000000000)

struct sum_call {
    int64_t at_ns; /* its end */
    int64_t left[SUM_CLASS_COUNT];
};

struct sum_reading {
    int64_t from_ns;
    int64_t to_ns;
    int64_t left[SUM_CLASS_COUNT]; /* in: what it tells; out: what nothing else does */
};

/*
 * Take calls off readings: each token of a call off one reading, whose window, give or take
 * SUM_SLACK_NS, holds the call's end; of several the one that ends first, which takes off as much
 * as can be. First class by class; then, of what is left, input off input and output off output,
 * since a meter may not tell the classes that the calls do. So nothing is spend twice; where calls
 * of the same seconds are in neither's part of the other, the lesser is taken to be part of the
 * greater.
 *
 * calls     by at_ns; `left` is used up.
 * readings  by to_ns.
 */
void ledger_residue(struct sum_call *calls, size_t call_count, struct sum_reading *readings,
                    size_t reading_count);

#endif
