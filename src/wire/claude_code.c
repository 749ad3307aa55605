/*
 * Claude Code session logs, one record a line. An API response is repeated on one line for each of
 * its content blocks, with usage that may still grow: it is one step, with its fullest reading.
 * Source: docs/formats.md.
 */
#include "base/check.h"
#include "wire/claude_priv.h"

static const struct str field_names[CLAUDE_COUNT] = {
    [CLAUDE_PARENT] = STR_STATIC("parentUuid"),
    [CLAUDE_SIDECHAIN] = STR_STATIC("isSidechain"),
    [CLAUDE_CWD] = STR_STATIC("cwd"),
    [CLAUDE_SESSION] = STR_STATIC("sessionId"),
    [CLAUDE_VERSION] = STR_STATIC("version"),
    [CLAUDE_BRANCH] = STR_STATIC("gitBranch"),
    [CLAUDE_AGENT] = STR_STATIC("agentId"),
    [CLAUDE_MESSAGE] = STR_STATIC("message"),
    [CLAUDE_REQUEST] = STR_STATIC("requestId"),
    [CLAUDE_TYPE] = STR_STATIC("type"),
    [CLAUDE_SUBTYPE] = STR_STATIC("subtype"),
    [CLAUDE_UUID] = STR_STATIC("uuid"),
    [CLAUDE_TIMESTAMP] = STR_STATIC("timestamp"),
    [CLAUDE_RESULT] = STR_STATIC("toolUseResult"),
    [CLAUDE_COMPACT_SUMMARY] = STR_STATIC("isCompactSummary"),
    [CLAUDE_COMPACT_METADATA] = STR_STATIC("compactMetadata"),
    [CLAUDE_API_ERROR] = STR_STATIC("isApiErrorMessage"),
    [CLAUDE_COST] = STR_STATIC("costUSD"),
    [CLAUDE_ENTRYPOINT] = STR_STATIC("entrypoint"),
    [CLAUDE_ERROR] = STR_STATIC("error"),
    [CLAUDE_PR_URL] = STR_STATIC("prUrl"),
};
_Static_assert((int)CLAUDE_COUNT <= (int)WIRE_FIELDS_MAX, "wire_fields() takes that many");

static bool read_context(struct wire_decoder *decoder, struct claude_record *record)
{
    const struct json *fields = record->fields;
    struct str id = json_str(fields[CLAUDE_SESSION]);
    id = id.size > 0 ? id : decoder->stem;
    record->session = wire_session(decoder, id);
    if (record->session == NULL) {
        if (!decoder->full) {
            wire_reject(decoder, decoder->line, "%s",
                        id.size == 0 ? "neither sessionId nor file name" : "sessionId is too long");
        }
        return false;
    }
    struct session *session = record->session;
    if (session->project.size == 0) {
        const struct str project = wire_last_component(json_str(fields[CLAUDE_CWD]));
        session->project = wire_intern(decoder, project);
    }
    if (session->branch.size == 0) {
        session->branch = wire_intern(decoder, json_str(fields[CLAUDE_BRANCH]));
    }
    if (session->version.size == 0) {
        session->version = wire_intern(decoder, json_str(fields[CLAUDE_VERSION]));
    }
    if (session->entrypoint.size == 0) {
        session->entrypoint = wire_intern(decoder, json_str(fields[CLAUDE_ENTRYPOINT]));
    }
    record->agent = wire_intern(decoder, json_str(fields[CLAUDE_AGENT]));
    if (record->agent.size == 0 && json_bool(fields[CLAUDE_SIDECHAIN], false)) {
        record->agent = STR("sidechain");
    }
    record->time_ns = wire_time(fields[CLAUDE_TIMESTAMP]);
    return !decoder->full;
}

/* A step of the agent itself, unless it was seen. */
static size_t add_event(struct wire_decoder *decoder, struct claude_record *record,
                        const char *prefix, const char *name, enum step_status status)
{
    CHECK(record->session != NULL);
    char buffer[WIRE_ID_BYTES_MAX];
    const struct str identity =
        wire_identity(buffer, prefix, json_str(record->fields[CLAUDE_UUID]));
    if (identity.size == 0) {
        wire_reject(decoder, decoder->line, "%s without a uuid", name);
        return SIZE_MAX;
    }
    if (wire_step_find(decoder, identity) != SIZE_MAX) {
        return SIZE_MAX;
    }
    const size_t attempt = wire_attempt(decoder, record->session);
    const size_t index = wire_step_new(decoder, attempt, STEP_AGENT, identity);
    if (index != SIZE_MAX) {
        struct step *step = wire_step(decoder, index);
        step->name = str_from(name);
        step->status = status;
        step->agent = record->agent;
        step->started_ns = record->time_ns;
        step->ended_ns = record->time_ns;
    }
    return index;
}

