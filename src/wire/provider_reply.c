/* A reply as it comes, whole or by events: who answered, how it ended, and which texts came out. */
#include "base/check.h"
#include "wire/provider_priv.h"
#include "wire/wire_priv.h"

static void read_error(struct json error, struct provider_reply *io)
{
    if (json_kind(error) != JSON_OBJECT) {
        return;
    }
    const struct str type = json_str(json_get(error, "type"));
    const struct str code = json_str(json_get(error, "code"));
    provider_text_keep(&io->error, type.size > 0 ? type : code.size > 0 ? code : STR("error"));
}

/* Of Responses: searches are charged by the call. */
static void count_searches(struct json output, struct provider_reply *io)
{
    struct json_cursor cursor = json_iter(output);
    struct json item;
    if (json_kind(output) != JSON_ARRAY) {
        return;
    }
    io->web_searches_seen = 0;
    while (json_next(&cursor, NULL, &item)) {
        io->web_searches_seen +=
            str_equal(json_str(json_get(item, "type")), STR("web_search_call")) ? 1 : 0;
    }
}

/* What is in the object that stands for the whole reply, in every dialect. */
static void read_object(enum provider_api api, struct json root, struct provider_reply *io)
{
    const struct str tier = json_str(json_get(root, "service_tier"));
    provider_text_keep(&io->id, json_str(json_get(root, "id")));
    provider_text_keep(&io->model, json_str(json_get(root, "model")));
    if (tier.size > 0) {
        io->tier = wire_tier(tier);
        io->has_tier = true;
    }
    const struct str status = json_str(json_get(root, "status"));
    io->is_pending = str_equal(status, STR("queued")) || str_equal(status, STR("in_progress"));
    read_error(json_get(root, "error"), io);
    count_searches(json_get(root, "output"), io);
    provider_usage_read(api, json_get(root, "usage"), io);
    if (api == PROVIDER_OTHER) {
        provider_usage_read_gemini(root, io);
    }
}

/* Where a text goes on from: places in the reply, from the outermost, and which member there. */
static uint32_t source_of(int64_t outer, int64_t inner, size_t member)
{
    return (uint32_t)outer << 16 ^ (uint32_t)inner << 8 ^ (uint32_t)member;
}

static void see_text(struct str text, uint32_t source, struct provider_reply *io)
{
    io->output_bytes += (int64_t)text.size;
    if (io->seen != NULL && text.size > 0) {
        provider_seen_add(io->seen, source, text);
    }
}

/* A text the model has written, or a piece of one. */
static void see(struct json node, uint32_t source, struct provider_reply *io)
{
    see_text(json_str(node), source, io);
}

static void see_all(struct json node, const char *const *paths, size_t count, uint32_t source,
                    struct provider_reply *io)
{
    for (size_t i = 0; i < count; i++) {
        see(json_path(node, paths[i]), source + (uint32_t)i, io);
    }
}

enum { SOURCE_TEXTS = 0, SOURCE_CALLS = 8, SOURCE_INPUT = 16, SOURCE_PARTS = 24 };

/* A message of chat completions, whole or a piece of it. */
static void see_message(struct json message, int64_t choice, struct provider_reply *io)
{
    static const char *const texts[] = {"content", "refusal", "reasoning_content", "reasoning"};
    static const char *const of_call[] = {"function.name", "function.arguments", "custom.name",
                                          "custom.input"};
    struct json_cursor calls = elements_of(json_get(message, "tool_calls"));
    struct json call;
    see_all(message, texts, COUNT_OF(texts), source_of(choice, 0, SOURCE_TEXTS), io);
    for (int64_t i = 0; json_next(&calls, NULL, &call); i++) {
        const int64_t index = json_int64(json_get(call, "index"), i);
        see_all(call, of_call, COUNT_OF(of_call), source_of(choice, index, SOURCE_CALLS), io);
    }
}

static void see_choices(struct json choices, const char *member, struct provider_reply *io)
{
    struct json_cursor cursor = elements_of(choices);
    struct json choice;
    for (int64_t i = 0; json_next(&cursor, NULL, &choice); i++) {
        const int64_t index = json_int64(json_get(choice, "index"), i);
        see_message(json_get(choice, member), index, io);
        see(json_get(choice, "text"), source_of(index, 0, SOURCE_INPUT), io); /* of completions */
    }
}

/* Arguments that came as JSON, as the model has written them but for its blanks. */
static void see_input(struct json input, uint32_t source, struct provider_reply *io)
{
    const size_t size = json_minify(input, NULL, 0);
    struct text compact;
    if (size == 0) {
        return;
    }
    text_init(&compact, size);
    text_repeat(&compact, ' ', size);
    (void)json_minify(input, compact.data, size);
    see_text(text_str(&compact), source, io);
    text_deinit(&compact);
}

