/* config: bursar.yaml is read whole, and every mistake in it is named with its line and the remedy.
 * The file of the interface document, and one wrong line at a time. */
#include "config/config.h"

#include <stdio.h>

#include "support/test.h"

#define ARENA_BYTES ((size_t)1 << 20)

static const char *const whole =
    "listen: 127.0.0.1:4318\n"
    "workflows:\n"
    "  airline:\n"
    "    unit: ticket\n"
    "    risk: high\n"
    "    value_per_outcome: 12.00\n"
    "    human_rate_per_hour: 42\n"
    "    baseline:\n"
    "      bpo:   {price: 4.50, success_rate: 0.94}\n"
    "      human: {minutes: 11, success_rate: 0.97}\n"
    "    owner: {team: support, cost_center: CC-310}\n"
    "    outcomes: {from: [commit, pull_request]}\n"
    "    go_live: 2026-05-01\n"
    "  claims: {unit: claim, non_inferiority_pp: 1.5}\n"
    "upstreams:\n"
    "  openai: {base_url: https://api.openai.com/v1, api_key_env: OPENAI_API_KEY}\n"
    "budgets:\n"
    "  - {scope: org, period: month, usd: 250000}\n"
    "  - {scope: \"team:support\", period: month, usd: 40000,\n"
    "     at: [{share: 0.8, do: notify}, {share: 1.0, do: refuse}]}\n"
    "  - {scope: \"workflow:airline\", period: day, usd: 500, per_case_usd: 0.60}\n"
    "routes:\n"
    "  - {match: {workflow: airline, risk: low}, model: gpt-4.1-mini, fallback: [gpt-4.1]}\n"
    "ledger: clickhouse://user@host:8123/db\n"
    "control: postgresql://host/db\n"
    "prices: []\n"
    "tools:\n"
    "  finder:\n"
    "    workflows: [leads]\n"
    "    invested: {hours: 1.5, rate_per_hour: 80}\n"
    "    pipeline: {conversion_rate: 0.1, contract_value: 1000, share: 0.5}\n";

static enum errc parse(const char *text, struct arena *arena, struct settings *out, struct err *err)
{
    arena_init(arena, ARENA_BYTES);
    return config_parse(STR("bursar.yaml"), str_from(text), arena, out, err);
}

/* Whether `text` is refused with an error that begins "bursar.yaml:line: " and has `part`. */
static bool refuses(const char *text, int line, const char *part)
{
    struct arena arena;
    struct settings settings;
    struct err err = {0};
    char place[32];
    const enum errc code = parse(text, &arena, &settings, &err);
    arena_deinit(&arena);
    snprintf(place, sizeof place, "bursar.yaml:%d: ", line);
    const bool right = code == ERR_CONFIG && strncmp(err.text, place, strlen(place)) == 0 &&
                       strstr(err.text, part) != NULL;
    if (!right) {
        test_note(err.text);
    }
    return right;
}

static void unknown_keys_are_refused_with_the_nearest_one(void)
{
    EXPECT(refuses("workflow: {}\n", 1, "did you mean \"workflows\""));
    EXPECT(refuses("workflows:\n  a:\n    units: x\n", 3, "workflows.a.units"));
    EXPECT(refuses("workflows:\n  a:\n    frobnicate: x\n", 3, "allowed here: unit, risk"));
}

