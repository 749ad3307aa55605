/*
 * Gemini's own API, which no dialect here speaks: passed through as any other path, its bounds and
 * figures read.
 *
 *     POST …/models/gemini-2.5-flash:generateContent   {"contents", "generationConfig", "tools"}
 *     {"candidates", "usageMetadata": {…}, "modelVersion", "responseId"}, or a stream of those
 *
 * Source: the types of @google/genai 2.32.0. A name may be written as maxOutputTokens or
 * max_output_tokens; figures that are 0 are left out.
 */
#include "base/check.h"
#include "wire/provider.h"

static struct json either(struct json node, const char *one, const char *other)
{
    const struct json found = json_get(node, one);
    return json_kind(found) != JSON_ABSENT ? found : json_get(node, other);
}

static struct json_cursor elements_of(struct json list)
{
    return json_kind(list) == JSON_ARRAY ? json_iter(list) : (struct json_cursor){0};
}

struct str provider_model_of_path(struct str path)
{
    static const struct str folder = STR_STATIC("/models/");
    struct str rest = path;
    struct str name = {0};
    for (size_t at = str_find(rest, folder); at != SIZE_MAX; at = str_find(rest, folder)) {
        rest = (struct str){rest.data + at + folder.size, rest.size - at - folder.size};
        name = rest;
    }
    struct str method = name;
    name = str_cut(&method, ':');
    const bool is_name = name.size > 0 && method.size > 0 && str_find(name, STR("/")) == SIZE_MAX &&
                         str_find(name, STR("%")) == SIZE_MAX;
    return is_name ? name : (struct str){0};
}

bool provider_counts_only(struct str path)
{
    return str_ends_with(path, STR(":countTokens"));
}

/* ---- what is asked */

static bool is_text_part(struct str key)
{
    static const char *const names[] = {"text",          "thought",           "thoughtSignature",
                                        "functionCall",  "functionResponse",  "thought_signature",
                                        "function_call", "function_response", "role"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (str_equal(key, str_from(names[i]))) {
            return true;
        }
    }
    return false;
}

static uint32_t classes_of(struct json data)
{
    const struct str type = json_str(either(data, "mimeType", "mime_type"));
    return str_starts_with(type, STR("audio/"))   ? 1u << USAGE_INPUT_AUDIO
           : str_starts_with(type, STR("image/")) ? 1u << USAGE_INPUT_IMAGE
           : str_starts_with(type, STR("video/"))
               ? 1u << USAGE_INPUT_IMAGE | 1u << USAGE_INPUT_AUDIO
               : 0;
}

static void read_parts(struct json content, struct provider_request *io)
{
    struct json_cursor parts = elements_of(json_get(content, "parts"));
    struct json part;
    while (json_next(&parts, NULL, &part)) {
        struct json_cursor members =
            json_kind(part) == JSON_OBJECT ? json_iter(part) : (struct json_cursor){0};
        struct str key;
        struct json value;
        while (json_next(&members, &key, &value)) {
            if (!is_text_part(key)) {
                io->unbounded = "contents that hold more than text";
                io->input_classes |= classes_of(value);
            }
        }
    }
}

static void read_tools(struct json tools, struct provider_request *io)
{
    struct json_cursor cursor = elements_of(tools);
    struct json tool;
    while (json_next(&cursor, NULL, &tool)) {
        struct json_cursor members =
            json_kind(tool) == JSON_OBJECT ? json_iter(tool) : (struct json_cursor){0};
        struct str key;
        struct json value;
        while (json_next(&members, &key, &value)) {
            if (!str_equal(key, STR("functionDeclarations")) &&
                !str_equal(key, STR("function_declarations"))) {
                io->unbounded = "tools that the provider runs";
                io->input_tokens_max += PROVIDER_TOOL_TOKENS;
            }
        }
    }
}

static int64_t bound_of(struct json node, int64_t least, int64_t high)
{
    const int64_t count = json_is_number(node) ? json_int64(node, -1) : -1;
    return count >= least && count <= high ? count : -1;
}

