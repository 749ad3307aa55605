/* wire, Claude Code: what its files share. */
#ifndef WIRE_CLAUDE_PRIV_H
#define WIRE_CLAUDE_PRIV_H

#include "wire/wire_priv.h"

/* Members of a line that are read. */
enum claude_field {
    CLAUDE_PARENT,
    CLAUDE_SIDECHAIN,
    CLAUDE_CWD,
    CLAUDE_SESSION,
    CLAUDE_VERSION,
    CLAUDE_BRANCH,
    CLAUDE_AGENT,
    CLAUDE_MESSAGE,
    CLAUDE_REQUEST,
    CLAUDE_TYPE,
    CLAUDE_SUBTYPE,
    CLAUDE_UUID,
    CLAUDE_TIMESTAMP,
    CLAUDE_RESULT,
    CLAUDE_COMPACT_SUMMARY,
    CLAUDE_COMPACT_METADATA,
    CLAUDE_API_ERROR,
    CLAUDE_COST,
    CLAUDE_ENTRYPOINT,
    CLAUDE_ERROR,
    CLAUDE_PR_URL,
    CLAUDE_COUNT,
};

/* One line, read. */
struct claude_record {
    struct json fields[CLAUDE_COUNT];
    struct session *session; /* valid until the next one is made */
    struct str agent;        /* interned; empty: the main one */
    int64_t time_ns;
};

/*
 * A `usage` object of the Messages API -> usage, tier and region of the step, whose strings are
 * borrowed from the node. input_tokens is what was not read from or written to a cache.
 *
 * Errors: ERR_RANGE  a figure is no count; the text names it.
 */
MUST_CHECK enum errc claude_usage(struct json node, struct step *step, struct err *err);

/*
 * The content of a message: steps of the tools it calls, the results it brings.
 *
 * caller  the step that says it, whose texts are kept; SIZE_MAX: the user.
 */
void claude_blocks(struct wire_decoder *decoder, const struct claude_record *record, size_t caller,
                   struct json content);

#endif
