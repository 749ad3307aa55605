/*
 * What a reply used. Figures are kept as told, a later telling in place of an earlier one, because
 * Anthropic's stream tells of running totals; from them the disjoint classes are made each time.
 */
#include "wire/provider.h"

#include "base/check.h"
#include "wire/wire_priv.h"

struct figure_name {
    struct str name;
    struct str part; /* of the object of that name; empty: it is the figure */
    enum provider_figure figure;
};
#define NAME(name)       STR_STATIC(name), STR_STATIC("")
#define PART(name, part) STR_STATIC(name), STR_STATIC(part)

/* Names of all dialects: none means two things. */
static const struct figure_name figure_names[] = {
    {NAME("input_tokens"), FIGURE_INPUT},
    {NAME("prompt_tokens"), FIGURE_INPUT},
    {NAME("output_tokens"), FIGURE_OUTPUT},
    {NAME("completion_tokens"), FIGURE_OUTPUT},
    {NAME("total_tokens"), FIGURE_TOTAL},
    {NAME("cache_read_input_tokens"), FIGURE_CACHE_READ},
    {NAME("prompt_cache_hit_tokens"), FIGURE_CACHE_READ},
    {PART("prompt_tokens_details", "cached_tokens"), FIGURE_CACHE_READ},
    {PART("input_tokens_details", "cached_tokens"), FIGURE_CACHE_READ},
    {NAME("cache_creation_input_tokens"), FIGURE_CACHE_WRITE},
    {PART("prompt_tokens_details", "cache_write_tokens"), FIGURE_CACHE_WRITE},
    {PART("input_tokens_details", "cache_write_tokens"), FIGURE_CACHE_WRITE},
    {PART("cache_creation", "ephemeral_5m_input_tokens"), FIGURE_CACHE_WRITE_5M},
    {PART("cache_creation", "ephemeral_1h_input_tokens"), FIGURE_CACHE_WRITE_1H},
    {PART("completion_tokens_details", "reasoning_tokens"), FIGURE_REASONING},
    {PART("output_tokens_details", "reasoning_tokens"), FIGURE_REASONING},
    {PART("output_tokens_details", "thinking_tokens"), FIGURE_REASONING},
    {PART("prompt_tokens_details", "audio_tokens"), FIGURE_INPUT_AUDIO},
    {PART("input_tokens_details", "image_tokens"), FIGURE_INPUT_IMAGE},
    {PART("completion_tokens_details", "audio_tokens"), FIGURE_OUTPUT_AUDIO},
    {PART("server_tool_use", "web_search_requests"), FIGURE_WEB_SEARCHES},
};

static struct json_cursor elements_of(struct json list)
{
    return json_kind(list) == JSON_ARRAY ? json_iter(list) : (struct json_cursor){0};
}

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
    int64_t image = 0;
    int64_t reasoning = figures[FIGURE_REASONING];
    reply->is_conflicting = false;
    reply->usage = (struct usage){0};
    if (!is_exclusive) {
        /* Some that speak as OpenAI leave what was thought out of the output and have it in the
         * total only; it is charged as output all the same. */
        const int64_t beyond = is_told(reply, FIGURE_TOTAL)
                                   ? figures[FIGURE_TOTAL] - figures[FIGURE_INPUT] - output
                                   : 0;
        if (beyond > 0 && beyond <= USAGE_TOKENS_MAX - output) {
            reasoning = reasoning > output || reasoning == beyond ? beyond : reasoning + beyond;
            output += beyond;
        }
        read = take(reply, &fresh, FIGURE_CACHE_READ);
        written = take(reply, &fresh, FIGURE_CACHE_WRITE);
        audio = take(reply, &fresh, FIGURE_INPUT_AUDIO);
        image = take(reply, &fresh, FIGURE_INPUT_IMAGE);
        counts[USAGE_OUTPUT_AUDIO] = take(reply, &output, FIGURE_OUTPUT_AUDIO);
    } else if (!is_told(reply, FIGURE_CACHE_WRITE)) {
        written = figures[FIGURE_CACHE_WRITE_5M] + figures[FIGURE_CACHE_WRITE_1H];
        written = written < USAGE_TOKENS_MAX ? written : USAGE_TOKENS_MAX;
    }
    /* A stream tells the split at its beginning only, and of one kind all that follows is. */
    const bool is_all_hour =
        figures[FIGURE_CACHE_WRITE_1H] > 0 && figures[FIGURE_CACHE_WRITE_5M] == 0;
    const int64_t hour = is_all_hour || figures[FIGURE_CACHE_WRITE_1H] > written
                             ? written
                             : figures[FIGURE_CACHE_WRITE_1H];
    counts[USAGE_INPUT_UNCACHED] = fresh;
    counts[USAGE_INPUT_AUDIO] = audio;
    counts[USAGE_INPUT_IMAGE] = image;
    counts[USAGE_CACHE_READ] = read;
    counts[USAGE_CACHE_WRITE_1H] = hour;
    counts[USAGE_CACHE_WRITE_5M] = written - hour;
    counts[USAGE_OUTPUT] = output;
    reply->is_conflicting = reply->is_conflicting || reasoning > output;
    reply->usage.reasoning = reasoning < output ? reasoning : output;
    counts[USAGE_WEB_SEARCHES] = is_told(reply, FIGURE_WEB_SEARCHES) ? figures[FIGURE_WEB_SEARCHES]
                                                                     : reply->web_searches_seen;
    counts[USAGE_REQUESTS] = api == PROVIDER_FREE ? 0 : 1;
}

