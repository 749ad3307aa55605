/*
 * Interrupted time series. The two sides of the break are fitted in a basis in which every column
 * is orthogonal to every other: a mean and a centred trend for each side. Nothing is inverted, and
 * trend, level and slope are contrasts of the four coefficients: sums of weight times y.
 *
 * Newey and West's errors are too small for the short series companies have: with 28 points and no
 * memory at all a 95 % interval by Student's t holds the truth 82 times of 100, with a memory of
 * 0.3 75 times. So the ratio of estimate to error is held against what it is in series without a
 * change and with the memory that this one has: simulated, of the same length and break.
 */
#include <math.h>

#include "attribution/stats/stats.h"
#include "base/check.h"
#include "base/rng.h"

enum {
    COLUMNS = 4, /* mean before, trend before, mean after, trend after */
    DRAWS = 499,
};

/* A memory near 1 is a random walk, of which no step can be told. */
#define MEMORY_MAX 0.95

enum contrast { TREND, LEVEL, SLOPE, CONTRASTS };

struct design {
    size_t n;
    size_t at;
    int lags;
    double (*column)[COLUMNS];   /* [n] orthonormal */
    double (*weight)[CONTRASTS]; /* [n] */
};

struct fit {
    double value[CONTRASTS];
    double error[CONTRASTS];
    double *residual; /* [n] */
};

/* One side's two columns, points [from, to), and its mean distance from the break. */
static void set_side(const double *t, size_t from, size_t to, size_t first, struct design *design,
                     double *out_center, double *out_length)
{
    const double n = (double)(to - from);
    double mean = 0;
    for (size_t i = from; i < to; i++) {
        mean += (t[i] - t[design->at]) / n;
    }
    double squares = 0;
    for (size_t i = from; i < to; i++) {
        const double u = t[i] - t[design->at] - mean;
        squares += u * u;
    }
    CHECK(squares > 0);
    for (size_t i = from; i < to; i++) {
        design->column[i][first] = 1 / sqrt(n);
        design->column[i][first + 1] = (t[i] - t[design->at] - mean) / sqrt(squares);
    }
    *out_center = mean;
    *out_length = sqrt(squares);
}

static void set_design(const double *t, struct design *design)
{
    const size_t n = design->n;
    const size_t at = design->at;
    double center[2];
    double length[2];
    set_side(t, 0, at, 0, design, &center[0], &length[0]);
    set_side(t, at, n, 2, design, &center[1], &length[1]);
    for (size_t i = 0; i < n; i++) {
        const double *const column = design->column[i];
        const double before = column[1] / length[0];
        const double after = column[3] / length[1];
        /* Both lines at the break, where the distance from a side's mean is -center. */
        const double line_before = column[0] / sqrt((double)at) - center[0] * before;
        const double line_after = column[2] / sqrt((double)(n - at)) - center[1] * after;
        design->weight[i][TREND] = before;
        design->weight[i][LEVEL] = line_after - line_before;
        design->weight[i][SLOPE] = after - before;
    }
}

/* Newey and West: autocovariances of weight times residual, with weights falling to nothing. */
static double error_of(const struct design *design, const double *residual, enum contrast which)
{
    double sum = 0;
    for (int lag = 0; lag <= design->lags; lag++) {
        double products = 0;
        for (size_t i = (size_t)lag; i < design->n; i++) {
            const size_t k = i - (size_t)lag;
            products +=
                design->weight[i][which] * residual[i] * design->weight[k][which] * residual[k];
        }
        sum += (lag > 0 ? 2 : 1) * (1 - (double)lag / (design->lags + 1)) * products;
    }
    const double n = (double)design->n;
    return sqrt(sum > 0 ? sum * n / (n - COLUMNS) : 0);
}

