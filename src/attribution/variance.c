#include "attribution/variance.h"

#include <math.h>

#include "base/check.h"

enum { EXACT_MAX = 1000 };

/* Largest place l with P(fewer than l of n values lie below the median) <= 2.5 %; 0: none. */
static int64_t rank_exact(int64_t n)
{
    double chance = pow(0.5, (double)n); /* of `below` values; at most 1000 halvings */
    double sum = chance;
    int64_t rank = 0;
    for (int64_t below = 0; below < n && sum <= 0.025; below++) {
        rank = below + 1;
        chance *= (double)(n - below) / (double)(below + 1);
        sum += chance;
    }
    return rank;
}

struct variance_ranks variance_median(int64_t n)
{
    CHECK(n >= 1);
    const int64_t rank = n <= EXACT_MAX
                             ? rank_exact(n)
                             : (int64_t)floor(((double)n + 1 - STATS_Z95 * sqrt((double)n)) / 2);
    CHECK(rank <= (n + 1) / 2);
    return (struct variance_ranks){
        .low = rank,
        .high = rank > 0 ? n + 1 - rank : 0,
        .middle = (n + 1) / 2,
        .middle_above = n / 2 + 1,
    };
}

/* C(chosen, k) / C(all, k) */
static double share_of_choices(int64_t chosen, int64_t all, int k)
{
    CHECK(all >= k);
    double share = 1;
    for (int i = 0; i < k; i++) {
        share *= chosen > i ? (double)(chosen - i) / (double)(all - i) : 0;
    }
    return share;
}

static double hat_of(const struct variance_trials *row, int k)
{
    return share_of_choices(row->resolved, row->trials, k);
}

static double at_of(const struct variance_trials *row, int k)
{
    return 1 - share_of_choices(row->trials - row->resolved, row->trials, k);
}

static struct stats_interval by_delta(const struct variance_trials *rows, size_t count, int k,
                                      double (*share)(const struct variance_trials *, int))
{
    struct stats_sums sums = {0};
    for (size_t i = 0; i < count; i++) {
        const double keys = (double)rows[i].keys;
        const double y = share(&rows[i], k);
        sums.n += rows[i].keys;
        sums.y += keys * y;
        sums.yy += keys * y * y;
        sums.x += keys;
        sums.xx += keys;
        sums.xy += keys * y;
    }
    return stats_ratio(&sums);
}

static enum errc by_bootstrap(const struct variance_trials *rows, size_t count, int k, size_t keys,
                              uint64_t seed, double (*share)(const struct variance_trials *, int),
                              struct arena *arena, struct stats_interval *out, struct err *err)
{
    const struct arena_position mark = arena_mark(arena);
    double *const y = arena_new(arena, double, keys);
    double *const x = arena_new(arena, double, keys);
    if (x == NULL || y == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for %zu input keys", keys);
    }
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        for (int64_t key = 0; key < rows[i].keys; key++) {
            y[n] = share(&rows[i], k);
            x[n++] = 1;
        }
    }
    CHECK(n == keys);
    const enum errc code = stats_ratio_bootstrap(y, x, n, seed, arena, out, err);
    arena_rewind(arena, mark);
    return code;
}

/* Shares of keys are in 0..1, so that a mean of 0 or 1 is that of keys all alike. */
static const char *allow_doubt(struct stats_interval *share, int64_t keys, const char *method)
{
    if (share->value > 0 && share->value < 1) {
        return method;
    }
    *share = stats_wilson(share->value > 0 ? keys : 0, keys);
    return "wilson";
}

enum errc variance_pass(const struct variance_trials *rows, size_t count, int k, uint64_t seed,
                        struct arena *arena, struct variance_pass *out, struct err *err)
{
    CHECK(count > 0);
    CHECK(k >= 1);
    CHECK(k <= VARIANCE_PASS_MAX);
    struct variance_pass pass = {0};
    for (size_t i = 0; i < count; i++) {
        CHECK(rows[i].keys > 0);
        pass.keys += rows[i].keys;
    }
    if (pass.keys > VARIANCE_BOOTSTRAP_KEYS_MAX) {
        pass.hat = by_delta(rows, count, k, hat_of);
        pass.at = by_delta(rows, count, k, at_of);
        pass.hat_method = allow_doubt(&pass.hat, pass.keys, "delta");
        pass.at_method = allow_doubt(&pass.at, pass.keys, "delta");
        *out = pass;
        return ERR_OK;
    }
    const size_t keys = (size_t)pass.keys;
    enum errc code = by_bootstrap(rows, count, k, keys, seed, hat_of, arena, &pass.hat, err);
    if (code == ERR_OK) {
        code = by_bootstrap(rows, count, k, keys, seed, at_of, arena, &pass.at, err);
    }
    if (code == ERR_OK) {
        pass.hat_method = allow_doubt(&pass.hat, pass.keys, "bootstrap");
        pass.at_method = allow_doubt(&pass.at, pass.keys, "bootstrap");
        *out = pass;
    }
    return code;
}
