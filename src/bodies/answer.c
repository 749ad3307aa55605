/*
 * The events of a stream as one document.
 *
 *     events --one reader an API--> parts that grow --write--> {"streamed": true, "parts": [...]}
 *
 * A part is a text, a thought, a refusal or a call of a tool: its pieces are joined, so that what a
 * rule names is found across them. Events that say nothing of the answer's text are left out.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/json.h"
#include "base/memory.h"
#include "bodies/bodies_priv.h"

enum { PARTS_MAX = 512 };

#define EVENT_BYTES_MAX ((size_t)BODIES_ANSWER_BYTES_MAX)
#define TEXT_BYTES_MAX  ((size_t)BODIES_ANSWER_BYTES_MAX)

enum part_kind { PART_TEXT, PART_THINKING, PART_REFUSAL, PART_TOOL, PART_OTHER, PART_KIND_COUNT };

static const char *const kind_words[PART_KIND_COUNT] = {
    [PART_TEXT] = "text",      [PART_THINKING] = "thinking", [PART_REFUSAL] = "refusal",
    [PART_TOOL] = "tool_call", [PART_OTHER] = "other",
};

struct part {
    enum part_kind kind;
    int64_t output; /* choice, block or item */
    int64_t index;  /* within it */
    struct text text;
    struct text name; /* of a tool */
    struct text id;
    bool is_closed; /* nothing more comes */
};

struct assembly {
    struct part *parts; /* [PARTS_MAX] */
    size_t count;
    struct text stop;
    struct text whole; /* JSON that tells it all, in place of the parts; empty: none came */
    bool is_done;
    bool is_full;
};

static struct part *part_of(struct assembly *all, enum part_kind kind, int64_t output,
                            int64_t index)
{
    for (size_t i = 0; i < all->count; i++) {
        struct part *const part = &all->parts[i];
        if (part->kind == kind && part->output == output && part->index == index) {
            return part;
        }
    }
    if (all->count == PARTS_MAX) {
        all->is_full = true;
        return NULL;
    }
    struct part *const part = &all->parts[all->count++];
    *part = (struct part){.kind = kind, .output = output, .index = index};
    text_init(&part->text, TEXT_BYTES_MAX);
    text_init(&part->name, TEXT_BYTES_MAX);
    text_init(&part->id, TEXT_BYTES_MAX);
    return part;
}

static void add(struct assembly *all, enum part_kind kind, int64_t output, int64_t index,
                struct str piece)
{
    if (piece.size > 0) {
        struct part *const part = part_of(all, kind, output, index);
        if (part != NULL) {
            text_add(&part->text, piece);
        }
    }
}

static void add_tool(struct assembly *all, int64_t output, int64_t index, struct str id,
                     struct str name, struct str arguments)
{
    struct part *const part = part_of(all, PART_TOOL, output, index);
    if (part != NULL) {
        text_add(&part->id, id);
        text_add(&part->name, name);
        text_add(&part->text, arguments);
    }
}

/* JSON as it came, compact. */
static void add_json(struct text *out, struct json node)
{
    const size_t size = json_minify(node, NULL, 0);
    char *const bytes = memory_new_array(char, size + 1);
    text_add(out, (struct str){bytes, json_minify(node, bytes, size)});
    memory_free(bytes);
}

static void set(struct text *text, struct str value)
{
    if (value.size > 0) {
        text_clear(text);
        text_add(text, value);
    }
}

/* ---- one event of each API */

static void read_error(struct json root, struct assembly *all)
{
    const struct json error = json_get(root, "error");
    if (json_kind(error) == JSON_OBJECT) {
        struct part *const part = part_of(all, PART_OTHER, -1, -1);
        if (part != NULL) {
            add_json(&part->text, error);
        }
    }
}

static void read_chat(struct json root, struct assembly *all)
{
    struct json_cursor choices = json_iter(json_get(root, "choices"));
    struct json choice;
    read_error(root, all);
    while (json_next(&choices, NULL, &choice)) {
        const int64_t output = json_int64(json_get(choice, "index"), 0);
        const struct json delta = json_get(choice, "delta");
        const struct json function = json_get(delta, "function_call");
        add(all, PART_THINKING, output, 0, json_str(json_get(delta, "reasoning_content")));
        add(all, PART_THINKING, output, 0, json_str(json_get(delta, "reasoning")));
        add(all, PART_TEXT, output, 0, json_str(json_get(delta, "content")));
        add(all, PART_TEXT, output, 0, json_str(json_get(choice, "text")));
        add(all, PART_TEXT, output, 1, json_str(json_path(delta, "audio.transcript")));
        add(all, PART_REFUSAL, output, 0, json_str(json_get(delta, "refusal")));
        if (json_kind(function) == JSON_OBJECT) {
            add_tool(all, output, -1, (struct str){0}, json_str(json_get(function, "name")),
                     json_str(json_get(function, "arguments")));
        }
        struct json_cursor tools = json_iter(json_get(delta, "tool_calls"));
        struct json tool;
        while (json_next(&tools, NULL, &tool)) {
            add_tool(all, output, json_int64(json_get(tool, "index"), 0),
                     json_str(json_get(tool, "id")), json_str(json_path(tool, "function.name")),
                     json_str(json_path(tool, "function.arguments")));
        }
        set(&all->stop, json_str(json_get(choice, "finish_reason")));
    }
}

