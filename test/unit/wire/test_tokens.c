/*
 * Goal: tokens are counted as OpenAI's own tokenizer counts them, in bounded time.
 * Method: texts of every kind with their counts by tiktoken 0.14.0 (test/golden/tokens.jsonl, made
 * by test/oracle/tokens.py, which also compares random ones); samples held against whole counts.
 */
#include <stdlib.h>

#include "base/json.h"
#include "base/text.h"
#include "support/golden.h"
#include "support/test.h"
#include "wire/tokens.h"

enum { GOLDEN_BYTES_MAX = 1 << 20, GOLDEN_ROWS = 460 };

static struct err err;
static struct arena arena;
static struct text whole;

/* Empty while an allocation is refused. */
static struct str read_golden(void)
{
    arena_deinit(&arena);
    arena_init(&arena, 4 * GOLDEN_BYTES_MAX);
    text_deinit(&whole);
    text_init(&whole, GOLDEN_BYTES_MAX);
    return golden_read("tokens.jsonl", &arena);
}

static void forget(void)
{
    text_deinit(&whole);
    arena_deinit(&arena);
}

/* One row: a text, how often it stands there, its tokens. */
static bool counts_as_golden(struct json_parser *parser, struct str line)
{
    struct json root;
    struct json row[4];
    if (json_parse(parser, line, line.size, &root, &err) != ERR_OK || json_count(root) != 4) {
        return false;
    }
    struct json_cursor cursor = json_iter(root);
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        (void)json_next(&cursor, NULL, &row[i]);
    }
    text_clear(&whole);
    for (int64_t i = 0; i < json_int64(row[1], 0); i++) {
        text_add(&whole, json_str(row[0]));
    }
    const int64_t o200k = tokens_count(TOKENS_O200K, text_str(&whole));
    const int64_t cl100k = tokens_count(TOKENS_CL100K, text_str(&whole));
    return o200k == json_int64(row[2], -1) && cl100k == json_int64(row[3], -1);
}

static void every_kind_of_text_counts_as_in_tiktoken(void)
{
    struct json_parser *parser = NULL;
    struct str rest = read_golden();
    json_parser_create(&parser, 1 << 16);
    size_t rows = 0;
    size_t wrong = 0;
    while (rest.size > 0) {
        const struct str line = str_cut(&rest, '\n');
        if (!counts_as_golden(parser, line)) {
            test_note(line.data);
            wrong++;
        }
        rows++;
    }
    json_parser_destroy(&parser);
    forget();
    EXPECT(rows >= GOLDEN_ROWS);
    EXPECT(wrong == 0);
}

static void nothing_is_no_token(void)
{
    EXPECT(tokens_count(TOKENS_O200K, STR("")) == 0);
    EXPECT(tokens_count(TOKENS_CL100K, (struct str){0}) == 0);
}

static void what_is_no_utf8_counts_byte_by_byte(void)
{
    static const struct str broken[] = {
        STR_STATIC("\xff\xfe\xfd"),
        STR_STATIC("\x80"),
        STR_STATIC("\xc3"),
        STR_STATIC("\xe4\xb8"),
        STR_STATIC("\xf0\x9f"),
        STR_STATIC("\xc0\xaf"),
        STR_STATIC("a\xed\xa0\x80\x62"),
        STR_STATIC("\xf5\x80\x80\x80"),
        STR_STATIC("\xf4\x90\x80\x80 x"),
        STR_STATIC("\xe0\x80\x80'"),
    };
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        for (int encoding = 0; encoding < TOKENS_ENCODING_COUNT; encoding++) {
            const int64_t tokens = tokens_count((enum tokens_encoding)encoding, broken[i]);
            EXPECT(tokens >= 1 && tokens <= (int64_t)broken[i].size);
        }
    }
}

