/*
 * wire, for its own files: the decoder and what formats share.
 *
 * A full arena sets decoder->full and everything after it does nothing: helpers need no error
 * return of their own, and wire_feed() reports it once.
 */
#ifndef WIRE_WIRE_PRIV_H
#define WIRE_WIRE_PRIV_H

#include "base/fingerprint.h"
#include "base/text.h"
#include "wire/wire.h"

enum {
    WIRE_NOTE_BYTES_MAX = 160,
    WIRE_RAW_BYTES_MAX = 4096, /* of one usage object */
    WIRE_AGENTS_MAX = 32,      /* sub-agents whose last answer may still grow */
    WIRE_STATE_SESSIONS_MAX = 16,
    WIRE_FIELDS_MAX = 32,
    WIRE_TEXTS_MAX = 64, /* of one step; more are left out */
};

/* Text -> a row. Open addressing; the keys are owned by the arena. */
struct wire_slot {
    uint64_t hash; /* never 0 when taken */
    struct str key;
    size_t value;
};

struct wire_index {
    struct wire_slot *slots;
    size_t count;
    size_t capacity; /* a power of two, or 0 */
};

/* The row of `key`, or SIZE_MAX. */
size_t wire_index_find(const struct wire_index *index, struct str key);
/* `key` must not be there yet. False: the arena is full. */
bool wire_index_add(struct wire_index *index, struct arena *arena, struct str key, size_t value);

/* One session and what is known of it from its first lines. */
struct session {
    struct str id;
    struct str project;
    struct str branch;
    struct str version;
    struct str entrypoint;
    size_t attempt_index; /* SIZE_MAX until a row needs it */
};

/* What is kept beside a step while its file is read. */
struct step_extra {
    size_t unit;     /* that it keeps open; SIZE_MAX: none */
    struct str call; /* the id its result will name, where that is not its identity */
    bool awaits;     /* that result */
    size_t text;     /* row + 1 of its last text; 0: none */
    bool told;       /* Codex CLI: an event told how it ended */
    bool commits;    /* the command makes a commit */
    bool opens_pull; /* the command opens a pull request */
};

/* Lines that are read again when the file has grown, unless closed. */
struct unit {
    int64_t offset;
    int64_t line; /* lines before it */
    bool closed;
    const void *state; /* of the format before that line; owned by the arena */
};

struct codex;
struct otlp;
struct wire_decoder;

/* A format: one file with one of these, and a row in formats[] of wire.c. */
struct wire_ops {
    const char *name;
    const char *program; /* that took the attempts; NULL: the format says it itself */
    bool is_document;    /* whatever its path says */
    void (*record)(struct wire_decoder *decoder, struct json root);
    void (*document)(struct wire_decoder *decoder, struct json root);
    /* A document that does not begin as JSON does; NULL: it is not one of the format. */
    void (*binary)(struct wire_decoder *decoder, struct str bytes);
    void (*finish)(struct wire_decoder *decoder, bool may_grow);
    /* Format state in and out of a position. `state` NULL: as it is now. */
    void (*load)(struct wire_decoder *decoder, struct json state);
    void (*save)(struct wire_decoder *decoder, const void *state, struct text *out);
};

struct wire_decoder {
    const struct wire_ops *ops;
    struct arena *arena;
    struct json_parser *parser;
    struct str path; /* owned by the arena */
    struct str stem; /* its last component without extensions */
    bool is_document;
    bool full; /* the arena is */
    bool finished;

    struct text carry;          /* a line or document that is not whole yet */
    struct text scratch;        /* one record's */
    struct fingerprints prints; /* of the text being taken */
    bool skipping;              /* the rest of a line that is too long */
    int64_t skipped;            /* bytes of it */
    int64_t offset;             /* of the line being read */
    int64_t line;               /* its number, from 1 */
    struct str text;            /* its bytes */

