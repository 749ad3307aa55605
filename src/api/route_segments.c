/* Where success differs: each value of the attributes that matter, and which model is best there.
 */
#include <stdlib.h>

#include "api/route_priv.h"
#include "base/check.h"

/* Columns of QUERY_route_attributes. */
enum { V_NAME, V_VALUE, V_MODEL, V_CASES, V_SUCCESSES };

/* Columns of QUERY_route_attribute_arms. */
enum { A_VALUE, A_MODEL, A_ARM };

static enum errc no_memory(struct err *err)
{
    return err_set(err, ERR_LIMIT, "no memory left for the segments");
}

struct candidate {
    size_t attribute; /* of route->attributes */
    double strength;  /* Cramer's V of success over the values */
};

static int by_strength(const void *a, const void *b)
{
    const struct candidate *const left = a;
    const struct candidate *const right = b;
    if (left->strength < right->strength || left->strength > right->strength) {
        return left->strength < right->strength ? 1 : -1;
    }
    return (left->attribute > right->attribute) - (left->attribute < right->attribute);
}

/* Success over the values of one attribute, whose rows begin at `first`; out_end: behind them. */
static struct routing_balance success_over(const struct store_result *r, size_t first,
                                           size_t *out_end)
{
    const struct str name = store_text(r, first, V_NAME);
    int64_t counts[2 * ROUTING_VALUES_MAX] = {0};
    size_t values = 0;
    size_t row = first;
    for (; row < r->rows && str_equal(store_text(r, row, V_NAME), name); row++) {
        const bool fresh = row == first ||
                           !str_equal(store_text(r, row, V_VALUE), store_text(r, row - 1, V_VALUE));
        values += fresh;
        CHECK(values <= ROUTING_VALUES_MAX);
        const int64_t successes = store_int64(r, row, V_SUCCESSES, 0);
        counts[2 * values - 2] += successes;
        counts[2 * values - 1] += store_int64(r, row, V_CASES, 0) - successes;
    }
    *out_end = row;
    return routing_balance(counts, values, 2);
}

/* Attributes over whose values success differs, strongest first. Where cells are compared only
 * those held fixed: of the others the models' mixes within a value are not known. */
static enum errc choose(const struct route *route, const struct route_mix *mix,
                        struct candidate *list, size_t *out_count, struct arena *arena,
                        struct err *err)
{
    double *const p = arena_new(arena, double, route->attribute_count + 1);
    double *const q = arena_new(arena, double, route->attribute_count + 1);
    if (p == NULL || q == NULL) {
        return no_memory(err);
    }
    size_t at = 0;
    for (size_t first = 0; first < mix->values.rows; at++) {
        const struct routing_balance balance = success_over(&mix->values, first, &first);
        p[at] = balance.p;
        list[at] = (struct candidate){.attribute = at, .strength = balance.cramer_v};
    }
    CHECK(at == route->attribute_count);
    const enum errc code = stats_false_discovery(p, at, q, arena, err);
    size_t kept = 0;
    for (size_t i = 0; i < at && code == ERR_OK; i++) {
        if (q[i] < ROUTING_RATE_BALANCE && (mix->held_count == 0 || route->attributes[i].held)) {
            list[kept++] = list[i];
        }
    }
    if (kept > 0) {
        qsort(list, kept, sizeof *list, by_strength);
    }
    *out_count = kept < ROUTE_SEGMENT_ATTRIBUTES_MAX ? kept : ROUTE_SEGMENT_ATTRIBUTES_MAX;
    return code;
}

/* The comparison of a model with the reference within a value. */
static enum errc compare(const struct route *route, const struct route_mix *mix, size_t attribute,
                         const struct route_segment *segment, size_t model, struct arena *arena,
                         struct routing_comparison *out, struct err *err)
{
    enum errc code = ERR_OK;
    if (route->attributes[attribute].held) {
        code = route_compare_cells(route, mix, model, attribute, segment->value, segment->cases,
                                   arena, out, err);
    } else {
        const struct routing_cell all = {.weight = (double)segment->cases,
                                         .candidate = segment->arms[model],
                                         .reference = segment->arms[route->reference]};
        *out = routing_compare_cells(&all, 1, segment->cases);
    }
    out->verdict =
        model == route->reference ? ROUTING_REFERENCE : routing_judge(out, route->margin_pp / 100);
    return code;
}

