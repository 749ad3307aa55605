/* The key `correlation` of bursar.yaml: rules that say whose work telemetry is. */
#include "config/config_priv.h"

#include "base/check.h"
#include "base/regex.h"
#include "wire/correlation.h"

enum { FROM_MAX = 8, CONDITIONS_MAX = 16, MAP_MAX = 200, TEXT_BYTES_MAX = 512 };

static const char *const field_names[CORRELATION_FIELD_COUNT] = {
    [CORRELATION_WORKFLOW] = "workflow", [CORRELATION_CASE] = "case",
    [CORRELATION_ATTEMPT] = "attempt",   [CORRELATION_INPUT_KEY] = "input_key",
    [CORRELATION_OUTCOME] = "outcome",
};

static const char *const outcome_words[] = {"resolved", "failed", "reopened", "escalated", NULL};

/* What each key may hold depends on its neighbours, so the rows only name them. */
#define NAMED(key, text)                                                                           \
    {                                                                                              \
        KEY(key, OWN), .allowed = (text)                                                           \
    }

static const struct config_field condition_rows[] = {NAMED("match", "a regular expression")};

static const struct config_group condition_keys = {FIELDS(condition_rows)};

static const struct config_field value_rows[] = {
    NAMED("from", "a name, or a list of them"),
    NAMED("match", "a regular expression"),
    {KEY("take", OWN), .allowed = "a group of it", .absent = "1; 0 where it has none"},
    NAMED("map", "value → word; \"*\": any other"),
    NAMED("at_least", "a number, of an outcome"),
};

static const struct config_group value_keys = {FIELDS(value_rows)};

static const struct config_field rule_rows[] = {
    {KEY("when", OWN), .allowed = "name → a text, a list of texts or `{match: REGEX}`",
     .absent = "always"},
    NAMED("workflow", "a text, or the keys of an outcome but at_least"),
    NAMED("case", "a text, or the keys of an outcome but at_least"),
    NAMED("attempt", "a text, or the keys of an outcome but at_least"),
    NAMED("input_key", "a text, or the keys of an outcome but at_least"),
    {KEY("outcome", OWN), .group = &value_keys,
     .allowed = "resolved, failed, reopened, escalated, or these keys"},
    NAMED("attributes", "name → as workflow"),
};

const struct config_group config_rule = {FIELDS(rule_rows)};

struct names {
    struct str *rows; /* [CORRELATION_NAMES_MAX] */
    size_t count;
};

static enum errc read_text(const struct yaml *node, struct str *out, struct err *err)
{
    struct str text;
    const enum errc code = yaml_str(node, &text, err);
    if (code != ERR_OK) {
        return code;
    }
    if (text.size == 0 || text.size > TEXT_BYTES_MAX) {
        return yaml_error(node, err, "found %zu bytes; allowed is a text of 1 to %d", text.size,
                          TEXT_BYTES_MAX);
    }
    *out = text;
    return ERR_OK;
}

