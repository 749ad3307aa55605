/* tally: what a company's rows come to, in tokens and people's time, part by part.
 * Source: economics of a case (docs/simulate.md, "Parts"): the newest effective outcome counts. */
#include "simulate/simulate_priv.h"

static int span_of(const struct simulate *simulate, int64_t time_ms)
{
    const int64_t day = time_ms / MS_PER_DAY;
    int span = SPANS - 1;
    while (simulate->span_days[span] > day) {
        span--;
        CHECK(span >= 0);
    }
    return span;
}

/* How a case stands by what was said about it. */
struct standing {
    bool closed;
    bool resolved;
    bool once_resolved;
    enum outcome_status final; /* where outcomes exist */
    int64_t resolved_ms;       /* first resolution; where once_resolved */
    size_t resolving;          /* attempt that did it: the last to end before it */
};

static struct standing stand(const struct simulate_case *one)
{
    struct standing standing = {0};
    int64_t newest_ms = INT64_MIN;
    CHECK(one->attempt_count > 0);
    for (size_t i = 0; i < one->outcome_count; i++) {
        const struct simulate_outcome *const outcome = &one->outcomes[i];
        CHECK(outcome->effective_ms > newest_ms);
        if (outcome->effective_ms > newest_ms) {
            newest_ms = outcome->effective_ms;
            standing.final = outcome->status;
        }
        if (outcome->status == OUTCOME_RESOLVED &&
            (!standing.once_resolved || outcome->effective_ms < standing.resolved_ms)) {
            standing.once_resolved = true;
            standing.resolved_ms = outcome->effective_ms;
        }
    }
    standing.closed = one->outcome_count > 0 && standing.final != OUTCOME_REOPENED;
    standing.resolved = standing.closed && standing.final == OUTCOME_RESOLVED;
    for (size_t i = 0; standing.once_resolved && i < one->attempt_count; i++) {
        const struct simulate_attempt *const attempt = &one->attempts[i];
        if (attempt->steps[attempt->step_count - 1].ended_ms <= standing.resolved_ms) {
            standing.resolving = i;
        }
    }
    return standing;
}

static enum part part_of(const struct standing *standing, size_t attempt)
{
    if (!standing->closed) {
        return PART_OPEN;
    }
    if (standing->once_resolved && attempt > standing->resolving) {
        return PART_REWORK;
    }
    if (!standing->resolved) {
        return PART_SUNK;
    }
    return attempt == standing->resolving ? PART_BASE : PART_RETRY_TAIL;
}

static void add_tokens(struct tokens *tokens, const struct simulate_step *step)
{
    CHECK(step->kind == STEP_LLM);
    tokens->calls++;
    tokens->input_uncached += step->input_uncached;
    tokens->cache_read += step->cache_read;
    tokens->cache_write += step->cache_write;
    tokens->output += step->output;
    tokens->reasoning += step->reasoning;
}

/* Same tool and arguments as an earlier step with no successful write between. */
static bool is_duplicate(const struct simulate_attempt *attempt, size_t at)
{
    const struct simulate_step *const step = &attempt->steps[at];
    for (size_t i = at; i-- > 0;) {
        const struct simulate_step *const earlier = &attempt->steps[i];
        if (earlier->effect == EFFECT_WRITE && earlier->status == STATUS_OK) {
            return false;
        }
        if (earlier->args_hash == step->args_hash && str_equal(earlier->name, step->name)) {
            return true;
        }
    }
    return false;
}

static void tally_attempt(const struct simulate *simulate, struct tally_workflow *tally,
                          const struct simulate_attempt *attempt, enum part part)
{
    const enum human_part human = part == PART_OPEN     ? HUMAN_OPEN
                                  : part == PART_REWORK ? HUMAN_REWORK
                                                        : HUMAN_CLOSED;
    CHECK(attempt->step_count > 0);
    tally->attempts++;
    tally->attempts_by_part[part]++;
    tally->steps += (int64_t)attempt->step_count;
    for (size_t i = 0; i < attempt->step_count; i++) {
        const struct simulate_step *const step = &attempt->steps[i];
        if (step->kind == STEP_LLM) {
            const int span = span_of(simulate, step->started_ms);
            add_tokens(&tally->tokens[part][step->model][span], step);
            tally->unpriced_calls += !company_models[step->model].priced;
        } else if (step->kind == STEP_HUMAN) {
            tally->human_ms[human] += step->human_ms;
        } else {
            tally->tool_steps++;
            tally->tool_errors += step->status == STATUS_ERROR;
            tally->tool_duplicates += is_duplicate(attempt, i);
            tally->fee_pusd[part] += step->fee_pusd;
        }
    }
}

