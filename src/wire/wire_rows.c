#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "base/hash.h"
#include "wire/wire_priv.h"

enum { INDEX_CAPACITY_MIN = 64 };

static uint64_t key_hash(struct str key)
{
    const uint64_t hash = hash64(key);
    return hash != 0 ? hash : 1;
}

static size_t slot_of(const struct wire_index *index, struct str key, uint64_t hash)
{
    CHECK(index->count < index->capacity);
    size_t at = hash & (index->capacity - 1);
    while (index->slots[at].hash != 0 &&
           (index->slots[at].hash != hash || !str_equal(index->slots[at].key, key))) {
        at = (at + 1) & (index->capacity - 1);
    }
    return at;
}

size_t wire_index_find(const struct wire_index *index, struct str key)
{
    CHECK(index != NULL);
    if (index->capacity == 0) {
        return SIZE_MAX;
    }
    const struct wire_slot *slot = &index->slots[slot_of(index, key, key_hash(key))];
    return slot->hash != 0 ? slot->value : SIZE_MAX;
}

static bool grow(struct wire_index *index, struct arena *arena)
{
    CHECK((index->capacity & (index->capacity - 1)) == 0);
    struct wire_index grown = {.count = index->count};
    grown.capacity = index->capacity > 0 ? index->capacity * 2 : INDEX_CAPACITY_MIN;
    grown.slots = arena_new(arena, struct wire_slot, grown.capacity);
    if (grown.slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < index->capacity; i++) {
        const struct wire_slot *slot = &index->slots[i];
        if (slot->hash != 0) {
            grown.slots[slot_of(&grown, slot->key, slot->hash)] = *slot;
        }
    }
    *index = grown;
    return true;
}

bool wire_index_add(struct wire_index *index, struct arena *arena, struct str key, size_t value)
{
    CHECK(index != NULL);
    if (index->count * 4 >= index->capacity * 3 && !grow(index, arena)) {
        return false;
    }
    const uint64_t hash = key_hash(key);
    struct wire_slot *slot = &index->slots[slot_of(index, key, hash)];
    CHECK(slot->hash == 0);
    *slot = (struct wire_slot){hash, key, value};
    index->count++;
    return true;
}

struct str wire_copy(struct wire_decoder *decoder, struct str text)
{
    CHECK(decoder != NULL);
    if (text.size == 0 || decoder->full) {
        return (struct str){0};
    }
    const struct str copy = arena_copy(decoder->arena, text);
    decoder->full = copy.data == NULL;
    return copy;
}

struct str wire_intern(struct wire_decoder *decoder, struct str text)
{
    CHECK(decoder != NULL);
    if (text.size == 0 || decoder->full) {
        return (struct str){0};
    }
    if (text.size > WIRE_ID_BYTES_MAX) {
        text.size = WIRE_ID_BYTES_MAX;
    }
    const uint64_t hash = key_hash(text);
    struct wire_index *strings = &decoder->strings;
    if (strings->capacity > 0) {
        const struct wire_slot *slot = &strings->slots[slot_of(strings, text, hash)];
        if (slot->hash != 0) {
            return slot->key;
        }
    }
    const struct str copy = wire_copy(decoder, text);
    if (copy.data != NULL && !wire_index_add(strings, decoder->arena, copy, 0)) {
        decoder->full = true;
    }
    return copy;
}

struct str wire_format_copy(struct wire_decoder *decoder, const char *format, ...)
{
    char text[2 * WIRE_ID_BYTES_MAX + 256];
    va_list args;
    va_start(args, format);
    const int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    CHECK(size >= 0);
    const size_t kept = (size_t)size < sizeof text ? (size_t)size : sizeof text - 1;
    return wire_copy(decoder, (struct str){text, kept});
}

struct str wire_shorten(struct wire_decoder *decoder, struct str text, size_t size)
{
    CHECK(size > 0);
    text = str_trim(text);
    const char *newline = text.size > 0 ? memchr(text.data, '\n', text.size) : NULL;
    if (newline != NULL) {
        text.size = (size_t)(newline - text.data);
    }
    if (text.size > size) {
        text.size = size;
        while (text.size > 0 && ((unsigned char)text.data[text.size] & 0xc0) == 0x80) {
            text.size--;
        }
    }
    return wire_copy(decoder, text);
}

void wire_reject(struct wire_decoder *decoder, int64_t line, const char *format, ...)
{
    CHECK(decoder != NULL);
    decoder->trace.rejected++;
    if (decoder->full || decoder->trace.rejects.count >= TRACE_REJECTS_MAX) {
        return;
    }
    char text[ERR_TEXT_BYTES_MAX];
    va_list args;
    va_start(args, format);
    const int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    CHECK(size > 0);
    const size_t kept = (size_t)size < sizeof text ? (size_t)size : sizeof text - 1;
    const struct str reason = wire_copy(decoder, (struct str){text, kept});
    const size_t row =
        decoder->full ? SIZE_MAX : arena_push(decoder->arena, &decoder->trace.rejects);
    if (row == SIZE_MAX) {
        decoder->full = true;
        return;
    }
    decoder->trace.rejects.rows[row] = (struct reject){line, reason};
}

void wire_case_attributes(struct wire_decoder *decoder, size_t case_index,
                          const struct attribute *attributes, size_t count)
{
    size_t filled = 0;
    for (size_t i = 0; i < count; i++) {
        filled += attributes[i].value.size > 0;
    }
    if (filled == 0 || decoder->full) {
        return;
    }
    struct attribute *copies = arena_new(decoder->arena, struct attribute, filled);
    if (copies == NULL) {
        decoder->full = true;
        return;
    }
    filled = 0;
    for (size_t i = 0; i < count; i++) {
        if (attributes[i].value.size > 0) {
            copies[filled++] = attributes[i];
        }
    }
    CHECK(case_index < decoder->trace.cases.count);
    decoder->trace.cases.rows[case_index].attributes = copies;
    decoder->trace.cases.rows[case_index].attribute_count = filled;
}

