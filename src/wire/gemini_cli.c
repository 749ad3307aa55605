/*
 * Gemini CLI sessions: one document with all messages, or since 2026 lines, of which a message has
 * one each time it changes. Source: docs/formats.md.
 */
#include "base/check.h"
#include "wire/wire_priv.h"

/* The folder a sub-agent's file lies in is named after the session that started it. */
static struct str parent_of(struct str path)
{
    const struct str name = wire_last_component(path);
    const size_t before = path.size - name.size;
    return wire_last_component((struct str){path.data, before});
}

static bool take_metadata(struct wire_decoder *decoder, struct json node)
{
    const struct str id = json_str(json_get(node, "sessionId"));
    if (id.size == 0 || id.size > WIRE_ID_BYTES_MAX) {
        return decoder->session.size > 0;
    }
    if (decoder->session.size > 0 || decoder->full) {
        return true; /* the first stands: a resumed session goes on under its own id */
    }
    decoder->session = wire_intern(decoder, id);
    if (str_equal(json_str(json_get(node, "kind")), STR("subagent"))) {
        const struct str parent = parent_of(decoder->path);
        decoder->agent = decoder->session;
        if (parent.size > 0) {
            decoder->session = wire_intern(decoder, parent);
        }
    }
    struct session *session = wire_session(decoder, decoder->session);
    if (session != NULL) {
        session->project = wire_intern(decoder, json_str(json_get(node, "projectHash")));
    }
    return true;
}

static size_t attempt_of(struct wire_decoder *decoder)
{
    if (decoder->session.size == 0) {
        decoder->session = wire_intern(decoder, decoder->stem);
    }
    struct session *session = wire_session(decoder, decoder->session);
    return session != NULL ? wire_attempt(decoder, session) : SIZE_MAX;
}

/* cached is a part of input; tool (prompts of tool use) and thoughts are not part of the others. */
static enum errc read_tokens(struct json node, struct usage *out, struct err *err)
{
    CHECK(out != NULL);
    enum { T_INPUT, T_OUTPUT, T_CACHED, T_THOUGHTS, T_TOOL, T_COUNT };
    static const char *const names[T_COUNT] = {"input", "output", "cached", "thoughts", "tool"};
    static const char *const shown[T_COUNT] = {"tokens.input", "tokens.output", "tokens.cached",
                                               "tokens.thoughts", "tokens.tool"};
    int64_t figures[T_COUNT];
    for (int i = 0; i < T_COUNT; i++) {
        const enum errc code = wire_count(json_get(node, names[i]), shown[i], &figures[i], err);
        if (code != ERR_OK) {
            return code;
        }
    }
    const int64_t output = figures[T_OUTPUT] + figures[T_THOUGHTS];
    const int64_t input = figures[T_INPUT] - figures[T_CACHED] + figures[T_TOOL];
    if (figures[T_CACHED] > figures[T_INPUT] || output > USAGE_TOKENS_MAX ||
        input > USAGE_TOKENS_MAX) {
        return err_set(err, ERR_RANGE,
                       "tokens do not add up: input %lld, cached %lld, output %lld, thoughts %lld",
                       (long long)figures[T_INPUT], (long long)figures[T_CACHED],
                       (long long)figures[T_OUTPUT], (long long)figures[T_THOUGHTS]);
    }
    out->counts[USAGE_INPUT_UNCACHED] = input;
    out->counts[USAGE_CACHE_READ] = figures[T_CACHED];
    out->counts[USAGE_OUTPUT] = output;
    out->counts[USAGE_REQUESTS] = 1;
    out->reasoning = figures[T_THOUGHTS];
    return ERR_OK;
}

/* [{"functionResponse": {"response": {"output": "…"}}}]: bytes of all, text of the first. */
static struct str result_text(struct json result, int64_t *out_bytes, struct fingerprints *prints)
{
    if (json_kind(result) != JSON_ARRAY) {
        const struct str text = wire_content(result, out_bytes);
        fingerprints_add(prints, text);
        return text;
    }
    struct str first = {0};
    int64_t total = 0;
    struct json_cursor cursor = json_iter(result);
    struct json part;
    while (json_next(&cursor, NULL, &part)) {
        const struct json response = json_path(part, "functionResponse.response");
        struct str text = json_str(json_get(response, "output"));
        text = text.data != NULL ? text : json_str(json_get(response, "error"));
        text = text.data != NULL ? text : json_str(json_get(part, "text"));
        text = text.data != NULL ? text : json_str(part);
        fingerprints_add(prints, text);
        total += (int64_t)text.size;
        first = first.size > 0 ? first : text;
    }
    *out_bytes = total;
    return first;
}

