/* text: grows to its limit and then says so; JSON it writes is JSON whatever bytes went in. */
#include "base/text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/test.h"

/* Static, so that a test that ends early leaves nothing unreachable. */
static struct text text;

static void start(size_t size_max)
{
    text_deinit(&text);
    text_init(&text, size_max);
}

static bool holds(const char *expected)
{
    return str_equal(text_str(&text), str_from(expected));
}

static bool escapes(struct str value, const char *expected)
{
    start(1000);
    json_put_str(&text, value);
    return holds(expected);
}

static bool writes_double(double value, const char *expected)
{
    start(1000);
    json_put_double(&text, value);
    return holds(expected);
}

static void what_does_not_fit_is_dropped_and_remembered(void)
{
    start(10);
    text_add(&text, STR("12345"));
    EXPECT(!text_is_full(&text));
    text_add(&text, STR("678901"));
    EXPECT(text_is_full(&text));
    EXPECT(holds("12345"));
    text_char(&text, '6'); /* even what would fit: a text with a hole in it is worth nothing */
    EXPECT(holds("12345"));
    text_format(&text, "%d", 6);
    EXPECT(holds("12345"));
    text_clear(&text);
    EXPECT(!text_is_full(&text));
    EXPECT(holds(""));
    text_add(&text, STR("1234567890"));
    EXPECT(!text_is_full(&text));
    EXPECT(text.data[10] == '\0');
    text_char(&text, 'x');
    EXPECT(text_is_full(&text));
    EXPECT(holds("1234567890"));
}

static void an_untouched_text_is_empty(void)
{
    start(10);
    EXPECT(text_str(&text).data != NULL);
    EXPECT(holds(""));
    text_add(&text, (struct str){0});
    text_repeat(&text, 'x', 0);
    EXPECT(holds(""));
    text_clear(&text);
    EXPECT(holds(""));
}

static void long_formats_are_written_whole(void)
{
    start(100000);
    text_format(&text, "%*d|", 5000, 7);
    EXPECT(text.size == 5001);
    EXPECT(text.data[4999] == '7');
    EXPECT(text.data[5001] == '\0');
    text_format(&text, "%s", "end");
    EXPECT(str_ends_with(text_str(&text), STR("|end")));
    start(600);
    text_format(&text, "%*d", 601, 7);
    EXPECT(text_is_full(&text));
    EXPECT(text.size == 0);
}

static void strings_are_escaped(void)
{
    EXPECT(escapes(STR(""), "\"\""));
    EXPECT(escapes((struct str){0}, "\"\""));
    EXPECT(escapes(STR("plain"), "\"plain\""));
    EXPECT(escapes(STR("a\"b\\c/"), "\"a\\\"b\\\\c/\""));
    EXPECT(escapes(STR("\n\t\r"), "\"\\n\\t\\u000d\""));
    EXPECT(escapes(STR("\x01\x1f\x7f"), "\"\\u0001\\u001f\\u007f\""));
    EXPECT(escapes((struct str){"a\0b", 3}, "\"a\\u0000b\""));
    EXPECT(escapes(STR("é漢😀"), "\"é漢😀\""));
}

static void bytes_that_are_not_utf8_become_the_replacement_character(void)
{
    EXPECT(escapes(STR("\x80"), "\"�\""));                            /* a continuation alone */
    EXPECT(escapes(STR("a\xff-"), "\"a�-\""));                        /* never in UTF-8 */
    EXPECT(escapes(STR("\xc3"), "\"�\""));                            /* cut short */
    EXPECT(escapes(STR("\xe6\xbc"), "\"��\""));                       /* cut short */
    EXPECT(escapes(STR("\xf0\x9f\x98 "), "\"��� \""));                /* cut short */
    EXPECT(escapes(STR("\xc0\xaf"), "\"��\""));                       /* overlong / */
    EXPECT(escapes(STR("\xe0\x80\xaf"), "\"���\""));                  /* overlong / */
    EXPECT(escapes(STR("\xf0\x80\x80\xaf"), "\"����\""));             /* overlong / */
    EXPECT(escapes(STR("\xed\xa0\x80"), "\"���\""));                  /* half of a surrogate pair */
    EXPECT(escapes(STR("\xf4\x90\x80\x80"), "\"����\""));             /* above U+10FFFF */
    EXPECT(escapes(STR("\xf4\x8f\xbf\xbf"), "\"\xf4\x8f\xbf\xbf\"")); /* U+10FFFF itself */
    EXPECT(escapes(STR("\xed\x9f\xbf"), "\"\xed\x9f\xbf\""));         /* U+D7FF */
}

