/* Requests and files of them: begin a batch -> every record -> resolve whose steps they are. */
#include "wire/otlp.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "wire/otlp_priv.h"

void otlp_create(struct otlp **out)
{
    CHECK(out != NULL);
    struct otlp *const otlp = memory_new(struct otlp);
    otlp_keys_init(otlp);
    *out = otlp;
}

void otlp_destroy(struct otlp **otlp)
{
    CHECK(otlp != NULL);
    if (*otlp != NULL) {
        if ((*otlp)->parser != NULL) {
            json_parser_destroy(&(*otlp)->parser);
        }
        if ((*otlp)->details != NULL) {
            json_parser_destroy(&(*otlp)->details);
        }
        regex_matcher_destroy(&(*otlp)->correlator.matcher);
        memory_free(*otlp);
        *otlp = NULL;
    }
}

int64_t otlp_time(uint64_t time_ns)
{
    static const struct {
        int64_t first, after; /* days of 1990-01-01 and 2101-01-01 since the epoch */
    } days = {7305, 47847};
    if (time_ns > (uint64_t)INT64_MAX) {
        return TIME_UNKNOWN;
    }
    const int64_t day = (int64_t)time_ns / CLOCK_NS_PER_DAY;
    return day >= days.first && day < days.after ? (int64_t)time_ns : TIME_UNKNOWN;
}

bool otlp_id_of_bytes(struct otlp_id *out, struct str bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    CHECK(size <= OTLP_TRACE_HEX);
    *out = (struct otlp_id){0};
    if (bytes.size == 0) {
        return true;
    }
    if (bytes.size * 2 != size) {
        return false;
    }
    unsigned char any = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        const unsigned char byte = (unsigned char)bytes.data[i];
        any |= byte;
        out->hex[2 * i] = digits[byte >> 4];
        out->hex[2 * i + 1] = digits[byte & 15];
    }
    out->size = any != 0 ? size : 0;
    return true;
}

