/*
 * Goal: whose call it is, strongest first: the key's binding, x-bursar fields, baggage, the trace,
 * the request's own metadata; and what is malformed names nothing.
 * Method: heads and bodies one by one.
 */
#include "gatewaying.h"

static struct gatewaying g;

static const char *const path = "/v1/chat/completions";

static struct gateway_who who(const struct gateway_caller *caller, const char *body)
{
    struct exchange *const exchange = &g.exchange;
    g.request.body = str_from(body);
    gateway_who_read(&g.request, caller, &exchange->who);
    if (gateway_read(exchange) != GATEWAY_ADMIT) {
        return (struct gateway_who){0};
    }
    return exchange->who;
}

static bool is(const struct provider_text *text, const char *expected)
{
    return str_equal(provider_text_str(text), str_from(expected));
}

static void what_is_malformed_names_nothing(void)
{
    static const char *const baggages[] = {
        "bursar.workflow",    "bursar.workflow=a%2", "bursar.workflow=%00", "=a",
        "bursar.work flow=a", ";bursar.workflow=a",  "bursar.workflow=",    "a=1;bursar.workflow=a",
    };
    static const char *const traces[] = {
        "",
        "00-",
        "00-00000000000000000000000000000000-1111111111111111-01",
        "ff-11111111111111111111111111111111-1111111111111111-01",
        "00-1111111111111111111111111111111G-1111111111111111-01",
        "00-11111111111111111111111111111111-111111111111111-01",
        "0011111111111111111111111111111111111111111111111111111",
    };
    const struct gateway_caller nobody = {0};
    bool silent = true;
    gatewaying_open(&g, NULL, 0);
    for (size_t i = 0; i < COUNT_OF(baggages); i++) {
        (void)gatewaying_ask(&g, path, "");
        gatewaying_field(&g, "baggage", baggages[i]);
        silent = silent && who(&nobody, "{}").workflow.size == 0;
    }
    for (size_t i = 0; i < COUNT_OF(traces); i++) {
        struct exchange *const exchange = gatewaying_ask(&g, path, "");
        gatewaying_field(&g, "traceparent", traces[i]);
        const struct gateway_who found = who(&nobody, "{}");
        silent = silent && found.is_session && is(&found.case_id, exchange->id);
    }
    gatewaying_close(&g);
    EXPECT(silent);
}

static void the_key_goes_before_the_fields_and_they_before_baggage_and_body(void)
{
    static const char *const body =
        "{\"metadata\":{\"bursar.workflow\":\"of-body\",\"bursar.case\":\"case-body\","
        "\"bursar.attempt\":\"7\"},\"user\":\"user-body\"}";
    const struct gateway_caller key = {.key = STR("k1"),
                                       .team = STR("payments"),
                                       .workflow = STR("of-key"),
                                       .user = STR("user-key")};
    const struct gateway_caller nobody = {0};
    gatewaying_open(&g, NULL, 0);
    (void)gatewaying_ask(&g, path, "");
    gatewaying_field(&g, "x-bursar-workflow", "of-field");
    gatewaying_field(&g, "x-bursar-case", "case-field");
    gatewaying_field(&g, "baggage", "bursar.workflow=of%20baggage,bursar.user=u%C3%A9;p=1");
    const struct gateway_who bound = who(&key, body);
    const struct gateway_who unbound = who(&nobody, body);
    (void)gatewaying_ask(&g, path, "");
    gatewaying_field(&g, "baggage", "x=1,bursar.workflow=of%20baggage , bursar.case=c");
    const struct gateway_who carried = who(&nobody, body);
    (void)gatewaying_ask(&g, path, "");
    const struct gateway_who told = who(&nobody, body);
    gatewaying_close(&g);
    EXPECT(is(&bound.workflow, "of-key") && is(&bound.user, "user-key") &&
           is(&bound.team, "payments") && is(&bound.key, "k1") && is(&bound.case_id, "case-field"));
    EXPECT(is(&unbound.workflow, "of-field") && is(&unbound.user, "u\xc3\xa9") &&
           is(&unbound.case_id, "case-field") && unbound.attempt_number == 7 &&
           !unbound.is_session);
    EXPECT(is(&carried.workflow, "of baggage") && is(&carried.case_id, "c"));
    EXPECT(is(&told.workflow, "of-body") && is(&told.case_id, "case-body") &&
           is(&told.user, "user-body"));
}

