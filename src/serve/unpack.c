/*
 * Large requests: each may take ten times its bytes while it is read, so one at a time is. Whoever
 * comes meanwhile is asked to come again. What is usual, a few hundred spans, never waits.
 */
#include "serve/serve.h"

#include <zlib.h>

#include "base/check.h"

enum errc serve_take_turn(struct serve *serve, size_t size, bool *turn, struct err *err)
{
    CHECK(turn != NULL);
    if (size < SERVE_LARGE_BYTES || *turn) {
        return ERR_OK;
    }
    *turn = !atomic_exchange(&serve->large_under_way, true);
    return *turn ? ERR_OK
                 : err_set(err, ERR_BUSY,
                           "another request of more than %d bytes is being read; try again, or "
                           "send smaller ones",
                           SERVE_LARGE_BYTES);
}

void serve_end_turn(struct serve *serve, bool *turn)
{
    CHECK(turn != NULL);
    if (*turn) {
        atomic_store(&serve->large_under_way, false);
        *turn = false;
    }
}

enum errc serve_unpack(struct serve *serve, struct str packed, struct text *out, bool *turn,
                       struct err *err)
{
    enum { PIECE_BYTES = 64 << 10 };
    char piece[PIECE_BYTES];
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)packed.data,
                       .avail_in = (unsigned)packed.size};
    CHECK(packed.size <= UINT32_MAX);
    CHECK(inflateInit2(&stream, 15 + 16) == Z_OK); /* 16: a gzip header is wanted */
    int code = Z_OK;
    enum errc busy = ERR_OK;
    while (code == Z_OK && busy == ERR_OK && !text_is_full(out)) {
        stream.next_out = (unsigned char *)piece;
        stream.avail_out = sizeof piece;
        code = inflate(&stream, Z_NO_FLUSH);
        text_add(out, (struct str){piece, sizeof piece - stream.avail_out});
        if (code == Z_STREAM_END && stream.avail_in > 0) {
            code = inflateReset(&stream); /* a further member */
        }
        busy = serve_take_turn(serve, out->size, turn, err);
    }
    inflateEnd(&stream);
    if (busy != ERR_OK) {
        return busy;
    }
    if (text_is_full(out)) {
        return err_set(err, ERR_LIMIT, "the body is larger than %d bytes once unpacked",
                       OTLP_REQUEST_BYTES_MAX);
    }
    return code == Z_STREAM_END
               ? ERR_OK
               : err_set(err, ERR_SYNTAX, "the body is no gzip data, or they end too early");
}
