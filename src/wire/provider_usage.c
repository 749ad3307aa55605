/*
 * What a reply used. Figures are kept as told, a later telling in place of an earlier one, because
 * Anthropic's stream tells of running totals; from them the disjoint classes are made each time.
 */
#include "base/check.h"
#include "wire/provider_priv.h"
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

/* Of input, output and their total, what is not told is what is left. */
static void complete(struct provider_reply *io)
{
    static const enum provider_figure halves[] = {FIGURE_INPUT, FIGURE_OUTPUT};
    for (int i = 0; i < 2 && is_told(io, FIGURE_TOTAL); i++) {
        const int64_t left = io->figures[FIGURE_TOTAL] - io->figures[halves[1 - i]];
        if (!is_told(io, halves[i]) && is_told(io, halves[1 - i]) && left >= 0) {
            io->figures[halves[i]] = left;
            io->told |= 1u << halves[i];
        }
    }
}

void provider_usage_read(enum provider_api api, struct json usage, struct provider_reply *io)
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
    const bool is_apart = is_exclusive(api, usage);
    if (!is_apart) {
        complete(io);
    }
    io->has_usage = is_told(io, FIGURE_INPUT) || is_told(io, FIGURE_OUTPUT);
    make_usage(api, io, is_apart);
    add_compactions(json_get(usage, "iterations"), io);
    keep_raw(usage, io);
    provider_text_keep(&io->region, json_str(json_get(usage, "inference_geo")));
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

bool provider_usage_is_full(enum provider_api api, const struct provider_reply *reply)
{
    const bool tells_both = api == PROVIDER_CHAT || api == PROVIDER_COMPLETIONS ||
                            api == PROVIDER_RESPONSES || api == PROVIDER_MESSAGES;
    return reply->has_usage &&
           (!tells_both || (is_told(reply, FIGURE_INPUT) && is_told(reply, FIGURE_OUTPUT)));
}

void provider_usage_read_gemini(struct json root, struct provider_reply *io)
{
    const struct json usage = json_get(root, "usageMetadata");
    io->is_grounded = io->is_grounded || provider_gemini_is_grounded(root);
    if (!provider_gemini_figures(usage, io)) {
        return;
    }
    provider_text_keep(&io->id, json_str(json_get(root, "responseId")));
    provider_text_keep(&io->model, json_str(json_get(root, "modelVersion")));
    io->has_usage = true;
    make_usage(PROVIDER_OTHER, io, false);
    keep_raw(usage, io);
}
