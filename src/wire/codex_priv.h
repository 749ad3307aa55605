/* wire, Codex CLI: what its two files share. */
#ifndef WIRE_CODEX_PRIV_H
#define WIRE_CODEX_PRIV_H

#include "wire/wire_priv.h"

enum codex_total { T_INPUT, T_CACHED, T_WRITTEN, T_OUTPUT, T_REASONING, T_TOTAL, T_COUNT };

/* What earlier lines say about the next ones. Plain data: a unit keeps a copy. */
struct codex {
    bool has_meta;
    struct str thread;  /* of this file */
    struct str session; /* the case: the thread, or the one it was spawned from */
    struct str agent;   /* the thread when it was spawned; empty: the main agent */
    struct str provider;
    struct str model;
    enum service_tier tier;

    /* A spawned or forked file opens with its ancestor's lines, all stamped as they are copied. */
    bool replaying;
    int64_t replayed_ns; /* stamp of the last of them */

    bool has_totals;
    int64_t totals[T_COUNT]; /* of the session so far */
    int64_t last[T_COUNT];   /* of the last call, where there are no totals */

    /* The response being written: its items, until its token_count. */
    bool in_response;
    bool answered; /* tools or the user spoke since: the next item starts another response */
    struct unit place;
    size_t unit;
    size_t step_first; /* its tool steps come at or after it */
    size_t text_first; /* and its texts */
    int64_t searches;
    int64_t line;
    int64_t started_ns;
    int64_t ended_ns;
};

/* A response_item, or what came in its place before there was an envelope. */
void codex_item(struct wire_decoder *decoder, struct json item, int64_t time_ns);
/* The event that tells how a tool call ended. */
void codex_tool_end(struct wire_decoder *decoder, struct json event, int64_t time_ns);

/* The response is over. NULL: without its usage. */
void codex_end_response(struct wire_decoder *decoder, struct step *call, enum step_status status);
size_t codex_attempt(struct wire_decoder *decoder);

/* codex_state.c */

extern const char *const codex_total_names[T_COUNT];
/* The decoder's, made when it is not there yet. NULL: the arena is full. */
struct codex *codex_of(struct wire_decoder *decoder);
/* The figures of one object, absent ones 0. Errors: ERR_RANGE, one is no count. */
MUST_CHECK enum errc codex_totals(struct json node, const char *name, int64_t out[static T_COUNT],
                                  struct err *err);
void codex_load(struct wire_decoder *decoder, struct json state);
void codex_save(struct wire_decoder *decoder, const void *state, struct text *out);

#endif
