/*
 * Codex CLI rollouts, one record a line. A response is the run of items up to its token_count
 * event, whose last_token_usage is the call's usage; totals that did not move are no call.
 * Source: docs/formats.md.
 */
#include "wire/codex_priv.h"

#include "base/check.h"
#include "base/clock.h"

/* Copied lines are stamped as fast as they are written; no model answers that fast. */
#define REPLAY_GAP_NS (CLOCK_NS_PER_SECOND / 4)
/* A session's running total; far beyond any, far below an overflow. */
#define TOTAL_MAX INT64_C(1000000000000000)

static const char *const total_names[T_COUNT] = {
    [T_INPUT] = "input_tokens",
    [T_CACHED] = "cached_input_tokens",
    [T_WRITTEN] = "cache_write_input_tokens",
    [T_OUTPUT] = "output_tokens",
    [T_REASONING] = "reasoning_output_tokens",
    [T_TOTAL] = "total_tokens",
};

static struct codex *codex_of(struct wire_decoder *decoder)
{
    if (decoder->codex == NULL && !decoder->full) {
        decoder->codex = arena_new(decoder->arena, struct codex, 1);
        decoder->full = decoder->codex == NULL;
    }
    return decoder->codex;
}

/* "rollout-2026-05-11T11-26-55-<uuid>" -> the uuid; any other name stands for itself. */
static struct str thread_of_name(struct str stem)
{
    enum { UUID_SIZE = 36, STAMP_SIZE = 28 };
    if (wire_starts_with(stem, "rollout-") && stem.size == STAMP_SIZE + UUID_SIZE) {
        return (struct str){stem.data + STAMP_SIZE, UUID_SIZE};
    }
    return stem;
}

static bool name_thread(struct wire_decoder *decoder, struct str thread)
{
    struct codex *codex = decoder->codex;
    thread = thread.size > 0 ? thread : thread_of_name(decoder->stem);
    if (thread.size == 0 || thread.size > WIRE_ID_BYTES_MAX / 2) {
        wire_reject(decoder, decoder->line, "no session id, and none in the file's name");
        return false;
    }
    codex->has_meta = true;
    codex->thread = wire_intern(decoder, thread);
    codex->session = codex->thread;
    return true;
}

size_t codex_attempt(struct wire_decoder *decoder)
{
    struct session *session = wire_session(decoder, decoder->codex->session);
    return session != NULL ? wire_attempt(decoder, session) : SIZE_MAX;
}

static void take_meta(struct wire_decoder *decoder, struct json payload, int64_t time_ns)
{
    struct codex *codex = decoder->codex;
    const struct str id = json_str(json_get(payload, "id"));
    if (codex->has_meta) {
        /* An ancestor's: what stands between is its copied history. */
        if (!str_equal(id, codex->thread) && decoder->trace.steps.count == 0) {
            codex->replaying = true;
            codex->replayed_ns = time_ns;
        }
        return;
    }
    if (!name_thread(decoder, id)) {
        return;
    }
    const struct json spawned = json_path(payload, "source.subagent");
    struct str parent = json_str(json_path(spawned, "thread_spawn.parent_thread_id"));
    parent = parent.size > 0 ? parent : json_str(json_get(payload, "parent_thread_id"));
    const bool is_forked = json_str(json_get(payload, "forked_from_id")).size > 0;
    if (parent.size > 0 || json_kind(spawned) != JSON_ABSENT) {
        const struct str root = json_str(json_get(payload, "session_id"));
        const bool has_root = root.size > 0 && !str_equal(root, codex->thread);
        parent = has_root ? root : parent;
        codex->agent = codex->thread;
        if (parent.size > 0 && parent.size <= WIRE_ID_BYTES_MAX) {
            codex->session = wire_intern(decoder, parent);
        }
    }
    codex->replaying = is_forked || parent.size > 0;
    codex->replayed_ns = time_ns;
    codex->provider = wire_intern(decoder, json_str(json_get(payload, "model_provider")));
    struct session *session = wire_session(decoder, codex->session);
    if (session != NULL) {
        const struct str directory = wire_last_component(json_str(json_get(payload, "cwd")));
        session->project = wire_intern(decoder, directory);
        session->branch = wire_intern(decoder, json_str(json_path(payload, "git.branch")));
        session->version = wire_intern(decoder, json_str(json_get(payload, "cli_version")));
        session->entrypoint = wire_intern(decoder, json_str(json_get(payload, "originator")));
    }
}

