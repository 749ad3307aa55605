/* What a request can cost at most: its model, its tier, how much goes in and may come out. */
#include "base/check.h"
#include "wire/provider_priv.h"
#include "wire/wire_priv.h"

/* Members that decide what a call costs, once each. */
enum member {
    M_MODEL,
    M_STREAM,
    M_STREAM_OPTIONS,
    M_MAX_TOKENS,
    M_MAX_COMPLETION_TOKENS,
    M_MAX_OUTPUT_TOKENS,
    M_CHOICES,
    M_BEST_OF,
    M_TIER,
    M_SPEED,
    M_USER,
    M_METADATA,
    M_MESSAGES,
    M_INPUT,
    M_SYSTEM,
    M_TOOLS,
    M_PROMPT,
    M_GEO,
    M_MODALITIES,
    M_BACKGROUND,
    M_AUDIO,
    M_SEARCH,
    M_ELSEWHERE, /* the first of those that refer to what is not in the body */
    M_COUNT = M_ELSEWHERE + 6,
};

static const struct str members[M_COUNT] = {
    [M_MODEL] = STR_STATIC("model"),
    [M_STREAM] = STR_STATIC("stream"),
    [M_STREAM_OPTIONS] = STR_STATIC("stream_options"),
    [M_MAX_TOKENS] = STR_STATIC("max_tokens"),
    [M_MAX_COMPLETION_TOKENS] = STR_STATIC("max_completion_tokens"),
    [M_MAX_OUTPUT_TOKENS] = STR_STATIC("max_output_tokens"),
    [M_CHOICES] = STR_STATIC("n"),
    [M_BEST_OF] = STR_STATIC("best_of"),
    [M_TIER] = STR_STATIC("service_tier"),
    [M_SPEED] = STR_STATIC("speed"),
    [M_USER] = STR_STATIC("user"),
    [M_METADATA] = STR_STATIC("metadata"),
    [M_MESSAGES] = STR_STATIC("messages"),
    [M_INPUT] = STR_STATIC("input"),
    [M_SYSTEM] = STR_STATIC("system"),
    [M_TOOLS] = STR_STATIC("tools"),
    [M_PROMPT] = STR_STATIC("prompt"), /* a text once, a template's id now */
    [M_GEO] = STR_STATIC("inference_geo"),
    [M_MODALITIES] = STR_STATIC("modalities"),
    [M_BACKGROUND] = STR_STATIC("background"),
    [M_AUDIO] = STR_STATIC("audio"),
    [M_SEARCH] = STR_STATIC("web_search_options"),
    [M_ELSEWHERE] = STR_STATIC("previous_response_id"),
    [M_ELSEWHERE + 1] = STR_STATIC("conversation"),
    [M_ELSEWHERE + 2] = STR_STATIC("mcp_servers"),
    [M_ELSEWHERE + 3] = STR_STATIC("container"),
    [M_ELSEWHERE + 4] =
        STR_STATIC("context_management"),        /* a summary is written, beyond the reply */
    [M_ELSEWHERE + 5] = STR_STATIC("fallbacks"), /* other models, when this one declines */
};

/* Whether a server that takes no notice of case would read `key` as `name`, which is in small
 * letters. Source: Go's encoding/json, to which the long s and the sign of Kelvin are letters, too.
 */
static bool folds_to(struct str key, struct str name)
{
    static const struct str long_s = STR_STATIC("\xc5\xbf");
    static const struct str kelvin = STR_STATIC("\xe2\x84\xaa");
    size_t at = 0;
    for (size_t i = 0; i < name.size && at < key.size; i++) {
        const struct str rest = {key.data + at, key.size - at};
        if (str_equal_fold_bytes(rest.data, &name.data[i], 1)) {
            at++;
        } else if (name.data[i] == 's' && str_starts_with(rest, long_s)) {
            at += long_s.size;
        } else if (name.data[i] == 'k' && str_starts_with(rest, kelvin)) {
            at += kelvin.size;
        } else {
            return false;
        }
        if (at == key.size) {
            return i + 1 == name.size;
        }
    }
    return false;
}

