/* forecast: the frame of days, scopes and budgets, by a ledger of steady spenders worked on paper.
 * claims spends $10 on weekdays and $2 at weekends, tickets $1 a day and has a day of reasoning;
 * both since Monday 2026-01-05, the newest record being of Wednesday 2026-03-18. new has 5 days. */
#include <math.h>

#include "api/api.h"
#include "base/clock.h"
#include "base/json.h"
#include "store/store.h"
#include "support/answer.h"
#include "support/golden.h"
#include "support/home.h"
#include "support/test.h"

#define USD MONEY_PUSD_PER_USD

enum { DAYS = 73, ROWS_MAX = 400, SURGE_DAY = 60 };

static struct store *store;
static struct ledger_steps rows[ROWS_MAX];
static size_t row_count;

static int64_t day_ns(int day)
{
    return (clock_days(2026, 1, 5) + day) * CLOCK_NS_PER_DAY;
}

static void add(struct str workflow, int day, int64_t cost_pusd, int64_t reasoning)
{
    CHECK(row_count < ROWS_MAX);
    rows[row_count] = (struct ledger_steps){.step_key = {.low = row_count + 1},
                                            .workflow = workflow,
                                            .kind = STEP_LLM,
                                            .started_ns = day_ns(day) + 3600 * CLOCK_NS_PER_SECOND,
                                            .ended_ns = LEDGER_NULL,
                                            .output = 1000,
                                            .reasoning = reasoning,
                                            .cost_basis = COST_PRICED,
                                            .cost_pusd = cost_pusd,
                                            .reported_pusd = LEDGER_NULL,
                                            .import_id = 1};
    row_count++;
}

static void fill(void)
{
    for (int day = 0; day < DAYS; day++) {
        add(STR("claims"), day, (day % 7 < 5 ? 10 : 2) * USD, 100);
        add(STR("tickets"), day, USD, day == SURGE_DAY ? 900 : day % 2 == 0 ? 190 : 210);
        if (day >= DAYS - 5) {
            add(STR("new"), day, 3 * USD, 0);
        }
    }
}

static struct settings_workflow workflows[] = {
    {.name = STR_STATIC("claims"), .team = STR_STATIC("office")},
    {.name = STR_STATIC("tickets"), .team = STR_STATIC("office")},
};

static struct settings_budget budgets[] = {
    {.scope = STR_STATIC("workflow:claims"), .period = PERIOD_MONTH, .limit_pusd = 200 * USD},
    {.scope = STR_STATIC("workflow:claims"), .period = PERIOD_WEEK, .limit_pusd = 25 * USD},
    {.scope = STR_STATIC("team:office"), .period = PERIOD_MONTH, .limit_pusd = 1000 * USD},
    {.scope = STR_STATIC("workflow:new"), .period = PERIOD_MONTH, .limit_pusd = 100 * USD},
    {.scope = STR_STATIC("key:abc"), .period = PERIOD_MONTH, .limit_pusd = 10 * USD},
    {.scope = STR_STATIC("org"), .period = PERIOD_HOUR, .limit_pusd = 10 * USD},
};

static const struct settings settings = {
    .workflows = {.rows = workflows, .count = COUNT_OF(workflows)},
    .budgets = {.rows = budgets, .count = COUNT_OF(budgets)},
};

static void ask(struct answer *a, struct api_forecast forecast)
{
    answer_open(a);
    forecast.request.since_ns = INT64_MIN;
    forecast.request.until_ns =
        forecast.request.until_ns != 0 ? forecast.request.until_ns : INT64_MAX;
    forecast.request.as_of_ns = INT64_MAX;
    forecast.request.now_ns = day_ns(DAYS + 20);
    answer_read(a, api_forecast(store, &settings, &forecast, &a->arena, &a->text, &a->err));
}

static bool is(struct json e, const char *path, const char *expected)
{
    const struct str found = json_str(json_path(e, path));
    if (!str_equal(found, str_from(expected))) {
        test_note(path);
        return false;
    }
    return true;
}

static bool near(struct json e, const char *path, double expected)
{
    return fabs(json_double(json_path(e, path), NAN) - expected) < 1e-6;
}

