/* fuzz_http: any bytes as requests one after the other on a connection. However they are cut, the
 * same requests and bodies are read. */
#include "net/http.h"

#include "base/check.h"
#include "base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    uint64_t hash;
    size_t requests;
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
        used += took;
        if (took == 0 && given == bytes.size) {
            return ERR_TRUNCATED;
        }
        if (took == 0) {
            given = bytes.size - given > step ? given + step : bytes.size;
        }
    }
    *hash = *hash * 31 + sum;
    *out_used = used;
    return ERR_OK;
}

static struct seen read_all(struct str bytes, size_t step)
{
    static struct http_head head;
    struct seen seen = {0};
    struct err err;
    while (seen.code == ERR_OK && seen.used < bytes.size) {
        int status = 0;
        struct str rest = {bytes.data + seen.used, bytes.size - seen.used};
        seen.code = http_head_parse(rest, &head, &status, &err);
        if (seen.code != ERR_OK) {
            CHECK(seen.code == ERR_TRUNCATED || (status >= 400 && status <= 505));
            break;
        }
        CHECK(head.size > 0);
        CHECK(head.size <= rest.size);
        CHECK(head.path.size > 0);
        char name[64];
        struct str query = head.query;
        struct str key;
        struct str value;
        while (http_query_next(&query, &key, &value)) {
            const size_t decoded = http_decode(value, true, name, sizeof name);
            CHECK(decoded == SIZE_MAX || decoded <= value.size);
        }
        seen.hash = seen.hash * 31 + hash64(head.path) + head.field_count;
        seen.requests++;
        seen.used += head.size;
        rest = (struct str){bytes.data + seen.used, bytes.size - seen.used};
        size_t used = 0;
        seen.code = read_body(http_body_start(&head), rest, step, &seen.hash, &used);
        seen.used += seen.code == ERR_OK ? used : 0;
    }
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str bytes = {(const char *)data, size};
    const struct seen whole = read_all(bytes, size + 1);
    const struct seen pieces = read_all(bytes, 1);
    CHECK(whole.code == pieces.code);
    CHECK(whole.hash == pieces.hash);
    CHECK(whole.requests == pieces.requests);
    CHECK(whole.used == pieces.used);
    return 0;
}
