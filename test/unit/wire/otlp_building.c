#include "otlp_building.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/text.h"

enum { FIXTURE_BYTES_MAX = 1 << 20, DEPTH_MAX = 12 };

static const char default_trace[] = "0af7651916cd43dd8448eb211c80319c";
static const char default_span[] = "b7ad6b7169203331";
static const char default_start[] = "1763802000000000000";
static const char default_end[] = "1763802002500000000";

struct json otlp_fixture(const char *name)
{
    static struct json_parser *parser;
    static char bytes[FIXTURE_BYTES_MAX];
    struct json root = {0};
    struct err err;
    const char *const folder = getenv("FIXTURES");
    snprintf(bytes, sizeof bytes, "%s/%s", folder != NULL ? folder : "test/fixtures", name);
    FILE *const file = fopen(bytes, "rb");
    if (file == NULL) {
        return root;
    }
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    if (parser == NULL) {
        json_parser_create(&parser, FIXTURE_BYTES_MAX);
    }
    if (json_parse(parser, (struct str){bytes, size}, size, &root, &err) != ERR_OK) {
        fprintf(stderr, "%s: %s\n", name, err.text);
        return (struct json){0};
    }
    return root;
}

static void put_raw_varint(struct text *out, uint64_t value)
{
    while (value >= 0x80) {
        text_char(out, (char)(0x80 | (value & 0x7f)));
        value >>= 7;
    }
    text_char(out, (char)value);
}

void otlp_put_bytes(struct text *out, uint32_t number, struct str bytes)
{
    put_raw_varint(out, (uint64_t)number << 3 | 2);
    put_raw_varint(out, bytes.size);
    text_add(out, bytes);
}

void otlp_put_varint(struct text *out, uint32_t number, uint64_t value)
{
    put_raw_varint(out, (uint64_t)number << 3);
    put_raw_varint(out, value);
}

void otlp_put_fixed(struct text *out, uint32_t number, uint64_t value)
{
    put_raw_varint(out, (uint64_t)number << 3 | 1);
    for (int i = 0; i < 8; i++) {
        text_char(out, (char)(value >> (8 * i) & 0xff));
    }
}

struct str otlp_unhex(struct str hex)
{
    static char bytes[64];
    CHECK(hex.size / 2 <= sizeof bytes);
    for (size_t i = 0; i < hex.size / 2; i++) {
        const char pair[3] = {hex.data[2 * i], hex.data[2 * i + 1], '\0'};
        bytes[i] = (char)strtoul(pair, NULL, 16);
    }
    return (struct str){bytes, hex.size / 2};
}

static struct str text_or(struct json from, const char *name, const char *otherwise)
{
    const struct str told = json_str(json_get(from, name));
    return told.data != NULL ? told : str_from(otherwise);
}

static uint64_t time_or(struct json from, const char *name, const char *otherwise)
{
    const struct str told = text_or(from, name, otherwise);
    char digits[32];
    snprintf(digits, sizeof digits, STR_FORMAT, STR_ARG(told));
    return strtoull(digits, NULL, 10);
}

/* Protobuf: a message is written into a text of its own, then into the one around it. */

static void put_value(struct text *out, struct json value)
{
    double number;
    uint64_t bits;
    struct text inner;
    switch (json_kind(value)) {
    case JSON_STRING:
        otlp_put_bytes(out, 1, json_str(value));
        break;
    case JSON_BOOL:
        otlp_put_varint(out, 2, json_bool(value, false));
        break;
    case JSON_INT64:
        otlp_put_varint(out, 3, (uint64_t)json_int64(value, 0));
        break;
    case JSON_DOUBLE:
        number = json_double(value, 0);
        memcpy(&bits, &number, sizeof bits);
        otlp_put_fixed(out, 4, bits);
        break;
    case JSON_ARRAY: {
        struct json_cursor cursor = json_iter(value);
        struct json item;
        struct text list;
        text_init(&list, OTLP_BUILDING_BYTES_MAX);
        while (json_next(&cursor, NULL, &item)) {
            text_init(&inner, OTLP_BUILDING_BYTES_MAX);
            CHECK(json_kind(item) == JSON_STRING);
            otlp_put_bytes(&inner, 1, json_str(item));
            otlp_put_bytes(&list, 1, text_str(&inner));
            text_deinit(&inner);
        }
        otlp_put_bytes(out, 5, text_str(&list));
        text_deinit(&list);
        break;
    }
    case JSON_ABSENT:
    case JSON_NULL:
    case JSON_UINT64:
    case JSON_OBJECT:
        break;
    }
}

static void put_attributes(struct text *out, uint32_t number, struct json attributes)
{
    struct json_cursor cursor = json_iter(attributes);
    struct str key;
    struct json value;
    while (json_next(&cursor, &key, &value)) {
        struct text pair;
        struct text inner;
        text_init(&pair, OTLP_BUILDING_BYTES_MAX);
        text_init(&inner, OTLP_BUILDING_BYTES_MAX);
        put_value(&inner, value);
        otlp_put_bytes(&pair, 1, key);
        otlp_put_bytes(&pair, 2, text_str(&inner));
        otlp_put_bytes(out, number, text_str(&pair));
        text_deinit(&inner);
        text_deinit(&pair);
    }
}

