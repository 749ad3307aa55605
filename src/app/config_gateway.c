/* The keys of bursar.yaml that the gateway goes by: routes, gateway. */
#include "app/config_priv.h"

#include "base/check.h"
#include "net/client.h"

#define FIELD(record, key, kind, member, needed)                                                   \
    {                                                                                              \
        .name = key, .type = kind, .required = (needed),                                           \
        .offset = offsetof(struct record, member), .flag_offset = CONFIG_NO_FLAG                   \
    }
#define OTHER(record, key, member, function, flag)                                                 \
    {                                                                                              \
        .name = key, .type = CONFIG_OTHER, .offset = offsetof(struct record, member),              \
        .flag_offset = flag, .read = function                                                      \
    }

enum { CEILING_MAX = 10000000, RETRIES_MAX = 5, SECONDS_MAX = 86400, RETRY_WAIT_SECONDS_MAX = 600 };

static enum errc read_leave(struct config_reader *reader, const struct yaml *node, void *out,
                            struct err *err)
{
    static const char *const words[] = {
        [GATEWAY_CANCEL] = "cancel", [GATEWAY_DRAIN] = "drain", [GATEWAY_LEAVE_COUNT] = NULL};
    (void)reader;
    int word = 0;
    const enum errc code = yaml_word(node, words, &word, err);
    if (code == ERR_OK) {
        *(enum gateway_leave *)out = (enum gateway_leave)word;
    }
    return code;
}

static enum errc read_people(struct config_reader *reader, const struct yaml *node, void *out,
                             struct err *err)
{
    static const char *const words[] = {"people", NULL};
    (void)reader;
    int word = 0;
    const enum errc code = yaml_word(node, words, &word, err);
    if (code == ERR_OK) {
        *(bool *)out = true;
    }
    return code;
}

static enum errc read_match(struct config_reader *reader, const struct yaml *node, void *out,
                            struct err *err)
{
    static const struct config_field fields[] = {
        FIELD(settings_route, "workflow", CONFIG_TEXT, workflow, false),
        {.name = "risk",
         .type = CONFIG_OTHER,
         .offset = offsetof(struct settings_route, risk),
         .flag_offset = offsetof(struct settings_route, has_risk),
         .read = config_risk},
        FIELD(settings_route, "model", CONFIG_TEXT, matched_model, false),
    };
    return config_fields(reader, node, fields, COUNT_OF(fields), out, err);
}

static enum errc read_fallback(struct config_reader *reader, const struct yaml *node, void *out,
                               struct err *err)
{
    struct settings_route *const route = out;
    return config_texts(reader, node, &route->fallback, &route->fallback_count, err);
}

enum errc config_routes(struct config_reader *reader, const struct yaml *node, void *out,
                        struct err *err)
{
    static const struct config_field fields[] = {
        {.name = "match", .type = CONFIG_OTHER, .flag_offset = CONFIG_NO_FLAG, .read = read_match},
        FIELD(settings_route, "model", CONFIG_TEXT, model, false),
        {.name = "fallback",
         .type = CONFIG_OTHER,
         .flag_offset = CONFIG_NO_FLAG,
         .read = read_fallback},
        FIELD(settings_route, "upstream", CONFIG_TEXT, upstream, false),
        FIELD(settings_route, "under_pressure", CONFIG_TEXT, under_pressure, false),
        OTHER(settings_route, "to", to_people, read_people, CONFIG_NO_FLAG),
        OTHER(settings_route, "on_leave", on_leave, read_leave,
              offsetof(struct settings_route, has_on_leave)),
        {.name = "output_ceiling",
         .type = CONFIG_COUNT,
         .offset = offsetof(struct settings_route, output_ceiling),
         .flag_offset = CONFIG_NO_FLAG,
         .low = 1,
         .high = CEILING_MAX},
        OTHER(settings_route, "shrink", shrink, config_flag,
              offsetof(struct settings_route, has_shrink)),
    };
    (void)out;
    enum errc code = yaml_want(node, YAML_SEQUENCE, err);
    for (const struct yaml *at = node->first; at != NULL && code == ERR_OK; at = at->next) {
        struct settings_route route = {0};
        code = config_fields(reader, at, fields, COUNT_OF(fields), &route, err);
        if (code == ERR_OK && route.to_people == (route.model.size > 0)) {
            code = yaml_error(at, err, "a route has either model: NAME or to: people");
        }
        if (code != ERR_OK) {
            return code;
        }
        const size_t row = arena_push(reader->arena, &reader->settings->routes);
        if (row == SIZE_MAX) {
            return config_full(at, err);
        }
        reader->settings->routes.rows[row] = route;
    }
    return code;
}

