/* fingerprint: what two texts share is found, whatever the bytes are. The words and the runs are
 * held against an oracle that looks at one byte at a time and keeps every run of eight words. */
#include "base/fingerprint.h"

#include <stdio.h>

#include "base/rng.h"
#include "support/test.h"

enum { WORDS_MAX = 40000, BYTES_MAX = 400000 };

/* The words of a text, by the definition: one byte after the other. */
struct oracle {
    size_t count;
    struct str words[WORDS_MAX];
};

static bool is_symbol(const unsigned char *text, size_t at)
{
    for (size_t back = 0; back < 3 && back <= at; back++) {
        if (text[at - back] == 0xe2) {
            return true;
        }
    }
    return false;
}

static bool is_word(const unsigned char *text, size_t at)
{
    const unsigned char c = text[at];
    const bool escaped = at > 0 && text[at - 1] == '\\' && (c == 'n' || c == 'r' || c == 't');
    return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c >= 0x80) &&
           !escaped && !is_symbol(text, at);
}

static void oracle_read(struct oracle *oracle, struct str text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    oracle->count = 0;
    for (size_t at = 0; at < text.size && oracle->count < WORDS_MAX;) {
        if (!is_word(bytes, at)) {
            at++;
            continue;
        }
        const size_t start = at;
        while (at < text.size && is_word(bytes, at)) {
            at++;
        }
        oracle->words[oracle->count++] = (struct str){text.data + start, at - start};
    }
}

static uint64_t word_count(const char *text)
{
    static struct fingerprints prints;
    fingerprints_clear(&prints);
    fingerprints_add(&prints, str_from(text));
    return prints.words;
}

static size_t print_count(const char *text)
{
    static struct fingerprints prints;
    fingerprints_clear(&prints);
    fingerprints_add(&prints, str_from(text));
    return prints.count;
}

static bool share(const struct fingerprints *a, const struct fingerprints *b)
{
    for (size_t i = 0; i < a->count; i++) {
        for (size_t k = 0; k < b->count; k++) {
            if (fingerprint_at(a, i) == fingerprint_at(b, k)) {
                return true;
            }
        }
    }
    return false;
}

static bool texts_share(const char *a, const char *b)
{
    static struct fingerprints left;
    static struct fingerprints right;
    fingerprints_clear(&left);
    fingerprints_clear(&right);
    fingerprints_add(&left, str_from(a));
    fingerprints_add(&right, str_from(b));
    return share(&left, &right);
}

static void no_text_and_seven_words_have_no_fingerprint(void)
{
    EXPECT(print_count("") == 0);
    EXPECT(print_count("one two three four five six seven") == 0);
    EXPECT(print_count("one two three four five six seven eight") == 1);
    EXPECT(print_count("... --- !!! \n\n\t ,,, ;;; ((( ))) [[[ ]]] {{{ }}}") == 0);
    static struct fingerprints prints;
    fingerprints_clear(&prints);
    fingerprints_add(&prints, (struct str){0});
    EXPECT(prints.count == 0);
    EXPECT(prints.words == 0);
}

static void words_are_letters_digits_and_what_is_beyond_ascii(void)
{
    EXPECT(word_count("a_b-c.d/e") == 5);
    EXPECT(word_count("x1 2y") == 2);
    EXPECT(word_count("caf\xc3\xa9 na\xc3\xafve \xe6\xbc\xa2\xe5\xad\x97") == 3);
    EXPECT(word_count("one\xe2\x80\x94two\xe2\x86\x92three") == 3); /* dash and arrow */
    EXPECT(word_count("a\\nb\\tc\\rd") == 4);
    EXPECT(word_count("a\nb\tc\rd") == 4);
    EXPECT(word_count("\x10\x19@[`{\x7f") == 0);
    EXPECT(word_count("\xff\xfe \x80") == 2); /* no UTF-8: bytes are bytes */
}

static void numbers_of_lines_are_no_words(void)
{
    EXPECT(word_count("   12\xe2\x86\x92return x\n   13\xe2\x86\x92}") == 2);
    EXPECT(word_count("7\tint a\n8\tint b") == 4);
    EXPECT(word_count("7:int a\\n8:int b") == 4);
    EXPECT(word_count("on 12: nothing") == 3);
    EXPECT(word_count("12 apples") == 2);
    EXPECT(word_count("1234567890: ten digits") == 3);
    EXPECT(texts_share("  1\xe2\x86\x92int main(void)\n  2\xe2\x86\x92{\n  3\xe2\x86\x92    puts"
                       "(\"one two three four\");\n  4\xe2\x86\x92    return 0 + 1 + 2 + 3;\n",
                       "int main(void)\n{\n    puts(\"one two three four\");\n"
                       "    return 0 + 1 + 2 + 3;"));
}

