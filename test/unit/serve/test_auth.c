/* serve_auth: who may do what, as a table of every role and path; what shows no good key, or the
 * wrong one, is refused first. The rules are written down here once more, by hand. */
#include "serve/auth.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "app/keys.h"
#include "base/clock.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)1 << 20)
#define NOW_NS      (INT64_C(20700) * CLOCK_NS_PER_DAY)

enum { KEYS = 8, EXPIRED = 5, REVOKED = 6, BOUND = 7, VALUE_BYTES = 256 };

struct bench {
    struct arena arena;
    struct control_key rows[KEYS];
    char secrets[KEYS][KEYS_SECRET_BYTES + 1];
    struct serve_auth_table *table;
    struct err err;
};

/* One key of each role, then one expired, one revoked, one bound. */
static bool setup(struct bench *bench)
{
    *bench = (struct bench){0};
    arena_init(&bench->arena, ARENA_BYTES);
    for (int i = 0; i < KEYS; i++) {
        unsigned char random[KEYS_RANDOM_BYTES];
        memset(random, i, sizeof random); /* ids ascend */
        keys_make(random, bench->secrets[i]);
        struct control_key *const key = &bench->rows[i];
        *key = (struct control_key){.id = keys_id(str_from(bench->secrets[i])),
                                    .name = STR("a name"),
                                    .role = i < ROLE_COUNT ? (enum key_role)i : ROLE_ADMIN,
                                    .expires_ns = CONTROL_KEY_NEVER,
                                    .revoked_ns = CONTROL_KEY_NEVER};
        keys_hash(str_from(bench->secrets[i]), key->hash);
    }
    bench->rows[EXPIRED].expires_ns = NOW_NS;
    bench->rows[REVOKED].revoked_ns = NOW_NS - 1;
    bench->rows[BOUND].workflow = STR("claims");
    bench->rows[BOUND].team = STR("support");
    bench->rows[BOUND].user = STR("ana");
    const struct control_keys keys = {bench->rows, KEYS};
    return serve_auth_table_create(&keys, &bench->arena, &bench->table, &bench->err) == ERR_OK;
}

static void teardown(struct bench *bench)
{
    serve_auth_table_destroy(&bench->table);
    arena_deinit(&bench->arena);
}

struct asked {
    enum http_method method;
    const char *path;
    const char *field; /* NULL: none */
    const char *value;
    bool near;
    bool require_keys;
};

static int ask(struct bench *bench, const struct asked *asked, struct serve_caller *caller)
{
    struct http_head head = {.method = asked->method, .path = str_from(asked->path)};
    head.fields[head.field_count++] = (struct http_field){STR("Host"), STR("here:4318")};
    if (asked->field != NULL) {
        head.fields[head.field_count++] =
            (struct http_field){str_from(asked->field), str_from(asked->value)};
    }
    const struct net_request request = {.head = &head, .peer_is_loopback = asked->near};
    const struct serve_auth_rules rules = {.require_keys = asked->require_keys, .now_ns = NOW_NS};
    const char *why = NULL;
    const int status = serve_auth_check(bench->table, &rules, &request, caller, &why);
    CHECK(status == 200 || why[0] != '\0');
    return status;
}

static int ask_with(struct bench *bench, const struct asked *asked, const char *secret)
{
    char value[VALUE_BYTES];
    struct serve_caller caller;
    struct asked with = *asked;
    snprintf(value, sizeof value, "Bearer %s", secret);
    with.field = "Authorization";
    with.value = value;
    return ask(bench, &with, &caller);
}

static const struct {
    enum http_method method;
    const char *path;
    const char *roles; /* i, g, v, a (approver), A (admin) */
} rules[] = {
    {HTTP_POST, "/v1/traces", "iA"},      {HTTP_POST, "/v1/logs", "iA"},
    {HTTP_POST, "/v1/metrics", "iA"},     {HTTP_GET, "/api/v1/report", "vaA"},
    {HTTP_HEAD, "/api/v1/report", "vaA"}, {HTTP_GET, "/", "vaA"},
    {HTTP_GET, "/nothing", "vaA"},        {HTTP_GET, "/metrics", "vaA"},
    {HTTP_POST, "/api/v1/plan", "aA"},    {HTTP_DELETE, "/api/v1/report", "aA"},
    {HTTP_OTHER, "/api/v1/report", "aA"}, {HTTP_POST, "/api/v1/outcomes", "iaA"},
    {HTTP_POST, "/openai/v1/x", "g"},     {HTTP_POST, "/anthropic/v1/messages", "g"},
    {HTTP_POST, "/v1/messages", "g"},     {HTTP_POST, "/v1/chat/completions", "g"},
    {HTTP_GET, "/v1/models", "g"},
};

