/*
 * A body: LENGTH, or chunk by chunk:
 *
 *     CHUNK_SIZE -> CHUNK -> CHUNK_END -> CHUNK_SIZE … -> TRAILER -> DONE
 */
#include "base/check.h"
#include "net/http_priv.h"

struct http_body http_body_start(const struct http_head *head)
{
    CHECK(head != NULL);
    CHECK(!(head->is_chunked && head->has_length));
    struct http_body body = {.state = HTTP_BODY_DONE};
    if (head->is_chunked) {
        body.state = HTTP_BODY_CHUNK_SIZE;
    } else if (head->has_length && head->length > 0) {
        body.state = HTTP_BODY_LENGTH;
        body.left = head->length;
    }
    return body;
}

/* Hexadecimal digits, at most 15; an extension behind ';' is read over. */
static bool read_size(struct str line, int64_t *out)
{
    struct str rest = line;
    const struct str digits = str_cut(&rest, ';');
    int64_t size = 0;
    for (size_t i = 0; i < digits.size; i++) {
        const char c = digits.data[i];
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0 || digits.size > 15) {
            return false;
        }
        size = size * 16 + digit;
    }
    for (size_t i = 0; i < rest.size; i++) {
        const unsigned char c = (unsigned char)rest.data[i];
        if (c != '\t' && (c < ' ' || c == 0x7f)) {
            return false;
        }
    }
    *out = size;
    return digits.size > 0;
}

/* A line up to `size_max` bytes: 1 there is one, 0 not yet, -1 too long or not ended by CR LF. */
static int take_line(struct str bytes, size_t size_max, struct str *out, size_t *out_used)
{
    const size_t size = bytes.size < size_max ? bytes.size : size_max;
    const char *const end = size > 0 ? memchr(bytes.data, '\n', size) : NULL;
    if (end == NULL) {
        return bytes.size >= size_max ? -1 : 0;
    }
    const size_t line = (size_t)(end - bytes.data);
    if (line == 0 || end[-1] != '\r' || memchr(bytes.data, '\r', line - 1) != NULL) {
        return -1;
    }
    *out = (struct str){bytes.data, line - 1};
    *out_used = line + 1;
    return 1;
}

static enum errc read_chunk_size(struct http_body *body, struct str bytes, size_t *out_used,
                                 struct err *err)
{
    struct str line;
    const int found = take_line(bytes, HTTP_CHUNK_LINE_BYTES_MAX, &line, out_used);
    if (found < 0 || (found > 0 && !read_size(line, &body->left))) {
        return err_set(err, ERR_SYNTAX, "the size of a chunk is malformed");
    }
    if (found > 0) {
        body->state = body->left > 0 ? HTTP_BODY_CHUNK : HTTP_BODY_TRAILER;
    }
    return ERR_OK;
}

struct http_body http_response_body(const struct http_response_head *head)
{
    CHECK(head != NULL);
    struct http_body body = {.state = HTTP_BODY_DONE};
    if (head->framing == HTTP_CHUNKED) {
        body.state = HTTP_BODY_CHUNK_SIZE;
    } else if (head->framing == HTTP_TILL_THE_CLOSE) {
        body.state = HTTP_BODY_TILL_THE_CLOSE;
    } else if (head->framing == HTTP_LENGTH && head->length > 0) {
        body.state = HTTP_BODY_LENGTH;
        body.left = head->length;
    }
    return body;
}

/* Trailer fields one by one; an empty line ends them. */
static enum errc read_trailer(struct http_body *body, struct str bytes, size_t *out_used,
                              struct err *err)
{
    struct str line;
    const int found =
        take_line(bytes, HTTP_TRAILER_BYTES_MAX - body->trailer_size, &line, out_used);
    if (found < 0) {
        return err_set(err, ERR_SYNTAX, "the trailer is malformed or larger than 8 KiB");
    }
    if (found > 0) {
        if (line.size > 0 && http_read_field(line, &body->trailer) != NULL) {
            return err_set(err, ERR_SYNTAX, "a trailer field is malformed");
        }
        body->trailer_size += *out_used;
        body->state = line.size == 0 ? HTTP_BODY_DONE : HTTP_BODY_TRAILER;
    }
    return ERR_OK;
}

static void take_piece(struct http_body *body, struct str bytes, struct str *out_piece,
                       size_t *out_used)
{
    const size_t size = (uint64_t)body->left < bytes.size ? (size_t)body->left : bytes.size;
    *out_piece = (struct str){bytes.data, size};
    *out_used = size;
    body->left -= (int64_t)size;
}

enum errc http_body_read(struct http_body *body, struct str bytes, struct str *out_piece,
                         size_t *out_used, struct err *err)
{
    CHECK(body != NULL);
    CHECK(out_piece != NULL);
    CHECK(out_used != NULL);
    *out_piece = (struct str){0};
    *out_used = 0;
    body->trailer = (struct http_field){0};
    switch (body->state) {
    case HTTP_BODY_TILL_THE_CLOSE:
        *out_piece = bytes;
        *out_used = bytes.size;
        return ERR_OK;
    case HTTP_BODY_LENGTH:
        take_piece(body, bytes, out_piece, out_used);
        body->state = body->left == 0 ? HTTP_BODY_DONE : HTTP_BODY_LENGTH;
        return ERR_OK;
    case HTTP_BODY_CHUNK:
        take_piece(body, bytes, out_piece, out_used);
        body->state = body->left == 0 ? HTTP_BODY_CHUNK_END : HTTP_BODY_CHUNK;
        return ERR_OK;
    case HTTP_BODY_CHUNK_END:
        if (bytes.size < 2) {
            return bytes.size == 0 || bytes.data[0] == '\r'
                       ? ERR_OK
                       : err_set(err, ERR_SYNTAX, "a chunk is longer than it says");
        }
        if (bytes.data[0] != '\r' || bytes.data[1] != '\n') {
            return err_set(err, ERR_SYNTAX, "a chunk is longer than it says");
        }
        *out_used = 2;
        body->state = HTTP_BODY_CHUNK_SIZE;
        return ERR_OK;
    case HTTP_BODY_CHUNK_SIZE:
        return read_chunk_size(body, bytes, out_used, err);
    case HTTP_BODY_TRAILER:
        return read_trailer(body, bytes, out_used, err);
    case HTTP_BODY_DONE:
        return ERR_OK;
    }
    CHECK(!"no such state");
    return ERR_OK;
}