static void case_and_escapes_and_marks_do_not_matter(void)
{
    EXPECT(texts_share("The quick brown fox jumps over the lazy dog",
                       "the QUICK, brown fox -- jumps over\n\nthe lazy DOG!"));
    EXPECT(texts_share("{\"old\":\"the quick\\nbrown fox\\njumps over\\tthe lazy dog\"}",
                       "the quick\nbrown fox\njumps over\tthe lazy dog"));
    EXPECT(!texts_share("the quick brown fox jumps over the lazy dog",
                        "the quick brown cat jumps over the lazy dog"));
}

static void runs_do_not_reach_from_one_text_into_the_next(void)
{
    static struct fingerprints prints;
    fingerprints_clear(&prints);
    fingerprints_add(&prints, STR("one two three four"));
    fingerprints_add(&prints, STR("five six seven eight"));
    EXPECT(prints.count == 0);
    EXPECT(prints.words == 8);
}

static void a_word_repeated_for_ever_is_one_fingerprint(void)
{
    static char text[BYTES_MAX];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = i % 3 == 2 ? ' ' : 'a';
    }
    static struct fingerprints prints;
    fingerprints_clear(&prints);
    fingerprints_add(&prints, (struct str){text, sizeof text / 3 * 3});
    EXPECT(prints.count == 1);
    EXPECT(prints.mask == 0);
    fingerprints_clear(&prints);
    memset(text, 'b', sizeof text);
    fingerprints_add(&prints, (struct str){text, sizeof text});
    EXPECT(prints.words == 1);
    EXPECT(prints.count == 0);
}

static void lines_repeated_for_ever_are_not_lost(void)
{
    static char text[BYTES_MAX];
    static struct fingerprints once;
    static struct fingerprints often;
    static const struct str line =
        STR_STATIC("every line says the same, and there are a good many of them in this log\n");
    size_t used = 0;
    while (used + line.size <= sizeof text) {
        memcpy(text + used, line.data, line.size);
        used += line.size;
    }
    fingerprints_clear(&once);
    fingerprints_clear(&often);
    fingerprints_add(&once, line);
    fingerprints_add(&often, (struct str){text, used});
    EXPECT(often.words == 16 * (used / line.size));
    EXPECT(often.mask == 0);
    EXPECT(often.count > 0);
    EXPECT(share(&once, &often));
}

/* Random bytes with what matters frequent, so that it falls on every edge of a block. */
static struct str random_bytes(struct rng *rng, char *text, size_t size)
{
    static const char often[] = "  \n\\nrt\xe2\x86\x92\xc3\xa9"
                                "19aZ:\t";
    for (size_t i = 0; i < size; i++) {
        text[i] = rng_below(rng, 3) > 0 ? often[rng_below(rng, sizeof often - 1)]
                                        : (char)rng_below(rng, 256);
    }
    return (struct str){text, size};
}

static uint64_t numbers_left_out(const struct oracle *oracle, struct str text)
{
    uint64_t count = 0;
    for (size_t i = 0; i < oracle->count; i++) {
        const struct str word = oracle->words[i];
        bool digits = word.size <= 9;
        for (size_t k = 0; k < word.size; k++) {
            digits = digits && word.data[k] >= '0' && word.data[k] <= '9';
        }
        const size_t left = text.size - (size_t)(word.data - text.data) - word.size;
        const struct str rest = {word.data + word.size, left};
        const bool marked = str_starts_with(rest, STR(":")) || str_starts_with(rest, STR("\t")) ||
                            str_starts_with(rest, STR("\\t")) ||
                            str_starts_with(rest, STR("\xe2\x86\x92"));
        struct str line = {text.data, (size_t)(word.data - text.data)};
        while (str_ends_with(line, STR(" "))) {
            line.size--;
        }
        count +=
            digits && marked &&
            (line.size == 0 || str_ends_with(line, STR("\n")) || str_ends_with(line, STR("\\n")));
    }
    return count;
}

static void words_are_those_of_the_oracle_on_any_bytes(void)
{
    static struct oracle oracle;
    static struct fingerprints prints;
    static char text[512];
    struct rng rng;
    rng_init(&rng, 1);
    for (int round = 0; round < 20000; round++) {
        const struct str bytes = random_bytes(&rng, text, rng_below(&rng, 300));
        oracle_read(&oracle, bytes);
        fingerprints_clear(&prints);
        fingerprints_add(&prints, bytes);
        EXPECT(prints.words == oracle.count - numbers_left_out(&oracle, bytes));
    }
}

/* Words w0..w<range-1> with marks between them. */
static struct str random_words(struct rng *rng, char *text, size_t count, uint64_t range)
{
    static const char *const marks[] = {" ", ", ", "\n    ", "(", "\\n", " \xe2\x80\x93 "};
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        const int size =
            snprintf(text + used, 32, "w%llu%s", (unsigned long long)rng_below(rng, range),
                     marks[rng_below(rng, COUNT_OF(marks))]);
        used += (size_t)size;
    }
    return (struct str){text, used};
}

