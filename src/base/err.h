/*
 * err: how every fallible function in this program reports failure.
 *
 * A fallible function is MUST_CHECK, returns enum errc, takes `struct err *err` last, and writes
 * its outputs only when it returns ERR_OK.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

#define MUST_CHECK                    __attribute__((warn_unused_result))
#define PRINTF_LIKE(text_at, args_at) __attribute__((format(printf, text_at, args_at)))

enum errc {
#define X(name, http, text) ERR_##name,
#include "base/errors.def"
#undef X
    ERR_COUNT,
};

enum { ERR_TEXT_BYTES_MAX = 1024 };

struct err {
    enum errc code;
    char text[ERR_TEXT_BYTES_MAX]; /* one English clause, no control characters */
};

/* Fill *err and return `code`, so that a failure is reported and returned in one line. */
enum errc err_set(struct err *err, enum errc code, const char *format, ...) PRINTF_LIKE(3, 4);

/* Put "file:line: " or any other context in front of the text already there. */
void err_prefix(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

int err_http_status(enum errc code);
const char *err_name(enum errc code); /* "NOT_FOUND"; static storage */
const char *err_text(enum errc code); /* "no such thing"; static storage */

#ifdef __cplusplus
}
#endif

#endif