static enum errc read_totals(struct json node, const char *name, int64_t out[static T_COUNT],
                             struct err *err)
{
    for (int i = 0; i < T_COUNT; i++) {
        const struct json figure = json_get(node, total_names[i]);
        const enum json_kind kind = json_kind(figure);
        out[i] = kind == JSON_ABSENT || kind == JSON_NULL ? 0 : json_int64(figure, -1);
        if (out[i] < 0 || out[i] > TOTAL_MAX) {
            return err_set(err, ERR_RANGE, "%s.%s is not a count", name, total_names[i]);
        }
    }
    return ERR_OK;
}

/* Cached and written input are parts of the input, reasoning is a part of the output. */
static enum errc split_usage(const int64_t call[static T_COUNT], struct usage *out, struct err *err)
{
    if (call[T_CACHED] > call[T_INPUT]) {
        return err_set(err, ERR_RANGE, "%lld cached of %lld input tokens",
                       (long long)call[T_CACHED], (long long)call[T_INPUT]);
    }
    for (int i = 0; i < T_TOTAL; i++) {
        if (call[i] > USAGE_TOKENS_MAX) {
            return err_set(err, ERR_RANGE, "%s is %lld, above %lld for one call", total_names[i],
                           (long long)call[i], (long long)USAGE_TOKENS_MAX);
        }
    }
    const int64_t fresh = call[T_INPUT] - call[T_CACHED];
    out->counts[USAGE_INPUT_UNCACHED] = fresh > call[T_WRITTEN] ? fresh - call[T_WRITTEN] : 0;
    out->counts[USAGE_CACHE_WRITE_5M] = fresh - out->counts[USAGE_INPUT_UNCACHED];
    out->counts[USAGE_CACHE_READ] = call[T_CACHED];
    out->counts[USAGE_OUTPUT] = call[T_OUTPUT];
    out->counts[USAGE_REQUESTS] = 1;
    out->reasoning = call[T_REASONING] < call[T_OUTPUT] ? call[T_REASONING] : call[T_OUTPUT];
    return ERR_OK;
}

static bool is_zero(const int64_t call[static T_COUNT])
{
    return call[T_INPUT] == 0 && call[T_CACHED] == 0 && call[T_WRITTEN] == 0 &&
           call[T_OUTPUT] == 0 && call[T_REASONING] == 0;
}

/* What this event adds. False: nothing, it repeats what is known. */
static bool call_of(struct codex *codex, bool has_totals, const int64_t totals[static T_COUNT],
                    bool has_last, int64_t last[static T_COUNT])
{
    const size_t size = sizeof codex->totals;
    bool adds;
    if (has_totals) {
        adds = !codex->has_totals || memcmp(codex->totals, totals, size) != 0;
        for (int i = 0; i < T_COUNT && !has_last; i++) {
            const bool restarts = !codex->has_totals || totals[T_TOTAL] < codex->totals[T_TOTAL];
            last[i] =
                restarts || totals[i] < codex->totals[i] ? totals[i] : totals[i] - codex->totals[i];
        }
        memcpy(codex->totals, totals, size);
        codex->has_totals = true;
    } else {
        adds = memcmp(codex->last, last, size) != 0;
    }
    memcpy(codex->last, last, size);
    return adds && !is_zero(last);
}

