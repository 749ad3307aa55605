#include <math.h>

#include "attribution/stats/stats.h"
#include "base/check.h"
#include "base/rng.h"

struct stats_interval stats_ratio(const struct stats_sums *sums)
{
    CHECK(sums != NULL);
    CHECK(sums->n >= 0);

    if (!(sums->x > 0)) {
        return (struct stats_interval){NAN, NAN, NAN};
    }
    const double ratio = sums->y / sums->x;
    if (sums->n < 2) {
        return (struct stats_interval){ratio, NAN, NAN};
    }
    /* Residuals y - ratio x sum to zero; their squares are what the sample says of the error. */
    const double squares = sums->yy - 2 * ratio * sums->xy + ratio * ratio * sums->xx;
    const double n = (double)sums->n;
    const double variance = (squares > 0 ? squares : 0) * n / (n - 1) / (sums->x * sums->x);
    const double half = STATS_Z95 * sqrt(variance);
    return (struct stats_interval){ratio, ratio - half, ratio + half};
}

enum errc stats_ratio_bootstrap(const double *y, const double *x, size_t n, uint64_t seed,
                                struct arena *arena, struct stats_interval *out, struct err *err)
{
    CHECK(n <= STATS_BOOTSTRAP_ROWS_MAX);
    CHECK(arena != NULL);
    CHECK(out != NULL);

    double sum_y = 0;
    double sum_x = 0;
    for (size_t i = 0; i < n; i++) {
        sum_y += y[i];
        sum_x += x[i];
    }
    if (!(sum_x > 0)) {
        *out = (struct stats_interval){NAN, NAN, NAN};
        return ERR_OK;
    }
    if (n < 2) {
        *out = (struct stats_interval){sum_y / sum_x, NAN, NAN};
        return ERR_OK;
    }
    double *const draws = arena_new(arena, double, STATS_BOOTSTRAP_DRAWS);
    if (draws == NULL) {
        return err_set(err, ERR_LIMIT, "no memory for %d bootstrap draws", STATS_BOOTSTRAP_DRAWS);
    }
    struct rng rng;
    rng_init(&rng, seed);
    for (size_t draw = 0; draw < STATS_BOOTSTRAP_DRAWS; draw++) {
        double drawn_y = 0;
        double drawn_x = 0;
        for (size_t i = 0; i < n; i++) {
            const size_t at = (size_t)rng_below(&rng, n);
            drawn_y += y[at];
            drawn_x += x[at];
        }
        draws[draw] = drawn_x > 0 ? drawn_y / drawn_x : INFINITY;
    }
    *out = stats_percentile(sum_y / sum_x, draws, STATS_BOOTSTRAP_DRAWS);
    return ERR_OK;
}
