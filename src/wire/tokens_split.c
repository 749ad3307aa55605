/*
 * Where a text is cut before tokens are looked for: the patterns of OpenAI's encodings, by hand,
 * as what a regular expression would find, in one pass and without going back but a character.
 *
 * Source: tiktoken 0.14.0, openai_public.py, cl100k_base and o200k_base. What is not UTF-8 is a
 * mark of its own, byte by byte.
 */
#include "base/check.h"
#include "wire/tokens_priv.h"

enum {
    LETTERS = GLYPH_UPPER | GLYPH_LOWER | GLYPH_LETTER,
    CAPITALS = GLYPH_UPPER | GLYPH_LETTER | GLYPH_MARK, /* [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}] */
    SMALLS = GLYPH_LOWER | GLYPH_LETTER | GLYPH_MARK,   /* [\p{Ll}\p{Lm}\p{Lo}\p{M}] */
    BOTH = CAPITALS & SMALLS,
    BLANKS = GLYPH_SPACE | GLYPH_LINE,
    MARKS = GLYPH_OTHER | GLYPH_MARK,                     /* [^\s\p{L}\p{N}] */
    BEFORE_WORD = GLYPH_OTHER | GLYPH_MARK | GLYPH_SPACE, /* [^\r\n\p{L}\p{N}] */
    NUMBERS_MAX = 3,
};

struct place {
    size_t end; /* of the character */
    enum glyph glyph;
};

static bool is_rest(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* Beyond ASCII. Source: RFC 3629, section 4. */
static struct place place_wide(struct str text, size_t at)
{
    const unsigned char *const b = (const unsigned char *)text.data + at;
    const size_t left = text.size - at;
    const struct place broken = {at + 1, GLYPH_OTHER};
    uint32_t point = 0;
    size_t size = 0;
    if (b[0] >= 0xc2 && b[0] < 0xe0 && left >= 2 && is_rest(b[1])) {
        point = (b[0] & 0x1fu) << 6 | (b[1] & 0x3fu);
        size = 2;
    } else if (b[0] >= 0xe0 && b[0] < 0xf0 && left >= 3 && is_rest(b[1]) && is_rest(b[2])) {
        point = (b[0] & 0x0fu) << 12 | (b[1] & 0x3fu) << 6 | (b[2] & 0x3fu);
        size = point < 0x800 || (point >= 0xd800 && point < 0xe000) ? 0 : 3;
    } else if (b[0] >= 0xf0 && b[0] < 0xf5 && left >= 4 && is_rest(b[1]) && is_rest(b[2]) &&
               is_rest(b[3])) {
        point = (b[0] & 0x07u) << 18 | (b[1] & 0x3fu) << 12 | (b[2] & 0x3fu) << 6 | (b[3] & 0x3fu);
        size = point < 0x10000 || point > 0x10ffff ? 0 : 4;
    }
    if (size == 0) {
        return broken;
    }
    const size_t block = tokens_blocks[point / TOKENS_BLOCK];
    const uint8_t class = tokens_classes[block * TOKENS_BLOCK + point % TOKENS_BLOCK];
    return (struct place){at + size, (enum glyph) class};
}

static inline struct place place_at(struct str text, size_t at)
{
    if (at >= text.size) {
        return (struct place){at, GLYPH_END};
    }
    const unsigned char c = (unsigned char)text.data[at];
    return c < TOKENS_BLOCK ? (struct place){at + 1, (enum glyph)tokens_classes[c]}
                            : place_wide(text, at);
}

static size_t run_end(struct str text, size_t at, unsigned set)
{
    struct place place = place_at(text, at);
    while ((place.glyph & set) != 0) {
        at = place.end;
        place = place_at(text, at);
    }
    return at;
}

/* Behind (?i:'s|'t|'re|'ve|'m|'ll|'d) where it stands, else `at`. A long s is an s, too. */
static size_t contraction_end(struct str text, size_t at)
{
    static const char *const pairs[] = {"re", "ve", "ll"};
    if (at + 1 >= text.size || text.data[at] != '\'') {
        return at;
    }
    const char first = (char)(text.data[at + 1] | 0x20);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') {
        return at + 2;
    }
    if (at + 2 >= text.size) {
        return at;
    }
    if (text.data[at + 1] == '\xc5' && text.data[at + 2] == '\xbf') {
        return at + 3;
    }
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        if (first == pairs[i][0] && (char)(text.data[at + 2] | 0x20) == pairs[i][1]) {
            return at + 3;
        }
    }
    return at;
}

