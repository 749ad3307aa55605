/*
 * model/trace: what a decoder found in some bytes: cases, attempts, steps, outcomes, rejects.
 *
 * Rows refer to each other by index within one batch: a step to its attempt, an attempt to its
 * case. Strings are owned by the batch's arena. Nothing here is priced or deduplicated yet.
 */
#ifndef MODEL_TRACE_H
#define MODEL_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "model/usage.h"

enum step_kind {
    STEP_LLM,
    STEP_TOOL,
    STEP_RETRIEVAL,
    STEP_DECISION,
    STEP_HUMAN,
    STEP_GUARD,
    STEP_AGENT,
    STEP_KIND_COUNT,
};

enum step_status { STATUS_OK, STATUS_ERROR, STATUS_REJECTED, STATUS_INTERRUPTED, STATUS_COUNT };
/* REJECTED: a person refused the step; INTERRUPTED: a person or a crash stopped it. */

enum step_effect { EFFECT_UNKNOWN, EFFECT_READ, EFFECT_WRITE, EFFECT_COUNT };

enum outcome_status {
    OUTCOME_RESOLVED,
    OUTCOME_FAILED,
    OUTCOME_REOPENED,
    OUTCOME_ESCALATED,
    OUTCOME_CANDIDATE, /* a commit or pull request seen in a session: evidence, no outcome yet */
    OUTCOME_STATUS_COUNT,
};

/* Where a figure came from, dearest evidence first: counting once keeps the first of these. */
enum channel {
    CHANNEL_GATEWAY,
    CHANNEL_PROVIDER_EXPORT,
    CHANNEL_SPAN,
    CHANNEL_LOG_EVENT,
    CHANNEL_SESSION_LOG,
    CHANNEL_TABLE,
    CHANNEL_METRIC,
    CHANNEL_COUNT,
};

#define TIME_UNKNOWN INT64_MIN /* in any *_ns field */

/* What tells a step's case, by an enum told_by of two bits each. */
enum told {
    TOLD_WORKFLOW,
    TOLD_HINT = 2, /* a workflow, where nothing better names it */
    TOLD_CASE = 4,
    TOLD_ATTEMPT = 6,
    TOLD_SESSION = 8,
    TOLD_TAUGHT = 1 << 10, /* says of its trace all that the spans of its batch do, who agree */
    TOLD_LOOSE = 1 << 11,  /* other spans of its trace may know better; never taught as well */
    /* By the call itself, as the gateway saw it: its key, its fields. Goes before any span. */
    TOLD_AT_CALL_WORKFLOW = 1 << 12,
    TOLD_AT_CALL_CASE = 1 << 13,
    TOLD_AT_CALL_ATTEMPT = 1 << 14,
};
/* From the weakest on. By source: by what sent it, a resource or the headers of a request. By
 * spans: its own or others of the trace; or the key it came with, which goes before them. */
enum told_by { TOLD_BY_NOTHING, TOLD_BY_RULE, TOLD_BY_SOURCE, TOLD_BY_SPANS };
static inline enum told_by told_level(int64_t told, enum told fact)
{
    return (enum told_by)(told >> fact & 3);
}

/* Figures of a meter, in the order of struct meter's. */
#define METER_FIGURES(X)                                                                           \
    X(input)                                                                                       \
    X(input_audio)                                                                                 \
    X(input_image)                                                                                 \
    X(output)                                                                                      \
    X(output_audio)                                                                                \
    X(cache_read)                                                                                  \
    X(cache_write)                                                                                 \
    X(reasoning)                                                                                   \
    X(thoughts)                                                                                    \
    X(tool)

/* One reading of a sum of calls; what it is of is its step's. */
struct meter {
    uint64_t series; /* without the window */
    bool is_cumulative;
    bool is_exclusive;  /* its input leaves out the caches */
    struct str session; /* empty: none */
    int64_t started_ns; /* TIME_UNKNOWN: not told */
    int64_t ended_ns;
#define X(name) int64_t name; /* tokens; -1: not told */
    METER_FIGURES(X)
#undef X
    int64_t reported_pusd; /* -1: not told */
};

struct attribute {
    struct str name;
    struct str value;
};

struct trace_case {
    struct str workflow;  /* empty: unattributed, or what the import's --workflow says */
    struct str program;   /* coding agent that stands in where neither names one; empty: none */
    struct str id;        /* never empty */
    struct str input_key; /* empty: none. Cases with the same key are replicates */
    bool is_session;      /* named by its session or trace, not by the work itself */
    const struct attribute *attributes;
    size_t attribute_count;
};

struct attempt {
    size_t case_index;
    struct str id;      /* of the session, trace or trial; unique within the case */
    int64_t number;     /* from 1, as the source says; 0: by time order */
    struct str agent;   /* program and version: "claude-code 2.1.4" */
    bool has_succeeded; /* whether `succeeded` is known */
    bool succeeded;
};

enum decider { DECIDER_UNKNOWN, DECIDER_AGENT, DECIDER_HUMAN, DECIDER_RULE, DECIDER_COUNT };

/* A recorded choice: what was decided, by whom, why. Empty texts: not said. */
struct decision {
    struct str kind; /* "refund", "approval" */
    struct str choice;
    enum decider by;
    struct str rule; /* or policy, or exception */
    struct str reason;
    struct str overrides;  /* what it overrides */
    struct str precedents; /* cases */
    struct str evidence;
};

