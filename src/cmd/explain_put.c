/* Values on the page of a timeline: texts of others, money, counts, times. */
#include "cmd/explain_print_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"

/* Bytes of the UTF-8 character at text[at]; 1 for what is none. */
static size_t character_size(struct str text, size_t at)
{
    const unsigned char lead = (unsigned char)text.data[at];
    const size_t size = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return at + size <= text.size ? size : 1;
}

int page_put_foreign(struct text *out, struct str text, int width)
{
    CHECK(out != NULL);
    int used = 0;
    for (size_t at = 0; at < text.size;) {
        size_t size = character_size(text, at);
        if (used == width - 1 && at + size < text.size) {
            text_add(out, STR("…"));
            return used + 1;
        }
        const unsigned char lead = (unsigned char)text.data[at];
        const bool control = lead < 0x20 || lead == 0x7f || (lead >= 0x80 && size == 1) ||
                             (lead == 0xc2 && (unsigned char)text.data[at + 1] < 0xa0);
        text_add(out, control ? STR(" ") : (struct str){text.data + at, size});
        at += size;
        used++;
    }
    return used;
}

int page_columns(struct str text)
{
    int columns = 0;
    for (size_t at = 0; at < text.size; at += character_size(text, at)) {
        columns++;
    }
    return columns;
}

void page_put_wrapped(struct text *out, struct str text, int indent, int columns)
{
    const int room = columns - indent;
    int left = room;
    struct str rest = text;
    CHECK(room > 0);
    while (rest.size > 0) {
        const struct str word = str_cut(&rest, ' ');
        const int width = page_columns(word);
        if (left < room && width + 1 > left) {
            text_char(out, '\n');
            text_repeat(out, ' ', (size_t)indent);
            left = room;
        } else if (left < room) {
            text_char(out, ' ');
            left--;
        }
        left -= page_put_foreign(out, word, left);
    }
}

void page_put_usd(struct text *out, money_sum amount_pusd, int width)
{
    char text[MONEY_TEXT_BYTES_MAX];
    money_print_rounded(amount_pusd, 6, text);
    text_format(out, "%*s", width, text);
}

void page_put_count(struct text *out, int64_t count, int width)
{
    char text[MONEY_TEXT_BYTES_MAX];
    money_print_rounded((money_sum)count * MONEY_PUSD_PER_USD, 0, text);
    text_format(out, "%*s", width, text);
}

void page_put_time(struct text *out, int64_t time_ns)
{
    char text[CLOCK_TEXT_BYTES_MAX];
    if (time_ns == LEDGER_NULL) {
        text_add(out, STR("-                  "));
        return;
    }
    clock_print(time_ns, text);
    text_format(out, "%.10s %.8s", text, text + 11);
}

void page_put_span(struct text *out, int64_t span_ns, int width)
{
    char text[40];
    const int64_t seconds = span_ns / CLOCK_NS_PER_SECOND;
    snprintf(text, sizeof text, "%s%lld:%02d:%02d", span_ns < 0 ? "-" : "",
             (long long)llabs(seconds / 3600), abs((int)(seconds / 60 % 60)),
             abs((int)(seconds % 60)));
    text_format(out, "%*s", width, text);
}
