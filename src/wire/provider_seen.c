#include "wire/provider_seen.h"

#include "base/check.h"

/* Before the bytes of a piece: index of its source, size. */
enum { SIZE_BYTES = 2, HEAD_BYTES = 1 + SIZE_BYTES, PIECE_BYTES_MAX = UINT16_MAX };

void provider_seen_init(struct provider_seen *seen)
{
    CHECK(seen != NULL);
    *seen = (struct provider_seen){0};
    text_init(&seen->pieces, PROVIDER_SEEN_BYTES_MAX);
}

void provider_seen_deinit(struct provider_seen *seen)
{
    CHECK(seen != NULL);
    text_deinit(&seen->pieces);
}

void provider_seen_clear(struct provider_seen *seen)
{
    CHECK(seen != NULL);
    text_clear(&seen->pieces);
    seen->source_count = 0;
    seen->kept_bytes = 0;
    seen->bytes = 0;
}

static uint8_t index_of(struct provider_seen *seen, uint32_t source)
{
    for (size_t i = seen->source_count; i > 0; i--) {
        if (seen->sources[i - 1] == source) {
            return (uint8_t)(i - 1);
        }
    }
    if (seen->source_count < PROVIDER_SEEN_SOURCES_MAX) {
        seen->sources[seen->source_count++] = source;
    }
    return (uint8_t)(seen->source_count - 1);
}

static size_t size_at(const struct text *pieces, size_t at)
{
    uint16_t size = 0;
    memcpy(&size, pieces->data + at + 1, sizeof size);
    return size;
}

void provider_seen_add(struct provider_seen *seen, uint32_t source, struct str text)
{
    CHECK(seen != NULL);
    struct text *const pieces = &seen->pieces;
    seen->bytes += (int64_t)text.size;
    const uint8_t index = index_of(seen, source);
    while (text.size > 0) {
        const bool goes_on = pieces->size > 0 && (uint8_t)pieces->data[seen->last] == index &&
                             size_at(pieces, seen->last) < PIECE_BYTES_MAX;
        const size_t taken = goes_on ? size_at(pieces, seen->last) : 0;
        const size_t room = pieces->size_max - pieces->size;
        if (room <= HEAD_BYTES) {
            return;
        }
        size_t size = PIECE_BYTES_MAX - taken < text.size ? PIECE_BYTES_MAX - taken : text.size;
        size = size < room - HEAD_BYTES ? size : room - HEAD_BYTES;
        if (!goes_on) {
            seen->last = pieces->size;
            text_char(pieces, (char)index);
            text_repeat(pieces, '\0', SIZE_BYTES);
        }
        const uint16_t whole = (uint16_t)(taken + size);
        text_add(pieces, (struct str){text.data, size});
        memcpy(pieces->data + seen->last + 1, &whole, sizeof whole);
        seen->kept_bytes += (int64_t)size;
        text = (struct str){text.data + size, text.size - size};
    }
}

int64_t provider_seen_tokens(const struct provider_seen *seen, enum tokens_encoding encoding)
{
    CHECK(seen != NULL);
    CHECK(seen->kept_bytes <= seen->bytes);
    const struct text *const pieces = &seen->pieces;
    struct text whole;
    int64_t tokens = 0;
    text_init(&whole, PROVIDER_SEEN_BYTES_MAX);
    for (size_t source = 0; source < seen->source_count; source++) {
        text_clear(&whole);
        for (size_t at = 0; at < pieces->size; at += HEAD_BYTES + size_at(pieces, at)) {
            if ((uint8_t)pieces->data[at] == source) {
                text_add(&whole, (struct str){pieces->data + at + HEAD_BYTES, size_at(pieces, at)});
            }
        }
        tokens += tokens_count(encoding, text_str(&whole));
    }
    text_deinit(&whole);
    if (seen->kept_bytes == 0 || seen->kept_bytes == seen->bytes) {
        return tokens;
    }
    return (int64_t)((double)tokens * (double)seen->bytes / (double)seen->kept_bytes + 0.5);
}
