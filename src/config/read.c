/* read: mappings read by tables of keys. Whatever is wrong with a value is said here. */
#include "config/config_priv.h"

#include "base/check.h"
#include "base/money.h"

#define SPAN_UNITS_MAX INT64_C(100000000)

/* A SETTINGS_ROWS of any type. */
struct rows {
    void *rows;
    size_t count;
    size_t capacity;
};

const char *const config_risks[] = {
    [RISK_LOW] = "low", [RISK_NORMAL] = "normal", [RISK_HIGH] = "high", [RISK_COUNT] = NULL};
const char *const config_web_urls[] = {"https://", "http://", NULL};
static const char *const flags[] = {"false", "true", NULL};

enum errc config_full(const struct yaml *node, struct err *err)
{
    CHECK(node != NULL);
    return err_set(err, ERR_LIMIT, STR_FORMAT ":%d: the configuration is too large",
                   STR_ARG(node->file), node->line);
}

static enum errc read_text(const struct yaml *node, struct str *out, struct err *err)
{
    struct str text;
    const enum errc code = yaml_str(node, &text, err);
    if (code != ERR_OK) {
        return code;
    }
    if (text.size == 0) {
        return yaml_error(node, err, "found nothing; write a text or leave the key out");
    }
    *out = text;
    return ERR_OK;
}

enum errc config_texts(struct arena *arena, const struct yaml *node, const struct str **out,
                       size_t *out_count, struct err *err)
{
    if (node->kind == YAML_MAPPING) {
        return yaml_error(node, err, "found a mapping; allowed is a text or a list of texts");
    }
    const size_t count = node->kind == YAML_SEQUENCE ? node->count : 1;
    struct str *const texts = arena_new(arena, struct str, count > 0 ? count : 1);
    if (texts == NULL) {
        return config_full(node, err);
    }
    const struct yaml *at = node->kind == YAML_SEQUENCE ? node->first : node;
    for (size_t i = 0; i < count; i++, at = at->next) {
        const enum errc code = read_text(at, &texts[i], err);
        if (code != ERR_OK) {
            return code;
        }
    }
    *out = texts;
    *out_count = count;
    return ERR_OK;
}

/* One of `schemes`, which ends with NULL, in front of something. */
static enum errc read_url(const struct yaml *node, const char *const *schemes, struct str *out,
                          struct err *err)
{
    struct str url;
    const enum errc code = read_text(node, &url, err);
    if (code != ERR_OK) {
        return code;
    }
    for (size_t i = 0; schemes[i] != NULL; i++) {
        const struct str scheme = str_from(schemes[i]);
        if (str_starts_with(url, scheme) && url.size > scheme.size) {
            *out = url;
            return ERR_OK;
        }
    }
    return yaml_error(node, err, "found \"" STR_FORMAT "\"; allowed is %s…%s%s%s", STR_ARG(url),
                      schemes[0], schemes[1] != NULL ? " or " : "",
                      schemes[1] != NULL ? schemes[1] : "", schemes[1] != NULL ? "…" : "");
}

static enum errc read_either(const struct yaml *node, const char *const *words, bool *out,
                             struct err *err)
{
    int word = 0;
    const enum errc code = yaml_word(node, words, &word, err);
    if (code == ERR_OK) {
        *out = words[word + 1] == NULL;
    }
    return code;
}

static enum errc read_word(const struct yaml *node, const char *const *words, void *out,
                           struct err *err)
{
    _Static_assert(sizeof(enum risk) == sizeof(unsigned), "every enum of a row is one");
    int word = 0;
    const enum errc code = yaml_word(node, words, &word, err);
    if (code == ERR_OK) {
        *(unsigned *)out = (unsigned)word;
    }
    return code;
}

/* A span of time in decimal units of `unit_ms`, in ms. */
static enum errc read_span(const struct yaml *node, int64_t unit_ms, int64_t *out_ms,
                           struct err *err)
{
    struct str text;
    const enum errc code = yaml_str(node, &text, err);
    if (code != ERR_OK) {
        return code;
    }
    int64_t millionths;
    struct err why;
    if (money_parse_scaled(text, 6, &millionths, &why) != ERR_OK || millionths < 0 ||
        millionths > SPAN_UNITS_MAX * 1000000) {
        return yaml_error(node, err, "found \"" STR_FORMAT "\"; allowed is a number from 0 to %lld",
                          STR_ARG(text), (long long)SPAN_UNITS_MAX);
    }
    *out_ms = (int64_t)money_scale(millionths, unit_ms, 1000000);
    return ERR_OK;
}

