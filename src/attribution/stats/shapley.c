#include "attribution/stats/stats.h"
#include "base/check.h"

static size_t count_players(size_t coalition)
{
    size_t count = 0;
    for (; coalition != 0; coalition &= coalition - 1) {
        count++;
    }
    return count;
}

void stats_shapley(const double *value, size_t parts, double *out)
{
    CHECK(value != NULL);
    CHECK(out != NULL);
    CHECK(parts >= 1);
    CHECK(parts <= STATS_SHAPLEY_MAX);

    /* The share of all orders in which exactly `size` given others come before a player:
     * size! (parts - size - 1)! / parts! */
    double share[STATS_SHAPLEY_MAX];
    share[0] = 1 / (double)parts;
    for (size_t size = 1; size < parts; size++) {
        share[size] = share[size - 1] * (double)size / (double)(parts - size);
    }
    const size_t coalitions = (size_t)1 << parts;
    for (size_t player = 0; player < parts; player++) {
        const size_t bit = (size_t)1 << player;
        double sum = 0;
        for (size_t others = 0; others < coalitions; others++) {
            if ((others & bit) == 0) {
                sum += share[count_players(others)] * (value[others | bit] - value[others]);
            }
        }
        out[player] = sum;
    }
}
