/* series: an exact break is found exactly, refusals, and the fit against one by hand. */
#include <math.h>

#include "attribution/stats/stats.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)1 << 20)
enum { POINTS = 24 };

static enum errc segmented(const double *t, const double *y, size_t n, size_t at,
                           struct stats_segmented *out)
{
    struct arena arena;
    struct err err;
    arena_init(&arena, ARENA_BYTES);
    const enum errc code = stats_segmented(t, y, n, at, &arena, out, &err);
    arena_deinit(&arena);
    return code;
}

static void three_points_on_a_side_are_too_few(void)
{
    static const double t[] = {0, 1, 2, 3, 4, 5, 6, 7};
    struct stats_segmented out = {.lags = 77};
    EXPECT(segmented(t, t, 8, 3, &out) == ERR_LIMIT);
    EXPECT(segmented(t, t, 8, 5, &out) == ERR_LIMIT);
    EXPECT(segmented(t, t, 0, 0, &out) == ERR_LIMIT);
    EXPECT(out.lags == 77);
    EXPECT(segmented(t, t, 8, 4, &out) == ERR_OK);
    EXPECT(out.lags == 2);
}

static void an_exact_break_is_found_exactly(void)
{
    double t[POINTS];
    double y[POINTS];
    for (size_t i = 0; i < POINTS; i++) {
        t[i] = 20000 + 7 * (double)i; /* days since 1970, weekly */
        const double after = i < 10 ? 0 : 1;
        y[i] = 100 + 0.5 * (t[i] - 20000) + after * (41 - 0.25 * (t[i] - t[10]));
    }
    struct stats_segmented out = {0};
    EXPECT(segmented(t, y, POINTS, 10, &out) == ERR_OK);
    EXPECT(fabs(out.trend.value - 0.5) < 1e-9);
    EXPECT(fabs(out.level.value - 41) < 1e-7);
    EXPECT(fabs(out.slope.value + 0.25) < 1e-9);
    EXPECT(fabs(out.level.high - 41) < 1e-6);
    EXPECT(out.level_p < 1e-6);
    EXPECT(out.lags == 2);
}

static void a_flat_series_has_no_change(void)
{
    static const double t[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const double y[] = {5, 5, 5, 5, 5, 5, 5, 5, 5, 5};
    struct stats_segmented out = {0};
    EXPECT(segmented(t, y, 10, 5, &out) == ERR_OK);
    EXPECT(fabs(out.level.value) < 1e-12);
    EXPECT(fabs(out.level_p - 1) < 1e-12);
    EXPECT(fabs(out.slope_p - 1) < 1e-12);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(three_points_on_a_side_are_too_few),
        TEST(an_exact_break_is_found_exactly),
        TEST(a_flat_series_has_no_change),
    };
    return test_main(tests, COUNT_OF(tests));
}
