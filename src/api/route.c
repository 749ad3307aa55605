/* Which model to use: first attempts by model, compared on comparable work. */
#include "api/route.h"

#include <math.h>

#include "api/api_priv.h"
#include "api/route_priv.h"
#include "base/check.h"
#include "base/clock.h"

#define NS_PER_DAY        (86400.0 * (double)CLOCK_NS_PER_SECOND)
#define MARGIN_DEFAULT_PP 2.0

/* Columns of QUERY_route_models after the arm. */
enum {
    M_MODEL,
    M_ARM,
    M_ATTEMPTS = M_ARM + ARM_COLUMNS,
    M_MIXED,
    M_UNPRICED,
    M_ZERO,
    M_RECENT,
    M_FIRST,
    M_LAST,
    M_COLUMNS
};

struct routing_arm route_arm(const struct store_result *r, size_t row, size_t column)
{
    CHECK(column + ARM_COLUMNS <= r->columns);
    return (struct routing_arm){
        .cases = store_int64(r, row, column + ARM_CASES, 0),
        .successes = store_int64(r, row, column + ARM_SUCCESSES, 0),
        .costed = store_int64(r, row, column + ARM_COSTED, 0),
        .costed_successes = store_int64(r, row, column + ARM_COSTED_SUCCESSES, 0),
        .cost_usd = money_usd(store_sum(r, row, column + ARM_COST)),
        .success_cost_usd = money_usd(store_sum(r, row, column + ARM_SUCCESS_COST)),
        .cost_squares = (double)store_sum(r, row, column + ARM_SQUARES) / 1e18,
    };
}

