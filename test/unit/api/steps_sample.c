/*
 * Seven cases, step by step. Costs of desk in p$; in brackets the call that issued a step where the
 * source says so, otherwise it is the call above it.
 *
 *     again   attempt 1 failed: call 110, lookup 10; attempt 2 resolved it:
 *              1 call 100            2 search A, fee 5 [1]      3 search A [1]
 *              4 fetch B error [1]   5 call 50                  6 fetch B
 *              7 save, changed       8 call 7                   9 search A
 *             10 guard, fee 3       11 call 20                 12 TodoWrite
 *             13 call 40            14 search C                15 peek
 *     lost    closed as failed: call 30, look error, call 0, look
 *     open    no outcome: 1 call 11, 2 look A, 3 run, 4 call 9, 5 look A, 6 call 8
 *     rework  resolved by call 13; then 1 call 14, 2 fetch error, 3 call 15, 4 fetch, 5 call 16
 *     dark    resolved: a call without a price, two looks of fee 4
 *     asked   resolved: 1 call 21, 2 pay refused, 3 review refused (a minute), 4 call 22,
 *             5 decision [4], 6 call 23
 *     thrice  resolved: 1 call 12, 2 fetch A error, 3 fetch A error, 4 fetch A
 */
#include "steps_sample.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/rng.h"
#include "reporting.h"

enum { ROWS_MAX = 128, LOOK_MAX = 2 };

static struct {
    struct ledger_cases cases[ROWS_MAX];
    struct ledger_attempts attempts[ROWS_MAX];
    struct ledger_steps steps[ROWS_MAX];
    struct ledger_outcomes outcomes[ROWS_MAX];
    size_t case_count;
    size_t attempt_count;
    size_t step_count;
    size_t outcome_count;
    struct str workflow;
    int64_t scale;
    uint64_t case_key;
    uint64_t attempt_key;
    int64_t now_ns;
    int64_t sequence;
} s;

static void begin_case(const char *id)
{
    CHECK(s.case_count < ROWS_MAX);
    s.case_key = hash64_of(s.workflow, str_from(id));
    s.cases[s.case_count++] = (struct ledger_cases){.case_key = s.case_key,
                                                    .workflow = s.workflow,
                                                    .case_id = str_from(id),
                                                    .named_by = NAMED_BY_SOURCE,
                                                    .import_id = 1};
}

static void begin_attempt(const char *id, int number)
{
    CHECK(s.attempt_count < ROWS_MAX);
    s.now_ns = clock_days(2026, 3, number) * CLOCK_NS_PER_DAY;
    s.sequence = 0;
    s.attempt_key = s.case_key + (uint64_t)number;
    s.attempts[s.attempt_count++] = (struct ledger_attempts){.attempt_key = s.attempt_key,
                                                             .case_key = s.case_key,
                                                             .attempt_id = str_from(id),
                                                             .number = number,
                                                             .succeeded = LEDGER_NULL,
                                                             .import_id = 1};
}

static struct ledger_steps *step(enum step_kind kind, int64_t cost)
{
    CHECK(s.step_count < ROWS_MAX);
    s.sequence++;
    s.now_ns += CLOCK_NS_PER_SECOND;
    struct ledger_steps *const row = &s.steps[s.step_count];
    s.step_count++;
    *row = (struct ledger_steps){
        .step_key = {.low = s.attempt_key * 1000 + (uint64_t)s.sequence, .high = 3},
        .attempt_key = s.attempt_key,
        .case_key = s.case_key,
        .workflow = s.workflow,
        .kind = (uint8_t)kind,
        .sequence = s.sequence,
        .started_ns = s.now_ns,
        .ended_ns = s.now_ns + CLOCK_NS_PER_SECOND,
        .cost_basis = cost >= 0 ? COST_REPORTED : COST_NONE,
        .cost_pusd = cost >= 0 ? cost * s.scale : LEDGER_NULL,
        .reported_pusd = cost >= 0 ? cost * s.scale : LEDGER_NULL,
        .import_id = 1,
    };
    return row;
}

static struct ledger_steps *call(int64_t cost)
{
    struct ledger_steps *const row = step(STEP_LLM, cost);
    row->model = STR("acme-1");
    row->input_uncached = 100;
    row->output = 10;
    return row;
}

/* arguments: 0 unknown. */
static struct ledger_steps *tool(const char *name, uint64_t arguments, enum step_effect effect,
                                 enum step_status status)
{
    struct ledger_steps *const row = step(STEP_TOOL, -1);
    row->name = str_from(name);
    row->args_hash = arguments;
    row->effect = (uint8_t)effect;
    row->status = (uint8_t)status;
    return row;
}

static void issue(struct ledger_steps *row, const struct ledger_steps *by)
{
    row->caller = by->step_key.low;
}

static void fee(struct ledger_steps *row, int64_t cost)
{
    row->cost_basis = COST_REPORTED;
    row->cost_pusd = cost * s.scale;
    row->reported_pusd = cost * s.scale;
}

static void outcome(const char *id, enum outcome_status status, int day)
{
    CHECK(s.outcome_count < ROWS_MAX);
    const int64_t at_ns =
        clock_days(2026, 3, day) * CLOCK_NS_PER_DAY + 12 * 3600 * CLOCK_NS_PER_SECOND;
    s.outcomes[s.outcome_count] =
        (struct ledger_outcomes){.outcome_key = {.low = s.case_key, .high = 1},
                                 .content_hash = s.case_key,
                                 .outcome_id = str_from(id),
                                 .revision = 1,
                                 .case_key = s.case_key,
                                 .workflow = s.workflow,
                                 .case_id = str_from(id),
                                 .status = (uint8_t)status,
                                 .effective_ns = at_ns,
                                 .recorded_ns = at_ns,
                                 .value_pusd = LEDGER_NULL,
                                 .quality = NAN,
                                 .source = STR("crm"),
                                 .import_id = 1};
    s.outcome_count++;
}