static enum step_status status_of(struct str status, struct str text)
{
    if (str_equal(status, STR("success"))) {
        const size_t at = str_find(text, STR("Exit Code: "));
        const bool failed = at != SIZE_MAX && at + 11 < text.size && text.data[at + 11] != '0' &&
                            text.data[at + 11] != '(';
        return failed ? STATUS_ERROR : STATUS_OK;
    }
    if (str_equal(status, STR("error"))) {
        return STATUS_ERROR;
    }
    const bool refused = str_equal(status, STR("cancelled")) &&
                         (wire_contains(text, "did not allow") || wire_contains(text, "declined"));
    return refused ? STATUS_REJECTED : STATUS_INTERRUPTED;
}

static void take_tool(struct wire_decoder *decoder, struct str caller, size_t attempt,
                      int64_t sequence, struct json call)
{
    CHECK(caller.size > 0);
    CHECK(sequence > 0);
    char buffer[WIRE_ID_BYTES_MAX];
    const struct str identity = wire_identity(buffer, "tool:", json_str(json_get(call, "id")));
    const struct str name = json_str(json_get(call, "name"));
    if (identity.size == 0 || name.size == 0) {
        wire_reject(decoder, decoder->line, "message %lld: a tool call without id and name",
                    (long long)sequence);
        return;
    }
    size_t index = wire_step_find(decoder, identity);
    if (index != SIZE_MAX && !decoder->extras.rows[index].awaits) {
        return;
    }
    if (index == SIZE_MAX) {
        index = wire_step_new(decoder, attempt, STEP_TOOL, identity);
        if (index == SIZE_MAX) {
            return;
        }
        decoder->extras.rows[index].unit = wire_unit_open(decoder);
        decoder->extras.rows[index].awaits = true;
        const struct json args = json_get(call, "args");
        struct step *step = wire_step(decoder, index);
        step->name = wire_intern(decoder, name);
        step->caller = caller;
        step->agent = decoder->agent;
        step->sequence = sequence;
        step->effect = wire_effect(name);
        step->started_ns = wire_time(json_get(call, "timestamp"));
        wire_text_begin(decoder);
        wire_arguments_json(step, args, &decoder->prints);
        wire_text_end(decoder, index, TEXT_USE);
        if (str_equal(name, STR("run_shell_command"))) {
            wire_command(decoder, index, json_str(json_get(args, "command")));
        }
    }
    if (decoder->full) {
        return;
    }
    const struct str status = json_str(json_get(call, "status"));
    const bool is_over = str_equal(status, STR("success")) || str_equal(status, STR("error")) ||
                         str_equal(status, STR("cancelled"));
    int64_t bytes = 0;
    wire_text_begin(decoder);
    const struct str text = result_text(json_get(call, "result"), &bytes, &decoder->prints);
    struct step *step = wire_step(decoder, index);
    step->status = status_of(status, text);
    step->result_bytes = bytes;
    if (is_over) {
        wire_text_end(decoder, index, TEXT_RESULT);
        step = wire_step(decoder, index);
        step->ended_ns = wire_end(step->started_ns, wire_time(json_get(call, "timestamp")));
        if (step->status == STATUS_OK) {
            wire_command_result(decoder, index, text);
        } else {
            step->note = wire_shorten(decoder, text, WIRE_NOTE_BYTES_MAX);
        }
        decoder->extras.rows[index].awaits = false;
        wire_step_close(decoder, index);
    }
}

/* What it said and thought. */
static void take_words(struct wire_decoder *decoder, size_t step, struct json message)
{
    CHECK(step < decoder->trace.steps.count);
    wire_text_content(decoder, step, TEXT_USE, json_get(message, "content"));
    struct json_cursor cursor = json_iter(json_get(message, "thoughts"));
    struct json thought;
    while (json_next(&cursor, NULL, &thought)) {
        wire_text(decoder, step, TEXT_USE, json_str(json_get(thought, "description")));
    }
}

static void take_answer(struct wire_decoder *decoder, struct json message, struct str id,
                        int64_t sequence)
{
    CHECK(id.size > 0);
    const struct json tokens = json_get(message, "tokens");
    const bool has_tokens = json_kind(tokens) == JSON_OBJECT;
    const struct json calls = json_get(message, "toolCalls");
    struct step reading = {.kind = STEP_LLM, .agent = decoder->agent};
    struct err err;
    reading.model = json_str(json_get(message, "model"));
    if (!has_tokens && reading.model.size == 0) {
        decoder->ignored++; /* written by the program, such as a summary */
        return;
    }
    if (has_tokens && read_tokens(tokens, &reading.usage, &err) != ERR_OK) {
        wire_reject(decoder, decoder->line, "message %lld: %s", (long long)sequence, err.text);
        return;
    }
    char buffer[WIRE_ID_BYTES_MAX];
    const struct str identity = wire_identity(buffer, "gemini:", id);
    if (identity.size == 0) {
        wire_reject(decoder, decoder->line, "message %lld: its id is too long",
                    (long long)sequence);
        return;
    }
    reading.attempt_index = attempt_of(decoder);
    reading.sequence = sequence;
    reading.line = decoder->line;
    reading.started_ns = wire_time(json_get(message, "timestamp"));
    reading.ended_ns = reading.started_ns;
    reading.has_usage = has_tokens;
    reading.nameless = decoder->session;
    reading.provider = wire_starts_with(reading.model, "gemini") ? STR("google") : STR("");
    bool is_kept = false;
    const size_t index = wire_take_reading(decoder, identity, &reading, &is_kept);
    if (is_kept && has_tokens) {
        const struct str raw = wire_copy(decoder, wire_minify(decoder, tokens));
        wire_step(decoder, index)->raw_usage = raw;
    }
    if (index != SIZE_MAX && !decoder->full) {
        take_words(decoder, index, message);
    }
    struct json_cursor cursor = json_iter(calls);
    struct json call;
    while (!decoder->full && json_kind(calls) == JSON_ARRAY && json_next(&cursor, NULL, &call)) {
        const struct str caller = wire_step(decoder, index)->identity;
        take_tool(decoder, caller, reading.attempt_index, sequence, call);
    }
}

