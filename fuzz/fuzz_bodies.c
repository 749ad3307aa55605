/* fuzz_bodies: any bytes as a body and as a stream. What comes out is JSON, no rule finds anything
 * in any of its texts or names. */
#include "bodies/bodies.h"

#include "base/check.h"
#include "base/json.h"
#include "bodies/bodies_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RULES = 4, DEPTH_MAX = JSON_DEPTH_MAX + 1 };

#define BYTES_MAX ((size_t)8 << 20)

static void check_text(const struct bodies_policy *policy, struct regex_matcher *matcher,
                       struct str text)
{
    for (size_t i = 0; i < policy->rule_count; i++) {
        size_t from = 0;
        size_t to = 0;
        if (policy->rules[i].kind != BODIES_RULE_MEMBER && text.size > 0) {
            const enum bodies_found found =
                bodies_rule_find(&policy->rules[i], matcher, text, 0, false, &from, &to);
            CHECK(found == BODIES_FOUND_NOT || found == BODIES_FOUND_GIVEN_UP);
        }
    }
}

static void check_document(const struct bodies_policy *policy, struct str document)
{
    static struct json_cursor stack[DEPTH_MAX];
    struct json_parser *parser = NULL;
    struct regex_matcher *matcher = NULL;
    struct json root;
    struct err err;
    int depth = 0;
    json_parser_create(&parser, BYTES_MAX);
    regex_matcher_create(&matcher);
    CHECK(json_parse(parser, document, document.size, &root, &err) == ERR_OK);
    check_text(policy, matcher, json_str(root));
    stack[depth++] = json_iter(root);
    while (depth > 0) {
        struct str name = {0};
        struct json value;
        if (!json_next(&stack[depth - 1], &name, &value)) {
            depth--;
            continue;
        }
        check_text(policy, matcher, name);
        check_text(policy, matcher, json_str(value));
        if (json_kind(value) == JSON_OBJECT || json_kind(value) == JSON_ARRAY) {
            CHECK(depth < DEPTH_MAX);
            stack[depth++] = json_iter(value);
        }
    }
    regex_matcher_destroy(&matcher);
    json_parser_destroy(&parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str bytes = {(const char *)data, size};
    struct arena arena;
    struct bodies_rule rules[RULES];
    struct bodies_redactor *redactor = NULL;
    struct bodies_redacted result;
    struct text out;
    struct text document;
    struct err err;
    arena_init(&arena, (size_t)1 << 20);
    text_init(&out, BYTES_MAX);
    text_init(&document, BYTES_MAX);
    CHECK(bodies_rule_named(BODIES_EMAIL, &arena, &rules[0], &err) == ERR_OK);
    CHECK(bodies_rule_named(BODIES_CARD, &arena, &rules[1], &err) == ERR_OK);
    CHECK(bodies_rule_named(BODIES_IBAN, &arena, &rules[2], &err) == ERR_OK);
    CHECK(bodies_rule_member(STR("a.b"), STR("x"), &rules[3], &err) == ERR_OK);
    const struct bodies_policy policy = {
        .days = 1, .kib = BODIES_KIB_MAX, .rules = rules, .rule_count = RULES};
    bodies_redactor_create(&redactor);
    if (bodies_redact(redactor, &policy, bytes, false, NULL, &out, &result, &err) == ERR_OK) {
        check_document(&policy, text_str(&out));
    }
    for (int api = 0; api < PROVIDER_API_COUNT; api++) {
        bool is_whole = false;
        if (bodies_assemble((enum provider_api)api, bytes, &document, &is_whole, &err) == ERR_OK) {
            CHECK(bodies_redact(redactor, &policy, text_str(&document), !is_whole, NULL, &out,
                                &result, &err) == ERR_OK ||
                  err.code == ERR_LIMIT);
            if (out.size > 0) {
                check_document(&policy, text_str(&out));
            }
        }
    }
    bodies_redactor_destroy(&redactor);
    text_deinit(&document);
    text_deinit(&out);
    arena_deinit(&arena);
    return 0;
}
