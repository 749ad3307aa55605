/* A log record -> a step, when it is an event of a program that is known, or of the GenAI
 * conventions. Content (prompts, answers) is never looked at. */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "wire/otlp_priv.h"

struct event {
    struct str name;
    unsigned dialect;
    struct otlp_place place;
    struct step step;
    const struct decision *decision; /* NULL: none is told */
    char buffer[WIRE_ID_BYTES_MAX];
};

/* Something that happened, told by nothing but its content: the same bytes are the same event. */
static struct str content_identity(struct otlp *otlp, struct event *event, const char *prefix)
{
    const uint64_t attributes = otlp_attributes_hash(&otlp->attributes);
    const int64_t at_ns = otlp->record.ended_ns;
    const struct hash128 hash = hash128_of(
        (struct str){(const char *)&attributes, sizeof attributes},
        (struct str){(const char *)&otlp->batch.source->hash, sizeof otlp->batch.source->hash},
        (struct str){(const char *)&at_ns, sizeof at_ns}, event->name);
    const int size = snprintf(event->buffer, sizeof event->buffer, "%s%016llx%016llx", prefix,
                              (unsigned long long)hash.high, (unsigned long long)hash.low);
    CHECK(size > 0);
    return (struct str){event->buffer, (size_t)size};
}

static void add(struct otlp *otlp, struct event *event, struct str identity)
{
    identity = identity.size > 0 ? identity : content_identity(otlp, event, "event:");
    if (event->decision != NULL) {
        otlp_step_decision(event->decision, &event->step);
    }
    otlp_add_step(otlp, identity, &event->step, &event->place);
}

/* The record's time is when it ended. */
static void set_times(struct otlp *otlp, struct step *step)
{
    const struct otlp_record *const record = &otlp->record;
    const int64_t ended_ns = record->ended_ns;
    int64_t took_ms = 0;
    step->started_ns = ended_ns;
    step->ended_ns = ended_ns;
    if (ended_ns != TIME_UNKNOWN && otlp_has(otlp, OTLP_ROLE_DURATION_MS)) {
        const struct otlp_value *const value = &otlp->slots[OTLP_ROLE_DURATION_MS].attribute->value;
        double number = 0;
        if (otlp_integer(value, &took_ms)) {
            step->started_ns = ended_ns - took_ms * 1000000;
        } else if (otlp_number(value, &number) && number > 0 && number < 1e9) {
            step->started_ns = ended_ns - (int64_t)(number * 1e6);
        }
        if (otlp_time((uint64_t)step->started_ns) == TIME_UNKNOWN) {
            step->started_ns = ended_ns;
        }
    }
}

static void set_error(struct otlp *otlp, struct step *step)
{
    struct str told = otlp_text(otlp, OTLP_ROLE_ERROR_TYPE);
    int64_t code = 0;
    const bool has_code =
        otlp_has(otlp, OTLP_ROLE_STATUS_CODE) &&
        otlp_integer(&otlp->slots[OTLP_ROLE_STATUS_CODE].attribute->value, &code) && code > 0;
    told.size = told.size < WIRE_NOTE_BYTES_MAX / 2 ? told.size : WIRE_NOTE_BYTES_MAX / 2;
    if (has_code) {
        step->note = wire_format_copy(otlp->rows, "status %lld", (long long)code);
    }
    if (told.size > 0) {
        char text[WIRE_NOTE_BYTES_MAX];
        const struct str clean = otlp_intern(otlp, told);
        const int size = snprintf(text, sizeof text, STR_FORMAT, STR_ARG(clean));
        CHECK(size >= 0);
        otlp_step_note(otlp, step, text);
    }
    int64_t attempt = 0;
    if (otlp_has(otlp, OTLP_ROLE_ATTEMPT_NUMBER) &&
        otlp_integer(&otlp->slots[OTLP_ROLE_ATTEMPT_NUMBER].attribute->value, &attempt) &&
        attempt > 1) {
        char text[40];
        const int size = snprintf(text, sizeof text, "attempt %lld", (long long)attempt);
        CHECK(size > 0);
        otlp_step_note(otlp, step, text);
    }
}

static void take_call(struct otlp *otlp, struct event *event)
{
    struct step *const step = &event->step;
    step->kind = STEP_LLM;
    otlp_step_model(otlp, step);
    if (event->dialect == OTLP_DIALECT_CLAUDE && step->provider.size == 0 &&
        wire_starts_with(step->model, "claude")) {
        step->provider = STR("anthropic");
    }
    otlp_usage(otlp, event->dialect, step);
    const struct str identity = otlp_call_identity(otlp, event->dialect, event->buffer);
    if (identity.size == 0 && event->dialect != OTLP_DIALECT_CLAUDE) {
        step->nameless = STR("?"); /* its session is known in the end */
    }
    if (event->dialect == OTLP_DIALECT_CLAUDE) {
        step->alias = otlp_intern(otlp, otlp_text(otlp, OTLP_ROLE_RESPONSE_ID));
    }
    add(otlp, event, identity);
}