/* A member that decides what a call costs: once, and in the one way of writing it. */
static enum errc check_name(struct str key, struct str name, bool is_again, struct err *err)
{
    if (!str_equal(key, name)) {
        return err_set(err, ERR_SYNTAX,
                       "\"" STR_FORMAT "\" may be read as \"" STR_FORMAT
                       "\", and may not be; write it in small letters",
                       STR_ARG(key), STR_ARG(name));
    }
    return is_again ? err_set(err, ERR_SYNTAX, "\"" STR_FORMAT "\" is there twice; once is clear",
                              STR_ARG(key))
                    : ERR_OK;
}

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
            if (!folds_to(key, members[i])) {
                continue;
            }
            const enum errc code = check_name(key, members[i], out[i].document != NULL, err);
            if (code != ERR_OK) {
                return code;
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

/* How many choices a request pays for: of each prompt, all that are made to choose from. */
static enum errc read_choices(enum provider_api api, const struct json found[static M_COUNT],
                              struct provider_request *out, struct err *err)
{
    int64_t choices = 1;
    int64_t best_of = 1;
    int64_t prompts = 1;
    out->choices = 1;
    if (api != PROVIDER_CHAT && api != PROVIDER_COMPLETIONS && api != PROVIDER_OTHER) {
        return ERR_OK;
    }
    enum errc code = read_count(found, M_CHOICES, PROVIDER_CHOICES_MAX, &choices, err);
    if (code == ERR_OK) {
        code = read_count(found, M_BEST_OF, PROVIDER_CHOICES_MAX, &best_of, err);
    }
    /* An array of texts or of arrays of tokens is many prompts; one of tokens is one. */
    struct json_cursor cursor = elements_of(found[M_PROMPT]);
    struct json first;
    if (api != PROVIDER_CHAT && json_next(&cursor, NULL, &first) && !json_is_number(first)) {
        prompts = (int64_t)json_count(found[M_PROMPT]);
    }
    if (code == ERR_OK && prompts > PROVIDER_PROMPTS_MAX) {
        return err_set(err, ERR_RANGE, "%lld prompts in one request; at most %d are allowed",
                       (long long)prompts, (int)PROVIDER_PROMPTS_MAX);
    }
    choices = choices > best_of ? choices : best_of;
    out->choices = (choices > 1 ? choices : 1) * prompts;
    return code;
}

/* The members that bound the output. Of two the larger counts: an upstream may go by either. */
static enum errc read_output(enum provider_api api, const struct json found[static M_COUNT],
                             struct provider_request *out, struct err *err)
{
    static const enum member all[] = {M_MAX_TOKENS, M_MAX_COMPLETION_TOKENS, M_MAX_OUTPUT_TOKENS};
    static const uint32_t bounds[PROVIDER_API_COUNT] = {
        [PROVIDER_CHAT] = 3,     [PROVIDER_COMPLETIONS] = 1, [PROVIDER_RESPONSES] = 4,
        [PROVIDER_MESSAGES] = 1, [PROVIDER_OTHER] = 7,
    };
    size_t names = 0;
    bool is_none = false;
    out->output_max = -1;
    if (api == PROVIDER_EMBEDDINGS || api == PROVIDER_FREE || api == PROVIDER_MODELS) {
        out->output_max = 0;
        return ERR_OK;
    }
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        int64_t bound = -1;
        const enum errc code = (bounds[api] >> i & 1) != 0
                                   ? read_count(found, all[i], USAGE_TOKENS_MAX, &bound, err)
                                   : ERR_OK;
        if (code != ERR_OK) {
            return code;
        }
        if (bound >= 0) {
            is_none = is_none || bound == 0;
            out->output_max = bound > out->output_max ? bound : out->output_max;
            out->output_names[names++] = members[all[i]].data;
        }
    }
    /* Some servers take 0 for no bound at all. Anthropic writes nothing then. */
    out->output_max = is_none && api != PROVIDER_MESSAGES ? -1 : out->output_max;
    /* Which of them a path that nobody knows goes by, nobody knows. */
    out->is_output_unsure = api == PROVIDER_OTHER && names < COUNT_OF(all);
    if (api == PROVIDER_COMPLETIONS && out->output_max < 0) {
        out->output_max = PROVIDER_COMPLETION_TOKENS;
    }
    return ERR_OK;
}

static bool is_set(struct json node)
{
    const enum json_kind kind = json_kind(node);
    return kind != JSON_ABSENT && kind != JSON_NULL &&
           (kind != JSON_BOOL || json_bool(node, false));
}

/* What one tool is, each member once. */
static enum errc read_tool(struct json tool, struct str *out_type, int64_t *out_uses,
                           struct err *err)
{
    struct json_cursor cursor =
        json_kind(tool) == JSON_OBJECT ? json_iter(tool) : (struct json_cursor){0};
    struct str key;
    struct json value;
    bool has_type = false;
    bool has_uses = false;
    enum errc code = ERR_OK;
    *out_type = (struct str){0};
    *out_uses = -1;
    while (code == ERR_OK && json_next(&cursor, &key, &value)) {
        if (folds_to(key, STR("type"))) {
            code = check_name(key, STR("type"), has_type, err);
            has_type = true;
            *out_type = json_str(value);
        } else if (folds_to(key, STR("max_uses"))) {
            code = check_name(key, STR("max_uses"), has_uses, err);
            has_uses = true;
            *out_uses = json_int64(value, -1);
        }
    }
    return code;
}

