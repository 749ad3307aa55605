/* What the bodies of requests have in common: their media type and their packing. */
#include "app/serve.h"

#include <zlib.h>

#include "base/check.h"

bool serve_is_type(struct str value, struct str type)
{
    CHECK(type.size > 0);
    return str_equal_fold(str_trim(str_cut(&value, ';')), type);
}

enum errc serve_unpack(struct str packed, struct text *out, struct err *err)
{
    enum { PIECE_BYTES = 64 << 10 };
    char piece[PIECE_BYTES];
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)packed.data,
                       .avail_in = (unsigned)packed.size};
    CHECK(out != NULL);
    CHECK(packed.size <= UINT32_MAX);
    CHECK(inflateInit2(&stream, 15 + 16) == Z_OK); /* 16: a gzip header is wanted */
    int code = Z_OK;
    while (code == Z_OK && !text_is_full(out)) {
        stream.next_out = (unsigned char *)piece;
        stream.avail_out = sizeof piece;
        code = inflate(&stream, Z_NO_FLUSH);
        text_add(out, (struct str){piece, sizeof piece - stream.avail_out});
        if (code == Z_STREAM_END && stream.avail_in > 0) {
            code = inflateReset(&stream); /* a further member */
        }
    }
    inflateEnd(&stream);
    if (text_is_full(out)) {
        return err_set(err, ERR_LIMIT, "the body is larger than %d bytes once unpacked",
                       OTLP_REQUEST_BYTES_MAX);
    }
    return code == Z_STREAM_END
               ? ERR_OK
               : err_set(err, ERR_SYNTAX, "the body is no gzip data, or they end too early");
}
