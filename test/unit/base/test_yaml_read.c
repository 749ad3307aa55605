/* yaml readers: each says file, line, key, what was found and what is allowed, to the letter.
 * A refused value leaves what was there before. */
#include "base/yaml.h"

#include <stdio.h>

#include "support/test.h"

/* Static, so that a test that ends early leaves nothing unreachable. */
static struct arena arena;
static struct err last;

static const char *const risks[] = {"low", "normal", "high", NULL};

/* Member `x` of the second line, so that file, line and key all show; NULL when refused. */
static const struct yaml *value(const char *text)
{
    char file[256];
    const struct yaml *root = NULL;
    snprintf(file, sizeof file, "w:\n  x: %s\n", text);
    arena_deinit(&arena);
    arena_init(&arena, 100000);
    if (yaml_parse(STR("b.yaml"), str_from(file), &arena, &root, &last) != ERR_OK) {
        return NULL;
    }
    return yaml_get(yaml_get(root, "w"), "x");
}

static bool says(enum errc code, const char *expected)
{
    if (code != ERR_CONFIG || strcmp(last.text, expected) != 0) {
        test_note(last.text);
        return false;
    }
    return true;
}

static bool refuses_int64(const char *text, const char *expected)
{
    const struct yaml *node = value(text);
    int64_t out = 77;
    return node != NULL && says(yaml_int64(node, -5, 100, &out, &last), expected) && out == 77;
}

static bool refuses_double(const char *text, const char *expected)
{
    const struct yaml *node = value(text);
    double out = 77;
    return node != NULL && says(yaml_double(node, 0, 1, &out, &last), expected) && out > 76;
}

static bool refuses_money(const char *text, const char *expected)
{
    const struct yaml *node = value(text);
    int64_t out = 77;
    return node != NULL && says(yaml_money(node, &out, &last), expected) && out == 77;
}

static bool reads_int64(const char *text, int64_t expected)
{
    const struct yaml *node = value(text);
    int64_t out = 77;
    return node != NULL && yaml_int64(node, -5, 100, &out, &last) == ERR_OK && out == expected;
}

static bool reads_double(const char *text, double low, double high)
{
    const struct yaml *node = value(text);
    double out = 77;
    return node != NULL && yaml_double(node, 0, 1, &out, &last) == ERR_OK && out > low &&
           out < high;
}

static bool reads_money(const char *text, int64_t expected)
{
    const struct yaml *node = value(text);
    int64_t out = 77;
    return node != NULL && yaml_money(node, &out, &last) == ERR_OK && out == expected;
}

static bool refuses_word(const char *text, const char *expected)
{
    const struct yaml *node = value(text);
    int out = 77;
    return node != NULL && says(yaml_word(node, risks, &out, &last), expected) && out == 77;
}

static bool refuses_bool(const char *text, const char *expected)
{
    const struct yaml *node = value(text);
    bool out = true;
    return node != NULL && says(yaml_bool(node, &out, &last), expected) && out;
}

static bool reads_bool(const char *text, bool expected)
{
    const struct yaml *node = value(text);
    bool out = !expected;
    return node != NULL && yaml_bool(node, &out, &last) == ERR_OK && out == expected;
}

static bool refuses_only(const char *text, const char *const *names, const char *expected)
{
    const struct yaml *node = value(text);
    return node != NULL && says(yaml_only(node, names, &last), expected);
}

static bool allows_only(const char *text, const char *const *names)
{
    const struct yaml *node = value(text);
    return node != NULL && yaml_only(node, names, &last) == ERR_OK;
}

static void a_container_is_no_value_and_a_value_no_container(void)
{
    struct str text = {0};
    const struct yaml *node = value("[1]");
    EXPECT(node != NULL);
    EXPECT(says(yaml_str(node, &text, &last),
                "b.yaml:2: w.x: found a list where a single value is expected"));
    EXPECT(text.data == NULL);
    EXPECT(says(yaml_want(node, YAML_MAPPING, &last),
                "b.yaml:2: w.x: found a list where a mapping (key: value) is expected"));
    node = value("{a: 1}");
    EXPECT(node != NULL);
    EXPECT(says(yaml_want(node, YAML_SEQUENCE, &last),
                "b.yaml:2: w.x: found a mapping (key: value) where a list is expected"));
    EXPECT(yaml_want(node, YAML_MAPPING, &last) == ERR_OK);
    EXPECT(refuses_int64("{a: 1}",
                         "b.yaml:2: w.x: found a mapping (key: value) where a single value is "
                         "expected"));
    EXPECT(refuses_only(
        "3", (const char *const[]){"a", NULL},
        "b.yaml:2: w.x: found a single value where a mapping (key: value) is expected"));
}

static void integers_outside_the_bounds_are_refused(void)
{
    EXPECT(refuses_int64("101", "b.yaml:2: w.x: found \"101\"; allowed is a whole number from -5 "
                                "to 100"));
    EXPECT(refuses_int64("-6", "b.yaml:2: w.x: found \"-6\"; allowed is a whole number from -5 to "
                               "100"));
    EXPECT(refuses_int64("1.5", "b.yaml:2: w.x: found \"1.5\"; allowed is a whole number from -5 "
                                "to 100"));
    EXPECT(refuses_int64("many", "b.yaml:2: w.x: found \"many\"; allowed is a whole number from -5 "
                                 "to 100"));
    EXPECT(refuses_int64("", "b.yaml:2: w.x: found \"\"; allowed is a whole number from -5 to "
                             "100"));
    EXPECT(refuses_int64("99999999999999999999", "b.yaml:2: w.x: found \"99999999999999999999\"; "
                                                 "allowed is a whole number from -5 to 100"));
    EXPECT(reads_int64("100", 100));
    EXPECT(reads_int64("-5", -5));
}