size_t wire_case(struct wire_decoder *decoder, struct str id, struct str input_key,
                 const struct attribute *attributes, size_t count)
{
    CHECK(decoder->full || id.size > 0);
    const size_t row = decoder->full ? SIZE_MAX : arena_push(decoder->arena, &decoder->trace.cases);
    if (row == SIZE_MAX) {
        decoder->full = true;
        return SIZE_MAX;
    }
    decoder->trace.cases.rows[row] = (struct trace_case){.id = id, .input_key = input_key};
    wire_case_attributes(decoder, row, attributes, count);
    return row;
}

size_t wire_attempt_of(struct wire_decoder *decoder, size_t case_index, struct str id,
                       struct str agent)
{
    CHECK(decoder->full || case_index < decoder->trace.cases.count);
    const size_t row =
        decoder->full ? SIZE_MAX : arena_push(decoder->arena, &decoder->trace.attempts);
    if (row == SIZE_MAX) {
        decoder->full = true;
        return SIZE_MAX;
    }
    decoder->trace.attempts.rows[row] =
        (struct attempt){.case_index = case_index, .id = id, .agent = agent};
    return row;
}

struct str wire_identity(char buffer[static WIRE_ID_BYTES_MAX], const char *prefix, struct str id)
{
    CHECK(prefix != NULL);
    const size_t before = strlen(prefix);
    if (id.size == 0 || before + id.size > WIRE_ID_BYTES_MAX) {
        return (struct str){0};
    }
    memcpy(buffer, prefix, before);
    memcpy(buffer + before, id.data, id.size);
    return (struct str){buffer, before + id.size};
}

size_t wire_step_find(const struct wire_decoder *decoder, struct str identity)
{
    CHECK(decoder != NULL);
    return wire_index_find(&decoder->steps, identity);
}

size_t wire_step_new(struct wire_decoder *decoder, size_t attempt_index, enum step_kind kind,
                     struct str identity)
{
    CHECK(identity.size > 0);
    const struct str copy = wire_copy(decoder, identity);
    const size_t row = decoder->full ? SIZE_MAX : arena_push(decoder->arena, &decoder->trace.steps);
    const size_t extra = row == SIZE_MAX ? row : arena_push(decoder->arena, &decoder->extras);
    if (extra == SIZE_MAX || !wire_index_add(&decoder->steps, decoder->arena, copy, row)) {
        decoder->full = true;
        return SIZE_MAX;
    }
    CHECK(extra == row);
    decoder->extras.rows[row] = (struct step_extra){.unit = SIZE_MAX};
    decoder->trace.steps.rows[row] = (struct step){
        .attempt_index = attempt_index,
        .kind = kind,
        .identity = copy,
        .sequence = decoder->line,
        .line = decoder->line,
        .started_ns = TIME_UNKNOWN,
        .ended_ns = TIME_UNKNOWN,
    };
    return row;
}

struct step *wire_step(struct wire_decoder *decoder, size_t index)
{
    CHECK(index < decoder->trace.steps.count);
    return &decoder->trace.steps.rows[index];
}

size_t wire_unit_open(struct wire_decoder *decoder)
{
    const struct unit here = {.offset = decoder->offset, .line = decoder->line - 1};
    return wire_unit_open_at(decoder, &here);
}

size_t wire_unit_open_at(struct wire_decoder *decoder, const struct unit *place)
{
    CHECK(place != NULL);
    const size_t row = decoder->full ? SIZE_MAX : arena_push(decoder->arena, &decoder->units);
    if (row == SIZE_MAX) {
        decoder->full = true;
        return SIZE_MAX;
    }
    decoder->units.rows[row] = *place;
    return row;
}

void wire_unit_close(struct wire_decoder *decoder, size_t unit)
{
    CHECK(unit < decoder->units.count);
    decoder->units.rows[unit].closed = true;
    while (decoder->unit_first < decoder->units.count &&
           decoder->units.rows[decoder->unit_first].closed) {
        decoder->unit_first++;
    }
}

void wire_step_close(struct wire_decoder *decoder, size_t step)
{
    CHECK(step < decoder->extras.count);
    if (decoder->extras.rows[step].unit != SIZE_MAX) {
        wire_unit_close(decoder, decoder->extras.rows[step].unit);
        decoder->extras.rows[step].unit = SIZE_MAX;
    }
}

void wire_candidate(struct wire_decoder *decoder, struct str id, size_t attempt_index,
                    const char *source, struct str reference, int64_t effective_ns)
{
    CHECK(id.size > 0);
    if (decoder->full || wire_index_find(&decoder->outcomes, id) != SIZE_MAX) {
        return;
    }
    const struct str copy = wire_copy(decoder, id);
    const struct str cited = wire_copy(decoder, reference);
    const size_t row =
        decoder->full ? SIZE_MAX : arena_push(decoder->arena, &decoder->trace.outcomes);
    if (row == SIZE_MAX || !wire_index_add(&decoder->outcomes, decoder->arena, copy, row)) {
        decoder->full = true;
        return;
    }
    const size_t case_index = decoder->trace.attempts.rows[attempt_index].case_index;
    decoder->trace.outcomes.rows[row] = (struct outcome){
        .id = copy,
        .case_id = decoder->trace.cases.rows[case_index].id,
        .status = OUTCOME_CANDIDATE,
        .effective_ns = effective_ns,
        .recorded_ns = TIME_UNKNOWN,
        .source = str_from(source),
        .reference = cited,
        .line = decoder->line,
    };
}
