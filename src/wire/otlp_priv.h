/*
 * otlp, for its own files.
 *
 *   otlp_protobuf.c, otlp_json.c  bytes -> struct otlp_record, one at a time
 *   otlp_keys.c                   its attributes -> roles
 *   otlp_span.c _event.c _metric.c  the record -> a step, an outcome, or nothing
 *   otlp_usage.c                  its figures -> disjoint classes
 *   otlp_case.c                   at the end: whose steps they are
 *
 * Rows are made with the helpers of wire_priv.h: a full arena sets rows->full, and everything after
 * it does nothing.
 */
#ifndef WIRE_OTLP_PRIV_H
#define WIRE_OTLP_PRIV_H

#include "base/json.h"
#include "wire/correlation.h"
#include "wire/otlp.h"
#include "wire/wire_priv.h"

enum {
    OTLP_TRACE_HEX = 32,
    OTLP_SPAN_HEX = 16,
    OTLP_ANCESTORS_MAX = 64, /* looked at for whose step it is */
    OTLP_FACT_ATTRIBUTES_MAX = 24,
    OTLP_CASE_ATTRIBUTES_MAX = 32,
    OTLP_METER_PARTS = 7,
    OTLP_METER_MODALITIES = 4,
    OTLP_DETAILS_BYTES_MAX = 64 << 10, /* JSON in an attribute */
};

/* Which program's words the record uses: bits. */
enum otlp_dialect {
    OTLP_DIALECT_CLAUDE = 1,
    OTLP_DIALECT_CODEX = 2,
    OTLP_DIALECT_GEMINI = 4,
    OTLP_DIALECT_ANY = 8,
};

enum otlp_type { OTLP_NONE, OTLP_TEXT, OTLP_BOOL, OTLP_INT, OTLP_DOUBLE, OTLP_BYTES, OTLP_LIST };

struct otlp_value {
    enum otlp_type type;
    struct str text; /* of OTLP_TEXT and OTLP_BYTES; of a list, its first text */
    int64_t integer; /* of OTLP_INT; of OTLP_BOOL 0 or 1 */
    double number;   /* of OTLP_DOUBLE */
};

struct otlp_attribute {
    struct str key;
    struct otlp_value value;
};

struct otlp_attributes {
    struct otlp_attribute rows[OTLP_ATTRIBUTES_MAX];
    size_t count;
    int64_t passed_over;
};

/* Lower-case hexadecimal; size 0: none, or all zero. */
struct otlp_id {
    char hex[OTLP_TRACE_HEX];
    size_t size;
};

/* A span, log record or data point. Strings are borrowed until the next one. */
struct otlp_record {
    struct otlp_id trace;
    struct otlp_id span;
    struct otlp_id parent;
    struct str name;    /* of the span, event or metric */
    struct str body;    /* of a log record that is a text */
    int64_t started_ns; /* TIME_UNKNOWN where none, or outside 1990..2100 */
    int64_t ended_ns;   /* of a log record: when it happened */
    bool is_error;
    struct str message;   /* of the status */
    struct str exception; /* type, of an event of the span */
    int64_t tries;        /* gen_ai.request.attempt events of the span */
    bool may_decide;      /* events of the span may tell decisions */

    /* metrics */
    bool is_cumulative;
    double value;       /* of a sum, or the sum of a histogram */
    const char *reject; /* why it cannot be taken; NULL: it can */
};

enum otlp_role {
    OTLP_ROLE_NONE,
#define X(name) OTLP_ROLE_##name,
#include "wire/otlp_roles.def"
#undef X
    OTLP_ROLE_COUNT,
};

struct otlp_slot {
    const struct otlp_attribute *attribute; /* NULL: nothing plays the role */
    int rank;
};

/* Whose work something is, as one span or resource says. Owned by the arena. */
enum otlp_fact {
    OTLP_FACT_WORKFLOW,
    OTLP_FACT_CASE,
    OTLP_FACT_ATTEMPT,
    OTLP_FACT_INPUT_KEY,
    OTLP_FACT_SESSION,
    OTLP_FACT_WORKFLOW_HINT,
    OTLP_FACT_RULE, /* what a rule says: of enum correlation_field, behind each other */
    OTLP_FACT_COUNT = OTLP_FACT_RULE + CORRELATION_OUTCOME,
};

struct otlp_facts {
    struct str values[OTLP_FACT_COUNT];
    const struct attribute *attributes;
    size_t attribute_count;
    const struct attribute *derived; /* by a rule */
    size_t derived_count;
};