static void numbers_that_are_not_plain_decimals_are_refused(void)
{
    static const char *const wrong[] = {"1.5", "-0.1", "nan", "inf",   "0x1p-3", "1e",
                                        "0,5", "' 1'", "''",  "1 USD", "--1",    "e5"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char expected[200];
        const char *const shown = strcmp(wrong[i], "' 1'") == 0 ? " 1"
                                  : strcmp(wrong[i], "''") == 0 ? ""
                                                                : wrong[i];
        snprintf(expected, sizeof expected,
                 "b.yaml:2: w.x: found \"%s\"; allowed is a number from 0 to 1", shown);
        EXPECT(refuses_double(wrong[i], expected));
    }
    EXPECT(reads_double("0.94", 0.939, 0.941));
    EXPECT(reads_double("1e-1", 0.09, 0.11));
}

static void amounts_are_dollars_and_not_negative(void)
{
    EXPECT(refuses_money("-1", "b.yaml:2: w.x: found \"-1\"; an amount is not negative"));
    EXPECT(refuses_money("4.50 USD", "b.yaml:2: w.x: \"4.50 USD\" is not a decimal number; allowed "
                                     "is an amount in USD such as 4.50"));
    EXPECT(refuses_money("$4", "b.yaml:2: w.x: \"$4\" is not a decimal number; allowed is an "
                               "amount in USD such as 4.50"));
    EXPECT(refuses_money("1e30", "b.yaml:2: w.x: \"1e30\" is larger than a ledger row holds; "
                                 "allowed is an amount in USD such as 4.50"));
    EXPECT(reads_money("2.00", 2000000000000));
    EXPECT(reads_money("0", 0));
}

static void words_are_listed_when_none_fits(void)
{
    EXPECT(refuses_word("hihg", "b.yaml:2: w.x: found \"hihg\"; allowed: low, normal, high"));
    EXPECT(refuses_word("Low", "b.yaml:2: w.x: found \"Low\"; allowed: low, normal, high"));
    const struct yaml *node = value("high");
    int word = 77;
    EXPECT(node != NULL);
    EXPECT(yaml_word(node, risks, &word, &last) == ERR_OK && word == 2);
    EXPECT(refuses_bool("maybe",
                        "b.yaml:2: w.x: found \"maybe\"; allowed: false, no, off, true, yes, on"));
    EXPECT(reads_bool("off", false));
    EXPECT(reads_bool("yes", true));
}

static void a_long_list_of_words_is_cut_visibly(void)
{
    static char names[60][12];
    static const char *words[61];
    for (size_t i = 0; i < 60; i++) {
        snprintf(names[i], sizeof names[i], "word%06zu", i);
        words[i] = names[i];
    }
    int word = 77;
    const struct yaml *node = value("none");
    EXPECT(node != NULL);
    EXPECT(yaml_word(node, words, &word, &last) == ERR_CONFIG);
    EXPECT(str_ends_with(str_from(last.text), STR(" …")));
}

static void unknown_keys_come_with_the_nearest_known_one(void)
{
    static const char *const names[] = {"unit", "risk", "value_per_outcome", NULL};
    EXPECT(allows_only("{unit: t, risk: low}", names));
    EXPECT(allows_only("{}", names));
    EXPECT(refuses_only("{unti: t}", names,
                        "b.yaml:2: w.x.unti: unknown key; did you mean \"unit\"?"));
    EXPECT(refuses_only("{value_per_outcom: 1}", names,
                        "b.yaml:2: w.x.value_per_outcom: unknown key; did you mean "
                        "\"value_per_outcome\"?"));
    EXPECT(refuses_only(
        "{price: 1}", names,
        "b.yaml:2: w.x.price: unknown key; allowed here: unit, risk, value_per_outcome"));
    static const char *const shorts[] = {"at", "do", NULL};
    EXPECT(refuses_only("{x: 1}", shorts, "b.yaml:2: w.x.x: unknown key; allowed here: at, do"));
}

static void a_hostile_value_is_shown_on_one_line(void)
{
    EXPECT(refuses_int64("\"1\\n2\\e[2J\"", "b.yaml:2: w.x: found \"1?2?[2J\"; allowed is a whole "
                                            "number from -5 to 100"));
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_container_is_no_value_and_a_value_no_container),
        TEST(integers_outside_the_bounds_are_refused),
        TEST(numbers_that_are_not_plain_decimals_are_refused),
        TEST(amounts_are_dollars_and_not_negative),
        TEST(words_are_listed_when_none_fits),
        TEST(a_long_list_of_words_is_cut_visibly),
        TEST(unknown_keys_come_with_the_nearest_known_one),
        TEST(a_hostile_value_is_shown_on_one_line),
    };
    arena_init(&arena, 1);
    return test_main(tests, COUNT_OF(tests));
}