/* A copy of an inference span's attributes: the same call as the span. */
static void take_details(struct otlp *otlp, struct event *event)
{
    const struct otlp_record *const record = &otlp->record;
    if (str_equal(event->place.source->service, STR("gemini-cli"))) {
        otlp->batch.counts.ignored++; /* it tells the same call as gemini_cli.api_response */
        return;
    }
    struct step *const step = &event->step;
    step->kind = otlp_kind(otlp);
    if (step->kind != STEP_LLM) {
        otlp->batch.counts.ignored++;
        return;
    }
    otlp_step_model(otlp, step);
    otlp_usage(otlp, OTLP_DIALECT_ANY, step);
    step->status = otlp_has(otlp, OTLP_ROLE_ERROR_TYPE) ? STATUS_ERROR : STATUS_OK;
    struct str identity = otlp_call_identity(otlp, OTLP_DIALECT_ANY, event->buffer);
    if (identity.size == 0 && record->trace.size > 0 && record->span.size > 0) {
        identity = otlp_span_identity(record, event->buffer);
    }
    add(otlp, event, identity);
}

static void take_completed(struct otlp *otlp, struct event *event)
{
    if (str_equal(otlp_text(otlp, OTLP_ROLE_EVENT_KIND), STR("response.completed")) &&
        otlp_has(otlp, OTLP_ROLE_INPUT)) {
        take_call(otlp, event);
    } else {
        otlp->batch.counts.ignored++;
    }
}

static void take_error(struct otlp *otlp, struct event *event)
{
    struct step *const step = &event->step;
    step->kind = STEP_AGENT;
    step->status = STATUS_ERROR;
    step->name = STR("api error");
    set_error(otlp, step);
    add(otlp, event, (struct str){0});
}

/* codex.api_request is every request; only those that failed are more than the call itself. */
static void take_request(struct otlp *otlp, struct event *event)
{
    enum { HTTP_ERROR_MIN = 400 };
    int64_t code = 0;
    const bool has_failed =
        otlp_has(otlp, OTLP_ROLE_ERROR_TYPE) ||
        (otlp_has(otlp, OTLP_ROLE_STATUS_CODE) &&
         otlp_integer(&otlp->slots[OTLP_ROLE_STATUS_CODE].attribute->value, &code) &&
         code >= HTTP_ERROR_MIN);
    if (has_failed) {
        take_error(otlp, event);
    } else {
        otlp->batch.counts.ignored++;
    }
}

/* "git_commit_id" in tool_parameters, where the program was told to log it: evidence of work. */
static void take_commit(struct otlp *otlp, const struct event *event)
{
    enum { HASH_BYTES_MIN = 7, HASH_BYTES_MAX = 64 };
    const struct json parameters = otlp_details(otlp, OTLP_ROLE_ARGUMENTS);
    const struct str commit = json_str(json_get(parameters, "git_commit_id"));
    if (commit.size < HASH_BYTES_MIN || commit.size > HASH_BYTES_MAX || otlp->rows->full) {
        return;
    }
    const struct outcome outcome = {
        .id = wire_format_copy(otlp->rows, "git:" STR_FORMAT, STR_ARG(commit)),
        .status = OUTCOME_CANDIDATE,
        .effective_ns = event->step.ended_ns,
        .recorded_ns = TIME_UNKNOWN,
        .source = STR("git commit"),
        .reference = otlp_intern(otlp, commit),
        .line = otlp->rows->line,
    };
    const size_t at =
        otlp->rows->full ? SIZE_MAX : arena_push(otlp->rows->arena, &otlp->batch.outcomes);
    if (at == SIZE_MAX) {
        otlp->rows->full = true;
        return;
    }
    otlp->batch.outcomes.rows[at] = (struct otlp_outcome_row){outcome, event->place};
}

static void take_tool(struct otlp *otlp, struct event *event)
{
    struct step *const step = &event->step;
    step->kind = STEP_TOOL;
    otlp_step_tool(otlp, step);
    if (otlp_is_refusal(otlp_text(otlp, OTLP_ROLE_DECISION))) {
        step->status = STATUS_REJECTED;
    } else if (!otlp_flag(otlp, OTLP_ROLE_SUCCESS, true)) {
        step->status = STATUS_ERROR;
        set_error(otlp, step);
    } else if (event->dialect == OTLP_DIALECT_CLAUDE) {
        take_commit(otlp, event);
    }
    add(otlp, event, wire_identity(event->buffer, "tool:", otlp_text(otlp, OTLP_ROLE_CALL_ID)));
}

