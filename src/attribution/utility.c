#include "attribution/utility.h"

#include <math.h>

#include "base/check.h"
#include "base/rng.h"

void utility_fold(const money_sum *caps, const struct utility_bucket *buckets, size_t count,
                  int64_t cases, struct utility_point *out)
{
    CHECK(caps != NULL);
    CHECK(buckets != NULL);
    struct utility_bucket below = {0};
    for (size_t i = 0; i < count; i++) {
        CHECK(i == 0 || caps[i - 1] < caps[i]);
        below.ended += buckets[i].ended;
        below.resolved += buckets[i].resolved;
        below.value_pusd += buckets[i].value_pusd;
        below.spent += buckets[i].spent;
        below.spent_pusd += buckets[i].spent_pusd;
        CHECK(below.spent <= cases);
        out[i] = (struct utility_point){
            .cap_pusd = caps[i],
            .spend_pusd = below.spent_pusd + caps[i] * (cases - below.spent),
            .value_pusd = below.value_pusd,
            .resolved = below.resolved,
            .ended = below.ended,
        };
    }
}

money_sum utility_value(const struct utility_point *point, const struct utility_fallback *fallback)
{
    CHECK(point->ended <= fallback->cases);
    return point->value_pusd - fallback->unit_pusd * (fallback->cases - point->ended);
}

money_sum utility_value_failed_too(const struct utility_point *point,
                                   const struct utility_fallback *fallback)
{
    CHECK(point->resolved <= fallback->cases);
    return point->value_pusd - fallback->unit_pusd * (fallback->cases - point->resolved);
}

double utility_slope(money_sum value_from, money_sum value_to, money_sum spend_from,
                     money_sum spend_to)
{
    const money_sum spend = spend_to - spend_from;
    return spend > 0 ? (double)(value_to - value_from) / (double)spend : NAN;
}

money_sum utility_cap_of_spend(money_sum target_pusd, money_sum ended_pusd, int64_t others)
{
    CHECK(others > 0);
    const money_sum missing = target_pusd - ended_pusd;
    return missing > 0 ? (missing + others - 1) / others : 0;
}

/* Last corner of the hull reached by a slope of at least 1, in the doubles of one resample. */
static size_t last_paying(const double *spend, const double *value, const size_t *corners,
                          size_t count)
{
    size_t last = corners[0];
    for (size_t i = 1; i < count; i++) {
        const size_t from = corners[i - 1];
        const size_t to = corners[i];
        if (value[to] - value[from] < spend[to] - spend[from]) {
            break; /* concave: what follows is flatter */
        }
        last = to;
    }
    return last;
}

enum errc utility_break_even(const money_sum *spend, const money_sum *value, size_t count,
                             struct arena *arena, bool *on_hull, size_t *out, struct err *err)
{
    CHECK(count > 0);
    CHECK(out != NULL);
    const struct arena_position mark = arena_mark(arena);
    double *const x = arena_new(arena, double, count);
    double *const y = arena_new(arena, double, count);
    size_t *const corners = arena_new(arena, size_t, count);
    if (x == NULL || y == NULL || corners == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for a curve of %zu caps", count);
    }
    for (size_t i = 0; i < count; i++) {
        x[i] = (double)spend[i];
        y[i] = (double)value[i];
    }
    const size_t corner_count = stats_concave_hull(x, y, count, corners);
    CHECK(corner_count > 0);
    size_t best = corners[0];
    bool pays = true;
    for (size_t i = 0; i < corner_count; i++) {
        if (on_hull != NULL) {
            on_hull[corners[i]] = true;
        }
        if (i > 0) { /* exactly: a dollar for a dollar still pays */
            const size_t from = corners[i - 1];
            const size_t to = corners[i];
            pays = pays && value[to] - value[from] >= spend[to] - spend[from];
            best = pays ? to : best;
        }
    }
    arena_rewind(arena, mark);
    *out = best;
    return ERR_OK;
}

/* What the resamples said of one figure. */
struct draws {
    double *values; /* [STATS_BOOTSTRAP_DRAWS] */
    size_t count;
};

static void draws_add(struct draws *draws, double rise, double run)
{
    if (run > 0) {
        CHECK(draws->count < STATS_BOOTSTRAP_DRAWS);
        draws->values[draws->count++] = rise / run;
    }
}

static struct stats_interval draws_interval(struct draws *draws, double value)
{
    if (draws->count < STATS_BOOTSTRAP_DRAWS / 2 || isnan(value)) {
        return (struct stats_interval){value, NAN, NAN};
    }
    return stats_percentile(value, draws->values, draws->count);
}

/* Room of the bootstrap: sums of one resample, and the draws of each figure. */
struct work {
    double *spend; /* [caps] */
    double *value;
    double *resolved;
    double *x; /* [caps] of the curve's caps only */
    double *y;
    size_t *place; /* [caps] where x[i] is among the caps */
    size_t *corners;
    struct draws *mtu; /* [caps] */
    struct draws current_mtu;
    struct draws current_outcomes;
    int64_t *break_even; /* [caps] resamples whose break-even cap this is */
    double *mtu_low;
    double *mtu_high;
};

