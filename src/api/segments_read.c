/* Closed cases and their attributes, as the codes that the search counts. */
#include <math.h>

#include "api/segments_priv.h"
#include "base/check.h"

#define COST_UNITS_MAX 2147483647.0 /* of a case: squares fit 64 bits */
#define ID_SHARE_TEXT  0.5          /* values a case from which a text is a name, not a kind */
#define ID_SHARE_WHOLE 0.95         /* the same of whole numbers */

static const char *const is_id = "nearly every case has a value of its own";
static const char *const is_beyond = "more attributes than are searched";
static const char *const is_constant = "all cases have the same value";

static enum errc read_totals(struct segments_search *s, struct err *err)
{
    struct store_result r;
    const enum errc code = store_run(s->store, QUERY_segments_totals, NULL, 0, s->scratch, &r, err);
    if (code != ERR_OK) {
        return code;
    }
    s->figures.cases = s->figures.closed = store_int64(&r, 0, 0, 0);
    s->figures.resolved = store_int64(&r, 0, 1, 0);
    s->figures.named_by_session = store_int64(&r, 0, 2, 0);
    const double most = store_real(&r, 0, 3, 0);
    s->scale = most > 0 ? COST_UNITS_MAX / most : 1;
    const double share = SEGMENTS_SUPPORT_SHARE * (double)s->figures.closed;
    s->segments.support_min =
        share > SEGMENTS_SUPPORT_LEAST ? (int64_t)ceil(share) : SEGMENTS_SUPPORT_LEAST;
    return ERR_OK;
}

/* NULL: it is searched. */
static const char *why_left_out(struct segments_name *n, int64_t whole, int64_t closed)
{
    if (n->values == 1 && n->cases == closed) {
        return is_constant;
    }
    if (n->values <= SEGMENTS_VALUES_MAX) {
        n->is_number = false;
        return NULL;
    }
    const double share = (double)n->values / (double)n->cases;
    if (n->is_number) {
        return whole == n->values && share >= ID_SHARE_WHOLE ? is_id : NULL;
    }
    return share > ID_SHARE_TEXT ? is_id : NULL;
}

static enum errc choose(struct segments_search *s, struct err *err)
{
    struct store_result r;
    const struct store_value most = STORE_OF_INT64(ATTRIBUTES_LISTED_MAX);
    enum errc code = store_run(s->store, QUERY_segments_attributes, &most, 1, s->arena, &r, err);
    if (code != ERR_OK || r.rows == 0) {
        return code;
    }
    struct segments_name *const names = arena_new(s->arena, struct segments_name, r.rows);
    if (names == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for %zu attributes", r.rows);
    }
    size_t left_out = 0;
    for (size_t row = 0; row < r.rows; row++) {
        struct segments_name n = {.name = store_text(&r, row, 0),
                                  .values = store_int64(&r, row, 1, 0),
                                  .cases = store_int64(&r, row, 2, 0)};
        n.is_number = store_int64(&r, row, 3, 0) == n.values;
        n.left_out = why_left_out(&n, store_int64(&r, row, 4, 0), s->figures.closed);
        if (n.left_out == NULL && s->attribute_count == SEGMENTS_ATTRIBUTES_MAX) {
            n.left_out = is_beyond;
        }
        if (n.left_out == NULL) {
            names[s->attribute_count++] = n;
        } else {
            names[r.rows - ++left_out] = n;
        }
    }
    s->names = names;
    s->name_count = r.rows;
    s->names_all = store_int64(&r, 0, 5, 0);
    return ERR_OK;
}

