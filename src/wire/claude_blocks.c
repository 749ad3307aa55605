/* claude_blocks: what a message is made of: texts, tools that are called, and their results. */
#include "base/check.h"
#include "wire/claude_priv.h"

static bool is_tool_use(struct str type)
{
    return str_equal(type, STR("tool_use")) || str_ends_with(type, STR("_tool_use"));
}

static void add_tool(struct wire_decoder *decoder, const struct claude_record *record,
                     size_t caller, struct json block)
{
    CHECK(caller < decoder->trace.steps.count);
    char buffer[WIRE_ID_BYTES_MAX];
    const struct str identity = wire_identity(buffer, "tool:", json_str(json_get(block, "id")));
    const struct str name = json_str(json_get(block, "name"));
    if (identity.size == 0 || name.size == 0) {
        wire_reject(decoder, decoder->line, "a tool_use block without id and name");
        return;
    }
    if (wire_step_find(decoder, identity) != SIZE_MAX) {
        return;
    }
    const struct step from = *wire_step(decoder, caller);
    const size_t index = wire_step_new(decoder, from.attempt_index, STEP_TOOL, identity);
    if (index == SIZE_MAX) {
        return;
    }
    const struct json input = json_get(block, "input");
    struct step *step = wire_step(decoder, index);
    step->status = STATUS_INTERRUPTED; /* until its result is seen */
    step->caller = from.identity;
    step->agent = record->agent;
    step->name = wire_intern(decoder, name);
    step->started_ns = record->time_ns;
    step->effect = wire_effect(name);
    wire_text_begin(decoder);
    wire_arguments_json(step, input, &decoder->prints);
    wire_text_end(decoder, index, TEXT_USE);
    if (str_equal(name, STR("Bash"))) {
        wire_command(decoder, index, json_str(json_get(input, "command")));
    }
    decoder->extras.rows[index].unit = wire_unit_open(decoder);
}

static void take_result(struct wire_decoder *decoder, const struct claude_record *record,
                        struct json block)
{
    char buffer[WIRE_ID_BYTES_MAX];
    const struct str id = json_str(json_get(block, "tool_use_id"));
    const struct str identity = wire_identity(buffer, "tool:", id);
    const size_t index = wire_step_find(decoder, identity);
    if (identity.size == 0 || index == SIZE_MAX) {
        decoder->ignored++;
        return;
    }
    struct step *step = wire_step(decoder, index);
    if (decoder->extras.rows[index].unit == SIZE_MAX) {
        return; /* its result is known */
    }
    const struct json content = json_get(block, "content");
    const struct str text = wire_content(content, &step->result_bytes);
    wire_text_content(decoder, index, TEXT_RESULT, content);
    step->ended_ns = wire_end(step->started_ns, record->time_ns);
    if (json_bool(json_get(block, "is_error"), false)) {
        const bool refused = wire_starts_with(text, "The user doesn't want");
        const bool stopped = wire_starts_with(text, "[Request interrupted by user");
        step->status = STATUS_ERROR;
        step->status = refused ? STATUS_REJECTED : step->status;
        step->status = stopped ? STATUS_INTERRUPTED : step->status;
        step->note = wire_shorten(decoder, text, WIRE_NOTE_BYTES_MAX);
    } else if (json_bool(json_get(record->fields[CLAUDE_RESULT], "interrupted"), false)) {
        step->status = STATUS_INTERRUPTED;
    } else {
        step->status = STATUS_OK;
        wire_command_result(decoder, index, text);
    }
    wire_step_close(decoder, index);
}

void claude_blocks(struct wire_decoder *decoder, const struct claude_record *record, size_t caller,
                   struct json content)
{
    if (json_kind(content) != JSON_ARRAY) {
        return;
    }
    struct json_cursor cursor = json_iter(content);
    struct json block;
    while (json_next(&cursor, NULL, &block) && !decoder->full) {
        const struct str type = json_str(json_get(block, "type"));
        if (caller != SIZE_MAX && is_tool_use(type)) {
            add_tool(decoder, record, caller, block);
        } else if (str_equal(type, STR("tool_result")) ||
                   str_ends_with(type, STR("_tool_result"))) {
            take_result(decoder, record, block);
        } else if (caller != SIZE_MAX) {
            const bool thinks = str_equal(type, STR("thinking"));
            wire_text(decoder, caller, TEXT_USE,
                      json_str(json_get(block, thinks ? "thinking" : "text")));
        }
    }
}
