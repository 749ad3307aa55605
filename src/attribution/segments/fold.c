/* Cells of code combinations into candidates. */
#include "attribution/segments/segments.h"
#include "base/check.h"

enum { COMBINATIONS = SEGMENTS_CODES * SEGMENTS_CODES * SEGMENTS_CODES };

/* Sums of each code combination of up to three attributes, and half. */
struct segments_table {
    struct segments_sums rows[COMBINATIONS][SEGMENTS_HALVES];
};

/* Up to three attributes, ascending. */
struct combination {
    uint8_t attributes[SEGMENTS_RULE_MAX];
    size_t count;
};

void segments_add(struct segments_sums *to, const struct segments_sums *sums, int64_t sign)
{
    to->n += sign * sums->n;
    to->resolved += sign * sums->resolved;
    to->cost += sign * sums->cost;
    to->square += sign * sums->square;
    to->cost_resolved += sign * sums->cost_resolved;
}

static size_t code_of(const struct segments_cell *cell, size_t attribute)
{
    return cell->codes[attribute / SEGMENTS_PER_WORD] >> attribute % SEGMENTS_PER_WORD * 4 & 15;
}

static void tabulate(const struct combination *c, const struct segments_cell *cells, size_t count,
                     struct segments_table *table)
{
    size_t size = 1;
    for (size_t i = 0; i < c->count; i++) {
        size *= SEGMENTS_CODES;
    }
    for (size_t i = 0; i < size; i++) {
        table->rows[i][SEGMENTS_DISCOVERY] = (struct segments_sums){0};
        table->rows[i][SEGMENTS_CONFIRMATION] = (struct segments_sums){0};
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        for (size_t j = 0; j < c->count; j++) {
            at = at * SEGMENTS_CODES + code_of(&cells[i], c->attributes[j]);
        }
        segments_add(&table->rows[at][cells[i].half], &cells[i].sums, 1);
    }
}

static void sum_rule(const struct segments_rule *rule, const struct segments_table *table,
                     struct segments_sums *out)
{
    const struct segments_range one = {0, 0};
    struct segments_range r[SEGMENTS_RULE_MAX] = {one, one, one};
    for (size_t i = 0; i < rule->count; i++) {
        r[SEGMENTS_RULE_MAX - rule->count + i] = rule->tests[i].range;
    }
    out[SEGMENTS_DISCOVERY] = out[SEGMENTS_CONFIRMATION] = (struct segments_sums){0};
    for (size_t i = r[0].first; i <= r[0].last; i++) {
        for (size_t j = r[1].first; j <= r[1].last; j++) {
            for (size_t k = r[2].first; k <= r[2].last; k++) {
                const size_t at = (i * SEGMENTS_CODES + j) * SEGMENTS_CODES + k;
                for (size_t half = 0; half < SEGMENTS_HALVES; half++) {
                    segments_add(&out[half], &table->rows[at][half], 1);
                }
            }
        }
    }
}

static bool rule_equal(const struct segments_rule *a, const struct segments_rule *b)
{
    return a->count == b->count && segments_within(a, b) && segments_within(b, a);
}

/* A rule and its sums: a new candidate, or, in a later pass, what is left of one. */
static enum errc take(struct segments *s, const struct segments_rule *rule,
                      const struct segments_sums *sums, struct arena *arena, struct err *err)
{
    if (s->refold) {
        if (s->next < s->count && rule_equal(&s->rows[s->next].rule, rule)) {
            struct segments_candidate *const c = &s->rows[s->next++];
            c->left[SEGMENTS_DISCOVERY] = sums[SEGMENTS_DISCOVERY];
            c->left[SEGMENTS_CONFIRMATION] = sums[SEGMENTS_CONFIRMATION];
        }
        return ERR_OK;
    }
    const int64_t n = sums[SEGMENTS_DISCOVERY].n + sums[SEGMENTS_CONFIRMATION].n;
    const int64_t all = s->total[SEGMENTS_DISCOVERY].n + s->total[SEGMENTS_CONFIRMATION].n;
    if (n < s->support_min || n == all) {
        return ERR_OK;
    }

    if (s->count == SEGMENTS_CANDIDATES_MAX) {
        s->truncated = true;
        return ERR_OK;
    }
    const size_t at = arena_push(arena, s);
    if (at == SIZE_MAX) {
        return err_set(err, ERR_LIMIT, "no memory left for %zu segments to try", s->count + 1);
    }
    s->rows[at] = (struct segments_candidate){
        .rule = *rule,
        .majority = 2 * n > all, /* what holds for most is the rest, not a segment */

        .all = {sums[SEGMENTS_DISCOVERY], sums[SEGMENTS_CONFIRMATION]},
        .left = {sums[SEGMENTS_DISCOVERY], sums[SEGMENTS_CONFIRMATION]},
    };

    s->tests += s->rows[at].majority ? 0 : 1;
    return ERR_OK;
}