static void each_role_may_do_what_its_row_says_and_nothing_else(void)
{
    struct bench bench;
    bool right = setup(&bench);
    for (size_t i = 0; i < COUNT_OF(rules) && right; i++) {
        for (int role = 0; role < ROLE_COUNT; role++) {
            const struct asked asked = {rules[i].method, rules[i].path, NULL, NULL, false, false};
            struct asked near = asked;
            near.near = true; /* a key that is shown counts on this machine too */
            const bool may = strchr(rules[i].roles, "igvaA"[role]) != NULL;
            const int want = may ? 200 : 403;
            right = right && ask_with(&bench, &asked, bench.secrets[role]) == want &&
                    ask_with(&bench, &near, bench.secrets[role]) == want;
        }
    }
    teardown(&bench);
    EXPECT(right);
}

static void without_a_key_only_this_machine_is_answered_and_that_can_be_switched_off(void)
{
    struct bench bench;
    struct serve_caller caller;
    bool right = setup(&bench);
    for (size_t i = 0; i < COUNT_OF(rules) && right; i++) {
        const struct asked far = {rules[i].method, rules[i].path, NULL, NULL, false, false};
        const struct asked near = {rules[i].method, rules[i].path, NULL, NULL, true, false};
        const struct asked strict = {rules[i].method, rules[i].path, NULL, NULL, true, true};
        right = ask(&bench, &far, &caller) == 401 && ask(&bench, &near, &caller) == 200 &&
                !caller.has_key && ask(&bench, &strict, &caller) == 401;
    }
    const struct asked health = {HTTP_GET, "/healthz", NULL, NULL, false, true};
    const struct asked ready = {HTTP_GET, "/readyz", NULL, NULL, false, true};
    right = right && ask(&bench, &health, &caller) == 200 && ask(&bench, &ready, &caller) == 200;
    teardown(&bench);
    EXPECT(right);
}

static void a_key_that_is_not_good_is_refused_also_where_none_is_needed(void)
{
    struct bench bench;
    const bool made = setup(&bench);
    bool right = made;
    char unknown[KEYS_SECRET_BYTES + 1] = "";
    char wrong[KEYS_SECRET_BYTES + 1] = "";
    if (made) {
        unsigned char random[KEYS_RANDOM_BYTES];
        memset(random, 200, sizeof random);
        keys_make(random, unknown); /* an id that is not there */
        memcpy(wrong, bench.secrets[ROLE_ADMIN], sizeof wrong);
        wrong[KEYS_SECRET_BYTES - 1] = wrong[KEYS_SECRET_BYTES - 1] == '0' ? '1' : '0';
        const char *const bad[] = {
            bench.secrets[EXPIRED], bench.secrets[REVOKED], unknown, wrong, "bk_", "bk_short",
            "bk_0404040404040"};
        for (size_t i = 0; i < COUNT_OF(bad); i++) {
            const struct asked far = {HTTP_GET, "/api/v1/report", NULL, NULL, false, false};
            const struct asked near = {HTTP_GET, "/api/v1/report", NULL, NULL, true, false};
            right = right && ask_with(&bench, &far, bad[i]) == 401 &&
                    ask_with(&bench, &near, bad[i]) == 401;
        }
    }
    teardown(&bench);
    EXPECT(right);
}

static void what_a_proxy_says_is_only_believed_against_the_request(void)
{
    static const char *const fields[] = {"X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"};
    struct bench bench;
    struct serve_caller caller;
    bool right = setup(&bench);
    for (size_t i = 0; i < COUNT_OF(fields) && right; i++) {
        const struct asked near = {HTTP_GET, "/api/v1/report", fields[i], "127.0.0.1", true, false};
        const struct asked far = {HTTP_GET, "/api/v1/report", fields[i], "127.0.0.1", false, false};
        right = ask(&bench, &near, &caller) == 401 && ask(&bench, &far, &caller) == 401;
    }
    teardown(&bench);
    EXPECT(right);
}

static void pages_of_other_sites_may_not_write(void)
{
    static const struct {
        const char *origin;
        int status;
    } rows[] = {{"http://evil.example", 403},
                {"null", 403},
                {"http://here", 403},
                {"http://here:4318", 200},
                {"https://HERE:4318", 200}};
    struct bench bench;
    struct serve_caller caller;
    bool right = setup(&bench);
    for (size_t i = 0; i < COUNT_OF(rows) && right; i++) {
        const struct asked asked = {HTTP_POST, "/api/v1/outcomes", "Origin", rows[i].origin, true,
                                    false};
        right = ask(&bench, &asked, &caller) == rows[i].status;
    }
    teardown(&bench);
    EXPECT(right);
}

