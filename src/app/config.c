#include "app/config.h"

#include <math.h>

#include "app/config_priv.h"
#include "base/check.h"
#include "base/file.h"
#include "base/money.h"

enum errc config_full(const struct yaml *node, struct err *err)
{
    CHECK(node != NULL);
    return err_set(err, ERR_LIMIT, STR_FORMAT ":%d: the configuration is too large",
                   STR_ARG(node->file), node->line);
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
    const int64_t units_max = INT64_C(100000000);
    if (money_parse_scaled(text, 6, &millionths, &why) != ERR_OK || millionths < 0 ||
        millionths > units_max * 1000000) {
        return yaml_error(node, err, "found \"" STR_FORMAT "\"; allowed is a number from 0 to %lld",
                          STR_ARG(text), (long long)units_max);
    }
    *out_ms = (int64_t)money_scale(millionths, unit_ms, 1000000);
    return ERR_OK;
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

static enum errc read_field(struct config_reader *reader, const struct yaml *node,
                            const struct config_field *field, void *out, struct err *err)
{
    void *const place = (char *)out + field->offset;
    switch (field->type) {
    case CONFIG_TEXT:
        return read_text(node, place, err);
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
    case CONFIG_OTHER:
        return field->read(reader, node, place, err);
    }
    return ERR_OK;
}

enum errc config_fields(struct config_reader *reader, const struct yaml *node,
                        const struct config_field *fields, size_t count, void *out, struct err *err)
{
    CHECK(count <= CONFIG_FIELDS_MAX);
    const char *names[CONFIG_FIELDS_MAX + 1] = {NULL};
    for (size_t i = 0; i < count; i++) {
        names[i] = fields[i].name;
    }
    enum errc code = yaml_only(node, names, err);
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        const struct yaml *const member = yaml_get(node, fields[i].name);
        if (member != NULL) {
            code = read_field(reader, member, &fields[i], out, err);
            if (code == ERR_OK && fields[i].flag_offset != CONFIG_NO_FLAG) {
                *(bool *)((char *)out + fields[i].flag_offset) = true;
            }
        } else if (fields[i].required) {
            code = yaml_error(node, err, "%s is missing; it is needed here", fields[i].name);
        }
    }
    return code;
}

enum errc config_texts(struct config_reader *reader, const struct yaml *node,
                       const struct str **out, size_t *out_count, struct err *err)
{
    if (node->kind == YAML_MAPPING) {
        return yaml_error(node, err, "found a mapping; allowed is a text or a list of texts");
    }
    const size_t count = node->kind == YAML_SEQUENCE ? node->count : 1;
    struct str *const texts = arena_new(reader->arena, struct str, count > 0 ? count : 1);
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

enum errc config_risk(struct config_reader *reader, const struct yaml *node, void *out,
                      struct err *err)
{
    static const char *const words[] = {
        [RISK_LOW] = "low", [RISK_NORMAL] = "normal", [RISK_HIGH] = "high", [RISK_COUNT] = NULL};
    (void)reader;
    int word = RISK_NORMAL;
    const enum errc code = yaml_word(node, words, &word, err);
    if (code == ERR_OK) {
        *(enum risk *)out = (enum risk)word;
    }
    return code;
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
    return yaml_error(node, err, "found \"" STR_FORMAT "\"; allowed is %s…%s%s", STR_ARG(url),
                      schemes[0], schemes[1] != NULL ? " or " : "",
                      schemes[1] != NULL ? schemes[1] : "");
}

static enum errc read_ledger(struct config_reader *reader, const struct yaml *node, void *out,
                             struct err *err)
{
    static const char *const schemes[] = {"clickhouse://", NULL};
    (void)reader;
    return read_url(node, schemes, out, err);
}

static enum errc read_control(struct config_reader *reader, const struct yaml *node, void *out,
                              struct err *err)
{
    static const char *const schemes[] = {"postgresql://", "postgres://", NULL};
    (void)reader;
    return read_url(node, schemes, out, err);
}

static enum errc read_prices(struct config_reader *reader, const struct yaml *node, void *out,
                             struct err *err)
{
    (void)reader;
    (void)err;
    *(const struct yaml **)out = node;
    return ERR_OK;
}

#define OTHER(key, member, function)                                                               \
    {                                                                                              \
        .name = key, .type = CONFIG_OTHER, .offset = offsetof(struct settings, member),            \
        .flag_offset = CONFIG_NO_FLAG, .read = function                                            \
    }

static const struct config_field top_fields[] = {
    OTHER("listen", listen, config_listen),
    OTHER("tls", tls, config_tls),
    OTHER("require_keys", require_keys, config_flag),
    OTHER("limits", limits, config_limits),
    OTHER("ledger", ledger_url, read_ledger),
    OTHER("control", control_url, read_control),
    OTHER("prices", prices, read_prices),
    OTHER("workflows", workflows, config_workflows),
    OTHER("upstreams", upstreams, config_upstreams),
    OTHER("budgets", budgets, config_budgets),
    OTHER("routes", routes, config_routes),
    OTHER("gateway", gateway, config_gateway),
    OTHER("tools", tools, config_tools),
    OTHER("correlation", correlation, config_correlation),
};

enum errc config_parse(struct str file, struct str text, struct arena *arena, struct settings *out,
                       struct err *err)
{
    CHECK(arena != NULL);
    CHECK(out != NULL);

    const struct yaml *root = NULL;
    enum errc code = yaml_parse(file, text, arena, &root, err);
    struct settings settings = {.listen = STR("127.0.0.1:4318")};
    struct config_reader reader = {.arena = arena, .settings = &settings};
    if (code == ERR_OK) {
        code = config_fields(&reader, root, top_fields, COUNT_OF(top_fields), &settings, err);
    }
    if (code == ERR_OK) {
        *out = settings;
    }
    return code;
}

enum errc config_open(struct app *app, const struct settings **out, struct err *err)
{
    CHECK(app != NULL);
    CHECK(out != NULL);

    if (app->settings != NULL) {
        *out = app->settings;
        return ERR_OK;
    }
    struct str text = {0};
    enum errc code = file_read(app->config_path, YAML_BYTES_MAX, app->arena, &text, err);
    if (code == ERR_NOT_FOUND && !app->config_named) {
        text = STR("");
        code = ERR_OK;
    }
    if (code != ERR_OK) {
        return code;
    }
    struct settings *const settings = arena_new(app->arena, struct settings, 1);
    if (settings == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for the configuration");
    }
    code = config_parse(app->config_path, text, app->arena, settings, err);
    if (code == ERR_OK && (settings->ledger_url.size > 0 || settings->control_url.size > 0)) {
        /* never a silent local ledger beside the one that is meant */
        return err_set(err, ERR_CONFIG,
                       STR_FORMAT
                       ": %s names another store, and this version keeps both in " STR_FORMAT
                       "; take the key out to use those",
                       STR_ARG(app->config_path),
                       settings->ledger_url.size > 0 ? "ledger" : "control", STR_ARG(app->home));
    }
    if (code == ERR_OK) {
        *out = settings;
    }
    return code;
}
