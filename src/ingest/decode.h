/* ingest/decode: one file, or the new part of one, becomes a trace. Runs in worker threads. */
#ifndef INGEST_DECODE_H
#define INGEST_DECODE_H

#include "base/json.h"
#include "ingest/files.h"

/* Decoded at a stretch; a longer file is taken in several, so that memory stays bounded. */
#define DECODE_STRETCH_BYTES_MAX ((int64_t)256 << 20)

struct decoded {
    struct arena arena;
    struct trace trace;
    enum wire_format format;
    struct wire_position next; /* where a later reading starts */
    uint64_t head_hash;
    int64_t head_bytes;
    int64_t bytes_read;
    bool more;           /* the file goes on behind `next`: decode again from there */
    bool unknown;        /* no known format; nothing else is set */
    bool unfinished;     /* the system refused to read on: there may be more behind `next` */
    const char *trouble; /* why reading ended early; NULL: it did not. Static text */
};

/* Tools of one thread. */
struct decode_tools {
    struct json_parser *parser;
    char *piece;  /* bytes as the decoder gets them */
    char *packed; /* bytes of a .gz file */
};
void decode_tools_init(struct decode_tools *tools);
void decode_tools_deinit(struct decode_tools *tools);

/*
 * Decode a file from where it was left.
 *
 * forced  format to take it for; WIRE_UNKNOWN: as it was, or by its looks.
 * from    NULL: from the known position when the file has only grown, else from the start.
 * rules   of correlation, for what may need them; NULL: none.
 * out     its arena is initialised here and owned by the caller on every return.
 *
 * Errors: ERR_IO  it cannot be opened. ERR_LIMIT  it needs more memory than a file may.
 */
MUST_CHECK enum errc decode_file(const struct import_file *file, enum wire_format forced,
                                 const struct wire_position *from, const struct correlation *rules,
                                 struct decode_tools *tools, struct decoded *out, struct err *err);

#endif
