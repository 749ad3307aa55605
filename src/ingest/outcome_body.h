/*
 * ingest/outcome_body: outcomes as other programs send them -> struct trace.
 *
 *     {…} | [{…}, …] | one {…} a line  --names and values of `outcome import`-->  outcomes
 *                                                                            \--> rejects
 *
 * Pure. What is good of a body is kept, what is wrong is told with its place, its field and how to
 * mend it. The same body received at the same time gives the same rows. docs/api.md is the manual.
 */
#ifndef INGEST_OUTCOME_BODY_H
#define INGEST_OUTCOME_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "model/trace.h"

enum {
    OUTCOME_BODY_ROWS_MAX = 100000,
    OUTCOME_BODY_REJECTS_MAX = 1000, /* told one by one */
    OUTCOME_BODY_IGNORED_MAX = 20,
};

struct outcome_body {
    struct str text;
    struct str workflow; /* of rows that name none; empty: they must name one */
    bool is_lines;       /* JSONL; otherwise one JSON object or an array of them */
    int64_t received_ns;
};

/* A row that was not taken. */
struct outcome_reject {
    int64_t index;    /* of the row, from 0 */
    int64_t line;     /* from 1; 0: the body is not of lines */
    struct str field; /* as the sender calls it; empty: the whole row */
    struct str found; /* the beginning of it, as JSON or text; empty: nothing was there */
    struct str reason;
};

struct outcome_rows {
    struct trace trace;                           /* outcomes, and cases that have an input_key */
    int64_t count;                                /* rows of the body */
    int64_t rejected;                             /* of them */
    TRACE_ROWS(outcome_reject) rejects;           /* the first OUTCOME_BODY_REJECTS_MAX */
    struct str ignored[OUTCOME_BODY_IGNORED_MAX]; /* names that mean nothing here, each once */
    size_t ignored_count;
};

/*
 * Read a body.
 *
 * arena  owns what is in `out`.
 *
 * Errors: ERR_SYNTAX  the body as a whole is not JSON, or holds no row.
 *         ERR_LIMIT   more than OUTCOME_BODY_ROWS_MAX rows, or the arena is full.
 */
MUST_CHECK enum errc ingest_outcome_body(const struct outcome_body *body, struct arena *arena,
                                         struct outcome_rows *out, struct err *err);

/* The name of a field and what is written in it, for descriptions; false behind the last. */
struct outcome_field {
    const char *name;
    const char *type; /* "text", "status", "money", "time", "minutes", "number" */
    bool is_wanted;
    bool is_alias; /* of the one before it */
};
bool ingest_outcome_field(size_t place, struct outcome_field *out);

#endif
