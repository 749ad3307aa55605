/* Protobuf requests -> records. Messages nest as deep as the schema does and no deeper.
 * Source: opentelemetry-proto 1.11, field numbers. */
#include "base/check.h"
#include "wire/otlp_protobuf_priv.h"

/* The text of the last field of that number; none: it stays as it is. */
static enum errc read_text(struct protobuf reader, uint32_t number, struct str *io_text,
                           struct err *err)
{
    CHECK(io_text != NULL);
    struct protobuf_field field;
    enum errc code = ERR_OK;
    while (protobuf_walk(&reader, &field, &code, err)) {
        if (field.number == number) {
            code = protobuf_expect(&field, PROTOBUF_BYTES, err);
            *io_text = field.bytes;
        }
    }
    return code;
}

/* Status and events of a span */

static enum errc read_status(struct otlp *otlp, struct protobuf reader, void *context,
                             struct err *err)
{
    enum { STATUS_CODE_ERROR = 2 };
    CHECK(context == NULL);
    struct protobuf_field field;
    enum errc code = ERR_OK;
    while (protobuf_walk(&reader, &field, &code, err)) {
        if (field.number == 2) {
            code = protobuf_expect(&field, PROTOBUF_BYTES, err);
            otlp->record.message = field.bytes;
        } else if (field.number == 3) {
            code = protobuf_expect(&field, PROTOBUF_VARINT, err);
            otlp->record.is_error = field.value == STATUS_CODE_ERROR;
        }
    }
    return code;
}

static enum errc read_exception(struct otlp *otlp, struct protobuf reader, void *context,
                                struct err *err)
{
    CHECK(context == NULL);
    struct otlp_pair pair;
    const enum errc code = otlp_protobuf_pair(reader, &pair, err);
    if (code == ERR_OK && str_equal(pair.key, STR("exception.type")) &&
        pair.value.type == OTLP_TEXT) {
        otlp->record.exception = pair.value.text;
    }
    return code;
}

static enum errc read_span_event(struct otlp *otlp, struct protobuf reader, void *context,
                                 struct err *err)
{
    CHECK(context == NULL);
    struct str name = {0};
    const enum errc code = read_text(reader, 2, &name, err);
    if (code != ERR_OK) {
        return code;
    }
    otlp->record.tries += str_equal(name, STR("gen_ai.request.attempt"));
    otlp->record.may_decide =
        otlp->record.may_decide || str_find(reader.rest, STR("bursar")) != SIZE_MAX;
    return str_equal(name, STR("exception"))
               ? otlp_protobuf_each(otlp, reader, 3, read_exception, NULL, err)
               : ERR_OK;
}

/* An event of a span that was taken. */
static enum errc read_span_decision(struct otlp *otlp, struct protobuf reader, void *context,
                                    struct err *err)
{
    CHECK(context == NULL);
    const struct protobuf start = reader;
    struct protobuf_field field;
    struct str name = {0};
    int64_t at_ns = TIME_UNKNOWN;
    if (!otlp_begin_span_event(otlp)) {
        return ERR_OK;
    }
    enum errc code = ERR_OK;
    while (protobuf_walk(&reader, &field, &code, err)) {
        if (field.number == 1) {
            code = protobuf_expect(&field, PROTOBUF_FIXED64, err);
            at_ns = otlp_time(field.value);
        } else if (field.number == 2) {
            name = field.bytes;
        }
    }
    code = code == ERR_OK ? otlp_protobuf_each(otlp, start, 3, otlp_protobuf_attribute, NULL, err)
                          : code;
    if (code == ERR_OK) {
        otlp_take_span_event(otlp, name, at_ns);
    }
    return code;
}

/* What a field of a record is, besides attributes. */
enum place_kind {
    PLACE_NONE,
    PLACE_TRACE,
    PLACE_SPAN,
    PLACE_PARENT,
    PLACE_NAME,
    PLACE_START,
    PLACE_END,
    PLACE_ATTRIBUTE,
    PLACE_MESSAGE
};

struct field_rule {
    enum place_kind place;
    enum protobuf_kind kind;
    otlp_message_f message;
};

static void take_id(struct otlp_record *record, struct otlp_id *id, struct str bytes, size_t size,
                    const char *reject)
{
    if (!otlp_id_of_bytes(id, bytes, size)) {
        record->reject = reject;
    }
}