static void read_block(struct json root, struct assembly *all)
{
    const int64_t output = json_int64(json_get(root, "index"), 0);
    const struct json block = json_get(root, "content_block");
    const struct str type = json_str(json_get(block, "type"));
    if (str_equal(type, STR("text"))) {
        add(all, PART_TEXT, output, 0, json_str(json_get(block, "text")));
    } else if (str_equal(type, STR("thinking"))) {
        add(all, PART_THINKING, output, 0, json_str(json_get(block, "thinking")));
    } else if (str_ends_with(type, STR("tool_use"))) {
        add_tool(all, output, 0, json_str(json_get(block, "id")), json_str(json_get(block, "name")),
                 (struct str){0});
    } else if (!str_equal(type, STR("redacted_thinking"))) { /* whole: results of its own tools */
        struct part *const part = part_of(all, PART_OTHER, output, 0);
        if (part != NULL) {
            add_json(&part->text, block);
        }
    }
}

static void read_messages(struct json root, struct assembly *all)
{
    const struct str type = json_str(json_get(root, "type"));
    const int64_t output = json_int64(json_get(root, "index"), 0);
    const struct json delta = json_get(root, "delta");
    if (str_equal(type, STR("content_block_start"))) {
        read_block(root, all);
    } else if (str_equal(type, STR("content_block_delta"))) {
        const struct str arguments = json_str(json_get(delta, "partial_json"));
        add(all, PART_TEXT, output, 0, json_str(json_get(delta, "text")));
        add(all, PART_THINKING, output, 0, json_str(json_get(delta, "thinking")));
        if (arguments.size > 0) {
            add_tool(all, output, 0, (struct str){0}, (struct str){0}, arguments);
        }
    } else if (str_equal(type, STR("content_block_stop"))) {
        for (size_t i = 0; i < all->count; i++) {
            all->parts[i].is_closed = all->parts[i].is_closed || all->parts[i].output == output;
        }
    } else if (str_equal(type, STR("message_delta"))) {
        set(&all->stop, json_str(json_get(delta, "stop_reason")));
    } else if (str_equal(type, STR("message_stop"))) {
        all->is_done = true;
    } else if (str_equal(type, STR("error"))) {
        read_error(root, all);
    }
}

static void read_responses(struct json root, struct assembly *all)
{
    static const struct {
        struct str type;
        enum part_kind kind;
    } deltas[] = {
        {STR_STATIC("response.output_text.delta"), PART_TEXT},
        {STR_STATIC("response.refusal.delta"), PART_REFUSAL},
        {STR_STATIC("response.reasoning_text.delta"), PART_THINKING},
        {STR_STATIC("response.reasoning_summary_text.delta"), PART_THINKING},
        {STR_STATIC("response.function_call_arguments.delta"), PART_TOOL},
        {STR_STATIC("response.custom_tool_call_input.delta"), PART_TOOL},
        {STR_STATIC("response.mcp_call_arguments.delta"), PART_TOOL},
        {STR_STATIC("response.code_interpreter_call_code.delta"), PART_TOOL},
    };
    const struct str type = json_str(json_get(root, "type"));
    const int64_t output = json_int64(json_get(root, "output_index"), 0);
    const int64_t index = json_int64(json_get(root, "content_index"), 0);
    for (size_t i = 0; i < COUNT_OF(deltas); i++) {
        if (str_equal(type, deltas[i].type)) {
            add(all, deltas[i].kind, output, index, json_str(json_get(root, "delta")));
        }
    }
    const struct json item = json_get(root, "item");
    if (str_equal(type, STR("response.output_item.added")) &&
        str_ends_with(json_str(json_get(item, "type")), STR("_call"))) {
        add_tool(all, output, 0, json_str(json_get(item, "call_id")),
                 json_str(json_get(item, "name")), (struct str){0});
    }
    if (str_equal(type, STR("response.completed")) || str_equal(type, STR("response.incomplete")) ||
        str_equal(type, STR("response.failed"))) {
        text_clear(&all->whole);
        add_json(&all->whole, json_get(root, "response"));
        all->is_done = true;
    } else if (str_equal(type, STR("error"))) {
        struct part *const part = part_of(all, PART_OTHER, -1, -1);
        if (part != NULL) {
            add_json(&part->text, root);
        }
    }
}

