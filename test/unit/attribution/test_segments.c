/* segments: counts against every case by hand, the planted rule and no other picked, differences
 * that are chance not, and parts that add up. */
#include <math.h>

#include "attribution/segments/segments.h"
#include "base/rng.h"
#include "support/test.h"

enum { CASES = 3000, ATTRIBUTES = 5, VALUES = 3 };
#define ARENA_BYTES ((size_t)32 << 20)

/* Cases as cells of one, all attributes in one query or several. */
struct sample {
    struct segments_cell cells[CASES];
    size_t count;
    struct segments_attribute attributes[SEGMENTS_ATTRIBUTES_MAX];
};

static struct sample sample;
static struct segments_cell left[CASES];

static size_t code(const struct segments_cell *c, size_t attribute)
{
    return c->codes[attribute / SEGMENTS_PER_WORD] >> attribute % SEGMENTS_PER_WORD * 4 & 15;
}

static bool holds(const struct segments_rule *rule, const struct segments_cell *c)
{
    for (size_t i = 0; i < rule->count; i++) {
        const size_t at = code(c, rule->tests[i].attribute);
        if (at < rule->tests[i].range.first || at > rule->tests[i].range.last) {
            return false;
        }
    }
    return true;
}

/* Codes 1..VALUES drawn alike; a cost with a long tail, times `factor` where the first attribute
 * is 1 and the second 2. */
static void draw(uint64_t seed, double factor)
{
    struct rng rng;
    rng_init(&rng, seed);
    sample = (struct sample){.count = CASES};
    for (size_t i = 0; i < CASES; i++) {
        struct segments_cell *const c = &sample.cells[i];
        for (size_t a = 0; a < ATTRIBUTES; a++) {
            c->codes[0] |= (1 + rng_below(&rng, VALUES)) << 4 * a;
        }
        const bool planted = code(c, 0) == 1 && code(c, 1) == 2;
        const double cost = exp(0.8 * rng_normal(&rng)) * 10000 * (planted ? factor : 1);
        const bool resolved = rng_unit(&rng) < 0.9;
        const money_sum whole = (money_sum)cost;
        c->half = rng_below(&rng, 2) == 0 ? SEGMENTS_DISCOVERY : SEGMENTS_CONFIRMATION;
        c->sums = (struct segments_sums){.n = 1,
                                         .resolved = resolved,
                                         .cost = whole,
                                         .square = whole * whole,
                                         .cost_resolved = resolved ? whole : 0};
    }
    for (size_t a = 0; a < ATTRIBUTES; a++) {
        struct segments_attribute *const at = &sample.attributes[a];
        *at = (struct segments_attribute){.range_count = VALUES, .code_count = VALUES};
        for (uint8_t v = 1; v <= VALUES; v++) {
            at->ranges[v - 1] = (struct segments_range){v, v};
        }
    }
}

/* One pass over the cells that no found rule holds. */
static enum errc pass(struct segments *s, const struct segments_plan *plan,
                      const struct segments_rule *without, size_t without_count,
                      struct arena *arena, struct err *err)
{
    struct segments_sums *const total = s->refold ? s->total_left : s->total;
    size_t count = 0;
    total[0] = total[1] = (struct segments_sums){0};
    for (size_t i = 0; i < sample.count; i++) {
        bool held = false;
        for (size_t j = 0; j < without_count; j++) {
            held = held || holds(&without[j], &sample.cells[i]);
        }
        if (!held) {
            left[count++] = sample.cells[i];
            segments_add(&total[sample.cells[i].half], &sample.cells[i].sums, 1);
        }
    }
    enum errc done = ERR_OK;
    for (size_t at = 0; at < plan->count && done == ERR_OK; at++) {
        done = segments_fold(s, plan, at, left, count, arena, err);
    }
    return done;
}

struct result {
    struct arena arena;
    struct err err;
    struct segments segments;
    struct segments_plan plan;
    struct segments_rule found[SEGMENTS_FOUND_MAX];
    size_t found_count;
};

