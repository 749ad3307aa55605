/* Ledger rows into the facts of the curve: cases between caps, totals and by group. */
#include <math.h>

#include "api/utility_priv.h"
#include "base/check.h"

#define BASELINE_PUSD_MAX 9e18

/* Columns of QUERY_utility_counts, _totals, _attempts. */
enum { N_CLOSED, N_OPEN, N_OPEN_PUSD, N_SESSIONS };
enum { T_RESOLVED, T_SPEND, T_VALUE, T_VALUED, T_RECORDED, T_LARGEST, T_TRIES, T_LIMITED };
enum { A_NUMBER, A_ATTEMPTS, A_COST, A_CASES, A_RESOLVED, A_VALUE };

static struct store_value limit_or_null(const struct utility_facts *f)
{
    return f->has_limit ? STORE_OF_INT64((int64_t)f->limit_pusd)
                        : (struct store_value){.kind = STORE_NULL};
}

static enum errc read_counts(struct store *store, const struct settings *settings,
                             const struct utility_request *request, struct arena *arena,
                             struct utility_facts *f, struct err *err)
{
    const struct store_value workflow = STORE_OF_TEXT(request->about.workflow);
    struct store_result r;
    enum errc code = store_run(store, QUERY_utility_counts, &workflow, 1, arena, &r, err);
    if (code != ERR_OK) {
        return code;
    }
    f->closed = store_int64(&r, 0, N_CLOSED, 0);
    f->open = store_int64(&r, 0, N_OPEN, 0);
    f->open_pusd = store_sum(&r, 0, N_OPEN_PUSD);
    const struct figures figures = {.settings =
                                        settings_workflow(settings, request->about.workflow),
                                    .cases = f->closed + f->open,
                                    .named_by_session = store_int64(&r, 0, N_SESSIONS, 0)};
    f->unit = figures_unit(&figures);
    return f->closed + f->open > 0
               ? ERR_OK
               : figures_require_workflow(store, request->about.workflow, arena, err);
}

/* The cheapest baseline takes what was stopped. */
static enum errc choose_fallback(const struct settings *settings, struct str workflow,
                                 struct utility_facts *f, struct err *err)
{
    const struct figures figures = {.settings = settings_workflow(settings, workflow)};
    f->fallback.cases = f->closed;
    for (enum baseline b = 0; b < BASELINE_COUNT; b++) {
        const double unit = figures_baseline(&figures, b) * (double)MONEY_PUSD_PER_USD;
        if (isnan(unit)) {
            continue;
        }
        if (unit >= BASELINE_PUSD_MAX) {
            return err_set(err, ERR_CONFIG,
                           "workflows." STR_FORMAT
                           ".baseline: price / success_rate is above $9,000,000 a case",
                           STR_ARG(workflow));
        }
        const money_sum rounded = (money_sum)llround(unit);
        if (!f->has_fallback || rounded < f->fallback.unit_pusd) {
            f->has_fallback = true;
            f->baseline = b;
            f->fallback.unit_pusd = rounded;
        }
    }
    return ERR_OK;
}

/* The least cap on a case that some budget sets: of the organisation, the team, the workflow. */
static void choose_limit(const struct settings *settings, struct str workflow,
                         struct utility_facts *f)
{
    const struct settings_workflow *const w = settings_workflow(settings, workflow);
    for (size_t i = 0; i < settings->budgets.count; i++) {
        const struct settings_budget *const b = &settings->budgets.rows[i];
        struct str name = b->scope;
        const struct str kind = str_cut(&name, ':');
        const bool ours = str_equal(b->scope, STR("org")) ||
                          (str_equal(kind, STR("workflow")) && str_equal(name, workflow)) ||
                          (str_equal(kind, STR("team")) && w != NULL && w->team.size > 0 &&
                           str_equal(name, w->team));
        if (ours && b->has_per_case && (!f->has_limit || b->per_case_pusd < f->limit_pusd)) {
            f->has_limit = true;
            f->limit_pusd = b->per_case_pusd;
            f->limit_scope = b->scope;
        }
    }
}