static bool work_make(struct work *w, size_t caps, struct arena *arena)
{
    *w = (struct work){
        .mtu_low = arena_new(arena, double, caps),
        .mtu_high = arena_new(arena, double, caps),
        .spend = arena_new(arena, double, caps),
        .value = arena_new(arena, double, caps),
        .resolved = arena_new(arena, double, caps),
        .x = arena_new(arena, double, caps),
        .y = arena_new(arena, double, caps),
        .place = arena_new(arena, size_t, caps),
        .corners = arena_new(arena, size_t, caps),
        .mtu = arena_new(arena, struct draws, caps),
        .current_mtu = {.values = arena_new(arena, double, STATS_BOOTSTRAP_DRAWS)},
        .current_outcomes = {.values = arena_new(arena, double, STATS_BOOTSTRAP_DRAWS)},
        .break_even = arena_new(arena, int64_t, caps),
    };
    double *const draws = arena_new(arena, double, caps *STATS_BOOTSTRAP_DRAWS);
    if (w->mtu_low == NULL || w->mtu_high == NULL || w->spend == NULL || w->value == NULL ||
        w->resolved == NULL || w->x == NULL || w->y == NULL || w->place == NULL ||
        w->corners == NULL || w->mtu == NULL || w->current_mtu.values == NULL ||
        w->current_outcomes.values == NULL || w->break_even == NULL || draws == NULL) {
        return false;
    }
    for (size_t i = 0; i < caps; i++) {
        w->mtu[i].values = &draws[i * STATS_BOOTSTRAP_DRAWS];
    }
    return true;
}

static void add_row(double *sums, const double *rows, size_t group, size_t caps)
{
    const double *const row = &rows[group * caps];
    for (size_t i = 0; i < caps; i++) {
        sums[i] += row[i];
    }
}

/* Sums over as many groups as there are, drawn with replacement; of all once when rng is NULL. */
static void resample(const struct utility_groups *g, struct rng *rng, struct work *w)
{
    for (size_t i = 0; i < g->caps; i++) {
        w->spend[i] = 0;
        w->value[i] = 0;
        w->resolved[i] = 0;
    }
    for (size_t n = 0; n < g->groups; n++) {
        const size_t group = rng != NULL ? (size_t)rng_below(rng, g->groups) : n;
        add_row(w->spend, g->spend, group, g->caps);
        add_row(w->resolved, g->resolved, group, g->caps);
        if (g->value != NULL) {
            add_row(w->value, g->value, group, g->caps);
        }
    }
}

static double rise(const double *sums, const struct utility_groups *g)
{
    return sums[g->decile_to] - sums[g->decile_from];
}

/* One resample's slopes and break-even cap. */
static void note(const struct utility_groups *g, struct work *w)
{
    const double spend = rise(w->spend, g);
    draws_add(&w->current_outcomes, rise(w->resolved, g), spend);
    if (g->value == NULL) {
        return;
    }
    draws_add(&w->current_mtu, rise(w->value, g), spend);
    size_t count = 0;
    for (size_t i = 0; i < g->caps; i++) {
        if (!g->curve[i]) {
            continue;
        }
        w->x[count] = w->spend[i];
        w->y[count] = w->value[i];
        w->place[count] = i;
        if (count > 0) {
            draws_add(&w->mtu[i], w->y[count] - w->y[count - 1], w->x[count] - w->x[count - 1]);
        }
        count++;
    }
    const size_t corner_count = stats_concave_hull(w->x, w->y, count, w->corners);
    w->break_even[w->place[last_paying(w->x, w->y, w->corners, corner_count)]]++;
}

/* The cap that at most a share of the resamples lie below. */
static size_t place_of_share(const int64_t *counts, size_t caps, double share)
{
    int64_t below = 0;
    for (size_t i = 0; i < caps; i++) {
        below += counts[i];
        if ((double)below > share * STATS_BOOTSTRAP_DRAWS) {
            return i;
        }
    }
    return caps - 1;
}

enum errc utility_bootstrap(const struct utility_groups *g, uint64_t seed, struct arena *arena,
                            struct utility_intervals *out, struct err *err)
{
    CHECK(g->caps > 0);
    CHECK(g->decile_from < g->caps);
    CHECK(g->decile_to < g->caps);
    struct work w;
    if (!work_make(&w, g->caps, arena)) {
        return err_set(err, ERR_LIMIT, "no memory left for the bootstrap of %zu caps", g->caps);
    }
    resample(g, NULL, &w);
    const double spend = rise(w.spend, g);
    const double outcomes = spend > 0 ? rise(w.resolved, g) / spend : NAN;
    const double mtu = spend > 0 && g->value != NULL ? rise(w.value, g) / spend : NAN;
    struct rng rng;
    rng_init(&rng, seed);
    for (size_t i = 0; i < STATS_BOOTSTRAP_DRAWS && g->groups > 1; i++) {
        resample(g, &rng, &w);
        note(g, &w);
    }
    for (size_t i = 0; i < g->caps; i++) {
        const struct stats_interval step = draws_interval(&w.mtu[i], 0);
        w.mtu_low[i] = step.low;
        w.mtu_high[i] = step.high;
    }
    *out = (struct utility_intervals){
        .mtu_low = w.mtu_low,
        .mtu_high = w.mtu_high,
        .current_mtu = draws_interval(&w.current_mtu, mtu),
        .current_outcomes = draws_interval(&w.current_outcomes, outcomes),
        .break_even = g->groups > 1 && g->value != NULL,
        .break_even_low = place_of_share(w.break_even, g->caps, 0.025),
        .break_even_high = place_of_share(w.break_even, g->caps, 0.975),
    };
    return ERR_OK;
}