static void take_message(struct wire_decoder *decoder, struct json message, int64_t sequence)
{
    char buffer[WIRE_ID_BYTES_MAX];
    const struct str type = json_str(json_get(message, "type"));
    const struct str id = json_str(json_get(message, "id"));
    if (json_kind(message) != JSON_OBJECT || id.size == 0 || type.size == 0) {
        wire_reject(decoder, decoder->line, "message %lld: no id and type", (long long)sequence);
    } else if (str_equal(type, STR("gemini"))) {
        take_answer(decoder, message, id, sequence);
    } else if (str_equal(type, STR("error"))) {
        const struct str identity = wire_identity(buffer, "error:", id);
        const size_t attempt = attempt_of(decoder);
        if (identity.size == 0 || decoder->full || wire_step_find(decoder, identity) != SIZE_MAX) {
            return;
        }
        int64_t bytes;
        const struct str text = wire_content(json_get(message, "content"), &bytes);
        const struct str note = wire_shorten(decoder, text, WIRE_NOTE_BYTES_MAX);
        const size_t index = wire_step_new(decoder, attempt, STEP_AGENT, identity);
        if (index != SIZE_MAX) {
            struct step *step = wire_step(decoder, index);
            step->name = STR("api error");
            step->status = STATUS_ERROR;
            step->agent = decoder->agent;
            step->sequence = sequence;
            step->note = note;
            step->started_ns = wire_time(json_get(message, "timestamp"));
            step->ended_ns = step->started_ns;
        }
    } else {
        decoder->ignored++;
    }
}

static void take_messages(struct wire_decoder *decoder, struct json messages, int64_t base)
{
    struct json_cursor cursor = json_iter(messages);
    struct json message;
    for (int64_t i = 0; !decoder->full && json_next(&cursor, NULL, &message); i++) {
        take_message(decoder, message, base > 0 ? base : i + 1);
    }
}

static void gemini_document(struct wire_decoder *decoder, struct json root)
{
    const struct json messages = json_get(root, "messages");
    if (!take_metadata(decoder, root) || json_kind(messages) != JSON_ARRAY) {
        wire_reject(decoder, 0, "not a session: no sessionId and messages");
        return;
    }
    decoder->trace.lines++;
    take_messages(decoder, messages, 0);
}

static void gemini_record(struct wire_decoder *decoder, struct json root)
{
    const struct json update = json_get(root, "$set");
    if (json_kind(update) == JSON_OBJECT) {
        (void)take_metadata(decoder, update);
        if (json_kind(json_get(update, "messages")) == JSON_ARRAY) {
            take_messages(decoder, json_get(update, "messages"), decoder->line);
        }
    } else if (json_str(json_get(root, "id")).size > 0) {
        take_message(decoder, root, decoder->line);
    } else if (json_str(json_get(root, "sessionId")).size > 0) {
        (void)take_metadata(decoder, root);
        if (json_kind(json_get(root, "messages")) == JSON_ARRAY) {
            take_messages(decoder, json_get(root, "messages"), decoder->line);
        }
    } else if (json_str(json_get(root, "$rewindTo")).size > 0) {
        decoder->ignored++; /* what was rewound was paid for */
    } else {
        wire_reject(decoder, decoder->line, "neither a message nor session metadata");
    }
}

static void gemini_load(struct wire_decoder *decoder, struct json state)
{
    decoder->session = wire_intern(decoder, json_str(json_get(state, "session")));
    decoder->agent = wire_intern(decoder, json_str(json_get(state, "agent")));
    wire_sessions_load(decoder, json_get(state, "sessions"));
}

static void gemini_save(struct wire_decoder *decoder, const void *state, struct text *out)
{
    CHECK(state == NULL);
    wire_save(out, "session", decoder->session);
    wire_save(out, "agent", decoder->agent);
    wire_sessions_save(decoder, out);
}

const struct wire_ops wire_gemini_cli = {
    .name = "gemini-cli",
    .program = "gemini-cli",
    .record = gemini_record,
    .document = gemini_document,
    .load = gemini_load,
    .save = gemini_save,
};