static void take_token_count(struct wire_decoder *decoder, struct json payload, int64_t time_ns)
{
    struct codex *codex = decoder->codex;
    const struct json info = json_get(payload, "info");
    const struct json total_node = json_get(info, "total_token_usage");
    const struct json last_node = json_get(info, "last_token_usage");
    const bool has_totals = json_kind(total_node) == JSON_OBJECT;
    const bool has_last = json_kind(last_node) == JSON_OBJECT;
    int64_t totals[T_COUNT] = {0};
    int64_t last[T_COUNT] = {0};
    struct err err;
    if (!has_totals && !has_last) {
        decoder->ignored++; /* rate limits only */
        return;
    }
    struct step call = {0};
    if (read_totals(total_node, "total_token_usage", totals, &err) != ERR_OK ||
        read_totals(last_node, "last_token_usage", last, &err) != ERR_OK) {
        wire_reject(decoder, decoder->line, "%s", err.text);
        return;
    }
    if (!call_of(codex, has_totals, totals, has_last, last) || codex->replaying) {
        decoder->ignored++;
        return;
    }
    if (split_usage(last, &call.usage, &err) != ERR_OK) {
        wire_reject(decoder, decoder->line, "%s", err.text);
        return;
    }
    call.has_usage = true;
    call.identity = wire_format_copy(
        decoder, "codex:" STR_FORMAT ":%s%lld:%lld", STR_ARG(codex->thread), has_totals ? "" : "+",
        (long long)(has_totals ? totals[T_TOTAL] : last[T_TOTAL]),
        (long long)(time_ns != TIME_UNKNOWN ? time_ns : decoder->line));
    call.started_ns = codex->in_response ? codex->started_ns : time_ns;
    call.ended_ns = wire_end(call.started_ns, time_ns);
    call.line = decoder->line;
    const struct str raw = wire_minify(decoder, has_last ? last_node : total_node);
    call.raw_usage = raw.size <= WIRE_RAW_BYTES_MAX ? wire_copy(decoder, raw) : (struct str){0};
    codex_end_response(decoder, &call, STATUS_OK);
}

void codex_end_response(struct wire_decoder *decoder, struct step *call, enum step_status status)
{
    struct codex *codex = decoder->codex;
    struct step unknown = {.started_ns = codex->started_ns,
                           .ended_ns = wire_end(codex->started_ns, codex->ended_ns),
                           .line = codex->line};
    if (call == NULL) {
        CHECK(codex->in_response);
        const int64_t place = codex->started_ns != TIME_UNKNOWN ? codex->started_ns : 0;
        unknown.identity =
            wire_format_copy(decoder, "codex:" STR_FORMAT ":?%lld:%lld", STR_ARG(codex->thread),
                             (long long)codex->line, (long long)place);
        call = &unknown;
    }
    const size_t attempt = decoder->full ? SIZE_MAX : codex_attempt(decoder);
    size_t index = decoder->full ? SIZE_MAX : wire_step_find(decoder, call->identity);
    if (index == SIZE_MAX && !decoder->full) {
        index = wire_step_new(decoder, attempt, STEP_LLM, call->identity);
    }
    if (index == SIZE_MAX) {
        return;
    }
    struct step *step = wire_step(decoder, index);
    const struct str identity = step->identity;
    *step = *call;
    step->attempt_index = attempt;
    step->kind = STEP_LLM;
    step->status = status;
    step->identity = identity;
    step->sequence = call->line;
    step->agent = codex->agent;
    step->provider = codex->provider;
    step->model = codex->model;
    step->tier = codex->tier;
    step->usage.counts[USAGE_WEB_SEARCHES] = step->has_usage ? codex->searches : 0;
    if (codex->in_response) {
        for (size_t i = codex->step_first; i < decoder->trace.steps.count; i++) {
            struct step *tool = wire_step(decoder, i);
            if (tool->kind == STEP_TOOL && tool->caller.size == 0) {
                tool->caller = identity;
            }
        }
        wire_unit_close(decoder, codex->unit);
        codex->in_response = false;
    }
    codex->searches = 0;
    codex->answered = false;
}

