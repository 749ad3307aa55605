#include "wire/call_record.h"

#include <stdio.h>

#include "base/check.h"
#include "base/hash.h"
#include "wire/record_members_priv.h"
#include "wire/refusal_record.h"
#include "wire/wire_priv.h"

enum { VERSION = 1 };

static const char *const usage_names[USAGE_COUNT] = {
#define X(name, column, text) [USAGE_##name] = #column,
    USAGE_CLASSES(X)
#undef X
};

static void put_count(struct text *out, const char *name, int64_t value)
{
    if (value != 0) {
        record_put_number(out, name, value);
    }
}

static void put_usage(const struct call_record *record, struct text *out)
{
    json_name(out, "usage");
    json_open_object(out);
    for (int i = 0; i < USAGE_COUNT; i++) {
        put_count(out, usage_names[i], record->usage.counts[i]);
    }
    put_count(out, "reasoning", record->usage.reasoning);
    json_close_object(out);
    record_put_text(out, "raw_usage", record->raw_usage);
    put_count(out, "estimated", record->is_estimated ? 1 : 0);
}

void call_record_write(const struct call_record *record, struct text *out)
{
    CHECK(record->request.size > 0);
    CHECK(record->identity.size > 0);
    CHECK(record->case_id.size > 0);
    CHECK(record->attempt.size > 0);
    json_open_object(out);
    record_put_number(out, "v", VERSION);
    record_put_text(out, "request", record->request);
    put_count(out, "try", record->try_number);
    record_put_text(out, "identity", record->identity);
    record_put_text(out, "alias", record->alias);
    record_put_text(out, "workflow", record->workflow);
    record_put_text(out, "case", record->case_id);
    put_count(out, "is_session", record->is_session ? 1 : 0);
    put_count(out, "is_program", record->is_program ? 1 : 0);
    record_put_text(out, "attempt", record->attempt);
    put_count(out, "has_attempt", record->has_attempt ? 1 : 0);
    put_count(out, "attempt_number", record->attempt_number);
    record_put_text(out, "input_key", record->input_key);
    record_put_text(out, "agent", record->agent);
    record_put_text(out, "team", record->team);
    record_put_text(out, "user", record->user);
    record_put_text(out, "key", record->key);
    record_put_text(out, "session", record->session);
    record_put_text(out, "trace", record->trace);
    record_put_text(out, "provider", record->provider);
    record_put_text(out, "model", record->model);
    record_put_number(out, "started_ns", record->started_ns);
    record_put_number(out, "ended_ns", record->ended_ns);
    put_count(out, "status", record->status);
    put_count(out, "is_uncharged", record->is_uncharged ? 1 : 0);
    put_count(out, "tier", record->tier);
    record_put_text(out, "region", record->region);
    record_put_text(out, "reason", record->reason);
    if (record->has_usage) {
        put_usage(record, out);
    }
    if (record->has_cost) {
        char id[17];
        const int size = snprintf(id, sizeof id, "%016llx", (unsigned long long)record->price_id);
        record_put_number(out, "cost_pusd", record->cost_pusd);
        record_put_text(out, "price", (struct str){id, (size_t)size});
    }
    json_close_object(out);
}

/* What was told, if anything, stays; queries know the rest by how it begins. */
static struct str estimated(struct str told, struct arena *arena, bool *io_full)
{
    struct text text;
    text_init(&text, 2 * (size_t)CALL_RECORD_BYTES_MAX);
    text_format(&text, CALL_RECORD_ESTIMATED STR_FORMAT "}",
                STR_ARG(told.size > 0 ? told : STR("null")));
    const struct str copy = arena_copy(arena, text_str(&text));
    text_deinit(&text);
    *io_full = *io_full || copy.data == NULL;
    return copy;
}

static void read_usage(struct json root, struct step *step, struct arena *arena, bool *io_full)
{
    const struct json usage = json_get(root, "usage");
    if (json_kind(usage) != JSON_OBJECT) {
        return;
    }
    step->has_usage = true;
    for (int i = 0; i < USAGE_COUNT; i++) {
        step->usage.counts[i] = record_count(usage, usage_names[i], USAGE_TOKENS_MAX);
    }
    step->usage.reasoning = record_count(usage, "reasoning", step->usage.counts[USAGE_OUTPUT]);
    step->raw_usage = record_text(root, "raw_usage", arena, io_full);
    step->is_estimated = record_count(root, "estimated", 1) != 0;
    if (step->is_estimated) {
        step->raw_usage = estimated(step->raw_usage, arena, io_full);
    }
}

/* A price of 16 hexadecimal digits: JSON's numbers do not hold it. */
static void read_cost(struct json root, struct step *step)
{
    const struct str digits = json_str(json_get(root, "price"));
    const int64_t cost_pusd = json_int64(json_get(root, "cost_pusd"), -1);
    uint64_t id = 0;
    if (digits.size != 16 || cost_pusd < 0 || !step->has_usage) {
        return;
    }
    for (size_t i = 0; i < digits.size; i++) {
        const char c = digits.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return;
        }
        id = id << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    step->has_price = id != 0;
    step->priced_pusd = cost_pusd;
    step->price_id = id;
}

