/* decoding: bytes through a decoder, cut anywhere, and its rows compared with another's. */
#ifndef UNIT_WIRE_DECODING_H
#define UNIT_WIRE_DECODING_H

#include "wire/wire.h"

enum { DECODING_ROWS_MAX = 8192, DECODING_TEXT_MAX = 1 << 16 };

/* One decoder and all it holds. Static memory of a test; opening it again closes it. */
struct decoding {
    bool is_open;
    struct arena arena;
    struct json_parser *parser;
    struct wire_decoder *decoder;
    struct wire_position position; /* after decoding_finish() */
    struct err err;
};

struct decoding_source {
    enum wire_format format;
    const char *path;
    struct str bytes;
    size_t piece; /* bytes a feed; 0: all at once */
    bool may_grow;
    const struct wire_position *start; /* NULL: the beginning; bytes are those of the whole file */
};

/* Decode it all. Anything but ERR_OK leaves `decoding->err` set. */
enum errc decoding_run(struct decoding *decoding, const struct decoding_source *source);
const struct trace *decoding_trace(const struct decoding *decoding);
void decoding_close(struct decoding *decoding);

/* Text with ' for ", so that records can be read in C. Static memory, one of a few, in turn. */
struct str decoding_quoted(const char *text);
/* The whole of a file, a gzip one unpacked, with JSON_PADDING behind it. Static memory. */
struct str decoding_file(const char *path);

const struct step *decoding_step(const struct trace *trace, const char *identity);
bool decoding_rejects(const struct trace *trace, size_t index, int64_t line, const char *part);
int64_t decoding_count(const struct trace *trace, enum step_kind kind);
int64_t decoding_sum(const struct trace *trace, enum usage_class class);

/* Rows of several decodings, joined by identity as an import does. */
struct decoding_union {
    struct {
        const struct step *step;
        const struct trace *trace;
    } rows[DECODING_ROWS_MAX];
    size_t count;
    const struct outcome *outcomes[DECODING_ROWS_MAX];
    size_t outcome_count;
};

void decoding_join(struct decoding_union *all, const struct trace *trace);
/* NULL, or a text that tells the first difference. Static memory. */
const char *decoding_difference(const struct decoding_union *all, const struct trace *trace);
/*
 * Whether decoding in one run gives the same rows as in two that meet at `cut`; what differs is
 * noted. Uses its own static decodings.
 */
bool decoding_agrees_when_split(const struct decoding_source *source, size_t cut);

#endif
