/*
 * What a reply used. Figures are kept as told, a later telling in place of an earlier one, because
 * Anthropic's stream tells of running totals; from them the disjoint classes are made each time.
 */
#include "wire/provider.h"

#include "base/check.h"
#include "wire/wire_priv.h"

struct figure_name {
    const char *path;
    enum provider_figure figure;
};

/* Names of all dialects: none means two things. */
static const struct figure_name figure_names[] = {
    {"input_tokens", FIGURE_INPUT},
    {"prompt_tokens", FIGURE_INPUT},
    {"output_tokens", FIGURE_OUTPUT},
    {"completion_tokens", FIGURE_OUTPUT},
    {"total_tokens", FIGURE_TOTAL},
    {"cache_read_input_tokens", FIGURE_CACHE_READ},
    {"prompt_cache_hit_tokens", FIGURE_CACHE_READ},
    {"prompt_tokens_details.cached_tokens", FIGURE_CACHE_READ},
    {"input_tokens_details.cached_tokens", FIGURE_CACHE_READ},
    {"cache_creation_input_tokens", FIGURE_CACHE_WRITE},
    {"prompt_tokens_details.cache_write_tokens", FIGURE_CACHE_WRITE},
    {"input_tokens_details.cache_write_tokens", FIGURE_CACHE_WRITE},
    {"cache_creation.ephemeral_5m_input_tokens", FIGURE_CACHE_WRITE_5M},
    {"cache_creation.ephemeral_1h_input_tokens", FIGURE_CACHE_WRITE_1H},
    {"completion_tokens_details.reasoning_tokens", FIGURE_REASONING},
    {"output_tokens_details.reasoning_tokens", FIGURE_REASONING},
    {"output_tokens_details.thinking_tokens", FIGURE_REASONING},
    {"prompt_tokens_details.audio_tokens", FIGURE_INPUT_AUDIO},
    {"completion_tokens_details.audio_tokens", FIGURE_OUTPUT_AUDIO},
    {"server_tool_use.web_search_requests", FIGURE_WEB_SEARCHES},
};

static void keep(struct provider_text *out, struct str text)
{
    const size_t size = text.size < sizeof out->bytes ? text.size : sizeof out->bytes;
    if (size > 0) {
        memcpy(out->bytes, text.data, size);
        out->size = size;
    }
}

static bool is_told(const struct provider_reply *reply, enum provider_figure figure)
{
    return (reply->told & (1u << figure)) != 0;
}

/* A part of `*room`, cut to it. */
static int64_t take(struct provider_reply *reply, int64_t *room, enum provider_figure figure)
{
    const int64_t wanted = reply->figures[figure];
    const int64_t taken = wanted < *room ? wanted : *room;
    reply->is_conflicting = reply->is_conflicting || taken < wanted;
    *room -= taken;
    return taken;
}

/* OpenAI's input holds what the caches held, Anthropic's does not. */
static void make_usage(enum provider_api api, struct provider_reply *reply, bool is_exclusive)
{
    int64_t *const counts = reply->usage.counts;
    const int64_t *const figures = reply->figures;
    int64_t fresh = figures[FIGURE_INPUT];
    int64_t output = figures[FIGURE_OUTPUT];
    int64_t read = figures[FIGURE_CACHE_READ];
    int64_t written = figures[FIGURE_CACHE_WRITE];
    int64_t audio = 0;
    reply->is_conflicting = false;
    reply->usage = (struct usage){0};
    if (!is_exclusive) {
        read = take(reply, &fresh, FIGURE_CACHE_READ);
        written = take(reply, &fresh, FIGURE_CACHE_WRITE);
        audio = take(reply, &fresh, FIGURE_INPUT_AUDIO);
        counts[USAGE_OUTPUT_AUDIO] = take(reply, &output, FIGURE_OUTPUT_AUDIO);
    } else if (!is_told(reply, FIGURE_CACHE_WRITE)) {
        written = figures[FIGURE_CACHE_WRITE_5M] + figures[FIGURE_CACHE_WRITE_1H];
    }
    const int64_t hour =
        figures[FIGURE_CACHE_WRITE_1H] < written ? figures[FIGURE_CACHE_WRITE_1H] : written;
    const int64_t reasoning = figures[FIGURE_REASONING];
    counts[USAGE_INPUT_UNCACHED] = fresh;
    counts[USAGE_INPUT_AUDIO] = audio;
    counts[USAGE_CACHE_READ] = read;
    counts[USAGE_CACHE_WRITE_1H] = hour;
    counts[USAGE_CACHE_WRITE_5M] = written - hour;
    counts[USAGE_OUTPUT] = output;
    reply->is_conflicting = reply->is_conflicting || reasoning > output;
    reply->usage.reasoning = reasoning < output ? reasoning : output;
    counts[USAGE_WEB_SEARCHES] = is_told(reply, FIGURE_WEB_SEARCHES) ? figures[FIGURE_WEB_SEARCHES]
                                                                     : reply->web_searches_seen;
    counts[USAGE_REQUESTS] = api == PROVIDER_COUNT_TOKENS ? 0 : 1;
}