/* ---- the stream */

static enum errc read_event(enum provider_api api, const struct sse_event *event,
                            struct json_parser *parser, struct assembly *all, struct err *err)
{
    struct json root;
    if (event->data.size == 0) {
        return ERR_OK;
    }
    if (str_equal(str_trim(event->data), STR("[DONE]"))) {
        all->is_done = true;
        return ERR_OK;
    }
    const enum errc code = json_parse(parser, event->data, event->data.size, &root, err);
    if (code != ERR_OK) {
        return code;
    }
    if (api == PROVIDER_MESSAGES) {
        read_messages(root, all);
    } else if (api == PROVIDER_RESPONSES) {
        read_responses(root, all);
    } else {
        read_chat(root, all);
    }
    return ERR_OK;
}

static void put_part(const struct part *part, bool is_open, struct text *out)
{
    json_open_object(out);
    json_name(out, "kind");
    json_put_text(out, kind_words[part->kind]);
    json_name(out, "output");
    json_put_int64(out, part->output);
    if (part->kind == PART_TOOL) {
        json_name(out, is_open && part->text.size == 0 ? "name_so_far" : "name");
        json_put_str(out, text_str(&part->name));
        json_name(out, "id");
        json_put_str(out, text_str(&part->id));
        json_name(out, is_open ? "arguments_so_far" : "arguments");
    } else {
        json_name(out, is_open ? "text_so_far" : "text");
    }
    json_put_str(out, text_str(&part->text));
    json_close_object(out);
}

static void write_document(const struct assembly *all, struct text *out)
{
    json_open_object(out);
    json_name(out, "streamed");
    json_put_bool(out, true);
    if (all->whole.size > 0) {
        json_name(out, "response");
        json_put_raw(out, text_str(&all->whole));
    } else {
        json_name(out, "stop");
        if (all->stop.size > 0) {
            json_put_str(out, text_str(&all->stop));
        } else {
            json_put_null(out);
        }
        json_name(out, "parts");
        json_open_array(out);
        for (size_t i = 0; i < all->count; i++) {
            put_part(&all->parts[i], !all->is_done && !all->parts[i].is_closed, out);
        }
        json_close_array(out);
    }
    json_close_object(out);
}

static bool is_known(enum provider_api api)
{
    return api == PROVIDER_CHAT || api == PROVIDER_COMPLETIONS || api == PROVIDER_RESPONSES ||
           api == PROVIDER_MESSAGES;
}

/* All events; what follows the last whole one is left. */
static enum errc read_events(enum provider_api api, struct str events, struct assembly *all,
                             struct err *err)
{
    struct json_parser *parser = NULL;
    struct sse sse;
    bool has = true;
    enum errc code = ERR_OK;
    json_parser_create(&parser, EVENT_BYTES_MAX);
    sse_init(&sse);
    while (has && code == ERR_OK) {
        struct sse_event event;
        code = sse_next(&sse, &events, &event, &has, err);
        if (code == ERR_OK && has) {
            code = read_event(api, &event, parser, all, err);
        }
    }
    sse_deinit(&sse);
    json_parser_destroy(&parser);
    return code;
}

enum errc bodies_assemble(enum provider_api api, struct str events, struct text *out,
                          bool *out_whole, struct err *err)
{
    CHECK(out != NULL);
    if (!is_known(api)) {
        return err_set(err, ERR_UNSUPPORTED, "a stream of an API whose events are not known");
    }
    struct assembly all = {.parts = memory_new_array(struct part, PARTS_MAX)};
    text_init(&all.stop, TEXT_BYTES_MAX);
    text_init(&all.whole, TEXT_BYTES_MAX);
    enum errc code = read_events(api, events, &all, err);
    bool is_full = all.is_full || text_is_full(&all.whole);
    for (size_t i = 0; i < all.count; i++) {
        is_full = is_full || text_is_full(&all.parts[i].text);
    }
    if (code == ERR_OK && is_full) {
        code = err_set(err, ERR_LIMIT, "the stream has more than %d parts, or one is too large",
                       (int)PARTS_MAX);
    }
    if (code == ERR_OK) {
        text_clear(out);
        write_document(&all, out);
        *out_whole = all.is_done;
    }
    for (size_t i = 0; i < all.count; i++) {
        text_deinit(&all.parts[i].text);
        text_deinit(&all.parts[i].name);
        text_deinit(&all.parts[i].id);
    }
    text_deinit(&all.stop);
    text_deinit(&all.whole);
    memory_free(all.parts);
    return code;
}
