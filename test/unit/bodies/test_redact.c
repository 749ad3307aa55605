/* redact: what cannot be read, or needs too many steps, gives nothing at all; what is named is gone
 * from texts, names, numbers and JSON inside texts; what is cut stays JSON. */
#include "bodies/bodies.h"

#include <stdio.h>

#include "base/json.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)1 << 20)
#define OUT_BYTES   ((size_t)8 << 20)

static struct arena arena;
static struct bodies_rule rules[8];
static struct bodies_policy policy;
static struct text out;
static struct bodies_redacted result;
static struct err err;

static bool prepare(void)
{
    arena_deinit(&arena);
    arena_init(&arena, ARENA_BYTES);
    policy = (struct bodies_policy){.days = 1, .kib = 64, .rules = rules, .rule_count = 4};
    return bodies_rule_named(BODIES_EMAIL, &arena, &rules[0], &err) == ERR_OK &&
           bodies_rule_named(BODIES_CARD, &arena, &rules[1], &err) == ERR_OK &&
           bodies_rule_pattern(STR("CLAIM-\\d+"), STR("[claim]"), &arena, &rules[2], &err) ==
               ERR_OK &&
           bodies_rule_member(STR("user.name"), STR("[name]"), &rules[3], &err) == ERR_OK;
}

static enum errc redact(struct str json, bool is_broken)
{
    struct bodies_redactor *redactor = NULL;
    bodies_redactor_create(&redactor);
    const enum errc code =
        bodies_redact(redactor, &policy, json, is_broken, NULL, &out, &result, &err);
    bodies_redactor_destroy(&redactor);
    return code;
}

static bool gives(const char *json, const char *expected)
{
    const bool same = prepare() && redact(str_from(json), false) == ERR_OK &&
                      str_equal(text_str(&out), str_from(expected));
    test_note(out.data != NULL ? out.data : "");
    return same;
}

static void what_is_no_json_gives_nothing(void)
{
    EXPECT(prepare());
    EXPECT(redact(STR("{\"a\":"), false) == ERR_SYNTAX);
    EXPECT(out.size == 0);
    EXPECT(redact(STR("a@b.com"), false) == ERR_SYNTAX);
    EXPECT(redact(STR(""), false) == ERR_SYNTAX);
}

static void a_pattern_that_never_ends_gives_nothing(void)
{
    static char json[4100];
    EXPECT(prepare());
    EXPECT(bodies_rule_pattern(STR("(a+)+$"), STR("x"), &arena, &rules[2], &err) == ERR_OK);
    memset(json, 'a', sizeof json);
    memcpy(json, "[\"b@c.com\",\"", 12);
    memcpy(json + sizeof json - 4, "!\"]", 4);
    EXPECT(redact(str_from(json), false) == ERR_LIMIT);
    EXPECT(strstr(err.text, "too many steps") != NULL);
    EXPECT(out.size == 0);
}

static bool is_over(void *context)
{
    int *const left = context;
    return --*left < 0;
}

static void patience_that_is_over_gives_nothing(void)
{
    int left = 2;
    struct bodies_redactor *redactor = NULL;
    const struct bodies_patience patience = {is_over, &left};
    EXPECT(prepare());
    bodies_redactor_create(&redactor);
    const enum errc code = bodies_redact(redactor, &policy, STR("[\"a\",\"b\",\"c@d.ef\"]"), false,
                                         &patience, &out, &result, &err);
    bodies_redactor_destroy(&redactor);
    EXPECT(code == ERR_LIMIT);
    EXPECT(out.size == 0);
}

static void texts_names_and_numbers_are_looked_at(void)
{
    EXPECT(gives("{\"a\": \"to b@c.com.\", \"x\": [1, 2.5, true, null]}",
                 "{\"a\":\"to [email].\",\"x\":[1,2.5,true,null]}"));
    EXPECT(gives("{\"b@c.com\": 1}", "{\"[email]\":1}"));
    EXPECT(gives("[4111111111111111, 4111111111111112]", "[\"[card]\",4111111111111112]"));
    EXPECT(gives("\"CLAIM-17\"", "\"[claim]\""));
}

static void no_escape_hides_anything(void)
{
    EXPECT(gives("[\"b\\u0040c.com\"]", "[\"[email]\"]"));
    EXPECT(gives("[\"\\u0034111 1111 1111 1111\"]", "[\"[card]\"]"));
    /* a text that is no JSON, with escapes of its own */
    EXPECT(
        gives("[\"say b\\\\u0040c.com\"]", "[\"[withheld: its escapes hide what a rule names]\"]"));
    EXPECT(gives("[\"C:\\\\temp\\\\new\"]", "[\"C:\\\\temp\\\\new\"]"));
}

static void json_inside_texts_is_read(void)
{
    EXPECT(gives("{\"arguments\":\"{\\\"to\\\":\\\"b\\\\u0040c.com\\\"}\"}",
                 "{\"arguments\":\"{\\\"to\\\":\\\"[email]\\\"}\"}"));
    EXPECT(gives("{\"arguments\":\"{\\\"user\\\": {\\\"name\\\": \\\"Bob\\\"}}\"}",
                 "{\"arguments\":\"{\\\"user\\\":{\\\"name\\\":\\\"[name]\\\"}}\"}"));
    EXPECT(gives("{\"arguments\":\"{ \\\"n\\\": 1 }\"}", "{\"arguments\":\"{ \\\"n\\\": 1 }\"}"));
    /* cut off: its members cannot be told */
    EXPECT(gives("{\"arguments\":\"{\\\"user\\\":{\\\"name\\\":\\\"Bo\"}",
                 "{\"arguments\":\"[withheld: members in it cannot be told]\"}"));
}