/* A resource. */
struct otlp_source {
    struct otlp_facts facts;
    const struct otlp_facts *told;  /* by headers of the request; NULL: nothing */
    const struct otlp_facts *bound; /* by the key it came with; NULL: nothing */
    const struct str *values;       /* of the names of the rules; NULL: there are none */
    struct str service;
    struct str version;
    uint64_t hash;   /* of its attributes */
    uint64_t sender; /* of those of them that tell one program from another */
};

struct otlp_span_row {
    size_t parent; /* row; SIZE_MAX: none, or not in this batch (yet) */
    struct str parent_key;
    bool is_root;
    const struct otlp_facts *facts; /* NULL: it says nothing */
    const struct otlp_source *source;
    size_t trace;
};

/* What the spans of a trace say. Where they name several cases the smallest counts, with what is
 * said along with it; of several values of another fact the smallest: no order matters. */
struct otlp_trace_row {
    struct str id;                       /* hexadecimal */
    struct str of_case[OTLP_FACT_COUNT]; /* with that case */
    struct str others[OTLP_FACT_COUNT];  /* by spans that name no case */
    bool disagrees;                      /* on any fact */
    bool is_taught; /* a step placed by its spans alone says all that they do */
    uint64_t key;
};

/* Where a step or outcome is from. */
struct otlp_place {
    size_t span;  /* row; SIZE_MAX: none */
    size_t trace; /* row; SIZE_MAX: none */
    const struct otlp_facts *facts;
    const struct otlp_source *source;
    struct str span_key; /* of an event within a span: trace and span; empty: none */
    struct str version;  /* of the program, where the record says it itself */
};

/* Who says what a case is told apart by: of two values of one name the stronger's counts. */
enum otlp_strength { OTLP_BY_RULE, OTLP_BY_REQUEST, OTLP_BY_RECORD, OTLP_BY_KEY };

struct otlp_case_attribute {
    struct attribute attribute;
    enum otlp_strength strength;
};

struct otlp_case_row {
    struct otlp_case_attribute *rows;
    size_t count;
    size_t capacity;
    const struct otlp_facts *facts; /* last taken, of a record and of a resource */
    const struct otlp_source *source;
};

struct otlp_outcome_row {
    struct outcome outcome;
    struct otlp_place place;
};

/* Data points that belong together: all types of tokens of one series. */
struct otlp_meter {
    struct str identity;
    struct otlp_place place;
    struct str model;
    struct str provider;
    struct str agent;
    struct str name;
    int64_t started_ns;
    int64_t ended_ns;
    enum service_tier tier;
    int64_t figures[OTLP_METER_PARTS][OTLP_METER_MODALITIES];
    bool has[OTLP_METER_PARTS];
    int64_t cost_pusd;
    uint64_t series;
    bool is_cumulative;
    bool is_exclusive; /* its input leaves out the caches */
};

/* One request, or one file of them. */
struct otlp_batch {
    struct wire_index trace_index;
    struct wire_index span_index;
    struct wire_index meter_index;
    struct wire_index case_index;
    struct wire_index attempt_index;
    TRACE_ROWS(otlp_trace_row) traces;
    TRACE_ROWS(otlp_span_row) spans;
    TRACE_ROWS(otlp_place) places;   /* one a step */
    TRACE_ROWS(otlp_case_row) cases; /* one a case */
    TRACE_ROWS(otlp_outcome_row) outcomes;
    TRACE_ROWS(otlp_meter) meters;
    const struct otlp_source *source; /* of the records that come */
    struct otlp_counts counts;
};

/* A key of otlp_keys.def by its hash. */
struct otlp_key_slot {
    uint64_t hash;
    int row; /* -1: free */
};
enum { OTLP_KEY_SLOTS = 512 };

struct otlp {
    struct otlp_key_slot keys[OTLP_KEY_SLOTS];
    struct json_parser *parser;  /* of requests; made when it is needed */
    struct json_parser *details; /* of JSON in attributes; likewise */
    struct wire_decoder *rows;   /* what the rows are added to */
    struct wire_decoder own;     /* rows of an open batch of requests */
    bool is_check;               /* records are counted, and no rows are made */
    struct otlp_batch batch;
    struct otlp_record record;
    struct otlp_attributes attributes; /* of the record */
    struct otlp_slot slots[OTLP_ROLE_COUNT];
    struct str scope;
    const struct correlation *correlation; /* NULL: no rules */
    struct correlator correlator;
    struct str *request_values; /* of the names of the rules, by what came with the request */
    const struct otlp_facts *told;
    const struct otlp_facts *bound;
    struct otlp_place span_place; /* of the span that was taken last, once `has_span_place` */
    bool has_span_place;
    bool is_correlated; /* the next is of the record */
    struct correlated correlated;
};