/* The names of Anthropic's caches, which no other dialect has. */
static bool is_exclusive(enum provider_api api, struct json usage)
{
    return api == PROVIDER_MESSAGES ||
           (api == PROVIDER_OTHER &&
            (json_kind(json_get(usage, "cache_read_input_tokens")) != JSON_ABSENT ||
             json_kind(json_get(usage, "cache_creation_input_tokens")) != JSON_ABSENT));
}

static void read_usage(enum provider_api api, struct json usage, struct provider_reply *io)
{
    if (json_kind(usage) != JSON_OBJECT) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(figure_names); i++) {
        const struct json node = json_path(usage, figure_names[i].path);
        const int64_t count = json_is_number(node) ? json_int64(node, -1) : -1;
        if (count >= 0 && count <= USAGE_TOKENS_MAX) {
            io->figures[figure_names[i].figure] = count;
            io->told |= 1u << figure_names[i].figure;
        }
    }
    io->has_usage = is_told(io, FIGURE_INPUT) || is_told(io, FIGURE_OUTPUT);
    make_usage(api, io, is_exclusive(api, usage));
    const size_t size = json_minify(usage, io->raw, sizeof io->raw);
    io->raw_size = size <= sizeof io->raw ? size : 0;
    keep(&io->region, json_str(json_get(usage, "inference_geo")));
    const struct str tier = json_str(json_get(usage, "service_tier"));
    if (tier.size > 0) {
        io->tier = wire_tier(tier);
        io->has_tier = true;
    }
    if (str_equal(json_str(json_get(usage, "speed")), STR("fast"))) {
        io->tier = TIER_FAST;
        io->has_tier = true;
    }
}

static void read_error(struct json error, struct provider_reply *io)
{
    if (json_kind(error) != JSON_OBJECT) {
        return;
    }
    const struct str type = json_str(json_get(error, "type"));
    const struct str code = json_str(json_get(error, "code"));
    keep(&io->error, type.size > 0 ? type : code.size > 0 ? code : STR("error"));
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
    keep(&io->id, json_str(json_get(root, "id")));
    keep(&io->model, json_str(json_get(root, "model")));
    if (tier.size > 0) {
        io->tier = wire_tier(tier);
        io->has_tier = true;
    }
    read_error(json_get(root, "error"), io);
    count_searches(json_get(root, "output"), io);
    read_usage(api, json_get(root, "usage"), io);
}

void provider_reply_read(enum provider_api api, struct json root, struct provider_reply *io)
{
    CHECK(api < PROVIDER_API_COUNT);
    CHECK(io != NULL);
    read_object(api, root, io);
    io->is_whole = true;
}

static int64_t text_bytes(struct json node)
{
    return (int64_t)json_str(node).size;
}

static bool chat_event(struct json root, struct provider_reply *io)
{
    const struct json choices = json_get(root, "choices");
    struct json_cursor cursor = json_iter(choices);
    struct json choice;
    read_object(PROVIDER_CHAT, root, io);
    while (json_kind(choices) == JSON_ARRAY && json_next(&cursor, NULL, &choice)) {
        const struct json delta = json_get(choice, "delta");
        struct json_cursor calls = json_iter(json_get(delta, "tool_calls"));
        struct json call;
        io->output_bytes += text_bytes(json_get(delta, "content")) +
                            text_bytes(json_get(delta, "refusal")) +
                            text_bytes(json_get(delta, "reasoning_content"));
        while (!calls.object && json_next(&calls, NULL, &call)) {
            io->output_bytes += text_bytes(json_path(call, "function.name")) +
                                text_bytes(json_path(call, "function.arguments"));
        }
    }
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
        keep(&io->error, code.size > 0 ? code : STR("error"));
    }
    if (str_ends_with(type, STR(".delta"))) {
        io->output_bytes += text_bytes(json_get(root, "delta"));
    }
    io->is_whole = io->is_whole || str_equal(type, STR("response.completed")) ||
                   str_equal(type, STR("response.incomplete")) ||
                   str_equal(type, STR("response.failed"));
}

static void messages_event(struct json root, struct provider_reply *io)
{
    static const char *const texts[] = {"text", "partial_json", "thinking"};
    const struct str type = json_str(json_get(root, "type"));
    if (str_equal(type, STR("message_start"))) {
        read_object(PROVIDER_MESSAGES, json_get(root, "message"), io);
    } else if (str_equal(type, STR("message_delta"))) {
        read_usage(PROVIDER_MESSAGES, json_get(root, "usage"), io);
    } else if (str_equal(type, STR("content_block_delta"))) {
        const struct json delta = json_get(root, "delta");
        for (size_t i = 0; i < COUNT_OF(texts); i++) {
            io->output_bytes += text_bytes(json_get(delta, texts[i]));
        }
    } else if (str_equal(type, STR("content_block_start"))) {
        io->output_bytes += text_bytes(json_path(root, "content_block.name"));
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
        return chat_event(root, io);
    case PROVIDER_RESPONSES:
        responses_event(root, io);
        return false;
    case PROVIDER_MESSAGES:
    case PROVIDER_COUNT_TOKENS:
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
