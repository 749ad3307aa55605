/* change: planted changes are found with their sizes, unchanged figures are not, short ones say so.
 * Weekly figures made here over the ledger of sample.h; the sizes planted are the oracle. */
#include <math.h>

#include "api/api.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/rng.h"
#include "sample.h"
#include "support/answer.h"
#include "support/golden.h"
#include "support/home.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)16 << 20)
#define TEXT_BYTES  ((size_t)1 << 20)

enum { WEEKS = 40, LIVE_WEEK = 18, ROWS_MAX = 512 };

static struct store *store;
static struct ledger_kpis rows[ROWS_MAX];
static size_t row_count;

static int64_t week_ns(int week)
{
    return (clock_days(2026, 1, 5) + 7 * week) * CLOCK_NS_PER_DAY;
}

static void add(struct str workflow, struct str name, struct str unit, struct str series,
                int64_t at_ns, double value)
{
    CHECK(row_count < ROWS_MAX);
    rows[row_count] = (struct ledger_kpis){.kpi_key = {.low = row_count + 1},
                                           .workflow = workflow,
                                           .name = name,
                                           .unit = unit,
                                           .series = series,
                                           .at_ns = at_ns,
                                           .value = value,
                                           .import_id = 1};
    row_count++;
}

/* Something that befell figure and control alike in week 18 too. */
static double shared_by_both(int week)
{
    return 25 * sin(week / 5.0) + (week >= LIVE_WEEK ? 15 : 0);
}

static void fill(void)
{
    struct rng rng;
    rng_init(&rng, 7);
    const struct str claims = STR("claims");
    const struct str none = STR("");
    for (int week = 0; week < WEEKS; week++) {
        const double after = week >= LIVE_WEEK ? 1 : 0;
        const double both = shared_by_both(week);
        add(claims, STR("tickets_per_agent"), STR("tickets"), none, week_ns(week),
            200 + both + 41 * after + 6 * rng_normal(&rng));
        add(claims, STR("tickets_per_agent"), STR("tickets"), STR("berlin"), week_ns(week),
            180 + both + 6 * rng_normal(&rng));
        add(claims, STR("backlog"), STR("claims"), none, week_ns(week),
            500 - 8 * after * (week - LIVE_WEEK) + 5 * rng_normal(&rng));
        add(none, STR("open_headcount"), STR("people"), none, week_ns(week),
            300 + 5 * rng_normal(&rng));
        if (week < LIVE_WEEK + 3) {
            add(claims, STR("cycle_time"), STR("hours"), none, week_ns(week),
                30 + 2 * rng_normal(&rng));
        }
    }
    add(STR("sessions"), STR("elsewhere"), none, none, week_ns(0), 1);
}

static void ask(struct answer *a, struct api_change change, const struct settings *settings)
{
    answer_open(a);
    change.request.since_ns = INT64_MIN;
    change.request.until_ns = change.request.until_ns != 0 ? change.request.until_ns : INT64_MAX;
    change.request.as_of_ns = INT64_MAX;
    answer_read(a, api_change(store, settings, &change, &a->arena, &a->text, &a->err));
}

static struct json kpi(const struct answer *a, const char *name)
{
    struct json_cursor at = json_iter(json_get(a->root, "kpis"));
    struct json e;
    while (json_next(&at, NULL, &e)) {
        if (str_equal(json_str(json_get(e, "name")), str_from(name))) {
            return e;
        }
    }
    return (struct json){0};
}

static bool is(struct json e, const char *path, const char *expected)
{
    return str_equal(json_str(json_path(e, path)), str_from(expected));
}

/* Whether the estimate's interval holds the planted size and its middle is near it. */
static bool holds(struct json estimate, double planted, double within)
{
    return json_double(json_get(estimate, "low"), NAN) <= planted &&
           json_double(json_get(estimate, "high"), NAN) >= planted &&
           fabs(json_double(json_get(estimate, "value"), NAN) - planted) < within;
}

static struct api_change of_claims(void)
{
    return (struct api_change){.request = {.workflow = STR("claims")},
                               .go_live_ns = week_ns(LIVE_WEEK)};
}

static void an_unknown_workflow_or_figure_is_refused(void)
{
    struct answer a;
    struct api_change change = of_claims();
    change.request.workflow = STR("nothing");
    ask(&a, change, &sample_settings);
    const bool workflow = a.code == ERR_NOT_FOUND && strstr(a.err.text, "claims") != NULL;
    answer_close(&a);
    change = of_claims();
    change.kpi = STR("joy");
    ask(&a, change, &sample_settings);
    const bool figure = a.code == ERR_NOT_FOUND && strstr(a.err.text, "joy") != NULL;
    answer_close(&a);
    EXPECT(workflow);
    EXPECT(figure);
}

