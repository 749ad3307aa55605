/* Codex CLI: the items of a response and what tools answered. */
#include "base/check.h"
#include "wire/codex_priv.h"

enum { HEAD_BYTES_MAX = 400 }; /* of an output: where the exit code stands */

/* An item the model wrote: the first of a response opens it. */
static void join_response(struct wire_decoder *decoder, int64_t time_ns)
{
    CHECK(decoder->codex->has_meta);
    struct codex *codex = decoder->codex;
    if (codex->in_response && codex->answered) {
        codex_end_response(decoder, NULL, STATUS_OK); /* its token_count never came */
    }
    if (codex->in_response || decoder->full) {
        codex->ended_ns = time_ns != TIME_UNKNOWN ? time_ns : codex->ended_ns;
        return;
    }
    struct codex *before = arena_new(decoder->arena, struct codex, 1);
    if (before == NULL) {
        decoder->full = true;
        return;
    }
    *before = *codex;
    codex->place =
        (struct unit){.offset = decoder->offset, .line = decoder->line - 1, .state = before};
    codex->unit = wire_unit_open_at(decoder, &codex->place);
    codex->in_response = !decoder->full;
    codex->answered = false;
    codex->searches = 0;
    codex->step_first = decoder->trace.steps.count;
    codex->text_first = decoder->trace.texts.count;
    codex->line = decoder->line;
    codex->started_ns = time_ns;
    codex->ended_ns = time_ns;
}

/* A new tool step of the response, or SIZE_MAX when it was seen. */
static size_t add_tool(struct wire_decoder *decoder, struct str id, struct str name,
                       int64_t time_ns)
{
    CHECK(decoder->full || decoder->codex->in_response);
    char buffer[WIRE_ID_BYTES_MAX];
    const struct str identity = wire_identity(buffer, "tool:", id);
    if (identity.size == 0 || name.size == 0) {
        wire_reject(decoder, decoder->line, "a tool call without call_id and name");
        return SIZE_MAX;
    }
    const size_t attempt = codex_attempt(decoder);
    if (decoder->full || wire_step_find(decoder, identity) != SIZE_MAX) {
        return SIZE_MAX;
    }
    const size_t index = wire_step_new(decoder, attempt, STEP_TOOL, identity);
    if (index != SIZE_MAX) {
        struct step *step = wire_step(decoder, index);
        step->name = wire_intern(decoder, name);
        step->agent = decoder->codex->agent;
        step->status = STATUS_INTERRUPTED; /* until its result is seen */
        step->effect = wire_effect(name);
        step->started_ns = time_ns;
        decoder->extras.rows[index].unit = wire_unit_open_at(decoder, &decoder->codex->place);
        decoder->extras.rows[index].awaits = true;
    }
    return index;
}

/* ["bash", "-lc", "script"] -> the script; other arrays are joined by spaces. */
static struct str join_command(struct wire_decoder *decoder, struct json command)
{
    if (json_kind(command) != JSON_ARRAY) {
        return json_str(command);
    }
    struct json_cursor cursor = json_iter(command);
    struct json word;
    struct str flag = {0};
    text_clear(&decoder->scratch);
    for (int i = 0; json_next(&cursor, NULL, &word); i++) {
        if (i == 2 && wire_starts_with(flag, "-") && str_ends_with(flag, STR("c"))) {
            return json_str(word);
        }
        flag = json_str(word);
        text_add(&decoder->scratch, flag);
        text_char(&decoder->scratch, ' ');
    }
    return text_str(&decoder->scratch);
}

static bool is_shell(struct str name)
{
    static const char *const shells[] = {"exec_command", "shell",          "shell_command",
                                         "local_shell",  "container.exec", "unified_exec"};
    for (size_t i = 0; i < COUNT_OF(shells); i++) {
        if (str_equal(name, str_from(shells[i]))) {
            return true;
        }
    }
    return false;
}

/* The arguments are JSON in a string. Parsing them ends the record's nodes. */
static void read_shell_arguments(struct wire_decoder *decoder, size_t index, struct str arguments)
{
    CHECK(index < decoder->trace.steps.count);
    struct text *scratch = &decoder->scratch;
    text_clear(scratch);
    text_add(scratch, arguments);
    text_repeat(scratch, '\0', JSON_PADDING);
    struct json root;
    struct err err;
    if (text_is_full(scratch) ||
        json_parse(decoder->parser, (struct str){scratch->data, arguments.size},
                   arguments.size + JSON_PADDING, &root, &err) != ERR_OK) {
        return; /* the model's mistake: the tool will have said so */
    }
    const struct json command = json_get(root, "cmd");
    wire_command(decoder, index,
                 join_command(decoder, json_kind(command) != JSON_ABSENT
                                           ? command
                                           : json_get(root, "command")));
}