    struct trace trace;
    int64_t ignored;
    struct wire_index steps;    /* by identity */
    struct wire_index strings;  /* interned */
    struct wire_index sessions; /* by id */
    struct wire_index outcomes; /* by id */
    struct {
        struct session *rows;
        size_t count;
        size_t capacity;
    } contexts;
    struct {
        struct step_extra *rows;
        size_t count;
        size_t capacity;
    } extras; /* one a step */
    struct {
        struct unit *rows;
        size_t count;
        size_t capacity;
    } units;
    size_t unit_first; /* units before it are closed */
    struct {           /* one a text: row + 1 of the one before it of its step; 0: none */
        size_t *rows;
        size_t count;
        size_t capacity;
    } texts_before;

    struct { /* the last answer of each agent */
        struct str agent;
        size_t step;
    } growing[WIRE_AGENTS_MAX];
    size_t growing_count;
    struct str compacted; /* uuid of the last compaction */
    struct str session;   /* Gemini CLI: case of the file */
    struct str agent;     /* Gemini CLI: sub-agent of the file; empty: the main one */
    struct codex *codex;
    struct otlp *otlp; /* owned */
    const struct correlation *correlation;
};

extern const struct wire_ops wire_claude_code;
extern const struct wire_ops wire_codex;
extern const struct wire_ops wire_gemini_cli;
extern const struct wire_ops wire_tau2;
extern const struct wire_ops wire_otlp;

/* wire_rows.c: rows of the trace */

/* Text owned by the arena: every time a copy, or one copy of all that are equal. */
struct str wire_copy(struct wire_decoder *decoder, struct str text);
struct str wire_intern(struct wire_decoder *decoder, struct str text);
struct str wire_format_copy(struct wire_decoder *decoder, const char *format, ...)
    PRINTF_LIKE(2, 3);
/* At most `size` bytes of `text`, one line, not cutting a character. */
struct str wire_shorten(struct wire_decoder *decoder, struct str text, size_t size);