/* How well the call's case is known. */
static int told_of(struct json root)
{
    int told = 0;
    if (json_str(json_get(root, "workflow")).size > 0) {
        told |= record_count(root, "is_program", 1) != 0
                    ? (int)TOLD_BY_RULE << TOLD_HINT
                    : (int)TOLD_BY_SPANS << TOLD_WORKFLOW | (int)TOLD_AT_CALL_WORKFLOW;
    }
    if (record_count(root, "is_session", 1) == 0) {
        told |= (int)TOLD_BY_SPANS << TOLD_CASE | (int)TOLD_AT_CALL_CASE;
    }
    if (record_count(root, "has_attempt", 1) != 0) {
        told |= (int)TOLD_BY_SPANS << TOLD_ATTEMPT | (int)TOLD_AT_CALL_ATTEMPT;
    }
    if (json_str(json_get(root, "session")).size > 0) {
        told |= (int)TOLD_BY_SPANS << TOLD_SESSION;
    }
    const int settled = TOLD_AT_CALL_WORKFLOW | TOLD_AT_CALL_CASE;
    const bool is_loose = json_str(json_get(root, "trace")).size > 0 && (told & settled) != settled;
    return is_loose ? told | (int)TOLD_LOOSE : told;
}

static void read_step(struct json root, struct arena *arena, struct trace *out, bool *io_full)
{
    struct step step = {
        .kind = record_count(root, "is_uncharged", 1) != 0 ? STEP_AGENT : STEP_LLM,
        .status = (enum step_status)record_count(root, "status", STATUS_COUNT - 1),
        .identity = record_text(root, "identity", arena, io_full),
        .alias = record_text(root, "alias", arena, io_full),
        .name = STR("gateway"),
        .sequence = record_count(root, "try", INT32_MAX),
        .started_ns = json_int64(json_get(root, "started_ns"), TIME_UNKNOWN),
        .ended_ns = json_int64(json_get(root, "ended_ns"), TIME_UNKNOWN),
        .has_channel = true,
        .channel = CHANNEL_GATEWAY,
        .provider = record_text(root, "provider", arena, io_full),
        .model = record_text(root, "model", arena, io_full),
        .tier = (enum service_tier)record_count(root, "tier", TIER_COUNT - 1),
        .region = record_text(root, "region", arena, io_full),
        .note = record_text(root, "reason", arena, io_full),
        .told = told_of(root),
    };
    const struct str session = json_str(json_get(root, "session"));
    const struct str trace = json_str(json_get(root, "trace"));
    step.sender = session.size > 0 ? hash64_of(STR("session"), session) : 0;
    step.trace_key = trace.size > 0 ? hash64(trace) : 0;
    if (session.size > 0 && wire_starts_with(json_str(json_get(root, "agent")), "codex")) {
        /* its events name no response */
        step.nameless = record_text(root, "session", arena, io_full);
    }
    read_usage(root, &step, arena, io_full);
    read_cost(root, &step);
    const size_t at = arena_push(arena, &out->steps);
    if (at == SIZE_MAX) {
        *io_full = true;
        return;
    }
    step.attempt_index = out->attempts.count - 1;
    out->steps.rows[at] = step;
}

enum errc call_record_read(struct json_parser *parser, struct str bytes, struct arena *arena,
                           struct trace *out, struct err *err)
{
    CHECK(arena != NULL);
    struct json root;
    bool is_full = false;
    const enum errc code = json_parse(parser, bytes, bytes.size, &root, err);
    if (code != ERR_OK) {
        return code;
    }
    if (refusal_record_is(root)) {
        return refusal_record_read(root, arena, out, err);
    }
    const int64_t version = json_int64(json_get(root, "v"), 0);
    if (version > VERSION) {
        return err_set(err, ERR_UNSUPPORTED, "a call recorded by a newer version of bursar (%lld)",
                       (long long)version);
    }
    if (version < 1 || !record_is_whole(root)) {
        return err_set(err, ERR_SYNTAX, "not the record of a call");
    }
    record_case(root, arena, out, &is_full);
    const size_t at = is_full ? SIZE_MAX : arena_push(arena, &out->attempts);
    if (at == SIZE_MAX) {
        return err_set(err, ERR_LIMIT, "a call's record does not fit");
    }
    out->attempts.rows[at] = (struct attempt){
        .case_index = out->cases.count - 1,
        .id = record_text(root, "attempt", arena, &is_full),
        .number = record_count(root, "attempt_number", INT32_MAX),
        .agent = record_text(root, "agent", arena, &is_full),
    };
    read_step(root, arena, out, &is_full);
    return is_full ? err_set(err, ERR_LIMIT, "a call's record does not fit") : ERR_OK;
}
