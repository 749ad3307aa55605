/*
 * attribution/credit: the value of a case shared among those who worked on it (economics.md 11).
 *
 *     closed cases by coalition --credit_worth--> worth of every coalition
 *                               --credit_shares--> Shapley shares --credit_split--> money
 *
 * Pure. A coalition is a set of players as bits: bit i is player i.
 */
#ifndef ATTRIBUTION_CREDIT_H
#define ATTRIBUTION_CREDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attribution/stats/stats.h"
#include "base/money.h"

enum {
    CREDIT_PLAYERS_MAX = STATS_SHAPLEY_MAX,
    CREDIT_COALITIONS_MAX = 1 << CREDIT_PLAYERS_MAX,
};

/* Closed cases that exactly these players worked on. */
struct credit_coalition {
    uint32_t members;
    int64_t cases;
    int64_t resolved;
};

/*
 * Worth of each coalition: its success rate. One that was never observed is worth what its best
 * observed part is worth; nobody at all is worth nothing.
 *
 * rows      [count], each coalition at most once.
 * out_worth [1 << players]
 */
void credit_worth(const struct credit_coalition *rows, size_t count, size_t players,
                  double *out_worth);

/*
 * Share of each member in the success of its coalition: Shapley values of the game among the
 * members, over their sum. They sum to 1; one may be negative: cases fare better without it.
 * Where the coalition never succeeds there is nothing to tell them apart: equal shares.
 *
 * out  [players], 0 for who is not a member.
 */
void credit_shares(const double *worth, uint32_t members, size_t players, double *out);

/* An amount in proportion to shares that sum to 1; the parts sum to it exactly: what rounding
 * leaves goes to the largest share, the first of equals. out [players]. */
void credit_split(money_sum amount_pusd, const double *shares, size_t players, money_sum *out);

#endif
