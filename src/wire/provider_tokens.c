/*
 * How many tokens a request's input is, where the provider did not say: its texts, and what frames
 * them as far as that is published; pictures and sounds, whose bytes are no text, by a number each.
 *
 * All texts are walked twice, so that of many the right share is counted. Source of the frames: the
 * cookbook of OpenAI, "How to count tokens with tiktoken", parts 6 and 7.
 */
#include "base/check.h"
#include "wire/provider.h"
#include "wire/tokens.h"

enum {
    WALK_DEPTH_MAX = 64,
    WALK_VALUES_MAX = 1 << 14, /* beyond, the rest of the body is held to be like what was walked */
    VALUE_BYTES = 4,           /* of a body beside texts: quotes, comma, colon */
    LINE_BYTES_MAX = 4096, /* of a tool's name and what it is for; longer ones are counted apart */
    MESSAGE_TOKENS = 4,    /* 3 and the role */
    NAME_TOKENS = 1,
    ANSWER_TOKENS = 3, /* that begin the answer */
    TOOL_TOKENS = 7,
    TOOL_TOKENS_CL100K = 10,
    TOOL_END_TOKENS = 12,
    PROPERTIES_TOKENS = 3,
    PROPERTY_TOKENS = 3,
    CHOICES_TOKENS = -3, /* of a list of values */
    CHOICE_TOKENS = 3,
    PICTURE_TOKENS = 1000, /* of a common size, at OpenAI 765 to 1105, at Anthropic up to 1600 */
    PICTURE_BYTES_MIN = 512,
};

/* One walk through the texts: the first adds up their bytes, the second counts them. */
struct walk {
    struct tokens_sample *sample; /* NULL: the first */
    enum tokens_encoding encoding;
    uint64_t bytes;      /* of texts that count */
    int64_t tokens;      /* beside the texts */
    uint64_t body_bytes; /* about, of what was walked */
    size_t values;
    bool is_cut;
};

/* A container that is walked. What an agent put there is read with its names, and all of it. */
struct frame {
    struct json_cursor cursor;
    bool is_free;
    bool is_message;
};

static bool is_one_of(struct str key, const struct str *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal(key, names[i])) {
            return true;
        }
    }
    return false;
}

/* Values that no model reads as they are. */
static bool is_skipped(struct str key)
{
    static const struct str names[] = {STR_STATIC("model"),
                                       STR_STATIC("signature"),
                                       STR_STATIC("encrypted_content"),
                                       STR_STATIC("id"),
                                       STR_STATIC("call_id"),
                                       STR_STATIC("tool_call_id"),
                                       STR_STATIC("tool_use_id"),
                                       STR_STATIC("user"),
                                       STR_STATIC("type"),
                                       STR_STATIC("service_tier"),
                                       STR_STATIC("metadata"),
                                       STR_STATIC("role"),
                                       STR_STATIC("detail"),
                                       STR_STATIC("reasoning_effort"),
                                       STR_STATIC("cache_control"),
                                       STR_STATIC("status"),
                                       STR_STATIC("tool_choice"),
                                       STR_STATIC("include"),
                                       STR_STATIC("stop"),
                                       STR_STATIC("prompt_cache_key"),
                                       STR_STATIC("modalities"),
                                       STR_STATIC("encoding_format"),
                                       STR_STATIC("safety_identifier"),
                                       STR_STATIC("previous_response_id")};
    return is_one_of(key, names, COUNT_OF(names));
}

/* Members whose names only hold a message together. */
static bool is_structure(struct str key)
{
    static const struct str names[] = {
        STR_STATIC("content"),  STR_STATIC("text"),         STR_STATIC("name"),
        STR_STATIC("function"), STR_STATIC("arguments"),    STR_STATIC("tool_calls"),
        STR_STATIC("custom"),   STR_STATIC("thinking"),     STR_STATIC("summary"),
        STR_STATIC("refusal"),  STR_STATIC("input"),        STR_STATIC("output"),
        STR_STATIC("source"),   STR_STATIC("function_call")};
    return is_one_of(key, names, COUNT_OF(names));
}

/* Members that hold what an agent or a tool made. */
static bool is_free(struct str key)
{
    static const struct str names[] = {STR_STATIC("input"), STR_STATIC("arguments"),
                                       STR_STATIC("schema"), STR_STATIC("parameters"),
                                       STR_STATIC("input_schema")};
    return is_one_of(key, names, COUNT_OF(names));
}