static enum errc read_refusal(struct config_reader *reader, const struct yaml *node, void *out,
                              struct err *err)
{
    static const char *const words[] = {"402", "429", NULL};
    (void)reader;
    int word = 0;
    const enum errc code = yaml_word(node, words, &word, err);
    if (code == ERR_OK) {
        *(int64_t *)out = word == 0 ? 402 : 429;
    }
    return code;
}

static enum errc read_notify(struct config_reader *reader, const struct yaml *node, void *out,
                             struct err *err)
{
    (void)reader;
    struct str url;
    const enum errc code = yaml_str(node, &url, err);
    if (code != ERR_OK) {
        return code;
    }
    struct net_target target;
    struct str path;
    struct err hidden; /* its text would show the URL, which is a secret */
    struct str query = url;
    bool is_clean = true;
    for (size_t i = 0; i < url.size; i++) {
        is_clean = is_clean && url.data[i] > ' ' && url.data[i] < 0x7f && url.data[i] != '#';
    }
    if (!is_clean || net_target_parse(str_cut(&query, '?'), &target, &path, &hidden) != ERR_OK) {
        return yaml_error(node, err,
                          "found something that is no URL; allowed is https://… or "
                          "http://…");
    }
    *(struct str *)out = url;
    return ERR_OK;
}

/* Whether they are shown, as it is written, to whether they are hidden. */
static enum errc read_amounts(struct config_reader *reader, const struct yaml *node, void *out,
                              struct err *err)
{
    bool shows = false;
    const enum errc code = config_flag(reader, node, &shows, err);
    if (code == ERR_OK) {
        *(bool *)out = !shows;
    }
    return code;
}

static enum errc read_hidden_from(struct config_reader *reader, const struct yaml *node, void *out,
                                  struct err *err)
{
    struct settings_gateway *const gateway = out;
    return config_texts(reader, node, &gateway->hidden_from, &gateway->hidden_from_count, err);
}

#define COUNTED(key, member, most)                                                                 \
    {                                                                                              \
        .name = key, .type = CONFIG_COUNT, .offset = offsetof(struct settings_gateway, member),    \
        .flag_offset = CONFIG_NO_FLAG, .low = 0, .high = most                                      \
    }

enum errc config_gateway(struct config_reader *reader, const struct yaml *node, void *out,
                         struct err *err)
{
    static const struct config_field fields[] = {
        OTHER(settings_gateway, "refusal_status", refusal_status, read_refusal, CONFIG_NO_FLAG),
        OTHER(settings_gateway, "allow_unpriced", allow_unpriced, config_flag, CONFIG_NO_FLAG),
        COUNTED("output_ceiling", output_ceiling, CEILING_MAX),
        OTHER(settings_gateway, "shrink", shrink, config_flag, CONFIG_NO_FLAG),
        OTHER(settings_gateway, "on_leave", on_leave, read_leave,
              offsetof(struct settings_gateway, has_on_leave)),
        COUNTED("retries", retries, RETRIES_MAX),
        COUNTED("retry_wait_seconds", retry_wait_s, RETRY_WAIT_SECONDS_MAX),
        COUNTED("first_byte_seconds", first_byte_s, SECONDS_MAX),
        COUNTED("idle_seconds", idle_s, SECONDS_MAX),
        COUNTED("total_seconds", total_s, SECONDS_MAX),
        OTHER(settings_gateway, "refusal_amounts", hides_amounts, read_amounts, CONFIG_NO_FLAG),
        {.name = "amounts_hidden_from",
         .type = CONFIG_OTHER,
         .flag_offset = CONFIG_NO_FLAG,
         .read = read_hidden_from},
        OTHER(settings_gateway, "sync_always", sync_always, config_flag, CONFIG_NO_FLAG),
        OTHER(settings_gateway, "notify_url", notify_url, read_notify, CONFIG_NO_FLAG),
    };
    return config_fields(reader, node, fields, COUNT_OF(fields), out, err);
}
