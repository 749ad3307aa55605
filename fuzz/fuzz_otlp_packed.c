/*
 * fuzz_otlp_packed: a request as it comes over HTTP: unpacked, then read. The bytes are tried as
 * gzip data themselves, and packed in two members, which must give them back.
 */
#include <zlib.h>

#include "base/text.h"
#include "otlp_input.h"
#include "serve/serve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_BYTES_MAX = 1 << 16, PACKED_BYTES_MAX = 1 << 18 };

static size_t pack(const uint8_t *data, size_t size, char *out, size_t room)
{
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)data,
                       .avail_in = (unsigned)size,
                       .next_out = (unsigned char *)out,
                       .avail_out = (unsigned)room};
    CHECK(deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&stream);
    return room - stream.avail_out;
}

static void decode(struct str bytes, size_t readable)
{
    static struct otlp *otlp;
    if (otlp == NULL) {
        otlp_create(&otlp);
    }
    for (int encoding = 0; encoding < OTLP_ENCODING_COUNT; encoding++) {
        const struct otlp_request request = {.signal = OTLP_TRACES,
                                             .encoding = (enum otlp_encoding)encoding,
                                             .bytes = bytes,
                                             .readable = readable};
        otlp_input_run(otlp, &request);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct serve serve;
    static char packed[PACKED_BYTES_MAX];
    struct text out;
    struct err err;
    bool turn = false;
    if (size > INPUT_BYTES_MAX) {
        return 0;
    }
    text_init(&out, (size_t)OTLP_REQUEST_BYTES_MAX + 1);
    if (serve_unpack(&serve, (struct str){(const char *)data, size}, &out, &turn, &err) == ERR_OK &&
        out.size <= INPUT_BYTES_MAX) {
        decode(text_str(&out), out.capacity);
    }
    serve_end_turn(&serve, &turn);
    text_clear(&out);
    const size_t half = size / 2;
    size_t used = pack(data, half, packed, sizeof packed);
    used += pack(data + half, size - half, packed + used, sizeof packed - used);
    CHECK(serve_unpack(&serve, (struct str){packed, used}, &out, &turn, &err) == ERR_OK);
    CHECK(out.size == size);
    CHECK(size == 0 || memcmp(out.data, data, size) == 0);
    CHECK(!turn);
    decode(text_str(&out), out.capacity);
    text_deinit(&out);
    return 0;
}