/* Long and without a space: base64, or its URL. */
static bool is_picture(struct str key, struct str text)
{
    const bool is_place = str_equal(key, STR("data")) || str_equal(key, STR("url")) ||
                          str_equal(key, STR("image_url")) || str_equal(key, STR("file_data"));
    if (!is_place || text.size < PICTURE_BYTES_MIN) {
        return str_equal(key, STR("url")) || str_equal(key, STR("image_url"));
    }
    return str_find(text, STR(" ")) == SIZE_MAX;
}

/* json_next(), up to WALK_VALUES_MAX in all. */
static bool next_value(struct walk *walk, struct json_cursor *cursor, struct str *key,
                       struct json *value)
{
    if (!json_next(cursor, key, value)) {
        return false;
    }
    if (walk->values == WALK_VALUES_MAX) {
        walk->is_cut = true;
        return false;
    }
    walk->values++;
    walk->body_bytes += key->size + json_str(*value).size + VALUE_BYTES;
    return true;
}

static void take(struct walk *walk, struct str text)
{
    walk->bytes += text.size;
    if (walk->sample != NULL) {
        tokens_sample_add(walk->sample, text);
    }
}

/* "name:text" and "name:type:text", as tools are told of: one text. */
static void take_line(struct walk *walk, const struct str *parts, size_t count)
{
    char line[LINE_BYTES_MAX];
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size >= sizeof line - size) {
            take(walk, (struct str){line, size});
            take(walk, parts[i]);
            size = 0;
            continue;
        }
        if (i > 0) {
            line[size++] = ':';
        }
        if (parts[i].size > 0) {
            memcpy(line + size, parts[i].data, parts[i].size);
        }
        size += parts[i].size;
    }
    take(walk, (struct str){line, size});
}

/* What it is for, without the full stop at its end. */
static struct str purpose_of(struct json node)
{
    const struct str text = json_str(json_get(node, "description"));
    return str_ends_with(text, STR(".")) ? (struct str){text.data, text.size - 1} : text;
}

static void walk_value(struct walk *walk, struct str key, struct json value, bool counts_numbers)
{
    if (json_kind(value) == JSON_STRING) {
        const struct str text = json_str(value);
        if (is_picture(key, text)) {
            walk->tokens += PICTURE_TOKENS;
        } else {
            take(walk, text);
        }
    } else if (json_is_number(value) && counts_numbers) {
        walk->tokens++;
    }
}

/* Tokens sent as numbers: an array of them. */
static bool is_tokens(struct json value)
{
    struct json_cursor cursor = json_iter(value);
    struct json first;
    return json_kind(value) == JSON_ARRAY && json_next(&cursor, NULL, &first) &&
           json_is_number(first);
}

static bool is_container(struct json value)
{
    return json_kind(value) == JSON_OBJECT || json_kind(value) == JSON_ARRAY;
}

/* All texts below `top`. */
static void walk_texts(struct walk *walk, struct str name, struct json top, bool has_messages)
{
    struct frame stack[WALK_DEPTH_MAX];
    size_t depth = 1;
    if (!is_container(top)) {
        walk_value(walk, name, top, false);
        return;
    }
    if (is_tokens(top)) {
        walk->tokens += (int64_t)json_count(top);
        return;
    }
    stack[0] = (struct frame){.cursor = json_iter(top), .is_free = is_free(name) && !has_messages};
    while (depth > 0) {
        const struct frame frame = stack[depth - 1];
        struct str key;
        struct json value;
        if (!next_value(walk, &stack[depth - 1].cursor, &key, &value)) {
            depth--;
            continue;
        }
        if (!frame.is_free && is_skipped(key)) {
            continue;
        }
        if (frame.is_free || !is_structure(key)) {
            take(walk, key);
        }
        if (frame.is_message && str_equal(key, STR("name"))) {
            walk->tokens += NAME_TOKENS;
        }
        walk_value(walk, key, value, true);
        if (is_tokens(value)) {
            walk->tokens += (int64_t)json_count(value);
        } else if (is_container(value) && depth < WALK_DEPTH_MAX) {
            const bool is_message = depth == 1 && has_messages && json_kind(value) == JSON_OBJECT;
            walk->tokens += is_message ? MESSAGE_TOKENS : 0;
            stack[depth++] = (struct frame){.cursor = json_iter(value),
                                            .is_free = frame.is_free || is_free(key),
                                            .is_message = is_message};
        }
    }
}

static void walk_choices(struct walk *walk, struct json list)
{
    struct json_cursor cursor = json_iter(list);
    struct str key;
    struct json value;
    walk->tokens += CHOICES_TOKENS;
    while (next_value(walk, &cursor, &key, &value)) {
        walk->tokens += CHOICE_TOKENS;
        walk_value(walk, (struct str){0}, value, true);
    }
}

