/*
 * wire/tokens: how many tokens a text is, where no provider has counted them.
 *
 * Exact for OpenAI's o200k_base and cl100k_base; other families have vocabularies that are not
 * public, or not here, and are taken as o200k_base, Claude's times an assumed factor.
 * docs/gateway.md says how far off that is. Pure; text of special tokens is text.
 */
#ifndef WIRE_TOKENS_H
#define WIRE_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum tokens_encoding { TOKENS_O200K, TOKENS_CL100K, TOKENS_ENCODING_COUNT };

/* By the model's name, also behind the names of a provider ("openai/gpt-4") or of a tuning. */
enum tokens_encoding tokens_encoding_of(struct str model);

/* Every token of it: 12 ns a byte of prose, 120 of the worst text. What is no UTF-8 counts byte
 * by byte. */
int64_t tokens_count(enum tokens_encoding encoding, struct str text);

enum {
    /* Of all texts of a call, that many are counted: more are held to be like them. */
    TOKENS_COUNTED_BYTES_MAX = 1 << 15,
    TOKENS_STRETCH_BYTES = 1 << 8,
};

/*
 * The texts of one call, one after the other. Up to TOKENS_COUNTED_BYTES_MAX all of them are
 * counted; of more, stretches of TOKENS_STRETCH_BYTES at even distances, and the rest in
 * proportion.
 */
struct tokens_sample {
    enum tokens_encoding encoding;
    uint64_t bytes;         /* of all texts, as said before the first */
    uint64_t seen_bytes;    /* of those added */
    uint64_t counted_bytes; /* of the stretches */
    int64_t tokens;         /* in them */
};

/* bytes  of all texts that will be added. */
void tokens_sample_init(struct tokens_sample *sample, enum tokens_encoding encoding,
                        uint64_t bytes);
void tokens_sample_add(struct tokens_sample *sample, struct str text);
int64_t tokens_sample_end(const struct tokens_sample *sample);

/* As many tokens in the vocabulary of that model's family. */
int64_t tokens_of_family(struct str model, int64_t tokens);

#endif
