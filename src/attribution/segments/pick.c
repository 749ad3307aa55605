/* Which candidates hold, which come first, and which say what another has said. */
#include <math.h>

#include "attribution/segments/segments.h"
#include "base/check.h"

enum { CASES_LEAST = 10 }; /* in a group, for a test */

struct stats_sums segments_stats(const struct segments_sums *sums)
{
    return (struct stats_sums){.n = sums->n,
                               .y = (double)sums->cost,
                               .x = (double)sums->resolved,
                               .yy = (double)sums->square,
                               .xy = (double)sums->cost_resolved,
                               .xx = (double)sums->resolved};
}

/* Student's t as a normal deviate. */
static double deviate(double t, int64_t freedom)
{
    const double v = (double)freedom;
    return t * (1 - 1 / (4 * v)) / sqrt(1 + t * t / (2 * v));
}

static double two_sided(double z)
{
    return erfc(fabs(z) / sqrt(2));
}

/* Mean residual of a less that of b in standard errors, at the ratio and the variance of both. */
static double residual_t(const struct stats_sums *a, const struct stats_sums *b)
{
    const struct stats_sums both = {a->n + b->n,   a->y + b->y,   a->x + b->x,
                                    a->yy + b->yy, a->xy + b->xy, a->xx + b->xx};
    const double n = (double)both.n;
    const double ratio = both.y / both.x;
    const double squares = both.yy - 2 * ratio * both.xy + ratio * ratio * both.xx;
    const double variance = squares / (n - 1) * (1 / (double)a->n + 1 / (double)b->n);
    const double difference =
        (a->y - ratio * a->x) / (double)a->n - (b->y - ratio * b->x) / (double)b->n;
    return variance > 0 ? difference / sqrt(variance) : 0;
}

double segments_p(const struct segments_sums *a, const struct segments_sums *b, int *out_sign)
{
    CHECK(out_sign != NULL);
    *out_sign = 0;
    if (a->n < CASES_LEAST || b->n < CASES_LEAST || a->resolved + b->resolved == 0) {
        return 1;
    }
    const struct stats_sums left = segments_stats(a);
    const struct stats_sums right = segments_stats(b);
    const int64_t freedom = (a->n < b->n ? a->n : b->n) - 1;
    const double t = residual_t(&left, &right);
    *out_sign = (t > 0) - (t < 0);
    double p = two_sided(deviate(t, freedom));
    if (a->resolved > 0 && b->resolved > 0) {
        const struct stats_interval d = stats_ratio_difference(&left, &right);
        const double half = (d.high - d.low) / 2;
        const double error = half / STATS_Z95;
        const double delta = error > 0 ? d.value / error : 0;
        p = fmax(p, two_sided(deviate(delta, freedom)));
    }
    return p;
}

double segments_cost_per_outcome(const struct segments_sums *sums)
{
    CHECK(sums->n >= 0);
    if (sums->n == 0) {
        return NAN;
    }
    if (sums->resolved > 0) {
        return (double)sums->cost / (double)sums->resolved;
    }
    return (double)sums->cost / ((double)sums->n * stats_wilson(0, sums->n).high);
}

double segments_score(const struct segments_sums *a, const struct segments_sums *rest)
{
    const double difference = segments_cost_per_outcome(a) - segments_cost_per_outcome(rest);
    return isnan(difference) ? 0 : fabs(difference) * sqrt((double)a->n);
}

static struct segments_sums less(const struct segments_sums *a, const struct segments_sums *b)
{
    struct segments_sums rest = *a;
    segments_add(&rest, b, -1);
    return rest;
}

/* p of the two halves; true when both hold and say the same. */
static bool differs(const struct segments_sums *a, const struct segments_sums *b, int *out_sign)
{
    int sign[SEGMENTS_HALVES];
    bool holds = true;
    for (size_t half = 0; half < SEGMENTS_HALVES; half++) {
        holds = segments_p(&a[half], &b[half], &sign[half]) <= SEGMENTS_P_MAX && holds;
    }
    *out_sign = sign[SEGMENTS_DISCOVERY];
    return holds && sign[SEGMENTS_DISCOVERY] == sign[SEGMENTS_CONFIRMATION] && *out_sign != 0;
}

/* p of both halves, and whether both differ the same way. */
static void test_halves(const struct segments *s, struct segments_candidate *c)
{
    for (size_t half = 0; half < SEGMENTS_HALVES; half++) {
        const struct segments_sums rest = less(&s->total[half], &c->all[half]);
        c->p[half] = segments_p(&c->all[half], &rest, &c->sign[half]);
    }
    c->confirmed = c->sign[SEGMENTS_DISCOVERY] == c->sign[SEGMENTS_CONFIRMATION] &&
                   c->sign[SEGMENTS_DISCOVERY] != 0 &&
                   c->p[SEGMENTS_CONFIRMATION] <= SEGMENTS_P_MAX;
}

enum errc segments_judge(struct segments *segments, struct arena *arena, struct err *err)
{
    CHECK(!segments->refold);
    if (segments->tests == 0) {
        return ERR_OK;
    }
    double *const p = arena_new(arena, double, segments->tests);
    double *const q = arena_new(arena, double, segments->tests);
    if (p == NULL || q == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left to judge %zu segments", segments->tests);
    }
    size_t at = 0;
    for (size_t i = 0; i < segments->count; i++) {
        struct segments_candidate *const c = &segments->rows[i];
        if (!c->majority) {
            test_halves(segments, c);
            p[at++] = c->p[SEGMENTS_DISCOVERY];
        }
    }
    CHECK(at == segments->tests);
    const enum errc code = stats_false_discovery(p, segments->tests, q, arena, err);
    at = 0;
    for (size_t i = 0; i < segments->count && code == ERR_OK; i++) {
        struct segments_candidate *const c = &segments->rows[i];
        c->q = c->majority ? 1 : q[at++];
        c->confirmed = c->confirmed && c->q <= SEGMENTS_FALSE_MAX;
        c->alive = c->confirmed;
    }
    return code;
}