/* The whole search. The caller releases the arena. */
static enum errc search(struct result *r, int64_t cases_for_plan)
{
    *r = (struct result){.segments = {.attributes = sample.attributes,
                                      .attribute_count = ATTRIBUTES,
                                      .support_min = 60}};
    struct segments *const s = &r->segments;
    arena_init(&r->arena, ARENA_BYTES);
    enum errc done =
        segments_plan(sample.attributes, ATTRIBUTES, cases_for_plan, &r->arena, &r->plan, &r->err);
    if (done == ERR_OK) {
        done = pass(s, &r->plan, NULL, 0, &r->arena, &r->err);
    }
    s->total_left[0] = s->total[0];
    s->total_left[1] = s->total[1];
    if (done == ERR_OK) {
        done = segments_judge(s, &r->arena, &r->err);
    }
    while (done == ERR_OK && r->found_count < SEGMENTS_FOUND_MAX) {
        const size_t next = segments_pick(s);
        if (next == SIZE_MAX) {
            break;
        }
        size_t also[SEGMENTS_ALSO_MAX];
        r->found[r->found_count++] = s->rows[next].rule;
        segments_refold(s);
        done = pass(s, &r->plan, r->found, r->found_count, &r->arena, &r->err);
        if (done == ERR_OK) {
            (void)segments_explain(s, next, also);
        }
    }
    return done;
}

/* ---- */

static void every_three_attributes_are_in_one_query_of_bounded_size(void)
{
    static const size_t counts[] = {1, 2, 3, 4, 7, 12, 24};
    static struct segments_attribute attributes[SEGMENTS_ATTRIBUTES_MAX];
    for (size_t at = 0; at < COUNT_OF(counts); at++) {
        const size_t n = counts[at];
        for (size_t i = 0; i < n; i++) {
            attributes[i].code_count = 2 + i % 5;
        }
        struct arena arena;
        struct err err;
        struct segments_plan plan = {0};
        arena_init(&arena, ARENA_BYTES);
        const enum errc done = segments_plan(attributes, n, 1000000, &arena, &plan, &err);
        bool all = done == ERR_OK;
        for (size_t i = 0; i < n && all; i++) {
            for (size_t j = i; j < n && all; j++) {
                for (size_t k = j; k < n && all; k++) {
                    const uint32_t wanted = 1U << i | 1U << j | 1U << k;
                    bool found = false;
                    for (size_t p = 0; p < plan.count; p++) {
                        found = found || (plan.rows[p] & wanted) == wanted;
                    }
                    all = found;
                }
            }
        }
        bool small = true;
        for (size_t p = 0; p < plan.count && all; p++) {
            size_t cells = 1;
            for (size_t i = 0; i < n; i++) {
                cells *= plan.rows[p] >> i & 1 ? attributes[i].code_count : 1;
            }
            small = small && cells <= SEGMENTS_CELLS_MAX;
        }
        arena_deinit(&arena);
        EXPECT(all);
        EXPECT(small);
    }
}

static void no_attribute_is_nothing_to_ask(void)
{
    struct arena arena;
    struct err err;
    struct segments_plan plan = {.count = 7};
    arena_init(&arena, ARENA_BYTES);
    const enum errc done = segments_plan(NULL, 0, 10, &arena, &plan, &err);
    arena_deinit(&arena);
    EXPECT(done == ERR_OK);
    EXPECT(plan.count == 0);
}

