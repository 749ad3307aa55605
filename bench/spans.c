#include "spans.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"

enum {
    PATCHES_MAX = SPANS_TRACES * SPANS_A_TRACE * 12,
    MESSAGE_BYTES = 600,
    HEX_BYTES = 16,
    CASES_A_WORKFLOW = 5, /* traces of a batch that share a workflow */
    TRACE_NS = 100000,    /* between the beginnings of traces */
    SPAN_NS = 1000000,
};

#define BATCH_BYTES_MAX ((size_t)4 << 20)

enum patch_kind { TRACE_ID, SPAN_ID, PARENT_ID, STARTED, ENDED, TRACE_HEX, SPAN_HEX };

struct spans_patch {
    size_t offset;
    enum patch_kind kind;
    int trace;
    int span;
};

/* Bytes under construction and what of them changes. */
struct part {
    struct text bytes;
    struct spans_patch *patches;
    size_t patch_count;
};

static void part_init(struct part *part)
{
    *part = (struct part){.patches = memory_new_array(struct spans_patch, PATCHES_MAX)};
    text_init(&part->bytes, BATCH_BYTES_MAX);
}

static void part_deinit(struct part *part)
{
    CHECK(!text_is_full(&part->bytes));
    text_deinit(&part->bytes);
    memory_free(part->patches);
}

/* ---- protobuf */

static void put_varint(struct text *out, uint64_t value)
{
    while (value >= 0x80) {
        text_char(out, (char)(value | 0x80));
        value >>= 7;
    }
    text_char(out, (char)value);
}

static void put_tag(struct text *out, unsigned field, unsigned type)
{
    put_varint(out, field << 3 | type);
}

static void put_bytes(struct text *out, unsigned field, struct str bytes)
{
    put_tag(out, field, 2);
    put_varint(out, bytes.size);
    text_add(out, bytes);
}

static void put_part(struct part *out, unsigned field, const struct part *in)
{
    put_tag(&out->bytes, field, 2);
    put_varint(&out->bytes, in->bytes.size);
    const size_t base = out->bytes.size;
    text_add(&out->bytes, text_str(&in->bytes));
    for (size_t i = 0; i < in->patch_count; i++) {
        CHECK(out->patch_count < PATCHES_MAX);
        out->patches[out->patch_count] = in->patches[i];
        out->patches[out->patch_count++].offset += base;
    }
}

/* Room for what spans_number() writes. */
static void put_hole(struct part *out, enum patch_kind kind, int trace, int span, size_t size)
{
    CHECK(out->patch_count < PATCHES_MAX);
    out->patches[out->patch_count++] = (struct spans_patch){out->bytes.size, kind, trace, span};
    text_repeat(&out->bytes, '0', size);
}

/* KeyValue {key = 1, value = 2: AnyValue}, field 9 of a span; `value` is the AnyValue's bytes. */
static void put_attribute(struct text *out, const char *name, struct str value)
{
    struct text pair;
    text_init(&pair, BATCH_BYTES_MAX);
    put_bytes(&pair, 1, str_from(name));
    put_bytes(&pair, 2, value);
    put_bytes(out, 9, text_str(&pair));
    text_deinit(&pair);
}

static void put_text(struct text *out, const char *name, struct str value)
{
    struct text any;
    text_init(&any, BATCH_BYTES_MAX);
    put_bytes(&any, 1, value);
    put_attribute(out, name, text_str(&any));
    text_deinit(&any);
}

static void put_int(struct text *out, const char *name, uint64_t value)
{
    struct text any;
    text_init(&any, BATCH_BYTES_MAX);
    put_tag(&any, 3, 0);
    put_varint(&any, value);
    put_attribute(out, name, text_str(&any));
    text_deinit(&any);
}

static void put_double(struct text *out, const char *name, double value)
{
    char bytes[9] = {4 << 3 | 1};
    memcpy(bytes + 1, &value, sizeof value);
    put_attribute(out, name, (struct str){bytes, sizeof bytes});
}

/* A text that ends in the number of its trace or span. */
static void put_identity(struct part *out, const char *name, const char *prefix,
                         enum patch_kind kind, int trace, int span)
{
    char value[64];
    snprintf(value, sizeof value, "%s0000000000000000", prefix);
    put_text(&out->bytes, name, str_from(value));
    CHECK(out->patch_count < PATCHES_MAX);
    out->patches[out->patch_count++] =
        (struct spans_patch){out->bytes.size - HEX_BYTES, kind, trace, span};
}

