/* Attributes in protobuf, and what requests look like. Values in values are walked with a stack of
 * OTLP_DEPTH_MAX. Source: opentelemetry-proto, common/v1/common.proto. */
#include "base/check.h"
#include "wire/otlp_protobuf_priv.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "doubles are read as they stand");

enum errc otlp_protobuf_each(struct otlp *otlp, struct protobuf reader, uint32_t number,
                             otlp_message_f message, void *context, struct err *err)
{
    struct protobuf_field field;
    enum errc code = ERR_OK;
    while (protobuf_walk(&reader, &field, &code, err)) {
        if (field.number == number) {
            code = protobuf_expect(&field, PROTOBUF_BYTES, err);
            code = code != ERR_OK ? code : message(otlp, protobuf_enter(&field), context, err);
        }
    }
    return code;
}

static enum errc read_scalar(const struct protobuf_field *field, struct otlp_value *out,
                             struct err *err)
{
    static const enum protobuf_kind kinds[] = {0,
                                               PROTOBUF_BYTES,
                                               PROTOBUF_VARINT,
                                               PROTOBUF_VARINT,
                                               PROTOBUF_FIXED64,
                                               PROTOBUF_BYTES,
                                               PROTOBUF_BYTES,
                                               PROTOBUF_BYTES};
    if (field->number >= COUNT_OF(kinds)) {
        return ERR_OK;
    }
    const enum errc code = protobuf_expect(field, kinds[field->number], err);
    if (code != ERR_OK) {
        return code;
    }
    *out = (struct otlp_value){0};
    switch (field->number) {
    case 1:
        *out = (struct otlp_value){.type = OTLP_TEXT, .text = field->bytes};
        break;
    case 2:
        *out = (struct otlp_value){.type = OTLP_BOOL, .integer = field->value != 0};
        break;
    case 3:
        *out = (struct otlp_value){.type = OTLP_INT, .integer = (int64_t)field->value};
        break;
    case 4:
        *out = (struct otlp_value){.type = OTLP_DOUBLE, .number = protobuf_double(field)};
        break;
    case 7:
        *out = (struct otlp_value){.type = OTLP_BYTES, .text = field->bytes};
        break;
    default: /* lists, which the caller enters */
        out->type = OTLP_LIST;
        out->text = field->bytes;
        break;
    }
    return ERR_OK;
}

enum errc otlp_protobuf_value(struct protobuf reader, struct otlp_value *out,
                              struct protobuf_field *out_list, struct err *err)
{
    struct protobuf_field field;
    enum errc code = ERR_OK;
    *out_list = (struct protobuf_field){0};
    while (protobuf_walk(&reader, &field, &code, err)) {
        code = read_scalar(&field, out, err);
        if (field.number >= 1 && field.number <= 7) {
            *out_list = out->type == OTLP_LIST ? field : (struct protobuf_field){0};
        }
    }
    return code;
}

/* A size of one or two bytes, and as many bytes to the very end. */
static bool rest_is_sized(const unsigned char *bytes, size_t size, struct str *out)
{
    const size_t head = size > 0 && bytes[0] < 0x80 ? 1 : 2;
    if (size < head || (head == 2 && bytes[1] > 0x7f)) {
        return false;
    }
    const size_t told = head == 1 ? bytes[0] : (size_t)(bytes[0] & 0x7f) | (size_t)bytes[1] << 7;
    *out = (struct str){(const char *)bytes + head, told};
    return told == size - head;
}

/*
 * A pair as everybody writes it: a short key, then a value of one text, number or flag, nothing
 * else. False: another, perhaps a wrong one, and *out is not set.
 */
static bool pair_is_plain(struct str message, struct otlp_pair *out)
{
    enum { KEY = 1 << 3 | 2, VALUE = 2 << 3 | 2 };
    enum { TEXT = 1 << 3 | 2, FLAG = 2 << 3, INTEGER = 3 << 3, NUMBER = 4 << 3 | 1 };
    const unsigned char *const bytes = (const unsigned char *)message.data;
    const size_t size = message.size;
    if (size < 6 || bytes[0] != KEY || bytes[1] > 0x7f || size < (size_t)bytes[1] + 6) {
        return false;
    }
    const size_t after = 2 + (size_t)bytes[1];
    struct str value;
    if (bytes[after] != VALUE || !rest_is_sized(bytes + after + 1, size - after - 1, &value) ||
        value.size < 2) {
        return false;
    }
    const unsigned char *const at = (const unsigned char *)value.data;
    struct otlp_value read = {0};
    if (at[0] == TEXT && rest_is_sized(at + 1, value.size - 1, &read.text)) {
        read.type = OTLP_TEXT;
    } else if ((at[0] == INTEGER || at[0] == FLAG) && value.size == 2 && at[1] < 0x80) {
        read.type = at[0] == INTEGER ? OTLP_INT : OTLP_BOOL;
        read.integer = at[0] == INTEGER ? at[1] : at[1] != 0;
    } else if (at[0] == INTEGER && value.size == 3 && at[1] > 0x7f && at[2] < 0x80) {
        read.type = OTLP_INT;
        read.integer = (at[1] & 0x7f) | at[2] << 7;
    } else if (at[0] == NUMBER && value.size == 1 + sizeof read.number) {
        read.type = OTLP_DOUBLE;
        memcpy(&read.number, at + 1, sizeof read.number);
    } else {
        return false;
    }
    *out = (struct otlp_pair){.key = {message.data + 2, bytes[1]}, .value = read};
    return true;
}

