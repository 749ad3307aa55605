#include <math.h>

#include "attribution/stats/stats.h"
#include "base/check.h"

struct block {
    double mean;
    double weight;
    size_t count;
};

enum errc stats_isotonic(const double *y, const double *weight, size_t n, double *out,
                         struct arena *arena, struct err *err)
{
    CHECK(arena != NULL);
    if (n == 0) {
        return ERR_OK;
    }
    const struct arena_position mark = arena_mark(arena);
    struct block *const blocks = arena_new(arena, struct block, n);
    if (blocks == NULL) {
        return err_set(err, ERR_LIMIT, "no memory for a curve of %zu points", n);
    }
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        CHECK(weight[i] > 0);
        struct block last = {.mean = y[i], .weight = weight[i], .count = 1};
        while (count > 0 && blocks[count - 1].mean >= last.mean) {
            const struct block *const before = &blocks[--count];
            const double both = before->weight + last.weight;
            /* Weighted mean as a step from one to the other: equal values stay what they are. */
            last.mean += (before->mean - last.mean) * (before->weight / both);
            last.weight = both;
            last.count += before->count;
        }
        blocks[count++] = last;
    }
    size_t place = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < blocks[i].count; k++) {
            out[place++] = blocks[i].mean;
        }
    }
    CHECK(place == n);
    arena_rewind(arena, mark);
    return ERR_OK;
}

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

struct stats_interval stats_slope(const double *x, const double *y, size_t n)
{
    CHECK(n <= STATS_FREEDOM_MAX);
    if (n < 3) {
        return (struct stats_interval){NAN, NAN, NAN};
    }
    double mean_x = 0;
    double mean_y = 0;
    for (size_t i = 0; i < n; i++) {
        mean_x += x[i] / (double)n;
        mean_y += y[i] / (double)n;
    }
    double xx = 0;
    double xy = 0;
    for (size_t i = 0; i < n; i++) {
        xx += (x[i] - mean_x) * (x[i] - mean_x);
        xy += (x[i] - mean_x) * (y[i] - mean_y);
    }
    if (!(xx > 0)) {
        return (struct stats_interval){NAN, NAN, NAN};
    }
    const double slope = xy / xx;
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        const double residual = y[i] - mean_y - slope * (x[i] - mean_x);
        squares += residual * residual;
    }
    const int freedom = (int)n - 2;
    const double half = stats_student_quantile(0.975, freedom) * sqrt(squares / freedom / xx);
    return (struct stats_interval){slope, slope - half, slope + half};
}
