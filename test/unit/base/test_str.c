/* str: slices with and without bytes; every function with an empty one and at its borders. */
#include "base/str.h"

#include "support/test.h"

static const struct str none = {0};

static bool reads(const char *text, int64_t expected)
{
    int64_t value = 77;
    return str_to_int64(str_from(text), &value) && value == expected;
}

static bool refuses(const char *text)
{
    int64_t value = 77;
    return !str_to_int64(str_from(text), &value) && value == 77;
}

static void what_is_no_integer_is_refused(void)
{
    EXPECT(refuses(""));
    EXPECT(refuses("-"));
    EXPECT(refuses("+"));
    EXPECT(refuses("+-1"));
    EXPECT(refuses(" 1"));
    EXPECT(refuses("1 "));
    EXPECT(refuses("1.0"));
    EXPECT(refuses("0x10"));
    EXPECT(refuses("1e3"));
    EXPECT(refuses("９"));
    EXPECT(refuses("9223372036854775808"));
    EXPECT(refuses("-9223372036854775809"));
    EXPECT(refuses("99999999999999999999999999999999"));
    int64_t value = 77;
    EXPECT(!str_to_int64(none, &value));
    EXPECT(!str_to_int64((struct str){"1\0", 2}, &value));
}

static void integers_are_read_to_both_ends(void)
{
    EXPECT(reads("0", 0));
    EXPECT(reads("-0", 0));
    EXPECT(reads("+12", 12));
    EXPECT(reads("0000000000000000000000000000012", 12));
    EXPECT(reads("9223372036854775807", INT64_MAX));
    EXPECT(reads("-9223372036854775808", INT64_MIN));
}

static void an_empty_slice_is_equal_to_nothing_but_empty_ones(void)
{
    EXPECT(str_equal(none, STR("")));
    EXPECT(!str_equal(none, STR("a")));
    EXPECT(str_from(NULL).size == 0);
    EXPECT(str_equal_fold(none, STR("")));
    EXPECT(str_compare(none, STR("")) == 0);
    EXPECT(str_compare(none, STR("a")) < 0);
    EXPECT(str_starts_with(none, none));
    EXPECT(str_starts_with(STR("a"), none));
    EXPECT(str_ends_with(none, none));
    EXPECT(str_ends_with(STR("a"), none));
    EXPECT(!str_ends_with(none, STR("a")));
    EXPECT(str_find(none, STR("a")) == SIZE_MAX);
    EXPECT(str_trim(none).size == 0);
}

static void order_is_that_of_bytes_and_a_prefix_comes_first(void)
{
    EXPECT(str_compare(STR("a"), STR("b")) < 0);
    EXPECT(str_compare(STR("ab"), STR("a")) > 0);
    EXPECT(str_compare(STR("Z"), STR("a")) < 0);
    EXPECT(str_compare(STR("\x7f"), STR("\x80")) < 0);
    EXPECT(str_compare(STR("same"), STR("same")) == 0);
}

static void beginnings_ends_and_places_are_found(void)
{
    EXPECT(str_starts_with(STR("claude-opus"), STR("claude")));
    EXPECT(!str_starts_with(STR("cl"), STR("claude")));
    EXPECT(str_ends_with(STR("log.jsonl.gz"), STR(".gz")));
    EXPECT(!str_ends_with(STR("gz"), STR(".gz")));
    EXPECT(str_find(STR("abcabc"), STR("ca")) == 2);
    EXPECT(str_find(STR("abc"), STR("abcd")) == SIZE_MAX);
    EXPECT(str_find(STR("abc"), STR("abc")) == 0);
    EXPECT(str_equal_fold(STR("GPT-4o"), STR("gpt-4O")));
    EXPECT(!str_equal_fold(STR("[a]"), STR("{a}")));
    EXPECT(!str_equal_fold(STR("a"), STR("ab")));
}

static void trimming_takes_white_space_at_both_ends_only(void)
{
    EXPECT(str_equal(str_trim(STR(" \t a b \r\n")), STR("a b")));
    EXPECT(str_trim(STR(" \n ")).size == 0);
    EXPECT(str_equal(str_trim(STR("x")), STR("x")));
}

static void cutting_walks_through_the_fields(void)
{
    struct str rest = STR("a,,b");
    EXPECT(str_equal(str_cut(&rest, ','), STR("a")));
    EXPECT(str_equal(str_cut(&rest, ','), STR("")));
    EXPECT(str_equal(rest, STR("b")));
    EXPECT(str_equal(str_cut(&rest, ','), STR("b")));
    EXPECT(rest.size == 0);
    EXPECT(str_cut(&rest, ',').size == 0);
    rest = STR("a,");
    EXPECT(str_equal(str_cut(&rest, ','), STR("a")));
    EXPECT(rest.size == 0);
    rest = none;
    EXPECT(str_cut(&rest, ',').size == 0);
}

static void letters_are_the_same_in_either_case_and_nothing_else_is(void)
{
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            const char left[] = {'x', (char)a};
            const char right[] = {'X', (char)b};
            const bool letter = (a | 0x20) >= 'a' && (a | 0x20) <= 'z';
            EXPECT(str_equal_fold((struct str){left, 2}, (struct str){right, 2}) ==
                   (a == b || (letter && (a ^ b) == 0x20)));
        }
    }
    EXPECT(!str_equal_fold(STR("te"), STR("t")));
    EXPECT(str_equal_fold(none, STR("")));
}

static void joined_parts_are_cut_to_their_room(void)
{
    const struct str parts[] = {STR("ab"), none, STR("cde")};
    char out[8];
    for (size_t room = 1; room < sizeof out; room++) {
        const size_t size = room - 1 < 5 ? room - 1 : 5;
        memset(out, '!', sizeof out);
        EXPECT(str_join(out, room, parts, COUNT_OF(parts)) == size);
        EXPECT(memcmp(out, "abcde", size) == 0);
        EXPECT(out[size] == '\0');
        EXPECT(out[room] == '!');
    }
}

int main(void)
{
    static const struct test tests[] = {
        TEST(what_is_no_integer_is_refused),
        TEST(integers_are_read_to_both_ends),
        TEST(an_empty_slice_is_equal_to_nothing_but_empty_ones),
        TEST(order_is_that_of_bytes_and_a_prefix_comes_first),
        TEST(beginnings_ends_and_places_are_found),
        TEST(trimming_takes_white_space_at_both_ends_only),
        TEST(cutting_walks_through_the_fields),
        TEST(letters_are_the_same_in_either_case_and_nothing_else_is),
        TEST(joined_parts_are_cut_to_their_room),
    };
    return test_main(tests, COUNT_OF(tests));
}
