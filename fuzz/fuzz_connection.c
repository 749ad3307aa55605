/*
 * fuzz_connection: a whole connection, its bytes arriving in pieces as the input's first bytes say.
 * What net/connection.c does with a socket is done here with a buffer: find the head, read the
 * body, go on with what follows. However the bytes arrive, the same requests are seen, and the same
 * end.
 */
#include "net/http.h"

#include "base/check.h"
#include "base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS = 4, INPUT_BYTES_MAX = 100000 };

struct reader {
    struct str arrived; /* and not yet used */
    bool in_body;
    size_t scanned; /* of a head that has not ended */
    struct http_head head;
    struct http_body body;
    uint64_t hash;
    size_t requests;
    size_t used;
    enum errc code;
};

static void use(struct reader *r, size_t size)
{
    CHECK(size <= r->arrived.size);
    r->arrived = (struct str){r->arrived.data + size, r->arrived.size - size};
    r->used += size;
}

/* Whether it went on. */
static bool read_head(struct reader *r)
{
    const struct str rest = {r->arrived.data + r->scanned, r->arrived.size - r->scanned};
    const size_t end = str_find(rest, STR("\r\n\r\n"));
    struct err err;
    int status = 0;
    if (r->arrived.size == 0) {
        return false;
    }
    if (end == SIZE_MAX && r->arrived.size < HTTP_HEAD_BYTES_MAX) {
        r->scanned = r->arrived.size > 3 ? r->arrived.size - 3 : 0;
        return false;
    }
    size_t all = end == SIZE_MAX ? HTTP_HEAD_BYTES_MAX : r->scanned + end + 4;
    all = all < HTTP_HEAD_BYTES_MAX ? all : HTTP_HEAD_BYTES_MAX;
    r->code = http_head_parse((struct str){r->arrived.data, all}, &r->head, &status, &err);
    if (r->code != ERR_OK) {
        CHECK(r->code == ERR_TRUNCATED || (status >= 400 && status <= 505));
        return false;
    }
    CHECK(r->head.size <= all);
    CHECK(!(r->head.has_length && r->head.is_chunked)); /* or two servers could see two requests */
    r->hash = r->hash * 31 + hash64(r->head.target) + r->head.field_count;
    use(r, r->head.size);
    r->scanned = 0;
    r->body = http_body_start(&r->head);
    r->in_body = true;
    return true;
}

static bool read_body(struct reader *r)
{
    struct str piece;
    size_t used = 0;
    struct err err;
    if (r->body.state == HTTP_BODY_DONE) {
        r->in_body = false;
        r->requests++;
        return true;
    }
    r->code = http_body_read(&r->body, r->arrived, &piece, &used, &err);
    if (r->code != ERR_OK) {
        return false;
    }
    CHECK(piece.size <= used);
    CHECK(piece.size == 0 || (piece.data >= r->arrived.data &&
                              piece.data + piece.size <= r->arrived.data + r->arrived.size));
    for (size_t i = 0; i < piece.size; i++) {
        r->hash = r->hash * 31 + (unsigned char)piece.data[i];
    }
    use(r, used);
    return used > 0 || r->body.state == HTTP_BODY_DONE;
}

/* All bytes, in pieces of the sizes that `steps` has, over and over. */
static struct reader read_all(struct str bytes, const uint8_t steps[STEPS])
{
    static struct reader r; /* a head is large */
    r = (struct reader){.arrived = {bytes.data, 0}};
    size_t given = 0;
    for (size_t i = 0; given < bytes.size && r.code == ERR_OK; i++) {
        const size_t step = (size_t)steps[i % STEPS] + 1;
        const size_t more = bytes.size - given < step ? bytes.size - given : step;
        given += more;
        r.arrived.size += more;
        while (r.code == ERR_OK && (r.in_body ? read_body(&r) : read_head(&r))) {
        }
    }
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t large[STEPS] = {255, 255, 255, 255};
    if (size < STEPS || size > INPUT_BYTES_MAX) {
        return 0;
    }
    const struct str bytes = {(const char *)data + STEPS, size - STEPS};
    const struct reader one = read_all(bytes, large);
    const uint64_t hash = one.hash;
    const size_t requests = one.requests;
    const enum errc code = one.code;
    const struct reader two = read_all(bytes, data);
    CHECK(two.code == code);
    CHECK(two.requests == requests);
    CHECK(two.hash == hash || code != ERR_OK); /* a refused body may have been read further */
    return 0;
}
