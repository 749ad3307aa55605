/* The caps at which a curve is worked out, and which of them the bootstrap looks at. */
#include <stdlib.h>

#include "api/utility_priv.h"
#include "base/check.h"

enum { OWN_CAPS = 4 /* 0, the last decile's two ends, and the top */, SPENDS_MAX = 64 };

/* Columns of QUERY_utility_decile. */
enum { D_ENDED, D_OTHERS, D_TARGET };

struct caps {
    money_sum *rows;
    size_t count;
};

static int ascending(const void *a, const void *b)
{
    const money_sum left = *(const money_sum *)a;
    const money_sum right = *(const money_sum *)b;
    return (left > right) - (left < right);
}

static void sort_distinct(struct caps *caps)
{
    qsort(caps->rows, caps->count, sizeof *caps->rows, ascending);
    size_t kept = 0;
    for (size_t i = 0; i < caps->count; i++) {
        if (kept == 0 || caps->rows[kept - 1] != caps->rows[i]) {
            caps->rows[kept++] = caps->rows[i];
        }
    }
    caps->count = kept;
}

static size_t place_of(const struct caps *caps, money_sum cap)
{
    const money_sum *const found =
        bsearch(&cap, caps->rows, caps->count, sizeof *caps->rows, ascending);
    CHECK(found != NULL);
    return (size_t)(found - caps->rows);
}

/* Those asked for; else every spend when they are few; else quantiles. The grid ends with the
 * curve. */
static enum errc shown_caps(struct store *store, const struct utility_request *request,
                            struct arena *arena, const struct utility_facts *f, struct caps *out,
                            struct err *err)
{
    if (request->cap_count > 0) {
        CHECK(request->cap_count <= UTILITY_CAPS_MAX);
        out->rows = arena_new(arena, money_sum, request->cap_count);
        for (size_t i = 0; i < request->cap_count && out->rows != NULL; i++) {
            CHECK(request->caps_pusd[i] >= 0);
            out->rows[out->count++] = request->caps_pusd[i];
        }
        return out->rows != NULL ? ERR_OK : err_set(err, ERR_LIMIT, "no memory left for the caps");
    }
    const struct store_value most = STORE_OF_INT64(SPENDS_MAX + 1);
    struct store_result r;
    enum errc code = store_run(store, QUERY_utility_spends, &most, 1, arena, &r, err);
    if (code == ERR_OK && r.rows > SPENDS_MAX) {
        code = store_run(store, QUERY_utility_quantiles, NULL, 0, arena, &r, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    out->rows = arena_new(arena, money_sum, r.rows + 1);
    if (out->rows == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for the caps");
    }
    for (size_t row = 0; row < r.rows; row++) {
        const money_sum spend = store_sum(&r, row, 0);
        if (spend >= 0 && spend < f->end_pusd) {
            out->rows[out->count++] = spend;
        }
    }
    out->rows[out->count++] = f->end_pusd;
    return ERR_OK;
}

/* The cap at which spend reaches nine tenths of what it is at the curve's end. */
static enum errc decile_begins(struct store *store, struct arena *arena,
                               const struct utility_facts *f, money_sum *out, struct err *err)
{
    const struct store_value limit = {.kind = f->cut ? STORE_INT64 : STORE_NULL,
                                      .as.int64 = f->cut ? (int64_t)f->limit_pusd : 0};
    struct store_result r;
    const enum errc code = store_run(store, QUERY_utility_decile, &limit, 1, arena, &r, err);
    if (code != ERR_OK) {
        return code;
    }
    if (r.rows == 0) { /* nothing was spent */
        *out = 0;
        return ERR_OK;
    }
    const money_sum cap = utility_cap_of_spend(
        store_sum(&r, 0, D_TARGET), store_sum(&r, 0, D_ENDED), store_int64(&r, 0, D_OTHERS, 0));
    *out = cap < f->end_pusd ? cap : f->end_pusd;
    return ERR_OK;
}

static enum errc merge(const struct caps *shown, money_sum decile, struct arena *arena,
                       struct utility_facts *f, struct err *err)
{
    struct caps all = {.rows = arena_new(arena, money_sum, shown->count + OWN_CAPS)};
    if (all.rows == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for the caps");
    }
    for (size_t i = 0; i < shown->count; i++) {
        all.rows[all.count++] = shown->rows[i];
    }
    const money_sum top = f->largest_pusd > f->end_pusd ? f->largest_pusd : f->end_pusd;
    const money_sum own[OWN_CAPS] = {0, decile, f->end_pusd, top};
    for (size_t i = 0; i < OWN_CAPS; i++) {
        all.rows[all.count++] = own[i];
    }
    sort_distinct(&all);
    struct utility_cap *const roles = arena_new(arena, struct utility_cap, all.count);
    if (roles == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for the caps");
    }
    for (size_t i = 0; i < all.count; i++) {
        roles[i].curve = i == 0;
        roles[i].step = SIZE_MAX;
    }
    for (size_t i = 0; i < shown->count; i++) {
        struct utility_cap *const role = &roles[place_of(&all, shown->rows[i])];
        role->shown = true;
        role->curve = role->curve || shown->rows[i] <= f->end_pusd;
    }
    f->caps = all.rows;
    f->roles = roles;
    f->count = all.count;
    f->decile_from = place_of(&all, decile);
    f->decile_to = place_of(&all, f->end_pusd);
    return ERR_OK;
}

enum errc utility_caps(struct store *store, const struct utility_request *request,
                       struct arena *arena, struct utility_facts *f, struct err *err)
{
    CHECK(f->closed > 0);
    struct caps shown = {0};
    money_sum decile = 0;
    enum errc code = shown_caps(store, request, arena, f, &shown, err);
    if (code == ERR_OK) {
        sort_distinct(&shown);
        code = decile_begins(store, arena, f, &decile, err);
    }
    return code == ERR_OK ? merge(&shown, decile, arena, f, err) : code;
}

enum errc utility_list_caps(const money_sum *caps, size_t count, struct arena *arena,
                            struct store_value *out, struct err *err)
{
    enum { DIGITS_MAX = 40 };
    char *const text = arena_new(arena, char, count *DIGITS_MAX);
    if (text == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for %zu caps", count);
    }
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        char digits[DIGITS_MAX];
        size_t used = 0;
        money_sum rest = caps[i];
        CHECK(rest >= 0);
        do {
            digits[used++] = (char)('0' + (int)(rest % 10));
            rest /= 10;
        } while (rest > 0);
        if (i > 0) {
            text[size++] = ',';
        }
        while (used > 0) {
            text[size++] = digits[--used];
        }
    }
    *out = STORE_OF_TEXT(((struct str){text, size}));
    return ERR_OK;
}
