#include <math.h>

#include "attribution/stats/stats.h"
#include "base/check.h"

struct stats_difference stats_ratio_difference(const struct stats_sums *a,
                                               const struct stats_sums *b)
{
    CHECK(a != NULL);
    CHECK(b != NULL);

    const struct stats_interval ratio_a = stats_ratio(a);
    const struct stats_interval ratio_b = stats_ratio(b);
    const double difference = ratio_a.value - ratio_b.value;
    /* Variances add, so do the squares of the half widths; NaN where either has none. */
    const double half = hypot((ratio_a.high - ratio_a.low) / 2, (ratio_b.high - ratio_b.low) / 2);
    if (isnan(difference) || isnan(half)) {
        return (struct stats_difference){.interval = {difference, NAN, NAN}, .p = 1};
    }
    double p = fabs(difference) > 0 ? 0 : 1;
    if (half > 0) {
        p = erfc(fabs(difference) / (half / STATS_Z95) / sqrt(2));
    }
    return (struct stats_difference){
        .interval = {difference, difference - half, difference + half},
        .p = p,
    };
}