/* "header.X-Team": names of headers are told in small letters. */
static struct str spelled(struct arena *arena, struct str name)
{
    if (!str_starts_with(name, STR("header."))) {
        return name;
    }
    char *const copy = arena_new(arena, char, name.size);
    for (size_t i = 0; copy != NULL && i < name.size; i++) {
        const char c = name.data[i];
        copy[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    return (struct str){copy, copy != NULL ? name.size : 0};
}

/* Headers that hold secrets are not kept, so no rule can see them. */
static bool is_secret(struct str name)
{
    static const char *const secrets[] = {"header.authorization", "header.proxy-authorization",
                                          "header.cookie", "header.x-api-key", "header.api-key"};
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        if (str_equal(name, str_from(secrets[i]))) {
            return true;
        }
    }
    return false;
}

static enum errc note_name(struct arena *arena, struct names *names, const struct yaml *node,
                           struct str name, size_t *out, struct err *err)
{
    name = spelled(arena, name);
    if (name.size == 0) {
        return config_full(node, err);
    }
    if (is_secret(name)) {
        return yaml_error(node, err,
                          "found \"" STR_FORMAT "\"; a header that holds a secret is not kept, "
                          "name another",
                          STR_ARG(name));
    }
    size_t at = 0;
    while (at < names->count && !str_equal(names->rows[at], name)) {
        at++;
    }
    if (at == CORRELATION_NAMES_MAX) {
        return yaml_error(node, err, "the rules look at more than the %d names allowed",
                          CORRELATION_NAMES_MAX);
    }
    names->rows[at] = name;
    names->count = at == names->count ? at + 1 : names->count;
    *out = at;
    return ERR_OK;
}

static enum errc read_pattern(struct arena *arena, const struct yaml *node,
                              const struct regex **out, struct err *err)
{
    struct str pattern;
    struct err why;
    enum errc code = read_text(node, &pattern, err);
    if (code == ERR_OK && regex_compile(pattern, arena, out, &why) != ERR_OK) {
        code = yaml_error(node, err,
                          "\"" STR_FORMAT "\": %s; allowed is a regular expression as Perl has it",
                          STR_ARG(pattern), why.text);
    }
    return code;
}

/* ---- when */

static enum errc read_texts(struct arena *arena, const struct yaml *node,
                            struct correlation_condition *out, struct err *err)
{
    enum errc code = config_texts(arena, node, &out->texts, &out->text_count, err);
    if (code == ERR_OK && out->text_count == 0) {
        code = yaml_error(node, err, "found an empty list; allowed is a text or a list of texts");
    }
    for (size_t i = 0; i < out->text_count && code == ERR_OK; i++) {
        if (out->texts[i].size > TEXT_BYTES_MAX) {
            code = yaml_error(node, err, "found %zu bytes; allowed is a text of 1 to %d",
                              out->texts[i].size, TEXT_BYTES_MAX);
        }
    }
    return code;
}

static enum errc read_when(struct arena *arena, struct names *names, const struct yaml *node,
                           struct correlation_rule *rule, struct err *err)
{
    enum errc code = yaml_want(node, YAML_MAPPING, err);
    if (code != ERR_OK) {
        return code;
    }
    if (node->count == 0 || node->count > CONDITIONS_MAX) {
        return yaml_error(node, err,
                          "found %zu conditions; allowed are 1 to %d, all of which must "
                          "hold; without `when` the rule is for everything",
                          node->count, CONDITIONS_MAX);
    }
    struct correlation_condition *const conditions =
        arena_new(arena, struct correlation_condition, node->count);
    if (conditions == NULL) {
        return config_full(node, err);
    }
    size_t count = 0;
    for (const struct yaml *at = node->first; at != NULL && code == ERR_OK; at = at->next) {
        struct correlation_condition *const condition = &conditions[count++];
        code = note_name(arena, names, at, at->name, &condition->name, err);
        if (code == ERR_OK && at->kind == YAML_MAPPING) {
            const struct yaml *const pattern = yaml_get(at, "match");
            code = config_only(&condition_keys, at, err);
            if (code == ERR_OK) {
                code = pattern != NULL ? read_pattern(arena, pattern, &condition->match, err)
                                       : yaml_error(at, err,
                                                    "found an empty mapping; allowed is a text, a "
                                                    "list of texts, or {match: REGEX}");
            }
        } else if (code == ERR_OK) {
            code = read_texts(arena, at, condition, err);
        }
    }
    rule->conditions = conditions;
    rule->condition_count = count;
    return code;
}

/* ---- values */

static enum errc read_from(struct arena *arena, struct names *names, const struct yaml *node,
                           struct correlation_value *out, struct err *err)
{
    const struct str *texts = NULL;
    size_t count = 0;
    enum errc code = config_texts(arena, node, &texts, &count, err);
    if (code == ERR_OK && (count == 0 || count > FROM_MAX)) {
        code = yaml_error(node, err,
                          "found %zu names; allowed are 1 to %d, of which the first "
                          "that has a value counts",
                          count, FROM_MAX);
    }
    size_t *const places = code == ERR_OK ? arena_new(arena, size_t, count) : NULL;
    if (code == ERR_OK && places == NULL) {
        code = config_full(node, err);
    }
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        code = note_name(arena, names, node, texts[i], &places[i], err);
    }
    out->names = places;
    out->name_count = count;
    return code;
}