/* otlp.c */

/* Begin a batch whose rows go there. */
void otlp_begin(struct otlp *otlp, struct wire_decoder *rows);
/* All records of the batch are in: make cases, attempts and outcomes. */
void otlp_end(struct otlp *otlp);
/* Take otlp->attributes as those of the resource whose records come. */
void otlp_source(struct otlp *otlp);
/* Begin a record: otlp->record and its attributes are empty. */
void otlp_begin_record(struct otlp *otlp);
/* Take otlp->record with otlp->attributes. */
void otlp_take(struct otlp *otlp, enum otlp_signal signal);
/* A record that is not one: counted and told. */
void otlp_reject(struct otlp *otlp, const char *reason);
void otlp_attribute_add(struct otlp_attributes *attributes, struct str key,
                        struct otlp_value value);

/* otlp_protobuf.c, otlp_json.c: every record of a request */
MUST_CHECK enum errc otlp_protobuf_request(struct otlp *otlp, enum otlp_signal signal,
                                           struct str bytes, struct err *err);
MUST_CHECK enum errc otlp_json_request(struct otlp *otlp, enum otlp_signal signal, struct json root,
                                       struct err *err);
/* Whether bytes look like a protobuf request, and of which signal. */
bool otlp_protobuf_sniff(struct str bytes, enum otlp_signal *out);
/* Cut a request off that stands behind its size, as the collector's file exporter writes them.
 * False: it is not whole. */
bool otlp_cut_sized(struct str *rest, struct str *out);
/* Whether a JSON request has records of that signal. */
bool otlp_json_has(struct json root, enum otlp_signal signal);
/* Nanoseconds as they came -> TIME_UNKNOWN when 0 or outside 1990..2100. */
int64_t otlp_time(uint64_t time_ns);
/* The id of raw bytes; `size` hexadecimal digits are due. False: neither that long nor empty. */
bool otlp_id_of_bytes(struct otlp_id *out, struct str bytes, size_t size);
bool otlp_id_of_hex(struct otlp_id *out, struct str text, size_t size);

/* Of attributes in any order. */
uint64_t otlp_attributes_hash(const struct otlp_attributes *attributes);
uint64_t otlp_attribute_hash(const struct otlp_attribute *attribute);

/* otlp_keys.c */

void otlp_keys_init(struct otlp *otlp);
/* Give the attributes their roles: otlp->slots. dialects: whose words count, OTLP_DIALECT_ANY. */
void otlp_roles(struct otlp *otlp, const struct otlp_attributes *attributes, unsigned dialects);
bool otlp_has(const struct otlp *otlp, enum otlp_role role);
/* The text that plays the role; empty where none does, or no text. */
struct str otlp_text(const struct otlp *otlp, enum otlp_role role);
/* A whole number in any spelling; false: none, negative, not whole, or above the limit. */
bool otlp_integer(const struct otlp_value *value, int64_t *out);
bool otlp_number(const struct otlp_value *value, double *out);
/* true, "true", 1; `absent` where it is no such thing. */
bool otlp_flag(const struct otlp *otlp, enum otlp_role role, bool absent);
/* A text that is valid UTF-8, owned by the arena and shared among equals. */
struct str otlp_intern(struct otlp *otlp, struct str text);
/* The same as a number or text may stand there. */
struct str otlp_intern_value(struct otlp *otlp, const struct otlp_value *value);
/* What the attributes of that record say of whose work it is, and what rules make of it where there
 * are any; NULL: nothing. Needs the roles. */
const struct otlp_facts *otlp_facts_of(struct otlp *otlp, const struct otlp_attributes *attributes,
                                       const struct correlated *correlated);

/* otlp_rules.c */

/* Begin a request: what came with it. */
void otlp_context(struct otlp *otlp, struct str context);
/* Of the resource in otlp->attributes. */
const struct str *otlp_source_values(struct otlp *otlp);
/* Apply the rules to the record. */
void otlp_correlate(struct otlp *otlp, enum otlp_signal signal);
/* What a rule says became of the record's case; false: nothing. */
bool otlp_rule_outcome(const struct otlp *otlp, struct str *out);

