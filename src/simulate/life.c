/* life: one case from its arrival to the last word about it:
 *
 *     waiting -> attempt -> passed -> resolved -> reopened -> attempt -> …
 *                  | ^                   |  `-> run once more, or revised to failed
 *                  v |                   v
 *                failed -> given up -> escalated, or failed -> revised to resolved
 *
 * A case leaves this wherever the period ends, or where nobody records what became of it. */
#include "simulate/simulate_priv.h"

const struct company_segment *segment_in_force(const struct simulate *simulate,
                                               const struct company_workflow *workflow, int segment)
{
    CHECK(segment >= 0);
    const struct company_segment *const own = &workflow->segments[segment];
    return has_plant(simulate, own->plant)
               ? own
               : &workflow->segments[company_segment_count(workflow) - 1];
}

int model_delta_e4(const struct simulate *simulate, const struct company_use *use)
{
    CHECK(use != NULL);
    return has_plant(simulate, SIMULATE_ROUTING) ? use->delta_e4 : use->delta_plain_e4;
}

int success_e4(const struct simulate *simulate, const struct company_workflow *workflow,
               int segment, int model, size_t number)
{
    CHECK(model >= 0);
    const struct company_segment *const force = segment_in_force(simulate, workflow, segment);
    const int first = force->first_e4 + context_of(simulate, workflow)->first_delta_e4;
    const int success = (number == 0 ? first : force->further_e4) +
                        model_delta_e4(simulate, &workflow->models[model]);
    CHECK(success >= 0);
    CHECK(success <= ONE_E4);
    return success;
}

static int segment_of(const struct company_workflow *workflow, const int *values)
{
    const size_t count = company_segment_count(workflow);
    for (size_t i = 0; i < count; i++) {
        const struct company_segment *const segment = &workflow->segments[i];
        size_t held = 0;
        for (size_t t = 0; t < segment->test_count; t++) {
            held += values[segment->tests[t].attribute] == segment->tests[t].value;
        }
        if (held == segment->test_count) {
            return (int)i;
        }
    }
    CHECK(false);
    return -1;
}

static void draw_values(struct lane *lane, const struct company_workflow *workflow, int *values)
{
    const size_t count = company_attribute_count(workflow);
    for (size_t i = 0; i < count; i++) {
        int place = (int)rng_below(&lane->draws[DRAW_ATTRIBUTE], ONE_E4);
        int value = 0;
        while (place >= workflow->attributes[i].values[value].share_e4) {
            place -= workflow->attributes[i].values[value++].share_e4;
            CHECK(value < COMPANY_VALUES_MAX);
        }
        values[i] = value;
    }
}

static int draw_use(struct lane *lane, const struct company_workflow *workflow)
{
    int place = (int)rng_below(&lane->draws[DRAW_MODEL], ONE_E4);
    int use = 0;
    while (place >= workflow->models[use].share_e4) {
        place -= workflow->models[use++].share_e4;
        CHECK(use < COMPANY_MODELS_MAX);
    }
    return use;
}

/* What comes in: a new input, or the last one again. */
static void draw_input(struct lane *lane, const struct company_workflow *workflow,
                       struct simulate_case *one)
{
    struct rng *const draws = &lane->draws[DRAW_REPLICATE];
    int values[SIMULATE_ATTRIBUTES_MAX] = {0};
    draw_values(lane, workflow, values);
    const int use = draw_use(lane, workflow);
    one->replicate = lane->replicates_left > 0;
    if (one->replicate) {
        lane->replicates_left--;
    } else {
        lane->input_key = rng_next(draws);
        memcpy(lane->values, values, sizeof values);
        lane->model = use;
        if (draw_chance(draws, workflow->replicate_e4)) {
            lane->replicates_left = (int)draw_between(draws, 1, 4);
        }
    }
    one->input_key = lane->input_key;
    memcpy(one->values, lane->values, sizeof one->values);
    one->use = lane->model;
    one->segment = segment_of(workflow, one->values);
    one->last_alike = lane->replicates_left == 0 || lane->given == lane->cases;
}

struct life {
    const struct simulate *simulate;
    struct lane *lane;
    const struct company_workflow *workflow;
    struct simulate_case *one;
    int64_t now_ms;
    int64_t value_cents;
};

/* One more attempt; false when the period ends before it could start. */
static bool try_once(struct life *life, bool *passed)
{
    struct simulate_case *const one = life->one;
    if (life->now_ms > PERIOD_END_MS - LAST_START_HOURS * MS_PER_HOUR) {
        return false;
    }
    const size_t number = one->attempt_count;
    CHECK(number < SIMULATE_ATTEMPTS_MAX);
    const int escalates = life->workflow->escalates_to;
    const int use = number > 0 && escalates >= 0 ? escalates : one->use;
    const int chance = success_e4(life->simulate, life->workflow, one->segment, use, number);
    *passed = draw_chance(&life->lane->draws[DRAW_SUCCESS], chance);
    life->now_ms = attempt_run(life->simulate, life->lane, life->workflow, one->segment, use,
                               *passed, life->now_ms, &one->attempts[number]);
    one->attempt_count++;
    return true;
}

