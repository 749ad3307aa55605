/* otlp_building: a request from a case of test/fixtures/otlp_dialects.json, in either encoding. */
#ifndef UNIT_WIRE_OTLP_BUILDING_H
#define UNIT_WIRE_OTLP_BUILDING_H

#include "base/json.h"
#include "wire/otlp.h"

enum { OTLP_BUILDING_BYTES_MAX = 64 << 10 };

/* The whole of a fixture file, parsed; absent when it is not there. Static memory. */
struct json otlp_fixture(const char *name);

/*
 * The request of one case: its "signal" (traces unless it says logs or metrics), "resource",
 * "scope", "name", "attributes" and, of metrics, "value" and "temporality". Ids and times are
 * fixed unless the case says them. Static memory, good until the next call.
 */
struct str otlp_building(struct json from, enum otlp_encoding encoding, enum otlp_signal *out);

/* One protobuf field of bytes, of a varint and of a fixed64, behind `out`. */
struct text;
void otlp_put_bytes(struct text *out, uint32_t number, struct str bytes);
void otlp_put_varint(struct text *out, uint32_t number, uint64_t value);
void otlp_put_fixed(struct text *out, uint32_t number, uint64_t value);

/* The bytes of hexadecimal digits. Static memory. */
struct str otlp_unhex(struct str hex);

#endif
