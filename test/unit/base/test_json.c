/* json: hostile documents are refused, odd ones read as they are; looking in vain gives absence.
 * Boundaries of depth, size and numbers; every node walked through the cursor. */
#include "base/json.h"

#include <math.h>
#include <stdlib.h>

#include "support/test.h"

#define SIZE_LARGE ((size_t)64 << 20)

/* One parser for all tests, as an import has it; documents are small but for one. */
static struct json_parser *parser;
static struct err last;

static enum errc parse(struct str text, struct json *out)
{
    return json_parse(parser, text, text.size, out, &last);
}

/* The root of a document that must parse; absent otherwise. */
static struct json document(const char *text)
{
    struct json root = {0};
    return parse(str_from(text), &root) == ERR_OK ? root : (struct json){0};
}

static bool refuses(const char *text, enum errc code)
{
    struct json root = {&last, 77};
    return parse(str_from(text), &root) == code && root.document == &last && root.place == 77;
}

static void what_is_not_json_is_refused(void)
{
    static const char *const wrong[] = {
        "",
        " ",
        "nul",
        "NaN",
        "[NaN]",
        "Infinity",
        "[1,]",
        "{\"a\"}",
        "{a:1}",
        "[1",
        "{\"a\":1",
        "\"open",
        "[1]]",
        "1 2",
        "{\"a\":1}x",
        "'a'",
        "01",
        "[+1]",
        "[.5]",
        "[1.]",
        "[1e]",
        "[0x10]",
        "[\"\t\"]",
        "\"\\x\"",
        "//",
        "\"\\u12\"",
        "\xff\xfe",
        "\"\xff\"",
        "\"\xc0\xaf\"",
        "\"\xed\xa0\x80\"",
        "\"\\ud800\"",
        "[1e400]",
        "[-1e400]",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        EXPECT(refuses(wrong[i], ERR_SYNTAX));
    }
    struct json root;
    EXPECT(parse((struct str){"[1\0]", 4}, &root) == ERR_SYNTAX);
    EXPECT(parse((struct str){"\0", 1}, &root) == ERR_SYNTAX);
    EXPECT(parse((struct str){0}, &root) == ERR_SYNTAX);
    EXPECT(strcmp(last.text, "not JSON: empty") == 0);
}

static bool nests(char open, char close, size_t depth)
{
    static char text[30000];
    CHECK(2 * depth < sizeof text);
    memset(text, open, depth);
    memset(text + depth, close, depth);
    struct json root;
    return parse((struct str){text, 2 * depth}, &root) == ERR_OK;
}

static void depth_is_limited(void)
{
    EXPECT(nests('[', ']', JSON_DEPTH_MAX));
    EXPECT(!nests('[', ']', JSON_DEPTH_MAX + 1));
    EXPECT(last.code == ERR_LIMIT);
    EXPECT(!nests('[', ']', 10000));
    EXPECT(last.code == ERR_LIMIT);
    EXPECT(strcmp(last.text, "JSON nested deeper than 512") == 0);
    static char open[10000];
    memset(open, '[', sizeof open);
    struct json root;
    EXPECT(parse((struct str){open, sizeof open}, &root) != ERR_OK);
}

static void size_is_limited(void)
{
    struct json_parser *small = NULL;
    struct json root = {&last, 77};
    json_parser_create(&small, 4);
    const enum errc fits = json_parse(small, STR("[12]"), 4, &root, &last);
    const enum errc too_large = json_parse(small, STR("[123]"), 5, &root, &last);
    json_parser_destroy(&small);
    EXPECT(small == NULL);
    EXPECT(fits == ERR_OK);
    EXPECT(too_large == ERR_LIMIT);
    EXPECT(strcmp(last.text, "a JSON document of 5 bytes is larger than the 4 allowed") == 0);
}

static void a_document_of_64_mib_is_read_and_one_byte_more_refused(void)
{
    static char *text; /* once, and kept: the test runs twice */
    if (text == NULL) {
        text = malloc(SIZE_LARGE + 1);
        CHECK(text != NULL);
        memset(text, 'x', SIZE_LARGE + 1);
        text[0] = '"';
        text[SIZE_LARGE - 1] = '"';
    }
    struct json root;
    EXPECT(parse((struct str){text, SIZE_LARGE}, &root) == ERR_OK);
    EXPECT(json_str(root).size == SIZE_LARGE - 2);
    EXPECT(parse((struct str){text, SIZE_LARGE + 1}, &root) == ERR_LIMIT);
}