static enum errc take_field(struct otlp *otlp, const struct field_rule *rule,
                            const struct protobuf_field *field, struct err *err)
{
    struct otlp_record *const record = &otlp->record;
    if (rule->place == PLACE_NONE) {
        return ERR_OK;
    }
    const enum errc code = protobuf_expect(field, rule->kind, err);
    if (code != ERR_OK) {
        return code;
    }
    switch (rule->place) {
    case PLACE_TRACE:
        take_id(record, &record->trace, field->bytes, OTLP_TRACE_HEX, "a trace id of a wrong size");
        break;
    case PLACE_SPAN:
        take_id(record, &record->span, field->bytes, OTLP_SPAN_HEX, "a span id of a wrong size");
        break;
    case PLACE_PARENT:
        take_id(record, &record->parent, field->bytes, OTLP_SPAN_HEX,
                "a parent span id of a wrong size");
        break;
    case PLACE_NAME:
        record->name = field->bytes;
        break;
    case PLACE_START:
        record->started_ns = otlp_time(field->value);
        break;
    case PLACE_END:
        record->ended_ns = otlp_time(field->value);
        break;
    case PLACE_ATTRIBUTE:
        return otlp_protobuf_attribute(otlp, protobuf_enter(field), NULL, err);
    case PLACE_MESSAGE:
        return rule->message(otlp, protobuf_enter(field), NULL, err);
    case PLACE_NONE:
        break;
    }
    return ERR_OK;
}

static enum errc read_record(struct otlp *otlp, struct protobuf reader,
                             const struct field_rule *rules, size_t rule_count, struct err *err)
{
    CHECK(rule_count > 1);
    struct protobuf_field field;
    enum errc code = ERR_OK;
    while (protobuf_walk(&reader, &field, &code, err)) {
        if (field.number < rule_count) {
            code = take_field(otlp, &rules[field.number], &field, err);
        }
    }
    return code;
}

static enum errc read_span(struct otlp *otlp, struct protobuf reader, void *context,
                           struct err *err)
{
    static const struct field_rule rules[] = {
        [1] = {PLACE_TRACE, PROTOBUF_BYTES, NULL},
        [2] = {PLACE_SPAN, PROTOBUF_BYTES, NULL},
        [4] = {PLACE_PARENT, PROTOBUF_BYTES, NULL},
        [5] = {PLACE_NAME, PROTOBUF_BYTES, NULL},
        [7] = {PLACE_START, PROTOBUF_FIXED64, NULL},
        [8] = {PLACE_END, PROTOBUF_FIXED64, NULL},
        [9] = {PLACE_ATTRIBUTE, PROTOBUF_BYTES, NULL},
        [11] = {PLACE_MESSAGE, PROTOBUF_BYTES, read_span_event},
        [15] = {PLACE_MESSAGE, PROTOBUF_BYTES, read_status},
    };
    CHECK(context == NULL);
    otlp_begin_record(otlp);
    enum errc code = read_record(otlp, reader, rules, COUNT_OF(rules), err);
    if (code == ERR_OK) {
        otlp_take(otlp, OTLP_TRACES);
    }
    return code == ERR_OK && otlp->record.may_decide
               ? otlp_protobuf_each(otlp, reader, 11, read_span_decision, NULL, err)
               : code;
}

static enum errc read_body(struct otlp *otlp, struct protobuf reader, void *context,
                           struct err *err)
{
    CHECK(context == NULL);
    struct otlp_value value = {0};
    struct protobuf_field list;
    const enum errc code = otlp_protobuf_value(reader, &value, &list, err);
    if (code == ERR_OK && value.type == OTLP_TEXT) {
        otlp->record.body = value.text;
    }
    return code;
}

static enum errc read_log(struct otlp *otlp, struct protobuf reader, void *context, struct err *err)
{
    /* `started_ns` is when it was observed, until the event is taken. */
    static const struct field_rule rules[] = {
        [1] = {PLACE_END, PROTOBUF_FIXED64, NULL},
        [5] = {PLACE_MESSAGE, PROTOBUF_BYTES, read_body},
        [6] = {PLACE_ATTRIBUTE, PROTOBUF_BYTES, NULL},
        [9] = {PLACE_TRACE, PROTOBUF_BYTES, NULL},
        [10] = {PLACE_SPAN, PROTOBUF_BYTES, NULL},
        [11] = {PLACE_START, PROTOBUF_FIXED64, NULL},
        [12] = {PLACE_NAME, PROTOBUF_BYTES, NULL},
    };
    CHECK(context == NULL);
    otlp_begin_record(otlp);
    const enum errc code = read_record(otlp, reader, rules, COUNT_OF(rules), err);
    if (code == ERR_OK) {
        otlp_take(otlp, OTLP_LOGS);
    }
    return code;
}

/* Metrics: name and temporality, then the points of what data there is. */

struct metric {
    struct str name;
    uint64_t temporality;
    uint32_t data; /* 5 gauge, 7 sum, 9 histogram, 10 exponential histogram */
};

