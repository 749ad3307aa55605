/*
 * wire/json_set: change one member of a JSON object and leave every other byte as it is.
 *
 * Pure. The object is one that json_parse() has taken: what is malformed here is our bug there.
 */
#ifndef WIRE_JSON_SET_H
#define WIRE_JSON_SET_H

#include <stdbool.h>

#include "base/err.h"
#include "base/text.h"

/* The bytes of a member's value, or NULL data when there is none; the first of that name. */
struct str json_member(struct str object, struct str name);

/*
 * The object with that member, put in place of the one there is or behind the last.
 *
 * name   needs no escapes.
 * value  JSON.
 * out    added to; full when its limit is too small.
 *
 * Errors: ERR_UNSUPPORTED  a member's name is written with escapes, so that it cannot be told
 *                          which member it is without rewriting it; or this is no object.
 */
MUST_CHECK enum errc json_set(struct str object, struct str name, struct str value,
                              struct text *out, struct err *err);

#endif