static void tally_outcomes(struct tally_workflow *tally, const struct simulate_case *one,
                           const struct standing *standing)
{
    bool reopened = false;
    for (size_t i = 0; i < one->outcome_count; i++) {
        const struct simulate_outcome *const outcome = &one->outcomes[i];
        const bool after = standing->once_resolved && outcome->effective_ms > standing->resolved_ms;
        const enum human_part human = !standing->closed ? HUMAN_OPEN
                                      : after           ? HUMAN_REWORK
                                                        : HUMAN_CLOSED;
        tally->human_ms[human] += outcome->human_ms;
        tally->outcomes++;
        tally->outcomes_late += outcome->recorded_ms - outcome->effective_ms >= MS_PER_DAY;
        tally->outcomes_reopened += outcome->status == OUTCOME_REOPENED;
        tally->outcomes_revised += i > 0 && outcome->status != OUTCOME_REOPENED && !reopened;
        reopened = reopened || outcome->status == OUTCOME_REOPENED;
    }
    tally->cases_silent += one->outcome_count == 0;
}

static void tally_standing(struct tally_cases *cases, const struct simulate_case *one,
                           const struct standing *standing)
{
    const bool passed = one->attempts[0].passed;
    cases->cases++;
    cases->closed += standing->closed;
    cases->resolved += standing->resolved;
    cases->first_passed += passed;
    cases->first_passed_closed += passed && standing->closed;
    cases->first_resolved += standing->resolved && standing->resolving == 0;
}

/* Cases with one input key come one after the other. */
static void tally_replicates(struct tally_workflow *tally, const struct simulate_case *one)
{
    const struct simulate_attempt *const first = &one->attempts[0];
    int64_t tokens = 0;
    for (size_t i = 0; i < first->step_count; i++) {
        const struct simulate_step *const step = &first->steps[i];
        tokens += step->input_uncached + step->cache_read + step->cache_write + step->output;
    }
    if (!one->replicate) {
        tally->group_cases = 0;
        tally->group_tokens_min = tokens;
        tally->group_tokens_max = tokens;
    }
    tally->group_cases++;
    tally->replicated += one->replicate;
    CHECK(tally->group_cases > 0);
    if (tokens < tally->group_tokens_min) {
        tally->group_tokens_min = tokens;
    }
    if (tokens > tally->group_tokens_max) {
        tally->group_tokens_max = tokens;
    }
    if (one->last_alike && tally->group_cases > 1) {
        tally->replicate_groups++;
        tally->replicate_groups_5x += tally->group_tokens_max >= 5 * tally->group_tokens_min;
    }
}

void simulate_tally(struct simulate *simulate, const struct simulate_case *one)
{
    CHECK(simulate != NULL);
    CHECK(one != NULL);
    if (one->workflow < 0) {
        simulate->unattributed_sessions++;
        for (size_t i = 0; i < one->attempts[0].step_count; i++) {
            const struct simulate_step *const step = &one->attempts[0].steps[i];
            add_tokens(&simulate->unattributed[step->model][span_of(simulate, step->started_ms)],
                       step);
        }
        return;
    }
    CHECK(one->workflow < SIMULATE_WORKFLOWS);
    struct tally_workflow *const tally = &simulate->tallies[one->workflow];
    const struct standing standing = stand(one);
    tally_standing(&tally->all, one, &standing);
    tally_standing(&tally->segments[one->segment], one, &standing);
    tally_standing(&tally->models[one->use], one, &standing);
    tally->failed += standing.closed && standing.final == OUTCOME_FAILED;
    tally->escalated += standing.closed && standing.final == OUTCOME_ESCALATED;
    for (size_t i = 0; i < one->attempt_count; i++) {
        tally->attempts_by_number[i]++;
        tally->passed_by_number[i] += one->attempts[i].passed;
        tally_attempt(simulate, tally, &one->attempts[i], part_of(&standing, i));
    }
    tally_outcomes(tally, one, &standing);
    tally_replicates(tally, one);
    if (standing.resolved) {
        int64_t value_cents = company_workflows[one->workflow]->value_cents;
        for (size_t i = 0; i < one->outcome_count; i++) {
            const int64_t stated = one->outcomes[i].value_cents;
            value_cents = stated >= 0 ? stated : value_cents;
        }
        tally->value_cents += value_cents;
    }
}
