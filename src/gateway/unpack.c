/* Bodies that come compressed: a plain copy to be read, while what came is passed on as it is. */
#include <zlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "gateway/gateway_priv.h"

enum {
    WINDOW_BITS = 15,
    ANY_HEADER = 32, /* gzip's or zlib's */
    PIECE_BYTES = 16 << 10,
    /* Text packs to a tenth; a few bytes that become a thousand times as many are an attack. */
    RATIO_MAX = 200,
    RATIO_FREE_BYTES = 1 << 20,
};

struct gateway_unpacker {
    z_stream stream;
    bool begun;
    bool failed;
};

enum gateway_packing gateway_packing_of(struct str field)
{
    const struct str name = str_trim(field);
    if (name.size == 0 || str_equal_fold(name, STR("identity"))) {
        return PACKING_NONE;
    }
    return str_equal_fold(name, STR("gzip")) || str_equal_fold(name, STR("x-gzip")) ||
                   str_equal_fold(name, STR("deflate"))
               ? PACKING_ZLIB
               : PACKING_OTHER;
}

struct gateway_unpacker *gateway_unpacker_create(void)
{
    return memory_new(struct gateway_unpacker);
}

void gateway_unpacker_destroy(struct gateway_unpacker **unpacker)
{
    CHECK(unpacker != NULL);
    if (*unpacker != NULL) {
        if ((*unpacker)->begun) {
            inflateEnd(&(*unpacker)->stream);
        }
        memory_free(*unpacker);
        *unpacker = NULL;
    }
}

/* "deflate" means zlib's header around it; some send it bare. Source: RFC 9110, section 8.4.1.2. */
static bool is_bare(struct str bytes)
{
    const unsigned first = (unsigned char)bytes.data[0];
    const unsigned second = bytes.size > 1 ? (unsigned char)bytes.data[1] : 0;
    const bool is_gzip = first == 0x1f && (bytes.size == 1 || second == 0x8b);
    const bool is_zlib =
        (first & 0x0f) == 8 && (bytes.size == 1 || (first << 8 | second) % 31 == 0);
    return !is_gzip && !is_zlib;
}

struct str gateway_unpacker_next(struct gateway_unpacker *unpacker, struct str *piece, char *out,
                                 size_t out_size)
{
    CHECK(unpacker != NULL);
    CHECK(piece->size <= UINT32_MAX && out_size <= UINT32_MAX);
    z_stream *const stream = &unpacker->stream;
    if (unpacker->failed || (piece->size == 0 && !unpacker->begun)) {
        return (struct str){0};
    }
    if (!unpacker->begun) {
        const int bits = is_bare(*piece) ? -WINDOW_BITS : WINDOW_BITS + ANY_HEADER;
        CHECK(inflateInit2(stream, bits) == Z_OK);
        unpacker->begun = true;
    }
    stream->next_in = (unsigned char *)(uintptr_t)piece->data;
    stream->avail_in = (unsigned)piece->size;
    stream->next_out = (unsigned char *)out;
    stream->avail_out = (unsigned)out_size;
    const int code = inflate(stream, Z_NO_FLUSH);
    *piece = (struct str){piece->data + (piece->size - stream->avail_in), stream->avail_in};
    if (code == Z_STREAM_END && piece->size > 0) {
        unpacker->failed = inflateReset(stream) != Z_OK; /* a further member */
    } else if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
        unpacker->failed = true;
    }
    return (struct str){out, out_size - stream->avail_out};
}

bool gateway_unpacker_failed(const struct gateway_unpacker *unpacker)
{
    return unpacker->failed;
}

enum errc gateway_unpack(struct str packed, struct text *out, struct err *err)
{
    CHECK(out != NULL);
    char piece[PIECE_BYTES];
    struct gateway_unpacker *unpacker = gateway_unpacker_create();
    struct str rest = packed;
    bool is_bomb = false;
    size_t got;
    do {
        const struct str plain = gateway_unpacker_next(unpacker, &rest, piece, sizeof piece);
        got = plain.size;
        text_add(out, plain);
        is_bomb = out->size > RATIO_FREE_BYTES && out->size / RATIO_MAX > packed.size;
    } while ((got > 0 || rest.size > 0) && !unpacker->failed && !is_bomb && !text_is_full(out));
    const bool failed = unpacker->failed;
    gateway_unpacker_destroy(&unpacker);
    if (is_bomb || text_is_full(out)) {
        return err_set(err, ERR_LIMIT,
                       "the body is larger than %zu bytes once unpacked, or more than %d times as "
                       "large as it came; send it plain",
                       out->size_max, (int)RATIO_MAX);
    }
    return failed ? err_set(err, ERR_SYNTAX, "the body is not gzip or deflate as it says") : ERR_OK;
}