/* Lines the program wrote itself in the model's place: notices and failed calls. */
static void take_notice(struct wire_decoder *decoder, struct claude_record *record, bool is_error,
                        struct json content)
{
    CHECK(record->session != NULL);
    const size_t index = add_event(
        decoder, record, is_error ? "error:" : "notice:", is_error ? "api error" : "notice",
        is_error ? STATUS_ERROR : STATUS_OK);
    if (index != SIZE_MAX) {
        int64_t bytes;
        const struct str text = wire_content(content, &bytes);
        const struct str note = wire_shorten(decoder, text, WIRE_NOTE_BYTES_MAX);
        wire_step(decoder, index)->note = note;
    }
}

static void take_assistant(struct wire_decoder *decoder, struct claude_record *record)
{
    CHECK(record->session != NULL);
    enum { M_MODEL, M_ID, M_CONTENT, M_STOP, M_USAGE, M_COUNT };
    static const struct str names[M_COUNT] = {STR_STATIC("model"), STR_STATIC("id"),
                                              STR_STATIC("content"), STR_STATIC("stop_reason"),
                                              STR_STATIC("usage")};
    struct json message[M_COUNT];
    wire_fields(record->fields[CLAUDE_MESSAGE], names, M_COUNT, message);
    struct str identity = json_str(message[M_ID]);
    identity = identity.size > 0 ? identity : json_str(record->fields[CLAUDE_REQUEST]);
    identity = identity.size > 0 ? identity : json_str(record->fields[CLAUDE_UUID]);
    if (json_kind(record->fields[CLAUDE_MESSAGE]) != JSON_OBJECT || identity.size == 0 ||
        identity.size > WIRE_ID_BYTES_MAX) {
        wire_reject(decoder, decoder->line, "an assistant line without a message and its id");
        return;
    }
    struct step reading = {.kind = STEP_LLM,
                           .status = STATUS_OK,
                           .agent = record->agent,
                           .alias = json_str(record->fields[CLAUDE_REQUEST])};
    struct err err;
    const enum json_kind usage_kind = json_kind(message[M_USAGE]);
    if (usage_kind == JSON_OBJECT) {
        if (claude_usage(message[M_USAGE], &reading, &err) != ERR_OK) {
            wire_reject(decoder, decoder->line, "%s", err.text);
            return;
        }
    } else if (usage_kind != JSON_ABSENT && usage_kind != JSON_NULL) {
        wire_reject(decoder, decoder->line, "message.usage is not an object");
        return;
    }
    const bool failed = json_bool(record->fields[CLAUDE_API_ERROR], false);
    reading.model = json_str(message[M_MODEL]);
    if (str_equal(reading.model, STR("<synthetic>")) ||
        (failed && usage_tokens_total(&reading.usage) == 0)) {
        take_notice(decoder, record, failed, message[M_CONTENT]);
        return;
    }
    reading.status = failed ? STATUS_ERROR : STATUS_OK;
    reading.attempt_index = wire_attempt(decoder, record->session);
    reading.sequence = decoder->line;
    reading.line = decoder->line;
    reading.started_ns = record->time_ns;
    reading.ended_ns = record->time_ns;
    reading.provider = wire_starts_with(reading.model, "claude") ? STR("anthropic") : STR("");
    reading.has_reported = wire_money(record->fields[CLAUDE_COST], &reading.reported_pusd);
    if (str_equal(json_str(message[M_STOP]), STR("max_tokens"))) {
        reading.note = STR("stopped at max_tokens");
    } else if (str_equal(json_str(message[M_STOP]), STR("refusal"))) {
        reading.note = STR("refused");
    }
    bool is_kept = false;
    const size_t index = wire_take_reading(decoder, identity, &reading, &is_kept);
    if (is_kept && reading.has_usage) {
        const struct str raw = wire_raw(decoder, STR("usage"), message[M_USAGE],
                                        reading.usage.counts[USAGE_INPUT_UNCACHED],
                                        reading.usage.counts[USAGE_OUTPUT]);
        wire_step(decoder, index)->raw_usage = raw;
    }
    if (index != SIZE_MAX && !decoder->full) {
        claude_blocks(decoder, record, index, message[M_CONTENT]);
    }
}

