#include "attribution/credit.h"

#include <math.h>
#include <string.h>

#include "base/check.h"

void credit_worth(const struct credit_coalition *rows, size_t count, size_t players,
                  double *out_worth)
{
    CHECK(players <= CREDIT_PLAYERS_MAX);
    CHECK(out_worth != NULL);
    const uint32_t coalitions = UINT32_C(1) << players;
    bool observed[CREDIT_COALITIONS_MAX] = {false};
    for (uint32_t c = 0; c < coalitions; c++) {
        out_worth[c] = 0;
    }
    for (size_t i = 0; i < count; i++) {
        CHECK(rows[i].members < coalitions);
        if (rows[i].cases > 0 && rows[i].members != 0) {
            observed[rows[i].members] = true;
            out_worth[rows[i].members] = (double)rows[i].resolved / (double)rows[i].cases;
        }
    }
    /* Ascending, so that every part of a coalition has its worth before the coalition does. */
    for (uint32_t c = 1; c < coalitions; c++) {
        for (size_t player = 0; player < players && !observed[c]; player++) {
            const uint32_t part = c & ~(UINT32_C(1) << player);
            out_worth[c] = part != c ? fmax(out_worth[c], out_worth[part]) : out_worth[c];
        }
    }
}

void credit_shares(const double *worth, uint32_t members, size_t players, double *out)
{
    CHECK(players <= CREDIT_PLAYERS_MAX);
    CHECK(members < UINT32_C(1) << players);
    size_t places[CREDIT_PLAYERS_MAX];
    size_t count = 0;
    for (size_t player = 0; player < players; player++) {
        out[player] = 0;
        if ((members >> player & 1U) != 0) {
            places[count++] = player;
        }
    }
    if (count == 0) {
        return;
    }
    double game[CREDIT_COALITIONS_MAX];
    for (uint32_t c = 0; c < UINT32_C(1) << count; c++) {
        uint32_t coalition = 0;
        for (size_t i = 0; i < count; i++) {
            coalition |= (c >> i & 1U) << places[i];
        }
        game[c] = worth[coalition];
    }
    double values[CREDIT_PLAYERS_MAX];
    stats_shapley(game, count, values);
    for (size_t i = 0; i < count; i++) {
        out[places[i]] = worth[members] > 0 ? values[i] / worth[members] : 1 / (double)count;
    }
}

void credit_split(money_sum amount_pusd, const double *shares, size_t players, money_sum *out)
{
    CHECK(players <= CREDIT_PLAYERS_MAX);
    CHECK(players > 0);
    money_sum left = amount_pusd;
    size_t largest = 0;
    for (size_t i = 0; i < players; i++) {
        out[i] = (money_sum)floor((double)amount_pusd * shares[i]);
        left -= out[i];
        largest = shares[i] > shares[largest] ? i : largest;
    }
    out[largest] += left;
}