/* Rows first..end of r are one value. */
static enum errc fill(const struct route *route, const struct route_mix *mix, size_t attribute,
                      const struct store_result *r, size_t first, size_t end, struct arena *arena,
                      struct route_segment *out, struct err *err)
{
    struct routing_arm *const arms = arena_new(arena, struct routing_arm, route->count);
    struct routing_comparison *const comparisons =
        arena_new(arena, struct routing_comparison, route->count);
    struct routing_option *const options = arena_new(arena, struct routing_option, route->count);
    if (arms == NULL || comparisons == NULL || options == NULL) {
        return no_memory(err);
    }
    *out = (struct route_segment){.attribute = route->attributes[attribute].name,
                                  .value = store_text(r, first, A_VALUE),
                                  .arms = arms,
                                  .comparisons = comparisons};
    for (size_t row = first; row < end; row++) {
        const size_t model = route_find(route, store_text(r, row, A_MODEL));
        if (model != SIZE_MAX) {
            arms[model] = route_arm(r, row, A_ARM);
            out->cases += arms[model].cases;
        }
    }
    enum errc code = ERR_OK;
    for (size_t m = 0; m < route->count && code == ERR_OK; m++) {
        code = compare(route, mix, attribute, out, m, arena, &comparisons[m], err);
        options[m] = (struct routing_option){
            .model = route->models[m].model,
            .comparison = comparisons[m],
            .cost_per_outcome_usd = routing_cost_per_outcome(&arms[m]).value,
            .in_doubt = mix->in_doubt,
        };
    }
    out->recommended = code == ERR_OK ? routing_recommend(options, route->count) : SIZE_MAX;
    return code;
}

/* Whether the reference and some other model can be compared there. */
static bool is_told(const struct route *route, const struct route_segment *segment)
{
    for (size_t m = 0; m < route->count; m++) {
        if (m != route->reference && segment->comparisons[m].evidence != ROUTING_NONE) {
            return segment->cases >= STATS_THIN_BELOW;
        }
    }
    return false;
}

static enum errc add_values(struct store *store, const struct route_mix *mix, size_t attribute,
                            struct route_segment *segments, struct route *route,
                            struct arena *arena, struct err *err)
{
    struct store_result r;
    const struct store_value name = STORE_OF_TEXT(route->attributes[attribute].name);
    enum errc code = store_run(store, QUERY_route_attribute_arms, &name, 1, arena, &r, err);
    size_t values = 0;
    for (size_t first = 0; code == ERR_OK && first < r.rows;) {
        const struct str value = store_text(&r, first, A_VALUE);
        size_t end = first + 1;
        while (end < r.rows && str_equal(store_text(&r, end, A_VALUE), value)) {
            end++;
        }
        if (values < ROUTE_SEGMENT_VALUES_MAX) {
            struct route_segment *const segment = &segments[route->segment_count];
            code = fill(route, mix, attribute, &r, first, end, arena, segment, err);
            const bool told = code == ERR_OK && is_told(route, segment);
            route->segment_count += told;
            values += told;
        }
        first = end;
    }
    return code;
}

enum errc route_read_segments(struct store *store, const struct route_mix *mix, struct route *route,
                              struct arena *arena, struct err *err)
{
    CHECK(route->reference < route->count);
    struct candidate *const list = arena_new(arena, struct candidate, route->attribute_count + 1);
    struct route_segment *const segments =
        arena_new(arena, struct route_segment,
                  (size_t)ROUTE_SEGMENT_ATTRIBUTES_MAX * ROUTE_SEGMENT_VALUES_MAX + 1);
    if (list == NULL || segments == NULL) {
        return no_memory(err);
    }
    size_t count = 0;
    enum errc code = choose(route, mix, list, &count, arena, err);
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        code = add_values(store, mix, list[i].attribute, segments, route, arena, err);
    }
    route->segments = segments;
    return code;
}
