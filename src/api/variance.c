/* Replicates of a workflow: cost of attempts at the same work, success of repeated trials. */
#include "api/variance.h"

#include <math.h>

#include "api/api_priv.h"
#include "attribution/variance.h"
#include "base/check.h"

/* Columns of QUERY_variance_totals, _ranks, _worst, _trials. */
enum { T_GROUPS, T_ATTEMPTS, T_USABLE, T_USABLE_ATTEMPTS, T_UNPRICED, T_FREE, T_FLAGGED, T_KEYED };
enum { R_OF, R_PLACE, R_RATIO };
enum { W_INPUT, W_CASE, W_ATTEMPTS, W_CASES, W_RESOLVED, W_LEAST, W_MOST, W_SPREAD, W_TAIL };
enum { P_TRIALS, P_RESOLVED, P_KEYS };

enum grouping { BY_WORK, BY_CASE };

static enum errc create(struct store *store, const struct variance_request *request,
                        struct err *err)
{
    const struct store_value values[] = {
        STORE_OF_INT64(request->about.as_of_ns), STORE_OF_TEXT(request->about.workflow),
        STORE_OF_TEXT(request->name), STORE_OF_TEXT(request->value)};
    return store_execute(store, QUERY_variance_create, values, COUNT_OF(values), NULL, err);
}

/* Ratio at a place of one order (0: max/min, 1: p90/p10); NaN when it was not asked for. */
static double ratio_at(const struct store_result *r, int64_t of, int64_t place)
{
    for (size_t row = 0; row < r->rows; row++) {
        if (store_int64(r, row, R_OF, -1) == of && store_int64(r, row, R_PLACE, 0) == place) {
            return store_real(r, row, R_RATIO, NAN);
        }
    }
    return NAN;
}

static struct stats_interval median_of(const struct store_result *r, int64_t of,
                                       const struct variance_ranks *ranks)
{
    return (struct stats_interval){
        .value = (ratio_at(r, of, ranks->middle) + ratio_at(r, of, ranks->middle_above)) / 2,
        .low = ratio_at(r, of, ranks->low),
        .high = ratio_at(r, of, ranks->high),
    };
}

static enum errc read_medians(struct store *store, struct arena *arena, struct variance *v,
                              struct err *err)
{
    const struct stats_interval none = {NAN, NAN, NAN};
    v->max_over_min = none;
    v->p90_over_p10 = none;
    if (v->groups == 0) {
        return ERR_OK;
    }
    const struct variance_ranks ranks = variance_median(v->groups);
    const struct store_value places[] = {STORE_OF_INT64(ranks.low), STORE_OF_INT64(ranks.middle),
                                         STORE_OF_INT64(ranks.middle_above),
                                         STORE_OF_INT64(ranks.high)};
    struct store_result r;
    const enum errc code =
        store_run(store, QUERY_variance_ranks, places, COUNT_OF(places), arena, &r, err);
    if (code == ERR_OK) {
        v->max_over_min = median_of(&r, 0, &ranks);
        v->p90_over_p10 = median_of(&r, 1, &ranks);
    }
    return code;
}

