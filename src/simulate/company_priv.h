/*
 * company: the parameters of the six workflows, as const tables. Nothing here draws or counts.
 *
 * Shares and probabilities are ten-thousandths (`_e4`), so that a draw is an integer comparison.
 */
#ifndef SIMULATE_COMPANY_PRIV_H
#define SIMULATE_COMPANY_PRIV_H

#include "simulate/simulate.h"

enum {
    COMPANY_VALUES_MAX = 6, /* of one attribute */
    COMPANY_MODELS_MAX = 3, /* of one workflow */
    COMPANY_TOOLS_MAX = 5,
    COMPANY_SEGMENTS_MAX = 2,
    COMPANY_TESTS_MAX = 2, /* of one segment's rule */
    COMPANY_MODELS = 6,    /* of the whole company */
    ONE_E4 = 10000,
};

/* Always there: an effect that is no plant. */
enum { PLANT_ALWAYS = -1 };

struct company_model {
    const char *name;
    bool priced;       /* whether the shipped price book knows it */
    bool cache_writes; /* whether writing the prompt cache is billed */
    int reasoning_e4;  /* share of output that is reasoning; output grows by as much */
};

struct company_value {
    const char *name;
    int share_e4;
};

struct company_attribute {
    const char *name;
    struct company_value values[COMPANY_VALUES_MAX]; /* ends with the first empty name */
};

struct company_test {
    int attribute;
    int value;
};

/* A sub-group with its own economics; a case belongs to the first whose tests all hold. */
struct company_segment {
    const char *name;
    int plant; /* enum simulate_plant or PLANT_ALWAYS: with it off the segment is as the rest */
    struct company_test tests[COMPANY_TESTS_MAX];
    size_t test_count; /* 0: the rest; last in the table */
    int first_e4;      /* success of a first attempt, mean over the models */
    int further_e4;    /* success of each later one */
    int review_e4;     /* attempts that a person looks at */
    int review_ms[2];  /* for how long, low and high */
    int turns_percent; /* turns of an attempt, against the workflow's */
};

struct company_use {
    int model;          /* index in company_models */
    int share_e4;       /* of the cases */
    int delta_e4;       /* added to every success probability; shares weigh the deltas to zero */
    int delta_plain_e4; /* the same without the routing plant */
};

struct company_tool {
    const char *name;
    enum step_kind kind;
    enum step_effect effect;
    int error_e4;
    int64_t fee_pusd;
    int latency_ms[2];
};

/* What the `waste` plant changes; every workflow has a plain set, the planted one a second. */
struct company_context {
    int turns[2];       /* low and high */
    int first_tokens;   /* input of an attempt's first call */
    int growth_16ths;   /* exponent of cumulative input over the turn number, in sixteenths */
    int cache_e4;       /* calls that find the earlier prompt in the cache */
    int output_tokens;  /* mean, visible */
    int attempts_max;   /* before the case is given up; reopening allows one more */
    int give_up_e4;     /* failed attempts after which nobody tries again */
    int duplicate_e4;   /* reads that are made again with the same arguments */
    int first_delta_e4; /* on the segments' first_e4 */
};

struct company_workflow {
    const char *name;
    const char *unit;
    const char *prefix; /* of a case's id */
    const char *risk;
    const char *team;
    const char *cost_center;
    int share_e4;             /* of all cases */
    int weekday_weights[7];   /* from Monday */
    int value_cents;          /* of one outcome */
    int value_range_cents[2]; /* as outcomes state it; 0: they do not, value_cents holds */
    int human_cents_per_hour;
    int bpo_cents;
    int bpo_success_e4;
    int human_minutes;
    int human_success_e4;
    int non_inferiority_e4;
    struct company_attribute attributes[SIMULATE_ATTRIBUTES_MAX];
    struct company_segment segments[COMPANY_SEGMENTS_MAX];
    struct company_use models[COMPANY_MODELS_MAX]; /* ends with the first share of 0 */
    int escalates_to;   /* index in models of what later attempts use; -1: the same again */
    int routing_answer; /* index in models: cheapest that is non-inferior to the most used */
    int routing_plain;  /* the same without the routing plant */
    struct company_tool tools[COMPANY_TOOLS_MAX]; /* the last one is the write that ends the work */
    struct company_context plain;
    struct company_context wasteful; /* with the waste plant; attempts_max 0: as plain */
    int variance_plant;              /* whether the variance plant widens attempts here */
    int retry_minutes[2];            /* between attempts */
    int escalate_e4;                 /* given-up cases that a person takes over */
    int takeover_ms[2];
    int reopen_e4; /* resolutions that come back */
    int revise_e4; /* final outcomes that are revised later */
    int late_e4;   /* outcomes recorded days after */
    int late_days[2];
    int lost_e4;      /* cases whose outcome nobody ever records */
    int after_e4;     /* resolved cases that are run once more all the same */
    int replicate_e4; /* inputs that are submitted again at once, up to four times */
};

extern const struct company_model company_models[COMPANY_MODELS];
extern const struct company_workflow *const company_workflows[SIMULATE_WORKFLOWS];

/* First dates at which a listed price of a model above changes within the period. */
enum { COMPANY_PRICE_CHANGES = 1 };
struct company_price_change {
    int model;
    int64_t day; /* since 1970-01-01, UTC */
};
extern const struct company_price_change company_price_changes[COMPANY_PRICE_CHANGES];

size_t company_attribute_count(const struct company_workflow *workflow);
size_t company_model_count(const struct company_workflow *workflow);
size_t company_tool_count(const struct company_workflow *workflow);
size_t company_segment_count(const struct company_workflow *workflow);

#endif