static void take_call(struct wire_decoder *decoder, struct json item, const char *arguments_name,
                      int64_t time_ns)
{
    const struct str name = json_str(json_get(item, "name"));
    const struct str arguments = json_str(json_get(item, arguments_name));
    const size_t index = add_tool(decoder, json_str(json_get(item, "call_id")), name, time_ns);
    if (index != SIZE_MAX && !decoder->full) {
        wire_arguments(wire_step(decoder, index), arguments);
        wire_text(decoder, index, TEXT_USE, arguments);
        if (is_shell(name)) {
            read_shell_arguments(decoder, index, arguments);
        }
    }
}

static void take_local_shell(struct wire_decoder *decoder, struct json item, int64_t time_ns)
{
    struct str id = json_str(json_get(item, "call_id"));
    id = id.size > 0 ? id : json_str(json_get(item, "id"));
    const size_t index = add_tool(decoder, id, STR("local_shell"), time_ns);
    if (index != SIZE_MAX && !decoder->full) {
        const struct str command = join_command(decoder, json_path(item, "action.command"));
        wire_arguments(wire_step(decoder, index), command);
        wire_text(decoder, index, TEXT_USE, command);
        wire_command(decoder, index, command);
    }
}

/* Tools the provider runs: they have no result line. */
static void take_hosted(struct wire_decoder *decoder, struct json item, struct str type,
                        int64_t time_ns)
{
    struct str id = json_str(json_get(item, "id"));
    if (id.size == 0) {
        id = wire_format_copy(decoder, "codex:" STR_FORMAT ":%lld", STR_ARG(decoder->codex->thread),
                              (long long)decoder->line);
    }
    const struct json action = json_get(item, "action");
    const struct str action_type = json_str(json_get(action, "type"));
    if (str_equal(type, STR("web_search_call")) &&
        (action_type.size == 0 || str_equal(action_type, STR("search")))) {
        decoder->codex->searches++;
    }
    const size_t index = decoder->full ? SIZE_MAX : add_tool(decoder, id, type, time_ns);
    if (index != SIZE_MAX && !decoder->full) {
        struct step *step = wire_step(decoder, index);
        const struct str status = json_str(json_get(item, "status"));
        step->status = str_equal(status, STR("failed")) ? STATUS_ERROR : STATUS_OK;
        step->ended_ns = time_ns;
        wire_text_begin(decoder);
        wire_arguments_json(step, action, &decoder->prints);
        wire_text_end(decoder, index, TEXT_USE);
        wire_step_close(decoder, index);
    }
}

/* The number behind `label`, or -1. */
static int64_t number_after(struct str text, const char *label)
{
    const size_t at = str_find(text, str_from(label));
    if (at == SIZE_MAX) {
        return -1;
    }
    struct str rest = {text.data + at + strlen(label), text.size - at - strlen(label)};
    int64_t value = 0;
    size_t digits = 0;
    rest = str_trim(rest);
    while (digits < rest.size && digits < 9 && rest.data[digits] >= '0' &&
           rest.data[digits] <= '9') {
        value = value * 10 + (rest.data[digits++] - '0');
    }
    return digits > 0 ? value : -1;
}

static int64_t exit_code_of(struct str text)
{
    const struct str head = {text.data, text.size < HEAD_BYTES_MAX ? text.size : HEAD_BYTES_MAX};
    int64_t code = number_after(head, "Process exited with code ");
    code = code >= 0 ? code : number_after(head, "Exit code: ");
    return code >= 0 || !wire_starts_with(text, "{") ? code : number_after(text, "\"exit_code\":");
}

static void end_tool(struct wire_decoder *decoder, size_t index, enum step_status status,
                     struct str output, int64_t time_ns)
{
    CHECK(status < STATUS_COUNT);
    struct step *step = wire_step(decoder, index);
    step->ended_ns = wire_end(step->started_ns, time_ns);
    step->status = status;
    if (status == STATUS_OK) {
        wire_command_result(decoder, index, output);
    } else if (status == STATUS_ERROR && output.size > 0) {
        step->note = wire_shorten(decoder, output, WIRE_NOTE_BYTES_MAX);
    }
}

