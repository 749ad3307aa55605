/*
 * api/explain: the decision trace of one case, from the rows of the ledger.
 *
 *     a name as typed --api_explain_find--> case --api_explain--> struct explain --> JSON, text
 *
 * The parts of the cost are those of the report: both read the same table case_costs. Texts are
 * owned by the arena.
 */
#ifndef API_EXPLAIN_H
#define API_EXPLAIN_H

#include "api/labels.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/money.h"
#include "base/text.h"
#include "model/ledger.h"
#include "model/settings.h"
#include "model/usage.h"
#include "store/store.h"

/* What an attempt was for the case; each is one part of the case's cost. */
enum explain_part {
    EXPLAIN_RESOLVING,     /* base */
    EXPLAIN_FAILED_BEFORE, /* retry tail */
    EXPLAIN_FAILED,        /* sunk */
    EXPLAIN_REWORK,        /* rework */
    EXPLAIN_OPEN,          /* open */
    EXPLAIN_PART_COUNT,
};

/* What the steps of one label cost. */
struct explain_label {
    enum step_label label;
    int64_t steps;
    int64_t unpriced;
    money_sum amount_pusd;
};

struct explain_step {
    int64_t number; /* from 1 within the attempt */
    enum step_kind kind;
    enum step_status status;
    int64_t started_ns; /* LEDGER_NULL: not known */
    int64_t ended_ns;
    struct str name;
    struct str agent; /* sub-agent; empty: the main one */
    struct str provider;
    struct str model;
    struct usage usage; /* of an llm step */
    enum cost_basis cost_basis;
    bool is_estimated; /* its usage, or a part of it, is not the provider's */
    int64_t cost_pusd; /* LEDGER_NULL: unknown, or nothing by its nature (cost_basis) */
    uint64_t price_id;
    int64_t human_ms;
    int64_t result_bytes;
    struct str note;
    struct str path; /* of the source it was read from; empty: not a file */
    int64_t line;    /* 0: none */
    enum step_label label;
    enum label_reason reason;
    int64_t ref;            /* of the reason; LABELS_REF_NONE: none */
    int64_t caller;         /* number of the call that issued it; 0: none */
    money_sum until_pusd;   /* what it and the steps before it cost */
    money_sum carried_pusd; /* its own cost and its share of its call's; 0 of calls that issued */
    bool carried_unknown;   /* some of that has no price */
    const struct explain_label *split; /* of a call whose steps have several labels */
    size_t split_count;
};

/* What was kept of a call: docs/bodies.md. */
struct explain_body {
    int64_t attempt; /* number within the case, from 1 */
    int64_t number;  /* of the step */
    int64_t kept_ns;
    int64_t ends_ns;
    int64_t size;        /* bytes of the record */
    struct str document; /* JSON; empty: not asked for */
};

/* Who chose what, and against what. */
struct explain_decision {
    int64_t attempt; /* number within the case, from 1 */
    int64_t number;  /* of the step */
    enum step_kind kind;
    enum step_status status;
    enum { EXPLAIN_BY_AGENT, EXPLAIN_BY_HUMAN, EXPLAIN_BY_RULE } by;
    int64_t overrides; /* number of the step it overrules; 0: none */
    struct str name;
    struct str note;
    int64_t at_ns;            /* LEDGER_NULL: not known */
    struct decision recorded; /* what was put on record; empty texts: nothing. `by` is above */
};

struct explain_attempt {
    struct str id;
    struct str agent;
    enum explain_part part;
    int64_t succeeded;  /* 0, 1 or LEDGER_NULL, as the source says */
    int64_t started_ns; /* LEDGER_NULL: not known */
    int64_t ended_ns;
    money_sum cost_pusd;
    money_sum fee_pusd; /* of which tool fees */
    int64_t human_ms;
    int64_t calls;
    int64_t unpriced;
    int64_t step_count_all;
    const struct explain_step *steps; /* in order; all, or those that were asked for */
    size_t step_count;
    money_sum labels[LABEL_COUNT]; /* of all its steps: they add up to cost_pusd */
};

