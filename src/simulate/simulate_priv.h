/* simulate_priv: the state of a company in the making, and what its files ask of one another. */
#ifndef SIMULATE_SIMULATE_PRIV_H
#define SIMULATE_SIMULATE_PRIV_H

#include "base/check.h"
#include "base/rng.h"
#include "simulate/company_priv.h"

#define PERIOD_FIRST_DAY INT64_C(20454) /* 2026-01-01, days since 1970-01-01 */
#define MS_PER_MINUTE    INT64_C(60000)
#define MS_PER_HOUR      INT64_C(3600000)
#define MS_PER_DAY       INT64_C(86400000)
#define PERIOD_BEGIN_MS  (PERIOD_FIRST_DAY * MS_PER_DAY)
#define PERIOD_END_MS    (PERIOD_BEGIN_MS + PERIOD_DAYS * MS_PER_DAY)

enum {
    PERIOD_DAYS = 304, /* to the end of October */
    PERIOD_MONTHS = 10,
    SPANS = PERIOD_MONTHS + COMPANY_PRICE_CHANGES, /* stretches without a change of price */
    LANES = SIMULATE_WORKFLOWS + 1,                /* the last one: calls nothing attributes */
    LANE_UNATTRIBUTED = SIMULATE_WORKFLOWS,
    CASES_PER_UNATTRIBUTED = 50, /* cases for each session that nothing attributes */
    COLUMNS_MAX = SIMULATE_WORKFLOWS * SIMULATE_ATTRIBUTES_MAX,
    LAST_START_HOURS = 4, /* no attempt starts later than this before the period ends */
};

/* One stream each, so that another draw for one purpose moves nothing of the others. */
enum purpose {
    DRAW_ARRIVAL,
    DRAW_ATTRIBUTE,
    DRAW_REPLICATE,
    DRAW_MODEL,
    DRAW_SUCCESS,
    DRAW_SIZE,
    DRAW_TOOL,
    DRAW_TIME,
    DRAW_HUMAN,
    DRAW_OUTCOME,
    DRAW_COUNT,
};

/* Where the cost of an attempt belongs; docs/simulate.md states the rule. */
enum part { PART_BASE, PART_RETRY_TAIL, PART_SUNK, PART_REWORK, PART_OPEN, PART_COUNT };

/* Person's time by where it belongs. */
enum human_part { HUMAN_CLOSED, HUMAN_REWORK, HUMAN_OPEN, HUMAN_COUNT };

struct tokens {
    int64_t calls;
    int64_t input_uncached;
    int64_t cache_read;
    int64_t cache_write;
    int64_t output;
    int64_t reasoning;
};

/* Counts of cases under one heading: a workflow, a segment of it, a model of it. */
struct tally_cases {
    int64_t cases;
    int64_t closed;
    int64_t resolved;
    int64_t first_passed;        /* cases whose first attempt did the work */
    int64_t first_passed_closed; /* of the closed ones */
    int64_t first_resolved;      /* resolved cases whose first attempt is the resolving one */
};

struct tally_workflow {
    struct tally_cases all;
    struct tally_cases segments[COMPANY_SEGMENTS_MAX];
    struct tally_cases models[COMPANY_MODELS_MAX];
    int64_t failed;
    int64_t escalated;
    int64_t attempts;
    int64_t attempts_by_number[SIMULATE_ATTEMPTS_MAX];
    int64_t passed_by_number[SIMULATE_ATTEMPTS_MAX];
    int64_t attempts_by_part[PART_COUNT];
    int64_t fee_pusd[PART_COUNT];
    struct tokens tokens[PART_COUNT][COMPANY_MODELS][SPANS];
    int64_t human_ms[HUMAN_COUNT];
    int64_t value_cents; /* of resolved cases */
    int64_t steps;
    int64_t tool_steps;
    int64_t tool_errors;
    int64_t tool_duplicates;
    int64_t outcomes;
    int64_t outcomes_late; /* recorded a day or more after they took effect */
    int64_t outcomes_reopened;
    int64_t outcomes_revised; /* a later word on a case that had not been reopened */
    int64_t cases_silent;     /* no outcome at all */
    int64_t replicated;       /* cases that resubmit an earlier one's input */
    int64_t replicate_groups;
    int64_t replicate_groups_5x; /* largest first attempt at least five times the smallest */
    int64_t group_tokens_min;    /* of the group in hand */
    int64_t group_tokens_max;
    int64_t group_cases;
    int64_t unpriced_calls;
};