static void candidates_are_those_of_counting_each_case(void)
{
    draw(1, 1);
    struct result r;
    const enum errc done = search(&r, INT64_MAX);
    bool same = done == ERR_OK;
    for (size_t i = 0; i < r.segments.count && same; i++) {
        const struct segments_candidate *const c = &r.segments.rows[i];
        struct segments_sums sums[SEGMENTS_HALVES] = {{0}};
        for (size_t j = 0; j < sample.count; j++) {
            if (holds(&c->rule, &sample.cells[j])) {
                segments_add(&sums[sample.cells[j].half], &sample.cells[j].sums, 1);
            }
        }
        for (size_t half = 0; half < SEGMENTS_HALVES; half++) {
            same = same && sums[half].n == c->all[half].n &&
                   sums[half].resolved == c->all[half].resolved &&
                   sums[half].cost == c->all[half].cost &&
                   sums[half].square == c->all[half].square &&
                   sums[half].cost_resolved == c->all[half].cost_resolved;
        }
        same = same && sums[0].n + sums[1].n >= 60;
    }
    const size_t count = r.segments.count;
    arena_deinit(&r.arena);
    EXPECT(same);
    EXPECT(count == 5 * 3 + 10 * 9 + 10 * 27);
}

static void fewer_than_ten_cases_or_no_outcome_prove_nothing(void)
{
    const struct segments_sums few = {9, 9, 90000, 900000000, 90000};
    const struct segments_sums many = {1000, 900, 1000, 1000, 900};
    const struct segments_sums none = {50, 0, 5000, 600000, 0};
    int sign = 7;
    EXPECT(segments_p(&few, &many, &sign) >= 1);
    EXPECT(sign == 0);
    EXPECT(segments_p(&none, &none, &sign) >= 1);
    EXPECT(isnan(segments_cost_per_outcome(&(struct segments_sums){0})));
}

static void cases_none_of_which_is_resolved_cost_more_than_any(void)
{
    const struct segments_sums none = {40, 0, 4000, 480000, 0};
    const struct segments_sums rest = {1000, 900, 100000, 12000000, 90000};
    int sign = 0;
    const double p = segments_p(&none, &rest, &sign);
    const double least = segments_cost_per_outcome(&none);
    EXPECT(p < 1e-6);
    EXPECT(sign == 1);
    /* Wilson's upper bound of 0 in 40 is z^2 / (40 + z^2) */
    EXPECT(fabs(least - 4000 / (40 * 3.8414588 / 43.8414588)) < 1e-3);
    EXPECT(segments_score(&none, &rest) > 0);
}

static void the_test_is_never_surer_than_the_delta_method(void)
{
    const struct segments_sums a = {40, 30, 8000, 2500000, 5000};
    const struct segments_sums b = {1000, 900, 100000, 18000000, 90000};
    const struct stats_sums left_sums = segments_stats(&a);
    const struct stats_sums right_sums = segments_stats(&b);
    int sign = 0;
    const struct stats_interval d = stats_ratio_difference(&left_sums, &right_sums);
    const double delta = 2 * stats_normal_cdf(-fabs(d.value) / ((d.high - d.low) / 2 / STATS_Z95));
    EXPECT(segments_p(&a, &b, &sign) > delta);
    EXPECT(sign == 1);
    EXPECT(segments_p(&b, &a, &sign) > delta);
    EXPECT(sign == -1);
}

static void the_conjunction_is_picked_and_neither_what_holds_it_nor_parts_of_it(void)
{
    size_t right = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        draw(seed, 2);
        struct result r;
        const enum errc done = search(&r, INT64_MAX);
        const struct segments_rule *const f = r.found;
        const bool planted = r.found_count == 1 && f->count == 2 && f->tests[0].attribute == 0 &&
                             f->tests[0].range.first == 1 && f->tests[1].attribute == 1 &&
                             f->tests[1].range.first == 2;
        arena_deinit(&r.arena);
        EXPECT(done == ERR_OK);
        right += planted;
    }
    EXPECT(right >= 19);
}

/* n cases, all resolved, half of them at cost - 200, half at cost + 200. */
static struct segments_sums alike(int64_t n, int64_t cost)
{
    return (struct segments_sums){n, n, n * cost, n * (cost * cost + 40000), n * cost};
}

/* A rule and one of a test more within it: in each half n cases of both, and what is beside the
 * narrow one. */
