/* The bootstrap of a curve: its cases in groups, each with its own curve at fewer caps. */
#include "api/utility_priv.h"
#include "base/check.h"

struct utility_bucket utility_bucket_of(const struct store_result *r, size_t row, size_t first)
{
    return (struct utility_bucket){
        .ended = store_int64(r, row, first + UTILITY_ENDED, 0),
        .resolved = store_int64(r, row, first + UTILITY_RESOLVED, 0),
        .value_pusd = store_sum(r, row, first + UTILITY_VALUE),
        .spent = store_int64(r, row, first + UTILITY_SPENT, 0),
        .spent_pusd = store_sum(r, row, first + UTILITY_SPENT_PUSD),
    };
}

/* Which caps the bootstrap looks at: of a long curve every n-th, its end and the break-even cap. */
static size_t choose_steps(struct utility_facts *f)
{
    size_t on_curve = 0;
    size_t last = 0;
    for (size_t i = 0; i < f->count; i++) {
        on_curve += f->roles[i].curve;
        last = f->roles[i].curve ? i : last;
    }
    const size_t stride = on_curve <= UTILITY_STEPS_MAX
                              ? 1
                              : (on_curve + UTILITY_STEPS_MAX - 3) / (UTILITY_STEPS_MAX - 2);
    f->every_step = stride == 1;
    size_t seen = 0;
    size_t steps = 0;
    for (size_t i = 0; i < f->count; i++) {
        struct utility_cap *const role = &f->roles[i];
        const bool nth = role->curve && seen % stride == 0;
        seen += role->curve;
        if (nth || i == last || i == f->break_even || i == f->decile_from || i == f->decile_to ||
            i == f->count - 1) {
            role->step = steps++;
        }
    }
    return steps;
}

/* What the bootstrap is handed, while it is filled. */
struct filling {
    size_t *place; /* [caps] among all caps */
    money_sum *caps;
    bool *curve;
    size_t count;
    double *spend;
    double *value;
    double *resolved;
    struct utility_bucket *buckets; /* of one group */
    struct utility_point *points;
};

static bool filling_make(struct filling *x, size_t caps, size_t groups, struct arena *arena)
{
    *x = (struct filling){
        .place = arena_new(arena, size_t, caps),
        .caps = arena_new(arena, money_sum, caps),
        .curve = arena_new(arena, bool, caps),
        .spend = arena_new(arena, double, caps *groups),
        .value = arena_new(arena, double, caps *groups),
        .resolved = arena_new(arena, double, caps *groups),
        .buckets = arena_new(arena, struct utility_bucket, caps),
        .points = arena_new(arena, struct utility_point, caps),
        .count = caps,
    };
    return x->place != NULL && x->caps != NULL && x->curve != NULL && x->spend != NULL &&
           x->value != NULL && x->resolved != NULL && x->buckets != NULL && x->points != NULL;
}

/* Rows first..end are one group's. */
static void fill_group(const struct utility_facts *f, const struct store_result *r, size_t first,
                       size_t end, size_t group, struct filling *x)
{
    struct utility_fallback fallback = {.unit_pusd = f->fallback.unit_pusd};
    size_t at = 0;
    for (size_t i = 0; i < x->count; i++) {
        x->buckets[i] = (struct utility_bucket){0};
    }
    for (size_t row = first; row < end; row++) {
        while (x->caps[at] != store_sum(r, row, 1 + UTILITY_CAP)) {
            at++;
            CHECK(at < x->count);
        }
        x->buckets[at] = utility_bucket_of(r, row, 1);
        fallback.cases += x->buckets[at].spent;
    }
    utility_fold(x->caps, x->buckets, x->count, fallback.cases, x->points);
    for (size_t i = 0; i < x->count; i++) {
        const size_t cell = group * x->count + i;
        x->spend[cell] = money_usd(x->points[i].spend_pusd);
        x->value[cell] = money_usd(utility_value(&x->points[i], &fallback));
        x->resolved[cell] = (double)x->points[i].resolved;
    }
}

static bool same_group(const struct store_result *r, size_t a, size_t b)
{
    return store_sum(r, a, 0) == store_sum(r, b, 0);
}

static size_t count_groups(const struct store_result *r)
{
    size_t groups = r->rows > 0 ? 1 : 0;
    for (size_t row = 1; row < r->rows; row++) {
        groups += !same_group(r, row - 1, row);
    }
    return groups;
}

static void fill(const struct utility_facts *f, const struct store_result *r, struct filling *x)
{
    size_t group = 0;
    for (size_t first = 0; first < r->rows;) {
        size_t end = first + 1;
        while (end < r->rows && same_group(r, first, end)) {
            end++;
        }
        fill_group(f, r, first, end, group++, x);
        first = end;
    }
}

static void choose_caps(const struct utility_facts *f, struct filling *x)
{
    for (size_t i = 0; i < f->count; i++) {
        const size_t step = f->roles[i].step;
        if (step != SIZE_MAX) {
            x->place[step] = i;
            x->caps[step] = f->caps[i];
            x->curve[step] = f->roles[i].curve;
        }
    }
}

/* The caps the bootstrap looks at, for a query. */
static enum errc list_steps(const struct utility_facts *f, size_t count, struct arena *arena,
                            struct store_value *out, struct err *err)
{
    money_sum *const caps = arena_new(arena, money_sum, count);
    if (caps == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for %zu caps", count);
    }
    for (size_t i = 0; i < f->count; i++) {
        if (f->roles[i].step != SIZE_MAX) {
            caps[f->roles[i].step] = f->caps[i];
        }
    }
    return utility_list_caps(caps, count, arena, out, err);
}

enum errc utility_add_intervals(struct store *store, struct arena *arena, struct utility_facts *f,
                                struct err *err)
{
    CHECK(f->count > 0);
    const size_t count = choose_steps(f);
    struct store_value caps;
    struct store_result r;
    struct filling x;
    enum errc code = list_steps(f, count, arena, &caps, err);
    if (code == ERR_OK) {
        code = store_run(store, QUERY_utility_groups, &caps, 1, arena, &r, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    const size_t groups = count_groups(&r);
    if (!filling_make(&x, count, groups, arena)) {
        return err_set(err, ERR_LIMIT, "no memory left for %zu groups of cases", groups);
    }
    choose_caps(f, &x);
    fill(f, &r, &x);
    const struct utility_groups curves = {.groups = groups,
                                          .caps = count,
                                          .spend = x.spend,
                                          .value = f->value_known ? x.value : NULL,
                                          .resolved = x.resolved,
                                          .curve = x.curve,
                                          .decile_from = f->roles[f->decile_from].step,
                                          .decile_to = f->roles[f->decile_to].step};
    code = utility_bootstrap(&curves, STATS_BOOTSTRAP_SEED, arena, &f->intervals, err);
    if (code == ERR_OK && f->intervals.break_even) {
        f->break_even_low = x.place[f->intervals.break_even_low];
        f->break_even_high = x.place[f->intervals.break_even_high];
    }
    return code;
}