static void take_output(struct wire_decoder *decoder, struct json item, int64_t time_ns)
{
    char buffer[WIRE_ID_BYTES_MAX];
    const struct str id = json_str(json_get(item, "call_id"));
    const struct str identity = wire_identity(buffer, "tool:", id);
    const size_t index = wire_step_find(decoder, identity);
    if (identity.size == 0 || index == SIZE_MAX) {
        decoder->ignored++;
        return;
    }
    struct json output = json_get(item, "output");
    const bool failed = !json_bool(json_get(output, "success"), true);
    output = json_kind(output) == JSON_OBJECT ? json_get(output, "content") : output;
    int64_t bytes;
    const struct str text = wire_content(output, &bytes);
    wire_step(decoder, index)->result_bytes = bytes;
    wire_text_content(decoder, index, TEXT_RESULT, output);
    decoder->extras.rows[index].awaits = false;
    if (decoder->extras.rows[index].unit == SIZE_MAX || decoder->extras.rows[index].told) {
        wire_step_close(decoder, index); /* an event has told how it ended */
        return;
    }
    const int64_t exit_code = exit_code_of(text);
    enum step_status status = failed || exit_code > 0 ? STATUS_ERROR : STATUS_OK;
    const struct str head = {text.data, text.size < HEAD_BYTES_MAX ? text.size : HEAD_BYTES_MAX};
    if (wire_contains(head, "rejected by user")) {
        status = STATUS_REJECTED;
    } else if (wire_starts_with(head, "aborted")) {
        status = STATUS_INTERRUPTED;
    }
    if (wire_contains(head, "Process running with session ID")) {
        struct step *step = wire_step(decoder, index); /* it goes on: its end event will tell */
        step->ended_ns = wire_end(step->started_ns, time_ns);
        step->status = STATUS_OK;
        return;
    }
    end_tool(decoder, index, status, text, time_ns);
    wire_step_close(decoder, index);
}

void codex_tool_end(struct wire_decoder *decoder, struct json event, int64_t time_ns)
{
    CHECK(decoder->codex->has_meta);
    char buffer[WIRE_ID_BYTES_MAX];
    const struct str identity =
        wire_identity(buffer, "tool:", json_str(json_get(event, "call_id")));
    const size_t index = wire_step_find(decoder, identity);
    const struct str type = json_str(json_get(event, "type"));
    if (identity.size == 0 || index == SIZE_MAX || decoder->extras.rows[index].unit == SIZE_MAX) {
        decoder->ignored++;
        return;
    }
    struct str output = json_str(json_get(event, "aggregated_output"));
    output = output.size > 0 ? output : json_str(json_get(event, "stdout"));
    enum step_status status = STATUS_OK;
    if (str_equal(type, STR("exec_command_end"))) {
        status = json_int64(json_get(event, "exit_code"), 0) != 0 ? STATUS_ERROR : STATUS_OK;
    } else if (str_equal(type, STR("mcp_tool_call_end"))) {
        const bool failed = json_kind(json_path(event, "result.Err")) != JSON_ABSENT;
        status = failed ? STATUS_ERROR : STATUS_OK;
    } else if (str_equal(type, STR("patch_apply_end"))) {
        status = json_bool(json_get(event, "success"), true) ? STATUS_OK : STATUS_ERROR;
    } else {
        decoder->ignored++;
        return;
    }
    if (str_equal(json_str(json_get(event, "status")), STR("declined"))) {
        status = STATUS_REJECTED;
    }
    end_tool(decoder, index, status, output, time_ns);
    decoder->extras.rows[index].told = true;
    if (!decoder->extras.rows[index].awaits) {
        wire_step_close(decoder, index);
    }
}

void codex_item(struct wire_decoder *decoder, struct json item, int64_t time_ns)
{
    CHECK(decoder->codex->has_meta);
    const struct str type = json_str(json_get(item, "type"));
    const bool is_message = str_equal(type, STR("message"));
    const bool is_assistant =
        is_message && str_equal(json_str(json_get(item, "role")), STR("assistant"));
    const bool is_output = str_ends_with(type, STR("_output"));
    const bool is_call = str_ends_with(type, STR("_call"));
    if (is_assistant || is_call || str_equal(type, STR("reasoning"))) {
        join_response(decoder, time_ns);
    } else if (is_message || is_output) {
        decoder->codex->answered = true;
    } else {
        decoder->ignored++;
    }
    if (decoder->full) {
        return;
    }
    if (is_output) {
        take_output(decoder, item, time_ns);
    } else if (str_equal(type, STR("function_call"))) {
        take_call(decoder, item, "arguments", time_ns);
    } else if (str_equal(type, STR("custom_tool_call"))) {
        take_call(decoder, item, "input", time_ns);
    } else if (str_equal(type, STR("local_shell_call"))) {
        take_local_shell(decoder, item, time_ns);
    } else if (is_call) {
        take_hosted(decoder, item, type, time_ns);
    } else if (is_assistant) { /* whose step is known when the response is over */
        wire_text_content(decoder, SIZE_MAX, TEXT_USE, json_get(item, "content"));
    } else if (str_equal(type, STR("reasoning"))) {
        wire_text_content(decoder, SIZE_MAX, TEXT_USE, json_get(item, "summary"));
        wire_text_content(decoder, SIZE_MAX, TEXT_USE, json_get(item, "content"));
    }
}
