/* Figures of the segments found: sums of both sides and halves, intervals, parts. */
#include <math.h>

#include "api/segments_priv.h"
#include "base/check.h"

/* Columns of QUERY_segments_found. */
enum {
    F_MEMBERS,
    F_HALF,
    F_FIRST,
    F_CASES,
    F_RESOLVED,
    F_ATTEMPTS,
    F_AGENT,
    F_PEOPLE,
    F_HUMAN_MS,
    F_COST,
    F_SQUARE,
    F_COST_RESOLVED
};

static void add_group(struct segments_group *g, const struct store_result *r, size_t row)
{
    const struct segments_sums sums = {.n = store_int64(r, row, F_CASES, 0),
                                       .resolved = store_int64(r, row, F_RESOLVED, 0),
                                       .cost = store_sum(r, row, F_COST),
                                       .square = store_sum(r, row, F_SQUARE),
                                       .cost_resolved = store_sum(r, row, F_COST_RESOLVED)};
    segments_add(&g->sums, &sums, 1);
    g->cases += sums.n;
    g->resolved += sums.resolved;
    const bool first = store_int64(r, row, F_FIRST, 0) != 0;
    const int64_t attempts = store_int64(r, row, F_ATTEMPTS, 0);
    const money_sum agent = store_sum(r, row, F_AGENT);
    const money_sum people = store_sum(r, row, F_PEOPLE);
    struct segments_work *const work = &g->kinds[first ? SEGMENTS_FIRST : SEGMENTS_LATER];
    work->cases += (double)sums.n;
    work->attempts += (double)attempts;
    work->agent_usd += money_usd(agent);
    work->people_usd += money_usd(people);
    g->first_successes += first ? sums.n : 0;
    g->attempts += attempts;
    g->agent_pusd += agent;
    g->people_pusd += people;
    g->human_ms += store_sum(r, row, F_HUMAN_MS);
}

static enum errc read_groups(struct segments_search *s, struct err *err)
{
    struct store_result r;
    const enum errc code = store_run(s->store, QUERY_segments_found, NULL, 0, s->scratch, &r, err);
    for (size_t row = 0; code == ERR_OK && row < r.rows; row++) {
        const int64_t members = store_int64(&r, row, F_MEMBERS, 0);
        const int64_t half = store_int64(&r, row, F_HALF, 0);
        CHECK(half == SEGMENTS_DISCOVERY || half == SEGMENTS_CONFIRMATION);
        for (size_t i = 0; i < s->found_count; i++) {
            struct segments_found *const f = &s->found[i];
            add_group(members >> i & 1 ? &f->in[half] : &f->rest[half], &r, row);
        }
    }
    return code;
}

/* USD, from sums in the search's units. */
static struct stats_sums in_usd(const struct segments_search *s, const struct segments_group *g)
{
    struct stats_sums sums = segments_stats(&g->sums);
    sums.y = money_usd(g->agent_pusd + g->people_pusd);
    sums.yy /= s->scale * s->scale;
    sums.xy /= s->scale;
    return sums;
}

static enum errc bootstrap(struct segments_search *s, size_t segment, bool in,
                           struct segments_group *g, struct err *err)
{
    const struct arena_position mark = arena_mark(s->scratch);
    const struct store_value values[] = {STORE_OF_INT64(INT64_C(1) << segment), STORE_OF_INT64(in)};
    struct store_result r;
    enum errc code =
        store_run(s->store, QUERY_segments_sample, values, COUNT_OF(values), s->scratch, &r, err);
    if (code == ERR_OK) {
        CHECK(r.rows == (size_t)g->cases);
        double *const cost = arena_new(s->scratch, double, r.rows + 1);
        double *const resolved = arena_new(s->scratch, double, r.rows + 1);
        if (cost == NULL || resolved == NULL) {
            return err_set(err, ERR_LIMIT, "no memory left for the bootstrap");
        }
        for (size_t i = 0; i < r.rows; i++) {
            cost[i] = store_real(&r, i, 0, 0);
            resolved[i] = (double)store_int64(&r, i, 1, 0);
        }
        code = stats_ratio_bootstrap(cost, resolved, r.rows, STATS_BOOTSTRAP_SEED, s->scratch,
                                     &g->cost_per_outcome, err);
        g->method = METHOD_BOOTSTRAP;
    }
    arena_rewind(s->scratch, mark);
    return code;
}

