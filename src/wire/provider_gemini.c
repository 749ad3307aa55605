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
#include "wire/provider_priv.h"

static struct json either(struct json node, const char *one, const char *other)
{
    const struct json found = json_get(node, one);
    return json_kind(found) != JSON_ABSENT ? found : json_get(node, other);
}

/* What follows the last "/models/", letters in either case, as some servers take it so. */
static struct str behind_models(struct str path)
{
    static const struct str folder = STR_STATIC("/models/");
    struct str found = {0};
    for (size_t at = 0; at + folder.size <= path.size; at++) {
        if (str_equal_fold((struct str){path.data + at, folder.size}, folder)) {
            found = (struct str){path.data + at + folder.size, path.size - at - folder.size};
        }
    }
    return found;
}

static enum provider_method method_of(struct str word)
{
    static const struct {
        const char *word;
        enum provider_method method;
    } words[] = {
        {"generateContent", PROVIDER_METHOD_GENERATE},
        {"streamGenerateContent", PROVIDER_METHOD_GENERATE},
        {"countTokens", PROVIDER_METHOD_COUNT},
        {"batchGenerateContent", PROVIDER_METHOD_LATER},
        {"asyncBatchEmbedContent", PROVIDER_METHOD_LATER},
        {"predictLongRunning", PROVIDER_METHOD_LATER},
    };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (str_equal(word, str_from(words[i].word))) {
            return words[i].method;
        }
    }
    return PROVIDER_METHOD_OTHER;
}

enum provider_method provider_method_of(struct str path, struct str *out_model)
{
    CHECK(out_model != NULL);
    *out_model = (struct str){0};
    const bool is_quoted = str_find(path, STR("%")) != SIZE_MAX;
    const bool has_colon = str_find(path, STR(":")) != SIZE_MAX ||
                           str_find(path, STR("%3A")) != SIZE_MAX ||
                           str_find(path, STR("%3a")) != SIZE_MAX;
    if (is_quoted) { /* read otherwise here than there, it would name another model */
        return has_colon ? PROVIDER_METHOD_OTHER : PROVIDER_METHOD_NONE;
    }
    struct str method = behind_models(path);
    const struct str name = str_cut(&method, ':');
    if (method.size == 0) {
        return PROVIDER_METHOD_NONE;
    }
    if (name.size > 0 && str_find(name, STR("/")) == SIZE_MAX) {
        *out_model = name;
    }
    return method_of(method);
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

/* The only member that has one of two names. Of several, or of one that is no such count, nobody
 * knows which holds: *io_is_clear is false then. */
static struct json only(struct json object, const char *one, const char *other, bool *io_is_clear)
{
    struct json_cursor cursor =
        json_kind(object) == JSON_OBJECT ? json_iter(object) : (struct json_cursor){0};
    struct json found = {0};
    struct json value;
    struct str key;
    int count = 0;
    while (json_next(&cursor, &key, &value)) {
        if (str_equal(key, str_from(one)) || str_equal(key, str_from(other))) {
            found = value;
            count++;
        }
    }
    *io_is_clear = *io_is_clear && count < 2;
    return found;
}

static int64_t count_of(struct json node, int64_t least, int64_t high, bool *io_is_clear)
{
    if (json_kind(node) == JSON_ABSENT || json_kind(node) == JSON_NULL) {
        return -1;
    }
    const int64_t count = json_is_number(node) ? json_int64(node, -1) : -1;
    *io_is_clear = *io_is_clear && count >= least && count <= high;
    return count >= least && count <= high ? count : -1;
}

static void read_config(struct json config, struct provider_request *io, bool *io_is_clear)
{
    const int64_t bound =
        count_of(only(config, "maxOutputTokens", "max_output_tokens", io_is_clear), 1,
                 USAGE_TOKENS_MAX, io_is_clear);
    const int64_t choices = count_of(only(config, "candidateCount", "candidate_count", io_is_clear),
                                     1, PROVIDER_CHOICES_MAX, io_is_clear);
    io->output_max = *io_is_clear ? bound : -1;
    io->choices = *io_is_clear && choices > 0 ? choices : io->choices;
    struct json_cursor modalities =
        elements_of(either(config, "responseModalities", "response_modalities"));
    struct json name;
    while (json_next(&modalities, NULL, &name)) {
        io->output_audio = io->output_audio || str_equal_fold(json_str(name), STR("AUDIO"));
        if (str_equal_fold(json_str(name), STR("IMAGE"))) {
            io->unbounded = "pictures that come out";
        }
    }
}

void provider_gemini_request(struct json root, struct provider_request *io)
{
    CHECK(io != NULL);
    bool is_clear = true;
    const struct json contents = only(root, "contents", "contents", &is_clear);
    const struct json config = only(root, "generationConfig", "generation_config", &is_clear);
    read_config(config, io, &is_clear);
    io->is_output_unsure = !is_clear;
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
    io->unbounded = is_clear ? io->unbounded : "members that are there twice";
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

bool provider_gemini_is_grounded(struct json root)
{
    static const char *const names[] = {"webSearchQueries", "groundingChunks", "imageSearchQueries",
                                        "retrievalQueries"};
    struct json_cursor candidates = elements_of(json_get(root, "candidates"));
    struct json candidate;
    while (json_next(&candidates, NULL, &candidate)) {
        const struct json grounding = either(candidate, "groundingMetadata", "grounding_metadata");
        for (size_t i = 0; i < COUNT_OF(names); i++) {
            struct json_cursor found = elements_of(json_get(grounding, names[i]));
            struct json one;
            if (json_next(&found, NULL, &one)) {
                return true;
            }
        }
    }
    return false;
}
