/* correlation rules: wrong ones are refused with file, line and key; right ones give what an
 * engineer reading them expects, the first that holds for each field. */
#include <stdio.h>

#include "config/config.h"
#include "support/test.h"
#include "wire/correlation.h"

#define ARENA_BYTES ((size_t)4 << 20)

static enum errc parse(const char *text, struct arena *arena, struct settings *out, struct err *err)
{
    arena_init(arena, ARENA_BYTES);
    return config_parse(STR("bursar.yaml"), str_from(text), arena, out, err);
}

static bool refuses(const char *rule, int line, const char *part)
{
    struct arena arena;
    struct settings settings;
    struct err err = {0};
    char text[2000];
    char place[64];
    snprintf(text, sizeof text, "correlation:\n%s\n", rule);
    const enum errc code = parse(text, &arena, &settings, &err);
    arena_deinit(&arena);
    snprintf(place, sizeof place, "bursar.yaml:%d: correlation", line);
    const bool right =
        code == ERR_CONFIG && strstr(err.text, place) == err.text && strstr(err.text, part) != NULL;
    if (!right) {
        test_note(err.text);
    }
    return right;
}

static void wrong_rules_are_refused_with_their_line(void)
{
    EXPECT(refuses("  workflow: w", 2, "list"));
    EXPECT(refuses("  - claims", 2, "mapping"));
    EXPECT(refuses("  - {}", 2, "gives nothing"));
    EXPECT(refuses("  - {when: {a: b}}", 2, "gives nothing"));
    EXPECT(refuses("  - {workflows: w}", 2, "did you mean \"workflow\""));
    EXPECT(refuses("  - workflow: w\n    when: {}", 3, "1 to 16"));
    EXPECT(refuses("  - {workflow: w, when: {a: {match: '['}}}", 2, "after byte 1"));
    EXPECT(refuses("  - {workflow: w, when: {a: {}}}", 2, "empty mapping"));
    EXPECT(refuses("  - {workflow: w, when: {a: []}}", 2, "empty list"));
}

static void wrong_values_are_refused_with_what_is_allowed(void)
{
    EXPECT(refuses("  - case: {match: x}", 2, "from is missing"));
    EXPECT(refuses("  - case: {from: a, take: 1}", 2, "write match"));
    EXPECT(refuses("  - case: {from: a, match: '(b)', take: 2}", 2, "from 0 to 1"));
    EXPECT(refuses("  - case: {from: []}", 2, "1 to 8"));
    EXPECT(refuses("  - case: {from: a, at_least: 1}", 2, "only an outcome"));
    EXPECT(refuses("  - outcome: {from: a, at_least: x}", 2, "at_least"));
    EXPECT(refuses("  - outcome: done", 2, "resolved, failed, reopened, escalated"));
    EXPECT(refuses("  - outcome: {from: a, map: {b: done}}", 2, "resolved, failed"));
    EXPECT(refuses("  - outcome: {from: a, map: {}}", 2, "1 to 200"));
    EXPECT(refuses("  - attributes: [a]", 2, "mapping"));
    EXPECT(refuses("  - attributes: {a: {from: header.Authorization}}", 2, "secret"));
}

static void more_than_the_limits_are_refused(void)
{
    static char text[1 << 16];
    struct arena arena;
    struct settings settings;
    struct err err = {0};
    size_t used = (size_t)snprintf(text, sizeof text, "correlation:\n");
    for (int i = 0; i <= CORRELATION_RULES_MAX; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "  - workflow: w%d\n", i);
    }
    enum errc code = parse(text, &arena, &settings, &err);
    arena_deinit(&arena);
    EXPECT(code == ERR_CONFIG);
    EXPECT(strstr(err.text, "at most 200") != NULL);
    used = (size_t)snprintf(text, sizeof text, "correlation:\n");
    for (int i = 0; i <= CORRELATION_NAMES_MAX; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s{from: n%d}%s",
                                 i % 2 == 0 ? "  - {workflow: " : ", case: ", i,
                                 i % 2 == 0 && i < CORRELATION_NAMES_MAX ? "" : "}\n");
    }
    code = parse(text, &arena, &settings, &err);
    arena_deinit(&arena);
    EXPECT(code == ERR_CONFIG);
    EXPECT(strstr(err.text, "256 names") != NULL);
}

static const char *const rules =
    "correlation:\n"
    "  - when: {service.name: [claims-*, '*-claims'], span.name: {match: '^chat'}}\n"
    "    workflow: claims\n"
    "    case: {from: [ticket, session.id], match: '^claim-(\\d+)'}\n"
    "    attempt: {from: retry}\n"
    "    attributes: {team: {from: header.X-Team}, tier: gold}\n"
    "  - when: {kind: {match: '(?i)^eval$'}}\n"
    "    outcome: {from: score, at_least: 0.5}\n"
    "    attributes: {team: fallback}\n"
    "  - workflow: {from: flow, map: {a: alpha, '*': others}}\n"
    "    case: {from: session.id}\n"
    "    outcome: {from: state, map: {ok: resolved, bad: failed}}\n";

