/* wire, Claude Code: what its two files share. */
#ifndef WIRE_CLAUDE_PRIV_H
#define WIRE_CLAUDE_PRIV_H

#include "wire/wire_priv.h"

/*
 * A `usage` object of the Messages API -> usage, tier and region of the step, whose strings are
 * borrowed from the node. input_tokens is what was not read from or written to a cache.
 *
 * Errors: ERR_RANGE  a figure is no count; the text names it.
 */
MUST_CHECK enum errc claude_usage(struct json node, struct step *step, struct err *err);

#endif