/* otlp_usage.c, otlp_figures.c */

enum otlp_meaning {
    OTLP_INCLUSIVE, /* input holds what was read from and written to caches */
    OTLP_EXCLUSIVE,
    OTLP_EITHER, /* inclusive by its convention, but programs differ */
};

struct otlp_figures {
    enum otlp_meaning meaning;
    bool has[OTLP_ROLE_COUNT]; /* by token role */
    int64_t counts[OTLP_ROLE_COUNT];
    int64_t cache_write_1h; /* of CACHE_WRITE */
    int64_t input_image;
    int64_t web_searches;
    int64_t output_more; /* beside OUTPUT */
    int64_t input_more;
    bool reasoning_beside; /* reasoning is not part of OUTPUT */
    bool caches_apart;     /* the provider counts them beside the input */
};

/*
 * Figures -> disjoint classes.
 *
 * Returns NULL, or what was wrong with the figures: static text. *out_known: false: they do not say
 * what was used.
 */
const char *otlp_disjoint(const struct otlp_figures *figures, struct usage *out, bool *out_known);
/* The figures of the record's roles -> usage, reported cost, raw figures and note of the step. */
void otlp_usage(struct otlp *otlp, unsigned dialect, struct step *step);
/* JSON in an attribute, good until the next of these. Absent: none, or not JSON. */
struct json otlp_details(struct otlp *otlp, enum otlp_role role);
/* The reported cost of the record, in picodollars; false: none. */
bool otlp_cost(struct otlp *otlp, int64_t *out_pusd, const char **out_conflict);
/* A double that is an amount in USD, above 0. */
bool otlp_money(double usd, int64_t *out_pusd);

/* otlp_span.c, otlp_event.c, otlp_metric.c */

void otlp_take_span(struct otlp *otlp);
/* Begin an event of the span that was just taken; its attributes are those of the record then.
 * False: the span was not taken. */
bool otlp_begin_span_event(struct otlp *otlp);
/* Take it, if it tells a decision. */
void otlp_take_span_event(struct otlp *otlp, struct str name, int64_t at_ns);
void otlp_take_event(struct otlp *otlp);
void otlp_take_point(struct otlp *otlp);
/* Why the data point cannot be taken; NULL: it can, or is of no interest. */
const char *otlp_point_refusal(const struct otlp *otlp);
void otlp_end_meters(struct otlp *otlp);

/* Parts of a step that spans and events share: needs the roles. */
void otlp_step_model(struct otlp *otlp, struct step *step);
void otlp_step_tool(struct otlp *otlp, struct step *step);
void otlp_step_note(struct otlp *otlp, struct step *step, const char *text);
/* Kind of an inference span or of an event that copies one; STEP_KIND_COUNT: it is none. */
enum step_kind otlp_kind(const struct otlp *otlp);
struct str otlp_span_identity(const struct otlp_record *record,
                              char buffer[static WIRE_ID_BYTES_MAX]);
/* Identity of a call; empty: the record says none. `buffer` holds it. */
struct str otlp_call_identity(const struct otlp *otlp, unsigned dialect,
                              char buffer[static WIRE_ID_BYTES_MAX]);

/* otlp_answer.c */

/* The id of a provider's answer in its JSON; empty: it is none, or tells none. */
struct str otlp_answer_id(struct str text);

/* otlp_decision.c */

/* The choice the record's roles tell of; NULL: none. Owned by the arena. */
const struct decision *otlp_decision(struct otlp *otlp);
/* What a record is that is nothing but a decision. */
enum step_kind otlp_decision_kind(const struct decision *decision);
/* Note it on its step. */
void otlp_step_decision(const struct decision *decision, struct step *step);
/* "reject", "denied", … */
bool otlp_is_refusal(struct str choice);

/* otlp_case.c */

/* The place of the record: its span and trace are noted, with what they say. */
struct otlp_place otlp_place_of(struct otlp *otlp, bool is_span);
/* A step, or a fuller reading of one with that identity. `step` has neither. */
void otlp_add_step(struct otlp *otlp, struct str identity, const struct step *step,
                   const struct otlp_place *place);
void otlp_add_outcome(struct otlp *otlp, const struct otlp_place *place, int64_t at_ns);
/* Whether there is something to add: the record says it, or a rule. */
bool otlp_tells_outcome(const struct otlp *otlp);

/* otlp_resolve.c */
void otlp_resolve(struct otlp *otlp);

#endif
