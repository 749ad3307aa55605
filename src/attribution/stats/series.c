/*
 * The two sides of the break are fitted in a basis in which every column is orthogonal to every
 * other: a mean and a centred trend for each side. X'X is then diagonal, nothing is inverted, and
 * trend, level and slope are contrasts of the four coefficients.
 */
#include <math.h>

#include "attribution/stats/stats.h"
#include "base/check.h"

enum { COLUMNS = 4 }; /* mean before, trend before, mean after, trend after */

struct fit {
    double center[2]; /* mean t of each side, as distance from the break */
    double coefficient[COLUMNS];
    double squares[COLUMNS]; /* diagonal of X'X */
    double covariance[COLUMNS][COLUMNS];
    int freedom;
};

/* Ordinary least squares of one side, points [from, to). */
static void fit_side(const double *t, const double *y, size_t from, size_t to, double origin,
                     int side, struct fit *fit)
{
    const double n = (double)(to - from);
    double mean_t = 0;
    double mean_y = 0;
    for (size_t i = from; i < to; i++) {
        mean_t += (t[i] - origin) / n;
        mean_y += y[i] / n;
    }
    double tt = 0;
    double ty = 0;
    for (size_t i = from; i < to; i++) {
        const double u = t[i] - origin - mean_t;
        tt += u * u;
        ty += u * (y[i] - mean_y);
    }
    CHECK(tt > 0);
    fit->center[side] = mean_t;
    fit->coefficient[2 * side] = mean_y;
    fit->coefficient[2 * side + 1] = ty / tt;
    fit->squares[2 * side] = n;
    fit->squares[2 * side + 1] = tt;
}

/* score[i] = x_i e_i, what the covariance is summed from. */
static void score(const double *t, const double *y, size_t n, size_t at, const struct fit *fit,
                  double (*scores)[COLUMNS])
{
    for (size_t i = 0; i < n; i++) {
        const int side = i < at ? 0 : 1;
        const double u = t[i] - t[at] - fit->center[side];
        const double residual =
            y[i] - fit->coefficient[2 * side] - fit->coefficient[2 * side + 1] * u;
        scores[i][2 * side] = residual;
        scores[i][2 * side + 1] = residual * u;
    }
}

/* Newey and West: sum of the scores' autocovariances with falling weights, between two (X'X)^-1. */
static void spread_errors(double (*scores)[COLUMNS], size_t n, int lags, struct fit *fit)
{
    double meat[COLUMNS][COLUMNS] = {0};
    for (int lag = 0; lag <= lags; lag++) {
        const double weight = 1 - (double)lag / (lags + 1);
        for (size_t i = (size_t)lag; i < n; i++) {
            for (int a = 0; a < COLUMNS; a++) {
                for (int b = 0; b < COLUMNS; b++) {
                    const double product = scores[i][a] * scores[i - (size_t)lag][b];
                    meat[a][b] += weight * product;
                    meat[b][a] += lag > 0 ? weight * product : 0;
                }
            }
        }
    }
    const double correction = (double)n / (double)(n - COLUMNS);
    for (int a = 0; a < COLUMNS; a++) {
        for (int b = 0; b < COLUMNS; b++) {
            fit->covariance[a][b] = correction * meat[a][b] / fit->squares[a] / fit->squares[b];
        }
    }
}

/* The interval and the p of sum weight[i] coefficient[i]. */
static struct stats_interval contrast(const struct fit *fit, const double weight[COLUMNS],
                                      double *out_p)
{
    double value = 0;
    double variance = 0;
    for (int a = 0; a < COLUMNS; a++) {
        value += weight[a] * fit->coefficient[a];
        for (int b = 0; b < COLUMNS; b++) {
            variance += weight[a] * weight[b] * fit->covariance[a][b];
        }
    }
    const double error = sqrt(variance > 0 ? variance : 0);
    const double half = stats_student_quantile(0.975, fit->freedom) * error;
    *out_p = fabs(value) > 0 ? 0 : 1;
    if (error > 0) {
        *out_p = stats_student_p(value / error, fit->freedom);
    }
    return (struct stats_interval){value, value - half, value + half};
}

enum errc stats_segmented(const double *t, const double *y, size_t n, size_t at,
                          struct arena *arena, struct stats_segmented *out, struct err *err)
{
    CHECK(n <= STATS_SERIES_MAX);
    CHECK(at <= n);
    CHECK(out != NULL);
    if (at < STATS_SERIES_LEAST || n - at < STATS_SERIES_LEAST) {
        return err_set(err, ERR_LIMIT,
                       "%zu points before the break and %zu from it on; a change needs %d on each "
                       "side",
                       at, n - at, STATS_SERIES_LEAST);
    }
    for (size_t i = 1; i < n; i++) {
        CHECK(t[i - 1] < t[i]);
    }
    const struct arena_position mark = arena_mark(arena);
    double(*const scores)[COLUMNS] = arena_alloc(arena, n, sizeof *scores, _Alignof(double));
    if (scores == NULL) {
        return err_set(err, ERR_LIMIT, "no memory for a series of %zu points", n);
    }
    struct fit fit = {.freedom = (int)n - COLUMNS};
    fit_side(t, y, 0, at, t[at], 0, &fit);
    fit_side(t, y, at, n, t[at], 1, &fit);
    score(t, y, n, at, &fit, scores);
    const int lags = (int)floor(4 * pow((double)n / 100, 2.0 / 9));
    spread_errors(scores, n, lags, &fit);

    double trend_p = 0;
    struct stats_segmented result = {.lags = lags};
    result.trend = contrast(&fit, (const double[]){0, 1, 0, 0}, &trend_p);
    /* Both lines at the break, where u is -center. */
    result.level =
        contrast(&fit, (const double[]){-1, fit.center[0], 1, -fit.center[1]}, &result.level_p);
    result.slope = contrast(&fit, (const double[]){0, -1, 0, 1}, &result.slope_p);
    *out = result;
    arena_rewind(arena, mark);
    return ERR_OK;
}
