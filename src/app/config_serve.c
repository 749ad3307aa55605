/* The keys of bursar.yaml that the server goes by: listen, upstreams, budgets, routes. */
#include "app/config_priv.h"

#include "base/check.h"

#define FIELD(record, key, kind, member, needed)                                                   \
    {                                                                                              \
        .name = key, .type = kind, .required = (needed),                                           \
        .offset = offsetof(struct record, member), .flag_offset = CONFIG_NO_FLAG                   \
    }
#define OTHER(record, key, member, function, needed)                                               \
    {                                                                                              \
        .name = key, .type = CONFIG_OTHER, .required = (needed),                                   \
        .offset = offsetof(struct record, member), .flag_offset = CONFIG_NO_FLAG, .read = function \
    }

enum errc config_listen(struct config_reader *reader, const struct yaml *node, void *out,
                        struct err *err)
{
    (void)reader;
    struct str text;
    const enum errc code = yaml_str(node, &text, err);
    if (code != ERR_OK) {
        return code;
    }
    size_t colon = text.size;
    while (colon > 0 && text.data[colon - 1] != ':') {
        colon--;
    }
    int64_t port = 0;
    const bool read =
        colon > 1 && str_to_int64((struct str){text.data + colon, text.size - colon}, &port);
    if (!read || port < 1 || port > 65535) {
        return yaml_error(node, err,
                          "found \"" STR_FORMAT "\"; allowed is HOST:PORT, such as 127.0.0.1:4318",
                          STR_ARG(text));
    }
    *(struct str *)out = text;
    return ERR_OK;
}

static enum errc read_base_url(struct config_reader *reader, const struct yaml *node, void *out,
                               struct err *err)
{
    (void)reader;
    struct str url;
    const enum errc code = yaml_str(node, &url, err);
    if (code != ERR_OK) {
        return code;
    }
    if ((!str_starts_with(url, STR("https://")) || url.size == 8) &&
        (!str_starts_with(url, STR("http://")) || url.size == 7)) {
        return yaml_error(node, err, "found \"" STR_FORMAT "\"; allowed is https://… or http://…",
                          STR_ARG(url));
    }
    *(struct str *)out = url;
    return ERR_OK;
}

static bool is_variable(struct str name)
{
    for (size_t i = 0; i < name.size; i++) {
        const char c = name.data[i];
        const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && !(i > 0 && c >= '0' && c <= '9')) {
            return false;
        }
    }
    return name.size > 0;
}

/* The text is not repeated in the error: somebody may have put the key itself here. */
static enum errc read_key_env(struct config_reader *reader, const struct yaml *node, void *out,
                              struct err *err)
{
    (void)reader;
    struct str name;
    const enum errc code = yaml_str(node, &name, err);
    if (code != ERR_OK) {
        return code;
    }
    if (!is_variable(name)) {
        return yaml_error(node, err,
                          "found something that is no name of an environment variable; allowed is "
                          "a name such as OPENAI_API_KEY, never the key itself");
    }
    *(struct str *)out = name;
    return ERR_OK;
}

static enum errc read_dialect(struct config_reader *reader, const struct yaml *node, void *out,
                              struct err *err)
{
    static const char *const words[] = {[UPSTREAM_OPENAI] = "openai",
                                        [UPSTREAM_ANTHROPIC] = "anthropic",
                                        [UPSTREAM_DIALECT_COUNT] = NULL};
    (void)reader;
    int word = 0;
    const enum errc code = yaml_word(node, words, &word, err);
    if (code == ERR_OK) {
        *(enum upstream_dialect *)out = (enum upstream_dialect)word;
    }
    return code;
}

enum errc config_upstreams(struct config_reader *reader, const struct yaml *node, void *out,
                           struct err *err)
{
    static const struct config_field fields[] = {
        OTHER(settings_upstream, "base_url", base_url, read_base_url, true),
        OTHER(settings_upstream, "api_key_env", api_key_env, read_key_env, false),
        FIELD(settings_upstream, "api_key_file", CONFIG_TEXT, api_key_file, false),
        {.name = "dialect",
         .type = CONFIG_OTHER,
         .offset = offsetof(struct settings_upstream, dialect),
         .flag_offset = offsetof(struct settings_upstream, has_dialect),
         .read = read_dialect},
        FIELD(settings_upstream, "provider", CONFIG_TEXT, provider, false),
    };
    (void)out;
    enum errc code = yaml_want(node, YAML_MAPPING, err);
    for (const struct yaml *at = node->first; at != NULL && code == ERR_OK; at = at->next) {
        struct settings_upstream upstream = {.name = at->name};
        code = config_fields(reader, at, fields, COUNT_OF(fields), &upstream, err);
        if (code != ERR_OK) {
            return code;
        }
        const size_t row = arena_push(reader->arena, &reader->settings->upstreams);
        if (row == SIZE_MAX) {
            return config_full(at, err);
        }
        reader->settings->upstreams.rows[row] = upstream;
    }
    return code;
}

