/*
 * Goal: wire/protobuf.c and protobuf-c read the same bytes alike.
 * Method: every request of the fixture and of the shared data, whole, with bytes changed, cut
 * short and joined, and random bytes; both walks make a digest of what the schema knows, ours by
 * protobuf-c's description of it. What protobuf-c refuses we refuse. We refuse more in three
 * ways, told by their text: varints of more than 64 bits, field numbers out of range, and a bool
 * that is no varint, where protobuf-c takes any bytes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/rng.h"
#include "otlp.pb-c.h"
#include "otlp_building.h"
#include "support/test.h"
#include "wire/protobuf.h"

enum {
    CHANGES = 200,
    RANDOM_INPUTS = 3000,
    RANDOM_BYTES_MAX = 64,
    DEPTH_MAX = 64,
    SHARED_BYTES_MAX = 1 << 18
};

static const ProtobufCMessageDescriptor *const requests[OTLP_SIGNAL_COUNT] = {
    [OTLP_TRACES] = &oracle__trace_request__descriptor,
    [OTLP_LOGS] = &oracle__logs_request__descriptor,
    [OTLP_METRICS] = &oracle__metrics_request__descriptor,
};

struct digest {
    uint64_t hash;
    int64_t fields;
    bool repeats; /* a field that may be there once is there twice: which one counts is not ours */
};

static uint64_t mixed(uint64_t hash, uint64_t value)
{
    const uint64_t both[] = {hash, value};
    return hash64((struct str){(const char *)both, sizeof both});
}

/* Their walk */

static uint64_t digest_message(const ProtobufCMessage *message, struct digest *digest);

static bool is_bytes(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_BYTES;
}

/* 0: the value a field has that is not there. */
static uint64_t digest_value(const ProtobufCFieldDescriptor *field, const void *place,
                             struct digest *digest)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE: {
        const ProtobufCMessage *const message = *(const ProtobufCMessage *const *)place;
        return message != NULL ? digest_message(message, digest) : 0;
    }
    case PROTOBUF_C_TYPE_STRING: {
        const char *const text = *(const char *const *)place;
        return text != NULL && text[0] != '\0' ? hash64(str_from(text)) : 0;
    }
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *const bytes = place;
        return bytes->len > 0 ? hash64((struct str){(const char *)bytes->data, bytes->len}) : 0;
    }
    case PROTOBUF_C_TYPE_BOOL:
        return *(const protobuf_c_boolean *)place != 0;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM:
        return *(const uint32_t *)place;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return *(const uint64_t *)place;
    }
    return 0;
}

static bool is_one_of(const ProtobufCFieldDescriptor *field)
{
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

static size_t size_of(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_BYTES ? sizeof(ProtobufCBinaryData) : sizeof(void *);
}

static uint64_t digest_message(const ProtobufCMessage *message, struct digest *digest)
{
    const ProtobufCMessageDescriptor *const schema = message->descriptor;
    const char *const base = (const char *)message;
    uint64_t hash = 1;
    for (unsigned i = 0; i < schema->n_fields; i++) {
        const ProtobufCFieldDescriptor *const field = &schema->fields[i];
        const void *const place = base + field->offset;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            const size_t count = *(const size_t *)(base + field->quantifier_offset);
            const char *const items = *(const char *const *)place;
            for (size_t k = 0; k < count; k++) {
                const uint64_t value = digest_value(field, items + k * size_of(field), digest);
                hash += mixed(field->id, mixed(value, k));
            }
            digest->fields += (int64_t)count;
        } else if (!is_one_of(field) ||
                   *(const uint32_t *)(base + field->quantifier_offset) == field->id) {
            const uint64_t value = digest_value(field, place, digest);
            hash += value != 0 ? mixed(field->id, value) : 0;
            digest->fields += value != 0;
        }
    }
    return hash;
}

/* Our walk */

static enum errc walk(struct protobuf reader, const ProtobufCMessageDescriptor *schema, int depth,
                      struct digest *digest, uint64_t *out, struct err *err);

