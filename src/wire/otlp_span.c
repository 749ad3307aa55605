/* A span -> a step, by the words of whatever convention it follows. */
#include <stdio.h>

#include "base/check.h"
#include "base/hash.h"
#include "wire/otlp_priv.h"

struct word {
    struct str word;
    enum step_kind kind;
};

/* gen_ai.operation.name. "tool_call" and "llm_call" are Gemini CLI's. What only frames or collects
 * others is STEP_AGENT: its usage is a sum of theirs. */
static const struct word operations[] = {
    {STR_STATIC("chat"), STEP_LLM},
    {STR_STATIC("generate_content"), STEP_LLM},
    {STR_STATIC("text_completion"), STEP_LLM},
    {STR_STATIC("completion"), STEP_LLM},
    {STR_STATIC("embeddings"), STEP_LLM},
    {STR_STATIC("embedding"), STEP_LLM},
    {STR_STATIC("llm_call"), STEP_LLM},
    {STR_STATIC("execute_tool"), STEP_TOOL},
    {STR_STATIC("tool_call"), STEP_TOOL},
    {STR_STATIC("create_memory"), STEP_TOOL},
    {STR_STATIC("update_memory"), STEP_TOOL},
    {STR_STATIC("upsert_memory"), STEP_TOOL},
    {STR_STATIC("delete_memory"), STEP_TOOL},
    {STR_STATIC("create_memory_store"), STEP_TOOL},
    {STR_STATIC("delete_memory_store"), STEP_TOOL},
    {STR_STATIC("retrieval"), STEP_RETRIEVAL},
    {STR_STATIC("search_memory"), STEP_RETRIEVAL},
    {STR_STATIC("invoke_agent"), STEP_AGENT},
    {STR_STATIC("create_agent"), STEP_AGENT},
    {STR_STATIC("invoke_workflow"), STEP_AGENT},
    {STR_STATIC("plan"), STEP_AGENT},
    {STR_STATIC("fetch_response"), STEP_AGENT},
};

static const struct word inference_kinds[] = {
    {STR_STATIC("LLM"), STEP_LLM},
    {STR_STATIC("EMBEDDING"), STEP_LLM},
    {STR_STATIC("TOOL"), STEP_TOOL},
    {STR_STATIC("RETRIEVER"), STEP_RETRIEVAL},
    {STR_STATIC("RERANKER"), STEP_RETRIEVAL},
    {STR_STATIC("GUARDRAIL"), STEP_GUARD},
    {STR_STATIC("EVALUATOR"), STEP_GUARD},
    {STR_STATIC("AGENT"), STEP_AGENT},
    {STR_STATIC("CHAIN"), STEP_AGENT},
    {STR_STATIC("PROMPT"), STEP_AGENT},
};

static const struct word langfuse_kinds[] = {
    {STR_STATIC("generation"), STEP_LLM},  {STR_STATIC("embedding"), STEP_LLM},
    {STR_STATIC("tool"), STEP_TOOL},       {STR_STATIC("retriever"), STEP_RETRIEVAL},
    {STR_STATIC("guardrail"), STEP_GUARD}, {STR_STATIC("evaluator"), STEP_GUARD},
    {STR_STATIC("agent"), STEP_AGENT},     {STR_STATIC("chain"), STEP_AGENT},
};

static const struct word traceloop_kinds[] = {
    {STR_STATIC("tool"), STEP_TOOL},
    {STR_STATIC("workflow"), STEP_AGENT},
    {STR_STATIC("task"), STEP_AGENT},
    {STR_STATIC("agent"), STEP_AGENT},
};

static const struct word request_types[] = {
    {STR_STATIC("chat"), STEP_LLM},
    {STR_STATIC("completion"), STEP_LLM},
    {STR_STATIC("embedding"), STEP_LLM},
    {STR_STATIC("rerank"), STEP_RETRIEVAL},
};

static const struct word own_kinds[] = {
    {STR_STATIC("llm"), STEP_LLM},
    {STR_STATIC("tool"), STEP_TOOL},
    {STR_STATIC("retrieval"), STEP_RETRIEVAL},
    {STR_STATIC("decision"), STEP_DECISION},
    {STR_STATIC("human"), STEP_HUMAN},
    {STR_STATIC("guard"), STEP_GUARD},
    {STR_STATIC("agent"), STEP_AGENT},
};