static void a_byte_order_mark_is_skipped(void)
{
    struct json root;
    EXPECT(parse(STR("\xef\xbb\xbf[7]"), &root) == ERR_OK);
    EXPECT(json_count(root) == 1);
    EXPECT(refuses("\xef\xbb\xbf", ERR_SYNTAX));
    EXPECT(refuses("\xef\xbb\xbf\xef\xbb\xbf[7]", ERR_SYNTAX));
    EXPECT(refuses("\xef\xbb[7]", ERR_SYNTAX));
}

static void bytes_behind_a_padded_document_are_not_used(void)
{
    static char padded[4 + JSON_PADDING];
    memset(padded, ']', sizeof padded);
    memcpy(padded, "[12]", 4);
    struct json root;
    EXPECT(json_parse(parser, (struct str){padded, 4}, sizeof padded, &root, &last) == ERR_OK);
    EXPECT(json_count(root) == 1);
    memcpy(padded, "1234", 4);
    memset(padded + 4, '5', JSON_PADDING);
    EXPECT(json_parse(parser, (struct str){padded, 4}, sizeof padded, &root, &last) == ERR_OK);
    EXPECT(json_int64(root, -1) == 1234);
}

static void integers_are_exact_or_absent(void)
{
    const struct json root =
        document("[9223372036854775807,-9223372036854775808,9223372036854775808,"
                 "18446744073709551615,12.0,12.5,\"12\",\"12.0\",9007199254740992.0,1e300,"
                 "9007199254740994.0,-0,true,null]");
    static const int64_t expected[] = {
        INT64_MAX, INT64_MIN, -1, -1, 12, -1, 12, -1, INT64_C(9007199254740992), -1, -1, 0, -1, -1};
    static const enum json_kind kinds[] = {
        JSON_INT64,  JSON_INT64,  JSON_UINT64, JSON_UINT64, JSON_DOUBLE, JSON_DOUBLE, JSON_STRING,
        JSON_STRING, JSON_DOUBLE, JSON_DOUBLE, JSON_DOUBLE, JSON_INT64,  JSON_BOOL,   JSON_NULL};
    struct json_cursor iter = json_iter(root);
    struct json value;
    size_t i = 0;
    for (; json_next(&iter, NULL, &value); i++) {
        EXPECT(json_kind(value) == kinds[i]);
        EXPECT(json_int64(value, -1) == expected[i]);
    }
    EXPECT(i == COUNT_OF(expected));
    EXPECT(refuses("[18446744073709551616]", ERR_SYNTAX));
    EXPECT(refuses("[-9223372036854775809]", ERR_SYNTAX));
    EXPECT(refuses("[123456789012345678901234567890]", ERR_SYNTAX));
}

static void any_number_reads_as_a_double_and_nothing_else_does(void)
{
    const struct json root = document("{\"i\":-3,\"u\":18446744073709551615,\"d\":1.5e-05,"
                                      "\"tiny\":1e-400,\"s\":\"1.5\",\"n\":null}");
    EXPECT(fabs(json_double(json_get(root, "i"), -1) + 3) < 1e-12);
    EXPECT(json_double(json_get(root, "u"), -1) > 1.8e19);
    EXPECT(fabs(json_double(json_get(root, "d"), -1) - 1.5e-05) < 1e-20);
    EXPECT(!(json_double(json_get(root, "tiny"), -1) > 0));
    EXPECT(json_double(json_get(root, "s"), -1) < 0);
    EXPECT(json_double(json_get(root, "n"), -1) < 0);
    EXPECT(json_is_number(json_get(root, "u")));
    EXPECT(!json_is_number(json_get(root, "s")));
    EXPECT(!json_is_number(json_get(root, "gone")));
}

static void looking_in_vain_gives_absence(void)
{
    const struct json absent = {0};
    struct json value;
    struct str key;
    EXPECT(json_kind(absent) == JSON_ABSENT);
    EXPECT(json_kind(json_get(absent, "a")) == JSON_ABSENT);
    EXPECT(json_kind(json_path(absent, "a.b.c")) == JSON_ABSENT);
    EXPECT(json_str(absent).data == NULL);
    EXPECT(json_bool(absent, true));
    EXPECT(json_int64(absent, 7) == 7);
    EXPECT(json_double(absent, 7) > 6);
    EXPECT(json_count(absent) == 0);
    EXPECT(json_minify(absent, NULL, 0) == 0);
    struct json_cursor iter = json_iter(absent);
    EXPECT(!json_next(&iter, &key, &value));

    const struct json root = document("{\"a\":{\"b\":[1]},\"s\":\"text\",\"n\":1}");
    EXPECT(json_kind(json_get(root, "gone")) == JSON_ABSENT);
    EXPECT(json_kind(json_get(root, "")) == JSON_ABSENT);
    EXPECT(json_kind(json_path(root, "a.b.c")) == JSON_ABSENT);
    EXPECT(json_kind(json_path(root, "s.size")) == JSON_ABSENT);
    EXPECT(json_kind(json_path(root, "a.b")) == JSON_ARRAY);
    EXPECT(json_kind(json_path(root, ".")) == JSON_ABSENT);
    EXPECT(json_count(json_get(root, "s")) == 0);
    iter = json_iter(json_get(root, "n"));
    EXPECT(!json_next(&iter, &key, &value));
}