static enum errc write_chosen(struct segments_search *s, struct err *err)
{
    enum errc code = store_execute(s->store, QUERY_segments_chosen_create, NULL, 0, NULL, err);
    for (size_t i = 0; i < s->attribute_count && code == ERR_OK; i++) {
        const struct store_value values[] = {STORE_OF_TEXT(s->names[i].name),
                                             STORE_OF_INT64((int64_t)i),
                                             STORE_OF_INT64(s->names[i].is_number)};
        code =
            store_execute(s->store, QUERY_segments_chosen_add, values, COUNT_OF(values), NULL, err);
    }
    if (code == ERR_OK) {
        code = store_execute(s->store, QUERY_segments_cuts_create, NULL, 0, NULL, err);
    }
    if (code == ERR_OK) {
        const struct store_value least = STORE_OF_INT64(s->segments.support_min);
        code = store_execute(s->store, QUERY_segments_codes_create, &least, 1, NULL, err);
    }
    return code;
}

static void add_range(struct segments_attribute *a, size_t first, size_t last)
{
    CHECK(a->range_count < SEGMENTS_RANGES_MAX);
    CHECK(first <= last);
    a->ranges[a->range_count++] = (struct segments_range){(uint8_t)first, (uint8_t)last};
}

/* Which tests the attributes allow. */
static enum errc read_codes(struct segments_search *s, struct err *err)
{
    struct store_result r;
    enum errc code = store_run(s->store, QUERY_segments_codes, NULL, 0, s->arena, &r, err);
    for (size_t row = 0; code == ERR_OK && row < r.rows; row++) {
        const size_t slot = (size_t)store_int64(&r, row, 0, 0);
        const size_t at = (size_t)store_int64(&r, row, 1, 0);
        CHECK(slot < s->attribute_count);
        CHECK(at < SEGMENTS_CODES);
        struct segments_attribute *const a = &s->attributes[slot];
        struct segments_name *const n = &s->names[slot];
        a->code_count++;
        if (n->is_number) {
            continue;
        }
        if (at == SEGMENTS_CODE_OTHER) {
            n->pooled = store_int64(&r, row, 4, 0);
        } else {
            n->texts[at] = store_text(&r, row, 2);
            add_range(a, at, at);
        }
    }
    if (code == ERR_OK) {
        code = store_run(s->store, QUERY_segments_cuts, NULL, 0, s->scratch, &r, err);
    }
    for (size_t row = 0; code == ERR_OK && row < r.rows; row++) {
        struct segments_name *const n = &s->names[store_int64(&r, row, 0, 0)];
        CHECK(n->cut_count < SEGMENTS_CUTS_MAX);
        n->cuts[n->cut_count++] = store_real(&r, row, 1, 0);
    }
    for (size_t i = 0; code == ERR_OK && i < s->attribute_count; i++) {
        struct segments_attribute *const a = &s->attributes[i];
        const size_t cuts = s->names[i].cut_count;
        for (size_t cut = 1; cut <= cuts; cut++) {
            add_range(a, 1, cut);
            add_range(a, cut + 1, cuts + 1);
        }
        const int64_t missing = s->figures.closed - s->names[i].cases;
        a->code_count += missing > 0;
        if (missing >= s->segments.support_min) {
            add_range(a, SEGMENTS_CODE_NONE, SEGMENTS_CODE_NONE);
        }
    }
    return code;
}

enum errc segments_read(struct segments_search *search, struct err *err)
{
    CHECK(search != NULL);
    const struct store_value closed[] = {STORE_OF_TEXT(search->request->workflow),
                                         STORE_OF_UINT64(STATS_BOOTSTRAP_SEED)};
    enum errc code =
        store_execute(search->store, QUERY_segments_closed, closed, COUNT_OF(closed), NULL, err);
    if (code == ERR_OK) {
        code = read_totals(search, err);
    }
    if (code == ERR_OK) {
        code = store_execute(search->store, QUERY_segments_values, NULL, 0, NULL, err);
    }
    if (code == ERR_OK) {
        code = choose(search, err);
    }
    if (code == ERR_OK) {
        code = write_chosen(search, err);
    }
    if (code == ERR_OK) {
        code = read_codes(search, err);
    }
    if (code == ERR_OK) {
        const struct store_value scale = STORE_OF_DOUBLE(search->scale);
        code = store_execute(search->store, QUERY_segments_cases, &scale, 1, NULL, err);
    }
    return code;
}