/* The entry of a scope and a period. */
static struct json entry(const struct answer *a, const char *scope, const char *period)
{
    struct json_cursor at = json_iter(json_get(a->root, "scopes"));
    struct json e;
    while (json_next(&at, NULL, &e)) {
        if (str_equal(json_str(json_get(e, "scope")), str_from(scope)) &&
            str_equal(json_str(json_path(e, "period.kind")), str_from(period))) {
            return e;
        }
    }
    return (struct json){0};
}

static void an_unknown_scope_is_refused_and_lists_those_there_are(void)
{
    struct answer a;
    ask(&a, (struct api_forecast){.scope = STR("team:moon")});
    const bool right = a.code == ERR_NOT_FOUND && strstr(a.err.text, "team:office") != NULL;
    answer_close(&a);
    EXPECT(right);
}

static void a_window_without_a_step_is_refused(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct answer a;
    ask(&a, (struct api_forecast){.request = {.until_ns = day_ns(-10)}});
    const bool right = a.code == ERR_NOT_FOUND && strstr(a.err.text, "import") != NULL;
    answer_close(&a);
    EXPECT(right);
}

/* March to the 18th: 13 weekdays... 2026-03-01 is a Sunday, so 1 + 2 weekend days and 13 weekdays
 * less those after: Mon 2 to Wed 18 holds 13 weekdays and 4 weekend days, with Sunday the 1st 5:
 * 130 + 10 = 140. From Thursday 19 to Tuesday 31: 9 weekdays and 4 weekend days, 98 more. */
static void a_steady_month_is_foretold_and_its_budget_ends_on_the_day(void)
{
    struct answer a;
    ask(&a, (struct api_forecast){.scope = STR("claims")});
    const struct json e = entry(&a, "workflow:claims", "month");
    const bool frame = is(a.root, "start", "2026-03-19") &&
                       is(a.root, "last_record", "2026-03-18") &&
                       is(a.root, "start_is", "day after the last record");
    const bool total = is(e, "spent", "140") && near(e, "forecast.value", 238) &&
                       near(e, "forecast.low", 238) && near(e, "forecast.high", 238) &&
                       is(e, "period.end", "2026-03-31") && is(e, "verdict", "forecast");
    /* 200 are passed when 60 more are: Thu, Fri 20; Sat, Sun 4; Mon, Tue, Wed 30 (54); Thu 64. */
    const bool ends = near(e, "budget.probability_exceeded", 1) &&
                      is(e, "budget.exhaustion.value", "2026-03-26") &&
                      is(e, "budget.exhaustion.low", "2026-03-26");
    answer_close(&a);
    EXPECT(frame);
    EXPECT(total);
    EXPECT(ends);
}

/* The week of Monday 16th: 30 spent by Wednesday, more than 25 since that day. */
static void a_budget_already_exceeded_says_since_when(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct answer a;
    ask(&a, (struct api_forecast){.scope = STR("workflow:claims")});
    const struct json e = entry(&a, "workflow:claims", "week");
    const bool right = is(e, "budget.exceeded_on", "2026-03-18") &&
                       near(e, "budget.probability_exceeded", 1) &&
                       json_kind(json_path(e, "budget.exhaustion")) == JSON_NULL &&
                       is(e, "period.start", "2026-03-16") && is(e, "period.end", "2026-03-22");
    answer_close(&a);
    EXPECT(right);
}

static void a_team_adds_its_workflows_and_a_safe_budget_is_not_exhausted(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct answer a;
    ask(&a, (struct api_forecast){0});
    const struct json team = entry(&a, "team:office", "month");
    const struct json org = entry(&a, "org", "month");
    const bool right = is(team, "spent", "158") && near(team, "forecast.value", 238 + 31) &&
                       near(team, "budget.probability_exceeded", 0) &&
                       json_kind(json_path(team, "budget.exhaustion.value")) == JSON_NULL &&
                       is(org, "spent", "173") && json_kind(json_get(org, "budget")) == JSON_NULL;
    answer_close(&a);
    EXPECT(right);
}