bool otlp_id_of_hex(struct otlp_id *out, struct str text, size_t size)
{
    CHECK(size <= OTLP_TRACE_HEX);
    *out = (struct otlp_id){0};
    if (text.size == 0) {
        return true;
    }
    if (text.size != size) {
        return false;
    }
    bool any = false;
    for (size_t i = 0; i < size; i++) {
        char c = text.data[i];
        c = (char)(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
        any = any || c != '0';
        out->hex[i] = c;
    }
    out->size = any ? size : 0;
    return true;
}

void otlp_attribute_add(struct otlp_attributes *attributes, struct str key, struct otlp_value value)
{
    CHECK(attributes != NULL);
    if (attributes->count == OTLP_ATTRIBUTES_MAX) {
        attributes->passed_over++;
        return;
    }
    attributes->rows[attributes->count++] = (struct otlp_attribute){key, value};
}

void otlp_begin(struct otlp *otlp, struct wire_decoder *rows)
{
    CHECK(rows != NULL);
    otlp->rows = rows;
    otlp->batch = (struct otlp_batch){0};
    otlp->scope = (struct str){0};
    otlp->correlator.given_up = 0;
    otlp_context(otlp, (struct str){0});
}

/* Whoever sent it should hear that a value of it was too much for a pattern. */
static void tell_given_up(struct otlp *otlp)
{
    struct otlp_counts *const counts = &otlp->batch.counts;
    if (otlp->correlator.given_up > 0 && counts->message[0] == '\0') {
        const int size = snprintf(counts->message, sizeof counts->message,
                                  "%lld values were too hard for the pattern of a correlation rule",
                                  (long long)otlp->correlator.given_up);
        CHECK(size > 0);
    }
}

void otlp_end(struct otlp *otlp)
{
    CHECK(otlp->rows != NULL);
    otlp_end_meters(otlp);
    otlp_resolve(otlp);
    tell_given_up(otlp);
}

void otlp_begin_record(struct otlp *otlp)
{
    CHECK(otlp != NULL);
    otlp->record = (struct otlp_record){.started_ns = TIME_UNKNOWN, .ended_ns = TIME_UNKNOWN};
    otlp->attributes.count = 0;
    otlp->attributes.passed_over = 0;
}

uint64_t otlp_attribute_hash(const struct otlp_attribute *attribute)
{
    const struct otlp_value *const value = &attribute->value;
    const struct {
        int64_t type, integer;
        double number;
    } facts = {value->type, value->integer, value->number};
    return hash64_of(attribute->key, value->text, (struct str){(const char *)&facts, sizeof facts});
}

uint64_t otlp_attributes_hash(const struct otlp_attributes *attributes)
{
    CHECK(attributes != NULL);
    uint64_t hash = 0;
    for (size_t i = 0; i < attributes->count; i++) {
        hash ^= otlp_attribute_hash(&attributes->rows[i]);
    }
    return hash;
}

/* Which program it is, by what OpenTelemetry's resource conventions name one with: what else a
 * resource says may differ from signal to signal. */
static uint64_t sender_of(const struct otlp_attributes *attributes)
{
    static const struct str names[] = {
        STR_STATIC("service.name"),        STR_STATIC("service.namespace"),
        STR_STATIC("service.instance.id"), STR_STATIC("host.id"),
        STR_STATIC("host.name"),           STR_STATIC("container.id"),
        STR_STATIC("k8s.pod.uid"),         STR_STATIC("k8s.pod.name"),
        STR_STATIC("process.pid")};
    uint64_t hash = 1; /* 0: not known */
    for (size_t i = 0; i < attributes->count; i++) {
        for (size_t k = 0; k < COUNT_OF(names); k++) {
            if (str_equal(attributes->rows[i].key, names[k])) {
                hash ^= otlp_attribute_hash(&attributes->rows[i]);
            }
        }
    }
    return hash;
}

void otlp_source(struct otlp *otlp)
{
    CHECK(otlp->rows != NULL);
    otlp->batch.source = NULL;
    if (otlp->rows->full || otlp->is_check) {
        return;
    }
    struct otlp_source *const source = arena_new(otlp->rows->arena, struct otlp_source, 1);
    if (source == NULL) {
        otlp->rows->full = true;
        return;
    }
    otlp_roles(otlp, &otlp->attributes, OTLP_DIALECT_ANY);
    const struct otlp_facts *const facts = otlp_facts_of(otlp, &otlp->attributes, NULL);
    source->facts = facts != NULL ? *facts : (struct otlp_facts){0};
    source->service = otlp_intern(otlp, otlp_text(otlp, OTLP_ROLE_SERVICE));
    source->version = otlp_intern(otlp, otlp_text(otlp, OTLP_ROLE_VERSION));
    source->hash = otlp_attributes_hash(&otlp->attributes);
    source->told = otlp->told;
    source->bound = otlp->bound;
    source->values = otlp_source_values(otlp);
    source->sender = sender_of(&otlp->attributes);
    otlp->batch.source = source;
}

void otlp_reject(struct otlp *otlp, const char *reason)
{
    CHECK(reason != NULL);
    struct otlp_counts *const counts = &otlp->batch.counts;
    if (counts->rejected == 0) {
        const int size = snprintf(counts->message, sizeof counts->message, "%s", reason);
        CHECK(size > 0);
    }
    counts->rejected++;
    if (!otlp->is_check) {
        wire_reject(otlp->rows, otlp->rows->line, "%s", reason);
    }
}

static const char *refusal_of(const struct otlp *otlp, enum otlp_signal signal)
{
    const struct otlp_record *const record = &otlp->record;
    if (record->reject != NULL) {
        return record->reject;
    }
    if (signal == OTLP_TRACES && (record->trace.size == 0 || record->span.size == 0)) {
        return "a span whose trace id or span id is missing or all zero";
    }
    return signal == OTLP_METRICS ? otlp_point_refusal(otlp) : NULL;
}

void otlp_take(struct otlp *otlp, enum otlp_signal signal)
{
    static void (*const takers[OTLP_SIGNAL_COUNT])(struct otlp *) = {
        [OTLP_TRACES] = otlp_take_span,
        [OTLP_LOGS] = otlp_take_event,
        [OTLP_METRICS] = otlp_take_point,
    };
    CHECK(signal < OTLP_SIGNAL_COUNT);
    otlp->has_span_place = false;
    if (otlp->rows->full || (otlp->batch.source == NULL && !otlp->is_check)) {
        return;
    }
    const char *const refusal = refusal_of(otlp, signal);
    if (refusal != NULL) {
        otlp_reject(otlp, refusal);
        return;
    }
    otlp->batch.counts.accepted++;
    if (!otlp->is_check) {
        otlp_correlate(otlp, signal);
        takers[signal](otlp);
    }
}

static enum errc read_request(struct otlp *otlp, const struct otlp_request *request,
                              struct err *err)
{
    CHECK(request->signal < OTLP_SIGNAL_COUNT);
    CHECK(request->encoding < OTLP_ENCODING_COUNT);
    CHECK(request->readable >= request->bytes.size);
    if (request->bytes.size > OTLP_REQUEST_BYTES_MAX) {
        return err_set(err, ERR_LIMIT, "a request of %zu bytes; at most %d are taken",
                       request->bytes.size, OTLP_REQUEST_BYTES_MAX);
    }
    if (request->bytes.size == 0) {
        return ERR_OK;
    }
    otlp_context(otlp, request->context);
    if (request->encoding == OTLP_PROTOBUF) {
        return otlp_protobuf_request(otlp, request->signal, request->bytes, err);
    }
    if (otlp->parser == NULL) {
        json_parser_create(&otlp->parser, OTLP_REQUEST_BYTES_MAX);
    }
    struct json root;
    const enum errc code = json_parse(otlp->parser, request->bytes, request->readable, &root, err);
    return code != ERR_OK ? code : otlp_json_request(otlp, request->signal, root, err);
}

static enum errc check_room(const struct otlp *otlp, enum errc code, struct err *err)
{
    if (code == ERR_OK && otlp->rows->full) {
        return err_set(err, ERR_LIMIT, "the rows of these requests need more than %zu MiB",
                       otlp->rows->arena->size_max >> 20);
    }
    return code;
}

void otlp_open(struct otlp *otlp, struct arena *arena)
{
    CHECK(otlp != NULL);
    CHECK(otlp->rows == NULL);
    otlp->own = (struct wire_decoder){.arena = arena};
    text_init(&otlp->own.scratch, WIRE_RAW_BYTES_MAX * 4);
    otlp_begin(otlp, &otlp->own);
}

enum errc otlp_add(struct otlp *otlp, const struct otlp_request *request, struct err *err)
{
    CHECK(otlp->rows == &otlp->own);
    return check_room(otlp, read_request(otlp, request, err), err);
}

enum errc otlp_close(struct otlp *otlp, struct trace *out, struct otlp_counts *counts,
                     struct err *err)
{
    CHECK(otlp->rows == &otlp->own);
    CHECK(out != NULL);
    otlp_end(otlp);
    const enum errc code = check_room(otlp, ERR_OK, err);
    if (code == ERR_OK) {
        *out = otlp->own.trace;
        *counts = otlp->batch.counts;
    }
    otlp_abandon(otlp);
    return code;
}

void otlp_abandon(struct otlp *otlp)
{
    CHECK(otlp->rows == &otlp->own);
    text_deinit(&otlp->own.scratch);
    otlp->rows = NULL;
}

enum errc otlp_check(struct otlp *otlp, const struct otlp_request *request, struct arena *arena,
                     struct otlp_counts *counts, struct err *err)
{
    CHECK(counts != NULL);
    otlp_open(otlp, arena);
    otlp->is_check = true;
    const enum errc code = otlp_add(otlp, request, err);
    otlp->is_check = false;
    if (code == ERR_OK) {
        *counts = otlp->batch.counts;
    }
    otlp_abandon(otlp);
    return code;
}

enum errc otlp_decode(struct otlp *otlp, const struct otlp_request *request, struct arena *arena,
                      struct trace *out, struct otlp_counts *counts, struct err *err)
{
    CHECK(out != NULL);
    CHECK(counts != NULL);
    otlp_open(otlp, arena);
    const enum errc code = otlp_add(otlp, request, err);
    if (code != ERR_OK) {
        otlp_abandon(otlp);
        return code;
    }
    return otlp_close(otlp, out, counts, err);
}