/* A statement about the case, unless it became known only after the period. */
static void state(struct life *life, enum outcome_status status, int64_t human_ms,
                  struct str source)
{
    struct rng *const draws = &life->lane->draws[DRAW_OUTCOME];
    const bool late = draw_chance(draws, life->workflow->late_e4);
    const int64_t days =
        draw_between(draws, life->workflow->late_days[0], life->workflow->late_days[1]);
    const int64_t seconds = draw_between(draws, 4, 90);
    CHECK(days >= 1);
    const int64_t recorded_ms = life->now_ms + seconds * 1000 + (late ? days * MS_PER_DAY : 0);
    if (recorded_ms >= PERIOD_END_MS) {
        return;
    }
    CHECK(life->one->outcome_count < SIMULATE_OUTCOMES_MAX);
    life->one->outcomes[life->one->outcome_count++] = (struct simulate_outcome){
        .status = status,
        .effective_ms = life->now_ms,
        .recorded_ms = recorded_ms,
        .human_ms = human_ms,
        .value_cents = status == OUTCOME_RESOLVED ? life->value_cents : -1,
        .source = source,
    };
}

/* What nobody tries again: a person takes it over, or it stays undone. */
static void give_up(struct life *life)
{
    struct rng *const draws = &life->lane->draws[DRAW_HUMAN];
    const bool escalated = draw_chance(draws, life->workflow->escalate_e4);
    const int64_t human_ms = draw_minutes_ms(draws, life->workflow->takeover_ms);
    life->now_ms += draw_between(draws, 10, 180) * MS_PER_MINUTE;
    if (escalated) {
        state(life, OUTCOME_ESCALATED, human_ms, STR("case desk"));
    } else {
        state(life, OUTCOME_FAILED, 0, STR("workflow"));
    }
}

static void pass_days(struct life *life, int low, int high)
{
    struct rng *const draws = &life->lane->draws[DRAW_OUTCOME];
    life->now_ms += draw_between(draws, low * MS_PER_DAY / 1000, high * MS_PER_DAY / 1000) * 1000;
}

static void reopen(struct life *life)
{
    CHECK(life->one->attempt_count > 0);
    struct rng *const draws = &life->lane->draws[DRAW_HUMAN];
    bool passed = false;
    pass_days(life, 1, 12);
    state(life, OUTCOME_REOPENED, 0, STR("customer"));
    life->now_ms += draw_between(draws, 30, 1800) * MS_PER_MINUTE;
    const bool corrected = draw_chance(draws, 5000);
    const int correction_ms[2] = {2 * MS_PER_MINUTE, 9 * MS_PER_MINUTE};
    const int64_t human_ms = draw_minutes_ms(draws, correction_ms);
    if (!try_once(life, &passed)) {
        return;
    }
    life->now_ms += 5000;
    if (passed) {
        state(life, OUTCOME_RESOLVED, corrected ? human_ms : 0, STR("workflow"));
    } else {
        give_up(life);
    }
}

/* What may still happen to a case that has its outcome. */
static void live_on(struct life *life, bool resolved, bool escalated)
{
    struct rng *const draws = &life->lane->draws[DRAW_OUTCOME];
    const bool reopened = draw_chance(draws, life->workflow->reopen_e4);
    const bool again = draw_chance(draws, life->workflow->after_e4);
    const bool revised = draw_chance(draws, life->workflow->revise_e4);
    const int revision_ms[2] = {2 * MS_PER_MINUTE, 6 * MS_PER_MINUTE};
    if (resolved && reopened) {
        reopen(life);
    } else if (resolved && again) {
        bool passed;
        pass_days(life, 1, 3);
        (void)try_once(life, &passed);
    } else if (revised && resolved) {
        pass_days(life, 3, 20);
        state(life, OUTCOME_FAILED, draw_minutes_ms(&life->lane->draws[DRAW_HUMAN], revision_ms),
              STR("quality review"));
    } else if (revised && !escalated) {
        pass_days(life, 3, 20);
        state(life, OUTCOME_RESOLVED, 0, STR("appeal"));
    }
}

static void live(struct life *life)
{
    const struct company_context *const context = context_of(life->simulate, life->workflow);
    struct rng *const outcome = &life->lane->draws[DRAW_OUTCOME];
    struct rng *const time = &life->lane->draws[DRAW_TIME];
    struct simulate_case *const one = life->one;
    const bool lost = draw_chance(outcome, life->workflow->lost_e4);
    const int *const range = life->workflow->value_range_cents;
    CHECK(range[0] <= range[1]);
    life->value_cents = range[1] > 0 ? draw_between(outcome, range[0], range[1]) : -1;
    life->now_ms = one->opened_ms + draw_between(time, 800, 20000);
    bool passed = false;
    for (int number = 0; number < context->attempts_max && !passed; number++) {
        if (number > 0) {
            if (draw_chance(&life->lane->draws[DRAW_SUCCESS], context->give_up_e4)) {
                break;
            }
            life->now_ms += draw_between(time, life->workflow->retry_minutes[0] * MS_PER_MINUTE,
                                         life->workflow->retry_minutes[1] * MS_PER_MINUTE);
        }
        if (!try_once(life, &passed)) {
            return; /* still waiting when the period ends */
        }
    }
    if (lost) {
        return;
    }
    if (passed) {
        life->now_ms += draw_between(time, 1000, 20000);
        state(life, OUTCOME_RESOLVED, 0, STR("workflow"));
    } else {
        give_up(life);
    }
    const bool escalated = one->outcome_count > 0 && one->outcomes[0].status == OUTCOME_ESCALATED;
    live_on(life, passed, escalated);
}

void life_run(const struct simulate *simulate, struct lane *lane,
              const struct company_workflow *workflow, struct simulate_case *one)
{
    CHECK(one->attempt_count == 0);
    CHECK(one->outcome_count == 0);
    draw_input(lane, workflow, one);
    struct life life = {.simulate = simulate, .lane = lane, .workflow = workflow, .one = one};
    live(&life);
    CHECK(one->attempt_count > 0);
}
