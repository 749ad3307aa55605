#include <math.h>

#include "attribution/stats/stats.h"
#include "base/check.h"

struct stats_interval stats_ratio_difference(const struct stats_sums *a, const struct stats_sums *b)
{
    CHECK(a != NULL);
    CHECK(b != NULL);

    const struct stats_interval ratio_a = stats_ratio(a);
    const struct stats_interval ratio_b = stats_ratio(b);
    const double difference = ratio_a.value - ratio_b.value;
    /* Variances add, so do the squares of the half widths; NaN where either has none. */
    const double half = hypot((ratio_a.high - ratio_a.low) / 2, (ratio_b.high - ratio_b.low) / 2);
    if (isnan(difference) || isnan(half)) {
        return (struct stats_interval){difference, NAN, NAN};
    }
    return (struct stats_interval){difference, difference - half, difference + half};
}
