/*
 * wire_input: one input through a decoder of agent logs, whole, in pieces, and in two runs.
 *
 * Whatever the bytes are, every row it gives keeps the promises of model/trace.h, and how the bytes
 * were cut into pieces changes nothing.
 */
#ifndef FUZZ_WIRE_INPUT_H
#define FUZZ_WIRE_INPUT_H

#include <stdlib.h>

#include "base/check.h"
#include "base/fingerprint.h"
#include "wire/wire.h"

enum { WIRE_INPUT_BYTES_MAX = 1 << 20, WIRE_INPUT_ARENA_BYTES_MAX = 256 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void wire_input_check_step(const struct trace *trace, const struct step *step)
{
    CHECK(step->attempt_index < trace->attempts.count);
    CHECK(trace->attempts.rows[step->attempt_index].case_index < trace->cases.count);
    CHECK(step->identity.size > 0);
    CHECK(step->kind < STEP_KIND_COUNT);
    CHECK(step->status < STATUS_COUNT);
    CHECK(step->effect < EFFECT_COUNT);
    CHECK(step->tier < TIER_COUNT);
    for (int class = 0; class < USAGE_COUNT; class ++) {
        CHECK(step->usage.counts[class] >= 0);
        CHECK(step->usage.counts[class] <= USAGE_TOKENS_MAX);
        CHECK(step->has_usage || step->usage.counts[class] == 0);
    }
    CHECK(step->usage.reasoning >= 0);
    CHECK(step->usage.reasoning <= step->usage.counts[USAGE_OUTPUT]);
    CHECK(!step->has_reported || step->reported_pusd > 0);
    CHECK(step->args_bytes >= 0);
    CHECK(step->result_bytes >= 0);
    CHECK(step->started_ns == TIME_UNKNOWN || step->ended_ns == TIME_UNKNOWN ||
          step->started_ns <= step->ended_ns);
}

static inline void wire_input_check(const struct trace *trace)
{
    for (size_t i = 0; i < trace->cases.count; i++) {
        CHECK(trace->cases.rows[i].id.size > 0);
    }
    for (size_t i = 0; i < trace->attempts.count; i++) {
        CHECK(trace->attempts.rows[i].id.size > 0);
    }
    for (size_t i = 0; i < trace->steps.count; i++) {
        wire_input_check_step(trace, &trace->steps.rows[i]);
    }
    for (size_t i = 0; i < trace->texts.count; i++) {
        const struct trace_text *const text = &trace->texts.rows[i];
        CHECK(text->step_index < trace->steps.count || text->step_index == SIZE_MAX);
        CHECK(text->role < TEXT_ROLE_COUNT);
        CHECK(text->prints.count <= FINGERPRINTS_MAX);
        CHECK(text->role == TEXT_RESULT || text->prints.count > 0);
    }
    for (size_t i = 0; i < trace->outcomes.count; i++) {
        CHECK(trace->outcomes.rows[i].case_id.size > 0);
        CHECK(trace->outcomes.rows[i].id.size > 0);
    }
    CHECK(trace->rejected >= (int64_t)trace->rejects.count);
    for (size_t i = 0; i < trace->rejects.count; i++) {
        CHECK(trace->rejects.rows[i].reason.size > 0);
    }
}

struct wire_input {
    enum wire_format format;
    const char *path;
    const char *bytes;
    size_t size;
    size_t piece;
    bool may_grow;
    struct wire_position start;
};

/* Decode, check, and say how many rows there were. *out_end: where it may go on; may be NULL. */
static inline size_t wire_input_run(const struct wire_input *input, struct wire_position *out_end,
                                    struct arena *arena)
{
    static struct json_parser *parser; /* one for all inputs, as an import has it */
    struct wire_decoder *decoder;
    struct err err;
    if (parser == NULL) {
        json_parser_create(&parser, WIRE_INPUT_BYTES_MAX + JSON_PADDING);
    }
    const struct wire_options options = {.format = input->format,
                                         .path = str_from(input->path),
                                         .arena = arena,
                                         .parser = parser,
                                         .start = input->start};
    CHECK(wire_decoder_create(&decoder, &options, &err) == ERR_OK);
    for (size_t at = (size_t)input->start.offset; at < input->size; at += input->piece) {
        const size_t left = input->size - at;
        const size_t size = left < input->piece ? left : input->piece;
        CHECK(wire_feed(decoder, (struct str){input->bytes + at, size}, left, &err) == ERR_OK);
    }
    CHECK(wire_finish(decoder, input->may_grow, &err) == ERR_OK);
    const struct trace *trace = wire_trace(decoder);
    wire_input_check(trace);
    const size_t rows = trace->steps.count + trace->outcomes.count + (size_t)trace->rejected;
    if (out_end != NULL) {
        CHECK(wire_position(decoder, out_end, &err) == ERR_OK);
        CHECK(out_end->offset <= (int64_t)input->size);
    }
    wire_decoder_destroy(&decoder);
    return rows;
}

static inline int wire_input_all(enum wire_format format, const char *path, const uint8_t *data,
                                 size_t size)
{
    if (size == 0 || size > WIRE_INPUT_BYTES_MAX) {
        return 0;
    }
    char *bytes = malloc(size); /* to the byte, so that a read behind it is found */
    CHECK(bytes != NULL);
    memcpy(bytes, data, size);
    struct arena arena;
    arena_init(&arena, WIRE_INPUT_ARENA_BYTES_MAX);
    struct wire_input input = {
        .format = format, .path = path, .bytes = bytes, .size = size, .piece = size};
    (void)wire_detect(str_from(path), (struct str){bytes, size});
    const size_t rows = wire_input_run(&input, NULL, &arena);
    input.piece = 1 + data[size / 2] % 64;
    CHECK(wire_input_run(&input, NULL, &arena) == rows);

    struct wire_position end;
    struct wire_input first = input;
    first.size = size / 2;
    first.may_grow = true;
    (void)wire_input_run(&first, &end, &arena);
    input.start = end;
    (void)wire_input_run(&input, NULL, &arena);
    arena_deinit(&arena);
    free(bytes);
    return 0;
}

#endif
