#include "sample.h"

#include <math.h>
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/rng.h"
#include "reporting.h"

enum { ROWS_MAX = 64, NAME_BYTES_MAX = 32 };

struct sample {
    struct ledger_cases cases[ROWS_MAX];
    struct ledger_attempts attempts[ROWS_MAX];
    struct ledger_steps steps[ROWS_MAX];
    struct ledger_outcomes outcomes[ROWS_MAX];
    size_t case_count;
    size_t attempt_count;
    size_t step_count;
    size_t outcome_count;
};

static const struct settings_workflow workflows[] = {
    {.name = STR_STATIC("claims"),
     .unit = STR_STATIC("claim"),
     .risk = RISK_NORMAL,
     .has_value = true,
     .value_pusd = 6 * MONEY_PUSD_PER_USD,
     .has_human_rate = true,
     .human_rate_pusd = 36 * MONEY_PUSD_PER_USD, /* a cent a second */
     .baselines = {[BASELINE_BPO] = {.set = true,
                                     .price_pusd = 2 * MONEY_PUSD_PER_USD,
                                     .success_rate = 0.8},
                   [BASELINE_HUMAN] = {.set = true,
                                       .work_ms = 600000,
                                       .price_pusd = 6 * MONEY_PUSD_PER_USD,
                                       .success_rate = 0.96}},
     .non_inferiority_pp = 2},
    {.name = STR_STATIC("sessions"), .risk = RISK_NORMAL, .takes_commits = true},
};

/* A workflow's own test changes nothing here: cast away const only to fill the list. */
const struct settings sample_settings = {
    .workflows = {.rows = (struct settings_workflow *)(uintptr_t)workflows,
                  .count = COUNT_OF(workflows)},
};

int64_t sample_time(int day, int hour)
{
    return (clock_days(2026, 3, day) * 24 + hour) * 3600 * CLOCK_NS_PER_SECOND;
}

static uint64_t case_key(struct str workflow, const char *id)
{
    return hash64_of(workflow, str_from(id));
}

static void add_case(struct sample *s, struct str workflow, const char *id)
{
    CHECK(s->case_count < ROWS_MAX);
    s->cases[s->case_count++] = (struct ledger_cases){
        .case_key = case_key(workflow, id),
        .workflow = workflow,
        .case_id = str_from(id),
        .named_by = str_equal(workflow, STR("sessions")) ? NAMED_BY_SESSION : NAMED_BY_SOURCE,
        .import_id = 1};
}

static struct ledger_steps *add_step(struct sample *s, struct str workflow, const char *id,
                                     int attempt, int64_t at_ns, int64_t cost_thousandths)
{
    char number[8];
    CHECK(s->step_count < ROWS_MAX);
    CHECK(snprintf(number, sizeof number, "%d", attempt) > 0);
    const uint64_t sequence = s->step_count;
    struct ledger_steps *const step = &s->steps[s->step_count++];
    *step =
        (struct ledger_steps){.step_key = {.low = sequence + 1, .high = 7},
                              .attempt_key = hash64_of(workflow, str_from(id), str_from(number)),
                              .case_key = case_key(workflow, id),
                              .workflow = workflow,
                              .kind = STEP_LLM,
                              .sequence = (int64_t)sequence,
                              .started_ns = at_ns,
                              .ended_ns = at_ns + CLOCK_NS_PER_SECOND,
                              .provider = STR("acme"),
                              .model = STR("acme-1"),
                              .input_uncached = 100,
                              .output = 10,
                              .cost_basis = COST_PRICED,
                              .cost_pusd = cost_thousandths * 1000000000,
                              .price_id = 1,
                              .reported_pusd = LEDGER_NULL,
                              .import_id = 1};
    return step;
}

