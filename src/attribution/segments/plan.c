/* Which attributes are counted together. */
#include <math.h>

#include "attribution/segments/segments.h"
#include "base/check.h"

/* Attributes dealt into bins, the most valued first, one after the other. */
static void deal(const struct segments_attribute *attributes, size_t count, size_t bins,
                 uint32_t *masks, double *cells)
{
    size_t order[SEGMENTS_ATTRIBUTES_MAX];
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        while (at > 0 && attributes[order[at - 1]].code_count < attributes[i].code_count) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
    for (size_t i = 0; i < bins; i++) {
        masks[i] = 0;
        cells[i] = 1;
    }
    for (size_t i = 0; i < count; i++) {
        /* there and back, so that the bins end up alike */
        const size_t turn = i % (2 * bins);
        const size_t bin = turn < bins ? turn : 2 * bins - 1 - turn;
        masks[bin] |= UINT32_C(1) << order[i];
        cells[bin] *= (double)attributes[order[i]].code_count;
    }
}

/* Combinations of the three bins that have most. */
static double most_cells(const double *cells, size_t bins)
{
    double most[SEGMENTS_RULE_MAX] = {1, 1, 1};
    for (size_t i = 0; i < bins; i++) {
        double in = cells[i];
        for (size_t j = 0; j < SEGMENTS_RULE_MAX; j++) {
            const double held = most[j];
            most[j] = fmax(held, in);
            in = fmin(held, in);
        }
    }
    return most[0] * most[1] * most[2];
}

enum errc segments_plan(const struct segments_attribute *attributes, size_t count, int64_t cases,
                        struct arena *arena, struct segments_plan *out, struct err *err)
{
    CHECK(count <= SEGMENTS_ATTRIBUTES_MAX);
    CHECK(out != NULL);
    *out = (struct segments_plan){0};
    if (count == 0) {
        return ERR_OK;
    }
    uint32_t masks[SEGMENTS_ATTRIBUTES_MAX];
    double cells[SEGMENTS_ATTRIBUTES_MAX];
    size_t bins = count < SEGMENTS_RULE_MAX ? count : SEGMENTS_RULE_MAX;
    deal(attributes, count, bins, masks, cells);
    while (bins < count && fmin(most_cells(cells, bins), (double)cases) > SEGMENTS_CELLS_MAX) {
        bins++;
        deal(attributes, count, bins, masks, cells);
    }
    const size_t third = bins < SEGMENTS_RULE_MAX ? bins - 1 : SEGMENTS_RULE_MAX - 1;
    for (size_t k = third; k < bins; k++) {
        for (size_t j = third > 0 ? third - 1 : 0; j < (k > 0 ? k : 1); j++) {
            for (size_t i = 0; i < (third > 1 ? j : 1); i++) {
                const size_t at = arena_push(arena, out);
                if (at == SIZE_MAX) {
                    return err_set(err, ERR_LIMIT, "no memory left to plan the search");
                }
                out->rows[at] = masks[i] | masks[j] | masks[k];
            }
        }
    }
    return ERR_OK;
}