static void a_shared_run_of_eleven_words_is_always_found(void)
{
    static struct fingerprints left;
    static struct fingerprints right;
    static char a[BYTES_MAX];
    static char b[BYTES_MAX];
    struct rng rng;
    rng_init(&rng, 2);
    for (int round = 0; round < 4000; round++) {
        char run[1024];
        const struct str shared = random_words(&rng, run, FINGERPRINT_RUN_WORDS, 1000);
        size_t sizes[2];
        char *const texts[] = {a, b};
        for (size_t i = 0; i < 2; i++) {
            struct str before = random_words(&rng, texts[i], rng_below(&rng, 200), 1000);
            memcpy(texts[i] + before.size, shared.data, shared.size);
            const size_t at = before.size + shared.size;
            sizes[i] = at + random_words(&rng, texts[i] + at, rng_below(&rng, 200), 1000).size;
        }
        fingerprints_clear(&left);
        fingerprints_clear(&right);
        fingerprints_add(&left, (struct str){a, sizes[0]});
        fingerprints_add(&right, (struct str){b, sizes[1]});
        EXPECT(share(&left, &right));
    }
}

static void texts_without_a_common_run_share_nothing(void)
{
    static struct fingerprints left;
    static struct fingerprints right;
    static char a[BYTES_MAX];
    static char b[BYTES_MAX];
    struct rng rng;
    rng_init(&rng, 3);
    for (int round = 0; round < 500; round++) {
        fingerprints_clear(&left);
        fingerprints_clear(&right);
        fingerprints_add(&left, random_words(&rng, a, 400, UINT64_C(1) << 40));
        fingerprints_add(&right, random_words(&rng, b, 400, UINT64_C(1) << 40));
        EXPECT(!share(&left, &right));
        EXPECT(left.count > 100); /* 393 runs, two of five are kept */
        EXPECT(left.count < 220);
    }
}

static void a_huge_text_keeps_what_a_part_of_it_keeps(void)
{
    static struct fingerprints whole;
    static struct fingerprints part;
    static char text[BYTES_MAX];
    struct rng rng;
    rng_init(&rng, 4);
    const struct str words = random_words(&rng, text, 30000, UINT64_C(1) << 20);
    fingerprints_clear(&whole);
    fingerprints_add(&whole, words);
    EXPECT(whole.mask == 7); /* of 12,000 */
    EXPECT(whole.count > FINGERPRINTS_MAX / 2);
    EXPECT(whole.count <= FINGERPRINTS_MAX);
    EXPECT(whole.words == 30000);
    size_t missing = 0;
    fingerprints_clear(&part);
    fingerprints_add(&part, (struct str){words.data + words.size / 2, words.size / 10});
    EXPECT(part.mask == 0);
    for (size_t i = 0; i < part.count; i++) {
        bool found = ((part.hashes[i] >> 32) & whole.mask) != 0;
        for (size_t k = 0; k < whole.count && !found; k++) {
            found = whole.hashes[k] == part.hashes[i];
        }
        missing += !found;
    }
    EXPECT(missing <= 2); /* at its two ends, where its first and last word are cut */
    EXPECT(share(&part, &whole));
}

static void fingerprints_are_the_same_for_ever(void)
{
    static struct fingerprints prints;
    fingerprints_clear(&prints);
    fingerprints_add(&prints, STR("the quick brown fox jumps over the lazy dog"));
    EXPECT(prints.count == 2);
    EXPECT(fingerprint_at(&prints, 0) == UINT32_C(0x2d935fad));
    EXPECT(fingerprint_at(&prints, 1) == UINT32_C(0xbaecb4c3));
}

int main(void)
{
    const struct test tests[] = {
        TEST(no_text_and_seven_words_have_no_fingerprint),
        TEST(words_are_letters_digits_and_what_is_beyond_ascii),
        TEST(numbers_of_lines_are_no_words),
        TEST(case_and_escapes_and_marks_do_not_matter),
        TEST(runs_do_not_reach_from_one_text_into_the_next),
        TEST(a_word_repeated_for_ever_is_one_fingerprint),
        TEST(lines_repeated_for_ever_are_not_lost),
        TEST(words_are_those_of_the_oracle_on_any_bytes),
        TEST(a_shared_run_of_eleven_words_is_always_found),
        TEST(texts_without_a_common_run_share_nothing),
        TEST(a_huge_text_keeps_what_a_part_of_it_keeps),
        TEST(fingerprints_are_the_same_for_ever),
    };
    return test_main(tests, COUNT_OF(tests));
}
