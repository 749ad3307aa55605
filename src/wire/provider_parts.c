/* What in a request is more than text: parts of its messages, and its tools, by their types. */
#include "base/check.h"
#include "wire/provider_priv.h"

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

/* The classes a part is billed in that are dearer than text, by its type. */
static uint32_t classes_of(struct json part)
{
    const struct str type = json_str(json_get(part, "type"));
    return str_equal(type, STR("input_audio")) ? 1u << USAGE_INPUT_AUDIO
           : str_equal(type, STR("image_url")) || str_equal(type, STR("input_image")) ||
                   str_equal(type, STR("image"))
               ? 1u << USAGE_INPUT_IMAGE
               : 0;
}

static bool has_other_parts(struct json message, const char *member, uint32_t *io_classes)
{
    struct json_cursor parts = elements_of(json_get(message, member));
    struct json part;
    bool found = false;
    while (json_next(&parts, NULL, &part)) {
        found = found || is_other(part);
        *io_classes |= classes_of(part);
        struct json_cursor within = elements_of(json_get(part, "content"));
        struct json leaf;
        while (json_next(&within, NULL, &leaf)) {
            found = found || is_other(leaf);
            *io_classes |= classes_of(leaf);
        }
    }
    return found;
}

bool provider_has_other_types(struct json list, uint32_t *io_classes)
{
    struct json_cursor messages = elements_of(list);
    struct json message;
    bool found = json_kind(list) == JSON_OBJECT;
    while (json_next(&messages, NULL, &message)) {
        const bool has_parts = has_other_parts(message, "content", io_classes);
        const bool has_outputs = has_other_parts(message, "output", io_classes);
        *io_classes |= classes_of(message);
        found = found || is_other(message) || has_parts || has_outputs;
    }
    return found;
}
