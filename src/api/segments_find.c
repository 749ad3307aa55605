/* The search: cells of code combinations from the store, candidates, segments, one by one. */
#include "api/segments_priv.h"
#include "base/check.h"

enum { HALF_BIT = 48, RESOLVED_BIT = 49, CODE_BITS = 4 };

/* Columns of QUERY_segments_cells. */
enum { CELL_LOW, CELL_HIGH, CELL_CASES, CELL_COST, CELL_SQUARE };

static uint64_t mask_of(uint32_t attributes, size_t word)
{
    uint64_t mask = word == 0 ? UINT64_C(1) << HALF_BIT | UINT64_C(1) << RESOLVED_BIT : 0;
    for (size_t i = 0; i < SEGMENTS_PER_WORD; i++) {
        if (attributes >> (word * SEGMENTS_PER_WORD + i) & 1) {
            mask |= UINT64_C(15) << CODE_BITS * i;
        }
    }
    return mask;
}

/* The cells of some attributes, in the scratch arena. */
static enum errc read_cells(struct segments_search *s, uint32_t attributes,
                            struct segments_cell **out, size_t *out_count, struct err *err)
{
    const struct store_value masks[] = {STORE_OF_INT64((int64_t)mask_of(attributes, 0)),
                                        STORE_OF_INT64((int64_t)mask_of(attributes, 1))};
    struct store_result r;
    const enum errc code =
        store_run(s->store, QUERY_segments_cells, masks, COUNT_OF(masks), s->scratch, &r, err);
    if (code != ERR_OK) {
        return code;
    }
    struct segments_cell *const cells = arena_new(s->scratch, struct segments_cell, r.rows + 1);
    if (cells == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for %zu combinations of attributes", r.rows);
    }
    for (size_t i = 0; i < r.rows; i++) {
        const uint64_t low = (uint64_t)store_int64(&r, i, CELL_LOW, 0);
        const bool resolved = low >> RESOLVED_BIT & 1;
        const int64_t cases = store_int64(&r, i, CELL_CASES, 0);
        const money_sum cost = store_sum(&r, i, CELL_COST);
        cells[i] = (struct segments_cell){
            .codes = {low, (uint64_t)store_int64(&r, i, CELL_HIGH, 0)},
            .half = low >> HALF_BIT & 1 ? SEGMENTS_CONFIRMATION : SEGMENTS_DISCOVERY,
            .sums = {.n = cases,
                     .resolved = resolved ? cases : 0,
                     .cost = cost,
                     .square = store_sum(&r, i, CELL_SQUARE),
                     .cost_resolved = resolved ? cost : 0}};
    }
    *out = cells;
    *out_count = r.rows;
    return ERR_OK;
}

/* All queries of the plan once: candidates, or what is left of them. */
static enum errc pass(struct segments_search *s, struct err *err)
{
    struct segments_sums *const total =
        s->segments.refold ? s->segments.total_left : s->segments.total;
    enum errc code = ERR_OK;
    for (size_t at = 0; at < s->plan.count && code == ERR_OK; at++) {
        const struct arena_position mark = arena_mark(s->scratch);
        struct segments_cell *cells = NULL;
        size_t count = 0;
        code = read_cells(s, s->plan.rows[at], &cells, &count, err);
        if (code == ERR_OK && at == 0) {
            total[SEGMENTS_DISCOVERY] = total[SEGMENTS_CONFIRMATION] = (struct segments_sums){0};
            for (size_t i = 0; i < count; i++) {
                segments_add(&total[cells[i].half], &cells[i].sums, 1);
            }
        }
        if (code == ERR_OK) {
            code = segments_fold(&s->segments, &s->plan, at, cells, count, s->arena, err);
        }
        arena_rewind(s->scratch, mark);
    }
    return code;
}

static enum errc mark_members(struct segments_search *s, size_t segment,
                              const struct segments_rule *rule, struct err *err)
{
    struct store_value values[1 + 4 * SEGMENTS_RULE_MAX];
    values[0] = STORE_OF_INT64(INT64_C(1) << segment);
    for (size_t i = 0; i < SEGMENTS_RULE_MAX; i++) {
        const struct segments_test any = {.range = {0, SEGMENTS_CODES - 1}};
        const struct segments_test *const t = i < rule->count ? &rule->tests[i] : &any;
        struct store_value *const v = &values[1 + 4 * i];
        v[0] = STORE_OF_INT64(t->attribute / SEGMENTS_PER_WORD);
        v[1] = STORE_OF_INT64(t->attribute % SEGMENTS_PER_WORD * CODE_BITS);
        v[2] = STORE_OF_INT64(t->range.first);
        v[3] = STORE_OF_INT64(t->range.last);
    }
    return store_execute(s->store, QUERY_segments_mark, values, COUNT_OF(values), NULL, err);
}

static enum errc take_found(struct segments_search *s, size_t candidate, struct err *err)
{
    const struct segments_candidate *const c = &s->segments.rows[candidate];
    struct segments_sums rest = s->segments.total[SEGMENTS_DISCOVERY];
    segments_add(&rest, &c->all[SEGMENTS_DISCOVERY], -1);
    struct segments_found *const found = &s->found[s->found_count];
    *found = (struct segments_found){
        .candidate = candidate,
        .cases = c->all[SEGMENTS_DISCOVERY].n + c->all[SEGMENTS_CONFIRMATION].n,
        .score = segments_score(&c->all[SEGMENTS_DISCOVERY], &rest) / s->scale,
    };
    enum errc code = mark_members(s, s->found_count, &c->rule, err);
    if (code == ERR_OK) {
        segments_refold(&s->segments);
        code = pass(s, err);
    }
    if (code == ERR_OK) {
        found->also_count = segments_explain(&s->segments, candidate, found->also);
        s->found_count++;
    }
    return code;
}

enum errc segments_find(struct segments_search *search, struct err *err)
{
    CHECK(search != NULL);
    struct segments *const segments = &search->segments;
    segments->attributes = search->attributes;
    segments->attribute_count = search->attribute_count;
    enum errc code = segments_plan(search->attributes, search->attribute_count,
                                   search->figures.closed, search->arena, &search->plan, err);
    if (code == ERR_OK) {
        code = pass(search, err);
    }
    for (size_t half = 0; half < SEGMENTS_HALVES; half++) {
        segments->total_left[half] = segments->total[half];
    }
    if (code == ERR_OK) {
        code = segments_judge(segments, search->arena, err);
    }
    for (size_t i = 0; i < segments->count && code == ERR_OK; i++) {
        search->discovered += segments->rows[i].q <= SEGMENTS_FALSE_MAX;
        search->confirmed += segments->rows[i].confirmed;
    }
    while (code == ERR_OK && search->found_count < SEGMENTS_FOUND_MAX) {
        const size_t next = segments_pick(segments);
        if (next == SIZE_MAX) {
            break;
        }
        code = take_found(search, next, err);
    }
    return code;
}