static void take_decision(struct otlp *otlp, struct event *event)
{
    struct step *const step = &event->step;
    const struct str source = otlp_text(otlp, OTLP_ROLE_SOURCE);
    struct str decision = otlp_text(otlp, OTLP_ROLE_DECISION);
    decision.size = decision.size < 40 ? decision.size : 40;
    step->kind = source.size >= 4 && str_equal_fold((struct str){source.data, 4}, STR("user"))
                     ? STEP_HUMAN
                     : STEP_DECISION;
    step->status = otlp_is_refusal(decision) ? STATUS_REJECTED : STATUS_OK;
    step->name = otlp_intern(otlp, otlp_text(otlp, OTLP_ROLE_TOOL));
    step->note = otlp_intern(otlp, decision);
    const struct str id = otlp_text(otlp, OTLP_ROLE_CALL_ID);
    add(otlp, event, wire_identity(event->buffer, "decision:", id));
}

/* A record that is nothing but a decision. */
static void take_choice(struct otlp *otlp, struct event *event)
{
    event->step.kind = otlp_decision_kind(event->decision);
    event->step.status = otlp_has(otlp, OTLP_ROLE_ERROR_TYPE) ? STATUS_ERROR : STATUS_OK;
    if (otlp_has(otlp, OTLP_ROLE_HUMAN_MS)) {
        (void)otlp_integer(&otlp->slots[OTLP_ROLE_HUMAN_MS].attribute->value,
                           &event->step.human_ms);
    }
    add(otlp, event, (struct str){0});
}

static void take_compaction(struct otlp *otlp, struct event *event)
{
    int64_t tokens = 0;
    event->step.kind = STEP_AGENT;
    event->step.name = STR("compaction");
    if (otlp_has(otlp, OTLP_ROLE_TOKENS_BEFORE) &&
        otlp_integer(&otlp->slots[OTLP_ROLE_TOKENS_BEFORE].attribute->value, &tokens)) {
        event->step.note = wire_format_copy(otlp->rows, "%lld tokens before", (long long)tokens);
    }
    add(otlp, event, (struct str){0});
}

static void take_evaluation(struct otlp *otlp, struct event *event)
{
    struct step *const step = &event->step;
    double score = 0;
    struct str label = otlp_text(otlp, OTLP_ROLE_SCORE_LABEL);
    label.size = label.size < 40 ? label.size : 40;
    step->kind = STEP_GUARD;
    step->name = otlp_intern(otlp, otlp_text(otlp, OTLP_ROLE_EVALUATION));
    step->status = otlp_has(otlp, OTLP_ROLE_ERROR_TYPE) ? STATUS_ERROR : STATUS_OK;
    if (otlp_has(otlp, OTLP_ROLE_SCORE) &&
        otlp_number(&otlp->slots[OTLP_ROLE_SCORE].attribute->value, &score)) {
        step->note = wire_format_copy(otlp->rows, "score %g", score);
    }
    if (label.size > 0) {
        char text[64];
        const struct str clean = otlp_intern(otlp, label);
        const int size = snprintf(text, sizeof text, STR_FORMAT, STR_ARG(clean));
        CHECK(size >= 0);
        otlp_step_note(otlp, step, text);
    }
    add(otlp, event, (struct str){0});
}

static const struct {
    unsigned dialect;
    struct str name;
    void (*take)(struct otlp *otlp, struct event *event);
} events[] = {
    {OTLP_DIALECT_CLAUDE, STR_STATIC("api_request"), take_call},
    {OTLP_DIALECT_CLAUDE, STR_STATIC("api_error"), take_error},
    {OTLP_DIALECT_CLAUDE, STR_STATIC("api_refusal"), take_error},
    {OTLP_DIALECT_CLAUDE, STR_STATIC("tool_result"), take_tool},
    {OTLP_DIALECT_CLAUDE, STR_STATIC("tool_decision"), take_decision},
    {OTLP_DIALECT_CODEX, STR_STATIC("codex.sse_event"), take_completed},
    {OTLP_DIALECT_CODEX, STR_STATIC("codex.api_request"), take_request},
    {OTLP_DIALECT_CODEX, STR_STATIC("codex.tool_result"), take_tool},
    {OTLP_DIALECT_CODEX, STR_STATIC("codex.tool_decision"), take_decision},
    {OTLP_DIALECT_GEMINI, STR_STATIC("gemini_cli.api_response"), take_call},
    {OTLP_DIALECT_GEMINI, STR_STATIC("gemini_cli.api_error"), take_error},
    {OTLP_DIALECT_GEMINI, STR_STATIC("gemini_cli.tool_call"), take_tool},
    {OTLP_DIALECT_GEMINI, STR_STATIC("gemini_cli.chat_compression"), take_compaction},
    {OTLP_DIALECT_ANY, STR_STATIC("gen_ai.client.inference.operation.details"), take_details},
    {OTLP_DIALECT_ANY, STR_STATIC("gen_ai.evaluation.result"), take_evaluation},
};

