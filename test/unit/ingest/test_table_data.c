/* The shipped maps over the shared data: costs, calls, cases and outcomes equal, to the last digit,
 * what the data sets state or a direct sum over their files in DECIMAL gives.
 * No data, no test: each says so and passes. */
#include <stdio.h>

#include "base/hash.h"
#include "base/money.h"
#include "store/scan.h"
#include "support/table_fixture.h"
#include "support/test.h"

enum { GROUPS_MAX = 64, CASES_MAX = 60000 };

/* One case put together again from the batches that named it. */
struct whole_case {
    uint64_t key;
    int group;
    bool resolved;
    bool closed;
    int64_t attempts;
    int64_t last_number;
    money_sum last_pusd;
    money_sum total_pusd;
};

struct group {
    struct str name;
    int64_t cases;
    int64_t attempts;
    int64_t calls;
    int64_t resolved;
    int64_t open;
    int64_t unpriced;
    money_sum base;
    money_sum retry_tail;
    money_sum sunk;
    money_sum total;
};

struct sums {
    struct group groups[GROUPS_MAX];
    int count;
    struct whole_case *cases;
    size_t case_count;
};

static struct whole_case *find_case(struct sums *sums, struct str workflow, struct str id)
{
    const uint64_t key = hash64_of(workflow, id) | 1;
    size_t at = (size_t)key % (2 * CASES_MAX);
    while (sums->cases[at].key != 0 && sums->cases[at].key != key) {
        at = (at + 1) % (2 * CASES_MAX);
    }
    if (sums->cases[at].key == 0) {
        CHECK(sums->case_count++ < CASES_MAX);
        sums->cases[at] = (struct whole_case){.key = key, .group = -1};
    }
    return &sums->cases[at];
}

static int find_group(struct sums *sums, struct str name)
{
    for (int i = 0; i < sums->count; i++) {
        if (str_equal(sums->groups[i].name, name)) {
            return i;
        }
    }
    CHECK(sums->count < GROUPS_MAX);
    sums->groups[sums->count].name = name;
    return sums->count++;
}

static struct group *group_of(struct sums *sums, const char *name)
{
    for (int i = 0; i < sums->count; i++) {
        if (str_equal(sums->groups[i].name, str_from(name))) {
            return &sums->groups[i];
        }
    }
    static struct group none;
    return &none;
}

/* The group is an attribute, or the workflow where `attribute` is NULL. */
static void name_groups(struct fixture *fixture, const char *attribute, struct sums *sums)
{
    for (size_t i = 0; i < fixture->all.cases.count; i++) {
        const struct trace_case *row = &fixture->all.cases.rows[i];
        struct whole_case *whole = find_case(sums, row->workflow, row->id);
        struct str name = attribute == NULL ? row->workflow : (struct str){0};
        for (size_t a = 0; attribute != NULL && a < row->attribute_count; a++) {
            name = str_equal(row->attributes[a].name, str_from(attribute))
                       ? row->attributes[a].value
                       : name;
        }
        if (name.size > 0 && whole->group < 0) {
            whole->group = find_group(sums, name);
            sums->groups[whole->group].cases++;
        }
    }
}

static void add_steps(struct fixture *fixture, struct sums *sums)
{
    for (size_t i = 0; i < fixture->all.steps.count; i++) {
        const struct step *step = &fixture->all.steps.rows[i];
        const struct attempt *attempt = &fixture->all.attempts.rows[step->attempt_index];
        const struct trace_case *row = &fixture->all.cases.rows[attempt->case_index];
        struct whole_case *whole = find_case(sums, row->workflow, row->id);
        struct group *group = &sums->groups[whole->group];
        if (step->kind != STEP_LLM) {
            continue;
        }
        group->calls++;
        group->unpriced += !step->has_reported;
        whole->total_pusd += step->reported_pusd;
        whole->attempts++;
        if (attempt->number > whole->last_number) {
            whole->last_number = attempt->number;
            whole->last_pusd = step->reported_pusd;
        }
    }
}

