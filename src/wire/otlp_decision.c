/* bursar.decision.* of a span or log record -> the choice its step records. */
#include "base/check.h"
#include "wire/otlp_priv.h"

bool otlp_is_refusal(struct str choice)
{
    static const char *const words[] = {"reject",   "rejected", "denied", "deny",
                                        "declined", "abort",    "refused"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (str_equal_fold(choice, str_from(words[i]))) {
            return true;
        }
    }
    return false;
}

static enum decider decider_of(struct str told)
{
    static const struct {
        struct str word;
        enum decider by;
    } words[] = {
        {STR_STATIC("agent"), DECIDER_AGENT}, {STR_STATIC("model"), DECIDER_AGENT},
        {STR_STATIC("human"), DECIDER_HUMAN}, {STR_STATIC("user"), DECIDER_HUMAN},
        {STR_STATIC("policy"), DECIDER_RULE}, {STR_STATIC("rule"), DECIDER_RULE},
    };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (str_equal_fold(told, words[i].word)) {
            return words[i].by;
        }
    }
    return DECIDER_UNKNOWN;
}

static struct str value_of(struct otlp *otlp, enum otlp_role role)
{
    const struct otlp_attribute *const attribute = otlp->slots[role].attribute;
    return attribute != NULL ? otlp_intern_value(otlp, &attribute->value) : (struct str){0};
}

const struct decision *otlp_decision(struct otlp *otlp)
{
    CHECK(otlp->rows != NULL);
    bool any = false;
    for (int role = OTLP_ROLE_DECISION_KIND; role <= OTLP_ROLE_DECISION_EVIDENCE; role++) {
        any = any || otlp_has(otlp, (enum otlp_role)role);
    }
    if (!any || otlp->rows->full) {
        return NULL;
    }
    struct decision *const decision = arena_new(otlp->rows->arena, struct decision, 1);
    if (decision == NULL) {
        otlp->rows->full = true;
        return NULL;
    }
    *decision = (struct decision){
        .kind = value_of(otlp, OTLP_ROLE_DECISION_KIND),
        .choice = value_of(otlp, OTLP_ROLE_DECISION_CHOICE),
        .by = decider_of(otlp_text(otlp, OTLP_ROLE_DECISION_BY)),
        .rule = value_of(otlp, OTLP_ROLE_DECISION_RULE),
        .reason = value_of(otlp, OTLP_ROLE_DECISION_REASON),
        .overrides = value_of(otlp, OTLP_ROLE_DECISION_OVERRIDES),
        .precedents = value_of(otlp, OTLP_ROLE_DECISION_PRECEDENTS),
        .evidence = value_of(otlp, OTLP_ROLE_DECISION_EVIDENCE),
    };
    otlp->batch.counts.conflicts +=
        decision->by == DECIDER_UNKNOWN && otlp_has(otlp, OTLP_ROLE_DECISION_BY);
    return decision;
}

enum step_kind otlp_decision_kind(const struct decision *decision)
{
    CHECK(decision != NULL);
    return decision->by == DECIDER_HUMAN  ? STEP_HUMAN
           : decision->by == DECIDER_RULE ? STEP_GUARD
                                          : STEP_DECISION;
}

void otlp_step_decision(const struct decision *decision, struct step *step)
{
    CHECK(step != NULL);
    step->decision = decision;
    if (step->kind != STEP_DECISION && step->kind != STEP_HUMAN && step->kind != STEP_GUARD) {
        return; /* it decided besides what it is */
    }
    step->name = decision->kind.size > 0 ? decision->kind : step->name;
    step->note = step->note.size == 0 ? decision->choice : step->note;
    if (step->status == STATUS_OK && otlp_is_refusal(decision->choice)) {
        step->status = STATUS_REJECTED;
    }
}
