/*
 * Goal: the reader gives every field of a message and refuses what is none, naming the byte.
 * Method: bytes written by hand, refusals first; protobuf-c is held against it in
 * test_protobuf_oracle.c.
 */
#include <stdio.h>

#include "support/test.h"
#include "wire/protobuf.h"

static struct err err;

/* Read all fields; the last one found is in *out. */
static enum errc read_all(const char *bytes, size_t size, struct protobuf_field *out)
{
    struct protobuf reader = protobuf_open((struct str){bytes, size});
    bool found = true;
    enum errc code = ERR_OK;
    while (code == ERR_OK && found) {
        code = protobuf_next(&reader, out, &found, &err);
    }
    return code;
}

#define READ(literal) read_all("" literal, sizeof(literal) - 1, &field)

static void what_is_cut_short_is_refused_with_its_byte(void)
{
    struct protobuf_field field;
    EXPECT(READ("\x08") == ERR_TRUNCATED);
    EXPECT(strstr(err.text, "byte 1") != NULL);
    EXPECT(READ("\x08\x80\x80") == ERR_TRUNCATED);
    EXPECT(READ("\x80") == ERR_TRUNCATED);
    EXPECT(READ("\x09\x01\x02\x03") == ERR_TRUNCATED);
    EXPECT(READ("\x0d\x01") == ERR_TRUNCATED);
    EXPECT(READ("\x0a\x05"
                "abc") == ERR_TRUNCATED);
    EXPECT(READ("\x08\x01\x0a\xff\xff\xff\xff\x0f") == ERR_TRUNCATED);
    EXPECT(strstr(err.text, "4294967295 bytes") != NULL);
}

static void what_is_no_field_is_refused(void)
{
    struct protobuf_field field;
    EXPECT(READ("\x03") == ERR_SYNTAX); /* field 0 */
    EXPECT(READ("\x00\x01") == ERR_SYNTAX);
    EXPECT(READ("\x0b\x08\x01\x0c") == ERR_SYNTAX);
    EXPECT(strstr(err.text, "group") != NULL);
    EXPECT(READ("\x0e") == ERR_SYNTAX);
    EXPECT(READ("\x0f\x00") == ERR_SYNTAX);
    EXPECT(READ("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02") == ERR_SYNTAX); /* 65 bits */
    EXPECT(READ("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") == ERR_SYNTAX);
    EXPECT(strstr(err.text, "byte 1") != NULL);
    EXPECT(READ("\x88\x80\x80\x80\x80\x00\x01") == ERR_SYNTAX); /* a tag of six bytes */
    EXPECT(READ("\xf8\xff\xff\xff\x1f\x01") == ERR_SYNTAX);     /* field 2^30 - 1 */
}

static void each_kind_is_read(void)
{
    struct protobuf_field field = {0};
    EXPECT(READ("") == ERR_OK);
    EXPECT(READ("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") == ERR_OK);
    EXPECT(field.number == 1);
    EXPECT(field.kind == PROTOBUF_VARINT);
    EXPECT(field.value == UINT64_MAX);
    EXPECT(READ("\x08\x96\x01") == ERR_OK);
    EXPECT(field.value == 150);
    EXPECT(READ("\x08\x80\x00") == ERR_OK); /* longer than it needs to be, which is allowed */
    EXPECT(field.value == 0);
    EXPECT(READ("\x11\x00\x00\x00\x00\x00\x00\xf8\x3f") == ERR_OK);
    EXPECT(field.number == 2);
    EXPECT(protobuf_double(&field) > 1.49 && protobuf_double(&field) < 1.51);
    EXPECT(READ("\x15\x01\x02\x03\x04") == ERR_OK);
    EXPECT(field.value == 0x04030201);
    EXPECT(READ("\x12\x03"
                "abc") == ERR_OK);
    EXPECT(str_equal(field.bytes, STR("abc")));
    EXPECT(field.offset == 2);
    EXPECT(READ("\xf8\xff\xff\xff\x0f\x01") == ERR_OK);
    EXPECT(field.number == PROTOBUF_FIELD_MAX);
    EXPECT(READ("\x0a\x00") == ERR_OK);
    EXPECT(field.bytes.size == 0);
}

static void a_field_of_another_kind_than_due_is_refused(void)
{
    struct protobuf_field field = {0};
    EXPECT(READ("\x08\x01") == ERR_OK);
    EXPECT(protobuf_expect(&field, PROTOBUF_VARINT, &err) == ERR_OK);
    EXPECT(protobuf_expect(&field, PROTOBUF_BYTES, &err) == ERR_SYNTAX);
    EXPECT(strstr(err.text, "a varint, not bytes") != NULL);
}

static void a_message_in_a_message_tells_the_byte_of_the_whole(void)
{
    struct protobuf_field field = {0};
    bool found = false;
    EXPECT(READ("\x10\x01\x0a\x02\x08\x80") == ERR_OK);
    struct protobuf inner = protobuf_enter(&field);
    EXPECT(protobuf_next(&inner, &field, &found, &err) == ERR_TRUNCATED);
    EXPECT(strstr(err.text, "byte 6") != NULL);
}

static void a_head_gives_the_beginning_of_what_goes_on_behind_it(void)
{
    struct protobuf_field field = {0};
    bool found = false;
    struct protobuf head = protobuf_open((struct str){"\x0a\x20"
                                                      "abc",
                                                      5});
    head.is_head = true;
    EXPECT(protobuf_next(&head, &field, &found, &err) == ERR_OK);
    EXPECT(str_equal(field.bytes, STR("abc")));
}

static void a_walk_ends_with_the_message_or_with_what_it_is_told(void)
{
    struct protobuf reader = protobuf_open(STR("\x08\x01\x08\x02\x0d"));
    struct protobuf_field field = {0};
    enum errc code = ERR_OK;
    int steps = 0;
    while (protobuf_walk(&reader, &field, &code, &err)) {
        steps++;
    }
    EXPECT(steps == 2);
    EXPECT(code == ERR_TRUNCATED);
    EXPECT(field.value == 2);
    reader = protobuf_open(STR("\x08\x01\x08\x02"));
    code = ERR_OK;
    for (steps = 0; protobuf_walk(&reader, &field, &code, &err); steps++) {
    }
    EXPECT(steps == 2);
    EXPECT(code == ERR_OK);
    reader = protobuf_open(STR("\x08\x01\x08\x02"));
    for (steps = 0; protobuf_walk(&reader, &field, &code, &err); steps++) {
        code = ERR_LIMIT;
    }
    EXPECT(steps == 1);
    EXPECT(code == ERR_LIMIT);
}

int main(void)
{
    const struct test tests[] = {
        TEST(what_is_cut_short_is_refused_with_its_byte),
        TEST(what_is_no_field_is_refused),
        TEST(each_kind_is_read),
        TEST(a_field_of_another_kind_than_due_is_refused),
        TEST(a_message_in_a_message_tells_the_byte_of_the_whole),
        TEST(a_head_gives_the_beginning_of_what_goes_on_behind_it),
        TEST(a_walk_ends_with_the_message_or_with_what_it_is_told),
    };
    return test_main(tests, COUNT_OF(tests));
}