static size_t numbers_end(struct str text, size_t at)
{
    struct place place = place_at(text, at);
    for (int i = 0; i < NUMBERS_MAX && place.glyph == GLYPH_NUMBER; i++) {
        at = place.end;
        place = place_at(text, at);
    }
    return at;
}

/* White space: to the last line's end in it; else all of it at the text's end; else all but the
 * last character, which goes with what follows. A pattern of `to_end` takes all of it there. */
static size_t blanks_end(struct str text, size_t at, bool to_end)
{
    size_t end = at;
    size_t last = at; /* its last character */
    size_t lines = 0; /* behind its last line's end */
    struct place place = place_at(text, at);
    while ((place.glyph & BLANKS) != 0) {
        last = end;
        end = place.end;
        lines = place.glyph == GLYPH_LINE ? end : lines;
        place = place_at(text, end);
    }
    if (lines > 0 && !(to_end && place.glyph == GLYPH_END)) {
        return lines;
    }
    return place.glyph == GLYPH_END || last == at ? end : last;
}

/* [CAPITALS]*[SMALLS]+, or `at`. Letters without case are in both: of them the last one is small
 * where no small letter follows. */
static size_t small_word_end(struct str text, size_t at)
{
    size_t end = at;
    size_t both = at;
    struct place place = place_at(text, at);
    while ((place.glyph & CAPITALS) != 0) {
        end = place.end;
        both = (place.glyph & BOTH) != 0 ? end : both;
        place = place_at(text, end);
    }
    return place.glyph == GLYPH_LOWER ? run_end(text, end, SMALLS) : both;
}

static size_t o200k_end(struct str text, size_t at)
{
    const struct place first = place_at(text, at);
    const bool has_before = (first.glyph & BEFORE_WORD) != 0;
    const bool is_word = (first.glyph & (CAPITALS | SMALLS)) != 0;
    const size_t word = has_before ? first.end : at;
    if (has_before || is_word) {
        size_t end = small_word_end(text, word);
        if (end == word && first.glyph == GLYPH_MARK) {
            return contraction_end(text, small_word_end(text, at));
        }
        end = end == word ? run_end(text, word, GLYPH_UPPER) : end;
        if (end > word) {
            return contraction_end(text, end);
        }
    }
    if (first.glyph == GLYPH_NUMBER) {
        return numbers_end(text, at);
    }
    const size_t marks = text.data[at] == ' ' ? first.end : at;
    size_t end = run_end(text, marks, MARKS);
    if (end == marks) {
        return blanks_end(text, at, false);
    }
    while (end < text.size &&
           (text.data[end] == '\n' || text.data[end] == '\r' || text.data[end] == '/')) {
        end++;
    }
    return end;
}

static size_t cl100k_end(struct str text, size_t at)
{
    const size_t contraction = contraction_end(text, at);
    if (contraction > at) {
        return contraction;
    }
    const struct place first = place_at(text, at);
    const size_t word = (first.glyph & BEFORE_WORD) != 0 ? first.end : at;
    const size_t letters = run_end(text, word, LETTERS);
    if (letters > word) {
        return letters;
    }
    if (first.glyph == GLYPH_NUMBER) {
        return numbers_end(text, at);
    }
    const size_t marks = text.data[at] == ' ' ? first.end : at;
    const size_t end = run_end(text, marks, MARKS);
    return end > marks ? run_end(text, end, GLYPH_LINE) : blanks_end(text, at, true);
}

size_t tokens_piece_end(enum tokens_encoding encoding, struct str text, size_t at)
{
    CHECK(at < text.size);
    CHECK(encoding < TOKENS_ENCODING_COUNT);
    const size_t end = encoding == TOKENS_CL100K ? cl100k_end(text, at) : o200k_end(text, at);
    CHECK(end > at);
    CHECK(end <= text.size);
    return end;
}