static void members_and_elements_come_in_order(void)
{
    const struct json root = document("{\"a\":[[],{},\"x\",[1,[2,3]],true],\"\":{\"k\":null},"
                                      "\"a\":2,\"b.c\":18446744073709551615,\"d\":1.5}");
    static const char *const keys[] = {"a", "", "a", "b.c", "d"};
    static const enum json_kind kinds[] = {JSON_ARRAY, JSON_OBJECT, JSON_INT64, JSON_UINT64,
                                           JSON_DOUBLE};
    EXPECT(json_count(root) == COUNT_OF(keys));
    struct json_cursor iter = json_iter(root);
    struct json value;
    struct str key;
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        EXPECT(json_next(&iter, &key, &value));
        EXPECT(str_equal(key, str_from(keys[i])));
        EXPECT(json_kind(value) == kinds[i]);
    }
    EXPECT(!json_next(&iter, &key, &value));
    EXPECT(!json_next(&iter, &key, &value));

    const struct json first = json_get(root, "a"); /* the first of that name */
    EXPECT(json_count(first) == 5);
    iter = json_iter(first);
    int64_t total = 0;
    while (json_next(&iter, &key, &value)) {
        EXPECT(key.size == 0);
        total = total * 10 + (int64_t)json_count(value);
    }
    EXPECT(total == 20); /* counts of 0, 0, 0, 2 and 0 members */
    EXPECT(json_kind(json_get(root, "b.c")) == JSON_UINT64);
    EXPECT(json_kind(json_path(root, "b.c")) == JSON_ABSENT);
}

static void strings_come_unescaped(void)
{
    const struct json root = document("[\"\", \"\\u0000\\n\\\"\\\\\\/\", \"\\ud83d\\ude00é\"]");
    static const struct str expected[] = {STR_STATIC(""), STR_STATIC("\0\n\"\\/"),
                                          STR_STATIC("😀é")};
    struct json_cursor iter = json_iter(root);
    struct json value;
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        EXPECT(json_next(&iter, NULL, &value));
        EXPECT(json_str(value).data != NULL);
        EXPECT(str_equal(json_str(value), expected[i]));
    }
}

static void a_node_minifies_into_as_much_room_as_there_is(void)
{
    const struct json root = document("{ \"a\" : [ 1, 2.5 ,\"x\\n\" ] }");
    const struct str expected = STR("{\"a\":[1,2.5,\"x\\n\"]}");
    char out[64];
    memset(out, '#', sizeof out);
    EXPECT(json_minify(root, NULL, 0) == expected.size);
    EXPECT(json_minify(root, out, 5) == expected.size);
    EXPECT(memcmp(out, "{\"a\":#", 6) == 0);
    EXPECT(json_minify(root, out, sizeof out) == expected.size);
    EXPECT(str_equal((struct str){out, expected.size}, expected));
    EXPECT(out[expected.size] == '#');
    EXPECT(json_minify(json_path(root, "a"), out, sizeof out) == 13);
}

static void a_refused_document_leaves_the_parser_usable(void)
{
    EXPECT(refuses("[[[", ERR_SYNTAX));
    EXPECT(json_int64(document("[5]"), -1) == -1);
    EXPECT(json_int64(document("5"), -1) == 5);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(what_is_not_json_is_refused),
        TEST(depth_is_limited),
        TEST(size_is_limited),
        TEST(a_document_of_64_mib_is_read_and_one_byte_more_refused),
        TEST(a_byte_order_mark_is_skipped),
        TEST(bytes_behind_a_padded_document_are_not_used),
        TEST(integers_are_exact_or_absent),
        TEST(any_number_reads_as_a_double_and_nothing_else_does),
        TEST(looking_in_vain_gives_absence),
        TEST(members_and_elements_come_in_order),
        TEST(strings_come_unescaped),
        TEST(a_node_minifies_into_as_much_room_as_there_is),
        TEST(a_refused_document_leaves_the_parser_usable),
    };
    json_parser_create(&parser, SIZE_LARGE);
    const int failed = test_main(tests, COUNT_OF(tests));
    json_parser_destroy(&parser);
    return failed;
}
