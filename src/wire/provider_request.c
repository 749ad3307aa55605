/* What a request can cost at most: its model, its tier, how much goes in and may come out. */
#include "wire/provider.h"

#include "base/check.h"
#include "wire/wire_priv.h"

struct api_path {
    const char *path;
    enum provider_dialect dialect;
    enum provider_api api;
};

enum provider_api provider_api_of(enum provider_dialect dialect, struct str path)
{
    static const struct api_path paths[] = {
        {"/chat/completions", PROVIDER_OPENAI, PROVIDER_CHAT},
        {"/responses", PROVIDER_OPENAI, PROVIDER_RESPONSES},
        {"/embeddings", PROVIDER_OPENAI, PROVIDER_EMBEDDINGS},
        {"/models", PROVIDER_OPENAI, PROVIDER_MODELS},
        {"/messages", PROVIDER_ANTHROPIC, PROVIDER_MESSAGES},
        {"/messages/count_tokens", PROVIDER_ANTHROPIC, PROVIDER_COUNT_TOKENS},
        {"/models", PROVIDER_ANTHROPIC, PROVIDER_MODELS},
    };
    CHECK(dialect < PROVIDER_DIALECT_COUNT);
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        if (paths[i].dialect == dialect && str_equal(path, str_from(paths[i].path))) {
            return paths[i].api;
        }
    }
    if (str_starts_with(path, STR("/models/"))) {
        return PROVIDER_MODELS;
    }
    return PROVIDER_OTHER;
}

struct str provider_text_str(const struct provider_text *text)
{
    CHECK(text->size <= sizeof text->bytes);
    return (struct str){text->bytes, text->size};
}

/* Members that decide what a call costs, once each. */
enum member {
    M_MODEL,
    M_STREAM,
    M_STREAM_OPTIONS,
    M_MAX_TOKENS,
    M_MAX_COMPLETION_TOKENS,
    M_MAX_OUTPUT_TOKENS,
    M_CHOICES,
    M_TIER,
    M_SPEED,
    M_USER,
    M_METADATA,
    M_MESSAGES,
    M_INPUT,
    M_SYSTEM,
    M_TOOLS,
    M_PROMPT,
    M_ELSEWHERE, /* the first of those that refer to what is not in the body */
    M_COUNT = M_ELSEWHERE + 7,
};

static const struct str members[M_COUNT] = {
    [M_MODEL] = STR_STATIC("model"),
    [M_STREAM] = STR_STATIC("stream"),
    [M_STREAM_OPTIONS] = STR_STATIC("stream_options"),
    [M_MAX_TOKENS] = STR_STATIC("max_tokens"),
    [M_MAX_COMPLETION_TOKENS] = STR_STATIC("max_completion_tokens"),
    [M_MAX_OUTPUT_TOKENS] = STR_STATIC("max_output_tokens"),
    [M_CHOICES] = STR_STATIC("n"),
    [M_TIER] = STR_STATIC("service_tier"),
    [M_SPEED] = STR_STATIC("speed"),
    [M_USER] = STR_STATIC("user"),
    [M_METADATA] = STR_STATIC("metadata"),
    [M_MESSAGES] = STR_STATIC("messages"),
    [M_INPUT] = STR_STATIC("input"),
    [M_SYSTEM] = STR_STATIC("system"),
    [M_TOOLS] = STR_STATIC("tools"),
    [M_PROMPT] = STR_STATIC("prompt"), /* a text once, a template's id now */
    [M_ELSEWHERE] = STR_STATIC("previous_response_id"),
    [M_ELSEWHERE + 1] = STR_STATIC("conversation"),
    [M_ELSEWHERE + 2] = STR_STATIC("web_search_options"),
    [M_ELSEWHERE + 3] = STR_STATIC("mcp_servers"),
    [M_ELSEWHERE + 4] = STR_STATIC("container"),
    [M_ELSEWHERE + 5] = STR_STATIC("audio"),
    [M_ELSEWHERE + 6] = STR_STATIC("background"),
};

