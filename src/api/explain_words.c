/* The words that the JSON and the text of explain share. */
#include "api/explain.h"
#include "base/check.h"

static const char *const part_texts[EXPLAIN_PART_COUNT] = {
    [EXPLAIN_RESOLVING] = "resolved the case",
    [EXPLAIN_FAILED_BEFORE] = "failed before",
    [EXPLAIN_FAILED] = "failed",
    [EXPLAIN_REWORK] = "rework",
    [EXPLAIN_OPEN] = "open",
};

static const char *const kind_names[STEP_KIND_COUNT] = {
    [STEP_LLM] = "llm",           [STEP_TOOL] = "tool",   [STEP_RETRIEVAL] = "retrieval",
    [STEP_DECISION] = "decision", [STEP_HUMAN] = "human", [STEP_GUARD] = "guard",
    [STEP_AGENT] = "agent",
};

static const char *const step_status_names[STATUS_COUNT] = {
    [STATUS_OK] = "ok",
    [STATUS_ERROR] = "error",
    [STATUS_REJECTED] = "rejected",
    [STATUS_INTERRUPTED] = "interrupted",
};

static const char *const outcome_names[OUTCOME_STATUS_COUNT] = {
    [OUTCOME_RESOLVED] = "resolved",   [OUTCOME_FAILED] = "failed",
    [OUTCOME_REOPENED] = "reopened",   [OUTCOME_ESCALATED] = "escalated",
    [OUTCOME_CANDIDATE] = "candidate",
};

const char *api_explain_part_text(enum explain_part part)
{
    CHECK(part < EXPLAIN_PART_COUNT);
    return part_texts[part];
}

const char *api_step_kind_name(enum step_kind kind)
{
    CHECK(kind < STEP_KIND_COUNT);
    return kind_names[kind];
}

const char *api_step_status_name(enum step_status status)
{
    CHECK(status < STATUS_COUNT);
    return step_status_names[status];
}

const char *api_outcome_status_name(enum outcome_status status)
{
    CHECK(status < OUTCOME_STATUS_COUNT);
    return outcome_names[status];
}

enum { REQUEST_BYTES = 24 }; /* "req_" and 20 digits of base 32 */

bool api_explain_is_request(struct str name)
{
    return name.size == REQUEST_BYTES && str_starts_with(name, STR("req_"));
}

struct str api_explain_request(struct str note)
{
    const struct str none = {0};
    if (note.size <= REQUEST_BYTES) {
        return none;
    }
    const struct str id = {note.data + note.size - REQUEST_BYTES, REQUEST_BYTES};
    return api_explain_is_request(id) ? id : none;
}

struct str api_explain_reason(struct str note)
{
    const size_t end = str_find(note, STR("; held $"));
    return api_explain_request(note).size > 0 && end != SIZE_MAX ? (struct str){note.data, end}
                                                                 : note;
}

const char *api_explain_by_name(const struct explain_decision *decision)
{
    CHECK(decision != NULL);
    switch (decision->by) {
    case EXPLAIN_BY_AGENT:
        return "agent";
    case EXPLAIN_BY_HUMAN:
        return "human";
    case EXPLAIN_BY_RULE:
        return "rule";
    }
    CHECK(!"nobody else decides");
    return "";
}

money_sum api_explain_wasted(const struct explain *explain)
{
    CHECK(explain != NULL);
    money_sum wasted_pusd = 0;
    for (size_t i = LABEL_ATTEMPT; i < LABEL_OVERHEAD; i++) {
        wasted_pusd += explain->labels[i].amount_pusd;
    }
    return wasted_pusd;
}

const struct explain_outcome *api_explain_outcome(const struct explain *explain)
{
    CHECK(explain != NULL);
    for (size_t i = 0; i < explain->outcome_count; i++) {
        if (explain->outcomes[i].counts) {
            return &explain->outcomes[i];
        }
    }
    return NULL;
}

const char *api_explain_outcome_name(const struct explain *explain)
{
    const struct explain_outcome *const outcome = api_explain_outcome(explain);
    if (outcome == NULL) {
        return "open";
    }
    return outcome_names[outcome->status == OUTCOME_CANDIDATE ? OUTCOME_RESOLVED : outcome->status];
}
