/* The same inputs: pairs of models on common input keys, and cascades from replicates or from
 * cases that a second model took up. */
#include <math.h>
#include <stdlib.h>

#include "api/route_priv.h"
#include "base/check.h"

enum { KEYS_MAX = 2000, CASES_SAMPLED = 2000, ESCALATED_LEAST = 5, PAIRS_MAX = 4096 };

/* Columns of QUERY_route_pairs. */
enum {
    P_MODEL,
    P_KEYS,
    P_CASES,
    P_REFERENCE_CASES,
    P_SUCCESSES,
    P_REFERENCE_SUCCESSES,
    P_BOTH,
    P_CANDIDATE_ONLY,
    P_REFERENCE_ONLY,
    P_COST_KEYS,
    P_COST,
    P_REFERENCE_COST,
    P_SQUARES,
};
#define P_UNIT 1e12

/* Columns of QUERY_route_trials. */
enum { T_KEY, T_MODEL, T_SUCCESS, T_COST, T_KEYS };

/* Columns of QUERY_route_escalated. */
enum { E_COST, E_SUCCESS, E_SECOND_COST, E_SECOND_SUCCESS, E_TAKEN };

enum errc route_read_pairs(struct store *store, const struct route *route, struct arena *arena,
                           struct routing_comparison *out, struct err *err)
{
    CHECK(route->reference < route->count);
    struct store_result r;
    const struct store_value reference = STORE_OF_TEXT(route->models[route->reference].model);
    const enum errc code = store_run(store, QUERY_route_pairs, &reference, 1, arena, &r, err);
    if (code != ERR_OK) {
        return code;
    }
    for (size_t i = 0; i < route->count; i++) {
        out[i] = routing_compare_pairs(&(struct routing_pairs){0});
    }
    for (size_t row = 0; row < r.rows; row++) {
        const size_t model = route_find(route, store_text(&r, row, P_MODEL));
        if (model == SIZE_MAX) {
            continue;
        }
        const struct routing_pairs pairs = {
            .keys = store_int64(&r, row, P_KEYS, 0),
            .cases = store_int64(&r, row, P_CASES, 0),
            .reference_cases = store_int64(&r, row, P_REFERENCE_CASES, 0),
            .both = (double)store_sum(&r, row, P_BOTH) / P_UNIT,
            .candidate_only = (double)store_sum(&r, row, P_CANDIDATE_ONLY) / P_UNIT,
            .reference_only = (double)store_sum(&r, row, P_REFERENCE_ONLY) / P_UNIT,
            .cost_keys = store_int64(&r, row, P_COST_KEYS, 0),
            .cost_usd = money_usd(store_sum(&r, row, P_COST)),
            .reference_cost_usd = money_usd(store_sum(&r, row, P_REFERENCE_COST)),
            .difference_squares = (double)store_sum(&r, row, P_SQUARES) / 1e18,
        };
        out[model] = routing_compare_pairs(&pairs);
        out[model].covered =
            (double)pairs.reference_cases / (double)route->models[route->reference].arm.cases;
    }
    return ERR_OK;
}

/* ---- cascades */

struct trial {
    bool known; /* the model worked on the key, and its cost is known */
    double success;
    double cost_usd;
};

struct matrix {
    struct trial *trials; /* [keys * models] */
    size_t keys;
    int64_t keys_all;
};

static enum errc no_memory(struct err *err)
{
    return err_set(err, ERR_LIMIT, "no memory left for the cascades");
}

static enum errc read_matrix(struct store *store, const struct route *route, struct arena *arena,
                             struct matrix *out, struct err *err)
{
    struct store_result r;
    const struct store_value most = STORE_OF_INT64(KEYS_MAX);
    const enum errc code = store_run(store, QUERY_route_trials, &most, 1, arena, &r, err);
    if (code != ERR_OK || r.rows == 0) {
        return code;
    }
    out->keys = (size_t)store_int64(&r, r.rows - 1, T_KEY, 0) + 1;
    out->keys_all = store_int64(&r, 0, T_KEYS, 0);
    CHECK(out->keys <= KEYS_MAX);
    out->trials = arena_new(arena, struct trial, out->keys * route->count);
    if (out->trials == NULL) {
        return no_memory(err);
    }
    for (size_t row = 0; row < r.rows; row++) {
        const size_t model = route_find(route, store_text(&r, row, T_MODEL));
        const double cost = store_real(&r, row, T_COST, NAN);
        if (model != SIZE_MAX && !isnan(cost)) {
            const size_t key = (size_t)store_int64(&r, row, T_KEY, 0);
            out->trials[key * route->count + model] = (struct trial){
                .known = true, .success = store_real(&r, row, T_SUCCESS, 0), .cost_usd = cost};
        }
    }
    return ERR_OK;
}