/* Conventions, the surest first. */
static const struct {
    enum otlp_role role;
    const struct word *words;
    size_t count;
} conventions[] = {
    {OTLP_ROLE_STEP_KIND, own_kinds, COUNT_OF(own_kinds)},
    {OTLP_ROLE_OPERATION, operations, COUNT_OF(operations)},
    {OTLP_ROLE_INFERENCE_KIND, inference_kinds, COUNT_OF(inference_kinds)},
    {OTLP_ROLE_LANGFUSE_KIND, langfuse_kinds, COUNT_OF(langfuse_kinds)},
    {OTLP_ROLE_REQUEST_TYPE, request_types, COUNT_OF(request_types)},
    {OTLP_ROLE_TRACELOOP_KIND, traceloop_kinds, COUNT_OF(traceloop_kinds)},
};

enum step_kind otlp_kind(const struct otlp *otlp)
{
    CHECK(otlp != NULL);
    for (size_t i = 0; i < COUNT_OF(conventions); i++) {
        const struct str told = otlp_text(otlp, conventions[i].role);
        for (size_t k = 0; k < conventions[i].count && told.size > 0; k++) {
            if (str_equal_fold(told, conventions[i].words[k].word)) {
                return conventions[i].words[k].kind;
            }
        }
    }
    if (str_equal(otlp_text(otlp, OTLP_ROLE_MCP_METHOD), STR("tools/call"))) {
        return STEP_TOOL;
    }
    const bool has_model = otlp_has(otlp, OTLP_ROLE_MODEL);
    const bool has_usage = otlp_has(otlp, OTLP_ROLE_INPUT) || otlp_has(otlp, OTLP_ROLE_OUTPUT) ||
                           otlp_has(otlp, OTLP_ROLE_USAGE_DETAILS);
    if (otlp_has(otlp, OTLP_ROLE_OPERATION) && has_model && has_usage) {
        return STEP_LLM; /* an operation of its own, with what it used */
    }
    if (otlp_has(otlp, OTLP_ROLE_LANGFUSE_KIND) || otlp_has(otlp, OTLP_ROLE_OPERATION)) {
        return STEP_AGENT; /* "span", "event", or an operation that is not known */
    }
    return has_model && has_usage ? STEP_LLM : STEP_KIND_COUNT;
}

void otlp_step_note(struct otlp *otlp, struct step *step, const char *text)
{
    CHECK(text != NULL);
    if (step->note.size == 0) {
        step->note = otlp_intern(otlp, str_from(text));
    } else if (step->note.size < WIRE_NOTE_BYTES_MAX) {
        step->note = wire_format_copy(otlp->rows, STR_FORMAT "; %s", STR_ARG(step->note), text);
    }
}

static struct str short_note(struct str text)
{
    text = str_trim(text);
    const char *const newline = text.size > 0 ? memchr(text.data, '\n', text.size) : NULL;
    text.size = newline != NULL ? (size_t)(newline - text.data) : text.size;
    text.size = text.size < WIRE_NOTE_BYTES_MAX ? text.size : WIRE_NOTE_BYTES_MAX;
    while (text.size > 0 && text.size == WIRE_NOTE_BYTES_MAX &&
           ((unsigned char)text.data[text.size - 1] & 0x80) != 0) {
        text.size--; /* not in the middle of a character */
    }
    return text;
}

/* Names that providers have had, as the price book knows them. Source: gen_ai.system values. */
static struct str provider_of(const struct otlp *otlp)
{
    static const struct {
        struct str told;
        struct str named;
    } names[] = {
        {STR_STATIC("az.ai.inference"), STR_STATIC("azure.ai.inference")},
        {STR_STATIC("az.ai.openai"), STR_STATIC("azure.ai.openai")},
        {STR_STATIC("gemini"), STR_STATIC("gcp.gemini")},
        {STR_STATIC("vertex_ai"), STR_STATIC("gcp.vertex_ai")},
        {STR_STATIC("xai"), STR_STATIC("x_ai")},
    };
    const struct str told = otlp_text(otlp, OTLP_ROLE_PROVIDER);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (str_equal_fold(told, names[i].told)) {
            return names[i].named;
        }
    }
    return told;
}

void otlp_step_model(struct otlp *otlp, struct step *step)
{
    CHECK(step != NULL);
    step->model = otlp_intern(otlp, otlp_text(otlp, OTLP_ROLE_MODEL));
    step->provider = otlp_intern(otlp, provider_of(otlp));
    step->tier = wire_tier(otlp_text(otlp, OTLP_ROLE_TIER));
    const struct str stop = otlp_text(otlp, OTLP_ROLE_STOP);
    if (str_equal(stop, STR("max_tokens")) || str_equal(stop, STR("length"))) {
        otlp_step_note(otlp, step, "stopped at max_tokens");
    } else if (str_equal(stop, STR("refusal")) || str_equal(stop, STR("content_filter"))) {
        otlp_step_note(otlp, step, "refused");
    }
}

