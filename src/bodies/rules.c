/* Rules that have a name: how what they name is found. */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/check.h"
#include "bodies/bodies_priv.h"

const char *const bodies_named_words[BODIES_NAMED_COUNT + 1] = {
    [BODIES_EMAIL] = "email", [BODIES_PHONE] = "phone", [BODIES_CARD] = "card",
    [BODIES_IBAN] = "iban",   [BODIES_IP] = "ip",       [BODIES_SECRET] = "secret",
};

enum {
    CARD_DIGITS_MIN = 13,
    CARD_DIGITS_MAX = 19,
    IBAN_CHARACTERS_MIN = 15,
    IBAN_CHARACTERS_MAX = 34,
    RUN_MAX = 64, /* characters of a run of digits or letters, and what separates them */
    IP_BYTES_MAX = 64,
};

/* An '@' and how it is written where it may not stand: in URLs, in HTML, in full width. */
#define AT_SIGN "(?:@|%40|&#64;|&#x40;|&commat;|\\x{FF20})"
#define NAME    "[\\p{L}\\p{N}\\p{M}._+'-]"
#define LABEL   "[\\p{L}\\p{N}\\p{M}-]+"

static const char *const patterns[BODIES_NAMED_COUNT] = {
    [BODIES_EMAIL] = "(?<!" NAME ")(?:" NAME "++|\"[^\"\\n]{1,64}+\")" AT_SIGN "(?:" LABEL
                     "\\.)+[\\p{L}\\p{M}]{2}[\\p{L}\\p{M}\\p{N}-]*+",
    /* +49 30 1234567, (030) 1234567, 0049…, 030/1234567, 555-123-4567, (555) 123-4567 */
    [BODIES_PHONE] =
        "(?<![\\w+])(?:(?:\\+|00)(?:[ ./()\\x{A0}-]{0,3}\\d){7,15}(?!\\d)"
        "|\\(?0(?:[ /()\\x{A0}-]{0,3}\\d){8,13}(?!\\d)"
        "|(?<![.-])(?:1[ .-])?(?:\\(\\d{3}\\)[ ]?|\\d{3}[ .\\x{A0}-])\\d{3}[ .\\x{A0}-]\\d{4}"
        "(?!\\d))",
    [BODIES_IP] = "(?<![\\w.:])(?:\\d{1,3}(?:\\.\\d{1,3}){3}(?![\\w]|\\.\\d)"
                  "|(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|\\d{1,3}(?:\\.\\d{1,3}){3})?"
                  "(?![\\w:]))",
    [BODIES_SECRET] =
        "-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|"
        "\\z)"
        "|(?<![A-Za-z0-9])(?:sk-|[rsp]k_(?:live|test)_|gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|"
        "npm_|hf_|AIza|ya29\\.|AKIA|ASIA|bk_)[A-Za-z0-9._-]{12,}+"
        "|(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}+\\.[A-Za-z0-9_-]{4,}+(?:\\.[A-Za-z0-9_-]*+)?"
        "|(?<=://)[^\\s/@:]{0,64}:[^\\s/@]{1,128}(?=@)"
        "|(?i:\\b(?:bearer|basic)\\s+)[A-Za-z0-9._~+/=-]{16,}+"
        "|(?i:(?:password|passwd|secret|api[_-]?key|token)[\"']?\\s{0,3}[=:]\\s{0,3})"
        "[\"']?[^\\s\"',;&]{6,}+",
};

/* ---- making rules */

static enum errc compile(struct str pattern, struct arena *arena, struct bodies_rule *rule,
                         struct err *err)
{
    return regex_compile_find(pattern, arena, &rule->regex, err);
}

