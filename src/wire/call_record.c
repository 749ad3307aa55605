#include "wire/call_record.h"

#include <stdio.h>

#include "base/check.h"
#include "base/hash.h"
#include "wire/refusal_record.h"
#include "wire/wire_priv.h"

enum { VERSION = 1 };

static const char *const usage_names[USAGE_COUNT] = {
#define X(name, column, text) [USAGE_##name] = #column,
    USAGE_CLASSES(X)
#undef X
};

static void put_some(struct text *out, const char *name, struct str value)
{
    if (value.size > 0) {
        json_name(out, name);
        json_put_str(out, value);
    }
}

static void put_count(struct text *out, const char *name, int64_t value)
{
    if (value != 0) {
        json_name(out, name);
        json_put_int64(out, value);
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
    put_some(out, "raw_usage", record->raw_usage);
    put_count(out, "estimated", record->is_estimated ? 1 : 0);
}

void call_record_write(const struct call_record *record, struct text *out)
{
    CHECK(record->request.size > 0);
    CHECK(record->identity.size > 0);
    CHECK(record->case_id.size > 0);
    CHECK(record->attempt.size > 0);
    json_open_object(out);
    json_name(out, "v");
    json_put_int64(out, VERSION);
    put_some(out, "request", record->request);
    put_count(out, "try", record->try_number);
    put_some(out, "identity", record->identity);
    put_some(out, "alias", record->alias);
    put_some(out, "workflow", record->workflow);
    put_some(out, "case", record->case_id);
    put_count(out, "is_session", record->is_session ? 1 : 0);
    put_count(out, "is_program", record->is_program ? 1 : 0);
    put_some(out, "attempt", record->attempt);
    put_count(out, "has_attempt", record->has_attempt ? 1 : 0);
    put_count(out, "attempt_number", record->attempt_number);
    put_some(out, "input_key", record->input_key);
    put_some(out, "agent", record->agent);
    put_some(out, "team", record->team);
    put_some(out, "user", record->user);
    put_some(out, "key", record->key);
    put_some(out, "session", record->session);
    put_some(out, "trace", record->trace);
    put_some(out, "provider", record->provider);
    put_some(out, "model", record->model);
    json_name(out, "started_ns");
    json_put_int64(out, record->started_ns);
    json_name(out, "ended_ns");
    json_put_int64(out, record->ended_ns);
    put_count(out, "status", record->status);
    put_count(out, "is_uncharged", record->is_uncharged ? 1 : 0);
    put_count(out, "tier", record->tier);
    put_some(out, "region", record->region);
    put_some(out, "reason", record->reason);
    if (record->has_usage) {
        put_usage(record, out);
    }
    if (record->has_cost) {
        char id[17];
        const int size = snprintf(id, sizeof id, "%016llx", (unsigned long long)record->price_id);
        json_name(out, "cost_pusd");
        json_put_int64(out, record->cost_pusd);
        put_some(out, "price", (struct str){id, (size_t)size});
    }
    json_close_object(out);
}

/* A member's text, owned by the arena; sets *io_full when there is no room. */
static struct str take(struct json root, const char *name, struct arena *arena, bool *io_full)
{
    const struct str text = json_str(json_get(root, name));
    if (text.size == 0) {
        return (struct str){0};
    }
    const struct str copy = arena_copy(arena, text);
    *io_full = *io_full || copy.data == NULL;
    return copy;
}

static int64_t count_of(struct json root, const char *name, int64_t high)
{
    const int64_t value = json_int64(json_get(root, name), 0);
    return value < 0 ? 0 : value > high ? high : value;
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
        step->usage.counts[i] = count_of(usage, usage_names[i], USAGE_TOKENS_MAX);
    }
    step->usage.reasoning = count_of(usage, "reasoning", step->usage.counts[USAGE_OUTPUT]);
    step->raw_usage = take(root, "raw_usage", arena, io_full);
    step->is_estimated = count_of(root, "estimated", 1) != 0;
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

static void read_case(struct json root, struct arena *arena, struct trace *out, bool *io_full)
{
    static const char *const names[] = {"team", "user", "key"};
    struct trace_case row = {
        .workflow = take(root, "workflow", arena, io_full),
        .id = take(root, "case", arena, io_full),
        .input_key = take(root, "input_key", arena, io_full),
        .is_session = count_of(root, "is_session", 1) != 0,
    };
    struct attribute *attributes = arena_new(arena, struct attribute, COUNT_OF(names));
    *io_full = *io_full || attributes == NULL;
    for (size_t i = 0; i < COUNT_OF(names) && attributes != NULL; i++) {
        const struct str value = take(root, names[i], arena, io_full);
        if (value.size > 0) {
            attributes[row.attribute_count++] = (struct attribute){str_from(names[i]), value};
        }
    }
    row.attributes = attributes;
    const size_t at = arena_push(arena, &out->cases);
    if (at == SIZE_MAX) {
        *io_full = true;
        return;
    }
    out->cases.rows[at] = row;
}

/* How well the call's case is known. */
static int told_of(struct json root)
{
    int told = 0;
    if (json_str(json_get(root, "workflow")).size > 0) {
        told |= count_of(root, "is_program", 1) != 0
                    ? (int)TOLD_BY_RULE << TOLD_HINT
                    : (int)TOLD_BY_SPANS << TOLD_WORKFLOW | (int)TOLD_AT_CALL_WORKFLOW;
    }
    if (count_of(root, "is_session", 1) == 0) {
        told |= (int)TOLD_BY_SPANS << TOLD_CASE | (int)TOLD_AT_CALL_CASE;
    }
    if (count_of(root, "has_attempt", 1) != 0) {
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
        .kind = count_of(root, "is_uncharged", 1) != 0 ? STEP_AGENT : STEP_LLM,
        .status = (enum step_status)count_of(root, "status", STATUS_COUNT - 1),
        .identity = take(root, "identity", arena, io_full),
        .alias = take(root, "alias", arena, io_full),
        .name = STR("gateway"),
        .sequence = count_of(root, "try", INT32_MAX),
        .started_ns = json_int64(json_get(root, "started_ns"), TIME_UNKNOWN),
        .ended_ns = json_int64(json_get(root, "ended_ns"), TIME_UNKNOWN),
        .has_channel = true,
        .channel = CHANNEL_GATEWAY,
        .provider = take(root, "provider", arena, io_full),
        .model = take(root, "model", arena, io_full),
        .tier = (enum service_tier)count_of(root, "tier", TIER_COUNT - 1),
        .region = take(root, "region", arena, io_full),
        .note = take(root, "reason", arena, io_full),
        .told = told_of(root),
    };
    const struct str session = json_str(json_get(root, "session"));
    const struct str trace = json_str(json_get(root, "trace"));
    step.sender = session.size > 0 ? hash64_of(STR("session"), session) : 0;
    step.trace_key = trace.size > 0 ? hash64(trace) : 0;
    if (session.size > 0 && wire_starts_with(json_str(json_get(root, "agent")), "codex")) {
        step.nameless = take(root, "session", arena, io_full); /* its events name no response */
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
    if (version < 1 || json_str(json_get(root, "case")).size == 0 ||
        json_str(json_get(root, "attempt")).size == 0 ||
        json_str(json_get(root, "identity")).size == 0) {
        return err_set(err, ERR_SYNTAX, "not the record of a call");
    }
    read_case(root, arena, out, &is_full);
    const size_t at = is_full ? SIZE_MAX : arena_push(arena, &out->attempts);
    if (at == SIZE_MAX) {
        return err_set(err, ERR_LIMIT, "a call's record does not fit");
    }
    out->attempts.rows[at] = (struct attempt){
        .case_index = out->cases.count - 1,
        .id = take(root, "attempt", arena, &is_full),
        .number = count_of(root, "attempt_number", INT32_MAX),
        .agent = take(root, "agent", arena, &is_full),
    };
    read_step(root, arena, out, &is_full);
    return is_full ? err_set(err, ERR_LIMIT, "a call's record does not fit") : ERR_OK;
}