void otlp_step_tool(struct otlp *otlp, struct step *step)
{
    CHECK(step != NULL);
    const struct str tool = otlp_text(otlp, OTLP_ROLE_TOOL);
    if (tool.size > 0) {
        step->name = otlp_intern(otlp, tool);
    }
    step->effect = wire_effect(step->name);
    const struct str arguments = otlp_text(otlp, OTLP_ROLE_ARGUMENTS);
    if (arguments.size > 0) {
        wire_arguments(step, arguments);
    }
    step->result_bytes = (int64_t)otlp_text(otlp, OTLP_ROLE_RESULT).size;
    if (otlp_has(otlp, OTLP_ROLE_RESULT_BYTES)) {
        (void)otlp_integer(&otlp->slots[OTLP_ROLE_RESULT_BYTES].attribute->value,
                           &step->result_bytes);
    }
    const char *conflict = NULL;
    step->has_reported = otlp_cost(otlp, &step->reported_pusd, &conflict);
    if (conflict != NULL) {
        otlp->batch.counts.conflicts++;
        otlp_step_note(otlp, step, conflict);
    }
}

/*
 * The provider's own id of a response names the call wherever it is told again; one that is too
 * short to be unique does not. Claude Code tells the request's id on every channel, the response's
 * only on some. OpenInference has the response's id in nothing but the response.
 */
struct str otlp_call_identity(const struct otlp *otlp, unsigned dialect,
                              char buffer[static WIRE_ID_BYTES_MAX])
{
    enum { ID_BYTES_MIN = 12 };
    const struct str request = otlp_text(otlp, OTLP_ROLE_REQUEST_ID);
    const struct str told = otlp_text(otlp, OTLP_ROLE_RESPONSE_ID);
    const struct str response =
        told.size == 0 && str_equal(otlp_text(otlp, OTLP_ROLE_INFERENCE_KIND), STR("LLM"))
            ? otlp_answer_id(otlp_text(otlp, OTLP_ROLE_RESULT))
            : told;
    const bool by_request = dialect == OTLP_DIALECT_CLAUDE && request.size > 0;
    const struct str id = by_request ? request : response;
    if (id.size < (by_request ? 1 : ID_BYTES_MIN) || id.size > WIRE_ID_BYTES_MAX) {
        return (struct str){0};
    }
    memcpy(buffer, id.data, id.size);
    return (struct str){buffer, id.size};
}

struct str otlp_span_identity(const struct otlp_record *record,
                              char buffer[static WIRE_ID_BYTES_MAX])
{
    CHECK(record->trace.size > 0);
    CHECK(record->span.size > 0);
    memcpy(buffer, "span:", 5);
    memcpy(buffer + 5, record->trace.hex, OTLP_TRACE_HEX);
    buffer[5 + OTLP_TRACE_HEX] = ':';
    memcpy(buffer + 6 + OTLP_TRACE_HEX, record->span.hex, OTLP_SPAN_HEX);
    return (struct str){buffer, 6 + OTLP_TRACE_HEX + OTLP_SPAN_HEX};
}

/* Claude Code's own spans (beta). */
static enum step_kind claude_kind(struct str name)
{
    static const struct word names[] = {
        {STR_STATIC("claude_code.llm_request"), STEP_LLM},
        {STR_STATIC("claude_code.tool"), STEP_TOOL},
        {STR_STATIC("claude_code.tool.blocked_on_user"), STEP_HUMAN},
        {STR_STATIC("claude_code.interaction"), STEP_AGENT},
        {STR_STATIC("claude_code.tool.execution"), STEP_AGENT},
        {STR_STATIC("claude_code.hook"), STEP_AGENT},
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (str_equal(name, names[i].word)) {
            return names[i].kind;
        }
    }
    return STEP_KIND_COUNT;
}

static unsigned span_dialect(const struct otlp *otlp)
{
    const struct str name = otlp->record.name;
    const struct str service = otlp->batch.source->service;
    if (wire_starts_with(name, "claude_code.")) {
        return OTLP_DIALECT_CLAUDE;
    }
    if (str_equal(service, STR("gemini-cli"))) {
        return OTLP_DIALECT_GEMINI;
    }
    return wire_starts_with(service, "codex") ? OTLP_DIALECT_CODEX : OTLP_DIALECT_ANY;
}