static void set_nested(struct segments_candidate *rows, struct segments_sums narrow,
                       struct segments_sums beside)
{
    struct segments_sums wide = narrow;
    segments_add(&wide, &beside, 1);
    for (size_t half = 0; half < SEGMENTS_HALVES; half++) {
        rows[0].all[half] = rows[0].left[half] = wide;
        rows[1].all[half] = rows[1].left[half] = narrow;
    }
}

static double score_in(const struct segments *s, size_t at)
{
    struct segments_sums rest = s->total_left[0];
    segments_add(&rest, &s->rows[at].left[0], -1);
    return segments_score(&s->rows[at].left[0], &rest);
}

static void a_test_that_changes_nothing_is_dropped_and_one_that_does_is_kept(void)
{
    static struct segments_candidate rows[2];
    rows[0] = (struct segments_candidate){.rule = {{{0, {1, 1}}}, 1}, .alive = true};
    rows[1] = (struct segments_candidate){.rule = {{{0, {1, 1}}, {1, {2, 2}}}, 2}, .alive = true};
    struct segments s = {.attribute_count = 2,
                         .support_min = 20,
                         .total_left = {alike(2000, 100), alike(2000, 100)},
                         .rows = rows,
                         .count = 2};
    set_nested(rows, alike(190, 206), alike(10, 130)); /* by chance the narrow one is dearer */
    EXPECT(score_in(&s, 1) > score_in(&s, 0));
    EXPECT(segments_pick(&s) == 0);

    rows[0].alive = false; /* nor is the narrow one reported for want of the other */
    EXPECT(segments_pick(&s) == SIZE_MAX);

    rows[0].alive = rows[1].alive = true;
    set_nested(rows, alike(100, 300), alike(100, 110));
    EXPECT(segments_pick(&s) == 1);
}

static void a_threshold_moves_back_to_where_the_difference_begins(void)
{
    static struct segments_candidate rows[2];
    rows[0] = (struct segments_candidate){.rule = {{{0, {3, 5}}}, 1}, .alive = true};
    rows[1] = (struct segments_candidate){.rule = {{{0, {4, 5}}}, 1}, .alive = true};
    struct segments s = {.attribute_count = 1,
                         .support_min = 20,
                         .total_left = {alike(2000, 100), alike(2000, 100)},
                         .rows = rows,
                         .count = 2};
    set_nested(rows, alike(190, 206), alike(10, 130));
    EXPECT(score_in(&s, 1) > score_in(&s, 0));
    EXPECT(segments_pick(&s) == 0);
    set_nested(rows, alike(100, 300), alike(100, 110));
    EXPECT(segments_pick(&s) == 1);
}

static void chance_is_no_segment(void)
{
    size_t nothing = 0;
    size_t runs = 0;
    for (uint64_t seed = 100; seed < 160; seed++) {
        draw(seed, 1);
        struct result r;
        const enum errc done = search(&r, INT64_MAX);
        nothing += r.found_count == 0;
        runs++;
        arena_deinit(&r.arena);
        EXPECT(done == ERR_OK);
    }
    EXPECT(nothing * 10 >= runs * 9);
}

static void queries_in_pieces_find_the_same(void)
{
    draw(3, 2);
    struct result whole;
    struct result pieces;
    const enum errc first = search(&whole, INT64_MAX);
    /* many codes an attribute: the plan needs several queries */
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        sample.attributes[i].code_count = SEGMENTS_CODES;
    }
    const enum errc second = search(&pieces, INT64_MAX);
    const bool same = whole.segments.count == pieces.segments.count && pieces.found_count == 1 &&
                      segments_within(&whole.found[0], &pieces.found[0]) &&
                      whole.found[0].count == pieces.found[0].count;
    const size_t queries = pieces.plan.count;
    arena_deinit(&whole.arena);
    arena_deinit(&pieces.arena);
    EXPECT(first == ERR_OK);
    EXPECT(second == ERR_OK);
    EXPECT(queries > 1);
    EXPECT(same);
}