/* Every choice of one test for each attribute of the combination. */
static enum errc take_combination(struct segments *s, const struct combination *c,
                                  const struct segments_cell *cells, size_t count,
                                  struct arena *arena, struct err *err)
{
    size_t choices = 1;
    for (size_t i = 0; i < c->count; i++) {
        choices *= s->attributes[c->attributes[i]].range_count;
    }
    if (choices > 0) {
        tabulate(c, cells, count, s->table);
    }
    enum errc code = ERR_OK;
    for (size_t choice = 0; choice < choices && code == ERR_OK; choice++) {
        struct segments_rule rule = {.count = c->count};
        size_t rest = choice;
        for (size_t i = c->count; i-- > 0;) {
            const struct segments_attribute *const a = &s->attributes[c->attributes[i]];
            rule.tests[i] = (struct segments_test){.attribute = c->attributes[i],
                                                   .range = a->ranges[rest % a->range_count]};
            rest /= a->range_count;
        }
        struct segments_sums sums[SEGMENTS_HALVES];
        sum_rule(&rule, s->table, sums);
        code = take(s, &rule, sums, arena, err);
    }
    return code;
}

static uint32_t mask_of(const struct combination *c)
{
    uint32_t mask = 0;
    for (size_t i = 0; i < c->count; i++) {
        mask |= UINT32_C(1) << c->attributes[i];
    }
    return mask;
}

static bool is_new(const struct segments_plan *plan, size_t at, const struct combination *c)
{
    const uint32_t mask = mask_of(c);
    for (size_t i = 0; i < at; i++) {
        if ((plan->rows[i] & mask) == mask) {
            return false;
        }
    }
    return (plan->rows[at] & mask) == mask;
}

/* Moves to the next of the attributes' subsets of one, two, three; false after the last. */
static bool next_combination(struct combination *c, size_t attributes)
{
    for (size_t i = c->count; i-- > 0;) {
        if (c->attributes[i] + (c->count - i) < attributes) {
            c->attributes[i]++;
            for (size_t j = i + 1; j < c->count; j++) {
                c->attributes[j] = (uint8_t)(c->attributes[j - 1] + 1);
            }
            return true;
        }
    }
    c->count++;
    for (size_t i = 0; i < c->count && c->count <= SEGMENTS_RULE_MAX; i++) {
        c->attributes[i] = (uint8_t)i;
    }
    return c->count <= SEGMENTS_RULE_MAX && c->count <= attributes;
}

void segments_refold(struct segments *segments)
{
    CHECK(segments != NULL);
    segments->refold = true;
    segments->next = 0;
    for (size_t i = 0; i < segments->count; i++) {
        struct segments_candidate *const c = &segments->rows[i];
        c->held = c->left[SEGMENTS_DISCOVERY].n + c->left[SEGMENTS_CONFIRMATION].n;
    }
}

enum errc segments_fold(struct segments *segments, const struct segments_plan *plan, size_t at,
                        const struct segments_cell *cells, size_t count, struct arena *arena,
                        struct err *err)
{
    CHECK(at < plan->count);
    if (segments->table == NULL) {
        segments->table = arena_new(arena, struct segments_table, 1);
    }
    if (segments->table == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left to count segments");
    }
    enum errc code = ERR_OK;
    struct combination c = {.count = 1};
    do {
        if (is_new(plan, at, &c)) {
            code = take_combination(segments, &c, cells, count, arena, err);
        }
    } while (code == ERR_OK && next_combination(&c, segments->attribute_count));
    CHECK(code != ERR_OK || !segments->refold || at + 1 < plan->count ||
          segments->next == segments->count);
    return code;
}
