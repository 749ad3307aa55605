#include "attribution/drivers.h"

#include <math.h>

#include "base/check.h"
#include "base/rng.h"

money_sum drivers_total(const struct drivers_tokens *tokens)
{
    CHECK(tokens != NULL);
    money_sum total = 0;
    for (size_t class = 0; class < DRIVERS_INPUTS; class ++) {
        total += tokens->input[class];
    }
    return total;
}

bool drivers_priced(const struct drivers_tokens *tokens, const struct rates *rates)
{
    CHECK(rates != NULL);
    for (size_t class = 0; class < DRIVERS_INPUTS; class ++) {
        if (tokens->input[class] != 0 && (rates->known >> class & 1) == 0) {
            return false;
        }
    }
    return true;
}

money_sum drivers_cost(const struct drivers_tokens *tokens, const struct rates *rates)
{
    CHECK(rates != NULL);
    money_sum cost = 0;
    for (size_t class = 0; class < DRIVERS_INPUTS; class ++) {
        cost += tokens->input[class] * rates->pusd[class];
    }
    return cost;
}

money_sum drivers_share(money_sum amount_pusd, double part, double whole)
{
    CHECK(part >= 0);
    if (!(whole > 0)) {
        return 0;
    }
    return (money_sum)floor((double)amount_pusd * (part / whole) + 0.5);
}

double drivers_exponent(const struct drivers_turns *turns)
{
    CHECK(turns != NULL);
    if (turns->n < 2) {
        return NAN;
    }
    const money_sum spread = turns->n * turns->xx - turns->x * turns->x;
    const money_sum together = turns->n * turns->xy - turns->x * turns->y;
    return spread > 0 ? (double)together / (double)spread : NAN;
}

/* Median of a resample given how often each of the sorted values was drawn. */
static double median_drawn(const double *sorted, const uint32_t *times, size_t n)
{
    const size_t low = (n - 1) / 2;
    const size_t high = n / 2;
    size_t seen = 0;
    double first = NAN;
    for (size_t i = 0; i < n; i++) {
        if (seen <= low && low < seen + times[i]) {
            first = sorted[i];
        }
        if (seen <= high && high < seen + times[i]) {
            return (first + sorted[i]) / 2;
        }
        seen += times[i];
    }
    CHECK(seen == n);
    return first;
}

enum errc drivers_median(const double *sorted, size_t n, uint64_t seed, struct arena *arena,
                         struct stats_interval *out, struct err *err)
{
    CHECK(arena != NULL);
    CHECK(out != NULL);
    if (n < 2) {
        *out = (struct stats_interval){n == 0 ? NAN : sorted[0], NAN, NAN};
        return ERR_OK;
    }
    double *const draws = arena_new(arena, double, STATS_BOOTSTRAP_DRAWS);
    uint32_t *const times = arena_new(arena, uint32_t, n);
    if (draws == NULL || times == NULL) {
        return err_set(err, ERR_LIMIT, "no memory for the bootstrap of %zu sessions", n);
    }
    struct rng rng;
    rng_init(&rng, seed);
    for (size_t draw = 0; draw < STATS_BOOTSTRAP_DRAWS; draw++) {
        memset(times, 0, n * sizeof *times);
        for (size_t i = 0; i < n; i++) {
            times[rng_below(&rng, n)]++;
        }
        draws[draw] = median_drawn(sorted, times, n);
    }
    *out = stats_percentile(stats_quantile(sorted, n, 0.5), draws, STATS_BOOTSTRAP_DRAWS);
    return ERR_OK;
}

struct drivers_plateau drivers_plateau(const struct drivers_split *splits, size_t n, double margin)
{
    CHECK(n <= DRIVERS_SPLITS_MAX);
    CHECK(margin > 0);
    struct drivers_plateau found = {.difference = {NAN, NAN, NAN}};
    int64_t above = 0;
    int64_t above_successes = 0;
    int64_t below = 0;
    int64_t below_successes = 0;
    for (size_t i = 0; i < n; i++) {
        below += splits[i].attempts;
        below_successes += splits[i].successes;
    }
    /* From the largest split down, as long as every one qualifies. */
    for (size_t i = n; i-- > 1;) {
        CHECK(splits[i - 1].size < splits[i].size);
        above += splits[i].attempts;
        above_successes += splits[i].successes;
        below -= splits[i].attempts;
        below_successes -= splits[i].successes;
        const struct drivers_plateau at = {
            .found = true,
            .size = splits[i - 1].size,
            .below = below,
            .below_successes = below_successes,
            .above = above,
            .above_successes = above_successes,
            .difference = stats_newcombe(below_successes, below, above_successes, above),
        };
        if (!(at.difference.low > -margin)) {
            if (!found.found) {
                found = at;
                found.found = false;
            }
            return found;
        }
        found = at;
    }
    return found;
}