static void wrong_values_are_refused_with_what_is_allowed(void)
{
    EXPECT(refuses("listen: 4318\n", 1, "HOST:PORT"));
    EXPECT(refuses("listen: localhost:70000\n", 1, "HOST:PORT"));
    EXPECT(refuses("workflows: [a]\n", 1, "a mapping"));
    EXPECT(refuses("workflows:\n  a: {risk: huge}\n", 2, "low, normal, high"));
    EXPECT(refuses("workflows:\n  a: {unit: ''}\n", 2, "found nothing"));
    EXPECT(refuses("workflows:\n  a: {value_per_outcome: twelve}\n", 2, "an amount in USD"));
    EXPECT(refuses("workflows:\n  a: {value_per_outcome: -1}\n", 2, "not negative"));
    EXPECT(refuses("workflows:\n  a: {non_inferiority_pp: nan}\n", 2, "from 0 to 100"));
    EXPECT(refuses("workflows:\n  a: {outcomes: {from: [issue]}}\n", 2, "commit, pull_request"));
    EXPECT(refuses("workflows:\n  a: {go_live: soon}\n", 2, "a date such as 2026-05-01"));
    EXPECT(refuses("workflows:\n  a: {go_live: [2026-05-01]}\n", 2, "found a"));
    EXPECT(refuses("upstreams:\n  x: {base_url: ftp://h}\n", 2, "https://"));
    EXPECT(refuses("upstreams:\n  api: {base_url: https://h}\n", 2, "/api/v1"));
    EXPECT(refuses("budgets:\n  - {scope: everyone, period: day, usd: 1}\n", 2, "team:NAME"));
    EXPECT(refuses("budgets:\n  - {scope: org, period: year, usd: 1}\n", 2, "hour, day, week"));
    EXPECT(refuses("budgets:\n  - {scope: org, period: day, usd: 1, at: [{share: 2, do: "
                   "refuse}]}\n",
                   2, "to 1"));
    EXPECT(refuses("routes:\n  - {match: {}}\n", 2, "either model: NAME or to: people"));
    EXPECT(refuses("ledger: mysql://x\n", 1, "clickhouse://"));
    EXPECT(refuses("control: sqlite\n", 1, "postgresql://"));
}

static void a_baseline_needs_price_and_success_rate(void)
{
    EXPECT(
        refuses("workflows:\n  a: {baseline: {bpo: {price: 1}}}\n", 2, "success_rate is missing"));
    EXPECT(refuses("workflows:\n  a: {baseline: {bpo: {price: 1, success_rate: 0}}}\n", 2,
                   "success_rate"));
    EXPECT(refuses("workflows:\n  a:\n    baseline: {human: {minutes: 5, success_rate: 1}}\n", 3,
                   "human_rate_per_hour"));
}

static void a_key_in_the_place_of_its_variable_is_not_repeated(void)
{
    struct arena arena;
    struct settings settings;
    struct err err = {0};
    const enum errc code =
        parse("upstreams:\n  x: {base_url: https://h, api_key_env: sk-secret-123}\n", &arena,
              &settings, &err);
    arena_deinit(&arena);
    EXPECT(code == ERR_CONFIG);
    EXPECT(strstr(err.text, "sk-secret") == NULL);
}

static void a_tool_needs_a_cost_and_a_worth(void)
{
    EXPECT(refuses("tools:\n  t: {pipeline: {leads: 1, conversion_rate: 1, contract_value: 1, "
                   "share: 1}}\n",
                   2, "workflows: [NAME] or spend: USD"));
    EXPECT(refuses("tools:\n  t: {spend: 5}\n", 2, "pipeline, productivity or conversion"));
    EXPECT(refuses("tools:\n  t: {spend: 5, productivity: {hours_saved_per_use: 1, rate_per_hour: "
                   "1}}\n",
                   2, "productivity needs uses"));
    EXPECT(refuses("tools:\n  t: {spend: 5, conversion: {visitors: 10, conversions: 1, "
                   "value_per_conversion: 1}}\n",
                   2, "control"));
    EXPECT(refuses("tools:\n  t: {spend: 5, conversion: {visitors: 10, conversions: 11, "
                   "value_per_conversion: 1, assumed_control_rate: 0.1}}\n",
                   2, "more conversions than visitors"));
}

