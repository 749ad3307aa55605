/*
 * wire/tokens: how many tokens a text is, about, where no provider has counted them.
 *
 * An estimate by its words, digits, marks and scripts, with weights fitted to OpenAI's o200k_base.
 * Pure. docs/gateway.md says how far off it is.
 */
#ifndef WIRE_TOKENS_H
#define WIRE_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Tokens of o200k_base; at least one of what is not empty. */
int64_t tokens_estimate(struct str text);

/* As many tokens in the vocabulary of that model's family. */
int64_t tokens_of_family(struct str model, int64_t tokens);

#endif