/* Make the groups, and leave them in the table variance_groups. */
static enum errc read_groups(struct store *store, enum grouping grouping, struct arena *arena,
                             struct variance *out, struct err *err)
{
    const struct store_value by = STORE_OF_INT64(grouping == BY_WORK ? 0 : 1);
    const struct store_value flag = STORE_OF_INT64(VARIANCE_FLAG_FROM);
    struct store_result r;
    enum errc code = store_execute(store, QUERY_variance_group, &by, 1, NULL, err);
    if (code == ERR_OK) {
        code = store_run(store, QUERY_variance_totals, &flag, 1, arena, &r, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    CHECK(r.rows == 1);
    struct variance v = {
        .groups = store_int64(&r, 0, T_USABLE, 0),
        .attempts = store_int64(&r, 0, T_USABLE_ATTEMPTS, 0),
        .flagged = store_int64(&r, 0, T_FLAGGED, 0),
        .by_input_key = store_int64(&r, 0, T_KEYED, 0),
        .groups_unpriced = store_int64(&r, 0, T_UNPRICED, 0),
        .groups_free = store_int64(&r, 0, T_FREE, 0),
    };
    v.attempts_dropped = store_int64(&r, 0, T_ATTEMPTS, 0) - v.attempts;
    v.flagged_share = stats_wilson(v.flagged, v.groups);
    code = read_medians(store, arena, &v, err);
    if (code == ERR_OK) {
        *out = v;
    }
    return code;
}

enum errc variance_read(struct store *store, const struct variance_request *request,
                        struct arena *arena, struct variance *out, struct err *err)
{
    CHECK(request->about.workflow.size > 0);
    CHECK(out != NULL);
    const enum errc code = create(store, request, err);
    return code == ERR_OK ? read_groups(store, BY_WORK, arena, out, err) : code;
}

static void put_median(struct text *out, const char *name, struct stats_interval interval,
                       int64_t groups)
{
    const struct estimate estimate = {.interval = interval,
                                      .scale = 1,
                                      .n = groups,
                                      .basis = "estimated",
                                      .method = "order statistics"};
    put_estimate(out, name, &estimate);
}

void variance_put(struct text *out, const struct variance *v)
{
    const struct estimate share = {.interval = v->flagged_share,
                                   .scale = 1,
                                   .n = v->groups,
                                   .basis = "estimated",
                                   .method = "wilson"};
    CHECK(v->flagged <= v->groups);
    put_median(out, "max_over_min", v->max_over_min, v->groups);
    put_median(out, "p90_over_p10", v->p90_over_p10, v->groups);
    put_count(out, "flagged", v->flagged);
    put_count(out, "flag_from", VARIANCE_FLAG_FROM);
    put_estimate(out, "flagged_share", &share);
    put_count(out, "groups", v->groups);
    put_count(out, "attempts", v->attempts);
    json_name(out, "excluded");
    json_open_object(out);
    put_count(out, "groups_unpriced", v->groups_unpriced);
    put_count(out, "groups_free", v->groups_free);
    put_count(out, "attempts", v->attempts_dropped);
    json_close_object(out);
}

static void put_str_or_null(struct text *out, const char *name, struct str value)
{
    json_name(out, name);
    if (value.data != NULL) {
        json_put_str(out, value);
    } else {
        json_put_null(out);
    }
}

static void put_worst(struct text *out, const struct store_result *r)
{
    json_name(out, "worst");
    json_open_array(out);
    for (size_t row = 0; row < r->rows; row++) {
        const money_sum least = store_sum(r, row, W_LEAST);
        const money_sum most = store_sum(r, row, W_MOST);
        json_open_object(out);
        put_str_or_null(out, "input_key", store_text(r, row, W_INPUT));
        put_str_or_null(out, "case", store_text(r, row, W_CASE));
        put_count(out, "attempts", store_int64(r, row, W_ATTEMPTS, 0));
        put_count(out, "cases", store_int64(r, row, W_CASES, 0));
        put_count(out, "resolved", store_int64(r, row, W_RESOLVED, 0));
        put_money(out, "min_usd", least);
        put_money(out, "max_usd", most);
        put_number(out, "max_over_min", store_real(r, row, W_SPREAD, NAN));
        put_number(out, "p90_over_p10", store_real(r, row, W_TAIL, NAN));
        json_name(out, "flagged");
        json_put_bool(out, most >= VARIANCE_FLAG_FROM * least);
        json_close_object(out);
    }
    json_close_array(out);
}

struct trials {
    struct variance_trials *rows;
    size_t count;
    int64_t keys;
    int64_t cases;
    int64_t least;
    int64_t most;
};

static enum errc read_trials(struct store *store, struct arena *arena, struct trials *out,
                             struct err *err)
{
    struct store_result r;
    const enum errc code = store_run(store, QUERY_variance_trials, NULL, 0, arena, &r, err);
    if (code != ERR_OK) {
        return code;
    }
    struct trials t = {.rows = arena_new(arena, struct variance_trials, r.rows + 1),
                       .count = r.rows};
    if (t.rows == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for the replicates");
    }
    for (size_t row = 0; row < r.rows; row++) {
        struct variance_trials *const trial = &t.rows[row];
        *trial = (struct variance_trials){.trials = store_int64(&r, row, P_TRIALS, 0),
                                          .resolved = store_int64(&r, row, P_RESOLVED, 0),
                                          .keys = store_int64(&r, row, P_KEYS, 0)};
        t.keys += trial->keys;
        t.cases += trial->keys * trial->trials;
        t.least = row == 0 || trial->trials < t.least ? trial->trials : t.least;
        t.most = trial->trials > t.most ? trial->trials : t.most;
    }
    *out = t;
    return ERR_OK;
}

static void put_pass(struct text *out, const char *name, struct stats_interval interval,
                     const char *method, int64_t keys)
{
    const struct estimate estimate = {
        .interval = interval, .scale = 1, .n = keys, .basis = "estimated", .method = method};
    put_estimate(out, name, &estimate);
}

/* pass^k for every k that each key had as many trials of. */
static enum errc put_replicates(struct text *out, const struct trials *t, struct arena *arena,
                                struct err *err)
{
    const int64_t k_max = t->least < VARIANCE_PASS_MAX ? t->least : VARIANCE_PASS_MAX;
    json_name(out, "replicates");
    json_open_object(out);
    put_count(out, "input_keys", t->keys);
    put_count(out, "cases", t->cases);
    put_count(out, "trials_least", t->least);
    put_count(out, "trials_most", t->most);
    json_name(out, "pass");
    json_open_array(out);
    enum errc code = ERR_OK;
    for (int k = 1; k <= k_max && t->keys > 0 && code == ERR_OK; k++) {
        struct variance_pass pass;
        code = variance_pass(t->rows, t->count, k, STATS_BOOTSTRAP_SEED, arena, &pass, err);
        if (code == ERR_OK) {
            json_open_object(out);
            put_count(out, "k", k);
            put_pass(out, "pass_hat", pass.hat, pass.hat_method, pass.keys);
            put_pass(out, "pass_at", pass.at, pass.at_method, pass.keys);
            json_close_object(out);
        }
    }
    json_close_array(out);
    json_close_object(out);
    return code;
}

struct facts {
    struct str unit;
    int64_t cases;
    int64_t open;
    struct variance work;
    struct variance same_case;
    struct store_result worst;
    struct trials trials;
};

static enum errc read_cases(struct store *store, const struct settings *settings,
                            const struct variance_request *request, struct arena *arena,
                            struct facts *f, struct err *err)
{
    const struct store_value values[] = {STORE_OF_TEXT(request->about.workflow),
                                         STORE_OF_TEXT(request->name),
                                         STORE_OF_TEXT(request->value)};
    struct store_result r;
    const enum errc code =
        store_run(store, QUERY_variance_cases, values, COUNT_OF(values), arena, &r, err);
    if (code != ERR_OK) {
        return code;
    }
    f->cases = store_int64(&r, 0, 0, 0);
    f->open = store_int64(&r, 0, 1, 0);
    const struct figures figures = {.settings =
                                        settings_workflow(settings, request->about.workflow),
                                    .cases = f->cases,
                                    .named_by_session = store_int64(&r, 0, 2, 0)};
    f->unit = figures_unit(&figures);
    return f->cases > 0 ? ERR_OK
                        : figures_require_workflow(store, request->about.workflow, arena, err);
}

static enum errc read_facts(struct store *store, const struct settings *settings,
                            const struct variance_request *request, struct arena *arena,
                            struct facts *f, struct err *err)
{
    const struct store_value worst = STORE_OF_INT64(VARIANCE_WORST_MAX);
    enum errc code = figures_create_costs(store, settings, &request->about, err);
    if (code == ERR_OK) {
        code = read_cases(store, settings, request, arena, f, err);
    }
    if (code == ERR_OK) {
        code = create(store, request, err);
    }
    if (code == ERR_OK) {
        code = read_groups(store, BY_CASE, arena, &f->same_case, err);
    }
    if (code == ERR_OK) {
        code = read_groups(store, BY_WORK, arena, &f->work, err);
    }
    if (code == ERR_OK) {
        code = store_run(store, QUERY_variance_worst, &worst, 1, arena, &f->worst, err);
    }
    return code == ERR_OK ? read_trials(store, arena, &f->trials, err) : code;
}

static void put_where(struct text *out, const struct variance_request *request)
{
    json_name(out, "where");
    if (request->name.size == 0) {
        json_put_null(out);
        return;
    }
    json_open_object(out);
    put_str(out, "name", request->name);
    put_str(out, "value", request->value);
    json_close_object(out);
}

enum errc api_variance(struct store *store, const struct settings *settings,
                       const struct variance_request *request, struct arena *arena,
                       struct text *out, struct err *err)
{
    CHECK(request != NULL);
    CHECK(out != NULL);
    struct facts f = {0};
    enum errc code = read_facts(store, settings, request, arena, &f, err);
    if (code != ERR_OK) {
        return code;
    }
    json_open_object(out);
    put_request(out, "bursar.variance/1", &request->about);
    put_str(out, "workflow", request->about.workflow);
    put_str(out, "unit", f.unit);
    put_where(out, request);
    put_count(out, "cases", f.cases);
    put_count(out, "open", f.open);
    put_count(out, "groups_by_input_key", f.work.by_input_key);
    variance_put(out, &f.work);
    json_name(out, "same_case");
    json_open_object(out);
    variance_put(out, &f.same_case);
    json_close_object(out);
    put_worst(out, &f.worst);
    code = put_replicates(out, &f.trials, arena, err);
    json_close_object(out);
    if (code == ERR_OK && text_is_full(out)) {
        code = err_set(err, ERR_LIMIT, "the answer does not fit %zu bytes", out->size_max);
    }
    return code;
}
