/*
 * otlp_input: one input as an export request of each signal.
 *
 * Whatever the bytes are, the rows keep the promises of model/trace.h, the counts agree with them,
 * and decoding them again gives the same.
 */
#ifndef FUZZ_OTLP_INPUT_H
#define FUZZ_OTLP_INPUT_H

#include "wire/otlp.h"
#include "wire_input.h"

static inline void otlp_input_run(struct otlp *otlp, const struct otlp_request *request)
{
    struct err err;
    struct trace traces[2];
    struct otlp_counts counts[2];
    struct arena arena;
    arena_init(&arena, WIRE_INPUT_ARENA_BYTES_MAX);
    const enum errc code = otlp_decode(otlp, request, &arena, &traces[0], &counts[0], &err);
    CHECK(otlp_decode(otlp, request, &arena, &traces[1], &counts[1], &err) == code);
    struct otlp_counts checked;
    CHECK(otlp_check(otlp, request, &arena, &checked, &err) == code);
    if (code == ERR_OK) {
        CHECK(checked.accepted == counts[0].accepted);
        CHECK(checked.rejected == counts[0].rejected);
        const struct trace *const trace = &traces[0];
        wire_input_check(trace);
        for (size_t i = 0; i < trace->steps.count; i++) {
            CHECK(trace->steps.rows[i].has_channel);
            CHECK(str_equal(trace->steps.rows[i].identity, traces[1].steps.rows[i].identity));
        }
        CHECK(trace->steps.count == traces[1].steps.count);
        CHECK(trace->cases.count == traces[1].cases.count);
        CHECK(counts[0].accepted >= 0);
        CHECK(counts[0].accepted >= (int64_t)trace->steps.count);
        CHECK(counts[0].accepted >= counts[0].ignored);
        CHECK((counts[0].rejected > 0) == (counts[0].message[0] != '\0'));
    }
    arena_deinit(&arena);
}

static inline int otlp_input_all(enum otlp_encoding encoding, const uint8_t *data, size_t size)
{
    static struct otlp *otlp; /* one for all inputs, as a receiver has it */
    if (size > WIRE_INPUT_BYTES_MAX) {
        return 0;
    }
    if (otlp == NULL) {
        otlp_create(&otlp);
    }
    for (int signal = 0; signal < OTLP_SIGNAL_COUNT; signal++) {
        const struct otlp_request request = {.signal = (enum otlp_signal)signal,
                                             .encoding = encoding,
                                             .bytes = {(const char *)data, size},
                                             .readable = size};
        otlp_input_run(otlp, &request);
    }
    return encoding == OTLP_PROTOBUF ? wire_input_all(WIRE_OTLP, "t.pb", data, size)
                                     : wire_input_all(WIRE_OTLP, "t.jsonl", data, size);
}

#endif