static void set_status(struct otlp *otlp, struct step *step)
{
    const struct otlp_record *const record = &otlp->record;
    const struct str type = otlp_text(otlp, OTLP_ROLE_ERROR_TYPE);
    const bool is_error = record->is_error || otlp_has(otlp, OTLP_ROLE_ERROR_TYPE) ||
                          !otlp_flag(otlp, OTLP_ROLE_SUCCESS, true) ||
                          str_equal(otlp_text(otlp, OTLP_ROLE_LEVEL), STR("ERROR"));
    const bool is_refused = str_equal(otlp_text(otlp, OTLP_ROLE_DECISION), STR("reject"));
    step->status = is_refused ? STATUS_REJECTED : is_error ? STATUS_ERROR : STATUS_OK;
    if (is_error) {
        struct str told = type.size > 0 ? type : record->exception;
        told = told.size > 0 ? told : record->message;
        step->note = otlp_intern(otlp, short_note(told));
    }
    if (record->tries > 1) {
        char text[40];
        const int size = snprintf(text, sizeof text, "%lld tries", (long long)record->tries);
        CHECK(size > 0);
        otlp_step_note(otlp, step, text);
    }
}

static void fill_span(struct otlp *otlp, unsigned dialect, struct step *step)
{
    set_status(otlp, step);
    if (step->kind == STEP_LLM) {
        otlp_step_model(otlp, step);
        otlp_usage(otlp, dialect, step);
    } else if (step->kind != STEP_AGENT) {
        otlp_step_tool(otlp, step);
    }
    if (otlp_has(otlp, OTLP_ROLE_HUMAN_MS)) {
        (void)otlp_integer(&otlp->slots[OTLP_ROLE_HUMAN_MS].attribute->value, &step->human_ms);
    }
}

void otlp_take_span(struct otlp *otlp)
{
    const struct otlp_record *const record = &otlp->record;
    CHECK(record->trace.size > 0);
    CHECK(record->span.size > 0);
    const unsigned dialect = span_dialect(otlp);
    otlp_roles(otlp, &otlp->attributes, dialect | OTLP_DIALECT_ANY);
    const struct otlp_place place = otlp_place_of(otlp, true);
    otlp->span_place = place;
    otlp->has_span_place = true;
    const enum step_kind own =
        dialect == OTLP_DIALECT_CLAUDE ? claude_kind(record->name) : STEP_KIND_COUNT;
    enum step_kind kind = own != STEP_KIND_COUNT ? own : otlp_kind(otlp);
    const struct decision *const decision = otlp_decision(otlp);
    if (decision != NULL && (kind == STEP_KIND_COUNT || kind == STEP_AGENT)) {
        kind = otlp_decision_kind(decision);
    }
    const bool has_outcome = otlp_tells_outcome(otlp);
    if (has_outcome) {
        otlp_add_outcome(otlp, &place,
                         record->ended_ns != TIME_UNKNOWN ? record->ended_ns : record->started_ns);
    }
    if (kind == STEP_KIND_COUNT) {
        otlp->batch.counts.ignored += !has_outcome;
        return;
    }
    char buffer[WIRE_ID_BYTES_MAX];
    struct str identity = {0};
    if (kind == STEP_LLM) {
        identity = otlp_call_identity(otlp, dialect, buffer);
    } else if (kind == STEP_TOOL && dialect == OTLP_DIALECT_CLAUDE) {
        identity = wire_identity(buffer, "tool:", otlp_text(otlp, OTLP_ROLE_CALL_ID));
    }
    const bool is_own = identity.size == 0;
    identity = is_own ? otlp_span_identity(record, buffer) : identity;
    struct step step = {
        .kind = kind,
        .channel = CHANNEL_SPAN,
        .name = otlp_intern(otlp, record->name),
        .agent = otlp_intern(otlp, otlp_text(otlp, OTLP_ROLE_AGENT)),
        .started_ns = record->started_ns != TIME_UNKNOWN ? record->started_ns : record->ended_ns,
    };
    step.ended_ns = wire_end(step.started_ns, record->ended_ns);
    fill_span(otlp, dialect, &step);
    const bool is_agent = dialect == OTLP_DIALECT_CODEX || dialect == OTLP_DIALECT_GEMINI;
    if (kind == STEP_LLM && is_agent && wire_starts_with(identity, "span:")) {
        step.nameless = STR("?"); /* its session is known in the end */
    }
    if (decision != NULL) {
        otlp_step_decision(decision, &step);
    }
    if (kind == STEP_LLM && dialect == OTLP_DIALECT_CLAUDE) {
        step.alias = otlp_intern(otlp, otlp_text(otlp, OTLP_ROLE_RESPONSE_ID));
    } else if (kind == STEP_LLM && !is_own && !otlp_has(otlp, OTLP_ROLE_RESPONSE_ID)) {
        /* As it was named before its answer was looked at. */
        char span[WIRE_ID_BYTES_MAX];
        step.alias = otlp_intern(otlp, otlp_span_identity(record, span));
    }
    otlp_add_step(otlp, identity, &step, &place);
}
