#include "wire/tokens.h"

#include "base/check.h"
#include "wire/tokens_priv.h"

enum tokens_encoding tokens_encoding_of(struct str model)
{
    static const struct {
        struct str prefix;
        enum tokens_encoding encoding;
    } families[] = {
        /* The first that fits. Source: tiktoken 0.14.0, model.py */
        {STR_STATIC("gpt-4o"), TOKENS_O200K},
        {STR_STATIC("gpt-4.1"), TOKENS_O200K},
        {STR_STATIC("gpt-4.5"), TOKENS_O200K},
        {STR_STATIC("gpt-4"), TOKENS_CL100K},
        {STR_STATIC("gpt-3.5"), TOKENS_CL100K},
        {STR_STATIC("gpt-35"), TOKENS_CL100K}, /* as Azure writes it */
        {STR_STATIC("text-embedding-3"), TOKENS_CL100K},
        {STR_STATIC("text-embedding-ada-002"), TOKENS_CL100K},
        {STR_STATIC("davinci-002"), TOKENS_CL100K},
        {STR_STATIC("babbage-002"), TOKENS_CL100K},
    };
    struct str rest = model;
    struct str name = model;
    while (rest.size > 0) {
        name = rest;
        (void)str_cut(&rest, '/');
    }
    if (str_starts_with(name, STR("ft:"))) {
        name = (struct str){name.data + 3, name.size - 3};
    }
    for (size_t i = 0; i < COUNT_OF(families); i++) {
        if (str_starts_with(name, families[i].prefix)) {
            return families[i].encoding;
        }
    }
    return TOKENS_O200K;
}

int64_t tokens_count(enum tokens_encoding encoding, struct str text)
{
    int64_t tokens = 0;
    CHECK(text.data != NULL || text.size == 0);
    CHECK(encoding < TOKENS_ENCODING_COUNT);
    for (size_t at = 0; at < text.size;) {
        const size_t end = tokens_piece_end(encoding, text, at);
        tokens += tokens_of_piece(encoding, (struct str){text.data + at, end - at});
        at = end;
    }
    return tokens;
}

void tokens_sample_init(struct tokens_sample *sample, enum tokens_encoding encoding, uint64_t bytes)
{
    CHECK(sample != NULL);
    CHECK(encoding < TOKENS_ENCODING_COUNT);
    *sample = (struct tokens_sample){.encoding = encoding, .bytes = bytes};
}

/* The end of the word that `at` is in: a stretch neither begins nor ends in the middle of one,
 * unless there are no blanks. */
static size_t word_end(struct str text, size_t at)
{
    enum { WORD_BYTES_MAX = 64 };
    const size_t limit = text.size - at < WORD_BYTES_MAX ? text.size : at + WORD_BYTES_MAX;
    for (size_t i = at; i < limit; i++) {
        if (text.data[i] == ' ' || text.data[i] == '\n') {
            return i;
        }
    }
    while (at < text.size && (text.data[at] & 0xc0) == 0x80) {
        at++;
    }
    return at;
}

static void count(struct tokens_sample *sample, struct str text)
{
    sample->tokens += tokens_count(sample->encoding, text);
    sample->counted_bytes += text.size;
}

void tokens_sample_add(struct tokens_sample *sample, struct str text)
{
    CHECK(sample != NULL);
    CHECK(text.size <= sample->bytes - sample->seen_bytes);
    const uint64_t first = sample->seen_bytes; /* of all texts, as one */
    sample->seen_bytes += text.size;
    if (sample->bytes <= TOKENS_COUNTED_BYTES_MAX) {
        count(sample, text);
        return;
    }
    const uint64_t distance = sample->bytes / (TOKENS_COUNTED_BYTES_MAX / TOKENS_STRETCH_BYTES);
    for (uint64_t stretch = first / distance * distance; stretch < sample->seen_bytes;
         stretch += distance) {
        const uint64_t stop = stretch + TOKENS_STRETCH_BYTES;
        if (stop <= first) {
            continue;
        }
        const size_t from = stretch > first ? word_end(text, (size_t)(stretch - first)) : 0;
        const size_t to =
            stop < sample->seen_bytes ? word_end(text, (size_t)(stop - first)) : text.size;
        if (to > from) {
            count(sample, (struct str){text.data + from, to - from});
        }
    }
}

int64_t tokens_sample_end(const struct tokens_sample *sample)
{
    CHECK(sample->seen_bytes == sample->bytes);
    if (sample->counted_bytes == sample->bytes || sample->counted_bytes == 0) {
        return sample->tokens;
    }
    const double share = (double)sample->bytes / (double)sample->counted_bytes;
    return (int64_t)((double)sample->tokens * share + 0.5);
}

int64_t tokens_of_family(struct str model, int64_t tokens)
{
    enum { CLAUDE_PERCENT = 120, PERCENT = 100 };
    CHECK(tokens >= 0);
    return str_find(model, STR("claude")) != SIZE_MAX ? tokens * CLAUDE_PERCENT / PERCENT : tokens;
}
