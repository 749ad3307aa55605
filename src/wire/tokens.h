/*
 * wire/tokens: how many tokens a text is, about, where no provider has counted them.
 *
 * An estimate by the classes of its characters: words of Latin script, digits, marks, other
 * scripts. Pure.
 */
#ifndef WIRE_TOKENS_H
#define WIRE_TOKENS_H

#include <stdint.h>

#include "base/str.h"

int64_t tokens_estimate(struct str text);

#endif