static void add_up(struct fixture *fixture, const char *attribute, struct sums *sums)
{
    *sums = (struct sums){.cases = arena_new(&fixture->arena, struct whole_case, 2 * CASES_MAX)};
    CHECK(sums->cases != NULL);
    name_groups(fixture, attribute, sums);
    add_steps(fixture, sums);
    for (size_t i = 0; i < fixture->all.outcomes.count; i++) {
        const struct outcome *outcome = &fixture->all.outcomes.rows[i];
        struct whole_case *whole = find_case(sums, outcome->workflow, outcome->case_id);
        whole->closed = true;
        whole->resolved = outcome->status == OUTCOME_RESOLVED;
    }
    for (size_t i = 0; i < 2 * CASES_MAX; i++) {
        const struct whole_case *whole = &sums->cases[i];
        if (whole->key == 0) {
            continue;
        }
        struct group *group = &sums->groups[whole->group];
        group->resolved += whole->resolved;
        group->open += !whole->closed;
        group->attempts += whole->attempts;
        group->total += whole->total_pusd;
        group->base += whole->resolved ? whole->last_pusd : 0;
        group->retry_tail += whole->resolved ? whole->total_pusd - whole->last_pusd : 0;
        group->sunk += whole->resolved ? 0 : whole->total_pusd;
    }
}

static int64_t pusd(const char *usd)
{
    int64_t amount = -1;
    struct err err;
    CHECK(money_parse(str_from(usd), &amount, &err) == ERR_OK);
    return amount;
}

/* The sum DuckDB itself makes over a file, in whole picodollars. */
struct oracle {
    struct sums *sums;
    int compared;
    bool equal;
};

static enum errc compare(void *context, const struct str *values, size_t count, struct err *err)
{
    struct oracle *oracle = context;
    CHECK(count == 5);
    (void)err;
    char name[512];
    CHECK(values[0].size < sizeof name);
    memcpy(name, values[0].data, values[0].size);
    name[values[0].size] = '\0';
    const struct group *group = group_of(oracle->sums, name);
    int64_t expected[4] = {0};
    for (size_t i = 0; i < 4; i++) {
        CHECK(str_to_int64(values[i + 1], &expected[i]));
    }
    const bool equal = group->cases == expected[0] && group->resolved == expected[1] &&
                       group->calls == expected[2] && group->total == expected[3];
    if (!equal) {
        char line[1024];
        snprintf(line, sizeof line,
                 "%.200s: %lld/%lld cases, %lld/%lld resolved, %lld/%lld calls, %lld/%lld p$", name,
                 (long long)group->cases, (long long)expected[0], (long long)group->resolved,
                 (long long)expected[1], (long long)group->calls, (long long)expected[2],
                 (long long)group->total, (long long)expected[3]);
        test_note(line);
    }
    oracle->equal = oracle->equal && equal;
    oracle->compared++;
    return ERR_OK;
}

/* `sql` gives name, cases, resolved, calls, p$ over the relations `a` and `b`. */
static bool equals_query(struct fixture *fixture, struct sums *sums, const char *file_a,
                         const char *file_b, const char *sql, int groups)
{
    struct store_scan *scan = NULL;
    struct err err = {0};
    struct oracle oracle = {.sums = sums, .equal = true};
    char path[2][FIXTURE_PATH_MAX];
    const char *const files[] = {file_a, file_b};
    const struct store_scan_options options = {
        .root = str_from(fixture->data), .memory_bytes_max = (int64_t)1 << 30, .thread_count = 2};
    enum errc code = store_scan_open(&options, &fixture->arena, &scan, &err);
    for (size_t i = 0; i < 2 && code == ERR_OK; i++) {
        snprintf(path[i], sizeof path[i], "%.3000s/%s", fixture->data, files[i]);
        struct store_scan_file file = {.path = str_from(path[i])};
        CHECK(store_scan_format(file.path, &file.format));
        code = store_scan_add(scan, i == 0 ? STR("a") : STR("b"), &file, 1, false, &err);
    }
    if (code == ERR_OK) {
        code = store_scan_query(scan, str_from(sql), compare, &oracle, &err);
    }
    store_scan_close(&scan);
    if (code != ERR_OK) {
        test_note(err.text);
    }
    return code == ERR_OK && oracle.equal && oracle.compared == groups;
}

static struct fixture fixture;
static struct sums sums;

