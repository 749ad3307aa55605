#include "wire/protobuf.h"

#include "base/check.h"

enum { VARINT_BYTES_MAX = 10, WORD_BYTES_MAX = 5 }; /* 64 and 32 bits, seven a byte */

struct protobuf protobuf_open(struct str bytes)
{
    CHECK(bytes.data != NULL || bytes.size == 0);
    return (struct protobuf){.rest = bytes};
}

static void skip(struct protobuf *reader, size_t size)
{
    CHECK(size <= reader->rest.size);
    reader->rest.data += size;
    reader->rest.size -= size;
    reader->offset += size;
}

static enum errc cut_short(const struct protobuf *reader, struct err *err)
{
    return err_set(err, ERR_TRUNCATED, "byte %zu: the message ends in the middle of a field",
                   reader->offset + reader->rest.size);
}

static enum errc read_varint(struct protobuf *reader, uint64_t *out, struct err *err)
{
    const unsigned char *const bytes = (const unsigned char *)reader->rest.data;
    const size_t size = reader->rest.size;
    if (size > 0 && bytes[0] < 0x80) {
        *out = bytes[0];
        skip(reader, 1);
        return ERR_OK;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < size && i < VARINT_BYTES_MAX; i++) {
        if (i == VARINT_BYTES_MAX - 1 && bytes[i] > 1) {
            break;
        }
        value |= (uint64_t)(bytes[i] & 0x7f) << (7 * i);
        if (bytes[i] < 0x80) {
            *out = value;
            skip(reader, i + 1);
            return ERR_OK;
        }
    }
    return size < VARINT_BYTES_MAX
               ? cut_short(reader, err)
               : err_set(err, ERR_SYNTAX, "byte %zu: a varint of more than 64 bits",
                         reader->offset);
}

/* A tag or a size, which have 32 bits. */
static enum errc read_word(struct protobuf *reader, uint64_t *out, struct err *err)
{
    const size_t offset = reader->offset;
    uint64_t value = 0;
    const enum errc code = read_varint(reader, &value, err);
    if (code != ERR_OK) {
        return code;
    }
    if (reader->offset - offset > WORD_BYTES_MAX) {
        return err_set(err, ERR_SYNTAX, "byte %zu: a tag or size of more than %d bytes", offset,
                       WORD_BYTES_MAX);
    }
    *out = value;
    return ERR_OK;
}

static enum errc read_fixed(struct protobuf *reader, size_t size, uint64_t *out, struct err *err)
{
    if (reader->rest.size < size) {
        return cut_short(reader, err);
    }
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value |= (uint64_t)(unsigned char)reader->rest.data[i] << (8 * i);
    }
    *out = value;
    skip(reader, size);
    return ERR_OK;
}

static enum errc read_bytes(struct protobuf *reader, struct str *out, struct err *err)
{
    uint64_t size = 0;
    const enum errc code = read_word(reader, &size, err);
    if (code != ERR_OK) {
        return code;
    }
    if (size > reader->rest.size && reader->is_head) {
        size = reader->rest.size;
    }
    if (size > reader->rest.size) {
        return err_set(err, ERR_TRUNCATED,
                       "byte %zu: a field of %llu bytes in a message with %zu left", reader->offset,
                       (unsigned long long)size, reader->rest.size);
    }
    *out = (struct str){reader->rest.data, (size_t)size};
    return ERR_OK;
}

static enum errc read_value(struct protobuf *reader, struct protobuf_field *field, uint64_t kind,
                            struct err *err)
{
    switch (kind) {
    case PROTOBUF_VARINT:
        return read_varint(reader, &field->value, err);
    case PROTOBUF_FIXED64:
        return read_fixed(reader, 8, &field->value, err);
    case PROTOBUF_BYTES:
        return read_bytes(reader, &field->bytes, err);
    case PROTOBUF_FIXED32:
        return read_fixed(reader, 4, &field->value, err);
    default:
        return err_set(err, ERR_SYNTAX, "byte %zu: wire type %d (%s)", field->offset, (int)kind,
                       kind == 3 || kind == 4 ? "a group, which is not read" : "there is none");
    }
}

enum errc protobuf_next_long(struct protobuf *reader, struct protobuf_field *out, bool *out_found,
                             struct err *err)
{
    CHECK(reader != NULL);
    CHECK(out_found != NULL);
    CHECK(reader->rest.size > 0);
    struct protobuf_field field = {.offset = reader->offset};
    uint64_t tag = 0;
    enum errc code = read_word(reader, &tag, err);
    if (code != ERR_OK) {
        return code;
    }
    if (tag >> 3 == 0 || tag >> 3 > PROTOBUF_FIELD_MAX) {
        return err_set(err, ERR_SYNTAX, "byte %zu: field number %llu, not 1..%d", field.offset,
                       (unsigned long long)(tag >> 3), PROTOBUF_FIELD_MAX);
    }
    field.number = (uint32_t)(tag >> 3);
    code = read_value(reader, &field, tag & 7, err);
    if (code != ERR_OK) {
        return code;
    }
    field.kind = (enum protobuf_kind)(tag & 7);
    if (field.kind == PROTOBUF_BYTES) {
        field.offset = reader->offset; /* of the bytes, where a nested message's fields are told */
        skip(reader, field.bytes.size);
    }
    *out = field;
    *out_found = true;
    return ERR_OK;
}

enum errc protobuf_expect(const struct protobuf_field *field, enum protobuf_kind kind,
                          struct err *err)
{
    CHECK(field != NULL);
    static const char *const names[] = {[PROTOBUF_VARINT] = "a varint",
                                        [PROTOBUF_FIXED64] = "a fixed64",
                                        [PROTOBUF_BYTES] = "bytes",
                                        [PROTOBUF_FIXED32] = "a fixed32"};
    if (field->kind == kind) {
        return ERR_OK;
    }
    return err_set(err, ERR_SYNTAX, "byte %zu: field %u is %s, not %s", field->offset,
                   (unsigned)field->number, names[field->kind], names[kind]);
}

double protobuf_double(const struct protobuf_field *field)
{
    CHECK(field->kind == PROTOBUF_FIXED64);
    double value;
    _Static_assert(sizeof value == sizeof field->value, "a double is 64 bits");
    memcpy(&value, &field->value, sizeof value);
    return value;
}