static void members_are_taken_whole(void)
{
    EXPECT(gives("{\"user\":{\"name\":{\"first\":\"Bob\"},\"n\":1},\"name\":\"x\"}",
                 "{\"user\":{\"name\":\"[name]\",\"n\":1},\"name\":\"x\"}"));
    EXPECT(gives("{\"a\":[{\"user\":[{\"name\":1}]}]}",
                 "{\"a\":[{\"user\":[{\"name\":\"[name]\"}]}]}"));
}

static void the_end_of_what_broke_off_is_cut(void)
{
    EXPECT(prepare());
    EXPECT(redact(STR("{\"text_so_far\":\"ask b@c.com, or ali\",\"id\":\"ali\"}"), true) == ERR_OK);
    EXPECT(str_starts_with(text_str(&out), STR("{\"text_so_far\":\"ask [email], or")));
    EXPECT(strstr(out.data, "[cut]") != NULL);
    EXPECT(strstr(out.data, "or ali") == NULL);
    EXPECT(strstr(out.data, "\"id\":\"ali\"") != NULL);
}

/* One rule's cut must not hide from the next that a number went on. */
static void the_rule_that_begins_first_cuts(void)
{
    EXPECT(prepare());
    EXPECT(redact(STR("{\"text_so_far\":\"pay to: 4111 1111 1\"}"), true) == ERR_OK);
    EXPECT(strstr(out.data, "4111") == NULL);
    EXPECT(strstr(out.data, "pay to:") != NULL);
    static const char *const ends[] = {"a",
                                       "abc\xc3\xa4",
                                       "abc\xc3\xa4@",
                                       "abc\xc3\xa4@d",
                                       "abc\xc3\xa4@def\xc3\xbc",
                                       "abc\xc3\xa4@def\xc3\xbc.",
                                       "abc@def.",
                                       "abc@def.d",
                                       "abc@def.de"};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        char json[100];
        snprintf(json, sizeof json, "{\"text_so_far\":\"Hello %s\"}", ends[i]);
        EXPECT(redact(str_from(json), true) == ERR_OK);
        test_note(out.data);
        EXPECT(strstr(out.data, "abc") == NULL);
        EXPECT(strstr(out.data, "Hello [") != NULL);
    }
    /* what could be the beginning of an IBAN goes through an address that is whole */
    EXPECT(bodies_rule_named(BODIES_IBAN, &arena, &rules[1], &err) == ERR_OK);
    EXPECT(redact(STR("{\"text_so_far\":\"Hello abc@def.de there\"}"), true) == ERR_OK);
    EXPECT(strstr(out.data, "abc") == NULL);
}

/* A phone's rule would take the end of this card and leave its beginning. */
static void no_rule_takes_a_part_of_what_another_names(void)
{
    EXPECT(prepare());
    EXPECT(bodies_rule_named(BODIES_PHONE, &arena, &rules[0], &err) == ERR_OK);
    EXPECT(redact(STR("[\"=3639-3838-0390-3165-419,\"]"), false) == ERR_OK);
    test_note(out.data);
    EXPECT(strcmp(out.data, "[\"=[card],\"]") == 0);
}

static void what_is_too_long_is_cut_and_stays_json(void)
{
    static char json[8000];
    struct json_parser *parser = NULL;
    struct json root;
    EXPECT(prepare());
    policy.kib = 1;
    size_t size = (size_t)snprintf(json, sizeof json, "{\"a\":[");
    for (int i = 0; i < 100; i++) {
        size += (size_t)snprintf(json + size, sizeof json - size, "%s{\"k\":[\"äöü text %d\"]}",
                                 i > 0 ? "," : "", i);
    }
    size += (size_t)snprintf(json + size, sizeof json - size, "],\"z\":1}");
    EXPECT(redact((struct str){json, size}, false) == ERR_OK);
    EXPECT(result.is_cut);
    EXPECT(out.size < 1200);
    json_parser_create(&parser, OUT_BYTES);
    const enum errc code = json_parse(parser, text_str(&out), out.size, &root, &err);
    json_parser_destroy(&parser);
    EXPECT(code == ERR_OK);
}

static void without_rules_texts_stay_as_they_are(void)
{
    EXPECT(prepare());
    policy.rule_count = 0;
    EXPECT(redact(STR("{\"b@c.com\":\"[1, \\\"4111111111111111\\\"\"}"), false) == ERR_OK);
    EXPECT(str_equal(text_str(&out), STR("{\"b@c.com\":\"[1, \\\"4111111111111111\\\"\"}")));
    EXPECT(result.removed == 0);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(what_is_no_json_gives_nothing),
        TEST(a_pattern_that_never_ends_gives_nothing),
        TEST(patience_that_is_over_gives_nothing),
        TEST(texts_names_and_numbers_are_looked_at),
        TEST(no_escape_hides_anything),
        TEST(json_inside_texts_is_read),
        TEST(members_are_taken_whole),
        TEST(the_end_of_what_broke_off_is_cut),
        TEST(the_rule_that_begins_first_cuts),
        TEST(no_rule_takes_a_part_of_what_another_names),
        TEST(what_is_too_long_is_cut_and_stays_json),
        TEST(without_rules_texts_stay_as_they_are),
    };
    arena_init(&arena, ARENA_BYTES);
    text_init(&out, OUT_BYTES);
    const int status = test_main(tests, COUNT_OF(tests));
    text_deinit(&out);
    arena_deinit(&arena);
    return status;
}