static void add_event(struct wire_decoder *decoder, const char *name, enum step_status status,
                      struct str note, int64_t time_ns)
{
    const struct str identity = wire_format_copy(
        decoder, "%s:" STR_FORMAT ":%lld:%lld", name, STR_ARG(decoder->codex->thread),
        (long long)decoder->line, (long long)(time_ns != TIME_UNKNOWN ? time_ns : 0));
    const size_t attempt = decoder->full ? SIZE_MAX : codex_attempt(decoder);
    if (decoder->full || wire_step_find(decoder, identity) != SIZE_MAX) {
        return;
    }
    const size_t index = wire_step_new(decoder, attempt, STEP_AGENT, identity);
    if (index != SIZE_MAX) {
        const struct str kept = wire_shorten(decoder, note, WIRE_NOTE_BYTES_MAX);
        struct step *step = wire_step(decoder, index);
        step->name = str_from(name);
        step->status = status;
        step->agent = decoder->codex->agent;
        step->note = kept;
        step->started_ns = time_ns;
        step->ended_ns = time_ns;
    }
}

static void take_event(struct wire_decoder *decoder, struct json payload, int64_t time_ns)
{
    const struct str type = json_str(json_get(payload, "type"));
    struct codex *codex = decoder->codex;
    if (str_equal(type, STR("token_count"))) {
        take_token_count(decoder, payload, time_ns);
    } else if (codex->replaying) {
        decoder->ignored++;
    } else if (str_ends_with(type, STR("_end"))) {
        codex_tool_end(decoder, payload, time_ns);
    } else if (str_equal(type, STR("error")) || str_equal(type, STR("stream_error"))) {
        add_event(decoder, "api error", STATUS_ERROR, json_str(json_get(payload, "message")),
                  time_ns);
    } else if (str_equal(type, STR("turn_aborted"))) {
        if (codex->in_response) {
            codex_end_response(decoder, NULL, STATUS_INTERRUPTED);
        }
        add_event(decoder, "turn aborted", STATUS_INTERRUPTED,
                  json_str(json_get(payload, "reason")), time_ns);
    } else {
        decoder->ignored++;
    }
}

static void take_context(struct wire_decoder *decoder, struct json payload)
{
    struct codex *codex = decoder->codex;
    const struct str model = json_str(json_get(payload, "model"));
    const struct str tier = json_str(json_get(payload, "service_tier"));
    if (model.size > 0) {
        codex->model = wire_intern(decoder, model);
    }
    codex->tier = str_equal(tier, STR("fast")) ? TIER_PRIORITY : wire_tier(tier);
}

static void end_replay(struct codex *codex, int64_t time_ns)
{
    if (codex->replaying && time_ns != TIME_UNKNOWN) {
        codex->replaying =
            codex->replayed_ns == TIME_UNKNOWN || time_ns <= codex->replayed_ns + REPLAY_GAP_NS;
        if (codex->replayed_ns == TIME_UNKNOWN || time_ns > codex->replayed_ns) {
            codex->replayed_ns = time_ns;
        }
    }
}

static void codex_record(struct wire_decoder *decoder, struct json root)
{
    enum { F_TIMESTAMP, F_TYPE, F_PAYLOAD, F_COUNT };
    static const struct str names[F_COUNT] = {STR_STATIC("timestamp"), STR_STATIC("type"),
                                              STR_STATIC("payload")};
    struct json fields[F_COUNT];
    struct codex *codex = codex_of(decoder);
    if (codex == NULL) {
        return;
    }
    wire_fields(root, names, F_COUNT, fields);
    const struct str type = json_str(fields[F_TYPE]);
    const struct json payload = fields[F_PAYLOAD];
    const bool has_envelope = json_kind(payload) == JSON_OBJECT;
    const int64_t time_ns = wire_time(fields[F_TIMESTAMP]);
    if (str_equal(type, STR("session_meta")) && has_envelope) {
        take_meta(decoder, payload, time_ns);
        return;
    }
    if (!codex->has_meta && type.size == 0) { /* before the envelope the first line was the meta */
        take_meta(decoder, root, time_ns);
        return;
    }
    if (!codex->has_meta && !name_thread(decoder, (struct str){0})) {
        return;
    }
    end_replay(codex, time_ns);
    if (type.size > 0 && !has_envelope) {
        codex_item(decoder, root, time_ns);
    } else if (str_equal(type, STR("event_msg"))) {
        take_event(decoder, payload, time_ns);
    } else if (str_equal(type, STR("turn_context"))) {
        take_context(decoder, payload);
    } else if (codex->replaying) {
        decoder->ignored++;
    } else if (str_equal(type, STR("response_item"))) {
        codex_item(decoder, payload, time_ns);
    } else if (str_equal(type, STR("compacted"))) {
        add_event(decoder, "compaction", STATUS_OK, (struct str){0}, time_ns);
    } else {
        decoder->ignored++;
    }
}