/* A compaction is a boundary line; older programs wrote only the summary that follows it. */
static void take_compaction(struct wire_decoder *decoder, struct claude_record *record,
                            const char *name)
{
    CHECK(name != NULL);
    const size_t index = add_event(decoder, record, "compact:", name, STATUS_OK);
    decoder->compacted = wire_intern(decoder, json_str(record->fields[CLAUDE_UUID]));
    if (index != SIZE_MAX && !decoder->full) {
        const struct json metadata = record->fields[CLAUDE_COMPACT_METADATA];
        const int64_t tokens = json_int64(json_get(metadata, "preTokens"), -1);
        const struct str trigger = json_str(json_get(metadata, "trigger"));
        if (tokens >= 0) {
            const struct str note = wire_format_copy(
                decoder, "%.*s%s%lld tokens before", (int)(trigger.size < 40 ? trigger.size : 40),
                trigger.data, trigger.size > 0 ? ", " : "", (long long)tokens);
            wire_step(decoder, index)->note = note;
        }
    }
}

static void take_system(struct wire_decoder *decoder, struct claude_record *record)
{
    const struct str subtype = json_str(record->fields[CLAUDE_SUBTYPE]);
    if (str_equal(subtype, STR("compact_boundary"))) {
        take_compaction(decoder, record, "compaction");
    } else if (str_equal(subtype, STR("microcompact_boundary"))) {
        take_compaction(decoder, record, "microcompaction");
    } else if (str_equal(subtype, STR("api_error"))) {
        const size_t index = add_event(decoder, record, "error:", "api error", STATUS_ERROR);
        const int64_t status = json_int64(json_get(record->fields[CLAUDE_ERROR], "status"), 0);
        if (index != SIZE_MAX && status > 0) {
            const struct str note = wire_format_copy(decoder, "status %lld", (long long)status);
            wire_step(decoder, index)->note = note;
        }
    } else {
        decoder->ignored++;
    }
}

static void take_pull(struct wire_decoder *decoder, struct claude_record *record)
{
    CHECK(record->session != NULL);
    char buffer[WIRE_ID_BYTES_MAX];
    const struct str address = json_str(record->fields[CLAUDE_PR_URL]);
    const struct str id = wire_identity(buffer, "pr:", address);
    if (id.size == 0) {
        decoder->ignored++;
        return;
    }
    const size_t attempt = wire_attempt(decoder, record->session);
    wire_candidate(decoder, id, attempt, "pull request", address, record->time_ns);
}

static void take_record(struct wire_decoder *decoder, struct json root)
{
    struct claude_record record;
    wire_fields(root, field_names, CLAUDE_COUNT, record.fields);
    const struct str type = json_str(record.fields[CLAUDE_TYPE]);
    const bool is_assistant = str_equal(type, STR("assistant"));
    const bool is_user = str_equal(type, STR("user"));
    const bool is_system = str_equal(type, STR("system"));
    if (type.size == 0) {
        wire_reject(decoder, decoder->line, "a record without a type");
    } else if (!is_assistant && !is_user && !is_system && !str_equal(type, STR("pr-link"))) {
        decoder->ignored++;
    } else if (read_context(decoder, &record)) {
        if (is_assistant) {
            take_assistant(decoder, &record);
        } else if (is_system) {
            take_system(decoder, &record);
        } else if (!is_user) {
            take_pull(decoder, &record);
        } else if (json_bool(record.fields[CLAUDE_COMPACT_SUMMARY], false)) {
            const struct str parent = json_str(record.fields[CLAUDE_PARENT]);
            if (parent.size == 0 || !str_equal(parent, decoder->compacted)) {
                take_compaction(decoder, &record, "compaction");
            }
        } else {
            claude_blocks(decoder, &record, SIZE_MAX,
                          json_get(record.fields[CLAUDE_MESSAGE], "content"));
        }
    }
}

static void claude_load(struct wire_decoder *decoder, struct json state)
{
    decoder->compacted = wire_intern(decoder, json_str(json_get(state, "compacted")));
    wire_sessions_load(decoder, json_get(state, "sessions"));
}

static void claude_save(struct wire_decoder *decoder, const void *state, struct text *out)
{
    CHECK(state == NULL);
    wire_save(out, "compacted", decoder->compacted);
    wire_sessions_save(decoder, out);
}

const struct wire_ops wire_claude_code = {
    .name = "claude-code",
    .program = "claude-code",
    .record = take_record,
    .load = claude_load,
    .save = claude_save,
};