static void fill_again(void)
{
    begin_case("again");
    begin_attempt("again/1", 1);
    (void)call(110);
    fee(tool("lookup", 1, EFFECT_READ, STATUS_OK), 10);
    begin_attempt("again/2", 2);
    const struct ledger_steps *const first = call(100);
    struct ledger_steps *const found = tool("search", 11, EFFECT_READ, STATUS_OK);
    issue(found, first);
    fee(found, 5);
    issue(tool("search", 11, EFFECT_READ, STATUS_OK), first);
    issue(tool("fetch", 21, EFFECT_READ, STATUS_ERROR), first);
    (void)call(50);
    (void)tool("fetch", 21, EFFECT_READ, STATUS_OK);
    (void)tool("save", 31, EFFECT_WRITE, STATUS_OK);
    (void)call(7);
    (void)tool("search", 11, EFFECT_READ, STATUS_OK);
    step(STEP_GUARD, 3)->name = STR("pii filter");
    (void)call(20);
    (void)tool("TodoWrite", 41, EFFECT_UNKNOWN, STATUS_OK);
    (void)call(40);
    (void)tool("search", 12, EFFECT_READ, STATUS_OK);
    (void)tool("peek", 0, EFFECT_READ, STATUS_OK);
    outcome("again", OUTCOME_RESOLVED, 3);
}

static void fill_short(void)
{
    begin_case("lost");
    begin_attempt("lost/1", 1);
    (void)call(30);
    (void)tool("look", 5, EFFECT_READ, STATUS_ERROR);
    (void)call(0);
    (void)tool("look", 5, EFFECT_READ, STATUS_OK);
    outcome("lost", OUTCOME_FAILED, 2);

    begin_case("open");
    begin_attempt("open/1", 1);
    (void)call(11);
    (void)tool("look", 5, EFFECT_READ, STATUS_OK);
    (void)tool("run", 6, EFFECT_UNKNOWN, STATUS_OK);
    (void)call(9);
    (void)tool("look", 5, EFFECT_READ, STATUS_OK);
    (void)call(8);

    begin_case("dark");
    begin_attempt("dark/1", 1);
    struct ledger_steps *const dark = call(-1);
    dark->cost_basis = COST_UNPRICED;
    for (uint64_t i = 1; i <= LOOK_MAX; i++) {
        fee(tool("look", i, EFFECT_READ, STATUS_OK), 4);
    }
    outcome("dark", OUTCOME_RESOLVED, 2);

    begin_case("thrice");
    begin_attempt("thrice/1", 1);
    (void)call(12);
    (void)tool("fetch", 3, EFFECT_READ, STATUS_ERROR);
    (void)tool("fetch", 3, EFFECT_READ, STATUS_ERROR);
    (void)tool("fetch", 3, EFFECT_READ, STATUS_OK);
    outcome("thrice", OUTCOME_RESOLVED, 2);
}

static void fill_people(void)
{
    begin_case("rework");
    begin_attempt("rework/1", 1);
    (void)call(13);
    outcome("rework", OUTCOME_RESOLVED, 2);
    begin_attempt("rework/2", 5);
    (void)call(14);
    (void)tool("fetch", 9, EFFECT_READ, STATUS_ERROR);
    (void)call(15);
    (void)tool("fetch", 8, EFFECT_READ, STATUS_OK);
    (void)call(16);

    begin_case("asked");
    begin_attempt("asked/1", 1);
    (void)call(21);
    tool("pay", 7, EFFECT_WRITE, STATUS_REJECTED)->note = STR("above the limit");
    struct ledger_steps *const review = step(STEP_HUMAN, -1);
    review->name = STR("review");
    review->status = STATUS_REJECTED;
    review->human_ms = 60000;
    const struct ledger_steps *const asked = call(22);
    struct ledger_steps *const decision = step(STEP_DECISION, -1);
    decision->name = STR("pay half");
    decision->note = STR("rule 7");
    issue(decision, asked);
    (void)call(23);
    outcome("asked", OUTCOME_RESOLVED, 2);
}

void steps_sample_make(struct str home, uint64_t seed)
{
    const struct str workflows[] = {STR("desk"), STR("shop")};
    const int64_t scales[] = {1, 1000000000};
    memset(&s, 0, sizeof s);
    for (size_t i = 0; i < COUNT_OF(workflows); i++) {
        s.workflow = workflows[i];
        s.scale = scales[i];
        fill_again();
        fill_short();
        fill_people();
    }
    struct rng rng;
    rng_init(&rng, seed);
    REPORTING_SHUFFLE(&rng, s.attempts, s.attempt_count)
    REPORTING_SHUFFLE(&rng, s.steps, s.step_count)

    const struct reporting_rows rows[] = {{LEDGER_cases, s.cases, s.case_count},
                                          {LEDGER_attempts, s.attempts, s.attempt_count},
                                          {LEDGER_steps, s.steps, s.step_count},
                                          {LEDGER_outcomes, s.outcomes, s.outcome_count}};
    reporting_fill(home, rows, COUNT_OF(rows));
}