/* fit->residual is filled. */
static void fit_series(const struct design *design, const double *y, struct fit *fit)
{
    double coefficient[COLUMNS] = {0};
    for (enum contrast c = 0; c < CONTRASTS; c++) {
        fit->value[c] = 0;
    }
    /* Less the first value: large figures with small changes lose no digits. */
    for (size_t i = 0; i < design->n; i++) {
        for (int a = 0; a < COLUMNS; a++) {
            coefficient[a] += design->column[i][a] * (y[i] - y[0]);
        }
        for (enum contrast c = 0; c < CONTRASTS; c++) {
            fit->value[c] += design->weight[i][c] * (y[i] - y[0]);
        }
    }
    for (size_t i = 0; i < design->n; i++) {
        double line = 0;
        for (int a = 0; a < COLUMNS; a++) {
            line += coefficient[a] * design->column[i][a];
        }
        fit->residual[i] = y[i] - y[0] - line;
    }
    for (enum contrast c = 0; c < CONTRASTS; c++) {
        fit->error[c] = error_of(design, fit->residual, c);
    }
}

/* column [n] times the correlations memory^|i-k|, in two passes. */
static void correlate(const struct design *design, double memory, double (*out)[COLUMNS])
{
    const size_t n = design->n;
    double ahead[COLUMNS] = {0};
    for (size_t i = 0; i < n; i++) {
        for (int a = 0; a < COLUMNS; a++) {
            ahead[a] = design->column[i][a] + memory * ahead[a];
            out[i][a] = ahead[a];
        }
    }
    double back[COLUMNS] = {0};
    for (size_t i = n; i > 0; i--) {
        for (int a = 0; a < COLUMNS; a++) {
            out[i - 1][a] += memory * back[a];
            back[a] = design->column[i - 1][a] + memory * back[a];
        }
    }
}

/*
 * What the residuals' first autocorrelation is expected to be when the errors' is `memory`:
 * smaller, because the fit follows the errors. With M = I - QQ' and correlations R, the residuals'
 * covariances are those of MRM; this is the ratio of its first off-diagonal to its diagonal.
 */
static double expected_memory(const struct design *design, double memory, double (*mixed)[COLUMNS])
{
    double inner[COLUMNS][COLUMNS] = {0};
    correlate(design, memory, mixed);
    for (size_t i = 0; i < design->n; i++) {
        for (int a = 0; a < COLUMNS; a++) {
            for (int b = 0; b < COLUMNS; b++) {
                inner[a][b] += design->column[i][a] * mixed[i][b];
            }
        }
    }
    double sum[2] = {0};
    for (size_t i = 0; i < design->n; i++) {
        for (size_t lag = 0; lag < 2 && lag <= i; lag++) {
            const double *const x = design->column[i];
            const double *const z = design->column[i - lag];
            double covariance = lag == 0 ? 1 : memory;
            for (int a = 0; a < COLUMNS; a++) {
                covariance -= x[a] * mixed[i - lag][a] + mixed[i][a] * z[a];
                for (int b = 0; b < COLUMNS; b++) {
                    covariance += x[a] * inner[a][b] * z[b];
                }
            }
            sum[lag] += covariance;
        }
    }
    return sum[0] > 0 ? sum[1] / sum[0] : 0;
}