static enum errc read_map(struct arena *arena, const struct yaml *node, bool is_outcome,
                          struct correlation_value *out, struct err *err)
{
    enum errc code = yaml_want(node, YAML_MAPPING, err);
    if (code == ERR_OK && (node->count == 0 || node->count > MAP_MAX)) {
        code = yaml_error(node, err, "found %zu values; allowed are 1 to %d", node->count, MAP_MAX);
    }
    struct attribute *const map =
        code == ERR_OK ? arena_new(arena, struct attribute, node->count) : NULL;
    if (code == ERR_OK && map == NULL) {
        code = config_full(node, err);
    }
    size_t count = 0;
    for (const struct yaml *at = node->first; at != NULL && code == ERR_OK; at = at->next) {
        int word = 0;
        map[count].name = at->name;
        code = is_outcome ? yaml_word(at, outcome_words, &word, err)
                          : read_text(at, &map[count].value, err);
        if (is_outcome && code == ERR_OK) {
            map[count].value = str_from(outcome_words[word]);
        }
        count++;
    }
    out->map = map;
    out->map_count = count;
    return code;
}

static enum errc read_take(const struct yaml *node, struct correlation_value *out, struct err *err)
{
    int64_t take = 0;
    const uint32_t groups = regex_groups(out->match);
    const enum errc code = yaml_int64(node, 0, groups, &take, err);
    if (code == ERR_OK) {
        out->take = (uint32_t)take;
    }
    return code;
}

static enum errc read_mapping(struct arena *arena, struct names *names, const struct yaml *node,
                              bool is_outcome, struct correlation_value *out, struct err *err)
{
    const struct yaml *const from = yaml_get(node, "from");
    const struct yaml *const pattern = yaml_get(node, "match");
    const struct yaml *const take = yaml_get(node, "take");
    const struct yaml *const map = yaml_get(node, "map");
    const struct yaml *const at_least = yaml_get(node, "at_least");
    enum errc code = config_only(&value_keys, node, err);
    if (code == ERR_OK && from == NULL) {
        code = yaml_error(node, err,
                          "from is missing: the name of an attribute, or span.name, "
                          "scope.name, header.NAME, baggage.NAME");
    }
    if (code == ERR_OK && take != NULL && pattern == NULL) {
        code = yaml_error(take, err, "a group of which pattern? write match beside it");
    }
    if (code == ERR_OK && at_least != NULL && (!is_outcome || map != NULL)) {
        code = yaml_error(at_least, err, "only an outcome without map is judged by a number");
    }
    code = code == ERR_OK ? read_from(arena, names, from, out, err) : code;
    if (code == ERR_OK && pattern != NULL) {
        code = read_pattern(arena, pattern, &out->match, err);
        out->take = code == ERR_OK && regex_groups(out->match) > 0 ? 1 : 0;
    }
    code = code == ERR_OK && take != NULL ? read_take(take, out, err) : code;
    code = code == ERR_OK && map != NULL ? read_map(arena, map, is_outcome, out, err) : code;
    if (code == ERR_OK && at_least != NULL) {
        out->has_at_least = true;
        code = yaml_double(at_least, -1e12, 1e12, &out->at_least, err);
    }
    return code;
}

/* A text, or where to take it from. */
static enum errc read_value(struct arena *arena, struct names *names, const struct yaml *node,
                            bool is_outcome, struct correlation_value *out, struct err *err)
{
    int word = 0;
    out->is_set = true;
    if (node->kind == YAML_MAPPING) {
        return read_mapping(arena, names, node, is_outcome, out, err);
    }
    if (!is_outcome) {
        return read_text(node, &out->constant, err);
    }
    const enum errc code = yaml_word(node, outcome_words, &word, err);
    out->constant = str_from(outcome_words[word]);
    return code;
}