static void codex_finish(struct wire_decoder *decoder, bool may_grow)
{
    if (decoder->codex != NULL && decoder->codex->in_response && !may_grow) {
        codex_end_response(decoder, NULL, STATUS_OK);
    }
}

static void codex_load(struct wire_decoder *decoder, struct json state)
{
    struct codex *codex = codex_of(decoder);
    if (codex == NULL) {
        return;
    }
    codex->thread = wire_intern(decoder, json_str(json_get(state, "thread")));
    codex->has_meta = codex->thread.size > 0;
    codex->session = wire_intern(decoder, json_str(json_get(state, "session")));
    codex->agent = wire_intern(decoder, json_str(json_get(state, "agent")));
    codex->provider = wire_intern(decoder, json_str(json_get(state, "provider")));
    codex->model = wire_intern(decoder, json_str(json_get(state, "model")));
    const int64_t tier = json_int64(json_get(state, "tier"), 0);
    codex->tier = tier > 0 && tier < TIER_COUNT ? (enum service_tier)tier : TIER_STANDARD;
    codex->replaying = json_bool(json_get(state, "replaying"), false);
    codex->replayed_ns = json_int64(json_get(state, "replayed_ns"), TIME_UNKNOWN);
    codex->has_totals = json_bool(json_get(state, "has_totals"), false);
    struct err err;
    if (read_totals(json_get(state, "totals"), "totals", codex->totals, &err) != ERR_OK ||
        read_totals(json_get(state, "last"), "last", codex->last, &err) != ERR_OK) {
        codex->has_totals = false;
    }
    wire_sessions_load(decoder, json_get(state, "sessions"));
}

static void save_totals(struct text *out, const char *name, const int64_t totals[static T_COUNT])
{
    json_name(out, name);
    json_open_object(out);
    for (int i = 0; i < T_COUNT; i++) {
        json_name(out, total_names[i]);
        json_put_int64(out, totals[i]);
    }
    json_close_object(out);
}

static void codex_save(struct wire_decoder *decoder, const void *state, struct text *out)
{
    static const struct codex empty;
    const struct codex *codex = state != NULL ? state : decoder->codex;
    codex = codex != NULL ? codex : &empty;
    const struct {
        const char *name;
        struct str value;
    } texts[] = {{"thread", codex->thread},
                 {"session", codex->session},
                 {"agent", codex->agent},
                 {"provider", codex->provider},
                 {"model", codex->model}};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        wire_save(out, texts[i].name, texts[i].value);
    }
    json_name(out, "tier");
    json_put_int64(out, codex->tier);
    json_name(out, "replaying");
    json_put_bool(out, codex->replaying);
    json_name(out, "replayed_ns");
    json_put_int64(out, codex->replayed_ns);
    json_name(out, "has_totals");
    json_put_bool(out, codex->has_totals);
    save_totals(out, "totals", codex->totals);
    save_totals(out, "last", codex->last);
    wire_sessions_save(decoder, out);
}

const struct wire_ops wire_codex = {
    .name = "codex",
    .program = "codex",
    .record = codex_record,
    .finish = codex_finish,
    .load = codex_load,
    .save = codex_save,
};