static void a_key_is_found_in_each_of_three_fields_and_brings_its_binding(void)
{
    struct bench bench;
    bool right = setup(&bench);
    char pair[VALUE_BYTES];
    char basic[2 * VALUE_BYTES] = "basic ";
    char bearer[VALUE_BYTES];
    char alone[VALUE_BYTES];
    snprintf(pair, sizeof pair, "anybody:%s", bench.secrets[BOUND]);
    EVP_EncodeBlock((unsigned char *)basic + 6, (const unsigned char *)pair, (int)strlen(pair));
    snprintf(bearer, sizeof bearer, "bearer   %s ", bench.secrets[BOUND]);
    snprintf(alone, sizeof alone, "%s", bench.secrets[BOUND]);
    const struct {
        const char *field;
        const char *value;
    } shown[] = {{"authorization", basic}, {"authorization", bearer}, {"X-API-Key", alone}};
    for (size_t i = 0; i < COUNT_OF(shown) && right; i++) {
        struct serve_caller caller;
        const struct asked asked = {HTTP_POST,      "/v1/traces", shown[i].field,
                                    shown[i].value, false,        false};
        right = ask(&bench, &asked, &caller) == 200 && caller.has_key &&
                strcmp(caller.workflow, "claims") == 0 && strcmp(caller.team, "support") == 0 &&
                strcmp(caller.user, "ana") == 0 && caller.role == ROLE_ADMIN &&
                str_equal(str_from(caller.id), bench.rows[BOUND].id);
    }
    const int64_t used_ns = right ? atomic_load(&bench.table->keys[BOUND].used_ns) : 0;
    teardown(&bench);
    EXPECT(right);
    EXPECT(used_ns == NOW_NS);
}

static void other_programs_credentials_are_no_key_and_no_harm(void)
{
    static const struct {
        const char *field;
        const char *value;
    } rows[] = {{"Authorization", "Bearer sk-ant-api03-xyz"},
                {"Authorization", "Basic Zm9vOmJhcg=="},
                {"Authorization", "Basic !!!!"},
                {"Authorization", "Basic "},
                {"Authorization", "Bearer"},
                {"Authorization", ""},
                {"x-api-key", "sk-1"}};
    struct bench bench;
    struct serve_caller caller;
    bool right = setup(&bench);
    for (size_t i = 0; i < COUNT_OF(rows) && right; i++) {
        const struct asked near = {HTTP_POST,     "/v1/messages", rows[i].field,
                                   rows[i].value, true,           false};
        const struct asked far = {HTTP_POST,     "/v1/messages", rows[i].field,
                                  rows[i].value, false,          false};
        right = ask(&bench, &near, &caller) == 200 && !caller.has_key &&
                ask(&bench, &far, &caller) == 401;
    }
    teardown(&bench);
    EXPECT(right);
}

static void a_secret_has_the_shape_a_scanner_looks_for_and_nothing_else_has(void)
{
    unsigned char random[KEYS_RANDOM_BYTES];
    char secret[KEYS_SECRET_BYTES + 1];
    char changed[KEYS_SECRET_BYTES + 1];
    for (size_t i = 0; i < sizeof random; i++) {
        random[i] = (unsigned char)(i * 7);
    }
    keys_make(random, secret);
    const struct str whole = str_from(secret);
    EXPECT(str_equal(whole, STR("bk_00070e151c23_"
                                "2a31383f464d545b626970777e858c93"
                                "9aa1a8afb6bdc4cbd2d9e0e7eef5fc03")));
    EXPECT(str_equal(keys_id(whole), STR("00070e151c23")));
    EXPECT(keys_id((struct str){secret, whole.size - 1}).size == 0);
    for (size_t i = 0; i < whole.size; i++) { /* no character of it may be another kind */
        memcpy(changed, secret, sizeof changed);
        changed[i] = 'X';
        EXPECT(keys_id(str_from(changed)).size == 0);
    }
}

int main(void)
{
    static const struct test tests[] = {
        TEST(each_role_may_do_what_its_row_says_and_nothing_else),
        TEST(without_a_key_only_this_machine_is_answered_and_that_can_be_switched_off),
        TEST(a_key_that_is_not_good_is_refused_also_where_none_is_needed),
        TEST(what_a_proxy_says_is_only_believed_against_the_request),
        TEST(pages_of_other_sites_may_not_write),
        TEST(a_key_is_found_in_each_of_three_fields_and_brings_its_binding),
        TEST(other_programs_credentials_are_no_key_and_no_harm),
        TEST(a_secret_has_the_shape_a_scanner_looks_for_and_nothing_else_has),
    };
    return test_main(tests, COUNT_OF(tests));
}
