/* fuzz_outcomes: any bytes as a body of outcomes, as a document and as lines: each row is kept or
 * told, what is kept can be, and the same bytes give the same rows. */
#include "base/check.h"
#include "base/clock.h"
#include "ingest/outcome_body.h"

enum { INPUT_BYTES_MAX = 1 << 18 };

#define NOW_NS          (INT64_C(20700) * CLOCK_NS_PER_DAY)
#define ARENA_BYTES_MAX ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rows(const struct outcome_rows *rows)
{
    CHECK(rows->count > 0);
    CHECK(rows->count == rows->rejected + (int64_t)rows->trace.outcomes.count);
    CHECK((int64_t)rows->rejects.count <= rows->rejected);
    int64_t last = -1;
    for (size_t i = 0; i < rows->rejects.count; i++) {
        CHECK(rows->rejects.rows[i].index > last);
        CHECK(rows->rejects.rows[i].reason.size > 0);
        last = rows->rejects.rows[i].index;
    }
    CHECK(last < rows->count);
    for (size_t i = 0; i < rows->trace.outcomes.count; i++) {
        const struct outcome *const outcome = &rows->trace.outcomes.rows[i];
        CHECK(outcome->case_id.size > 0);
        CHECK(outcome->status <= OUTCOME_CANDIDATE);
        CHECK(outcome->value_pusd >= 0);
        CHECK(outcome->human_ms >= 0);
        CHECK(!(outcome->quality < 0) && !(outcome->quality > 1));
        CHECK(outcome->effective_ns <= NOW_NS + CLOCK_NS_PER_DAY);
        CHECK(outcome->recorded_ns <= NOW_NS + CLOCK_NS_PER_DAY);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_BYTES_MAX) {
        return 0;
    }
    for (int form = 0; form < 3; form++) {
        struct arena arenas[2];
        struct outcome_rows rows[2];
        enum errc codes[2];
        struct err err;
        const struct outcome_body body = {.text = {(const char *)data, size},
                                          .workflow = form == 2 ? STR("w") : STR(""),
                                          .is_lines = form > 0,
                                          .received_ns = NOW_NS};
        for (int i = 0; i < 2; i++) {
            arena_init(&arenas[i], ARENA_BYTES_MAX);
            codes[i] = ingest_outcome_body(&body, &arenas[i], &rows[i], &err);
        }
        CHECK(codes[0] == codes[1]);
        if (codes[0] == ERR_OK) {
            check_rows(&rows[0]);
            CHECK(rows[0].count == rows[1].count);
            CHECK(rows[0].rejected == rows[1].rejected);
        } else {
            CHECK(codes[0] == ERR_SYNTAX || codes[0] == ERR_LIMIT);
        }
        arena_deinit(&arenas[0]);
        arena_deinit(&arenas[1]);
    }
    return 0;
}
