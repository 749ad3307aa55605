/* curve: pooled violators, hulls and slopes against definitions and by hand. */
#include <math.h>

#include "attribution/stats/stats.h"
#include "base/rng.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)1 << 20)
enum { POINTS_MAX = 32 };

static enum errc isotonic(const double *y, const double *weight, size_t n, double *out)
{
    struct arena arena;
    struct err err;
    arena_init(&arena, ARENA_BYTES);
    const enum errc code = stats_isotonic(y, weight, n, out, &arena, &err);
    arena_deinit(&arena);
    return code;
}

static void an_arena_without_room_is_refused(void)
{
    static const double y[64] = {0};
    double out[64] = {7};
    struct arena arena;
    struct err err;
    arena_init(&arena, 64);
    const enum errc code = stats_isotonic(y, y, 64, out, &arena, &err);
    arena_deinit(&arena);
    EXPECT(code == ERR_LIMIT);
    EXPECT(fabs(out[0] - 7) <= 0);
}

static void violators_are_pooled(void)
{
    /* By hand: 2, 1.5 pool to 1.75; 4 stays; 3 weighs three times 6: 3.75, and joins 4. */
    double y[] = {1, 2, 1.5, 4, 6, 3};
    static const double weight[] = {1, 1, 1, 1, 1, 3};
    static const double expected[] = {1, 1.75, 1.75, 3.8, 3.8, 3.8};
    EXPECT(isotonic(y, weight, 6, y) == ERR_OK); /* in place */
    for (size_t i = 0; i < 6; i++) {
        EXPECT(fabs(y[i] - expected[i]) < 1e-12);
    }
    EXPECT(isotonic(NULL, NULL, 0, NULL) == ERR_OK);
}

/* Barlow et al., theorem 1.4: fit[i] = max over a <= i of min over b >= i of mean(a..b). */
static double max_min(const double *y, const double *weight, size_t n, size_t i)
{
    double greatest = -INFINITY;
    for (size_t a = 0; a <= i; a++) {
        double least = INFINITY;
        double sum = 0;
        double weights = 0;
        for (size_t b = a; b < n; b++) {
            sum += weight[b] * y[b];
            weights += weight[b];
            if (b >= i && sum / weights < least) {
                least = sum / weights;
            }
        }
        greatest = least > greatest ? least : greatest;
    }
    return greatest;
}

static void the_fit_is_the_max_min_formula(void)
{
    double y[POINTS_MAX];
    double weight[POINTS_MAX];
    double fit[POINTS_MAX];
    struct rng rng;
    rng_init(&rng, 5);
    for (int round = 0; round < 60; round++) {
        const size_t n = 1 + (size_t)rng_below(&rng, POINTS_MAX);
        for (size_t i = 0; i < n; i++) {
            y[i] = (double)i / 10 + rng_normal(&rng);
            weight[i] = 0.5 + rng_unit(&rng);
        }
        EXPECT(isotonic(y, weight, n, fit) == ERR_OK);
        for (size_t i = 0; i < n; i++) {
            EXPECT(fabs(fit[i] - max_min(y, weight, n, i)) < 1e-9);
        }
    }
}

static void a_hull_keeps_corners_only(void)
{
    static const double x[] = {0, 0, 1, 2, 3, 4, 4};
    static const double y[] = {0, 1, 3, 5, 5.5, 6, 5};
    size_t out[COUNT_OF(x)];
    const size_t count = stats_concave_hull(x, y, COUNT_OF(x), out);
    /* (0,1) (2,5) (4,6); (1,3) and (3,5.5) lie on the lines between. */
    EXPECT(count == 3);
    EXPECT(out[0] == 1);
    EXPECT(out[1] == 3);
    EXPECT(out[2] == 5);
    EXPECT(stats_concave_hull(x, y, 0, out) == 0);
    EXPECT(stats_concave_hull(x, y, 1, out) == 1);
}

static void a_hull_covers_every_point_and_falls_off(void)
{
    double x[POINTS_MAX];
    double y[POINTS_MAX];
    size_t out[POINTS_MAX];
    struct rng rng;
    rng_init(&rng, 6);
    for (int round = 0; round < 200; round++) {
        x[0] = 0;
        for (size_t i = 0; i < POINTS_MAX; i++) {
            x[i] = (i > 0 ? x[i - 1] : 0) + (double)rng_below(&rng, 3);
            y[i] = sqrt(x[i]) * 4 + (double)rng_below(&rng, 5);
        }
        const size_t count = stats_concave_hull(x, y, POINTS_MAX, out);
        for (size_t k = 1; k < count; k++) {
            const size_t a = out[k - 1];
            const size_t b = out[k];
            const double slope = (y[b] - y[a]) / (x[b] - x[a]);
            EXPECT(x[a] < x[b]);
            for (size_t i = 0; i < POINTS_MAX; i++) {
                EXPECT(y[i] <= y[a] + slope * (x[i] - x[a]) + 1e-9);
            }
        }
    }
}

static void a_slope_is_least_squares_with_students_t(void)
{
    /* Women's height and weight, R's `women`: weight on height 3.45, standard error 0.09114. */
    static const double height[] = {58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72};
    static const double weight[] = {115, 117, 120, 123, 126, 129, 132, 135,
                                    139, 142, 146, 150, 154, 159, 164};
    const struct stats_interval x = stats_slope(height, weight, COUNT_OF(height));
    EXPECT(fabs(x.value - 3.45) < 1e-12);
    EXPECT(fabs(x.high - x.value - 2.160368656461013 * 0.09113625) < 1e-6);
    EXPECT(fabs(x.value - x.low - 2.160368656461013 * 0.09113625) < 1e-6);
    EXPECT(isnan(stats_slope(height, weight, 2).value));
    EXPECT(isnan(stats_slope(weight, weight, 0).value));
    static const double same[] = {1, 1, 1, 1};
    EXPECT(isnan(stats_slope(same, weight, 4).value));
}

int main(void)
{
    static const struct test tests[] = {
        TEST(an_arena_without_room_is_refused),
        TEST(violators_are_pooled),
        TEST(the_fit_is_the_max_min_formula),
        TEST(a_hull_keeps_corners_only),
        TEST(a_hull_covers_every_point_and_falls_off),
        TEST(a_slope_is_least_squares_with_students_t),
    };
    return test_main(tests, COUNT_OF(tests));
}
