/*
 * net/http: HTTP/1.1 messages, read strictly: requests as a server, responses as a client.
 *
 *     bytes --http_head_parse--> struct http_head --http_body_start--> struct http_body
 *     bytes --http_response_parse--> struct http_response_head --http_response_body--> the same
 *     bytes --http_body_read--> pieces of the body, borrowed
 *
 * Pure: no socket, clock (but http_date) or allocation. What two readers could understand
 * differently (request smuggling) is refused with 400 and the connection is closed, never repaired.
 *
 * Source: RFC 9110, RFC 9112.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "base/text.h"

enum {
    HTTP_HEAD_BYTES_MAX = 64 << 10, /* request line and fields together */
    HTTP_TARGET_BYTES_MAX = 8 << 10,
    HTTP_FIELDS_MAX = 100,
    HTTP_CHUNK_LINE_BYTES_MAX = 256, /* size and extension of one chunk */
    HTTP_TRAILER_BYTES_MAX = 8 << 10,
};

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_OTHER, /* a well-formed method of no use here */
    HTTP_METHOD_COUNT,
};

struct http_field {
    struct str name; /* as sent */
    struct str value;
};

/* Borrowed from the bytes it was parsed from. */
struct http_head {
    enum http_method method;
    struct str method_name;
    struct str target; /* as sent */
    struct str path;   /* before the '?', never empty, begins with '/' (or is "*") */
    struct str query;  /* behind the '?' */
    int minor;         /* HTTP/1.0 or HTTP/1.1 */
    struct http_field fields[HTTP_FIELDS_MAX];
    size_t field_count;
    size_t size; /* bytes of the head, empty line included */

    bool keep_alive;
    bool expects_continue; /* waits for "100 Continue" before it sends the body */
    bool is_chunked;
    bool has_length;
    int64_t length; /* of the body when has_length */
};

/*
 * A whole request head at the start of `bytes`.
 *
 * out_status  HTTP status to answer with when it is refused: 400, 414, 431, 501 or 505.
 *
 * Errors: ERR_TRUNCATED  no whole head yet: read on.
 *         ERR_SYNTAX     not HTTP, or not unambiguous; ERR_LIMIT, ERR_UNSUPPORTED.
 */
MUST_CHECK enum errc http_head_parse(struct str bytes, struct http_head *out, int *out_status,
                                     struct err *err);

/* The one field of that name, letters in either case; data NULL when there is none. The first of
 * several. */
struct str http_field(const struct http_head *head, struct str name);
/* Whether a comma-separated field names the token, letters in either case. */
bool http_field_has(const struct http_head *head, struct str name, struct str token);

/* Whether a field says how one message is framed or one connection is used: it is never passed on
 * to the next connection. Source: RFC 9110 7.6.1; Host and Expect, which each hop says itself. */
bool http_is_framing(struct str name);

enum http_framing {
    HTTP_NO_BODY,       /* 204, 304, or the request was HEAD */
    HTTP_LENGTH,        /* Content-Length */
    HTTP_CHUNKED,       /* Transfer-Encoding: chunked */
    HTTP_TILL_THE_CLOSE /* as long as the connection is open */
};

/* Borrowed from the bytes it was parsed from. */
struct http_response_head {
    int status; /* 100..999 */
    int minor;  /* HTTP/1.0 or HTTP/1.1 */
    struct str reason;
    struct http_field fields[HTTP_FIELDS_MAX];
    size_t field_count;
    size_t size; /* bytes of the head, empty line included */

    bool keep_alive;  /* the connection can be used again when the body is whole */
    int keep_alive_s; /* Keep-Alive: timeout=; 0: not said */
    enum http_framing framing;
    int64_t length; /* HTTP_LENGTH; for HEAD and 304 what is said, -1: nothing */
};

/*
 * A whole response head at the start of `bytes`; a 1xx one too, which has no body.
 *
 * to_head  it answers a HEAD request.
 *
 * Errors: ERR_TRUNCATED  no whole head yet: read on.
 *         ERR_SYNTAX     not HTTP, or not unambiguous; ERR_LIMIT, ERR_UNSUPPORTED.
 */
MUST_CHECK enum errc http_response_parse(struct str bytes, bool to_head,
                                         struct http_response_head *out, struct err *err);
struct str http_response_field(const struct http_response_head *head, struct str name);

enum { HTTP_RETRY_MS_MAX = 1000000000 }; /* what is longer, eleven days, is that */

/* Milliseconds the answer asks to wait before the request is made again, by retry-after-ms, else
 * Retry-After in seconds or as a date; 0..HTTP_RETRY_MS_MAX, -1: it does not say. */
int64_t http_retry_ms(const struct http_response_head *head, int64_t now_ns);

/* Where the reading of a body stands. */
struct http_body {
    enum {
        HTTP_BODY_TILL_THE_CLOSE,
        HTTP_BODY_LENGTH,
        HTTP_BODY_CHUNK_SIZE,
        HTTP_BODY_CHUNK,
        HTTP_BODY_CHUNK_END,
        HTTP_BODY_TRAILER,
        HTTP_BODY_DONE,
    } state;
    int64_t left;              /* bytes of the body or of the chunk still to come */
    size_t trailer_size;       /* bytes of trailer fields so far */
    struct http_field trailer; /* the one just read, borrowed; without a name: none */
};

struct http_body http_body_start(const struct http_head *head);
struct http_body http_response_body(const struct http_response_head *head);

/*
 * Read on in the body.
 *
 * out_piece  bytes of the body, borrowed; may be empty.
 * out_used   bytes taken from `bytes`; 0 with an empty piece: more are needed.
 *
 * Errors: ERR_SYNTAX  chunks that are none; the connection cannot be used any further.
 */
MUST_CHECK enum errc http_body_read(struct http_body *body, struct str bytes, struct str *out_piece,
                                    size_t *out_used, struct err *err);

/* Decode %XX and '+' of a query into `out`, at most its size; SIZE_MAX when it does not fit or is
 * malformed or has a NUL. Returns the size. */
size_t http_decode(struct str text, bool plus_is_space, char *out, size_t out_size);

/* Cut the next name=value from a query; false at its end. Not decoded. */
bool http_query_next(struct str *query, struct str *out_name, struct str *out_value);

const char *http_reason(int status);

/* "Name: value\r\n". A name that is none is left out, control characters become spaces. */
void http_put_field(struct text *out, struct http_field field);
/* All of them but framing ones and those that a Connection field names. */
void http_pass_fields(struct text *out, const struct http_field *fields, size_t count);
/* "Date: …\r\n" of now, in `out` of at least 40 bytes. Looks at the clock. */
struct str http_date(char *out, size_t size);

#endif