/* Count a rejection and keep its reason: of the line being read, or 0: of the file. */
void wire_reject(struct wire_decoder *decoder, int64_t line, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* A case and an attempt of any kind; attributes with empty values are left out. */
size_t wire_case(struct wire_decoder *decoder, struct str id, struct str input_key,
                 const struct attribute *attributes, size_t count);
void wire_case_attributes(struct wire_decoder *decoder, size_t case_index,
                          const struct attribute *attributes, size_t count);
size_t wire_attempt_of(struct wire_decoder *decoder, size_t case_index, struct str id,
                       struct str agent);

/* "prefix" "id", in `buffer`; empty when too long. */
struct str wire_identity(char buffer[static WIRE_ID_BYTES_MAX], const char *prefix, struct str id);
/* The step of that identity, or SIZE_MAX. */
size_t wire_step_find(const struct wire_decoder *decoder, struct str identity);
/* A new step with that identity (copied), which must be new; SIZE_MAX: the arena is full. */
size_t wire_step_new(struct wire_decoder *decoder, size_t attempt_index, enum step_kind kind,
                     struct str identity);
struct step *wire_step(struct wire_decoder *decoder, size_t index);

/* From this line, or that place, on the file is read again until the unit is closed. */
size_t wire_unit_open(struct wire_decoder *decoder);
size_t wire_unit_open_at(struct wire_decoder *decoder, const struct unit *place);
void wire_unit_close(struct wire_decoder *decoder, size_t unit);
/* The step's unit. */
void wire_step_close(struct wire_decoder *decoder, size_t step);

/* An outcome candidate, unless that id was seen in this file. */
void wire_candidate(struct wire_decoder *decoder, struct str id, size_t attempt_index,
                    const char *source, struct str reference, int64_t effective_ns);

/* wire_reading.c */

/*
 * Take one reading of the call of that identity, and keep it when it is new or fuller.
 *
 * reading      its strings are borrowed, but for agent and note, which outlive the decoder.
 * out_is_kept  set to true when it is kept: its raw_usage is for the caller to set.
 *
 * Returns its step; SIZE_MAX: the arena is full.
 */
size_t wire_take_reading(struct wire_decoder *decoder, struct str identity,
                         const struct step *reading, bool *out_is_kept);

/* wire_sessions.c */

/* The session of that id, made when it is new; good until the next one is made. NULL: the arena is
 * full, or the id is empty or too long. */
struct session *wire_session(struct wire_decoder *decoder, struct str id);
/* Its attempt, made with its case when it is new. */
size_t wire_attempt(struct wire_decoder *decoder, struct session *session);
/* At the end of the file: attributes of the cases; `agent`, the program, and its version. */
void wire_sessions_complete(struct wire_decoder *decoder, const char *agent);
/* A member of a state, unless it is empty. */
void wire_save(struct text *out, const char *name, struct str value);
/* The member "sessions" of a state. */
void wire_sessions_load(struct wire_decoder *decoder, struct json state);
void wire_sessions_save(const struct wire_decoder *decoder, struct text *out);

/* wire_read.c: values */

/* "priority", "flex", "batch", "fast"; anything else is standard. */
enum service_tier wire_tier(struct str name);

/* Members of an object by name, in one pass; absent ones are absent. count <= WIRE_FIELDS_MAX. */
void wire_fields(struct json object, const struct str *names, size_t count, struct json *out);
/* TIME_UNKNOWN when it is none, or outside 1990..2100. */
int64_t wire_time(struct json node);
/* The end of what started then: TIME_UNKNOWN when it would lie before its start. */
int64_t wire_end(int64_t started_ns, int64_t ended_ns);
/* Nothing and null are 0. Errors: ERR_RANGE, neither; `name` tells which. */
MUST_CHECK enum errc wire_count(struct json node, const char *name, int64_t *out, struct err *err);
/* A member's object as it stands in the line, or minified; owned by the arena. */
struct str wire_raw(struct wire_decoder *decoder, struct str name, struct json node, int64_t input,
                    int64_t output);
/* Compact JSON in the scratch text; good until its next use. */
struct str wire_minify(struct wire_decoder *decoder, struct json node);
/* Exact picodollars of a figure that is a JSON number; false when it is none, or not positive. */
bool wire_money(struct json node, int64_t *out_pusd);
/* The last component of a path in either style. */
struct str wire_last_component(struct str path);
/* Text in a string, or in an array of {"text": "..."}: its bytes, and its beginning. */
struct str wire_content(struct json node, int64_t *out_bytes);
bool wire_starts_with(struct str text, const char *prefix);
bool wire_contains(struct str text, const char *needle);

/* wire_tools.c: what tools do */

/* By the tool's name; `shell` tools by their command. */
enum step_effect wire_effect(struct str tool);
/* Name and arguments -> hash and size in the step: arguments that are text, or JSON, whose size is
 * that of compact JSON before anything is escaped. */
void wire_arguments(struct step *step, struct str arguments);
/* prints  takes their texts; NULL: nobody asks. */
void wire_arguments_json(struct step *step, struct json arguments, struct fingerprints *prints);
/* Effect, commit and pull request of a shell command -> the step and its extra. */
void wire_command(struct wire_decoder *decoder, size_t step, struct str command);
/* Outcome candidates of a command that went well. `output` is borrowed. */
void wire_command_result(struct wire_decoder *decoder, size_t step, struct str output);

/* wire_texts.c: what is kept of texts */

/* A text of a step, from its pieces: between the two, fingerprints_add(&decoder->prints, piece). */
void wire_text_begin(struct wire_decoder *decoder);
/* step  SIZE_MAX: wire_texts_join() will say. */
void wire_text_end(struct wire_decoder *decoder, size_t step, enum text_role role);
/* A whole text; one in a string or in an array of {"text": "..."}. */
void wire_text(struct wire_decoder *decoder, size_t step, enum text_role role, struct str text);
void wire_text_content(struct wire_decoder *decoder, size_t step, enum text_role role,
                       struct json content);
/* Texts from row `first` on that have no step yet are of this one. */
void wire_texts_join(struct wire_decoder *decoder, size_t first, size_t step);

/* wire_shell.c: a shell command line, without running it */

struct shell {
    enum step_effect effect; /* EFFECT_READ only when every command in it only reads */
    bool commits;            /* git commit */
    bool opens_pull;         /* gh pr create, glab mr create */
};

struct shell wire_shell(struct str command);

/* wire_lines.c */

void wire_lines_feed(struct wire_decoder *decoder, struct str bytes, size_t readable);
void wire_lines_finish(struct wire_decoder *decoder, bool may_grow);

#endif