/* The errors' memory that the residuals' autocorrelation speaks for, 0..MEMORY_MAX. */
static double memory_of(const struct design *design, const double *residual,
                        double (*mixed)[COLUMNS])
{
    enum { HALVINGS = 30 };
    double squares = 0;
    double products = 0;
    for (size_t i = 0; i < design->n; i++) {
        squares += residual[i] * residual[i];
        products += i > 0 ? residual[i] * residual[i - 1] : 0;
    }
    const double seen = squares > 0 ? products / squares : 0;
    double low = 0;
    double high = seen > expected_memory(design, 0, mixed) ? MEMORY_MAX : 0;
    for (int i = 0; i < HALVINGS && low < high; i++) {
        const double middle = (low + high) / 2;
        if (expected_memory(design, middle, mixed) < seen) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return (low + high) / 2;
}

/* Half a standard error more than was seen: a memory taken too small costs more than one taken too
 * large. */
static double careful(double memory, size_t n)
{
    const double more = memory + 0.5 * sqrt((1 - memory * memory) / (double)n);
    return more < MEMORY_MAX ? more : MEMORY_MAX;
}

/* The 95th percentile of |estimate / error| where there is no change. draws  [CONTRASTS][DRAWS]. */
static void find_limits(const struct design *design, double memory, double *series,
                        double (*draws)[DRAWS], struct fit *fit, double out[CONTRASTS])
{
    struct rng rng;
    rng_init(&rng, STATS_BOOTSTRAP_SEED);
    for (size_t draw = 0; draw < DRAWS; draw++) {
        double error = rng_normal(&rng) / sqrt(1 - memory * memory);
        for (size_t i = 0; i < design->n; i++) {
            series[i] = error;
            error = memory * error + rng_normal(&rng);
        }
        fit_series(design, series, fit);
        for (enum contrast c = 0; c < CONTRASTS; c++) {
            draws[c][draw] = fit->error[c] > 0 ? fabs(fit->value[c]) / fit->error[c] : INFINITY;
        }
    }
    for (enum contrast c = 0; c < CONTRASTS; c++) {
        stats_sort(draws[c], DRAWS);
        out[c] = stats_quantile(draws[c], DRAWS, 0.95);
    }
}

/* limit: how many errors the interval reaches to each side. */
static struct stats_interval judge(const struct fit *fit, enum contrast which, int freedom,
                                   double limit, double *out_p)
{
    const double value = fit->value[which];
    const double error = fit->error[which];
    *out_p = fabs(value) > 0 ? 0 : 1;
    if (error > 0) {
        const double usual = stats_student_quantile(0.975, freedom);
        *out_p = stats_student_p(value / error * usual / limit, freedom);
    }
    return (struct stats_interval){value, value - limit * error, value + limit * error};
}

struct room {
    double (*mixed)[COLUMNS];
    double *series;
    double (*draws)[DRAWS];
    double *residual;
};

static bool make_room(struct design *design, struct room *room, struct arena *arena)
{
    const size_t n = design->n;
    design->column = arena_alloc(arena, n, sizeof *design->column, _Alignof(double));
    design->weight = arena_alloc(arena, n, sizeof *design->weight, _Alignof(double));
    room->mixed = arena_alloc(arena, n, sizeof *room->mixed, _Alignof(double));
    room->series = arena_new(arena, double, n);
    room->draws = arena_alloc(arena, CONTRASTS, sizeof *room->draws, _Alignof(double));
    room->residual = arena_new(arena, double, n);
    return design->column != NULL && design->weight != NULL && room->mixed != NULL &&
           room->series != NULL && room->draws != NULL && room->residual != NULL;
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
    struct design design = {
        .n = n, .at = at, .lags = (int)floor(4 * pow((double)n / 100, 2.0 / 9))};
    struct room room;
    if (!make_room(&design, &room, arena)) {
        return err_set(err, ERR_LIMIT, "no memory for a series of %zu points", n);
    }
    set_design(t, &design);
    struct fit fit = {.residual = room.residual};
    fit_series(&design, y, &fit);
    const double memory = memory_of(&design, fit.residual, room.mixed);
    double limits[CONTRASTS];
    struct fit drawn = {.residual = room.residual};
    find_limits(&design, careful(memory, n), room.series, room.draws, &drawn, limits);

    double trend_p = 0;
    const int freedom = (int)n - COLUMNS;
    struct stats_segmented result = {.lags = design.lags, .memory = memory};
    result.trend = judge(&fit, TREND, freedom, limits[TREND], &trend_p);
    result.level = judge(&fit, LEVEL, freedom, limits[LEVEL], &result.level_p);
    result.slope = judge(&fit, SLOPE, freedom, limits[SLOPE], &result.slope_p);
    *out = result;
    arena_rewind(arena, mark);
    return ERR_OK;
}
