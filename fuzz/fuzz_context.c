/*
 * fuzz_context: any bytes as what came with a request, its `baggage` among it. Nothing crashes,
 * what is decoded is no longer than what was sent, and rows are made of any of it: twice the same.
 */
#include "base/check.h"
#include "wire/context.h"
#include "wire/correlation.h"
#include "wire/otlp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_baggage(struct str baggage)
{
    static char value[BAGGAGE_BYTES_MAX];
    size_t members = 0;
    struct baggage_member member;
    while (baggage_next(&baggage, &members, &member)) {
        CHECK(member.name.size > 0);
        CHECK(members <= BAGGAGE_MEMBERS_MAX);
        const size_t decoded = baggage_decode(member.encoded, value, sizeof value);
        CHECK(decoded == SIZE_MAX || decoded <= member.encoded.size);
    }
}

/* Names of rules, so that those of the input are looked up. */
static bool make_rules(struct arena *arena, struct correlation *out)
{
    static const struct str names[] = {STR_STATIC("header.x"), STR_STATIC("baggage.a"),
                                       STR_STATIC("key.team")};
    static const size_t all[] = {0, 1, 2};
    static const struct correlation_rule rule = {
        .fields = {[CORRELATION_WORKFLOW] = {.is_set = true, .names = all, .name_count = 1},
                   [CORRELATION_CASE] = {.is_set = true, .names = all, .name_count = 3}}};
    *out = (struct correlation){
        .rules = &rule, .rule_count = 1, .names = names, .name_count = COUNT_OF(names)};
    return correlation_seal(out, arena);
}

static size_t decode(struct otlp *otlp, struct str context, struct arena *arena, struct trace *out)
{
    static const char span[] =
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":"
        "\"0123456789abcdef0123456789abcdef\",\"spanId\":\"0123456789abcdef\",\"name\":\"x\","
        "\"attributes\":[{\"key\":\"gen_ai.operation.name\",\"value\":{\"stringValue\":\"chat\"}}]"
        "}]}]}]}";
    const struct otlp_request request = {.signal = OTLP_TRACES,
                                         .encoding = OTLP_JSON,
                                         .bytes = {span, sizeof span - 1},
                                         .context = context,
                                         .readable = sizeof span};
    struct otlp_counts counts;
    struct err err;
    CHECK(otlp_decode(otlp, &request, arena, out, &counts, &err) == ERR_OK);
    CHECK(out->cases.count == 1);
    CHECK(out->cases.rows[0].id.size > 0);
    return out->cases.rows[0].attribute_count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str bytes = {(const char *)data, size};
    struct str rest = bytes;
    struct str name;
    struct str value;
    while (context_next(&rest, &name, &value)) {
        CHECK(name.size > 0);
        read_baggage(value);
    }
    read_baggage(bytes);
    struct arena arena;
    struct correlation rules;
    struct otlp *otlp = NULL;
    struct trace traces[2];
    arena_init(&arena, (size_t)64 << 20);
    CHECK(make_rules(&arena, &rules));
    otlp_create(&otlp);
    otlp_use(otlp, &rules);
    const size_t first = decode(otlp, bytes, &arena, &traces[0]);
    CHECK(decode(otlp, bytes, &arena, &traces[1]) == first);
    CHECK(str_equal(traces[0].cases.rows[0].id, traces[1].cases.rows[0].id));
    CHECK(str_equal(traces[0].cases.rows[0].workflow, traces[1].cases.rows[0].workflow));
    otlp_destroy(&otlp);
    arena_deinit(&arena);
    return 0;
}
