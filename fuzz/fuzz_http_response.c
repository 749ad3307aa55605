/* fuzz_http_response: any bytes as answers one after the other on a connection. However they are
 * cut, the same heads, bodies and trailers are read. The first byte says what was asked. */
#include "net/http.h"

#include "base/check.h"
#include "base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    uint64_t hash;
    size_t answers;
    size_t used;
    enum errc code;
};

/* The body in pieces of `step` bytes; ERR_TRUNCATED when it does not end. */
static enum errc read_body(struct http_body body, struct str bytes, size_t step, uint64_t *hash,
                           size_t *out_used)
{
    struct err err;
    size_t used = 0;
    size_t given = 0;
    uint64_t sum = 0;
    while (body.state != HTTP_BODY_DONE) {
        struct str piece;
        size_t took = 0;
        const enum errc code = http_body_read(&body, (struct str){bytes.data + used, given - used},
                                              &piece, &took, &err);
        if (code != ERR_OK) {
            return code;
        }
        CHECK(piece.size <= took);
        CHECK(took <= given - used);
        for (size_t i = 0; i < piece.size; i++) {
            sum = sum * 31 + (unsigned char)piece.data[i];
        }
        if (body.trailer.name.size > 0) {
            sum = sum * 31 + hash64(body.trailer.name) + hash64(body.trailer.value);
        }
        used += took;
        if (took == 0 && given == bytes.size) {
            break;
        }
        if (took == 0) {
            given = bytes.size - given > step ? given + step : bytes.size;
        }
    }
    *hash = *hash * 31 + sum;
    *out_used = used;
    return body.state == HTTP_BODY_DONE || body.state == HTTP_BODY_TILL_THE_CLOSE ? ERR_OK
                                                                                  : ERR_TRUNCATED;
}

static struct seen read_all(struct str bytes, size_t step, bool to_head)
{
    static struct http_response_head head;
    struct seen seen = {0};
    struct err err;
    while (seen.code == ERR_OK && seen.used < bytes.size) {
        struct str rest = {bytes.data + seen.used, bytes.size - seen.used};
        seen.code = http_response_parse(rest, to_head, &head, &err);
        if (seen.code != ERR_OK) {
            break;
        }
        CHECK(head.size > 0);
        CHECK(head.size <= rest.size);
        CHECK(head.status >= 100);
        CHECK(head.status <= 999);
        CHECK(head.framing != HTTP_LENGTH || head.length >= 0);
        CHECK(!(to_head && head.framing != HTTP_NO_BODY));
        CHECK(!(head.framing == HTTP_TILL_THE_CLOSE && head.keep_alive));
        for (size_t i = 0; i < head.field_count; i++) {
            CHECK(http_response_field(&head, head.fields[i].name).data != NULL);
        }
        seen.hash = seen.hash * 31 + hash64(head.reason) + head.field_count;
        seen.answers++;
        seen.used += head.size;
        rest = (struct str){bytes.data + seen.used, bytes.size - seen.used};
        size_t used = 0;
        seen.code = read_body(http_response_body(&head), rest, step, &seen.hash, &used);
        seen.used += seen.code == ERR_OK ? used : 0;
    }
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const bool to_head = data[0] == 'H';
    const struct str bytes = {(const char *)data + 1, size - 1};
    const struct seen whole = read_all(bytes, size, to_head);
    const struct seen pieces = read_all(bytes, 1, to_head);
    CHECK(whole.code == pieces.code);
    CHECK(whole.hash == pieces.hash);
    CHECK(whole.answers == pieces.answers);
    CHECK(whole.used == pieces.used);
    return 0;
}