static enum errc read_totals(struct store *store, const struct utility_request *request,
                             struct arena *arena, struct utility_facts *f, struct err *err)
{
    const bool alone = f->closed <= UTILITY_GROUPS_MAX;
    const struct store_value made[] = {STORE_OF_TEXT(request->about.workflow),
                                       STORE_OF_INT64(alone ? 0 : UTILITY_GROUPS_MAX)};
    const struct store_value limit = limit_or_null(f);
    const struct store_value known[] = {STORE_OF_INT64(request->about.as_of_ns), made[0]};
    struct store_result r;
    enum errc code = store_execute(store, QUERY_utility_create, made, COUNT_OF(made), NULL, err);
    if (code == ERR_OK) {
        code = store_run(store, QUERY_utility_totals, &limit, 1, arena, &r, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    f->resolved = store_int64(&r, 0, T_RESOLVED, 0);
    f->spend_pusd = store_sum(&r, 0, T_SPEND);
    f->value_pusd = store_sum(&r, 0, T_VALUE);
    f->valued = store_int64(&r, 0, T_VALUED, 0);
    f->valued_recorded = store_int64(&r, 0, T_RECORDED, 0);
    f->value_known = f->valued > 0 || f->resolved == 0;
    f->largest_pusd = store_sum(&r, 0, T_LARGEST);
    f->tries_max = store_int64(&r, 0, T_TRIES, 0);
    f->limited = store_int64(&r, 0, T_LIMITED, 0);
    f->cut = f->has_limit && f->limited > 0;
    f->end_pusd = f->cut ? f->limit_pusd : f->largest_pusd > 0 ? f->largest_pusd : 0;
    code = store_run(store, QUERY_utility_unpriced, known, COUNT_OF(known), arena, &r, err);
    f->unpriced = code == ERR_OK ? store_int64(&r, 0, 0, 0) : 0;
    return code;
}

/* The whole curve. Rows come by ascending cap, those without a case are left out. */
static enum errc read_points(struct store *store, struct arena *arena, struct utility_facts *f,
                             struct err *err)
{
    struct utility_bucket *const buckets = arena_new(arena, struct utility_bucket, f->count);
    f->points = arena_new(arena, struct utility_point, f->count);
    if (buckets == NULL || f->points == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for a curve of %zu caps", f->count);
    }
    struct store_value caps;
    struct store_result r;
    enum errc code = utility_list_caps(f->caps, f->count, arena, &caps, err);
    if (code == ERR_OK) {
        code = store_run(store, QUERY_utility_buckets, &caps, 1, arena, &r, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    size_t at = 0;
    for (size_t row = 0; row < r.rows; row++) {
        while (f->caps[at] != store_sum(&r, row, UTILITY_CAP)) {
            at++;
            CHECK(at < f->count);
        }
        buckets[at] = utility_bucket_of(&r, row, 0);
    }
    utility_fold(f->caps, buckets, f->count, f->closed, f->points);
    CHECK(f->points[f->count - 1].ended == f->closed);
    CHECK(f->points[f->count - 1].spend_pusd == f->spend_pusd);
    return ERR_OK;
}

/* The break-even cap of the curve, with one way of counting the fallback. */
static enum errc find_break_even(const struct utility_facts *f, bool failed_too, bool mark_hull,
                                 struct arena *arena, size_t *out, struct err *err)
{
    const struct arena_position mark = arena_mark(arena);
    money_sum *const spend = arena_new(arena, money_sum, f->count);
    money_sum *const value = arena_new(arena, money_sum, f->count);
    size_t *const place = arena_new(arena, size_t, f->count);
    bool *const hull = arena_new(arena, bool, f->count);
    if (spend == NULL || value == NULL || place == NULL || hull == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for a curve of %zu caps", f->count);
    }
    size_t count = 0;
    for (size_t i = 0; i < f->count; i++) {
        if (f->roles[i].curve) {
            place[count] = i;
            spend[count] = f->points[i].spend_pusd;
            value[count++] = failed_too ? utility_value_failed_too(&f->points[i], &f->fallback)
                                        : utility_value(&f->points[i], &f->fallback);
        }
    }
    size_t best = 0;
    const enum errc code = utility_break_even(spend, value, count, arena, hull, &best, err);
    if (code == ERR_OK) {
        *out = place[best];
    }
    for (size_t i = 0; i < count && code == ERR_OK && mark_hull; i++) {
        f->roles[place[i]].hull = hull[i];
    }
    arena_rewind(arena, mark);
    return code;
}

/* Later attempts are rarer; cases that reached attempt k ended with it or a later one. */
static enum errc read_attempts(struct store *store, const struct utility_request *request,
                               struct arena *arena, struct utility_facts *f, struct err *err)
{
    const struct store_value values[] = {STORE_OF_INT64(request->about.as_of_ns),
                                         STORE_OF_TEXT(request->about.workflow),
                                         STORE_OF_INT64(UTILITY_ATTEMPTS_MAX)};
    struct store_result r;
    const enum errc code =
        store_run(store, QUERY_utility_attempts, values, COUNT_OF(values), arena, &r, err);
    if (code != ERR_OK) {
        return code;
    }
    struct utility_attempt *const rows = arena_new(arena, struct utility_attempt, r.rows + 1);
    if (rows == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for %zu attempts", r.rows);
    }
    int64_t reached = 0;
    for (size_t row = r.rows; row > 0; row--) {
        const size_t i = row - 1;
        reached += store_int64(&r, i, A_CASES, 0);
        rows[i] = (struct utility_attempt){.number = store_int64(&r, i, A_NUMBER, 0),
                                           .cases = reached,
                                           .resolved = store_int64(&r, i, A_RESOLVED, 0),
                                           .attempts = store_int64(&r, i, A_ATTEMPTS, 0),
                                           .spend_pusd = store_sum(&r, i, A_COST),
                                           .value_pusd = store_sum(&r, i, A_VALUE)};
    }
    f->attempts = rows;
    f->attempt_count = r.rows;
    return ERR_OK;
}

static enum errc read_curve(struct store *store, const struct utility_request *request,
                            struct arena *arena, struct utility_facts *f, struct err *err)
{
    enum errc code = utility_caps(store, request, arena, f, err);
    if (code == ERR_OK) {
        code = read_points(store, arena, f, err);
    }
    if (code == ERR_OK) {
        code = find_break_even(f, false, true, arena, &f->break_even, err);
    }
    if (code == ERR_OK) {
        code = find_break_even(f, true, false, arena, &f->break_even_failed, err);
    }
    if (code == ERR_OK) {
        code = utility_add_intervals(store, arena, f, err);
    }
    return code == ERR_OK ? read_attempts(store, request, arena, f, err) : code;
}

enum errc utility_read(struct store *store, const struct settings *settings,
                       const struct utility_request *request, struct arena *arena,
                       struct utility_facts *out, struct err *err)
{
    CHECK(request->about.workflow.size > 0);
    CHECK(out != NULL);
    struct utility_facts f = {0};
    enum errc code = figures_create_costs(store, settings, &request->about, err);
    if (code == ERR_OK) {
        code = read_counts(store, settings, request, arena, &f, err);
    }
    if (code == ERR_OK) {
        code = choose_fallback(settings, request->about.workflow, &f, err);
    }
    if (code == ERR_OK) {
        choose_limit(settings, request->about.workflow, &f);
        code = f.closed > 0 ? read_totals(store, request, arena, &f, err) : ERR_OK;
    }
    if (code == ERR_OK && f.closed > 0) {
        code = read_curve(store, request, arena, &f, err);
    }
    if (code == ERR_OK) {
        *out = f;
    }
    return code;
}