/* An attempt of one call. */
static void add_attempt(struct sample *s, struct str workflow, const char *id, int attempt,
                        int64_t at_ns, int64_t cost_thousandths)
{
    const struct ledger_steps *const step =
        add_step(s, workflow, id, attempt, at_ns, cost_thousandths);
    CHECK(s->attempt_count < ROWS_MAX);
    s->attempts[s->attempt_count++] = (struct ledger_attempts){.attempt_key = step->attempt_key,
                                                               .case_key = step->case_key,
                                                               .attempt_id = STR("t"),
                                                               .number = 0,
                                                               .agent = STR("agent"),
                                                               .succeeded = LEDGER_NULL,
                                                               .import_id = 1};
}

static struct ledger_outcomes *add_outcome(struct sample *s, struct str workflow, const char *id,
                                           int key, int revision, enum outcome_status status,
                                           int64_t effective_ns, int64_t recorded_ns)
{
    CHECK(s->outcome_count < ROWS_MAX);
    struct ledger_outcomes *const o = &s->outcomes[s->outcome_count++];
    *o = (struct ledger_outcomes){.outcome_key = {.low = (uint64_t)key, .high = 1},
                                  .content_hash = (uint64_t)(key * 10 + revision),
                                  .outcome_id = STR("o"),
                                  .revision = revision,
                                  .case_key = case_key(workflow, id),
                                  .workflow = workflow,
                                  .case_id = str_from(id),
                                  .status = (uint8_t)status,
                                  .effective_ns = effective_ns,
                                  .recorded_ns = recorded_ns,
                                  .value_pusd = LEDGER_NULL,
                                  .quality = NAN,
                                  .source = STR("crm"),
                                  .import_id = 1};
    return o;
}

static void fill_claims(struct sample *s)
{
    static const char *const ids[] = {"c1", "c2", "c3", "c4",  "c5",  "c6",
                                      "c7", "c8", "c9", "c10", "c11", "c12"};
    const struct str w = STR("claims");
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        add_case(s, w, ids[i]);
    }
    add_attempt(s, w, "c1", 1, sample_time(1, 9), 100);
    add_outcome(s, w, "c1", 1, 1, OUTCOME_RESOLVED, sample_time(1, 12), sample_time(1, 12))
        ->value_pusd = 10 * MONEY_PUSD_PER_USD;

    add_attempt(s, w, "c2", 1, sample_time(1, 9), 100);
    add_attempt(s, w, "c2", 2, sample_time(2, 9), 250);
    struct ledger_steps *const tool = add_step(s, w, "c2", 2, sample_time(2, 10), 50);
    tool->kind = STEP_TOOL;
    tool->cost_basis = COST_REPORTED;
    tool->reported_pusd = tool->cost_pusd;
    tool->input_uncached = 0;
    tool->output = 0;
    add_outcome(s, w, "c2", 2, 1, OUTCOME_RESOLVED, sample_time(2, 12), sample_time(2, 12));

    add_attempt(s, w, "c3", 1, sample_time(1, 9), 200);
    add_attempt(s, w, "c3", 2, sample_time(1, 10), 200);
    add_outcome(s, w, "c3", 3, 1, OUTCOME_FAILED, sample_time(2, 12), sample_time(2, 12))
        ->human_ms = 5 * 60000;

    add_attempt(s, w, "c4", 1, sample_time(2, 9), 150);
    add_attempt(s, w, "c4", 2, sample_time(6, 9), 250);
    add_outcome(s, w, "c4", 41, 1, OUTCOME_RESOLVED, sample_time(3, 12), sample_time(3, 12))
        ->human_ms = 60000;
    add_outcome(s, w, "c4", 42, 1, OUTCOME_REOPENED, sample_time(5, 12), sample_time(5, 12));
    add_outcome(s, w, "c4", 43, 1, OUTCOME_RESOLVED, sample_time(7, 12), sample_time(7, 12))
        ->human_ms = 2 * 60000;

    add_attempt(s, w, "c5", 1, sample_time(2, 6), 70);

    add_attempt(s, w, "c6", 1, sample_time(2, 9), 50);
    struct ledger_steps *const person = add_step(s, w, "c6", 1, sample_time(2, 10), 0);
    person->kind = STEP_HUMAN;
    person->cost_basis = COST_NONE;
    person->cost_pusd = LEDGER_NULL;
    person->human_ms = 10 * 60000;
    person->input_uncached = 0;
    person->output = 0;
    add_outcome(s, w, "c6", 6, 1, OUTCOME_ESCALATED, sample_time(3, 12), sample_time(3, 12));

    add_attempt(s, w, "c7", 1, sample_time(3, 9), 120);
    add_outcome(s, w, "c7", 7, 1, OUTCOME_RESOLVED, sample_time(4, 12), sample_time(4, 12));
    add_outcome(s, w, "c7", 7, 2, OUTCOME_FAILED, sample_time(4, 12), sample_time(20, 12));

    add_attempt(s, w, "c8", 1, sample_time(1, 9), 110);
    add_outcome(s, w, "c8", 8, 1, OUTCOME_RESOLVED, sample_time(2, 12), sample_time(25, 12));

    add_attempt(s, w, "c9", 1, sample_time(2, 9), 20);
    struct ledger_steps *const dark = add_step(s, w, "c9", 1, sample_time(2, 10), 0);
    dark->cost_basis = COST_UNPRICED;
    dark->cost_pusd = LEDGER_NULL;
    dark->model = STR("mystery-9");
    add_outcome(s, w, "c9", 9, 1, OUTCOME_RESOLVED, sample_time(2, 12), sample_time(2, 12));

    add_outcome(s, w, "c10", 10, 1, OUTCOME_RESOLVED, sample_time(2, 12), sample_time(2, 12));

    add_attempt(s, w, "c11", 1, sample_time(4, 9), 10);
    add_attempt(s, w, "c11", 2, sample_time(4, 9), 30);
    add_outcome(s, w, "c11", 11, 1, OUTCOME_RESOLVED, sample_time(4, 12), sample_time(4, 12));

    add_attempt(s, w, "c12", 1, sample_time(8, 9), 5);
    add_attempt(s, w, "c12", 2, sample_time(8, 11), 40);
    add_outcome(s, w, "c12", 12, 1, OUTCOME_RESOLVED, sample_time(8, 0), sample_time(9, 12));
}

