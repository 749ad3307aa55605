/* rules: what is wrong is refused; numbers that check themselves are told from those that do not;
 * each named rule finds what it names in ordinary surroundings and leaves what is near it. */
#include "bodies/bodies_priv.h"

#include "support/test.h"

#define ARENA_BYTES ((size_t)1 << 20)

static struct arena arena;

/* What the rule finds first, "-" for nothing, "…" for given up, "<" for a beginning. */
static struct str first(const struct bodies_rule *rule, const char *text, bool may_go_on)
{
    struct regex_matcher *matcher = NULL;
    size_t from = 0;
    size_t to = 0;
    regex_matcher_create(&matcher);
    const enum bodies_found found =
        bodies_rule_find(rule, matcher, str_from(text), 0, may_go_on, &from, &to);
    regex_matcher_destroy(&matcher);
    return found == BODIES_FOUND_NOT         ? STR("-")
           : found == BODIES_FOUND_GIVEN_UP  ? STR("…")
           : found == BODIES_FOUND_BEGINNING ? STR("<")
                                             : (struct str){text + from, to - from};
}

static bool finds(enum bodies_named named, const char *text, const char *expected)
{
    struct bodies_rule rule;
    struct err err;
    arena_deinit(&arena);
    arena_init(&arena, ARENA_BYTES);
    if (bodies_rule_named(named, &arena, &rule, &err) != ERR_OK) {
        return false;
    }
    const struct str found = first(&rule, text, false);
    test_note(text);
    return str_equal(found, str_from(expected));
}

static bool refuses(const char *pattern, enum errc code, const char *words)
{
    struct bodies_rule rule;
    struct err err = {0};
    arena_deinit(&arena);
    arena_init(&arena, ARENA_BYTES);
    const enum errc got = bodies_rule_pattern(str_from(pattern), STR("x"), &arena, &rule, &err);
    test_note(err.text);
    return got == code && strstr(err.text, words) != NULL;
}

static void patterns_that_are_none_or_match_nothing_are_refused(void)
{
    EXPECT(refuses("(", ERR_SYNTAX, "after byte"));
    EXPECT(refuses("a*", ERR_SYNTAX, "where nothing is"));
    EXPECT(refuses("(?=)", ERR_SYNTAX, "where nothing is"));
}

static void members_with_empty_or_too_many_names_are_refused(void)
{
    struct bodies_rule rule;
    struct err err;
    EXPECT(bodies_rule_member(STR("a..b"), STR("x"), &rule, &err) == ERR_SYNTAX);
    EXPECT(bodies_rule_member(STR("a."), STR("x"), &rule, &err) == ERR_SYNTAX);
    EXPECT(bodies_rule_member(STR(".a"), STR("x"), &rule, &err) == ERR_SYNTAX);
    EXPECT(bodies_rule_member(STR("a.b.c.d.e.f.g.h.i"), STR("x"), &rule, &err) == ERR_LIMIT);
    EXPECT(bodies_rule_member(STR("user.name"), STR("x"), &rule, &err) == ERR_OK);
    EXPECT(rule.part_count == 2);
}

/* Numbers of the test pages of card networks. */
static void cards_are_told_by_their_check_digit(void)
{
    EXPECT(finds(BODIES_CARD, "pay 4111 1111 1111 1111 now", "4111 1111 1111 1111"));
    EXPECT(finds(BODIES_CARD, "5555555555554444", "5555555555554444"));
    EXPECT(finds(BODIES_CARD, "378282246310005,", "378282246310005"));
    EXPECT(finds(BODIES_CARD, "12 4111-1111-1111-1111 12", "4111-1111-1111-1111"));
    EXPECT(finds(BODIES_CARD,
                 "4111\xc2\xa0"
                 "1111\xc2\xa0"
                 "1111\xc2\xa0"
                 "1111",
                 "4111\xc2\xa0"
                 "1111\xc2\xa0"
                 "1111\xc2\xa0"
                 "1111"));
    EXPECT(finds(BODIES_CARD, "4111 1111 1111 1112", "-"));
    EXPECT(finds(BODIES_CARD, "1790000000000000000", "-")); /* an instant in ns */
    EXPECT(finds(BODIES_CARD, "411111111111", "-"));
}

/* Examples of the IBAN registry. */
static void ibans_are_told_by_their_check_digits(void)
{
    EXPECT(
        finds(BODIES_IBAN, "to DE89 3704 0044 0532 0130 00 please", "DE89 3704 0044 0532 0130 00"));
    EXPECT(finds(BODIES_IBAN, "GB29NWBK60161331926819", "GB29NWBK60161331926819"));
    EXPECT(finds(BODIES_IBAN, "nl91abna0417164300.", "nl91abna0417164300"));
    EXPECT(finds(BODIES_IBAN, "DE88370400440532013000", "-"));
    EXPECT(finds(BODIES_IBAN, "XDE89370400440532013000", "-"));
}