/* The event's name: a field of its own, an attribute, or, of older programs, the body. */
static struct str event_name(const struct otlp *otlp)
{
    const struct str told = otlp_text(otlp, OTLP_ROLE_EVENT_NAME);
    if (told.size > 0) {
        return told;
    }
    return otlp->record.name.size > 0 ? otlp->record.name : otlp->record.body;
}

static unsigned event_dialect(const struct otlp *otlp, struct str *name)
{
    const struct str service = otlp->batch.source->service;
    if (wire_starts_with(*name, "claude_code.")) {
        name->data += strlen("claude_code.");
        name->size -= strlen("claude_code.");
        return OTLP_DIALECT_CLAUDE;
    }
    if (wire_starts_with(otlp->record.body, "claude_code.") ||
        wire_starts_with(otlp->scope, "com.anthropic.claude_code") ||
        str_equal(service, STR("claude-code"))) {
        return OTLP_DIALECT_CLAUDE;
    }
    if (wire_starts_with(*name, "codex.")) {
        return OTLP_DIALECT_CODEX;
    }
    return wire_starts_with(*name, "gemini_cli.") ? OTLP_DIALECT_GEMINI : OTLP_DIALECT_ANY;
}

void otlp_take_event(struct otlp *otlp)
{
    CHECK(otlp->batch.source != NULL);
    struct otlp_record *const record = &otlp->record;
    if (record->ended_ns == TIME_UNKNOWN) {
        record->ended_ns = record->started_ns; /* when it was observed */
    }
    otlp_roles(otlp, &otlp->attributes, OTLP_DIALECT_ANY);
    struct event event = {.name = event_name(otlp)};
    event.dialect = event_dialect(otlp, &event.name);
    if (event.dialect != OTLP_DIALECT_ANY) {
        otlp_roles(otlp, &otlp->attributes, event.dialect | OTLP_DIALECT_ANY);
    }
    size_t at = 0;
    while (at < COUNT_OF(events) &&
           !((events[at].dialect == event.dialect || events[at].dialect == OTLP_DIALECT_ANY) &&
             str_equal(events[at].name, event.name))) {
        at++;
    }
    const bool has_outcome = otlp_tells_outcome(otlp);
    const struct decision *const decision = otlp_decision(otlp);
    if (at == COUNT_OF(events) && !has_outcome && decision == NULL) {
        otlp->batch.counts.ignored++;
        return;
    }
    event.place = otlp_place_of(otlp, false);
    if (has_outcome) {
        otlp_add_outcome(otlp, &event.place, record->ended_ns);
    }
    if (at < COUNT_OF(events) || decision != NULL) {
        event.step = (struct step){
            .channel = CHANNEL_LOG_EVENT,
            .name = otlp_intern(otlp, event.name),
            .agent = otlp_intern(otlp, otlp_text(otlp, OTLP_ROLE_AGENT)),
        };
        set_times(otlp, &event.step);
        event.decision = decision;
        (at < COUNT_OF(events) ? events[at].take : take_choice)(otlp, &event);
    }
}

bool otlp_begin_span_event(struct otlp *otlp)
{
    CHECK(otlp != NULL);
    otlp->attributes.count = 0;
    return otlp->is_check || (otlp->has_span_place && !otlp->rows->full);
}

/* As a log record of the same name, time and attributes is taken: the two are one. */
void otlp_take_span_event(struct otlp *otlp, struct str name, int64_t at_ns)
{
    CHECK(otlp->has_span_place || otlp->is_check);
    struct otlp_record *const record = &otlp->record;
    if (otlp->is_check) {
        return;
    }
    otlp_roles(otlp, &otlp->attributes, OTLP_DIALECT_ANY);
    struct event event = {.decision = otlp_decision(otlp), .place = otlp->span_place};
    if (event.decision == NULL) {
        return;
    }
    const int64_t span_ended_ns = record->ended_ns;
    record->name = name;
    record->ended_ns = at_ns != TIME_UNKNOWN ? at_ns : span_ended_ns;
    event.name = event_name(otlp);
    event.step = (struct step){
        .channel = CHANNEL_SPAN,
        .name = otlp_intern(otlp, event.name),
        .agent = otlp_intern(otlp, otlp_text(otlp, OTLP_ROLE_AGENT)),
    };
    set_times(otlp, &event.step);
    take_choice(otlp, &event);
    record->ended_ns = span_ended_ns; /* for the next event */
}
