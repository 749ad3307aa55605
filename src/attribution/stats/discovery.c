#include <stdlib.h>

#include "attribution/stats/stats.h"
#include "base/check.h"

struct ranked {
    double p;
    size_t index;
};

static int compare(const void *a, const void *b)
{
    const struct ranked *const left = a;
    const struct ranked *const right = b;
    if (left->p < right->p || left->p > right->p) {
        return left->p < right->p ? -1 : 1;
    }
    return (left->index > right->index) - (left->index < right->index);
}

enum errc stats_false_discovery(const double *p, size_t n, double *out_q, struct arena *arena,
                                struct err *err)
{
    CHECK(arena != NULL);
    if (n == 0) {
        return ERR_OK;
    }
    CHECK(p != NULL);
    CHECK(out_q != NULL);

    const struct arena_position mark = arena_mark(arena);
    struct ranked *const ranked = arena_new(arena, struct ranked, n);
    if (ranked == NULL) {
        return err_set(err, ERR_LIMIT, "no memory to rank %zu tests", n);
    }
    for (size_t i = 0; i < n; i++) {
        CHECK(p[i] >= 0);
        CHECK(p[i] <= 1);
        ranked[i] = (struct ranked){.p = p[i], .index = i};
    }
    qsort(ranked, n, sizeof *ranked, compare);
    /* From the largest p down: a test is a discovery wherever a less likely one is. */
    double least = 1;
    for (size_t i = n; i > 0; i--) {
        const double q = ranked[i - 1].p * (double)n / (double)i;
        least = q < least ? q : least;
        out_q[ranked[i - 1].index] = least;
    }
    arena_rewind(arena, mark);
    return ERR_OK;
}