static bool import(const char *map, const char *attribute)
{
    char probe[256];
    snprintf(probe, sizeof probe, "%s/README.md", map);
    const char *const readme = test_is_refusing() ? NULL : test_shared(probe);
    if (readme == NULL) {
        return false;
    }
    char folder[FIXTURE_PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s", (int)(strlen(readme) - strlen("/README.md")), readme);
    fixture_open(&fixture);
    if (fixture_import_shipped(&fixture, map, folder) != ERR_OK) {
        test_note(fixture.err.text);
        test_expect_failed("import", __FILE__, __LINE__);
        return false;
    }
    for (size_t i = 0; i < fixture.all.rejects.count && i < 5; i++) {
        test_note(fixture.all.rejects.rows[i].reason.data);
    }
    add_up(&fixture, attribute, &sums);
    return true;
}

static void retries_of_humaneval_add_up_to_the_last_digit(void)
{
    if (!import("humaneval_agents", NULL)) {
        return;
    }
    EXPECT(fixture.all.rejected == 0);
    EXPECT(fixture.all.outcomes.count == 18081);
    EXPECT(fixture.all.steps.count == 21538);
    EXPECT(fixture.all.attempts.count == 21538);
    EXPECT(sums.case_count == 18081);
    EXPECT(sums.count == 32);
    const struct group *group =
        group_of(&sums, "simple_repeat/gpt-4-turbo-0409-8repeats-no-temp-incr");
    EXPECT(group->cases == 615);
    EXPECT(group->attempts == 806);
    EXPECT(group->resolved == 574);
    EXPECT(group->base == pusd("6.71930"));
    EXPECT(group->retry_tail == pusd("0.44860"));
    EXPECT(group->sunk == pusd("2.53027"));
    EXPECT(group->total == pusd("9.69817"));
    EXPECT(equals_query(
        &fixture, &sums, "attempts.csv.gz", "calls.csv.gz",
        "SELECT agent || '/' || config, CAST(count(*) AS VARCHAR), "
        "CAST(count(*) FILTER (solved = '1') AS VARCHAR), "
        "CAST(sum(CAST(llm_calls AS INTEGER)) AS VARCHAR), "
        "CAST(CAST(sum(s) * 1000000000000 AS HUGEINT) AS VARCHAR) "
        "FROM a LEFT JOIN (SELECT attempt_id, sum(CAST(cost_usd AS DECIMAL(38, 12))) AS s FROM b "
        "GROUP BY 1) USING (attempt_id) GROUP BY 1",
        32));
    fixture_close(&fixture);
}

static void an_outcome_of_humaneval_follows_the_last_call(void)
{
    if (!import("humaneval_agents", NULL)) {
        return;
    }
    int64_t timed = 0;
    for (size_t i = 0; i < fixture.all.outcomes.count; i++) {
        timed += fixture.all.outcomes.rows[i].effective_ns != TIME_UNKNOWN;
    }
    EXPECT(timed == 18081 - 6170); /* the others have no call */
    const struct step *first = &fixture.all.steps.rows[0];
    for (size_t i = 0; i < fixture.all.steps.count; i++) {
        const struct step *step = &fixture.all.steps.rows[i];
        if (str_equal(step->identity, STR("ldb/gpt-3.5-turbo-0125+gpt-3.5-turbo-0125/run1/10#0"))) {
            first = step;
        }
    }
    /* "2024-04-14 17:58:37,832", 1.698 s after it was sent */
    EXPECT(first->ended_ns == INT64_C(1713117517832000000));
    EXPECT(first->started_ns == INT64_C(1713117516134000000));
    EXPECT(first->usage.counts[USAGE_INPUT_UNCACHED] == 843);
    EXPECT(first->usage.counts[USAGE_OUTPUT] == 116);
    EXPECT(first->reported_pusd == 595500000);
    fixture_close(&fixture);
}

static void customer_service_equals_its_runs_by_model(void)
{
    if (!import("customer_service", "label")) {
        return;
    }
    EXPECT(fixture.all.rejected == 0);
    EXPECT(sums.case_count == 534);
    EXPECT(sums.count == 9);
    EXPECT(equals_query(&fixture, &sums, "runs.csv", "steps.csv.gz",
                        "SELECT label, CAST(count(*) AS VARCHAR), "
                        "CAST(count(*) FILTER (success = '1') AS VARCHAR), "
                        "CAST(sum(CAST(agent_llm_calls AS INTEGER)) AS VARCHAR), "
                        "CAST(CAST(sum(CAST(agent_cost_usd AS DECIMAL(38, 12))) * 1000000000000 "
                        "AS HUGEINT) AS VARCHAR) FROM a GROUP BY 1",
                        9));
    EXPECT(group_of(&sums, "qwen2.5-7b")->unpriced == 732);
    EXPECT(group_of(&sums, "ft:gpt-4.1-sft")->unpriced == 248);
    EXPECT(group_of(&sums, "claude-sonnet-4-5")->unpriced == 0);
    EXPECT(group_of(&sums, "claude-sonnet-4-5")->total == pusd("14.443248"));
    fixture_close(&fixture);
}

static void tools_of_customer_service_name_the_call_that_asked(void)
{
    if (!import("customer_service", "label")) {
        return;
    }
    int64_t tools = 0;
    int64_t linked = 0;
    int64_t customer = 0;
    for (size_t i = 0; i < fixture.all.steps.count; i++) {
        const struct step *step = &fixture.all.steps.rows[i];
        tools += step->kind == STEP_TOOL;
        linked += step->kind == STEP_TOOL && step->name.size > 0 && step->caller.size > 0 &&
                  step->args_hash != 0;
        customer += step->kind == STEP_AGENT && !step->has_reported && !step->has_usage;
    }
    EXPECT(tools == 3675);
    EXPECT(linked == tools);
    EXPECT(customer == 2236 + 1490);
    fixture_close(&fixture);
}

static void swe_runs_cost_what_their_calls_cost(void)
{
    if (!import("swe_agent_traces", "run_name")) {
        return;
    }
    EXPECT(fixture.all.rejected == 0);
    EXPECT(sums.case_count == 107);
    EXPECT(equals_query(&fixture, &sums, "runs.csv", "steps.csv.gz",
                        "SELECT run_name, CAST(count(*) AS VARCHAR), "
                        "CAST(count(*) FILTER (resolved = '1') AS VARCHAR), "
                        "CAST(sum(CAST(llm_calls AS INTEGER)) AS VARCHAR), "
                        "CAST(CAST(sum(CAST(cost_usd AS DECIMAL(38, 12))) * 1000000000000 "
                        "AS HUGEINT) AS VARCHAR) FROM a GROUP BY 1",
                        5));
    EXPECT(group_of(&sums, "deepseek_reasoner_dev")->open == 15);
    EXPECT(group_of(&sums, "deepseek_reasoner_dev")->unpriced == 10);
    int64_t cached = 0;
    int64_t fresh = 0;
    for (size_t i = 0; i < fixture.all.steps.count; i++) {
        cached += fixture.all.steps.rows[i].usage.counts[USAGE_CACHE_READ];
        fresh += fixture.all.steps.rows[i].usage.counts[USAGE_INPUT_UNCACHED];
    }
    EXPECT(cached == 180638464); /* the columns of steps.csv.gz, added up */
    EXPECT(fresh == 3184735);
    fixture_close(&fixture);
}

static void terminal_bench_trials_are_one_step_each(void)
{
    if (!import("terminal_bench_trials", "model")) {
        return;
    }
    EXPECT(fixture.all.rejected == 0);
    EXPECT(fixture.all.steps.count == 4722);
    EXPECT(equals_query(&fixture, &sums, "trials.csv.gz", "prices.csv",
                        "SELECT model, CAST(count(*) AS VARCHAR), "
                        "CAST(count(*) FILTER (success = '1') AS VARCHAR), "
                        "CAST(count(*) AS VARCHAR), "
                        "CAST(CAST(sum(CAST(cost_usd_lower_bound AS DECIMAL(38, 12))) * "
                        "1000000000000 AS HUGEINT) AS VARCHAR) FROM a GROUP BY 1",
                        12));
    int64_t unpriced = 0;
    for (int i = 0; i < sums.count; i++) {
        unpriced += sums.groups[i].unpriced;
    }
    EXPECT(unpriced == 8);
    fixture_close(&fixture);
}

static void openhands_cells_without_a_cost_are_unpriced_and_without_a_verdict_open(void)
{
    if (!import("routing_openhands_index", NULL)) {
        return;
    }
    EXPECT(fixture.all.rejected == 0);
    EXPECT(fixture.all.steps.count == 25959);
    EXPECT(equals_query(&fixture, &sums, "outcomes.csv.gz", "configs.csv",
                        "SELECT benchmark, CAST(count(*) AS VARCHAR), "
                        "CAST(count(*) FILTER (resolved = '1') AS VARCHAR), "
                        "CAST(count(*) AS VARCHAR), "
                        "CAST(CAST(sum(CAST(cost_usd AS DECIMAL(38, 12))) * 1000000000000 "
                        "AS HUGEINT) AS VARCHAR) FROM a GROUP BY 1",
                        3));
    int64_t unpriced = 0;
    int64_t open = 0;
    for (int i = 0; i < sums.count; i++) {
        unpriced += sums.groups[i].unpriced;
        open += sums.groups[i].open;
    }
    EXPECT(unpriced == 240 + 1498);
    EXPECT(open == 71);
    fixture_close(&fixture);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(retries_of_humaneval_add_up_to_the_last_digit),
        TEST(an_outcome_of_humaneval_follows_the_last_call),
        TEST(customer_service_equals_its_runs_by_model),
        TEST(tools_of_customer_service_name_the_call_that_asked),
        TEST(swe_runs_cost_what_their_calls_cost),
        TEST(terminal_bench_trials_are_one_step_each),
        TEST(openhands_cells_without_a_cost_are_unpriced_and_without_a_verdict_open),
    };
    return test_main(tests, COUNT_OF(tests));
}
