#include <math.h>

#include "attribution/stats/stats.h"
#include "base/check.h"

struct stats_interval stats_wilson(int64_t successes, int64_t trials)
{
    CHECK(successes >= 0);
    CHECK(successes <= trials);

    if (trials == 0) {
        return (struct stats_interval){NAN, NAN, NAN};
    }
    const double n = (double)trials;
    const double p = (double)successes / n;
    const double z2 = STATS_Z95 * STATS_Z95;
    const double center = (p + z2 / (2 * n)) / (1 + z2 / n);
    const double half = STATS_Z95 / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n));
    /* At the ends the formula is exact; rounding must not move the bound past them. */
    return (struct stats_interval){
        .value = p,
        .low = successes == 0 ? 0 : center - half,
        .high = successes == trials ? 1 : center + half,
    };
}

struct stats_interval stats_newcombe(int64_t successes_a, int64_t trials_a, int64_t successes_b,
                                     int64_t trials_b)
{
    const struct stats_interval a = stats_wilson(successes_a, trials_a);
    const struct stats_interval b = stats_wilson(successes_b, trials_b);
    const double difference = a.value - b.value;
    return (struct stats_interval){
        .value = difference,
        .low = difference - hypot(a.value - a.low, b.high - b.value),
        .high = difference + hypot(a.high - a.value, b.value - b.low),
    };
}
