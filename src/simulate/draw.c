/* draw: integer draws, and the one power this folder needs, made of square roots. */
#include "simulate/simulate_priv.h"

#include <math.h>

bool draw_chance(struct rng *rng, int share_e4)
{
    CHECK(share_e4 <= ONE_E4);
    return rng_below(rng, ONE_E4) < (uint64_t)(share_e4 > 0 ? share_e4 : 0);
}

int64_t draw_between(struct rng *rng, int64_t low, int64_t high)
{
    CHECK(low <= high);
    return low + (int64_t)rng_below(rng, (uint64_t)(high - low) + 1);
}

int64_t draw_minutes_ms(struct rng *rng, const int range_ms[2])
{
    return draw_between(rng, range_ms[0] / 600, range_ms[1] / 600) * 600;
}

int64_t draw_size(struct rng *rng, bool wide)
{
    /* Quantiles 1 %, 7.125 % … 99 % of a log-normal with sigma 0.62, mean 1024. */
    static const int64_t quantiles[] = {202, 343,  427,  499,  567,  634,  703,  775, 853,
                                        938, 1035, 1147, 1283, 1457, 1702, 2117, 3607};
    const int64_t place = (int64_t)rng_below(rng, (COUNT_OF(quantiles) - 1) * 1024);
    const int64_t bell = (int64_t)(rng_below(rng, 315) + rng_below(rng, 315) + rng_below(rng, 315));
    if (wide) {
        const int64_t low = quantiles[place / 1024];
        return low + (quantiles[place / 1024 + 1] - low) * (place % 1024) / 1024;
    }
    return 1024 - 471 + bell;
}

int64_t growth_cumulative(int turn, int sixteenths)
{
    CHECK(turn >= 0);
    CHECK(sixteenths >= 0);
    double power = 1;
    for (int i = 0; i < sixteenths / 16; i++) {
        power *= turn;
    }
    /* Square roots and products are correctly rounded everywhere; pow() is not. */
    double root = turn;
    for (int bit = 8; bit > 0; bit /= 2) {
        root = sqrt(root);
        if ((sixteenths & bit) != 0) {
            power *= root;
        }
    }
    return (int64_t)(power * 1024);
}
