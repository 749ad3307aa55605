#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static const struct {
    const char *name;
    const char *text;
    int http;
} errors[] = {
#define X(name, http, text) {#name, text, http},
#include "base/errors.def"
#undef X
};

_Static_assert(COUNT_OF(errors) == ERR_COUNT, "one row per error");

void check_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
    abort();
}

/* Whatever a hostile input put into the text: one line, nothing a terminal obeys. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f) {
            *text = '?';
        }
    }
}

enum errc err_set(struct err *err, enum errc code, const char *format, ...)
{
    CHECK(err != NULL);
    CHECK(code > ERR_OK);
    CHECK(code < ERR_COUNT);

    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    make_printable(err->text);
    err->code = code;
    return code;
}

void err_prefix(struct err *err, const char *format, ...)
{
    CHECK(err != NULL);

    char text[ERR_TEXT_BYTES_MAX];
    va_list args;
    va_start(args, format);
    const int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    CHECK(size >= 0);
    const size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, "%s", err->text);
    make_printable(text);
    memcpy(err->text, text, sizeof text);
}

int err_http_status(enum errc code)
{
    CHECK(code < ERR_COUNT);
    return errors[code].http;
}

const char *err_name(enum errc code)
{
    CHECK(code < ERR_COUNT);
    return errors[code].name;
}

const char *err_text(enum errc code)
{
    CHECK(code < ERR_COUNT);
    return errors[code].text;
}
