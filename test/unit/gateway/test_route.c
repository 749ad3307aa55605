/*
 * Goal: the first route that fits is taken, its chain is tried in order, and calls of a model that
 * fails are given up for a while, then tried one at a time.
 * Method: a table of routes, exchanges against it, a clock the test turns.
 */
#include <stdio.h>

#include "gatewaying.h"

static struct gatewaying g;

static struct settings_workflow workflows[] = {
    {.name = STR_STATIC("claims"), .risk = RISK_HIGH},
    {.name = STR_STATIC("chat"), .risk = RISK_NORMAL},
};

static const struct str fallbacks[] = {STR_STATIC("gpt-4.1-mini"), STR_STATIC("gpt-4.1-nano")};

static struct settings_route routes[] = {
    {.workflow = STR_STATIC("claims"),
     .matched_model = STR_STATIC("gpt-5"),
     .model = STR_STATIC("gpt-5-mini")},
    {.has_risk = true, .risk = RISK_HIGH, .to_people = true},
    {.matched_model = STR_STATIC("gpt-4.1"),
     .upstream = STR_STATIC("openai"),
     .fallback = fallbacks,
     .fallback_count = COUNT_OF(fallbacks)},
    {.matched_model = STR_STATIC("o3"), .model = STR_STATIC("o3")},
};

static void use(struct settings_route *rows, size_t count)
{
    static const struct str secrets[2];
    struct gateway_table *table = NULL;
    g.settings.routes.rows = rows;
    g.settings.routes.count = count;
    CHECK(gateway_table_create(&g.settings, secrets, gatewaying_book(), &table, &g.err) == ERR_OK);
    gateway_set_table(&g.gateway, table);
}

static void open_routes(void)
{
    gatewaying_open(&g, NULL, 0);
    g.settings.workflows.rows = workflows;
    g.settings.workflows.count = COUNT_OF(workflows);
    use(routes, COUNT_OF(routes));
}

static const struct settings_route *route_at(const char *path, const char *workflow,
                                             const char *model)
{
    char body[256] = "";
    const struct gateway_caller caller = {.workflow = str_from(workflow)};
    struct exchange *const exchange = gatewaying_ask(&g, path, body);
    snprintf(body, sizeof body, "{\"model\":\"%s\"}", model);
    g.request.body = str_from(body);
    gateway_who_read(&g.request, &caller, &exchange->who);
    if (gateway_read(exchange) != GATEWAY_ADMIT) {
        return NULL;
    }
    exchange->route = gateway_route(exchange);
    gateway_chain(exchange);
    return exchange->route;
}

static const struct settings_route *route_of(const char *workflow, const char *model)
{
    return route_at("/v1/chat/completions", workflow, model);
}

static void the_first_route_that_fits_is_taken(void)
{
    open_routes();
    const bool first = route_of("claims", "gpt-5") == &routes[0];
    const bool is_given = str_equal(gateway_model(&g.exchange), STR("gpt-5-mini"));
    const bool risky = route_of("claims", "gpt-4.1") == &routes[1];
    const bool none = route_of("chat", "gpt-5") == NULL;
    const bool is_asked = str_equal(gateway_model(&g.exchange), STR("gpt-5")) &&
                          strcmp(g.exchange.chain[0].why, "as asked") == 0;
    const bool unknown = route_of("", "gpt-4.1") == &routes[2];
    const bool same =
        route_of("", "o3") == &routes[3] && strcmp(g.exchange.chain[0].why, "as asked") == 0;
    gatewaying_close(&g);
    EXPECT(first && is_given);
    EXPECT(risky);
    EXPECT(none && is_asked);
    EXPECT(unknown);
    EXPECT(same);
}

static void a_chain_is_tried_in_order(void)
{
    open_routes();
    const bool fits = route_of("", "gpt-4.1") == &routes[2];
    struct exchange *const exchange = &g.exchange;
    const size_t count = exchange->chain_count;
    const bool is_own = str_equal(exchange->chain[0].upstream->name, STR("openai"));
    exchange->chain_at = 1;
    const bool second = str_equal(gateway_model(exchange), STR("gpt-4.1-mini"));
    exchange->chain_at = 2;
    const bool third = str_equal(gateway_model(exchange), STR("gpt-4.1-nano"));
    gatewaying_close(&g);
    EXPECT(fits && count == 3);
    EXPECT(is_own);
    EXPECT(second && third);
}

