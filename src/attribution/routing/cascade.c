/* A cheap model first, another where it fails: success and cost of the two in a row. */
#include <math.h>

#include "attribution/routing/routing.h"
#include "base/check.h"
#include "base/rng.h"

/* Sums over units. */
struct stages {
    double units;
    double first;  /* successes of the first stage */
    double cost;   /* of the first stage */
    double taken;  /* failures the second stage took up */
    double second; /* of them, resolved */
    double second_cost;
};

static void add(struct stages *sum, const struct routing_stage_row *row)
{
    sum->units += 1;
    sum->first += row->success_first;
    sum->cost += row->cost_first_usd;
    sum->taken += row->weight_second;
    sum->second += row->weight_second * row->success_second;
    sum->second_cost += row->weight_second * row->cost_second_usd;
}

static double failing(const struct stages *s)
{
    return fmax(1 - s->first / s->units, 0);
}

/* Where nothing failed there is nothing to hand over. */
static double success_of(const struct stages *s)
{
    return s->first / s->units + (s->taken > 0 ? failing(s) * s->second / s->taken : 0);
}

static double cost_of(const struct stages *s)
{
    return s->cost / s->units + (s->taken > 0 ? failing(s) * s->second_cost / s->taken : 0);
}

static enum errc bootstrap(const struct routing_stage_row *rows, size_t count, size_t draws,
                           uint64_t seed, struct arena *arena, struct routing_cascade *out,
                           struct err *err)
{
    const struct arena_position mark = arena_mark(arena);
    double *const success = arena_new(arena, double, draws);
    double *const cost = arena_new(arena, double, draws);
    if (success == NULL || cost == NULL) {
        return err_set(err, ERR_LIMIT, "no memory for %zu bootstrap draws", draws);
    }
    struct rng rng;
    rng_init(&rng, seed);
    for (size_t draw = 0; draw < draws; draw++) {
        struct stages sum = {0};
        for (size_t i = 0; i < count; i++) {
            add(&sum, &rows[rng_below(&rng, count)]);
        }
        success[draw] = success_of(&sum);
        cost[draw] = cost_of(&sum);
    }
    out->success = stats_percentile(out->success.value, success, draws);
    out->cost = stats_percentile(out->cost.value, cost, draws);
    arena_rewind(arena, mark);
    return ERR_OK;
}

enum errc routing_cascade(const struct routing_stage_row *rows, size_t count, size_t draws,
                          uint64_t seed, struct arena *arena, struct routing_cascade *out,
                          struct err *err)
{
    CHECK(count > 0);
    CHECK(out != NULL);
    struct stages sum = {0};
    for (size_t i = 0; i < count; i++) {
        add(&sum, &rows[i]);
    }
    *out = (struct routing_cascade){
        .units = (int64_t)count,
        .failed = sum.taken,
        .success_first = sum.first / sum.units,
        .success_second = sum.taken > 0 ? sum.second / sum.taken : NAN,
        .cost_first_usd = sum.cost / sum.units,
        .cost_second_usd = sum.taken > 0 ? sum.second_cost / sum.taken : NAN,
        .success = {success_of(&sum), NAN, NAN},
        .cost = {cost_of(&sum), NAN, NAN},
    };
    return draws > 0 ? bootstrap(rows, count, draws, seed, arena, out, err) : ERR_OK;
}