/* ---- spans */

static void put_attributes(struct part *out, int trace, int span)
{
    static const char *const models[] = {"claude-sonnet-4-5", "claude-haiku-4-5",
                                         "claude-opus-4-5"};
    static const char *const operations[SPANS_A_TRACE] = {
        "invoke_agent", "chat", "execute_tool", "chat", "chat", "execute_tool", "chat", "chat"};
    const struct str model = str_from(models[trace % 3]);
    const unsigned draw = (unsigned)(trace * SPANS_A_TRACE + span) * 2654435761U >> 16;
    const bool is_chat = operations[span][0] == 'c';
    char text[MESSAGE_BYTES + 1];
    int size = snprintf(text, sizeof text, "[{\"role\":\"user\",\"parts\":[{\"content\":\"");
    for (; size < MESSAGE_BYTES; size++) {
        text[size] = (char)('a' + (size * 7 + span + trace) % 26);
    }
    struct text *const bytes = &out->bytes;
    char workflow[32];
    snprintf(workflow, sizeof workflow, "workflow-%d", trace / CASES_A_WORKFLOW);
    put_text(bytes, "gen_ai.operation.name", str_from(operations[span]));
    put_text(bytes, "gen_ai.provider.name", STR("anthropic"));
    put_text(bytes, "gen_ai.request.model", model);
    put_text(bytes, "gen_ai.response.model", model);
    put_identity(out, is_chat ? "gen_ai.response.id" : "gen_ai.tool.call.id", "msg_", SPAN_HEX,
                 trace, span);
    put_text(bytes, "gen_ai.output.type", STR("text"));
    put_int(bytes, "gen_ai.request.max_tokens", 4096);
    put_double(bytes, "gen_ai.request.temperature", 0.2);
    put_double(bytes, "gen_ai.request.top_p", 0.9);
    put_int(bytes, is_chat ? "gen_ai.usage.input_tokens" : "app.input.size", 9000 + draw % 7000);
    put_int(bytes, is_chat ? "gen_ai.usage.output_tokens" : "app.output.size", 200 + draw % 900);
    put_int(bytes, is_chat ? "gen_ai.usage.cache_read.input_tokens" : "app.cached", 8000);
    put_int(bytes, is_chat ? "gen_ai.usage.cache_creation.input_tokens" : "app.kept", 500);
    put_identity(out, "gen_ai.conversation.id", "conv-", TRACE_HEX, trace, span);
    put_text(bytes, "gen_ai.agent.name", STR("resolver"));
    put_text(bytes, operations[span][0] == 'e' ? "gen_ai.tool.name" : "app.tool",
             STR("lookup_order"));
    put_text(bytes, "server.address", STR("api.anthropic.com"));
    put_int(bytes, "server.port", 443);
    put_text(bytes, "thread.name", STR("worker-3"));
    put_text(bytes, "bursar.workflow", str_from(workflow));
    put_identity(out, "bursar.case.id", "case-", TRACE_HEX, trace, span);
    put_text(bytes, "gen_ai.input.messages", (struct str){text, MESSAGE_BYTES});
}

/* Span: trace_id 1, span_id 2, parent 4, name 5, kind 6, start 7, end 8, attributes 9, status 15.
 */
static void put_span(struct part *scope, int trace, int span)
{
    struct part out;
    part_init(&out);
    put_tag(&out.bytes, 1, 2);
    put_varint(&out.bytes, 16);
    put_hole(&out, TRACE_ID, trace, span, 16);
    put_tag(&out.bytes, 2, 2);
    put_varint(&out.bytes, 8);
    put_hole(&out, SPAN_ID, trace, span, 8);
    if (span > 0) {
        put_tag(&out.bytes, 4, 2);
        put_varint(&out.bytes, 8);
        put_hole(&out, PARENT_ID, trace, 0, 8);
    }
    put_bytes(&out.bytes, 5, STR("gen_ai span"));
    put_tag(&out.bytes, 6, 0);
    put_varint(&out.bytes, 3);
    put_tag(&out.bytes, 7, 1);
    put_hole(&out, STARTED, trace, span, 8);
    put_tag(&out.bytes, 8, 1);
    put_hole(&out, ENDED, trace, span, 8);
    put_attributes(&out, trace, span);
    put_bytes(&out.bytes, 15, (struct str){"\x18\x01", 2});
    put_part(scope, 2, &out);
    part_deinit(&out);
}

