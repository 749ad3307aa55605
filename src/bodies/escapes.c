/* Escapes of JSON and program text inside a text that is itself no JSON: looked through, so that
 * what they hide is found. */
#include "base/check.h"
#include "bodies/bodies_priv.h"

static int digit_of(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* `count` hexadecimal digits at `at`; -1: they are not. */
static int32_t read_hex(struct str text, size_t at, size_t count)
{
    int32_t value = 0;
    if (count > text.size - at) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const int digit = digit_of(text.data[at + i]);
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

static void put_character(struct text *out, int32_t code)
{
    if (code < 0x80) {
        text_char(out, (char)code);
    } else if (code < 0x800) {
        text_char(out, (char)(0xc0 | code >> 6));
        text_char(out, (char)(0x80 | (code & 0x3f)));
    } else if (code < 0xd800 || code > 0xdfff) {
        text_char(out, (char)(0xe0 | code >> 12));
        text_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
        text_char(out, (char)(0x80 | (code & 0x3f)));
    } else {
        text_char(out, '?'); /* half of a pair: no rule has a use for it */
    }
}

/* The character an escape stands for and the bytes it takes; 0: it is none. A backslash that is
 * itself escaped stands for itself, so that text escaped twice is looked through as well. */
static size_t read_escape(struct str text, size_t at, int32_t *out_code)
{
    static const char plain[] = "\\\"'/";
    const char c = at + 1 < text.size ? text.data[at + 1] : '\0';
    if (text.data[at] != '\\' || c == '\0') {
        return 0;
    }
    if (c == 'u' || c == 'x') {
        const size_t count = c == 'u' ? 4 : 2;
        const int32_t code = read_hex(text, at + 2, count);
        *out_code = code;
        return code >= 0 ? 2 + count : 0;
    }
    if (c == 'n' || c == 't' || c == 'r') {
        *out_code = ' ';
        return 2;
    }
    if (strchr(plain, c) != NULL) {
        *out_code = c;
        return 2;
    }
    return 0;
}

bool bodies_unescape(struct str text, struct text *out)
{
    CHECK(out != NULL);
    bool found = false;
    if (text.size == 0 || memchr(text.data, '\\', text.size) == NULL) {
        return false;
    }
    text_clear(out);
    for (size_t at = 0; at < text.size;) {
        int32_t code = 0;
        const size_t size = read_escape(text, at, &code);
        if (size > 0) {
            put_character(out, code);
            found = true;
        } else {
            text_char(out, text.data[at]);
        }
        at += size > 0 ? size : 1;
    }
    return found;
}
