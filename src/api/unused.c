#include "api/unused.h"

#include "base/check.h"

/* Results of a workflow that are asked how common a run of words is; of more, a share by key. */
enum { RESULTS_ASKED_MAX = 65536 };
/* From so many on, one of a hundred is more than one. Source: economics.md section 6. */
enum { RESULTS_RATED_MIN = 100 };

/* Columns of QUERY_unused_states. */
enum { STATE, STATE_RESULTS, STATE_TOKENS, STATE_COST, STATE_UNPRICED };

enum errc unused_read(struct store *store, const struct api_request *request, struct arena *arena,
                      struct unused *out, struct err *err)
{
    CHECK(request != NULL);
    CHECK(out != NULL);
    const struct store_value values[] = {
        STORE_OF_TEXT(request->workflow),
        STORE_OF_INT64(request->as_of_ns),
        STORE_OF_INT64(RESULTS_ASKED_MAX),
        STORE_OF_INT64(RESULTS_RATED_MIN),
    };
    struct store_result states;
    struct store_result all;
    enum errc code = store_execute(store, QUERY_unused_create, values, COUNT_OF(values), NULL, err);
    if (code == ERR_OK) {
        code = store_run(store, QUERY_unused_states, NULL, 0, arena, &states, err);
    }
    if (code == ERR_OK) {
        code = store_run(store, QUERY_unused_count, values, 2, arena, &all, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    struct unused unused = {.results = store_int64(&all, 0, 0, 0)};
    int64_t seen = 0;
    for (size_t row = 0; row < states.rows; row++) {
        const int64_t state = store_int64(&states, row, STATE, -1);
        CHECK(state >= 0);
        CHECK(state < UNUSED_STATE_COUNT);
        unused.states[state] = store_int64(&states, row, STATE_RESULTS, 0);
        seen += unused.states[state];
        const int64_t tokens = store_int64(&states, row, STATE_TOKENS, 0);
        if (state == UNUSED_USED || state == UNUSED_UNUSED) {
            unused.judged += unused.states[state];
            unused.judged_tokens += tokens;
        }
        if (state == UNUSED_UNUSED) {
            unused.tokens = tokens;
            unused.usd = (double)store_sum(&states, row, STATE_COST) / 1e12;
            unused.is_incomplete = store_int64(&states, row, STATE_UNPRICED, 0) > 0;
        }
    }
    CHECK(seen <= unused.results);
    unused.unseen = unused.results - seen;
    *out = unused;
    return ERR_OK;
}