static enum errc take_members(struct json root, struct json out[static M_COUNT], struct err *err)
{
    struct json_cursor cursor = json_iter(root);
    struct str key;
    struct json value;
    for (int i = 0; i < M_COUNT; i++) {
        out[i] = (struct json){0};
    }
    while (json_next(&cursor, &key, &value)) {
        for (int i = 0; i < M_COUNT; i++) {
            if (!str_equal(key, members[i])) {
                continue;
            }
            if (out[i].document != NULL) {
                return err_set(err, ERR_SYNTAX, "\"" STR_FORMAT "\" is there twice; once is clear",
                               STR_ARG(key));
            }
            out[i] = value;
            break;
        }
    }
    return ERR_OK;
}

/* A whole number from 0 up; null and nothing leave `out` as it is. */
static enum errc read_count(const struct json found[static M_COUNT], enum member member,
                            int64_t high, int64_t *out, struct err *err)
{
    const enum json_kind kind = json_kind(found[member]);
    if (kind == JSON_ABSENT || kind == JSON_NULL) {
        return ERR_OK;
    }
    const int64_t count = json_is_number(found[member]) ? json_int64(found[member], -1) : -1;
    if (count < 0 || count > high) {
        return err_set(err, ERR_RANGE,
                       "\"" STR_FORMAT "\" is no count of tokens or choices; 0 to %lld is allowed",
                       STR_ARG(members[member]), (long long)high);
    }
    *out = count;
    return ERR_OK;
}

/* The member that bounds the output. Of two the newer names it and the larger counts: an upstream
 * may go by either. */
static enum errc read_output(enum provider_api api, const struct json found[static M_COUNT],
                             struct provider_request *out, struct err *err)
{
    static const enum member bounds[PROVIDER_API_COUNT][2] = {
        [PROVIDER_CHAT] = {M_MAX_TOKENS, M_MAX_COMPLETION_TOKENS},
        [PROVIDER_RESPONSES] = {M_MAX_OUTPUT_TOKENS, M_MAX_OUTPUT_TOKENS},
        [PROVIDER_MESSAGES] = {M_MAX_TOKENS, M_MAX_TOKENS},
        [PROVIDER_OTHER] = {M_MAX_TOKENS, M_MAX_OUTPUT_TOKENS},
    };
    out->output_max = -1;
    if (api == PROVIDER_EMBEDDINGS || api == PROVIDER_COUNT_TOKENS || api == PROVIDER_MODELS) {
        out->output_max = 0;
        return ERR_OK;
    }
    for (size_t i = 0; i < 2; i++) {
        const enum member member = bounds[api][i];
        int64_t bound = -1;
        const enum errc code = read_count(found, member, USAGE_TOKENS_MAX, &bound, err);
        if (code != ERR_OK) {
            return code;
        }
        if (bound >= 0) {
            out->output_max = bound > out->output_max ? bound : out->output_max;
            out->output_name = members[member].data;
        }
    }
    out->choices = 1;
    return api == PROVIDER_CHAT
               ? read_count(found, M_CHOICES, PROVIDER_CHOICES_MAX, &out->choices, err)
               : ERR_OK;
}