static void a_call_without_a_case_belongs_to_its_session_trace_or_itself(void)
{
    static const char *const trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
    const struct gateway_caller nobody = {0};
    gatewaying_open(&g, NULL, 0);
    (void)gatewaying_ask(&g, "/v1/messages", "");
    gatewaying_field(&g, "traceparent", trace);
    const struct gateway_who session =
        who(&nobody, "{\"metadata\":{\"user_id\":\"user_1_account_2_session_abc\"}}");
    (void)gatewaying_ask(&g, "/v1/messages", "");
    gatewaying_field(&g, "traceparent", trace);
    const struct gateway_who traced = who(&nobody, "{}");
    gatewaying_close(&g);
    EXPECT(session.is_session && is(&session.case_id, "abc") &&
           is(&session.attempt, "0123456789abcdef0123456789abcdef"));
    EXPECT(traced.is_session && is(&traced.case_id, "0123456789abcdef0123456789abcdef"));
}

static void names_are_cut_and_attempts_are_numbers_from_one(void)
{
    char name[PROVIDER_NAME_BYTES_MAX + 100];
    const struct gateway_caller nobody = {0};
    static const char *const attempts[] = {"0", "-1", "x", "99999999999999999999"};
    bool zero = true;
    memset(name, 'w', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    gatewaying_open(&g, NULL, 0);
    (void)gatewaying_ask(&g, path, "");
    gatewaying_field(&g, "x-bursar-workflow", name);
    const struct gateway_who cut = who(&nobody, "{}");
    for (size_t i = 0; i < COUNT_OF(attempts); i++) {
        (void)gatewaying_ask(&g, path, "");
        gatewaying_field(&g, "x-bursar-attempt", attempts[i]);
        zero = zero && who(&nobody, "{}").attempt_number == 0;
    }
    gatewaying_close(&g);
    EXPECT(cut.workflow.size == PROVIDER_NAME_BYTES_MAX);
    EXPECT(zero);
}

static void a_key_of_a_team_calls_for_no_other_teams_workflow(void)
{
    static const struct str callers[] = {STR_STATIC("sales"), STR_STATIC("audit")};
    static struct settings_workflow workflows[] = {
        {.name = STR_STATIC("claims"), .team = STR_STATIC("operations")},
        {.name = STR_STATIC("search"),
         .team = STR_STATIC("platform"),
         .callers = callers,
         .caller_count = COUNT_OF(callers)},
        {.name = STR_STATIC("lent"), .callers = callers, .caller_count = 1},
        {.name = STR_STATIC("nobodys")}};
    static const struct {
        const char *team;  /* of the key; empty: none */
        const char *bound; /* its workflow */
        const char *named; /* by a field; empty: none */
        bool is_refused;
    } calls[] = {
        {"sales", "", "claims", true},
        {"operations", "", "claims", false},
        {"sales", "claims", "", false},
        {"", "", "claims", false},
        {"sales", "", "search", false},
        {"platform", "", "search", false},
        {"operation", "", "claims", true},
        {"operations", "", "search", true},
        {"audit", "", "lent", true},
        {"sales", "", "lent", false},
        {"sales", "", "nobodys", false},
        {"sales", "", "not-configured", false},
        {"sales", "", "", false},
        {"Operations", "", "claims", true},
        {"sales", "nobodys", "claims", false},
    };
    bool fine = true;
    gatewaying_open(&g, NULL, 0);
    g.settings.workflows.rows = workflows;
    g.settings.workflows.count = COUNT_OF(workflows);
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        const struct gateway_caller caller = {.key = STR("k1"),
                                              .team = str_from(calls[i].team),
                                              .workflow = str_from(calls[i].bound)};
        (void)gatewaying_ask(&g, path, "");
        gatewaying_field(&g, "x-bursar-workflow", calls[i].named);
        (void)who(&caller, "{}");
        fine = fine && gateway_is_of_another_team(&g.exchange) == calls[i].is_refused;
    }
    gatewaying_close(&g);
    EXPECT(fine);
}

int main(void)
{
    const struct test tests[] = {
        TEST(a_key_of_a_team_calls_for_no_other_teams_workflow),
        TEST(what_is_malformed_names_nothing),
        TEST(the_key_goes_before_the_fields_and_they_before_baggage_and_body),
        TEST(a_call_without_a_case_belongs_to_its_session_trace_or_itself),
        TEST(names_are_cut_and_attempts_are_numbers_from_one),
    };
    gatewaying_prepare();
    const int failed = test_main(tests, COUNT_OF(tests));
    gatewaying_done();
    return failed;
}
