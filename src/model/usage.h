/* model/usage: what one model call used, in disjoint classes that add up. */
#ifndef MODEL_USAGE_H
#define MODEL_USAGE_H

#include <stdint.h>

/* X(NAME, column, text). Token classes are disjoint: no token is counted in two of them. */
#define USAGE_CLASSES(X)                                                                           \
    X(INPUT_UNCACHED, input_uncached, "uncached input")                                            \
    X(CACHE_READ, cache_read, "cache read")                                                        \
    X(CACHE_WRITE_5M, cache_write_5m, "cache write, 5 min")                                        \
    X(CACHE_WRITE_1H, cache_write_1h, "cache write, 1 h")                                          \
    X(INPUT_AUDIO, input_audio, "audio input")                                                     \
    X(INPUT_IMAGE, input_image, "image input")                                                     \
    X(OUTPUT, output, "output")                                                                    \
    X(OUTPUT_AUDIO, output_audio, "audio output")                                                  \
    X(REQUESTS, requests, "requests")                                                              \
    X(WEB_SEARCHES, web_searches, "web searches")

enum usage_class {
#define X(name, column, text) USAGE_##name,
    USAGE_CLASSES(X)
#undef X
        USAGE_COUNT,
};

#define USAGE_TOKENS_MAX INT64_C(1000000000) /* one call, one class */

enum service_tier { TIER_STANDARD, TIER_BATCH, TIER_FLEX, TIER_PRIORITY, TIER_FAST, TIER_COUNT };

struct usage {
    int64_t counts[USAGE_COUNT]; /* each 0..USAGE_TOKENS_MAX; the last two classes count calls */
    int64_t reasoning;           /* tokens, part of OUTPUT, never added to it */
};

/* Tokens the model read: what context tiers are chosen by. */
static inline int64_t usage_input_total(const struct usage *usage)
{
    int64_t total = 0;
    for (int class = USAGE_INPUT_UNCACHED; class <= USAGE_INPUT_IMAGE; class ++) {
        total += usage->counts[class];
    }
    return total;
}

static inline int64_t usage_tokens_total(const struct usage *usage)
{
    return usage_input_total(usage) + usage->counts[USAGE_OUTPUT] +
           usage->counts[USAGE_OUTPUT_AUDIO];
}

#endif