static void addresses_and_phones_are_found_and_dates_are_not(void)
{
    EXPECT(finds(BODIES_EMAIL, "<a.b+c@ex-ample.co.uk>", "a.b+c@ex-ample.co.uk"));
    EXPECT(finds(BODIES_EMAIL, "q=a%40b.com&x", "a%40b.com"));
    EXPECT(finds(BODIES_EMAIL, "\"j d\"@b.com", "\"j d\"@b.com"));
    EXPECT(finds(BODIES_EMAIL, "react@18.2.0", "-"));
    EXPECT(finds(BODIES_EMAIL, "@everybody", "-"));
    EXPECT(finds(BODIES_PHONE, "call +49 30 1234567.", "+49 30 1234567"));
    EXPECT(finds(BODIES_PHONE, "(030) 12345678", "(030) 12345678"));
    EXPECT(finds(BODIES_PHONE, "555-123-4567", "555-123-4567"));
    EXPECT(finds(BODIES_PHONE, "2026-11-22 10:00", "-"));
    EXPECT(finds(BODIES_PHONE, "0.123456789012", "-"));
    EXPECT(finds(BODIES_IP, "at 192.168.17.4:80", "192.168.17.4"));
    EXPECT(finds(BODIES_IP, "2001:db8::1", "2001:db8::1"));
    EXPECT(finds(BODIES_IP, "12:34:56", "-"));
    EXPECT(finds(BODIES_IP, "std::vector", "-"));
    EXPECT(finds(BODIES_IP, "999.1.1.1", "-"));
}

static void secrets_are_found_by_how_they_begin(void)
{
    EXPECT(finds(BODIES_SECRET, "key sk-proj-abcdefghijklmnop!", "sk-proj-abcdefghijklmnop"));
    EXPECT(finds(BODIES_SECRET, "x bearer abcdefghijklmnopqrst", "bearer abcdefghijklmnopqrst"));
    EXPECT(finds(BODIES_SECRET, "password: hunter22", "password: hunter22"));
    EXPECT(finds(BODIES_SECRET,
                 "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nrest",
                 "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----"));
    EXPECT(finds(BODIES_SECRET, "-----BEGIN PRIVATE KEY-----\nabc",
                 "-----BEGIN PRIVATE KEY-----\nabc"));
    EXPECT(finds(BODIES_SECRET, "a token of thanks", "-"));
}

static void a_pattern_that_never_ends_is_given_up(void)
{
    static char text[5000];
    struct bodies_rule rule;
    struct err err;
    memset(text, 'a', sizeof text - 2);
    text[sizeof text - 2] = '!';
    arena_deinit(&arena);
    arena_init(&arena, ARENA_BYTES);
    EXPECT(bodies_rule_pattern(STR("(a+)+$"), STR("x"), &arena, &rule, &err) == ERR_OK);
    EXPECT(str_equal(first(&rule, text, false), STR("…")));
}

static void what_was_cut_off_ends_in_a_beginning(void)
{
    struct bodies_rule rule;
    struct err err;
    arena_deinit(&arena);
    arena_init(&arena, ARENA_BYTES);
    EXPECT(bodies_rule_named(BODIES_EMAIL, &arena, &rule, &err) == ERR_OK);
    EXPECT(str_equal(first(&rule, "write to ali", true), STR("<")));
    EXPECT(str_equal(first(&rule, "write to ali", false), STR("-")));
    EXPECT(bodies_rule_named(BODIES_CARD, &arena, &rule, &err) == ERR_OK);
    EXPECT(str_equal(first(&rule, "it is 4111 11", true), STR("<")));
    EXPECT(str_equal(first(&rule, "it is 4111 11, ok!", true), STR("-")));
}

static void blobs_are_told_by_their_kind_and_size(void)
{
    static char text[2048];
    size_t from = 0;
    size_t to = 0;
    size_t bytes = 0;
    struct str kind;
    const struct str url = STR("see data:image/png;base64,iVBORw0KGgoAAAA= there");
    EXPECT(bodies_blob_find(url, 0, &from, &to, &kind, &bytes));
    EXPECT(str_equal(kind, STR("image/png")));
    EXPECT(from == 4);
    EXPECT(str_starts_with((struct str){url.data + to, url.size - to}, STR(" there")));
    EXPECT(!bodies_blob_find(url, to, &from, &to, &kind, &bytes));
    memset(text, 'A', sizeof text);
    memcpy(text, "JVBERi0", 7);
    EXPECT(bodies_blob_find((struct str){text, 1024}, 0, &from, &to, &kind, &bytes));
    EXPECT(str_equal(kind, STR("application/pdf")));
    EXPECT(bytes == 768);
    EXPECT(!bodies_blob_find((struct str){text, 100}, 0, &from, &to, &kind, &bytes));
}

int main(void)
{
    static const struct test tests[] = {
        TEST(patterns_that_are_none_or_match_nothing_are_refused),
        TEST(members_with_empty_or_too_many_names_are_refused),
        TEST(cards_are_told_by_their_check_digit),
        TEST(ibans_are_told_by_their_check_digits),
        TEST(addresses_and_phones_are_found_and_dates_are_not),
        TEST(secrets_are_found_by_how_they_begin),
        TEST(a_pattern_that_never_ends_is_given_up),
        TEST(what_was_cut_off_ends_in_a_beginning),
        TEST(blobs_are_told_by_their_kind_and_size),
    };
    arena_init(&arena, ARENA_BYTES);
    const int status = test_main(tests, COUNT_OF(tests));
    arena_deinit(&arena);
    return status;
}