struct lane {
    struct rng draws[DRAW_COUNT];
    int64_t cases; /* in all */
    int64_t given; /* so far */
    int64_t day_counts[PERIOD_DAYS];
    int64_t day_given;
    int replicates_left; /* resubmissions of the last case still to come */
    uint64_t input_key;  /* of the last case */
    int values[SIMULATE_ATTRIBUTES_MAX];
    int model;
};

/* A column of cases.csv and which attribute of each workflow stands in it; -1: none. */
struct column {
    const char *name;
    int attributes[SIMULATE_WORKFLOWS];
};

struct simulate {
    struct simulate_options options;
    struct column columns[COLUMNS_MAX];
    size_t column_count;
    struct lane lanes[LANES];
    int64_t span_days[SPANS]; /* first day of each, ascending */
    int day;
    int lane;
    struct simulate_case one;
    struct tally_workflow tallies[SIMULATE_WORKFLOWS];
    struct tokens unattributed[COMPANY_MODELS][SPANS];
    int64_t unattributed_sessions;
};

static inline bool has_plant(const struct simulate *simulate, int plant)
{
    return plant == PLANT_ALWAYS || (simulate->options.plants >> plant & 1U) != 0;
}

static inline const struct company_context *context_of(const struct simulate *simulate,
                                                       const struct company_workflow *workflow)
{
    return workflow->wasteful.attempts_max > 0 && has_plant(simulate, SIMULATE_WASTE)
               ? &workflow->wasteful
               : &workflow->plain;
}

/* The segment whose figures hold for a case: its own where planted, else the rest. */
const struct company_segment *segment_in_force(const struct simulate *simulate,
                                               const struct company_workflow *workflow,
                                               int segment);
int model_delta_e4(const struct simulate *simulate, const struct company_use *use);
/* Success of attempt `number` (from 0) with one of the workflow's models, 0..ONE_E4. */
int success_e4(const struct simulate *simulate, const struct company_workflow *workflow,
               int segment, int model, size_t number);

/* Everything about a case that has arrived: input, attempts, outcomes. */
void life_run(const struct simulate *simulate, struct lane *lane,
              const struct company_workflow *workflow, struct simulate_case *one);

/* Draws. */
bool draw_chance(struct rng *rng, int share_e4);
int64_t draw_between(struct rng *rng, int64_t low, int64_t high); /* both included */
int64_t draw_minutes_ms(struct rng *rng, const int range_ms[2]);  /* hundredths of a minute */
/* Size of an attempt against the mean, in 1024ths: within ±45 %, or wide: 0.2 to 3.5. */
int64_t draw_size(struct rng *rng, bool wide);
/* turn ^ (sixteenths / 16), in 1024ths; the same on every machine. */
int64_t growth_cumulative(int turn, int sixteenths);

/* Set the columns of cases.csv: every attribute name once, in the order of the workflows. */
void make_columns(struct simulate *simulate);

/* Fill one attempt that starts at `start_ms`; returns when it ended. */
int64_t attempt_run(const struct simulate *simulate, struct lane *lane,
                    const struct company_workflow *workflow, int segment, int use, bool passed,
                    int64_t start_ms, struct simulate_attempt *out);
/* The same for a session that nothing attributes. */
void attempt_run_unattributed(struct lane *lane, int64_t start_ms, struct simulate_attempt *out);

#endif
