/* What was kept of a case's calls, found by the names of its steps. */
#include <stdlib.h>

#include "api/api_priv.h"
#include "api/explain_priv.h"
#include "base/check.h"
#include "base/hash.h"
#include "store/body_log.h"

/* A name of a step, and which step that is. */
struct name {
    struct hash128 key;
    int64_t attempt;
    int64_t number;
};

struct finding {
    const struct name *names; /* by key */
    size_t name_count;
    struct arena *arena;
    struct {
        struct explain_body *rows;
        size_t count;
        size_t capacity;
    } bodies;
    bool is_full;
};

static int by_key(const void *a, const void *b)
{
    return body_key_compare(&((const struct name *)a)->key, &((const struct name *)b)->key);
}

static bool take(void *context, const struct body_record *record)
{
    struct finding *const finding = context;
    const struct name wanted = {.key = record->key};
    const struct name *const name =
        bsearch(&wanted, finding->names, finding->name_count, sizeof wanted, by_key);
    if (name == NULL) {
        return true;
    }
    const size_t at = arena_push(finding->arena, &finding->bodies);
    struct str document = {0};
    if (at != SIZE_MAX && record->bytes.data != NULL) {
        document = arena_copy(finding->arena, record->bytes);
    }
    if (at == SIZE_MAX || (record->bytes.data != NULL && document.data == NULL)) {
        finding->is_full = true;
        return false;
    }
    finding->bodies.rows[at] = (struct explain_body){.attempt = name->attempt,
                                                     .number = name->number,
                                                     .kept_ns = record->kept_ns,
                                                     .ends_ns = record->ends_ns,
                                                     .size = (int64_t)record->bytes.size,
                                                     .document = document};
    return true;
}

static int by_step(const void *a, const void *b)
{
    const struct explain_body *const x = a;
    const struct explain_body *const y = b;
    const int64_t left[] = {x->attempt, x->number, x->kept_ns};
    const int64_t right[] = {y->attempt, y->number, y->kept_ns};
    for (size_t i = 0; i < COUNT_OF(left); i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}

enum errc explain_read_bodies(struct store *store, const struct explain_request *request,
                              uint64_t case_key, struct arena *arena, struct explain *explain,
                              struct err *err)
{
    enum { AT_ATTEMPT, AT_NUMBER, AT_NAME };
    const struct store_value value = STORE_OF_UINT64(case_key);
    struct store_result rows;
    enum errc code = store_run(store, QUERY_explain_names, &value, 1, arena, &rows, err);
    if (code != ERR_OK || rows.rows == 0) {
        return code;
    }
    struct name *const names = arena_new(arena, struct name, rows.rows);
    struct hash128 *const keys = arena_new(arena, struct hash128, rows.rows);
    if (names == NULL || keys == NULL) {
        return explain_full(arena, err);
    }
    for (size_t i = 0; i < rows.rows; i++) {
        names[i] = (struct name){.key = store_key(&rows, i, AT_NAME),
                                 .attempt = store_int64(&rows, i, AT_ATTEMPT, 0),
                                 .number = store_int64(&rows, i, AT_NUMBER, 0)};
    }
    qsort(names, rows.rows, sizeof *names, by_key);
    for (size_t i = 0; i < rows.rows; i++) {
        keys[i] = names[i].key;
    }
    struct finding finding = {.names = names, .name_count = rows.rows, .arena = arena};
    const struct body_log_query query = {.choice = {.keys = keys, .key_count = rows.rows},
                                         .now_ns = request->now_ns,
                                         .with_bytes = request->with_bodies};
    struct body_log_walked walked;
    code = body_log_walk(request->home, &query, take, &finding, &walked, err);
    if (code == ERR_OK && finding.is_full) {
        return explain_full(arena, err);
    }
    if (code == ERR_OK && finding.bodies.count > 0) {
        qsort(finding.bodies.rows, finding.bodies.count, sizeof *finding.bodies.rows, by_step);
    }
    if (code == ERR_OK) {
        explain->bodies = finding.bodies.rows;
        explain->body_count = finding.bodies.count;
        explain->bodies_damaged = walked.damaged;
    }
    return code;
}

const struct explain_body *api_explain_body(const struct explain *explain, int64_t attempt,
                                            int64_t number)
{
    CHECK(explain != NULL);
    size_t low = 0;
    size_t high = explain->body_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct explain_body *const body = &explain->bodies[middle];
        const bool is_before =
            body->attempt < attempt || (body->attempt == attempt && body->number < number);
        low = is_before ? middle + 1 : low;
        high = is_before ? high : middle;
    }
    const struct explain_body *const found = &explain->bodies[low];
    return low < explain->body_count && found->attempt == attempt && found->number == number ? found
                                                                                             : NULL;
}