/* Parts of a message and tools of the client whose tokens all stand in the body. */
static bool is_text_type(struct str type)
{
    static const char *const types[] = {
        "text",
        "input_text",
        "output_text",
        "refusal",
        "message",
        "function",
        "custom",
        "function_call",
        "function_call_output",
        "tool_use",
        "tool_result",
        "thinking",
        "redacted_thinking",
        "reasoning",
        "summary_text",
        "reasoning_text",
        "custom_tool_call",
        "custom_tool_call_output",
        "search_result",
        "local_shell",
        "local_shell_call",
        "local_shell_call_output",
        "apply_patch",
        "shell",
    };
    static const char *const families[] = {"bash_", "text_editor_", "memory_"};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (str_equal(type, str_from(types[i]))) {
            return true;
        }
    }
    for (size_t i = 0; i < COUNT_OF(families); i++) {
        if (str_starts_with(type, str_from(families[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_other(struct json element)
{
    const struct json type = json_get(element, "type");
    return json_kind(type) == JSON_STRING && !is_text_type(json_str(type));
}

/* Elements of an array of that member; nothing when it is no array. */
static struct json_cursor elements(struct json node, const char *member)
{
    const struct json list = json_get(node, member);
    return json_kind(list) == JSON_ARRAY ? json_iter(list) : (struct json_cursor){0};
}

static bool has_other_parts(struct json message, const char *member)
{
    struct json_cursor parts = elements(message, member);
    struct json part;
    while (json_next(&parts, NULL, &part)) {
        if (is_other(part)) {
            return true;
        }
        struct json_cursor within = elements(part, "content");
        struct json leaf;
        while (json_next(&within, NULL, &leaf)) {
            if (is_other(leaf)) {
                return true;
            }
        }
    }
    return false;
}

/* Whether messages, parts or tools are more than text: messages hold parts, and the result of a
 * tool holds parts; no API nests them deeper. */
static bool has_other_types(struct json list)
{
    struct json_cursor messages = json_iter(list);
    struct json message;
    if (json_kind(list) != JSON_ARRAY) {
        return json_kind(list) == JSON_OBJECT;
    }
    while (json_next(&messages, NULL, &message)) {
        if (is_other(message) || has_other_parts(message, "content") ||
            has_other_parts(message, "output")) {
            return true;
        }
    }
    return false;
}

static void bound_input(struct str body, const struct json found[static M_COUNT],
                        struct provider_request *out)
{
    static const struct {
        enum member member;
        const char *what;
    } lists[] = {
        {M_MESSAGES, "messages that hold more than text"},
        {M_INPUT, "input that holds more than text"},
        {M_SYSTEM, "a system prompt that holds more than text"},
        {M_TOOLS, "tools that the provider runs"},
        {M_PROMPT, "a prompt that is kept at the provider"},
    };
    out->input_tokens_max = (int64_t)body.size + PROVIDER_INPUT_EXTRA_TOKENS;
    if (out->input_tokens_max > USAGE_TOKENS_MAX) {
        out->input_tokens_max = USAGE_TOKENS_MAX;
    }
    for (size_t i = 0; i < COUNT_OF(lists) && out->unbounded == NULL; i++) {
        if (found[lists[i].member].document != NULL &&
            json_kind(found[lists[i].member]) != JSON_STRING &&
            has_other_types(found[lists[i].member])) {
            out->unbounded = lists[i].what;
        }
    }
    for (int i = M_ELSEWHERE; i < M_COUNT && out->unbounded == NULL; i++) {
        const enum json_kind kind = json_kind(found[i]);
        if (kind != JSON_ABSENT && kind != JSON_NULL &&
            !(kind == JSON_BOOL && !json_bool(found[i], false))) {
            out->unbounded = members[i].data;
        }
    }
}

enum errc provider_request_read(enum provider_api api, struct str body, struct json root,
                                struct provider_request *out, struct err *err)
{
    CHECK(api < PROVIDER_API_COUNT);
    struct json found[M_COUNT];
    struct provider_request request = {.choices = 1};
    if (json_kind(root) != JSON_OBJECT) {
        return err_set(err, ERR_SYNTAX, "the body is no JSON object");
    }
    enum errc code = take_members(root, found, err);
    if (code == ERR_OK) {
        code = read_output(api, found, &request, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    request.model = json_str(found[M_MODEL]);
    request.is_stream = json_bool(found[M_STREAM], false);
    request.asks_usage = json_bool(json_get(found[M_STREAM_OPTIONS], "include_usage"), false);
    request.tier = wire_tier(json_str(found[M_TIER]));
    if (str_equal(json_str(found[M_SPEED]), STR("fast"))) {
        request.tier = TIER_FAST;
    }
    if (json_kind(found[M_METADATA]) == JSON_OBJECT) {
        request.metadata = found[M_METADATA];
    }
    request.user = json_str(found[M_USER]);
    if (request.user.size == 0) {
        request.user = json_str(json_get(request.metadata, "user_id"));
    }
    bound_input(body, found, &request);
    *out = request;
    return ERR_OK;
}