/* ExportTraceServiceRequest: resource_spans 1 {scope_spans 2 {scope 1, spans 2}}. */
static void build(struct part *request)
{
    struct part scope;
    struct part resource;
    part_init(&scope);
    part_init(&resource);
    put_bytes(&scope.bytes, 1,
              (struct str){"\x0a\x05"
                           "bench",
                           7}); /* scope {name} */
    for (int trace = 0; trace < SPANS_TRACES; trace++) {
        for (int span = SPANS_A_TRACE - 1; span >= 0; span--) { /* children end first */
            put_span(&scope, trace, span);
        }
    }
    put_part(&resource, 2, &scope);
    put_part(request, 1, &resource);
    part_deinit(&resource);
    part_deinit(&scope);
}

void spans_create(struct spans_batch **out, const char *host)
{
    CHECK(out != NULL);
    struct part body;
    struct text head;
    part_init(&body);
    text_init(&head, BATCH_BYTES_MAX);
    build(&body);
    text_format(&head,
                "POST /v1/traces HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-protobuf\r\n"
                "Content-Length: %zu\r\n\r\n",
                host, body.bytes.size);
    struct spans_batch *const batch = memory_new(struct spans_batch);
    batch->size = head.size + body.bytes.size;
    batch->bytes = memory_new_array(char, batch->size);
    memcpy(batch->bytes, head.data, head.size);
    memcpy(batch->bytes + head.size, body.bytes.data, body.bytes.size);
    batch->patch_count = body.patch_count;
    batch->patches = memory_new_array(struct spans_patch, body.patch_count);
    for (size_t i = 0; i < body.patch_count; i++) {
        batch->patches[i] = body.patches[i];
        batch->patches[i].offset += head.size;
    }
    batch->began_ns = clock_now_ns() - CLOCK_NS_PER_DAY;
    text_deinit(&head);
    part_deinit(&body);
    *out = batch;
}

void spans_destroy(struct spans_batch **batch)
{
    CHECK(batch != NULL);
    memory_free((*batch)->patches);
    memory_free((*batch)->bytes);
    memory_free(*batch);
    *batch = NULL;
}

/* Numbers spread over all 64 bits, one to one. Source: S. Vigna, splitmix64. */
static uint64_t spread(uint64_t number)
{
    number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
    return number ^ (number >> 31);
}

static void put_hex(char *out, uint64_t value)
{
    for (int i = HEX_BYTES - 1; i >= 0; i--, value >>= 4) {
        out[i] = "0123456789abcdef"[value & 15];
    }
}

void spans_number(struct spans_batch *batch, int64_t first)
{
    CHECK(batch != NULL);
    for (size_t i = 0; i < batch->patch_count; i++) {
        const struct spans_patch *const patch = &batch->patches[i];
        char *const at = batch->bytes + patch->offset;
        const uint64_t trace = (uint64_t)(first + patch->trace);
        const uint64_t span = spread(trace * SPANS_A_TRACE + (uint64_t)patch->span + 1);
        const uint64_t id = spread(trace + 1);
        const int64_t started_ns =
            batch->began_ns + (int64_t)trace * TRACE_NS + (int64_t)patch->span * SPAN_NS;
        switch (patch->kind) {
        case TRACE_ID:
            memcpy(at, &id, sizeof id);
            memcpy(at + sizeof id, &trace, sizeof trace);
            break;
        case SPAN_ID:
        case PARENT_ID:
            memcpy(at, &span, sizeof span);
            break;
        case STARTED:
            memcpy(at, &started_ns, sizeof started_ns);
            break;
        case ENDED:
            memcpy(at, &(int64_t){started_ns + SPAN_NS - 1}, sizeof started_ns);
            break;
        case TRACE_HEX:
            put_hex(at, id);
            break;
        case SPAN_HEX:
            put_hex(at, span);
            break;
        }
    }
}
