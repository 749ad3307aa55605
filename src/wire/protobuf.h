/*
 * protobuf: the fields of one protobuf message, one by one, without copying.
 *
 *   bytes -> protobuf_next() -> number, kind, value or bytes
 *
 * A nested message is the bytes of a field, read with a reader of its own: nothing here recurses,
 * so depth is the caller's to bound. Unknown fields are the caller's to pass over, which costs
 * nothing. Pure. Source: protobuf.dev/programming-guides/encoding.
 */
#ifndef WIRE_PROTOBUF_H
#define WIRE_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/err.h"
#include "base/str.h"

enum { PROTOBUF_FIELD_MAX = (1 << 29) - 1 };

/* Wire types, by their number on the wire. Groups (3, 4) are refused. */
enum protobuf_kind {
    PROTOBUF_VARINT = 0,
    PROTOBUF_FIXED64 = 1,
    PROTOBUF_BYTES = 2,
    PROTOBUF_FIXED32 = 5,
};

/* Plain data: the rest of a message. */
struct protobuf {
    struct str rest;
    size_t offset; /* of the rest in what was received, for messages to people */
    bool is_head;  /* the rest may be cut short: a field that goes on behind it is cut, too */
};

struct protobuf_field {
    uint32_t number; /* 1..PROTOBUF_FIELD_MAX */
    enum protobuf_kind kind;
    uint64_t value;   /* of a varint or fixed field, as its bits stand */
    struct str bytes; /* of a PROTOBUF_BYTES field; borrowed from the message */
    size_t offset;    /* in what was received: of its tag; of PROTOBUF_BYTES, of its bytes */
};

/* A reader of a whole request. */
struct protobuf protobuf_open(struct str bytes);
/* A reader of the message that a PROTOBUF_BYTES field holds. */
static inline struct protobuf protobuf_enter(const struct protobuf_field *field)
{
    CHECK(field->kind == PROTOBUF_BYTES);
    return (struct protobuf){.rest = field->bytes, .offset = field->offset};
}

/*
 * The next field.
 *
 * *out_found  false: the message ends here, and *out is not set.
 *
 * Errors: ERR_TRUNCATED  the field goes on behind the message's end.
 *         ERR_SYNTAX     a varint above 64 bits, a tag or size of more than 5 bytes, a field number
 *                        out of range, a group, a wire type that does not exist. The text names
 *                        the byte.
 */
MUST_CHECK static inline enum errc protobuf_next(struct protobuf *reader,
                                                 struct protobuf_field *out, bool *out_found,
                                                 struct err *err);

/* That a field is of that kind. Errors: ERR_SYNTAX. */
MUST_CHECK enum errc protobuf_expect(const struct protobuf_field *field, enum protobuf_kind kind,
                                     struct err *err);

/* protobuf_next() of a message that has not ended, whatever the field. */
MUST_CHECK enum errc protobuf_next_long(struct protobuf *reader, struct protobuf_field *out,
                                        bool *out_found, struct err *err);

/* Most fields are bytes, with a tag and a size of one byte each: those at once, where they are
 * asked for. */
static inline enum errc protobuf_next(struct protobuf *reader, struct protobuf_field *out,
                                      bool *out_found, struct err *err)
{
    const unsigned char *const bytes = (const unsigned char *)reader->rest.data;
    const size_t size = reader->rest.size;
    *out_found = size > 0;
    if (size == 0) {
        return ERR_OK;
    }
    if (size < 2 || bytes[0] < 8 || bytes[0] > 0x7f || (bytes[0] & 7) != PROTOBUF_BYTES ||
        bytes[1] > 0x7f || bytes[1] > size - 2) {
        return protobuf_next_long(reader, out, out_found, err);
    }
    const size_t whole = 2 + (size_t)bytes[1];
    *out = (struct protobuf_field){.number = bytes[0] >> 3,
                                   .kind = PROTOBUF_BYTES,
                                   .bytes = {reader->rest.data + 2, bytes[1]},
                                   .offset = reader->offset + 2};
    reader->rest = (struct str){reader->rest.data + whole, size - whole};
    reader->offset += whole;
    return ERR_OK;
}

/*
 * One step of a walk through a message: the next field, as long as all went well.
 *
 * *io_code  ERR_OK before the first step; what it is told in between ends the walk, too.
 *
 * False: the message has ended, or *io_code tells why not; those of protobuf_next(). *out is not
 * set.
 */
MUST_CHECK static inline bool protobuf_walk(struct protobuf *reader, struct protobuf_field *out,
                                            enum errc *io_code, struct err *err)
{
    bool found = false;
    if (*io_code == ERR_OK) {
        *io_code = protobuf_next(reader, out, &found, err);
    }
    return *io_code == ERR_OK && found;
}

/* The bits of a fixed64 field as a number. */
double protobuf_double(const struct protobuf_field *field);

#endif
