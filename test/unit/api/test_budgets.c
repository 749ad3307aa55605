/* Goal: how budgets stand becomes JSON that adds up, says what each limit does now and next, and
 * marks what is not known.
 * Method: standings written by hand; the JSON read back. */
#include "api/api.h"
#include "base/clock.h"
#include "base/json.h"
#include "support/test.h"

#define USD INT64_C(1000000000000)

static const struct hold_step steps[] = {{.at_pusd = 50 * USD, .action = ACTION_NOTIFY},
                                         {.at_pusd = 80 * USD, .action = ACTION_SHAPE}};

static struct hold_balance balance(const char *scope, int64_t hard_pusd, int64_t spent_usd,
                                   int64_t held_usd)
{
    return (struct hold_balance){.scope = str_from(scope),
                                 .period = PERIOD_MONTH,
                                 .zone_name = STR("UTC"),
                                 .period_ns = 0,
                                 .resets_ns = 31 * CLOCK_NS_PER_DAY,
                                 .limit_pusd = 100 * USD,
                                 .hard_pusd = hard_pusd,
                                 .per_case_pusd = HOLD_NO_LIMIT,
                                 .spent_pusd = spent_usd * USD,
                                 .held_pusd = held_usd * USD,
                                 .free_pusd = (100 - spent_usd - held_usd) * USD,
                                 .last_period_ns = INT64_MIN,
                                 .steps = steps,
                                 .step_count = COUNT_OF(steps)};
}

struct answer {
    struct arena arena;
    struct json_parser *parser;
    struct text text;
    struct json root;
    struct err err;
};

static enum errc ask(struct answer *a, const struct hold_balance *rows, size_t count,
                     const char *scope, bool is_live)
{
    const struct budget_standing standing = {.is_live = is_live,
                                             .now_ns = CLOCK_NS_PER_DAY,
                                             .balances = {rows, count},
                                             .has_scope = scope[0] != '\0'};
    const struct api_budget request = {.scope = str_from(scope)};
    arena_init(&a->arena, (size_t)1 << 20);
    json_parser_create(&a->parser, (size_t)1 << 20);
    text_init(&a->text, (size_t)1 << 20);
    enum errc code = api_budgets(&standing, &request, &a->arena, &a->text, &a->err);
    if (code == ERR_OK) {
        code = json_parse(a->parser, text_str(&a->text), a->text.size, &a->root, &a->err);
    }
    return code;
}

static void forget(struct answer *a)
{
    text_deinit(&a->text);
    json_parser_destroy(&a->parser);
    arena_deinit(&a->arena);
}

static struct json row(const struct answer *a, size_t wanted)
{
    struct json_cursor at = json_iter(json_get(a->root, "budgets"));
    struct json found = {0};
    size_t i = 0;
    while (json_next(&at, NULL, &found) && i++ < wanted) {
    }
    return found;
}

static bool says(struct json node, const char *path, const char *wanted)
{
    return str_equal(json_str(json_path(node, path)), str_from(wanted));
}

static void a_scope_without_a_limit_names_those_there_are(void)
{
    const struct hold_balance rows[] = {balance("org", 0, 0, 0), balance("team:a", 0, 0, 0)};
    struct answer some = {0};
    struct answer none = {0};
    const enum errc code = ask(&some, rows, 2, "team:b", true);
    const bool named = strstr(some.err.text, "org, team:a") != NULL;
    const enum errc empty = ask(&none, rows, 0, "org", true);
    const bool told = strstr(none.err.text, "no budget is set") != NULL;
    forget(&some);
    forget(&none);
    EXPECT(code == ERR_NOT_FOUND && named);
    EXPECT(empty == ERR_NOT_FOUND && told);
}

static void each_limit_says_what_it_does_now_and_next(void)
{
    const struct hold_balance rows[] = {
        balance("open", 100 * USD, 40, 39),    balance("shapes", 100 * USD, 40, 40),
        balance("refuses", 100 * USD, 60, 40), balance("over", HOLD_NO_LIMIT, 60, 41),
        balance("sooner", 70 * USD, 10, 1),
    };
    struct answer a = {0};
    const enum errc code = ask(&a, rows, COUNT_OF(rows), "", true);
    const bool open = says(row(&a, 0), "state", "open") &&
                      says(row(&a, 0), "next_step.do", "notify") && says(row(&a, 0), "free", "21");
    const bool shapes = says(row(&a, 1), "state", "shapes");
    const bool refuses = says(row(&a, 2), "state", "refuses") &&
                         json_kind(json_get(row(&a, 2), "next_step")) == JSON_NULL;
    const bool over = says(row(&a, 3), "state", "shapes") && says(row(&a, 3), "free", "-1") &&
                      json_kind(json_get(row(&a, 3), "refuses_at")) == JSON_NULL;
    const bool sooner = says(row(&a, 4), "refuses_at", "70") &&
                        says(row(&a, 4), "resets_local", "1970-02-01 00:00");
    const bool live = json_kind(json_path(a.root, "holds.refused_since_start")) != JSON_NULL;
    forget(&a);
    EXPECT(code == ERR_OK);
    EXPECT(open && shapes && refuses);
    EXPECT(over && sooner && live);
}

static void what_a_log_cannot_know_is_null(void)
{
    struct hold_balance one = balance("org", 100 * USD, 0, 0);
    struct answer a = {0};
    one.resets_ns = HOLD_NO_END;
    one.period_ns = INT64_MIN;
    one.limit_pusd = 0;
    const enum errc code = ask(&a, &one, 1, "org", false);
    const bool null = json_kind(json_path(a.root, "holds.refused_since_start")) == JSON_NULL &&
                      json_kind(json_get(row(&a, 0), "resets")) == JSON_NULL &&
                      json_kind(json_get(row(&a, 0), "from")) == JSON_NULL &&
                      json_kind(json_get(row(&a, 0), "share_used")) == JSON_NULL &&
                      json_kind(json_get(row(&a, 0), "last_period")) == JSON_NULL;
    const bool log = says(a.root, "source", "log") && says(a.root, "scope.name", "org");
    forget(&a);
    EXPECT(code == ERR_OK);
    EXPECT(null && log);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_scope_without_a_limit_names_those_there_are),
        TEST(each_limit_says_what_it_does_now_and_next),
        TEST(what_a_log_cannot_know_is_null),
    };
    return test_main(tests, COUNT_OF(tests));
}
