/*
 * tokens: any bytes. Pieces cover a text without gaps, a piece is at most its bytes in tokens, and
 * what came in pieces counts as its whole; a sample stays within its bound and near the count.
 */
#include <stdlib.h>

#include "base/check.h"
#include "wire/provider_seen.h"
#include "wire/tokens_priv.h"

enum { INPUT_BYTES_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t count_pieces(enum tokens_encoding encoding, struct str text)
{
    int64_t tokens = 0;
    for (size_t at = 0; at < text.size;) {
        const size_t end = tokens_piece_end(encoding, text, at);
        const struct str piece = {text.data + at, end - at};
        const int64_t of_piece = tokens_of_piece(encoding, piece);
        CHECK(of_piece >= 1);
        CHECK((uint64_t)of_piece <= piece.size);
        tokens += of_piece;
        at = end;
    }
    CHECK(tokens == tokens_count(encoding, text));
    return tokens;
}

/* By turns with another text: blanks, as many as there are pieces. */
static void check_seen(enum tokens_encoding encoding, struct str text, int64_t tokens)
{
    static char blanks[INPUT_BYTES_MAX];
    struct provider_seen seen;
    size_t pieces = 0;
    memset(blanks, ' ', sizeof blanks);
    provider_seen_init(&seen);
    for (size_t at = 0; at < text.size; pieces++) {
        const size_t step = 1 + (unsigned char)text.data[at] % 7;
        const size_t size = text.size - at < step ? text.size - at : step;
        provider_seen_add(&seen, 1, (struct str){text.data + at, size});
        provider_seen_add(&seen, 2, STR(" "));
        at += size;
    }
    CHECK(seen.kept_bytes == seen.bytes);
    CHECK(provider_seen_tokens(&seen, encoding) ==
          tokens + tokens_count(encoding, (struct str){blanks, pieces}));
    provider_seen_deinit(&seen);
}

static void check_sample(enum tokens_encoding encoding, struct str text, int64_t tokens)
{
    struct tokens_sample sample;
    tokens_sample_init(&sample, encoding, text.size);
    tokens_sample_add(&sample, text);
    CHECK(tokens_sample_end(&sample) == tokens);
    /* As a part of many, stretches of it. */
    enum { TIMES = 40 };
    tokens_sample_init(&sample, encoding, (uint64_t)text.size * TIMES);
    for (int i = 0; i < TIMES; i++) {
        tokens_sample_add(&sample, text);
    }
    CHECK(sample.counted_bytes <= 2 * TOKENS_COUNTED_BYTES_MAX);
    CHECK(tokens_sample_end(&sample) >= 0);
    CHECK((uint64_t)tokens_sample_end(&sample) <= sample.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_BYTES_MAX) {
        return 0;
    }
    char *const bytes =
        malloc(size > 0 ? size : 1); /* to the byte, so that a read behind is found */
    CHECK(bytes != NULL);
    if (size > 0) {
        memcpy(bytes, data, size);
    }
    const struct str text = {bytes, size};
    for (int i = 0; i < TOKENS_ENCODING_COUNT; i++) {
        const enum tokens_encoding encoding = (enum tokens_encoding)i;
        const int64_t tokens = count_pieces(encoding, text);
        if (size % 16 == 0) { /* it takes long */
            check_sample(encoding, text, tokens);
        }
        if (size < PROVIDER_SEEN_BYTES_MAX / 16) {
            check_seen(encoding, text, tokens);
        }
    }
    free(bytes);
    return 0;
}