static void a_rule_is_within_one_of_fewer_tests_or_wider_ones(void)
{
    const struct segments_rule narrow = {{{0, {3, 5}}, {2, {1, 1}}}, 2};
    const struct segments_rule wide = {{{0, {2, 5}}}, 1};
    EXPECT(segments_within(&narrow, &wide));
    EXPECT(!segments_within(&wide, &narrow));
    EXPECT(segments_within(&narrow, &narrow));
}

/* ---- parts */

static struct segments_side side(void)
{
    return (struct segments_side){.resolved = 95,
                                  .kinds = {[SEGMENTS_FIRST] = {.cases = 80,
                                                                .attempts = 80,
                                                                .people_usd = 8,
                                                                .agent_usd = 100,
                                                                .calls = {300, 100},
                                                                .call_usd = {60, 30},
                                                                .prompt_usd = {40, 10}},
                                            [SEGMENTS_LATER] = {.cases = 20,
                                                                .attempts = 50,
                                                                .people_usd = 60,
                                                                .agent_usd = 70,
                                                                .calls = {200, 40},
                                                                .call_usd = {45, 15},
                                                                .prompt_usd = {30, 5}}}};
}

static double sum(const double *parts)
{
    double all = 0;
    for (size_t i = 0; i < SEGMENTS_PARTS; i++) {
        all += parts[i];
    }
    return all;
}

/* That `part` alone is the difference. */
static bool alone(const double *parts, enum segments_part part, double difference)
{
    for (size_t i = 0; i < SEGMENTS_PARTS; i++) {
        if (fabs(parts[i] - (i == part ? difference : 0)) > 1e-12) {
            return false;
        }
    }
    return fabs(difference) > 1e-6;
}

static void equal_sides_have_no_parts(void)
{
    const struct segments_side a = side();
    double parts[SEGMENTS_PARTS];
    EXPECT(fabs(segments_decompose(&a, &a, 2, parts)) < 1e-15);
    EXPECT(fabs(sum(parts)) < 1e-12);
}

static void a_change_of_one_thing_is_one_part(void)
{
    const struct segments_side b = side();
    double parts[SEGMENTS_PARTS];

    struct segments_side a = b;
    a.kinds[SEGMENTS_FIRST].people_usd += 40;
    EXPECT(alone(parts, SEGMENTS_HUMAN, segments_decompose(&a, &b, 2, parts)));

    a = b;
    for (size_t k = 0; k < SEGMENTS_KINDS; k++) { /* twice the input */
        for (size_t m = 0; m < 2; m++) {
            a.kinds[k].call_usd[m] += a.kinds[k].prompt_usd[m];
            a.kinds[k].agent_usd += a.kinds[k].prompt_usd[m];
            a.kinds[k].prompt_usd[m] *= 2;
        }
    }
    EXPECT(alone(parts, SEGMENTS_CONTEXT, segments_decompose(&a, &b, 2, parts)));

    a = b;
    a.kinds[SEGMENTS_LATER].agent_usd += 12; /* a tool's fees */
    EXPECT(alone(parts, SEGMENTS_BASE, segments_decompose(&a, &b, 2, parts)));

    a = b;
    a.kinds[SEGMENTS_FIRST] = b.kinds[SEGMENTS_LATER]; /* all alike: only shares differ */
    a.kinds[SEGMENTS_FIRST].cases = 0;
    a.kinds[SEGMENTS_FIRST].attempts = 0;
    a.kinds[SEGMENTS_FIRST].people_usd = 0;
    a.kinds[SEGMENTS_FIRST].agent_usd = 0;
    for (size_t m = 0; m < 2; m++) {
        a.kinds[SEGMENTS_FIRST].calls[m] = 0;
        a.kinds[SEGMENTS_FIRST].call_usd[m] = 0;
        a.kinds[SEGMENTS_FIRST].prompt_usd[m] = 0;
    }
    a.resolved = 10;
    EXPECT(alone(parts, SEGMENTS_RETRY, segments_decompose(&a, &b, 2, parts)));
}

