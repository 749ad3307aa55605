/*
 * OTLP/JSON requests -> records. Ids are hexadecimal in either case, 64-bit integers are numbers
 * or strings, enums are numbers; names of enums and snake_case members, which the original protobuf
 * mapping knows and some programs send, are taken too. Unknown members are passed over.
 * Source: opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding".
 */
#include "base/check.h"
#include "wire/otlp_priv.h"

/* A member by its name in either style. */
static struct json member(struct json object, const char *camel, const char *snake)
{
    const struct json node = json_get(object, camel);
    return json_kind(node) != JSON_ABSENT || snake == NULL ? node : json_get(object, snake);
}

/* nanoUnix times and other 64-bit figures; above int64_t, or none: 0. */
static uint64_t unsigned_of(struct json node)
{
    const int64_t value = json_int64(node, 0);
    return value > 0 ? (uint64_t)value : 0;
}

static struct otlp_value scalar_of(struct json any)
{
    struct json node = member(any, "stringValue", "string_value");
    if (json_kind(node) == JSON_STRING) {
        return (struct otlp_value){.type = OTLP_TEXT, .text = json_str(node)};
    }
    node = member(any, "intValue", "int_value");
    if (json_kind(node) != JSON_ABSENT) {
        const int64_t low = json_int64(node, INT64_MIN);
        const bool is_int = low == json_int64(node, INT64_MAX);
        return is_int ? (struct otlp_value){.type = OTLP_INT, .integer = low}
                      : (struct otlp_value){.type = OTLP_TEXT, .text = json_str(node)};
    }
    node = member(any, "doubleValue", "double_value");
    if (json_kind(node) != JSON_ABSENT) { /* "NaN" and "Infinity" come as text */
        return json_is_number(node)
                   ? (struct otlp_value){.type = OTLP_DOUBLE, .number = json_double(node, 0)}
                   : (struct otlp_value){.type = OTLP_TEXT, .text = json_str(node)};
    }
    node = member(any, "boolValue", "bool_value");
    if (json_kind(node) == JSON_BOOL) {
        return (struct otlp_value){.type = OTLP_BOOL, .integer = json_bool(node, false)};
    }
    node = member(any, "bytesValue", "bytes_value");
    return json_kind(node) == JSON_STRING
               ? (struct otlp_value){.type = OTLP_BYTES, .text = json_str(node)}
               : (struct otlp_value){0};
}

static struct otlp_value list_of(struct json array)
{
    struct otlp_value value = {.type = OTLP_LIST};
    struct json_cursor cursor = json_iter(json_get(array, "values"));
    struct json item;
    while (value.text.size == 0 && json_next(&cursor, NULL, &item)) {
        value.text = json_str(member(item, "stringValue", "string_value"));
    }
    return value;
}

static void add_attributes(struct otlp *otlp, struct json list)
{
    struct {
        struct json_cursor cursor;
        struct str prefix;
    } stack[OTLP_DEPTH_MAX + 1];
    size_t depth = 1;
    stack[0].cursor = json_iter(list);
    stack[0].prefix = (struct str){0};
    while (depth > 0) {
        struct json pair;
        if (!json_next(&stack[depth - 1].cursor, NULL, &pair)) {
            depth--;
            continue;
        }
        const struct str outer = stack[depth - 1].prefix;
        const struct str inner = json_str(json_get(pair, "key"));
        const struct str key = outer.size == 0
                                   ? inner
                                   : wire_format_copy(otlp->rows, STR_FORMAT "." STR_FORMAT,
                                                      STR_ARG(outer), STR_ARG(inner));
        const struct json value = json_get(pair, "value");
        const struct json map = member(value, "kvlistValue", "kvlist_value");
        const struct json array = member(value, "arrayValue", "array_value");
        if (json_kind(map) == JSON_OBJECT && depth <= OTLP_DEPTH_MAX) {
            stack[depth].cursor = json_iter(json_get(map, "values"));
            stack[depth].prefix = key;
            depth++;
        } else if (json_kind(map) == JSON_OBJECT) {
            otlp->attributes.passed_over++;
        } else if (json_kind(array) == JSON_OBJECT) {
            otlp_attribute_add(&otlp->attributes, key, list_of(array));
        } else {
            otlp_attribute_add(&otlp->attributes, key, scalar_of(value));
        }
    }
}