/* What the tools add: tokens that tell the model of those the provider has defined, and searches.
 * Their bound is Anthropic's: nobody else goes by it. */
static enum errc read_tools(enum provider_api api, struct json tools, struct provider_request *out,
                            struct err *err)
{
    struct json_cursor cursor = elements_of(tools);
    struct json tool;
    while (json_next(&cursor, NULL, &tool)) {
        struct str type;
        int64_t uses = -1;
        const enum errc code = read_tool(tool, &type, &uses, err);
        if (code != ERR_OK) {
            return code;
        }
        if (type.size > 0 && !str_equal(type, STR("function")) && !str_equal(type, STR("custom"))) {
            out->input_tokens_max += PROVIDER_TOOL_TOKENS;
        }
        if (str_starts_with(type, STR("web_search"))) {
            const bool adds = api == PROVIDER_MESSAGES && uses >= 0 && uses <= USAGE_TOKENS_MAX &&
                              out->web_searches_max >= 0;
            out->web_searches_max = adds ? out->web_searches_max + uses : -1;
        }
    }
    return ERR_OK;
}

/* A member that is true or false, once. Servers differ in what they take "true", 1 or the second of
 * two for, and whether usage is told hangs on it. */
static enum errc read_flag(struct json object, const char *name, bool *out, struct err *err)
{
    struct json_cursor cursor =
        json_kind(object) == JSON_OBJECT ? json_iter(object) : (struct json_cursor){0};
    struct str key;
    struct json value;
    const struct str wanted = str_from(name);
    int count = 0;
    while (json_next(&cursor, &key, &value)) {
        const bool is_it = folds_to(key, wanted);
        count += is_it ? 1 : 0;
        if (is_it && (count > 1 || !str_equal(key, wanted) ||
                      (json_kind(value) != JSON_BOOL && json_kind(value) != JSON_NULL))) {
            return err_set(err, ERR_SYNTAX,
                           "\"%s\" is true or false, given once and in small letters", name);
        }
    }
    *out = json_bool(json_get(object, name), false);
    return ERR_OK;
}

static bool has_audio(struct json modalities)
{
    struct json_cursor cursor = elements_of(modalities);
    struct json name;
    while (json_next(&cursor, NULL, &name)) {
        if (str_equal(json_str(name), STR("audio"))) {
            return true;
        }
    }
    return false;
}

static enum errc bound_input(enum provider_api api, struct str body,
                             const struct json found[static M_COUNT], struct provider_request *out,
                             struct err *err)
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
    const enum errc code = read_tools(api, found[M_TOOLS], out, err);
    if (out->input_tokens_max > USAGE_TOKENS_MAX) {
        out->input_tokens_max = USAGE_TOKENS_MAX;
    }
    if (out->web_searches_max > USAGE_TOKENS_MAX || is_set(found[M_SEARCH])) {
        out->web_searches_max = -1;
    }
    out->output_audio = is_set(found[M_AUDIO]) || has_audio(found[M_MODALITIES]);
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        if (provider_has_other_types(found[lists[i].member], &out->input_classes) &&
            out->unbounded == NULL) {
            out->unbounded = lists[i].what;
        }
    }
    for (int i = M_BACKGROUND; i < M_COUNT && out->unbounded == NULL; i++) {
        out->unbounded = i != M_AUDIO && is_set(found[i]) ? members[i].data : NULL;
    }
    return code;
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
    if (code == ERR_OK) {
        code = read_choices(api, found, &request, err);
    }
    if (code == ERR_OK) {
        code = read_flag(root, "stream", &request.is_stream, err);
    }
    if (code == ERR_OK) {
        code = read_flag(found[M_STREAM_OPTIONS], "include_usage", &request.asks_usage, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    request.model = json_str(found[M_MODEL]);
    const struct str tier = json_str(found[M_TIER]);
    request.tier = wire_tier(tier);
    request.is_open_tier = tier.size == 0 || str_equal(tier, STR("auto"));
    if (str_equal(json_str(found[M_SPEED]), STR("fast"))) {
        request.tier = TIER_FAST;
    }
    request.geo = json_str(found[M_GEO]);
    request.is_background = json_bool(found[M_BACKGROUND], false);
    if (json_kind(found[M_METADATA]) == JSON_OBJECT) {
        request.metadata = found[M_METADATA];
    }
    request.user = json_str(found[M_USER]);
    if (request.user.size == 0) {
        request.user = json_str(json_get(request.metadata, "user_id"));
    }
    code = bound_input(api, body, found, &request, err);
    *out = request;
    return code;
}