static void put_span(struct text *out, struct json from)
{
    otlp_put_bytes(out, 1, otlp_unhex(text_or(from, "trace", default_trace)));
    otlp_put_bytes(out, 2, otlp_unhex(text_or(from, "span", default_span)));
    otlp_put_bytes(out, 5, text_or(from, "name", "a span"));
    otlp_put_varint(out, 6, 3);
    otlp_put_fixed(out, 7, time_or(from, "start", default_start));
    otlp_put_fixed(out, 8, time_or(from, "end", default_end));
    put_attributes(out, 9, json_get(from, "attributes"));
    if (json_bool(json_get(from, "error"), false)) {
        struct text status;
        text_init(&status, OTLP_BUILDING_BYTES_MAX);
        otlp_put_varint(&status, 3, 2);
        otlp_put_bytes(out, 15, text_str(&status));
        text_deinit(&status);
    }
}

static void put_log(struct text *out, struct json from)
{
    struct text body;
    text_init(&body, OTLP_BUILDING_BYTES_MAX);
    otlp_put_fixed(out, 1, time_or(from, "end", default_end));
    otlp_put_bytes(&body, 1, text_or(from, "body", ""));
    otlp_put_bytes(out, 5, text_str(&body));
    put_attributes(out, 6, json_get(from, "attributes"));
    otlp_put_bytes(out, 9, otlp_unhex(text_or(from, "trace", "")));
    otlp_put_bytes(out, 10, otlp_unhex(text_or(from, "span", "")));
    otlp_put_bytes(out, 12, text_or(from, "name", ""));
    text_deinit(&body);
}

static void put_metric(struct text *out, struct json from)
{
    struct text point;
    struct text sum;
    text_init(&point, OTLP_BUILDING_BYTES_MAX);
    text_init(&sum, OTLP_BUILDING_BYTES_MAX);
    const double value = json_double(json_get(from, "value"), 0);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    otlp_put_fixed(&point, 2, time_or(from, "start", default_start));
    otlp_put_fixed(&point, 3, time_or(from, "end", default_end));
    otlp_put_fixed(&point, 4, bits);
    put_attributes(&point, 7, json_get(from, "attributes"));
    otlp_put_bytes(&sum, 1, text_str(&point));
    otlp_put_varint(&sum, 2, (uint64_t)json_int64(json_get(from, "temporality"), 1));
    otlp_put_bytes(out, 1, text_or(from, "name", ""));
    otlp_put_bytes(out, 7, text_str(&sum));
    text_deinit(&sum);
    text_deinit(&point);
}

static void build_protobuf(struct text *out, struct json from, enum otlp_signal signal)
{
    static void (*const records[OTLP_SIGNAL_COUNT])(struct text *, struct json) = {
        [OTLP_TRACES] = put_span, [OTLP_LOGS] = put_log, [OTLP_METRICS] = put_metric};
    struct text parts[5]; /* record, scope, scopes, resource, envelope */
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        text_init(&parts[i], OTLP_BUILDING_BYTES_MAX);
    }
    records[signal](&parts[0], from);
    otlp_put_bytes(&parts[1], 1, text_or(from, "scope", ""));
    otlp_put_bytes(&parts[2], 2, text_str(&parts[0])); /* before the scope, as is allowed */
    otlp_put_bytes(&parts[2], 1, text_str(&parts[1]));
    put_attributes(&parts[3], 1, json_get(from, "resource"));
    otlp_put_bytes(&parts[4], 2, text_str(&parts[2]));
    otlp_put_bytes(&parts[4], 1, text_str(&parts[3]));
    otlp_put_bytes(out, 1, text_str(&parts[4]));
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        text_deinit(&parts[i]);
    }
}

/* JSON */

static void write_value(struct text *out, struct json value)
{
    json_open_object(out);
    switch (json_kind(value)) {
    case JSON_STRING:
        json_name(out, "stringValue");
        json_put_str(out, json_str(value));
        break;
    case JSON_BOOL:
        json_name(out, "boolValue");
        json_put_bool(out, json_bool(value, false));
        break;
    case JSON_INT64: { /* the mapping's text; numbers are what other tests send */
        char digits[24];
        const int size = snprintf(digits, sizeof digits, "%lld", (long long)json_int64(value, 0));
        json_name(out, "intValue");
        json_put_str(out, (struct str){digits, (size_t)size});
        break;
    }
    case JSON_DOUBLE:
        json_name(out, "doubleValue");
        json_put_double(out, json_double(value, 0));
        break;
    case JSON_ARRAY: {
        struct json_cursor cursor = json_iter(value);
        struct json item;
        json_name(out, "arrayValue");
        json_open_object(out);
        json_name(out, "values");
        json_open_array(out);
        while (json_next(&cursor, NULL, &item)) {
            json_open_object(out);
            json_name(out, "stringValue");
            json_put_str(out, json_str(item));
            json_close_object(out);
        }
        json_close_array(out);
        json_close_object(out);
        break;
    }
    case JSON_ABSENT:
    case JSON_NULL:
    case JSON_UINT64:
    case JSON_OBJECT:
        break;
    }
    json_close_object(out);
}