size_t route_find(const struct route *route, struct str model)
{
    for (size_t i = 0; i < route->count; i++) {
        if (str_equal(route->models[i].model, model)) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* When the last quarter of a span begins; a span of all the time there is does not fit int64_t. */
static int64_t last_quarter(int64_t first_ns, int64_t last_ns)
{
    CHECK(first_ns <= last_ns);
    return last_ns - (int64_t)(((money_sum)last_ns - first_ns) / 4);
}

static enum errc read_span(struct store *store, struct route *route, struct arena *arena,
                           struct err *err)
{
    struct store_result r;
    const enum errc code = store_run(store, QUERY_route_span, NULL, 0, arena, &r, err);
    if (code == ERR_OK) {
        route->first_ns = store_int64(&r, 0, 0, INT64_MIN);
        route->last_ns = store_int64(&r, 0, 1, INT64_MIN);
        route->cases = store_int64(&r, 0, 2, 0);
        route->dated = store_int64(&r, 0, 3, 0);
        const double days = ((double)route->last_ns - (double)route->first_ns) / NS_PER_DAY;
        route->cases_per_day =
            route->dated > 1 && days >= 1 ? (double)route->dated / days : (double)NAN;
        route->recent_ns =
            route->dated > 0 ? last_quarter(route->first_ns, route->last_ns) : INT64_MIN;
    }
    return code;
}

static struct route_model model_of(const struct store_result *r, size_t row)
{
    const struct routing_arm arm = route_arm(r, row, M_ARM);
    return (struct route_model){
        .model = store_text(r, row, M_MODEL),
        .arm = arm,
        .attempts = store_int64(r, row, M_ATTEMPTS, 0),
        .mixed = store_int64(r, row, M_MIXED, 0),
        .unpriced = store_int64(r, row, M_UNPRICED, 0),
        .zero = store_int64(r, row, M_ZERO, 0),
        .recent = store_int64(r, row, M_RECENT, 0),
        .first_ns = store_int64(r, row, M_FIRST, INT64_MIN),
        .last_ns = store_int64(r, row, M_LAST, INT64_MIN),
        .cost_per_outcome = routing_cost_per_outcome(&arm),
    };
}

static enum errc read_models(struct store *store, struct route *route, struct arena *arena,
                             struct err *err)
{
    struct store_result r;
    const struct store_value values[] = {STORE_OF_INT64(route->recent_ns),
                                         STORE_OF_INT64(ROUTING_MODELS_MAX + 1)};
    const enum errc code =
        store_run(store, QUERY_route_models, values, COUNT_OF(values), arena, &r, err);
    if (code != ERR_OK) {
        return code;
    }
    CHECK(r.rows == 0 || r.columns == M_COLUMNS);
    struct route_model *const models = arena_new(arena, struct route_model, r.rows + 1);
    if (models == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for the models");
    }
    int64_t listed = 0;
    for (size_t row = 0; row < r.rows; row++) {
        const struct route_model model = model_of(&r, row);
        if (model.model.size == 0) {
            route->unknown = model.attempts;
            listed += model.attempts;
        } else if (route->count < ROUTING_MODELS_MAX) {
            models[route->count++] = model;
            route->closed += model.arm.cases;
            listed += model.attempts;
        }
    }
    route->unlisted = route->cases - listed;
    route->models = models;
    return ERR_OK;
}

/* Few attempts, or few that succeeded: the bootstrap, as in every report. */
static enum errc read_few(struct store *store, struct route *route, struct arena *arena,
                          struct err *err)
{
    const struct store_value values[] = {STORE_OF_INT64(STATS_BOOTSTRAP_BELOW),
                                         STORE_OF_INT64(STATS_BOOTSTRAP_ROWS_MAX)};
    struct store_result r;
    enum errc code = store_run(store, QUERY_route_few, values, COUNT_OF(values), arena, &r, err);
    if (code != ERR_OK || r.rows == 0) {
        return code;
    }
    double *const cost = arena_new(arena, double, r.rows);
    double *const resolved = arena_new(arena, double, r.rows);
    if (cost == NULL || resolved == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for the bootstrap");
    }
    for (size_t first = 0; first < r.rows && code == ERR_OK;) {
        const struct str name = store_text(&r, first, 0);
        size_t n = 0;
        for (; first + n < r.rows && str_equal(store_text(&r, first + n, 0), name); n++) {
            cost[n] = store_real(&r, first + n, 1, 0);
            resolved[n] = store_int64(&r, first + n, 2, 0) != 0 ? 1 : 0;
        }
        const size_t at = route_find(route, name);
        if (at != SIZE_MAX) {
            struct route_model *const model = &route->models[at];
            code = stats_ratio_bootstrap(cost, resolved, n, STATS_BOOTSTRAP_SEED, arena,
                                         &model->cost_per_outcome, err);
            model->bootstrapped = true;
        }
        first += n;
    }
    return code;
}

static double success_rate(const struct route_model *model)
{
    return model->arm.cases > 0 ? (double)model->arm.successes / (double)model->arm.cases : 0;
}

static int64_t uses_of(const struct route_model *model, bool recent)
{
    return recent ? model->recent : model->attempts;
}

/* The most used of the window's last quarter, or of all where that holds few cases. Without any
 * date, as in a benchmark, no model is in use: of those used about equally it is the one that
 * succeeds most often. */
static size_t most_used(struct route *route)
{
    int64_t recent_all = 0;
    for (size_t i = 0; i < route->count; i++) {
        recent_all += route->models[i].recent;
    }
    const bool recent = recent_all >= ROUTE_RECENT_LEAST;
    route->recent_ns = recent ? route->recent_ns : INT64_MIN;
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < route->count; i++) {
        if (best == SIZE_MAX ||
            uses_of(&route->models[i], recent) > uses_of(&route->models[best], recent)) {
            best = i;
        }
    }
    const double enough =
        best == SIZE_MAX ? 0 : ROUTE_EQUALLY_USED * (double)route->models[best].attempts;
    for (size_t i = 0; i < route->count && route->dated == 0; i++) {
        if ((double)route->models[i].attempts >= enough &&
            success_rate(&route->models[i]) > success_rate(&route->models[best])) {
            best = i;
        }
    }
    return best;
}

static enum errc choose_reference(const struct route_request *request, struct route *route,
                                  struct err *err)
{
    route->current = most_used(route);
    route->reference = route->current;
    route->reference_named = request->reference.size > 0;
    if (!route->reference_named) {
        return ERR_OK;
    }
    route->reference = route_find(route, request->reference);
    if (route->reference != SIZE_MAX) {
        return ERR_OK;
    }
    struct text names;
    text_init(&names, ERR_TEXT_BYTES_MAX / 2);
    for (size_t i = 0; i < route->count; i++) {
        text_format(&names, "%s" STR_FORMAT, i > 0 ? ", " : "", STR_ARG(route->models[i].model));
    }
    err_set(err, ERR_NOT_FOUND,
            "no first attempt of \"" STR_FORMAT "\" was by model \"" STR_FORMAT "\"; it has %s",
            STR_ARG(route->workflow), STR_ARG(request->reference),
            names.size > 0 ? names.data : "none whose model is known");
    text_deinit(&names);
    return ERR_NOT_FOUND;
}

/* Replicates are the best evidence where they are most of what a model did, or where mixed traffic
 * does not compare; a handful of resubmissions does not outweigh thousands of like cases. */
static bool prefer_pairs(const struct route *route, const struct routing_comparison *pairs,
                         const struct routing_comparison *mix, bool in_doubt, size_t model)
{
    if (pairs->evidence == ROUTING_NONE) {
        return false;
    }
    const int64_t ours = route->models[model].arm.cases;
    const int64_t theirs = route->models[route->reference].arm.cases;
    const bool mainly = pairs->cases * 2 >= ours || pairs->reference_cases * 2 >= theirs;
    const bool mix_thin = mix->evidence == ROUTING_NONE || mix->cases < STATS_THIN_BELOW ||
                          mix->reference_cases < STATS_THIN_BELOW;
    if (pairs->keys < STATS_THIN_BELOW) {
        return mix->evidence == ROUTING_NONE;
    }
    return mainly || mix_thin || in_doubt || mix->evidence == ROUTING_STRATIFIED;
}

static enum errc compare(struct store *store, const struct route_mix *mix, struct route *route,
                         struct arena *arena, struct err *err)
{
    const double margin = route->margin_pp / 100;
    struct routing_option *const options = arena_new(arena, struct routing_option, route->count);
    struct routing_comparison *const pairs =
        arena_new(arena, struct routing_comparison, route->count);
    if (options == NULL || pairs == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for the comparisons");
    }
    enum errc code = route_read_pairs(store, route, arena, pairs, err);
    for (size_t i = 0; i < route->count && code == ERR_OK; i++) {
        struct routing_comparison traffic;
        code = route_compare_mix(route, mix, i, arena, &traffic, err);
        if (code != ERR_OK) {
            break;
        }
        const bool same = prefer_pairs(route, &pairs[i], &traffic, mix->in_doubt, i);
        options[i] = (struct routing_option){
            .model = route->models[i].model,
            .comparison = same ? pairs[i] : traffic,
            .raw_cost_usd = routing_mean_cost(&route->models[i].arm),
            .cost_per_outcome_usd = route->models[i].cost_per_outcome.value,
            .in_doubt = !same && mix->in_doubt,
        };
        options[i].comparison.verdict = i == route->reference
                                            ? ROUTING_REFERENCE
                                            : routing_judge(&options[i].comparison, margin);
    }
    route->options = options;
    return code;
}

static struct stats_interval scaled(struct stats_interval x, double by)
{
    return (struct stats_interval){-x.value * by, -x.high * by, -x.low * by};
}

static void decide(struct route *route)
{
    const struct route_model *const reference = &route->models[route->reference];
    const size_t best = routing_recommend(route->options, route->count);
    route->recommended = best != SIZE_MAX ? best : route->reference;
    route->volume = reference->arm.cases;
    route->savings_usd = (struct stats_interval){0, 0, 0};
    route->savings_month_usd = route->savings_usd;
    if (best != SIZE_MAX) {
        const struct routing_comparison *const c = &route->options[best].comparison;
        route->volume = c->reference_cases;
        route->savings_usd = scaled(c->cost_difference, (double)route->volume);
        const double months =
            (double)route->dated / route->cases_per_day / (double)ROUTING_MONTH_DAYS;
        route->savings_month_usd = scaled(c->cost_difference, (double)route->volume / months);
        return;
    }
    route->experiment =
        routing_propose(route->options, route->count, routing_mean_cost(&reference->arm),
                        reference->arm.cases > 0 ? success_rate(reference) : (double)NAN,
                        route->margin_pp / 100, route->cases_per_day);
}

static enum errc read_all(struct store *store, const struct route_request *request,
                          struct route *route, struct arena *arena, struct err *err)
{
    struct route_mix mix = {0};
    enum errc code = choose_reference(request, route, err);
    if (code != ERR_OK || route->reference == SIZE_MAX) {
        return code;
    }
    code = store_execute(store, QUERY_route_keys_create, NULL, 0, NULL, err);
    if (code == ERR_OK) {
        code = route_read_mix(store, route, &mix, arena, err);
    }
    if (code == ERR_OK) {
        code = compare(store, &mix, route, arena, err);
    }
    if (code == ERR_OK) {
        decide(route);
    }
    if (code == ERR_OK && !request->brief) {
        code = route_read_cascades(store, request->cascades, route, arena, err);
    }
    if (code == ERR_OK && !request->brief) {
        code = route_read_segments(store, &mix, route, arena, err);
    }
    return code;
}

enum errc route_read(struct store *store, const struct settings *settings,
                     const struct route_request *request, struct arena *arena, struct route *out,
                     struct err *err)
{
    CHECK(store != NULL);
    CHECK(request->common.workflow.size > 0);
    CHECK(out != NULL);
    const struct settings_workflow *const w = settings_workflow(settings, request->common.workflow);
    struct route route = {
        .workflow = request->common.workflow,
        .unit = w != NULL ? w->unit : (struct str){0},
        .margin_pp = w != NULL ? w->non_inferiority_pp : MARGIN_DEFAULT_PP,
        .current = SIZE_MAX,
        .reference = SIZE_MAX,
        .recommended = SIZE_MAX,
        .savings_month_usd = {NAN, NAN, NAN},
        .experiment = {.option = SIZE_MAX, .days = NAN},
    };
    const struct store_value values[] = {STORE_OF_INT64(request->common.as_of_ns),
                                         STORE_OF_TEXT(request->common.workflow)};
    enum errc code = store_execute(store, QUERY_route_create, values, COUNT_OF(values), NULL, err);
    if (code == ERR_OK) {
        code = read_span(store, &route, arena, err);
    }
    if (code == ERR_OK) {
        code = read_models(store, &route, arena, err);
    }
    if (code == ERR_OK) {
        code = read_few(store, &route, arena, err);
    }
    if (code == ERR_OK) {
        code = read_all(store, request, &route, arena, err);
    }
    if (code == ERR_OK) {
        *out = route;
    }
    return code;
}

enum errc api_route(struct store *store, const struct settings *settings,
                    const struct route_request *request, struct arena *arena, struct text *out,
                    struct err *err)
{
    CHECK(settings != NULL);
    struct route route;
    enum errc code = figures_require_workflow(store, request->common.workflow, arena, err);
    if (code == ERR_OK) {
        code = figures_create_costs(store, settings, &request->common, err);
    }
    if (code == ERR_OK) {
        code = route_read(store, settings, request, arena, &route, err);
    }
    if (code == ERR_OK) {
        route_put(out, request, &route);
    }
    return code;
}