static enum errc read_point(struct otlp *otlp, struct protobuf reader, void *context,
                            struct err *err)
{
    enum { CUMULATIVE = 2, DATA_HISTOGRAM = 9, DATA_EXPONENTIAL = 10 };
    const struct metric *const metric = context;
    static const struct field_rule rules[] = {[2] = {PLACE_START, PROTOBUF_FIXED64, NULL},
                                              [3] = {PLACE_END, PROTOBUF_FIXED64, NULL},
                                              [7] = {PLACE_ATTRIBUTE, PROTOBUF_BYTES, NULL}};
    static const struct field_rule histogram[] = {[2] = {PLACE_START, PROTOBUF_FIXED64, NULL},
                                                  [3] = {PLACE_END, PROTOBUF_FIXED64, NULL},
                                                  [9] = {PLACE_ATTRIBUTE, PROTOBUF_BYTES, NULL}};
    static const struct field_rule exponential[] = {[1] = {PLACE_ATTRIBUTE, PROTOBUF_BYTES, NULL},
                                                    [2] = {PLACE_START, PROTOBUF_FIXED64, NULL},
                                                    [3] = {PLACE_END, PROTOBUF_FIXED64, NULL}};
    const bool is_exponential = metric->data == DATA_EXPONENTIAL;
    const bool is_histogram = metric->data == DATA_HISTOGRAM || is_exponential;
    otlp_begin_record(otlp);
    otlp->record.name = metric->name;
    otlp->record.is_cumulative = metric->temporality == CUMULATIVE;
    enum errc code = is_exponential
                         ? read_record(otlp, reader, exponential, COUNT_OF(exponential), err)
                     : is_histogram ? read_record(otlp, reader, histogram, COUNT_OF(histogram), err)
                                    : read_record(otlp, reader, rules, COUNT_OF(rules), err);
    struct protobuf_field field;
    while (protobuf_walk(&reader, &field, &code, err)) {
        if (field.number == (is_histogram ? 5 : 4)) {
            code = protobuf_expect(&field, PROTOBUF_FIXED64, err);
            otlp->record.value = code == ERR_OK ? protobuf_double(&field) : 0;
        } else if (!is_histogram && field.number == 6) {
            code = protobuf_expect(&field, PROTOBUF_FIXED64, err);
            otlp->record.value = (double)(int64_t)field.value;
        }
    }
    if (code == ERR_OK) {
        otlp_take(otlp, OTLP_METRICS);
    }
    return code;
}

static enum errc read_data(struct otlp *otlp, struct protobuf reader, void *context,
                           struct err *err)
{
    struct metric *const metric = context;
    struct protobuf rest = reader;
    struct protobuf_field field;
    enum errc code = ERR_OK;
    while (protobuf_walk(&rest, &field, &code, err)) {
        if (field.number == 2 && metric->data != 5) {
            code = protobuf_expect(&field, PROTOBUF_VARINT, err);
            metric->temporality = field.value;
        }
    }
    return code != ERR_OK ? code : otlp_protobuf_each(otlp, reader, 1, read_point, metric, err);
}

static enum errc read_metric(struct otlp *otlp, struct protobuf reader, void *context,
                             struct err *err)
{
    CHECK(context == NULL);
    struct metric metric = {0};
    enum errc code = read_text(reader, 1, &metric.name, err);
    static const uint32_t read[] = {5, 7, 9, 10};
    for (size_t i = 0; i < COUNT_OF(read) && code == ERR_OK; i++) {
        metric.data = read[i];
        code = otlp_protobuf_each(otlp, reader, read[i], read_data, &metric, err);
    }
    return code;
}

/* Envelopes: the resource and scope of records may stand behind them. */

static enum errc read_scope_name(struct otlp *otlp, struct protobuf reader, void *context,
                                 struct err *err)
{
    CHECK(context == NULL);
    return read_text(reader, 1, &otlp->scope, err);
}

static enum errc read_scope(struct otlp *otlp, struct protobuf reader, void *context,
                            struct err *err)
{
    static const otlp_message_f records[OTLP_SIGNAL_COUNT] = {
        [OTLP_TRACES] = read_span, [OTLP_LOGS] = read_log, [OTLP_METRICS] = read_metric};
    const enum otlp_signal *const signal = context;
    otlp->scope = (struct str){0};
    const enum errc code = otlp_protobuf_each(otlp, reader, 1, read_scope_name, NULL, err);
    return code != ERR_OK ? code : otlp_protobuf_each(otlp, reader, 2, records[*signal], NULL, err);
}

static enum errc read_resource(struct otlp *otlp, struct protobuf reader, void *context,
                               struct err *err)
{
    CHECK(context == NULL);
    return otlp_protobuf_each(otlp, reader, 1, otlp_protobuf_attribute, NULL, err);
}

static enum errc read_envelope(struct otlp *otlp, struct protobuf reader, void *context,
                               struct err *err)
{
    otlp_begin_record(otlp);
    const enum errc code = otlp_protobuf_each(otlp, reader, 1, read_resource, NULL, err);
    if (code != ERR_OK) {
        return code;
    }
    otlp_source(otlp);
    return otlp_protobuf_each(otlp, reader, 2, read_scope, context, err);
}

enum errc otlp_protobuf_request(struct otlp *otlp, enum otlp_signal signal, struct str bytes,
                                struct err *err)
{
    CHECK(otlp != NULL);
    CHECK(signal < OTLP_SIGNAL_COUNT);
    return otlp_protobuf_each(otlp, protobuf_open(bytes), 1, read_envelope, &signal, err);
}