static void write_attributes(struct text *out, struct json attributes)
{
    struct json_cursor cursor = json_iter(attributes);
    struct str key;
    struct json value;
    json_name(out, "attributes");
    json_open_array(out);
    while (json_next(&cursor, &key, &value)) {
        json_open_object(out);
        json_name(out, "key");
        json_put_str(out, key);
        json_name(out, "value");
        write_value(out, value);
        json_close_object(out);
    }
    json_close_array(out);
}

static void member(struct text *out, const char *name, struct str value)
{
    json_name(out, name);
    json_put_str(out, value);
}

static void write_metric(struct text *out, struct json from)
{
    member(out, "name", text_or(from, "name", ""));
    json_name(out, "sum");
    json_open_object(out);
    json_name(out, "aggregationTemporality");
    json_put_int64(out, json_int64(json_get(from, "temporality"), 1));
    json_name(out, "dataPoints");
    json_open_array(out);
    json_open_object(out);
    member(out, "startTimeUnixNano", text_or(from, "start", default_start));
    member(out, "timeUnixNano", text_or(from, "end", default_end));
    json_name(out, "asDouble");
    json_put_double(out, json_double(json_get(from, "value"), 0));
    write_attributes(out, json_get(from, "attributes"));
    json_close_object(out);
    json_close_array(out);
    json_close_object(out);
}

static void write_record(struct text *out, struct json from, enum otlp_signal signal)
{
    json_open_object(out);
    if (signal == OTLP_METRICS) {
        write_metric(out, from);
    } else {
        const bool is_span = signal == OTLP_TRACES;
        member(out, "traceId", text_or(from, "trace", is_span ? default_trace : ""));
        member(out, "spanId", text_or(from, "span", is_span ? default_span : ""));
        member(out, is_span ? "name" : "eventName", text_or(from, "name", ""));
        if (is_span) {
            member(out, "startTimeUnixNano", text_or(from, "start", default_start));
            member(out, "endTimeUnixNano", text_or(from, "end", default_end));
            json_name(out, "status");
            json_open_object(out);
            json_name(out, "code");
            json_put_int64(out, json_bool(json_get(from, "error"), false) ? 2 : 0);
            json_close_object(out);
        } else {
            member(out, "timeUnixNano", text_or(from, "end", default_end));
            json_name(out, "body");
            json_open_object(out);
            member(out, "stringValue", text_or(from, "body", ""));
            json_close_object(out);
        }
        write_attributes(out, json_get(from, "attributes"));
    }
    json_close_object(out);
}

static void build_json(struct text *out, struct json from, enum otlp_signal signal)
{
    static const char *const names[OTLP_SIGNAL_COUNT][3] = {
        [OTLP_TRACES] = {"resourceSpans", "scopeSpans", "spans"},
        [OTLP_LOGS] = {"resourceLogs", "scopeLogs", "logRecords"},
        [OTLP_METRICS] = {"resourceMetrics", "scopeMetrics", "metrics"}};
    json_open_object(out);
    json_name(out, names[signal][0]);
    json_open_array(out);
    json_open_object(out);
    json_name(out, "resource");
    json_open_object(out);
    write_attributes(out, json_get(from, "resource"));
    json_close_object(out);
    json_name(out, names[signal][1]);
    json_open_array(out);
    json_open_object(out);
    json_name(out, "scope");
    json_open_object(out);
    member(out, "name", text_or(from, "scope", ""));
    json_close_object(out);
    json_name(out, names[signal][2]);
    json_open_array(out);
    write_record(out, from, signal);
    json_close_array(out);
    json_close_object(out);
    json_close_array(out);
    json_close_object(out);
    json_close_array(out);
    json_close_object(out);
}

struct str otlp_building(struct json from, enum otlp_encoding encoding, enum otlp_signal *out)
{
    static char bytes[OTLP_BUILDING_BYTES_MAX];
    const struct str told = text_or(from, "signal", "traces");
    const enum otlp_signal signal = str_equal(told, STR("logs"))      ? OTLP_LOGS
                                    : str_equal(told, STR("metrics")) ? OTLP_METRICS
                                                                      : OTLP_TRACES;
    struct text text;
    text_init(&text, sizeof bytes);
    if (encoding == OTLP_PROTOBUF) {
        build_protobuf(&text, from, signal);
    } else {
        build_json(&text, from, signal);
    }
    CHECK(!text_is_full(&text));
    const size_t size = text.size;
    memcpy(bytes, text.data, size);
    text_deinit(&text);
    *out = signal;
    return (struct str){bytes, size};
}
