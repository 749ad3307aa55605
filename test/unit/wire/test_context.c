/* context and baggage: what clients write comes out as it is, and never as a line of ours. */
#include "wire/context.h"

#include <stdio.h>

#include "support/test.h"

/* Members of a header as "name=value;" with values decoded, "?" where they cannot be. */
static bool reads(const char *header, const char *expected)
{
    char told[512] = "";
    size_t used = 0;
    size_t members = 0;
    struct str rest = str_from(header);
    struct baggage_member member;
    while (baggage_next(&rest, &members, &member)) {
        char value[64];
        size_t size = baggage_decode(member.encoded, value, sizeof value);
        if (size == SIZE_MAX) {
            value[0] = '?';
            size = 1;
        }
        used += (size_t)snprintf(told + used, sizeof told - used, STR_FORMAT "=%.*s;",
                                 STR_ARG(member.name), (int)size, value);
    }
    if (strcmp(told, expected) != 0) {
        test_note(told);
    }
    return strcmp(told, expected) == 0;
}

static void members_that_are_none_are_stepped_over(void)
{
    EXPECT(reads("", ""));
    EXPECT(reads(",,,", ""));
    EXPECT(reads("a", ""));
    EXPECT(reads("=1", ""));
    EXPECT(reads("a b=1,c=2", "c=2;"));
    EXPECT(reads("\"a\"=1,(b)=2,c=3", "c=3;"));
    EXPECT(reads("a=%,b=%4,c=%zz,d=%00,e=%41", "a=?;b=?;c=?;d=?;e=A;"));
}

/* The examples of W3C Baggage, section 3. */
static void values_are_decoded_and_properties_left_out(void)
{
    EXPECT(reads("key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=v",
                 "key1=value1;key2=value2;key3=value3;"));
    EXPECT(
        reads("serverNode=DF%2028,userId=Am%C3%A9lie", "serverNode=DF 28;userId=Am\xc3\xa9lie;"));
    EXPECT(reads("a=b=c,d=", "a=b=c;d=;"));
    EXPECT(reads("a=1+1", "a=1+1;"));
}

static void no_more_members_than_the_limit_are_read(void)
{
    static char header[2 * BAGGAGE_MEMBERS_MAX * 2];
    for (size_t i = 0; i < sizeof header / 4; i++) {
        memcpy(header + 4 * i, "a=1,", 4);
    }
    struct str rest = {header, sizeof header / 4 * 4};
    struct baggage_member member;
    size_t members = 0;
    size_t count = 0;
    while (baggage_next(&rest, &members, &member)) {
        count++;
    }
    EXPECT(count == sizeof header / 4 || count == BAGGAGE_MEMBERS_MAX);
    EXPECT(members <= BAGGAGE_MEMBERS_MAX);
}

static void a_value_that_does_not_fit_is_refused_whole(void)
{
    char value[3];
    EXPECT(baggage_decode(STR("abcd"), value, sizeof value) == SIZE_MAX);
    EXPECT(baggage_decode(STR("ab%63"), value, sizeof value) == 3);
    EXPECT(memcmp(value, "abc", 3) == 0);
}

static void a_value_cannot_make_a_line_of_its_own(void)
{
    struct text context;
    text_init(&context, CONTEXT_BYTES_MAX);
    EXPECT(!context_add(&context, STR("header."), STR("x"), STR("a\nkey.workflow=theirs")));
    EXPECT(!context_add(&context, STR("header."), STR("x"), STR("a\r")));
    EXPECT(!context_add(&context, STR("header."), STR("x"), ((struct str){"a\0b", 3})));
    EXPECT(context.size == 0);
    EXPECT(context_add(&context, STR("header."), STR("X-Team"), STR("a=b\tc")));
    EXPECT(str_equal(text_str(&context), STR("header.x-team=a=b\tc\n")));
    text_deinit(&context);
}

static void what_was_added_comes_back_and_too_much_is_left_out(void)
{
    struct text context;
    static char large[CONTEXT_VALUE_BYTES_MAX + 1];
    memset(large, 'x', sizeof large);
    text_init(&context, CONTEXT_BYTES_MAX);
    EXPECT(!context_add(&context, STR("header."), STR("x"), (struct str){large, sizeof large}));
    size_t added = 0;
    while (added < 100 && context_add(&context, STR("header."), STR("x"),
                                      (struct str){large, CONTEXT_VALUE_BYTES_MAX})) {
        added++;
    }
    EXPECT(added == 3);
    EXPECT(context_add(&context, STR("key."), STR("team"), STR("")));
    struct str rest = text_str(&context);
    struct str name;
    struct str value;
    size_t lines = 0;
    while (context_next(&rest, &name, &value)) {
        lines++;
    }
    const bool last = str_equal(name, STR("key.team")) && value.size == 0;
    text_deinit(&context);
    EXPECT(lines == 4);
    EXPECT(last);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(members_that_are_none_are_stepped_over),
        TEST(values_are_decoded_and_properties_left_out),
        TEST(no_more_members_than_the_limit_are_read),
        TEST(a_value_that_does_not_fit_is_refused_whole),
        TEST(a_value_cannot_make_a_line_of_its_own),
        TEST(what_was_added_comes_back_and_too_much_is_left_out),
    };
    return test_main(tests, COUNT_OF(tests));
}