static void take_ids(struct otlp_record *record, struct json node)
{
    if (!otlp_id_of_hex(&record->trace, json_str(member(node, "traceId", "trace_id")),
                        OTLP_TRACE_HEX)) {
        record->reject = "a trace id that is not 32 hexadecimal digits";
    } else if (!otlp_id_of_hex(&record->span, json_str(member(node, "spanId", "span_id")),
                               OTLP_SPAN_HEX)) {
        record->reject = "a span id that is not 16 hexadecimal digits";
    } else if (!otlp_id_of_hex(&record->parent,
                               json_str(member(node, "parentSpanId", "parent_span_id")),
                               OTLP_SPAN_HEX)) {
        record->reject = "a parent span id that is not 16 hexadecimal digits";
    }
}

static void take_span_events(struct otlp *otlp, struct json list)
{
    struct json_cursor cursor = json_iter(list);
    struct json event;
    while (json_next(&cursor, NULL, &event)) {
        const struct str name = json_str(json_get(event, "name"));
        otlp->record.tries += str_equal(name, STR("gen_ai.request.attempt"));
        const bool is_exception = str_equal(name, STR("exception"));
        struct json_cursor pairs = json_iter(json_get(event, "attributes"));
        struct json pair;
        while (json_next(&pairs, NULL, &pair)) {
            const struct str key = json_str(json_get(pair, "key"));
            if (is_exception && str_equal(key, STR("exception.type"))) {
                otlp->record.exception = scalar_of(json_get(pair, "value")).text;
            }
            otlp->record.may_decide = otlp->record.may_decide || wire_starts_with(key, "bursar");
        }
    }
}

/* Of a span that was taken. */
static void take_span_decisions(struct otlp *otlp, struct json list)
{
    struct json_cursor cursor = json_iter(list);
    struct json event;
    while (otlp->record.may_decide && json_next(&cursor, NULL, &event)) {
        if (otlp_begin_span_event(otlp)) {
            add_attributes(otlp, json_get(event, "attributes"));
            otlp_take_span_event(
                otlp, json_str(json_get(event, "name")),
                otlp_time(unsigned_of(member(event, "timeUnixNano", "time_unix_nano"))));
        }
    }
}

static void take_span(struct otlp *otlp, struct json span)
{
    struct otlp_record *const record = &otlp->record;
    otlp_begin_record(otlp);
    take_ids(record, span);
    record->name = json_str(json_get(span, "name"));
    record->started_ns =
        otlp_time(unsigned_of(member(span, "startTimeUnixNano", "start_time_unix_nano")));
    record->ended_ns =
        otlp_time(unsigned_of(member(span, "endTimeUnixNano", "end_time_unix_nano")));
    const struct json status = json_get(span, "status");
    const struct json code = json_get(status, "code");
    record->is_error =
        json_int64(code, 0) == 2 || str_equal(json_str(code), STR("STATUS_CODE_ERROR"));
    record->message = json_str(json_get(status, "message"));
    const struct json events = json_get(span, "events");
    take_span_events(otlp, events);
    add_attributes(otlp, json_get(span, "attributes"));
    otlp_take(otlp, OTLP_TRACES);
    take_span_decisions(otlp, events);
}

static void take_log(struct otlp *otlp, struct json log)
{
    struct otlp_record *const record = &otlp->record;
    otlp_begin_record(otlp);
    take_ids(record, log);
    record->name = json_str(member(log, "eventName", "event_name"));
    record->body = scalar_of(json_get(log, "body")).text;
    record->ended_ns = otlp_time(unsigned_of(member(log, "timeUnixNano", "time_unix_nano")));
    record->started_ns =
        otlp_time(unsigned_of(member(log, "observedTimeUnixNano", "observed_time_unix_nano")));
    add_attributes(otlp, json_get(log, "attributes"));
    otlp_take(otlp, OTLP_LOGS);
}

