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
    CHECK(!decoder->codex->has_meta);
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
    CHECK(decoder->codex->has_meta);
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

/* Cached and written input are parts of the input, reasoning is a part of the output. */
static enum errc split_usage(const int64_t call[static T_COUNT], struct usage *out, struct err *err)
{
    CHECK(call[T_CACHED] >= 0);
    CHECK(out != NULL);
    if (call[T_CACHED] > call[T_INPUT]) {
        return err_set(err, ERR_RANGE, "%lld cached of %lld input tokens",
                       (long long)call[T_CACHED], (long long)call[T_INPUT]);
    }
    for (int i = 0; i < T_TOTAL; i++) {
        if (call[i] > USAGE_TOKENS_MAX) {
            return err_set(err, ERR_RANGE, "%s is %lld, above %lld for one call",
                           codex_total_names[i], (long long)call[i], (long long)USAGE_TOKENS_MAX);
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
    CHECK(decoder->codex->has_meta);
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
    if (codex_totals(total_node, "total_token_usage", totals, &err) != ERR_OK ||
        codex_totals(last_node, "last_token_usage", last, &err) != ERR_OK) {
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
    call.nameless = codex->thread;
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
        wire_texts_join(decoder, codex->text_first, index);
        wire_unit_close(decoder, codex->unit);
        codex->in_response = false;
    }
    codex->searches = 0;
    codex->answered = false;
}

static void add_event(struct wire_decoder *decoder, const char *name, enum step_status status,
                      struct str note, int64_t time_ns)
{
    CHECK(name != NULL);
    CHECK(decoder->codex->has_meta);
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
    CHECK(decoder->codex != NULL);
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

const struct wire_ops wire_codex = {
    .name = "codex",
    .program = "codex",
    .record = codex_record,
    .finish = codex_finish,
    .load = codex_load,
    .save = codex_save,
};
