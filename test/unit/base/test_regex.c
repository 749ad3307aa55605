/* regex: patterns that are wrong are refused with the reason; what would take for ever is given up
 * soon, however patterns and texts are chosen. */
#include "base/regex.h"

#include "base/clock.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)1 << 20)

static enum errc compile(struct str pattern, struct arena *arena, const struct regex **out,
                         struct err *err)
{
    arena_init(arena, ARENA_BYTES);
    return regex_compile(pattern, arena, out, err);
}

static bool refuses(const char *pattern, enum errc expected, const char *part)
{
    struct arena arena;
    const struct regex *regex = NULL;
    struct err err = {0};
    const enum errc code = compile(str_from(pattern), &arena, &regex, &err);
    arena_deinit(&arena);
    test_note(err.text);
    return code == expected && regex == NULL && strstr(err.text, part) != NULL;
}

/* "(group)" of the match; "-": it differs; "…": given up; "!": not compiled. */
static bool gives(const char *pattern, struct str subject, uint32_t group, const char *expected)
{
    struct arena arena;
    const struct regex *regex = NULL;
    struct regex_matcher *matcher = NULL;
    struct err err;
    struct str found = STR("untouched");
    const enum errc code = compile(str_from(pattern), &arena, &regex, &err);
    struct str told = STR("!");
    if (code == ERR_OK) {
        regex_matcher_create(&matcher);
        const enum regex_result result = regex_match(matcher, regex, subject, group, &found);
        told = result == REGEX_MATCHES ? found : result == REGEX_DIFFERS ? STR("-") : STR("…");
        regex_matcher_destroy(&matcher);
    }
    const bool same = str_equal(told, str_from(expected));
    arena_deinit(&arena);
    return same;
}

static void what_is_no_pattern_is_refused_with_the_place(void)
{
    EXPECT(refuses("claim-(\\d+", ERR_SYNTAX, "after byte 10"));
    EXPECT(refuses("[a", ERR_SYNTAX, "missing terminating ]"));
    EXPECT(refuses("*", ERR_SYNTAX, "after byte"));
    EXPECT(refuses("\\C", ERR_SYNTAX, "after byte"));
    EXPECT(refuses("\xff", ERR_SYNTAX, "UTF-8"));
    EXPECT(refuses("(((((((((((((((((((((((((((((((((((a)))))))))))))))))))))))))))))))))))",
                   ERR_SYNTAX, "nested"));
    EXPECT(refuses("(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)", ERR_LIMIT, "10 groups; at most 9"));
}

static void a_pattern_that_is_too_long_is_refused(void)
{
    char pattern[REGEX_PATTERN_BYTES_MAX + 2];
    memset(pattern, 'a', sizeof pattern);
    pattern[sizeof pattern - 1] = '\0';
    EXPECT(refuses(pattern, ERR_LIMIT, "at most 512"));
    pattern[sizeof pattern - 2] = '\0';
    EXPECT(gives(pattern, STR("aaaa"), 0, "-"));
}

static void groups_give_what_they_matched(void)
{
    EXPECT(gives("^claim-(\\d+)", STR("claim-42-x"), 0, "claim-42"));
    EXPECT(gives("^claim-(\\d+)", STR("claim-42-x"), 1, "42"));
    EXPECT(gives("^claim-(\\d+)", STR("a claim-42"), 1, "-"));
    EXPECT(gives("(a)|(b)", STR("b"), 1, ""));
    EXPECT(gives("(a)|(b)", STR("b"), 2, "b"));
    EXPECT(gives("(?=(b))", STR("ab"), 1, "b"));
    EXPECT(gives("x*", (struct str){0}, 0, ""));
    EXPECT(gives("a\\Kb", STR("ab"), 0, "b"));
    EXPECT(gives("ü+", STR("xüü"), 0, "üü"));
}

static void a_text_that_is_not_utf8_differs_or_matches_beside_it(void)
{
    EXPECT(gives("^.$", STR("\xff"), 0, "-"));
    EXPECT(gives("\\d+", STR("\xff\xfe 12 \xc3"), 0, "12"));
    EXPECT(gives("a.(c)", ((struct str){"a\0c", 3}), 1, "c"));
}

static void what_is_behind_the_limit_is_not_looked_at(void)
{
    static char subject[REGEX_SUBJECT_BYTES_MAX + 1];
    memset(subject, 'a', sizeof subject);
    subject[sizeof subject - 1] = 'b';
    EXPECT(gives("b", (struct str){subject, sizeof subject}, 0, "-"));
    subject[sizeof subject - 2] = 'b';
    EXPECT(gives("b", (struct str){subject, sizeof subject}, 0, "b"));
}

static void what_would_take_for_ever_is_given_up_soon(void)
{
    static const char *const patterns[] = {"^(a+)+$",       "^(a|aa)+$", "^(a|a)*$",
                                           "^(.*a){12}$",   "(x+x+)+y",  "^((a?){30}){30}$",
                                           "(?:(a*)*)*c\\1"};
    static char subject[REGEX_SUBJECT_BYTES_MAX];
    memset(subject, 'a', sizeof subject);
    subject[sizeof subject - 1] = '!';
    const int64_t began_ns = test_processor_ns();
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        memset(subject, patterns[i][1] == 'x' ? 'x' : 'a', sizeof subject - 1);
        const struct str whole = {subject, sizeof subject};
        const bool given_up = gives(patterns[i], whole, 0, "…");
        if (!given_up) {
            test_note(patterns[i]);
        }
        EXPECT(given_up || gives(patterns[i], whole, 0, "-"));
    }
    EXPECT(gives("^(a+)+$", (struct str){subject, 0}, 0, "-"));
    EXPECT(test_processor_ns() - began_ns < CLOCK_NS_PER_SECOND);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(what_is_no_pattern_is_refused_with_the_place),
        TEST(a_pattern_that_is_too_long_is_refused),
        TEST(groups_give_what_they_matched),
        TEST(a_text_that_is_not_utf8_differs_or_matches_beside_it),
        TEST(what_is_behind_the_limit_is_not_looked_at),
        TEST(what_would_take_for_ever_is_given_up_soon),
    };
    return test_main(tests, COUNT_OF(tests));
}
