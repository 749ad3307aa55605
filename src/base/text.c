#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

void text_init(struct text *text, size_t size_max)
{
    CHECK(text != NULL);
    CHECK(size_max > 0);
    *text = (struct text){.size_max = size_max};
}

void text_deinit(struct text *text)
{
    CHECK(text != NULL);
    free(text->data);
    *text = (struct text){.size_max = text->size_max};
}

void text_clear(struct text *text)
{
    CHECK(text != NULL);
    CHECK(text->size <= text->capacity);
    text->size = 0;
    if (text->data != NULL) {
        text->data[0] = '\0';
    }
    text->full = false;
    text->depth = 0;
    text->after_name = false;
}

struct str text_str(const struct text *text)
{
    return (struct str){text->data != NULL ? text->data : "", text->size};
}

bool text_is_full(const struct text *text)
{
    return text->full;
}

static void grow(struct text *text, size_t bytes)
{
    size_t capacity = text->capacity < 256 ? 256 : text->capacity * 2;
    capacity = capacity < text->size + bytes + 1 ? text->size + bytes + 1 : capacity;
    char *data = realloc(text->data, capacity);
    CHECK(data != NULL);
    text->data = data;
    text->capacity = capacity;
}

static inline bool reserve(struct text *text, size_t bytes)
{
    if (text->full || bytes > text->size_max - text->size) {
        text->full = true;
        return false;
    }
    if (bytes >= text->capacity - text->size) {
        grow(text, bytes);
    }
    return true;
}

void text_add(struct text *text, struct str bytes)
{
    CHECK(text != NULL);
    if (bytes.size > 0 && reserve(text, bytes.size)) {
        memcpy(text->data + text->size, bytes.data, bytes.size);
        text->size += bytes.size;
        text->data[text->size] = '\0';
    }
}

void text_char(struct text *text, char c)
{
    CHECK(text != NULL);
    if (reserve(text, 1)) {
        text->data[text->size++] = c;
        text->data[text->size] = '\0';
    }
}

void text_repeat(struct text *text, char c, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        text_char(text, c);
    }
}

void text_format(struct text *text, const char *format, ...)
{
    char small[512];
    va_list args;
    va_start(args, format);
    const int size = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    CHECK(size >= 0);
    if ((size_t)size < sizeof small) {
        text_add(text, (struct str){small, (size_t)size});
    } else if (reserve(text, (size_t)size)) {
        va_start(args, format);
        vsnprintf(text->data + text->size, (size_t)size + 1, format, args);
        va_end(args);
        text->size += (size_t)size;
    }
}

/* The comma or nothing that stands before the next value. */
static void separate(struct text *text)
{
    if (text->after_name) {
        text->after_name = false;
        return;
    }
    const uint64_t bit = UINT64_C(1) << text->depth;
    if (text->depth > 0 && (text->filled & bit) != 0) {
        text_char(text, ',');
    }
    text->filled |= bit;
}

static void open(struct text *text, char bracket)
{
    separate(text);
    text_char(text, bracket);
    CHECK(text->depth < TEXT_DEPTH_MAX);
    text->depth++;
    text->filled &= ~(UINT64_C(1) << text->depth);
}

static void close(struct text *text, char bracket)
{
    CHECK(text->depth > 0);
    CHECK(!text->after_name);
    text->depth--;
    text_char(text, bracket);
}

void json_open_object(struct text *text)
{
    open(text, '{');
}

void json_close_object(struct text *text)
{
    close(text, '}');
}

void json_open_array(struct text *text)
{
    open(text, '[');
}

void json_close_array(struct text *text)
{
    close(text, ']');
}

