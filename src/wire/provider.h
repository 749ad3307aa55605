/*
 * wire/provider: what is asked of a model provider and what its reply used, as seen in passing.
 *
 *     request body --provider_request_read--> struct provider_request   and how much it can cost
 *     reply body   --provider_reply_read----> struct provider_reply     what it did cost
 *     reply events --provider_reply_event---> the same, growing
 *
 * OpenAI (chat completions, responses, embeddings) and Anthropic (messages), and what speaks like
 * them. Pure: nothing is kept but in the caller's structs, which allocate nothing but `raw`.
 *
 * Source: API references of OpenAI and Anthropic, by the types of their SDKs (openai 6.49.0,
 * @anthropic-ai/sdk 1.12.0); docs/gateway.md.
 */
#ifndef WIRE_PROVIDER_H
#define WIRE_PROVIDER_H

#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"
#include "model/trace.h"
#include "wire/provider_seen.h"
#include "wire/sse.h"

enum provider_dialect { PROVIDER_OPENAI, PROVIDER_ANTHROPIC, PROVIDER_DIALECT_COUNT };

enum provider_api {
    PROVIDER_CHAT,
    PROVIDER_COMPLETIONS, /* the older ones, of a prompt */
    PROVIDER_RESPONSES,
    PROVIDER_EMBEDDINGS,
    PROVIDER_MESSAGES,
    PROVIDER_FREE, /* no model works: counting tokens, keeping files and conversations */
    PROVIDER_MODELS,
    PROVIDER_OTHER, /* passed through; metered where a usage block is found */
    PROVIDER_API_COUNT,
};

enum {
    PROVIDER_NAME_BYTES_MAX = 160, /* of a model, an id, a type of error; longer ones are cut */
    PROVIDER_RAW_BYTES_MAX = 2048, /* of a usage block */
    /* Tokens a provider adds to what the body holds: the prompt that tells of tools, the frame of
     * a conversation. Anthropic states 264 to 813 by model and choice of tool. */
    PROVIDER_INPUT_EXTRA_TOKENS = 1024,
    /* And for each tool that it defines itself: 735 for a computer, 700 for an editor of texts. */
    PROVIDER_TOOL_TOKENS = 1024,
    PROVIDER_CHOICES_MAX = 128,
    PROVIDER_PROMPTS_MAX = 2048,
    PROVIDER_COMPLETION_TOKENS = 16, /* of a choice, where a prompt's request does not say */
};

struct provider_text {
    char bytes[PROVIDER_NAME_BYTES_MAX];
    size_t size;
};
struct str provider_text_str(const struct provider_text *text);

/* By the path behind the base URL: "/chat/completions", "/messages/count_tokens". Written with %XX,
 * with capitals or with a '/' at its end it is the same, as some servers take it so. */
enum provider_api provider_api_of(enum provider_dialect dialect, struct str path);
/* Whether such a path begins work that is done later, at a cost that no reply tells: a batch, a
 * training, the run of an assistant over what is kept at the provider. */
bool provider_is_job(struct str path);

/* Borrowed from the document that was parsed. */
struct provider_request {
    struct str model;
    bool is_stream;
    bool asks_usage; /* of a stream: whether the client wants the chunk with the usage */
    /* Members that bound the output, those of the body; NULL: none. An upstream may go by either.
     */
    const char *output_names[3];
    int64_t output_max;       /* tokens of one choice; -1: not bounded by the client */
    bool is_output_unsure;    /* the upstream may go by a member that is not there */
    int64_t choices;          /* 1.., those of each prompt together */
    int64_t input_tokens_max; /* a token is at least a byte of text */
    uint32_t input_classes;   /* bit per usage class beside text and its caches */
    bool output_audio;
    int64_t web_searches_max; /* that the request allows; -1: not bounded; 0: none */
    struct str geo;           /* where it is to be served; empty: where the provider likes */
    bool is_background;       /* the reply comes before the work is done */
    const char *unbounded;    /* what in it may make more input than its bytes; NULL: nothing */
    enum service_tier tier;   /* dearest it allows */
    bool is_open_tier;        /* it leaves the tier to what the provider has agreed on */
    struct str user;          /* "user", or "user_id" of Anthropic's metadata */
    struct json metadata;     /* absent, or an object */
};

