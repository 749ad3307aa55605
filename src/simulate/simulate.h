/*
 * simulate: a synthetic company with known truth, so that estimators can be held against it.
 *
 *     options --simulate_create--> company --simulate_next--> cases --simulate_rows_*--> CSV
 *                                                  \--simulate_tally--> totals --> truth.json
 *
 * Pure: no clock, no I/O, no global. Only integers and correctly rounded square roots are used, so
 * the same options give the same bytes on every machine. Cases stream one by one: memory does not
 * grow with their number. Every (workflow, purpose) draws from its own stream of the seed. One
 * company is for one thread.
 */
#ifndef SIMULATE_SIMULATE_H
#define SIMULATE_SIMULATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/text.h"
#include "model/trace.h"

#define SIMULATE_CASES_MAX INT64_C(10000000)

enum {
    SIMULATE_WORKFLOWS = 6,
    SIMULATE_ATTRIBUTES_MAX = 12,
    SIMULATE_ATTEMPTS_MAX = 10, /* of one case, those after a resolution included */
    SIMULATE_TURNS_MAX = 44,    /* llm calls of one attempt */
    SIMULATE_STEPS_MAX = 2 * SIMULATE_TURNS_MAX + 2, /* of one attempt */
    SIMULATE_OUTCOMES_MAX = 6,                       /* of one case */
    SIMULATE_CASE_ID_BYTES_MAX = 24,
    SIMULATE_INPUT_TOKENS_MAX = 180000, /* of one call: below every context tier of the models */
};

/* What is planted: effects a later estimator should find. Without it the effect is absent. */
#define SIMULATE_PLANTS(X)                                                                         \
    X(EXCEPTION, exception)     /* claims: exception_doc = true fails more often */                \
    X(CONJUNCTION, conjunction) /* tickets: language = pt and channel = chat fails more often */   \
    X(WASTE, waste)             /* contracts: context and retries grow above the BPO's price */    \
    X(ROUTING, routing)         /* leads: the dearer model is no better */                         \
    X(VARIANCE, variance)       /* tickets: equal inputs differ several times in cost */

enum simulate_plant {
#define X(name, word) SIMULATE_##name,
    SIMULATE_PLANTS(X)
#undef X
        SIMULATE_PLANT_COUNT,
};

#define SIMULATE_PLANTS_ALL ((1U << SIMULATE_PLANT_COUNT) - 1)

struct simulate_options {
    uint64_t seed;
    int64_t cases;   /* of all six workflows, 1..SIMULATE_CASES_MAX */
    uint32_t plants; /* bit per enum simulate_plant */
    int workflow;    /* only this one, as it is in the whole company; -1: all */
};

struct simulate_step {
    enum step_kind kind;
    enum step_status status;
    enum step_effect effect;
    struct str name;    /* static */
    int model;          /* of an llm step: index of the company's models */
    int64_t started_ms; /* Unix epoch */
    int64_t ended_ms;
    int64_t input_uncached; /* tokens, disjoint classes */
    int64_t cache_read;
    int64_t cache_write;
    int64_t output;
    int64_t reasoning; /* part of output */
    uint64_t args_hash;
    int64_t args_bytes;
    int64_t result_bytes;
    int64_t fee_pusd; /* of a tool */
    int64_t human_ms; /* whole multiples of 600: hundredths of a minute */
};

struct simulate_attempt {
    int use;     /* index of the workflow's models; -1: unattributed */
    bool passed; /* whether this attempt did the work */
    size_t step_count;
    struct simulate_step steps[SIMULATE_STEPS_MAX];
};

struct simulate_outcome {
    enum outcome_status status;
    int64_t effective_ms;
    int64_t recorded_ms;
    int64_t human_ms;
    int64_t value_cents; /* -1: the workflow's own value holds */
    struct str source;   /* static */
};

struct simulate_case {
    int workflow;   /* index; -1: calls that nothing attributes */
    int64_t number; /* from 1 within its workflow */
    char id[SIMULATE_CASE_ID_BYTES_MAX];
    size_t id_size;
    uint64_t input_key;
    bool replicate;  /* resubmission of the case before it */
    bool last_alike; /* no later case has this input key */
    int segment;     /* index in the workflow's table */
    int use;         /* index of the workflow's models: of the first attempt */
    int64_t opened_ms;
    int values[SIMULATE_ATTRIBUTES_MAX]; /* index of each attribute's value */
    size_t attempt_count;
    struct simulate_attempt attempts[SIMULATE_ATTEMPTS_MAX];
    size_t outcome_count;
    struct simulate_outcome outcomes[SIMULATE_OUTCOMES_MAX];
};

struct simulate;

/* A company, owned by the arena. Errors: ERR_USAGE for options out of range, ERR_LIMIT. */
MUST_CHECK enum errc simulate_create(const struct simulate_options *options, struct arena *arena,
                                     struct simulate **out, struct err *err);

/* The next case in the order of days, borrowed until the next call; NULL at the end. */
const struct simulate_case *simulate_next(struct simulate *simulate);
/* Cases it will give in all, unattributed sessions among them. */
int64_t simulate_cases_total(const struct simulate *simulate);

/* Index of a workflow's or bit of a plant's name, -1 if there is none. */
int simulate_workflow_find(struct str name);
int simulate_plant_find(struct str name);

/* The three CSV files: their heading lines; the rows of one case. */
struct simulate_rows {
    struct text *cases;
    struct text *steps;
    struct text *outcomes;
};
void simulate_headings(const struct simulate *simulate, const struct simulate_rows *rows);
void simulate_add_rows(const struct simulate *simulate, const struct simulate_case *one,
                       const struct simulate_rows *rows);

/* Add one case to the company's totals. Each case once, in the order simulate_next() gives. */
void simulate_tally(struct simulate *simulate, const struct simulate_case *one);

/* The other files, whole: truth.json after every case was tallied. */
void simulate_truth(const struct simulate *simulate, struct text *out);
void simulate_config(const struct simulate *simulate, struct text *out);
void simulate_map(const struct simulate *simulate, struct text *out);
void simulate_readme(const struct simulate *simulate, struct text *out);
/* First line of the readme: what tells an earlier output of this program from somebody's files. */
struct str simulate_readme_mark(void);

#endif
