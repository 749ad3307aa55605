/* The keys of bursar.yaml that the gateway goes by: upstreams, routes, gateway. */
#include "config/config_priv.h"

#include "base/check.h"
#include "net/client.h"

enum { CEILING_MAX = 10000000, RETRIES_MAX = 5, SECONDS_MAX = 86400, RETRY_WAIT_SECONDS_MAX = 600 };

static const char *const dialects[] = {[UPSTREAM_OPENAI] = "openai",
                                       [UPSTREAM_ANTHROPIC] = "anthropic",
                                       [UPSTREAM_DIALECT_COUNT] = NULL};
static const char *const leaves[] = {
    [GATEWAY_CANCEL] = "cancel", [GATEWAY_DRAIN] = "drain", [GATEWAY_LEAVE_COUNT] = NULL};
static const char *const nobody[] = {"people", NULL};
static const char *const refusals[] = {"402", "429", NULL};

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
static enum errc read_key_env(struct arena *arena, const struct config_field *field,
                              const struct yaml *node, void *place, struct err *err)
{
    (void)arena;
    (void)field;
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
    *(struct str *)place = name;
    return ERR_OK;
}

static const char *const tiers[] = {"standard", "flex", "priority", NULL};

static enum errc read_tier(struct arena *arena, const struct config_field *field,
                           const struct yaml *node, void *place, struct err *err)
{
    static const enum service_tier values[] = {TIER_STANDARD, TIER_FLEX, TIER_PRIORITY};
    (void)arena;
    int word = 0;
    const enum errc code = yaml_word(node, field->words, &word, err);
    if (code == ERR_OK) {
        CHECK((size_t)word < COUNT_OF(values));
        *(enum service_tier *)place = values[word];
    }
    return code;
}

static const struct config_field upstream_fields[] = {
    {KEY("base_url", URL), AT(settings_upstream, base_url), .required = true,
     .words = config_web_urls},
    {KEY("api_key_env", OWN), AT(settings_upstream, api_key_env), .read = read_key_env,
     .allowed = "the name of an environment variable"},
    {KEY("api_key_file", OWN), AT(settings_upstream, api_key_file), .read = config_read_path,
     .allowed = "a file"},
    {KEY("dialect", WORD), AT(settings_upstream, dialect), GIVEN(settings_upstream, has_dialect),
     .words = dialects, .absent = "by its name"},
    {KEY("provider", TEXT), AT(settings_upstream, provider), .absent = "its name"},
    {KEY("default_tier", OWN), AT(settings_upstream, default_tier), .read = read_tier,
     .words = tiers, .allowed = "standard, flex, priority", .absent = "standard"},
};

_Static_assert(offsetof(struct settings_upstream, name) == 0, "CONFIG_NAMED puts it there");

static enum errc check_upstream(const struct yaml *node, void *record, struct err *err)
{
    const struct settings_upstream *const upstream = record;
    CHECK(upstream != NULL);
    return str_equal(upstream->name, STR("api"))
               ? yaml_error(node, err,
                            "an upstream cannot be named api, as /api/v1 is the server's own; "
                            "give it another name")
               : ERR_OK;
}

const struct config_group config_upstream = {
    FIELDS(upstream_fields), .row_size = sizeof(struct settings_upstream), .check = check_upstream};

static const struct config_field match_fields[] = {
    {KEY("workflow", TEXT), AT(settings_route, workflow), .absent = "any"},
    {KEY("risk", WORD), AT(settings_route, risk), GIVEN(settings_route, has_risk),
     .words = config_risks, .absent = "any"},
    {KEY("model", TEXT), AT(settings_route, matched_model), .absent = "any"},
};

static const struct config_group match = {FIELDS(match_fields)};