static enum errc walk_field(const struct protobuf_field *field,
                            const ProtobufCFieldDescriptor *known, int depth, struct digest *digest,
                            uint64_t *out, struct err *err)
{
    enum protobuf_kind due = PROTOBUF_VARINT;
    uint64_t value = field->value;
    switch (known->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
        due = PROTOBUF_BYTES;
        break;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        due = PROTOBUF_FIXED64;
        break;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        due = PROTOBUF_FIXED32;
        break;
    case PROTOBUF_C_TYPE_BOOL:
        value = value != 0;
        break;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_ENUM:
        value = (uint32_t)value;
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_SINT64:
        break;
    }
    const enum errc code = protobuf_expect(field, due, err);
    if (code != ERR_OK) {
        return code;
    }
    if (known->type == PROTOBUF_C_TYPE_MESSAGE) {
        return walk(protobuf_enter(field), known->descriptor, depth + 1, digest, out, err);
    }
    if (is_bytes(known)) {
        struct str bytes = field->bytes;
        if (known->type == PROTOBUF_C_TYPE_STRING && bytes.size > 0) { /* theirs ends at a NUL */
            bytes.size = strnlen(bytes.data, bytes.size);
        }
        value = bytes.size > 0 ? hash64(bytes) : 0;
    }
    *out = value;
    return ERR_OK;
}

enum { SCHEMA_FIELDS_MAX = 32 };

static enum errc walk(struct protobuf reader, const ProtobufCMessageDescriptor *schema, int depth,
                      struct digest *digest, uint64_t *out, struct err *err)
{
    size_t counts[SCHEMA_FIELDS_MAX] = {0};
    unsigned one_of = 0;
    CHECK(schema->n_fields <= SCHEMA_FIELDS_MAX);
    CHECK(depth < DEPTH_MAX);
    struct protobuf_field field;
    bool found = false;
    uint64_t hash = 1;
    enum errc code = protobuf_next(&reader, &field, &found, err);
    while (code == ERR_OK && found) {
        const ProtobufCFieldDescriptor *const known =
            protobuf_c_message_descriptor_get_field(schema, field.number);
        uint64_t value = 0;
        if (known != NULL) {
            code = walk_field(&field, known, depth, digest, &value, err);
            const size_t at = counts[known - schema->fields]++;
            one_of += is_one_of(known);
            const bool repeated = known->label == PROTOBUF_C_LABEL_REPEATED;
            digest->repeats = digest->repeats || (!repeated && at > 0) || one_of > 1;
            if (repeated) {
                hash += mixed(known->id, mixed(value, at));
                digest->fields++;
            } else {
                hash += value != 0 ? mixed(known->id, value) : 0;
                digest->fields += value != 0;
            }
        }
        code = code != ERR_OK ? code : protobuf_next(&reader, &field, &found, err);
    }
    *out = hash;
    return code;
}

static struct tally {
    int64_t read, refused, stricter, repeated, fields;
} tally;

/* Whether both say the same of these bytes. */
static bool agree(enum otlp_signal signal, struct str bytes)
{
    struct digest ours = {0};
    struct digest theirs = {0};
    struct err err;
    const enum errc code = walk(protobuf_open(bytes), requests[signal], 0, &ours, &ours.hash, &err);
    ProtobufCMessage *const message =
        protobuf_c_message_unpack(requests[signal], NULL, bytes.size, (const uint8_t *)bytes.data);
    if (message == NULL) {
        tally.refused++;
        return code != ERR_OK;
    }
    theirs.hash = digest_message(message, &theirs);
    protobuf_c_message_free_unpacked(message, NULL);
    if (code != ERR_OK) {
        tally.stricter++;
        return strstr(err.text, "64 bits") != NULL || strstr(err.text, "field number") != NULL ||
               strstr(err.text, "not a varint") != NULL;
    }
    tally.read++;
    if (ours.repeats) {
        tally.repeated++;
        return true;
    }
    tally.fields += ours.fields;
    return ours.fields == theirs.fields && ours.hash == theirs.hash;
}