static void fill_others(struct sample *s)
{
    const struct str w = STR("sessions");
    add_case(s, w, "s1");
    add_case(s, w, "s2");
    add_attempt(s, w, "s1", 1, sample_time(3, 9), 500);
    add_attempt(s, w, "s2", 1, sample_time(3, 9), 700);
    add_outcome(s, w, "s1", 20, 1, OUTCOME_CANDIDATE, sample_time(3, 10), sample_time(3, 10))
        ->source = STR("git commit");
    add_outcome(s, w, "s2", 21, 1, OUTCOME_CANDIDATE, sample_time(3, 10), sample_time(3, 10))
        ->source = STR("pull request"); /* not among what this workflow takes */

    const struct str none = STR("");
    add_case(s, none, "u1");
    add_attempt(s, none, "u1", 1, sample_time(3, 9), 250);
    add_step(s, none, "u1", 1, sample_time(3, 10), 250);
}

void sample_make(struct str home, uint64_t seed)
{
    static struct sample s;
    s = (struct sample){0};
    fill_claims(&s);
    fill_others(&s);
    struct rng rng;
    rng_init(&rng, seed);
    REPORTING_SHUFFLE(&rng, s.cases, s.case_count)
    REPORTING_SHUFFLE(&rng, s.attempts, s.attempt_count)
    REPORTING_SHUFFLE(&rng, s.steps, s.step_count)
    REPORTING_SHUFFLE(&rng, s.outcomes, s.outcome_count)

    const struct reporting_rows rows[] = {{LEDGER_cases, s.cases, s.case_count},
                                          {LEDGER_attempts, s.attempts, s.attempt_count},
                                          {LEDGER_steps, s.steps, s.step_count},
                                          {LEDGER_outcomes, s.outcomes, s.outcome_count}};
    reporting_fill(home, rows, COUNT_OF(rows));
}