static void a_run_beyond_the_longest_piece_counts_part_by_part(void)
{
    enum { PART = 4096, PARTS = 5 };
    static char run[PART * PARTS + 100];
    memset(run, 'a', sizeof run);
    const int64_t part = tokens_count(TOKENS_O200K, (struct str){run, PART});
    const int64_t rest = tokens_count(TOKENS_O200K, (struct str){run, 100});
    EXPECT(part > 100 && rest > 1);
    EXPECT(tokens_count(TOKENS_O200K, (struct str){run, sizeof run}) == PARTS * part + rest);
}

static void a_model_has_the_encoding_of_its_family(void)
{
    static const char *const cl100k[] = {"gpt-4",
                                         "gpt-4-turbo-2024-04-09",
                                         "openai/gpt-4-0613",
                                         "gpt-3.5-turbo",
                                         "gpt-35-turbo",
                                         "ft:gpt-3.5-turbo-0125:me::x",
                                         "text-embedding-3-large",
                                         "text-embedding-ada-002"};
    static const char *const o200k[] = {
        "gpt-4o-mini",  "gpt-4.1", "gpt-4.5-preview", "gpt-5.6",
        "o4-mini",      "",        "claude-opus-4-5", "a/b/gpt-4o",
        "ft:gpt-4o:x:", "o1",      "mistral-large",   "gpt-oss-120b"};
    for (size_t i = 0; i < COUNT_OF(cl100k); i++) {
        EXPECT(tokens_encoding_of(str_from(cl100k[i])) == TOKENS_CL100K);
    }
    for (size_t i = 0; i < COUNT_OF(o200k); i++) {
        EXPECT(tokens_encoding_of(str_from(o200k[i])) == TOKENS_O200K);
    }
}

static void a_family_may_need_more(void)
{
    EXPECT(tokens_of_family(STR("gpt-4.1"), 100) == 100);
    EXPECT(tokens_of_family(STR("claude-sonnet-4-5"), 100) == 120);
    EXPECT(tokens_of_family(STR(""), 0) == 0);
}

static int64_t sampled(struct str text, size_t step)
{
    struct tokens_sample sample;
    tokens_sample_init(&sample, TOKENS_O200K, text.size);
    for (size_t at = 0; at < text.size; at += step) {
        const size_t size = text.size - at < step ? text.size - at : step;
        tokens_sample_add(&sample, (struct str){text.data + at, size});
    }
    CHECK(sample.counted_bytes <= TOKENS_COUNTED_BYTES_MAX * 5 / 4);
    return tokens_sample_end(&sample);
}

static void texts_up_to_the_bound_are_counted_whole_and_more_by_stretches(void)
{
    const struct str all = read_golden();
    const struct str few = {
        all.data, all.size < TOKENS_COUNTED_BYTES_MAX ? all.size : TOKENS_COUNTED_BYTES_MAX};
    while (few.size > 0 && whole.size + few.size <= GOLDEN_BYTES_MAX) {
        text_add(&whole, few);
    }
    const struct str many = text_str(&whole);
    const int64_t exact = tokens_count(TOKENS_O200K, many);
    const bool is_exact = sampled(few, few.size) == tokens_count(TOKENS_O200K, few);
    const int64_t one = sampled(many, many.size);
    const int64_t short_ones = sampled(many, 300);
    const int64_t long_ones = sampled(many, 70000);
    forget();
    EXPECT(is_exact && exact > 0);
    EXPECT(llabs(one - exact) * 20 < exact);
    EXPECT(llabs(long_ones - exact) * 20 < exact);
    EXPECT(llabs(short_ones - exact) * 20 < exact);
}

int main(void)
{
    const struct test tests[] = {
        TEST(nothing_is_no_token),
        TEST(what_is_no_utf8_counts_byte_by_byte),
        TEST(every_kind_of_text_counts_as_in_tiktoken),
        TEST(a_run_beyond_the_longest_piece_counts_part_by_part),
        TEST(a_model_has_the_encoding_of_its_family),
        TEST(a_family_may_need_more),
        TEST(texts_up_to_the_bound_are_counted_whole_and_more_by_stretches),
    };
    return test_main(tests, COUNT_OF(tests));
}