/* A schema of arguments: its properties by name, type and purpose, at every depth. */
static void walk_schema(struct walk *walk, struct json schema)
{
    static const struct str lists[] = {STR_STATIC("properties"), STR_STATIC("$defs"),
                                       STR_STATIC("definitions")};
    struct {
        struct json_cursor cursor;
        bool is_list; /* of properties; else the members of one schema, or schemas in an array */
    } stack[WALK_DEPTH_MAX];
    size_t depth = 1;
    stack[0].cursor = is_container(schema) ? json_iter(schema) : (struct json_cursor){0};
    stack[0].is_list = false;
    while (depth > 0) {
        const bool is_list = stack[depth - 1].is_list;
        struct str key;
        struct json value;
        if (!next_value(walk, &stack[depth - 1].cursor, &key, &value)) {
            depth--;
            continue;
        }
        const bool has_properties =
            !is_list && is_one_of(key, lists, COUNT_OF(lists)) && json_count(value) > 0;
        if (is_list) {
            const struct str line[] = {key, json_str(json_get(value, "type")), purpose_of(value)};
            walk->tokens += PROPERTY_TOKENS;
            take_line(walk, line, COUNT_OF(line));
        } else if (str_equal(key, STR("enum")) && json_kind(value) == JSON_ARRAY) {
            walk_choices(walk, value);
            continue;
        } else if (has_properties) {
            walk->tokens += PROPERTIES_TOKENS;
        } else if (str_equal(key, STR("required"))) {
            continue;
        }
        if (is_container(value) && depth < WALK_DEPTH_MAX) {
            stack[depth].cursor = json_iter(value);
            stack[depth++].is_list = has_properties;
        }
    }
}

/* Functions of chat completions, of responses and of Anthropic; tools of the provider have no text
 * that is not theirs. */
static void walk_tools(struct walk *walk, struct json list)
{
    struct json_cursor cursor = json_iter(list);
    struct str key;
    struct json tool;
    while (json_kind(list) == JSON_ARRAY && next_value(walk, &cursor, &key, &tool)) {
        const struct json inner = json_get(tool, "function");
        const struct json function = json_kind(inner) == JSON_OBJECT ? inner : tool;
        const struct json parameters = json_get(function, "parameters");
        const struct str line[] = {json_str(json_get(function, "name")), purpose_of(function)};
        walk->tokens +=
            TOOL_END_TOKENS + (walk->encoding == TOKENS_CL100K ? TOOL_TOKENS_CL100K : TOOL_TOKENS);
        take_line(walk, line, COUNT_OF(line));
        walk_schema(walk,
                    is_container(parameters) ? parameters : json_get(function, "input_schema"));
    }
}

static void walk_request(struct walk *walk, enum provider_api api, struct json root)
{
    const bool is_talk =
        api == PROVIDER_CHAT || api == PROVIDER_RESPONSES || api == PROVIDER_MESSAGES;
    struct json_cursor cursor = json_iter(root);
    struct str key;
    struct json value;
    walk->tokens += is_talk && json_count(root) > 0 ? ANSWER_TOKENS : 0;
    while (next_value(walk, &cursor, &key, &value)) {
        if (is_skipped(key)) {
            continue;
        }
        if (str_equal(key, STR("tools")) || str_equal(key, STR("functions"))) {
            walk_tools(walk, value);
            continue;
        }
        const bool has_messages =
            str_equal(key, STR("messages")) || (is_talk && str_equal(key, STR("input")));
        /* Of responses, a text alone is a message, and the instructions are another one. */
        const bool is_message = json_kind(value) == JSON_STRING && api == PROVIDER_RESPONSES &&
                                (has_messages || str_equal(key, STR("instructions")));
        walk->tokens += is_message ? MESSAGE_TOKENS : 0;
        walk_texts(walk, key, value, has_messages);
    }
}

int64_t provider_request_tokens(enum provider_api api, enum tokens_encoding encoding,
                                struct json root, size_t body_bytes)
{
    CHECK(api < PROVIDER_API_COUNT);
    struct tokens_sample sample;
    struct walk size = {.encoding = encoding};
    if (json_kind(root) != JSON_OBJECT) {
        return 0;
    }
    walk_request(&size, api, root);
    tokens_sample_init(&sample, encoding, size.bytes);
    struct walk count = {.sample = &sample, .encoding = encoding};
    walk_request(&count, api, root);
    CHECK(count.bytes == size.bytes);
    int64_t tokens = count.tokens + tokens_sample_end(&sample);
    if (count.is_cut && count.body_bytes < body_bytes) {
        tokens = (int64_t)((double)tokens * (double)body_bytes / (double)count.body_bytes);
    }
    return tokens < 0 ? 0 : tokens < USAGE_TOKENS_MAX ? tokens : USAGE_TOKENS_MAX;
}
