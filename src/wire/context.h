/*
 * wire/context: what came with a message beside its body, as one text that is kept with it.
 *
 *     header.x-team=payments\n
 *     header.baggage=bursar.workflow=claims,tenant=a%20b\n
 *     key.workflow=claims\n
 *
 * A line a fact, its name before the first '='. `header.` lines are what the client sent, names in
 * small letters; `key.` lines what the server knows of the key it came with, which is stronger than
 * anything the client says. Pure.
 */
#ifndef WIRE_CONTEXT_H
#define WIRE_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "base/text.h"

enum {
    CONTEXT_BYTES_MAX = 32 << 10,
    CONTEXT_VALUE_BYTES_MAX = 8192,
    BAGGAGE_BYTES_MAX = 8192, /* of a header; what is behind is not looked at */
    BAGGAGE_MEMBERS_MAX = 64, /* likewise */
};

/* Add a line. False: the value has a control character, is too long, or there is no more room; then
 * nothing is added. */
bool context_add(struct text *context, struct str prefix, struct str name, struct str value);
/* Cut the next line; false at the end. Lines without '=' are stepped over. */
bool context_next(struct str *context, struct str *out_name, struct str *out_value);

/* One member of a `baggage` header. Source: W3C Baggage, section 3.3.1. */
struct baggage_member {
    struct str name;
    struct str encoded; /* its value as sent */
};

/* Cut the next member that is well-formed; others are stepped over. False at the end. Properties
 * (";…") are left out. `members` counts them all, from 0. */
bool baggage_next(struct str *baggage, size_t *members, struct baggage_member *out);
/* A value's %XX become bytes in `out`; the size, or SIZE_MAX: it does not fit or is malformed. */
size_t baggage_decode(struct str encoded, char *out, size_t size);

#endif
