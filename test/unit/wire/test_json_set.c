/*
 * Goal: one member is set and no other byte changes.
 * Method: objects written by hand, with what could mislead a scanner in strings.
 */
#include "support/test.h"
#include "wire/json_set.h"

static struct err err;

static bool sets(const char *object, const char *name, const char *value, const char *want)
{
    struct text out;
    text_init(&out, 4096);
    const bool fine =
        json_set(str_from(object), str_from(name), str_from(value), &out, &err) == ERR_OK &&
        str_equal(text_str(&out), str_from(want));
    if (!fine) {
        test_note(out.data != NULL ? out.data : "");
    }
    text_deinit(&out);
    return fine;
}

static void what_cannot_be_told_apart_is_refused(void)
{
    struct text out;
    text_init(&out, 4096);
    EXPECT(json_set(STR("[1]"), STR("a"), STR("1"), &out, &err) == ERR_UNSUPPORTED);
    EXPECT(json_set(STR("{\"mod\\u0065l\":1}"), STR("model"), STR("1"), &out, &err) ==
           ERR_UNSUPPORTED);
    EXPECT(out.size == 0);
    text_deinit(&out);
}

static void a_member_there_is_is_replaced_in_its_place(void)
{
    EXPECT(sets("{\"a\":1,\"b\":2}", "a", "9", "{\"a\":9,\"b\":2}"));
    EXPECT(sets("{ \"a\" : \"x\\\"}\" , \"b\" : {\"a\":[1,{\"a\":2}]} }", "b", "true",
                "{ \"a\" : \"x\\\"}\" , \"b\" : true }"));
    EXPECT(sets("{\"b\":\"a\",\"c\":[\"a\",{\"a\":1}],\"a\":-1.5e3}", "a", "7",
                "{\"b\":\"a\",\"c\":[\"a\",{\"a\":1}],\"a\":7}"));
    EXPECT(sets("{\"a\":null\n}", "a", "{}", "{\"a\":{}\n}"));
}

static void a_member_there_is_not_comes_last(void)
{
    EXPECT(sets("{}", "a", "1", "{\"a\":1}"));
    EXPECT(sets(" { } ", "a", "1", " {\"a\":1 } "));
    EXPECT(sets("{\"b\":{\"a\":1}}\n", "a", "1", "{\"b\":{\"a\":1},\"a\":1}\n"));
    EXPECT(sets("{\"b\":\"\\\\\"  }", "a", "1", "{\"b\":\"\\\\\",\"a\":1  }"));
}

static void a_member_is_found_with_its_bytes(void)
{
    EXPECT(str_equal(json_member(STR("{\"a\": [1, 2] ,\"b\":3}"), STR("a")), STR("[1, 2]")));
    EXPECT(str_equal(json_member(STR("{\"a\":[1],\"b\": 3}"), STR("b")), STR("3")));
    EXPECT(json_member(STR("{\"a\":{\"b\":1}}"), STR("b")).data == NULL);
    EXPECT(json_member(STR("[]"), STR("b")).data == NULL);
}

int main(void)
{
    const struct test tests[] = {
        TEST(what_cannot_be_told_apart_is_refused),
        TEST(a_member_there_is_is_replaced_in_its_place),
        TEST(a_member_there_is_not_comes_last),
        TEST(a_member_is_found_with_its_bytes),
    };
    return test_main(tests, COUNT_OF(tests));
}
