/* Mixed traffic: whether models were given the same mix of cases, and if not, cell by cell. */
#include <math.h>

#include "api/route_priv.h"
#include "base/check.h"

enum { VALUE_ROWS_MAX = 200000, CELL_ROWS_MAX = 20000 };

/* Columns of QUERY_route_attributes. */
enum { V_NAME, V_VALUE, V_MODEL, V_CASES };

/* Columns of QUERY_route_strata. */
enum { C_FIRST, C_MODEL = C_FIRST + ROUTE_HELD_MAX, C_ARM };

static enum errc no_memory(struct err *err)
{
    return err_set(err, ERR_LIMIT, "no memory left to compare the models' cases");
}

/* Rows of one attribute: first..end. */
static size_t attribute_end(const struct store_result *r, size_t first)
{
    const struct str name = store_text(r, first, V_NAME);
    size_t end = first + 1;
    while (end < r->rows && str_equal(store_text(r, end, V_NAME), name)) {
        end++;
    }
    return end;
}

/* Closed cases by value and model; the last value is to be without the attribute. Models with few
 * cases say nothing of a mix and are left out. counts  [(ROUTING_VALUES_MAX + 1) * count]. */
static size_t tabulate(const struct route *route, const struct store_result *r, size_t first,
                       size_t end, int64_t *counts)
{
    size_t values = 0;
    for (size_t row = first; row < end; row++) {
        const bool fresh = row == first ||
                           !str_equal(store_text(r, row, V_VALUE), store_text(r, row - 1, V_VALUE));
        values += fresh;
        CHECK(values <= ROUTING_VALUES_MAX);
        const size_t model = route_find(route, store_text(r, row, V_MODEL));
        if (model != SIZE_MAX && route->models[model].arm.cases >= STATS_THIN_BELOW) {
            counts[(values - 1) * route->count + model] = store_int64(r, row, V_CASES, 0);
        }
    }
    bool without = false;
    for (size_t m = 0; m < route->count; m++) {
        int64_t seen = 0;
        for (size_t v = 0; v < values; v++) {
            seen += counts[v * route->count + m];
        }
        const int64_t all = route->models[m].arm.cases;
        const int64_t rest = all >= STATS_THIN_BELOW ? all - seen : 0;
        counts[values * route->count + m] = rest;
        without = without || rest > 0;
    }
    return values + without;
}

static enum errc read_balance(struct store_result *r, struct route *route, struct arena *arena,
                              struct err *err)
{
    size_t names = 0;
    for (size_t first = 0; first < r->rows; first = attribute_end(r, first)) {
        names++;
    }
    struct route_attribute *const list = arena_new(arena, struct route_attribute, names + 1);
    double *const p = arena_new(arena, double, names + 1);
    double *const q = arena_new(arena, double, names + 1);
    if (list == NULL || p == NULL || q == NULL) {
        return no_memory(err);
    }
    size_t at = 0;
    for (size_t first = 0; first < r->rows; at++) {
        const size_t end = attribute_end(r, first);
        const struct arena_position mark = arena_mark(arena);
        int64_t *const counts = arena_new(arena, int64_t, (ROUTING_VALUES_MAX + 1) * route->count);
        if (counts == NULL) {
            return no_memory(err);
        }
        const size_t values = tabulate(route, r, first, end, counts);
        list[at] = (struct route_attribute){
            .name = store_text(r, first, V_NAME),
            .values = (int64_t)values,
            .balance = routing_balance(counts, values, route->count),
        };
        p[at] = list[at].balance.p;
        arena_rewind(arena, mark);
        first = end;
    }
    const enum errc code = stats_false_discovery(p, names, q, arena, err);
    for (size_t i = 0; i < names && code == ERR_OK; i++) {
        list[i].q = q[i];
        list[i].unbalanced = q[i] < ROUTING_RATE_BALANCE;
    }
    route->attributes = list;
    route->attribute_count = names;
    return code;
}

/* The attributes that differ most between the models, strongest first. */
static size_t choose_held(struct route *route, size_t *held)
{
    size_t count = 0;
    while (count < ROUTE_HELD_MAX) {
        size_t best = SIZE_MAX;
        for (size_t i = 0; i < route->attribute_count; i++) {
            const struct route_attribute *const a = &route->attributes[i];
            if (a->unbalanced && !a->held &&
                (best == SIZE_MAX ||
                 a->balance.cramer_v > route->attributes[best].balance.cramer_v)) {
                best = i;
            }
        }
        if (best == SIZE_MAX) {
            break;
        }
        route->attributes[best].held = true;
        held[count++] = best;
    }
    return count;
}

/* Cells of the held attributes, of fewer when there are too many cells. */
static enum errc read_cells(struct store *store, struct route *route, struct route_mix *mix,
                            size_t *held, struct arena *arena, struct err *err)
{
    enum errc code = ERR_OK;
    for (; mix->held_count > 0; mix->held_count--) {
        struct store_value values[ROUTE_HELD_MAX + 1];
        const struct arena_position mark = arena_mark(arena);
        for (size_t i = 0; i < ROUTE_HELD_MAX; i++) {
            const struct str name = i < mix->held_count ? route->attributes[held[i]].name : STR("");
            values[i] = STORE_OF_TEXT(name);
        }
        values[ROUTE_HELD_MAX] = STORE_OF_INT64(CELL_ROWS_MAX);
        code =
            store_run(store, QUERY_route_strata, values, COUNT_OF(values), arena, &mix->cells, err);
        if (code != ERR_OK || mix->cells.rows < CELL_ROWS_MAX) {
            break;
        }
        arena_rewind(arena, mark);
        mix->cells = (struct store_result){0};
        route->attributes[held[mix->held_count - 1]].held = false;
    }
    return code;
}