/* Bytes of the UTF-8 sequence at the head of `s`, 0 if it is none. Source: RFC 3629, section 4. */
static size_t sequence_size(struct str s)
{
    const unsigned char *b = (const unsigned char *)s.data;
    const size_t size = b[0] < 0x80    ? 1
                        : b[0] < 0xc2  ? 0
                        : b[0] < 0xe0  ? 2
                        : b[0] < 0xf0  ? 3
                        : b[0] <= 0xf4 ? 4
                                       : 0;
    if (size == 0 || size > s.size) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((b[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    const bool overlong = (b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xf0 && b[1] < 0x90);
    const bool beyond = (b[0] == 0xed && b[1] >= 0xa0) || (b[0] == 0xf4 && b[1] >= 0x90);
    return overlong || beyond ? 0 : size;
}

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Of eight bytes, some bit where one of them does not stand in a JSON string as it is: controls,
 * quotes, backslashes, and what is not ASCII. Source: "Bit Twiddling Hacks", S. E. Anderson,
 * "Determine if a word has a byte less than n". */
static inline uint64_t special_bytes(const char *data)
{
    uint64_t word;
    memcpy(&word, data, sizeof word);
    const uint64_t quote = word ^ EACH_BYTE('"');
    const uint64_t slash = word ^ EACH_BYTE('\\');
    return (word | (word + EACH_BYTE(1)) | ((word - EACH_BYTE(0x20)) & ~word) |
            ((quote - EACH_BYTE(1)) & ~quote) | ((slash - EACH_BYTE(1)) & ~slash)) &
           EACH_BYTE(0x80);
}

/* How many bytes at the head of `s` stand in a JSON string as they are. */
static size_t plain_size(struct str s)
{
    size_t i = 0;
    while (i + 8 <= s.size && special_bytes(s.data + i) == 0) {
        i += 8;
    }
    if (i + 8 > s.size && s.size >= 8 && special_bytes(s.data + s.size - 8) == 0) {
        return s.size;
    }
    for (; i < s.size; i++) {
        const unsigned char c = (unsigned char)s.data[i];
        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\') {
            break;
        }
    }
    return i;
}

static void put_plain(struct text *text, struct str value)
{
    if (reserve(text, value.size + 2)) {
        char *const at = text->data + text->size;
        at[0] = '"';
        if (value.size > 0) {
            memcpy(at + 1, value.data, value.size);
        }
        at[value.size + 1] = '"';
        at[value.size + 2] = '\0';
        text->size += value.size + 2;
    }
}

static void put_escaped(struct text *text, struct str value)
{
    size_t plain = 0;
    size_t i = plain_size(value);
    if (i == value.size) {
        put_plain(text, value);
        return;
    }
    text_char(text, '"');
    while (i < value.size) {
        const unsigned char c = (unsigned char)value.data[i];
        text_add(text, (struct str){value.data + plain, i - plain});
        const size_t size = sequence_size((struct str){value.data + i, value.size - i});
        if (c == '"' || c == '\\') {
            text_char(text, '\\');
            text_char(text, (char)c);
        } else if (c == '\n') {
            text_add(text, STR("\\n"));
        } else if (c == '\t') {
            text_add(text, STR("\\t"));
        } else if (c < 0x20 || c == 0x7f) {
            text_format(text, "\\u%04x", c);
        } else if (size == 0) {
            text_add(text, STR("\xef\xbf\xbd"));
        } else {
            text_add(text, (struct str){value.data + i, size});
        }
        plain = i + (size > 0 ? size : 1);
        i = plain + plain_size((struct str){value.data + plain, value.size - plain});
    }
    if (plain < value.size) {
        text_add(text, (struct str){value.data + plain, value.size - plain});
    }
    text_char(text, '"');
}

/* Comma, quotes and colon with it at once, as nearly every name allows. */
static void put_plain_name(struct text *text, struct str name)
{
    const uint64_t bit = UINT64_C(1) << text->depth;
    const bool has_before = (text->filled & bit) != 0;
    text->filled |= bit;
    if (reserve(text, name.size + sizeof "\"\":" - 1 + has_before)) {
        char *at = text->data + text->size;
        if (has_before) {
            *at++ = ',';
        }
        *at++ = '"';
        if (name.size > 0) {
            memcpy(at, name.data, name.size);
            at += name.size;
        }
        memcpy(at, "\":", sizeof "\":");
        text->size = (size_t)(at - text->data) + sizeof "\":" - 1;
    }
}

void json_name_str(struct text *text, struct str name)
{
    CHECK(text->depth > 0);
    CHECK(!text->after_name);
    if (plain_size(name) == name.size) {
        put_plain_name(text, name);
    } else {
        separate(text);
        put_escaped(text, name);
        text_char(text, ':');
    }
    text->after_name = true;
}

void json_name(struct text *text, const char *name)
{
    json_name_str(text, str_from(name));
}

void json_put_str(struct text *text, struct str value)
{
    separate(text);
    put_escaped(text, value);
}

void json_put_text(struct text *text, const char *value)
{
    CHECK(value != NULL);
    json_put_str(text, str_from(value));
}

void text_int64(struct text *text, int64_t value)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0) {
        digits[--at] = '-';
    }
    text_add(text, (struct str){digits + at, sizeof digits - at});
}

void json_put_int64(struct text *text, int64_t value)
{
    separate(text);
    text_int64(text, value);
}

void json_put_bool(struct text *text, bool value)
{
    separate(text);
    text_add(text, value ? STR("true") : STR("false"));
}

void json_put_null(struct text *text)
{
    separate(text);
    text_add(text, STR("null"));
}

void json_put_double(struct text *text, double value)
{
    separate(text);
    if (!isfinite(value)) {
        text_add(text, STR("null"));
        return;
    }
    char shortest[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(shortest, sizeof shortest, "%.*g", digits, value);
        const double back = strtod(shortest, NULL);
        if (!(back < value) && !(back > value)) {
            break;
        }
    }
    text_add(text, str_from(shortest));
}

void json_put_money(struct text *text, money_sum amount_pusd)
{
    char amount[MONEY_TEXT_BYTES_MAX];
    const size_t size = money_print(amount_pusd, amount);
    json_put_str(text, (struct str){amount, size});
}

void json_put_raw(struct text *text, struct str json)
{
    separate(text);
    text_add(text, json);
}