/* What a summary of the context took: the figures beside it leave it out.
 * Source: BetaIterationsUsage of @anthropic-ai/sdk. */
static void add_compactions(struct json iterations, struct provider_reply *io)
{
    static const struct {
        const char *path;
        enum usage_class class;
    } parts[] = {
        {"input_tokens", USAGE_INPUT_UNCACHED},
        {"cache_read_input_tokens", USAGE_CACHE_READ},
        {"cache_creation_input_tokens", USAGE_CACHE_WRITE_5M},
        {"output_tokens", USAGE_OUTPUT},
    };
    int64_t *const counts = io->usage.counts;
    struct json_cursor cursor = json_iter(iterations);
    struct json entry;
    while (json_kind(iterations) == JSON_ARRAY && json_next(&cursor, NULL, &entry)) {
        if (!str_equal(json_str(json_get(entry, "type")), STR("compaction"))) {
            continue;
        }
        for (size_t i = 0; i < COUNT_OF(parts); i++) {
            const int64_t count = json_int64(json_get(entry, parts[i].path), 0);
            const int64_t room = USAGE_TOKENS_MAX - counts[parts[i].class];
            counts[parts[i].class] += count < 0 ? 0 : count < room ? count : room;
        }
        const int64_t hour =
            json_int64(json_path(entry, "cache_creation.ephemeral_1h_input_tokens"), 0);
        if (hour > 0 && hour <= counts[USAGE_CACHE_WRITE_5M] &&
            hour <= USAGE_TOKENS_MAX - counts[USAGE_CACHE_WRITE_1H]) {
            counts[USAGE_CACHE_WRITE_5M] -= hour;
            counts[USAGE_CACHE_WRITE_1H] += hour;
        }
    }
}

/* The names of Anthropic's caches, which no other dialect has. */
static bool is_exclusive(enum provider_api api, struct json usage)
{
    return api == PROVIDER_MESSAGES ||
           (api == PROVIDER_OTHER &&
            (json_kind(json_get(usage, "cache_read_input_tokens")) != JSON_ABSENT ||
             json_kind(json_get(usage, "cache_creation_input_tokens")) != JSON_ABSENT));
}

/* The nodes of all names in one pass; of a member that comes twice the first counts. */
static void find_figures(struct json usage, struct json out[static COUNT_OF(figure_names)])
{
    struct json_cursor cursor = json_iter(usage);
    struct str name;
    struct json value;
    while (json_next(&cursor, &name, &value)) {
        for (size_t i = 0; i < COUNT_OF(figure_names); i++) {
            const struct figure_name *const row = &figure_names[i];
            if (str_equal(row->name, name) && json_kind(out[i]) == JSON_ABSENT) {
                out[i] = row->part.size > 0 ? json_get(value, row->part.data) : value;
            }
        }
    }
}

static void keep_raw(struct json usage, struct provider_reply *io)
{
    if (io->raw != NULL) {
        char raw[PROVIDER_RAW_BYTES_MAX];
        const size_t size = json_minify(usage, raw, sizeof raw);
        text_clear(io->raw);
        text_add(io->raw, (struct str){raw, size <= sizeof raw ? size : 0});
    }
}

static void read_usage(enum provider_api api, struct json usage, struct provider_reply *io)
{
    if (json_kind(usage) != JSON_OBJECT) {
        return;
    }
    struct json nodes[COUNT_OF(figure_names)] = {0};
    find_figures(usage, nodes);
    for (size_t i = 0; i < COUNT_OF(figure_names); i++) {
        const struct json node = nodes[i];
        const int64_t count = json_is_number(node) ? json_int64(node, -1) : -1;
        if (count >= 0 && count <= USAGE_TOKENS_MAX) {
            io->figures[figure_names[i].figure] = count;
            io->told |= 1u << figure_names[i].figure;
        }
    }
    io->has_usage = is_told(io, FIGURE_INPUT) || is_told(io, FIGURE_OUTPUT);
    make_usage(api, io, is_exclusive(api, usage));
    add_compactions(json_get(usage, "iterations"), io);
    keep_raw(usage, io);
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

static void read_gemini(struct json root, struct provider_reply *io)
{
    const struct json usage = json_get(root, "usageMetadata");
    if (!provider_gemini_figures(usage, io)) {
        return;
    }
    keep(&io->id, json_str(json_get(root, "responseId")));
    keep(&io->model, json_str(json_get(root, "modelVersion")));
    io->has_usage = true;
    make_usage(PROVIDER_OTHER, io, false);
    keep_raw(usage, io);
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
    const struct str status = json_str(json_get(root, "status"));
    io->is_pending = str_equal(status, STR("queued")) || str_equal(status, STR("in_progress"));
    read_error(json_get(root, "error"), io);
    count_searches(json_get(root, "output"), io);
    read_usage(api, json_get(root, "usage"), io);
    if (api == PROVIDER_OTHER) {
        read_gemini(root, io);
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
    if (!io->has_usage) {
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
        keep(&io->error, code.size > 0 ? code : STR("error"));
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
        read_usage(PROVIDER_MESSAGES, json_get(root, "usage"), io);
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
