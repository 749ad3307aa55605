/*
 * wire: the bytes of agent logs become rows of model/trace.h.
 *
 *   bytes of one file -> wire_feed() -> lines or one document -> decoder -> struct trace
 *
 * Pure: no I/O, no clock, no thread, no global. The bytes are untrusted: what is wrong is rejected
 * with its line and reason, and good lines around it are kept. Nothing is priced here, and rows of
 * several files are not deduplicated here: see wire_step_is_fuller(). What each format means is
 * told in docs/formats.md. Every decoder has a fuzzer in fuzz/.
 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "model/trace.h"

enum wire_format {
    WIRE_UNKNOWN,
    WIRE_CLAUDE_CODE,
    WIRE_CODEX,
    WIRE_GEMINI_CLI,
    WIRE_TAU2,
    WIRE_OTLP,
    WIRE_FORMAT_COUNT,
};

enum {
    WIRE_DETECT_BYTES_MAX = 64 << 10,
    WIRE_LINE_BYTES_MAX = 64 << 20,
    WIRE_DOCUMENT_BYTES_MAX = 256 << 20, /* formats that are one JSON document a file */
    WIRE_WINDOW_BYTES_MAX = 8 << 20,     /* how far a position may stay behind the end */
    WIRE_ID_BYTES_MAX = 512,             /* identities, sessions, models, tools */
};

/* "claude-code", "codex", "gemini-cli", "tau2", "otlp"; "unknown". Static storage. */
const char *wire_format_name(enum wire_format format);
/* WIRE_UNKNOWN when there is none of that name. */
enum wire_format wire_format_named(struct str name);

/*
 * Which format a file is.
 *
 * path  its name; ".gz" at its end is looked through. May be empty.
 * head  its first bytes, decompressed, at most WIRE_DETECT_BYTES_MAX are looked at.
 */
enum wire_format wire_detect(struct str path, struct str head);

/* Where the decoding of a file may start again once it has grown. All zero: at its beginning. */
struct wire_position {
    int64_t offset;   /* bytes, of a line's start */
    int64_t line;     /* lines before it */
    struct str state; /* what the decoder must know of them, JSON; empty: nothing */
};

struct correlation;

struct wire_options {
    enum wire_format format;
    struct str path;            /* of the file: ids where its content has none */
    struct arena *arena;        /* for rows and strings; outlives the decoder */
    struct json_parser *parser; /* used by this decoder alone while it lives. Its size_max bounds
                                 * a line, or the document */
    struct wire_position start; /* borrowed during creation */
    const struct correlation *correlation; /* rules for otlp, borrowed; NULL: none */
    int64_t bytes_expected; /* of what is to be fed, as far as is known; 0: it is not */
};

struct wire_decoder;

/*
 * Errors: ERR_SYNTAX  options.start.state is not what wire_position() gave.
 *         ERR_LIMIT   the arena is full.
 */
MUST_CHECK enum errc wire_decoder_create(struct wire_decoder **out,
                                         const struct wire_options *options, struct err *err);
void wire_decoder_destroy(struct wire_decoder **decoder);

/*
 * Take the next bytes of the file, cut anywhere.
 *
 * bytes     borrowed during the call.
 * readable  bytes that may be read (not used) from bytes.data, at least bytes.size. With
 *           JSON_PADDING more than that no line is copied but those cut by the pieces.
 *
 * Errors: ERR_LIMIT  the arena is full; the decoder takes nothing more.
 */
MUST_CHECK enum errc wire_feed(struct wire_decoder *decoder, struct str bytes, size_t readable,
                               struct err *err);

/*
 * The file ends here.
 *
 * may_grow  the file may be appended to: a last line without its newline and a call whose figures
 *           have not come yet are left for the next decoding. Else both are taken as they are.
 *
 * Errors: as wire_feed().
 */
MUST_CHECK enum errc wire_finish(struct wire_decoder *decoder, bool may_grow, struct err *err);

/* The rows so far; complete after wire_finish(). Owned by the arena. */
const struct trace *wire_trace(const struct wire_decoder *decoder);

/* Valid records of types that say nothing about work or money. */
int64_t wire_ignored(const struct wire_decoder *decoder);

/*
 * After wire_finish(): where to start when the file has grown. Lines of a unit that is not
 * complete (an answer whose usage may still grow, a tool call without its result) lie behind it,
 * at most WIRE_WINDOW_BYTES_MAX, and are read again: their rows come again and the fuller one
 * counts. Always the beginning for formats that are one document a file.
 *
 * Errors: ERR_LIMIT  the arena is full.
 */
MUST_CHECK enum errc wire_position(struct wire_decoder *decoder, struct wire_position *out,
                                   struct err *err);

/*
 * Of two rows with the same identity, whether `b` says more than `a` and replaces it: more tokens;
 * else, of the main agent rather than a sub-agent's copy; else, the same start followed further, to
 * a later end or a longer result. Whoever joins rows of several files or runs applies this, so that
 * the order of import does not matter but for ties, where the first stays.
 */
bool wire_step_is_fuller(const struct step *a, const struct step *b);

#endif
