/*
 * wire/provider_seen: what a reply wrote, kept until it is known whether the provider counts it.
 *
 *     pieces of a stream --provider_seen_add--> texts --provider_seen_tokens--> tokens, in the end
 *
 * Texts of several sources come by turns: choices, thoughts, arguments of tools. Each is counted as
 * if it had come whole. In memory only, and at most PROVIDER_SEEN_BYTES_MAX. Not thread-safe.
 */
#ifndef WIRE_PROVIDER_SEEN_H
#define WIRE_PROVIDER_SEEN_H

#include "base/text.h"
#include "wire/tokens.h"

enum {
    PROVIDER_SEEN_BYTES_MAX = TOKENS_COUNTED_BYTES_MAX,
    PROVIDER_SEEN_SOURCES_MAX = 16, /* those beyond are taken as one */
};

struct provider_seen {
    struct text pieces; /* each with its head */
    size_t last;        /* where the last piece begins */
    uint32_t sources[PROVIDER_SEEN_SOURCES_MAX];
    size_t source_count;
    int64_t kept_bytes;
    int64_t bytes; /* of all that came */
};

void provider_seen_init(struct provider_seen *seen);
void provider_seen_deinit(struct provider_seen *seen);
void provider_seen_clear(struct provider_seen *seen);

/* source  what the text goes on from, any number. */
void provider_seen_add(struct provider_seen *seen, uint32_t source, struct str text);

/* Exact where all was kept, and in proportion for what was not. */
int64_t provider_seen_tokens(const struct provider_seen *seen, enum tokens_encoding encoding);

#endif
