/* discovery: the example of Benjamini and Hochberg, JRSS B 57 (1995), section 3.2: 15 tests of
 * which 4 are discoveries at 5 %; and its definition by brute force. */
#include <math.h>

#include "attribution/stats/stats.h"
#include "base/rng.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)1 << 20)

static void no_test_is_no_discovery(void)
{
    struct arena arena;
    struct err err;
    arena_init(&arena, ARENA_BYTES);
    EXPECT(stats_false_discovery(NULL, 0, NULL, &arena, &err) == ERR_OK);
    arena_deinit(&arena);
}

static void an_arena_without_room_is_refused(void)
{
    static const double p[64] = {0};
    double q[64] = {7};
    struct arena arena;
    struct err err;
    arena_init(&arena, 64);
    const enum errc code = stats_false_discovery(p, 64, q, &arena, &err);
    arena_deinit(&arena);
    EXPECT(code == ERR_LIMIT);
    EXPECT(fabs(q[0] - 7) <= 0);
}

static void the_published_fifteen_tests_give_four_discoveries(void)
{
    static const double p[] = {0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
                               0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.000};
    double q[COUNT_OF(p)];
    struct arena arena;
    struct err err;
    arena_init(&arena, ARENA_BYTES);
    const enum errc code = stats_false_discovery(p, COUNT_OF(p), q, &arena, &err);
    arena_deinit(&arena);
    EXPECT(code == ERR_OK);
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(p); i++) {
        count += q[i] <= 0.05;
    }
    EXPECT(count == 4);
    EXPECT(fabs(q[3] - 0.0095 * 15 / 4) < 1e-12);
    EXPECT(fabs(q[14] - 1) <= 0);
}

/* The definition: the least q at which the step-up procedure rejects test i. */
static double by_definition(const double *p, size_t n, size_t i)
{
    double least = 1;
    for (size_t k = 0; k < n; k++) {
        size_t as_small = 0;
        for (size_t m = 0; m < n; m++) {
            as_small += p[m] <= p[k];
        }
        const double q = p[k] * (double)n / (double)as_small;
        if (p[k] >= p[i] && q < least) {
            least = q;
        }
    }
    return least;
}

static void any_order_and_ties_give_what_the_definition_says(void)
{
    enum { TESTS = 40 };
    double p[TESTS];
    double q[TESTS];
    struct arena arena;
    struct err err;
    struct rng rng;
    rng_init(&rng, 4);
    arena_init(&arena, ARENA_BYTES);
    enum errc code = ERR_OK;
    bool same = true;
    for (int round = 0; round < 50 && code == ERR_OK; round++) {
        for (size_t i = 0; i < TESTS; i++) {
            p[i] = (double)rng_below(&rng, 101) / (round % 2 == 0 ? 100 : 1000);
        }
        code = stats_false_discovery(p, TESTS, q, &arena, &err);
        for (size_t i = 0; i < TESTS && code == ERR_OK; i++) {
            same = same && fabs(q[i] - by_definition(p, TESTS, i)) < 1e-12;
        }
    }
    arena_deinit(&arena);
    EXPECT(code == ERR_OK);
    EXPECT(same);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(no_test_is_no_discovery),
        TEST(an_arena_without_room_is_refused),
        TEST(the_published_fifteen_tests_give_four_discoveries),
        TEST(any_order_and_ties_give_what_the_definition_says),
    };
    return test_main(tests, COUNT_OF(tests));
}
