#include "attribution/stats/stats.h"
#include "base/check.h"

/* Whether point b lies on or below the line from a to c, x strictly ascending. */
static bool is_below(const double *x, const double *y, size_t a, size_t b, size_t c)
{
    return (y[b] - y[a]) * (x[c] - x[a]) <= (y[c] - y[a]) * (x[b] - x[a]);
}

size_t stats_concave_hull(const double *x, const double *y, size_t n, size_t *out)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        CHECK(i == 0 || x[i - 1] <= x[i]);
        if (count > 0 && !(x[out[count - 1]] < x[i])) {
            if (y[i] <= y[out[count - 1]]) {
                continue;
            }
            count--;
        }
        while (count > 1 && is_below(x, y, out[count - 2], out[count - 1], i)) {
            count--;
        }
        out[count++] = i;
    }
    return count;
}