struct step {
    size_t attempt_index;
    enum step_kind kind;
    enum step_status status;
    enum step_effect effect;
    struct str identity; /* what makes it the same step wherever it is seen again: "msg_01…".
                          * Empty: the attempt, `sequence` and `name` identify it */
    struct str alias;    /* another name of it, which other channels may use; empty: none */
    struct str caller;   /* identity of the llm step that issued this one; empty: none */
    struct str agent;    /* sub-agent that took it; empty: the main one */
    struct str name;     /* of the tool; of the span */
    int64_t sequence;    /* order within the attempt, by source line or message index */
    int64_t line;        /* in its file, from 1; 0: none */
    int64_t started_ns;  /* TIME_UNKNOWN when not known */
    int64_t ended_ns;
    bool has_channel; /* whether `channel` told it, rather than what the import says */
    enum channel channel;
    struct meter *meter; /* it is a sum of calls that may be told one by one elsewhere: a check on
                          * those where they are, spend where they are not; NULL: it is none */
    struct str nameless; /* another channel may tell the call without any name they share: in which
                          * session; empty: its identity does */
    uint64_t trace_key;  /* of the trace it is told in; 0: none */
    uint64_t sender;     /* of the program that tells it; 0: not known */
    int told;            /* bits of enum told */

    /* llm */
    struct str provider; /* "anthropic"; empty: by the model's name */
    struct str model;    /* the provider's own name */
    struct usage usage;
    bool has_usage;       /* false: a call whose usage nobody reported; it stays unpriced */
    struct str raw_usage; /* the figures as they came, JSON */
    enum service_tier tier;
    struct str region;

    /* money and people */
    bool has_price; /* of an llm step: it was priced when it was made, and that stands */
    int64_t priced_pusd;
    uint64_t price_id;
    bool is_estimated;     /* the usage, or a part of it, is not the provider's */
    bool has_reported;     /* whether the source itself gives a cost */
    int64_t reported_pusd; /* of an llm step: what the source says it cost; of others: the fee */
    bool is_unpriceable;   /* the source calls its figure no cost: ask no price book either */
    int64_t human_ms;      /* a person's working time */

    /* tools and retrieval */
    uint64_t args_hash; /* of name and arguments; 0: none */
    int64_t args_bytes;
    int64_t result_bytes;            /* bytes handed back to the model */
    const struct decision *decision; /* owned by the batch's arena; NULL: none was recorded */
    struct str note;                 /* short: error type, commit, command; for people */
};

struct outcome {
    struct str id; /* empty: made from workflow, case, status and time */
    struct str workflow;
    struct str program; /* as the case's */
    struct str case_id;
    enum outcome_status status;
    int64_t effective_ns; /* TIME_UNKNOWN: after the last step of the case */
    int64_t recorded_ns;  /* when it became known; TIME_UNKNOWN: at import */
    int64_t received_ns;  /* when it came in, which stands in for that; 0: with the import */
    bool has_value;
    int64_t value_pusd;
    int64_t human_ms;
    bool has_quality;
    double quality; /* 0..1 */
    struct str source;
    struct str reference; /* commit, pull request, ticket */
    int64_t line;
};

/* One dated value of a business figure: tickets per agent, cycle time. */
struct kpi {
    struct str workflow; /* empty: of the whole company */
    struct str name;
    struct str unit;
    struct str series; /* empty: the figure itself; else of which control group */
    int64_t at_ns;
    double value;
    int64_t line;
};

/* What a text is to its step: handed to the model by a tool, or written by the model. */
enum text_role { TEXT_RESULT, TEXT_USE, TEXT_ROLE_COUNT };

/* Of base/fingerprint.h, in no order. */
struct fingerprint_list {
    const uint32_t *rows;
    size_t count;
};

/* A text of a step, of which only fingerprints are kept. A step may have several. */
struct trace_text {
    size_t step_index; /* SIZE_MAX: of a step that was not taken */
    enum text_role role;
    uint64_t hash;                  /* of the fingerprints; a step has no two of the same text */
    struct fingerprint_list prints; /* none: shorter than a run of words */
};

/* Something that was not taken, and why. */
struct reject {
    int64_t line; /* from 1; 0: the whole file */
    struct str reason;
};

/* Growing arrays in an arena: arena_push(arena, &batch->steps). */
#define TRACE_ROWS(type)                                                                           \
    struct {                                                                                       \
        struct type *rows;                                                                         \
        size_t count;                                                                              \
        size_t capacity;                                                                           \
    }

/* What the spans of a trace say of whose work it is. Empty: nothing; empty, but not NULL: they do
 * not agree. */
struct trace_fact {
    uint64_t trace_key;
    bool is_by_rule; /* what rules make of what they say, which goes behind it */
    bool is_taught;  /* by each of its steps that is TOLD_TAUGHT */
    struct str workflow;
    struct str hint;
    struct str case_id;
    struct str attempt_id;
    struct str session;
    struct str input_key;
};

struct trace {
    TRACE_ROWS(trace_case) cases;
    TRACE_ROWS(attempt) attempts;
    TRACE_ROWS(step) steps;
    TRACE_ROWS(trace_text) texts;
    TRACE_ROWS(outcome) outcomes;
    TRACE_ROWS(kpi) kpis;
    TRACE_ROWS(trace_fact) facts;
    TRACE_ROWS(reject) rejects; /* the first TRACE_REJECTS_MAX */
    int64_t rejected;           /* all of them */
    int64_t lines;              /* read */
};

enum { TRACE_REJECTS_MAX = 1000 };

#endif