static const struct config_field route_fields[] = {
    {KEY("match", GROUP), .group = &match, .absent = "everything"},
    {KEY("model", TEXT), AT(settings_route, model), .absent = "needed, or `to`"},
    {KEY("fallback", TEXTS), AT(settings_route, fallback), COUNT(settings_route, fallback_count)},
    {KEY("upstream", TEXT), AT(settings_route, upstream), .absent = "the one that was asked"},
    {KEY("under_pressure", TEXT), AT(settings_route, under_pressure)},
    {KEY("to", EITHER), AT(settings_route, to_people), .words = nobody,
     .absent = "needed, or `model`"},
    {KEY("on_leave", WORD), AT(settings_route, on_leave), GIVEN(settings_route, has_on_leave),
     .words = leaves, .absent = "the gateway's"},
    {KEY("output_ceiling", COUNT), AT(settings_route, output_ceiling), RANGE(1, CEILING_MAX),
     .absent = "the gateway's"},
    {KEY("shrink", FLAG), AT(settings_route, shrink), GIVEN(settings_route, has_shrink),
     .absent = "the gateway's"},
};

static enum errc check_route(const struct yaml *node, void *record, struct err *err)
{
    const struct settings_route *const route = record;
    CHECK(route != NULL);
    return route->to_people == (route->model.size > 0)
               ? yaml_error(node, err, "a route has either model: NAME or to: people")
               : ERR_OK;
}

const struct config_group config_route = {
    FIELDS(route_fields), .row_size = sizeof(struct settings_route), .check = check_route};

static enum errc read_refusal(struct arena *arena, const struct config_field *field,
                              const struct yaml *node, void *place, struct err *err)
{
    (void)arena;
    int word = 0;
    const enum errc code = yaml_word(node, field->words, &word, err);
    if (code == ERR_OK) {
        *(int64_t *)place = word == 0 ? 402 : 429;
    }
    return code;
}

static enum errc read_notify(struct arena *arena, const struct config_field *field,
                             const struct yaml *node, void *place, struct err *err)
{
    (void)arena;
    (void)field;
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
    *(struct str *)place = url;
    return ERR_OK;
}

/* Whether they are shown, as it is written, to whether they are hidden. */
static enum errc read_amounts(struct arena *arena, const struct config_field *field,
                              const struct yaml *node, void *place, struct err *err)
{
    (void)arena;
    (void)field;
    bool shows = false;
    const enum errc code = yaml_bool(node, &shows, err);
    if (code == ERR_OK) {
        *(bool *)place = !shows;
    }
    return code;
}

/* 0 stands for what the gateway does by itself, which `without` tells. */
#define COUNTED(key, member, most, without)                                                        \
    {                                                                                              \
        KEY(key, COUNT), AT(settings_gateway, member), RANGE(0, most), .absent = without           \
    }

static const struct config_field gateway_fields[] = {
    {KEY("refusal_status", OWN), AT(settings_gateway, refusal_status), .read = read_refusal,
     .words = refusals, .preset = "402", .allowed = "402, 429"},
    {KEY("allow_unpriced", FLAG), AT(settings_gateway, allow_unpriced)},
    COUNTED("output_ceiling", output_ceiling, CEILING_MAX, "32768"),
    {KEY("shrink", FLAG), AT(settings_gateway, shrink)},
    {KEY("on_leave", WORD), AT(settings_gateway, on_leave), GIVEN(settings_gateway, has_on_leave),
     .words = leaves, .absent = "cancel a stream, drain what is none"},
    COUNTED("retries", retries, RETRIES_MAX, "0"),
    COUNTED("retry_wait_seconds", retry_wait_s, RETRY_WAIT_SECONDS_MAX, "10"),
    COUNTED("first_byte_seconds", first_byte_s, SECONDS_MAX, "600"),
    COUNTED("idle_seconds", idle_s, SECONDS_MAX, "300"),
    COUNTED("total_seconds", total_s, SECONDS_MAX, "3600"),
    {KEY("refusal_amounts", OWN), AT(settings_gateway, hides_amounts), .read = read_amounts,
     .allowed = "true, false", .absent = "true"},
    {
        KEY("amounts_hidden_from", TEXTS),
        AT(settings_gateway, hidden_from),
        COUNT(settings_gateway, hidden_from_count),
    },
    {KEY("sync_always", FLAG), AT(settings_gateway, sync_always)},
    {KEY("notify_url", OWN), AT(settings_gateway, notify_url), .read = read_notify,
     .allowed = "https://…, http://…"},
};

const struct config_group config_gateway = {FIELDS(gateway_fields)};