void provider_gemini_request(struct json root, struct provider_request *io)
{
    CHECK(io != NULL);
    const struct json config = either(root, "generationConfig", "generation_config");
    const struct json contents = json_get(root, "contents");
    if (json_kind(contents) != JSON_ARRAY && json_kind(contents) != JSON_OBJECT) {
        return;
    }
    const int64_t bound =
        bound_of(either(config, "maxOutputTokens", "max_output_tokens"), 0, USAGE_TOKENS_MAX);
    const int64_t choices =
        bound_of(either(config, "candidateCount", "candidate_count"), 1, PROVIDER_CHOICES_MAX);
    io->output_max = bound > io->output_max ? bound : io->output_max;
    io->choices = choices > io->choices ? choices : io->choices;
    struct json_cursor modalities =
        elements_of(either(config, "responseModalities", "response_modalities"));
    struct json name;
    while (json_next(&modalities, NULL, &name)) {
        io->output_audio = io->output_audio || str_equal_fold(json_str(name), STR("AUDIO"));
        if (str_equal_fold(json_str(name), STR("IMAGE"))) {
            io->unbounded = "pictures that come out";
        }
    }
    read_tools(json_get(root, "tools"), io);
    if (json_kind(either(root, "cachedContent", "cached_content")) == JSON_STRING) {
        io->unbounded = "cachedContent";
    }
    struct json_cursor cursor = elements_of(contents);
    struct json content;
    while (json_next(&cursor, NULL, &content)) {
        read_parts(content, io);
    }
    read_parts(contents, io);
    io->input_tokens_max =
        io->input_tokens_max < USAGE_TOKENS_MAX ? io->input_tokens_max : USAGE_TOKENS_MAX;
}

/* ---- what was used */

static int64_t figure(struct json usage, const char *one, const char *other)
{
    const int64_t count = json_int64(either(usage, one, other), 0);
    return count > 0 && count <= USAGE_TOKENS_MAX ? count : 0;
}

/* Tokens of a modality in a list of {"modality", "tokenCount"}. */
static int64_t of_modality(struct json list, const char *modality)
{
    struct json_cursor cursor = elements_of(list);
    struct json entry;
    int64_t found = 0;
    while (json_next(&cursor, NULL, &entry)) {
        if (str_equal_fold(json_str(json_get(entry, "modality")), str_from(modality))) {
            found = figure(entry, "tokenCount", "token_count");
        }
    }
    return found;
}

static void tell(struct provider_reply *io, enum provider_figure name, int64_t count)
{
    io->figures[name] = count < USAGE_TOKENS_MAX ? count : USAGE_TOKENS_MAX;
    io->told |= 1u << name;
}

bool provider_gemini_figures(struct json usage, struct provider_reply *io)
{
    CHECK(io != NULL);
    const struct json prompt = either(usage, "promptTokenCount", "prompt_token_count");
    const struct json total = either(usage, "totalTokenCount", "total_token_count");
    if (json_kind(usage) != JSON_OBJECT || (!json_is_number(prompt) && !json_is_number(total))) {
        return false;
    }
    const int64_t thoughts = figure(usage, "thoughtsTokenCount", "thoughts_token_count");
    const int64_t input = figure(usage, "promptTokenCount", "prompt_token_count") +
                          figure(usage, "toolUsePromptTokenCount", "tool_use_prompt_token_count");
    const int64_t output =
        figure(usage, "candidatesTokenCount", "candidates_token_count") + thoughts;
    tell(io, FIGURE_INPUT, input);
    tell(io, FIGURE_OUTPUT, output);
    tell(io, FIGURE_REASONING, thoughts);
    tell(io, FIGURE_CACHE_READ,
         figure(usage, "cachedContentTokenCount", "cached_content_token_count"));
    tell(io, FIGURE_INPUT_AUDIO,
         of_modality(either(usage, "promptTokensDetails", "prompt_tokens_details"), "AUDIO"));
    tell(io, FIGURE_OUTPUT_AUDIO,
         of_modality(either(usage, "candidatesTokensDetails", "candidates_tokens_details"),
                     "AUDIO"));
    if (json_is_number(total)) {
        tell(io, FIGURE_TOTAL, figure(usage, "totalTokenCount", "total_token_count"));
    }
    return true;
}
