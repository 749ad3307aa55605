/* The texts of steps: handed to the model or written by it. Only their fingerprints are kept. */
#include "base/check.h"
#include "base/hash.h"
#include "wire/wire_priv.h"

void wire_text_begin(struct wire_decoder *decoder)
{
    CHECK(decoder != NULL);
    fingerprints_clear(&decoder->prints);
}

/* The text's place among those of its step; false: it has that text already, or too many. */
static bool link_text(struct wire_decoder *decoder, size_t at, size_t step)
{
    CHECK(step < decoder->extras.count);
    const struct trace_text *const rows = decoder->trace.texts.rows;
    const size_t last = decoder->extras.rows[step].text;
    size_t count = 0;
    for (size_t next = last; next > 0; next = decoder->texts_before.rows[next - 1]) {
        const struct trace_text *const other = &rows[next - 1];
        count++;
        if ((other->role == rows[at].role && other->hash == rows[at].hash) ||
            count == WIRE_TEXTS_MAX) {
            return false;
        }
    }
    decoder->texts_before.rows[at] = last;
    decoder->extras.rows[step].text = at + 1;
    return true;
}

static size_t new_row(struct wire_decoder *decoder)
{
    const size_t at = arena_push(decoder->arena, &decoder->trace.texts);
    const size_t before = at == SIZE_MAX ? at : arena_push(decoder->arena, &decoder->texts_before);
    decoder->full = before == SIZE_MAX;
    return before;
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
        decoder->full = rows == NULL;
    }
    const size_t at = decoder->full ? SIZE_MAX : new_row(decoder);
    if (at == SIZE_MAX) {
        return;
    }
    for (size_t i = 0; i < prints->count; i++) {
        rows[i] = fingerprint_at(prints, i);
    }
    decoder->trace.texts.rows[at] = (struct trace_text){
        .step_index = step,
        .role = role,
        .hash = hash64((struct str){(const char *)rows, prints->count * sizeof rows[0]}),
        .prints = {rows, prints->count}};
    if (step != SIZE_MAX && !link_text(decoder, at, step)) {
        decoder->trace.texts.rows[at].step_index = SIZE_MAX;
    }
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
        const bool waits = decoder->trace.texts.rows[i].step_index == SIZE_MAX;
        if (waits && link_text(decoder, i, step)) {
            decoder->trace.texts.rows[i].step_index = step;
        }
    }
}