static enum errc add_interval(struct segments_search *s, size_t segment, bool in,
                              struct segments_group *g, struct err *err)
{
    const struct stats_sums sums = in_usd(s, g);
    g->method = METHOD_DELTA;
    g->cost_per_outcome = stats_ratio(&sums);
    if (g->cases > 0 && g->resolved == 0) {
        /* nothing to divide by: what an outcome costs at least */
        g->cost_per_outcome =
            (struct stats_interval){NAN, segments_cost_per_outcome(&g->sums) / s->scale, INFINITY};
        return ERR_OK;
    }
    const bool small = g->cases < STATS_BOOTSTRAP_BELOW || g->resolved < STATS_BOOTSTRAP_BELOW;
    return small && g->cases <= STATS_BOOTSTRAP_ROWS_MAX ? bootstrap(s, segment, in, g, err)
                                                         : ERR_OK;
}

static void fill_side(const struct segments_group *g, struct segments_side *side)
{
    side->resolved = (double)g->resolved;
    for (size_t k = 0; k < SEGMENTS_KINDS; k++) {
        struct segments_work *const work = &side->kinds[k];
        work->cases = g->kinds[k].cases;
        work->attempts = g->kinds[k].attempts;
        work->people_usd = g->kinds[k].people_usd;
        work->agent_usd = g->kinds[k].agent_usd;
    }
}

double segments_calls(const struct segments_side *side, size_t model)
{
    double calls = 0;
    for (size_t k = 0; k < SEGMENTS_KINDS; k++) {
        for (size_t m = 0; m < SEGMENTS_MODELS_MAX; m++) {
            calls += model == SIZE_MAX || model == m ? side->kinds[k].calls[m] : 0;
        }
    }
    return calls;
}

double segments_prompt_usd(const struct segments_side *side)
{
    double usd = 0;
    for (size_t k = 0; k < SEGMENTS_KINDS; k++) {
        for (size_t m = 0; m < SEGMENTS_MODELS_MAX; m++) {
            usd += side->kinds[k].prompt_usd[m];
        }
    }
    return usd;
}

static void explain(struct segments_search *s, struct segments_found *f)
{
    const struct segments_group *const in = &f->in[SEGMENTS_CONFIRMATION];
    const struct segments_group *const rest = &f->rest[SEGMENTS_CONFIRMATION];
    const struct stats_sums a = in_usd(s, in);
    const struct stats_sums b = in_usd(s, rest);
    f->difference = stats_ratio_difference(&a, &b);
    f->has_parts = in->resolved > 0 && rest->resolved > 0;
    fill_side(in, &f->side_in);
    fill_side(rest, &f->side_rest);
    if (f->has_parts) {
        (void)segments_decompose(&f->side_in, &f->side_rest, s->model_count, f->parts);
    }
}

enum errc segments_measure(struct segments_search *search, struct err *err)
{
    CHECK(search != NULL);
    const struct store_value values[] = {STORE_OF_TEXT(search->request->workflow),
                                         STORE_OF_INT64(search->request->as_of_ns)};
    struct store_result r;
    enum errc code = store_run(search->store, QUERY_segments_unpriced, values, COUNT_OF(values),
                               search->scratch, &r, err);
    if (code != ERR_OK) {
        return code;
    }
    search->unpriced_calls = store_int64(&r, 0, 0, 0);
    if (search->found_count == 0) {
        return ERR_OK;
    }
    code = read_groups(search, err);
    if (code == ERR_OK) {
        code = segments_read_models(search, err);
    }
    for (size_t i = 0; i < search->found_count && code == ERR_OK; i++) {
        struct segments_found *const f = &search->found[i];
        for (size_t half = 0; half < SEGMENTS_HALVES && code == ERR_OK; half++) {
            /* of the discovery half only the value is shown */
            const struct stats_sums in = in_usd(search, &f->in[half]);
            const struct stats_sums rest = in_usd(search, &f->rest[half]);
            f->in[half].cost_per_outcome = stats_ratio(&in);
            f->rest[half].cost_per_outcome = stats_ratio(&rest);
        }
        code = add_interval(search, i, true, &f->in[SEGMENTS_CONFIRMATION], err);
        if (code == ERR_OK) {
            code = add_interval(search, i, false, &f->rest[SEGMENTS_CONFIRMATION], err);
        }
        if (code == ERR_OK) {
            explain(search, f);
        }
    }
    return code;
}
