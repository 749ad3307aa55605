/* The texts of steps: handed to the model or written by it. Only their fingerprints are kept. */
#include "base/check.h"
#include "wire/wire_priv.h"

void wire_text_begin(struct wire_decoder *decoder)
{
    CHECK(decoder != NULL);
    fingerprints_clear(&decoder->prints);
}

/* A result always leaves a row, so that it is known to have been seen; what the model wrote only
 * where there is something to compare. */
void wire_text_end(struct wire_decoder *decoder, size_t step, enum text_role role)
{
    CHECK(role < TEXT_ROLE_COUNT);
    const struct fingerprints *const prints = &decoder->prints;
    if (decoder->full || (role == TEXT_USE && prints->count == 0)) {
        return;
    }
    uint32_t *rows = NULL;
    if (prints->count > 0) {
        rows = arena_new(decoder->arena, uint32_t, prints->count);
    }
    const size_t at = prints->count > 0 && rows == NULL
                          ? SIZE_MAX
                          : arena_push(decoder->arena, &decoder->trace.texts);
    if (at == SIZE_MAX) {
        decoder->full = true;
        return;
    }
    for (size_t i = 0; i < prints->count; i++) {
        rows[i] = fingerprint_at(prints, i);
    }
    decoder->trace.texts.rows[at] =
        (struct trace_text){.step_index = step, .role = role, .prints = {rows, prints->count}};
}

void wire_text(struct wire_decoder *decoder, size_t step, enum text_role role, struct str text)
{
    wire_text_begin(decoder);
    fingerprints_add(&decoder->prints, text);
    wire_text_end(decoder, step, role);
}

void wire_text_content(struct wire_decoder *decoder, size_t step, enum text_role role,
                       struct json content)
{
    wire_text_begin(decoder);
    if (json_kind(content) == JSON_ARRAY) {
        struct json_cursor cursor = json_iter(content);
        struct json part;
        while (json_next(&cursor, NULL, &part)) {
            const bool is_text = json_kind(part) == JSON_STRING;
            fingerprints_add(&decoder->prints, json_str(is_text ? part : json_get(part, "text")));
        }
    } else {
        fingerprints_add(&decoder->prints, json_str(content));
    }
    wire_text_end(decoder, step, role);
}

void wire_texts_join(struct wire_decoder *decoder, size_t first, size_t step)
{
    CHECK(step < decoder->trace.steps.count);
    for (size_t i = first; i < decoder->trace.texts.count; i++) {
        if (decoder->trace.texts.rows[i].step_index == SIZE_MAX) {
            decoder->trace.texts.rows[i].step_index = step;
        }
    }
}