static void the_whole_file_is_read(void)
{
    struct arena arena;
    struct settings s;
    struct err err = {0};
    const enum errc code = parse(whole, &arena, &s, &err);
    test_note(err.text);
    const struct settings_workflow *const w =
        code == ERR_OK ? settings_workflow(&s, STR("airline")) : NULL;
    const struct settings_workflow *const c =
        code == ERR_OK ? settings_workflow(&s, STR("claims")) : NULL;
    const bool found = w != NULL && c != NULL && s.tools.count == 1 && s.budgets.count == 3 &&
                       s.routes.count == 1 && s.upstreams.count == 1;
    const bool right = found && str_equal(w->unit, STR("ticket")) && w->risk == RISK_HIGH &&
                       w->has_value && w->value_pusd == INT64_C(12000000000000) &&
                       w->baselines[BASELINE_BPO].price_pusd == INT64_C(4500000000000) &&
                       /* 11 minutes of 42 an hour are 7.70 */
                       w->baselines[BASELINE_HUMAN].price_pusd == INT64_C(7700000000000) &&
                       w->non_inferiority_pp < 0.51 && w->takes_commits && w->takes_pull_requests &&
                       w->has_go_live && w->go_live_ns == INT64_C(1777593600000000000) &&
                       !c->has_go_live && c->non_inferiority_pp > 1.49 && !c->has_value &&
                       !c->baselines[BASELINE_BPO].set && s.budgets.rows[1].step_count == 2 &&
                       s.budgets.rows[1].steps[1].action == ACTION_REFUSE &&
                       s.budgets.rows[2].has_per_case && s.routes.rows[0].has_risk &&
                       s.routes.rows[0].fallback_count == 1 && s.prices != NULL &&
                       s.tools.rows[0].invested_ms == 5400000 && s.tools.rows[0].pipeline.set &&
                       !s.tools.rows[0].pipeline.has_leads;
    arena_deinit(&arena);
    EXPECT(code == ERR_OK);
    EXPECT(right);
}

static void an_empty_file_gives_the_defaults(void)
{
    struct arena arena;
    struct settings s;
    struct err err;
    const enum errc code = parse("# nothing yet\n", &arena, &s, &err);
    const bool right = code == ERR_OK && str_equal(s.listen, STR("127.0.0.1:4318")) &&
                       s.workflows.count == 0 && s.prices == NULL && s.limits.body_mib == 64 &&
                       s.limits.idle_seconds == 75 && !s.require_keys && s.gateway.retries == 0;
    arena_deinit(&arena);
    EXPECT(right);
}

static void who_may_reach_the_server_is_read_and_mistakes_are_named(void)
{
    EXPECT(refuses("tls: {certificate: a.pem}\n", 1, "private_key is missing"));
    EXPECT(refuses("tls: {certificate: \"\", private_key: b}\n", 1, "tls.certificate"));
    EXPECT(refuses("tls: yes\n", 1, "tls"));
    EXPECT(refuses("require_keys: maybe\n", 1, "require_keys"));
    EXPECT(refuses("limits: {body_mib: 65}\n", 1, "limits.body_mib"));
    EXPECT(refuses("limits: {idle_seconds: 0}\n", 1, "limits.idle_seconds"));
    EXPECT(refuses("limits: {memory_mib: 63}\n", 1, "body_mib (64)"));
    EXPECT(refuses("limits: {conections: 3}\n", 1, "connections"));
}

static void files_are_meant_from_the_directory_of_the_configuration(void)
{
    struct arena arena;
    struct settings settings = {0};
    struct err err;
    arena_init(&arena, ARENA_BYTES);
    const enum errc code =
        config_parse(STR("/etc/bursar/bursar.yaml"),
                     STR("tls: {certificate: tls/a.pem, private_key: /run/b.key}\n"
                         "require_keys: true\nlimits: {body_mib: 1, memory_mib: 1}\n"),
                     &arena, &settings, &err);
    const bool right = code == ERR_OK && settings.require_keys &&
                       strcmp(settings.tls.certificate.data, "/etc/bursar/tls/a.pem") == 0 &&
                       strcmp(settings.tls.private_key.data, "/run/b.key") == 0 &&
                       settings.limits.memory_mib == 1 && settings.limits.connections == 20000;
    arena_deinit(&arena);
    EXPECT(code == ERR_OK);
    EXPECT(right);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(unknown_keys_are_refused_with_the_nearest_one),
        TEST(wrong_values_are_refused_with_what_is_allowed),
        TEST(a_baseline_needs_price_and_success_rate),
        TEST(a_key_in_the_place_of_its_variable_is_not_repeated),
        TEST(a_tool_needs_a_cost_and_a_worth),
        TEST(the_whole_file_is_read),
        TEST(an_empty_file_gives_the_defaults),
        TEST(who_may_reach_the_server_is_read_and_mistakes_are_named),
        TEST(files_are_meant_from_the_directory_of_the_configuration),
    };
    return test_main(tests, COUNT_OF(tests));
}