static void five_days_are_too_few_and_say_so(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct answer a;
    ask(&a, (struct api_forecast){.scope = STR("new")});
    const struct json e = entry(&a, "workflow:new", "month");
    const bool right = is(e, "verdict", "thin") && is(e, "spent", "15") &&
                       json_kind(json_path(e, "forecast.value")) == JSON_NULL &&
                       json_kind(json_path(e, "budget.probability_exceeded")) == JSON_NULL &&
                       json_int64(json_get(e, "history_days"), 0) == 5;
    answer_close(&a);
    EXPECT(right);
}

static void a_day_of_unusual_reasoning_is_listed(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct answer a;
    ask(&a, (struct api_forecast){.scope = STR("tickets")});
    const struct json surges = json_get(entry(&a, "workflow:tickets", "month"), "reasoning_surges");
    struct json_cursor at = json_iter(surges);
    struct json surge;
    const bool one = json_count(surges) == 1 && json_next(&at, NULL, &surge) &&
                     is(surge, "date", "2026-03-06") && near(surge, "share", 0.9) &&
                     near(surge, "trailing_mean", 0.2);
    answer_close(&a);
    EXPECT(one);
}

static void today_counts_as_begun_and_what_comes_later_is_not_seen(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct answer a;
    /* As of noon of Tuesday 2026-03-10, whose $10 are spent. */
    ask(&a, (struct api_forecast){.scope = STR("claims"),
                                  .request = {.until_ns = day_ns(64) + CLOCK_NS_PER_DAY / 2}});
    const struct json e = entry(&a, "workflow:claims", "month");
    const bool right = is(a.root, "start", "2026-03-10") && is(a.root, "start_is", "today") &&
                       is(e, "spent", "76") && near(e, "forecast.value", 238);
    answer_close(&a);
    EXPECT(right);
}

static void a_budget_given_takes_the_place_of_those_configured(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct answer a;
    ask(&a, (struct api_forecast){.scope = STR("claims"),
                                  .has_budget = true,
                                  .budget_pusd = 239 * USD,
                                  .period = PERIOD_MONTH});
    const struct json e = entry(&a, "workflow:claims", "month");
    const bool right = json_count(json_get(a.root, "scopes")) == 1 &&
                       is(e, "budget.source", "given") && is(e, "budget.limit", "239") &&
                       near(e, "budget.probability_exceeded", 0);
    answer_close(&a);
    EXPECT(right);
}

static void the_json_is_the_golden_file_each_time(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct answer a;
    struct answer b;
    ask(&a, (struct api_forecast){0});
    ask(&b, (struct api_forecast){0});
    const bool same = a.code == ERR_OK && golden_same("forecast.json", text_str(&a.text));
    const bool again = str_equal(text_str(&a.text), text_str(&b.text));
    answer_close(&a);
    answer_close(&b);
    EXPECT(same);
    EXPECT(again);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(an_unknown_scope_is_refused_and_lists_those_there_are),
        TEST_SPARSE(a_window_without_a_step_is_refused),
        TEST_SPARSE(five_days_are_too_few_and_say_so),
        TEST_SPARSE(a_steady_month_is_foretold_and_its_budget_ends_on_the_day),
        TEST_SPARSE(a_budget_already_exceeded_says_since_when),
        TEST_SPARSE(a_team_adds_its_workflows_and_a_safe_budget_is_not_exhausted),
        TEST_SPARSE(a_day_of_unusual_reasoning_is_listed),
        TEST_SPARSE(today_counts_as_begun_and_what_comes_later_is_not_seen),
        TEST_SPARSE(a_budget_given_takes_the_place_of_those_configured),
        TEST_SPARSE(the_json_is_the_golden_file_each_time),
    };
    struct home home;
    struct err err;
    home_make(&home);
    fill();
    CHECK(store_open(home_str(&home), STORE_WRITE, &store, &err) == ERR_OK);
    CHECK(store_append(store, LEDGER_steps, rows, row_count, &err) == ERR_OK);
    const int failed = test_main(tests, COUNT_OF(tests));
    store_close(&store);
    home_remove(&home);
    return failed;
}