/* Both models' calls cost the same in both sides; one side makes others of them. */
static void a_model_that_one_side_alone_uses_is_the_mix(void)
{
    struct segments_side b = side();
    for (size_t k = 0; k < SEGMENTS_KINDS; k++) {
        struct segments_work *const w = &b.kinds[k];
        w->calls[0] += w->calls[1];
        w->calls[1] = 0;
        w->call_usd[0] = w->calls[0] * 0.2;
        w->prompt_usd[0] = w->calls[0] * 0.1;
        w->call_usd[1] = w->prompt_usd[1] = 0;
        w->agent_usd = w->call_usd[0] + 10;
    }
    struct segments_side a = b;
    for (size_t k = 0; k < SEGMENTS_KINDS; k++) {
        struct segments_work *const w = &a.kinds[k];
        w->calls[1] = w->calls[0];
        w->call_usd[1] = w->call_usd[0] * 3;
        w->prompt_usd[1] = w->prompt_usd[0] * 3;
        w->calls[0] = w->call_usd[0] = w->prompt_usd[0] = 0;
        w->agent_usd = w->call_usd[1] + 10;
    }
    double parts[SEGMENTS_PARTS];
    EXPECT(alone(parts, SEGMENTS_MODEL_MIX, segments_decompose(&a, &b, 2, parts)));
}

static void parts_add_up_whatever_differs(void)
{
    struct rng rng;
    rng_init(&rng, 5);
    for (int i = 0; i < 2000; i++) {
        struct segments_side sides[2];
        for (size_t j = 0; j < 2; j++) {
            struct segments_side *const s = &sides[j];
            *s = (struct segments_side){0};
            for (size_t k = 0; k < SEGMENTS_KINDS; k++) {
                struct segments_work *const w = &s->kinds[k];
                w->cases = (double)rng_below(&rng, 50) + (k == 0 ? 1 : 0);
                w->attempts = w->cases * (1 + rng_unit(&rng));
                w->people_usd = w->cases * rng_unit(&rng);
                w->agent_usd = w->attempts * rng_unit(&rng);
                for (size_t m = 0; m < 3 && w->cases > 0; m++) {
                    w->calls[m] = (double)rng_below(&rng, 4);
                    w->call_usd[m] = w->calls[m] * rng_unit(&rng) / 20;
                    w->prompt_usd[m] = w->call_usd[m] * rng_unit(&rng);
                    w->agent_usd += w->call_usd[m];
                }
            }
            s->resolved = s->kinds[0].cases;
        }
        double parts[SEGMENTS_PARTS];
        const double difference = segments_decompose(&sides[0], &sides[1], 3, parts);
        EXPECT(fabs(sum(parts) - difference) < 1e-9);
    }
}

int main(void)
{
    static const struct test tests[] = {
        TEST(no_attribute_is_nothing_to_ask),
        TEST(fewer_than_ten_cases_or_no_outcome_prove_nothing),
        TEST(cases_none_of_which_is_resolved_cost_more_than_any),
        TEST(the_test_is_never_surer_than_the_delta_method),
        TEST(a_rule_is_within_one_of_fewer_tests_or_wider_ones),
        TEST(every_three_attributes_are_in_one_query_of_bounded_size),
        TEST(candidates_are_those_of_counting_each_case),
        TEST_SPARSE(the_conjunction_is_picked_and_neither_what_holds_it_nor_parts_of_it),
        TEST(a_test_that_changes_nothing_is_dropped_and_one_that_does_is_kept),
        TEST(a_threshold_moves_back_to_where_the_difference_begins),
        TEST_SPARSE(chance_is_no_segment),
        TEST(queries_in_pieces_find_the_same),
        TEST(equal_sides_have_no_parts),
        TEST(a_change_of_one_thing_is_one_part),
        TEST(a_model_that_one_side_alone_uses_is_the_mix),
        TEST(parts_add_up_whatever_differs),
    };
    return test_main(tests, COUNT_OF(tests));
}
