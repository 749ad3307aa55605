/*
 * wire/correlation: the operator's rules that say whose work telemetry is which does not say so
 * itself.
 *
 *     rules of bursar.yaml --correlation_seal--> struct correlation
 *     values of a record by name --correlation_apply--> workflow, case, … of it
 *
 * Pure. A sealed struct correlation is immutable and may be shared by threads; a correlator belongs
 * to one. What the rules may say is in docs/correlation.md.
 */
#ifndef WIRE_CORRELATION_H
#define WIRE_CORRELATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/regex.h"
#include "base/str.h"
#include "model/trace.h"

enum {
    CORRELATION_RULES_MAX = 200,
    CORRELATION_NAMES_MAX = 256,     /* different names in all rules */
    CORRELATION_ATTRIBUTES_MAX = 16, /* of the case, different ones in all rules */
    CORRELATION_GIVEN_UP_MAX = 64,   /* matches given up in one batch; then none is tried */
};

enum correlation_field {
    CORRELATION_WORKFLOW,
    CORRELATION_CASE,
    CORRELATION_ATTEMPT,
    CORRELATION_INPUT_KEY,
    CORRELATION_OUTCOME,
    CORRELATION_FIELD_COUNT,
};

/* Where a value comes from. */
struct correlation_value {
    bool is_set;
    struct str constant; /* when there are no names */
    const size_t *names; /* [name_count] in struct correlation; the first that has a value */
    size_t name_count;
    const struct regex *match;   /* NULL: all of the value */
    uint32_t take;               /* group of `match` */
    const struct attribute *map; /* [map_count] value -> word; "*" is any other. Empty: as it is */
    size_t map_count;
    bool has_at_least; /* of an outcome: resolved from there on, below it failed */
    double at_least;
};

struct correlation_condition {
    size_t name;
    const struct str *texts; /* [text_count] one of which it is; "*" stands for any bytes */
    size_t text_count;
    const struct regex *match; /* instead of texts */
};

struct correlation_attribute {
    struct str name;
    struct correlation_value value;
};

struct correlation_rule {
    const struct correlation_condition *conditions; /* all of which hold; none: always */
    size_t condition_count;
    struct correlation_value fields[CORRELATION_FIELD_COUNT];
    const struct correlation_attribute *attributes;
    size_t attribute_count;
};

/* A name by its hash. */
struct correlation_slot {
    uint64_t hash;
    size_t name; /* SIZE_MAX: free */
};

/* Everything owned by one arena. */
struct correlation {
    const struct correlation_rule *rules;
    size_t rule_count;
    const struct str *names; /* of attributes, "span.name", "header.x-team", … each once */
    size_t name_count;
    const struct correlation_slot *slots; /* made by correlation_seal() */
    size_t slot_count;
};

/* Make the index of names. False: the arena is full. */
bool correlation_seal(struct correlation *correlation, struct arena *arena);
/* The place of a name; SIZE_MAX: no rule looks at it. */
size_t correlation_find(const struct correlation *correlation, struct str name);

struct correlator {
    struct regex_matcher *matcher; /* made when it is needed; owned */
    int64_t given_up;              /* in this batch */
};

/* What the rules make of one record. Borrowed from its values and from the rules. */
struct correlated {
    struct str fields[CORRELATION_FIELD_COUNT]; /* empty: no rule gives one */
    struct attribute attributes[CORRELATION_ATTRIBUTES_MAX];
    size_t attribute_count;
};

/* For each field and attribute the first rule counts that holds and gives a value.
 * values: [name_count]; empty: the record has none. */
void correlation_apply(const struct correlation *correlation, struct correlator *correlator,
                       const struct str *values, struct correlated *out);

/* Whether a text is what a pattern with "*" says. */
bool correlation_like(struct str text, struct str pattern);

#endif