static size_t fill_pair(const struct route *route, const struct matrix *matrix, size_t first,
                        size_t second, struct routing_stage_row *rows)
{
    size_t count = 0;
    for (size_t key = 0; key < matrix->keys; key++) {
        const struct trial *const a = &matrix->trials[key * route->count + first];
        const struct trial *const b = &matrix->trials[key * route->count + second];
        if (a->known && b->known) {
            rows[count++] = (struct routing_stage_row){.weight_second = 1 - a->success,
                                                       .success_first = a->success,
                                                       .success_second = b->success,
                                                       .cost_first_usd = a->cost_usd,
                                                       .cost_second_usd = b->cost_usd};
        }
    }
    return count;
}

/* Cheapest first; then more success; then by place. */
static int by_cost(const void *a, const void *b)
{
    const struct route_cascade *const left = a;
    const struct route_cascade *const right = b;
    const double cost = left->cascade.cost.value - right->cascade.cost.value;
    const double success = right->cascade.success.value - left->cascade.success.value;
    if (cost < 0 || cost > 0) {
        return cost < 0 ? -1 : 1;
    }
    if (success < 0 || success > 0) {
        return success < 0 ? -1 : 1;
    }
    if (left->first != right->first) {
        return left->first < right->first ? -1 : 1;
    }
    return (left->second > right->second) - (left->second < right->second);
}

static bool cheaper(const struct route *route, size_t a, size_t b)
{
    return routing_mean_cost(&route->models[a].arm) < routing_mean_cost(&route->models[b].arm);
}

/* Of all pairs: one is left out where another succeeds as often for less. list is sorted by cost.
 */
static size_t keep_efficient(struct route_cascade *list, size_t count)
{
    size_t kept = 0;
    double best = -1;
    for (size_t i = 0; i < count; i++) {
        if (list[i].cascade.success.value > best) {
            best = list[i].cascade.success.value;
            list[kept++] = list[i];
        }
    }
    return kept;
}

/* Cascades of replicates: a cheaper model, then a dearer one. */
static enum errc from_replicates(struct store *store, bool all, const struct route *route,
                                 struct arena *arena, struct route_cascade *list, size_t *count,
                                 struct err *err)
{
    struct matrix matrix = {0};
    enum errc code = read_matrix(store, route, arena, &matrix, err);
    struct routing_stage_row *const rows =
        arena_new(arena, struct routing_stage_row, matrix.keys + 1);
    if (code == ERR_OK && rows == NULL) {
        code = no_memory(err);
    }
    if (code != ERR_OK || matrix.keys == 0) {
        return code;
    }
    for (size_t i = 0; i < route->count * route->count && code == ERR_OK; i++) {
        const size_t first = i / route->count;
        const size_t second = i % route->count;
        if (first == second || (!all && second != route->reference) ||
            !cheaper(route, first, second)) {
            continue;
        }
        const size_t n = fill_pair(route, &matrix, first, second, rows);
        if (n >= STATS_THIN_BELOW && *count < PAIRS_MAX) {
            struct route_cascade *const c = &list[(*count)++];
            *c = (struct route_cascade){.first = first,
                                        .second = second,
                                        .source = ROUTE_OF_REPLICATES,
                                        .units_all = matrix.keys_all};
            code = routing_cascade(rows, n, 0, 0, arena, &c->cascade, err);
        }
    }
    qsort(list, *count, sizeof *list, by_cost);
    *count = all ? keep_efficient(list, *count) : *count;
    *count = *count < ROUTE_CASCADES_MAX ? *count : ROUTE_CASCADES_MAX;
    for (size_t i = 0; i < *count && code == ERR_OK; i++) {
        const size_t n = fill_pair(route, &matrix, list[i].first, list[i].second, rows);
        code = routing_cascade(rows, n, STATS_BOOTSTRAP_DRAWS, STATS_BOOTSTRAP_SEED, arena,
                               &list[i].cascade, err);
    }
    return code;
}

