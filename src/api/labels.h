/*
 * api/labels: what each step was for: the labels of economics.md section 7, and why, in words.
 *
 *     case_costs, a range of cases --labels_create()--> tables case_attempts, step_labels
 *
 * The rules are SQL (store/queries.sql, "waste"): waste and explain read the same table, so that
 * they cannot differ. Needs the table case_costs of figures_create_costs().
 */
#ifndef API_LABELS_H
#define API_LABELS_H

#include <stdint.h>

#include "api/api.h"

/* The first that holds is the step's. Source: economics.md section 7. */
enum step_label {
    LABEL_ATTEMPT,
    LABEL_DUPLICATE,
    LABEL_ERROR,
    LABEL_IGNORED,
    LABEL_AFTER,
    LABEL_OVERHEAD,
    LABEL_ESSENTIAL,
    LABEL_COUNT,
};

/* Why; in brackets what `ref` is. Numbers as in the query labels_create. */
enum label_reason {
    REASON_RETRIED, /* [attempt] that resolved the case */
    REASON_SUNK,
    REASON_SAME,          /* [step] of the same tool and arguments */
    REASON_SAME_UNSURE,   /* [step] the same, with steps of unknown effect in between */
    REASON_SAME_FAILED,   /* [step] the same, which failed as well */
    REASON_REPAIRED_SAME, /* [step] of the same arguments that worked */
    REASON_REPAIRED,      /* [step] of the same tool that worked */
    REASON_IGNORED,
    REASON_UNREAD, /* [step] that was the last to change something */
    REASON_GUARD,
    REASON_PLANNING,
    REASON_ANSWER,
    REASON_CALL,
    REASON_CHANGE,
    REASON_FAILED,
    REASON_REJECTED,
    REASON_INTERRUPTED,
    REASON_REPAIR, /* [step] of the same tool that had failed */
    REASON_PERSON,
    REASON_DECISION,
    REASON_LOOKUP,
    REASON_OTHER,
    REASON_ISSUED_ONE, /* [step] it issued */
    REASON_ISSUED,     /* [count] of steps it issued */
    REASON_REFUSAL,
    REASON_CALL_FAILED,
    REASON_COUNT,
};

#define LABELS_REF_NONE INT64_MIN

/* Cases with keys from key_low to key_high, both included. */
struct labels_range {
    struct str workflow; /* empty: unattributed */
    uint64_t key_low;
    uint64_t key_high;
    int64_t as_of_ns; /* INT64_MAX: all there is */
};

/*
 * Make the table unused_results, which says whose results were never used. Nothing is said where
 * hardly any result of the workflow is ever quoted: then not to be quoted means nothing. Comes
 * before labels_create().
 *
 * request     a workflow, and the window of the table case_costs.
 * out_judged  whether results were judged at all.
 *
 * Errors: ERR_STORE; ERR_LIMIT when the arena is full.
 */
MUST_CHECK enum errc labels_judge(struct store *store, const struct api_request *request,
                                  struct arena *arena, bool *out_judged, struct err *err);

/* Make case_attempts and step_labels of those cases anew. Errors: ERR_STORE. */
MUST_CHECK enum errc labels_create(struct store *store, const struct labels_range *range,
                                   struct err *err);

/* "wasted/duplicate"; static storage. */
const char *label_name(enum step_label label);
/* "same search as step 4, nothing was changed in between".
 *
 * ref   as the reason has it; LABELS_REF_NONE: none.
 * tool  name of the step's tool; empty: it has none. */
void label_put_reason(struct text *out, enum label_reason reason, int64_t ref, struct str tool);
/* What a reason means wherever it stands; static storage. */
const char *label_reason_text(enum label_reason reason);

#endif