/*
 * Read what a request asks for.
 *
 * body  as sent, its size is what bounds the input; `root` is the same, parsed.
 *
 * Errors: ERR_SYNTAX  no object; a member that counts for the price is there twice.
 *         ERR_RANGE   a limit of tokens or choices that is no count.
 */
MUST_CHECK enum errc provider_request_read(enum provider_api api, struct str body, struct json root,
                                           struct provider_request *out, struct err *err);

/* What a path of Gemini's does: "/models/NAME:generateContent". */
enum provider_method {
    PROVIDER_METHOD_NONE, /* it is none */
    PROVIDER_METHOD_GENERATE,
    PROVIDER_METHOD_COUNT, /* tokens, which costs nothing */
    PROVIDER_METHOD_LATER, /* the reply comes before the work is done, and tells no cost */
    PROVIDER_METHOD_OTHER,
};

/* out_model  that such a path names, whatever the body says; empty: it cannot be told. Borrowed. */
enum provider_method provider_method_of(struct str path, struct str *out_model);

/* About how many tokens its input is: an estimate, where the reply does not tell. In bounded time:
 * of many texts stretches are counted, of very many values the first ones.
 *
 * body_bytes  of the body that `root` was parsed from. */
int64_t provider_request_tokens(enum provider_api api, enum tokens_encoding encoding,
                                struct json root, size_t body_bytes);

enum provider_figure {
    FIGURE_INPUT,
    FIGURE_OUTPUT,
    FIGURE_CACHE_READ,
    FIGURE_CACHE_WRITE,
    FIGURE_CACHE_WRITE_5M,
    FIGURE_CACHE_WRITE_1H,
    FIGURE_REASONING,
    FIGURE_INPUT_AUDIO,
    FIGURE_OUTPUT_AUDIO,
    FIGURE_INPUT_IMAGE,
    FIGURE_WEB_SEARCHES,
    FIGURE_TOTAL,
    FIGURE_COUNT,
};

struct provider_reply {
    struct provider_text id;
    struct provider_text model; /* that answered */
    struct provider_text error; /* type of the error the reply tells of; empty: none */
    struct provider_text region;
    bool has_tier;
    enum service_tier tier; /* as served */
    bool is_whole;          /* a stream's last event came, or the body is one */
    bool is_pending;        /* the work goes on behind the reply */
    bool has_usage;
    bool is_conflicting; /* parts exceed their whole; they were cut to it */
    struct usage usage;
    int64_t figures[FIGURE_COUNT]; /* as told; a later telling replaces an earlier one */
    uint32_t told;                 /* bit per figure */
    int64_t web_searches_seen;     /* calls of the tool in the output */
    bool is_grounded;              /* in searches that the usage does not count, as Gemini's */
    int64_t output_bytes;          /* of texts and arguments seen */
    struct provider_seen *seen;    /* keeps those; borrowed; NULL: nobody asks */
    struct text *raw; /* borrowed: takes the last usage block as compact JSON, empty where there is
                       * none or it is too large; NULL: nobody wants it */
};

/* Whether the usage tells of all that is charged: of APIs whose replies do, both what went in and
 * what came out. */
bool provider_usage_is_full(enum provider_api api, const struct provider_reply *reply);

/* A reply that is one JSON document. What is not understood leaves its figure untold. */
void provider_reply_read(enum provider_api api, struct json root, struct provider_reply *io);

/* What a body to PROVIDER_METHOD_GENERATE asks for, over what provider_request_read() found. */
void provider_gemini_request(struct json root, struct provider_request *io);
/* For provider_reply_read(): usageMetadata as figures; false: it is none. */
bool provider_gemini_figures(struct json usage, struct provider_reply *io);

/* Whether searches of the provider are behind a reply of Gemini's. */
bool provider_gemini_is_grounded(struct json root);

/*
 * One event of a stream. Returns whether it is the one that only carries the usage, which a client
 * that did not ask for it must not get.
 */
bool provider_reply_event(enum provider_api api, const struct sse_event *event,
                          struct json_parser *parser, struct provider_reply *io);

#endif
