/* About how many tokens a request's input is, where the provider did not say: its texts, without
 * the JSON around them and without pictures and sounds, whose bytes are no text. */
#include "base/check.h"
#include "wire/provider.h"
#include "wire/tokens.h"

enum {
    WALK_DEPTH_MAX = 64,
    ELEMENT_TOKENS = 4,    /* that frame a message. Source: the cookbook of OpenAI */
    PICTURE_TOKENS = 1000, /* of a common size, at OpenAI 765 to 1105, at Anthropic up to 1600 */
    PICTURE_BYTES_MIN = 512,
};

/* Values that no model reads as they are. */
static bool is_skipped(struct str key)
{
    static const char *const names[] = {"model",   "signature",       "encrypted_content", "id",
                                        "call_id", "tool_call_id",    "tool_use_id",       "user",
                                        "type",    "service_tier",    "metadata",          "role",
                                        "detail",  "reasoning_effort"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (str_equal(key, str_from(names[i]))) {
            return true;
        }
    }
    return false;
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

int64_t provider_request_tokens(struct json root)
{
    struct json_cursor stack[WALK_DEPTH_MAX];
    size_t depth = 1;
    int64_t tokens = 0;
    if (json_kind(root) != JSON_OBJECT) {
        return 0;
    }
    stack[0] = json_iter(root);
    while (depth > 0) {
        struct str key;
        struct json value;
        if (!json_next(&stack[depth - 1], &key, &value)) {
            depth--;
            continue;
        }
        const enum json_kind kind = json_kind(value);
        if (is_skipped(key)) {
            continue;
        }
        /* Names within tools and arguments are read, those of the request itself are not. */
        tokens += depth > 2 ? tokens_estimate(key) : 0;
        if (kind == JSON_STRING) {
            const struct str text = json_str(value);
            tokens += is_picture(key, text) ? PICTURE_TOKENS : tokens_estimate(text);
        } else if ((kind == JSON_OBJECT || kind == JSON_ARRAY) && depth < WALK_DEPTH_MAX) {
            tokens += depth == 2 && kind == JSON_OBJECT ? ELEMENT_TOKENS : 0;
            stack[depth++] = json_iter(value);
        } else if (json_is_number(value) && depth > 1) {
            tokens++;
        }
    }
    return tokens < USAGE_TOKENS_MAX ? tokens : USAGE_TOKENS_MAX;
}