enum errc otlp_protobuf_pair(struct protobuf reader, struct otlp_pair *out, struct err *err)
{
    struct protobuf_field field;
    if (!reader.is_head && pair_is_plain(reader.rest, out)) {
        return ERR_OK;
    }
    *out = (struct otlp_pair){0};
    enum errc code = ERR_OK;
    while (protobuf_walk(&reader, &field, &code, err)) {
        if (field.number == 1 || field.number == 2) {
            code = protobuf_expect(&field, PROTOBUF_BYTES, err);
        }
        if (code == ERR_OK && field.number == 1) {
            out->key = field.bytes;
        } else if (code == ERR_OK && field.number == 2) {
            code = otlp_protobuf_value(protobuf_enter(&field), &out->value, &out->list, err);
        }
    }
    return code;
}

/* The first text of an ArrayValue. */
static enum errc first_text(const struct protobuf_field *list, struct otlp_value *out,
                            struct err *err)
{
    struct protobuf reader = protobuf_enter(list);
    struct protobuf_field field;
    out->text = (struct str){0};
    enum errc code = ERR_OK;
    while (protobuf_walk(&reader, &field, &code, err)) {
        struct otlp_value value = {0};
        struct protobuf_field inner;
        code = field.number == 1 ? protobuf_expect(&field, PROTOBUF_BYTES, err) : code;
        if (code == ERR_OK && field.number == 1) {
            code = otlp_protobuf_value(protobuf_enter(&field), &value, &inner, err);
        }
        if (value.type == OTLP_TEXT) {
            out->text = value.text;
            return code;
        }
    }
    return code;
}

/* "outer.inner", in the arena. */
static struct str join(struct otlp *otlp, struct str outer, struct str inner)
{
    if (outer.size == 0) {
        return inner;
    }
    return wire_format_copy(otlp->rows, STR_FORMAT "." STR_FORMAT, STR_ARG(outer), STR_ARG(inner));
}

enum errc otlp_protobuf_attribute(struct otlp *otlp, struct protobuf reader, void *context,
                                  struct err *err)
{
    CHECK(context == NULL);
    struct otlp_attributes *const attributes = &otlp->attributes;
    struct {
        struct protobuf reader;
        struct str prefix;
    } stack[OTLP_DEPTH_MAX];
    size_t depth = 0;
    struct str prefix = {0};
    for (;;) {
        struct otlp_pair pair;
        enum errc code = otlp_protobuf_pair(reader, &pair, err);
        if (code == ERR_OK && pair.value.type == OTLP_LIST && pair.list.number == 5) {
            code = first_text(&pair.list, &pair.value, err);
        }
        if (code != ERR_OK) {
            return code;
        }
        const struct str key = join(otlp, prefix, pair.key);
        if (pair.value.type == OTLP_LIST && pair.list.number == 6) {
            if (depth < OTLP_DEPTH_MAX) {
                stack[depth].reader = protobuf_enter(&pair.list);
                stack[depth].prefix = key;
                depth++;
            } else {
                attributes->passed_over++;
            }
        } else {
            otlp_attribute_add(attributes, key, pair.value);
        }
        bool found = false;
        while (depth > 0 && !found) { /* the next member of the innermost map */
            struct protobuf_field field;
            code = protobuf_next(&stack[depth - 1].reader, &field, &found, err);
            code = code == ERR_OK && found ? protobuf_expect(&field, PROTOBUF_BYTES, err) : code;
            if (code != ERR_OK) {
                return code;
            }
            if (!found) {
                depth--;
            } else {
                found = field.number == 1;
                prefix = stack[depth - 1].prefix;
                reader = protobuf_enter(&field);
            }
        }
        if (!found) {
            return ERR_OK;
        }
    }
}

/* The first field of that number that is a message; false: none, or no protobuf. */
static bool first_message(struct protobuf reader, uint32_t number, struct protobuf *out)
{
    struct protobuf_field field;
    struct err err;
    bool found = false;
    while (protobuf_next(&reader, &field, &found, &err) == ERR_OK && found) {
        if (field.number == number) {
            *out = field.kind == PROTOBUF_BYTES ? protobuf_enter(&field) : reader;
            out->is_head = true;
            return field.kind == PROTOBUF_BYTES;
        }
    }
    return false;
}

/* Spans begin with an id of 16 bytes, log records with a fixed64, metrics with a name. */
bool otlp_protobuf_sniff(struct str bytes, enum otlp_signal *out)
{
    CHECK(out != NULL);
    struct protobuf reader = protobuf_open(bytes);
    struct protobuf_field field;
    struct err err;
    bool found = false;
    reader.is_head = true;
    if (!first_message(reader, 1, &reader) || !first_message(reader, 2, &reader) ||
        !first_message(reader, 2, &reader)) {
        return false;
    }
    bool has_id = false;
    bool has_name = false;
    bool has_time = false;
    bool has_data = false;
    bool has_log = false;
    while (protobuf_next(&reader, &field, &found, &err) == ERR_OK && found) {
        const bool is_bytes = field.kind == PROTOBUF_BYTES;
        const bool is_fixed = field.kind == PROTOBUF_FIXED64;
        has_id = has_id || (field.number == 1 && is_bytes && field.bytes.size == 16);
        has_name = has_name || (field.number == 1 && is_bytes);
        has_time = has_time || ((field.number == 7 || field.number == 8) && is_fixed);
        has_data = has_data || (is_bytes && (field.number == 5 || field.number == 7 ||
                                             field.number == 9 || field.number == 10));
        has_log = has_log || ((field.number == 1 || field.number == 11) && is_fixed);
    }
    *out = has_log ? OTLP_LOGS : has_id && has_time ? OTLP_TRACES : OTLP_METRICS;
    return has_log || (has_id && has_time) || (has_name && has_data);
}