static enum errc read_scope(struct config_reader *reader, const struct yaml *node, void *out,
                            struct err *err)
{
    static const char *const kinds[] = {
        "team:", "workflow:", "key:", "user:", "model:", "segment:"};
    (void)reader;
    struct str scope;
    const enum errc code = yaml_str(node, &scope, err);
    if (code != ERR_OK) {
        return code;
    }
    bool known = str_equal(scope, STR("org"));
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const struct str kind = str_from(kinds[i]);
        known = known || (str_starts_with(scope, kind) && scope.size > kind.size);
    }
    if (!known) {
        return yaml_error(node, err,
                          "found \"" STR_FORMAT "\"; allowed: org, team:NAME, workflow:NAME, "
                          "key:NAME, user:NAME, model:NAME, segment:NAME",
                          STR_ARG(scope));
    }
    *(struct str *)out = scope;
    return ERR_OK;
}

static enum errc read_period(struct config_reader *reader, const struct yaml *node, void *out,
                             struct err *err)
{
    static const char *const words[] = {
        [PERIOD_MINUTE] = "minute", [PERIOD_HOUR] = "hour",   [PERIOD_DAY] = "day",
        [PERIOD_WEEK] = "week",     [PERIOD_MONTH] = "month", [PERIOD_TOTAL] = "total",
        [PERIOD_COUNT] = NULL};
    (void)reader;
    int word = 0;
    const enum errc code = yaml_word(node, words, &word, err);
    if (code == ERR_OK) {
        *(enum budget_period *)out = (enum budget_period)word;
    }
    return code;
}

static enum errc read_action(struct config_reader *reader, const struct yaml *node, void *out,
                             struct err *err)
{
    static const char *const words[] = {[ACTION_NOTIFY] = "notify",
                                        [ACTION_SHAPE] = "shape",
                                        [ACTION_REFUSE] = "refuse",
                                        [ACTION_COUNT] = NULL};
    (void)reader;
    int word = 0;
    const enum errc code = yaml_word(node, words, &word, err);
    if (code == ERR_OK) {
        *(enum budget_action *)out = (enum budget_action)word;
    }
    return code;
}

struct threshold {
    double share;
    enum budget_action action;
};

static enum errc read_steps(struct config_reader *reader, const struct yaml *node, void *out,
                            struct err *err)
{
    static const struct config_field fields[] = {
        {.name = "share",
         .type = CONFIG_NUMBER,
         .required = true,
         .offset = offsetof(struct threshold, share),
         .flag_offset = CONFIG_NO_FLAG,
         .low = 0.000001,
         .high = 1},
        OTHER(threshold, "do", action, read_action, true),
    };
    struct settings_budget *const budget = out;
    enum errc code = yaml_want(node, YAML_SEQUENCE, err);
    if (code == ERR_OK && node->count > SETTINGS_STEPS_MAX) {
        code = yaml_error(node, err, "found %zu steps; allowed are %d", node->count,
                          SETTINGS_STEPS_MAX);
    }
    for (const struct yaml *at = node->first; at != NULL && code == ERR_OK; at = at->next) {
        struct threshold threshold = {0};
        code = config_fields(reader, at, fields, COUNT_OF(fields), &threshold, err);
        if (code == ERR_OK) {
            budget->steps[budget->step_count].share = threshold.share;
            budget->steps[budget->step_count++].action = threshold.action;
        }
    }
    return code;
}

static enum errc read_opening(struct config_reader *reader, const struct yaml *node, void *out,
                              struct err *err)
{
    static const char *const words[] = {"ledger", "zero", NULL};
    (void)reader;
    int word = 0;
    const enum errc code = yaml_word(node, words, &word, err);
    if (code == ERR_OK) {
        *(bool *)out = word == 1;
    }
    return code;
}

enum errc config_budgets(struct config_reader *reader, const struct yaml *node, void *out,
                         struct err *err)
{
    static const struct config_field fields[] = {
        OTHER(settings_budget, "scope", scope, read_scope, true),
        OTHER(settings_budget, "period", period, read_period, true),
        FIELD(settings_budget, "usd", CONFIG_MONEY, limit_pusd, true),
        FIELD(settings_budget, "time_zone", CONFIG_TEXT, time_zone, false),
        {.name = "opening",
         .type = CONFIG_OTHER,
         .offset = offsetof(struct settings_budget, opens_at_zero),
         .flag_offset = CONFIG_NO_FLAG,
         .read = read_opening},
        {.name = "per_case_usd",
         .type = CONFIG_MONEY,
         .offset = offsetof(struct settings_budget, per_case_pusd),
         .flag_offset = offsetof(struct settings_budget, has_per_case)},
        {.name = "at", .type = CONFIG_OTHER, .flag_offset = CONFIG_NO_FLAG, .read = read_steps},
    };
    (void)out;
    enum errc code = yaml_want(node, YAML_SEQUENCE, err);
    for (const struct yaml *at = node->first; at != NULL && code == ERR_OK; at = at->next) {
        struct settings_budget budget = {0};
        code = config_fields(reader, at, fields, COUNT_OF(fields), &budget, err);
        if (code != ERR_OK) {
            return code;
        }
        const size_t row = arena_push(reader->arena, &reader->settings->budgets);
        if (row == SIZE_MAX) {
            return config_full(at, err);
        }
        reader->settings->budgets.rows[row] = budget;
    }
    return code;
}