static void a_route_is_for_clients_whose_upstream_can_serve_it(void)
{
    static const struct str others[] = {STR_STATIC("claude-haiku-4-5"), STR_STATIC("gpt-4.1"),
                                        STR_STATIC("a-name-of-ones-own")};
    static struct settings_route rows[] = {
        {.model = STR_STATIC("gpt-4.1-mini"),
         .fallback = others,
         .fallback_count = COUNT_OF(others),
         .under_pressure = STR_STATIC("claude-haiku-4-5")},
        {.workflow = STR_STATIC("claims"),
         .model = STR_STATIC("a-name-of-ones-own"),
         .upstream = STR_STATIC("openai")},
        {.workflow = STR_STATIC("letters"), .model = STR_STATIC("a-name-of-ones-own")},
        {.workflow = STR_STATIC("people"), .to_people = true},
    };
    const struct exchange *const exchange = &g.exchange;
    open_routes();
    use(rows, COUNT_OF(rows));
    const bool openai = route_of("", "gpt-4.1") == &rows[0] && exchange->passed_over == 0;
    const bool chain = exchange->chain_count == 3 &&
                       str_equal(exchange->chain[1].model, STR("gpt-4.1")) &&
                       str_equal(exchange->chain[2].model, STR("a-name-of-ones-own"));
    const bool no_press = !gateway_pressed_is_for(exchange);
    const bool anthropic = route_at("/v1/messages", "", "claude-sonnet-4-5") == NULL &&
                           exchange->passed_over == 1 && exchange->chain_count == 1 &&
                           str_equal(gateway_model(exchange), STR("claude-sonnet-4-5"));
    const bool other_dialect = route_at("/v1/messages", "claims", "claude-sonnet-4-5") == NULL &&
                               exchange->passed_over == 1;
    const bool unknown = route_at("/v1/messages", "letters", "claude-sonnet-4-5") == &rows[2];
    const bool people = route_at("/v1/messages", "people", "claude-sonnet-4-5") == &rows[3];
    const bool told =
        gateway_passes_over(exchange->table, 0, 1) && !gateway_passes_over(exchange->table, 0, 0) &&
        gateway_passes_over(exchange->table, 1, 1) && !gateway_passes_over(exchange->table, 2, 1) &&
        str_equal(gateway_never_tried(exchange->table, 0), others[0]) &&
        gateway_never_tried(exchange->table, 1).size == 0;
    gatewaying_close(&g);
    EXPECT(openai && chain && no_press);
    EXPECT(anthropic && other_dialect);
    EXPECT(unknown && people);
    EXPECT(told);
}

static void a_model_that_fails_five_times_is_left_alone_then_tried_once(void)
{
    enum { SECOND = 1000000000 };
    static const struct str model = STR_STATIC("gpt-4.1");
    open_routes();
    (void)route_of("", "gpt-4.1");
    const struct gateway_candidate *const candidate = &g.exchange.chain[0];
    int64_t now_ns = SECOND;
    for (int i = 0; i < 4; i++) {
        gateway_note_result(&g.gateway, candidate, model, false, now_ns);
    }
    const bool closed = !gateway_is_open(&g.gateway, candidate, model, now_ns);
    gateway_note_result(&g.gateway, candidate, model, true, now_ns);
    for (int i = 0; i < 5; i++) {
        gateway_note_result(&g.gateway, candidate, model, false, now_ns);
    }
    const bool opened = gateway_is_open(&g.gateway, candidate, model, now_ns);
    const bool other = !gateway_is_open(&g.gateway, candidate, STR("o3"), now_ns);
    now_ns += INT64_C(10) * SECOND;
    const bool one = !gateway_is_open(&g.gateway, candidate, model, now_ns);
    const bool no_second = gateway_is_open(&g.gateway, candidate, model, now_ns);
    gateway_note_result(&g.gateway, candidate, model, true, now_ns);
    const bool again = !gateway_is_open(&g.gateway, candidate, model, now_ns);
    const int64_t tripped = gateway_counts(&g.gateway).tripped;
    gatewaying_close(&g);
    EXPECT(closed && opened && other);
    EXPECT(one && no_second && again);
    EXPECT(tripped == 1);
}

static void models_that_clients_make_up_take_no_circuit_from_others(void)
{
    static const struct str model = STR_STATIC("gpt-4.1");
    open_routes();
    (void)route_of("", "gpt-4.1");
    const struct gateway_candidate *const candidate = &g.exchange.chain[0];
    char name[32];
    for (int i = 0; i < 2 * GATEWAY_BREAKERS_MAX; i++) {
        const int size = snprintf(name, sizeof name, "made-up-%d", i);
        (void)gateway_is_open(&g.gateway, candidate, (struct str){name, (size_t)size}, 1);
        gateway_note_result(&g.gateway, candidate, (struct str){name, (size_t)size}, true, 1);
    }
    for (int i = 0; i < 5; i++) {
        gateway_note_result(&g.gateway, candidate, model, false, 1);
    }
    const bool opened = gateway_is_open(&g.gateway, candidate, model, 1);
    gatewaying_close(&g);
    EXPECT(opened);
}

int main(void)
{
    const struct test tests[] = {
        TEST(the_first_route_that_fits_is_taken),
        TEST(a_chain_is_tried_in_order),
        TEST(a_route_is_for_clients_whose_upstream_can_serve_it),
        TEST(a_model_that_fails_five_times_is_left_alone_then_tried_once),
        TEST(models_that_clients_make_up_take_no_circuit_from_others),
    };
    gatewaying_prepare();
    const int failed = test_main(tests, COUNT_OF(tests));
    gatewaying_done();
    return failed;
}
