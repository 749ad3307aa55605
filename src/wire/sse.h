/*
 * wire/sse: a stream of server-sent events, cut at its blank lines whatever pieces it comes in.
 *
 *     piece --sse_next--> struct sse_event, one at a time
 *
 * Events keep their bytes, so that what was read can be passed on as it came. Pure but for the
 * memory of an event that is not whole yet.
 *
 * Source: HTML Living Standard, "Server-sent events".
 */
#ifndef WIRE_SSE_H
#define WIRE_SSE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/text.h"

/* A finished reply is one event of some dialects, with all of its text. */
#define SSE_EVENT_BYTES_MAX ((size_t)16 << 20)

struct sse {
    struct text pending; /* the beginning of an event */
    struct text joined;  /* data of an event with several data lines */
    size_t scanned;      /* bytes of `pending` that hold no blank line */
    size_t looked;       /* and behind them, of a line whose end has not come */
    bool taken;          /* the event in `pending` was handed out */
};

/* Borrowed until the next call. */
struct sse_event {
    struct str bytes; /* as they came, blank line included */
    struct str name;  /* of the "event" field; empty: none */
    struct str data;  /* data lines, joined by newlines */
};

void sse_init(struct sse *sse);
void sse_deinit(struct sse *sse);

/*
 * The next whole event of what came so far.
 *
 * piece    moved behind what was taken from it; empty afterwards when there is no whole event.
 * out_has  false: more bytes are needed.
 *
 * Errors: ERR_LIMIT  an event larger than SSE_EVENT_BYTES_MAX; nothing more can be read.
 */
MUST_CHECK enum errc sse_next(struct sse *sse, struct str *piece, struct sse_event *out,
                              bool *out_has, struct err *err);

/* Bytes that belong to no whole event, at the end of the stream. */
struct str sse_rest(const struct sse *sse);

#endif