static void commas_and_colons_are_placed(void)
{
    start(1000);
    json_open_object(&text);
    json_name(&text, "a");
    json_open_array(&text);
    json_put_int64(&text, INT64_MIN);
    json_put_int64(&text, INT64_MAX);
    json_open_array(&text);
    json_close_array(&text);
    json_open_object(&text);
    json_close_object(&text);
    json_put_null(&text);
    json_close_array(&text);
    json_name_str(&text, STR("b\n"));
    json_put_bool(&text, true);
    json_name(&text, "c");
    json_open_object(&text);
    json_name(&text, "d");
    json_put_bool(&text, false);
    json_name(&text, "e");
    json_put_raw(&text, STR("{\"x\":1}"));
    json_close_object(&text);
    json_name(&text, "f");
    json_put_money(&text, 84213000000);
    json_close_object(&text);
    EXPECT(holds("{\"a\":[-9223372036854775808,9223372036854775807,[],{},null],\"b\\n\":true,"
                 "\"c\":{\"d\":false,\"e\":{\"x\":1}},\"f\":\"0.084213\"}"));
}

static void documents_one_after_the_other_get_no_comma(void)
{
    start(1000);
    for (int i = 0; i < 2; i++) {
        json_open_object(&text);
        json_name(&text, "n");
        json_put_int64(&text, i);
        json_close_object(&text);
        text_char(&text, '\n');
    }
    EXPECT(holds("{\"n\":0}\n{\"n\":1}\n"));
    text_clear(&text);
    json_open_array(&text); /* and nothing is left over from before */
    json_put_int64(&text, 1);
    json_close_array(&text);
    EXPECT(holds("[1]"));
}

static void a_full_text_can_be_written_to_its_end(void)
{
    start(5);
    json_open_object(&text);
    json_name(&text, "a long name");
    json_open_array(&text);
    json_put_text(&text, "value");
    json_close_array(&text);
    json_close_object(&text);
    EXPECT(text_is_full(&text));
    EXPECT(text.size <= 5);
    EXPECT(text.depth == 0);
}

static void doubles_are_as_short_as_reads_back(void)
{
    EXPECT(writes_double(0, "0"));
    EXPECT(writes_double(0.1, "0.1"));
    EXPECT(writes_double(1.0 / 3, "0.3333333333333333"));
    EXPECT(writes_double(-2.5e-7, "-2.5e-07"));
    EXPECT(writes_double(1e21, "1e+21"));
    EXPECT(writes_double((double)NAN, "null"));
    EXPECT(writes_double((double)INFINITY, "null"));
    EXPECT(writes_double(-(double)INFINITY, "null"));
    EXPECT(writes_double(DBL_MAX, "1.7976931348623157e+308"));
    EXPECT(writes_double(0x1p-1074, "5e-324"));
    EXPECT(writes_double(0.1 + 0.2, "0.30000000000000004"));
}

static void every_byte_is_escaped_at_every_place(void)
{
    char value[20];
    char expected[64];
    for (size_t size = 1; size <= sizeof value; size++) {
        for (size_t at = 0; at < size; at++) {
            for (int c = 0; c < 0x80; c++) {
                memset(value, 'v', sizeof value);
                value[at] = (char)c;
                char escaped[16];
                if (c == '\n' || c == '\t' || c == '"' || c == '\\') {
                    snprintf(escaped, sizeof escaped, "\\%c",
                             c == '\n'   ? 'n'
                             : c == '\t' ? 't'
                                         : c);
                } else if (c < 0x20 || c == 0x7f) {
                    snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned int)c);
                } else {
                    snprintf(escaped, sizeof escaped, "%c", c);
                }
                snprintf(expected, sizeof expected, "\"%.*s%s%.*s\"", (int)at,
                         "vvvvvvvvvvvvvvvvvvvv", escaped, (int)(size - at - 1),
                         "vvvvvvvvvvvvvvvvvvvv");
                EXPECT(escapes((struct str){value, size}, expected));
            }
        }
    }
    EXPECT(escapes(STR("1234567\xc3\xa4 and \xff behind it"),
                   "\"1234567\xc3\xa4 and \xef\xbf\xbd behind it\""));
}

static void integers_are_written_to_both_ends(void)
{
    start(1000);
    text_int64(&text, INT64_MIN);
    text_int64(&text, 0);
    text_int64(&text, INT64_MAX);
    EXPECT(holds("-922337203685477580809223372036854775807"));
}

int main(void)
{
    static const struct test tests[] = {
        TEST(what_does_not_fit_is_dropped_and_remembered),
        TEST(an_untouched_text_is_empty),
        TEST(long_formats_are_written_whole),
        TEST(strings_are_escaped),
        TEST(every_byte_is_escaped_at_every_place),
        TEST(integers_are_written_to_both_ends),
        TEST(bytes_that_are_not_utf8_become_the_replacement_character),
        TEST(commas_and_colons_are_placed),
        TEST(documents_one_after_the_other_get_no_comma),
        TEST(a_full_text_can_be_written_to_its_end),
        TEST(doubles_are_as_short_as_reads_back),
    };
    text_init(&text, 1);
    return test_main(tests, COUNT_OF(tests));
}