/* Apply the rules to "name=value" pairs; the fields as "workflow/case/attempt/key/outcome". */
static bool gives(const char *const *pairs, const char *fields, const char *attributes)
{
    static struct correlated out;
    struct arena arena;
    struct settings settings;
    struct err err = {0};
    struct correlator correlator = {0};
    struct str values[CORRELATION_NAMES_MAX] = {{0}};
    char told[400] = "";
    char listed[400] = "";
    if (parse(rules, &arena, &settings, &err) == ERR_OK) {
        for (size_t i = 0; pairs[i] != NULL; i++) {
            struct str value = str_from(pairs[i]);
            const struct str name = str_cut(&value, '=');
            const size_t at = correlation_find(settings.correlation, name);
            if (at != SIZE_MAX) {
                values[at] = value;
            }
        }
        correlation_apply(settings.correlation, &correlator, values, &out);
        snprintf(told, sizeof told, "%.*s/%.*s/%.*s/%.*s/%.*s", STR_ARG(out.fields[0]),
                 STR_ARG(out.fields[1]), STR_ARG(out.fields[2]), STR_ARG(out.fields[3]),
                 STR_ARG(out.fields[4]));
        size_t used = 0;
        for (size_t i = 0; i < out.attribute_count; i++) {
            used +=
                (size_t)snprintf(listed + used, sizeof listed - used, "%.*s=%.*s;",
                                 STR_ARG(out.attributes[i].name), STR_ARG(out.attributes[i].value));
        }
    }
    regex_matcher_destroy(&correlator.matcher);
    arena_deinit(&arena);
    const bool same = strcmp(told, fields) == 0 && strcmp(listed, attributes) == 0;
    if (!same) {
        test_note(err.text);
        test_note(told);
        test_note(listed);
    }
    return same;
}

#define OF(...) ((const char *const[]){__VA_ARGS__, NULL})

static void the_first_rule_that_holds_and_gives_a_value_counts(void)
{
    EXPECT(gives(OF("service.name=claims-eu", "span.name=chat x", "session.id=claim-7", "retry=2",
                    "header.x-team=blue"),
                 "claims/7/2//", "team=blue;tier=gold;"));
    EXPECT(gives(OF("service.name=my-claims", "span.name=chat", "session.id=s-1", "flow=a"),
                 "claims/s-1///", "tier=gold;"));
    EXPECT(gives(OF("service.name=claims-eu", "span.name=other", "session.id=claim-7", "flow=a"),
                 "alpha/claim-7///", ""));
    EXPECT(gives(OF("flow=zzz"), "others////", ""));
    EXPECT(gives(OF("nothing=1"), "////", ""));
    EXPECT(gives(OF("service.name=claims-eu", "span.name=chat", "ticket=claim-1",
                    "session.id=claim-2", "kind=EVAL", "header.x-team=red"),
                 "claims/1///", "team=red;tier=gold;"));
}

static void an_outcome_comes_of_a_word_or_a_score(void)
{
    EXPECT(gives(OF("state=ok"), "////resolved", ""));
    EXPECT(gives(OF("state=bad"), "////failed", ""));
    EXPECT(gives(OF("state=open"), "////", ""));
    EXPECT(gives(OF("kind=eval", "score=0.5"), "////resolved", "team=fallback;"));
    EXPECT(gives(OF("kind=eval", "score=4.9e-1"), "////failed", "team=fallback;"));
    EXPECT(gives(OF("kind=eval", "score=nan", "state=ok"), "////resolved", "team=fallback;"));
    EXPECT(gives(OF("kind=eval", "score=1x"), "////", "team=fallback;"));
    EXPECT(gives(OF("kind=evaluation", "score=1"), "////", ""));
}

static bool is_like(const char *text, const char *pattern)
{
    return correlation_like(str_from(text), str_from(pattern));
}

static void a_star_stands_for_any_bytes(void)
{
    EXPECT(is_like("", "*"));
    EXPECT(is_like("", ""));
    EXPECT(!is_like("a", ""));
    EXPECT(!is_like("", "a"));
    EXPECT(is_like("abcabd", "*ab*d"));
    EXPECT(!is_like("abcabd", "*ab*c"));
    EXPECT(is_like("claims-bot", "claims-*"));
    EXPECT(!is_like("my-claims-bot", "claims-*"));
    EXPECT(is_like("a*b", "a*b"));
    EXPECT(is_like("aXXb", "a**b"));
    EXPECT(!is_like("A", "a"));
}

static void patterns_that_were_given_up_too_often_are_not_tried_any_more(void)
{
    static char hostile[600];
    struct arena arena;
    struct settings settings;
    struct err err = {0};
    struct correlator correlator = {0};
    static struct correlated out;
    struct str values[CORRELATION_NAMES_MAX] = {{0}};
    memset(hostile, 'a', sizeof hostile);
    hostile[sizeof hostile - 1] = '!';
    int64_t given_up = 0;
    size_t sizes = 0;
    if (parse("correlation: [{case: {from: s, match: '^(a+)+$'}}]\n", &arena, &settings, &err) ==
        ERR_OK) {
        for (int i = 0; i < 3 * CORRELATION_GIVEN_UP_MAX; i++) {
            values[0] = (struct str){hostile, sizeof hostile};
            correlation_apply(settings.correlation, &correlator, values, &out);
            sizes += out.fields[CORRELATION_CASE].size;
        }
        given_up = correlator.given_up;
    }
    regex_matcher_destroy(&correlator.matcher);
    arena_deinit(&arena);
    EXPECT(given_up == CORRELATION_GIVEN_UP_MAX);
    EXPECT(sizes == 0);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(wrong_rules_are_refused_with_their_line),
        TEST(wrong_values_are_refused_with_what_is_allowed),
        TEST(more_than_the_limits_are_refused),
        TEST(the_first_rule_that_holds_and_gives_a_value_counts),
        TEST(an_outcome_comes_of_a_word_or_a_score),
        TEST(a_star_stands_for_any_bytes),
        TEST(patterns_that_were_given_up_too_often_are_not_tried_any_more),
    };
    return test_main(tests, COUNT_OF(tests));
}