bool segments_within(const struct segments_rule *rule, const struct segments_rule *of)
{
    for (size_t i = 0; i < of->count; i++) {
        bool found = false;
        for (size_t j = 0; j < rule->count && !found; j++) {
            const struct segments_test *const wide = &of->tests[i];
            const struct segments_test *const narrow = &rule->tests[j];
            found = wide->attribute == narrow->attribute &&
                    wide->range.first <= narrow->range.first &&
                    narrow->range.last <= wide->range.last;
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static double score_of(const struct segments *s, const struct segments_candidate *c)
{
    const struct segments_sums rest =
        less(&s->total_left[SEGMENTS_DISCOVERY], &c->left[SEGMENTS_DISCOVERY]);
    return segments_score(&c->left[SEGMENTS_DISCOVERY], &rest);
}

/* Whether `narrow` costs otherwise than what `wide` holds beside it. */
static bool differs_inside(const struct segments_candidate *narrow,
                           const struct segments_candidate *wide)
{
    struct segments_sums beside[SEGMENTS_HALVES];
    for (size_t half = 0; half < SEGMENTS_HALVES; half++) {
        beside[half] = less(&wide->left[half], &narrow->left[half]);
    }
    int sign = 0;
    return differs(narrow->left, beside, &sign);
}

/* A rule of fewer tests that holds all of `at` and differs no less, of the highest score. */
static size_t simpler(const struct segments *s, size_t at)
{
    size_t best = SIZE_MAX;
    double best_score = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct segments_candidate *const wide = &s->rows[i];
        if (i == at || !wide->alive || wide->rule.count > s->rows[at].rule.count ||
            !segments_within(&s->rows[at].rule, &wide->rule) ||
            differs_inside(&s->rows[at], wide)) {
            continue;
        }
        const double score = score_of(s, wide);
        if (score > best_score) {
            best = i;
            best_score = score;
        }
    }
    return best;
}

/* Whether a rule of one test less holds as costly cases beside it: over both halves, as there is
 * nothing to find here. */
static bool is_needless(const struct segments *s, const struct segments_candidate *c)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct segments_candidate *const wide = &s->rows[i];
        if (wide->rule.count + 1 != c->rule.count || !segments_within(&c->rule, &wide->rule)) {
            continue;
        }
        struct segments_sums inside = c->left[SEGMENTS_DISCOVERY];
        struct segments_sums beside = wide->left[SEGMENTS_DISCOVERY];
        segments_add(&inside, &c->left[SEGMENTS_CONFIRMATION], 1);
        segments_add(&beside, &wide->left[SEGMENTS_CONFIRMATION], 1);
        beside = less(&beside, &inside);
        int sign = 0;
        if (segments_p(&inside, &beside, &sign) > SEGMENTS_P_MAX) {
            return true;
        }
    }
    return false;
}

static size_t best_alive(const struct segments *s)
{
    size_t best = SIZE_MAX;
    double best_score = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct segments_candidate *const c = &s->rows[i];
        const double score = c->alive ? score_of(s, c) : 0;
        if (score > best_score) {
            best = i;
            best_score = score;
        }
    }
    return best;
}

size_t segments_pick(struct segments *segments)
{
    CHECK(segments != NULL);
    for (;;) {
        size_t best = best_alive(segments);
        /* Each step drops a test or widens one, so there are few. */
        for (size_t next = best; next != SIZE_MAX;) {
            best = next;
            next = simpler(segments, best);
        }
        if (best == SIZE_MAX || !is_needless(segments, &segments->rows[best])) {
            return best;
        }
        segments->rows[best].alive = false;
    }
}

static int64_t cases_left(const struct segments_candidate *c)
{
    return c->left[SEGMENTS_DISCOVERY].n + c->left[SEGMENTS_CONFIRMATION].n;
}

/* Share of the cases in either that are in both, of cases no earlier segment held. */
static double alike(const struct segments_candidate *c, const struct segments_candidate *found)
{
    const int64_t both = c->held - cases_left(c);
    const int64_t either = c->held + found->held - both;
    return either > 0 ? (double)both / (double)either : 0;
}

/* Whether a difference is still there, and the same way, without the cases found. */
static bool remains(const struct segments *s, const struct segments_candidate *c)
{
    struct segments_sums rest[SEGMENTS_HALVES];
    for (size_t half = 0; half < SEGMENTS_HALVES; half++) {
        rest[half] = less(&s->total_left[half], &c->left[half]);
    }
    int sign = 0;
    return cases_left(c) >= s->support_min && differs(c->left, rest, &sign) &&
           sign == c->sign[SEGMENTS_DISCOVERY];
}

size_t segments_explain(struct segments *segments, size_t found, size_t *out_also)
{
    CHECK(found < segments->count);
    struct segments_candidate *const chosen = &segments->rows[found];
    size_t also = 0;
    chosen->alive = false;
    for (size_t i = 0; i < segments->count; i++) {
        struct segments_candidate *const c = &segments->rows[i];
        if (!c->alive) {
            continue;
        }
        const bool nested =
            segments_within(&c->rule, &chosen->rule) || segments_within(&chosen->rule, &c->rule);
        if (!nested && c->rule.count <= chosen->rule.count && also < SEGMENTS_ALSO_MAX &&
            alike(c, chosen) >= SEGMENTS_ALIKE) {
            out_also[also++] = i;
        }
        c->alive = remains(segments, c);
    }
    return also;
}
