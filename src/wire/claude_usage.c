#include "base/check.h"
#include "wire/claude_priv.h"

enum usage_field {
    U_INPUT,
    U_CACHE_WRITE,
    U_CACHE_READ,
    U_SPLIT,
    U_OUTPUT,
    U_TIER,
    U_GEO,
    U_SERVER,
    U_SPEED,
    U_DETAILS,
    U_COUNT,
};

static const struct str field_names[U_COUNT] = {
    [U_INPUT] = STR_STATIC("input_tokens"),
    [U_CACHE_WRITE] = STR_STATIC("cache_creation_input_tokens"),
    [U_CACHE_READ] = STR_STATIC("cache_read_input_tokens"),
    [U_SPLIT] = STR_STATIC("cache_creation"),
    [U_OUTPUT] = STR_STATIC("output_tokens"),
    [U_TIER] = STR_STATIC("service_tier"),
    [U_GEO] = STR_STATIC("inference_geo"),
    [U_SERVER] = STR_STATIC("server_tool_use"),
    [U_SPEED] = STR_STATIC("speed"),
    [U_DETAILS] = STR_STATIC("output_tokens_details"),
};

/* The figures that are not in the top object, or are more than a copy. */
struct parts {
    int64_t written;
    int64_t written_5m;
    int64_t written_1h;
};

static enum errc read_figures(const struct json fields[static U_COUNT], struct usage *usage,
                              struct parts *parts, struct err *err)
{
    const struct {
        enum usage_field field;
        const char *member; /* NULL: the field itself */
        const char *name;
        int64_t *out;
    } figures[] = {
        {U_INPUT, NULL, "usage.input_tokens", &usage->counts[USAGE_INPUT_UNCACHED]},
        {U_CACHE_WRITE, NULL, "usage.cache_creation_input_tokens", &parts->written},
        {U_CACHE_READ, NULL, "usage.cache_read_input_tokens", &usage->counts[USAGE_CACHE_READ]},
        {U_OUTPUT, NULL, "usage.output_tokens", &usage->counts[USAGE_OUTPUT]},
        {U_SPLIT, "ephemeral_5m_input_tokens", "usage.cache_creation.ephemeral_5m_input_tokens",
         &parts->written_5m},
        {U_SPLIT, "ephemeral_1h_input_tokens", "usage.cache_creation.ephemeral_1h_input_tokens",
         &parts->written_1h},
        {U_SERVER, "web_search_requests", "usage.server_tool_use.web_search_requests",
         &usage->counts[USAGE_WEB_SEARCHES]},
        {U_DETAILS, "thinking_tokens", "usage.output_tokens_details.thinking_tokens",
         &usage->reasoning},
    };
    for (size_t i = 0; i < COUNT_OF(figures); i++) {
        struct json node = fields[figures[i].field];
        if (figures[i].member != NULL) {
            if (node.document == NULL) {
                continue;
            }
            node = json_get(node, figures[i].member);
        }
        const enum errc code = wire_count(node, figures[i].name, figures[i].out, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    return ERR_OK;
}

enum errc claude_usage(struct json node, struct step *step, struct err *err)
{
    CHECK(step != NULL);
    CHECK(!step->has_usage);
    struct json fields[U_COUNT];
    struct parts parts = {0};
    struct usage usage = {0};
    wire_fields(node, field_names, U_COUNT, fields);
    const enum errc code = read_figures(fields, &usage, &parts, err);
    if (code != ERR_OK) {
        return code;
    }
    /* The total is authoritative, the split says how much of it is kept for an hour. */
    const bool has_total = json_is_number(fields[U_CACHE_WRITE]);
    const int64_t sum = parts.written_5m + parts.written_1h;
    const int64_t written = has_total ? parts.written : sum;
    const int64_t long_written = parts.written_1h < written ? parts.written_1h : written;
    usage.counts[USAGE_CACHE_WRITE_1H] = long_written;
    usage.counts[USAGE_CACHE_WRITE_5M] = written - long_written;
    usage.counts[USAGE_REQUESTS] = 1;
    if (usage.reasoning > usage.counts[USAGE_OUTPUT]) {
        usage.reasoning = usage.counts[USAGE_OUTPUT]; /* output lags behind in streamed readings */
    }
    step->usage = usage;
    step->has_usage = true;
    step->tier = wire_tier(json_str(fields[U_TIER]));
    if (str_equal(json_str(fields[U_SPEED]), STR("fast"))) {
        step->tier = TIER_FAST;
    }
    step->region = json_str(fields[U_GEO]);
    if (str_equal(step->region, STR("not_available"))) {
        step->region = (struct str){0};
    }
    return ERR_OK;
}
