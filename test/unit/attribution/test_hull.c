/* hull: its corners by hand and by what a hull is. */
#include <math.h>

#include "attribution/stats/stats.h"
#include "base/rng.h"
#include "support/test.h"

enum { POINTS_MAX = 32 };

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

int main(void)
{
    static const struct test tests[] = {
        TEST(a_hull_keeps_corners_only),
        TEST(a_hull_covers_every_point_and_falls_off),
    };
    return test_main(tests, COUNT_OF(tests));
}
