#include "wire/tokens.h"

#include "base/check.h"

enum glyph { SPACE, LETTER, DIGIT, MARK, WIDE, CLASS_COUNT };

static enum glyph class_of(unsigned char c)
{
    if (c >= 0x80) {
        return WIDE;
    }
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
        return LETTER;
    }
    if (c >= '0' && c <= '9') {
        return DIGIT;
    }
    return c <= ' ' ? SPACE : MARK;
}

/* Byte-pair vocabularies hold most English words whole with the space before them, up to three
 * digits, and common pairs of marks; a character of another script is one token or two. */
int64_t tokens_estimate(struct str text)
{
    static const size_t per_token[CLASS_COUNT] = {
        [SPACE] = 0, [LETTER] = 6, [DIGIT] = 3, [MARK] = 2, [WIDE] = 3};
    int64_t tokens = 0;
    CHECK(text.data != NULL || text.size == 0);
    for (size_t at = 0; at < text.size;) {
        const enum glyph class = class_of((unsigned char)text.data[at]);
        size_t end = at + 1;
        while (end < text.size && class_of((unsigned char)text.data[end]) == class) {
            end++;
        }
        if (class != SPACE) {
            tokens += (int64_t)((end - at + per_token[class] - 1) / per_token[class]);
        } else if (end - at > 1) {
            tokens++;
        }
        at = end;
    }
    return tokens;
}