struct explain_outcome {
    enum outcome_status status;
    int64_t effective_ns; /* LEDGER_NULL: after the last step */
    int64_t recorded_ns;
    int64_t value_pusd; /* LEDGER_NULL: as the workflow says */
    int64_t human_ms;
    double quality; /* NaN: not said */
    struct str source;
    struct str reference;
    struct str id;
    int64_t revision;
    bool stands; /* neither replaced by a later revision nor a candidate nobody takes */
    bool counts; /* it is the outcome of the case */
};

struct explain_cost {
    money_sum total_pusd; /* the six parts add up to it */
    money_sum base_pusd;
    money_sum retry_tail_pusd;
    money_sum sunk_pusd;
    money_sum rework_pusd;
    money_sum human_pusd;
    money_sum open_pusd;
    money_sum fee_pusd; /* inside the parts */
};

struct explain {
    struct str workflow; /* empty: unattributed */
    struct str case_id;
    struct str input_key; /* empty: none */
    enum case_naming named_by;
    int64_t replicates;       /* other cases of the workflow with the same input key */
    int64_t replicates_other; /* of other workflows */
    int64_t as_of_ns;         /* INT64_MAX: now */
    const struct attribute *attributes;
    size_t attribute_count;
    const struct explain_body *bodies; /* by attempt and number */
    size_t body_count;
    int64_t bodies_damaged; /* whose check does not hold; of all cases */
    bool is_known;          /* anything was known of it by then; the rest is empty otherwise */
    bool is_closed;
    bool is_traced; /* an attempt of it was seen: otherwise nobody knows what it cost */
    struct explain_cost cost;
    int64_t value_pusd; /* LEDGER_NULL: not resolved, or nobody said */
    bool value_recorded;
    int64_t human_ms;
    int64_t calls;
    int64_t unpriced;
    const struct explain_outcome *outcomes; /* in the order they became known */
    size_t outcome_count;
    const struct explain_attempt *attempts; /* in the order they were made */
    size_t attempt_count;
    struct explain_label labels[LABEL_COUNT]; /* they add up to the attempts' cost */
    const struct explain_decision *decisions; /* in the order of attempts and steps */
    size_t decision_count;
};

struct explain_request {
    struct str name;      /* of the case; an attempt's, or how a case's name begins, will do */
    struct str workflow;  /* when has_workflow; empty: unattributed */
    bool has_workflow;    /* otherwise all of them are searched */
    int64_t as_of_ns;     /* INT64_MAX: everything known */
    int64_t steps_at_end; /* at the head and at the tail of each attempt; 0: all */
    int64_t steps_wasted; /* dearest wasted ones in between */
    struct str home;      /* where bodies are looked for; empty: nowhere */
    int64_t now_ns;
    bool with_bodies; /* their texts too, not only which there are */
};

/*
 * Find a case and all that is known of it.
 *
 * Errors: ERR_NOT_FOUND  no such case; names the nearest.
 *         ERR_CONFLICT   several; names them and how to say which.
 *         ERR_LIMIT      it has more steps than fit the arena.
 *         ERR_STORE.
 */
MUST_CHECK enum errc api_explain(struct store *store, const struct settings *settings,
                                 const struct explain_request *request, struct arena *arena,
                                 struct explain *out, struct err *err);

/* bursar.explain/1 */
void api_explain_json(const struct explain *explain, struct text *out);

/* That of a step, or NULL. attempt, number  from 1. */
const struct explain_body *api_explain_body(const struct explain *explain, int64_t attempt,
                                            int64_t number);

/* "failed before"; static storage. */
const char *api_explain_part_text(enum explain_part part);
const char *api_step_kind_name(enum step_kind kind);
const char *api_step_status_name(enum step_status status);
const char *api_outcome_status_name(enum outcome_status status);

const char *api_explain_by_name(const struct explain_decision *decision); /* "human" */
/* What was spent on it and lost: the labels that begin with "wasted". */
/* "as asked" of the note of a call that the gateway made: what stands before the hold and the id of
 * the request; the whole of another note. */
struct str api_explain_reason(struct str note);
/* That id, "req_…"; empty: the note is of no such call. */
struct str api_explain_request(struct str note);
bool api_explain_is_request(struct str name);
money_sum api_explain_wasted(const struct explain *explain);
/* The outcome that counts; NULL: none. */
const struct explain_outcome *api_explain_outcome(const struct explain *explain);

/* Of the outcome that counts; "open" when there is none. */
const char *api_explain_outcome_name(const struct explain *explain);

#endif