/* A new row a member of `node`, a sequence or a mapping of names. */
static enum errc read_rows(struct arena *arena, const struct config_group *group,
                           const struct yaml *node, bool is_named, struct rows *out,
                           struct err *err)
{
    CHECK(group->row_size > 0);
    enum errc code = yaml_want(node, is_named ? YAML_MAPPING : YAML_SEQUENCE, err);
    for (const struct yaml *at = node->first; at != NULL && code == ERR_OK; at = at->next) {
        const size_t index =
            arena_grow(arena, &out->rows, &out->count, &out->capacity, group->row_size);
        if (index == SIZE_MAX) {
            return config_full(at, err);
        }
        void *const row = (char *)out->rows + index * group->row_size;
        if (is_named) {
            *(struct str *)row = at->name;
        }
        code = config_group(arena, group, at, row, err);
    }
    return code;
}

static enum errc read_field(struct arena *arena, const struct config_field *field,
                            const struct yaml *node, void *record, struct err *err)
{
    void *const place = (char *)record + field->offset;
    switch (field->type) {
    case CONFIG_TEXT:
        return read_text(node, place, err);
    case CONFIG_TEXTS:
        return config_texts(arena, node, place, (size_t *)((char *)record + field->count_offset),
                            err);
    case CONFIG_URL:
        return read_url(node, field->words, place, err);
    case CONFIG_FLAG:
        return read_either(node, flags, place, err);
    case CONFIG_EITHER:
        return read_either(node, field->words, place, err);
    case CONFIG_WORD:
        return read_word(node, field->words, place, err);
    case CONFIG_MONEY:
        return yaml_money(node, place, err);
    case CONFIG_NUMBER:
        return yaml_double(node, field->low, field->high, place, err);
    case CONFIG_COUNT:
        return yaml_int64(node, (int64_t)field->low, (int64_t)field->high, place, err);
    case CONFIG_MINUTES:
        return read_span(node, 60000, place, err);
    case CONFIG_HOURS:
        return read_span(node, 3600000, place, err);
    case CONFIG_GROUP:
        return config_group(arena, field->group, node, place, err);
    case CONFIG_LIST:
    case CONFIG_NAMED:
        return read_rows(arena, field->group, node, field->type == CONFIG_NAMED, place, err);
    case CONFIG_OWN:
        return field->read(arena, field, node, place, err);
    }
    return ERR_OK;
}

/* What a key that is not there leaves behind, and those of a group that is not. */
static void read_preset(struct arena *arena, const struct config_field *field, void *record)
{
    struct err err;
    if (field->preset != NULL) {
        const struct yaml node = {
            .file = STR("preset"), .key = str_from(field->name), .scalar = str_from(field->preset)};
        CHECK(read_field(arena, field, &node, record, &err) == ERR_OK);
    }
    for (size_t i = 0; field->type == CONFIG_GROUP && i < field->group->count; i++) {
        read_preset(arena, &field->group->fields[i], (char *)record + field->offset);
    }
}

enum errc config_only(const struct config_group *group, const struct yaml *node, struct err *err)
{
    CHECK(group->count <= CONFIG_FIELDS_MAX);
    const char *names[CONFIG_FIELDS_MAX + 1] = {NULL};
    for (size_t i = 0; i < group->count; i++) {
        names[i] = group->fields[i].name;
    }
    return yaml_only(node, names, err);
}

enum errc config_group(struct arena *arena, const struct config_group *group,
                       const struct yaml *node, void *record, struct err *err)
{
    CHECK(record != NULL);
    enum errc code = config_only(group, node, err);
    for (size_t i = 0; i < group->count && code == ERR_OK; i++) {
        const struct config_field *const field = &group->fields[i];
        const struct yaml *const member = yaml_get(node, field->name);
        if (member != NULL) {
            code = read_field(arena, field, member, record, err);
            if (field->given_offset > 0) {
                *(bool *)((char *)record + field->given_offset) = true;
            }
        } else if (field->required) {
            code = yaml_error(node, err, "%s is missing; it is needed here", field->name);
        } else {
            read_preset(arena, field, record);
        }
    }
    return code == ERR_OK && group->check != NULL ? group->check(node, record, err) : code;
}