static bool known(const struct route_cascade *list, size_t count, size_t first, size_t second)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].first == first && list[i].second == second) {
            return true;
        }
    }
    return false;
}

static enum errc escalated(struct store *store, const struct route *route, size_t first,
                           size_t second, int64_t cases, struct arena *arena,
                           struct route_cascade *out, struct err *err)
{
    const struct arena_position mark = arena_mark(arena);
    struct store_result r;
    const struct store_value values[] = {STORE_OF_TEXT(route->models[first].model),
                                         STORE_OF_TEXT(route->models[second].model),
                                         STORE_OF_INT64(1 + cases / CASES_SAMPLED)};
    enum errc code =
        store_run(store, QUERY_route_escalated, values, COUNT_OF(values), arena, &r, err);
    if (code != ERR_OK) {
        return code;
    }
    struct routing_stage_row *const rows = arena_new(arena, struct routing_stage_row, r.rows + 1);
    if (rows == NULL) {
        return no_memory(err);
    }
    double taken = 0;
    for (size_t row = 0; row < r.rows; row++) {
        const bool second_known = store_int64(&r, row, E_TAKEN, 0) != 0;
        rows[row] = (struct routing_stage_row){
            .weight_second = second_known ? 1 : 0,
            .success_first = store_int64(&r, row, E_SUCCESS, 0) != 0 ? 1 : 0,
            .success_second = store_int64(&r, row, E_SECOND_SUCCESS, 0) != 0 ? 1 : 0,
            .cost_first_usd = store_real(&r, row, E_COST, 0),
            .cost_second_usd = second_known ? store_real(&r, row, E_SECOND_COST, 0) : 0};
        taken += rows[row].weight_second;
    }
    *out = (struct route_cascade){
        .first = first, .second = second, .source = ROUTE_OF_ESCALATIONS, .units_all = cases};
    if (taken >= ESCALATED_LEAST) {
        code = routing_cascade(rows, r.rows, STATS_BOOTSTRAP_DRAWS, STATS_BOOTSTRAP_SEED, arena,
                               &out->cascade, err);
    }
    arena_rewind(arena, mark);
    return code;
}

/* Cascades that really happened and that no replicate tells of. */
static enum errc from_escalations(struct store *store, bool all, const struct route *route,
                                  struct arena *arena, struct route_cascade *list, size_t *count,
                                  struct err *err)
{
    struct store_result r;
    enum errc code = store_run(store, QUERY_route_escalations, NULL, 0, arena, &r, err);
    for (size_t row = 0; code == ERR_OK && row < r.rows && *count < ROUTE_CASCADES_MAX; row++) {
        const size_t first = route_find(route, store_text(&r, row, 0));
        const size_t second = route_find(route, store_text(&r, row, 1));
        if (first == SIZE_MAX || second == SIZE_MAX || (!all && second != route->reference) ||
            (!all && !cheaper(route, first, second)) || known(list, *count, first, second)) {
            continue;
        }
        struct route_cascade *const c = &list[*count];
        code = escalated(store, route, first, second, store_int64(&r, row, 3, 0), arena, c, err);
        *count += code == ERR_OK && c->cascade.units > 0;
    }
    return code;
}

enum errc route_read_cascades(struct store *store, bool all, struct route *route,
                              struct arena *arena, struct err *err)
{
    CHECK(route->count <= ROUTING_MODELS_MAX);
    struct route_cascade *const list = arena_new(arena, struct route_cascade, PAIRS_MAX);
    if (list == NULL) {
        return no_memory(err);
    }
    size_t count = 0;
    enum errc code = from_replicates(store, all, route, arena, list, &count, err);
    if (code == ERR_OK) {
        code = from_escalations(store, all, route, arena, list, &count, err);
    }
    if (code == ERR_OK && count > 1) {
        qsort(list, count, sizeof *list, by_cost);
    }
    route->cascades = list;
    route->cascade_count = count;
    return code;
}