static enum errc read_attributes(struct arena *arena, struct names *names, const struct yaml *node,
                                 struct correlation_rule *rule, struct err *err)
{
    enum errc code = yaml_want(node, YAML_MAPPING, err);
    if (code == ERR_OK && node->count > CORRELATION_ATTRIBUTES_MAX) {
        code = yaml_error(node, err, "found %zu attributes; at most %d are allowed", node->count,
                          CORRELATION_ATTRIBUTES_MAX);
    }
    struct correlation_attribute *const attributes =
        code == ERR_OK ? arena_new(arena, struct correlation_attribute, node->count + 1) : NULL;
    if (code == ERR_OK && attributes == NULL) {
        code = config_full(node, err);
    }
    size_t count = 0;
    for (const struct yaml *at = node->first; at != NULL && code == ERR_OK; at = at->next) {
        attributes[count].name = at->name;
        code = read_value(arena, names, at, false, &attributes[count++].value, err);
    }
    rule->attributes = attributes;
    rule->attribute_count = count;
    return code;
}

static enum errc read_rule(struct arena *arena, struct names *names, const struct yaml *node,
                           struct correlation_rule *rule, struct err *err)
{
    enum errc code = config_only(&config_rule, node, err);
    const struct yaml *const when = code == ERR_OK ? yaml_get(node, "when") : NULL;
    if (when != NULL) {
        code = read_when(arena, names, when, rule, err);
    }
    bool gives = false;
    for (int i = 0; i < CORRELATION_FIELD_COUNT && code == ERR_OK; i++) {
        const struct yaml *const member = yaml_get(node, field_names[i]);
        if (member != NULL) {
            gives = true;
            code =
                read_value(arena, names, member, i == CORRELATION_OUTCOME, &rule->fields[i], err);
        }
    }
    const struct yaml *const attributes = code == ERR_OK ? yaml_get(node, "attributes") : NULL;
    if (attributes != NULL) {
        code = read_attributes(arena, names, attributes, rule, err);
    }
    if (code == ERR_OK && !gives && rule->attribute_count == 0) {
        code = yaml_error(node, err,
                          "the rule gives nothing: write workflow, case, attempt, "
                          "input_key, outcome or attributes");
    }
    return code;
}

enum errc config_correlation(struct arena *arena, const struct config_field *field,
                             const struct yaml *node, void *place, struct err *err)
{
    CHECK(field->group == &config_rule);
    enum errc code = yaml_want(node, YAML_SEQUENCE, err);
    if (code == ERR_OK && node->count > CORRELATION_RULES_MAX) {
        code = yaml_error(node, err, "found %zu rules; at most %d are allowed", node->count,
                          CORRELATION_RULES_MAX);
    }
    if (code != ERR_OK || node->count == 0) {
        return code;
    }
    struct correlation *const all = arena_new(arena, struct correlation, 1);
    struct correlation_rule *const rules = arena_new(arena, struct correlation_rule, node->count);
    struct names names = {.rows = arena_new(arena, struct str, CORRELATION_NAMES_MAX)};
    if (all == NULL || rules == NULL || names.rows == NULL) {
        return config_full(node, err);
    }
    size_t count = 0;
    for (const struct yaml *at = node->first; at != NULL && code == ERR_OK; at = at->next) {
        code = read_rule(arena, &names, at, &rules[count++], err);
    }
    if (code != ERR_OK) {
        return code;
    }
    *all = (struct correlation){
        .rules = rules, .rule_count = count, .names = names.rows, .name_count = names.count};
    if (!correlation_seal(all, arena)) {
        return config_full(node, err);
    }
    *(const struct correlation **)place = all;
    return ERR_OK;
}