static enum errc read_wide(struct store *store, struct route *route, struct arena *arena,
                           struct err *err)
{
    struct store_result r;
    const struct store_value most = STORE_OF_INT64(ROUTING_VALUES_MAX);
    const enum errc code = store_run(store, QUERY_route_attributes_wide, &most, 1, arena, &r, err);
    if (code != ERR_OK) {
        return code;
    }
    struct str *const names = arena_new(arena, struct str, r.rows + 1);
    if (names == NULL) {
        return no_memory(err);
    }
    for (size_t row = 0; row < r.rows; row++) {
        names[row] = store_text(&r, row, 0);
    }
    route->wide = names;
    route->wide_count = r.rows;
    return ERR_OK;
}

enum errc route_read_mix(struct store *store, struct route *route, struct route_mix *mix,
                         struct arena *arena, struct err *err)
{
    CHECK(mix != NULL);
    size_t *const held = arena_new(arena, size_t, ROUTE_HELD_MAX);
    if (held == NULL) {
        return no_memory(err);
    }
    const struct store_value values[] = {STORE_OF_INT64(ROUTING_VALUES_MAX),
                                         STORE_OF_INT64(VALUE_ROWS_MAX)};
    enum errc code = store_execute(store, QUERY_route_values_create, NULL, 0, NULL, err);
    if (code == ERR_OK) {
        code = store_run(store, QUERY_route_attributes, values, COUNT_OF(values), arena,
                         &mix->values, err);
    }
    if (code == ERR_OK && mix->values.rows >= VALUE_ROWS_MAX) {
        code = err_set(err, ERR_LIMIT,
                       "the attributes of the cases have more than %d values by model; a shorter "
                       "window (--since) has fewer",
                       VALUE_ROWS_MAX);
    }
    if (code == ERR_OK) {
        code = read_balance(&mix->values, route, arena, err);
    }
    if (code == ERR_OK) {
        code = read_wide(store, route, arena, err);
    }
    if (code == ERR_OK) {
        mix->held = held;
        mix->held_count = choose_held(route, held);
        code = read_cells(store, route, mix, held, arena, err);
    }
    for (size_t i = 0; i < route->attribute_count; i++) {
        const struct route_attribute *const a = &route->attributes[i];
        mix->in_doubt = mix->in_doubt ||
                        (a->unbalanced && !a->held && a->balance.cramer_v >= ROUTING_V_NEGLIGIBLE);
    }
    return code;
}

static bool same_cell(const struct store_result *r, size_t a, size_t b)
{
    for (size_t i = 0; i < ROUTE_HELD_MAX; i++) {
        if (!str_equal(store_text(r, a, C_FIRST + i), store_text(r, b, C_FIRST + i))) {
            return false;
        }
    }
    return true;
}

/* Cells of which column `column` is `value` (column SIZE_MAX: all of them), for one model. */
static size_t fill_cells(const struct route *route, const struct store_result *r, size_t model,
                         size_t column, struct str value, struct routing_cell *cells)
{
    size_t count = 0;
    for (size_t row = 0; row < r->rows; row++) {
        if (column != SIZE_MAX && !str_equal(store_text(r, row, column), value)) {
            continue;
        }
        const bool fresh = count == 0 || !same_cell(r, row, row - 1);
        if (fresh) {
            cells[count++] = (struct routing_cell){0};
        }
        struct routing_cell *const cell = &cells[count - 1];
        const struct routing_arm arm = route_arm(r, row, C_ARM);
        const struct str name = store_text(r, row, C_MODEL);
        cell->weight += name.size > 0 ? (double)arm.cases : 0;
        if (str_equal(name, route->models[model].model)) {
            cell->candidate = arm;
        } else if (str_equal(name, route->models[route->reference].model)) {
            cell->reference = arm;
        }
    }
    return count;
}

static size_t held_column(const struct route_mix *mix, size_t attribute)
{
    for (size_t i = 0; i < mix->held_count; i++) {
        if (mix->held[i] == attribute) {
            return C_FIRST + i;
        }
    }
    return SIZE_MAX;
}

enum errc route_compare_cells(const struct route *route, const struct route_mix *mix, size_t model,
                              size_t attribute, struct str value, int64_t total,
                              struct arena *arena, struct routing_comparison *out, struct err *err)
{
    const struct arena_position mark = arena_mark(arena);
    struct routing_cell *const cells = arena_new(arena, struct routing_cell, mix->cells.rows + 1);
    if (cells == NULL) {
        return no_memory(err);
    }
    const size_t count =
        fill_cells(route, &mix->cells, model, held_column(mix, attribute), value, cells);
    *out = routing_compare_cells(cells, count, total);
    if (out->evidence == ROUTING_BALANCED) {
        out->evidence = ROUTING_STRATIFIED;
    }
    arena_rewind(arena, mark);
    return ERR_OK;
}

enum errc route_compare_mix(const struct route *route, const struct route_mix *mix, size_t model,
                            struct arena *arena, struct routing_comparison *out, struct err *err)
{
    CHECK(model < route->count);
    if (mix->held_count > 0) {
        return route_compare_cells(route, mix, model, SIZE_MAX, (struct str){0}, route->closed,
                                   arena, out, err);
    }
    const struct routing_cell all = {.weight = (double)route->closed,
                                     .candidate = route->models[model].arm,
                                     .reference = route->models[route->reference].arm};
    *out = routing_compare_cells(&all, 1, route->closed);
    return ERR_OK;
}
