/*
 * text: bytes written one after the other into memory that grows to a stated limit; and JSON.
 *
 * Writing never fails in the middle: past the limit the text is marked full and further bytes are
 * dropped, and the owner asks once, at the end, with text_is_full(). Not thread-safe.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/money.h"
#include "base/str.h"

enum { TEXT_DEPTH_MAX = 32 };

struct text {
    char *data; /* owned, always NUL-terminated once written to */
    size_t size;
    size_t capacity;
    size_t size_max;
    uint64_t filled; /* a bit a depth: whether the container there has a member */
    int depth;       /* open JSON containers */
    bool full;
    bool after_name;
};
_Static_assert(TEXT_DEPTH_MAX < 64, "a bit for each depth, 0 included");

void text_init(struct text *text, size_t size_max);
void text_deinit(struct text *text);
void text_clear(struct text *text);
struct str text_str(const struct text *text);
bool text_is_full(const struct text *text);

void text_add(struct text *text, struct str bytes);
void text_char(struct text *text, char c);
void text_repeat(struct text *text, char c, size_t count);
void text_int64(struct text *text, int64_t value); /* in decimal digits */
void text_format(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);

/* JSON: commas and colons are placed by the writer. A name goes before each member's value. */
void json_open_object(struct text *text);
void json_close_object(struct text *text);
void json_open_array(struct text *text);
void json_close_array(struct text *text);
void json_name(struct text *text, const char *name);
void json_name_str(struct text *text, struct str name);
void json_put_str(struct text *text, struct str value); /* bytes that are not UTF-8 become U+FFFD */
void json_put_text(struct text *text, const char *value);
void json_put_int64(struct text *text, int64_t value);
void json_put_bool(struct text *text, bool value);
void json_put_null(struct text *text);
/* Shortest text that reads back as the same double; NaN and infinities become null. */
void json_put_double(struct text *text, double value);
/* Money is a string: "0.084213". */
void json_put_money(struct text *text, money_sum amount_pusd);
/* Already JSON. */
void json_put_raw(struct text *text, struct str json);

#endif
