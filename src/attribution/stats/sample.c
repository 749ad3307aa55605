#include <math.h>
#include <stdlib.h>

#include "attribution/stats/stats.h"
#include "base/check.h"

static int compare(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

void stats_sort(double *values, size_t n)
{
    CHECK(values != NULL || n == 0);
    if (n > 1) {
        qsort(values, n, sizeof *values, compare);
    }
}

double stats_quantile(const double *sorted, size_t n, double q)
{
    CHECK(n >= 1);
    CHECK(q >= 0);
    CHECK(q <= 1);

    const double place = q * (double)(n - 1);
    const size_t below = (size_t)place;
    const double share = place - (double)below;
    if (below + 1 >= n || share <= 0 || isinf(sorted[below])) {
        return sorted[below];
    }
    return sorted[below] + share * (sorted[below + 1] - sorted[below]);
}

struct stats_interval stats_percentile(double value, double *draws, size_t n)
{
    CHECK(n >= 1);
    stats_sort(draws, n);
    return (struct stats_interval){
        .value = value,
        .low = stats_quantile(draws, n, 0.025),
        .high = stats_quantile(draws, n, 0.975),
    };
}