static void a_planted_step_is_found_against_the_control_and_not_what_befell_both(void)
{
    struct answer a;
    ask(&a, of_claims(), &sample_settings);
    const struct json e = kpi(&a, "tickets_per_agent");
    const bool right = is(e, "verdict", "changed") &&
                       is(e, "method", "difference-in-differences") &&
                       holds(json_path(e, "against_control.level"), 41, 8) &&
                       /* by itself the figure cannot tell its own step from what befell both */
                       json_double(json_path(e, "figure.level.high"), 0) -
                               json_double(json_path(e, "figure.level.low"), 0) >
                           25 &&
                       json_count(json_get(e, "controls")) == 1;
    answer_close(&a);
    EXPECT(right);
}

static void a_planted_turn_is_found_and_figures_without_one_are_not(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct answer a;
    ask(&a, of_claims(), &sample_settings);
    const struct json backlog = kpi(&a, "backlog");
    const struct json people = kpi(&a, "open_headcount");
    const struct json cycle = kpi(&a, "cycle_time");
    const bool turned = is(backlog, "verdict", "changed") && is(backlog, "method", "segmented") &&
                        holds(json_path(backlog, "figure.slope_per_week"), -8, 0.6) &&
                        json_double(json_path(backlog, "figure.slope_p"), 1) < 1e-6;
    const bool same = is(people, "verdict", "no evidence") && is(people, "workflow", "") &&
                      holds(json_path(people, "figure.level"), 0, 6);
    const bool brief = is(cycle, "verdict", "too short") &&
                       json_int64(json_path(cycle, "figure.after"), 0) == 3 &&
                       json_kind(json_path(cycle, "figure.level")) == JSON_ABSENT;
    const bool others = json_kind(kpi(&a, "elsewhere")) == JSON_ABSENT;
    answer_close(&a);
    EXPECT(turned);
    EXPECT(same);
    EXPECT(brief);
    EXPECT(others);
}

static void the_day_of_go_live_is_given_or_configured_or_assumed(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct answer a;
    ask(&a, of_claims(), &sample_settings);
    const bool given =
        is(a.root, "go_live.basis", "given") && is(a.root, "go_live.date", "2026-05-11");
    answer_close(&a);
    struct settings_workflow workflow = sample_settings.workflows.rows[0];
    workflow.has_go_live = true;
    workflow.go_live_ns = week_ns(10);
    struct settings settings = {.workflows = {.rows = &workflow, .count = 1}};
    struct api_change change = of_claims();
    change.go_live_ns = INT64_MIN;
    ask(&a, change, &settings);
    const bool configured =
        is(a.root, "go_live.basis", "configured") && is(a.root, "go_live.date", "2026-03-16");
    answer_close(&a);
    ask(&a, change, &sample_settings);
    const bool assumed = is(a.root, "go_live.basis", "assumed") &&
                         is(a.root, "go_live.date", "2026-03-01"); /* of c1 */
    answer_close(&a);
    EXPECT(given);
    EXPECT(configured);
    EXPECT(assumed);
}

static void a_window_and_a_name_narrow_what_is_looked_at(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct answer a;
    struct api_change change = of_claims();
    change.kpi = STR("backlog");
    change.request.until_ns = week_ns(LIVE_WEEK + 2);
    ask(&a, change, &sample_settings);
    const bool right = json_count(json_get(a.root, "kpis")) == 1 &&
                       is(kpi(&a, "backlog"), "verdict", "too short") &&
                       json_int64(json_path(kpi(&a, "backlog"), "figure.after"), 0) == 2;
    answer_close(&a);
    EXPECT(right);
}

static void the_json_is_the_golden_file(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct answer a;
    ask(&a, of_claims(), &sample_settings);
    const bool same = a.code == ERR_OK && golden_same("change.json", text_str(&a.text));
    answer_close(&a);
    EXPECT(same);
}

static void the_list_names_each_series_once(void)
{
    struct arena arena;
    struct text text;
    struct err err;
    arena_init(&arena, ARENA_BYTES);
    text_init(&text, TEXT_BYTES);
    const enum errc code = api_kpis(store, &arena, &text, &err);
    const bool right = code == ERR_OK &&
                       str_find(text_str(&text), STR("\"series\":\"berlin\"")) != SIZE_MAX &&
                       str_find(text_str(&text), STR("\"values\":21")) != SIZE_MAX;
    text_deinit(&text);
    arena_deinit(&arena);
    EXPECT(right);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(an_unknown_workflow_or_figure_is_refused),
        TEST_SPARSE(a_planted_step_is_found_against_the_control_and_not_what_befell_both),
        TEST_SPARSE(a_planted_turn_is_found_and_figures_without_one_are_not),
        TEST_SPARSE(the_day_of_go_live_is_given_or_configured_or_assumed),
        TEST_SPARSE(a_window_and_a_name_narrow_what_is_looked_at),
        TEST_SPARSE(the_list_names_each_series_once),
        TEST_SPARSE(the_json_is_the_golden_file),
    };
    struct home home;
    struct err err;
    home_make(&home);
    sample_make(home_str(&home), 1);
    fill();
    CHECK(store_open(home_str(&home), STORE_WRITE, &store, &err) == ERR_OK);
    CHECK(store_append(store, LEDGER_kpis, rows, row_count, &err) == ERR_OK);
    const int failed = test_main(tests, COUNT_OF(tests));
    store_close(&store);
    home_remove(&home);
    return failed;
}
