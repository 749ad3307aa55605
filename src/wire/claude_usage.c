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

enum errc claude_usage(struct json node, struct step *step, struct err *err)
{
    static const struct str names[U_COUNT] = {
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
    struct json fields[U_COUNT];
    wire_fields(node, names, U_COUNT, fields);
    int64_t *counts = step->usage.counts;
    int64_t written = 0;
    int64_t short_written = 0;
    int64_t long_written = 0;
    enum errc code =
        wire_count(fields[U_INPUT], "usage.input_tokens", &counts[USAGE_INPUT_UNCACHED], err);
    code = code != ERR_OK ? code
                          : wire_count(fields[U_CACHE_WRITE], "usage.cache_creation_input_tokens",
                                       &written, err);
    code = code != ERR_OK ? code
                          : wire_count(fields[U_CACHE_READ], "usage.cache_read_input_tokens",
                                       &counts[USAGE_CACHE_READ], err);
    code = code != ERR_OK
               ? code
               : wire_count(fields[U_OUTPUT], "usage.output_tokens", &counts[USAGE_OUTPUT], err);
    if (code == ERR_OK && json_kind(fields[U_SPLIT]) == JSON_OBJECT) {
        code = wire_count(json_get(fields[U_SPLIT], "ephemeral_5m_input_tokens"),
                          "usage.cache_creation.ephemeral_5m_input_tokens", &short_written, err);
        code = code != ERR_OK ? code
                              : wire_count(json_get(fields[U_SPLIT], "ephemeral_1h_input_tokens"),
                                           "usage.cache_creation.ephemeral_1h_input_tokens",
                                           &long_written, err);
    }
    if (code == ERR_OK && json_kind(fields[U_SERVER]) == JSON_OBJECT) {
        code = wire_count(json_get(fields[U_SERVER], "web_search_requests"),
                          "usage.server_tool_use.web_search_requests", &counts[USAGE_WEB_SEARCHES],
                          err);
    }
    if (code == ERR_OK && json_kind(fields[U_DETAILS]) == JSON_OBJECT) {
        code =
            wire_count(json_get(fields[U_DETAILS], "thinking_tokens"),
                       "usage.output_tokens_details.thinking_tokens", &step->usage.reasoning, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    /* The total is authoritative, the split says how much of it is kept for an hour. */
    const bool has_total = json_is_number(fields[U_CACHE_WRITE]);
    written = has_total ? written : short_written + long_written;
    counts[USAGE_CACHE_WRITE_1H] = long_written < written ? long_written : written;
    counts[USAGE_CACHE_WRITE_5M] = written - counts[USAGE_CACHE_WRITE_1H];
    counts[USAGE_REQUESTS] = 1;
    if (step->usage.reasoning > counts[USAGE_OUTPUT]) {
        step->usage.reasoning = counts[USAGE_OUTPUT]; /* output lags behind in streamed readings */
    }
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