static bool agree_on_changed(enum otlp_signal signal, struct str bytes, int changes)
{
    static char changed[SHARED_BYTES_MAX];
    struct rng rng;
    bool all = agree(signal, bytes);
    rng_init(&rng, hash64(bytes));
    CHECK(bytes.size > 0);
    CHECK(bytes.size <= sizeof changed);
    for (int i = 0; i < changes && all; i++) {
        memcpy(changed, bytes.data, bytes.size);
        const int places = 1 + (int)rng_below(&rng, 3);
        for (int k = 0; k < places; k++) {
            changed[rng_below(&rng, bytes.size)] = (char)rng_below(&rng, 256);
        }
        const size_t size =
            rng_below(&rng, 4) == 0 ? (size_t)rng_below(&rng, bytes.size) : bytes.size;
        all = agree(signal, (struct str){changed, size});
    }
    return all;
}

static void they_agree_on_every_case_of_the_fixture_whole_and_damaged(void)
{
    const struct json fixture = otlp_fixture("otlp_dialects.json");
    struct json_cursor cursor = json_iter(fixture);
    struct json from;
    tally = (struct tally){0};
    while (json_next(&cursor, NULL, &from)) {
        enum otlp_signal signal;
        const struct str bytes = otlp_building(from, OTLP_PROTOBUF, &signal);
        EXPECT(agree_on_changed(signal, bytes, CHANGES));
    }
    EXPECT(tally.read > 5000);
    EXPECT(tally.refused > 3000);
    EXPECT(tally.fields > 50000);
    EXPECT(tally.repeated * 5 < tally.read);
}

static void they_agree_on_random_bytes(void)
{
    struct rng rng;
    rng_init(&rng, 20261122);
    tally = (struct tally){0};
    for (int i = 0; i < RANDOM_INPUTS; i++) {
        char bytes[RANDOM_BYTES_MAX];
        const size_t size = (size_t)rng_below(&rng, sizeof bytes);
        for (size_t k = 0; k < size; k++) { /* small bytes more often: tags and sizes */
            bytes[k] = (char)(rng_below(&rng, 2) == 0 ? rng_below(&rng, 32) : rng_below(&rng, 256));
        }
        for (int signal = 0; signal < OTLP_SIGNAL_COUNT; signal++) {
            EXPECT(agree((enum otlp_signal)signal, (struct str){bytes, size}));
        }
    }
    EXPECT(tally.refused > RANDOM_INPUTS);
}

static void they_agree_on_requests_of_real_exporters(void)
{
    static const struct {
        const char *path;
        enum otlp_signal signal;
    } files[] = {
        {"otlp/derived_from_tau2/claude-sonnet-4-5.otlp.pb", OTLP_TRACES},
        {"otlp/derived_from_tau2/qwen2.5-7b.otlp.pb", OTLP_TRACES},
        {"otlp/real_metrics_pb/opentelemetry_payload.bin", OTLP_METRICS},
        {"otlp/real_metrics_pb/otlp_null_label_histogram.bin", OTLP_METRICS},
    };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        static char bytes[SHARED_BYTES_MAX];
        const char *const path = test_shared(files[i].path);
        FILE *const file = path != NULL ? fopen(path, "rb") : NULL;
        if (file == NULL) {
            continue;
        }
        const size_t size = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        EXPECT(size > 0 && size < sizeof bytes);
        tally = (struct tally){0};
        EXPECT(agree_on_changed(files[i].signal, (struct str){bytes, size}, 20));
        EXPECT(tally.read > 0);
    }
}

int main(void)
{
    const struct test tests[] = {
        TEST(they_agree_on_every_case_of_the_fixture_whole_and_damaged),
        TEST(they_agree_on_random_bytes),
        TEST(they_agree_on_requests_of_real_exporters),
    };
    return test_main(tests, COUNT_OF(tests));
}
