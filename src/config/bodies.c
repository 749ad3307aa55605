/* The key `keep_bodies` of a workflow: what is kept of its calls, and what is taken out before. */
#include "config/config_priv.h"

#include "base/check.h"
#include "bodies/bodies.h"

enum { TEXT_BYTES_MAX = 512, WITH_BYTES_MAX = 64 };

static const struct str with_default = STR_STATIC("[redacted]");

/* A text of 1 to `bytes_max`; NULL: `absent`. */
static enum errc read_text(const struct yaml *node, size_t bytes_max, struct str absent,
                           struct str *out, struct err *err)
{
    struct str text = absent;
    const enum errc code = node != NULL ? yaml_str(node, &text, err) : ERR_OK;
    if (code != ERR_OK) {
        return code;
    }
    if (text.size == 0 || text.size > bytes_max) {
        return yaml_error(node, err, "found %zu bytes; allowed is a text of 1 to %zu", text.size,
                          bytes_max);
    }
    *out = text;
    return ERR_OK;
}

/* {pattern: '…', with: '…'} or {member: 'user.name', with: '…'} */
static enum errc read_own(struct arena *arena, const struct yaml *node, struct bodies_rule *out,
                          struct err *err)
{
    static const char *const names[] = {"pattern", "member", "with", NULL};
    const struct yaml *const pattern = yaml_get(node, "pattern");
    const struct yaml *const member = yaml_get(node, "member");
    struct str what;
    struct str with;
    struct err why;
    enum errc code = yaml_only(node, names, err);
    if (code == ERR_OK && (pattern == NULL) == (member == NULL)) {
        return yaml_error(node, err, "give one of pattern and member");
    }
    if (code == ERR_OK) {
        code = read_text(pattern != NULL ? pattern : member, TEXT_BYTES_MAX, (struct str){0}, &what,
                         err);
    }
    if (code == ERR_OK) {
        code = read_text(yaml_get(node, "with"), WITH_BYTES_MAX, with_default, &with, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (pattern != NULL) {
        return bodies_rule_pattern(what, with, arena, out, &why) == ERR_OK
                   ? ERR_OK
                   : yaml_error(pattern, err,
                                "\"" STR_FORMAT
                                "\": %s; allowed is a regular expression as Perl has it",
                                STR_ARG(what), why.text);
    }
    return bodies_rule_member(what, with, out, &why) == ERR_OK
               ? ERR_OK
               : yaml_error(member, err, "\"" STR_FORMAT "\": %s", STR_ARG(what), why.text);
}

static enum errc read_rule(struct arena *arena, const struct yaml *node, struct bodies_rule *out,
                           struct err *err)
{
    int word = 0;
    struct err why;
    if (node->kind == YAML_MAPPING) {
        return read_own(arena, node, out, err);
    }
    const enum errc code = yaml_word(node, bodies_named_words, &word, err);
    if (code == ERR_OK && bodies_rule_named((enum bodies_named)word, arena, out, &why) != ERR_OK) {
        return yaml_error(node, err, "%s", why.text);
    }
    return code;
}

static enum errc read_rules(struct arena *arena, const struct config_field *field,
                            const struct yaml *node, void *place, struct err *err)
{
    struct bodies_policy *const policy = place;
    (void)field;
    if (node->kind == YAML_SCALAR && str_equal(node->scalar, STR("none"))) {
        return ERR_OK;
    }
    if (node->kind != YAML_SEQUENCE) {
        return yaml_error(node, err,
                          "allowed is a list of what is to be taken out, such as [email, card], or "
                          "none to keep texts as they are");
    }
    if (node->count > BODIES_RULES_MAX) {
        return yaml_error(node, err, "found %zu rules; at most %d are allowed", node->count,
                          (int)BODIES_RULES_MAX);
    }
    struct bodies_rule *const rules = arena_new(arena, struct bodies_rule, node->count + 1);
    if (rules == NULL) {
        return config_full(node, err);
    }
    enum errc code = ERR_OK;
    size_t count = 0;
    for (const struct yaml *at = node->first; at != NULL && code == ERR_OK; at = at->next) {
        code = read_rule(arena, at, &rules[count++], err);
    }
    policy->rules = rules;
    policy->rule_count = count;
    return code;
}

static const struct config_field fields[] = {
    {KEY("days", COUNT), AT(bodies_policy, days), RANGE(1, BODIES_DAYS_MAX), .required = true},
    {KEY("redact", OWN), .read = read_rules, .required = true,
     .allowed = "none, or a list of email, phone, card, iban, ip, secret, {pattern, with} and "
                "{member, with}"},
    {KEY("max_kb", COUNT), AT(bodies_policy, kib), RANGE(1, BODIES_KIB_MAX), .preset = "256"},
};

const struct config_group config_keeping = {FIELDS(fields)};

enum errc config_bodies(struct arena *arena, const struct config_field *field,
                        const struct yaml *node, void *place, struct err *err)
{
    CHECK(field->group == &config_keeping);
    enum errc code = yaml_want(node, YAML_MAPPING, err);
    if (code != ERR_OK) {
        return code;
    }
    if (yaml_get(node, "redact") == NULL) {
        return yaml_error(node, err,
                          "redact is missing; list what is to be taken out, such as redact: "
                          "[email, phone, card, iban, ip, secret], or write redact: none");
    }
    struct bodies_policy *const policy = arena_new(arena, struct bodies_policy, 1);
    if (policy == NULL) {
        return config_full(node, err);
    }
    code = config_group(arena, field->group, node, policy, err);
    if (code == ERR_OK) {
        *(const struct bodies_policy **)place = policy;
    }
    return code;
}
