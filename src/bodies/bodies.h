/*
 * bodies: what was asked of a model and what it answered, kept where a workflow asks for it, with
 * what its rules name taken out.
 *
 *     request, answer --bodies_offer--> queue --one thread: redact, cut--> store/body_log
 *
 * Nothing is kept but by a policy, which is compiled once and immutable. What cannot be read or
 * redacted is not kept, and the record says so. Whoever offers never waits: where the queue is full
 * the bodies are dropped, and counted. docs/bodies.md is its manual.
 */
#ifndef BODIES_BODIES_H
#define BODIES_BODIES_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/regex.h"
#include "base/text.h"
#include "store/body_log.h"
#include "wire/provider.h"

enum {
    BODIES_RULES_MAX = 64,
    BODIES_DAYS_MAX = 3650,
    BODIES_KIB_MAX = 4096,
    BODIES_KIB_DEFAULT = 256,
    BODIES_MEMBER_PARTS_MAX = 8,
    BODIES_ANSWER_BYTES_MAX = 8 << 20, /* of a stream; a longer one is not kept */
    BODIES_QUEUE_BYTES_MAX = 32 << 20, /* taken and not redacted yet */
    BODIES_QUEUE_JOBS_MAX = 4096,
    BODIES_REDACT_MS_MAX = 5000, /* of one call; then its bodies are withheld */
    BODIES_REQUEST_BYTES_MAX = 16 << 20,
};

#define BODIES_STORED_BYTES_DEFAULT (INT64_C(10) << 30)

/* ---- policies */

/* Rules that have a name. */
enum bodies_named {
    BODIES_EMAIL,
    BODIES_PHONE,
    BODIES_CARD,
    BODIES_IBAN,
    BODIES_IP,
    BODIES_SECRET,
    BODIES_NAMED_COUNT,
};
extern const char *const bodies_named_words[BODIES_NAMED_COUNT + 1]; /* ends with NULL */

enum bodies_rule_kind { BODIES_RULE_NAMED, BODIES_RULE_PATTERN, BODIES_RULE_MEMBER };

struct bodies_rule {
    enum bodies_rule_kind kind;
    enum bodies_named named;
    const struct regex *regex;                 /* NULL: a member, or found by hand */
    struct str with;                           /* what stands in the place of what was found */
    struct str parts[BODIES_MEMBER_PARTS_MAX]; /* of a member: "user.name" */
    size_t part_count;
};

struct bodies_policy {
    int64_t days;
    int64_t kib; /* of the request, and of the answer */
    const struct bodies_rule *rules;
    size_t rule_count; /* 0: what is kept is kept as it is */
};

/*
 * Fill one rule; what it borrows is owned by the arena or the caller's text.
 *
 * Errors: ERR_SYNTAX, ERR_LIMIT  of the pattern or the member.
 */
MUST_CHECK enum errc bodies_rule_named(enum bodies_named named, struct arena *arena,
                                       struct bodies_rule *out, struct err *err);
MUST_CHECK enum errc bodies_rule_pattern(struct str pattern, struct str with, struct arena *arena,
                                         struct bodies_rule *out, struct err *err);
MUST_CHECK enum errc bodies_rule_member(struct str member, struct str with, struct bodies_rule *out,
                                        struct err *err);

/* ---- redaction: pure */

struct bodies_redactor;

void bodies_redactor_create(struct bodies_redactor **out);
void bodies_redactor_destroy(struct bodies_redactor **redactor);

/* Whether it takes too long by now; asked between two strings. NULL: never. */
struct bodies_patience {
    bool (*is_over)(void *context);
    void *context;
};

struct bodies_redacted {
    bool is_cut;     /* more than the policy's size was there */
    int64_t removed; /* places where something was taken out */
};

/*
 * A JSON document without what the rules name, as compact JSON.
 *
 * is_broken  the document was assembled from a stream that broke off: values of members whose names
 *            end in "_so_far" may end within something that a rule names.
 * out        cleared first; its limit is above the policy's size.
 *
 * Errors: ERR_SYNTAX, ERR_LIMIT  of the JSON; a pattern that needs too many steps, or time. Then
 *         nothing of the document may be kept.
 */
MUST_CHECK enum errc bodies_redact(struct bodies_redactor *redactor,
                                   const struct bodies_policy *policy, struct str json,
                                   bool is_broken, const struct bodies_patience *patience,
                                   struct text *out, struct bodies_redacted *result,
                                   struct err *err);

/*
 * The events of a stream as one document: {"streamed": true, "parts": […], "stop": …}. What each
 * part is: docs/bodies.md.
 *
 * out_whole  the stream came to its end; otherwise the parts that were open are "…_so_far".
 *
 * Errors: ERR_UNSUPPORTED  not an API whose events are known. ERR_LIMIT  too many parts, an event
 *         too large. ERR_SYNTAX  an event that is no JSON.
 */
MUST_CHECK enum errc bodies_assemble(enum provider_api api, struct str events, struct text *out,
                                     bool *out_whole, struct err *err);

/* ---- the keeper */

struct bodies_keeper;

/* What is known of an answer. */
enum bodies_answer {
    BODIES_ANSWER_NONE,   /* there was none */
    BODIES_ANSWER_JSON,   /* one document */
    BODIES_ANSWER_EVENTS, /* a stream of events */
    BODIES_ANSWER_OTHER,  /* neither: not kept */
    BODIES_ANSWER_LOST,   /* too large, or not to be read: not kept */
};

/* All borrowed during the call. */
struct bodies_call {
    const struct bodies_policy *policy; /* until `released` is called */
    void (*released)(void *context);    /* from the keeper's thread, or at once; may be NULL */
    void *context;
    struct str identity; /* of the step in the ledger */
    struct str request_id;
    struct str workflow;
    struct str case_id;
    enum provider_api api;
    int64_t at_ns;
    int status;     /* of the answer; 0: there was none */
    bool is_broken; /* the answer did not come to its end */
    struct str request;
    enum bodies_answer answer_kind;
    struct str answer;
};

struct bodies_counts {
    int64_t kept;     /* records with a body */
    int64_t withheld; /* bodies that could not be read or redacted */
    int64_t dropped;  /* records whose bodies the queue had no room for */
    int64_t failed;   /* records the disk did not take */
    int64_t waiting;
    int64_t waiting_bytes;
    int64_t stored_bytes; /* of the files */
};

struct bodies_settings {
    struct str home;                               /* borrowed during the call */
    void (*tell)(void *context, const char *text); /* something an operator should see; or NULL */
    void *context;
};

/* Starts the thread; the folder is made with the first body. */
void bodies_keeper_create(const struct bodies_settings *settings, struct bodies_keeper **out);
/* Writes what waits, then ends. */
void bodies_keeper_destroy(struct bodies_keeper **keeper);
/* Copies and returns at once, from any thread. */
void bodies_offer(struct bodies_keeper *keeper, const struct bodies_call *call);
/* Until what was offered before is written. */
void bodies_drain(struct bodies_keeper *keeper);
struct bodies_counts bodies_counts(struct bodies_keeper *keeper);
/* Of all files together; what comes beyond is not kept. From any thread. */
void bodies_set_limit(struct bodies_keeper *keeper, int64_t bytes_max);

/* body_log_erase() beside the keeper's own writing, behind what was offered before. */
MUST_CHECK enum errc bodies_erase(struct bodies_keeper *keeper,
                                  const struct body_log_choice *choice, struct body_log_erased *out,
                                  struct err *err);

#endif
