#include "api/figures_priv.h"
#include "base/check.h"

/* Columns of QUERY_report_closed_cases. */
enum { C_WORKFLOW, C_COST, C_RESOLVED, C_VALUE };

/* Three ratios over the same closed cases: rows first..end of the result. */
static enum errc bootstrap(struct figures *f, const struct store_result *r, size_t first,
                           size_t end, struct arena *arena, struct err *err)
{
    const size_t n = end - first;
    CHECK(n == (size_t)f->closed);
    const struct arena_position mark = arena_mark(arena);
    double *const cost = arena_new(arena, double, n);
    double *const resolved = arena_new(arena, double, n);
    double *const value = arena_new(arena, double, n);
    if (cost == NULL || resolved == NULL || value == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for the bootstrap");
    }
    for (size_t i = 0; i < n; i++) {
        cost[i] = store_real(r, first + i, C_COST, 0);
        resolved[i] = store_int64(r, first + i, C_RESOLVED, 0) != 0 ? 1 : 0;
        value[i] = store_real(r, first + i, C_VALUE, 0);
    }
    const struct {
        const double *y;
        const double *x;
        struct stats_interval *out;
    } ratios[] = {
        {cost, resolved, &f->cost_per_outcome},
        {resolved, cost, &f->outcomes_per_usd},
        {value, cost, &f->value_per_usd},
    };
    enum errc code = ERR_OK;
    for (size_t i = 0; i < COUNT_OF(ratios) && code == ERR_OK; i++) {
        code = stats_ratio_bootstrap(ratios[i].y, ratios[i].x, n, STATS_BOOTSTRAP_SEED, arena,
                                     ratios[i].out, err);
    }
    f->method = METHOD_BOOTSTRAP;
    arena_rewind(arena, mark);
    return code;
}

static void delta(struct figures *f)
{
    const struct stats_sums *const s = &f->cost_to_resolved;
    const struct stats_sums inverse = {
        .n = s->n, .y = s->x, .x = s->y, .yy = s->xx, .xy = s->xy, .xx = s->yy};
    f->method = METHOD_DELTA;
    f->cost_per_outcome = stats_ratio(s);
    f->outcomes_per_usd = stats_ratio(&inverse);
    f->value_per_usd = stats_ratio(&f->value_to_cost);
}

enum errc figures_add_intervals(struct store *store, struct arena *arena, struct figures_list *list,
                                struct err *err)
{
    CHECK(list != NULL);
    bool small = false;
    for (size_t i = 0; i < list->count; i++) {
        delta(&list->rows[i]);
        const struct figures *const f = &list->rows[i];
        small = small || (f->closed > 0 && (f->closed < STATS_BOOTSTRAP_BELOW ||
                                            f->resolved < STATS_BOOTSTRAP_BELOW));
    }
    if (!small) {
        return ERR_OK;
    }
    const struct store_value values[] = {STORE_OF_INT64(STATS_BOOTSTRAP_BELOW),
                                         STORE_OF_INT64(STATS_BOOTSTRAP_ROWS_MAX)};
    struct store_result r;
    enum errc code =
        store_run(store, QUERY_report_closed_cases, values, COUNT_OF(values), arena, &r, err);
    if (code != ERR_OK) {
        return code;
    }
    for (size_t first = 0; first < r.rows && code == ERR_OK;) {
        const struct str workflow = store_text(&r, first, C_WORKFLOW);
        size_t end = first + 1;
        while (end < r.rows && str_equal(store_text(&r, end, C_WORKFLOW), workflow)) {
            end++;
        }
        struct figures *const f = figures_named(list, workflow);
        CHECK(f != NULL);
        code = bootstrap(f, &r, first, end, arena, err);
        first = end;
    }
    return code;
}