enum errc bodies_rule_named(enum bodies_named named, struct arena *arena, struct bodies_rule *out,
                            struct err *err)
{
    static const struct str places[BODIES_NAMED_COUNT] = {
        [BODIES_EMAIL] = STR_STATIC("[email]"), [BODIES_PHONE] = STR_STATIC("[phone]"),
        [BODIES_CARD] = STR_STATIC("[card]"),   [BODIES_IBAN] = STR_STATIC("[iban]"),
        [BODIES_IP] = STR_STATIC("[ip]"),       [BODIES_SECRET] = STR_STATIC("[secret]"),
    };
    CHECK(named < BODIES_NAMED_COUNT);
    struct bodies_rule rule = {.kind = BODIES_RULE_NAMED, .named = named, .with = places[named]};
    if (patterns[named] != NULL) {
        const enum errc code = compile(str_from(patterns[named]), arena, &rule, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    *out = rule;
    return ERR_OK;
}

enum errc bodies_rule_pattern(struct str pattern, struct str with, struct arena *arena,
                              struct bodies_rule *out, struct err *err)
{
    CHECK(out != NULL);
    struct bodies_rule rule = {.kind = BODIES_RULE_PATTERN, .with = with};
    struct regex_matcher *matcher = NULL;
    size_t from = 0;
    size_t to = 0;
    enum errc code = compile(pattern, arena, &rule, err);
    if (code != ERR_OK) {
        return code;
    }
    regex_matcher_create(&matcher);
    if (regex_find(matcher, rule.regex, STR(""), 0, false, &from, &to) != REGEX_DIFFERS) {
        code = err_set(err, ERR_SYNTAX, "it matches where nothing is, and would be everywhere");
    }
    regex_matcher_destroy(&matcher);
    if (code == ERR_OK) {
        *out = rule;
    }
    return code;
}

enum errc bodies_rule_member(struct str member, struct str with, struct bodies_rule *out,
                             struct err *err)
{
    CHECK(out != NULL);
    struct bodies_rule rule = {.kind = BODIES_RULE_MEMBER, .with = with};
    struct str rest = member;
    do {
        const struct str part = str_cut(&rest, '.');
        if (part.size == 0) {
            return err_set(err, ERR_SYNTAX, "a name is empty; allowed is such as user.name");
        }
        if (rule.part_count == BODIES_MEMBER_PARTS_MAX) {
            return err_set(err, ERR_LIMIT, "more than %d names", (int)BODIES_MEMBER_PARTS_MAX);
        }
        rule.parts[rule.part_count++] = part;
    } while (rest.size > 0);
    if (member.data[member.size - 1] == '.') {
        return err_set(err, ERR_SYNTAX, "a name is empty; allowed is such as user.name");
    }
    *out = rule;
    return ERR_OK;
}

/* ---- numbers that check themselves */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Bytes of one space, dash or dot between two groups; 0: something else. No-break and thin spaces
 * and the dashes of typesetters count too. */
static size_t separator_size(struct str text, size_t at)
{
    const unsigned char *const b = (const unsigned char *)text.data + at;
    const size_t left = text.size - at;
    if (left >= 1 && (b[0] == ' ' || b[0] == '-' || b[0] == '.' || b[0] == '\t')) {
        return 1;
    }
    if (left >= 2 && b[0] == 0xc2 && b[1] == 0xa0) {
        return 2;
    }
    const bool is_general = left >= 3 && b[0] == 0xe2 && b[1] == 0x80;
    return is_general && ((b[2] >= 0x80 && b[2] <= 0x95) || b[2] == 0xaf) ? 3 : 0;
}

/* A run of digits, or of letters and digits, with at most one separator between two. */
struct run {
    char characters[RUN_MAX];
    size_t ends[RUN_MAX]; /* byte behind each */
    size_t count;
};

static void read_run(struct str text, size_t at, bool letters, size_t limit, struct run *run)
{
    CHECK(limit <= RUN_MAX);
    run->count = 0;
    while (at < text.size && run->count < limit) {
        const char c = text.data[at];
        if (is_digit(c) || (letters && is_letter(c))) {
            run->characters[run->count] = c;
            run->ends[run->count++] = ++at;
            continue;
        }
        const size_t size = run->count > 0 ? separator_size(text, at) : 0;
        const bool goes_on =
            size > 0 && at + size < text.size &&
            (is_digit(text.data[at + size]) || (letters && is_letter(text.data[at + size])));
        if (!goes_on) {
            return;
        }
        at += size;
    }
}

/* Source: ISO/IEC 7812-1, annex B. */
static bool is_luhn(const char *digits, size_t count)
{
    int sum = 0;
    for (size_t i = 0; i < count; i++) {
        const int digit = digits[count - 1 - i] - '0';
        const int twice = digit > 4 ? 2 * digit - 9 : 2 * digit;
        sum += i % 2 == 1 ? twice : digit;
    }
    return sum % 10 == 0;
}

/* Source: ISO 13616-1; ISO/IEC 7064, MOD 97-10. */
static bool is_iban(const char *characters, size_t count)
{
    int rest = 0;
    for (size_t i = 0; i < count; i++) {
        const char c = characters[(i + 4) % count];
        const int value = is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
        rest = ((value > 9 ? rest * 100 : rest * 10) + value) % 97;
    }
    return rest == 1;
}

/* Whether the character at `at` goes on what stands before it. */
static bool goes_on(struct str text, size_t at, bool letters)
{
    return at < text.size && (is_digit(text.data[at]) || (letters && is_letter(text.data[at])));
}

/* The longest that checks itself and begins here; its end, or 0. */
static size_t card_end(struct str text, size_t at)
{
    struct run run;
    if (text.data[at] < '2' || text.data[at] > '6') { /* as cards of payment begin */
        return 0;
    }
    read_run(text, at, false, CARD_DIGITS_MAX, &run);
    for (size_t count = run.count; count >= CARD_DIGITS_MIN; count--) {
        const size_t end = run.ends[count - 1];
        if (!goes_on(text, end, false) && is_luhn(run.characters, count)) {
            return end;
        }
    }
    return 0;
}

static size_t iban_end(struct str text, size_t at)
{
    struct run run;
    if (!is_letter(text.data[at])) {
        return 0;
    }
    read_run(text, at, true, IBAN_CHARACTERS_MAX, &run);
    const bool is_shaped = run.count >= IBAN_CHARACTERS_MIN && is_letter(run.characters[1]) &&
                           is_digit(run.characters[2]) && is_digit(run.characters[3]);
    for (size_t count = run.count; is_shaped && count >= IBAN_CHARACTERS_MIN; count--) {
        const size_t end = run.ends[count - 1];
        if (!goes_on(text, end, true) && is_iban(run.characters, count)) {
            return end;
        }
    }
    return 0;
}

/* A text that was cut off: what at its end could be the beginning of such a number, from where. */
static size_t tail_of(struct str text, bool letters)
{
    size_t at = text.size;
    size_t count = 0;
    while (at > 0 && count < RUN_MAX) {
        const char c = text.data[at - 1];
        const bool is_part = is_digit(c) || (letters && is_letter(c)) || c == ' ' || c == '-' ||
                             c == '.' || c == '\t' || (unsigned char)c >= 0x80;
        if (!is_part) {
            break;
        }
        at--;
        count++;
    }
    return at;
}

static enum bodies_found find_number(const struct bodies_rule *rule, struct str text, size_t from,
                                     bool may_go_on, size_t *out_from, size_t *out_to)
{
    const bool letters = rule->named == BODIES_IBAN;
    for (size_t at = from; at < text.size; at++) {
        if (!goes_on(text, at, letters) || (at > 0 && goes_on(text, at - 1, letters))) {
            continue;
        }
        const size_t end = letters ? iban_end(text, at) : card_end(text, at);
        if (end > 0) {
            *out_from = at;
            *out_to = end;
            return BODIES_FOUND;
        }
    }
    const size_t tail = may_go_on ? tail_of(text, letters) : text.size;
    if (tail < text.size) {
        *out_from = tail > from ? tail : from;
        *out_to = text.size;
        return BODIES_FOUND_BEGINNING;
    }
    return BODIES_FOUND_NOT;
}

/* ---- what a pattern found, looked at again */

static bool is_ip(struct str text)
{
    char address[IP_BYTES_MAX];
    unsigned char bytes[16];
    if (text.size >= sizeof address || text.size < 3) {
        return false;
    }
    memcpy(address, text.data, text.size);
    address[text.size] = '\0';
    return inet_pton(AF_INET, address, bytes) == 1 || inet_pton(AF_INET6, address, bytes) == 1;
}

static size_t next_character(struct str text, size_t at)
{
    do {
        at++;
    } while (at < text.size && ((unsigned char)text.data[at] & 0xc0) == 0x80);
    return at;
}

/* Whether a text has a byte that each address has: most texts have none, and it is found fast. */
static bool has_at_sign(struct str text)
{
    static const unsigned char firsts[] = {'@', '%', '&', 0xef};
    for (size_t i = 0; i < COUNT_OF(firsts); i++) {
        if (memchr(text.data, firsts[i], text.size) != NULL) {
            return true;
        }
    }
    return false;
}

enum bodies_found bodies_rule_find(const struct bodies_rule *rule, struct regex_matcher *matcher,
                                   struct str text, size_t from, bool may_go_on, size_t *out_from,
                                   size_t *out_to)
{
    CHECK(rule->kind != BODIES_RULE_MEMBER);
    if (rule->regex == NULL) {
        return find_number(rule, text, from, may_go_on, out_from, out_to);
    }
    const bool is_email = rule->kind == BODIES_RULE_NAMED && rule->named == BODIES_EMAIL;
    if (is_email && !may_go_on && from < text.size &&
        !has_at_sign((struct str){text.data + from, text.size - from})) {
        return BODIES_FOUND_NOT;
    }
    while (from < text.size) {
        switch (regex_find(matcher, rule->regex, text, from, may_go_on, out_from, out_to)) {
        case REGEX_DIFFERS:
            return BODIES_FOUND_NOT;
        case REGEX_GIVEN_UP:
            return BODIES_FOUND_GIVEN_UP;
        case REGEX_BEGINS: /* with nothing of it yet: there is nothing to take out */
            return *out_from < text.size ? BODIES_FOUND_BEGINNING : BODIES_FOUND_NOT;
        case REGEX_MATCHES:
            break;
        }
        const struct str found = {text.data + *out_from, *out_to - *out_from};
        const bool is_valid =
            rule->kind != BODIES_RULE_NAMED || rule->named != BODIES_IP || is_ip(found);
        if (found.size > 0 && *out_from >= from && is_valid) {
            return BODIES_FOUND;
        }
        from = next_character(text, *out_from > from ? *out_from : from);
    }
    return BODIES_FOUND_NOT;
}