/* Blocks of Anthropic's content, items of a response's output and their parts. */
static void see_blocks(struct json blocks, struct provider_reply *io)
{
    static const char *const texts[] = {"text", "thinking", "name", "arguments", "refusal"};
    struct json_cursor cursor = elements_of(blocks);
    struct json block;
    for (int64_t i = 0; json_next(&cursor, NULL, &block); i++) {
        struct json_cursor parts = elements_of(json_get(block, "content"));
        struct json part;
        see_all(block, texts, COUNT_OF(texts), source_of(i, 0, SOURCE_TEXTS), io);
        see_input(json_get(block, "input"), source_of(i, 0, SOURCE_INPUT), io);
        for (int64_t j = 0; json_next(&parts, NULL, &part); j++) {
            see_all(part, texts, COUNT_OF(texts), source_of(i, j, SOURCE_PARTS), io);
        }
    }
}

void provider_reply_read(enum provider_api api, struct json root, struct provider_reply *io)
{
    CHECK(api < PROVIDER_API_COUNT);
    CHECK(io != NULL);
    /* A stream of Gemini's that is no stream of events is an array of its replies. */
    struct json_cursor replies =
        api == PROVIDER_OTHER ? elements_of(root) : (struct json_cursor){0};
    struct json reply;
    while (json_next(&replies, NULL, &reply)) {
        read_object(api, reply, io);
    }
    read_object(api, root, io);
    if (!provider_usage_is_full(api, io)) {
        see_choices(json_get(root, "choices"), "message", io);
        see_blocks(json_get(root, "output"), io);
        see_blocks(json_get(root, "content"), io);
    }
    io->is_whole = !io->is_pending;
}

static bool chat_event(enum provider_api api, struct json root, struct provider_reply *io)
{
    const struct json choices = json_get(root, "choices");
    read_object(api, root, io);
    see_choices(choices, "delta", io);
    return json_kind(choices) == JSON_ARRAY && json_count(choices) == 0 &&
           json_kind(json_get(root, "usage")) == JSON_OBJECT;
}

static void responses_event(struct json root, struct provider_reply *io)
{
    const struct str type = json_str(json_get(root, "type"));
    const struct json response = json_get(root, "response");
    if (json_kind(response) == JSON_OBJECT) {
        read_object(PROVIDER_RESPONSES, response, io);
    }
    if (str_equal(type, STR("error"))) {
        const struct str code = json_str(json_get(root, "code"));
        provider_text_keep(&io->error, code.size > 0 ? code : STR("error"));
    }
    if (str_ends_with(type, STR(".delta"))) {
        const int64_t item = json_int64(json_get(root, "output_index"), 0);
        const int64_t part = json_int64(json_get(root, "content_index"), 0);
        see(json_get(root, "delta"), source_of(item, part, type.size), io);
    }
    io->is_whole = io->is_whole || str_equal(type, STR("response.completed")) ||
                   str_equal(type, STR("response.incomplete")) ||
                   str_equal(type, STR("response.failed"));
}

static void messages_event(struct json root, struct provider_reply *io)
{
    static const char *const texts[] = {"text", "partial_json", "thinking"};
    const struct str type = json_str(json_get(root, "type"));
    const int64_t block = json_int64(json_get(root, "index"), 0);
    if (str_equal(type, STR("message_start"))) {
        read_object(PROVIDER_MESSAGES, json_get(root, "message"), io);
    } else if (str_equal(type, STR("message_delta"))) {
        provider_usage_read(PROVIDER_MESSAGES, json_get(root, "usage"), io);
    } else if (str_equal(type, STR("content_block_delta"))) {
        see_all(json_get(root, "delta"), texts, COUNT_OF(texts), source_of(block, 0, SOURCE_TEXTS),
                io);
    } else if (str_equal(type, STR("content_block_start"))) {
        see(json_path(root, "content_block.name"), source_of(block, 0, SOURCE_CALLS), io);
    } else if (str_equal(type, STR("error"))) {
        read_error(json_get(root, "error"), io);
    }
    io->is_whole = io->is_whole || str_equal(type, STR("message_stop"));
}

bool provider_reply_event(enum provider_api api, const struct sse_event *event,
                          struct json_parser *parser, struct provider_reply *io)
{
    CHECK(api < PROVIDER_API_COUNT);
    CHECK(event != NULL);
    struct json root;
    struct err err;
    if (str_equal(event->data, STR("[DONE]"))) {
        io->is_whole = true;
        return false;
    }
    if (event->data.size == 0 ||
        json_parse(parser, event->data, event->data.size, &root, &err) != ERR_OK) {
        return false; /* what is no JSON tells of no usage */
    }
    switch (api) {
    case PROVIDER_CHAT:
    case PROVIDER_COMPLETIONS:
        return chat_event(api, root, io);
    case PROVIDER_RESPONSES:
        responses_event(root, io);
        return false;
    case PROVIDER_MESSAGES:
    case PROVIDER_FREE:
        messages_event(root, io);
        return false;
    case PROVIDER_EMBEDDINGS:
    case PROVIDER_MODELS:
    case PROVIDER_OTHER:
        read_object(api, root, io);
        return false;
    case PROVIDER_API_COUNT:
        break;
    }
    return false;
}