static void take_points(struct otlp *otlp, struct json metric, struct json data)
{
    const struct json temporality =
        member(data, "aggregationTemporality", "aggregation_temporality");
    const bool is_cumulative =
        json_int64(temporality, 0) == 2 ||
        str_equal(json_str(temporality), STR("AGGREGATION_TEMPORALITY_CUMULATIVE"));
    struct json_cursor cursor = json_iter(member(data, "dataPoints", "data_points"));
    struct json point;
    while (json_next(&cursor, NULL, &point)) {
        struct otlp_record *const record = &otlp->record;
        otlp_begin_record(otlp);
        record->reject = json_kind(point) == JSON_OBJECT ? NULL : "a data point that is no object";
        record->name = json_str(json_get(metric, "name"));
        record->is_cumulative = is_cumulative;
        record->started_ns =
            otlp_time(unsigned_of(member(point, "startTimeUnixNano", "start_time_unix_nano")));
        record->ended_ns = otlp_time(unsigned_of(member(point, "timeUnixNano", "time_unix_nano")));
        struct json value = member(point, "asInt", "as_int");
        value = json_kind(value) != JSON_ABSENT ? value : member(point, "asDouble", "as_double");
        value = json_kind(value) != JSON_ABSENT ? value : json_get(point, "sum");
        record->value = json_double(value, (double)json_int64(value, 0));
        add_attributes(otlp, json_get(point, "attributes"));
        otlp_take(otlp, OTLP_METRICS);
    }
}

static void take_metric(struct otlp *otlp, struct json metric)
{
    static const char *const kinds[] = {"gauge", "sum", "histogram", "exponentialHistogram",
                                        "exponential_histogram"};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        take_points(otlp, metric, json_get(metric, kinds[i]));
    }
}

static const struct {
    const char *envelopes[2]; /* camelCase, snake_case */
    const char *scopes[2];
    const char *records[2];
    void (*take)(struct otlp *otlp, struct json record);
} signals[OTLP_SIGNAL_COUNT] = {
    [OTLP_TRACES] = {{"resourceSpans", "resource_spans"},
                     {"scopeSpans", "scope_spans"},
                     {"spans", NULL},
                     take_span},
    [OTLP_LOGS] = {{"resourceLogs", "resource_logs"},
                   {"scopeLogs", "scope_logs"},
                   {"logRecords", "log_records"},
                   take_log},
    [OTLP_METRICS] = {{"resourceMetrics", "resource_metrics"},
                      {"scopeMetrics", "scope_metrics"},
                      {"metrics", NULL},
                      take_metric},
};

static void take_scope(struct otlp *otlp, enum otlp_signal signal, struct json scope)
{
    otlp->scope = json_str(json_path(scope, "scope.name"));
    struct json_cursor cursor =
        json_iter(member(scope, signals[signal].records[0], signals[signal].records[1]));
    struct json record;
    while (json_next(&cursor, NULL, &record)) {
        if (json_kind(record) == JSON_OBJECT) {
            signals[signal].take(otlp, record);
        } else {
            otlp_reject(otlp, "a record that is no JSON object");
        }
    }
}

bool otlp_json_has(struct json root, enum otlp_signal signal)
{
    CHECK(signal < OTLP_SIGNAL_COUNT);
    return json_kind(member(root, signals[signal].envelopes[0], signals[signal].envelopes[1])) !=
           JSON_ABSENT;
}

enum errc otlp_json_request(struct otlp *otlp, enum otlp_signal signal, struct json root,
                            struct err *err)
{
    CHECK(otlp != NULL);
    CHECK(signal < OTLP_SIGNAL_COUNT);
    if (json_kind(root) != JSON_OBJECT) {
        return err_set(err, ERR_SYNTAX, "the request is not a JSON object");
    }
    const struct json list =
        member(root, signals[signal].envelopes[0], signals[signal].envelopes[1]);
    if (json_kind(list) != JSON_ARRAY && json_kind(list) != JSON_ABSENT) {
        return err_set(err, ERR_SYNTAX, "%s is not an array", signals[signal].envelopes[0]);
    }
    struct json_cursor envelopes = json_iter(list);
    struct json envelope;
    while (json_next(&envelopes, NULL, &envelope)) {
        otlp_begin_record(otlp);
        add_attributes(otlp, json_path(envelope, "resource.attributes"));
        otlp_source(otlp);
        struct json_cursor scopes =
            json_iter(member(envelope, signals[signal].scopes[0], signals[signal].scopes[1]));
        struct json scope;
        while (json_next(&scopes, NULL, &scope)) {
            take_scope(otlp, signal, scope);
        }
    }
    return ERR_OK;
}
