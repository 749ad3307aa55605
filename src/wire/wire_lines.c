/*
 * Lines out of pieces. A line that lies whole in a piece is parsed where it is; one that is cut is
 * carried over; one longer than WIRE_LINE_BYTES_MAX is rejected at that point, its rest skipped
 * without being kept. `offset` and `line` always name the line being read.
 */
#include "base/check.h"
#include "wire/wire_priv.h"

static bool is_blank(struct str text)
{
    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        if (c != ' ' && c != '\t' && c != '\r') {
            return false;
        }
    }
    return true;
}

static void take_line(struct wire_decoder *decoder, struct str text, size_t readable)
{
    CHECK(decoder->ops->record != NULL);
    static const struct str mark = STR_STATIC("\xef\xbb\xbf"); /* some editors put it first */
    if (decoder->line == 1 && str_starts_with(text, mark)) {
        text.data += mark.size;
        text.size -= mark.size;
        readable -= mark.size;
    }
    if (is_blank(text)) {
        return;
    }
    struct err err;
    struct json root;
    if (json_parse(decoder->parser, text, readable, &root, &err) != ERR_OK) {
        wire_reject(decoder, decoder->line, "%s", err.text);
    } else if (json_kind(root) != JSON_OBJECT) {
        wire_reject(decoder, decoder->line, "not a JSON object");
    } else {
        decoder->text = text;
        decoder->ops->record(decoder, root);
        decoder->text = (struct str){0};
    }
}

/* The line that ends here, `size` bytes with its newline. */
static void end_line(struct wire_decoder *decoder, int64_t size)
{
    CHECK(size >= 0);
    decoder->trace.lines++;
    decoder->offset += size;
    decoder->line++;
}

static void reject_long(struct wire_decoder *decoder)
{
    wire_reject(decoder, decoder->line, "the line is longer than the %d MiB allowed",
                WIRE_LINE_BYTES_MAX >> 20);
}

/* Keep what has come of a line that is not whole yet. */
static void carry(struct wire_decoder *decoder, struct str bytes)
{
    if (!decoder->skipping && decoder->carry.size + bytes.size > WIRE_LINE_BYTES_MAX) {
        reject_long(decoder);
        decoder->skipping = true;
        decoder->skipped = (int64_t)decoder->carry.size;
        text_deinit(&decoder->carry);
    }
    if (decoder->skipping) {
        decoder->skipped += (int64_t)bytes.size;
    } else {
        text_add(&decoder->carry, bytes);
        CHECK(!text_is_full(&decoder->carry));
    }
}

static void take_carried(struct wire_decoder *decoder)
{
    CHECK(!decoder->skipping);
    const size_t size = decoder->carry.size;
    text_repeat(&decoder->carry, '\0', JSON_PADDING);
    CHECK(!text_is_full(&decoder->carry));
    take_line(decoder, (struct str){decoder->carry.data, size}, size + JSON_PADDING);
    text_clear(&decoder->carry);
}

void wire_lines_feed(struct wire_decoder *decoder, struct str bytes, size_t readable)
{
    CHECK(readable >= bytes.size);
    while (bytes.size > 0 && !decoder->full) {
        const char *newline = memchr(bytes.data, '\n', bytes.size);
        if (newline == NULL) {
            carry(decoder, bytes);
            return;
        }
        const struct str text = {bytes.data, (size_t)(newline - bytes.data)};
        if (decoder->skipping || decoder->carry.size > 0) {
            carry(decoder, text);
            const int64_t size = (int64_t)decoder->carry.size + decoder->skipped + 1;
            if (!decoder->skipping) {
                take_carried(decoder);
            }
            decoder->skipping = false;
            decoder->skipped = 0;
            end_line(decoder, size);
        } else {
            if (text.size > WIRE_LINE_BYTES_MAX) {
                reject_long(decoder);
            } else {
                take_line(decoder, text, readable);
            }
            end_line(decoder, (int64_t)text.size + 1);
        }
        bytes.data += text.size + 1;
        bytes.size -= text.size + 1;
        readable -= text.size + 1;
    }
}

void wire_lines_finish(struct wire_decoder *decoder, bool may_grow)
{
    CHECK(!decoder->finished);
    if (decoder->carry.size > 0 && !may_grow && !decoder->full) {
        const int64_t size = (int64_t)decoder->carry.size;
        take_carried(decoder);
        end_line(decoder, size);
    }
}
